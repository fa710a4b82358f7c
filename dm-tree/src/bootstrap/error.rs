//! Why a bootstrap came to nothing.

use alloc::string::String;

use dm_notification::bootstrap::BootstrapErrorKind as ProofErrorKind;

use crate::error::TreeError;
use crate::server_id::ServerIdError;

/// Why a bootstrap message was refused, or could not be built. The device answers nothing; this is for its log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}{}", .offset.map(|offset| alloc::format!(" at byte {offset}")).unwrap_or_default())]
pub struct BootstrapError {
    kind: BootstrapErrorKind,
    offset: Option<usize>,
}

impl BootstrapError {
    pub(super) const fn new(kind: BootstrapErrorKind) -> Self {
        Self { kind, offset: None }
    }

    pub(super) const fn at(kind: BootstrapErrorKind, offset: usize) -> Self {
        Self { kind, offset: Some(offset) }
    }

    pub(super) fn of_document(error: dm_wbxml::Error) -> Self {
        let text = alloc::string::ToString::to_string(error.kind());
        Self::at(BootstrapErrorKind::Document(text), error.offset())
    }

    /// What was wrong.
    #[must_use]
    pub const fn kind(&self) -> &BootstrapErrorKind {
        &self.kind
    }

    /// Where, in octets from the beginning of the document, if it is known.
    #[must_use]
    pub const fn offset(&self) -> Option<usize> {
        self.offset
    }
}

impl From<BootstrapErrorKind> for BootstrapError {
    fn from(kind: BootstrapErrorKind) -> Self {
        Self::new(kind)
    }
}

/// What was wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BootstrapErrorKind {
    /// The WBXML or XML is malformed, or costs more than it may.
    #[error("{0}")]
    Document(String),
    /// It is another kind of document, or more than one.
    #[error("not a document of this kind")]
    WrongRoot,
    /// Text that a document cannot carry.
    #[error("text that a document cannot carry")]
    NotText,
    /// Nothing proves it.
    #[error("nothing proves where it comes from")]
    Unproven,
    /// What should prove it does not.
    #[error("{0}")]
    Proof(ProofErrorKind),
    /// The policy does not take what proves it.
    #[error("not a proof that is taken")]
    MethodRefused,
    /// The message of the DM profile holds a command other than an Add below `./Inbox`.
    #[error("a command that is no add to the inbox")]
    OtherCommand,
    /// An object of the DM profile cannot be read: the status that the Add would have had.
    #[error("an object cannot be read: status {0}")]
    Object(u16),
    /// There is no account in it, nor anything else for this device.
    #[error("nothing for this device in it")]
    Empty,
    /// An account without an identifier of its server.
    #[error("an account without a server identifier")]
    NoServerId,
    /// An account of a server whose identifier no ACL can name.
    #[error("server identifier: {0}")]
    ServerId(ServerIdError),
    /// An account without an address.
    #[error("an account without an address")]
    NoAddress,
    /// A port that is no number of 16 bits.
    #[error("a port that is no number")]
    Port,
    /// Two accounts of one server in one message.
    #[error("two accounts of one server")]
    Repeated,
    /// The policy does not name the server.
    #[error("not a server that may be bootstrapped")]
    ServerNotAllowed,
    /// There is an account of the server, and the policy does not replace it.
    #[error("the server is known already")]
    Known,
    /// The device takes no more servers.
    #[error("no room for more servers")]
    TooManyAccounts,
    /// The tree does not take it.
    #[error("{0}")]
    Tree(#[from] TreeError),
    /// The message is longer than its carrier takes.
    #[error("message is longer than its carrier takes")]
    TooLarge,
    /// The answer of a bootstrap server is of no type that can be a bootstrap.
    #[error("not the type of a bootstrap message")]
    MediaType,
}

impl From<TreeError> for BootstrapError {
    fn from(error: TreeError) -> Self {
        Self::new(error.into())
    }
}
