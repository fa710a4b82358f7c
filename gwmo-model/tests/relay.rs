//! Transparent mode: the scenarios of the requirements, every check, and restarts at any point.

#[path = "relay/world.rs"]
mod world;

use std::time::Duration;

use dm_notification::DecodeErrorKind;
use dm_notification::push::{HeaderName, Push, PushBuilder, TextHeaders, Value};
use dm_syncml::Instant;
use gwmo_model::{
    GroupId, GwmoHeaderErrorKind, Reach, Relay, RelayConfig, RelayDecision, RelayOutput, RelayRecord,
    RelayRefusal, RelayRestoreError, Serial, Verification,
};
use proptest::prelude::*;
use world::{World, device, serial};

const START: Instant = Instant::EPOCH;

fn at(seconds: u64) -> Instant {
    START + Duration::from_secs(seconds)
}

/// What came out when everything was stored and everything sent.
#[derive(Default, Debug, PartialEq)]
struct Out {
    sent: Vec<(Serial, Option<String>, Vec<u8>)>,
    decisions: Vec<RelayDecision>,
    records: Vec<RelayRecord>,
    wait: Option<Instant>,
}

fn drain(relay: &mut Relay, now: Instant, works: bool) -> Out {
    let mut out = Out::default();
    loop {
        match relay.poll_output() {
            RelayOutput::Persist(seq, record) => {
                out.records.push(record);
                relay.handle_persisted(now, seq);
            }
            RelayOutput::SendNotification { delivery, serial, address, notification, .. } => {
                out.sent.push((serial, address, notification.as_octets().to_vec()));
                if works {
                    relay.handle_sent(now, delivery);
                } else {
                    relay.handle_not_sent(now, delivery);
                }
            }
            RelayOutput::Audit(audit) => out.decisions.push(audit.decision),
            RelayOutput::Wait(wait) => {
                out.wait = wait;
                return out;
            }
            other => panic!("{other:?}"),
        }
    }
}

fn push(relay: &mut Relay, now: Instant, world: &World, header: &str, package_0: &[u8]) -> Out {
    let octets = PushBuilder::dm_notification()
        .with_header(HeaderName::GWMO, Value::Text(header.as_bytes()))
        .unwrap()
        .to_vec(package_0);
    relay.handle_push(now, &Push::decode(&octets).unwrap(), world);
    drain(relay, now, true)
}

fn dropped(refusal: RelayRefusal) -> [RelayDecision; 1] {
    [RelayDecision::Dropped(refusal)]
}

#[test]
fn gwmo_hlf_001_a_device_that_cannot_be_reached_from_outside() {
    let world = World::with_devices(1);
    let mut relay = Relay::new(RelayConfig::default());
    let package_0 = World::package_0("dms", 7);
    let out = push(&mut relay, START, &world, "camera:1", &package_0);
    assert_eq!(out.sent, [(serial(1), Some("10.0.0.1".into()), package_0)]);
    let verification = Verification::ServerKnown;
    assert_eq!(out.decisions, [RelayDecision::Forwarded { verification }, RelayDecision::HandedOver]);
    assert_eq!((relay.held(), out.wait), (0, None), "idle again");
}

#[test]
fn gwmo_tmode_001_notify_a_device_without_a_public_address() {
    // The header by its number and by its name, and in text.
    let world = World::with_devices(2);
    let package_0 = World::package_0("dms", 1);
    let by_number =
        PushBuilder::dm_notification().with_header(HeaderName::GWMO, Value::Text(b"camera:1")).unwrap();
    let by_number = by_number.to_vec(&package_0);
    assert!(by_number.contains(&0xD0));
    let name = HeaderName::Text("x-oma-gwmo");
    let by_name = PushBuilder::dm_notification().with_header(name, Value::Text(b"camera:1")).unwrap();
    for octets in [by_number, by_name.to_vec(&package_0)] {
        let mut relay = Relay::new(RelayConfig::default());
        relay.handle_push(START, &Push::decode(&octets).unwrap(), &world);
        assert_eq!(drain(&mut relay, START, true).sent.len(), 1);
    }
    let mut relay = Relay::new(RelayConfig::default());
    let headers = TextHeaders::dm_notification().with("X-Oma-GwMO", "camera:2, camera:1").unwrap();
    relay.handle_text_push(START, &headers, &package_0, &world);
    let sent: Vec<_> = drain(&mut relay, START, true).sent.into_iter().map(|(serial, ..)| serial).collect();
    assert_eq!(sent, [serial(2), serial(1)]);
}

#[test]
fn use_case_b_2_transparent() {
    let mut world = World::with_devices(2);
    let mut relay = Relay::new(RelayConfig::default());
    let one = World::package_0("dms", 1);
    // Unknown device, unknown server, nothing is sent.
    let out = push(&mut relay, START, &world, "camera:9", &one);
    assert_eq!((out.sent.len(), &out.decisions[..]), (0, &dropped(RelayRefusal::UnknownDevice)[..]));
    let out = push(&mut relay, START, &world, "camera:1", &World::package_0("stranger", 1));
    assert_eq!((out.sent.len(), &out.decisions[..]), (0, &dropped(RelayRefusal::UnknownServer)[..]));
    // All good: one forward, octet for octet; the same again within the window is dropped.
    assert_eq!(push(&mut relay, START, &world, "camera:1", &one).sent[0].2, one);
    let out = push(&mut relay, at(299), &world, "camera:1", &one);
    assert_eq!((out.sent.len(), &out.decisions[..]), (0, &dropped(RelayRefusal::Replayed)[..]));
    assert_eq!(push(&mut relay, at(300), &world, "camera:1", &one).sent.len(), 1, "the server tries again");
    // Another device has session ids of its own.
    assert_eq!(push(&mut relay, at(300), &world, "camera:2", &one).sent.len(), 1);
    // Detached: held until it attaches.
    world.set_reach(2, Reach::Away);
    let two = World::package_0("dms", 2);
    let out = push(&mut relay, at(400), &world, "camera:2", &two);
    assert_eq!(out.decisions, [RelayDecision::Held { verification: Verification::ServerKnown }]);
    assert_eq!((out.sent.len(), out.wait), (0, Some(at(400 + 3600))));
    assert_eq!(relay.waiting().collect::<Vec<_>>(), [serial(2)]);
    world.set_reach(2, Reach::At(None));
    relay.handle_reachable(at(500), serial(2), &world);
    assert_eq!(drain(&mut relay, at(500), true).sent, [(serial(2), None, two)]);
    // Or until its time is over.
    world.set_reach(2, Reach::Away);
    push(&mut relay, at(600), &world, "camera:2", &World::package_0("dms", 3));
    relay.handle_tick(at(600 + 3600));
    assert_eq!(drain(&mut relay, at(600 + 3600), true).decisions, [RelayDecision::Expired]);
    world.set_reach(2, Reach::At(None));
    relay.handle_reachable(at(5000), serial(2), &world);
    assert_eq!(drain(&mut relay, at(5000), true), Out::default());
}

#[test]
fn gwmo_secdi_001_a_digest_that_can_be_checked_must_be_right() {
    let mut world = World::with_devices(2);
    world.share(1, "dms");
    let mut relay = Relay::new(RelayConfig::default());
    let package_0 = World::package_0("dms", 1);
    for octet in 0..package_0.len() {
        let mut flipped = package_0.clone();
        flipped[octet] ^= 1;
        assert_eq!(push(&mut relay, START, &world, "camera:1", &flipped).sent, [], "{octet}");
    }
    let out = push(&mut relay, START, &world, "camera:1", &package_0);
    let verification = Verification::SharedAccount;
    assert_eq!(out.decisions, [RelayDecision::Forwarded { verification }, RelayDecision::HandedOver]);
    // Who cannot sign does not use up a session id where the account is shared; elsewhere only the octets count.
    let mut forged = World::package_0("dms", 2);
    forged[0] ^= 1;
    assert_eq!(push(&mut relay, START, &world, "camera:1,camera:2", &forged).sent.len(), 1);
    assert_eq!(
        push(&mut relay, START, &world, "camera:1,camera:2", &World::package_0("dms", 2)).sent.len(),
        2
    );
}

#[test]
fn every_reason_to_drop() {
    let mut world = World::with_devices(4);
    world.set_transparent(2, false);
    world.deny(3);
    let one = World::package_0("dms", 1);
    let config = RelayConfig::default().with_max_targets(3);
    let case = |header: &str, package_0: &[u8], config: RelayConfig| {
        push(&mut Relay::new(config), START, &world, header, package_0).decisions
    };
    assert_eq!(case("camera:1", &one, config.with_least(None)), dropped(RelayRefusal::SwitchedOff));
    assert_eq!(case("=", &one, config), dropped(RelayRefusal::Header(GwmoHeaderErrorKind::NotAName)));
    assert_eq!(
        case("camera:1", &one[..20], config),
        dropped(RelayRefusal::Malformed(DecodeErrorKind::Truncated { missing: 5 }))
    );
    let group = GroupId::new("nobody").unwrap();
    assert_eq!(case("grp=nobody", &one, config), dropped(RelayRefusal::UnknownGroup(group)));
    assert_eq!(case("a,b,c,d", &one, config), dropped(RelayRefusal::TooManyDevices { max: 3 }));
    assert_eq!(case("grp=all", &one, config), dropped(RelayRefusal::TooManyDevices { max: 3 }));
    assert_eq!(case("camera:2", &one, config), dropped(RelayRefusal::OtherMode));
    assert_eq!(case("camera:3", &one, config), dropped(RelayRefusal::NotAllowed));
    let strict = config.with_least(Some(Verification::SharedAccount));
    assert_eq!(case("camera:1", &one, strict), dropped(RelayRefusal::NotVerifiable));
    assert_eq!(case("camera:1", &one, config.with_max_held(0, 1, 999)), dropped(RelayRefusal::Full));
    assert_eq!(
        case("camera:1", &one, config.with_max_held(9, 1, one.len() - 1)),
        dropped(RelayRefusal::Full)
    );
    let mut relay = Relay::new(config);
    let other =
        PushBuilder::ds_notification().with_header(HeaderName::GWMO, Value::Text(b"camera:1")).unwrap();
    relay.handle_push(START, &Push::decode(&other.to_vec(&one)).unwrap(), &world);
    assert_eq!(drain(&mut relay, START, true).decisions, dropped(RelayRefusal::OtherContent));
    relay.handle_push(START, &Push::decode(&PushBuilder::dm_notification().to_vec(&one)).unwrap(), &world);
    assert_eq!(
        drain(&mut relay, START, true).decisions,
        dropped(RelayRefusal::Header(GwmoHeaderErrorKind::Missing))
    );
}

#[test]
fn a_group_is_its_members_now() {
    let world = World::with_devices(3);
    let mut relay = Relay::new(RelayConfig::default());
    let out = push(&mut relay, START, &world, "grp=all", &World::package_0("dms", 1));
    assert_eq!(out.sent.iter().map(|(serial, ..)| serial.get()).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn what_is_held_is_checked_again() {
    for (spoil, refusal) in [
        ((|world: &mut World| world.set_transparent(1, false)) as fn(&mut World), RelayRefusal::OtherMode),
        (|world| world.deny(1), RelayRefusal::NotAllowed),
        (|world| world.forget_server("dms"), RelayRefusal::UnknownServer),
        (|world| world.forget(1), RelayRefusal::UnknownDevice),
    ] {
        let mut world = World::with_devices(1);
        world.set_reach(1, Reach::Away);
        let mut relay = Relay::new(RelayConfig::default());
        push(&mut relay, START, &world, "camera:1", &World::package_0("dms", 1));
        world.set_reach(1, Reach::At(None));
        spoil(&mut world);
        relay.handle_reachable(at(1), serial(1), &world);
        assert_eq!(drain(&mut relay, at(1), true).decisions, dropped(refusal));
        assert_eq!(relay.held(), 0);
    }
    let mut relay = Relay::new(RelayConfig::default());
    let mut world = World::with_devices(1);
    world.set_reach(1, Reach::Away);
    push(&mut relay, START, &world, "camera:1", &World::package_0("dms", 1));
    relay.handle_forgotten(START, serial(1));
    assert_eq!(drain(&mut relay, START, true).decisions, dropped(RelayRefusal::UnknownDevice));
}

#[test]
fn a_transport_that_fails_is_tried_when_the_device_is_heard_of() {
    let world = World::with_devices(1);
    let mut relay = Relay::new(RelayConfig::default());
    let header = format!("{}", gwmo_model::GwmoHeader::devices([device(1)]).unwrap());
    let octets = World::package_0("dms", 1);
    relay.handle_notification(START, &header.parse().unwrap(), &octets, &world);
    let out = drain(&mut relay, START, false);
    assert_eq!((out.sent.len(), out.decisions.last()), (1, Some(&RelayDecision::HeldAgain)));
    // A copy that comes while it is held is one, however late.
    relay.handle_notification(at(1000), &header.parse().unwrap(), &octets, &world);
    assert_eq!(drain(&mut relay, at(1000), true).decisions, dropped(RelayRefusal::Replayed));
    relay.handle_reachable(at(1001), serial(1), &world);
    assert_eq!(drain(&mut relay, at(1001), true).sent.len(), 1);
}

#[test]
fn what_servers_send_is_bounded() {
    let mut world = World::with_devices(2);
    world.set_reach(1, Reach::Away);
    let mut relay = Relay::new(RelayConfig::default().with_max_held(5, 3, 1 << 20));
    for session in 1..=9 {
        push(&mut relay, START, &world, "camera:1", &World::package_0("dms", session));
    }
    assert_eq!(relay.held(), 3, "of one device");
    world.set_reach(2, Reach::Away);
    for session in 1..=9 {
        push(&mut relay, START, &world, "camera:2", &World::package_0("dms", session));
    }
    assert_eq!(relay.held(), 5, "of all");
}

#[test]
fn nothing_is_sent_before_it_is_stored_and_stored_is_sent_after_a_restart() {
    let world = World::with_devices(1);
    let config = RelayConfig::default();
    let mut relay = Relay::new(config);
    let empty = relay.snapshot(START);
    relay.handle_notification(START, &"camera:1".parse().unwrap(), &World::package_0("dms", 1), &world);
    assert!(matches!(relay.poll_output(), RelayOutput::Audit(_)));
    let RelayOutput::Persist(seq, record) = relay.poll_output() else { panic!() };
    assert!(matches!(relay.poll_output(), RelayOutput::Wait(Some(_))), "not stored yet");
    // Stopped here: the record is there, the notification was not sent.
    let mut again = Relay::restore(at(0), config, &empty, [record]).unwrap();
    assert_eq!(again.waiting().collect::<Vec<_>>(), [serial(1)]);
    again.handle_reachable(START, serial(1), &world);
    assert_eq!(drain(&mut again, START, true).sent.len(), 1);
    let replayed = push(&mut again, START, &world, "camera:1", &World::package_0("dms", 1));
    assert_eq!(replayed.decisions, dropped(RelayRefusal::Replayed), "the window comes back too");
    relay.handle_persisted(START, seq);
    assert!(matches!(relay.poll_output(), RelayOutput::SendNotification { .. }));
}

#[test]
fn what_cannot_be_is_not_restored() {
    let mut world = World::with_devices(1);
    world.set_reach(1, Reach::Away);
    let config = RelayConfig::default();
    let mut relay = Relay::new(config);
    push(&mut relay, START, &world, "camera:1", &World::package_0("dms", 1));
    let snapshot = relay.snapshot(START);
    let restore = |config| Relay::restore(START, config, &snapshot, []).map(|_| ());
    assert_eq!(restore(config), Ok(()));
    assert_eq!(restore(config.with_max_held(0, 0, 0)), Err(RelayRestoreError::TooMuch));
    let policy = config.policy.with_max_octets(10);
    let error = restore(config.with_policy(policy)).unwrap_err();
    assert!(matches!(error, RelayRestoreError::Notification(_)), "{error}");
    #[cfg(feature = "serde")]
    for (from, to) in [
        ("\"version\":1", "\"version\":2"),
        ("\"next\":2", "\"next\":1"),
        ("\"session_id\":1", "\"session_id\":2"),
        ("\"server\":\"dms\"", "\"server\":\"smd\""),
    ] {
        let text = serde_json::to_string(&snapshot).unwrap();
        assert!(text.contains(from), "{text}");
        let changed = serde_json::from_str(&text.replace(from, to)).unwrap();
        assert!(Relay::restore(START, config, &changed, []).is_err(), "{from}");
    }
}

#[derive(Clone, Debug)]
enum Action {
    Push { devices: u8, session: u16, forged: bool },
    Reach(u32, bool),
    Sent(bool),
    Forget(u32),
    Pass(u64),
    Store(usize),
    Restart,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => (1..8_u8, 1..5_u16, prop::bool::weighted(0.2))
            .prop_map(|(devices, session, forged)| Action::Push { devices, session, forged }),
        3 => (1..4_u32, any::<bool>()).prop_map(|(device, there)| Action::Reach(device, there)),
        4 => any::<bool>().prop_map(Action::Sent),
        1 => (1..4_u32).prop_map(Action::Forget),
        2 => prop_oneof![Just(1), Just(60), Just(4000)].prop_map(Action::Pass),
        4 => (1..4_usize).prop_map(Action::Store),
        1 => Just(Action::Restart),
    ]
}

#[cfg(feature = "serde")]
fn kept<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

#[cfg(not(feature = "serde"))]
fn kept<T: Clone>(value: &T) -> T {
    value.clone()
}

proptest! {
    /// Random inputs, a store that lags behind, restarts from a snapshot and what was stored since: what is held is
    /// always what the stored records say, every send rests on a stored record, and in the end all is delivered.
    #[test]
    fn held_is_what_the_records_say(actions in prop::collection::vec(action(), 1..60)) {
        let mut world = World::with_devices(3);
        world.share(1, "dms");
        let config = RelayConfig::default().with_max_held(6, 4, 1 << 16);
        let mut now = START;
        let mut relay = Relay::new(config);
        let mut snapshot = relay.snapshot(now);
        // Numbers of deliveries, in the words of the records, which show what they are about.
        let (mut stored, mut on_the_way) = (Vec::new(), Vec::new());
        let mut last_stored = None;
        let mut sending = Vec::new();
        for action in actions.into_iter().chain([Action::Store(usize::MAX), Action::Restart]) {
            match action {
                Action::Push { devices, session, forged } => {
                    let header = (1..4).filter(|bit| devices & 1 << (bit - 1) != 0).map(|n| format!("camera:{n}"));
                    let header = header.collect::<Vec<_>>().join(",").parse().unwrap();
                    let mut octets = World::package_0("dms", session);
                    octets[3] ^= u8::from(forged);
                    relay.handle_notification(now, &header, &octets, &world);
                }
                Action::Reach(device, there) => {
                    world.set_reach(device, if there { Reach::At(None) } else { Reach::Away });
                    if there {
                        relay.handle_reachable(now, serial(device), &world);
                    }
                }
                Action::Sent(works) => if let Some(delivery) = sending.pop() {
                    if works { relay.handle_sent(now, delivery) } else { relay.handle_not_sent(now, delivery) }
                },
                Action::Forget(device) => relay.handle_forgotten(now, serial(device)),
                Action::Pass(seconds) => {
                    now = now + Duration::from_secs(seconds);
                    relay.handle_tick(now);
                }
                Action::Store(count) => {
                    let count = count.min(on_the_way.len());
                    for (seq, record) in on_the_way.drain(..count) {
                        stored.push(record);
                        last_stored = Some(seq);
                    }
                    if let Some(seq) = last_stored {
                        relay.handle_persisted(now, seq);
                    }
                    if on_the_way.is_empty() {
                        // Everything is stored: what comes back is the same, but for what is on its way.
                        let (before, records) = (kept(&snapshot), stored.iter().map(kept).collect::<Vec<_>>());
                        let back = Relay::restore(now, config, &before, records).unwrap();
                        prop_assert_eq!(back.held(), relay.held());
                        snapshot = relay.snapshot(now);
                        prop_assert_eq!(&Relay::restore(now, config, &snapshot, []).unwrap().snapshot(now), &snapshot);
                        stored.clear();
                    }
                }
                Action::Restart => {
                    relay = Relay::restore(now, config, &kept(&snapshot), stored.drain(..)).unwrap();
                    snapshot = relay.snapshot(now);
                    on_the_way.clear();
                    sending.clear();
                    last_stored = None;
                    for device in 1..4 {
                        if world.is_there(device) {
                            relay.handle_reachable(now, serial(device), &world);
                        }
                    }
                }
            }
            loop {
                match relay.poll_output() {
                    RelayOutput::Persist(seq, record) => on_the_way.push((seq, record)),
                    RelayOutput::SendNotification { delivery, .. } => {
                        let of = format!("Accepted {{ delivery: {delivery:?},");
                        let is_open = on_the_way.iter().any(|(_, record)| format!("{record:?}").contains(&of));
                        prop_assert!(!is_open, "{delivery:?} is sent and not stored");
                        prop_assert!(!sending.contains(&delivery), "{delivery:?} is sent twice");
                        sending.push(delivery);
                    }
                    RelayOutput::Audit(_) => {}
                    RelayOutput::Wait(wait) => {
                        prop_assert_eq!(wait.is_some(), relay.held() > 0);
                        break;
                    }
                    _ => {}
                }
            }
            sending.retain(|delivery| format!("{relay:?}").contains(&format!("{delivery:?}: Parcel")));
            prop_assert!(relay.held() <= 6);
        }
        for device in 1..4 {
            world.set_reach(device, Reach::At(None));
            relay.handle_reachable(now, serial(device), &world);
        }
        drain(&mut relay, now, true);
        prop_assert_eq!(relay.held() - sending.len(), 0);
    }
}
