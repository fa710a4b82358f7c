//! The side that gives.

use dm_syncml::session::GenericAlert;
use dm_syncml::{Instant, RecordSeq};

use super::desk::{Desk, Due};
use super::limits::DelegationLimits;
use super::message::{EndReason, Proposal, RefuseReason, Step};
use super::output::{Decision, DelegationError, DelegationErrorKind, DelegationOutput, NegotiationKey};
use super::record::{DelegationRecord, DelegationSnapshot, RestoreDelegationError};
use super::stage::DelegationStage;
use crate::authority::Terms;
use crate::server_id::ServerId;
use crate::timestamp::Timestamp;

/// The negotiations in which a server gives, and the delegations that came of them. See the [module](super).
///
/// After each call drain [`poll_output`](Self::poll_output) until it says [`Wait`](DelegationOutput::Wait).
#[derive(Clone, Debug)]
pub struct Delegator {
    desk: Desk,
}

impl Delegator {
    /// The delegator's side of the server of this name.
    #[must_use]
    pub const fn new(own: ServerId, limits: DelegationLimits) -> Self {
        Self { desk: Desk::new(own, true, limits) }
    }

    /// Says what time of day it is, which delegations end by. To be said at the start, and whenever the clock was set.
    pub fn set_wall_clock(&mut self, now: Instant, time: Timestamp) {
        self.desk.set_wall_clock(now, time);
        self.run();
    }

    /// Offers a delegation. `entropy` names it, and must be fresh and unpredictable.
    ///
    /// # Errors
    ///
    /// [`DelegationErrorKind::Full`], [`NoClock`](DelegationErrorKind::NoClock), [`Terms`](DelegationErrorKind::Terms) when they are over by now,
    /// [`NotDue`](DelegationErrorKind::NotDue) when the entropy was used before.
    pub fn offer(
        &mut self,
        now: Instant,
        entropy: [u8; 16],
        delegatee: &ServerId,
        proposal: Proposal,
    ) -> Result<NegotiationKey, DelegationError> {
        self.desk.advance(now);
        let key = self.desk.new_key(delegatee, entropy, proposal.terms())?;
        self.desk.begin(&key, proposal.clone(), true, DelegationStage::Proposed)?;
        self.desk.keep_saying(&key, Step::Offer(proposal));
        Ok(key)
    }

    /// Takes an alert that `peer` sent in a session in which it has proved itself.
    ///
    /// # Errors
    ///
    /// [`DelegationError`] with the status to answer; nothing has changed then.
    pub fn handle_alert(
        &mut self,
        now: Instant,
        peer: &ServerId,
        alert: &GenericAlert,
    ) -> Result<(), DelegationError> {
        self.desk.advance(now);
        let (key, step) = self.desk.read(peer, alert)?;
        let known = self.desk.get(&key).map(|known| (known.stage, known.is_ours));
        match (step, known) {
            (Step::Request(proposal), None) => self.consider(&key, proposal)?,
            // An id of ours in the mouth of the other: it can only be nonsense.
            (Step::Request(_), Some((_, true))) => return Err(DelegationErrorKind::OtherSide.into()),
            (Step::Request(_), Some((stage, false))) => self.repeat(&key, stage),
            (Step::Accept, Some((DelegationStage::Proposed, true))) => self.grant(&key),
            // It is still at it; the next time we say so may be later.
            (Step::Accept, Some((DelegationStage::Granted, _))) => self.desk.have_patience(&key),
            (Step::Accept, Some((stage, _))) => self.repeat(&key, stage),
            (Step::Completed, Some((DelegationStage::Granted, _))) => {
                self.desk.enter(&key, DelegationStage::InForce);
                let proposal = self.desk.known(&key)?.proposal.clone();
                self.desk.want(DelegationOutput::Established(key, proposal));
            }
            (Step::Completed, Some((DelegationStage::InForce, _))) => {}
            (Step::Completed, Some((stage, _))) => self.repeat(&key, stage),
            (Step::Relinquish, Some((stage, _))) => {
                self.take_back(&key, stage, EndReason::Relinquished, true)
            }
            (Step::Refuse(reason), Some((stage, _))) => self.refused(&key, stage, reason),
            (Step::Acknowledged, Some((DelegationStage::Ending(reason), _))) => {
                self.desk.enter(&key, DelegationStage::Over(reason));
            }
            (Step::Acknowledged | Step::Refuse(_), _) => {}
            // We know nothing of it: whoever thinks that there is something is to think so no more.
            (Step::Accept, None) => self.desk.say(&key, Step::Refuse(RefuseReason::Unknown)),
            (Step::Completed | Step::Relinquish, None) => {
                self.desk.say(&key, Step::Ended(EndReason::Unknown));
            }
            (Step::Offer(_) | Step::Proceed(_) | Step::Granted(_) | Step::Ended(_), _) => {
                return Err(DelegationErrorKind::OtherSide.into());
            }
        }
        Ok(())
    }

    /// What is answered to a request ([`DelegationOutput::Decide`]).
    ///
    /// # Errors
    ///
    /// [`NotDue`](DelegationErrorKind::NotDue) when nothing is to be decided, [`Terms`](DelegationErrorKind::Terms) when those agreed to are not within those
    /// requested.
    pub fn handle_decision(
        &mut self,
        now: Instant,
        key: &NegotiationKey,
        decision: Decision,
    ) -> Result<(), DelegationError> {
        self.desk.advance(now);
        let known = self.desk.known(key)?;
        if known.stage != DelegationStage::Deciding {
            return Err(DelegationErrorKind::NotDue.into());
        }
        match decision {
            Decision::Refuse => self.refuse(key, RefuseReason::Declined),
            Decision::Agree(terms) => {
                self.desk.end_of(&terms)?;
                if !is_within(&terms, known.proposal.terms()) || self.desk.is_expired(&terms) {
                    return Err(DelegationErrorKind::Terms.into());
                }
                let agreed = Proposal::new(known.proposal.device(), terms)?;
                self.desk.set_proposal(key, agreed);
                self.grant(key);
            }
        }
        Ok(())
    }

    /// Whether the device lets the delegatee manage the scope now ([`DelegationOutput::Grant`]). If it does not, what may have
    /// been done of it is to be undone.
    ///
    /// # Errors
    ///
    /// [`NotDue`](DelegationErrorKind::NotDue) when that is not waited for (any more).
    pub fn handle_granted(
        &mut self,
        now: Instant,
        key: &NegotiationKey,
        is_done: bool,
    ) -> Result<(), DelegationError> {
        self.desk.advance(now);
        let known = self.desk.known(key)?;
        let proposal = known.proposal.clone();
        match known.stage {
            DelegationStage::Granting if is_done => {
                self.desk.enter(key, DelegationStage::Granted);
                self.desk.keep_saying(key, Step::Granted(proposal));
            }
            // Some of it may have been done, now or before a restart.
            stage @ DelegationStage::Granting => self.take_back(key, stage, EndReason::Device, true),
            _ => return Err(DelegationErrorKind::NotDue.into()),
        }
        Ok(())
    }

    /// The device lets the delegatee manage the scope no longer ([`DelegationOutput::Undo`]).
    ///
    /// # Errors
    ///
    /// [`NotDue`](DelegationErrorKind::NotDue) when that is not waited for.
    pub fn handle_undone(&mut self, now: Instant, key: &NegotiationKey) -> Result<(), DelegationError> {
        self.desk.advance(now);
        let DelegationStage::Undoing(reason, tell) = self.desk.known(key)?.stage else {
            return Err(DelegationErrorKind::NotDue.into());
        };
        if tell {
            self.desk.enter(key, DelegationStage::Ending(reason));
            self.desk.keep_saying(key, Step::Ended(reason));
        } else {
            self.desk.enter(key, DelegationStage::Over(reason));
        }
        self.desk.want(DelegationOutput::Ended(key.clone(), reason));
        Ok(())
    }

    /// Takes back what was offered, agreed or given.
    ///
    /// # Errors
    ///
    /// [`NotDue`](DelegationErrorKind::NotDue) when it is over, or ends already; [`InOtherHands`](DelegationErrorKind::InOtherHands) when it is a full
    /// delegation that the delegatee has been given.
    pub fn revoke(&mut self, now: Instant, key: &NegotiationKey) -> Result<(), DelegationError> {
        self.desk.advance(now);
        let known = self.desk.known(key)?;
        match known.stage {
            stage if stage.is_over() => return Err(DelegationErrorKind::NotDue.into()),
            DelegationStage::Granted | DelegationStage::InForce if known.proposal.is_full() => {
                return Err(DelegationErrorKind::InOtherHands.into());
            }
            DelegationStage::Undoing(..) | DelegationStage::Ending(_) => {
                return Err(DelegationErrorKind::NotDue.into());
            }
            stage => self.take_back(key, stage, EndReason::Revoked, true),
        }
        Ok(())
    }

    /// The record has been stored, and all before it.
    pub fn handle_persisted(&mut self, now: Instant, seq: RecordSeq) {
        self.desk.persisted(now, seq);
    }

    /// Time has passed. Calling it early or late does no harm.
    pub fn handle_tick(&mut self, now: Instant) {
        self.desk.advance(now);
        self.run();
    }

    /// What is to be done next; call until it says [`DelegationOutput::Wait`].
    pub fn poll_output(&mut self) -> DelegationOutput {
        self.desk.poll_output()
    }

    /// How far a negotiation is; `None` when it is not known (any more).
    #[must_use]
    pub fn stage(&self, key: &NegotiationKey) -> Option<DelegationStage> {
        self.desk.get(key).map(|known| known.stage)
    }

    /// All that are known, with what was agreed, or else proposed.
    pub fn negotiations(&self) -> impl Iterator<Item = (&NegotiationKey, DelegationStage, &Proposal)> {
        self.desk.iter().map(|(key, known)| (key, known.stage, &known.proposal))
    }

    /// Everything that is to be known after a restart. What is in a record not handed out yet is in it too.
    #[must_use]
    pub fn snapshot(&self) -> DelegationSnapshot {
        self.desk.snapshot()
    }

    /// Makes the side that was written down; after [replaying](Self::replay) records, [`resume`](Self::resume) it.
    ///
    /// # Errors
    ///
    /// [`RestoreDelegationError`].
    pub fn restore(
        now: Instant,
        limits: DelegationLimits,
        snapshot: &DelegationSnapshot,
    ) -> Result<Self, RestoreDelegationError> {
        Ok(Self { desk: Desk::restore(now, true, limits, snapshot)? })
    }

    /// Takes in what a record says. To be done in order, before anything else.
    ///
    /// # Errors
    ///
    /// [`RestoreDelegationError`]; nothing has changed then.
    pub fn replay(&mut self, record: &DelegationRecord) -> Result<(), RestoreDelegationError> {
        self.desk.replay(record)
    }

    /// Goes on after a restart: what is to be decided, done or said is put out again.
    pub fn resume(&mut self, now: Instant) {
        self.desk.advance(now);
        let all: alloc::vec::Vec<_> = self
            .negotiations()
            .map(|(key, stage, proposal)| (key.clone(), stage, proposal.clone()))
            .collect();
        for (key, stage, proposal) in all {
            match stage {
                DelegationStage::Deciding => self.desk.want(DelegationOutput::Decide(key, proposal)),
                DelegationStage::Granting => self.desk.want(DelegationOutput::Grant(key, proposal)),
                DelegationStage::Undoing(reason, _) => {
                    self.desk.want(DelegationOutput::Undo(key, proposal, reason));
                }
                _ => self.say_again(&key, stage),
            }
        }
    }

    /// A request that came.
    fn consider(&mut self, key: &NegotiationKey, proposal: Proposal) -> Result<(), DelegationError> {
        if self.desk.is_expired(proposal.terms()) || self.desk.end_of(proposal.terms()).is_err() {
            self.desk.say(key, Step::Refuse(RefuseReason::Expired));
            return Ok(());
        }
        if self.desk.begin(key, proposal.clone(), false, DelegationStage::Deciding).is_err() {
            self.desk.say(key, Step::Refuse(RefuseReason::Busy));
            return Err(DelegationErrorKind::Full.into());
        }
        self.desk.want(DelegationOutput::Decide(key.clone(), proposal));
        Ok(())
    }

    /// It is agreed.
    fn grant(&mut self, key: &NegotiationKey) {
        let Some(proposal) = self.desk.get(key).map(|known| known.proposal.clone()) else { return };
        self.desk.unwant(key);
        self.desk.enter(key, DelegationStage::Granting);
        self.desk.say(key, Step::Proceed(proposal.clone()));
        self.desk.want(DelegationOutput::Grant(key.clone(), proposal));
    }

    fn refuse(&mut self, key: &NegotiationKey, reason: RefuseReason) {
        self.desk.unwant(key);
        self.desk.enter(key, DelegationStage::Refused(reason));
        self.desk.say(key, Step::Refuse(reason));
        self.desk.want(DelegationOutput::Refused(key.clone(), reason, false));
    }

    /// The delegatee does not want it.
    fn refused(&mut self, key: &NegotiationKey, stage: DelegationStage, reason: RefuseReason) {
        match stage {
            DelegationStage::Deciding | DelegationStage::Proposed => {
                self.desk.unwant(key);
                self.desk.enter(key, DelegationStage::Refused(reason));
                self.desk.want(DelegationOutput::Refused(key.clone(), reason, true));
            }
            DelegationStage::Granting | DelegationStage::Granted | DelegationStage::InForce => {
                self.take_back(key, stage, EndReason::Refused, false);
            }
            _ => {}
        }
    }

    /// Ends what there is, on the device too where something may be there.
    fn take_back(&mut self, key: &NegotiationKey, stage: DelegationStage, reason: EndReason, tell: bool) {
        match stage {
            DelegationStage::Deciding | DelegationStage::Proposed => {
                let why = match reason {
                    EndReason::Expired => RefuseReason::Expired,
                    EndReason::TimedOut => RefuseReason::TimedOut,
                    _ => RefuseReason::Withdrawn,
                };
                self.refuse(key, why);
            }
            DelegationStage::Granting | DelegationStage::Granted | DelegationStage::InForce => {
                let Some(proposal) = self.desk.get(key).map(|known| known.proposal.clone()) else { return };
                self.desk.unwant(key);
                self.desk.enter(key, DelegationStage::Undoing(reason, tell));
                self.desk.want(DelegationOutput::Undo(key.clone(), proposal, reason));
            }
            stage => self.repeat(key, stage),
        }
    }

    /// Answers what came twice, or late, with what is true now.
    fn repeat(&mut self, key: &NegotiationKey, stage: DelegationStage) {
        let Some(proposal) = self.desk.get(key).map(|known| known.proposal.clone()) else { return };
        match stage {
            DelegationStage::Granting => self.desk.say(key, Step::Proceed(proposal)),
            DelegationStage::Granted | DelegationStage::InForce => {
                self.desk.say(key, Step::Granted(proposal))
            }
            DelegationStage::Ending(reason) | DelegationStage::Over(reason) => {
                self.desk.say(key, Step::Ended(reason));
            }
            DelegationStage::Refused(reason) => self.desk.say(key, Step::Refuse(reason)),
            _ => {}
        }
    }

    /// Says what is said until it is answered.
    fn say_again(&mut self, key: &NegotiationKey, stage: DelegationStage) {
        let Some(proposal) = self.desk.get(key).map(|known| known.proposal.clone()) else { return };
        match stage {
            DelegationStage::Proposed => self.desk.keep_saying(key, Step::Offer(proposal)),
            DelegationStage::Granted => self.desk.keep_saying(key, Step::Granted(proposal)),
            DelegationStage::Ending(reason) => self.desk.keep_saying(key, Step::Ended(reason)),
            _ => {}
        }
    }

    fn run(&mut self) {
        for (key, due) in self.desk.due() {
            let Some(stage) = self.stage(&key) else { continue };
            match (due, stage) {
                (Due::Resend, _) => self.say_again(&key, stage),
                // It will hear of it when it asks.
                (Due::Patience, DelegationStage::Ending(reason)) => {
                    self.desk.enter(&key, DelegationStage::Over(reason));
                }
                (Due::Patience, _) => self.take_back(&key, stage, EndReason::TimedOut, true),
                (Due::Expired, _) => self.take_back(&key, stage, EndReason::Expired, true),
                (Due::Forget, _) => {}
            }
        }
    }
}

/// Whether terms give no more than others ask for.
fn is_within(terms: &Terms, asked: &Terms) -> bool {
    let ends = match (terms.not_after(), asked.not_after()) {
        (_, None) => true,
        (Some(end), Some(asked)) => end <= asked,
        (None, Some(_)) => false,
    };
    let narrower = terms.scope() == asked.scope()
        || matches!((terms.scope().uri(), asked.scope().uri()), (Some(part), Some(whole)) if {
            let mut names = part.segments();
            whole.segments().all(|at| names.next().is_some_and(|name| name.name() == at.name()))
        });
    let kind = terms.kind() == asked.kind() || asked.kind() == crate::authority::DelegationKind::Full;
    kind && narrower
        && ends
        && asked.commands().contains(terms.commands())
        && terms.depth() <= asked.depth()
        && terms.priority() <= asked.priority()
}
