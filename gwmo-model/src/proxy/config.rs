//! How much a proxy keeps, how long it waits, and what is refused.

use core::time::Duration;

use dm_syncml::StatusCode;
use thiserror::Error;

/// How much a proxy keeps, and how long it waits for devices and servers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ProxyConfig {
    /// Time from a notification to the device's session. Default 60 s.
    pub t_notify: Duration,
    /// How often a device is notified again. Default 2.
    pub retries: u16,
    /// Time that answers are kept for their server. Default one day.
    pub keep: Duration,
    /// Relations at a time, those whose answers are kept included. Default 4 096.
    pub max_relations: usize,
    /// Relations of one device. Default 32.
    pub max_per_device: usize,
    /// Commands of one relation. Default 64.
    pub max_commands: u16,
}

impl Default for ProxyConfig {
    fn default() -> Self {
        Self {
            t_notify: Duration::from_secs(60),
            retries: 2,
            keep: Duration::from_secs(86_400),
            max_relations: 4096,
            max_per_device: 32,
            max_commands: 64,
        }
    }
}

impl ProxyConfig {
    /// Sets [`t_notify`](Self::t_notify) and [`retries`](Self::retries).
    #[must_use]
    pub const fn with_retries(mut self, t_notify: Duration, retries: u16) -> Self {
        self.t_notify = t_notify;
        self.retries = retries;
        self
    }

    /// Sets [`keep`](Self::keep).
    #[must_use]
    pub const fn with_keep(mut self, time: Duration) -> Self {
        self.keep = time;
        self
    }

    /// Sets [`max_relations`](Self::max_relations), [`max_per_device`](Self::max_per_device) and
    /// [`max_commands`](Self::max_commands).
    #[must_use]
    pub const fn with_limits(mut self, relations: usize, per_device: usize, commands: u16) -> Self {
        self.max_relations = relations;
        self.max_per_device = per_device;
        self.max_commands = commands;
        self
    }
}

/// Why a request is not taken. Nothing changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("{kind}")]
pub struct ProxyError {
    kind: ProxyErrorKind,
}

/// The reasons of a [`ProxyError`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ProxyErrorKind {
    /// There is no command in it.
    #[error("no command")]
    NoCommand,
    /// It has more commands than may be.
    #[error("more than {max} command(s)")]
    TooManyCommands {
        /// The most there may be.
        max: u16,
    },
    /// There are as many relations as there may be, or as many of the device.
    #[error("too many relations")]
    TooManyRelations,
}

impl ProxyError {
    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> ProxyErrorKind {
        self.kind
    }

    /// The Status to answer a server with that asked for this.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self.kind {
            ProxyErrorKind::NoCommand => StatusCode::INCOMPLETE_COMMAND,
            ProxyErrorKind::TooManyCommands { .. } => StatusCode::TOO_LARGE,
            ProxyErrorKind::TooManyRelations => StatusCode::RETRY_LATER,
        }
    }
}

impl From<ProxyErrorKind> for ProxyError {
    fn from(kind: ProxyErrorKind) -> Self {
        Self { kind }
    }
}
