//! Groups as they go into storage and come back.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::device::DeviceId;
use crate::fanout::JobKey;
use crate::identifier::unprintable;
use crate::inventory::{Inventory, RestoreError, RestoreErrorKind};
use crate::selector::Selector;
use crate::stored_count::can_go_on;

use super::change::{Change, GroupRecord};
use super::definition::Group;
use super::{GroupId, GroupLimits, Groups};

/// The layout of the snapshots that this version writes, and the only one it reads.
const VERSION: u16 = 1;

/// What the groups are, for storage. Who is in them follows from the inventory.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct GroupsSnapshot {
    version: u16,
    changes: u64,
    reserved: u64,
    groups: Vec<GroupSnapshot>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct GroupSnapshot {
    id: GroupId,
    label: Option<Box<str>>,
    from_job: Option<JobKey>,
    max: Option<u32>,
    listed: BTreeSet<DeviceId>,
    barred: BTreeSet<DeviceId>,
    rule: Option<Selector>,
    nested: BTreeSet<GroupId>,
}

impl Groups {
    /// What the groups are. Records made before it are in it; stored after it they do no harm.
    #[must_use]
    pub fn snapshot(&self) -> GroupsSnapshot {
        let group = |(_, group): (&GroupId, &Group)| GroupSnapshot {
            id: group.id.clone(),
            label: group.label.clone(),
            from_job: group.from_job.clone(),
            max: group.max,
            listed: group.listed.clone(),
            barred: group.barred.clone(),
            rule: group.rule.clone(),
            nested: group.nested.clone(),
        };
        GroupsSnapshot {
            version: VERSION,
            changes: self.changes,
            reserved: self.reserved,
            groups: self.iter().map(group).collect(),
        }
    }

    /// The groups that a snapshot and the records after it describe, with the members that the inventory gives them; it is
    /// restored before. Every group has a new revision, because nobody can say what changed in between. Records that are in
    /// the snapshot already are passed over.
    ///
    /// # Errors
    ///
    /// When the snapshot is of another version or contradicts itself, records are missing or do not fit, or there is more
    /// than the limits allow.
    pub fn restore(
        limits: GroupLimits,
        snapshot: GroupsSnapshot,
        records: impl IntoIterator<Item = GroupRecord>,
        inventory: &Inventory,
    ) -> Result<Self, RestoreError> {
        if snapshot.version != VERSION {
            return Err(RestoreError::new(RestoreErrorKind::UnknownVersion, 0));
        }
        if !can_go_on(snapshot.changes) || !can_go_on(snapshot.reserved) {
            return Err(RestoreError::new(RestoreErrorKind::BadSnapshot, 0));
        }
        let mut groups = Self::new(limits);
        let mut nestings = Vec::new();
        for (at, group) in snapshot.groups.into_iter().enumerate() {
            let bad = |kind| RestoreError::new(kind, at);
            let id = group.id;
            groups.redo(Change::Created(id.clone(), group.from_job)).map_err(bad)?;
            let listed = group.listed.into_iter().collect();
            groups.redo(Change::List(id.clone(), listed)).map_err(bad)?;
            groups.redo(Change::Rule(id.clone(), group.rule)).map_err(bad)?;
            groups.redo(Change::Label(id.clone(), group.label)).map_err(bad)?;
            groups.redo(Change::Max(id.clone(), group.max)).map_err(bad)?;
            for device in group.barred {
                groups.redo(Change::Barred(id.clone(), device)).map_err(bad)?;
            }
            nestings.extend(group.nested.into_iter().map(|child| (at, id.clone(), child)));
        }
        for (at, id, child) in nestings {
            groups.redo(Change::Nested(id, child)).map_err(|kind| RestoreError::new(kind, at))?;
        }
        groups.changes = snapshot.changes;
        groups.reserved = snapshot.reserved;
        for (at, record) in records.into_iter().enumerate() {
            if record.number <= groups.changes {
                continue;
            }
            let done = if record.number == groups.changes + 1 {
                groups.redo(record.change).map_err(|kind| match kind {
                    RestoreErrorKind::BadSnapshot => RestoreErrorKind::BadRecord,
                    kind => kind,
                })
            } else {
                Err(RestoreErrorKind::Gap)
            };
            done.map_err(|kind| RestoreError::new(kind, at))?;
        }
        groups.rev = groups.reserved;
        groups.rebuild(inventory);
        let rev = groups.next_rev();
        groups.groups.iter_mut().flatten().for_each(|group| group.rev = rev);
        Ok(groups)
    }

    /// Does a change again if it can be one.
    fn redo(&mut self, change: Change) -> Result<(), RestoreErrorKind> {
        let limits = self.limits;
        let listed = |group: &Group| {
            let full = group.listed.len() >= limits.max_members as usize || self.room(1).is_err();
            if full { Err(RestoreErrorKind::TooMany) } else { Ok(()) }
        };
        let bad = RestoreErrorKind::BadSnapshot;
        let holds = |yes: bool| if yes { Ok(()) } else { Err(bad) };
        let group = |id: &GroupId| self.group(id).ok_or(bad);
        match &change {
            Change::Revisions(reserved) => holds(*reserved >= self.reserved && can_go_on(*reserved)),
            Change::Created(id, _) => {
                holds(!id.is_all_devices() && !self.by_id.contains_key(id))?;
                let full = self.by_id.len() >= limits.max_groups as usize;
                if full { Err(RestoreErrorKind::TooMany) } else { Ok(()) }
            }
            Change::Deleted(id) | Change::Max(id, _) | Change::FromJob(id, _) => group(id).map(drop),
            Change::Listed(id, device) => {
                holds(!group(id)?.listed.contains(device))?;
                listed(group(id)?)
            }
            Change::Unlisted(id, device) => holds(group(id)?.listed.contains(device)),
            Change::List(id, devices) => {
                let more = devices.len().saturating_sub(group(id)?.listed.len());
                let full = devices.len() > limits.max_members as usize || self.room(more).is_err();
                if full { Err(RestoreErrorKind::TooMany) } else { Ok(()) }
            }
            Change::Barred(id, device) => {
                holds(!group(id)?.barred.contains(device))?;
                let full = group(id)?.barred.len() >= limits.max_members as usize || self.room(1).is_err();
                if full { Err(RestoreErrorKind::TooMany) } else { Ok(()) }
            }
            Change::Unbarred(id, device) => holds(group(id)?.barred.contains(device)),
            Change::Rule(id, rule) => {
                group(id)?;
                holds(rule.as_ref().is_none_or(|rule| rule.check().is_ok()))
            }
            Change::Nested(id, child) => {
                holds(!group(id)?.nested.contains(child))?;
                holds(self.can_nest(id, child).is_ok())
            }
            Change::Unnested(id, child) => holds(group(id)?.nested.contains(child)),
            Change::Label(id, label) => {
                group(id)?;
                let fits = |label: &str| label.len() <= limits.max_label && unprintable(label).is_none();
                holds(label.as_deref().is_none_or(fits))
            }
        }?;
        self.apply(&change);
        Ok(())
    }
}
