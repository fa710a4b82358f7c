//! How a job goes about many devices: stages, rate, thresholds, rounds, results that come later, devices that join.

use core::time::Duration;

use dm_syncml::{Instant, StatusCode};
use dm_tree::ServerId;
use gwmo_model::{
    Answer, Audit, Counters, Fanout, FanoutLimits, FanoutOutput, JobErrorKind, JobKey, JobNo, JobSpec,
    JobState, Offline, OnLimit, Op, Policy, ResultCode, RetryOn, Serial, SessionEnd, StartOptions,
    TargetState, Ticket, Trace, Which,
};

fn at(seconds: u64) -> Instant {
    Instant::new(Duration::from_secs(seconds))
}

fn serial(number: u32) -> Serial {
    Serial::new(number).unwrap()
}

fn spec(key: &str, targets: u32, ops: &[Op], policy: Policy) -> JobSpec {
    let dms = ServerId::new("dms").unwrap();
    let targets = (1..=targets).map(serial);
    JobSpec::new(dms, JobKey::new(key).unwrap(), targets, ops.iter().copied()).with_policy(policy)
}

fn started(fanout: &mut Fanout, now: Instant, spec: JobSpec) -> JobNo {
    let job = fanout.handle_add(now, spec).unwrap();
    fanout.handle_start(now, job).unwrap();
    job
}

/// Who is notified, and everything else but records and changes.
fn drain(fanout: &mut Fanout, now: Instant) -> (Vec<u32>, Vec<FanoutOutput>, Option<Instant>) {
    let (mut notified, mut others) = (Vec::new(), Vec::new());
    loop {
        match fanout.poll_output() {
            FanoutOutput::Persist(seq, _) => fanout.handle_persisted(now, seq),
            FanoutOutput::Notify { ticket } => notified.push(ticket.serial.get()),
            FanoutOutput::JobChanged { .. } => {}
            FanoutOutput::Wait(at) => return (notified, others, at),
            output => others.push(output),
        }
    }
}

/// The device opens a session, is delivered everything, and answers with this.
fn answer(fanout: &mut Fanout, now: Instant, job: JobNo, number: u32, code: u16) {
    fanout.handle_session_opened(now, serial(number));
    drain(fanout, now);
    let ticket = fanout.ticket_of(serial(number)).unwrap();
    assert_eq!(ticket.job, job);
    for op in 0..fanout.job(job).unwrap().ops().len() {
        fanout.handle_answer(now, ticket, op as u16, Answer::new(StatusCode::new(code)));
    }
    fanout.handle_session_closed(now, serial(number), SessionEnd::Clean);
}

fn state(fanout: &Fanout, job: JobNo, number: u32) -> (TargetState, u16) {
    let record = fanout.job(job).unwrap().record(serial(number)).unwrap();
    (record.state(), record.code().map_or(0, ResultCode::get))
}

#[test]
fn stages_open_when_the_one_before_did_well() {
    let mut fanout = Fanout::new(FanoutLimits::default());
    let policy = Policy::default().with_stages("1,3,50%".parse().unwrap());
    let job = started(&mut fanout, at(0), spec("J", 10, &[Op::replace()], policy));
    assert_eq!(drain(&mut fanout, at(0)).0, [1]);
    answer(&mut fanout, at(1), job, 1, 200);
    let (notified, others, _) = drain(&mut fanout, at(1));
    assert_eq!(notified, [2, 3]);
    assert!(others.contains(&FanoutOutput::Audit(Audit::StageOpened { job, stage: 1, quota: 3 })));
    answer(&mut fanout, at(2), job, 2, 200);
    assert_eq!(drain(&mut fanout, at(2)).0, [], "the third is not done");
    // A device that comes by itself is not begun with before its stage.
    fanout.handle_session_opened(at(2), serial(9));
    assert_eq!(drain(&mut fanout, at(2)).1, []);
    answer(&mut fanout, at(3), job, 3, 200);
    let (notified, others, _) = drain(&mut fanout, at(3));
    assert_eq!(notified, [4], "half of ten in all, one of them in session already");
    assert!(others.contains(&FanoutOutput::Deliver { ticket: Ticket::new(job, serial(9), 1), ops: 0..1 }));
    assert_eq!(fanout.job(job).unwrap().stage(), (2, 5));
}

#[test]
fn too_many_failures_stop_a_job_and_hide_nothing() {
    let mut fanout = Fanout::new(FanoutLimits::default());
    let policy = Policy::default().with_window(4).with_max_fail(20, 2, OnLimit::Abort);
    let job = started(&mut fanout, at(0), spec("J", 10, &[Op::exec()], policy));
    drain(&mut fanout, at(0));
    answer(&mut fanout, at(1), job, 1, 500);
    answer(&mut fanout, at(1), job, 2, 500);
    assert_eq!(
        fanout.job(job).unwrap().state(),
        JobState::Running,
        "two of ten are not more than 20 percent"
    );
    fanout.handle_session_opened(at(2), serial(3));
    drain(&mut fanout, at(2));
    answer(&mut fanout, at(2), job, 4, 500);
    let view = fanout.job(job).unwrap();
    assert_eq!(view.state(), JobState::Cancelling);
    assert_eq!(view.counters().cancelled, 6);
    assert_eq!(state(&fanout, job, 7), (TargetState::Cancelled, 1404));
    assert_eq!(state(&fanout, job, 3).0, TargetState::InSession, "what was delivered may be answered");
    let ticket = fanout.ticket_of(serial(3)).unwrap();
    fanout.handle_answer(at(3), ticket, 0, Answer::new(StatusCode::OK));
    assert_eq!(state(&fanout, job, 3), (TargetState::Ok, 200));
    assert_eq!(fanout.job(job).unwrap().state(), JobState::Aborted);
    let (_, others, _) = drain(&mut fanout, at(3));
    assert!(others.contains(&FanoutOutput::Audit(Audit::TooManyFailed { job, failed: 3, of: 10 })));
}

#[test]
fn a_canary_that_fails_pauses_the_job() {
    let mut fanout = Fanout::new(FanoutLimits::default());
    let policy = Policy::default().with_stages("1".parse().unwrap()).with_max_fail(10, 10, OnLimit::Pause);
    let job = started(&mut fanout, at(0), spec("J", 20, &[Op::replace()], policy));
    drain(&mut fanout, at(0));
    answer(&mut fanout, at(1), job, 1, 404);
    assert_eq!(drain(&mut fanout, at(1)).0, []);
    assert_eq!(fanout.job(job).unwrap().state(), JobState::Paused);
    assert_eq!(fanout.handle_pause(at(1), job).unwrap().status(), StatusCode::OK);
    fanout.handle_resume(at(2), job).unwrap();
    assert_eq!(drain(&mut fanout, at(2)).0.len(), 16, "whoever resumes it has seen the failure");
    fanout.handle_pause(at(3), job).unwrap();
    answer(&mut fanout, at(3), job, 2, 200);
    assert_eq!(drain(&mut fanout, at(3)).0, [], "those in flight go on, nobody else begins");
    assert!(fanout.handle_pause(at(3), JobNo::new(9)).is_err());
}

#[test]
fn the_rate_spreads_notifications() {
    let mut fanout = Fanout::new(FanoutLimits::default());
    let job = started(&mut fanout, at(0), spec("J", 5, &[Op::get()], Policy::default().with_rate(6)));
    assert_eq!(drain(&mut fanout, at(0)).0, [1]);
    let mut now = at(0);
    for number in 2..=3 {
        let wait = drain(&mut fanout, now).2.unwrap();
        assert_eq!(wait, now + Duration::from_secs(10));
        now = wait;
        fanout.handle_tick(now);
        assert_eq!(drain(&mut fanout, now).0, [number]);
    }
    // Who opens a session by itself costs no notification.
    fanout.handle_session_opened(now, serial(5));
    assert_eq!(drain(&mut fanout, now).1.len(), 1);
    fanout.handle_policy(now, job, |policy| policy.rate = 0).unwrap();
    assert_eq!(drain(&mut fanout, now).0, [4]);
    fanout.handle_policy(now, job, |policy| policy.t_notify = Duration::ZERO).unwrap();
    assert_ne!(fanout.job(job).unwrap().policy().t_notify, Duration::ZERO, "that is fixed once it runs");
}

#[test]
fn what_is_accepted_frees_the_slot_and_is_reported_later() {
    let mut fanout = Fanout::new(FanoutLimits::default());
    let policy = Policy::default().with_window(1).with_t_async(Duration::from_secs(300));
    let job = started(&mut fanout, at(0), spec("J", 3, &[Op::replace(), Op::exec().asynchronous()], policy));
    let accept = |fanout: &mut Fanout, number| {
        fanout.handle_session_opened(at(1), serial(number));
        drain(fanout, at(1));
        let ticket = fanout.ticket_of(serial(number)).unwrap();
        fanout.handle_answer(at(1), ticket, 0, Answer::new(StatusCode::OK));
        fanout.handle_answer(at(1), ticket, 1, Answer::new(StatusCode::ACCEPTED));
        fanout.handle_session_closed(at(1), serial(number), SessionEnd::Clean);
        assert_eq!(state(fanout, job, number), (TargetState::AwaitAsync, 0));
        ticket
    };
    drain(&mut fanout, at(0));
    let first = accept(&mut fanout, 1);
    assert_eq!(drain(&mut fanout, at(1)).0, [2], "the slot is free");
    let second = accept(&mut fanout, 2);
    drain(&mut fanout, at(1));
    accept(&mut fanout, 3);
    // Out of order, from whatever session.
    fanout.handle_async_done(at(50), second, 1, Answer::new(StatusCode::OK).with_data(b"done"));
    assert_eq!(state(&fanout, job, 2), (TargetState::Ok, 200));
    fanout.handle_cancel(at(60), job).unwrap();
    assert_eq!(state(&fanout, job, 1).0, TargetState::AwaitAsync, "it runs, whatever is said now");
    fanout.handle_async_done(at(70), first, 1, Answer::new(StatusCode::COMMAND_FAILED));
    assert_eq!(state(&fanout, job, 1), (TargetState::Failed, 500));
    fanout.handle_tick(at(301));
    assert_eq!(state(&fanout, job, 3), (TargetState::TimedOut, 1413));
    assert_eq!(fanout.job(job).unwrap().state(), JobState::Cancelled);
    // Too late: noted, and nothing changes.
    fanout.handle_async_done(at(400), Ticket::new(job, serial(3), 1), 1, Answer::new(StatusCode::OK));
    let record = fanout.job(job).unwrap().record(serial(3)).unwrap();
    assert_eq!((record.state(), record.has_late_result()), (TargetState::TimedOut, true));
}

#[test]
fn what_failed_is_tried_again_in_a_new_round() {
    let mut fanout = Fanout::new(FanoutLimits::default());
    let job = started(&mut fanout, at(0), spec("J", 3, &[Op::replace()], Policy::default()));
    drain(&mut fanout, at(0));
    assert_eq!(fanout.handle_retry(at(0), job, &Which::NotOk).unwrap_err().kind(), JobErrorKind::WrongState);
    for (number, code) in [(1, 200), (2, 404), (3, 500)] {
        answer(&mut fanout, at(1), job, number, code);
    }
    drain(&mut fanout, at(1));
    let only = Which::Devices(vec![serial(1), serial(3)]);
    assert_eq!(fanout.handle_retry(at(2), job, &only).unwrap(), 1, "who is ok is left alone");
    let record = fanout.job(job).unwrap().record(serial(3)).unwrap();
    assert_eq!((record.code(), record.earlier_code()), (None, Some(ResultCode::new(500))));
    assert_eq!(record.op(0).unwrap().status(), Some(StatusCode::COMMAND_FAILED), "until there is news");
    assert_eq!(drain(&mut fanout, at(2)).0, [3]);
    answer(&mut fanout, at(3), job, 3, 200);
    let (_, others, _) = drain(&mut fanout, at(3));
    assert!(others.contains(&FanoutOutput::JobEnded { job, round: 2, result: ResultCode::NOT_ALL_OK }));
    assert_eq!(fanout.handle_retry(at(4), job, &Which::States(vec![TargetState::Failed])).unwrap(), 1);
    drain(&mut fanout, at(4));
    answer(&mut fanout, at(5), job, 2, 200);
    assert_eq!(fanout.job(job).unwrap().result(), Some(ResultCode::ALL_OK));
    assert_eq!(fanout.handle_retry(at(6), job, &Which::NotOk).unwrap(), 0);
}

#[test]
fn device_errors_are_retried_where_asked_for() {
    let mut fanout = Fanout::new(FanoutLimits::default());
    let policy = Policy::default()
        .with_retries(1)
        .with_retry_on(RetryOn::DEVICE_ERROR)
        .with_retry_wait(Duration::from_secs(5), Duration::from_secs(5));
    let job = started(&mut fanout, at(0), spec("J", 2, &[Op::replace(), Op::exec()], policy));
    drain(&mut fanout, at(0));
    fanout.handle_session_opened(at(1), serial(1));
    drain(&mut fanout, at(1));
    let ticket = fanout.ticket_of(serial(1)).unwrap();
    fanout.handle_answer(at(1), ticket, 0, Answer::new(StatusCode::OK));
    fanout.handle_answer(at(1), ticket, 1, Answer::new(StatusCode::COMMAND_FAILED));
    assert_eq!(state(&fanout, job, 1).0, TargetState::Backoff);
    fanout.handle_session_closed(at(1), serial(1), SessionEnd::Clean);
    fanout.handle_tick(at(6));
    drain(&mut fanout, at(6));
    fanout.handle_session_opened(at(7), serial(1));
    let (_, others, _) = drain(&mut fanout, at(7));
    let again = Ticket::new(job, serial(1), 2);
    assert!(
        others.contains(&FanoutOutput::Deliver { ticket: again, ops: 1..2 }),
        "only what failed: {others:?}"
    );
    fanout.handle_answer(at(7), again, 1, Answer::new(StatusCode::COMMAND_FAILED));
    assert_eq!(state(&fanout, job, 1), (TargetState::Failed, 500));
    fanout.handle_busy(at(7), Ticket::new(job, serial(2), 1));
    assert_eq!(state(&fanout, job, 2), (TargetState::Unreachable, 1414), "busy is not retried here");
}

#[test]
fn a_failure_may_end_the_work_on_a_device() {
    let mut fanout = Fanout::new(FanoutLimits::default());
    let ops = [Op::replace().stop_on_error(), Op::exec()];
    let job = started(&mut fanout, at(0), spec("J", 2, &ops, Policy::default()));
    drain(&mut fanout, at(0));
    for (number, code) in [(1, 404), (2, 200)] {
        fanout.handle_session_opened(at(1), serial(number));
        let ticket = Ticket::new(job, serial(number), 1);
        assert!(drain(&mut fanout, at(1)).1.contains(&FanoutOutput::Deliver { ticket, ops: 0..1 }));
        fanout.handle_answer(at(1), ticket, 0, Answer::new(StatusCode::new(code)));
    }
    assert_eq!(state(&fanout, job, 1), (TargetState::Failed, 404));
    assert!(!fanout.job(job).unwrap().record(serial(1)).unwrap().op(1).unwrap().was_delivered());
    let ticket = Ticket::new(job, serial(2), 1);
    assert!(drain(&mut fanout, at(1)).1.contains(&FanoutOutput::Deliver { ticket, ops: 1..2 }));
}

#[test]
fn a_job_waits_for_its_time_and_its_images() {
    let mut fanout = Fanout::new(FanoutLimits::default());
    let add = |fanout: &mut Fanout, key| {
        fanout.handle_add(at(0), spec(key, 1, &[Op::get()], Policy::default())).unwrap()
    };
    let (first, second) = (add(&mut fanout, "J1"), add(&mut fanout, "J2"));
    let later = StartOptions::new().after(Duration::from_secs(100)).with_correlator("c7");
    fanout.handle_start_with(at(0), first, later).unwrap();
    fanout.handle_start_with(at(0), second, StartOptions::new().gated()).unwrap();
    assert_eq!(drain(&mut fanout, at(0)), (vec![], vec![], Some(at(100))));
    assert_eq!(fanout.job(first).unwrap().state(), JobState::Scheduled);
    fanout.handle_reschedule(at(10), first, Duration::from_secs(20)).unwrap();
    assert_eq!(fanout.job(first).unwrap().starts_at(), Some(at(30)));
    fanout.handle_tick(at(30));
    assert_eq!(drain(&mut fanout, at(30)).0, [1]);
    assert_eq!(fanout.job(first).unwrap().correlator(), Some("c7"));
    assert_eq!(fanout.job(first).unwrap().ends_at(), Some(at(3630)), "its time counts from then");

    fanout.handle_gate(at(40), second, Err(ResultCode::SOURCE_UNREACHABLE)).unwrap();
    let view = fanout.job(second).unwrap();
    assert_eq!((view.state(), view.result()), (JobState::Error, Some(ResultCode::SOURCE_UNREACHABLE)));
    assert_eq!(view.record(serial(1)).unwrap().tries(), 0);
    assert!(fanout.handle_gate(at(41), second, Ok(())).is_err());
    let third = add(&mut fanout, "J3");
    fanout.handle_start_with(at(50), third, StartOptions::new().gated()).unwrap();
    fanout.handle_gate(at(51), third, Ok(())).unwrap();
    assert_eq!(fanout.job(third).unwrap().state(), JobState::Running);
}

#[test]
fn devices_join_a_live_job_only() {
    let mut fanout = Fanout::new(FanoutLimits::default());
    let fixed = started(&mut fanout, at(0), spec("J1", 2, &[Op::get()], Policy::default()));
    assert_eq!(
        fanout.handle_joined(at(0), fixed, serial(5), true).unwrap_err().kind(),
        JobErrorKind::WrongState
    );
    let targets = [2, 4, 9].map(serial);
    let live = JobSpec::new(ServerId::new("dms").unwrap(), JobKey::new("J2").unwrap(), targets, [Op::get()]);
    let live = started(&mut fanout, at(0), live.with_live_targets());
    drain(&mut fanout, at(0));
    for (number, attached) in [(3, true), (11, false), (4, true)] {
        fanout.handle_joined(at(1), live, serial(number), attached).unwrap();
    }
    assert_eq!(drain(&mut fanout, at(1)).0, [3]);
    let view = fanout.job(live).unwrap();
    assert_eq!(view.records(..).map(|record| record.serial().get()).collect::<Vec<_>>(), [2, 3, 4, 9, 11]);
    assert_eq!(state(&fanout, live, 11).0, TargetState::WaitAttach);
    // Everybody is found where they are now.
    for number in [9, 4, 3] {
        answer(&mut fanout, at(2), live, number, 200);
        assert_eq!(state(&fanout, live, number), (TargetState::Ok, 200));
    }
}

#[test]
fn sleeping_devices_are_not_notified_before_they_wake() {
    let mut fanout = Fanout::new(FanoutLimits::default());
    fanout.handle_asleep(at(0), serial(1), Duration::from_secs(50));
    let policy = Policy::default().with_offline(Offline::Skip);
    let job = started(&mut fanout, at(0), spec("J", 2, &[Op::get()], policy));
    assert_eq!(drain(&mut fanout, at(0)), (vec![2], vec![], Some(at(50))));
    assert_eq!(state(&fanout, job, 1).0, TargetState::WaitAttach, "asleep is not away");
    fanout.handle_tick(at(50));
    assert_eq!(drain(&mut fanout, at(50)).0, [1]);
}

#[test]
fn a_building_that_comes_back_does_not_come_at_once() {
    let run = |seed| {
        let mut fanout = Fanout::new(FanoutLimits::default()).with_seed(seed);
        let policy = Policy::default().with_release_jitter(Duration::from_secs(60)).with_window(100);
        let all = (1..=50).map(serial);
        let job = started(&mut fanout, at(0), spec("J", 50, &[Op::get()], policy).with_detached(all));
        for number in 1..=50 {
            fanout.handle_presence(at(10), serial(number), true);
        }
        assert_eq!(fanout.job(job).unwrap().counters().queued, 50);
        let mut order = Vec::new();
        let mut now = at(10);
        while order.len() < 50 {
            let (notified, _, wait) = drain(&mut fanout, now);
            order.extend(notified.iter().map(|number| (*number, now)));
            now = wait.unwrap();
            fanout.handle_tick(now);
        }
        assert!(order.iter().all(|(_, when)| *when <= at(70)));
        order
    };
    assert_eq!(run(1), run(1), "the same seed gives the same order");
    assert_ne!(run(1), run(2));
    let times: std::collections::BTreeSet<Instant> = run(1).into_iter().map(|(_, when)| when).collect();
    assert!(times.len() > 40);
}

#[test]
fn jobs_do_not_go_round_in_circles() {
    let here = ServerId::new("gw1").unwrap();
    let mut fanout = Fanout::new(FanoutLimits::default()).with_gateway(here);
    let through = |gateways: &[&str]| {
        gateways.iter().fold(Trace::default(), |trace, name| trace.through(ServerId::new(name).unwrap()))
    };
    let add = |fanout: &mut Fanout, key: &str, trace| {
        fanout.handle_add(at(0), spec(key, 1, &[Op::get()], Policy::default()).with_trace(trace))
    };
    let error = add(&mut fanout, "J1", through(&["gw0", "gw1"])).unwrap_err();
    assert_eq!((error.kind(), error.status()), (JobErrorKind::Loop, StatusCode::FORBIDDEN));
    let error = add(&mut fanout, "J2", through(&["a", "b", "c", "d"])).unwrap_err();
    assert_eq!(error.kind(), JobErrorKind::TooDeep);
    assert!(add(&mut fanout, "J3", through(&["gw0"])).is_ok());
}

#[test]
fn a_gateway_among_the_targets_reports_for_its_own() {
    let mut fanout = Fanout::new(FanoutLimits::default());
    let op = Op::exec().asynchronous();
    let job = started(&mut fanout, at(0), spec("J", 2, &[op], Policy::default()));
    drain(&mut fanout, at(0));
    answer(&mut fanout, at(1), job, 1, 202);
    answer(&mut fanout, at(1), job, 2, 202);
    let mut counters = Counters::default();
    (counters.total, counters.ok, counters.failed) = (10, 9, 1);
    fanout.handle_child_done(at(9), Ticket::new(job, serial(1), 1), 0, ResultCode::NOT_ALL_OK, counters);
    (counters.ok, counters.failed) = (10, 0);
    fanout.handle_child_done(at(9), Ticket::new(job, serial(2), 1), 0, ResultCode::ALL_OK, counters);
    assert_eq!(state(&fanout, job, 1), (TargetState::Failed, 1201));
    assert_eq!(state(&fanout, job, 2), (TargetState::Ok, 200));
    let sum = fanout.job(job).unwrap().sub_counters().unwrap();
    assert_eq!((sum.total, sum.ok, sum.failed), (20, 19, 1));
}

#[test]
fn servers_take_turns_whatever_number_of_jobs_they_have() {
    let mut fanout = Fanout::new(FanoutLimits::default().with_window(12));
    let mut jobs = Vec::new();
    for (owner, key) in [("a", "1"), ("a", "2"), ("a", "3"), ("b", "1")] {
        let first = jobs.len() as u32 * 100 + 1;
        let targets = (first..first + 50).map(serial);
        let owner = ServerId::new(owner).unwrap();
        let spec = JobSpec::new(owner, JobKey::new(key).unwrap(), targets, [Op::get()]);
        jobs.push(started(&mut fanout, at(0), spec));
    }
    let (notified, ..) = drain(&mut fanout, at(0));
    let of_b = notified.iter().filter(|number| **number > 300).count();
    assert_eq!((notified.len(), of_b), (12, 6), "half of the turns for each server");
}

#[test]
fn results_are_kept_as_long_as_asked_and_make_room_once_reported() {
    let mut fanout = Fanout::new(FanoutLimits::default().with_max_jobs(2));
    let keep = Policy::default().with_keep(Some(Duration::from_secs(100)));
    let first = started(&mut fanout, at(0), spec("J1", 0, &[Op::get()], keep));
    assert_eq!(drain(&mut fanout, at(0)).2, Some(at(100)));
    fanout.handle_tick(at(100));
    assert_eq!(drain(&mut fanout, at(100)).1, [FanoutOutput::JobRemoved { job: first }]);
    assert!(fanout.job(first).is_none());

    let kept = started(&mut fanout, at(200), spec("J2", 0, &[Op::get()], Policy::default()));
    let other = started(&mut fanout, at(200), spec("J3", 0, &[Op::get()], Policy::default()));
    drain(&mut fanout, at(200));
    let more = || spec("J4", 1, &[Op::get()], Policy::default());
    assert_eq!(fanout.handle_add(at(201), more()).unwrap_err().kind(), JobErrorKind::TooManyJobs);
    fanout.handle_reported(at(202), other, 1);
    fanout.handle_add(at(203), more()).unwrap();
    assert_eq!(drain(&mut fanout, at(203)).1, [FanoutOutput::JobRemoved { job: other }]);
    assert!(fanout.job(kept).is_some(), "nobody took note of its end");
}

#[test]
fn effects_wait_for_their_records_and_a_cancel_overtakes_them() {
    let mut fanout = Fanout::new(FanoutLimits::default());
    let job = started(&mut fanout, at(0), spec("J", 2, &[Op::exec()], Policy::default()));
    let mut seqs = Vec::new();
    let next = |fanout: &mut Fanout, seqs: &mut Vec<_>| loop {
        match fanout.poll_output() {
            FanoutOutput::Persist(seq, _) => seqs.push(seq),
            FanoutOutput::JobChanged { .. } | FanoutOutput::Audit(_) => {}
            output => return output,
        }
    };
    assert!(matches!(next(&mut fanout, &mut seqs), FanoutOutput::Wait(_)));
    assert_eq!((fanout.in_flight(), fanout.held()), (2, 2));
    fanout.handle_session_opened(at(1), serial(1));
    assert!(matches!(next(&mut fanout, &mut seqs), FanoutOutput::Wait(_)));
    fanout.handle_cancel(at(2), job).unwrap();
    assert_eq!(
        state(&fanout, job, 1),
        (TargetState::Cancelled, 1401),
        "it was not handed out, so it did not run"
    );
    assert!(matches!(next(&mut fanout, &mut seqs), FanoutOutput::Wait(_)));
    fanout.handle_persisted(at(3), *seqs.last().unwrap());
    assert!(
        matches!(next(&mut fanout, &mut seqs), FanoutOutput::JobEnded { .. }),
        "neither notified nor delivered"
    );
}

/// The owner of three jobs loses the right to them: what has its operations may answer, nothing else is begun, and a draft and
/// the jobs of others stay what they are.
#[test]
fn jobs_of_whom_the_right_was_taken_are_aborted() {
    let mut fanout = Fanout::new(FanoutLimits::default());
    let two = Policy::default().with_window(2);
    let running = started(&mut fanout, at(0), spec("J1", 4, &[Op::get()], two));
    let scheduled = fanout.handle_add(at(0), spec("J2", 2, &[Op::get()], two)).unwrap();
    let later = StartOptions::new().after(Duration::from_secs(50));
    fanout.handle_start_with(at(0), scheduled, later).unwrap();
    let draft = fanout.handle_add(at(0), spec("J3", 2, &[Op::get()], two)).unwrap();
    let other =
        JobSpec::new(ServerId::new("b").unwrap(), JobKey::new("J").unwrap(), [serial(9)], [Op::get()]);
    let other = started(&mut fanout, at(0), other);
    drain(&mut fanout, at(0));
    fanout.handle_session_opened(at(1), serial(1));
    drain(&mut fanout, at(1));
    assert_eq!(fanout.handle_revoked(at(2), &ServerId::new("dms").unwrap()), 2);
    let (_, others, _) = drain(&mut fanout, at(2));
    let ended = |job| FanoutOutput::JobEnded { job, round: 1, result: ResultCode::AUTHORIZATION_LOST };
    assert!(others.contains(&ended(scheduled)) && !others.contains(&ended(running)), "{others:?}");
    fanout.handle_answer(at(3), Ticket::new(running, serial(1), 1), 0, Answer::new(StatusCode::OK));
    assert!(drain(&mut fanout, at(3)).1.contains(&ended(running)));
    assert_eq!(state(&fanout, running, 1), (TargetState::Ok, 200));
    assert_eq!([2, 3, 4].map(|number| state(&fanout, running, number)), [(TargetState::Cancelled, 1406); 3]);
    let states = [running, scheduled, draft, other].map(|job| fanout.job(job).unwrap().state());
    assert_eq!(states, [JobState::Aborted, JobState::Aborted, JobState::Draft, JobState::Running]);
    assert_eq!(fanout.handle_revoked(at(4), &ServerId::new("dms").unwrap()), 0);
}

/// A target that waits for its second attempt when its job is cancelled waits for one in the next round too.
#[test]
fn a_round_begins_with_empty_queues() {
    let mut fanout = Fanout::new(FanoutLimits::default().with_window(1));
    let policy =
        Policy::default().with_retries(1).with_retry_wait(Duration::from_secs(5), Duration::from_secs(5));
    let job = started(&mut fanout, at(0), spec("J", 2, &[Op::get()], policy));
    let failed = |fanout: &mut Fanout, now, number, attempt| {
        drain(fanout, now);
        fanout.handle_notify_failed(now, Ticket::new(job, serial(number), attempt));
    };
    failed(&mut fanout, at(0), 1, 1);
    drain(&mut fanout, at(0)); // the second has the window
    fanout.handle_tick(at(6)); // the first waits for it
    assert_eq!(state(&fanout, job, 1).0, TargetState::Queued);
    fanout.handle_cancel(at(7), job).unwrap();
    drain(&mut fanout, at(7));
    assert_eq!(fanout.handle_retry(at(8), job, &Which::NotOk).unwrap(), 2);
    failed(&mut fanout, at(8), 1, 2);
    failed(&mut fanout, at(8), 2, 2);
    fanout.handle_tick(at(20));
    let (notified, ..) = drain(&mut fanout, at(20));
    assert_eq!(notified, [1], "nobody else has the window");
}

/// Each of many jobs finds the devices that are free, and each device has all of its jobs in one session.
#[test]
fn many_jobs_share_the_sessions_of_their_devices() {
    const JOBS: usize = 40;
    let mut fanout = Fanout::new(FanoutLimits::default().with_window(8));
    let jobs: Vec<JobNo> = (0..JOBS)
        .map(|number| {
            started(&mut fanout, at(0), spec(&format!("J{number}"), 5, &[Op::get()], Policy::default()))
        })
        .collect();
    let mut notified = 0;
    let mut served: Vec<Vec<JobNo>> = vec![Vec::new(); 6];
    loop {
        match fanout.poll_output() {
            FanoutOutput::Persist(seq, _) => fanout.handle_persisted(at(0), seq),
            FanoutOutput::Notify { ticket } => {
                notified += 1;
                fanout.handle_session_opened(at(0), ticket.serial);
            }
            FanoutOutput::Deliver { ticket, .. } => {
                served[ticket.serial.get() as usize].push(ticket.job);
                fanout.handle_answer(at(0), ticket, 0, Answer::new(StatusCode::OK));
            }
            FanoutOutput::Wait(_) => break,
            _ => {}
        }
    }
    assert_eq!(notified, 5, "one notification for each device");
    assert!(fanout.jobs().all(|job| job.state() == JobState::Completed));
    for of_device in &served[1..] {
        let mut sorted = of_device.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, jobs, "every job once");
        assert!(of_device[1..].is_sorted(), "in their order after the one that notified it");
    }
}
