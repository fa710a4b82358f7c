//! Bad input, and bad ground to stand on.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use dm_syncml::session::ClientEnd;
use dm_syncml::{Alert, AlertCode, CmdId, Encoding, LocUri, Message, MsgId, SessionId, SyncBody, SyncHdr};

use super::device::TestDevice;
use super::world::{World, http, refusal};

const WBXML: &str = "application/vnd.syncml.dm+wbxml";
const XML: &str = "application/vnd.syncml.dm+xml";

/// A message of whoever says he is this device.
fn message(peer: &str, session: &str, msg_id: u32) -> Vec<u8> {
    let header = SyncHdr::new(
        SessionId::new(session.to_owned()).unwrap(),
        MsgId::number(msg_id),
        LocUri::new("http://127.0.0.1/dm").unwrap(),
        LocUri::new(peer.to_owned()).unwrap(),
    );
    let alert = Alert::new(CmdId::new("1").unwrap(), AlertCode::CLIENT_INITIATED);
    Message::new(header, SyncBody::new(vec![alert.into()])).encode(Encoding::Xml)
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_posted_gets_a_clear_answer() {
    let world = World::plain("[limits]\nbody = 65536\nrequest = 2\nhead = 2\n");
    let mut device = TestDevice::new(world.add("IMEI:1", &[]));
    let deep = "<SyncML xmlns=\"SYNCML:SYNCML1.2\">".repeat(1_500).into_bytes();
    for (what, media_type, body, status) in [
        ("a page", "text/html", b"<html/>".to_vec(), 415),
        ("a page that lies", XML, b"<html/>".to_vec(), 400),
        ("nothing", WBXML, Vec::new(), 400),
        ("noise", WBXML, (0..=255).collect(), 400),
        ("nested elements", XML, deep, 400),
        ("the middle of a session", XML, message("IMEI:1", "1", 5), 400),
        ("a name without end", XML, message(&"x".repeat(10_000), "1", 1), 400),
        ("a session without end", XML, message("IMEI:1", &"1".repeat(10_000), 1), 400),
        ("more than is taken", WBXML, vec![0; 65_537], 413),
    ] {
        let answer = world.post(media_type, body).await;
        assert_eq!(answer.status.as_u16(), status, "{what}");
    }
    let stranger = world.post(XML, message("IMEI:666", "1", 1)).await;
    let known = world.post(XML, message("IMEI:1", "1", 1)).await;
    for answer in [stranger, known] {
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(text.contains("<Data>407</Data>") && text.contains("<Chal>"), "{text}");
    }
    let address = world.devices.trim_start_matches("http://").trim_end_matches("/dm").to_owned();
    for slow in [
        "POST /dm HTTP/1.1\r\nHost",
        "POST /dm HTTP/1.1\r\nHost: x\r\nContent-Type: application/vnd.syncml.dm+xml\r\nContent-Length: 100\r\n\r\n<Sync",
    ] {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.write_all(slow.as_bytes()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let began = Instant::now();
        let mut said = [0; 1];
        // It is answered, or cut off; it is not waited for.
        let _ = stream.read(&mut said).unwrap();
        assert!(began.elapsed() < Duration::from_secs(8), "{slow:?}");
    }
    // The real device is none the worse for it, also under the id that another has used.
    assert_eq!(device.session(&world.devices).await, ClientEnd::Completed, "{}", world.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn all_versions_of_dm_1_are_spoken_and_no_others() {
    let world = World::plain("");
    let text = String::from_utf8(message("IMEI:1", "1", 1)).unwrap();
    for (version, code) in [("DM/1.1", 407), ("DM/1.2", 407), ("DM/1.3", 407), ("DM/2.0", 513), ("FTP", 513)]
    {
        let message = text.replace("DM/1.2", version).replace("IMEI:1", &format!("IMEI:{version}"));
        let answer = world.post(XML, message.into_bytes()).await;
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(said.contains(&format!("<Data>{code}</Data>")), "{version}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_ends_the_session_of_a_device_by_naming_it() {
    let world = World::plain("");
    let mut device = world.acquainted("IMEI:1", &[]).await;
    let number = world.queue(&["exec", "IMEI:1", "./Vendor/Lamp/Blink"]);
    let mut session = device.begin();
    assert_eq!(device.step(&mut session, &world.devices).await, None);
    for other in 0..20 {
        world.post(XML, message("IMEI:1", "2", 1)).await;
        world.post(XML, message("IMEI:1", &format!("A{other}"), 1)).await;
    }
    assert_eq!(device.finish(&mut session, &world.devices).await, ClientEnd::Completed);
    assert_eq!((device.lamp.state().1, &world.work(number)["state"]), (1, &"done".into()));
    let shown = world.json(&["status"]);
    assert_eq!(shown["inventory"]["total"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_cannot_fill_the_server() {
    let world = World::plain("[limits]\nsessions = 8\n");
    let mut device = TestDevice::new(world.add("IMEI:1", &[]));
    for stranger in 0..40 {
        let answer = world.post(XML, message(&format!("IMEI:S{stranger}"), "1", 1)).await;
        assert_eq!(answer.status.as_u16(), 200);
    }
    for _ in 0..12 {
        // Sessions that are over make room, too.
        assert_eq!(device.session(&world.devices).await, ClientEnd::Completed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_too_much_is_told_when_to_come_again() {
    let world = World::plain("[limits]\nmessages-per-second = 0.5\nburst = 3\n");
    let mut statuses = Vec::new();
    for _ in 0..5 {
        let answer = world.post(XML, message("IMEI:1", "1", 1)).await;
        if answer.status.as_u16() == 503 {
            assert!(answer.headers.contains_key("retry-after"));
        }
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 503, 503]);
    assert_eq!(world.post(XML, message("IMEI:2", "1", 1)).await.status.as_u16(), 200, "another device");
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_locked_out() {
    let world = World::plain("");
    let account = world.add("IMEI:1", &[]);
    let mut guesser = TestDevice::new(account);
    guesser.account["password"] = "a guess".into();
    let mut challenged = 0;
    for _ in 0..12 {
        let mut session = guesser.begin();
        let message = guesser.next_message(&mut session).unwrap();
        let answer = guesser.post(&world.devices, &message).await.unwrap();
        challenged += u32::from(answer.1.windows(4).any(|part| part == b"auth"));
        guesser.take(&mut session, &answer);
        while guesser.step(&mut session, &world.devices).await.is_none() {}
    }
    assert!((1..12).contains(&challenged), "{challenged} challenges");
    let metrics = http();
    let headers = [("authorization", format!("Bearer {}", world.token()))];
    let answer = metrics
        .send(axum::http::Method::GET, &format!("{}/metrics", world.operator), headers, "", 1 << 20)
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(!text.contains("dm_server_credentials_refused_total 0"), "{text}");
}

#[test]
fn bad_ground_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path();
    std::fs::write(state.join("store.redb"), vec![7; 100_000]).unwrap();
    let said = refusal(state, &["--plain-http"]);
    assert!(
        said.contains("error: store:") && said.contains("store.redb") && said.contains("move it away"),
        "{said}"
    );
    assert_eq!(std::fs::read(state.join("store.redb")).unwrap(), vec![7; 100_000], "left alone");

    let mut world = World::plain("");
    let said = refusal(world.state.path(), &["--plain-http"]);
    assert!(said.contains("another program has it open"), "{said}");
    world.add("IMEI:1", &[]);
    world.kill();
    let key = std::fs::read(world.path("store.key")).unwrap();
    std::fs::remove_file(world.path("store.key")).unwrap();
    let said = refusal(world.state.path(), &["--plain-http"]);
    assert!(said.contains("store.key") && said.contains("put that one back"), "{said}");
    std::fs::write(world.path("store.key"), key).unwrap();
    world.start();
    assert_eq!(world.json(&["status"])["inventory"]["total"], 1);

    for (args, words) in [
        (&["--cert", "/nowhere.pem", "--key", "/nowhere.key"][..], "/nowhere.pem"),
        (&["--config", "/nowhere.toml"], "/nowhere.toml"),
        (&["--log", "=["], "log.filter"),
        (&["--address", "no address"], "address"),
        (&["--server-id", ""], "server-id"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let said = refusal(folder.path(), args);
        assert!(said.contains(words), "{args:?}: {said}");
    }
}

/// The server with so much room on its disk: a limit on the size of files stands for it.
fn on_a_disk_of(world: &World, blocks: u64) -> std::process::Child {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let mut child = std::process::Command::new("bash")
        .args(["-c", &script, super::world::PROGRAM, "--state", world.state.path().to_str().unwrap()])
        .args(["run", "--plain-http", "--listen", "127.0.0.1:0", "--operator", "127.0.0.1:0", "--log", "off"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("devices at "), "{line}");
    child
}

/// It has ended; what it said.
fn said_at_the_end(mut child: std::process::Child) -> String {
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(2), "{said}");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_nothing_that_was_promised() {
    let mut world = World::plain("");
    let mut device = TestDevice::new(world.add("IMEI:1", &[]));
    assert_eq!(device.session(&world.devices).await, ClientEnd::Completed);
    world.kill();
    let size = std::fs::metadata(world.path("store.redb")).unwrap().len();
    let child = on_a_disk_of(&world, size / 1024 + 64);
    let mut accepted = Vec::new();
    let value = "x".repeat(60_000);
    loop {
        let args = ["set", "IMEI:1", "./Vendor/Nothing", &value, "--wait", "0", "--json"];
        let output = world.cli(&args);
        if output.status.code() != Some(0) {
            assert_eq!(output.status.code(), Some(2), "{output:?}");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(said.starts_with("error: server: the store") || said.starts_with("error: io:"), "{said}");
            break;
        }
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        accepted.push(said["work"][0]["number"].as_u64().unwrap());
        assert!(accepted.len() < 200, "the disk was never full");
    }
    let said = said_at_the_end(child);
    let place = world.state.path().to_str().unwrap().to_owned();
    assert!(
        said.starts_with("error: store: ") && said.contains(&place) && said.contains("make room"),
        "{said}"
    );
    assert!(!world.path("running.json").exists(), "it does not say that it runs");
    world.start();
    for number in accepted {
        assert!(matches!(world.work(number)["state"].as_str(), Some("queued" | "sent")), "{number}");
    }
    assert_eq!(device.session(&world.devices).await, ClientEnd::Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_in_the_middle_of_a_session_executes_nothing_twice() {
    let mut world = World::plain("[limits]\nmessages-per-second = 1000.0\nburst = 1000\n");
    let mut device = world.acquainted("IMEI:1", &[]).await;
    // Room for less and less: the commit that fails is each of those of a session in turn.
    let (mut execs, mut cut) = (Vec::new(), 0);
    for room in 0..6 {
        execs.push(world.queue(&["exec", "IMEI:1", "./Vendor/Lamp/Blink"]));
        execs.push(world.queue(&["set", "IMEI:1", "./Vendor/Note", &"x".repeat(30_000 + room * 9_000)]));
        world.kill();
        let size = std::fs::metadata(world.path("store.redb")).unwrap().len();
        let mut child = on_a_disk_of(&world, size / 1024);
        let whereabouts = std::fs::read_to_string(world.path("running.json")).unwrap();
        let whereabouts: serde_json::Value = serde_json::from_str(&whereabouts).unwrap();
        let url = whereabouts["devices"].as_str().unwrap().to_owned();
        let mut session = device.begin();
        let mut unanswered = None;
        let mut messages = 0;
        while messages < 40 {
            let Ok(message) = device.next_message(&mut session) else {
                session = device.begin();
                continue;
            };
            messages += 1;
            match device.try_post(&url, &message).await {
                Some(Ok(answer)) => device.take(&mut session, &answer),
                Some(Err(status)) => {
                    assert_eq!(status, 503);
                    unanswered = Some(message);
                    break;
                }
                None => {
                    unanswered = Some(message);
                    break;
                }
            }
        }
        if unanswered.is_some() {
            cut += 1;
            let said = said_at_the_end(child);
            assert!(said.contains("make room"), "{said}");
        } else {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        world.start();
        // The session goes on with the message that was not answered, if it had been written down, or the device begins another.
        if let Some(message) = unanswered
            && let Ok(answer) = device.post(&world.devices, &message).await
        {
            device.take(&mut session, &answer);
            device.finish(&mut session, &world.devices).await;
        }
        assert_eq!(device.session(&world.devices).await, ClientEnd::Completed, "{}", world.log());
    }
    let states: Vec<String> =
        execs.iter().map(|number| world.work(*number)["state"].as_str().unwrap().to_owned()).collect();
    let (mut done, mut unknown) = (0, 0);
    for (state, is_exec) in states.iter().zip([true, false].into_iter().cycle()) {
        done += u32::from(is_exec && state == "done");
        unknown += u32::from(is_exec && state == "indeterminate");
        assert!(["done", "indeterminate"].contains(&state.as_str()), "{states:?}");
    }
    let blinks = device.lamp.state().1;
    assert!((done..=done + unknown).contains(&blinks), "{blinks} blinks: {states:?}, {cut} times full");
    assert!(cut > 0, "the disk was never full");
}
