//! What is wrong with an address.

use dm_syncml::StatusCode;

/// An address that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset} of the uri")]
pub struct UriError {
    pub(super) kind: UriErrorKind,
    pub(super) offset: usize,
}

impl UriError {
    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> UriErrorKind {
        self.kind
    }

    /// The byte at which it was noticed.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// What to answer: 414 for a length, 500 for anything malformed.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self.kind {
            UriErrorKind::TooDeep | UriErrorKind::TooLong | UriErrorKind::SegmentTooLong => {
                StatusCode::URI_TOO_LONG
            }
            _ => StatusCode::COMMAND_FAILED,
        }
    }
}

/// What is wrong with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriErrorKind {
    /// Nothing at all; the root is `.`.
    #[error("empty address")]
    Empty,
    /// It begins with `/`.
    #[error("leading slash")]
    LeadingSlash,
    /// It ends with `/`.
    #[error("trailing slash")]
    TrailingSlash,
    /// Two slashes in a row, or an empty name.
    #[error("empty segment")]
    EmptySegment,
    /// `.` or `..` as a name, spelled out or escaped, or a segment ending in `.` before a slash.
    #[error("dot segment")]
    DotSegment,
    /// A character that must be escaped.
    #[error("character {0:?} that must be escaped")]
    BadCharacter(char),
    /// `%` without two hexadecimal digits.
    #[error("broken percent escape")]
    BadEscape,
    /// Escapes that do not spell UTF-8.
    #[error("percent escapes that are not utf-8")]
    NotUtf8,
    /// A query other than `prop=` or `list=` with a value.
    #[error("unknown query")]
    BadQuery,
    /// More segments than `MaxDepth`.
    #[error("too many segments")]
    TooDeep,
    /// More characters than `MaxTotLen`.
    #[error("too many characters")]
    TooLong,
    /// A segment of more characters than `MaxSegLen`.
    #[error("too long a segment")]
    SegmentTooLong,
}
