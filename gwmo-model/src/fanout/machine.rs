//! The machine: several jobs, one window, one order of deadlines.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::ops::Range;
use core::time::Duration;

use dm_syncml::{Instant, Journal, RecordSeq};
use dm_tree::ServerId;

use super::audit::Audit;
use super::code::ResultCode;
use super::contention::{Contention, Places};
use super::entry::{Job, JobView};
use super::in_flight::Devices;
use super::job::{JobKey, JobNo, JobSpec, OrderReply, StartOptions, Ticket};
use super::limits::FanoutLimits;
use super::lives::Lives;
use super::output::FanoutOutput;
use super::policy::Policy;
use super::record::{FanoutRecord, Step};
use super::retry::Which;
use super::target::TargetState;
use super::turns::{Line, Turns};
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
/// **Restarts.** What must survive one comes out as [`FanoutOutput::Persist`], and an effect comes out only after the
/// record it rests on was stored ([`handle_persisted`](Self::handle_persisted)). [`snapshot`](Self::snapshot) and the
/// records after it make the same fanout again ([`restore`](Self::restore)). What was in flight then is begun anew,
/// except for operations that may have run and must not run twice.
///
/// **Fairness.** Servers take turns, and the jobs of a server do; a turn is one device.
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
///         // Nothing here is to survive a restart, so everything counts as stored.
///         FanoutOutput::Persist(seq, _) => fanout.handle_persisted(now, seq),
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
/// **Bounds.** Work per input depends neither on the number of targets nor on that of jobs; what is about a device rather
/// than an attempt is told to the jobs that have it among their targets, and costs what these are. Ordering, cancelling,
/// stopping and expiring a job, and joining one, are linear in its targets. A target takes 24 octets, some 70 more while it
/// is under way, and more afterwards only if its outcome is not like others; with more than a few jobs at a time some 30 more
/// tell which jobs a device belongs to. Memory is bounded by [`FanoutLimits`], the number of open sessions and that of
/// sleeping devices.
#[derive(Debug)]
pub struct Fanout {
    pub(super) limits: FanoutLimits,
    pub(super) gateway: Option<ServerId>,
    pub(super) seed: u64,
    pub(super) now: Instant,
    pub(super) next: u32,
    /// Ascending by number, like `jobs`.
    pub(super) numbers: Vec<JobNo>,
    pub(super) jobs: Vec<Job>,
    pub(super) by_key: BTreeMap<(ServerId, JobKey), JobNo>,
    /// Not kept while there is one job only.
    pub(super) turns: Turns,
    /// Jobs with room that may have targets whose device is free and in session; not kept while there is one job only.
    pub(super) ready: Line<JobNo>,
    pub(super) contention: Contention,
    pub(super) places: Places,
    /// When something is due for a target of a job, or later: corrected when it is the first.
    pub(super) alarms: BTreeSet<(Instant, JobNo)>,
    pub(super) lives: Lives,
    pub(super) devices: Devices,
    pub(super) asleep: BTreeMap<Serial, Instant>,
    pub(super) odd: BTreeSet<(Instant, Timer)>,
    /// Nothing is due before this.
    pub(super) earliest: Option<Instant>,
    pub(super) in_flight: u32,
    /// Nothing can be begun with before something happens.
    pub(super) idle: bool,
    /// Jobs from whose targets something may follow.
    pub(super) unsettled: Vec<JobNo>,
    /// Attempts that may have operations to deliver.
    pub(super) deliver: VecDeque<Ticket>,
    pub(super) aborts: VecDeque<Serial>,
    pub(super) audits: VecDeque<Audit>,
    pub(super) changed: VecDeque<JobNo>,
    pub(super) journal: Journal<FanoutRecord, Held>,
    /// A job has ended since memory was given back.
    pub(super) relaxes: bool,
    pub(super) stored: u64,
    pub(super) late: u64,
}

/// Deadlines of any length. Targets before jobs: at the same instant a target's own verdict is the more telling one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Timer {
    Wake(Serial),
    Target(JobNo, Serial),
    Job(JobNo),
}

/// What waits for its record.
#[derive(Clone, Debug)]
pub(super) enum Held {
    Notify(Ticket),
    Deliver(Ticket, Range<u16>),
    JobEnded(JobNo, u16),
    JobRemoved(JobNo),
}

impl Fanout {
    /// No jobs yet.
    #[must_use]
    pub fn new(limits: FanoutLimits) -> Self {
        Self {
            limits: limits.with_window(limits.window.max(1)),
            gateway: None,
            seed: 0,
            now: Instant::EPOCH,
            next: 1,
            numbers: Vec::new(),
            jobs: Vec::new(),
            by_key: BTreeMap::new(),
            turns: Turns::default(),
            ready: Line::default(),
            contention: Contention::default(),
            places: Places::default(),
            alarms: BTreeSet::new(),
            lives: Lives::default(),
            devices: Devices::default(),
            asleep: BTreeMap::new(),
            odd: BTreeSet::new(),
            earliest: None,
            in_flight: 0,
            idle: true,
            unsettled: Vec::new(),
            deliver: VecDeque::new(),
            aborts: VecDeque::new(),
            audits: VecDeque::new(),
            changed: VecDeque::new(),
            journal: Journal::new(),
            relaxes: false,
            stored: 0,
            late: 0,
        }
    }

    /// Names the gateway, so that a job that has been here before is refused.
    #[must_use]
    pub fn with_gateway(mut self, gateway: ServerId) -> Self {
        self.gateway = Some(gateway);
        self
    }

    /// Sets what the pauses of devices that come back are drawn from
    /// ([`Policy::release_jitter`](crate::Policy::release_jitter)). The same seed gives the same pauses. Default 0.
    #[must_use]
    pub const fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Adds a job as a draft. Nothing is sent before it is started.
    ///
    /// # Errors
    ///
    /// When the owner has a job with this key ([`JobErrorKind::JobExists`] names it), a limit is exceeded, or the job
    /// comes from this gateway or through too many.
    pub fn handle_add(&mut self, now: Instant, spec: JobSpec) -> Result<JobNo, JobError> {
        self.advance(now);
        let added = self.add(spec);
        self.finish();
        added
    }

    /// Starts a draft at once. Starting a job again changes nothing.
    ///
    /// # Errors
    ///
    /// When there is no such job.
    pub fn handle_start(&mut self, now: Instant, job: JobNo) -> Result<OrderReply, JobError> {
        self.handle_start_with(now, job, StartOptions::default())
    }

    /// Starts a draft at some time, or when something is there. Starting a job again changes nothing.
    ///
    /// # Errors
    ///
    /// When there is no such job.
    pub fn handle_start_with(
        &mut self,
        now: Instant,
        job: JobNo,
        options: StartOptions,
    ) -> Result<OrderReply, JobError> {
        self.advance(now);
        let reply = self.start(job, options);
        self.finish();
        reply
    }

    /// A scheduled job starts when this much time is over, rather than when it was said before: the wall clock was
    /// set.
    ///
    /// # Errors
    ///
    /// When there is no such job, or it is not scheduled.
    pub fn handle_reschedule(&mut self, now: Instant, job: JobNo, rest: Duration) -> Result<(), JobError> {
        self.advance(now);
        let done = self.reschedule(job, rest);
        self.finish();
        done
    }

    /// What a job waited for is there, or cannot be had: then the job is over with this code, and no device was
    /// touched.
    ///
    /// # Errors
    ///
    /// When there is no such job, or it does not wait for anything.
    pub fn handle_gate(
        &mut self,
        now: Instant,
        job: JobNo,
        verdict: Result<(), ResultCode>,
    ) -> Result<(), JobError> {
        self.advance(now);
        let done = self.gate(job, verdict);
        self.finish();
        done
    }

    /// Begins with no further device of a job; those in flight go on, and so does the time of the job.
    ///
    /// # Errors
    ///
    /// When there is no such job, or it is not running.
    pub fn handle_pause(&mut self, now: Instant, job: JobNo) -> Result<OrderReply, JobError> {
        self.advance(now);
        let reply = self.pause(job);
        self.finish();
        reply
    }

    /// Goes on with a paused job. One that was paused for its failures is not paused for them again in this round.
    ///
    /// # Errors
    ///
    /// When there is no such job, or it is neither paused nor running.
    pub fn handle_resume(&mut self, now: Instant, job: JobNo) -> Result<OrderReply, JobError> {
        self.advance(now);
        let reply = self.resume(job);
        self.finish();
        reply
    }

    /// Cancels a job: nothing more is sent for it. A device that was delivered something may still answer or time
    /// out, and its outcome is what it is; all others end at once. Cancelling a job again, or one that is over,
    /// changes nothing.
    ///
    /// # Errors
    ///
    /// When there is no such job.
    pub fn handle_cancel(&mut self, now: Instant, job: JobNo) -> Result<OrderReply, JobError> {
        self.advance(now);
        let reply = self.cancel(job, ResultCode::CANCELLED);
        self.finish();
        reply
    }

    /// A server may not reach any device any more: its jobs that are scheduled or under way end as they do when they
    /// are cancelled, but as [aborted](crate::JobState::Aborted) and with code 1406; how many those are. Its drafts stay.
    pub fn handle_revoked(&mut self, now: Instant, owner: &ServerId) -> u32 {
        self.advance(now);
        let count = self.revoke(owner);
        self.finish();
        count
    }

    /// Tries targets of a job that is over once more, as a new round with the whole time of the job; how many those
    /// are. What became of them before is kept until the new outcome replaces it. No targets, no round.
    ///
    /// # Errors
    ///
    /// When there is no such job, or it is not over.
    pub fn handle_retry(&mut self, now: Instant, job: JobNo, which: &Which) -> Result<u32, JobError> {
        self.advance(now);
        let count = self.retry(job, which);
        self.finish();
        count
    }

    /// A device joins a job with live targets that is not over. One that is a target already stays what it is.
    ///
    /// # Errors
    ///
    /// When there is no such job, it is over or its targets are fixed, or it has too many targets.
    pub fn handle_joined(
        &mut self,
        now: Instant,
        job: JobNo,
        serial: Serial,
        attached: bool,
    ) -> Result<(), JobError> {
        self.advance(now);
        let joined = self.join(job, serial, attached);
        self.finish();
        joined
    }

    /// Somebody has taken note of the end of this round: it is not told again after a restart, and the job may make
    /// room for others.
    pub fn handle_reported(&mut self, now: Instant, job: JobNo, round: u16) {
        self.advance(now);
        if let Some(at) = self.position(job)
            && self.jobs[at].round == round
            && self.jobs[at].state.is_over()
            && !self.jobs[at].reported
        {
            self.jobs[at].reported = true;
            self.record(Step::Reported(job));
        }
        self.finish();
    }

    /// Removes a job with its records: a draft, or one that is over. Its key may be used again.
    ///
    /// # Errors
    ///
    /// When there is no such job, or it is being worked on.
    pub fn handle_remove(&mut self, now: Instant, job: JobNo) -> Result<(), JobError> {
        self.advance(now);
        let removed = self.remove(job);
        self.finish();
        removed
    }

    /// Changes the window over all jobs; devices that are in flight beyond it are left to finish. Not recorded: it
    /// belongs to the limits, which whoever restores a fanout names again.
    pub fn handle_window(&mut self, now: Instant, window: u32) {
        self.advance(now);
        self.limits.window = window.max(1);
        self.idle = false;
        self.finish();
    }

    /// Changes the window of one job that is not over.
    ///
    /// # Errors
    ///
    /// When there is no such job, or it is over.
    pub fn handle_job_window(&mut self, now: Instant, job: JobNo, window: u32) -> Result<(), JobError> {
        self.handle_policy(now, job, |policy| policy.window = window.max(1))
    }

    /// Changes what may be changed of the policy of a job that is not over: window, rate, stages, threshold, and how
    /// long results are kept. The rest stays as it was when the job was added, unless it is a draft.
    ///
    /// # Errors
    ///
    /// When there is no such job, or it is over.
    pub fn handle_policy(
        &mut self,
        now: Instant,
        job: JobNo,
        change: impl FnOnce(&mut Policy),
    ) -> Result<(), JobError> {
        self.advance(now);
        let changed = self.adjust(job, change);
        self.finish();
        changed
    }

    /// Takes note of the time.
    pub fn handle_tick(&mut self, now: Instant) {
        self.advance(now);
        self.finish();
    }

    /// Everything up to this record is stored.
    pub fn handle_persisted(&mut self, now: Instant, seq: RecordSeq) {
        self.now = self.now.max(now);
        self.journal.persisted(seq);
    }

    /// The next thing to do or to know; [`FanoutOutput::Wait`] when there is nothing left.
    pub fn poll_output(&mut self) -> FanoutOutput {
        if let Some((seq, record)) = self.journal.next_record() {
            return FanoutOutput::Persist(seq, record);
        }
        self.poll_others()
    }

    /// What comes after the records there are.
    fn poll_others(&mut self) -> FanoutOutput {
        loop {
            if let Some((seq, record)) = self.journal.next_record() {
                return FanoutOutput::Persist(seq, record);
            }
            while let Some(held) = self.journal.next_released() {
                if let Some(output) = self.release(held) {
                    return output;
                }
            }
            if let Some(serial) = self.aborts.pop_front() {
                return FanoutOutput::Abort { serial };
            }
            if let Some(audit) = self.audits.pop_front() {
                return FanoutOutput::Audit(audit);
            }
            if !self.decide() {
                break;
            }
        }
        while let Some(job) = self.changed.pop_front() {
            if let Some(at) = self.position(job)
                && core::mem::take(&mut self.jobs[at].changed)
            {
                return FanoutOutput::JobChanged { job };
            }
        }
        if core::mem::take(&mut self.relaxes) {
            self.relax();
        }
        FanoutOutput::Wait(self.soonest())
    }

    /// Gives back the memory that a job needed while it was under way.
    fn relax(&mut self) {
        self.lives.relax();
        self.devices.relax();
        self.journal.shrink_to_fit();
        self.deliver.shrink_to_fit();
        self.aborts.shrink_to_fit();
        self.audits.shrink_to_fit();
    }

    /// A job.
    #[must_use]
    pub fn job(&self, number: JobNo) -> Option<JobView<'_>> {
        Some(JobView { lives: &self.lives, job: &self.jobs[self.position(number)?] })
    }

    /// The job an owner knows by this key.
    #[must_use]
    pub fn find(&self, owner: &ServerId, key: &JobKey) -> Option<JobNo> {
        // Two copies of short texts, so that the index needs no borrowed form of its key.
        self.by_key.get(&(owner.clone(), key.clone())).copied()
    }

    /// All jobs, in the order they were added.
    pub fn jobs(&self) -> impl DoubleEndedIterator<Item = JobView<'_>> + ExactSizeIterator {
        self.jobs.iter().map(|job| JobView { lives: &self.lives, job })
    }

    /// The attempt a device is in flight for.
    #[must_use]
    pub fn ticket_of(&self, serial: Serial) -> Option<Ticket> {
        let live = self.lives.get(self.devices.live(serial)?);
        let job = &self.jobs[self.position(live.job)?];
        Some(Ticket::new(live.job, serial, job.targets[live.index as usize].tries))
    }

    /// Devices in flight over all jobs.
    #[must_use]
    pub const fn in_flight(&self) -> usize {
        self.in_flight as usize
    }

    /// Reports and answers that came too late, came twice, or belonged to nothing; they had no effect.
    #[must_use]
    pub const fn late(&self) -> u64 {
        self.late
    }

    /// Outputs that wait for a record to be stored.
    #[must_use]
    pub fn held(&self) -> usize {
        self.journal.waiting().len()
    }

    /// How much it takes on, with the window as it is now.
    #[must_use]
    pub const fn limits(&self) -> &FanoutLimits {
        &self.limits
    }

    /// Clocks that step back do no harm.
    pub(super) fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// Lets everything happen that was due by now, and follow from what happened.
    pub(super) fn finish(&mut self) {
        loop {
            // What has ended has ended, before anything else is due.
            if !self.unsettled.is_empty() {
                self.settle();
            } else if self.earliest.is_none_or(|at| at > self.now) || !self.fire() {
                return;
            }
        }
    }

    /// An effect whose record is stored, if it still makes sense.
    fn release(&mut self, held: Held) -> Option<FanoutOutput> {
        Some(match held {
            Held::Notify(ticket) => {
                let (at, index) = self.current(ticket)?;
                if self.jobs[at].targets[index as usize].state != TargetState::Notifying {
                    return None;
                }
                FanoutOutput::Notify { ticket }
            }
            Held::Deliver(ticket, ops) => {
                let (at, index) = self.current(ticket)?;
                let live = self.jobs[at].targets[index as usize].live()?;
                if !core::mem::take(&mut self.lives.get_mut(live).held) {
                    return None;
                }
                self.start_clock(at, live, TargetState::InSession, Duration::ZERO);
                FanoutOutput::Deliver { ticket, ops }
            }
            Held::JobEnded(job, round) => {
                let at = self.position(job)?;
                if self.jobs[at].round != round {
                    return None;
                }
                FanoutOutput::JobEnded { job, round, result: self.jobs[at].result? }
            }
            Held::JobRemoved(job) => FanoutOutput::JobRemoved { job },
        })
    }

    pub(super) fn position(&self, number: JobNo) -> Option<usize> {
        self.numbers.binary_search(&number).ok()
    }

    #[inline]
    pub(super) fn record(&mut self, step: Step) {
        self.journal.record(FanoutRecord(step));
    }

    /// Something about a job is to be told.
    pub(super) fn touch(&mut self, at: usize) {
        let job = &mut self.jobs[at];
        job.rev += 1;
        if !job.changed {
            job.changed = true;
            self.changed.push_back(job.number);
        }
    }

    pub(super) fn known(&self, job: JobNo) -> Result<usize, JobError> {
        self.position(job).ok_or_else(|| JobErrorKind::UnknownJob.into())
    }

    pub(super) fn audit(&mut self, audit: Audit) {
        if self.limits.audit {
            self.audits.push_back(audit);
        }
    }
}
