//! Notifications that the gateway forwards or makes (GwMO-TMode-001).

use alloc::string::ToString;
use alloc::vec::Vec;
use core::time::Duration;

use dm_notification::UiMode;
use dm_syncml::{Command, Data, Format, Item, Meta};

use super::Console;
use super::build::{add, put, replace, seconds};
use super::read::{ReadError, Values};
use crate::device::{DeviceId, Serial};
use crate::fanout::ResultCode;
use crate::group::GroupId;
use crate::mo::{Slot, TriggerSlot as Node};
use crate::selector::Selector;
use crate::trigger::{TriggerContent, TriggerKey, TriggerSpec};

/// A trigger to be added: for whom, and what.
///
/// ```
/// use dm_tree::ServerId;
/// use gwmo_model::console::{Console, TriggerRequest};
/// use gwmo_model::{DeviceId, TriggerContent, TriggerKey, TriggerTemplate};
///
/// let content = TriggerContent::Built(TriggerTemplate::new(ServerId::new("gw.example")?));
/// let trigger =
///     TriggerRequest::new(TriggerKey::new("T1")?, content).with_device(DeviceId::new("camera:1")?);
/// let console = Console::new();
/// let mut commands = console.add_trigger(&trigger);
/// commands.push(console.send_trigger(trigger.key()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TriggerRequest {
    key: TriggerKey,
    content: TriggerContent,
    devices: Vec<DeviceId>,
    groups: Vec<GroupId>,
    except: Vec<DeviceId>,
    matching: Option<Selector>,
    validity: Duration,
}

impl TriggerRequest {
    /// A trigger for nobody, yet. A [ready](TriggerContent::Ready) one is forwarded as it is; of a
    /// [built](TriggerContent::Built) one the initiator has no node, the gateway says that it is the server.
    #[must_use]
    pub const fn new(key: TriggerKey, content: TriggerContent) -> Self {
        Self {
            key,
            content,
            devices: Vec::new(),
            groups: Vec::new(),
            except: Vec::new(),
            matching: None,
            validity: TriggerSpec::VALIDITY,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn key(&self) -> &TriggerKey {
        &self.key
    }

    /// Adds a device. Naming one twice says nothing more.
    #[must_use]
    pub fn with_device(mut self, device: DeviceId) -> Self {
        put(&mut self.devices, device);
        self
    }

    /// Adds the members of a group; `*` is every device.
    #[must_use]
    pub fn with_group(mut self, group: GroupId) -> Self {
        put(&mut self.groups, group);
        self
    }

    /// Excepts a device.
    #[must_use]
    pub fn without_device(mut self, device: DeviceId) -> Self {
        put(&mut self.except, device);
        self
    }

    /// Adds the devices that a selector matches.
    #[must_use]
    pub fn with_matching(mut self, selector: Selector) -> Self {
        self.matching = Some(selector);
        self
    }

    /// Says how long it is held for devices that are away or asleep; sent in whole seconds, rounded up.
    #[must_use]
    pub const fn with_validity(mut self, validity: Duration) -> Self {
        self.validity = validity;
        self
    }
}

/// Where a trigger stands.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct TriggerStatus {
    /// How far it has come.
    pub progress: TriggerProgress,
    /// What it came to; `None` before its end.
    pub result: Option<ResultCode>,
    /// What became of it for each device, by ascending serial.
    pub outcomes: Vec<TriggerLine>,
}

/// How far a trigger has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum TriggerProgress {
    /// It was not sent.
    Draft,
    /// It is being sent, or held for devices that are away.
    Sending,
    /// Nothing more will happen.
    Over,
}

/// What became of a trigger for one device.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct TriggerLine {
    /// The device.
    pub serial: Serial,
    /// What it calls itself; `None` when it was forgotten.
    pub id: Option<DeviceId>,
    /// 200 when it was handed to the transport, which is all that can be known; `None` while it is held.
    pub code: Option<ResultCode>,
}

impl Console {
    /// The commands that add a trigger as a draft. [`send_trigger`](Self::send_trigger) sends it.
    #[must_use]
    pub fn add_trigger(&self, trigger: &TriggerRequest) -> Vec<Command<'static>> {
        let key = trigger.key.as_str();
        let named = |node, id: &str| self.leaf(node, &[key, id], id);
        let mut items = Vec::from([self.interior(Node::Trigger, &[key])]);
        items.extend(trigger.devices.iter().map(|id| named(Node::TargetDevice, id.as_str())));
        items.extend(trigger.groups.iter().map(|id| named(Node::TargetGroup, id.as_str())));
        items.extend(trigger.except.iter().map(|id| named(Node::TargetException, id.as_str())));
        let mut leaves = match &trigger.content {
            TriggerContent::Ready(octets) => Vec::from([Item::to(self.uri(Node::Noti, &[key]))
                .with_meta(Meta::new().with_format(Format::BIN))
                .with_data(Data::octets(octets.as_octets().to_vec()))]),
            TriggerContent::Built(template) => {
                let mode = match template.ui_mode() {
                    UiMode::NotSpecified => "0",
                    UiMode::Background => "1",
                    UiMode::Informative => "2",
                    UiMode::UserInteraction => "3",
                };
                Vec::from([
                    self.leaf(Node::SpecServer, &[key], template.server().as_str()),
                    self.leaf(Node::SpecUiMode, &[key], mode),
                ])
            }
        };
        let matching = trigger.matching.iter();
        leaves.extend(matching.map(|text| self.leaf(Node::TargetMatch, &[key], text.to_string())));
        leaves.push(self.leaf(Node::Valid, &[key], seconds(trigger.validity)));
        Vec::from([add(items), replace(leaves)])
    }

    /// Sends a trigger.
    #[must_use]
    pub fn send_trigger(&self, key: &TriggerKey) -> Command<'static> {
        self.exec(Node::Send, &[key.as_str()], None)
    }

    /// Deletes a trigger with its outcomes. What is still held is not sent any more.
    #[must_use]
    pub fn delete_trigger(&self, key: &TriggerKey) -> Command<'static> {
        self.delete(Node::Trigger, &[key.as_str()])
    }

    /// Asks where a trigger stands.
    #[must_use]
    pub fn get_trigger(&self, key: &TriggerKey) -> Command<'static> {
        self.get_below(Node::Trigger, &[key.as_str()])
    }

    /// Reads what [`get_trigger`](Self::get_trigger) brought.
    ///
    /// # Errors
    ///
    /// When a number is missing or is none.
    pub fn read_trigger(&self, key: &TriggerKey, items: &[Item<'_>]) -> Result<TriggerStatus, ReadError> {
        let (values, keys) = (Values::new(self, items), [key.as_str()]);
        let progress = match values.required::<u8>(Node::State, &keys)? {
            0 => TriggerProgress::Draft,
            1 => TriggerProgress::Sending,
            2 => TriggerProgress::Over,
            _ => return Err(ReadError::malformed(Node::State)),
        };
        let result: u16 = values.required(Node::Result, &keys)?;
        let mut outcomes = Vec::new();
        for found in values.keys_of(Slot::from(Node::OutcomeCode)) {
            let [of, serial] = &found[..] else { continue };
            if of != key.as_str() {
                continue;
            }
            let keys = [of.as_str(), serial.as_str()];
            let code: u16 = values.required(Node::OutcomeCode, &keys)?;
            let id = values.text(Node::OutcomeDevId, &keys).map(DeviceId::new).transpose();
            outcomes.push(TriggerLine {
                serial: serial.parse().map_err(|_| ReadError::malformed(Node::Outcome))?,
                id: id.map_err(|_| ReadError::malformed(Node::OutcomeDevId))?,
                code: (code != 0).then(|| ResultCode::new(code)),
            });
        }
        outcomes.sort_unstable_by_key(|line| line.serial);
        Ok(TriggerStatus { progress, result: (result != 0).then(|| ResultCode::new(result)), outcomes })
    }
}
