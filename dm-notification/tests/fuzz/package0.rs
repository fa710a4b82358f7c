//! Any octets as a notification.

use dm_notification::{Credential, Notification, Policy, RESYNC_NONCE, Version, VersionPolicy};

/// What decodes encodes to the same octets, is verified without a panic, and can be signed by the server it names;
/// a stricter policy reads less of it, and never something else.
pub(crate) fn run(data: &[u8]) {
    let widest = Policy::FIELD
        .with_versions(VersionPolicy::range(Version::new(0).expect("zero fits ten bits"), Version::MAX));
    let strict = Notification::decode(data);
    let field = Notification::decode_with(data, &Policy::FIELD);
    let any = Notification::decode_with(data, &widest);
    if strict.is_ok() {
        assert_eq!(strict, field, "field takes what strict takes");
    }
    if field.is_ok() {
        assert_eq!(field, any, "the widest policy takes what field takes");
    }
    let received = match any {
        Ok(received) => received,
        Err(error) => {
            assert!(error.offset() <= data.len(), "{error}");
            return;
        }
    };

    assert_eq!(received.to_vec(), data);
    assert_eq!(received.encoded_len(), data.len());

    let trigger = *received.trigger();
    let server = trigger.server_identifier();
    let credential = Credential::new(server, b"password");
    // Part of the message serves as the nonce: any octets are one.
    let nonce = trigger.vendor_body();
    let signed = Notification::sign(trigger, &credential, nonce);
    assert_eq!(received.verify(&credential, nonce).is_ok(), received.digest() == signed.digest());
    assert_eq!(signed.verify(&credential, nonce), Ok(()));
    assert_eq!(signed.verify_resync(&credential).is_ok(), nonce == RESYNC_NONCE);
    let sent = signed.to_vec();
    assert_eq!(Notification::decode_with(&sent, &widest), Ok(signed));
}
