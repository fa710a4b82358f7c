//! The changes of an inventory, one by one: what records hold, and what applying one does.

use core::time::Duration;

use super::Inventory;
use super::fact::{FactSet, Names, Texts};
use super::presence::{AttachStatus, DetachReason, Presence};
use super::record::{BootState, Component, CredentialRef, DeviceRecord, Moment};
use crate::device::{DeviceId, Serial};
use crate::mode::Mode;

/// One change of an inventory, for storage: see [`Inventory::restore`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct InventoryRecord {
    pub(super) rev: u64,
    pub(super) serial: Serial,
    pub(super) change: Change,
}

impl InventoryRecord {
    /// The revision that the inventory has with it. They follow each other without a gap.
    #[must_use]
    pub const fn rev(&self) -> u64 {
        self.rev
    }

    /// The device it is about.
    #[must_use]
    pub const fn serial(&self) -> Serial {
        self.serial
    }
}

/// What changes.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Change {
    Registered(DeviceId),
    Presence { presence: Presence, reason: Option<DetachReason>, epoch: u64 },
    Texts(Texts),
    Mos(Names),
    Servers(Names),
    Component(Component),
    Mode(Option<Mode>),
    Wish(Option<Mode>),
    Boot(BootState),
    Credential(Option<CredentialRef>),
    Sleep { wakes_in: Option<Duration>, every: Option<Duration> },
    Removed,
}

impl Inventory {
    /// Does a change that was found to be one, and counts it.
    pub(super) fn apply(&mut self, serial: Serial, change: &Change) -> FactSet {
        self.rev += 1;
        if let Change::Registered(id) = change {
            let now = self.moment();
            self.records.insert(serial, DeviceRecord::new(serial, id.clone(), now));
            self.by_id.insert(id, serial, &self.records);
            self.serials.insert(serial);
            self.next = self.next.max(Some(serial)).and_then(Serial::next);
            return FactSet::REGISTERED;
        }
        let Some(record) = self.records.get_mut(serial) else { return FactSet::EMPTY };
        match change {
            Change::Registered(_) => FactSet::EMPTY,
            Change::Presence { presence, reason, epoch } => {
                self.set_presence(serial, *presence, *reason, *epoch)
            }
            Change::Texts(texts) => {
                let changed = record.texts.changes(texts);
                record.texts = texts.clone();
                changed
            }
            Change::Mos(names) => {
                record.mos = names.clone();
                FactSet::MOS
            }
            Change::Servers(names) => {
                record.servers = names.clone();
                FactSet::SERVERS
            }
            Change::Component(component) => {
                record.component = *component;
                FactSet::COMPONENT
            }
            Change::Mode(mode) => {
                let old = core::mem::replace(&mut record.mode, *mode);
                self.by_mode.count(old, false);
                self.by_mode.count(*mode, true);
                FactSet::MODE
            }
            Change::Wish(wish) => {
                record.wish = *wish;
                FactSet::MODE_WISH
            }
            Change::Boot(state) => {
                record.boot = *state;
                FactSet::BOOT
            }
            Change::Credential(credential) => {
                if let Some(old) = record.credential() {
                    self.credentials.remove(old);
                }
                record.set_rare(|rare| rare.credential.clone_from(credential));
                if let Some(credential) = credential {
                    self.credentials.insert(credential.clone(), serial);
                }
                FactSet::EMPTY
            }
            Change::Sleep { wakes_in, every } => {
                let (wakes_in, every) = (*wakes_in, *every);
                self.set_sleep(serial, wakes_in, every)
            }
            Change::Removed => {
                self.remove(serial);
                FactSet::REGISTERED
            }
        }
    }

    fn set_presence(
        &mut self,
        serial: Serial,
        presence: Presence,
        reason: Option<DetachReason>,
        epoch: u64,
    ) -> FactSet {
        let now = self.moment();
        let Some(record) = self.records.get(serial) else { return FactSet::EMPTY };
        let was = record.presence;
        let mut changed = FactSet::EMPTY;
        if was != presence {
            if presence != Presence::Attached && record.wakes().is_some() {
                let every = record.wakes_every();
                changed = changed | self.set_sleep(serial, None, every);
            }
            self.leave_queue(serial);
        }
        let Some(record) = self.records.get_mut(serial) else { return changed };
        if record.epoch != epoch {
            changed = changed | FactSet::EPOCH;
        }
        record.presence = presence;
        record.reason = reason;
        record.epoch = epoch;
        if was.status() != presence.status() {
            changed = changed | FactSet::ATTACH_STATUS;
            record.since = now;
            match presence.status() {
                AttachStatus::Attached => {
                    record.attached_before = true;
                    self.attached += 1;
                }
                AttachStatus::Detached => self.attached -= 1,
            }
        }
        if was != presence {
            self.enter_queue(serial, now);
        }
        changed
    }

    /// Puts an attached device to sleep, or wakes it.
    pub(super) fn set_sleep(
        &mut self,
        serial: Serial,
        wakes_in: Option<Duration>,
        every: Option<Duration>,
    ) -> FactSet {
        let now = self.moment();
        let Some(record) = self.records.get(serial) else { return FactSet::EMPTY };
        let old = record.wakes();
        let new = wakes_in.filter(|_| record.presence == Presence::Attached).map(|time| now.after(time));
        self.leave_queue(serial);
        if let Some(old) = old {
            self.sleepers.remove(&(old, serial));
        }
        if let Some(new) = new {
            self.sleepers.insert((new, serial));
        }
        if let Some(record) = self.records.get_mut(serial) {
            record.set_rare(|rare| (rare.wakes, rare.every) = (new, every));
        }
        self.enter_queue(serial, now);
        FactSet::SLEEP
    }

    fn remove(&mut self, serial: Serial) {
        self.leave_queue(serial);
        let Some(record) = self.records.remove(serial) else { return };
        self.by_id.remove(&record.id, serial);
        self.serials.remove(serial);
        self.by_mode.count(record.mode, false);
        self.attached -= u32::from(record.status() == AttachStatus::Attached);
        if let Some(credential) = record.credential() {
            self.credentials.remove(credential);
        }
        if let Some(wakes) = record.wakes() {
            self.sleepers.remove(&(wakes, serial));
        }
    }

    pub(super) fn leave_queue(&mut self, serial: Serial) {
        if let Some(which) = self.records.get(serial).and_then(queue_of) {
            self.queues[which].remove(&mut self.records, serial);
        }
    }

    pub(super) fn enter_queue(&mut self, serial: Serial, since: Moment) {
        if let Some(which) = self.records.get(serial).and_then(queue_of) {
            self.queues[which].push(&mut self.records, serial, since);
        }
    }
}

pub(super) const SEEN: usize = 0;
pub(super) const ATTACHED: usize = 1;
pub(super) const FADING: usize = 2;
pub(super) const GONE: usize = 3;

/// Which queue a record is in: each state with a time to wait for has one. Who sleeps waits elsewhere.
pub(super) fn queue_of(record: &DeviceRecord) -> Option<usize> {
    match record.presence {
        Presence::Registered => None,
        Presence::Seen => Some(SEEN),
        Presence::Attached => record.wakes().is_none().then_some(ATTACHED),
        Presence::Fading => Some(FADING),
        Presence::Detached => Some(GONE),
    }
}
