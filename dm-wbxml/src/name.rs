//! What an element is called, in either encoding.

use alloc::borrow::Cow;
use alloc::string::ToString;
use core::fmt;

/// An element of a code space: its code page and its tag identity on that page.
///
/// In WBXML this is the token without its content and attribute bits (WAP-192 §5.8.2); in XML it is what a
/// [`CodeSpace`](crate::CodeSpace) makes of namespace and local name. A token nobody named is a `Tag` too, and
/// survives decoding and encoding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(u16);

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
        Self((page as u16) << 8 | token as u16)
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
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForeignName<'a> {
    namespace: Cow<'a, str>,
    local: Cow<'a, str>,
}

impl<'a> ForeignName<'a> {
    pub(crate) fn from_source(namespace: Cow<'a, str>, local: Cow<'a, str>) -> Self {
        Self { namespace, local }
    }

    /// The name `local` in `namespace` (empty for none), or `None` when `local` is not a name that XML can carry
    /// without a prefix, or `namespace` holds characters that XML cannot.
    #[must_use]
    pub fn new(namespace: impl Into<Cow<'a, str>>, local: impl Into<Cow<'a, str>>) -> Option<Self> {
        let (namespace, local) = (namespace.into(), local.into());
        (is_ncname(&local) && crate::text::is_xml_text(&namespace)).then_some(Self { namespace, local })
    }

    /// The XML namespace; empty in WBXML, whose literals have none.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The name without a prefix.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The same name, owning its text.
    #[must_use]
    pub fn into_owned(self) -> ForeignName<'static> {
        ForeignName {
            namespace: Cow::Owned(self.namespace.into_owned()),
            local: Cow::Owned(self.local.into_owned()),
        }
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
/// Namespace declarations are not attributes here: the XML reader resolves them into [`Name`]s.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attribute<'a> {
    name: Cow<'a, str>,
    value: Cow<'a, str>,
}

impl<'a> Attribute<'a> {
    pub(crate) fn from_source(name: Cow<'a, str>, value: Cow<'a, str>) -> Self {
        Self { name, value }
    }

    /// The attribute `name="value"`, or `None` when XML cannot carry one of them.
    #[must_use]
    pub fn new(name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Option<Self> {
        let (name, value) = (name.into(), value.into());
        (is_ncname(&name) && name != "xmlns" && crate::text::is_xml_text(&value))
            .then_some(Self { name, value })
    }

    /// The name, without its prefix.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value, unescaped.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The same attribute, owning its text.
    #[must_use]
    pub fn into_owned(self) -> Attribute<'static> {
        Attribute { name: Cow::Owned(self.name.to_string()), value: Cow::Owned(self.value.to_string()) }
    }
}

/// Whether `name` is a name without a colon (Namespaces in XML 1.0 §3), judged by ASCII; every other letter passes.
pub(crate) fn is_ncname(name: &str) -> bool {
    let mut bytes = name.bytes();
    let first = |b: u8| b.is_ascii_alphabetic() || b == b'_' || b >= 0x80;
    bytes.next().is_some_and(first)
        && bytes.all(|b| first(b) || b.is_ascii_digit() || b == b'-' || b == b'.')
        && crate::text::is_xml_text(name)
}
