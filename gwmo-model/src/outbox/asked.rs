//! Sessions that were asked for in vain.

use core::time::Duration;

use dm_syncml::Instant;

/// The requests for a session since a server last acknowledged anything.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Asked {
    last: Option<Instant>,
    times: u32,
}

impl Asked {
    /// Another one.
    pub(super) fn again(&mut self, now: Instant) {
        self.last = Some(now);
        self.times = self.times.saturating_add(1);
    }

    /// From when on there may be another one for what comes up: `apart` after the first, and each time twice as long, but
    /// never more than `most`.
    pub(super) fn soonest(&self, apart: Duration, most: Duration) -> Option<Instant> {
        let doubled = 1_u32.checked_shl(self.times.saturating_sub(1)).unwrap_or(u32::MAX);
        self.last.map(|last| last + apart.saturating_mul(doubled).min(most))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn each_is_twice_as_far_from_the_next_up_to_the_most() {
        let (apart, most) = (Duration::from_secs(2), Duration::from_secs(60));
        let mut asked = Asked::default();
        assert_eq!(asked.soonest(apart, most), None);
        let gaps: Vec<u64> = (0..70)
            .map(|_| {
                asked.again(Instant::EPOCH);
                asked.soonest(apart, most).unwrap().since_epoch().as_secs()
            })
            .collect();
        assert_eq!(gaps[..7], [2, 4, 8, 16, 32, 60, 60]);
        assert!(gaps[7..].iter().all(|gap| *gap == 60));
    }
}
