//! What an application is refused.

use dm_syncml::StatusCode;

/// Why an application was not registered, not subscribed, or may not act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct ApplicationError {
    kind: ApplicationErrorKind,
}

impl ApplicationError {
    /// The reason.
    #[must_use]
    pub const fn kind(&self) -> ApplicationErrorKind {
        self.kind
    }

    /// The status of the protocol that says the same, for platforms that pass it on.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self.kind {
            ApplicationErrorKind::Refused
            | ApplicationErrorKind::OtherSigner
            | ApplicationErrorKind::Denied
            | ApplicationErrorKind::NotRegistered => StatusCode::PERMISSION_DENIED,
            ApplicationErrorKind::NoSubscription => StatusCode::NOT_FOUND,
            ApplicationErrorKind::Full => StatusCode::DEVICE_FULL,
        }
    }
}

impl From<ApplicationErrorKind> for ApplicationError {
    fn from(kind: ApplicationErrorKind) -> Self {
        Self { kind }
    }
}

/// The reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplicationErrorKind {
    /// The policy does not admit it.
    #[error("the policy does not admit the application")]
    Refused,
    /// An application of this name is registered with another signer or for another user, and the policy does not say that this one takes
    /// its place.
    #[error("the name is registered with another signer or user")]
    OtherSigner,
    /// No such application is registered.
    #[error("the application is not registered")]
    NotRegistered,
    /// It may not read what it wants to hear of. Said whether or not there is such a node.
    #[error("the application may not read there")]
    Denied,
    /// It has no such subscription.
    #[error("no such subscription")]
    NoSubscription,
    /// A limit is reached.
    #[error("a limit is reached")]
    Full,
}
