//! Killed, restarted, out of room: nothing is lost, and nothing happens twice.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use dm_examples::clock::Clock;
use dm_examples::fleet::Outcome;
use dm_examples::operator::{Lamps, Task};
use dm_examples::wire::Wire;
use serde_json::json;
use tokio::sync::oneshot;

use crate::program::Program;
use crate::world::{DM_GATEWAY, GatewayUnderTest, LAMP, LEVEL, device, server};

#[tokio::test(flavor = "multi_thread")]
async fn a_fanout_outlives_the_gateway_and_executes_nothing_twice() {
    const DEVICES: usize = 24;
    let folder = tempfile::tempdir().unwrap();
    let (report, findings) = oneshot::channel();
    let task = Task { devices: DEVICES, lamp: LAMP.into(), level: LEVEL };
    let operator = Lamps::new(task, report, |_| {});
    let account = server(folder.path(), operator).await;
    let config = folder.path().join("gateway.toml");
    // Few at a time, so that there is a middle; a snapshot every now and then, so that one falls into it.
    std::fs::write(&config, "[limits]\nwindow = 3\nrecords = 40\n").unwrap();
    let state = folder.path().join("state");
    let arguments = ["--account", &account, "--config", config.to_str().unwrap()];
    let mut gateway = GatewayUnderTest::start(&state, &arguments);
    let mut lamps = HashMap::new();
    let wire = Wire::new().unwrap();
    for number in 0..DEVICES {
        let id = format!("urn:uuid:lamp-{number:02}");
        let account = gateway.add_device(json!({ "id": id })).await;
        let (device, lamp) = device(&account);
        lamps.insert(id, lamp);
        tokio::spawn(device.run(wire.clone(), Clock::start(), gateway.datagrams));
    }
    for so_many in [2, 9, 16] {
        let blinked = || lamps.values().filter(|lamp| lamp.state().1 > 0).count();
        let middle = async {
            while blinked() < so_many {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), middle).await.expect("the job gets on");
        gateway = gateway.kill_and_restart();
    }
    let found =
        tokio::time::timeout(Duration::from_secs(120), findings).await.expect("the job ends").unwrap();
    let missing: Vec<_> = lamps.keys().filter(|id| !found.outcomes.contains_key(*id)).collect();
    assert!(missing.is_empty(), "no lost device: {missing:?}, {:?}", found.mismatches);
    for (id, outcome) in &found.outcomes {
        let (level, blinks) = lamps[id].state();
        match outcome {
            Outcome::Ok => assert_eq!((level, blinks), (LEVEL, 1), "{id}"),
            Outcome::Indeterminate => assert!(blinks <= 1, "{id}"),
            other => assert_eq!(blinks, 0, "{id} was executed, and is said to be {other}"),
        }
    }
    let ok = found.outcomes.values().filter(|outcome| **outcome == Outcome::Ok).count();
    assert!(ok >= DEVICES / 2, "{:?}", found.outcomes);
    let jobs = gateway.get("/api/jobs").await;
    assert_eq!(
        (&jobs["jobs"][0]["total"], &jobs["jobs"][0]["state"]),
        (&json!(DEVICES), &json!("completed"))
    );
    assert_eq!(gateway.get("/api/status").await["inventory"]["total"], DEVICES);
    let text = gateway.ask(Method::GET, "/metrics", None).await.body;
    assert!(String::from_utf8_lossy(&text).contains("dm_gateway_devices 24"));
}

/// A limit on the size of files is what a full disk is to the store.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_ends_the_program_and_loses_nothing_that_was_confirmed() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let gateway = GatewayUnderTest::start(&state, &[]);
    let blocks = std::fs::metadata(state.join("gateway.redb")).unwrap().len() / 512 + 8;
    let GatewayUnderTest { mut program, state, http, .. } = gateway;
    assert!(program.stop().success());
    let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let any = "127.0.0.1:0";
    let run = ["-c", &limited, DM_GATEWAY, "run", "--plain-http", "--name", "127.0.0.1", "--log", "off"];
    let more = ["--state", &state, "--listen", any, "--operator", any, "--datagrams", any];
    let mut program = Program::start("sh", &[&run[..], &more].concat());
    let operator = program.wait_for("listening")["operator"].as_str().unwrap().to_owned();
    let token = std::fs::read_to_string(Path::new(&state).join("operator.token")).unwrap();
    let mut confirmed = 0;
    for number in 0..20_000 {
        let headers =
            [("authorization", format!("Bearer {token}")), ("content-type", "application/json".to_owned())];
        let id = format!("urn:uuid:{number:05}-{}", "x".repeat(200));
        let body = json!({ "id": id }).to_string();
        match http.send(Method::POST, &format!("{operator}/api/devices"), headers, body, 1 << 16).await {
            Ok(answer) if answer.status == StatusCode::CREATED => confirmed += 1,
            _ => break,
        }
    }
    assert_eq!(program.wait().code(), Some(2), "after {confirmed} devices");
    let gateway = GatewayUnderTest::start(Path::new(&state), &[]);
    let total = gateway.get("/api/status").await["inventory"]["total"].as_u64().unwrap();
    assert!((confirmed..=confirmed + 1).contains(&total), "{total} of {confirmed}");
}
