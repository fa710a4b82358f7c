//! The table of strings that a body refers to (WAP-192 §5.7).

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::attribute_page::{AttributePage, unnamed_start};
use crate::code_space::CodeSpace;
use crate::name::{Attribute, Name, Tag};
use crate::sink::Sink;

use super::writer::start_of;

/// Strings that a document keeps in one place and refers to.
///
/// A table is made before the document is written: [`StringTable::new`] is the empty one, which is what most devices
/// expect; [`insert`](Self::insert) adds strings the caller chooses. As a [`Sink`] a table collects the names that only a
/// table can carry: those of elements and attributes outside the code space.
///
/// ```
/// use dm_wbxml::wbxml::StringTable;
///
/// let mut table = StringTable::new();
/// assert_eq!(table.insert("./DevInfo"), 0);
/// assert_eq!(table.insert("./DevDetail"), 10);
/// assert_eq!(table.insert("./DevInfo"), 0);
/// assert_eq!(table.octets(), b"./DevInfo\0./DevDetail\0");
/// ```
#[derive(Clone, Debug, Default)]
pub struct StringTable {
    octets: Vec<u8>,
    offsets: BTreeMap<String, u32>,
    attributes: &'static [&'static AttributePage],
}

impl StringTable {
    /// The empty table.
    #[must_use]
    pub const fn new() -> Self {
        Self { octets: Vec::new(), offsets: BTreeMap::new(), attributes: &[] }
    }

    /// Does not collect the names of attributes that `space` has a token for.
    #[must_use]
    pub fn with_attributes(mut self, space: &'static CodeSpace) -> Self {
        self.attributes = space.attribute_pages();
        self
    }

    /// Adds a string, once, and tells its offset. Text behind a NUL is left out: a table cannot hold it.
    pub fn insert(&mut self, text: &str) -> u32 {
        let text = text.split('\0').next().unwrap_or_default();
        if let Some(offset) = self.offset(text) {
            return offset;
        }
        let offset = self.octets.len() as u32;
        self.octets.extend_from_slice(text.as_bytes());
        self.octets.push(0);
        self.offsets.insert(text.into(), offset);
        offset
    }

    /// Where a string stands.
    #[must_use]
    pub fn offset(&self, text: &str) -> Option<u32> {
        if self.offsets.is_empty() { None } else { self.offsets.get(text).copied() }
    }

    /// The table as it stands in a document, without its length.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }
}

impl Sink for StringTable {
    fn open(&mut self, _: Tag) {}

    fn close(&mut self) {}

    fn empty(&mut self, _: Tag) {}

    fn element(&mut self, name: &Name<'_>, attributes: &[Attribute<'_>], _: bool) {
        if let Name::Foreign(name) = name {
            self.insert(name.local());
        }
        for attribute in attributes {
            let is_token = unnamed_start(attribute.namespace(), attribute.name()).is_some();
            if !is_token && start_of(self.attributes, 0, attribute).is_none() {
                self.insert(attribute.name());
            }
        }
    }

    fn text(&mut self, _: &str) {}

    fn cdata(&mut self, _: &str) {}

    fn opaque(&mut self, _: &[u8]) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ForeignName, syncml};

    #[test]
    fn a_table_collects_the_names_that_only_it_can_carry() {
        let mut table = StringTable::new();
        let foreign = Name::Foreign(ForeignName::new("urn:x", "a").unwrap());
        let attributes = [Attribute::new("b", "not this").unwrap()];
        table.element(&foreign, &attributes, true);
        table.text("nor this");
        table.element(&Name::Tag(syncml::DATA), &attributes, false);
        table.leaf(syncml::DATA, "nor this");
        table.cdata("nor this");
        table.opaque(b"nor this");
        table.close();
        assert_eq!(table.octets(), b"a\0b\0");
        assert_eq!((table.offset("a"), table.offset("b"), table.offset("c")), (Some(0), Some(2), None));
    }

    #[test]
    fn a_string_ends_at_its_nul() {
        let mut table = StringTable::new();
        assert_eq!(table.insert("a\0b"), 0);
        assert_eq!(table.insert("a"), 0);
        assert_eq!(table.insert(""), 2);
        assert_eq!(table.octets(), b"a\0\0");
    }
}
