//! What both sides of a delegation have in common: negotiations, their timers, their records and their messages.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use dm_syncml::session::GenericAlert;
use dm_syncml::{Instant, Journal, RecordSeq};

use super::limits::DelegationLimits;
use super::message::{DelegationMessage, NegotiationId, Proposal, Step};
use super::output::{DelegationError, DelegationErrorKind, DelegationOutput, NegotiationKey};
use super::record::{DelegationRecord, DelegationSnapshot, RestoreDelegationError, Stored};
use super::stage::DelegationStage;
use crate::authority::Terms;
use crate::server_id::ServerId;
use crate::timestamp::Timestamp;

/// The negotiations of one side.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    pub(super) own: ServerId,
    pub(super) is_delegator: bool,
    limits: DelegationLimits,
    negotiations: BTreeMap<NegotiationKey, Negotiation>,
    pub(super) now: Instant,
    /// What time of day it is, and when that was said.
    wall: Option<(Timestamp, Instant)>,
    journal: Journal<DelegationRecord, DelegationOutput>,
}

#[derive(Clone, Debug)]
pub(super) struct Negotiation {
    pub(super) proposal: Proposal,
    pub(super) is_ours: bool,
    pub(super) stage: DelegationStage,
    /// When patience, or memory, ends.
    until: Option<Instant>,
    /// When the last message is sent again, and how often it was.
    resend: Option<Instant>,
    attempt: u8,
}

impl Negotiation {
    fn stored(&self, now: Instant) -> Stored {
        Stored {
            proposal: self.proposal.clone(),
            is_ours: self.is_ours,
            stage: self.stage,
            left: self.until.map(|until| until.saturating_since(now)),
        }
    }
}

impl Desk {
    pub(super) const fn new(own: ServerId, is_delegator: bool, limits: DelegationLimits) -> Self {
        Self {
            own,
            is_delegator,
            limits,
            negotiations: BTreeMap::new(),
            now: Instant::EPOCH,
            wall: None,
            journal: Journal::new(),
        }
    }

    /// Clocks that step back do no harm.
    pub(super) fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    pub(super) fn set_wall_clock(&mut self, now: Instant, time: Timestamp) {
        self.advance(now);
        self.wall = Some((time, self.now));
    }

    /// When terms end; `None` when they do not.
    pub(super) fn end_of(&self, terms: &Terms) -> Result<Option<Instant>, DelegationErrorKind> {
        let Some(not_after) = terms.not_after() else { return Ok(None) };
        let (time, said_at) = self.wall.ok_or(DelegationErrorKind::NoClock)?;
        // The last second still counts.
        let left = u64::try_from(not_after.unix().saturating_sub(time.unix()).saturating_add(1)).unwrap_or(0);
        Ok(Some(said_at + core::time::Duration::from_secs(left)))
    }

    /// Whether terms are over; never said of terms without an end, nor while the time is not known.
    pub(super) fn is_expired(&self, terms: &Terms) -> bool {
        matches!(self.end_of(terms), Ok(Some(end)) if end <= self.now)
    }

    /// Reads what a server says to us, when it may say it.
    pub(super) fn read(
        &self,
        peer: &ServerId,
        alert: &GenericAlert,
    ) -> Result<(NegotiationKey, Step), DelegationError> {
        let message = DelegationMessage::read(alert)?;
        let (ours, theirs) = match self.is_delegator {
            true => (&message.delegator, &message.delegatee),
            false => (&message.delegatee, &message.delegator),
        };
        if *ours != self.own || theirs != peer {
            return Err(DelegationErrorKind::OtherServer.into());
        }
        Ok((NegotiationKey { peer: peer.clone(), id: message.id }, message.step))
    }

    pub(super) fn get(&self, key: &NegotiationKey) -> Option<&Negotiation> {
        self.negotiations.get(key)
    }

    pub(super) fn known(&self, key: &NegotiationKey) -> Result<&Negotiation, DelegationError> {
        Ok(self.get(key).ok_or(DelegationErrorKind::UnknownNegotiation)?)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&NegotiationKey, &Negotiation)> {
        self.negotiations.iter()
    }

    /// Begins one, in this stage.
    pub(super) fn begin(
        &mut self,
        key: &NegotiationKey,
        proposal: Proposal,
        is_ours: bool,
        stage: DelegationStage,
    ) -> Result<(), DelegationError> {
        let with_peer = |(key_of, _): &(&NegotiationKey, &Negotiation)| key_of.peer == key.peer;
        let is_full = self.negotiations.len() >= self.limits.max_negotiations;
        if is_full || self.iter().filter(with_peer).count() >= self.limits.max_per_server {
            // What is only remembered makes room, the oldest first; of this server when it is this server's that are too many.
            let may_go = |(other, known): &(&NegotiationKey, &Negotiation)| {
                known.stage.is_over() && (is_full || other.peer == key.peer)
            };
            let oldest = self.iter().filter(may_go).min_by_key(|(_, known)| known.until);
            let oldest = oldest.map(|(key, _)| key.clone()).ok_or(DelegationErrorKind::Full)?;
            self.forget(&oldest);
        }
        let negotiation = Negotiation { proposal, is_ours, stage, until: None, resend: None, attempt: 0 };
        self.negotiations.insert(key.clone(), negotiation);
        self.enter(key, stage);
        Ok(())
    }

    /// Goes to a stage, and has that stored before anything that comes next is done.
    pub(super) fn enter(&mut self, key: &NegotiationKey, stage: DelegationStage) {
        let (now, limits, is_delegator) = (self.now, self.limits, self.is_delegator);
        let Some(negotiation) = self.negotiations.get_mut(key) else { return };
        negotiation.stage = stage;
        (negotiation.resend, negotiation.attempt) = (None, 0);
        negotiation.until = match stage {
            stage if stage.is_over() => Some(now + limits.remember),
            stage if stage.is_limited() => Some(now + limits.patience),
            _ => None,
        };
        let record = DelegationRecord::new(is_delegator, key.clone(), Some(negotiation.stored(now)));
        self.journal.record(record);
    }

    pub(super) fn set_proposal(&mut self, key: &NegotiationKey, proposal: Proposal) {
        if let Some(negotiation) = self.negotiations.get_mut(key) {
            negotiation.proposal = proposal;
        }
    }

    fn forget(&mut self, key: &NegotiationKey) {
        self.negotiations.remove(key);
        self.journal.record(DelegationRecord::new(self.is_delegator, key.clone(), None));
    }

    /// Says something to the other server.
    pub(super) fn say(&mut self, key: &NegotiationKey, step: Step) {
        let (delegator, delegatee) = match self.is_delegator {
            true => (self.own.clone(), key.peer.clone()),
            false => (key.peer.clone(), self.own.clone()),
        };
        let message = DelegationMessage { id: key.id, delegator, delegatee, step };
        let (to, id) = (key.peer.clone(), key.id);
        // What still waits to be said is out of date: there is one message under way for each negotiation.
        self.journal.retain(|held| match held {
            DelegationOutput::Send { to: whom, id: which, .. } => *which != id || *whom != to,
            _ => true,
        });
        self.journal.hold(DelegationOutput::Send { to, id, alert: message.to_alert() });
    }

    /// Says something, and goes on saying it until something else is to be said.
    pub(super) fn keep_saying(&mut self, key: &NegotiationKey, step: Step) {
        let (now, limits) = (self.now, self.limits);
        if let Some(negotiation) = self.negotiations.get_mut(key) {
            negotiation.resend = Some(now + limits.pause(negotiation.attempt));
            negotiation.attempt = negotiation.attempt.saturating_add(1);
        }
        self.say(key, step);
    }

    /// The other server has been heard of: its time begins anew.
    pub(super) fn have_patience(&mut self, key: &NegotiationKey) {
        let until = self.now + self.limits.patience;
        if let Some(negotiation) = self.negotiations.get_mut(key) {
            negotiation.until = Some(until);
        }
    }

    /// Says it again after the longest pause.
    pub(super) fn hold_on(&mut self, key: &NegotiationKey) {
        let at = self.now + self.limits.max_resend.max(self.limits.resend);
        if let Some(negotiation) = self.negotiations.get_mut(key) {
            (negotiation.resend, negotiation.attempt) = (Some(at), u8::MAX);
        }
    }

    /// Wants something done once all is stored.
    pub(super) fn want(&mut self, output: DelegationOutput) {
        self.journal.hold(output);
    }

    /// Forgets what waits to be done about a negotiation that takes another turn.
    pub(super) fn unwant(&mut self, key: &NegotiationKey) {
        self.journal.retain(|held| match held {
            DelegationOutput::Decide(whose, _)
            | DelegationOutput::Grant(whose, _)
            | DelegationOutput::TakeUp(whose, _) => whose != key,
            _ => true,
        });
    }

    /// The negotiations whose time has come: for sending again, and for patience that is at its end.
    pub(super) fn due(&mut self) -> Vec<(NegotiationKey, Due)> {
        let now = self.now;
        let mut due = Vec::new();
        for (key, negotiation) in &self.negotiations {
            let is_over = negotiation.stage.is_over();
            if !is_over && self.is_expired(negotiation.proposal.terms()) && !is_ending(negotiation.stage) {
                due.push((key.clone(), Due::Expired));
            } else if negotiation.until.is_some_and(|until| until <= now) {
                due.push((key.clone(), if is_over { Due::Forget } else { Due::Patience }));
            } else if negotiation.resend.is_some_and(|resend| resend <= now) {
                due.push((key.clone(), Due::Resend));
            }
        }
        let (forgotten, due): (Vec<_>, Vec<_>) = due.into_iter().partition(|(_, due)| *due == Due::Forget);
        for (key, _) in forgotten {
            self.forget(&key);
        }
        due
    }

    pub(super) fn persisted(&mut self, now: Instant, seq: RecordSeq) {
        self.advance(now);
        self.journal.persisted(seq);
    }

    pub(super) fn poll_output(&mut self) -> DelegationOutput {
        if let Some((seq, record)) = self.journal.next_record() {
            return DelegationOutput::Persist(seq, record);
        }
        self.journal.next_released().unwrap_or_else(|| DelegationOutput::Wait(self.deadline()))
    }

    fn deadline(&self) -> Option<Instant> {
        let of = |negotiation: &Negotiation| {
            let ends = match self.end_of(negotiation.proposal.terms()) {
                Ok(end) if !negotiation.stage.is_over() && !is_ending(negotiation.stage) => end,
                _ => None,
            };
            [negotiation.until, negotiation.resend, ends].into_iter().flatten().min()
        };
        self.negotiations.values().filter_map(of).min()
    }

    pub(super) fn snapshot(&self) -> DelegationSnapshot {
        let all = self.iter().map(|(key, negotiation)| (key.clone(), negotiation.stored(self.now)));
        DelegationSnapshot::new(self.own.clone(), self.is_delegator, all.collect())
    }

    pub(super) fn restore(
        now: Instant,
        is_delegator: bool,
        limits: DelegationLimits,
        snapshot: &DelegationSnapshot,
    ) -> Result<Self, RestoreDelegationError> {
        snapshot.check(is_delegator)?;
        let mut desk = Self::new(snapshot.own.clone(), is_delegator, limits);
        desk.advance(now);
        for (key, stored) in &snapshot.negotiations {
            desk.put(key, stored);
        }
        Ok(desk)
    }

    pub(super) fn replay(&mut self, record: &DelegationRecord) -> Result<(), RestoreDelegationError> {
        record.check(self.is_delegator)?;
        match &record.state {
            Some(stored) => self.put(&record.key, stored),
            None => _ = self.negotiations.remove(&record.key),
        }
        Ok(())
    }

    fn put(&mut self, key: &NegotiationKey, stored: &Stored) {
        let negotiation = Negotiation {
            proposal: stored.proposal.clone(),
            is_ours: stored.is_ours,
            stage: stored.stage,
            until: stored.left.map(|left| self.now + left),
            resend: None,
            attempt: 0,
        };
        self.negotiations.insert(key.clone(), negotiation);
    }

    /// The id of a negotiation that we begin.
    pub(super) fn new_key(
        &self,
        peer: &ServerId,
        entropy: [u8; 16],
        terms: &Terms,
    ) -> Result<NegotiationKey, DelegationError> {
        let key = NegotiationKey { peer: peer.clone(), id: NegotiationId::new(entropy) };
        if *peer == self.own {
            return Err(DelegationErrorKind::OtherServer.into());
        }
        if self.negotiations.contains_key(&key) {
            return Err(DelegationErrorKind::NotDue.into());
        }
        self.end_of(terms)?;
        if self.is_expired(terms) {
            return Err(DelegationErrorKind::Terms.into());
        }
        Ok(key)
    }
}

/// On the way to the end already: its time need not end it.
const fn is_ending(stage: DelegationStage) -> bool {
    matches!(stage, DelegationStage::Undoing(..) | DelegationStage::Ending(_))
}

/// What is due for a negotiation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Resend,
    Patience,
    Expired,
    Forget,
}
