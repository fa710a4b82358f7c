//! How much is negotiated at a time, and how long.

use core::time::Duration;

/// What bounds the negotiations of a server, and how patient it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DelegationLimits {
    /// Negotiations and delegations kept at a time, those included that are over and still remembered. Default 4096.
    pub max_negotiations: usize,
    /// Of these with one other server, so that none takes all the room. Default 1024.
    pub max_per_server: usize,
    /// How long it takes until a message is sent again for the first time; then twice as long each time. Default 5 s.
    pub resend: Duration,
    /// The longest time until it is sent again. Default five minutes.
    pub max_resend: Duration,
    /// How long the other server, or the one who decides here, may take for an answer. Not how long a device may
    /// take, which may be switched off. Default one hour.
    pub patience: Duration,
    /// How long what is over is remembered, to answer what comes late. Default one hour.
    pub remember: Duration,
}

impl DelegationLimits {
    /// Sets [`max_negotiations`](Self::max_negotiations) and [`max_per_server`](Self::max_per_server).
    #[must_use]
    pub const fn with_max_negotiations(mut self, all: usize, per_server: usize) -> Self {
        self.max_negotiations = all;
        self.max_per_server = per_server;
        self
    }

    /// Sets [`resend`](Self::resend), at least a millisecond, and [`max_resend`](Self::max_resend).
    #[must_use]
    pub const fn with_resend(mut self, first: Duration, longest: Duration) -> Self {
        self.resend = if first.is_zero() { Duration::from_millis(1) } else { first };
        self.max_resend = longest;
        self
    }

    /// Sets [`patience`](Self::patience).
    #[must_use]
    pub const fn with_patience(mut self, time: Duration) -> Self {
        self.patience = time;
        self
    }

    /// Sets [`remember`](Self::remember).
    #[must_use]
    pub const fn with_remember(mut self, time: Duration) -> Self {
        self.remember = time;
        self
    }

    /// The time until a message that was sent so often is sent again.
    pub(super) fn pause(&self, attempt: u8) -> Duration {
        let pause = self.resend.saturating_mul(1 << attempt.min(20));
        pause.min(self.max_resend).max(self.resend)
    }
}

impl Default for DelegationLimits {
    fn default() -> Self {
        Self {
            max_negotiations: 4096,
            max_per_server: 1024,
            resend: Duration::from_secs(5),
            max_resend: Duration::from_secs(300),
            patience: Duration::from_secs(3600),
            remember: Duration::from_secs(3600),
        }
    }
}
