//! What a gateway has to have stored, from all of its machines, under one count.

use alloc::collections::VecDeque;

use dm_syncml::session::RecordSeq as SessionSeq;
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
use crate::journal::RecordSeq;
use crate::mo::ObjectRecord;
use crate::outbox::OutboxRecord;
use crate::peers::PeersRecord;
use crate::relay::RelayRecord;
use crate::trigger::TriggerRecord;

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
}

/// Whose record it is, and how that one counts it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin {
    /// Nothing waits for it by itself.
    Gateway,
    Session(SessionNo, SessionSeq),
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
                        if !self.parked.contains(&no) {
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
                Origin::Bootstrap(seq) => self.bootstrap.handle_persisted(now, seq),
                Origin::Peers(seq) => self.objects.peers.handle_persisted(now, seq),
                Origin::Gateway | Origin::Session(..) => {}
            }
        }
        self.drain_machines();
        if self.objects.fanout.held() == 0 {
            for no in core::mem::take(&mut self.parked) {
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
