//! What servers write into a job before it starts.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use dm_syncml::{Command, Correlator, StatusCode};
use dm_tree::{Rights, ServerId};

use super::operation::Operation;
use super::paths::{JOB_TIME, OFFLINE, RETRIES, RETRY_WAIT, T_NOTIFY, T_SESSION, UNSAFE, WINDOW};
use crate::device::DeviceId;
use crate::fanout::{JobKey, JobNo, Offline, Op, Policy, ResultCode, UnsafePolicy};
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
#[derive(Debug)]
pub(crate) struct Job {
    pub(super) owner: ServerId,
    pub(super) devices: BTreeMap<String, DeviceId>,
    pub(super) groups: BTreeMap<String, GroupId>,
    pub(super) except: BTreeMap<String, DeviceId>,
    /// By number; `None` until the `Cmd` comes.
    pub(super) ops: BTreeMap<u16, Option<Operation>>,
    pub(super) policy: Policy,
    /// Why the last Start was refused.
    pub(super) refusal: Option<ResultCode>,
    pub(super) started: Option<Started>,
}

/// What is known of a job from its start on.
#[derive(Debug)]
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

    /// The fanout has removed this job.
    pub(crate) fn forget(&mut self, number: JobNo) {
        if let Some(key) = self.by_number.get(&number).cloned() {
            self.remove(&key);
        }
    }

    pub(super) fn remove(&mut self, key: &JobKey) -> Option<Job> {
        let job = self.by_key.remove(key)?;
        self.ops_len -= job.ops.values().flatten().map(Operation::len).sum::<usize>();
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
            devices: BTreeMap::new(),
            groups: BTreeMap::new(),
            except: BTreeMap::new(),
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
        let set = self.devices.values().cloned().fold(TargetSet::new(), TargetSet::with_device);
        let set = self.groups.values().cloned().fold(set, TargetSet::with_group);
        self.except.values().cloned().fold(set, TargetSet::without_device)
    }
}

/// The names of the policy's leaves.
pub(crate) const POLICY_LEAVES: [&str; 8] =
    [WINDOW, T_NOTIFY, T_SESSION, RETRIES, RETRY_WAIT, JOB_TIME, OFFLINE, UNSAFE];

/// The value of a leaf of the policy; seconds where it is a time.
pub(crate) fn policy_value(policy: &Policy, leaf: &str) -> Option<u32> {
    let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX).min(i32::MAX as u32);
    Some(match leaf {
        WINDOW => policy.window,
        T_NOTIFY => seconds(policy.t_notify),
        T_SESSION => seconds(policy.t_session),
        RETRIES => policy.retries.into(),
        RETRY_WAIT => seconds(policy.retry_wait),
        JOB_TIME => seconds(policy.job_time),
        OFFLINE => match policy.offline {
            Offline::Skip => 0,
            Offline::Fail => 1,
            Offline::Wait => 2,
            Offline::Try => 3,
        },
        UNSAFE => match policy.on_unsafe {
            UnsafePolicy::Indeterminate => 0,
            UnsafePolicy::Resend => 1,
        },
        _ => return None,
    })
}

/// The policy with another value in one leaf; `None` when the leaf does not take it.
pub(super) fn with_policy_value(policy: Policy, leaf: &str, value: u32) -> Option<Policy> {
    let time = Duration::from_secs(value.into());
    Some(match leaf {
        WINDOW if value > 0 => policy.with_window(value),
        T_NOTIFY if value > 0 => policy.with_t_notify(time),
        T_SESSION if value > 0 => policy.with_t_session(time),
        RETRIES => policy.with_retries(u16::try_from(value).ok()?),
        RETRY_WAIT => policy.with_retry_wait(time, policy.max_retry_wait.max(time)),
        JOB_TIME if value > 0 => policy.with_job_time(time),
        OFFLINE => policy.with_offline(match value {
            0 => Offline::Skip,
            1 => Offline::Fail,
            2 => Offline::Wait,
            3 => Offline::Try,
            _ => return None,
        }),
        UNSAFE => policy.with_on_unsafe(match value {
            0 => UnsafePolicy::Indeterminate,
            1 => UnsafePolicy::Resend,
            _ => return None,
        }),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_its_leaves() {
        let mut policy = Policy::default();
        for (leaf, value) in POLICY_LEAVES.into_iter().zip([5, 10, 20, 3, 40, 50, 3, 1]) {
            policy = with_policy_value(policy, leaf, value).unwrap();
            assert_eq!(policy_value(&policy, leaf), Some(value), "{leaf}");
        }
        for (leaf, value) in
            [(WINDOW, 0), (T_NOTIFY, 0), (RETRIES, 65_536), (OFFLINE, 4), (UNSAFE, 2), ("X", 1)]
        {
            assert_eq!(with_policy_value(policy, leaf, value), None, "{leaf}");
        }
        assert_eq!(policy_value(&policy.with_job_time(Duration::MAX), JOB_TIME), Some(i32::MAX as u32));
    }
}
