//! What a relay passes on, and how much it keeps.

use core::time::Duration;

use dm_notification::Policy;

use super::Verification;

/// What a relay passes on, and how much it keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RelayConfig {
    /// The least a relay must know of where a notification comes from; `None` passes nothing on. Default
    /// [`Verification::ServerKnown`]: where the gateway shares the account the digest must be right, elsewhere a
    /// known server is enough. A digest that can be verified and is wrong is never passed on.
    pub least: Option<Verification>,
    /// What octets must be to be a notification. Default [`Policy::FIELD`]: the device judges for itself.
    pub policy: Policy,
    /// Time that a notification is kept for a device that cannot be reached. Default one hour: what a server
    /// wanted longer ago it will want again.
    pub validity: Duration,
    /// Time in which the same notification is not passed on again. Default 5 min: long enough for copies that the
    /// way to the gateway makes, short enough for a server that sends a lost one again. What is held is not taken
    /// twice, however long.
    pub replay_window: Duration,
    /// Notifications of one server remembered for that, those that were verified and the others each. Default 1 024.
    pub max_remembered: usize,
    /// Devices that one notification may be for. Default 1 024.
    pub max_targets: u32,
    /// Notifications kept for devices, all together. Default 4 096.
    pub max_held: usize,
    /// Notifications kept for one device. Default 8.
    pub max_held_per_device: usize,
    /// Octets of the notifications kept, one for many devices counted for each. Default 1 MiB.
    pub max_held_octets: usize,
}

impl Default for RelayConfig {
    fn default() -> Self {
        Self {
            least: Some(Verification::ServerKnown),
            policy: Policy::FIELD,
            validity: Duration::from_secs(3600),
            replay_window: Duration::from_secs(300),
            max_remembered: 1024,
            max_targets: 1024,
            max_held: 4096,
            max_held_per_device: 8,
            max_held_octets: 1 << 20,
        }
    }
}

impl RelayConfig {
    /// Sets [`least`](Self::least).
    #[must_use]
    pub const fn with_least(mut self, least: Option<Verification>) -> Self {
        self.least = least;
        self
    }

    /// Sets [`policy`](Self::policy).
    #[must_use]
    pub const fn with_policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets [`validity`](Self::validity).
    #[must_use]
    pub const fn with_validity(mut self, time: Duration) -> Self {
        self.validity = time;
        self
    }

    /// Sets [`replay_window`](Self::replay_window) and [`max_remembered`](Self::max_remembered).
    #[must_use]
    pub const fn with_replay_window(mut self, time: Duration, per_server: usize) -> Self {
        self.replay_window = time;
        self.max_remembered = per_server;
        self
    }

    /// Sets [`max_targets`](Self::max_targets).
    #[must_use]
    pub const fn with_max_targets(mut self, max: u32) -> Self {
        self.max_targets = max;
        self
    }

    /// Sets [`max_held`](Self::max_held), [`max_held_per_device`](Self::max_held_per_device) and
    /// [`max_held_octets`](Self::max_held_octets).
    #[must_use]
    pub const fn with_max_held(mut self, all: usize, per_device: usize, octets: usize) -> Self {
        self.max_held = all;
        self.max_held_per_device = per_device;
        self.max_held_octets = octets;
        self
    }
}
