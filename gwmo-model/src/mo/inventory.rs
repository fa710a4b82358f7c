//! [`Object::Inventory`](super::Object::Inventory) over the inventory.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::RangeFrom;

use dm_syncml::StatusCode;
use dm_tree::{Children, Secret, Timestamp, Value};

use super::groups::device_id;
use super::table::InventorySlot as Node;
use super::{Keys, Leaf, Objects, Shape, chr, int, number_of, rev_number};
use crate::device::{DeviceId, Serial};
use crate::device_bootstrap::DeviceCredential;
use crate::inventory::{DeviceRecord, Fact};
use crate::mode::Mode;

impl Objects {
    pub(super) fn inventory_shape(&self, node: Node, keys: &Keys<'_>) -> Option<Shape> {
        let facts = |known: bool| Shape::there(known);
        match node {
            Node::Root
            | Node::Summary
            | Node::SummaryRev
            | Node::SummaryTotal
            | Node::SummaryAttached
            | Node::SummaryDetached
            | Node::SummaryByMode
            | Node::Devices
            | Node::Pages
            | Node::Registered
            | Node::Queries => Some(Shape::PLAIN),
            Node::Registration => {
                facts(DeviceId::new(keys[0]).is_ok_and(|id| self.inventory.serial_of(&id).is_some()))
            }
            Node::Page => facts(keys[0].parse::<Serial>().is_ok()),
            Node::Device
            | Node::DevId
            | Node::CompType
            | Node::AttachStatus
            | Node::Epoch
            | Node::Mode
            | Node::ModeReq
            | Node::Addr
            | Node::Info
            | Node::Objects
            | Node::Servers
            | Node::Sleep
            | Node::Boot
            | Node::BootState
            | Node::Anchor => self.device(keys).map(|_| Shape::PLAIN),
            Node::Proto
            | Node::AddrLocal
            | Node::AddrPublic
            | Node::InfoMan
            | Node::InfoMod
            | Node::InfoHw
            | Node::InfoFw
            | Node::InfoSw => facts(self.device(keys)?.fact(fact(node)?).is_some()),
            Node::Since => {
                self.device(keys)?;
                facts(self.wall_clock().is_some())
            }
            Node::ObjectId => facts(self.device(keys)?.mos().any(|known| known == keys[1])),
            Node::ServerId => facts(self.device(keys)?.servers().any(|known| known == keys[1])),
            Node::SleepNext => facts(self.device(keys)?.asleep_until().is_some()),
            Node::SleepEvery => facts(self.device(keys)?.wakes_every().is_some()),
            Node::Query
            | Node::QueryMatch
            | Node::QueryFields
            | Node::QueryRun
            | Node::QueryCount
            | Node::QueryRev
            | Node::QueryPages
            | Node::QueryPage => self.query_shape(node, keys),
        }
    }

    pub(super) fn inventory_value(&self, node: Node, keys: &Keys<'_>) -> Leaf {
        const NONE: StatusCode = StatusCode::NOT_FOUND;
        let summary = self.inventory.summary();
        let device = || self.device(keys).ok_or(NONE);
        Ok(match node {
            Node::SummaryRev => int(rev_number(summary.rev)),
            Node::SummaryTotal => int(summary.total),
            Node::SummaryAttached => int(summary.attached),
            Node::SummaryDetached => int(summary.detached),
            Node::SummaryByMode => {
                let known = summary.by_mode.iter().filter(|(_, count)| *count > 0);
                let parts: Vec<String> = known.map(|(mode, count)| format!("{mode}={count}")).collect();
                parts.join(";").into_bytes()
            }
            Node::Page => {
                let from: Serial = keys[0].parse().map_err(|_| NONE)?;
                self.device_page(from..).into_bytes()
            }
            Node::DevId => chr(device()?.id().as_str()),
            Node::CompType => int(device()?.component().number()),
            Node::AttachStatus => int(device()?.status().number()),
            Node::Since => self.since(device()?).ok_or(NONE)?.to_string().into_bytes(),
            // An `int` has 32 bits.
            Node::Epoch => device()?.epoch().to_string().into_bytes(),
            Node::Mode => int(device()?.mode().unwrap_or(Mode::Proxy).get()),
            Node::ModeReq => int(device()?.mode_wish().map_or(0, Mode::get)),
            Node::ObjectId | Node::ServerId => chr(keys[1]),
            Node::SleepNext => {
                let until = device()?.asleep_until().ok_or(NONE)?;
                int(until.saturating_since(self.now).as_secs())
            }
            Node::SleepEvery => int(device()?.wakes_every().ok_or(NONE)?.as_secs()),
            Node::BootState => int(device()?.boot_state().number()),
            Node::Anchor => Vec::new(),
            Node::QueryMatch | Node::QueryFields | Node::QueryCount | Node::QueryRev | Node::QueryPage => {
                return self.query_value(node, keys);
            }
            _ => chr(device()?.fact(fact(node).ok_or(NONE)?).ok_or(NONE)?),
        })
    }

    pub(super) fn inventory_names(&self, node: Node, keys: &Keys<'_>, out: &mut Children) {
        let device = self.device(keys);
        match node {
            Node::Device => self.inventory.records(..).all(|record| out.push(&record.serial().to_string())),
            // Any serial names a page; listed is the one to begin with.
            Node::Page | Node::QueryPage => out.push("1"),
            Node::Query => self.queries.keys().all(|name| out.push(name)),
            Node::ObjectId => device.is_none_or(|record| record.mos().all(|known| out.push(known))),
            Node::ServerId => device.is_none_or(|record| record.servers().all(|known| out.push(known))),
            _ => true,
        };
    }

    pub(super) fn inventory_add(
        &mut self,
        node: Node,
        keys: &Keys<'_>,
        value: Option<&Value>,
    ) -> Result<(), StatusCode> {
        match (node, value) {
            (Node::Registration, Some(value)) => {
                let credential = credential_of(value.data())?;
                if credential.is_some() && self.in_clear {
                    return Err(self.withhold(node, keys));
                }
                let id = device_id(keys[0])?;
                let serial =
                    self.inventory.handle_registered(self.now, id).map_err(|error| error.status())?;
                self.registered.push((serial, credential));
                Ok(())
            }
            (_, value) => self.query_add(node, keys, value),
        }
    }

    pub(super) fn inventory_replace(
        &mut self,
        node: Node,
        keys: &Keys<'_>,
        value: &Value,
    ) -> Result<(), StatusCode> {
        if node != Node::ModeReq {
            return self.query_write(node, keys, value);
        }
        let serial = self.device(keys).ok_or(StatusCode::NOT_FOUND)?.serial();
        let wish = match number_of(value)? {
            0 => None,
            number => {
                let mode = u8::try_from(number).ok().and_then(Mode::new);
                let mode = mode.ok_or(StatusCode::NOT_SUPPORTED)?;
                let possible =
                    self.standing.get(&serial).map_or(self.modes.supported(), |known| known.possible);
                // A wish that cannot be is ignored, and the server hears so.
                if !self.modes.supported().and(possible).contains(mode) {
                    return Err(StatusCode::NOT_SUPPORTED);
                }
                Some(mode)
            }
        };
        self.inventory.handle_mode_wish(self.now, serial, wish).map_err(|error| error.status())
    }

    pub(super) fn inventory_delete(&mut self, node: Node, keys: &Keys<'_>) -> Result<(), StatusCode> {
        match node {
            Node::Registration => {
                let serial = self.inventory.serial_of(&device_id(keys[0])?).ok_or(StatusCode::NOT_FOUND)?;
                self.inventory.handle_forgotten(self.now, serial).map_err(|error| error.status())
            }
            Node::Query => {
                self.query_delete(keys[0]);
                Ok(())
            }
            _ => Err(StatusCode::NOT_ALLOWED),
        }
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

    /// The time of day when the status of a device changed last.
    pub(super) fn since(&self, record: &DeviceRecord) -> Option<Timestamp> {
        let age = i64::try_from(record.status_age(self.now).as_secs()).ok()?;
        Timestamp::from_unix(self.wall_clock()?.unix().saturating_sub(age))
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

/// What a new device and the gateway prove themselves with: nothing, or three lines.
fn credential_of(data: &[u8]) -> Result<Option<DeviceCredential>, StatusCode> {
    if data.is_empty() {
        return Ok(None);
    }
    let text = core::str::from_utf8(data).map_err(|_| StatusCode::UNSUPPORTED_FORMAT)?;
    let mut lines = text.lines();
    let (Some(name), Some(device), Some(gateway), None) =
        (lines.next(), lines.next(), lines.next(), lines.next())
    else {
        return Err(StatusCode::NOT_SUPPORTED);
    };
    if [name, device, gateway].iter().any(|line| !(1..=255).contains(&line.len())) {
        return Err(StatusCode::NOT_SUPPORTED);
    }
    let secret = |line: &str| Secret::new(line.as_bytes().to_vec());
    Ok(Some(DeviceCredential::new(name, secret(device), secret(gateway))))
}
