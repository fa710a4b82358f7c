//! Which images there are, and what servers and jobs say of them.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use dm_syncml::Instant;
use dm_tree::ServerId;

use super::config::StoragePolicy;
use super::error::{ImageError, ImageErrorKind};
use super::machine::Images;
use super::output::ImagesOutput;
use super::record::Change;
use super::shelf::{Entry, Phase};
use super::spec::{ImageKey, ImageNo, ImageSpec};
use super::timer::Timer;
use super::token::ImageToken;
use crate::fanout::{JobNo, ResultCode};
use crate::identifier::unprintable;

impl Images {
    /// A server adds an image, empty for now. The token makes its local address one that cannot be guessed.
    ///
    /// # Errors
    ///
    /// The server has an image with this key, a text or the scope is too large, there are too many images, or
    /// storing is forbidden (DCIS-003).
    pub fn handle_added(
        &mut self,
        now: Instant,
        owner: &ServerId,
        key: ImageKey,
        token: ImageToken,
        spec: ImageSpec,
    ) -> Result<ImageNo, ImageError> {
        self.advance(now);
        if let Some(image) = self.shelf.by_key(owner, &key) {
            return Err(ImageErrorKind::ImageExists { image }.into());
        }
        if !self.shelf.policy.enabled {
            return Err(ImageErrorKind::StoringForbidden.into());
        }
        self.check_spec(&spec)?;
        if self.shelf.images.len() >= self.config.max_images as usize || self.shelf.next_image == u32::MAX {
            return Err(ImageErrorKind::TooManyImages.into());
        }
        let image = ImageNo::new(self.shelf.next_image);
        self.change(Change::Added { image, owner: owner.clone(), key, token, spec: Box::new(spec) });
        Ok(image)
    }

    /// A server says something else of an image: its labels, its scope and whether it may be stored at any time; its
    /// source, size and digest while it has no content. An image that may no longer be stored is evicted, or given up
    /// with 1417 while it comes in; one that a running job uses, when no job uses it any more.
    ///
    /// # Errors
    ///
    /// There is no such image, a text or the scope is too large, or the image has content and its source, size or
    /// digest would change.
    pub fn handle_edited(&mut self, now: Instant, image: ImageNo, spec: ImageSpec) -> Result<(), ImageError> {
        self.advance(now);
        self.check_spec(&spec)?;
        let entry = self.shelf.images.get(&image).ok_or(ImageErrorKind::UnknownImage)?;
        let old = &entry.spec;
        let same = (&old.source, old.size, old.digest) == (&spec.source, spec.size, spec.digest);
        if entry.blob.is_some() && !same {
            return Err(ImageErrorKind::WrongState.into());
        }
        if *old == spec {
            return Ok(());
        }
        let cacheable = spec.cacheable;
        self.change(Change::Edited { image, spec: Box::new(spec) });
        if !cacheable && self.shelf.ready(image).is_none() {
            self.fail_image(image, ResultCode::CACHING_FORBIDDEN);
        }
        self.settle(image);
        Ok(())
    }

    /// A server deletes an image. Content that no other image has is dropped; devices that read it just now may
    /// read on.
    ///
    /// # Errors
    ///
    /// There is no such image, or a running job uses it.
    pub fn handle_removed(&mut self, now: Instant, image: ImageNo) -> Result<(), ImageError> {
        self.advance(now);
        let entry = self.shelf.images.get(&image).ok_or(ImageErrorKind::UnknownImage)?;
        if !entry.pins.is_empty() {
            return Err(ImageErrorKind::InUse.into());
        }
        let (blob, ready) = (entry.blob, self.shelf.ready(image).is_some());
        self.change(Change::Removed { image });
        self.timers.disarm(Timer::Idle(image));
        self.timers.disarm(Timer::Expiry(image));
        if ready {
            self.want(ImagesOutput::Unpublish { image });
        }
        if let Some(blob) = blob {
            self.drop_unreferenced(blob);
        }
        Ok(())
    }

    /// A server sets what may be stored (DCIS-003) and how much. Content that comes in and may not be stored any
    /// more is given up with 1417; what a smaller quota has no room for is evicted, except what running jobs use.
    pub fn handle_policy(&mut self, now: Instant, policy: StoragePolicy) {
        self.advance(now);
        if policy == self.shelf.policy {
            return;
        }
        self.change(Change::Policy(policy));
        if !policy.enabled {
            let coming = self.shelf.blobs.iter().filter(|(_, blob)| blob.phase != Phase::Stored);
            for blob in coming.map(|(&number, _)| number).collect::<Vec<_>>() {
                self.fail(blob, ResultCode::CACHING_FORBIDDEN, None);
            }
        }
        for image in self.shelf.images.keys().copied().collect::<Vec<_>>() {
            self.settle(image);
        }
        self.keep_quota();
    }

    /// An image is over after this time (`Expiry`, as the clock on the wall stands now), or never. It is evicted
    /// then, and not before its last running job is over. Say it again when the clock was set, and after a restart.
    ///
    /// # Errors
    ///
    /// There is no such image.
    pub fn handle_expiry(
        &mut self,
        now: Instant,
        image: ImageNo,
        left: Option<Duration>,
    ) -> Result<(), ImageError> {
        self.advance(now);
        let entry = self.shelf.images.get(&image).ok_or(ImageErrorKind::UnknownImage)?;
        if entry.expires != left.map(|left| self.now + left) {
            self.change(Change::Expires { image, left });
            self.arm_expiry(image);
            self.settle(image);
        }
        Ok(())
    }

    /// A job uses an image from now on: it is not evicted, and its devices may read it if the image names nobody.
    /// Saying it again changes nothing; do so for all running jobs after a restart, since the job and the pin are
    /// stored one after the other.
    ///
    /// # Errors
    ///
    /// There is no such image, or too many jobs use it.
    pub fn handle_pinned(&mut self, now: Instant, image: ImageNo, job: JobNo) -> Result<(), ImageError> {
        self.advance(now);
        let entry = self.shelf.images.get(&image).ok_or(ImageErrorKind::UnknownImage)?;
        if entry.pins.contains(&job.get()) {
            return Ok(());
        }
        if entry.pins.len() >= self.config.max_pins as usize {
            return Err(ImageErrorKind::TooManyPins.into());
        }
        self.change(Change::Pinned { image, job: job.get() });
        self.settle(image);
        Ok(())
    }

    /// A job is over, and uses no image any more.
    pub fn handle_job_ended(&mut self, now: Instant, job: JobNo) {
        self.advance(now);
        for image in self.shelf.pinned_by(job.get()) {
            self.change(Change::Unpinned { image, job: job.get() });
            self.settle(image);
        }
        self.keep_quota();
    }

    pub(super) fn check_storable(&self, entry: &Entry) -> Result<(), ImageError> {
        if !self.shelf.policy.enabled || !entry.spec.cacheable {
            return Err(ImageErrorKind::StoringForbidden.into());
        }
        if entry.expires.is_some_and(|at| at <= self.now) {
            return Err(ImageErrorKind::WrongState.into());
        }
        Ok(())
    }

    fn check_spec(&self, spec: &ImageSpec) -> Result<(), ImageError> {
        let bad = |text: &str| text.len() > self.config.max_text || unprintable(text).is_some();
        if spec.texts().into_iter().flatten().any(|text| bad(text)) {
            return Err(ImageErrorKind::BadText.into());
        }
        if spec.scope.len() > self.config.max_scope as usize {
            return Err(ImageErrorKind::TooManyReaders.into());
        }
        Ok(())
    }
}
