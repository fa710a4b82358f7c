//! Ours: from octets to a typed message and back.

use core::hint::black_box;

use dm_benches::messages::count_commands;
use dm_syncml::{DecodeError, DecodeOptions, EncodeOptions, Encoding, Message, Quirks, StringTables};

use crate::case::{Case, Refused};
use crate::input::{self, Input};

const TOOL: &str = "dm-syncml";

pub(crate) fn cases(input: &Input) -> Result<Vec<Case<'_>>, Refused> {
    let (encoding, decode_op) = match input.encoding {
        input::Encoding::Xml => (Encoding::Xml, "xml->typed"),
        input::Encoding::Wbxml => (Encoding::Wbxml, "wbxml->typed"),
    };
    let (octets, len) = (input.octets.as_slice(), input.octets.len());
    let (message, options) = decode(encoding, octets).map_err(|error| Refused::new(TOOL, &error))?;
    let expected = input.commands().unwrap_or_else(|| count_commands(&message));

    let mut cases = vec![Case::new(TOOL, decode_op, len, expected, move || {
        let message =
            Message::decode(encoding, black_box(octets), &options).expect("it could be read before");
        count_commands(black_box(&message))
    })];
    let plain = EncodeOptions::new();
    let table = plain.with_string_tables(StringTables::Automatic);
    let ops = [
        ("typed->wbxml", Encoding::Wbxml, plain),
        ("typed->wbxml(strtbl)", Encoding::Wbxml, table),
        ("typed->xml", Encoding::Xml, plain),
    ];
    for (op, encoding, how) in ops {
        let message = message.clone();
        let write = move |message: &Message<'_>| {
            let mut out = Vec::new();
            message.encode_into(encoding, &how, &mut out);
            out
        };
        let written = write(&message);
        // Text may come back as octets and the other way round, so compare what is written, not what is read.
        let again =
            Message::decode(encoding, &written, &DecodeOptions::new()).expect("what we write can be read");
        assert_eq!(count_commands(&again), count_commands(&message), "{op} loses commands");
        assert_eq!(write(&again), written, "{op} writes another message");
        let expected = written.len();
        cases.push(Case::new(TOOL, op, len, expected, move || {
            let written = write(black_box(&message));
            black_box(&written).len()
        }));
    }
    Ok(cases)
}

/// Length of a WBXML message as XML.
pub(crate) fn xml_len(wbxml: &[u8]) -> Option<usize> {
    let (message, _) = decode(Encoding::Wbxml, wbxml).ok()?;
    Some(message.encode(Encoding::Xml).len())
}

/// Strictly, or as leniently as what comes from the field needs it.
fn decode(encoding: Encoding, octets: &[u8]) -> Result<(Message<'_>, DecodeOptions), DecodeError> {
    let strict = DecodeOptions::new();
    match Message::decode(encoding, octets, &strict) {
        Ok(message) => Ok((message, strict)),
        Err(error) => {
            let lenient = DecodeOptions::new().with_quirks(Quirks::FIELD);
            Message::decode(encoding, octets, &lenient).map(|message| (message, lenient)).map_err(|_| error)
        }
    }
}
