//! How a server behaves, and what it knows of a device.

use core::time::Duration;

use crate::auth::{AuthScheme, Credentials, Nonce};
use crate::model::LocUri;

/// How a server behaves in its sessions.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerConfig {
    /// The server's own address: Source of its messages, and what devices have in their accounts.
    pub address: LocUri<'static>,
    /// What is demanded of a device that nobody knows, so that it cannot tell. Devices that are known have their own
    /// scheme in their [`Account`]; for the two to look alike it should be the same.
    pub stranger_scheme: AuthScheme,
    /// The largest message the server takes, told to the device.
    pub max_msg_size: Option<u64>,
    /// The largest object the server takes, told to the device.
    pub max_obj_size: Option<u64>,
    /// How long the session waits for the device's next message, and how long it remembers its last answer.
    pub idle: Duration,
    /// How many commands of one message are taken. Each costs an answer, even a stranger's.
    pub max_commands: usize,
}

impl ServerConfig {
    /// The defaults: MD5 for strangers, 64 KiB messages, 1 MiB objects, two minutes.
    #[must_use]
    pub const fn new(address: LocUri<'static>) -> Self {
        Self {
            address,
            stranger_scheme: AuthScheme::Md5,
            max_msg_size: Some(64 << 10),
            max_obj_size: Some(1 << 20),
            idle: Duration::from_secs(120),
            max_commands: 1000,
        }
    }

    /// Sets [`stranger_scheme`](Self::stranger_scheme).
    #[must_use]
    pub const fn with_stranger_scheme(mut self, scheme: AuthScheme) -> Self {
        self.stranger_scheme = scheme;
        self
    }

    /// Sets [`max_msg_size`](Self::max_msg_size).
    #[must_use]
    pub const fn with_max_msg_size(mut self, octets: u64) -> Self {
        self.max_msg_size = Some(octets);
        self
    }

    /// Sets [`max_obj_size`](Self::max_obj_size).
    #[must_use]
    pub const fn with_max_obj_size(mut self, octets: u64) -> Self {
        self.max_obj_size = Some(octets);
        self
    }

    /// Sets [`max_commands`](Self::max_commands).
    #[must_use]
    pub const fn with_max_commands(mut self, commands: usize) -> Self {
        self.max_commands = commands;
        self
    }

    /// Sets [`idle`](Self::idle).
    #[must_use]
    pub const fn with_idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }
}

/// What a server knows of a device: how each proves itself to the other.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Account {
    /// What the device must show; `None` when the transport has authenticated it.
    pub device: Option<(AuthScheme, Credentials)>,
    /// The nonce the device's next digest is made with, as last stored.
    pub device_nonce: Option<Nonce>,
    /// What the server shows.
    pub server: Option<(AuthScheme, Credentials)>,
    /// The nonce the server's next digest is made with, as last stored.
    pub server_nonce: Option<Nonce>,
}

impl Account {
    /// An account in which nobody shows anything: the transport has authenticated both.
    #[must_use]
    pub const fn transport() -> Self {
        Self { device: None, device_nonce: None, server: None, server_nonce: None }
    }

    /// An account with MD5 in both directions.
    #[must_use]
    pub const fn md5(device: Credentials, server: Credentials) -> Self {
        Self::new(AuthScheme::Md5, device, server)
    }

    /// An account with the same scheme in both directions.
    #[must_use]
    pub const fn new(scheme: AuthScheme, device: Credentials, server: Credentials) -> Self {
        Self {
            device: Some((scheme, device)),
            device_nonce: None,
            server: Some((scheme, server)),
            server_nonce: None,
        }
    }

    /// Sets the stored nonces.
    #[must_use]
    pub fn with_nonces(mut self, device: Option<Nonce>, server: Option<Nonce>) -> Self {
        self.device_nonce = device;
        self.server_nonce = server;
        self
    }
}
