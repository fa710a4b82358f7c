//! [`Object::Fanout`](super::Object::Fanout) over the fanout, with the drafts of jobs.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dm_syncml::{Correlator, StatusCode};
use dm_tree::{Children, Context, Rights, Value};

use super::groups::{device_id, group_id};
use super::job::Job;
use super::operation::Operation;
use super::policy::{POLICY_SLOTS, policy_value, with_policy_value};
use super::table::{FanoutSlot as Node, GroupsSlot};
use super::{Keys, Leaf, Objects, Shape, chr, int, named_leaf, number_of};
use crate::device::{DeviceId, Serial};
use crate::fanout::{JobKey, JobSpec, JobState, JobView, ResultCode};
use crate::group::GroupId;
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
            | Node::Cancel
            | Node::State
            | Node::Result => Some(Shape::PLAIN),
            Node::Policy => Some(Shape::PLAIN),
            Node::Target | Node::TargetDevices | Node::TargetGroups | Node::TargetExceptions | Node::Ops => {
                Some(open)
            }
            Node::TargetDevice => job.devices.contains(&DeviceId::new(keys[1]).ok()?).then_some(open),
            Node::TargetGroup => job.groups.contains(&GroupId::new(keys[1]).ok()?).then_some(open),
            Node::TargetException => job.except.contains(&DeviceId::new(keys[1]).ok()?).then_some(open),
            Node::Op => job.ops.contains_key(&op_number(keys[1])?).then_some(open),
            Node::OpCmd => {
                let value = job.ops.get(&op_number(keys[1])?)?.as_ref()?.value();
                Some(Shape { content: Some((value.format(), String::from(value.mime()))), ..open })
            }
            // The one setting that may change while the job runs.
            Node::Window if self.view(job).is_some_and(|view| !view.state().is_over()) => Some(Shape::PLAIN),
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
            Node::OpCmd => {
                let operation = op_number(keys[1]).and_then(|number| job.ops.get(&number)?.as_ref());
                operation.ok_or(StatusCode::NOT_FOUND)?.value().data().to_vec()
            }
            Node::State => int(view.map_or(JobState::Draft, |view| view.state()).number()),
            Node::Result => {
                let code = view.map_or(job.refusal, |view| view.result());
                int(code.map_or(0, ResultCode::get))
            }
            _ => match policy_value(&job.policy, node) {
                Some(value) => int(value),
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
                job.ops.insert(number, None);
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
        let number = number_of(value)?;
        let (_, job) = self.job(keys[0]).ok_or(StatusCode::NOT_FOUND)?;
        let policy = with_policy_value(job.policy, node, number).ok_or(StatusCode::NOT_SUPPORTED)?;
        if let Some(started) = &job.started {
            let running = started.number;
            if node != Node::Window {
                return Err(StatusCode::NOT_ALLOWED);
            }
            self.fanout.handle_job_window(self.now, running, number).map_err(|error| error.status())?;
        }
        self.job_mut(keys[0]).ok_or(StatusCode::NOT_FOUND)?.policy = policy;
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
                let operation = self.draft(keys[0])?.ops.remove(&number).ok_or(StatusCode::NOT_FOUND)?;
                self.jobs.ops_len -= operation.as_ref().map_or(0, Operation::len);
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
    ) -> Result<StatusCode, StatusCode> {
        match node {
            Node::Start => self.start(cx, keys[0]),
            Node::Cancel => self.cancel(keys[0]),
            _ => Err(StatusCode::NOT_ALLOWED),
        }
    }

    fn remove_job(&mut self, name: &str) -> Result<(), StatusCode> {
        let (key, job) = self.job(name).ok_or(StatusCode::NOT_FOUND)?;
        let key = key.clone();
        if let Some(started) = &job.started {
            let number = started.number;
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

    fn write_op(&mut self, keys: &Keys<'_>, value: &Value) -> Result<(), StatusCode> {
        let operation = Operation::new(value.clone(), self.limits.max_op)?;
        let number = op_number(keys[1]).ok_or(StatusCode::NOT_FOUND)?;
        let (ops_len, max) = (self.jobs.ops_len, self.limits.max_ops);
        let slot = self.draft(keys[0])?.ops.get_mut(&number).ok_or(StatusCode::NOT_FOUND)?;
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

    pub(super) fn view(&self, job: &Job) -> Option<JobView<'_>> {
        self.fanout.job(job.started.as_ref()?.number)
    }
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
