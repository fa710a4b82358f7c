//! Jobs.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dm_syncml::{Atomic, Command, Correlator, Data, Encoding, Exec, Format, Fragment, Item, Meta, SyncBody};
use dm_tree::{ServerId, Timestamp};

use super::Console;
use super::build::{add, cmd_id, put, replace, text};
use crate::device::DeviceId;
use crate::fanout::{Detail, Grouping, JobKey, Policy, Trace, Which};
use crate::group::GroupId;
use crate::image::ImageKey;
use crate::mo::{FanoutSlot as Node, POLICY_SLOTS, policy_text, retried};
use crate::selector::Selector;

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
    matching: Option<Selector>,
    live: bool,
    trace: Trace,
    operations: Vec<OpRequest>,
    policy: Policy,
    start_at: Option<Timestamp>,
    report: Option<u8>,
    result: Option<(Grouping, Detail)>,
}

/// An operation to be added: a command, and what is to be done about its answer.
#[derive(Clone, Debug)]
pub struct OpRequest {
    command: Command<'static>,
    ends_by: Option<String>,
    stops: bool,
    images: Vec<(String, ImageKey)>,
}

impl OpRequest {
    /// One Get, Add, Replace, Delete, Exec or Copy. The gateway refuses others.
    #[must_use]
    pub fn new(command: impl Into<Command<'static>>) -> Self {
        Self { command: command.into(), ends_by: None, stops: false, images: Vec::new() }
    }

    /// Says that 202 to an Exec is not its end, but a generic alert of this type (`Meta/Type`) that gives back the
    /// Correlator.
    #[must_use]
    pub fn ending_by(mut self, alert_type: &str) -> Self {
        self.ends_by = Some(alert_type.into());
        self
    }

    /// Has the address of an image of this server go where the text of the command has `placeholder` (GwMO-DCIS-001). The job begins
    /// when the image is ready.
    #[must_use]
    pub fn with_image(mut self, placeholder: &str, image: ImageKey) -> Self {
        self.images.push((placeholder.into(), image));
        self
    }

    /// Has a device that answers with an error do none of the operations after it.
    #[must_use]
    pub const fn stopping_on_error(mut self) -> Self {
        self.stops = true;
        self
    }
}

/// What the gateway tells of a job in alerts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Told {
    /// Nothing.
    Nothing,
    /// That it is over.
    End,
    /// And what came of it, if that fits an alert.
    Result,
    /// And how it comes on.
    Progress,
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
            matching: None,
            live: false,
            trace: Trace::default(),
            operations: Vec::new(),
            policy: Policy::default(),
            start_at: None,
            report: None,
            result: None,
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

    /// Adds the devices that a selector matches.
    #[must_use]
    pub fn with_matching(mut self, selector: Selector) -> Self {
        self.matching = Some(selector);
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
    pub fn with_command(self, command: impl Into<Command<'static>>) -> Self {
        self.with_operation(OpRequest::new(command))
    }

    /// Adds an operation, after those that were added before.
    #[must_use]
    pub fn with_operation(mut self, operation: OpRequest) -> Self {
        self.operations.push(operation);
        self
    }

    /// Has devices that come to belong to the target while the job runs be served, too.
    #[must_use]
    pub const fn with_live_targets(mut self) -> Self {
        self.live = true;
        self
    }

    /// Has the job begin at this time of day, by the gateway's clock.
    #[must_use]
    pub const fn starting_at(mut self, time: Timestamp) -> Self {
        self.start_at = Some(time);
        self
    }

    /// Says what the gateway tells in alerts. By itself it tells the end.
    #[must_use]
    pub const fn telling(mut self, told: Told) -> Self {
        self.report = Some(told as u8);
        self
    }

    /// Says which devices share an entry of the aggregated result, and how much it tells of them.
    #[must_use]
    pub const fn with_result(mut self, grouping: Grouping, detail: Detail) -> Self {
        self.result = Some((grouping, detail));
        self
    }

    /// Says which gateways the job has come through.
    #[must_use]
    pub fn with_trace(mut self, trace: Trace) -> Self {
        self.trace = trace;
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
        for (operation, number) in job.operations.iter().zip(1_u32..) {
            let keys = [key, &number.to_string()];
            let body = SyncBody::new(Vec::from([operation.command.clone()]));
            let document = Fragment::new(body).encode(Encoding::Wbxml);
            let document = Item::to(self.uri(Node::OpCmd, &keys))
                .with_meta(Meta::new().with_format(Format::BIN))
                .with_data(Data::octets(document));
            let mut items = Vec::from([self.interior(Node::Op, &keys), document]);
            let [key, number] = keys;
            items.extend(
                operation
                    .images
                    .iter()
                    .map(|(text, image)| self.leaf(Node::OpSubstitute, &[key, number, text], image.as_str())),
            );
            commands.push(add(items));
        }
        let mut settings: Vec<Item<'static>> = POLICY_SLOTS
            .into_iter()
            .filter_map(|node| {
                let value = policy_text(&job.policy, node)?;
                let default = policy_text(&Policy::default(), node);
                (Some(&value) != default.as_ref()).then(|| self.leaf(node, &[key], value))
            })
            .collect();
        for (operation, number) in job.operations.iter().zip(1_u32..) {
            let keys = [key, &number.to_string()];
            if operation.stops {
                settings.push(self.leaf(Node::OpOnErr, &keys, "1"));
            }
            let ends_by = operation.ends_by.iter();
            settings.extend(ends_by.map(|text| self.leaf(Node::OpAsync, &keys, text.as_str())));
        }
        let matching = job.matching.iter();
        settings.extend(matching.map(|text| self.leaf(Node::TargetMatch, &[key], text.to_string())));
        if job.live {
            settings.push(self.flag(Node::TargetLive, &[key], true));
        }
        if job.trace != Trace::default() {
            let gateways: Vec<&str> = job.trace.gateways().map(ServerId::as_str).collect();
            settings.push(self.leaf(Node::Trace, &[key], gateways.join(",")));
        }
        let start_at = job.start_at.iter();
        settings.extend(start_at.map(|time| self.leaf(Node::StartAt, &[key], time.to_string())));
        if let Some((grouping, detail)) = job.result {
            settings.push(self.leaf(Node::ReportGrouping, &[key], grouping.number().to_string()));
            settings.push(self.leaf(Node::ReportDetail, &[key], detail.number().to_string()));
        }
        let told = job.report.iter();
        settings.extend(told.map(|told| self.leaf(Node::ReportAlert, &[key], told.to_string())));
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

    /// Has a job that is over tried once more, for these of its devices.
    #[must_use]
    pub fn retry_job(&self, key: &JobKey, which: &Which) -> Command<'static> {
        let names: Vec<String> = match which {
            Which::States(states) => {
                states.iter().filter_map(|state| retried(*state)).map(String::from).collect()
            }
            Which::Devices(serials) => serials.iter().map(ToString::to_string).collect(),
            _ => Vec::new(),
        };
        let item = Item::to(self.uri(Node::Retry, &[key.as_str()])).with_data(text(names.join(",")));
        Exec::new(cmd_id(), item).into()
    }

    /// Changes how many devices of a job are begun with in a minute, while it runs too; 0 for any number.
    #[must_use]
    pub fn set_rate(&self, key: &JobKey, devices: u32) -> Command<'static> {
        replace(Vec::from([self.leaf(Node::Rate, &[key.as_str()], devices.to_string())]))
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
