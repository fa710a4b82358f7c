//! A command against a schema, before it reaches the tree.

use dm_syncml::StatusCode;

use crate::mgmt_tree::{CaseSense, NodeType, Scope};
use crate::node::{NewNode, NodeRef};
use crate::rights::AccessType;
use crate::schema::{Expected, SchemaCheck, SchemaCommand};
use crate::tree::Tree;
use crate::uri::{NodeUri, Segment};
use crate::value::{Format, Value};

use super::schema::{Described, Description, Schema, resolved};
use super::violation::{Violation, ViolationKind};

/// A value, or an interior node, as it is in a tree or would be.
#[derive(Clone, Copy)]
pub(super) struct Proposal<'a> {
    pub(super) format: Format,
    pub(super) mime: &'a str,
    pub(super) data: &'a [u8],
}

impl<'a> Proposal<'a> {
    pub(super) fn of(value: &'a Value) -> Self {
        Self { format: value.format(), mime: value.mime(), data: value.data() }
    }

    pub(super) const fn interior(mo_id: &'a str) -> Self {
        Self { format: Format::Node, mime: mo_id, data: &[] }
    }

    fn new(new: &'a NewNode) -> Self {
        match new {
            NewNode::Interior { mo_id } => Self::interior(mo_id),
            NewNode::Leaf(value) => Self::of(value),
        }
    }
}

/// A tree asks this schema: [`Tree::set_schema`].
impl SchemaCheck for Schema {
    fn check(&self, tree: &Tree, uri: &NodeUri<'_>, command: SchemaCommand<'_>) -> Result<(), StatusCode> {
        self.verdict(tree, uri, command).map_err(|violation| violation.status())
    }

    fn expected(&self, uri: &NodeUri<'_>) -> Expected {
        let mut expected = Expected::default();
        if let Described::Described(description) = self.find(uri) {
            expected.access = Some(description.access_in_tree());
            expected.ignores_case = description.folds_below();
            expected.format = description.format().filter(|format| *format != Format::Node);
            expected.default_value = expected.format.map(|format| description.first_value(format));
        }
        expected
    }
}

impl Schema {
    /// Whether a command may do to the node at `uri` what it would. The tree is asked for what is there already.
    ///
    /// Existence and access control are the tree's own business and not looked at here: a tree answers them first.
    ///
    /// # Errors
    ///
    /// What the description forbids, with the status to answer.
    pub fn verdict(
        &self,
        tree: &Tree,
        uri: &NodeUri<'_>,
        command: SchemaCommand<'_>,
    ) -> Result<(), Violation> {
        let violation = |kind| Err(Violation::new(uri, kind));
        let description = match self.find(uri) {
            Described::Described(description) => description,
            Described::Excluded if matches!(command, SchemaCommand::Add(_)) => {
                return violation(ViolationKind::NotDescribed);
            }
            // What is there although it should not be may be removed.
            Described::Excluded | Described::Open => return Ok(()),
        };
        let outcome = match command {
            SchemaCommand::Add(new) => self.check_add(tree, uri, description, Proposal::new(new)),
            SchemaCommand::Replace(value) => description
                .takes(AccessType::REPLACE)
                .and_then(|()| description.fits(Proposal::of(value)))
                .map_err(|kind| match (kind, description.scope()) {
                    (ViolationKind::Format | ViolationKind::Type, Scope::Permanent) => {
                        ViolationKind::FixedFormat
                    }
                    _ => kind,
                }),
            SchemaCommand::Rename(name) => self.check_rename(tree, uri, description, &resolved(name)),
            SchemaCommand::Delete if description.scope() == Scope::Permanent => Err(ViolationKind::Permanent),
            SchemaCommand::Delete => description.takes(AccessType::DELETE),
            SchemaCommand::Exec => description.takes(AccessType::EXEC),
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

    /// Names that differ in case only, and how many there are. Costs a lookup for each sibling that is described by
    /// name; a look at all siblings only where the tree itself does not compare their names without case.
    fn check_siblings(
        &self,
        tree: &Tree,
        uri: &NodeUri<'_>,
        description: Description<'_>,
        name: Option<&str>,
        is_new: bool,
    ) -> Result<(), ViolationKind> {
        let Some(parent) = uri.parent().and_then(|parent| tree.node(parent.as_str())) else { return Ok(()) };
        if description.case_sense() == CaseSense::Insensitive && !parent.ignores_case() {
            let own = uri.last().map(Segment::name);
            let is_same = |child: NodeRef<'_>| {
                let there = resolved(child.name());
                let is_itself = !is_new && own.as_deref() == Some(&*there);
                !is_itself && name.is_some_and(|name| name.eq_ignore_ascii_case(&there))
            };
            if parent.children().any(is_same) {
                return Err(ViolationKind::SameButForCase);
            }
        }
        // One of a name is there or is not: that the tree tells.
        let Some(max) = description.occurrence().max().filter(|_| is_new && description.name().is_none())
        else {
            return Ok(());
        };
        let named = description.parent().children().filter_map(Description::name);
        let named = named.filter(|name| parent.child(name).is_some()).count();
        if parent.child_count().saturating_sub(named) < max as usize {
            return Ok(());
        }
        Err(if max == 1 { ViolationKind::OnlyOne } else { ViolationKind::TooMany })
    }
}

impl Description<'_> {
    fn takes(self, access: AccessType) -> Result<(), ViolationKind> {
        if self.access().contains(access) { Ok(()) } else { Err(ViolationKind::AccessType) }
    }

    /// Format, type and data.
    pub(super) fn fits(self, proposal: Proposal<'_>) -> Result<(), ViolationKind> {
        if let Some(described) = self.format()
            && described != proposal.format
            // Base64 is how octets travel in XML, and how they are stored where that was described.
            && !matches!((described, proposal.format), (Format::Bin, Format::B64) | (Format::B64, Format::Bin))
        {
            return Err(ViolationKind::Format);
        }
        if self.node_type().is_some_and(|node_type| !self.has_type(node_type, proposal.mime)) {
            return Err(ViolationKind::Type);
        }
        let is_value = proposal.format == Format::Node || proposal.format.accepts(proposal.data);
        if is_value { Ok(()) } else { Err(ViolationKind::Value) }
    }

    fn has_type(self, node_type: &NodeType, stated: &str) -> bool {
        let stated = stated.trim();
        match node_type {
            // An identifier of a leaf says nothing.
            NodeType::DdfName(name) => {
                name.is_empty()
                    || self.format() != Some(Format::Node)
                    || stated.is_empty()
                    || name.eq_ignore_ascii_case(stated)
            }
            // Some descriptions give interior nodes a media type, which says nothing.
            // The type that a value has where none is stated says nothing either.
            NodeType::Mime(types) => {
                self.format() == Some(Format::Node)
                    || stated == Value::DEFAULT_TYPE
                    || types.iter().any(|mime| mime.is_empty() || mime.eq_ignore_ascii_case(stated))
            }
        }
    }
}
