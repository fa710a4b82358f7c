//! What a gateway can be asked: every command is made, and every answer read, by [`Console`].

use std::collections::BTreeMap;
use std::time::Duration;

use base64ct::{Base64, Encoding as _};
use dm_syncml::{Add, Alert, Command, Correlator, Data, Exec, Format, Get, Item, LocUri, Meta, Replace};
use gwmo_model::console::{Console, GatewayAlert, JobRequest, JobStatus, Told};
use gwmo_model::mo::ImagesSlot;
use gwmo_model::{
    AttachStatus, Counters, DeviceId, GroupId, ImageKey, JobKey, JobState, Policy, Selector, Serial, Stages,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::account::Class;
use super::changes::Changes;
use super::directory::{Group, Job};
use super::engine::{Denied, Engine, NewWork};
use super::operation::{Operation, cmd_id};
use super::work::{Work, WorkState};

/// The largest image that goes through the server; larger ones are fetched by the gateway (`url`).
pub(super) const MAX_IMAGE: usize = 16 << 20;

/// How the answer to a command is to be read.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "lowercase")]
pub(super) enum Reading {
    /// As it is.
    #[default]
    Plain,
    Summary,
    Devices {
        from: u32,
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
}

impl Reading {
    /// Whether some of the nodes that are asked for need not exist: 404 is no failure then.
    pub(super) const fn takes_missing(&self) -> bool {
        matches!(self, Self::Answers { .. } | Self::Image { .. })
    }
}

/// What the operator asks of a gateway.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Ask {
    /// The inventory in numbers.
    Summary,
    /// The devices, from this serial on.
    Devices {
        from: Option<u32>,
    },
    CreateGroup {
        group: String,
        devices: Vec<String>,
    },
    AddMembers {
        group: String,
        devices: Vec<String>,
    },
    DeleteGroup {
        group: String,
    },
    StartFanout(Box<Fanout>),
    /// Where a fanout stands.
    Fanout {
        key: String,
    },
    /// Its aggregated result.
    Outcomes {
        key: String,
    },
    /// What became of each device, from this serial on.
    Records {
        key: String,
        from: Option<u32>,
    },
    /// What one device answered.
    Answers {
        key: String,
        serial: u32,
    },
    CancelFanout {
        key: String,
    },
    PauseFanout {
        key: String,
    },
    ResumeFanout {
        key: String,
    },
    DeleteFanout {
        key: String,
    },
    PutImage(Box<Image>),
    /// Where an image stands.
    Image {
        key: String,
    },
}

/// A fanout to be started.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Fanout {
    pub(super) key: String,
    pub(super) devices: Vec<String>,
    pub(super) groups: Vec<String>,
    pub(super) except: Vec<String>,
    /// A selector.
    pub(super) matching: Option<String>,
    pub(super) operations: Vec<Operation>,
    pub(super) window: Option<u32>,
    pub(super) retries: Option<u16>,
    /// Seconds before the first retry; doubles with each.
    pub(super) retry_wait: Option<u64>,
    /// Seconds that a notification may stay unanswered, and that a session may be silent.
    pub(super) notify_time: Option<u64>,
    pub(super) session_time: Option<u64>,
    /// Seconds.
    pub(super) job_time: Option<u64>,
    /// Sizes of stages, as percentages, such as `5,100`.
    pub(super) stages: Option<String>,
}

/// An image to be put into a gateway's store.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Image {
    pub(super) key: String,
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
    #[serde(rename = "type")]
    pub(super) media_type: Option<String>,
    /// The image, or where the gateway fetches it.
    pub(super) base64: Option<String>,
    pub(super) url: Option<String>,
    /// Hexadecimal; needed with `url`, computed otherwise.
    pub(super) sha256: Option<String>,
    /// Who may fetch it, beside the devices of a job that names it.
    pub(super) groups: Vec<String>,
}

/// What is asked of an image.
const IMAGE_SLOTS: [ImagesSlot; 4] =
    [ImagesSlot::State, ImagesSlot::Result, ImagesSlot::Size, ImagesSlot::Uri];

fn bad(what: &str, error: &dyn std::fmt::Display) -> Denied {
    Denied::Value(format!("{what}: {error}"))
}

fn key_of(text: &str) -> Result<JobKey, Denied> {
    JobKey::new(text).map_err(|error| bad("key", &error))
}

fn group_of(text: &str) -> Result<GroupId, Denied> {
    GroupId::new(text).map_err(|error| bad("group", &error))
}

fn devices_of(texts: &[String]) -> Result<Vec<DeviceId>, Denied> {
    texts.iter().map(|text| DeviceId::new(text).map_err(|error| bad(text, &error))).collect()
}

fn serial_of(number: Option<u32>) -> Result<Serial, Denied> {
    let number = number.unwrap_or(Serial::FIRST.get());
    Serial::new(number).ok_or_else(|| Denied::Value(format!("{number} is no serial")))
}

/// Queues what is asked for; returns the numbers of the commands, in their order.
pub(super) async fn ask(
    engine: &std::sync::Arc<Engine>,
    gateway: &str,
    ask: Ask,
) -> Result<Vec<u64>, Denied> {
    let mut also = Changes::default();
    let commands = plan(engine, gateway, ask, &mut also)?;
    engine.queue(gateway, commands, also).await
}

fn plan(engine: &Engine, gateway: &str, ask: Ask, also: &mut Changes) -> Result<Vec<NewWork>, Denied> {
    let console = Console::new();
    let plain = |what: String, commands: Vec<Command<'static>>| {
        let new = |command| NewWork { what: what.clone(), command, reading: Reading::Plain };
        commands.into_iter().map(new).collect::<Vec<_>>()
    };
    let one = |what: String, command, reading| vec![NewWork { what, command, reading }];
    Ok(match ask {
        Ask::Summary => one("inventory summary".into(), console.get_summary(), Reading::Summary),
        Ask::Devices { from } => {
            let from = serial_of(from)?;
            let reading = Reading::Devices { from: from.get() };
            one(format!("inventory from {from}"), console.get_devices(from), reading)
        }
        Ask::CreateGroup { group, devices } => {
            let (id, members) = (group_of(&group)?, devices_of(&devices)?);
            let count = members.len();
            also.groups.push((Group { gateway: gateway.into(), id: group.clone(), count }, true));
            plain(format!("create group {group}"), console.create_group(&id, &members))
        }
        Ask::AddMembers { group, devices } => {
            let (id, members) = (group_of(&group)?, devices_of(&devices)?);
            let former = engine.directory().groups.get(&(gateway.to_owned(), group.clone())).cloned();
            if let Some(former) = former {
                also.groups.push((Group { count: former.count + members.len(), ..former }, true));
            }
            plain(format!("add members to group {group}"), console.add_members(&id, &members))
        }
        Ask::DeleteGroup { group } => {
            let id = group_of(&group)?;
            also.groups.push((Group { gateway: gateway.into(), id: group.clone(), count: 0 }, false));
            plain(format!("delete group {group}"), vec![console.delete_group(&id)])
        }
        Ask::StartFanout(fanout) => {
            let job = request(&fanout)?;
            let what = format!("start fanout {}", fanout.key);
            let mut commands = plain(what.clone(), console.add_job(&job));
            let correlator = Correlator::new(format!("fanout-{}", fanout.key)).ok();
            commands.extend(plain(what, vec![console.start_job(job.key(), correlator)]));
            let mut directory = engine.directory();
            let no = directory.next_job;
            directory.next_job += 1;
            also.jobs.push(Job {
                no,
                owner: gateway.into(),
                key: fanout.key.clone(),
                state: "scheduled".into(),
                ops: fanout.operations.len() as u16,
                ..Job::default()
            });
            commands
        }
        Ask::Fanout { key } => {
            one(format!("state of fanout {key}"), console.get_job(&key_of(&key)?), Reading::Job { key })
        }
        Ask::Outcomes { key } => {
            let command = console.get_outcomes(&key_of(&key)?);
            one(format!("outcomes of fanout {key}"), command, Reading::Outcomes { key })
        }
        Ask::Records { key, from } => {
            let from = serial_of(from)?;
            let command = console.get_records(&key_of(&key)?, from);
            one(format!("records of fanout {key}"), command, Reading::Records { key, from: from.get() })
        }
        Ask::Answers { key, serial } => {
            let ops =
                engine.directory().jobs.get(&(gateway.to_owned(), key.clone())).map_or(1, |job| job.ops);
            let command = console.get_answers(&key_of(&key)?, serial_of(Some(serial))?, ops.max(1));
            let reading = Reading::Answers { key: key.clone(), serial, ops: ops.max(1) };
            one(format!("answers of device {serial} in fanout {key}"), command, reading)
        }
        Ask::CancelFanout { key } => {
            plain(format!("cancel fanout {key}"), vec![console.cancel_job(&key_of(&key)?)])
        }
        Ask::PauseFanout { key } => {
            plain(format!("pause fanout {key}"), vec![console.pause_job(&key_of(&key)?)])
        }
        Ask::ResumeFanout { key } => {
            plain(format!("resume fanout {key}"), vec![console.resume_job(&key_of(&key)?)])
        }
        Ask::DeleteFanout { key } => {
            plain(format!("delete fanout {key}"), vec![console.delete_job(&key_of(&key)?)])
        }
        Ask::PutImage(image) => plain(format!("put image {}", image.key), put_image(&console, &image)?),
        Ask::Image { key } => {
            let name = ImageKey::new(&key).map_err(|error| bad("key", &error))?;
            let items = IMAGE_SLOTS.map(|slot| Item::to(node(&console, slot, &[name.as_str()])));
            let command = Get::new(cmd_id(), items.to_vec()).into();
            one(format!("state of image {key}"), command, Reading::Image { key })
        }
    })
}

fn request(fanout: &Fanout) -> Result<JobRequest, Denied> {
    if fanout.operations.is_empty() {
        return Err(Denied::Value("a fanout needs an operation".into()));
    }
    if fanout.devices.is_empty() && fanout.groups.is_empty() && fanout.matching.is_none() {
        return Err(Denied::Value("a fanout needs devices, a group or a selector".into()));
    }
    let mut policy = Policy::default();
    if let Some(window) = fanout.window {
        policy = policy.with_window(window);
    }
    if let Some(retries) = fanout.retries {
        policy = policy.with_retries(retries);
    }
    if let Some(seconds) = fanout.retry_wait {
        policy = policy.with_retry_wait(Duration::from_secs(seconds), Duration::from_secs(seconds.max(600)));
    }
    if let Some(seconds) = fanout.notify_time {
        policy = policy.with_t_notify(Duration::from_secs(seconds));
    }
    if let Some(seconds) = fanout.session_time {
        policy = policy.with_t_session(Duration::from_secs(seconds));
    }
    if let Some(seconds) = fanout.job_time {
        policy = policy.with_job_time(Duration::from_secs(seconds));
    }
    if let Some(stages) = &fanout.stages {
        let stages: Stages = stages.parse().map_err(|error| bad("stages", &error))?;
        policy = policy.with_stages(stages);
    }
    let mut job = JobRequest::new(key_of(&fanout.key)?).with_policy(policy).telling(Told::Progress);
    for device in devices_of(&fanout.devices)? {
        job = job.with_device(device);
    }
    for device in devices_of(&fanout.except)? {
        job = job.without_device(device);
    }
    for group in &fanout.groups {
        job = job.with_group(group_of(group)?);
    }
    if let Some(selector) = &fanout.matching {
        let selector: Selector = selector.parse().map_err(|error| bad("matching", &error))?;
        job = job.with_matching(selector);
    }
    for operation in &fanout.operations {
        job = job.with_command(operation.command().map_err(Denied::Value)?);
    }
    Ok(job)
}

fn node(console: &Console, slot: ImagesSlot, keys: &[&str]) -> LocUri<'static> {
    LocUri::new(console.binding().uri(slot, keys).as_str().to_owned()).expect("an address is a token")
}

fn put_image(console: &Console, image: &Image) -> Result<Vec<Command<'static>>, Denied> {
    let key = ImageKey::new(&image.key).map_err(|error| bad("key", &error))?;
    let at = |slot| node(console, slot, &[key.as_str()]);
    let text = |slot, value: &str| {
        Ok::<_, Denied>(
            Item::to(at(slot)).with_data(Data::text(value.to_owned()).map_err(|error| bad("text", &error))?),
        )
    };
    let octets = image.base64.as_deref().map(Base64::decode_vec).transpose();
    let octets = octets.map_err(|_| Denied::Value("base64: this is none".into()))?;
    let digest = match (&octets, &image.sha256) {
        (Some(octets), None) => Sha256::digest(octets).iter().map(|octet| format!("{octet:02x}")).collect(),
        (_, Some(given)) => given.to_ascii_lowercase(),
        (None, None) => return Err(Denied::Value("an image that is fetched needs its sha256".into())),
    };
    let folder = Item::to(at(ImagesSlot::Image)).with_meta(Meta::new().with_format(Format::NODE));
    let mut commands = vec![Add::single(cmd_id(), folder).into()];
    let mut settings = vec![text(ImagesSlot::Hash, &format!("sha-256:{digest}"))?];
    if let Some(octets) = &octets {
        let size = Item::to(at(ImagesSlot::Size)).with_meta(Meta::new().with_format(Format::INT));
        settings
            .push(size.with_data(Data::text(octets.len().to_string()).map_err(|error| bad("size", &error))?));
    }
    for (slot, value) in [
        (ImagesSlot::Name, &image.name),
        (ImagesSlot::Ver, &image.version),
        (ImagesSlot::Type, &image.media_type),
        (ImagesSlot::Src, &image.url),
    ] {
        if let Some(value) = value {
            settings.push(text(slot, value)?);
        }
    }
    commands.push(Replace::new(cmd_id(), settings).into());
    for group in &image.groups {
        let uri = node(console, ImagesSlot::ScopeGroup, &[key.as_str(), group]);
        let item = Item::to(uri).with_data(Data::text(group.clone()).map_err(|error| bad("group", &error))?);
        commands.push(Add::single(cmd_id(), item).into());
    }
    match (octets, &image.url) {
        (Some(octets), None) => {
            let item = Item::to(at(ImagesSlot::Data))
                .with_meta(Meta::new().with_format(Format::BIN))
                .with_data(Data::octets(octets));
            commands.push(Replace::single(cmd_id(), item).into());
        }
        (None, Some(_)) => commands.push(Exec::new(cmd_id(), Item::to(at(ImagesSlot::Fetch))).into()),
        _ => return Err(Denied::Value("an image has either its octets or a url".into())),
    }
    Ok(commands)
}

/// What an answer says, read as it was asked for; `null` when there is nothing to read.
pub(super) fn read(work: &Work) -> Value {
    if work.state != WorkState::Done {
        return Value::Null;
    }
    let items: Vec<Item<'static>> = work.found.iter().filter_map(super::work::Found::to_item).collect();
    let console = Console::new();
    let read = || -> Option<Value> {
        Some(match &work.reading {
            Reading::Plain => return None,
            Reading::Summary => {
                let summary = console.read_summary(&items).ok()?;
                json!({ "total": summary.total, "attached": summary.attached, "detached": summary.detached, "rev": summary.rev })
            }
            Reading::Devices { from } => {
                let page = console.read_devices(Serial::new(*from)?, &items).ok()?;
                let line = |line: &gwmo_model::console::DeviceLine| json!({ "serial": line.serial.get(), "id": line.id.as_str(), "status": status_word(line.status) });
                json!({ "devices": page.devices.iter().map(line).collect::<Vec<_>>(), "next": page.next.map(Serial::get) })
            }
            Reading::Job { key } => {
                let status = console.read_job(&JobKey::new(key).ok()?, &items).ok()?;
                let mut job = Job { key: key.clone(), owner: work.device.clone(), ..Job::default() };
                note_status(&mut job, &status);
                serde_json::to_value(job).ok()?
            }
            Reading::Outcomes { key } => {
                let outcomes = console.read_outcomes(&JobKey::new(key).ok()?, &items).ok()?;
                let bucket = |bucket: &gwmo_model::Bucket| {
                    let ranges = bucket.serials.iter();
                    let ranges = ranges.map(|range| json!([range.first.get(), range.last.get()]));
                    json!({
                        "state": bucket.state.as_str(), "code": bucket.code.get(), "count": bucket.count,
                        "serials": ranges.collect::<Vec<_>>(),
                    })
                };
                json!({ "buckets": outcomes.buckets.iter().map(bucket).collect::<Vec<_>>(), "cut": outcomes.is_cut })
            }
            Reading::Records { key, from } => {
                let page = console.read_records(&JobKey::new(key).ok()?, Serial::new(*from)?, &items).ok()?;
                let line = |line: &gwmo_model::console::RecordLine| {
                    json!({
                        "serial": line.serial.get(), "id": line.id.as_ref().map(DeviceId::as_str),
                        "state": line.state.as_str(), "code": line.code.map(|code| code.get()), "tries": line.tries,
                    })
                };
                json!({ "records": page.records.iter().map(line).collect::<Vec<_>>(), "next": page.next.map(Serial::get) })
            }
            Reading::Answers { key, serial, ops } => {
                let answers = console
                    .read_answers(&JobKey::new(key).ok()?, Serial::new(*serial)?, *ops, &items)
                    .ok()?;
                let answer = |answer: &gwmo_model::console::OpAnswer| {
                    let text = answer.data.as_deref().map(std::str::from_utf8);
                    json!({
                        "operation": answer.number, "status": answer.status.map(|status| status.get()),
                        "text": text.and_then(Result::ok), "format": answer.format, "type": answer.media_type,
                        "base64": text.filter(|text| text.is_err()).and(answer.data.as_deref()).map(Base64::encode_string),
                    })
                };
                json!({ "answers": answers.iter().map(answer).collect::<Vec<_>>() })
            }
            Reading::Image { key } => {
                let [state, result, size, uri] = IMAGE_SLOTS.map(|slot| {
                    let uri = node(&console, slot, &[key]);
                    work.found.iter().find(|found| found.uri == uri.as_str())?.text.clone()
                });
                let number = |text: Option<String>| text.and_then(|text| text.parse::<u64>().ok());
                let words = ["empty", "receiving", "downloading", "verifying", "ready", "failed", "evicted"];
                let word = *words.get(usize::try_from(number(state)?).ok()?)?;
                json!({ "key": key, "state": word, "result": number(result), "size": number(size), "uri": uri })
            }
        })
    };
    read().unwrap_or(Value::Null)
}

/// A gateway's alert: what it says of fanouts is remembered, and at the end of one its counters are asked for.
pub(super) fn heard(engine: &Engine, peer: &str, changes: &mut Changes, alert: &Alert<'_>) {
    let class = engine.directory().devices.get(peer).map(|known| known.device.class);
    if class != Some(Class::Gateway) {
        return;
    }
    let console = Console::new();
    match console.read_alert(alert) {
        Ok(Some(GatewayAlert::JobEnded { key, result, .. })) => {
            if let Some(mut job) = job_of(engine, changes, peer, key.as_str()) {
                job.result = Some(result.get());
                changes.jobs.push(job);
            }
            let reading = Reading::Job { key: key.as_str().into() };
            let what = format!("state of fanout {}", key.as_str());
            let work = engine.draft(peer, NewWork { what, command: console.get_job(&key), reading });
            changes.work.insert(work.number, (work, false));
        }
        Ok(Some(GatewayAlert::JobProgress { key, counters, .. })) => {
            if let Some(mut job) = job_of(engine, changes, peer, key.as_str()) {
                job.state = "running".into();
                note_counters(&mut job, &counters);
                changes.jobs.push(job);
            }
        }
        Ok(Some(other)) => tracing::info!(peer, alert = ?other, "of a gateway"),
        Ok(None) => {}
        Err(error) => tracing::warn!(peer, %error, "an alert that cannot be read"),
    }
}

/// A gateway's answer about a fanout is remembered.
pub(super) fn answered(engine: &Engine, changes: &mut Changes, work: &Work) {
    let Reading::Job { key } = &work.reading else { return };
    let items: Vec<Item<'static>> = work.found.iter().filter_map(super::work::Found::to_item).collect();
    let Ok(name) = JobKey::new(key) else { return };
    if let (Ok(status), Some(mut job)) =
        (Console::new().read_job(&name, &items), job_of(engine, changes, &work.device, key))
    {
        note_status(&mut job, &status);
        changes.jobs.push(job);
    }
}

fn job_of(engine: &Engine, changes: &Changes, owner: &str, key: &str) -> Option<Job> {
    let changed = changes.jobs.iter().rev().find(|job| job.owner == owner && job.key == key).cloned();
    changed.or_else(|| engine.directory().jobs.get(&(owner.to_owned(), key.to_owned())).cloned())
}

fn note_status(job: &mut Job, status: &JobStatus) {
    job.state = state_word(status.state).into();
    job.result = status.result.map(|result| result.get());
    note_counters(job, &status.counters);
}

fn note_counters(job: &mut Job, counters: &Counters) {
    (job.total, job.queued, job.in_flight) = (counters.total, counters.queued, counters.in_flight);
    let outcomes = [
        ("ok", counters.ok),
        ("failed", counters.failed),
        ("refused", counters.refused),
        ("unreachable", counters.unreachable),
        ("timed_out", counters.timed_out),
        ("indeterminate", counters.indeterminate),
        ("skipped", counters.skipped),
        ("cancelled", counters.cancelled),
    ];
    job.outcomes =
        outcomes.map(|(name, count)| (name.to_owned(), count)).into_iter().collect::<BTreeMap<_, _>>();
}

const fn state_word(state: JobState) -> &'static str {
    match state {
        JobState::Draft => "draft",
        JobState::Scheduled => "scheduled",
        JobState::Running => "running",
        JobState::Paused => "paused",
        JobState::Cancelling => "cancelling",
        JobState::Completed => "completed",
        JobState::Aborted => "aborted",
        JobState::Cancelled => "cancelled",
        JobState::Expired => "expired",
        _ => "error",
    }
}

const fn status_word(status: AttachStatus) -> &'static str {
    match status {
        AttachStatus::Attached => "attached",
        _ => "detached",
    }
}
