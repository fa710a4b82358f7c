//! Commands and items on slots.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use dm_syncml::{
    Add, CmdId, Command, Correlator, Data, Delete, Exec, Format, Get, Item, LocUri, Meta, Replace,
};
use dm_tree::NodeUri;

use super::Console;
use crate::mo::Slot;

impl Console {
    pub(super) fn uri(&self, slot: impl Into<Slot>, keys: &[&str]) -> LocUri<'static> {
        loc_uri(&self.binding.uri(slot, keys))
    }

    pub(super) fn get<'a, S: Into<Slot>>(
        &self,
        nodes: impl IntoIterator<Item = (S, &'a [&'a str])>,
    ) -> Command<'static> {
        let items = nodes.into_iter().map(|(slot, keys)| Item::to(self.uri(slot, keys)));
        Get::new(cmd_id(), items.collect()).into()
    }

    /// A Get of a node with everything below it, each node an item (`?list=StructData`).
    pub(super) fn get_below(&self, slot: impl Into<Slot>, keys: &[&str]) -> Command<'static> {
        let uri = alloc::format!("{}?list=StructData", self.binding.uri(slot, keys).as_str());
        let uri = LocUri::new(uri).expect("an address is a token");
        Get::new(cmd_id(), Vec::from([Item::to(uri)])).into()
    }

    pub(super) fn delete(&self, slot: impl Into<Slot>, keys: &[&str]) -> Command<'static> {
        Delete::new(cmd_id(), Vec::from([Item::to(self.uri(slot, keys))])).into()
    }

    pub(super) fn exec(
        &self,
        slot: impl Into<Slot>,
        keys: &[&str],
        correlator: Option<Correlator<'static>>,
    ) -> Command<'static> {
        let mut exec = Exec::new(cmd_id(), Item::to(self.uri(slot, keys)));
        exec.correlator = correlator;
        exec.into()
    }

    /// An interior node to be added.
    pub(super) fn interior(&self, slot: impl Into<Slot>, keys: &[&str]) -> Item<'static> {
        Item::to(self.uri(slot, keys)).with_meta(Meta::new().with_format(Format::NODE))
    }

    /// A leaf to be added or replaced, in the format of its table.
    pub(super) fn leaf(
        &self,
        slot: impl Into<Slot>,
        keys: &[&str],
        value: impl Into<String>,
    ) -> Item<'static> {
        let slot = slot.into();
        let item = Item::to(self.uri(slot, keys)).with_data(text(value.into()));
        match slot.format() {
            dm_tree::Format::Int => item.with_meta(Meta::new().with_format(Format::INT)),
            dm_tree::Format::Bool => item.with_meta(Meta::new().with_format(Format::BOOL)),
            _ => item,
        }
    }

    pub(super) fn flag(&self, slot: impl Into<Slot>, keys: &[&str], on: bool) -> Item<'static> {
        self.leaf(slot, keys, if on { "true" } else { "false" })
    }
}

/// Sessions number commands themselves.
pub(super) fn cmd_id() -> CmdId<'static> {
    CmdId::number(core::num::NonZeroU32::MIN)
}

pub(super) fn add(items: Vec<Item<'static>>) -> Command<'static> {
    Add::new(cmd_id(), items).into()
}

pub(super) fn replace(items: Vec<Item<'static>>) -> Command<'static> {
    Replace::new(cmd_id(), items).into()
}

pub(super) fn loc_uri(node: &NodeUri<'_>) -> LocUri<'static> {
    LocUri::new(String::from(node.as_str())).expect("an address is a token")
}

/// Whole seconds, rounded up, as an `int` has them.
pub(super) fn seconds(time: Duration) -> String {
    let seconds = time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0));
    seconds.min(i32::MAX as u64).to_string()
}

/// Adds what is not there yet.
pub(super) fn put<T: PartialEq>(list: &mut Vec<T>, one: T) {
    if !list.contains(&one) {
        list.push(one);
    }
}

/// What XML cannot carry as text travels as octets.
pub(super) fn text(text: String) -> Data<'static> {
    match Data::text(text.clone()) {
        Ok(data) => data,
        Err(_) => Data::octets(text.into_bytes()),
    }
}
