//! Which device does what in the fanout, and how each is expected to end.

use std::collections::BTreeMap;
use std::fmt;

/// What a device has been told to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Does what it is asked.
    Willing,
    /// Does not hear the first notification, and answers the second.
    Late,
    /// Switched off before, and known to be.
    Off,
    /// Its lamp is somebody else's to manage.
    Refusing,
}

/// How a device ends, in the words of the report.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Outcome {
    /// Everything was done.
    Ok,
    /// The device answered with an error.
    Failed,
    /// The device refused the server.
    Refused,
    /// The device never answered a notification.
    Unreachable,
    /// The device fell silent in its session.
    TimedOut,
    /// The device fell silent after something that must not be repeated.
    Indeterminate,
}

impl Outcome {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 6] =
        [Self::Ok, Self::Failed, Self::Refused, Self::Unreachable, Self::TimedOut, Self::Indeterminate];

    /// The word of the report.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Indeterminate => "indeterminate",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl Role {
    /// How a device with this role is expected to end.
    #[must_use]
    pub const fn expected(self) -> Outcome {
        match self {
            Self::Willing | Self::Late => Outcome::Ok,
            Self::Off => Outcome::Unreachable,
            Self::Refusing => Outcome::Refused,
        }
    }
}

/// Deals the roles: one device is late, one is off, and one in twelve refuses, at least one. With fewer than four devices the roles fall away
/// in that order.
pub(super) fn cast(devices: usize, seed: u64) -> Vec<Role> {
    let mut roles = vec![Role::Willing; devices];
    let refusing = if devices >= 2 { (devices / 12).max(1) } else { 0 };
    let parts = [
        (Role::Refusing, refusing),
        (Role::Off, usize::from(devices >= 3)),
        (Role::Late, usize::from(devices >= 4)),
    ];
    let mut free: Vec<usize> = (0..devices).collect();
    fastrand::Rng::with_seed(seed).shuffle(&mut free);
    for (role, count) in parts {
        for index in free.drain(..count) {
            roles[index] = role;
        }
    }
    roles
}

/// How a device is called.
pub(super) fn name(index: usize) -> String {
    format!("device-{:04}", index + 1)
}

/// Counts outcomes, every word of the report included.
pub(super) fn count(outcomes: impl IntoIterator<Item = Outcome>) -> BTreeMap<Outcome, usize> {
    let mut counts: BTreeMap<_, _> = Outcome::ALL.into_iter().map(|outcome| (outcome, 0)).collect();
    for outcome in outcomes {
        *counts.entry(outcome).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_fall_away_in_their_order() {
        let roles = |devices| {
            let cast = cast(devices, 7);
            assert_eq!(cast.len(), devices);
            let count = |role| cast.iter().filter(|r| **r == role).count();
            (count(Role::Late), count(Role::Off), count(Role::Refusing))
        };
        assert_eq!(roles(1), (0, 0, 0));
        assert_eq!(roles(2), (0, 0, 1));
        assert_eq!(roles(3), (0, 1, 1));
        assert_eq!(roles(4), (1, 1, 1));
        assert_eq!(roles(25), (1, 1, 2));
        assert_eq!(roles(2000), (1, 1, 166));
    }

    #[test]
    fn equal_seeds_deal_equal_roles() {
        assert_eq!(cast(25, 1), cast(25, 1));
        assert_ne!(cast(25, 1), cast(25, 2));
    }

    #[test]
    fn every_word_is_counted() {
        let counts = count([Outcome::Ok, Outcome::Ok, Outcome::Refused]);
        assert_eq!(counts.values().copied().collect::<Vec<_>>(), [2, 0, 1, 0, 0, 0]);
    }
}
