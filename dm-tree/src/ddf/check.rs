//! A command against a schema, before it reaches the tree.

use crate::mgmt_tree::{CaseSense, NodeType, Scope};
use crate::rights::AccessType;
use crate::tree::Tree;
use crate::uri::{NodeUri, Segment};
use crate::value::{Format, Value};

use super::schema::{Described, Description, Schema, folded, resolved};
use super::violation::{Violation, ViolationKind};

/// What a command would do to a node.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Intent<'a> {
    /// Create it.
    Add(Proposal<'a>),
    /// Give it another value.
    Replace(Proposal<'a>),
    /// Give it another name, not escaped.
    Rename(&'a str),
    /// Remove it.
    Delete,
    /// Execute it.
    Exec,
    /// Read its value or the names of its children.
    Get,
    /// Copy it elsewhere.
    Copy,
}

/// A value, or an interior node, as a command carries it; what is not said is what is described.
#[derive(Clone, Copy, Default)]
pub struct Proposal<'a> {
    format: Option<Format>,
    mime: Option<&'a str>,
    data: Option<&'a [u8]>,
}

impl<'a> Proposal<'a> {
    /// Nothing is said.
    #[must_use]
    pub const fn new() -> Self {
        Self { format: None, mime: None, data: None }
    }

    /// Sets the format.
    #[must_use]
    pub const fn with_format(mut self, format: Format) -> Self {
        self.format = Some(format);
        self
    }

    /// Sets the media type, or the management object identifier of an interior node.
    #[must_use]
    pub const fn with_type(mut self, mime: &'a str) -> Self {
        self.mime = Some(mime);
        self
    }

    /// Sets the data, decoded.
    #[must_use]
    pub const fn with_data(mut self, data: &'a [u8]) -> Self {
        self.data = Some(data);
        self
    }

    /// A value.
    #[must_use]
    pub fn of(value: &'a Value) -> Self {
        Self::new().with_format(value.format()).with_type(value.mime()).with_data(value.data())
    }
}

/// Values may be secrets.
impl core::fmt::Debug for Proposal<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Proposal")
            .field("format", &self.format)
            .field("mime", &self.mime)
            .field("data", &format_args!("({} bytes)", self.data.map_or(0, <[u8]>::len)))
            .finish()
    }
}

impl Schema {
    /// Whether a command may do to the node at `uri` what it intends. The tree is asked for what is there already.
    ///
    /// Existence and access control are the tree's own business and not looked at here: a tree answers them first.
    ///
    /// # Errors
    ///
    /// What the description forbids, with the status to answer.
    pub fn check(&self, tree: &Tree, uri: &NodeUri<'_>, intent: Intent<'_>) -> Result<(), Violation> {
        let violation = |kind| Err(Violation::new(uri, kind));
        let description = match self.find(uri) {
            Described::Described(description) => description,
            Described::Excluded if matches!(intent, Intent::Add(_)) => {
                return violation(ViolationKind::NotDescribed);
            }
            // What is there although it should not be may be read and removed.
            Described::Excluded | Described::Open => return Ok(()),
        };
        let outcome = match intent {
            Intent::Add(proposal) => self.check_add(tree, uri, description, proposal),
            Intent::Replace(proposal) => description
                .takes(AccessType::REPLACE)
                .and_then(|()| description.fits(proposal))
                .map_err(|kind| match (kind, description.scope()) {
                    (ViolationKind::Format | ViolationKind::Type, Scope::Permanent) => {
                        ViolationKind::FixedFormat
                    }
                    _ => kind,
                }),
            Intent::Rename(name) => self.check_rename(tree, uri, description, name),
            Intent::Delete if description.scope() == Scope::Permanent => Err(ViolationKind::Permanent),
            Intent::Delete => description.takes(AccessType::DELETE),
            Intent::Exec => description.takes(AccessType::EXEC),
            Intent::Get => description.takes(AccessType::GET),
            // To copy is to read; AccessType has a word of its own for it that most descriptions leave out.
            Intent::Copy => {
                description.takes(AccessType::COPY).or_else(|_| description.takes(AccessType::GET))
            }
        };
        outcome.or_else(violation)
    }

    fn check_add(
        &self,
        tree: &Tree,
        uri: &NodeUri<'_>,
        description: Description<'_>,
        proposal: Proposal<'_>,
    ) -> Result<(), ViolationKind> {
        if description.scope() == Scope::Permanent && !description.access().contains(AccessType::ADD) {
            return Err(ViolationKind::Permanent);
        }
        let parent = description.parent();
        let parent_takes = parent.is_described() && parent.access().contains(AccessType::ADD);
        if !description.access().contains(AccessType::ADD) && !parent_takes {
            return Err(ViolationKind::AccessType);
        }
        self.check_siblings(tree, uri, description, uri.last().map(Segment::name).as_deref(), true)?;
        description.fits(proposal)
    }

    fn check_rename(
        &self,
        tree: &Tree,
        uri: &NodeUri<'_>,
        description: Description<'_>,
        name: &str,
    ) -> Result<(), ViolationKind> {
        if description.scope() == Scope::Permanent {
            return Err(ViolationKind::Permanent);
        }
        description.takes(AccessType::REPLACE)?;
        // A name that is described cannot become another one.
        match description.parent().below(name) {
            Described::Described(other) if other.place() == description.place() => {
                self.check_siblings(tree, uri, description, Some(name), false)
            }
            _ => Err(ViolationKind::NotDescribed),
        }
    }

    /// Names that differ in case only, and how many there are.
    fn check_siblings(
        &self,
        tree: &Tree,
        uri: &NodeUri<'_>,
        description: Description<'_>,
        name: Option<&str>,
        is_new: bool,
    ) -> Result<(), ViolationKind> {
        let max = description.occurrence().max();
        let counts = is_new && max.is_some() && description.name().is_none();
        let folds = description.case_sense() == CaseSense::Insensitive;
        if !counts && !folds {
            return Ok(());
        }
        let Some(parent) = uri.parent().and_then(|parent| tree.node(parent.as_str())) else { return Ok(()) };
        let own = uri.last().map(Segment::name);
        let new = name.map(folded);
        let mut others = 0_usize;
        for child in parent.children() {
            let name = resolved(child.name());
            let is_itself = !is_new && own.as_deref() == Some(&*name);
            if folds && !is_itself && new.as_ref().is_some_and(|new| *new == folded(&name)) {
                return Err(ViolationKind::SameButForCase);
            }
            if counts
                && matches!(description.parent().below(&name), Described::Described(of) if of.place() == description.place())
            {
                others += 1;
            }
        }
        match max {
            Some(max) if counts && others >= max as usize => {
                Err(if max == 1 { ViolationKind::OnlyOne } else { ViolationKind::TooMany })
            }
            _ => Ok(()),
        }
    }
}

impl Description<'_> {
    fn takes(self, access: AccessType) -> Result<(), ViolationKind> {
        if self.access().contains(access) { Ok(()) } else { Err(ViolationKind::AccessType) }
    }

    /// Format, type and data.
    pub(super) fn fits(self, proposal: Proposal<'_>) -> Result<(), ViolationKind> {
        let described = self.format();
        if let (Some(described), Some(format)) = (described, proposal.format)
            && described != format
            // Base64 is how octets travel in XML, and how they are stored where that was described.
            && !matches!((described, format), (Format::Bin, Format::B64) | (Format::B64, Format::Bin))
        {
            return Err(ViolationKind::Format);
        }
        if let (Some(node_type), Some(mime)) = (self.node_type(), proposal.mime)
            && !self.has_type(node_type, mime)
        {
            return Err(ViolationKind::Type);
        }
        if let (Some(format), Some(data)) = (proposal.format.or(described), proposal.data) {
            let fits = if format == Format::Node { data.is_empty() } else { format.accepts(data) };
            if !fits {
                return Err(ViolationKind::Value);
            }
        }
        Ok(())
    }

    fn has_type(self, node_type: &NodeType, stated: &str) -> bool {
        let stated = stated.trim();
        match node_type {
            NodeType::DdfName(name) => {
                name.is_empty() || stated.is_empty() || name.eq_ignore_ascii_case(stated)
            }
            // Some descriptions give interior nodes a media type, which says nothing.
            NodeType::Mime(types) => {
                self.format() == Some(Format::Node)
                    || types.iter().any(|mime| mime.is_empty() || mime.eq_ignore_ascii_case(stated))
            }
        }
    }
}
