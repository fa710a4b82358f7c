//! Bootstrap of devices: the scenarios of the requirements, and a naive model with restarts at any point.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dm_notification::bootstrap::{CpSec, NetworkSecret, SharedSecrets};
use dm_syncml::{Instant, StatusCode};
use dm_tree::bootstrap::{Bootstrap, BootstrapPolicy, SignedBootstrap, provisioning_of};
use dm_tree::{DmAccount, Secret, ServerId, Tree, dm_accounts};
use gwmo_model::{
    BootstrapAccount, BootstrapFailure, BootstrapState, BootstrapTarget, DeviceBootstrap,
    DeviceBootstrapConfig, DeviceBootstrapErrorKind, DeviceBootstrapOutput, DeviceBootstrapRecord,
    DeviceCredential, Serial,
};
use proptest::prelude::*;

const START: Instant = Instant::EPOCH;
const GATEWAY: BootstrapTarget = BootstrapTarget::Gateway;

fn at(seconds: u64) -> Instant {
    START + Duration::from_secs(seconds)
}

fn serial(number: u32) -> Serial {
    Serial::new(number).unwrap()
}

fn server(name: &str) -> ServerId {
    ServerId::new(name).unwrap()
}

fn credential(secret: &str) -> DeviceCredential {
    DeviceCredential::new("user", Secret::new(secret), Secret::new("of the gateway"))
}

fn account(name: &str) -> BootstrapAccount {
    BootstrapAccount::new(server(name), format!("https://{name}.example/dm"), credential("of the account"))
}

fn config() -> DeviceBootstrapConfig {
    DeviceBootstrapConfig::new(server("gateway"), "http://10.0.0.1/dm")
        .with_retries(Duration::from_secs(100), 2)
        .with_hash_seed(7)
}

type Offered = (Serial, BootstrapTarget, u16, DmAccount);

/// Stores everything; gives what is to be sent, and the states that were told.
fn drain(boot: &mut DeviceBootstrap, now: Instant) -> (Vec<Offered>, Vec<BootstrapState>, Option<Instant>) {
    let (mut offers, mut states) = (Vec::new(), Vec::new());
    loop {
        match boot.poll_output() {
            DeviceBootstrapOutput::Persist(seq, _) => boot.handle_persisted(now, seq),
            DeviceBootstrapOutput::SendBootstrap { device, target, attempt, account } => {
                offers.push((device, target, attempt, account));
            }
            DeviceBootstrapOutput::Changed { state, .. } => states.push(state),
            DeviceBootstrapOutput::Wait(wait) => return (offers, states, wait),
            other => panic!("{other:?}"),
        }
    }
}

fn with_credential(secret: &str) -> DeviceBootstrap {
    let mut boot = DeviceBootstrap::new(config());
    boot.handle_credential(START, serial(1), credential(secret)).unwrap();
    boot
}

#[test]
fn gwmo_hlf_005_the_gateway_bootstraps_a_device_to_itself() {
    let mut boot = with_credential("its own");
    assert_eq!(boot.state(serial(1), &GATEWAY), BootstrapState::None);
    boot.handle_gateway_wanted(START, serial(1), true).unwrap();
    let (offers, states, wait) = drain(&mut boot, START);
    assert_eq!((states, wait), (vec![BootstrapState::Offered], Some(at(100))));
    let [(device, BootstrapTarget::Gateway, 1, account)] = &offers[..] else { panic!("{offers:?}") };
    assert_eq!((*device, account.server_id.as_str()), (serial(1), "gateway"));
    assert!(!format!("{account:?} {boot:?}").contains("its own"));

    // What the device makes of it: an account with the gateway.
    let secrets = SharedSecrets::new().with_network(NetworkSecret::from_imsi("001010123456789").unwrap());
    let document = provisioning_of(std::slice::from_ref(account)).unwrap();
    SignedBootstrap::cp(&document, CpSec::NETWPIN, &secrets).unwrap();
    let mut tree = Tree::default();
    let applied = Bootstrap::from_provisioning(&document).unwrap();
    applied.apply(&mut tree, &BootstrapPolicy::default()).unwrap();
    let (_, known) = dm_accounts(&tree).next().unwrap();
    assert_eq!(known.addresses, account.addresses);
    assert_eq!(known.credentials[0].secret.as_ref().unwrap().expose(), b"its own");

    boot.handle_session(at(1), serial(1), &GATEWAY, true);
    assert_eq!(drain(&mut boot, at(1)), (vec![], vec![BootstrapState::Confirmed], None));
}

#[test]
fn gwmo_hlf_005_no_session_is_offered_again_and_then_failed() {
    let mut boot = with_credential("s");
    boot.handle_gateway_wanted(START, serial(1), true).unwrap();
    for attempt in 1..=3 {
        let now = at(100 * (u64::from(attempt) - 1));
        boot.handle_tick(now);
        let (offers, _, wait) = drain(&mut boot, now);
        assert_eq!((offers[0].2, wait), (attempt, Some(now + Duration::from_secs(100))));
        boot.handle_tick(now + Duration::from_secs(99));
        assert_eq!(drain(&mut boot, now).0, []);
    }
    boot.handle_tick(at(300));
    let failed = BootstrapState::Failed(BootstrapFailure::Unanswered);
    assert_eq!(drain(&mut boot, at(300)), (vec![], vec![failed], None));
    // Somebody wants it again.
    boot.handle_gateway_wanted(at(400), serial(1), true).unwrap();
    assert_eq!(drain(&mut boot, at(400)).0[0].2, 1);
}

#[test]
fn gwmo_hlf_005_wrong_credentials() {
    let mut boot = with_credential("secret of the device");
    boot.handle_gateway_wanted(START, serial(1), true).unwrap();
    boot.handle_session(START, serial(1), &GATEWAY, false);
    let BootstrapState::Failed(failure) = boot.state(serial(1), &GATEWAY) else { panic!() };
    assert_eq!((failure, failure.status().get()), (BootstrapFailure::WrongCredentials, 401));
    assert_eq!(drain(&mut boot, START).0, [], "overtaken");
    let shown = format!("{boot:?} {:?}", boot.snapshot(START));
    assert!(
        !shown.contains("secret of the device") && !shown.contains(&format!("{:?}", b"secret of the device"))
    );
    // It was somebody else: the device itself proves itself later.
    boot.handle_session(START, serial(1), &GATEWAY, true);
    boot.handle_session(START, serial(1), &GATEWAY, false);
    assert_eq!(boot.state(serial(1), &GATEWAY), BootstrapState::Confirmed);
}

#[test]
fn gwmo_hlf_006_the_gateway_bootstraps_a_device_to_a_server() {
    let mut boot = DeviceBootstrap::new(config());
    boot.handle_server_wanted(START, serial(1), account("dms"), true).unwrap();
    let target = BootstrapTarget::Server(server("dms"));
    let offers = drain(&mut boot, START).0;
    assert_eq!((&offers[0].1, offers[0].3.server_id.as_str()), (&target, "dms"));
    assert_eq!(boot.servers(serial(1)).count(), 0);
    boot.handle_session(START, serial(1), &target, true);
    assert_eq!(boot.servers(serial(1)).collect::<Vec<_>>(), [&server("dms")]);
    // The same again is no second bootstrap.
    for _ in 0..2 {
        boot.handle_server_wanted(START, serial(1), account("dms"), true).unwrap();
        assert_eq!(drain(&mut boot, START).0, []);
    }
    assert!(!format!("{:?}", boot.snapshot(START)).contains("https"), "the account is not kept");
    // Until the device says that it does not know it any more.
    boot.handle_undone(START, serial(1), &target);
    assert_eq!(drain(&mut boot, START).1, [BootstrapState::None]);
    boot.handle_server_wanted(START, serial(1), account("dms"), true).unwrap();
    assert_eq!(drain(&mut boot, START).0[0].2, 1);
}

#[test]
fn gwmo_hlf_003_a_device_registered_before_it_is_seen() {
    let mut boot = with_credential("s");
    boot.handle_gateway_wanted(START, serial(1), false).unwrap();
    assert_eq!(drain(&mut boot, START), (vec![], vec![], None));
    boot.handle_reachable(at(5000), serial(1));
    assert_eq!(drain(&mut boot, at(5000)).0.len(), 1);
    boot.handle_session(at(5001), serial(1), &GATEWAY, true);
    assert_eq!(boot.state(serial(1), &GATEWAY), BootstrapState::Confirmed);
}

#[test]
fn use_case_b_6_one_credential_is_one_devices() {
    let mut boot = with_credential("one");
    let refused = |error: gwmo_model::DeviceBootstrapError| (error.kind(), error.status().get());
    let in_use = (DeviceBootstrapErrorKind::CredentialInUse, 409);
    assert_eq!(boot.handle_credential(START, serial(2), credential("one")).map_err(refused), Err(in_use));
    assert_eq!(boot.check_presented(serial(2), &Secret::new("one")).map_err(refused), Err(in_use));
    assert!(boot.check_presented(serial(1), &Secret::new("one")).is_ok());
    boot.handle_credential(START, serial(2), credential("two")).unwrap();
    boot.handle_credential(START, serial(1), credential("three")).unwrap();
    boot.handle_credential(START, serial(2), credential("one")).unwrap();
    boot.handle_forgotten(START, serial(2));
    boot.handle_credential(START, serial(3), credential("one")).unwrap();
    assert_eq!(boot.credential(serial(2)), None);
}

#[test]
fn an_offer_that_is_not_taken() {
    let mut boot = with_credential("s");
    boot.handle_gateway_wanted(START, serial(1), true).unwrap();
    drain(&mut boot, START);
    // The transport failed: it does not count.
    boot.handle_not_sent(START, serial(1), &GATEWAY);
    assert_eq!(drain(&mut boot, START), (vec![], vec![BootstrapState::None], None));
    boot.handle_reachable(at(1), serial(1));
    assert_eq!(drain(&mut boot, at(1)).0[0].2, 1);
    // The device is away when its time is over: it waits.
    boot.handle_away(at(2), serial(1));
    boot.handle_tick(at(101));
    assert_eq!(drain(&mut boot, at(101)), (vec![], vec![BootstrapState::None], None));
    boot.handle_reachable(at(200), serial(1));
    assert_eq!(drain(&mut boot, at(200)).0[0].2, 2);
    // The user said no.
    boot.handle_rejected(at(201), serial(1), &GATEWAY, StatusCode::NOT_MODIFIED);
    let failure = BootstrapFailure::Rejected(StatusCode::NOT_MODIFIED);
    assert_eq!(boot.state(serial(1), &GATEWAY), BootstrapState::Failed(failure));
    assert_eq!(drain(&mut boot, at(201)).2, None);
}

#[test]
fn switches_and_limits() {
    let kind = |result: Result<(), gwmo_model::DeviceBootstrapError>| result.unwrap_err().kind();
    let mut off = DeviceBootstrap::new(config().with_switches(false, false));
    assert_eq!(
        kind(off.handle_gateway_wanted(START, serial(1), true)),
        DeviceBootstrapErrorKind::SwitchedOff
    );
    let wanted = off.handle_server_wanted(START, serial(1), account("dms"), true);
    assert_eq!(kind(wanted), DeviceBootstrapErrorKind::SwitchedOff);
    let mut boot = DeviceBootstrap::new(config().with_limits(1, 2, 1));
    assert_eq!(
        kind(boot.handle_gateway_wanted(START, serial(1), true)),
        DeviceBootstrapErrorKind::NoCredential
    );
    assert_eq!(
        kind(boot.handle_credential(START, serial(1), credential(""))),
        DeviceBootstrapErrorKind::Unusable
    );
    boot.handle_credential(START, serial(1), credential("a")).unwrap();
    assert_eq!(
        kind(boot.handle_credential(START, serial(2), credential("b"))),
        DeviceBootstrapErrorKind::TooMany
    );
    boot.handle_gateway_wanted(START, serial(1), true).unwrap();
    boot.handle_server_wanted(START, serial(1), account("dms"), true).unwrap();
    let more = boot.handle_server_wanted(START, serial(1), account("other"), true);
    assert_eq!(kind(more), DeviceBootstrapErrorKind::TooMany);
    let more = boot.handle_server_wanted(START, serial(2), account("other"), true);
    assert_eq!(kind(more), DeviceBootstrapErrorKind::TooMany);
}

#[test]
fn nothing_is_offered_before_it_is_stored() {
    let mut boot = with_credential("s");
    boot.handle_gateway_wanted(START, serial(1), true).unwrap();
    let mut last = None;
    loop {
        match boot.poll_output() {
            DeviceBootstrapOutput::Persist(seq, _) => last = Some(seq),
            DeviceBootstrapOutput::SendBootstrap { .. } => panic!("not stored"),
            DeviceBootstrapOutput::Wait(_) => break,
            _ => {}
        }
    }
    boot.handle_persisted(START, last.unwrap());
    assert!(matches!(boot.poll_output(), DeviceBootstrapOutput::SendBootstrap { .. }));
}

#[cfg(feature = "serde")]
#[test]
fn what_cannot_be_is_not_restored() {
    let mut boot = with_credential("s");
    boot.handle_gateway_wanted(START, serial(1), true).unwrap();
    boot.handle_server_wanted(START, serial(1), account("dms"), true).unwrap();
    let text = serde_json::to_string(&boot.snapshot(START)).unwrap();
    let restore = |text: &str| {
        let snapshot = serde_json::from_str(text).unwrap();
        DeviceBootstrap::restore(START, config(), snapshot, []).map(|boot| boot.snapshot(START))
    };
    assert_eq!(restore(&text), Ok(boot.snapshot(START)));
    for (from, to) in [
        ("\"version\":2", "\"version\":1"),
        ("\"stage\":\"Offered\"", "\"stage\":\"Confirmed\""),
        ("\"attempt\":1", "\"attempt\":0"),
        ("{\"Server\":\"dms\"}", "\"Gateway\""),
        ("{\"Server\":\"dms\"}", "{\"Server\":\"smd\"}"),
        ("\"failure\":null", "\"failure\":\"Unanswered\""),
    ] {
        assert!(text.contains(from), "{from} in {text}");
        assert!(restore(&text.replace(from, to)).is_err(), "{from}");
    }
}

#[derive(Clone, Debug)]
enum Action {
    Credential(u32, u8),
    Wanted(u32, u8),
    Reachable(u32),
    Away(u32),
    NotSent(u32, u8),
    Session(u32, u8, bool),
    Rejected(u32, u8),
    Forgotten(u32),
    Undone(u32, u8),
    Pass(u64),
    Restart,
}

fn action() -> impl Strategy<Value = Action> {
    let device = || 1..4_u32;
    let target = || 0..3_u8;
    prop_oneof![
        2 => (device(), 0..4_u8).prop_map(|(device, secret)| Action::Credential(device, secret)),
        6 => (device(), target()).prop_map(|(device, target)| Action::Wanted(device, target)),
        3 => device().prop_map(Action::Reachable),
        2 => device().prop_map(Action::Away),
        1 => (device(), target()).prop_map(|(device, target)| Action::NotSent(device, target)),
        4 => (device(), target(), any::<bool>()).prop_map(|(device, target, ok)| Action::Session(device, target, ok)),
        1 => (device(), target()).prop_map(|(device, target)| Action::Rejected(device, target)),
        1 => device().prop_map(Action::Forgotten),
        1 => (device(), target()).prop_map(|(device, target)| Action::Undone(device, target)),
        4 => prop_oneof![Just(1_u64), Just(50), Just(100)].prop_map(Action::Pass),
        3 => Just(Action::Restart),
    ]
}

fn target(number: u8) -> BootstrapTarget {
    match number {
        0 => GATEWAY,
        number => BootstrapTarget::Server(server(&format!("dms{number}"))),
    }
}

/// As simple as can be: a state, a counter, a deadline, and whether that is younger than the snapshot.
#[derive(Default)]
struct Naive {
    secrets: BTreeMap<u32, u8>,
    away: BTreeSet<u32>,
    boots: BTreeMap<(u32, u8), (BootstrapState, u16, u64, bool)>,
}

impl Naive {
    fn is_there(&self, device: u32) -> bool {
        !self.away.contains(&device)
    }

    fn offer(&mut self, key: (u32, u8), now: u64) -> Option<(u32, u8, u16)> {
        let (state, attempt, until, is_young) = self.boots.get_mut(&key)?;
        if *attempt == 3 {
            *state = BootstrapState::Failed(BootstrapFailure::Unanswered);
            return None;
        }
        *attempt += 1;
        (*state, *until, *is_young) = (BootstrapState::Offered, now + 100, true);
        Some((key.0, key.1, *attempt))
    }

    fn step(&mut self, action: &Action, now: u64) -> Vec<(u32, u8, u16)> {
        use BootstrapState::{Confirmed, Failed, None as Nothing, Offered};
        let mut offers = Vec::new();
        match *action {
            Action::Credential(device, secret) => {
                if !self.secrets.iter().any(|(other, used)| *other != device && *used == secret) {
                    self.secrets.insert(device, secret);
                }
            }
            Action::Wanted(device, target) => {
                let key = (device, target);
                let may = target > 0 || self.secrets.contains_key(&device);
                if may && matches!(self.boots.get(&key), None | Some((Failed(_), ..))) {
                    self.boots.insert(key, (Nothing, 0, 0, true));
                    if self.is_there(device) {
                        offers.extend(self.offer(key, now));
                    }
                }
            }
            Action::Reachable(device) => {
                self.away.remove(&device);
                for key in (0..3).map(|target| (device, target)) {
                    if self.boots.get(&key).is_some_and(|boot| boot.0 == Nothing) {
                        offers.extend(self.offer(key, now));
                    }
                }
            }
            Action::Away(device) => drop(self.away.insert(device)),
            Action::NotSent(device, target) => match self.boots.get_mut(&(device, target)) {
                Some(boot) if boot.0 == Offered => (boot.0, boot.1) = (Nothing, boot.1 - 1),
                _ => {}
            },
            Action::Session(device, target, ok) => match self.boots.get_mut(&(device, target)) {
                Some(boot) if ok => boot.0 = Confirmed,
                Some(boot) if boot.0 == Offered => boot.0 = Failed(BootstrapFailure::WrongCredentials),
                _ => {}
            },
            Action::Rejected(device, target) => match self.boots.get_mut(&(device, target)) {
                Some(boot) if boot.0 == Offered => {
                    boot.0 = Failed(BootstrapFailure::Rejected(StatusCode::FORBIDDEN));
                }
                _ => {}
            },
            Action::Undone(device, target) => drop(self.boots.remove(&(device, target))),
            Action::Forgotten(device) => {
                self.secrets.remove(&device);
                self.boots.retain(|key, _| key.0 != device);
            }
            Action::Pass(_) => {
                let open = self.boots.iter().filter(|(_, boot)| boot.0 == Offered && boot.2 <= now);
                let mut due: Vec<_> = open.map(|(key, boot)| (boot.2, *key)).collect();
                due.sort_unstable();
                for (_, key) in due {
                    match self.boots.get_mut(&key) {
                        Some(boot) if self.away.contains(&key.0) => boot.0 = Nothing,
                        _ => offers.extend(self.offer(key, now)),
                    }
                }
            }
            Action::Restart => {
                for device in 1..4 {
                    let presence =
                        if self.is_there(device) { Action::Reachable(device) } else { Action::Away(device) };
                    offers.extend(self.step(&presence, now));
                }
            }
        }
        offers
    }
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
    #[test]
    fn as_the_naive_model_with_restarts(actions in prop::collection::vec(action(), 1..80)) {
        let mut naive = Naive::default();
        let mut boot = DeviceBootstrap::new(config());
        let (mut now, mut snapshot_at) = (0, 0);
        let mut snapshot = boot.snapshot(START);
        let mut stored: Vec<DeviceBootstrapRecord> = Vec::new();
        for action in actions {
            let time = at(now);
            match &action {
                Action::Credential(device, secret) => {
                    let _ = boot.handle_credential(time, serial(*device), credential(&format!("secret {secret}")));
                }
                Action::Wanted(device, 0) => {
                    let _ = boot.handle_gateway_wanted(time, serial(*device), naive.is_there(*device));
                }
                Action::Wanted(device, number) => {
                    let (account, there) = (account(&format!("dms{number}")), naive.is_there(*device));
                    boot.handle_server_wanted(time, serial(*device), account, there).unwrap();
                }
                Action::Reachable(device) => boot.handle_reachable(time, serial(*device)),
                Action::Away(device) => boot.handle_away(time, serial(*device)),
                Action::NotSent(device, number) => boot.handle_not_sent(time, serial(*device), &target(*number)),
                Action::Session(device, number, ok) => {
                    boot.handle_session(time, serial(*device), &target(*number), *ok);
                }
                Action::Rejected(device, number) => {
                    boot.handle_rejected(time, serial(*device), &target(*number), StatusCode::FORBIDDEN);
                }
                Action::Undone(device, number) => boot.handle_undone(time, serial(*device), &target(*number)),
                Action::Forgotten(device) => boot.handle_forgotten(time, serial(*device)),
                Action::Pass(seconds) => {
                    now += seconds;
                    boot.handle_tick(at(now));
                }
                Action::Restart => {
                    let records: Vec<_> = stored.drain(..).map(|record| kept(&record)).collect();
                    let back = DeviceBootstrap::restore(time, config(), kept(&snapshot), records).unwrap();
                    for ((device, number), known) in &mut naive.boots {
                        prop_assert_eq!(back.state(serial(*device), &target(*number)), known.0);
                        // Time that passed while nothing ran does not count; records do not say when they were made.
                        let left = if known.3 { 100 } else { known.2.saturating_sub(snapshot_at) };
                        (known.2, known.3) = (now + left, false);
                    }
                    (snapshot, snapshot_at) = (back.snapshot(time), now);
                    boot = DeviceBootstrap::restore(time, config(), kept(&snapshot), []).unwrap();
                    prop_assert_eq!(boot.snapshot(time), snapshot.clone());
                    // Presence is not stored: it is told again.
                    for device in 1..4 {
                        if naive.is_there(device) {
                            boot.handle_reachable(time, serial(device));
                        } else {
                            boot.handle_away(time, serial(device));
                        }
                    }
                }
            }
            let expected = naive.step(&action, now);
            let mut offers = Vec::new();
            loop {
                match boot.poll_output() {
                    DeviceBootstrapOutput::Persist(seq, record) => {
                        stored.push(record);
                        boot.handle_persisted(at(now), seq);
                    }
                    DeviceBootstrapOutput::SendBootstrap { device, target: to, attempt, account } => {
                        let number = (0..3).find(|number| target(*number) == to).unwrap();
                        let name = if number == 0 { "gateway".into() } else { format!("dms{number}") };
                        prop_assert_eq!(account.server_id.as_str(), name);
                        offers.push((device.get(), number, attempt));
                    }
                    DeviceBootstrapOutput::Wait(wait) => {
                        let next = naive.boots.values().filter(|boot| boot.0 == BootstrapState::Offered);
                        prop_assert_eq!(wait, next.map(|boot| at(boot.2)).min());
                        break;
                    }
                    _ => {}
                }
            }
            prop_assert_eq!(offers, expected, "{:?}", action);
            for (&(device, number), (state, ..)) in &naive.boots {
                prop_assert_eq!(boot.state(serial(device), &target(number)), *state);
            }
        }
    }
}
