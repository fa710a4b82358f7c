//! What the bootstrap of devices stores, and how it comes back.

use alloc::vec::Vec;
use core::time::Duration;

use thiserror::Error;

use super::account::{BootstrapAccount, DeviceCredential};
use super::states::Stage;
use super::{BootstrapFailure, BootstrapTarget};
use crate::Serial;

/// Something that is to be stored before it has an effect. It may hold secrets: `Debug` does not show them, the store
/// has to keep them.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DeviceBootstrapRecord(pub(super) Entry);

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Entry {
    /// A device has a credential, or another one.
    Credential { device: Serial, credential: DeviceCredential },
    /// A bootstrap begins.
    Wanted { device: Serial, target: BootstrapTarget, account: Option<BootstrapAccount> },
    /// It is offered for the n-th time.
    Offered { device: Serial, target: BootstrapTarget, attempt: u16 },
    /// It waits for the device again.
    Waiting { device: Serial, target: BootstrapTarget, attempt: u16 },
    /// It is over: confirmed, or why not.
    Ended { device: Serial, target: BootstrapTarget, failure: Option<BootstrapFailure> },
    /// The device does not know the server any more.
    Undone { device: Serial, target: BootstrapTarget },
    /// The device is not registered any more.
    Forgotten { device: Serial },
    /// What is switched on: bootstraps to the gateway, and to servers.
    Switches(bool, bool),
}

/// All that has to be kept, at one moment. Records that came after it go on from there. It holds secrets, as
/// [`DeviceBootstrapRecord`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DeviceBootstrapSnapshot {
    pub(super) version: u16,
    pub(super) credentials: Vec<(Serial, DeviceCredential)>,
    pub(super) requests: Vec<StoredRequest>,
    /// If they were set.
    pub(super) switches: Option<(bool, bool)>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct StoredRequest {
    pub(super) device: Serial,
    pub(super) target: BootstrapTarget,
    pub(super) stage: Stage,
    pub(super) attempt: u16,
    pub(super) is_away: bool,
    pub(super) failure: Option<BootstrapFailure>,
    pub(super) account: Option<BootstrapAccount>,
    /// Of the session that is awaited.
    pub(super) left: Option<Duration>,
}

impl DeviceBootstrapSnapshot {
    /// The version this crate writes and reads.
    pub const VERSION: u16 = 2;

    /// The version of this one.
    #[must_use]
    pub const fn version(&self) -> u16 {
        self.version
    }
}

/// Why the bootstrap of devices cannot be made of what was stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum DeviceBootstrapRestoreError {
    /// The snapshot is of a version that this crate does not know.
    #[error("snapshot of version {0}")]
    Version(u16),
    /// Two devices have one credential, or one has two, or none that can be used.
    #[error("credential of {0} cannot be")]
    Credential(Serial),
    /// A bootstrap of the device is there twice, or is in no state that can be.
    #[error("bootstrap of {0} cannot be")]
    Request(Serial),
    /// There is more than the configuration lets be.
    #[error("more than may be")]
    TooMuch,
}
