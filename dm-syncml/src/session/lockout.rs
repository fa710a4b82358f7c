//! Who has shown wrong credentials too often.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use core::time::Duration;

use crate::time::Instant;

/// How many failures are too many, and for how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct LockoutPolicy {
    /// So many failures are taken.
    pub failures: u32,
    /// The first lock lasts so long; each further failure doubles it.
    pub first: Duration,
    /// No lock lasts longer. Who was quiet for so long is forgotten.
    pub longest: Duration,
    /// So many origins are remembered; the one that was heard of longest ago makes room.
    pub capacity: usize,
}

impl LockoutPolicy {
    /// Five failures, one minute to one hour, ten thousand origins.
    pub const DEFAULT: Self = Self {
        failures: 5,
        first: Duration::from_secs(60),
        longest: Duration::from_secs(3600),
        capacity: 10_000,
    };
}

impl Default for LockoutPolicy {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Remembers who has shown wrong credentials too often.
///
/// It counts for each origin (a network address, say) and device together, so that nobody can lock out a device from elsewhere, whose address is
/// no secret. Being locked means that the challenge is withheld
/// ([`ServerSession::without_challenge`](super::ServerSession::without_challenge)), not that messages are refused: a device that shares the
/// origin with the one who guesses, and whose nonce is in step, proves itself all the same, and that unlocks. Whoever guesses gets no nonce to
/// guess for.
///
/// Feed it [`ServerEvent::CredentialsRefused`](super::ServerEvent::CredentialsRefused) and
/// [`ServerEvent::Authenticated`](super::ServerEvent::Authenticated).
///
/// ```
/// use dm_syncml::Instant;
/// use dm_syncml::session::{Lockout, LockoutPolicy};
///
/// let mut lockout = Lockout::new(LockoutPolicy::DEFAULT);
/// let now = Instant::EPOCH;
/// for _ in 0..5 {
///     assert!(!lockout.is_locked(now, "192.0.2.7", "IMEI:1"));
///     lockout.handle_refused(now, "192.0.2.7", "IMEI:1");
/// }
/// assert!(lockout.is_locked(now, "192.0.2.7", "IMEI:1"));
/// assert!(!lockout.is_locked(now, "198.51.100.1", "IMEI:1"), "the device itself, from where it is");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lockout {
    policy: LockoutPolicy,
    seen: BTreeMap<(String, String), Seen>,
    by_age: BTreeSet<(Instant, String, String)>,
    now: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Seen {
    failures: u32,
    last: Instant,
}

impl Lockout {
    /// Nobody has failed yet.
    #[must_use]
    pub const fn new(policy: LockoutPolicy) -> Self {
        Self { policy, seen: BTreeMap::new(), by_age: BTreeSet::new(), now: Instant::EPOCH }
    }

    /// Whether the next session of this device from this origin is to begin without a challenge.
    pub fn is_locked(&mut self, now: Instant, origin: &str, device: &str) -> bool {
        self.advance(now);
        let Some(seen) = self.seen.get(&(origin.into(), device.into())) else { return false };
        let Some(beyond) = seen.failures.checked_sub(self.policy.failures) else { return false };
        let doubled = self.policy.first.saturating_mul(1u32.checked_shl(beyond).unwrap_or(u32::MAX));
        self.now < seen.last + doubled.min(self.policy.longest)
    }

    /// Wrong credentials were shown.
    pub fn handle_refused(&mut self, now: Instant, origin: &str, device: &str) {
        self.advance(now);
        let key = (String::from(origin), String::from(device));
        let failures = self.forget(&key).map_or(0, |seen| seen.failures).saturating_add(1);
        while self.seen.len() >= self.policy.capacity {
            let Some((_, origin, device)) = self.by_age.pop_first() else { return };
            self.seen.remove(&(origin, device));
        }
        self.by_age.insert((self.now, key.0.clone(), key.1.clone()));
        self.seen.insert(key, Seen { failures, last: self.now });
    }

    /// Right credentials were shown: what was before is forgotten.
    pub fn handle_authenticated(&mut self, now: Instant, origin: &str, device: &str) {
        self.advance(now);
        self.forget(&(origin.into(), device.into()));
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether nobody is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    fn forget(&mut self, key: &(String, String)) -> Option<Seen> {
        let seen = self.seen.remove(key)?;
        self.by_age.remove(&(seen.last, key.0.clone(), key.1.clone()));
        Some(seen)
    }

    /// Time has passed: who was quiet for long is forgotten.
    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
        while let Some((last, origin, device)) = self.by_age.first() {
            if *last + self.policy.longest > self.now {
                break;
            }
            let key = (origin.clone(), device.clone());
            self.forget(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn policy() -> LockoutPolicy {
        LockoutPolicy {
            failures: 2,
            first: Duration::from_secs(10),
            longest: Duration::from_secs(30),
            capacity: 3,
        }
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1000)
    }

    #[test]
    fn locks_double_up_to_the_longest_and_end() {
        let mut lockout = Lockout::new(policy());
        let mut now = 0;
        for (nth, length) in [0, 10, 20, 30, 30].into_iter().enumerate() {
            lockout.handle_refused(at(now), "o", "d");
            for (after, locked) in [(0, length > 0), (length.max(1) - 1, length > 0), (length, false)] {
                // The last one to ask is at the end of the longest lock, where all is forgotten.
                assert_eq!(
                    lockout.is_locked(at(now + after), "o", "d"),
                    locked,
                    "failure {nth}, {after} s later"
                );
            }
            if length == 30 {
                assert!(lockout.is_empty());
                break;
            }
            now += length;
        }
    }

    #[test]
    fn others_are_not_locked_and_right_credentials_unlock() {
        let mut lockout = Lockout::new(policy());
        for _ in 0..5 {
            lockout.handle_refused(at(0), "o", "d");
        }
        assert!(lockout.is_locked(at(0), "o", "d"));
        assert!(!lockout.is_locked(at(0), "elsewhere", "d"));
        assert!(!lockout.is_locked(at(0), "o", "another"));
        lockout.handle_authenticated(at(1), "o", "d");
        assert!(!lockout.is_locked(at(1), "o", "d"));
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_makes_room() {
        let mut lockout = Lockout::new(policy());
        for second in 0..10 {
            lockout.handle_refused(at(second), &format!("o{second}"), "d");
            assert!(lockout.len() <= 3);
        }
        lockout.handle_refused(at(9), "o9", "d");
        assert!(lockout.is_locked(at(9), "o9", "d"));
        assert!(!lockout.is_locked(at(100), "o9", "d") && lockout.is_empty());
    }
}
