//! Whole subtrees with explicit properties: what serialised trees become (TND 1.2.1, TNDS; RepPro 1.2.1, Add and
//! Replace).

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use crate::access::Spot;
use crate::acl::Acl;
use crate::acting::{Acting, Found};
use crate::change::ChangeKind;
use crate::error::{Refusal, RefusalKind};
use crate::node::NewNode;
use crate::property::Property;
use crate::rights::{AccessType, Rights};
use crate::store::NodeId;
use crate::tree::Place;
use crate::uri::NodeUri;
use crate::value::Value;

/// A node of a subtree that a server adds or replaces as a whole.
#[derive(Clone, Debug)]
#[must_use]
pub struct SubtreeNode {
    path: Option<NodeUri<'static>>,
    /// What it makes, or why it cannot: that is said only to who may make it.
    new: Result<NewNode, RefusalKind>,
    acl: Option<Acl>,
    title: Option<String>,
}

impl SubtreeNode {
    /// A node at an address relative to the target of the command: `A/B`, or `.` for the target itself.
    pub fn new(path: NodeUri<'static>, new: NewNode) -> Self {
        Self::or_refused(path, Ok(new))
    }

    pub(crate) fn or_refused(path: NodeUri<'static>, new: Result<NewNode, RefusalKind>) -> Self {
        Self { path: (!path.is_root()).then_some(path), new, acl: None, title: None }
    }

    /// Sets the node's own ACL, as a Replace by the same server would (TND 1.2.1 §7.7.1).
    pub fn with_acl(mut self, acl: Acl) -> Self {
        self.acl = Some(acl);
        self
    }

    /// Sets the title.
    pub fn with_title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// What it makes, unless that is larger than the limits allow.
    fn checked(&self, max_len: usize) -> Result<NewNode, RefusalKind> {
        let new = self.new.clone()?;
        let fits = match &new {
            NewNode::Interior { mo_id } => mo_id.len() <= Value::MAX_TYPE_LEN,
            NewNode::Leaf(value) => value.data().len() <= max_len,
        };
        if fits { Ok(new) } else { Err(RefusalKind::TooLarge) }
    }

    fn uri(&self, target: &NodeUri<'_>) -> NodeUri<'static> {
        let segments = self.path.iter().flat_map(NodeUri::segments);
        segments.fold(target.clone().into_owned(), |uri, segment| uri.join(segment.as_str()))
    }
}

impl Acting<'_> {
    /// Adds the nodes of a subtree, parents before their children, or none of them. The target is where they go: an
    /// interior node, or one that is missing and then created as well. Each is created as by an Add of this server,
    /// with its title; once all are there they get their ACLs as by a Replace, children first.
    ///
    /// # Errors
    ///
    /// [`Refusal`] of the first node that cannot be added, which it [names](Refusal::at); nothing has changed then.
    pub fn add_subtree(&mut self, target: &str, nodes: &[SubtreeNode]) -> Result<(), Refusal> {
        let target = self.aim_at_node(target, Rights::ADD)?.into_owned();
        self.all_or_nothing(&target, |acting| {
            let is_missing = matches!(acting.tree.locate(&target), Place::Missing { .. });
            let makes_target = nodes.iter().any(|node| node.path.is_none());
            if is_missing && !makes_target {
                acting.add_at(&target, || Ok(NewNode::Interior { mo_id: String::new() }))?;
            }
            nodes.iter().try_for_each(|node| acting.add_part(&target, node))?;
            acting.put_acls(&target, nodes)?;
            Ok(ChangeKind::SubtreeAdded)
        })
    }

    /// Makes the subtree at the target be these nodes, the target (`.`) among them: what is there and not among them
    /// is deleted, leaves that are among them get their values, and the rest is added. All or nothing.
    ///
    /// Needs Replace on what stays, Delete on what goes, and Add on the parents of what is new.
    ///
    /// # Errors
    ///
    /// [`Refusal`] of the first node that is in the way, which it [names](Refusal::at); nothing has changed then.
    pub fn replace_subtree(&mut self, target: &str, nodes: &[SubtreeNode]) -> Result<(), Refusal> {
        let target = self.aim_at_node(target, Rights::REPLACE)?.into_owned();
        let found = self.find(&target)?;
        self.check_acl(&found, Rights::REPLACE)?;
        found.check_access(AccessType::REPLACE)?;
        let Spot::Stored(top) = found.spot else { return Err(RefusalKind::SerialisedTree.into()) };
        self.all_or_nothing(&target, |acting| {
            let kept: BTreeSet<NodeUri<'static>> = nodes.iter().map(|node| node.uri(&target)).collect();
            let mut stack = Vec::from([top]);
            while let Some(id) = stack.pop() {
                for child in acting.tree.store.children(id).into_owned() {
                    let uri = acting.tree.uri_of(child);
                    if kept.contains(&uri) {
                        stack.push(child);
                        continue;
                    }
                    let found = Found::stored(acting.tree, Spot::Stored(child));
                    acting.delete_found(&uri, &found).map_err(|refusal| refusal.at_or(&uri))?;
                }
            }
            nodes.iter().try_for_each(|node| acting.replace_part(&target, node))?;
            acting.put_acls(&target, nodes)?;
            Ok(ChangeKind::SubtreeReplaced)
        })
    }

    /// Undoes everything when something is refused; one change stands for all of them.
    fn all_or_nothing(
        &mut self,
        target: &NodeUri<'static>,
        work: impl FnOnce(&mut Self) -> Result<ChangeKind, Refusal>,
    ) -> Result<(), Refusal> {
        let before = self.changes.len();
        self.tree.mark();
        let done = work(self);
        self.changes.truncate(before);
        match done {
            Ok(kind) => {
                self.tree.keep();
                self.note_change(target.clone(), kind);
                Ok(())
            }
            Err(refusal) => {
                self.tree.go_back();
                Err(refusal)
            }
        }
    }

    fn add_part(&mut self, target: &NodeUri<'_>, node: &SubtreeNode) -> Result<(), Refusal> {
        let uri = node.uri(target);
        let add = |acting: &mut Self| {
            uri.check(&acting.tree.limits().uri)?;
            if let Place::Mounted(_) = acting.tree.locate(&uri) {
                return Err(RefusalKind::SerialisedTree.into());
            }
            let max_len = acting.tree.limits().max_value_len;
            let (spot, _) = acting.add_at(&uri, || node.checked(max_len))?;
            let Spot::Stored(id) = spot else { return Err(RefusalKind::SerialisedTree.into()) };
            // The title comes with the node: no right is needed beside that to add it.
            acting.put_title_of(id, node)
        };
        add(self).map_err(|refusal| refusal.at_or(&uri))
    }

    fn replace_part(&mut self, target: &NodeUri<'_>, node: &SubtreeNode) -> Result<(), Refusal> {
        let uri = node.uri(target);
        let Place::Stored(id) = self.tree.locate(&uri) else { return self.add_part(target, node) };
        let replace = |acting: &mut Self| {
            let found = Found::stored(acting.tree, Spot::Stored(id));
            acting.check_concealed(&found.spot, Some(&[]))?;
            acting.check_acl(&found, Rights::REPLACE)?;
            let new = node.checked(acting.tree.limits().max_value_len)?;
            match (&new, found.is_interior) {
                (NewNode::Interior { mo_id }, true) => {
                    // The type of an interior node is what it was made with.
                    let same = mo_id.is_empty() || *mo_id == found.type_of(acting.tree);
                    if !same {
                        return Err(RefusalKind::FixedFormat.into());
                    }
                }
                (NewNode::Leaf(value), false) => {
                    found.check_access(AccessType::REPLACE)?;
                    let (format, mime) = (found.format(acting.tree), found.type_of(acting.tree));
                    if found.is_permanent && (format != value.format() || mime != value.mime()) {
                        return Err(RefusalKind::FixedFormat.into());
                    }
                    acting.put_value_at(&uri, &found, value.clone())?;
                }
                // A leaf where an interior node was, or the other way round.
                _ => {
                    acting.delete_found(&uri, &found)?;
                    return acting.add_part(target, node);
                }
            }
            acting.put_title_of(id, node)
        };
        replace(self).map_err(|refusal| refusal.at_or(&uri))
    }

    fn put_title_of(&mut self, id: NodeId, node: &SubtreeNode) -> Result<(), Refusal> {
        let Some(title) = &node.title else { return Ok(()) };
        if title.len() > Property::MAX_TITLE_LEN {
            return Err(RefusalKind::TooLarge.into());
        }
        if *self.tree.at(id).title != **title {
            self.tree.put_title(id, title)?;
        }
        Ok(())
    }

    /// Sets the ACLs once all nodes are there, those of children before those of their parents: a list may take from
    /// the server what it needs further down.
    fn put_acls(&mut self, target: &NodeUri<'_>, nodes: &[SubtreeNode]) -> Result<(), Refusal> {
        for node in nodes.iter().rev() {
            let Some(acl) = &node.acl else { continue };
            let uri = node.uri(target);
            let Place::Stored(id) = self.tree.locate(&uri) else { continue };
            let found = Found::stored(self.tree, Spot::Stored(id));
            self.put_acl_of(&found, acl).map_err(|refusal| refusal.at_or(&uri))?;
        }
        Ok(())
    }

    fn put_acl_of(&mut self, found: &Found<'_>, acl: &Acl) -> Result<(), Refusal> {
        if *acl == *self.tree.own_acl(&found.spot) {
            return Ok(());
        }
        self.check_acl_change(found)?;
        self.check_acl_grants(found, acl)?;
        if acl.text_len() > self.tree.limits().max_acl_len {
            return Err(RefusalKind::TooLarge.into());
        }
        self.put_acl_at(found, acl.clone())
    }
}
