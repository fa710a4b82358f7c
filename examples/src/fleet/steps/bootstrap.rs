//! Gateways and devices come to know their servers: gateways by account files, devices by provisioning documents, from a file as on a smart card, or
//! pushed to them and proven with a PIN.

use std::net::SocketAddr;

use dm_notification::bootstrap::{CpSec, Pin, SharedSecrets};
use dm_tree::bootstrap::{ProvisioningDocument, SignedBootstrap, provisioning_of};
use dm_tree::{AppAddr, AppAuth, AuthLevel, AuthType, DmAccount, Secret, ServerId};
use serde_json::{Value, json};
use tokio::net::UdpSocket;

use super::super::actor::Actor;
use super::super::cast::{self, Role};
use super::super::world::{
    GATEWAY, GATEWAY_ID, SECOND_GATEWAY, SECOND_GATEWAY_ID, SECOND_SERVER_ID, SERVER_ID, Wiring, World,
};
use super::{count, ensure};

/// What pushes are proven with.
pub(super) const PIN: &str = "271828";
/// The port of the capture that pushes go to.
const WAP_PUSH: u16 = 2_948;

pub(super) async fn play(wiring: Wiring, roles: &[Role]) -> Result<(World, String), String> {
    let server = wiring.start_server("server", SERVER_ID).await?;
    let second_server = wiring.start_server("second-server", SECOND_SERVER_ID).await?;
    let mut gateways = Vec::new();
    for (name, id, server_id) in
        [("gateway", GATEWAY, GATEWAY_ID), ("second-gateway", SECOND_GATEWAY, SECOND_GATEWAY_ID)]
    {
        let at = wiring.datagrams(name).front.to_string();
        let known = json!({ "id": id, "class": "gateway", "address": at });
        let account = server.desk.add_device(&known).await?;
        gateways.push(wiring.start_gateway(name, server_id, account).await?);
        // The answer comes in a session in which both have proved themselves.
        let summary = server.desk.ask(id, &json!({ "do": "summary" })).await?;
        ensure(summary["total"] == 0, || format!("{name} has devices already: {summary}"))?;
    }
    let (Some(second_gateway), Some(gateway)) = (gateways.pop(), gateways.pop()) else {
        return Err("there are no gateways".into());
    };

    wiring.tell();

    let mut devices = Vec::new();
    for index in 0..roles.len() {
        let name = cast::name(index);
        let account = gateway.desk.add_device(&json!({ "id": format!("urn:uuid:{name}") })).await?;
        devices.push(from_file(&wiring, &name, &[], &[account])?);
    }
    let roaming = json!({ "id": "urn:uuid:device-roaming" });
    let account = gateway.desk.add_device(&roaming).await?;
    let mut roaming = from_file(&wiring, "device-roaming", &["--pin", PIN], &[account])?;
    let acl = format!("Add={SERVER_ID}&Delete={SERVER_ID}&Exec={SERVER_ID}&Get=*&Replace={SERVER_ID}");
    let mut direct = wiring.device("device-direct", "gateway", &["--pin", PIN, "--root-acl", &acl]);
    let mut lamp = wiring.coap_device();

    for device in devices.iter_mut().chain([&mut roaming, &mut direct]) {
        device.start(&wiring.launcher).await?;
    }
    for device in devices.iter_mut().chain([&mut roaming]) {
        let at = address_of(device).await?;
        wiring.datagrams("gateway").name(at, &device.name);
        welcomed(device).await?;
        session_with(device, GATEWAY_ID).await?;
    }

    // A device that servers reach themselves, which has an account with each of them, and with the gateway.
    let at = address_of(&mut direct).await?;
    wiring.datagrams("gateway").name(at, &direct.name);
    let known = json!({ "id": direct.id(), "knows": [SERVER_ID, SECOND_SERVER_ID] });
    let with_gateway = gateway.desk.add_device(&known).await?;
    let pushes = wiring.address("gateway", "/push");
    let known = json!({ "id": direct.id(), "address": pushes });
    let with_server = server.desk.add_device(&known).await?;
    let known = json!({ "id": direct.id(), "address": at.to_string() });
    let with_second = second_server.desk.add_device(&known).await?;
    push(&wiring, &mut direct, &[with_gateway, with_server, with_second]).await?;
    welcomed(&mut direct).await?;
    for server in [GATEWAY_ID, SERVER_ID, SECOND_SERVER_ID] {
        session_with(&mut direct, server).await?;
    }

    lamp.start(&wiring.launcher).await?;
    let listening = lamp.wait_for("address", |event| event["event"] == "listening").await?;
    wiring.lamp.aim(listening["address"].as_str().and_then(|at| at.parse().ok()));
    let known = json!({ "id": lamp.id(), "coap": wiring.lamp.front });
    gateway.desk.post("/api/devices", &known).await?;

    let proven = format!(
        "2 gateways and the server proved themselves to each other; {} took an account from a provisioning document in a file, 1 took three \
         from a push with a PIN, and each had a session with every server it was told of",
        count(devices.len() + 1, "device"),
    );
    let outcomes = vec![None; roles.len()];
    let roles = roles.to_vec();
    let world = World {
        wiring,
        server,
        second_server,
        gateway,
        second_gateway,
        devices,
        roles,
        outcomes,
        direct,
        roaming,
        lamp,
    };
    Ok((world, proven))
}

/// A device behind the first gateway with these accounts in a file.
fn from_file(wiring: &Wiring, name: &str, more: &[&str], accounts: &[Value]) -> Result<Actor, String> {
    let path = wiring.file(&format!("{name}.provisioning.wbxml"));
    let document = document_of(accounts)?.to_wbxml();
    std::fs::write(&path, document).map_err(|error| format!("{}: {error}", path.display()))?;
    let path = path.display().to_string();
    let more = [&["--bootstrap", &path], more].concat();
    Ok(wiring.device(name, "gateway", &more))
}

/// Pushes these accounts to a device, as a network would on behalf of a server.
pub(super) async fn push(wiring: &Wiring, device: &mut Actor, accounts: &[Value]) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", device.name);
    let pin = Pin::new(PIN).map_err(|error| failed(&error))?;
    let secrets = SharedSecrets::new().with_pin(pin);
    let signed = SignedBootstrap::cp(&document_of(accounts)?, CpSec::USERPIN, &secrets);
    let push = signed.map_err(|error| failed(&error))?.to_push();
    let socket = UdpSocket::bind("127.0.0.1:0").await.map_err(|error| failed(&error))?;
    let at = address_of(device).await?;
    wiring.recorder.datagram(("network", WAP_PUSH), (&device.name, WAP_PUSH), &push);
    socket.send_to(&push, at).await.map_err(|error| format!("{}: {error}", device.name))?;
    let told = device
        .wait_for("bootstrap", |event| {
            matches!(event["event"].as_str(), Some("bootstrapped" | "bootstrap-refused"))
        })
        .await?;
    ensure(told["event"] == "bootstrapped", || format!("{}: {told}", device.name))
}

/// A provisioning document of these accounts.
fn document_of(accounts: &[Value]) -> Result<ProvisioningDocument, String> {
    let accounts: Option<Vec<DmAccount>> = accounts.iter().map(account_of).collect();
    let accounts = accounts.ok_or("an account lacks something")?;
    provisioning_of(&accounts).map_err(|error| error.to_string())
}

/// The account of this file, as a device keeps it.
fn account_of(file: &Value) -> Option<DmAccount> {
    let text = |name: &str| file[name].as_str();
    let mut account = DmAccount::new(ServerId::new(text("server_id")?).ok()?);
    account.name = Some(text("server_id")?.into());
    account.addresses.push(AppAddr::uri(text("address")?));
    account.auth_pref = Some(AuthType::DIGEST);
    for (level, name, secret) in [
        (AuthLevel::CLCRED, text("user")?, text("password")?),
        (AuthLevel::SRVCRED, text("server_user")?, text("server_password")?),
    ] {
        let secret = Secret::new(secret.as_bytes());
        account.credentials.push(AppAuth::new(level, AuthType::DIGEST).with_name(name).with_secret(secret));
    }
    Some(account)
}

/// Where datagrams reach a device.
pub(super) async fn address_of(device: &mut Actor) -> Result<SocketAddr, String> {
    let started = device.wait_for("address", |event| event["event"] == "started").await?;
    let at = started["address"].as_str().and_then(|at| at.parse().ok());
    at.ok_or_else(|| format!("{}: {started}", device.name))
}

/// The gateway knows that it is there.
pub(super) async fn welcomed(device: &mut Actor) -> Result<(), String> {
    device.wait_for("welcome", |event| event["event"] == "welcomed").await.map(drop)
}

/// A session with this server came to its end.
pub(super) async fn session_with(device: &mut Actor, server: &str) -> Result<(), String> {
    let ended = |event: &Value| event["event"] == "session-ended" && event["server"] == server;
    device
        .wait_for(&format!("session with {server}"), |event| ended(event) && event["end"] == "Completed")
        .await
        .map(drop)
}
