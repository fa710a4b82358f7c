//! The server makes a group of the devices of the fanout.

use serde_json::json;

use super::super::world::{GATEWAY, World};
use super::{GROUP, Proof, count, ensure};

/// Most names in one command.
const AT_ONCE: usize = 200;

pub(super) async fn play(world: &mut World) -> Proof {
    let ids: Vec<_> = world.devices.iter().map(|device| device.id()).collect();
    for (part, ids) in ids.chunks(AT_ONCE).enumerate() {
        let what = if part == 0 { "create-group" } else { "add-members" };
        world.server.desk.order(GATEWAY, &json!({ "do": what, "group": GROUP, "devices": ids })).await?;
    }
    let groups = world.gateway.desk.get("/api/groups").await?;
    let group = groups["groups"].as_array().into_iter().flatten().find(|group| group["id"] == GROUP);
    ensure(group.is_some_and(|group| group["count"] == ids.len()), || format!("the groups are {groups}"))?;
    Ok(format!(
        "group {GROUP} has {} at the gateway, by {} to make it",
        count(ids.len(), "member"),
        count(ids.len().div_ceil(AT_ONCE), "order")
    ))
}
