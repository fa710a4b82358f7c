//! Why a text is no selector, or one that makes no sense.

use dm_syncml::StatusCode;
use thiserror::Error;

use super::Selector;

/// What is wrong with a selector, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("{kind} at octet {offset}")]
pub struct SelectorError {
    kind: SelectorErrorKind,
    offset: usize,
}

/// The ways a selector can be wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum SelectorErrorKind {
    /// It is longer than [`Selector::MAX_LEN`].
    #[error("selector is longer than {} octet(s)", Selector::MAX_LEN)]
    TooLong,
    /// It is nested deeper than [`Selector::MAX_DEPTH`].
    #[error("selector is nested deeper than {}", Selector::MAX_DEPTH)]
    TooDeep,
    /// The name of a field, `!` or `(` must stand here.
    #[error("no comparison")]
    NoComparison,
    /// An operator must stand here.
    #[error("no operator")]
    NoOperator,
    /// A value must stand here: a string in double quotes, or digits and dots.
    #[error("no value")]
    NoValue,
    /// A string has no end, or holds a control character or a backslash before anything but itself or a quote.
    #[error("bad string")]
    BadString,
    /// A parenthesis was opened and is not closed here.
    #[error("no closing parenthesis")]
    NotClosed,
    /// Something follows the end.
    #[error("something follows the selector")]
    TrailingText,
    /// No record has such a leaf ([`Selector::check`]).
    #[error("unknown field")]
    UnknownField,
    /// A number is compared with what is none ([`Selector::check`]).
    #[error("field is compared with a number only")]
    NotANumber,
}

impl SelectorError {
    pub(super) const fn new(kind: SelectorErrorKind, offset: usize) -> Self {
        Self { kind, offset }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> SelectorErrorKind {
        self.kind
    }

    /// Where, in octets.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// The Status to answer a server with that sent the selector.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self.kind {
            SelectorErrorKind::TooLong | SelectorErrorKind::TooDeep => StatusCode::TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}
