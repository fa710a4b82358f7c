//! What an operator does with a device, over the real program.

use std::net::UdpSocket;
use std::time::Duration;

use axum::http::Method;
use base64ct::Encoding as _;
use dm_examples::http_client::HttpClient;
use dm_examples::tls::Trust;
use dm_notification::{Credential, Notification, ServerIdentifier};
use dm_syncml::session::GenericAlert;
use dm_syncml::session::{ClientEnd, Initiation};
use dm_syncml::{CmdId, Correlator, Data, Encoding, Format, SessionId};
use serde_json::Value;

use super::device::TestDevice;
use super::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn commands_wait_for_their_device_and_come_back_with_answers() {
    let world = World::plain("");
    for (id, encoding) in [("IMEI:1", Encoding::Wbxml), ("urn:uuid:a/b", Encoding::Xml)] {
        let mut device = TestDevice::new(world.add(id, &[]));
        device.encoding = encoding;
        let set = world.queue(&["set", id, "./Vendor/Lamp/Level", "7", "--format", "int"]);
        let get = world.queue(&["get", id, "./Vendor/Lamp/Level"]);
        let exec = world.queue(&["exec", id, "./Vendor/Lamp/Blink"]);
        let none = world.queue(&["get", id, "./Vendor/Nothing"]);
        let gone = world.queue(&["delete", id, "./Vendor/Lamp"]);
        assert_eq!(world.json(&["work", "cancel", &gone.to_string()])["work"][0]["state"], "cancelled");
        assert_eq!(device.session(&world.devices).await, ClientEnd::Completed);
        assert_eq!(device.lamp.state(), (7, 1));
        assert_eq!((&world.work(set)["state"], &world.work(set)["code"]), (&"done".into(), &200.into()));
        assert_eq!(world.work(get)["found"][0]["text"], "7");
        assert_eq!(world.work(exec)["state"], "done");
        assert_eq!((&world.work(none)["state"], &world.work(none)["code"]), (&"failed".into(), &404.into()));
        // Another session finds nothing to do, and the same nonces on both sides.
        let mut again = device.begin();
        assert_eq!(device.step(&mut again, &world.devices).await, None);
        assert_eq!(device.finish(&mut again, &world.devices).await, ClientEnd::Completed);
        assert_eq!(device.lamp.state(), (7, 1));
        let shown = world.json(&["device", "show", id]);
        assert_eq!((&shown["model"], &shown["status"]), (&"Lamp <1>".into(), &"attached".into()));
        assert!(world.cli(&["work", "cancel", &exec.to_string()]).status.code() == Some(1), "too late");
    }
    let log = world.log();
    for secret in ["password", &world.token()] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subcommand_waits_for_the_answer_and_exits_as_the_device_answers() {
    let world = World::plain("");
    let mut device = TestDevice::new(world.add("IMEI:1", &[]));
    let url = world.devices.clone();
    let asking = |args: &'static [&'static str]| {
        let state = world.state.path().to_owned();
        let command = move || {
            std::process::Command::new(super::world::PROGRAM).arg("--state").arg(state).args(args).output()
        };
        tokio::task::spawn_blocking(command)
    };
    let a_moment = Duration::from_millis(700);
    let asked = asking(&["get", "IMEI:1", "./DevInfo/Mod"]);
    tokio::time::sleep(a_moment).await;
    assert_eq!(device.session(&url).await, ClientEnd::Completed);
    let output = asked.await.unwrap().unwrap();
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b"Lamp <1>\n"[..]));
    let asked = asking(&["set", "IMEI:1", "./DevInfo/Mod", "x"]);
    tokio::time::sleep(a_moment).await;
    assert_eq!(device.session(&url).await, ClientEnd::Completed);
    assert_eq!(asked.await.unwrap().unwrap().status.code(), Some(1), "a device that refuses");
    let output = world.cli(&["get", "IMEI:1", "./DevInfo/Mod", "--wait", "1"]);
    assert_eq!(output.status.code(), Some(1), "a device that does not come");
    for (args, code) in [
        (&["get", "IMEI:9", "./A"][..], 1),
        (&["device", "add", "IMEI:1", "--account-file", "/dev/null"], 1),
        (&["get", "IMEI:1", " "], 2),
        (&["set", "IMEI:1", "./A"], 2),
        (&["fly"], 2),
        (&["--server", "http://127.0.0.1:9", "status"], 2),
    ] {
        let output = world.cli(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.starts_with("error: "), "{said}");
        assert!(output.stdout.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_with_an_address_is_woken_by_a_genuine_notification() {
    let world = World::plain("[notify]\nattempts = 2\nwait = 1\n");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let mut device = world.acquainted("IMEI:1", &["--address", &address]).await;
    // What it was woken with so far.
    let mut datagram = [0; 1500];
    socket.set_nonblocking(true).unwrap();
    while socket.recv_from(&mut datagram).is_ok() {}
    socket.set_nonblocking(false).unwrap();
    let number = world.queue(&["get", "IMEI:1", "./DevInfo/Man"]);
    let mut ids = Vec::new();
    for _ in 0..2 {
        let (length, _) = socket.recv_from(&mut datagram).unwrap();
        let notification = Notification::decode(&datagram[..length]).unwrap();
        let server = ServerIdentifier::new("com.example.dms").unwrap();
        let credential = Credential::new(server, device.account["server_password"].as_str().unwrap());
        let nonce = device.nonces.1.clone().unwrap();
        notification.verify(&credential, nonce.as_bytes()).unwrap();
        ids.push(notification.trigger().session_id().to_string());
    }
    assert_ne!(ids[0], ids[1], "each attempt has an id of its own");
    let id = SessionId::new(ids[1].clone()).unwrap();
    let mut session = device.begin_as(Initiation::Server(id), Vec::new());
    assert_eq!(device.finish(&mut session, &world.devices).await, ClientEnd::Completed);
    assert_eq!(world.work(number)["found"][0]["text"], "Example");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_the_default_and_only_the_right_certificate_will_do() {
    let world = World::with_flags("", &[]);
    assert!(world.devices.starts_with("https://") && world.operator.starts_with("https://"));
    let mut device = TestDevice::new(world.add("IMEI:1", &["--auth", "basic", "--user", "phone"]));
    device.http = HttpClient::new(&Trust::File(world.path("tls/cert.pem"))).unwrap();
    let number = world.queue(&["get", "IMEI:1", "./DevInfo/Man"]);
    assert_eq!(device.session(&world.devices).await, ClientEnd::Completed);
    assert_eq!(world.work(number)["state"], "done");

    let nobody = HttpClient::new(&Trust::Nothing).unwrap();
    let refused = nobody.send(Method::GET, &world.devices, [], "", 1 << 20).await.unwrap_err().to_string();
    assert!(refused.contains("certificate"), "{refused}");
    let plain = world.devices.replace("https:", "http:");
    assert!(nobody.send(Method::GET, &plain, [], "", 1 << 20).await.is_err(), "no plain HTTP there");
    let before = std::fs::read(world.path("tls/cert.pem")).unwrap();
    let mut world = world;
    world.restart();
    assert_eq!(std::fs::read(world.path("tls/cert.pem")).unwrap(), before, "made once");
    assert_eq!(world.json(&["status"])["inventory"]["total"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_windows_device_gets_what_windows_takes() {
    let world = World::plain("");
    let mut device = TestDevice::new(world.add("IMEI:1", &["--class", "windows"]));
    (device.encoding, device.user_agent) = (Encoding::Xml, "MSFT OMA DM Client/1.2.0.1");
    world.queue(&["exec", "IMEI:1", "./Vendor/Lamp/Blink"]);
    let mut session = device.begin();
    let mut bodies = Vec::new();
    while let Ok(message) = device.next_message(&mut session) {
        let answer = device.post(&world.devices, &message).await.unwrap();
        bodies.push(String::from_utf8(answer.1.clone()).unwrap());
        device.take(&mut session, &answer);
    }
    let all = bodies.concat();
    assert!(all.contains("<Exec>") && !all.contains("<Correlator>"), "{all}");
    assert_eq!(device.lamp.state().1, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_needs_the_token_and_shows_everything_but_secrets() {
    let world = World::plain("");
    let account = world.add("IMEI:1", &[]);
    let mut device = TestDevice::new(account.clone());
    world.queue(&["get", "IMEI:1", "./DevInfo/Man"]);
    assert_eq!(device.session(&world.devices).await, ClientEnd::Completed);
    let http = super::world::http();
    for path in ["/", "/metrics", "/api/status", "/api/devices", "/api/events", "/api/nothing"] {
        let uri = format!("{}{path}", world.operator);
        let wrong = [("authorization", "Bearer 0123456789abcdef".to_owned())];
        let answer = http.send(Method::GET, &uri, wrong, "", 1 << 20).await.unwrap();
        let expected = if path == "/api/nothing" { 404 } else { 401 };
        assert_eq!(answer.status.as_u16(), expected, "{path}");
    }
    let mut all = String::new();
    for path in [
        "/",
        "/metrics",
        "/api/status",
        "/api/devices?search=IMEI&status=attached",
        "/api/devices/IMEI:1",
        "/api/devices/IMEI:1/work",
        "/api/groups",
        "/api/jobs",
        "/api/sessions",
        "/healthz",
    ] {
        let answer = world.api(Method::GET, path, "").await;
        assert_eq!(answer.status.as_u16(), 200, "{path}");
        if path != "/healthz" {
            assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
        }
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        if path.starts_with("/api") {
            serde_json::from_str::<Value>(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
        }
        all.push_str(&text);
    }
    assert!(
        all.contains("dm_server_work{state=\"done\"} 1") && all.contains("\"end\":\"completed\""),
        "{all}"
    );
    for name in ["password", "server_password"] {
        assert!(!all.contains(account[name].as_str().unwrap()));
    }
    let basic = base64ct::Base64::encode_string(format!("operator:{}", world.token()).as_bytes());
    for (method, path, status) in
        [(Method::GET, "/api/status", 200), (Method::POST, "/api/devices/IMEI:1/wake", 403)]
    {
        let headers = [("authorization", format!("Basic {basic}"))];
        let uri = format!("{}{path}", world.operator);
        let answer = http.send(method, &uri, headers, "", 1 << 20).await.unwrap();
        assert_eq!(answer.status.as_u16(), status, "what a browser shows by itself changes nothing");
    }
    for (body, status) in [
        (r#"{"id":""}"#, 400),
        (r#"{"id":"a b"}"#, 400),
        (r#"{"id":"a","address":"nowhere"}"#, 400),
        (r#"{"id":"a:b","auth":"basic"}"#, 400),
        (r#"{"id":"IMEI:1"}"#, 409),
        (r#"{"id":"x","else":1}"#, 422),
        ("{", 400),
    ] {
        let answer = world.api(Method::POST, "/api/devices", body).await;
        assert_eq!(answer.status.as_u16(), status, "{body}");
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        assert!(said["error"].is_string(), "{said}");
    }
    // Passwords are not in the store either, nor in the token's file's neighbours.
    for name in ["store.redb", "running.json", "log"] {
        let octets = std::fs::read(world.path(name)).unwrap();
        let secret = account["password"].as_str().unwrap().as_bytes();
        assert!(!octets.windows(secret.len()).any(|part| part == secret), "{name}");
    }
    assert_eq!(world.json(&["device", "remove", "IMEI:1"])["removed"], "IMEI:1");
    assert_eq!(world.api(Method::GET, "/api/devices/IMEI:1", "").await.status.as_u16(), 404);
    let end = device.session(&world.devices).await;
    assert_ne!(end, ClientEnd::Completed, "a device that is not known any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_told_as_it_happens() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let world = World::plain("");
    let mut device = TestDevice::new(world.add("IMEI:1", &[]));
    let address = world.operator.trim_start_matches("http://").to_owned();
    let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    let head =
        format!("GET /api/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n", world.token());
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut told = vec![0; 4096];
    let length = stream.read(&mut told).await.unwrap();
    assert!(told[..length].starts_with(b"HTTP/1.1 200"));
    assert_eq!(device.session(&world.devices).await, ClientEnd::Completed);
    let mut all = String::new();
    while !all.contains("\"end\":\"completed\"") {
        let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut told)).await;
        let length = read.expect("an event in time").unwrap();
        assert!(length > 0, "{all}");
        all.push_str(&String::from_utf8_lossy(&told[..length]));
    }
    assert!(all.contains("event: session") && all.contains("\"peer\":\"IMEI:1\""), "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exec_that_takes_long_is_done_when_its_alert_has_come() {
    let world = World::plain("");
    let mut device = world.acquainted("IMEI:1", &[]).await;
    let exec = world.queue(&["exec", "IMEI:1", "./Vendor/Slow"]);
    assert_eq!(device.session(&world.devices).await, ClientEnd::Completed);
    let work = world.work(exec);
    assert_eq!((&work["state"], &work["code"]), (&"accepted".into(), &202.into()));
    let alert = GenericAlert::new("com.example.done", Format::INT, Data::text("1200").unwrap()).unwrap();
    let alert = alert.with_correlator(Correlator::new(format!("work-{exec}")).unwrap());
    let alert = alert.to_alert(CmdId::new("1").unwrap());
    let mut session = device.begin_as(Initiation::Client(SessionId::new("A1").unwrap()), vec![alert]);
    assert_eq!(device.finish(&mut session, &world.devices).await, ClientEnd::Completed);
    let work = world.work(exec);
    assert_eq!((&work["state"], &work["outcome"]["text"]), (&"done".into(), &"1200".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_devices_at_a_time_share_commits() {
    let world = World::plain("");
    let mut devices = Vec::new();
    for number in 0..60 {
        let id = format!("IMEI:{number}");
        let body = serde_json::json!({ "id": id, "password": "p", "server_password": "s" }).to_string();
        let answer = world.api(Method::POST, "/api/devices", &body).await;
        let added: Value = serde_json::from_slice(&answer.body).unwrap();
        let exec = r#"{"op":"exec","uri":"./Vendor/Lamp/Blink"}"#;
        let queued = world.api(Method::POST, &format!("/api/devices/{id}/work"), exec).await;
        assert_eq!(queued.status.as_u16(), 202);
        devices.push(TestDevice::new(added["account"].clone()));
    }
    let mut sessions = tokio::task::JoinSet::new();
    for mut device in devices {
        let url = world.devices.clone();
        sessions.spawn(async move {
            for _ in 0..3 {
                assert_eq!(device.session(&url).await, ClientEnd::Completed);
            }
            device.lamp.state().1
        });
    }
    assert!(sessions.join_all().await.into_iter().all(|blinks| blinks == 1));
    let metrics = world.api(Method::GET, "/metrics", "").await;
    let text = String::from_utf8_lossy(&metrics.body).into_owned();
    assert!(text.contains("dm_server_work{state=\"done\"} 60"), "{text}");
    assert!(text.contains("dm_server_sessions_ended_total{end=\"completed\"} 180"), "{text}");
}
