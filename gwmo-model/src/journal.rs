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
/// Every output that is held waits for all records made before it, so effects come out in the order they were
/// decided in, and none before what it rests on is stored. Records do not wait for each other.
#[derive(Debug)]
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
    #[inline]
    pub(crate) fn record(&mut self, record: R) {
        self.last += 1;
        self.records.push_back(record);
    }

    /// Wants something done, once everything recorded so far is stored.
    #[inline]
    pub(crate) fn hold(&mut self, output: O) {
        self.held.push_back((self.last, output));
    }

    /// Everything up to this record is stored. Numbers that were reported before, or never given, say nothing new.
    pub(crate) fn persisted(&mut self, seq: RecordSeq) {
        // What is still in the queue was not handed out, so it cannot be stored.
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
        if self.held.front().is_some_and(|&(after, _)| after <= self.stored) {
            self.held.pop_front().map(|(_, output)| output)
        } else {
            None
        }
    }

    /// The record made last.
    pub(crate) const fn last(&self) -> RecordSeq {
        RecordSeq(self.last)
    }

    /// The last record that is stored, as all before it are.
    pub(crate) const fn stored(&self) -> RecordSeq {
        RecordSeq(self.stored)
    }

    /// Outputs that wait, and those that were not asked for yet, in their order.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &O> {
        self.held.iter().map(|(_, output)| output)
    }

    /// Gives back memory that nobody needs now.
    pub(crate) fn relax(&mut self) {
        self.records.shrink_to_fit();
        self.held.shrink_to_fit();
    }

    /// Outputs that wait.
    #[allow(dead_code, reason = "not every build has a machine that bounds them")]
    pub(crate) fn held(&self) -> usize {
        self.held.len()
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
        assert_eq!((journal.next_record(), journal.held()), (None, 1));
        journal.persisted(RecordSeq::new(2));
        journal.persisted(RecordSeq::new(1));
        assert_eq!((journal.next_released(), journal.held()), (Some("after b"), 0));
    }
}
