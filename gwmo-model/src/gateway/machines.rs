//! Does what the machines want done, each after those that feed it.

use alloc::string::ToString;
use alloc::vec::Vec;

use dm_syncml::Instant;

use super::persistence::Origin;
use super::{Gateway, GatewayEvent, GatewayOutput, GatewayRecord, Leg};
use crate::adaptation::AdaptationOutput;
use crate::device::{DeviceId, Serial};
use crate::device_bootstrap::{BootstrapState, BootstrapTarget, DeviceBootstrapOutput};
use crate::fanout::{FanoutOutput, JobNo};
use crate::group::{GroupId, GroupsOutput};
use crate::image::ImagesOutput;
use crate::inventory::{AttachStatus, BootState, FactSet, InventoryOutput};
use crate::mo::InventorySlot;
use crate::peers::PeersOutput;

/// When each of the machines wants to be ticked.
#[derive(Debug, Default)]
pub(super) struct Waits([Option<Instant>; 9]);

#[derive(Clone, Copy)]
pub(super) enum Waiting {
    Inventory,
    Fanout,
    Outbox,
    Images,
    Relay,
    Triggers,
    Adaptation,
    Bootstrap,
    Peers,
}

impl Waits {
    pub(super) fn set(&mut self, machine: Waiting, at: Option<Instant>) {
        self.0[machine as usize] = at;
    }

    pub(super) fn soonest(&self) -> Option<Instant> {
        self.0.iter().flatten().copied().min()
    }
}

impl Gateway {
    pub(super) fn drain_machines(&mut self) {
        self.persist_objects();
        for record in core::mem::take(&mut self.objects.account_records) {
            self.persist(Origin::Gateway, GatewayRecord::Accounts(record));
        }
        self.take_registered();
        if core::mem::take(&mut self.objects.modes_changed) {
            let all: Vec<Serial> = self.objects.inventory.records(..).map(|record| record.serial()).collect();
            all.into_iter().for_each(|serial| self.choose_mode(serial));
        }
        self.drain_inventory();
        self.drain_groups();
        self.drain_fanout();
        self.drain_adaptation();
        self.drain_relay();
        self.drain_triggers();
        self.drain_images();
        self.drain_bootstrap();
        self.drain_peers();
        let alerts = self.drain_outbox(None);
        debug_assert!(alerts.is_empty(), "nobody asked for alerts");
        // What they changed of the tree: the ACLs of what is gone.
        self.persist_objects();
    }

    pub(super) fn tick_machines(&mut self, now: Instant) {
        self.objects.inventory.handle_tick(now);
        self.objects.fanout.handle_tick(now);
        self.objects.outbox.handle_tick(now);
        self.objects.images.handle_tick(now);
        self.objects.triggers.handle_tick(now);
        self.objects.peers.handle_tick(now);
        self.relay.handle_tick(now);
        self.adaptation.handle_tick(now);
        self.objects.bootstrap.handle_tick(now);
    }

    fn drain_inventory(&mut self) {
        let now = self.objects.now;
        loop {
            match self.objects.inventory.poll_output() {
                InventoryOutput::Persist(seq, record) => {
                    self.persist(Origin::Inventory(seq), GatewayRecord::Inventory(record));
                }
                InventoryOutput::DeviceAttached { serial, id, epoch, first, rev } => {
                    self.objects.outbox.handle_device_attached(now, rev, serial, &id, epoch, first);
                    self.event(GatewayEvent::DeviceAttached { serial, device: id, first });
                    self.reachable(serial);
                }
                InventoryOutput::DeviceDetached { serial, id, epoch, reason, rev } => {
                    self.objects.fanout.handle_presence(now, serial, false);
                    self.objects.bootstrap.handle_away(now, serial);
                    // Where it comes back is another question.
                    self.links.remove(&serial);
                    self.objects.outbox.handle_device_detached(now, rev, serial, &id, epoch, reason);
                    self.event(GatewayEvent::DeviceDetached { serial, device: id, reason });
                }
                InventoryOutput::Changed { serial, facts } => {
                    self.objects.groups.handle_changed(serial, facts, &self.objects.inventory);
                    // Beside what the rules look at, these decide by themselves.
                    let decisive =
                        self.objects.mode_facts | FactSet::REGISTERED | FactSet::MODE_WISH | FactSet::SERVERS;
                    if facts != FactSet::MODE && facts.overlaps(decisive) {
                        self.choose_mode_after(serial, facts);
                    }
                    let jobs = self.objects.jobs.live.looking_at(facts);
                    self.join_live(serial, &jobs);
                }
                InventoryOutput::Removed { serial, id } => self.forget(serial, &id),
                InventoryOutput::Asleep { serial, until } => {
                    self.objects.fanout.handle_asleep(now, serial, until.saturating_since(now));
                    self.objects.bootstrap.handle_away(now, serial);
                }
                InventoryOutput::Awake { serial } => self.reachable(serial),
                InventoryOutput::Wait(at) => return self.waits.set(Waiting::Inventory, at),
            }
        }
    }

    /// A device is there and awake.
    fn reachable(&mut self, serial: Serial) {
        let now = self.objects.now;
        self.objects.fanout.handle_presence(now, serial, true);
        self.objects.bootstrap.handle_reachable(now, serial);
        self.relay_reachable(serial);
        self.objects.triggers.handle_reachable(now, serial);
    }

    /// A device is not registered any more, by whom ever that was decided.
    fn forget(&mut self, serial: Serial, id: &DeviceId) {
        let now = self.objects.now;
        if let Some(no) = self.sessions.current(serial) {
            self.close_session(no, true);
        }
        self.accounts.remove(&serial);
        self.links.remove(&serial);
        self.objects.standing.remove(&serial);
        self.objects.groups.handle_removed(serial, id);
        self.objects.triggers.handle_forgotten(now, serial);
        self.objects.peers.handle_device_forgotten(now, serial);
        self.relay.handle_forgotten(now, serial);
        self.adaptation.handle_adapter_gone(now, serial);
        self.objects.bootstrap.handle_forgotten(now, serial);
        let device = self.device_uri(InventorySlot::Device, serial);
        // There may have been none.
        let _ = self.tree.forget_acls(device.as_str());
    }

    fn drain_groups(&mut self) {
        loop {
            match self.objects.groups.poll_output() {
                GroupsOutput::Persist(seq, record) => {
                    self.persist(Origin::Groups(seq), GatewayRecord::Groups(record));
                }
                GroupsOutput::Joined { group, serial } => {
                    let jobs = self.objects.jobs.live.of_group(&group);
                    self.join_live(serial, &jobs);
                }
                GroupsOutput::Redefined { group } => self.join_redefined(&group),
                GroupsOutput::Left { .. } => {}
                GroupsOutput::Wait(_) => return,
            }
        }
    }

    /// A device may belong to the targets of these jobs, which take more while they run.
    fn join_live(&mut self, serial: Serial, jobs: &[JobNo]) {
        if jobs.is_empty() {
            return;
        }
        let now = self.objects.now;
        let objects = &mut self.objects;
        let record = objects.inventory.record(serial);
        let attached = record.is_some_and(|record| record.status() == AttachStatus::Attached);
        for job in jobs {
            let targets = objects.jobs.live.targets(*job);
            if targets.is_some_and(|targets| targets.contains(serial, &objects.inventory, &objects.groups)) {
                // One that is over takes no more.
                let _ = objects.fanout.handle_joined(now, *job, serial, attached);
            }
        }
    }

    /// A group was changed: everybody may belong to the targets of the jobs for it.
    fn join_redefined(&mut self, group: &GroupId) {
        for job in self.objects.jobs.live.of_group(group) {
            let objects = &self.objects;
            let Some(targets) = objects.jobs.live.targets(job) else { continue };
            // A group that is gone has nobody.
            let all = targets.resolve(&objects.inventory, &objects.groups).unwrap_or_default().serials;
            all.into_iter().for_each(|serial| self.join_live(serial, &[job]));
        }
    }

    pub(super) fn drain_fanout(&mut self) {
        loop {
            match self.objects.fanout.poll_output() {
                FanoutOutput::Persist(seq, record) => {
                    self.persist(Origin::Fanout(seq), GatewayRecord::Fanout(record));
                }
                FanoutOutput::Notify { ticket } => self.notify(ticket),
                FanoutOutput::Deliver { ticket, ops } => self.deliver(ticket, ops),
                FanoutOutput::Abort { serial } => {
                    if let Some(no) = self.sessions.current(serial) {
                        self.close_session(no, false);
                    }
                }
                FanoutOutput::JobChanged { job } => self.job_changed(job),
                FanoutOutput::JobEnded { job, round, result } => self.job_ended(job, round, result),
                FanoutOutput::JobRemoved { job } => self.job_removed(job),
                FanoutOutput::Audit(audit) => self.event(GatewayEvent::Target(audit)),
                FanoutOutput::Wait(at) => return self.waits.set(Waiting::Fanout, at),
            }
        }
    }

    fn drain_adaptation(&mut self) {
        loop {
            match self.adaptation.poll_output() {
                AdaptationOutput::Persist(seq, record) => {
                    self.persist(Origin::Adaptation(seq), GatewayRecord::Adaptation(record));
                }
                AdaptationOutput::Wait(at) => return self.waits.set(Waiting::Adaptation, at),
                output => self.adapted(output),
            }
        }
    }

    fn drain_images(&mut self) {
        loop {
            match self.objects.images.poll_output() {
                ImagesOutput::Persist(seq, record) => {
                    self.persist(Origin::Images(seq), GatewayRecord::Images(record));
                }
                ImagesOutput::Wait(at) => return self.waits.set(Waiting::Images, at),
                output => self.image_output(output),
            }
        }
    }

    fn drain_bootstrap(&mut self) {
        let now = self.objects.now;
        loop {
            match self.objects.bootstrap.poll_output() {
                DeviceBootstrapOutput::Persist(seq, record) => {
                    self.persist(Origin::Bootstrap(seq), GatewayRecord::Bootstrap(record));
                }
                DeviceBootstrapOutput::SendBootstrap { device: serial, target, attempt, account } => {
                    if !self.may_bootstrap(serial) {
                        let server = match &target {
                            BootstrapTarget::Server(server) => server.clone(),
                            BootstrapTarget::Gateway => self.config.server_id.clone(),
                        };
                        self.withhold(Leg::Bootstrap, Some(server), Some(serial), "AAuthSecret");
                        self.objects.bootstrap.handle_not_sent(now, serial, &target);
                        continue;
                    }
                    let Some(record) = self.objects.inventory.record(serial) else { continue };
                    let (device, address) = (record.id().clone(), super::address_of(record));
                    let output =
                        GatewayOutput::SendBootstrap { serial, device, address, target, attempt, account };
                    self.outputs.push_back(output);
                }
                DeviceBootstrapOutput::Changed { device: serial, target, state } => {
                    if target == BootstrapTarget::Gateway {
                        let state = match state {
                            BootstrapState::None => BootState::None,
                            BootstrapState::Offered => BootState::Offered,
                            BootstrapState::Confirmed => BootState::Confirmed,
                            BootstrapState::Failed(_) => BootState::Failed,
                        };
                        // It may have been forgotten meanwhile.
                        let _ = self.objects.inventory.handle_boot_state(now, serial, state);
                    } else if state == BootstrapState::Confirmed {
                        self.add_server_of(serial, &target);
                    }
                    self.event(GatewayEvent::Bootstrap { serial, target, state });
                }
                DeviceBootstrapOutput::Wait(at) => {
                    self.waits.set(Waiting::Bootstrap, at);
                    break;
                }
            }
        }
        self.drain_inventory();
    }

    /// A device has one server more.
    fn add_server_of(&mut self, serial: Serial, target: &BootstrapTarget) {
        let BootstrapTarget::Server(server) = target else { return };
        let Some(record) = self.objects.inventory.record(serial) else { return };
        let mut servers: Vec<_> = record.servers().map(alloc::string::String::from).collect();
        servers.push(server.to_string());
        let now = self.objects.now;
        // Of too many only those known before are kept.
        let _ =
            self.objects.inventory.handle_servers(now, serial, servers.iter().map(|server| server.as_str()));
    }

    fn drain_peers(&mut self) {
        loop {
            match self.objects.peers.poll_output() {
                PeersOutput::Persist(seq, record) => {
                    self.persist(Origin::Peers(seq), GatewayRecord::Peers(record));
                }
                PeersOutput::RequestBootstrap { server, address } => {
                    self.outputs.push_back(GatewayOutput::RequestBootstrap { server, address });
                }
                PeersOutput::Audit { server, from, event } => {
                    self.event(GatewayEvent::Peer { server, from, event });
                }
                PeersOutput::Unparsed { from, text } => {
                    self.event(GatewayEvent::ServersUnparsed { serial: from, text });
                }
                PeersOutput::Wait(at) => return self.waits.set(Waiting::Peers, at),
            }
        }
    }
}
