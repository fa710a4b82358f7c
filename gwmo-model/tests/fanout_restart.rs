//! The fanout and restarts: at any point, with any part of the last records lost.

use core::time::Duration;
use std::collections::BTreeMap;

use dm_syncml::{Instant, RecordSeq, StatusCode};
use dm_tree::ServerId;
use gwmo_model::{
    Answer, Fanout, FanoutLimits, FanoutOutput, FanoutRecord, FanoutSnapshot, JobKey, JobNo, JobSpec,
    Offline, OnLimit, Op, Policy, ResultCode, RetryOn, Serial, SessionEnd, StartOptions, TargetState, Ticket,
    UnsafePolicy, Which,
};
use proptest::prelude::*;

/// What is kept of a fanout: a snapshot, and the records since.
#[derive(Clone)]
struct Store {
    snapshot: FanoutSnapshot,
    records: Vec<FanoutRecord>,
}

/// Whether devices are attached, and until when they sleep: what a gateway knows from its inventory.
type Presence = BTreeMap<u32, (bool, Instant)>;

impl Store {
    fn restore(&self, now: Instant, presence: &Presence) -> Fanout {
        let records = self.records.iter().cloned();
        let mut fanout = Fanout::restore(now, limits(), self.snapshot.clone(), records).unwrap();
        for (&device, &(attached, until)) in presence {
            fanout.handle_presence(now, serial(device), attached);
            if until > now {
                fanout.handle_asleep(now, serial(device), until - now);
            }
        }
        fanout
    }
}

fn limits() -> FanoutLimits {
    FanoutLimits::default().with_window(3).with_max_jobs(5)
}

fn serial(number: u32) -> Serial {
    Serial::new(number).unwrap()
}

/// Everything that can be seen of a fanout but times, revisions, and what a target waits for: that follows from time
/// and presence, which are not stored.
fn seen(fanout: &Fanout) -> Vec<String> {
    let mut lines = Vec::new();
    for job in fanout.jobs() {
        lines.push(format!(
            "{} {:?} {:?} {:?} {:?} {:?} {} {:?} {}",
            job.number(),
            job.state(),
            job.result(),
            job.counters(),
            job.policy(),
            job.stage(),
            job.round(),
            job.sub_counters(),
            job.is_cut(),
        ));
        for record in job.records(..) {
            let ops: Vec<String> = record
                .ops()
                .map(|op| {
                    format!(
                        "{:?} {} {} {:?} {:?} {:?}",
                        op.status(),
                        op.was_delivered(),
                        op.was_replayed(),
                        op.data(),
                        op.cut(),
                        op.format()
                    )
                })
                .collect();
            use TargetState as S;
            let waits = matches!(record.state(), S::Queued | S::WaitAttach | S::Backoff);
            let state = if waits { S::Queued } else { record.state() };
            lines.push(format!(
                "  {} {:?} {:?} {:?} {} {} {} {ops:?}",
                record.serial(),
                state,
                record.code(),
                record.earlier_code(),
                record.tries(),
                record.was_cancelled(),
                record.has_late_result(),
            ));
        }
    }
    lines
}

#[expect(clippy::large_enum_variant, reason = "a policy is passed around once in a test")]
#[derive(Clone, Debug)]
enum Action {
    Add { targets: Vec<u32>, ops: Vec<Op>, policy: Policy, live: bool },
    Start(u32, Option<u64>, bool),
    Gate(u32, bool),
    Pause(u32),
    Resume(u32),
    Cancel(u32),
    Revoke,
    Retry(u32),
    Join(u32, u32),
    Remove(u32),
    Reported(u32),
    Window(u32, u32),
    NotifyFailed(usize),
    Denied(usize),
    Busy(usize),
    NotSent(usize, u16),
    Answer(usize, u16, u16, bool),
    AsyncDone(usize, u16, u16),
    Child(usize, u16, u16),
    Opened(u32),
    OpenNotified,
    AnswerAll(u16),
    Closed(u32, u8),
    Presence(u32, bool),
    Asleep(u32, u64),
    Tick(u64),
    Snapshot,
    Crash(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        Just(Op::get()),
        Just(Op::replace()),
        Just(Op::delete()),
        Just(Op::add()),
        Just(Op::exec()),
        Just(Op::exec().asynchronous()),
        Just(Op::replace().stop_on_error()),
    ]
}

fn policy() -> impl Strategy<Value = Policy> {
    let offline =
        prop_oneof![Just(Offline::Wait), Just(Offline::Skip), Just(Offline::Try), Just(Offline::Fail)];
    let on_unsafe = prop_oneof![Just(UnsafePolicy::Indeterminate), Just(UnsafePolicy::Resend)];
    let on_limit = prop_oneof![Just(OnLimit::Note), Just(OnLimit::Pause), Just(OnLimit::Abort)];
    let stages = prop_oneof![Just(""), Just("1"), Just("1,50%"), Just("2,3")];
    (0..4u32, 0..4u16, 0..16u8, offline, on_unsafe, on_limit, stages, 0..101u8, 0..60u32).prop_map(
        |(window, retries, retry_on, offline, on_unsafe, on_limit, stages, max_fail, rate)| {
            // The pause of a device that came back is not stored, so one that leaves again in it may be left out at
            // once after a restart rather than at the end of the pause: the same end, and another time.
            let left_out = matches!(offline, Offline::Skip | Offline::Fail);
            let jitter = if left_out { 0 } else { u64::from(rate % 3) };
            Policy::default()
                .with_window(window)
                .with_retries(retries)
                .with_retry_on(RetryOn::from_bits(retry_on))
                .with_retry_wait(Duration::from_secs(5), Duration::from_secs(15))
                .with_job_time(Duration::from_secs(400))
                .with_t_async(Duration::from_secs(90))
                .with_offline(offline)
                .with_on_unsafe(on_unsafe)
                .with_max_fail(max_fail, 1, on_limit)
                .with_stages(stages.parse().unwrap())
                .with_rate(if rate < 30 { 0 } else { rate })
                .with_release_jitter(Duration::from_secs(jitter))
                .with_keep((rate % 5 == 0).then_some(Duration::from_secs(100)))
        },
    )
}

fn action() -> impl Strategy<Value = Action> {
    let job = || 1..5u32;
    let device = || 1..8u32;
    let set = || prop::collection::vec(device(), 0..7);
    let status = || prop_oneof![4 => Just(200u16), 2 => Just(202), 1 => Just(404), 1 => Just(418), 1 => Just(500), 1 => Just(417)];
    prop_oneof![
        3 => (set(), prop::collection::vec(op(), 1..4), policy(), any::<bool>())
            .prop_map(|(targets, ops, policy, live)| Action::Add { targets, ops, policy, live }),
        5 => job().prop_map(|job| Action::Start(job, None, false)),
        1 => (job(), prop::option::of(1..50u64), any::<bool>()).prop_map(|(job, after, gated)| Action::Start(job, after, gated)),
        1 => (job(), any::<bool>()).prop_map(|(job, ok)| Action::Gate(job, ok)),
        1 => job().prop_map(Action::Pause),
        2 => job().prop_map(Action::Resume),
        2 => job().prop_map(Action::Cancel),
        1 => Just(Action::Revoke),
        2 => job().prop_map(Action::Retry),
        1 => (job(), device()).prop_map(|(job, device)| Action::Join(job, device)),
        1 => job().prop_map(Action::Remove),
        1 => job().prop_map(Action::Reported),
        1 => (job(), 0..4u32).prop_map(|(job, window)| Action::Window(job, window)),
        1 => (0..6usize).prop_map(Action::NotifyFailed),
        1 => (0..6usize).prop_map(Action::Denied),
        1 => (0..6usize).prop_map(Action::Busy),
        1 => (0..6usize, 0..3u16).prop_map(|(ticket, op)| Action::NotSent(ticket, op)),
        6 => (0..6usize, 0..3u16, status(), any::<bool>()).prop_map(|(ticket, op, status, data)| Action::Answer(ticket, op, status, data)),
        2 => (0..9usize, 0..3u16, status()).prop_map(|(ticket, op, status)| Action::AsyncDone(ticket, op, status)),
        1 => (0..9usize, 0..3u16, 1200..1203u16).prop_map(|(ticket, op, code)| Action::Child(ticket, op, code)),
        2 => device().prop_map(Action::Opened),
        6 => Just(Action::OpenNotified),
        4 => status().prop_map(Action::AnswerAll),
        3 => (device(), 0..4u8).prop_map(|(device, end)| Action::Closed(device, end)),
        2 => (device(), any::<bool>()).prop_map(|(device, there)| Action::Presence(device, there)),
        1 => (device(), 0..40u64).prop_map(|(device, rest)| Action::Asleep(device, rest)),
        4 => (0..40u64).prop_map(Action::Tick),
        1 => Just(Action::Snapshot),
        2 => (0..4usize).prop_map(Action::Crash),
    ]
}

/// A fanout, what is stored of it, and what a caller knows of it.
struct World {
    fanout: Fanout,
    store: Store,
    /// Records that are handed out and not stored.
    pending: Vec<(RecordSeq, FanoutRecord)>,
    now: Instant,
    tickets: Vec<Ticket>,
    delivered: Vec<(Ticket, core::ops::Range<u16>)>,
    notified: Vec<Serial>,
    jobs: u32,
    presence: Presence,
}

impl World {
    fn new() -> Self {
        let fanout = Fanout::new(limits());
        let snapshot = fanout.snapshot(Instant::EPOCH);
        Self {
            fanout,
            store: Store { snapshot, records: Vec::new() },
            pending: Vec::new(),
            now: Instant::from_millis(1_000_000),
            tickets: Vec::new(),
            delivered: Vec::new(),
            notified: Vec::new(),
            jobs: 0,
            presence: Presence::new(),
        }
    }

    fn ticket(&self, back: usize) -> Ticket {
        let none = Ticket::new(JobNo::new(9), Serial::FIRST, 1);
        self.tickets.len().checked_sub(back + 1).map_or(none, |index| self.tickets[index])
    }

    /// Drains it, storing everything but the last `keep_back` records.
    fn drain(&mut self, keep_back: usize) {
        for _ in 0..10_000 {
            match self.fanout.poll_output() {
                FanoutOutput::Persist(seq, record) => {
                    self.pending.push((seq, record));
                    while self.pending.len() > keep_back {
                        let (seq, record) = self.pending.remove(0);
                        self.store.records.push(record);
                        self.fanout.handle_persisted(self.now, seq);
                    }
                }
                FanoutOutput::Notify { ticket } => {
                    let stored = self.store.records.iter().any(|record| record.dispatches() == Some(ticket));
                    assert!(stored || self.is_in_snapshot(), "I5: {ticket:?} before its record");
                    self.tickets.push(ticket);
                    self.notified.push(ticket.serial);
                }
                FanoutOutput::Deliver { ticket, ops } => {
                    let stored = self
                        .store
                        .records
                        .iter()
                        .any(|record| record.delivers() == Some((ticket, ops.clone())));
                    assert!(stored || self.is_in_snapshot(), "I5: {ticket:?} {ops:?} before its record");
                    self.tickets.push(ticket);
                    self.delivered.push((ticket, ops));
                }
                FanoutOutput::Wait(_) => return,
                _ => {}
            }
            assert!(self.fanout.in_flight() <= 3, "I2");
        }
        panic!("outputs do not end");
    }

    /// A snapshot was taken since the effect was decided, so that the record may be in it.
    fn is_in_snapshot(&self) -> bool {
        self.store.snapshot.jobs().len() > 0
    }

    fn act(&mut self, action: Action) {
        let now = self.now;
        let dms = ServerId::new("dms").unwrap();
        let fanout = &mut self.fanout;
        match action {
            Action::Add { targets, ops, policy, live } => {
                let away =
                    self.presence.iter().filter(|(_, (attached, _))| !attached).map(|(device, _)| *device);
                self.jobs += 1;
                let key = JobKey::new(&format!("J{}", self.jobs)).unwrap();
                let mut spec = JobSpec::new(dms, key, targets.into_iter().map(serial), ops)
                    .with_policy(policy)
                    .with_detached(away.map(serial));
                if live {
                    spec = spec.with_live_targets();
                }
                let _ = fanout.handle_add(now, spec);
            }
            Action::Start(job, after, gated) => {
                let mut options = StartOptions::new().with_correlator("c");
                if let Some(after) = after {
                    options = options.after(Duration::from_secs(after));
                }
                let options = if gated { options.gated() } else { options };
                let _ = fanout.handle_start_with(now, JobNo::new(job), options);
            }
            Action::Gate(job, ok) => {
                let verdict = if ok { Ok(()) } else { Err(ResultCode::HASH_MISMATCH) };
                let _ = fanout.handle_gate(now, JobNo::new(job), verdict);
            }
            Action::Pause(job) => {
                let _ = fanout.handle_pause(now, JobNo::new(job));
            }
            Action::Resume(job) => {
                let _ = fanout.handle_resume(now, JobNo::new(job));
            }
            Action::Cancel(job) => {
                let _ = fanout.handle_cancel(now, JobNo::new(job));
            }
            Action::Revoke => {
                fanout.handle_revoked(now, &dms);
            }
            Action::Retry(job) => {
                let _ = fanout.handle_retry(now, JobNo::new(job), &Which::NotOk);
            }
            Action::Join(job, device) => {
                let there = self.presence.get(&device).is_none_or(|(attached, _)| *attached);
                let _ = fanout.handle_joined(now, JobNo::new(job), serial(device), there);
            }
            Action::Remove(job) => {
                let _ = fanout.handle_remove(now, JobNo::new(job));
            }
            Action::Reported(job) => fanout.handle_reported(now, JobNo::new(job), 1),
            Action::Window(job, window) => {
                let _ = fanout.handle_job_window(now, JobNo::new(job), window);
            }
            Action::NotifyFailed(back) => {
                let ticket = self.ticket(back);
                self.fanout.handle_notify_failed(now, ticket);
            }
            Action::Denied(back) => {
                let ticket = self.ticket(back);
                self.fanout.handle_denied(now, ticket, StatusCode::PERMISSION_DENIED);
            }
            Action::Busy(back) => {
                let ticket = self.ticket(back);
                self.fanout.handle_busy(now, ticket);
            }
            Action::NotSent(back, op) => {
                let ticket = self.ticket(back);
                self.fanout.handle_not_sent(now, ticket, op);
            }
            Action::Answer(back, op, status, data) => {
                let ticket = self.ticket(back);
                let mut answer = Answer::new(StatusCode::new(status));
                if data {
                    answer = answer.with_data(b"some data").with_format("chr");
                }
                self.fanout.handle_answer(now, ticket, op, answer);
            }
            Action::AsyncDone(back, op, status) => {
                let ticket = self.ticket(back);
                self.fanout.handle_async_done(now, ticket, op, Answer::new(StatusCode::new(status)));
            }
            Action::Child(back, op, code) => {
                let ticket = self.ticket(back);
                let counters = gwmo_model::Counters::default();
                self.fanout.handle_child_done(now, ticket, op, ResultCode::new(code), counters);
            }
            Action::Opened(device) => fanout.handle_session_opened(now, serial(device)),
            Action::OpenNotified => {
                for device in self.notified.drain(..) {
                    self.fanout.handle_session_opened(now, device);
                }
            }
            Action::AnswerAll(status) => {
                for (ticket, ops) in core::mem::take(&mut self.delivered) {
                    for op in ops {
                        self.fanout.handle_answer(now, ticket, op, Answer::new(StatusCode::new(status)));
                    }
                }
            }
            Action::Closed(device, end) => {
                let end = match end {
                    0 => SessionEnd::Clean,
                    1 => SessionEnd::Lost,
                    2 => SessionEnd::Busy,
                    _ => SessionEnd::Refused(StatusCode::INVALID_CREDENTIALS),
                };
                fanout.handle_session_closed(now, serial(device), end);
            }
            Action::Presence(device, there) => {
                fanout.handle_presence(now, serial(device), there);
                self.presence.insert(device, (there, now));
            }
            Action::Asleep(device, rest) => {
                fanout.handle_asleep(now, serial(device), Duration::from_secs(rest))
            }
            Action::Tick(seconds) => {
                self.now = now + Duration::from_secs(seconds);
                fanout.handle_tick(self.now);
            }
            Action::Snapshot => {
                // Everything before it is in it, stored or not.
                self.drain(0);
                let snapshot = self.fanout.snapshot(self.now);
                self.store = Store { snapshot, records: Vec::new() };
            }
            Action::Crash(lost) => {
                self.drain(lost);
                self.pending.clear();
                self.fanout = self.store.restore(self.now, &self.presence);
                self.delivered.clear();
                self.notified.clear();
                // What it finds out by itself is stored like everything else.
                self.drain(0);
            }
        }
    }

    fn check(&self) {
        for job in self.fanout.jobs() {
            let c = job.counters();
            let ends = [
                c.ok,
                c.failed,
                c.timed_out,
                c.unreachable,
                c.refused,
                c.indeterminate,
                c.skipped,
                c.cancelled,
            ];
            assert_eq!(c.total, c.queued + c.in_flight + ends.iter().sum::<u32>(), "I1");
            assert_eq!(c.total as usize, job.records(..).len(), "I1");
            let mut counted: BTreeMap<TargetState, u32> = BTreeMap::new();
            for record in job.records(..) {
                *counted.entry(record.state()).or_default() += 1;
            }
            assert_eq!(c.ok, counted.get(&TargetState::Ok).copied().unwrap_or(0));
            assert_eq!(job.state().is_over(), job.result().is_some());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Whatever happens, what is stored makes the same fanout as a snapshot of now does.
    #[test]
    fn records_on_a_snapshot_are_a_snapshot(actions in prop::collection::vec(action(), 1..100)) {
        let mut world = World::new();
        for action in actions {
            world.act(action);
            world.drain(0);
            world.check();
            let now = world.now;
            let by_records = world.store.restore(now, &world.presence);
            let direct = Store { snapshot: world.fanout.snapshot(now), records: Vec::new() }.restore(now, &world.presence);
            prop_assert_eq!(seen(&by_records), seen(&direct));
        }
        // Nobody answers any more: every job that was started ends (I10), and the deadlines get there (I8).
        for _ in 0..10_000 {
            let Some(at) = (match world.fanout.poll_output() { FanoutOutput::Wait(at) => at, _ => panic!("not drained") }) else { break };
            world.now = world.now.max(at);
            world.fanout.handle_tick(world.now);
            world.drain(0);
            world.check();
        }
        prop_assert_eq!(world.fanout.poll_output(), FanoutOutput::Wait(None));
        for job in world.fanout.jobs() {
            let waits = matches!(job.state(), gwmo_model::JobState::Draft | gwmo_model::JobState::Scheduled);
            prop_assert!(waits || job.state().is_over(), "{:?}", job.state());
        }
    }
}

/// The most octets of JSON that a fanout takes: for each job, target, operation and octet that is kept of an answer.
#[cfg(feature = "serde")]
fn most_octets(fanout: &Fanout) -> usize {
    let of_op = |op: gwmo_model::OpRecord<'_>| {
        let names = op.format().map_or(0, str::len) + op.media_type().map_or(0, str::len);
        128 + 4 * op.data().map_or(0, <[u8]>::len) + names
    };
    let of_target = |record: gwmo_model::TargetRecord<'_>| 192 + record.ops().map(of_op).sum::<usize>();
    1024 + fanout.jobs().map(|job| 2048 + job.records(..).map(of_target).sum::<usize>()).sum::<usize>()
}

#[cfg(feature = "serde")]
proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// I14, whatever has happened; and what is stored as text is what was stored.
    #[test]
    fn i14_snapshots_are_small(actions in prop::collection::vec(action(), 1..100)) {
        let mut world = World::new();
        for action in actions {
            world.act(action);
            world.drain(0);
            let snapshot = world.fanout.snapshot(world.now);
            let text = serde_json::to_string(&snapshot).unwrap();
            let most = most_octets(&world.fanout);
            prop_assert!(text.len() <= most, "{} octets, and {most} are the most:\n{text}", text.len());
            prop_assert_eq!(serde_json::from_str::<FanoutSnapshot>(&text).unwrap(), snapshot);
        }
    }
}

/// A job is cancelled while a device has its operations; the gateway stops twice. That the target was to be cancelled is
/// known after both.
#[test]
fn what_was_cancelled_is_known_after_two_restarts() {
    let now = Instant::from_millis(5_000);
    let mut fanout = Fanout::new(limits());
    let spec =
        JobSpec::new(ServerId::new("dms").unwrap(), JobKey::new("J").unwrap(), [serial(1)], [Op::get()]);
    let job = fanout.handle_add(now, spec).unwrap();
    fanout.handle_start(now, job).unwrap();
    let drain = |fanout: &mut Fanout| loop {
        match fanout.poll_output() {
            FanoutOutput::Persist(seq, _) => fanout.handle_persisted(now, seq),
            FanoutOutput::Notify { ticket } => fanout.handle_session_opened(now, ticket.serial),
            FanoutOutput::Wait(_) => break,
            _ => {}
        }
    };
    drain(&mut fanout);
    fanout.handle_cancel(now, job).unwrap();
    for _ in 0..3 {
        drain(&mut fanout);
        assert!(fanout.job(job).unwrap().record(serial(1)).unwrap().was_cancelled());
        fanout = Fanout::restore(now, limits(), fanout.snapshot(now), []).unwrap();
    }
}

/// A device that keeps count of what it did.
#[derive(Clone, Copy, Debug)]
enum Habit {
    Answers(u16),
    Ignores,
    LosesTheAnswer,
}

/// Runs one job to its end, with crashes after some of the outputs; the states at the end and how often each device
/// ran each operation.
fn run(
    habits: &[Habit],
    ops: &[Op],
    crashes: &[usize],
    lost: usize,
) -> (Vec<(TargetState, u16)>, Vec<Vec<u32>>) {
    let mut now = Instant::from_millis(5_000);
    let mut fanout = Fanout::new(limits());
    let mut store = Store { snapshot: fanout.snapshot(now), records: Vec::new() };
    let targets = (1..=habits.len() as u32).map(serial);
    let policy = Policy::default().with_retries(1).with_job_time(Duration::from_secs(1_000_000));
    let spec =
        JobSpec::new(ServerId::new("dms").unwrap(), JobKey::new("J").unwrap(), targets, ops.iter().copied());
    let job = fanout.handle_add(now, spec.with_policy(policy)).unwrap();
    fanout.handle_start(now, job).unwrap();
    let mut runs = vec![vec![0; ops.len()]; habits.len()];
    let mut pending: Vec<(RecordSeq, FanoutRecord)> = Vec::new();
    let mut steps = 0;
    let mut announced = 0;
    loop {
        steps += 1;
        if crashes.contains(&steps) && fanout.job(job).is_some() && store.records.len() > 2 {
            pending.clear();
            fanout = store.restore(now, &Presence::new());
            continue;
        }
        let habit = |ticket: Ticket| habits[ticket.serial.get() as usize - 1];
        match fanout.poll_output() {
            FanoutOutput::Persist(seq, record) => {
                pending.push((seq, record));
                // Stored a few at a time, so that a crash loses some.
                if pending.len() > lost {
                    for (seq, record) in pending.drain(..) {
                        store.records.push(record);
                        fanout.handle_persisted(now, seq);
                    }
                }
            }
            FanoutOutput::Notify { ticket } => match habit(ticket) {
                Habit::Ignores => fanout.handle_notify_sent(now, ticket),
                _ => fanout.handle_session_opened(now, ticket.serial),
            },
            FanoutOutput::Deliver { ticket, ops } => {
                let device = ticket.serial.get() as usize - 1;
                for op in ops.clone() {
                    runs[device][usize::from(op)] += 1;
                }
                if let Habit::Answers(code) = habit(ticket) {
                    for op in ops {
                        fanout.handle_answer(now, ticket, op, Answer::new(StatusCode::new(code)));
                    }
                    fanout.handle_session_closed(now, ticket.serial, SessionEnd::Clean);
                }
            }
            FanoutOutput::Abort { serial } => fanout.handle_session_closed(now, serial, SessionEnd::Lost),
            FanoutOutput::JobEnded { job, round, .. } => {
                announced += 1;
                fanout.handle_reported(now, job, round);
            }
            FanoutOutput::Wait(at) => {
                if !pending.is_empty() {
                    for (seq, record) in pending.drain(..) {
                        store.records.push(record);
                        fanout.handle_persisted(now, seq);
                    }
                    continue;
                }
                let Some(at) = at else { break };
                now = now.max(at);
                fanout.handle_tick(now);
            }
            _ => {}
        }
        assert!(steps < 100_000, "it does not end");
    }
    assert!(announced >= 1, "somebody must hear of the end");
    let view = fanout.job(job).unwrap();
    assert!(view.state().is_over());
    let records = view.records(..).map(|record| (record.state(), record.code().unwrap().get()));
    (records.collect(), runs)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// I6 and I11: crashes change no end of what may be repeated, and run nothing twice that must not be.
    #[test]
    fn crashes_are_not_seen_in_the_results(
        habits in prop::collection::vec(prop_oneof![
            prop_oneof![Just(200u16), Just(404), Just(425)].prop_map(Habit::Answers),
            Just(Habit::Ignores),
            Just(Habit::LosesTheAnswer),
        ], 1..8),
        exec in any::<bool>(),
        crashes in prop::collection::vec(1..120usize, 0..6),
        lost in 0..4usize,
    ) {
        let ops = [Op::replace(), if exec { Op::exec() } else { Op::get() }];
        let (calm, _) = run(&habits, &ops, &[], 0);
        let (crashed, runs) = run(&habits, &ops, &crashes, lost);
        if !exec {
            prop_assert_eq!(calm, crashed);
        } else {
            for runs in runs {
                prop_assert!(runs[1] <= 1, "an Exec ran {} times", runs[1]);
            }
        }
    }
}

/// I14, and that what is stored can be stored as text: at most 96 octets of JSON for each target that is not under way
/// and like others.
#[cfg(feature = "serde")]
#[test]
fn snapshots_are_small_and_travel_as_text() {
    let mut fanout = Fanout::new(FanoutLimits::default());
    let now = Instant::from_millis(5_000);
    let dms = ServerId::new("dms").unwrap();
    let spec = JobSpec::new(dms, JobKey::new("J").unwrap(), (1..=1000).map(serial), [Op::get(), Op::exec()]);
    let job = fanout.handle_add(now, spec.with_policy(Policy::default().with_window(64))).unwrap();
    fanout.handle_start(now, job).unwrap();
    let mut records = Vec::new();
    for step in 0..3000 {
        match fanout.poll_output() {
            FanoutOutput::Persist(seq, record) => {
                records.push(record);
                fanout.handle_persisted(now, seq);
            }
            FanoutOutput::Notify { ticket } => fanout.handle_session_opened(now, ticket.serial),
            FanoutOutput::Deliver { ticket, ops } if step < 2900 => {
                for op in ops {
                    fanout.handle_answer(now, ticket, op, Answer::new(StatusCode::OK).with_data(b"2.1.0"));
                }
            }
            _ => {}
        }
    }
    let snapshot = fanout.snapshot(now);
    let text = serde_json::to_string(&snapshot).unwrap();
    let in_flight = fanout.in_flight();
    assert!(text.len() <= 4096 + 1000 * 96 + in_flight * 256, "{} octets", text.len());
    let back: FanoutSnapshot = serde_json::from_str(&text).unwrap();
    assert_eq!(back, snapshot);
    for record in records {
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<FanoutRecord>(&text).unwrap(), record);
    }
    // Whatever is cut off or changed in it is refused or restored, never worse.
    let restored = Fanout::restore(now, limits(), back, []).unwrap();
    assert_eq!(restored.job(job).unwrap().records(..).len(), 1000);
    for (from, to) in
        [("\"version\":1", "\"version\":2"), ("\"next\":2", "\"next\":1"), ("[1,\"Ok\"", "[2,\"Ok\"")]
    {
        assert!(text.contains(from), "{from}");
        let changed: FanoutSnapshot = serde_json::from_str(&text.replacen(from, to, 1)).unwrap();
        assert!(Fanout::restore(now, limits(), changed, []).is_err(), "{from}");
    }
}

/// A device owes an answer when its job is cancelled: it says so whether it comes from a snapshot or from records.
#[test]
fn who_owed_an_answer_at_the_cancel_is_known_after_a_restart() {
    let mut world = World::new();
    let policy = Policy::default();
    world.act(Action::Add { targets: vec![1], ops: vec![Op::get()], policy, live: false });
    for action in [Action::Start(1, None, false), Action::OpenNotified, Action::Cancel(1)] {
        world.act(action);
        world.drain(0);
    }
    let by_records = world.store.restore(world.now, &world.presence);
    let snapshot = Store { snapshot: world.fanout.snapshot(world.now), records: Vec::new() };
    assert_eq!(seen(&by_records), seen(&snapshot.restore(world.now, &world.presence)));
}
