//! Bad input, and wrong usage.

use std::net::UdpSocket;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use dm_examples::http_client::HttpClient;
use dm_examples::tls::Trust;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::program::run;
use crate::world::{DM_GATEWAY, GatewayUnderTest};

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_answered_and_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let config = folder.path().join("gateway.toml");
    std::fs::write(&config, "[limits]\nhead = 1\nrequest = 1\nbody = 10000\n").unwrap();
    let mut gateway = GatewayUnderTest::start(&state, &["--config", config.to_str().unwrap()]);
    // Connections are closed so soon here that none can be used twice.
    let client = || HttpClient::new(&Trust::Nothing).unwrap();
    let post = async |path: &str, kind: &str, body: Vec<u8>| {
        let uri = format!("{}{path}", gateway.devices);
        let headers = [("content-type", kind.to_owned())];
        client().send(Method::POST, &uri, headers, body, 1 << 16).await.map(|answer| answer.status.as_u16())
    };
    let wbxml = "application/vnd.syncml.dm+wbxml";
    for (body, kind, status) in [
        (b"garbage".to_vec(), wbxml, 400),
        (Vec::new(), wbxml, 400),
        (b"<SyncML/>".to_vec(), "text/plain", 415),
        (vec![0xFF; 10_001], wbxml, 413),
    ] {
        assert_eq!(post("", kind, body).await.unwrap(), status, "{kind}");
    }
    // A slow one is not waited for.
    let mut slow = TcpStream::connect(gateway.devices.trim_start_matches("http://").trim_end_matches("/dm"))
        .await
        .unwrap();
    slow.write_all(b"POST /dm HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nContent-Type: application/vnd.syncml.dm+xml\r\n\r\n<").await.unwrap();
    let mut said = [0; 64];
    let count =
        tokio::time::timeout(Duration::from_secs(10), slow.read(&mut said)).await.expect("an end").unwrap();
    assert!(count == 0 || said.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&said));
    // Datagrams of all lengths.
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for length in [0, 1, 16, 17, 100, 1_500, 9_000] {
        let octets: Vec<u8> = (0..length).map(|_| fastrand::u8(..)).collect();
        socket.send_to(&octets, gateway.datagrams).unwrap();
    }
    // Without the token there is nothing to see.
    for path in ["/", "/api/status", "/metrics", "/api/events", "/api/devices"] {
        let answer =
            client().send(Method::GET, &format!("{}{path}", gateway.operator), [], "", 1_000).await.unwrap();
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let health =
        client().send(Method::GET, &format!("{}/healthz", gateway.operator), [], "", 1_000).await.unwrap();
    assert_eq!(health.body, "ok\n");
    let page = gateway.ask(Method::GET, "/", None).await;
    assert!(page.status == StatusCode::OK && page.headers.contains_key("content-security-policy"));
    for (body, status) in [
        (json!({ "id": "" }), StatusCode::BAD_REQUEST),
        (json!({ "id": "a b\n" }), StatusCode::BAD_REQUEST),
        (json!({ "id": "x".repeat(300) }), StatusCode::BAD_REQUEST),
        (json!({ "id": "urn:x", "reach": "file:///etc" }), StatusCode::BAD_REQUEST),
        (json!({ "name": "urn:x" }), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        assert_eq!(
            gateway.ask(Method::POST, "/api/devices", Some(body.clone())).await.status,
            status,
            "{body}"
        );
    }

    // The subcommands say what is wrong, and secrets are for their owner.
    let account = folder.path().join("lamp.json");
    let account = account.to_str().unwrap();
    let add = ["device", "add", "urn:uuid:lamp", "--account-file", account, "--state", &gateway.state];
    assert_eq!(run(DM_GATEWAY, &add).0, Some(0));
    let (code, said) = run(DM_GATEWAY, &add);
    assert!(code == Some(1) && said.starts_with("error: conflict: "), "{said}");
    let (code, said) = run(DM_GATEWAY, &["device", "show", "urn:none", "--state", &gateway.state]);
    assert!(code == Some(1) && said.starts_with("error: not-found: "), "{said}");
    assert_eq!(run(DM_GATEWAY, &["device", "list", "--json", "--state", &gateway.state]).0, Some(0));
    assert_eq!(run(DM_GATEWAY, &["status", "--state", &gateway.state]).0, Some(0));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let kept = std::fs::read_dir(state.join("devices")).unwrap().map(|entry| entry.unwrap().path());
        for path in kept.chain([account.into(), state.join("gateway.redb"), state.join("operator.token")]) {
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{}", path.display());
        }
    }
    assert_eq!(run(DM_GATEWAY, &["device", "remove", "urn:uuid:lamp", "--state", &gateway.state]).0, Some(0));
    assert_eq!(gateway.get("/api/devices").await["devices"], json!([]));

    // Two cannot have one state.
    let (code, said) = run(DM_GATEWAY, &["run", "--state", &gateway.state, "--plain-http"]);
    assert!(code == Some(2) && said.contains("another program"), "{said}");
    #[cfg(unix)]
    assert!(gateway.program.stop().success(), "it ends when it is told to");
    let (code, said) = run(DM_GATEWAY, &["status", "--state", &gateway.state]);
    assert!(code == Some(2) && said.contains("is the gateway running?"), "{said}");
    // What is no store is left alone.
    let store = state.join("gateway.redb");
    let mut octets = std::fs::read(&store).unwrap();
    octets[..512].fill(0x55);
    std::fs::write(&store, &octets).unwrap();
    let (code, said) = run(DM_GATEWAY, &["run", "--state", &gateway.state, "--plain-http"]);
    assert!(code == Some(2) && said.contains("error: store: ") && said.contains("put back a copy"), "{said}");
    assert_eq!(std::fs::read(&store).unwrap(), octets);
}

#[test]
fn wrong_usage_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("gateway.toml");
    std::fs::write(&config, "[limits]\nbodies = 5\n").unwrap();
    let config = config.to_str().unwrap();
    for (arguments, said_so) in [
        (&["run", "--listen", "here"][..], "error: "),
        (&["frobnicate"], "error: "),
        (&["run", "--config", config], "error: config: "),
        (&["run", "--config", "/nonexistent"], "error: io: "),
        (&["run", "--state", "/dev/null/x"], "error: io: "),
        (&["device", "add", "urn:x"], "error: "),
    ] {
        let (code, said) = run(DM_GATEWAY, arguments);
        assert!(code == Some(2) && said.contains(said_so), "{arguments:?}: {said}");
    }
}
