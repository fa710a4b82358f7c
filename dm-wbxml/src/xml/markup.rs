//! Tags and text found by hand, all other markup by quick-xml.
//!
//! By hand because a message is little else, and quick-xml's events alone cost more than all that is made of them here (`compare` in
//! `benches/` shows both). Whatever is not plainly a whole tag or text is quick-xml's: comments, CDATA, declarations, references, and
//! what is wrong with a tag.

use quick_xml::events::Event;

use crate::text::find_markup;

/// A piece of a document.
#[derive(Debug)]
pub(super) enum Markup<'a> {
    /// A start tag: its name as written, and what stands behind the name.
    Start { name: &'a str, attributes: &'a str, empty: bool },
    /// An end tag: its name as written.
    End(&'a str),
    /// Text, neither empty nor holding markup.
    Text(&'a str),
    /// The end of the input.
    Eof,
    /// Everything else.
    Other(Event<'a>),
}

/// What is wrong, and where.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) error: quick_xml::Error,
    pub(super) at: usize,
}

/// A document and how far it was read.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    body: &'a str,
    /// Never inside a character.
    at: usize,
    /// Where the end tag read last begins.
    last_tag: usize,
    /// Whether an `&` that begins no reference is text.
    bare_ampersands: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(body: &'a str, bare_ampersands: bool) -> Self {
        Self { body, at: 0, last_tag: 0, bare_ampersands }
    }

    #[inline]
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// Where the end tag read last begins.
    pub(super) fn last_tag(&self) -> usize {
        self.last_tag
    }

    /// The next piece.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Markup<'a>, Fault> {
        let bytes = self.body.as_bytes();
        match bytes.get(self.at..).unwrap_or_default() {
            [b'<', b'/', ..] => match self.end_tag() {
                Some(name) => Ok(Markup::End(name)),
                None => self.other(),
            },
            [b'<', b'!' | b'?', ..] | [b'&', ..] => self.other(),
            [b'<', ..] => match self.start_tag() {
                Some(start) => Ok(start),
                None => self.other(),
            },
            [] => Ok(Markup::Eof),
            _ => {
                let end = find_markup(bytes, self.at);
                let text = self.body.get(self.at..end).unwrap_or_default();
                self.at = end;
                Ok(Markup::Text(text))
            }
        }
    }

    /// The text up to the end tag `</name>`, when it is nothing but text; then both have been read.
    #[inline]
    pub(super) fn text_and_end(&mut self, name: &str) -> Option<&'a str> {
        let bytes = self.body.as_bytes();
        let end = find_markup(bytes, self.at);
        let behind = bytes.get(end..)?.strip_prefix(b"</")?.strip_prefix(name.as_bytes())?;
        if behind.first() != Some(&b'>') {
            return None;
        }
        let text = self.body.get(self.at..end)?;
        self.at = end + "</>".len() + name.len();
        Some(text)
    }

    /// `</name>`
    #[inline]
    fn end_tag(&mut self) -> Option<&'a str> {
        let rest = self.body.get(self.at + "</".len()..)?;
        let (name, _) = rest.split_at_checked(rest.bytes().position(|byte| byte == b'>')?)?;
        self.last_tag = self.at;
        self.at += "</>".len() + name.len();
        // XML 1.0 §3.1: white space may stand behind the name.
        Some(name.trim_end_matches([' ', '\t', '\n', '\r']))
    }

    /// `<name ...>` or `<name .../>`
    #[inline]
    fn start_tag(&mut self) -> Option<Markup<'a>> {
        let rest = self.body.get(self.at + "<".len()..)?;
        let bytes = rest.as_bytes();
        let name_ends = |byte: &u8| matches!(byte, b'>' | b' ' | b'\t' | b'\n' | b'\r' | b'"' | b'\'');
        let behind = bytes.iter().position(name_ends)?;
        let end = match bytes.get(behind..)? {
            [b'>', ..] => behind,
            // It may hide the end of the tag, and no name holds one.
            [b'"' | b'\'', ..] => return None,
            attributes => behind + tag_end(attributes)?,
        };
        let empty = bytes.get(..end)?.ends_with(b"/");
        let name = rest.get(..behind.min(end - usize::from(empty)))?;
        let attributes = rest.get(name.len()..end - usize::from(empty))?;
        self.at += "<>".len() + end;
        Some(Markup::Start { name, attributes, empty })
    }

    /// One piece of markup, by quick-xml.
    fn other(&mut self) -> Result<Markup<'a>, Fault> {
        let mut xml = quick_xml::Reader::from_str(self.body.get(self.at..).unwrap_or_default());
        let config = xml.config_mut();
        config.allow_dangling_amp = self.bare_ampersands;
        // Names are compared where elements are known.
        config.allow_unmatched_ends = true;
        let (begins, event) = (self.at, xml.read_event());
        match event {
            Ok(event) => {
                self.at = begins + xml.buffer_position() as usize;
                Ok(Markup::Other(event))
            }
            Err(error) => {
                let at = begins + xml.error_position() as usize;
                self.at = self.body.len();
                Err(Fault { error, at })
            }
        }
    }
}

/// Where the `>` of a start tag stands, which may stand in values too.
#[inline]
fn tag_end(bytes: &[u8]) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in bytes.iter().enumerate() {
        match (quote, *byte) {
            (None, b'>') => return Some(at),
            (None, b'"' | b'\'') => quote = Some(*byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}
