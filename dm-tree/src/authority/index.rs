//! How entries of the ledger are found from a node: what lies on the way of every decision.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::ledger::Ownership;
use super::terms::{Delegation, DelegationId, DelegationKind, MoType, Priority};
use crate::rights::Rights;
use crate::server_id::ServerId;
use crate::store::NodeId;
use crate::timestamp::Timestamp;

/// A number for a text, so that most comparisons are of numbers. Nothing but the time of a lookup depends on it.
pub(crate) fn fingerprint(text: &str) -> u64 {
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let mix = |seed: u64, word: u64| (seed.rotate_left(23) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let seed = words.iter().fold(text.len() as u64, |seed, word| mix(seed, u64::from_le_bytes(*word)));
    let rest = rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    let mixed = mix(seed, rest);
    mixed ^ mixed >> 32
}

/// What decisions need to know of a delegation.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    print: u64,
    delegatee: ServerId,
    pub(crate) id: DelegationId,
    /// The nearest full delegation above it in the chain.
    pub(crate) under: Option<DelegationId>,
    pub(crate) is_full: bool,
    pub(crate) commands: Rights,
    pub(crate) not_after: Option<Timestamp>,
    pub(crate) priority: Priority,
}

impl Held {
    pub(crate) fn new(delegation: &Delegation, under: Option<DelegationId>) -> Self {
        let terms = &delegation.terms;
        Self {
            print: fingerprint(delegation.delegatee.as_str()),
            delegatee: delegation.delegatee.clone(),
            id: delegation.id,
            under,
            is_full: terms.kind() == DelegationKind::Full,
            commands: terms.commands(),
            not_after: terms.not_after(),
            priority: terms.priority(),
        }
    }

    /// Whether it counts where this full delegation is in force.
    pub(crate) fn counts_under(&self, over: Option<DelegationId>) -> bool {
        if self.is_full { over == Some(self.id) } else { self.under == over }
    }
}

/// What the ledger says of one node, or of one type of an owner's objects.
#[derive(Clone, Debug, Default)]
pub(crate) struct Domain {
    pub(crate) ownership: Option<Ownership>,
    /// By delegatee.
    delegations: Vec<Held>,
    /// Those of them that are full, each with the one it is under, in the order they were made.
    pub(crate) fulls: Vec<(DelegationId, Option<DelegationId>)>,
    /// Who wrote the value last, where that one's priority counts.
    pub(crate) writer: Option<ServerId>,
}

impl Domain {
    /// What is delegated to a server.
    #[inline]
    pub(crate) fn of<'d>(&'d self, print: u64, server: &'d ServerId) -> impl Iterator<Item = &'d Held> {
        let from = self.delegations.partition_point(|held| held.print < print);
        let alike = self.delegations[from..].iter().take_while(move |held| held.print == print);
        alike.filter(move |held| held.delegatee == *server)
    }

    pub(super) fn insert(&mut self, held: Held) {
        if held.is_full {
            let at = self.fulls.partition_point(|(id, _)| *id < held.id);
            self.fulls.insert(at, (held.id, held.under));
        }
        let key = (held.print, held.id);
        let at = self.delegations.partition_point(|other| (other.print, other.id) < key);
        self.delegations.insert(at, held);
    }

    pub(super) fn strike(&mut self, id: DelegationId) {
        self.delegations.retain(|held| held.id != id);
        self.fulls.retain(|(full, _)| *full != id);
    }

    pub(super) fn set_priority(&mut self, id: DelegationId, priority: Priority) {
        if let Some(held) = self.delegations.iter_mut().find(|held| held.id == id) {
            held.priority = priority;
        }
    }

    pub(crate) fn has_delegations(&self) -> bool {
        !self.delegations.is_empty()
    }

    pub(super) fn ids(&self) -> Vec<DelegationId> {
        self.delegations.iter().map(|held| held.id).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ownership.is_none() && self.delegations.is_empty() && self.writer.is_none()
    }
}

/// Domains by stored node: one array access, at any number of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    /// By node, the place in `domains` and one; 0 for none.
    slots: Vec<u32>,
    domains: Vec<(NodeId, Domain)>,
}

impl Marks {
    #[inline]
    pub(super) fn get(&self, id: NodeId) -> Option<&Domain> {
        let slot = *self.slots.get(id.0 as usize)?;
        self.domains.get((slot as usize).wrapping_sub(1)).map(|(_, domain)| domain)
    }

    pub(super) fn entry(&mut self, id: NodeId) -> &mut Domain {
        let node = id.0 as usize;
        if self.slots.len() <= node {
            self.slots.resize(node + 1, 0);
        }
        if self.slots[node] == 0 {
            self.domains.push((id, Domain::default()));
            self.slots[node] = self.domains.len() as u32;
        }
        &mut self.domains[self.slots[node] as usize - 1].1
    }

    pub(super) fn remove(&mut self, id: NodeId) {
        let Some(slot) = self.slots.get_mut(id.0 as usize).map(core::mem::take).filter(|slot| *slot > 0)
        else {
            return;
        };
        self.domains.swap_remove(slot as usize - 1);
        if let Some((moved, _)) = self.domains.get(slot as usize - 1) {
            self.slots[moved.0 as usize] = slot;
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (NodeId, &Domain)> {
        self.domains.iter().map(|(id, domain)| (*id, domain))
    }

    pub(super) const fn len(&self) -> usize {
        self.domains.len()
    }
}

/// What one owner has delegated by type.
#[derive(Clone, Debug, Default)]
pub(crate) struct ByType(BTreeMap<u64, Vec<(MoType, Domain)>>);

impl ByType {
    pub(crate) fn get(&self, mo_id: &str) -> Option<&Domain> {
        let alike = self.0.get(&fingerprint(mo_id))?;
        alike.iter().find(|(mo_type, _)| mo_type.as_str() == mo_id).map(|(_, domain)| domain)
    }

    pub(super) fn entry(&mut self, mo_type: &MoType) -> &mut Domain {
        let alike = self.0.entry(fingerprint(mo_type.as_str())).or_default();
        let at = alike.iter().position(|(other, _)| other == mo_type).unwrap_or_else(|| {
            alike.push((mo_type.clone(), Domain::default()));
            alike.len() - 1
        });
        &mut alike[at].1
    }

    /// Forgets the types of which nothing is said any more.
    pub(super) fn tidy(&mut self) {
        self.0.retain(|_, alike| {
            alike.retain(|(_, domain)| !domain.is_empty());
            !alike.is_empty()
        });
    }

    pub(super) fn has_fulls(&self) -> bool {
        self.0.values().flatten().any(|(_, domain)| !domain.fulls.is_empty())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A list that is short, and then needs no memory of its own.
#[derive(Debug)]
pub(super) struct Few<T> {
    first: [Option<T>; 4],
    len: usize,
    more: Vec<T>,
}

impl<T: Copy> Few<T> {
    #[inline]
    pub(super) const fn new() -> Self {
        Self { first: [None; 4], len: 0, more: Vec::new() }
    }

    #[inline]
    pub(super) fn push(&mut self, one: T) {
        match self.first.get_mut(self.len) {
            Some(place) => *place = Some(one),
            None => self.more.push(one),
        }
        self.len += 1;
    }

    #[inline]
    pub(super) fn iter(&self) -> impl Iterator<Item = T> {
        self.first.iter().take(self.len).flatten().chain(&self.more).copied()
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }
}
