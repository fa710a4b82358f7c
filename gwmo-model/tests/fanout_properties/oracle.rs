//! What a fanout should do, written as plainly as possible: every question is answered by looking at everything.

use alloc::collections::{BTreeMap, BTreeSet};
use core::ops::Range;
use core::time::Duration;

use dm_syncml::{Instant, StatusCode};
use gwmo_model::{
    Fanout, FanoutOutput, JobNo, JobState, Offline, OnLimit, Op, OpClass, OrderReply, Policy, Serial,
    SessionEnd, TargetState, Ticket, UnsafePolicy,
};

#[expect(clippy::large_enum_variant, reason = "a policy is passed around once in a test")]
#[derive(Debug)]
pub(crate) enum Input {
    Add { job: Option<JobNo>, targets: Vec<Serial>, away: Vec<Serial>, ops: Vec<Op>, policy: Policy },
    Start(JobNo, Option<OrderReply>),
    Cancel(JobNo, Option<OrderReply>),
    Pause(JobNo, Option<OrderReply>),
    Resume(JobNo, Option<OrderReply>),
    Remove(JobNo, bool),
    NotifySent(Ticket),
    NotifyFailed(Ticket),
    Denied(Ticket),
    Answer { ticket: Ticket, op: u16, status: StatusCode, same_value: bool },
    Opened(Serial),
    Heard(Serial),
    Closed(Serial, SessionEnd),
    Presence(Serial, bool),
    Window(u32),
    JobWindow(JobNo, u32, bool),
    Tick,
}

pub(crate) struct Oracle {
    now: Instant,
    window: u32,
    max_jobs: usize,
    jobs: BTreeMap<JobNo, Job>,
    sessions: BTreeSet<Serial>,
    aborts: BTreeSet<Serial>,
    late: u64,
    /// Clocks that were started.
    armed: u64,
}

struct Job {
    state: JobState,
    policy: Policy,
    ops: Vec<Op>,
    ends_at: Instant,
    announced: bool,
    /// The stage it is in, and how many targets may have been begun with.
    stage: u8,
    quota: u32,
    /// The targets it was started with.
    fixed: u32,
    limit_hit: bool,
    /// Why it was stopped.
    stopped: u16,
    /// Nobody is notified before.
    next_start: Instant,
    targets: BTreeMap<Serial, Target>,
}

impl Job {
    fn count(&self, which: impl Fn(&Target) -> bool) -> u32 {
        self.targets.values().filter(|target| which(target)).count() as u32
    }

    /// Whether this target may be begun with in this stage, or was.
    fn is_open_to(&self, target: &Target) -> bool {
        target.tries > 0 || self.count(|target| target.tries > 0) < self.quota
    }

    fn rate_allows(&self, now: Instant) -> bool {
        self.policy.rate == 0 || self.next_start <= now
    }

    fn stop(&mut self, code: u16) {
        self.state = JobState::Cancelling;
        self.stopped = code;
        for target in self.targets.values_mut().filter(|target| !target.terminal() && target.idle()) {
            target.end(&self.ops, S::Cancelled, code);
        }
    }
}

struct Target {
    state: TargetState,
    code: u16,
    tries: u16,
    until: Instant,
    /// The clock that runs, and when it was started among others: of those due at the same instant the first is first.
    clock: (u8, Instant),
    armed: u64,
    away: bool,
    met: bool,
    ops: Vec<OpLog>,
}

#[derive(Clone, Default)]
struct OpLog {
    /// In which attempts it was delivered.
    delivered: Vec<u16>,
    /// Delivered in this attempt and not answered.
    outstanding: bool,
    answer: Option<(StatusCode, bool)>,
}

use TargetState as S;

impl Target {
    fn terminal(&self) -> bool {
        !matches!(self.state, S::Queued | S::WaitAttach | S::Notifying | S::InSession | S::Backoff)
    }
    fn flying(&self) -> bool {
        matches!(self.state, S::Notifying | S::InSession)
    }
    fn waiting(&self) -> bool {
        matches!(self.state, S::Queued | S::WaitAttach | S::Backoff)
    }
    fn unknown(&self, ops: &[Op], only_unsafe: bool) -> bool {
        self.ops.iter().zip(ops).any(|(log, op)| {
            !log.delivered.is_empty()
                && log.answer.is_none()
                && (!only_unsafe || op.class() == OpClass::Unsafe)
        })
    }
    fn end(&mut self, ops: &[Op], wish: S, code: u16) {
        assert!(!self.terminal(), "I3: one end only");
        self.state = if self.unknown(ops, true) {
            S::Indeterminate
        } else if self.unknown(ops, false) {
            S::TimedOut
        } else {
            wish
        };
        self.code = code;
        self.ops.iter_mut().for_each(|log| log.outstanding = false);
    }
    fn line_up(&mut self, ops: &[Op], policy: &Policy) {
        self.state = S::Queued;
        if self.away && policy.offline == Offline::Wait {
            self.state = S::WaitAttach;
        }
        if self.away && policy.offline == Offline::Skip {
            self.end(ops, S::Skipped, 1410);
        }
    }
    /// The attempt came to nothing.
    fn fail(&mut self, now: Instant, ops: &[Op], policy: &Policy, cancelling: bool, code: u16) {
        let in_doubt = self.state == S::InSession && self.unknown(ops, true);
        self.ops.iter_mut().for_each(|log| log.outstanding = false);
        if in_doubt && policy.on_unsafe == UnsafePolicy::Indeterminate {
            self.end(ops, S::Indeterminate, code);
        } else if cancelling {
            self.end(ops, S::Cancelled, code);
        } else if u32::from(self.tries) < 1 + u32::from(policy.retries) {
            let mut pause = policy.retry_wait;
            for _ in 1..self.tries {
                pause = (pause * 2).min(policy.max_retry_wait);
            }
            self.state = S::Backoff;
            self.until = now + pause.min(policy.max_retry_wait);
        } else {
            self.end(ops, if self.met { S::TimedOut } else { S::Unreachable }, code);
        }
    }
    fn take_back(&mut self) {
        for log in self.ops.iter_mut().filter(|log| log.outstanding) {
            log.outstanding = false;
            log.delivered.pop();
        }
    }
    /// The first unanswered operations in a row that are not out.
    fn run(&self) -> Option<Range<u16>> {
        let due = |log: &OpLog| log.answer.is_none() && !log.outstanding;
        let start = self.ops.iter().position(due)?;
        let end = self.ops[start..].iter().position(|log| !due(log)).map_or(self.ops.len(), |n| start + n);
        Some(start as u16..end as u16)
    }
    fn idle(&self) -> bool {
        self.ops.iter().all(|log| !log.outstanding)
    }
}

fn good(op: Op, status: u16, replayed: bool, same_value: bool) -> bool {
    let plain = (200..300).contains(&status) && ![213, 214, 215, 216].contains(&status);
    let replay =
        replayed && (op == Op::delete() && status == 404 || op == Op::add() && status == 418 && same_value);
    plain || replay
}

impl Oracle {
    pub(crate) fn new(window: u32, max_jobs: u32) -> Self {
        Self {
            now: Instant::EPOCH,
            window,
            max_jobs: max_jobs as usize,
            jobs: BTreeMap::new(),
            sessions: BTreeSet::new(),
            aborts: BTreeSet::new(),
            late: 0,
            armed: 0,
        }
    }

    fn flying(&self) -> usize {
        self.jobs.values().flat_map(|job| job.targets.values()).filter(|target| target.flying()).count()
    }

    fn busy(&self, serial: Serial) -> bool {
        self.jobs.values().any(|job| job.targets.get(&serial).is_some_and(Target::flying))
    }

    fn room(&self, job: &Job) -> bool {
        let flying = job.targets.values().filter(|target| target.flying()).count();
        job.state == JobState::Running
            && flying < job.policy.window.max(1) as usize
            && self.flying() < self.window as usize
    }

    pub(crate) fn oldest_outstanding(&self) -> Option<(Ticket, u16)> {
        self.jobs.iter().find_map(|(&number, job)| {
            job.targets.iter().find_map(|(&serial, target)| {
                let op = target.ops.iter().position(|log| log.outstanding)?;
                Some((Ticket::new(number, serial, target.tries), op as u16))
            })
        })
    }

    pub(crate) fn oldest_notified(&self) -> Option<Serial> {
        let targets = self.jobs.values().flat_map(|job| &job.targets);
        targets.filter(|(_, target)| target.state == S::Notifying).map(|(&serial, _)| serial).next()
    }

    /// The target of an attempt that is under way, with its job's facts.
    fn current(&mut self, ticket: Ticket) -> Option<(&mut Target, Vec<Op>, Policy, bool)> {
        let found = self.jobs.get_mut(&ticket.job).and_then(|job| {
            let target = job.targets.get_mut(&ticket.serial)?;
            let here = target.flying() && target.tries == ticket.attempt;
            here.then_some((target, job.ops.clone(), job.policy, job.state == JobState::Cancelling))
        });
        if found.is_none() {
            self.late += 1;
        }
        found
    }

    pub(crate) fn input(&mut self, now: Instant, input: Input) {
        self.now = self.now.max(now);
        let now = self.now;
        match input {
            Input::Add { job, mut targets, away, ops, policy } => {
                assert_eq!(job.is_some(), self.jobs.len() < self.max_jobs);
                targets.sort();
                targets.dedup();
                let target = |serial: &Serial| Target {
                    state: S::Queued,
                    code: 0,
                    tries: 0,
                    until: Instant::EPOCH,
                    clock: (0, Instant::EPOCH),
                    armed: 0,
                    away: away.contains(serial),
                    met: false,
                    ops: vec![OpLog::default(); ops.len()],
                };
                if let Some(job) = job {
                    let targets = targets.iter().map(|serial| (*serial, target(serial))).collect();
                    let state = JobState::Draft;
                    let job_state = Job {
                        state,
                        policy,
                        ops,
                        ends_at: now,
                        announced: false,
                        stage: 0,
                        quota: 0,
                        fixed: 0,
                        limit_hit: false,
                        stopped: 1401,
                        next_start: now,
                        targets,
                    };
                    assert!(self.jobs.insert(job, job_state).is_none());
                }
            }
            Input::Start(number, reply) => {
                let job = self.jobs.get_mut(&number);
                assert_eq!(reply.is_some(), job.is_some());
                if let Some(job) = job {
                    assert_eq!(reply == Some(OrderReply::Accepted), job.state == JobState::Draft);
                    if job.state == JobState::Draft {
                        job.state = JobState::Running;
                        job.ends_at = now + job.policy.job_time;
                        job.fixed = job.targets.len() as u32;
                        job.quota = job.policy.stages.quota(0, job.fixed);
                        job.next_start = now;
                        for target in job.targets.values_mut() {
                            target.line_up(&job.ops, &job.policy);
                        }
                    }
                }
            }
            Input::Cancel(number, reply) => {
                let job = self.jobs.get_mut(&number);
                assert_eq!(reply.is_some(), job.is_some());
                if let Some(job) = job {
                    let acts = matches!(job.state, JobState::Draft | JobState::Running | JobState::Paused);
                    assert_eq!(reply == Some(OrderReply::Accepted), acts);
                    if acts {
                        job.stop(1401);
                    }
                }
            }
            Input::Pause(number, reply) | Input::Resume(number, reply) => {
                let (from, to) = match input {
                    Input::Pause(..) => (JobState::Running, JobState::Paused),
                    _ => (JobState::Paused, JobState::Running),
                };
                let state = self.jobs.get(&number).map(|job| job.state);
                let expected = match state {
                    Some(state) if state == from => Some(OrderReply::Accepted),
                    Some(state) if state == to => Some(OrderReply::AlreadyDone),
                    _ => None,
                };
                assert_eq!(reply, expected);
                if let Some(job) = self.jobs.get_mut(&number).filter(|job| job.state == from) {
                    job.state = to;
                }
            }
            Input::Remove(number, removed) => {
                let state = self.jobs.get(&number).map(|job| job.state);
                let may = state.is_some_and(|state| state.is_over() || state == JobState::Draft);
                assert_eq!(removed, may);
                if may {
                    self.jobs.remove(&number);
                }
            }
            Input::NotifySent(ticket) => {
                if let Some((target, _, policy, _)) = self.current(ticket)
                    && target.state == S::Notifying
                {
                    target.until = now + policy.t_notify;
                }
            }
            Input::NotifyFailed(ticket) => {
                if let Some((target, ops, policy, cancelling)) = self.current(ticket)
                    && target.state == S::Notifying
                {
                    target.fail(now, &ops, &policy, cancelling, 1409);
                }
            }
            Input::Denied(ticket) => {
                if let Some((target, ops, ..)) = self.current(ticket) {
                    target.take_back();
                    target.end(&ops, S::Skipped, 425);
                }
            }
            Input::Answer { ticket, op, status, same_value } => {
                let taken = self.current(ticket).map(|(target, ops, policy, cancelling)| {
                    target.answer(now, &ops, &policy, cancelling, op, status, same_value)
                });
                self.late += u64::from(taken == Some(false));
            }
            Input::Opened(serial) => {
                self.sessions.insert(serial);
                for job in self.jobs.values_mut() {
                    if let Some(target) = job.targets.get_mut(&serial)
                        && target.state == S::Notifying
                    {
                        target.state = S::InSession;
                        target.met = true;
                        target.until = now + job.policy.t_session;
                    }
                }
            }
            Input::Heard(serial) => {
                for job in self.jobs.values_mut() {
                    if let Some(target) = job.targets.get_mut(&serial)
                        && target.state == S::InSession
                    {
                        target.until = now + job.policy.t_session;
                    }
                }
            }
            Input::Closed(serial, end) => {
                self.sessions.remove(&serial);
                for job in self.jobs.values_mut() {
                    if let Some(target) = job.targets.get_mut(&serial)
                        && target.state == S::InSession
                    {
                        if let SessionEnd::Refused(status) = end {
                            target.take_back();
                            target.end(&job.ops, S::Refused, status.get());
                        } else {
                            let cancelling = job.state == JobState::Cancelling;
                            target.fail(now, &job.ops, &job.policy, cancelling, 1411);
                        }
                    }
                }
            }
            Input::Presence(serial, attached) => {
                for job in self.jobs.values_mut().filter(|job| !job.state.is_over()) {
                    if let Some(target) = job.targets.get_mut(&serial) {
                        target.away = !attached;
                        let moves = match target.state {
                            S::Queued => !attached,
                            S::WaitAttach => attached,
                            _ => false,
                        };
                        if moves && job.state != JobState::Draft {
                            target.line_up(&job.ops, &job.policy);
                        }
                    }
                }
            }
            Input::Window(window) => self.window = window.max(1),
            Input::JobWindow(number, window, changed) => {
                let job = self.jobs.get_mut(&number).filter(|job| !job.state.is_over());
                assert_eq!(changed, job.is_some());
                if let Some(job) = job {
                    job.policy.window = window;
                }
            }
            Input::Tick => {}
        }
        self.settle();
        self.arm();
        while let Some((at, number, serial)) = self.soonest()
            && at <= now
        {
            self.fire(number, serial);
            self.settle();
            self.arm();
        }
    }

    /// Notes which clocks were started by what just happened.
    fn arm(&mut self) {
        for target in self.jobs.values_mut().flat_map(|job| job.targets.values_mut()) {
            let kind = match target.state {
                S::Notifying => 1,
                S::InSession => 2,
                S::Backoff => 3,
                _ => 0,
            };
            let clock = (kind, if kind == 0 { Instant::EPOCH } else { target.until });
            if target.clock != clock {
                self.armed += 1;
                (target.clock, target.armed) = (clock, self.armed);
            }
        }
    }

    /// The soonest deadline. At the same instant: those of attempts by job and kind in the order they were started, then
    /// pauses, then those of jobs themselves.
    fn soonest(&self) -> Option<(Instant, JobNo, Option<Serial>)> {
        let mut all = Vec::new();
        for (&number, job) in &self.jobs {
            for (&serial, target) in &job.targets {
                let kind = target.clock.0;
                if target.flying() {
                    all.push((target.until, 0, number.get(), kind, target.armed, number, Some(serial)));
                } else if target.state == S::Backoff {
                    all.push((
                        target.until,
                        1,
                        number.get(),
                        0,
                        u64::from(serial.get()),
                        number,
                        Some(serial),
                    ));
                }
            }
            if matches!(job.state, JobState::Running | JobState::Paused)
                || job.state == JobState::Cancelling && job.ends_at > Instant::EPOCH
            {
                all.push((job.ends_at, 2, number.get(), 0, 0, number, None));
            }
        }
        let first =
            all.into_iter().min_by_key(|&(at, rank, job, kind, order, ..)| (at, rank, job, kind, order));
        first.map(|(at, _, _, _, _, number, serial)| (at, number, serial))
    }

    fn fire(&mut self, number: JobNo, serial: Option<Serial>) {
        let now = self.now;
        let job = self.jobs.get_mut(&number).unwrap();
        let cancelling = job.state == JobState::Cancelling;
        match serial {
            Some(serial) => {
                let target = job.targets.get_mut(&serial).unwrap();
                match target.state {
                    S::Notifying => target.fail(now, &job.ops, &job.policy, cancelling, 1409),
                    S::InSession => {
                        target.fail(now, &job.ops, &job.policy, cancelling, 1411);
                        self.aborts.insert(serial);
                        self.sessions.remove(&serial);
                    }
                    _ => target.line_up(&job.ops, &job.policy),
                }
            }
            None => {
                for target in job.targets.values_mut().filter(|target| !target.terminal()) {
                    let (wish, code) = match target.state {
                        S::WaitAttach if target.met => (S::TimedOut, 1410),
                        S::WaitAttach => (S::Unreachable, 1410),
                        _ if target.met || target.tries == 0 => (S::TimedOut, 1408),
                        _ => (S::Unreachable, 1408),
                    };
                    target.end(&job.ops, wish, code);
                }
                job.state = match job.stopped {
                    1404 => JobState::Aborted,
                    _ if cancelling => JobState::Cancelled,
                    _ => JobState::Expired,
                };
            }
        }
    }

    fn settle(&mut self) {
        for job in self.jobs.values_mut() {
            let of = job.quota.min(job.fixed);
            let failed = job.count(|target| target.state.is_failure());
            let known = job.count(Target::terminal) >= job.policy.min_sample.min(of);
            let exceeded = u64::from(failed) * 100 > u64::from(job.policy.max_fail) * u64::from(of);
            let runs = matches!(job.state, JobState::Running | JobState::Paused);
            if runs && known && exceeded && !job.limit_hit {
                job.limit_hit = true;
                let is_open = job.count(|target| !target.terminal()) > 0;
                match job.policy.on_limit {
                    OnLimit::Pause if is_open => job.state = JobState::Paused,
                    OnLimit::Abort if is_open => job.stop(1404),
                    _ => {}
                }
            }
            let begun = job.count(|target| target.tries > 0);
            let is_over = job.count(|target| target.tries > 0 && !target.terminal()) == 0;
            while job.state == JobState::Running
                && job.stage < job.policy.stages.count()
                && is_over
                && begun >= job.quota
            {
                job.stage += 1;
                job.quota = job.policy.stages.quota(job.stage, job.fixed);
            }
            if job.targets.values().all(Target::terminal) {
                match job.state {
                    JobState::Running | JobState::Paused => job.state = JobState::Completed,
                    JobState::Cancelling if job.stopped == 1404 => job.state = JobState::Aborted,
                    JobState::Cancelling => job.state = JobState::Cancelled,
                    _ => {}
                }
            }
        }
    }

    /// Checks one output, and takes note of what it means.
    pub(crate) fn output(&mut self, output: &FanoutOutput) {
        let now = self.now;
        match output {
            FanoutOutput::Notify { ticket } => {
                self.check_start(*ticket);
                assert!(!self.sessions.contains(&ticket.serial), "who is in session is not notified");
                let job = self.jobs.get_mut(&ticket.job).unwrap();
                let target = job.targets.get_mut(&ticket.serial).unwrap();
                assert_eq!(target.state, S::Queued);
                target.state = S::Notifying;
                target.tries += 1;
                target.until = now + job.policy.t_notify;
                assert!(job.rate_allows(now), "the rate");
                if job.policy.rate > 0 {
                    job.next_start = now + Duration::from_secs(60) / job.policy.rate;
                }
                self.arm();
            }
            FanoutOutput::Deliver { ticket, ops } => {
                if self.jobs[&ticket.job].targets[&ticket.serial].state != S::InSession {
                    self.check_start(*ticket);
                    assert!(self.sessions.contains(&ticket.serial));
                    let job = self.jobs.get_mut(&ticket.job).unwrap();
                    let target = job.targets.get_mut(&ticket.serial).unwrap();
                    target.state = S::InSession;
                    target.met = true;
                    target.tries += 1;
                    target.until = now + job.policy.t_session;
                }
                let job = self.jobs.get_mut(&ticket.job).unwrap();
                let may = matches!(job.state, JobState::Running | JobState::Paused);
                assert!(may, "I4: nothing is sent after a cancel");
                let target = job.targets.get_mut(&ticket.serial).unwrap();
                assert_eq!(target.tries, ticket.attempt);
                assert!(target.idle());
                assert_eq!(Some(ops.clone()), target.run());
                for op in ops.clone() {
                    let log = &mut target.ops[usize::from(op)];
                    assert!(!log.delivered.contains(&target.tries), "I11: once per attempt");
                    let again = !log.delivered.is_empty();
                    assert!(
                        !again
                            || job.ops[usize::from(op)].class() != OpClass::Unsafe
                            || job.policy.on_unsafe == UnsafePolicy::Resend,
                        "I11: unsafe is sent once"
                    );
                    log.delivered.push(target.tries);
                    log.outstanding = true;
                }
                self.arm();
            }
            FanoutOutput::Abort { serial } => assert!(self.aborts.remove(serial)),
            FanoutOutput::Audit(_) => {}
            FanoutOutput::JobChanged { job } => assert!(self.jobs.contains_key(job)),
            FanoutOutput::JobEnded { job, result, .. } => {
                let job = self.jobs.get_mut(job).unwrap();
                assert!(job.state.is_over() && !job.announced);
                job.announced = true;
                let ok = job.targets.values().filter(|target| target.state == S::Ok).count();
                let code = match job.targets.len() {
                    0 => 1202,
                    all if all == ok => 1200,
                    _ => 1201,
                };
                assert_eq!(result.get(), code);
            }
            FanoutOutput::Wait(at) => {
                self.check_wait(*at);
                assert!(self.aborts.is_empty());
                self.check_nothing_left_undone();
            }
            other => panic!("unknown output {other:?}"),
        }
    }

    /// I8: the soonest deadline, or before it the time when the rate lets a job go on.
    fn check_wait(&self, at: Option<Instant>) {
        let soonest = self.soonest().map(|(at, ..)| at);
        let rated = |job: &&Job| job.state == JobState::Running && !job.rate_allows(self.now);
        let is_rate = self.jobs.values().filter(rated).any(|job| Some(job.next_start) == at);
        let is_earlier = soonest.is_none_or(|soonest| at.is_some_and(|at| at < soonest));
        assert!(at == soonest || is_rate && is_earlier, "I8: {at:?} is not {soonest:?}");
        for job in self.jobs.values().filter(rated).filter(|job| self.room(job)) {
            let waits = |(serial, target): (&Serial, &Target)| {
                target.state == S::Queued && !self.busy(*serial) && job.is_open_to(target)
            };
            if job.targets.iter().any(waits) {
                assert!(at.is_some_and(|at| at <= job.next_start), "I8: somebody waits for the rate");
            }
        }
    }

    fn check_start(&self, ticket: Ticket) {
        let job = &self.jobs[&ticket.job];
        let target = &job.targets[&ticket.serial];
        assert!(target.waiting());
        assert!(job.is_open_to(target), "the stage");
        assert!(self.room(job), "I2: there is a slot");
        assert!(!self.busy(ticket.serial), "one job at a time");
        assert_eq!(ticket.attempt, target.tries + 1);
    }

    fn check_nothing_left_undone(&self) {
        for job in self.jobs.values() {
            assert!(!job.state.is_over() || job.announced);
            for (serial, target) in &job.targets {
                let free = self.room(job) && !self.busy(*serial) && job.is_open_to(target);
                let in_time = job.rate_allows(self.now);
                assert!(!(free && in_time && target.state == S::Queued), "{serial} could be notified");
                assert!(
                    !(free && target.waiting() && self.sessions.contains(serial)),
                    "{serial} is in session"
                );
                let stuck = target.state == S::InSession && target.idle();
                assert!(!stuck, "{serial} in session has nothing to do");
            }
        }
    }

    /// Every record, counter and code of the machine.
    pub(crate) fn compare(&self, fanout: &Fanout) {
        assert_eq!(fanout.jobs().len(), self.jobs.len());
        assert_eq!(fanout.late(), self.late);
        assert_eq!(fanout.in_flight(), self.flying());
        for (view, (&number, job)) in fanout.jobs().zip(&self.jobs) {
            assert_eq!((view.number(), view.state()), (number, job.state));
            assert_eq!(view.records(..).len(), job.targets.len());
            for (record, (&serial, target)) in view.records(..).zip(&job.targets) {
                let code = record.code().map_or(0, |code| code.get());
                assert_eq!(
                    (record.serial(), record.state(), code, record.tries()),
                    (serial, target.state, target.code, target.tries)
                );
                for (op, log) in record.ops().zip(&target.ops) {
                    assert_eq!(op.status(), log.answer.map(|(status, _)| status));
                    assert_eq!(op.was_delivered(), !log.delivered.is_empty());
                }
            }
            let counters = view.counters();
            let ends = [
                counters.ok,
                counters.failed,
                counters.timed_out,
                counters.unreachable,
                counters.refused,
                counters.indeterminate,
                counters.skipped,
                counters.cancelled,
            ];
            let sum = counters.queued + counters.in_flight + ends.iter().sum::<u32>();
            assert_eq!((counters.total, sum), (job.targets.len() as u32, counters.total), "I1");
            let open = job.targets.values().filter(|target| !target.terminal()).count();
            assert_eq!(counters.open() as usize, open);
            let in_buckets: u32 = view.report().buckets.iter().map(|bucket| bucket.count).sum();
            assert_eq!(in_buckets, ends.iter().sum::<u32>());
        }
    }
}

impl Target {
    #[allow(clippy::too_many_arguments)]
    fn answer(
        &mut self,
        now: Instant,
        ops: &[Op],
        policy: &Policy,
        cancelling: bool,
        op: u16,
        status: StatusCode,
        same_value: bool,
    ) -> bool {
        let Some(log) = self.ops.get_mut(usize::from(op)).filter(|log| log.outstanding) else { return false };
        let replayed = log.delivered.len() > 1;
        log.outstanding = false;
        log.answer = Some((status, good(ops[usize::from(op)], status.get(), replayed, same_value)));
        self.until = now + policy.t_session;
        let unanswered = self.ops.iter().any(|log| log.answer.is_none());
        if unanswered && (!cancelling || !self.idle()) {
            return true;
        }
        let bad = self
            .ops
            .iter()
            .filter_map(|log| log.answer)
            .find(|(_, good)| !good)
            .map(|(status, _)| status.get());
        match bad {
            Some(code @ (401 | 407 | 425)) => self.end(ops, S::Refused, code),
            Some(code) => self.end(ops, S::Failed, code),
            None if unanswered => self.end(ops, S::Cancelled, 1401),
            None => self.end(ops, S::Ok, 200),
        }
        true
    }
}
