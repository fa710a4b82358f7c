//! Which notifications a device answers, and which it drops.

use dm_examples::device::{Device, Dropped};
use dm_notification::{Credential, Notification, ServerIdentifier, SessionId, Trigger};
use dm_syncml::Encoding;
use dm_tree::{AppAuth, AuthLevel, AuthType, DmAccount, HandlerMap, Secret, ServerId, Tree};

const NONCE: [u8; 16] = *b"sixteen octets!!";

fn device() -> Device {
    let mut account = DmAccount::new(ServerId::new("com.example.gateway").unwrap());
    account.credentials.push(
        AppAuth::new(AuthLevel::SRVCRED, AuthType::DIGEST)
            .with_secret(Secret::new(*b"srvpassword"))
            .with_data(Secret::new(NONCE)),
    );
    let mut tree = Tree::default();
    account.install(&mut tree, "./DMAcc/1").unwrap();
    Device {
        name: "device".into(),
        tree,
        handlers: HandlerMap::new(),
        account: "./DMAcc/1".into(),
        encoding: Encoding::Wbxml,
        deaf: 0,
    }
}

fn notification(server: &str, password: &str, nonce: &[u8]) -> Vec<u8> {
    let server = ServerIdentifier::new(server).unwrap();
    let trigger = Trigger::new(server, SessionId::new(0x0A).unwrap());
    Notification::sign(trigger, &Credential::new(server, password), nonce).to_vec()
}

#[test]
fn a_genuine_notification_gives_the_session_id() {
    let octets = notification("com.example.gateway", "srvpassword", &NONCE);
    assert_eq!(device().check(&octets).unwrap(), "A");
}

#[test]
fn everything_else_is_dropped_for_a_reason() {
    let device = device();
    let wrong_password = notification("com.example.gateway", "guess", &NONCE);
    assert!(matches!(device.check(&wrong_password), Err(Dropped::Verify(_))));
    let old_nonce = notification("com.example.gateway", "srvpassword", b"an older nonce");
    assert!(matches!(device.check(&old_nonce), Err(Dropped::Verify(_))));
    let stranger = notification("com.example.other", "srvpassword", &NONCE);
    assert!(matches!(device.check(&stranger), Err(Dropped::UnknownServer)));
    let genuine = notification("com.example.gateway", "srvpassword", &NONCE);
    for length in 0..genuine.len() {
        assert!(device.check(&genuine[..length]).is_err(), "{length} octets of it");
    }
    for bit in 0..genuine.len() * 8 {
        let mut damaged = genuine.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(device.check(&damaged).is_err(), "bit {bit} flipped");
    }
    assert!(matches!(device.check(b"GET / HTTP/1.1\r\nHost: device\r\n\r\n"), Err(Dropped::Decode(_))));
}
