//! A lamp: a subtree of a device's tree that is served by a handler, not stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use dm_syncml::StatusCode;
use dm_tree::{AccessType, Children, Context, ExecReply, Format, Handler, NoAnswer, NodeFacts, Value};

/// The lamp of a device; clones are the same one, to be looked at from outside.
#[derive(Clone, Debug, Default)]
pub struct Lamp {
    level: Arc<AtomicI32>,
    blinks: Arc<AtomicU32>,
}

impl Lamp {
    /// How bright it is, and how often it has blinked.
    #[must_use]
    pub fn state(&self) -> (i32, u32) {
        (self.level.load(Ordering::Relaxed), self.blinks.load(Ordering::Relaxed))
    }
}

impl Handler for Lamp {
    fn node(&mut self, _: &Context<'_>, path: &[&str]) -> Option<NodeFacts> {
        match path {
            [] => Some(NodeFacts::interior()),
            ["Level"] => {
                Some(NodeFacts::leaf(Format::Int).with_access(AccessType::GET | AccessType::REPLACE))
            }
            ["Blink"] => Some(NodeFacts::leaf(Format::Null).with_access(AccessType::EXEC)),
            _ => None,
        }
    }

    fn get(&mut self, _: &Context<'_>, _: &[&str]) -> Result<Vec<u8>, NoAnswer> {
        Ok(self.level.load(Ordering::Relaxed).to_string().into_bytes())
    }

    fn children(&mut self, _: &Context<'_>, _: &[&str], out: &mut Children) -> Result<(), NoAnswer> {
        out.push("Blink");
        out.push("Level");
        Ok(())
    }

    fn replace(&mut self, _: &Context<'_>, _: &[&str], value: &Value) -> Result<(), NoAnswer> {
        let level =
            value.as_str().and_then(|text| text.parse().ok()).ok_or(StatusCode::UNSUPPORTED_FORMAT)?;
        self.level.store(level, Ordering::Relaxed);
        Ok(())
    }

    fn exec(&mut self, _: &Context<'_>, _: &[&str], _: &[u8]) -> ExecReply {
        self.blinks.fetch_add(1, Ordering::Relaxed);
        ExecReply::Done(StatusCode::OK)
    }
}
