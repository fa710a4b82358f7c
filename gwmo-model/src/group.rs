//! Groups of devices, and sets of targets made from them.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::device::{DeviceId, Serial};
use crate::error::{GroupError, GroupErrorKind};
use crate::identifier::identifier;
use crate::inventory::Inventory;

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

/// How many groups there may be, and how large.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct GroupLimits {
    /// Most groups at a time. Default 256: groups are made by people, for buildings and kinds of devices.
    pub max_groups: u32,
    /// Most members of one group. Default 65 536, the default size of an inventory.
    pub max_members: u32,
}

impl Default for GroupLimits {
    fn default() -> Self {
        Self { max_groups: 256, max_members: 65_536 }
    }
}

impl GroupLimits {
    /// Sets [`max_groups`](Self::max_groups).
    #[must_use]
    pub const fn with_max_groups(mut self, max: u32) -> Self {
        self.max_groups = max;
        self
    }

    /// Sets [`max_members`](Self::max_members).
    #[must_use]
    pub const fn with_max_members(mut self, max: u32) -> Self {
        self.max_members = max;
        self
    }
}

/// The device groups of a gateway (GwMO-Group-001): named lists of device identifiers.
///
/// A member need not be registered; it counts as a target from the moment it is. Groups have no clock and want
/// nothing done, so their methods are plain ones.
///
/// ```
/// use dm_syncml::Instant;
/// use gwmo_model::{DeviceId, GroupId, GroupLimits, Groups, Inventory, InventoryConfig};
///
/// let mut inventory = Inventory::new(InventoryConfig::default());
/// let serial = inventory.handle_registered(Instant::EPOCH, DeviceId::new("camera:1")?)?;
///
/// let mut groups = Groups::new(GroupLimits::default());
/// let cameras = GroupId::new("cameras")?;
/// groups.create(cameras.clone())?;
/// groups.add_member(&cameras, DeviceId::new("camera:1")?)?;
/// groups.add_member(&cameras, DeviceId::new("camera:2")?)?; // not registered yet
/// assert_eq!(groups.resolve(&cameras, &inventory)?, [serial]);
/// assert_eq!(groups.resolve(&GroupId::new("*")?, &inventory)?, [serial]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Groups {
    limits: GroupLimits,
    groups: BTreeMap<GroupId, Group>,
    rev: u64,
}

/// One group.
#[derive(Clone, Default, Debug)]
pub struct Group {
    members: BTreeSet<DeviceId>,
    rev: u64,
}

impl Group {
    /// The members, in the order of their identifiers.
    pub fn members(&self) -> impl DoubleEndedIterator<Item = &DeviceId> + ExactSizeIterator {
        self.members.iter()
    }

    /// Whether a device is a member.
    #[must_use]
    pub fn contains(&self, device: &DeviceId) -> bool {
        self.members.contains(device)
    }

    /// How many members are listed, registered or not.
    #[must_use]
    pub fn count(&self) -> usize {
        self.members.len()
    }

    /// Changes with every change of the membership; never the same again, even if the group is made anew.
    #[must_use]
    pub const fn rev(&self) -> u64 {
        self.rev
    }
}

impl Groups {
    /// No groups yet.
    #[must_use]
    pub const fn new(limits: GroupLimits) -> Self {
        Self { limits, groups: BTreeMap::new(), rev: 0 }
    }

    /// Makes an empty group.
    ///
    /// # Errors
    ///
    /// When there is one of this name, the name is reserved, or there are too many.
    pub fn create(&mut self, id: GroupId) -> Result<(), GroupError> {
        if id.is_all_devices() {
            return Err(GroupErrorKind::ReservedGroup.into());
        }
        if self.groups.contains_key(&id) {
            return Err(GroupErrorKind::GroupExists.into());
        }
        if self.groups.len() >= self.limits.max_groups as usize {
            return Err(GroupErrorKind::TooManyGroups.into());
        }
        self.rev += 1;
        self.groups.insert(id, Group { members: BTreeSet::new(), rev: self.rev });
        Ok(())
    }

    /// Deletes a group. Jobs that were started for it keep the targets they have.
    ///
    /// # Errors
    ///
    /// When there is no such group, or the name is reserved.
    pub fn delete(&mut self, id: &GroupId) -> Result<(), GroupError> {
        self.changeable(id)?;
        self.groups.remove(id);
        self.rev += 1;
        Ok(())
    }

    /// Adds a device to a group, whether or not it is registered.
    ///
    /// # Errors
    ///
    /// When there is no such group, the name is reserved, the device is a member already, or there are too many.
    pub fn add_member(&mut self, id: &GroupId, device: DeviceId) -> Result<(), GroupError> {
        let (max, rev) = (self.limits.max_members as usize, self.rev + 1);
        let group = self.changeable(id)?;
        if group.members.contains(&device) {
            return Err(GroupErrorKind::MemberExists.into());
        }
        if group.members.len() >= max {
            return Err(GroupErrorKind::TooManyMembers.into());
        }
        group.members.insert(device);
        group.rev = rev;
        self.rev = rev;
        Ok(())
    }

    /// Takes a device out of a group.
    ///
    /// # Errors
    ///
    /// When there is no such group, the name is reserved, or the device is not a member.
    pub fn remove_member(&mut self, id: &GroupId, device: &DeviceId) -> Result<(), GroupError> {
        let rev = self.rev + 1;
        let group = self.changeable(id)?;
        if !group.members.remove(device) {
            return Err(GroupErrorKind::UnknownMember.into());
        }
        group.rev = rev;
        self.rev = rev;
        Ok(())
    }

    /// Makes these devices, and no others, the members of a group.
    ///
    /// # Errors
    ///
    /// When there is no such group, the name is reserved, or they are too many. Nothing changes then.
    pub fn set_members(
        &mut self,
        id: &GroupId,
        devices: impl IntoIterator<Item = DeviceId>,
    ) -> Result<(), GroupError> {
        let (max, rev) = (self.limits.max_members as usize, self.rev + 1);
        let group = self.changeable(id)?;
        let mut members = BTreeSet::new();
        for device in devices {
            members.insert(device);
            if members.len() > max {
                return Err(GroupErrorKind::TooManyMembers.into());
            }
        }
        if members != group.members {
            group.members = members;
            group.rev = rev;
            self.rev = rev;
        }
        Ok(())
    }

    /// The group of this name; none for `*`, which is not a list.
    #[must_use]
    pub fn group(&self, id: &GroupId) -> Option<&Group> {
        self.groups.get(id)
    }

    /// All groups, in the order of their names.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&GroupId, &Group)> + ExactSizeIterator {
        self.groups.iter()
    }

    /// Changes with every change of any group.
    #[must_use]
    pub const fn rev(&self) -> u64 {
        self.rev
    }

    /// The registered devices of a group, by ascending serial. One look-up per member.
    ///
    /// # Errors
    ///
    /// When there is no such group.
    pub fn resolve(&self, id: &GroupId, inventory: &Inventory) -> Result<Vec<Serial>, GroupError> {
        if id.is_all_devices() {
            return Ok(inventory.records(..).map(|record| record.serial()).collect());
        }
        let group = self.groups.get(id).ok_or(GroupErrorKind::UnknownGroup)?;
        let mut serials: Vec<Serial> =
            group.members.iter().filter_map(|device| inventory.serial_of(device)).collect();
        serials.sort_unstable();
        Ok(serials)
    }

    fn changeable(&mut self, id: &GroupId) -> Result<&mut Group, GroupError> {
        if id.is_all_devices() {
            return Err(GroupErrorKind::ReservedGroup.into());
        }
        Ok(self.groups.get_mut(id).ok_or(GroupErrorKind::UnknownGroup)?)
    }
}

/// Who a job is for: (devices ∪ groups) − exceptions.
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
pub struct TargetSet {
    devices: BTreeSet<DeviceId>,
    groups: BTreeSet<GroupId>,
    except: BTreeSet<DeviceId>,
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
        Self { devices: BTreeSet::new(), groups: BTreeSet::new(), except: BTreeSet::new() }
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

    /// Excepts a device, however it would come in.
    #[must_use]
    pub fn without_device(mut self, device: DeviceId) -> Self {
        self.except.insert(device);
        self
    }

    /// Whether nobody is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty() && self.groups.is_empty()
    }

    /// Who that is now.
    ///
    /// # Errors
    ///
    /// When a named group does not exist.
    pub fn resolve(&self, inventory: &Inventory, groups: &Groups) -> Result<ResolvedTargets, GroupError> {
        let mut serials = BTreeSet::new();
        let mut unknown = Vec::new();
        for group in &self.groups {
            serials.extend(groups.resolve(group, inventory)?);
        }
        for device in self.devices.difference(&self.except) {
            match inventory.serial_of(device) {
                Some(serial) => drop(serials.insert(serial)),
                None => unknown.push(device.clone()),
            }
        }
        for serial in self.except.iter().filter_map(|device| inventory.serial_of(device)) {
            serials.remove(&serial);
        }
        Ok(ResolvedTargets { serials: serials.into_iter().collect(), unknown })
    }
}
