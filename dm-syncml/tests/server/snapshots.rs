//! Snapshots. That they make no difference is tested by every other scenario: its device travels between any two messages.

use super::device::*;
use dm_syncml::Instant;
use dm_syncml::auth::{AuthScheme, Credentials, Nonce, Password};
use dm_syncml::session::{
    Account, GivenUp, Misuse, RestoreError, ServerEnd, ServerOutput, ServerSession, ServerSnapshot,
};
use serde_json::Value;

fn account() -> Account {
    let mut account = Account::transport().with_nonces(Some(Nonce::new(*b"n")), None);
    account.device = Some((AuthScheme::Md5, Credentials::new("dev", Password::new("hunter2"))));
    account
}

/// A session that waits for the answer to a Get.
fn waiting() -> (Device, Value) {
    let mut device = Device::with_account(Device::config(), Some(account()));
    device.cred = Some(Credentials::new("dev", Password::new("hunter2")).md5(&Nonce::new(*b"n")));
    device.plan = vec![get("./A"), replace("./B", "value")];
    device.begin();
    let snapshot = serde_json::to_value(device.session.snapshot(device.now).unwrap()).unwrap();
    (device, snapshot)
}

fn restore(snapshot: Value, account: Option<Account>) -> Result<ServerSession, RestoreError> {
    let snapshot: ServerSnapshot = serde_json::from_value(snapshot).unwrap();
    ServerSession::restore(Instant::EPOCH, Device::config(), account, snapshot)
}

#[test]
fn only_known_versions_are_restored() {
    let (_, mut snapshot) = waiting();
    assert!(restore(snapshot.clone(), Some(account())).is_ok());
    snapshot["version"] = 2.into();
    assert_eq!(restore(snapshot, Some(account())).unwrap_err(), RestoreError::Version(2));
}

#[test]
fn a_session_with_a_known_device_is_not_restored_without_its_account() {
    let (_, snapshot) = waiting();
    for other in [None, Some(Account::transport())] {
        assert_eq!(restore(snapshot.clone(), other).unwrap_err(), RestoreError::Account);
    }
}

#[test]
fn what_was_changed_is_refused() {
    let (_, snapshot) = waiting();
    for (path, value) in [
        ("/letterhead/header", "AAAA"),
        ("/ledger/sent/0/unit/command", "no base64!"),
        ("/ledger/sent/0/unit/command", "AAAA"),
        ("/last/fingerprint", "AAAA"),
    ] {
        let mut changed = snapshot.clone();
        *changed.pointer_mut(path).unwrap() = value.into();
        assert!(matches!(restore(changed, Some(account())), Err(RestoreError::Malformed(_))), "{path}");
    }
}

#[test]
fn passwords_are_not_in_it() {
    let (_, snapshot) = waiting();
    assert!(!snapshot.to_string().contains("hunter2"));
}

#[test]
fn there_is_none_while_outputs_are_to_be_drained() {
    let mut device = Device::new(Device::config());
    let body = device.write(package_1(), true);
    device.hand_over(&body).unwrap();
    assert_eq!(device.session.snapshot(device.now), Err(Misuse::NotDrained));
    while !matches!(device.session.poll_output(), ServerOutput::Wait(_)) {}
    assert!(device.session.snapshot(device.now).is_ok());
}

/// The other process has another clock; what is left of the time counts.
#[test]
fn deadlines_travel_as_what_is_left_of_them() {
    let (device, _) = waiting();
    let snapshot = device.session.snapshot(Instant::from_millis(100_000)).unwrap();
    let later = Instant::from_millis(7_000_000);
    let mut session = ServerSession::restore(later, Device::config(), Some(account()), snapshot).unwrap();
    session.handle_tick(Instant::from_millis(7_019_999));
    assert!(!session.is_over());
    session.handle_tick(Instant::from_millis(7_020_000));
    assert!(session.is_over());
}

#[test]
fn an_answer_that_was_lost_is_still_known_elsewhere() {
    let (mut device, _) = waiting();
    let before = device.replies.len();
    let body = device.write(vec![], false);
    device.hand_over(&body).unwrap();
    device.drain().unwrap();
    device.hand_over(&body).unwrap();
    device.drain().unwrap();
    assert_eq!(device.replies.len(), before + 2);
    assert_eq!(device.replies[before], device.replies[before + 1]);
}

#[test]
fn handles_and_ends_survive() {
    let (mut device, _) = waiting();
    device.now = Instant::from_millis(120_000);
    device.session.handle_tick(device.now);
    device.drain();
    assert_eq!(device.end(), Some(ServerEnd::TimedOut));
    let ends: Vec<_> = device.ends().into_iter().map(|(handle, end)| (handle, end.unwrap_err())).collect();
    let due: Vec<_> = device.handles.iter().map(|handle| (*handle, GivenUp::Unanswered)).collect();
    assert_eq!(ends, due);
}
