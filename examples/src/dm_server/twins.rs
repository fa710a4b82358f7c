//! Two clients with one account: a state that was copied, a machine that was cloned, an account file that was used twice.
//!
//! Nothing in the protocol names the copy of a client that speaks, and nonces that are out of step are normal. But clients number the
//! sessions that they begin, and most count on from where they started: a client that is started anew counts from elsewhere, and never again
//! from where it was. If two such counts go on side by side, two clients are alive. A client whose numbers are random is not told apart.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use dm_syncml::Instant;

/// So many times that an older count went on, within this time, are no accident.
const CONFLICTS: usize = 3;
const WITHIN: Duration = Duration::from_secs(3_600);
/// Counts that are remembered of a device.
const COUNTS: usize = 8;

/// What gives twins away.
#[derive(Debug, Default)]
pub(super) struct Twins(BTreeMap<String, Trace>);

#[derive(Debug, Default)]
struct Trace {
    /// The last number of each count, the one that went on last at the end.
    counts: VecDeque<String>,
    /// When one went on that was not the last, the last times.
    conflicts: VecDeque<Instant>,
}

impl Trace {
    fn is_enough(&self, now: Instant) -> bool {
        self.conflicts.iter().filter(|at| now.saturating_since(**at) < WITHIN).count() >= CONFLICTS
    }

    /// A session under this number; whether it belongs to a count that had been given up.
    fn went_on(&mut self, number: &str) -> bool {
        let is_latest = |index: usize| index + 1 == self.counts.len();
        let is_it = |index: &usize| {
            let last = &self.counts[*index];
            // Who tries again does so under the same number.
            follows(last, number) || is_latest(*index) && last == number
        };
        let found = (0..self.counts.len()).rev().find(is_it);
        let went_back = found.is_some_and(|index| !is_latest(index));
        match found {
            Some(index) => drop(self.counts.remove(index)),
            None if self.counts.len() >= COUNTS => drop(self.counts.pop_front()),
            None => {}
        }
        self.counts.push_back(number.to_owned());
        went_back
    }
}

/// Whether this number is the next one, in either way of writing.
fn follows(last: &str, number: &str) -> bool {
    let next = |radix| {
        let [last, number] = [last, number].map(|text| u64::from_str_radix(text, radix).ok());
        last.zip(number).is_some_and(|(last, number)| last.checked_add(1) == Some(number))
    };
    next(10) || next(16)
}

impl Twins {
    /// A device that has proved itself began a session of its own accord, under this number. Returns whether it is clear from now on that
    /// there are two.
    pub(super) fn began(&mut self, now: Instant, peer: &str, number: &str) -> bool {
        let trace = self.0.entry(peer.to_owned()).or_default();
        if !trace.went_on(number) {
            return false;
        }
        let were_enough = trace.is_enough(now);
        if trace.conflicts.len() >= CONFLICTS {
            trace.conflicts.pop_front();
        }
        trace.conflicts.push_back(now);
        trace.is_enough(now) && !were_enough
    }

    /// Whether two clients use the account of this device.
    pub(super) fn has(&self, now: Instant, peer: &str) -> bool {
        self.0.get(peer).is_some_and(|trace| trace.is_enough(now))
    }

    /// A device is not known any more.
    pub(super) fn forget(&mut self, peer: &str) {
        self.0.remove(peer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Instant {
        Instant::from_millis(second * 1_000)
    }

    /// Whether it was told, for each of these sessions, one a second.
    fn told(twins: &mut Twins, numbers: &[&str]) -> Vec<bool> {
        let seconds = 0..numbers.len() as u64;
        seconds.zip(numbers).map(|(second, number)| twins.began(at(second), "gw", number)).collect()
    }

    #[test]
    fn two_counts_side_by_side_are_two_clients() {
        let mut twins = Twins::default();
        let numbers = ["9FF", "A00", "12", "A01", "13", "A02", "A03", "14", "A04"];
        let told = told(&mut twins, &numbers);
        assert_eq!(told.iter().position(|told| *told), Some(5), "{told:?}");
        assert_eq!(told.iter().filter(|told| **told).count(), 1, "it is told once");
        assert!(twins.has(at(9), "gw") && !twins.has(at(9), "other"));
        assert!(!twins.has(at(4_000), "gw"), "one of them was switched off");
        assert!(!twins.began(at(4_000), "gw", "A05") && !twins.has(at(4_000), "gw"));
        twins.forget("gw");
        assert!(twins.0.is_empty());
    }

    #[test]
    fn one_client_is_one_whatever_it_does() {
        for numbers in [
            // Stopped and started, with a count of its own each time.
            &["1", "2", "3", "F0", "F1", "8", "9", "A", "77", "78", "79"][..],
            // It counts from the same number each time.
            &["1", "2", "3", "1", "2", "3", "4", "1", "2"],
            // It tries again under the same number.
            &["5", "5", "5", "6", "6"],
            // Decimal, and over a carry.
            &["8", "9", "10", "11", "99", "100", "101"],
            // No numbers at all, and the largest one.
            &["x", "y", "x", "y", "x", "18446744073709551615", "0"],
        ] {
            let mut twins = Twins::default();
            assert!(!told(&mut twins, numbers).contains(&true) && !twins.has(at(20), "gw"), "{numbers:?}");
        }
        let mut twins = Twins::default();
        for number in 0..1_000_u64 {
            twins.began(at(0), "gw", &(number * 7).to_string());
        }
        assert_eq!(twins.0["gw"].counts.len(), COUNTS);
    }
}
