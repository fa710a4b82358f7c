//! `SyncBody`: commands in their order.

use alloc::vec::Vec;

use dm_wbxml::{Name, Tag, syncml};

use crate::error::DecodeError;

use super::command::Command;
use super::mapping::{Content, IntoOwned, next_child};
use super::reading::Reading;
use super::writing::Writing;

/// `SyncBody`: commands, whose order is meaning, and whether the package ends here.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct SyncBody<'a> {
    /// The commands, in their order.
    pub commands: Vec<Command<'a>>,
    /// `Final`: the package ends with this message.
    pub last_in_package: bool,
}

impl<'a> SyncBody<'a> {
    /// A body with these commands that ends its package.
    #[must_use]
    pub const fn new(commands: Vec<Command<'a>>) -> Self {
        Self { commands, last_in_package: true }
    }

    /// The same value, owning all it holds.
    #[must_use]
    pub fn into_owned(self) -> SyncBody<'static> {
        SyncBody { commands: IntoOwned::into_owned(self.commands), last_in_package: self.last_in_package }
    }
}

impl<'a> Content<'a> for SyncBody<'a> {
    fn decode<S: Reading<'a>>(source: &mut S, _: Tag) -> Result<Self, DecodeError> {
        let mut body = Self::default();
        while let Some(name) = next_child(source)? {
            match name {
                Name::Tag(syncml::FINAL) => body.last_in_package = bool::decode(source, syncml::FINAL)?,
                name => body.commands.push(Command::decode_named(source, name)?),
            }
        }
        Ok(body)
    }

    fn encode<K: Writing>(&self, tag: Tag, sink: &mut K) {
        sink.open(tag);
        for command in &self.commands {
            command.encode(sink);
        }
        self.last_in_package.encode(syncml::FINAL, sink);
        sink.close();
    }
}
