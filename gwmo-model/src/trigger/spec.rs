//! What a trigger is asked to be.

use core::time::Duration;

use dm_notification::{Credential, Initiator, Notification, ServerIdentifier, SessionId, UiMode};
use dm_tree::ServerId;

use crate::identifier::identifier;
use crate::relay::SignedNotification;

identifier! {
    /// The name a server gives its trigger, at most 64 octets. Adding a trigger twice under one key adds it once.
    TriggerKey, 64
}

/// A trigger to be: what a server wants its devices to be notified with.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TriggerSpec {
    pub(super) owner: ServerId,
    pub(super) key: TriggerKey,
    pub(super) content: TriggerContent,
    pub(super) validity: Duration,
}

impl TriggerSpec {
    /// Time that a notification is kept for devices that cannot be reached, unless said otherwise.
    pub const VALIDITY: Duration = Duration::from_secs(3600);

    /// A trigger of this server.
    #[must_use]
    pub const fn new(owner: ServerId, key: TriggerKey, content: TriggerContent) -> Self {
        Self { owner, key, content, validity: Self::VALIDITY }
    }

    /// Sets the time that a notification is kept for devices that cannot be reached; zero keeps none.
    #[must_use]
    pub const fn with_validity(mut self, validity: Duration) -> Self {
        self.validity = validity;
        self
    }
}

/// What the devices are to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum TriggerContent {
    /// Octets that the server made and signed. They are not read, and not changed.
    Ready(SignedNotification),
    /// A notification that the gateway makes. It needs the account that the server has on the device.
    Built(TriggerTemplate),
}

/// A notification to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TriggerTemplate {
    server: ServerId,
    /// How the user is to notice: the two bits of the trigger.
    ui_mode: u8,
    user_initiated: bool,
}

impl TriggerTemplate {
    /// A notification from this server, without an opinion on the user interface, started by the server.
    #[must_use]
    pub const fn new(server: ServerId) -> Self {
        Self { server, ui_mode: UiMode::NotSpecified as u8, user_initiated: false }
    }

    /// Sets how the user is to notice.
    #[must_use]
    pub const fn with_ui_mode(mut self, ui_mode: UiMode) -> Self {
        self.ui_mode = ui_mode as u8;
        self
    }

    /// Sets who started it.
    #[must_use]
    pub fn with_initiator(mut self, initiator: Initiator) -> Self {
        self.user_initiated = initiator == Initiator::Client;
        self
    }

    /// The server.
    #[must_use]
    pub const fn server(&self) -> &ServerId {
        &self.server
    }

    /// How the user is to notice.
    #[must_use]
    pub const fn ui_mode(&self) -> UiMode {
        match self.ui_mode {
            1 => UiMode::Background,
            2 => UiMode::Informative,
            3 => UiMode::UserInteraction,
            _ => UiMode::NotSpecified,
        }
    }

    /// Who started it.
    #[must_use]
    pub const fn initiator(&self) -> Initiator {
        if self.user_initiated { Initiator::Client } else { Initiator::Server }
    }

    /// Makes the notification for one device, signed with what its account with the server holds: the server's
    /// credential and the nonce as raw octets (DM Notification 1.2.1, digest).
    #[must_use]
    pub fn sign(&self, session_id: SessionId, credential: &Credential, nonce: &[u8]) -> SignedNotification {
        let server = ServerIdentifier::new(self.server.as_str()).expect("both have 1 to 255 octets");
        let trigger = dm_notification::Trigger::new(server, session_id)
            .with_ui_mode(self.ui_mode())
            .with_initiator(self.initiator());
        Notification::sign(trigger, credential, nonce).to_vec().into()
    }
}
