//! What the operator sees of everything: JSON, as the page and the subcommands read it.

use std::collections::HashSet;
use std::ops::Bound;

use dm_syncml::auth::AuthScheme;
use serde_json::{Value, json};

use super::directory::{Directory, Known};
use super::engine::Engine;
use super::gateway::{self, Group, Job};
use super::work::Work;

/// Most devices that one search looks at.
const MAX_SEARCHED: usize = 50_000;

/// A device counts as attached while it is in session, and for an hour after it has proved itself last.
const ATTACHED_FOR: u64 = 3_600;

fn is_attached(here: &HashSet<&str>, known: &Known, now: u64) -> bool {
    now.saturating_sub(known.learnt.seen) < ATTACHED_FOR || here.contains(known.device.id.as_str())
}

/// Who is in session.
fn here(directory: &Directory) -> HashSet<&str> {
    let present = directory.present.values().filter(|present| present.proven && !present.over);
    present.map(|present| present.peer.as_str()).collect()
}

pub(super) fn status(engine: &Engine, now: u64) -> Value {
    let directory = engine.directory();
    let here = here(&directory);
    let total = directory.devices.len();
    let attached = directory.devices.values().filter(|known| is_attached(&here, known, now)).count();
    json!({
        "program": "dm-server", "name": engine.server_id, "version": env!("CARGO_PKG_VERSION"),
        "uptime_s": engine.clock.now().since_epoch().as_secs(),
        "inventory": { "total": total, "attached": attached, "detached": total - attached, "rev": 0 },
        "sessions": directory.present.values().filter(|present| present.proven && !present.over).count(),
        "running_jobs": directory.jobs.values().filter(|job| job.is_running()).count(),
        "open_work": directory.open.values().map(std::collections::BTreeSet::len).sum::<usize>(),
    })
}

/// A page of devices after the one named `from`, by their ids.
pub(super) fn devices(
    engine: &Engine,
    now: u64,
    from: Option<&str>,
    search: &str,
    status: Option<&str>,
    limit: usize,
) -> Value {
    let directory = engine.directory();
    let here = here(&directory);
    let start = from.map_or(Bound::Unbounded, Bound::Excluded);
    let mut page = Vec::new();
    let mut next = Value::Null;
    let range = directory.devices.range::<str, _>((start, Bound::Unbounded));
    for (looked, (id, known)) in range.enumerate() {
        let attached = is_attached(&here, known, now);
        let wanted = id.contains(search)
            && match status {
                Some("attached") => attached,
                Some("detached") => !attached,
                _ => true,
            };
        if wanted {
            page.push(line(&directory, known, attached));
        }
        if page.len() >= limit || looked + 1 >= MAX_SEARCHED {
            next = json!(id);
            break;
        }
    }
    json!({ "devices": page, "next": next })
}

fn line(directory: &Directory, known: &Known, attached: bool) -> Value {
    let Known { device, learnt } = known;
    json!({
        "serial": null, "id": device.id, "status": if attached { "attached" } else { "detached" },
        "mode": device.class.word(), "address": device.address, "manufacturer": learnt.manufacturer,
        "model": learnt.model, "firmware": learnt.firmware, "since": learnt.seen,
        "open_work": directory.unended(&device.id),
    })
}

/// Everything of one device but its secrets.
pub(super) fn device(engine: &Engine, id: &str, now: u64) -> Option<Value> {
    let directory = engine.directory();
    let here = here(&directory);
    let known = directory.devices.get(id)?;
    let attached = is_attached(&here, known, now);
    let mut value = line(&directory, known, attached);
    let Known { device, learnt } = known;
    let more = json!({
        "auth": auth_word(device.scheme), "user": device.user, "added": device.added,
        "dm_version": learnt.dm_version, "language": learnt.language, "in_session": here.contains(id),
        "twins": engine.twins().has(engine.clock.now(), id),
    });
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    Some(value)
}

pub(super) const fn auth_word(scheme: AuthScheme) -> &'static str {
    match scheme {
        AuthScheme::None => "none",
        AuthScheme::Basic => "basic",
        AuthScheme::Md5 => "md5",
        AuthScheme::Mac => "mac",
        _ => "other",
    }
}

pub(super) fn groups(engine: &Engine) -> Value {
    let directory = engine.directory();
    let group = |group: &Group| {
        json!({
            "id": group.id, "count": group.count, "gateway": group.gateway, "state": group.state,
            "reason": group.reason, "matching": group.rule,
            "rule": match &group.rule {
                Some(rule) => format!("{rule} at {}", group.gateway),
                None => format!("at {}", group.gateway),
            },
        })
    };
    let mut groups: Vec<&Group> = directory.groups.values().collect();
    groups.sort_by_key(|group| group.no);
    json!({ "groups": groups.into_iter().map(group).collect::<Vec<_>>() })
}

pub(super) fn jobs(engine: &Engine) -> Value {
    let directory = engine.directory();
    let mut jobs: Vec<&Job> = directory.jobs.values().collect();
    jobs.sort_by_key(|job| job.no);
    json!({ "jobs": jobs })
}

pub(super) fn sessions(engine: &Engine) -> Value {
    let directory = engine.directory();
    let open = directory.present.values().rev().filter(|present| present.proven && !present.over);
    let open = open.map(|present| {
        json!({ "peer": present.peer, "began": present.began, "messages": present.messages, "end": null })
    });
    let past = directory.past.iter().rev().map(
        |past| json!({ "peer": past.peer, "began": past.began, "messages": past.messages, "end": past.end }),
    );
    json!({ "sessions": open.chain(past).take(50).collect::<Vec<_>>() })
}

/// A command, with what its answer says.
pub(super) fn work(work: &Work) -> Value {
    json!({
        "number": work.number, "device": work.device, "what": work.what, "state": work.state, "code": work.code,
        "reason": work.reason, "found": work.found, "outcome": work.outcome, "tries": work.tries, "after": work.after,
        "queued": work.queued, "ended": work.ended, "read": gateway::read(work),
    })
}

/// The last commands of a device, newest first.
pub(super) fn work_of(engine: &Engine, device: &str) -> Value {
    let directory = engine.directory();
    let of_device = directory.work.values().rev().filter(|work| work.device == device);
    json!({ "work": of_device.take(200).map(work).collect::<Vec<_>>() })
}
