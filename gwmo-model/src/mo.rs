//! The management objects of a gateway: which nodes there are, what they mean, and what serves them.
//!
//! The object trees of GwMO are not public, so these are this crate's own, under `urn:oma:mo:x-gwmo-*`, the label
//! of the registry for private use. A [`Gateway`](crate::Gateway) serves them; [`Console`](crate::console::Console) builds the
//! commands and reads the answers on a server's side. Each object has a table of its nodes, one [`Slot`] for each:
//!
//! | object | nodes | for |
//! |---|---|---|
//! | `./GwMO/Config` | [`ConfigSlot`] | GwMO-ADM-001, GwMO-DI-005, GwMO-DCIS-003, GwMO-HLF-004 |
//! | `./GwMO/Inventory` | [`InventorySlot`] | GwMO-DI-001 to 003, GwMO-HLF-003 |
//! | `./GwMO/Groups` | [`GroupsSlot`] | GwMO-Group-001 |
//! | `./GwMO/Fanout` | [`FanoutSlot`] | GwMO-FORA-001 and 002 |
//! | `./GwMO/Images` | [`ImagesSlot`] | GwMO-DCIS-001 and 002 |
//! | `./GwMO/Trigger` | [`TriggerSlot`] | GwMO-TMode-001 |
//!
//! A [`Binding`] says where they are and how they are called; its [`description`](Binding::description) is their DDF, which
//! the crate also has as files in `ddf/`.
//!
//! In the tables, `*` is a name that somebody chose; access is what a node takes at all, whoever asks and whatever
//! the state. A leaf whose name says the same as its value may be added without a value.
//!
//! # Rights
//!
//! Reading the objects is granted to the servers the gateway answers to, adding groups, jobs and queries too. What a server
//! adds is its own: the ACL of the new node names it and nobody else, and it may replace that. To the devices every
//! such server has every right, until the ACL of `Devices`, of a device or of its `Mgmt` says otherwise; rights are
//! asked for when a device is notified and again when commands leave, so what is taken away while a job runs holds.
//! To change the settings a server needs Replace on `Config`, which
//! [`handle_administrator`](crate::Gateway::handle_administrator) grants; its alert switches are its own.
//!
//! # All or nothing
//!
//! Drafts of jobs can be written in an Atomic: the job, its targets, its operations, its policy. What other machines have
//! taken (a group, a device that is forgotten, a job that was started) cannot be taken back; members that would do that fail with 500, and
//! with them the Atomic.
//!
//! # Alerts
//!
//! Generic alerts (1226) to a server; [`AlertKind::urn`](crate::AlertKind::urn) is the type of each, ours or, if the gateway
//! is [told so](crate::OutboxConfig), the registered one.
//!
//! | alert | Source | Mark | Format | Data |
//! |---|---|---|---|---|
//! | `deviceattached` | `Devices/<serial>` | informational | chr | `DevID;Mode;Epoch;first` with first 0 or 1 |
//! | `devicedetached` | `Devices/<serial>` | warning | chr | `DevID;reason` with reason left, timeout, moved or forgotten |
//! | `completionstatus` | `Jobs/<x>` | informational, or warning if not every device is ok | int | the `Result` of the job, and the Correlator of Start |
//! | `resultaggregation` | `Jobs/<x>/Out` | informational | chr | `Out/Sum`, if the job's `Report/Alert` asks for it, and the Correlator of Start |
//! | `progress` | `Jobs/<x>/Stat` | informational | chr | the counters of `Stat` in their order, with semicolons |
//! | `imageready` | `Images/<x>` | informational | chr | the address |
//! | `imagefailed` | `Images/<x>` | critical | int | the `Result` of the image |

mod binding;
mod config;
mod description;
mod draft;
mod fanout;
mod groups;
mod handler;
mod images;
mod inventory;
mod job;
mod limits;
mod live;
mod operation;
mod policy;
pub(crate) mod query;
mod record;
mod result;
mod table;
mod trigger;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use dm_syncml::{Command, Data, Instant, StatusCode};
use dm_tree::{
    AccessType, Context, Format, MountId, NodeFacts, NodeUri, SecretNodes, ServerId, Timestamp, Tree,
    TreeError, Value,
};

use crate::account_scope::{AccountScopeRecord, AccountScopes};
use crate::device::Serial;
use crate::device_bootstrap::{DeviceBootstrap, DeviceCredential};
use crate::fanout::{Fanout, JobKey, JobNo, ResultCode};
use crate::group::Groups;
use crate::image::{BlobNo, ImageAddress, ImageConfig, ImageKey, ImageNo, Images, Substitution, substitute};
use crate::inventory::{FactSet, Inventory};
use crate::mode::{MatchingRules, ModePolicy, Modes};
use crate::outbox::Outbox;
use crate::peers::Peers;
use crate::selector::Selector;
use crate::trigger::{TriggerKey, TriggerLimits, Triggers};

pub use binding::{Binding, BindingError};
pub(crate) use binding::{Found, Keys};
pub(crate) use fanout::retried;
pub(crate) use groups::ended;
pub(crate) use job::Jobs;
pub use limits::ObjectLimits;
pub(crate) use policy::{POLICY_SLOTS, policy_text};
pub use record::ObjectRecord;
pub(crate) use record::Written;
pub(crate) use result::STATS;
pub use table::{ConfigSlot, FanoutSlot, GroupsSlot, ImagesSlot, InventorySlot, Object, Slot, TriggerSlot};

/// The machines behind the objects, and what servers wrote into the objects.
#[derive(Debug)]
pub(crate) struct Objects {
    pub(crate) binding: Binding,
    /// When the command came that is being executed.
    pub(crate) now: Instant,
    pub(crate) inventory: Inventory,
    pub(crate) groups: Groups,
    pub(crate) fanout: Fanout,
    pub(crate) outbox: Outbox,
    pub(crate) images: Images,
    pub(crate) triggers: Triggers,
    pub(crate) peers: Peers,
    pub(crate) bootstrap: DeviceBootstrap,
    pub(crate) scopes: AccountScopes,
    pub(crate) modes: ModePolicy<Selector>,
    /// Content that servers wrote, on its way to storage.
    pub(crate) delivered: BTreeMap<BlobNo, Vec<u8>>,
    pub(crate) jobs: Jobs,
    /// The servers the gateway answers to.
    pub(crate) servers: BTreeSet<ServerId>,
    /// What the gateway calls itself.
    gateway: ServerId,
    /// The time of day, as last told, and when that was.
    clock: Option<(Instant, Timestamp)>,
    settings: config::Settings,
    /// Settings that are one number and were written.
    settings_written: BTreeMap<ConfigSlot, u32>,
    /// The facts that the rules of modes look at, all of them and each by its place.
    pub(crate) mode_facts: FactSet,
    pub(crate) rule_facts: Vec<FactSet>,
    /// What was found out about the modes of devices.
    pub(crate) standing: BTreeMap<Serial, ModeStanding>,
    /// Whether devices may have to be managed otherwise.
    pub(crate) modes_changed: bool,
    /// Changes of shared accounts, to be stored.
    pub(crate) account_records: Vec<AccountScopeRecord>,
    /// Images by the names of their nodes.
    image_keys: BTreeMap<ImageKey, ImageNo>,
    /// Chance that nobody can guess, for the addresses of images.
    pub(crate) tokens: Vec<[u8; 16]>,
    trigger_drafts: BTreeMap<TriggerKey, trigger::Draft>,
    trigger_limits: TriggerLimits,
    image_config: ImageConfig,
    limits: ObjectLimits,
    mounts: [MountId; MOUNTED.len()],
    atomic: Option<draft::Undo>,
    queries: BTreeMap<String, query::Query>,
    /// Whether groups may be made of the outcomes of jobs.
    outcome_groups: bool,
    /// Devices that servers registered, and what they prove themselves with.
    pub(crate) registered: Vec<(Serial, Option<DeviceCredential>)>,
    /// What is to be stored.
    pub(crate) records: Vec<ObjectRecord>,
    /// Which nodes hold secrets.
    secrets: SecretNodes,
    /// Whether others can read the command that is being executed, and its answer.
    pub(crate) in_clear: bool,
    /// Nodes that were neither written nor read for that.
    pub(crate) withheld: Vec<NodeUri<'static>>,
}

/// How the mode of a device came about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ModeStanding {
    /// The modes that it could be managed in.
    pub(crate) possible: Modes,
    /// The rules that match it.
    pub(crate) matching: MatchingRules,
}

/// The objects that are served.
pub(crate) const MOUNTED: [Object; 6] = Object::ALL;

/// What is special about a node as it is now.
struct Shape {
    /// What it takes of the commands in its table.
    access: AccessType,
    /// Instead of the ones in its table.
    content: Option<(Format, String)>,
}

impl Shape {
    /// As in the table.
    const PLAIN: Self = Self { access: AccessType::ALL, content: None };
    /// For reading only, whatever the table says.
    const FROZEN: Self = Self { access: AccessType::GET.union(AccessType::EXEC), content: None };

    /// As in the table, if it is there.
    fn there(is: bool) -> Option<Self> {
        is.then_some(Self::PLAIN)
    }
}

/// The value of a leaf.
type Leaf = Result<Vec<u8>, StatusCode>;

fn int(number: impl Into<u64>) -> Vec<u8> {
    // An `int` has 32 bits, one of them for the sign.
    number.into().min(i32::MAX as u64).to_string().into_bytes()
}

fn chr(text: impl AsRef<str>) -> Vec<u8> {
    text.as_ref().as_bytes().to_vec()
}

fn boolean(is: bool) -> Vec<u8> {
    chr(if is { "true" } else { "false" })
}

/// A revision as an `int` node shows it, which has 32 bits with a sign.
const fn rev_number(rev: u64) -> u64 {
    rev & 0x7fff_ffff
}

/// A number that is not negative.
fn number_of(value: &Value) -> Result<u32, StatusCode> {
    let number: i32 =
        value.as_str().and_then(|text| text.parse().ok()).ok_or(StatusCode::UNSUPPORTED_FORMAT)?;
    u32::try_from(number).map_err(|_| StatusCode::NOT_SUPPORTED)
}

fn bool_of(value: &Value) -> Result<bool, StatusCode> {
    match value.data() {
        b"true" => Ok(true),
        b"false" => Ok(false),
        _ => Err(StatusCode::UNSUPPORTED_FORMAT),
    }
}

fn text_of(value: &Value) -> Result<&str, StatusCode> {
    value.as_str().ok_or(StatusCode::UNSUPPORTED_FORMAT)
}

/// A number of a list of choices that begins with 0.
fn choice(value: &Value, last: u8) -> Result<u8, StatusCode> {
    let number = number_of(value)?;
    u8::try_from(number).ok().filter(|number| *number <= last).ok_or(StatusCode::NOT_SUPPORTED)
}

/// A leaf whose name says the same as its value: the value may be left out.
fn named_leaf(name: &str, value: &Value) -> Result<(), StatusCode> {
    match text_of(value)? {
        "" => Ok(()),
        text if text == name => Ok(()),
        _ => Err(StatusCode::NOT_SUPPORTED),
    }
}

impl Objects {
    /// Mounts the objects in a tree.
    pub(crate) fn new(
        tree: &mut Tree,
        machines: (Inventory, Groups, Fanout, Outbox),
        config: &crate::GatewayConfig,
    ) -> Result<Self, TreeError> {
        let binding = config.binding.clone();
        let mut mounts = Vec::with_capacity(MOUNTED.len());
        for object in MOUNTED {
            let place = binding.place(object).as_str();
            // A tree that was restored has its mounts.
            let known = tree.node(place).and_then(|node| node.mount());
            mounts.push(known.map_or_else(|| tree.mount(place), Ok)?);
        }
        let (inventory, groups, fanout, outbox) = machines;
        Ok(Self {
            binding,
            now: Instant::EPOCH,
            inventory,
            groups,
            fanout,
            outbox,
            images: Images::new(config.images.clone()),
            triggers: Triggers::new(config.triggers),
            peers: Peers::new(config.peers),
            bootstrap: DeviceBootstrap::new(config.bootstrap.clone()),
            scopes: AccountScopes::new(config.max_accounts),
            modes: ModePolicy::new(config.modes, config.default_mode),
            delivered: BTreeMap::new(),
            jobs: Jobs::default(),
            servers: BTreeSet::new(),
            gateway: config.server_id.clone(),
            clock: None,
            settings: config::Settings::new(config),
            settings_written: BTreeMap::new(),
            mode_facts: FactSet::EMPTY,
            rule_facts: Vec::new(),
            standing: BTreeMap::new(),
            modes_changed: false,
            account_records: Vec::new(),
            image_keys: BTreeMap::new(),
            tokens: Vec::new(),
            trigger_drafts: BTreeMap::new(),
            trigger_limits: config.triggers,
            image_config: config.images.clone(),
            limits: config.objects,
            mounts: mounts.try_into().expect("one for each"),
            atomic: None,
            queries: BTreeMap::new(),
            outcome_groups: config.outcome_groups,
            registered: Vec::new(),
            records: Vec::new(),
            secrets: config.confidentiality.secrets().clone(),
            in_clear: false,
            withheld: Vec::new(),
        })
    }

    /// What time it is, if anybody has said so.
    pub(crate) fn wall_clock(&self) -> Option<Timestamp> {
        let (then, time) = self.clock?;
        let since = self.now.since_epoch().saturating_sub(then.since_epoch()).as_secs();
        Timestamp::from_unix(time.unix().saturating_add(i64::try_from(since).unwrap_or(i64::MAX)))
    }

    pub(crate) fn set_wall_clock(&mut self, time: Timestamp) {
        self.clock = Some((self.now, time));
        // Jobs that wait for a time of day wait for another while now.
        let due: Vec<(JobNo, Timestamp)> = self.jobs.scheduled().collect();
        for (number, at) in due {
            let rest = u64::try_from(at.unix().saturating_sub(time.unix())).unwrap_or(0);
            // One that has begun is not scheduled any more.
            let _ = self.fanout.handle_reschedule(self.now, number, Duration::from_secs(rest));
        }
    }

    /// The gateway answers to a server.
    pub(crate) fn add_server(&mut self, server: ServerId) {
        if self.servers.insert(server.clone()) {
            self.records.push(ObjectRecord(Written::Server(server)));
        }
    }

    /// The gateway does not answer to a server any more.
    pub(crate) fn remove_server(&mut self, server: &ServerId) {
        if self.servers.remove(server) {
            self.records.push(ObjectRecord(Written::ServerRemoved(server.clone())));
        }
    }

    /// A job is gone, since the fanout has removed it; its name and its owner.
    pub(crate) fn forget_job(&mut self, number: JobNo) -> Option<(JobKey, ServerId)> {
        let (key, job) = self.jobs.forget(number)?;
        self.record(Written::Removed { key: key.clone() });
        Some((key, job.owner))
    }

    /// Has something stored, if it stays.
    fn record(&mut self, written: Written) {
        let record = ObjectRecord(written);
        match &mut self.atomic {
            Some(undo) => undo.records.push(record),
            None => self.records.push(record),
        }
    }

    /// All that servers wrote, as records.
    pub(crate) fn written(&self) -> Vec<ObjectRecord> {
        let mut own = self.settings_written();
        self.triggers_written(&mut own);
        self.queries_written(&mut own);
        let servers = self.servers.iter().cloned().map(Written::Server);
        own.into_iter().chain(servers).chain(self.jobs.written()).map(ObjectRecord).collect()
    }

    /// What a record says; `None` when it does not fit.
    pub(crate) fn replay(&mut self, ObjectRecord(written): &ObjectRecord) -> Option<()> {
        match written {
            Written::Address(address) => self.settings.set_address(address).ok(),
            Written::Number { node, number } => self.set_number(*node, *number).ok(),
            Written::Rule { name, rule } => {
                self.put_rule(name, rule.clone());
                Some(())
            }
            Written::Server(server) => {
                self.servers.insert(server.clone());
                Some(())
            }
            Written::ServerRemoved(server) => {
                self.servers.remove(server);
                Some(())
            }
            Written::Trigger { .. }
            | Written::TriggerNode { .. }
            | Written::TriggerErased { .. }
            | Written::TriggerSent { .. }
            | Written::TriggerRemoved { .. } => self.replay_trigger(written),
            Written::Query(_) | Written::QueryNode { .. } | Written::QueryRemoved(_) => {
                self.replay_query(written)
            }
            _ => self.jobs.apply(written, &self.limits, &self.secrets),
        }
    }

    /// Whether the shared accounts of a server let it reach a device (GwMO-HLF-004).
    pub(crate) fn in_scope(&self, server: &ServerId, device: Serial) -> Result<(), StatusCode> {
        self.scopes.check(server, |group| {
            group.is_all_devices() || self.groups.group(group).is_some_and(|group| group.contains(device))
        })
    }

    /// Puts the addresses of images where the command of an operation names them. What cannot be put in stays as the
    /// server wrote it: the device will say what it thinks of that.
    pub(crate) fn substitute(&self, job: &job::Job, op: u16, command: &mut Command<'static>) {
        let address = |image: &ImageKey| match self.address_of(job.owner(), image)? {
            ImageAddress::Local(uri) => Some(uri.to_string()),
            ImageAddress::Origin(url) => Some(String::from(&*url)),
            _ => None,
        };
        let pairs: Vec<Substitution> = job
            .substitutes(op)
            .filter_map(|(text, image)| Substitution::new(text, &address(image)?).ok())
            .collect();
        if pairs.is_empty() {
            return;
        }
        let items = match command {
            Command::Add(add) => &mut add.items,
            Command::Replace(replace) => &mut replace.items,
            Command::Exec(exec) => &mut exec.items,
            _ => return,
        };
        for item in items {
            let Some(text) = item.data.as_ref().and_then(|data| data.as_text()) else { continue };
            let text = substitute(text, &pairs, self.limits.max_op).ok().map(|text| text.into_owned());
            if let Some(data) = text.and_then(|text| Data::text(text).ok()) {
                item.data = Some(data);
            }
        }
    }

    /// After a restart: jobs that were written down as begun and are not in the fanout are drafts again. Returns those in
    /// the fanout that nobody wrote down.
    pub(crate) fn reconcile_jobs(&mut self) -> Vec<JobNo> {
        let fanout = &self.fanout;
        self.jobs.unstart(|number| fanout.job(number).is_none());
        let numbers = self.fanout.jobs().map(|view| view.number());
        numbers.filter(|number| self.jobs.numbered(*number).is_none()).collect()
    }

    /// The images that jobs use which are not over.
    pub(crate) fn pins(&self) -> Vec<(JobNo, ImageNo)> {
        let running = self.fanout.jobs().filter(|view| !view.state().is_over());
        let mut pins = Vec::new();
        for number in running.map(|view| view.number()) {
            let Some((_, job)) = self.jobs.numbered(number) else { continue };
            let images = job.images().filter_map(|image| self.images.number_of(job.owner(), image));
            pins.extend(images.map(|image| (number, image)));
        }
        pins
    }

    /// Takes the images out, to be put back.
    pub(crate) fn take_images(&mut self) -> Images {
        core::mem::replace(&mut self.images, Images::new(self.image_config.clone()))
    }

    /// Whether what a job needs is there: nothing yet, or a verdict.
    pub(crate) fn gate(&self, job: JobNo) -> Option<Result<(), ResultCode>> {
        let (_, job) = self.jobs.numbered(job)?;
        for image in job.images() {
            match self.address_of(job.owner(), image) {
                Some(ImageAddress::Local(_) | ImageAddress::Origin(_)) => {}
                Some(ImageAddress::Failed(code)) => return Some(Err(code)),
                Some(_) => return None,
                None => return Some(Err(ResultCode::SOURCE_UNREACHABLE)),
            }
        }
        Some(Ok(()))
    }

    pub(crate) fn address_of(&self, owner: &ServerId, image: &ImageKey) -> Option<ImageAddress> {
        self.images.address(self.images.number_of(owner, image)?)
    }

    /// Whether a node shows the secret of another one: the command of a job that carries it, or what a device answered to one that asks for it.
    fn shows_secret(&self, slot: Slot, keys: &Keys<'_>) -> bool {
        let Slot::Fanout(slot) = slot else { return false };
        match slot {
            FanoutSlot::OpCmd => self.op_has_secret(keys[0], keys[1]),
            FanoutSlot::AnswerData => self.op_has_secret(keys[0], keys[2]),
            FanoutSlot::OutDoc => self.job_has_secret(keys[0]),
            _ => false,
        }
    }

    /// Keeps a node from a server whose session others can read.
    fn withhold(&mut self, slot: impl Into<Slot>, keys: &Keys<'_>) -> StatusCode {
        self.withheld.push(self.binding.uri(slot, keys));
        StatusCode::FORBIDDEN
    }

    fn object(&self, mount: MountId) -> Option<Object> {
        self.mounts.iter().position(|known| *known == mount).map(|at| MOUNTED[at])
    }

    fn find<'p>(&self, mount: MountId, path: &[&'p str]) -> Option<(Object, Found<'p>)> {
        let object = self.object(mount)?;
        Some((object, self.binding.find(object, path)?))
    }

    /// What a path means, for a command that the tree has checked.
    fn slot<'p>(&self, cx: &Context<'_>, path: &[&'p str]) -> Result<(Slot, Keys<'p>), StatusCode> {
        let (_, found) = self.find(cx.mount(), path).ok_or(StatusCode::NOT_FOUND)?;
        Ok((found.slot.ok_or(StatusCode::NOT_ALLOWED)?, found.keys))
    }

    fn facts(&self, object: Object, found: &Found<'_>) -> Option<NodeFacts> {
        let takes = self.binding.takes(object, found);
        let Some(slot) = found.slot else { return Some(NodeFacts::interior().with_access(takes)) };
        let keys = &found.keys;
        let shape = match slot {
            Slot::Config(slot) => self.config_shape(slot, keys),
            Slot::Inventory(slot) => self.inventory_shape(slot, keys),
            Slot::Groups(slot) => self.groups_shape(slot, keys),
            Slot::Fanout(slot) => self.fanout_shape(slot, keys),
            Slot::Images(slot) => self.images_shape(slot, keys),
            Slot::Trigger(slot) => self.trigger_shape(slot, keys),
        }?;
        let row = slot.row();
        let access = takes.intersection(shape.access);
        let facts = match (row.format, shape.content) {
            (_, Some((format, mime))) => NodeFacts::leaf(format).with_type(mime),
            (Format::Node, None) if row.path.is_empty() => {
                NodeFacts::interior().with_type(String::from(self.binding.mo_id(object)))
            }
            (Format::Node, None) => NodeFacts::interior(),
            (format, None) => NodeFacts::leaf(format).with_type(row.mime()),
        };
        // What nobody may delete keeps its format and type, too.
        let is_dynamic = access.contains(AccessType::DELETE);
        Some(if is_dynamic { facts.with_access(access).dynamic() } else { facts.with_access(access) })
    }
}
