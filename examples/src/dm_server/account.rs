//! A device as the operator knows it, and what it has told.

use dm_notification::{Credential, ServerIdentifier};
use dm_syncml::auth::{AuthScheme, Credentials, Nonce, Password};
use dm_syncml::session::{Account, DeviceProfile};
use serde::{Deserialize, Serialize};

use super::vault::{Locked, Sealed, Vault};

/// What kind of device it is, which decides what is sent to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(super) enum Class {
    /// It does what DM 1.2.1 says.
    #[default]
    Standard,
    /// The management client of Windows.
    Windows,
    /// A client built on libdmclient.
    Libdmclient,
    /// A gateway: devices are behind it.
    Gateway,
}

impl Class {
    pub(super) const fn profile(self) -> DeviceProfile {
        match self {
            Self::Standard | Self::Gateway => DeviceProfile::STANDARD,
            Self::Windows => DeviceProfile::WINDOWS,
            Self::Libdmclient => DeviceProfile::LIBDMCLIENT,
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Windows => "windows",
            Self::Libdmclient => "libdmclient",
            Self::Gateway => "gateway",
        }
    }
}

/// A device as the operator has added it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Device {
    pub(super) id: String,
    pub(super) class: Class,
    pub(super) scheme: AuthScheme,
    /// What the device shows.
    pub(super) user: String,
    pub(super) device_password: Sealed,
    /// What the server shows, and signs notifications with.
    pub(super) server_user: String,
    pub(super) server_password: Sealed,
    /// Where notifications go: host and port, UDP.
    pub(super) address: Option<String>,
    /// Unix seconds.
    pub(super) added: u64,
}

/// What sessions have brought to light.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Learnt {
    pub(super) device_nonce: Option<Nonce>,
    pub(super) server_nonce: Option<Nonce>,
    pub(super) manufacturer: String,
    pub(super) model: String,
    pub(super) firmware: String,
    pub(super) dm_version: String,
    pub(super) language: String,
    /// What it can do, in the form that devices announce it.
    pub(super) capabilities: String,
    /// Unix seconds; 0 before it has ever proved itself.
    pub(super) seen: u64,
}

impl Device {
    /// The names its secrets are sealed under.
    pub(super) fn seals(id: &str) -> (String, String) {
        (format!("device:{id}"), format!("server:{id}"))
    }

    /// What a session needs.
    pub(super) fn account(&self, vault: &Vault, learnt: &Learnt) -> Result<Account, Locked> {
        if self.scheme == AuthScheme::None {
            return Ok(Account::transport());
        }
        let (device, server) = Self::seals(&self.id);
        let credentials = |user: &str, name: &str, sealed: &Sealed| {
            let password = vault.open(name, sealed)?;
            Ok::<_, Locked>(Credentials::new(user, Password::new(password)))
        };
        let device = credentials(&self.user, &device, &self.device_password)?;
        let server = credentials(&self.server_user, &server, &self.server_password)?;
        let account = Account::new(self.scheme, device, server);
        Ok(account.with_nonces(learnt.device_nonce.clone(), learnt.server_nonce.clone()))
    }

    /// What notifications are signed with.
    pub(super) fn signer(&self, vault: &Vault, server: ServerIdentifier<'_>) -> Result<Credential, Locked> {
        let (_, name) = Self::seals(&self.id);
        let password = vault.open(&name, &self.server_password)?;
        Ok(Credential::new(server, password))
    }
}
