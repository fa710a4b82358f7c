//! What is known of the groups and jobs of gateways: what was asked for, and what the gateway says of it.

use std::collections::BTreeMap;

use dm_syncml::Alert;
use gwmo_model::Counters;
use gwmo_model::console::{Console, GatewayAlert, GroupStatus, JobStatus};
use serde::{Deserialize, Serialize};

use super::super::account::Class;
use super::super::changes::Changes;
use super::super::engine::Engine;
use super::super::work::{Work, WorkState};
use super::ask::{group_id, job_key};
use super::plan::look_at_job;
use super::reading::{Reading, items};

/// What a gateway has not confirmed yet.
const REQUESTED: &str = "requested";
const REFUSED: &str = "refused";

/// A fanout at a gateway, as last heard of.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::dm_server) struct Job {
    /// Numbers them in the order they were asked for.
    pub(in crate::dm_server) no: u64,
    /// The gateway.
    pub(in crate::dm_server) owner: String,
    pub(in crate::dm_server) key: String,
    /// `requested` until the gateway has answered, `refused` if it will have none of it, else what the gateway says.
    pub(in crate::dm_server) state: String,
    /// Why it was refused.
    #[serde(default)]
    pub(in crate::dm_server) reason: Option<String>,
    pub(in crate::dm_server) result: Option<u16>,
    pub(in crate::dm_server) total: u32,
    pub(in crate::dm_server) queued: u32,
    pub(in crate::dm_server) in_flight: u32,
    pub(in crate::dm_server) outcomes: BTreeMap<String, u32>,
    /// How many operations it has.
    pub(in crate::dm_server) ops: u16,
}

/// A group at a gateway.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::dm_server) struct Group {
    /// Numbers them in the order they were asked for.
    #[serde(default)]
    pub(in crate::dm_server) no: u64,
    pub(in crate::dm_server) gateway: String,
    pub(in crate::dm_server) id: String,
    /// `requested`, `confirmed` or `refused`.
    #[serde(default)]
    pub(in crate::dm_server) state: String,
    /// Why it was refused.
    #[serde(default)]
    pub(in crate::dm_server) reason: Option<String>,
    /// Its members, as the gateway counts them.
    pub(in crate::dm_server) count: Option<u32>,
    #[serde(default)]
    pub(in crate::dm_server) rule: Option<String>,
}

/// What a command decides about, beside what its answer says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "thing", rename_all = "kebab-case")]
pub(in crate::dm_server) enum Thing {
    /// Without it there is no such group.
    Group { group: String },
    /// With it there is none any more.
    GroupGone { group: String },
    /// Without it there is no such job.
    Job { key: String },
    /// With it there is none any more.
    JobGone { key: String },
}

impl Job {
    /// Whether devices may still be served for it.
    pub(in crate::dm_server) fn is_running(&self) -> bool {
        matches!(self.state.as_str(), "scheduled" | "running" | "paused" | "cancelling")
    }

    pub(super) fn note_status(&mut self, status: &JobStatus) {
        self.state = status.state.as_str().into();
        self.reason = None;
        self.result = status.result.map(|result| result.get());
        self.note_counters(&status.counters);
    }

    fn note_counters(&mut self, counters: &Counters) {
        (self.total, self.queued, self.in_flight) = (counters.total, counters.queued, counters.in_flight);
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
        self.outcomes = outcomes.map(|(name, count)| (name.to_owned(), count)).into();
    }
}

/// A group is asked for. One that is there already stays what it is: the gateway will say so.
pub(super) fn request_group(engine: &Engine, gateway: &str, id: &str, also: &mut Changes) {
    let former = group_of(engine, also, gateway, id);
    if former.as_ref().is_none_or(|group| group.state == REFUSED) {
        let no = former.map_or_else(|| engine.directory().next_standing(), |group| group.no);
        let (gateway, id) = (gateway.into(), id.into());
        also.groups.push((Group { no, gateway, id, state: REQUESTED.into(), ..Group::default() }, true));
    }
}

/// A job is asked for. One that is there already stays what it is.
pub(super) fn request_job(engine: &Engine, gateway: &str, key: &str, ops: usize, also: &mut Changes) {
    let former = job_of(engine, also, gateway, key);
    if former.as_ref().is_none_or(|job| job.state == REFUSED) {
        let no = former.map_or_else(|| engine.directory().next_standing(), |job| job.no);
        let job = Job {
            no,
            owner: gateway.into(),
            key: key.into(),
            state: REQUESTED.into(),
            ops: u16::try_from(ops).unwrap_or(u16::MAX),
            ..Job::default()
        };
        also.jobs.push((job, true));
    }
}

/// A gateway's alert: what it says of fanouts is remembered, and at the end of one its counters are asked for.
pub(in crate::dm_server) fn heard(engine: &Engine, peer: &str, changes: &mut Changes, alert: &Alert<'_>) {
    let class = engine.directory().devices.get(peer).map(|known| known.device.class);
    if class != Some(Class::Gateway) {
        return;
    }
    match Console::new().read_alert(alert) {
        Ok(Some(GatewayAlert::JobEnded { key, result, .. })) => {
            if let Some(mut job) = job_of(engine, changes, peer, key.as_str()) {
                job.result = Some(result.get());
                changes.jobs.push((job, true));
            }
            for new in look_at_job(key.as_str()).unwrap_or_default() {
                let work = engine.draft(peer, new, Vec::new());
                changes.work.insert(work.number, (work, false));
            }
        }
        Ok(Some(GatewayAlert::JobProgress { key, counters, .. })) => {
            if let Some(mut job) = job_of(engine, changes, peer, key.as_str()) {
                job.state = "running".into();
                job.reason = None;
                job.note_counters(&counters);
                changes.jobs.push((job, true));
            }
        }
        Ok(Some(other)) => tracing::info!(peer, alert = ?other, "of a gateway"),
        Ok(None) => {}
        Err(error) => tracing::warn!(peer, %error, "an alert that cannot be read"),
    }
}

/// A gateway's answer about a group or a job is remembered.
pub(in crate::dm_server) fn answered(engine: &Engine, changes: &mut Changes, work: &Work) {
    let (console, items) = (Console::new(), items(work));
    if work.state != WorkState::Done {
        return;
    }
    match &work.reading {
        Reading::Job { key } => {
            let status = job_key(key).ok().and_then(|key| console.read_job(&key, &items).ok());
            if let (Some(status), Some(mut job)) = (status, job_of(engine, changes, &work.device, key)) {
                job.note_status(&status);
                changes.jobs.push((job, true));
            }
        }
        Reading::Group { group } => {
            let status = group_id(group).ok().and_then(|id| console.read_group(&id, &items).ok());
            let Some(GroupStatus { count, rule, .. }) = status else { return };
            let known = group_of(engine, changes, &work.device, group);
            let known = known.unwrap_or_else(|| Group {
                no: engine.directory().next_standing(),
                gateway: work.device.clone(),
                id: group.clone(),
                ..Group::default()
            });
            let rule = rule.map(|rule| rule.to_string());
            let group = Group { state: "confirmed".into(), reason: None, count: Some(count), rule, ..known };
            changes.groups.push((group, true));
        }
        _ => {}
    }
}

/// A command that decides about a group or a job has ended.
pub(in crate::dm_server) fn settled(engine: &Engine, changes: &mut Changes, work: &Work) {
    let Some(thing) = &work.concerns else { return };
    let gateway = &work.device;
    let done = matches!(work.state, WorkState::Done | WorkState::Accepted);
    // What is not there cannot be deleted, and is gone all the same.
    let gone = done || work.code == Some(404);
    let why = || {
        let code = work.code.map(|code| format!("{code} "));
        let reason = work.reason.as_deref().unwrap_or(work.state.word());
        Some(format!("{}: {}{reason}", work.what, code.unwrap_or_default()))
    };
    match thing {
        Thing::Group { group } if !done => {
            if let Some(group) = group_of(engine, changes, gateway, group)
                && group.state == REQUESTED
            {
                changes.groups.push((Group { state: REFUSED.into(), reason: why(), ..group }, true));
            }
        }
        Thing::Job { key } if !done => {
            if let Some(job) = job_of(engine, changes, gateway, key)
                && job.state == REQUESTED
            {
                changes.jobs.push((Job { state: REFUSED.into(), reason: why(), ..job }, true));
            }
        }
        Thing::GroupGone { group } if gone => {
            if let Some(group) = group_of(engine, changes, gateway, group) {
                changes.groups.push((group, false));
            }
        }
        Thing::JobGone { key } if gone => {
            if let Some(job) = job_of(engine, changes, gateway, key) {
                changes.jobs.push((job, false));
            }
        }
        _ => {}
    }
}

/// A job as the message being answered leaves it.
fn job_of(engine: &Engine, changes: &Changes, owner: &str, key: &str) -> Option<Job> {
    let changed = changes.jobs.iter().rev().find(|(job, _)| job.owner == owner && job.key == key);
    match changed {
        Some((job, there)) => there.then(|| job.clone()),
        None => engine.directory().jobs.get(&(owner.to_owned(), key.to_owned())).cloned(),
    }
}

/// A group as the message being answered leaves it.
fn group_of(engine: &Engine, changes: &Changes, gateway: &str, id: &str) -> Option<Group> {
    let changed = changes.groups.iter().rev().find(|(group, _)| group.gateway == gateway && group.id == id);
    match changed {
        Some((group, there)) => there.then(|| group.clone()),
        None => engine.directory().groups.get(&(gateway.to_owned(), id.to_owned())).cloned(),
    }
}
