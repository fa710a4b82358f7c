//! Who has shown wrong credentials too often.

use alloc::collections::{BTreeMap, BTreeSet};
#[cfg(feature = "serde")]
use alloc::string::String;
#[cfg(feature = "serde")]
use alloc::vec::Vec;
use core::time::Duration;

use md5::{Digest, Md5};

use crate::time::Instant;

#[cfg(feature = "serde")]
use super::snapshot::{RestoreError, due, pack_octets, remaining, unpack_octets};

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
    seen: BTreeMap<Key, Seen>,
    by_age: BTreeSet<(Instant, Key)>,
    now: Instant,
}

/// A digest of origin and device: names that a stranger gives may be of any length.
type Key = [u8; 16];

fn key(origin: &str, device: &str) -> Key {
    // Nobody gains by two devices of his own that share a key, and the origin of another is not his to choose.
    let mut digest = Md5::new();
    digest.update((origin.len() as u64).to_be_bytes());
    digest.update(origin);
    digest.update(device);
    digest.finalize().into()
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
        let Some(seen) = self.seen.get(&key(origin, device)) else { return false };
        let Some(beyond) = seen.failures.checked_sub(self.policy.failures) else { return false };
        let doubled = self.policy.first.saturating_mul(1u32.checked_shl(beyond).unwrap_or(u32::MAX));
        self.now < seen.last + doubled.min(self.policy.longest)
    }

    /// Wrong credentials were shown.
    pub fn handle_refused(&mut self, now: Instant, origin: &str, device: &str) {
        self.advance(now);
        let key = key(origin, device);
        let failures = self.forget(key).map_or(0, |seen| seen.failures).saturating_add(1);
        while self.seen.len() >= self.policy.capacity {
            let Some((_, oldest)) = self.by_age.pop_first() else { return };
            self.seen.remove(&oldest);
        }
        self.by_age.insert((self.now, key));
        self.seen.insert(key, Seen { failures, last: self.now });
    }

    /// Right credentials were shown: what was before is forgotten.
    pub fn handle_authenticated(&mut self, now: Instant, origin: &str, device: &str) {
        self.advance(now);
        self.forget(key(origin, device));
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

    fn forget(&mut self, key: Key) -> Option<Seen> {
        let seen = self.seen.remove(&key)?;
        self.by_age.remove(&(seen.last, key));
        Some(seen)
    }

    /// Time has passed: who was quiet for long is forgotten.
    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
        while let Some((last, key)) = self.by_age.first().copied() {
            if last + self.policy.longest > self.now {
                break;
            }
            self.forget(key);
        }
    }
}

/// A [`Lockout`] as a value, for any store (feature `serde`). It names nobody: origins and devices are digests.
#[cfg(feature = "serde")]
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct LockoutSnapshot {
    version: u32,
    seen: Vec<SeenState>,
}

#[cfg(feature = "serde")]
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
struct SeenState {
    /// Base64.
    key: String,
    failures: u32,
    /// Nanoseconds until it is forgotten.
    remaining: u64,
}

#[cfg(feature = "serde")]
impl Lockout {
    const VERSION: u32 = 1;

    /// Who is remembered.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> LockoutSnapshot {
        let now = self.now.max(now);
        let state = |(last, key): &(Instant, Key)| SeenState {
            key: pack_octets(key),
            failures: self.seen.get(key).map_or(0, |seen| seen.failures),
            remaining: remaining(now, *last + self.policy.longest),
        };
        LockoutSnapshot { version: Self::VERSION, seen: self.by_age.iter().map(state).collect() }
    }

    /// Who was remembered when the snapshot was taken, so that a restart of the server is no way out of a lock.
    ///
    /// The [`longest`](LockoutPolicy::longest) lock of `policy` must be the one it was; the rest may have changed.
    ///
    /// # Errors
    /// The snapshot is of another version, or not one.
    pub fn restore(
        now: Instant,
        policy: LockoutPolicy,
        snapshot: LockoutSnapshot,
    ) -> Result<Self, RestoreError> {
        if snapshot.version != Self::VERSION {
            return Err(RestoreError::Version(snapshot.version));
        }
        // Nothing has happened before the epoch, and what is remembered has: times are counted from the longest lock before now.
        let mut lockout = Self { now, ..Self::new(policy) };
        for SeenState { key, failures, remaining } in snapshot.seen {
            let octets = unpack_octets(&key)?;
            let key = Key::try_from(octets.as_slice()).map_err(|_| RestoreError::Malformed("a digest"))?;
            let forgotten = due(now, remaining);
            let last = forgotten.since_epoch().saturating_sub(policy.longest);
            let last = Instant::new(last);
            lockout.forget(key);
            lockout.by_age.insert((last, key));
            lockout.seen.insert(key, Seen { failures, last });
        }
        while lockout.seen.len() > policy.capacity {
            let Some((_, oldest)) = lockout.by_age.pop_first() else { break };
            lockout.seen.remove(&oldest);
        }
        Ok(lockout)
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

    /// Somebody who guesses at many devices from many places, and names himself as long as he likes, changes nothing for a device elsewhere.
    #[test]
    fn who_guesses_locks_out_nobody_but_himself() {
        let mut lockout = Lockout::new(policy());
        let long = "d".repeat(100_000);
        for second in 0..20 {
            for origin in ["evil 1", "evil 2"] {
                for device in ["d", "o/d", long.as_str()] {
                    lockout.handle_refused(at(second), origin, device);
                }
            }
            for (origin, device) in [("home", "d"), ("", "evil 1d"), ("evil 1d", ""), ("evil", " 1d")] {
                assert!(!lockout.is_locked(at(second), origin, device), "{origin} {device}");
            }
            assert!(lockout.len() <= 3);
        }
    }

    #[cfg(feature = "serde")]
    #[test]
    fn a_restart_of_the_server_is_no_way_out() {
        let mut lockout = Lockout::new(policy());
        for second in [100, 101, 102] {
            lockout.handle_refused(at(second), "o", "d");
        }
        let stored = serde_json::to_string(&lockout.snapshot(at(105))).unwrap();
        assert!(!stored.contains("\"d\""), "{stored}");
        // Another process, whose clock begins elsewhere.
        for start in [1000, 50] {
            let snapshot = serde_json::from_str(&stored).unwrap();
            let mut restored = Lockout::restore(at(start), policy(), snapshot).unwrap();
            // The second lock is of 20 s, three of which have passed.
            assert!(restored.is_locked(at(start + 16), "o", "d"));
            assert!(!restored.is_locked(at(start + 17), "o", "d"));
            assert!(!restored.is_empty());
            assert!(!restored.is_locked(at(start + 27), "o", "d") && restored.is_empty());
        }
        let mut snapshot = lockout.snapshot(at(105));
        snapshot.version = 9;
        assert_eq!(Lockout::restore(at(0), policy(), snapshot).unwrap_err(), RestoreError::Version(9));
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
