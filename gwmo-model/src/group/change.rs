//! The changes of groups, one by one: what records hold, and what one does to the definitions.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::device::DeviceId;
use crate::fanout::JobKey;
use crate::selector::Selector;

use super::definition::Group;
use super::{GroupId, Groups};

/// One change of the groups, for storage: see [`Groups::restore`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct GroupRecord {
    pub(super) number: u64,
    pub(super) change: Change,
}

impl GroupRecord {
    /// Counts the changes of the groups. They follow each other without a gap.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }
}

/// What changes.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Change {
    /// No revision up to this one is given after a restart.
    Revisions(u64),
    Created(GroupId, Option<JobKey>),
    Deleted(GroupId),
    Listed(GroupId, DeviceId),
    Unlisted(GroupId, DeviceId),
    /// All that are listed from now on.
    List(GroupId, Vec<DeviceId>),
    Barred(GroupId, DeviceId),
    Unbarred(GroupId, DeviceId),
    Rule(GroupId, Option<Selector>),
    Nested(GroupId, GroupId),
    Unnested(GroupId, GroupId),
    Label(GroupId, Option<Box<str>>),
    Max(GroupId, Option<u32>),
    /// Whose outcome its list is.
    FromJob(GroupId, JobKey),
}

impl Change {
    /// The group it is about.
    pub(super) const fn group(&self) -> Option<&GroupId> {
        match self {
            Self::Revisions(_) => None,
            Self::Created(id, _)
            | Self::Deleted(id)
            | Self::Listed(id, _)
            | Self::Unlisted(id, _)
            | Self::List(id, _)
            | Self::Barred(id, _)
            | Self::Unbarred(id, _)
            | Self::Rule(id, _)
            | Self::Nested(id, _)
            | Self::Unnested(id, _)
            | Self::Label(id, _)
            | Self::Max(id, _)
            | Self::FromJob(id, _) => Some(id),
        }
    }
}

impl Groups {
    /// Changes definitions and indices; who is in the groups follows later. The change was checked.
    pub(super) fn apply(&mut self, change: &Change) {
        self.changes += 1;
        match change {
            Change::Revisions(reserved) => {
                self.reserved = *reserved;
                return;
            }
            Change::Created(id, from_job) => {
                let number =
                    self.vacant.pop_first().unwrap_or(u32::try_from(self.groups.len()).unwrap_or(u32::MAX));
                let group = Group::new(id.clone(), from_job.clone(), 0);
                match self.groups.get_mut(number as usize) {
                    Some(slot) => *slot = Some(group),
                    None => self.groups.push(Some(group)),
                }
                self.by_id.insert(id.clone(), number);
                return;
            }
            _ => {}
        }
        let Some(&number) = change.group().and_then(|id| self.by_id.get(id)) else { return };
        if let Change::Deleted(_) = change {
            self.delete_number(number);
            return;
        }
        if let Change::Nested(_, child) | Change::Unnested(_, child) = change {
            self.nest_number(number, child, matches!(change, Change::Nested(..)));
            return;
        }
        let Some(group) = self.groups.get_mut(number as usize).and_then(Option::as_mut) else { return };
        match change {
            Change::Listed(_, device) => {
                if group.listed.insert(device.clone()) {
                    self.index.add(device, number);
                }
            }
            Change::Unlisted(_, device) => {
                if group.listed.remove(device) {
                    self.index.remove(device, number);
                }
            }
            Change::List(_, devices) => {
                let new: BTreeSet<DeviceId> = devices.iter().cloned().collect();
                let old = core::mem::replace(&mut group.listed, new);
                old.difference(&group.listed).for_each(|device| self.index.remove(device, number));
                group.listed.difference(&old).for_each(|device| self.index.add(device, number));
            }
            Change::Barred(_, device) => {
                if group.barred.insert(device.clone()) {
                    self.index.add(device, number);
                }
            }
            Change::Unbarred(_, device) => {
                if group.barred.remove(device) {
                    self.index.remove(device, number);
                }
            }
            Change::Rule(_, rule) => {
                self.rules.remove(number, group.rule.as_ref());
                group.rule.clone_from(rule);
                self.rules.add(number, group.rule.as_ref());
            }
            Change::Label(_, label) => group.label.clone_from(label),
            Change::Max(_, max) => group.max = *max,
            Change::FromJob(_, job) => group.from_job = Some(job.clone()),
            // Done above.
            Change::Revisions(_)
            | Change::Created(..)
            | Change::Deleted(_)
            | Change::Nested(..)
            | Change::Unnested(..) => {}
        }
    }

    fn delete_number(&mut self, number: u32) {
        let Some(group) = self.groups.get_mut(number as usize).and_then(Option::take) else { return };
        self.by_id.remove(&group.id);
        self.vacant.insert(number);
        group.listed.iter().chain(&group.barred).for_each(|device| self.index.remove(device, number));
        self.rules.remove(number, group.rule.as_ref());
        for &child in &group.state.children {
            if let Some(child) = self.at_mut(child) {
                child.state.parents.remove(&number);
            }
        }
        for &parent in &group.state.parents {
            if let Some(parent) = self.at_mut(parent) {
                parent.state.children.remove(&number);
                parent.nested.remove(&group.id);
            }
        }
        self.set_heights();
    }

    fn nest_number(&mut self, parent: u32, child: &GroupId, nests: bool) {
        let Some(&number) = self.by_id.get(child) else { return };
        if let Some(parent) = self.at_mut(parent) {
            if nests {
                parent.nested.insert(child.clone());
                parent.state.children.insert(number);
            } else {
                parent.nested.remove(child);
                parent.state.children.remove(&number);
            }
        }
        if let Some(child) = self.at_mut(number) {
            if nests {
                child.state.parents.insert(parent);
            } else {
                child.state.parents.remove(&parent);
            }
        }
        self.set_heights();
    }
}
