//! A runtime around `Images`: a disk, a web to fetch from, devices that read, and a crash whenever one is wanted.
#![allow(unreachable_pub, dead_code, reason = "shared by test binaries, each of which uses a part")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dm_syncml::Instant;
use dm_tree::ServerId;
use gwmo_model::{
    BlobNo, ByteRange, Chunk, ContentDigest, DeviceId, GroupId, ImageConfig, ImageError, ImageKey, ImageNo,
    ImageRecord, ImageSpec, ImageState, ImageToken, Images, ImagesOutput, ImagesSnapshot, JobNo, LocalUri,
    Membership, Serial, Serve, ServeRefusal, ServeRequest,
};

/// Stands in for SHA-256, which is the runtime's business: four FNV hashes with different beginnings.
pub fn digest_of(octets: &[u8]) -> ContentDigest {
    let mut digest = [0; 32];
    for (part, chunk) in (1_u64..).zip(digest.chunks_mut(8)) {
        let start = 0xcbf2_9ce4_8422_2325_u64.wrapping_mul(part);
        let hash = octets
            .iter()
            .fold(start, |hash, &octet| (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3));
        chunk.copy_from_slice(&hash.to_be_bytes());
    }
    ContentDigest::new(digest)
}

pub fn server(name: &str) -> ServerId {
    ServerId::new(name).unwrap()
}

pub fn key(name: &str) -> ImageKey {
    ImageKey::new(name).unwrap()
}

pub fn serial(number: u32) -> Serial {
    Serial::new(number).unwrap()
}

pub fn device(number: u32) -> DeviceId {
    DeviceId::new(&format!("dev:{number}")).unwrap()
}

/// Devices below 50 are targets of every job; group `g<n>` holds device n.
pub struct Members;

impl Membership for Members {
    fn is_in_group(&self, device: Serial, group: &GroupId) -> bool {
        group.as_str() == format!("g{}", device.get())
    }

    fn is_target(&self, device: Serial, _: JobNo) -> bool {
        device.get() < 50
    }
}

/// What the web has at an address.
#[derive(Clone)]
pub enum Page {
    Content(Vec<u8>),
    Redirect(String),
    /// So many octets, then nothing.
    Breaks(Vec<u8>),
    Gone,
}

pub struct Store {
    pub config: ImageConfig,
    pub images: Images,
    pub now: Instant,
    pub disk: BTreeMap<BlobNo, Vec<u8>>,
    pub web: BTreeMap<String, Page>,
    /// What the policy of the gateway lets nobody fetch.
    pub forbidden: BTreeSet<String>,
    /// Octets that chunks brought, until they are stored.
    chunks: BTreeMap<(BlobNo, u64, u64), Vec<u8>>,
    allowed: BTreeSet<(BlobNo, String)>,
    /// What was done, in order.
    pub log: Vec<String>,
    pub upstream: u64,
    pub published: BTreeMap<ImageNo, LocalUri>,
    snapshot: ImagesSnapshot,
    records: Vec<ImageRecord>,
    /// Whether storage for records answers.
    pub storing: bool,
    /// Whether the runtime works on fetches, hashes and chunks, or leaves them for later.
    pub working: bool,
    later: Vec<ImagesOutput>,
}

impl Store {
    pub fn new(config: ImageConfig) -> Self {
        let images = Images::new(config.clone());
        let now = Instant::from_millis(1_000_000);
        Self {
            snapshot: images.snapshot(now),
            config,
            images,
            now,
            disk: BTreeMap::new(),
            web: BTreeMap::new(),
            forbidden: BTreeSet::new(),
            chunks: BTreeMap::new(),
            allowed: BTreeSet::new(),
            log: Vec::new(),
            upstream: 0,
            published: BTreeMap::new(),
            records: Vec::new(),
            storing: true,
            working: true,
            later: Vec::new(),
        }
    }

    pub fn page(&mut self, url: &str, octets: &[u8]) {
        self.web.insert(url.into(), Page::Content(octets.to_vec()));
    }

    pub fn add(&mut self, owner: &str, name: &str, spec: ImageSpec) -> Result<ImageNo, ImageError> {
        let token = ImageToken::new([name.bytes().fold(1, u8::wrapping_add); 16]);
        let added = self.images.handle_added(self.now, &server(owner), key(name), token, spec);
        self.run();
        added
    }

    pub fn fetch(&mut self, image: ImageNo) -> Result<(), ImageError> {
        let fetched = self.images.handle_fetch(self.now, image);
        self.run();
        fetched
    }

    pub fn chunk(&mut self, image: ImageNo, chunk: Chunk, octets: &[u8]) -> Result<(), ImageError> {
        let taken = self.images.handle_chunk(self.now, image, chunk);
        // Taken from the session at once, whenever they may be stored.
        if taken.is_ok() {
            let blob = self.images.image(image).and_then(|image| image.blob()).expect("it has content");
            self.chunks.insert((blob, chunk.offset, chunk.len), octets.to_vec());
        }
        self.run();
        taken
    }

    pub fn state_of(&self, image: ImageNo) -> Option<ImageState> {
        self.images.image(image).map(|image| image.state())
    }

    pub fn state(&self, image: ImageNo) -> ImageState {
        self.images.image(image).expect("an image").state()
    }

    pub fn result(&self, image: ImageNo) -> Option<u16> {
        self.images.image(image).and_then(|image| image.result()).map(|code| code.get())
    }

    pub fn request(&mut self, from: u32, uri: &LocalUri, range: ByteRange) -> Result<Serve, ServeRefusal> {
        let id = device(from);
        let request = ServeRequest::new(serial(from), &id, uri.name()).with_range(range);
        self.images.handle_serve_request(self.now, &request, &Members)
    }

    /// A device reads an image from its start to its end.
    pub fn read(&mut self, from: u32, uri: &LocalUri) -> Result<Vec<u8>, ServeRefusal> {
        let serve = self.request(from, uri, ByteRange::All)?;
        let octets = self.octets(&serve);
        self.images.handle_served(self.now, serve.number, true);
        self.run();
        Ok(octets)
    }

    pub fn octets(&self, serve: &Serve) -> Vec<u8> {
        let all = self.disk.get(&serve.blob).expect("what is served is on the disk");
        assert_eq!(all.len() as u64, serve.len);
        all[serve.range.start as usize..serve.range.end as usize].to_vec()
    }

    pub fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.images.handle_tick(self.now);
        self.run();
    }

    /// Ticks whenever one is due, for so long.
    pub fn live(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            match self.run() {
                Some(at) if at <= end => {
                    self.now = self.now.max(at);
                    self.images.handle_tick(self.now);
                }
                _ => break,
            }
        }
        self.now = end;
        self.images.handle_tick(self.now);
        self.run();
    }

    /// Does what was left for later.
    pub fn work(&mut self) {
        for output in std::mem::take(&mut self.later) {
            self.perform(output);
        }
    }

    /// Does everything that is wanted; says when more is due.
    pub fn run(&mut self) -> Option<Instant> {
        loop {
            match self.images.poll_output() {
                ImagesOutput::Persist(seq, record) => {
                    if self.storing {
                        self.records.push(record);
                        self.images.handle_persisted(self.now, seq);
                    } else {
                        // Lost with the next crash, and so is what rests on it.
                        self.log.push("lost".into());
                    }
                }
                ImagesOutput::Wait(at) => {
                    if self.working && !self.later.is_empty() {
                        self.work();
                        continue;
                    }
                    break at;
                }
                output => self.take(output),
            }
        }
    }

    fn take(&mut self, output: ImagesOutput) {
        match output {
            ImagesOutput::Publish { image, blob, uri } => {
                assert!(self.disk.contains_key(&blob), "published without content");
                self.published.insert(image, uri);
            }
            ImagesOutput::Unpublish { image } => _ = self.published.remove(&image),
            ImagesOutput::ImageReady { image, uri, .. } => {
                self.log.push(format!("ready {image}"));
                assert_eq!(self.published.get(&image), Some(&uri));
                self.images.handle_announced(self.now, image);
            }
            ImagesOutput::ImageFailed { image, code, .. } => {
                self.log.push(format!("failed {image} {code}"));
                self.images.handle_announced(self.now, image);
            }
            ImagesOutput::ChunkStored { received, complete, .. } => {
                self.log.push(format!("stored {received} {complete}"));
            }
            ImagesOutput::Drop { blob } => {
                self.log.push(format!("drop {blob}"));
                self.disk.remove(&blob);
                self.later.retain(|output| blob_of(output) != Some(blob));
                self.images.handle_dropped(self.now, blob);
            }
            ImagesOutput::CancelFetch { blob } => {
                self.log.push(format!("cancel {blob}"));
                let is_fetch = |output: &ImagesOutput| matches!(output, ImagesOutput::FetchUrl { .. });
                self.later.retain(|output| !is_fetch(output) || blob_of(output) != Some(blob));
            }
            output => self.later.push(output),
        }
    }

    fn perform(&mut self, output: ImagesOutput) {
        let now = self.now;
        match output {
            ImagesOutput::AuthorizeFetch { blob, url, .. } => {
                let allowed = !self.forbidden.contains(&*url);
                self.log.push(format!("authorize {url} {allowed}"));
                if allowed {
                    self.allowed.insert((blob, url.into()));
                    self.images.handle_fetch_allowed(now, blob);
                } else {
                    self.images.handle_fetch_denied(now, blob);
                }
            }
            ImagesOutput::FetchUrl { blob, url, resume_from, max } => {
                assert!(self.allowed.remove(&(blob, url.to_string())), "{url} was not asked for");
                self.log.push(format!("fetch {url} {resume_from}"));
                self.download(blob, &url, resume_from, max);
            }
            ImagesOutput::StoreChunk { blob, offset, len } => {
                let octets = self.chunks.get(&(blob, offset, len)).cloned().expect("a chunk that came");
                self.write(blob, offset, &octets);
                self.images.handle_stored(now, blob, offset + len);
            }
            ImagesOutput::HashRequest { blob, len } => {
                let octets = self.disk.entry(blob).or_default();
                octets.truncate(len as usize);
                assert_eq!(octets.len() as u64, len, "what is to be hashed is on the disk");
                let digest = digest_of(octets);
                self.images.handle_digest(now, blob, digest);
            }
            output => panic!("not for later: {output:?}"),
        }
    }

    fn download(&mut self, blob: BlobNo, url: &str, from: u64, max: u64) {
        let now = self.now;
        let (octets, whole) = match self.web.get(url).cloned().unwrap_or(Page::Gone) {
            Page::Gone => return self.images.handle_fetch_failed(now, blob, true),
            Page::Redirect(to) => return self.images.handle_fetch_redirected(now, blob, &to),
            Page::Content(octets) => (octets, true),
            Page::Breaks(octets) => (octets, false),
        };
        let rest = octets.get(from as usize..).unwrap_or(&[]);
        // One octet too many shows that there are more than `max`, and is not stored.
        let fits = &rest[..rest.len().min((max - from) as usize)];
        self.upstream += rest.len() as u64;
        self.write(blob, from, fits);
        let len = from + fits.len() as u64;
        match (whole, fits.len() == rest.len()) {
            (_, false) => self.images.handle_fetched(now, blob, len + 1),
            (true, _) => self.images.handle_fetch_ended(now, blob, len),
            (false, _) => {
                self.images.handle_fetched(now, blob, len);
                self.images.handle_fetch_failed(now, blob, false);
            }
        }
    }

    fn write(&mut self, blob: BlobNo, offset: u64, octets: &[u8]) {
        let file = self.disk.entry(blob).or_default();
        file.resize(offset as usize, 0);
        file.extend_from_slice(octets);
        let total: u64 = self.disk.values().map(|file| file.len() as u64).sum();
        let quota = self.images.policy().quota;
        // A quota that was lowered counts for what was wanted before only once its record is stored.
        assert!(
            octets.is_empty() || total <= quota || !self.storing,
            "{total} octets on the disk, the quota is {quota}"
        );
    }

    /// Everything in memory is gone; the disk and the records that were stored remain.
    pub fn crash(&mut self) {
        let records = self.records.clone();
        self.images = Images::restore(self.now, self.config.clone(), self.snapshot.clone(), records)
            .expect("what was stored makes the same images again");
        self.chunks.clear();
        self.later.clear();
        self.allowed.clear();
        self.published.clear();
        self.storing = true;
        self.run();
    }

    /// Begins a new journal. Records that were not handed out yet go into it, though the snapshot has them.
    pub fn save(&mut self) {
        if self.storing {
            self.snapshot = self.images.snapshot(self.now);
            self.records.clear();
        }
    }

    /// What can be seen, line by line.
    pub fn render(images: &Images) -> Vec<String> {
        let line = |image: gwmo_model::ImageView<'_>| {
            format!(
                "{} {} {} {:?} {:?} {:?} {} {:?} {} {:?} {:?}",
                image.number(),
                image.owner(),
                image.key(),
                image.state(),
                image.result(),
                image.blob(),
                image.received(),
                image.digest(),
                image.pulls(),
                image.jobs().collect::<Vec<_>>(),
                image.spec(),
            )
        };
        let mut lines: Vec<_> = images.images().map(line).collect();
        lines.push(format!(
            "{} {:?} {:?}",
            images.used(),
            images.policy(),
            images.blobs().collect::<Vec<_>>()
        ));
        lines
    }

    /// What always holds.
    pub fn check(&self) {
        let referenced: BTreeSet<_> = self.images.blobs().map(|(blob, _)| blob).collect();
        for image in self.images.images() {
            let blob = image.blob();
            assert!(blob.is_none_or(|blob| referenced.contains(&blob)), "content that is not there");
            let ready = image.state() == ImageState::Ready;
            assert_eq!(image.uri().is_some(), ready);
            if ready {
                let octets = self.disk.get(&blob.expect("it is ready")).expect("it is on the disk");
                assert_eq!(image.digest(), Some(digest_of(octets)));
                assert!(image.spec().digest.is_none_or(|digest| digest == digest_of(octets)));
                assert!(image.spec().size.is_none_or(|size| size == octets.len() as u64));
            }
            if self.storing {
                let published = self.published.contains_key(&image.number());
                assert_eq!(published, ready, "{} is {:?}", image.number(), image.state());
            }
        }
        for (blob, len) in self.images.blobs() {
            let there = self.disk.get(&blob).map_or(0, Vec::len) as u64;
            assert!(there >= len, "{blob:?}: {there} of {len} octets are on the disk");
        }
        // Beyond the quota a device may read what goes with a restart, which ends its reading.
        if self.storing && self.images.used() <= self.images.policy().quota {
            let restored =
                Images::restore(self.now, self.config.clone(), self.snapshot.clone(), self.records.clone())
                    .expect("records fit");
            assert_eq!(Self::render(&restored), Self::render(&self.images), "a restart changes nothing");
        }
    }
}

fn blob_of(output: &ImagesOutput) -> Option<BlobNo> {
    match output {
        ImagesOutput::AuthorizeFetch { blob, .. }
        | ImagesOutput::FetchUrl { blob, .. }
        | ImagesOutput::StoreChunk { blob, .. }
        | ImagesOutput::HashRequest { blob, .. } => Some(*blob),
        _ => None,
    }
}
