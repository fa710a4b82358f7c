//! What the fanout came to, in one piece, and what one device answered.

use serde_json::json;

use super::super::Outcome;
use super::super::jobs;
use super::super::world::{GATEWAY, World};
use super::fanout::BRIGHT;
use super::{JOB, Proof, count, ensure};

pub(super) async fn play(world: &mut World) -> Proof {
    let desk = &world.server.desk;
    let outcomes = desk.ask(GATEWAY, &json!({ "do": "outcomes", "key": JOB })).await?;
    let buckets = outcomes["buckets"].as_array().cloned().unwrap_or_default();
    let mut parts = Vec::new();
    let mut total = 0;
    for outcome in Outcome::ALL {
        let of_it = buckets.iter().filter(|bucket| {
            bucket["state"].as_str().is_some_and(|state| state.replace('-', "_") == outcome.word())
        });
        let told: u64 = of_it.filter_map(|bucket| bucket["count"].as_u64()).sum();
        let counted = world.outcomes.iter().filter(|known| **known == Some(outcome)).count();
        ensure(told == counted as u64, || format!("{counted} are {outcome}, and the result is {outcomes}"))?;
        total += counted;
        if counted > 0 {
            parts.push(format!("{counted} {outcome}"));
        }
    }
    ensure(total == world.devices.len(), || format!("{total} devices have an outcome"))?;
    let records = jobs::records(desk, GATEWAY, JOB).await?;
    let (name, record) =
        records.iter().find(|(_, record)| record.state == "ok").ok_or("no device did what it was asked")?;
    let asked = json!({ "do": "answers", "key": JOB, "serial": record.serial });
    let answers = desk.ask(GATEWAY, &asked).await?;
    let list = answers["answers"].as_array().cloned().unwrap_or_default();
    ensure(list.len() == 3 && list.iter().any(|answer| answer["text"] == BRIGHT), || {
        format!("{name} answered {answers}")
    })?;
    Ok(format!(
        "{} in {}: {}; {name} answered each of 3 operations, and its lamp reads {BRIGHT}",
        count(total, "device"),
        count(buckets.len(), "entry").replace("entrys", "entries"),
        parts.join(", ")
    ))
}
