//! Shared accounts: the scenarios of the requirements.

use dm_syncml::StatusCode;
use dm_tree::ServerId;
use gwmo_model::{AccountKey, AccountScope, AccountScopeError, AccountScopes, GroupId, Serial};
use proptest::prelude::*;

fn server(name: &str) -> ServerId {
    ServerId::new(name).unwrap()
}

fn key(name: &str) -> AccountKey {
    AccountKey::new(name).unwrap()
}

fn group(name: &str) -> AccountScope {
    AccountScope::Group(GroupId::new(name).unwrap())
}

/// Devices 1 to 3 are cameras.
fn is_camera(device: Serial) -> impl Fn(&GroupId) -> bool {
    move |group| group.as_str() == "cameras" && device.get() <= 3
}

#[test]
fn gwmo_hlf_004_a_shared_account_reaches_its_group() {
    let mut accounts = AccountScopes::new(4);
    accounts.bind(key("A"), server("dms"), group("cameras")).unwrap();
    for device in (1..=4).filter_map(Serial::new) {
        let reached = accounts.check(&server("dms"), is_camera(device));
        assert_eq!(reached, if device.get() <= 3 { Ok(()) } else { Err(StatusCode::PERMISSION_DENIED) });
        assert_eq!(accounts.check(&server("without"), is_camera(device)), Ok(()), "not judged");
    }
    accounts.bind(key("B"), server("dms"), AccountScope::AllDevices).unwrap();
    assert!(accounts.check(&server("dms"), |_| false).is_ok());
}

#[test]
fn gwmo_secacate_002_an_account_is_revoked_while_a_job_runs() {
    let mut accounts = AccountScopes::new(4);
    accounts.bind(key("A"), server("dms"), group("cameras")).unwrap();
    // A job over a hundred devices: the server proved itself once, and is asked about at each dispatch.
    let mut outcomes = Vec::new();
    for device in (1..=100).filter_map(Serial::new) {
        outcomes.push(accounts.check(&server("dms"), |_| true).map_err(StatusCode::get));
        if device.get() == 10 {
            accounts.revoke(&key("A")).unwrap();
        }
    }
    // What was sent is sent; nothing goes out any more.
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 10);
    assert!(outcomes[10..].iter().all(|outcome| *outcome == Err(425)));
    // An account that comes back, for fewer.
    accounts.bind(key("A"), server("dms"), group("cameras")).unwrap();
    assert!(accounts.check(&server("dms"), is_camera(Serial::FIRST)).is_ok());
    assert!(accounts.check(&server("dms"), is_camera(Serial::MAX)).is_err());
}

#[test]
fn accounts_have_one_owner_and_are_bounded() {
    let mut accounts = AccountScopes::new(2);
    accounts.bind(key("A"), server("one"), AccountScope::AllDevices).unwrap();
    let other = accounts.bind(key("A"), server("two"), AccountScope::AllDevices);
    assert_eq!(other.map_err(AccountScopeError::status), Err(StatusCode::ALREADY_EXISTS));
    accounts.bind(key("B"), server("two"), AccountScope::AllDevices).unwrap();
    let more = accounts.bind(key("C"), server("one"), AccountScope::AllDevices);
    assert_eq!(more.map_err(AccountScopeError::status), Err(StatusCode::DEVICE_FULL));
    accounts.revoke(&key("A")).unwrap();
    assert_eq!(accounts.revoke(&key("A")), Err(AccountScopeError::UnknownAccount));
    let third = accounts.bind(key("C"), server("three"), AccountScope::AllDevices);
    assert_eq!(third, Err(AccountScopeError::TooMany), "one that was revoked is remembered");
    accounts.release(&server("one"));
    assert!(accounts.check(&server("one"), |_| false).is_ok());
    accounts.bind(key("C"), server("three"), AccountScope::AllDevices).unwrap();
}

proptest! {
    #[test]
    fn records_on_a_snapshot_are_the_same(changes in prop::collection::vec((0..3_u8, 0..4_u8, 0..3_u8), 0..30), cut in 0..30_usize) {
        let mut accounts = AccountScopes::new(3);
        let mut snapshot = accounts.snapshot();
        let mut records = Vec::new();
        for (at, (what, name, owner)) in changes.into_iter().enumerate() {
            let (name, owner) = (key(&format!("A{name}")), server(&format!("S{owner}")));
            let record = match what {
                0 => accounts.bind(name, owner, group("g")).ok(),
                1 => accounts.revoke(&name).ok(),
                _ => Some(accounts.release(&owner)),
            };
            records.extend(record);
            if at == cut {
                snapshot = accounts.snapshot();
                records.clear();
            }
        }
        prop_assert_eq!(AccountScopes::restore(3, snapshot, records).unwrap(), accounts);
    }
}
