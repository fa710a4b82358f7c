//! The clock of a program: all the time it knows comes from here.
//!
//! Machines hear of a time that never goes back and does not jump when the clock on the wall is set: deadlines, waits and sessions stand on
//! it. People, and what servers ask for by date, go by the clock on the wall, which may jump either way. While a computer sleeps, its wall
//! clock goes on; the other one stands still on most systems, so that nothing is late only because nobody was awake.

use std::time::{self, Duration, SystemTime, UNIX_EPOCH};

use dm_syncml::Instant;
use tokio::sync::watch;
use tokio::time::sleep_until;

/// Both times of a program. The one for machines counts from the moment it was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Source);

#[derive(Clone, Copy, Debug)]
enum Source {
    System(time::Instant),
    Hand(&'static HandClock),
}

impl Clock {
    /// Starts counting, by the system's clocks.
    #[must_use]
    pub fn start() -> Self {
        Self(Source::System(time::Instant::now()))
    }

    /// The time now, for machines.
    #[must_use]
    pub fn now(self) -> Instant {
        Instant::new(match self.0 {
            Source::System(start) => start.elapsed(),
            Source::Hand(hand) => *hand.elapsed.borrow(),
        })
    }

    /// The time on the wall: seconds since 1970, for people.
    #[must_use]
    pub fn unix_now(self) -> u64 {
        match self.0 {
            Source::System(_) => unix_now(),
            Source::Hand(hand) => *hand.wall.borrow(),
        }
    }

    /// Waits until a machine's deadline.
    pub async fn sleep_until(self, at: Instant) {
        match self.0 {
            Source::System(start) => sleep_until((start + at.since_epoch()).into()).await,
            Source::Hand(hand) => {
                // The clock is there for ever.
                let _ = hand.elapsed.subscribe().wait_for(|elapsed| *elapsed >= at.since_epoch()).await;
            }
        }
    }
}

/// The time on the wall: seconds since 1970, for people.
#[must_use]
pub fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A clock that is set by hand, for tests of what clocks do.
#[derive(Debug)]
pub struct HandClock {
    elapsed: watch::Sender<Duration>,
    wall: watch::Sender<u64>,
}

impl HandClock {
    /// One that shows this time on the wall. It is never freed.
    #[must_use]
    pub fn at(wall: u64) -> &'static Self {
        Box::leak(Box::new(Self {
            elapsed: watch::Sender::new(Duration::ZERO),
            wall: watch::Sender::new(wall),
        }))
    }

    /// The clock of a program.
    #[must_use]
    pub const fn clock(&'static self) -> Clock {
        Clock(Source::Hand(self))
    }

    /// Time goes on.
    pub fn advance(&self, time: Duration) {
        self.wall.send_modify(|wall| *wall = wall.saturating_add(time.as_secs()));
        self.elapsed.send_modify(|elapsed| *elapsed = elapsed.saturating_add(time));
    }

    /// Somebody sets the clock on the wall.
    pub fn set(&self, wall: u64) {
        self.wall.send_replace(wall);
    }

    /// The computer sleeps, and wakes up.
    pub fn suspend(&self, time: Duration) {
        self.wall.send_modify(|wall| *wall = wall.saturating_add(time.as_secs()));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn machines_do_not_hear_of_the_wall() {
        let hand = HandClock::at(1_000_000);
        let clock = hand.clock();
        hand.advance(Duration::from_secs(10));
        assert_eq!((clock.now(), clock.unix_now()), (Instant::from_millis(10_000), 1_000_010));
        hand.set(5);
        hand.suspend(Duration::from_secs(3_600));
        assert_eq!((clock.now(), clock.unix_now()), (Instant::from_millis(10_000), 3_605));
        let waiting = tokio::spawn(clock.sleep_until(Instant::from_millis(11_000)));
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        hand.advance(Duration::from_secs(1));
        waiting.await.expect("it is woken");
        clock.sleep_until(Instant::EPOCH).await;
        let system = Clock::start();
        let before = system.now();
        system.sleep_until(before + Duration::from_millis(1)).await;
        assert!(system.now() > before && system.unix_now() > 1_700_000_000);
    }
}
