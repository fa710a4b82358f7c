//! The tree itself and what the device does with it locally.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;

use crate::acl::Acl;
use crate::atomic::Atomic;
use crate::authority::Ledger;
use crate::error::TreeError;
use crate::history::History;
use crate::limits::{TreeLimits, TreePolicy};
use crate::mount::{Mount, MountId, Mounted};
use crate::node::{NewNode, NodeRef, NodeSpec};
use crate::pending::Pending;
use crate::property::Property;
use crate::rights::Rights;
use crate::schema::SchemaCheck;
use crate::server_id::ServerId;
use crate::store::{Content, Flags, NodeId, ROOT, Store};
use crate::timestamp::Timestamp;
use crate::uri::{NodeUri, Segments};
use crate::value::Value;

/// A management tree (TND 1.2.1).
///
/// Two ways in. The methods here are the device's own: no ACL is asked, only limits hold. What servers send goes
/// through [`act_for`](Self::act_for) or [`execute`](Self::execute), which check everything first.
///
/// A subtree may be *mounted* instead of stored: a [`Handler`](crate::Handler) then serves its nodes, while their
/// ACLs stay here. Handlers are not part of the tree; they are lent to every call that may need them. So a tree is
/// plain data, `Send` and `'static`.
///
/// Finding a node costs one lookup per segment, at any size, and brings the ACL in force for it along. Nothing
/// recurses.
///
/// A tree that shall survive a restart is written down as a [`snapshot`](Self::snapshot) and the
/// [records](Self::take_record) of what changed since.
#[derive(Clone, Debug)]
pub struct Tree {
    pub(crate) store: Store,
    pub(crate) mounts: BTreeMap<MountId, Mount>,
    pub(crate) next_mount: u32,
    pub(crate) mounted_acls: usize,
    pub(crate) total_len: usize,
    limits: TreeLimits,
    policy: TreePolicy,
    pub(crate) now: Option<Timestamp>,
    pub(crate) history: History,
    pub(crate) atomic: Option<Box<Atomic>>,
    pub(crate) pending: Pending,
    pub(crate) schema: Option<Arc<dyn SchemaCheck>>,
    /// Shared with what may have to be undone, and with nobody else.
    pub(crate) ledger: Option<Arc<Ledger>>,
}

/// Where an address leads.
pub(crate) enum Place<'u> {
    Stored(NodeId),
    /// At or below a mount point; whether the node exists is for the handler to say.
    Mounted(Mounted<'u>),
    /// Nowhere; what is missing below the nearest interior node that exists.
    Missing {
        nearest: NodeId,
        rest: Segments<'u>,
    },
    /// A leaf is in the way.
    BelowLeaf(NodeId),
}

impl Tree {
    /// The root ACL a tree begins with: everyone may add and read (TND 1.2.1 §7.7.1, root).
    pub const DEFAULT_ROOT_ACL: Acl = Acl::anyone(Rights::ADD.union(Rights::GET));

    /// A tree of nothing but the root, with [`DEFAULT_ROOT_ACL`](Self::DEFAULT_ROOT_ACL).
    ///
    /// Where servers that are not trusted may add nodes, follow with [`with_hash_seed`](Self::with_hash_seed).
    #[must_use]
    pub fn new(limits: TreeLimits) -> Self {
        let store = Store::new(Self::DEFAULT_ROOT_ACL);
        Self {
            total_len: store.at(ROOT).len() + Self::DEFAULT_ROOT_ACL.text_len(),
            store,
            mounts: BTreeMap::new(),
            next_mount: 0,
            mounted_acls: 0,
            limits,
            policy: TreePolicy::default(),
            now: None,
            history: History::default(),
            atomic: None,
            pending: Pending::default(),
            schema: None,
            ledger: None,
        }
    }

    /// Sets what the specification leaves to the device.
    #[must_use]
    pub const fn with_policy(mut self, policy: TreePolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Keys the hashes of names. Nothing that comes out of a tree depends on the seed; a random one keeps servers
    /// from choosing names that are slow to find.
    #[must_use]
    pub fn with_hash_seed(mut self, seed: u64) -> Self {
        self.store.reseed(seed);
        self
    }

    /// Has a description of the tree asked before a server's command changes it.
    pub fn set_schema(&mut self, schema: Option<Arc<dyn SchemaCheck>>) {
        self.schema = schema;
    }

    /// Tells the tree what time it is: what changes from now on gets this TStamp (TND 1.2.1 §7.7, TStamp). A tree
    /// that was never told answers 406 for the property. Delegations whose time is over [end](Self::revoke) now, for good:
    /// they do not come back with a clock that steps back.
    pub fn set_wall_clock(&mut self, now: Timestamp) {
        self.now = Some(now);
        self.end_expired(now);
    }

    /// The time it was last told.
    #[must_use]
    pub const fn wall_clock(&self) -> Option<Timestamp> {
        self.now
    }

    /// The limits it was made with.
    #[must_use]
    pub const fn limits(&self) -> &TreeLimits {
        &self.limits
    }

    /// What the specification leaves to the device.
    #[must_use]
    pub const fn policy(&self) -> &TreePolicy {
        &self.policy
    }

    /// How many nodes are stored, the root included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether there is nothing but the root.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 1
    }

    /// The root.
    #[must_use]
    pub const fn root(&self) -> NodeRef<'_> {
        NodeRef { tree: self, id: ROOT }
    }

    /// The stored node at `uri`; `None` when there is none, the address is malformed or lies below a mount point.
    #[must_use]
    pub fn node(&self, uri: &str) -> Option<NodeRef<'_>> {
        self.node_at(&NodeUri::parse(uri).ok()?)
    }

    /// As [`node`](Self::node), for an address that is parsed already.
    #[must_use]
    pub fn node_at(&self, uri: &NodeUri<'_>) -> Option<NodeRef<'_>> {
        match self.locate(uri) {
            Place::Stored(id) => Some(NodeRef { tree: self, id }),
            Place::Mounted(mounted) if mounted.path.is_empty() => {
                Some(NodeRef { tree: self, id: mounted.node })
            }
            _ => None,
        }
    }

    /// The tops of the management objects whose identifier begins with `prefix`, in the order of their addresses.
    /// Costs nothing for what is not such an object.
    ///
    /// ```
    /// use dm_tree::{NodeSpec, Tree};
    ///
    /// let mut tree = Tree::default();
    /// tree.insert("./B", NodeSpec::managed_object("urn:oma:mo:oma-scomo:1.0"))?;
    /// tree.insert("./A/x", NodeSpec::managed_object("urn:oma:mo:oma-scomo:1.1"))?;
    /// let found: Vec<_> = tree.objects("urn:oma:mo:oma-scomo:1.").map(|node| node.uri().to_string()).collect();
    /// assert_eq!(found, ["./A/x", "./B"]);
    /// # Ok::<(), dm_tree::TreeError>(())
    /// ```
    pub fn objects(&self, prefix: &str) -> impl Iterator<Item = NodeRef<'_>> {
        let mut found: alloc::vec::Vec<_> =
            self.store.objects(prefix).map(|id| (self.store.uri_of(id), id)).collect();
        found.sort_unstable();
        found.into_iter().map(|(_, id)| NodeRef { tree: self, id })
    }

    /// Puts a node into the tree. Missing ancestors become interior nodes as permanent as the node itself.
    ///
    /// # Errors
    ///
    /// When the address is malformed or too long, taken, below a leaf or a mount point, or a limit is reached.
    pub fn insert(&mut self, uri: &str, spec: NodeSpec) -> Result<(), TreeError> {
        let uri = NodeUri::parse(uri)?;
        uri.check(&self.limits.uri)?;
        let (parent, rest) = self.vacancy(&uri)?;
        self.check_spec(&spec)?;
        self.create_path(parent, rest, spec, Acl::EMPTY)?;
        Ok(())
    }

    /// Gives a stored leaf another value. A leaf that servers may not read keeps it as a secret.
    ///
    /// # Errors
    ///
    /// When there is no such leaf or a limit is reached.
    pub fn set_value(&mut self, uri: &str, value: Value) -> Result<(), TreeError> {
        let id = self.stored(uri)?;
        if value.data().len() > self.limits.max_value_len {
            return Err(TreeError::TooLarge);
        }
        if !matches!(self.at(id).content, Content::Leaf(_)) {
            return Err(TreeError::NotALeaf);
        }
        self.put_value(id, value)
    }

    /// Sets the title of a stored node, at most [`Property::MAX_TITLE_LEN`] bytes.
    ///
    /// # Errors
    ///
    /// When there is no such node, or the title is too long.
    pub fn set_title(&mut self, uri: &str, title: &str) -> Result<(), TreeError> {
        let id = self.stored(uri)?;
        if title.len() > Property::MAX_TITLE_LEN {
            return Err(TreeError::TooLarge);
        }
        self.put_title(id, title)
    }

    /// Removes a stored node and everything below it, permanent or not, mounts included.
    ///
    /// # Errors
    ///
    /// When there is no such node, or it is the root.
    pub fn remove(&mut self, uri: &str) -> Result<(), TreeError> {
        match self.stored(uri)? {
            ROOT => Err(TreeError::Root),
            id => {
                self.remove_subtree(id);
                Ok(())
            }
        }
    }

    /// Hands the subtree at `uri` to a handler; the mount point is a permanent node. Missing ancestors become
    /// permanent interior nodes.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert).
    pub fn mount(&mut self, uri: &str) -> Result<MountId, TreeError> {
        let uri = NodeUri::parse(uri)?;
        uri.check(&self.limits.uri)?;
        let (parent, rest) = self.vacancy(&uri)?;
        let mount = MountId(self.next_mount);
        self.next_mount += 1;
        self.create_path(parent, rest, NodeSpec::mount(mount), Acl::EMPTY)?;
        Ok(mount)
    }

    /// Where a mount is; `None` when it is gone.
    #[must_use]
    pub fn mount_uri(&self, mount: MountId) -> Option<NodeUri<'static>> {
        self.mounts.get(&mount).map(|mount| self.uri_of(mount.node))
    }

    /// The ACLs kept for nodes below a mount point, by address.
    pub fn mounted_acls(&self, mount: MountId) -> impl Iterator<Item = (NodeUri<'static>, &Acl)> {
        let mount = self.mounts.get(&mount);
        mount.into_iter().flat_map(|mount| {
            let top = self.uri_of(mount.node);
            mount.iter().map(move |(path, acl)| (top.join(path), acl))
        })
    }

    /// Sets the ACL of a node; an empty one makes it inherit. Below a mount point the node need not exist yet.
    ///
    /// # Errors
    ///
    /// When the address leads nowhere, the ACL of the root would be empty, or a limit is reached.
    pub fn set_acl(&mut self, uri: &str, acl: Acl) -> Result<(), TreeError> {
        let uri = NodeUri::parse(uri)?;
        if acl.text_len() > self.limits.max_acl_len {
            return Err(TreeError::TooLarge);
        }
        match self.locate(&uri) {
            Place::Stored(ROOT) if acl.is_empty() => Err(TreeError::Root),
            Place::Stored(id) => self.put_acl(id, acl),
            Place::Mounted(mounted) => self.put_mounted_acl(&mounted, acl),
            Place::Missing { .. } | Place::BelowLeaf(_) => Err(TreeError::NotFound),
        }
    }

    /// Drops the ACLs kept for a handler's node and everything below it, and what the ledger of authorities says of them. For handlers whose nodes come and go by
    /// themselves: what takes the place of a node that is gone must not inherit its ACL.
    ///
    /// # Errors
    ///
    /// When the address is malformed or not below a mount point.
    pub fn forget_acls(&mut self, uri: &str) -> Result<(), TreeError> {
        let uri = NodeUri::parse(uri)?;
        match self.locate(&uri) {
            Place::Mounted(mounted) => {
                self.drop_mounted_acls(&mounted);
                Ok(())
            }
            _ => Err(TreeError::NotFound),
        }
    }

    /// Takes a server out of every ACL, for when its account is removed (TND 1.2.1 §7.7.1, deleted servers).
    ///
    /// An entry that names nobody any more is dropped, a list without entries inherits. At the root, Add and Get
    /// then become `*`, which is the default there; other commands are granted to nobody rather than to everyone.
    pub fn remove_server(&mut self, server: &ServerId) {
        for id in self.store.acl_owners() {
            let mut acl = self.store.own_acl(id).clone();
            let had = acl.remove(server);
            if had.is_empty() {
                continue;
            }
            if id == ROOT {
                let default = Self::DEFAULT_ROOT_ACL.rights_of_anyone();
                let lost = had - acl.commands();
                acl.grant_anyone(default.intersection(lost));
                if acl.is_empty() {
                    acl = Self::DEFAULT_ROOT_ACL;
                }
            }
            self.put_acl_anyhow(id, acl);
        }
        let named = |(path, acl): (&str, &Acl)| {
            let mut acl = acl.clone();
            (!acl.remove(server).is_empty()).then(|| (path.into(), acl))
        };
        let kept =
            self.mounts.iter().flat_map(|(id, mount)| mount.iter().filter_map(named).map(|kept| (*id, kept)));
        let kept: alloc::vec::Vec<(_, (alloc::string::String, _))> = kept.collect();
        for (mount, (path, acl)) in kept {
            self.put_mounted_acl_anyhow(mount, path, acl);
        }
    }

    // What follows is for the rest of the crate.

    #[inline]
    pub(crate) fn locate<'u>(&self, uri: &'u NodeUri<'_>) -> Place<'u> {
        let mut at = ROOT;
        let mut segments = uri.segments();
        loop {
            let node = self.at(at);
            match &node.content {
                Content::Interior(interior) => {
                    let here = segments.clone();
                    let Some(segment) = segments.next() else { return Place::Stored(at) };
                    let folds = node.flags.contains(Flags::IGNORES_CASE);
                    let child = match segment.plain() {
                        Some(name) => self.store.child_in(interior, folds, name),
                        None => self.store.child_in(interior, folds, &segment.name()),
                    };
                    match child {
                        Some(child) => at = child,
                        None => return Place::Missing { nearest: at, rest: here },
                    }
                }
                Content::Leaf(_) | Content::Vacant => {
                    return if segments.next().is_some() { Place::BelowLeaf(at) } else { Place::Stored(at) };
                }
                Content::Mount(id) => {
                    let path = segments.map(crate::uri::Segment::name).collect();
                    return Place::Mounted(Mounted { id: *id, node: at, path });
                }
            }
        }
    }

    pub(crate) fn uri_of(&self, id: NodeId) -> NodeUri<'static> {
        self.store.uri_of(id)
    }

    pub(crate) fn stored(&self, uri: &str) -> Result<NodeId, TreeError> {
        let uri = NodeUri::parse(uri)?;
        match self.locate(&uri) {
            Place::Stored(id) => Ok(id),
            Place::Mounted(mounted) if mounted.path.is_empty() => Ok(mounted.node),
            Place::Mounted(_) => Err(TreeError::BelowMount),
            Place::Missing { .. } | Place::BelowLeaf(_) => Err(TreeError::NotFound),
        }
    }

    pub(crate) fn vacancy<'u>(&self, uri: &'u NodeUri<'_>) -> Result<(NodeId, Segments<'u>), TreeError> {
        match self.locate(uri) {
            Place::Stored(_) => Err(TreeError::Exists),
            Place::Mounted(mounted) if mounted.path.is_empty() => Err(TreeError::Exists),
            Place::Mounted(_) => Err(TreeError::BelowMount),
            Place::BelowLeaf(_) => Err(TreeError::BelowLeaf),
            Place::Missing { nearest, rest } => Ok((nearest, rest)),
        }
    }

    fn check_spec(&self, spec: &NodeSpec) -> Result<(), TreeError> {
        let too_large = match spec.kind() {
            Some(NewNode::Interior { mo_id }) => mo_id.len() > Value::MAX_TYPE_LEN,
            Some(NewNode::Leaf(value)) => value.data().len() > self.limits.max_value_len,
            None => false,
        };
        let too_large = too_large
            || spec.acl.text_len() > self.limits.max_acl_len
            || spec.title.len() > Property::MAX_TITLE_LEN;
        if too_large { Err(TreeError::TooLarge) } else { Ok(()) }
    }
}

impl Default for Tree {
    fn default() -> Self {
        Self::new(TreeLimits::default())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;

    use super::*;

    fn leaf() -> NodeSpec {
        NodeSpec::leaf(Value::chr("x"))
    }

    /// The counters agree with the nodes.
    pub(crate) fn check(tree: &Tree) {
        let walked: Vec<_> = tree.root().walk().collect();
        assert_eq!(walked.len(), tree.len());
        let mounts: usize = tree.mounts.values().map(|mount| mount.size().1).sum();
        let len = |node: &NodeRef<'_>| tree.at(node.id).len() + node.acl().text_len();
        assert_eq!(walked.iter().map(len).sum::<usize>() + mounts, tree.total_len);
        tree.store.check();
        assert_eq!(tree.mounts.values().map(|mount| mount.size().0).sum::<usize>(), tree.mounted_acls);
    }

    #[test]
    fn is_plain_data() {
        fn assert_send<T: Send + Sync + 'static>() {}
        assert_send::<Tree>();
    }

    #[test]
    fn local_life() {
        let mut tree = Tree::default();
        tree.insert("./A/B/C", leaf()).unwrap();
        tree.insert("A/B/D", leaf()).unwrap();
        assert_eq!(tree.insert("./A/%42/C", leaf()), Err(TreeError::Exists));
        assert_eq!(tree.insert("./A/B/C/D", leaf()), Err(TreeError::BelowLeaf));
        assert_eq!(tree.insert(".", leaf()), Err(TreeError::Exists));
        check(&tree);
        let uris: Vec<String> = tree.root().walk().map(|node| node.uri().to_string()).collect();
        assert_eq!(uris, [".", "./A", "./A/B", "./A/B/C", "./A/B/D"]);
        tree.set_value("./A/B/C", Value::int(5)).unwrap();
        assert_eq!(tree.node("./A/B/C").unwrap().value(), Some(&Value::int(5)));
        assert_eq!(tree.set_value("./A/B", Value::int(5)), Err(TreeError::NotALeaf));
        assert_eq!(tree.remove("."), Err(TreeError::Root));
        tree.remove("./A/B").unwrap();
        assert_eq!(tree.len(), 2);
        check(&tree);
        tree.insert("./Z/%C3%A4", leaf()).unwrap();
        assert_eq!(tree.node("./Z").unwrap().child("ä").unwrap().name(), "%C3%A4");
        check(&tree);
    }

    #[test]
    fn limits_hold() {
        let mut tree = Tree::new(TreeLimits::default().with_max_nodes(3).with_max_value_len(4));
        assert_eq!(tree.insert("./A/B/C", leaf()), Err(TreeError::Full));
        assert!(tree.is_empty());
        tree.insert("./A/B", leaf()).unwrap();
        assert_eq!(tree.set_value("./A/B", Value::chr("12345")), Err(TreeError::TooLarge));
        check(&tree);
        let mut tree = Tree::new(TreeLimits::default().with_max_total_len(60));
        tree.insert("./A", leaf()).unwrap();
        assert_eq!(tree.insert("./B", NodeSpec::leaf(Value::chr("x".repeat(60)))), Err(TreeError::Full));
        assert_eq!(tree.len(), 2);
        check(&tree);
    }

    #[test]
    fn mounts_keep_acls() {
        let acl = |text| Acl::parse(text).unwrap();
        let mut tree = Tree::new(TreeLimits::default().with_max_mounted_acls(2));
        let mount = tree.mount("./V/X").unwrap();
        assert_eq!(tree.mount_uri(mount).unwrap().as_str(), "./V/X");
        assert_eq!(tree.insert("./V/X/Y", leaf()), Err(TreeError::BelowMount));
        tree.set_acl("./V/X", acl("Get=a")).unwrap();
        tree.set_acl("./V/X/1", acl("Get=a+b")).unwrap();
        tree.set_acl("./V/X/1/2", acl("Get=a")).unwrap();
        assert_eq!(tree.set_acl("./V/X/3", acl("Get=a")), Err(TreeError::Full));
        check(&tree);
        assert_eq!(tree.mounted_acls(mount).count(), 2);
        tree.remove_server(&ServerId::new("a").unwrap());
        check(&tree);
        let left: Vec<_> = tree.mounted_acls(mount).collect();
        assert_eq!(left, [(NodeUri::parse("./V/X/1").unwrap(), &acl("Get=b"))]);
        assert!(tree.node("./V/X").unwrap().acl().is_empty());
        tree.forget_acls("./V/X").unwrap();
        check(&tree);
        assert_eq!(tree.mounted_acls(mount).count(), 0);
        tree.set_acl("./V/X/3", acl("Get=a")).unwrap();
        tree.remove("./V").unwrap();
        check(&tree);
        assert!(tree.mount_uri(mount).is_none());
    }

    #[test]
    fn removed_servers_leave_every_list() {
        let s = ServerId::new("S").unwrap();
        let mut tree = Tree::default();
        for (uri, acl) in [(".", "Add=S&Get=*&Replace=S"), ("./A", "Get=S+T&Replace=S"), ("./B", "Get=S")] {
            if uri != "." {
                tree.insert(uri, leaf()).unwrap();
            }
            tree.set_acl(uri, Acl::parse(acl).unwrap()).unwrap();
        }
        tree.remove_server(&s);
        let acls: Vec<_> = tree.root().walk().map(|node| node.acl().to_string()).collect();
        assert_eq!(acls, ["Add=*&Get=*", "Get=T", ""]);
        check(&tree);
    }
}
