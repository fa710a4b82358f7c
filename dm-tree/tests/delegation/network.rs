//! Both sides over a network that loses, repeats, delays and reorders, on machines that lose their power: in the end they
//! agree, with each other and with the device.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dm_sim::{Delivery, Link, Network};
use dm_syncml::session::GenericAlert;
use dm_syncml::{Data, Format, Instant};
use dm_tree::authority::DelegationKind;
use dm_tree::delegation::{
    Decision, Delegatee, DelegationLimits, DelegationOutput, DelegationRecord, DelegationSnapshot,
    DelegationStage, Delegator, NegotiationId, NegotiationKey,
};
use dm_tree::{ServerId, Timestamp};
use proptest::prelude::*;

use crate::{at, proposal, server, terms};

const OP: u32 = 0;
const PARTNER: u32 = 1;

fn name(node: u32) -> ServerId {
    server(if node == OP { "op" } else { "partner" })
}

/// A message of the network: what can be cloned and hashed of an alert.
type Carried = (String, String);

struct Store<T> {
    begin: T,
    records: Vec<DelegationRecord>,
}

struct World {
    network: Network<Carried>,
    giver: Delegator,
    taker: Delegatee,
    stores: [Store<DelegationSnapshot>; 2],
    /// What the device has granted.
    device: BTreeSet<NegotiationId>,
    /// What the delegator has agreed to, and not taken back.
    agreed: BTreeSet<NegotiationId>,
    rng: u64,
    started: u8,
}

fn limits() -> DelegationLimits {
    DelegationLimits::default()
        .with_resend(Duration::from_secs(2), Duration::from_secs(30))
        .with_patience(Duration::from_secs(300))
        .with_remember(Duration::from_secs(600))
}

impl World {
    fn new(seed: u64, loss: f64) -> Self {
        let mut network = Network::new(seed);
        let link = Link::new()
            .with_loss(loss)
            .with_duplication(0.3)
            .with_delay(Duration::from_millis(10)..=Duration::from_secs(20));
        network.set_default_link(link);
        let (giver, taker) = (Delegator::new(name(OP), limits()), Delegatee::new(name(PARTNER), limits()));
        let stores = [
            Store { begin: giver.snapshot(), records: Vec::new() },
            Store { begin: taker.snapshot(), records: Vec::new() },
        ];
        let mut world = Self {
            network,
            giver,
            taker,
            stores,
            device: BTreeSet::new(),
            agreed: BTreeSet::new(),
            rng: seed | 1,
            started: 0,
        };
        world.tell_time();
        world
    }

    fn random(&mut self, below: u64) -> u64 {
        self.rng ^= self.rng << 13;
        self.rng ^= self.rng >> 7;
        self.rng ^= self.rng << 17;
        self.rng % below
    }

    fn now(&self) -> Instant {
        Instant::new(self.network.now())
    }

    fn wall(&self) -> Timestamp {
        at(i64::try_from(self.network.now().as_secs()).unwrap())
    }

    fn tell_time(&mut self) {
        let (now, wall) = (self.now(), self.wall());
        self.giver.set_wall_clock(now, wall);
        self.taker.set_wall_clock(now, wall);
    }

    /// Does what is to be done; after so many outputs the power is lost.
    fn drain(&mut self, node: u32, mut power: u64) {
        let now = self.now();
        loop {
            let output = if node == OP { self.giver.poll_output() } else { self.taker.poll_output() };
            if power == 0 {
                return self.restart(node);
            }
            power -= 1;
            match output {
                DelegationOutput::Persist(seq, record) => {
                    self.stores[node as usize].records.push(record);
                    if node == OP {
                        self.giver.handle_persisted(now, seq);
                    } else {
                        self.taker.handle_persisted(now, seq);
                    }
                }
                DelegationOutput::Send { to, alert, .. } => {
                    let carried = (alert.name().to_string(), alert.data.as_text().unwrap().to_string());
                    let to = if to == name(OP) { OP } else { PARTNER };
                    self.network.send(node, to, carried);
                }
                DelegationOutput::Decide(key, proposal) => {
                    let agrees = self.random(4) != 0;
                    let decision =
                        if agrees { Decision::Agree(proposal.terms().clone()) } else { Decision::Refuse };
                    // It may have ended meanwhile.
                    if node == OP {
                        if self.giver.handle_decision(now, &key, decision).is_ok() && agrees {
                            self.agreed.insert(key.id);
                        }
                    } else {
                        let _ = self.taker.handle_decision(now, &key, &decision);
                    }
                }
                DelegationOutput::Grant(key, _) => {
                    // Also what was offered and accepted.
                    self.agreed.insert(key.id);
                    let done = self.random(8) != 0;
                    if done {
                        self.device.insert(key.id);
                    }
                    let _ = self.giver.handle_granted(now, &key, done);
                }
                DelegationOutput::Undo(key, ..) => {
                    self.device.remove(&key.id);
                    self.agreed.remove(&key.id);
                    let _ = self.giver.handle_undone(now, &key);
                }
                DelegationOutput::TakeUp(key, _) => {
                    let found = self.device.contains(&key.id);
                    let _ = self.taker.handle_taken_up(now, &key, found);
                }
                DelegationOutput::Established(key, _) => {
                    // Never without an agreement of the delegator, whatever was lost or came twice.
                    assert!(self.agreed.contains(&key.id) || node == PARTNER, "{key}");
                }
                DelegationOutput::Wait(until) => {
                    if let Some(until) = until {
                        self.network.wake_at(node, until.since_epoch());
                    }
                    return;
                }
                _ => {}
            }
        }
    }

    /// The power comes back: what was stored is there, and nothing else.
    fn restart(&mut self, node: u32) {
        let now = self.now();
        let store = &self.stores[node as usize];
        if node == OP {
            self.giver = Delegator::restore(now, limits(), &store.begin).unwrap();
            for record in &store.records {
                self.giver.replay(record).unwrap();
            }
        } else {
            self.taker = Delegatee::restore(now, limits(), &store.begin).unwrap();
            for record in &store.records {
                self.taker.replay(record).unwrap();
            }
        }
        self.tell_time();
        if node == OP {
            self.giver.resume(now);
        } else {
            self.taker.resume(now);
        }
        self.drain(node, u64::MAX);
    }

    fn deliver(&mut self, delivery: Delivery<Carried>, power: u64) {
        let now = self.now();
        let node = match delivery {
            Delivery::Message { from, to, message: (alert_type, text) } => {
                let alert = GenericAlert::new(alert_type, Format::CHR, Data::text(text).unwrap()).unwrap();
                let done = match to {
                    OP => self.giver.handle_alert(now, &name(from), &alert),
                    _ => self.taker.handle_alert(now, &name(from), &alert),
                };
                done.unwrap();
                to
            }
            Delivery::Wake { node } => {
                if node == OP {
                    self.giver.handle_tick(now);
                } else {
                    self.taker.handle_tick(now);
                }
                node
            }
        };
        self.drain(node, power);
    }

    /// One of the two wants something.
    fn act(&mut self) {
        let now = self.now();
        let mut id = [0; 16];
        id[0] = self.started;
        let until = self.random(3);
        let mut wanted =
            terms(if self.random(2) == 0 { DelegationKind::Full } else { DelegationKind::Shared });
        if until == 0 {
            let seconds = i64::try_from(self.network.now().as_secs() + 30 + self.random(300)).unwrap();
            wanted = wanted.until(at(seconds));
        }
        let node = match self.random(6) {
            0 | 1 => {
                self.started += 1;
                let _ = self.giver.offer(now, id, &name(PARTNER), proposal(wanted));
                OP
            }
            2 | 3 => {
                self.started += 1;
                let _ = self.taker.request(now, id, &name(OP), proposal(wanted));
                PARTNER
            }
            4 => {
                let known: Vec<_> = self.giver.negotiations().map(|(key, ..)| key.clone()).collect();
                if !known.is_empty() {
                    let which = self.random(known.len() as u64) as usize;
                    let _ = self.giver.revoke(now, &known[which]);
                }
                OP
            }
            _ => {
                let known: Vec<_> = self.taker.negotiations().map(|(key, ..)| key.clone()).collect();
                if !known.is_empty() {
                    let which = self.random(known.len() as u64) as usize;
                    let _ = self.taker.relinquish(now, &known[which]);
                }
                PARTNER
            }
        };
        let power = self.power();
        self.drain(node, power);
    }

    fn power(&mut self) -> u64 {
        if self.random(10) == 0 { self.random(4) } else { u64::MAX }
    }

    /// What each side thinks is in force.
    fn in_force(&self) -> (BTreeSet<NegotiationId>, BTreeSet<NegotiationId>) {
        let is = |(key, stage, _): (&NegotiationKey, DelegationStage, _)| {
            (stage == DelegationStage::InForce).then_some(key.id)
        };
        (
            self.giver
                .negotiations()
                .filter_map(|(key, stage, proposal)| is((key, stage, proposal)))
                .collect(),
            self.taker
                .negotiations()
                .filter_map(|(key, stage, proposal)| is((key, stage, proposal)))
                .collect(),
        )
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn dm_6_both_sides_and_the_device_agree_in_the_end(seed in any::<u64>(), loss in 0.0..0.7_f64, wishes in 1..25_usize) {
        let mut world = World::new(seed, loss);
        for _ in 0..wishes {
            world.act();
            for _ in 0..world.random(12) {
                let Some((_, delivery)) = world.network.next() else { break };
                let power = world.power();
                world.deliver(delivery, power);
            }
        }
        // No more wishes, no more crashes, and in the end no more loss.
        world.network.set_default_link(Link::new().with_delay(Duration::from_millis(10)..=Duration::from_secs(20)));
        let quiet = world.network.now() + Duration::from_secs(7200);
        let mut steps = 0;
        while world.network.now() < quiet {
            let Some((_, delivery)) = world.network.next() else { break };
            world.deliver(delivery, u64::MAX);
            steps += 1;
            prop_assert!(steps < 20_000, "they do not come to rest");
        }
        let (giver, taker) = world.in_force();
        prop_assert_eq!(&giver, &taker);
        prop_assert_eq!(&giver, &world.device);
        // Nothing hangs half-way, and what came to nothing is forgotten.
        let stages: BTreeMap<_, _> = world.giver.negotiations().map(|(key, stage, _)| (key.id, stage)).collect();
        let rest = |stage: &DelegationStage| *stage == DelegationStage::InForce;
        prop_assert!(stages.values().all(rest), "{stages:?}");
        prop_assert!(world.taker.negotiations().all(|(_, stage, _)| rest(&stage)));
    }
}
