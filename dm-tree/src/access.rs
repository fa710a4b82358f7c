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
            Place::Missing { .. } | Place::BelowLeaf(_) => None,
        }
    }

    /// Whether `server` has `rights` on the node at `uri`, by ACL or by the [ledger](crate::authority) if there is one; never
    /// on a node that does not exist. Below a mount point a server that the ledger keeps from some types has none: only
    /// the handler knows the types there.
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
        let Some(spot) = self.spot_at(uri) else { return false };
        self.may_at(server, rights, &spot)
    }

    pub(crate) fn may_at(&self, server: &ServerId, rights: Rights, spot: &Spot<'_>) -> bool {
        if self.ledger.is_none() {
            return self.effective(spot).rights_of(server).contains(rights);
        }
        rights.iter().all(|(right, _)| self.judge(server, right, spot, None).is_allowed())
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
            !is_interior
                && !self.judge_actor(actor, Rights::DELETE, &Spot::Stored(id), Some(&[])).is_allowed()
        })
    }

    pub(crate) fn any_below(&self, top: NodeId, mut is_it: impl FnMut(NodeId) -> bool) -> bool {
        let mut stack = alloc::vec![top];
        while let Some(id) = stack.pop() {
            if is_it(id) {
                return true;
            }
            stack.extend_from_slice(self.store.unsorted(id));
        }
        false
    }

    /// Whether `server` may know that there is nothing where it looked, below a stored node.
    pub(crate) fn check_missing(&self, server: &ServerId, nearest: NodeId) -> Result<(), RefusalKind> {
        if !self.conceals(server) {
            return Ok(());
        }
        let verdict = self.judge(server, Rights::NONE, &Spot::Stored(nearest), Some(&[]));
        if verdict.is_concealed() {
            return Err(verdict.into());
        }
        if self.conceals_below(server, nearest) { Err(RefusalKind::Denied) } else { Ok(()) }
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
            Place::Missing { nearest: id, .. } | Place::BelowLeaf(id) => {
                self.check_missing(server, id)?;
                return refuse(RefusalKind::NotFound);
            }
        };
        let node = self.at(id);
        if self.ledger.is_some() {
            let verdict = self.judge(server, Rights::GET, &Spot::Stored(id), Some(&[]));
            let is_sealed = node.flags.contains(crate::store::Flags::SEALED);
            if verdict.is_concealed() || !(verdict.is_allowed() || is_sealed) {
                return refuse(verdict.into());
            }
            return match &node.content {
                _ if is_sealed || !node.access.contains(AccessType::GET) => refuse(RefusalKind::AccessType),
                Content::Leaf(value) => Ok(value),
                _ => refuse(RefusalKind::Interior),
            };
        }
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
