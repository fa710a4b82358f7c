//! The fleet as a user runs it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use dm_notification::Notification;
use dm_syncml::{DecodeOptions, Encoding, Message};
use serde_json::Value;

fn fleet(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fleet")).args(args).output().expect("the program starts")
}

/// The steps of the story, in their order.
const STEPS: [&str; 12] = [
    "bootstrap",
    "alerts",
    "inventory",
    "groups",
    "image",
    "fanout",
    "results",
    "restart",
    "transparent",
    "coap",
    "moving",
    "delegation",
];

/// Every step passed, and says what it has proven.
fn check_steps(report: &Value) {
    let steps = report["steps"].as_array().expect("steps");
    let names: Vec<_> = steps.iter().filter_map(|step| step["step"].as_str()).collect();
    assert_eq!(names, STEPS, "{report}");
    for step in steps {
        assert_eq!(step["passed"], true, "{step}");
        assert!(step["proven"].as_str().is_some_and(|proven| proven.len() > 20), "{step}");
    }
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

#[test]
fn json_is_one_object_whose_outcomes_add_up() {
    let output = fleet(&["--devices", "8", "--seed", "3", "--json"]);
    let report = json(&output);
    assert_eq!(output.status.code(), Some(0), "{report}");
    check_steps(&report);
    assert_eq!(report["devices"], 8);
    assert_eq!(report["seed"], 3);
    assert_eq!(report["encoding"], "wbxml");
    let outcomes = report["outcomes"].as_object().unwrap();
    let words: Vec<_> = outcomes.keys().map(String::as_str).collect();
    let mut sorted = ["ok", "failed", "refused", "unreachable", "timed_out", "indeterminate"];
    sorted.sort_unstable();
    assert_eq!(words, sorted);
    assert_eq!(outcomes.values().filter_map(Value::as_u64).sum::<u64>(), 8);
    assert_eq!(
        (outcomes["ok"].as_u64(), outcomes["refused"].as_u64(), outcomes["unreachable"].as_u64()),
        (Some(6), Some(1), Some(1))
    );
    assert!(report["messages"].as_u64() > Some(30) && report["bytes"].as_u64() > Some(5000));
    assert!(report["elapsed_ms"].is_u64());
    assert_eq!(report["mismatches"], Value::Array(Vec::new()));
    assert!(output.stderr.is_empty(), "nothing but the result: {output:?}");
}

#[test]
fn one_device_is_a_fleet_too() {
    let output = fleet(&["--devices", "1", "--encoding", "xml", "--json"]);
    let report = json(&output);
    assert_eq!(output.status.code(), Some(0), "{report}");
    check_steps(&report);
    assert_eq!(report["outcomes"]["ok"], 1);
    assert_eq!(report["encoding"], "xml");
}

#[test]
fn the_story_is_told_with_a_line_for_each_device() {
    let output = fleet(&["--devices", "4"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    for expected in
        ["device-0001", "device-0004", "late", "off", "refusing", "unreachable", "2 ok, 0 failed, 1 refused"]
    {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    let passed: Vec<_> = text.lines().filter(|line| line.contains(" passed ")).collect();
    assert_eq!(passed.len(), STEPS.len(), "{text}");
    for (line, step) in passed.iter().zip(STEPS) {
        assert!(line.starts_with(step), "{line}");
    }
}

/// As on several machines: processes that are killed by SIGKILL, and TLS on every way.
#[test]
fn the_story_is_the_same_with_processes_and_tls() {
    let output = fleet(&["--devices", "3", "--seed", "5", "--processes", "--tls", "--json"]);
    let report = json(&output);
    assert_eq!(output.status.code(), Some(0), "{report} {output:?}");
    check_steps(&report);
    assert_eq!(report["outcomes"].as_object().unwrap().values().filter_map(Value::as_u64).sum::<u64>(), 3);
    assert!(output.stderr.is_empty(), "nothing but the result: {output:?}");
}

#[test]
fn wrong_usage_is_told_apart() {
    for args in [
        &["--devices", "0"][..],
        &["--devices", "2001"],
        &["--encoding", "json"],
        &["--frobnicate"],
        &["--log", "warn", "--processes"],
    ] {
        let output = fleet(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
    for flag in ["--trace", "--pcap"] {
        let output = fleet(&[flag, "/dev/null/not-a-folder"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8(output.stderr).unwrap().starts_with("error: io: "));
    }
    let help = String::from_utf8(fleet(&["--help"]).stdout).unwrap();
    assert!(help.contains("Examples:") && help.contains("Exit codes:"));
}

#[test]
fn a_trace_holds_every_message_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deeper/trace");
    let output = fleet(&["--devices", "4", "--json", "--trace", path.to_str().unwrap()]);
    let report = json(&output);
    assert_eq!(output.status.code(), Some(0), "{report}");
    let mut names: Vec<_> =
        fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(Some(names.len() as u64), report["messages"].as_u64());
    let mut octets = 0;
    for (index, name) in names.iter().enumerate() {
        let body = fs::read(path.join(name)).unwrap();
        octets += body.len() as u64;
        let (stem, extension) = name.rsplit_once('.').unwrap();
        assert_eq!(&stem[..6], format!("{index:06}"), "numbered without a gap");
        let ids: Vec<_> = stem.rsplitn(3, '-').collect();
        match extension {
            "wbxml" => {
                let message = Message::decode(Encoding::Wbxml, &body, &DecodeOptions::new()).expect(name);
                assert_eq!(
                    [message.header.msg_id.as_str(), message.header.session_id.as_str()],
                    [ids[0], ids[1]],
                    "{name}"
                );
            }
            "p0" => {
                let notification = Notification::decode(&body).expect(name);
                assert_eq!(notification.trigger().session_id().to_string(), ids[1], "{name}");
                // Gateways notify devices; the server wakes gateways, and pushes through one.
                assert!(stem.contains("gateway-device-") || stem.contains("-server-"), "{name}");
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!(Some(octets), report["bytes"].as_u64());
    assert!(names.iter().any(|name| name.contains("-server-gateway-")));
    assert!(names.iter().any(|name| name.contains("-device-0001-gateway-")));
    assert!(Path::new(&path).is_dir());
}
