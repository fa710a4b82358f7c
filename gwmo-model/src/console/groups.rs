//! Groups.

use alloc::string::String;
use alloc::vec::Vec;

use dm_syncml::Command;

use super::Console;
use super::build::{add, replace};
use crate::device::DeviceId;
use crate::group::GroupId;
use crate::mo::GroupsSlot as Node;

/// Members that one command of [`Console::create_group`] or [`Console::add_members`] adds at the most: some 20 KiB in
/// WBXML.
const MEMBERS_AT_ONCE: usize = 128;

/// Octets of a list that is written in one command rather than member by member.
const LIST_LEN: usize = 16 << 10;

impl Console {
    /// Makes a group with these members: as a list when they are few, else some at a time (GwMO-Group-001).
    ///
    /// ```
    /// use gwmo_model::console::Console;
    /// use gwmo_model::{DeviceId, GroupId};
    ///
    /// let commands = Console::new().create_group(&GroupId::new("cameras")?, &[DeviceId::new("camera:1")?]);
    /// assert_eq!(commands.len(), 2); // the group, and its list
    /// # Ok::<(), gwmo_model::IdError>(())
    /// ```
    #[must_use]
    pub fn create_group(&self, id: &GroupId, members: &[DeviceId]) -> Vec<Command<'static>> {
        let mut commands = Vec::from([add(Vec::from([self.interior(Node::Group, &[id.as_str()])]))]);
        if members.iter().map(|member| member.as_str().len() + 1).sum::<usize>() <= LIST_LEN {
            if !members.is_empty() {
                commands.push(self.set_members(id, members));
            }
        } else {
            commands.extend(self.add_members(id, members));
        }
        commands
    }

    /// Makes these devices, and no others, the members of a group that are named. One command, however many they are.
    #[must_use]
    pub fn set_members(&self, id: &GroupId, members: &[DeviceId]) -> Command<'static> {
        let mut list = String::new();
        for member in members {
            list.push_str(member.as_str());
            list.push('\n');
        }
        replace(Vec::from([self.leaf(Node::List, &[id.as_str()], list)]))
    }

    /// Adds members to a group. As many commands as it takes for each to fit a message of 64 KiB.
    #[must_use]
    pub fn add_members(&self, id: &GroupId, members: &[DeviceId]) -> Vec<Command<'static>> {
        let item =
            |member: &DeviceId| self.leaf(Node::Member, &[id.as_str(), member.as_str()], member.as_str());
        members.chunks(MEMBERS_AT_ONCE).map(|chunk| add(chunk.iter().map(item).collect())).collect()
    }

    /// Takes a member out of a group.
    #[must_use]
    pub fn remove_member(&self, id: &GroupId, member: &DeviceId) -> Command<'static> {
        self.delete(Node::Member, &[id.as_str(), member.as_str()])
    }

    /// Deletes a group. Jobs that were started for it keep their devices.
    #[must_use]
    pub fn delete_group(&self, id: &GroupId) -> Command<'static> {
        self.delete(Node::Group, &[id.as_str()])
    }
}
