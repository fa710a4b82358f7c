//! Whether and how often devices are bootstrapped, and what is refused.

use alloc::string::String;
use core::time::Duration;

use dm_syncml::StatusCode;
use dm_tree::ServerId;
use thiserror::Error;

/// Whether devices are bootstrapped, how often that is offered, and how many there may be.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct DeviceBootstrapConfig {
    /// What devices know the gateway as.
    pub gateway: ServerId,
    /// The URI under which devices reach it.
    pub address: String,
    /// Whether devices are bootstrapped to the gateway. Default yes.
    pub to_gateway: bool,
    /// Whether devices are bootstrapped to servers. Default yes: a server asks for it, or an administrator.
    pub to_servers: bool,
    /// Time until the first session. Default 5 min: a user may have to type a PIN.
    pub t_session: Duration,
    /// How often it is offered again when there is none. Default 3.
    pub retries: u16,
    /// Devices that may have a credential. Default 65 536, the default size of an inventory.
    pub max_credentials: usize,
    /// Bootstraps, ended ones included. Default 131 072: the gateway and one server for each device.
    pub max_requests: usize,
    /// Servers that one device may be bootstrapped to. Default 8, what a device takes by default.
    pub max_servers: usize,
    /// Seeds the index that tells a credential used twice; random, and the same for no two gateways. Default 0.
    pub hash_seed: u64,
}

impl DeviceBootstrapConfig {
    /// With the defaults.
    #[must_use]
    pub fn new(gateway: ServerId, address: impl Into<String>) -> Self {
        Self {
            gateway,
            address: address.into(),
            to_gateway: true,
            to_servers: true,
            t_session: Duration::from_secs(300),
            retries: 3,
            max_credentials: 65_536,
            max_requests: 131_072,
            max_servers: 8,
            hash_seed: 0,
        }
    }

    /// Sets [`to_gateway`](Self::to_gateway) and [`to_servers`](Self::to_servers).
    #[must_use]
    pub const fn with_switches(mut self, to_gateway: bool, to_servers: bool) -> Self {
        self.to_gateway = to_gateway;
        self.to_servers = to_servers;
        self
    }

    /// Sets [`t_session`](Self::t_session) and [`retries`](Self::retries).
    #[must_use]
    pub const fn with_retries(mut self, t_session: Duration, retries: u16) -> Self {
        self.t_session = t_session;
        self.retries = retries;
        self
    }

    /// Sets [`max_credentials`](Self::max_credentials), [`max_requests`](Self::max_requests) and
    /// [`max_servers`](Self::max_servers).
    #[must_use]
    pub const fn with_limits(mut self, credentials: usize, requests: usize, servers: usize) -> Self {
        self.max_credentials = credentials;
        self.max_requests = requests;
        self.max_servers = servers;
        self
    }

    /// Sets [`hash_seed`](Self::hash_seed).
    #[must_use]
    pub const fn with_hash_seed(mut self, seed: u64) -> Self {
        self.hash_seed = seed;
        self
    }
}

/// Why a bootstrap, or a credential, is not taken. Nothing changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("{kind}")]
pub struct DeviceBootstrapError {
    kind: DeviceBootstrapErrorKind,
}

/// The reasons of a [`DeviceBootstrapError`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum DeviceBootstrapErrorKind {
    /// This kind of bootstrap is switched off.
    #[error("switched off")]
    SwitchedOff,
    /// The device has no credential for the gateway.
    #[error("device has no credential")]
    NoCredential,
    /// Another device has this credential.
    #[error("another device has this credential")]
    CredentialInUse,
    /// A name, a secret or an address is empty or too long.
    #[error("account cannot be used")]
    Unusable,
    /// There are as many as there may be.
    #[error("too many")]
    TooMany,
}

impl DeviceBootstrapError {
    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> DeviceBootstrapErrorKind {
        self.kind
    }

    /// The Status to answer a server with that asked for this.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self.kind {
            DeviceBootstrapErrorKind::SwitchedOff => StatusCode::NOT_ALLOWED,
            DeviceBootstrapErrorKind::NoCredential => StatusCode::INCOMPLETE_COMMAND,
            DeviceBootstrapErrorKind::CredentialInUse => StatusCode::CONFLICT,
            DeviceBootstrapErrorKind::Unusable => StatusCode::BAD_REQUEST,
            DeviceBootstrapErrorKind::TooMany => StatusCode::DEVICE_FULL,
        }
    }
}

impl From<DeviceBootstrapErrorKind> for DeviceBootstrapError {
    fn from(kind: DeviceBootstrapErrorKind) -> Self {
        Self { kind }
    }
}
