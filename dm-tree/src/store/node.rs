//! One node as stored.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::{BitAnd, BitOr};

use super::{AclSlot, Index, Name};
use crate::mount::MountId;
use crate::rights::AccessType;
use crate::timestamp::Timestamp;
use crate::value::Value;

/// The place of a node in its store. Ids are used again once a node is gone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct NodeId(pub(crate) u32);

/// What a lookup looks at comes first, so that it lies in two lines of a cache and hardly ever in three.
#[derive(Clone, Debug)]
#[repr(C)]
pub(crate) struct Node {
    pub(crate) name: Name,
    /// The list in force, its own or inherited.
    pub(super) acl: AclSlot,
    pub(crate) access: AccessType,
    pub(crate) flags: Flags,
    pub(crate) content: Content,
    /// The root is its own parent.
    pub(crate) parent: NodeId,
    /// Where it is among the children of its parent.
    pub(super) place: u32,
    pub(crate) stamp: Stamp,
    pub(crate) title: Box<str>,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    Interior(Interior),
    Leaf(Value),
    /// The subtree is served by a handler, this node included.
    Mount(MountId),
    /// No node: the place is free.
    Vacant,
}

/// What a lookup needs is in the node; the rest would make it larger than a leaf is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interior {
    pub(super) index: Index,
    pub(super) more: Box<More>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct More {
    pub(super) children: Vec<NodeId>,
    /// How many of the children, from the first, are in byte order; all of them mostly.
    pub(super) sorted: usize,
    mo_id: Box<str>,
}

impl Interior {
    /// Without children.
    pub(crate) fn new(mo_id: String) -> Self {
        let more = More { mo_id: mo_id.into_boxed_str(), ..More::default() };
        Self { index: Index::default(), more: Box::new(more) }
    }

    /// The management object identifier; empty for most.
    pub(crate) const fn mo_id(&self) -> &str {
        &self.more.mo_id
    }
}

/// When and how often a node changed (TND 1.2.1 §7.7, TStamp and VerNo).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Stamp {
    pub(crate) at: Option<Timestamp>,
    pub(crate) ver_no: u16,
}

impl Node {
    #[inline]
    pub(super) fn new(name: Name, content: Content) -> Self {
        let flags = if name.is_escaped() { Flags::ESCAPED } else { Flags::NONE };
        Self {
            name,
            content,
            title: Box::default(),
            stamp: Stamp::default(),
            parent: super::ROOT,
            place: 0,
            acl: AclSlot::FIRST,
            access: AccessType::ALL,
            flags,
        }
    }

    /// What is left of a node that is gone.
    pub(super) fn vacant() -> Self {
        Self::new(Name::new(""), Content::Vacant)
    }

    pub(crate) const fn is_permanent(&self) -> bool {
        self.flags.contains(Flags::PERMANENT)
    }

    /// What the node counts against [`TreeLimits::max_total_len`](crate::TreeLimits::max_total_len), beside its ACL.
    pub(crate) fn len(&self) -> usize {
        let content = match &self.content {
            Content::Interior(interior) => interior.mo_id().len(),
            Content::Leaf(value) => value_len(value),
            Content::Mount(_) | Content::Vacant => 0,
        };
        self.name.len() + content + self.title.len()
    }

    /// Counts a change; the number wraps. Without a clock no time is better than an old one.
    pub(crate) const fn touch(&mut self, now: Option<Timestamp>) {
        self.stamp = Stamp { at: now, ver_no: self.stamp.ver_no.wrapping_add(1) };
    }
}

/// What a value counts.
pub(crate) fn value_len(value: &Value) -> usize {
    value.mime().len() + value.data().len()
}

/// What else is to be known of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Flags(u8);

impl Flags {
    pub(crate) const NONE: Self = Self(0);
    /// Exists by the device's decision.
    pub(crate) const PERMANENT: Self = Self(1);
    /// Names below are compared without case.
    pub(crate) const IGNORES_CASE: Self = Self(2);
    /// Nothing here or below is ever shown to servers (StdObj 1.2.1, Inbox).
    pub(crate) const SEALED: Self = Self(4);
    /// The own name is compared without case, because the parent's names are.
    pub(crate) const BELOW_FOLDING: Self = Self(8);
    /// There are percent escapes in the name.
    pub(crate) const ESCAPED: Self = Self(16);
    /// The ledger of authorities says something about the node, or once did.
    pub(crate) const MARKED: Self = Self(32);
    /// What is true of a parent is true of its children.
    pub(crate) const INHERITED: Self = Self(2 | 4);

    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[cfg(feature = "serde")]
    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    /// `None` for bits that mean nothing.
    #[cfg(feature = "serde")]
    pub(crate) const fn from_bits(bits: u8) -> Option<Self> {
        if bits < 32 { Some(Self(bits)) } else { None }
    }

    pub(crate) const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Flags {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_small() {
        assert!(size_of::<Node>() <= 120, "{}", size_of::<Node>());
    }
}
