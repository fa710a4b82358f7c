//! What can be wrong with a call, and which Status says so to a server.

use dm_syncml::StatusCode;
use thiserror::Error;

use crate::device::Serial;
use crate::fanout::JobNo;

/// Why a text cannot be an identifier.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("{kind} at octet {offset}")]
pub struct IdError {
    kind: IdErrorKind,
    offset: usize,
}

/// The ways a text can fail to be an identifier.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum IdErrorKind {
    /// There is nothing.
    #[error("identifier is empty")]
    Empty,
    /// There is too much.
    #[error("identifier is longer than {max} octet(s)")]
    TooLong {
        /// The longest one allowed.
        max: usize,
    },
    /// It holds a character that no `chr` node should carry.
    #[error("identifier holds a control character")]
    ControlCharacter,
    /// A serial is decimal, without sign or leading zero, from 1 on.
    #[error("serial is not a plain decimal number")]
    NotDecimal,
}

impl IdError {
    pub(crate) const fn new(kind: IdErrorKind, offset: usize) -> Self {
        Self { kind, offset }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> IdErrorKind {
        self.kind
    }

    /// Where in the text, in octets.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// The Status to answer a server with that sent the text.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self.kind {
            IdErrorKind::TooLong { .. } => StatusCode::TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// An error around a kind, each kind with the Status that says it.
macro_rules! error_type {
    (
        $(#[$error_doc:meta])* $error:ident,
        $(#[$kind_doc:meta])* $kind:ident {
            $($(#[$doc:meta])* $variant:ident $({ $($(#[$field_doc:meta])* $field:ident: $type:ty),* })? => $status:ident $text:literal,)*
        }
    ) => {
        $(#[$error_doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
        #[error("{kind}")]
        pub struct $error {
            kind: $kind,
        }

        $(#[$kind_doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
        #[non_exhaustive]
        pub enum $kind {
            $($(#[$doc])* #[error($text)] $variant $({ $($(#[$field_doc])* $field: $type),* })?,)*
        }

        impl $error {
            /// What is wrong. Nothing changed in the machine.
            #[must_use]
            pub const fn kind(&self) -> $kind {
                self.kind
            }

            /// The Status to answer a server with that asked for this.
            #[must_use]
            pub const fn status(&self) -> StatusCode {
                match self.kind {
                    $($kind::$variant { .. } => StatusCode::$status,)*
                }
            }
        }

        impl From<$kind> for $error {
            fn from(kind: $kind) -> Self {
                Self { kind }
            }
        }
    };
}

pub(crate) use error_type;

error_type! {
    /// Why an inventory did not take an input.
    InventoryError,
    /// The reasons of an [`InventoryError`].
    InventoryErrorKind {
        /// The inventory holds as many devices as it may, or has given out its last serial.
        Full => DEVICE_FULL "inventory is full",
        /// The device is registered already.
        AlreadyRegistered {
            /// Under this serial.
            serial: Serial
        } => ALREADY_EXISTS "device is registered already as {serial}",
        /// No device has this serial or identifier.
        UnknownDevice => NOT_FOUND "no such device",
        /// The news is older than what is known, and was ignored.
        StaleEpoch {
            /// The epoch that is known.
            known: u64
        } => CONFLICT "news of an epoch before {known}",
        /// A fact about the device is longer than the inventory keeps.
        TextTooLong {
            /// The longest one kept, in octets.
            max: usize
        } => TOO_LARGE "fact is longer than {max} octet(s)",
        /// The device has more management objects or servers than the inventory keeps.
        TooManyNames {
            /// The most kept.
            max: u16
        } => TOO_LARGE "more than {max} name(s)",
        /// Another device has these credentials.
        CredentialInUse => ALREADY_EXISTS "credentials are those of another device",
        /// A fact about the device holds a control character.
        ControlCharacter => BAD_REQUEST "fact holds a control character",
    }
}

error_type! {
    /// Why the groups did not take a change.
    GroupError,
    /// The reasons of a [`GroupError`].
    GroupErrorKind {
        /// There is a group of this name.
        GroupExists => ALREADY_EXISTS "group exists already",
        /// There is no group of this name.
        UnknownGroup => NOT_FOUND "no such group",
        /// `*` always means every registered device; it cannot be made, changed or deleted.
        ReservedGroup => NOT_ALLOWED "group '*' is reserved",
        /// There are as many groups as there may be.
        TooManyGroups => DEVICE_FULL "too many groups",
        /// The group has as many members as it may have.
        TooManyMembers => DEVICE_FULL "too many members",
        /// The device is a member already.
        MemberExists => ALREADY_EXISTS "device is a member already",
        /// The device is not a member.
        UnknownMember => NOT_FOUND "no such member",
        /// A group would be in itself.
        Cycle => NOT_ALLOWED "group would be in itself",
        /// Groups would be nested too deep.
        TooDeep => TOO_LARGE "groups are nested too deep",
        /// A rule can never match: it asks for a field that does not exist, or compares a number with what is none.
        BadRule => BAD_REQUEST "rule asks for what no device has",
        /// A label is too long or holds a control character.
        BadLabel => BAD_REQUEST "label is too long or holds a control character",
    }
}

error_type! {
    /// Why a fanout did not take an order about a job.
    JobError,
    /// The reasons of a [`JobError`].
    JobErrorKind {
        /// The owner has a job with this key; nothing changed.
        JobExists {
            /// That job.
            job: JobNo
        } => ALREADY_EXISTS "job exists already as {job}",
        /// There is no such job.
        UnknownJob => NOT_FOUND "no such job",
        /// There are as many jobs as there may be.
        TooManyJobs => DEVICE_FULL "too many jobs",
        /// A job needs at least one operation.
        NoOperations => BAD_REQUEST "job has no operation",
        /// The job has more operations than one may have.
        TooManyOperations {
            /// The most there may be.
            max: u16
        } => TOO_LARGE "job has more than {max} operation(s)",
        /// The job has more targets than one may have.
        TooManyTargets {
            /// The most there may be.
            max: u32
        } => TOO_LARGE "job has more than {max} target(s)",
        /// The job has been at this gateway before (1407).
        Loop => FORBIDDEN "job has been at this gateway before",
        /// The job has come through as many gateways as it may.
        TooDeep => FORBIDDEN "job came through too many gateways",
        /// The job is in a state that does not allow it.
        WrongState => NOT_ALLOWED "job is not in a state for that",
    }
}

error_type! {
    /// Why the outbox did not take an alert or a subscription.
    OutboxError,
    /// The reasons of an [`OutboxError`].
    OutboxErrorKind {
        /// There are as many servers as there may be.
        TooManyServers => DEVICE_FULL "too many servers",
        /// A completion could not be taken; nothing was dropped for it, the caller still holds it.
        TooManyCompletions => DEVICE_FULL "too many completions wait for this server",
    }
}

/// Why a gateway did not take an input.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// Its tree has no room, or has something else at `./GwMO`.
    #[error(transparent)]
    Tree(#[from] dm_tree::TreeError),
    /// Its inventory did not take it.
    #[error(transparent)]
    Inventory(#[from] InventoryError),
    /// Its outbox did not take it.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// Its bootstraps did not take it.
    #[error(transparent)]
    Bootstrap(#[from] crate::device_bootstrap::DeviceBootstrapError),
}
