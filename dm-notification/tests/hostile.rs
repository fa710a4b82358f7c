//! Bad input is normal input: cut, changed, claimed and random messages.

use dm_notification::{
    Credential, DecodeError, DecodeErrorKind, Digest, Field, Initiator, Notification, Policy,
    ServerIdentifier, SessionId, Trigger, UiMode, VerifyErrorKind, Version, VersionPolicy,
};

const NONCE: &[u8] = b"a nonce, as raw octets";

fn server() -> ServerIdentifier<'static> {
    ServerIdentifier::new("dms.example.org").expect("fits")
}

fn signed() -> (Vec<u8>, Credential) {
    let credential = Credential::new(server(), "password");
    let trigger = Trigger::new(server(), SessionId::new(0x1234).expect("not zero"))
        .with_ui_mode(UiMode::UserInteraction)
        .with_initiator(Initiator::Client)
        .with_vendor_body(&[4, 1, 1, 1, 2]);
    (Notification::sign(trigger, &credential, NONCE).to_vec(), credential)
}

fn parts(error: DecodeError) -> (DecodeErrorKind, Field, usize) {
    (error.kind(), error.field(), error.offset())
}

/// A prefix is either too short, which the error says exactly, or it is a message with a shorter vendor body, which
/// the digest then gives away.
#[test]
fn every_prefix() {
    let (octets, credential) = signed();
    let identifier_end = 24 + server().as_octets().len();
    for len in 0..octets.len() {
        match Notification::decode(&octets[..len]) {
            Err(error) => {
                assert!(len < identifier_end, "{len}");
                let missing = if len < 25 { 25 - len } else { identifier_end - len };
                let (field, offset) = match len {
                    0..16 => (Field::Digest, 0),
                    16..18 => (Field::Version, 16),
                    18..21 => (Field::FutureUse, 18),
                    21..23 => (Field::SessionId, 21),
                    23 => (Field::LengthIdentifier, 23),
                    _ => (Field::ServerIdentifier, 24),
                };
                assert_eq!(parts(error), (DecodeErrorKind::Truncated { missing }, field, offset), "{len}");
            }
            Ok(notification) => {
                assert!(len >= identifier_end, "{len}");
                assert_eq!(notification.to_vec(), &octets[..len]);
                let refused = notification.verify(&credential, NONCE).map_err(|e| e.kind());
                assert_eq!(refused, Err(VerifyErrorKind::WrongDigest));
            }
        }
    }
}

/// Whichever bit is changed, the message is refused: by shape, by name, or by digest.
#[test]
fn every_changed_bit() {
    let (octets, credential) = signed();
    for bit in 0..octets.len() * 8 {
        let mut changed = octets.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        // With the widest policy, so that it is the digest that has to notice.
        let all = VersionPolicy::range(Version::new(0).expect("fits"), Version::MAX);
        match Notification::decode_with(&changed, &Policy::FIELD.with_versions(all)) {
            Ok(notification) => {
                assert_eq!(notification.to_vec(), changed);
                let kind = notification.verify(&credential, NONCE).expect_err("changed").kind();
                let named = notification.trigger().server_identifier() == credential.server_identifier();
                let expected =
                    if named { VerifyErrorKind::WrongDigest } else { VerifyErrorKind::OtherServer };
                assert_eq!(kind, expected, "bit {bit}");
            }
            Err(error) => assert_eq!(bit / 8, 23, "only the length can break the shape: {error}"),
        }
    }
    assert!(Notification::decode(&octets).expect("as signed").verify(&credential, NONCE).is_ok());
}

#[test]
fn wrong_password_nonce_and_name() {
    let (octets, credential) = signed();
    let notification = Notification::decode(&octets).expect("as signed");
    let verify =
        |credential: &Credential, nonce: &[u8]| notification.verify(credential, nonce).map_err(|e| e.kind());
    let wrong = Err(VerifyErrorKind::WrongDigest);
    assert_eq!(verify(&credential, NONCE), Ok(()));
    assert_eq!(verify(&Credential::new(server(), "Password"), NONCE), wrong);
    assert_eq!(verify(&Credential::new(server(), ""), NONCE), wrong);
    assert_eq!(verify(&Credential::with_name(server(), "name", "password"), NONCE), wrong);
    for nonce in [&NONCE[1..], &NONCE[..NONCE.len() - 1], b"", b"YSBub25jZSwgYXMgcmF3IG9jdGV0cw=="] {
        assert_eq!(verify(&credential, nonce), wrong);
    }
    assert_eq!(notification.verify_resync(&credential).map_err(|e| e.kind()), wrong);
}

/// A server with an account of its own cannot speak for another one, although its digest is right.
#[test]
fn one_server_cannot_speak_for_another() {
    let other = ServerIdentifier::new("evil.example.org").expect("fits");
    let credential = Credential::new(other, "its own password");
    let claim = Trigger::new(server(), SessionId::MAX);
    let octets = Notification::sign(claim, &credential, NONCE).to_vec();
    let notification = Notification::decode(&octets).expect("well-formed");
    let refused = notification.verify(&credential, NONCE).map_err(|e| e.kind());
    assert_eq!(refused, Err(VerifyErrorKind::OtherServer));

    // Nor by moving the colon between name and password.
    let (name, password) = ("a", "b:c");
    let (longer, shorter) = ("a:b", "c");
    let ours = Credential::new(ServerIdentifier::new(name).expect("fits"), password);
    let theirs = Credential::new(ServerIdentifier::new(longer).expect("fits"), shorter);
    assert_eq!(ours.stored_form(), theirs.stored_form());
    assert_ne!(ours, theirs);
    let signed = Notification::sign(Trigger::new(theirs.server_identifier(), SessionId::MAX), &theirs, NONCE);
    assert!(signed.verify(&theirs, NONCE).is_ok());
    assert!(signed.verify(&ours, NONCE).is_err());
}

#[test]
fn checks_come_in_their_order() {
    let message = |head: [u8; 8], rest: &[u8]| [&[0; 16], head.as_slice(), rest].concat();
    let decode = |octets: &[u8]| Notification::decode(octets).map(|n| n.trigger().version()).map_err(parts);
    // Everything wrong at once, mended from the front.
    let worst = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0];
    let truncated = |missing, at| (DecodeErrorKind::Truncated { missing }, Field::ServerIdentifier, at);
    assert_eq!(decode(&message(worst, b"")), Err(truncated(1, 24)));
    let empty = (DecodeErrorKind::EmptyServerIdentifier, Field::LengthIdentifier, 23);
    assert_eq!(decode(&message(worst, b"x")), Err(empty));
    let overrun = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 255];
    assert_eq!(decode(&message(overrun, b"x")), Err(truncated(254, 24)));
    let version = (DecodeErrorKind::VersionRefused(Version::MAX), Field::Version, 16);
    assert_eq!(decode(&message(overrun, &[b'x'; 255])), Err(version));
    let version = Version::new(13).expect("fits");
    let refused = (DecodeErrorKind::VersionRefused(version), Field::Version, 16);
    assert_eq!(decode(&message([0x03, 0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 1], b"x")), Err(refused));
    let session = (DecodeErrorKind::ZeroSessionId, Field::SessionId, 21);
    assert_eq!(decode(&message([0x02, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 1], b"x")), Err(session));
    assert_eq!(decode(&message([0x02, 0xFF, 0xFF, 0xFF, 0xFF, 0, 1, 1], b"x")), Ok(Version::V1_1));
}

#[test]
fn the_length_limit_is_exact() {
    for max in [25, 26, 1000, Policy::STRICT.max_octets] {
        let policy = Policy::STRICT.with_max_octets(max);
        let server = ServerIdentifier::new("x").expect("fits");
        let body = vec![0; max];
        for len in [max, max + 1] {
            let trigger = Trigger::new(server, SessionId::MAX).with_vendor_body(&body[..len - 25]);
            let octets = Notification::new(Digest::new([0; 16]), trigger).to_vec();
            assert_eq!(octets.len(), len);
            let error = Notification::decode_with(&octets, &policy).map(drop).map_err(parts);
            let too_long = (DecodeErrorKind::TooLong { limit: max }, Field::Message, 0);
            assert_eq!(error, if len == max { Ok(()) } else { Err(too_long) });
        }
    }
    // A limit below the smallest message refuses everything, and still says "truncated" for less.
    let none = Policy::STRICT.with_max_octets(0);
    assert_eq!(
        Notification::decode_with(&[], &none).map_err(parts),
        Err((DecodeErrorKind::Truncated { missing: 25 }, Field::Digest, 0))
    );
}

#[test]
fn errors_read_well() {
    let text = |octets: &[u8]| Notification::decode(octets).expect_err("malformed").to_string();
    assert_eq!(text(&[0; 10]), "input ended, 15 more byte(s) needed, while reading the digest at byte 0");
    assert_eq!(text(&[0; 25]), "no server identifier while reading the length-identifier at byte 23");
    let mut octets = [1; 25];
    assert_eq!(text(&octets), "version 0.4 not accepted while reading the version at byte 16");
    octets[16..18].copy_from_slice(&[2, 0xC0]);
    octets[21..23].copy_from_slice(&[0, 0]);
    assert_eq!(text(&octets), "session id zero while reading the sessionid at byte 21");
    let long = vec![1; 40_000];
    assert_eq!(text(&long), "more than 32640 bytes while reading the message at byte 0");
    let (octets, credential) = signed();
    let notification = Notification::decode(&octets).expect("as signed");
    assert_eq!(
        notification.verify(&credential, b"").expect_err("nonce").to_string(),
        "digest does not match"
    );
}
