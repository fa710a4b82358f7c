//! The outbox: scenarios by requirement, then random events.

extern crate alloc;

use alloc::collections::{BTreeMap, BTreeSet};
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use dm_syncml::{Instant, StatusCode};
use dm_tree::ServerId;
use gwmo_model::{
    Alert, AlertBody, AlertKind, AlertNames, AlertSeq, DetachReason, DeviceId, ImageNo, JobNo, Outbox,
    OutboxConfig, OutboxErrorKind, OutboxOutput, OutboxRecord, RestoreErrorKind, ResultCode, Serial,
    Subscription,
};
use proptest::prelude::*;

fn at(seconds: u64) -> Instant {
    Instant::new(Duration::from_secs(seconds))
}

fn server(name: &str) -> ServerId {
    ServerId::new(name).unwrap()
}

fn device(number: u32) -> (Serial, DeviceId) {
    (Serial::new(number).unwrap(), DeviceId::new(&format!("d:{number}")).unwrap())
}

/// Revisions of the inventory: each call is another one.
fn rev() -> u64 {
    static REV: AtomicU64 = AtomicU64::new(1);
    REV.fetch_add(1, Ordering::Relaxed)
}

fn attach(outbox: &mut Outbox, now: u64, number: u32, first: bool) {
    let (serial, id) = device(number);
    outbox.handle_device_attached(at(now), rev(), serial, &id, 1, first);
}

fn detach(outbox: &mut Outbox, now: u64, number: u32) {
    let (serial, id) = device(number);
    outbox.handle_device_detached(at(now), rev(), serial, &id, 1, DetachReason::Left);
}

/// What an alert says, short.
fn brief(alert: &Alert) -> String {
    match &alert.body {
        AlertBody::DeviceAttached { serial, first: true, .. } => format!("new {serial}"),
        AlertBody::DeviceAttached { serial, .. } => format!("back {serial}"),
        AlertBody::DeviceDetached { serial, reason, .. } => format!("{} {serial}", reason.as_str()),
        AlertBody::JobEnded { job, result } => format!("job {job} {result}"),
        AlertBody::JobResults { job } => format!("results {job}"),
        AlertBody::JobProgress { job } => format!("progress {job}"),
        AlertBody::ImageReady { image } => format!("image {}", image.get()),
        AlertBody::ImageFailed { image, code } => format!("image {} {code}", image.get()),
        other => format!("{other:?}"),
    }
}

/// Everything up to `Wait`: "ask S" and "S: alert". Records are stored at once.
fn drain(outbox: &mut Outbox) -> (Vec<String>, Vec<(ServerId, AlertSeq)>, Option<Instant>) {
    drain_into(outbox, &mut Vec::new())
}

fn drain_into(
    outbox: &mut Outbox,
    records: &mut Vec<OutboxRecord>,
) -> (Vec<String>, Vec<(ServerId, AlertSeq)>, Option<Instant>) {
    let (mut lines, mut sent) = (Vec::new(), Vec::new());
    loop {
        match outbox.poll_output() {
            OutboxOutput::Persist(seq, record) => {
                records.push(record);
                outbox.handle_persisted(at(0), seq);
            }
            OutboxOutput::OpenSession { server } => lines.push(format!("ask {server}")),
            OutboxOutput::Send { server, alert } => {
                lines.push(format!("{server}: {}", brief(&alert)));
                sent.push((server, alert.seq));
            }
            OutboxOutput::Wait(at) => return (lines, sent, at),
            other => panic!("{other:?}"),
        }
    }
}

fn pending(outbox: &Outbox, server: &ServerId) -> Vec<String> {
    outbox.pending(server).map(brief).collect()
}

const EVERYTHING: fn() -> Subscription =
    || Subscription::default().with_attached(true).with_each_time(true).with_detached(true);

#[test]
fn gwmo_di_004_an_alert_is_sent_until_it_is_acknowledged() {
    let s1 = server("s1");
    let mut outbox = Outbox::new(OutboxConfig::default());
    outbox.handle_subscribed(at(0), &s1, Subscription::default()).unwrap();
    attach(&mut outbox, 1, 7, true);
    assert_eq!(drain(&mut outbox), (vec!["ask s1".into()], vec![], Some(at(61))));

    outbox.handle_session_opened(at(2), &s1);
    let (lines, sent, wait) = drain(&mut outbox);
    assert_eq!((lines, wait), (vec!["s1: new 7".into()], None));
    outbox.handle_session_closed(at(3), &s1); // no Status came
    assert_eq!(drain(&mut outbox), (vec![], vec![], Some(at(63))));
    outbox.handle_tick(at(63));
    assert_eq!(drain(&mut outbox).0, ["ask s1"]);

    outbox.handle_session_opened(at(64), &s1);
    let (_, again, _) = drain(&mut outbox);
    assert_eq!(again, sent, "the same alert, the same number");
    outbox.handle_answered(at(65), &s1, again[0].1, StatusCode::SERVER_FAILURE);
    assert_eq!(pending(&outbox, &s1), ["new 7"], "an error is no acknowledgement");
    assert_eq!(drain(&mut outbox).0, [""; 0], "and it is not sent twice in one session");
    outbox.handle_answered(at(65), &s1, again[0].1, StatusCode::OK);
    outbox.handle_answered(at(65), &s1, again[0].1, StatusCode::OK);
    outbox.handle_session_closed(at(66), &s1);
    assert_eq!(drain(&mut outbox), (vec![], vec![], None));
    assert_eq!(pending(&outbox, &s1), [""; 0]);
}

#[test]
fn gwmo_di_005_each_server_has_its_switches() {
    let (s1, s2) = (server("s1"), server("s2"));
    let mut outbox = Outbox::new(OutboxConfig::default());
    outbox.handle_subscribed(at(0), &s1, Subscription::default().with_attached(false)).unwrap();
    outbox.handle_subscribed(at(0), &s2, Subscription::default()).unwrap();
    for number in 1..=5 {
        attach(&mut outbox, 1, number, true);
    }
    assert_eq!(pending(&outbox, &s1), [""; 0]);
    assert_eq!(pending(&outbox, &s2).len(), 5);
    outbox.handle_subscribed(at(2), &s1, Subscription::default()).unwrap();
    attach(&mut outbox, 3, 6, true);
    attach(&mut outbox, 3, 1, false); // came back: not what DI-004 asks for
    assert_eq!(pending(&outbox, &s1), ["new 6"]);
    outbox.handle_unsubscribed(at(4), &s2);
    assert_eq!(pending(&outbox, &s2), [""; 0]);
    assert_eq!(outbox.subscription(&s2), None);
    attach(&mut outbox, 5, 7, true);
    assert_eq!(pending(&outbox, &s2), [""; 0]);
}

#[test]
fn gwmo_fora_002_completions_are_never_dropped() {
    let (s1, owner) = (server("s1"), server("owner"));
    let config =
        OutboxConfig::default().with_max_device_alerts(3).with_max_completions(5).with_max_servers(2);
    let mut outbox = Outbox::new(config);
    outbox.handle_subscribed(at(0), &s1, EVERYTHING()).unwrap();
    for job in 1..=5 {
        outbox.handle_job_ended(at(0), &s1, JobNo::new(job), 1, ResultCode::ALL_OK).unwrap();
        outbox.handle_job_ended(at(0), &s1, JobNo::new(job), 1, ResultCode::ALL_OK).unwrap(); // said twice
    }
    for number in 1..=100 {
        attach(&mut outbox, 1, number, true);
    }
    let error = outbox.handle_job_ended(at(2), &s1, JobNo::new(6), 1, ResultCode::ALL_OK).unwrap_err();
    assert_eq!(
        (error.kind(), error.status()),
        (OutboxErrorKind::TooManyCompletions, StatusCode::DEVICE_FULL)
    );
    let waiting = pending(&outbox, &s1);
    assert_eq!(waiting[..5], ["job 1 1200", "job 2 1200", "job 3 1200", "job 4 1200", "job 5 1200"]);
    assert_eq!(waiting[5..], ["new 98", "new 99", "new 100"]);
    assert_eq!(outbox.dropped(&s1), 97);

    // An owner hears of its jobs without subscribing to anything, and is forgotten when it has.
    outbox.handle_job_ended(at(3), &owner, JobNo::new(9), 1, ResultCode::NOT_ALL_OK).unwrap();
    let other = outbox.handle_subscribed(at(3), &server("third"), Subscription::default());
    assert_eq!(other.unwrap_err().kind(), OutboxErrorKind::TooManyServers);
    outbox.handle_session_opened(at(4), &owner);
    let (lines, sent, _) = drain(&mut outbox);
    assert!(lines.contains(&"owner: job 9 1201".into()));
    outbox.handle_answered(at(5), &server("s1"), sent[0].1, StatusCode::OK);
    assert_eq!(pending(&outbox, &owner).len(), 1, "nobody acknowledges for another");
    outbox.handle_answered(at(5), &owner, sent[0].1, StatusCode::OK);
    outbox.handle_session_closed(at(5), &owner);
    outbox.handle_subscribed(at(6), &server("third"), Subscription::default()).unwrap();

    outbox.handle_job_removed(at(7), &s1, JobNo::new(2));
    assert!(!pending(&outbox, &s1).contains(&"job 2 1200".into()));
}

#[test]
fn news_of_one_device_are_kept_short() {
    let s1 = server("s1");
    let mut outbox = Outbox::new(OutboxConfig::default());
    outbox.handle_subscribed(at(0), &s1, EVERYTHING()).unwrap();
    attach(&mut outbox, 1, 1, false);
    for _ in 0..50 {
        detach(&mut outbox, 2, 1);
        attach(&mut outbox, 3, 1, false);
    }
    assert_eq!(pending(&outbox, &s1), ["back 1"]);
    detach(&mut outbox, 4, 1);
    assert_eq!(pending(&outbox, &s1), ["left 1"]);

    // That a device is new is never lost, and coming back says nothing beyond it.
    attach(&mut outbox, 5, 2, true);
    detach(&mut outbox, 6, 2);
    assert_eq!(pending(&outbox, &s1), ["left 1", "new 2", "left 2"]);
    attach(&mut outbox, 7, 2, false);
    assert_eq!(pending(&outbox, &s1), ["left 1", "new 2"]);
    assert_eq!(outbox.dropped(&s1), 0, "replaced is not dropped");
}

#[test]
fn news_that_were_sent_are_not_recalled_but_not_repeated_either() {
    let s1 = server("s1");
    let mut outbox = Outbox::new(OutboxConfig::default());
    outbox.handle_subscribed(at(0), &s1, EVERYTHING()).unwrap();
    outbox.handle_session_opened(at(0), &s1);
    detach(&mut outbox, 1, 1);
    assert_eq!(drain(&mut outbox).0, ["s1: left 1"]);
    attach(&mut outbox, 2, 1, false);
    assert_eq!(drain(&mut outbox).0, ["s1: back 1"], "in the same session, after it");
    outbox.handle_session_closed(at(3), &s1);
    outbox.handle_session_opened(at(4), &s1);
    assert_eq!(drain(&mut outbox).0, ["s1: back 1"], "only where it stands now");
}

#[test]
fn what_is_being_sent_is_neither_dropped_nor_counted_as_told() {
    let s1 = server("s1");
    let mut outbox = Outbox::new(OutboxConfig::default().with_max_device_alerts(2));
    outbox.handle_subscribed(at(0), &s1, EVERYTHING()).unwrap();
    outbox.handle_session_opened(at(0), &s1);
    attach(&mut outbox, 1, 1, true);
    detach(&mut outbox, 1, 2);
    assert_eq!(drain(&mut outbox).0, ["s1: new 1", "s1: left 2"]);
    attach(&mut outbox, 2, 3, true);
    assert_eq!((pending(&outbox, &s1), outbox.dropped(&s1)), (vec!["new 1".into(), "left 2".into()], 1));

    // Not acknowledged, both wait again, and can make room again: return visits first.
    outbox.handle_session_closed(at(3), &s1);
    attach(&mut outbox, 4, 4, true);
    assert_eq!(pending(&outbox, &s1), ["new 1", "new 4"]);
    attach(&mut outbox, 5, 1, false);
    assert_eq!(pending(&outbox, &s1), ["new 1", "new 4"], "still to be told as new");
    attach(&mut outbox, 6, 5, true);
    assert_eq!((pending(&outbox, &s1), outbox.dropped(&s1)), (vec!["new 4".into(), "new 5".into()], 3));

    // Once it was sent that a device is new, its coming back is news of its own.
    outbox.handle_session_opened(at(7), &s1);
    let (_, sent, _) = drain(&mut outbox);
    outbox.handle_answered(at(7), &s1, sent[1].1, StatusCode::OK);
    attach(&mut outbox, 8, 4, false);
    assert_eq!(drain(&mut outbox).0, ["s1: back 4"]);
}

#[test]
fn nobody_is_asked_for_a_session_that_is_open() {
    let s1 = server("s1");
    let mut outbox = Outbox::new(OutboxConfig::default());
    outbox.handle_subscribed(at(0), &s1, Subscription::default()).unwrap();
    attach(&mut outbox, 0, 1, true);
    outbox.handle_tick(at(0));
    outbox.handle_session_opened(at(1), &s1);
    assert_eq!(drain(&mut outbox).0, ["s1: new 1"]);
}

#[test]
fn alerts_wait_for_company_as_long_as_they_may() {
    let s1 = server("s1");
    let mut outbox = Outbox::new(OutboxConfig::default());
    let patient = Subscription::default().with_max_delay(Duration::from_secs(30));
    outbox.handle_subscribed(at(0), &s1, patient).unwrap();
    attach(&mut outbox, 10, 1, true);
    assert_eq!(drain(&mut outbox), (vec![], vec![], Some(at(40))));
    attach(&mut outbox, 20, 2, true);
    outbox.handle_tick(at(39));
    outbox.handle_tick(at(5)); // the clock stepped back
    assert_eq!(drain(&mut outbox), (vec![], vec![], Some(at(40))));
    outbox.handle_tick(at(40));
    assert_eq!(drain(&mut outbox), (vec!["ask s1".into()], vec![], Some(at(100))));
    outbox.handle_session_opened(at(41), &s1);
    assert_eq!(drain(&mut outbox).0, ["s1: new 1", "s1: new 2"]);
}

#[test]
fn what_comes_up_does_not_wait_for_what_was_refused() {
    let s1 = server("s1");
    let mut outbox = Outbox::new(OutboxConfig::default());
    outbox.handle_subscribed(at(0), &s1, Subscription::default()).unwrap();
    attach(&mut outbox, 10, 1, true);
    assert_eq!(drain(&mut outbox), (vec!["ask s1".into()], vec![], Some(at(70))));
    outbox.handle_session_opened(at(11), &s1);
    let (_, sent, _) = drain(&mut outbox);
    outbox.handle_answered(at(11), &s1, sent[0].1, StatusCode::SERVER_FAILURE);
    outbox.handle_session_closed(at(12), &s1);
    assert_eq!(drain(&mut outbox), (vec![], vec![], Some(at(72))));
    attach(&mut outbox, 20, 2, true);
    assert_eq!(drain(&mut outbox), (vec!["ask s1".into()], vec![], Some(at(80))), "at once");
    // It brings nothing, and news go on coming up: 4 s, 8 s, ... after it, then every minute.
    let mut asked = Vec::new();
    for now in 21..=300 {
        attach(&mut outbox, now, u32::try_from(now).unwrap(), true);
        outbox.handle_tick(at(now));
        asked.extend(drain(&mut outbox).0.iter().map(|_| now));
    }
    assert_eq!(asked, [24, 32, 48, 80, 140, 200, 260]);
    outbox.handle_session_opened(at(301), &s1);
    let (_, sent, _) = drain(&mut outbox);
    outbox.handle_answered(at(301), &s1, sent[0].1, StatusCode::OK);
    outbox.handle_session_closed(at(302), &s1);
    drain(&mut outbox);
    attach(&mut outbox, 303, 2000, true);
    assert_eq!(drain(&mut outbox).0, ["ask s1"], "it is there: at once again");
}

#[test]
fn what_was_not_stored_before_the_session_was_over_asks_for_another() {
    let s1 = server("s1");
    let mut outbox = Outbox::new(OutboxConfig::default());
    outbox.handle_subscribed(at(0), &s1, Subscription::default()).unwrap();
    drain(&mut outbox);
    outbox.handle_session_opened(at(1), &s1);
    attach(&mut outbox, 2, 1, true);
    outbox.handle_session_closed(at(3), &s1);
    assert_eq!(drain(&mut outbox).0, ["ask s1"]);
}

#[test]
fn news_wait_for_company_beside_older_ones_too() {
    let s1 = server("s1");
    let mut outbox = Outbox::new(OutboxConfig::default());
    let patient = Subscription::default().with_max_delay(Duration::from_secs(20));
    outbox.handle_subscribed(at(0), &s1, patient).unwrap();
    attach(&mut outbox, 0, 1, true);
    outbox.handle_tick(at(20));
    assert_eq!(drain(&mut outbox), (vec!["ask s1".into()], vec![], Some(at(80))));
    attach(&mut outbox, 30, 2, true);
    assert_eq!(drain(&mut outbox), (vec![], vec![], Some(at(50))));
    attach(&mut outbox, 40, 3, true);
    assert_eq!(drain(&mut outbox), (vec![], vec![], Some(at(50))));
    attach(&mut outbox, 65, 3, false);
    outbox.handle_tick(at(65));
    assert_eq!(drain(&mut outbox), (vec!["ask s1".into()], vec![], Some(at(125))));
    attach(&mut outbox, 100, 4, true);
    attach(&mut outbox, 110, 5, true);
    assert_eq!(drain(&mut outbox), (vec![], vec![], Some(at(120))), "never later than it would have been");
}

#[test]
fn the_end_of_time_is_reached_in_peace() {
    let s1 = server("s1");
    let mut outbox = Outbox::new(OutboxConfig::default().with_ask_again(Duration::ZERO));
    outbox.handle_subscribed(at(0), &s1, Subscription::default()).unwrap();
    attach(&mut outbox, 0, 1, true);
    outbox.handle_tick(Instant::new(Duration::MAX));
    assert_eq!(drain(&mut outbox), (vec!["ask s1".into()], vec![], None));
}

#[test]
fn nothing_is_sent_before_it_is_stored() {
    let s1 = server("s1");
    let mut outbox = Outbox::new(OutboxConfig::default());
    outbox.handle_subscribed(at(0), &s1, EVERYTHING()).unwrap();
    drain(&mut outbox);
    attach(&mut outbox, 1, 1, true);
    let mut last = None;
    while let OutboxOutput::Persist(seq, _) = outbox.poll_output() {
        last = Some(seq);
    }
    assert!(matches!(outbox.poll_output(), OutboxOutput::Wait(_)), "not even a session is asked for");
    outbox.handle_session_opened(at(2), &s1);
    assert!(matches!(outbox.poll_output(), OutboxOutput::Wait(_)));
    outbox.handle_persisted(at(3), last.unwrap());
    assert_eq!(drain(&mut outbox).0, ["s1: new 1"]);
}

#[test]
fn gwmo_di_004_what_was_not_acknowledged_is_sent_again_after_a_crash() {
    let s1 = server("s1");
    let mut outbox = Outbox::new(OutboxConfig::default());
    let (snapshot, mut records) = (outbox.snapshot(at(0)), Vec::new());
    outbox.handle_subscribed(at(0), &s1, EVERYTHING()).unwrap();
    let (serial, id) = device(1);
    outbox.handle_device_attached(at(1), 17, serial, &id, 1, true);
    outbox.handle_device_detached(at(2), 18, serial, &id, 1, DetachReason::Timeout);
    outbox.handle_session_opened(at(3), &s1);
    let (_, sent, _) = drain_into(&mut outbox, &mut records);
    outbox.handle_answered(at(4), &s1, sent[0].1, StatusCode::OK);
    drain_into(&mut outbox, &mut records);

    let mut again =
        Outbox::restore(at(0), OutboxConfig::default(), snapshot.clone(), records.clone()).unwrap();
    assert_eq!(pending(&again, &s1), ["timeout 1"]);
    assert_eq!((again.next_seq(), again.subscription(&s1)), (outbox.next_seq(), Some(EVERYTHING())));
    // The inventory cannot know who has heard; the outbox does.
    again.handle_device_attached(at(1), 17, serial, &id, 1, true);
    again.handle_device_detached(at(1), 18, serial, &id, 1, DetachReason::Timeout);
    assert_eq!(pending(&again, &s1), ["timeout 1"]);
    assert_eq!(drain(&mut again).0, ["ask s1"]);
    again.handle_session_opened(at(2), &s1);
    assert_eq!(drain(&mut again).1, [sent[1].clone()], "the same alert, the same number");

    let kind = |records: Vec<OutboxRecord>| {
        Outbox::restore(at(0), OutboxConfig::default(), snapshot.clone(), records).unwrap_err().kind()
    };
    assert_eq!(kind(records[1..].to_vec()), RestoreErrorKind::Gap);
    let none = OutboxConfig::default().with_max_servers(0);
    let error = Outbox::restore(at(0), none, snapshot.clone(), records).unwrap_err();
    assert_eq!(error.kind(), RestoreErrorKind::TooMany);
}

#[test]
fn each_round_of_a_job_is_told_once() {
    let s1 = server("s1");
    let mut outbox = Outbox::new(OutboxConfig::default().with_max_completions(2));
    outbox.handle_subscribed(at(0), &s1, Subscription::default()).unwrap();
    let end = |outbox: &mut Outbox, job, round| {
        outbox.handle_job_ended(at(1), &server("s1"), JobNo::new(job), round, ResultCode::ALL_OK)
    };
    end(&mut outbox, 1, 1).unwrap();
    end(&mut outbox, 1, 2).unwrap();
    assert!(end(&mut outbox, 2, 1).is_err());
    outbox.handle_session_opened(at(2), &s1);
    let (_, sent, _) = drain(&mut outbox);
    for (_, seq) in &sent {
        outbox.handle_answered(at(3), &s1, *seq, StatusCode::OK);
    }
    let mut again = Outbox::restore(at(0), OutboxConfig::default(), outbox.snapshot(at(3)), []).unwrap();
    for outbox in [&mut outbox, &mut again] {
        end(outbox, 1, 1).unwrap();
        end(outbox, 1, 2).unwrap();
        assert_eq!(pending(outbox, &s1), [""; 0]);
        end(outbox, 1, 3).unwrap();
        assert_eq!(pending(outbox, &s1), ["job 1 1200"]);
        outbox.handle_job_removed(at(4), &s1, JobNo::new(1));
        assert_eq!(pending(outbox, &s1), [""; 0]);
    }
}

#[test]
fn of_images_progress_and_results_the_last_says_all() {
    let (s1, s2) = (server("s1"), server("s2"));
    let mut outbox = Outbox::new(OutboxConfig::default().with_max_others(3));
    outbox.handle_subscribed(at(0), &s1, Subscription::default()).unwrap();
    outbox.handle_subscribed(at(0), &s2, Subscription::default().with_images(false)).unwrap();
    for image in [1, 2] {
        outbox.handle_image_failed(at(1), &s1, ImageNo::new(image), ResultCode::new(1416));
        outbox.handle_image_ready(at(1), &s1, ImageNo::new(image));
        outbox.handle_image_ready(at(1), &s2, ImageNo::new(image));
    }
    let job = JobNo::new(7);
    for _ in 0..9 {
        outbox.handle_job_progress(at(2), &s1, job).unwrap();
    }
    assert_eq!(pending(&outbox, &s1), ["image 1", "image 2", "progress 7"]);
    assert_eq!(pending(&outbox, &s2), [""; 0]);
    outbox.handle_job_results(at(3), &s1, JobNo::new(8)).unwrap();
    assert_eq!(pending(&outbox, &s1), ["image 1", "image 2", "results 8"], "progress goes first");
    assert_eq!(outbox.dropped(&s1), 1);
    outbox.handle_job_results(at(3), &s1, JobNo::new(9)).unwrap();
    assert_eq!(pending(&outbox, &s1), ["image 2", "results 8", "results 9"]);

    outbox.handle_session_opened(at(4), &s1);
    drain(&mut outbox);
    outbox.handle_job_progress(at(5), &s1, job).unwrap();
    assert_eq!(outbox.dropped(&s1), 3, "what is being sent is not dropped");
    outbox.handle_job_results(at(5), &s1, JobNo::new(9)).unwrap();
    assert_eq!(drain(&mut outbox).0, ["s1: results 9"], "later ones are");
    outbox.handle_job_ended(at(6), &s1, JobNo::new(9), 1, ResultCode::ALL_OK).unwrap();
    outbox.handle_job_removed(at(7), &s1, JobNo::new(9));
    assert_eq!(pending(&outbox, &s1), ["image 2", "results 8"]);
}

#[test]
fn the_end_of_a_job_makes_its_progress_pointless() {
    let s1 = server("s1");
    let mut outbox = Outbox::new(OutboxConfig::default());
    outbox.handle_subscribed(at(0), &s1, Subscription::default()).unwrap();
    outbox.handle_job_progress(at(0), &s1, JobNo::new(1)).unwrap();
    outbox.handle_job_ended(at(1), &s1, JobNo::new(1), 1, ResultCode::ALL_OK).unwrap();
    assert_eq!(pending(&outbox, &s1), ["job 1 1200"]);
}

#[test]
fn names_are_registered_ones_on_request_only() {
    let body = AlertBody::JobEnded { job: JobNo::new(1), result: ResultCode::ALL_OK };
    let urn = |config: OutboxConfig| Outbox::new(config).media_type(&body);
    assert_eq!(urn(OutboxConfig::default()), "urn:oma:at:x-gwmo:completionstatus:1.0");
    let registered = urn(OutboxConfig::default().with_names(AlertNames::Registered));
    assert_eq!(registered, "urn:oma:at:oma-gwmo:completionstatus:1.0");
    assert_eq!(AlertKind::recognise(registered), Some((body.kind(), AlertNames::Registered)));
}

#[derive(Clone, Debug)]
enum Event {
    Attach(u32, bool),
    Detach(u32),
    Job(u32),
    JobRemoved(u32),
    Open(usize),
    Close(usize),
    Answer {
        server: usize,
        back: usize,
        ok: bool,
    },
    Subscribe(usize, bool, bool, bool),
    Unsubscribe(usize),
    Progress(u32),
    Image(u32),
    Tick,
    /// From the last snapshot, perhaps a new one, and the records.
    Restart {
        snapshot: bool,
    },
}

fn event() -> impl Strategy<Value = Event> {
    let who = || 0..2usize;
    prop_oneof![
        4 => (1..5u32, any::<bool>()).prop_map(|(device, first)| Event::Attach(device, first)),
        3 => (1..5u32).prop_map(Event::Detach),
        2 => (1..5u32).prop_map(Event::Job),
        1 => (1..5u32).prop_map(Event::JobRemoved),
        3 => who().prop_map(Event::Open),
        2 => who().prop_map(Event::Close),
        6 => (who(), 0..4usize, any::<bool>()).prop_map(|(server, back, ok)| Event::Answer { server, back, ok }),
        1 => (who(), any::<bool>(), any::<bool>(), any::<bool>())
            .prop_map(|(server, attached, each, detached)| Event::Subscribe(server, attached, each, detached)),
        1 => who().prop_map(Event::Unsubscribe),
        1 => Just(Event::Tick),
        1 => (1..5u32).prop_map(Event::Progress),
        1 => (1..5u32).prop_map(Event::Image),
        1 => any::<bool>().prop_map(|snapshot| Event::Restart { snapshot }),
    ]
}

proptest! {
    /// Bounded, in order, nothing sent outside a session or twice in one, no completion lost, and a session is
    /// always asked for while something waits.
    #[test]
    fn outbox_keeps_its_promises(events in prop::collection::vec((0..20u64, event()), 1..120)) {
        let names = [server("s0"), server("s1")];
        let config = OutboxConfig::default().with_max_device_alerts(3).with_max_others(3);
        let mut outbox = Outbox::new(config);
        let (mut snapshot, mut records) = (outbox.snapshot(at(0)), Vec::new());
        // Rounds that were acknowledged while their owner had subscribed, and must not be told again.
        let mut rounds: BTreeMap<u32, u16> = BTreeMap::new();
        let mut now = 0;
        let mut open = [false; 2];
        let mut in_session: [Vec<AlertSeq>; 2] = Default::default();
        // Completions that are owed to server 0, and what every number meant when it was first seen.
        let mut owed: BTreeSet<u32> = BTreeSet::new();
        let mut meaning: BTreeMap<AlertSeq, (usize, String)> = BTreeMap::new();
        for (step, event) in events {
            now += step;
            match event {
                Event::Attach(number, first) => attach(&mut outbox, now, number, first),
                Event::Detach(number) => detach(&mut outbox, now, number),
                Event::Job(job) => {
                    // Each time another round, said twice.
                    let round = rounds.entry(job).or_insert(0);
                    if !owed.contains(&job) {
                        *round += 1;
                    }
                    for _ in 0..2 {
                        outbox.handle_job_ended(at(now), &names[0], JobNo::new(job), *round, ResultCode::ALL_OK).unwrap();
                    }
                    owed.insert(job);
                }
                Event::Progress(job) => outbox.handle_job_progress(at(now), &names[0], JobNo::new(job)).unwrap(),
                Event::Image(image) => outbox.handle_image_ready(at(now), &names[1], ImageNo::new(image)),
                Event::Restart { snapshot: anew } => {
                    while let OutboxOutput::Persist(_, record) = outbox.poll_output() {
                        records.push(record);
                    }
                    if anew {
                        snapshot = outbox.snapshot(at(now));
                    }
                    let again = Outbox::restore(at(now), config, snapshot, records.clone()).unwrap();
                    for name in &names {
                        let of = |outbox: &Outbox| outbox.pending(name).map(|alert| (alert.seq, brief(alert))).collect::<Vec<_>>();
                        prop_assert_eq!(of(&again), of(&outbox));
                        prop_assert_eq!(again.subscription(name), outbox.subscription(name));
                    }
                    prop_assert_eq!(again.next_seq(), outbox.next_seq());
                    outbox = again;
                    open = [false; 2];
                    in_session = Default::default();
                    (snapshot, records) = (outbox.snapshot(at(now)), Vec::new());
                }
                Event::JobRemoved(job) => {
                    outbox.handle_job_removed(at(now), &names[0], JobNo::new(job));
                    owed.remove(&job);
                }
                Event::Open(n) => {
                    outbox.handle_session_opened(at(now), &names[n]);
                    open[n] = true;
                    in_session[n].clear();
                }
                Event::Close(n) => {
                    outbox.handle_session_closed(at(now), &names[n]);
                    open[n] = false;
                }
                Event::Answer { server, back, ok } => {
                    let sent = &in_session[server];
                    if let Some(&seq) = sent.len().checked_sub(back + 1).and_then(|index| sent.get(index)) {
                        let status = if ok { StatusCode::OK } else { StatusCode::COMMAND_FAILED };
                        let body = outbox.pending(&names[server]).find(|alert| alert.seq == seq).map(|a| a.body.clone());
                        if let (true, Some(AlertBody::JobEnded { job, .. })) = (ok, body) {
                            owed.remove(&job.get());
                        }
                        outbox.handle_answered(at(now), &names[server], seq, status);
                    }
                }
                Event::Subscribe(n, attached, each, detached) => {
                    let wish = Subscription::default().with_attached(attached).with_each_time(each);
                    outbox.handle_subscribed(at(now), &names[n], wish.with_detached(detached)).unwrap();
                }
                Event::Unsubscribe(n) => outbox.handle_unsubscribed(at(now), &names[n]),
                Event::Tick => outbox.handle_tick(at(now)),
            }
            let (lines, sent, wait) = drain_into(&mut outbox, &mut records);
            for (who, seq) in sent {
                let n = usize::from(who == names[1]);
                prop_assert!(open[n], "sent outside a session");
                prop_assert!(in_session[n].last().is_none_or(|&last| last < seq), "in order, each once");
                in_session[n].push(seq);
            }
            for line in lines {
                prop_assert!(!line.starts_with("ask") || !open[usize::from(line == "ask s1")]);
            }
            let mut waiting = false;
            for (n, name) in names.iter().enumerate() {
                let alerts: Vec<&Alert> = outbox.pending(name).collect();
                let jobs = alerts.iter().filter(|alert| matches!(alert.body, AlertBody::JobEnded { .. })).count();
                prop_assert!(alerts.len() - jobs <= 6, "bounded");
                prop_assert_eq!(jobs, if n == 0 { owed.len() } else { 0 }, "no completion lost");
                waiting |= !alerts.is_empty() && !open[n];
                if open[n] {
                    let unsent = alerts.iter().filter(|alert| !in_session[n].contains(&alert.seq)).count();
                    prop_assert_eq!(unsent, 0, "everything is sent in an open session");
                }
                for alert in alerts {
                    prop_assert!(alert.seq < outbox.next_seq());
                    let told = meaning.entry(alert.seq).or_insert_with(|| (n, brief(alert)));
                    prop_assert_eq!(&*told, &(n, brief(alert)), "a number means one thing");
                }
            }
            prop_assert_eq!(wait.is_some(), waiting, "somebody is asked while something waits");
        }
    }
}
