//! What a bootstrap gives a device: accounts, and the secrets in them.

use alloc::string::String;

use dm_tree::{AppAddr, AppAuth, AuthLevel, AuthType, DmAccount, Secret, ServerId};

/// The longest name or secret, in octets.
const MAX_LEN: usize = 255;

/// What a device and one of its servers prove themselves with. `Debug` shows no secret; secrets are compared in
/// constant time and wiped on drop.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DeviceCredential {
    name: String,
    #[cfg_attr(feature = "serde", serde(with = "secret_octets"))]
    client: Secret,
    #[cfg_attr(feature = "serde", serde(with = "secret_octets"))]
    server: Secret,
}

impl DeviceCredential {
    /// The device's user name, its secret, and the secret of its server.
    #[must_use]
    pub fn new(name: impl Into<String>, client: Secret, server: Secret) -> Self {
        Self { name: name.into(), client, server }
    }

    /// The user name of the device.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The secret of the device.
    #[must_use]
    pub const fn client_secret(&self) -> &Secret {
        &self.client
    }

    /// The secret of the server.
    #[must_use]
    pub const fn server_secret(&self) -> &Secret {
        &self.server
    }

    /// Whether it can be a credential: nothing empty, nothing longer than 255 octets.
    pub(super) fn is_usable(&self) -> bool {
        let lengths = [self.name.len(), self.client.expose().len(), self.server.expose().len()];
        lengths.into_iter().all(|length| (1..=MAX_LEN).contains(&length))
    }
}

/// The account of a server on a device: what a bootstrap is to bring.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct BootstrapAccount {
    server_id: ServerId,
    address: String,
    credential: DeviceCredential,
}

impl BootstrapAccount {
    /// A server, its URI, and the credentials.
    #[must_use]
    pub fn new(server_id: ServerId, address: impl Into<String>, credential: DeviceCredential) -> Self {
        Self { server_id, address: address.into(), credential }
    }

    /// The server.
    #[must_use]
    pub const fn server_id(&self) -> &ServerId {
        &self.server_id
    }

    pub(super) fn is_usable(&self) -> bool {
        (1..=2048).contains(&self.address.len()) && self.credential.is_usable()
    }

    /// The account as a management object; both sides show `syncml:auth-md5`.
    pub(super) fn to_dm_account(&self) -> DmAccount {
        dm_account(&self.server_id, &self.address, &self.credential)
    }
}

pub(super) fn dm_account(server: &ServerId, address: &str, credential: &DeviceCredential) -> DmAccount {
    let mut account = DmAccount::new(server.clone());
    account.addresses.push(AppAddr::uri(address));
    account.auth_pref = Some(AuthType::DIGEST);
    account.credentials.push(
        AppAuth::new(AuthLevel::CLCRED, AuthType::DIGEST)
            .with_name(credential.name.as_str())
            .with_secret(credential.client.clone()),
    );
    account.credentials.push(
        AppAuth::new(AuthLevel::SRVCRED, AuthType::DIGEST)
            .with_name(server.as_str())
            .with_secret(credential.server.clone()),
    );
    account
}

#[cfg(feature = "serde")]
mod secret_octets {
    use alloc::vec::Vec;

    use dm_tree::Secret;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(super) fn serialize<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
        secret.expose().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
        Vec::<u8>::deserialize(from).map(Secret::new)
    }
}
