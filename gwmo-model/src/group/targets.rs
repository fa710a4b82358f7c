//! Who a job is for.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::device::{DeviceId, Serial};
use crate::error::{GroupError, GroupErrorKind};
use crate::inventory::{DeviceRecord, FactSet, Inventory, SerialSet};
use crate::selector::Selector;

use super::{GroupId, Groups};

/// Who a job is for: (devices ∪ groups ∪ what selectors match) − (devices ∪ groups that are excepted).
///
/// ```
/// use dm_syncml::Instant;
/// use gwmo_model::{DeviceId, GroupId, GroupLimits, Groups, Inventory, InventoryConfig, TargetSet};
///
/// let mut inventory = Inventory::new(InventoryConfig::default());
/// for name in ["lamp:1", "lamp:2", "lamp:3"] {
///     inventory.handle_registered(Instant::EPOCH, DeviceId::new(name)?)?;
/// }
/// let targets = TargetSet::new().with_group(GroupId::new("*")?).without_device(DeviceId::new("lamp:2")?);
/// let resolved = targets.resolve(&inventory, &Groups::new(GroupLimits::default()))?;
/// assert_eq!(resolved.serials.iter().map(|serial| serial.get()).collect::<Vec<_>>(), [1, 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TargetSet {
    devices: BTreeSet<DeviceId>,
    groups: BTreeSet<GroupId>,
    matching: Vec<Selector>,
    except: BTreeSet<DeviceId>,
    except_groups: BTreeSet<GroupId>,
}

/// What a [`TargetSet`] comes to at one moment.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct ResolvedTargets {
    /// The registered devices, by ascending serial, each once.
    pub serials: Vec<Serial>,
    /// Devices that were named, not excepted, and are not registered; a server may want to hear of them.
    pub unknown: Vec<DeviceId>,
}

impl TargetSet {
    /// Nobody.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            devices: BTreeSet::new(),
            groups: BTreeSet::new(),
            matching: Vec::new(),
            except: BTreeSet::new(),
            except_groups: BTreeSet::new(),
        }
    }

    /// Adds a device.
    #[must_use]
    pub fn with_device(mut self, device: DeviceId) -> Self {
        self.devices.insert(device);
        self
    }

    /// Adds the members of a group.
    #[must_use]
    pub fn with_group(mut self, group: GroupId) -> Self {
        self.groups.insert(group);
        self
    }

    /// Adds the devices that match.
    #[must_use]
    pub fn with_matching(mut self, selector: Selector) -> Self {
        self.matching.push(selector);
        self
    }

    /// Excepts a device, however it would come in.
    #[must_use]
    pub fn without_device(mut self, device: DeviceId) -> Self {
        self.except.insert(device);
        self
    }

    /// Excepts the members of a group, however they would come in.
    #[must_use]
    pub fn without_group(mut self, group: GroupId) -> Self {
        self.except_groups.insert(group);
        self
    }

    /// Whether nobody is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty() && self.groups.is_empty() && self.matching.is_empty()
    }

    /// The groups that are named, excepted ones included.
    pub fn groups(&self) -> impl Iterator<Item = &GroupId> {
        self.groups.union(&self.except_groups)
    }

    /// The facts that decide besides membership in groups: a change of others cannot make a device a target.
    #[must_use]
    pub fn facts(&self) -> FactSet {
        let selectors = self.matching.iter().fold(FactSet::EMPTY, |facts, selector| facts | selector.facts());
        selectors | FactSet::REGISTERED
    }

    /// Who that is now. Selectors are asked of every device, everything else costs what it names.
    ///
    /// # Errors
    ///
    /// When a named group does not exist or has more members than it may, or a selector can never match as it
    /// stands.
    pub fn resolve(&self, inventory: &Inventory, groups: &Groups) -> Result<ResolvedTargets, GroupError> {
        let mut serials = SerialSet::new();
        let mut unknown = Vec::new();
        if self.matching.iter().any(|selector| selector.check().is_err()) {
            return Err(GroupErrorKind::BadRule.into());
        }
        for group in &self.groups {
            serials.add_all(groups.members(group, inventory)?);
        }
        if !self.matching.is_empty() {
            let matches =
                |record: &&DeviceRecord| self.matching.iter().any(|selector| selector.matches(record));
            for record in inventory.records(..).filter(matches) {
                serials.insert(record.serial());
            }
        }
        for device in self.devices.difference(&self.except) {
            match inventory.serial_of(device) {
                Some(serial) => {
                    serials.insert(serial);
                }
                None => unknown.push(device.clone()),
            }
        }
        for group in &self.except_groups {
            serials.remove_all(groups.members(group, inventory)?);
        }
        for serial in self.except.iter().filter_map(|device| inventory.serial_of(device)) {
            serials.remove(serial);
        }
        Ok(ResolvedTargets { serials: serials.iter().collect(), unknown })
    }

    /// Whether a device is meant now. Groups that do not exist have no members.
    #[must_use]
    pub fn contains(&self, serial: Serial, inventory: &Inventory, groups: &Groups) -> bool {
        let Some(record) = inventory.record(serial) else { return false };
        let in_one = |names: &BTreeSet<GroupId>| {
            names.iter().any(|id| groups.members(id, inventory).is_ok_and(|members| members.contains(serial)))
        };
        let meant = self.devices.contains(record.id())
            || in_one(&self.groups)
            || self.matching.iter().any(|selector| selector.matches(record));
        meant && !self.except.contains(record.id()) && !in_one(&self.except_groups)
    }
}
