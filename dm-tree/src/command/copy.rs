//! Copy (RepPro 1.2.1, Copy; DM 1.3 for subtrees).

use alloc::string::String;
use alloc::vec::Vec;

use crate::access::Spot;
use crate::acting::{Acting, Found};
use crate::authority::Verdict;
use crate::change::ChangeKind;
use crate::error::{Refusal, RefusalKind};
use crate::handler::NoAnswer;
use crate::node::{NewNode, NodeSpec};
use crate::rights::{AccessType, Rights};
use crate::schema::SchemaCommand;
use crate::store::{Content as Stored, NodeId};
use crate::tree::Place;
use crate::uri::{NodeUri, Segment};
use crate::value::Value;

impl Acting<'_> {
    /// Copy: the value of a leaf over that of another, or to a new leaf; or a subtree, structure and values, to
    /// where nothing is yet.
    ///
    /// Needs what the Get and the Replace or Adds would need that it consists of, and `Copy` in the `AccessType` of
    /// the source. ACLs and titles are not copied; new nodes get theirs as with Add. Nodes that handlers serve are
    /// copied one leaf at a time, and not as part of a subtree (406).
    ///
    /// # Errors
    ///
    /// [`Refusal`] with the status to answer; nothing is copied then.
    pub fn copy(&mut self, source: &str, target: &str) -> Result<(), Refusal> {
        // Rights of a Copy are those of its parts; what goes with addresses and Atomics is as for an Add.
        let source = self.aim_at_node(source, Rights::ADD)?;
        let target = self.aim_at_node(target, Rights::ADD)?;
        let from = self.find(&source)?;
        let is_new = match self.tree.locate(&target) {
            Place::Stored(id) => {
                self.check_concealed(&Spot::Stored(id), Some(&[]))?;
                false
            }
            Place::Mounted(mounted) => {
                let types = self.served_types(&mounted)?;
                self.check_concealed(&Spot::Mounted(mounted.clone()), Some(&types))?;
                self.facts(&mounted)?.is_none()
            }
            Place::Missing { nearest, .. } => {
                self.check_concealed(&Spot::Stored(nearest), Some(&[]))?;
                true
            }
            Place::BelowLeaf(id) => {
                self.check_concealed(&Spot::Stored(id), Some(&[]))?;
                return Err(RefusalKind::BelowLeaf.into());
            }
        };
        if from.is_interior && starts_with(&target, &source) {
            return Err(RefusalKind::CopyIntoItself.into());
        }
        self.check_readable(&from)?;
        from.check_access(AccessType::COPY)?;
        match from.is_interior {
            false => {
                let value = self.value_of(&from)?;
                if is_new { self.copy_to_new(&target, value) } else { self.copy_over(&target, value) }
            }
            true if !is_new => {
                let found = self.find(&target)?;
                self.check_acl(&found, Rights::REPLACE)?;
                Err(RefusalKind::Interior.into())
            }
            true => self.copy_subtree(&from, &target),
        }
    }

    /// The rights of a Get.
    fn check_readable(&self, found: &Found<'_>) -> Result<(), Refusal> {
        if found.is_sealed {
            return Err(RefusalKind::AccessType.into());
        }
        self.check_acl(found, Rights::GET)?;
        found.check_access(AccessType::GET)
    }

    fn value_of(&mut self, found: &Found<'_>) -> Result<Value, Refusal> {
        if let Some(value) = found.value(self.tree) {
            return Ok(value.clone());
        }
        let (format, mime) = (found.format(self.tree), found.type_of(self.tree));
        let Spot::Mounted(mounted) = &found.spot else { return Err(RefusalKind::Interior.into()) };
        let (handler, cx) = self.ask(mounted)?;
        let data = handler.get(&cx, &mounted.names()).map_err(|no| match no {
            NoAnswer::Refused(status) => RefusalKind::Handler(status),
            NoAnswer::Later => RefusalKind::HandlerLater,
        })?;
        Ok(Value::new(format, mime, data).map_err(|_| RefusalKind::CopyTarget)?)
    }

    fn copy_to_new(&mut self, target: &NodeUri<'_>, value: Value) -> Result<(), Refusal> {
        let (spot, ancestors) = self.add_at(target, || Ok(NewNode::Leaf(value)))?;
        self.record(&spot, ChangeKind::Added { ancestors });
        Ok(())
    }

    fn copy_over(&mut self, target: &NodeUri<'_>, value: Value) -> Result<(), Refusal> {
        let found = self.find(target)?;
        self.check_acl(&found, Rights::REPLACE)?;
        found.check_access(AccessType::REPLACE)?;
        if found.is_interior {
            return Err(RefusalKind::Interior.into());
        }
        // A permanent node keeps format and type, so it cannot take any other.
        let differs = value.format() != found.format(self.tree) || value.mime() != found.type_of(self.tree);
        if found.is_permanent && differs {
            return Err(RefusalKind::CopyTarget.into());
        }
        self.put_value_at(target, &found, value)
    }

    fn copy_subtree(&mut self, from: &Found<'_>, target: &NodeUri<'_>) -> Result<(), Refusal> {
        let Spot::Stored(top) = from.spot else { return Err(RefusalKind::UnsupportedCommand.into()) };
        let Place::Missing { nearest, rest } = self.tree.locate(target) else {
            return Err(RefusalKind::UnsupportedCommand.into());
        };
        let (ancestors, by) = self.admit(target, nearest, &rest)?;
        // Everything is looked at before anything is made, so that what is made cannot be part of it.
        let plan = self.plan_copy(top, target)?;
        let acl = self.top_acl(nearest, ancestors, false, &by)?;
        let owns = self.tree.ledger.is_some() && by == Verdict::Acl;
        if owns {
            self.tree.check_marks()?;
        }
        let names = rest.rest().len() + 1 - rest.clone().count();
        let len: usize = plan.iter().skip(1).map(|part| part.name.len() + new_len(&part.new)).sum();
        self.tree.check_room(plan.len() + ancestors, names + len + acl.text_len())?;
        let mut ids: Vec<NodeId> = Vec::with_capacity(plan.len());
        for part in plan {
            let spec = NodeSpec::new(part.new);
            let id = match ids.get(part.parent) {
                None => self.tree.create_path(nearest, rest.clone(), spec, acl.clone())?,
                Some(parent) => self.tree.put_node(*parent, Segment::trusted(&part.name), spec),
            };
            crate::standard::hide_secrets(self.tree, id);
            ids.push(id);
        }
        if owns {
            self.own_objects(&ids);
        }
        if let Some(id) = ids.first() {
            self.record(&Spot::Stored(*id), ChangeKind::Added { ancestors });
        }
        Ok(())
    }

    fn plan_copy(&self, top: NodeId, target: &NodeUri<'_>) -> Result<Vec<Part>, Refusal> {
        let mut plan: Vec<Part> = Vec::new();
        let mut too_long = None;
        let mut stack = alloc::vec![(top, usize::MAX, target.clone().into_owned())];
        while let Some((id, parent, uri)) = stack.pop() {
            let found = Found::stored(self.tree, Spot::Stored(id));
            self.check_readable(&found)?;
            // Rights on all of it are asked before anything else.
            if let Err(error) = uri.check(&self.tree.limits().uri) {
                too_long.get_or_insert(error);
            }
            let node = self.tree.at(id);
            let new = match &node.content {
                Stored::Interior(interior) => NewNode::Interior { mo_id: interior.mo_id().into() },
                Stored::Leaf(value) => NewNode::Leaf(value.clone()),
                Stored::Mount(_) | Stored::Vacant => return Err(RefusalKind::UnsupportedCommand.into()),
            };
            // The last is the first to be looked at.
            for child in self.tree.store.children(id).iter().rev() {
                let below = uri.join(self.tree.at(*child).name.as_str());
                stack.push((*child, plan.len(), below));
            }
            self.check_type(&new)?;
            plan.push(Part { parent, uri, name: node.name.as_str().into(), new });
        }
        if let Some(error) = too_long {
            return Err(error.into());
        }
        for part in &plan {
            self.check_schema(&part.uri, SchemaCommand::Add(&part.new))?;
        }
        Ok(plan)
    }

    /// What was copied by a right of the server's own is the server's: the objects in it, where they begin.
    fn own_objects(&mut self, ids: &[NodeId]) {
        for id in ids {
            let is_object = matches!(&self.tree.at(*id).content, Stored::Interior(interior) if !interior.mo_id().is_empty());
            let spot = Spot::Stored(*id);
            let is_owned =
                self.tree.owned_at(&spot).and_then(|(_, own)| own.owner.as_ref()) == self.actor.server();
            if is_object && !is_owned {
                self.tree.own_new(self.actor, &spot, &Verdict::Acl);
            }
        }
    }

    /// Gives a leaf that may be replaced another value.
    pub(crate) fn put_value_at(
        &mut self,
        uri: &NodeUri<'_>,
        found: &Found<'_>,
        value: Value,
    ) -> Result<(), Refusal> {
        self.contend(found)?;
        self.check_schema(uri, SchemaCommand::Replace(&value))?;
        match &found.spot {
            Spot::Stored(id) => self.tree.put_value(*id, value)?,
            Spot::Mounted(mounted) => {
                self.prepare(mounted)?;
                let (handler, cx) = self.ask(mounted)?;
                if let Err(no) = handler.replace(&cx, &mounted.names(), &value) {
                    let question =
                        |acting: &Self| crate::pending::Question::Replace { uri: acting.uri_of(&found.spot) };
                    return Err(self.no_answer(no, question));
                }
                self.settle_ledger()?;
            }
        }
        self.claim(found);
        self.record_at(uri, &found.spot, ChangeKind::Replaced);
        Ok(())
    }
}

/// A node to be made.
struct Part {
    /// Which of the parts it goes below; none for the top.
    parent: usize,
    /// Where it goes.
    uri: NodeUri<'static>,
    name: String,
    new: NewNode,
}

fn new_len(new: &NewNode) -> usize {
    match new {
        NewNode::Interior { mo_id } => mo_id.len(),
        NewNode::Leaf(value) => value.mime().len() + value.data().len(),
    }
}

/// Whether `uri` is `top` or below it.
pub(crate) fn starts_with(uri: &NodeUri<'_>, top: &NodeUri<'_>) -> bool {
    let mut names = uri.segments().map(Segment::name);
    top.segments().all(|segment| names.next() == Some(segment.name()))
}
