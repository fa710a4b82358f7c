//! Alternative download: the gateway fetches from where the server says, if its policy lets it.

use alloc::boxed::Box;

use dm_syncml::Instant;

use super::digest::ContentDigest;
use super::error::{ImageError, ImageErrorKind};
use super::machine::Images;
use super::output::ImagesOutput;
use super::record::{Change, Way};
use super::shelf::{Blob, Entry, Phase};
use super::spec::{BlobNo, ImageNo};
use super::timer::Timer;
use crate::fanout::ResultCode;

/// How far an attempt to fetch is.
#[derive(Debug)]
pub(super) struct Download {
    step: Step,
    url: Box<str>,
    tries: u8,
    redirects: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// The policy was asked.
    Asking,
    Fetching,
    /// It broke off, and goes on later.
    Waiting,
}

impl Download {
    /// Whether something is being fetched that would have to be stopped.
    pub(super) fn is_fetching(&self) -> bool {
        self.step == Step::Fetching
    }
}

impl Images {
    /// A server wants an image fetched (`Fetch`). Content that is there, or is coming in, is not fetched again
    /// (DCIS-002); an image that is ready, or that is being fetched, stays as it is.
    ///
    /// The result comes as [`ImagesOutput::ImageReady`] or [`ImagesOutput::ImageFailed`].
    ///
    /// # Errors
    ///
    /// There is no such image, or storing it is forbidden, or it has no source, or no digest, or it is too large, or
    /// there is no room.
    pub fn handle_fetch(&mut self, now: Instant, image: ImageNo) -> Result<(), ImageError> {
        self.advance(now);
        self.fetch(image)
    }

    pub(super) fn fetch(&mut self, image: ImageNo) -> Result<(), ImageError> {
        let entry = self.shelf.images.get(&image).ok_or(ImageErrorKind::UnknownImage)?;
        if entry.blob.is_some() {
            return Ok(());
        }
        self.check_storable(entry)?;
        if let Some(blob) = self.like(entry) {
            self.change(Change::Joined { image, blob });
            if self.shelf.ready(image).is_some() {
                self.now_ready(image);
            }
            return Ok(());
        }
        if entry.spec.source.is_none() {
            return Err(ImageErrorKind::NoSource.into());
        }
        if entry.spec.digest.is_none() && !self.config.fetch_without_digest {
            return Err(ImageErrorKind::NoDigest.into());
        }
        let blob = self.open(image, Way::Download, entry.spec.size)?;
        self.begin_download(blob);
        self.progress(blob);
        Ok(())
    }

    /// Content that this image can have without fetching it.
    fn like(&self, entry: &Entry) -> Option<BlobNo> {
        let digest = entry.spec.digest.filter(|_| self.shelf.policy.dedup)?;
        let of_owner =
            |image: &ImageNo| self.shelf.images.get(image).is_some_and(|other| other.owner == entry.owner);
        let fits = |blob: &Blob| {
            let proven = self.config.share_unproven || blob.images.iter().any(of_owner);
            let whole = blob.exact || matches!(blob.phase, Phase::Stored | Phase::Verifying);
            proven && entry.spec.size.is_none_or(|size| whole && size == blob.room)
        };
        let stored = self.shelf.like(digest).find(|(_, blob)| blob.phase == Phase::Stored && fits(blob));
        stored.or_else(|| self.shelf.like(digest).find(|(_, blob)| fits(blob))).map(|(number, _)| number)
    }

    /// Sets aside room for content, and has that stored.
    pub(super) fn open(&mut self, image: ImageNo, way: Way, size: Option<u64>) -> Result<BlobNo, ImageError> {
        self.check_room(size, 0)?;
        self.open_checked(image, way, size)
    }

    /// Whether there is room for content of this size, if so much is given back before.
    pub(super) fn check_room(&self, size: Option<u64>, given_back: u64) -> Result<(), ImageError> {
        let max = self.shelf.policy.max_image;
        let room = size.unwrap_or(max);
        if room > max {
            return Err(ImageErrorKind::TooLarge { max }.into());
        }
        if self.shelf.dropping.len() >= self.config.max_images as usize || self.shelf.next_blob == u64::MAX {
            return Err(ImageErrorKind::TooManyImages.into());
        }
        self.check_free(room, given_back)
    }

    /// As [`open`](Self::open), for what was checked.
    pub(super) fn open_checked(
        &mut self,
        image: ImageNo,
        way: Way,
        size: Option<u64>,
    ) -> Result<BlobNo, ImageError> {
        let room = size.unwrap_or(self.shelf.policy.max_image);
        self.make_room(room)?;
        let blob = BlobNo::new(self.shelf.next_blob);
        self.change(Change::Opened { image, blob, way, room, exact: size.is_some() });
        Ok(blob)
    }

    /// Starts an attempt from the source, by asking.
    pub(super) fn begin_download(&mut self, number: BlobNo) {
        let Some(url) = self.shelf.blobs.get(&number).and_then(|blob| blob.source.clone()) else { return };
        self.downloads.insert(number, Download { step: Step::Asking, url, tries: 0, redirects: 0 });
        self.authorize(number);
    }

    fn authorize(&mut self, number: BlobNo) {
        if let (Some(download), Some(blob)) = (self.downloads.get(&number), self.shelf.blobs.get(&number)) {
            let opener = blob.images.get(&blob.opener).or_else(|| blob.images.first());
            let (url, image) = (download.url.clone(), opener.copied().unwrap_or(blob.opener));
            self.want(ImagesOutput::AuthorizeFetch { image, blob: number, url });
        }
    }

    /// The policy of the gateway allows what [`ImagesOutput::AuthorizeFetch`] asked for.
    pub fn handle_fetch_allowed(&mut self, now: Instant, blob: BlobNo) {
        self.advance(now);
        let Some(download) = self.downloads.get_mut(&blob) else { return };
        let Some(content) = self.shelf.blobs.get(&blob) else { return };
        if download.step == Step::Asking {
            download.step = Step::Fetching;
            let (url, resume_from, max) = (download.url.clone(), content.received, content.room);
            self.want(ImagesOutput::FetchUrl { blob, url, resume_from, max });
            self.progress(blob);
        }
    }

    /// The policy of the gateway forbids it: the images that wait for it fail with 1417.
    pub fn handle_fetch_denied(&mut self, now: Instant, blob: BlobNo) {
        self.advance(now);
        if self.downloads.get(&blob).is_some_and(|download| download.step == Step::Asking) {
            self.fail(blob, ResultCode::CACHING_FORBIDDEN, None);
        }
    }

    /// The source says to fetch from elsewhere; whether that is allowed is asked first. The fetch that was redirected
    /// is over.
    pub fn handle_fetch_redirected(&mut self, now: Instant, blob: BlobNo, url: &str) {
        self.advance(now);
        let (max_redirects, max_text) = (self.config.max_redirects, self.config.max_text);
        let Some(download) = self.downloads.get_mut(&blob) else { return };
        if download.step != Step::Fetching {
            return;
        }
        if download.redirects >= max_redirects || url.len() > max_text {
            self.fail(blob, ResultCode::SOURCE_UNREACHABLE, None);
            return;
        }
        download.redirects += 1;
        (download.step, download.url) = (Step::Asking, url.into());
        self.authorize(blob);
    }

    /// So much is on storage, from the start and safe from a crash. Saying it now and then is enough; from there a
    /// download goes on that broke off.
    pub fn handle_fetched(&mut self, now: Instant, blob: BlobNo, len: u64) {
        self.advance(now);
        self.fetched(blob, len);
    }

    /// Takes note of what is there; says whether that is still a download.
    fn fetched(&mut self, number: BlobNo, len: u64) -> bool {
        let fetching = self.downloads.get(&number).is_some_and(|download| download.step == Step::Fetching);
        let Some(blob) = self.shelf.blobs.get(&number).filter(|_| fetching) else { return false };
        if len > blob.room {
            let why = if blob.exact { ResultCode::HASH_MISMATCH } else { ResultCode::STORAGE_FULL };
            self.fail(number, why, None);
            return false;
        }
        if len > blob.received {
            self.change(Change::Received { blob: number, len });
            self.progress(number);
            // It does get on, so it may break off again as often.
            if let Some(download) = self.downloads.get_mut(&number) {
                download.tries = 0;
            }
        }
        true
    }

    /// The source has no more; so much is on storage in all.
    pub fn handle_fetch_ended(&mut self, now: Instant, blob: BlobNo, len: u64) {
        self.advance(now);
        if !self.fetched(blob, len) {
            return;
        }
        let Some(content) = self.shelf.blobs.get(&blob) else { return };
        if content.exact && len != content.room || len < content.received {
            self.downloads.remove(&blob); // there is nothing left to cancel
            self.fail(blob, ResultCode::HASH_MISMATCH, None);
        } else {
            self.complete(blob, len);
        }
    }

    /// A fetch broke off, or never began: it goes on later, unless the cause is `lasting` or it was tried often
    /// enough without getting on; then the images that wait for it fail with 1416.
    pub fn handle_fetch_failed(&mut self, now: Instant, blob: BlobNo, lasting: bool) {
        self.advance(now);
        let (retries, wait) = (self.config.fetch_retries, self.config.fetch_wait);
        let Some(download) = self.downloads.get_mut(&blob) else { return };
        if download.step != Step::Fetching {
            return;
        }
        if lasting || download.tries >= retries {
            self.downloads.remove(&blob);
            self.fail(blob, ResultCode::SOURCE_UNREACHABLE, None);
            return;
        }
        let wait = wait.saturating_mul(2_u32.saturating_pow(u32::from(download.tries)));
        download.tries += 1;
        download.step = Step::Waiting;
        self.timers.arm(Timer::Retry(blob), self.now + wait);
        // Waiting is no stall.
        self.timers.arm(Timer::Stall(blob), self.now + wait.saturating_add(self.config.stall));
    }

    /// The time to go on has come: from the source, and asking first.
    pub(super) fn ask_again(&mut self, number: BlobNo) {
        let Some(source) = self.shelf.blobs.get(&number).and_then(|blob| blob.source.clone()) else { return };
        if let Some(download) = self.downloads.get_mut(&number) {
            (download.step, download.url, download.redirects) = (Step::Asking, source, 0);
            self.authorize(number);
        }
    }

    /// What the content on storage really is. Only now can an image be ready.
    pub fn handle_digest(&mut self, now: Instant, blob: BlobNo, digest: ContentDigest) {
        self.advance(now);
        let Some(content) = self.shelf.blobs.get(&blob).filter(|blob| blob.phase == Phase::Verifying) else {
            return;
        };
        if content.digest.is_some_and(|wanted| wanted != digest) {
            self.fail(blob, ResultCode::HASH_MISMATCH, None);
            return;
        }
        let images = content.images.clone();
        self.timers.disarm(Timer::Stall(blob));
        let same = |(number, other): (BlobNo, &Blob)| {
            (number != blob && other.phase == Phase::Stored).then_some(number)
        };
        let stored = self.shelf.like(digest).find_map(same).filter(|_| self.shelf.policy.dedup);
        match stored {
            Some(into) => {
                self.change(Change::Merged { blob, into });
                self.drop_unreferenced(blob);
            }
            None => self.change(Change::Stored { blob, digest }),
        }
        for image in images {
            self.now_ready(image);
        }
    }

    /// Storage failed, while octets were stored or read back: the images that wait for it fail with 1501.
    pub fn handle_store_failed(&mut self, now: Instant, blob: BlobNo) {
        self.advance(now);
        self.fail(blob, ResultCode::STORAGE_FULL, None);
    }
}
