//! Why a program cannot go on.

use std::fmt;
use std::path::Path;

use crate::store::StoreError;

/// One line for whoever started it: `error: KIND: sentence`. The kind is for scripts, the sentence for people.
#[derive(Clone, Debug)]
pub struct Failure {
    pub(crate) kind: &'static str,
    pub(crate) sentence: String,
}

impl Failure {
    /// A failure of this kind.
    pub fn new(kind: &'static str, sentence: impl fmt::Display) -> Self {
        Self { kind, sentence: sentence.to_string() }
    }

    /// Something was asked for wrongly.
    pub fn usage(sentence: impl fmt::Display) -> Self {
        Self::new("usage", sentence)
    }

    /// Something about a file.
    pub fn file(kind: &'static str, path: &Path, error: impl fmt::Display) -> Self {
        Self::new(kind, format_args!("{}: {error}", path.display()))
    }

    /// What kind it is.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.kind
    }

    /// 1 where the answer is no (there is no such thing, or there is one already, or it is too late), 2 for everything else.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        if matches!(self.kind, "not-found" | "conflict") { 1 } else { 2 }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.sentence)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Write(_) => {
                Self::new("store", format_args!("{error}; make room on its disk, and start again"))
            }
            error => Self::new("store", error),
        }
    }
}
