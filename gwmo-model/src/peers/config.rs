//! How much is remembered of servers, and what is too much.

use core::time::Duration;

use dm_syncml::StatusCode;
use thiserror::Error;

use crate::error::error_type;

/// How many servers are remembered, and how often one is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct PeersConfig {
    /// Most servers remembered. Default 64.
    pub max_known: u32,
    /// Most servers remembered that one device named and nothing came of, so that no device can fill the memory.
    /// Default 8, more accounts than devices have.
    pub max_per_device: u32,
    /// Most servers on the allow list. Default 64.
    pub max_allowed: u32,
    /// Time until a request that nobody answered counts as failed. Default 1 h.
    pub request_time: Duration,
    /// Requests to one server; after that many without an answer it counts as refusing. Default 3.
    pub max_tries: u8,
}

impl Default for PeersConfig {
    fn default() -> Self {
        Self {
            max_known: 64,
            max_per_device: 8,
            max_allowed: 64,
            request_time: Duration::from_secs(3600),
            max_tries: 3,
        }
    }
}

impl PeersConfig {
    /// Sets [`max_known`](Self::max_known).
    #[must_use]
    pub const fn with_max_known(mut self, max: u32) -> Self {
        self.max_known = max;
        self
    }

    /// Sets [`max_per_device`](Self::max_per_device).
    #[must_use]
    pub const fn with_max_per_device(mut self, max: u32) -> Self {
        self.max_per_device = max;
        self
    }

    /// Sets [`max_allowed`](Self::max_allowed).
    #[must_use]
    pub const fn with_max_allowed(mut self, max: u32) -> Self {
        self.max_allowed = max;
        self
    }

    /// Sets [`request_time`](Self::request_time) and [`max_tries`](Self::max_tries).
    #[must_use]
    pub const fn with_requests(mut self, time: Duration, max_tries: u8) -> Self {
        (self.request_time, self.max_tries) = (time, max_tries);
        self
    }
}

error_type! {
    /// Why the peers did not take a change.
    PeersError,
    /// The reasons of a [`PeersError`].
    PeersErrorKind {
        /// The allow list is as long as it may be.
        TooManyAllowed => DEVICE_FULL "too many servers are allowed",
        /// The server is on the allow list.
        AlreadyAllowed => ALREADY_EXISTS "server is allowed already",
        /// The server is not known, or not on the list it should be on.
        UnknownServer => NOT_FOUND "no such server",
    }
}
