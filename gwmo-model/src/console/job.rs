//! Jobs.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dm_syncml::{
    Add, Command, Correlator, Data, Encoding, Exec, Format, Fragment, Item, Meta, Replace, StatusCode,
    SyncBody,
};
use dm_tree::NodeUri;

use super::commands::{cmd_id, delete, get, interior, leaf, loc_uri};
use super::read::{ReadError, Values};
use crate::device::{DeviceId, Serial};
use crate::fanout::{JobKey, Policy};
use crate::group::GroupId;
use crate::mo::{POLICY_LEAVES, paths, policy_value};

/// A job to be added: for whom, what, and how.
///
/// ```
/// use dm_syncml::{CmdId, Get, Item, LocUri};
/// use gwmo_model::{GroupId, JobKey, Policy, console};
///
/// let get = Get::new(CmdId::new("1")?, vec![Item::to(LocUri::new("./DevDetail/SwV")?)]);
/// let commands = console::JobRequest::new(JobKey::new("J7")?)
///     .with_group(GroupId::new("cameras")?)
///     .with_command(get)
///     .with_policy(Policy::default().with_retries(2))
///     .into_commands();
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

    /// Adds a device.
    #[must_use]
    pub fn with_device(mut self, device: DeviceId) -> Self {
        self.devices.push(device);
        self
    }

    /// Adds the members of a group; `*` is every device.
    #[must_use]
    pub fn with_group(mut self, group: GroupId) -> Self {
        self.groups.push(group);
        self
    }

    /// Excepts a device.
    #[must_use]
    pub fn without_device(mut self, device: DeviceId) -> Self {
        self.except.push(device);
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

    /// The commands that add the job as a draft. [`start_job`] starts it.
    #[must_use]
    pub fn into_commands(self) -> Vec<Command<'static>> {
        let job = paths::job(&self.key);
        let below = |names: &[&str]| {
            let names: Vec<&str> =
                [paths::JOBS, self.key.as_str()].into_iter().chain(names.iter().copied()).collect();
            paths::below(paths::FANOUT, &names)
        };
        let mut items = Vec::from([interior(&job)]);
        let mut targets = |kind: &str, ids: &mut dyn Iterator<Item = &str>| {
            for (id, number) in ids.zip(1_u32..) {
                items.push(leaf(&below(&[paths::TARGET, kind, &number.to_string()]), id));
            }
        };
        targets(paths::DEV, &mut self.devices.iter().map(DeviceId::as_str));
        targets(paths::GROUP, &mut self.groups.iter().map(GroupId::as_str));
        targets(paths::NOT, &mut self.except.iter().map(DeviceId::as_str));
        let mut commands = Vec::from([Add::new(cmd_id(), items).into()]);
        for (command, number) in self.commands.iter().zip(1_u32..) {
            let number = number.to_string();
            let document = Fragment::new(SyncBody::new(Vec::from([command.clone()]))).encode(Encoding::Wbxml);
            let document = Item::to(loc_uri(&below(&[paths::OPS, &number, paths::CMD])))
                .with_meta(Meta::new().with_format(Format::BIN))
                .with_data(Data::octets(document));
            let items = Vec::from([interior(&below(&[paths::OPS, &number])), document]);
            commands.push(Add::new(cmd_id(), items).into());
        }
        let settings = POLICY_LEAVES.iter().filter_map(|name| {
            let value = policy_value(&self.policy, name)?;
            let changed = policy_value(&Policy::default(), name) != Some(value);
            changed.then(|| leaf(&below(&[paths::POLICY, name]), value.to_string()).with_meta(int()))
        });
        let settings: Vec<Item<'static>> = settings.collect();
        if !settings.is_empty() {
            commands.push(Replace::new(cmd_id(), settings).into());
        }
        commands
    }
}

/// Starts a job. The correlator comes back in the alert that says that it is over.
#[must_use]
pub fn start_job(key: &JobKey, correlator: Option<Correlator<'static>>) -> Command<'static> {
    let mut exec = Exec::new(cmd_id(), Item::to(loc_uri(&job_node(key, &[paths::START]))));
    exec.correlator = correlator;
    exec.into()
}

/// Cancels a job: nothing more is sent for it.
#[must_use]
pub fn cancel_job(key: &JobKey) -> Command<'static> {
    Exec::new(cmd_id(), Item::to(loc_uri(&job_node(key, &[paths::CANCEL])))).into()
}

/// Deletes a job with its records: a draft, or one that is over.
#[must_use]
pub fn delete_job(key: &JobKey) -> Command<'static> {
    delete(&paths::job(key))
}

/// What a device answered to one operation.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct OpAnswer {
    /// The number of the operation, from 1.
    pub number: u16,
    /// Its Status; `None` when it was not answered.
    pub status: Option<StatusCode>,
    /// What it returned, as far as the gateway kept it.
    pub data: Option<Vec<u8>>,
    /// The Format of the data.
    pub format: Option<String>,
    /// The Type of the data.
    pub media_type: Option<String>,
    /// Octets it returned, if not all of them were kept.
    pub cut: Option<u32>,
}

/// Asks what one device answered to the first `ops` operations of a job. Nodes that do not exist, such as the data of
/// an operation that returned none, are answered 404 beside the others.
#[must_use]
pub fn get_answers(key: &JobKey, serial: Serial, ops: u16) -> Command<'static> {
    let leaves = [paths::CODE, paths::FMT, paths::TYPE, paths::DATA, paths::CUT];
    get((1..=ops).flat_map(|number| leaves.map(|name| op_node(key, serial, number, name))))
}

/// Reads what [`get_answers`] brought, one entry for each operation that has an outcome node.
///
/// # Errors
///
/// When a number is none.
pub fn read_answers(
    key: &JobKey,
    serial: Serial,
    ops: u16,
    items: &[Item<'_>],
) -> Result<Vec<OpAnswer>, ReadError> {
    let values = Values::new(items);
    let mut answers = Vec::new();
    for number in 1..=ops {
        let node = |name| op_node(key, serial, number, name);
        let text = |name| values.text(&node(name)).map(String::from);
        let Some(code) = values.number::<u16>(&node(paths::CODE), paths::CODE)? else { continue };
        answers.push(OpAnswer {
            number,
            status: (code != 0).then(|| StatusCode::new(code)),
            data: values.octets(&node(paths::DATA)),
            format: text(paths::FMT),
            media_type: text(paths::TYPE),
            cut: values.number(&node(paths::CUT), paths::CUT)?,
        });
    }
    Ok(answers)
}

/// A node of a job.
pub(super) fn job_node(key: &JobKey, names: &[&str]) -> NodeUri<'static> {
    let names: Vec<&str> = [paths::JOBS, key.as_str()].into_iter().chain(names.iter().copied()).collect();
    paths::below(paths::FANOUT, &names)
}

fn op_node(key: &JobKey, serial: Serial, number: u16, leaf: &str) -> NodeUri<'static> {
    job_node(key, &[paths::OUT, paths::REC, &serial.to_string(), paths::OP, &number.to_string(), leaf])
}

fn int() -> Meta<'static> {
    Meta::new().with_format(Format::INT)
}
