//! Disks that are full. A limit on the size of files stands for one.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::daemon::{DM_DEVICE, DM_SERVER, device_flags, wait_for};
use super::served::{Served, said};

const NODE: &str = "./Notes/Text";

/// What describes a node with room for much.
const DESCRIPTION: &str = "<MgmtTree xmlns=\"syncml:dmddf1.2\"><VerDTD>1.2</VerDTD><Node><NodeName>Notes</NodeName><DFProperties>\
    <AccessType><Get/></AccessType><DFFormat><node/></DFFormat><Occurrence><One/></Occurrence><Scope><Permanent/></Scope>\
    <DFType><DDFName></DDFName></DFType></DFProperties><Node><NodeName>Text</NodeName><DFProperties>\
    <AccessType><Get/><Replace/></AccessType><DefaultValue></DefaultValue><DFFormat><chr/></DFFormat><Occurrence><One/></Occurrence>\
    <Scope><Permanent/></Scope><DFType><MIME>text/plain</MIME></DFType></DFProperties></Node></Node></MgmtTree>";

/// A command under a limit of so many blocks of 512 octets for each file.
fn limited(blocks: u64) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")]);
    command
}

#[test]
fn a_device_with_a_full_disk_says_so_and_keeps_what_it_has_acknowledged() {
    let served = Served::plain(DM_SERVER, "");
    let description = served.folder.path().join("notes.ddf");
    std::fs::write(&description, DESCRIPTION).unwrap();
    let described = ["--ddf", description.to_str().unwrap()];
    assert_eq!(served.session(&described).status.code(), Some(0));
    let id = served.account["id"].as_str().unwrap();
    let state = served.folder.path().join("device.redb");
    let value = |number: u32| format!("{number}-{}", "x".repeat(20_000));
    let mut asked = Vec::new();
    for number in 0..80 {
        let body = json!({ "op": "set", "uri": NODE, "value": value(number) }).to_string();
        let (status, answer) = served.request(&format!("POST /api/devices/{id}/work"), &body);
        assert!((200..300).contains(&status), "{status} {answer}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        asked.push(
            answer["work"][0]["number"]
                .as_u64()
                .or_else(|| answer["work"][0].as_u64())
                .unwrap_or_else(|| panic!("{answer}")),
        );
    }
    let blocks = std::fs::metadata(&state).unwrap().len() / 512 + 64;
    let output = wait_for("the disk to be full", || {
        let mut device = limited(blocks);
        device
            .arg(DM_DEVICE)
            .args(device_flags(&served.account, &state))
            .args(["--once", "--json"])
            .args(described);
        let output = device.stdin(Stdio::null()).output().unwrap();
        (output.status.code() != Some(0)).then_some(output)
    });
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(text.starts_with("error: store: ") && text.lines().count() == 1, "{text}");
    assert!(text.contains("cannot be written") && text.contains("make room"), "{text}");
    // What it has answered for is there when there is room again, and what it has not is done then.
    let states = || {
        let (_, said) = served.request(&format!("GET /api/devices/{id}/work"), "");
        let said: Value = serde_json::from_str(&said).unwrap();
        let work = said["work"].as_array().unwrap().iter();
        let mine = work.filter(|work| asked.contains(&work["number"].as_u64().unwrap()));
        mine.map(|work| work["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(states().iter().any(|state| state != "done"), "the disk was never full");
    for _ in 0..5 {
        assert_eq!(served.session(&described).status.code(), Some(0));
    }
    let ended = states();
    assert_eq!(ended.len(), asked.len());
    assert!(ended.iter().all(|state| state == "done" || state == "indeterminate"), "{ended:?}");
    let get = served.daemon.json(&["get", id, NODE, "--wait", "0"]);
    assert_eq!(served.session(&described).status.code(), Some(0));
    let number = get["work"][0]["number"].as_u64().unwrap().to_string();
    let shown = served.daemon.json(&["work", "show", &number]);
    assert_eq!(shown["work"][0]["found"][0]["text"], value(79), "the last one that was set");
}
