//! The tree itself and what the device does with it locally.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::acl::Acl;
use crate::error::TreeError;
use crate::limits::{TreeLimits, TreePolicy};
use crate::mount::{Mount, MountId, Mounted};
use crate::node::{Content, NewNode, Node, NodeId, NodeRef, NodeSpec, value_len};
use crate::property::Property;
use crate::rights::{AccessType, Rights};
use crate::server_id::ServerId;
use crate::uri::{NodeUri, Segment};
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
/// Finding a node costs one lookup per segment. Removing a subtree does not recurse.
#[derive(Clone, Debug)]
pub struct Tree {
    /// By [`NodeId`]; the root is the first.
    nodes: Vec<Option<Node>>,
    free: Vec<NodeId>,
    mounts: BTreeMap<MountId, Mount>,
    next_mount: u32,
    mounted_acls: usize,
    total_len: usize,
    limits: TreeLimits,
    policy: TreePolicy,
}

const ROOT: NodeId = NodeId(0);

/// Where an address leads.
pub(crate) enum Place<'u> {
    Stored(NodeId),
    /// At or below a mount point; whether the node exists is for the handler to say.
    Mounted(Mounted<'u>),
    /// Nowhere; what is missing below the nearest interior node that exists.
    Missing {
        nearest: NodeId,
        rest: Vec<Segment<'u>>,
    },
    /// A leaf is in the way.
    BelowLeaf,
}

impl Tree {
    /// The root ACL a tree begins with: everyone may add and read (TND 1.2.1 §7.7.1, root).
    pub const DEFAULT_ROOT_ACL: Acl = Acl::anyone(Rights::ADD.union(Rights::GET));

    /// A tree of nothing but the root, with [`DEFAULT_ROOT_ACL`](Self::DEFAULT_ROOT_ACL).
    #[must_use]
    pub fn new(limits: TreeLimits) -> Self {
        let root = Node {
            name: ".".into(),
            parent: ROOT,
            content: Content::Interior { children: BTreeMap::new(), mo_id: "".into() },
            permanent: true,
            access: AccessType::ALL,
            acl: Self::DEFAULT_ROOT_ACL,
            title: "".into(),
            ver_no: 0,
        };
        Self {
            total_len: root.len(),
            nodes: Vec::from([Some(root)]),
            free: Vec::new(),
            mounts: BTreeMap::new(),
            next_mount: 0,
            mounted_acls: 0,
            limits,
            policy: TreePolicy::default(),
        }
    }

    /// Sets what the specification leaves to the device.
    #[must_use]
    pub const fn with_policy(mut self, policy: TreePolicy) -> Self {
        self.policy = policy;
        self
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
    pub fn len(&self) -> usize {
        self.nodes.len() - self.free.len()
    }

    /// Whether there is nothing but the root.
    #[must_use]
    pub fn is_empty(&self) -> bool {
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
        let uri = NodeUri::parse(uri).ok()?;
        match self.locate(&uri) {
            Place::Stored(id) => Some(NodeRef { tree: self, id }),
            Place::Mounted(mounted) if mounted.path.is_empty() => {
                Some(NodeRef { tree: self, id: mounted.node })
            }
            _ => None,
        }
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
        self.create(parent, &rest, spec)?;
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
        let id = self.create(parent, &rest, NodeSpec::interior().permanent())?;
        let mount = MountId(self.next_mount);
        self.next_mount += 1;
        self.at_mut(id).content = Content::Mount(mount);
        self.mounts.insert(mount, Mount::new(id));
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
            Place::Missing { .. } | Place::BelowLeaf => Err(TreeError::NotFound),
        }
    }

    /// Drops the ACLs kept for a handler's node and everything below it. For handlers whose nodes come and go by
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
        for at in 0..self.nodes.len() {
            let Some(node) = &mut self.nodes[at] else { continue };
            if node.acl.is_empty() {
                continue;
            }
            let before = node.acl.text_len();
            let had = node.acl.remove(server);
            if had.is_empty() {
                continue;
            }
            if at == 0 {
                let default = Self::DEFAULT_ROOT_ACL.rights_of_anyone();
                let lost = had - node.acl.commands();
                node.acl.grant_anyone(default.intersection(lost));
                if node.acl.is_empty() {
                    node.acl = Self::DEFAULT_ROOT_ACL;
                }
            }
            node.touch();
            self.total_len = self.total_len - before + node.acl.text_len();
        }
        for mount in self.mounts.values_mut() {
            let (acls, len) = mount.size();
            mount.update_all(|acl| {
                acl.remove(server);
            });
            let (acls_left, len_left) = mount.size();
            self.mounted_acls -= acls - acls_left;
            self.total_len -= len - len_left;
        }
    }

    // What follows is for the rest of the crate. Ids come from lookups in the same call, so they are in use.

    pub(crate) fn at(&self, id: NodeId) -> &Node {
        self.nodes[id.0 as usize].as_ref().expect("an id that was just looked up is in use")
    }

    pub(crate) fn at_mut(&mut self, id: NodeId) -> &mut Node {
        self.nodes[id.0 as usize].as_mut().expect("an id that was just looked up is in use")
    }

    pub(crate) fn mounted(&self, id: MountId) -> &Mount {
        self.mounts.get(&id).expect("a mount point in the tree has its entry")
    }

    pub(crate) fn is_root(id: NodeId) -> bool {
        id == ROOT
    }

    pub(crate) fn child_of(&self, id: NodeId, name: &str) -> Option<NodeId> {
        match &self.at(id).content {
            Content::Interior { children, .. } => children.get(name).copied(),
            _ => None,
        }
    }

    pub(crate) fn locate<'u>(&self, uri: &'u NodeUri<'_>) -> Place<'u> {
        let mut at = ROOT;
        let mut segments = uri.segments();
        loop {
            let here = segments.clone();
            let segment = segments.next();
            match &self.at(at).content {
                Content::Mount(id) => {
                    let path: Vec<Cow<'u, str>> = here.map(Segment::name).collect();
                    return Place::Mounted(Mounted { id: *id, node: at, path });
                }
                Content::Leaf(_) if segment.is_some() => return Place::BelowLeaf,
                Content::Leaf(_) => return Place::Stored(at),
                Content::Interior { children, .. } => match segment {
                    None => return Place::Stored(at),
                    Some(segment) => match children.get(&*segment.name()) {
                        Some(&child) => at = child,
                        None => return Place::Missing { nearest: at, rest: here.collect() },
                    },
                },
            }
        }
    }

    pub(crate) fn uri_of(&self, mut id: NodeId) -> NodeUri<'static> {
        let mut names = Vec::new();
        while id != ROOT {
            let node = self.at(id);
            names.push(&node.name);
            id = node.parent;
        }
        names.into_iter().rev().fold(NodeUri::ROOT, |uri, name| uri.join(name))
    }

    /// Creates a node and its missing ancestors, or nothing when there is no room for all of them.
    pub(crate) fn create(
        &mut self,
        parent: NodeId,
        rest: &[Segment<'_>],
        spec: NodeSpec,
    ) -> Result<NodeId, TreeError> {
        let (last, ancestors) = rest.split_last().ok_or(TreeError::Exists)?;
        let ancestor = NodeSpec { permanent: spec.permanent, ..NodeSpec::interior() };
        let mut nodes: Vec<Node> = ancestors.iter().map(|s| new_node(*s, ancestor.clone())).collect();
        nodes.push(new_node(*last, spec));
        self.create_all(parent, nodes)
    }

    /// Puts a chain of nodes below `parent`, each below the one before, and returns the last.
    pub(crate) fn create_all(&mut self, parent: NodeId, chain: Vec<Node>) -> Result<NodeId, TreeError> {
        let len = chain.iter().map(Node::len).sum();
        if self.len() + chain.len() > self.limits.max_nodes {
            return Err(TreeError::Full);
        }
        self.make_room(0, len)?;
        let mut at = parent;
        for node in chain {
            at = self.attach(at, node);
        }
        Ok(at)
    }

    /// Checks that `more` bytes fit once `less` are gone, and counts them.
    pub(crate) fn make_room(&mut self, less: usize, more: usize) -> Result<(), TreeError> {
        let total = self.total_len.saturating_sub(less).saturating_add(more);
        // What does not grow is always allowed, whatever was set up before.
        if more > less && total > self.limits.max_total_len {
            return Err(TreeError::Full);
        }
        self.total_len = total;
        Ok(())
    }

    pub(crate) fn put_value(&mut self, id: NodeId, value: Value) -> Result<(), TreeError> {
        let Content::Leaf(old) = &self.at(id).content else { return Err(TreeError::NotALeaf) };
        self.make_room(value_len(old), value_len(&value))?;
        let node = self.at_mut(id);
        let hidden = !node.access.contains(AccessType::GET);
        let value = if hidden { value.into_secret() } else { value };
        node.content = Content::Leaf(value);
        node.touch();
        Ok(())
    }

    pub(crate) fn put_acl(&mut self, id: NodeId, acl: Acl) -> Result<(), TreeError> {
        self.make_room(self.at(id).acl.text_len(), acl.text_len())?;
        let node = self.at_mut(id);
        node.acl = acl;
        node.touch();
        Ok(())
    }

    pub(crate) fn put_mounted_acl(&mut self, mounted: &Mounted<'_>, acl: Acl) -> Result<(), TreeError> {
        if mounted.path.is_empty() {
            return self.put_acl(mounted.node, acl);
        }
        let path_len = crate::mount::key(&mounted.path).len();
        let old = self.mounted(mounted.id).own(&mounted.path).map_or(0, |acl| acl.text_len() + path_len);
        let new = if acl.is_empty() { 0 } else { acl.text_len() + path_len };
        if old == 0 && new > 0 && self.mounted_acls >= self.limits.max_mounted_acls {
            return Err(TreeError::Full);
        }
        self.make_room(old, new)?;
        let mount = self.mounts.get_mut(&mounted.id).expect("a mount point in the tree has its entry");
        mount.set(&mounted.path, acl);
        self.mounted_acls = self.mounted_acls + usize::from(new > 0) - usize::from(old > 0);
        Ok(())
    }

    pub(crate) fn drop_mounted_acls(&mut self, mounted: &Mounted<'_>) {
        let mount = self.mounts.get_mut(&mounted.id).expect("a mount point in the tree has its entry");
        let (acls, len) = if mounted.path.is_empty() {
            let size = mount.size();
            mount.update_all(|acl| *acl = Acl::EMPTY);
            size
        } else {
            mount.forget(&mounted.path)
        };
        self.mounted_acls -= acls;
        self.total_len -= len;
    }

    /// Makes a leaf unreadable for servers from now on, and its value a secret.
    pub(crate) fn hide(&mut self, id: NodeId) {
        let node = self.at_mut(id);
        node.access = node.access - AccessType::GET;
        if let Content::Leaf(value) = &mut node.content {
            // Moved, not copied: no copy stays behind.
            *value = core::mem::replace(value, Value::null()).into_secret();
        }
    }

    pub(crate) fn put_title(&mut self, id: NodeId, title: &str) -> Result<(), TreeError> {
        self.make_room(self.at(id).title.len(), title.len())?;
        let node = self.at_mut(id);
        node.title = title.into();
        node.touch();
        Ok(())
    }

    /// Gives a node another name; the caller has checked that it is free.
    pub(crate) fn rename(&mut self, id: NodeId, name: Segment<'_>) -> Result<(), TreeError> {
        self.make_room(self.at(id).name.len(), name.as_str().len())?;
        let node = self.at_mut(id);
        let parent = node.parent;
        let old = core::mem::replace(&mut node.name, name.as_str().into());
        node.touch();
        let parent = self.at_mut(parent);
        if let Content::Interior { children, .. } = &mut parent.content {
            children.remove(&*stored_name(&old));
            children.insert(name.name().into(), id);
        }
        parent.touch();
        Ok(())
    }

    /// Removes a node and everything below it, without recursion.
    pub(crate) fn remove_subtree(&mut self, top: NodeId) {
        let Node { parent, name, .. } = self.at(top);
        let (parent, name) = (*parent, name.clone());
        let parent = self.at_mut(parent);
        if let Content::Interior { children, .. } = &mut parent.content {
            children.remove(&*stored_name(&name));
        }
        parent.touch();
        let mut stack = Vec::from([top]);
        while let Some(id) = stack.pop() {
            let Some(node) = self.nodes[id.0 as usize].take() else { continue };
            self.free.push(id);
            self.total_len -= node.len();
            match node.content {
                Content::Interior { children, .. } => stack.extend(children.into_values()),
                Content::Leaf(_) => {}
                Content::Mount(id) => {
                    if let Some(mount) = self.mounts.remove(&id) {
                        let (acls, len) = mount.size();
                        self.mounted_acls -= acls;
                        self.total_len -= len;
                    }
                }
            }
        }
    }

    fn attach(&mut self, parent: NodeId, mut node: Node) -> NodeId {
        node.parent = parent;
        let name: Box<str> = stored_name(&node.name).into();
        let id = match self.free.pop() {
            Some(id) => {
                self.nodes[id.0 as usize] = Some(node);
                id
            }
            None => {
                // `max_nodes` may be set beyond 2^32, memory may not.
                let id = NodeId(u32::try_from(self.nodes.len()).expect("fewer nodes than fit in memory"));
                self.nodes.push(Some(node));
                id
            }
        };
        let parent = self.at_mut(parent);
        if let Content::Interior { children, .. } = &mut parent.content {
            children.insert(name, id);
        }
        parent.touch();
        id
    }

    fn stored(&self, uri: &str) -> Result<NodeId, TreeError> {
        let uri = NodeUri::parse(uri)?;
        match self.locate(&uri) {
            Place::Stored(id) => Ok(id),
            Place::Mounted(mounted) if mounted.path.is_empty() => Ok(mounted.node),
            Place::Mounted(_) => Err(TreeError::BelowMount),
            Place::Missing { .. } | Place::BelowLeaf => Err(TreeError::NotFound),
        }
    }

    fn vacancy<'u>(&self, uri: &'u NodeUri<'_>) -> Result<(NodeId, Vec<Segment<'u>>), TreeError> {
        match self.locate(uri) {
            Place::Stored(_) => Err(TreeError::Exists),
            Place::Mounted(mounted) if mounted.path.is_empty() => Err(TreeError::Exists),
            Place::Mounted(_) => Err(TreeError::BelowMount),
            Place::BelowLeaf => Err(TreeError::BelowLeaf),
            Place::Missing { nearest, rest } => Ok((nearest, rest)),
        }
    }

    fn check_spec(&self, spec: &NodeSpec) -> Result<(), TreeError> {
        let too_large = match &spec.kind {
            NewNode::Interior { mo_id } => mo_id.len() > Value::MAX_TYPE_LEN,
            NewNode::Leaf(value) => value.data().len() > self.limits.max_value_len,
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

/// A node that is not attached yet.
pub(crate) fn new_node(segment: Segment<'_>, spec: NodeSpec) -> Node {
    let content = match spec.kind {
        NewNode::Interior { mo_id } => {
            Content::Interior { children: BTreeMap::new(), mo_id: mo_id.into_boxed_str() }
        }
        NewNode::Leaf(value) if !spec.access.contains(AccessType::GET) => Content::Leaf(value.into_secret()),
        NewNode::Leaf(value) => Content::Leaf(value),
    };
    Node {
        name: segment.as_str().into(),
        parent: ROOT,
        content,
        permanent: spec.permanent,
        access: spec.access,
        acl: spec.acl,
        title: spec.title.into_boxed_str(),
        ver_no: 0,
    }
}

/// The name a stored spelling stands for.
pub(crate) fn stored_name(spelling: &str) -> Cow<'_, str> {
    match Segment::parse(spelling) {
        Ok(segment) => segment.name(),
        Err(_) => Cow::Borrowed(spelling),
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString};

    use super::*;

    fn leaf() -> NodeSpec {
        NodeSpec::leaf(Value::chr("x"))
    }

    /// The counters agree with the nodes.
    fn check(tree: &Tree) {
        let walked: Vec<_> = tree.root().walk().collect();
        assert_eq!(walked.len(), tree.len());
        let mounts: usize = tree.mounts.values().map(|mount| mount.size().1).sum();
        assert_eq!(walked.iter().map(|node| tree.at(node.id).len()).sum::<usize>() + mounts, tree.total_len);
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
