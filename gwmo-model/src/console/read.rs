//! What Gets bring back.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::str::FromStr;

use dm_syncml::{Format, Item};
use dm_tree::NodeUri;
use thiserror::Error;

use super::Console;
use crate::mo::Slot;

/// Why an answer could not be read: which node, and what is wrong with it. The fault is the gateway's, or the answer
/// is to another command.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("{kind}: {node}")]
pub struct ReadError {
    kind: ReadErrorKind,
    node: &'static str,
}

/// What can be wrong with an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// A node that was asked for is not among the items.
    #[error("no value for a node")]
    Missing,
    /// A value is not of its format.
    #[error("bad value of a node")]
    Malformed,
}

impl ReadError {
    pub(super) const fn new(kind: ReadErrorKind, node: &'static str) -> Self {
        Self { kind, node }
    }

    pub(super) fn missing(slot: impl Into<Slot>) -> Self {
        Self::new(ReadErrorKind::Missing, slot.into().name())
    }

    pub(super) fn malformed(slot: impl Into<Slot>) -> Self {
        Self::new(ReadErrorKind::Malformed, slot.into().name())
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> ReadErrorKind {
        self.kind
    }

    /// The name of the node, as [`Binding::ours`](crate::mo::Binding::ours) has it; `*` where it is somebody's choice.
    #[must_use]
    pub const fn node(&self) -> &'static str {
        self.node
    }
}

/// The items of an answer by their Source.
pub(super) struct Values<'a> {
    console: &'a Console,
    items: BTreeMap<&'a str, &'a Item<'a>>,
}

impl<'a> Values<'a> {
    pub(super) fn new(console: &'a Console, items: &'a [Item<'a>]) -> Self {
        let items = items.iter().filter_map(|item| Some((item.source_uri()?.as_str(), item)));
        Self { console, items: items.collect() }
    }

    /// The keys of the nodes of this kind, in the order of their addresses.
    pub(super) fn keys_of(&self, slot: impl Into<Slot>) -> Vec<Vec<String>> {
        let slot = slot.into();
        let meant = |uri: &&str| {
            let (known, keys) = self.console.binding().resolve(&NodeUri::parse(uri).ok()?)?;
            (known == slot).then_some(keys)
        };
        self.items.keys().filter_map(meant).collect()
    }

    fn item(&self, slot: Slot, keys: &[&str]) -> Option<&'a Item<'a>> {
        self.items.get(self.console.binding().uri(slot, keys).as_str()).copied()
    }

    /// `None` when the node is not there.
    pub(super) fn text(&self, slot: impl Into<Slot>, keys: &[&str]) -> Option<&'a str> {
        self.item(slot.into(), keys)?.data.as_ref()?.as_text()
    }

    /// The octets, whatever they travelled as.
    pub(super) fn octets(&self, slot: impl Into<Slot>, keys: &[&str]) -> Option<Vec<u8>> {
        let item = self.item(slot.into(), keys)?;
        let format: Option<&Format<'_>> = item.format_under(None);
        item.data.as_ref()?.decoded(format).ok().map(alloc::borrow::Cow::into_owned)
    }

    /// A number, or what else is written as text; `None` when the node is not there.
    pub(super) fn optional<N: FromStr>(
        &self,
        slot: impl Into<Slot>,
        keys: &[&str],
    ) -> Result<Option<N>, ReadError> {
        let slot = slot.into();
        self.text(slot, keys).map(|text| text.parse().map_err(|_| ReadError::malformed(slot))).transpose()
    }

    pub(super) fn required<N: FromStr>(&self, slot: impl Into<Slot>, keys: &[&str]) -> Result<N, ReadError> {
        let slot = slot.into();
        self.optional(slot, keys)?.ok_or_else(|| ReadError::missing(slot))
    }

    pub(super) fn lines<T>(
        &self,
        slot: impl Into<Slot>,
        keys: &[&str],
        line: impl FnMut(&str) -> Option<T>,
    ) -> Result<Vec<T>, ReadError> {
        let slot = slot.into();
        let text = self.text(slot, keys).ok_or_else(|| ReadError::missing(slot))?;
        let lines: Option<Vec<T>> = text.lines().map(line).collect();
        lines.ok_or_else(|| ReadError::malformed(slot))
    }
}
