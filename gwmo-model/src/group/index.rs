//! Which groups an event can concern, so that no others are looked at.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::device::DeviceId;
use crate::inventory::FactSet;
use crate::selector::Selector;

/// The groups whose lists name a device, by the device. A group that both lists and bars it stands twice.
#[derive(Clone, Default, Debug)]
pub(super) struct ByDevice {
    groups: BTreeMap<DeviceId, Vec<u32>>,
    len: usize,
}

impl ByDevice {
    pub(super) const fn new() -> Self {
        Self { groups: BTreeMap::new(), len: 0 }
    }

    /// Entries of all lists.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn add(&mut self, device: &DeviceId, group: u32) {
        self.len += 1;
        match self.groups.get_mut(device) {
            Some(groups) => groups.push(group),
            None => drop(self.groups.insert(device.clone(), Vec::from([group]))),
        }
    }

    pub(super) fn remove(&mut self, device: &DeviceId, group: u32) {
        let Some(groups) = self.groups.get_mut(device) else { return };
        if let Some(at) = groups.iter().position(|&known| known == group) {
            groups.swap_remove(at);
            self.len -= 1;
        }
        if groups.is_empty() {
            self.groups.remove(device);
        }
    }

    pub(super) fn of(&self, device: &DeviceId) -> &[u32] {
        self.groups.get(device).map_or(&[], Vec::as_slice)
    }
}

/// The groups with rules, by the facts these look at.
#[derive(Clone, Debug)]
pub(super) struct ByFact {
    all: BTreeSet<u32>,
    by_fact: [BTreeSet<u32>; FactSet::COUNT],
}

impl ByFact {
    pub(super) const fn new() -> Self {
        Self { all: BTreeSet::new(), by_fact: [const { BTreeSet::new() }; FactSet::COUNT] }
    }

    pub(super) fn add(&mut self, group: u32, rule: Option<&Selector>) {
        if let Some(rule) = rule {
            self.all.insert(group);
            for fact in rule.facts().indices() {
                self.by_fact[fact].insert(group);
            }
        }
    }

    pub(super) fn remove(&mut self, group: u32, rule: Option<&Selector>) {
        if let Some(rule) = rule {
            self.all.remove(&group);
            for fact in rule.facts().indices() {
                self.by_fact[fact].remove(&group);
            }
        }
    }

    /// Puts the groups whose rules look at one of these facts into `found`, each once. A device that is new is new to
    /// every rule.
    pub(super) fn find(&self, facts: FactSet, found: &mut Vec<u32>) {
        if facts.overlaps(FactSet::REGISTERED) {
            found.extend(&self.all);
            return;
        }
        let mut several = false;
        for fact in facts.indices() {
            several |= !found.is_empty();
            found.extend(&self.by_fact[fact]);
        }
        if several {
            found.sort_unstable();
            found.dedup();
        }
    }
}
