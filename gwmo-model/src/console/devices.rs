//! The inventory.

use alloc::string::ToString;
use alloc::vec::Vec;

use dm_syncml::{Command, Item, LocUri};
use dm_tree::Acl;

use super::Console;
use super::build::{replace, text};
use super::read::{ReadError, Values};
use crate::device::{DeviceId, Serial};
use crate::inventory::{AttachStatus, Summary};
use crate::mo::InventorySlot as Node;

/// Some of the devices.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct DevicePage {
    /// By ascending serial.
    pub devices: Vec<DeviceLine>,
    /// Where to go on; `None` after the last device.
    pub next: Option<Serial>,
}

/// One device of a page.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct DeviceLine {
    /// The number the gateway gave it.
    pub serial: Serial,
    /// What it calls itself.
    pub id: DeviceId,
    /// Whether it is there.
    pub status: AttachStatus,
}

impl Console {
    /// Asks for the inventory in four numbers (GwMO-DI-002).
    #[must_use]
    pub fn get_summary(&self) -> Command<'static> {
        let none: &[&str] = &[];
        let nodes = [Node::SummaryRev, Node::SummaryTotal, Node::SummaryAttached, Node::SummaryDetached];
        self.get(nodes.map(|node| (node, none)))
    }

    /// Reads what [`get_summary`](Self::get_summary) brought. The revision is what the node shows, modulo 2³¹.
    ///
    /// # Errors
    ///
    /// When a number is missing or is none.
    pub fn read_summary(&self, items: &[Item<'_>]) -> Result<Summary, ReadError> {
        let values = Values::new(self, items);
        Ok(Summary {
            rev: values.required(Node::SummaryRev, &[])?,
            total: values.required(Node::SummaryTotal, &[])?,
            attached: values.required(Node::SummaryAttached, &[])?,
            detached: values.required(Node::SummaryDetached, &[])?,
            by_mode: crate::ModeCounts::default(),
        })
    }

    /// Asks for the devices from this serial on, as many as the gateway puts on a page.
    #[must_use]
    pub fn get_devices(&self, from: Serial) -> Command<'static> {
        self.get([(Node::Page, &[&*from.to_string()][..])])
    }

    /// Reads what [`get_devices`](Self::get_devices) brought, asked for from the same serial.
    ///
    /// # Errors
    ///
    /// When the page is missing or a line is none.
    pub fn read_devices(&self, from: Serial, items: &[Item<'_>]) -> Result<DevicePage, ReadError> {
        // An identifier may hold semicolons, the numbers around it do not.
        let line = |line: &str| {
            let (serial, rest) = line.split_once(';')?;
            let (id, status) = rest.rsplit_once(';')?;
            let status = match status {
                "1" => AttachStatus::Attached,
                "2" => AttachStatus::Detached,
                _ => return None,
            };
            Some(DeviceLine { serial: serial.parse().ok()?, id: DeviceId::new(id).ok()?, status })
        };
        let devices = Values::new(self, items).lines(Node::Page, &[&from.to_string()], line)?;
        let next = devices.last().and_then(|last| last.serial.next());
        Ok(DevicePage { devices, next })
    }

    /// Says who may do what to a device, and to its record. An empty ACL makes it the one of all devices.
    #[must_use]
    pub fn set_device_acl(&self, serial: Serial, acl: &Acl) -> Command<'static> {
        let device = self.binding().uri(Node::Device, &[&serial.to_string()]);
        let uri = LocUri::new(alloc::format!("{}?prop=ACL", device.as_str())).expect("an address is a token");
        replace(Vec::from([Item::to(uri).with_data(text(acl.to_string()))]))
    }
}
