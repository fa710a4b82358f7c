//! A device that does not speak OMA DM is managed by DM commands.

use serde_json::json;

use super::super::jobs::{self, exec, get, set};
use super::super::world::{GATEWAY, World};
use super::{Proof, ensure};

const JOB: &str = "dim";
/// The dimmer, and the reboot, as LwM2M numbers them.
const DIMMER: &str = "./LwM2M/3311/0/5851";
const REBOOT: &str = "./LwM2M/3/0/4";
const LEVEL: &str = "40";

pub(super) async fn play(world: &mut World) -> Proof {
    let id = world.lamp.id();
    let desk = &world.server.desk;
    let operations = [set(DIMMER, LEVEL, "int"), get(DIMMER), exec(REBOOT)];
    let targets = json!({ "devices": [id] });
    jobs::all_do(desk, GATEWAY, JOB, targets, &operations, world.patience()).await?;
    let written = world.lamp.wait_for("write", |event| event["event"] == "written").await?;
    ensure(written["value"] == LEVEL, || format!("the lamp says {written}"))?;
    let rebooted = world.lamp.wait_for("reboot", |event| event["event"] == "rebooted").await?;
    let records = jobs::records(desk, GATEWAY, JOB).await?;
    let record = records.get(&world.lamp.name).ok_or("the lamp has no record")?;
    let asked = json!({ "do": "answers", "key": JOB, "serial": record.serial });
    let answers = desk.ask(GATEWAY, &asked).await?;
    let is_read =
        answers["answers"].as_array().is_some_and(|all| all.iter().any(|answer| answer["text"] == LEVEL));
    ensure(is_read, || format!("the lamp answered {answers}"))?;
    let datagrams = world.wiring.recorder.look(|evidence| evidence.coap);
    Ok(format!(
        "Replace, Get and Exec became {datagrams} datagrams of CoAP: the lamp is at {LEVEL}, says so, and has started {} times",
        rebooted["boots"]
    ))
}
