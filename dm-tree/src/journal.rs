//! Records before effects: what a machine wants stored, and what it holds back until that is done.

use alloc::collections::VecDeque;
use core::fmt;

/// Numbers the records of one machine, from 1. A report of one number stands for all before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RecordSeq(u64);

impl RecordSeq {
    /// The record with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for RecordSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The records of one machine that are on their way to storage, and the outputs that wait for them.
///
/// An output that is held waits for all records made before it, so effects come out in the order they were decided
/// in, and none before what it rests on is stored.
#[derive(Clone, Debug)]
pub(crate) struct Journal<R, O> {
    last: u64,
    stored: u64,
    records: VecDeque<R>,
    held: VecDeque<(u64, O)>,
}

impl<R, O> Journal<R, O> {
    pub(crate) const fn new() -> Self {
        Self { last: 0, stored: 0, records: VecDeque::new(), held: VecDeque::new() }
    }

    /// Wants something stored.
    pub(crate) fn record(&mut self, record: R) {
        self.last += 1;
        self.records.push_back(record);
    }

    /// Wants something done, once everything recorded so far is stored.
    pub(crate) fn hold(&mut self, output: O) {
        self.held.push_back((self.last, output));
    }

    /// Everything up to this record is stored. Numbers never given say nothing.
    pub(crate) fn persisted(&mut self, seq: RecordSeq) {
        let handed_out = self.last - self.records.len() as u64;
        self.stored = self.stored.max(seq.0.min(handed_out));
    }

    /// The next record to hand out.
    pub(crate) fn next_record(&mut self) -> Option<(RecordSeq, R)> {
        let seq = self.last - self.records.len() as u64 + 1;
        self.records.pop_front().map(|record| (RecordSeq(seq), record))
    }

    /// The next output that waits for nothing any more.
    pub(crate) fn next_released(&mut self) -> Option<O> {
        let is_free = self.held.front().is_some_and(|&(after, _)| after <= self.stored);
        if is_free { self.held.pop_front().map(|(_, output)| output) } else { None }
    }

    /// Forgets outputs that are not to happen any more.
    pub(crate) fn retain_held(&mut self, mut keep: impl FnMut(&O) -> bool) {
        self.held.retain(|(_, output)| keep(output));
    }

    /// Whether an output waits.
    pub(crate) fn holds(&self, is_it: impl Fn(&O) -> bool) -> bool {
        self.held.iter().any(|(_, output)| is_it(output))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effects_wait_for_what_they_rest_on() {
        let mut journal = Journal::new();
        journal.hold("free");
        journal.record('a');
        journal.hold("after a");
        journal.record('b');
        journal.hold("after b");
        assert_eq!((journal.next_released(), journal.next_released()), (Some("free"), None));
        journal.persisted(RecordSeq::new(7));
        assert_eq!(journal.next_released(), None, "nothing was handed out yet");
        assert_eq!(journal.next_record(), Some((RecordSeq::new(1), 'a')));
        journal.persisted(RecordSeq::new(1));
        assert_eq!((journal.next_released(), journal.next_released()), (Some("after a"), None));
        assert_eq!(journal.next_record(), Some((RecordSeq::new(2), 'b')));
        assert!(journal.next_record().is_none() && journal.holds(|output| *output == "after b"));
        journal.persisted(RecordSeq::new(2));
        journal.persisted(RecordSeq::new(1));
        assert_eq!(journal.next_released(), Some("after b"));
    }
}
