//! Who may do what (TND 1.2.1 §7.7.1).

use crate::acl::Acl;
use crate::error::{Refusal, RefusalKind};
use crate::mount::{MountId, Mounted};
use crate::principal::Actor;
use crate::rights::AccessType;
use crate::rights::Rights;
use crate::server_id::ServerId;
use crate::store::{Content, NodeId, ROOT};
use crate::tree::{Place, Tree};
use crate::uri::NodeUri;
use crate::value::Value;

/// A node, stored or served.
#[derive(Clone, Debug)]
pub(crate) enum Spot<'u> {
    Stored(NodeId),
    Mounted(Mounted<'u>),
}

impl Spot<'_> {
    /// The node one level up; `None` for the root.
    pub(crate) fn parent(&self, tree: &Tree) -> Option<Self> {
        let stored_parent =
            |id| if Tree::is_root(id) { None } else { Some(Self::Stored(tree.at(id).parent)) };
        match self {
            Self::Stored(id) => stored_parent(*id),
            Self::Mounted(mounted) => match mounted.parent() {
                Some(parent) => Some(Self::Mounted(parent)),
                None => stored_parent(mounted.node),
            },
        }
    }
}

impl Tree {
    /// The ACL in force for the node at `uri`: its own, or that of the nearest ancestor which has one. Nothing is
    /// merged (TND 1.2.1 §7.7.1, inheritance). `None` when there is no such node; below a mount point every address is taken
    /// to exist.
    #[must_use]
    pub fn effective_acl(&self, uri: &NodeUri<'_>) -> Option<&Acl> {
        match self.locate(uri) {
            Place::Stored(id) => Some(self.effective_stored(id)),
            Place::Mounted(mounted) => Some(self.effective_mounted(mounted.id, &mounted.path)),
            Place::Missing { .. } | Place::BelowLeaf => None,
        }
    }

    /// Whether the ACLs grant `rights` on the node at `uri` to `server`; never on a node that does not exist.
    ///
    /// ```
    /// use dm_tree::{NodeUri, Rights, ServerId, Tree};
    ///
    /// let tree = Tree::default();
    /// let server = ServerId::new("com.example.dm")?;
    /// assert!(tree.may(&server, Rights::ADD | Rights::GET, &NodeUri::ROOT));
    /// assert!(!tree.may(&server, Rights::REPLACE, &NodeUri::ROOT));
    /// # Ok::<(), dm_tree::ServerIdError>(())
    /// ```
    #[must_use]
    pub fn may(&self, server: &ServerId, rights: Rights, uri: &NodeUri<'_>) -> bool {
        self.effective_acl(uri).is_some_and(|acl| acl.rights_of(server).contains(rights))
    }

    pub(crate) fn effective(&self, spot: &Spot<'_>) -> &Acl {
        match spot {
            Spot::Stored(id) => self.effective_stored(*id),
            Spot::Mounted(mounted) => self.effective_mounted(mounted.id, &mounted.path),
        }
    }

    pub(crate) fn effective_stored(&self, id: NodeId) -> &Acl {
        self.store.acl(id)
    }

    pub(crate) fn effective_mounted<S: AsRef<str>>(&self, id: MountId, path: &[S]) -> &Acl {
        let mount = self.mounted(id);
        mount.nearest(path).unwrap_or_else(|| self.effective_stored(mount.node))
    }

    /// The node's own ACL.
    pub(crate) fn own_acl(&self, spot: &Spot<'_>) -> &Acl {
        const NONE: &Acl = &Acl::EMPTY;
        match spot {
            Spot::Stored(id) => self.store.own_acl(*id),
            Spot::Mounted(mounted) if mounted.path.is_empty() => self.store.own_acl(mounted.node),
            Spot::Mounted(mounted) => self.mounted(mounted.id).own(&mounted.path).unwrap_or(NONE),
        }
    }

    pub(crate) fn grants(&self, actor: Actor<'_>, right: Rights, spot: &Spot<'_>) -> bool {
        match actor {
            Actor::Server(server) => self.effective(spot).rights_of(server).contains(right),
            Actor::Application(application) => application.grants.rights_on(self, spot).contains(right),
        }
    }

    /// Whether `actor` may replace the ACL of a node (TND 1.2.1 §7.7.1.3): for a leaf it needs Replace on the
    /// parent, for an interior node on the node or its parent, for the root on the root.
    pub(crate) fn may_replace_acl(&self, actor: Actor<'_>, spot: &Spot<'_>, is_leaf: bool) -> bool {
        // ACLs are about servers; an application has no say in them.
        if actor.server().is_none() {
            return false;
        }
        let on_parent = spot.parent(self).map(|parent| self.grants(actor, Rights::REPLACE, &parent));
        match on_parent {
            Some(granted) if is_leaf => granted,
            Some(true) => true,
            _ => self.grants(actor, Rights::REPLACE, spot),
        }
    }

    /// The ACL of an interior node that `actor` adds below `parent` (TND 1.2.1 §7.7.1, new nodes).
    ///
    /// Empty, except that who lacks Replace on the parent must get Add, Delete and Replace on the new node. The
    /// text leaves open what else such an ACL holds: here it is the one that would have been inherited, so nobody
    /// loses or gains anything else.
    /// What an application adds inherits: no ACL could name it.
    pub(crate) fn acl_of_new_interior(actor: Actor<'_>, parent: &Acl) -> Acl {
        let Actor::Server(server) = actor else { return Acl::EMPTY };
        if parent.rights_of(server).contains(Rights::REPLACE) {
            return Acl::EMPTY;
        }
        let mut acl = parent.clone();
        acl.grant(server, Rights::ADD | Rights::DELETE | Rights::REPLACE);
        acl
    }

    pub(crate) fn is_root(id: NodeId) -> bool {
        id == ROOT
    }

    /// Whether anything in the stored subtree, its top included, is permanent.
    pub(crate) fn holds_permanent(&self, top: NodeId) -> bool {
        self.any_below(top, |id| self.at(id).is_permanent())
    }

    /// Whether `actor` has Delete on every stored leaf at or below `top`.
    pub(crate) fn may_delete_leaves(&self, actor: Actor<'_>, top: NodeId) -> bool {
        !self.any_below(top, |id| {
            let is_interior = matches!(self.at(id).content, Content::Interior(_));
            !is_interior && !self.grants(actor, Rights::DELETE, &Spot::Stored(id))
        })
    }

    fn any_below(&self, top: NodeId, is_it: impl Fn(NodeId) -> bool) -> bool {
        let mut stack = alloc::vec![top];
        while let Some(id) = stack.pop() {
            if is_it(id) {
                return true;
            }
            stack.extend_from_slice(self.store.unsorted(id));
        }
        false
    }

    /// The value of a stored leaf, for a server that may read it: a Get without copying, for who has the address
    /// parsed. What a handler serves is not here.
    ///
    /// ```
    /// use dm_tree::{NodeSpec, NodeUri, ServerId, Tree, Value};
    ///
    /// let mut tree = Tree::default();
    /// tree.insert("./A/B", NodeSpec::leaf(Value::int(1)))?;
    /// let value = tree.read(&ServerId::new("com.example.dm")?, &NodeUri::parse("./A/B")?)?;
    /// assert_eq!(value.as_int(), Some(1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Refusal`] with the status a Get would have been answered with; 405 for an interior node.
    pub fn read(&self, server: &ServerId, uri: &NodeUri<'_>) -> Result<&Value, Refusal> {
        let refuse = |kind: RefusalKind| Err(kind.into());
        let id = match self.locate(uri) {
            Place::Stored(id) => id,
            Place::Mounted(_) => return refuse(RefusalKind::NoHandler),
            Place::Missing { .. } | Place::BelowLeaf => return refuse(RefusalKind::NotFound),
        };
        let node = self.at(id);
        if node.flags.contains(crate::store::Flags::SEALED) {
            return refuse(RefusalKind::AccessType);
        }
        if !self.store.acl(id).rights_of(server).contains(Rights::GET) {
            return refuse(RefusalKind::Denied);
        }
        if !node.access.contains(AccessType::GET) {
            return refuse(RefusalKind::AccessType);
        }
        match &node.content {
            Content::Leaf(value) => Ok(value),
            _ => refuse(RefusalKind::Interior),
        }
    }
}
