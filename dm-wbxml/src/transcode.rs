//! From one encoding into the other, without knowing what the elements mean.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::error::Error;
use crate::name::{Attribute, Name};
use crate::sink::Sink;
use crate::source::{Event, Source};
use crate::text::is_xml_text;

/// Passes every element of a document on, as it comes.
///
/// Source and sink must agree on the code space. Text in pieces becomes one piece. A sink that has no octets (XML) gets them, with
/// the text that touches them, as CDATA when all of it is text that XML can carry, else as base64. One element is held at
/// a time, never the document; the work is linear.
///
/// `wbxml_to_xml` and `xml_to_wbxml` (feature `xml`) choose the code space and look after
/// documents inside documents.
///
/// ```
/// use dm_wbxml::wbxml::{Reader, StringTable, Version, Writer};
/// use dm_wbxml::{Limits, SYNCML_1_2, transcode};
///
/// // From WBXML 1.3 with a string table to WBXML 1.2 without.
/// let input = b"\x03\xA4\x01\x6A\x02.\0\x57\x83\0\x01";
/// let (mut out, table) = (Vec::new(), StringTable::new());
/// let mut writer = Writer::new(&mut out, Version::V1_2, SYNCML_1_2.public_id(), &table);
/// transcode(&mut Reader::new(input, &SYNCML_1_2, Limits::default())?, &mut writer)?;
/// assert!(writer.finish());
/// assert_eq!(out, b"\x02\xA4\x01\x6A\0\x57\x03.\0\x01");
/// # Ok::<(), dm_wbxml::Error>(())
/// ```
///
/// # Errors
/// Those of the source. What was written until then is not a document.
pub fn transcode<'a, S, K>(source: &mut S, sink: &mut K) -> Result<(), Error>
where
    S: Source<'a> + ?Sized,
    K: Sink + ?Sized,
{
    let mut pump = Pump::default();
    while let Some(event) = source.next()? {
        pump.event(event, sink);
    }
    Ok(())
}

/// Events on their way to a sink: what a sink wants to know at once comes as several events.
#[derive(Debug, Default)]
pub(crate) struct Pump<'a> {
    /// An element that has begun, until it is known whether it has content.
    begun: Option<Name<'a>>,
    attributes: Vec<Attribute<'a>>,
    /// Text that may go on.
    text: Cow<'a, str>,
    /// Octets that may go on, the text before them included; empty unless there are any.
    octets: Cow<'a, [u8]>,
}

impl<'a> Pump<'a> {
    pub(crate) fn event<K: Sink + ?Sized>(&mut self, event: Event<'a>, sink: &mut K) {
        match event {
            Event::Start(name) => {
                self.flush(sink);
                self.begun = Some(name);
            }
            Event::Attribute(attribute) => self.attributes.push(attribute),
            Event::Text(piece) if !self.octets.is_empty() => {
                self.octets.to_mut().extend_from_slice(piece.as_bytes());
            }
            Event::Text(piece) if self.text.is_empty() => self.text = piece,
            Event::Text(piece) => self.text.to_mut().push_str(&piece),
            Event::Opaque(octets) if sink.carries_octets() => {
                self.flush(sink);
                sink.opaque(octets);
            }
            Event::Opaque(octets) if self.text.is_empty() && self.octets.is_empty() => {
                self.octets = Cow::Borrowed(octets);
            }
            Event::Opaque(octets) => {
                if !self.text.is_empty() {
                    self.octets = Cow::Owned(core::mem::take(&mut self.text).into_owned().into_bytes());
                }
                self.octets.to_mut().extend_from_slice(octets);
            }
            Event::End if self.holds_nothing() && self.begun.is_some() => self.begin(false, sink),
            Event::End => {
                self.flush(sink);
                sink.close();
            }
        }
    }

    /// Writes all that was held back.
    pub(crate) fn flush<K: Sink + ?Sized>(&mut self, sink: &mut K) {
        self.begin(true, sink);
        if !self.text.is_empty() {
            sink.text(&self.text);
            self.text = Cow::Borrowed("");
        }
        if !self.octets.is_empty() {
            match core::str::from_utf8(&self.octets) {
                Ok(text) if is_xml_text(text) => sink.cdata(text),
                _ => sink.opaque(&self.octets),
            }
            self.octets = Cow::Borrowed(&[]);
        }
    }

    fn holds_nothing(&self) -> bool {
        self.text.is_empty() && self.octets.is_empty()
    }

    fn begin<K: Sink + ?Sized>(&mut self, content: bool, sink: &mut K) {
        let Some(name) = self.begun.take() else { return };
        match name {
            Name::Tag(tag) if self.attributes.is_empty() => {
                if content {
                    sink.open(tag);
                } else {
                    sink.empty(tag);
                }
            }
            name => {
                sink.element(&name, &self.attributes, content);
                self.attributes.clear();
            }
        }
    }

    /// Whether nothing of an element has been read but its attributes and white space.
    #[cfg(feature = "xml")]
    pub(crate) fn is_at_start(&self) -> bool {
        self.begun.is_some() && self.octets.is_empty() && self.text.trim_ascii().is_empty()
    }

    /// Forgets white space that was held back: it stands among elements.
    #[cfg(feature = "xml")]
    pub(crate) fn drop_blank(&mut self) {
        if self.text.trim_ascii().is_empty() {
            self.text = Cow::Borrowed("");
        }
    }
}
