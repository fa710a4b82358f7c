//! The ways a tree changes. Each checks that there is room, then changes, counts, and notes what it did: for an
//! Atomic that may have to be undone, and for storage.

use alloc::string::String;
use alloc::vec::Vec;

use crate::acl::Acl;
use crate::authority::{LedgerStep, Site};
use crate::error::TreeError;
use crate::history::{Mutation, NodeImage, Undo};
use crate::mount::{Mount, MountId, Mounted};
use crate::node::{Kind, NewNode, NodeSpec};
use crate::rights::AccessType;
use crate::store::{Content, Flags, Interior, Name, Node, NodeId, Stamp, Store, value_len};
use crate::tree::Tree;
use crate::uri::{Segment, Segments};
use crate::value::Value;

impl Tree {
    pub(crate) fn at(&self, id: NodeId) -> &Node {
        self.store.at(id)
    }

    /// Creates a node and its missing ancestors, or nothing when there is no room for all of them. The topmost of
    /// them gets `top_acl`, unless that is empty.
    pub(crate) fn create_path(
        &mut self,
        parent: NodeId,
        rest: Segments<'_>,
        spec: NodeSpec,
        top_acl: Acl,
    ) -> Result<NodeId, TreeError> {
        let nodes = rest.clone().count();
        // The slashes between them stand for the separators that are not counted.
        let names = rest.rest().len() + 1 - nodes.max(1);
        let acls = if nodes > 1 {
            top_acl.text_len() + spec.acl.text_len()
        } else {
            top_acl.text_len().max(spec.acl.text_len())
        };
        self.check_room(nodes, names + spec.len() + acls)?;
        let ancestor = |acl| NodeSpec { flags: spec.flags & Flags::PERMANENT, acl, ..NodeSpec::interior() };
        let mut at = parent;
        let mut acl = top_acl;
        let mut segments = rest;
        for _ in 1..nodes {
            let Some(segment) = segments.next() else { break };
            at = self.put_node(at, segment, ancestor(core::mem::take(&mut acl)));
        }
        let last = segments.next().ok_or(TreeError::Exists)?;
        let spec = if acl.is_empty() { spec } else { NodeSpec { acl, ..spec } };
        Ok(self.put_node(at, last, spec))
    }

    /// Puts one node below an interior one. There is room for it.
    #[inline]
    pub(crate) fn put_node(&mut self, parent: NodeId, segment: Segment<'_>, spec: NodeSpec) -> NodeId {
        let content = match spec.kind {
            Kind::New(NewNode::Interior { mo_id }) => Content::Interior(Interior::new(mo_id)),
            Kind::New(NewNode::Leaf(value)) if !spec.access.contains(AccessType::GET) => {
                Content::Leaf(value.into_secret())
            }
            Kind::New(NewNode::Leaf(value)) => Content::Leaf(value),
            Kind::Mount(mount) => Content::Mount(mount),
        };
        let mut node = Store::new_node(segment, content);
        node.access = spec.access;
        node.flags = spec.flags;
        node.title = spec.title.into_boxed_str();
        node.stamp = spec.stamp.unwrap_or(Stamp { at: self.now, ver_no: 0 });
        self.total_len += node.len() + spec.acl.text_len();
        let id = self.store.attach(parent, node);
        if !spec.acl.is_empty() {
            self.store.set_own_acl(id, spec.acl);
        }
        if let Content::Mount(mount) = self.at(id).content {
            self.mounts.insert(mount, Mount::new(id));
        }
        let parent_stamp = self.touch(parent);
        self.note(|| Undo::Created { id, parent_stamp });
        if self.history.is_journaling() {
            let image = NodeImage::of(self, id);
            self.history.write(self.now, Mutation::Added(image));
        }
        id
    }

    pub(crate) fn put_value(&mut self, id: NodeId, value: Value) -> Result<(), TreeError> {
        let node = self.at(id);
        let Content::Leaf(old) = &node.content else { return Err(TreeError::NotALeaf) };
        self.check_growth(value_len(old), value_len(&value))?;
        let hidden = !node.access.contains(AccessType::GET);
        let value = if hidden { value.into_secret() } else { value };
        self.total_len = self.total_len - value_len(old) + value_len(&value);
        if self.history.is_journaling() {
            let uri = self.uri_of(id);
            self.history.write(self.now, Mutation::Valued { uri, value: value.clone() });
        }
        let old = core::mem::replace(&mut self.store.at_mut(id).content, Content::Leaf(value));
        let stamp = self.touch(id);
        if let Content::Leaf(old) = old {
            self.note(|| Undo::Value { id, old, stamp });
        }
        Ok(())
    }

    pub(crate) fn put_acl(&mut self, id: NodeId, acl: Acl) -> Result<(), TreeError> {
        self.check_growth(self.store.own_acl(id).text_len(), acl.text_len())?;
        self.put_acl_anyhow(id, acl);
        Ok(())
    }

    /// Without asking for room.
    pub(crate) fn put_acl_anyhow(&mut self, id: NodeId, acl: Acl) {
        if self.history.is_journaling() {
            let uri = self.uri_of(id);
            self.history.write(self.now, Mutation::Acl { uri, acl: acl.clone() });
        }
        let len = acl.text_len();
        let old = self.store.set_own_acl(id, acl);
        self.total_len = self.total_len - old.text_len() + len;
        let stamp = self.touch(id);
        self.note(|| Undo::Acl { id, old, stamp });
    }

    pub(crate) fn put_title(&mut self, id: NodeId, title: &str) -> Result<(), TreeError> {
        let old_len = self.at(id).title.len();
        self.check_growth(old_len, title.len())?;
        self.total_len = self.total_len - old_len + title.len();
        if self.history.is_journaling() {
            let uri = self.uri_of(id);
            self.history.write(self.now, Mutation::Titled { uri, title: title.into() });
        }
        let old = core::mem::replace(&mut self.store.at_mut(id).title, title.into());
        let stamp = self.touch(id);
        self.note(|| Undo::Title { id, old, stamp });
        Ok(())
    }

    /// Gives a node another name; the caller has checked that it is free.
    pub(crate) fn rename(&mut self, id: NodeId, name: Segment<'_>) -> Result<(), TreeError> {
        let old_len = self.at(id).name.len();
        self.check_growth(old_len, name.as_str().len())?;
        self.total_len = self.total_len - old_len + name.as_str().len();
        if self.history.is_journaling() {
            let uri = self.uri_of(id);
            self.history.write(self.now, Mutation::Renamed { uri, name: name.as_str().into() });
        }
        let old = self.store.rename(id, Name::new(name.as_str()));
        let stamp = self.touch(id);
        let parent_stamp = self.touch(self.at(id).parent);
        self.note(|| Undo::Name { id, old, stamp, parent_stamp });
        self.refresh_scopes();
        Ok(())
    }

    /// Removes a node and everything below it, without recursion.
    pub(crate) fn remove_subtree(&mut self, top: NodeId) {
        if self.history.is_journaling() {
            let uri = self.uri_of(top);
            self.history.write(self.now, Mutation::Removed { uri });
        }
        let parent = self.at(top).parent;
        let mut mounts = Vec::new();
        let mut marked = Vec::new();
        let mut stack = Vec::from([top]);
        while let Some(id) = stack.pop() {
            let node = self.store.at(id);
            if node.flags.contains(Flags::MARKED) {
                marked.push(id);
            }
            self.total_len -= node.len() + self.store.own_acl(id).text_len();
            if let Content::Mount(mount) = node.content
                && let Some(kept) = self.mounts.remove(&mount)
            {
                let (acls, len) = kept.size();
                self.mounted_acls -= acls;
                self.total_len -= len;
                mounts.push((mount, kept));
            }
            stack.extend_from_slice(self.store.unsorted(id));
        }
        marked.into_iter().for_each(|id| self.forget_anchor(&Site::Stored(id)));
        mounts.iter().for_each(|(mount, _)| self.forget_mount(*mount));
        self.store.detach(top);
        let parent_stamp = self.touch(parent);
        if self.history.is_open() {
            self.note(|| Undo::Removed { id: top, parent_stamp, mounts });
        } else {
            self.store.discard(top);
        }
    }

    /// Makes a leaf unreadable for servers from now on, and its value a secret.
    pub(crate) fn hide(&mut self, id: NodeId) {
        if self.history.is_journaling() {
            let uri = self.uri_of(id);
            self.history.write(self.now, Mutation::Hidden { uri });
        }
        let node = self.store.at_mut(id);
        let access = node.access;
        node.access = access - AccessType::GET;
        if let Content::Leaf(value) = &mut node.content {
            // Moved, not copied: no copy stays behind.
            *value = core::mem::replace(value, Value::null()).into_secret();
        }
        self.note(|| Undo::Hidden { id, access });
    }

    pub(crate) fn put_mounted_acl(&mut self, mounted: &Mounted<'_>, acl: Acl) -> Result<(), TreeError> {
        if mounted.path.is_empty() {
            return self.put_acl(mounted.node, acl);
        }
        let path = crate::mount::key(&mounted.path);
        let old = self.mounted(mounted.id).own(&mounted.path).map_or(0, |acl| acl.text_len() + path.len());
        let new = if acl.is_empty() { 0 } else { acl.text_len() + path.len() };
        if old == 0 && new > 0 && self.mounted_acls >= self.limits().max_mounted_acls {
            return Err(TreeError::Full);
        }
        self.check_growth(old, new)?;
        self.put_mounted_acl_anyhow(mounted.id, path, acl);
        Ok(())
    }

    /// Without asking for room. The ACL at a path below a mount point; an empty one takes it away.
    pub(crate) fn put_mounted_acl_anyhow(&mut self, mount: MountId, path: String, acl: Acl) {
        let Some(kept) = self.mounts.get_mut(&mount) else { return };
        let (is_set, len) = (!acl.is_empty(), acl.text_len() + path.len());
        if self.history.is_journaling() {
            self.history
                .write(self.now, Mutation::MountedAcl { mount, path: path.clone(), acl: acl.clone() });
        }
        let old = kept.set_at(path.clone(), acl);
        if is_set {
            self.mounted_acls += 1;
            self.total_len += len;
        }
        if let Some(old) = &old {
            self.mounted_acls -= 1;
            self.total_len -= old.text_len() + path.len();
        }
        self.note(|| Undo::MountedAcl { mount, path, old });
    }

    /// Drops the ACLs at and below a handler's node. The mount point keeps its own.
    pub(crate) fn drop_mounted_acls(&mut self, mounted: &Mounted<'_>) {
        for path in self.mounted(mounted.id).paths_below(&mounted.path) {
            self.put_mounted_acl_anyhow(mounted.id, path, Acl::EMPTY);
        }
        let path = crate::mount::key(&mounted.path);
        let is_in_ledger =
            self.ledger.as_deref().is_some_and(|ledger| !ledger.served_below(mounted.id, &path).is_empty());
        if is_in_ledger {
            self.take_step(LedgerStep::Forgot { mount: mounted.id, path });
        }
    }

    pub(crate) fn mounted(&self, id: MountId) -> &Mount {
        self.mounts.get(&id).expect("a mount point in the tree has its entry")
    }

    /// Counts a change; returns what was before.
    fn touch(&mut self, id: NodeId) -> Stamp {
        let now = self.now;
        let node = self.store.at_mut(id);
        let before = node.stamp;
        node.touch(now);
        before
    }

    fn note(&mut self, undo: impl FnOnce() -> Undo) {
        if self.history.is_open() {
            self.history.undo.push(undo());
        }
    }

    /// Whether so many more nodes with so many bytes fit.
    pub(crate) fn check_room(&self, nodes: usize, len: usize) -> Result<(), TreeError> {
        if self.len() + nodes > self.limits().max_nodes {
            return Err(TreeError::Full);
        }
        self.check_growth(0, len)
    }

    /// Whether `more` bytes fit once `less` are gone. What does not grow is always allowed, whatever was set up
    /// before.
    fn check_growth(&self, less: usize, more: usize) -> Result<(), TreeError> {
        let total = self.total_len.saturating_sub(less).saturating_add(more);
        if more > less && total > self.limits().max_total_len { Err(TreeError::Full) } else { Ok(()) }
    }
}
