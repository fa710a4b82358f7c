//! Devices: how they are told apart from who says so, and how they are woken.

use std::net::UdpSocket;
use std::time::Duration;

use axum::http::Method;
use dm_examples::announcing::Challenge;
use dm_syncml::{Exec, Item, LocUri};
use gwmo_model::console::{Console, JobRequest};
use gwmo_model::{DeviceId, JobKey};
use serde_json::json;

use crate::world::{Desk, GatewayUnderTest, dm_device, flags, id, server, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_goes_by_http_push() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::default();
    let account = server(folder.path(), desk.clone()).await;
    let gateway = GatewayUnderTest::start(&folder.path().join("state"), &["--account", &account]);
    let account = gateway.add_device(json!({ "id": "urn:uuid:pushed" })).await;
    let own = flags(&account, &folder.path().join("device.redb"));
    let device = dm_device(&own, &["--push", "127.0.0.1:0"]);
    let push = device.wait_for("started")["push"].as_str().unwrap().to_owned();
    assert_eq!(device.wait_for("session-ended")["end"], "Completed");
    let mut again = account.clone();
    again["reach"] = push.as_str().into();
    again["replace"] = true.into();
    let keep = ["id", "user", "password", "server_password", "reach", "replace"];
    again.as_object_mut().unwrap().retain(|name, _| keep.contains(&name.as_str()));
    gateway.add_device(again).await;
    assert_eq!(gateway.get("/api/devices/urn:uuid:pushed").await["address"], push);
    let key = JobKey::new("blink").unwrap();
    let blink = Item::to(LocUri::new("./x-Device/Blink").unwrap());
    let job = JobRequest::new(key.clone())
        .with_device(DeviceId::new("urn:uuid:pushed").unwrap())
        .with_command(Exec::new(id(), blink));
    let console = Console::new();
    let mut commands = console.add_job(&job);
    commands.push(console.start_job(&key, None));
    let answers = desk.order(&gateway, commands).await;
    assert!(answers.iter().flatten().all(|(code, _)| code.is_success()), "{answers:?}");
    assert_eq!(device.wait_for("notified")["server"], "com.example.gateway");
    until("completed", async || {
        let jobs = gateway.get("/api/jobs").await;
        jobs["jobs"][0]["state"] == "completed" && jobs["jobs"][0]["outcomes"]["ok"] == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_announcement_is_proven() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = GatewayUnderTest::start(&folder.path().join("state"), &[]);
    let name = "urn:uuid:announced";
    let account = gateway.add_device(json!({ "id": name })).await;
    let password = account["password"].as_str().unwrap().as_bytes();
    let socket = || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        socket.connect(gateway.datagrams).unwrap();
        socket
    };
    let heard = |socket: &UdpSocket| {
        let mut datagram = [0; 2048];
        let length = socket.recv(&mut datagram).unwrap();
        datagram[..length].to_vec()
    };
    let status = async || gateway.get(&format!("/api/devices/{name}")).await["status"].take();
    let refused = async |count: u32| {
        let text = gateway.ask(Method::GET, "/metrics", None).await.body;
        String::from_utf8_lossy(&text).contains(&format!("dm_gateway_announcements_refused_total {count}\n"))
    };
    let (device, thief) = (socket(), socket());
    thief.send(name.as_bytes()).unwrap();
    let challenge = heard(&thief);
    let challenge = Challenge::read(&challenge).expect("a challenge, not a welcome");
    assert_eq!(challenge.server, "com.example.gateway");
    thief.send(&challenge.answer(name, b"a guess")).unwrap();
    until("refused", async || refused(1).await).await;
    device.send(name.as_bytes()).unwrap();
    let own = heard(&device);
    let answer = Challenge::read(&own).unwrap().answer(name, password);
    // Who overhears it can do nothing with it from elsewhere.
    thief.send(&answer).unwrap();
    until("refused", async || refused(2).await).await;
    assert_eq!(status().await, "detached");
    device.send(&answer).unwrap();
    assert_eq!(heard(&device), b"welcome");
    assert_eq!(status().await, "attached");
    let shown = gateway.get(&format!("/api/devices/{name}")).await;
    assert_eq!(shown["address"], device.local_addr().unwrap().to_string());
    // Strangers hear nothing: the answer to the one after is the next that comes.
    thief.send(b"urn:uuid:stranger").unwrap();
    thief.send(name.as_bytes()).unwrap();
    assert!(Challenge::read(&heard(&thief)).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn announcements_without_a_proof_are_for_those_who_want_them() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = GatewayUnderTest::start(&folder.path().join("state"), &["--plain-announcements"]);
    gateway.add_device(json!({ "id": "urn:uuid:old" })).await;
    let device = UdpSocket::bind("127.0.0.1:0").unwrap();
    device.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    device.send_to(b"urn:uuid:old\n", gateway.datagrams).unwrap();
    let mut datagram = [0; 64];
    assert_eq!(device.recv(&mut datagram).map(|length| datagram[..length].to_vec()).unwrap(), b"welcome");
}
