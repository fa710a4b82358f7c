//! Negotiations of two servers, with alerts of the fuzzer's making among those of the machines: what is read is written the same
//! again, nothing panics or grows without limit, no message makes a delegator grant what it has not agreed to, and what was stored makes
//! the same machines again.

use core::time::Duration;
use std::collections::BTreeSet;

use dm_syncml::session::GenericAlert;
use dm_syncml::{Data, Format, Instant};
use dm_tree::authority::{DelegationKind, MoType, Scope, Terms};
use dm_tree::delegation::{
    Decision, Delegatee, DelegationLimits, DelegationMessage, DelegationOutput, Delegator, EndReason,
    NegotiationId, NegotiationKey, Proposal, RefuseReason, Step,
};
use dm_tree::{NodeUri, Rights, ServerId, Timestamp};

/// Octets as choices; none left is zero.
struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    fn octet(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[usize::from(self.octet()) % of.len()].clone()
    }

    /// Up to 63 octets as they come.
    fn raw(&mut self) -> &'a [u8] {
        let len = usize::from(self.octet() % 64).min(self.0.len());
        let (raw, rest) = self.0.split_at(len);
        self.0 = rest;
        raw
    }

    fn id(&mut self) -> NegotiationId {
        NegotiationId::new([self.octet() % 4; 16])
    }

    fn terms(&mut self) -> Terms {
        let uri = |text| NodeUri::parse(text).expect("an address").into_owned();
        let scope = match self.octet() % 3 {
            0 => Scope::Subtree(uri("./A/B")),
            1 => Scope::Instance(uri("./A")),
            _ => Scope::Type(MoType::new("urn:x").expect("a type")),
        };
        let kind = self.pick(&[DelegationKind::Full, DelegationKind::Shared, DelegationKind::Sub]);
        let terms = Terms::new(kind, scope, self.pick(&[Rights::GET, Rights::ALL, Rights::NONE]));
        match self.octet() % 4 {
            0 => terms.until(Timestamp::from_unix(1000 + i64::from(self.octet())).expect("a time")),
            1 => terms.with_depth(self.octet() % 3).prohibiting(server("rogue")),
            _ => terms,
        }
    }

    fn step(&mut self) -> Step {
        let proposal = Proposal::new("IMEI:1", self.terms()).expect("a proposal");
        match self.octet() % 10 {
            0 => Step::Request(proposal),
            1 => Step::Offer(proposal),
            2 => Step::Accept,
            3 => Step::Proceed(proposal),
            4 => Step::Granted(proposal),
            5 => Step::Completed,
            6 => Step::Refuse(self.pick(&[RefuseReason::Declined, RefuseReason::Unknown])),
            7 => Step::Relinquish,
            8 => Step::Ended(self.pick(&[EndReason::Revoked, EndReason::Unknown])),
            _ => Step::Acknowledged,
        }
    }
}

fn server(name: &str) -> ServerId {
    ServerId::new(name).expect("an identifier")
}

/// What is text is read as the data of an alert; what can be read comes back the same.
fn read(name: &str, data: &[u8]) -> Option<GenericAlert> {
    let text = core::str::from_utf8(data).ok()?;
    let data = Data::text(text.to_string()).ok()?;
    let alert =
        GenericAlert::new(format!("{}{name}", DelegationMessage::ALERT_TYPE), Format::CHR, data).ok()?;
    match DelegationMessage::read(&alert) {
        Ok(message) => {
            let again = DelegationMessage::read(&message.to_alert()).expect("what was read can be written");
            assert_eq!(again, message);
        }
        Err(error) => assert!(!error.status().is_success()),
    }
    Some(alert)
}

const NAMES: [&str; 10] = [
    "request",
    "offer",
    "accept",
    "proceed",
    "granted",
    "completed",
    "refuse",
    "relinquish",
    "ended",
    "acknowledged",
];

const MAX: usize = 6;

struct Pair {
    giver: Delegator,
    taker: Delegatee,
    now: Instant,
    limits: DelegationLimits,
    agreed: BTreeSet<NegotiationKey>,
    granted: BTreeSet<NegotiationKey>,
}

impl Pair {
    fn check(&self) {
        assert!(self.giver.negotiations().count() <= MAX && self.taker.negotiations().count() <= MAX);
    }

    /// Drains both; what one says the other hears, unless the fuzzer has it lost.
    fn drain(&mut self, choices: &mut Choices<'_>) {
        for _ in 0..200 {
            let mut quiet = true;
            loop {
                let now = self.now;
                match self.giver.poll_output() {
                    DelegationOutput::Persist(seq, _) => self.giver.handle_persisted(now, seq),
                    DelegationOutput::Wait(_) => break,
                    DelegationOutput::Send { to, alert, .. } => {
                        quiet = false;
                        if to == server("b") && choices.octet() % 4 != 1 {
                            let _ = self.taker.handle_alert(now, &server("a"), &alert);
                        }
                    }
                    DelegationOutput::Decide(key, proposal) => {
                        let decision = match choices.octet() % 3 {
                            0 => Decision::Agree(proposal.terms().clone()),
                            1 => Decision::Agree(choices.terms()),
                            _ => Decision::Refuse,
                        };
                        let is_agreed = matches!(decision, Decision::Agree(_));
                        if self.giver.handle_decision(now, &key, decision).is_ok() && is_agreed {
                            self.agreed.insert(key);
                        }
                    }
                    DelegationOutput::Grant(key, _) => {
                        assert!(self.agreed.contains(&key), "granted without an agreement");
                        self.granted.insert(key.clone());
                        let _ = self.giver.handle_granted(now, &key, choices.octet() % 4 != 1);
                    }
                    DelegationOutput::Undo(key, ..) => {
                        self.granted.remove(&key);
                        self.agreed.remove(&key);
                        let _ = self.giver.handle_undone(now, &key);
                    }
                    DelegationOutput::Established(key, _) => assert!(self.granted.contains(&key)),
                    _ => {}
                }
            }
            loop {
                let now = self.now;
                match self.taker.poll_output() {
                    DelegationOutput::Persist(seq, _) => self.taker.handle_persisted(now, seq),
                    DelegationOutput::Wait(_) => break,
                    DelegationOutput::Send { to, alert, .. } => {
                        quiet = false;
                        if to == server("a") && choices.octet() % 4 != 1 {
                            let _ = self.giver.handle_alert(now, &server("b"), &alert);
                        }
                    }
                    DelegationOutput::Decide(key, proposal) => {
                        let decision = match choices.octet() % 2 {
                            0 => Decision::Agree(proposal.terms().clone()),
                            _ => Decision::Refuse,
                        };
                        let _ = self.taker.handle_decision(now, &key, &decision);
                    }
                    DelegationOutput::TakeUp(key, _) => {
                        let _ = self.taker.handle_taken_up(now, &key, choices.octet() % 4 != 1);
                    }
                    _ => {}
                }
            }
            self.check();
            if quiet {
                return;
            }
        }
        panic!("they do not come to rest");
    }
}

pub(crate) fn run(data: &[u8]) {
    let mut choices = Choices(data);
    read(choices.pick(&NAMES), data.get(1..).unwrap_or_default());
    let limits = DelegationLimits::default().with_max_negotiations(MAX, 4);
    let now = Instant::EPOCH;
    let mut pair = Pair {
        giver: Delegator::new(server("a"), limits),
        taker: Delegatee::new(server("b"), limits),
        now,
        limits,
        agreed: BTreeSet::new(),
        granted: BTreeSet::new(),
    };
    pair.giver.set_wall_clock(now, Timestamp::from_unix(1000).expect("a time"));
    pair.taker.set_wall_clock(now, Timestamp::from_unix(1000).expect("a time"));
    while !choices.0.is_empty() {
        let now = pair.now;
        match choices.octet() % 8 {
            0 => {
                let (id, proposal) =
                    (choices.id(), Proposal::new("IMEI:1", choices.terms()).expect("a proposal"));
                if let Ok(key) = pair.giver.offer(now, *id.as_bytes(), &server("b"), proposal) {
                    // Who offers agrees.
                    pair.agreed.insert(key);
                }
            }
            1 => {
                let (id, proposal) =
                    (choices.id(), Proposal::new("IMEI:1", choices.terms()).expect("a proposal"));
                let _ = pair.taker.request(now, *id.as_bytes(), &server("a"), proposal);
            }
            2 => {
                let key = NegotiationKey { peer: server("b"), id: choices.id() };
                let _ = pair.giver.revoke(now, &key);
            }
            3 => {
                let key = NegotiationKey { peer: server("a"), id: choices.id() };
                let _ = pair.taker.relinquish(now, &key);
            }
            4 => {
                pair.now = now + Duration::from_secs(1 << (choices.octet() % 14));
                pair.giver.handle_tick(pair.now);
                pair.taker.handle_tick(pair.now);
            }
            5 => {
                // A message of either, or of somebody else, true or not.
                let names = ["a", "b", "rogue"];
                let (delegator, delegatee) = (server(choices.pick(&names)), server(choices.pick(&names)));
                let message =
                    DelegationMessage { id: choices.id(), delegator, delegatee, step: choices.step() };
                let peer = server(choices.pick(&names));
                if choices.octet().is_multiple_of(2) {
                    let _ = pair.giver.handle_alert(now, &peer, &message.to_alert());
                } else {
                    let _ = pair.taker.handle_alert(now, &peer, &message.to_alert());
                }
            }
            6 => {
                let name = choices.pick(&NAMES);
                if let Some(alert) = read(name, choices.raw()) {
                    let _ = pair.giver.handle_alert(now, &server("b"), &alert);
                    let _ = pair.taker.handle_alert(now, &server("a"), &alert);
                }
            }
            _ => {
                // The power is lost after everything was stored.
                let (giver, taker) = (pair.giver.snapshot(), pair.taker.snapshot());
                pair.giver = Delegator::restore(now, pair.limits, &giver).expect("a snapshot just made");
                pair.taker = Delegatee::restore(now, pair.limits, &taker).expect("a snapshot just made");
                assert_eq!(pair.giver.snapshot(), giver);
                assert_eq!(pair.taker.snapshot(), taker);
                let seconds = i64::try_from(now.since_epoch().as_secs()).unwrap_or(0);
                let wall = Timestamp::from_unix(1000 + seconds).expect("a time");
                pair.giver.set_wall_clock(now, wall);
                pair.taker.set_wall_clock(now, wall);
                pair.giver.resume(now);
                pair.taker.resume(now);
            }
        }
        pair.drain(&mut choices);
    }
}
