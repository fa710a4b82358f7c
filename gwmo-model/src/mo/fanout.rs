//! `./GwMO/Fanout` over the fanout, with the drafts of jobs.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dm_syncml::{Correlator, StatusCode};
use dm_tree::{AccessType, Children, Context, ExecReply, Format, NewNode, NodeFacts, Rights, Value};

use super::groups::device_of;
use super::job::{Job, POLICY_LEAVES, policy_value, with_policy_value};
use super::operation::Operation;
use super::paths::{
    self, CANCEL, CMD, CODE, CUT, DATA, DEV, DEV_ID, FMT, GROUP, JOB_ID, JOBS, NOT, OP, OPS, OUT, OWNER,
    PAGE, POLICY, REC, RESULT, START, STAT, STATE, SUM, TARGET, TOTAL, TRIES, TYPE, WINDOW,
};
use super::{FANOUT_MO, Leaf, Objects};
use crate::device::Serial;
use crate::fanout::{Bucket, Counters, JobKey, JobSpec, JobState, JobView, OpRecord, TargetRecord};
use crate::group::GroupId;
use crate::inventory::AttachStatus;

const JOB_NODES: [&str; 11] = [CANCEL, JOB_ID, OPS, OUT, OWNER, POLICY, RESULT, START, STAT, STATE, TARGET];

/// Finds one of the counters.
type Counter = fn(&mut Counters) -> &mut u32;

/// The leaves of `Stat`, each with its counter.
pub(crate) const STATS: [(&str, Counter); 11] = [
    (TOTAL, |c| &mut c.total),
    ("Queued", |c| &mut c.queued),
    ("Flight", |c| &mut c.in_flight),
    ("Ok", |c| &mut c.ok),
    ("Failed", |c| &mut c.failed),
    ("Refused", |c| &mut c.refused),
    ("Unreachable", |c| &mut c.unreachable),
    ("Timeout", |c| &mut c.timed_out),
    ("Skipped", |c| &mut c.skipped),
    ("Cancelled", |c| &mut c.cancelled),
    ("Unknown", |c| &mut c.indeterminate),
];

/// Longest Correlator that is kept, in octets: it is an identifier, usually a number or a UUID.
const MAX_CORRELATOR: usize = 255;

const READ: AccessType = AccessType::GET;

impl Objects {
    pub(super) fn fanout_node(&self, path: &[&str]) -> Option<NodeFacts> {
        let [JOBS, rest @ ..] = path else {
            return path.is_empty().then(|| NodeFacts::interior().with_type(FANOUT_MO));
        };
        let [name, rest @ ..] = rest else {
            return Some(NodeFacts::interior().with_access(READ | AccessType::ADD));
        };
        let (_, job) = self.job(name)?;
        let draft = job.started.is_none();
        // What is frozen takes nothing but Get, and counts as permanent.
        let list = || NodeFacts::interior().with_access(if draft { READ | AccessType::ADD } else { READ });
        let entry = |facts: NodeFacts, more: AccessType| match draft {
            true => facts.with_access(READ | AccessType::DELETE | more).dynamic(),
            false => facts,
        };
        let setting = |open: bool| {
            NodeFacts::leaf(Format::Int).with_access(if open { READ | AccessType::REPLACE } else { READ })
        };
        let order = || NodeFacts::leaf(Format::Null).with_access(AccessType::EXEC);
        Some(match rest {
            [] => NodeFacts::interior().with_access(READ | AccessType::DELETE).dynamic(),
            [TARGET | POLICY | STAT | OUT] | [OUT, REC | PAGE] => NodeFacts::interior(),
            [TARGET, DEV | GROUP | NOT] | [OPS] => list(),
            [TARGET, kind, entry_name] => {
                named(job, kind, entry_name)?;
                entry(NodeFacts::leaf(Format::Chr), AccessType::NONE)
            }
            [OPS, number] => {
                job.ops.get(&op_number(number)?)?;
                entry(NodeFacts::interior(), AccessType::ADD)
            }
            [OPS, number, CMD] => {
                let value = job.ops.get(&op_number(number)?)?.as_ref()?.value();
                let facts = NodeFacts::leaf(value.format()).with_type(String::from(value.mime()));
                entry(facts, AccessType::REPLACE)
            }
            [POLICY, leaf] if POLICY_LEAVES.contains(leaf) => setting(draft || self.may_resize(job, leaf)),
            [START | CANCEL] => order(),
            [OUT, PAGE, from] => from.parse::<Serial>().ok().map(|_| NodeFacts::leaf(Format::Chr))?,
            [OUT, SUM] => NodeFacts::leaf(Format::Chr),
            [OUT, REC, serial, rest @ ..] => self.record_node(job, serial, rest)?,
            _ => NodeFacts::leaf(self.job_leaf(name, job, rest)?.format),
        })
    }

    pub(super) fn fanout_value(&self, path: &[&str]) -> Result<Vec<u8>, StatusCode> {
        let [JOBS, name, rest @ ..] = path else { return Err(StatusCode::NOT_FOUND) };
        let (_, job) = self.job(name).ok_or(StatusCode::NOT_FOUND)?;
        let found = match rest {
            [TARGET, kind, entry] => named(job, kind, entry).map(|text| text.as_bytes().to_vec()),
            [OPS, number, CMD] => op_number(number)
                .and_then(|number| job.ops.get(&number)?.as_ref())
                .map(|operation| operation.value().data().to_vec()),
            [OUT, SUM] => Some(self.sum(job).into_bytes()),
            [OUT, PAGE, from] => from.parse().ok().map(|from| self.record_page(job, from).into_bytes()),
            [OUT, REC, serial, rest @ ..] => self.record_value(job, serial, rest),
            _ => self.job_leaf(name, job, rest).map(|leaf| leaf.text.into_bytes()),
        };
        found.ok_or(StatusCode::NOT_FOUND)
    }

    pub(super) fn fanout_children(&self, path: &[&str], out: &mut Children) {
        let mut all = |names: &[&str]| names.iter().all(|name| out.push(name));
        let [JOBS, rest @ ..] = path else {
            all(&[JOBS]);
            return;
        };
        let [name, rest @ ..] = rest else {
            self.jobs.by_key.keys().all(|key| out.push(key.as_str()));
            return;
        };
        let Some((_, job)) = self.job(name) else { return };
        match rest {
            [] => all(&JOB_NODES),
            [TARGET] => all(&[DEV, GROUP, NOT]),
            [TARGET, DEV] => job.devices.keys().all(|name| out.push(name)),
            [TARGET, GROUP] => job.groups.keys().all(|name| out.push(name)),
            [TARGET, NOT] => job.except.keys().all(|name| out.push(name)),
            [OPS] => job.ops.keys().all(|number| out.push(&number.to_string())),
            [OPS, number] => {
                let has_command =
                    op_number(number).and_then(|number| job.ops.get(&number)?.as_ref()).is_some();
                has_command && all(&[CMD])
            }
            [POLICY] => all(&POLICY_LEAVES),
            [STAT] => STATS.iter().all(|(name, _)| out.push(name)),
            [OUT] => all(&[PAGE, REC, SUM]),
            // Any serial names a page; listed is the one to begin with.
            [OUT, PAGE] => all(&["1"]),
            [OUT, REC] => {
                let view = self.view(job);
                view.is_none_or(|view| view.records(..).all(|record| out.push(&record.serial().to_string())))
            }
            [OUT, REC, serial, rest @ ..] => self.record_children(job, serial, rest, out),
            _ => true,
        };
    }

    pub(super) fn fanout_add(
        &mut self,
        cx: &Context<'_>,
        path: &[&str],
        new: &NewNode,
    ) -> Result<(), StatusCode> {
        match (path, new) {
            ([JOBS, name], NewNode::Interior { .. }) => {
                let key = JobKey::new(name).map_err(|error| error.status())?;
                if self.jobs.by_key.len() >= self.fanout.limits().max_jobs as usize {
                    return Err(StatusCode::DEVICE_FULL);
                }
                // Jobs belong to servers; no application has them.
                let server = cx.server().ok_or(StatusCode::PERMISSION_DENIED)?;
                self.jobs.by_key.insert(key, Job::new(server.clone()));
                Ok(())
            }
            ([JOBS, name, TARGET, kind, entry], NewNode::Leaf(value)) => {
                let max = self.limits.max_named;
                let job = self.draft(name)?;
                let entry = String::from(*entry);
                match *kind {
                    DEV => put(&mut job.devices, entry, device_of(value)?, max),
                    NOT => put(&mut job.except, entry, device_of(value)?, max),
                    GROUP => {
                        let text = value.as_str().ok_or(StatusCode::UNSUPPORTED_FORMAT)?;
                        let group = GroupId::new(text).map_err(|error| error.status())?;
                        put(&mut job.groups, entry, group, max)
                    }
                    _ => Err(StatusCode::NOT_FOUND),
                }
            }
            ([JOBS, name, OPS, number], NewNode::Interior { .. }) => {
                let max = usize::from(self.fanout.limits().max_ops);
                let number = op_number(number).ok_or(StatusCode::NOT_SUPPORTED)?;
                put(&mut self.draft(name)?.ops, number, None, max)
            }
            ([JOBS, name, OPS, number, CMD], NewNode::Leaf(value)) => self.write_op(name, number, value),
            _ => Err(StatusCode::UNSUPPORTED_FORMAT),
        }
    }

    pub(super) fn fanout_replace(&mut self, path: &[&str], value: &Value) -> Result<(), StatusCode> {
        match path {
            [JOBS, name, OPS, number, CMD] => self.write_op(name, number, value),
            [JOBS, name, POLICY, leaf] => {
                let number = value.as_str().and_then(|text| text.parse::<i32>().ok());
                let number = number.ok_or(StatusCode::UNSUPPORTED_FORMAT)?;
                let number = u32::try_from(number).map_err(|_| StatusCode::NOT_SUPPORTED)?;
                let now = self.now;
                let (_, job) = self.job(name).ok_or(StatusCode::NOT_FOUND)?;
                let policy = with_policy_value(job.policy, leaf, number).ok_or(StatusCode::NOT_SUPPORTED)?;
                if let Some(started) = &job.started {
                    let running = started.number;
                    if *leaf != WINDOW {
                        return Err(StatusCode::NOT_ALLOWED);
                    }
                    self.fanout.handle_job_window(now, running, number).map_err(|error| error.status())?;
                }
                self.job_mut(name).ok_or(StatusCode::NOT_FOUND)?.policy = policy;
                Ok(())
            }
            _ => Err(StatusCode::NOT_ALLOWED),
        }
    }

    pub(super) fn fanout_delete(&mut self, path: &[&str]) -> Result<(), StatusCode> {
        match path {
            [JOBS, name] => {
                let key = JobKey::new(name).map_err(|error| error.status())?;
                let job = self.jobs.by_key.get(&key).ok_or(StatusCode::NOT_FOUND)?;
                if let Some(started) = &job.started {
                    self.fanout.handle_remove(self.now, started.number).map_err(|error| error.status())?;
                    // Its owner need not hear of it any more.
                    self.outbox.handle_job_removed(self.now, &job.owner, started.number);
                }
                self.jobs.remove(&key);
                Ok(())
            }
            [JOBS, name, TARGET, kind, entry] => {
                let job = self.draft(name)?;
                let gone = match *kind {
                    DEV => job.devices.remove(*entry).is_some(),
                    GROUP => job.groups.remove(*entry).is_some(),
                    NOT => job.except.remove(*entry).is_some(),
                    _ => false,
                };
                if gone { Ok(()) } else { Err(StatusCode::NOT_FOUND) }
            }
            [JOBS, name, OPS, number, rest @ ..] => {
                let number = op_number(number).ok_or(StatusCode::NOT_FOUND)?;
                let job = self.draft(name)?;
                let operation = match rest {
                    [] => job.ops.remove(&number).ok_or(StatusCode::NOT_FOUND)?,
                    _ => job.ops.get_mut(&number).ok_or(StatusCode::NOT_FOUND)?.take(),
                };
                self.jobs.ops_len -= operation.as_ref().map_or(0, Operation::len);
                Ok(())
            }
            _ => Err(StatusCode::NOT_ALLOWED),
        }
    }

    pub(super) fn fanout_exec(&mut self, cx: &Context<'_>, path: &[&str]) -> ExecReply {
        let reply = match path {
            [JOBS, name, START] => self.start(cx, name),
            [JOBS, name, CANCEL] => self.cancel(name),
            _ => Err(StatusCode::NOT_ALLOWED),
        };
        match reply {
            Ok(StatusCode::ACCEPTED) => ExecReply::Accepted,
            Ok(status) | Err(status) => ExecReply::Done(status),
        }
    }

    /// Checks everything, and only then begins.
    fn start(&mut self, cx: &Context<'_>, name: &str) -> Result<StatusCode, StatusCode> {
        let (key, job) = self.job(name).ok_or(StatusCode::NOT_FOUND)?;
        let key = key.clone();
        if let Some(started) = &job.started {
            let number = started.number;
            let reply = self.fanout.handle_start(self.now, number).map_err(|error| error.status())?;
            return Ok(reply.status());
        }
        let correlator = match cx.correlator() {
            Some(text) if text.len() > MAX_CORRELATOR => return Err(StatusCode::TOO_LARGE),
            Some(text) => Correlator::new(String::from(text)).ok(),
            None => None,
        };
        let spec = match self.spec(cx, &key) {
            Ok(spec) => spec,
            Err((status, why)) => {
                if let Some(job) = self.job_mut(name) {
                    job.refusal = Some(why);
                }
                return Err(status);
            }
        };
        let number = self.fanout.handle_add(self.now, spec).map_err(|error| error.status())?;
        let reply = self.fanout.handle_start(self.now, number).map_err(|error| error.status())?;
        self.jobs.started(&key, number, correlator);
        Ok(reply.status())
    }

    /// What the fanout is to do for a draft; or why it cannot start, as a Status and as its `Result`.
    fn spec(&self, cx: &Context<'_>, key: &JobKey) -> Result<JobSpec, (StatusCode, crate::ResultCode)> {
        let bad_target = |status| (status, crate::ResultCode::BAD_TARGET);
        let job = self.jobs.by_key.get(key).ok_or(bad_target(StatusCode::NOT_FOUND))?;
        let ops = job.fanout_ops()?;
        let targets = job.targets();
        if targets.is_empty() {
            return Err(bad_target(StatusCode::INCOMPLETE_COMMAND));
        }
        // A group that is not its owner's to read is not its to address either.
        for group in job.groups.values().filter(|group| !group.is_all_devices()) {
            if !cx.may(&job.owner, Rights::GET, &paths::group(group)) {
                return Err(bad_target(StatusCode::PERMISSION_DENIED));
            }
        }
        let resolved = targets
            .resolve(&self.inventory, &self.groups)
            .map_err(|_| bad_target(StatusCode::NOT_SUPPORTED))?;
        if !resolved.unknown.is_empty() {
            return Err(bad_target(StatusCode::NOT_SUPPORTED));
        }
        let is_detached = |serial: &Serial| {
            self.inventory.record(*serial).is_none_or(|record| record.status() == AttachStatus::Detached)
        };
        let detached: Vec<Serial> = resolved.serials.iter().copied().filter(is_detached).collect();
        Ok(JobSpec::new(job.owner.clone(), key.clone(), resolved.serials, ops)
            .with_policy(job.policy)
            .with_detached(detached))
    }

    /// Cancels a job that runs; a draft has nothing to cancel.
    fn cancel(&mut self, name: &str) -> Result<StatusCode, StatusCode> {
        let (_, job) = self.job(name).ok_or(StatusCode::NOT_FOUND)?;
        let number = job.started.as_ref().ok_or(StatusCode::NOT_ALLOWED)?.number;
        let reply = self.fanout.handle_cancel(self.now, number).map_err(|error| error.status())?;
        Ok(reply.status())
    }

    fn write_op(&mut self, name: &str, number: &str, value: &Value) -> Result<(), StatusCode> {
        let operation = Operation::new(value.clone(), self.limits.max_op)?;
        let number = op_number(number).ok_or(StatusCode::NOT_FOUND)?;
        let (ops_len, max) = (self.jobs.ops_len, self.limits.max_ops);
        let slot = self.draft(name)?.ops.get_mut(&number).ok_or(StatusCode::NOT_FOUND)?;
        let (old, new) = (slot.as_ref().map_or(0, Operation::len), operation.len());
        if new > old && ops_len - old + new > max {
            return Err(StatusCode::DEVICE_FULL);
        }
        *slot = Some(operation);
        self.jobs.ops_len = ops_len - old + new;
        Ok(())
    }

    fn job(&self, name: &str) -> Option<(&JobKey, &Job)> {
        self.jobs.by_key.get_key_value(&JobKey::new(name).ok()?)
    }

    fn job_mut(&mut self, name: &str) -> Option<&mut Job> {
        self.jobs.by_key.get_mut(&JobKey::new(name).ok()?)
    }

    /// A job that can still be changed.
    fn draft(&mut self, name: &str) -> Result<&mut Job, StatusCode> {
        match self.job_mut(name) {
            Some(job) if job.started.is_none() => Ok(job),
            Some(_) => Err(StatusCode::NOT_ALLOWED),
            None => Err(StatusCode::NOT_FOUND),
        }
    }

    fn view(&self, job: &Job) -> Option<JobView<'_>> {
        self.fanout.job(job.started.as_ref()?.number)
    }

    /// The window is the one setting that may change while the job runs.
    fn may_resize(&self, job: &Job, leaf: &str) -> bool {
        leaf == WINDOW && self.view(job).is_some_and(|view| !view.state().is_over())
    }

    fn job_leaf(&self, name: &str, job: &Job, path: &[&str]) -> Option<Leaf> {
        let view = self.view(job);
        Some(match path {
            [JOB_ID] => Leaf::chr(String::from(name)),
            [OWNER] => Leaf::chr(job.owner.to_string()),
            [STATE] => Leaf::int(view.map_or(JobState::Draft, |view| view.state()).number().into()),
            [RESULT] => {
                let code = view.map_or(job.refusal, |view| view.result());
                Leaf::int(code.map_or(0, crate::ResultCode::get).into())
            }
            [STAT, leaf] => {
                let (_, of) = STATS.iter().find(|(name, _)| name == leaf)?;
                Leaf::int(*of(&mut view.map(|view| view.counters()).unwrap_or_default()))
            }
            [POLICY, leaf] => Leaf::int(policy_value(&job.policy, leaf)?),
            _ => return None,
        })
    }

    fn record_node(&self, job: &Job, serial: &str, path: &[&str]) -> Option<NodeFacts> {
        let record = self.record(job, serial)?;
        Some(match path {
            [] | [OP] => NodeFacts::interior(),
            [OP, number] => {
                op_record(job, &record, number)?;
                NodeFacts::interior()
            }
            [OP, number, leaf] => {
                let op = op_record(job, &record, number)?;
                let (format, _) = op_leaf(&op, leaf)?;
                match op.media_type() {
                    Some(media_type) if *leaf == DATA => {
                        NodeFacts::leaf(format).with_type(String::from(media_type))
                    }
                    _ => NodeFacts::leaf(format),
                }
            }
            [leaf] => NodeFacts::leaf(self.record_leaf(&record, leaf)?.format),
            _ => return None,
        })
    }

    fn record_value(&self, job: &Job, serial: &str, path: &[&str]) -> Option<Vec<u8>> {
        let record = self.record(job, serial)?;
        match path {
            [OP, number, leaf] => op_leaf(&op_record(job, &record, number)?, leaf).map(|(_, value)| value),
            [leaf] => self.record_leaf(&record, leaf).map(|leaf| leaf.text.into_bytes()),
            _ => None,
        }
    }

    fn record_children(&self, job: &Job, serial: &str, path: &[&str], out: &mut Children) -> bool {
        let Some(record) = self.record(job, serial) else { return true };
        match path {
            [] => {
                let here = |name: &&str| *name == OP || self.record_leaf(&record, name).is_some();
                [CODE, DEV_ID, OP, STATE, TRIES].into_iter().filter(here).all(|name| out.push(name))
            }
            [OP] => job.ops.keys().all(|number| out.push(&number.to_string())),
            [OP, number] => {
                let Some(op) = op_record(job, &record, number) else { return true };
                let here = |name: &&str| op_leaf(&op, name).is_some();
                [CODE, CUT, DATA, FMT, TYPE].into_iter().filter(here).all(|name| out.push(name))
            }
            _ => true,
        }
    }

    fn record(&self, job: &Job, serial: &str) -> Option<TargetRecord<'_>> {
        self.view(job)?.record(serial.parse().ok()?)
    }

    fn record_leaf(&self, record: &TargetRecord<'_>, leaf: &str) -> Option<Leaf> {
        Some(match leaf {
            DEV_ID => Leaf::chr(self.inventory.record(record.serial())?.id().to_string()),
            STATE => Leaf::int(record.state().number().into()),
            CODE => Leaf::int(record.code().map_or(0, crate::ResultCode::get).into()),
            TRIES => Leaf::int(record.tries().into()),
            _ => return None,
        })
    }

    /// Lines of `serial;DevID;State;Code;Tries`, as many as fit.
    fn record_page(&self, job: &Job, from: Serial) -> String {
        let mut page = String::new();
        let Some(view) = self.view(job) else { return page };
        for record in view.records(from..) {
            let id = self.inventory.record(record.serial()).map_or("", |record| record.id().as_str());
            let (state, code) = (record.state().number(), record.code().map_or(0, crate::ResultCode::get));
            let line = format!("{};{id};{state};{code};{}\n", record.serial(), record.tries());
            if !page.is_empty() && page.len() + line.len() > self.limits.max_page {
                break;
            }
            page.push_str(&line);
        }
        page
    }

    /// The outcomes, one bucket a line. What did not fit is missing from the end, and a last line `+` says so.
    fn sum(&self, job: &Job) -> String {
        let mut sum = String::new();
        let buckets = self.view(job).map(|view| view.report().buckets).unwrap_or_default();
        for bucket in &buckets {
            if !push_bucket(&mut sum, bucket, self.limits.max_page) {
                sum.push_str("+\n");
                break;
            }
        }
        sum
    }
}

/// Adds the line of a bucket; whether all of it fitted.
fn push_bucket(sum: &mut String, bucket: &Bucket, max: usize) -> bool {
    let line = format!("{};{};{};", bucket.state.number(), bucket.code, bucket.count);
    if sum.len() + line.len() >= max {
        return false;
    }
    sum.push_str(&line);
    for (index, range) in bucket.serials.iter().enumerate() {
        let text = format!("{}{range}", if index > 0 { " " } else { "" });
        if sum.len() + text.len() >= max {
            sum.push('\n');
            return false;
        }
        sum.push_str(&text);
    }
    sum.push('\n');
    true
}

/// An entry of `Target`, as text.
fn named<'a>(job: &'a Job, kind: &str, entry: &str) -> Option<&'a str> {
    match kind {
        DEV => job.devices.get(entry).map(|id| id.as_str()),
        GROUP => job.groups.get(entry).map(GroupId::as_str),
        NOT => job.except.get(entry).map(|id| id.as_str()),
        _ => None,
    }
}

/// The number of an operation: a plain decimal from 1 to 65535, so that operations have one order.
fn op_number(name: &str) -> Option<u16> {
    let serial: Serial = name.parse().ok()?;
    u16::try_from(serial.get()).ok()
}

/// The record of an operation by its number in the job.
fn op_record<'a>(job: &Job, record: &TargetRecord<'a>, number: &str) -> Option<OpRecord<'a>> {
    let number = op_number(number)?;
    let index = job.ops.keys().position(|known| *known == number)?;
    record.op(u16::try_from(index).ok()?)
}

fn op_leaf(op: &OpRecord<'_>, leaf: &str) -> Option<(Format, Vec<u8>)> {
    let number = |number: usize| Some((Format::Int, number.to_string().into_bytes()));
    match leaf {
        CODE => number(op.status().map_or(0, |status| status.get().into())),
        FMT => op.format().map(|text| (Format::Chr, text.as_bytes().to_vec())),
        TYPE => op.media_type().map(|text| (Format::Chr, text.as_bytes().to_vec())),
        DATA => op.data().map(|data| (Format::Bin, data.to_vec())),
        CUT => op.cut().and_then(number),
        _ => None,
    }
}

fn put<K: Ord, V>(map: &mut BTreeMap<K, V>, name: K, value: V, max: usize) -> Result<(), StatusCode> {
    if map.len() >= max {
        return Err(StatusCode::DEVICE_FULL);
    }
    map.insert(name, value);
    Ok(())
}
