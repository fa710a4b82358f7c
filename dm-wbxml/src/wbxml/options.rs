//! How strictly WBXML is read.

use crate::limits::Limits;

/// How strictly a whole WBXML document is read. The default is strict; [`Limits`] alone are the strict reading within them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// What the document may cost.
    pub limits: Limits,
    /// As [`Reader::with_missing_ends`](super::Reader::with_missing_ends). Documents inside the document are read strictly all the same:
    /// what is not a whole one stays octets.
    pub missing_ends: bool,
}

impl Options {
    /// The strict reading, within `limits`.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self { limits, missing_ends: false }
    }

    /// Sets [`missing_ends`](Self::missing_ends).
    #[must_use]
    pub const fn with_missing_ends(mut self, on: bool) -> Self {
        self.missing_ends = on;
        self
    }
}

impl From<Limits> for Options {
    fn from(limits: Limits) -> Self {
        Self::new(limits)
    }
}
