//! Images through the whole gateway: what a server gives, what a runtime fetches and stores, what devices read (GwMO-DCIS-001 to 003, use
//! case B.8).

use std::collections::{BTreeMap, BTreeSet};

use gwmo_model::console::{GatewayAlert, ImageStatus, JobRequest, OpRequest};
use gwmo_model::mo::ImagesSlot;
use gwmo_model::{
    AddressName, BlobNo, ByteRange, ContentDigest, GatewayOutput, ImageKey, ImageSpec, ImageState,
    ImagesOutput, Policy, ResultCode, Scope, ServeRefusal, StoragePolicy, TargetState,
};

use crate::objects::{add, set};
use crate::town::requests::*;
use crate::town::{MINUTE, Town, device_id, serial, server_id};

const URL: &str = "https://vendor.example/fw.bin";

/// Stands in for SHA-256, which is the program's business.
fn digest_of(octets: &[u8]) -> ContentDigest {
    let fnv = |start: u64| {
        octets.iter().fold(start, |hash, &o| (hash ^ u64::from(o)).wrapping_mul(0x0100_0000_01b3))
    };
    let mut digest = [0; 32];
    for (part, chunk) in (1_u64..).zip(digest.chunks_mut(8)) {
        chunk.copy_from_slice(&fnv(0xcbf2_9ce4_8422_2325_u64.wrapping_mul(part)).to_be_bytes());
    }
    ContentDigest::new(digest)
}

fn name(text: &str) -> ImageKey {
    ImageKey::new(text).unwrap()
}

/// What a gateway's program does for images: it fetches, stores, and hands out.
#[derive(Default)]
struct Runtime {
    /// What is where.
    web: BTreeMap<String, Vec<u8>>,
    disk: BTreeMap<BlobNo, Vec<u8>>,
    /// Octets that were fetched.
    upstream: usize,
    /// Addresses it was asked about, and those it fetched.
    asked: Vec<String>,
    fetched: Vec<String>,
    /// Whether it fetches nothing but what the owner of the gateway knows.
    is_strict: bool,
}

impl Runtime {
    fn with_page(octets: &[u8]) -> Self {
        Self { web: BTreeMap::from([(URL.to_owned(), octets.to_vec())]), ..Self::default() }
    }

    /// Does what the gateway wants, until it wants nothing more.
    fn work(&mut self, town: &mut Town) {
        loop {
            town.drain_gateway();
            let wanted = std::mem::take(&mut town.asked);
            if wanted.is_empty() {
                return;
            }
            wanted.into_iter().for_each(|output| self.perform(town, output));
        }
    }

    fn perform(&mut self, town: &mut Town, output: GatewayOutput) {
        let now = town.now();
        let images = &mut town.gateway;
        match output {
            GatewayOutput::StoreImage { blob, offset, octets } => {
                let file = self.disk.entry(blob).or_default();
                file.truncate(usize::try_from(offset).unwrap());
                file.extend_from_slice(&octets);
                let len = file.len() as u64;
                images.handle_images(now, |images, now| images.handle_stored(now, blob, len));
            }
            GatewayOutput::Image(ImagesOutput::AuthorizeFetch { blob, url, .. }) => {
                self.asked.push(url.to_string());
                let is_denied = self.is_strict && !url.starts_with("https://vendor.example/");
                images.handle_images(now, |images, now| match is_denied {
                    true => images.handle_fetch_denied(now, blob),
                    false => images.handle_fetch_allowed(now, blob),
                });
            }
            GatewayOutput::Image(ImagesOutput::FetchUrl { blob, url, .. }) => {
                self.fetched.push(url.to_string());
                match self.web.get(&*url) {
                    Some(octets) => {
                        self.upstream += octets.len();
                        self.disk.insert(blob, octets.clone());
                        let len = octets.len() as u64;
                        images.handle_images(now, |images, now| images.handle_fetch_ended(now, blob, len));
                    }
                    None => {
                        images.handle_images(now, |images, now| images.handle_fetch_failed(now, blob, true))
                    }
                }
            }
            GatewayOutput::Image(ImagesOutput::HashRequest { blob, .. }) => {
                let digest = digest_of(&self.disk[&blob]);
                images.handle_images(now, |images, now| images.handle_digest(now, blob, digest));
            }
            GatewayOutput::Image(ImagesOutput::Drop { blob }) => {
                self.disk.remove(&blob);
                images.handle_images(now, |images, now| images.handle_dropped(now, blob));
            }
            GatewayOutput::Image(_) => {}
            other => panic!("{other:?}"),
        }
    }

    /// A device reads what is at an address.
    fn read(&self, town: &mut Town, number: u32, address: &str) -> Result<Vec<u8>, ServeRefusal> {
        let segment = address.rsplit('/').next().unwrap();
        let name = AddressName::parse(segment).ok_or(ServeRefusal::UnknownAddress)?;
        let now = town.now();
        let serve = town.gateway.handle_image_request(now, serial(number), &name, ByteRange::All)?;
        let octets = self.disk[&serve.blob].clone();
        assert_eq!(octets.len() as u64, serve.len);
        town.gateway.handle_images(now, |images, now| images.handle_served(now, serve.number, true));
        town.drain_gateway();
        Ok(octets)
    }
}

/// A town whose first server may change settings, with randomness for the addresses of some images.
fn town(devices: u32) -> Town {
    let mut town = Town::with_devices(1, devices);
    town.gateway.handle_administrator(town.now(), &server_id("dms.a")).unwrap();
    for number in 0..8_u8 {
        town.gateway.handle_entropy(town.now(), [0x40 + number; 16]);
    }
    town.run_for(10 * MINUTE);
    town
}

fn image(town: &mut Town, key: &ImageKey) -> ImageStatus {
    let items = town.ask(0, vec![console().get_image(key)]);
    console().read_image(key, &items).unwrap()
}

fn source(content: &[u8]) -> ImageSpec {
    ImageSpec::new().with_source(URL).with_digest(digest_of(content))
}

/// Tells devices where to load an image from.
fn download(job: &str, image: &ImageKey) -> JobRequest {
    let operation = OpRequest::new(replace_text("./Vendor/SwV", "%IMG%")).with_image("%IMG%", image.clone());
    JobRequest::new(key(job)).with_group(group("*")).with_operation(operation)
}

/// The server names the source, has it fetched, hears where it is, and tells the devices, each of which reads it here; what two images
/// have in common is fetched once and stored once.
#[test]
fn gwmo_dcis_002_and_use_case_b_8_a_megabyte_for_fifty_devices_is_fetched_once() {
    const DEVICES: u32 = 50;
    let content = vec![7; 1 << 20];
    let (mut town, mut runtime) = (town(DEVICES), Runtime::with_page(&content));
    let (one, two) = (name("one"), name("two"));
    for key in [&one, &two] {
        town.ask(0, console().add_image(key, &source(&content)));
        town.ask(0, vec![console().fetch_image(key)]);
    }
    assert_eq!(image(&mut town, &two).state, ImageState::Downloading);
    runtime.work(&mut town);
    town.run_for(10 * MINUTE);
    assert_eq!((&runtime.asked[..], &runtime.fetched[..]), (&[URL.to_owned()][..], &[URL.to_owned()][..]));
    let used =
        |town: &mut Town| console().read_storage(&town.ask(0, vec![console().get_storage()])).unwrap().used;
    assert_eq!((used(&mut town), runtime.disk.len()), (1 << 20, 1));
    let addresses = [&one, &two].map(|key| image(&mut town, key).uri.unwrap());
    assert_ne!(addresses[0], addresses[1]);
    let ready = town.alerts(0).into_iter().filter_map(|alert| match alert {
        GatewayAlert::ImageReady { uri, .. } => Some(uri),
        _ => None,
    });
    let ready: Vec<_> = ready.collect();
    assert!(addresses.iter().all(|address| ready.contains(address)), "{ready:?}");

    // Each device loads it as soon as it is told where it is.
    let mut loaded = BTreeSet::new();
    let mut commands = console().add_job(&download("J", &two));
    commands.push(console().start_job(&key("J"), None));
    town.ask(0, commands);
    while loaded.len() < DEVICES as usize {
        for number in (1..=DEVICES).filter(|number| !loaded.contains(number)).collect::<Vec<_>>() {
            let told = town.device(number).read("./Vendor/SwV");
            if told == addresses[1] {
                assert_eq!(runtime.read(&mut town, number, &told).as_ref(), Ok(&content));
                loaded.insert(number);
            }
        }
        assert!(town.step(), "{loaded:?}");
    }
    town.run_for(10 * MINUTE);
    assert_eq!(status(&mut town, "J").counters.ok, DEVICES);
    assert_eq!((image(&mut town, &one).pulls, image(&mut town, &two).pulls), (0, DEVICES.into()));
    assert_eq!(runtime.upstream, 1 << 20, "whatever devices read");
    // One of the two goes, the content stays for the other; with that it goes.
    town.ask(0, vec![console().remove_image(&one)]);
    runtime.work(&mut town);
    assert_eq!((runtime.disk.len(), used(&mut town)), (1, 1 << 20));
    town.ask(0, vec![console().remove_image(&two)]);
    runtime.work(&mut town);
    assert_eq!((runtime.disk.len(), used(&mut town)), (0, 0));
}

/// The digest of what another server had stored does not open it: who gives neither the content nor a source has nothing.
#[test]
fn gwmo_dcis_002_a_server_gets_nothing_for_a_digest() {
    let content = b"the firmware".to_vec();
    let (mut town, mut runtime) = (town(1), Runtime::with_page(&content));
    town.ask(0, console().add_image(&name("mine"), &source(&content)));
    town.ask(0, vec![console().fetch_image(&name("mine"))]);
    runtime.work(&mut town);
    let guess = ImageSpec::new().with_digest(digest_of(&content));
    let codes = town.codes(1, console().add_image(&name("guess"), &guess));
    assert!(codes.iter().all(|code| code / 100 == 2), "{codes:?}");
    assert_eq!(town.codes(1, vec![console().fetch_image(&name("guess"))])[0] / 100, 4);
    // With the content it has it, and it is stored once.
    town.ask(1, vec![console().deliver_image(&name("guess"), content)]);
    runtime.work(&mut town);
    assert_eq!((runtime.disk.len(), runtime.fetched.len()), (1, 1));
}

/// Storing is switched off: nothing is added, nothing is fetched, and devices are sent to the source.
#[test]
fn gwmo_dcis_003_a_server_forbids_storing() {
    let content = b"the firmware".to_vec();
    let (mut town, mut runtime) = (town(2), Runtime::with_page(&content));
    town.ask(0, console().add_image(&name("fw"), &source(&content)));
    town.ask(0, console().add_image(&name("bare"), &ImageSpec::new().with_digest(digest_of(&content))));
    let policy = StoragePolicy::default();
    town.ask(0, vec![console().set_storage(&policy.with_enabled(false))]);
    let codes = town.codes(0, console().add_image(&name("new"), &source(&content)));
    assert_eq!(codes[0], 405, "{codes:?}");
    let refused = vec![console().fetch_image(&name("fw")), console().deliver_image(&name("bare"), content)];
    assert_eq!(town.codes(0, refused), [405, 405]);
    // A job that names an image without a source cannot do without it.
    let mut commands = console().add_job(&download("B", &name("bare")));
    commands.push(console().start_job(&key("B"), None));
    assert_eq!(town.codes(0, commands).last(), Some(&406));
    launch(&mut town, download("J", &name("fw")), "J");
    runtime.work(&mut town);
    town.run_for(10 * MINUTE);
    assert_eq!(status(&mut town, "J").counters.ok, 2);
    assert_eq!([1, 2].map(|number| town.device(number).read("./Vendor/SwV")), [URL, URL]);
    assert_eq!((runtime.asked.len(), runtime.disk.len()), (0, 0));

    // Switched on again, it is fetched, and devices are sent here; switched off, what nobody uses goes.
    town.ask(0, vec![console().set_storage(&policy)]);
    town.ask(0, vec![console().fetch_image(&name("fw"))]);
    runtime.work(&mut town);
    let address = image(&mut town, &name("fw")).uri.unwrap();
    launch(&mut town, download("K", &name("fw")), "K");
    town.run_for(10 * MINUTE);
    assert_eq!(town.device(1).read("./Vendor/SwV"), address);
    town.ask(0, vec![console().set_storage(&policy.with_enabled(false))]);
    runtime.work(&mut town);
    assert_eq!((runtime.disk.len(), image(&mut town, &name("fw")).uri), (0, None));
    assert!(runtime.read(&mut town, 1, &address).is_err());
    assert_eq!(town.codes(1, vec![console().set_storage(&policy)]), [425], "not everybody may");
}

/// One image is not to be stored; the others are.
#[test]
fn gwmo_dcis_003_one_image_is_not_to_be_stored() {
    let content = b"the firmware".to_vec();
    let (mut town, mut runtime) = (town(1), Runtime::with_page(&content));
    town.ask(0, console().add_image(&name("far"), &source(&content).with_cacheable(false)));
    town.ask(0, console().add_image(&name("near"), &source(&content)));
    assert_eq!(
        town.codes(0, ["far", "near"].map(|key| console().fetch_image(&name(key))).to_vec()),
        [405, 202]
    );
    runtime.work(&mut town);
    let near = image(&mut town, &name("near")).uri.unwrap();
    for (job, key, expected) in [("F", "far", URL), ("N", "near", &near)] {
        launch(&mut town, download(job, &name(key)), job);
        town.run_for(10 * MINUTE);
        assert_eq!(
            (status(&mut town, job).counters.ok, &*town.device(1).read("./Vendor/SwV")),
            (1, expected)
        );
    }
    // What was stored and may not be any more goes.
    town.ask(0, vec![set(ImagesSlot::Cacheable, &["near"], "false")]);
    runtime.work(&mut town);
    assert_eq!((runtime.disk.len(), image(&mut town, &name("near")).uri), (0, None));
}

/// An address is known to those who are told; who guesses gets nothing, nor does who is told and not meant.
#[test]
fn gwmo_dcis_001_an_address_nobody_can_guess() {
    let content = b"the firmware".to_vec();
    let (mut town, mut runtime) = (town(2), Runtime::with_page(&content));
    let mut addresses = Vec::new();
    for number in 0..3 {
        let scope = Scope::default().with_device(device_id(1));
        let key = name(&format!("fw{number}"));
        town.ask(0, console().add_image(&key, &source(&content).with_scope(scope)));
        town.ask(0, vec![console().fetch_image(&key)]);
        runtime.work(&mut town);
        addresses.push(image(&mut town, &key).uri.unwrap());
    }
    let secret = |address: &String| address.rsplit('-').next().unwrap().to_owned();
    let secrets: BTreeSet<_> = addresses.iter().map(secret).collect();
    assert_eq!(secrets.len(), 3);
    assert!(secrets.iter().all(|secret| secret.len() == 32), "{secrets:?}");
    assert_eq!(runtime.read(&mut town, 1, &addresses[0]).as_ref(), Ok(&content));
    assert_eq!(runtime.read(&mut town, 2, &addresses[0]), Err(ServeRefusal::OutOfScope));
    // One octet beside it, another image's secret, another number: nothing is there.
    let [first, second, _] = &addresses[..] else { panic!() };
    for at in first.len() - 32..first.len() {
        let mut guess = first.clone();
        guess.replace_range(at..=at, if &guess[at..=at] == "0" { "1" } else { "0" });
        assert_eq!(runtime.read(&mut town, 1, &guess), Err(ServeRefusal::UnknownAddress), "{guess}");
    }
    let mixed = first.replace(&secret(first), &secret(second));
    assert_eq!(runtime.read(&mut town, 1, &mixed), Err(ServeRefusal::UnknownAddress));
    // Without randomness there is no address.
    for number in 0..8 {
        let codes = town.codes(0, vec![add(ImagesSlot::Image, &[&format!("more{number}")], None)]);
        assert_eq!(codes, [if number < 5 { 200 } else { 417 }], "{number}");
    }
    let shown = format!("{:?} {:?} {:?}", town.gateway, town.events, town.records());
    assert!(secrets.iter().all(|secret| !shown.contains(secret)), "nobody reads it in a log");
}

/// What there is no room for is refused; what a job uses stays, what nobody uses makes way.
#[test]
fn gwmo_dcis_001_a_quota_is_kept() {
    let (mut town, mut runtime) = (town(1), Runtime::default());
    let policy = StoragePolicy::default().with_quota(64 << 10).with_max_image(48 << 10);
    town.ask(0, vec![console().set_storage(&policy)]);
    let octets = |number: u8, kilobytes: usize| vec![number; kilobytes << 10];
    let deliver = |town: &mut Town, runtime: &mut Runtime, key: &str, octets: &[u8]| {
        let spec = ImageSpec::new().with_digest(digest_of(octets));
        town.ask(0, console().add_image(&name(key), &spec));
        let code = town.codes(0, vec![console().deliver_image(&name(key), octets.to_vec())])[0];
        runtime.work(town);
        code
    };
    assert_eq!(deliver(&mut town, &mut runtime, "huge", &octets(1, 49)), 413);
    assert_eq!(deliver(&mut town, &mut runtime, "used", &octets(2, 40)), 200);
    // A job that is not over uses it.
    town.device(1).off = true;
    let job = download("J", &name("used")).with_policy(Policy::default().with_t_notify(MINUTE));
    let mut commands = console().add_job(&job);
    commands.push(console().start_job(&key("J"), None));
    town.ask(0, commands);
    assert_eq!(deliver(&mut town, &mut runtime, "late", &octets(3, 40)), 420);
    assert_eq!(town.codes(0, vec![console().remove_image(&name("used"))]), [405]);
    town.run_for(60 * MINUTE);
    assert_eq!(town.codes(0, vec![console().deliver_image(&name("late"), octets(3, 40))]), [200]);
    runtime.work(&mut town);
    assert_eq!(image(&mut town, &name("used")).state, ImageState::Evicted);
    assert_eq!(image(&mut town, &name("late")).state, ImageState::Ready);
    assert!(runtime.disk.values().map(Vec::len).sum::<usize>() <= 64 << 10);
}

/// No address that a server names is fetched before the owner of the gateway was asked; a job that waits for it is told.
#[test]
fn gwmo_dcis_001_the_owner_says_what_is_fetched() {
    let content = b"the firmware".to_vec();
    let (mut town, mut runtime) = (town(2), Runtime::with_page(&content));
    runtime.is_strict = true;
    let inside = "http://192.168.1.1/admin";
    runtime.web.insert(inside.to_owned(), content.clone());
    let spec = ImageSpec::new().with_source(inside).with_digest(digest_of(&content));
    for (job, key, spec) in [("I", "inside", spec), ("O", "outside", source(&content))] {
        town.ask(0, console().add_image(&name(key), &spec));
        town.ask(0, vec![console().fetch_image(&name(key))]);
        // It waits for its image.
        let mut commands = console().add_job(&download(job, &name(key)));
        commands.push(console().start_job(&self::key(job), None));
        town.ask(0, commands);
        assert_eq!(town.gateway.fanout().in_flight(), 0);
        runtime.work(&mut town);
        town.run_for(10 * MINUTE);
    }
    assert_eq!(runtime.asked, [inside, URL]);
    assert_eq!(runtime.fetched, [URL]);
    let failed = image(&mut town, &name("inside"));
    assert_eq!((failed.state, failed.result), (ImageState::Failed, Some(ResultCode::CACHING_FORBIDDEN)));
    let told =
        |alert: &GatewayAlert| matches!(alert, GatewayAlert::ImageFailed { code, .. } if code.get() == 1417);
    assert!(town.alerts(0).iter().any(told), "{:?}", town.alerts(0));
    let of = |town: &mut Town, job| status(town, job).counters;
    assert_eq!(of(&mut town, "O").ok, 2);
    assert_eq!(of(&mut town, "I").ok, 0);
    assert!(records(&mut town, "I").iter().all(|record| record.state != TargetState::Ok));
    assert!([1, 2].iter().all(|number| !town.device(*number).read("./Vendor/SwV").contains("192.168")));
}
