//! Virtual time and a misbehaving network, for tests of every floor.
//!
//! A [`Network`] is a clock, a queue and links between nodes. Whatever is sent and every wake-up a node asks for
//! goes into one queue ordered by time; taking the next entry moves the clock. Nothing waits, nothing is random
//! that the seed does not decide, and two runs with one seed are equal, which [`Network::digest`] shows.
//!
//! It knows no protocol and no machine. A node is any small ordered value, a message anything that can be cloned
//! and hashed, and time is the [`Duration`](core::time::Duration) since the start, which a test turns into the
//! machines' own instant. The loop of a test is short:
//!
//! ```
//! use core::time::Duration;
//! use dm_sim::{Delivery, Fault, Link, Network};
//!
//! #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
//! enum Node { Server, Device }
//!
//! let mut network = Network::new(7);
//! network.set_default_link(Link::new().with_delay(Duration::from_millis(20)..=Duration::from_millis(80)));
//! // The first request is lost, by name rather than by chance.
//! network.script(Node::Device, Node::Server, 1, Fault::Drop);
//!
//! let retry = Duration::from_secs(5);
//! network.send(Node::Device, Node::Server, "hello");
//! network.wake_at(Node::Device, retry);
//!
//! let mut answered_at = None;
//! while let Some((now, delivery)) = network.next() {
//!     match delivery {
//!         Delivery::Message { to: Node::Server, .. } => network.send(Node::Server, Node::Device, "welcome"),
//!         Delivery::Message { to: Node::Device, .. } => {
//!             network.cancel_wake(Node::Device);
//!             answered_at = Some(now);
//!         }
//!         Delivery::Wake { node } => {
//!             network.send(node, Node::Server, "hello");
//!             network.wake_at(node, now + retry);
//!         }
//!     }
//! }
//! let answered_at = answered_at.expect("the retry gets through");
//! assert!(answered_at > retry && answered_at < retry * 2);
//! assert_eq!(network.counts().lost, 1);
//! ```
//!
//! # What can go wrong on a link
//!
//! By chance, set with [`Link`]: loss, duplication, delay, and reordering, which is what differing delays do
//! unless the link is [in order](Link::with_order). By script, set with [`Network::script`] and
//! [`Network::alter`] for the n-th message from one node to another. By hand: [`Network::cut`] and
//! [`Network::isolate`] take links away until they are given back.
//!
//! Every link draws from its own sequence, and draws the same amount for every message. So what befalls the third
//! message from A to B depends on the seed, on A, on B and on three, and on nothing else: another node talking
//! more, or a fault scripted for the second message, changes nothing about it.
//!
//! # Limits
//!
//! Memory grows with what is under way and with the number of links used, and, only if asked for with
//! [`Network::record`], with the events of the run.
#![forbid(unsafe_code)]

extern crate alloc;

mod link;
mod network;
mod queue;
mod trace;

pub use link::{Counts, Fault, Link};
pub use network::{Delivery, Network};
pub use trace::{Digest, Event, Happening, LossCause};
