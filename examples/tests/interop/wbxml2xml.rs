//! libwbxml reads every body that `fleet` sent.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use dm_syncml::{Command as DmCommand, DecodeOptions, Encoding, Item, Message};

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

/// Whether there is Data in it that is no text: an image, or a command of a job, which is a document.
fn holds_octets(message: &Message<'_>) -> bool {
    let is_binary = |item: &Item<'_>| {
        item.data.as_ref().is_some_and(|data| data.as_octets().is_some() && data.as_text().is_none())
    };
    message.body.commands.iter().any(|command| match command {
        DmCommand::Replace(replace) => replace.items.iter().any(is_binary),
        DmCommand::Add(add) => add.items.iter().any(is_binary),
        _ => false,
    })
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
        if std::str::from_utf8(&xml).is_err() {
            // It puts octets into the XML as they are, which is no XML then: an image.
            assert!(holds_octets(&ours), "{}", path.display());
            *counts.entry("with octets").or_default() += 1;
            continue;
        }
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
    let count = |what: &str| counts.get(what).copied().unwrap_or(0);
    assert!(count("read") > 50 && count("with octets") * 10 < count("read"), "{counts:?}");
    println!("bodies: {counts:?}");
}
