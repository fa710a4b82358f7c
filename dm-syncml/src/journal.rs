//! Records before effects: what a machine wants stored, and what it holds back until that is done.

use alloc::collections::VecDeque;
use core::fmt;

/// Numbers the records of one machine or session, from 1. A report of one number stands for all before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RecordSeq(pub(crate) u64);

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

/// The records of a machine that are on their way to storage, and the outputs that wait for them: what machines that
/// survive a restart are built with.
///
/// An output that is held waits for all records made before it, so effects come out in the order they were decided
/// in, and none before what it rests on is stored. Records do not wait for each other.
///
/// ```
/// use dm_syncml::Journal;
///
/// let mut journal = Journal::new();
/// journal.record("the job was started");
/// journal.hold("notify the device");
/// assert_eq!(journal.next_released(), None);
/// let Some((seq, record)) = journal.next_record() else { unreachable!() };
/// assert_eq!((seq.get(), record), (1, "the job was started"));
/// journal.persisted(seq); // once it is stored
/// assert_eq!(journal.next_released(), Some("notify the device"));
/// ```
#[derive(Clone, Debug)]
pub struct Journal<R, O> {
    last: u64,
    stored: u64,
    records: VecDeque<R>,
    held: VecDeque<(u64, O)>,
}

impl<R, O> Default for Journal<R, O> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R, O> Journal<R, O> {
    /// Nothing recorded yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: 0, stored: 0, records: VecDeque::new(), held: VecDeque::new() }
    }

    /// Wants something stored.
    #[inline]
    pub fn record(&mut self, record: R) {
        self.last += 1;
        self.records.push_back(record);
    }

    /// Wants something done, once everything recorded so far is stored.
    #[inline]
    pub fn hold(&mut self, output: O) {
        self.held.push_back((self.last, output));
    }

    /// Everything up to this record is stored. Numbers that were reported before, or never given, say nothing new.
    pub fn persisted(&mut self, seq: RecordSeq) {
        // What is still in the queue was not handed out, so it cannot be stored.
        let handed_out = self.last - self.records.len() as u64;
        self.stored = self.stored.max(seq.0.min(handed_out));
    }

    /// The next record to hand out.
    pub fn next_record(&mut self) -> Option<(RecordSeq, R)> {
        let seq = self.last - self.records.len() as u64 + 1;
        self.records.pop_front().map(|record| (RecordSeq(seq), record))
    }

    /// The next output that waits for nothing any more.
    pub fn next_released(&mut self) -> Option<O> {
        if self.held.front().is_some_and(|&(after, _)| after <= self.stored) {
            self.held.pop_front().map(|(_, output)| output)
        } else {
            None
        }
    }

    /// The record made last.
    #[must_use]
    pub const fn last(&self) -> RecordSeq {
        RecordSeq(self.last)
    }

    /// The last record that is stored, as all before it are.
    #[must_use]
    pub const fn stored(&self) -> RecordSeq {
        RecordSeq(self.stored)
    }

    /// Outputs that wait, and those that were not asked for yet, in their order.
    pub fn waiting(&self) -> impl DoubleEndedIterator<Item = &O> + ExactSizeIterator {
        self.held.iter().map(|(_, output)| output)
    }

    /// Forgets outputs that are not to happen any more.
    pub fn retain(&mut self, mut keep: impl FnMut(&O) -> bool) {
        self.held.retain(|(_, output)| keep(output));
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
        assert_eq!((journal.next_record(), journal.waiting().len()), (None, 1));
        journal.persisted(RecordSeq::new(2));
        journal.persisted(RecordSeq::new(1));
        assert_eq!((journal.next_released(), journal.waiting().len()), (Some("after b"), 0));
    }
}
