//! Why a document of a management tree was refused.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use dm_syncml::StatusCode;
use dm_syncml::elements::ErrorKind;

use crate::acl::AclErrorKind;

/// A document could not be read, or not be built: what is wrong, where, and inside which element.
#[derive(Clone, PartialEq, Eq)]
pub struct DocumentError(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    kind: DocumentErrorKind,
    offset: Option<usize>,
    path: String,
}

impl DocumentError {
    #[cold]
    pub(crate) fn new(kind: DocumentErrorKind, offset: Option<usize>, path: String) -> Self {
        Self(Box::new(Inner { kind, offset, path }))
    }

    #[cold]
    pub(super) fn of_source(error: &dm_wbxml::Error, has_offsets: bool) -> Self {
        let kind = DocumentErrorKind::Document(error.kind().clone());
        Self::new(kind, has_offsets.then(|| error.offset()), error.path().into())
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> &DocumentErrorKind {
        &self.0.kind
    }

    /// Octets of the document before the place where it was noticed; `None` for elements inside a message that
    /// was read before, and for a document that is built.
    #[must_use]
    pub fn offset(&self) -> Option<usize> {
        self.0.offset
    }

    /// The elements around that place, from the root, joined by `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// The status to answer a command with that brought the document.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self.kind() {
            DocumentErrorKind::Document(kind) if kind.is_limit() => StatusCode::TOO_LARGE,
            DocumentErrorKind::TooManyNodes(_) => StatusCode::TOO_LARGE,
            DocumentErrorKind::Acl(_) => StatusCode::COMMAND_FAILED,
            _ => StatusCode::UNSUPPORTED_FORMAT,
        }
    }
}

/// What is wrong with a document of a management tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentErrorKind {
    /// The document is malformed or beyond a limit of the reader.
    #[error("{0}")]
    Document(ErrorKind),
    /// The root element is not `MgmtTree`, or the data is not a document at all.
    #[error("this is no management tree")]
    WrongRoot,
    /// The XML is read by the feature `xml`, which is not there.
    #[error("this build reads no xml")]
    NoXml,
    /// An element that must be there is not.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// An element stands twice.
    #[error("{0} stands twice")]
    Repeated(&'static str),
    /// An element does not hold exactly one of the elements it may hold.
    #[error("{0} does not hold exactly one of its elements")]
    Choice(&'static str),
    /// A number is none, or too large.
    #[error("{0} holds no number that fits")]
    Number(&'static str),
    /// A value that does not go with the format of its node.
    #[error("the value is not of the format of its node")]
    Value,
    /// A node with a value and nodes below it.
    #[error("a node has both a value and nodes below it")]
    ValueAndNodes,
    /// An access control list that is malformed.
    #[error("bad acl: {0}")]
    Acl(AclErrorKind),
    /// More nodes than [`DocumentOptions::max_nodes`](super::DocumentOptions::max_nodes).
    #[error("there are more than {0} nodes")]
    TooManyNodes(usize),
    /// A node that is pushed deeper than one below the node before it, or deeper than any reader reads.
    #[error("the node before is no parent for a node of that depth")]
    Depth,
    /// Text with characters that XML cannot carry.
    #[error("{0} holds characters that no document can carry")]
    NotText(&'static str),
}

impl DocumentErrorKind {
    /// A short name for scripts: lower case, words joined by `-`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Document(kind) => kind.name(),
            Self::WrongRoot => "wrong-root",
            Self::NoXml => "no-xml",
            Self::Missing(_) => "missing-element",
            Self::Repeated(_) => "repeated-element",
            Self::Choice(_) => "choice",
            Self::Number(_) => "number",
            Self::Value => "value",
            Self::ValueAndNodes => "value-and-nodes",
            Self::Acl(_) => "acl",
            Self::TooManyNodes(_) => "too-many-nodes",
            Self::Depth => "depth",
            Self::NotText(_) => "not-text",
        }
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind().name())?;
        if let Some(offset) = self.offset() {
            write!(f, " at byte {offset}")?;
        }
        if !self.path().is_empty() {
            write!(f, " in {}", self.path())?;
        }
        write!(f, ": {}", self.kind())
    }
}

impl fmt::Debug for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for DocumentError {}
