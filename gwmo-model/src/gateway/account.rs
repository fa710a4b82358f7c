//! How a device and its gateway prove themselves to each other.

use alloc::string::String;

use dm_notification::{Credential, ServerIdentifier, SessionId};
use dm_syncml::auth::{Credentials, Nonce, Password};
use dm_syncml::session::{Account, Record};
use dm_tree::ServerId;

use crate::device_bootstrap::DeviceCredential;

/// What a gateway shares with one device: the two credentials of a DM account, and the nonces as last stored.
///
/// Both sides show `syncml:auth-md5`. `Debug` shows no secret.
///
/// ```
/// use dm_syncml::auth::{Credentials, Password};
/// use dm_tree::ServerId;
/// use gwmo_model::DeviceAccount;
///
/// let gateway = ServerId::new("gw.example")?;
/// let account = DeviceAccount::new(&gateway, Credentials::new("camera-1", Password::new("device secret")), "gateway secret");
/// # Ok::<(), dm_tree::ServerIdError>(())
/// ```
#[derive(Debug)]
pub struct DeviceAccount {
    device: Credentials,
    server: Credentials,
    notification: Credential,
    device_nonce: Option<Nonce>,
    server_nonce: Option<Nonce>,
    session_id: SessionId,
}

impl DeviceAccount {
    /// An account as the standard has it: the device shows `device`; the gateway shows its server identifier with
    /// `server_password`, and signs notifications with the same. The caller wipes its own copy of the password.
    #[must_use]
    pub fn new(gateway: &ServerId, device: Credentials, server_password: &str) -> Self {
        let server = Credentials::new(gateway.as_str(), Password::new(server_password));
        let identifier = ServerIdentifier::new(gateway.as_str()).expect("both have 1 to 255 octets");
        Self::with_credentials(device, server, Credential::new(identifier, server_password))
    }

    /// An account whose three credentials are named one by one: what the device shows, what the gateway shows, and
    /// what it signs notifications with.
    #[must_use]
    pub const fn with_credentials(
        device: Credentials,
        server: Credentials,
        notification: Credential,
    ) -> Self {
        // The first one there is.
        let session_id = match SessionId::new(1) {
            Ok(id) => id,
            Err(_) => SessionId::MAX,
        };
        Self { device, server, notification, device_nonce: None, server_nonce: None, session_id }
    }

    /// Sets the nonces, as the last [`NonceRecord`]s of this device had them: the one the device's next digest is
    /// made with, and the gateway's.
    #[must_use]
    pub fn with_nonces(mut self, device: Option<Nonce>, server: Option<Nonce>) -> Self {
        self.device_nonce = device;
        self.server_nonce = server;
        self
    }

    /// Sets the SessionID of the first notification; the next ones count on from there. Default 1. Who restarts a
    /// gateway should go on elsewhere, since a device may drop a notification that it has seen before.
    #[must_use]
    pub const fn with_session_id(mut self, first: SessionId) -> Self {
        self.session_id = first;
        self
    }

    /// The account that a credential makes; `None` if its secrets are no text.
    pub(super) fn of_credential(gateway: &ServerId, credential: &DeviceCredential) -> Option<Self> {
        let device = core::str::from_utf8(credential.client_secret().expose()).ok()?;
        let own = core::str::from_utf8(credential.server_secret().expose()).ok()?;
        Some(Self::new(gateway, Credentials::new(credential.name(), Password::new(device)), own))
    }

    /// The account in place of a former one of the same device. The same secrets given once more go on with the nonces, which the device goes on
    /// with as well.
    pub(super) fn replacing(self, former: Option<&Self>) -> Self {
        let is_new = self.device_nonce.is_none() && self.server_nonce.is_none();
        match former {
            Some(former)
                if is_new
                    && self.device == former.device
                    && self.server == former.server
                    && self.notification == former.notification =>
            {
                let (device, server) = (former.device_nonce.clone(), former.server_nonce.clone());
                self.with_nonces(device, server).with_session_id(former.session_id)
            }
            _ => self,
        }
    }

    /// What a session needs of it.
    pub(super) fn for_session(&self) -> Account {
        Account::md5(self.device.clone(), self.server.clone())
            .with_nonces(self.device_nonce.clone(), self.server_nonce.clone())
    }

    /// The SessionID of the next notification.
    pub(super) fn next_session_id(&mut self) -> SessionId {
        let id = self.session_id;
        let next = id.get().checked_add(1).unwrap_or(1);
        self.session_id = SessionId::new(next).unwrap_or(SessionId::MAX);
        id
    }

    /// What notifications are signed with: the credential and the nonce the device gave last, empty before that.
    pub(super) fn signer(&self) -> (&Credential, &[u8]) {
        (&self.notification, self.server_nonce.as_ref().map_or(&[], Nonce::as_bytes))
    }

    /// The nonces, as records.
    pub(super) fn nonces(&self) -> impl Iterator<Item = Record> {
        let device = self.device_nonce.clone().map(Record::DeviceNonce);
        device.into_iter().chain(self.server_nonce.clone().map(Record::ServerNonce))
    }

    pub(super) fn store(&mut self, record: &Record) {
        match record {
            Record::DeviceNonce(nonce) => self.device_nonce = Some(nonce.clone()),
            Record::ServerNonce(nonce) => self.server_nonce = Some(nonce.clone()),
            _ => {}
        }
    }
}

/// What must be stored for one device, to be given back with [`DeviceAccount::with_nonces`] after a restart.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct NonceRecord {
    /// The device.
    pub device: crate::DeviceId,
    /// Which nonce, and what it is from now on.
    pub record: Record,
}

#[cfg(feature = "serde")]
impl serde::Serialize for NonceRecord {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let (is_device, nonce) = match &self.record {
            Record::DeviceNonce(nonce) => (true, nonce.as_bytes()),
            Record::ServerNonce(nonce) => (false, nonce.as_bytes()),
            _ => return Err(serde::ser::Error::custom("not a nonce")),
        };
        (&self.device, is_device, nonce).serialize(to)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for NonceRecord {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (device, is_device, octets) = <(crate::DeviceId, bool, alloc::vec::Vec<u8>)>::deserialize(from)?;
        let nonce = Nonce::new(octets);
        let record = if is_device { Record::DeviceNonce(nonce) } else { Record::ServerNonce(nonce) };
        Ok(Self { device, record })
    }
}

impl NonceRecord {
    pub(super) const fn new(device: crate::DeviceId, record: Record) -> Self {
        Self { device, record }
    }
}

/// A peer's address, cut to what is worth telling.
pub(super) fn shortened(peer: &str) -> String {
    let mut end = peer.len().min(crate::DeviceId::MAX_LEN);
    while !peer.is_char_boundary(end) {
        end -= 1;
    }
    String::from(&peer[..end])
}
