//! What triggers store, and how they come back.

use alloc::vec::Vec;
use core::time::Duration;

use thiserror::Error;

use super::{TargetOutcome, TriggerNo, TriggerSpec};
use crate::Serial;

/// Something that is to be stored before it has an effect.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TriggerRecord(pub(super) Entry);

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Entry {
    Added {
        trigger: TriggerNo,
        spec: TriggerSpec,
    },
    Started {
        trigger: TriggerNo,
        session_id: u16,
        targets: Vec<Serial>,
        away: Vec<Serial>,
    },
    Settled {
        trigger: TriggerNo,
        device: Serial,
        outcome: TargetOutcome,
    },
    /// Its time is over: these could not be reached, the others that are open had no turn.
    Expired {
        trigger: TriggerNo,
        not_reached: Vec<Serial>,
    },
    Removed {
        trigger: TriggerNo,
    },
}

/// All that has to be kept, at one moment. Records that came after it go on from there.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TriggerSnapshot {
    pub(super) version: u16,
    pub(super) next: u32,
    pub(super) next_session_id: u16,
    pub(super) triggers: Vec<Stored>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Stored {
    pub(super) trigger: TriggerNo,
    pub(super) spec: TriggerSpec,
    /// Of a trigger that was started.
    pub(super) run: Option<StoredRun>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct StoredRun {
    pub(super) session_id: u16,
    pub(super) targets: Vec<(Serial, TargetOutcome)>,
    /// While it runs.
    pub(super) left: Option<Duration>,
}

impl TriggerSnapshot {
    /// The version this crate writes and reads.
    pub const VERSION: u16 = 2;

    /// The version of this one.
    #[must_use]
    pub const fn version(&self) -> u16 {
        self.version
    }
}

/// Why triggers cannot be made of what was stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum TriggerRestoreError {
    /// The snapshot is of a version that this crate does not know.
    #[error("snapshot of version {0}")]
    Version(u16),
    /// A trigger is there twice, or in no state that can be.
    #[error("{0} cannot be")]
    Trigger(TriggerNo),
    /// There is more than the limits let be.
    #[error("more than may be")]
    TooMuch,
}
