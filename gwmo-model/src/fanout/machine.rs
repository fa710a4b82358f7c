//! The machine: several jobs, one window, one index of deadlines.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use core::ops::{Bound, Range};

use dm_syncml::{Instant, StatusCode};
use dm_tree::ServerId;

use super::entry::{Job, JobView};
use super::job::{JobKey, JobNo, JobSpec, JobState, OrderReply, SessionEnd, Ticket};
use super::ledger::{Ledger, Work};
use super::limits::FanoutLimits;
use super::operation::Answer;
use super::output::FanoutOutput;
use super::report::Counters;
use super::target::{Event, Facts, Target, TargetState};
use crate::device::Serial;
use crate::error::{JobError, JobErrorKind};

/// Fans jobs out to devices and gathers what becomes of them (GwMO-FORA-001 and 002).
///
/// A device cannot be called: it is notified, and opens a session when it likes. So a target goes through
/// *notifying* and *in session*, each with its own clock, and holds a slot of the window during those two only. One
/// device serves one job at a time; further jobs follow in the same session, in the order they were added.
///
/// **Rights.** Whether the owner of a job may act on a device is asked when it matters: [`FanoutOutput::Notify`]
/// and [`FanoutOutput::Deliver`] are requests to whoever knows the rights, who carries them out or answers with
/// [`handle_denied`](Self::handle_denied). A right that is lost while the job runs thus ends what was not sent.
///
/// **Sessions.** The caller keeps at most one session per device, and reports the end of the old one before the
/// start of a new one. When there is nothing left to do in one ([`ticket_of`](Self::ticket_of) is `None` after
/// draining), the caller ends it.
///
/// **Time.** What is asked for by `poll_output` has its deadline counted from the latest time the machine was told.
///
/// One setting for three devices. The first does it, the second refuses, the third never answers:
///
/// ```
/// use dm_syncml::{Instant, StatusCode};
/// use dm_tree::ServerId;
/// use gwmo_model::{
///     Answer, Fanout, FanoutLimits, FanoutOutput, JobKey, JobSpec, Op, Serial, SessionEnd,
/// };
///
/// let mut now = Instant::EPOCH;
/// let mut fanout = Fanout::new(FanoutLimits::default());
/// let targets = (1..=3).filter_map(Serial::new);
/// let spec = JobSpec::new(ServerId::new("com.example.dms")?, JobKey::new("J7")?, targets, [Op::replace()]);
/// let job = fanout.handle_add(now, spec)?;
/// fanout.handle_start(now, job)?;
///
/// let result = loop {
///     match fanout.poll_output() {
///         // Send the notification. Here the third device is switched off; the others open a session.
///         FanoutOutput::Notify { ticket } => {
///             fanout.handle_notify_sent(now, ticket);
///             if ticket.serial.get() != 3 {
///                 fanout.handle_session_opened(now, ticket.serial);
///             }
///         }
///         // Send the operations in that session, and report what comes back.
///         FanoutOutput::Deliver { ticket, ops } => {
///             let status = if ticket.serial.get() == 2 { StatusCode::PERMISSION_DENIED } else { StatusCode::OK };
///             for op in ops {
///                 fanout.handle_answer(now, ticket, op, Answer::new(status));
///             }
///             fanout.handle_session_closed(now, ticket.serial, SessionEnd::Clean);
///         }
///         FanoutOutput::JobEnded { result, .. } => break result,
///         FanoutOutput::Wait(Some(at)) => {
///             now = at; // a runtime sleeps until then, or until something comes in
///             fanout.handle_tick(now);
///         }
///         _ => {}
///     }
/// };
///
/// let report = fanout.job(job).expect("it was not removed").report();
/// assert_eq!(result.get(), 1201); // over, and not everybody is ok
/// assert_eq!((report.counters.ok, report.counters.refused, report.counters.unreachable), (1, 1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// **Bounds.** Work per input is logarithmic in the number of targets and linear in the number of unfinished jobs;
/// ordering, cancelling and expiring a job are linear in its targets. Memory is bounded by [`FanoutLimits`] and
/// the number of open sessions.
#[derive(Debug)]
pub struct Fanout {
    limits: FanoutLimits,
    now: Instant,
    next: u32,
    jobs: BTreeMap<JobNo, Job>,
    by_key: BTreeMap<(ServerId, JobKey), JobNo>,
    /// Jobs with targets that are not at their end, drafts included.
    open: BTreeSet<JobNo>,
    /// Which job each device in flight is serving.
    active: BTreeMap<Serial, JobNo>,
    sessions: BTreeSet<Serial>,
    /// Jobs with room and a target that is in session already.
    runnable_ready: BTreeSet<JobNo>,
    /// Jobs with room and a target that is queued.
    runnable: BTreeSet<JobNo>,
    /// The job that had the last turn.
    turn: JobNo,
    deadlines: BTreeSet<(Instant, Timer)>,
    /// Attempts that may have operations to deliver.
    deliver: VecDeque<Ticket>,
    aborts: VecDeque<Serial>,
    changed: BTreeSet<JobNo>,
    ended: VecDeque<JobNo>,
    stored: u64,
    late: u64,
}

/// Targets before jobs: at the same instant a target's own verdict is the more telling one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Timer {
    Target(JobNo, u32),
    Job(JobNo),
}

impl Fanout {
    /// No jobs yet.
    #[must_use]
    pub fn new(limits: FanoutLimits) -> Self {
        Self {
            limits: limits.with_window(limits.window.max(1)),
            now: Instant::EPOCH,
            next: 1,
            jobs: BTreeMap::new(),
            by_key: BTreeMap::new(),
            open: BTreeSet::new(),
            active: BTreeMap::new(),
            sessions: BTreeSet::new(),
            runnable_ready: BTreeSet::new(),
            runnable: BTreeSet::new(),
            turn: JobNo::new(0),
            deadlines: BTreeSet::new(),
            deliver: VecDeque::new(),
            aborts: VecDeque::new(),
            changed: BTreeSet::new(),
            ended: VecDeque::new(),
            stored: 0,
            late: 0,
        }
    }

    /// Adds a job as a draft. Nothing is sent before it is started.
    ///
    /// # Errors
    ///
    /// When the owner has a job with this key ([`JobErrorKind::JobExists`] names it), or a limit is exceeded.
    pub fn handle_add(&mut self, now: Instant, spec: JobSpec) -> Result<JobNo, JobError> {
        self.advance(now);
        let added = self.add(spec);
        self.fire();
        added
    }

    /// Starts a draft. Starting a job again changes nothing.
    ///
    /// # Errors
    ///
    /// When there is no such job.
    pub fn handle_start(&mut self, now: Instant, job: JobNo) -> Result<OrderReply, JobError> {
        self.advance(now);
        let reply = self.start(job);
        self.fire();
        reply
    }

    /// Cancels a job: nothing more is sent for it. A device that was delivered something in the session it is in
    /// may still answer or time out, and its outcome is what it is; all others end at once. Cancelling a job again,
    /// or one that is over, changes nothing.
    ///
    /// # Errors
    ///
    /// When there is no such job.
    pub fn handle_cancel(&mut self, now: Instant, job: JobNo) -> Result<OrderReply, JobError> {
        self.advance(now);
        let reply = self.cancel(job);
        self.fire();
        reply
    }

    /// Removes a job with its records: a draft, or one that is over. Its key may be used again.
    ///
    /// # Errors
    ///
    /// When there is no such job, or it is being worked on.
    pub fn handle_remove(&mut self, now: Instant, job: JobNo) -> Result<(), JobError> {
        self.advance(now);
        let removed = self.remove(job);
        self.fire();
        removed
    }

    /// Changes the window over all jobs; devices that are in flight beyond it are left to finish.
    pub fn handle_window(&mut self, now: Instant, window: u32) {
        self.advance(now);
        self.limits.window = window.max(1);
        self.fire();
    }

    /// Changes the window of one job that is not over.
    ///
    /// # Errors
    ///
    /// When there is no such job, or it is over.
    pub fn handle_job_window(&mut self, now: Instant, job: JobNo, window: u32) -> Result<(), JobError> {
        self.advance(now);
        let changed = match self.jobs.get_mut(&job) {
            None => Err(JobErrorKind::UnknownJob.into()),
            Some(at) if at.state.is_over() => Err(JobErrorKind::WrongState.into()),
            Some(at) => {
                at.policy.window = window.max(1);
                at.rev += 1;
                self.changed.insert(job);
                self.refresh(job);
                Ok(())
            }
        };
        self.fire();
        changed
    }

    /// The notification of this attempt is on its way: the time to answer it starts.
    pub fn handle_notify_sent(&mut self, now: Instant, ticket: Ticket) {
        self.report(now, ticket, Event::NotifySent);
    }

    /// The notification of this attempt could not be sent; counts as one that was not answered.
    pub fn handle_notify_failed(&mut self, now: Instant, ticket: Ticket) {
        self.report(now, ticket, Event::NotifyFailed);
    }

    /// What was last asked for this attempt is not allowed, and was not done: the target is skipped with this code,
    /// such as 425. Operations handed out for delivery count as not delivered.
    pub fn handle_denied(&mut self, now: Instant, ticket: Ticket, status: StatusCode) {
        self.report(now, ticket, Event::Denied(status));
    }

    /// A device opened a session, notified or not. Every job that waits for the device may use it.
    pub fn handle_session_opened(&mut self, now: Instant, serial: Serial) {
        self.advance(now);
        self.sessions.insert(serial);
        match self.active.get(&serial) {
            Some(&job) => {
                if let Some(index) = self.jobs.get(&job).and_then(|job| job.index_of(serial)) {
                    self.apply(job, index, Event::SessionOpened);
                }
            }
            None => self.offer(serial),
        }
        self.fire();
    }

    /// A device sent something in its session that is no answer yet, such as a part of a large object.
    pub fn handle_session_heard(&mut self, now: Instant, serial: Serial) {
        self.advance(now);
        self.apply_to_active(serial, Event::Heard);
        self.fire();
    }

    /// The session of a device is over. What it has not answered it will not answer any more.
    pub fn handle_session_closed(&mut self, now: Instant, serial: Serial, end: SessionEnd) {
        self.advance(now);
        self.drop_session(serial);
        self.apply_to_active(serial, Event::SessionClosed(end));
        self.fire();
    }

    /// A device answered one operation of an attempt. What is late, repeated or was never asked is counted and
    /// dropped.
    pub fn handle_answer(&mut self, now: Instant, ticket: Ticket, op: u16, answer: Answer<'_>) {
        self.advance(now);
        if !self.answer(ticket, op, &answer) {
            self.count_late(ticket.job);
        }
        self.fire();
    }

    /// An operation that was handed out for delivery never left: the session ended before its turn. Said before the
    /// end of the session is, it keeps the target out of doubt about what cannot have run.
    pub fn handle_not_sent(&mut self, now: Instant, ticket: Ticket, op: u16) {
        self.advance(now);
        if let Some(index) = self.current(ticket)
            && let Some(job) = self.jobs.get_mut(&ticket.job)
            && let Some(&known) = job.ops.get(usize::from(op))
            && let Some(ledger) = job.targets[index as usize].ledger.as_mut()
        {
            ledger.recall_one(op, known);
        } else {
            self.count_late(ticket.job);
        }
        self.fire();
    }

    /// A device is attached now, or detached.
    pub fn handle_presence(&mut self, now: Instant, serial: Serial, attached: bool) {
        self.advance(now);
        let event = if attached { Event::Attached } else { Event::Detached };
        let mut next = self.open.first().copied();
        while let Some(number) = next {
            if let Some(job) = self.jobs.get_mut(&number)
                && let Some(index) = job.index_of(serial)
            {
                job.targets[index as usize].away = !attached;
                if job.state != JobState::Draft {
                    self.apply(number, index, event);
                }
            }
            next = after(&self.open, number);
        }
        self.fire();
    }

    /// Takes note of the time.
    pub fn handle_tick(&mut self, now: Instant) {
        self.advance(now);
        self.fire();
    }

    /// The next thing to do or to know; [`FanoutOutput::Wait`] when there is nothing left.
    pub fn poll_output(&mut self) -> FanoutOutput {
        while let Some(ticket) = self.deliver.pop_front() {
            if let Some(ops) = self.deliver(ticket) {
                return FanoutOutput::Deliver { ticket, ops };
            }
        }
        if let Some(serial) = self.aborts.pop_front() {
            return FanoutOutput::Abort { serial };
        }
        if let Some(output) = self.dispatch() {
            return output;
        }
        while let Some(number) = self.ended.pop_front() {
            self.changed.remove(&number);
            // A job that was removed meanwhile has nothing to tell.
            if let Some(result) = self.jobs.get(&number).and_then(|job| job.result) {
                return FanoutOutput::JobEnded { job: number, result };
            }
        }
        if let Some(job) = self.changed.pop_first() {
            return FanoutOutput::JobChanged { job };
        }
        FanoutOutput::Wait(self.deadlines.first().map(|&(at, _)| at))
    }

    /// A job.
    #[must_use]
    pub fn job(&self, number: JobNo) -> Option<JobView<'_>> {
        self.jobs.get(&number).map(|job| JobView { number, job })
    }

    /// The job an owner knows by this key.
    #[must_use]
    pub fn find(&self, owner: &ServerId, key: &JobKey) -> Option<JobNo> {
        // Two copies of short texts, so that the index needs no borrowed form of its key.
        self.by_key.get(&(owner.clone(), key.clone())).copied()
    }

    /// All jobs, in the order they were added.
    pub fn jobs(&self) -> impl DoubleEndedIterator<Item = JobView<'_>> + ExactSizeIterator {
        self.jobs.iter().map(|(&number, job)| JobView { number, job })
    }

    /// The attempt a device is in flight for.
    #[must_use]
    pub fn ticket_of(&self, serial: Serial) -> Option<Ticket> {
        let number = *self.active.get(&serial)?;
        let job = self.jobs.get(&number)?;
        let target = &job.targets[job.index_of(serial)? as usize];
        Some(Ticket::new(number, serial, target.tries))
    }

    /// Devices in flight over all jobs.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.active.len()
    }

    /// Reports and answers that came too late, came twice, or belonged to nothing; they had no effect.
    #[must_use]
    pub const fn late(&self) -> u64 {
        self.late
    }

    /// How much the fanout takes on.
    #[must_use]
    pub const fn limits(&self) -> &FanoutLimits {
        &self.limits
    }

    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    fn add(&mut self, spec: JobSpec) -> Result<JobNo, JobError> {
        let JobSpec { owner, key, targets, detached, ops, policy } = spec;
        if let Some(job) = self.find(&owner, &key) {
            return Err(JobErrorKind::JobExists { job }.into());
        }
        if ops.is_empty() {
            return Err(JobErrorKind::NoOperations.into());
        }
        let FanoutLimits { max_ops, max_targets, max_jobs, .. } = self.limits;
        if ops.len() > usize::from(max_ops) {
            return Err(JobErrorKind::TooManyOperations { max: max_ops }.into());
        }
        if targets.len() > max_targets as usize {
            return Err(JobErrorKind::TooManyTargets { max: max_targets }.into());
        }
        let number = JobNo::new(self.next);
        let Some(next) = self.next.checked_add(1).filter(|_| self.jobs.len() < max_jobs as usize) else {
            return Err(JobErrorKind::TooManyJobs.into());
        };
        self.next = next;
        let targets: Box<[Target]> = targets
            .into_iter()
            .map(|serial| Target::new(serial, detached.binary_search(&serial).is_ok(), self.now))
            .collect();
        let mut counts = [0; TargetState::COUNT];
        let open = targets.len() as u32; // at most `max_targets`
        counts[TargetState::Queued.index()] = open;
        self.by_key.insert((owner.clone(), key.clone()), number);
        self.open.insert(number);
        self.changed.insert(number);
        let job = Job {
            owner,
            key,
            ops: ops.into(),
            policy,
            state: JobState::Draft,
            expired: false,
            ends_at: None,
            result: None,
            targets,
            counts,
            open,
            in_flight: 0,
            queue: BTreeSet::new(),
            ready: BTreeSet::new(),
            stored: 0,
            late: 0,
            rev: 1,
        };
        self.jobs.insert(number, job);
        Ok(number)
    }

    fn start(&mut self, number: JobNo) -> Result<OrderReply, JobError> {
        let job = self.jobs.get_mut(&number).ok_or(JobErrorKind::UnknownJob)?;
        if job.state != JobState::Draft {
            return Ok(OrderReply::AlreadyDone);
        }
        let ends_at = self.now + job.policy.job_time;
        job.state = JobState::Running;
        job.ends_at = Some(ends_at);
        job.rev += 1;
        self.changed.insert(number);
        self.deadlines.insert((ends_at, Timer::Job(number)));
        for index in 0..job.targets.len() as u32 {
            self.enqueue(number, index);
            self.apply(number, index, Event::Released);
        }
        self.end_if_done(number);
        Ok(OrderReply::Accepted)
    }

    fn cancel(&mut self, number: JobNo) -> Result<OrderReply, JobError> {
        let job = self.jobs.get_mut(&number).ok_or(JobErrorKind::UnknownJob)?;
        if job.state.is_over() || job.state == JobState::Cancelling {
            return Ok(OrderReply::AlreadyDone);
        }
        job.state = JobState::Cancelling;
        job.rev += 1;
        self.changed.insert(number);
        for index in 0..job.targets.len() as u32 {
            self.apply(number, index, Event::Cancelled);
        }
        self.end_if_done(number);
        Ok(OrderReply::Accepted)
    }

    fn remove(&mut self, number: JobNo) -> Result<(), JobError> {
        let job = self.jobs.get(&number).ok_or(JobErrorKind::UnknownJob)?;
        if !job.state.is_over() && job.state != JobState::Draft {
            return Err(JobErrorKind::WrongState.into());
        }
        self.stored -= job.stored;
        self.by_key.remove(&(job.owner.clone(), job.key.clone()));
        self.open.remove(&number);
        self.changed.remove(&number);
        self.jobs.remove(&number);
        Ok(())
    }

    /// A report about an attempt: applied if the attempt is under way, else counted.
    fn report(&mut self, now: Instant, ticket: Ticket, event: Event) {
        self.advance(now);
        match self.current(ticket) {
            Some(index) => self.apply(ticket.job, index, event),
            None => self.count_late(ticket.job),
        }
        self.fire();
    }

    fn answer(&mut self, ticket: Ticket, op: u16, answer: &Answer<'_>) -> bool {
        let FanoutLimits { max_result, max_stored, .. } = self.limits;
        let Some(index) = self.current(ticket) else { return false };
        let Some(job) = self.jobs.get_mut(&ticket.job) else { return false };
        let Some(&known) = job.ops.get(usize::from(op)) else { return false };
        let Some(ledger) = job.targets[index as usize].ledger.as_mut() else { return false };
        let room_in_all = u32::try_from(max_stored.saturating_sub(self.stored)).unwrap_or(u32::MAX);
        let room = max_result.saturating_sub(ledger.used()).min(room_in_all);
        let Some(used) = ledger.answer(op, known, answer, room) else { return false };
        job.stored += u64::from(used);
        self.stored += u64::from(used);
        let Work { left, outstanding, .. } = ledger.work();
        job.rev += 1;
        self.changed.insert(ticket.job);
        self.apply(ticket.job, index, Event::Answered);
        if left > 0 && outstanding == 0 {
            self.deliver.push_back(ticket);
        }
        true
    }

    /// The target of an attempt that is under way.
    fn current(&self, ticket: Ticket) -> Option<u32> {
        let job = self.jobs.get(&ticket.job)?;
        let index = job.index_of(ticket.serial)?;
        let target = &job.targets[index as usize];
        (target.tries == ticket.attempt && target.stage.state().is_in_flight()).then_some(index)
    }

    fn count_late(&mut self, number: JobNo) {
        self.late += 1;
        if let Some(job) = self.jobs.get_mut(&number) {
            job.late += 1;
        }
    }

    fn apply_to_active(&mut self, serial: Serial, event: Event) {
        if let Some(&number) = self.active.get(&serial)
            && let Some(index) = self.jobs.get(&number).and_then(|job| job.index_of(serial))
        {
            self.apply(number, index, event);
        }
    }

    /// Moves one target, and keeps every index in step with it.
    fn apply(&mut self, number: JobNo, index: u32, event: Event) {
        let Some(job) = self.jobs.get_mut(&number) else { return };
        let cancelling = job.state == JobState::Cancelling;
        let target = &mut job.targets[index as usize];
        if let (Event::Denied(_) | Event::SessionClosed(SessionEnd::Refused(_)), Some(ledger)) =
            (event, target.ledger.as_mut())
        {
            ledger.recall(&job.ops);
        }
        let work = match &target.ledger {
            Some(ledger) => ledger.work(),
            None => Work::untouched(job.ops.len() as u16), // at most `max_ops`
        };
        let Target { serial, tries, away, met, stage: old, .. } = *target;
        let facts = Facts { now: self.now, policy: &job.policy, tries, away, met, cancelling, work };
        let new = old.step(event, &facts);
        if new == old {
            target.cancelled |= cancelling && old.state().is_in_flight();
            return;
        }
        if let Some(until) = old.until() {
            self.deadlines.remove(&(until, Timer::Target(number, index)));
        }
        if let Some(until) = new.until() {
            self.deadlines.insert((until, Timer::Target(number, index)));
        }
        target.stage = new;
        let (was, is) = (old.state(), new.state());
        if was == is {
            return;
        }
        target.since = self.now;
        job.counts[was.index()] -= 1;
        job.counts[is.index()] += 1;
        job.rev += 1;
        self.changed.insert(number);
        if !was.is_in_flight() {
            job.queue.remove(&(tries, index));
            job.ready.remove(&index);
        }
        if is.is_in_flight() && !was.is_in_flight() {
            target.tries += 1;
            job.in_flight += 1;
            self.active.insert(serial, number);
        }
        if is == TargetState::InSession {
            target.met = true;
            self.deliver.push_back(Ticket::new(number, serial, target.tries));
        }
        if is.is_terminal() {
            job.open -= 1;
        }
        if was.is_in_flight() && !is.is_in_flight() {
            if let Some(ledger) = target.ledger.as_mut() {
                ledger.lose();
            }
            job.in_flight -= 1;
            self.active.remove(&serial);
            if was == TargetState::InSession && event == Event::Due {
                self.aborts.push_back(serial);
                self.drop_session(serial);
            }
            self.offer(serial);
        } else if !is.is_terminal() && !is.is_in_flight() {
            self.enqueue(number, index);
        }
        self.refresh(number);
        self.end_if_done(number);
    }

    /// A device is free: every job that waits for it may have it, in its session if there is one.
    fn offer(&mut self, serial: Serial) {
        let mut next = self.open.first().copied();
        while let Some(number) = next {
            if let Some(index) = self.jobs.get(&number).and_then(|job| job.index_of(serial)) {
                self.enqueue(number, index);
            }
            next = after(&self.open, number);
        }
    }

    /// Puts a waiting target where the dispatcher finds it.
    fn enqueue(&mut self, number: JobNo, index: u32) {
        let Some(job) = self.jobs.get_mut(&number).filter(|job| job.state == JobState::Running) else {
            return;
        };
        let target = &job.targets[index as usize];
        let state = target.stage.state();
        if state.is_terminal() || state.is_in_flight() {
            return;
        }
        if state == TargetState::Queued {
            job.queue.insert((target.tries, index));
        }
        if self.sessions.contains(&target.serial) {
            job.ready.insert(index);
        }
        self.refresh(number);
    }

    /// There is no session with this device any more.
    fn drop_session(&mut self, serial: Serial) {
        if !self.sessions.remove(&serial) {
            return;
        }
        let mut next = self.open.first().copied();
        while let Some(number) = next {
            if let Some(job) = self.jobs.get_mut(&number)
                && let Some(index) = job.index_of(serial)
                && job.ready.remove(&index)
            {
                self.refresh(number);
            }
            next = after(&self.open, number);
        }
    }

    /// Keeps a job among the runnable ones while it has room and somebody to serve.
    fn refresh(&mut self, number: JobNo) {
        let Some(job) = self.jobs.get(&number) else { return };
        let room = job.state == JobState::Running && job.in_flight < job.policy.window.max(1);
        keep(&mut self.runnable_ready, number, room && !job.ready.is_empty());
        keep(&mut self.runnable, number, room && !job.queue.is_empty());
    }

    /// Starts the next attempt there is a slot for: first where a session waits, then the jobs in turn.
    fn dispatch(&mut self) -> Option<FanoutOutput> {
        while self.active.len() < self.limits.window as usize {
            let ready = self.runnable_ready.first().copied();
            let number =
                ready.or_else(|| after(&self.runnable, self.turn).or(self.runnable.first().copied()))?;
            let job = self.jobs.get_mut(&number)?;
            let index = match ready {
                Some(_) => *job.ready.first()?,
                None => job.queue.first()?.1,
            };
            let Target { serial, tries, .. } = job.targets[index as usize];
            if self.active.contains_key(&serial) {
                // Busy with another job; offered again when that is done.
                job.ready.remove(&index);
                job.queue.remove(&(tries, index));
                self.refresh(number);
                continue;
            }
            if self.sessions.contains(&serial) {
                self.apply(number, index, Event::SessionOpened);
                if let Some(ticket) = self.deliver.pop_back()
                    && let Some(ops) = self.deliver(ticket)
                {
                    return Some(FanoutOutput::Deliver { ticket, ops });
                }
                continue;
            }
            self.turn = number;
            self.apply(number, index, Event::Dispatched);
            return Some(FanoutOutput::Notify { ticket: Ticket::new(number, serial, tries + 1) });
        }
        None
    }

    /// The operations an attempt in session has to deliver, which count as delivered from here on.
    fn deliver(&mut self, ticket: Ticket) -> Option<Range<u16>> {
        let index = self.current(ticket)?;
        let job = self.jobs.get_mut(&ticket.job)?;
        let target = &mut job.targets[index as usize];
        if target.stage.state() != TargetState::InSession || job.state != JobState::Running {
            return None;
        }
        let ops = job.ops.len() as u16; // at most `max_ops`
        target.ledger.get_or_insert_with(|| Box::new(Ledger::new(ops))).deliver(&job.ops)
    }

    /// Lets everything happen that was due by now.
    fn fire(&mut self) {
        while let Some(&(at, timer)) = self.deadlines.first()
            && at <= self.now
        {
            self.deadlines.pop_first();
            match timer {
                Timer::Target(number, index) => self.apply(number, index, Event::Due),
                Timer::Job(number) => self.expire(number),
            }
        }
    }

    fn expire(&mut self, number: JobNo) {
        let Some(job) = self.jobs.get_mut(&number) else { return };
        job.expired = true;
        for index in 0..job.targets.len() as u32 {
            self.apply(number, index, Event::JobTimeUp);
        }
        self.end_if_done(number);
    }

    fn end_if_done(&mut self, number: JobNo) {
        let Some(job) = self.jobs.get_mut(&number).filter(|job| job.open == 0) else { return };
        let end = match job.state {
            JobState::Running if job.expired => JobState::Expired,
            JobState::Running => JobState::Completed,
            JobState::Cancelling => JobState::Cancelled,
            // A draft without targets is still a draft; what is over stays over.
            _ => return,
        };
        job.state = end;
        job.result = Some(Counters::new(&job.counts).result());
        job.rev += 1;
        if let Some(ends_at) = job.ends_at.take() {
            self.deadlines.remove(&(ends_at, Timer::Job(number)));
        }
        self.open.remove(&number);
        self.ended.push_back(number);
        self.refresh(number);
    }
}

/// The next member of a set after this one.
fn after(set: &BTreeSet<JobNo>, number: JobNo) -> Option<JobNo> {
    set.range((Bound::Excluded(number), Bound::Unbounded)).next().copied()
}

fn keep(set: &mut BTreeSet<JobNo>, number: JobNo, member: bool) {
    if member {
        set.insert(number);
    } else {
        set.remove(&number);
    }
}
