//! What can be seen of the images.

use alloc::boxed::Box;
use core::time::Duration;

use dm_tree::ServerId;

use super::config::StoragePolicy;
use super::digest::ContentDigest;
use super::machine::Images;
use super::output::LocalUri;
use super::shelf::{Bare, Blob, Entry, Phase};
use super::spec::{BlobNo, ImageKey, ImageNo, ImageSpec};
use crate::fanout::{JobNo, ResultCode};

/// Where an image stands, with the numbers of the node `State`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum ImageState {
    /// 0: there is no content yet.
    Empty = 0,
    /// 1: its server sends its content.
    Receiving = 1,
    /// 2: its content is being fetched.
    Downloading = 2,
    /// 3: its content is there, and is being checked.
    Verifying = 3,
    /// 4: devices can read it.
    Ready = 4,
    /// 5: its content could not be had, or is not what it should be.
    Failed = 5,
    /// 6: its content had to go.
    Evicted = 6,
}

impl ImageState {
    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self as u8
    }

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Receiving => "receiving",
            Self::Downloading => "downloading",
            Self::Verifying => "verifying",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Evicted => "evicted",
        }
    }
}

/// What a command says instead of a placeholder.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ImageAddress {
    /// The address at the gateway.
    Local(LocalUri),
    /// The address the server named: the image may not be stored (DCIS-003).
    Origin(Box<str>),
    /// Not known yet, the image comes in.
    Pending,
    /// There is no content, and none comes in unless somebody fetches or delivers it.
    Absent,
    /// There is none, and this is why.
    Failed(ResultCode),
}

/// One image.
#[derive(Clone, Copy, Debug)]
pub struct ImageView<'a> {
    images: &'a Images,
    number: ImageNo,
    entry: &'a Entry,
}

impl<'a> ImageView<'a> {
    fn content(&self) -> Option<&'a Blob> {
        self.images.shelf.blobs.get(&self.entry.blob?)
    }

    /// Its number.
    #[must_use]
    pub const fn number(&self) -> ImageNo {
        self.number
    }

    /// Who added it.
    #[must_use]
    pub const fn owner(&self) -> &'a ServerId {
        &self.entry.owner
    }

    /// What its owner calls it.
    #[must_use]
    pub const fn key(&self) -> &'a ImageKey {
        &self.entry.key
    }

    /// What its owner says of it.
    #[must_use]
    pub const fn spec(&self) -> &'a ImageSpec {
        &self.entry.spec
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> ImageState {
        match (self.content().map(|blob| blob.phase), self.entry.bare) {
            (Some(Phase::Receiving), _) => ImageState::Receiving,
            (Some(Phase::Downloading), _) => ImageState::Downloading,
            (Some(Phase::Verifying), _) => ImageState::Verifying,
            (Some(Phase::Stored), _) => ImageState::Ready,
            (None, Bare::Empty) => ImageState::Empty,
            (None, Bare::Failed(_)) => ImageState::Failed,
            (None, Bare::Evicted) => ImageState::Evicted,
        }
    }

    /// 1210 when it is ready, why it failed when it did (`Result`).
    #[must_use]
    pub fn result(&self) -> Option<ResultCode> {
        match (self.state(), self.entry.bare) {
            (ImageState::Ready, _) => Some(ResultCode::IMAGE_READY),
            (ImageState::Failed, Bare::Failed(code)) => Some(ResultCode::new(code)),
            _ => None,
        }
    }

    /// Its content, ready or coming in. Images with the same content have the same.
    #[must_use]
    pub const fn blob(&self) -> Option<BlobNo> {
        self.entry.blob
    }

    /// How much of its content is on storage, in octets.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.content().map_or(0, |blob| blob.received)
    }

    /// What its content is, once it was checked; otherwise what its owner said.
    #[must_use]
    pub fn digest(&self) -> Option<ContentDigest> {
        self.content().and_then(|blob| blob.digest).or(self.entry.spec.digest)
    }

    /// Where devices read it, while it is ready.
    #[must_use]
    pub fn uri(&self) -> Option<LocalUri> {
        self.images.shelf.ready(self.number)?;
        self.images.uri(self.number)
    }

    /// Completed retrievals by devices.
    #[must_use]
    pub const fn pulls(&self) -> u64 {
        self.entry.pulls
    }

    /// The running jobs that use it.
    pub fn jobs(&self) -> impl ExactSizeIterator<Item = JobNo> + use<'a> {
        self.entry.pins.iter().map(|&job| JobNo::new(job))
    }

    /// Time until it is over, if that is set.
    #[must_use]
    pub fn expires_in(&self) -> Option<Duration> {
        self.entry.expires.map(|at| at.saturating_since(self.images.now))
    }
}

impl Images {
    /// One image.
    #[must_use]
    pub fn image(&self, number: ImageNo) -> Option<ImageView<'_>> {
        let entry = self.shelf.images.get(&number)?;
        Some(ImageView { images: self, number, entry })
    }

    /// The number of the image a server calls so.
    #[must_use]
    pub fn number_of(&self, owner: &ServerId, key: &ImageKey) -> Option<ImageNo> {
        self.shelf.by_key(owner, key)
    }

    /// All images, oldest first.
    pub fn images(&self) -> impl DoubleEndedIterator<Item = ImageView<'_>> + ExactSizeIterator {
        let view = |(&number, entry)| ImageView { images: self, number, entry };
        self.shelf.images.iter().map(view)
    }

    /// The content that belongs on storage, with what is there of it at least; anything else may be removed.
    pub fn blobs(&self) -> impl Iterator<Item = (BlobNo, u64)> {
        self.shelf.blobs.iter().map(|(&number, blob)| (number, blob.received))
    }

    /// What a server set about storing.
    #[must_use]
    pub const fn policy(&self) -> &StoragePolicy {
        &self.shelf.policy
    }

    /// Octets stored or set aside (`Used`).
    #[must_use]
    pub const fn used(&self) -> u64 {
        self.shelf.used()
    }

    /// Octets not in use (`Free`).
    #[must_use]
    pub const fn free(&self) -> u64 {
        self.shelf.policy.quota.saturating_sub(self.shelf.used())
    }

    /// What a command that names this image by a placeholder is to say to a device; `None` if there is no such image.
    #[must_use]
    pub fn address(&self, image: ImageNo) -> Option<ImageAddress> {
        let view = self.image(image)?;
        let state = view.state();
        if let Some(uri) = view.uri() {
            return Some(ImageAddress::Local(uri));
        }
        if !self.shelf.policy.enabled || !view.spec().cacheable {
            let forbidden = ImageAddress::Failed(ResultCode::CACHING_FORBIDDEN);
            return Some(view.spec().source.clone().map_or(forbidden, ImageAddress::Origin));
        }
        Some(match (state, view.result()) {
            (ImageState::Failed, Some(code)) => ImageAddress::Failed(code),
            (ImageState::Receiving | ImageState::Downloading | ImageState::Verifying, _) => {
                ImageAddress::Pending
            }
            _ => ImageAddress::Absent,
        })
    }
}
