//! What a gateway has to have stored, from all of its machines, under one count.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use dm_tree::TreeRecord;

use super::account::NonceRecord;
use super::session_table::SessionNo;
use super::{Gateway, GatewayOutput, PersistSeq};
use crate::account_scope::AccountScopeRecord;
use crate::adaptation::AdaptationRecord;
use crate::device_bootstrap::DeviceBootstrapRecord;
use crate::fanout::FanoutRecord;
use crate::group::GroupRecord;
use crate::image::ImageRecord;
use crate::inventory::InventoryRecord;
use crate::mo::ObjectRecord;
use crate::outbox::OutboxRecord;
use crate::peers::PeersRecord;
use crate::relay::RelayRecord;
use crate::trigger::TriggerRecord;
use dm_syncml::RecordSeq;

/// Something that has changed in a gateway, to be stored: in the order in which it comes, and before anything that
/// comes after. Together with the last [snapshot](Gateway::snapshot) all records since make the gateway again.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum GatewayRecord {
    /// What a server wrote into the objects.
    Objects(ObjectRecord),
    /// The gateway's own tree: accounts, ACLs.
    Tree(TreeRecord),
    /// A nonce of a device or of the gateway.
    Nonce(NonceRecord),
    /// Devices.
    Inventory(InventoryRecord),
    /// Groups.
    Groups(GroupRecord),
    /// Jobs.
    Fanout(FanoutRecord),
    /// Alerts for servers.
    Outbox(OutboxRecord),
    /// Images.
    Images(ImageRecord),
    /// Notifications that are passed on.
    Relay(RelayRecord),
    /// Notifications that servers asked for.
    Triggers(TriggerRecord),
    /// Operations for adapters.
    Adaptation(AdaptationRecord),
    /// Bootstraps of devices.
    Bootstrap(DeviceBootstrapRecord),
    /// Servers learnt from devices.
    Peers(PeersRecord),
    /// Shared accounts.
    Accounts(AccountScopeRecord),
    /// Several of these, of what one command of a server did, or one Atomic: all of it is stored, or nothing.
    Together(Box<RecordSet>),
}

/// Records that belong together. What each machine recorded is in its order; between machines there is none.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RecordSet {
    pub(super) objects: Vec<ObjectRecord>,
    pub(super) tree: Vec<TreeRecord>,
    pub(super) nonces: Vec<NonceRecord>,
    pub(super) inventory: Vec<InventoryRecord>,
    pub(super) groups: Vec<GroupRecord>,
    pub(super) fanout: Vec<FanoutRecord>,
    pub(super) outbox: Vec<OutboxRecord>,
    pub(super) images: Vec<ImageRecord>,
    pub(super) relay: Vec<RelayRecord>,
    pub(super) triggers: Vec<TriggerRecord>,
    pub(super) adaptation: Vec<AdaptationRecord>,
    pub(super) bootstrap: Vec<DeviceBootstrapRecord>,
    pub(super) peers: Vec<PeersRecord>,
    pub(super) accounts: Vec<AccountScopeRecord>,
}

impl RecordSet {
    pub(super) fn of(records: impl IntoIterator<Item = GatewayRecord>) -> Self {
        let mut set = Self::default();
        records.into_iter().for_each(|record| set.put(record));
        set
    }

    fn put(&mut self, record: GatewayRecord) {
        match record {
            GatewayRecord::Objects(record) => self.objects.push(record),
            GatewayRecord::Tree(record) => self.tree.push(record),
            GatewayRecord::Nonce(record) => self.nonces.push(record),
            GatewayRecord::Inventory(record) => self.inventory.push(record),
            GatewayRecord::Groups(record) => self.groups.push(record),
            GatewayRecord::Fanout(record) => self.fanout.push(record),
            GatewayRecord::Outbox(record) => self.outbox.push(record),
            GatewayRecord::Images(record) => self.images.push(record),
            GatewayRecord::Relay(record) => self.relay.push(record),
            GatewayRecord::Triggers(record) => self.triggers.push(record),
            GatewayRecord::Adaptation(record) => self.adaptation.push(record),
            GatewayRecord::Bootstrap(record) => self.bootstrap.push(record),
            GatewayRecord::Peers(record) => self.peers.push(record),
            GatewayRecord::Accounts(record) => self.accounts.push(record),
            GatewayRecord::Together(mut set) => {
                self.objects.append(&mut set.objects);
                self.tree.append(&mut set.tree);
                self.nonces.append(&mut set.nonces);
                self.inventory.append(&mut set.inventory);
                self.groups.append(&mut set.groups);
                self.fanout.append(&mut set.fanout);
                self.outbox.append(&mut set.outbox);
                self.images.append(&mut set.images);
                self.relay.append(&mut set.relay);
                self.triggers.append(&mut set.triggers);
                self.adaptation.append(&mut set.adaptation);
                self.bootstrap.append(&mut set.bootstrap);
                self.peers.append(&mut set.peers);
                self.accounts.append(&mut set.accounts);
            }
        }
    }
}

/// Whose record it is, and how that one counts it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin {
    /// Nothing waits for it by itself.
    Gateway,
    Session(SessionNo, RecordSeq),
    Inventory(RecordSeq),
    Groups(RecordSeq),
    Fanout(RecordSeq),
    Outbox(RecordSeq),
    Images(RecordSeq),
    Relay(RecordSeq),
    Triggers(RecordSeq),
    Adaptation(RecordSeq),
    Bootstrap(RecordSeq),
    Peers(RecordSeq),
}

/// Records that were handed out and are not stored yet, as far as is known.
#[derive(Debug, Default)]
pub(super) struct Unstored {
    last: u64,
    origins: VecDeque<(PersistSeq, Origin)>,
}

impl Unstored {
    /// The last one that was handed out.
    pub(super) const fn last(&self) -> PersistSeq {
        PersistSeq(self.last)
    }

    fn add(&mut self, origin: Origin) -> PersistSeq {
        self.last += 1;
        let seq = PersistSeq(self.last);
        if !matches!(origin, Origin::Gateway) {
            self.origins.push_back((seq, origin));
        }
        seq
    }

    fn next_until(&mut self, seq: PersistSeq) -> Option<Origin> {
        self.origins.front().filter(|(at, _)| *at <= seq)?;
        self.origins.pop_front().map(|(_, origin)| origin)
    }
}

impl Gateway {
    pub(super) fn persist(&mut self, origin: Origin, record: GatewayRecord) {
        let seq = self.unstored.add(origin);
        self.outputs.push_back(GatewayOutput::Persist(seq, record));
    }

    /// Drains the machines after something that a server wants done as a whole, and makes one record of all that came of it. A
    /// job that was stored without the rights of its owner, or half of what an Atomic added, could be had otherwise.
    pub(super) fn drain_together(&mut self, before: usize) {
        self.drain_machines();
        let is_record = |output: &GatewayOutput| matches!(output, GatewayOutput::Persist(..));
        if self.outputs.range(before..).filter(|output| is_record(output)).count() < 2 {
            return;
        }
        let mut last = None;
        let mut set = RecordSet::default();
        let mut others = Vec::new();
        for output in self.outputs.drain(before..) {
            match output {
                GatewayOutput::Persist(seq, record) => {
                    last = Some(seq);
                    set.put(record);
                }
                other => others.push(other),
            }
        }
        // A report of the last number stands for all of them, and what rests on them has not come out yet.
        let together = last.map(|seq| GatewayOutput::Persist(seq, GatewayRecord::Together(Box::new(set))));
        self.outputs.extend(together.into_iter().chain(others));
    }

    /// Everything up to this record is stored: what waited for it may go.
    pub(super) fn persisted(&mut self, seq: PersistSeq) {
        let now = self.objects.now;
        // A report of one number stands for all before it, so of each machine only the last one is reported.
        let mut last: [Option<Origin>; 10] = [None; 10];
        while let Some(origin) = self.unstored.next_until(seq) {
            let at = match origin {
                Origin::Gateway => continue,
                Origin::Session(no, record) => {
                    if let Some(at) = self.sessions.get_mut(no) {
                        at.session.handle_persisted(now, record);
                        if !self.parked.contains_key(&no) {
                            self.drain_session(no);
                        }
                    }
                    continue;
                }
                Origin::Inventory(_) => 0,
                Origin::Groups(_) => 1,
                Origin::Fanout(_) => 2,
                Origin::Images(_) => 3,
                Origin::Relay(_) => 4,
                Origin::Triggers(_) => 5,
                Origin::Adaptation(_) => 6,
                Origin::Bootstrap(_) => 7,
                Origin::Peers(_) => 8,
                Origin::Outbox(_) => 9,
            };
            last[at] = Some(origin);
        }
        for origin in last.into_iter().flatten() {
            match origin {
                Origin::Inventory(seq) => self.objects.inventory.handle_persisted(now, seq),
                Origin::Groups(seq) => self.objects.groups.handle_persisted(seq),
                Origin::Fanout(seq) => self.objects.fanout.handle_persisted(now, seq),
                Origin::Outbox(seq) => self.objects.outbox.handle_persisted(now, seq),
                Origin::Images(seq) => self.objects.images.handle_persisted(now, seq),
                Origin::Relay(seq) => self.relay.handle_persisted(now, seq),
                Origin::Triggers(seq) => self.objects.triggers.handle_persisted(now, seq),
                Origin::Adaptation(seq) => self.adaptation.handle_persisted(now, seq),
                Origin::Bootstrap(seq) => self.objects.bootstrap.handle_persisted(now, seq),
                Origin::Peers(seq) => self.objects.peers.handle_persisted(now, seq),
                Origin::Gateway | Origin::Session(..) => {}
            }
        }
        self.drain_machines();
        if self.objects.fanout.held() == 0 {
            let (ready, waiting) =
                core::mem::take(&mut self.parked).into_iter().partition(|(_, rests_on)| *rests_on <= seq);
            self.parked = waiting;
            let ready: BTreeMap<SessionNo, PersistSeq> = ready;
            for no in ready.into_keys() {
                self.drain_session(no);
            }
        }
    }

    /// What servers wrote, and what changed in the tree for it.
    pub(super) fn persist_objects(&mut self) {
        for record in core::mem::take(&mut self.objects.records) {
            self.persist(Origin::Gateway, GatewayRecord::Objects(record));
        }
        if let Some(record) = self.tree.take_record() {
            self.persist(Origin::Gateway, GatewayRecord::Tree(record));
        }
    }
}
