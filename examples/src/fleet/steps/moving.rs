//! A device leaves one gateway and comes to another.

use gwmo_model::DetachReason;
use gwmo_model::console::Console;
use gwmo_model::mo::ConfigSlot;
use serde_json::json;

use super::super::desk::PATIENCE;
use super::super::jobs::{self, get, set};
use super::super::world::{GATEWAY, SECOND_GATEWAY, SECOND_GATEWAY_ID, SERVER_ID, World};
use super::bootstrap::{address_of, push, session_with, welcomed};
use super::{Proof, ensure};

pub(super) async fn play(world: &mut World) -> Proof {
    let (id, name) = (world.roaming.id(), world.roaming.name.clone());
    // Servers do not hear of devices that go unless they want to.
    let heard = Console::new().binding().uri(ConfigSlot::AlertsDetached, &[SERVER_ID]).as_str().to_owned();
    let wished = world.server.desk.command(GATEWAY, &set(&heard, "true", "bool")).await?;
    ensure(wished["state"] == "done", || format!("the gateway answers {wished}"))?;
    // Switched off there, switched on here.
    let account = world.second_gateway.desk.add_device(&json!({ "id": id })).await?;
    world.roaming.stop();
    world.roaming.set("--gateway", &world.wiring.datagrams("second-gateway").front.to_string());
    world.roaming.start(&world.wiring.launcher).await?;
    let at = address_of(&mut world.roaming).await?;
    world.wiring.datagrams("second-gateway").name(at, &name);
    push(&world.wiring, &mut world.roaming, &[account]).await?;
    welcomed(&mut world.roaming).await?;
    session_with(&mut world.roaming, SECOND_GATEWAY_ID).await?;
    // The new gateway's server tells the old one, which is what an operator does here.
    world.gateway.detach(&id, true).await?;

    let recorder = world.wiring.recorder.clone();
    let told = || {
        recorder.look(|evidence| {
            let key = |gateway: &str| (gateway.to_owned(), name.clone());
            let left = evidence.detached.get(&key("gateway")) == Some(&DetachReason::Moved);
            left && evidence.attached.get(&key("second-gateway")) == Some(&true)
        })
    };
    let end = tokio::time::Instant::now() + PATIENCE;
    while !told() && tokio::time::Instant::now() < end {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    ensure(told(), || format!("the server was not told that {name} left one gateway and came to the other"))?;
    let desk = &world.server.desk;
    let (here, there) = (
        desk.ask(GATEWAY, &json!({ "do": "summary" })).await?,
        desk.ask(SECOND_GATEWAY, &json!({ "do": "summary" })).await?,
    );
    ensure(there["attached"] == 1 && here["detached"].as_u64() >= Some(1), || {
        format!("the inventories are {here} and {there}")
    })?;
    let targets = json!({ "devices": [id] });
    let operations = [get("./DevInfo/Mod")];
    jobs::all_do(desk, SECOND_GATEWAY, "moved", targets, &operations, world.patience()).await?;
    Ok(format!(
        "{name} was bootstrapped to the second gateway by a push; the server heard of both ends of the move, and manages it through the second one"
    ))
}
