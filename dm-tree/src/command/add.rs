//! Add (RepPro 1.2.1, Add).

use crate::access::Spot;
use crate::acl::Acl;
use crate::acting::Acting;
use crate::authority::Verdict;
use crate::change::ChangeKind;
use crate::content::Content;
use crate::error::{Refusal, RefusalKind};
use crate::handler::NoAnswer;
use crate::mount::Mounted;
use crate::node::{NewNode, NodeSpec};
use crate::pending::Question;
use crate::rights::{AccessType, Rights};
use crate::schema::SchemaCommand;
use crate::store::NodeId;
use crate::tree::{Place, Tree};
use crate::uri::{NodeUri, Segments};
use crate::value::Format;

impl Acting<'_> {
    /// Add: a new leaf or interior node. Interior ancestors that are missing are created as well, where
    /// [`TreePolicy::implicit_add`](crate::TreePolicy::implicit_add) allows it and no handler serves the place.
    ///
    /// # Errors
    ///
    /// [`Refusal`] with the status to answer; nothing is created then.
    pub fn add(&mut self, uri: &str, content: &Content<'_>) -> Result<(), Refusal> {
        let uri = self.aim_at_node(uri, Rights::ADD)?;
        if content.is_serialised_tree() {
            return Err(RefusalKind::SerialisedTree.into());
        }
        let max_len = self.tree.limits().max_value_len;
        let (spot, ancestors) = self.add_at(&uri, || content.to_new_node(max_len))?;
        self.record_at(&uri, &spot, ChangeKind::Added { ancestors });
        Ok(())
    }

    /// Add, once the address is known to be good. `new` is asked for only when the server may add at all. Says
    /// what was added, and how many ancestors on the way.
    pub(crate) fn add_at<'u>(
        &mut self,
        uri: &'u NodeUri<'_>,
        new: impl FnOnce() -> Result<NewNode, RefusalKind>,
    ) -> Result<(Spot<'u>, usize), Refusal> {
        match self.tree.locate(uri) {
            Place::Stored(id) => {
                self.check_concealed(&Spot::Stored(id), Some(&[]))?;
                Err(RefusalKind::AlreadyExists.into())
            }
            Place::BelowLeaf(id) => {
                self.check_concealed(&Spot::Stored(id), Some(&[]))?;
                Err(RefusalKind::BelowLeaf.into())
            }
            Place::Missing { nearest, rest } => self.add_stored(uri, nearest, rest, new),
            Place::Mounted(mounted) => {
                self.add_mounted(uri, &mounted, new)?;
                Ok((Spot::Mounted(mounted), 0))
            }
        }
    }

    /// Whether the server may add below a stored node at all. Returns the number of missing ancestors, and by which
    /// rule it may.
    pub(crate) fn admit(
        &self,
        uri: &NodeUri<'_>,
        parent: NodeId,
        rest: &Segments<'_>,
    ) -> Result<(usize, Verdict), Refusal> {
        self.check_concealed(&Spot::Stored(parent), Some(&[]))?;
        let ancestors = rest.clone().count().saturating_sub(1);
        if ancestors > 0 && !self.tree.policy().implicit_add {
            return Err(RefusalKind::NotFound.into());
        }
        let verdict = self.tree.judge_actor(self.actor, Rights::ADD, &Spot::Stored(parent), Some(&[]));
        if !verdict.is_allowed() {
            return Err(in_the_way(verdict.into(), uri, rest));
        }
        if !self.tree.at(parent).access.contains(AccessType::ADD) {
            return Err(in_the_way(RefusalKind::AccessType, uri, rest));
        }
        Ok((ancestors, verdict))
    }

    /// The ACL of the topmost new node. Who adds an interior node and could not change its ACL gets rights on it
    /// (TND 1.2.1 §7.7.1, new nodes). Below the first such node everything inherits, so one ACL does for all of
    /// them. Leaves never get one.
    pub(crate) fn top_acl(
        &self,
        parent: NodeId,
        ancestors: usize,
        is_leaf: bool,
        by: &Verdict,
    ) -> Result<Acl, Refusal> {
        if ancestors == 0 && is_leaf {
            return Ok(Acl::EMPTY);
        }
        let acl = self.acl_of_new(&Spot::Stored(parent), by);
        if !acl.is_empty() && acl.text_len() > self.tree.limits().max_acl_len {
            return Err(RefusalKind::Full.into());
        }
        Ok(acl)
    }

    /// What the owner or a delegatee adds is the owner's, who needs no ACL for it.
    fn acl_of_new(&self, parent: &Spot<'_>, by: &Verdict) -> Acl {
        match by {
            Verdict::Acl => Tree::acl_of_new_interior(self.actor, self.tree.effective(parent)),
            _ => Acl::EMPTY,
        }
    }

    /// Refuses a new object of a type that the server may not manage.
    pub(crate) fn check_type(&self, new: &NewNode) -> Result<(), Refusal> {
        match (new, self.actor.server()) {
            (NewNode::Interior { mo_id }, Some(server)) if !self.tree.may_make(server, mo_id) => {
                Err(RefusalKind::MoType.into())
            }
            _ => Ok(()),
        }
    }

    fn add_stored<'u>(
        &mut self,
        uri: &NodeUri<'_>,
        parent: NodeId,
        rest: Segments<'_>,
        new: impl FnOnce() -> Result<NewNode, RefusalKind>,
    ) -> Result<(Spot<'u>, usize), Refusal> {
        let (ancestors, by) = self.admit(uri, parent, &rest)?;
        let new = new()?;
        self.check_type(&new)?;
        let is_object = matches!(&new, NewNode::Interior { mo_id } if !mo_id.is_empty());
        if self.tree.schema.is_some() {
            self.check_new(uri, parent, &rest, &new)?;
        }
        let mut acl = self.top_acl(parent, ancestors, new.is_leaf(), &by)?;
        let is_owned = is_object && self.tree.ledger.is_some() && by == Verdict::Acl;
        if is_owned {
            self.tree.check_marks()?;
            if let Some(server) = self.actor.server()
                && ancestors == 0
                && !acl.is_empty()
            {
                // The object is its owner's alone (DM-HLF-011), and its ACL says no more.
                acl = Acl::EMPTY;
                acl.grant(server, Rights::ALL);
            }
        }
        let mut spec = NodeSpec::new(new);
        if let Some(schema) = &self.tree.schema {
            let expected = schema.expected(uri);
            spec = spec.with_access(expected.access.unwrap_or(AccessType::ALL));
            if expected.ignores_case {
                spec = spec.ignoring_case();
            }
        }
        let id = self.tree.create_path(parent, rest, spec, acl)?;
        crate::standard::hide_secrets(self.tree, id);
        if is_owned {
            self.tree.own_new(self.actor, &Spot::Stored(id), &by);
        }
        Ok((Spot::Stored(id), ancestors))
    }

    /// Asks the description of the tree about each node that would be created.
    fn check_new(
        &self,
        uri: &NodeUri<'_>,
        parent: NodeId,
        rest: &Segments<'_>,
        new: &NewNode,
    ) -> Result<(), Refusal> {
        let ancestor = NewNode::Interior { mo_id: alloc::string::String::new() };
        let mut at = self.tree.uri_of(parent);
        let mut segments = rest.clone().peekable();
        while let Some(segment) = segments.next() {
            at = at.join(segment.as_str());
            let is_last = segments.peek().is_none();
            let checked = self.check_schema(&at, SchemaCommand::Add(if is_last { new } else { &ancestor }));
            checked.map_err(|refusal| if is_last { refusal } else { refusal.with_node(at.clone()) })?;
        }
        let _ = uri;
        Ok(())
    }

    fn add_mounted(
        &mut self,
        uri: &NodeUri<'_>,
        mounted: &Mounted<'_>,
        new: impl FnOnce() -> Result<NewNode, RefusalKind>,
    ) -> Result<(), Refusal> {
        let mut types = self.served_types(mounted)?;
        self.check_concealed(&Spot::Mounted(mounted.clone()), Some(&types))?;
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
        types.pop();
        let by = self.tree.judge_actor(self.actor, Rights::ADD, &parent, Some(&types));
        if !by.is_allowed() {
            return Err(RefusalKind::from(by).into());
        }
        if !facts.access.contains(AccessType::ADD) {
            return Err(RefusalKind::AccessType.into());
        }
        let new = new()?;
        self.check_type(&new)?;
        self.check_schema(uri, SchemaCommand::Add(&new))?;
        let acl = match &new {
            NewNode::Interior { .. } => self.acl_of_new(&parent, &by),
            NewNode::Leaf(_) => Acl::EMPTY,
        };
        let is_object = matches!(&new, NewNode::Interior { mo_id } if !mo_id.is_empty());
        if is_object {
            self.tree.check_marks()?;
        }
        if acl.text_len() > self.tree.limits().max_acl_len {
            return Err(RefusalKind::Full.into());
        }
        self.prepare(mounted)?;
        // The ACL takes its room first, since a handler's Add cannot be undone. Whatever was left there by a node
        // that went without a word is not inherited.
        self.tree.drop_mounted_acls(mounted);
        self.tree.put_mounted_acl(mounted, acl)?;
        if is_object {
            self.tree.own_new(self.actor, &Spot::Mounted(mounted.clone()), &by);
        }
        let (handler, cx) = self.ask(mounted)?;
        let Err(no) = handler.add(&cx, &mounted.names(), &new) else { return self.settle_ledger() };
        let refusal = self
            .no_answer(no, |acting| Question::Add { uri: acting.uri_of(&Spot::Mounted(mounted.clone())) });
        if no != NoAnswer::Later || !refusal.is_waiting() {
            self.tree.drop_mounted_acls(mounted);
        }
        Err(refusal)
    }
}

/// An ancestor that cannot be created is named: the topmost one missing.
fn in_the_way(kind: RefusalKind, uri: &NodeUri<'_>, rest: &Segments<'_>) -> Refusal {
    let below: usize = rest.clone().skip(1).map(|segment| segment.as_str().len() + 1).sum();
    match NodeUri::parse(&uri.as_str()[..uri.as_str().len() - below]) {
        Ok(ancestor) if below > 0 => Refusal::new(kind).with_node(ancestor.into_owned()),
        _ => Refusal::new(kind),
    }
}
