//! A few cameras, a server, and who knows whom.

use std::collections::{BTreeMap, BTreeSet};

use dm_notification::{Credential, Notification, ServerIdentifier, SessionId, Trigger};
use dm_tree::ServerId;
use gwmo_model::{DeviceId, GroupId, Mode, Reach, Recipient, RelayDirectory, Serial, SharedAccount};

/// Everything a relay asks for. Accounts are shared only where it is said.
#[derive(Debug)]
pub(crate) struct World {
    devices: BTreeMap<u32, Recipient>,
    servers: BTreeSet<String>,
    shared: BTreeMap<(u32, String), Credential>,
    denied: BTreeSet<u32>,
}

pub(crate) fn serial(number: u32) -> Serial {
    Serial::new(number).expect("from 1 on")
}

pub(crate) fn device(number: u32) -> DeviceId {
    DeviceId::new(&format!("camera:{number}")).expect("short")
}

const NONCE: &[u8] = b"nonce";

fn credential(server: &str) -> Credential {
    Credential::new(ServerIdentifier::new(server).expect("short"), "secret")
}

impl World {
    pub(crate) fn with_devices(count: u32) -> Self {
        let recipient = |number| {
            (
                number,
                Recipient::new(
                    device(number),
                    Mode::Transparent,
                    Reach::At(Some(format!("10.0.0.{number}"))),
                ),
            )
        };
        Self {
            devices: (1..=count).map(recipient).collect(),
            servers: BTreeSet::from(["dms".into()]),
            shared: BTreeMap::new(),
            denied: BTreeSet::new(),
        }
    }

    /// A notification as the server signs it.
    pub(crate) fn package_0(server: &str, session: u16) -> Vec<u8> {
        let id = ServerIdentifier::new(server).expect("short");
        let trigger = Trigger::new(id, SessionId::new(session).expect("not zero"));
        Notification::sign(trigger, &credential(server), NONCE).to_vec()
    }

    pub(crate) fn set_reach(&mut self, number: u32, reach: Reach) {
        if let Some(device) = self.devices.get_mut(&number) {
            device.reach = reach;
        }
    }

    #[allow(dead_code, reason = "not every test asks")]
    pub(crate) fn is_there(&self, number: u32) -> bool {
        self.devices.get(&number).is_some_and(|device| device.reach != Reach::Away)
    }

    #[allow(dead_code, reason = "not every test changes it")]
    pub(crate) fn set_transparent(&mut self, number: u32, is_transparent: bool) {
        if let Some(device) = self.devices.get_mut(&number) {
            device.mode = if is_transparent { Mode::Transparent } else { Mode::Proxy };
        }
    }

    pub(crate) fn share(&mut self, number: u32, server: &str) {
        self.shared.insert((number, server.into()), credential(server));
    }

    #[allow(dead_code, reason = "not every test does")]
    pub(crate) fn deny(&mut self, number: u32) {
        self.denied.insert(number);
    }

    #[allow(dead_code, reason = "not every test does")]
    pub(crate) fn forget(&mut self, number: u32) {
        self.devices.remove(&number);
    }

    #[allow(dead_code, reason = "not every test does")]
    pub(crate) fn forget_server(&mut self, server: &str) {
        self.servers.remove(server);
    }
}

impl RelayDirectory for World {
    fn knows_server(&self, server: &ServerId) -> bool {
        self.servers.contains(server.as_str())
    }

    fn serial_of(&self, device: &DeviceId) -> Option<Serial> {
        let found = self.devices.iter().find(|(_, known)| known.id == *device);
        found.and_then(|(number, _)| Serial::new(*number))
    }

    fn members_of(&self, group: &GroupId) -> Option<Vec<Serial>> {
        (group.as_str() == "all").then(|| self.devices.keys().map(|number| serial(*number)).collect())
    }

    fn recipient(&self, device: Serial) -> Option<Recipient> {
        self.devices.get(&device.get()).cloned()
    }

    fn shared_account(&self, device: Serial, server: &ServerId) -> Option<SharedAccount<'_>> {
        let credential = self.shared.get(&(device.get(), server.to_string()))?;
        Some(SharedAccount::new(credential, NONCE))
    }

    fn may_notify(&self, _server: &ServerId, device: Serial) -> bool {
        !self.denied.contains(&device.get())
    }
}
