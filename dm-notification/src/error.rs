//! What can go wrong: reading octets, making values, verifying.

use core::fmt;

use crate::Version;

/// Why octets are not a notification: what was wrong, in which field, at which byte.
///
/// It is always the sender's fault (or the carrier's), and never answered: drop the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind} while reading the {field} at byte {offset}")]
pub struct DecodeError {
    kind: DecodeErrorKind,
    field: Field,
    offset: usize,
}

impl DecodeError {
    pub(crate) const fn new(kind: DecodeErrorKind, field: Field, offset: usize) -> Self {
        Self { kind, field, offset }
    }

    /// What was wrong.
    #[must_use]
    pub const fn kind(&self) -> DecodeErrorKind {
        self.kind
    }

    /// The field that could not be read.
    #[must_use]
    pub const fn field(&self) -> Field {
        self.field
    }

    /// Where that field begins: bytes from the start of the message, digest included.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }
}

/// What was wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The message ended early.
    #[error("input ended, {missing} more byte(s) needed,")]
    Truncated {
        /// How many more bytes the field, or the smallest message (25 bytes), would have needed.
        missing: usize,
    },
    /// The message is longer than [`Policy::max_octets`](crate::Policy::max_octets).
    #[error("more than {limit} bytes")]
    TooLong {
        /// The limit in force.
        limit: usize,
    },
    /// The length-identifier is zero although bytes follow it.
    #[error("no server identifier")]
    EmptyServerIdentifier,
    /// [`Policy::versions`](crate::Policy::versions) does not take this version.
    #[error("version {0} not accepted")]
    VersionRefused(Version),
    /// The session id is zero, which is outside the range of the standard, and the policy does not take it.
    #[error("session id zero")]
    ZeroSessionId,
}

/// A part of the message, in the words of the standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Field {
    /// The message as a whole.
    Message,
    /// Bytes 0 to 15.
    Digest,
    /// The ten bits from byte 16 on.
    Version,
    /// The 27 bits that end with byte 20.
    FutureUse,
    /// Bytes 21 and 22.
    SessionId,
    /// Byte 23.
    LengthIdentifier,
    /// The bytes from 24 on.
    ServerIdentifier,
    /// What a notification of Data Sync has behind its server identifier.
    DsBody,
}

impl Field {
    /// The field that a message ending after `len` bytes breaks off in, and where that field begins.
    pub(crate) const fn cut_at(len: usize) -> (Self, usize) {
        match len {
            0..16 => (Self::Digest, 0),
            16..18 => (Self::Version, 16),
            // Bits 2 to 0 of byte 17 belong to it too; 18 is its first whole byte.
            18..21 => (Self::FutureUse, 18),
            21..23 => (Self::SessionId, 21),
            23 => (Self::LengthIdentifier, 23),
            _ => (Self::ServerIdentifier, 24),
        }
    }
}

/// The name of the field, for people.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Message => "message",
            Self::Digest => "digest",
            Self::Version => "version",
            Self::FutureUse => "future-use",
            Self::SessionId => "sessionid",
            Self::LengthIdentifier => "length-identifier",
            Self::ServerIdentifier => "server-identifier",
            Self::DsBody => "list of synchronizations",
        })
    }
}

/// Why a value cannot be part of a notification. The mistake is the caller's, or that of whoever typed the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct ValueError {
    kind: ValueErrorKind,
}

impl ValueError {
    pub(crate) const fn new(kind: ValueErrorKind) -> Self {
        Self { kind }
    }

    /// What was wrong.
    #[must_use]
    pub const fn kind(&self) -> ValueErrorKind {
        self.kind
    }
}

/// What was wrong with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ValueErrorKind {
    /// A server identifier has at least one octet.
    #[error("server identifier is empty")]
    EmptyServerIdentifier,
    /// A server identifier has at most 255 octets.
    #[error("server identifier has {len} octets, 255 fit")]
    ServerIdentifierTooLong {
        /// Its length in octets.
        len: usize,
    },
    /// A version has ten bits.
    #[error("version field {0} does not fit ten bits")]
    VersionTooLarge(u16),
    /// Session ids count from 1; see [`SessionId::ZERO`](crate::SessionId::ZERO).
    #[error("session id is zero")]
    ZeroSessionId,
    /// The text is not the hexadecimal form of a session id.
    #[error("session id is not one to four hexadecimal digits in the form asked for")]
    SessionIdText,
    /// The text is not the Base64 form of an MD5 hash.
    #[error("stored form of a credential is not 24 characters of Base64")]
    StoredForm,
    /// At most 15 synchronizations, content types of 24 bits, URIs of 255 octets.
    #[error("synchronizations do not fit a notification")]
    DsSync,
    /// The octets are no snapshot of this version.
    #[error("not a snapshot of a version that is known")]
    Snapshot,
}

/// Why a notification is not to be trusted. Drop it; there is nobody to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct VerifyError {
    kind: VerifyErrorKind,
}

impl VerifyError {
    pub(crate) const fn new(kind: VerifyErrorKind) -> Self {
        Self { kind }
    }

    /// What was wrong.
    #[must_use]
    pub const fn kind(&self) -> VerifyErrorKind {
        self.kind
    }
}

/// What was wrong with a notification's claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyErrorKind {
    /// The notification names another server than the credential belongs to.
    #[error("notification names another server")]
    OtherServer,
    /// The digest is not the one that this credential and this nonce give.
    #[error("digest does not match")]
    WrongDigest,
}
