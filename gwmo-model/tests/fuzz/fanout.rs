//! Operations on a fanout as octets choose them, with restarts: nothing panics, counters sum, the window holds, every
//! effect has its record, and every job that was started ends.

use core::time::Duration;

use dm_syncml::{Instant, StatusCode};
use dm_tree::ServerId;
use gwmo_model::{
    Answer, Fanout, FanoutLimits, FanoutOutput, FanoutRecord, FanoutSnapshot, JobKey, JobNo, JobSpec,
    JobState, Offline, OnLimit, Op, Policy, RetryOn, Serial, SessionEnd, StartOptions, Ticket, UnsafePolicy,
    Which,
};

/// Octets as choices; none left is zero.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn octet(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::from(self.octet()) % of.len()]
    }

    fn serial(&mut self) -> Serial {
        Serial::new(u32::from(self.octet() % 8) + 1).expect("not zero")
    }

    fn job(&mut self) -> JobNo {
        JobNo::new(u32::from(self.octet() % 5))
    }

    fn seconds(&mut self) -> Duration {
        Duration::from_secs(self.octet().into())
    }

    fn policy(&mut self) -> Policy {
        Policy::default()
            .with_window(u32::from(self.octet() % 4))
            .with_retries(u16::from(self.octet() % 3))
            .with_retry_on(RetryOn::from_bits(self.octet()))
            .with_rate(u32::from(self.octet() % 3) * 30)
            .with_stages(self.pick(&["", "1", "1,50%", "2,1,3"]).parse().expect("stages"))
            .with_offline(self.pick(&[Offline::Wait, Offline::Skip, Offline::Try, Offline::Fail]))
            .with_on_unsafe(self.pick(&[UnsafePolicy::Indeterminate, UnsafePolicy::Resend]))
            .with_max_fail(self.octet(), 1, self.pick(&[OnLimit::Note, OnLimit::Pause, OnLimit::Abort]))
            .with_release_jitter(self.seconds())
            .with_job_time(self.seconds() * 20)
    }
}

const OPS: [Op; 6] = [
    Op::get(),
    Op::replace(),
    Op::delete(),
    Op::exec().asynchronous(),
    Op::exec(),
    Op::replace().stop_on_error(),
];

struct World {
    fanout: Fanout,
    snapshot: FanoutSnapshot,
    records: Vec<FanoutRecord>,
    tickets: Vec<Ticket>,
    now: Instant,
}

fn limits() -> FanoutLimits {
    FanoutLimits::default().with_window(3).with_max_jobs(4).with_max_stored(64).with_max_result(16)
}

impl World {
    fn drain(&mut self) {
        let mut outputs = 0;
        loop {
            match self.fanout.poll_output() {
                FanoutOutput::Persist(seq, record) => {
                    self.records.push(record);
                    self.fanout.handle_persisted(self.now, seq);
                }
                FanoutOutput::Notify { ticket } | FanoutOutput::Deliver { ticket, .. } => {
                    self.tickets.push(ticket);
                }
                FanoutOutput::Wait(_) => break,
                _ => {}
            }
            outputs += 1;
            assert!(outputs < 10_000, "outputs do not end");
            assert!(self.fanout.in_flight() <= 3, "the window");
        }
        for job in self.fanout.jobs() {
            let c = job.counters();
            let ends = c.ok
                + c.failed
                + c.timed_out
                + c.unreachable
                + c.refused
                + c.indeterminate
                + c.skipped
                + c.cancelled;
            assert_eq!(c.total, c.queued + c.in_flight + ends);
            assert_eq!(c.total as usize, job.records(..).len());
        }
    }

    fn ticket(&self, back: u8) -> Ticket {
        let back = usize::from(back % 8) + 1;
        let none = Ticket::new(JobNo::new(1), Serial::FIRST, 1);
        self.tickets.len().checked_sub(back).map_or(none, |at| self.tickets[at])
    }
}

pub(crate) fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let fanout = Fanout::new(limits());
    let snapshot = fanout.snapshot(Instant::EPOCH);
    let mut world = World {
        fanout,
        snapshot,
        records: Vec::new(),
        tickets: Vec::new(),
        now: Instant::from_millis(1_000_000),
    };
    let dms = ServerId::new("dms").expect("a name");
    let mut keys = 0;
    while !choices.0.is_empty() {
        let now = world.now;
        let fanout = &mut world.fanout;
        match choices.octet() % 24 {
            0 => {
                keys += 1;
                let targets: Vec<Serial> = (0..choices.octet() % 8).map(|_| choices.serial()).collect();
                let ops: Vec<Op> = (0..choices.octet() % 4).map(|_| choices.pick(&OPS)).collect();
                let key = JobKey::new(&keys.to_string()).expect("a number");
                let spec = JobSpec::new(dms.clone(), key, targets, ops).with_policy(choices.policy());
                let _ = fanout.handle_add(now, spec.with_live_targets());
            }
            1 => drop(fanout.handle_start(now, choices.job())),
            2 => {
                let options = StartOptions::new().after(choices.seconds()).gated();
                let _ = fanout.handle_start_with(now, choices.job(), options);
            }
            3 => drop(fanout.handle_gate(now, choices.job(), Ok(()))),
            4 => drop(fanout.handle_pause(now, choices.job())),
            5 => drop(fanout.handle_resume(now, choices.job())),
            6 => drop(fanout.handle_cancel(now, choices.job())),
            7 => drop(fanout.handle_retry(now, choices.job(), &Which::NotOk)),
            8 => {
                let _ = fanout.handle_joined(now, choices.job(), choices.serial(), true);
            }
            9 => {
                let _ = fanout.handle_remove(now, choices.job());
            }
            10 => fanout.handle_session_opened(now, choices.serial()),
            11 => fanout.handle_session_heard(now, choices.serial()),
            12 => {
                let end = choices.pick(&[
                    SessionEnd::Clean,
                    SessionEnd::Lost,
                    SessionEnd::Busy,
                    SessionEnd::Refused(StatusCode::INVALID_CREDENTIALS),
                ]);
                fanout.handle_session_closed(now, choices.serial(), end);
            }
            13 => fanout.handle_presence(now, choices.serial(), choices.octet() % 2 == 0),
            14 => fanout.handle_asleep(now, choices.serial(), choices.seconds()),
            15 => {
                world.now = now + choices.seconds();
                fanout.handle_tick(world.now);
            }
            16 => {
                let ticket = world.ticket(choices.octet());
                match choices.octet() % 4 {
                    0 => world.fanout.handle_notify_sent(now, ticket),
                    1 => world.fanout.handle_notify_failed(now, ticket),
                    2 => world.fanout.handle_busy(now, ticket),
                    _ => world.fanout.handle_denied(now, ticket, StatusCode::PERMISSION_DENIED),
                }
            }
            17 => {
                let ticket = world.ticket(choices.octet());
                world.fanout.handle_not_sent(now, ticket, (choices.octet() % 4).into());
            }
            18 => {
                world.snapshot = fanout.snapshot(now);
                world.records.clear();
            }
            19 => {
                let records = world.records.iter().cloned();
                world.fanout = Fanout::restore(now, limits(), world.snapshot.clone(), records)
                    .expect("what a fanout stored is a fanout");
            }
            20 => {
                let ticket = world.ticket(choices.octet());
                let status = StatusCode::new(choices.pick(&[200, 404, 500]));
                world.fanout.handle_async_done(
                    now,
                    ticket,
                    (choices.octet() % 4).into(),
                    Answer::new(status),
                );
            }
            _ => {
                let ticket = world.ticket(choices.octet());
                let status = StatusCode::new(choices.pick(&[200, 202, 404, 417, 418, 425, 500]));
                let answer = Answer::new(status).with_data(b"twelve octets");
                world.fanout.handle_answer(now, ticket, (choices.octet() % 4).into(), answer);
            }
        }
        world.drain();
    }
    for _ in 0..10_000 {
        let FanoutOutput::Wait(wait) = world.fanout.poll_output() else { panic!("not drained") };
        let Some(at) = wait else { break };
        world.now = world.now.max(at);
        world.fanout.handle_tick(world.now);
        world.drain();
    }
    assert_eq!(world.fanout.poll_output(), FanoutOutput::Wait(None));
    for job in world.fanout.jobs() {
        assert!(job.state().is_over() || matches!(job.state(), JobState::Draft | JobState::Scheduled));
    }
}
