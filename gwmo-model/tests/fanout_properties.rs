//! The fanout against a naive oracle: random events, every output and every record checked after each of them.

extern crate alloc;

#[path = "fanout_properties/oracle.rs"]
mod oracle;

use alloc::collections::BTreeSet;
use core::time::Duration;

use dm_syncml::{Instant, StatusCode};
use dm_tree::ServerId;
use gwmo_model::{
    Answer, Fanout, FanoutLimits, FanoutOutput, JobKey, JobNo, JobSpec, Offline, OnLimit, Op, Policy, Serial,
    SessionEnd, TargetState, Ticket, UnsafePolicy,
};
use oracle::{Input, Oracle};
use proptest::prelude::*;

fn serial() -> impl Strategy<Value = Serial> {
    (1..=7u32).prop_map(|number| Serial::new(number).unwrap())
}

fn status() -> impl Strategy<Value = StatusCode> {
    prop_oneof![
        6 => Just(200u16),
        1 => Just(404),
        1 => Just(418),
        1 => Just(425),
        1 => Just(216),
        1 => Just(500),
        1 => any::<u16>(),
    ]
    .prop_map(StatusCode::new)
}

fn policy() -> impl Strategy<Value = Policy> {
    let offline = prop_oneof![Just(Offline::Wait), Just(Offline::Skip), Just(Offline::Try)];
    let on_unsafe = prop_oneof![Just(UnsafePolicy::Indeterminate), Just(UnsafePolicy::Resend)];
    let stages =
        prop_oneof![3 => Just(""), 1 => Just("1"), 1 => Just("1,50%"), 1 => Just("2,3"), 1 => Just("1,1,4")];
    let on_limit = prop_oneof![Just(OnLimit::Note), Just(OnLimit::Pause), Just(OnLimit::Abort)];
    let limit = (prop_oneof![1 => Just(100u8), 2 => 0..100u8], 0..4u32, on_limit);
    let rate = prop_oneof![2 => Just(0u32), 1 => 1..90u32];
    let times = (0..50u64, 0..50u64, 0..400u64);
    (0..4u32, 0..4u16, times, offline, on_unsafe, stages, limit, rate).prop_map(
        |(
            window,
            retries,
            (notify, session, job),
            offline,
            on_unsafe,
            stages,
            (max_fail, sample, then),
            rate,
        )| {
            Policy::default()
                .with_stages(stages.parse().unwrap())
                .with_max_fail(max_fail, sample, then)
                .with_rate(rate)
                .with_window(window)
                .with_retries(retries)
                .with_t_notify(Duration::from_secs(notify))
                .with_t_session(Duration::from_secs(session))
                .with_retry_wait(Duration::from_secs(5), Duration::from_secs(15))
                .with_job_time(Duration::from_secs(job))
                .with_offline(offline)
                .with_on_unsafe(on_unsafe)
        },
    )
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![Just(Op::get()), Just(Op::replace()), Just(Op::delete()), Just(Op::add()), Just(Op::exec())]
}

/// What to do, in terms that only get a meaning when it is done: the n-th ticket seen, the n-th job.
#[expect(clippy::large_enum_variant, reason = "a policy is passed around once in a test")]
#[derive(Clone, Debug)]
enum Action {
    Add { targets: Vec<Serial>, away: Vec<Serial>, ops: Vec<Op>, policy: Policy },
    Start(u32),
    Cancel(u32),
    Pause(u32),
    Resume(u32),
    Remove(u32),
    NotifySent(usize),
    NotifyFailed(usize),
    Denied(usize),
    Answer { ticket: usize, ahead: u16, op: u16, status: StatusCode, same_value: bool },
    AnswerOldest { status: StatusCode },
    Opened(Serial),
    OpenNotified,
    Heard(Serial),
    Closed(Serial, SessionEnd),
    Presence(Serial, bool),
    Window(u32),
    JobWindow(u32, u32),
    Tick,
}

fn action() -> impl Strategy<Value = Action> {
    action_of(5)
}

/// Something to do about devices or one of so many jobs.
fn action_of(jobs: u32) -> impl Strategy<Value = Action> {
    let end = prop_oneof![
        Just(SessionEnd::Clean),
        Just(SessionEnd::Lost),
        Just(SessionEnd::Refused(StatusCode::INVALID_CREDENTIALS))
    ];
    let job = move || 1..=jobs;
    let set = || prop::collection::vec(serial(), 0..7);
    prop_oneof![
        2 => (set(), set(), prop::collection::vec(op(), 1..4), policy())
            .prop_map(|(targets, away, ops, policy)| Action::Add { targets, away, ops, policy }),
        4 => job().prop_map(Action::Start),
        1 => job().prop_map(Action::Cancel),
        1 => job().prop_map(Action::Pause),
        2 => job().prop_map(Action::Resume),
        1 => job().prop_map(Action::Remove),
        1 => (0..8usize).prop_map(Action::NotifySent),
        1 => (0..8usize).prop_map(Action::NotifyFailed),
        1 => (0..8usize).prop_map(Action::Denied),
        4 => (0..8usize, prop_oneof![9 => Just(0u16), 1 => Just(1), 1 => Just(u16::MAX)], 0..4u16, status(), any::<bool>())
            .prop_map(|(ticket, ahead, op, status, same_value)| Action::Answer { ticket, ahead, op, status, same_value }),
        6 => status().prop_map(|status| Action::AnswerOldest { status }),
        2 => serial().prop_map(Action::Opened),
        6 => Just(Action::OpenNotified),
        1 => serial().prop_map(Action::Heard),
        3 => (serial(), end).prop_map(|(serial, end)| Action::Closed(serial, end)),
        2 => (serial(), any::<bool>()).prop_map(|(serial, attached)| Action::Presence(serial, attached)),
        1 => (0..4u32).prop_map(Action::Window),
        1 => (job(), 0..4u32).prop_map(|(job, window)| Action::JobWindow(job, window)),
        2 => Just(Action::Tick),
    ]
}

/// The machine and the oracle side by side.
struct Pair {
    fanout: Fanout,
    oracle: Oracle,
    tickets: Vec<Ticket>,
    jobs: u32,
    wait: Option<Instant>,
    /// Attempts that were denied while they were under way, as the machine's records said.
    denied: BTreeSet<(JobNo, Serial)>,
}

impl Pair {
    fn new(window: u32) -> Self {
        Self::with_jobs(window, 4)
    }

    fn with_jobs(window: u32, jobs: u32) -> Self {
        Self {
            fanout: Fanout::new(FanoutLimits::default().with_window(window).with_max_jobs(jobs)),
            oracle: Oracle::new(window, jobs),
            tickets: Vec::new(),
            jobs: 0,
            wait: None,
            denied: BTreeSet::new(),
        }
    }

    /// The n-th last ticket.
    fn ticket(&self, back: usize) -> Ticket {
        let none = Ticket::new(JobNo::new(9), Serial::FIRST, 1);
        self.tickets.len().checked_sub(back + 1).map_or(none, |index| self.tickets[index])
    }

    fn act(&mut self, now: Instant, action: Action) {
        let dms = ServerId::new("dms").unwrap();
        let (fanout, oracle) = (&mut self.fanout, &mut self.oracle);
        match action {
            Action::Add { targets, away, ops, policy } => {
                let key = JobKey::new(&format!("J{}", self.jobs)).unwrap();
                let spec = JobSpec::new(dms, key, targets.iter().copied(), ops.iter().copied())
                    .with_policy(policy)
                    .with_detached(away.iter().copied());
                let job = fanout.handle_add(now, spec).ok();
                self.jobs += 1;
                oracle.input(now, Input::Add { job, targets, away, ops, policy });
            }
            Action::Start(job) => {
                let job = JobNo::new(job);
                let reply = fanout.handle_start(now, job).ok();
                oracle.input(now, Input::Start(job, reply));
            }
            Action::Cancel(job) => {
                let job = JobNo::new(job);
                let reply = fanout.handle_cancel(now, job).ok();
                oracle.input(now, Input::Cancel(job, reply));
            }
            Action::Pause(job) => {
                let job = JobNo::new(job);
                let reply = fanout.handle_pause(now, job).ok();
                oracle.input(now, Input::Pause(job, reply));
            }
            Action::Resume(job) => {
                let job = JobNo::new(job);
                let reply = fanout.handle_resume(now, job).ok();
                oracle.input(now, Input::Resume(job, reply));
            }
            Action::Remove(job) => {
                let job = JobNo::new(job);
                let removed = fanout.handle_remove(now, job).is_ok();
                oracle.input(now, Input::Remove(job, removed));
            }
            Action::NotifySent(back) => {
                let ticket = self.ticket(back);
                self.fanout.handle_notify_sent(now, ticket);
                self.oracle.input(now, Input::NotifySent(ticket));
            }
            Action::NotifyFailed(back) => {
                let ticket = self.ticket(back);
                self.fanout.handle_notify_failed(now, ticket);
                self.oracle.input(now, Input::NotifyFailed(ticket));
            }
            Action::Denied(back) => {
                let ticket = self.ticket(back);
                let record = self.fanout.job(ticket.job).and_then(|job| job.record(ticket.serial));
                let under_way = |state| matches!(state, TargetState::Notifying | TargetState::InSession);
                if record.is_some_and(|at| under_way(at.state()) && at.tries() == ticket.attempt) {
                    self.denied.insert((ticket.job, ticket.serial));
                }
                self.fanout.handle_denied(now, ticket, StatusCode::PERMISSION_DENIED);
                self.oracle.input(now, Input::Denied(ticket));
            }
            Action::Answer { ticket, ahead, op, status, same_value } => {
                let mut ticket = self.ticket(ticket);
                ticket.attempt = ticket.attempt.wrapping_add(ahead);
                self.answer(now, ticket, op, status, same_value);
            }
            Action::AnswerOldest { status } => {
                if let Some((ticket, op)) = oracle.oldest_outstanding() {
                    self.answer(now, ticket, op, status, false);
                }
            }
            Action::Opened(serial) => {
                fanout.handle_session_opened(now, serial);
                oracle.input(now, Input::Opened(serial));
            }
            Action::OpenNotified => {
                if let Some(serial) = oracle.oldest_notified() {
                    fanout.handle_session_opened(now, serial);
                    oracle.input(now, Input::Opened(serial));
                }
            }
            Action::Heard(serial) => {
                fanout.handle_session_heard(now, serial);
                oracle.input(now, Input::Heard(serial));
            }
            Action::Closed(serial, end) => {
                fanout.handle_session_closed(now, serial, end);
                oracle.input(now, Input::Closed(serial, end));
            }
            Action::Presence(serial, attached) => {
                fanout.handle_presence(now, serial, attached);
                oracle.input(now, Input::Presence(serial, attached));
            }
            Action::Window(window) => {
                fanout.handle_window(now, window);
                oracle.input(now, Input::Window(window));
            }
            Action::JobWindow(job, window) => {
                let job = JobNo::new(job);
                let changed = fanout.handle_job_window(now, job, window).is_ok();
                oracle.input(now, Input::JobWindow(job, window, changed));
            }
            Action::Tick => {
                fanout.handle_tick(now);
                oracle.input(now, Input::Tick);
            }
        }
        self.drain();
    }

    fn answer(&mut self, now: Instant, ticket: Ticket, op: u16, status: StatusCode, same_value: bool) {
        let mut answer = Answer::new(status).with_data(b"data");
        if same_value {
            answer = answer.with_same_value();
        }
        self.fanout.handle_answer(now, ticket, op, answer);
        self.oracle.input(now, Input::Answer { ticket, op, status, same_value });
    }

    fn drain(&mut self) {
        for _ in 0..1000 {
            let output = self.fanout.poll_output();
            if let FanoutOutput::Persist(seq, _) = output {
                self.fanout.handle_persisted(Instant::EPOCH, seq);
                continue;
            }
            if let FanoutOutput::Notify { ticket } | FanoutOutput::Deliver { ticket, .. } = &output {
                let silenced = self.denied.contains(&(ticket.job, ticket.serial));
                assert!(!silenced, "I13: {ticket:?} was denied, and there is {output:?}");
                self.tickets.push(*ticket);
            }
            self.oracle.output(&output);
            if let FanoutOutput::Wait(at) = output {
                self.wait = at;
                assert_eq!(self.fanout.poll_output(), FanoutOutput::Wait(at), "drained is drained");
                self.oracle.compare(&self.fanout);
                return;
            }
        }
        panic!("outputs do not end");
    }

    fn records(&self) -> Vec<(JobNo, Serial, TargetState, u16)> {
        let jobs = self.fanout.jobs();
        jobs.flat_map(|job| {
            job.records(..).map(move |record| (job.number(), record.serial(), record.state(), record.tries()))
        })
        .collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    /// I1, I2, I3, I4, I7, I8, I10, I11, stages, rate, thresholds and work conservation, over everything that can happen.
    #[test]
    fn machine_does_what_the_oracle_says(
        window in 1..4u32,
        actions in prop::collection::vec((0..30i64, prop::bool::weighted(0.1), action()), 1..120),
    ) {
        let mut pair = Pair::new(window);
        let mut clock = 1_000i64;
        for (step, back, action) in actions {
            clock += if back { -step } else { step };
            pair.act(Instant::new(Duration::from_secs(clock.max(0) as u64)), action);
        }
        // With nobody answering any more, following the deadlines ends every job that was started (I10), and each
        // step on the way makes progress (I8).
        for _ in 0..10_000 {
            let Some(at) = pair.wait else { break };
            let before = (pair.records(), pair.wait);
            pair.act(at, Action::Tick);
            prop_assert_ne!(before, (pair.records(), pair.wait), "the deadline changed nothing");
        }
        prop_assert_eq!(pair.wait, None);
        for job in pair.fanout.jobs() {
            prop_assert!(job.state().is_over() || job.state() == gwmo_model::JobState::Draft, "{:?}", job.state());
        }
    }

    /// The same of many jobs for few devices: whoever gets a device, the others have their turns, and nobody waits for what
    /// is free.
    #[test]
    fn many_jobs_do_what_the_oracle_says(
        window in 1..6u32,
        jobs in prop::collection::vec(
            (prop::collection::vec(serial(), 0..9), prop::collection::vec(op(), 1..3), policy()),
            5..14,
        ),
        actions in prop::collection::vec((0..20u64, action_of(14)), 1..80),
    ) {
        let (mut pair, mut now) = (Pair::with_jobs(window, 14), Instant::EPOCH);
        for (number, (targets, ops, policy)) in (1..).zip(jobs) {
            pair.act(now, Action::Add { targets, away: Vec::new(), ops, policy });
            pair.act(now, Action::Start(number));
        }
        for (step, action) in actions {
            now = now + Duration::from_secs(step);
            pair.act(now, action);
        }
        for _ in 0..10_000 {
            let Some(at) = pair.wait else { break };
            pair.act(at, Action::Tick);
        }
        prop_assert_eq!(pair.wait, None);
    }

    /// I13: what was denied is over for that job, whatever the device and the clock do next; other jobs are not touched
    /// by it (the oracle says what they do).
    #[test]
    fn i13_a_denial_is_the_last_word(
        actions in prop::collection::vec(
            (0..30u64, prop_oneof![2 => (0..4usize).prop_map(Action::Denied), 5 => action()]),
            1..100,
        ),
    ) {
        let (mut pair, mut now) = (Pair::new(3), Instant::EPOCH);
        for (step, action) in actions {
            now = now + Duration::from_secs(step);
            pair.act(now, action);
        }
        while let Some(at) = pair.wait {
            pair.act(at, Action::Tick);
        }
        for (job, serial) in &pair.denied {
            if let Some(record) = pair.fanout.job(*job).and_then(|job| job.record(*serial)) {
                prop_assert!(
                    matches!(record.state(), TargetState::Skipped | TargetState::Indeterminate | TargetState::TimedOut),
                    "{:?}", record.state()
                );
            }
        }
    }

    /// The same inputs give the same outputs, and ticks in between change nothing.
    #[test]
    fn replay_is_exact(
        actions in prop::collection::vec((0..30u64, action()), 1..80),
        ticks in prop::collection::vec(any::<bool>(), 80),
    ) {
        let run = |extra_ticks: bool| {
            let mut pair = Pair::new(2);
            let mut now = Instant::EPOCH;
            let mut states = Vec::new();
            for ((step, action), tick) in actions.iter().cloned().zip(&ticks) {
                now = now + Duration::from_secs(step);
                // A tick at a time that has passed is always spurious, unless something is overdue already.
                if extra_ticks && *tick && pair.wait.is_none_or(|at| at > now) {
                    pair.act(Instant::EPOCH, Action::Tick);
                }
                pair.act(now, action);
                states.push((pair.records(), pair.tickets.clone(), pair.wait));
            }
            states
        };
        let once = run(false);
        prop_assert_eq!(&once, &run(false));
        prop_assert_eq!(&once, &run(true));
    }
}

/// How a device behaves in the confluence test, whoever asks and whenever.
#[derive(Clone, Copy, Debug)]
enum Habit {
    Answers(u16),
    Ignores,
    CannotBeNotified,
    Hangs,
    Refuses,
    NotAllowed,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// I12: in whatever order independent devices get round to it, the final records are the same.
    #[test]
    fn order_of_devices_does_not_matter(
        habits in prop::collection::vec(prop_oneof![
            prop_oneof![Just(200u16), Just(404), Just(425)].prop_map(Habit::Answers),
            Just(Habit::Ignores), Just(Habit::CannotBeNotified), Just(Habit::Hangs), Just(Habit::Refuses),
            Just(Habit::NotAllowed),
        ], 1..12),
        exec in any::<bool>(),
        seeds in prop::array::uniform2(any::<u64>()),
        windows in prop::array::uniform2(1..6u32),
    ) {
        let [one, other] = [0, 1].map(|n| finish(&habits, exec, seeds[n], windows[n]));
        prop_assert_eq!(one, other);
    }
}

/// Runs one job to its end, picking the next event at random among those that can happen.
fn finish(habits: &[Habit], exec: bool, seed: u64, window: u32) -> Vec<String> {
    let mut random = seed;
    let mut pick = move |bound: usize| {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (random >> 33) as usize % bound
    };
    let mut fanout = Fanout::new(FanoutLimits::default().with_window(window));
    let targets = (1..=habits.len() as u32).filter_map(Serial::new);
    let ops = [Op::replace(), if exec { Op::exec() } else { Op::get() }];
    let policy = Policy::default().with_retries(1).with_job_time(Duration::from_secs(1_000_000));
    let spec = JobSpec::new(ServerId::new("dms").unwrap(), JobKey::new("J").unwrap(), targets, ops);
    let job = fanout.handle_add(Instant::EPOCH, spec.with_policy(policy)).unwrap();
    fanout.handle_start(Instant::EPOCH, job).unwrap();

    let mut now = Instant::EPOCH;
    let mut waiting: Vec<FanoutOutput> = Vec::new();
    loop {
        let wait = loop {
            match fanout.poll_output() {
                FanoutOutput::Wait(at) => break at,
                output @ (FanoutOutput::Notify { .. } | FanoutOutput::Deliver { .. }) => waiting.push(output),
                FanoutOutput::Abort { serial } => fanout.handle_session_closed(now, serial, SessionEnd::Lost),
                FanoutOutput::Persist(seq, _) => fanout.handle_persisted(now, seq),
                _ => {}
            }
        };
        if waiting.is_empty() {
            let Some(at) = wait else { break };
            now = at;
            fanout.handle_tick(now);
            continue;
        }
        let output = waiting.swap_remove(pick(waiting.len()));
        let habit = |ticket: Ticket| habits[ticket.serial.get() as usize - 1];
        match output {
            FanoutOutput::Notify { ticket } => match habit(ticket) {
                Habit::Ignores => fanout.handle_notify_sent(now, ticket),
                Habit::CannotBeNotified => fanout.handle_notify_failed(now, ticket),
                Habit::NotAllowed => fanout.handle_denied(now, ticket, StatusCode::PERMISSION_DENIED),
                _ => fanout.handle_session_opened(now, ticket.serial),
            },
            FanoutOutput::Deliver { ticket, ops } => match habit(ticket) {
                Habit::Answers(code) => {
                    for op in ops {
                        fanout.handle_answer(now, ticket, op, Answer::new(StatusCode::new(code)));
                    }
                    fanout.handle_session_closed(now, ticket.serial, SessionEnd::Clean);
                }
                Habit::Refuses => {
                    let end = SessionEnd::Refused(StatusCode::INVALID_CREDENTIALS);
                    fanout.handle_session_closed(now, ticket.serial, end);
                }
                _ => {}
            },
            _ => {}
        }
    }
    let view = fanout.job(job).unwrap();
    assert!(view.state().is_over());
    let mut lines: Vec<String> = view
        .records(..)
        .map(|record| {
            let statuses: Vec<_> = record.ops().map(|op| op.status().map(StatusCode::get)).collect();
            format!(
                "{} {} {:?} {} {statuses:?}",
                record.serial(),
                record.state(),
                record.code(),
                record.tries()
            )
        })
        .collect();
    lines.push(format!("{:?} {:?}", view.counters(), view.report().buckets));
    lines
}
