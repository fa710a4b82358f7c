//! A notification goes through the gateway as it is, and the device talks to its server itself.

use dm_syncml::Encoding;
use gwmo_model::console::Console;
use gwmo_model::mo::InventorySlot;
use serde_json::json;

use super::super::desk::PATIENCE;
use super::super::world::{GATEWAY, World};
use super::{Proof, ensure};

pub(super) async fn play(world: &mut World) -> Proof {
    let (id, name) = (world.direct.id(), world.direct.name.clone());
    let serials = super::inventory::serials(world).await?;
    let serial = serials.get(&name).ok_or_else(|| format!("{name} is not listed"))?;
    // The server wishes it so.
    let wish =
        Console::new().binding().uri(InventorySlot::ModeReq, &[&serial.to_string()]).as_str().to_owned();
    let wished = json!({ "op": "set", "uri": wish, "value": "1", "format": "int" });
    let done = world.server.desk.command(GATEWAY, &wished).await?;
    ensure(done["state"] == "done", || format!("the gateway answers {done}"))?;
    let path = format!("/api/devices/{id}");
    let is_transparent = |seen: &serde_json::Value| (seen["mode"] == "transparent").then_some(());
    world.gateway.desk.until(&path, PATIENCE, is_transparent).await?;

    let before = world.wiring.recorder.look(|evidence| evidence.sent.len());
    let model = world.server.desk.read(&id, "./DevInfo/Mod").await?;
    ensure(model == "Lamp", || format!("{name} is a {model}"))?;
    let (is_passed_on, direct, through) = world.wiring.recorder.look(|evidence| {
        let is_to = |to: &str, octets: &[u8]| to == name && evidence.pushes.iter().any(|push| push == octets);
        let is_passed_on = evidence.notifications.iter().any(|(to, octets)| is_to(to, octets));
        let sent = &evidence.sent[before..];
        let messages = |to: &str| {
            sent.iter().filter(|sent| !sent.is_notification && sent.from == name && sent.to == to).count()
        };
        (is_passed_on, messages("server"), messages("gateway"))
    });
    ensure(is_passed_on, || "the notification did not come to the device as the server made it".into())?;
    ensure(direct > 0 && through == 0, || {
        format!("{direct} messages went to the server itself, {through} to the gateway")
    })?;
    let form = if world.wiring.options.encoding == Encoding::Xml { "XML" } else { "WBXML" };
    Ok(format!(
        "{name} got the server's notification from the gateway octet for octet, and answered with {direct} messages in {form} to the server itself"
    ))
}
