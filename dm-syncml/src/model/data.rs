//! `Data`: what an item carries.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use base64ct::{Base64, Encoding as _};
use dm_wbxml::{Element, Event, Node, Tag, is_xml_text, syncml};

use crate::error::{DecodeError, DecodeErrorKind, ValueError};

use super::encode_options::TextCarriage;
use super::mapping::{Content, IntoOwned, error};
use super::reading::Reading;
use super::token::Format;
use super::writing::Writing;

/// `Data`: text, octets, or elements of another document type.
///
/// Text and octets are two ways to carry the same thing: some peers send all text as OPAQUE. Compare with
/// [`as_octets`](Self::as_octets) where that matters.
///
/// ```
/// use dm_syncml::Data;
///
/// let text = Data::text("Grüße").unwrap();
/// let octets = Data::octets("Grüße".as_bytes());
/// assert_ne!(text, octets);
/// assert_eq!(text.as_octets(), octets.as_octets());
/// assert_eq!(octets.as_text(), Some("Grüße"));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Data<'a>(Carried<'a>);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Carried<'a> {
    Text(Cow<'a, str>),
    Octets(Cow<'a, [u8]>),
    /// A document of its own, TNDS or a vendor's XML, with the text around its elements.
    Nodes(Vec<Node<'a>>),
}

impl<'a> Data<'a> {
    /// No data: an empty element.
    pub const EMPTY: Self = Self(Carried::Text(Cow::Borrowed("")));

    /// Data that is text.
    ///
    /// # Errors
    /// The text holds control characters that XML cannot carry; [`octets`](Self::octets) can.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Result<Self, ValueError> {
        let text = text.into();
        if is_xml_text(&text) { Ok(Self(Carried::Text(text))) } else { Err(ValueError::NotText("Data")) }
    }

    /// Data that is octets: OPAQUE in WBXML; in XML base64, and the item's Format says so. No octets are [`EMPTY`](Self::EMPTY).
    #[must_use]
    pub fn octets(octets: impl Into<Cow<'a, [u8]>>) -> Self {
        let octets = octets.into();
        if octets.is_empty() { Self::EMPTY } else { Self(Carried::Octets(octets)) }
    }

    /// Data that is an element of another document type, inline.
    #[must_use]
    pub fn element(element: Element<'a>) -> Self {
        Self(Carried::Nodes(alloc::vec![Node::Element(element)]))
    }

    /// The text, or the octets when they are text; `None` for elements and other octets.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.0 {
            Carried::Text(text) => Some(text),
            Carried::Octets(octets) => core::str::from_utf8(octets).ok(),
            Carried::Nodes(_) => None,
        }
    }

    /// The octets of text or octets; `None` for elements.
    #[must_use]
    pub fn as_octets(&self) -> Option<&[u8]> {
        match &self.0 {
            Carried::Text(text) => Some(text.as_bytes()),
            Carried::Octets(octets) => Some(octets),
            Carried::Nodes(_) => None,
        }
    }

    /// The elements of another document type, with the text around them; `None` for text and octets.
    #[must_use]
    pub fn as_nodes(&self) -> Option<&[Node<'a>]> {
        match &self.0 {
            Carried::Nodes(nodes) => Some(nodes),
            _ => None,
        }
    }

    /// Whether it is carried as text, not as octets or elements.
    pub(crate) const fn is_text(&self) -> bool {
        matches!(self.0, Carried::Text(_))
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_octets().is_some_and(<[u8]>::is_empty)
    }

    /// The value that was meant, given the Format in force: base64 text becomes octets, all else is as it is.
    ///
    /// # Errors
    /// [`ValueError::NotText`] when the Format says `b64` and the text is not base64, or the data is elements.
    pub fn decoded(&self, format: Option<&Format<'_>>) -> Result<Cow<'_, [u8]>, ValueError> {
        let octets = self.as_octets().ok_or(ValueError::NotText("Data"))?;
        if format != Some(&Format::B64) {
            return Ok(Cow::Borrowed(octets));
        }
        // Line breaks inside base64 are a habit of mail-minded encoders.
        let folded = octets.iter().any(u8::is_ascii_whitespace);
        let joined: Vec<u8>;
        let digits = if folded {
            joined = octets.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
            &joined
        } else {
            octets
        };
        let text = core::str::from_utf8(digits).map_err(|_| ValueError::NotText("Data"))?;
        Base64::decode_vec(text).map(Cow::Owned).map_err(|_| ValueError::NotText("Data"))
    }

    /// The same value, owning all it holds.
    #[must_use]
    pub fn into_owned(self) -> Data<'static> {
        Data(match self.0 {
            Carried::Text(text) => Carried::Text(Cow::Owned(text.into_owned())),
            Carried::Octets(octets) => Carried::Octets(Cow::Owned(octets.into_owned())),
            Carried::Nodes(nodes) => Carried::Nodes(nodes.into_iter().map(Node::into_owned).collect()),
        })
    }

    /// The same data as text, where its octets are that.
    #[cfg(feature = "xml")]
    pub(super) fn into_text(self) -> Self {
        match self.0 {
            Carried::Octets(Cow::Owned(octets)) => match String::from_utf8(octets) {
                Ok(text) if is_xml_text(&text) => Self(Carried::Text(Cow::Owned(text))),
                Ok(text) => Self(Carried::Octets(Cow::Owned(text.into_bytes()))),
                Err(error) => Self(Carried::Octets(Cow::Owned(error.into_bytes()))),
            },
            other => Self(other),
        }
    }

    /// Writes the data of an item, whose text may travel as a section.
    pub(super) fn encode_in_item<K: Writing>(&self, sink: &mut K) {
        match &self.0 {
            Carried::Text(text) if sink.options().text == TextCarriage::Section && !text.is_empty() => {
                sink.open(syncml::DATA);
                sink.cdata(text);
                sink.close();
            }
            _ => self.encode(syncml::DATA, sink),
        }
    }

    /// The base64 text that must stand in XML for these octets, given the Format in force; `None` when they can stand as they are.
    pub(crate) fn base64_for_xml(&self, format: Option<&Format<'_>>) -> Option<String> {
        match &self.0 {
            Carried::Octets(octets) => {
                let as_text = core::str::from_utf8(octets).is_ok_and(is_xml_text);
                let binary = format == Some(&Format::BIN);
                (binary || !as_text).then(|| Base64::encode_string(octets))
            }
            _ => None,
        }
    }
}

impl<'a> Content<'a> for Data<'a> {
    #[inline]
    fn decode<S: Reading<'a>>(source: &mut S, _: Tag) -> Result<Self, DecodeError> {
        let first = match source.require()? {
            Event::Text(text) => Carried::Text(text),
            Event::Opaque(octets) => Carried::Octets(Cow::Borrowed(octets)),
            Event::End => return Ok(Self::EMPTY),
            other => return more(None, Some(other), source),
        };
        match source.require()? {
            Event::End => Ok(Self(first)),
            other => more(Some(first), Some(other), source),
        }
    }

    fn encode<K: Writing>(&self, tag: Tag, sink: &mut K) {
        match &self.0 {
            Carried::Text(text) => sink.leaf(tag, text),
            Carried::Octets(octets) => {
                sink.open(tag);
                sink.opaque(octets);
                sink.close();
            }
            Carried::Nodes(nodes) => {
                sink.open(tag);
                for node in nodes {
                    node.encode(sink);
                }
                sink.close();
            }
        }
    }
}

/// Data of several pieces: text and octets are joined; with elements among them it is a list of nodes.
fn more<'a, S: Reading<'a>>(
    first: Option<Carried<'a>>,
    mut event: Option<Event<'a>>,
    source: &mut S,
) -> Result<Data<'a>, DecodeError> {
    let mut carried = first;
    loop {
        let next = match event.take() {
            Some(event) => event,
            None => source.require()?,
        };
        carried = Some(match (carried, next) {
            (carried, Event::End) => return Ok(Data(carried.unwrap_or(Data::EMPTY.0))),
            // Attributes of Data say nothing in SyncML.
            (before, Event::Attribute(_)) => {
                carried = before;
                continue;
            }
            (None, Event::Text(text)) => Carried::Text(text),
            (None, Event::Opaque(octets)) => Carried::Octets(Cow::Borrowed(octets)),
            (Some(Carried::Text(before)), Event::Text(text)) => Carried::Text(append(before, &text)),
            (Some(Carried::Text(before)), Event::Opaque(octets)) => {
                let mut all = before.into_owned().into_bytes();
                all.extend_from_slice(octets);
                Carried::Octets(Cow::Owned(all))
            }
            (Some(Carried::Octets(before)), piece @ (Event::Text(_) | Event::Opaque(_))) => {
                let mut all = before.into_owned();
                match &piece {
                    Event::Text(text) => all.extend_from_slice(text.as_bytes()),
                    Event::Opaque(octets) => all.extend_from_slice(octets),
                    _ => {}
                }
                Carried::Octets(Cow::Owned(all))
            }
            (Some(Carried::Nodes(mut nodes)), Event::Text(text)) => {
                Node::push_text(&mut nodes, text);
                Carried::Nodes(nodes)
            }
            (Some(Carried::Nodes(mut nodes)), Event::Opaque(octets)) => {
                Node::push_octets(&mut nodes, octets);
                Carried::Nodes(nodes)
            }
            (carried, Event::Start(name)) => {
                let mut nodes = match carried {
                    None => Vec::new(),
                    Some(Carried::Nodes(nodes)) => nodes,
                    Some(Carried::Text(text)) => alloc::vec![Node::Text(text)],
                    Some(Carried::Octets(octets)) => alloc::vec![Node::Opaque(octets)],
                };
                nodes.push(Node::Element(Element::decode(source, name)?));
                Carried::Nodes(nodes)
            }
            _ => return Err(error(source, DecodeErrorKind::StrayText)),
        });
    }
}

fn append<'a>(before: Cow<'a, str>, text: &str) -> Cow<'a, str> {
    let mut all = before.into_owned();
    all.push_str(text);
    Cow::Owned(all)
}

impl IntoOwned for Data<'_> {
    type Owned = Data<'static>;

    fn into_owned(self) -> Self::Owned {
        self.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_what_both_encodings_carry() {
        for good in ["", " ", "a\r\n\tb", "\u{FFFD}\u{10FFFF}"] {
            assert_eq!(Data::text(good).unwrap().as_text(), Some(good));
        }
        for bad in ["\0", "a\u{1}", "\u{B}", "\u{FFFE}", "\u{FFFF}", "\u{1B}"] {
            assert_eq!(Data::text(bad), Err(ValueError::NotText("Data")), "{bad:?}");
        }
        assert_eq!(Data::octets(b"".as_slice()), Data::EMPTY);
        assert_eq!(Data::text("").unwrap(), Data::EMPTY);
    }

    #[test]
    fn base64_that_is_none_is_refused() {
        let decoded =
            |text: &'static str| Data::text(text).unwrap().decoded(Some(&Format::B64)).map(Cow::into_owned);
        assert_eq!(decoded("AP\r\n 8B\n"), Ok(b"\0\xFF\x01".to_vec()));
        for bad in ["A", "AP8", "AP8B=", "AP-_", "é"] {
            assert_eq!(decoded(bad), Err(ValueError::NotText("Data")), "{bad}");
        }
    }
}
