//! Bootstraps of devices that the gateway's owner asks for, and what became of them.

use dm_syncml::Instant;

use super::{Gateway, GatewayError};
use crate::device::DeviceId;
use crate::device_bootstrap::{BootstrapAccount, BootstrapTarget, DeviceBootstrap};
use crate::inventory::AttachStatus;
use crate::peers::ServerList;

impl Gateway {
    /// A device is to be bootstrapped to a server with this account (GwMO-HLF-006); once the device can be reached,
    /// [`GatewayOutput::SendBootstrap`](super::GatewayOutput::SendBootstrap) offers it. Asking twice for a server gives one
    /// bootstrap. It is confirmed when the device says that it knows the server, or
    /// [a session of the two](DeviceBootstrap::handle_session) is reported.
    ///
    /// # Errors
    ///
    /// When there is no such device, and as [`DeviceBootstrap::handle_server_wanted`].
    pub fn handle_bootstrap_wanted(
        &mut self,
        now: Instant,
        device: &DeviceId,
        account: BootstrapAccount,
    ) -> Result<(), GatewayError> {
        let now = self.advance(now);
        let serial = self.serial_of(device)?;
        let is_there = self.objects.inventory.record(serial).is_some_and(|record| {
            record.status() == AttachStatus::Attached && record.asleep_until().is_none()
        });
        let begun = self.objects.bootstrap.handle_server_wanted(now, serial, account, is_there);
        self.drain_machines();
        Ok(begun?)
    }

    /// Tells the bootstraps what became of one: call the `handle_*` method of [`DeviceBootstrap`] that says it, such as
    /// [`handle_not_sent`](DeviceBootstrap::handle_not_sent) or [`handle_rejected`](DeviceBootstrap::handle_rejected), in
    /// `report`.
    pub fn handle_bootstrap<T>(
        &mut self,
        now: Instant,
        report: impl FnOnce(&mut DeviceBootstrap, Instant) -> T,
    ) -> T {
        let now = self.advance(now);
        let done = report(&mut self.objects.bootstrap, now);
        self.drain_machines();
        done
    }

    /// Servers that a device says it knows need no bootstrap of it any more.
    pub(super) fn confirm_servers(&mut self, serial: crate::Serial, list: &ServerList) {
        let now = self.objects.now;
        for server in list.servers() {
            self.objects.bootstrap.handle_session(
                now,
                serial,
                &BootstrapTarget::Server(server.id.clone()),
                true,
            );
        }
    }
}
