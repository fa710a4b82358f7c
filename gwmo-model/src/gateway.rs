//! The gateway: the machines of this crate, its management objects, and its sessions with devices, as one machine.

mod account;
mod alerts;
mod bootstraps;
mod children;
mod confidentiality;
mod config;
mod device_sessions;
mod forwarding;
mod images;
mod later_results;
mod learning;
mod machines;
mod modes;
mod notify;
mod output;
mod persistence;
mod servers;
mod session_table;
mod snapshot;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;

use dm_syncml::session::{
    AtomicStep, Incoming, ItemOutcome, Lockout, Outcome, SessionError, TransportSecurity,
};
use dm_syncml::{Command, Instant, StatusCode};
use dm_tree::{Acl, Change, ChangeKind, NodeUri, Rights, ServerId, Timestamp, Tree};

use crate::adaptation::Adaptation;
use crate::device::{DeviceId, Serial};
use crate::error::{GatewayError, InventoryError, InventoryErrorKind};
use crate::fanout::{Fanout, JobNo, ResultCode, Ticket};
use crate::group::Groups;
use crate::inventory::{DetachReason, Inventory, Sighting};
use crate::mo::{FanoutSlot, GroupsSlot, ImagesSlot, InventorySlot, Objects, Slot, TriggerSlot};
use crate::outbox::{Outbox, OutboxConfig};
use crate::relay::Relay;

use forwarding::address_of;
use machines::Waits;
use persistence::Unstored;
use session_table::{SessionNo, SessionTable};

pub use account::{DeviceAccount, NonceRecord};
pub use confidentiality::{ConfidentialityPolicy, Leg, Withheld};
pub use config::{GatewayConfig, SessionLimits};
pub use forwarding::Forward;
pub use output::{GatewayEvent, GatewayOutput, PersistSeq};
pub use persistence::{GatewayRecord, RecordSet};
pub use snapshot::{GatewayPart, GatewayRestoreError, GatewaySnapshot};

/// A gateway between DM servers and devices that they cannot reach (GwMO-PMoDe-001).
///
/// To its servers it is a DM client with the objects of [`mo`](crate::mo) in its tree: they read the inventory, make
/// groups, add jobs and read what became of them by ordinary commands. To its devices it is a DM server: it notifies
/// them, and hands them the operations of the jobs when they open a session.
///
/// **Upstream.** The caller runs the client sessions. Commands go through [`execute`](Self::execute), for the
/// authenticated server, steps of an Atomic through [`handle_atomic`](Self::handle_atomic). When a [`GatewayOutput::OpenSession`] or a notification asks for a session, the alerts for its first package
/// come from [`handle_upstream_opened`](Self::handle_upstream_opened). How the session is transported is said by
/// [`handle_upstream_transport`](Self::handle_upstream_transport).
///
/// **Downstream.** The caller passes on every message of a device with
/// [`handle_device_message`](Self::handle_device_message) and sends the [`GatewayOutput::Reply`] as its answer. Anyone may send messages:
/// who is not known, or does not prove to be the device, gets the same answers, changes nothing, and cannot disturb
/// the session of the device it claims to be.
///
/// After every call, call [`poll_output`](Self::poll_output) until it gives [`GatewayOutput::Wait`]. An error belongs
/// to its call and left everything as it was.
///
/// **Work.** No input costs a walk over all devices, except what asks for all of them (starting, cancelling and
/// expiring a job, reading a whole list). Memory is bounded by the limits in [`GatewayConfig`].
pub struct Gateway {
    config: GatewayConfig,
    tree: Tree,
    objects: Objects,
    accounts: BTreeMap<Serial, DeviceAccount>,
    sessions: SessionTable,
    /// Who has shown wrong credentials too often gets no challenge to guess for.
    lockout: Lockout,
    /// Servers in session.
    upstream: BTreeMap<ServerId, Upstream>,
    /// Whose Atomic is open.
    atomic: Option<ServerId>,
    relay: Relay,
    adaptation: Adaptation,
    /// The operations that are open on devices that adapters speak for.
    adapted: BTreeMap<Serial, Vec<(Ticket, u16)>>,
    unstored: Unstored,
    /// Sessions whose answers wait for what the fanout wants delivered, and for the records up to this one.
    parked: BTreeMap<SessionNo, PersistSeq>,
    /// Devices whose links nobody else reads.
    links: BTreeSet<Serial>,
    outputs: VecDeque<GatewayOutput>,
    /// Jobs that have come on since their progress was told.
    changed: BTreeSet<JobNo>,
    waits: Waits,
}

/// A session with a server, and its alerts.
#[derive(Clone, Copy, Debug, Default)]
struct Upstream {
    /// Who else can read it.
    transport: TransportSecurity,
    /// Some went into its first package.
    sent: bool,
    /// The server took some.
    taken: bool,
    /// There are others that it cannot take any more.
    more: bool,
    /// Some of these came up after it began.
    news: bool,
}

impl Gateway {
    /// A gateway without devices and servers. `tree` is the gateway's own, with DevInfo, DevDetail and accounts as
    /// the caller made them; the objects are mounted in it where the [binding](GatewayConfig::binding) says. Servers add nodes to it: give it a seed that they
    /// cannot guess ([`Tree::with_hash_seed`]).
    ///
    /// # Errors
    ///
    /// When the tree has no room or has something in the place of an object already.
    pub fn new(now: Instant, config: GatewayConfig, tree: Tree) -> Result<Self, GatewayError> {
        let machines = (
            Inventory::new(config.inventory.clone()),
            Groups::new(config.groups),
            Fanout::new(config.fanout).with_gateway(config.server_id.clone()).with_seed(config.seed),
            Outbox::new(Self::outbox_config(&config)),
        );
        let mut gateway = Self::build(now, config, tree, machines)?;
        gateway.close_objects()?;
        gateway.tree.set_journaling(true);
        Ok(gateway)
    }

    /// Every job must find a place among the completions of its owner.
    fn outbox_config(config: &GatewayConfig) -> OutboxConfig {
        let completions = config.outbox.max_completions.max(config.fanout.max_jobs);
        config.outbox.with_max_completions(completions)
    }

    fn build(
        now: Instant,
        config: GatewayConfig,
        mut tree: Tree,
        machines: (Inventory, Groups, Fanout, Outbox),
    ) -> Result<Self, GatewayError> {
        let mut objects = Objects::new(&mut tree, machines, &config)?;
        objects.now = now;
        tree.set_journaling(true);
        Ok(Self {
            sessions: SessionTable::new(config.sessions),
            lockout: Lockout::new(config.lockout),
            tree,
            objects,
            accounts: BTreeMap::new(),
            upstream: BTreeMap::new(),
            atomic: None,
            relay: Relay::new(config.relay),
            adaptation: Adaptation::new(config.adaptation),
            adapted: BTreeMap::new(),
            unstored: Unstored::default(),
            parked: BTreeMap::new(),
            links: BTreeSet::new(),
            outputs: VecDeque::new(),
            changed: BTreeSet::new(),
            waits: Waits::default(),
            config,
        })
    }

    /// Registers a device with the account it shares with the gateway (GwMO-HLF-003). One that is registered already
    /// keeps its serial and gets the new account; sessions that are open go on. The account that it has already may be
    /// given again, such as at each start of a program: its nonces stay.
    ///
    /// # Errors
    ///
    /// When the inventory is full.
    pub fn handle_device_registered(
        &mut self,
        now: Instant,
        device: DeviceId,
        account: DeviceAccount,
    ) -> Result<Serial, GatewayError> {
        let now = self.advance(now);
        let serial = match self.objects.inventory.serial_of(&device) {
            Some(serial) => serial,
            None => self.objects.inventory.handle_registered(now, device)?,
        };
        let account = account.replacing(self.accounts.get(&serial));
        self.accounts.insert(serial, account);
        self.choose_mode(serial);
        self.drain_machines();
        Ok(serial)
    }

    /// A device is there, registered or not. One without an account can be listed, but not managed.
    ///
    /// # Errors
    ///
    /// As [`Inventory::handle_seen`].
    pub fn handle_device_seen(
        &mut self,
        now: Instant,
        device: &DeviceId,
        sighting: &Sighting<'_>,
    ) -> Result<Serial, GatewayError> {
        let now = self.advance(now);
        let seen = self.objects.inventory.handle_seen(now, device, sighting);
        if let Ok(serial) = seen {
            self.seen_over(serial, sighting.transport());
        }
        self.drain_machines();
        Ok(seen?)
    }

    /// A device is not there any more, in which epoch, and why. An open session with it may still go on.
    ///
    /// # Errors
    ///
    /// As [`Inventory::handle_detached`].
    pub fn handle_device_gone(
        &mut self,
        now: Instant,
        device: &DeviceId,
        epoch: u64,
        reason: DetachReason,
    ) -> Result<(), GatewayError> {
        let now = self.advance(now);
        let serial = self.serial_of(device)?;
        let gone = self.objects.inventory.handle_detached(now, serial, epoch, reason);
        self.drain_machines();
        Ok(gone?)
    }

    /// Deletes a device with its account, its session and the ACLs of its nodes. Its serial is not given again.
    ///
    /// # Errors
    ///
    /// When there is no such device.
    pub fn handle_device_forgotten(&mut self, now: Instant, device: &DeviceId) -> Result<(), GatewayError> {
        let now = self.advance(now);
        let serial = self.serial_of(device)?;
        if let Some(no) = self.sessions.current(serial) {
            self.close_session(no, true);
        }
        self.accounts.remove(&serial);
        let forgotten = self.objects.inventory.handle_forgotten(now, serial);
        // There may have been none.
        let device = self.objects.binding.uri(InventorySlot::Device, &[&serial.to_string()]);
        let _ = self.tree.forget_acls(device.as_str());
        self.drain_machines();
        Ok(forgotten?)
    }

    /// Executes a command of an upstream session for the server that was authenticated in it.
    ///
    /// While an Atomic of another server is open nothing is executed (417): it could still be rolled back. What carries a secret is not
    /// executed either (403), unless the session is [confidential](Self::handle_upstream_transport).
    pub fn execute(&mut self, now: Instant, server: &ServerId, command: &Command<'_>) -> Outcome {
        self.advance(now);
        if self.atomic.as_ref().is_some_and(|opened_for| opened_for != server) {
            return Outcome::all(StatusCode::RETRY_LATER);
        }
        let in_clear = !self.server_may_see(server);
        if let Some(refusal) = in_clear.then(|| self.withheld_from(server, command)).flatten() {
            return Outcome::all(refusal);
        }
        let before = self.outputs.len();
        self.objects.in_clear = in_clear;
        let done = self.tree.execute(server, command, &mut self.objects);
        self.objects.in_clear = false;
        for node in core::mem::take(&mut self.objects.withheld) {
            self.withhold(Leg::Server, Some(server.clone()), None, node.as_str());
        }
        self.note_changes(server, done.changes);
        self.drain_together(before);
        Outcome::each(done.outcomes.into_iter().map(ItemOutcome::from).collect())
    }

    /// Begins, commits or rolls back an Atomic of an upstream session for the server that was authenticated in it (RepPro 1.2.2, Atomic).
    /// Its members come between as [`execute`](Self::execute). Drafts of jobs can be taken back, other [objects](crate::mo) cannot: members that would
    /// change those fail (500), and with them the Atomic.
    ///
    /// One is open at a time; a session that ends, and is [reported](Self::handle_upstream_closed), leaves none open.
    pub fn handle_atomic(&mut self, now: Instant, server: &ServerId, step: AtomicStep) -> Outcome {
        self.advance(now);
        let ours = self.atomic.as_ref() == Some(server);
        let before = self.outputs.len();
        let code = match step {
            AtomicStep::Begin(_) => match self.tree.begin_atomic(server) {
                Ok(()) => {
                    self.atomic = Some(server.clone());
                    StatusCode::OK
                }
                Err(_) => StatusCode::RETRY_LATER,
            },
            AtomicStep::Commit if ours => {
                self.atomic = None;
                let committed = self.tree.commit_atomic(&mut self.objects);
                self.note_changes(server, committed.changes);
                StatusCode::OK
            }
            AtomicStep::RollBack if ours => {
                self.atomic = None;
                self.tree.roll_back_atomic(&mut self.objects)
            }
            // It was rolled back when its session was reported as closed.
            AtomicStep::Commit | AtomicStep::RollBack => StatusCode::ROLLED_BACK,
            _ => StatusCode::NOT_SUPPORTED,
        };
        self.drain_together(before);
        Outcome::all(code)
    }

    /// What a server changed in the tree becomes known.
    fn note_changes(&mut self, server: &ServerId, changes: Vec<Change>) {
        for change in changes {
            let ours = self.objects.binding.object_at(&change.uri).is_some();
            match change.kind {
                _ if !ours => {
                    let server = server.clone();
                    self.event(GatewayEvent::TreeChanged { server, change });
                }
                ChangeKind::Added { .. } if self.is_owned(&change.uri) => {
                    let mut acl = self.own_acl();
                    acl.grant(server, Rights::ALL);
                    // Without room for it the ACL stays that the tree has given the node.
                    let _ = self.tree.set_acl(change.uri.as_str(), acl);
                }
                _ => {}
            }
        }
    }

    /// Takes a message that came in the HTTP request, or whatever else it is, that the caller calls `exchange`. Its answer
    /// comes out as [`GatewayOutput::Reply`], at once or when a record is stored. A message that came before is
    /// answered from memory. When it says [where it came from](Incoming::with_origin), who guesses at credentials from there gets no more
    /// challenges ([`GatewayConfig::lockout`]). `entropy` is what a nonce is made of; it must be fresh and unpredictable in each call.
    ///
    /// # Errors
    ///
    /// [`SessionError::Peer`] when the message belongs to no session and begins none; [`SessionError::Misuse`] when
    /// its session is over, or the answer to the message before is not out yet. There is no answer then; a status
    /// of the transport, such as HTTP 400 or 503, says so.
    pub fn handle_device_message(
        &mut self,
        now: Instant,
        exchange: u64,
        incoming: &Incoming<'_>,
        entropy: [u8; 16],
    ) -> Result<(), SessionError> {
        self.advance(now);
        let received = self.receive(exchange, incoming, entropy);
        self.drain_machines();
        received
    }

    /// The notification of this attempt is on its way.
    pub fn handle_notify_sent(&mut self, now: Instant, ticket: Ticket) {
        let now = self.advance(now);
        self.objects.fanout.handle_notify_sent(now, ticket);
        self.drain_machines();
    }

    /// The notification of this attempt could not be sent.
    pub fn handle_notify_failed(&mut self, now: Instant, ticket: Ticket) {
        let now = self.advance(now);
        self.objects.fanout.handle_notify_failed(now, ticket);
        self.drain_machines();
    }

    /// This record was stored, and all before it.
    pub fn handle_persisted(&mut self, now: Instant, seq: PersistSeq) {
        self.advance(now);
        self.persisted(seq);
        self.drain_machines();
    }

    /// Takes note of the time. Calling it early or late does no harm.
    pub fn handle_tick(&mut self, now: Instant) {
        let now = self.advance(now);
        self.tick_machines(now);
        self.drain_machines();
        while let Some(no) = self.sessions.pop_due(now) {
            if let Some(at) = self.sessions.get_mut(no) {
                at.session.handle_tick(now);
                self.drain_session(no);
            }
        }
        self.drain_machines();
    }

    /// The next thing to do or to know; [`GatewayOutput::Wait`] when there is nothing left.
    pub fn poll_output(&mut self) -> GatewayOutput {
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        while let Some(number) = self.changed.pop_first() {
            if let Some(view) = self.objects.fanout.job(number) {
                let (owner, key) = (view.owner().clone(), view.key().clone());
                let counters = view.counters();
                return GatewayOutput::Event(GatewayEvent::JobProgress { owner, key, counters });
            }
        }
        let soonest = [self.waits.soonest(), self.sessions.next_deadline()].into_iter().flatten().min();
        GatewayOutput::Wait(soonest)
    }

    /// Chance that nobody can guess, for the address of one image each. Without any left, servers that add images are told
    /// to come again (417). As many as 64 are kept.
    pub fn handle_entropy(&mut self, now: Instant, entropy: [u8; 16]) {
        self.advance(now);
        if self.objects.tokens.len() < 64 {
            self.objects.tokens.push(entropy);
        }
    }

    /// What time of day it is: for time stamps, and for jobs that are to begin at some time. Say it again whenever the
    /// clock was set.
    pub fn handle_wall_clock(&mut self, now: Instant, time: Timestamp) {
        self.advance(now);
        self.tree.set_wall_clock(time);
        self.objects.set_wall_clock(time);
        self.drain_machines();
    }

    /// The gateway's tree. Its objects are not stored in it, their ACLs are.
    #[must_use]
    pub const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The gateway's tree, for the caller's own objects and for ACLs such as that of
    /// `./GwMO/Inventory/Devices/<serial>`, which says who may do what to a device.
    pub const fn tree_mut(&mut self) -> &mut Tree {
        &mut self.tree
    }

    /// The devices.
    #[must_use]
    pub const fn inventory(&self) -> &Inventory {
        &self.objects.inventory
    }

    /// The groups.
    #[must_use]
    pub const fn groups(&self) -> &Groups {
        &self.objects.groups
    }

    /// The jobs that were started.
    #[must_use]
    pub const fn fanout(&self) -> &Fanout {
        &self.objects.fanout
    }

    /// The alerts that wait for servers.
    #[must_use]
    pub const fn outbox(&self) -> &Outbox {
        &self.objects.outbox
    }

    /// How it is set up.
    #[must_use]
    pub const fn config(&self) -> &GatewayConfig {
        &self.config
    }

    /// Sessions with devices that have proved themselves, those that only remember their last answer included.
    #[must_use]
    pub fn proven_sessions(&self) -> usize {
        self.sessions.counts().0
    }

    /// Sessions with peers that have not proved themselves.
    #[must_use]
    pub fn unproven_sessions(&self) -> usize {
        self.sessions.counts().1
    }

    /// Clocks that step back do no harm.
    fn advance(&mut self, now: Instant) -> Instant {
        self.objects.now = self.objects.now.max(now);
        self.objects.now
    }

    fn event(&mut self, event: GatewayEvent) {
        self.outputs.push_back(GatewayOutput::Event(event));
    }

    fn serial_of(&self, device: &DeviceId) -> Result<Serial, InventoryError> {
        self.objects.inventory.serial_of(device).ok_or(InventoryErrorKind::UnknownDevice.into())
    }

    fn job_ended(&mut self, job: JobNo, round: u16, result: ResultCode) {
        let now = self.objects.now;
        let Some(view) = self.objects.fanout.job(job) else { return };
        let (owner, key) = (view.owner().clone(), view.key().clone());
        let wants = self.objects.jobs.numbered(job).is_none_or(|(_, job)| job.report().alert >= 1);
        if wants && self.objects.servers.contains(&owner) {
            // There is room for the completions of all jobs, see `new`.
            let _ = self.objects.outbox.handle_job_ended(now, &owner, job, round, result);
            if self.objects.jobs.numbered(job).is_some_and(|(_, job)| job.report().alert >= 2) {
                let _ = self.objects.outbox.handle_job_results(now, &owner, job);
            }
        }
        // That it was reported must not be stored before the report is.
        let alerts = self.drain_outbox(None);
        debug_assert!(alerts.is_empty(), "nobody asked for alerts");
        self.objects.fanout.handle_reported(now, job, round);
        self.objects.images.handle_job_ended(now, job);
        self.changed.remove(&job);
        self.event(GatewayEvent::JobEnded { owner, key, result });
    }

    fn job_changed(&mut self, job: JobNo) {
        self.changed.insert(job);
        let Some((_, known)) = self.objects.jobs.numbered(job) else { return };
        if known.report().alert >= 3 && self.objects.servers.contains(known.owner()) {
            let (now, owner) = (self.objects.now, known.owner().clone());
            // What there is no room for is said by the end.
            let _ = self.objects.outbox.handle_job_progress(now, &owner, job);
        }
    }

    /// The fanout has removed a job, since its time was over.
    fn job_removed(&mut self, job: JobNo) {
        let now = self.objects.now;
        let Some((key, owner)) = self.objects.forget_job(job) else { return };
        self.objects.outbox.handle_job_removed(now, &owner, job);
        self.objects.images.handle_job_ended(now, job);
        let uri = self.objects.binding.uri(FanoutSlot::Job, &[key.as_str()]);
        // There may have been none.
        let _ = self.tree.forget_acls(uri.as_str());
        self.persist_objects();
    }

    /// Devices that servers registered get the accounts they were given.
    fn take_registered(&mut self) {
        let now = self.objects.now;
        for (serial, credential) in core::mem::take(&mut self.objects.registered) {
            let Some(credential) = credential else { continue };
            if let Some(account) = DeviceAccount::of_credential(&self.config.server_id, &credential) {
                self.accounts.insert(serial, account);
            }
            // One that another device has is not given a second time: the device stays without.
            if self.objects.bootstrap.handle_credential(now, serial, credential).is_err() {
                self.accounts.remove(&serial);
                continue;
            }
            // It may be switched off.
            let _ = self.objects.bootstrap.handle_gateway_wanted(now, serial, false);
            self.choose_mode(serial);
        }
    }

    /// A node of a device.
    fn device_uri(&self, slot: InventorySlot, serial: Serial) -> NodeUri<'static> {
        self.objects.binding.uri(slot, &[&serial.to_string()])
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("server_id", &self.config.server_id)
            .field("inventory", &self.objects.inventory.summary())
            .field("jobs", &self.objects.fanout.jobs().len())
            .field("sessions", &self.sessions.counts())
            .finish_non_exhaustive()
    }
}

impl Gateway {
    /// Whether a node that was added belongs to its server alone: a group or a job.
    fn is_owned(&self, uri: &NodeUri<'_>) -> bool {
        let owned = [
            GroupsSlot::Group.into(),
            FanoutSlot::Job.into(),
            InventorySlot::Query.into(),
            ImagesSlot::Image.into(),
            TriggerSlot::Trigger.into(),
        ];
        self.objects.binding.resolve(uri).is_some_and(|(slot, _): (Slot, _)| owned.contains(&slot))
    }

    /// An ACL under which only the gateway itself reads. One that names nobody would inherit.
    fn own_acl(&self) -> Acl {
        let mut acl = Acl::EMPTY;
        acl.grant(&self.config.server_id, Rights::GET);
        acl
    }
}
