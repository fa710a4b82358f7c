//! Which strings are worth a place in the table.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::name::{Attribute, Name, Tag};
use crate::sink::Sink;

use super::string_table::StringTable;

/// Collects the text of a document, as a [`Sink`], and makes the table in which every string stands that is shorter so.
///
/// Only whole texts are looked at: those that a [`Writer`](super::Writer) would refer to. Memory is linear in the text, time
/// is too but for the logarithm of the number of strings. The table depends on nothing but the document.
///
/// ```
/// use dm_wbxml::wbxml::Repeats;
/// use dm_wbxml::{Sink, metinf};
///
/// let mut repeats = Repeats::new();
/// for text in ["text/plain", "once only", "text/plain", "int", "int"] {
///     repeats.leaf(metinf::TYPE, text);
/// }
/// assert_eq!(repeats.into_table().octets(), b"text/plain\0int\0");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Repeats {
    /// How often a text stands, and when it came first.
    texts: BTreeMap<String, Seen>,
    /// Names that only a table can carry.
    names: StringTable,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    times: usize,
    first: usize,
}

/// What STR_I and its NUL cost, and what STR_T costs without its offset.
const INLINE: usize = 2;
const REFERENCE: usize = 1;
/// Longer texts are not looked at: nothing that long stands twice, and collecting it would copy it.
const LONGEST: usize = 1024;

impl Repeats {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { texts: BTreeMap::new(), names: StringTable::new() }
    }

    /// The table: names first, then texts in the order in which they came.
    #[must_use]
    pub fn into_table(self) -> StringTable {
        let mut table = self.names;
        let mut texts: Vec<_> = self.texts.into_iter().filter(|(_, seen)| seen.times > 1).collect();
        texts.sort_unstable_by_key(|(_, seen)| seen.first);
        for (text, seen) in texts {
            let offset = table.octets().len();
            let inline = seen.times * (text.len() + INLINE);
            let referred = text.len() + 1 + seen.times * (REFERENCE + mb_u32_len(offset));
            if referred < inline {
                table.insert(&text);
            }
        }
        table
    }
}

/// Octets of a multi-byte integer.
fn mb_u32_len(value: usize) -> usize {
    (usize::BITS - value.leading_zeros()).div_ceil(7).max(1) as usize
}

impl Sink for Repeats {
    fn open(&mut self, _: Tag) {}

    fn close(&mut self) {}

    fn empty(&mut self, _: Tag) {}

    fn element(&mut self, name: &Name<'_>, attributes: &[Attribute<'_>], content: bool) {
        self.names.element(name, attributes, content);
        for attribute in attributes {
            self.text(attribute.value());
        }
    }

    fn text(&mut self, text: &str) {
        if text.len() > LONGEST || text.contains('\0') {
            return;
        }
        let first = self.texts.len();
        match self.texts.get_mut(text) {
            Some(seen) => seen.times += 1,
            None => {
                self.texts.insert(text.into(), Seen { times: 1, first });
            }
        }
    }

    fn cdata(&mut self, _: &str) {}

    fn opaque(&mut self, _: &[u8]) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wbxml::{Size, Version};
    use crate::{PublicId, syncml};
    use proptest::prelude::*;

    #[test]
    fn what_saves_nothing_stays_out() {
        for (text, times, saves) in [
            ("", 100, false),
            ("a", 2, false),
            ("a", 3, true),
            ("ab", 2, true),
            ("a long one that comes once", 1, false),
        ] {
            let mut repeats = Repeats::new();
            (0..times).for_each(|_| repeats.leaf(syncml::DATA, text));
            assert_eq!(!repeats.into_table().octets().is_empty(), saves, "{times} times {text:?}");
        }
        let mut repeats = Repeats::new();
        let long = "x".repeat(LONGEST + 1);
        repeats.text(&long);
        repeats.text(&long);
        assert!(repeats.into_table().octets().is_empty());
    }

    proptest! {
        #[test]
        fn a_table_never_makes_a_document_longer(
            texts in proptest::collection::vec("[ab]{0,6}|[a-c]{1,2}|[a-z]{40}", 0..60)
        ) {
            let write = |sink: &mut dyn Sink| texts.iter().for_each(|text| sink.leaf(syncml::DATA, text));
            let mut repeats = Repeats::new();
            write(&mut repeats);
            let (with, without) = (repeats.into_table(), StringTable::new());
            let size = |table| {
                let mut size = Size::new(Version::V1_3, PublicId::SYNCML_1_2, table);
                write(&mut size);
                size.octets()
            };
            // The length of the table itself may take an octet or two more.
            prop_assert!(size(&with) <= size(&without) + 2);
        }
    }
}
