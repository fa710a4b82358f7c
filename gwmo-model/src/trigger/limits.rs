//! How many triggers there may be, and what is refused.

use core::time::Duration;

use dm_syncml::StatusCode;
use thiserror::Error;

use super::{TriggerContent, TriggerNo, TriggerSpec};

/// How many triggers there may be, and how large.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct TriggerLimits {
    /// Most triggers at a time, those that are over included. Default 256.
    pub max_triggers: u32,
    /// Most targets of one. Default 65 536, the default size of an inventory.
    pub max_targets: u32,
    /// Most octets of a notification that a server made. Default 32 640, what a concatenated short message carries.
    pub max_octets: usize,
    /// Most notifications on their way to the transport. Default 64.
    pub window: u32,
    /// Time that a trigger has at least, however short its validity: its targets have to be sent to. Default 60 s.
    pub t_send: Duration,
}

impl Default for TriggerLimits {
    fn default() -> Self {
        Self {
            max_triggers: 256,
            max_targets: 65_536,
            max_octets: 255 * 128,
            window: 64,
            t_send: Duration::from_secs(60),
        }
    }
}

impl TriggerLimits {
    /// Sets [`max_triggers`](Self::max_triggers).
    #[must_use]
    pub const fn with_max_triggers(mut self, max: u32) -> Self {
        self.max_triggers = max;
        self
    }

    /// Sets [`max_targets`](Self::max_targets).
    #[must_use]
    pub const fn with_max_targets(mut self, max: u32) -> Self {
        self.max_targets = max;
        self
    }

    /// Sets [`max_octets`](Self::max_octets).
    #[must_use]
    pub const fn with_max_octets(mut self, max: usize) -> Self {
        self.max_octets = max;
        self
    }

    /// Sets [`window`](Self::window); at least 1.
    #[must_use]
    pub const fn with_window(mut self, window: u32) -> Self {
        self.window = if window == 0 { 1 } else { window };
        self
    }

    /// Sets [`t_send`](Self::t_send).
    #[must_use]
    pub const fn with_t_send(mut self, time: Duration) -> Self {
        self.t_send = time;
        self
    }

    pub(super) fn takes(&self, spec: &TriggerSpec) -> bool {
        match &spec.content {
            TriggerContent::Ready(octets) => (1..=self.max_octets).contains(&octets.as_octets().len()),
            TriggerContent::Built(_) => true,
        }
    }
}

/// Why a trigger is not taken. Nothing changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("{kind}")]
pub struct TriggerError {
    kind: TriggerErrorKind,
}

/// The reasons of a [`TriggerError`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum TriggerErrorKind {
    /// The owner has a trigger with this key.
    #[error("trigger exists already as {trigger}")]
    TriggerExists {
        /// That trigger.
        trigger: TriggerNo,
    },
    /// There is no such trigger.
    #[error("no such trigger")]
    UnknownTrigger,
    /// There are as many triggers as there may be.
    #[error("too many triggers")]
    TooManyTriggers,
    /// The trigger has more targets than one may have.
    #[error("trigger has more than {max} target(s)")]
    TooManyTargets {
        /// The most there may be.
        max: u32,
    },
    /// What is to be sent is empty or too long.
    #[error("notification is not of 1 to {max} octet(s)")]
    BadLength {
        /// The longest there may be.
        max: usize,
    },
}

impl TriggerError {
    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> TriggerErrorKind {
        self.kind
    }

    /// The Status to answer a server with that asked for this.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self.kind {
            TriggerErrorKind::TriggerExists { .. } => StatusCode::ALREADY_EXISTS,
            TriggerErrorKind::UnknownTrigger => StatusCode::NOT_FOUND,
            TriggerErrorKind::TooManyTriggers => StatusCode::DEVICE_FULL,
            TriggerErrorKind::TooManyTargets { .. } | TriggerErrorKind::BadLength { .. } => {
                StatusCode::TOO_LARGE
            }
        }
    }
}

impl From<TriggerErrorKind> for TriggerError {
    fn from(kind: TriggerErrorKind) -> Self {
        Self { kind }
    }
}
