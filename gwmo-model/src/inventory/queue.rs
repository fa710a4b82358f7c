//! Devices that wait for one and the same time, in the order they began to.

use super::record::{DeviceRecord, Moment};
use super::serial_table::SerialTable;
use crate::device::Serial;

/// The neighbours of a record in its queue.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Links {
    before: Option<Serial>,
    after: Option<Serial>,
}

/// A queue through the records of devices. Since all wait for the same time and the clock does not step back, who came
/// first is due first, and coming, going and beginning anew cost the same however many wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queue {
    first: Option<Serial>,
    last: Option<Serial>,
}

impl Queue {
    pub(super) const EMPTY: Self = Self { first: None, last: None };

    /// Who waits longest, and since when.
    pub(super) fn first(&self, records: &SerialTable<DeviceRecord>) -> Option<(Moment, Serial)> {
        let record = records.get(self.first?)?;
        Some((record.queued, record.serial))
    }

    /// Puts a record that is in no queue at the end.
    pub(super) fn push(&mut self, records: &mut SerialTable<DeviceRecord>, serial: Serial, now: Moment) {
        let before = self.last;
        let Some(record) = records.get_mut(serial) else { return };
        record.queued = now;
        record.links = Links { before, after: None };
        match before.and_then(|before| records.get_mut(before)) {
            Some(before) => before.links.after = Some(serial),
            None => self.first = Some(serial),
        }
        self.last = Some(serial);
    }

    /// Takes a record out that is in this queue.
    pub(super) fn remove(&mut self, records: &mut SerialTable<DeviceRecord>, serial: Serial) {
        let Some(record) = records.get_mut(serial) else { return };
        let Links { before, after } = core::mem::take(&mut record.links);
        match before.and_then(|before| records.get_mut(before)) {
            Some(before) => before.links.after = after,
            None => self.first = after,
        }
        match after.and_then(|after| records.get_mut(after)) {
            Some(after) => after.links.before = before,
            None => self.last = before,
        }
    }

    /// Puts a record of this queue to its end.
    pub(super) fn renew(&mut self, records: &mut SerialTable<DeviceRecord>, serial: Serial, now: Moment) {
        if self.last == Some(serial) {
            if let Some(record) = records.get_mut(serial) {
                record.queued = now;
            }
            return;
        }
        self.remove(records, serial);
        self.push(records, serial, now);
    }
}
