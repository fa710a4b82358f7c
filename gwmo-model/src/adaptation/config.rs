//! How much adaptation keeps, how long it waits, and what is refused.

use core::time::Duration;

use dm_syncml::StatusCode;
use thiserror::Error;

/// How much adaptation keeps, and how long it waits for adapters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct AdaptationConfig {
    /// Time an adapter has for an answer. Default 60 s.
    pub t_answer: Duration,
    /// Time an adapter has for the answer that follows [`NativeResult::Pending`](super::NativeResult::Pending).
    /// Default 10 min, as for asynchronous results of other devices.
    pub t_asynchronous: Duration,
    /// Devices with an adapter. Default 65 536, the default size of an inventory.
    pub max_devices: usize,
    /// Operations that are not acknowledged, all together. Default 65 536.
    pub max_orders: usize,
    /// Operations that wait for one device. Default 64.
    pub max_queued: usize,
    /// Items of one command. Default 64.
    pub max_items: usize,
    /// Octets of a value that is returned; a longer one is answered 413. Default 64 KiB.
    pub max_value: usize,
}

impl Default for AdaptationConfig {
    fn default() -> Self {
        Self {
            t_answer: Duration::from_secs(60),
            t_asynchronous: Duration::from_secs(600),
            max_devices: 65_536,
            max_orders: 65_536,
            max_queued: 64,
            max_items: 64,
            max_value: 1 << 16,
        }
    }
}

impl AdaptationConfig {
    /// Sets [`t_answer`](Self::t_answer) and [`t_asynchronous`](Self::t_asynchronous).
    #[must_use]
    pub const fn with_times(mut self, t_answer: Duration, t_asynchronous: Duration) -> Self {
        self.t_answer = t_answer;
        self.t_asynchronous = t_asynchronous;
        self
    }

    /// Sets [`max_devices`](Self::max_devices).
    #[must_use]
    pub const fn with_max_devices(mut self, max: usize) -> Self {
        self.max_devices = max;
        self
    }

    /// Sets [`max_orders`](Self::max_orders) and [`max_queued`](Self::max_queued).
    #[must_use]
    pub const fn with_max_orders(mut self, all: usize, per_device: usize) -> Self {
        self.max_orders = all;
        self.max_queued = per_device;
        self
    }

    /// Sets [`max_items`](Self::max_items) and [`max_value`](Self::max_value).
    #[must_use]
    pub const fn with_max_sizes(mut self, items: usize, value: usize) -> Self {
        self.max_items = items;
        self.max_value = value;
        self
    }
}

/// Why something is not taken. Nothing changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("{kind}")]
pub struct AdaptationError {
    kind: AdaptationErrorKind,
}

/// The reasons of an [`AdaptationError`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum AdaptationErrorKind {
    /// The device has no adapter.
    #[error("device has no adapter")]
    NoAdapter,
    /// There are as many adapters as there may be.
    #[error("too many adapters")]
    TooManyDevices,
    /// Too much waits already.
    #[error("too much waits")]
    TooMuch,
}

impl AdaptationError {
    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> AdaptationErrorKind {
        self.kind
    }

    /// The Status to answer a server with that asked for this.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self.kind {
            AdaptationErrorKind::NoAdapter => StatusCode::NOT_SUPPORTED,
            AdaptationErrorKind::TooManyDevices => StatusCode::DEVICE_FULL,
            AdaptationErrorKind::TooMuch => StatusCode::RETRY_LATER,
        }
    }
}

impl From<AdaptationErrorKind> for AdaptationError {
    fn from(kind: AdaptationErrorKind) -> Self {
        Self { kind }
    }
}
