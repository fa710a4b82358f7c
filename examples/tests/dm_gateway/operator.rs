//! What the operator sees and takes away, once or twice.

use std::path::Path;

use axum::http::{Method, StatusCode};
use dm_syncml::{Get, Item, LocUri};
use gwmo_model::console::{Console, JobRequest};
use gwmo_model::{ContentDigest, DeviceId, GroupId, ImageKey, ImageSpec, JobKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::program::run;
use crate::world::{DM_GATEWAY, Desk, GatewayUnderTest, SERVER_ID, id, server, until};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_away_twice_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::default();
    let account = server(folder.path(), desk.clone()).await;
    let state = folder.path().join("state");
    let gateway = GatewayUnderTest::start(&state, &[]);
    let at_gateway = |arguments: &[&str]| {
        let (code, said) = run(DM_GATEWAY, &[arguments, &["--state", state.to_str().unwrap()]].concat());
        assert_eq!(code, Some(0), "{arguments:?}: {said}");
    };
    // The same account twice is one account; another one is said to be another.
    for _ in 0..2 {
        at_gateway(&["server", "add", &account]);
    }
    let mut other: Value = serde_json::from_slice(&std::fs::read(&account).unwrap()).unwrap();
    other["user"] = "somebody else".into();
    let path = folder.path().join("other.json");
    std::fs::write(&path, other.to_string()).unwrap();
    let add = ["server", "add", path.to_str().unwrap(), "--state", &gateway.state];
    let (code, said) = run(DM_GATEWAY, &add);
    assert!(code == Some(1) && said.starts_with("error: conflict: "), "{said}");

    for name in ["urn:uuid:one", "urn:uuid:two"] {
        gateway.add_device(json!({ "id": name, "reach": "127.0.0.1:9" })).await;
    }
    let console = Console::new();
    let device = |name: &str| DeviceId::new(name).unwrap();
    let group = GroupId::new("both").unwrap();
    let mut commands = console.create_group(&group, &[device("urn:uuid:one"), device("urn:uuid:two")]);
    let content = b"an image".to_vec();
    let key = ImageKey::new("fw").unwrap();
    let spec = ImageSpec::new()
        .with_size(content.len() as u64)
        .with_digest(ContentDigest::new(Sha256::digest(&content).into()));
    commands.extend(console.add_image(&key, &spec));
    commands.push(console.deliver_image(&key, content));
    let job = JobKey::new("look").unwrap();
    let request = JobRequest::new(job.clone())
        .with_group(group)
        .with_command(Get::new(id(), vec![Item::to(LocUri::new("./DevInfo/Mod").unwrap())]));
    commands.extend(console.add_job(&request));
    commands.push(console.start_job(&job, None));
    let answers = desk.order(&gateway, commands).await;
    assert!(answers.iter().flatten().all(|(code, _)| code.is_success()), "{answers:?}");

    at_gateway(&["groups"]);
    at_gateway(&["group", "list"]);
    at_gateway(&["group", "show", "both"]);
    let shown = gateway.get("/api/groups/both").await;
    assert_eq!(shown["members"][1]["id"], "urn:uuid:two", "{shown}");
    at_gateway(&["job", "list"]);
    at_gateway(&["job", "show", "look"]);
    let shown = gateway.get(&format!("/api/jobs/{SERVER_ID}/look")).await;
    assert_eq!(
        (shown["total"].clone(), shown["devices"].as_array().unwrap().len()),
        (json!(2), 2),
        "{shown}"
    );
    at_gateway(&["image", "list"]);
    until("ready", async || gateway.get("/api/images").await["images"][0]["state"] == "ready").await;
    let files = || std::fs::read_dir(state.join("images")).unwrap().count();
    assert_eq!(files(), 1);
    for missing in ["/api/groups/none", "/api/jobs/none/look", "/api/jobs/com.example.dms/none"] {
        assert_eq!(gateway.ask(Method::GET, missing, None).await.status, StatusCode::NOT_FOUND, "{missing}");
    }

    for _ in 0..2 {
        at_gateway(&["image", "remove", "fw"]);
        at_gateway(&["device", "detach", "urn:uuid:one"]);
        at_gateway(&["device", "remove", "urn:uuid:two"]);
    }
    until("no file", async || files() == 0).await;
    assert_eq!(gateway.get("/api/devices/urn:uuid:one").await["status"], "detached");
    let (code, _) = run(DM_GATEWAY, &["device", "detach", "urn:uuid:two", "--state", &gateway.state]);
    assert_eq!(code, Some(1));
    for _ in 0..2 {
        at_gateway(&["server", "remove", SERVER_ID]);
    }
    let gateway = gateway.kill_and_restart();
    assert_eq!(gateway.get("/api/servers").await["servers"], json!([]));
    assert_eq!(gateway.get("/api/images").await["images"], json!([]));
    assert_eq!(gateway.get("/api/devices").await["devices"].as_array().unwrap().len(), 1);
    assert!(is_empty(&state.join("servers")));
    // It may come back, and is heard again.
    let before = desk.sessions();
    at_gateway(&["server", "add", &account]);
    until("a session", async || desk.sessions() > before).await;
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}
