//! The pull reader (WAP-192 §5.8): borrows from its input, allocates nothing but errors.

use alloc::borrow::Cow;
use alloc::string::String;
use core::str;

use crate::code_space::CodeSpace;
use crate::element::join_path;
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::name::{Attribute, ForeignName, Name, Tag};
use crate::source::{Event, Source};
use crate::text::first_control;

use super::header::{Charset, Header};
use super::token;

/// A WBXML document being read.
///
/// ```
/// use dm_wbxml::{Event, Limits, SYNCML_1_2, Source, syncml, wbxml};
///
/// let input = [0x02, 0xA4, 0x01, 0x6A, 0x00, 0x57, 0x03, b'.', 0x00, 0x01];
/// let mut reader = wbxml::Reader::new(&input, &SYNCML_1_2, Limits::default())?;
/// assert_eq!(reader.next()?, Some(Event::Start(syncml::LOC_URI.into())));
/// assert_eq!(reader.next()?, Some(Event::Text(".".into())));
/// assert_eq!(reader.next()?, Some(Event::End));
/// assert_eq!(reader.next()?, None);
/// # Ok::<(), dm_wbxml::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    cursor: Cursor<'a>,
    header: Header<'a>,
    space: &'static CodeSpace,
    limits: Limits,
    tag_page: u8,
    attribute_page: u8,
    state: State,
    depth: u16,
    elements: u32,
    expanded: usize,
    open: [Tag; Limits::MAX_DEPTH as usize],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Before the root element.
    Before,
    /// Inside the root element.
    Content,
    /// An element without content has begun, its end is due.
    EmptyElement,
    /// Attributes are due; then content if `content`.
    Attributes { content: bool },
    /// After the root element.
    After,
}

/// Stands for a literal name in the list of open elements.
const LITERAL_NAME: Tag = Tag::from_wire(0, token::LITERAL);

impl<'a> Reader<'a> {
    /// Reads the header of the WBXML document `input`. `space` names the elements in errors; tokens it does not name are read all
    /// the same.
    ///
    /// # Errors
    /// A header that is malformed or beyond `limits`, or a document larger than they allow.
    pub fn new(input: &'a [u8], space: &'static CodeSpace, limits: Limits) -> Result<Self, Error> {
        let mut cursor = Cursor { input, at: 0 };
        if input.len() > limits.document {
            return Err(cursor.error(ErrorKind::DocumentTooLarge(limits.document)));
        }
        let header = Header::decode(&mut cursor, &limits)?;
        Ok(Self {
            cursor,
            header,
            space,
            limits: limits.with_depth(limits.depth),
            tag_page: 0,
            attribute_page: 0,
            state: State::Before,
            depth: 0,
            elements: 0,
            expanded: 0,
            open: [LITERAL_NAME; Limits::MAX_DEPTH as usize],
        })
    }

    /// What the header said.
    #[must_use]
    pub fn header(&self) -> &Header<'a> {
        &self.header
    }

    /// An element begins with `byte`, a tag or literal token.
    #[inline]
    fn start(&mut self, byte: u8) -> Result<Event<'a>, Error> {
        if self.depth >= self.limits.depth {
            return Err(self.error(ErrorKind::TooDeep(self.limits.depth)));
        }
        self.elements += 1;
        if self.elements > self.limits.elements {
            return Err(self.error(ErrorKind::TooManyElements(self.limits.elements)));
        }
        let identity = byte & token::IDENTITY;
        let (tag, name) = if identity == token::LITERAL {
            let index = self.cursor.mb_u32()?;
            let literal = self.table_string(index)?;
            let literal = self.decode_text(literal)?;
            if literal.len() > self.limits.name {
                return Err(self.error(ErrorKind::NameTooLong(self.limits.name)));
            }
            (LITERAL_NAME, Name::Foreign(ForeignName::from_source(Cow::Borrowed(""), literal)))
        } else {
            let tag = Tag::from_wire(self.tag_page, identity);
            (tag, Name::Tag(tag))
        };
        self.open[usize::from(self.depth)] = tag;
        self.depth += 1;
        let content = byte & token::CONTENT != 0;
        self.state = match (byte & token::ATTRIBUTES != 0, content) {
            (true, content) => State::Attributes { content },
            (false, true) => State::Content,
            (false, false) => State::EmptyElement,
        };
        Ok(Event::Start(name))
    }

    /// The innermost open element ends.
    #[inline]
    fn end(&mut self) -> Event<'a> {
        // `Content` and `EmptyElement` are entered only by `start`, which counts the element.
        self.depth = self.depth.saturating_sub(1);
        self.state = if self.depth == 0 { State::After } else { State::Content };
        Event::End
    }

    /// One step inside the root element; `None` when a token says nothing that is reported.
    #[inline]
    fn content(&mut self) -> Result<Option<Event<'a>>, Error> {
        let byte = self.u8()?;
        match byte {
            token::END => Ok(Some(self.end())),
            token::STR_I => {
                let octets = self.inline_string()?;
                self.string_event(octets)
            }
            token::STR_T => {
                let index = self.mb_u32()?;
                let octets = self.table_string(index)?;
                self.string_event(octets)
            }
            token::OPAQUE => {
                let length = self.mb_u32()?;
                let octets = self.cursor.take(length as usize).map_err(|e| self.place(&e))?;
                Ok((!octets.is_empty()).then_some(Event::Opaque(octets)))
            }
            token::ENTITY => {
                let code = self.mb_u32()?;
                let character = char::from_u32(code).ok_or_else(|| self.error(ErrorKind::Character(code)))?;
                let mut buffer = [0; 4];
                let text = character.encode_utf8(&mut buffer);
                if crate::text::is_xml_text(text) {
                    Ok(Some(Event::Text(Cow::Owned(text.into()))))
                } else {
                    Err(self.error(ErrorKind::Character(code)))
                }
            }
            token::SWITCH_PAGE => {
                self.tag_page = self.u8()?;
                Ok(None)
            }
            token::PI => self.skip_attribute().map(|()| None),
            token::EXT_I_0..=token::EXT_I_2 => self.inline_string().map(|_| None),
            token::EXT_T_0..=token::EXT_T_2 => self.mb_u32().map(|_| None),
            token::EXT_0..=token::EXT_2 => Ok(None),
            tag => self.start(tag).map(Some),
        }
    }

    /// Before the root: processing instructions, page switches, then the root element.
    fn before_root(&mut self) -> Result<Event<'a>, Error> {
        loop {
            match self.u8()? {
                token::SWITCH_PAGE => self.tag_page = self.u8()?,
                token::PI => self.skip_attribute()?,
                byte @ (token::END
                | token::ENTITY
                | token::STR_I
                | token::STR_T
                | token::OPAQUE
                | token::EXT_I_0..=token::EXT_I_2
                | token::EXT_T_0..=token::EXT_T_2
                | token::EXT_0..=token::EXT_2) => return Err(self.error_back(1, ErrorKind::Token(byte))),
                tag => return self.start(tag),
            }
        }
    }

    /// After the root: processing instructions only.
    fn after_root(&mut self) -> Result<(), Error> {
        while let Some(byte) = self.cursor.peek() {
            if byte != token::PI {
                return Err(self.error(ErrorKind::OutsideRoot));
            }
            self.cursor.at += 1;
            self.skip_attribute()?;
        }
        Ok(())
    }

    /// One attribute, or `None` at the end of the list. Attribute names that are tokens have no meaning in the code
    /// spaces of SyncML and are passed over with their values, as the devices do.
    fn attribute(&mut self, content: bool) -> Result<Option<Event<'a>>, Error> {
        loop {
            match self.u8()? {
                token::END => {
                    self.state = if content { State::Content } else { State::EmptyElement };
                    return Ok(None);
                }
                token::SWITCH_PAGE => self.attribute_page = self.u8()?,
                token::LITERAL => {
                    let index = self.mb_u32()?;
                    let name = self.table_string(index)?;
                    let name = self.decode_text(name)?;
                    if name.len() > self.limits.name {
                        return Err(self.error(ErrorKind::NameTooLong(self.limits.name)));
                    }
                    let value = self.attribute_value()?;
                    return Ok(Some(Event::Attribute(Attribute::from_source(name, value))));
                }
                byte @ (0x05..=0x3F | 0x45..=0x7F) => {
                    let _ = byte;
                    self.attribute_value()?;
                }
                byte => return Err(self.error_back(1, ErrorKind::Token(byte))),
            }
        }
    }

    /// The value of the attribute whose name was just read: strings and characters joined, value tokens passed over.
    fn attribute_value(&mut self) -> Result<Cow<'a, str>, Error> {
        let mut value = Cow::Borrowed("");
        loop {
            let Some(byte) = self.cursor.peek() else { return Err(self.error(ErrorKind::Truncated)) };
            let piece = match byte {
                token::END | token::LITERAL | 0x05..=0x3F | 0x45..=0x7F => return Ok(value),
                _ => {
                    self.cursor.at += 1;
                    match byte {
                        token::SWITCH_PAGE => {
                            self.attribute_page = self.u8()?;
                            continue;
                        }
                        token::STR_I => self.inline_string()?,
                        token::STR_T => {
                            let index = self.mb_u32()?;
                            self.table_string(index)?
                        }
                        token::ENTITY => {
                            let code = self.mb_u32()?;
                            let character =
                                char::from_u32(code).ok_or_else(|| self.error(ErrorKind::Character(code)))?;
                            value.to_mut().push(character);
                            continue;
                        }
                        token::OPAQUE => {
                            let length = self.mb_u32()?;
                            self.cursor.take(length as usize).map_err(|e| self.place(&e))?;
                            continue;
                        }
                        token::EXT_I_0..=token::EXT_I_2 => {
                            self.inline_string()?;
                            continue;
                        }
                        token::EXT_T_0..=token::EXT_T_2 => {
                            self.mb_u32()?;
                            continue;
                        }
                        token::EXT_0..=token::EXT_2 | 0x85..=0xBF | 0xC5..=0xFF => continue,
                        other => return Err(self.error_back(1, ErrorKind::Token(other))),
                    }
                }
            };
            let piece = self.decode_text(piece)?;
            if value.is_empty() {
                value = piece;
            } else {
                value.to_mut().push_str(&piece);
            }
        }
    }

    /// A processing instruction is an attribute list with one attribute (§5.8.4.7).
    fn skip_attribute(&mut self) -> Result<(), Error> {
        let saved = self.state;
        while self.attribute(true)?.is_some() {}
        self.state = saved;
        Ok(())
    }

    /// Up to the NUL; the NUL is consumed.
    #[inline]
    fn inline_string(&mut self) -> Result<&'a [u8], Error> {
        let rest = self.cursor.rest();
        let mut end = 0;
        loop {
            end = first_control(rest, end);
            match rest.get(end) {
                Some(0) => break,
                Some(_) => end += 1,
                None => {
                    self.cursor.at = self.cursor.input.len();
                    return Err(self.error(ErrorKind::Truncated));
                }
            }
        }
        self.cursor.at += end + 1;
        Ok(&rest[..end])
    }

    /// The string at `index` of the table: up to a NUL or the end of the table (§5.7).
    #[inline]
    fn table_string(&mut self, index: u32) -> Result<&'a [u8], Error> {
        let Some(rest) = self.header.string_table.get(index as usize..) else {
            return Err(self.error(ErrorKind::StringReference(index)));
        };
        let end = rest.iter().position(|b| *b == 0).unwrap_or(rest.len());
        self.expanded += end;
        if self.expanded > self.limits.expansion {
            return Err(self.error(ErrorKind::ExpansionTooLarge(self.limits.expansion)));
        }
        Ok(&rest[..end])
    }

    /// Text if it is that, octets if XML could not carry it; nothing for an empty string.
    #[inline]
    fn string_event(&mut self, octets: &'a [u8]) -> Result<Option<Event<'a>>, Error> {
        if octets.is_empty() {
            return Ok(None);
        }
        let text = self.decode_text(octets)?;
        if crate::text::is_xml_text(&text) {
            Ok(Some(Event::Text(text)))
        } else {
            Ok(Some(Event::Opaque(octets)))
        }
    }

    #[inline]
    fn decode_text(&self, octets: &'a [u8]) -> Result<Cow<'a, str>, Error> {
        match (self.header.charset, str::from_utf8(octets)) {
            (Charset::Utf8 | Charset::Unknown, Ok(text)) => Ok(Cow::Borrowed(text)),
            (Charset::UsAscii | Charset::Latin1, Ok(text)) if text.is_ascii() => Ok(Cow::Borrowed(text)),
            (Charset::Latin1, _) => Ok(Cow::Owned(octets.iter().map(|b| char::from(*b)).collect())),
            _ => Err(self.error(ErrorKind::Encoding)),
        }
    }

    #[inline]
    fn u8(&mut self) -> Result<u8, Error> {
        match self.cursor.peek() {
            Some(byte) => {
                self.cursor.at += 1;
                Ok(byte)
            }
            None => Err(self.error(ErrorKind::Truncated)),
        }
    }

    #[inline]
    fn mb_u32(&mut self) -> Result<u32, Error> {
        self.cursor.mb_u32().map_err(|e| self.place(&e))
    }

    /// The cursor's error, with the path the reader knows.
    #[cold]
    fn place(&self, error: &Error) -> Error {
        Error::new(error.kind().clone(), error.offset(), self.path())
    }

    #[cold]
    fn error_back(&self, octets: usize, kind: ErrorKind) -> Error {
        Error::new(kind, self.cursor.at.saturating_sub(octets), self.path())
    }
}

impl<'a> Source<'a> for Reader<'a> {
    #[inline]
    fn next(&mut self) -> Result<Option<Event<'a>>, Error> {
        loop {
            let event = match self.state {
                State::Content => self.content()?,
                State::EmptyElement => Some(self.end()),
                State::Attributes { content } => self.attribute(content)?,
                State::Before => Some(self.before_root()?),
                State::After => {
                    self.after_root()?;
                    return Ok(None);
                }
            };
            if event.is_some() {
                return Ok(event);
            }
        }
    }

    fn offset(&self) -> usize {
        self.cursor.at
    }

    #[cold]
    fn path(&self) -> String {
        join_path(self.open[..usize::from(self.depth)].iter().map(|tag| match *tag {
            LITERAL_NAME => "(literal)",
            tag => self.space.name(tag).unwrap_or("(unknown)"),
        }))
    }
}

/// The input and how far it was read.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    input: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    #[inline]
    fn peek(&self) -> Option<u8> {
        self.input.get(self.at).copied()
    }

    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.input.get(self.at..).unwrap_or_default()
    }

    #[inline]
    pub(super) fn u8(&mut self) -> Result<u8, Error> {
        let byte = self.peek().ok_or_else(|| self.error(ErrorKind::Truncated))?;
        self.at += 1;
        Ok(byte)
    }

    /// A multi-byte integer: seven bits an octet, most significant first, at most five octets (§5.1).
    #[inline]
    pub(super) fn mb_u32(&mut self) -> Result<u32, Error> {
        let mut value = 0_u32;
        for _ in 0..5 {
            let byte = self.u8()?;
            if value > u32::MAX >> 7 {
                return Err(self.error(ErrorKind::Integer));
            }
            value = value << 7 | u32::from(byte & 0x7F);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.error(ErrorKind::Integer))
    }

    #[inline]
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        match self.rest().get(..length) {
            Some(octets) => {
                self.at += length;
                Ok(octets)
            }
            None => Err(self.error(ErrorKind::Truncated)),
        }
    }

    #[cold]
    pub(super) fn error(&self, kind: ErrorKind) -> Error {
        Error::new(kind, self.at, String::new())
    }

    #[cold]
    pub(super) fn error_back(&self, octets: usize, kind: ErrorKind) -> Error {
        Error::new(kind, self.at.saturating_sub(octets), String::new())
    }
}
