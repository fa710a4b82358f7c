//! What adaptation stores, and how it comes back.

use alloc::vec::Vec;
use core::time::Duration;

use thiserror::Error;

use super::adapter::{AdapterCapabilities, NativeResult, NativeToken};
use super::operation::NativeOp;
use crate::{Serial, Ticket};

/// Something that is to be stored before it has an effect.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AdaptationRecord(pub(super) Entry);

/// A command of a ticket.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct OrderKey {
    #[cfg_attr(feature = "serde", serde(with = "ticket_parts"))]
    pub(super) ticket: Ticket,
    pub(super) op: u16,
}

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Entry {
    Adapter {
        device: Serial,
        capabilities: AdapterCapabilities,
    },
    AdapterGone {
        device: Serial,
    },
    Ordered {
        order: OrderKey,
        steps: Vec<NativeOp>,
    },
    /// Answered without asking, with this Status.
    Refused {
        order: OrderKey,
        status: u16,
    },
    Dispatched {
        order: OrderKey,
        token: NativeToken,
    },
    Resulted {
        token: NativeToken,
        result: NativeResult,
    },
    Lost {
        token: NativeToken,
    },
    Closed {
        order: OrderKey,
    },
}

/// All that has to be kept, at one moment. Records that came after it go on from there.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AdaptationSnapshot {
    pub(super) version: u16,
    pub(super) next_token: u64,
    pub(super) adapters: Vec<(Serial, AdapterCapabilities)>,
    /// Those of one device in the order of their turns.
    pub(super) orders: Vec<StoredOrder>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct StoredOrder {
    pub(super) order: OrderKey,
    pub(super) steps: Vec<NativeOp>,
    pub(super) results: Vec<NativeResult>,
    pub(super) stage: StoredStage,
}

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum StoredStage {
    Queued,
    Dispatched { token: NativeToken, is_pending: bool, left: Duration },
    Answered { refused: Option<u16> },
    Lost { was_sent: bool },
}

impl AdaptationSnapshot {
    /// The version this crate writes and reads.
    pub const VERSION: u16 = 1;

    /// The version of this one.
    #[must_use]
    pub const fn version(&self) -> u16 {
        self.version
    }
}

/// Why adaptation cannot be made of what was stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum AdaptationRestoreError {
    /// The snapshot is of a version that this crate does not know.
    #[error("snapshot of version {0}")]
    Version(u16),
    /// An operation is there twice, or in no state that can be.
    #[error("an operation for {0} cannot be")]
    Order(Serial),
    /// An adapter is there twice.
    #[error("adapter of {0} is there twice")]
    Adapter(Serial),
    /// There is more than the configuration lets be.
    #[error("more than may be")]
    TooMuch,
}

#[cfg(feature = "serde")]
mod ticket_parts {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use crate::{JobNo, Serial, Ticket};

    pub(super) fn serialize<S: Serializer>(ticket: &Ticket, to: S) -> Result<S::Ok, S::Error> {
        (ticket.job.get(), ticket.serial, ticket.attempt).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Ticket, D::Error> {
        let (job, serial, attempt) = <(u32, Serial, u16)>::deserialize(from)?;
        Ok(Ticket::new(JobNo::new(job), serial, attempt))
    }
}
