//! Who may do what, once there is a ledger: type rules first, then owners and delegations, then the ACLs.

use alloc::string::String;
use alloc::vec::Vec;

use super::index::{Domain, Few, Held, fingerprint};
use super::ledger::{Anchor, Ledger, Ownership, Site};
use super::terms::{DelegationId, Priority};
use super::types::TypeRule;
use crate::access::Spot;
use crate::acl::Acl;
use crate::mount::{Mounted, key};
use crate::principal::Actor;
use crate::rights::Rights;
use crate::server_id::ServerId;
use crate::store::{Content, Flags, NodeId, ROOT};
use crate::timestamp::Timestamp;
use crate::tree::Tree;

/// What a decision came to, and by which rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The ACL in force grants it.
    Acl,
    /// It is the owner's.
    Owner,
    /// A delegation grants it.
    Delegation(DelegationId),
    /// The object that shows the ledger decides by itself.
    LedgerObject,
    /// It was granted to an application of the device.
    Application,
    /// Nothing grants it.
    NotGranted,
    /// It lies in an object of a type that the server may not manage.
    Type(String, TypeRule),
    /// It lies among what a handler serves, and types matter that only the handler knows.
    TypeUnknown,
    /// It was delegated to another authority alone.
    Full(DelegationId),
}

impl Verdict {
    pub(crate) const fn is_allowed(&self) -> bool {
        matches!(self, Self::Acl | Self::Owner | Self::Delegation(_) | Self::LedgerObject | Self::Application)
    }

    /// Whether not even the existence of the node may be told.
    pub(crate) const fn is_concealed(&self) -> bool {
        matches!(self, Self::Type(..) | Self::TypeUnknown | Self::Full(_))
    }
}

/// The types of the nodes from a mount point down to a node that a handler serves, one for each; empty where there
/// is none. `None` when nobody asked the handler.
pub(crate) type ServedTypes<'a> = Option<&'a [String]>;

/// What lies on the way from a node to its owner.
struct OnTheWay<'l> {
    fulls: Few<(DelegationId, Option<DelegationId>)>,
    /// The delegations to who is judged.
    mine: Few<&'l Held>,
}

impl<'l> OnTheWay<'l> {
    const fn new() -> Self {
        Self { fulls: Few::new(), mine: Few::new() }
    }

    #[inline]
    fn pass(&mut self, domain: &'l Domain, print: u64, server: &'l ServerId) {
        domain.fulls.iter().for_each(|full| self.fulls.push(*full));
        domain.of(print, server).for_each(|held| self.mine.push(held));
    }
}

/// Which of the full delegations that reach a node is in force there: each in turn passes on what the one before had.
fn in_force(fulls: &Few<(DelegationId, Option<DelegationId>)>) -> Option<DelegationId> {
    let next = |over, (id, under)| if under == over { Some(id) } else { over };
    if fulls.len() < 2 {
        return fulls.iter().fold(None, next);
    }
    let mut fulls: Vec<_> = fulls.iter().collect();
    fulls.sort_unstable();
    fulls.into_iter().fold(None, next)
}

/// What has one owner.
struct Region<'l> {
    ownership: &'l Ownership,
    top: Top,
}

/// Where a region begins.
#[derive(Clone, Copy)]
enum Top {
    Stored(NodeId),
    /// Below a mount point, at a path of so many names.
    Served(usize),
}

impl<'u> Spot<'u> {
    /// Where the ledger keeps what it says of this node.
    pub(crate) fn anchor(&self) -> Anchor {
        match self {
            Self::Stored(id) => Site::Stored(*id),
            Self::Mounted(mounted) if mounted.path.is_empty() => Site::Stored(mounted.node),
            Self::Mounted(mounted) => Site::Served(mounted.id, key(&mounted.path)),
        }
    }
}

impl Tree {
    /// Goes from a node up to where its owner was entered, past everything that the ledger says on the way.
    #[inline]
    fn region<'l>(
        &self,
        ledger: &'l Ledger,
        spot: &Spot<'_>,
        mut visit: impl FnMut(&'l Domain),
    ) -> Option<Region<'l>> {
        let mut id = match spot {
            Spot::Stored(id) => *id,
            Spot::Mounted(mounted) => {
                if let Some(region) = served_region(ledger, mounted, &mut visit) {
                    return Some(region);
                }
                mounted.node
            }
        };
        loop {
            let node = self.at(id);
            if node.flags.contains(Flags::MARKED)
                && let Some(domain) = ledger.stored(id)
            {
                visit(domain);
                if let Some(ownership) = &domain.ownership {
                    return Some(Region { ownership, top: Top::Stored(id) });
                }
            }
            if id == ROOT {
                return None;
            }
            id = node.parent;
        }
    }

    /// The types of the objects that a node lies in, the innermost first, up to `top` or the root. Ends when `visit`
    /// says so.
    #[inline]
    fn each_type(
        &self,
        spot: &Spot<'_>,
        served: ServedTypes<'_>,
        top: Option<Top>,
        mut visit: impl FnMut(&str) -> bool,
    ) {
        let mut id = match spot {
            Spot::Stored(id) => *id,
            Spot::Mounted(mounted) => {
                let from = if let Some(Top::Served(from)) = top { from } else { 0 };
                let types = served.unwrap_or_default();
                for mo_id in types.get(from..).unwrap_or_default().iter().rev() {
                    if !mo_id.is_empty() && !visit(mo_id) {
                        return;
                    }
                }
                if let Some(Top::Served(_)) = top {
                    return;
                }
                mounted.node
            }
        };
        loop {
            let node = self.at(id);
            if let Content::Interior(interior) = &node.content
                && !interior.mo_id().is_empty()
                && !visit(interior.mo_id())
            {
                return;
            }
            if id == ROOT || matches!(top, Some(Top::Stored(top)) if top == id) {
                return;
            }
            id = node.parent;
        }
    }

    /// What the ledger says of the owner's objects by type.
    fn each_typed<'l>(
        &self,
        ledger: &'l Ledger,
        region: &Region<'l>,
        spot: &Spot<'_>,
        served: ServedTypes<'_>,
        mut visit: impl FnMut(&'l Domain),
    ) {
        let types = region.ownership.owner.as_ref().and_then(|owner| ledger.types_of(owner));
        let Some(types) = types else { return };
        self.each_type(spot, served, Some(region.top), |mo_id| {
            if let Some(domain) = types.get(mo_id) {
                visit(domain);
            }
            true
        });
    }

    /// The full delegation under which a node is.
    fn full_over(&self, ledger: &Ledger, spot: &Spot<'_>, served: ServedTypes<'_>) -> Option<DelegationId> {
        if !ledger.has_fulls() {
            return None;
        }
        let mut fulls = Few::new();
        let mut visit = |domain: &Domain| domain.fulls.iter().for_each(|full| fulls.push(*full));
        let region = self.region(ledger, spot, &mut visit)?;
        self.each_typed(ledger, &region, spot, served, &mut visit);
        in_force(&fulls)
    }

    /// Whether a delegation holds now. One that ends holds for nobody as long as nobody told the time.
    fn is_live(&self, not_after: Option<Timestamp>) -> bool {
        match (not_after, self.now) {
            (None, _) => true,
            (Some(end), Some(now)) => now <= end,
            (Some(_), None) => false,
        }
    }

    /// Whether the ACL in force was set in the region, not above it.
    fn acl_reaches(&self, region: &Region<'_>, spot: &Spot<'_>) -> bool {
        let within = |id: NodeId, top: NodeId| self.store.is_acl_set_within(id, top);
        match (spot, region.top) {
            (Spot::Stored(id), Top::Stored(top)) => within(*id, top),
            (Spot::Stored(_), Top::Served(_)) => false,
            (Spot::Mounted(mounted), Top::Stored(top)) => {
                self.mounted(mounted.id).nearest(&mounted.path).is_some() || within(mounted.node, top)
            }
            (Spot::Mounted(mounted), Top::Served(from)) => {
                let mount = self.mounted(mounted.id);
                (from..=mounted.path.len()).any(|len| mount.own(&mounted.path[..len]).is_some())
            }
        }
    }

    fn by_acl(&self, server: &ServerId, right: Rights, spot: &Spot<'_>) -> Verdict {
        if self.effective(spot).rights_of(server).contains(right) {
            Verdict::Acl
        } else {
            Verdict::NotGranted
        }
    }

    /// As [`judge`](Self::judge), for whoever acts. Applications are the device's own: what they may do is what it granted
    /// them, and the ledger of authorities says nothing of them.
    pub(crate) fn judge_actor(
        &self,
        actor: Actor<'_>,
        right: Rights,
        spot: &Spot<'_>,
        served: ServedTypes<'_>,
    ) -> Verdict {
        match actor {
            Actor::Server(server) => self.judge(server, right, spot, served),
            Actor::Application(application) if application.grants.rights_on(self, spot).contains(right) => {
                Verdict::Application
            }
            Actor::Application(_) => Verdict::NotGranted,
        }
    }

    /// Whether `server` has a right on a node; with [`Rights::NONE`] whether it may know of it.
    pub(crate) fn judge(
        &self,
        server: &ServerId,
        right: Rights,
        spot: &Spot<'_>,
        served: ServedTypes<'_>,
    ) -> Verdict {
        let Some(ledger) = &self.ledger else { return self.by_acl(server, right, spot) };
        let is_unknown =
            matches!(spot, Spot::Mounted(mounted) if ledger.object != Some(mounted.id)) && served.is_none();
        if is_unknown && ledger.types.get(server).is_some_and(|rules| !rules.is_empty()) {
            return Verdict::TypeUnknown;
        }
        if let Some(against) = self.type_against(ledger, server, spot, served) {
            return against;
        }
        if let Spot::Mounted(mounted) = spot
            && ledger.object == Some(mounted.id)
        {
            return Verdict::LedgerObject;
        }
        let print = fingerprint(server.as_str());
        let mut way = OnTheWay::new();
        let region = self.region(ledger, spot, |domain| way.pass(domain, print, server));
        let Some(region) = region else { return self.by_acl(server, right, spot) };
        if is_unknown && ledger.gives_types_away(&region.ownership.owner) {
            return Verdict::TypeUnknown;
        }
        self.each_typed(ledger, &region, spot, served, |domain| way.pass(domain, print, server));
        let over = in_force(&way.fulls);
        if over.is_none() && region.ownership.owner.as_ref() == Some(server) {
            return Verdict::Owner;
        }
        // Whether there is anything of the server's here, and what of it grants the right.
        let (mut present, mut granted) = (false, None);
        for held in way.mine.iter().filter(|held| held.counts_under(over) && self.is_live(held.not_after)) {
            present = true;
            let is_better = granted.is_none_or(|(priority, _)| priority < held.priority);
            if is_better && held.commands.contains(right) {
                granted = Some((held.priority, held.id));
            }
        }
        match (granted, over) {
            (Some((_, id)), _) => Verdict::Delegation(id),
            (None, Some(_)) if present => Verdict::NotGranted,
            (None, Some(full)) => Verdict::Full(full),
            (None, None) if self.acl_reaches(&region, spot) => self.by_acl(server, right, spot),
            (None, None) => Verdict::NotGranted,
        }
    }

    fn type_against(
        &self,
        ledger: &Ledger,
        server: &ServerId,
        spot: &Spot<'_>,
        served: ServedTypes<'_>,
    ) -> Option<Verdict> {
        let rules = ledger.types.get(server)?;
        let mut against = None;
        self.each_type(spot, served, None, |mo_id| match rules.check(mo_id) {
            Ok(()) => true,
            Err(rule) => {
                against = Some((String::from(mo_id), rule));
                false
            }
        });
        against.map(|(mo_id, rule)| Verdict::Type(mo_id, rule))
    }

    /// Whether a server may make objects of a type.
    pub(crate) fn may_make(&self, server: &ServerId, mo_id: &str) -> bool {
        let rules = self.ledger.as_ref().and_then(|ledger| ledger.types.get(server));
        mo_id.is_empty() || rules.is_none_or(|rules| rules.check(mo_id).is_ok())
    }

    /// Whether there may be nodes of which a server must not even know that they exist.
    pub(crate) fn conceals(&self, server: &ServerId) -> bool {
        self.ledger.as_ref().is_some_and(|ledger| ledger.has_fulls() || ledger.types.contains_key(server))
    }

    /// Whether a stored node has children of which a server must not know. Then neither may it know which names are
    /// free.
    pub(crate) fn conceals_below(&self, server: &ServerId, id: NodeId) -> bool {
        let is_concealed = |id: &NodeId| {
            let node = self.at(*id);
            let typed = matches!(&node.content, Content::Interior(interior) if !interior.mo_id().is_empty());
            (typed || node.flags.contains(Flags::MARKED))
                && self.is_concealed(server, &Spot::Stored(*id), Some(&[]))
        };
        self.conceals(server) && self.store.unsorted(id).iter().any(is_concealed)
    }

    pub(crate) fn is_concealed(&self, server: &ServerId, spot: &Spot<'_>, served: ServedTypes<'_>) -> bool {
        self.judge(server, Rights::NONE, spot, served).is_concealed()
    }

    /// The owner of a node, when nothing full stands between the two.
    pub(crate) fn owner_in_control(&self, spot: &Spot<'_>, served: ServedTypes<'_>) -> Option<&ServerId> {
        let ledger = self.ledger.as_deref()?;
        if self.full_over(ledger, spot, served).is_some() {
            return None;
        }
        self.region(ledger, spot, |_| {})?.ownership.owner.as_ref()
    }

    /// Whether a full delegation, or one it was passed on by, decides at a node.
    pub(crate) fn holds_above(&self, id: DelegationId, spot: &Spot<'_>, served: ServedTypes<'_>) -> bool {
        let Some(ledger) = self.ledger.as_deref() else { return false };
        let mut over = self.full_over(ledger, spot, served);
        while let Some(full) = over {
            if full == id {
                return true;
            }
            over = ledger.entry(full).and_then(|entry| entry.under);
        }
        false
    }

    /// Whether a delegation that is in force decides at a node; for one that is full, whether it is the one that does.
    pub(crate) fn decides_at(&self, id: DelegationId, spot: &Spot<'_>, served: ServedTypes<'_>) -> bool {
        let Some((ledger, entry)) =
            self.ledger.as_deref().and_then(|ledger| Some((ledger, ledger.entry(id)?)))
        else {
            return false;
        };
        let over = self.full_over(ledger, spot, served);
        let delegatee = &entry.delegation.delegatee;
        let print = fingerprint(delegatee.as_str());
        let mut decides = false;
        let mut visit = |domain: &Domain| {
            let mut mine = domain.of(print, delegatee);
            decides |=
                mine.any(|held| held.id == id && held.counts_under(over) && self.is_live(held.not_after));
        };
        let Some(region) = self.region(ledger, spot, &mut visit) else { return false };
        self.each_typed(ledger, &region, spot, served, &mut visit);
        decides && region.ownership.owner.as_ref() == Some(&entry.root)
    }

    /// Whether the same owner and the same full delegation decide at a node and at its parent.
    fn is_like_parent(&self, spot: &Spot<'_>, parent: &Spot<'_>, served: ServedTypes<'_>) -> bool {
        let Some(ledger) = &self.ledger else { return true };
        let is_owned = ledger.domain(&spot.anchor()).is_some_and(|domain| domain.ownership.is_some());
        // What is known of the node's types is known of its parent's.
        let above = served.map(|types| types.get(..types.len().saturating_sub(1)).unwrap_or_default());
        !is_owned && self.full_over(ledger, spot, served) == self.full_over(ledger, parent, above)
    }

    /// Whether `server` may replace the ACL of a node, and by which rule (TND 1.2.1 §7.7.1.3): for a leaf it needs Replace
    /// on the parent, for an interior node on the node or its parent, for the root on the root. The right on a parent
    /// does not reach over from one owner to another.
    pub(crate) fn judge_acl_change(
        &self,
        server: &ServerId,
        spot: &Spot<'_>,
        is_leaf: bool,
        served: ServedTypes<'_>,
    ) -> Verdict {
        let own = self.judge(server, Rights::REPLACE, spot, served);
        if own.is_concealed() {
            return own;
        }
        if own == Verdict::LedgerObject {
            return Verdict::NotGranted;
        }
        let parent = spot.parent(self).filter(|parent| self.is_like_parent(spot, parent, served));
        let above = served.map(|types| types.get(..types.len().saturating_sub(1)).unwrap_or_default());
        let on_parent = parent.map(|parent| self.judge(server, Rights::REPLACE, &parent, above));
        let is_root = matches!(spot, Spot::Stored(ROOT));
        match on_parent {
            Some(granted) if granted.is_allowed() => granted,
            _ if is_leaf && !is_root => Verdict::NotGranted,
            _ => own,
        }
    }

    /// Whether another ACL at a node would grant nothing that the one in force does not grant.
    pub(crate) fn only_narrows(&self, spot: &Spot<'_>, acl: &Acl) -> bool {
        let parent = spot.parent(self);
        let then = match &parent {
            Some(parent) if acl.is_empty() => self.effective(parent),
            _ => acl,
        };
        let now = self.effective(spot);
        now.rights_of_anyone().contains(then.rights_of_anyone())
            && then.servers().all(|(server, _)| now.rights_of(server).contains(then.rights_of(server)))
    }

    /// The priority of a server's writes to a node (DM-HLF-014).
    pub(crate) fn priority_at(
        &self,
        server: &ServerId,
        spot: &Spot<'_>,
        served: ServedTypes<'_>,
    ) -> Priority {
        let Some(ledger) = &self.ledger else { return Priority::default() };
        match self.judge(server, Rights::REPLACE, spot, served) {
            Verdict::Owner => self
                .region(ledger, spot, |_| {})
                .map_or(Priority::default(), |region| region.ownership.priority),
            Verdict::Delegation(id) => {
                ledger.entry(id).map_or(Priority::default(), |entry| entry.delegation.terms.priority())
            }
            _ => Priority::default(),
        }
    }

    /// The node where the owner of a node was entered, with the owner.
    pub(crate) fn owned_at(&self, spot: &Spot<'_>) -> Option<(Site<NodeId>, &Ownership)> {
        let region = self.region(self.ledger.as_deref()?, spot, |_| {})?;
        let anchor = match (region.top, spot) {
            (Top::Served(len), Spot::Mounted(mounted)) => Site::Served(mounted.id, key(&mounted.path[..len])),
            (Top::Stored(id), _) => Site::Stored(id),
            (Top::Served(_), Spot::Stored(_)) => return None,
        };
        Some((anchor, region.ownership))
    }
}

fn served_region<'l>(
    ledger: &'l Ledger,
    mounted: &Mounted<'_>,
    visit: &mut impl FnMut(&'l Domain),
) -> Option<Region<'l>> {
    if mounted.path.is_empty() || !ledger.has_served() {
        return None;
    }
    let mut at = (mounted.id, key(&mounted.path));
    for len in (1..=mounted.path.len()).rev() {
        if let Some(domain) = ledger.served(&at) {
            visit(domain);
            if let Some(ownership) = &domain.ownership {
                return Some(Region { ownership, top: Top::Served(len) });
            }
        }
        let end = at.1.rfind('/').unwrap_or_default();
        at.1.truncate(end);
    }
    None
}
