//! The writer that makes its own string table.

use alloc::vec::Vec;

use bytes::BufMut;

use crate::code_space::{CodeSpace, PublicId};
use crate::octets::{Buffer, Count, Octets};
use crate::sink::{Sink, sink_by_encoder};

use super::header::Version;
use super::repeats::Repeats;
use super::string_table::StringTable;
use super::writer::{Document, Encoder, Strings, put_header};

/// A WBXML document whose string table is made of what stands in it: names that only a table can carry, and every text that
/// repeats and is shorter so.
///
/// The table stands in front, and is known only at the end. So the body is kept until then, once; nothing is written
/// twice. Time and memory are linear in the document, whoever chose its texts, and the table depends on nothing but the document. It is
/// never worth less than none, and never larger than [`Limits::DEFAULT`](crate::Limits::DEFAULT) takes. Only whole texts of up
/// to 1024 octets are looked at.
///
/// ```
/// use dm_wbxml::wbxml::{TableWriter, Version};
/// use dm_wbxml::{PublicId, Sink, syncml};
///
/// let mut writer = TableWriter::new(Version::V1_3, PublicId::SYNCML_1_2);
/// for text in ["./DevInfo", "once only", "./DevInfo"] {
///     writer.leaf(syncml::LOC_URI, text);
/// }
/// let mut out = Vec::new();
/// writer.finish(&mut out);
/// assert_eq!(out, b"\x03\xA4\x01\x6A\x0A./DevInfo\0\x57\x83\0\x01\x57\x03once only\0\x01\x57\x83\0\x01");
/// ```
#[derive(Clone, Debug)]
pub struct TableWriter {
    version: Version,
    document: Document,
    encoder: Encoder<Collected, Buffer<Vec<u8>>>,
}

/// The table to be.
#[derive(Clone, Debug, Default)]
struct Collected {
    /// They come first, so that their offsets do not change.
    names: StringTable,
    repeats: Repeats,
}

impl TableWriter {
    /// An empty document.
    #[must_use]
    pub fn new(version: Version, document: PublicId) -> Self {
        Self::begin(version, Document::Number(document), Collected::default())
    }

    /// An empty document whose public identifier is a name (WAP-192 §5.5), which stands in the table too.
    #[must_use]
    pub fn named(version: Version, document: &str) -> Self {
        let mut strings = Collected::default();
        let name = strings.names.insert(document);
        Self::begin(version, Document::Name(name), strings)
    }

    fn begin(version: Version, document: Document, strings: Collected) -> Self {
        Self { version, document, encoder: Encoder::new(Buffer(Vec::new()), strings) }
    }

    /// As [`Writer::with_attributes`](super::Writer::with_attributes).
    #[must_use]
    pub fn with_attributes(mut self, space: &'static CodeSpace) -> Self {
        self.encoder.set_attributes(space);
        self
    }

    /// Makes room for a document of so many octets, so that the body kept need not grow from nothing.
    #[must_use]
    pub fn with_capacity(mut self, octets: usize) -> Self {
        let (out, strings) = self.encoder.parts_mut();
        out.0.reserve(octets);
        strings.repeats.reserve(octets);
        self
    }

    /// Writes the document.
    ///
    /// # Panics
    /// Like every `BufMut` user, when `out` is a fixed buffer and too small; a `Vec<u8>` or `BytesMut` grows.
    pub fn finish(self, out: impl BufMut) {
        self.put(&mut Buffer(out));
    }

    /// Octets that [`finish`](Self::finish) would write.
    #[must_use]
    pub fn into_size(self) -> usize {
        let mut count = Count::default();
        self.put(&mut count);
        count.0
    }

    fn put(self, out: &mut impl Octets) {
        let (Buffer(body), Collected { names, mut repeats }) = self.encoder.into_parts();
        let mut table = names.octets().to_vec();
        repeats.fill(&mut table, &names, &body);
        put_header(out, self.version, self.document, &table);
        repeats.put_body(out, &body);
    }
}

impl Strings<Buffer<Vec<u8>>> for Collected {
    fn name(&mut self, name: &str) -> Option<u32> {
        Some(self.names.insert(name))
    }

    #[inline]
    fn text(&mut self, out: &mut Buffer<Vec<u8>>, text: &str) {
        self.repeats.text(&mut out.0, text);
    }
}

sink_by_encoder! { impl Sink for TableWriter }

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wbxml::Writer;
    use crate::{Attribute, ForeignName, Name, metinf, syncml};
    use alloc::vec;
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut TableWriter)) -> Vec<u8> {
        let mut writer = TableWriter::new(Version::V1_2, PublicId::UNKNOWN);
        write(&mut writer);
        let size = writer.clone().into_size();
        let mut out = Vec::new();
        writer.finish(&mut out);
        assert_eq!(size, out.len());
        out
    }

    #[test]
    fn what_saves_nothing_stays_out() {
        let long = "x".repeat(1025);
        for (text, times, saves) in [
            ("", 100, false),
            ("a", 2, false),
            ("a", 3, true),
            ("ab", 2, true),
            ("a long one that comes once", 1, false),
            ("a\0b and more", 9, false),
            (&long, 2, false),
            (&long[1..], 2, true),
        ] {
            let out = written(|w| (0..times).for_each(|_| w.text(text)));
            assert_eq!(out[3] != 0, saves, "{times} times {:?}", text.get(..9));
        }
    }

    #[test]
    fn names_and_texts_share_a_table() {
        let foreign = Name::Foreign(ForeignName::new("", "name").unwrap());
        let attributes = [Attribute::new("name", "value").unwrap(), Attribute::new("b", "value").unwrap()];
        let out = written(|w| {
            w.leaf(syncml::DATA, "name");
            w.element(&foreign, &attributes, false);
            w.leaf(metinf::TYPE, "value");
            w.leaf(metinf::TYPE, "name");
        });
        let expected = b"\x02\x01\x6A\x0Dname\0b\0value\0\
            \x4F\x83\x00\x01\x84\x00\x04\x00\x83\x07\x04\x05\x83\x07\x01\
            \x00\x01\x53\x83\x07\x01\x53\x83\x00\x01";
        assert_eq!(out, expected);
    }

    #[test]
    fn a_text_that_is_a_name_too_is_a_reference_though_it_stands_once() {
        let foreign = Name::Foreign(ForeignName::new("", "NAP1").unwrap());
        let out = written(|w| {
            w.element(&foreign, &[], false);
            w.leaf(syncml::DATA, "NAP1");
        });
        assert_eq!(out, b"\x02\x01\x6A\x05NAP1\0\x04\x00\x4F\x83\x00\x01");
    }

    #[test]
    fn a_named_document_has_its_name_in_the_table() {
        let mut writer = TableWriter::named(Version::V1_3, "-//X");
        writer.empty(syncml::DATA);
        let mut out = Vec::new();
        writer.finish(&mut out);
        assert_eq!(out, b"\x03\0\0\x6A\x05-//X\0\x0F");
    }

    proptest! {
        #[test]
        fn a_table_never_makes_a_document_longer(
            texts in proptest::collection::vec("[ab]{0,6}|[a-c]{1,2}|[a-z]{40}", 0..60)
        ) {
            let write = |sink: &mut dyn Sink| texts.iter().for_each(|text| sink.leaf(syncml::DATA, text));
            let with = written(|w| write(w));
            let (mut without, table) = (vec![], StringTable::new());
            write(&mut Writer::new(&mut without, Version::V1_2, PublicId::UNKNOWN, &table));
            prop_assert!(with.len() <= without.len());
        }
    }
}
