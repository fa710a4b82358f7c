//! Notifications that a server asks for within a session: the end device trigger.

mod limits;
mod record;
mod restoring;
mod spec;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use dm_notification::SessionId;
use dm_syncml::{Instant, Journal, RecordSeq, StatusCode};
use dm_tree::ServerId;

use crate::{ResultCode, Serial};
use record::Entry;

pub use limits::{TriggerError, TriggerErrorKind, TriggerLimits};
pub use record::{TriggerRecord, TriggerRestoreError, TriggerSnapshot};
pub use spec::{TriggerContent, TriggerKey, TriggerSpec, TriggerTemplate};

/// The number a gateway gives a trigger, shown in decimal from `1` on and never given again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TriggerNo(u32);

impl TriggerNo {
    /// The trigger with this number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for TriggerNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for TriggerNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trigger {}", self.0)
    }
}

/// What became of a trigger for one device.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum TargetOutcome {
    /// It has not had its turn.
    Queued,
    /// It waits until the device can be reached.
    Waiting,
    /// It is on its way to the transport.
    Sending,
    /// The transport took it. Whether the device opened a session, only its server can see.
    HandedOver,
    /// The device could not be reached in time.
    NotReached,
    /// Its time was over before it had its turn, or before the transport said anything.
    OutOfTime,
    /// The gateway does not share the account that it would have to be signed with.
    NoAccount,
    /// Its owner may not have the device notified.
    Denied,
    /// The device is not registered any more.
    Forgotten,
}

impl TargetOutcome {
    /// Whether nothing more will happen.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Waiting | Self::Sending)
    }

    /// The number that says so: 202 while it is under way, 200 where it was handed over.
    #[must_use]
    pub const fn code(self) -> ResultCode {
        ResultCode::new(match self {
            Self::Queued | Self::Waiting | Self::Sending => StatusCode::ACCEPTED.get(),
            Self::HandedOver => StatusCode::OK.get(),
            Self::NotReached => ResultCode::DETACHED.get(),
            Self::OutOfTime => ResultCode::OUT_OF_TIME.get(),
            Self::NoAccount => StatusCode::NOT_SUPPORTED.get(),
            Self::Denied => StatusCode::PERMISSION_DENIED.get(),
            Self::Forgotten => StatusCode::NOT_FOUND.get(),
        })
    }
}

/// Where a trigger stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum TriggerState {
    /// Added, not started.
    Draft,
    /// Under way.
    Running,
    /// Over: 1200 if the transport took all, 1201 if not, 1202 without a target.
    Done(ResultCode),
}

/// What triggers want done or known.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TriggerOutput {
    /// Store this, then report with [`Triggers::handle_persisted`].
    Persist(RecordSeq, TriggerRecord),
    /// Ask whether the owner may have this device notified, sign what is to be built, send it; and report with one of
    /// [`Triggers::handle_sent`], [`Triggers::handle_away`] and [`Triggers::handle_refused`].
    Send {
        /// The trigger.
        trigger: TriggerNo,
        /// Whose it is.
        owner: ServerId,
        /// The device.
        device: Serial,
        /// What to send.
        content: TriggerContent,
        /// The session id of what is to be built.
        session_id: SessionId,
    },
    /// A trigger is over.
    Ended {
        /// The trigger.
        trigger: TriggerNo,
        /// Whose it is.
        owner: ServerId,
        /// What it came to: 1200, 1201 or 1202.
        result: ResultCode,
    },
    /// Nothing else is due before this time, or before the next input if there is none. Always the last output.
    Wait(Option<Instant>),
}

/// The triggers of a gateway (EDTrigger; GwMO-HLF-001, GwMO-TMode-001): what `X-Oma-GwMO` asks for by push, asked for
/// within a session.
///
/// Devices that cannot be reached are waited for, as long as the trigger is valid. A target is sent to once at least:
/// a gateway that stops between sending and [`handle_sent`](Self::handle_sent) sends again.
///
/// ```
/// use dm_syncml::Instant;
/// use dm_tree::ServerId;
/// use gwmo_model::{
///     Serial, TargetOutcome, TriggerContent, TriggerKey, TriggerLimits, TriggerOutput, TriggerSpec, Triggers,
/// };
///
/// let now = Instant::EPOCH;
/// let mut triggers = Triggers::new(TriggerLimits::default());
/// let content = TriggerContent::Ready(vec![0x5A; 40].into());
/// let no = triggers.handle_added(now, TriggerSpec::new(ServerId::new("dms")?, TriggerKey::new("T1")?, content))?;
/// triggers.handle_started(now, no, [Serial::FIRST], [])?;
/// loop {
///     match triggers.poll_output() {
///         TriggerOutput::Persist(seq, _) => triggers.handle_persisted(now, seq), // once it is stored
///         TriggerOutput::Send { trigger, device, .. } => triggers.handle_sent(now, trigger, device),
///         TriggerOutput::Wait(_) => break,
///         _ => {}
///     }
/// }
/// assert_eq!(triggers.outcome(no, Serial::FIRST), Some(TargetOutcome::HandedOver));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Triggers {
    limits: TriggerLimits,
    next: u32,
    next_session_id: SessionId,
    triggers: BTreeMap<TriggerNo, Trigger>,
    by_key: BTreeMap<(ServerId, TriggerKey), TriggerNo>,
    /// Who waits for each device.
    waiting: BTreeSet<(Serial, TriggerNo)>,
    /// Whose turn it is next; what is over by then is passed over.
    queue: VecDeque<(TriggerNo, Serial)>,
    sending: BTreeSet<(TriggerNo, Serial)>,
    deadlines: BTreeSet<(Instant, TriggerNo)>,
    journal: Journal<TriggerRecord, Effect>,
}

#[derive(Debug)]
struct Trigger {
    spec: TriggerSpec,
    run: Option<Run>,
}

/// A trigger that was started.
#[derive(Debug)]
struct Run {
    session_id: SessionId,
    targets: BTreeMap<Serial, TargetOutcome>,
    open: usize,
    handed_over: usize,
    /// None when it is over.
    until: Option<Instant>,
}

#[derive(Debug)]
enum Effect {
    Send(TriggerNo, Serial),
    Ended(TriggerNo, ServerId, ResultCode),
}

impl Triggers {
    /// No triggers yet.
    #[must_use]
    pub const fn new(limits: TriggerLimits) -> Self {
        Self {
            limits,
            next: 1,
            next_session_id: match SessionId::new(1) {
                Ok(id) => id,
                Err(_) => SessionId::MAX,
            },
            triggers: BTreeMap::new(),
            by_key: BTreeMap::new(),
            waiting: BTreeSet::new(),
            queue: VecDeque::new(),
            sending: BTreeSet::new(),
            deadlines: BTreeSet::new(),
            journal: Journal::new(),
        }
    }

    /// The same, but the notifications to be built begin with this session id: a device may drop one that it has seen
    /// before, so who starts without a snapshot should not begin where the last start did.
    #[must_use]
    pub const fn with_session_id(mut self, first: SessionId) -> Self {
        self.next_session_id = first;
        self
    }

    /// A server adds a trigger.
    ///
    /// # Errors
    ///
    /// When it has one of this key, when there are too many, or what is to be sent is empty or too long.
    pub fn handle_added(&mut self, _now: Instant, spec: TriggerSpec) -> Result<TriggerNo, TriggerError> {
        let key = (spec.owner.clone(), spec.key.clone());
        if let Some(&trigger) = self.by_key.get(&key) {
            return Err(TriggerErrorKind::TriggerExists { trigger }.into());
        }
        if self.triggers.len() >= self.limits.max_triggers as usize || self.next == u32::MAX {
            return Err(TriggerErrorKind::TooManyTriggers.into());
        }
        if !self.limits.takes(&spec) {
            return Err(TriggerErrorKind::BadLength { max: self.limits.max_octets }.into());
        }
        let trigger = TriggerNo(self.next);
        self.journal.record(TriggerRecord(Entry::Added { trigger, spec: spec.clone() }));
        self.add(trigger, spec);
        Ok(trigger)
    }

    /// A trigger is started: for these devices, of which those in `away` cannot be reached now. One that was started
    /// before is left as it is. Devices named twice count once, as away if they are named there.
    ///
    /// # Errors
    ///
    /// When there is no such trigger, or it has too many targets.
    pub fn handle_started(
        &mut self,
        now: Instant,
        trigger: TriggerNo,
        present: impl IntoIterator<Item = Serial>,
        away: impl IntoIterator<Item = Serial>,
    ) -> Result<(), TriggerError> {
        let known = self.triggers.get(&trigger).ok_or(TriggerErrorKind::UnknownTrigger)?;
        if known.run.is_some() {
            return Ok(());
        }
        let max = self.limits.max_targets;
        // One more than may be is enough to know.
        let bounded = |serials: BTreeSet<Serial>| {
            if serials.len() > max as usize {
                Err(TriggerErrorKind::TooManyTargets { max })
            } else {
                Ok(serials)
            }
        };
        let away: BTreeSet<Serial> = bounded(away.into_iter().collect())?;
        let targets = bounded(present.into_iter().chain(away.iter().copied()).collect())?;
        let (targets, away) = (targets.into_iter().collect::<Vec<_>>(), away.into_iter().collect::<Vec<_>>());
        let session_id = self.next_session_id.get();
        let entry = Entry::Started { trigger, session_id, targets: targets.clone(), away: away.clone() };
        self.journal.record(TriggerRecord(entry));
        self.start(now, trigger, self.next_session_id, &targets, &away);
        self.settle(trigger);
        self.fill();
        Ok(())
    }

    /// The transport has taken a notification.
    pub fn handle_sent(&mut self, now: Instant, trigger: TriggerNo, device: Serial) {
        self.sent_or_not(now, trigger, device, TargetOutcome::HandedOver);
    }

    /// The device cannot be reached, or the transport could not take it: it waits until the device can be reached.
    pub fn handle_away(&mut self, now: Instant, trigger: TriggerNo, device: Serial) {
        let keeps = self.triggers.get(&trigger).is_some_and(|trigger| trigger.spec.validity > Duration::ZERO);
        let outcome = if keeps { TargetOutcome::Waiting } else { TargetOutcome::NotReached };
        self.sent_or_not(now, trigger, device, outcome);
    }

    /// Nothing was sent: the owner may not have the device notified ([`StatusCode::PERMISSION_DENIED`]), the device is
    /// not registered any more ([`StatusCode::NOT_FOUND`]), or else the gateway does not share the account it would
    /// have to be signed with.
    pub fn handle_refused(&mut self, now: Instant, trigger: TriggerNo, device: Serial, status: StatusCode) {
        let outcome = match status {
            StatusCode::PERMISSION_DENIED => TargetOutcome::Denied,
            StatusCode::NOT_FOUND => TargetOutcome::Forgotten,
            _ => TargetOutcome::NoAccount,
        };
        self.sent_or_not(now, trigger, device, outcome);
    }

    /// A device can be reached: what waits for it has its turn. After a restart this is called for each of
    /// [`waiting`](Self::waiting) that is there.
    pub fn handle_reachable(&mut self, _now: Instant, device: Serial) {
        for trigger in self.waiting_for(device) {
            self.set(trigger, device, TargetOutcome::Queued);
        }
        self.fill();
    }

    /// A device is not registered any more.
    pub fn handle_forgotten(&mut self, _now: Instant, device: Serial) {
        // Those that have their turn now are told when they are sent.
        for trigger in self.waiting_for(device) {
            self.end(trigger, device, TargetOutcome::Forgotten);
            self.settle(trigger);
        }
    }

    /// A server removes a trigger; what was not sent is not sent any more.
    ///
    /// # Errors
    ///
    /// When there is no such trigger.
    pub fn handle_removed(&mut self, _now: Instant, trigger: TriggerNo) -> Result<(), TriggerError> {
        if !self.triggers.contains_key(&trigger) {
            return Err(TriggerErrorKind::UnknownTrigger.into());
        }
        self.journal.record(TriggerRecord(Entry::Removed { trigger }));
        self.remove(trigger);
        self.fill();
        Ok(())
    }

    /// Everything up to this record is stored.
    pub fn handle_persisted(&mut self, _now: Instant, seq: RecordSeq) {
        self.journal.persisted(seq);
    }

    /// Time went on.
    pub fn handle_tick(&mut self, now: Instant) {
        while let Some(&(_, trigger)) = self.deadlines.first().filter(|(at, _)| *at <= now) {
            let waits = |(_, outcome): &(Serial, TargetOutcome)| *outcome == TargetOutcome::Waiting;
            let not_reached: Vec<_> =
                self.outcomes(trigger).filter(waits).map(|(device, _)| device).collect();
            self.expire(trigger, &not_reached);
            self.journal.record(TriggerRecord(Entry::Expired { trigger, not_reached }));
            self.settle(trigger);
        }
        self.fill();
    }

    /// What is to be done next. Drain it after every input, until it gives [`TriggerOutput::Wait`].
    pub fn poll_output(&mut self) -> TriggerOutput {
        if let Some((seq, record)) = self.journal.next_record() {
            return TriggerOutput::Persist(seq, record);
        }
        while let Some(effect) = self.journal.next_released() {
            match effect {
                Effect::Ended(trigger, owner, result) => {
                    return TriggerOutput::Ended { trigger, owner, result };
                }
                Effect::Send(trigger, device) => {
                    // It may be over by now.
                    if let Some(Trigger { spec, run: Some(run) }) = self.triggers.get(&trigger)
                        && run.targets.get(&device) == Some(&TargetOutcome::Sending)
                    {
                        return TriggerOutput::Send {
                            trigger,
                            owner: spec.owner.clone(),
                            device,
                            content: spec.content.clone(),
                            session_id: run.session_id,
                        };
                    }
                }
            }
        }
        TriggerOutput::Wait(self.deadlines.first().map(|&(at, _)| at))
    }

    /// The trigger that a server gave this key.
    #[must_use]
    pub fn numbered(&self, owner: &ServerId, key: &TriggerKey) -> Option<TriggerNo> {
        self.by_key.get(&(owner.clone(), key.clone())).copied()
    }

    /// Where a trigger stands.
    #[must_use]
    pub fn state(&self, trigger: TriggerNo) -> Option<TriggerState> {
        Some(match &self.triggers.get(&trigger)?.run {
            None => TriggerState::Draft,
            Some(run) if run.until.is_some() => TriggerState::Running,
            Some(run) => TriggerState::Done(run.result()),
        })
    }

    /// What became of a trigger for a device.
    #[must_use]
    pub fn outcome(&self, trigger: TriggerNo, device: Serial) -> Option<TargetOutcome> {
        self.triggers.get(&trigger)?.run.as_ref()?.targets.get(&device).copied()
    }

    /// What became of a trigger for each device, in ascending order.
    pub fn outcomes(&self, trigger: TriggerNo) -> impl Iterator<Item = (Serial, TargetOutcome)> {
        let run = self.triggers.get(&trigger).and_then(|trigger| trigger.run.as_ref());
        run.into_iter().flat_map(|run| run.targets.iter().map(|(device, outcome)| (*device, *outcome)))
    }

    /// The devices that something waits for, in ascending order.
    pub fn waiting(&self) -> impl Iterator<Item = Serial> {
        let mut last = None;
        let serials = self.waiting.iter().map(|&(serial, _)| serial);
        serials.filter(move |serial| last.replace(*serial) != Some(*serial))
    }

    /// Notifications that are on their way to the transport: never more than the window.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.sending.len()
    }

    fn sent_or_not(&mut self, _now: Instant, trigger: TriggerNo, device: Serial, outcome: TargetOutcome) {
        if self.outcome(trigger, device) != Some(TargetOutcome::Sending) {
            return;
        }
        if outcome.is_final() {
            self.end(trigger, device, outcome);
        } else {
            self.set(trigger, device, outcome);
        }
        self.settle(trigger);
        self.fill();
    }

    /// A target is over.
    fn end(&mut self, trigger: TriggerNo, device: Serial, outcome: TargetOutcome) {
        self.journal.record(TriggerRecord(Entry::Settled { trigger, device, outcome }));
        self.set(trigger, device, outcome);
    }

    /// Lets as many have their turn as the window has room for.
    fn fill(&mut self) {
        while self.sending.len() < self.limits.window as usize {
            let Some((trigger, device)) = self.queue.pop_front() else { break };
            if self.outcome(trigger, device) == Some(TargetOutcome::Queued) {
                self.set(trigger, device, TargetOutcome::Sending);
                self.journal.hold(Effect::Send(trigger, device));
            }
        }
    }

    /// Says that a trigger is over, once.
    fn settle(&mut self, no: TriggerNo) {
        if let Some(owner) = self.close(no)
            && let Some(TriggerState::Done(result)) = self.state(no)
        {
            self.journal.hold(Effect::Ended(no, owner, result));
        }
    }

    fn waiting_for(&self, device: Serial) -> Vec<TriggerNo> {
        let all = (device, TriggerNo(0))..=(device, TriggerNo(u32::MAX));
        self.waiting.range(all).map(|&(_, trigger)| trigger).collect()
    }

    fn add(&mut self, trigger: TriggerNo, spec: TriggerSpec) {
        self.next = self.next.max(trigger.0.saturating_add(1));
        self.by_key.insert((spec.owner.clone(), spec.key.clone()), trigger);
        self.triggers.insert(trigger, Trigger { spec, run: None });
    }

    fn start(
        &mut self,
        now: Instant,
        no: TriggerNo,
        session_id: SessionId,
        targets: &[Serial],
        away: &[Serial],
    ) {
        let Some(trigger) = self.triggers.get_mut(&no) else { return };
        let keeps = trigger.spec.validity > Duration::ZERO;
        let until = now + trigger.spec.validity.max(self.limits.t_send);
        let mut run = Run {
            session_id,
            targets: BTreeMap::new(),
            open: targets.len(),
            handed_over: 0,
            until: Some(until),
        };
        run.targets.extend(targets.iter().map(|device| (*device, TargetOutcome::Queued)));
        trigger.run = Some(run);
        self.deadlines.insert((until, no));
        let next = session_id.get().checked_add(1).unwrap_or(1);
        self.next_session_id = SessionId::new(next).unwrap_or(SessionId::MAX);
        let outcome = if keeps { TargetOutcome::Waiting } else { TargetOutcome::NotReached };
        away.iter().for_each(|device| self.set(no, *device, outcome));
        let queued = |device: &&Serial| away.binary_search(device).is_err();
        self.queue.extend(targets.iter().filter(queued).map(|device| (no, *device)));
    }

    /// A target of a trigger that runs stands elsewhere: keeps every index in step.
    fn set(&mut self, no: TriggerNo, device: Serial, to: TargetOutcome) {
        let Some(run) = self.triggers.get_mut(&no).and_then(|trigger| trigger.run.as_mut()) else { return };
        let Some(at) = run.targets.get_mut(&device).filter(|at| !at.is_final()) else { return };
        match core::mem::replace(at, to) {
            TargetOutcome::Waiting => drop(self.waiting.remove(&(device, no))),
            TargetOutcome::Sending => drop(self.sending.remove(&(no, device))),
            _ => {}
        }
        run.open -= usize::from(to.is_final());
        run.handed_over += usize::from(to == TargetOutcome::HandedOver);
        match to {
            TargetOutcome::Waiting => drop(self.waiting.insert((device, no))),
            TargetOutcome::Sending => drop(self.sending.insert((no, device))),
            TargetOutcome::Queued => self.queue.push_back((no, device)),
            _ => {}
        }
    }

    /// `not_reached` is in ascending order.
    fn expire(&mut self, no: TriggerNo, not_reached: &[Serial]) {
        let open: Vec<_> = self.outcomes(no).filter(|(_, outcome)| !outcome.is_final()).collect();
        for (device, _) in open {
            let is_late = not_reached.binary_search(&device).is_err();
            self.set(no, device, if is_late { TargetOutcome::OutOfTime } else { TargetOutcome::NotReached });
        }
        self.queue.retain(|(trigger, _)| *trigger != no);
    }

    /// Ends a trigger that runs and has nothing open; returns whose it is.
    fn close(&mut self, no: TriggerNo) -> Option<ServerId> {
        let trigger = self.triggers.get_mut(&no)?;
        let run = trigger.run.as_mut().filter(|run| run.open == 0)?;
        let until = run.until.take()?;
        self.deadlines.remove(&(until, no));
        Some(trigger.spec.owner.clone())
    }

    fn remove(&mut self, no: TriggerNo) {
        let open: Vec<_> = self.outcomes(no).collect();
        for (device, _) in open {
            self.waiting.remove(&(device, no));
            self.sending.remove(&(no, device));
        }
        self.queue.retain(|(trigger, _)| *trigger != no);
        let Some(gone) = self.triggers.remove(&no) else { return };
        self.by_key.remove(&(gone.spec.owner, gone.spec.key));
        if let Some(until) = gone.run.and_then(|run| run.until) {
            self.deadlines.remove(&(until, no));
        }
    }
}

impl Run {
    fn result(&self) -> ResultCode {
        match self.targets.len() {
            0 => ResultCode::NO_TARGET,
            all if all == self.handed_over => ResultCode::ALL_OK,
            _ => ResultCode::NOT_ALL_OK,
        }
    }
}
