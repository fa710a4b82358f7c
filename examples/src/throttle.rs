//! How many messages each may send: one bucket for each pair of network address and device, so that nobody can spend what another has.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::time::Duration;

use dm_syncml::Instant;

/// Most buckets that are kept. Full ones are forgotten first: they say nothing.
const MAX_BUCKETS: usize = 20_000;

/// Counts messages.
#[derive(Debug)]
pub(crate) struct Throttle {
    per_second: f64,
    burst: f64,
    buckets: HashMap<(IpAddr, u64), Bucket>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Throttle {
    pub(crate) fn new(per_second: f64, burst: u32) -> Self {
        let per_second = per_second.max(0.001);
        Self { per_second, burst: f64::from(burst.max(1)), buckets: HashMap::new() }
    }

    /// Takes one message.
    ///
    /// # Errors
    /// It is one too many; the next one is taken after this time.
    pub(crate) fn take(&mut self, now: Instant, origin: IpAddr, device: &str) -> Result<(), Duration> {
        if self.buckets.len() >= MAX_BUCKETS {
            let (per_second, burst) = (self.per_second, self.burst);
            self.buckets.retain(|_, bucket| bucket.filled(now, per_second, burst) < burst);
            if self.buckets.len() >= MAX_BUCKETS {
                // So many at once are no devices. Who comes next waits for some of them to fill again.
                return Err(Duration::from_secs_f64(1.0 / self.per_second));
            }
        }
        let mut hasher = DefaultHasher::new();
        device.hash(&mut hasher);
        let fresh = Bucket { left: self.burst, at: now };
        let bucket = self.buckets.entry((origin, hasher.finish())).or_insert(fresh);
        bucket.left = bucket.filled(now, self.per_second, self.burst);
        bucket.at = bucket.at.max(now);
        if bucket.left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.left) / self.per_second));
        }
        bucket.left -= 1.0;
        Ok(())
    }
}

impl Bucket {
    fn filled(&self, now: Instant, per_second: f64, burst: f64) -> f64 {
        (self.left + now.saturating_since(self.at).as_secs_f64() * per_second).min(burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_and_then_a_rate() {
        let mut throttle = Throttle::new(2.0, 3);
        let (here, there) = ("192.0.2.1".parse().expect("ip"), "192.0.2.2".parse().expect("ip"));
        let at = Instant::from_millis;
        for _ in 0..3 {
            throttle.take(at(0), here, "a").expect("the burst");
        }
        assert_eq!(throttle.take(at(0), here, "a"), Err(Duration::from_millis(500)));
        throttle.take(at(0), here, "b").expect("another device");
        throttle.take(at(0), there, "a").expect("from elsewhere");
        throttle.take(at(500), here, "a").expect("half a second is one message");
        assert!(throttle.take(at(400), here, "a").is_err(), "a clock that steps back gives nothing");
    }

    #[test]
    fn buckets_are_bounded() {
        let mut throttle = Throttle::new(1.0, 1);
        let here = "192.0.2.1".parse().expect("ip");
        for number in 0..MAX_BUCKETS {
            throttle.take(Instant::EPOCH, here, &number.to_string()).expect("a bucket");
        }
        assert!(throttle.take(Instant::EPOCH, here, "one more").is_err());
        throttle.take(Instant::from_millis(2_000), here, "later").expect("they have filled again");
        assert_eq!(throttle.buckets.len(), 1);
    }
}
