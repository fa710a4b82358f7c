//! What the fleet plays: which device does what, and how each is expected to end.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use dm_syncml::StatusCode;
use dm_tree::{AccessType, Children, Context, ExecReply, Format, Handler, NoAnswer, NodeFacts, Value};

/// What a device has been told to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Does what it is asked.
    Willing,
    /// Sleeps through the first notification, and answers the second.
    Late,
    /// Switched off after it was announced.
    Off,
    /// Lets another server manage its lamp.
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
#[must_use]
pub fn cast(devices: usize, seed: u64) -> Vec<Role> {
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

/// The lamp of a device: a subtree that is served, not stored. The story looks at it afterwards.
#[derive(Clone, Debug, Default)]
pub struct Lamp {
    level: Arc<AtomicI32>,
    blinks: Arc<AtomicU32>,
}

impl Lamp {
    /// How bright it is, and how often it has blinked.
    #[must_use]
    pub fn state(&self) -> (i32, u32) {
        (self.level.load(Ordering::Relaxed), self.blinks.load(Ordering::Relaxed))
    }
}

impl Handler for Lamp {
    fn node(&mut self, _: &Context<'_>, path: &[&str]) -> Option<NodeFacts> {
        match path {
            [] => Some(NodeFacts::interior()),
            ["Level"] => {
                Some(NodeFacts::leaf(Format::Int).with_access(AccessType::GET | AccessType::REPLACE))
            }
            ["Blink"] => Some(NodeFacts::leaf(Format::Null).with_access(AccessType::EXEC)),
            _ => None,
        }
    }

    fn get(&mut self, _: &Context<'_>, _: &[&str]) -> Result<Vec<u8>, NoAnswer> {
        Ok(self.level.load(Ordering::Relaxed).to_string().into_bytes())
    }

    fn children(&mut self, _: &Context<'_>, _: &[&str], out: &mut Children) -> Result<(), NoAnswer> {
        out.push("Blink");
        out.push("Level");
        Ok(())
    }

    fn replace(&mut self, _: &Context<'_>, _: &[&str], value: &Value) -> Result<(), NoAnswer> {
        let level =
            value.as_str().and_then(|text| text.parse().ok()).ok_or(StatusCode::UNSUPPORTED_FORMAT)?;
        self.level.store(level, Ordering::Relaxed);
        Ok(())
    }

    fn exec(&mut self, _: &Context<'_>, _: &[&str], _: &[u8]) -> ExecReply {
        self.blinks.fetch_add(1, Ordering::Relaxed);
        ExecReply::Done(StatusCode::OK)
    }
}

/// What a device is after the story, where that differs from what its outcome says.
#[must_use]
pub fn lamp_mismatch(lamp: &Lamp, outcome: Outcome, level: i32) -> Option<String> {
    let expected = if outcome == Outcome::Ok { (level, 1) } else { (0, 0) };
    let state = lamp.state();
    (state != expected).then(|| {
        let ((level, blinks), (wanted, times)) = (state, expected);
        format!(
            "its lamp is at {level} and has blinked {blinks} times, where {wanted} and {times} were expected"
        )
    })
}

/// Counts outcomes, every word of the report included.
#[must_use]
pub fn count(outcomes: impl IntoIterator<Item = Outcome>) -> BTreeMap<Outcome, usize> {
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
