//! Replace, Get and Exec for every device: a few first, one that refuses, one that is switched off, one that hears nothing at first.

use std::collections::BTreeMap;

use serde_json::json;

use super::super::cast::Role;
use super::super::jobs::{self, exec, get, set};
use super::super::world::{GATEWAY, World};
use super::super::{Outcome, Progress};
use super::{BLINK, GROUP, JOB, LEVEL, Proof, count, ensure};

/// What the lamps are turned to.
pub(super) const BRIGHT: &str = "7";
/// Whose lamps the refusing devices have.
const OWNER: &str = "com.example.other";

pub(super) async fn play(world: &mut World) -> Proof {
    let with = |role: Role| -> Vec<usize> {
        (0..world.roles.len()).filter(|index| world.roles[*index] == role).collect()
    };
    let (refusing, off, late) = (with(Role::Refusing), with(Role::Off), with(Role::Late));
    if !refusing.is_empty() {
        // Their owner lets somebody else manage lamp and light.
        let ids: Vec<_> = refusing.iter().map(|index| world.devices[*index].id()).collect();
        let operations = [
            set("./Vendor/Lamp?prop=ACL", &format!("Get=*&Replace={OWNER}"), "chr"),
            set("./x-Device?prop=ACL", &format!("Get=*&Exec={OWNER}"), "chr"),
        ];
        let targets = json!({ "devices": ids });
        jobs::all_do(&world.server.desk, GATEWAY, "owners", targets, &operations, world.patience()).await?;
    }
    for index in &off {
        world.devices[*index].stop();
        world.gateway.detach(&world.devices[*index].id(), false).await?;
    }
    for index in &late {
        world.wiring.datagrams("gateway").lose_one(&world.devices[*index].name);
    }

    let canaries = (world.devices.len() / 10).max(1);
    let begun = world.wiring.recorder.look(|evidence| evidence.sent.len());
    let targets = json!({ "groups": [GROUP], "stages": canaries.to_string() });
    let operations = [set(LEVEL, BRIGHT, "int"), get(LEVEL), exec(BLINK)];
    jobs::start(&world.server.desk, GATEWAY, JOB, &operations, targets).await?;
    let show = world.wiring.show.clone();
    let progress = move |ended: u64| show(Progress::Ended(ended as usize));
    jobs::finish(&world.server.desk, GATEWAY, JOB, world.patience(), progress).await?;

    let records = jobs::records(&world.server.desk, GATEWAY, JOB).await?;
    for (index, device) in world.devices.iter().enumerate() {
        let record = records.get(&device.name).ok_or_else(|| format!("{} has no record", device.name))?;
        world.outcomes[index] = record.outcome();
        let expected = world.roles[index].expected();
        ensure(record.outcome() == Some(expected), || {
            format!("{} should be {expected}: {record:?}", device.name)
        })?;
        let level =
            world.wiring.recorder.look(|evidence| evidence.value(&device.name, LEVEL).map(str::to_owned));
        let wanted = (expected == Outcome::Ok).then_some(BRIGHT);
        ensure(wanted.is_none() || level.as_deref() == wanted, || format!("{} says {level:?}", device.name))?;
    }
    for index in late {
        let (name, tries) = (&world.devices[index].name, records[&world.devices[index].name].tries);
        ensure(tries > 1, || format!("{name} heard the first notification, which was lost"))?;
    }
    check_canaries(world, begun, canaries)?;
    let ok = world.outcomes.iter().filter(|outcome| **outcome == Some(Outcome::Ok)).count();
    Ok(format!(
        "{ok} of {} did Replace, Get and Exec, {} refused, {} unreachable, {} reached by a second notification; {} first, everybody else only \
         when the first had ended",
        count(world.devices.len(), "device"),
        refusing.len(),
        off.len(),
        with_tries(&records),
        count(canaries, "device"),
    ))
}

/// How many did it, but not at the first attempt.
fn with_tries(records: &BTreeMap<String, jobs::Record>) -> usize {
    records.values().filter(|record| record.state == "ok" && record.tries > 1).count()
}

/// The first few had answered before anybody else was notified.
fn check_canaries(world: &World, begun: usize, canaries: usize) -> Result<(), String> {
    world.wiring.recorder.look(|evidence| {
        let sent = &evidence.sent[begun..];
        let mut first: Vec<&str> = Vec::new();
        let mut other = None;
        for (at, sent) in
            sent.iter().enumerate().filter(|(_, sent)| sent.is_notification && sent.from == "gateway")
        {
            if first.len() < canaries && !first.contains(&sent.to.as_str()) {
                first.push(&sent.to);
            } else if !first.contains(&sent.to.as_str()) {
                other = Some(at);
                break;
            }
        }
        let other = other.unwrap_or(sent.len());
        for name in first {
            let messages =
                sent[..other].iter().filter(|sent| sent.from == name && sent.to == "gateway").count();
            // What it did is in its second message at the earliest.
            ensure(messages >= 2, || format!("others were notified before {name} had answered"))?;
        }
        Ok(())
    })
}
