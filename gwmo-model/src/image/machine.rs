//! What all inputs about images have in common: records, room, failures, deadlines.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use dm_syncml::{Instant, Journal, RecordSeq};

use super::config::ImageConfig;
use super::download::Download;
use super::error::{ImageError, ImageErrorKind, ImageRestoreError, ImageRestoreErrorKind};
use super::output::{ImagesOutput, LocalUri};
use super::record::{Change, ImageRecord};
use super::serve::Serving;
use super::shelf::{Bare, Blob, Phase, Shelf};
use super::snapshot::ImagesSnapshot;
use super::spec::{BlobNo, ImageNo, ServeNo};
use super::timer::{Timer, Timers};
use super::token::AddressName;
use crate::device::Serial;
use crate::fanout::ResultCode;

/// The images a gateway keeps for its devices (GwMO-DCIS-001 to 003): which there are, what became of their content,
/// who may read it, and what has to go when room is short.
///
/// The octets never come here. The caller stores, fetches, hashes and serves them as the outputs say, and this
/// machine sees offsets, lengths and digests. Content has an address only after its digest was checked.
///
/// ```
/// use dm_syncml::Instant;
/// use dm_tree::ServerId;
/// use gwmo_model::{
///     ContentDigest, ImageConfig, ImageKey, ImageSpec, ImageState, ImageToken, Images, ImagesOutput,
/// };
///
/// let (now, server) = (Instant::EPOCH, ServerId::new("dms")?);
/// let mut images = Images::new(ImageConfig::new("http://10.0.0.1/images/"));
/// let digest = ContentDigest::new([7; 32]);
/// let spec = ImageSpec::new().with_source("http://cdn.example/fw.bin").with_size(1000).with_digest(digest);
/// let token = ImageToken::new([0x5a; 16]); // from a source of randomness
/// let image = images.handle_added(now, &server, ImageKey::new("fw")?, token, spec)?;
/// images.handle_fetch(now, image)?;
/// let mut ready = None;
/// loop {
///     match images.poll_output() {
///         ImagesOutput::Persist(seq, _) => images.handle_persisted(now, seq), // once it is stored
///         ImagesOutput::AuthorizeFetch { blob, .. } => images.handle_fetch_allowed(now, blob),
///         ImagesOutput::FetchUrl { blob, max, .. } => images.handle_fetch_ended(now, blob, max),
///         ImagesOutput::HashRequest { blob, .. } => images.handle_digest(now, blob, digest),
///         ImagesOutput::ImageReady { uri, .. } => ready = Some(uri.to_string()),
///         ImagesOutput::Wait(_) => break,
///         _ => {}
///     }
/// }
/// assert_eq!(images.image(image).map(|image| image.state()), Some(ImageState::Ready));
/// assert_eq!(ready.as_deref(), Some("http://10.0.0.1/images/1-5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Images {
    pub(super) config: ImageConfig,
    base: Arc<str>,
    pub(super) now: Instant,
    pub(super) shelf: Shelf,
    journal: Journal<ImageRecord, ImagesOutput>,
    pub(super) timers: Timers,
    pub(super) downloads: BTreeMap<BlobNo, Download>,
    /// Chunks taken of content that is delivered: where the next one starts, and whether there is none.
    pub(super) taken: BTreeMap<BlobNo, (u64, bool)>,
    pub(super) next_serve: u64,
    pub(super) serves: BTreeMap<ServeNo, Serving>,
    /// How many of them go to a device.
    pub(super) readers: BTreeMap<Serial, u32>,
    /// How many of them read this content.
    pub(super) reading: BTreeMap<BlobNo, u32>,
    /// Content without images that devices still read.
    deferred: BTreeSet<BlobNo>,
}

impl Images {
    /// No images yet.
    #[must_use]
    pub fn new(config: ImageConfig) -> Self {
        let shelf = Shelf::new(config.policy);
        Self::with_shelf(Instant::EPOCH, config, shelf)
    }

    fn with_shelf(now: Instant, config: ImageConfig, shelf: Shelf) -> Self {
        Self {
            base: config.base_uri.as_ref().into(),
            config,
            now,
            shelf,
            journal: Journal::new(),
            timers: Timers::default(),
            downloads: BTreeMap::new(),
            taken: BTreeMap::new(),
            next_serve: 1,
            serves: BTreeMap::new(),
            readers: BTreeMap::new(),
            reading: BTreeMap::new(),
            deferred: BTreeSet::new(),
        }
    }

    /// All images as a value. Records made before it are in it, handed out or not; stored after it they do no harm. The
    /// outputs that still wait are made again by [`restore`](Self::restore).
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> ImagesSnapshot {
        ImagesSnapshot::of(&self.shelf, self.now.max(now))
    }

    /// The images of the last snapshot, and what the records stored since say of them.
    ///
    /// What may not have been done is wanted again: content without images is dropped, downloads go on where
    /// storage got to, what was not checked is hashed, every image that is ready is published, and owners that
    /// may not have heard of one do. A delivery goes on if its session does; otherwise it stalls, or starts again.
    ///
    /// # Errors
    ///
    /// The snapshot is of another version or contradicts itself, or a record does not fit.
    pub fn restore(
        now: Instant,
        config: ImageConfig,
        snapshot: ImagesSnapshot,
        records: impl IntoIterator<Item = ImageRecord>,
    ) -> Result<Self, ImageRestoreError> {
        if snapshot.version != ImagesSnapshot::VERSION {
            return Err(ImageRestoreError::new(ImageRestoreErrorKind::Version(snapshot.version)));
        }
        let inconsistent = ImageRestoreError::new(ImageRestoreErrorKind::Inconsistent);
        let mut shelf = snapshot.into_shelf(now).ok_or(inconsistent)?;
        for (at, record) in records.into_iter().enumerate() {
            let misfit = |_| ImageRestoreError::new(ImageRestoreErrorKind::Misfit { at });
            shelf.replay(now, &record).map_err(misfit)?;
        }
        let mut images = Self::with_shelf(now, config, shelf);
        images.resume();
        Ok(images)
    }

    fn resume(&mut self) {
        for blob in self.shelf.dropping.keys().copied().collect::<Vec<_>>() {
            self.want(ImagesOutput::Drop { blob });
        }
        let blobs = self.shelf.blobs.iter().map(|(&number, blob)| (number, blob.phase, blob.received));
        for (number, phase, received) in blobs.collect::<Vec<_>>() {
            match phase {
                Phase::Receiving => _ = self.taken.insert(number, (received, false)),
                Phase::Downloading => self.begin_download(number),
                Phase::Verifying => self.want(ImagesOutput::HashRequest { blob: number, len: received }),
                Phase::Stored => continue,
            }
            self.progress(number);
        }
        for image in self.shelf.images.keys().copied().collect::<Vec<_>>() {
            if self.shelf.ready(image).is_some() {
                self.publish(image);
            }
            self.announce(image);
            self.arm_expiry(image);
            self.settle(image);
        }
        self.keep_quota();
        self.fire();
    }

    /// Everything up to this record is stored.
    pub fn handle_persisted(&mut self, now: Instant, seq: RecordSeq) {
        self.advance(now);
        self.journal.persisted(seq);
    }

    /// Takes note of the time.
    pub fn handle_tick(&mut self, now: Instant) {
        self.advance(now);
    }

    /// The owner of an image will hear what became of it: the alert is where it cannot be lost.
    pub fn handle_announced(&mut self, now: Instant, image: ImageNo) {
        self.advance(now);
        if self.shelf.images.get(&image).is_some_and(|entry| entry.owed) {
            self.change(Change::Announced { image });
        }
    }

    /// Content that was to be dropped is gone from storage.
    pub fn handle_dropped(&mut self, now: Instant, blob: BlobNo) {
        self.advance(now);
        if self.shelf.dropping.contains_key(&blob) && !self.deferred.contains(&blob) {
            self.change(Change::Dropped { blob });
        }
    }

    /// The next thing to do; [`ImagesOutput::Wait`] when there is nothing left.
    pub fn poll_output(&mut self) -> ImagesOutput {
        if let Some((seq, record)) = self.journal.next_record() {
            return ImagesOutput::Persist(seq, record);
        }
        match self.journal.next_released() {
            Some(output) => output,
            None => ImagesOutput::Wait(self.timers.next_at()),
        }
    }

    /// How many outputs wait for records to be stored.
    #[must_use]
    pub fn withheld(&self) -> usize {
        self.journal.waiting().len()
    }

    pub(super) fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.fire();
    }

    fn fire(&mut self) {
        while let Some(timer) = self.timers.pop_due(self.now) {
            match timer {
                Timer::Stall(blob) => self.stalled(blob),
                Timer::Retry(blob) => self.ask_again(blob),
                Timer::Expiry(image) | Timer::Idle(image) => self.settle(image),
                Timer::Lease(serve) => self.end_serve(serve),
            }
        }
    }

    /// Changes what survives, and has it stored.
    pub(super) fn change(&mut self, change: Change) {
        // What was checked before cannot be a misfit; if it were, neither memory nor storage would have it.
        if self.shelf.apply(self.now, &change).is_ok() {
            self.journal.record(ImageRecord { at: self.shelf.changes, change });
        } else {
            debug_assert!(false, "a change that does not fit");
        }
    }

    /// Wants something done once everything so far is stored.
    pub(super) fn want(&mut self, output: ImagesOutput) {
        self.journal.hold(output);
    }

    pub(super) fn uri(&self, image: ImageNo) -> Option<LocalUri> {
        let entry = self.shelf.images.get(&image)?;
        Some(LocalUri::new(self.base.clone(), AddressName::new(image, entry.token.clone())))
    }

    fn publish(&mut self, image: ImageNo) {
        if let (Some(uri), Some((blob, _))) = (self.uri(image), self.shelf.ready(image)) {
            self.want(ImagesOutput::Publish { image, blob, uri });
        }
    }

    pub(super) fn announce(&mut self, image: ImageNo) {
        let Some(entry) = self.shelf.images.get(&image).filter(|entry| entry.owed) else { return };
        let owner = entry.owner.clone();
        match (entry.blob, entry.bare) {
            (Some(_), _) => {
                if let Some(uri) = self.uri(image) {
                    self.want(ImagesOutput::ImageReady { image, owner, uri });
                }
            }
            (None, Bare::Failed(code)) => {
                self.want(ImagesOutput::ImageFailed { image, owner, code: ResultCode::new(code) });
            }
            (None, _) => {}
        }
    }

    /// Tells the world that an image is ready, unless it has to go at once.
    pub(super) fn now_ready(&mut self, image: ImageNo) {
        self.settle(image);
        if self.shelf.ready(image).is_some() {
            self.publish(image);
            self.announce(image);
        }
    }

    /// Sets aside room, by evicting what was used longest ago if need be; without enough of that, nothing goes.
    pub(super) fn make_room(&mut self, need: u64) -> Result<(), ImageError> {
        self.check_free(need, 0)?;
        self.evict_for(need);
        Ok(())
    }

    /// Whether there is room or could be, if so much is given back before.
    pub(super) fn check_free(&self, need: u64, given_back: u64) -> Result<(), ImageError> {
        if self.plan_room(need, given_back).1 { Ok(()) } else { Err(ImageErrorKind::StorageFull.into()) }
    }

    fn evict_for(&mut self, need: u64) {
        for number in self.plan_room(need, 0).0 {
            let images = self.shelf.blobs.get(&number).map(|blob| blob.images.clone()).unwrap_or_default();
            for image in images {
                self.evict(image);
            }
        }
    }

    /// Octets stored, set aside, or still read by devices.
    fn taken_room(&self) -> u64 {
        let held_back = self.deferred.iter().filter_map(|blob| self.shelf.dropping.get(blob));
        held_back.fold(self.shelf.used(), |sum, &len| sum.saturating_add(len))
    }

    /// Brings what is stored and set aside back below a quota that was lowered: by evicting, then by giving up what
    /// comes in, the latest first. What running jobs use or devices read stays.
    pub(super) fn keep_quota(&mut self) {
        if self.taken_room() <= self.shelf.policy.quota {
            return;
        }
        self.evict_for(0);
        let coming = self.shelf.blobs.iter().filter(|(_, blob)| blob.phase != Phase::Stored);
        let coming: Vec<_> = coming.map(|(&number, _)| number).collect();
        for number in coming.into_iter().rev() {
            if self.taken_room() > self.shelf.policy.quota {
                self.fail(number, ResultCode::STORAGE_FULL, None);
            }
        }
    }

    /// What would have to be evicted for so much room, if so much is given back before; and whether that is enough.
    fn plan_room(&self, need: u64, given_back: u64) -> (Vec<BlobNo>, bool) {
        let Some(total) = self.taken_room().saturating_sub(given_back).checked_add(need) else {
            return (Vec::new(), false);
        };
        let short = total.saturating_sub(self.shelf.policy.quota);
        if short == 0 {
            return (Vec::new(), true);
        }
        let mut candidates = Vec::new();
        for (&number, blob) in self.shelf.blobs.iter().filter(|&(&number, blob)| self.may_go(number, blob)) {
            let used = blob.images.iter().filter_map(|image| Some(self.shelf.images.get(image)?.used));
            candidates.push((used.max(), number, blob.room));
        }
        candidates.sort_unstable();
        let mut freed = 0_u64;
        let enough = |&(_, _, len): &(_, _, u64)| {
            let more = freed < short;
            freed = freed.saturating_add(if more { len } else { 0 });
            more
        };
        let evicted: Vec<_> =
            candidates.into_iter().take_while(enough).map(|(_, number, _)| number).collect();
        (evicted, freed >= short)
    }

    /// Whether dropping this content gives room, and takes it from nobody.
    fn may_go(&self, number: BlobNo, blob: &Blob) -> bool {
        let pinned = |image| self.shelf.images.get(image).is_some_and(|entry| !entry.pins.is_empty());
        blob.phase == Phase::Stored && !self.is_read(number) && !blob.images.iter().any(pinned)
    }

    fn evict(&mut self, image: ImageNo) {
        let Some((blob, _)) = self.shelf.ready(image) else { return };
        self.change(Change::Evicted { image });
        self.timers.disarm(Timer::Idle(image));
        self.want(ImagesOutput::Unpublish { image });
        self.drop_unreferenced(blob);
    }

    /// Evicts an image that has to go and may, and sets the time when that is to be looked at again.
    pub(super) fn settle(&mut self, image: ImageNo) {
        self.timers.disarm(Timer::Idle(image));
        let Some(entry) = self.shelf.images.get(&image) else { return };
        if self.shelf.ready(image).is_none() || !entry.pins.is_empty() {
            return;
        }
        let policy = &self.shelf.policy;
        let idle = entry.idle.saturating_add(self.now.saturating_since(entry.used_at));
        let left = policy.retain.map(|retain| retain.saturating_sub(idle));
        let unwanted = !entry.spec.cacheable || !policy.enabled && policy.purge;
        let expired = entry.expires.is_some_and(|at| at <= self.now);
        if unwanted || expired || left.is_some_and(|left| left.is_zero()) {
            self.evict(image);
        } else if let Some(left) = left {
            self.timers.arm(Timer::Idle(image), self.now + left);
        }
    }

    pub(super) fn arm_expiry(&mut self, image: ImageNo) {
        self.timers.disarm(Timer::Expiry(image));
        if let Some(at) = self.shelf.images.get(&image).and_then(|entry| entry.expires) {
            self.timers.arm(Timer::Expiry(image), at);
        }
    }

    /// Has content dropped if it has no image any more.
    pub(super) fn drop_unreferenced(&mut self, blob: BlobNo) {
        if !self.shelf.dropping.contains_key(&blob) {
            return;
        }
        self.timers.disarm(Timer::Stall(blob));
        self.timers.disarm(Timer::Retry(blob));
        self.taken.remove(&blob);
        if self.downloads.remove(&blob).is_some_and(|download| download.is_fetching()) {
            self.want(ImagesOutput::CancelFetch { blob });
        }
        if self.is_read(blob) {
            self.deferred.insert(blob);
        } else {
            self.deferred.remove(&blob);
            self.want(ImagesOutput::Drop { blob });
        }
    }

    /// Content that comes in got further.
    pub(super) fn progress(&mut self, blob: BlobNo) {
        self.timers.arm(Timer::Stall(blob), self.now + self.config.stall);
    }

    fn stalled(&mut self, blob: BlobNo) {
        let why = match self.shelf.blobs.get(&blob).map(|blob| blob.phase) {
            Some(Phase::Receiving | Phase::Downloading) => ResultCode::SOURCE_UNREACHABLE,
            Some(Phase::Verifying) => ResultCode::GATEWAY_ERROR,
            Some(Phase::Stored) | None => return,
        };
        self.fail(blob, why, None);
    }

    /// All of it is on storage: has it checked.
    pub(super) fn complete(&mut self, blob: BlobNo, len: u64) {
        self.change(Change::Complete { blob, len });
        self.downloads.remove(&blob);
        self.taken.remove(&blob);
        self.timers.disarm(Timer::Retry(blob));
        self.progress(blob);
        self.want(ImagesOutput::HashRequest { blob, len });
    }

    /// Content could not be had: all its images fail, except those that can try a source of their own. Owners hear of
    /// it, but not of an image that starts again at once.
    pub(super) fn fail(&mut self, number: BlobNo, code: ResultCode, quiet_for: Option<ImageNo>) {
        let Some(blob) = self.shelf.blobs.get(&number).filter(|blob| blob.phase != Phase::Stored) else {
            return;
        };
        let (images, source, opener) = (blob.images.clone(), blob.source.clone(), blob.opener);
        for &image in &images {
            self.change(Change::Failed { image, code: code.get() });
        }
        self.drop_unreferenced(number);
        for image in images {
            let own = |image| {
                let entry = self.shelf.images.get(&image)?;
                (image != opener && entry.spec.source != source).then_some(())
            };
            let tries_again = own(image).is_some() && self.fetch(image).is_ok();
            if !tries_again && quiet_for != Some(image) {
                self.announce(image);
            }
        }
    }

    /// One image does not get what comes in; others may.
    pub(super) fn fail_image(&mut self, image: ImageNo, code: ResultCode) {
        if let Some(blob) = self.shelf.images.get(&image).and_then(|entry| entry.blob) {
            self.change(Change::Failed { image, code: code.get() });
            self.drop_unreferenced(blob);
            self.announce(image);
        }
    }
}
