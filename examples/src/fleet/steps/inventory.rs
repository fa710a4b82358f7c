//! The server asks the gateway who is there: in numbers, in a list, and for one device alone.

use std::collections::BTreeMap;

use gwmo_model::console::Console;
use gwmo_model::mo::InventorySlot;
use serde_json::json;

use super::super::desk::next_page;
use super::super::recorder::name_of;
use super::super::world::{GATEWAY, World};
use super::{Proof, ensure};

pub(super) async fn play(world: &mut World) -> Proof {
    // Besides those of the fanout: the one that servers reach themselves, the one that moves, the lamp.
    let total = world.devices.len() + 3;
    let desk = &world.server.desk;
    let summary = desk.ask(GATEWAY, &json!({ "do": "summary" })).await?;
    ensure(summary["total"] == total && summary["attached"] == total, || {
        format!("{total} devices are there, and the summary is {summary}")
    })?;
    let serials = serials(world).await?;
    ensure(serials.len() == total, || {
        format!("{total} devices are there, and {} are listed", serials.len())
    })?;
    let name = world.devices[0].name.clone();
    let serial = serials.get(&name).ok_or_else(|| format!("{name} is not listed"))?;
    let console = Console::new();
    let node = |slot| console.binding().uri(slot, &[&serial.to_string()]).as_str().to_owned();
    let (id, model) = (node(InventorySlot::DevId), node(InventorySlot::InfoMod));
    let (id, model) = (desk.read(GATEWAY, &id).await?, desk.read(GATEWAY, &model).await?);
    ensure(id == world.devices[0].id() && model == "Lamp", || format!("device {serial} is {id}, a {model}"))?;
    Ok(format!(
        "{total} devices attached by the summary and by the list; {name} alone is device {serial}, a {model}"
    ))
}

/// The numbers that the gateway gave to its devices.
pub(super) async fn serials(world: &World) -> Result<BTreeMap<String, u64>, String> {
    let mut serials = BTreeMap::new();
    let mut from = 1;
    loop {
        let page = world.server.desk.ask(GATEWAY, &json!({ "do": "devices", "from": from })).await?;
        for line in page["devices"].as_array().into_iter().flatten() {
            let id = line["id"].as_str().unwrap_or_default();
            serials.insert(name_of(id), line["serial"].as_u64().unwrap_or_default());
        }
        match next_page(&page) {
            Some(next) => from = next,
            None => return Ok(serials),
        }
    }
}
