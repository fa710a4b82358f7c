//! Whether all was as it must be.

use std::collections::{BTreeMap, BTreeSet};

use gwmo_model::{AttachStatus, Counters, Gateway, JobState, ResultCode, TargetState};

use super::jobs::Job;
use super::place::{device_id, hub_id, neighbour_id, server_id};
use super::town::Town;

/// Whether the parts add up to the whole.
pub(super) fn adds_up(counters: &Counters) -> Result<(), String> {
    let Counters { queued, in_flight, ok, failed, .. } = *counters;
    let Counters { timed_out, unreachable, refused, indeterminate, skipped, cancelled, .. } = *counters;
    let parts =
        [queued, in_flight, ok, failed, timed_out, unreachable, refused, indeterminate, skipped, cancelled];
    match parts.iter().sum::<u32>() == counters.total {
        true => Ok(()),
        false => Err(format!("counters do not add up: {counters:?}")),
    }
}

/// How many of these counters' targets ended in this state.
const fn count_of(counters: &Counters, state: TargetState) -> u32 {
    match state {
        TargetState::Ok => counters.ok,
        TargetState::Failed => counters.failed,
        TargetState::TimedOut => counters.timed_out,
        TargetState::Unreachable => counters.unreachable,
        TargetState::Refused => counters.refused,
        TargetState::Indeterminate => counters.indeterminate,
        TargetState::Skipped => counters.skipped,
        TargetState::Cancelled => counters.cancelled,
        _ => 0,
    }
}

/// The images of a gateway, as they can be seen.
fn images(of: &mut Gateway) -> Vec<String> {
    of.handle_images(dm_syncml::Instant::EPOCH, |images, _| {
        let shown = |view: gwmo_model::ImageView<'_>| {
            let uri = view.uri().map(|uri| uri.to_string());
            format!("{} {:?} {:?} {:?} {uri:?}", view.key(), view.state(), view.result(), view.digest())
        };
        images.images().map(shown).collect()
    })
}

impl Town {
    pub(super) fn judge(&mut self) {
        let mut found = Vec::new();
        for job in &self.plan.jobs {
            found.extend(self.judge_job(job));
        }
        found.extend(self.judge_inventories());
        found.extend(self.judge_alerts());
        found.extend(self.judge_storage());
        found.extend(self.judge_devices());
        found.extend(self.judge_images());
        found.extend(self.judge_pushes());
        found.extend(self.judge_triggers());
        found.extend(self.judge_peers());
        found.extend(self.judge_newcomers());
        for job in self.plan.jobs.clone() {
            found.extend(self.judge_effects(&job));
        }
        found.into_iter().for_each(|what| self.violation(what));
        self.count();
    }

    pub(super) fn machine(&self, gateway: u16) -> Option<&Gateway> {
        self.sites.get(usize::from(gateway))?.gateway.as_ref()
    }

    /// It has ended, was told, was read, and all three say the same.
    fn judge_job(&self, job: &Job) -> Vec<String> {
        let key = &job.key;
        let view = self
            .machine(job.gateway)
            .and_then(|machine| machine.fanout().jobs().find(|view| view.key() == key));
        let desk = self.desks.get(usize::from(job.gateway));
        let Some(known) = desk.and_then(|desk| desk.jobs.get(key)) else {
            return vec![format!("the server knows nothing of {key}")];
        };
        if known.is_refused {
            return Vec::new();
        }
        let mut found = self.judge_rounds(job, known, view.is_some());
        let Some(view) = view else {
            if job.policy.keep.is_none() {
                found.push(format!("{key} is not there"));
            }
            return found;
        };
        let counters = view.counters();
        if !view.state().is_over() || counters.open() != 0 {
            found.push(format!("{key} is {:?} with {counters:?}", view.state()));
        }
        found.extend(adds_up(&counters).err().map(|what| format!("{key}: {what}")));
        match &known.ended {
            Some((result, correlator)) => {
                if Some(*result) != view.result() {
                    found
                        .push(format!("{key} came to {:?}, and the server was told {result}", view.result()));
                }
                if correlator.as_deref() != Some(job.correlator().as_str()) {
                    found.push(format!("{key}: the alert gives back {correlator:?}"));
                }
            }
            None => found.push(format!("the server was not told of the end of {key}")),
        }
        match known.status {
            Some(status) if status.counters == counters && status.state == view.state() => {}
            other => found.push(format!("{key} has {counters:?}, and the server read {other:?}")),
        }
        let mut read: BTreeMap<TargetState, u32> = BTreeMap::new();
        for line in &known.records {
            *read.entry(line.state).or_default() += 1;
            let state = view.record(line.serial).map(|record| record.state());
            if state != Some(line.state) {
                found.push(format!("{key}: {:?} is {state:?}, and was read as {:?}", line.id, line.state));
            }
        }
        for state in TargetState::ALL {
            let (read, counted) = (read.get(&state).copied().unwrap_or(0), count_of(&counters, state));
            if read != counted {
                found.push(format!("{key}: {counted} are {state:?}, and {read} were read"));
            }
        }
        if let Some(outcomes) = known.outcomes.as_ref().filter(|outcomes| !outcomes.is_cut) {
            let sum: u32 = outcomes.buckets.iter().map(|bucket| bucket.count).sum();
            if sum != counters.total {
                found.push(format!("{key}: {} devices by outcome, {sum} in all", counters.total));
            }
        }
        if view.state() == JobState::Cancelled
            && !known.is_stopped
            && !job.orders.iter().any(|(_, order)| *order == super::jobs::Order::Cancel)
        {
            found.push(format!("{key} was cancelled, and nobody had said so"));
        }
        found
    }

    /// Everybody knows where every device is.
    fn judge_inventories(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (site, desk) in self.sites.iter().zip(&self.desks) {
            let Some(machine) = &site.gateway else {
                found.push(format!("gateway {} is down", site.number));
                continue;
            };
            let here =
                self.devices.iter().filter(|device| device.has_power && device.flash.home == site.number);
            let mut here: BTreeSet<_> = here.map(|device| device_id(device.number)).collect();
            here.extend([neighbour_id(site.number), hub_id(site.number)]);
            let records = machine.inventory().records(..);
            let attached: BTreeSet<_> = records
                .filter(|record| record.status() == AttachStatus::Attached)
                .map(|record| record.id().clone())
                .collect();
            let differ = |what: &str, said: &BTreeSet<gwmo_model::DeviceId>| {
                let odd: Vec<_> = said.symmetric_difference(&here).take(8).collect();
                (!odd.is_empty()).then(|| format!("gateway {}: {what} wrong: {odd:?}", site.number))
            };
            found.extend(differ("the inventory is", &attached));
            found.extend(differ("what the server read is", &desk.attached().cloned().collect()));
            let told = desk.told.iter().filter(|(_, is_there)| **is_there).map(|(id, _)| id.clone());
            found.extend(differ("what the server was told is", &told.collect()));
            let summary = machine.inventory().summary();
            let read = desk.summary.map(|read| (read.total, read.attached, read.detached));
            if read != Some((summary.total, summary.attached, summary.detached)) {
                found.push(format!("gateway {}: {summary:?}, and the server read {read:?}", site.number));
            }
            if summary.attached + summary.detached != summary.total {
                found.push(format!("gateway {}: {summary:?} does not add up", site.number));
            }
        }
        found
    }

    /// Nothing is still to be told, and what devices told was heard.
    fn judge_alerts(&self) -> Vec<String> {
        let mut found = Vec::new();
        for site in &self.sites {
            let pending =
                site.gateway.as_ref().map_or(0, |machine| machine.outbox().pending(&server_id()).count());
            if pending > 0 {
                found.push(format!("gateway {} still has {pending} alerts", site.number));
            }
        }
        for device in &self.devices {
            if device.flash.alerts.iter().next().is_some() {
                found.push(format!("device {} still has alerts", device.number));
            }
            found.extend(device.counted.iter().filter_map(|(gateway, text)| self.judge_end(*gateway, text)));
            for number in 1..=device.told {
                let what = (device.number, format!("{}-{number}", device.number));
                if !self.sites.iter().any(|site| site.heard.contains_key(&what)) {
                    found.push(format!("nobody heard {} of device {}", what.1, device.number));
                }
            }
        }
        found
    }

    /// The end of something that went on, which a gateway took in time, counts.
    fn judge_end(&self, gateway: u16, text: &str) -> Option<String> {
        let mut numbers = text.split('.').map(|number| number.parse::<u32>().ok());
        let (job, serial, attempt) = (numbers.next()??, numbers.next()??, numbers.next()??);
        let view = self.machine(gateway)?.fanout().job(gwmo_model::JobNo::new(job))?;
        let record = view.record(gwmo_model::Serial::new(serial)?)?;
        let is_missing = record.code() == Some(ResultCode::RESULT_MISSING);
        let is_lost = is_missing && u32::from(record.tries()) == attempt;
        is_lost.then(|| format!("{}: the end {text} was taken and is missing", view.key()))
    }

    /// What is stored makes the same gateways again.
    fn judge_storage(&mut self) -> Vec<String> {
        for gateway in 0..self.options.gateways {
            self.disk_is_done(gateway);
            self.disk_is_done(gateway);
        }
        let mut found = Vec::new();
        let now = self.network.now();
        for site in &mut self.sites {
            let mut again = match site.restored(site.clock(now)) {
                Ok(again) => again,
                Err(what) => {
                    found.push(format!("gateway {}: {what}", site.number));
                    continue;
                }
            };
            let Some(machine) = &mut site.gateway else { continue };
            if images(machine) != images(&mut again) {
                found.push(format!("gateway {}: other images after a restart", site.number));
            }
            let jobs = |of: &Gateway| -> Vec<String> {
                let shown = |view: gwmo_model::JobView<'_>| {
                    let records: Vec<_> = view
                        .records(..)
                        .map(|record| (record.serial(), record.state(), record.code(), record.tries()))
                        .collect();
                    format!(
                        "{} {:?} {:?} {:?} {records:?}",
                        view.key(),
                        view.state(),
                        view.result(),
                        view.counters()
                    )
                };
                of.fanout().jobs().map(shown).collect()
            };
            if jobs(machine) != jobs(&again) {
                found.push(format!("gateway {}: other jobs after a restart", site.number));
            }
            let devices = |of: &Gateway| -> Vec<_> {
                let records = of.inventory().records(..);
                records
                    .map(|record| (record.serial(), record.id().clone(), record.status(), record.epoch()))
                    .collect()
            };
            if devices(machine) != devices(&again)
                || machine.inventory().summary() != again.inventory().summary()
            {
                found.push(format!("gateway {}: other devices after a restart", site.number));
            }
            let alerts = |of: &Gateway| of.outbox().pending(&server_id()).count();
            if alerts(machine) != alerts(&again) {
                found.push(format!("gateway {}: other alerts after a restart", site.number));
            }
        }
        found
    }

    /// What is stored makes the same trees again.
    fn judge_devices(&self) -> Vec<String> {
        let mut found = Vec::new();
        for device in &self.devices {
            let is_same = match (device.tree.snapshot(), device.stored_tree().map(|tree| tree.snapshot())) {
                (Ok(tree), Ok(Ok(stored))) => tree == stored,
                _ => false,
            };
            if !is_same {
                found.push(format!("device {}: what is stored is another tree", device.number));
            }
        }
        found
    }

    fn count(&mut self) {
        for known in self.desks.iter().flat_map(|desk| desk.jobs.values()) {
            self.tally.retries += known.retries;
            self.tally.removed += u32::from(known.gone_at.is_some());
        }
        let images = self.devices.iter().flat_map(|device| device.flash.images.values());
        self.tally.pulls = images.map(|(_, got)| u32::from(got.is_some())).sum();
        for site in &self.sites {
            let Some(machine) = &site.gateway else { continue };
            for view in machine.fanout().jobs() {
                let counters = view.counters();
                self.tally.jobs += 1;
                self.tally.targets += counters.total;
                self.tally.ok += counters.ok;
                self.tally.indeterminate += counters.indeterminate;
            }
        }
    }
}
