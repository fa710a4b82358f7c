//! The gateway is killed in the middle of a fanout and started again with what it kept: no device is lost, and none executes anything twice.

use serde_json::json;

use super::super::cast::Role;
use super::super::desk::PATIENCE;
use super::super::jobs::{self, exec, get};
use super::super::world::{GATEWAY, World};
use super::{BLINK, BLINKS, GROUP, Proof, count, ensure};

const KILLED: &str = "through-a-crash";
const AUDIT: &str = "audit";

pub(super) async fn play(world: &mut World) -> Proof {
    // Few at a time, so that there is a middle.
    let window = if world.devices.len() > 100 { 16 } else { 2 };
    let targets = json!({ "groups": [GROUP], "window": window });
    jobs::start(&world.server.desk, GATEWAY, KILLED, &[exec(BLINK), get(BLINKS)], targets).await?;
    let total = world.devices.len() as u64;
    // Those that are switched off or refuse count too; with one device alone the middle is when it is begun with.
    let (ended, in_flight) = world
        .gateway
        .desk
        .until("/api/jobs", PATIENCE, |seen| {
            let job = seen["jobs"].as_array()?.iter().find(|job| job["key"] == KILLED)?;
            let (ended, in_flight) = (jobs::ended(job), job["in_flight"].as_u64()?);
            (ended >= total / 3 && ended + in_flight > 0).then_some((ended, in_flight))
        })
        .await?;
    world.gateway.kill(&world.wiring);
    world.gateway.revive(&world.wiring).await?;
    jobs::finish(&world.server.desk, GATEWAY, KILLED, world.patience(), |_| ()).await?;
    let records = jobs::records(&world.server.desk, GATEWAY, KILLED).await?;
    ensure(records.len() as u64 == total, || format!("{} of {total} devices have a record", records.len()))?;

    // What the devices say themselves.
    let targets = json!({ "groups": [GROUP] });
    jobs::start(&world.server.desk, GATEWAY, AUDIT, &[get(BLINKS)], targets).await?;
    jobs::finish(&world.server.desk, GATEWAY, AUDIT, world.patience(), |_| ()).await?;
    let mut indeterminate = 0;
    for (device, role) in world.devices.iter().zip(&world.roles) {
        let record = &records[&device.name];
        let blinks =
            world.wiring.recorder.look(|evidence| evidence.value(&device.name, BLINKS).map(str::to_owned));
        let blinks = blinks.and_then(|blinks| blinks.parse::<u32>().ok());
        let is_right = match (role, record.state.as_str(), blinks) {
            // Once in the fanout before, once in this one.
            (Role::Willing | Role::Late, "ok", Some(2)) => true,
            (Role::Willing | Role::Late, "indeterminate", Some(1 | 2)) => {
                indeterminate += 1;
                true
            }
            // Killed before it could say no, and nobody asks it again.
            (Role::Refusing, "indeterminate", Some(0)) => {
                indeterminate += 1;
                true
            }
            (Role::Refusing, "refused", Some(0)) | (Role::Off, "unreachable", None) => true,
            _ => false,
        };
        ensure(is_right, || {
            format!("{}, {role:?}, is {record:?} and has blinked {blinks:?} times", device.name)
        })?;
    }
    Ok(format!(
        "killed when {ended} of {} had ended and {in_flight} were in flight; all have an outcome, {indeterminate} indeterminate, and by their own \
         word none executed it twice",
        count(world.devices.len(), "device"),
    ))
}
