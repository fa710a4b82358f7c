//! Triggers: the scenarios of the requirements, and restarts at any point.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dm_notification::{Credential, Notification, ServerIdentifier, UiMode};
use dm_syncml::{Instant, StatusCode};
use dm_tree::ServerId;
use gwmo_model::{
    ResultCode, Serial, SignedNotification, TargetOutcome, TriggerContent, TriggerErrorKind, TriggerKey,
    TriggerLimits, TriggerNo, TriggerOutput, TriggerRecord, TriggerSnapshot, TriggerSpec, TriggerState,
    TriggerTemplate, Triggers,
};
use proptest::prelude::*;

const START: Instant = Instant::EPOCH;

fn at(seconds: u64) -> Instant {
    START + Duration::from_secs(seconds)
}

fn serial(number: u32) -> Serial {
    Serial::new(number).unwrap()
}

fn owner() -> ServerId {
    ServerId::new("dms").unwrap()
}

fn ready(key: &str) -> TriggerSpec {
    let octets = SignedNotification::new(&b"signed by the server"[..]);
    TriggerSpec::new(owner(), TriggerKey::new(key).unwrap(), TriggerContent::Ready(octets))
}

/// Stores everything; gives what is to be sent, and what ended.
fn drain(triggers: &mut Triggers, now: Instant) -> (Vec<(TriggerNo, Serial)>, Vec<u16>, Option<Instant>) {
    let (mut sends, mut ended) = (Vec::new(), Vec::new());
    loop {
        match triggers.poll_output() {
            TriggerOutput::Persist(seq, _) => triggers.handle_persisted(now, seq),
            TriggerOutput::Send { trigger, device, .. } => sends.push((trigger, device)),
            TriggerOutput::Ended { result, .. } => ended.push(result.get()),
            TriggerOutput::Wait(wait) => return (sends, ended, wait),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn gwmo_tmode_001_octets_of_the_server_are_passed_on() {
    let mut triggers = Triggers::new(TriggerLimits::default());
    let trigger = triggers.handle_added(START, ready("T")).unwrap();
    assert_eq!(triggers.state(trigger), Some(TriggerState::Draft));
    triggers.handle_started(START, trigger, [serial(1), serial(2)], [serial(2)]).unwrap();
    let mut octets = Vec::new();
    loop {
        match triggers.poll_output() {
            TriggerOutput::Persist(seq, _) => triggers.handle_persisted(START, seq),
            TriggerOutput::Send { trigger, device, content: TriggerContent::Ready(content), .. } => {
                octets.push((device, content.as_octets().to_vec()));
                triggers.handle_sent(START, trigger, device);
            }
            TriggerOutput::Wait(wait) => {
                assert_eq!(wait, Some(at(3600)));
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(octets, [(serial(1), b"signed by the server".to_vec())]);
    // The device that was away has until the trigger is no longer valid.
    triggers.handle_reachable(at(3599), serial(2));
    assert_eq!(drain(&mut triggers, at(3599)).0, [(trigger, serial(2))]);
    triggers.handle_sent(at(3599), trigger, serial(2));
    assert_eq!(drain(&mut triggers, at(3599)), (vec![], vec![1200], None));
    assert_eq!(triggers.state(trigger), Some(TriggerState::Done(ResultCode::ALL_OK)));
}

#[test]
fn gwmo_hlf_001_a_notification_the_gateway_makes_needs_the_account() {
    let mut triggers = Triggers::new(TriggerLimits::default());
    let template = TriggerTemplate::new(owner()).with_ui_mode(UiMode::Informative);
    let server = ServerIdentifier::new("dms").unwrap();
    let credential = Credential::new(server, "shared");
    let mut ids = BTreeSet::new();
    for key in ["one", "two"] {
        let spec =
            TriggerSpec::new(owner(), TriggerKey::new(key).unwrap(), TriggerContent::Built(template.clone()));
        let trigger = triggers.handle_added(START, spec).unwrap();
        triggers.handle_started(START, trigger, [serial(1), serial(2)], []).unwrap();
        loop {
            match triggers.poll_output() {
                TriggerOutput::Persist(seq, _) => triggers.handle_persisted(START, seq),
                TriggerOutput::Send {
                    trigger,
                    device,
                    content: TriggerContent::Built(template),
                    session_id,
                    ..
                } => {
                    if device == serial(2) {
                        // Its account is not shared.
                        triggers.handle_refused(START, trigger, device, StatusCode::NOT_SUPPORTED);
                        continue;
                    }
                    let octets = template.sign(session_id, &credential, b"nonce");
                    let read = Notification::decode(octets.as_octets()).unwrap();
                    assert_eq!(read.verify(&credential, b"nonce"), Ok(()));
                    assert_eq!(read.trigger().ui_mode(), UiMode::Informative);
                    ids.insert(read.trigger().session_id());
                    triggers.handle_sent(START, trigger, device);
                }
                TriggerOutput::Ended { result, .. } => assert_eq!(result, ResultCode::NOT_ALL_OK),
                TriggerOutput::Wait(_) => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(triggers.outcome(trigger, serial(2)), Some(TargetOutcome::NoAccount));
    }
    assert_eq!(ids.len(), 2, "a device drops what it has seen");
}

#[test]
fn every_outcome_has_a_code() {
    let mut triggers = Triggers::new(TriggerLimits::default().with_window(9));
    let spec = ready("T").with_validity(Duration::from_secs(100));
    let trigger = triggers.handle_added(START, spec).unwrap();
    triggers.handle_started(START, trigger, (1..=5).map(serial), [serial(6), serial(7)]).unwrap();
    drain(&mut triggers, START);
    triggers.handle_sent(START, trigger, serial(1));
    triggers.handle_refused(START, trigger, serial(2), StatusCode::PERMISSION_DENIED);
    triggers.handle_refused(START, trigger, serial(3), StatusCode::NOT_SUPPORTED);
    triggers.handle_away(START, trigger, serial(4));
    triggers.handle_forgotten(START, serial(6));
    // What is final stays.
    triggers.handle_away(START, trigger, serial(1));
    triggers.handle_sent(START, trigger, serial(4));
    assert_eq!(triggers.waiting().collect::<Vec<_>>(), [serial(4), serial(7)]);
    triggers.handle_tick(at(99));
    assert_eq!(triggers.state(trigger), Some(TriggerState::Running));
    triggers.handle_tick(at(100));
    let codes: Vec<_> = triggers.outcomes(trigger).map(|(_, outcome)| outcome.code().get()).collect();
    assert_eq!(codes, [200, 425, 406, 1410, 1408, 404, 1410]);
    assert_eq!(drain(&mut triggers, at(100)), (vec![], vec![1201], None));
    assert_eq!(triggers.in_flight(), 0);
}

#[test]
fn no_validity_waits_for_nobody() {
    let mut triggers = Triggers::new(TriggerLimits::default());
    let trigger = triggers.handle_added(START, ready("T").with_validity(Duration::ZERO)).unwrap();
    triggers.handle_started(START, trigger, [serial(1)], [serial(2)]).unwrap();
    assert_eq!(drain(&mut triggers, START).2, Some(at(60)), "who is there has to be sent to");
    triggers.handle_away(START, trigger, serial(1));
    assert_eq!(drain(&mut triggers, START).1, [1201]);
    let none = triggers.handle_added(START, ready("U")).unwrap();
    triggers.handle_started(START, none, [], []).unwrap();
    assert_eq!(drain(&mut triggers, START).1, [1202]);
}

#[test]
fn the_window_slides() {
    let mut triggers = Triggers::new(TriggerLimits::default().with_window(3));
    let trigger = triggers.handle_added(START, ready("T")).unwrap();
    triggers.handle_started(START, trigger, (1..=10).map(serial), []).unwrap();
    let mut open = drain(&mut triggers, START).0;
    let mut sent = 0;
    while let Some((trigger, device)) = open.pop() {
        assert!(triggers.in_flight() <= 3);
        triggers.handle_sent(START, trigger, device);
        sent += 1;
        open.extend(drain(&mut triggers, START).0);
    }
    assert_eq!(sent, 10);
}

#[test]
fn what_is_refused_and_what_is_the_same_again() {
    let limits = TriggerLimits::default().with_max_triggers(1).with_max_targets(2).with_max_octets(20);
    let mut triggers = Triggers::new(limits);
    let kind = |error: gwmo_model::TriggerError| (error.kind(), error.status().get());
    let long = TriggerContent::Ready(vec![0; 21].into());
    let long = TriggerSpec::new(owner(), TriggerKey::new("T").unwrap(), long);
    let refused = triggers.handle_added(START, long).map_err(kind);
    assert_eq!(refused, Err((TriggerErrorKind::BadLength { max: 20 }, 413)));
    let trigger = triggers.handle_added(START, ready("T")).unwrap();
    let again = triggers.handle_added(START, ready("T")).map_err(kind);
    assert_eq!(again, Err((TriggerErrorKind::TriggerExists { trigger }, 418)));
    assert_eq!(
        triggers.handle_added(START, ready("U")).map_err(kind),
        Err((TriggerErrorKind::TooManyTriggers, 420))
    );
    let many = triggers.handle_started(START, trigger, (1..4).map(serial), []).map_err(kind);
    assert_eq!(many, Err((TriggerErrorKind::TooManyTargets { max: 2 }, 413)));
    triggers.handle_started(START, trigger, [serial(1)], []).unwrap();
    triggers.handle_started(START, trigger, [serial(2)], []).unwrap();
    assert_eq!(drain(&mut triggers, START).0, [(trigger, serial(1))], "started once");
    triggers.handle_removed(START, trigger).unwrap();
    assert_eq!(
        triggers.handle_removed(START, trigger).map_err(kind),
        Err((TriggerErrorKind::UnknownTrigger, 404))
    );
    triggers.handle_sent(START, trigger, serial(1));
    assert_eq!(drain(&mut triggers, START), (vec![], vec![], None));
    assert_ne!(triggers.handle_added(START, ready("T")).unwrap(), trigger, "numbers are not given again");
}

#[cfg(feature = "serde")]
fn kept<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

#[cfg(not(feature = "serde"))]
fn kept<T: Clone>(value: &T) -> T {
    value.clone()
}

#[derive(Clone, Debug)]
enum Action {
    Add(u8, u64),
    Start(u32, u8, u8),
    Report(usize, u8),
    Reachable(u32),
    Forgotten(u32),
    Remove(u32),
    Pass(u64),
    Store(usize),
    Restart,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        3 => (0..5_u8, prop_oneof![Just(0), Just(100)]).prop_map(|(key, validity)| Action::Add(key, validity)),
        4 => (1..6_u32, any::<u8>(), any::<u8>()).prop_map(|(no, here, away)| Action::Start(no, here, away)),
        8 => (0..4_usize, 0..4_u8).prop_map(|(which, how)| Action::Report(which, how)),
        2 => (1..9_u32).prop_map(Action::Reachable),
        1 => (1..9_u32).prop_map(Action::Forgotten),
        1 => (1..6_u32).prop_map(Action::Remove),
        2 => prop_oneof![Just(1), Just(30), Just(100)].prop_map(Action::Pass),
        4 => (1..6_usize).prop_map(Action::Store),
        1 => Just(Action::Restart),
    ]
}

proptest! {
    /// The window holds, ends are told once in each life and only when all is over, what was stored as final stays
    /// final over restarts, and in the end everything ends.
    #[test]
    fn every_target_has_one_end(actions in prop::collection::vec(action(), 1..80)) {
        let limits = TriggerLimits::default().with_window(3).with_max_triggers(4);
        let mut triggers = Triggers::new(limits);
        let mut now = START;
        let mut snapshot = triggers.snapshot(now);
        let (mut stored, mut on_the_way): (Vec<TriggerRecord>, Vec<_>) = (Vec::new(), Vec::new());
        let mut open: Vec<(TriggerNo, Serial)> = Vec::new();
        let mut last = None;
        let mut ended = BTreeSet::new();
        let mut finals: BTreeMap<(u32, Serial), TargetOutcome> = BTreeMap::new();
        for action in actions.into_iter().chain([Action::Restart, Action::Pass(10_000), Action::Store(usize::MAX)]) {
            match action {
                Action::Add(key, validity) => {
                    let spec = ready(&format!("T{key}")).with_validity(Duration::from_secs(validity));
                    let _ = triggers.handle_added(now, spec);
                }
                Action::Start(no, here, away) => {
                    let set = |bits: u8| (1..9).filter(move |bit| bits & 1 << (bit - 1) != 0).map(serial);
                    let _ = triggers.handle_started(now, TriggerNo::new(no), set(here), set(away));
                }
                Action::Report(which, how) if !open.is_empty() => {
                    let (trigger, device) = open.remove(which % open.len());
                    match how {
                        0 | 1 => triggers.handle_sent(now, trigger, device),
                        2 => triggers.handle_away(now, trigger, device),
                        _ => triggers.handle_refused(now, trigger, device, StatusCode::PERMISSION_DENIED),
                    }
                }
                Action::Report(..) => {}
                Action::Reachable(device) => triggers.handle_reachable(now, serial(device)),
                Action::Forgotten(device) => triggers.handle_forgotten(now, serial(device)),
                Action::Remove(no) => {
                    let _ = triggers.handle_removed(now, TriggerNo::new(no));
                }
                Action::Pass(seconds) => {
                    now = now + Duration::from_secs(seconds);
                    triggers.handle_tick(now);
                }
                Action::Store(count) => {
                    for (seq, record) in on_the_way.drain(..count.min(on_the_way.len())) {
                        stored.push(record);
                        last = Some(seq);
                    }
                    if let Some(seq) = last {
                        triggers.handle_persisted(now, seq);
                    }
                    if on_the_way.is_empty() {
                        let records: Vec<_> = stored.iter().map(kept).collect();
                        let back = Triggers::restore(now, limits, kept(&snapshot), records).unwrap();
                        for no in (1..40).map(TriggerNo::new) {
                            prop_assert_eq!(back.state(no), triggers.state(no));
                            let final_only = |all: &Triggers| -> Vec<_> {
                                all.outcomes(no).filter(|(_, outcome)| outcome.is_final()).collect()
                            };
                            prop_assert_eq!(final_only(&back), final_only(&triggers));
                            for (device, outcome) in final_only(&triggers) {
                                let first = *finals.entry((no.get(), device)).or_insert(outcome);
                                prop_assert_eq!(first, outcome);
                            }
                        }
                    }
                }
                Action::Restart => {
                    triggers = Triggers::restore(now, limits, kept(&snapshot), stored.drain(..)).unwrap();
                    snapshot = triggers.snapshot(now);
                    on_the_way.clear();
                    open.clear();
                    ended.clear();
                    last = None;
                }
            }
            loop {
                match triggers.poll_output() {
                    TriggerOutput::Persist(seq, record) => on_the_way.push((seq, record)),
                    TriggerOutput::Send { trigger, device, .. } => {
                        prop_assert!(!open.contains(&(trigger, device)));
                        let started = format!("Started {{ trigger: {trigger:?},");
                        let is_open = on_the_way.iter().any(|(_, record)| format!("{record:?}").contains(&started));
                        prop_assert!(!is_open);
                        open.push((trigger, device));
                    }
                    TriggerOutput::Ended { trigger, .. } => prop_assert!(ended.insert(trigger), "said twice"),
                    TriggerOutput::Wait(_) => break,
                    _ => {}
                }
            }
            prop_assert!(triggers.in_flight() <= 3);
            open.retain(|(trigger, device)| triggers.outcome(*trigger, *device) == Some(TargetOutcome::Sending));
        }
        for no in (1..40).map(TriggerNo::new) {
            prop_assert!(triggers.state(no) != Some(TriggerState::Running), "everything ends");
        }
        prop_assert_eq!(triggers.snapshot(now).version(), TriggerSnapshot::VERSION);
    }
}
