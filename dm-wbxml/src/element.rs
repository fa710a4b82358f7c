//! Elements of any kind, as a tree: what a typed decoder does not know and must not lose.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::error::{Error, ErrorKind};
use crate::name::{Attribute, Name};
use crate::sink::Sink;
use crate::source::{Event, Source};
use crate::text::is_xml_text;

/// An element with its attributes and content.
///
/// Its depth is bounded by the [`Limits`](crate::Limits) of the source it was decoded from.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Element<'a> {
    /// What it is called.
    pub name: Name<'a>,
    /// Its attributes, in their order.
    pub attributes: Vec<Attribute<'a>>,
    /// Its content, in its order.
    pub children: Vec<Node<'a>>,
}

/// A piece of an element's content.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Node<'a> {
    /// An element.
    Element(Element<'a>),
    /// Text.
    Text(Cow<'a, str>),
    /// Octets.
    Opaque(Cow<'a, [u8]>),
}

impl<'a> Element<'a> {
    /// An element without attributes and content.
    #[must_use]
    pub fn new(name: impl Into<Name<'a>>) -> Self {
        Self { name: name.into(), attributes: Vec::new(), children: Vec::new() }
    }

    /// Reads the rest of the element whose [`Event::Start`] said `name`.
    ///
    /// Pieces of text that touch become one, and so do octets; text that touches octets becomes octets. So a document reads the same
    /// wherever its encoder cut, and a tree has at most two nodes for each element.
    ///
    /// # Errors
    /// What the source says, and [`ErrorKind::RepeatedAttribute`].
    pub fn decode<S: Source<'a> + ?Sized>(source: &mut S, name: Name<'a>) -> Result<Self, Error> {
        let mut element = Self::new(name);
        loop {
            match source.require()? {
                Event::Attribute(attribute) => {
                    // Not the square of what a peer sends: the source bounds the attributes of one element.
                    if element.attributes.iter().any(|other| other.is_named_like(&attribute)) {
                        return Err(source.error(ErrorKind::RepeatedAttribute));
                    }
                    element.attributes.push(attribute);
                }
                Event::Start(name) => {
                    let child = Self::decode(source, name)?;
                    element.children.push(Node::Element(child));
                }
                Event::Text(text) => Node::push_text(&mut element.children, text),
                Event::Opaque(octets) => Node::push_octets(&mut element.children, octets),
                Event::End => return Ok(element),
            }
        }
    }

    /// Writes the element.
    pub fn encode<S: Sink + ?Sized>(&self, sink: &mut S) {
        sink.element(&self.name, &self.attributes, !self.children.is_empty());
        for child in &self.children {
            child.encode(sink);
        }
        if !self.children.is_empty() {
            sink.close();
        }
    }

    /// The same element, owning all it holds.
    #[must_use]
    pub fn into_owned(self) -> Element<'static> {
        Element {
            name: self.name.into_owned(),
            attributes: self.attributes.into_iter().map(Attribute::into_owned).collect(),
            children: self.children.into_iter().map(Node::into_owned).collect(),
        }
    }
}

impl<'a> Node<'a> {
    /// Adds text to content, joining it with the piece it touches.
    pub fn push_text(content: &mut Vec<Self>, text: impl Into<Cow<'a, str>>) {
        let text = text.into();
        match content.last_mut() {
            Some(Self::Text(before)) => before.to_mut().push_str(&text),
            Some(Self::Opaque(before)) => before.to_mut().extend_from_slice(text.as_bytes()),
            _ => content.push(Self::Text(text)),
        }
    }

    /// Adds octets to content, joining them with the piece they touch: text that touches octets becomes octets.
    pub fn push_octets(content: &mut Vec<Self>, octets: impl Into<Cow<'a, [u8]>>) {
        let octets = octets.into();
        let joined = match content.pop() {
            Some(Self::Text(before)) => {
                let mut joined = before.into_owned().into_bytes();
                joined.extend_from_slice(&octets);
                Cow::Owned(joined)
            }
            Some(Self::Opaque(mut before)) => {
                before.to_mut().extend_from_slice(&octets);
                before
            }
            Some(element) => {
                content.push(element);
                octets
            }
            None => octets,
        };
        content.push(Self::Opaque(joined));
    }

    /// Writes the piece. Text that XML could not carry goes out as octets; octets go to a sink that has none as text when they
    /// are text that XML can carry, else as base64.
    pub fn encode<S: Sink + ?Sized>(&self, sink: &mut S) {
        match self {
            Self::Element(element) => element.encode(sink),
            Self::Text(text) if is_xml_text(text) => sink.text(text),
            Self::Text(text) => sink.opaque(text.as_bytes()),
            Self::Opaque(octets) => match core::str::from_utf8(octets) {
                Ok(text) if !sink.carries_octets() && is_xml_text(text) => sink.text(text),
                _ => sink.opaque(octets),
            },
        }
    }

    /// The same piece, owning all it holds.
    #[must_use]
    pub fn into_owned(self) -> Node<'static> {
        match self {
            Self::Element(element) => Node::Element(element.into_owned()),
            Self::Text(text) => Node::Text(Cow::Owned(text.into_owned())),
            Self::Opaque(octets) => Node::Opaque(Cow::Owned(octets.into_owned())),
        }
    }
}

/// Joins the names of open elements, for the path of an error.
pub(crate) fn join_path<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let mut path = String::new();
    for name in names {
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(name);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wbxml::{StringTable, Version, Writer};
    use crate::{ForeignName, PublicId, syncml};
    use alloc::vec;

    #[test]
    fn pieces_that_touch_are_joined() {
        let mut content = Vec::new();
        Node::push_text(&mut content, "a");
        Node::push_text(&mut content, "b");
        assert_eq!(content, [Node::Text("ab".into())]);
        Node::push_octets(&mut content, b"\xFF".as_slice());
        Node::push_text(&mut content, "c");
        Node::push_octets(&mut content, b"\0".as_slice());
        assert_eq!(content, [Node::Opaque(b"ab\xFFc\0".as_slice().into())]);
        content.push(Node::Element(Element::new(syncml::ITEM)));
        Node::push_octets(&mut content, b"d".as_slice());
        content.push(Node::Element(Element::new(syncml::ITEM)));
        Node::push_text(&mut content, "e");
        assert_eq!(content.len(), 5);
    }

    fn written(element: &Element<'_>) -> Vec<u8> {
        let (mut out, mut table) = (Vec::new(), StringTable::new());
        element.encode(&mut table);
        let mut writer = Writer::new(&mut out, Version::V1_3, PublicId::UNKNOWN, &table);
        element.encode(&mut writer);
        assert!(writer.finish());
        out.split_off(3)
    }

    #[test]
    fn an_element_without_content_is_an_empty_one() {
        let mut element = Element::new(syncml::DATA);
        assert_eq!(written(&element), [0x00, 0x0F]);
        element.attributes.push(Attribute::new("a", "").unwrap());
        assert_eq!(written(&element), *b"\x02a\0\x8F\x04\x00\x03\0\x01".as_slice());
        let foreign = Element::new(Name::Foreign(ForeignName::new("urn:x", "a").unwrap()));
        assert_eq!(written(&foreign), *b"\x02a\0\x04\x00".as_slice());
    }

    #[test]
    fn text_that_is_none_goes_out_as_octets() {
        let mut element = Element::new(syncml::DATA);
        element.children = vec![Node::Text("a\0b".into())];
        assert_eq!(written(&element), *b"\x00\x4F\xC3\x03a\0b\x01".as_slice());
    }

    #[test]
    fn of_attributes_of_one_name_the_first_is_written() {
        let mut element = Element::new(syncml::DATA);
        for (name, value) in [("a", "1"), ("b", "2"), ("a", "3")] {
            element.attributes.push(Attribute::new(name, value).unwrap());
        }
        let expected = b"\x04a\0b\0\x8F\x04\x00\x031\0\x04\x02\x032\0\x01";
        assert_eq!(written(&element), *expected.as_slice());
    }

    #[test]
    fn paths_are_joined() {
        assert_eq!(join_path([].into_iter()), "");
        assert_eq!(join_path(["a", "b"].into_iter()), "a/b");
    }
}
