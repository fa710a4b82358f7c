//! What can go wrong: for the device itself, and for a server's command.

use dm_syncml::StatusCode;

use crate::acl::AclErrorKind;
use crate::authority::{LedgerErrorKind, Verdict};
use crate::pending::Ticket;
use crate::uri::{NodeUri, UriError, UriErrorKind};

/// Why the device's own set-up of a tree failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// The address is malformed or too long.
    #[error(transparent)]
    Uri(#[from] UriError),
    /// There is a node already.
    #[error("the node exists")]
    Exists,
    /// There is no such node.
    #[error("no such node")]
    NotFound,
    /// A leaf has no children.
    #[error("a leaf is in the way")]
    BelowLeaf,
    /// A handler serves the nodes there.
    #[error("a handler serves that subtree")]
    BelowMount,
    /// Only a leaf has a value.
    #[error("the node is no leaf")]
    NotALeaf,
    /// The root cannot be removed, and its ACL cannot be empty.
    #[error("not possible for the root")]
    Root,
    /// A value, an ACL, a title or a type is larger than the limits allow.
    #[error("larger than the limits allow")]
    TooLarge,
    /// The tree is full: nodes, bytes or ACLs.
    #[error("the tree is full")]
    Full,
    /// An Atomic is open, or none is where one should be.
    #[error("not possible with the atomic open or closed as it is")]
    Atomic,
    /// No answer is waited for under this ticket.
    #[error("no answer is waited for under this ticket")]
    NoTicket,
    /// The answer is of another kind than the question.
    #[error("an answer of another kind")]
    WrongAnswer,
}

/// Why a server's command was refused, and what to answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct Refusal {
    kind: RefusalKind,
    at: Option<NodeUri<'static>>,
}

impl Refusal {
    pub(crate) const fn new(kind: RefusalKind) -> Self {
        Self { kind, at: None }
    }

    /// The reason.
    #[must_use]
    pub const fn kind(&self) -> RefusalKind {
        self.kind
    }

    /// The status to answer with.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.kind.status()
    }

    /// The ancestor that was in the way of an Add, when it is another node than the one addressed. Its address
    /// belongs into `Item/Target/LocURI` of the Status (RepPro 1.2.1, Add).
    #[must_use]
    pub const fn at(&self) -> Option<&NodeUri<'static>> {
        self.at.as_ref()
    }

    /// The ticket of a handler that will answer later; then nothing is refused yet.
    #[must_use]
    pub const fn ticket(&self) -> Option<Ticket> {
        match self.kind {
            RefusalKind::Waiting(ticket) => Some(ticket),
            _ => None,
        }
    }

    pub(crate) const fn is_waiting(&self) -> bool {
        self.ticket().is_some()
    }

    /// Names the node that is in the way, unless another one is named already.
    pub(crate) fn at_or(mut self, uri: &NodeUri<'static>) -> Self {
        self.at.get_or_insert_with(|| uri.clone());
        self
    }

    pub(crate) fn with_node(mut self, uri: NodeUri<'static>) -> Self {
        self.at = Some(uri);
        self
    }
}

impl From<RefusalKind> for Refusal {
    fn from(kind: RefusalKind) -> Self {
        Self::new(kind)
    }
}

/// Why what was not allowed is refused.
impl From<Verdict> for RefusalKind {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Type(..) | Verdict::TypeUnknown => Self::MoType,
            Verdict::Full(_) => Self::Delegated,
            _ => Self::Denied,
        }
    }
}

impl From<UriError> for Refusal {
    fn from(error: UriError) -> Self {
        Self::new(RefusalKind::Uri(error.kind()))
    }
}

impl From<TreeError> for Refusal {
    fn from(error: TreeError) -> Self {
        Self::new(match error {
            TreeError::Uri(error) => RefusalKind::Uri(error.kind()),
            TreeError::Exists => RefusalKind::AlreadyExists,
            TreeError::NotFound | TreeError::BelowMount => RefusalKind::NotFound,
            TreeError::BelowLeaf => RefusalKind::BelowLeaf,
            TreeError::NotALeaf => RefusalKind::Interior,
            TreeError::Root => RefusalKind::Permanent,
            TreeError::TooLarge => RefusalKind::TooLarge,
            TreeError::Full => RefusalKind::Full,
            TreeError::Atomic | TreeError::NoTicket | TreeError::WrongAnswer => RefusalKind::Busy,
        })
    }
}

/// The reasons for a refusal, in the order in which they are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RefusalKind {
    /// A command this crate does not execute: 406.
    #[error("command not supported")]
    UnsupportedCommand,
    /// Several items where there can only be one: 400.
    #[error("more items than the command can have")]
    TooManyItems,
    /// A piece of a large object, of which more is to come: 412. A session puts the pieces together first.
    #[error("incomplete data")]
    MoreData,
    /// A command that cannot be part of an Atomic, such as Get, Exec or another Atomic: 500.
    #[error("not possible in an atomic")]
    NotInAtomic,
    /// Another server's Atomic is open: 403.
    #[error("another server's atomic is open")]
    Busy,
    /// An item without a target, or a command without items: 412.
    #[error("item without a target")]
    NoTarget,
    /// The address, or the name in a rename, is malformed (500) or too long (414).
    #[error("bad address: {0}")]
    Uri(UriErrorKind),
    /// An item of a Copy without a source: 412.
    #[error("item without a source")]
    NoSource,
    /// A property that does not exist, or that the node does not have: 406.
    #[error("no such property")]
    UnknownProperty,
    /// A `?list=` that is not supported: 406.
    #[error("list not supported")]
    UnsupportedList,
    /// A command that does not go with the property or list: 405.
    #[error("command not possible on a property")]
    NotOnProperty,
    /// A serialised subtree (TNDS) as the value: 415.
    #[error("serialised subtrees are not supported")]
    SerialisedTree,
    /// No such node: 404.
    #[error("no such node")]
    NotFound,
    /// The target of an Add exists, or a sibling has the new name: 418.
    #[error("the node exists")]
    AlreadyExists,
    /// A leaf has no children: 405.
    #[error("a leaf is in the way")]
    BelowLeaf,
    /// The root or another permanent node, or one that has such a node below it: 405.
    #[error("the node is permanent")]
    Permanent,
    /// The ACL does not grant it: 425.
    #[error("denied by the acl")]
    Denied,
    /// Another authority alone manages the node, by a full delegation: 425, whether the node exists or not.
    #[error("delegated to another authority")]
    Delegated,
    /// The server may not manage objects of that type: 425, whether the node exists or not.
    #[error("objects of that type are not the server's to manage")]
    MoType,
    /// What a delegatee may not do on behalf of the owner, such as opening an ACL: 425.
    #[error("beyond the terms of the delegation")]
    BeyondDelegation,
    /// An authority of higher priority wrote the node and still manages it: 403.
    #[error("written by an authority of higher priority")]
    Outranked,
    /// What the server wants of the ledger of authorities is refused: this status.
    #[error("{0}")]
    Ledger(LedgerErrorKind),
    /// The node does not take the command from anyone: 405.
    #[error("the node does not take the command")]
    AccessType,
    /// An interior node has no value to replace: 405.
    #[error("an interior node has no value")]
    Interior,
    /// An unknown format, or data that are not of theirs: 415.
    #[error("unknown format, or data that are not of it")]
    Format,
    /// Format and type of a permanent node cannot change: 405.
    #[error("format and type of a permanent node cannot change")]
    FixedFormat,
    /// The target of a Copy cannot take the value: 403.
    #[error("the target cannot take the value")]
    CopyTarget,
    /// A Copy into what is copied: 405.
    #[error("a copy into itself")]
    CopyIntoItself,
    /// The device's description of its tree does not allow it: this status.
    #[error("the schema answered {0}")]
    Schema(StatusCode),
    /// Larger than the limits allow: 413.
    #[error("larger than the limits allow")]
    TooLarge,
    /// The new ACL is malformed: 500.
    #[error("bad acl: {0}")]
    Acl(AclErrorKind),
    /// The root's ACL must keep `Add=*`: 405.
    #[error("everyone must stay able to add to the root")]
    RootAcl,
    /// The tree is full: 420.
    #[error("the tree is full")]
    Full,
    /// Nothing here can be executed: 406.
    #[error("nothing to execute")]
    NothingToExecute,
    /// The subtree is mounted but its handler was not lent to the call: 510.
    #[error("no handler for the subtree")]
    NoHandler,
    /// The handler cannot undo what it does, which an Atomic asks of it: this status.
    #[error("the handler takes no part in an atomic: {0}")]
    HandlerNotAtomic(StatusCode),
    /// The handler would answer later where that is not possible: 406.
    #[error("the handler would answer later")]
    HandlerLater,
    /// No refusal yet: the handler will answer under this ticket. 202 for want of another status.
    #[error("the handler has not answered yet")]
    Waiting(Ticket),
    /// The handler said no, with this status.
    #[error("the handler answered {0}")]
    Handler(StatusCode),
}

impl RefusalKind {
    /// The status to answer with.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Uri(UriErrorKind::TooDeep | UriErrorKind::TooLong | UriErrorKind::SegmentTooLong) => {
                StatusCode::URI_TOO_LONG
            }
            Self::Uri(_) | Self::Acl(_) | Self::NotInAtomic => StatusCode::COMMAND_FAILED,
            Self::TooManyItems => StatusCode::BAD_REQUEST,
            Self::NoTarget | Self::NoSource | Self::MoreData => StatusCode::INCOMPLETE_COMMAND,
            Self::UnsupportedCommand
            | Self::UnknownProperty
            | Self::UnsupportedList
            | Self::NothingToExecute
            | Self::HandlerLater => StatusCode::NOT_SUPPORTED,
            Self::NotOnProperty
            | Self::BelowLeaf
            | Self::Permanent
            | Self::AccessType
            | Self::Interior
            | Self::FixedFormat
            | Self::CopyIntoItself
            | Self::RootAcl => StatusCode::NOT_ALLOWED,
            Self::Busy | Self::CopyTarget | Self::Outranked => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::AlreadyExists => StatusCode::ALREADY_EXISTS,
            Self::Denied | Self::Delegated | Self::MoType | Self::BeyondDelegation => {
                StatusCode::PERMISSION_DENIED
            }
            Self::Ledger(kind) => kind.status(),
            Self::SerialisedTree | Self::Format => StatusCode::UNSUPPORTED_FORMAT,
            Self::TooLarge => StatusCode::TOO_LARGE,
            Self::Full => StatusCode::DEVICE_FULL,
            Self::Waiting(_) => StatusCode::ACCEPTED,
            Self::NoHandler => StatusCode::DATA_STORE_FAILURE,
            Self::Handler(status) | Self::HandlerNotAtomic(status) | Self::Schema(status) => status,
        }
    }
}
