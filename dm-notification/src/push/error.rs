//! What can be wrong with what carries a message.

use core::fmt;

/// Why octets are not what should carry a message, or a message cannot be carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind} in {field} at byte {offset}")]
pub struct PushError {
    kind: PushErrorKind,
    field: PushField,
    offset: usize,
}

impl PushError {
    pub(super) const fn new(kind: PushErrorKind, field: PushField, offset: usize) -> Self {
        Self { kind, field, offset }
    }

    /// What was wrong.
    #[must_use]
    pub const fn kind(&self) -> PushErrorKind {
        self.kind
    }

    /// What was being read.
    #[must_use]
    pub const fn field(&self) -> PushField {
        self.field
    }

    /// Where it began, in octets from the beginning of what was decoded.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }
}

/// What was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PushErrorKind {
    /// The input ends before the field does.
    #[error("input ends")]
    Truncated,
    /// A variable-length number of more than five octets or 32 bits.
    #[error("number too large")]
    NumberTooLarge,
    /// Text without its terminating zero.
    #[error("text does not end")]
    Unterminated,
    /// An octet that cannot begin what should stand there.
    #[error("octet {0:#04x} cannot stand here")]
    Unexpected(u8),
    /// A name that is not visible ASCII.
    #[error("name is not visible ascii")]
    NotAName,
    /// A unit of another type than Push and ConfirmedPush.
    #[error("pdu type {0:#04x} is no push")]
    OtherPdu(u8),
    /// Two lengths that do not agree.
    #[error("lengths do not agree")]
    Length,
    /// The message is longer than 255 parts can carry, or than a receiver takes.
    #[error("message is too long")]
    TooLong,
    /// There are no octets.
    #[error("message is empty")]
    Empty,
    /// A header that is not a name, a colon and a value.
    #[error("not a header line")]
    HeaderLine,
}

/// What was being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PushField {
    /// The message as a whole.
    Message,
    /// The user data header of a short message.
    UserDataHeader,
    /// One of its information elements.
    InformationElement,
    /// The transaction id.
    TransactionId,
    /// The type of the WSP unit.
    PduType,
    /// The length of content type and headers.
    HeadersLength,
    /// The content type.
    ContentType,
    /// A parameter of the content type.
    Parameter,
    /// A header.
    Header,
}

/// The name of the field, for people.
impl fmt::Display for PushField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Message => "message",
            Self::UserDataHeader => "user data header",
            Self::InformationElement => "information element",
            Self::TransactionId => "transaction id",
            Self::PduType => "pdu type",
            Self::HeadersLength => "headers length",
            Self::ContentType => "content type",
            Self::Parameter => "content type parameter",
            Self::Header => "header",
        })
    }
}
