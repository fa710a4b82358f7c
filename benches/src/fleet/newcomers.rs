//! Devices that know nobody at first: a server registers them, and their gateway bootstraps them.

use dm_tree::bootstrap::{Bootstrap, BootstrapPolicy, ProvisioningDocument, provisioning_of};
use dm_tree::{AuthLevel, DmAccount, Secret, Tree, dm_accounts};
use gwmo_model::{BootstrapState, BootstrapTarget, DeviceCredential, DeviceId};

use super::place::{
    Packet, Place, device_credentials, device_id, device_name, device_number, device_secret, gateway_id,
    gateway_secret,
};
use super::town::Town;

/// What a server registers a newcomer with.
pub(super) fn credential(device: u32, gateway: u16) -> DeviceCredential {
    let (own, theirs) = (device_secret(device, gateway), gateway_secret(device, gateway));
    DeviceCredential::new(device_name(device), Secret::new(own), Secret::new(theirs))
}

impl Town {
    /// A gateway offers a device an account.
    pub(super) fn offer(
        &mut self,
        gateway: u16,
        device: &DeviceId,
        target: &BootstrapTarget,
        account: DmAccount,
    ) {
        let document = match provisioning_of(&[account]) {
            Ok(document) => document.to_wbxml(),
            Err(what) => return self.violation(format!("gateway {gateway} offers what is none: {what}")),
        };
        if *target != BootstrapTarget::Gateway {
            return self.violation(format!("gateway {gateway} offers {device} an account of {target:?}"));
        }
        self.tally.offers += 1;
        if let Some(number) = device_number(device) {
            self.network.send(Place::Gateway(gateway), Place::Device(number), Packet::Bootstrap(document));
        }
    }

    /// A device is offered an account: it takes it and calls.
    pub(super) fn offered(&mut self, number: u32, gateway: u16, document: &[u8]) {
        let now = self.network.now();
        let read = account_in(document).and_then(|account| {
            let is_own = account.server_id == gateway_id(gateway)
                && account.credentials(&AuthLevel::CLCRED) == Some(device_credentials(number, gateway));
            is_own.then_some(()).ok_or_else(|| "it is the account of another".to_owned())
        });
        if let Err(what) = read {
            return self.violation(format!("device {number} was offered an account: {what}"));
        }
        if let Some(device) = self.device(number) {
            device.flash.is_bootstrapped = true;
            device.call_at = now;
        }
        self.rest(number);
    }

    /// Every newcomer has found its gateway.
    pub(super) fn judge_newcomers(&mut self) -> Vec<String> {
        let mut found = Vec::new();
        let newcomers: Vec<(u32, u16, bool)> = self
            .devices
            .iter()
            .filter(|device| device.number > self.options.devices)
            .map(|device| (device.number, device.flash.home, device.flash.is_bootstrapped))
            .collect();
        for (number, home, is_bootstrapped) in newcomers {
            let now = self.network.now();
            let Some(site) = self.sites.get_mut(usize::from(home)) else { continue };
            let clock = site.clock(now);
            let Some(machine) = &mut site.gateway else { continue };
            let serial = machine.inventory().serial_of(&device_id(number));
            let state = serial.map(|serial| {
                machine.handle_bootstrap(clock, |boot, _| boot.state(serial, &BootstrapTarget::Gateway))
            });
            if !is_bootstrapped || state != Some(BootstrapState::Confirmed) {
                found.push(format!("device {number} is {state:?}, and says {is_bootstrapped}"));
            }
        }
        found
    }
}

/// The account that a bootstrap message brings.
fn account_in(document: &[u8]) -> Result<DmAccount, String> {
    let document = ProvisioningDocument::from_wbxml(document).map_err(|error| error.to_string())?;
    let bootstrap = Bootstrap::from_provisioning(&document).map_err(|error| error.to_string())?;
    let mut tree = Tree::default();
    bootstrap.apply(&mut tree, &BootstrapPolicy::default()).map_err(|error| error.to_string())?;
    let account = dm_accounts(&tree).next().map(|(_, account)| account);
    account.ok_or_else(|| "there is none in it".to_owned())
}
