//! Who the device is: certificates, resynchronisation, withheld challenges, addresses.

use super::device::*;
use dm_syncml::auth::{AuthScheme, Credentials, Nonce, Password};
use dm_syncml::session::{Account, Record, ServerEnd, ServerEvent};
use dm_syncml::{Command, StatusCode};

fn credentials() -> Credentials {
    Credentials::new("dev", Password::new("secret"))
}

fn account() -> Account {
    let mut account = Account::transport();
    account.device = Some((AuthScheme::Md5, credentials()));
    account
}

#[test]
fn a_certificate_stands_for_credentials() {
    let known = || Some(Account::transport().with_certificate("device-7.example.net"));
    let mut device = Device::with_account(Device::config(), known());
    device.certificate = Some("device-7.example.net");
    device.plan = vec![get("./A")];
    let message = device.begin();
    assert!(device.events.contains(&ServerEvent::Authenticated));
    assert_eq!(asked(&message).len(), 1);
    // A later message over a connection of somebody else is refused.
    device.certificate = Some("device-8.example.net");
    let answers = statuses(&message, StatusCode::OK);
    let message = device.send(answers, true);
    assert_eq!(said(&message)[0], ("SyncHdr".into(), 407));
    assert!(device.ends().is_empty(), "and says nothing that counts");

    for wrong in [None, Some("device-8.example.net"), Some("")] {
        let mut device = Device::with_account(Device::config(), known());
        device.certificate = wrong;
        let message = device.begin();
        assert_eq!(said(&message)[0], ("SyncHdr".into(), 407), "{wrong:?}");
        assert!(!device.session.is_authenticated());
    }
}

#[test]
fn a_certificate_counts_for_no_account_that_does_not_name_it() {
    for stranger in [None, Some(account())] {
        let mut device = Device::with_account(Device::config(), stranger);
        device.certificate = Some("device-7.example.net");
        let message = device.begin();
        assert_eq!(said(&message)[0], ("SyncHdr".into(), 407));
    }
}

#[test]
fn credentials_do_where_the_certificate_is_missing() {
    let both = account().with_certificate("device-7").with_nonces(Some(Nonce::new(*b"n")), None);
    let mut device = Device::with_account(Device::config(), Some(both));
    device.cred = Some(credentials().md5(&Nonce::new(*b"n")));
    device.begin();
    assert!(device.session.is_authenticated());
}

#[test]
fn a_resynchronised_device_gets_a_fresh_nonce_and_that_is_told() {
    let well_known = Nonce::new([0; 4]);
    let stored = account().with_nonces(Some(Nonce::new(*b"lost")), None);
    // Without the wish for it the well-known nonce opens nothing.
    let mut device = Device::with_account(Device::config(), Some(stored.clone()));
    device.cred = Some(credentials().md5(&well_known));
    let message = device.begin();
    assert_eq!(said(&message)[0], ("SyncHdr".into(), 401));

    let mut device = Device::with_account(Device::config(), Some(stored.resynchronizing()));
    device.cred = Some(credentials().md5(&well_known));
    let message = device.begin();
    assert_eq!(said(&message)[0], ("SyncHdr".into(), 212));
    assert!(device.events.contains(&ServerEvent::Resynchronized));
    let [Record::DeviceNonce(fresh)] = &device.records[..] else { panic!("{:?}", device.records) };
    assert_ne!(*fresh, well_known);
    let Command::Status(header) = &message.body.commands[0] else { unreachable!() };
    assert_eq!(header.chal.as_ref().unwrap().meta.next_nonce().unwrap().octets().unwrap(), fresh.as_bytes());
}

#[test]
fn a_device_that_needs_no_resynchronisation_is_challenged_once() {
    let mut device = Device::with_account(Device::config(), Some(account().resynchronizing()));
    device.cred = Some(credentials().md5(&Nonce::new(*b"in step")));
    let message = device.begin();
    let Command::Status(header) = &message.body.commands[0] else { unreachable!() };
    assert_eq!(header.code, StatusCode::INVALID_CREDENTIALS);
    let fresh = Nonce::new(header.chal.as_ref().unwrap().meta.next_nonce().unwrap().octets().unwrap());
    device.cred = Some(credentials().md5(&fresh));
    device.begin();
    assert!(device.session.is_authenticated());
    assert!(!device.events.contains(&ServerEvent::Resynchronized));
}

#[test]
fn a_withheld_challenge_stops_guessing_and_not_the_device() {
    let nonce = Nonce::new(*b"in step");
    let device = || {
        let account = account().with_nonces(Some(nonce.clone()), None);
        let mut device = Device::with_account(Device::config(), Some(account));
        device.session = device.session.clone().without_challenge();
        device
    };
    for cred in [None, Some(Credentials::new("dev", Password::new("guess")).md5(&nonce))] {
        let mut guesser = device();
        guesser.cred = cred;
        let message = guesser.begin();
        let Command::Status(header) = &message.body.commands[0] else { unreachable!() };
        assert!(header.chal.is_none() && !header.code.is_success());
        assert_eq!(guesser.end(), Some(ServerEnd::DeviceRefused));
        assert_eq!(guesser.records, []);
    }
    let mut device = device();
    device.cred = Some(credentials().md5(&nonce));
    device.begin();
    assert!(device.session.is_authenticated());
}

#[test]
fn wrong_credentials_are_told_and_missing_ones_are_not() {
    let mut device = Device::with_account(Device::config(), Some(account()));
    device.begin();
    assert!(!device.events.contains(&ServerEvent::CredentialsRefused));
    device.cred = Some(credentials().md5(&Nonce::new(*b"wrong")));
    device.begin();
    assert!(device.events.contains(&ServerEvent::CredentialsRefused));
    assert_eq!(device.end(), Some(ServerEnd::DeviceRefused));
}

#[test]
fn resp_uri_leads_to_our_own_host_or_nowhere() {
    let config = Device::config().with_resp_uri(uri("https://dm.example.net/omadm?node=3"));
    let mut device = Device::new(config);
    device.max_msg_size = Some(400);
    let message = device.begin();
    assert_eq!(message.header.resp_uri.as_ref().unwrap(), &"https://dm.example.net/omadm?node=3");
    assert_eq!(Device::config().with_resp_uri(uri("https://other.example.net/omadm")).resp_uri, None);
}
