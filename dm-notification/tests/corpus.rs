//! Messages of other implementations, where `DM_CORPUS` says where they are.

use std::path::PathBuf;

use dm_notification::push::{Content, Push};
use dm_notification::{Credential, DsNotification, Notification, Policy, ServerIdentifier, Version};
use serde_json::Value;

fn vectors() -> Vec<Value> {
    let Some(corpus) = std::env::var_os("DM_CORPUS") else { return Vec::new() };
    let file = PathBuf::from(corpus).join("notification/third-party.json");
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let file: Value = serde_json::from_str(&text).expect("JSON");
    file["vectors"].as_array().expect("a list").clone()
}

fn hex(digits: &str) -> Vec<u8> {
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex")).collect()
}

#[test]
fn third_party_messages() {
    let all = vectors();
    let mut verified = 0;
    for v in &all {
        let id = v["id"].as_str().expect("an id");
        if let Some(wsp) = v["wsp_push_hex"].as_str().map(hex) {
            let push = Push::decode(&wsp).unwrap_or_else(|error| panic!("{id}: {error}"));
            assert_eq!(push.to_vec(), wsp, "{id}");
            if v["accept"] == false {
                let refused = push.content() != Content::DmNotification
                    || Notification::decode_with(push.body(), &Policy::FIELD).is_err();
                assert!(refused, "{id}");
            }
        }
        let Some(octets) = v["package0_hex"].as_str().map(hex) else { continue };
        let notification = Notification::decode_with(&octets, &Policy::FIELD)
            .unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!(notification.to_vec(), octets, "{id}");
        let fields = &v["fields"];
        assert_eq!(fields["version"], notification.trigger().version().get(), "{id}");
        assert_eq!(fields["ui_mode"], notification.trigger().ui_mode().bits(), "{id}");
        assert_eq!(fields["session_id"], notification.trigger().session_id().get(), "{id}");
        if v["digest_verified"] == true {
            let shared = &v["credentials"];
            let server = ServerIdentifier::new(shared["server_id"].as_str().expect("text")).expect("fits");
            let credential = Credential::new(server, shared["password"].as_str().expect("text"));
            let nonce = hex(shared["nonce_hex"].as_str().expect("hex"));
            assert_eq!(notification.verify(&credential, &nonce), Ok(()), "{id}");
            verified += 1;
        }
        if notification.trigger().version() == Version::V1_2 {
            let san = DsNotification::decode(&octets).unwrap_or_else(|error| panic!("{id}: {error}"));
            assert_eq!(v["num_syncs"], san.count(), "{id}");
            for (sync, expected) in san.syncs().zip(v["syncs"].as_array().expect("a list")) {
                assert_eq!(expected["sync_type"], sync.sync_type().alert(), "{id}");
                assert_eq!(expected["content_type"], sync.content_type(), "{id}");
                assert_eq!(
                    expected["server_uri"].as_str().map(str::as_bytes),
                    Some(sync.server_uri()),
                    "{id}"
                );
            }
            assert_eq!(v["trailing_hex"].as_str().map(hex).as_deref(), Some(san.vendor_body()), "{id}");
        }
    }
    assert!(all.is_empty() || verified >= 3, "{verified} digests were verified");
}
