//! How much an outbox keeps, and how often it asks.

use core::time::Duration;

use super::alert::AlertSeq;
use super::kind::AlertNames;

/// How much an outbox keeps, and how often it asks for a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct OutboxConfig {
    /// Most servers at a time. Default 16; a gateway answers to a handful.
    pub max_servers: u32,
    /// Most alerts about devices kept for one server. Beyond it the oldest is dropped and counted, return visits
    /// before new devices. Default 1 024.
    pub max_device_alerts: u32,
    /// Most completions kept for one server. Beyond it a completion is refused, never dropped. Default 1 024, well
    /// above the jobs a fanout holds. As many that were acknowledged are remembered, to be told once only.
    pub max_completions: u32,
    /// Most alerts kept for one server about images, progress and results, of which the last of each says all. Beyond it
    /// progress is dropped before images and images before results. Default 1 024.
    pub max_others: u32,
    /// Under which names alerts are sent. Default our own.
    pub names: AlertNames,
    /// Time until a session is asked for again while alerts wait. Default 60 s.
    pub ask_again: Duration,
    /// Time after which an alert that comes up may ask for a session again, while one that was asked for brought no
    /// acknowledgement; doubled with each that did not, up to [`ask_again`](Self::ask_again). Default 2 s.
    pub ask_apart: Duration,
    /// The first sequence number to give. Who keeps no snapshots sets it to what [`Outbox::next_seq`](super::Outbox::next_seq) last said.
    pub first_seq: AlertSeq,
}

impl Default for OutboxConfig {
    fn default() -> Self {
        Self {
            max_servers: 16,
            max_device_alerts: 1024,
            max_completions: 1024,
            max_others: 1024,
            names: AlertNames::Own,
            ask_again: Duration::from_secs(60),
            ask_apart: Duration::from_secs(2),
            first_seq: AlertSeq::FIRST,
        }
    }
}

impl OutboxConfig {
    /// Sets [`max_servers`](Self::max_servers).
    #[must_use]
    pub const fn with_max_servers(mut self, max: u32) -> Self {
        self.max_servers = max;
        self
    }

    /// Sets [`max_device_alerts`](Self::max_device_alerts).
    #[must_use]
    pub const fn with_max_device_alerts(mut self, max: u32) -> Self {
        self.max_device_alerts = max;
        self
    }

    /// Sets [`max_completions`](Self::max_completions).
    #[must_use]
    pub const fn with_max_completions(mut self, max: u32) -> Self {
        self.max_completions = max;
        self
    }

    /// Sets [`max_others`](Self::max_others).
    #[must_use]
    pub const fn with_max_others(mut self, max: u32) -> Self {
        self.max_others = max;
        self
    }

    /// Sets [`names`](Self::names).
    #[must_use]
    pub const fn with_names(mut self, names: AlertNames) -> Self {
        self.names = names;
        self
    }

    /// Sets [`ask_again`](Self::ask_again).
    #[must_use]
    pub const fn with_ask_again(mut self, time: Duration) -> Self {
        self.ask_again = time;
        self
    }

    /// Sets [`ask_apart`](Self::ask_apart).
    #[must_use]
    pub const fn with_ask_apart(mut self, time: Duration) -> Self {
        self.ask_apart = time;
        self
    }

    /// Sets [`first_seq`](Self::first_seq).
    #[must_use]
    pub const fn with_first_seq(mut self, first: AlertSeq) -> Self {
        self.first_seq = first;
        self
    }
}
