//! Why the device cannot go on.

use std::fmt;
use std::path::Path;

use crate::store::StoreError;

/// One line for whoever started it: `error: KIND: sentence`.
#[derive(Debug)]
pub(super) struct Failure {
    kind: &'static str,
    sentence: String,
}

impl Failure {
    pub(super) fn new(kind: &'static str, sentence: impl fmt::Display) -> Self {
        Self { kind, sentence: sentence.to_string() }
    }

    pub(super) fn usage(sentence: impl fmt::Display) -> Self {
        Self::new("usage", sentence)
    }

    /// Something about a file.
    pub(super) fn file(kind: &'static str, path: &Path, error: impl fmt::Display) -> Self {
        Self::new(kind, format_args!("{}: {error}", path.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.sentence)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new("store", error)
    }
}
