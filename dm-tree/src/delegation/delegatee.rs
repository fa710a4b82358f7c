//! The side that receives.

use dm_syncml::session::GenericAlert;
use dm_syncml::{Instant, RecordSeq};

use super::desk::{Desk, Due};
use super::limits::DelegationLimits;
use super::message::{EndReason, Proposal, RefuseReason, Step};
use super::output::{Decision, DelegationError, DelegationErrorKind, DelegationOutput, NegotiationKey};
use super::record::{DelegationRecord, DelegationSnapshot, RestoreDelegationError};
use super::stage::DelegationStage;
use crate::server_id::ServerId;
use crate::timestamp::Timestamp;

/// The negotiations in which a server receives, and the delegations that came of them. See the [module](super).
///
/// After each call drain [`poll_output`](Self::poll_output) until it says [`Wait`](DelegationOutput::Wait).
#[derive(Clone, Debug)]
pub struct Delegatee {
    desk: Desk,
}

impl Delegatee {
    /// The delegatee's side of the server of this name.
    #[must_use]
    pub const fn new(own: ServerId, limits: DelegationLimits) -> Self {
        Self { desk: Desk::new(own, false, limits) }
    }

    /// Says what time of day it is, which delegations end by. To be said at the start, and whenever the clock was set.
    pub fn set_wall_clock(&mut self, now: Instant, time: Timestamp) {
        self.desk.set_wall_clock(now, time);
        self.run();
    }

    /// Asks for a delegation. `entropy` names it, and must be fresh and unpredictable.
    ///
    /// # Errors
    ///
    /// As [`Delegator::offer`](super::Delegator::offer).
    pub fn request(
        &mut self,
        now: Instant,
        entropy: [u8; 16],
        delegator: &ServerId,
        proposal: Proposal,
    ) -> Result<NegotiationKey, DelegationError> {
        self.desk.advance(now);
        let key = self.desk.new_key(delegator, entropy, proposal.terms())?;
        self.desk.begin(&key, proposal.clone(), true, DelegationStage::Proposed)?;
        self.desk.keep_saying(&key, Step::Request(proposal));
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
        use DelegationStage::{Accepted, InForce, Promised, Proposed};

        self.desk.advance(now);
        let (key, step) = self.desk.read(peer, alert)?;
        let known = self.desk.get(&key).map(|known| (known.stage, known.is_ours));
        match (step, known) {
            (Step::Offer(proposal), None) => self.consider(&key, proposal)?,
            (Step::Offer(_), Some((_, true))) => return Err(DelegationErrorKind::OtherSide.into()),
            (Step::Offer(_), Some((stage, false))) => self.repeat(&key, stage),
            (Step::Proceed(terms), Some((Proposed | Accepted, _))) => {
                self.agreed(&key, terms);
                self.desk.enter(&key, Promised);
                // Asking on from time to time tells when the delegator knows nothing of it any more.
                self.desk.hold_on(&key);
            }
            (Step::Granted(terms), Some((Proposed | Accepted | Promised, _))) => {
                self.agreed(&key, terms);
                self.desk.enter(&key, DelegationStage::TakingUp);
                let proposal = self.desk.known(&key)?.proposal.clone();
                self.desk.want(DelegationOutput::TakeUp(key, proposal));
            }
            (Step::Proceed(_), Some((InForce | Promised, _))) => {}
            (Step::Proceed(_) | Step::Granted(_), Some((stage, _))) => self.repeat(&key, stage),
            (Step::Refuse(reason), Some((stage, _))) => self.refused(&key, stage, reason),
            (Step::Ended(reason), known) => {
                match known {
                    Some((stage, _)) if !stage.is_over() => self.ended(&key, reason),
                    _ => {}
                }
                self.desk.say(&key, Step::Acknowledged);
            }
            (Step::Refuse(_), None) => {}
            // We know nothing of it: the delegator is to take back what it gave.
            (Step::Proceed(_) | Step::Granted(_), None) => {
                self.desk.say(&key, Step::Refuse(RefuseReason::Unknown));
            }
            (
                Step::Request(_) | Step::Accept | Step::Completed | Step::Relinquish | Step::Acknowledged,
                _,
            ) => return Err(DelegationErrorKind::OtherSide.into()),
        }
        Ok(())
    }

    /// What is answered to an offer ([`DelegationOutput::Decide`]).
    ///
    /// # Errors
    ///
    /// [`NotDue`](DelegationErrorKind::NotDue) when nothing is to be decided.
    pub fn handle_decision(
        &mut self,
        now: Instant,
        key: &NegotiationKey,
        decision: &Decision,
    ) -> Result<(), DelegationError> {
        self.desk.advance(now);
        if self.desk.known(key)?.stage != DelegationStage::Deciding {
            return Err(DelegationErrorKind::NotDue.into());
        }
        match decision {
            Decision::Refuse => self.refuse(key, RefuseReason::Declined),
            Decision::Agree(_) => {
                self.desk.enter(key, DelegationStage::Accepted);
                self.desk.keep_saying(key, Step::Accept);
            }
        }
        Ok(())
    }

    /// Whether the device lets us manage the scope ([`DelegationOutput::TakeUp`]). If it does not, the delegator is told to
    /// take it back.
    ///
    /// # Errors
    ///
    /// [`NotDue`](DelegationErrorKind::NotDue) when that is not waited for (any more).
    pub fn handle_taken_up(
        &mut self,
        now: Instant,
        key: &NegotiationKey,
        is_effective: bool,
    ) -> Result<(), DelegationError> {
        self.desk.advance(now);
        let known = self.desk.known(key)?;
        if known.stage != DelegationStage::TakingUp {
            return Err(DelegationErrorKind::NotDue.into());
        }
        if is_effective {
            let proposal = known.proposal.clone();
            self.desk.enter(key, DelegationStage::InForce);
            self.desk.say(key, Step::Completed);
            self.desk.want(DelegationOutput::Established(key.clone(), proposal));
        } else {
            self.refuse(key, RefuseReason::NotEffective);
        }
        Ok(())
    }

    /// Gives back what we have, or wants no more what was asked for or agreed. A full delegation is to be given back on the device
    /// first, where nobody else can.
    ///
    /// # Errors
    ///
    /// [`NotDue`](DelegationErrorKind::NotDue) when it is over, or is being given back already.
    pub fn relinquish(&mut self, now: Instant, key: &NegotiationKey) -> Result<(), DelegationError> {
        self.desk.advance(now);
        match self.desk.known(key)?.stage {
            stage if stage.is_over() || stage == DelegationStage::Relinquishing => {
                Err(DelegationErrorKind::NotDue.into())
            }
            DelegationStage::Deciding => {
                self.refuse(key, RefuseReason::Declined);
                Ok(())
            }
            _ => {
                self.desk.unwant(key);
                self.desk.enter(key, DelegationStage::Relinquishing);
                self.desk.keep_saying(key, Step::Relinquish);
                Ok(())
            }
        }
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
        Ok(Self { desk: Desk::restore(now, false, limits, snapshot)? })
    }

    /// Takes in what a record says. To be done in order, before anything else.
    ///
    /// # Errors
    ///
    /// [`RestoreDelegationError`]; nothing has changed then.
    pub fn replay(&mut self, record: &DelegationRecord) -> Result<(), RestoreDelegationError> {
        self.desk.replay(record)
    }

    /// Goes on after a restart: what is to be decided, found out or said is put out again.
    pub fn resume(&mut self, now: Instant) {
        self.desk.advance(now);
        let all: alloc::vec::Vec<_> = self
            .negotiations()
            .map(|(key, stage, proposal)| (key.clone(), stage, proposal.clone()))
            .collect();
        for (key, stage, proposal) in all {
            match stage {
                DelegationStage::Deciding => self.desk.want(DelegationOutput::Decide(key, proposal)),
                DelegationStage::TakingUp => self.desk.want(DelegationOutput::TakeUp(key, proposal)),
                _ => self.say_again(&key, stage),
            }
        }
    }

    /// An offer that came.
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

    /// The terms are those the delegator says; it may have agreed to less than was asked for.
    fn agreed(&mut self, key: &NegotiationKey, proposal: Proposal) {
        self.desk.set_proposal(key, proposal);
    }

    fn refuse(&mut self, key: &NegotiationKey, reason: RefuseReason) {
        self.desk.unwant(key);
        self.desk.enter(key, DelegationStage::Refused(reason));
        self.desk.say(key, Step::Refuse(reason));
        self.desk.want(DelegationOutput::Refused(key.clone(), reason, false));
    }

    /// The delegator does not want it, or knows nothing of it.
    fn refused(&mut self, key: &NegotiationKey, stage: DelegationStage, reason: RefuseReason) {
        match stage {
            stage if stage.is_over() => {}
            DelegationStage::InForce | DelegationStage::Relinquishing => self.ended(key, EndReason::Unknown),
            _ => {
                self.desk.unwant(key);
                self.desk.enter(key, DelegationStage::Refused(reason));
                self.desk.want(DelegationOutput::Refused(key.clone(), reason, true));
            }
        }
    }

    fn ended(&mut self, key: &NegotiationKey, reason: EndReason) {
        self.desk.unwant(key);
        self.desk.enter(key, DelegationStage::Over(reason));
        self.desk.want(DelegationOutput::Ended(key.clone(), reason));
    }

    /// Answers what came twice, or late, with what is true now.
    fn repeat(&mut self, key: &NegotiationKey, stage: DelegationStage) {
        match stage {
            DelegationStage::Accepted | DelegationStage::Promised | DelegationStage::TakingUp => {
                self.desk.say(key, Step::Accept);
            }
            DelegationStage::InForce => self.desk.say(key, Step::Completed),
            DelegationStage::Relinquishing => self.desk.say(key, Step::Relinquish),
            DelegationStage::Refused(reason) => self.desk.say(key, Step::Refuse(reason)),
            DelegationStage::Over(_) => self.desk.say(key, Step::Refuse(RefuseReason::Unknown)),
            _ => {}
        }
    }

    /// Says what is said until it is answered.
    fn say_again(&mut self, key: &NegotiationKey, stage: DelegationStage) {
        let Some(known) = self.desk.get(key) else { return };
        let (proposal, is_ours) = (known.proposal.clone(), known.is_ours);
        match stage {
            DelegationStage::Proposed => self.desk.keep_saying(key, Step::Request(proposal)),
            DelegationStage::Accepted => self.desk.keep_saying(key, Step::Accept),
            DelegationStage::Promised if is_ours => self.desk.keep_saying(key, Step::Request(proposal)),
            DelegationStage::Promised => self.desk.keep_saying(key, Step::Accept),
            DelegationStage::Relinquishing => self.desk.keep_saying(key, Step::Relinquish),
            _ => {}
        }
    }

    fn run(&mut self) {
        for (key, due) in self.desk.due() {
            let Some(stage) = self.stage(&key) else { continue };
            match (due, stage) {
                (Due::Resend, _) => self.say_again(&key, stage),
                (Due::Patience, _) => self.refuse(&key, RefuseReason::TimedOut),
                // On the device it ends by itself, or the delegator ends it.
                (Due::Expired, DelegationStage::InForce | DelegationStage::Relinquishing) => {
                    self.ended(&key, EndReason::Expired);
                }
                (Due::Expired, _) => self.refuse(&key, RefuseReason::Expired),
                (Due::Forget, _) => {}
            }
        }
    }
}
