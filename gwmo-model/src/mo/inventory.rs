//! [`Object::Inventory`](super::Object::Inventory) over the inventory.

use alloc::format;
use alloc::string::{String, ToString};
use core::ops::RangeFrom;

use dm_syncml::StatusCode;
use dm_tree::Children;

use super::table::InventorySlot as Node;
use super::{Keys, Leaf, MODE_PROXY, Objects, Shape, chr, int, rev_number};
use crate::device::Serial;
use crate::inventory::{DeviceRecord, Fact};

impl Objects {
    pub(super) fn inventory_shape(&self, node: Node, keys: &Keys<'_>) -> Option<Shape> {
        match node {
            Node::Root
            | Node::Summary
            | Node::SummaryRev
            | Node::SummaryTotal
            | Node::SummaryAttached
            | Node::SummaryDetached
            | Node::Devices
            | Node::Pages => Some(Shape::PLAIN),
            Node::Page => Shape::there(keys[0].parse::<Serial>().is_ok()),
            Node::Device
            | Node::DevId
            | Node::AttachStatus
            | Node::Epoch
            | Node::Mode
            | Node::Addr
            | Node::Info
            | Node::Anchor => self.device(keys).map(|_| Shape::FROZEN),
            Node::Proto
            | Node::AddrLocal
            | Node::AddrPublic
            | Node::InfoMan
            | Node::InfoMod
            | Node::InfoHw
            | Node::InfoFw
            | Node::InfoSw => Shape::there(self.device(keys)?.fact(fact(node)?).is_some()),
            _ => None,
        }
    }

    pub(super) fn inventory_value(&self, node: Node, keys: &Keys<'_>) -> Leaf {
        let summary = self.inventory.summary();
        let device = || self.device(keys).ok_or(StatusCode::NOT_FOUND);
        Ok(match node {
            Node::SummaryRev => int(rev_number(summary.rev)),
            Node::SummaryTotal => int(summary.total),
            Node::SummaryAttached => int(summary.attached),
            Node::SummaryDetached => int(summary.detached),
            Node::Page => {
                let from: Serial = keys[0].parse().map_err(|_| StatusCode::NOT_FOUND)?;
                self.device_page(from..).into_bytes()
            }
            Node::DevId => chr(device()?.id().as_str()),
            Node::AttachStatus => int(device()?.status().number()),
            // An `int` has 32 bits.
            Node::Epoch => device()?.epoch().to_string().into_bytes(),
            Node::Mode => int(MODE_PROXY),
            Node::Anchor => alloc::vec::Vec::new(),
            _ => {
                let fact = fact(node).ok_or(StatusCode::NOT_FOUND)?;
                chr(device()?.fact(fact).ok_or(StatusCode::NOT_FOUND)?)
            }
        })
    }

    pub(super) fn inventory_names(&self, node: Node, _: &Keys<'_>, out: &mut Children) {
        match node {
            Node::Device => self.inventory.records(..).all(|record| out.push(&record.serial().to_string())),
            // Any serial names a page; listed is the one to begin with.
            Node::Page => out.push("1"),
            _ => true,
        };
    }

    /// Lines of `serial;DevID;AttachStatus`, as many as fit; every page has at least one while there are devices.
    fn device_page(&self, from: RangeFrom<Serial>) -> String {
        let mut page = String::new();
        for record in self.inventory.records(from) {
            let line = format!("{};{};{}\n", record.serial(), record.id(), record.status().number());
            if !page.is_empty() && page.len() + line.len() > self.limits.max_page {
                break;
            }
            page.push_str(&line);
        }
        page
    }

    fn device(&self, keys: &Keys<'_>) -> Option<&DeviceRecord> {
        self.inventory.record(keys[0].parse().ok()?)
    }
}

/// What a leaf says of a device, where that may be unknown.
const fn fact(node: Node) -> Option<Fact> {
    Some(match node {
        Node::Proto => Fact::Protocol,
        Node::AddrLocal => Fact::LocalAddress,
        Node::AddrPublic => Fact::PublicAddress,
        Node::InfoMan => Fact::Manufacturer,
        Node::InfoMod => Fact::Model,
        Node::InfoHw => Fact::Hardware,
        Node::InfoFw => Fact::Firmware,
        Node::InfoSw => Fact::Software,
        _ => return None,
    })
}
