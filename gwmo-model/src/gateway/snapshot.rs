//! A gateway as a value, and made again of it.

use alloc::vec::Vec;

use dm_syncml::Instant;
use dm_tree::{Tree, TreeSnapshot};
use thiserror::Error;

use super::account::NonceRecord;
use super::persistence::RecordSet;
use super::{DeviceAccount, Gateway, GatewayConfig, GatewayError, GatewayRecord};
use crate::account_scope::{AccountScopeSnapshot, AccountScopes};
use crate::adaptation::{Adaptation, AdaptationSnapshot};
use crate::device::{DeviceId, Serial};
use crate::device_bootstrap::{DeviceBootstrap, DeviceBootstrapSnapshot};
use crate::fanout::{Fanout, FanoutSnapshot, JobNo};
use crate::group::{Groups, GroupsSnapshot};
use crate::image::{Images, ImagesSnapshot};
use crate::inventory::{AttachStatus, Inventory, InventorySnapshot};
use crate::mo::ObjectRecord;
use crate::outbox::{Outbox, OutboxSnapshot};
use crate::peers::{Peers, PeersSnapshot};
use crate::relay::{Relay, RelaySnapshot};
use crate::trigger::{TriggerSnapshot, Triggers};

/// All that a gateway has to keep, at one moment. Secrets that devices share with it are in it as far as servers gave
/// them; those that its owner gave ([`Gateway::handle_device_registered`]) are not.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct GatewaySnapshot {
    version: u16,
    tree: TreeSnapshot,
    objects: Vec<ObjectRecord>,
    nonces: Vec<NonceRecord>,
    inventory: InventorySnapshot,
    groups: GroupsSnapshot,
    fanout: FanoutSnapshot,
    outbox: OutboxSnapshot,
    images: ImagesSnapshot,
    relay: RelaySnapshot,
    triggers: TriggerSnapshot,
    adaptation: AdaptationSnapshot,
    bootstrap: DeviceBootstrapSnapshot,
    peers: PeersSnapshot,
    accounts: AccountScopeSnapshot,
}

impl GatewaySnapshot {
    /// The version this crate writes and reads.
    pub const VERSION: u16 = 1;
}

/// Why a gateway cannot be made again: which part of it, and what is wrong with that.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("{part} cannot be restored")]
pub struct GatewayRestoreError {
    part: GatewayPart,
}

/// The parts of a gateway that are stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Error)]
#[non_exhaustive]
pub enum GatewayPart {
    /// The snapshot as a whole: a version that this crate does not know.
    #[error("snapshot")]
    Snapshot,
    /// The tree.
    #[error("tree")]
    Tree,
    /// What servers wrote into the objects.
    #[error("objects")]
    Objects,
    /// Devices.
    #[error("inventory")]
    Inventory,
    /// Groups.
    #[error("groups")]
    Groups,
    /// Jobs.
    #[error("fanout")]
    Fanout,
    /// Alerts.
    #[error("outbox")]
    Outbox,
    /// Images.
    #[error("images")]
    Images,
    /// Notifications that are passed on.
    #[error("relay")]
    Relay,
    /// Notifications that servers asked for.
    #[error("triggers")]
    Triggers,
    /// Operations for adapters.
    #[error("adaptation")]
    Adaptation,
    /// Bootstraps of devices.
    #[error("bootstrap")]
    Bootstrap,
    /// Servers learnt from devices.
    #[error("peers")]
    Peers,
    /// Shared accounts.
    #[error("accounts")]
    Accounts,
}

impl GatewayRestoreError {
    const fn new(part: GatewayPart) -> Self {
        Self { part }
    }

    /// Which part.
    #[must_use]
    pub const fn part(&self) -> GatewayPart {
        self.part
    }
}

impl Gateway {
    /// The gateway as a value. Records that come out after it belong to it; those that came out before are in it.
    /// Sessions are not: devices begin anew.
    ///
    /// # Errors
    ///
    /// [`GatewayError`] while an Atomic of a server is open.
    pub fn snapshot(&self, now: Instant) -> Result<GatewaySnapshot, GatewayError> {
        let objects = &self.objects;
        let now = objects.now.max(now);
        let mut nonces = Vec::new();
        for (serial, account) in &self.accounts {
            if let Some(record) = objects.inventory.record(*serial) {
                nonces.extend(account.nonces().map(|nonce| NonceRecord::new(record.id().clone(), nonce)));
            }
        }
        Ok(GatewaySnapshot {
            version: GatewaySnapshot::VERSION,
            tree: self.tree.snapshot()?,
            objects: objects.written(),
            nonces,
            inventory: objects.inventory.snapshot(now),
            groups: objects.groups.snapshot(),
            fanout: objects.fanout.snapshot(now),
            outbox: objects.outbox.snapshot(now),
            images: objects.images.snapshot(now),
            relay: self.relay.snapshot(now),
            triggers: objects.triggers.snapshot(now),
            adaptation: self.adaptation.snapshot(now),
            bootstrap: self.objects.bootstrap.snapshot(now),
            peers: objects.peers.snapshot(now),
            accounts: objects.scopes.snapshot(),
        })
    }

    /// The gateway of the last snapshot, and what the records stored since say of it, as many of them as there are, in their order.
    /// `account` gives back what a device shares with the gateway, as at
    /// [`handle_device_registered`](Self::handle_device_registered); devices for which it gives nothing have what a server
    /// registered them with, if one did.
    ///
    /// What was under way goes on as each machine says of itself: devices that were in flight are begun with anew, but nothing that
    /// must not be repeated is. Tell the [time of day](Self::handle_wall_clock) next.
    ///
    /// # Errors
    ///
    /// When a part of the snapshot is of another version, contradicts itself, or does not fit the records.
    pub fn restore(
        now: Instant,
        config: GatewayConfig,
        snapshot: GatewaySnapshot,
        records: impl IntoIterator<Item = GatewayRecord>,
        mut account: impl FnMut(&DeviceId) -> Option<DeviceAccount>,
    ) -> Result<Self, GatewayRestoreError> {
        fn part<T, E>(part: GatewayPart, made: Result<T, E>) -> Result<T, GatewayRestoreError> {
            made.map_err(|_| GatewayRestoreError::new(part))
        }
        use GatewayPart as P;
        if snapshot.version != GatewaySnapshot::VERSION {
            return Err(GatewayRestoreError::new(P::Snapshot));
        }
        let sorted = RecordSet::of(records);
        let mut tree = part(P::Tree, Tree::restore(&snapshot.tree, config.tree))?;
        for record in &sorted.tree {
            part(P::Tree, tree.replay(record))?;
        }
        let inventory =
            Inventory::restore(now, config.inventory.clone(), snapshot.inventory, sorted.inventory);
        let inventory = part(P::Inventory, inventory)?;
        let groups = Groups::restore(config.groups, snapshot.groups, sorted.groups, &inventory);
        let groups = part(P::Groups, groups)?;
        let fanout = Fanout::restore(now, config.fanout, snapshot.fanout, sorted.fanout);
        let fanout = part(P::Fanout, fanout)?.with_gateway(config.server_id.clone()).with_seed(config.seed);
        let outbox = Outbox::restore(now, Self::outbox_config(&config), snapshot.outbox, sorted.outbox);
        let outbox = part(P::Outbox, outbox)?;
        let mut gateway = part(P::Tree, Self::build(now, config, tree, (inventory, groups, fanout, outbox)))?;
        let config = gateway.config.clone();
        let objects = &mut gateway.objects;
        let images = Images::restore(now, config.images, snapshot.images, sorted.images);
        objects.images = part(P::Images, images)?;
        objects.index_images();
        let triggers = Triggers::restore(now, config.triggers, snapshot.triggers, sorted.triggers);
        objects.triggers = part(P::Triggers, triggers)?;
        let peers = Peers::restore(now, config.peers, snapshot.peers, sorted.peers);
        objects.peers = part(P::Peers, peers)?;
        let scopes = AccountScopes::restore(config.max_accounts, snapshot.accounts, sorted.accounts);
        objects.scopes = part(P::Accounts, scopes)?;
        for record in snapshot.objects.iter().chain(&sorted.objects) {
            objects.replay(record).ok_or(GatewayRestoreError::new(P::Objects))?;
        }
        let relay = Relay::restore(now, config.relay, &snapshot.relay, sorted.relay);
        gateway.relay = part(P::Relay, relay)?;
        let adaptation = Adaptation::restore(now, config.adaptation, snapshot.adaptation, sorted.adaptation);
        gateway.adaptation = part(P::Adaptation, adaptation)?;
        let bootstrap = DeviceBootstrap::restore(now, config.bootstrap, snapshot.bootstrap, sorted.bootstrap);
        gateway.objects.bootstrap = part(P::Bootstrap, bootstrap)?;
        gateway.restore_accounts(&mut account, snapshot.nonces.iter().chain(&sorted.nonces));
        gateway.reconcile();
        Ok(gateway)
    }

    fn restore_accounts<'r>(
        &mut self,
        account: &mut dyn FnMut(&DeviceId) -> Option<DeviceAccount>,
        nonces: impl Iterator<Item = &'r NonceRecord>,
    ) {
        for record in self.objects.inventory.records(..) {
            let known = || {
                DeviceAccount::of_credential(
                    &self.config.server_id,
                    self.objects.bootstrap.credential(record.serial())?,
                )
            };
            if let Some(account) = account(record.id()).or_else(known) {
                self.accounts.insert(record.serial(), account);
            }
        }
        for nonce in nonces {
            let serial = self.objects.inventory.serial_of(&nonce.device);
            if let Some(account) = serial.and_then(|serial| self.accounts.get_mut(&serial)) {
                account.store(&nonce.record);
            }
        }
    }

    /// What one machine had stored and another had not: the machines tell each other where they stand.
    fn reconcile(&mut self) {
        let now = self.objects.now;
        // A job that was written down as begun and did not is a draft still; one that nobody wrote down goes.
        let unbound = self.objects.reconcile_jobs();
        for job in unbound {
            let _ = self.objects.fanout.handle_cancel(now, job);
            // What is still owed an answer goes when it is over.
            let _ = self.objects.fanout.handle_remove(now, job);
        }
        self.objects.reconcile_triggers();
        self.objects.modes_changed = true;
        let pinned: Vec<(JobNo, crate::image::ImageNo)> = self.objects.pins();
        for (job, image) in pinned {
            // It is pinned already, or gone, or the job had room once.
            let _ = self.objects.images.handle_pinned(now, image, job);
        }
        self.open_gates();
        let attached = |serial: &Serial| {
            let record = self.objects.inventory.record(*serial);
            record.is_some_and(|record| record.status() == AttachStatus::Attached)
        };
        let mut waiting: Vec<Serial> = self.relay.waiting().chain(self.objects.triggers.waiting()).collect();
        waiting.sort_unstable();
        waiting.dedup();
        let there: Vec<Serial> = waiting.into_iter().filter(attached).collect();
        for serial in there {
            self.relay_reachable(serial);
            self.objects.triggers.handle_reachable(now, serial);
        }
        self.drain_machines();
    }
}
