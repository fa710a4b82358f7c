//! [`Object::Fanout`](super::Object::Fanout) over the fanout, with the drafts of jobs.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use core::time::Duration;

use dm_syncml::StatusCode;
use dm_tree::{Children, Context, Rights, ServerId, Timestamp, Value};

use super::groups::{device_id, group_id};
use super::job::{Job, Step};
use super::operation::Operation;
use super::policy::{POLICY_SLOTS, is_adjustable, policy_text, with_policy_text};
use super::table::{FanoutSlot as Node, GroupsSlot};
use super::{Keys, Leaf, Objects, Shape, bool_of, boolean, chr, int, named_leaf, number_of, text_of};
use crate::device::{DeviceId, Serial};
use crate::error::JobErrorKind;
use crate::fanout::{
    JobKey, JobSpec, JobState, JobView, OrderReply, Policy, ResultCode, StartOptions, TargetState, Trace,
    Which,
};
use crate::group::GroupId;
use crate::inventory::AttachStatus;

/// Longest type of an alert, in octets.
const MAX_ALERT_TYPE: usize = 255;

/// Longest Correlator that is kept, in octets: it is an identifier, usually a number or a UUID.
const MAX_CORRELATOR: usize = 255;

impl Objects {
    pub(super) fn fanout_shape(&self, node: Node, keys: &Keys<'_>) -> Option<Shape> {
        if matches!(node, Node::Root | Node::Jobs) {
            return Some(Shape::PLAIN);
        }
        let (_, job) = self.job(keys[0])?;
        // What is frozen takes nothing but Get.
        let open = if job.started.is_none() { Shape::PLAIN } else { Shape::FROZEN };
        match node {
            Node::Job
            | Node::JobId
            | Node::Owner
            | Node::Start
            | Node::Pause
            | Node::Resume
            | Node::Cancel
            | Node::Retry
            | Node::State
            | Node::Result
            | Node::Policy
            | Node::Report => Some(Shape::PLAIN),
            Node::Target
            | Node::TargetDevices
            | Node::TargetGroups
            | Node::TargetExceptions
            | Node::TargetLive
            | Node::Trace
            | Node::StartAt
            | Node::ReportAlert
            | Node::ReportDetail
            | Node::ReportGrouping
            | Node::Ops => Some(open),
            Node::TargetDevice => job.devices.contains(&DeviceId::new(keys[1]).ok()?).then_some(open),
            Node::TargetGroup => job.groups.contains(&GroupId::new(keys[1]).ok()?).then_some(open),
            Node::TargetException => job.except.contains(&DeviceId::new(keys[1]).ok()?).then_some(open),
            Node::Op | Node::OpOnErr | Node::OpAsync => {
                job.ops.contains_key(&op_number(keys[1])?).then_some(open)
            }
            Node::OpCmd => {
                let value = job.ops.get(&op_number(keys[1])?)?.operation.as_ref()?.value();
                Some(Shape { content: Some((value.format(), String::from(value.mime()))), ..open })
            }
            _ if is_adjustable(node) && self.view(job).is_some_and(|view| !view.state().is_over()) => {
                Some(Shape::PLAIN)
            }
            _ if POLICY_SLOTS.contains(&node) => Some(open),
            _ => self.result_shape(job, node, keys),
        }
    }

    pub(super) fn fanout_value(&self, node: Node, keys: &Keys<'_>) -> Leaf {
        let (_, job) = self.job(keys[0]).ok_or(StatusCode::NOT_FOUND)?;
        let view = self.view(job);
        Ok(match node {
            Node::JobId => chr(keys[0]),
            Node::Owner => chr(job.owner.as_str()),
            Node::TargetDevice | Node::TargetGroup | Node::TargetException => chr(keys[1]),
            Node::TargetLive => boolean(job.live),
            Node::Trace => {
                let gateways: Vec<&str> = job.trace.gateways().map(ServerId::as_str).collect();
                chr(gateways.join(","))
            }
            Node::StartAt => chr(job.start_at.map_or_else(String::new, |time| time.to_string())),
            Node::ReportAlert => int(job.report.alert),
            Node::ReportDetail => int(job.report.detail),
            Node::ReportGrouping => int(job.report.grouping),
            Node::OpCmd | Node::OpOnErr | Node::OpAsync => {
                let step = op_number(keys[1]).and_then(|number| job.ops.get(&number));
                let step = step.ok_or(StatusCode::NOT_FOUND)?;
                match node {
                    Node::OpOnErr => int(u8::from(step.stops)),
                    Node::OpAsync => chr(&step.ends_by),
                    _ => step.operation.as_ref().ok_or(StatusCode::NOT_FOUND)?.value().data().to_vec(),
                }
            }
            Node::State => int(view.map_or(JobState::Draft, |view| view.state()).number()),
            Node::Result => {
                let code = view.map_or(job.refusal, |view| view.result());
                int(code.map_or(0, ResultCode::get))
            }
            _ => match policy_text(&job.policy, node) {
                Some(text) => text.into_bytes(),
                None => return self.result_value(job, node, keys),
            },
        })
    }

    pub(super) fn fanout_names(&self, node: Node, keys: &Keys<'_>, out: &mut Children) {
        if node == Node::Job {
            self.jobs.by_key.keys().all(|key| out.push(key.as_str()));
            return;
        }
        let Some((_, job)) = self.job(keys[0]) else { return };
        match node {
            Node::TargetDevice => job.devices.iter().all(|id| out.push(id.as_str())),
            Node::TargetGroup => job.groups.iter().all(|id| out.push(id.as_str())),
            Node::TargetException => job.except.iter().all(|id| out.push(id.as_str())),
            Node::Op => job.ops.keys().all(|number| out.push(&number.to_string())),
            _ => {
                self.result_names(job, node, out);
                true
            }
        };
    }

    pub(super) fn fanout_add(
        &mut self,
        cx: &Context<'_>,
        node: Node,
        keys: &Keys<'_>,
        value: Option<&Value>,
    ) -> Result<(), StatusCode> {
        let max = self.limits.max_named;
        match (node, value) {
            (Node::Job, None) => {
                let key = JobKey::new(keys[0]).map_err(|error| error.status())?;
                if self.jobs.by_key.len() >= self.fanout.limits().max_jobs as usize {
                    return Err(StatusCode::DEVICE_FULL);
                }
                self.jobs.put(key, Job::new(cx.server().clone()));
                Ok(())
            }
            (Node::TargetDevice, Some(value)) => {
                named_leaf(keys[1], value)?;
                put(&mut self.draft(keys[0])?.devices, device_id(keys[1])?, max)
            }
            (Node::TargetGroup, Some(value)) => {
                named_leaf(keys[1], value)?;
                put(&mut self.draft(keys[0])?.groups, group_id(keys[1])?, max)
            }
            (Node::TargetException, Some(value)) => {
                named_leaf(keys[1], value)?;
                put(&mut self.draft(keys[0])?.except, device_id(keys[1])?, max)
            }
            (Node::Op, None) => {
                let number = op_number(keys[1]).ok_or(StatusCode::NOT_SUPPORTED)?;
                let max = usize::from(self.fanout.limits().max_ops);
                let job = self.draft(keys[0])?;
                if job.ops.len() >= max {
                    return Err(StatusCode::DEVICE_FULL);
                }
                job.ops.insert(number, Step::default());
                Ok(())
            }
            (Node::OpCmd, Some(value)) => self.write_op(keys, value),
            _ => Err(StatusCode::NOT_ALLOWED),
        }
    }

    pub(super) fn fanout_replace(
        &mut self,
        node: Node,
        keys: &Keys<'_>,
        value: &Value,
    ) -> Result<(), StatusCode> {
        if node == Node::OpCmd {
            return self.write_op(keys, value);
        }
        let text = text_of(value)?;
        if POLICY_SLOTS.contains(&node) {
            return self.write_policy(keys[0], node, text);
        }
        let job = self.draft(keys[0])?;
        match node {
            Node::TargetLive => job.live = bool_of(value)?,
            Node::Trace => {
                let mut trace = Trace::default();
                for gateway in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                    if trace.gateways().len() >= Trace::MAX_DEPTH {
                        return Err(StatusCode::NOT_SUPPORTED);
                    }
                    trace = trace.through(ServerId::new(gateway).map_err(|_| StatusCode::NOT_SUPPORTED)?);
                }
                job.trace = trace;
            }
            Node::StartAt => {
                job.start_at = match text {
                    "" => None,
                    time => Some(Timestamp::parse(time).ok_or(StatusCode::NOT_SUPPORTED)?),
                }
            }
            Node::ReportAlert => job.report.alert = choice(value, 3)?,
            Node::ReportDetail => job.report.detail = choice(value, 3)?,
            Node::ReportGrouping => job.report.grouping = choice(value, 2)?,
            Node::OpOnErr | Node::OpAsync => {
                let step = op_number(keys[1]).and_then(|number| job.ops.get_mut(&number));
                let step = step.ok_or(StatusCode::NOT_FOUND)?;
                if node == Node::OpOnErr {
                    step.stops = choice(value, 1)? == 1;
                } else if text.len() > MAX_ALERT_TYPE || crate::identifier::unprintable(text).is_some() {
                    return Err(StatusCode::NOT_SUPPORTED);
                } else {
                    step.ends_by = text.into();
                }
            }
            _ => return Err(StatusCode::NOT_ALLOWED),
        }
        Ok(())
    }

    fn write_policy(&mut self, name: &str, node: Node, text: &str) -> Result<(), StatusCode> {
        let (_, job) = self.job(name).ok_or(StatusCode::NOT_FOUND)?;
        let policy = with_policy_text(job.policy, node, text)?;
        if let Some(number) = job.started {
            if !is_adjustable(node) {
                return Err(StatusCode::NOT_ALLOWED);
            }
            let change = |running: &mut Policy| *running = policy;
            self.fanout.handle_policy(self.now, number, change).map_err(|error| error.status())?;
        }
        self.job_mut(name).ok_or(StatusCode::NOT_FOUND)?.policy = policy;
        Ok(())
    }

    pub(super) fn fanout_delete(&mut self, node: Node, keys: &Keys<'_>) -> Result<(), StatusCode> {
        let gone = match node {
            Node::Job => return self.remove_job(keys[0]),
            Node::TargetDevice => self.draft(keys[0])?.devices.remove(&device_id(keys[1])?),
            Node::TargetGroup => self.draft(keys[0])?.groups.remove(&group_id(keys[1])?),
            Node::TargetException => self.draft(keys[0])?.except.remove(&device_id(keys[1])?),
            Node::Op => {
                let number = op_number(keys[1]).ok_or(StatusCode::NOT_FOUND)?;
                let step = self.draft(keys[0])?.ops.remove(&number).ok_or(StatusCode::NOT_FOUND)?;
                self.jobs.ops_len -= step.len();
                true
            }
            _ => return Err(StatusCode::NOT_ALLOWED),
        };
        if gone { Ok(()) } else { Err(StatusCode::NOT_FOUND) }
    }

    pub(super) fn fanout_exec(
        &mut self,
        cx: &Context<'_>,
        node: Node,
        keys: &Keys<'_>,
        argument: &[u8],
    ) -> Result<StatusCode, StatusCode> {
        if node == Node::Start {
            return self.start(cx, keys[0]);
        }
        let now = self.now;
        // A draft has nothing to pause, cancel or try again.
        let (_, job) = self.job(keys[0]).ok_or(StatusCode::NOT_FOUND)?;
        let number = job.started.ok_or(StatusCode::NOT_ALLOWED)?;
        let done = match node {
            Node::Pause => self.fanout.handle_pause(now, number),
            Node::Resume => self.fanout.handle_resume(now, number),
            Node::Cancel => self.fanout.handle_cancel(now, number),
            Node::Retry => {
                let which = which(argument)?;
                self.fanout.handle_retry(now, number, &which).map(|count| match count {
                    0 => OrderReply::AlreadyDone,
                    _ => OrderReply::Accepted,
                })
            }
            _ => return Err(StatusCode::NOT_ALLOWED),
        };
        done.map(OrderReply::status).map_err(|error| error.status())
    }

    fn remove_job(&mut self, name: &str) -> Result<(), StatusCode> {
        let (key, job) = self.job(name).ok_or(StatusCode::NOT_FOUND)?;
        let key = key.clone();
        if let Some(number) = job.started {
            let owner = job.owner.clone();
            self.fanout.handle_remove(self.now, number).map_err(|error| error.status())?;
            // Its owner need not hear of it any more.
            self.outbox.handle_job_removed(self.now, &owner, number);
        }
        self.jobs.remove(&key);
        Ok(())
    }

    /// Checks everything, and only then begins.
    fn start(&mut self, cx: &Context<'_>, name: &str) -> Result<StatusCode, StatusCode> {
        let (key, job) = self.job(name).ok_or(StatusCode::NOT_FOUND)?;
        let key = key.clone();
        if let Some(number) = job.started {
            let reply = self.fanout.handle_start(self.now, number).map_err(|error| error.status())?;
            return Ok(reply.status());
        }
        let mut options = StartOptions::new();
        match cx.correlator() {
            Some(text) if text.len() > MAX_CORRELATOR => return Err(StatusCode::TOO_LARGE),
            Some(text) => options = options.with_correlator(text),
            None => {}
        }
        if let Some(time) = job.start_at {
            // Without a clock there is no telling when that is.
            let clock = self.wall_clock().ok_or(StatusCode::NOT_ALLOWED)?;
            let rest = time.unix().saturating_sub(clock.unix());
            options = options.after(Duration::from_secs(u64::try_from(rest).unwrap_or(0)));
        }
        let added = self.spec(cx, &key).and_then(|spec| {
            let added = self.fanout.handle_add(self.now, spec);
            added.map_err(|error| (error.status(), refusal(error.kind())))
        });
        let number = match added {
            Ok(number) => number,
            Err((status, why)) => {
                if let Some(job) = self.job_mut(name) {
                    job.refusal = Some(why);
                }
                return Err(status);
            }
        };
        let reply = self.fanout.handle_start_with(self.now, number, options);
        self.jobs.started(&key, number);
        reply.map(OrderReply::status).map_err(|error| error.status())
    }

    /// What the fanout is to do for a draft; or why it cannot start, as a Status and as its `Result`.
    fn spec(&self, cx: &Context<'_>, key: &JobKey) -> Result<JobSpec, (StatusCode, ResultCode)> {
        let bad_target = |status| (status, ResultCode::BAD_TARGET);
        let job = self.jobs.by_key.get(key).ok_or(bad_target(StatusCode::NOT_FOUND))?;
        let ops = job.fanout_ops()?;
        let targets = job.targets();
        if targets.is_empty() {
            return Err(bad_target(StatusCode::INCOMPLETE_COMMAND));
        }
        // A group that is not its owner's to read is not its to address either.
        for group in job.groups.iter().filter(|group| !group.is_all_devices()) {
            let uri = self.binding.uri(GroupsSlot::Group, &[group.as_str()]);
            if !cx.may(&job.owner, Rights::GET, &uri) {
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
        let spec = JobSpec::new(job.owner.clone(), key.clone(), resolved.serials, ops)
            .with_policy(job.policy)
            .with_trace(job.trace.clone())
            .with_detached(detached);
        Ok(if job.live { spec.with_live_targets() } else { spec })
    }

    fn write_op(&mut self, keys: &Keys<'_>, value: &Value) -> Result<(), StatusCode> {
        let operation = Operation::new(value.clone(), self.limits.max_op)?;
        let number = op_number(keys[1]).ok_or(StatusCode::NOT_FOUND)?;
        let (ops_len, max) = (self.jobs.ops_len, self.limits.max_ops);
        let step = self.draft(keys[0])?.ops.get_mut(&number).ok_or(StatusCode::NOT_FOUND)?;
        let (old, new) = (step.len(), operation.len());
        if new > old && ops_len - old + new > max {
            return Err(StatusCode::DEVICE_FULL);
        }
        step.operation = Some(operation);
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

    pub(super) fn view(&self, job: &Job) -> Option<JobView<'_>> {
        self.fanout.job(job.started?)
    }
}

/// Why a job cannot start, as its `Result`.
const fn refusal(kind: JobErrorKind) -> ResultCode {
    match kind {
        JobErrorKind::Loop | JobErrorKind::TooDeep => ResultCode::LOOP,
        JobErrorKind::TooManyTargets { .. } => ResultCode::BAD_TARGET,
        JobErrorKind::NoOperations | JobErrorKind::TooManyOperations { .. } => ResultCode::BAD_OPERATION,
        _ => ResultCode::new(1400),
    }
}

/// Which targets are tried again: all that are not ok when nothing is said, else the names of leaves of `Stat`, or
/// numbers of devices, with commas.
fn which(argument: &[u8]) -> Result<Which, StatusCode> {
    let text = core::str::from_utf8(argument).map_err(|_| StatusCode::UNSUPPORTED_FORMAT)?.trim();
    if text.is_empty() {
        return Ok(Which::NotOk);
    }
    let names = || text.split(',').map(str::trim);
    let state = |name: &str| TargetState::ALL.into_iter().find(|state| retried(*state) == Some(name));
    if let Some(states) = names().map(state).collect() {
        return Ok(Which::States(states));
    }
    let serials: Result<Vec<Serial>, _> = names().map(str::parse).collect();
    serials.map(Which::Devices).map_err(|_| StatusCode::NOT_SUPPORTED)
}

/// What a state after which a target may be tried again is called in the argument of `Retry`.
pub(crate) const fn retried(state: TargetState) -> Option<&'static str> {
    Some(match state {
        TargetState::Failed => "Failed",
        TargetState::Refused => "Refused",
        TargetState::Unreachable => "Unreachable",
        TargetState::TimedOut => "Timeout",
        TargetState::Skipped => "Skipped",
        TargetState::Cancelled => "Cancelled",
        TargetState::Indeterminate => "Unknown",
        _ => return None,
    })
}

/// A number of a list of choices that begins with 0.
fn choice(value: &Value, last: u8) -> Result<u8, StatusCode> {
    let number = number_of(value)?;
    u8::try_from(number).ok().filter(|number| *number <= last).ok_or(StatusCode::NOT_SUPPORTED)
}

/// The number of an operation: a plain decimal from 1 to 65535, so that operations have one order.
pub(super) fn op_number(name: &str) -> Option<u16> {
    let serial: Serial = name.parse().ok()?;
    u16::try_from(serial.get()).ok()
}

fn put<T: Ord>(set: &mut BTreeSet<T>, one: T, max: usize) -> Result<(), StatusCode> {
    if set.len() >= max {
        return Err(StatusCode::DEVICE_FULL);
    }
    set.insert(one);
    Ok(())
}
