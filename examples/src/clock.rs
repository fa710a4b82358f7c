//! The clock of a program, as machines want to hear of it.

use std::time;

use dm_syncml::Instant;
use tokio::time::{Sleep, sleep_until};

/// Counts from the moment the program made it.
#[derive(Clone, Copy, Debug)]
pub struct Clock(time::Instant);

impl Clock {
    /// Starts counting.
    #[must_use]
    pub fn start() -> Self {
        Self(time::Instant::now())
    }

    /// The time now.
    #[must_use]
    pub fn now(self) -> Instant {
        Instant::new(self.0.elapsed())
    }

    /// Waits until a machine's deadline.
    pub fn sleep_until(self, at: Instant) -> Sleep {
        sleep_until((self.0 + at.since_epoch()).into())
    }
}

/// What nonces are made of.
///
/// # Panics
/// When the operating system has no randomness, since nothing safe can be done then.
#[must_use]
pub fn entropy() -> [u8; 16] {
    let mut octets = [0; 16];
    getrandom::fill(&mut octets).expect("the operating system has a random source");
    octets
}

/// What a tree hashes names with.
///
/// # Panics
/// As [`entropy`].
#[must_use]
pub fn hash_seed() -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = entropy();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}
