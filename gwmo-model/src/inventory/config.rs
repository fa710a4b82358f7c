//! How an inventory is set up.

use core::time::Duration;

use super::fact::Texts;
use crate::device::Serial;

/// How large an inventory may grow and when a change of presence counts.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InventoryConfig {
    /// Most devices registered at a time. Default 65 536: a class B network, far above the homes and buildings
    /// the requirements speak of. Millions work as well; a record takes some 200 octets and its texts.
    pub max_devices: u32,
    /// Longest fact kept, in octets; above 8 191 it counts as that. Default 255, what a DevInfo leaf commonly allows.
    pub max_text: usize,
    /// Most management objects and most servers kept of one device. Default 64: a DM 1.3 device with all objects of
    /// the registry's common enablers has some 30.
    pub max_names: u16,
    /// Time a device must be there, or be gone, before that counts, so that a link that flaps raises no alerts.
    /// Default zero: at once.
    pub debounce: Duration,
    /// Time without a sign of life after which a device counts as detached. Default `None`: only a detach says so.
    pub lifetime: Option<Duration>,
    /// Time after which a detached device is deleted. Default `None`: only a server or the caller does that. Devices
    /// that were registered and never seen stay.
    pub keep_gone: Option<Duration>,
    /// Keys the hashes of identifiers. Nothing that comes out depends on it; a random one keeps devices from choosing
    /// identifiers that collide. Default 0.
    pub hash_seed: u64,
    /// The first serial to give. Who keeps no snapshots sets it to what [`Inventory::next_serial`](super::Inventory::next_serial) last said, so
    /// that no serial is ever given twice.
    pub first_serial: Serial,
}

impl Default for InventoryConfig {
    fn default() -> Self {
        Self {
            max_devices: 65_536,
            max_text: 255,
            max_names: 64,
            debounce: Duration::ZERO,
            lifetime: None,
            keep_gone: None,
            hash_seed: 0,
            first_serial: Serial::FIRST,
        }
    }
}

impl InventoryConfig {
    /// Sets [`max_devices`](Self::max_devices).
    #[must_use]
    pub const fn with_max_devices(mut self, max: u32) -> Self {
        self.max_devices = max;
        self
    }

    /// Sets how long one text of a device may be, in octets.
    #[must_use]
    pub const fn with_max_text(mut self, max: usize) -> Self {
        self.max_text = max;
        self
    }

    /// Sets [`max_names`](Self::max_names).
    #[must_use]
    pub const fn with_max_names(mut self, max: u16) -> Self {
        self.max_names = max;
        self
    }

    /// Sets [`debounce`](Self::debounce).
    #[must_use]
    pub const fn with_debounce(mut self, debounce: Duration) -> Self {
        self.debounce = debounce;
        self
    }

    /// Sets [`lifetime`](Self::lifetime).
    #[must_use]
    pub const fn with_lifetime(mut self, lifetime: Option<Duration>) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets [`keep_gone`](Self::keep_gone).
    #[must_use]
    pub const fn with_keep_gone(mut self, time: Option<Duration>) -> Self {
        self.keep_gone = time;
        self
    }

    /// Sets [`hash_seed`](Self::hash_seed).
    #[must_use]
    pub const fn with_hash_seed(mut self, seed: u64) -> Self {
        self.hash_seed = seed;
        self
    }

    /// Sets [`first_serial`](Self::first_serial).
    #[must_use]
    pub const fn with_first_serial(mut self, first: Serial) -> Self {
        self.first_serial = first;
        self
    }

    pub(super) fn max_text(&self) -> usize {
        self.max_text.min(Texts::MAX)
    }
}
