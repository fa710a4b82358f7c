//! What happened, in order, and a digest of it.

use core::fmt;
use core::hash::{Hash, Hasher};
use core::time::Duration;

/// A number that stands for everything that happened up to now: equal runs have equal digests.
///
/// Not a cryptographic hash; it tells runs apart, not adversaries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(u64);

impl Digest {
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Event<N> {
    /// When, since the start.
    pub at: Duration,
    /// What.
    pub happening: Happening<N>,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Happening<N> {
    /// A message was handed to the network.
    Sent {
        /// The sender.
        from: N,
        /// The receiver.
        to: N,
        /// Counts the messages from `from` to `to`, from 1: what scripted faults refer to.
        nth: u64,
        /// A digest of the message as it was sent.
        message: Digest,
    },
    /// The network added a copy of a message.
    Repeated {
        /// The sender.
        from: N,
        /// The receiver.
        to: N,
        /// Which message.
        nth: u64,
    },
    /// A message or a copy of it will not arrive.
    Lost {
        /// The sender.
        from: N,
        /// The receiver.
        to: N,
        /// Which message.
        nth: u64,
        /// Why.
        cause: LossCause,
    },
    /// A message or a copy of it arrived.
    Delivered {
        /// The sender.
        from: N,
        /// The receiver.
        to: N,
        /// Which message.
        nth: u64,
        /// A digest of the message as it arrived; differs from the one sent when it was altered.
        message: Digest,
    },
    /// A node was woken as it had asked.
    Woken {
        /// The node.
        node: N,
    },
    /// The test had something to say.
    Noted {
        /// The node it is about.
        node: N,
        /// What was said.
        text: String,
    },
}

/// Why a message was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LossCause {
    /// The link loses messages.
    Chance,
    /// A scripted fault said so.
    Script,
    /// The link was cut when it was sent or while it was under way.
    Cut,
}

impl<N: fmt::Debug> fmt::Display for Event<N> {
    /// One line, such as `1.25s Device(3) -> Server #2 delivered 8f3a...`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ", self.at)?;
        match &self.happening {
            Happening::Sent { from, to, nth, message } => {
                write!(f, "{from:?} -> {to:?} #{nth} sent {message}")
            }
            Happening::Repeated { from, to, nth } => write!(f, "{from:?} -> {to:?} #{nth} repeated"),
            Happening::Lost { from, to, nth, cause } => {
                let cause = match cause {
                    LossCause::Chance => "by chance",
                    LossCause::Script => "by script",
                    LossCause::Cut => "on a cut link",
                };
                write!(f, "{from:?} -> {to:?} #{nth} lost {cause}")
            }
            Happening::Delivered { from, to, nth, message } => {
                write!(f, "{from:?} -> {to:?} #{nth} delivered {message}")
            }
            Happening::Woken { node } => write!(f, "{node:?} woken"),
            Happening::Noted { node, text } => write!(f, "{node:?} {text}"),
        }
    }
}

/// Folds events into a digest, and keeps them when asked to.
#[derive(Clone, Debug)]
pub(crate) struct Trace<N> {
    hash: Fnv,
    kept: Option<Vec<Event<N>>>,
}

impl<N: Hash> Trace<N> {
    pub(crate) fn new() -> Self {
        Self { hash: Fnv::new(), kept: None }
    }

    pub(crate) fn keep(&mut self) {
        self.kept.get_or_insert_default();
    }

    pub(crate) fn events(&self) -> &[Event<N>] {
        self.kept.as_deref().unwrap_or_default()
    }

    pub(crate) fn push(&mut self, at: Duration, happening: Happening<N>) {
        let event = Event { at, happening };
        event.hash(&mut self.hash);
        if let Some(kept) = &mut self.kept {
            kept.push(event);
        }
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest(self.hash.finish())
    }
}

/// The digest of one value.
pub(crate) fn digest_of(value: &impl Hash) -> Digest {
    let mut hash = Fnv::new();
    value.hash(&mut hash);
    Digest(hash.finish())
}

/// FNV-1a with a final mix. Written out because a digest must not change with the toolchain or the machine.
#[derive(Clone, Debug)]
struct Fnv(u64);

impl Fnv {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    // The default implementations write in the machine's own byte order and word size.
    fn write_u16(&mut self, i: u16) {
        self.write(&i.to_le_bytes());
    }

    fn write_u32(&mut self, i: u32) {
        self.write(&i.to_le_bytes());
    }

    fn write_u64(&mut self, i: u64) {
        self.write(&i.to_le_bytes());
    }

    fn write_u128(&mut self, i: u128) {
        self.write(&i.to_le_bytes());
    }

    fn write_usize(&mut self, i: usize) {
        self.write_u64(i as u64);
    }

    /// Lengths and enum discriminants come as `isize` or `usize`.
    fn write_isize(&mut self, i: isize) {
        self.write_u64(i as u64);
    }

    fn finish(&self) -> u64 {
        let mut z = self.0;
        z = (z ^ (z >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        z = (z ^ (z >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        z ^ (z >> 33)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_read_as_lines() {
        let event = |happening| Event { at: Duration::from_millis(1250), happening }.to_string();
        let message = digest_of(&"hello");
        assert_eq!(
            event(Happening::Sent { from: 1, to: 2, nth: 3, message }),
            format!("1.25s 1 -> 2 #3 sent {message}")
        );
        assert_eq!(
            event(Happening::Lost { from: 1, to: 2, nth: 3, cause: LossCause::Cut }),
            "1.25s 1 -> 2 #3 lost on a cut link"
        );
        assert_eq!(event(Happening::Woken { node: 1 }), "1.25s 1 woken");
        assert_eq!(event(Happening::Noted { node: 1, text: "rebooted".into() }), "1.25s 1 rebooted");
    }

    #[test]
    fn order_and_time_show_in_the_digest() {
        let digest = |events: &[(u64, u32)]| {
            let mut trace = Trace::new();
            for (at, node) in events {
                trace.push(Duration::from_secs(*at), Happening::Woken { node: *node });
            }
            trace.digest()
        };
        assert_eq!(digest(&[(1, 1), (1, 2)]), digest(&[(1, 1), (1, 2)]));
        assert_ne!(digest(&[(1, 1), (1, 2)]), digest(&[(1, 2), (1, 1)]));
        assert_ne!(digest(&[(1, 1)]), digest(&[(2, 1)]));
    }

    /// Seeds and digests that were written down stay comparable, on every machine.
    #[test]
    fn the_digest_does_not_drift() {
        #[derive(Hash)]
        enum Node {
            Server,
            Device(u16),
        }
        let digests =
            [digest_of(&(1_u32, 2_usize, "three")), digest_of(&Node::Server), digest_of(&Node::Device(4))];
        assert_eq!(
            digests.map(|digest| digest.to_string()),
            ["6005250ad2f83994", "7bd3144f29c0cc9e", "70b6970b6f4ce481"]
        );
    }
}
