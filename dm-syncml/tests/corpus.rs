//! Real messages of other software, which cannot be part of this repository: `DM_CORPUS` names the folder that holds them.
#![cfg(feature = "xml")]
#![expect(clippy::print_stdout, reason = "says what was read")]

use std::fs;
use std::path::PathBuf;

use dm_syncml::{DecodeError, DecodeOptions, Encoding, Fragment, Message, Quirks};

/// How many of the 150 messages and fragments of DM decode with all quirks. The one that does not is a sample that runs three commands
/// together; `quirks.rs` says more.
const DECODED: usize = 149;

/// A line of MANIFEST.tsv.
struct Entry {
    file: String,
    kind: String,
    is_dm: bool,
    octets: Vec<u8>,
}

impl Entry {
    fn encoding(&self) -> Encoding {
        if self.file.ends_with(".wbxml") { Encoding::Wbxml } else { Encoding::Xml }
    }

    /// As a message, else as commands without a header; `Ok(true)` for a message.
    fn decode(&self) -> Result<bool, DecodeError> {
        let options = DecodeOptions::new().with_quirks(Quirks::FIELD);
        let encoding = self.encoding();
        match Message::decode(encoding, &self.octets, &options) {
            Ok(message) => {
                self.survives(&message);
                Ok(true)
            }
            Err(error) => match Fragment::decode(encoding, &self.octets, &options) {
                Ok(_) => Ok(false),
                Err(as_fragment) => Err(if self.kind == "dm-fragment" { as_fragment } else { error }),
            },
        }
    }

    /// What was read can be written in both encodings, and means the same.
    fn survives(&self, message: &Message<'_>) {
        let meaning = message.encode(Encoding::Xml);
        for encoding in [Encoding::Wbxml, Encoding::Xml] {
            let encoded = message.encode(encoding);
            let again = Message::decode(encoding, &encoded, &DecodeOptions::new())
                .unwrap_or_else(|error| panic!("{} through {encoding}: {error}", self.file));
            assert!(again.encode(Encoding::Xml) == meaning, "{} through {encoding}", self.file);
        }
    }
}

/// The corpus, or `None` when nobody named one. One that is named must be there.
fn corpus() -> Option<Vec<Entry>> {
    let folder = PathBuf::from(std::env::var_os("DM_CORPUS")?);
    let manifest = folder.join("MANIFEST.tsv");
    let lines =
        fs::read_to_string(&manifest).unwrap_or_else(|error| panic!("{}: {error}", manifest.display()));
    let entries: Vec<Entry> = lines
        .lines()
        .skip(1)
        .map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            let &[file, kind, _, _, exercises, ..] = &columns[..] else { panic!("{line:?} lacks columns") };
            let path = folder.join(file);
            let octets = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            Entry { file: file.into(), kind: kind.into(), is_dm: exercises.contains("[DM]"), octets }
        })
        .collect();
    assert!(!entries.is_empty(), "{} lists nothing", manifest.display());
    Some(entries)
}

#[test]
fn real_messages_decode() {
    let Some(entries) = corpus() else {
        println!("DM_CORPUS is not set: no real messages were read");
        return;
    };
    let (mut messages, mut fragments, mut refused) = (0, 0, 0);
    for entry in &entries {
        let kind = entry.kind.trim_end_matches("-peergen");
        if !entry.is_dm || !matches!(kind, "syncml-xml" | "syncml-wbxml" | "dm-fragment") {
            continue;
        }
        match entry.decode() {
            Ok(true) => messages += 1,
            Ok(false) => fragments += 1,
            Err(error) => {
                refused += 1;
                println!("{}: {error}", entry.file);
            }
        }
    }
    println!("{messages} messages and {fragments} fragments decoded, {refused} refused");
    assert!(messages + fragments >= DECODED, "fewer real messages decode than did");
}

#[test]
fn malformed_documents_end() {
    let Some(entries) = corpus() else {
        println!("DM_CORPUS is not set: no malformed documents were read");
        return;
    };
    let (mut read, mut refused) = (0, 0);
    for entry in entries
        .iter()
        .filter(|entry| entry.kind.starts_with("malformed") || entry.kind.starts_with("invalid"))
    {
        match entry.decode() {
            Ok(_) => {
                read += 1;
                println!("{} ({}): decodes", entry.file, entry.kind);
            }
            Err(error) => {
                refused += 1;
                println!("{}: {error}", entry.file);
                assert!(error.offset() <= entry.octets.len());
            }
        }
    }
    println!("{refused} malformed documents refused, {read} read all the same");
    assert!(refused > 0, "the corpus has no malformed documents");
}

/// Whatever else there is, DDF, TNDS, provisioning documents, is no SyncML, and no reason to panic.
#[test]
fn other_documents_end() {
    for entry in corpus().unwrap_or_default() {
        for encoding in [Encoding::Wbxml, Encoding::Xml] {
            let _ = Message::decode(encoding, &entry.octets, &DecodeOptions::new());
            let _ =
                Fragment::decode(encoding, &entry.octets, &DecodeOptions::new().with_quirks(Quirks::FIELD));
        }
    }
}
