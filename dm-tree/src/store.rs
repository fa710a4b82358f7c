//! Where nodes are kept: an arena of nodes, of which the interior ones have hash tables of their children.
//!
//! A node is found below its parent with one lookup, at any size of the tree; the ACL in force for it is
//! kept with it, as the number of a list in [`Acls`]. Nothing here checks rights or limits.

mod acls;
mod index;
mod name;
mod node;

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::acl::Acl;
use crate::uri::{NodeUri, Segment};

pub(crate) use acls::AclSlot;
use acls::Acls;
use index::{HashKeys, Index, NameHash};
pub(crate) use name::{Name, resolved};
pub(crate) use node::{Content, Flags, Interior, Node, NodeId, Stamp, value_len};

pub(crate) const ROOT: NodeId = NodeId(0);

/// How many places interior nodes take at once.
const CLUSTER: usize = 64;

/// All nodes of a tree. Ids come from lookups in the same call, so they are in use.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    /// By [`NodeId`]; the root is the first.
    nodes: Vec<Node>,
    free: Vec<NodeId>,
    /// Vacant places that interior nodes take first.
    free_among_interior: Vec<NodeId>,
    keys: HashKeys,
    acls: Acls,
    /// Interior nodes that have a management object identifier, by identifier.
    objects: BTreeSet<(Box<str>, NodeId)>,
    /// Nodes that hang below the root, the root included.
    count: usize,
}

impl Store {
    /// Nothing but the root.
    pub(crate) fn new(root_acl: Acl) -> Self {
        let mut root = Node::new(Name::new("."), Content::Interior(Interior::default()));
        root.flags = Flags::PERMANENT;
        Self {
            nodes: Vec::from([root]),
            free: Vec::new(),
            free_among_interior: Vec::new(),
            keys: HashKeys::new(0),
            acls: Acls::new(root_acl),
            objects: BTreeSet::new(),
            count: 1,
        }
    }

    /// Hashes names with another seed from now on.
    pub(crate) fn reseed(&mut self, seed: u64) {
        self.keys = HashKeys::new(seed);
        for at in 0..self.nodes.len() {
            let id = NodeId(at as u32);
            let hashes: Vec<_> =
                self.unsorted(id).iter().map(|child| (self.hash_of(self.at(*child)), *child)).collect();
            if let Content::Interior(interior) = &mut self.at_mut(id).content {
                interior.index.clear();
                hashes.into_iter().for_each(|(hash, child)| interior.index.insert(hash, child));
            }
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.count
    }

    #[inline(always)]
    pub(crate) fn at(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    pub(crate) fn at_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id.0 as usize]
    }

    fn hash_of(&self, node: &Node) -> NameHash {
        let folds = node.flags.contains(Flags::BELOW_FOLDING);
        if node.flags.contains(Flags::ESCAPED) {
            return self.keys.hash(&resolved(node.name.as_str()), folds);
        }
        self.keys.hash(node.name.as_str(), folds)
    }

    /// The child of this name, percent escapes resolved.
    pub(crate) fn child(&self, parent: NodeId, name: &str) -> Option<NodeId> {
        let node = self.at(parent);
        match &node.content {
            Content::Interior(interior) => {
                self.child_in(interior, node.flags.contains(Flags::IGNORES_CASE), name)
            }
            _ => None,
        }
    }

    /// As [`child`](Self::child), for who has looked at the parent already.
    #[inline(always)]
    pub(crate) fn child_in(&self, interior: &Interior, folds: bool, name: &str) -> Option<NodeId> {
        interior.index.find(self.keys.hash(name, folds), |id| {
            let node = self.at(id);
            node.name.spells(name, node.flags.contains(Flags::ESCAPED), folds)
        })
    }

    /// The children in byte order of their names.
    pub(crate) fn children(&self, id: NodeId) -> Cow<'_, [NodeId]> {
        let Content::Interior(interior) = &self.at(id).content else { return Cow::Borrowed(&[]) };
        if interior.more.sorted == interior.more.children.len() {
            return Cow::Borrowed(&interior.more.children);
        }
        let mut children = interior.more.children.clone();
        self.sort(&mut children);
        Cow::Owned(children)
    }

    /// The children in no order.
    pub(crate) fn unsorted(&self, id: NodeId) -> &[NodeId] {
        match &self.at(id).content {
            Content::Interior(interior) => &interior.more.children,
            _ => &[],
        }
    }

    /// Puts the children of a node in order once, so that listing it again costs nothing more.
    pub(crate) fn settle(&mut self, id: NodeId) {
        let Content::Interior(interior) = &mut self.at_mut(id).content else { return };
        if interior.more.sorted == interior.more.children.len() {
            return;
        }
        let mut children = core::mem::take(&mut interior.more.children);
        self.sort(&mut children);
        for (at, child) in children.iter().enumerate() {
            self.at_mut(*child).place = at as u32;
        }
        if let Content::Interior(interior) = &mut self.at_mut(id).content {
            interior.more.sorted = children.len();
            interior.more.children = children;
        }
    }

    /// A stable sort, which is linear where most of the list is in order already.
    fn sort(&self, children: &mut [NodeId]) {
        children.sort_by(|a, b| self.at(*a).name.compare(&self.at(*b).name));
    }

    /// Puts a node below an interior one that has none of its name. It inherits the ACL of its parent.
    #[inline]
    pub(crate) fn attach(&mut self, parent: NodeId, mut node: Node) -> NodeId {
        node.parent = parent;
        let above = self.at(parent);
        node.acl = above.acl;
        let escaped = if node.name.is_escaped() { Flags::ESCAPED } else { Flags::NONE };
        node.flags = node.flags.without(Flags::ESCAPED.with(Flags::BELOW_FOLDING)).with(escaped)
            | (above.flags & Flags::INHERITED);
        if above.flags.contains(Flags::IGNORES_CASE) {
            node.flags = node.flags | Flags::BELOW_FOLDING;
        }
        let id = match self.vacant_place(matches!(node.content, Content::Interior(_))) {
            Some(id) => {
                self.nodes[id.0 as usize] = node;
                id
            }
            None => self.push(node),
        };
        self.link(id);
        self.count += 1;
        self.note_object(id);
        id
    }

    /// A vacant place, if there is one. Interior nodes are kept close together: each lookup below them goes through them,
    /// and what goes through few pages finds them in the caches.
    #[inline]
    fn vacant_place(&mut self, interior: bool) -> Option<NodeId> {
        if !interior {
            let many = self.free_among_interior.len() > CLUSTER;
            return self.free.pop().or_else(|| if many { self.free_among_interior.pop() } else { None });
        }
        if self.free_among_interior.is_empty() && self.free.is_empty() {
            // As many at once as are few beside what is there.
            for _ in 0..(self.nodes.len() / 16).min(CLUSTER) {
                let id = self.push(Node::vacant());
                self.free_among_interior.push(id);
            }
            self.free_among_interior.reverse();
        }
        self.free_among_interior.pop().or_else(|| self.free.pop())
    }

    #[inline]
    fn push(&mut self, node: Node) -> NodeId {
        // Memory is what a node costs: the arena grows by a quarter, not by half of what it then is.
        if self.nodes.len() == self.nodes.capacity() {
            self.nodes.reserve_exact(self.nodes.len() / 4 + CLUSTER);
        }
        let id = NodeId(u32::try_from(self.nodes.len()).expect("fewer nodes than fit in memory"));
        self.nodes.push(node);
        id
    }

    /// Makes a node that has its parent findable.
    fn link(&mut self, id: NodeId) {
        let node = self.at(id);
        let parent = node.parent;
        let hash = self.hash_of(node);
        let last = match &self.at(parent).content {
            Content::Interior(interior) => interior.more.children.last().copied(),
            _ => None,
        };
        let in_order = last.is_none_or(|last| self.at(last).name.compare(&self.at(id).name).is_lt());
        let Content::Interior(interior) = &mut self.at_mut(parent).content else { return };
        interior.index.insert(hash, id);
        let place = interior.more.children.len();
        if in_order && interior.more.sorted == place {
            interior.more.sorted += 1;
        }
        interior.more.children.push(id);
        self.at_mut(id).place = place as u32;
    }

    fn unlink(&mut self, id: NodeId) {
        let node = self.at(id);
        let (parent, place) = (node.parent, node.place as usize);
        let hash = self.hash_of(node);
        let Content::Interior(interior) = &mut self.at_mut(parent).content else { return };
        interior.index.remove(hash, id);
        if place + 1 == interior.more.children.len() {
            interior.more.children.pop();
            interior.more.sorted = interior.more.sorted.min(place);
            return;
        }
        interior.more.children.swap_remove(place);
        interior.more.sorted = interior.more.sorted.min(place);
        let moved = interior.more.children[place];
        self.at_mut(moved).place = place as u32;
    }

    /// Takes a subtree out of sight; it can be put back as it was. Returns how many nodes it has.
    pub(crate) fn detach(&mut self, top: NodeId) -> usize {
        self.unlink(top);
        let mut gone = 0;
        let mut stack = Vec::from([top]);
        while let Some(id) = stack.pop() {
            gone += 1;
            stack.extend_from_slice(self.unsorted(id));
            self.forget_object(id);
        }
        self.count -= gone;
        gone
    }

    /// Puts back what [`detach`](Self::detach) took.
    pub(crate) fn reattach(&mut self, top: NodeId) {
        self.link(top);
        let mut stack = Vec::from([top]);
        while let Some(id) = stack.pop() {
            self.count += 1;
            stack.extend_from_slice(self.unsorted(id));
            self.note_object(id);
        }
    }

    /// Ends a detached subtree for good.
    pub(crate) fn discard(&mut self, top: NodeId) {
        let mut stack = Vec::from([top]);
        while let Some(id) = stack.pop() {
            let node = core::mem::replace(self.at_mut(id), Node::vacant());
            if self.acls.owner(node.acl) == Some(id) {
                self.acls.free(node.acl);
            }
            if let Content::Interior(interior) = node.content {
                stack.extend(interior.more.children);
                self.free_among_interior.push(id);
            } else {
                self.free.push(id);
            }
        }
    }

    /// Gives a node another name.
    pub(crate) fn rename(&mut self, id: NodeId, name: Name) -> Name {
        self.unlink(id);
        let node = self.at_mut(id);
        let escaped = if name.is_escaped() { Flags::ESCAPED } else { Flags::NONE };
        node.flags = node.flags.without(Flags::ESCAPED).with(escaped);
        let old = core::mem::replace(&mut node.name, name);
        self.link(id);
        old
    }

    fn note_object(&mut self, id: NodeId) {
        let Content::Interior(interior) = &self.at(id).content else { return };
        if !interior.mo_id().is_empty() {
            let entry = (Box::from(interior.mo_id()), id);
            self.objects.insert(entry);
        }
    }

    fn forget_object(&mut self, id: NodeId) {
        let Content::Interior(interior) = &self.at(id).content else { return };
        if !interior.mo_id().is_empty() {
            let entry = (Box::from(interior.mo_id()), id);
            self.objects.remove(&entry);
        }
    }

    /// The nodes whose management object identifier begins with `prefix`, in order of identifiers.
    pub(crate) fn objects(&self, prefix: &str) -> impl Iterator<Item = NodeId> {
        let from: (Box<str>, NodeId) = (prefix.into(), ROOT);
        let below = self.objects.range(from..).take_while(move |(id, _)| id.starts_with(prefix));
        below.map(|(_, node)| *node).collect::<Vec<_>>().into_iter()
    }

    /// The ACL in force for a node: its own, or that of the nearest ancestor which has one. One array access.
    pub(crate) fn acl(&self, id: NodeId) -> &Acl {
        self.acls.get(self.at(id).acl)
    }

    /// The node's own ACL; empty when it inherits.
    pub(crate) fn own_acl(&self, id: NodeId) -> &Acl {
        const NONE: &Acl = &Acl::EMPTY;
        let slot = self.at(id).acl;
        if self.acls.owner(slot) == Some(id) { self.acls.get(slot) } else { NONE }
    }

    /// Whether the ACL in force for a node is that of a node at or below `top`, which is the node or above it.
    pub(crate) fn is_acl_set_within(&self, id: NodeId, top: NodeId) -> bool {
        top == ROOT || self.at(id).acl != self.at(self.at(top).parent).acl
    }

    /// Sets a node's own ACL and returns the former one. What inherits from the node is told, so this costs one
    /// step for each of these when the node begins or ceases to have a list of its own.
    pub(crate) fn set_own_acl(&mut self, id: NodeId, acl: Acl) -> Acl {
        let slot = self.at(id).acl;
        let owns = self.acls.owner(slot) == Some(id);
        if owns && !acl.is_empty() {
            return core::mem::replace(self.acls.get_mut(slot), acl);
        }
        if owns && id != ROOT {
            let inherited = self.at(self.at(id).parent).acl;
            self.repoint(id, slot, inherited);
            return self.acls.free(slot);
        }
        if !acl.is_empty() {
            let own = self.acls.insert(id, acl);
            self.repoint(id, slot, own);
        }
        Acl::EMPTY
    }

    fn repoint(&mut self, top: NodeId, from: AclSlot, to: AclSlot) {
        let mut stack = Vec::from([top]);
        while let Some(id) = stack.pop() {
            let node = self.at_mut(id);
            if node.acl == from {
                node.acl = to;
                if let Content::Interior(interior) = &node.content {
                    stack.extend_from_slice(&interior.more.children);
                }
            }
        }
    }

    /// The nodes that have an ACL of their own, the detached ones included.
    pub(crate) fn acl_owners(&self) -> Vec<NodeId> {
        self.acls.owners().collect()
    }

    /// The address of a node, in one allocation.
    pub(crate) fn uri_of(&self, id: NodeId) -> NodeUri<'static> {
        let mut len = 1;
        let mut at = id;
        while at != ROOT {
            let node = self.at(at);
            // A dot at the end of a segment with children is spelled out.
            let dotted = at != id && node.name.as_bytes().ends_with(b".");
            len += 1 + node.name.len() + if dotted { 2 } else { 0 };
            at = node.parent;
        }
        if id == ROOT {
            return NodeUri::ROOT;
        }
        let mut text = alloc::vec![0_u8; len];
        let mut end = len;
        let mut at = id;
        while at != ROOT {
            let node = self.at(at);
            let name = node.name.as_bytes();
            let mut put = |bytes: &[u8]| {
                text[end - bytes.len()..end].copy_from_slice(bytes);
                end -= bytes.len();
            };
            match name.split_last() {
                Some((b'.', head)) if at != id => {
                    put(b"%2E");
                    put(head);
                }
                _ => put(name),
            }
            put(b"/");
            at = node.parent;
        }
        text[0] = b'.';
        NodeUri::from_parts(alloc::string::String::from_utf8(text).unwrap_or_default())
    }

    /// A node that is not attached yet.
    #[inline]
    pub(crate) fn new_node(segment: Segment<'_>, content: Content) -> Node {
        Node::new(Name::new(segment.as_str()), content)
    }

    /// Whether each part agrees with the others. For tests.
    #[cfg(test)]
    pub(crate) fn check(&self) {
        let mut stack = Vec::from([ROOT]);
        let mut seen = 0;
        while let Some(id) = stack.pop() {
            seen += 1;
            let node = self.at(id);
            let inherited = if id == ROOT { node.acl } else { self.at(node.parent).acl };
            assert!(node.acl == inherited || self.acls.owner(node.acl) == Some(id), "a wrong acl");
            for (place, child) in self.unsorted(id).iter().enumerate() {
                let below = self.at(*child);
                assert_eq!((below.parent, below.place as usize), (id, place));
                assert_eq!(self.child(id, &resolved(below.name.as_str())), Some(*child));
                stack.push(*child);
            }
            if let Content::Interior(interior) = &node.content {
                assert_eq!(interior.index.len(), interior.more.children.len());
            }
            let sorted = self.children(id);
            assert!(sorted.is_sorted_by(|a, b| self.at(*a).name.compare(&self.at(*b).name).is_lt()));
        }
        assert_eq!(seen, self.count);
    }
}
