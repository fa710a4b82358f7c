//! What the images want done.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;

use dm_syncml::{Instant, RecordSeq};
use dm_tree::ServerId;

use super::record::ImageRecord;
use super::spec::{BlobNo, ImageNo};
use super::token::AddressName;
use crate::fanout::ResultCode;

/// The address a device reads an image at (`URI`). `Display` shows it in full, `Debug` hides what cannot be guessed.
#[derive(Clone, PartialEq, Eq)]
pub struct LocalUri {
    base: Arc<str>,
    name: AddressName,
}

impl LocalUri {
    pub(super) const fn new(base: Arc<str>, name: AddressName) -> Self {
        Self { base, name }
    }

    /// Its last segment, to be read with [`AddressName::parse`] when a device asks for it.
    #[must_use]
    pub const fn name(&self) -> &AddressName {
        &self.name
    }
}

impl fmt::Display for LocalUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.base, self.name)
    }
}

impl fmt::Debug for LocalUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", self.base, self.name)
    }
}

/// What the images want done. Do it in the order it comes in: room is given away again as soon as its
/// [`Drop`](Self::Drop) is on its way.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ImagesOutput {
    /// Store this record, then report with [`Images::handle_persisted`](super::Images::handle_persisted).
    Persist(RecordSeq, ImageRecord),
    /// Ask the policy of the gateway whether it may fetch this address, which a server named and which may well point
    /// at something inside. Report with [`Images::handle_fetch_allowed`](super::Images::handle_fetch_allowed) or
    /// [`Images::handle_fetch_denied`](super::Images::handle_fetch_denied). It is asked before every attempt.
    AuthorizeFetch {
        /// The image.
        image: ImageNo,
        /// The attempt.
        blob: BlobNo,
        /// The address.
        url: Box<str>,
    },
    /// Fetch content, from this octet on, and never more than `max` octets in all. Do not follow redirects: report
    /// them with [`Images::handle_fetch_redirected`](super::Images::handle_fetch_redirected). What is on storage
    /// behind `resume_from` is to be overwritten.
    FetchUrl {
        /// The attempt.
        blob: BlobNo,
        /// The address.
        url: Box<str>,
        /// How much is on storage already.
        resume_from: u64,
        /// The most there may be in all, in octets.
        max: u64,
    },
    /// Stop fetching; what still comes in is not to be stored.
    CancelFetch {
        /// The attempt.
        blob: BlobNo,
    },
    /// Store the octets of a chunk that was taken, then report with
    /// [`Images::handle_stored`](super::Images::handle_stored).
    StoreChunk {
        /// The attempt.
        blob: BlobNo,
        /// Where it starts.
        offset: u64,
        /// How long it is.
        len: u64,
    },
    /// A chunk is stored, and the server may be told so.
    ChunkStored {
        /// The image.
        image: ImageNo,
        /// How much is stored in all.
        received: u64,
        /// Whether that is everything.
        complete: bool,
    },
    /// Compute the SHA-256 of what is on storage, and report with
    /// [`Images::handle_digest`](super::Images::handle_digest).
    HashRequest {
        /// The content.
        blob: BlobNo,
        /// How long it is.
        len: u64,
    },
    /// An image can be read at this address, by those whom
    /// [`Images::handle_serve_request`](super::Images::handle_serve_request) lets.
    Publish {
        /// The image.
        image: ImageNo,
        /// Its content.
        blob: BlobNo,
        /// Its address.
        uri: LocalUri,
    },
    /// An image can no longer be read.
    Unpublish {
        /// The image.
        image: ImageNo,
    },
    /// The owner is to hear that the image is ready (`imageready`). Report with
    /// [`Images::handle_announced`](super::Images::handle_announced) once that is certain.
    ImageReady {
        /// The image.
        image: ImageNo,
        /// Who added it.
        owner: ServerId,
        /// Its address.
        uri: LocalUri,
    },
    /// The owner is to hear that the image failed (`imagefailed`). Report with
    /// [`Images::handle_announced`](super::Images::handle_announced) once that is certain.
    ImageFailed {
        /// The image.
        image: ImageNo,
        /// Who added it.
        owner: ServerId,
        /// Why.
        code: ResultCode,
    },
    /// Nothing needs this content: remove it, then report with
    /// [`Images::handle_dropped`](super::Images::handle_dropped). That it is not there is as good.
    Drop {
        /// The content.
        blob: BlobNo,
    },
    /// Nothing else is due before this time, or before the next input if there is none. Always the last output.
    Wait(Option<Instant>),
}
