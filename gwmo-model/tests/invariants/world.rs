//! A fanout, what is stored of it, and everything that can happen to both.

use core::ops::Range;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use dm_syncml::{Instant, RecordSeq, StatusCode};
use dm_tree::ServerId;
use gwmo_model::{
    Answer, Fanout, FanoutLimits, FanoutOutput, FanoutRecord, FanoutSnapshot, JobKey, JobNo, JobSpec,
    Offline, OnLimit, Op, OpClass, Policy, Serial, SessionEnd, TargetState, Ticket, UnsafePolicy, Which,
};
use proptest::prelude::*;

/// The window of the gateway.
pub(crate) const MOST_IN_FLIGHT: usize = 3;

fn limits() -> FanoutLimits {
    FanoutLimits::default().with_window(MOST_IN_FLIGHT as u32).with_max_jobs(5)
}

pub(crate) fn serial(number: u32) -> Serial {
    Serial::new(number).unwrap()
}

/// What a fanout wants done on a device.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    Notify(Ticket),
    Deliver(Ticket, Range<u16>),
}

impl Effect {
    pub(crate) const fn ticket(&self) -> Ticket {
        match self {
            Self::Notify(ticket) | Self::Deliver(ticket, _) => *ticket,
        }
    }
}

#[expect(clippy::large_enum_variant, reason = "a policy is passed around once in a test")]
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Add {
        targets: Vec<u32>,
        ops: Vec<Op>,
        policy: Policy,
    },
    Start(u32),
    Pause(u32),
    Resume(u32),
    Cancel(u32),
    Retry(u32),
    Remove(u32),
    NotifyFailed(usize),
    Denied(usize),
    NotSent(usize, u16),
    Answer(usize, u16, u16),
    AnswerAll(u16),
    OpenNotified,
    Opened(u32),
    Closed(u32, u8),
    Presence(u32, bool),
    Tick(u64),
    /// What was handed out is stored.
    Store,
    /// The same as a snapshot.
    Snapshot,
    /// It stops; of the records under way so many are stored.
    Stop(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        Just(Op::get()),
        Just(Op::replace()),
        Just(Op::delete()),
        Just(Op::add()),
        Just(Op::exec()),
        Just(Op::exec().asynchronous()),
    ]
}

fn policy() -> impl Strategy<Value = Policy> {
    let offline =
        prop_oneof![Just(Offline::Wait), Just(Offline::Skip), Just(Offline::Try), Just(Offline::Fail)];
    let on_unsafe = prop_oneof![Just(UnsafePolicy::Indeterminate), Just(UnsafePolicy::Resend)];
    let on_limit = prop_oneof![Just(OnLimit::Note), Just(OnLimit::Pause), Just(OnLimit::Abort)];
    let stages = prop_oneof![Just(""), Just("1"), Just("1,50%"), Just("2,3")];
    (1..4u32, 0..4u16, offline, on_unsafe, on_limit, stages, 0..101u8, 0..60u32).prop_map(
        |(window, retries, offline, on_unsafe, on_limit, stages, max_fail, rate)| {
            Policy::default()
                .with_window(window)
                .with_retries(retries)
                .with_retry_wait(Duration::from_secs(5), Duration::from_secs(15))
                .with_job_time(Duration::from_secs(400))
                .with_t_async(Duration::from_secs(90))
                .with_offline(offline)
                .with_on_unsafe(on_unsafe)
                .with_max_fail(max_fail, 1, on_limit)
                .with_stages(stages.parse().unwrap())
                .with_rate(if rate < 30 { 0 } else { rate })
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let job = || 1..5u32;
    let device = || 1..8u32;
    let status =
        || prop_oneof![4 => Just(200u16), 1 => Just(202), 1 => Just(404), 1 => Just(500), 1 => Just(417)];
    prop_oneof![
        3 => (prop::collection::vec(device(), 0..7), prop::collection::vec(op(), 1..4), policy())
            .prop_map(|(targets, ops, policy)| Step::Add { targets, ops, policy }),
        5 => job().prop_map(Step::Start),
        1 => job().prop_map(Step::Pause),
        2 => job().prop_map(Step::Resume),
        1 => job().prop_map(Step::Cancel),
        2 => job().prop_map(Step::Retry),
        1 => job().prop_map(Step::Remove),
        1 => (0..6usize).prop_map(Step::NotifyFailed),
        1 => (0..6usize).prop_map(Step::Denied),
        1 => (0..6usize, 0..3u16).prop_map(|(ticket, op)| Step::NotSent(ticket, op)),
        4 => (0..6usize, 0..3u16, status()).prop_map(|(ticket, op, status)| Step::Answer(ticket, op, status)),
        4 => status().prop_map(Step::AnswerAll),
        6 => Just(Step::OpenNotified),
        2 => device().prop_map(Step::Opened),
        3 => (device(), 0..4u8).prop_map(|(device, end)| Step::Closed(device, end)),
        2 => (device(), any::<bool>()).prop_map(|(device, there)| Step::Presence(device, there)),
        4 => (0..40u64).prop_map(Step::Tick),
        8 => Just(Step::Store),
        1 => Just(Step::Snapshot),
        2 => (0..5usize).prop_map(Step::Stop),
    ]
}

/// A job that begins, and anything after.
pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let first = (prop::collection::vec(1..8u32, 1..7), prop::collection::vec(op(), 1..4), policy());
    (first, prop::collection::vec(step(), 1..90)).prop_map(|((targets, ops, policy), rest)| {
        let first = [Step::Add { targets, ops, policy }, Step::Start(1), Step::Store];
        first.into_iter().chain(rest).collect()
    })
}

pub(crate) struct World {
    pub(crate) fanout: Fanout,
    pub(crate) now: Instant,
    pub(crate) wait: Option<Instant>,
    snapshot: FanoutSnapshot,
    records: Vec<FanoutRecord>,
    /// Records that are handed out and not stored.
    pending: VecDeque<(RecordSeq, FanoutRecord)>,
    /// The attempts and deliveries that were stored at any time.
    dispatched: BTreeSet<Ticket>,
    delivered: BTreeSet<(Ticket, u16, u16)>,
    pub(crate) tickets: Vec<Ticket>,
    open: Vec<(Ticket, Range<u16>)>,
    notified: Vec<Serial>,
    presence: BTreeMap<u32, bool>,
    specs: BTreeMap<JobNo, (Vec<Op>, Policy)>,
    jobs: u32,
    /// Of each step: what came out, whether its record was stored, and in which round of the job.
    pub(crate) effects_of_step: Vec<(bool, Effect, u16)>,
    pub(crate) most_in_flight: usize,
    /// How many of a job were in flight at most, and its window.
    pub(crate) most_of_job: BTreeMap<JobNo, (usize, usize)>,
    /// Attempts that were denied in the last step while they were under way, and the round.
    pub(crate) denied: Vec<(JobNo, Serial, u16)>,
    /// Operations that were answered, or that the caller said it had not sent: what became of them is known.
    pub(crate) known: Vec<(Ticket, u16)>,
}

impl World {
    pub(crate) fn new() -> Self {
        let now = Instant::from_millis(1_000_000);
        let fanout = Fanout::new(limits());
        Self {
            snapshot: fanout.snapshot(now),
            fanout,
            now,
            wait: None,
            records: Vec::new(),
            pending: VecDeque::new(),
            dispatched: BTreeSet::new(),
            delivered: BTreeSet::new(),
            tickets: Vec::new(),
            open: Vec::new(),
            notified: Vec::new(),
            presence: BTreeMap::new(),
            specs: BTreeMap::new(),
            jobs: 0,
            effects_of_step: Vec::new(),
            most_in_flight: 0,
            most_of_job: BTreeMap::new(),
            denied: Vec::new(),
            known: Vec::new(),
        }
    }

    /// Does the steps, and looks after each.
    pub(crate) fn play(steps: &[Step], mut look: impl FnMut(&mut Self, &Step)) -> Self {
        let mut world = Self::new();
        for step in steps {
            world.act(step);
            look(&mut world, step);
        }
        // In the end everything is stored.
        world.act(&Step::Store);
        look(&mut world, &Step::Store);
        world
    }

    pub(crate) fn is_unsafe(&self, job: JobNo, op: u16) -> bool {
        let ops = self.specs.get(&job).map(|(ops, _)| ops);
        ops.and_then(|ops| ops.get(usize::from(op))).is_some_and(|op| op.class() == OpClass::Unsafe)
    }

    pub(crate) fn resends(&self, job: JobNo) -> bool {
        self.specs.get(&job).is_some_and(|(_, policy)| policy.on_unsafe == UnsafePolicy::Resend)
    }

    fn ticket(&self, back: usize) -> Ticket {
        let none = Ticket::new(JobNo::new(9), Serial::FIRST, 1);
        self.tickets.len().checked_sub(back + 1).map_or(none, |index| self.tickets[index])
    }

    pub(crate) fn act(&mut self, step: &Step) {
        self.effects_of_step.clear();
        let now = self.now;
        match step {
            Step::Add { targets, ops, policy } => self.add(targets, ops, *policy),
            Step::Start(job) => drop(self.fanout.handle_start(now, JobNo::new(*job))),
            Step::Pause(job) => drop(self.fanout.handle_pause(now, JobNo::new(*job))),
            Step::Resume(job) => drop(self.fanout.handle_resume(now, JobNo::new(*job))),
            Step::Cancel(job) => drop(self.fanout.handle_cancel(now, JobNo::new(*job))),
            Step::Retry(job) => drop(self.fanout.handle_retry(now, JobNo::new(*job), &Which::NotOk)),
            Step::Remove(job) => drop(self.fanout.handle_remove(now, JobNo::new(*job))),
            Step::NotifyFailed(back) => self.fanout.handle_notify_failed(now, self.ticket(*back)),
            Step::Denied(back) => self.deny(self.ticket(*back)),
            Step::NotSent(back, op) => {
                let ticket = self.ticket(*back);
                self.known.push((ticket, *op));
                self.fanout.handle_not_sent(now, ticket, *op);
            }
            Step::Answer(back, op, status) => {
                let answer = Answer::new(StatusCode::new(*status)).with_data(b"some data").with_format("chr");
                let ticket = self.ticket(*back);
                self.known.push((ticket, *op));
                self.fanout.handle_answer(now, ticket, *op, answer);
            }
            Step::AnswerAll(status) => {
                for (ticket, ops) in core::mem::take(&mut self.open) {
                    let answer = |op| (ticket, op, Answer::new(StatusCode::new(*status)));
                    for (ticket, op, answer) in ops.map(answer) {
                        self.known.push((ticket, op));
                        self.fanout.handle_answer(now, ticket, op, answer);
                    }
                }
            }
            Step::OpenNotified => {
                for device in core::mem::take(&mut self.notified) {
                    self.fanout.handle_session_opened(now, device);
                }
            }
            Step::Opened(device) => self.fanout.handle_session_opened(now, serial(*device)),
            Step::Closed(device, end) => {
                let end = match end {
                    0 => SessionEnd::Clean,
                    1 => SessionEnd::Lost,
                    2 => SessionEnd::Busy,
                    _ => SessionEnd::Refused(StatusCode::INVALID_CREDENTIALS),
                };
                self.fanout.handle_session_closed(now, serial(*device), end);
            }
            Step::Presence(device, there) => {
                self.fanout.handle_presence(now, serial(*device), *there);
                self.presence.insert(*device, *there);
            }
            Step::Tick(seconds) => {
                self.now = now + Duration::from_secs(*seconds);
                self.fanout.handle_tick(self.now);
            }
            Step::Store => {}
            Step::Snapshot => {
                self.store_all();
                self.snapshot = self.fanout.snapshot(now);
                self.records.clear();
            }
            Step::Stop(kept) => return self.stop(*kept),
        }
        self.drain();
        if matches!(step, Step::Store) {
            self.store_all();
        }
    }

    fn add(&mut self, targets: &[u32], ops: &[Op], policy: Policy) {
        let away = self.presence.iter().filter(|(_, there)| !**there).map(|(device, _)| serial(*device));
        self.jobs += 1;
        let key = JobKey::new(&format!("J{}", self.jobs)).unwrap();
        let owner = ServerId::new("dms").unwrap();
        let targets = targets.iter().copied().map(serial);
        let spec =
            JobSpec::new(owner, key, targets, ops.iter().copied()).with_policy(policy).with_detached(away);
        if let Ok(job) = self.fanout.handle_add(self.now, spec) {
            self.specs.insert(job, (ops.to_vec(), policy));
        }
    }

    fn deny(&mut self, ticket: Ticket) {
        if let Some(job) = self.fanout.job(ticket.job)
            && let Some(record) = job.record(ticket.serial)
            && matches!(record.state(), TargetState::Notifying | TargetState::InSession)
            && record.tries() == ticket.attempt
        {
            self.denied.push((ticket.job, ticket.serial, job.round()));
        }
        self.fanout.handle_denied(self.now, ticket, StatusCode::PERMISSION_DENIED);
    }

    /// Everything that is handed out is stored, and what comes of that.
    fn store_all(&mut self) {
        while !self.pending.is_empty() {
            for (seq, record) in core::mem::take(&mut self.pending) {
                self.keep(record);
                self.fanout.handle_persisted(self.now, seq);
            }
            self.drain();
        }
    }

    fn keep(&mut self, record: FanoutRecord) {
        self.dispatched.extend(record.dispatches());
        if let Some((ticket, ops)) = record.delivers() {
            self.delivered.extend(ops.map(|op| (ticket, op, 0)));
        }
        self.records.push(record);
    }

    /// It stops, and begins again with what is stored.
    pub(crate) fn stop(&mut self, kept: usize) {
        self.effects_of_step.clear();
        for (_, record) in core::mem::take(&mut self.pending).into_iter().take(kept) {
            self.keep(record);
        }
        let records = self.records.clone();
        self.fanout = Fanout::restore(self.now, limits(), self.snapshot.clone(), records).unwrap();
        for (device, there) in &self.presence {
            self.fanout.handle_presence(self.now, serial(*device), *there);
        }
        self.open.clear();
        self.notified.clear();
        // Numbers that were given to what was never stored are given again.
        let known: BTreeSet<JobNo> = self.fanout.jobs().map(|job| job.number()).collect();
        self.specs.retain(|job, _| known.contains(job));
        self.drain();
    }

    /// The next deadline comes.
    pub(crate) fn pass_to(&mut self, at: Instant) {
        self.now = self.now.max(at);
        self.fanout.handle_tick(self.now);
        self.drain();
        self.store_all();
    }

    /// Takes all outputs; records wait to be stored.
    pub(crate) fn drain(&mut self) {
        for _ in 0..10_000 {
            let output = self.fanout.poll_output();
            self.count_in_flight();
            match output {
                FanoutOutput::Persist(seq, record) => self.pending.push_back((seq, record)),
                FanoutOutput::Notify { ticket } => {
                    self.effect(self.dispatched.contains(&ticket), Effect::Notify(ticket));
                    self.notified.push(ticket.serial);
                }
                FanoutOutput::Deliver { ticket, ops } => {
                    let is_stored = ops.clone().all(|op| self.delivered.contains(&(ticket, op, 0)));
                    self.effect(is_stored, Effect::Deliver(ticket, ops.clone()));
                    self.open.push((ticket, ops));
                }
                FanoutOutput::Wait(at) => {
                    self.wait = at;
                    return;
                }
                _ => {}
            }
        }
        panic!("outputs do not end");
    }

    fn effect(&mut self, is_stored: bool, effect: Effect) {
        let round = self.fanout.job(effect.ticket().job).map_or(0, |job| job.round());
        self.tickets.push(effect.ticket());
        self.effects_of_step.push((is_stored, effect, round));
    }

    fn count_in_flight(&mut self) {
        self.most_in_flight = self.most_in_flight.max(self.fanout.in_flight());
        for job in self.fanout.jobs() {
            let is_in_flight = |state| matches!(state, TargetState::Notifying | TargetState::InSession);
            let count = job.records(..).filter(|record| is_in_flight(record.state())).count();
            let most = self.most_of_job.entry(job.number()).or_default();
            *most = (most.0.max(count), most.1.max(job.policy().window.max(1) as usize));
        }
    }
}
