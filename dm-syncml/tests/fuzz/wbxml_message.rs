//! Any octets as a WBXML message.

use dm_syncml::{DecodeOptions, Encoding, Message};
use dm_wbxml::{Event, Limits, SYNCML_1_2, Source, wbxml};

/// The reader ends after no more events than the octets pay for. What decodes as a message encodes in both encodings, decodes
/// again, and means the same.
pub(crate) fn run(data: &[u8]) {
    read(data);

    let message = match Message::decode(Encoding::Wbxml, data, &DecodeOptions::new()) {
        Ok(message) => message,
        Err(error) => {
            assert!(error.offset() <= data.len(), "{error}");
            return;
        }
    };
    let meaning = message.encode(Encoding::Xml);
    for encoding in [Encoding::Wbxml, Encoding::Xml] {
        let encoded = message.encode(encoding);
        let again = Message::decode(encoding, &encoded, &DecodeOptions::new())
            .unwrap_or_else(|error| panic!("{error}: {encoded:02X?}"));
        let same = again.encode(Encoding::Xml);
        assert_eq!(String::from_utf8_lossy(&same), String::from_utf8_lossy(&meaning), "through {encoding}");
        assert_eq!(again.encode(encoding), encoded, "{encoding} is stable");
    }
    assert_eq!(message.clone().into_owned(), message);
}

/// All events of the bare reader.
fn read(data: &[u8]) {
    let Ok(mut reader) = wbxml::Reader::new(data, &SYNCML_1_2, Limits::DEFAULT) else { return };
    let (mut events, mut open, mut before) = (0, 0_usize, 0);
    loop {
        match reader.next() {
            Ok(Some(event)) => {
                events += 1;
                match event {
                    Event::Start(_) => open += 1,
                    Event::End => open -= 1,
                    _ => {}
                }
            }
            Ok(None) => {
                assert_eq!(open, 0, "every start has its end");
                break;
            }
            Err(error) => {
                assert!(error.offset() <= data.len(), "{error}");
                assert_eq!(reader.next(), Err(error), "an error is the end");
                break;
            }
        }
        assert!(reader.offset() >= before && reader.offset() <= data.len(), "reading goes forward");
        before = reader.offset();
    }
    assert!(events <= 2 * data.len(), "{events} events of {} octets", data.len());
}
