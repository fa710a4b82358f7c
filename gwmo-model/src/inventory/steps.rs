//! What the inputs of an inventory have in common: from what was heard to changes, and what ends by itself.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::time::Duration;

use dm_syncml::Instant;

use super::change::{self, ATTACHED, Change, FADING, GONE, SEEN};
use super::fact::{FactSet, Names, Sighting};
use super::output::InventoryOutput;
use super::presence::{AttachStatus, DetachReason, Event, Presence};
use super::record::{DeviceRecord, Moment};
use super::{Inventory, InventoryRecord};
use crate::device::{DeviceId, Serial};
use crate::error::{InventoryError, InventoryErrorKind};
use crate::identifier::unprintable;

impl Inventory {
    /// What every input does around what it means.
    pub(super) fn input<T>(&mut self, now: Instant, act: impl FnOnce(&mut Self) -> T) -> T {
        self.now = self.now.max(now);
        let done = act(self);
        self.expire();
        done
    }

    pub(super) fn moment(&self) -> Moment {
        Moment::at(self.now)
    }

    pub(super) fn known(&self, serial: Serial) -> Result<&DeviceRecord, InventoryError> {
        self.records.get(serial).ok_or(InventoryErrorKind::UnknownDevice.into())
    }

    pub(super) fn names<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Names, InventoryError> {
        let (max, most) = (self.config.max_text(), self.config.max_names);
        let mut checked = BTreeSet::new();
        let mut kept = Vec::new();
        for name in names {
            self.check_text(name, max)?;
            if !name.is_empty() && checked.insert(name) {
                kept.push(name);
            }
            if kept.len() > usize::from(most) {
                return Err(InventoryErrorKind::TooManyNames { max: most }.into());
            }
        }
        Ok(Names::new(kept))
    }

    pub(super) fn check_text(&self, text: &str, max: usize) -> Result<(), InventoryError> {
        if text.len() > max {
            return Err(InventoryErrorKind::TextTooLong { max }.into());
        }
        if unprintable(text).is_some() {
            return Err(InventoryErrorKind::ControlCharacter.into());
        }
        Ok(())
    }

    /// Does a change, wants it stored, and tells which facts it changed.
    pub(super) fn change(&mut self, serial: Serial, change: Change) {
        let changed = self.apply(serial, &change);
        self.journal.record(InventoryRecord { rev: self.rev, serial, change });
        self.note(serial, changed);
    }

    pub(super) fn note(&mut self, serial: Serial, changed: FactSet) {
        if changed.is_empty() {
            return;
        }
        match self.notes.back_mut() {
            Some(InventoryOutput::Changed { serial: last, facts }) if *last == serial => {
                *facts = *facts | changed
            }
            _ => self.notes.push_back(InventoryOutput::Changed { serial, facts: changed }),
        }
    }

    pub(super) fn register_new(&mut self, id: DeviceId) -> Result<Serial, InventoryError> {
        if let Some(serial) = self.serial_of(&id) {
            return Err(InventoryErrorKind::AlreadyRegistered { serial }.into());
        }
        self.register(id)
    }

    pub(super) fn register(&mut self, id: DeviceId) -> Result<Serial, InventoryError> {
        let room = self.records.len() < self.config.max_devices;
        let Some(serial) = self.next.filter(|_| room) else {
            return Err(InventoryErrorKind::Full.into());
        };
        self.change(serial, Change::Registered(id));
        Ok(serial)
    }

    pub(super) fn see(&mut self, id: &DeviceId, sighting: &Sighting<'_>) -> Result<Serial, InventoryError> {
        let max = self.config.max_text();
        for (_, value) in sighting.facts() {
            self.check_text(value, max)?;
        }
        let serial = match self.serial_of(id) {
            Some(serial) => serial,
            None => self.register(id.clone())?,
        };
        let record = self.known(serial)?;
        let moved = record.detach_reason() == Some(DetachReason::Moved);
        if sighting.epoch() < record.epoch || moved && sighting.epoch() == record.epoch {
            return Err(InventoryErrorKind::StaleEpoch { known: record.epoch }.into());
        }
        if let Some(texts) = record.texts.with(sighting) {
            self.change(serial, Change::Texts(texts));
        }
        self.step(serial, Event::Seen, None, Some(sighting.epoch()));
        self.live_on(serial);
        Ok(serial)
    }

    /// Moves a device to the state after an event, and tells if servers see a difference. Who has moved stays moved,
    /// whatever is said about it later.
    pub(super) fn step(
        &mut self,
        serial: Serial,
        event: Event,
        reason: Option<DetachReason>,
        epoch: Option<u64>,
    ) {
        let Some(record) = self.records.get(serial) else { return };
        let debounced = !self.config.debounce.is_zero();
        let (was, first) = (record.presence, !record.attached_before);
        let presence = was.after(event, debounced, record.attached_before);
        let epoch = epoch.unwrap_or(record.epoch);
        let reason = match (event, reason) {
            (_, Some(DetachReason::Moved)) => reason,
            // Why it went is forgotten when it is there for certain, and kept while that may turn out to be nothing.
            (Event::Seen | Event::Held, _) if presence == Presence::Attached => None,
            // It is here again, whether or not that will count.
            (Event::Seen, _) if record.reason == Some(DetachReason::Moved) => {
                record.attached_before.then_some(DetachReason::Left)
            }
            (Event::Gone | Event::Lost, Some(_)) if was.status() == AttachStatus::Attached => reason,
            _ => record.reason,
        };
        if (presence, reason, epoch) == (was, record.reason, record.epoch) {
            return;
        }
        self.change(serial, Change::Presence { presence, reason, epoch });
        if was.status() != presence.status() {
            self.tell_presence(serial, first);
        }
    }

    /// That the device was attached or detached, in the revision that is now.
    pub(super) fn tell_presence(&mut self, serial: Serial, first: bool) {
        let Some(record) = self.records.get(serial) else { return };
        let (id, epoch, rev) = (record.id.clone(), record.epoch, self.rev);
        self.journal.hold(match record.status() {
            AttachStatus::Attached => InventoryOutput::DeviceAttached { serial, id, epoch, first, rev },
            AttachStatus::Detached => {
                let reason = record.reason.unwrap_or(DetachReason::Left);
                InventoryOutput::DeviceDetached { serial, id, epoch, reason, rev }
            }
        });
    }

    pub(super) fn forget(&mut self, serial: Serial) {
        self.step(serial, Event::Lost, Some(DetachReason::Forgotten), None);
        let Some(record) = self.records.get(serial) else { return };
        let id = record.id.clone();
        self.apply(serial, &Change::Removed);
        self.journal.record(InventoryRecord { rev: self.rev, serial, change: Change::Removed });
        self.notes.push_back(InventoryOutput::Removed { serial, id });
    }

    /// Notes a sign of life, wakes who slept, and puts the end of the lifetime off.
    pub(super) fn live_on(&mut self, serial: Serial) {
        let now = self.moment();
        let Some(record) = self.records.get_mut(serial) else { return };
        record.seen = now;
        if record.wakes().is_some() {
            self.wake(serial);
        } else if self.config.lifetime.is_some() && record.presence == Presence::Attached {
            self.queues[ATTACHED].renew(&mut self.records, serial, now);
        }
    }

    pub(super) fn wake(&mut self, serial: Serial) {
        let every = self.records.get(serial).and_then(DeviceRecord::wakes_every);
        self.change(serial, Change::Sleep { wakes_in: None, every });
        self.journal.hold(InventoryOutput::Awake { serial });
    }

    /// Attached devices wait for their end in the order of their last signs of life.
    pub(super) fn queue_by_silence(&mut self) {
        let attached = |record: &&DeviceRecord| change::queue_of(record) == Some(ATTACHED);
        let mut waiting: Vec<(Moment, Serial)> =
            self.records.iter().filter(attached).map(|record| (record.seen, record.serial)).collect();
        waiting.sort_unstable();
        for (seen, serial) in waiting {
            self.queues[ATTACHED].renew(&mut self.records, serial, seen);
        }
    }

    /// What ends next by itself, and when.
    pub(super) fn soonest(&self) -> Option<(Moment, Due)> {
        let debounce = Some(self.config.debounce);
        let first = |queue: usize, time: Option<Duration>, due: fn(Serial) -> Due| {
            let (since, serial) = self.queues[queue].first(&self.records)?;
            Some((since.after(time?), due(serial)))
        };
        let wakes = self.sleepers.first().map(|&(at, serial)| (at, Due::Wakes(serial)));
        let due = [
            first(SEEN, debounce, Due::Held),
            first(FADING, debounce, Due::Held),
            wakes,
            first(ATTACHED, self.config.lifetime, Due::Silent),
            first(GONE, self.config.keep_gone, Due::Gone),
        ];
        due.into_iter().flatten().min_by_key(|&(at, _)| at)
    }

    pub(super) fn expire(&mut self) {
        let now = self.moment();
        while let Some((at, due)) = self.soonest()
            && at <= now
        {
            match due {
                Due::Held(serial) => self.step(serial, Event::Held, None, None),
                Due::Wakes(serial) => self.wake(serial),
                Due::Silent(serial) => self.step(serial, Event::Lost, Some(DetachReason::Timeout), None),
                Due::Gone(serial) => self.forget(serial),
            }
        }
    }
}

/// What ends by itself.
#[derive(Clone, Copy, Debug)]
pub(super) enum Due {
    Held(Serial),
    Wakes(Serial),
    Silent(Serial),
    Gone(Serial),
}
