//! Who may do what (TND 1.2.1 §7.7.1).

use crate::acl::Acl;
use crate::mount::{MountId, Mounted};
use crate::node::{Content, NodeId};
use crate::rights::Rights;
use crate::server_id::ServerId;
use crate::tree::{Place, Tree};
use crate::uri::NodeUri;

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

    pub(crate) fn effective_stored(&self, mut id: NodeId) -> &Acl {
        loop {
            let node = self.at(id);
            // The root always has one, so this ends.
            if !node.acl.is_empty() || Self::is_root(id) {
                return &node.acl;
            }
            id = node.parent;
        }
    }

    pub(crate) fn effective_mounted<S: AsRef<str>>(&self, id: MountId, path: &[S]) -> &Acl {
        let mount = self.mounted(id);
        mount.nearest(path).unwrap_or_else(|| self.effective_stored(mount.node))
    }

    /// The node's own ACL.
    pub(crate) fn own_acl(&self, spot: &Spot<'_>) -> &Acl {
        const NONE: &Acl = &Acl::EMPTY;
        match spot {
            Spot::Stored(id) => &self.at(*id).acl,
            Spot::Mounted(mounted) if mounted.path.is_empty() => &self.at(mounted.node).acl,
            Spot::Mounted(mounted) => self.mounted(mounted.id).own(&mounted.path).unwrap_or(NONE),
        }
    }

    pub(crate) fn grants(&self, server: &ServerId, right: Rights, spot: &Spot<'_>) -> bool {
        self.effective(spot).rights_of(server).contains(right)
    }

    /// Whether `server` may replace the ACL of a node (TND 1.2.1 §7.7.1.3): for a leaf it needs Replace on the
    /// parent, for an interior node on the node or its parent, for the root on the root.
    pub(crate) fn may_replace_acl(&self, server: &ServerId, spot: &Spot<'_>, is_leaf: bool) -> bool {
        let on_parent = spot.parent(self).map(|parent| self.grants(server, Rights::REPLACE, &parent));
        match on_parent {
            Some(granted) if is_leaf => granted,
            Some(true) => true,
            _ => self.grants(server, Rights::REPLACE, spot),
        }
    }

    /// The ACL of an interior node that `server` adds below `parent` (TND 1.2.1 §7.7.1, new nodes).
    ///
    /// Empty, except that who lacks Replace on the parent must get Add, Delete and Replace on the new node. The
    /// text leaves open what else such an ACL holds: here it is the one that would have been inherited, so nobody
    /// loses or gains anything else.
    pub(crate) fn acl_of_new_interior(server: &ServerId, parent: &Acl) -> Acl {
        if parent.rights_of(server).contains(Rights::REPLACE) {
            return Acl::EMPTY;
        }
        let mut acl = parent.clone();
        acl.grant(server, Rights::ADD | Rights::DELETE | Rights::REPLACE);
        acl
    }

    /// Whether anything in the stored subtree, its top included, is permanent.
    pub(crate) fn holds_permanent(&self, top: NodeId) -> bool {
        crate::node::NodeRef { tree: self, id: top }.walk().any(|node| node.is_permanent())
    }

    /// Whether `server` has Delete on every stored leaf at or below `top`.
    pub(crate) fn may_delete_leaves(&self, server: &ServerId, top: NodeId) -> bool {
        let mut stack = alloc::vec![(top, self.effective_stored(top))];
        while let Some((id, inherited)) = stack.pop() {
            let node = self.at(id);
            let acl = if node.acl.is_empty() { inherited } else { &node.acl };
            match &node.content {
                Content::Interior { children, .. } => stack.extend(children.values().map(|id| (*id, acl))),
                _ if !acl.rights_of(server).contains(Rights::DELETE) => return false,
                _ => {}
            }
        }
        true
    }
}
