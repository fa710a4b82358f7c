//! The delegation ledger: owners, delegations and type rules, indexed by the nodes they are about.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use super::draft::Draft;
use super::index::{ByType, Domain, Held, Marks};
use super::terms::{Delegation, DelegationId, DelegationKind, Priority};
use super::types::TypeRules;
use crate::mount::MountId;
use crate::server_id::ServerId;
use crate::store::NodeId;
use crate::timestamp::Timestamp;
use crate::uri::NodeUri;

/// A node that the ledger says something about: stored, or below a mount point by its path, escaped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Site<N> {
    Stored(N),
    Served(MountId, String),
}

/// Where an entry is found.
pub(crate) type Anchor = Site<NodeId>;

/// Whose a node and what is below it are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Ownership {
    /// `None` once the owner is gone: then nobody has anything that is not in an ACL at or below the node.
    pub(crate) owner: Option<ServerId>,
    pub(crate) priority: Priority,
}

/// A delegation with what is worked out of it once.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) delegation: Delegation,
    /// `None` for a delegation by type.
    pub(crate) anchor: Option<Anchor>,
    /// The owner at the top of the chain: it reaches what is this one's.
    pub(crate) root: ServerId,
    /// The nearest full delegation above it in the chain.
    pub(crate) under: Option<DelegationId>,
}

/// The entries that hold now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) next: u64,
    stored: Marks,
    served: BTreeMap<(MountId, String), Domain>,
    by_type: BTreeMap<ServerId, ByType>,
    entries: BTreeMap<DelegationId, Entry>,
    derived: BTreeSet<(DelegationId, DelegationId)>,
    ends: BTreeSet<(Timestamp, DelegationId)>,
    pub(crate) types: BTreeMap<ServerId, TypeRules>,
    /// How many full delegations there are.
    fulls: usize,
    /// Objects that are being made up, by name.
    pub(crate) drafts: BTreeMap<String, Draft>,
    /// Where the ledger is shown as a management object.
    pub(crate) object: Option<MountId>,
}

impl Ledger {
    pub(crate) fn entry(&self, id: DelegationId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) const fn has_fulls(&self) -> bool {
        self.fulls > 0
    }

    pub(crate) fn has_served(&self) -> bool {
        !self.served.is_empty()
    }

    /// Whether the types of objects matter to what `server` may do.
    pub(crate) fn looks_at_types(&self, server: &ServerId) -> bool {
        !self.by_type.is_empty() || self.types.contains_key(server)
    }

    pub(crate) fn domain(&self, anchor: &Anchor) -> Option<&Domain> {
        match anchor {
            Site::Stored(id) => self.stored.get(*id),
            Site::Served(mount, path) => self.served.get(&(*mount, path.clone())),
        }
    }

    pub(crate) fn stored(&self, id: NodeId) -> Option<&Domain> {
        self.stored.get(id)
    }

    pub(crate) fn served(&self, at: &(MountId, String)) -> Option<&Domain> {
        self.served.get(at)
    }

    pub(crate) fn types_of(&self, owner: &ServerId) -> Option<&ByType> {
        self.by_type.get(owner)
    }

    /// Whether an owner has delegated objects by type in full.
    pub(crate) fn gives_types_away(&self, owner: &Option<ServerId>) -> bool {
        owner.as_ref().and_then(|owner| self.by_type.get(owner)).is_some_and(ByType::has_fulls)
    }

    fn domain_mut(&mut self, anchor: &Anchor) -> &mut Domain {
        match anchor {
            Site::Stored(id) => self.stored.entry(*id),
            Site::Served(mount, path) => self.served.entry((*mount, path.clone())).or_default(),
        }
    }

    fn tidy(&mut self, anchor: &Anchor) {
        if self.domain(anchor).is_some_and(Domain::is_empty) {
            match anchor {
                Site::Stored(id) => self.stored.remove(*id),
                Site::Served(mount, path) => _ = self.served.remove(&(*mount, path.clone())),
            }
        }
    }

    /// Every node that has an owner.
    pub(crate) fn owned(&self) -> impl Iterator<Item = (Anchor, &Ownership)> {
        self.anchors().filter_map(|(anchor, domain)| Some((anchor, domain.ownership.as_ref()?)))
    }

    /// Every node that the ledger says something about.
    pub(crate) fn anchors(&self) -> impl Iterator<Item = (Anchor, &Domain)> {
        let stored = self.stored.iter().map(|(id, domain)| (Site::Stored(id), domain));
        let served = self.served.iter();
        stored.chain(served.map(|((mount, path), domain)| (Site::Served(*mount, path.clone()), domain)))
    }

    pub(crate) fn set_owner(&mut self, anchor: &Anchor, ownership: Option<Ownership>) {
        self.domain_mut(anchor).ownership = ownership;
        self.tidy(anchor);
    }

    pub(crate) fn set_writer(&mut self, anchor: &Anchor, writer: Option<ServerId>) {
        self.domain_mut(anchor).writer = writer;
        self.tidy(anchor);
    }

    /// Enters a delegation whose parent, if any, is there. What it inherits is in its terms already.
    pub(crate) fn enter(&mut self, delegation: Delegation, anchor: Option<Anchor>, root: ServerId) {
        let id = delegation.id;
        self.next = self.next.max(id.0 + 1);
        let parent = delegation.parent.and_then(|parent| self.entries.get(&parent));
        let under = parent.and_then(|parent| {
            if parent.delegation.terms.kind() == DelegationKind::Full {
                Some(parent.delegation.id)
            } else {
                parent.under
            }
        });
        if let Some(parent) = delegation.parent {
            self.derived.insert((parent, id));
        }
        if let Some(end) = delegation.terms.not_after() {
            self.ends.insert((end, id));
        }
        let is_full = delegation.terms.kind() == DelegationKind::Full;
        self.fulls += usize::from(is_full);
        let domain = match (&anchor, delegation.terms.scope().mo_type()) {
            (Some(anchor), _) => self.domain_mut(anchor),
            (None, Some(mo_type)) => self.by_type.entry(root.clone()).or_default().entry(mo_type),
            // Every scope has the one or the other.
            (None, None) => return,
        };
        domain.insert(Held::new(&delegation, under));
        self.entries.insert(id, Entry { delegation, anchor, root, under });
    }

    /// Takes one delegation out.
    fn take(&mut self, id: DelegationId) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        let Delegation { parent, terms, .. } = &entry.delegation;
        if let Some(parent) = parent {
            self.derived.remove(&(*parent, id));
        }
        if let Some(end) = terms.not_after() {
            self.ends.remove(&(end, id));
        }
        self.fulls -= usize::from(terms.kind() == DelegationKind::Full);
        match (&entry.anchor, terms.scope().mo_type()) {
            (Some(anchor), _) => {
                self.domain_mut(anchor).strike(id);
                self.tidy(anchor);
            }
            (None, Some(mo_type)) => {
                if let Some(types) = self.by_type.get_mut(&entry.root) {
                    types.entry(mo_type).strike(id);
                    types.tidy();
                    if types.is_empty() {
                        self.by_type.remove(&entry.root);
                    }
                }
            }
            (None, None) => {}
        }
        Some(entry)
    }

    pub(crate) fn derived_from(&self, id: DelegationId) -> impl Iterator<Item = DelegationId> {
        let from = (id, DelegationId(0));
        self.derived.range(from..).take_while(move |(parent, _)| *parent == id).map(|(_, child)| *child)
    }

    /// Ends a delegation and everything derived from it; those ended, the first first.
    pub(crate) fn end(&mut self, id: DelegationId) -> Vec<Delegation> {
        let mut ended = Vec::new();
        let mut stack = Vec::from([id]);
        while let Some(id) = stack.pop() {
            stack.extend(self.derived_from(id));
            ended.extend(self.take(id).map(|entry| entry.delegation));
        }
        ended
    }

    /// Puts a delegation and all below it on terms of their own: what they were derived from is gone, and `root` owns now
    /// what they are about.
    pub(crate) fn reroot(&mut self, id: DelegationId, root: &ServerId) {
        let Some(mut entry) = self.take(id) else { return };
        let derived: Vec<_> = self.derived_from(id).collect();
        entry.delegation.parent = entry.delegation.parent.filter(|parent| self.entries.contains_key(parent));
        self.enter(entry.delegation, entry.anchor, root.clone());
        for id in derived {
            self.reroot(id, root);
        }
    }

    /// Only the delegation itself; what is derived from it stays for a moment without a parent.
    pub(crate) fn take_alone(&mut self, id: DelegationId) -> Option<Entry> {
        self.take(id)
    }

    /// Tells a delegation by the address where its scope is now.
    pub(crate) fn move_scope(&mut self, id: DelegationId, uri: NodeUri<'static>) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.delegation.terms.move_to(uri);
        }
    }

    pub(crate) fn set_priority(&mut self, id: DelegationId, priority: Priority) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let terms = &mut entry.delegation.terms;
        *terms = terms.clone().with_priority(priority);
        let (anchor, root, mo_type) =
            (entry.anchor.clone(), entry.root.clone(), terms.scope().mo_type().cloned());
        match (anchor, mo_type) {
            (Some(anchor), _) => self.domain_mut(&anchor).set_priority(id, priority),
            (None, Some(mo_type)) => {
                self.by_type.entry(root).or_default().entry(&mo_type).set_priority(id, priority);
            }
            (None, None) => {}
        }
    }

    /// The next delegation whose time is over at `now`.
    pub(crate) fn expired(&self, now: Timestamp) -> Option<DelegationId> {
        self.ends.first().filter(|(end, _)| *end < now).map(|(_, id)| *id)
    }

    /// Forgets what is said of a node that is gone. Delegations of it end.
    pub(crate) fn forget(&mut self, anchor: &Anchor) {
        let Some(domain) = self.domain(anchor) else { return };
        for id in domain.ids() {
            self.end(id);
        }
        match anchor {
            Site::Stored(id) => self.stored.remove(*id),
            Site::Served(mount, path) => _ = self.served.remove(&(*mount, path.clone())),
        }
    }

    /// Forgets what is said of the nodes at and below a path that a handler serves; of the mount as a whole when the
    /// path is empty.
    pub(crate) fn forget_served(&mut self, mount: MountId, path: &str) {
        for path in self.served_below(mount, path) {
            self.forget(&Site::Served(mount, path));
        }
    }

    /// The paths at and below `path` that the ledger says something about.
    pub(crate) fn served_below(&self, mount: MountId, path: &str) -> Vec<String> {
        let all = self.served.range((mount, String::new())..).map(|(key, _)| key);
        let all = all.take_while(|(other, _)| *other == mount).map(|(_, path)| path);
        let is_below = |other: &&String| match other.strip_prefix(path) {
            Some(rest) => path.is_empty() || rest.is_empty() || rest.starts_with('/'),
            None => false,
        };
        all.filter(is_below).cloned().collect()
    }

    /// How many nodes have an owner or a writer.
    pub(crate) fn marks(&self) -> usize {
        self.stored.len() + self.served.len()
    }
}
