//! What holds on every network, whatever is done to it.

extern crate alloc;

use alloc::collections::BTreeMap;
use core::time::Duration;

use dm_sim::{Counts, Delivery, Fault, Happening, Link, Network};
use proptest::prelude::*;

/// What a message is in these tests: who sent it, its number on its link, and when it was sent.
type Message = (u8, u64, Duration);

#[derive(Clone, Debug)]
enum Step {
    Send { from: u8, to: u8 },
    Next,
    Until { millis: u64 },
    Wake { node: u8, millis: u64 },
    Cancel { node: u8 },
    Cut { a: u8, b: u8 },
    Heal { a: u8, b: u8 },
    Isolate { node: u8 },
    Rejoin { node: u8 },
    Script { from: u8, to: u8, ahead: u64, fault: Fault },
    Link { from: u8, to: u8, link: Link },
}

fn node() -> impl Strategy<Value = u8> {
    0..4_u8
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::Drop),
        (0..4_u32).prop_map(Fault::Repeat),
        (0..500_u64).prop_map(|millis| Fault::Delay(Duration::from_millis(millis))),
        Just(Fault::Overtaken),
    ]
}

fn link() -> impl Strategy<Value = Link> {
    (0.0..=1.0, 0.0..=1.0, 0..100_u64, 0..100_u64, any::<bool>()).prop_map(
        |(loss, duplication, shortest, jitter, in_order)| {
            let (shortest, longest) =
                (Duration::from_millis(shortest), Duration::from_millis(shortest + jitter));
            let link =
                Link::new().with_loss(loss).with_duplication(duplication).with_delay(shortest..=longest);
            if in_order { link.with_order() } else { link }
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (node(), node()).prop_map(|(from, to)| Step::Send { from, to }),
        6 => Just(Step::Next),
        1 => (0..400_u64).prop_map(|millis| Step::Until { millis }),
        2 => (node(), 0..2000_u64).prop_map(|(node, millis)| Step::Wake { node, millis }),
        1 => node().prop_map(|node| Step::Cancel { node }),
        1 => (node(), node()).prop_map(|(a, b)| Step::Cut { a, b }),
        1 => (node(), node()).prop_map(|(a, b)| Step::Heal { a, b }),
        1 => node().prop_map(|node| Step::Isolate { node }),
        1 => node().prop_map(|node| Step::Rejoin { node }),
        2 => (node(), node(), 1..5_u64, fault())
            .prop_map(|(from, to, ahead, fault)| Step::Script { from, to, ahead, fault }),
        2 => (node(), node(), link()).prop_map(|(from, to, link)| Step::Link { from, to, link }),
    ]
}

/// A network with the checks that hold at every step.
struct Checked {
    network: Network<Message, u8>,
    now: Duration,
    /// Copies that may still arrive, by link and number.
    expected: BTreeMap<(u8, u8, u64), u32>,
    wakes: BTreeMap<u8, Duration>,
}

impl Checked {
    fn new(seed: u64) -> Self {
        let mut network = Network::new(seed);
        network.record();
        Self { network, now: Duration::ZERO, expected: BTreeMap::new(), wakes: BTreeMap::new() }
    }

    fn send(&mut self, from: u8, to: u8) {
        let nth = self.network.link_counts(from, to).sent + 1;
        let repeated = self.network.counts().repeated;
        self.network.send(from, to, (from, nth, self.now));
        let copies = 1 + (self.network.counts().repeated - repeated) as u32;
        self.expected.insert((from, to, nth), copies);
    }

    fn arrived(&mut self, item: Option<(Duration, Delivery<Message, u8>)>) -> bool {
        // The loss of what was under way on a cut link moves the clock too, and nobody is told.
        let Some((at, delivery)) = item else {
            assert!(self.network.now() >= self.now, "time steps back");
            self.now = self.network.now();
            return false;
        };
        assert!(at >= self.now, "time steps back");
        self.now = at;
        match delivery {
            Delivery::Message { from, to, message: (sender, nth, sent_at) } => {
                assert_eq!(from, sender);
                assert!(at >= sent_at, "delivered before it was sent");
                let copies = self.expected.get_mut(&(from, to, nth)).expect("delivered and never sent");
                *copies = copies.checked_sub(1).expect("delivered more often than sent and repeated");
                assert!(!self.network.is_cut(from, to), "delivered on a cut link");
            }
            Delivery::Wake { node } => {
                let asked = self.wakes.remove(&node).expect("woken without asking");
                assert!(at >= asked, "woken early");
            }
        }
        true
    }

    fn apply(&mut self, step: &Step) {
        match step.clone() {
            Step::Send { from, to } => self.send(from, to),
            Step::Next => {
                let due = self.network.next_at();
                let item = self.network.next();
                assert!(due.is_some() || item.is_none());
                self.arrived(item);
            }
            Step::Until { millis } => {
                let deadline = self.now + Duration::from_millis(millis);
                while let item @ Some(_) = self.network.next_until(deadline) {
                    self.arrived(item);
                    assert!(self.now <= deadline);
                }
                self.arrived(None);
                assert_eq!(self.now, deadline);
            }
            Step::Wake { node, millis } => {
                let at = Duration::from_millis(millis);
                self.network.wake_at(node, at);
                self.wakes.insert(node, at);
            }
            Step::Cancel { node } => {
                self.network.cancel_wake(node);
                self.wakes.remove(&node);
            }
            Step::Cut { a, b } => self.network.cut(a, b),
            Step::Heal { a, b } => self.network.heal(a, b),
            Step::Isolate { node } => self.network.isolate(node),
            Step::Rejoin { node } => self.network.rejoin(node),
            Step::Script { from, to, ahead, fault } => {
                let nth = self.network.link_counts(from, to).sent + ahead;
                self.network.script(from, to, nth, fault);
            }
            Step::Link { from, to, link } => self.network.set_link(from, to, link),
        }
        let c = self.network.counts();
        assert_eq!(c.sent + c.repeated, c.delivered + c.lost + c.under_way, "messages appear or vanish");
    }

    fn run(seed: u64, steps: &[Step]) -> Self {
        let mut checked = Self::new(seed);
        for step in steps {
            checked.apply(step);
        }
        checked
    }

    fn drain(&mut self) {
        loop {
            let item = self.network.next();
            if !self.arrived(item) {
                break;
            }
        }
    }
}

fn sum(a: Counts, b: Counts) -> (u64, u64, u64, u64, u64) {
    (
        a.sent + b.sent,
        a.repeated + b.repeated,
        a.delivered + b.delivered,
        a.lost + b.lost,
        a.under_way + b.under_way,
    )
}

proptest! {
    #[test]
    fn nothing_appears_vanishes_or_arrives_early(seed: u64, steps in prop::collection::vec(step(), 0..120)) {
        let mut checked = Checked::run(seed, &steps);
        checked.drain();
        let counts = checked.network.counts();
        prop_assert_eq!(counts.under_way, 0);
        prop_assert_eq!(counts.sent + counts.repeated, counts.delivered + counts.lost);
        prop_assert!(checked.wakes.is_empty(), "a wake-up was forgotten");
        // The links' counts add up to the whole.
        let mut total = Counts::default();
        for from in 0..4 {
            for to in 0..4 {
                let (sent, repeated, delivered, lost, under_way) = sum(total, checked.network.link_counts(from, to));
                (total.sent, total.repeated, total.delivered) = (sent, repeated, delivered);
                (total.lost, total.under_way) = (lost, under_way);
            }
        }
        prop_assert_eq!(total, counts);
    }

    #[test]
    fn equal_seeds_give_equal_runs(seed: u64, steps in prop::collection::vec(step(), 0..120)) {
        let (mut a, mut b) = (Checked::run(seed, &steps), Checked::run(seed, &steps));
        a.drain();
        b.drain();
        prop_assert_eq!(a.network.digest(), b.network.digest());
        prop_assert_eq!(a.network.events(), b.network.events());
    }

    /// Loses nothing, repeats nothing, no jitter: then a link is a queue.
    #[test]
    fn first_in_first_out_without_jitter(
        seed: u64,
        millis in 0..50_u64,
        sends in prop::collection::vec((node(), node(), 0..20_u64), 0..100),
    ) {
        let delay = Duration::from_millis(millis);
        let mut network: Network<u64, u8> = Network::new(seed);
        network.set_default_link(Link::new().with_delay(delay..=delay));
        check_order(&mut network, &sends, true)?;
    }

    /// Whatever its delays, a link in order keeps the order.
    #[test]
    fn links_in_order_keep_the_order(
        seed: u64,
        link in link(),
        sends in prop::collection::vec((node(), node(), 0..20_u64), 0..100),
    ) {
        let mut network: Network<u64, u8> = Network::new(seed);
        network.set_default_link(link.with_order());
        check_order(&mut network, &sends, false)?;
    }

    /// Delays stay within their range, whatever else the link does.
    #[test]
    fn delays_stay_in_range(seed: u64, shortest in 0..1000_u64, jitter in 0..1000_u64) {
        let (shortest, longest) = (Duration::from_micros(shortest), Duration::from_micros(shortest + jitter));
        let mut network: Network<u64, u8> = Network::new(seed);
        network.set_default_link(Link::new().with_duplication(0.5).with_delay(shortest..=longest));
        for n in 0..50 {
            network.send(1, 2, n);
        }
        for (at, _) in network {
            prop_assert!(at >= shortest && at <= longest);
        }
    }

    /// What befalls a message depends on the seed, its link and its number only: not on what others send, and not
    /// on faults named for other messages.
    #[test]
    fn fates_are_independent(
        seed: u64,
        link in link(),
        others in prop::collection::vec(0..4_u8, 0..20),
        nth in 1..20_u64,
        fault in fault(),
    ) {
        let fates = |disturbed: bool| {
            let mut network: Network<u64, u8> = Network::new(seed);
            network.record();
            let link = if link.is_in_order() { Link::new() } else { link.clone() };
            network.set_default_link(link);
            if disturbed {
                network.script(8, 9, nth, fault.clone());
            }
            for n in 1..=20 {
                network.send(8, 9, n);
                if disturbed {
                    for to in &others {
                        network.send(8, *to, n);
                        network.send(*to, 9, n);
                    }
                }
            }
            network.by_ref().for_each(drop);
            let mut fates = Vec::new();
            for event in network.events() {
                match &event.happening {
                    Happening::Delivered { from: 8, to: 9, nth, .. } => fates.push((*nth, Some(event.at))),
                    Happening::Lost { from: 8, to: 9, nth, .. } => fates.push((*nth, None)),
                    _ => {}
                }
            }
            // The message the fault is for, and the one after it that lets an overtaken one go, may differ.
            fates.retain(|(n, _)| *n != nth);
            fates.sort_unstable();
            fates
        };
        prop_assert_eq!(fates(false), fates(true));
    }
}

fn check_order(
    network: &mut Network<u64, u8>,
    sends: &[(u8, u8, u64)],
    all_arrive: bool,
) -> Result<(), TestCaseError> {
    let mut arrivals: BTreeMap<(u8, u8), Vec<u64>> = BTreeMap::new();
    let mut now = Duration::ZERO;
    let mut arrive = |item: Option<(Duration, Delivery<u64, u8>)>| match item {
        Some((_, Delivery::Message { from, to, message })) => {
            arrivals.entry((from, to)).or_default().push(message);
            true
        }
        _ => false,
    };
    for (n, (from, to, pause)) in sends.iter().enumerate() {
        now += Duration::from_millis(*pause);
        while arrive(network.next_until(now)) {}
        network.send(*from, *to, n as u64);
    }
    while arrive(network.next()) {}
    for (link, arrived) in &arrivals {
        prop_assert!(arrived.is_sorted(), "{link:?}: {arrived:?}");
    }
    if all_arrive {
        prop_assert_eq!(arrivals.values().map(Vec::len).sum::<usize>(), sends.len());
    }
    Ok(())
}
