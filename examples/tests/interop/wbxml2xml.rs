//! libwbxml reads every body that `fleet` sent.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use dm_syncml::{DecodeOptions, Encoding, Message};

use crate::is_here;
use crate::recorded::story;

/// What libwbxml makes of it.
fn to_xml(path: &Path) -> Result<Vec<u8>, String> {
    let output = Command::new("wbxml2xml").args(["-o", "-"]).arg(path).output().unwrap();
    if output.status.success() && !output.stdout.is_empty() {
        return Ok(output.stdout);
    }
    Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim()))
}

#[test]
fn every_body_is_read_and_says_the_same() {
    if !is_here("wbxml2xml", "libwbxml2-utils") {
        return;
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in std::fs::read_dir(&story().trace).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "wbxml") {
            continue;
        }
        let xml = to_xml(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        *counts.entry("read").or_default() += 1;
        let ours = std::fs::read(&path).unwrap();
        let ours = Message::decode(Encoding::Wbxml, &ours, &DecodeOptions::new()).unwrap();
        let theirs = Message::decode(Encoding::Xml, &xml, &DecodeOptions::new());
        let theirs = theirs.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let ids = |message: &Message<'_>| {
            let header = &message.header;
            let names = message
                .body
                .commands
                .iter()
                .map(|command| command.name().map(|name| name.as_str().to_owned()));
            (header.session_id.to_string(), header.msg_id.to_string(), names.collect::<Vec<_>>())
        };
        assert_eq!(ids(&ours), ids(&theirs), "{}", path.display());
    }
    assert!(counts.get("read").copied().unwrap_or(0) > 50, "{counts:?}");
}
