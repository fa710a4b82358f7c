//! What a proxy stores, and how it comes back.

use alloc::vec::Vec;
use core::time::Duration;

use thiserror::Error;

use super::answer::DeviceAnswer;
use super::{ProxyRequest, RelationNo};

/// Something that is to be stored before it has an effect.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ProxyRecord(pub(super) Entry);

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Entry {
    Related {
        relation: RelationNo,
        request: ProxyRequest,
    },
    Notified {
        relation: RelationNo,
        attempt: u16,
    },
    Delivered {
        relation: RelationNo,
        command: u16,
    },
    Answered {
        relation: RelationNo,
        command: u16,
        answer: DeviceAnswer,
    },
    /// The session with the device is over.
    Interrupted {
        relation: RelationNo,
    },
    /// It will not be tried again.
    GivenUp {
        relation: RelationNo,
    },
    Removed {
        relation: RelationNo,
    },
}

/// How a command of a relation stands.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum CommandState {
    /// Not delivered.
    Waiting,
    /// Delivered; no answer yet.
    Delivered,
    /// Answered.
    Answered(DeviceAnswer),
    /// It was delivered, its answer is missing, and it is not one to repeat: it may have run or not.
    Indeterminate,
    /// It was never delivered, and will not be.
    NotDelivered,
}

impl CommandState {
    /// Whether nothing more will happen.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        !matches!(self, Self::Waiting | Self::Delivered)
    }
}

/// All that has to be kept, at one moment. Records that came after it go on from there.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ProxySnapshot {
    pub(super) version: u16,
    pub(super) next: u64,
    pub(super) relations: Vec<Stored>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Stored {
    pub(super) relation: RelationNo,
    pub(super) request: ProxyRequest,
    pub(super) commands: Vec<CommandState>,
    pub(super) attempt: u16,
    pub(super) left: Option<Duration>,
}

impl ProxySnapshot {
    /// The version this crate writes and reads.
    pub const VERSION: u16 = 1;

    /// The version of this one.
    #[must_use]
    pub const fn version(&self) -> u16 {
        self.version
    }
}

/// Why a proxy cannot be made of what was stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ProxyRestoreError {
    /// The snapshot is of a version that this crate does not know.
    #[error("snapshot of version {0}")]
    Version(u16),
    /// A relation is there twice, or in no state that can be.
    #[error("{0:?} cannot be")]
    Relation(RelationNo),
    /// There is more than the configuration lets be.
    #[error("more than may be")]
    TooMuch,
}
