//! The access control lists of a tree. Every node keeps the number of the one in force for it.

use alloc::vec::Vec;

use super::{NodeId, ROOT};
use crate::acl::Acl;

/// The number of a list in [`Acls`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct AclSlot(u32);

/// Lists with the nodes whose own they are; the first is the root's.
#[derive(Clone, Debug)]
pub(super) struct Acls {
    slots: Vec<Option<(NodeId, Acl)>>,
    free: Vec<AclSlot>,
}

impl Acls {
    pub(super) fn new(root: Acl) -> Self {
        Self { slots: Vec::from([Some((ROOT, root))]), free: Vec::new() }
    }

    pub(super) fn get(&self, slot: AclSlot) -> &Acl {
        self.slots[slot.0 as usize]
            .as_ref()
            .map(|(_, acl)| acl)
            .expect("a list that a node points to is there")
    }

    pub(super) fn get_mut(&mut self, slot: AclSlot) -> &mut Acl {
        let slot = self.slots[slot.0 as usize].as_mut();
        slot.map(|(_, acl)| acl).expect("a list that a node points to is there")
    }

    pub(super) fn owner(&self, slot: AclSlot) -> Option<NodeId> {
        self.slots[slot.0 as usize].as_ref().map(|(owner, _)| *owner)
    }

    pub(super) fn insert(&mut self, owner: NodeId, acl: Acl) -> AclSlot {
        match self.free.pop() {
            Some(slot) => {
                self.slots[slot.0 as usize] = Some((owner, acl));
                slot
            }
            None => {
                let slot = AclSlot(u32::try_from(self.slots.len()).expect("no more lists than nodes"));
                self.slots.push(Some((owner, acl)));
                slot
            }
        }
    }

    pub(super) fn free(&mut self, slot: AclSlot) -> Acl {
        self.free.push(slot);
        self.slots[slot.0 as usize].take().map(|(_, acl)| acl).unwrap_or_default()
    }

    pub(super) fn owners(&self) -> impl Iterator<Item = NodeId> {
        self.slots.iter().flatten().map(|(owner, _)| *owner)
    }
}

impl AclSlot {
    /// The root's.
    pub(super) const FIRST: Self = Self(0);
}
