//! What a link between two nodes does to the messages on it.

use core::ops::RangeInclusive;
use core::time::Duration;

/// How a link in one direction behaves. The default is perfect: nothing lost, nothing repeated, no delay.
///
/// ```
/// use core::time::Duration;
/// use dm_sim::Link;
///
/// let mobile = Link::new()
///     .with_loss(0.02)
///     .with_duplication(0.01)
///     .with_delay(Duration::from_millis(50)..=Duration::from_millis(900));
/// assert_eq!(mobile.loss(), 0.02);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    loss: f64,
    duplication: f64,
    delay: RangeInclusive<Duration>,
    in_order: bool,
}

impl Link {
    /// A perfect link.
    #[must_use]
    pub const fn new() -> Self {
        Self { loss: 0.0, duplication: 0.0, delay: Duration::ZERO..=Duration::ZERO, in_order: false }
    }

    /// Loses a message with this probability, from 0 (never) to 1 (always).
    ///
    /// # Panics
    ///
    /// If `loss` is not between 0 and 1.
    #[must_use]
    pub fn with_loss(mut self, loss: f64) -> Self {
        self.loss = probability(loss);
        self
    }

    /// Delivers a message a second time with this probability, from 0 (never) to 1 (always). The copy has a delay
    /// of its own.
    ///
    /// # Panics
    ///
    /// If `duplication` is not between 0 and 1.
    #[must_use]
    pub fn with_duplication(mut self, duplication: f64) -> Self {
        self.duplication = probability(duplication);
        self
    }

    /// Takes between the two ends of `delay`, both included and every time in between as likely as the others.
    /// Messages overtake each other when the delays differ enough.
    ///
    /// # Panics
    ///
    /// If `delay` ends before it starts.
    #[must_use]
    pub fn with_delay(mut self, delay: RangeInclusive<Duration>) -> Self {
        assert!(!delay.is_empty(), "a delay's range ends before it starts: {delay:?}");
        self.delay = delay;
        self
    }

    /// Delivers in the order of sending, as a stream does: a message that would overtake waits. Scripted faults
    /// still reorder.
    #[must_use]
    pub const fn with_order(mut self) -> Self {
        self.in_order = true;
        self
    }

    /// The probability of loss.
    #[must_use]
    pub const fn loss(&self) -> f64 {
        self.loss
    }

    /// The probability of a second delivery.
    #[must_use]
    pub const fn duplication(&self) -> f64 {
        self.duplication
    }

    /// The shortest and the longest delay.
    #[must_use]
    pub const fn delay(&self) -> &RangeInclusive<Duration> {
        &self.delay
    }

    /// Whether messages keep their order.
    #[must_use]
    pub const fn is_in_order(&self) -> bool {
        self.in_order
    }

    /// The delay that `draw` stands for, evenly over the range.
    pub(crate) fn delay_of(&self, draw: u32) -> Duration {
        let (shortest, longest) = (*self.delay.start(), *self.delay.end());
        let span = longest.saturating_sub(shortest).as_nanos();
        // At most 2^94 nanoseconds times 2^32 fits; the result is at most the span.
        let nanos = ((span + 1) * u128::from(draw)) >> u32::BITS;
        let extra = Duration::new((nanos / NANOS_PER_SEC) as u64, (nanos % NANOS_PER_SEC) as u32);
        shortest.saturating_add(extra)
    }
}

const NANOS_PER_SEC: u128 = 1_000_000_000;

impl Default for Link {
    fn default() -> Self {
        Self::new()
    }
}

fn probability(p: f64) -> f64 {
    assert!((0.0..=1.0).contains(&p), "a probability is between 0 and 1, not {p}");
    p
}

/// A fault with a name, for one chosen message. It replaces what chance would have done to that message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The message is lost.
    Drop,
    /// The message arrives this many times more, each copy with a delay of its own.
    Repeat(u32),
    /// The message takes this much longer than it would have.
    Delay(Duration),
    /// The next message on the same link overtakes it: it arrives after that one, at the same time or at the time
    /// it would have arrived, whichever is later. Should nothing follow, it arrives when nothing else is left to
    /// happen.
    Overtaken,
}

/// How many messages were sent and what became of them.
///
/// At any time `sent + repeated == delivered + lost + under_way`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Messages handed to the network.
    pub sent: u64,
    /// Copies the network added, by chance or by script.
    pub repeated: u64,
    /// Messages and copies handed out.
    pub delivered: u64,
    /// Messages and copies that will never arrive.
    pub lost: u64,
    /// Messages and copies still to arrive.
    pub under_way: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_reach_both_ends() {
        let link = Link::new().with_delay(Duration::from_nanos(10)..=Duration::from_nanos(12));
        assert_eq!(link.delay_of(0), Duration::from_nanos(10));
        assert_eq!(link.delay_of(u32::MAX / 2), Duration::from_nanos(11));
        assert_eq!(link.delay_of(u32::MAX), Duration::from_nanos(12));
    }

    #[test]
    fn the_longest_delay_there_is_does_not_overflow() {
        let link = Link::new().with_delay(Duration::ZERO..=Duration::MAX);
        assert!(link.delay_of(u32::MAX) > Duration::MAX / 2);
        let link = Link::new().with_delay(Duration::MAX..=Duration::MAX);
        assert_eq!(link.delay_of(u32::MAX), Duration::MAX);
    }

    #[test]
    #[should_panic(expected = "between 0 and 1")]
    fn a_probability_is_checked() {
        let _ = Link::new().with_loss(f64::NAN);
    }

    #[test]
    #[should_panic(expected = "ends before it starts")]
    fn a_range_is_checked() {
        let _ = Link::new().with_delay(Duration::from_secs(2)..=Duration::from_secs(1));
    }
}
