//! One job from its start to its end, in whatever order devices get round to it and wherever the gateway stops.

use std::time::Duration;

use dm_syncml::{Instant, RecordSeq, StatusCode};
use dm_tree::ServerId;
use gwmo_model::{
    Answer, Fanout, FanoutLimits, FanoutOutput, FanoutRecord, JobKey, JobSpec, Op, Policy, SessionEnd, Ticket,
};
use proptest::prelude::*;

use crate::world::serial;

/// What a device does, whoever asks and whenever.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Habit {
    Answers(u16),
    Ignores,
    CannotBeNotified,
    LosesTheAnswer,
    NotAllowed,
}

impl Habit {
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        let answers = prop_oneof![Just(200u16), Just(404), Just(425)].prop_map(Habit::Answers);
        prop_oneof![
            3 => answers,
            1 => Just(Self::Ignores),
            1 => Just(Self::CannotBeNotified),
            1 => Just(Self::LosesTheAnswer),
            1 => Just(Self::NotAllowed),
        ]
    }
}

/// The gateway stops after so many outputs, and so many of the records under way are stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop {
    after: usize,
    kept: usize,
}

impl Stop {
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        (1..120usize, 0..4usize).prop_map(|(after, kept)| Self { after, kept })
    }
}

/// What came of it.
pub(crate) struct Outcome {
    pub(crate) records: Vec<String>,
}

/// Plays it: `order` decides which of the devices does something next.
pub(crate) fn course(habits: &[Habit], exec: bool, window: u32, order: u64, stops: &[Stop]) -> Outcome {
    let mut random = order;
    let mut pick = move |bound: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % bound
    };
    let limits = FanoutLimits::default().with_window(window);
    let mut now = Instant::from_millis(5_000);
    let mut fanout = Fanout::new(limits);
    let (snapshot, mut records) = (fanout.snapshot(now), Vec::new());
    let targets = (1..=habits.len() as u32).map(serial);
    let ops = [Op::replace(), if exec { Op::exec() } else { Op::get() }];
    let policy = Policy::default().with_retries(1).with_job_time(Duration::from_secs(1_000_000));
    let spec = JobSpec::new(ServerId::new("dms").unwrap(), JobKey::new("J").unwrap(), targets, ops);
    let job = fanout.handle_add(now, spec.with_policy(policy)).unwrap();
    fanout.handle_start(now, job).unwrap();
    let mut pending: Vec<(RecordSeq, FanoutRecord)> = Vec::new();
    let mut waiting: Vec<FanoutOutput> = Vec::new();
    for outputs in 0.. {
        assert!(outputs < 100_000, "it does not end");
        // What was never stored as begun never was.
        let has_begun = records.len() > 2;
        if let Some(stop) = stops.iter().find(|stop| stop.after == outputs && has_begun) {
            records.extend(pending.drain(..).take(stop.kept).map(|(_, record)| record));
            pending.clear();
            waiting.clear();
            fanout = Fanout::restore(now, limits, snapshot.clone(), records.clone()).unwrap();
            continue;
        }
        match fanout.poll_output() {
            FanoutOutput::Persist(seq, record) => pending.push((seq, record)),
            output @ (FanoutOutput::Notify { .. } | FanoutOutput::Deliver { .. }) => waiting.push(output),
            FanoutOutput::Abort { serial } => fanout.handle_session_closed(now, serial, SessionEnd::Lost),
            FanoutOutput::Wait(at) => {
                if !pending.is_empty() {
                    for (seq, record) in pending.drain(..) {
                        records.push(record);
                        fanout.handle_persisted(now, seq);
                    }
                } else if !waiting.is_empty() {
                    let output = waiting.swap_remove(pick(waiting.len()));
                    respond(&mut fanout, now, habits, output);
                } else if let Some(at) = at {
                    now = now.max(at);
                    fanout.handle_tick(now);
                } else {
                    break;
                }
            }
            _ => {}
        }
    }
    let view = fanout.job(job).unwrap();
    assert!(view.state().is_over());
    let line = |record: gwmo_model::TargetRecord<'_>| {
        let statuses: Vec<_> = record.ops().map(|op| op.status().map(StatusCode::get)).collect();
        format!("{} {:?} {:?} {statuses:?}", record.serial(), record.state(), record.code())
    };
    Outcome { records: view.records(..).map(line).collect() }
}

fn respond(fanout: &mut Fanout, now: Instant, habits: &[Habit], output: FanoutOutput) {
    let habit = |ticket: Ticket| habits[ticket.serial.get() as usize - 1];
    match output {
        FanoutOutput::Notify { ticket } => match habit(ticket) {
            Habit::Ignores => fanout.handle_notify_sent(now, ticket),
            Habit::CannotBeNotified => fanout.handle_notify_failed(now, ticket),
            Habit::NotAllowed => fanout.handle_denied(now, ticket, StatusCode::PERMISSION_DENIED),
            _ => fanout.handle_session_opened(now, ticket.serial),
        },
        FanoutOutput::Deliver { ticket, ops } => {
            if let Habit::Answers(code) = habit(ticket) {
                for op in ops {
                    fanout.handle_answer(now, ticket, op, Answer::new(StatusCode::new(code)));
                }
                fanout.handle_session_closed(now, ticket.serial, SessionEnd::Clean);
            }
        }
        _ => {}
    }
}
