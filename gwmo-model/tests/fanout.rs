//! The fanout: scenarios by requirement and by failure, then what no peer should be able to do to it.

use core::ops::Bound::{Excluded, Unbounded};
use core::time::Duration;

use dm_syncml::{Instant, StatusCode};
use dm_tree::ServerId;
use gwmo_model::{
    Answer, Fanout, FanoutLimits, FanoutOutput, JobErrorKind, JobKey, JobNo, JobSpec, JobState, Offline, Op,
    Policy, ResultCode, Serial, SessionEnd, TargetState, Ticket, UnsafePolicy,
};

fn at(seconds: u64) -> Instant {
    Instant::new(Duration::from_secs(seconds))
}

fn serial(number: u32) -> Serial {
    Serial::new(number).unwrap()
}

fn server() -> ServerId {
    ServerId::new("dms").unwrap()
}

fn spec(key: &str, targets: u32, ops: &[Op]) -> JobSpec {
    let key = JobKey::new(key).unwrap();
    JobSpec::new(server(), key, (1..=targets).map(serial), ops.iter().copied())
}

fn started(fanout: &mut Fanout, now: Instant, spec: JobSpec) -> JobNo {
    let job = fanout.handle_add(now, spec).unwrap();
    assert_eq!(fanout.handle_start(now, job).unwrap().status(), StatusCode::ACCEPTED);
    job
}

/// Everything up to `Wait` but the news about jobs, and what it waits for.
fn drain(fanout: &mut Fanout) -> (Vec<FanoutOutput>, Option<Instant>) {
    let mut outputs = Vec::new();
    loop {
        match fanout.poll_output() {
            FanoutOutput::Wait(at) => return (outputs, at),
            FanoutOutput::JobChanged { .. } | FanoutOutput::Audit(_) => {}
            FanoutOutput::Persist(seq, _) => fanout.handle_persisted(Instant::EPOCH, seq),
            output => outputs.push(output),
        }
    }
}

fn ticket(job: JobNo, number: u32, attempt: u16) -> Ticket {
    Ticket::new(job, serial(number), attempt)
}

fn notify(job: JobNo, number: u32, attempt: u16) -> FanoutOutput {
    FanoutOutput::Notify { ticket: ticket(job, number, attempt) }
}

fn deliver(job: JobNo, number: u32, attempt: u16, ops: core::ops::Range<u16>) -> FanoutOutput {
    FanoutOutput::Deliver { ticket: ticket(job, number, attempt), ops }
}

fn ended(job: JobNo, result: ResultCode) -> FanoutOutput {
    FanoutOutput::JobEnded { job, round: 1, result }
}

fn ok() -> Answer<'static> {
    Answer::new(StatusCode::OK)
}

fn state(fanout: &Fanout, job: JobNo, number: u32) -> (TargetState, u16) {
    let record = fanout.job(job).unwrap().record(serial(number)).unwrap();
    (record.state(), record.code().map_or(0, ResultCode::get))
}

#[test]
fn gwmo_fora_001_commands_reach_the_desired_set() {
    let mut fanout = Fanout::new(FanoutLimits::default());
    let job = fanout.handle_add(at(0), spec("J1", 3, &[Op::replace(), Op::get()])).unwrap();
    assert_eq!(drain(&mut fanout), (vec![], None), "a draft sends nothing");
    fanout.handle_start(at(0), job).unwrap();
    assert_eq!(drain(&mut fanout).0, [notify(job, 1, 1), notify(job, 2, 1), notify(job, 3, 1)]);
    for number in 1..=3 {
        fanout.handle_notify_sent(at(1), ticket(job, number, 1));
        fanout.handle_session_opened(at(2), serial(number));
        assert_eq!(drain(&mut fanout).0, [deliver(job, number, 1, 0..2)]);
    }
    for number in 1..=3 {
        fanout.handle_answer(at(3), ticket(job, number, 1), 0, ok());
        let version =
            Answer::new(StatusCode::OK).with_data(b"2.1.0").with_format("chr").with_media_type("text/plain");
        fanout.handle_answer(at(3), ticket(job, number, 1), 1, version);
        fanout.handle_session_closed(at(4), serial(number), SessionEnd::Clean);
    }
    assert_eq!(drain(&mut fanout), (vec![ended(job, ResultCode::ALL_OK)], None));
    let view = fanout.job(job).unwrap();
    assert_eq!((view.state(), view.state().number()), (JobState::Completed, 5));
    let op = view.record(serial(2)).unwrap().op(1).unwrap();
    assert_eq!((op.data(), op.cut()), (Some(&b"2.1.0"[..]), None));
    assert_eq!((op.format(), op.media_type()), (Some("chr"), Some("text/plain")));
}

#[test]
fn gwmo_fora_002_a_hundred_answers_in_one() {
    let mut fanout = Fanout::new(FanoutLimits::default().with_window(1000));
    let job = started(
        &mut fanout,
        at(0),
        spec("J1", 100, &[Op::get()]).with_policy(Policy::default().with_window(100)),
    );
    drain(&mut fanout);
    for number in (1..=100).filter(|number| *number != 50) {
        fanout.handle_session_opened(at(1), serial(number));
        let code = if number == 20 || number == 21 { 404 } else { 200 };
        drain(&mut fanout);
        fanout.handle_answer(at(1), ticket(job, number, 1), 0, Answer::new(StatusCode::new(code)));
    }
    fanout.handle_tick(at(60));
    assert_eq!(drain(&mut fanout), (vec![ended(job, ResultCode::NOT_ALL_OK)], None));
    let report = fanout.job(job).unwrap().report();
    let counters = report.counters;
    assert_eq!((counters.total, counters.ok, counters.failed, counters.unreachable), (100, 97, 2, 1));
    let buckets: Vec<String> = report
        .buckets
        .iter()
        .map(|bucket| {
            let serials: Vec<String> = bucket.serials.iter().map(ToString::to_string).collect();
            assert_eq!(bucket.serials.iter().map(|range| range.count()).sum::<u32>(), bucket.count);
            format!("{} {} {}: {}", bucket.count, bucket.state, bucket.code, serials.join(" "))
        })
        .collect();
    assert_eq!(buckets, ["97 ok 200: 1-19 22-49 51-100", "2 failed 404: 20-21", "1 unreachable 1409: 50"]);

    // I9: pages of records make up the whole, each target once.
    let view = fanout.job(job).unwrap();
    let (mut seen, mut last) = (Vec::new(), Unbounded);
    loop {
        let page: Vec<Serial> =
            view.records((last, Unbounded)).take(7).map(|record| record.serial()).collect();
        let Some(&end) = page.last() else { break };
        seen.extend(page);
        last = Excluded(end);
    }
    assert!(seen.into_iter().eq((1..=100).map(serial)));
}

#[test]
fn honest_ends_are_told_apart() {
    let mut fanout = Fanout::new(FanoutLimits::default());
    let policy = Policy::default().with_window(16);
    let job = started(&mut fanout, at(0), spec("J1", 7, &[Op::replace(), Op::exec()]).with_policy(policy));
    drain(&mut fanout);
    for number in [1, 2, 3, 4, 5, 6] {
        fanout.handle_session_opened(at(1), serial(number));
    }
    drain(&mut fanout);
    let answer = |fanout: &mut Fanout, number, op, code| {
        fanout.handle_answer(at(2), ticket(job, number, 1), op, Answer::new(StatusCode::new(code)));
    };
    answer(&mut fanout, 1, 0, 200);
    answer(&mut fanout, 1, 1, 202);
    answer(&mut fanout, 2, 0, 404);
    answer(&mut fanout, 2, 1, 200);
    answer(&mut fanout, 3, 1, 425); // in whatever order: the first bad one counts
    answer(&mut fanout, 3, 0, 425);
    answer(&mut fanout, 4, 1, 200); // the Exec is known, the Replace is not
    answer(&mut fanout, 5, 0, 200); // the Exec is not known
    fanout.handle_session_closed(at(2), serial(6), SessionEnd::Refused(StatusCode::INVALID_CREDENTIALS));
    fanout.handle_tick(at(100));
    let (outputs, _) = drain(&mut fanout);
    assert_eq!(
        outputs,
        [
            ended(job, ResultCode::NOT_ALL_OK),
            FanoutOutput::Abort { serial: serial(4) },
            FanoutOutput::Abort { serial: serial(5) },
        ]
    );
    let states: Vec<_> = (1..=7).map(|number| state(&fanout, job, number)).collect();
    assert_eq!(
        states,
        [
            (TargetState::Ok, 200),
            (TargetState::Failed, 404),
            (TargetState::Refused, 425),
            (TargetState::TimedOut, 1411),
            (TargetState::Indeterminate, 1411),
            (TargetState::Refused, 401),
            (TargetState::Unreachable, 1409),
        ]
    );
}

#[test]
fn a_lost_session_is_made_up_for_by_what_is_missing() {
    let mut fanout = Fanout::new(FanoutLimits::default());
    let ops = [Op::replace(), Op::delete(), Op::add(), Op::add(), Op::get()];
    let policy = Policy::default().with_retries(1);
    let job = started(&mut fanout, at(0), spec("J1", 1, &ops).with_policy(policy));
    drain(&mut fanout);
    fanout.handle_session_opened(at(1), serial(1));
    drain(&mut fanout);
    fanout.handle_answer(at(1), ticket(job, 1, 1), 0, ok());
    fanout.handle_answer(at(1), ticket(job, 1, 1), 3, ok());
    fanout.handle_session_closed(at(2), serial(1), SessionEnd::Lost);
    assert_eq!(drain(&mut fanout), (vec![], Some(at(32))));
    fanout.handle_tick(at(32));
    assert_eq!(drain(&mut fanout).0, [notify(job, 1, 2)]);
    fanout.handle_session_opened(at(33), serial(1));
    assert_eq!(drain(&mut fanout).0, [deliver(job, 1, 2, 1..3)]);
    let late = fanout.late();
    fanout.handle_answer(at(33), ticket(job, 1, 1), 1, Answer::new(StatusCode::COMMAND_FAILED)); // of the old session
    assert_eq!(fanout.late(), late + 1);
    fanout.handle_answer(at(33), ticket(job, 1, 2), 1, Answer::new(StatusCode::NOT_FOUND)); // it had been deleted
    assert_eq!(drain(&mut fanout).0, []);
    let there = Answer::new(StatusCode::ALREADY_EXISTS);
    fanout.handle_answer(at(33), ticket(job, 1, 2), 2, there.with_same_value());
    assert_eq!(drain(&mut fanout).0, [deliver(job, 1, 2, 4..5)], "the rest, once the first part is known");
    fanout.handle_answer(at(34), ticket(job, 1, 2), 4, ok());
    assert_eq!(drain(&mut fanout).0, [ended(job, ResultCode::ALL_OK)]);
    let record = fanout.job(job).unwrap().record(serial(1)).unwrap();
    let replayed: Vec<bool> = record.ops().map(|op| op.was_replayed()).collect();
    assert_eq!(replayed, [false, true, true, false, true]);
    assert_eq!(
        record.op(2).unwrap().status(),
        Some(StatusCode::ALREADY_EXISTS),
        "the device's own answer is kept"
    );
}

#[test]
fn an_unsafe_operation_is_resent_only_by_policy() {
    for (policy, again) in [(UnsafePolicy::Indeterminate, false), (UnsafePolicy::Resend, true)] {
        let mut fanout = Fanout::new(FanoutLimits::default());
        let policy = Policy::default().with_retries(1).with_on_unsafe(policy);
        let job = started(&mut fanout, at(0), spec("J1", 1, &[Op::exec()]).with_policy(policy));
        drain(&mut fanout);
        fanout.handle_session_opened(at(1), serial(1));
        drain(&mut fanout);
        fanout.handle_session_closed(at(1), serial(1), SessionEnd::Lost);
        fanout.handle_session_opened(at(2), serial(1)); // the device comes back by itself
        let expected =
            if again { vec![deliver(job, 1, 2, 0..1)] } else { vec![ended(job, ResultCode::NOT_ALL_OK)] };
        assert_eq!(drain(&mut fanout).0, expected);
    }
}

#[test]
fn the_job_key_makes_adding_and_starting_idempotent() {
    let mut fanout = Fanout::new(FanoutLimits::default());
    let job = started(&mut fanout, at(0), spec("J1", 2, &[Op::get()]));
    let before = drain(&mut fanout);
    let error = fanout.handle_add(at(1), spec("J1", 9, &[Op::exec()])).unwrap_err();
    assert_eq!((error.kind(), error.status()), (JobErrorKind::JobExists { job }, StatusCode::ALREADY_EXISTS));
    assert_eq!(fanout.handle_start(at(1), job).unwrap().status(), StatusCode::OK);
    assert_eq!(drain(&mut fanout), (vec![], before.1), "no second fanout");
    assert_eq!(fanout.job(job).unwrap().counters().total, 2);
    assert_eq!(fanout.find(&server(), &JobKey::new("J1").unwrap()), Some(job));

    // Another owner may use the same key.
    let other = ServerId::new("other").unwrap();
    let theirs = JobSpec::new(other.clone(), JobKey::new("J1").unwrap(), [serial(1)], [Op::get()]);
    let theirs = fanout.handle_add(at(1), theirs).unwrap();
    assert_ne!(theirs, job);
    assert_eq!(fanout.find(&other, &JobKey::new("J1").unwrap()), Some(theirs));
}

#[test]
fn cancel_does_not_pretend() {
    let mut fanout = Fanout::new(FanoutLimits::default());
    let job = started(
        &mut fanout,
        at(0),
        spec("J1", 5, &[Op::exec()]).with_policy(Policy::default().with_window(4)),
    );
    drain(&mut fanout);
    for number in 1..=3 {
        fanout.handle_session_opened(at(1), serial(number));
    }
    drain(&mut fanout);
    assert_eq!(fanout.handle_cancel(at(2), job).unwrap().status(), StatusCode::ACCEPTED);
    assert_eq!(fanout.handle_cancel(at(2), job).unwrap().status(), StatusCode::OK);
    assert_eq!(fanout.job(job).unwrap().state(), JobState::Cancelling);
    assert_eq!(state(&fanout, job, 4), (TargetState::Cancelled, 1401), "notified, nothing delivered");
    assert_eq!(state(&fanout, job, 5), (TargetState::Cancelled, 1401));
    assert_eq!(fanout.handle_remove(at(2), job).unwrap_err().kind(), JobErrorKind::WrongState);
    fanout.handle_session_opened(at(2), serial(4)); // too late: nothing is delivered any more
    assert_eq!(drain(&mut fanout).0, []);
    fanout.handle_answer(at(3), ticket(job, 1, 1), 0, ok());
    fanout.handle_answer(at(3), ticket(job, 2, 1), 0, Answer::new(StatusCode::COMMAND_FAILED));
    fanout.handle_tick(at(60)); // the third never answers
    assert_eq!(state(&fanout, job, 1), (TargetState::Ok, 200));
    assert_eq!(state(&fanout, job, 2), (TargetState::Failed, 500));
    assert_eq!(state(&fanout, job, 3), (TargetState::Indeterminate, 1411));
    let view = fanout.job(job).unwrap();
    assert!(view.records(..).take(3).all(|record| record.was_cancelled()));
    assert_eq!((view.state(), view.result()), (JobState::Cancelled, Some(ResultCode::NOT_ALL_OK)));

    let draft = fanout.handle_add(at(70), spec("J2", 2, &[Op::get()])).unwrap();
    fanout.handle_cancel(at(70), draft).unwrap();
    assert_eq!(fanout.job(draft).unwrap().counters().cancelled, 2);
    assert_eq!(fanout.handle_start(at(70), draft).unwrap().status(), StatusCode::OK, "over is over");
}

#[test]
fn rights_are_asked_for_at_dispatch_and_at_delivery() {
    let mut fanout = Fanout::new(FanoutLimits::default());
    let policy = Policy::default().with_window(1);
    let job = started(&mut fanout, at(0), spec("J1", 3, &[Op::exec()]).with_policy(policy));
    assert_eq!(drain(&mut fanout).0, [notify(job, 1, 1)]);
    fanout.handle_denied(at(0), ticket(job, 1, 1), StatusCode::PERMISSION_DENIED);
    assert_eq!(state(&fanout, job, 1), (TargetState::Skipped, 425));
    assert_eq!(drain(&mut fanout).0, [notify(job, 2, 1)], "the slot is free again");
    fanout.handle_session_opened(at(1), serial(2));
    assert_eq!(drain(&mut fanout).0, [deliver(job, 2, 1, 0..1)]);
    fanout.handle_denied(at(1), ticket(job, 2, 1), StatusCode::PERMISSION_DENIED); // lost in between
    assert_eq!(state(&fanout, job, 2), (TargetState::Skipped, 425));
    assert!(!fanout.job(job).unwrap().record(serial(2)).unwrap().op(0).unwrap().was_delivered());
    // A denial of an attempt that is over changes nothing.
    let late = fanout.late();
    fanout.handle_denied(at(1), ticket(job, 1, 1), StatusCode::PERMISSION_DENIED);
    assert_eq!(fanout.late(), late + 1);
}

#[test]
fn one_session_serves_several_jobs_in_order() {
    let mut fanout = Fanout::new(FanoutLimits::default().with_window(1));
    let first = started(&mut fanout, at(0), spec("J1", 1, &[Op::replace()]));
    let second = started(&mut fanout, at(0), spec("J2", 2, &[Op::get()]));
    assert_eq!(drain(&mut fanout).0, [notify(first, 1, 1)]);
    fanout.handle_session_opened(at(1), serial(1));
    assert_eq!(drain(&mut fanout).0, [deliver(first, 1, 1, 0..1)]);
    fanout.handle_answer(at(2), ticket(first, 1, 1), 0, ok());
    assert_eq!(
        drain(&mut fanout).0,
        [ended(first, ResultCode::ALL_OK), deliver(second, 1, 1, 0..1)],
        "without another notification, before the other device of the job"
    );
    assert_eq!(fanout.ticket_of(serial(1)), Some(ticket(second, 1, 1)));
    fanout.handle_answer(at(3), ticket(second, 1, 1), 0, ok());
    assert_eq!(fanout.ticket_of(serial(1)), None, "nothing left to do in the session");
    assert_eq!(drain(&mut fanout).0, [notify(second, 2, 1)]);
}

#[test]
fn jobs_share_the_window_in_turn() {
    let mut fanout = Fanout::new(FanoutLimits::default().with_window(6));
    let jobs: Vec<JobNo> = (0..3)
        .map(|n| {
            let targets = (1 + n * 100..=50 + n * 100).map(serial);
            let spec = JobSpec::new(server(), JobKey::new(&format!("J{n}")).unwrap(), targets, [Op::get()]);
            started(&mut fanout, at(0), spec)
        })
        .collect();
    let (outputs, _) = drain(&mut fanout);
    let turns: Vec<JobNo> = outputs
        .iter()
        .map(|output| match output {
            FanoutOutput::Notify { ticket } => ticket.job,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(turns, [jobs[0], jobs[1], jobs[2], jobs[0], jobs[1], jobs[2]]);
}

#[test]
fn gwmo_adm_001_windows_can_be_changed_while_running() {
    let mut fanout = Fanout::new(FanoutLimits::default().with_window(3));
    let job = started(&mut fanout, at(0), spec("J1", 10, &[Op::get()]));
    assert_eq!(drain(&mut fanout).0.len(), 3);
    fanout.handle_window(at(0), 1);
    for number in 1..=2 {
        fanout.handle_notify_failed(at(1), ticket(job, number, 1));
        assert_eq!(drain(&mut fanout).0, [], "no new one before there is room in the smaller window");
    }
    fanout.handle_notify_failed(at(1), ticket(job, 3, 1));
    assert_eq!(drain(&mut fanout).0, [notify(job, 4, 1)]);
    fanout.handle_window(at(2), 5);
    fanout.handle_job_window(at(2), job, 2).unwrap();
    assert_eq!(drain(&mut fanout).0, [notify(job, 5, 1)]);
    assert_eq!((fanout.in_flight(), fanout.limits().window), (2, 5));
}

#[test]
fn detached_devices_hold_no_slot() {
    let mut fanout = Fanout::new(FanoutLimits::default());
    let policy = Policy::default().with_window(1);
    let job = started(
        &mut fanout,
        at(0),
        spec("J1", 3, &[Op::get()]).with_detached([serial(1)]).with_policy(policy),
    );
    assert_eq!(drain(&mut fanout).0, [notify(job, 2, 1)]);
    assert_eq!(state(&fanout, job, 1).0, TargetState::WaitAttach);
    fanout.handle_presence(at(1), serial(3), false);
    fanout.handle_session_opened(at(1), serial(2));
    drain(&mut fanout);
    fanout.handle_answer(at(1), ticket(job, 2, 1), 0, ok());
    assert_eq!(drain(&mut fanout).0, []);
    fanout.handle_presence(at(2), serial(3), true);
    assert_eq!(drain(&mut fanout).0, [notify(job, 3, 1)]);
    fanout.handle_presence(at(3), serial(3), false); // its link may flap: the notification decides
    fanout.handle_tick(at(62));
    assert_eq!(state(&fanout, job, 3), (TargetState::Unreachable, 1409));
    fanout.handle_tick(at(3600));
    assert_eq!(state(&fanout, job, 1), (TargetState::Unreachable, 1410));
    assert_eq!(fanout.job(job).unwrap().state(), JobState::Expired);

    let policy = Policy::default().with_offline(Offline::Skip);
    let skip = spec("J2", 2, &[Op::get()]).with_detached([serial(1), serial(2)]).with_policy(policy);
    let job = started(&mut fanout, at(4000), skip);
    assert_eq!(state(&fanout, job, 1), (TargetState::Skipped, 1410));
    assert_eq!(fanout.job(job).unwrap().result(), Some(ResultCode::NOT_ALL_OK));
}

#[test]
fn large_answers_keep_a_session_alive() {
    let mut fanout = Fanout::new(FanoutLimits::default());
    let job = started(&mut fanout, at(0), spec("J1", 1, &[Op::get()]));
    drain(&mut fanout);
    fanout.handle_session_opened(at(0), serial(1));
    drain(&mut fanout);
    for now in [20, 40, 60, 80] {
        fanout.handle_session_heard(at(now), serial(1));
    }
    assert_eq!(state(&fanout, job, 1).0, TargetState::InSession);
    assert_eq!(drain(&mut fanout).1, Some(at(110)));
}

#[test]
fn stored_data_are_bounded_and_the_cut_is_told() {
    let limits = FanoutLimits::default().with_max_result(10).with_max_stored(25);
    let mut fanout = Fanout::new(limits);
    let job = started(&mut fanout, at(0), spec("J1", 4, &[Op::get(), Op::get()]));
    drain(&mut fanout);
    for number in 1..=4 {
        fanout.handle_session_opened(at(1), serial(number));
        drain(&mut fanout);
        for op in 0..2 {
            fanout.handle_answer(
                at(1),
                ticket(job, number, 1),
                op,
                ok().with_data(format!("{number}2345678").as_bytes()).with_format("b"),
            );
        }
    }
    let cuts: Vec<(usize, Option<usize>)> = fanout
        .job(job)
        .unwrap()
        .records(..)
        .flat_map(|record| record.ops().map(|op| (op.data().unwrap().len(), op.cut())))
        .collect();
    let cut = Some(8);
    assert_eq!(
        cuts,
        [(8, None), (0, cut), (8, None), (0, cut), (4, cut), (0, cut), (0, cut), (0, cut)],
        "ten for each device, 25 for all"
    );
    assert_eq!(fanout.job(job).unwrap().result(), Some(ResultCode::CUT), "what is cut is still answered");
    fanout.handle_remove(at(2), job).unwrap();
    let job = started(&mut fanout, at(2), spec("J1", 1, &[Op::get()]));
    drain(&mut fanout);
    fanout.handle_answer(
        at(2),
        ticket(job, 1, 1),
        0,
        ok().with_data(b"12345678").with_format(&"x".repeat(500)),
    );
    let record = fanout.job(job).unwrap().record(serial(1)).unwrap();
    assert_eq!(
        record.op(0).unwrap().data().map(<[u8]>::len),
        Some(8),
        "room again; the session of before still serves"
    );
    assert_eq!(record.op(0).unwrap().format(), None);
}

#[test]
fn jobs_beyond_the_limits_are_refused() {
    let limits = FanoutLimits::default().with_max_jobs(1).with_max_targets(2).with_max_ops(1);
    let mut fanout = Fanout::new(limits);
    let kind = |fanout: &mut Fanout, spec| {
        fanout.handle_add(at(0), spec).map_err(|error| (error.kind(), error.status()))
    };
    let get = [Op::get()];
    assert_eq!(
        kind(&mut fanout, spec("J", 1, &[])),
        Err((JobErrorKind::NoOperations, StatusCode::BAD_REQUEST))
    );
    let too_many = JobErrorKind::TooManyOperations { max: 1 };
    assert_eq!(kind(&mut fanout, spec("J", 1, &[Op::get(); 2])), Err((too_many, StatusCode::TOO_LARGE)));
    let too_many = JobErrorKind::TooManyTargets { max: 2 };
    assert_eq!(kind(&mut fanout, spec("J", 3, &get)), Err((too_many, StatusCode::TOO_LARGE)));
    let job = kind(&mut fanout, spec("J", 2, &get)).unwrap();
    assert_eq!(
        kind(&mut fanout, spec("K", 2, &get)),
        Err((JobErrorKind::TooManyJobs, StatusCode::DEVICE_FULL))
    );
    fanout.handle_remove(at(0), job).unwrap();
    let again = kind(&mut fanout, spec("J", 2, &get)).unwrap();
    assert!(again > job, "a number is not given twice");
    assert_eq!(fanout.handle_start(at(0), job).unwrap_err().status(), StatusCode::NOT_FOUND);
    assert!(JobKey::new(&"x".repeat(65)).is_err());
}

#[test]
fn nobody_is_a_target_too() {
    let mut fanout = Fanout::new(FanoutLimits::default());
    let job = started(&mut fanout, at(0), spec("J1", 0, &[Op::get()]));
    assert_eq!(drain(&mut fanout), (vec![ended(job, ResultCode::NO_TARGET)], None));
    assert_eq!(fanout.job(job).unwrap().report().buckets, []);
    let draft = fanout.handle_add(at(0), spec("J2", 0, &[Op::get()])).unwrap();
    assert_eq!(fanout.job(draft).unwrap().state(), JobState::Draft);
}

#[test]
fn what_makes_no_sense_changes_nothing() {
    let mut fanout = Fanout::new(FanoutLimits::default());
    let job = started(&mut fanout, at(100), spec("J1", 2, &[Op::get(), Op::get()]));
    drain(&mut fanout);
    fanout.handle_session_opened(at(100), serial(1));
    let before = (drain(&mut fanout).1, fanout.job(job).unwrap().rev());
    let strange = [
        ticket(job, 1, 0),
        ticket(job, 1, 2),            // of the future
        ticket(job, 9, 1),            // no such target
        ticket(JobNo::new(77), 1, 1), // no such job
        ticket(job, u32::MAX, u16::MAX),
    ];
    for strange in strange {
        fanout.handle_answer(at(100), strange, 0, ok());
        fanout.handle_notify_sent(at(100), strange);
        fanout.handle_notify_failed(at(100), strange);
        fanout.handle_denied(at(100), strange, StatusCode::PERMISSION_DENIED);
    }
    fanout.handle_answer(at(100), ticket(job, 1, 1), 2, ok()); // no such operation
    fanout.handle_answer(at(100), ticket(job, 2, 1), 0, ok()); // not in session
    fanout.handle_session_opened(at(100), serial(50));
    fanout.handle_session_heard(at(100), serial(50));
    fanout.handle_presence(at(100), serial(50), false);
    fanout.handle_session_closed(at(100), serial(50), SessionEnd::Lost);
    fanout.handle_session_closed(at(100), serial(2), SessionEnd::Lost); // notified, no session yet
    fanout.handle_session_opened(at(100), serial(1)); // open already
    fanout.handle_tick(at(0)); // the clock stepped back
    fanout.handle_presence(at(3), serial(2), true);
    let (outputs, wait) = drain(&mut fanout);
    assert_eq!((outputs, (wait, fanout.job(job).unwrap().rev())), (vec![], before));
    assert_eq!(fanout.late(), 22);
    assert_eq!(fanout.job(job).unwrap().late(), 18);

    // An answer twice counts once, and the first one stays.
    fanout.handle_answer(at(101), ticket(job, 1, 1), 0, ok());
    fanout.handle_answer(at(101), ticket(job, 1, 1), 0, Answer::new(StatusCode::COMMAND_FAILED));
    fanout.handle_answer(at(101), ticket(job, 1, 1), 1, ok());
    fanout.handle_answer(at(101), ticket(job, 1, 1), 1, ok());
    assert_eq!(state(&fanout, job, 1), (TargetState::Ok, 200));
    assert_eq!(fanout.late(), 24);
}

#[test]
fn the_ends_of_time() {
    let mut fanout = Fanout::new(FanoutLimits::default());
    let endless = Policy::default()
        .with_job_time(Duration::MAX)
        .with_t_notify(Duration::MAX)
        .with_retries(u16::MAX)
        .with_retry_wait(Duration::MAX, Duration::MAX);
    let job = started(&mut fanout, at(1), spec("J1", 1, &[Op::get()]).with_policy(endless));
    assert_eq!(drain(&mut fanout).1, Some(Instant::new(Duration::MAX)));
    fanout.handle_notify_failed(at(2), ticket(job, 1, 1));
    fanout.handle_tick(Instant::new(Duration::MAX));
    assert!(fanout.job(job).unwrap().state().is_over());
    assert_eq!(drain(&mut fanout).1, None);

    let instant = Policy::default().with_t_notify(Duration::ZERO).with_job_time(Duration::ZERO);
    let job = started(&mut fanout, at(3), spec("J2", 3, &[Op::get()]).with_policy(instant));
    assert_eq!(fanout.job(job).unwrap().state(), JobState::Expired);
}

/// Ten thousand targets, window 64: 5 % never answer, 2 % are lost in session, some fail; it ends, within bounds.
#[test]
fn ten_thousand_targets() {
    const TARGETS: u32 = 10_000;
    let mut fanout = Fanout::new(FanoutLimits::default());
    let policy =
        Policy::default().with_window(64).with_retries(1).with_job_time(Duration::from_secs(1_000_000));
    let job =
        started(&mut fanout, at(0), spec("J1", TARGETS, &[Op::replace(), Op::get()]).with_policy(policy));
    let mut now = at(0);
    let mut notified = 0u32;
    let result = 'run: loop {
        let wait = loop {
            match fanout.poll_output() {
                FanoutOutput::Notify { ticket } => {
                    notified += 1;
                    assert!(fanout.in_flight() <= 64);
                    fanout.handle_notify_sent(now, ticket);
                    if ticket.serial.get() % 20 != 0 {
                        fanout.handle_session_opened(now, ticket.serial);
                    }
                }
                FanoutOutput::Deliver { ticket, ops } => {
                    let number = ticket.serial.get();
                    if number % 50 == 1 && ticket.attempt == 1 {
                        fanout.handle_session_closed(now, ticket.serial, SessionEnd::Lost);
                        continue;
                    }
                    for op in ops {
                        let status = if number % 100 == 3 { StatusCode::NOT_FOUND } else { StatusCode::OK };
                        fanout.handle_answer(now, ticket, op, Answer::new(status).with_data(b"1.0"));
                    }
                    fanout.handle_session_closed(now, ticket.serial, SessionEnd::Clean);
                }
                FanoutOutput::JobEnded { result, .. } => break 'run result,
                FanoutOutput::Wait(at) => break at,
                FanoutOutput::Persist(seq, _) => fanout.handle_persisted(now, seq),
                _ => {}
            }
        };
        now = wait.expect("the job is not over");
        fanout.handle_tick(now);
    };
    assert_eq!(result, ResultCode::NOT_ALL_OK);
    let counters = fanout.job(job).unwrap().counters();
    assert_eq!((counters.unreachable, counters.failed, counters.ok), (500, 100, 9_400));
    assert_eq!(notified, TARGETS + 500 + 200);
    assert_eq!(drain(&mut fanout), (vec![], None));
    assert_eq!((fanout.in_flight(), fanout.late()), (0, 0));
}

#[test]
fn what_never_left_is_not_in_doubt() {
    let mut fanout = Fanout::new(FanoutLimits::default());
    let job = started(&mut fanout, at(0), spec("J", 2, &[Op::get(), Op::exec()]));
    drain(&mut fanout);
    for number in [1, 2] {
        fanout.handle_session_opened(at(1), serial(number));
        assert_eq!(drain(&mut fanout).0, [deliver(job, number, 1, 0..2)]);
        fanout.handle_answer(at(2), ticket(job, number, 1), 0, ok());
    }
    // The Exec of the first never left; that of the second may have run.
    fanout.handle_not_sent(at(3), ticket(job, 1, 1), 1);
    fanout.handle_not_sent(at(3), ticket(job, 1, 1), 1);
    fanout.handle_not_sent(at(3), ticket(job, 1, 1), 9);
    fanout.handle_not_sent(at(3), ticket(job, 2, 7), 1);
    assert_eq!(fanout.late(), 2, "one of no operation, one of another attempt");
    for number in [1, 2] {
        fanout.handle_session_closed(at(4), serial(number), SessionEnd::Lost);
    }
    assert_eq!(state(&fanout, job, 1), (TargetState::TimedOut, 1411));
    assert_eq!(state(&fanout, job, 2), (TargetState::Indeterminate, 1411));
}
