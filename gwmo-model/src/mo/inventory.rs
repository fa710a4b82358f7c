//! `./GwMO/Inventory` over the inventory and the alert switches.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use core::fmt::Write;
use core::ops::RangeFrom;

use dm_syncml::StatusCode;
use dm_tree::{AccessType, Children, Format, NodeFacts, Value};

use super::paths::{
    ADDR, ALERTS, ATTACH_STATUS, ATTACHED, DETACHED, DEV_ID, DEVICES, EACH_TIME, EPOCH, INFO, MGMT, MODE,
    PAGE, PROTO, REV, SUMMARY, TOTAL,
};
use super::{INVENTORY_MO, Leaf, MODE_PROXY, Objects, rev_number};
use crate::device::Serial;
use crate::inventory::{DeviceRecord, Fact};
use crate::outbox::Subscription;

const SUMMARY_LEAVES: [&str; 4] = [REV, TOTAL, ATTACHED, DETACHED];
const DEVICE_NODES: [&str; 8] = [DEV_ID, ATTACH_STATUS, EPOCH, MODE, PROTO, ADDR, INFO, MGMT];
const ADDR_LEAVES: [(&str, Fact); 2] = [("Local", Fact::LocalAddress), ("Public", Fact::PublicAddress)];
const INFO_LEAVES: [(&str, Fact); 5] = [
    ("Man", Fact::Manufacturer),
    ("Mod", Fact::Model),
    ("Hw", Fact::Hardware),
    ("Fw", Fact::Firmware),
    ("Sw", Fact::Software),
];
const ALERT_LEAVES: [&str; 3] = [ATTACHED, EACH_TIME, DETACHED];

impl Objects {
    pub(super) fn inventory_node(&self, path: &[&str]) -> Option<NodeFacts> {
        match path {
            [] => Some(NodeFacts::interior().with_type(INVENTORY_MO)),
            [SUMMARY | DEVICES | PAGE | ALERTS] => Some(NodeFacts::interior()),
            [PAGE, from] => from.parse::<Serial>().ok().map(|_| NodeFacts::leaf(Format::Chr)),
            [DEVICES, serial, rest @ ..] => match (self.device(serial)?, rest) {
                (_, [] | [INFO]) => Some(NodeFacts::interior()),
                (record, [ADDR]) => has_any(record, &ADDR_LEAVES).then(NodeFacts::interior),
                (record, rest) => device_leaf(record, rest).map(|leaf| NodeFacts::leaf(leaf.format)),
            },
            [ALERTS, server] => self.switches(server).map(|_| NodeFacts::interior()),
            [ALERTS, server, leaf] => self
                .switches(server)
                .and_then(|switches| switch(&switches, leaf))
                .map(|_| NodeFacts::leaf(Format::Bool).with_access(AccessType::GET | AccessType::REPLACE)),
            _ => self.summary_leaf(path).map(|leaf| NodeFacts::leaf(leaf.format)),
        }
    }

    pub(super) fn inventory_value(&self, path: &[&str]) -> Option<String> {
        match path {
            [PAGE, from] => Some(self.device_page(from.parse().ok()?..)),
            [DEVICES, serial, rest @ ..] => device_leaf(self.device(serial)?, rest).map(|leaf| leaf.text),
            [ALERTS, server, leaf] => switch(&self.switches(server)?, leaf).map(|on| on.to_string()),
            _ => self.summary_leaf(path).map(|leaf| leaf.text),
        }
    }

    pub(super) fn inventory_children(&self, path: &[&str], out: &mut Children) {
        let mut push = |names: &[&str]| names.iter().all(|name| out.push(name));
        match path {
            [] => push(&[ALERTS, DEVICES, PAGE, SUMMARY]),
            [SUMMARY] => push(&SUMMARY_LEAVES),
            // Any serial names a page; listed is the one to begin with.
            [PAGE] => push(&["1"]),
            [ALERTS] => self.servers.iter().all(|server| out.push(server.as_str())),
            [ALERTS, _] => push(&ALERT_LEAVES),
            [DEVICES] => self.inventory.records(..).all(|record| out.push(&record.serial().to_string())),
            [DEVICES, serial, rest @ ..] => {
                let Some(record) = self.device(serial) else { return };
                let mut known = |leaves: &[(&str, Fact)]| {
                    let mut here = leaves.iter().filter(|(_, fact)| record.fact(*fact).is_some());
                    here.all(|(name, _)| out.push(name))
                };
                match rest {
                    [ADDR] => known(&ADDR_LEAVES),
                    [INFO] => known(&INFO_LEAVES),
                    _ => {
                        let here = |name: &&str| {
                            let path = [DEVICES, *serial, *name];
                            self.inventory_node(&path).is_some()
                        };
                        DEVICE_NODES.iter().filter(|name| here(name)).all(|name| out.push(name))
                    }
                }
            }
            _ => true,
        };
    }

    pub(super) fn inventory_replace(&mut self, path: &[&str], value: &Value) -> Result<(), StatusCode> {
        let [ALERTS, server, leaf] = path else { return Err(StatusCode::NOT_ALLOWED) };
        let on = match value.data() {
            b"true" => true,
            b"false" => false,
            _ => return Err(StatusCode::UNSUPPORTED_FORMAT),
        };
        let mut switches = self.switches(server).ok_or(StatusCode::NOT_FOUND)?;
        match *leaf {
            ATTACHED => switches.attached = on,
            EACH_TIME => switches.each_time = on,
            DETACHED => switches.detached = on,
            _ => return Err(StatusCode::NOT_FOUND),
        }
        let server = self.servers.get(*server).ok_or(StatusCode::NOT_FOUND)?;
        self.outbox.handle_subscribed(self.now, server, switches).map_err(|error| error.status())
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

    fn device(&self, serial: &str) -> Option<&DeviceRecord> {
        self.inventory.record(serial.parse().ok()?)
    }

    /// The alert switches of a server, by its name.
    fn switches(&self, server: &str) -> Option<Subscription> {
        self.outbox.subscription(self.servers.get(server)?)
    }

    fn summary_leaf(&self, path: &[&str]) -> Option<Leaf> {
        let [SUMMARY, name] = path else { return None };
        let summary = self.inventory.summary();
        Some(Leaf::int(match *name {
            REV => rev_number(summary.rev),
            TOTAL => summary.total,
            ATTACHED => summary.attached,
            DETACHED => summary.detached,
            _ => return None,
        }))
    }
}

fn device_leaf(record: &DeviceRecord, path: &[&str]) -> Option<Leaf> {
    let fact = |leaves: &[(&str, Fact)], name: &str| {
        let (_, fact) = leaves.iter().find(|(known, _)| *known == name)?;
        record.fact(*fact).map(|text| Leaf::chr(text.to_owned()))
    };
    match path {
        [DEV_ID] => Some(Leaf::chr(record.id().as_str().to_owned())),
        [ATTACH_STATUS] => Some(Leaf::int(record.status().number().into())),
        [EPOCH] => {
            let mut text = String::new();
            // Writing to a string cannot fail.
            let _ = write!(text, "{}", record.epoch());
            Some(Leaf::chr(text))
        }
        [MODE] => Some(Leaf::int(MODE_PROXY)),
        [PROTO] => fact(&[(PROTO, Fact::Protocol)], PROTO),
        [ADDR, name] => fact(&ADDR_LEAVES, name),
        [INFO, name] => fact(&INFO_LEAVES, name),
        [MGMT] => Some(Leaf { format: Format::Null, text: String::new() }),
        _ => None,
    }
}

fn has_any(record: &DeviceRecord, leaves: &[(&str, Fact)]) -> bool {
    leaves.iter().any(|(_, fact)| record.fact(*fact).is_some())
}

fn switch(switches: &Subscription, leaf: &str) -> Option<bool> {
    Some(match leaf {
        ATTACHED => switches.attached,
        EACH_TIME => switches.each_time,
        DETACHED => switches.detached,
        _ => return None,
    })
}
