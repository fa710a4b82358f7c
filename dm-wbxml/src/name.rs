//! What an element is called, in either encoding.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use core::fmt;

use crate::attribute_page::unnamed_start;
use crate::text::is_xml_text;

/// An element of a code space: its code page and its tag identity on that page.
///
/// In WBXML this is the token without its content and attribute bits (WAP-192 §5.8.2); in XML it is what a
/// [`CodeSpace`](crate::CodeSpace) makes of namespace and local name. A token nobody named is a `Tag` too, and
/// survives decoding and encoding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(u32); // Half would do, but a Name of halves is copied in pieces that the processor has to wait for.

impl Tag {
    /// The element `token` (6 bits, 0x05 to 0x3F) of code page `page`.
    ///
    /// # Panics
    /// When `token` is out of range; in a constant that is a compile error.
    #[must_use]
    pub const fn new(page: u8, token: u8) -> Self {
        assert!(token >= 0x05 && token <= 0x3F, "a tag identity has 6 bits and is not a global token");
        Self::from_wire(page, token)
    }

    /// For tokens that the reader has already cut to six bits.
    pub(crate) const fn from_wire(page: u8, token: u8) -> Self {
        Self((page as u32) << 8 | token as u32)
    }

    /// The code page.
    #[must_use]
    pub const fn page(self) -> u8 {
        (self.0 >> 8) as u8
    }

    /// The tag identity on its page, without content and attribute bits.
    #[must_use]
    pub const fn token(self) -> u8 {
        (self.0 & 0xFF) as u8
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({:02X}:{:02X})", self.page(), self.token())
    }
}

/// The name of an element.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Name<'a> {
    /// An element of the code space, or an unnamed token of one of its pages.
    Tag(Tag),
    /// An element outside the code space: a LITERAL in WBXML, any other name in XML.
    Foreign(ForeignName<'a>),
}

/// A name outside the code space.
#[derive(Clone, PartialEq, Eq)]
pub struct ForeignName<'a>(Box<Foreign<'a>>);

/// Apart, since few elements are foreign: names and events are moved a lot, and this would make them four times as large.
#[derive(Clone, PartialEq, Eq)]
struct Foreign<'a> {
    namespace: Cow<'a, str>,
    local: Cow<'a, str>,
}

impl<'a> ForeignName<'a> {
    pub(crate) fn from_source(namespace: Cow<'a, str>, local: Cow<'a, str>) -> Self {
        Self(Box::new(Foreign { namespace, local }))
    }

    /// The name `local` in `namespace` (empty for none), or `None` when `local` is not a name that XML can carry
    /// without a prefix, or `namespace` holds characters that XML cannot.
    #[must_use]
    pub fn new(namespace: impl Into<Cow<'a, str>>, local: impl Into<Cow<'a, str>>) -> Option<Self> {
        let (namespace, local) = (namespace.into(), local.into());
        (is_ncname(&local) && is_xml_text(&namespace)).then(|| Self::from_source(namespace, local))
    }

    /// The XML namespace; empty in WBXML, whose literals have none.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.0.namespace
    }

    /// The name without a prefix.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.0.local
    }

    /// The same name, owning its text.
    #[must_use]
    pub fn into_owned(self) -> ForeignName<'static> {
        let Foreign { namespace, local } = *self.0;
        ForeignName::from_source(Cow::Owned(namespace.into_owned()), Cow::Owned(local.into_owned()))
    }
}

impl fmt::Debug for ForeignName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Foreign { namespace, local } = &*self.0;
        f.debug_struct("ForeignName").field("namespace", namespace).field("local", local).finish()
    }
}

impl Name<'_> {
    /// The same name, owning its text.
    #[must_use]
    pub fn into_owned(self) -> Name<'static> {
        match self {
            Self::Tag(tag) => Name::Tag(tag),
            Self::Foreign(name) => Name::Foreign(name.into_owned()),
        }
    }
}

impl From<Tag> for Name<'_> {
    fn from(tag: Tag) -> Self {
        Self::Tag(tag)
    }
}

/// An attribute of an element.
///
/// Namespace declarations are not attributes here: the XML reader resolves them into [`Name`]s. A namespace of an attribute
/// lives in XML only; WBXML keeps the name without it.
#[derive(Clone, PartialEq, Eq)]
pub struct Attribute<'a>(Box<Parts<'a>>);

/// Apart, since few elements have one: events are moved a lot, and this would make them the largest.
#[derive(Clone, PartialEq, Eq)]
struct Parts<'a> {
    namespace: Cow<'a, str>,
    name: Cow<'a, str>,
    value: Cow<'a, str>,
}

impl<'a> Attribute<'a> {
    pub(crate) fn from_source(namespace: Cow<'a, str>, name: Cow<'a, str>, value: Cow<'a, str>) -> Self {
        Self(Box::new(Parts { namespace, name, value }))
    }

    /// The attribute `name="value"` in no namespace, or `None` when XML cannot carry one of them.
    #[must_use]
    pub fn new(name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Option<Self> {
        let (name, value) = (name.into(), value.into());
        (is_attribute_name(&name) && is_xml_text(&value))
            .then(|| Self::from_source(Cow::Borrowed(""), name, value))
    }

    /// The same attribute in a namespace, or `None` when XML cannot carry that.
    #[must_use]
    pub fn with_namespace(mut self, namespace: impl Into<Cow<'a, str>>) -> Option<Self> {
        self.0.namespace = namespace.into();
        is_xml_text(&self.0.namespace).then_some(self)
    }

    /// The XML namespace; empty for most, and in WBXML.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.0.namespace
    }

    /// The name, without its prefix.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The value, unescaped.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.0.value
    }

    /// The same attribute, owning all it holds.
    #[must_use]
    pub fn into_owned(self) -> Attribute<'static> {
        let Parts { namespace, name, value } = *self.0;
        Attribute::from_source(
            Cow::Owned(namespace.into_owned()),
            Cow::Owned(name.into_owned()),
            Cow::Owned(value.into_owned()),
        )
    }

    /// Whether both would be the same attribute in WBXML: one name whatever the namespace, or one token nobody named.
    pub(crate) fn is_token_like(&self, other: &Attribute<'_>) -> bool {
        let token = |attribute: &Attribute<'_>| unnamed_start(attribute.namespace(), attribute.name());
        self.name() == other.name() && token(self) == token(other)
    }

    /// Whether both would be the same attribute of one element, which may have only one of them.
    #[must_use]
    pub fn is_named_like(&self, other: &Attribute<'_>) -> bool {
        self.name() == other.name() && self.namespace() == other.namespace()
    }
}

impl fmt::Debug for Attribute<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { namespace, name, value } = &*self.0;
        let mut f = f.debug_struct("Attribute");
        f.field("name", name).field("value", value);
        if !namespace.is_empty() {
            f.field("namespace", namespace);
        }
        f.finish()
    }
}

/// Prefix and local part of a qualified name (Namespaces in XML 1.0 §4).
#[inline]
pub(crate) fn split_name(name: &str) -> (Option<&str>, &str) {
    match name.bytes().position(|byte| byte == b':') {
        Some(colon) => (Some(&name[..colon]), &name[colon + 1..]),
        None => (None, name),
    }
}

/// Whether `name` may name an attribute here: `xmlns` declares a namespace.
pub(crate) fn is_attribute_name(name: &str) -> bool {
    is_ncname(name) && name != "xmlns"
}

/// Whether `name` is a name without a colon (Namespaces in XML 1.0 §3; the characters are those of XML 1.0 §2.3).
pub(crate) fn is_ncname(name: &str) -> bool {
    let first = |c: char| {
        matches!(c,
            'A'..='Z' | '_' | 'a'..='z' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
            | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}' | '\u{200D}' | '\u{2070}'..='\u{218F}'
            | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}'
            | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
    };
    let later = |c: char| {
        first(c)
            || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}' | '\u{2040}')
    };
    let mut chars = name.chars();
    chars.next().is_some_and(first) && chars.all(later)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_xml() {
        for (name, is) in [
            ("Add", true),
            ("_", true),
            ("a-b.c1", true),
            ("Größe", true),
            ("\u{10400}", true),
            ("", false),
            ("1a", false),
            ("-a", false),
            ("a:b", false),
            ("a b", false),
            ("a\u{A0}b", false),
            ("a\"", false),
            ("a>", false),
            ("a/b", false),
            ("×", false),
            ("a\u{FFFF}", false),
        ] {
            assert_eq!(is_ncname(name), is, "{name:?}");
            assert_eq!(ForeignName::new("", name).is_some(), is, "{name:?}");
            assert_eq!(Attribute::new(name, "").is_some(), is, "{name:?}");
        }
        assert!(Attribute::new("xmlns", "urn:x").is_none());
        assert!(Attribute::new("a", "\u{1}").is_none());
        assert!(Attribute::new("a", "").unwrap().with_namespace("\0").is_none());
        assert!(ForeignName::new("\u{FFFE}", "a").is_none());
    }

    #[test]
    fn qualified_names_are_split_at_the_first_colon() {
        assert_eq!(split_name("a"), (None, "a"));
        assert_eq!(split_name("a:b"), (Some("a"), "b"));
        assert_eq!(split_name(":b"), (Some(""), "b"));
        assert_eq!(split_name("a:"), (Some("a"), ""));
        assert_eq!(split_name("a:b:c"), (Some("a"), "b:c"));
    }

    #[test]
    fn a_tag_is_page_and_token() {
        let tag = Tag::new(2, 0x3C);
        assert_eq!((tag.page(), tag.token()), (2, 0x3C));
        assert_eq!(alloc::format!("{tag:?}"), "Tag(02:3C)");
    }

    #[test]
    #[should_panic(expected = "a tag identity has 6 bits")]
    fn a_global_token_is_no_tag() {
        let _ = Tag::new(0, 0x04);
    }

    #[test]
    fn owned_names_are_equal() {
        let name = Name::Foreign(ForeignName::new("urn:x", "y").unwrap());
        assert_eq!(name.clone().into_owned(), name);
        let attribute = Attribute::new("a", "b").unwrap().with_namespace("urn:x").unwrap();
        assert_eq!(attribute.clone().into_owned(), attribute);
    }
}
