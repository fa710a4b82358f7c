//! An inventory as it goes into storage and comes back.

use alloc::vec::Vec;
use core::time::Duration;

use dm_syncml::Instant;
use thiserror::Error;

use super::change::{Change, InventoryRecord};
use super::fact::{Names, Texts};
use super::output::InventoryOutput;
use super::presence::{AttachStatus, DetachReason, Presence};
use super::record::{BootState, Component, CredentialRef, DeviceRecord};
use super::{Inventory, InventoryConfig};
use crate::device::{DeviceId, Serial};
use crate::mode::Mode;
use crate::stored_count::can_go_on;

/// The layout of the snapshots that this version writes, and the only one it reads.
const VERSION: u16 = 1;

/// Everything an inventory knows, for storage. With the feature `serde` it goes into any store.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct InventorySnapshot {
    version: u16,
    rev: u64,
    next: Option<Serial>,
    devices: Vec<DeviceSnapshot>,
    /// Changes of presence that were not told yet.
    untold: Vec<Untold>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct DeviceSnapshot {
    serial: Serial,
    id: DeviceId,
    texts: Texts,
    mos: Names,
    servers: Names,
    credential: Option<CredentialRef>,
    every: Option<Duration>,
    wakes_in: Option<Duration>,
    epoch: u64,
    /// How long ago, each of them.
    since: Duration,
    seen: Duration,
    queued: Duration,
    presence: Presence,
    reason: Option<DetachReason>,
    attached_before: bool,
    component: Component,
    mode: Option<Mode>,
    wish: Option<Mode>,
    boot: BootState,
}

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Untold {
    rev: u64,
    serial: Serial,
    id: DeviceId,
    epoch: u64,
    what: Told,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Told {
    Attached { first: bool },
    Detached(DetachReason),
}

/// Why a snapshot, or a record that followed it, was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("{kind} at entry {at}")]
pub struct RestoreError {
    kind: RestoreErrorKind,
    at: usize,
}

impl RestoreError {
    pub(crate) const fn new(kind: RestoreErrorKind, at: usize) -> Self {
        Self { kind, at }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> RestoreErrorKind {
        self.kind
    }

    /// Which entry of the snapshot, or which record, counted from zero.
    #[must_use]
    pub const fn entry(&self) -> usize {
        self.at
    }
}

/// What is wrong with a snapshot or a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum RestoreErrorKind {
    /// It was written by another version.
    #[error("unknown version of a snapshot")]
    UnknownVersion,
    /// The snapshot holds what no machine writes.
    #[error("snapshot contradicts itself")]
    BadSnapshot,
    /// The record changes what is not there, or to what no machine writes.
    #[error("record does not fit")]
    BadRecord,
    /// A record before it is missing.
    #[error("a record is missing")]
    Gap,
    /// There is more than the limits allow.
    #[error("more than the limits allow")]
    TooMany,
}

impl Inventory {
    /// Everything the inventory knows. Records made before it are in it, whether or not they were handed out yet; stored
    /// after it they do no harm.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> InventorySnapshot {
        let now = self.now.max(now);
        let at = super::Moment::at(now);
        let device = |record: &DeviceRecord| DeviceSnapshot {
            serial: record.serial,
            id: record.id.clone(),
            texts: record.texts.clone(),
            mos: record.mos.clone(),
            servers: record.servers.clone(),
            credential: record.credential().cloned(),
            every: record.wakes_every(),
            wakes_in: record.wakes().map(|wakes| wakes.since(at)),
            epoch: record.epoch,
            since: at.since(record.since),
            seen: at.since(record.seen),
            queued: at.since(record.queued),
            presence: record.presence,
            reason: record.reason,
            attached_before: record.attached_before,
            component: record.component,
            mode: record.mode,
            wish: record.wish,
            boot: record.boot,
        };
        InventorySnapshot {
            version: VERSION,
            rev: self.rev,
            next: self.next,
            devices: self.records.iter().map(device).collect(),
            untold: self.journal.waiting().filter_map(Untold::of).collect(),
        }
    }

    /// The inventory that a snapshot and the records after it describe. Records that are in the snapshot already are passed
    /// over, so it does no harm to keep some too many.
    ///
    /// Time stood still in between, but attached devices get their whole lifetime: the gateway was deaf while it was down.
    /// Attachments and detachments that records or the snapshot hold are told again, with the revision they had, because
    /// nobody can say whether they were heard.
    ///
    /// # Errors
    ///
    /// When the snapshot is of another version or contradicts itself, or records are missing or do not fit.
    pub fn restore(
        now: Instant,
        config: InventoryConfig,
        snapshot: InventorySnapshot,
        records: impl IntoIterator<Item = InventoryRecord>,
    ) -> Result<Self, RestoreError> {
        if snapshot.version != VERSION {
            return Err(RestoreError::new(RestoreErrorKind::UnknownVersion, 0));
        }
        if !can_go_on(snapshot.rev) {
            return Err(RestoreError::new(RestoreErrorKind::BadSnapshot, 0));
        }
        let mut inventory = Self::new(config);
        inventory.now = now;
        // The records of the snapshot first, in any order; their queues after, in theirs.
        let mut waiting = Vec::new();
        for (at, device) in snapshot.devices.into_iter().enumerate() {
            if inventory.records.len() >= inventory.config.max_devices {
                return Err(RestoreError::new(RestoreErrorKind::TooMany, at));
            }
            let bad = || RestoreError::new(RestoreErrorKind::BadSnapshot, at);
            let beyond = snapshot.next.is_some_and(|next| device.serial >= next);
            if beyond || !device.is_sound() {
                return Err(bad());
            }
            waiting.push((device.queued, device.serial, device.wakes_in, device.every));
            inventory.take(device).map_err(|()| bad())?;
        }
        waiting.sort_by_key(|&(queued, serial, ..)| (core::cmp::Reverse(queued), serial));
        let at = inventory.moment();
        for (queued, serial, wakes_in, every) in waiting {
            let attached =
                inventory.records.get(serial).map(DeviceRecord::presence) == Some(Presence::Attached);
            inventory.enter_queue(serial, if attached { at } else { at.before(queued) });
            if wakes_in.is_some() {
                inventory.set_sleep(serial, wakes_in, every);
            }
        }
        inventory.rev = snapshot.rev;
        inventory.next = snapshot.next;
        for (at, untold) in snapshot.untold.into_iter().enumerate() {
            if untold.rev > inventory.rev || at >= inventory.rev as usize {
                return Err(RestoreError::new(RestoreErrorKind::BadSnapshot, at));
            }
            inventory.journal.hold(untold.into_output());
        }
        for (at, record) in records.into_iter().enumerate() {
            inventory.replay(record).map_err(|kind| RestoreError::new(kind, at))?;
        }
        inventory.expire();
        Ok(inventory)
    }

    /// Takes a device of a snapshot, into no queue yet.
    fn take(&mut self, device: DeviceSnapshot) -> Result<(), ()> {
        let at = self.moment();
        let serial = device.serial;
        if self.records.get(serial).is_some() || self.serial_of(&device.id).is_some() {
            return Err(());
        }
        if let Some(credential) = &device.credential
            && self.credentials.insert(credential.clone(), serial).is_some()
        {
            return Err(());
        }
        let mut record = DeviceRecord::new(serial, device.id.clone(), at);
        record.texts = device.texts;
        record.mos = device.mos;
        record.servers = device.servers;
        record.set_rare(|rare| (rare.credential, rare.every) = (device.credential, device.every));
        record.epoch = device.epoch;
        record.since = at.before(device.since);
        record.seen = if device.presence == Presence::Attached { at } else { at.before(device.seen) };
        record.presence = device.presence;
        record.reason = device.reason;
        record.attached_before = device.attached_before;
        record.component = device.component;
        record.mode = device.mode;
        record.wish = device.wish;
        record.boot = device.boot;
        self.attached += u32::from(record.status() == AttachStatus::Attached);
        self.by_mode.count(record.mode, true);
        self.serials.insert(serial);
        self.records.insert(serial, record);
        self.by_id.insert(&device.id, serial, &self.records);
        Ok(())
    }

    /// Does what a record says, if it is not done.
    fn replay(&mut self, record: InventoryRecord) -> Result<(), RestoreErrorKind> {
        let InventoryRecord { rev, serial, change } = record;
        if rev <= self.rev {
            return Ok(());
        }
        if rev != self.rev + 1 {
            return Err(RestoreErrorKind::Gap);
        }
        if !self.fits(serial, &change) {
            return Err(RestoreErrorKind::BadRecord);
        }
        if matches!(change, Change::Registered(_)) && self.records.len() >= self.config.max_devices {
            return Err(RestoreErrorKind::TooMany);
        }
        let before = self.records.get(serial).map(|record| (record.status(), record.attached_before));
        self.apply(serial, &change);
        let after = self.records.get(serial).map(DeviceRecord::status);
        if let (Some((was, attached_before)), Some(is)) = (before, after)
            && was != is
        {
            self.tell_presence(serial, !attached_before);
        }
        Ok(())
    }

    fn fits(&self, serial: Serial, change: &Change) -> bool {
        let Some(record) = self.records.get(serial) else {
            let Change::Registered(id) = change else { return false };
            return self.next.is_some_and(|next| serial >= next) && self.serial_of(id).is_none();
        };
        match change {
            Change::Registered(_) => false,
            Change::Presence { presence, reason, .. } => {
                let attached = record.attached_before || *presence == Presence::Attached;
                is_possible(*presence, *reason, attached)
            }
            Change::Texts(texts) => texts.is_sound(),
            Change::Mos(names) | Change::Servers(names) => names.is_sound(),
            Change::Credential(Some(credential)) => !self.credentials.contains_key(credential),
            Change::Sleep { wakes_in, .. } => wakes_in.is_none() || record.presence == Presence::Attached,
            // Who is there is detached before.
            Change::Removed => record.status() == AttachStatus::Detached,
            Change::Component(_)
            | Change::Mode(_)
            | Change::Wish(_)
            | Change::Boot(_)
            | Change::Credential(None) => true,
        }
    }
}

/// Whether a record can stand there.
const fn is_possible(presence: Presence, reason: Option<DetachReason>, attached_before: bool) -> bool {
    match presence {
        Presence::Registered => !attached_before,
        Presence::Seen => true,
        Presence::Attached => attached_before,
        Presence::Fading | Presence::Detached => attached_before && reason.is_some(),
    }
}

impl DeviceSnapshot {
    fn is_sound(&self) -> bool {
        is_possible(self.presence, self.reason, self.attached_before)
            && self.texts.is_sound()
            && self.mos.is_sound()
            && self.servers.is_sound()
            && (self.wakes_in.is_none() || self.presence == Presence::Attached)
    }
}

impl Untold {
    fn of(output: &InventoryOutput) -> Option<Self> {
        match output {
            InventoryOutput::DeviceAttached { serial, id, epoch, first, rev } => Some(Self {
                rev: *rev,
                serial: *serial,
                id: id.clone(),
                epoch: *epoch,
                what: Told::Attached { first: *first },
            }),
            InventoryOutput::DeviceDetached { serial, id, epoch, reason, rev } => Some(Self {
                rev: *rev,
                serial: *serial,
                id: id.clone(),
                epoch: *epoch,
                what: Told::Detached(*reason),
            }),
            _ => None,
        }
    }

    fn into_output(self) -> InventoryOutput {
        let Self { rev, serial, id, epoch, what } = self;
        match what {
            Told::Attached { first } => InventoryOutput::DeviceAttached { serial, id, epoch, first, rev },
            Told::Detached(reason) => InventoryOutput::DeviceDetached { serial, id, epoch, reason, rev },
        }
    }
}
