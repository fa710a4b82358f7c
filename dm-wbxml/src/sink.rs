//! Elements out: what every encoder above writes through.

use crate::name::{Attribute, Name, Tag};

/// A document being written.
///
/// Both encodings are written through this trait, so one encoder serves both. Writing cannot fail: names and attributes are
/// checked when they are made, and text keeps to [`is_xml_text`](crate::is_xml_text), which the callers' types promise. (If they
/// break that promise, XML has U+FFFD for what it cannot carry, and in WBXML a NUL ends the string early.) Of several
/// attributes with one name on one element the first is written.
pub trait Sink {
    /// An element without attributes begins; content follows, then [`close`](Self::close).
    fn open(&mut self, tag: Tag);

    /// The innermost open element ends.
    fn close(&mut self);

    /// An element without attributes and content.
    fn empty(&mut self, tag: Tag);

    /// Any element. With `content`, its content follows and then [`close`](Self::close); without, this is all of it.
    fn element(&mut self, name: &Name<'_>, attributes: &[Attribute<'_>], content: bool);

    /// Text inside the open element.
    fn text(&mut self, text: &str);

    /// Text inside the open element that is better not escaped: CDATA in XML, OPAQUE in WBXML.
    fn cdata(&mut self, text: &str);

    /// Octets inside the open element: OPAQUE in WBXML. XML has none, and writes base64.
    fn opaque(&mut self, octets: &[u8]);

    /// Whether octets go out as they are; if not, they become base64, and an encoder may want to say so.
    fn carries_octets(&self) -> bool {
        true
    }

    /// An element that holds only text; an empty element when the text is empty.
    #[inline]
    fn leaf(&mut self, tag: Tag, text: &str) {
        if text.is_empty() {
            self.empty(tag);
        } else {
            self.open(tag);
            self.text(text);
            self.close();
        }
    }
}

/// Makes a sink of a type whose field `encoder` is one.
macro_rules! sink_by_encoder {
    ($($type:tt)*) => {
        $($type)* {
            #[inline]
            fn open(&mut self, tag: $crate::name::Tag) {
                self.encoder.open(tag);
            }

            #[inline]
            fn close(&mut self) {
                self.encoder.close();
            }

            #[inline]
            fn empty(&mut self, tag: $crate::name::Tag) {
                self.encoder.empty(tag);
            }

            fn element(
                &mut self,
                name: &$crate::name::Name<'_>,
                attributes: &[$crate::name::Attribute<'_>],
                content: bool,
            ) {
                self.encoder.element(name, attributes, content);
            }

            #[inline]
            fn text(&mut self, text: &str) {
                self.encoder.text(text);
            }

            fn cdata(&mut self, text: &str) {
                self.encoder.cdata(text);
            }

            #[inline]
            fn opaque(&mut self, octets: &[u8]) {
                self.encoder.opaque(octets);
            }

            fn carries_octets(&self) -> bool {
                self.encoder.carries_octets()
            }

            #[inline]
            fn leaf(&mut self, tag: $crate::name::Tag, text: &str) {
                self.encoder.leaf(tag, text);
            }
        }
    };
}

pub(crate) use sink_by_encoder;
