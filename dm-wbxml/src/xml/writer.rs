//! The XML writer: compact, UTF-8, namespaces declared where they change.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::BufMut;

use crate::code_space::CodeSpace;
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
}

/// An element that waits for its end tag.
#[derive(Debug)]
enum Open {
    /// Its name and namespace are those of its tag.
    Tag(Tag),
    Foreign {
        local: String,
        namespace: String,
    },
}

impl<O: Octets> Encoder<O> {
    fn new(out: O, space: &'static CodeSpace) -> Self {
        Self { out, space, alias: None, open: Vec::new() }
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
    fn begin(&mut self, tag: Tag) {
        self.out.put_u8(b'<');
        match self.space.name(tag) {
            Some(name) => self.put(name),
            None => self.put(&unnamed(tag)),
        }
        if matches!(self.open.last(), Some(Open::Tag(around)) if self.shares_namespace(*around, tag)) {
            return;
        }
        let namespace = self.namespace(tag);
        if !namespace.is_empty() || !self.namespace_around().is_empty() {
            self.declare(namespace);
        }
    }

    fn shares_namespace(&self, a: Tag, b: Tag) -> bool {
        if a.page() == b.page() {
            self.space.name(a).is_some() == self.space.name(b).is_some()
        } else {
            self.namespace(a) == self.namespace(b)
        }
    }

    /// The default namespace inside the innermost open element.
    fn namespace_around(&self) -> &str {
        match self.open.last() {
            Some(Open::Tag(tag)) => self.namespace(*tag),
            Some(Open::Foreign { namespace, .. }) => namespace,
            None => "",
        }
    }

    fn namespace(&self, tag: Tag) -> &'static str {
        match self.space.page(tag.page()) {
            Some(page) if page.name(tag.token()).is_some() => match self.alias {
                Some((number, namespace)) if number == page.number() => namespace,
                _ => page.namespace(),
            },
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
        self.begin(tag);
        self.out.put_u8(b'>');
        self.open.push(Open::Tag(tag));
    }

    #[inline]
    fn close(&mut self) {
        let Some(open) = self.open.pop() else { return };
        self.put("</");
        match open {
            Open::Tag(tag) => match self.space.name(tag) {
                Some(name) => self.put(name),
                None => self.put(&unnamed(tag)),
            },
            Open::Foreign { local, .. } => self.put(&local),
        }
        self.out.put_u8(b'>');
    }

    #[inline]
    fn empty(&mut self, tag: Tag) {
        self.begin(tag);
        self.put("/>");
    }

    fn element(&mut self, name: &Name<'_>, attributes: &[Attribute<'_>], content: bool) {
        match name {
            Name::Tag(tag) => self.begin(*tag),
            Name::Foreign(name) => {
                self.out.put_u8(b'<');
                self.put(name.local());
                if self.namespace_around() != name.namespace() {
                    self.declare(name.namespace());
                }
            }
        }
        for (at, attribute) in attributes.iter().enumerate() {
            if !attributes[..at].iter().any(|other| other.is_named_like(attribute)) {
                self.attribute(at, attribute);
            }
        }
        if content {
            self.out.put_u8(b'>');
            self.open.push(match name {
                Name::Tag(tag) => Open::Tag(*tag),
                Name::Foreign(name) => {
                    Open::Foreign { local: name.local().into(), namespace: name.namespace().into() }
                }
            });
        } else {
            self.put("/>");
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
    while let Some(at) = rest.iter().position(|b| ESCAPED[usize::from(*b)] & class != 0) {
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
