//! Snapshots. That they make no difference is tested by every other scenario: its session travels before every message of the server.

use dm_syncml::auth::{AuthScheme, Credentials, Password};
use dm_syncml::session::{
    AlertQueue, ClientSession, ClientSnapshot, GenericAlert, Initiation, Misuse, Outcome, RestoreError,
    UserResponse,
};
use dm_syncml::{CmdId, Data, Format, Instant, SessionId, StatusCode};
use serde_json::Value;
use std::time::Duration;

use crate::device::{Device, add, alert, config, container, get, sizes};

/// A session in the middle of Results in chunks, with an alert that waits, and credentials.
fn midway() -> Device {
    let mut config = config();
    config.device = Some((AuthScheme::Basic, Credentials::new("dev", Password::new("hunter2"))));
    let alert = GenericAlert::new("org.example.report", Format::CHR, Data::text("a").unwrap()).unwrap();
    let alerts = vec![alert.to_alert(CmdId::new("1").unwrap())];
    let mut device = Device::with(config, Initiation::Client(SessionId::new("1A").unwrap()), alerts.into());
    device.header_extra = sizes(1500, 100_000);
    device.values.insert("./Big".into(), "x".repeat(5000));
    device.say_with(212, &[get("1", "./Big"), add("2", "./A", "1")].concat(), true);
    assert_eq!(device.answered().last().unwrap(), "Results 1 more");
    device
}

fn stored(device: &Device) -> Value {
    serde_json::to_value(device.client.snapshot(device.now).unwrap()).unwrap()
}

fn restore(device: &Device, now: Instant, snapshot: Value) -> Result<ClientSession, RestoreError> {
    let snapshot: ClientSnapshot = serde_json::from_value(snapshot).unwrap();
    ClientSession::restore(now, device.config.clone(), snapshot)
}

#[test]
fn a_restored_session_is_the_same() {
    let device = midway();
    let restored = restore(&device, device.now, stored(&device)).unwrap();
    assert_eq!(restored.snapshot(device.now), device.client.snapshot(device.now));
    assert_eq!(restored.alerts(), device.client.alerts());
}

#[test]
fn only_known_versions_are_restored() {
    let device = midway();
    let mut snapshot = stored(&device);
    snapshot["version"] = 2.into();
    assert_eq!(restore(&device, device.now, snapshot).unwrap_err(), RestoreError::Version(2));
}

#[test]
fn what_was_changed_is_refused() {
    let device = midway();
    for (path, value) in [
        ("/letterhead/header", Value::from("AAAA")),
        ("/waiting/message/body", "no base64!".into()),
        ("/package/results/0/cut/0/shell", "AAAA".into()),
        ("/package/results/0/cut/0/sent", 1_000_000.into()),
        ("/alerts/alerts/0/1", "AAAA".into()),
        ("/next_uri", "AAAA".into()),
    ] {
        let mut changed = stored(&device);
        *changed.pointer_mut(path).expect(path) = value;
        assert!(matches!(restore(&device, device.now, changed), Err(RestoreError::Malformed(_))), "{path}");
    }
}

#[test]
fn passwords_are_not_in_it() {
    let text = stored(&midway()).to_string();
    assert!(!text.contains("hunter2"));
}

#[test]
fn a_configuration_that_demands_other_things_is_refused() {
    let mut device = midway();
    let snapshot = stored(&device);
    device.config.server_auth = Some((AuthScheme::Md5, Credentials::new("srv", Password::new("p"))));
    assert_eq!(restore(&device, device.now, snapshot).unwrap_err(), RestoreError::Account);
}

/// The other process has another clock; what is left of the time counts.
#[test]
fn deadlines_travel_as_what_is_left_of_them() {
    let mut device = midway();
    device.now = device.now + Duration::from_secs(20);
    let snapshot = stored(&device);
    let elsewhere = Instant::from_millis(1_000_000);
    device.client = restore(&device, elsewhere, snapshot).unwrap();
    device.now = elsewhere;
    device.drain();
    assert_eq!(device.wait, Some(elsewhere + Duration::from_secs(10)));
    let sent = device.sent.len();
    device.tick(Duration::from_secs(10));
    assert_eq!((device.sent.len(), &device.sent[sent]), (sent + 1, &device.sent[sent - 1]));
}

#[test]
fn there_is_none_while_something_is_to_be_done() {
    let fresh = ClientSession::new(
        Instant::EPOCH,
        config(),
        Initiation::Client(SessionId::new("1").unwrap()),
        AlertQueue::new(),
    );
    assert_eq!(fresh.snapshot(Instant::EPOCH), Err(Misuse::NotDrained));
}

/// The device restarts while the user is asked: the question is in sight again, and the session goes on where it was.
#[test]
fn an_open_question_is_asked_again_after_a_restart() {
    let mut device = Device::new(config());
    let sequence =
        container("Sequence", "2", &[alert("3", 1102, &["MAXDT=60", "Name?"]), add("4", "./B", "1")]);
    device.say(&[add("1", "./A", "1"), sequence, get("5", "./A")].concat());
    let (handle, question) = device.asked[0].clone();
    device.tick(Duration::from_secs(20));
    device.client = restore(&device, device.now, stored(&device)).unwrap();
    device.drain();
    assert_eq!(device.asked[1], (handle, question));
    let left = device.wait.unwrap().saturating_since(device.now);
    assert_eq!(left, Duration::from_secs(40), "it has as long as it had");
    device.client.handle_response(device.now, handle, &UserResponse::Text("me".into())).unwrap();
    device.drain();
    assert_eq!(device.answered(), ["1 200", "2 200", "3 200", "4 200", "5 200", "Results 5", "Final"]);
}

/// What was handed out may have been done, so it is not handed out again; who did it says so under the old handle.
#[test]
fn a_command_under_way_is_waited_for_after_a_restart() {
    let mut device = Device::new(config());
    device.idle = true;
    device.say(&[add("1", "./A", "1"), add("2", "./B", "1")].concat());
    let (handle, _) = device.handed_out.pop().unwrap();
    device.client = restore(&device, device.now, stored(&device)).unwrap();
    device.drain();
    assert!(device.handed_out.is_empty(), "not again");
    device.client.handle_outcome(device.now, handle, Outcome::all(StatusCode::OK)).unwrap();
    device.drain();
    // The second one is never heard of.
    device.client = restore(&device, device.now, stored(&device)).unwrap();
    device.tick(Duration::from_secs(61));
    assert_eq!(device.answered(), ["1 200", "2 408", "Final"]);
}

/// Each step of an Atomic is one that may be under way.
#[test]
fn an_atomic_under_way_goes_on_after_a_restart() {
    let mut device = Device::new(config());
    device.idle = true;
    device.say(&container("Atomic", "1", &[add("2", "./A", "1"), add("3", "./B", "1")]));
    let atomic = device.atomic_handle.unwrap();
    let again = |device: &mut Device, handle| {
        device.client = restore(device, device.now, stored(device)).unwrap();
        device.client.handle_outcome(device.now, handle, Outcome::all(StatusCode::OK)).unwrap();
        device.drain();
    };
    again(&mut device, atomic);
    for _ in 0..2 {
        let (handle, _) = device.handed_out.pop().unwrap();
        again(&mut device, handle);
    }
    assert_eq!(device.log.last().unwrap(), "commit");
    again(&mut device, atomic);
    assert_eq!(device.answered(), ["1 200", "2 200", "3 200", "Final"]);
}

#[test]
fn what_was_changed_of_something_under_way_is_refused() {
    let mut device = Device::new(config());
    device.say(&container("Atomic", "1", &[add("2", "./A", "1"), alert("3", 1101, &["", "Really?"])]));
    let good = stored(&device);
    for (path, value) in [
        ("/executing/next", Value::from(99)),
        ("/executing/doing/what/ask", 1.into()),
        ("/executing/doing/what/ask", 99.into()),
        ("/executing/atomic/at", 1.into()),
        ("/executing/entries/0/end", 99.into()),
        ("/executing/entries/1/end", 0.into()),
        ("/executing/entries/1/sequence", 2.into()),
        ("/executing/entries/2/asked/0", "AAAA".into()),
        ("/executing/entries/2/task/ask", "AAAA".into()),
        ("/executing/header", "AAAA".into()),
    ] {
        let mut snapshot = good.clone();
        *snapshot.pointer_mut(path).unwrap_or_else(|| panic!("{path} in {good}")) = value;
        assert!(matches!(restore(&device, device.now, snapshot), Err(RestoreError::Malformed(_))), "{path}");
    }
}

#[test]
fn alert_queues_are_values_of_their_own() {
    let device = midway();
    let text = serde_json::to_string(device.client.alerts()).unwrap();
    let mut queue: AlertQueue = serde_json::from_str(&text).unwrap();
    assert_eq!(&queue, device.client.alerts());
    let (first, alert) = queue.iter().next().map(|(id, alert)| (id, alert.clone())).unwrap();
    queue.remove(first);
    let text = serde_json::to_string(&queue).unwrap();
    let mut queue: AlertQueue = serde_json::from_str(&text).unwrap();
    assert!(queue.push(alert) > first, "ids are never used twice, whatever was stored");
}
