//! Groups of devices, and sets of targets made from them.

mod change;
mod definition;
mod index;
mod limits;
mod membership;
mod restore;
mod targets;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use dm_syncml::{Instant, Journal, RecordSeq};

use crate::device::{DeviceId, Serial};
use crate::error::{GroupError, GroupErrorKind};
use crate::fanout::JobKey;
use crate::identifier::{identifier, unprintable};
use crate::inventory::Inventory;
use crate::selector::Selector;

use change::Change;
use index::{ByDevice, ByFact};

pub use change::GroupRecord;
pub use definition::{Group, GroupKind};
pub use limits::GroupLimits;
pub use restore::GroupsSnapshot;
pub use targets::{ResolvedTargets, TargetSet};

identifier! {
    /// The name of a group, at most 64 octets. `*` is reserved for every registered device.
    GroupId, 64
}

impl GroupId {
    /// The name that always means every registered device.
    pub const ALL_DEVICES: &'static str = "*";

    /// Whether this is the reserved name.
    #[must_use]
    pub fn is_all_devices(&self) -> bool {
        self.as_str() == Self::ALL_DEVICES
    }
}

/// What the groups want done or known.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum GroupsOutput {
    /// Store this, then report with [`Groups::handle_persisted`]; who asked for the change is answered after that.
    Persist(RecordSeq, GroupRecord),
    /// A device is in a group because something changed about the device.
    Joined {
        /// The group.
        group: GroupId,
        /// The device.
        serial: Serial,
    },
    /// A device is in a group no longer because something changed about the device.
    Left {
        /// The group.
        group: GroupId,
        /// The device.
        serial: Serial,
    },
    /// Other devices are in a group than before because a group was changed.
    Redefined {
        /// The group.
        group: GroupId,
    },
    /// Nothing else to do before the next input. Always the last output; groups have no clock.
    Wait(Option<Instant>),
}

/// The device groups of a gateway (GwMO-Group-001): by list, by rule, and of other groups.
///
/// A listed device need not be registered; it is in the group from the moment it is. Who is in a group is kept up to date:
/// hand on what the inventory tells, [`InventoryOutput::Changed`](crate::InventoryOutput::Changed) to
/// [`handle_changed`](Self::handle_changed) and [`InventoryOutput::Removed`](crate::InventoryOutput::Removed) to
/// [`handle_removed`](Self::handle_removed). That costs what the rules cost that look at the facts that changed, however many
/// other groups and devices there are. Changing a rule costs a look at every device.
///
/// Every call takes the one inventory that the groups are about.
///
/// ```
/// use dm_syncml::Instant;
/// use gwmo_model::{DeviceId, Fact, GroupId, GroupLimits, Groups, Inventory, InventoryConfig, InventoryOutput, Sighting};
///
/// let now = Instant::EPOCH;
/// let mut inventory = Inventory::new(InventoryConfig::default());
/// let mut groups = Groups::new(GroupLimits::default());
/// let old = GroupId::new("to be updated")?;
/// groups.create(old.clone())?;
/// groups.set_rule(&old, Some("Info/Fw<2.0".parse()?), &inventory)?;
///
/// let camera = DeviceId::new("camera:1")?;
/// for (firmware, members) in [("1.9", 1), ("2.0", 0)] {
///     inventory.handle_seen(now, &camera, &Sighting::new(0).with(Fact::Firmware, firmware))?;
///     loop {
///         match inventory.poll_output() {
///             InventoryOutput::Persist(seq, _) => inventory.handle_persisted(now, seq),
///             InventoryOutput::Changed { serial, facts } => groups.handle_changed(serial, facts, &inventory),
///             InventoryOutput::Removed { serial, id } => groups.handle_removed(serial, &id),
///             InventoryOutput::Wait(_) => break,
///             _ => {}
///         }
///     }
///     assert_eq!(groups.group(&old).unwrap().count(), members);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Groups {
    limits: GroupLimits,
    groups: Vec<Option<Group>>,
    vacant: BTreeSet<u32>,
    by_id: BTreeMap<GroupId, u32>,
    index: ByDevice,
    rules: ByFact,
    rev: u64,
    /// The revision up to which none is given after a restart.
    reserved: u64,
    changes: u64,
    /// Groups to look at because of an event; empty between calls.
    found: Vec<u32>,
    notes: VecDeque<GroupsOutput>,
    journal: Journal<GroupRecord, GroupsOutput>,
}

impl Groups {
    /// No groups yet.
    #[must_use]
    pub const fn new(limits: GroupLimits) -> Self {
        Self {
            limits,
            groups: Vec::new(),
            vacant: BTreeSet::new(),
            by_id: BTreeMap::new(),
            index: ByDevice::new(),
            rules: ByFact::new(),
            rev: 0,
            reserved: 0,
            changes: 0,
            found: Vec::new(),
            notes: VecDeque::new(),
            journal: Journal::new(),
        }
    }

    /// Makes an empty group.
    ///
    /// # Errors
    ///
    /// When there is one of this name, the name is reserved, or there are too many.
    pub fn create(&mut self, id: GroupId) -> Result<(), GroupError> {
        self.create_for(id, None)
    }

    /// Makes an empty group that says which job's outcome it is made from, for following that up.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub fn create_from_job(&mut self, id: GroupId, job: JobKey) -> Result<(), GroupError> {
        self.create_for(id, Some(job))
    }

    fn create_for(&mut self, id: GroupId, job: Option<JobKey>) -> Result<(), GroupError> {
        if id.is_all_devices() {
            return Err(GroupErrorKind::ReservedGroup.into());
        }
        if self.by_id.contains_key(&id) {
            return Err(GroupErrorKind::GroupExists.into());
        }
        if self.by_id.len() >= self.limits.max_groups as usize {
            return Err(GroupErrorKind::TooManyGroups.into());
        }
        self.change(Change::Created(id.clone(), job));
        self.touch(&id);
        Ok(())
    }

    /// Deletes a group, also out of the groups it is nested in. Jobs that were started for it keep the targets they have.
    ///
    /// # Errors
    ///
    /// When there is no such group, or the name is reserved.
    pub fn delete(&mut self, id: &GroupId) -> Result<(), GroupError> {
        let parents = self.changeable(id)?.state.parents.clone();
        self.change(Change::Deleted(id.clone()));
        self.next_rev();
        self.redefine(parents);
        Ok(())
    }

    /// Lists a device in a group, whether or not it is registered.
    ///
    /// # Errors
    ///
    /// When there is no such group, the name is reserved, the device is listed already, or there are too many.
    pub fn add_member(
        &mut self,
        id: &GroupId,
        device: DeviceId,
        inventory: &Inventory,
    ) -> Result<(), GroupError> {
        let limit = self.limits.max_members;
        let group = self.changeable(id)?;
        if group.listed.contains(&device) {
            return Err(GroupErrorKind::MemberExists.into());
        }
        if group.listed.len() >= group.max.unwrap_or(limit).min(limit) as usize {
            return Err(GroupErrorKind::TooManyMembers.into());
        }
        self.room(1)?;
        self.change(Change::Listed(id.clone(), device.clone()));
        self.relist(id, &device, inventory);
        Ok(())
    }

    /// Takes a device off the list of a group. It may still be in the group by its rule.
    ///
    /// # Errors
    ///
    /// When there is no such group, the name is reserved, or the device is not listed.
    pub fn remove_member(
        &mut self,
        id: &GroupId,
        device: &DeviceId,
        inventory: &Inventory,
    ) -> Result<(), GroupError> {
        if !self.changeable(id)?.listed.contains(device) {
            return Err(GroupErrorKind::UnknownMember.into());
        }
        self.change(Change::Unlisted(id.clone(), device.clone()));
        self.relist(id, device, inventory);
        Ok(())
    }

    /// Makes these devices, and no others, the list of a group.
    ///
    /// # Errors
    ///
    /// When there is no such group, the name is reserved, or they are too many. Nothing changes then.
    pub fn set_members(
        &mut self,
        id: &GroupId,
        devices: impl IntoIterator<Item = DeviceId>,
        inventory: &Inventory,
    ) -> Result<(), GroupError> {
        let limit = self.limits.max_members;
        let group = self.changeable(id)?;
        let max = group.max.unwrap_or(limit).min(limit) as usize;
        let mut listed = BTreeSet::new();
        for device in devices {
            listed.insert(device);
            if listed.len() > max {
                return Err(GroupErrorKind::TooManyMembers.into());
            }
        }
        if listed == group.listed {
            return Ok(());
        }
        let more = listed.len().saturating_sub(group.listed.len());
        self.room(more)?;
        self.change(Change::List(id.clone(), listed.into_iter().collect()));
        self.touch(id);
        self.relist_all(id, inventory);
        Ok(())
    }

    /// Keeps a device out of a group, however it would come in.
    ///
    /// # Errors
    ///
    /// When there is no such group, the name is reserved, the device is kept out already, or there are too many.
    pub fn bar(&mut self, id: &GroupId, device: DeviceId, inventory: &Inventory) -> Result<(), GroupError> {
        let limit = self.limits.max_members as usize;
        let group = self.changeable(id)?;
        if group.barred.contains(&device) {
            return Err(GroupErrorKind::MemberExists.into());
        }
        if group.barred.len() >= limit {
            return Err(GroupErrorKind::TooManyMembers.into());
        }
        self.room(1)?;
        self.change(Change::Barred(id.clone(), device.clone()));
        self.relist(id, &device, inventory);
        Ok(())
    }

    /// Lets a device in again that was kept out.
    ///
    /// # Errors
    ///
    /// When there is no such group, the name is reserved, or the device was not kept out.
    pub fn unbar(
        &mut self,
        id: &GroupId,
        device: &DeviceId,
        inventory: &Inventory,
    ) -> Result<(), GroupError> {
        if !self.changeable(id)?.barred.contains(device) {
            return Err(GroupErrorKind::UnknownMember.into());
        }
        self.change(Change::Unbarred(id.clone(), device.clone()));
        self.relist(id, device, inventory);
        Ok(())
    }

    /// Sets or takes away the rule by which devices are in a group. Looks at every device.
    ///
    /// # Errors
    ///
    /// When there is no such group, the name is reserved, or the rule can never match as it
    /// stands ([`Selector::check`]).
    pub fn set_rule(
        &mut self,
        id: &GroupId,
        rule: Option<Selector>,
        inventory: &Inventory,
    ) -> Result<(), GroupError> {
        let group = self.changeable(id)?;
        if rule.as_ref().is_some_and(|rule| rule.check().is_err()) {
            return Err(GroupErrorKind::BadRule.into());
        }
        if group.rule == rule {
            return Ok(());
        }
        self.change(Change::Rule(id.clone(), rule));
        self.touch(id);
        self.apply_rule(id, inventory);
        Ok(())
    }

    /// Puts all members of one group into another, now and as they come and go.
    ///
    /// # Errors
    ///
    /// When there is no such group, a name is reserved, it is nested there already, a group would be in itself, or they
    /// would be nested too deep.
    pub fn nest(&mut self, id: &GroupId, child: &GroupId) -> Result<(), GroupError> {
        let group = self.changeable(id)?;
        if group.nested.contains(child) {
            return Err(GroupErrorKind::MemberExists.into());
        }
        self.changeable(child)?;
        self.can_nest(id, child)?;
        self.change(Change::Nested(id.clone(), child.clone()));
        self.touch(id);
        self.redefine(self.by_id.get(id).copied());
        Ok(())
    }

    /// Takes the members of one group out of another again, as far as they were in it for that only.
    ///
    /// # Errors
    ///
    /// When there is no such group, a name is reserved, or it is not nested there.
    pub fn unnest(&mut self, id: &GroupId, child: &GroupId) -> Result<(), GroupError> {
        if !self.changeable(id)?.nested.contains(child) {
            return Err(GroupErrorKind::UnknownMember.into());
        }
        self.change(Change::Unnested(id.clone(), child.clone()));
        self.touch(id);
        self.redefine(self.by_id.get(id).copied());
        Ok(())
    }

    /// Sets what people call a group.
    ///
    /// # Errors
    ///
    /// When there is no such group, the name is reserved, or the label is too long or not a text.
    pub fn set_label(&mut self, id: &GroupId, label: Option<&str>) -> Result<(), GroupError> {
        let max = self.limits.max_label;
        let group = self.changeable(id)?;
        if label.is_some_and(|label| label.len() > max || unprintable(label).is_some()) {
            return Err(GroupErrorKind::BadLabel.into());
        }
        if group.label() != label {
            self.change(Change::Label(id.clone(), label.map(Into::into)));
            self.touch(id);
        }
        Ok(())
    }

    /// Sets how many members a group may have. Nobody is put out for it and nobody who matches the rule is kept out, but a
    /// group with more members cannot be addressed, and no more devices are listed in it.
    ///
    /// # Errors
    ///
    /// When there is no such group, or the name is reserved.
    pub fn set_max(&mut self, id: &GroupId, max: Option<u32>) -> Result<(), GroupError> {
        if self.changeable(id)?.max != max {
            self.change(Change::Max(id.clone(), max));
            self.touch(id);
        }
        Ok(())
    }

    /// This record, and all before it, are stored.
    pub fn handle_persisted(&mut self, seq: RecordSeq) {
        self.journal.persisted(seq);
    }

    /// The next thing to do or to know; [`GroupsOutput::Wait`] when there is nothing left.
    pub fn poll_output(&mut self) -> GroupsOutput {
        match self.journal.next_record() {
            Some((seq, record)) => GroupsOutput::Persist(seq, record),
            None => self.notes.pop_front().unwrap_or(GroupsOutput::Wait(None)),
        }
    }

    /// The group of this name; none for `*`, which is not a list.
    #[must_use]
    pub fn group(&self, id: &GroupId) -> Option<&Group> {
        self.at(*self.by_id.get(id)?)
    }

    /// All groups, in the order of their names.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&GroupId, &Group)> {
        self.by_id.iter().filter_map(|(id, &number)| Some((id, self.at(number)?)))
    }

    /// Changes with every change of any group or its members.
    #[must_use]
    pub const fn rev(&self) -> u64 {
        self.rev
    }

    /// How many groups there may be, and how large.
    #[must_use]
    pub const fn limits(&self) -> &GroupLimits {
        &self.limits
    }

    /// The registered devices of a group, by ascending serial.
    ///
    /// # Errors
    ///
    /// When there is no such group, or it has more members than it may.
    pub fn resolve(&self, id: &GroupId, inventory: &Inventory) -> Result<Vec<Serial>, GroupError> {
        Ok(self.members(id, inventory)?.iter().collect())
    }

    fn changeable(&self, id: &GroupId) -> Result<&Group, GroupError> {
        if id.is_all_devices() {
            return Err(GroupErrorKind::ReservedGroup.into());
        }
        Ok(self.group(id).ok_or(GroupErrorKind::UnknownGroup)?)
    }

    /// Whether so many entries find room among all lists.
    fn room(&self, more: usize) -> Result<(), GroupError> {
        if self.index.len() + more > self.limits.max_listed as usize {
            return Err(GroupErrorKind::TooManyMembers.into());
        }
        Ok(())
    }

    fn at(&self, number: u32) -> Option<&Group> {
        self.groups.get(number as usize)?.as_ref()
    }

    fn at_mut(&mut self, number: u32) -> Option<&mut Group> {
        self.groups.get_mut(number as usize)?.as_mut()
    }

    /// Does a change and wants it stored.
    fn change(&mut self, change: Change) {
        self.apply(&change);
        self.journal.record(GroupRecord { number: self.changes, change });
    }

    /// A revision that was never given.
    fn next_rev(&mut self) -> u64 {
        self.rev += 1;
        if self.rev > self.reserved {
            // Rarely, because membership changes without a record of its own.
            self.change(Change::Revisions(self.rev.saturating_add(4096)));
        }
        self.rev
    }

    fn touch(&mut self, id: &GroupId) {
        let rev = self.next_rev();
        if let Some(group) = self.by_id.get(id).copied().and_then(|number| self.at_mut(number)) {
            group.rev = rev;
        }
    }
}
