//! [`Object::Trigger`](super::Object::Trigger) over the triggers, with their drafts (GwMO-TMode-001).

use alloc::collections::BTreeSet;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::time::Duration;

use dm_notification::UiMode;
use dm_syncml::StatusCode;
use dm_tree::{Children, Context, Rights, ServerId, Value};

use super::groups::{device_id, group_id, selector_of};
use super::table::{GroupsSlot, TriggerSlot as Node};
use super::{Keys, Leaf, Objects, Shape, choice, chr, int, named_leaf, number_of, text_of};
use crate::device::{DeviceId, Serial};
use crate::fanout::ResultCode;
use crate::group::{GroupId, TargetSet};
use crate::inventory::AttachStatus;
use crate::selector::Selector;
use crate::trigger::{TriggerContent, TriggerKey, TriggerNo, TriggerSpec, TriggerState, TriggerTemplate};

/// A trigger as its server wrote it. It becomes one of the gateway's when it is sent; drafts do not survive a restart,
/// what was sent does.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    owner: ServerId,
    devices: BTreeSet<DeviceId>,
    groups: BTreeSet<GroupId>,
    except: BTreeSet<DeviceId>,
    matching: Option<Selector>,
    notification: Vec<u8>,
    server: Option<ServerId>,
    ui_mode: u8,
    validity: Duration,
    sent: Option<TriggerNo>,
}

impl Draft {
    fn new(owner: ServerId) -> Self {
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

    fn content(&self) -> Result<TriggerContent, StatusCode> {
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

    fn targets(&self) -> TargetSet {
        let set = self.devices.iter().cloned().fold(TargetSet::new(), TargetSet::with_device);
        let set = self.groups.iter().cloned().fold(set, TargetSet::with_group);
        let set = self.except.iter().cloned().fold(set, TargetSet::without_device);
        self.matching.iter().cloned().fold(set, TargetSet::with_matching)
    }
}

impl Objects {
    pub(super) fn trigger_shape(&self, node: Node, keys: &Keys<'_>) -> Option<Shape> {
        if matches!(node, Node::Root | Node::Triggers) {
            return Some(Shape::PLAIN);
        }
        let draft = self.trigger(keys)?;
        let open = if draft.sent.is_none() { Shape::PLAIN } else { Shape::FROZEN };
        let device = || DeviceId::new(keys[1]).ok();
        match node {
            Node::Trigger | Node::Send | Node::State | Node::Result | Node::Out => Some(Shape::PLAIN),
            Node::TargetDevice => draft.devices.contains(&device()?).then_some(open),
            Node::TargetException => draft.except.contains(&device()?).then_some(open),
            Node::TargetGroup => draft.groups.contains(&GroupId::new(keys[1]).ok()?).then_some(open),
            Node::Outcome | Node::OutcomeCode | Node::OutcomeDevId => {
                let serial: Serial = keys[1].parse().ok()?;
                self.triggers.outcome(draft.sent?, serial)?;
                Shape::there(node != Node::OutcomeDevId || self.inventory.record(serial).is_some())
            }
            _ => Some(open),
        }
    }

    pub(super) fn trigger_value(&self, node: Node, keys: &Keys<'_>) -> Leaf {
        const NONE: StatusCode = StatusCode::NOT_FOUND;
        let draft = self.trigger(keys).ok_or(NONE)?;
        let state = draft.sent.and_then(|number| self.triggers.state(number));
        Ok(match node {
            Node::TargetDevice | Node::TargetGroup | Node::TargetException => chr(keys[1]),
            Node::TargetMatch => {
                draft.matching.as_ref().map_or_else(Vec::new, |matching| chr(matching.to_string()))
            }
            Node::Noti => draft.notification.clone(),
            Node::SpecServer => chr(draft.server.as_ref().map_or("", ServerId::as_str)),
            Node::SpecUiMode => int(draft.ui_mode),
            Node::Valid => int(draft.validity.as_secs()),
            Node::State => int(match state {
                None | Some(TriggerState::Draft) => 0_u8,
                Some(TriggerState::Running) => 1,
                Some(TriggerState::Done(_)) => 2,
            }),
            Node::Result => int(match state {
                Some(TriggerState::Done(code)) => code.get(),
                _ => 0,
            }),
            Node::OutcomeDevId | Node::OutcomeCode => {
                let serial: Serial = keys[1].parse().map_err(|_| NONE)?;
                let number = draft.sent.ok_or(NONE)?;
                let outcome = self.triggers.outcome(number, serial).ok_or(NONE)?;
                match node {
                    Node::OutcomeCode => {
                        int(Some(outcome.code()).filter(|_| outcome.is_final()).map_or(0, ResultCode::get))
                    }
                    _ => chr(self.inventory.record(serial).ok_or(NONE)?.id().as_str()),
                }
            }
            _ => return Err(NONE),
        })
    }

    pub(super) fn trigger_names(&self, node: Node, keys: &Keys<'_>, out: &mut Children) {
        if node == Node::Trigger {
            self.trigger_drafts.keys().all(|key| out.push(key.as_str()));
            return;
        }
        let Some(draft) = self.trigger(keys) else { return };
        match node {
            Node::TargetDevice => draft.devices.iter().all(|id| out.push(id.as_str())),
            Node::TargetGroup => draft.groups.iter().all(|id| out.push(id.as_str())),
            Node::TargetException => draft.except.iter().all(|id| out.push(id.as_str())),
            Node::Outcome => draft.sent.is_none_or(|number| {
                self.triggers.outcomes(number).all(|(serial, _)| out.push(&serial.to_string()))
            }),
            _ => true,
        };
    }

    pub(super) fn trigger_add(
        &mut self,
        cx: &Context<'_>,
        node: Node,
        keys: &Keys<'_>,
        value: Option<&Value>,
    ) -> Result<(), StatusCode> {
        if node == Node::Trigger {
            let key = TriggerKey::new(keys[0]).map_err(|error| error.status())?;
            if self.trigger_drafts.len() >= self.trigger_limits.max_triggers as usize {
                return Err(StatusCode::DEVICE_FULL);
            }
            let owner = cx.server().ok_or(StatusCode::PERMISSION_DENIED)?.clone();
            self.trigger_drafts.insert(key, Draft::new(owner));
            return Ok(());
        }
        if let Some(value) = value {
            named_leaf(keys[1], value)?;
        }
        let max = self.limits.max_named;
        let draft = self.draft_trigger(keys)?;
        let room = |len: usize| if len < max { Ok(()) } else { Err(StatusCode::DEVICE_FULL) };
        match node {
            Node::TargetDevice => {
                room(draft.devices.len())?;
                draft.devices.insert(device_id(keys[1])?);
            }
            Node::TargetException => {
                room(draft.except.len())?;
                draft.except.insert(device_id(keys[1])?);
            }
            Node::TargetGroup => {
                room(draft.groups.len())?;
                draft.groups.insert(group_id(keys[1])?);
            }
            _ => return Err(StatusCode::NOT_ALLOWED),
        }
        Ok(())
    }

    pub(super) fn trigger_replace(
        &mut self,
        node: Node,
        keys: &Keys<'_>,
        value: &Value,
    ) -> Result<(), StatusCode> {
        let max = self.trigger_limits.max_octets;
        let draft = self.draft_trigger(keys)?;
        match node {
            Node::TargetMatch => draft.matching = selector_of(text_of(value)?)?,
            Node::Noti if value.data().len() > max => return Err(StatusCode::TOO_LARGE),
            Node::Noti => draft.notification = value.data().to_vec(),
            Node::SpecServer => {
                draft.server = match text_of(value)? {
                    "" => None,
                    name => Some(ServerId::new(name).map_err(|_| StatusCode::NOT_SUPPORTED)?),
                }
            }
            Node::SpecUiMode => draft.ui_mode = choice(value, 3)?,
            Node::Valid => draft.validity = Duration::from_secs(number_of(value)?.into()),
            _ => return Err(StatusCode::NOT_ALLOWED),
        }
        Ok(())
    }

    pub(super) fn trigger_delete(&mut self, node: Node, keys: &Keys<'_>) -> Result<(), StatusCode> {
        if node == Node::Trigger {
            let key = TriggerKey::new(keys[0]).map_err(|error| error.status())?;
            let draft = self.trigger_drafts.remove(&key).ok_or(StatusCode::NOT_FOUND)?;
            // One that the machine has forgotten is gone as well.
            let _ = draft.sent.map(|number| self.triggers.handle_removed(self.now, number));
            return Ok(());
        }
        let draft = self.draft_trigger(keys)?;
        let gone = match node {
            Node::TargetDevice => draft.devices.remove(&device_id(keys[1])?),
            Node::TargetException => draft.except.remove(&device_id(keys[1])?),
            Node::TargetGroup => draft.groups.remove(&group_id(keys[1])?),
            _ => return Err(StatusCode::NOT_ALLOWED),
        };
        if gone { Ok(()) } else { Err(StatusCode::NOT_FOUND) }
    }

    /// Checks everything, then sends.
    pub(super) fn send_trigger(
        &mut self,
        cx: &Context<'_>,
        keys: &Keys<'_>,
    ) -> Result<StatusCode, StatusCode> {
        let draft = self.trigger(keys).ok_or(StatusCode::NOT_FOUND)?;
        if draft.sent.is_some() {
            return Ok(StatusCode::OK);
        }
        for group in draft.groups.iter().filter(|group| !group.is_all_devices()) {
            let uri = self.binding.uri(GroupsSlot::Group, &[group.as_str()]);
            if !cx.may(&draft.owner, Rights::GET, &uri) {
                return Err(StatusCode::PERMISSION_DENIED);
            }
        }
        let targets = draft.targets();
        if targets.is_empty() {
            return Err(StatusCode::INCOMPLETE_COMMAND);
        }
        let resolved = targets.resolve(&self.inventory, &self.groups).map_err(|error| error.status())?;
        if !resolved.unknown.is_empty() {
            return Err(StatusCode::NOT_SUPPORTED);
        }
        let is_there = |serial: &Serial| {
            let record = self.inventory.record(*serial);
            record.is_some_and(|record| {
                record.status() == AttachStatus::Attached && record.asleep_until().is_none()
            })
        };
        let (present, away): (Vec<Serial>, Vec<Serial>) = resolved.serials.into_iter().partition(is_there);
        let key = TriggerKey::new(keys[0]).map_err(|error| error.status())?;
        let spec = TriggerSpec::new(draft.owner.clone(), key.clone(), draft.content()?)
            .with_validity(draft.validity);
        let number = self.triggers.handle_added(self.now, spec).map_err(|error| error.status())?;
        if let Err(error) = self.triggers.handle_started(self.now, number, present, away) {
            // It was there just now.
            let _ = self.triggers.handle_removed(self.now, number);
            return Err(error.status());
        }
        if let Some(draft) = self.trigger_drafts.get_mut(&key) {
            draft.sent = Some(number);
        }
        Ok(StatusCode::ACCEPTED)
    }

    fn trigger(&self, keys: &Keys<'_>) -> Option<&Draft> {
        self.trigger_drafts.get(&TriggerKey::new(keys[0]).ok()?)
    }

    fn draft_trigger(&mut self, keys: &Keys<'_>) -> Result<&mut Draft, StatusCode> {
        let key = TriggerKey::new(keys[0]).map_err(|error| error.status())?;
        match self.trigger_drafts.get_mut(&key) {
            Some(draft) if draft.sent.is_none() => Ok(draft),
            Some(_) => Err(StatusCode::NOT_ALLOWED),
            None => Err(StatusCode::NOT_FOUND),
        }
    }
}
