//! The network: one clock, one queue, links between nodes.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use core::fmt;
use core::hash::Hash;
use core::mem;
use core::time::Duration;

use crate::link::{Counts, Fault, Link};
use crate::queue::{Place, Queue};
use crate::trace::{Digest, Event, Happening, LossCause, Trace, digest_of};

/// What [`Network`] hands out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a network carries messages and wakes nodes, nothing else")]
pub enum Delivery<M, N = u32> {
    /// A message arrives.
    Message {
        /// Who sent it.
        from: N,
        /// Who it is for.
        to: N,
        /// The message.
        message: M,
    },
    /// The time a node wanted to be woken at has come.
    Wake {
        /// The node.
        node: N,
    },
}

/// A virtual clock and the messages and wake-ups under way on it. The [crate] has an overview.
///
/// As an [`Iterator`] it moves the clock to whatever is due next and hands it out; it ends when nothing is left,
/// and goes on when something is sent again. What is due at the same time comes in the order in which it was sent
/// or asked for.
pub struct Network<M, N = u32> {
    seed: u64,
    queue: Queue<Entry<M, N>>,
    /// Where in the queue each node's one wake-up is.
    wakes: BTreeMap<N, Place>,
    links: BTreeMap<(N, N), Route<M>>,
    default_link: Link,
    /// Links with a message that waits to be overtaken.
    waiting: BTreeSet<(N, N)>,
    isolated: BTreeSet<N>,
    counts: Counts,
    trace: Trace<N>,
}

enum Entry<M, N> {
    Message { from: N, to: N, nth: u64, message: M },
    Wake { node: N },
}

/// One direction between two nodes.
struct Route<M> {
    /// `None`: the default link, as it is at the time.
    link: Option<Link>,
    rng: fastrand::Rng,
    is_cut: bool,
    /// The latest arrival promised so far.
    last_arrival: Duration,
    faults: BTreeMap<u64, Fault>,
    alterations: BTreeMap<u64, Alteration<M>>,
    waiting: Vec<Waiting<M>>,
    counts: Counts,
}

/// A message that waits to be overtaken.
struct Waiting<M> {
    nth: u64,
    message: M,
    /// When it would have arrived.
    at: Duration,
}

type Alteration<M> = Box<dyn FnOnce(&mut M) + Send>;

impl<M, N> Network<M, N>
where
    M: Clone + Hash,
    N: Copy + Ord + Hash,
{
    /// A network at time zero on which nothing is under way and all links are perfect. `seed` decides everything
    /// that happens by chance.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            queue: Queue::new(),
            wakes: BTreeMap::new(),
            links: BTreeMap::new(),
            default_link: Link::new(),
            waiting: BTreeSet::new(),
            isolated: BTreeSet::new(),
            counts: Counts::default(),
            trace: Trace::new(),
        }
    }

    /// The seed given to [`new`](Self::new).
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// The virtual time since the start: when the last thing happened, the loss of a message included.
    #[must_use]
    pub const fn now(&self) -> Duration {
        self.queue.now()
    }

    /// Hands a message to the network, which delivers it, or not, as the link from `from` to `to` will have it.
    pub fn send(&mut self, from: N, to: N, mut message: M) {
        let is_cut = self.is_cut(from, to);
        let now = self.now();
        let route = route(&mut self.links, self.seed, from, to);
        let link = route.link.as_ref().unwrap_or(&self.default_link);
        let nth = route.counts.sent + 1;

        // Always the same draws, whatever is made of them, so that every message's fate is its own. What a script
        // repeats more than once draws from a sequence of that message alone.
        let (loss, duplication) = (route.rng.f64(), route.rng.f64());
        let mut delays = [route.rng.u32(..), route.rng.u32(..)].into_iter();
        let mut further = fastrand::Rng::with_seed(digest_of(&(self.seed, from, to, nth)).bits());
        let mut arrival = || {
            let draw = delays.next().unwrap_or_else(|| further.u32(..));
            now.saturating_add(link.delay_of(draw))
        };

        for counts in [&mut self.counts, &mut route.counts] {
            counts.sent += 1;
            counts.under_way += 1;
        }
        self.trace.push(now, Happening::Sent { from, to, nth, message: digest_of(&message) });
        if let Some(alteration) = route.alterations.remove(&nth) {
            alteration(&mut message);
        }

        let fault = route.faults.remove(&nth);
        let cause = match &fault {
            _ if is_cut => Some(LossCause::Cut),
            Some(Fault::Drop) => Some(LossCause::Script),
            None if loss < link.loss() => Some(LossCause::Chance),
            _ => None,
        };
        let mut overtaken_at = now;
        if let Some(cause) = cause {
            for counts in [&mut self.counts, &mut route.counts] {
                counts.under_way -= 1;
                counts.lost += 1;
            }
            self.trace.push(now, Happening::Lost { from, to, nth, cause });
        } else {
            let (copies, late) = match fault {
                Some(Fault::Repeat(times)) => (times, Duration::ZERO),
                Some(Fault::Delay(late)) => (0, late),
                Some(Fault::Overtaken) => {
                    // In front of those it should have overtaken: they follow whoever overtakes it.
                    route.waiting.insert(0, Waiting { nth, message, at: arrival() });
                    self.waiting.insert((from, to));
                    return;
                }
                Some(Fault::Drop) => (0, Duration::ZERO),
                None => (u32::from(duplication < link.duplication()), Duration::ZERO),
            };
            for copy in 0..=copies {
                if copy > 0 {
                    for counts in [&mut self.counts, &mut route.counts] {
                        counts.repeated += 1;
                        counts.under_way += 1;
                    }
                    self.trace.push(now, Happening::Repeated { from, to, nth });
                }
                let mut at = arrival().saturating_add(late);
                if link.is_in_order() {
                    at = at.max(route.last_arrival);
                    route.last_arrival = at;
                }
                overtaken_at = overtaken_at.max(at);
                self.queue.push(at, Entry::Message { from, to, nth, message: message.clone() });
            }
        }
        // A message that is lost leaves those that waited for it where they would have been without waiting.
        for Waiting { nth, message, at } in route.waiting.drain(..) {
            self.queue.push(at.max(overtaken_at), Entry::Message { from, to, nth, message });
        }
        self.waiting.remove(&(from, to));
    }

    /// Wakes `node` at `at`, or at once when that has passed. A node has one wake-up, so this replaces what it
    /// asked for before: exactly what a machine means when it says how long it can wait.
    pub fn wake_at(&mut self, node: N, at: Duration) {
        self.cancel_wake(node);
        let place = self.queue.push(at, Entry::Wake { node });
        self.wakes.insert(node, place);
    }

    /// Forgets the wake-up `node` has asked for, if it has.
    pub fn cancel_wake(&mut self, node: N) {
        if let Some(place) = self.wakes.remove(&node) {
            self.queue.remove(place);
        }
    }

    /// When the next thing is due; `None` when nothing is under way. What is due may turn out to be the loss of a
    /// message on a cut link, which nobody notices.
    #[must_use]
    pub fn next_at(&self) -> Option<Duration> {
        self.queue.first_at().or_else(|| (!self.waiting.is_empty()).then_some(self.now()))
    }

    /// What is due next, if that is not after `deadline`. Otherwise the clock moves to `deadline` and the answer
    /// is `None`: how a test says "and then for ten minutes".
    pub fn next_until(&mut self, deadline: Duration) -> Option<(Duration, Delivery<M, N>)> {
        let delivery = self.next_within(deadline);
        if delivery.is_none() {
            self.queue.advance_to(deadline);
        }
        delivery
    }

    /// The link used between nodes that have none of their own, in both directions, from now on.
    pub fn set_default_link(&mut self, link: Link) {
        self.default_link = link;
    }

    /// The link from `from` to `to`, from now on. What is under way is not affected.
    pub fn set_link(&mut self, from: N, to: N, link: Link) {
        route(&mut self.links, self.seed, from, to).link = Some(link);
    }

    /// The links between `a` and `b` in both directions, from now on.
    pub fn set_links(&mut self, a: N, b: N, link: Link) {
        self.set_link(a, b, link.clone());
        self.set_link(b, a, link);
    }

    /// Lets `fault` befall the `nth` message from `from` to `to`, counted from 1 over all that were ever sent. It
    /// replaces what chance would have done, and a fault named earlier for the same message.
    ///
    /// # Panics
    ///
    /// If that message has been sent already, or `nth` is 0.
    pub fn script(&mut self, from: N, to: N, nth: u64, fault: Fault) {
        self.route_before(from, to, nth).faults.insert(nth, fault);
    }

    /// Changes the `nth` message from `from` to `to`, counted from 1 over all that were ever sent: damage on the
    /// way, or a forgery. Its copies are changed alike, and chance and scripted faults still apply.
    ///
    /// # Panics
    ///
    /// If that message has been sent already, or `nth` is 0.
    pub fn alter(&mut self, from: N, to: N, nth: u64, alteration: impl FnOnce(&mut M) + Send + 'static) {
        self.route_before(from, to, nth).alterations.insert(nth, Box::new(alteration));
    }

    /// Cuts the links between `a` and `b` in both directions. What is sent on a cut link is lost, and so is what
    /// was under way if it would arrive before the link is [healed](Self::heal).
    pub fn cut(&mut self, a: N, b: N) {
        self.cut_one_way(a, b);
        self.cut_one_way(b, a);
    }

    /// Cuts only the link from `from` to `to`.
    pub fn cut_one_way(&mut self, from: N, to: N) {
        route(&mut self.links, self.seed, from, to).is_cut = true;
    }

    /// Gives the links between `a` and `b` back in both directions.
    pub fn heal(&mut self, a: N, b: N) {
        for (from, to) in [(a, b), (b, a)] {
            route(&mut self.links, self.seed, from, to).is_cut = false;
        }
    }

    /// Cuts `node` off from everyone, as if switched off. Its wake-ups stay.
    pub fn isolate(&mut self, node: N) {
        self.isolated.insert(node);
    }

    /// Ends [`isolate`](Self::isolate). Links that were cut one by one stay cut.
    pub fn rejoin(&mut self, node: N) {
        self.isolated.remove(&node);
    }

    /// Whether a message sent now from `from` to `to` is lost because the link is cut or a node is isolated.
    #[must_use]
    pub fn is_cut(&self, from: N, to: N) -> bool {
        self.isolated.contains(&from)
            || self.isolated.contains(&to)
            || self.links.get(&(from, to)).is_some_and(|route| route.is_cut)
    }

    /// What became of all messages.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// What became of the messages from `from` to `to`.
    #[must_use]
    pub fn link_counts(&self, from: N, to: N) -> Counts {
        self.links.get(&(from, to)).map(|route| route.counts).unwrap_or_default()
    }

    /// Keeps every event from now on for [`events`](Self::events).
    pub fn record(&mut self) {
        self.trace.keep();
    }

    /// The events since [`record`](Self::record) was called; none if it was not.
    #[must_use]
    pub fn events(&self) -> &[Event<N>] {
        self.trace.events()
    }

    /// Adds a remark to the trace, and so to the digest: what a node became, what a test found.
    pub fn note(&mut self, node: N, text: impl Into<String>) {
        self.trace.push(self.now(), Happening::Noted { node, text: text.into() });
    }

    /// The digest of everything that has happened, recorded or not.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.trace.digest()
    }

    fn next_within(&mut self, deadline: Duration) -> Option<(Duration, Delivery<M, N>)> {
        while self.next_at()? <= deadline {
            let Some(entry) = self.queue.pop() else {
                self.stop_waiting();
                continue;
            };
            if let Some(delivery) = self.deliver(entry) {
                return Some((self.now(), delivery));
            }
        }
        None
    }

    fn deliver(&mut self, entry: Entry<M, N>) -> Option<Delivery<M, N>> {
        let now = self.now();
        let (from, to, nth, message) = match entry {
            Entry::Message { from, to, nth, message } => (from, to, nth, message),
            Entry::Wake { node } => {
                self.wakes.remove(&node);
                self.trace.push(now, Happening::Woken { node });
                return Some(Delivery::Wake { node });
            }
        };
        let is_cut = self.is_cut(from, to);
        let route = route(&mut self.links, self.seed, from, to);
        for counts in [&mut self.counts, &mut route.counts] {
            counts.under_way -= 1;
            *(if is_cut { &mut counts.lost } else { &mut counts.delivered }) += 1;
        }
        if is_cut {
            self.trace.push(now, Happening::Lost { from, to, nth, cause: LossCause::Cut });
            return None;
        }
        self.trace.push(now, Happening::Delivered { from, to, nth, message: digest_of(&message) });
        Some(Delivery::Message { from, to, message })
    }

    /// Sends on what nothing came to overtake.
    fn stop_waiting(&mut self) {
        for (from, to) in mem::take(&mut self.waiting) {
            for Waiting { nth, message, at } in route(&mut self.links, self.seed, from, to).waiting.drain(..)
            {
                self.queue.push(at, Entry::Message { from, to, nth, message });
            }
        }
    }

    fn route_before(&mut self, from: N, to: N, nth: u64) -> &mut Route<M> {
        let route = route(&mut self.links, self.seed, from, to);
        assert!(nth > 0, "messages are counted from 1");
        assert!(nth > route.counts.sent, "message {nth} has been sent already");
        route
    }
}

impl<M, N> Iterator for Network<M, N>
where
    M: Clone + Hash,
    N: Copy + Ord + Hash,
{
    type Item = (Duration, Delivery<M, N>);

    fn next(&mut self) -> Option<Self::Item> {
        self.next_within(Duration::MAX)
    }
}

/// The route from `from` to `to`, made on first use.
fn route<M, N: Copy + Ord + Hash>(
    links: &mut BTreeMap<(N, N), Route<M>>,
    seed: u64,
    from: N,
    to: N,
) -> &mut Route<M> {
    links.entry((from, to)).or_insert_with(|| Route {
        link: None,
        rng: fastrand::Rng::with_seed(digest_of(&(seed, from, to)).bits()),
        is_cut: false,
        last_arrival: Duration::ZERO,
        faults: BTreeMap::new(),
        alterations: BTreeMap::new(),
        waiting: Vec::new(),
        counts: Counts::default(),
    })
}

impl<M, N: fmt::Debug> fmt::Debug for Network<M, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("seed", &self.seed)
            .field("now", &self.queue.now())
            .field("counts", &self.counts)
            .field("wakes", &self.wakes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn messages(network: &mut Network<u32>) -> Vec<u32> {
        network
            .filter_map(|(_, delivery)| match delivery {
                Delivery::Message { message, .. } => Some(message),
                Delivery::Wake { .. } => None,
            })
            .collect()
    }

    fn numbered(script: &[(u64, Fault)]) -> Network<u32> {
        let mut network = Network::new(1);
        network.set_default_link(Link::new().with_delay(10 * MS..=10 * MS));
        for (nth, fault) in script {
            network.script(1, 2, *nth, fault.clone());
        }
        for n in 1..=4 {
            network.send(1, 2, n);
        }
        network
    }

    #[test]
    fn scripted_faults_do_what_their_names_say() {
        type Case = (&'static str, &'static [(u64, Fault)], &'static [u32]);
        let table: [Case; 9] = [
            ("none", &[], &[1, 2, 3, 4]),
            ("drop the third", &[(3, Fault::Drop)], &[1, 2, 4]),
            ("repeat the second", &[(2, Fault::Repeat(1))], &[1, 2, 2, 3, 4]),
            ("repeat it three times", &[(2, Fault::Repeat(3))], &[1, 2, 2, 2, 2, 3, 4]),
            ("delay the first", &[(1, Fault::Delay(MS))], &[2, 3, 4, 1]),
            ("overtake the first", &[(1, Fault::Overtaken)], &[2, 1, 3, 4]),
            ("each overtakes the one before", &[(1, Fault::Overtaken), (2, Fault::Overtaken)], &[3, 2, 1, 4]),
            ("nothing overtakes the last", &[(4, Fault::Overtaken)], &[1, 2, 3, 4]),
            ("a dropped one overtakes nothing", &[(1, Fault::Overtaken), (2, Fault::Drop)], &[1, 3, 4]),
        ];
        for (name, script, expected) in table {
            let mut network = numbered(script);
            assert_eq!(messages(&mut network), expected, "{name}");
            let counts = network.counts();
            assert_eq!(counts.under_way, 0, "{name}");
            assert_eq!(counts.sent + counts.repeated, counts.delivered + counts.lost, "{name}");
            assert_eq!(counts, network.link_counts(1, 2), "{name}");
        }
    }

    #[test]
    fn altered_messages_arrive_altered() {
        let mut network = Network::new(1);
        network.record();
        network.alter(1, 2, 2, |message| *message += 100);
        network.script(1, 2, 2, Fault::Repeat(1));
        for n in 1..=3 {
            network.send(1, 2, n);
        }
        assert_eq!(messages(&mut network), [1, 102, 102, 3]);
        let lines: Vec<String> = network.events().iter().map(ToString::to_string).collect();
        assert_eq!(lines.len(), 3 + 1 + 4);
    }

    #[test]
    #[should_panic(expected = "sent already")]
    fn a_fault_for_the_past_is_a_mistake() {
        let mut network = Network::new(1);
        network.send(1, 2, 1);
        network.script(1, 2, 1, Fault::Drop);
    }

    #[test]
    fn a_node_has_one_wake_up() {
        let mut network: Network<u32> = Network::new(1);
        network.wake_at(1, 5 * MS);
        network.wake_at(2, 3 * MS);
        network.wake_at(1, 2 * MS);
        network.wake_at(3, 1 * MS);
        network.cancel_wake(3);
        let woken: Vec<_> = network.by_ref().collect();
        assert_eq!(woken, [(2 * MS, Delivery::Wake { node: 1 }), (3 * MS, Delivery::Wake { node: 2 })]);
        // The past is now.
        network.wake_at(1, MS);
        assert_eq!(network.next(), Some((3 * MS, Delivery::Wake { node: 1 })));
        assert_eq!(network.next(), None);
        assert_eq!(network.now(), 3 * MS);
    }

    #[test]
    fn what_is_due_together_comes_in_the_order_it_was_asked_for() {
        let mut network = Network::new(1);
        network.send(1, 2, 10);
        network.wake_at(2, Duration::ZERO);
        network.send(3, 2, 30);
        let order: Vec<_> = network.map(|(_, delivery)| delivery).collect();
        assert_eq!(
            order,
            [
                Delivery::Message { from: 1, to: 2, message: 10 },
                Delivery::Wake { node: 2 },
                Delivery::Message { from: 3, to: 2, message: 30 },
            ]
        );
    }

    #[test]
    fn a_deadline_stops_the_clock() {
        let mut network = Network::new(1);
        network.set_default_link(Link::new().with_delay(10 * MS..=10 * MS));
        network.send(1, 2, 1);
        assert_eq!(network.next_until(9 * MS), None);
        assert_eq!(network.now(), 9 * MS);
        assert!(network.next_until(10 * MS).is_some());
        assert_eq!(network.next_until(20 * MS), None);
        assert_eq!(network.now(), 20 * MS);
        // A deadline that has passed does not move the clock back.
        assert_eq!(network.next_until(MS), None);
        assert_eq!(network.now(), 20 * MS);
    }

    #[test]
    fn a_cut_loses_what_is_sent_and_what_is_under_way() {
        let mut network = Network::new(1);
        network.set_default_link(Link::new().with_delay(10 * MS..=10 * MS));
        network.send(1, 2, 1);
        network.cut(1, 2);
        network.send(2, 1, 2);
        network.send(1, 3, 3);
        assert_eq!(messages(&mut network), [3]);
        network.heal(1, 2);
        network.send(1, 2, 4);
        assert_eq!(messages(&mut network), [4]);
        assert_eq!(network.counts().lost, 2);

        network.cut_one_way(1, 2);
        network.send(1, 2, 5);
        network.send(2, 1, 6);
        assert_eq!(messages(&mut network), [6]);
    }

    #[test]
    fn an_isolated_node_still_wakes() {
        let mut network = Network::new(1);
        network.isolate(2);
        network.send(1, 2, 1);
        network.send(2, 1, 2);
        network.wake_at(2, MS);
        assert_eq!(network.next(), Some((MS, Delivery::Wake { node: 2 })));
        network.rejoin(2);
        network.send(1, 2, 3);
        assert_eq!(messages(&mut network), [3]);
    }

    #[test]
    fn chance_is_about_as_likely_as_it_says() {
        let mut network = Network::new(42);
        network.set_default_link(Link::new().with_loss(0.2).with_duplication(0.1));
        for n in 0..10_000 {
            network.send(1, 2, n);
        }
        let counts = network.counts();
        assert!((1_800..2_200).contains(&counts.lost), "{counts:?}");
        assert!((650..950).contains(&counts.repeated), "{counts:?}");
    }

    #[test]
    fn certain_loss_and_certain_duplication() {
        let mut network = Network::new(3);
        network.set_link(1, 2, Link::new().with_loss(1.0));
        network.set_link(2, 1, Link::new().with_duplication(1.0));
        network.send(1, 2, 1);
        network.send(2, 1, 2);
        assert_eq!(messages(&mut network), [2, 2]);
    }

    #[test]
    fn notes_are_part_of_the_digest() {
        let digest = |note: &str| {
            let mut network: Network<u32> = Network::new(1);
            network.note(1, note);
            network.digest()
        };
        assert_eq!(digest("rebooted"), digest("rebooted"));
        assert_ne!(digest("rebooted"), digest("ready"));
    }
}
