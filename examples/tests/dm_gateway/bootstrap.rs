//! Devices that do not have their account yet, and a gateway that lacks one.

use std::path::Path;
use std::sync::Arc;

use axum::http::{HeaderMap, Method};
use axum::routing::get;
use dm_examples::listener::{Bounds, serve};
use dm_examples::tls::Identity;
use dm_tree::bootstrap::provisioning_of;
use dm_tree::{AppAddr, AppAuth, AuthLevel, AuthType, DmAccount, Secret, ServerId};
use gwmo_model::console::Console;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::program::{Program, run};
use crate::world::{DM_GATEWAY, Desk, GATEWAY_ID, GatewayUnderTest, dm_device, server, server_called, until};

const IMSI: &str = "001010123456789";
const PIN: &str = "4711";

async fn bootstraps(gateway: &GatewayUnderTest, device: &str) -> Value {
    gateway.get(&format!("/api/devices/{device}")).await["bootstraps"].take()
}

/// A device that knows nobody, and has something to prove messages with.
fn new_device(folder: &Path, name: &str, more: &[&str]) -> Program {
    let state = folder.join(format!("{name}.redb"));
    let own = ["--state", state.to_str().unwrap(), "--id", name];
    dm_device(&own.map(str::to_owned), &[&["--push", "127.0.0.1:0", "--retry", "100"], more].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_device_gets_its_account_whichever_way_it_takes_it() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = GatewayUnderTest::start(&folder.path().join("state"), &[]);
    let announce = gateway.datagrams.to_string();
    for (name, form, carrier, imsi, pin) in [
        ("urn:uuid:1", "cp", "address", true, false),
        ("urn:uuid:2", "dm", "address", false, true),
        ("urn:uuid:3", "cp", "push", true, true),
        ("urn:uuid:4", "dm", "push", true, false),
        ("urn:uuid:5", "dm", "push", false, true),
    ] {
        let mut secrets = Vec::new();
        let mut way = json!({ "form": form });
        if imsi {
            secrets.extend(["--imsi", IMSI]);
            way["imsi"] = IMSI.into();
        }
        if pin {
            secrets.extend(["--pin", PIN]);
            way["pin"] = PIN.into();
        }
        let device = new_device(folder.path(), name, &[&secrets[..], &["--gateway", &announce]].concat());
        let reach = device.wait_for("started")[carrier].as_str().unwrap().to_owned();
        let account = gateway.add_device(json!({ "id": name, "reach": reach, "bootstrap": way })).await;
        assert!(account["bootstrap"].is_null(), "the gateway keeps this for itself: {account}");
        assert_eq!(device.wait_for("bootstrapped")["servers"], json!([GATEWAY_ID]));
        assert_eq!(device.wait_for("session-ended")["end"], "Completed", "{name}");
        until("confirmed", async || bootstraps(&gateway, name).await == json!({ GATEWAY_ID: "confirmed" }))
            .await;
        // With the account it can prove that it is the one that announces itself.
        device.wait_for("welcomed");
    }
    // A restart offers nothing again.
    let gateway = gateway.kill_and_restart();
    assert_eq!(bootstraps(&gateway, "urn:uuid:1").await, json!({ GATEWAY_ID: "confirmed" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_is_carried_to_the_device_and_is_gone_then() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let gateway = GatewayUnderTest::start(&state, &[]);
    for form in ["cp", "dm"] {
        let name = format!("urn:uuid:{form}");
        let add = ["device", "add", &name, "--bootstrap", form, "--card", "--state", &gateway.state];
        let (code, said) = run(DM_GATEWAY, &add);
        assert_eq!(code, Some(0), "{said}");
        let card = || std::fs::read_dir(state.join("cards")).ok()?.next()?.ok().map(|entry| entry.path());
        until("a card", async || card().is_some_and(|card| card.extension() == Some("wbxml".as_ref()))).await;
        let card = card().unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&card).unwrap().permissions().mode() & 0o077, 0);
        }
        // Who is forgotten gets none.
        let other = format!("{name}-other");
        gateway.add_device(json!({ "id": other, "bootstrap": { "card": true } })).await;
        let cards = || std::fs::read_dir(state.join("cards")).unwrap().count();
        until("two cards", async || cards() == 2).await;
        gateway.ask(Method::DELETE, &format!("/api/devices/{other}"), None).await;
        assert_eq!(cards(), 1);
        let flags = ["--bootstrap", card.to_str().unwrap(), "--once"];
        let mut device = new_device(folder.path(), &name, &flags);
        assert_eq!(device.wait().code(), Some(0), "{form}: {:?}", device.rest());
        until("confirmed", async || {
            bootstraps(&gateway, &name).await == json!({ GATEWAY_ID: "confirmed" }) && !card.exists()
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_proven_is_refused_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = GatewayUnderTest::start(&folder.path().join("state"), &[]);
    let name = "urn:uuid:other-imsi";
    let device = new_device(folder.path(), name, &["--imsi", IMSI]);
    let reach = device.wait_for("started")["push"].as_str().unwrap().to_owned();
    let wrong = json!({ "id": name, "reach": reach, "bootstrap": { "imsi": "001010123456780" } });
    gateway.add_device(wrong).await;
    device.wait_for("bootstrap-refused");
    until("failed", async || bootstraps(&gateway, name).await == json!({ GATEWAY_ID: "failed" })).await;
    let right = json!({ "id": name, "reach": reach, "bootstrap": { "imsi": IMSI }, "replace": true });
    gateway.add_device(right).await;
    device.wait_for("bootstrapped");
    until("confirmed", async || bootstraps(&gateway, name).await == json!({ GATEWAY_ID: "confirmed" })).await;
    for way in [json!({}), json!({ "imsi": "x" }), json!({ "pin": "" }), json!({ "pins": "1" })] {
        let body = json!({ "id": "urn:uuid:none", "bootstrap": way });
        let answer = gateway.ask(Method::POST, "/api/devices", Some(body.clone())).await;
        assert!(answer.status.is_client_error(), "{body}: {}", answer.status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_behind_the_gateway_gets_an_account_with_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = GatewayUnderTest::start(&folder.path().join("state"), &[]);
    let name = "urn:uuid:two-servers";
    let device =
        new_device(folder.path(), name, &["--imsi", IMSI, "--gateway", &gateway.datagrams.to_string()]);
    let reach = device.wait_for("started")["push"].as_str().unwrap().to_owned();
    gateway.add_device(json!({ "id": name, "reach": reach, "bootstrap": { "imsi": IMSI } })).await;
    device.wait_for("welcomed");
    let account = json!({
        "id": name, "server_id": "com.example.other", "address": "http://127.0.0.1:9/dm", "user": "two",
        "password": "its", "server_user": "com.example.other", "server_password": "ours",
    });
    let path = folder.path().join("other.json");
    std::fs::write(&path, account.to_string()).unwrap();
    let file = path.to_str().unwrap();
    // Asking twice gives one bootstrap.
    for _ in 0..2 {
        let (code, said) = run(DM_GATEWAY, &["device", "bootstrap", name, file, "--state", &gateway.state]);
        assert_eq!(code, Some(0), "{said}");
    }
    assert_eq!(device.wait_for("bootstrapped")["servers"], json!(["com.example.other"]));
    // The device says itself that it knows the server, which is the only way the gateway could hear of it.
    let expected = json!({ GATEWAY_ID: "confirmed", "com.example.other": "confirmed" });
    until("confirmed", async || bootstraps(&gateway, name).await == expected).await;
    let (code, _) = run(DM_GATEWAY, &["device", "bootstrap", "urn:none", file, "--state", &gateway.state]);
    assert_eq!(code, Some(1));
}

/// An account with a server that only a device knows, for a gateway.
fn account_with(server: &Value) -> DmAccount {
    let text = |name: &str| server[name].as_str().unwrap();
    let mut account = DmAccount::new(ServerId::new(text("server_id")).unwrap());
    account.addresses.push(AppAddr::uri(text("address")));
    for (level, name, password) in [
        (AuthLevel::CLCRED, text("user"), text("password")),
        (AuthLevel::SRVCRED, text("server_user"), text("server_password")),
    ] {
        let shown = AppAuth::new(level, AuthType::DIGEST).with_name(name);
        account.credentials.push(shown.with_secret(Secret::new(password.as_bytes())));
    }
    account
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_devices_know_is_asked_for_an_account() {
    const SECOND: &str = "com.example.second";
    let folder = tempfile::tempdir().unwrap();
    let (desk, second_desk) = (Desk::default(), Desk::default());
    let account = server(folder.path(), desk.clone()).await;
    let second_folder = folder.path().join("second");
    std::fs::create_dir(&second_folder).unwrap();
    let second = server_called(SECOND, &second_folder, second_desk.clone()).await;
    let second: Value = serde_json::from_slice(&std::fs::read(second).unwrap()).unwrap();
    // Who bootstraps gateways, over TLS.
    let (identity, _) = Identity::kept_in(&folder.path().join("tls"), &["127.0.0.1".to_owned()]).unwrap();
    let asked = Arc::new(Notify::new());
    let document = provisioning_of(&[account_with(&second)]).unwrap().to_wbxml();
    let is_asked = Arc::clone(&asked);
    let app = axum::Router::new().route(
        "/boot",
        get(async move |headers: HeaderMap| {
            let of = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
            assert_eq!(of("x-dm-device-id"), "urn:uuid:gateway-1");
            assert_eq!(of("x-dm-server-id"), SECOND);
            is_asked.notify_one();
            ([("content-type", "application/vnd.wap.connectivity-wbxml")], document)
        }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let boot = format!("https://{}/boot", listener.local_addr().unwrap());
    let tls = Some(identity.server_config().unwrap());
    tokio::spawn(serve(listener, tls, app, Bounds::default(), std::future::pending()));

    let config = folder.path().join("gateway.toml");
    std::fs::write(&config, format!("[peers]\nbootstrap = '{boot}'\n")).unwrap();
    let arguments = [
        "--account",
        &account,
        "--config",
        config.to_str().unwrap(),
        "--server-ca",
        identity.certificate.to_str().unwrap(),
    ];
    let gateway = GatewayUnderTest::start(&folder.path().join("state"), &arguments);
    let console = Console::new();
    let second_id = ServerId::new(SECOND).unwrap();
    let answers =
        desk.order(&gateway, vec![console.set_peers_auto(true), console.allow_peer(&second_id)]).await;
    assert!(answers.iter().flatten().all(|(code, _)| code.is_success()), "{answers:?}");

    let name = "urn:uuid:knows-it";
    let device =
        new_device(folder.path(), name, &["--imsi", IMSI, "--gateway", &gateway.datagrams.to_string()]);
    let reach = device.wait_for("started")["address"].as_str().unwrap().to_owned();
    gateway.add_device(json!({ "id": name, "reach": reach, "bootstrap": { "imsi": IMSI } })).await;
    device.wait_for("welcomed");
    let own = json!({
        "id": name, "server_id": SECOND, "address": second["address"], "user": "its", "password": "its",
        "server_password": "ours",
    });
    let answer = gateway.ask(Method::POST, &format!("/api/devices/{name}/bootstraps"), Some(own)).await;
    assert!(answer.status.is_success(), "{:?}", answer.body);
    tokio::time::timeout(std::time::Duration::from_secs(60), asked.notified()).await.expect("it is asked");
    until("an account", async || {
        let servers = gateway.get("/api/servers").await;
        servers["servers"].as_array().unwrap().iter().any(|server| server["id"] == SECOND)
    })
    .await;
    until("a session", async || second_desk.sessions() > 0).await;
    // The account is kept, and nobody has to be asked again.
    let gateway = gateway.kill_and_restart();
    let servers = gateway.get("/api/servers").await;
    assert_eq!(servers["servers"].as_array().unwrap().len(), 2, "{servers}");
}
