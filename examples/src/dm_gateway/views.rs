//! What the page and the operator's subcommands see of the machine.

use dm_syncml::Instant;
use dm_tree::ServerId;
use gwmo_model::{DeviceRecord, Fact, Gateway, GroupId, Images, JobKey, JobState, JobView, Mode, Serial};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::clock::Clock;

/// Most devices in one answer, and looked at for one.
const MAX_DEVICES: usize = 1_000;
const MAX_LOOKED_AT: usize = 50_000;
/// Most jobs in one answer.
const MAX_JOBS: usize = 200;

/// Which devices are asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DeviceQuery {
    pub(super) from: String,
    pub(super) search: String,
    pub(super) status: String,
    pub(super) limit: Option<usize>,
}

pub(super) fn status(gateway: &Gateway, now: Instant) -> Value {
    let summary = gateway.inventory().summary();
    let running =
        gateway.fanout().jobs().filter(|job| !job.state().is_over() && job.state() != JobState::Draft);
    json!({
        "program": "dm-gateway",
        "name": gateway.config().server_id.as_str(),
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_s": now.since_epoch().as_secs(),
        "inventory": {
            "total": summary.total, "attached": summary.attached, "detached": summary.detached, "rev": summary.rev,
        },
        "sessions": gateway.proven_sessions(),
        "running_jobs": running.count(),
    })
}

/// A page of devices, by ascending serial.
pub(super) fn devices(gateway: &Gateway, clock: Clock, query: &DeviceQuery) -> Value {
    let limit = query.limit.unwrap_or(100).clamp(1, MAX_DEVICES);
    let from = query.from.parse().ok().and_then(Serial::new).unwrap_or(Serial::FIRST);
    let mut lines = Vec::new();
    let mut next = None;
    for (looked_at, record) in gateway.inventory().records(from..).enumerate() {
        if lines.len() >= limit || looked_at >= MAX_LOOKED_AT {
            next = Some(record.serial().to_string());
            break;
        }
        let is_wanted = query.status.is_empty() || query.status == record.status().as_str();
        if is_wanted && record.id().as_str().contains(&query.search) {
            lines.push(device(record, clock));
        }
    }
    json!({ "devices": lines, "next": next })
}

/// A device, as a line of the list.
pub(super) fn device(record: &DeviceRecord, clock: Clock) -> Value {
    json!({
        "serial": record.serial().get(),
        "id": record.id().as_str(),
        "status": record.status().as_str(),
        "mode": record.mode().map(Mode::as_str),
        "address": record.fact(Fact::LocalAddress),
        "manufacturer": record.fact(Fact::Manufacturer),
        "model": record.fact(Fact::Model),
        "firmware": record.fact(Fact::Firmware),
        "since": clock.unix_now().saturating_sub(record.status_age(clock.now()).as_secs()),
    })
}

pub(super) fn groups(gateway: &Gateway) -> Value {
    let group = |(id, group): (&GroupId, &gwmo_model::Group)| json!({ "id": id.as_str(), "count": group.count(), "rule": group.rule().map(ToString::to_string) });
    json!({ "groups": gateway.groups().iter().map(group).collect::<Vec<_>>() })
}

/// A group, and who is in it; of many the first.
pub(super) fn group(gateway: &Gateway, id: &str) -> Option<Value> {
    let id = GroupId::new(id).ok()?;
    let group = gateway.groups().group(&id)?;
    let members = group.members().take(MAX_DEVICES).filter_map(|serial| {
        let record = gateway.inventory().record(serial)?;
        Some(
            json!({ "serial": serial.get(), "id": record.id().as_str(), "status": record.status().as_str() }),
        )
    });
    Some(json!({
        "id": id.as_str(), "count": group.count(), "rule": group.rule().map(ToString::to_string),
        "members": members.collect::<Vec<_>>(),
    }))
}

/// Where a job stands on each device; of many on the first.
pub(super) fn job_devices(gateway: &Gateway, owner: &str, key: &str) -> Option<Value> {
    let (owner, key) = (ServerId::new(owner).ok()?, JobKey::new(key).ok()?);
    let fanout = gateway.fanout();
    let view = fanout.job(fanout.find(&owner, &key)?)?;
    let devices = view.records(..).take(MAX_DEVICES).map(|target| {
        let record = gateway.inventory().record(target.serial());
        json!({
            "serial": target.serial().get(),
            "id": record.map(|record| record.id().as_str()),
            "state": target.state().as_str(),
            "code": target.code().map(|code| code.get()),
            "tries": target.tries(),
        })
    });
    let devices: Vec<Value> = devices.collect();
    let mut shown = job(&view);
    shown["devices"] = devices.into();
    Some(shown)
}

/// The images, without the addresses that only devices are told.
pub(super) fn images(images: &Images) -> Value {
    let image = |image: gwmo_model::ImageView<'_>| {
        json!({
            "owner": image.owner().as_str(),
            "key": image.key().as_str(),
            "state": image.state().as_str(),
            "result": image.result().map(|result| result.get()),
            "received": image.received(),
            "size": image.spec().size,
            "jobs": image.jobs().len(),
            "pulls": image.pulls(),
        })
    };
    json!({ "images": images.images().map(image).collect::<Vec<_>>() })
}

/// The last jobs, oldest first.
pub(super) fn jobs(gateway: &Gateway) -> Value {
    let jobs = gateway.fanout().jobs();
    let skipped = jobs.len().saturating_sub(MAX_JOBS);
    json!({ "jobs": jobs.skip(skipped).map(|view| job(&view)).collect::<Vec<_>>() })
}

/// Where a job stands.
pub(super) fn job(job: &JobView<'_>) -> Value {
    let counters = job.counters();
    json!({
        "owner": job.owner().as_str(),
        "key": job.key().as_str(),
        "state": job.state().as_str(),
        "result": job.result().map(|result| result.get()),
        "total": counters.total,
        "queued": counters.queued,
        "in_flight": counters.in_flight,
        "outcomes": {
            "ok": counters.ok,
            "failed": counters.failed,
            "refused": counters.refused,
            "unreachable": counters.unreachable,
            "timed_out": counters.timed_out,
            "indeterminate": counters.indeterminate,
            "skipped": counters.skipped,
            "cancelled": counters.cancelled,
        },
    })
}
