//! Why a message could not be read, and why a value cannot be built.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use dm_wbxml::ErrorKind;

use crate::codes::StatusCode;

/// A message could not be read: what is wrong, where, inside which element, and which Status says so to the peer.
///
/// The fault is always the peer's.
#[derive(Clone, PartialEq, Eq)]
pub struct DecodeError(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    kind: DecodeErrorKind,
    offset: usize,
    path: String,
}

impl DecodeError {
    #[cold]
    pub(crate) fn new(kind: DecodeErrorKind, offset: usize, path: String) -> Self {
        Self(Box::new(Inner { kind, offset, path }))
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> &DecodeErrorKind {
        &self.0.kind
    }

    /// Octets of the input before the place where it was noticed.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.0.offset
    }

    /// The elements around that place, from the root, joined by `/`. For an element that is [`Missing`](DecodeErrorKind::Missing) that is the
    /// one that lacks it; for one that is repeated, or holds what it must not, that one itself.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// The Status that tells the peer, where one can be sent (RepPro 1.2.2 §10): 413 beyond a limit, 415 for a character set or a version of
    /// WBXML that is not supported, UTF-16 without a byte order mark among them, else 400.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self.kind() {
            DecodeErrorKind::Document(kind) if kind.is_limit() => StatusCode::TOO_LARGE,
            DecodeErrorKind::Document(ErrorKind::Charset(_) | ErrorKind::Version(_)) => {
                StatusCode::UNSUPPORTED_FORMAT
            }
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// What is wrong with a message.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The document itself is malformed or beyond a limit.
    #[error(transparent)]
    Document(#[from] ErrorKind),
    /// The input is neither WBXML nor XML, or a WBXML document of another kind.
    #[error("this is not a SyncML document")]
    NotSyncMl,
    /// The root element is not the one asked for.
    #[error("the root element is not {0}")]
    WrongRoot(&'static str),
    /// An element that must be there is not.
    #[error("the element {0} is missing")]
    Missing(&'static str),
    /// An element that may stand once stands again.
    #[error("the element {0} stands twice")]
    Repeated(&'static str),
    /// Text between elements.
    #[error("there is text where only elements are allowed")]
    StrayText,
    /// A number that is none, or too large.
    #[error("a decimal number was expected")]
    Number,
}

impl DecodeErrorKind {
    /// A short name for scripts: lower case, words joined by `-`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Document(kind) => kind.name(),
            Self::NotSyncMl => "not-syncml",
            Self::WrongRoot(_) => "wrong-root",
            Self::Missing(_) => "missing",
            Self::Repeated(_) => "repeated",
            Self::StrayText => "stray-text",
            Self::Number => "number",
        }
    }
}

impl From<dm_wbxml::Error> for DecodeError {
    #[cold]
    fn from(error: dm_wbxml::Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::TextAmongElements => DecodeErrorKind::StrayText,
            kind => DecodeErrorKind::Document(kind.clone()),
        };
        Self::new(kind, error.offset(), error.path().into())
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind().name(), self.offset())?;
        if !self.path().is_empty() {
            write!(f, " in {}", self.path())?;
        }
        write!(f, ": {}", self.kind())
    }
}

impl fmt::Debug for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for DecodeError {}

/// A value cannot be built, because it would not be legal on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// Nothing was given where something must stand.
    #[error("{0} must not be empty")]
    Empty(&'static str),
    /// Longer than the element allows.
    #[error("{0} is longer than {1} octets")]
    TooLong(&'static str, usize),
    /// Characters that XML cannot carry.
    #[error("{0} holds control characters")]
    NotText(&'static str),
    /// White space where a token must stand.
    #[error("{0} holds white space")]
    WhiteSpace(&'static str),
    /// A value that the specification reserves.
    #[error("{0} is reserved")]
    Reserved(&'static str),
    /// A value that is not one of those there are.
    #[error("{0} is not one of the values that the specification knows")]
    Unknown(&'static str),
}
