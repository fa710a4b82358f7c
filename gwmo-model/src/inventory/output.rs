//! What an inventory wants done or known.

use dm_syncml::{Instant, RecordSeq};

use super::change::InventoryRecord;
use super::fact::FactSet;
use super::presence::DetachReason;
use crate::device::{DeviceId, Serial};

/// What an inventory wants done or known.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum InventoryOutput {
    /// Store this, then report with [`Inventory::handle_persisted`](super::Inventory::handle_persisted); that a device
    /// was attached or detached is held back until then.
    Persist(RecordSeq, InventoryRecord),
    /// Something is known of a device that was not: groups and jobs that look at none of these facts need not care.
    Changed {
        /// The device.
        serial: Serial,
        /// What has changed.
        facts: FactSet,
    },
    /// A record was deleted, by whom ever. Not held back.
    Removed {
        /// The device.
        serial: Serial,
        /// What it called itself.
        id: DeviceId,
    },
    /// A device is there that was not.
    DeviceAttached {
        /// The device.
        serial: Serial,
        /// What it calls itself.
        id: DeviceId,
        /// The epoch it is seen in.
        epoch: u64,
        /// Whether it was never there before: a new registration in the sense of GwMO-DI-004.
        first: bool,
        /// The revision of the inventory that this is. After a restart what was not yet told for certain is told
        /// again, under the same revision.
        rev: u64,
    },
    /// A device is no longer there.
    DeviceDetached {
        /// The device.
        serial: Serial,
        /// What it calls itself; the record may be gone.
        id: DeviceId,
        /// The epoch it was last known in.
        epoch: u64,
        /// Why.
        reason: DetachReason,
        /// The revision of the inventory that this is, as with `DeviceAttached`.
        rev: u64,
    },
    /// An attached device sleeps, and cannot be reached until then.
    Asleep {
        /// The device.
        serial: Serial,
        /// When it wakes.
        until: Instant,
    },
    /// A device that slept can be reached again.
    Awake {
        /// The device.
        serial: Serial,
    },
    /// Nothing else is due before this time, or before the next input if there is none. Always the last output.
    Wait(Option<Instant>),
}
