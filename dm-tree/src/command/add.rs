//! Add (RepPro 1.2.1, Add).

use alloc::vec::Vec;

use crate::access::Spot;
use crate::acl::Acl;
use crate::acting::Acting;
use crate::change::ChangeKind;
use crate::content::Content;
use crate::error::{Refusal, RefusalKind};
use crate::mount::Mounted;
use crate::node::{NewNode, NodeId, NodeSpec};
use crate::rights::{AccessType, Rights};
use crate::tree::{Place, Tree, new_node};
use crate::uri::{NodeUri, Segment};
use crate::value::Format;

impl Acting<'_> {
    /// Add: a new leaf or interior node. Interior ancestors that are missing are created as well, where
    /// [`TreePolicy::implicit_add`](crate::TreePolicy::implicit_add) allows it and no handler serves the place.
    ///
    /// # Errors
    ///
    /// [`Refusal`] with the status to answer; nothing is created then.
    pub fn add(&mut self, uri: &str, content: &Content<'_>) -> Result<(), Refusal> {
        let aim = self.aim(uri, Rights::ADD)?;
        if content.is_serialised_tree() {
            return Err(RefusalKind::SerialisedTree.into());
        }
        match self.tree.locate(&aim.node) {
            Place::Stored(_) => Err(RefusalKind::AlreadyExists.into()),
            Place::BelowLeaf => Err(RefusalKind::BelowLeaf.into()),
            Place::Missing { nearest, rest } => self.add_stored(&aim.node, nearest, &rest, content),
            Place::Mounted(mounted) => self.add_mounted(&mounted, content),
        }
    }

    fn add_stored(
        &mut self,
        uri: &NodeUri<'_>,
        parent: NodeId,
        rest: &[Segment<'_>],
        content: &Content<'_>,
    ) -> Result<(), Refusal> {
        let Some((last, ancestors)) = rest.split_last() else {
            return Err(RefusalKind::AlreadyExists.into());
        };
        if !ancestors.is_empty() && !self.tree.policy().implicit_add {
            return Err(RefusalKind::NotFound.into());
        }
        let refusal = |kind: RefusalKind| {
            // An ancestor that cannot be created is named: the topmost one missing.
            let below: usize = rest.iter().skip(1).map(|segment| segment.as_str().len() + 1).sum();
            match NodeUri::parse(&uri.as_str()[..uri.as_str().len() - below]) {
                Ok(ancestor) if below > 0 => Refusal::new(kind).with_node(ancestor.into_owned()),
                _ => Refusal::new(kind),
            }
        };
        let inherited = self.tree.effective_stored(parent);
        if !inherited.rights_of(self.server).contains(Rights::ADD) {
            return Err(refusal(RefusalKind::Denied));
        }
        if !self.tree.at(parent).access.contains(AccessType::ADD) {
            return Err(refusal(RefusalKind::AccessType));
        }
        let new = content.to_new_node(self.tree.limits().max_value_len)?;
        // Who adds an interior node and could not change its ACL gets rights on it (TND 1.2.1 §7.7.1, new nodes). Below the
        // first such node everything inherits, so one ACL does for all of them. Leaves never get one.
        let first_is_interior = !ancestors.is_empty() || !new.is_leaf();
        let acl = match first_is_interior {
            true => Tree::acl_of_new_interior(self.server, inherited),
            false => Acl::EMPTY,
        };
        if acl.text_len() > self.tree.limits().max_acl_len {
            return Err(RefusalKind::Full.into());
        }
        let mut chain: Vec<_> =
            ancestors.iter().map(|segment| new_node(*segment, NodeSpec::interior())).collect();
        chain.push(new_node(*last, NodeSpec::new(new)));
        if let Some(first) = chain.first_mut() {
            first.acl = acl;
        }
        let id = self.tree.create_all(parent, chain)?;
        crate::standard::hide_secrets(self.tree, id);
        self.record(&Spot::Stored(id), ChangeKind::Added { ancestors: ancestors.len() });
        Ok(())
    }

    fn add_mounted(&mut self, mounted: &Mounted<'_>, content: &Content<'_>) -> Result<(), Refusal> {
        if self.facts(mounted)?.is_some() {
            return Err(RefusalKind::AlreadyExists.into());
        }
        // A mount point that its handler disowns cannot be added either: it is not the server's to make.
        let parent = mounted.parent().ok_or(RefusalKind::NotFound)?;
        let facts = self.facts(&parent)?.ok_or(RefusalKind::NotFound)?;
        if facts.format != Format::Node {
            return Err(RefusalKind::BelowLeaf.into());
        }
        let parent = Spot::Mounted(parent);
        if !self.tree.grants(self.server, Rights::ADD, &parent) {
            return Err(RefusalKind::Denied.into());
        }
        if !facts.access.contains(AccessType::ADD) {
            return Err(RefusalKind::AccessType.into());
        }
        let new = content.to_new_node(self.tree.limits().max_value_len)?;
        let acl = match &new {
            NewNode::Interior { .. } => Tree::acl_of_new_interior(self.server, self.tree.effective(&parent)),
            NewNode::Leaf(_) => Acl::EMPTY,
        };
        if acl.text_len() > self.tree.limits().max_acl_len {
            return Err(RefusalKind::Full.into());
        }
        // The ACL takes its room first, since a handler's Add cannot be undone. Whatever was left there by a node
        // that went without a word is not inherited.
        self.tree.drop_mounted_acls(mounted);
        self.tree.put_mounted_acl(mounted, acl)?;
        let (handler, cx) = self.ask(mounted)?;
        if let Err(status) = handler.add(&cx, &mounted.names(), &new) {
            self.tree.drop_mounted_acls(mounted);
            return Err(RefusalKind::Handler(status).into());
        }
        self.record(&Spot::Mounted(mounted.clone()), ChangeKind::Added { ancestors: 0 });
        Ok(())
    }
}
