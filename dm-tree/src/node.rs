//! One node, how it is described when it is put into a tree, and how it is looked at.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::acl::Acl;
use crate::mount::MountId;
use crate::rights::{AccessType, Rights};
use crate::server_id::ServerId;
use crate::store::{Content, Flags, Node, NodeId, Stamp, value_len};
use crate::timestamp::Timestamp;
use crate::tree::Tree;
use crate::uri::NodeUri;
use crate::value::{Format, Value};

/// A node to be put into a tree by the device itself.
///
/// Dynamic, open to every command and inheriting its ACL unless said otherwise.
///
/// ```
/// use dm_tree::{AccessType, NodeSpec, Tree, Value};
///
/// let mut tree = Tree::default();
/// tree.insert(
///     "./Vendor/Serial",
///     NodeSpec::leaf(Value::chr("4711")).permanent().with_access(AccessType::GET),
/// )?;
/// assert!(tree.node("./Vendor/Serial").is_some_and(|node| node.is_permanent()));
/// # Ok::<(), dm_tree::TreeError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct NodeSpec {
    pub(crate) kind: Kind,
    pub(crate) flags: Flags,
    pub(crate) access: AccessType,
    pub(crate) acl: Acl,
    pub(crate) title: String,
    /// The time and number to begin with, instead of now and 0.
    pub(crate) stamp: Option<Stamp>,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    New(NewNode),
    Mount(MountId),
}

impl NodeSpec {
    /// An interior node without a management object identifier.
    pub const fn interior() -> Self {
        Self::object(String::new())
    }

    /// An interior node that is the top of the management object with this identifier.
    pub fn managed_object(id: impl Into<String>) -> Self {
        Self::object(id.into())
    }

    /// A leaf. A value that servers may not read later on (see [`with_access`](Self::with_access)) is kept as a
    /// secret.
    pub const fn leaf(value: Value) -> Self {
        Self::new(NewNode::Leaf(value))
    }

    /// Exists by the device's decision: servers can neither delete nor rename it, nor change its format and type.
    pub const fn permanent(mut self) -> Self {
        self.flags = self.flags.with(Flags::PERMANENT);
        self
    }

    /// Names below are compared without case, of ASCII letters (DDF `CaseSense`, `CIS`); each keeps the spelling it
    /// was given.
    pub const fn ignoring_case(mut self) -> Self {
        self.flags = self.flags.with(Flags::IGNORES_CASE);
        self
    }

    /// Neither the node nor anything below is ever shown to servers: Get answers 405, whatever the ACLs say (StdObj
    /// 1.2.1, Inbox).
    pub const fn sealed(mut self) -> Self {
        self.flags = self.flags.with(Flags::SEALED);
        self
    }

    /// Sets which commands the node takes at all.
    pub const fn with_access(mut self, access: AccessType) -> Self {
        self.access = access;
        self
    }

    /// Sets the node's own ACL.
    pub fn with_acl(mut self, acl: Acl) -> Self {
        self.acl = acl;
        self
    }

    /// Sets the title, at most [`Property::MAX_TITLE_LEN`](crate::Property::MAX_TITLE_LEN) bytes.
    pub fn with_title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    const fn object(mo_id: String) -> Self {
        Self::new(NewNode::Interior { mo_id })
    }

    /// What servers add: dynamic and open to every command.
    pub(crate) const fn new(new: NewNode) -> Self {
        Self::of(Kind::New(new))
    }

    pub(crate) const fn mount(mount: MountId) -> Self {
        Self::of(Kind::Mount(mount)).permanent()
    }

    pub(crate) const fn of(kind: Kind) -> Self {
        Self {
            kind,
            flags: Flags::NONE,
            access: AccessType::ALL,
            acl: Acl::EMPTY,
            title: String::new(),
            stamp: None,
        }
    }

    pub(crate) const fn kind(&self) -> Option<&NewNode> {
        match &self.kind {
            Kind::New(new) => Some(new),
            Kind::Mount(_) => None,
        }
    }

    /// What it counts, beside its name and its ACL.
    pub(crate) fn len(&self) -> usize {
        let content = match &self.kind {
            Kind::New(NewNode::Interior { mo_id }) => mo_id.len(),
            Kind::New(NewNode::Leaf(value)) => value_len(value),
            Kind::Mount(_) => 0,
        };
        content + self.title.len()
    }
}

/// What an Add makes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NewNode {
    /// An interior node.
    #[non_exhaustive]
    Interior {
        /// The management object identifier (the `Type` property); may be empty.
        mo_id: String,
    },
    /// A leaf with its value.
    Leaf(Value),
}

impl NewNode {
    /// An interior node with a management object identifier that may be empty.
    #[must_use]
    pub fn interior(mo_id: impl Into<String>) -> Self {
        Self::Interior { mo_id: mo_id.into() }
    }

    /// Whether it is a leaf.
    #[must_use]
    pub const fn is_leaf(&self) -> bool {
        matches!(self, Self::Leaf(_))
    }
}

/// A stored node, to look at.
///
/// ```
/// use dm_tree::{NodeSpec, Tree, Value};
///
/// let mut tree = Tree::default();
/// tree.insert("./A/B", NodeSpec::leaf(Value::int(1)))?;
/// let node = tree.node("./A").unwrap();
/// let names: Vec<_> = node.children().map(|child| child.uri().to_string()).collect();
/// assert_eq!(names, ["./A/B"]);
/// # Ok::<(), dm_tree::TreeError>(())
/// ```
#[derive(Clone, Copy)]
pub struct NodeRef<'t> {
    pub(crate) tree: &'t Tree,
    pub(crate) id: NodeId,
}

impl<'t> NodeRef<'t> {
    /// The last segment of the address as spelled; `.` for the root.
    #[must_use]
    pub fn name(self) -> &'t str {
        self.node().name.as_str()
    }

    /// The whole address.
    #[must_use]
    pub fn uri(self) -> NodeUri<'static> {
        self.tree.uri_of(self.id)
    }

    /// Whether it can have children. `None` for a mount point, where the handler decides.
    #[must_use]
    pub fn is_interior(self) -> Option<bool> {
        match self.node().content {
            Content::Interior(_) => Some(true),
            Content::Leaf(_) => Some(false),
            Content::Mount(_) | Content::Vacant => None,
        }
    }

    /// The key of the mount, when a handler serves the node and everything below it.
    #[must_use]
    pub fn mount(self) -> Option<MountId> {
        match self.node().content {
            Content::Mount(id) => Some(id),
            _ => None,
        }
    }

    /// The value of a leaf.
    #[must_use]
    pub fn value(self) -> Option<&'t Value> {
        match &self.node().content {
            Content::Leaf(value) => Some(value),
            _ => None,
        }
    }

    /// The management object identifier of an interior node; empty for most and for anything else.
    #[must_use]
    pub fn mo_id(self) -> &'t str {
        match &self.node().content {
            Content::Interior(interior) => interior.mo_id(),
            _ => "",
        }
    }

    /// The children, in byte order of their names.
    pub fn children(self) -> impl Iterator<Item = Self> + use<'t> {
        let children = self.tree.store.children(self.id);
        let mut at = 0;
        core::iter::from_fn(move || {
            let id = *children.get(at)?;
            at += 1;
            Some(NodeRef { tree: self.tree, id })
        })
    }

    /// How many children are stored below it.
    #[must_use]
    pub fn child_count(self) -> usize {
        self.tree.store.unsorted(self.id).len()
    }

    /// The child of this name (not escaped).
    #[must_use]
    pub fn child(self, name: &str) -> Option<Self> {
        self.tree.store.child(self.id, name).map(|id| NodeRef { tree: self.tree, id })
    }

    /// This node and everything stored below it, parents before their children.
    pub fn walk(self) -> impl Iterator<Item = Self> + use<'t> {
        let mut stack = Vec::from([self]);
        core::iter::from_fn(move || {
            let node = stack.pop()?;
            let first = stack.len();
            stack.extend(node.children());
            stack[first..].reverse();
            Some(node)
        })
    }

    /// The node's own ACL; empty when it inherits.
    #[must_use]
    pub fn acl(self) -> &'t Acl {
        self.tree.store.own_acl(self.id)
    }

    /// The ACL in force: its own, or that of the nearest ancestor which has one. Kept with the node, so this costs
    /// the same at any depth.
    #[must_use]
    pub fn effective_acl(self) -> &'t Acl {
        self.tree.store.acl(self.id)
    }

    /// Whether `server` has `rights` on it, as [`Tree::may`](crate::Tree::may) says.
    #[must_use]
    pub fn grants(self, server: &ServerId, rights: Rights) -> bool {
        self.tree.may_at(server, rights, &crate::access::Spot::Stored(self.id))
    }

    /// The node one level up; `None` for the root.
    #[must_use]
    pub fn parent(self) -> Option<Self> {
        (!Tree::is_root(self.id)).then(|| NodeRef { tree: self.tree, id: self.node().parent })
    }

    /// Whether it exists by the device's decision.
    #[must_use]
    pub fn is_permanent(self) -> bool {
        self.node().is_permanent()
    }

    /// The commands it takes at all.
    #[must_use]
    pub fn access(self) -> AccessType {
        self.node().access
    }

    /// The title; empty when it has none.
    #[must_use]
    pub fn title(self) -> &'t str {
        &self.node().title
    }

    /// How often it changed, modulo 65536.
    #[must_use]
    pub fn ver_no(self) -> u16 {
        self.node().stamp.ver_no
    }

    /// When it last changed; `None` when the tree had not been told the time then.
    #[must_use]
    pub fn time_stamp(self) -> Option<Timestamp> {
        self.node().stamp.at
    }

    /// Whether names below are compared without case.
    #[must_use]
    pub fn ignores_case(self) -> bool {
        self.node().flags.contains(Flags::IGNORES_CASE)
    }

    pub(crate) fn node(self) -> &'t Node {
        self.tree.at(self.id)
    }
}

impl fmt::Debug for NodeRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeRef")
            .field("uri", &self.uri())
            .field("value", &self.value())
            .finish_non_exhaustive()
    }
}

/// What a handler says about one of its nodes.
///
/// ```
/// use dm_tree::{AccessType, Format, NodeFacts};
///
/// let state = NodeFacts::leaf(Format::Chr).with_access(AccessType::GET);
/// let list = NodeFacts::interior().with_access(AccessType::GET | AccessType::ADD);
/// # let _ = (state, list);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct NodeFacts {
    pub(crate) format: Format,
    pub(crate) mime: Cow<'static, str>,
    pub(crate) access: AccessType,
    pub(crate) permanent: bool,
}

impl NodeFacts {
    /// A permanent interior node that takes only Get.
    pub const fn interior() -> Self {
        Self { format: Format::Node, mime: Cow::Borrowed(""), access: AccessType::GET, permanent: true }
    }

    /// A permanent leaf that takes only Get, of type `text/plain`. Format `node` makes it an interior node.
    pub const fn leaf(format: Format) -> Self {
        Self { format, mime: Cow::Borrowed(Value::DEFAULT_TYPE), access: AccessType::GET, permanent: true }
    }

    /// Sets the `Type` property: a MIME type, or for an interior node the management object identifier.
    pub fn with_type(mut self, mime: impl Into<Cow<'static, str>>) -> Self {
        self.mime = mime.into();
        self
    }

    /// Sets which commands the node takes at all; the others are answered 405 before the handler is asked.
    pub const fn with_access(mut self, access: AccessType) -> Self {
        self.access = access;
        self
    }

    /// Lets servers delete the node, and change its format and type.
    pub const fn dynamic(mut self) -> Self {
        self.permanent = false;
        self
    }
}
