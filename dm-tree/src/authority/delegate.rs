//! Owners, delegations and their end: what the device says, and what authorities may say.

use alloc::string::String;
use alloc::vec::Vec;

use dm_syncml::StatusCode;

use super::decision::{ServedTypes, Verdict};
use super::ledger::{Entry, Ownership, Site};
use super::step::LedgerStep;
use super::terms::{Delegation, DelegationId, DelegationKind, Priority, Scope, Terms};
use super::types::TypeRules;
use crate::access::Spot;
use crate::error::TreeError;
use crate::mount::MountId;
use crate::principal::Actor;
use crate::rights::Rights;
use crate::server_id::ServerId;
use crate::store::Content;
use crate::timestamp::Timestamp;
use crate::tree::{Place, Tree};
use crate::uri::NodeUri;

/// Why the ledger was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct LedgerError {
    kind: LedgerErrorKind,
}

impl LedgerError {
    /// The reason.
    #[must_use]
    pub const fn kind(&self) -> LedgerErrorKind {
        self.kind
    }

    /// What to answer a server that asked for it.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.kind.status()
    }
}

impl LedgerErrorKind {
    /// What to answer a server that asked for it.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Full => StatusCode::DEVICE_FULL,
            Self::TooLarge => StatusCode::TOO_LARGE,
            Self::NoSuchDelegation => StatusCode::NOT_FOUND,
            Self::NoClock | Self::Over | Self::Incomplete => StatusCode::COMMAND_FAILED,
            _ => StatusCode::PERMISSION_DENIED,
        }
    }
}

impl From<LedgerErrorKind> for LedgerError {
    fn from(kind: LedgerErrorKind) -> Self {
        Self { kind }
    }
}

/// The reasons for which a ledger is not changed. Where no other status is named it is 425.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerErrorKind {
    /// It does not own the scope, or does not have it in its hands now; or there is no such node.
    #[error("the scope is not its own")]
    NotOwner,
    /// The delegation to be passed on was made to another.
    #[error("not the delegatee of what is to be passed on")]
    NotDelegatee,
    /// The scope or the commands go beyond what is held.
    #[error("more than it holds")]
    BeyondTerms,
    /// A kind that this authority cannot make here: only the owner shares, only who holds a delegation makes a sub-delegation
    /// of it, and only who holds a full one passes it on in full.
    #[error("a kind of delegation that is not its to make")]
    Kind,
    /// No further level of delegation is allowed.
    #[error("no further level of delegation is allowed")]
    Depth,
    /// The terms prohibit this delegatee.
    #[error("the delegatee is prohibited")]
    Prohibited,
    /// There is a restriction that nobody here knows.
    #[error("under a restriction that is not known")]
    UnknownRestriction,
    /// A priority above its own.
    #[error("a priority above its own")]
    Priority,
    /// To itself.
    #[error("a delegation to itself")]
    ToItself,
    /// Not a thing that this authority may end or change.
    #[error("not its to end or to change")]
    NotItsOwn,
    /// No command is delegated, or something else is missing: 500.
    #[error("terms that are not complete")]
    Incomplete,
    /// An end, and nobody told the time: 500.
    #[error("an end of time without a clock")]
    NoClock,
    /// An end that has passed: 500.
    #[error("an end that has passed")]
    Over,
    /// There is no such delegation: 404.
    #[error("no such delegation")]
    NoSuchDelegation,
    /// The terms name more than the limits allow: 413.
    #[error("more restrictions than the limits allow")]
    TooLarge,
    /// The ledger is full: 420.
    #[error("the ledger is full")]
    Full,
}

/// The ledger of authorities; see [`authority`](crate::authority). What takes the identifier of an authority does what that
/// authority may do; the rest is the device's own.
impl Tree {
    /// From now on there is a ledger: who adds an object owns it, and may delegate it. Does nothing when there is one.
    pub fn begin_ledger(&mut self) {
        if self.ledger.is_none() {
            self.take_step(LedgerStep::Begun);
        }
    }

    /// Whether there is a ledger.
    #[must_use]
    pub const fn has_ledger(&self) -> bool {
        self.ledger.is_some()
    }

    /// Says whose a node is, with everything below it that has no owner of its own; with `None` that it is nobody's
    /// in particular, and the ACLs decide. Delegations that someone else had made there end, and are returned.
    /// Below a mount point the node need not exist; what is said of one that does not is forgotten when a server adds it.
    ///
    /// # Errors
    ///
    /// When the address leads nowhere, or the ledger is full.
    pub fn set_owner(&mut self, uri: &str, owner: Option<&ServerId>) -> Result<Vec<Delegation>, TreeError> {
        let uri = NodeUri::parse(uri)?;
        let site = self.site_at(&uri).ok_or(TreeError::NotFound)?;
        self.check_marks()?;
        let own = |owner: &ServerId| Ownership { owner: Some(owner.clone()), priority: Priority::default() };
        let step = LedgerStep::Owner { at: site, ownership: owner.map(own) };
        Ok(self.take_step(step).unwrap_or_default())
    }

    /// Whose the node at `uri` is; `None` when it is nobody's.
    #[must_use]
    pub fn owner(&self, uri: &NodeUri<'_>) -> Option<&ServerId> {
        let spot = self.spot_at(uri)?;
        self.owned_at(&spot)?.1.owner.as_ref()
    }

    /// The nodes that were given an owner, with their addresses, in the order of these.
    #[must_use]
    pub fn owned_by(&self, owner: &ServerId) -> Vec<NodeUri<'static>> {
        let Some(ledger) = self.ledger.as_deref() else { return Vec::new() };
        let mine = ledger.owned().filter(|(_, own)| own.owner.as_ref() == Some(owner));
        let mut uris: Vec<_> = mine.filter_map(|(anchor, _)| self.anchor_uri(&anchor)).collect();
        uris.sort_unstable();
        uris
    }

    /// Says which types of objects a server may manage (DM-HLF-009, DM-HLF-020), in the place of what was said before.
    /// A device does so when a server is made known to it, and as its primary authority tells it.
    pub fn set_type_rules(&mut self, server: &ServerId, rules: TypeRules) {
        let rules = (!rules.is_empty()).then_some(rules);
        self.take_step(LedgerStep::Types { server: server.clone(), rules });
    }

    /// Which types of objects a server may manage; `None` when there are no rules for it.
    #[must_use]
    pub fn type_rules(&self, server: &ServerId) -> Option<&TypeRules> {
        self.ledger.as_deref()?.types.get(server)
    }

    /// Delegates something that `owner` owns (DM-HLF-013, 022, 023), and has not given away.
    ///
    /// # Errors
    ///
    /// [`LedgerError`]; nothing has changed then.
    pub fn delegate(
        &mut self,
        owner: &ServerId,
        to: &ServerId,
        terms: Terms,
    ) -> Result<DelegationId, LedgerError> {
        self.check_terms(owner, to, &terms)?;
        if terms.kind() == DelegationKind::Sub {
            return Err(LedgerErrorKind::Kind.into());
        }
        let at = match terms.scope().uri() {
            None => None,
            Some(uri) => {
                let spot = self.scope_spot(terms.scope(), uri).ok_or(LedgerErrorKind::NotOwner)?;
                if self.owner_in_control(&spot, known(&spot)) != Some(owner) {
                    return Err(LedgerErrorKind::NotOwner.into());
                }
                Some(self.site_of(&spot.anchor()))
            }
        };
        self.enter(owner, to, terms, None, at, owner.clone())
    }

    /// Passes on something that was delegated to `delegator` (DM-HLF-024): a part of the delegation `held`, under the
    /// same restrictions or tighter ones (DM-HLF-026).
    ///
    /// # Errors
    ///
    /// [`LedgerError`]; nothing has changed then.
    pub fn sub_delegate(
        &mut self,
        delegator: &ServerId,
        held: DelegationId,
        to: &ServerId,
        terms: Terms,
    ) -> Result<DelegationId, LedgerError> {
        self.check_terms(delegator, to, &terms)?;
        let entry = self.entry(held).filter(|entry| entry.delegation.delegatee == *delegator);
        // Whether there is one that is somebody else's is not told.
        let Some(entry) = entry else { return Err(LedgerErrorKind::NotDelegatee.into()) };
        let above = &entry.delegation.terms;
        match (terms.kind(), above.kind()) {
            (DelegationKind::Sub, _) | (DelegationKind::Full, DelegationKind::Full) => {}
            _ => return Err(LedgerErrorKind::Kind.into()),
        }
        if above.other_restrictions().next().is_some() {
            return Err(LedgerErrorKind::UnknownRestriction.into());
        }
        if above.depth() == 0 || terms.depth() >= above.depth() {
            return Err(LedgerErrorKind::Depth.into());
        }
        if above.prohibits(to) {
            return Err(LedgerErrorKind::Prohibited.into());
        }
        if !above.commands().contains(terms.commands()) {
            return Err(LedgerErrorKind::BeyondTerms.into());
        }
        if terms.priority() > above.priority() {
            return Err(LedgerErrorKind::Priority.into());
        }
        let at = match terms.scope() {
            // What is held by address cannot be told apart by type.
            Scope::Type(mo_type) if above.scope().mo_type() == Some(mo_type) => None,
            Scope::Type(_) => return Err(LedgerErrorKind::BeyondTerms.into()),
            Scope::Subtree(uri) | Scope::Instance(uri) => {
                let spot = self.scope_spot(terms.scope(), uri).ok_or(LedgerErrorKind::BeyondTerms)?;
                if !self.decides_at(held, &spot, known(&spot)) {
                    return Err(LedgerErrorKind::BeyondTerms.into());
                }
                Some(self.site_of(&spot.anchor()))
            }
        };
        let terms = terms.tightened_by(above);
        let root = entry.root.clone();
        self.enter(delegator, to, terms, Some(held), at, root)
    }

    /// Ends a delegation, and everything derived from it. Its delegatee may give up any; who made it, or a delegation it
    /// was derived from, may revoke it, unless one of them was full: that is no longer the delegator's. Returns
    /// what has ended.
    ///
    /// # Errors
    ///
    /// [`LedgerError`]; nothing has changed then.
    pub fn revoke(&mut self, authority: &ServerId, id: DelegationId) -> Result<Vec<Delegation>, LedgerError> {
        let mut at = self.entry(id).ok_or(LedgerErrorKind::NoSuchDelegation)?;
        let mut may = at.delegation.delegatee == *authority;
        while !may && at.delegation.terms.kind() != DelegationKind::Full {
            may = at.delegation.delegator == *authority;
            match at.delegation.parent.and_then(|parent| self.entry(parent)) {
                Some(parent) => at = parent,
                None => break,
            }
        }
        if !may {
            return Err(LedgerErrorKind::NotItsOwn.into());
        }
        Ok(self.end_delegation(id))
    }

    /// Ends a delegation, full or not, and everything derived from it, by the device's decision. Returns what has
    /// ended.
    pub fn end_delegation(&mut self, id: DelegationId) -> Vec<Delegation> {
        if self.entry(id).is_none() {
            return Vec::new();
        }
        self.take_step(LedgerStep::Ended(id)).unwrap_or_default()
    }

    /// Changes the priority of the writes of a delegatee (DM-HLF-014). Only who made the delegation may, and who passes on gives
    /// at most its own.
    ///
    /// # Errors
    ///
    /// [`LedgerError`]; nothing has changed then.
    pub fn set_priority(
        &mut self,
        delegator: &ServerId,
        id: DelegationId,
        priority: Priority,
    ) -> Result<(), LedgerError> {
        let entry = self.entry(id).ok_or(LedgerErrorKind::NoSuchDelegation)?;
        let Delegation { delegator: maker, terms, parent, .. } = &entry.delegation;
        // What was given away in full is no longer the maker's to order.
        if maker != delegator || terms.kind() == DelegationKind::Full {
            return Err(LedgerErrorKind::NotItsOwn.into());
        }
        let above = parent.and_then(|parent| self.entry(parent));
        if above.is_some_and(|above| above.delegation.terms.priority() < priority) {
            return Err(LedgerErrorKind::Priority.into());
        }
        let mut lowered = Vec::from([id]);
        // Nobody further down keeps a higher one.
        while let Some(id) = lowered.pop() {
            self.take_step(LedgerStep::Priority { id, priority });
            let higher = |child: &DelegationId| {
                self.entry(*child).is_some_and(|entry| entry.delegation.terms.priority() > priority)
            };
            lowered.extend(self.derived(id).into_iter().filter(higher));
        }
        Ok(())
    }

    /// Changes the priority of the owner's own writes to what it owns at `uri`.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when it is not the owner, or has given it away.
    pub fn set_own_priority(
        &mut self,
        owner: &ServerId,
        uri: &NodeUri<'_>,
        priority: Priority,
    ) -> Result<(), LedgerError> {
        let spot = self.spot_at(uri).ok_or(LedgerErrorKind::NotOwner)?;
        if self.owner_in_control(&spot, known(&spot)) != Some(owner) {
            return Err(LedgerErrorKind::NotOwner.into());
        }
        let (anchor, _) = self.owned_at(&spot).ok_or(LedgerErrorKind::NotOwner)?;
        let ownership = Some(Ownership { owner: Some(owner.clone()), priority });
        self.take_step(LedgerStep::Owner { at: self.site_of(&anchor), ownership });
        Ok(())
    }

    /// Takes an authority out of the tree: out of every ACL, as [`remove_server`](Self::remove_server), and out of the
    /// ledger. What it delegated ends, down to the last of the chain, and so does what was delegated to it. What it owned
    /// belongs to nobody then, and only ACLs set there still open it; but what it had delegated in full now belongs to the
    /// delegatee. Returns what has ended.
    pub fn remove_authority(&mut self, authority: &ServerId) -> Vec<Delegation> {
        self.remove_server(authority);
        if self.ledger.is_none() {
            return Vec::new();
        }
        self.take_step(LedgerStep::Removed(authority.clone())).unwrap_or_default()
    }

    /// The delegations in force, in the order they were made. With a wall clock none is among them whose time is over.
    pub fn delegations(&self) -> impl Iterator<Item = &Delegation> {
        self.ledger.as_deref().into_iter().flat_map(|ledger| ledger.entries().map(|entry| &entry.delegation))
    }

    /// A delegation in force.
    #[must_use]
    pub fn delegation(&self, id: DelegationId) -> Option<&Delegation> {
        self.entry(id).map(|entry| &entry.delegation)
    }

    /// Whether a server may hear of what happens at `uri`, in alerts, results that come late, or reports of changes: it
    /// may if a Get of the node would not be denied, whether the node is there or not.
    #[must_use]
    pub fn may_hear(&self, server: &ServerId, uri: &NodeUri<'_>) -> bool {
        let spot = match self.locate(uri) {
            Place::Stored(id) | Place::Missing { nearest: id, .. } | Place::BelowLeaf(id) => Spot::Stored(id),
            Place::Mounted(mounted) => Spot::Mounted(mounted),
        };
        self.judge(server, Rights::GET, &spot, None).is_allowed()
    }

    // What follows is for the rest of the crate.

    fn entry(&self, id: DelegationId) -> Option<&Entry> {
        self.ledger.as_deref()?.entry(id)
    }

    fn derived(&self, id: DelegationId) -> Vec<DelegationId> {
        self.ledger.as_deref().map(|ledger| ledger.derived_from(id).collect()).unwrap_or_default()
    }

    pub(crate) fn end_expired(&mut self, now: Timestamp) {
        while let Some(id) = self.ledger.as_deref().and_then(|ledger| ledger.expired(now)) {
            self.end_delegation(id);
        }
    }

    /// Whether terms make sense at all.
    fn check_terms(&self, by: &ServerId, to: &ServerId, terms: &Terms) -> Result<(), LedgerErrorKind> {
        if by == to {
            return Err(LedgerErrorKind::ToItself);
        }
        if terms.commands().is_empty() {
            return Err(LedgerErrorKind::Incomplete);
        }
        if terms.restrictions() > self.limits().ledger.max_restrictions {
            return Err(LedgerErrorKind::TooLarge);
        }
        if terms.prohibits(to) {
            return Err(LedgerErrorKind::Prohibited);
        }
        match (terms.not_after(), self.now) {
            (Some(_), None) => Err(LedgerErrorKind::NoClock),
            (Some(end), Some(now)) if end < now => Err(LedgerErrorKind::Over),
            _ => Ok(()),
        }
    }

    fn enter(
        &mut self,
        by: &ServerId,
        to: &ServerId,
        terms: Terms,
        parent: Option<DelegationId>,
        at: Option<Site<NodeUri<'static>>>,
        root: ServerId,
    ) -> Result<DelegationId, LedgerError> {
        let limits = self.limits().ledger;
        if terms.restrictions() > limits.max_restrictions {
            return Err(LedgerErrorKind::TooLarge.into());
        }
        let (next, len) = self.ledger.as_deref().map_or((0, 0), |ledger| (ledger.next, ledger.len()));
        if len >= limits.max_delegations || next == u64::MAX {
            return Err(LedgerErrorKind::Full.into());
        }
        let id = DelegationId(next);
        let delegation = Delegation { id, delegator: by.clone(), delegatee: to.clone(), parent, terms };
        self.take_step(LedgerStep::Entered { delegation, at, root }).ok_or(LedgerErrorKind::NotOwner)?;
        Ok(id)
    }

    /// The node that a scope is about.
    fn scope_spot<'u>(&self, scope: &Scope, uri: &'u NodeUri<'_>) -> Option<Spot<'u>> {
        let spot = self.spot_at(uri)?;
        // What is an object among a handler's nodes only the handler knows.
        let is_object = match &spot {
            Spot::Stored(id) => {
                matches!(&self.at(*id).content, Content::Interior(interior) if !interior.mo_id().is_empty())
            }
            Spot::Mounted(_) => true,
        };
        (is_object || matches!(scope, Scope::Subtree(_))).then_some(spot)
    }

    /// The node at an address; below a mount point every address is taken to be one.
    pub(crate) fn spot_at<'u>(&self, uri: &'u NodeUri<'_>) -> Option<Spot<'u>> {
        match self.locate(uri) {
            Place::Stored(id) => Some(Spot::Stored(id)),
            Place::Mounted(mounted) => Some(Spot::Mounted(mounted)),
            Place::Missing { .. } | Place::BelowLeaf(_) => None,
        }
    }

    fn site_at(&self, uri: &NodeUri<'_>) -> Option<Site<NodeUri<'static>>> {
        Some(self.site_of(&self.spot_at(uri)?.anchor()))
    }

    pub(crate) fn anchor_uri(&self, anchor: &super::ledger::Anchor) -> Option<NodeUri<'static>> {
        match anchor {
            Site::Stored(id) => Some(self.uri_of(*id)),
            Site::Served(mount, path) => {
                Some(path.split('/').fold(self.mount_uri(*mount)?, |uri, name| uri.join(name)))
            }
        }
    }

    pub(crate) fn check_marks(&self) -> Result<(), TreeError> {
        let marks = self.ledger.as_deref().map_or(0, super::ledger::Ledger::marks);
        if marks >= self.limits().ledger.max_marks { Err(TreeError::Full) } else { Ok(()) }
    }

    /// Enters the owner of an object that a server has just added, by a right of its own: not by a delegation, of which
    /// the fruits are the owner's, and not where it owns everything anyway.
    pub(crate) fn own_new(&mut self, actor: Actor<'_>, spot: &Spot<'_>, by: &Verdict) {
        if self.ledger.is_some()
            && *by == Verdict::Acl
            && let Some(server) = actor.server()
        {
            let at = self.site_of(&spot.anchor());
            let ownership = Ownership { owner: Some(server.clone()), priority: Priority::default() };
            self.take_step(LedgerStep::Owner { at, ownership: Some(ownership) });
        }
    }

    pub(crate) fn set_ledger_object(&mut self, mount: Option<MountId>) {
        self.take_step(LedgerStep::Object(mount));
    }

    pub(crate) fn put_draft(&mut self, name: String, draft: Option<super::draft::Draft>) {
        self.take_step(LedgerStep::Draft { name, draft });
    }
}

/// What is known of the types of a node without asking a handler.
fn known<'a>(spot: &Spot<'_>) -> ServedTypes<'a> {
    match spot {
        Spot::Stored(_) => Some(&[]),
        Spot::Mounted(_) => None,
    }
}
