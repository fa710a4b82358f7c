//! What a gateway learns of the servers that devices know: from their alerts, or from its owner.

use alloc::vec::Vec;

use dm_syncml::{Alert, Instant, Meta};
use dm_tree::ServerId;

use super::{Gateway, GatewayError};
use crate::device::{DeviceId, Serial};
use crate::outbox::AlertKind;
use crate::peers::ServerList;

impl Gateway {
    /// The servers that a device has accounts for, as the owner of the gateway says: all of them, as at
    /// [`Inventory::handle_servers`](crate::Inventory::handle_servers). With one it can be managed transparently. A device may say so
    /// itself, by an alert of the type `BootstrappedDMSList`.
    ///
    /// # Errors
    ///
    /// When there is no such device, or it has too many servers.
    pub fn handle_device_servers<'a>(
        &mut self,
        now: Instant,
        device: &DeviceId,
        servers: impl IntoIterator<Item = &'a ServerId>,
    ) -> Result<(), GatewayError> {
        let now = self.advance(now);
        let serial = self.serial_of(device)?;
        let names = servers.into_iter().map(ServerId::as_str);
        let known = self.objects.inventory.handle_servers(now, serial, names);
        self.choose_mode(serial);
        self.drain_machines();
        Ok(known?)
    }

    /// A device may say which servers it is bootstrapped to: all of them, not those that are new.
    pub(super) fn take_server_list(&mut self, serial: Serial, alert: &Alert<'_>) {
        let Some(item) = alert.items.first() else { return };
        let media_type = item.meta.as_ref().and_then(Meta::media_type);
        let kind = media_type.and_then(|media_type| AlertKind::recognise(media_type.as_str()));
        let is_list = kind.is_some_and(|(kind, _)| kind == AlertKind::BootstrappedDmsList);
        let Some(text) = item.data.as_ref().and_then(|data| data.as_text()).filter(|_| is_list) else {
            return;
        };
        let now = self.objects.now;
        let list = ServerList::parse(text);
        if list.unparsed().is_none() {
            let names: Vec<_> = list.servers().iter().map(|server| server.id.as_str()).collect();
            // Of too many those known before are kept.
            let _ = self.objects.inventory.handle_servers(now, serial, names);
            self.confirm_servers(serial, &list);
        }
        let servers = &self.objects.servers;
        let is_own = |server: &ServerId| servers.contains(server) || *server == self.config.server_id;
        self.objects.peers.handle_server_list(now, serial, &list, is_own);
    }
}
