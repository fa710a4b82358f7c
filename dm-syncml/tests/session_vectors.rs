//! Every session vector decodes, and means the same in both encodings.
#![cfg(feature = "xml")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use dm_syncml::{Command, DecodeOptions, Encoding, Message, StatusCode};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/session")
}

fn files() -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder()).expect("the vectors are in the repository");
    let files: BTreeMap<_, _> = entries
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    assert_eq!(files.len(), 51, "no vector is lost");
    files
}

fn encoding_of(name: &str) -> Encoding {
    if name.ends_with(".xml") { Encoding::Xml } else { Encoding::Wbxml }
}

fn decode<'a>(name: &str, bytes: &'a [u8]) -> Message<'a> {
    match Message::decode(encoding_of(name), bytes, &DecodeOptions::new()) {
        Ok(message) => message,
        Err(error) => panic!("{name}: {error}"),
    }
}

/// One text for one meaning: how text was carried and where namespaces were declared is gone.
fn canonical(message: &Message<'_>) -> String {
    String::from_utf8(message.encode(Encoding::Xml)).expect("XML is UTF-8")
}

#[test]
fn every_vector_decodes_and_survives_both_encodings() {
    for (name, bytes) in files() {
        let message = decode(&name, &bytes);
        for encoding in [Encoding::Wbxml, Encoding::Xml] {
            let encoded = message.encode(encoding);
            let again = Message::decode(encoding, &encoded, &DecodeOptions::new())
                .unwrap_or_else(|e| panic!("{name} as {encoding}: {e}"));
            assert_eq!(canonical(&again), canonical(&message), "{name} as {encoding}");
            assert_eq!(again.encode(encoding), encoded, "{name} as {encoding} is stable");
        }
    }
}

/// The vectors whose WBXML says something else than their XML, and why.
const DIFFERENT: &[(&str, &str)] =
    &[("11-s2c-add-tnds", "the converter embeds TNDS as a document and rewrites its Type")];

#[test]
fn xml_and_wbxml_vectors_mean_the_same() {
    let files = files();
    let mut compared = 0;
    for (name, wbxml) in &files {
        let Some(stem) = name.strip_suffix(".wbxml").map(|stem| stem.trim_end_matches(".strtbl13")) else {
            continue;
        };
        let Some(xml) = files.get(&format!("{stem}.xml")) else {
            assert!(stem.ends_with(".handmade"), "{name} has no partner");
            continue;
        };
        let same = canonical(&decode(name, wbxml)) == canonical(&decode("of.xml", xml));
        let different = DIFFERENT.iter().any(|(listed, _)| *listed == stem);
        assert_ne!(same, different, "{name}");
        compared += 1;
    }
    assert_eq!(compared, 30);
}

/// Headers and bodies made by hand, with what each of them shows.
#[test]
fn handmade_vectors_mean_what_they_show() {
    let files = files();
    let end = canonical(&decode("of.xml", &files["10-s2c-pkg4-end.xml"]));
    for name in [
        "10b-textual-fpi-no-nul.handmade.wbxml",
        "10c-textual-fpi-nul-v13.handmade.wbxml",
        "10d-unknown-publicid.handmade.wbxml",
        "10e-nokia-xmlns-attr.handmade.wbxml",
    ] {
        assert_eq!(canonical(&decode(name, &files[name])), end, "{name}");
    }
    let tnds = "11b-s2c-add-tnds-nested-page2.handmade.wbxml";
    let inline = canonical(&decode("of.xml", &files["11-s2c-add-tnds.xml"]));
    assert_eq!(canonical(&decode(tnds, &files[tnds])), inline);
}

#[test]
fn message_4_is_read_in_full() {
    let files = files();
    let message = decode("04.xml", &files["04-s2c-pkg2-cmds.xml"]);
    assert_eq!(message.header.session_id, "1A");
    assert_eq!(message.header.meta.as_ref().and_then(|meta| meta.max_obj_size()), Some(1_048_576));
    let names: Vec<_> = message.body.commands.iter().map(|c| c.name().unwrap().to_string()).collect();
    assert_eq!(names, ["Status", "Status", "Status", "Get", "Sequence", "Exec"]);
    let Command::Status(first) = &message.body.commands[0] else { panic!() };
    assert_eq!(first.code, StatusCode::AUTHENTICATED);
    let nonce = first.chal.as_ref().and_then(|chal| chal.meta.next_nonce()).and_then(|nonce| nonce.octets());
    assert_eq!(
        nonce.as_deref(),
        Some(b"\x00\xff\x80\x7f\x0a\x0d\x3a\x20\x3c\x3e\x26\x22\x5c\x4e\x55\xb0".as_slice())
    );
    let Command::Sequence(sequence) = &message.body.commands[4] else { panic!() };
    assert_eq!(sequence.commands.len(), 2);
    assert_eq!(sequence.commands[1].items()[0].target_uri().unwrap(), &"./Com/Example/Email/Smtp");
    let Command::Exec(exec) = &message.body.commands[5] else { panic!() };
    assert_eq!(exec.correlator.as_ref().unwrap(), &"job-77");
    assert!(message.body.last_in_package);
}
