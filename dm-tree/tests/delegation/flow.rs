//! The flow, message by message.

use std::time::Duration;

use dm_syncml::Instant;
use dm_tree::authority::DelegationKind;
use dm_tree::delegation::{
    Decision, Delegatee, DelegationErrorKind, DelegationLimits, DelegationMessage, DelegationOutput,
    DelegationStage, Delegator, EndReason, NegotiationId, NegotiationKey, RefuseReason, Step,
};
use dm_tree::{Rights, ServerId};

use crate::{at, proposal, server, terms};

const NOW: Instant = Instant::EPOCH;

struct Pair {
    giver: Delegator,
    taker: Delegatee,
    /// What was said, in order.
    said: Vec<String>,
    /// What else came out.
    outputs: Vec<DelegationOutput>,
    device: bool,
    agrees: bool,
    effective: bool,
}

fn names() -> (ServerId, ServerId) {
    (server("op"), server("partner"))
}

impl Pair {
    fn new() -> Self {
        let (op, partner) = names();
        let (mut giver, mut taker) = (
            Delegator::new(op, DelegationLimits::default()),
            Delegatee::new(partner, DelegationLimits::default()),
        );
        giver.set_wall_clock(NOW, at(0));
        taker.set_wall_clock(NOW, at(0));
        Self {
            giver,
            taker,
            said: Vec::new(),
            outputs: Vec::new(),
            device: false,
            agrees: true,
            effective: true,
        }
    }

    /// Until nothing is left to be done now.
    fn run(&mut self, now: Instant) {
        let (op, partner) = names();
        loop {
            let before = self.said.len() + self.outputs.len();
            loop {
                match self.giver.poll_output() {
                    DelegationOutput::Persist(seq, _) => self.giver.handle_persisted(now, seq),
                    DelegationOutput::Send { alert, .. } => {
                        self.said.push(format!("> {}", DelegationMessage::read(&alert).unwrap().step.name()));
                        self.taker.handle_alert(now, &op, &alert).unwrap();
                    }
                    DelegationOutput::Decide(key, proposal) => {
                        let decision = if self.agrees {
                            Decision::Agree(proposal.terms().clone())
                        } else {
                            Decision::Refuse
                        };
                        self.giver.handle_decision(now, &key, decision).unwrap();
                    }
                    DelegationOutput::Grant(key, _) => {
                        self.device = true;
                        self.giver.handle_granted(now, &key, true).unwrap();
                    }
                    DelegationOutput::Undo(key, ..) => {
                        self.device = false;
                        self.giver.handle_undone(now, &key).unwrap();
                    }
                    DelegationOutput::Wait(_) => break,
                    other => self.outputs.push(other),
                }
            }
            loop {
                match self.taker.poll_output() {
                    DelegationOutput::Persist(seq, _) => self.taker.handle_persisted(now, seq),
                    DelegationOutput::Send { alert, .. } => {
                        self.said.push(format!("< {}", DelegationMessage::read(&alert).unwrap().step.name()));
                        self.giver.handle_alert(now, &partner, &alert).unwrap();
                    }
                    DelegationOutput::Decide(key, proposal) => {
                        let decision = if self.agrees {
                            Decision::Agree(proposal.terms().clone())
                        } else {
                            Decision::Refuse
                        };
                        self.taker.handle_decision(now, &key, &decision).unwrap();
                    }
                    DelegationOutput::TakeUp(key, _) => {
                        assert!(self.device, "the device knows before the delegatee is told");
                        self.taker.handle_taken_up(now, &key, self.effective).unwrap();
                    }
                    DelegationOutput::Wait(_) => break,
                    other => self.outputs.push(other),
                }
            }
            if self.said.len() + self.outputs.len() == before {
                return;
            }
        }
    }

    fn stages(&self, key: &NegotiationKey) -> (Option<DelegationStage>, Option<DelegationStage>) {
        let (op, partner) = names();
        (
            self.giver.stage(&NegotiationKey { peer: partner, id: key.id }),
            self.taker.stage(&NegotiationKey { peer: op, id: key.id }),
        )
    }
}

fn shared() -> dm_tree::delegation::Proposal {
    proposal(terms(DelegationKind::Shared))
}

#[test]
fn dm_6_either_side_proposes() {
    let mut asked = Pair::new();
    let key = asked.taker.request(NOW, [1; 16], &server("op"), shared()).unwrap();
    asked.run(NOW);
    assert_eq!(asked.said, ["< request", "> proceed", "> granted", "< completed"]);
    let both = Some(DelegationStage::InForce);
    assert_eq!((asked.stages(&key), asked.device), ((both, both), true));
    let established = |output: &&DelegationOutput| matches!(output, DelegationOutput::Established(..));
    assert_eq!(asked.outputs.iter().filter(established).count(), 2);

    let mut offered = Pair::new();
    let key = offered.giver.offer(NOW, [1; 16], &server("partner"), shared()).unwrap();
    offered.run(NOW);
    assert_eq!(offered.said, ["> offer", "< accept", "> proceed", "> granted", "< completed"]);
    assert_eq!(offered.stages(&key), (both, both));
}

#[test]
fn dm_6_either_side_refuses() {
    for asks in [true, false] {
        let mut pair = Pair { agrees: false, ..Pair::new() };
        let key = match asks {
            true => pair.taker.request(NOW, [1; 16], &server("op"), shared()).unwrap(),
            false => pair.giver.offer(NOW, [1; 16], &server("partner"), shared()).unwrap(),
        };
        pair.run(NOW);
        let refused = Some(DelegationStage::Refused(RefuseReason::Declined));
        assert_eq!((pair.stages(&key), pair.device), ((refused, refused), false));
    }
}

#[test]
fn dm_6_what_is_not_found_on_the_device_is_taken_back() {
    let mut pair = Pair { effective: false, ..Pair::new() };
    let key = pair.taker.request(NOW, [1; 16], &server("op"), shared()).unwrap();
    pair.run(NOW);
    let (giver, taker) = pair.stages(&key);
    assert_eq!(giver, Some(DelegationStage::Over(EndReason::Refused)));
    assert_eq!(taker, Some(DelegationStage::Refused(RefuseReason::NotEffective)));
    assert!(!pair.device);
}

#[test]
fn dm_6_what_the_device_does_not_do_is_undone() {
    let (op, partner) = names();
    let mut giver = Delegator::new(op, DelegationLimits::default());
    let key = giver.offer(NOW, [1; 16], &partner, shared()).unwrap();
    let id = key.id;
    let accept =
        DelegationMessage { id, delegator: server("op"), delegatee: partner.clone(), step: Step::Accept };
    giver.handle_alert(NOW, &partner, &accept.to_alert()).unwrap();
    giver.handle_granted(NOW, &key, false).unwrap();
    let mut undone = false;
    loop {
        match giver.poll_output() {
            DelegationOutput::Persist(seq, _) => giver.handle_persisted(NOW, seq),
            DelegationOutput::Undo(key, _, EndReason::Device) => {
                undone = true;
                giver.handle_undone(NOW, &key).unwrap();
            }
            DelegationOutput::Grant(..) => panic!("that is over"),
            DelegationOutput::Wait(_) => break,
            _ => {}
        }
    }
    assert!(undone);
    assert_eq!(giver.stage(&key), Some(DelegationStage::Ending(EndReason::Device)));
    assert_eq!(giver.handle_granted(NOW, &key, true).unwrap_err().kind(), DelegationErrorKind::NotDue);
}

#[test]
fn dm_6_the_delegator_revokes_and_the_delegatee_relinquishes() {
    for revokes in [true, false] {
        let mut pair = Pair::new();
        let key = pair.giver.offer(NOW, [1; 16], &server("partner"), shared()).unwrap();
        pair.run(NOW);
        pair.said.clear();
        let mirrored = NegotiationKey { peer: server("op"), id: key.id };
        let reason = if revokes {
            pair.giver.revoke(NOW, &key).unwrap();
            EndReason::Revoked
        } else {
            pair.taker.relinquish(NOW, &mirrored).unwrap();
            EndReason::Relinquished
        };
        pair.run(NOW);
        let over = Some(DelegationStage::Over(reason));
        assert_eq!((pair.stages(&key), pair.device), ((over, over), false));
        let expected: &[&str] = if revokes {
            &["> ended", "< acknowledged"]
        } else {
            &["< relinquish", "> ended", "< acknowledged"]
        };
        assert_eq!(pair.said, expected);
        assert_eq!(pair.giver.revoke(NOW, &key).unwrap_err().kind(), DelegationErrorKind::NotDue);
    }
}

#[test]
fn dm_6_a_full_delegation_is_the_delegatees_to_give_back() {
    let mut pair = Pair::new();
    let full = proposal(terms(DelegationKind::Full));
    let key = pair.giver.offer(NOW, [1; 16], &server("partner"), full.clone()).unwrap();
    pair.run(NOW);
    assert_eq!(pair.giver.revoke(NOW, &key).unwrap_err().kind(), DelegationErrorKind::InOtherHands);
    let mirrored = NegotiationKey { peer: server("op"), id: key.id };
    pair.taker.relinquish(NOW, &mirrored).unwrap();
    pair.run(NOW);
    let over = Some(DelegationStage::Over(EndReason::Relinquished));
    assert_eq!((pair.stages(&key), pair.device), ((over, over), false));
    // What was only offered can be withdrawn.
    let key = pair.giver.offer(NOW, [2; 16], &server("partner"), full).unwrap();
    pair.giver.revoke(NOW, &key).unwrap();
    assert_eq!(pair.giver.stage(&key), Some(DelegationStage::Refused(RefuseReason::Withdrawn)));
}

#[test]
fn dm_6_a_temporary_delegation_ends_by_itself() {
    let mut pair = Pair::new();
    let temporary = proposal(terms(DelegationKind::Full).until(at(100)));
    let key = pair.giver.offer(NOW, [1; 16], &server("partner"), temporary.clone()).unwrap();
    pair.run(NOW);
    assert!(pair.device);
    let DelegationOutput::Wait(Some(end)) = pair.giver.poll_output() else { panic!("it waits for the end") };
    assert_eq!(end, NOW + Duration::from_secs(101), "the last second counts");
    for seconds in [100, 101] {
        let now = NOW + Duration::from_secs(seconds);
        pair.giver.handle_tick(now);
        pair.taker.handle_tick(now);
        pair.run(now);
        assert_eq!(pair.device, seconds == 100);
    }
    let over = Some(DelegationStage::Over(EndReason::Expired));
    assert_eq!(pair.stages(&key), (over, over));
    let now = NOW + Duration::from_secs(200);
    let late = pair.giver.offer(now, [2; 16], &server("partner"), temporary.clone()).unwrap_err();
    assert_eq!(late.kind(), DelegationErrorKind::Terms);
    // Nobody promises for a time without knowing what time it is.
    let mut timeless = Delegator::new(server("op"), DelegationLimits::default());
    let refused = timeless.offer(NOW, [3; 16], &server("partner"), temporary).unwrap_err();
    assert_eq!(refused.kind(), DelegationErrorKind::NoClock);
}

#[test]
fn dm_6_the_delegator_gives_no_more_than_was_asked_for() {
    let ask = || {
        let (op, partner) = names();
        let mut giver = Delegator::new(op.clone(), DelegationLimits::default());
        let asked = proposal(terms(DelegationKind::Shared).with_depth(1));
        let message = DelegationMessage {
            id: NegotiationId::new([1; 16]),
            delegator: op,
            delegatee: partner.clone(),
            step: Step::Request(asked),
        };
        giver.handle_alert(NOW, &partner, &message.to_alert()).unwrap();
        (giver, NegotiationKey { peer: partner, id: message.id })
    };
    let more = [
        terms(DelegationKind::Full),
        terms(DelegationKind::Shared).with_depth(2),
        dm_tree::authority::Terms::new(
            DelegationKind::Shared,
            terms(DelegationKind::Shared).scope().clone(),
            Rights::ALL,
        ),
    ];
    for terms in more {
        let (mut giver, key) = ask();
        let refused = giver.handle_decision(NOW, &key, Decision::Agree(terms)).unwrap_err();
        assert_eq!(refused.kind(), DelegationErrorKind::Terms);
        assert_eq!(giver.stage(&key), Some(DelegationStage::Deciding), "it can still be decided");
    }
    let (mut giver, key) = ask();
    giver.handle_decision(NOW, &key, Decision::Agree(terms(DelegationKind::Shared))).unwrap();
    assert_eq!(giver.stage(&key), Some(DelegationStage::Granting));
}

#[test]
fn dm_6_nobody_speaks_for_another_server() {
    let (op, partner) = names();
    let mut giver = Delegator::new(op.clone(), DelegationLimits::default());
    let message = |delegator: &ServerId, delegatee: &ServerId, step| {
        let id = NegotiationId::new([1; 16]);
        DelegationMessage { id, delegator: delegator.clone(), delegatee: delegatee.clone(), step }.to_alert()
    };
    let rogue = server("rogue");
    let kind = |giver: &mut Delegator, peer: &ServerId, alert| {
        giver.handle_alert(NOW, peer, &alert).map_err(|error| error.kind())
    };
    let request = Step::Request(shared());
    let other = Err(DelegationErrorKind::OtherServer);
    assert_eq!(kind(&mut giver, &rogue, message(&op, &partner, request.clone())), other);
    assert_eq!(kind(&mut giver, &partner, message(&rogue, &partner, request.clone())), other);
    let theirs = message(&op, &partner, Step::Granted(shared()));
    assert_eq!(kind(&mut giver, &partner, theirs), Err(DelegationErrorKind::OtherSide));
    assert!(kind(&mut giver, &partner, message(&op, &partner, request)).is_ok());
    // The same id in the mouth of another server is another negotiation.
    let theirs = message(&op, &rogue, Step::Relinquish);
    assert!(kind(&mut giver, &rogue, theirs).is_ok());
    let key = NegotiationKey { peer: partner, id: NegotiationId::new([1; 16]) };
    assert_eq!(giver.stage(&key), Some(DelegationStage::Deciding));
}

#[test]
fn dm_6_an_answer_that_does_not_come_is_not_waited_for_forever() {
    let (_, partner) = names();
    let mut giver = Delegator::new(server("op"), DelegationLimits::default());
    let key = giver.offer(NOW, [1; 16], &partner, shared()).unwrap();
    let (mut sent, mut now) = (0, NOW);
    loop {
        match giver.poll_output() {
            DelegationOutput::Persist(seq, _) => giver.handle_persisted(now, seq),
            DelegationOutput::Send { .. } => sent += 1,
            DelegationOutput::Refused(_, RefuseReason::TimedOut, false) => break,
            DelegationOutput::Wait(at) => {
                now = at.expect("something is due");
                giver.handle_tick(now);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(now, NOW + DelegationLimits::default().patience);
    assert!((10..30).contains(&sent), "{sent}: less and less often");
    // In the end it is forgotten.
    loop {
        match giver.poll_output() {
            DelegationOutput::Persist(seq, _) => giver.handle_persisted(now, seq),
            DelegationOutput::Wait(Some(at)) => {
                now = at;
                giver.handle_tick(now);
            }
            DelegationOutput::Wait(None) => break,
            _ => {}
        }
    }
    assert_eq!((giver.stage(&key), giver.negotiations().count()), (None, 0));
}

#[test]
fn dm_6_what_is_kept_is_bounded() {
    let limits = DelegationLimits::default().with_max_negotiations(3, 2);
    let mut giver = Delegator::new(server("op"), limits);
    let partner = server("partner");
    let first = giver.offer(NOW, [1; 16], &partner, shared()).unwrap();
    giver.offer(NOW, [2; 16], &partner, shared()).unwrap();
    let full = giver.offer(NOW, [3; 16], &partner, shared()).unwrap_err();
    assert_eq!(full.kind(), DelegationErrorKind::Full);
    giver.offer(NOW, [3; 16], &server("other"), shared()).unwrap();
    assert!(giver.offer(NOW, [4; 16], &server("third"), shared()).is_err());
    // What is over makes room.
    giver.revoke(NOW, &first).unwrap();
    giver.offer(NOW, [4; 16], &server("third"), shared()).unwrap();
    assert_eq!(giver.stage(&first), None);
    assert!(giver.offer(NOW, [4; 16], &server("third"), shared()).is_err(), "the entropy was used before");
}

#[test]
fn snapshots_are_of_one_side_and_version() {
    let giver = Delegator::new(server("op"), DelegationLimits::default());
    assert!(Delegatee::restore(NOW, DelegationLimits::default(), &giver.snapshot()).is_err());
    let taker = Delegatee::new(server("partner"), DelegationLimits::default());
    assert!(Delegator::restore(NOW, DelegationLimits::default(), &taker.snapshot()).is_err());
}

#[test]
#[cfg(feature = "serde")]
fn dm_6_what_is_stored_goes_through_any_store() {
    let mut giver = Delegator::new(server("op"), DelegationLimits::default());
    giver.set_wall_clock(NOW, at(0));
    giver.offer(NOW, [1; 16], &server("p"), proposal(terms(DelegationKind::Full).until(at(9)))).unwrap();
    let text = serde_json::to_string(&giver.snapshot()).unwrap();
    let read: dm_tree::delegation::DelegationSnapshot = serde_json::from_str(&text).unwrap();
    assert_eq!(read, giver.snapshot());
    let newer = serde_json::from_str(&text.replace("\"version\":1", "\"version\":9")).unwrap();
    assert!(Delegator::restore(NOW, DelegationLimits::default(), &newer).is_err());
    let DelegationOutput::Persist(_, record) = giver.poll_output() else { panic!("a record") };
    let text = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<dm_tree::delegation::DelegationRecord>(&text).unwrap(), record);
}
