//! What can be wrong with a call about images.

use dm_syncml::StatusCode;
use thiserror::Error;

use super::spec::ImageNo;
use crate::error::error_type;

/// Why a text is no digest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum DigestError {
    /// It does not say `sha-256:`; that is the only one there is.
    #[error("digest is not 'sha-256:' and digits")]
    Algorithm,
    /// There are not exactly 64 hexadecimal digits.
    #[error("digest has not exactly 64 hexadecimal digits")]
    Digits,
}

error_type! {
    /// Why the images did not take an input.
    ImageError,
    /// The reasons of an [`ImageError`].
    ImageErrorKind {
        /// The owner has an image with this key; nothing changed.
        ImageExists {
            /// That image.
            image: ImageNo
        } => ALREADY_EXISTS "image exists already as {image}",
        /// There is no such image.
        UnknownImage => NOT_FOUND "no such image",
        /// There are as many images as there may be, or dropped content was not confirmed for too long.
        TooManyImages => DEVICE_FULL "too many images",
        /// A text about the image is longer than is kept, or holds a control character.
        BadText => BAD_REQUEST "text is too long or holds a control character",
        /// The server forbade to store this image, or any.
        StoringForbidden => NOT_ALLOWED "storing is forbidden",
        /// The image is in a state that does not allow it.
        WrongState => NOT_ALLOWED "image is not in a state for that",
        /// A running job uses the image.
        InUse => NOT_ALLOWED "a running job uses the image",
        /// As many jobs use the image as may.
        TooManyPins => DEVICE_FULL "too many jobs use the image",
        /// As many devices or groups are named as may be.
        TooManyReaders => TOO_LARGE "too many readers of an image are named",
        /// The image has no source to fetch it from.
        NoSource => INCOMPLETE_COMMAND "image has no source",
        /// The image has no digest, and content that is fetched without one could be anything.
        NoDigest => INCOMPLETE_COMMAND "image has no digest",
        /// The content is larger than an image may be.
        TooLarge {
            /// The largest there may be, in octets.
            max: u64
        } => TOO_LARGE "content is larger than {max} octet(s)",
        /// The content is not as long as was announced.
        SizeMismatch {
            /// The announced length, in octets.
            announced: u64
        } => SIZE_MISMATCH "content is not as long as announced, {announced} octet(s)",
        /// A chunk does not follow on the one before it.
        WrongOffset {
            /// Where the next chunk has to start.
            expected: u64
        } => PARTIAL_NOT_ACCEPTED "chunk does not start at {expected}",
        /// There is no room, and nothing that may be evicted for it. Nothing was evicted.
        StorageFull => DEVICE_FULL "storage is full",
    }
}

/// Why a device does not get an image.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ServeRefusal {
    /// No image has this address, or not any more. Which of the two is not said, nor whether only the token is wrong.
    #[error("no image has this address")]
    UnknownAddress,
    /// The device is not among those that may read it.
    #[error("the device may not read this image")]
    OutOfScope,
    /// The range starts behind the end.
    #[error("range starts behind the end, at {len}")]
    BadRange {
        /// Length of the image, in octets.
        len: u64,
    },
    /// As many are served as may be, all together or this device; it may ask again.
    #[error("too many are served already")]
    Busy,
}

impl ServeRefusal {
    /// How HTTP says so (RFC 9110 §15).
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::UnknownAddress => 404,
            Self::OutOfScope => 403,
            Self::BadRange { .. } => 416,
            Self::Busy => 503,
        }
    }
}

/// Why a snapshot and its records do not make a store of images.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("{kind}")]
pub struct ImageRestoreError {
    kind: ImageRestoreErrorKind,
}

/// The reasons of an [`ImageRestoreError`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ImageRestoreErrorKind {
    /// The snapshot was written by another version.
    #[error("unknown version {0}")]
    Version(u16),
    /// The snapshot contradicts itself.
    #[error("snapshot contradicts itself")]
    Inconsistent,
    /// A record does not fit: one before it is missing, or it is of another store.
    #[error("record {at} does not fit")]
    Misfit {
        /// Which one, counted from 0.
        at: usize,
    },
}

impl ImageRestoreError {
    pub(super) const fn new(kind: ImageRestoreErrorKind) -> Self {
        Self { kind }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> ImageRestoreErrorKind {
        self.kind
    }
}
