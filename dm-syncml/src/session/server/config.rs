//! How a server behaves, and what it knows of a device.

use alloc::string::String;
use core::time::Duration;

use crate::auth::{AuthScheme, Credentials, Nonce};
use crate::model::LocUri;
use crate::session::resp_uri::same_host;

use super::profile::DeviceProfile;

/// How a server behaves in its sessions.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerConfig {
    /// The server's own address: Source of its messages, and what devices have in their accounts.
    pub address: LocUri<'static>,
    /// What is demanded of a device that nobody knows, so that it cannot tell. Devices that are known have their own
    /// scheme in their [`Account`]; for the two to look alike it should be the same.
    pub stranger_scheme: AuthScheme,
    /// The largest message the server takes, told to the device, which must keep to it after its first message: what comes in a larger one is
    /// answered 413, save statuses.
    pub max_msg_size: Option<u64>,
    /// The largest object the server takes, told to the device.
    pub max_obj_size: Option<u64>,
    /// How long the session waits for the device's next message, and how long it remembers its last answer.
    pub idle: Duration,
    /// How many commands of one message are taken. Each costs an answer, even a stranger's.
    pub max_commands: usize,
    /// How many messages of the device are taken in one session, so that none goes on for ever.
    pub max_messages: u32,
    /// Octets of results that are kept for one command; beyond them Results are answered 413.
    pub max_result_octets: usize,
    /// What the devices of this session cannot do, or do otherwise.
    pub profile: DeviceProfile,
    /// Whether large objects whose transfer broke off go on in a later session, with devices that announce that they can
    /// ([`ClientConfig::resume`](crate::session::ClientConfig::resume)). Nothing changes for others.
    pub resume: bool,
    /// Where devices are to send their next messages, if not to the server's address.
    pub resp_uri: Option<LocUri<'static>>,
}

impl ServerConfig {
    /// The defaults: MD5 for strangers, 64 KiB messages, 1 MiB objects, two minutes; 10,000 messages and 16 MiB of results for a command.
    #[must_use]
    pub const fn new(address: LocUri<'static>) -> Self {
        Self {
            address,
            stranger_scheme: AuthScheme::Md5,
            max_msg_size: Some(64 << 10),
            max_obj_size: Some(1 << 20),
            idle: Duration::from_secs(120),
            max_commands: 1000,
            max_messages: 10_000,
            max_result_octets: 16 << 20,
            profile: DeviceProfile::STANDARD,
            resume: false,
            resp_uri: None,
        }
    }

    /// Sets [`resume`](Self::resume).
    #[must_use]
    pub const fn with_resume(mut self) -> Self {
        self.resume = true;
        self
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

    /// Sets [`max_messages`](Self::max_messages).
    #[must_use]
    pub const fn with_max_messages(mut self, messages: u32) -> Self {
        self.max_messages = messages;
        self
    }

    /// Sets [`max_result_octets`](Self::max_result_octets).
    #[must_use]
    pub const fn with_max_result_octets(mut self, octets: usize) -> Self {
        self.max_result_octets = octets;
        self
    }

    /// Sets [`profile`](Self::profile).
    #[must_use]
    pub const fn with_profile(mut self, profile: DeviceProfile) -> Self {
        self.profile = profile;
        self
    }

    /// Sets [`resp_uri`](Self::resp_uri), with which a cluster sends the rest of a session to the member that began it. It must have the
    /// scheme and host of the server's address, since devices follow no other; one that has not is left out.
    #[must_use]
    pub fn with_resp_uri(mut self, uri: LocUri<'static>) -> Self {
        self.resp_uri = same_host(uri.as_str(), self.address.as_str()).then_some(uri);
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
    /// The name in the certificate the device has for TLS. A message that came with it
    /// ([`Incoming::with_transport_identity`](crate::session::Incoming::with_transport_identity)) needs no credentials; one that
    /// came without needs those of [`device`](Self::device), and is refused when there are none.
    pub certificate: Option<String>,
    /// The stored nonces are those of a resynchronisation.
    pub(super) resynchronizing: bool,
}

impl Account {
    /// An account in which nobody shows anything: the transport has authenticated both.
    #[must_use]
    pub const fn transport() -> Self {
        Self {
            device: None,
            device_nonce: None,
            server: None,
            server_nonce: None,
            certificate: None,
            resynchronizing: false,
        }
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
            certificate: None,
            resynchronizing: false,
        }
    }

    /// Sets the stored nonces.
    #[must_use]
    pub fn with_nonces(mut self, device: Option<Nonce>, server: Option<Nonce>) -> Self {
        self.device_nonce = device;
        self.server_nonce = server;
        self
    }

    /// Takes the certificate of this name for a proof; who shows another one, or none, must show the device's credentials.
    #[must_use]
    pub fn with_certificate(mut self, name: impl Into<String>) -> Self {
        self.certificate = Some(name.into());
        self
    }

    /// The account for one session that answers a notification made with the well-known nonce (DM Notification 1.2, nonce
    /// resynchronisation): both sides make their first digest with it, and fresh nonces follow.
    ///
    /// Use it for that one session only, and only after such a notification was sent: while the well-known nonce counts, whoever saw
    /// it used once can use it again. [`ServerEvent::Resynchronized`](crate::session::ServerEvent::Resynchronized) says when it was used;
    /// then the secrets should be changed.
    #[must_use]
    pub fn resynchronizing(mut self) -> Self {
        self.device_nonce = Some(Nonce::new(WELL_KNOWN));
        self.server_nonce = Some(Nonce::new(WELL_KNOWN));
        self.resynchronizing = true;
        self
    }
}

/// Written 0x00000000 in the text: four octets, as all clients read it that make correct digests.
const WELL_KNOWN: [u8; 4] = [0; 4];
