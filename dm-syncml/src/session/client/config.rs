//! How a client behaves, and why its session begins.

use alloc::vec::Vec;
use core::time::Duration;

use crate::auth::{AuthScheme, Credentials, Nonce};
use crate::model::{Encoding, Item, LocUri, SessionId};

/// How a client behaves in its sessions with one server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientConfig {
    /// The device's own address: its DevId, Source of its messages.
    pub address: LocUri<'static>,
    /// The server's address: Target of its messages, and where they go.
    pub server: LocUri<'static>,
    /// How messages travel.
    pub encoding: Encoding,
    /// What the device shows; `None` when the transport authenticates it.
    pub device: Option<(AuthScheme, Credentials)>,
    /// The nonce of the device's next digest, as last stored.
    pub device_nonce: Option<Nonce>,
    /// What the server must show; `None` when the transport authenticates it.
    pub server_auth: Option<(AuthScheme, Credentials)>,
    /// The nonce of the server's next digest, as last stored.
    pub server_nonce: Option<Nonce>,
    /// The leaves of `./DevInfo`: items with Source and Data, sent in package 1.
    pub dev_info: Vec<Item<'static>>,
    /// The largest message the client takes, told to the server.
    pub max_msg_size: Option<u64>,
    /// The largest object the client takes, told to the server.
    pub max_obj_size: Option<u64>,
    /// How long an answer may take before the message is sent again.
    pub answer_timeout: Duration,
    /// How often a message is sent at the most.
    pub attempts: u8,
    /// How many commands of one message are taken, members of containers included. Each costs an answer.
    pub max_commands: usize,
}

impl ClientConfig {
    /// The defaults: WBXML, no credentials, 64 KiB messages, 1 MiB objects, three attempts of half a minute.
    #[must_use]
    pub const fn new(address: LocUri<'static>, server: LocUri<'static>) -> Self {
        Self {
            address,
            server,
            encoding: Encoding::Wbxml,
            device: None,
            device_nonce: None,
            server_auth: None,
            server_nonce: None,
            dev_info: Vec::new(),
            max_msg_size: Some(64 << 10),
            max_obj_size: Some(1 << 20),
            answer_timeout: Duration::from_secs(30),
            attempts: 3,
            max_commands: 10_000,
        }
    }

    /// Sets [`encoding`](Self::encoding).
    #[must_use]
    pub const fn with_encoding(mut self, encoding: Encoding) -> Self {
        self.encoding = encoding;
        self
    }

    /// MD5 in both directions: what the device shows, and what the server must show.
    #[must_use]
    pub fn with_md5(self, device: Credentials, server: Credentials) -> Self {
        self.with_auth(AuthScheme::Md5, device, server)
    }

    /// The same scheme in both directions: what the device shows, and what the server must show.
    #[must_use]
    pub fn with_auth(mut self, scheme: AuthScheme, device: Credentials, server: Credentials) -> Self {
        self.device = Some((scheme, device));
        self.server_auth = Some((scheme, server));
        self
    }

    /// Sets the stored nonces.
    #[must_use]
    pub fn with_nonces(mut self, device: Option<Nonce>, server: Option<Nonce>) -> Self {
        self.device_nonce = device;
        self.server_nonce = server;
        self
    }

    /// Sets [`dev_info`](Self::dev_info).
    #[must_use]
    pub fn with_dev_info(mut self, items: Vec<Item<'static>>) -> Self {
        self.dev_info = items;
        self
    }

    /// Sets [`max_msg_size`](Self::max_msg_size).
    #[must_use]
    pub const fn with_max_msg_size(mut self, octets: u64) -> Self {
        self.max_msg_size = Some(octets);
        self
    }

    /// Sets [`max_commands`](Self::max_commands).
    #[must_use]
    pub const fn with_max_commands(mut self, commands: usize) -> Self {
        self.max_commands = commands;
        self
    }

    /// Sets [`answer_timeout`](Self::answer_timeout) and [`attempts`](Self::attempts), at least one.
    #[must_use]
    pub const fn with_attempts(mut self, attempts: u8, answer_timeout: Duration) -> Self {
        self.attempts = if attempts == 0 { 1 } else { attempts };
        self.answer_timeout = answer_timeout;
        self
    }
}

/// Why a session begins.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Initiation {
    /// A notification asked for it, and gave its SessionID (alert 1200).
    Server(SessionId<'static>),
    /// The device wants it, under a SessionID of its own (alert 1201).
    Client(SessionId<'static>),
}
