//! `./GwMO/Groups` over the groups, with the names that servers give to members.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dm_syncml::StatusCode;
use dm_tree::{AccessType, Children, Format, NewNode, NodeFacts, Value};

use super::paths::{COUNT, LIST, MEMBERS, REV};
use super::{GROUPS_MO, Objects, rev_number};
use crate::device::DeviceId;
use crate::group::GroupId;

/// The node names of the members of each group.
#[derive(Debug, Default)]
pub(super) struct MemberNames {
    groups: BTreeMap<GroupId, BTreeMap<String, DeviceId>>,
    /// Octets of all names and identifiers.
    len: usize,
}

impl MemberNames {
    fn of(&self, id: &GroupId) -> Option<&BTreeMap<String, DeviceId>> {
        self.groups.get(id)
    }

    fn take(&mut self, id: &GroupId) {
        if let Some(members) = self.groups.remove(id) {
            self.len -= members.iter().map(cost).sum::<usize>();
        }
    }
}

fn cost((name, device): (&String, &DeviceId)) -> usize {
    name.len() + device.as_str().len()
}

impl Objects {
    pub(super) fn groups_node(&self, path: &[&str]) -> Option<NodeFacts> {
        let Some((name, rest)) = path.split_first() else {
            return Some(
                NodeFacts::interior().with_type(GROUPS_MO).with_access(AccessType::GET | AccessType::ADD),
            );
        };
        let id = GroupId::new(name).ok()?;
        let members = self.members.of(&id)?;
        let list_access = AccessType::GET | AccessType::REPLACE;
        Some(match rest {
            [] => NodeFacts::interior().with_access(AccessType::GET | AccessType::DELETE).dynamic(),
            [MEMBERS] => NodeFacts::interior().with_access(AccessType::GET | AccessType::ADD),
            [MEMBERS, member] if members.contains_key(*member) => {
                NodeFacts::leaf(Format::Chr).with_access(AccessType::GET | AccessType::DELETE).dynamic()
            }
            [LIST] => NodeFacts::leaf(Format::Chr).with_access(list_access),
            [COUNT | REV] => NodeFacts::leaf(Format::Int),
            _ => return None,
        })
    }

    pub(super) fn groups_value(&self, path: &[&str]) -> Result<String, StatusCode> {
        let [name, rest @ ..] = path else { return Err(StatusCode::NOT_FOUND) };
        let id = GroupId::new(name).map_err(|error| error.status())?;
        let group = self.groups.group(&id).ok_or(StatusCode::NOT_FOUND)?;
        match rest {
            [COUNT] => Ok(group.listed().len().to_string()),
            [REV] => Ok(rev_number(group.rev()).to_string()),
            [LIST] => {
                let mut list = String::new();
                for member in group.listed() {
                    if list.len() + member.as_str().len() >= self.limits.max_page {
                        return Err(StatusCode::TOO_LARGE);
                    }
                    list.push_str(member.as_str());
                    list.push('\n');
                }
                Ok(list)
            }
            [MEMBERS, member] => {
                let members = self.members.of(&id).ok_or(StatusCode::NOT_FOUND)?;
                members.get(*member).map(ToString::to_string).ok_or(StatusCode::NOT_FOUND)
            }
            _ => Err(StatusCode::NOT_FOUND),
        }
    }

    pub(super) fn groups_children(&self, path: &[&str], out: &mut Children) {
        match path {
            [] => self.groups.iter().all(|(id, _)| out.push(id.as_str())),
            [name, MEMBERS] => {
                let members = GroupId::new(name).ok().and_then(|id| self.members.of(&id));
                members.is_none_or(|members| members.keys().all(|name| out.push(name)))
            }
            _ => [COUNT, LIST, MEMBERS, REV].iter().all(|name| out.push(name)),
        };
    }

    pub(super) fn groups_add(&mut self, path: &[&str], new: &NewNode) -> Result<(), StatusCode> {
        match (path, new) {
            ([name], NewNode::Interior { .. }) => {
                let id = GroupId::new(name).map_err(|error| error.status())?;
                self.groups.create(id.clone()).map_err(|error| error.status())?;
                self.members.groups.insert(id, BTreeMap::new());
                Ok(())
            }
            ([name, MEMBERS, member], NewNode::Leaf(value)) => {
                let id = GroupId::new(name).map_err(|error| error.status())?;
                let device = device_of(value)?;
                let len = self.members.len + member.len() + device.as_str().len();
                if len > self.limits.max_members {
                    return Err(StatusCode::DEVICE_FULL);
                }
                let members = self.members.groups.get_mut(&id).ok_or(StatusCode::NOT_FOUND)?;
                self.groups
                    .add_member(&id, device.clone(), &self.inventory)
                    .map_err(|error| error.status())?;
                members.insert(String::from(*member), device);
                self.members.len = len;
                Ok(())
            }
            _ => Err(StatusCode::UNSUPPORTED_FORMAT),
        }
    }

    /// The whole membership at once: identifiers, one a line; empty lines and repetitions say nothing.
    pub(super) fn groups_replace(&mut self, path: &[&str], value: &Value) -> Result<(), StatusCode> {
        let [name, LIST] = path else { return Err(StatusCode::NOT_ALLOWED) };
        let id = GroupId::new(name).map_err(|error| error.status())?;
        let text = value.as_str().ok_or(StatusCode::UNSUPPORTED_FORMAT)?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let devices: Result<Vec<DeviceId>, _> = lines.map(DeviceId::new).collect();
        let devices: BTreeSet<DeviceId> = devices.map_err(|error| error.status())?.into_iter().collect();
        let names: BTreeMap<String, DeviceId> = devices
            .iter()
            .cloned()
            .zip(1_u32..)
            .map(|(device, number)| (number.to_string(), device))
            .collect();
        let old: usize = self.members.of(&id).ok_or(StatusCode::NOT_FOUND)?.iter().map(cost).sum();
        let new: usize = names.iter().map(cost).sum();
        if new > old && self.members.len - old + new > self.limits.max_members {
            return Err(StatusCode::DEVICE_FULL);
        }
        self.groups.set_members(&id, devices, &self.inventory).map_err(|error| error.status())?;
        self.members.groups.insert(id, names);
        self.members.len = self.members.len - old + new;
        Ok(())
    }

    pub(super) fn groups_delete(&mut self, path: &[&str]) -> Result<(), StatusCode> {
        let [name, rest @ ..] = path else { return Err(StatusCode::NOT_ALLOWED) };
        let id = GroupId::new(name).map_err(|error| error.status())?;
        match rest {
            [] => {
                self.groups.delete(&id).map_err(|error| error.status())?;
                self.members.take(&id);
                Ok(())
            }
            [MEMBERS, member] => {
                let members = self.members.groups.get_mut(&id).ok_or(StatusCode::NOT_FOUND)?;
                let (name, device) = members.remove_entry(*member).ok_or(StatusCode::NOT_FOUND)?;
                self.members.len -= cost((&name, &device));
                self.groups.remove_member(&id, &device, &self.inventory).map_err(|error| error.status())
            }
            _ => Err(StatusCode::NOT_ALLOWED),
        }
    }
}

/// The identifier in a leaf.
pub(super) fn device_of(value: &Value) -> Result<DeviceId, StatusCode> {
    let text = value.as_str().ok_or(StatusCode::UNSUPPORTED_FORMAT)?;
    DeviceId::new(text).map_err(|error| error.status())
}
