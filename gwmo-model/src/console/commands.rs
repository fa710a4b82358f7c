//! Groups, alert switches and rights.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dm_syncml::{Add, CmdId, Command, Data, Delete, Format, Get, Item, LocUri, Meta, Replace};
use dm_tree::{Acl, NodeUri, ServerId};

use crate::device::{DeviceId, Serial};
use crate::group::GroupId;
use crate::mo::paths;
use crate::outbox::Subscription;

/// Members that one command of [`create_group`] or [`add_members`] adds at the most: some 20 KiB in WBXML.
const MEMBERS_AT_ONCE: usize = 128;

/// Octets of a list that is written in one command rather than member by member.
const LIST_LEN: usize = 16 << 10;

/// Makes a group with these members: as a list when they are few, else some at a time.
///
/// ```
/// use gwmo_model::{DeviceId, GroupId, console};
///
/// let commands = console::create_group(&GroupId::new("cameras")?, &[DeviceId::new("camera:1")?]);
/// assert_eq!(commands.len(), 2); // the group, and its list
/// # Ok::<(), gwmo_model::IdError>(())
/// ```
#[must_use]
pub fn create_group(id: &GroupId, members: &[DeviceId]) -> Vec<Command<'static>> {
    let mut commands = Vec::from([Add::new(cmd_id(), Vec::from([interior(&paths::group(id))])).into()]);
    if members.iter().map(|member| member.as_str().len() + 1).sum::<usize>() <= LIST_LEN {
        if !members.is_empty() {
            commands.push(set_members(id, members));
        }
    } else {
        commands.extend(add_members(id, 1, members));
    }
    commands
}

/// Makes these devices, and no others, the members of a group. One command, however many they are.
#[must_use]
pub fn set_members(id: &GroupId, members: &[DeviceId]) -> Command<'static> {
    let mut list = String::new();
    for member in members {
        list.push_str(member.as_str());
        list.push('\n');
    }
    let list_node = paths::below(paths::GROUPS, &[id.as_str(), paths::LIST]);
    Replace::new(cmd_id(), Vec::from([leaf(&list_node, list)])).into()
}

/// Adds members to a group under the node names `first`, `first + 1` and so on, which must be free. As many commands
/// as it takes for each to fit a message of 64 KiB.
#[must_use]
pub fn add_members(id: &GroupId, first: u32, members: &[DeviceId]) -> Vec<Command<'static>> {
    let chunks = members.chunks(MEMBERS_AT_ONCE).zip((first..).step_by(MEMBERS_AT_ONCE));
    let add = |(chunk, first): (&[DeviceId], u32)| {
        let item = |(member, number): (&DeviceId, u32)| {
            let names = [id.as_str(), paths::MEMBERS, &number.to_string()];
            leaf(&paths::below(paths::GROUPS, &names), member.as_str())
        };
        Add::new(cmd_id(), chunk.iter().zip(first..).map(item).collect()).into()
    };
    chunks.map(add).collect()
}

/// Deletes a group. Jobs that were started for it keep their devices.
#[must_use]
pub fn delete_group(id: &GroupId) -> Command<'static> {
    delete(&paths::group(id))
}

/// Switches the alerts about devices that `server`, which is the one that sends this, wants to get.
/// [`max_delay`](Subscription::max_delay) is the gateway's own and not changed.
#[must_use]
pub fn set_alerts(server: &ServerId, alerts: Subscription) -> Command<'static> {
    let switches = [
        (paths::ATTACHED, alerts.attached),
        (paths::EACH_TIME, alerts.each_time),
        (paths::DETACHED, alerts.detached),
    ];
    let item = |(name, on): (&str, bool)| {
        let node = paths::below(paths::INVENTORY, &[paths::ALERTS, server.as_str(), name]);
        leaf(&node, if on { "true" } else { "false" }).with_meta(Meta::new().with_format(Format::BOOL))
    };
    Replace::new(cmd_id(), switches.into_iter().map(item).collect()).into()
}

/// Says who may do what to a device, and to its record. An empty ACL makes it the one of all devices.
#[must_use]
pub fn set_device_acl(serial: Serial, acl: &Acl) -> Command<'static> {
    let uri = alloc::format!("{}?prop=ACL", paths::device(serial).as_str());
    let uri = LocUri::new(uri).expect("an address is a token");
    Replace::new(cmd_id(), Vec::from([Item::to(uri).with_data(text(acl.to_string()))])).into()
}

/// Sessions number commands themselves.
pub(super) fn cmd_id() -> CmdId<'static> {
    CmdId::number(core::num::NonZeroU32::MIN)
}

pub(super) fn loc_uri(node: &NodeUri<'_>) -> LocUri<'static> {
    LocUri::new(String::from(node.as_str())).expect("an address is a token")
}

pub(super) fn get(nodes: impl IntoIterator<Item = NodeUri<'static>>) -> Command<'static> {
    Get::new(cmd_id(), nodes.into_iter().map(|node| Item::to(loc_uri(&node))).collect()).into()
}

pub(super) fn delete(node: &NodeUri<'_>) -> Command<'static> {
    Delete::new(cmd_id(), Vec::from([Item::to(loc_uri(node))])).into()
}

pub(super) fn interior(node: &NodeUri<'_>) -> Item<'static> {
    Item::to(loc_uri(node)).with_meta(Meta::new().with_format(Format::NODE))
}

pub(super) fn leaf(node: &NodeUri<'_>, value: impl Into<String>) -> Item<'static> {
    Item::to(loc_uri(node)).with_data(text(value.into()))
}

/// What XML cannot carry as text travels as octets.
pub(super) fn text(text: String) -> Data<'static> {
    match Data::text(text.clone()) {
        Ok(data) => data,
        Err(_) => Data::octets(text.into_bytes()),
    }
}
