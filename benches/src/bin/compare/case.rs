//! One operation of one tool on one input.

use alloc::boxed::Box;
use core::fmt;
use core::hint::black_box;

/// An operation to be timed.
pub(crate) struct Case<'a> {
    /// Who does it.
    pub(crate) tool: &'static str,
    /// What is done.
    pub(crate) op: &'static str,
    /// Octets that go in: of the document read, or of the document a message was read from.
    pub(crate) bytes_in: usize,
    run: Box<dyn FnMut() -> usize + 'a>,
    expected: usize,
}

impl<'a> Case<'a> {
    /// `run` gives an answer, cheap to compute, that must be `expected`.
    pub(crate) fn new(
        tool: &'static str,
        op: &'static str,
        bytes_in: usize,
        expected: usize,
        run: impl FnMut() -> usize + 'a,
    ) -> Self {
        Self { tool, op, bytes_in, run: Box::new(run), expected }
    }

    /// Runs once and compares the answer.
    ///
    /// # Panics
    ///
    /// When the answer is wrong: timing it would be worse than useless.
    pub(crate) fn check(&mut self) {
        let answer = (self.run)();
        assert_eq!(answer, self.expected, "{} {} gives a wrong answer", self.tool, self.op);
    }

    pub(crate) fn run(&mut self) {
        black_box((self.run)());
    }
}

/// A tool cannot read an input.
#[derive(Debug)]
pub(crate) struct Refused {
    tool: &'static str,
    why: String,
}

impl Refused {
    pub(crate) fn new(tool: &'static str, why: &dyn fmt::Display) -> Self {
        Self { tool, why: why.to_string() }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not read by {}: {}", self.tool, self.why)
    }
}
