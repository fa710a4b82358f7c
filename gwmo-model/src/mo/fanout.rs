//! [`Object::Fanout`](super::Object::Fanout) over the fanout, with the drafts of jobs.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use core::time::Duration;

use dm_syncml::StatusCode;
use dm_tree::{Children, Context, Rights, Value};

use super::job::Job;
use super::operation::Operation;
use super::policy::{POLICY_SLOTS, is_adjustable, policy_text, with_policy_text};
use super::record::{Written, trace_text};
use super::table::{FanoutSlot as Node, GroupsSlot};
use super::{Keys, Leaf, Objects, Shape, boolean, chr, int, named_leaf, text_of};
use crate::device::{DeviceId, Serial};
use crate::error::JobErrorKind;
use crate::fanout::{
    JobKey, JobNo, JobSpec, JobState, JobView, OrderReply, Policy, ResultCode, StartOptions, TargetState,
    Which,
};
use crate::group::GroupId;
use crate::image::ImageAddress;
use crate::inventory::AttachStatus;

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
            | Node::TargetMatch
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
            Node::OpSubstitute => {
                let step = job.ops.get(&op_number(keys[1])?)?;
                step.substitutes.contains_key(keys[2]).then_some(open)
            }
            Node::Op | Node::OpOnErr | Node::OpAsync | Node::OpSubstitutes => {
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
            Node::TargetMatch => chr(job.matching.as_ref().map_or_else(String::new, ToString::to_string)),
            Node::TargetLive => boolean(job.live),
            Node::Trace => chr(trace_text(&job.trace)),
            Node::StartAt => chr(job.start_at.map_or_else(String::new, |time| time.to_string())),
            Node::ReportAlert => int(job.report.alert),
            Node::ReportDetail => int(job.report.detail),
            Node::ReportGrouping => int(job.report.grouping),
            Node::OpCmd | Node::OpOnErr | Node::OpAsync | Node::OpSubstitute => {
                let step = op_number(keys[1]).and_then(|number| job.ops.get(&number));
                let step = step.ok_or(StatusCode::NOT_FOUND)?;
                match node {
                    Node::OpOnErr => int(u8::from(step.stops)),
                    Node::OpAsync => chr(&step.ends_by),
                    Node::OpSubstitute => {
                        chr(step.substitutes.get(keys[2]).ok_or(StatusCode::NOT_FOUND)?.as_str())
                    }
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

    /// Whether an operation of a job carries a secret, or asks for one.
    pub(super) fn op_has_secret(&self, job: &str, number: &str) -> bool {
        let operation = self.job(job).zip(op_number(number)).and_then(|((_, job), number)| {
            let step = job.ops.get(&number)?;
            step.operation.as_ref()
        });
        operation.is_some_and(|operation| operation.secret().is_some())
    }

    /// Whether one of its operations does.
    pub(super) fn job_has_secret(&self, job: &str) -> bool {
        self.job(job).is_some_and(|(_, job)| job.secrets().next().is_some())
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
            Node::OpSubstitute => {
                let step = op_number(keys[1]).and_then(|number| job.ops.get(&number));
                step.is_none_or(|step| step.substitutes.keys().all(|text| out.push(text)))
            }
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
        if node == Node::Job {
            let key = JobKey::new(keys[0]).map_err(|error| error.status())?;
            if self.jobs.by_key.len() >= self.fanout.limits().max_jobs as usize {
                return Err(StatusCode::DEVICE_FULL);
            }
            // Jobs belong to servers; no application has them.
            let owner = cx.server().ok_or(StatusCode::PERMISSION_DENIED)?.clone();
            self.jobs.put(key.clone(), Job::new(owner.clone()));
            self.record(Written::Job { key, owner });
            return Ok(());
        }
        let (_, job) = self.job(keys[0]).ok_or(StatusCode::NOT_FOUND)?;
        if node == Node::Op && job.ops.len() >= usize::from(self.fanout.limits().max_ops) {
            return Err(StatusCode::DEVICE_FULL);
        }
        if let (Node::TargetDevice | Node::TargetGroup | Node::TargetException, Some(value)) = (node, value) {
            named_leaf(keys[1], value)?;
        }
        self.write_job(node, keys, value)
    }

    pub(super) fn fanout_replace(
        &mut self,
        node: Node,
        keys: &Keys<'_>,
        value: &Value,
    ) -> Result<(), StatusCode> {
        self.write_job(node, keys, Some(value))
    }

    /// Writes into a draft, or what may change of a job that runs.
    fn write_job(&mut self, node: Node, keys: &Keys<'_>, value: Option<&Value>) -> Result<(), StatusCode> {
        let (key, job) = self.job(keys[0]).ok_or(StatusCode::NOT_FOUND)?;
        let key = key.clone();
        if let Some(number) = job.started {
            let text = text_of(value.filter(|_| is_adjustable(node)).ok_or(StatusCode::NOT_ALLOWED)?)?;
            let policy = with_policy_text(job.policy, node, text)?;
            let change = |running: &mut Policy| *running = policy;
            self.fanout.handle_policy(self.now, number, change).map_err(|error| error.status())?;
        }
        if let (Node::OpCmd, true, Some(value)) = (node, self.in_clear, value) {
            let operation = Operation::new(value.clone(), self.limits.max_op, &self.secrets)?;
            if operation.secret().is_some() {
                return Err(self.withhold(node, keys));
            }
        }
        let entry = entry_of(node, keys);
        self.jobs.write(&key, node, &entry, value, &self.limits, &self.secrets)?;
        self.record(Written::Node { key, node, entry, value: value.cloned() });
        Ok(())
    }

    pub(super) fn fanout_delete(&mut self, node: Node, keys: &Keys<'_>) -> Result<(), StatusCode> {
        let (key, job) = self.job(keys[0]).ok_or(StatusCode::NOT_FOUND)?;
        let key = key.clone();
        if node != Node::Job {
            if job.started.is_some() {
                return Err(StatusCode::NOT_ALLOWED);
            }
            let entry = entry_of(node, keys);
            self.jobs.erase(&key, node, &entry)?;
            self.record(Written::Erased { key, node, entry });
            return Ok(());
        }
        if let Some(number) = job.started {
            let owner = job.owner.clone();
            self.fanout.handle_remove(self.now, number).map_err(|error| error.status())?;
            // Its owner need not hear of it any more.
            self.outbox.handle_job_removed(self.now, &owner, number);
        }
        self.jobs.remove(&key);
        self.record(Written::Removed { key });
        Ok(())
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
                // What its commands name may have gone since it was over.
                if self.gate(number) != Some(Ok(())) {
                    return Err(StatusCode::NOT_SUPPORTED);
                }
                let count = self.fanout.handle_retry(now, number, &which);
                if count.is_ok_and(|count| count > 0) {
                    self.pin_images(number);
                }
                count.map(|count| match count {
                    0 => OrderReply::AlreadyDone,
                    _ => OrderReply::Accepted,
                })
            }
            _ => return Err(StatusCode::NOT_ALLOWED),
        };
        done.map(OrderReply::status).map_err(|error| error.status())
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
                if let Some(job) = self.jobs.by_key.get_mut(&key) {
                    job.refusal = Some(why);
                }
                self.record(Written::Refused { key, code: why.get() });
                return Err(status);
            }
        };
        self.jobs.started(&key, number);
        self.pin_images(number);
        if self.gate(number).is_none() {
            options = options.gated();
        }
        let reply = self.fanout.handle_start_with(self.now, number, options);
        self.record(Written::Started { key, number });
        reply.map(OrderReply::status).map_err(|error| error.status())
    }

    /// What the commands of a job name must not go while it needs it, and must be there before it begins.
    fn pin_images(&mut self, number: JobNo) {
        let Some((_, job)) = self.jobs.numbered(number) else { return };
        let images: Vec<_> =
            job.images().filter_map(|image| self.images.number_of(job.owner(), image)).collect();
        for image in images {
            // One that too many jobs use already is still used by this one.
            let _ = self.images.handle_pinned(self.now, image, number);
        }
    }

    /// What the fanout is to do for a draft; or why it cannot start, as a Status and as its `Result`.
    fn spec(&self, cx: &Context<'_>, key: &JobKey) -> Result<JobSpec, (StatusCode, ResultCode)> {
        let bad_target = |status| (status, ResultCode::BAD_TARGET);
        let job = self.jobs.by_key.get(key).ok_or(bad_target(StatusCode::NOT_FOUND))?;
        let ops = job.fanout_ops()?;
        for image in job.images() {
            match self.address_of(&job.owner, image) {
                None | Some(ImageAddress::Absent) => {
                    return Err((StatusCode::NOT_SUPPORTED, ResultCode::BAD_OPERATION));
                }
                Some(ImageAddress::Failed(code)) => return Err((StatusCode::NOT_SUPPORTED, code)),
                Some(_) => {}
            }
        }
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

    fn job(&self, name: &str) -> Option<(&JobKey, &Job)> {
        self.jobs.by_key.get_key_value(&JobKey::new(name).ok()?)
    }

    pub(super) fn view(&self, job: &Job) -> Option<JobView<'_>> {
        self.fanout.job(job.started?)
    }
}

/// The names below a job that somebody chose, as one; the first is a number where there are two.
fn entry_of(node: Node, keys: &Keys<'_>) -> String {
    match node {
        Node::OpSubstitute => alloc::format!("{}/{}", keys[1], keys[2]),
        _ if node.has_entry() => keys[1].into(),
        _ => String::new(),
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

/// The number of an operation: a plain decimal from 1 to 65535, so that operations have one order.
pub(super) fn op_number(name: &str) -> Option<u16> {
    let serial: Serial = name.parse().ok()?;
    u16::try_from(serial.get()).ok()
}
