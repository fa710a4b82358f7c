//! One operation of one tool on one input.

use alloc::boxed::Box;
use core::fmt;
use core::hint::black_box;
use core::time::Duration;

use dm_benches::clock::{self, Operation};

use crate::child::Measured;

/// An operation to be timed.
pub(crate) struct Case<'a> {
    /// Who does it.
    pub(crate) tool: &'static str,
    /// What is done.
    pub(crate) op: &'static str,
    /// Octets that go in: of the document read, or of the document a message was read from.
    pub(crate) bytes_in: usize,
    /// What is special about it. Such a case has no row of its own; the summary speaks of it.
    pub(crate) aside: Option<Aside>,
    run: Run<'a>,
}

/// What a variant of an operation does not have to do again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Aside {
    /// Allocate its output.
    ReusedBuffer,
    /// Ask the system for memory: what was freed stays with the process.
    KeptMemory,
}

impl Aside {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ReusedBuffer => "into a reused buffer",
            Self::KeptMemory => "in memory that the process keeps",
        }
    }
}

enum Run<'a> {
    /// In this process; the answer must be the expected one.
    Here { run: Box<dyn FnMut() -> usize + 'a>, expected: usize },
    /// In its own, which has been asked for its answer.
    Elsewhere(Measured),
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
        Self { tool, op, bytes_in, aside: None, run: Run::Here { run: Box::new(run), expected } }
    }

    /// An operation of another process.
    pub(crate) fn elsewhere(
        tool: &'static str,
        op: &'static str,
        bytes_in: usize,
        measured: Measured,
    ) -> Self {
        Self { tool, op, bytes_in, aside: None, run: Run::Elsewhere(measured) }
    }

    pub(crate) fn aside(mut self, aside: Aside) -> Self {
        self.aside = Some(aside);
        self
    }

    /// Runs once and compares the answer.
    ///
    /// # Panics
    ///
    /// When the answer is wrong: timing it would be worse than useless.
    pub(crate) fn check(&mut self) {
        if let Run::Here { run, expected } = &mut self.run {
            assert_eq!(run(), *expected, "{} {} gives a wrong answer", self.tool, self.op);
        }
    }
}

impl Operation for Case<'_> {
    fn time(&mut self, runs: u64) -> Duration {
        match &mut self.run {
            Run::Here { run, .. } => clock::time(runs, || {
                black_box(run());
            }),
            Run::Elsewhere(measured) => match measured.time(runs) {
                Ok(taken) => taken,
                Err(error) => panic!("{} {} stopped: {error}", self.tool, self.op),
            },
        }
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
