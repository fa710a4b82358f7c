//! What a gateway learns from the alerts of devices.

use alloc::vec::Vec;

use dm_syncml::{Alert, Meta};

use super::Gateway;
use crate::device::Serial;
use crate::outbox::AlertKind;
use crate::peers::ServerList;

impl Gateway {
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
        let is_own =
            |server: &dm_tree::ServerId| servers.contains(server) || *server == self.config.server_id;
        self.objects.peers.handle_server_list(now, serial, &list, is_own);
    }
}
