//! The virtual clock and what is due on it.

use alloc::collections::BTreeMap;
use core::time::Duration;

/// Entries ordered by time, and by the order in which they were put in where times are equal.
pub(crate) struct Queue<T> {
    now: Duration,
    sequence: u64,
    entries: BTreeMap<Place, T>,
}

/// Where in the queue an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    at: Duration,
    sequence: u64,
}

impl<T> Queue<T> {
    pub(crate) const fn new() -> Self {
        Self { now: Duration::ZERO, sequence: 0, entries: BTreeMap::new() }
    }

    pub(crate) const fn now(&self) -> Duration {
        self.now
    }

    pub(crate) fn first_at(&self) -> Option<Duration> {
        self.entries.first_key_value().map(|(place, _)| place.at)
    }

    /// Puts an entry in, due at `at` or now if that has passed.
    pub(crate) fn push(&mut self, at: Duration, entry: T) -> Place {
        self.sequence += 1;
        let place = Place { at: at.max(self.now), sequence: self.sequence };
        self.entries.insert(place, entry);
        place
    }

    pub(crate) fn remove(&mut self, place: Place) {
        self.entries.remove(&place);
    }

    /// Takes the first entry out and moves the clock to it. Time does not step back: nothing is put in before now.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let (place, entry) = self.entries.pop_first()?;
        self.now = place.at;
        Some(entry)
    }

    /// Moves the clock forward, to no later than the first entry.
    pub(crate) fn advance_to(&mut self, at: Duration) {
        debug_assert!(self.first_at().is_none_or(|first| first >= at), "the clock must not pass what is due");
        self.now = self.now.max(at);
    }
}
