//! Ours: from octets to a typed message and back.

use core::hint::black_box;
use std::io;
use std::process::Command;

use dm_benches::clock;
use dm_benches::messages::count_commands;
use dm_syncml::{DecodeError, DecodeOptions, EncodeOptions, Encoding, Message, Quirks, StringTables};

use crate::case::{Aside, Case, Refused};
use crate::child::{self, Measured};
use crate::input::{self, Input};

pub(crate) const TOOL: &str = "dm-syncml";

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
    cases.extend(in_kept_memory(decode_op, input, expected));
    let ops = [
        ("typed->wbxml", Encoding::Wbxml, plain),
        ("typed->wbxml(strtbl)", Encoding::Wbxml, table),
        ("typed->xml", Encoding::Xml, plain),
    ];
    for (op, encoding, how) in ops {
        let message = message.clone();
        let write = move |message: &Message<'_>| message.encode_with(encoding, &how);
        let written = write(&message);
        // Text may come back as octets and the other way round, so compare what is written, not what is read.
        let again =
            Message::decode(encoding, &written, &DecodeOptions::new()).expect("what we write can be read");
        assert_eq!(count_commands(&again), count_commands(&message), "{op} loses commands");
        assert_eq!(write(&again), written, "{op} writes another message");
        let expected = written.len();
        let reused = message.clone();
        cases.push(Case::new(TOOL, op, len, expected, move || {
            let written = write(black_box(&message));
            black_box(&written).len()
        }));
        let (message, mut buffer) = (reused, Vec::new());
        let reusing = Case::new(TOOL, op, len, expected, move || {
            buffer.clear();
            black_box(&message).encode_into(encoding, &how, &mut buffer);
            black_box(&buffer).len()
        });
        cases.push(reusing.aside(Aside::ReusedBuffer));
    }
    Ok(cases)
}

/// The argument that makes this program serve decoding, with the encoding behind it.
pub(crate) const SERVE: &str = "--serve-decoding";

/// Decoding in a process that keeps the memory it has had: the most that a reused decode buffer could give. Only glibc can be told so.
fn in_kept_memory<'a>(op: &'static str, input: &Input, expected: usize) -> Option<Case<'a>> {
    if cfg!(not(target_env = "gnu")) {
        return None;
    }
    let encoding = match input.encoding {
        input::Encoding::Xml => "xml",
        input::Encoding::Wbxml => "wbxml",
    };
    let mut command = Command::new(std::env::current_exe().ok()?);
    command.args([SERVE, encoding]);
    for limit in ["MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_"] {
        command.env(limit, "67108864");
    }
    let (measured, commands) = Measured::start(&mut command, &input.octets).ok()?;
    assert_eq!(commands, expected.to_string().as_bytes(), "another process decodes something else");
    Some(Case::elsewhere(TOOL, op, input.octets.len(), measured).aside(Aside::KeptMemory))
}

/// Serves decoding to whoever started this process.
pub(crate) fn serve_decoding(encoding: &str) -> io::Result<()> {
    let encoding = if encoding == "xml" { Encoding::Xml } else { Encoding::Wbxml };
    child::serve(|document| {
        let (message, options) = decode(encoding, &document).map_err(|error| error.to_string())?;
        let commands = count_commands(&message).to_string().into_bytes();
        let time = move |runs| {
            clock::time(runs, || {
                let message = Message::decode(encoding, black_box(&document), &options);
                black_box(count_commands(black_box(&message.expect("it could be read before"))));
            })
        };
        Ok((commands, time))
    })
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
