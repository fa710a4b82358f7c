//! What servers write into a trigger before they send it.

use alloc::collections::BTreeSet;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::time::Duration;

use dm_notification::UiMode;
use dm_syncml::StatusCode;
use dm_tree::{ServerId, Value};

use super::super::groups::{device_id, group_id, selector_of};
use super::super::table::TriggerSlot as Node;
use super::super::{choice, number_of, text_of};
use crate::device::DeviceId;
use crate::group::{GroupId, TargetSet};
use crate::selector::Selector;
use crate::trigger::{TriggerContent, TriggerNo, TriggerSpec, TriggerTemplate};

/// A trigger as its server wrote it. It becomes one of the gateway's when it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(super) owner: ServerId,
    pub(super) devices: BTreeSet<DeviceId>,
    pub(super) groups: BTreeSet<GroupId>,
    pub(super) except: BTreeSet<DeviceId>,
    pub(super) matching: Option<Selector>,
    pub(super) notification: Vec<u8>,
    pub(super) server: Option<ServerId>,
    pub(super) ui_mode: u8,
    pub(super) validity: Duration,
    pub(super) sent: Option<TriggerNo>,
}

impl Draft {
    pub(super) fn new(owner: ServerId) -> Self {
        Self {
            owner,
            devices: BTreeSet::new(),
            groups: BTreeSet::new(),
            except: BTreeSet::new(),
            matching: None,
            notification: Vec::new(),
            server: None,
            ui_mode: 0,
            validity: TriggerSpec::VALIDITY,
            sent: None,
        }
    }

    pub(super) fn content(&self) -> Result<TriggerContent, StatusCode> {
        if !self.notification.is_empty() {
            return Ok(TriggerContent::Ready(self.notification.clone().into()));
        }
        let server = self.server.clone().ok_or(StatusCode::INCOMPLETE_COMMAND)?;
        let ui_mode = match self.ui_mode {
            1 => UiMode::Background,
            2 => UiMode::Informative,
            3 => UiMode::UserInteraction,
            _ => UiMode::NotSpecified,
        };
        Ok(TriggerContent::Built(TriggerTemplate::new(server).with_ui_mode(ui_mode)))
    }

    pub(super) fn targets(&self) -> TargetSet {
        let set = self.devices.iter().cloned().fold(TargetSet::new(), TargetSet::with_device);
        let set = self.groups.iter().cloned().fold(set, TargetSet::with_group);
        let set = self.except.iter().cloned().fold(set, TargetSet::without_device);
        self.matching.iter().cloned().fold(set, TargetSet::with_matching)
    }

    /// Writes a node, new or not.
    ///
    /// # Errors
    ///
    /// The status to answer with; nothing changed then.
    pub(super) fn write(
        &mut self,
        node: Node,
        entry: &str,
        value: &Value,
        max_named: usize,
        max_octets: usize,
    ) -> Result<(), StatusCode> {
        let room = |len: usize| if len < max_named { Ok(()) } else { Err(StatusCode::DEVICE_FULL) };
        match node {
            Node::TargetDevice => {
                room(self.devices.len())?;
                self.devices.insert(device_id(entry)?);
            }
            Node::TargetException => {
                room(self.except.len())?;
                self.except.insert(device_id(entry)?);
            }
            Node::TargetGroup => {
                room(self.groups.len())?;
                self.groups.insert(group_id(entry)?);
            }
            Node::TargetMatch => self.matching = selector_of(text_of(value)?)?,
            Node::Noti if value.data().len() > max_octets => return Err(StatusCode::TOO_LARGE),
            Node::Noti => self.notification = value.data().to_vec(),
            Node::SpecServer => {
                self.server = match text_of(value)? {
                    "" => None,
                    name => Some(ServerId::new(name).map_err(|_| StatusCode::NOT_SUPPORTED)?),
                }
            }
            Node::SpecUiMode => self.ui_mode = choice(value, 3)?,
            Node::Valid => self.validity = Duration::from_secs(number_of(value)?.into()),
            _ => return Err(StatusCode::NOT_ALLOWED),
        }
        Ok(())
    }

    /// Deletes a node.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub(super) fn erase(&mut self, node: Node, entry: &str) -> Result<(), StatusCode> {
        let gone = match node {
            Node::TargetDevice => self.devices.remove(&device_id(entry)?),
            Node::TargetException => self.except.remove(&device_id(entry)?),
            Node::TargetGroup => self.groups.remove(&group_id(entry)?),
            _ => return Err(StatusCode::NOT_ALLOWED),
        };
        if gone { Ok(()) } else { Err(StatusCode::NOT_FOUND) }
    }

    /// All of it, as what would have to be written to have it.
    pub(super) fn written(&self, mut node: impl FnMut(Node, &str, Value)) {
        self.devices.iter().for_each(|id| node(Node::TargetDevice, id.as_str(), Value::chr("")));
        self.groups.iter().for_each(|id| node(Node::TargetGroup, id.as_str(), Value::chr("")));
        self.except.iter().for_each(|id| node(Node::TargetException, id.as_str(), Value::chr("")));
        if let Some(matching) = &self.matching {
            node(Node::TargetMatch, "", Value::chr(matching.to_string()));
        }
        if !self.notification.is_empty() {
            node(Node::Noti, "", Value::bin(self.notification.clone()));
        }
        if let Some(server) = &self.server {
            node(Node::SpecServer, "", Value::chr(server.as_str()));
        }
        node(Node::SpecUiMode, "", Value::int(self.ui_mode.into()));
        let validity = i32::try_from(self.validity.as_secs()).unwrap_or(i32::MAX);
        node(Node::Valid, "", Value::int(validity));
    }
}
