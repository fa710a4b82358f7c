//! Whatever can be built is encoded and read back; whatever can be read encodes to the same octets. Digests are
//! compared with the formula written out plainly.

use base64ct::{Base64, Encoding as _};
use dm_notification::{
    Credential, Digest, Initiator, Notification, Policy, ServerIdentifier, SessionId, Trigger, UiMode,
    Version, VersionPolicy,
};
use md5::{Digest as _, Md5};
use proptest::collection::vec;
use proptest::prelude::*;

fn ui_mode() -> impl Strategy<Value = UiMode> {
    prop::sample::select(vec![
        UiMode::NotSpecified,
        UiMode::Background,
        UiMode::Informative,
        UiMode::UserInteraction,
    ])
}

/// The formula as the standard writes it, over whole buffers, sharing nothing with the crate.
fn reference_digest(server: &[u8], password: &[u8], nonce: &[u8], trigger: &[u8]) -> [u8; 16] {
    let credential = Md5::digest([server, b":", password].concat());
    let trigger = Md5::digest(trigger);
    let text = |hash: &[u8]| Base64::encode_string(hash).into_bytes();
    Md5::digest([&text(&credential), b":".as_slice(), nonce, b":", &text(&trigger)].concat()).into()
}

fn widest() -> Policy {
    Policy::FIELD.with_versions(VersionPolicy::range(Version::new(0).expect("fits"), Version::MAX))
}

proptest! {
    #[test]
    fn built_is_encoded_and_decoded(
        version in 0u16..1024,
        ui_mode in ui_mode(),
        server_initiated: bool,
        session in 1u16..,
        server in vec(any::<u8>(), 1..=255),
        body in vec(any::<u8>(), 0..300),
        digest: [u8; 16],
    ) {
        let initiator = if server_initiated { Initiator::Server } else { Initiator::Client };
        let server = ServerIdentifier::from_octets(&server).expect("1 to 255 octets");
        let trigger = Trigger::new(server, SessionId::new(session).expect("not zero"))
            .with_version(Version::new(version).expect("ten bits"))
            .with_ui_mode(ui_mode)
            .with_initiator(initiator)
            .with_vendor_body(&body);
        let notification = Notification::new(Digest::new(digest), trigger);
        let octets = notification.to_vec();
        prop_assert_eq!(octets.len(), notification.encoded_len());
        prop_assert_eq!(Notification::decode_with(&octets, &widest()), Ok(notification));
    }

    #[test]
    fn decoded_is_encoded_to_the_same_octets(octets in vec(any::<u8>(), 0..400)) {
        if let Ok(notification) = Notification::decode_with(&octets, &widest()) {
            prop_assert_eq!(notification.to_vec(), octets);
        } else {
            // The widest policy refuses a message for its lengths only.
            let fits = octets.len() >= 25 && octets[23] > 0 && octets.len() >= 24 + usize::from(octets[23]);
            prop_assert!(!fits);
        }
    }

    /// Random octets hardly ever have a version; these do.
    #[test]
    fn strict_takes_what_field_takes_except_versions_and_zero(
        mut octets in vec(any::<u8>(), 25..100),
        version in 8u16..16,
        session in 0u16..3,
        length in 0u8..80,
    ) {
        octets[16] = (version >> 2) as u8;
        octets[17] = octets[17] & 0x3F | (version << 6) as u8;
        octets[21..23].copy_from_slice(&session.to_be_bytes());
        octets[23] = length;
        let strict = Notification::decode(&octets);
        let field = Notification::decode_with(&octets, &Policy::FIELD);
        let fits = length > 0 && usize::from(length) + 24 <= octets.len();
        prop_assert_eq!(field.is_ok(), fits && (10..=12).contains(&version));
        prop_assert_eq!(strict.is_ok(), fits && version == 11 && session != 0);
        if let Ok(strict) = strict {
            prop_assert_eq!(Ok(strict), field);
        }
    }

    #[test]
    fn digests_follow_the_formula(
        server in vec(any::<u8>(), 1..=255),
        password in vec(any::<u8>(), 0..80),
        nonce in vec(any::<u8>(), 0..80),
        rest in vec(any::<u8>(), 0..200),
        head: [u8; 7],
    ) {
        let trigger = [head.as_slice(), &[server.len() as u8], &server, &rest].concat();
        let digest = reference_digest(&server, &password, &nonce, &trigger);
        let octets = [digest.as_slice(), &trigger].concat();
        let notification = Notification::decode_with(&octets, &widest()).expect("fits");

        let server = ServerIdentifier::from_octets(&server).expect("1 to 255 octets");
        let credential = Credential::new(server, &password);
        prop_assert_eq!(notification.verify(&credential, &nonce), Ok(()));
        prop_assert_eq!(Notification::sign(*notification.trigger(), &credential, &nonce), notification);
        let stored = Credential::from_stored_form(server, credential.stored_form()).expect("as stored");
        prop_assert_eq!(notification.verify(&stored, &nonce), Ok(()));
        prop_assert_eq!(notification.verify_resync(&credential).is_ok(), nonce == [0; 4]);
    }
}
