//! [`Object::Trigger`](super::Object::Trigger) over the triggers, with their drafts (GwMO-TMode-001).

mod draft;

use alloc::collections::BTreeSet;
use alloc::string::ToString;
use alloc::vec::Vec;

use dm_syncml::StatusCode;
use dm_tree::{Children, Context, Rights, ServerId, Value};

use super::table::{GroupsSlot, TriggerSlot as Node};
use super::{Keys, Leaf, Objects, Shape, Written, chr, int, named_leaf};
use crate::device::{DeviceId, Serial};
use crate::fanout::ResultCode;
use crate::group::GroupId;
use crate::inventory::AttachStatus;
use crate::trigger::{TriggerKey, TriggerNo, TriggerSpec, TriggerState};

pub(super) use draft::Draft;

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
            self.trigger_drafts.insert(key.clone(), Draft::new(owner.clone()));
            self.record(Written::Trigger { key, owner });
            return Ok(());
        }
        let Some(value) = value else { return Err(StatusCode::NOT_ALLOWED) };
        named_leaf(keys[1], value)?;
        self.write_trigger(node, keys[0], keys[1], value)
    }

    pub(super) fn trigger_replace(
        &mut self,
        node: Node,
        keys: &Keys<'_>,
        value: &Value,
    ) -> Result<(), StatusCode> {
        self.write_trigger(node, keys[0], "", value)
    }

    fn write_trigger(
        &mut self,
        node: Node,
        name: &str,
        entry: &str,
        value: &Value,
    ) -> Result<(), StatusCode> {
        let key = TriggerKey::new(name).map_err(|error| error.status())?;
        let (named, octets) = (self.limits.max_named, self.trigger_limits.max_octets);
        self.draft_trigger(&key)?.write(node, entry, value, named, octets)?;
        self.record(Written::TriggerNode { key, node, entry: entry.into(), value: value.clone() });
        Ok(())
    }

    pub(super) fn trigger_delete(&mut self, node: Node, keys: &Keys<'_>) -> Result<(), StatusCode> {
        let key = TriggerKey::new(keys[0]).map_err(|error| error.status())?;
        if node == Node::Trigger {
            let draft = self.trigger_drafts.remove(&key).ok_or(StatusCode::NOT_FOUND)?;
            // One that the machine has forgotten is gone as well.
            let _ = draft.sent.map(|number| self.triggers.handle_removed(self.now, number));
            self.record(Written::TriggerRemoved { key });
            return Ok(());
        }
        self.draft_trigger(&key)?.erase(node, keys[1])?;
        self.record(Written::TriggerErased { key, node, entry: keys[1].into() });
        Ok(())
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
        self.record(Written::TriggerSent { key, number });
        Ok(StatusCode::ACCEPTED)
    }

    fn trigger(&self, keys: &Keys<'_>) -> Option<&Draft> {
        self.trigger_drafts.get(&TriggerKey::new(keys[0]).ok()?)
    }

    fn draft_trigger(&mut self, key: &TriggerKey) -> Result<&mut Draft, StatusCode> {
        match self.trigger_drafts.get_mut(key) {
            Some(draft) if draft.sent.is_none() => Ok(draft),
            Some(_) => Err(StatusCode::NOT_ALLOWED),
            None => Err(StatusCode::NOT_FOUND),
        }
    }

    /// Does what was written down; `None` when it does not fit.
    pub(super) fn replay_trigger(&mut self, written: &Written) -> Option<()> {
        let (named, octets) = (self.limits.max_named, self.trigger_limits.max_octets);
        match written {
            Written::Trigger { key, owner } => {
                let before = self.trigger_drafts.insert(key.clone(), Draft::new(owner.clone()));
                before.is_none().then_some(())
            }
            Written::TriggerNode { key, node, entry, value } => {
                self.draft_trigger(key).ok()?.write(*node, entry, value, named, octets).ok()
            }
            Written::TriggerErased { key, node, entry } => {
                self.draft_trigger(key).ok()?.erase(*node, entry).ok()
            }
            Written::TriggerSent { key, number } => {
                self.draft_trigger(key).ok()?.sent = Some(*number);
                Some(())
            }
            Written::TriggerRemoved { key } => self.trigger_drafts.remove(key).map(drop),
            _ => None,
        }
    }

    /// All triggers, as what would have to be written to have them.
    pub(super) fn triggers_written(&self, all: &mut Vec<Written>) {
        for (key, draft) in &self.trigger_drafts {
            all.push(Written::Trigger { key: key.clone(), owner: draft.owner.clone() });
            draft.written(|node, entry, value| {
                all.push(Written::TriggerNode { key: key.clone(), node, entry: entry.into(), value });
            });
            all.extend(draft.sent.map(|number| Written::TriggerSent { key: key.clone(), number }));
        }
    }

    /// After a restart: triggers that were written down as sent and were not are drafts again, and those that nobody wrote down go.
    pub(crate) fn reconcile_triggers(&mut self) {
        let triggers = &self.triggers;
        for draft in self.trigger_drafts.values_mut() {
            draft.sent.take_if(|number| triggers.state(*number).is_none());
        }
        let known: BTreeSet<TriggerNo> =
            self.trigger_drafts.values().filter_map(|draft| draft.sent).collect();
        let unknown: Vec<TriggerNo> =
            self.triggers.numbers().filter(|number| !known.contains(number)).collect();
        for number in unknown {
            // It was there just now.
            let _ = self.triggers.handle_removed(self.now, number);
        }
    }
}
