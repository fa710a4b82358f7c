//! Whether devices are bootstrapped at all (GwMO-HLF-005 and 006), and which bootstraps a device has.

use dm_syncml::Instant;

use super::record::{DeviceBootstrapRecord, Entry};
use super::{BootstrapTarget, DeviceBootstrap};
use crate::Serial;

impl DeviceBootstrap {
    /// Switches bootstraps to the gateway and to servers on or off, instead of what the [configuration](super::DeviceBootstrapConfig::to_gateway)
    /// says. What began before goes on.
    pub fn handle_switches(&mut self, _now: Instant, to_gateway: bool, to_servers: bool) {
        if self.switches() != (to_gateway, to_servers) {
            self.journal.record(DeviceBootstrapRecord(Entry::Switches(to_gateway, to_servers)));
            self.switches = Some((to_gateway, to_servers));
        }
    }

    /// Whether devices are bootstrapped to the gateway, and to servers.
    #[must_use]
    pub const fn switches(&self) -> (bool, bool) {
        match self.switches {
            Some(switches) => switches,
            None => (self.config.to_gateway, self.config.to_servers),
        }
    }
}

/// Every bootstrap of a device: `Gateway` comes before all servers.
pub(super) fn range_of(device: Serial) -> impl core::ops::RangeBounds<(Serial, BootstrapTarget)> {
    use core::ops::Bound;

    let end =
        device.next().map_or(Bound::Unbounded, |next| Bound::Excluded((next, BootstrapTarget::Gateway)));
    (Bound::Included((device, BootstrapTarget::Gateway)), end)
}
