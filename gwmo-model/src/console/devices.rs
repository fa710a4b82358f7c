//! The inventory.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use dm_syncml::{Command, Data, Format, Item, LocUri, Meta};
use dm_tree::{Acl, Timestamp};
use thiserror::Error;
use zeroize::Zeroizing;

use super::Console;
use super::build::{add, replace, text};
use super::read::{ReadError, Values};
use crate::device::{DeviceId, Serial};
use crate::device_bootstrap::DeviceCredential;
use crate::inventory::{AttachStatus, BootState, Component, Fact, ModeCounts, Summary};
use crate::mo::InventorySlot as Node;
use crate::mode::Mode;

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

/// All that a gateway tells of one device.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct DeviceDetails {
    /// The number the gateway gave it.
    pub serial: Serial,
    /// What it calls itself.
    pub id: DeviceId,
    /// Whether it is a gateway of its own.
    pub component: Component,
    /// Whether it is there.
    pub status: AttachStatus,
    /// Since when, if the gateway knows the time.
    pub since: Option<Timestamp>,
    /// How often it has attached anywhere.
    pub epoch: u64,
    /// How it is managed.
    pub mode: Mode,
    /// How a server wishes it to be managed.
    pub mode_wish: Option<Mode>,
    /// What is known of it.
    pub facts: BTreeMap<Fact, String>,
    /// The management objects it has.
    pub mos: Vec<String>,
    /// The servers it is bootstrapped to.
    pub servers: Vec<String>,
    /// When it wakes up, if it sleeps.
    pub wakes_in: Option<Duration>,
    /// How often it wakes up, if that is known.
    pub wakes_every: Option<Duration>,
    /// Whether it is bootstrapped to the gateway.
    pub boot_state: BootState,
}

/// A credential that the node of a registration cannot carry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("a part of the credential is empty, too long, or not a line of text")]
pub struct CredentialError(());

const FACTS: [(Node, Fact); Fact::COUNT] = [
    (Node::AddrLocal, Fact::LocalAddress),
    (Node::AddrPublic, Fact::PublicAddress),
    (Node::Proto, Fact::Protocol),
    (Node::InfoMan, Fact::Manufacturer),
    (Node::InfoMod, Fact::Model),
    (Node::InfoHw, Fact::Hardware),
    (Node::InfoFw, Fact::Firmware),
    (Node::InfoSw, Fact::Software),
];

impl Console {
    /// Asks for the inventory in a few numbers (GwMO-DI-002).
    #[must_use]
    pub fn get_summary(&self) -> Command<'static> {
        let none: &[&str] = &[];
        let nodes = [
            Node::SummaryRev,
            Node::SummaryTotal,
            Node::SummaryAttached,
            Node::SummaryDetached,
            Node::SummaryByMode,
        ];
        self.get(nodes.map(|node| (node, none)))
    }

    /// Reads what [`get_summary`](Self::get_summary) brought. The revision is what the node shows, modulo 2³¹.
    ///
    /// # Errors
    ///
    /// When a number is missing or is none.
    pub fn read_summary(&self, items: &[Item<'_>]) -> Result<Summary, ReadError> {
        let values = Values::new(self, items);
        let by_mode =
            values.text(Node::SummaryByMode, &[]).ok_or_else(|| ReadError::missing(Node::SummaryByMode))?;
        let by_mode = by_mode.split(';').filter(|part| !part.is_empty()).map(|part| {
            let (mode, count) = part.split_once('=')?;
            Some((Mode::new(mode.parse().ok()?)?, count.parse().ok()?))
        });
        let by_mode: Option<ModeCounts> = by_mode.collect();
        Ok(Summary {
            rev: values.required(Node::SummaryRev, &[])?,
            total: values.required(Node::SummaryTotal, &[])?,
            attached: values.required(Node::SummaryAttached, &[])?,
            detached: values.required(Node::SummaryDetached, &[])?,
            by_mode: by_mode.ok_or_else(|| ReadError::malformed(Node::SummaryByMode))?,
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

    /// Asks for all that the gateway knows of a device (GwMO-DI-001), as one list.
    #[must_use]
    pub fn get_device(&self, serial: Serial) -> Command<'static> {
        self.get_below(Node::Device, &[&serial.to_string()])
    }

    /// Reads what [`get_device`](Self::get_device) brought.
    ///
    /// # Errors
    ///
    /// When a value is missing or is none.
    pub fn read_device(&self, serial: Serial, items: &[Item<'_>]) -> Result<DeviceDetails, ReadError> {
        let (values, number) = (Values::new(self, items), serial.to_string());
        let key = &[number.as_str()][..];
        let malformed = |node: Node| ReadError::malformed(node);
        let wish: u8 = values.required(Node::ModeReq, key)?;
        let status: u8 = values.required(Node::AttachStatus, key)?;
        let component = Component::from_number(values.required(Node::CompType, key)?);
        let boot_state = BootState::from_number(values.required(Node::BootState, key)?);
        let id = values.text(Node::DevId, key).ok_or_else(|| ReadError::missing(Node::DevId))?;
        let since = values.text(Node::Since, key);
        let since = since.map(|text| Timestamp::parse(text).ok_or_else(|| malformed(Node::Since)));
        let seconds = |node| values.optional::<u64>(node, key).map(|time| time.map(Duration::from_secs));
        let facts = FACTS.into_iter().filter_map(|(node, fact)| Some((fact, values.text(node, key)?.into())));
        let names = |node| {
            let all = values.keys_of(node).into_iter();
            let of = all.filter(|keys| keys.first().is_some_and(|of| *of == number));
            of.filter_map(|mut keys| keys.pop()).collect()
        };
        Ok(DeviceDetails {
            serial,
            id: DeviceId::new(id).map_err(|_| malformed(Node::DevId))?,
            component: component.ok_or_else(|| malformed(Node::CompType))?,
            status: match status {
                1 => AttachStatus::Attached,
                2 => AttachStatus::Detached,
                _ => return Err(malformed(Node::AttachStatus)),
            },
            since: since.transpose()?,
            epoch: values.required(Node::Epoch, key)?,
            mode: Mode::new(values.required(Node::Mode, key)?).ok_or_else(|| malformed(Node::Mode))?,
            mode_wish: match wish {
                0 => None,
                wish => Some(Mode::new(wish).ok_or_else(|| malformed(Node::ModeReq))?),
            },
            facts: facts.collect(),
            mos: names(Node::ObjectId),
            servers: names(Node::ServerId),
            wakes_in: seconds(Node::SleepNext)?,
            wakes_every: seconds(Node::SleepEvery)?,
            boot_state: boot_state.ok_or_else(|| malformed(Node::BootState))?,
        })
    }

    /// Says how this server wishes a device to be managed; `None` for no wish.
    #[must_use]
    pub fn set_mode_wish(&self, serial: Serial, mode: Option<Mode>) -> Command<'static> {
        let number = mode.map_or(0, Mode::get);
        replace(Vec::from([self.leaf(Node::ModeReq, &[&serial.to_string()], number.to_string())]))
    }

    /// Registers a device before it is seen (GwMO-HLF-003), with what it and the gateway prove themselves with. Takes an administrator.
    ///
    /// # Errors
    ///
    /// When a part of the credential is empty, longer than 255 octets, or has a line break or no UTF-8: the node cannot
    /// carry it.
    pub fn register_device(
        &self,
        id: &DeviceId,
        credential: Option<&DeviceCredential>,
    ) -> Result<Command<'static>, CredentialError> {
        let mut value = Zeroizing::new(Vec::new());
        if let Some(credential) = credential {
            let (device, gateway) =
                (credential.client_secret().expose(), credential.server_secret().expose());
            for part in [credential.name().as_bytes(), device, gateway] {
                let is_line = (1..=255).contains(&part.len())
                    && !part.iter().any(|octet| matches!(octet, b'\n' | b'\r'));
                if !is_line || core::str::from_utf8(part).is_err() {
                    return Err(CredentialError(()));
                }
                value.extend_from_slice(part);
                value.push(b'\n');
            }
        }
        let item = Item::to(self.uri(Node::Registration, &[id.as_str()]))
            .with_meta(Meta::new().with_format(Format::BIN))
            .with_data(Data::octets(value.to_vec()));
        Ok(add(Vec::from([item])))
    }

    /// Forgets a device, with its record and what it proved itself with. Takes an administrator.
    #[must_use]
    pub fn forget_device(&self, id: &DeviceId) -> Command<'static> {
        self.delete(Node::Registration, &[id.as_str()])
    }

    /// Says who may do what to a device, and to its record. An empty ACL makes it the one of all devices.
    #[must_use]
    pub fn set_device_acl(&self, serial: Serial, acl: &Acl) -> Command<'static> {
        let device = self.binding().uri(Node::Device, &[&serial.to_string()]);
        let uri = LocUri::new(alloc::format!("{}?prop=ACL", device.as_str())).expect("an address is a token");
        replace(Vec::from([Item::to(uri).with_data(text(acl.to_string()))]))
    }
}
