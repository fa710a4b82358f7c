//! Devices as the sockets meet them: seen, forgotten, and waiting for an answer.

use std::sync::Arc;

use dm_syncml::session::Outgoing;
use dm_tree::Secret;
use gwmo_model::{AttachStatus, DeviceId, Fact, Serial, Sighting};
use tokio::sync::oneshot;

use super::bootstraps::card_of;
use super::driver::GatewayDriver;
use super::failure::Failure;
use super::neighbours::host_of;
use crate::coap::adapter::CoapAdapter;

impl GatewayDriver {
    /// A request of a device waits for its answer under this number.
    pub(super) fn begin_exchange(&self) -> (u64, oneshot::Receiver<Outgoing>) {
        let (sender, answer) = oneshot::channel();
        let mut shared = self.lock();
        shared.next_exchange += 1;
        let exchange = shared.next_exchange;
        shared.exchanges.insert(exchange, sender);
        (exchange, answer)
    }

    /// It does not wait any more.
    pub(super) fn end_exchange(&self, exchange: u64) {
        self.lock().exchanges.remove(&exchange);
    }

    /// What a device proves with that it is the one that announces itself: its password, as the operator or a server set it.
    pub(super) fn announcing_secret(self: &Arc<Self>, device: &DeviceId) -> Option<Secret> {
        if let Some(password) = self.keyring.password(device) {
            return Some(Secret::new(password.0.as_bytes()));
        }
        self.drive(|gateway, now| {
            let serial = gateway.inventory().serial_of(device)?;
            gateway.handle_bootstrap(now, |bootstraps, _| {
                bootstraps.credential(serial).map(|own| own.client_secret().clone())
            })
        })
    }

    /// A device announced itself; returns whether it is one of ours. Only devices with an account are let in.
    pub(super) fn device_seen(self: &Arc<Self>, device: &DeviceId, address: &str) -> bool {
        let seen = self.drive(|gateway, now| {
            let known = gateway
                .inventory()
                .serial_of(device)
                .and_then(|serial| gateway.inventory().record(serial))?;
            let sighting = Sighting::new(known.epoch()).with(Fact::LocalAddress, address);
            gateway.handle_device_seen(now, device, &sighting).ok()
        });
        if let (Some(serial), Some(ip)) = (seen, host_of(address)) {
            self.lock().neighbours.seen(serial, ip);
        }
        seen.is_some()
    }

    /// An adapter speaks for a device from now on.
    pub(super) fn set_adapter(
        self: &Arc<Self>,
        device: &DeviceId,
        adapter: CoapAdapter,
    ) -> Result<(), Failure> {
        self.lock().adapters.insert(device.clone(), Arc::new(adapter));
        let taken =
            self.drive(|gateway, now| gateway.handle_adapter(now, device, CoapAdapter::capabilities()));
        taken.map(drop).map_err(|error| Failure::new("device", format_args!("{device}: {error}")))
    }

    /// Forgets a device; returns whether there was one.
    pub(super) fn forget_device(self: &Arc<Self>, device: &DeviceId) -> bool {
        self.keyring.forget(device);
        let serial = self.look(|gateway| gateway.inventory().serial_of(device));
        let Some(serial) = serial else { return false };
        let offered = self.drive(|gateway, now| {
            gateway.handle_bootstrap(now, |bootstraps, _| {
                bootstraps.states(serial).map(|(target, _)| target.clone()).collect::<Vec<_>>()
            })
        });
        for target in offered {
            // There are passwords in it; there may be none.
            let _ = std::fs::remove_file(card_of(&self.cards, device, &target));
        }
        self.drive(|gateway, now| {
            gateway.handle_adapter_gone(now, device);
            // It was there just now.
            let _ = gateway.handle_device_forgotten(now, device);
        });
        let mut shared = self.lock();
        shared.adapters.remove(device);
        shared.neighbours.forgotten(serial);
        true
    }

    /// The devices that may be who asks from this address.
    pub(super) fn devices_at(&self, ip: std::net::IpAddr) -> Vec<Serial> {
        let shared = self.lock();
        let is_there = |serial: &Serial| {
            shared.gateway.inventory().record(*serial).is_some_and(|it| it.status() == AttachStatus::Attached)
        };
        shared.neighbours.at(ip).filter(is_there).collect()
    }
}
