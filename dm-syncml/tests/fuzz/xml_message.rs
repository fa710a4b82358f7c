//! Any octets as an XML message, strictly and with every quirk.

use dm_syncml::{DecodeOptions, Encoding, Fragment, Message, Quirks};

/// What decodes encodes in both encodings, decodes strictly, and is the same message. What the strict reading takes, the lenient one takes too.
pub(crate) fn run(data: &[u8]) {
    let lenient = DecodeOptions::new().with_quirks(Quirks::FIELD);
    let strict = check(data, &DecodeOptions::new());
    let taken = check(data, &lenient);
    assert!(taken || !strict, "quirks only add");
    if let Ok(fragment) = Fragment::decode(Encoding::Xml, data, &lenient) {
        let encoded = fragment.encode(Encoding::Xml);
        let again = Fragment::decode(Encoding::Xml, &encoded, &lenient)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&encoded)));
        assert_eq!(again.encode(Encoding::Xml), encoded, "a fragment is stable");
    }
}

/// Whether a message decodes.
fn check(data: &[u8], options: &DecodeOptions) -> bool {
    let message = match Message::decode(Encoding::Xml, data, options) {
        Ok(message) => message,
        Err(error) => {
            assert!(error.offset() <= data.len() * 2, "{error}");
            return false;
        }
    };
    let meaning = message.encode(Encoding::Xml);
    for encoding in [Encoding::Wbxml, Encoding::Xml] {
        let encoded = message.encode(encoding);
        let again = Message::decode(encoding, &encoded, options)
            .unwrap_or_else(|error| panic!("{error}: {encoded:02X?}"));
        assert_eq!(again.encode(encoding), encoded, "{encoding} is stable");
        assert_eq!(message.differences(&again).next(), None, "{encoding}");
        if encoding == Encoding::Xml {
            assert_eq!(
                String::from_utf8_lossy(&again.encode(Encoding::Xml)),
                String::from_utf8_lossy(&meaning)
            );
        }
    }
    true
}
