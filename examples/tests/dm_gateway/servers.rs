//! Servers: over TLS, and on their way to devices.

use std::net::UdpSocket;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use dm_examples::announcing::Challenge;
use dm_notification::{Credential, Notification, ServerIdentifier, SessionId, Trigger};
use serde_json::json;

use crate::program::{Program, run};
use crate::world::{DM_GATEWAY, Desk, GatewayUnderTest, SERVER_ID, server};

/// As an operator would: both programs, TLS between them, and a server that wakes the gateway.
#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_reads_the_inventory_over_tls() {
    const DM_SERVER: &str = env!("CARGO_BIN_EXE_dm-server");
    let folder = tempfile::tempdir().unwrap();
    let server_state = folder.path().join("server");
    let at_server = |arguments: &[&str]| {
        let (code, said) =
            run(DM_SERVER, &[arguments, &["--state", server_state.to_str().unwrap()]].concat());
        assert_eq!(code, Some(0), "{arguments:?}: {said}");
    };
    let any = "127.0.0.1:0";
    let arguments = [
        "run",
        "--listen",
        any,
        "--operator",
        any,
        "--log",
        "warn",
        "--state",
        server_state.to_str().unwrap(),
    ];
    let _server = Program::start(DM_SERVER, &arguments);
    let started = async {
        while !server_state.join("running.json").exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), started).await.expect("the server starts");
    // A port that is free now.
    let datagrams = UdpSocket::bind(any).unwrap().local_addr().unwrap().to_string();
    let account = folder.path().join("gateway.json");
    let account = account.to_str().unwrap();
    let add = ["device", "add", "urn:uuid:gateway-1", "--class", "gateway", "--account-file", account];
    at_server(&[&add[..], &["--address", &datagrams]].concat());
    let ca = server_state.join("tls/cert.pem");
    let arguments = ["--account", account, "--server-ca", ca.to_str().unwrap()];
    let state = folder.path().join("state");
    let state = state.to_str().unwrap();
    let more: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let (gateway, _) = GatewayUnderTest::launch(state, [any, any, &datagrams], &more);
    at_server(&["gateway", "inventory", "urn:uuid:gateway-1", "--wait", "30"]);
    let (code, said) = run(DM_GATEWAY, &["server", "list", "--state", state]);
    assert_eq!(code, Some(0), "{said}");
    // A server whose certificate nobody vouches for is told nothing.
    gateway.kill();
    let (gateway, _) = GatewayUnderTest::launch(state, [any, any, any], &more[..2]);
    let (code, said) = run(
        DM_SERVER,
        &[
            "gateway",
            "summary",
            "urn:uuid:gateway-1",
            "--wait",
            "3",
            "--state",
            server_state.to_str().unwrap(),
        ],
    );
    assert_eq!(code, Some(1), "{said}");
    gateway.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_reaches_its_device_through_the_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let account = server(folder.path(), Desk::default()).await;
    let gateway =
        GatewayUnderTest::start(&folder.path().join("state"), &["--account", &account, "--transparent"]);
    let device = UdpSocket::bind("127.0.0.1:0").unwrap();
    device.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut datagram = [0; 2048];
    device.send_to(b"urn:uuid:stranger", gateway.datagrams).unwrap();
    let account = gateway.add_device(json!({ "id": "urn:uuid:own-server", "knows": [SERVER_ID] })).await;
    device.send_to(b"urn:uuid:own-server", gateway.datagrams).unwrap();
    let length = device.recv(&mut datagram).unwrap();
    let challenge = Challenge::read(&datagram[..length]).expect("a challenge");
    let proof = challenge.answer("urn:uuid:own-server", account["password"].as_str().unwrap().as_bytes());
    device.send_to(&proof, gateway.datagrams).unwrap();
    let length = device.recv(&mut datagram).unwrap();
    assert_eq!(&datagram[..length], b"welcome");
    let devices = gateway.get("/api/devices?status=attached").await;
    assert_eq!(devices["devices"].as_array().unwrap().len(), 1, "strangers are not let in: {devices}");
    assert_eq!(devices["devices"][0]["mode"], "transparent");
    let server = ServerIdentifier::new(SERVER_ID).unwrap();
    let trigger = Trigger::new(server, SessionId::new(0x2A).unwrap());
    let package_0 =
        Notification::sign(trigger, &Credential::new(server, "only the device knows"), b"nonce").to_vec();
    let push = format!("{}push", gateway.devices.trim_end_matches("dm"));
    let headers = [
        ("content-type", "application/vnd.syncml.notification".to_owned()),
        ("x-wap-application-id", "x-wap-application:syncml.dm".to_owned()),
        ("x-oma-gwmo", "urn:uuid:own-server".to_owned()),
    ];
    let answer = gateway.http.send(Method::POST, &push, headers, package_0.clone(), 1_000).await.unwrap();
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let length = device.recv(&mut datagram).unwrap();
    assert_eq!(datagram[..length], package_0, "as the server made it");
}
