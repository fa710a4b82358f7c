//! Images: what a server wants kept at a gateway, the web it comes from, the files it is kept in, and devices that read it.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use dm_syncml::Command;
use gwmo_model::console::Console;
use gwmo_model::{
    AddressName, BlobNo, ByteRange, ContentDigest, Gateway, GroupId, ImageKey, ImageSpec, Images,
    ImagesOutput, Scope,
};
use sha2::{Digest as _, Sha256};

use super::chores::Chore;
use super::place::{Packet, Place, SECOND, device_id, server_id};
use super::town::Town;

/// What stands for the address of the image in a command.
pub(super) const PLACEHOLDER: &str = "@image@";

/// How an image comes to a gateway.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// The server sends it.
    Delivered,
    /// The gateway fetches it.
    Fetched,
}

/// Why an image never comes to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Flaw {
    /// Its digest is another one.
    Digest,
    /// It is larger than any may be.
    Size,
    /// The policy of the gateway does not let it be fetched.
    Forbidden,
}

/// An image of a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Picture {
    pub(super) key: ImageKey,
    pub(super) content: Vec<u8>,
    pub(super) way: Way,
    pub(super) flaw: Option<Flaw>,
}

/// Octets of the largest image that a gateway keeps, and of all.
pub(super) const MAX_IMAGE: u64 = 8 << 10;
pub(super) const QUOTA: u64 = 14 << 10;

impl Picture {
    pub(super) fn new(rng: &mut fastrand::Rng, gateway: u16, number: u32) -> Self {
        let way = if rng.bool() { Way::Delivered } else { Way::Fetched };
        let flaw = match (rng.u8(0..12), way) {
            (0, _) => Some(Flaw::Digest),
            (1, _) => Some(Flaw::Size),
            (2, Way::Fetched) => Some(Flaw::Forbidden),
            _ => None,
        };
        let len = if flaw == Some(Flaw::Size) { MAX_IMAGE as usize + 1 } else { rng.usize(100..8000) };
        // Two jobs may want the same content under two names.
        let (len, first) = if rng.bool() { (len, rng.u8(..)) } else { (len.max(2000), gateway as u8) };
        let content = (0..len).map(|at| first.wrapping_add((at % 251) as u8)).collect();
        let key = ImageKey::new(&format!("I{gateway}-{number}")).expect("letters and digits");
        Self { key, content, way, flaw }
    }

    pub(super) fn digest(&self) -> ContentDigest {
        digest_of(&self.content)
    }

    fn url(&self) -> String {
        let host = if self.flaw == Some(Flaw::Forbidden) { "inside" } else { "cdn.example" };
        format!("http://{host}/{}", self.key.as_str())
    }

    /// The commands that bring it to the gateway.
    pub(super) fn commands(&self, console: &Console) -> Vec<Command<'static>> {
        let digest = match self.flaw {
            Some(Flaw::Digest) => digest_of(b"something else"),
            _ => self.digest(),
        };
        let everybody = Scope::default().with_group(GroupId::new("*").expect("everybody"));
        let spec = ImageSpec::new().with_digest(digest).with_scope(everybody);
        let spec = if self.way == Way::Fetched { spec.with_source(&self.url()) } else { spec };
        let mut commands = console.add_image(&self.key, &spec);
        commands.push(match self.way {
            Way::Delivered => console.deliver_image(&self.key, self.content.clone()),
            Way::Fetched => console.fetch_image(&self.key),
        });
        commands
    }
}

pub(super) fn digest_of(octets: &[u8]) -> ContentDigest {
    ContentDigest::new(Sha256::digest(octets).into())
}

/// The files of a gateway. They survive when it stops.
#[derive(Default)]
pub(super) struct Files {
    blobs: BTreeMap<BlobNo, Vec<u8>>,
    /// Content that was there as a whole, checked and said so. It is not fetched again while its file is there.
    kept: BTreeMap<ContentDigest, BlobNo>,
    /// Every address that was ever given out, and what is found there.
    pub(super) addresses: BTreeMap<String, ContentDigest>,
    /// The addresses that are given out now.
    published: BTreeSet<String>,
    /// How many whole contents came from the web.
    pub(super) fetched: u32,
}

impl Files {
    fn write(&mut self, blob: BlobNo, offset: u64, octets: &[u8]) {
        let file = self.blobs.entry(blob).or_default();
        file.resize(usize::try_from(offset).unwrap_or(usize::MAX), 0);
        file.extend_from_slice(octets);
    }

    /// The gateway begins again: it gives out what it has anew.
    pub(super) fn restart(&mut self) {
        self.published.clear();
    }
}

impl Town {
    fn tell_images(&mut self, gateway: u16, report: impl FnOnce(&mut Images, dm_syncml::Instant)) {
        let now = self.network.now();
        let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return };
        let clock = site.clock(now);
        if let Some(machine) = &mut site.gateway {
            machine.handle_images(clock, report);
        }
    }

    /// What a gateway wants done for its images. What takes its time is done later, if the gateway is there then.
    pub(super) fn image_output(&mut self, gateway: u16, output: ImagesOutput) {
        match output {
            ImagesOutput::AuthorizeFetch { blob, url, .. } => {
                let may = url.starts_with("http://cdn.example/");
                self.tell_images(gateway, |images, now| match may {
                    true => images.handle_fetch_allowed(now, blob),
                    false => images.handle_fetch_denied(now, blob),
                });
            }
            ImagesOutput::FetchUrl { blob, url, resume_from, max } => {
                let picture = self.picture(&url);
                let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return };
                // Where the server named another digest, nobody can know before it is here.
                let known = picture.as_ref().filter(|picture| picture.flaw != Some(Flaw::Digest));
                let digest = known.map(Picture::digest);
                if digest.is_some_and(|digest| site.files.kept.contains_key(&digest)) {
                    return self.violation(format!("gateway {gateway} fetches {url}, which it has"));
                }
                let after = Duration::from_millis(self.rng.u64(100..20_000));
                self.later(gateway, after, Chore::Fetch { blob, url: url.into(), from: resume_from, max });
            }
            ImagesOutput::CancelFetch { blob } => {
                if let Some(site) = self.sites.get_mut(usize::from(gateway)) {
                    site.chores
                        .retain(|(_, chore)| !matches!(chore, Chore::Fetch { blob: of, .. } if *of == blob));
                }
            }
            ImagesOutput::HashRequest { blob, len } => {
                let after = Duration::from_millis(self.rng.u64(1..3_000));
                self.later(gateway, after, Chore::Hash { blob, len });
            }
            ImagesOutput::Publish { blob, uri, .. } => self.published(gateway, blob, uri.to_string()),
            ImagesOutput::Drop { blob } => {
                if let Some(site) = self.sites.get_mut(usize::from(gateway)) {
                    site.files.blobs.remove(&blob);
                    site.files.kept.retain(|_, kept| *kept != blob);
                    site.chores.retain(|(_, chore)| chore.blob() != Some(blob));
                }
                self.tell_images(gateway, |images, now| images.handle_dropped(now, blob));
            }
            ImagesOutput::Unpublish { image } => {
                if let Some(site) = self.sites.get_mut(usize::from(gateway)) {
                    let is_of = |uri: &String| name_of(uri).is_some_and(|name| name.image() == image);
                    site.files.published.retain(|uri| !is_of(uri));
                }
            }
            ImagesOutput::ChunkStored { .. } => {}
            other => self.violation(format!("gateway {gateway} wants {other:?}")),
        }
    }

    /// The server sent a part of an image.
    pub(super) fn store_image(&mut self, gateway: u16, blob: BlobNo, offset: u64, octets: &[u8]) {
        let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return };
        site.files.write(blob, offset, octets);
        let end = offset + octets.len() as u64;
        self.tell_images(gateway, |images, now| images.handle_stored(now, blob, end));
    }

    /// Some of a download comes: all of it, or so much that it goes on from there.
    pub(super) fn fetch(&mut self, gateway: u16, blob: BlobNo, url: &str, from: u64, max: u64) {
        let Some(picture) = self.picture(url) else {
            return self.tell_images(gateway, |images, now| images.handle_fetch_failed(now, blob, true));
        };
        let breaks = self.is_stormy() && self.rng.u8(0..3) == 0;
        let from = usize::try_from(from).unwrap_or(usize::MAX).min(picture.content.len());
        let rest = &picture.content[from..];
        let rest = if breaks { &rest[..self.rng.usize(0..=rest.len() / 2)] } else { rest };
        let room = usize::try_from(max).unwrap_or(usize::MAX).saturating_sub(from);
        let fits = &rest[..rest.len().min(room)];
        let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return };
        site.files.write(blob, from as u64, fits);
        site.files.fetched += u32::from(!breaks);
        let len = (from + fits.len()) as u64;
        let is_too_long = fits.len() < rest.len();
        self.tell_images(gateway, |images, now| match (breaks, is_too_long) {
            (_, true) => images.handle_fetched(now, blob, len + 1),
            (true, _) => {
                images.handle_fetched(now, blob, len);
                images.handle_fetch_failed(now, blob, false);
            }
            (false, _) => images.handle_fetch_ended(now, blob, len),
        });
    }

    pub(super) fn hash(&mut self, gateway: u16, blob: BlobNo, len: u64) {
        let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return };
        let file = site.files.blobs.get(&blob).map_or(&[][..], Vec::as_slice);
        let Some(whole) = usize::try_from(len).ok().and_then(|len| file.get(..len)) else {
            let has = file.len();
            return self.violation(format!("gateway {gateway} has {has} of {len} octets of {blob:?}"));
        };
        let digest = digest_of(whole);
        self.tell_images(gateway, |images, now| images.handle_digest(now, blob, digest));
    }

    /// An address is given out: what is there is what its server meant.
    fn published(&mut self, gateway: u16, blob: BlobNo, uri: String) {
        let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return };
        let Some(name) = name_of(&uri) else { return };
        let file = site.files.blobs.get(&blob).map_or(&[][..], Vec::as_slice);
        let digest = digest_of(file);
        let key = site.gateway.as_mut().and_then(|machine: &mut Gateway| {
            let image = name.image();
            machine
                .handle_images(site_clock(), |images, _| images.image(image).map(|view| view.key().clone()))
        });
        let meant = self.plan.jobs.iter().filter(|job| job.gateway == gateway).find_map(|job| {
            let picture = job.picture.as_ref()?;
            (Some(&picture.key) == key.as_ref()).then_some(picture)
        });
        if meant.is_none_or(|picture| picture.flaw.is_some() || picture.digest() != digest) {
            return self
                .violation(format!("gateway {gateway} gives out {uri} with other content than {key:?}"));
        }
        site.files.kept.insert(digest, blob);
        site.files.addresses.insert(uri.clone(), digest);
        site.files.published.insert(uri);
    }

    fn picture(&self, url: &str) -> Option<Picture> {
        self.plan
            .jobs
            .iter()
            .filter_map(|job| job.picture.as_ref())
            .find(|picture| picture.url() == url)
            .cloned()
    }

    /// A device asks for an image.
    pub(super) fn pulled(&mut self, gateway: u16, device: u32, uri: String) {
        let now = self.network.now();
        let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return };
        let clock = site.clock(now);
        let Some(machine) = &mut site.gateway else { return };
        let Some(serial) = machine.inventory().serial_of(&device_id(device)) else { return };
        let Some(name) = name_of(&uri) else { return };
        // It may be gone by now.
        let Ok(serve) = machine.handle_image_request(clock, serial, &name, ByteRange::All) else { return };
        let file = site.files.blobs.get(&serve.blob);
        let octets = file.and_then(|file| file.get(serve.range.start as usize..serve.range.end as usize));
        let octets = octets.map(<[u8]>::to_vec);
        machine.handle_images(clock, |images, now| images.handle_served(now, serve.number, octets.is_some()));
        match octets {
            Some(octets) => {
                let packet = Packet::Octets { uri, octets };
                self.network.send(Place::Gateway(gateway), Place::Device(device), packet);
            }
            None => self.violation(format!("gateway {gateway} has no octets of {uri}")),
        }
    }

    /// A device looks for the addresses of images that it was given.
    pub(super) fn look_for_images(&mut self, number: u32, gateway: u16) {
        let jobs = self.plan.jobs.iter().filter(|job| job.gateway == gateway && job.picture.is_some());
        let leaves: Vec<String> = jobs.map(|job| super::jobs::image_leaf_of(job.key.as_str())).collect();
        let Some(device) = self.device(number) else { return };
        for leaf in leaves {
            if let Some(uri) = device.read(&leaf)
                && !device.flash.images.contains_key(&uri)
            {
                device.flash.images.insert(uri, (gateway, None));
            }
        }
    }

    /// It asks for those that it has not read yet.
    pub(super) fn ask_for_images(&mut self, number: u32) {
        let Some(device) = self.device(number) else { return };
        let home = device.flash.home;
        let open = device.flash.images.iter().filter(|(_, (of, got))| *of == home && got.is_none());
        let open: Vec<String> = open.map(|(uri, _)| uri.clone()).collect();
        for uri in open {
            self.network.send(Place::Device(number), Place::Gateway(home), Packet::Pull { uri });
        }
    }

    /// What the addresses in the trees of devices are, and what devices have read there.
    pub(super) fn judge_images(&self) -> Vec<String> {
        let mut found = Vec::new();
        for device in &self.devices {
            for (uri, (gateway, got)) in &device.flash.images {
                let Some(site) = self.sites.get(usize::from(*gateway)) else { continue };
                let says = |what: &str| format!("device {}: {uri}: {what}", device.number);
                let Some(digest) = site.files.addresses.get(uri) else {
                    found.push(says("is no address of an image"));
                    continue;
                };
                match got {
                    Some(got) if got != digest => found.push(says("other octets came")),
                    None if *gateway == device.flash.home && site.files.published.contains(uri) => {
                        found.push(says("was never served"));
                    }
                    _ => {}
                }
            }
        }
        for site in &self.sites {
            let Some(machine) = &site.gateway else { continue };
            let pending = machine.outbox().pending(&server_id()).count();
            let total: usize = site.files.blobs.values().map(Vec::len).sum();
            if total as u64 > QUOTA {
                found.push(format!("gateway {}: {total} octets of images, {pending} alerts", site.number));
            }
        }
        found
    }
}

/// The last segment of an address.
fn name_of(uri: &str) -> Option<AddressName> {
    AddressName::parse(uri.rsplit('/').next()?)
}

/// Looking needs no time.
const fn site_clock() -> dm_syncml::Instant {
    dm_syncml::Instant::EPOCH
}

/// How long an attempt to fetch waits for the next.
pub(super) const FETCH_WAIT: Duration = Duration::from_secs(5 * SECOND.as_secs());
