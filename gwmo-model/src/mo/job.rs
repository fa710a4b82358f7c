//! What servers write into a job before it starts.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use dm_syncml::{Command, StatusCode};
use dm_tree::{Rights, ServerId, Timestamp};

use super::live::LiveJobs;
use super::operation::Operation;
use crate::console::{JobRequest, OpRequest, Told};
use crate::device::DeviceId;
use crate::fanout::{JobKey, JobNo, Op, Policy, ResultCode, Trace};
use crate::group::{GroupId, TargetSet};
use crate::image::ImageKey;
use crate::selector::Selector;

/// The jobs of all servers, drafts and started ones, by the name of their node.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    pub(super) by_key: BTreeMap<JobKey, Job>,
    by_number: BTreeMap<JobNo, JobKey>,
    /// Those that were started and that devices may join.
    pub(crate) live: LiveJobs,
    /// Octets of all operations.
    pub(super) ops_len: usize,
}

/// One job as its server wrote it.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(super) owner: ServerId,
    pub(super) trace: Trace,
    pub(super) devices: BTreeSet<DeviceId>,
    pub(super) groups: BTreeSet<GroupId>,
    pub(super) except: BTreeSet<DeviceId>,
    pub(super) matching: Option<Selector>,
    pub(super) live: bool,
    /// By number.
    pub(super) ops: BTreeMap<u16, Step>,
    pub(super) policy: Policy,
    pub(super) start_at: Option<Timestamp>,
    pub(super) report: ReportPolicy,
    /// Why the last Start was refused.
    pub(super) refusal: Option<ResultCode>,
    pub(super) started: Option<JobNo>,
}

/// One operation and what is to be done about it.
#[derive(Clone, Debug, Default)]
pub(super) struct Step {
    /// `None` until the `Cmd` comes.
    pub(super) operation: Option<Operation>,
    pub(super) stops: bool,
    /// The type of the alert that ends it; empty for none.
    pub(super) ends_by: String,
    /// Images whose addresses go in the place of these texts.
    pub(super) substitutes: BTreeMap<String, ImageKey>,
}

/// What is told about a job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReportPolicy {
    /// 0 nothing, 1 its end, 2 its result too, 3 how it comes on.
    pub(crate) alert: u8,
    /// 0 counters, 1 failures, 2 the status of all, 3 data too.
    pub(crate) detail: u8,
    /// 0 none, 1 loose, 2 strict.
    pub(crate) grouping: u8,
}

impl Default for ReportPolicy {
    fn default() -> Self {
        Self { alert: 1, detail: 2, grouping: 0 }
    }
}

impl Jobs {
    /// A job by its number in the fanout.
    pub(crate) fn numbered(&self, number: JobNo) -> Option<(&JobKey, &Job)> {
        self.by_key.get_key_value(self.by_number.get(&number)?)
    }

    /// The number of a job that was started.
    pub(super) fn number_of(&self, key: &JobKey) -> Option<JobNo> {
        self.by_key.get(key)?.started
    }

    pub(super) fn started(&mut self, key: &JobKey, number: JobNo) {
        if let Some(job) = self.by_key.get_mut(key) {
            job.refusal = None;
            job.started = Some(number);
            self.by_number.insert(number, key.clone());
            if job.live {
                self.live.add(number, job.targets());
            }
        }
    }

    /// Makes drafts again of the jobs whose numbers are not known.
    pub(super) fn unstart(&mut self, is_unknown: impl Fn(JobNo) -> bool) {
        for job in self.by_key.values_mut() {
            if let Some(number) = job.started.take_if(|number| is_unknown(*number)) {
                self.by_number.remove(&number);
                self.live.remove(number);
            }
        }
    }

    pub(super) fn put(&mut self, key: JobKey, job: Job) {
        self.ops_len += job.ops_len();
        if let Some(number) = job.started {
            self.by_number.insert(number, key.clone());
            if job.live {
                self.live.add(number, job.targets());
            }
        }
        self.by_key.insert(key, job);
    }

    /// The jobs that were started and need images.
    pub(crate) fn gated(&self) -> impl Iterator<Item = JobNo> {
        self.by_key.values().filter(|job| job.images().next().is_some()).filter_map(|job| job.started)
    }

    /// The jobs that were started for a time of day.
    pub(super) fn scheduled(&self) -> impl Iterator<Item = (JobNo, Timestamp)> + '_ {
        self.by_key.values().filter_map(|job| Some((job.started?, job.start_at?)))
    }

    /// The fanout has removed this job.
    pub(crate) fn forget(&mut self, number: JobNo) -> Option<(JobKey, Job)> {
        let key = self.by_number.get(&number)?.clone();
        self.remove(&key).map(|job| (key, job))
    }

    pub(super) fn remove(&mut self, key: &JobKey) -> Option<Job> {
        let job = self.by_key.remove(key)?;
        self.ops_len -= job.ops_len();
        if let Some(number) = job.started {
            self.by_number.remove(&number);
            self.live.remove(number);
        }
        Some(job)
    }
}

impl Job {
    pub(super) fn new(owner: ServerId) -> Self {
        Self {
            owner,
            trace: Trace::default(),
            devices: BTreeSet::new(),
            groups: BTreeSet::new(),
            except: BTreeSet::new(),
            matching: None,
            live: false,
            ops: BTreeMap::new(),
            policy: Policy::default(),
            start_at: None,
            report: ReportPolicy::default(),
            refusal: None,
            started: None,
        }
    }

    /// Who added it.
    pub(crate) const fn owner(&self) -> &ServerId {
        &self.owner
    }

    /// What is told about it.
    pub(crate) const fn report(&self) -> ReportPolicy {
        self.report
    }

    /// What its owner must hold on a device.
    pub(crate) fn rights(&self) -> Rights {
        let operations = self.ops.values().filter_map(|step| step.operation.as_ref());
        operations.fold(Rights::NONE, |all, operation| all | operation.rights())
    }

    /// The nodes whose secrets its commands carry, or ask for.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.ops.values().filter_map(|step| step.operation.as_ref()?.secret())
    }

    /// The images that its commands name.
    pub(crate) fn images(&self) -> impl Iterator<Item = &ImageKey> {
        self.ops.values().flat_map(|step| step.substitutes.values())
    }

    /// What goes in the place of what in the command of the operation with this index.
    pub(crate) fn substitutes(&self, index: u16) -> impl Iterator<Item = (&str, &ImageKey)> {
        let step = self.ops.values().nth(index.into());
        step.into_iter().flat_map(|step| step.substitutes.iter().map(|(text, image)| (text.as_str(), image)))
    }

    /// What is to be added to a gateway among its devices, with the commands as they are to reach the devices behind that.
    pub(crate) fn delegated(
        &self,
        key: JobKey,
        gateway: &ServerId,
        ops: Vec<Command<'static>>,
    ) -> Option<JobRequest> {
        // That gateway would refuse it.
        if self.trace.gateways().len() + 1 >= Trace::MAX_DEPTH || self.trace.contains(gateway) {
            return None;
        }
        let mut request = JobRequest::new(key)
            .with_group(GroupId::new(GroupId::ALL_DEVICES).ok()?)
            .with_policy(self.policy)
            .with_trace(self.trace.clone().through(gateway.clone()))
            .telling(Told::End);
        for (step, command) in self.ops.values().zip(ops) {
            let mut operation = OpRequest::new(command);
            if step.stops {
                operation = operation.stopping_on_error();
            }
            if !step.ends_by.is_empty() {
                operation = operation.ending_by(&step.ends_by);
            }
            request = request.with_operation(operation);
        }
        Some(if self.live { request.with_live_targets() } else { request })
    }

    /// How many operations it has.
    pub(crate) fn op_count(&self) -> u16 {
        // There are at most as many as a name of one counts.
        self.ops.len() as u16
    }

    /// The command of the operation with this index, and the type of the alert that ends it, if one does.
    pub(crate) fn command(&self, index: u16) -> Option<(Command<'static>, Option<&str>)> {
        let step = self.ops.values().nth(index.into())?;
        let ends_by = Some(step.ends_by.as_str()).filter(|text| !text.is_empty());
        Some((step.operation.as_ref()?.command(), ends_by))
    }

    /// The operations for the fanout.
    ///
    /// # Errors
    ///
    /// When there is none, or one has no command yet.
    pub(super) fn fanout_ops(&self) -> Result<Vec<Op>, (StatusCode, ResultCode)> {
        let op = |step: &Step| {
            let mut op = step.operation.as_ref()?.op();
            if step.stops {
                op = op.stop_on_error();
            }
            if !step.ends_by.is_empty() {
                op = op.asynchronous();
            }
            Some(op)
        };
        match self.ops.values().map(op).collect::<Option<Vec<Op>>>() {
            Some(ops) if !ops.is_empty() => Ok(ops),
            _ => Err((StatusCode::INCOMPLETE_COMMAND, ResultCode::BAD_OPERATION)),
        }
    }

    pub(crate) fn targets(&self) -> TargetSet {
        let set = self.devices.iter().cloned().fold(TargetSet::new(), TargetSet::with_device);
        let set = self.groups.iter().cloned().fold(set, TargetSet::with_group);
        let set = self.except.iter().cloned().fold(set, TargetSet::without_device);
        self.matching.iter().cloned().fold(set, TargetSet::with_matching)
    }

    fn ops_len(&self) -> usize {
        self.ops.values().map(Step::len).sum()
    }
}

impl Step {
    pub(super) fn len(&self) -> usize {
        self.operation.as_ref().map_or(0, Operation::len)
    }
}
