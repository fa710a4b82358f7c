//! Every vector of `vectors/notification.json`: taken apart, put together, signed, verified.

extern crate alloc;

use alloc::collections::BTreeSet;

use dm_notification::bootstrap::{CheckedPin, CpSec, Mac, MacKey, NetworkSecret, Pin, SharedSecrets};
use dm_notification::push::{
    ApplicationId, Content, MediaType, PartReference, Ports, Push, PushBuilder, PushFlag, Reassembler,
    ReassemblyLimits, ReassemblyOutput, UserDataHeader, segment,
};
use dm_notification::{
    Credential, DecodeErrorKind, Digest, Field, Notification, Policy, RESYNC_NONCE, ServerIdentifier,
    SessionId, Trigger, VerifyErrorKind, Version,
};
use serde_json::Value;

/// Vectors of carriage and bootstrap; tests of their own.
const CARRIED: &[&str] = &[
    "wsp-textual-media-type",
    "wsp-value-length-media-type",
    "wsp-with-push-flag",
    "sms-concatenated-server-id-255",
    "cp-userpin",
    "cp-netwpin",
    "cp-usernetwpin",
    "cp-userpinmac",
    "imsi-semi-octets-even",
];

/// Well-formed messages, with the policy that reads them.
const MESSAGES: &[(&str, Policy)] = &[
    ("dm12-spec-example", Policy::STRICT),
    ("dm12-spec-example-empty-nonce", Policy::STRICT),
    ("dm12-spec-example-resync", Policy::STRICT),
    ("dm12-spec-example-resync-literal-ascii", Policy::STRICT),
    ("dm12-user-interaction-server-vendor-body", Policy::STRICT),
    ("dm12-not-specified-session1", Policy::STRICT),
    ("dm12-informative-session-000A", Policy::STRICT),
    ("dm12-server-id-255", Policy::STRICT),
    ("dm-version-10", Policy::FIELD),
    ("dm-version-12", Policy::FIELD),
    ("dm12-future-use-nonzero", Policy::STRICT),
    ("dm12-session-zero", Policy::FIELD),
];

/// Messages that must be dropped.
const NEGATIVES: &[&str] =
    &["dm12-wrong-digest", "dm12-truncated-23", "dm12-length-overrun", "dm12-length-zero"];

fn vectors() -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!("vectors/notification.json")).expect("JSON");
    file["vectors"].as_array().expect("a list").clone()
}

fn vector(id: &str) -> Value {
    vectors().into_iter().find(|v| v["id"] == id).unwrap_or_else(|| panic!("no vector {id}"))
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} is not a string in {value}"))
}

fn number(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("{key} is not a number in {value}"))
}

fn hex(value: &Value, key: &str) -> Vec<u8> {
    let digits = text(value, key);
    assert_eq!(digits.len() % 2, 0);
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex")).collect()
}

fn credential(vector: &Value) -> Credential {
    let shared = &vector["credentials"];
    Credential::new(ServerIdentifier::new(text(shared, "server_id")).expect("fits"), text(shared, "password"))
}

#[test]
fn every_vector_is_tested() {
    let all = vectors();
    let ids: BTreeSet<&str> = all.iter().map(|v| text(v, "id")).collect();
    assert_eq!(ids.len(), all.len(), "ids repeat");
    let named: Vec<&str> = MESSAGES
        .iter()
        .map(|&(id, _)| id)
        .chain(NEGATIVES.iter().copied())
        .chain(CARRIED.iter().copied())
        .collect();
    assert_eq!(named.len(), all.len(), "a vector is named twice, or one is missing");
    assert_eq!(named.into_iter().collect::<BTreeSet<_>>(), ids);
    for v in &all {
        let carried = CARRIED.contains(&text(v, "id"));
        assert_eq!(carried, !text(v, "kind").starts_with("dm12"), "{}", v["id"]);
    }
}

#[test]
fn fields_come_out_and_go_in_again() {
    for (id, policy) in MESSAGES {
        let v = vector(id);
        let octets = hex(&v, "package0_hex");
        let notification = Notification::decode_with(&octets, policy).unwrap_or_else(|e| panic!("{id}: {e}"));
        let trigger = notification.trigger();
        let fields = &v["fields"];
        assert_eq!(notification.digest().as_octets().as_slice(), hex(fields, "digest"), "{id}");
        assert_eq!(u64::from(trigger.version().get()), number(fields, "version"), "{id}");
        assert_eq!(u64::from(trigger.ui_mode().bits()), number(fields, "ui_mode"), "{id}");
        assert_eq!(u64::from(trigger.initiator().bits()), number(fields, "initiator"), "{id}");
        assert_eq!(u64::from(trigger.future_use()), number(fields, "future_use"), "{id}");
        assert_eq!(u64::from(trigger.session_id().get()), number(fields, "session_id"), "{id}");
        assert_eq!(trigger.session_id().to_string(), text(&v, "session_id_element"), "{id}");
        let identifier = trigger.server_identifier();
        assert_eq!(identifier.as_octets().len() as u64, number(fields, "length_identifier"), "{id}");
        assert_eq!(identifier, text(fields, "server_identifier"), "{id}");
        assert_eq!(trigger.vendor_body(), hex(fields, "body"), "{id}");

        assert_eq!(trigger.to_vec(), hex(&v, "trigger_hex"), "{id}");
        assert_eq!(notification.to_vec(), octets, "{id}");
        assert_eq!(notification.encoded_len(), octets.len(), "{id}");

        // The same trigger from its fields, where a sender may write it.
        if trigger.future_use() == 0 {
            let session_id = SessionId::new(trigger.session_id().get()).unwrap_or(SessionId::ZERO);
            let server = ServerIdentifier::new(text(fields, "server_identifier")).expect("fits");
            let built = Trigger::new(server, session_id)
                .with_version(Version::new(trigger.version().get()).expect("ten bits"))
                .with_ui_mode(trigger.ui_mode())
                .with_initiator(trigger.initiator())
                .with_vendor_body(trigger.vendor_body());
            assert_eq!(built, *trigger, "{id}");
        }
    }
}

#[test]
fn digests_are_made_and_verified() {
    for (id, policy) in MESSAGES {
        let v = vector(id);
        let octets = hex(&v, "package0_hex");
        let notification = Notification::decode_with(&octets, policy).expect("well-formed");
        let credential = credential(&v);
        let nonce = hex(&v["credentials"], "nonce_hex");
        assert_eq!(credential.stored_form(), text(&v["steps"], "h_cred_b64"), "{id}");
        assert_eq!(notification.verify(&credential, &nonce), Ok(()), "{id}");
        assert_eq!(Notification::sign(*notification.trigger(), &credential, &nonce), notification, "{id}");
        let resync = notification.verify_resync(&credential).is_ok();
        assert_eq!(resync, *id == "dm12-spec-example-resync", "{id}");
    }
}

/// What `accept` says, for a receiver that follows the standard: null means that policy decides.
#[test]
fn accepted_are_those_that_should_be() {
    for (id, policy) in MESSAGES {
        let v = vector(id);
        let octets = hex(&v, "package0_hex");
        let strict = Notification::decode(&octets).map_err(|e| e.kind());
        match v["accept"].as_bool() {
            Some(_) => assert!(strict.is_ok(), "{id}"),
            None => match *id {
                "dm-version-10" => assert_eq!(strict, Err(DecodeErrorKind::VersionRefused(Version::V1_0))),
                "dm-version-12" => assert_eq!(strict, Err(DecodeErrorKind::VersionRefused(Version::V1_2))),
                "dm12-session-zero" => assert_eq!(strict, Err(DecodeErrorKind::ZeroSessionId)),
                "dm12-future-use-nonzero" => assert!(strict.is_ok()),
                _ => panic!("{id} leaves it to policy, and no policy is known"),
            },
        }
        assert!(Notification::decode_with(&octets, policy).is_ok(), "{id}");
    }
}

#[test]
fn negatives_are_dropped() {
    for id in NEGATIVES {
        let v = vector(id);
        let octets = hex(&v, "package0_hex");
        assert_eq!(v["accept"], false, "{id}");
        let decoded = Notification::decode_with(&octets, &Policy::FIELD);
        let error = decoded.map_err(|e| (e.kind(), e.field(), e.offset()));
        match *id {
            "dm12-wrong-digest" => {
                let notification = decoded.expect("well-formed");
                let nonce = hex(&v["credentials"], "nonce_hex");
                for nonce in [nonce.as_slice(), &RESYNC_NONCE] {
                    let refused = notification.verify(&credential(&v), nonce).expect_err("wrong digest");
                    assert_eq!(refused.kind(), VerifyErrorKind::WrongDigest);
                }
                // Only the first octet of the digest is wrong.
                let mut digest = *notification.digest().as_octets();
                digest[0] ^= 1;
                let mended = Notification::new(Digest::new(digest), *notification.trigger());
                assert_eq!(mended.verify(&credential(&v), &nonce), Ok(()));
            }
            "dm12-truncated-23" => {
                let kind = DecodeErrorKind::Truncated { missing: 2 };
                assert_eq!(error, Err((kind, Field::LengthIdentifier, 23)));
            }
            "dm12-length-overrun" => {
                let kind = DecodeErrorKind::Truncated { missing: 8 };
                assert_eq!(error, Err((kind, Field::ServerIdentifier, 24)));
            }
            "dm12-length-zero" => {
                let kind = DecodeErrorKind::Truncated { missing: 1 };
                assert_eq!(error, Err((kind, Field::ServerIdentifier, 24)));
            }
            _ => panic!("{id} is not tested"),
        }
    }
}

/// The reading of the resynchronisation nonce as ten characters of text is not accepted.
#[test]
fn the_written_form_of_the_resync_nonce_is_not_the_nonce() {
    let v = vector("dm12-spec-example-resync-literal-ascii");
    let octets = hex(&v, "package0_hex");
    let notification = Notification::decode(&octets).expect("well-formed");
    assert_eq!(v["accept"], false);
    assert_eq!(hex(&v["credentials"], "nonce_hex"), b"0x00000000");
    let stored = hex(&vector("dm12-spec-example")["credentials"], "nonce_hex");
    for refused in
        [notification.verify(&credential(&v), &stored), notification.verify_resync(&credential(&v))]
    {
        assert_eq!(refused.map_err(|e| e.kind()), Err(VerifyErrorKind::WrongDigest));
    }
}

/// Every message in its push and its short message, both ways.
#[test]
fn messages_are_carried() {
    for (id, _) in MESSAGES {
        let v = vector(id);
        let (package0, wsp) = (hex(&v, "package0_hex"), hex(&v, "wsp_push_hex"));
        let built = PushBuilder::dm_notification().to_vec(&package0);
        assert_eq!(built, wsp, "{id}");
        let push = Push::decode(&wsp).unwrap_or_else(|e| panic!("{id}: {e}"));
        assert_eq!((push.content(), push.body()), (Content::DmNotification, package0.as_slice()), "{id}");
        let sms = hex(&v, "sms_user_data_hex");
        assert_eq!(number(&v, "sms_user_data_octets"), sms.len() as u64, "{id}");
        let (header, payload) = UserDataHeader::decode(&sms).unwrap_or_else(|e| panic!("{id}: {e}"));
        assert_eq!((header.ports(), payload), (Some(Ports::WAP_PUSH), wsp.as_slice()), "{id}");
        if sms.len() <= 140 {
            assert_eq!(segment(Ports::WAP_PUSH, &wsp, None), Ok(vec![sms]), "{id}");
        }
    }
}

#[test]
fn pushes_of_other_forms_are_read() {
    let package0 = hex(&vector("dm12-spec-example"), "package0_hex");
    for id in ["wsp-textual-media-type", "wsp-value-length-media-type", "wsp-with-push-flag"] {
        let octets = hex(&vector(id), "wsp_push_hex");
        let push = Push::decode(&octets).unwrap_or_else(|e| panic!("{id}: {e}"));
        assert_eq!((push.content(), push.body()), (Content::DmNotification, package0.as_slice()), "{id}");
        assert_eq!(push.content_type().media_type(), MediaType::DM_NOTIFICATION, "{id}");
        assert_eq!(push.headers().application_id(), Some(ApplicationId::SYNCML_DM), "{id}");
        let flag = (id == "wsp-with-push-flag").then_some(PushFlag::new(7));
        assert_eq!(push.headers().push_flag(), flag, "{id}");
        assert_eq!(push.to_vec(), octets, "{id}");
    }
}

#[test]
fn a_long_message_is_cut_and_put_together() {
    let v = vector("sms-concatenated-server-id-255");
    let segments: Vec<Vec<u8>> = v["segments_hex"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|segment| hex(&serde_json::json!({ "s": segment }), "s"))
        .collect();
    let wsp = hex(&vector(text(&v, "reassembles_to")), "wsp_push_hex");
    assert_eq!(segment(Ports::WAP_PUSH, &wsp, Some(PartReference::Eight(0xA7))), Ok(segments.clone()));
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let mut reassembler = Reassembler::new(ReassemblyLimits::DEFAULT);
        for at in order {
            assert_eq!(reassembler.poll_output(), reassembler.poll_output());
            reassembler.handle_part(core::time::Duration::ZERO, (), &segments[at]).expect("well-formed");
        }
        let ReassemblyOutput::Message(message) = reassembler.poll_output() else { panic!("{order:?}") };
        assert_eq!((message.ports, message.payload), (Some(Ports::WAP_PUSH), wsp.clone()));
    }
}

#[test]
fn bootstrap_codes_are_those_of_the_vectors() {
    let secrets = SharedSecrets::new()
        .with_network(NetworkSecret::from_imsi("001010123456789").expect("an imsi"))
        .with_pin(Pin::new("1234").expect("a pin"));
    for id in ["cp-userpin", "cp-netwpin", "cp-usernetwpin"] {
        let v = vector(id);
        let body = hex(&v, "body_hex");
        let sec = CpSec::new(u8::try_from(number(&v, "sec")).expect("small"));
        let key = MacKey::for_cp(sec, &secrets).expect("all secrets are there");
        assert_eq!(key.expose(), hex(&v, "key_hex"), "{id}");
        let mac: Mac = text(&v, "mac_hex_text").parse().expect("40 digits");
        assert_eq!(key.verify(&body, &mac), Ok(()), "{id}");
        let wsp = hex(&v, "wsp_push_hex");
        assert_eq!(PushBuilder::cp_bootstrap(sec, Some(&key.mac(&body))).to_vec(&body), wsp, "{id}");
        let push = Push::decode(&wsp).expect("well-formed");
        assert_eq!((push.content(), push.body()), (Content::CpBootstrap, body.as_slice()), "{id}");
        assert_eq!(push.content_type().sec().and_then(|sec| sec.cp()), Some(sec), "{id}");
        assert_eq!(push.content_type().mac(), Some(Ok(mac)), "{id}");
        let sms = segment(Ports::WAP_PUSH_BOTH, &wsp, None).expect("fits");
        assert_eq!(sms, [[hex(&v, "sms_udh_hex"), wsp].concat()], "{id}");
    }
    let v = vector("cp-userpinmac");
    let (typed, body) = (text(&v, "user_enters"), hex(&v, "body_hex"));
    assert_eq!(CheckedPin::verify_with_minimum(typed, &body, 4), Ok(()));
    assert_eq!(
        CheckedPin::with_minimum("1234", &body, 4).map(|pin| pin.expose().to_string()),
        Ok(typed.into())
    );
    let v = vector("imsi-semi-octets-even");
    let key = NetworkSecret::from_imsi(text(&v, "imsi")).expect("an imsi");
    assert_eq!(key.expose(), hex(&v, "key_hex"));
}
