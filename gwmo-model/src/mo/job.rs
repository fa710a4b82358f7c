//! What servers write into a job before it starts.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use dm_syncml::{Command, Correlator, StatusCode};
use dm_tree::{Rights, ServerId};

use super::operation::Operation;
use crate::device::DeviceId;
use crate::fanout::{JobKey, JobNo, Op, Policy, ResultCode};
use crate::group::{GroupId, TargetSet};

/// The jobs of all servers, drafts and started ones, by the name of their node.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    pub(super) by_key: BTreeMap<JobKey, Job>,
    by_number: BTreeMap<JobNo, JobKey>,
    /// Octets of all operations.
    pub(super) ops_len: usize,
}

/// One job as its server wrote it.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(super) owner: ServerId,
    pub(super) devices: BTreeSet<DeviceId>,
    pub(super) groups: BTreeSet<GroupId>,
    pub(super) except: BTreeSet<DeviceId>,
    /// By number; `None` until the `Cmd` comes.
    pub(super) ops: BTreeMap<u16, Option<Operation>>,
    pub(super) policy: Policy,
    /// Why the last Start was refused.
    pub(super) refusal: Option<ResultCode>,
    pub(super) started: Option<Started>,
}

/// What is known of a job from its start on.
#[derive(Clone, Debug)]
pub(super) struct Started {
    pub(super) number: JobNo,
    pub(super) correlator: Option<Correlator<'static>>,
}

impl Jobs {
    /// A job by its number in the fanout.
    pub(crate) fn numbered(&self, number: JobNo) -> Option<(&JobKey, &Job)> {
        self.by_key.get_key_value(self.by_number.get(&number)?)
    }

    pub(super) fn started(&mut self, key: &JobKey, number: JobNo, correlator: Option<Correlator<'static>>) {
        if let Some(job) = self.by_key.get_mut(key) {
            job.refusal = None;
            job.started = Some(Started { number, correlator });
            self.by_number.insert(number, key.clone());
        }
    }

    pub(super) fn put(&mut self, key: JobKey, job: Job) {
        self.ops_len += job.ops_len();
        if let Some(started) = &job.started {
            self.by_number.insert(started.number, key.clone());
        }
        self.by_key.insert(key, job);
    }

    pub(super) fn remove(&mut self, key: &JobKey) -> Option<Job> {
        let job = self.by_key.remove(key)?;
        self.ops_len -= job.ops_len();
        if let Some(started) = &job.started {
            self.by_number.remove(&started.number);
        }
        Some(job)
    }
}

impl Job {
    pub(super) fn new(owner: ServerId) -> Self {
        Self {
            owner,
            devices: BTreeSet::new(),
            groups: BTreeSet::new(),
            except: BTreeSet::new(),
            ops: BTreeMap::new(),
            policy: Policy::default(),
            refusal: None,
            started: None,
        }
    }

    /// Who added it.
    pub(crate) const fn owner(&self) -> &ServerId {
        &self.owner
    }

    /// What came with the Exec that started it.
    pub(crate) fn correlator(&self) -> Option<&Correlator<'static>> {
        self.started.as_ref()?.correlator.as_ref()
    }

    /// What its owner must hold on a device.
    pub(crate) fn rights(&self) -> Rights {
        self.ops.values().flatten().fold(Rights::NONE, |all, operation| all | operation.rights())
    }

    /// The command of the operation with this index.
    pub(crate) fn command(&self, index: u16) -> Option<Command<'static>> {
        self.ops.values().flatten().nth(index.into()).map(Operation::command)
    }

    /// The operations for the fanout.
    ///
    /// # Errors
    ///
    /// When there is none, or one has no command yet.
    pub(super) fn fanout_ops(&self) -> Result<Vec<Op>, (StatusCode, ResultCode)> {
        let ops: Option<Vec<Op>> = self.ops.values().map(|slot| slot.as_ref().map(Operation::op)).collect();
        match ops {
            Some(ops) if !ops.is_empty() => Ok(ops),
            _ => Err((StatusCode::INCOMPLETE_COMMAND, ResultCode::BAD_OPERATION)),
        }
    }

    pub(super) fn targets(&self) -> TargetSet {
        let set = self.devices.iter().cloned().fold(TargetSet::new(), TargetSet::with_device);
        let set = self.groups.iter().cloned().fold(set, TargetSet::with_group);
        self.except.iter().cloned().fold(set, TargetSet::without_device)
    }

    fn ops_len(&self) -> usize {
        self.ops.values().flatten().map(Operation::len).sum()
    }
}
