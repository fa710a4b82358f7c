//! The writer: header first, then tokens as they come.

use bytes::BufMut;

use crate::attribute_page::{AttributePage, longest_start, unnamed_start, value_token};
use crate::code_space::{CodeSpace, PublicId};
use crate::name::{Attribute, Name, Tag};
use crate::octets::{Buffer, Count, Octets};
use crate::sink::{Sink, sink_by_encoder};

use super::header::Version;
use super::string_table::StringTable;
use super::token;

/// A WBXML document being written, always in UTF-8.
///
/// Text goes out as STR_I, or as STR_T where the table has the whole string. Pages are switched just before the first
/// token that needs it.
///
/// ```
/// use dm_wbxml::wbxml::{StringTable, Version, Writer};
/// use dm_wbxml::{PublicId, Sink, metinf, syncml};
///
/// let mut out = Vec::new();
/// let table = StringTable::new();
/// let mut writer = Writer::new(&mut out, Version::V1_2, PublicId::SYNCML_1_2, &table);
/// writer.open(syncml::META);
/// writer.leaf(metinf::FORMAT, "b64");
/// writer.close();
/// assert!(writer.finish());
/// assert_eq!(out, b"\x02\xA4\x01\x6A\x00\x5A\x00\x01\x47\x03b64\x00\x01\x01");
/// ```
#[derive(Debug)]
pub struct Writer<'t, B> {
    encoder: Encoder<Given<'t>, Buffer<B>>,
}

impl<'t, B: BufMut> Writer<'t, B> {
    /// Writes the header of a document.
    ///
    /// # Panics
    /// Like every `BufMut` user, when `out` is a fixed buffer and too small; a `Vec<u8>` or `BytesMut` grows.
    pub fn new(out: B, version: Version, document: PublicId, table: &'t StringTable) -> Self {
        Self { encoder: begin(Buffer(out), version, Document::Number(document), table) }
    }

    /// Writes the header of a document whose public identifier is a name: the string at `name` of the table (WAP-192 §5.5).
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn named(out: B, version: Version, name: u32, table: &'t StringTable) -> Self {
        Self { encoder: begin(Buffer(out), version, Document::Name(name), table) }
    }

    /// Writes attributes with the tokens of `space`: the start token that says most of the value, and value tokens where these
    /// say all of the rest. A [`StringTable`] that collects names must know the same space.
    #[must_use]
    pub fn with_attributes(mut self, space: &'static CodeSpace) -> Self {
        self.encoder.set_attributes(space);
        self
    }

    /// Ends the document. `false` says that an element or attribute outside the code space was written whose name the
    /// table lacks: then the document is wrong, and must be written again with a table that has seen it
    /// (see [`StringTable`]).
    #[must_use]
    pub fn finish(self) -> bool {
        !self.encoder.strings.missing
    }
}

sink_by_encoder! { impl<B: BufMut> Sink for Writer<'_, B> }

/// How many octets a document will have: written to like a [`Writer`], keeps nothing.
///
/// ```
/// use dm_wbxml::wbxml::{Size, StringTable, Version};
/// use dm_wbxml::{PublicId, Sink, metinf};
///
/// let table = StringTable::new();
/// let mut size = Size::new(Version::V1_2, PublicId::SYNCML_1_2, &table);
/// size.leaf(metinf::FORMAT, "b64");
/// assert_eq!(size.octets(), b"\x02\xA4\x01\x6A\x00\x00\x01\x47\x03b64\x00\x01".len());
/// ```
#[derive(Debug)]
pub struct Size<'t> {
    encoder: Encoder<Given<'t>, Count>,
}

impl<'t> Size<'t> {
    /// The size of a document that a [`Writer`] made with the same arguments would write.
    #[must_use]
    pub fn new(version: Version, document: PublicId, table: &'t StringTable) -> Self {
        Self { encoder: begin(Count::default(), version, Document::Number(document), table) }
    }

    /// As [`Writer::with_attributes`].
    #[must_use]
    pub fn with_attributes(mut self, space: &'static CodeSpace) -> Self {
        self.encoder.set_attributes(space);
        self
    }

    /// Octets so far.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.encoder.out.0
    }
}

sink_by_encoder! { impl Sink for Size<'_> }

/// The public identifier in a header.
#[derive(Clone, Copy, Debug)]
pub(super) enum Document {
    Number(PublicId),
    /// An offset into the table.
    Name(u32),
}

/// What stands before the body.
pub(super) fn put_header(out: &mut impl Octets, version: Version, document: Document, table: &[u8]) {
    out.put_u8(version.octet());
    match document {
        Document::Number(id) => token::put_mb_u32(out, id.get()),
        Document::Name(offset) => {
            out.put_u8(0);
            token::put_mb_u32(out, offset);
        }
    }
    out.put_u8(106); // UTF-8
    token::put_mb_u32(out, table.len() as u32);
    out.put_slice(table);
}

/// Where strings go.
pub(super) trait Strings<O> {
    /// The offset of a name in the table, or `None` when it is not there.
    fn name(&mut self, name: &str) -> Option<u32>;

    /// Text inside an element or a value.
    fn text(&mut self, out: &mut O, text: &str);
}

/// A table made before.
#[derive(Clone, Copy, Debug)]
struct Given<'t> {
    table: &'t StringTable,
    /// Whether it lacked a name.
    missing: bool,
}

impl<O: Octets> Strings<O> for Given<'_> {
    fn name(&mut self, name: &str) -> Option<u32> {
        let offset = self.table.offset(name);
        self.missing |= offset.is_none();
        offset
    }

    #[inline]
    fn text(&mut self, out: &mut O, text: &str) {
        match self.table.offset(text) {
            Some(offset) => {
                out.put_u8(token::STR_T);
                token::put_mb_u32(out, offset);
            }
            None => {
                out.put_u8(token::STR_I);
                out.put_slice(text.as_bytes());
                out.put_u8(0);
            }
        }
    }
}

fn begin<O: Octets>(
    mut out: O,
    version: Version,
    document: Document,
    table: &StringTable,
) -> Encoder<Given<'_>, O> {
    put_header(&mut out, version, document, table.octets());
    Encoder::new(out, Given { table, missing: false })
}

/// The body, for all that write or count.
#[derive(Clone, Debug)]
pub(super) struct Encoder<S, O> {
    out: O,
    strings: S,
    page: u8,
    attributes: &'static [&'static AttributePage],
    attribute_page: u8,
}

impl<S: Strings<O>, O: Octets> Encoder<S, O> {
    pub(super) fn new(out: O, strings: S) -> Self {
        Self { out, strings, page: 0, attributes: &[], attribute_page: 0 }
    }

    pub(super) fn set_attributes(&mut self, space: &'static CodeSpace) {
        self.attributes = space.attribute_pages();
    }

    pub(super) fn parts_mut(&mut self) -> (&mut O, &mut S) {
        (&mut self.out, &mut self.strings)
    }

    pub(super) fn into_parts(self) -> (O, S) {
        (self.out, self.strings)
    }

    #[inline]
    fn tag(&mut self, tag: Tag, bits: u8) {
        if tag.page() != self.page {
            self.page = tag.page();
            self.out.put_slice(&[token::SWITCH_PAGE, self.page, tag.token() | bits]);
        } else {
            self.out.put_u8(tag.token() | bits);
        }
    }

    fn literal(&mut self, name: &str, bits: u8) {
        let offset = self.strings.name(name);
        self.out.put_u8(token::LITERAL | bits);
        token::put_mb_u32(&mut self.out, offset.unwrap_or(0));
    }
}

impl<S: Strings<O>, O: Octets> Encoder<S, O> {
    fn attribute(&mut self, attribute: &Attribute<'_>) {
        let (name, value) = (attribute.name(), attribute.value());
        if let Some((page, token)) = unnamed_start(attribute.namespace(), name) {
            self.attribute_token(page, token);
            self.value(value);
        } else if let Some((page, token, said)) = start_of(self.attributes, self.attribute_page, attribute) {
            self.attribute_token(page, token);
            self.value(value.get(said..).unwrap_or_default());
        } else {
            self.literal(name, 0);
            if value.is_empty() {
                self.text(value);
            }
            self.value(value);
        }
    }

    /// A token of an attribute page.
    fn attribute_token(&mut self, page: u8, token: u8) {
        if page != self.attribute_page {
            self.attribute_page = page;
            self.out.put_slice(&[token::SWITCH_PAGE, page]);
        }
        self.out.put_u8(token);
    }

    /// The rest of a value: text, and characters that stand for tokens nobody named.
    fn value(&mut self, value: &str) {
        let mut text = 0;
        for (at, character) in value.char_indices() {
            if let Some((page, token)) = value_token(self.attributes, character) {
                self.value_text(&value[text..at]);
                self.attribute_token(page, token);
                text = at + character.len_utf8();
            }
        }
        self.value_text(&value[text..]);
    }

    /// Text in a value: value tokens when they say all of it, on the page in force or, for a single one, on any.
    fn value_text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let attributes = self.attributes;
        let current = attributes.iter().find(|page| page.number() == self.attribute_page);
        let whole = current.into_iter().chain(attributes).find_map(|page| {
            let token = page.whole_value(text)?;
            Some((page.number(), token))
        });
        if let Some((page, token)) = whole {
            return self.attribute_token(page, token);
        }
        if let Some(page) = current
            && said_by_tokens(page, text).all(|token| token.is_some())
        {
            said_by_tokens(page, text).flatten().for_each(|token| self.out.put_u8(token));
            return;
        }
        self.text(text);
    }
}

/// The tokens that say `text` one behind the other, each as much as it can; `None` at last when something is left over.
fn said_by_tokens<'t>(page: &'t AttributePage, text: &'t str) -> impl Iterator<Item = Option<u8>> + 't {
    let mut rest = Some(text);
    core::iter::from_fn(move || {
        let left = rest.filter(|left| !left.is_empty())?;
        let found = page.longest_value(left);
        rest = found.and_then(|(_, length)| left.get(length..));
        Some(found.map(|(token, _)| token))
    })
}

/// The page and the token that begin an attribute, and how much of its value they say; none for one in a namespace.
pub(super) fn start_of(
    pages: &[&'static AttributePage],
    current: u8,
    attribute: &Attribute<'_>,
) -> Option<(u8, u8, usize)> {
    if pages.is_empty() || !attribute.namespace().is_empty() {
        return None;
    }
    longest_start(pages, current, attribute.name(), attribute.value())
}

impl<S: Strings<O>, O: Octets> Sink for Encoder<S, O> {
    #[inline]
    fn open(&mut self, tag: Tag) {
        self.tag(tag, token::CONTENT);
    }

    #[inline]
    fn close(&mut self) {
        self.out.put_u8(token::END);
    }

    #[inline]
    fn empty(&mut self, tag: Tag) {
        self.tag(tag, 0);
    }

    fn element(&mut self, name: &Name<'_>, attributes: &[Attribute<'_>], content: bool) {
        let content_bit = if content { token::CONTENT } else { 0 };
        let attribute_bit = if attributes.is_empty() { 0 } else { token::ATTRIBUTES };
        match name {
            Name::Tag(tag) => self.tag(*tag, content_bit | attribute_bit),
            Name::Foreign(name) => self.literal(name.local(), content_bit | attribute_bit),
        }
        for (at, attribute) in attributes.iter().enumerate() {
            // Names that differ in their namespace only are one name here.
            if !attributes[..at].iter().any(|other| other.is_token_like(attribute)) {
                self.attribute(attribute);
            }
        }
        if !attributes.is_empty() {
            self.out.put_u8(token::END);
        }
    }

    #[inline]
    fn text(&mut self, text: &str) {
        self.strings.text(&mut self.out, text);
    }

    #[inline]
    fn cdata(&mut self, text: &str) {
        self.opaque(text.as_bytes());
    }

    #[inline]
    fn opaque(&mut self, octets: &[u8]) {
        self.out.put_u8(token::OPAQUE);
        token::put_mb_u32(&mut self.out, octets.len() as u32);
        self.out.put_slice(octets);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ForeignName, dmddf, metinf, syncml};
    use alloc::vec::Vec;

    fn body(table: &StringTable, write: impl FnOnce(&mut Writer<'_, &mut Vec<u8>>)) -> (Vec<u8>, bool) {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out, Version::V1_2, PublicId::UNKNOWN, table);
        write(&mut writer);
        let complete = writer.finish();
        (out.split_off(4 + table.octets().len()), complete)
    }

    #[test]
    fn headers() {
        for (version, id, expected) in [
            (Version::V1_1, PublicId::UNKNOWN, b"\x01\x01\x6A\x00".as_slice()),
            (Version::V1_2, PublicId::SYNCML_1_1, b"\x02\x9F\x53\x6A\x00"),
            (Version::V1_3, PublicId::SYNCML_1_2, b"\x03\xA4\x01\x6A\x00"),
        ] {
            let mut out = Vec::new();
            assert!(Writer::new(&mut out, version, id, &StringTable::new()).finish());
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn pages_are_switched_when_a_tag_needs_it() {
        let (octets, _) = body(&StringTable::new(), |w| {
            w.open(syncml::META);
            w.leaf(metinf::TYPE, "x");
            w.empty(metinf::FORMAT);
            w.close();
            w.empty(syncml::FINAL);
            w.empty(dmddf::NODE);
        });
        assert_eq!(octets, b"\x5A\x00\x01\x53\x03x\0\x01\x07\x01\x00\x00\x12\x00\x02\x24");
    }

    #[test]
    fn text_and_octets() {
        let mut table = StringTable::new();
        table.insert("known");
        let (octets, _) = body(&table, |w| {
            w.text("known");
            w.text("unknown");
            w.text("");
            w.leaf(syncml::DATA, "");
            w.cdata("c");
            w.opaque(&[0; 200]);
        });
        let expected = b"\x83\x00\x03unknown\0\x03\0\x0F\xC3\x01c\xC3\x81\x48".as_slice();
        assert_eq!(octets[..expected.len()], *expected);
        assert_eq!(octets.len(), expected.len() + 200);
    }

    #[test]
    fn a_name_that_the_table_lacks_is_reported() {
        let foreign = Name::Foreign(ForeignName::new("", "a").unwrap());
        let write = |w: &mut Writer<'_, &mut Vec<u8>>| w.element(&foreign, &[], false);
        let mut table = StringTable::new();
        assert!(!body(&table, write).1);
        table.insert("b");
        assert!(!body(&table, write).1);
        table.insert("a");
        assert_eq!(body(&table, write), (b"\x04\x02".to_vec(), true));
        let attributes = [Attribute::new("c", "").unwrap()];
        assert!(!body(&table, |w| w.element(&Name::Tag(syncml::DATA), &attributes, false)).1);
    }
}
