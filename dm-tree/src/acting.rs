//! A tree in the hands of one authenticated server, or of an application of the device.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::access::Spot;
use crate::authority::{Ledger, LedgerObject, ServedTypes, Verdict};
use crate::change::{Change, ChangeKind, ExecRequest};
use crate::error::{Refusal, RefusalKind};
use crate::handler::{Context, Handler, Handlers, NoAnswer};
use crate::mount::Mounted;
use crate::node::NodeFacts;
use crate::pending::Question;
use crate::principal::Actor;
use crate::property::Property;
use crate::rights::{AccessType, Rights};
use crate::schema::SchemaCommand;
use crate::server_id::ServerId;
use crate::store::{Content as Stored, Flags};
use crate::tree::{Place, Tree};
use crate::uri::{List, NodeUri, Query, Uri, escape};
use crate::value::{Format, Value};

/// Executes commands on a tree for one authenticated server, or for a registered application of the device. Made by
/// [`Tree::act_for`] and [`Applications::act`](crate::application::Applications::act).
///
/// Every method takes the `LocURI` as it came and checks in one order, whichever command it is: the address (500,
/// lengths 414), whether it can be part of the open Atomic (500, 403), the property or list it names (406, 405),
/// a type that the server may not manage or a full delegation to another (425), existence (404, 418, 405 below a leaf), permanence for
/// Delete and rename (405), the ACL (425), the `AccessType` (405), the kind of node (405), the data (415, 405,
/// 413), room (420), and then the handler's own answer. What is refused has changed nothing.
///
/// ```
/// use dm_tree::{Content, ServerId, Tree};
///
/// let mut tree = Tree::default();
/// let server = ServerId::new("com.example.dm")?;
/// let handlers = &mut (); // nothing is mounted
/// let mut acting = tree.act_for(&server, handlers);
/// acting.add("./Notes", &Content::interior(""))?;
/// acting.add("./Notes/1", &Content::new(b"hello"))?;
/// assert_eq!(acting.get("./Notes")?.data(), b"1");
/// assert_eq!(acting.replace(".", &Content::new(b"x")).unwrap_err().status().get(), 425);
/// assert_eq!(acting.take_changes().len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Acting<'t> {
    pub(crate) tree: &'t mut Tree,
    pub(crate) handlers: &'t mut dyn Handlers,
    pub(crate) actor: Actor<'t>,
    pub(crate) correlator: Option<&'t str>,
    pub(crate) changes: Vec<Change>,
    pub(crate) requests: Vec<ExecRequest>,
    /// Serves the object that shows the ledger.
    pub(crate) ledger: LedgerObject,
}

impl Tree {
    /// Lets `server`, which must have been authenticated, act on the tree. `handlers` serve the mounted subtrees;
    /// `&mut ()` when there are none.
    pub fn act_for<'t>(&'t mut self, server: &'t ServerId, handlers: &'t mut dyn Handlers) -> Acting<'t> {
        self.act_as(Actor::Server(server), handlers)
    }

    /// Lets a server or an application act.
    pub(crate) fn act_as<'t>(&'t mut self, actor: Actor<'t>, handlers: &'t mut dyn Handlers) -> Acting<'t> {
        Acting {
            tree: self,
            handlers,
            actor,
            correlator: None,
            changes: Vec::new(),
            requests: Vec::new(),
            ledger: LedgerObject::default(),
        }
    }
}

impl<'t> Acting<'t> {
    /// Sets the correlator of the command, for Exec.
    #[must_use]
    pub const fn with_correlator(mut self, correlator: Option<&'t str>) -> Self {
        self.correlator = correlator;
        self
    }

    /// The tree, to look at.
    #[must_use]
    pub const fn tree(&self) -> &Tree {
        self.tree
    }

    /// What has changed since the last call, in order.
    pub fn take_changes(&mut self) -> Vec<Change> {
        core::mem::take(&mut self.changes)
    }

    /// What handlers have accepted to execute since the last call, in order.
    pub fn take_exec_requests(&mut self) -> Vec<ExecRequest> {
        core::mem::take(&mut self.requests)
    }

    /// The first checks: address, lengths, and whether the command goes with the query.
    pub(crate) fn aim<'u>(&self, uri: &'u str, command: Rights) -> Result<Aim<'u>, Refusal> {
        let uri = Uri::parse_with(uri, self.tree.policy().uri_leniency)?;
        uri.check(&self.tree.limits().uri)?;
        self.tree.check_turn(self.actor)?;
        if self.tree.is_atomic_open() && (command == Rights::GET || command == Rights::EXEC) {
            return Err(RefusalKind::NotInAtomic.into());
        }
        let query = uri.query();
        let node = uri.into_node();
        self.actor.check_place(self.tree, &node)?;
        let Some(query) = query else { return Ok(Aim { node, query: Aspect::Node }) };
        let property = match query {
            Query::List(_) if command == Rights::GET => {
                let list = query.list().ok_or(RefusalKind::UnsupportedList)?;
                return Ok(Aim { node, query: Aspect::List(list) });
            }
            Query::List(_) => return Err(RefusalKind::NotOnProperty.into()),
            Query::Property(name) => Property::from_name(name).ok_or(RefusalKind::UnknownProperty)?,
        };
        match command {
            // Kept only by a tree that is told the time.
            Rights::GET if property == Property::TStamp && self.tree.wall_clock().is_none() => {
                Err(RefusalKind::UnknownProperty.into())
            }
            Rights::GET => Ok(Aim { node, query: Aspect::Property(property) }),
            Rights::REPLACE if property.is_replaceable() => {
                Ok(Aim { node, query: Aspect::Property(property) })
            }
            _ => Err(RefusalKind::NotOnProperty.into()),
        }
    }

    /// As [`aim`](Self::aim), for commands that are possible on nodes only.
    pub(crate) fn aim_at_node<'u>(&self, uri: &'u str, command: Rights) -> Result<NodeUri<'u>, Refusal> {
        let aim = self.aim(uri, command)?;
        match aim.query {
            Aspect::Node => Ok(aim.node),
            _ => Err(RefusalKind::NotOnProperty.into()),
        }
    }

    /// The node at an address, whoever has it.
    pub(crate) fn find<'u>(&mut self, uri: &'u NodeUri<'_>) -> Result<Found<'u>, Refusal> {
        match self.tree.locate(uri) {
            Place::Stored(id) => {
                let spot = Spot::Stored(id);
                self.check_concealed(&spot, Some(&[]))?;
                Ok(Found::stored(self.tree, spot))
            }
            Place::Mounted(mounted) => {
                let types = self.served_types(&mounted)?;
                self.check_concealed(&Spot::Mounted(mounted.clone()), Some(&types))?;
                let facts = self.facts(&mounted)?.ok_or(RefusalKind::NotFound)?;
                let mut found = Found::served(self.tree, mounted, facts);
                found.types = types;
                Ok(found)
            }
            Place::Missing { nearest: id, .. } | Place::BelowLeaf(id) => {
                if let Some(server) = self.actor.server() {
                    self.tree.check_missing(server, id)?;
                }
                Err(RefusalKind::NotFound.into())
            }
        }
    }

    /// Refuses what the server must not even know of, before it is asked whether it exists.
    pub(crate) fn check_concealed(&self, spot: &Spot<'_>, types: ServedTypes<'_>) -> Result<(), Refusal> {
        // Applications are the device's own: for them the ledger of authorities says nothing.
        let Some(server) = self.actor.server().filter(|server| self.tree.conceals(server)) else {
            return Ok(());
        };
        match self.tree.judge(server, Rights::NONE, spot, types) {
            verdict if verdict.is_concealed() => Err(RefusalKind::from(verdict).into()),
            _ => Ok(()),
        }
    }

    /// Whether there may be nodes that the actor must not even know of.
    pub(crate) fn hides(&self) -> bool {
        self.actor.server().is_some_and(|server| self.tree.conceals(server))
    }

    /// Whether the actor must not know of a node.
    pub(crate) fn is_hidden(&self, spot: &Spot<'_>, types: ServedTypes<'_>) -> bool {
        self.check_concealed(spot, types).is_err()
    }

    /// The types of a handler's nodes from the mount point down to one of them, where they matter.
    pub(crate) fn served_types(&mut self, mounted: &Mounted<'_>) -> Result<Vec<String>, Refusal> {
        let Some(server) = self.actor.server() else { return Ok(Vec::new()) };
        let matters = |ledger: &Ledger| ledger.looks_at_types(server);
        if !self.tree.ledger.as_deref().is_some_and(matters) {
            return Ok(Vec::new());
        }
        let mut types = Vec::with_capacity(mounted.path.len() + 1);
        for len in 0..=mounted.path.len() {
            let above = Mounted { path: mounted.path[..len].to_vec(), ..*mounted };
            let facts = self.facts(&above)?.filter(|facts| facts.format == Format::Node);
            types.push(facts.map_or_else(String::new, |facts| facts.mime.as_ref().into()));
        }
        Ok(types)
    }

    pub(crate) fn judge(&self, found: &Found<'_>, right: Rights) -> Verdict {
        self.tree.judge_actor(self.actor, right, &found.spot, Some(&found.types))
    }

    pub(crate) fn check_acl(&self, found: &Found<'_>, right: Rights) -> Result<(), Refusal> {
        match self.judge(found, right) {
            verdict if verdict.is_allowed() => Ok(()),
            verdict => Err(RefusalKind::from(verdict).into()),
        }
    }

    /// What the handler says about one of its nodes.
    pub(crate) fn facts(&mut self, mounted: &Mounted<'_>) -> Result<Option<NodeFacts>, Refusal> {
        let (handler, cx) = self.ask(mounted)?;
        Ok(handler.node(&cx, &mounted.names()))
    }

    /// The handler of a mounted node, and what it is told.
    pub(crate) fn ask(&mut self, mounted: &Mounted<'_>) -> Result<(&mut dyn Handler, Context<'_>), Refusal> {
        let cx = Context {
            ticket: self.tree.pending.next(),
            tree: self.tree,
            actor: self.actor,
            correlator: self.correlator,
            mount: mounted.id,
        };
        if self.tree.is_ledger_object(mounted.id) {
            return Ok((&mut self.ledger, cx));
        }
        let handler = self.handlers.handler(mounted.id).ok_or(RefusalKind::NoHandler)?;
        Ok((handler, cx))
    }

    /// Has a handler that is about to change something prepare to undo it, where that may have to be.
    pub(crate) fn prepare(&mut self, mounted: &Mounted<'_>) -> Result<(), Refusal> {
        // What is done to the ledger the tree undoes itself.
        if self.tree.is_ledger_object(mounted.id) {
            return Ok(());
        }
        match &self.tree.atomic {
            Some(atomic) if !atomic.begun.contains(&mounted.id) => {}
            _ => return Ok(()),
        }
        let (handler, cx) = self.ask(mounted)?;
        handler.begin(&cx).map_err(RefusalKind::HandlerNotAtomic)?;
        if let Some(atomic) = &mut self.tree.atomic {
            atomic.begun.push(mounted.id);
        }
        Ok(())
    }

    /// What it means that a handler did not answer.
    pub(crate) fn no_answer(&mut self, no: NoAnswer, question: impl FnOnce(&Self) -> Question) -> Refusal {
        match no {
            NoAnswer::Refused(status) => RefusalKind::Handler(status).into(),
            NoAnswer::Later => {
                let question = question(self);
                self.tree.wait_for(self.actor, question).into()
            }
        }
    }

    /// What the description of the tree says.
    pub(crate) fn check_schema(&self, uri: &NodeUri<'_>, command: SchemaCommand<'_>) -> Result<(), Refusal> {
        match &self.tree.schema {
            None => Ok(()),
            Some(schema) => Ok(schema.check(self.tree, uri, command).map_err(RefusalKind::Schema)?),
        }
    }

    pub(crate) fn uri_of(&self, spot: &Spot<'_>) -> NodeUri<'static> {
        match spot {
            Spot::Stored(id) => self.tree.uri_of(*id),
            Spot::Mounted(mounted) => {
                mounted.path.iter().fold(self.tree.uri_of(mounted.node), |uri, name| uri.join(&escape(name)))
            }
        }
    }

    pub(crate) fn record(&mut self, spot: &Spot<'_>, kind: ChangeKind) {
        let uri = self.uri_of(spot);
        self.note_change(uri, kind);
    }

    /// A change, for whoever follows the tree.
    pub(crate) fn note_change(&mut self, uri: NodeUri<'static>, kind: ChangeKind) {
        self.changes.push(Change { uri, kind, by: self.actor.principal() });
    }

    /// As [`record`](Self::record), for who has the address at hand.
    pub(crate) fn record_at(&mut self, uri: &NodeUri<'_>, spot: &Spot<'_>, kind: ChangeKind) {
        let folds =
            matches!(spot, Spot::Stored(id) if self.tree.at(*id).flags.contains(Flags::BELOW_FOLDING));
        match uri.usual() {
            Some(uri) if !folds => self.note_change(uri, kind),
            _ => self.record(spot, kind),
        }
    }
}

impl fmt::Debug for Acting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acting")
            .field("actor", &self.actor.principal())
            .field("changes", &self.changes)
            .finish_non_exhaustive()
    }
}

/// What a command is aimed at.
pub(crate) struct Aim<'u> {
    pub(crate) node: NodeUri<'u>,
    pub(crate) query: Aspect<'u>,
}

/// Which side of a node is meant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aspect<'u> {
    Node,
    Property(Property),
    List(List<'u>),
}

/// A node that exists, stored or served, with what the checks need to know of it.
pub(crate) struct Found<'u> {
    pub(crate) spot: Spot<'u>,
    pub(crate) is_interior: bool,
    pub(crate) is_permanent: bool,
    pub(crate) access: AccessType,
    /// Never shown, whatever the ACL says.
    pub(crate) is_sealed: bool,
    /// The types of the served nodes on the way to it, where they matter.
    pub(crate) types: Vec<String>,
    /// Format and type of a served node; those of a stored one are in the tree.
    served: Option<NodeFacts>,
}

impl<'u> Found<'u> {
    pub(crate) fn stored(tree: &Tree, spot: Spot<'u>) -> Self {
        let (is_interior, is_permanent, access, is_sealed) = match &spot {
            Spot::Stored(id) => {
                let node = tree.at(*id);
                let is_interior = matches!(node.content, Stored::Interior(_));
                (is_interior, node.is_permanent(), node.access, node.flags.contains(Flags::SEALED))
            }
            Spot::Mounted(_) => (false, true, AccessType::NONE, false),
        };
        Self { spot, is_interior, is_permanent, access, is_sealed, types: Vec::new(), served: None }
    }

    pub(crate) fn served(tree: &Tree, mounted: Mounted<'u>, facts: NodeFacts) -> Self {
        Self {
            is_interior: facts.format == Format::Node,
            // The mount point is the device's, whatever the handler says.
            is_permanent: facts.permanent || mounted.path.is_empty(),
            access: facts.access,
            is_sealed: tree.at(mounted.node).flags.contains(Flags::SEALED),
            spot: Spot::Mounted(mounted),
            types: Vec::new(),
            served: Some(facts),
        }
    }

    pub(crate) fn check_access(&self, access: AccessType) -> Result<(), Refusal> {
        if self.access.contains(access) { Ok(()) } else { Err(RefusalKind::AccessType.into()) }
    }

    /// The stored value, when it is a stored leaf.
    pub(crate) fn value<'a>(&self, tree: &'a Tree) -> Option<&'a Value> {
        match &self.spot {
            Spot::Stored(id) => match &tree.at(*id).content {
                Stored::Leaf(value) => Some(value),
                _ => None,
            },
            Spot::Mounted(_) => None,
        }
    }

    pub(crate) fn format(&self, tree: &Tree) -> Format {
        match &self.served {
            Some(facts) => facts.format,
            None => self.value(tree).map_or(Format::Node, Value::format),
        }
    }

    pub(crate) fn type_of(&self, tree: &Tree) -> String {
        match (&self.served, &self.spot) {
            (Some(facts), _) => facts.mime.as_ref().into(),
            (None, Spot::Stored(id)) => match &tree.at(*id).content {
                Stored::Leaf(value) => value.mime().into(),
                Stored::Interior(interior) => interior.mo_id().into(),
                Stored::Mount(_) | Stored::Vacant => String::new(),
            },
            (None, Spot::Mounted(_)) => String::new(),
        }
    }
}
