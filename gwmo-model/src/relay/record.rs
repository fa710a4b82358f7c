//! What a relay stores, and how it comes back.

use alloc::vec::Vec;
use core::time::Duration;

use thiserror::Error;

use super::notification::SignedNotification;
use super::output::DeliveryNo;
use super::window::Wish;

/// Something a relay wants stored before it acts on it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RelayRecord(pub(super) Entry);

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Entry {
    /// A notification is to be delivered, and was seen.
    Accepted { delivery: DeliveryNo, wish: Wish, notification: SignedNotification, left: Duration },
    /// It was delivered, or is not to be any more.
    Closed { delivery: DeliveryNo },
}

/// All that a relay has to keep, at one moment. Records that came after it go on from there.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RelaySnapshot {
    pub(super) version: u16,
    pub(super) next: u64,
    pub(super) held: Vec<Held>,
    pub(super) seen: Vec<(Wish, Duration)>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Held {
    pub(super) delivery: DeliveryNo,
    pub(super) wish: Wish,
    pub(super) notification: SignedNotification,
    pub(super) left: Duration,
}

impl RelaySnapshot {
    /// The version this crate writes and reads.
    pub const VERSION: u16 = 1;

    /// The version of this one.
    #[must_use]
    pub const fn version(&self) -> u16 {
        self.version
    }
}

/// Why a relay cannot be made of what was stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum RelayRestoreError {
    /// The snapshot is of a version that this crate does not know.
    #[error("snapshot of version {0}")]
    Version(u16),
    /// Two deliveries have one number, or one has a number that was never given.
    #[error("{0:?} cannot be")]
    Delivery(DeliveryNo),
    /// What is held does not say what its octets say.
    #[error("{0:?} is not the notification it is said to be")]
    Notification(DeliveryNo),
    /// More is held than the configuration lets be.
    #[error("more is held than may be")]
    TooMuch,
}
