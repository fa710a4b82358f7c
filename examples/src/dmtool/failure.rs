//! Why there is no result.

use std::fmt;
use std::io;

use dm_syncml::DecodeError;

/// What kept a subcommand from its result: one line for scripts, `error: KIND at byte OFFSET in ELEMENTS: sentence`, and the file it is about.
#[derive(Debug)]
pub(super) struct Failure {
    line: String,
    file: Option<String>,
    fault: Fault,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    /// The input is not what it should be.
    Input,
    /// The arguments, or a file that could not be read or written.
    Caller,
    /// Whoever read the output has seen enough.
    Unread,
}

impl Failure {
    /// Input that is malformed, in the words of a decoder.
    pub(super) fn malformed(error: &impl Described) -> Self {
        Self { line: error.line(), file: None, fault: Fault::Input }
    }

    /// Input of which no decoder can be asked.
    pub(super) fn unfit(kind: &str, offset: usize, sentence: &str) -> Self {
        Self { line: format!("{kind} at byte {offset}: {sentence}"), file: None, fault: Fault::Input }
    }

    /// Arguments that make no sense together.
    pub(super) fn usage(sentence: &str) -> Self {
        Self { line: format!("usage: {sentence}"), file: None, fault: Fault::Caller }
    }

    /// A file that cannot be read.
    pub(super) fn reading(file: &str, error: &io::Error) -> Self {
        Self::io("read", file, error)
    }

    /// A file that cannot be written.
    pub(super) fn writing(file: &str, error: &io::Error) -> Self {
        Self::io("write", file, error)
    }

    fn io(verb: &str, file: &str, error: &io::Error) -> Self {
        let fault = if error.kind() == io::ErrorKind::BrokenPipe { Fault::Unread } else { Fault::Caller };
        Self { line: format!("io: cannot {verb} {file:?}: {error}"), file: None, fault }
    }

    /// Names the file it is about.
    pub(super) fn in_file(mut self, file: &str) -> Self {
        self.file.get_or_insert_with(|| file.into());
        self
    }

    /// Whether the input is to blame.
    pub(super) fn is_malformed(&self) -> bool {
        self.fault == Fault::Input
    }
}

/// The line, and the file on a line of its own; nothing when nobody listens.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.fault == Fault::Unread {
            return Ok(());
        }
        writeln!(f, "error: {}", self.line)?;
        self.file.iter().try_for_each(|file| writeln!(f, "  in the file {file:?}"))
    }
}

/// An error of a decoder, which says its kind, offset and elements itself.
pub(super) trait Described {
    /// `KIND at byte OFFSET in ELEMENTS: sentence`
    fn line(&self) -> String;
}

impl Described for DecodeError {
    fn line(&self) -> String {
        self.to_string()
    }
}

impl Described for dm_wbxml::Error {
    fn line(&self) -> String {
        self.to_string()
    }
}
