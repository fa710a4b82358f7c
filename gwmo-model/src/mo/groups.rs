//! [`Object::Groups`](super::Object::Groups) over the groups.

use alloc::collections::BTreeSet;
use alloc::string::String;

use dm_syncml::StatusCode;
use dm_tree::{Children, Value};

use super::table::GroupsSlot as Node;
use super::{Keys, Leaf, Objects, Shape, chr, int, named_leaf, rev_number, text_of};
use crate::device::DeviceId;
use crate::group::{Group, GroupId};

impl Objects {
    pub(super) fn groups_shape(&self, node: Node, keys: &Keys<'_>) -> Option<Shape> {
        let group = || self.group(keys);
        match node {
            Node::Root => Some(Shape::PLAIN),
            Node::Group | Node::Members | Node::List | Node::Count | Node::Rev => {
                group().map(|_| Shape::PLAIN)
            }
            Node::Member => Shape::there(group()?.contains(&DeviceId::new(keys[1]).ok()?)),
            _ => None,
        }
    }

    pub(super) fn groups_value(&self, node: Node, keys: &Keys<'_>) -> Leaf {
        let group = self.group(keys).ok_or(StatusCode::NOT_FOUND)?;
        Ok(match node {
            Node::Count => int(group.count() as u64),
            Node::Rev => int(rev_number(group.rev())),
            Node::Member => chr(keys[1]),
            Node::List => {
                let mut list = String::new();
                for member in group.members() {
                    if list.len() + member.as_str().len() >= self.limits.max_page {
                        return Err(StatusCode::TOO_LARGE);
                    }
                    list.push_str(member.as_str());
                    list.push('\n');
                }
                list.into_bytes()
            }
            _ => return Err(StatusCode::NOT_FOUND),
        })
    }

    pub(super) fn groups_names(&self, node: Node, keys: &Keys<'_>, out: &mut Children) {
        match node {
            Node::Group => self.groups.iter().all(|(id, _)| out.push(id.as_str())),
            Node::Member => {
                self.group(keys).is_none_or(|group| group.members().all(|member| out.push(member.as_str())))
            }
            _ => true,
        };
    }

    pub(super) fn groups_add(
        &mut self,
        node: Node,
        keys: &Keys<'_>,
        value: Option<&Value>,
    ) -> Result<(), StatusCode> {
        let id = group_id(keys[0])?;
        let done = match (node, value) {
            (Node::Group, None) => self.groups.create(id),
            (Node::Member, Some(value)) => {
                named_leaf(keys[1], value)?;
                self.groups.add_member(&id, device_id(keys[1])?)
            }
            _ => return Err(StatusCode::NOT_ALLOWED),
        };
        done.map_err(|error| error.status())
    }

    /// The whole membership at once: identifiers, one a line; empty lines and repetitions say nothing.
    pub(super) fn groups_replace(
        &mut self,
        node: Node,
        keys: &Keys<'_>,
        value: &Value,
    ) -> Result<(), StatusCode> {
        let id = group_id(keys[0])?;
        match node {
            Node::List => {
                let lines = text_of(value)?.lines().map(str::trim).filter(|line| !line.is_empty());
                let devices: Result<BTreeSet<DeviceId>, _> = lines.map(device_id).collect();
                self.groups.set_members(&id, devices?).map_err(|error| error.status())
            }
            _ => Err(StatusCode::NOT_ALLOWED),
        }
    }

    pub(super) fn groups_delete(&mut self, node: Node, keys: &Keys<'_>) -> Result<(), StatusCode> {
        let id = group_id(keys[0])?;
        let done = match node {
            Node::Group => self.groups.delete(&id),
            Node::Member => self.groups.remove_member(&id, &device_id(keys[1])?),
            _ => return Err(StatusCode::NOT_ALLOWED),
        };
        done.map_err(|error| error.status())
    }

    fn group(&self, keys: &Keys<'_>) -> Option<&Group> {
        self.groups.group(&GroupId::new(keys[0]).ok()?)
    }
}

/// The group a name means.
pub(super) fn group_id(name: &str) -> Result<GroupId, StatusCode> {
    GroupId::new(name).map_err(|error| error.status())
}

/// The device a name means.
pub(super) fn device_id(name: &str) -> Result<DeviceId, StatusCode> {
    DeviceId::new(name).map_err(|error| error.status())
}
