//! Execs that were accepted and end later (DM Protocol 1.2.1, Exec and generic alerts): their Correlators, across sessions.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
#[cfg(feature = "serde")]
use alloc::vec::Vec;
use core::time::Duration;

use crate::model::Correlator;
use crate::time::Instant;

use super::report::GenericAlert;
#[cfg(feature = "serde")]
use super::snapshot::{RestoreError, due, remaining};

/// Which Execs are still running on which device.
///
/// An Exec that takes long is answered 202, and its outcome comes as a generic alert with the same Correlator, often in a session that the
/// device begins much later. This table makes Correlators, remembers for each what the caller wants to find again, and finds it when the
/// alert comes. It belongs beside the sessions of a server; a Correlator counts for the device it was made for and for no other.
///
/// ```
/// use core::time::Duration;
/// use dm_syncml::session::{CorrelatorOutput, Correlators, GenericAlert};
/// use dm_syncml::{Data, Format, Instant};
///
/// let now = Instant::EPOCH;
/// let mut correlators = Correlators::new(1000);
/// let correlator = correlators.issue(now, "IMEI:1", 42, Duration::from_secs(3600)).expect("there is room");
///
/// // Later, in another session:
/// let alert = GenericAlert::new("org.example.done", Format::INT, Data::text("1200")?)?.with_correlator(correlator);
/// assert_eq!(correlators.handle_alert(now, "IMEI:2", &alert), None, "nobody answers for another");
/// assert_eq!(correlators.handle_alert(now, "IMEI:1", &alert), Some(42));
/// assert_eq!(correlators.poll_output(), CorrelatorOutput::Wait(None));
/// # Ok::<(), dm_syncml::ValueError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Correlators {
    capacity: usize,
    next: u64,
    running: BTreeMap<u64, Running>,
    /// By their deadlines.
    due: BTreeSet<(Instant, u64)>,
    now: Instant,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Running {
    device: String,
    ticket: u64,
    deadline: Instant,
}

/// What the table has to say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CorrelatorOutput {
    /// The alert for this ticket did not come in its time; it is not waited for any more.
    Expired(u64),
    /// Nothing is due before this time; `None` when nothing is due at all.
    Wait(Option<Instant>),
}

impl Correlators {
    /// A table of at most so many running Execs.
    #[must_use]
    pub const fn new(capacity: usize) -> Self {
        Self { capacity, next: 0, running: BTreeMap::new(), due: BTreeSet::new(), now: Instant::EPOCH }
    }

    /// Makes the Correlator for an Exec on `device`. `ticket` is what [`handle_alert`](Self::handle_alert) gives back, within `lifetime`.
    /// `None` when the table is full.
    pub fn issue(
        &mut self,
        now: Instant,
        device: &str,
        ticket: u64,
        lifetime: Duration,
    ) -> Option<Correlator<'static>> {
        self.advance(now);
        if self.running.len() >= self.capacity {
            return None;
        }
        let number = self.next.checked_add(1)?;
        self.next = number;
        let deadline = self.now + lifetime;
        self.due.insert((deadline, number));
        self.running.insert(number, Running { device: device.into(), ticket, deadline });
        // Digits are text.
        Correlator::new(format!("{number}")).ok()
    }

    /// A generic alert of `device` has come: the ticket of the Exec whose outcome it is, if it is one's.
    pub fn handle_alert(&mut self, now: Instant, device: &str, alert: &GenericAlert) -> Option<u64> {
        self.advance(now);
        let text = alert.correlator.as_ref()?.as_str();
        let number: u64 = crate::model::parse_decimal(text)?;
        if self.running.get(&number)?.device != device {
            return None;
        }
        self.take(number)
    }

    /// The Exec will have no outcome: it was refused, or was not sent.
    pub fn handle_refused(&mut self, now: Instant, correlator: &Correlator<'_>) -> Option<u64> {
        self.advance(now);
        self.take(crate::model::parse_decimal(correlator.as_str())?)
    }

    /// Time has passed.
    pub fn handle_tick(&mut self, now: Instant) {
        self.advance(now);
    }

    /// What is to be known next; call until it says [`CorrelatorOutput::Wait`].
    pub fn poll_output(&mut self) -> CorrelatorOutput {
        while let Some(&(deadline, number)) = self.due.first() {
            if deadline > self.now {
                return CorrelatorOutput::Wait(Some(deadline));
            }
            if let Some(ticket) = self.take(number) {
                return CorrelatorOutput::Expired(ticket);
            }
            self.due.remove(&(deadline, number));
        }
        CorrelatorOutput::Wait(None)
    }

    /// How many Execs are running.
    #[must_use]
    pub fn len(&self) -> usize {
        self.running.len()
    }

    /// Whether none is running.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    fn take(&mut self, number: u64) -> Option<u64> {
        let running = self.running.remove(&number)?;
        self.due.remove(&(running.deadline, number));
        Some(running.ticket)
    }

    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }
}

/// The table as a value for any store (feature `serde`).
#[cfg(feature = "serde")]
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct CorrelatorsSnapshot {
    version: u32,
    next: u64,
    running: Vec<RunningState>,
}

#[cfg(feature = "serde")]
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
struct RunningState {
    number: u64,
    device: String,
    ticket: u64,
    /// Milliseconds.
    remaining: u64,
}

#[cfg(feature = "serde")]
impl Correlators {
    const VERSION: u32 = 1;

    /// The table as it is.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> CorrelatorsSnapshot {
        let now = self.now.max(now);
        let state = |(number, running): (&u64, &Running)| RunningState {
            number: *number,
            device: running.device.clone(),
            ticket: running.ticket,
            remaining: remaining(now, running.deadline),
        };
        CorrelatorsSnapshot {
            version: Self::VERSION,
            next: self.next,
            running: self.running.iter().map(state).collect(),
        }
    }

    /// The table that a snapshot was taken of, of at most `capacity` running Execs from now on.
    ///
    /// # Errors
    /// The snapshot is of another version.
    pub fn restore(
        now: Instant,
        capacity: usize,
        snapshot: CorrelatorsSnapshot,
    ) -> Result<Self, RestoreError> {
        if snapshot.version != Self::VERSION {
            return Err(RestoreError::Version(snapshot.version));
        }
        let mut table = Self { next: snapshot.next, now, ..Self::new(capacity) };
        for RunningState { number, device, ticket, remaining } in snapshot.running {
            let deadline = due(now, remaining);
            table.due.insert((deadline, number));
            table.running.insert(number, Running { device, ticket, deadline });
            table.next = table.next.max(number);
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Data, Format};

    fn alert(correlator: Option<Correlator<'static>>) -> GenericAlert {
        let mut alert = GenericAlert::new("org.example.done", Format::INT, Data::EMPTY).unwrap();
        alert.correlator = correlator;
        alert
    }

    #[test]
    fn an_outcome_counts_once_and_for_its_device() {
        let now = Instant::EPOCH;
        let mut table = Correlators::new(2);
        let hour = Duration::from_secs(3600);
        let one = table.issue(now, "a", 1, hour).unwrap();
        let two = table.issue(now, "b", 2, hour).unwrap();
        assert_eq!(table.issue(now, "c", 3, hour), None, "it is full");
        assert_eq!(table.handle_alert(now, "b", &alert(Some(one.clone()))), None);
        assert_eq!(table.handle_alert(now, "a", &alert(None)), None);
        assert_eq!(table.handle_alert(now, "a", &alert(Correlator::new("x").ok())), None);
        assert_eq!(table.handle_alert(now, "a", &alert(Some(one.clone()))), Some(1));
        assert_eq!(table.handle_alert(now, "a", &alert(Some(one.clone()))), None, "once");
        assert_eq!(table.handle_refused(now, &two), Some(2));
        assert!(table.is_empty());
        assert_eq!(table.handle_alert(now, "b", &alert(Some(two))), None);
        assert_ne!(table.issue(now, "a", 4, hour).unwrap(), one, "a Correlator is never used again");
    }

    #[test]
    fn what_never_ends_expires() {
        let mut table = Correlators::new(10);
        for second in [3, 1, 2] {
            table.issue(Instant::EPOCH, "a", second, Duration::from_secs(second)).unwrap();
        }
        assert_eq!(table.poll_output(), CorrelatorOutput::Wait(Some(Instant::from_millis(1000))));
        table.handle_tick(Instant::from_millis(2000));
        assert_eq!(table.poll_output(), CorrelatorOutput::Expired(1));
        assert_eq!(table.poll_output(), CorrelatorOutput::Expired(2));
        assert_eq!(table.poll_output(), CorrelatorOutput::Wait(Some(Instant::from_millis(3000))));
        table.handle_tick(Instant::EPOCH);
        assert_eq!(table.len(), 1, "a clock that steps back does no harm");
    }

    #[cfg(feature = "serde")]
    #[test]
    fn a_table_goes_on_elsewhere() {
        let mut table = Correlators::new(10);
        let hour = Duration::from_secs(3600);
        let correlator = table.issue(Instant::EPOCH, "a", 1, hour).unwrap();
        let stored = serde_json::to_string(&table.snapshot(Instant::from_millis(600_000))).unwrap();
        let there = Instant::from_millis(5);
        let mut restored = Correlators::restore(there, 10, serde_json::from_str(&stored).unwrap()).unwrap();
        assert_eq!(restored.poll_output(), CorrelatorOutput::Wait(Some(Instant::from_millis(3_000_005))));
        assert_ne!(restored.issue(there, "a", 2, hour).unwrap(), correlator);
        assert_eq!(restored.handle_alert(there, "a", &alert(Some(correlator))), Some(1));
        let other = stored.replace("\"version\":1", "\"version\":7");
        let refused = Correlators::restore(there, 10, serde_json::from_str(&other).unwrap());
        assert_eq!(refused, Err(RestoreError::Version(7)));
    }
}
