//! Whether jobs ran on devices as their records say, each as often as it may.

use gwmo_model::{DeviceId, Serial, TargetState};

use super::desk::Known;
use super::jobs::{ADDED, Deed, Job, OLD, WRITTEN, image_leaf_of, leaf_of};
use super::place::{MINUTE, SECOND, device_number, hub_id};
use super::town::Town;

/// What a job has left behind on a device.
struct Traces {
    run: u32,
    later: u32,
    first_at: Option<core::time::Duration>,
    leaf: Option<String>,
    image: Option<String>,
    has_old: bool,
}

/// What the record of a device says.
struct Said {
    serial: Serial,
    id: DeviceId,
    state: TargetState,
    /// Of each operation: its Status, whether it was delivered, whether it is still to come.
    ops: Vec<(Option<u16>, bool, bool)>,
}

impl Town {
    /// A job was there as long as it should be, said the same whenever it was read, and a second round changed only what it was
    /// for.
    pub(super) fn judge_rounds(&self, job: &Job, known: &Known, is_there: bool) -> Vec<String> {
        let (mut found, key) = (Vec::new(), &job.key);
        let site = self.sites.get(usize::from(job.gateway));
        let over =
            site.and_then(|site| site.ended.get(key)).zip(job.policy.keep).map(|(at, keep)| *at + keep);
        if let Some(gone_at) = known.gone_at
            && over.is_none_or(|over| gone_at < over)
        {
            found.push(format!("{key} was gone at {gone_at:?}, and was to be there until {over:?}"));
        }
        // A clock that stands still while a gateway is down is behind.
        if is_there && over.is_some_and(|over| over + 20 * MINUTE < self.network.now()) {
            found.push(format!("{key} is there, and was to be until {over:?}"));
        }
        if !known.again.is_empty() && known.again != known.records {
            found.push(format!("{key} was read as {:?}, and then as {:?}", known.records, known.again));
        }
        let stays = |state: TargetState| !is_retried(job, state);
        for line in known.before.iter().flatten().filter(|line| stays(line.state)) {
            let now = known.records.iter().find(|now| now.serial == line.serial);
            if !known.records.is_empty() && now != Some(line) {
                found.push(format!("{key}: {line:?} had ended, and is {now:?} after a second round"));
            }
        }
        found
    }

    /// What the records say was done, was; what they say was not, was not; and nothing ran more often than it may.
    pub(super) fn judge_effects(&mut self, job: &Job) -> Vec<String> {
        let mut found = Vec::new();
        for said in self.said(job) {
            let number = device_number(&said.id);
            if number.is_some_and(|number| number <= self.options.devices && !job.is_for(number)) {
                found.push(format!("{} was not for {}", job.key, said.id));
            }
            let Some(traces) = self.traces(job, &said.id) else { continue };
            let more = self.more_rounds(job, said.serial);
            for what in judge_traces(job, &said, &traces, more) {
                found.push(format!("{} on {}: {:?} {:?}: {what}", job.key, said.id, said.state, said.ops));
            }
            if let Some(uri) = &traces.image
                && !self
                    .sites
                    .get(usize::from(job.gateway))
                    .is_some_and(|site| site.files.addresses.contains_key(uri))
            {
                found.push(format!("{} on {}: {uri} is no address of an image", job.key, said.id));
            }
        }
        found
    }

    fn said(&self, job: &Job) -> Vec<Said> {
        let Some(machine) = self.machine(job.gateway) else { return Vec::new() };
        let view = machine.fanout().jobs().find(|view| *view.key() == job.key);
        let records = view.into_iter().flat_map(|view| view.records(..));
        let said = records.filter_map(|record| {
            let id = machine.inventory().record(record.serial())?.id().clone();
            let ops = record
                .ops()
                .map(|op| (op.status().map(dm_syncml::StatusCode::get), op.was_delivered(), op.is_pending()))
                .collect();
            Some(Said { serial: record.serial(), id, state: record.state(), ops })
        });
        said.collect()
    }

    /// How often more than once a device may have run what is not to be repeated: as often as the server wanted it.
    fn more_rounds(&self, job: &Job, serial: Serial) -> u32 {
        let desk = self.desks.get(usize::from(job.gateway));
        let Some(known) = desk.and_then(|desk| desk.jobs.get(&job.key)) else { return 0 };
        let before = known.before.iter().flatten().find(|line| line.serial == serial);
        if before.is_none_or(|line| is_retried(job, line.state)) { known.retries } else { 0 }
    }

    fn traces(&mut self, job: &Job, id: &DeviceId) -> Option<Traces> {
        let key = job.key.as_str();
        if *id == hub_id(job.gateway) {
            let hub = self.hubs.get(usize::from(job.gateway))?;
            let text = |node: String| Some(String::from_utf8_lossy(hub.nodes.get(&node)?).into_owned());
            return Some(Traces {
                run: hub.runs("Run", key),
                later: hub.runs("Later", key),
                first_at: None,
                leaf: text(leaf_of(key)),
                image: text(image_leaf_of(key)),
                has_old: hub.nodes.contains_key(OLD),
            });
        }
        let device = self.device(device_number(id)?)?;
        let (leaf, image) = (device.read(&leaf_of(key)), device.read(&image_leaf_of(key)));
        let has_old = device.read(OLD).is_some();
        let meter = device.meter.lock().ok()?;
        let runs = |node: &'static str| meter.runs.get(&(node, key.to_owned())).copied().unwrap_or(0);
        let first_at = meter.first_at.get(key).copied();
        Some(Traces { run: runs("Run"), later: runs("Later"), first_at, leaf, image, has_old })
    }
}

/// Whether a second round of a job is for those that ended like this.
fn is_retried(job: &Job, state: TargetState) -> bool {
    let Some((_, states)) = &job.retry else { return false };
    state != TargetState::Ok && (states.is_empty() || states.contains(&state))
}

fn judge_traces(job: &Job, said: &Said, traces: &Traces, more: u32) -> Vec<String> {
    let (mut found, state) = (Vec::new(), said.state);
    let was_done = |wanted: Deed| {
        let at = job.deeds.iter().position(|deed| *deed == wanted)?;
        let (status, ..) = said.ops.get(at)?;
        Some(status.is_some_and(|status| matches!(status, 200..=299)))
    };
    for (deed, count) in [(Deed::Run, traces.run), (Deed::Later, traces.later)] {
        if count > 1 + more {
            found.push(format!("{deed:?} ran {count} times"));
        }
        if was_done(deed) == Some(true) && count == 0 {
            found.push(format!("{deed:?} did not run"));
        }
        // Only of what was given away without an answer nobody knows, and what was before a second round is not in its record.
        let is_sure = !matches!(state, TargetState::Indeterminate) && more == 0;
        let at = job.deeds.iter().position(|known| *known == deed);
        let unanswered = at.and_then(|at| said.ops.get(at)).is_some_and(|(status, ..)| status.is_none());
        if is_sure && unanswered && count > 0 {
            found.push(format!("{deed:?} ran, and nobody knows"));
        }
    }
    if let (Some(start_at), Some(first_at)) = (job.start_at, traces.first_at)
        && first_at + SECOND < start_at
    {
        found.push(format!("ran at {first_at:?}, and was to begin at {start_at:?}"));
    }
    let all_done = job.deeds.iter().all(|deed| was_done(*deed) == Some(true));
    let may_differ = |deed: &Deed| matches!(deed, Deed::Add | Deed::Delete | Deed::Image);
    let others_done =
        job.deeds.iter().filter(|deed| !may_differ(deed)).all(|deed| was_done(*deed) == Some(true));
    if state == TargetState::Ok && !all_done && !others_done {
        found.push("ok without all of it".into());
    }
    let expected = match (was_done(Deed::Replace), was_done(Deed::Add)) {
        (Some(true), _) => Some(WRITTEN),
        (None, Some(true)) => Some(ADDED),
        _ => None,
    };
    if expected.is_some() && traces.leaf.as_deref() != expected {
        found.push(format!("the tree has {:?} instead of {expected:?}", traces.leaf));
    }
    if was_done(Deed::Image) == Some(true) && traces.image.is_none() {
        found.push("there is no address of the image".into());
    }
    let is_flawed = job.picture.as_ref().is_some_and(|picture| picture.flaw.is_some());
    if is_flawed && (traces.image.is_some() || traces.run + traces.later > 0) {
        found.push("began without its image".into());
    }
    if state == TargetState::Ok && job.deeds.contains(&Deed::Delete) && traces.has_old {
        found.push("what was deleted is there".into());
    }
    found
}
