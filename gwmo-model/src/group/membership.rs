//! Who is in which group, kept up to date.

use alloc::collections::{BTreeMap, BTreeSet};

use crate::device::{DeviceId, Serial};
use crate::error::{GroupError, GroupErrorKind};
use crate::inventory::{DeviceRecord, FactSet, Inventory, SerialSet};

use super::definition::Group;
use super::{GroupId, Groups, GroupsOutput};

impl Groups {
    /// Something changed about a device: see who it is in a group with now. Costs what the rules cost that look at one of
    /// these facts; for a device that is new, all rules.
    pub fn handle_changed(&mut self, serial: Serial, facts: FactSet, inventory: &Inventory) {
        let Some(record) = inventory.record(serial) else { return };
        let mut found = core::mem::take(&mut self.found);
        if facts.overlaps(FactSet::REGISTERED) {
            found.extend(self.index.of(record.id()));
            for &number in &found {
                if let Some(group) = self.at_mut(number) {
                    group.place(record.id(), serial);
                }
            }
            self.settle(&found, serial);
            found.clear();
        }
        self.rules.find(facts, &mut found);
        found.retain(|&number| {
            self.at_mut(number).is_some_and(|group| {
                let matches = group.rule.as_ref().is_some_and(|rule| rule.matches(record));
                group.state.by_rule.set(serial, matches)
            })
        });
        self.settle(&found, serial);
        found.clear();
        self.found = found;
    }

    /// A device is not registered any more, and in no group.
    pub fn handle_removed(&mut self, serial: Serial, id: &DeviceId) {
        let mut found = core::mem::take(&mut self.found);
        found.extend(self.index.of(id));
        self.rules.find(FactSet::REGISTERED, &mut found);
        found.retain(|&number| {
            self.at_mut(number).is_some_and(|group| {
                let state = &mut group.state;
                let listed = state.by_list.remove(serial);
                let matched = state.by_rule.remove(serial);
                state.kept_out.remove(serial) || listed || matched
            })
        });
        self.settle(&found, serial);
        found.clear();
        self.found = found;
    }

    /// Brings one device in step in these groups and those above them, each once, from below.
    fn settle(&mut self, numbers: &[u32], serial: Serial) {
        // Most often there is nothing to do.
        if numbers.is_empty() {
            return;
        }
        let mut open: BTreeSet<(u8, u32)> =
            numbers.iter().filter_map(|&number| Some((self.at(number)?.state.height, number))).collect();
        while let Some((_, number)) = open.pop_first() {
            let Some(group) = self.at(number) else { continue };
            let by_child = |child: &u32| self.at(*child).is_some_and(|child| child.contains(serial));
            let state = &group.state;
            let is_in = !state.kept_out.contains(serial)
                && (state.by_list.contains(serial)
                    || state.by_rule.contains(serial)
                    || state.children.iter().any(by_child));
            if state.members.contains(serial) == is_in {
                continue;
            }
            let rev = self.next_rev();
            let Some(group) = self.at_mut(number) else { continue };
            group.state.members.set(serial, is_in);
            group.rev = rev;
            let (group, parents) = (group.id.clone(), group.state.parents.clone());
            let note = if is_in {
                GroupsOutput::Joined { group, serial }
            } else {
                GroupsOutput::Left { group, serial }
            };
            self.notes.push_back(note);
            self.queue(&parents, &mut open);
        }
    }

    /// Brings all devices in step in these groups and those above them, each once, from below.
    pub(super) fn redefine(&mut self, numbers: impl IntoIterator<Item = u32>) {
        let mut open = BTreeSet::new();
        self.queue(&numbers.into_iter().collect(), &mut open);
        while let Some((_, number)) = open.pop_first() {
            let Some(group) = self.at(number) else { continue };
            let mut members = group.state.by_list.clone();
            members.add_all(&group.state.by_rule);
            for child in group.state.children.iter().filter_map(|&child| self.at(child)) {
                members.add_all(&child.state.members);
            }
            members.remove_all(&group.state.kept_out);
            if members == group.state.members {
                continue;
            }
            let rev = self.next_rev();
            let Some(group) = self.at_mut(number) else { continue };
            group.state.members = members;
            group.rev = rev;
            let (group, parents) = (group.id.clone(), group.state.parents.clone());
            self.notes.push_back(GroupsOutput::Redefined { group });
            self.queue(&parents, &mut open);
        }
    }

    fn queue(&self, numbers: &BTreeSet<u32>, open: &mut BTreeSet<(u8, u32)>) {
        open.extend(numbers.iter().filter_map(|&number| Some((self.at(number)?.state.height, number))));
    }

    /// The lists of a group name a device otherwise than before.
    pub(super) fn relist(&mut self, id: &GroupId, device: &DeviceId, inventory: &Inventory) {
        self.touch(id);
        let Some((serial, number)) = inventory.serial_of(device).zip(self.by_id.get(id).copied()) else {
            return;
        };
        if let Some(group) = self.at_mut(number) {
            group.place(device, serial);
        }
        self.settle_redefined(number, serial);
    }

    /// As [`settle`](Self::settle), for a change of a group.
    fn settle_redefined(&mut self, number: u32, serial: Serial) {
        let from = self.notes.len();
        self.settle(&[number], serial);
        for note in self.notes.iter_mut().skip(from) {
            if let GroupsOutput::Joined { group, .. } | GroupsOutput::Left { group, .. } = note {
                *note = GroupsOutput::Redefined { group: group.clone() };
            }
        }
    }

    /// Finds the registered devices of the lists of a group anew.
    pub(super) fn relist_all(&mut self, id: &GroupId, inventory: &Inventory) {
        let Some(&number) = self.by_id.get(id) else { return };
        if let Some(group) = self.at_mut(number) {
            group.find_listed(inventory);
        }
        self.redefine([number]);
    }

    /// Finds the devices that match the rule of a group anew.
    pub(super) fn apply_rule(&mut self, id: &GroupId, inventory: &Inventory) {
        let Some(&number) = self.by_id.get(id) else { return };
        if let Some(group) = self.at_mut(number) {
            group.find_matching(inventory);
        }
        self.redefine([number]);
    }

    /// Finds everything anew, without a word.
    pub(super) fn rebuild(&mut self, inventory: &Inventory) {
        let numbers: BTreeSet<u32> = self.by_id.values().copied().collect();
        for &number in &numbers {
            if let Some(group) = self.at_mut(number) {
                group.find_listed(inventory);
                group.find_matching(inventory);
            }
        }
        self.redefine(numbers);
        self.notes.clear();
    }

    /// The members of a group, or all devices.
    pub(super) fn members<'a>(
        &'a self,
        id: &GroupId,
        inventory: &'a Inventory,
    ) -> Result<&'a SerialSet, GroupError> {
        if id.is_all_devices() {
            return Ok(inventory.serials());
        }
        let group = self.group(id).ok_or(GroupErrorKind::UnknownGroup)?;
        if group.max.is_some_and(|max| group.count() > max) {
            return Err(GroupErrorKind::TooManyMembers.into());
        }
        Ok(&group.state.members)
    }

    /// Whether one group may go into another.
    pub(super) fn can_nest(&self, parent: &GroupId, child: &GroupId) -> Result<(), GroupError> {
        let (Some(&parent), Some(&child)) = (self.by_id.get(parent), self.by_id.get(child)) else {
            return Err(GroupErrorKind::UnknownGroup.into());
        };
        // Everything below the child.
        let (mut below, mut open) = (BTreeSet::from([child]), BTreeSet::from([child]));
        while let Some(number) = open.pop_first() {
            if number == parent {
                return Err(GroupErrorKind::Cycle.into());
            }
            let children = self.at(number).into_iter().flat_map(|group| &group.state.children);
            open.extend(children.copied().filter(|&child| below.insert(child)));
        }
        match self.heights(Some((parent, child))) {
            Some(_) => Ok(()),
            None => Err(GroupErrorKind::TooDeep.into()),
        }
    }

    /// How high each group stands above those nested in it, perhaps with one nesting more; `None` when that is more than the
    /// limit.
    fn heights(&self, more: Option<(u32, u32)>) -> Option<BTreeMap<u32, u8>> {
        let mut heights: BTreeMap<u32, u8> = self.by_id.values().map(|&number| (number, 0)).collect();
        let mut nestings: alloc::vec::Vec<(u32, u32)> = more.into_iter().collect();
        for &number in self.by_id.values() {
            let children = self.at(number).into_iter().flat_map(|group| &group.state.children);
            nestings.extend(children.map(|&child| (number, child)));
        }
        // Each round gets at least one level right.
        for _ in 0..=self.limits.max_nesting {
            let mut settled = true;
            for (parent, child) in &nestings {
                let least = heights.get(child).copied().unwrap_or(0).saturating_add(1);
                if let Some(height) = heights.get_mut(parent)
                    && *height < least
                {
                    *height = least;
                    settled = false;
                }
            }
            if settled {
                let low = heights.values().all(|&height| height <= self.limits.max_nesting);
                return low.then_some(heights);
            }
        }
        None
    }

    pub(super) fn set_heights(&mut self) {
        // They were checked before anything was nested.
        for (number, height) in self.heights(None).unwrap_or_default() {
            if let Some(group) = self.at_mut(number) {
                group.state.height = height;
            }
        }
    }
}

impl Group {
    /// Takes note of what the lists say of a registered device.
    fn place(&mut self, device: &DeviceId, serial: Serial) {
        let (listed, barred) = (self.listed.contains(device), self.barred.contains(device));
        self.state.by_list.set(serial, listed);
        self.state.kept_out.set(serial, barred);
    }

    fn find_listed(&mut self, inventory: &Inventory) {
        self.state.by_list = self.listed.iter().filter_map(|device| inventory.serial_of(device)).collect();
        self.state.kept_out = self.barred.iter().filter_map(|device| inventory.serial_of(device)).collect();
    }

    fn find_matching(&mut self, inventory: &Inventory) {
        let Some(rule) = &self.rule else {
            self.state.by_rule = SerialSet::new();
            return;
        };
        let matching = inventory.records(..).filter(|record| rule.matches(record));
        self.state.by_rule = matching.map(DeviceRecord::serial).collect();
    }
}
