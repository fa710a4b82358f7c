//! A sink of elements that knows how messages are to be written.

use dm_wbxml::{Attribute, Name, Sink, Tag, is_xml_text};

use super::encode_options::EncodeOptions;

/// What typed elements are written to.
pub(crate) trait Writing: Sink {
    /// What the writer of a message chose.
    fn options(&self) -> &EncodeOptions;
}

/// A writer, or a count, or a collector of strings, with the options.
#[derive(Debug)]
pub(super) struct Output<'o, K> {
    pub(super) sink: K,
    options: &'o EncodeOptions,
}

impl<'o, K> Output<'o, K> {
    pub(super) fn new(sink: K, options: &'o EncodeOptions) -> Self {
        Self { sink, options }
    }
}

impl<K: Sink> Writing for Output<'_, K> {
    fn options(&self) -> &EncodeOptions {
        self.options
    }
}

impl<K: Sink> Sink for Output<'_, K> {
    #[inline]
    fn open(&mut self, tag: Tag) {
        self.sink.open(tag);
    }

    #[inline]
    fn close(&mut self) {
        self.sink.close();
    }

    #[inline]
    fn empty(&mut self, tag: Tag) {
        self.sink.empty(tag);
    }

    fn element(&mut self, name: &Name<'_>, attributes: &[Attribute<'_>], content: bool) {
        self.sink.element(name, attributes, content);
    }

    #[inline]
    fn text(&mut self, text: &str) {
        self.sink.text(text);
    }

    fn cdata(&mut self, text: &str) {
        self.sink.cdata(text);
    }

    /// Octets that are text stay so where there are no octets: what nobody knows has no Format that could tell base64 from text.
    fn opaque(&mut self, octets: &[u8]) {
        if self.sink.carries_octets() {
            return self.sink.opaque(octets);
        }
        match core::str::from_utf8(octets) {
            Ok(text) if is_xml_text(text) => self.sink.text(text),
            _ => self.sink.opaque(octets),
        }
    }

    fn carries_octets(&self) -> bool {
        self.sink.carries_octets()
    }

    #[inline]
    fn leaf(&mut self, tag: Tag, text: &str) {
        self.sink.leaf(tag, text);
    }
}
