//! How a client behaves, and why its session begins.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::auth::{AuthScheme, Credentials, Nonce};
use crate::model::{Encoding, Item, LocUri, SessionId};
use crate::session::capabilities::Capabilities;

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
    /// The largest message the client takes, told to the server: nothing of a larger one is executed (413). What cannot even be read into
    /// memory, the limits of decoding refuse.
    pub max_msg_size: Option<u64>,
    /// The largest object the client takes, told to the server.
    pub max_obj_size: Option<u64>,
    /// How long an answer may take before the message is sent again.
    pub answer_timeout: Duration,
    /// How often a message is sent at the most.
    pub attempts: u8,
    /// How many commands of one message are taken, members of containers included. Each costs an answer.
    pub max_commands: usize,
    /// How many octets of results the commands of one message may have, however many messages they take to send; what goes beyond is
    /// answered 413. A server could ask for the same large value a thousand times.
    pub max_results: usize,
    /// How many messages of its own a session may take. A server that never comes to an end is aborted then.
    pub max_messages: u32,
    /// How long the outcome of a command may take. Choose less than the server waits for a message.
    pub outcome_timeout: Duration,
    /// How long the user may take for an answer, whatever the server allows (`MAXDT`). Choose less than the server waits for a message.
    pub interaction_timeout: Duration,
    /// Whether Atomic is handed out, by [`ClientOutput::Atomic`](super::ClientOutput::Atomic); it is answered 406 otherwise.
    pub atomic: bool,
    /// Whether an Exec may stand in an Atomic. The text excludes it, but servers of Windows wrap the installation of certificates so.
    pub exec_in_atomic: bool,
    /// Whether there is a user to be asked, by [`ClientOutput::Interact`](super::ClientOutput::Interact); user interaction alerts are answered 406 otherwise.
    pub interaction: bool,
    /// The types of content that the user can be shown or played beside a text ([`InteractionMedia`](crate::session::InteractionMedia)):
    /// `image/png`, `audio/*`. It is only said to the server; whatever comes is handed out.
    pub media: Vec<String>,
    /// What executes the commands can do; with it, package 1 tells the server what this client offers ([`Capabilities`]), in a leaf below
    /// `./DevInfo/Ext`. What sessions of this configuration do by themselves is said as it is, whatever stands here.
    pub announcement: Option<Capabilities>,
    /// Whether objects may be larger than a message, in both directions; `./DevDetail/LrgObj` should say the same.
    pub large_objects: bool,
    /// Whether large objects whose transfer broke off go on in a later session, with a server that can do that too. It is announced in the
    /// header of package 1, by an EMI element; a server that does not know it behaves as ever.
    pub resume: bool,
}

impl ClientConfig {
    /// The defaults: WBXML, no credentials, 64 KiB messages, 1 MiB objects in as many messages as they need, three attempts of half a
    /// minute, a minute for a command and for the user, 1,000 messages, 16 MiB of
    /// results for one message, neither Atomic nor user interaction.
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
            max_results: 16 << 20,
            max_messages: 1_000,
            outcome_timeout: Duration::from_secs(60),
            interaction_timeout: Duration::from_secs(60),
            atomic: false,
            exec_in_atomic: false,
            interaction: false,
            media: Vec::new(),
            announcement: None,
            large_objects: true,
            resume: false,
        }
    }

    /// Sets [`resume`](Self::resume); without [`large_objects`](Self::large_objects) it has no effect.
    #[must_use]
    pub const fn with_resume(mut self) -> Self {
        self.resume = true;
        self
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

    /// Sets [`max_obj_size`](Self::max_obj_size).
    #[must_use]
    pub const fn with_max_obj_size(mut self, octets: u64) -> Self {
        self.max_obj_size = Some(octets);
        self
    }

    /// Sets [`max_results`](Self::max_results).
    #[must_use]
    pub const fn with_max_results(mut self, octets: usize) -> Self {
        self.max_results = octets;
        self
    }

    /// Sets [`max_messages`](Self::max_messages), at least two.
    #[must_use]
    pub const fn with_max_messages(mut self, messages: u32) -> Self {
        self.max_messages = if messages < 2 { 2 } else { messages };
        self
    }

    /// Sets [`outcome_timeout`](Self::outcome_timeout) and [`interaction_timeout`](Self::interaction_timeout).
    #[must_use]
    pub const fn with_patience(mut self, outcome: Duration, interaction: Duration) -> Self {
        self.outcome_timeout = outcome;
        self.interaction_timeout = interaction;
        self
    }

    /// Sets [`atomic`](Self::atomic).
    #[must_use]
    pub const fn with_atomic(mut self) -> Self {
        self.atomic = true;
        self
    }

    /// Sets [`atomic`](Self::atomic) and [`exec_in_atomic`](Self::exec_in_atomic).
    #[must_use]
    pub const fn with_exec_in_atomic(mut self) -> Self {
        self.atomic = true;
        self.exec_in_atomic = true;
        self
    }

    /// Sets [`interaction`](Self::interaction).
    #[must_use]
    pub const fn with_interaction(mut self) -> Self {
        self.interaction = true;
        self
    }

    /// Sets [`media`](Self::media), and [`interaction`](Self::interaction) with it.
    #[must_use]
    pub fn with_media(mut self, types: Vec<String>) -> Self {
        self.interaction = true;
        self.media = types;
        self
    }

    /// Sets [`announcement`](Self::announcement): what executes the commands can do.
    #[must_use]
    pub fn with_announcement(mut self, executor: Capabilities) -> Self {
        self.announcement = Some(executor);
        self
    }

    /// Clears [`large_objects`](Self::large_objects).
    #[must_use]
    pub const fn without_large_objects(mut self) -> Self {
        self.large_objects = false;
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
