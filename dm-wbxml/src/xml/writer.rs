//! The XML writer: compact, UTF-8, namespaces declared where they change.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::BufMut;

use crate::code_space::{CodePage, CodeSpace};
use crate::name::{Attribute, Name, Tag};
use crate::octets::{Buffer, Count, Octets};
use crate::sink::{Sink, sink_by_encoder};
use crate::text::is_xml_text;

use super::{UNNAMED, XML};

/// An XML document being written.
///
/// ```
/// use dm_wbxml::xml::Writer;
/// use dm_wbxml::{SYNCML_1_2, Sink, metinf, syncml};
///
/// let mut out = Vec::new();
/// let mut writer = Writer::new(&mut out, &SYNCML_1_2);
/// writer.open(syncml::META);
/// writer.leaf(metinf::FORMAT, "b64");
/// writer.close();
/// assert_eq!(
///     String::from_utf8(out).unwrap(),
///     r#"<Meta xmlns="SYNCML:SYNCML1.2"><Format xmlns="syncml:metinf">b64</Format></Meta>"#
/// );
/// ```
#[derive(Debug)]
pub struct Writer<B> {
    encoder: Encoder<Buffer<B>>,
}

impl<B: BufMut> Writer<B> {
    /// Begins a document whose elements `space` names.
    ///
    /// # Panics
    /// While writing, like every `BufMut` user, when `out` is a fixed buffer and too small; a `Vec<u8>` or `BytesMut` grows.
    pub fn new(out: B, space: &'static CodeSpace) -> Self {
        Self { encoder: Encoder::new(Buffer(out), space) }
    }

    /// Writes this one of a page's namespaces where its first would be written. One that no page has changes nothing.
    #[must_use]
    pub fn with_namespace(mut self, namespace: &str) -> Self {
        self.encoder.set_namespace(namespace);
        self
    }
}

sink_by_encoder! { impl<B: BufMut> Sink for Writer<B> }

/// How many octets a document will have: written to like a [`Writer`], keeps nothing but the names of open elements.
///
/// ```
/// use dm_wbxml::xml::Size;
/// use dm_wbxml::{SYNCML_1_2, Sink, metinf};
///
/// let mut size = Size::new(&SYNCML_1_2);
/// size.leaf(metinf::FORMAT, "b64");
/// assert_eq!(size.octets(), r#"<Format xmlns="syncml:metinf">b64</Format>"#.len());
/// ```
#[derive(Debug)]
pub struct Size {
    encoder: Encoder<Count>,
}

impl Size {
    /// The size of a document that a [`Writer`] for the same code space would write.
    #[must_use]
    pub fn new(space: &'static CodeSpace) -> Self {
        Self { encoder: Encoder::new(Count::default(), space) }
    }

    /// As [`Writer::with_namespace`].
    #[must_use]
    pub fn with_namespace(mut self, namespace: &str) -> Self {
        self.encoder.set_namespace(namespace);
        self
    }

    /// Octets so far.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.encoder.out.0
    }
}

sink_by_encoder! { impl Sink for Size }

/// What both writing and counting do.
#[derive(Debug)]
struct Encoder<O> {
    out: O,
    space: &'static CodeSpace,
    /// Page and namespace, where not the page's first is written.
    alias: Option<(u8, &'static str)>,
    open: Vec<Open>,
    /// Of each element that is open and foreign, its name and namespace.
    foreign: Vec<(String, String)>,
}

/// An element that waits for its end tag. Small: it is written and read once for each.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// Of a foreign element, any.
    tag: Tag,
    scope: Scope,
}

/// The default namespace inside an element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scope {
    /// That of a page.
    Page(u8),
    /// That of tokens nobody named.
    Unnamed,
    /// That of the innermost foreign element.
    Foreign,
}

/// As deep as nearly all messages, so that nothing grows on the way.
const DEPTH: usize = 16;

impl<O: Octets> Encoder<O> {
    fn new(out: O, space: &'static CodeSpace) -> Self {
        Self { out, space, alias: None, open: Vec::with_capacity(DEPTH), foreign: Vec::new() }
    }

    fn set_namespace(&mut self, namespace: &str) {
        self.alias = self.space.page_of(namespace).and_then(|page| {
            let known = page.namespaces().iter().copied().find(|known| *known == namespace)?;
            Some((page.number(), known))
        });
    }

    fn put(&mut self, text: &str) {
        self.out.put_slice(text.as_bytes());
    }

    /// `<name` and, where the namespace differs from the one around, its declaration.
    #[inline]
    fn begin(&mut self, tag: Tag, name: Option<&str>) -> Scope {
        self.out.put_u8(b'<');
        let scope = match name {
            Some(name) => {
                self.put(name);
                Scope::Page(tag.page())
            }
            None => {
                self.put(&unnamed(tag));
                Scope::Unnamed
            }
        };
        if !self.is_inside(scope) {
            self.enter(scope);
        }
        scope
    }

    /// The start and the end tag of an element, as its page has them.
    #[inline]
    fn tags(&self, tag: Tag) -> Option<(&'static [u8], &'static [u8])> {
        self.space.page(tag.page())?.xml_tags(tag.token())
    }

    /// The same, when no namespace has to be declared.
    #[inline]
    fn tags_in_scope(&self, tag: Tag) -> Option<(&'static [u8], &'static [u8])> {
        if self.is_inside(Scope::Page(tag.page())) { self.tags(tag) } else { None }
    }

    #[inline]
    fn is_inside(&self, scope: Scope) -> bool {
        self.open.last().is_some_and(|around| around.scope == scope)
    }

    #[cold]
    fn end_tag(&mut self, tag: Tag, scope: Scope) {
        self.out.put_slice(b"</");
        match (scope, self.space.name(tag)) {
            (Scope::Foreign, _) => {
                let (local, _) = self.foreign.pop().unwrap_or_default();
                self.put(&local);
            }
            (_, Some(name)) => self.put(name),
            (_, None) => self.put(&unnamed(tag)),
        }
        self.out.put_u8(b'>');
    }

    /// Declares the namespace of a scope, unless the one around is the same.
    fn enter(&mut self, scope: Scope) {
        let namespace = self.namespace(scope);
        if self.namespace_around() != namespace {
            self.declare(namespace);
        }
    }

    /// The default namespace inside the innermost open element.
    fn namespace_around(&self) -> &str {
        match self.open.last() {
            Some(Open { scope: Scope::Foreign, .. }) => {
                self.foreign.last().map_or("", |(_, namespace)| namespace)
            }
            Some(around) => self.namespace(around.scope),
            None => "",
        }
    }

    /// The namespace of a scope that is not a foreign element's.
    fn namespace(&self, scope: Scope) -> &'static str {
        match (scope, self.alias) {
            (Scope::Page(number), Some((page, namespace))) if page == number => namespace,
            (Scope::Page(number), _) => self.space.page(number).map_or("", CodePage::namespace),
            _ => UNNAMED,
        }
    }

    /// An attribute; one in a namespace brings a prefix of its own, unless that is `xml`.
    fn attribute(&mut self, at: usize, attribute: &Attribute<'_>) {
        self.out.put_u8(b' ');
        match attribute.namespace() {
            "" => {}
            XML => self.put("xml:"),
            namespace => {
                let prefix = alloc::format!("a{at}");
                self.put("xmlns:");
                self.put(&prefix);
                self.put("=\"");
                escape(&mut self.out, namespace, true);
                self.put("\" ");
                self.put(&prefix);
                self.put(":");
            }
        }
        self.put(attribute.name());
        self.put("=\"");
        escape(&mut self.out, attribute.value(), true);
        self.out.put_u8(b'"');
    }

    fn declare(&mut self, namespace: &str) {
        self.put(" xmlns=\"");
        escape(&mut self.out, namespace, true);
        self.out.put_u8(b'"');
    }
}

impl<O: Octets> Sink for Encoder<O> {
    #[inline]
    fn open(&mut self, tag: Tag) {
        let scope = match self.tags_in_scope(tag) {
            Some((start, _)) => {
                self.out.put_slice(start);
                Scope::Page(tag.page())
            }
            None => {
                let scope = self.begin(tag, self.space.name(tag));
                self.out.put_u8(b'>');
                scope
            }
        };
        self.open.push(Open { tag, scope });
    }

    #[inline]
    fn close(&mut self) {
        let Some(Open { tag, scope }) = self.open.pop() else { return };
        if scope != Scope::Foreign
            && let Some((_, end)) = self.tags(tag)
        {
            return self.out.put_slice(end);
        }
        self.end_tag(tag, scope);
    }

    #[inline]
    fn empty(&mut self, tag: Tag) {
        self.begin(tag, self.space.name(tag));
        self.out.put_slice(b"/>");
    }

    fn element(&mut self, name: &Name<'_>, attributes: &[Attribute<'_>], content: bool) {
        let open = match name {
            Name::Tag(tag) => Open { tag: *tag, scope: self.begin(*tag, self.space.name(*tag)) },
            Name::Foreign(name) => {
                self.out.put_u8(b'<');
                self.put(name.local());
                if self.namespace_around() != name.namespace() {
                    self.declare(name.namespace());
                }
                Open { tag: Tag::from_wire(0, 0), scope: Scope::Foreign }
            }
        };
        for (at, attribute) in attributes.iter().enumerate() {
            if !attributes[..at].iter().any(|other| other.is_named_like(attribute)) {
                self.attribute(at, attribute);
            }
        }
        if content {
            self.out.put_u8(b'>');
            self.open.push(open);
            if let Name::Foreign(name) = name {
                self.foreign.push((name.local().into(), name.namespace().into()));
            }
        } else {
            self.out.put_slice(b"/>");
        }
    }

    /// Without opening the element: it is closed at once.
    #[inline]
    fn leaf(&mut self, tag: Tag, text: &str) {
        if text.is_empty() {
            return self.empty(tag);
        }
        match self.tags(tag) {
            Some((start, end)) => {
                if self.is_inside(Scope::Page(tag.page())) {
                    self.out.put_slice(start);
                } else {
                    self.begin(tag, self.space.name(tag));
                    self.out.put_u8(b'>');
                }
                escape(&mut self.out, text, false);
                self.out.put_slice(end);
            }
            None => {
                self.open(tag);
                self.text(text);
                self.close();
            }
        }
    }

    #[inline]
    fn text(&mut self, text: &str) {
        escape(&mut self.out, text, false);
    }

    /// CDATA cannot hold CR (a reader would make it LF), and `]]>` only in two halves.
    fn cdata(&mut self, text: &str) {
        if text.contains('\r') || !is_xml_text(text) {
            return self.text(text);
        }
        self.put("<![CDATA[");
        let mut rest = text;
        while let Some(at) = rest.find("]]>") {
            let (half, other) = rest.split_at(at + 2);
            self.put(half);
            self.put("]]><![CDATA[");
            rest = other;
        }
        self.put(rest);
        self.put("]]>");
    }

    fn opaque(&mut self, octets: &[u8]) {
        self.out.put_base64(octets);
    }

    fn carries_octets(&self) -> bool {
        false
    }
}

/// The local name of a token nobody named.
fn unnamed(tag: Tag) -> String {
    alloc::format!("t-{:02X}-{:02X}", tag.page(), tag.token())
}

/// What has to be escaped in text.
const IN_TEXT: u8 = 1;
/// What has to be escaped in attributes.
const IN_ATTRIBUTE: u8 = 2;

/// For each octet where it has to be escaped.
static ESCAPED: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        classes[byte] = IN_TEXT | IN_ATTRIBUTE;
        byte += 1;
    }
    classes[b'&' as usize] = IN_TEXT | IN_ATTRIBUTE;
    classes[b'<' as usize] = IN_TEXT | IN_ATTRIBUTE;
    classes[b'>' as usize] = IN_TEXT | IN_ATTRIBUTE;
    // The lead of U+FFFE and U+FFFF, which have no place in XML.
    classes[0xEF] = IN_TEXT | IN_ATTRIBUTE;
    classes[b'\t' as usize] = IN_ATTRIBUTE;
    classes[b'\n' as usize] = IN_ATTRIBUTE;
    classes[b'"' as usize] = IN_ATTRIBUTE;
    classes
};

/// Writes text with what XML needs escaped; CR always, since a reader would make it LF, and TAB and LF in attributes. What
/// XML cannot carry becomes U+FFFD.
fn escape(out: &mut impl Octets, text: &str, attribute: bool) {
    const REPLACEMENT: &[u8] = "\u{FFFD}".as_bytes();
    let class = if attribute { IN_ATTRIBUTE } else { IN_TEXT };
    let mut rest = text.as_bytes();
    while let Some(at) = find_special(rest, class) {
        let (clean, special) = rest.split_at(at);
        out.put_slice(clean);
        let (escaped, octets): (&[u8], usize) = match special {
            [b'&', ..] => (b"&amp;", 1),
            [b'<', ..] => (b"&lt;", 1),
            [b'>', ..] => (b"&gt;", 1),
            [b'"', ..] => (b"&quot;", 1),
            [b'\t', ..] => (b"&#9;", 1),
            [b'\n', ..] => (b"&#10;", 1),
            [b'\r', ..] => (b"&#13;", 1),
            [0xEF, 0xBF, 0xBE | 0xBF, ..] => (REPLACEMENT, 3),
            [0xEF, ..] => (&special[..1], 1),
            _ => (REPLACEMENT, 1),
        };
        out.put_slice(escaped);
        rest = &special[octets..];
    }
    out.put_slice(rest);
}

/// Where the first octet stands that has to be escaped.
#[inline]
fn find_special(bytes: &[u8], class: u8) -> Option<usize> {
    let is_special = |byte: &u8| ESCAPED[usize::from(*byte)] & class != 0;
    let mut at = 0;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        if may_be_special(u64::from_le_bytes(*chunk))
            && let Some(found) = chunk.iter().position(is_special)
        {
            return Some(at + found);
        }
        at += chunk.len();
        if at == 64 {
            at = pass_clean_chunks(bytes, at);
        }
    }
    Some(at + bytes.get(at..)?.iter().position(is_special)?)
}

/// Whether one of eight octets is `&`, `<`, `>`, `"`, a control character or the lead of a noncharacter; sometimes, when it is none of
/// these.
#[inline]
fn may_be_special(word: u64) -> bool {
    const ONES: u64 = u64::MAX / 0xFF;
    let is = |word: u64, byte: u8| {
        let zero = word ^ (ONES * u64::from(byte));
        zero.wrapping_sub(ONES) & !zero
    };
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    // `"` and `&`, and `<` and `>`, differ in one bit.
    let found = control | is(word | (ONES * 0x04), b'&') | is(word | (ONES * 0x02), b'>') | is(word, 0xEF);
    found & (ONES * 0x80) != 0
}

/// For long text: the chunk behind `from` in which something special may stand, or the last one.
#[inline(never)]
fn pass_clean_chunks(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    for chunk in bytes.get(from..).unwrap_or_default().chunks_exact(32) {
        // Without an early end, so that the compiler tests the octets side by side.
        let suspects = chunk.iter().fold(false, |any, byte| {
            any | (*byte < b' ') | (*byte | 4 == b'&') | (*byte | 2 == b'>') | (*byte == 0xEF)
        });
        if suspects {
            break;
        }
        at += chunk.len();
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ForeignName, SYNCML_1_2, dmddf, metinf, syncml};
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Writer<&mut Vec<u8>>)) -> String {
        let mut out = Vec::new();
        write(&mut Writer::new(&mut out, &SYNCML_1_2));
        String::from_utf8(out).unwrap()
    }

    fn foreign(namespace: &'static str, local: &'static str) -> Name<'static> {
        Name::Foreign(ForeignName::new(namespace, local).unwrap())
    }

    #[test]
    fn namespaces_are_declared_where_they_change() {
        let xml = written(|w| {
            w.open(syncml::DATA);
            w.empty(syncml::ITEM);
            w.empty(metinf::TYPE);
            w.open(dmddf::MGMT_TREE);
            w.empty(dmddf::NODE);
            w.close();
            w.element(&foreign("", "a"), &[], false);
            w.element(&foreign("u&", "b"), &[], true);
            w.element(&foreign("u&", "c"), &[], false);
            w.element(&foreign("SYNCML:SYNCML1.2", "d"), &[], false);
            w.empty(syncml::ITEM);
            w.close();
            w.element(&foreign("SYNCML:SYNCML1.2", "e"), &[], true);
            w.close();
            w.open(Tag::new(0, 0x30));
            w.empty(Tag::new(9, 0x05));
            w.empty(syncml::ITEM);
            w.close();
            w.close();
        });
        let expected = concat!(
            r#"<Data xmlns="SYNCML:SYNCML1.2"><Item/><Type xmlns="syncml:metinf"/>"#,
            r#"<MgmtTree xmlns="syncml:dmddf1.2"><Node/></MgmtTree><a xmlns=""/>"#,
            r#"<b xmlns="u&amp;"><c/><d xmlns="SYNCML:SYNCML1.2"/><Item xmlns="SYNCML:SYNCML1.2"/></b><e></e>"#,
            r#"<t-00-30 xmlns="urn:x-dm-wbxml:token"><t-09-05/>"#,
            r#"<Item xmlns="SYNCML:SYNCML1.2"/></t-00-30></Data>"#,
        );
        assert_eq!(xml, expected);
    }

    #[test]
    fn another_namespace_of_a_page() {
        for (namespace, expected) in [
            ("SYNCML:SYNCML1.1", "SYNCML:SYNCML1.1"),
            ("SYNCML:SYNCML1.2", "SYNCML:SYNCML1.2"),
            ("urn:x", "SYNCML:SYNCML1.2"),
        ] {
            let mut out = Vec::new();
            let mut writer = Writer::new(&mut out, &SYNCML_1_2).with_namespace(namespace);
            writer.open(syncml::META);
            writer.empty(metinf::TYPE);
            writer.close();
            let expected = alloc::format!(r#"<Meta xmlns="{expected}"><Type xmlns="syncml:metinf"/></Meta>"#);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn attributes_bring_their_prefix() {
        let attributes = [
            Attribute::new("a", "<&\"'\t\n\r>").unwrap(),
            Attribute::new("b", "1").unwrap().with_namespace("urn:x").unwrap(),
            Attribute::new("b", "2").unwrap(),
            Attribute::new("lang", "de").unwrap().with_namespace(XML).unwrap(),
            Attribute::new("b", "3").unwrap(),
        ];
        let xml = written(|w| w.element(&Name::Tag(syncml::DATA), &attributes, false));
        let expected = concat!(
            r#"<Data xmlns="SYNCML:SYNCML1.2" a="&lt;&amp;&quot;'&#9;&#10;&#13;&gt;""#,
            r#" xmlns:a1="urn:x" a1:b="1" b="2" xml:lang="de"/>"#,
        );
        assert_eq!(xml, expected);
    }

    #[test]
    fn text_and_octets() {
        for (text, expected) in [
            ("a<b>&\r\n\t\"]]>", "a&lt;b&gt;&amp;&#13;\n\t\"]]&gt;"),
            ("\0\u{1F}\u{FFFE}\u{FFFF}", "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"),
            ("\u{FFFD}\u{F000}", "\u{FFFD}\u{F000}"),
        ] {
            assert_eq!(written(|w| w.text(text)), expected);
        }
        for (text, expected) in [
            ("<a>&", "<![CDATA[<a>&]]>"),
            ("]]>]]>", "<![CDATA[]]]]><![CDATA[>]]]]><![CDATA[>]]>"),
            ("\r<", "&#13;&lt;"),
            ("<\0", "&lt;\u{FFFD}"),
        ] {
            assert_eq!(written(|w| w.cdata(text)), expected);
        }
        assert_eq!(written(|w| w.opaque(&[0, 255])), "AP8=");
    }

    #[test]
    fn closing_what_is_not_open_does_nothing() {
        assert_eq!(written(|w| w.close()), "");
    }

    /// Wherever it stands: long text is looked at in steps of several sizes.
    #[test]
    fn what_has_to_be_escaped_is_found_in_long_text() {
        let clean = "./Vendor/Ünïcode=%20'{}[]~\u{7F}\u{FFFD}x ".repeat(6);
        for (special, escaped) in [
            ("&", "&amp;"),
            ("<", "&lt;"),
            (">", "&gt;"),
            ("\r", "&#13;"),
            ("\u{1}", "\u{FFFD}"),
            ("\u{FFFF}", "\u{FFFD}"),
        ] {
            for (at, _) in clean.char_indices() {
                let (before, behind) = clean.split_at(at);
                assert_eq!(
                    written(|w| w.text(&[before, special, behind].concat())),
                    [before, escaped, behind].concat()
                );
            }
        }
        assert_eq!(written(|w| w.text(&clean)), clean);
    }

    proptest! {
        /// Escaping, octet by octet.
        #[test]
        fn escape_agrees_with_a_naive_one(text in "[a-z<>&\"'\r\n\t\u{0}\u{1F}\u{EFFF}-\u{F001}\u{FFFC}-\u{10001}]{0,40}", attribute: bool) {
            let naive: String = text.chars().map(|c| match c {
                '&' => "&amp;".into(),
                '<' => "&lt;".into(),
                '>' => "&gt;".into(),
                '\r' => "&#13;".into(),
                '"' if attribute => "&quot;".into(),
                '\t' if attribute => "&#9;".into(),
                '\n' if attribute => "&#10;".into(),
                '\t' | '\n' => c.to_string(),
                '\0'..' ' | '\u{FFFE}' | '\u{FFFF}' => "\u{FFFD}".into(),
                _ => c.to_string(),
            }).collect();
            let mut out = Vec::new();
            escape(&mut Buffer(&mut out), &text, attribute);
            prop_assert_eq!(String::from_utf8(out).unwrap(), naive);
        }
    }
}
