//! What devices prove themselves with where there is no session, and how those that are new take bootstrap messages.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use gwmo_model::DeviceId;

use super::account::{AccountFile, Hidden};
use super::bootstraps::BootstrapWay;

/// The devices with an account that the operator added.
#[derive(Debug, Default)]
pub(super) struct Keyring(Mutex<HashMap<DeviceId, Keys>>);

#[derive(Debug)]
struct Keys {
    password: Hidden,
    bootstrap: Option<BootstrapWay>,
}

impl Keyring {
    /// With the keys of these accounts.
    pub(super) fn of(accounts: &[AccountFile]) -> Self {
        let keyring = Self::default();
        for account in accounts {
            if let Ok(device) = account.device() {
                keyring.know(&device, account);
            }
        }
        keyring
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<DeviceId, Keys>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what an account says.
    pub(super) fn know(&self, device: &DeviceId, account: &AccountFile) {
        let keys = Keys { password: account.password.clone(), bootstrap: account.bootstrap.clone() };
        self.lock().insert(device.clone(), keys);
    }

    pub(super) fn forget(&self, device: &DeviceId) {
        self.lock().remove(device);
    }

    /// The device's password, if it has one.
    pub(super) fn password(&self, device: &DeviceId) -> Option<Hidden> {
        let keys = self.lock();
        keys.get(device).map(|keys| keys.password.clone()).filter(|password| !password.0.is_empty())
    }

    /// How it takes bootstrap messages, if it does.
    pub(super) fn bootstrap(&self, device: &DeviceId) -> Option<BootstrapWay> {
        self.lock().get(device).and_then(|keys| keys.bootstrap.clone())
    }
}
