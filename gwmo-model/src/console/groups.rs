//! Groups.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dm_syncml::{Command, Item};

use super::Console;
use super::build::{add, replace};
use super::read::{ReadError, Values};
use crate::device::DeviceId;
use crate::fanout::{JobKey, TargetState};
use crate::group::{GroupId, GroupKind};
use crate::mo::{GroupsSlot as Node, ended};
use crate::selector::Selector;

/// Members that one command of [`Console::create_group`] or [`Console::add_members`] adds at the most: some 20 KiB in
/// WBXML.
const MEMBERS_AT_ONCE: usize = 128;

/// Octets of a list that is written in one command rather than member by member.
const LIST_LEN: usize = 16 << 10;

/// What a group is.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct GroupStatus {
    /// What people call it.
    pub label: Option<String>,
    /// How its members are said.
    pub kind: GroupKind,
    /// Devices it matches are members.
    pub rule: Option<Selector>,
    /// Most members.
    pub max: Option<u32>,
    /// How many members there are.
    pub count: u32,
    /// Changes with the members, modulo 2³¹.
    pub rev: u64,
    /// The job whose outcome it was made of.
    pub from_job: Option<JobKey>,
}

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

    /// Has the devices that a selector matches be members, as long as it does; `None` for no rule.
    #[must_use]
    pub fn set_group_rule(&self, id: &GroupId, rule: Option<&Selector>) -> Command<'static> {
        let rule = rule.map_or_else(String::new, ToString::to_string);
        replace(Vec::from([self.leaf(Node::Rule, &[id.as_str()], rule)]))
    }

    /// Has the members of another group be members of this one, too.
    #[must_use]
    pub fn nest_group(&self, id: &GroupId, nested: &GroupId) -> Command<'static> {
        add(Vec::from([self.leaf(Node::NestedGroup, &[id.as_str(), nested.as_str()], nested.as_str())]))
    }

    /// Takes a nested group out again.
    #[must_use]
    pub fn unnest_group(&self, id: &GroupId, nested: &GroupId) -> Command<'static> {
        self.delete(Node::NestedGroup, &[id.as_str(), nested.as_str()])
    }

    /// Has a device be no member, whatever else says so.
    #[must_use]
    pub fn exclude_member(&self, id: &GroupId, device: &DeviceId) -> Command<'static> {
        add(Vec::from([self.leaf(Node::ExcludedDevice, &[id.as_str(), device.as_str()], device.as_str())]))
    }

    /// Takes that back.
    #[must_use]
    pub fn readmit_member(&self, id: &GroupId, device: &DeviceId) -> Command<'static> {
        self.delete(Node::ExcludedDevice, &[id.as_str(), device.as_str()])
    }

    /// Says what people call a group; empty for nothing.
    #[must_use]
    pub fn set_group_label(&self, id: &GroupId, label: &str) -> Command<'static> {
        replace(Vec::from([self.leaf(Node::Name, &[id.as_str()], label)]))
    }

    /// Says how many members a group may have to be addressed; `None` for as many as the gateway takes.
    #[must_use]
    pub fn set_group_max(&self, id: &GroupId, max: Option<u32>) -> Command<'static> {
        let max = max.unwrap_or(0).min(i32::MAX as u32);
        replace(Vec::from([self.leaf(Node::Max, &[id.as_str()], max.to_string())]))
    }

    /// Makes the devices of a job that ended so the named members of a group, to follow that up; no state for all that did not do
    /// everything. The gateway answers 406 unless [its owner](crate::GatewayConfig::outcome_groups) wants that. States that are none of
    /// an end say nothing.
    #[must_use]
    pub fn set_members_from_job(
        &self,
        id: &GroupId,
        job: &JobKey,
        states: &[TargetState],
    ) -> Command<'static> {
        let states: Vec<&str> = states.iter().filter_map(|state| ended(*state)).collect();
        let text = alloc::format!("{job}\n{}", states.join(","));
        replace(Vec::from([self.leaf(Node::FromJob, &[id.as_str()], text)]))
    }

    /// Asks for what a group is, without its members.
    #[must_use]
    pub fn get_group(&self, id: &GroupId) -> Command<'static> {
        let leaves = [Node::Name, Node::Kind, Node::Rule, Node::Max, Node::Count, Node::Rev, Node::FromJob];
        let key = [id.as_str()];
        self.get(leaves.map(|node| (node, &key[..])))
    }

    /// Reads what [`get_group`](Self::get_group) brought.
    ///
    /// # Errors
    ///
    /// When a value is missing or is none.
    pub fn read_group(&self, id: &GroupId, items: &[Item<'_>]) -> Result<GroupStatus, ReadError> {
        let (values, key) = (Values::new(self, items), [id.as_str()]);
        let given = |node| values.text(node, &key).filter(|text| !text.is_empty());
        let kind: u8 = values.required(Node::Kind, &key)?;
        let kind = [GroupKind::Static, GroupKind::Rule, GroupKind::Both]
            .into_iter()
            .find(|known| known.number() == kind);
        let rule = given(Node::Rule).map(|text| text.parse().map_err(|_| ReadError::malformed(Node::Rule)));
        let job = given(Node::FromJob)
            .map(|text| JobKey::new(text).map_err(|_| ReadError::malformed(Node::FromJob)));
        Ok(GroupStatus {
            label: given(Node::Name).map(String::from),
            kind: kind.ok_or_else(|| ReadError::malformed(Node::Kind))?,
            rule: rule.transpose()?,
            max: Some(values.required(Node::Max, &key)?).filter(|max| *max > 0),
            count: values.required(Node::Count, &key)?,
            rev: values.required(Node::Rev, &key)?,
            from_job: job.transpose()?,
        })
    }

    /// Asks for the members of a group that are named, as a list. The gateway answers 413 for a list that is longer than a
    /// [page](super::GatewayCapacity::max_page).
    #[must_use]
    pub fn get_members(&self, id: &GroupId) -> Command<'static> {
        self.get([(Node::List, &[id.as_str()][..])])
    }

    /// Reads what [`get_members`](Self::get_members) brought.
    ///
    /// # Errors
    ///
    /// When the list is missing or a line is none.
    pub fn read_members(&self, id: &GroupId, items: &[Item<'_>]) -> Result<Vec<DeviceId>, ReadError> {
        Values::new(self, items).lines(Node::List, &[id.as_str()], |line| DeviceId::new(line).ok())
    }

    /// Deletes a group. Jobs that were started for it keep their devices.
    #[must_use]
    pub fn delete_group(&self, id: &GroupId) -> Command<'static> {
        self.delete(Node::Group, &[id.as_str()])
    }
}
