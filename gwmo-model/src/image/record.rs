//! What is stored of the images, step by step.

use alloc::boxed::Box;
use core::time::Duration;

use dm_tree::ServerId;

use super::config::StoragePolicy;
use super::digest::ContentDigest;
use super::spec::{BlobNo, ImageKey, ImageNo, ImageSpec};
use super::token::ImageToken;

/// One change of the images. Replayed in order onto the last snapshot, records make the same images again; those that
/// are in the snapshot already do no harm.
///
/// It holds the tokens of local addresses in clear.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ImageRecord {
    /// Which change this is, counted from 1 over the life of the images, restarts included.
    pub(super) at: u64,
    pub(super) change: Change,
}

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Change {
    Policy(StoragePolicy),
    Added {
        image: ImageNo,
        owner: ServerId,
        key: ImageKey,
        token: ImageToken,
        spec: Box<ImageSpec>,
    },
    Edited {
        image: ImageNo,
        spec: Box<ImageSpec>,
    },
    Removed {
        image: ImageNo,
    },
    /// Content starts to come in, with as much room set aside.
    Opened {
        image: ImageNo,
        blob: BlobNo,
        way: Way,
        room: u64,
        /// Whether the room is the announced length, not the most there may be.
        exact: bool,
    },
    /// An image has the content that another one has, or will have.
    Joined {
        image: ImageNo,
        blob: BlobNo,
    },
    /// So much of it is on storage.
    Received {
        blob: BlobNo,
        len: u64,
    },
    /// All of it is on storage.
    Complete {
        blob: BlobNo,
        len: u64,
    },
    /// It is what it should be.
    Stored {
        blob: BlobNo,
        digest: ContentDigest,
    },
    /// It is what it should be, and there already.
    Merged {
        blob: BlobNo,
        into: BlobNo,
    },
    Failed {
        image: ImageNo,
        code: u16,
    },
    Evicted {
        image: ImageNo,
    },
    /// Content without images is gone from storage.
    Dropped {
        blob: BlobNo,
    },
    Pinned {
        image: ImageNo,
        job: u32,
    },
    Unpinned {
        image: ImageNo,
        job: u32,
    },
    Pulled {
        image: ImageNo,
    },
    Expires {
        image: ImageNo,
        left: Option<Duration>,
    },
    Announced {
        image: ImageNo,
    },
}

/// How content comes in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Way {
    Delivery,
    Download,
}
