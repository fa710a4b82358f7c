//! Jobs.

use alloc::string::ToString;
use alloc::vec::Vec;

use dm_syncml::{Atomic, Command, Correlator, Data, Encoding, Format, Fragment, Item, Meta, SyncBody};

use super::Console;
use super::build::{add, cmd_id, replace};
use crate::device::DeviceId;
use crate::fanout::{JobKey, Policy};
use crate::group::GroupId;
use crate::mo::{FanoutSlot as Node, POLICY_SLOTS, policy_value};

/// A job to be added: for whom, what, and how.
///
/// ```
/// use dm_syncml::{CmdId, Get, Item, LocUri};
/// use gwmo_model::console::{Console, JobRequest};
/// use gwmo_model::{GroupId, JobKey, Policy};
///
/// let get = Get::new(CmdId::new("1")?, vec![Item::to(LocUri::new("./DevDetail/SwV")?)]);
/// let job = JobRequest::new(JobKey::new("J7")?)
///     .with_group(GroupId::new("cameras")?)
///     .with_command(get)
///     .with_policy(Policy::default().with_retries(2));
/// let commands = Console::new().add_job(&job);
/// # let _ = commands;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct JobRequest {
    key: JobKey,
    devices: Vec<DeviceId>,
    groups: Vec<GroupId>,
    except: Vec<DeviceId>,
    commands: Vec<Command<'static>>,
    policy: Policy,
}

impl JobRequest {
    /// A job for nobody that does nothing, yet.
    #[must_use]
    pub fn new(key: JobKey) -> Self {
        Self {
            key,
            devices: Vec::new(),
            groups: Vec::new(),
            except: Vec::new(),
            commands: Vec::new(),
            policy: Policy::default(),
        }
    }

    /// Its name.
    #[must_use]
    pub const fn key(&self) -> &JobKey {
        &self.key
    }

    /// Adds a device. Naming one twice says nothing more.
    #[must_use]
    pub fn with_device(mut self, device: DeviceId) -> Self {
        put(&mut self.devices, device);
        self
    }

    /// Adds the members of a group; `*` is every device.
    #[must_use]
    pub fn with_group(mut self, group: GroupId) -> Self {
        put(&mut self.groups, group);
        self
    }

    /// Excepts a device.
    #[must_use]
    pub fn without_device(mut self, device: DeviceId) -> Self {
        put(&mut self.except, device);
        self
    }

    /// Adds a command, after those that were added before: one Get, Add, Replace, Delete, Exec or Copy. The gateway
    /// refuses others.
    #[must_use]
    pub fn with_command(mut self, command: impl Into<Command<'static>>) -> Self {
        self.commands.push(command.into());
        self
    }

    /// Sets the policy. What of it has no node ([`max_retry_wait`](Policy::max_retry_wait)) stays the gateway's own;
    /// times are sent in whole seconds, rounded up.
    #[must_use]
    pub const fn with_policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }
}

fn put<T: PartialEq>(list: &mut Vec<T>, one: T) {
    if !list.contains(&one) {
        list.push(one);
    }
}

impl Console {
    /// The commands that add a job as a draft (GwMO-FORA-001). [`start_job`](Self::start_job) starts it.
    #[must_use]
    pub fn add_job(&self, job: &JobRequest) -> Vec<Command<'static>> {
        let key = job.key.as_str();
        let mut items = Vec::from([self.interior(Node::Job, &[key])]);
        let named = |node, id: &str| self.leaf(node, &[key, id], id);
        items.extend(job.devices.iter().map(|id| named(Node::TargetDevice, id.as_str())));
        items.extend(job.groups.iter().map(|id| named(Node::TargetGroup, id.as_str())));
        items.extend(job.except.iter().map(|id| named(Node::TargetException, id.as_str())));
        let mut commands = Vec::from([add(items)]);
        for (command, number) in job.commands.iter().zip(1_u32..) {
            let keys = [key, &number.to_string()];
            let document = Fragment::new(SyncBody::new(Vec::from([command.clone()]))).encode(Encoding::Wbxml);
            let document = Item::to(self.uri(Node::OpCmd, &keys))
                .with_meta(Meta::new().with_format(Format::BIN))
                .with_data(Data::octets(document));
            commands.push(add(Vec::from([self.interior(Node::Op, &keys), document])));
        }
        let settings: Vec<Item<'static>> = POLICY_SLOTS
            .into_iter()
            .filter_map(|node| {
                let value = policy_value(&job.policy, node)?;
                let default = policy_value(&Policy::default(), node);
                (Some(value) != default).then(|| self.leaf(node, &[key], value.to_string()))
            })
            .collect();
        if !settings.is_empty() {
            commands.push(replace(settings));
        }
        commands
    }

    /// As [`add_job`](Self::add_job), as one command: the draft is there as a whole, or not at all. It must fit a
    /// message, and the gateway's session must take Atomic.
    #[must_use]
    pub fn add_job_atomically(&self, job: &JobRequest) -> Command<'static> {
        Atomic::new(cmd_id(), self.add_job(job)).into()
    }

    /// Starts a job. The `correlator` comes back in the alert that it is over.
    #[must_use]
    pub fn start_job(&self, key: &JobKey, correlator: Option<Correlator<'static>>) -> Command<'static> {
        self.exec(Node::Start, &[key.as_str()], correlator)
    }

    /// Cancels a job.
    #[must_use]
    pub fn cancel_job(&self, key: &JobKey) -> Command<'static> {
        self.exec(Node::Cancel, &[key.as_str()], None)
    }

    /// Has a job begin with no more devices, until it is [resumed](Self::resume_job).
    #[must_use]
    pub fn pause_job(&self, key: &JobKey) -> Command<'static> {
        self.exec(Node::Pause, &[key.as_str()], None)
    }

    /// Has a paused job go on.
    #[must_use]
    pub fn resume_job(&self, key: &JobKey) -> Command<'static> {
        self.exec(Node::Resume, &[key.as_str()], None)
    }

    /// Has a job that is over tried once more for the devices that are not ok.
    #[must_use]
    pub fn retry_job(&self, key: &JobKey, correlator: Option<Correlator<'static>>) -> Command<'static> {
        self.exec(Node::Retry, &[key.as_str()], correlator)
    }

    /// Changes how many devices of a job are in flight at a time, while it runs too.
    #[must_use]
    pub fn set_window(&self, key: &JobKey, devices: u32) -> Command<'static> {
        replace(Vec::from([self.leaf(Node::Window, &[key.as_str()], devices.to_string())]))
    }

    /// Deletes a job with its results. The gateway refuses it while it runs.
    #[must_use]
    pub fn delete_job(&self, key: &JobKey) -> Command<'static> {
        self.delete(Node::Job, &[key.as_str()])
    }
}
