//! The objects as a tree asks them: each command goes to the object it is about.

use alloc::vec::Vec;

use dm_syncml::StatusCode;
use dm_tree::{
    Children, Context, ExecReply, Format, Handler, Handlers, MountId, NewNode, NoAnswer, NodeFacts, Value,
};

use super::{ImagesSlot, InventorySlot, Objects, Slot, TriggerSlot};

impl Handlers for Objects {
    fn handler(&mut self, mount: MountId) -> Option<&mut dyn Handler> {
        self.object(mount).is_some().then_some(self)
    }
}

impl Handler for Objects {
    fn node(&mut self, cx: &Context<'_>, path: &[&str]) -> Option<NodeFacts> {
        let (object, found) = self.find(cx.mount(), path)?;
        self.facts(object, &found)
    }

    fn get(&mut self, cx: &Context<'_>, path: &[&str]) -> Result<Vec<u8>, NoAnswer> {
        let (slot, keys) = self.slot(cx, path)?;
        if self.in_clear && self.shows_secret(slot, &keys) {
            return Err(self.withhold(slot, &keys).into());
        }
        let value = match slot {
            Slot::Config(slot) => self.config_value(slot, &keys),
            Slot::Inventory(slot) => self.inventory_value(slot, &keys),
            Slot::Groups(slot) => self.groups_value(slot, &keys),
            Slot::Fanout(slot) => self.fanout_value(slot, &keys),
            Slot::Images(slot) => self.images_value(slot, &keys),
            Slot::Trigger(slot) => self.trigger_value(slot, &keys),
        };
        Ok(value?)
    }

    fn children(&mut self, cx: &Context<'_>, path: &[&str], out: &mut Children) -> Result<(), NoAnswer> {
        let (object, found) = self.find(cx.mount(), path).ok_or(StatusCode::NOT_FOUND)?;
        for (name, child) in self.binding.children(object, &found) {
            if self.facts(object, &child).is_some() {
                out.push(name);
            }
        }
        let keys = &found.keys;
        match self.binding.unnamed_child(object, &found) {
            Some(Slot::Config(slot)) => self.config_names(slot, keys, out),
            Some(Slot::Inventory(slot)) => self.inventory_names(slot, keys, out),
            Some(Slot::Groups(slot)) => self.groups_names(slot, keys, out),
            Some(Slot::Fanout(slot)) => self.fanout_names(slot, keys, out),
            Some(Slot::Images(slot)) => self.images_names(slot, keys, out),
            Some(Slot::Trigger(slot)) => self.trigger_names(slot, keys, out),
            None => {}
        }
        Ok(())
    }

    fn replace(&mut self, cx: &Context<'_>, path: &[&str], value: &Value) -> Result<(), NoAnswer> {
        let (slot, keys) = self.slot(cx, path)?;
        self.reversible(slot, &keys)?;
        let done = match slot {
            Slot::Config(slot) => self.config_replace(slot, &keys, value),
            Slot::Inventory(slot) => self.inventory_replace(slot, &keys, value),
            Slot::Groups(slot) => self.groups_replace(cx, slot, &keys, value),
            Slot::Fanout(slot) => self.fanout_replace(slot, &keys, value),
            Slot::Images(slot) => self.images_replace(slot, &keys, value),
            Slot::Trigger(slot) => self.trigger_replace(slot, &keys, value),
        };
        Ok(done?)
    }

    fn add(&mut self, cx: &Context<'_>, path: &[&str], new: &NewNode) -> Result<(), NoAnswer> {
        let (slot, keys) = self.slot(cx, path)?;
        let value = match (new, slot.format()) {
            (NewNode::Interior { .. }, Format::Node) => None,
            (NewNode::Leaf(value), format) if format != Format::Node => Some(value),
            _ => return Err(StatusCode::UNSUPPORTED_FORMAT.into()),
        };
        self.reversible(slot, &keys)?;
        let done = match (slot, value) {
            (Slot::Inventory(slot), value) => self.inventory_add(slot, &keys, value),
            (Slot::Groups(slot), value) => self.groups_add(slot, &keys, value),
            (Slot::Fanout(slot), value) => self.fanout_add(cx, slot, &keys, value),
            (Slot::Images(slot), value) => self.images_add(cx, slot, &keys, value),
            (Slot::Trigger(slot), value) => self.trigger_add(cx, slot, &keys, value),
            (Slot::Config(slot), value) => self.config_add(slot, &keys, value),
        };
        Ok(done?)
    }

    fn delete(&mut self, cx: &Context<'_>, path: &[&str]) -> Result<(), NoAnswer> {
        let (slot, keys) = self.slot(cx, path)?;
        self.reversible(slot, &keys)?;
        let done = match slot {
            Slot::Inventory(slot) => self.inventory_delete(slot, &keys),
            Slot::Groups(slot) => self.groups_delete(slot, &keys),
            Slot::Fanout(slot) => self.fanout_delete(slot, &keys),
            Slot::Images(slot) => self.images_delete(slot, &keys),
            Slot::Trigger(slot) => self.trigger_delete(slot, &keys),
            Slot::Config(slot) => self.config_delete(slot, &keys),
        };
        Ok(done?)
    }

    fn exec(&mut self, cx: &Context<'_>, path: &[&str], argument: &[u8]) -> ExecReply {
        let done = self.slot(cx, path).and_then(|(slot, keys)| match slot {
            Slot::Inventory(InventorySlot::QueryRun) => self.query_run(&keys),
            Slot::Images(ImagesSlot::Fetch) => self.fetch_image(&keys),
            Slot::Trigger(TriggerSlot::Send) => self.send_trigger(cx, &keys),
            Slot::Fanout(slot) => self.fanout_exec(cx, slot, &keys, argument),
            _ => Err(StatusCode::NOT_ALLOWED),
        });
        match done {
            Ok(StatusCode::ACCEPTED) => ExecReply::Accepted,
            Ok(status) | Err(status) => ExecReply::Done(status),
        }
    }

    fn begin(&mut self, _: &Context<'_>) -> Result<(), StatusCode> {
        self.atomic.get_or_insert_default();
        Ok(())
    }

    fn commit(&mut self, _: &Context<'_>) {
        if let Some(undo) = self.atomic.take() {
            self.records.extend(undo.records);
        }
    }

    fn roll_back(&mut self, _: &Context<'_>) -> Result<(), StatusCode> {
        self.undo();
        Ok(())
    }
}
