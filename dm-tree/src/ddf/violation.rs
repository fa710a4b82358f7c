//! What is not as it is described.

use core::fmt;

use dm_syncml::StatusCode;

use crate::uri::NodeUri;

/// A node, or a command for one, that is not as described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    uri: NodeUri<'static>,
    kind: ViolationKind,
}

impl Violation {
    pub(super) fn new(uri: &NodeUri<'_>, kind: ViolationKind) -> Self {
        Self { uri: uri.clone().into_owned(), kind }
    }

    /// The node.
    #[must_use]
    pub const fn uri(&self) -> &NodeUri<'static> {
        &self.uri
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> ViolationKind {
        self.kind
    }

    /// The status to answer a command with.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.kind.status()
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.uri.as_str(), self.kind)
    }
}

impl core::error::Error for Violation {}

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ViolationKind {
    /// There is no place for such a node: 405.
    #[error("no such node is described")]
    NotDescribed,
    /// The node does not take the command: 405.
    #[error("the node is not described as taking the command")]
    AccessType,
    /// The device decides that the node exists: 405.
    #[error("the node is described as permanent")]
    Permanent,
    /// Another format than the one described: 415.
    #[error("another format than the one described")]
    Format,
    /// Another media type, or object identifier, than those described: 415.
    #[error("another type than the one described")]
    Type,
    /// Data that are not of the format described: 415.
    #[error("data that are not of the format described")]
    Value,
    /// Format or type of a permanent node would change: 405.
    #[error("format and type of a permanent node cannot change")]
    FixedFormat,
    /// There can be only one: 405.
    #[error("there can be only one such node")]
    OnlyOne,
    /// There are as many already as there may be: 420.
    #[error("there are more such nodes than there may be")]
    TooMany,
    /// A node whose name differs in case only: 418.
    #[error("there is a node of the same name but for its case")]
    SameButForCase,
    /// A node that must be there is not. Of a tree, never of a command.
    #[error("a node that must be there is missing")]
    Missing,
}

impl ViolationKind {
    /// A short name for scripts: lower case, words joined by `-`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotDescribed => "not-described",
            Self::AccessType => "access-type",
            Self::Permanent => "permanent",
            Self::Format => "format",
            Self::Type => "type",
            Self::Value => "value",
            Self::FixedFormat => "fixed-format",
            Self::OnlyOne => "only-one",
            Self::TooMany => "too-many",
            Self::SameButForCase => "same-but-for-case",
            Self::Missing => "missing",
        }
    }

    /// The status to answer a command with.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::NotDescribed
            | Self::AccessType
            | Self::Permanent
            | Self::FixedFormat
            | Self::OnlyOne
            | Self::Missing => StatusCode::NOT_ALLOWED,
            Self::Format | Self::Type | Self::Value => StatusCode::UNSUPPORTED_FORMAT,
            Self::TooMany => StatusCode::DEVICE_FULL,
            Self::SameButForCase => StatusCode::ALREADY_EXISTS,
        }
    }
}
