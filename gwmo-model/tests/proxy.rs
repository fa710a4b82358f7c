//! Proxy mode: the scenarios of the requirements, and restarts at any point.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dm_syncml::{Instant, StatusCode};
use dm_tree::{ServerId, Value};
use gwmo_model::{
    CommandState, DeviceAnswer, DownstreamSession, Proxy, ProxyConfig, ProxyErrorKind, ProxyOutput,
    ProxyRecord, ProxyRequest, RelationNo, Serial,
};
use proptest::prelude::*;

const START: Instant = Instant::EPOCH;

fn at(seconds: u64) -> Instant {
    START + Duration::from_secs(seconds)
}

fn serial(number: u32) -> Serial {
    Serial::new(number).unwrap()
}

fn server() -> ServerId {
    ServerId::new("dms").unwrap()
}

fn request(upstream: u64, device: u32, repeatable: &[bool]) -> ProxyRequest {
    ProxyRequest::new(server(), upstream, serial(device), repeatable.iter().copied())
}

fn answer(status: u16) -> DeviceAnswer {
    DeviceAnswer::new(StatusCode::new(status))
}

const fn session(number: u64) -> DownstreamSession {
    DownstreamSession::new(number)
}

#[derive(Default, Debug, PartialEq)]
struct Out {
    notified: Vec<(RelationNo, u16)>,
    delivered: Vec<(RelationNo, u16, DownstreamSession)>,
    done: Vec<RelationNo>,
    wait: Option<Instant>,
}

fn drain(proxy: &mut Proxy, now: Instant) -> Out {
    let mut out = Out::default();
    loop {
        match proxy.poll_output() {
            ProxyOutput::Persist(seq, _) => proxy.handle_persisted(now, seq),
            ProxyOutput::Notify { relation, attempt, .. } => out.notified.push((relation, attempt)),
            ProxyOutput::Deliver { relation, command, session } => {
                out.delivered.push((relation, command, session))
            }
            ProxyOutput::Done { relation, .. } => out.done.push(relation),
            ProxyOutput::Wait(wait) => {
                out.wait = wait;
                return out;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn use_case_b_3_two_related_sessions() {
    let mut proxy = Proxy::new(ProxyConfig::default());
    // The server asks in its session, which may end now.
    let relation = proxy.handle_request(START, request(0x1234, 1, &[true, false])).unwrap();
    let out = drain(&mut proxy, START);
    assert_eq!((out.notified, out.delivered.len(), out.wait), (vec![(relation, 1)], 0, Some(at(60))));
    // The device opens its own.
    proxy.handle_session_opened(at(5), serial(1), session(77));
    let out = drain(&mut proxy, at(5));
    assert_eq!(out.delivered, [(relation, 0, session(77)), (relation, 1, session(77))], "in their order");
    // Nothing that goes down shows what is above: the server's own number is nowhere in it.
    assert!(!format!("{:?}", out.delivered).contains(&0x1234.to_string()));
    assert_eq!((out.done.len(), out.wait), (0, None));
    // Answers in any order, kept until the server takes them in another session.
    let value = answer(200).with_value(Value::chr("2.1.0"));
    proxy.handle_answer(at(6), session(77), relation, 1, answer(404));
    assert_eq!(drain(&mut proxy, at(6)).done, []);
    proxy.handle_answer(at(6), session(77), relation, 0, value.clone());
    let out = drain(&mut proxy, at(6));
    assert_eq!((out.done, out.wait), (vec![relation], Some(at(6 + 86_400))));
    proxy.handle_session_closed(at(7), serial(1), session(77));
    assert_eq!(drain(&mut proxy, at(7)).notified, []);
    assert_eq!(proxy.relation(&server(), 0x1234), Some(relation));
    assert_eq!(
        proxy.commands(relation),
        [CommandState::Answered(value), CommandState::Answered(answer(404))]
    );
    proxy.handle_collected(at(100), relation);
    assert_eq!((proxy.commands(relation).len(), drain(&mut proxy, at(100)).wait), (0, None));
}

#[test]
fn gwmo_pmode_001_a_device_in_session_is_not_notified() {
    let mut proxy = Proxy::new(ProxyConfig::default());
    proxy.handle_session_opened(START, serial(1), session(1));
    let relation = proxy.handle_request(START, request(1, 1, &[true])).unwrap();
    assert_eq!(proxy.handle_request(START, request(1, 1, &[true])).unwrap(), relation, "asked once");
    let out = drain(&mut proxy, START);
    assert_eq!((out.notified.len(), out.delivered.len()), (0, 1));
}

#[test]
fn gwmo_pmode_001_a_device_that_does_not_come() {
    let mut proxy = Proxy::new(ProxyConfig::default().with_retries(Duration::from_secs(10), 1));
    let relation = proxy.handle_request(START, request(1, 1, &[true, false])).unwrap();
    assert_eq!(drain(&mut proxy, START).notified, [(relation, 1)]);
    proxy.handle_tick(at(10));
    assert_eq!(drain(&mut proxy, at(10)).notified, [(relation, 2)]);
    proxy.handle_tick(at(20));
    assert_eq!(drain(&mut proxy, at(20)).done, [relation]);
    assert_eq!(proxy.commands(relation), [CommandState::NotDelivered, CommandState::NotDelivered]);
    proxy.handle_tick(at(20 + 86_400));
    assert_eq!(proxy.commands(relation), [], "nobody took it");
}

#[test]
fn a_session_that_breaks_off() {
    let mut proxy = Proxy::new(ProxyConfig::default());
    let relation = proxy.handle_request(START, request(1, 1, &[true, false, true])).unwrap();
    proxy.handle_session_opened(START, serial(1), session(1));
    drain(&mut proxy, START);
    proxy.handle_answer(START, session(1), relation, 2, answer(200));
    // A new session takes its place; the Exec is not sent again.
    proxy.handle_session_opened(at(1), serial(1), session(2));
    let out = drain(&mut proxy, at(1));
    assert_eq!((out.notified.len(), out.delivered), (0, vec![(relation, 0, session(2))]));
    assert_eq!(proxy.commands(relation)[1], CommandState::Indeterminate);
    // An answer of the session before says nothing.
    proxy.handle_answer(at(2), session(1), relation, 0, answer(500));
    assert_eq!(proxy.commands(relation)[0], CommandState::Delivered);
    proxy.handle_session_closed(at(2), serial(1), session(1));
    proxy.handle_answer(at(2), session(2), relation, 0, answer(200));
    assert_eq!(drain(&mut proxy, at(2)).done, [relation]);
}

#[test]
fn limits() {
    let mut proxy = Proxy::new(ProxyConfig::default().with_limits(3, 2, 2));
    let kind = |error: gwmo_model::ProxyError| (error.kind(), error.status().get());
    assert_eq!(
        proxy.handle_request(START, request(1, 1, &[])).map_err(kind),
        Err((ProxyErrorKind::NoCommand, 412))
    );
    let many = proxy.handle_request(START, request(1, 1, &[true; 3])).map_err(kind);
    assert_eq!(many, Err((ProxyErrorKind::TooManyCommands { max: 2 }, 413)));
    for upstream in 1..3 {
        proxy.handle_request(START, request(upstream, 1, &[true])).unwrap();
    }
    let full = Err((ProxyErrorKind::TooManyRelations, 417));
    assert_eq!(proxy.handle_request(START, request(3, 1, &[true])).map_err(kind), full, "of the device");
    proxy.handle_request(START, request(3, 2, &[true])).unwrap();
    assert_eq!(proxy.handle_request(START, request(4, 2, &[true])).map_err(kind), full, "of all");
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
    Request(u64, u32, Vec<bool>),
    Opened(u32),
    Closed(u32),
    Answer(usize),
    Collect(u64),
    Pass(u64),
    Store(usize),
    Restart,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (0..6_u64, 1..4_u32, prop::collection::vec(any::<bool>(), 1..4))
            .prop_map(|(upstream, device, commands)| Action::Request(upstream, device, commands)),
        4 => (1..4_u32).prop_map(Action::Opened),
        2 => (1..4_u32).prop_map(Action::Closed),
        6 => (0..6_usize).prop_map(Action::Answer),
        1 => (0..6_u64).prop_map(Action::Collect),
        2 => prop_oneof![Just(1), Just(60), Just(100_000)].prop_map(Action::Pass),
        4 => (1..9_usize).prop_map(Action::Store),
        1 => Just(Action::Restart),
    ]
}

proptest! {
    /// What must not be repeated is delivered once, whatever happens; nothing is delivered before that is stored, or
    /// to another session than the device's; what was answered stays answered; and in the end everything is done.
    #[test]
    fn nothing_unsafe_twice(actions in prop::collection::vec(action(), 1..80)) {
        let config = ProxyConfig::default().with_limits(8, 4, 4);
        let mut now = START;
        let mut proxy = Proxy::new(config);
        let mut snapshot = proxy.snapshot(now);
        let (mut stored, mut on_the_way): (Vec<ProxyRecord>, Vec<_>) = (Vec::new(), Vec::new());
        let (mut is_new, mut last, mut next_session) = (false, None, 0);
        let mut sessions: BTreeMap<u32, DownstreamSession> = BTreeMap::new();
        let mut open: Vec<(RelationNo, u16, DownstreamSession)> = Vec::new();
        let mut unsafe_ones = BTreeSet::new();
        let mut repeatable: BTreeMap<RelationNo, Vec<bool>> = BTreeMap::new();
        for action in actions.into_iter().chain([Action::Store(usize::MAX), Action::Restart, Action::Store(usize::MAX)]) {
            match action {
                Action::Request(upstream, device, commands) => {
                    let is_known = proxy.relation(&server(), upstream).is_some();
                    if let Ok(relation) = proxy.handle_request(now, request(upstream, device, &commands)) && !is_known {
                        repeatable.insert(relation, commands);
                        // One that was never stored did not happen: its number may come again.
                        unsafe_ones.retain(|(other, _)| *other != relation);
                    }
                }
                Action::Opened(device) => {
                    next_session += 1;
                    sessions.insert(device, session(next_session));
                    proxy.handle_session_opened(now, serial(device), session(next_session));
                }
                Action::Closed(device) => if let Some(session) = sessions.remove(&device) {
                    proxy.handle_session_closed(now, serial(device), session);
                },
                Action::Answer(which) => if !open.is_empty() {
                    let (relation, command, session) = open.remove(which % open.len());
                    proxy.handle_answer(now, session, relation, command, answer(200));
                },
                Action::Collect(upstream) => if let Some(relation) = proxy.relation(&server(), upstream) {
                    proxy.handle_collected(now, relation);
                },
                Action::Pass(seconds) => {
                    now = now + Duration::from_secs(seconds);
                    proxy.handle_tick(now);
                }
                Action::Store(count) => {
                    for (seq, record) in on_the_way.drain(..count.min(on_the_way.len())) {
                        stored.extend(record);
                        last = Some(seq);
                    }
                    if let Some(seq) = last {
                        proxy.handle_persisted(now, seq);
                    }
                    if on_the_way.is_empty() {
                        let records: Vec<_> = stored.iter().map(kept).collect();
                        let back = Proxy::restore(now, config, kept(&snapshot), records).unwrap();
                        for upstream in 0..6 {
                            let relation = proxy.relation(&server(), upstream);
                            prop_assert_eq!(back.relation(&server(), upstream), relation);
                            let Some(relation) = relation else { continue };
                            for (back, own) in back.commands(relation).iter().zip(proxy.commands(relation)) {
                                prop_assert!(back == own || *own == CommandState::Delivered);
                            }
                        }
                    }
                }
                Action::Restart => {
                    proxy = Proxy::restore(now, config, kept(&snapshot), stored.drain(..)).unwrap();
                    is_new = true;
                    on_the_way.clear();
                    open.clear();
                    sessions.clear();
                    last = None;
                }
            }
            loop {
                match proxy.poll_output() {
                    ProxyOutput::Persist(seq, record) => on_the_way.push((seq, Some(record).filter(|_| !is_new))),
                    ProxyOutput::Deliver { relation, command, session } => {
                        prop_assert!(sessions.values().any(|own| *own == session));
                        let entry = format!("Delivered {{ relation: {relation:?}, command: {command} }}");
                        let is_open = on_the_way.iter().any(|(_, record)| format!("{record:?}").contains(&entry));
                        prop_assert!(!is_open, "not stored");
                        if !repeatable[&relation][usize::from(command)] {
                            prop_assert!(unsafe_ones.insert((relation, command)), "delivered twice");
                        }
                        open.push((relation, command, session));
                    }
                    ProxyOutput::Wait(_) => break,
                    _ => {}
                }
            }
            if std::mem::take(&mut is_new) {
                snapshot = proxy.snapshot(now);
            }
        }
        for _ in 0..8 {
            now = now + Duration::from_secs(100_000);
            proxy.handle_tick(now);
            drain(&mut proxy, now);
        }
        prop_assert_eq!(drain(&mut proxy, now).wait, None, "everything ends");
        prop_assert!((0..6).all(|upstream| proxy.relation(&server(), upstream).is_none()));
    }
}
