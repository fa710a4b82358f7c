//! Runs the bodies of the fuzz targets over their committed corpora, on stable.

#![cfg(feature = "xml")]

use std::fs;
use std::path::Path;

#[path = "fuzz/wbxml_message.rs"]
mod wbxml_message;
#[path = "fuzz/xml_message.rs"]
mod xml_message;

/// Runs `body` on every file of `fuzz/corpus/<target>`; none at all is a failure.
fn replay(target: &str, body: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let entries = fs::read_dir(&corpus).unwrap_or_else(|error| panic!("{}: {error}", corpus.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a directory entry").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", corpus.display());
    for file in files {
        // Printed by the test harness if the body panics.
        #[expect(clippy::print_stdout, reason = "names the input that fails")]
        {
            println!("{}", file.display());
        }
        body(&fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display())));
    }
}

#[test]
fn wbxml_message() {
    replay("wbxml_message", wbxml_message::run);
}

#[test]
fn xml_message() {
    replay("xml_message", xml_message::run);
}
