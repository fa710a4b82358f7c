//! What a gateway's answer says.

use base64ct::{Base64, Encoding as _};
use dm_syncml::Item;
use gwmo_model::console::{Console, DeviceDetails, DeviceLine, OpAnswer, QueryField, RecordLine};
use gwmo_model::{Bucket, DeviceId, Serial};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::work::{Found, Work, WorkState};
use super::ask::{group_id, image_key, job_key};
use super::standing::Job;

/// How the answer to a command is to be read.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "lowercase")]
pub(in crate::dm_server) enum Reading {
    /// As it is.
    #[default]
    Plain,
    Summary,
    Devices {
        from: u32,
    },
    Device {
        serial: u32,
    },
    Group {
        group: String,
    },
    Members {
        group: String,
    },
    Job {
        key: String,
    },
    Outcomes {
        key: String,
    },
    Records {
        key: String,
        from: u32,
    },
    Answers {
        key: String,
        serial: u32,
        ops: u16,
    },
    Image {
        key: String,
    },
    Storage,
}

impl Reading {
    /// Whether some of the nodes that are asked for need not exist: 404 is no failure then.
    pub(in crate::dm_server) const fn takes_missing(&self) -> bool {
        matches!(self, Self::Answers { .. })
    }
}

/// The items of an answer.
pub(super) fn items(work: &Work) -> Vec<Item<'static>> {
    work.found.iter().filter_map(Found::to_item).collect()
}

/// What an answer says, read as it was asked for; `null` when there is nothing to read.
pub(in crate::dm_server) fn read(work: &Work) -> Value {
    if work.state != WorkState::Done || work.reading == Reading::Plain {
        return Value::Null;
    }
    try_read(&work.device, &work.reading, &items(work)).unwrap_or(Value::Null)
}

fn try_read(gateway: &str, reading: &Reading, items: &[Item<'_>]) -> Option<Value> {
    let console = Console::new();
    Some(match reading {
        Reading::Plain => return None,
        Reading::Summary => {
            let summary = console.read_summary(items).ok()?;
            json!({
                "total": summary.total, "attached": summary.attached, "detached": summary.detached,
                "rev": summary.rev,
            })
        }
        Reading::Devices { from } => {
            let page = console.read_devices(Serial::new(*from)?, items).ok()?;
            let line = |line: &DeviceLine| json!({ "serial": line.serial.get(), "id": line.id.as_str(), "status": line.status.as_str() });
            json!({
                "devices": page.devices.iter().map(line).collect::<Vec<_>>(),
                "next": page.next.map(Serial::get),
            })
        }
        Reading::Device { serial } => device(&console.read_device(Serial::new(*serial)?, items).ok()?),
        Reading::Group { group } => {
            let status = console.read_group(&group_id(group).ok()?, items).ok()?;
            json!({
                "gateway": gateway, "id": group, "count": status.count, "max": status.max,
                "label": status.label, "rule": status.rule.map(|rule| rule.to_string()),
                "from_job": status.from_job.map(|key| key.to_string()),
            })
        }
        Reading::Members { group } => {
            let members = console.read_members(&group_id(group).ok()?, items).ok()?;
            json!({
                "gateway": gateway, "id": group,
                "members": members.iter().map(DeviceId::as_str).collect::<Vec<_>>(),
            })
        }
        Reading::Job { key } => {
            let status = console.read_job(&job_key(key).ok()?, items).ok()?;
            let mut job = Job { key: key.clone(), owner: gateway.into(), ..Job::default() };
            job.note_status(&status);
            serde_json::to_value(job).ok()?
        }
        Reading::Outcomes { key } => {
            let outcomes = console.read_outcomes(&job_key(key).ok()?, items).ok()?;
            json!({ "buckets": outcomes.buckets.iter().map(bucket).collect::<Vec<_>>(), "cut": outcomes.is_cut })
        }
        Reading::Records { key, from } => {
            let page = console.read_records(&job_key(key).ok()?, Serial::new(*from)?, items).ok()?;
            json!({
                "records": page.records.iter().map(record).collect::<Vec<_>>(),
                "next": page.next.map(Serial::get),
            })
        }
        Reading::Answers { key, serial, ops } => {
            let key = job_key(key).ok()?;
            let answers = console.read_answers(&key, Serial::new(*serial)?, *ops, items).ok()?;
            json!({ "answers": answers.iter().map(answer).collect::<Vec<_>>() })
        }
        Reading::Image { key } => {
            let status = console.read_image(&image_key(key).ok()?, items).ok()?;
            json!({
                "key": key, "state": status.state.as_str(), "result": status.result.map(|code| code.get()),
                "size": status.size, "uri": status.uri, "pulls": status.pulls,
                "digest": status.digest.map(|digest| digest.to_string()),
            })
        }
        Reading::Storage => {
            let status = console.read_storage(items).ok()?;
            json!({
                "enabled": status.enabled, "quota": status.quota, "used": status.used, "free": status.free,
                "max_image": status.max_image, "retain": status.retain.map(|time| time.as_secs()),
            })
        }
    })
}

fn device(device: &DeviceDetails) -> Value {
    let facts: serde_json::Map<String, Value> = device
        .facts
        .iter()
        .map(|(fact, text)| (QueryField::Fact(*fact).name().to_owned(), json!(text)))
        .collect();
    json!({
        "serial": device.serial.get(), "id": device.id.as_str(), "status": device.status.as_str(),
        "since": device.since.as_ref().map(ToString::to_string), "epoch": device.epoch,
        "mode": device.mode.as_str(), "facts": facts, "objects": device.mos, "servers": device.servers,
    })
}

fn bucket(bucket: &Bucket) -> Value {
    let ranges = bucket.serials.iter().map(|range| json!([range.first.get(), range.last.get()]));
    json!({
        "state": bucket.state.as_str(), "code": bucket.code.get(), "count": bucket.count,
        "serials": ranges.collect::<Vec<_>>(),
    })
}

fn record(line: &RecordLine) -> Value {
    json!({
        "serial": line.serial.get(), "id": line.id.as_ref().map(DeviceId::as_str),
        "state": line.state.as_str(), "code": line.code.map(|code| code.get()), "tries": line.tries,
    })
}

fn answer(answer: &OpAnswer) -> Value {
    let text = answer.data.as_deref().map(std::str::from_utf8);
    let octets = text.filter(Result::is_err).and(answer.data.as_deref());
    json!({
        "operation": answer.number, "status": answer.status.map(|status| status.get()),
        "text": text.and_then(Result::ok), "format": answer.format, "type": answer.media_type,
        "base64": octets.map(Base64::encode_string),
    })
}
