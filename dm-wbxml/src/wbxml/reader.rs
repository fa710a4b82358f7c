//! The pull reader (WAP-192 §5.8): borrows from its input.

use alloc::borrow::Cow;
use alloc::string::String;
use core::str;

use crate::attribute_page::{UNNAMED, is_start, is_value, unnamed, value_character};
use crate::code_space::CodeSpace;
use crate::element::join_path;
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::name::{Attribute, ForeignName, Name, Tag, is_attribute_name, is_ncname, split_name};
use crate::source::{Event, Source, read_child, read_text};
use crate::text::{first_forbidden, is_xml_text};

use super::cursor::Cursor;
use super::header::{Charset, Header};
use super::token;

/// A WBXML document being read.
///
/// It allocates for errors, for the names of elements and attributes outside the code space, for characters given as ENTITY, and for text in
/// ISO-8859-1; all text else is borrowed from the input.
///
/// What WBXML leaves to the document type and SyncML gives no meaning is passed over: extension tokens, processing
/// instructions, octets in attributes, and attributes whose name XML does not allow (a device sends an empty one). Of a
/// literal element name with a prefix the local part counts.
///
/// Attribute tokens are what the code space says. One that it does not name survives: a start token as an attribute
/// `t-PP-TT` (page and token in hexadecimal) in the namespace `urn:x-dm-wbxml:token`, a value token as the character U+10PPTT, of
/// private use. The writers make the same tokens of them again.
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
    page: u8,
    attribute_page: u8,
    missing_ends: bool,
    state: State,
    depth: u16,
    /// Attributes of the element that just began.
    attributes: u16,
    elements: u32,
    expanded: usize,
    /// The outer elements that are open, for paths. As many as the default depth: a longer list would cost every small message.
    open: [Tag; PATH],
    failure: Option<Error>,
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
    /// After an error, which is said again.
    Failed,
}

/// Elements that a path names; deeper ones are `...`.
const PATH: usize = Limits::DEFAULT.depth as usize;

/// Stands for a literal name in the list of open elements.
const LITERAL_NAME: Tag = Tag::from_wire(0, token::LITERAL);

impl<'a> Reader<'a> {
    /// Reads the header of the WBXML document `input`. `space` names the elements in errors; tokens it does not name are read all
    /// the same.
    ///
    /// # Errors
    /// A header that is malformed or beyond `limits`, or a document larger than they allow.
    pub fn new(input: &'a [u8], space: &'static CodeSpace, limits: Limits) -> Result<Self, Error> {
        let mut cursor = Cursor::new(input);
        if input.len() > limits.document {
            return Err(cursor.error(ErrorKind::DocumentTooLarge(limits.document)));
        }
        let header = Header::decode(&mut cursor, &limits)?;
        Ok(Self {
            cursor,
            header,
            space,
            limits: limits.with_depth(limits.depth),
            page: 0,
            attribute_page: 0,
            missing_ends: false,
            state: State::Before,
            depth: 0,
            attributes: 0,
            elements: 0,
            expanded: 0,
            open: [LITERAL_NAME; PATH],
            failure: None,
        })
    }

    /// Closes the elements that are still open where the input ends: some senders of provisioning documents leave the last END out.
    #[must_use]
    pub fn with_missing_ends(mut self, on: bool) -> Self {
        self.missing_ends = on;
        self
    }

    /// What the header said.
    #[must_use]
    pub fn header(&self) -> &Header<'a> {
        &self.header
    }

    /// Octets of text that the string table and attribute tokens stood for so far.
    #[cfg(feature = "xml")]
    pub(crate) fn expanded(&self) -> usize {
        self.expanded
    }

    /// An element begins with `byte`, a tag or literal token.
    #[inline]
    fn start(&mut self, byte: u8) -> Result<Event<'a>, Error> {
        if self.depth >= self.limits.depth {
            return Err(self.error(ErrorKind::TooDeep(self.limits.depth)));
        }
        if self.elements >= self.limits.elements {
            return Err(self.error(ErrorKind::TooManyElements(self.limits.elements)));
        }
        if byte & token::IDENTITY != token::LITERAL {
            return Ok(Event::Start(Name::Tag(self.open_tag(byte))));
        }
        let name = self.literal_element()?;
        self.open(LITERAL_NAME, byte);
        Ok(Event::Start(name))
    }

    /// An element of the page in force begins with the tag token `byte`; the caller has looked at the limits.
    #[inline]
    fn open_tag(&mut self, byte: u8) -> Tag {
        let tag = Tag::from_wire(self.page, byte & token::IDENTITY);
        self.open(tag, byte);
        tag
    }

    #[inline(always)]
    fn open(&mut self, tag: Tag, byte: u8) {
        self.elements += 1;
        if let Some(place) = self.open.get_mut(usize::from(self.depth)) {
            *place = tag;
        }
        self.depth += 1;
        self.attributes = 0;
        let content = byte & token::CONTENT != 0;
        self.state = match (byte & token::ATTRIBUTES != 0, content) {
            (true, content) => State::Attributes { content },
            (false, true) => State::Content,
            (false, false) => State::EmptyElement,
        };
    }

    /// Counts an element or attribute.
    #[inline]
    fn count(&mut self) -> Result<(), Error> {
        if self.elements >= self.limits.elements {
            return Err(self.error(ErrorKind::TooManyElements(self.limits.elements)));
        }
        self.elements += 1;
        Ok(())
    }

    /// The name of an element outside the code space: the local part, since nothing says what a prefix stands for.
    fn literal_element(&mut self) -> Result<Name<'a>, Error> {
        let name = self.literal()?;
        let local = match name {
            Cow::Borrowed(name) => Cow::Borrowed(split_name(name).1),
            Cow::Owned(name) => Cow::Owned(split_name(&name).1.into()),
        };
        if !is_ncname(&local) {
            return Err(self.error(ErrorKind::Name));
        }
        Ok(Name::Foreign(ForeignName::from_source(Cow::Borrowed(""), local)))
    }

    /// The text of a name in the string table.
    fn literal(&mut self) -> Result<Cow<'a, str>, Error> {
        let index = self.mb_u32()?;
        let octets = self.table_string(index)?;
        if octets.len() > self.limits.name {
            return Err(self.error(ErrorKind::NameTooLong(self.limits.name)));
        }
        self.decode_text(octets)
    }

    /// The innermost open element ends.
    #[inline]
    fn close(&mut self) {
        // `Content` and `EmptyElement` are entered only by `start`, which counts the element.
        self.depth = self.depth.saturating_sub(1);
        self.state = if self.depth == 0 { State::After } else { State::Content };
    }

    #[inline]
    fn end(&mut self) -> Event<'a> {
        self.close();
        Event::End
    }

    /// One step inside the root element; `None` when a token says nothing that is reported.
    #[inline]
    fn content(&mut self) -> Result<Option<Event<'a>>, Error> {
        if self.missing_ends && self.cursor.peek().is_none() {
            return Ok(Some(self.end()));
        }
        let byte = self.u8()?;
        match byte {
            token::END => Ok(Some(self.end())),
            token::STR_I => {
                let (octets, clean) = self.inline_string()?;
                self.string_event(octets, clean)
            }
            token::STR_T => {
                let index = self.mb_u32()?;
                let octets = self.table_string(index)?;
                self.string_event(octets, first_forbidden(octets, 0) == octets.len())
            }
            token::OPAQUE => {
                let octets = self.opaque()?;
                Ok((!octets.is_empty()).then_some(Event::Opaque(octets)))
            }
            token::ENTITY => {
                let character = self.entity()?;
                Ok(Some(Event::Text(Cow::Owned(character.into()))))
            }
            token::SWITCH_PAGE => {
                self.page = self.u8()?;
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
                token::SWITCH_PAGE => self.page = self.u8()?,
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
            self.cursor.skip(1);
            self.skip_attribute()?;
        }
        Ok(())
    }

    /// One attribute, or `None` at the end of the list.
    fn attribute(&mut self, content: bool) -> Result<Option<Event<'a>>, Error> {
        loop {
            let byte = self.u8()?;
            match byte {
                token::END => {
                    self.state = if content { State::Content } else { State::EmptyElement };
                    return Ok(None);
                }
                token::SWITCH_PAGE => self.attribute_page = self.u8()?,
                token::LITERAL => {
                    self.count_attribute()?;
                    let name = self.literal()?;
                    let value = self.attribute_value("")?;
                    if is_attribute_name(&name) {
                        let none = Cow::Borrowed("");
                        return Ok(Some(Event::Attribute(Attribute::from_source(none, name, value))));
                    }
                }
                byte if is_start(byte) => {
                    self.count_attribute()?;
                    let page = self.attribute_page;
                    let known = self.space.attribute_page(page).and_then(|page| page.start(byte));
                    let value = self.attribute_value(known.map_or("", |(_, prefix)| prefix))?;
                    let (namespace, name) = match known {
                        Some((name, _)) => ("", Cow::Borrowed(name)),
                        None => (UNNAMED, Cow::Owned(unnamed(page, byte))),
                    };
                    let attribute = Attribute::from_source(Cow::Borrowed(namespace), name, value);
                    return Ok(Some(Event::Attribute(attribute)));
                }
                byte => return Err(self.error_back(1, ErrorKind::Token(byte))),
            }
        }
    }

    fn count_attribute(&mut self) -> Result<(), Error> {
        if self.attributes >= self.limits.attributes {
            return Err(self.error(ErrorKind::TooManyAttributes(self.limits.attributes)));
        }
        self.attributes += 1;
        self.count()
    }

    /// The value of the attribute whose name was just read, behind what its token said of it: strings, characters and value
    /// tokens joined, all else passed over.
    fn attribute_value(&mut self, prefix: &'static str) -> Result<Cow<'a, str>, Error> {
        let mut value = Cow::Borrowed(prefix);
        self.expand(prefix.len())?;
        loop {
            let byte = match self.cursor.peek() {
                Some(token::END | token::LITERAL) => return Ok(value),
                Some(byte) if is_start(byte) => return Ok(value),
                Some(byte) => byte,
                None => return Err(self.error(ErrorKind::Truncated)),
            };
            self.cursor.skip(1);
            let text = match byte {
                token::STR_I => {
                    let octets = self.inline_string()?.0;
                    self.attribute_text(octets)?
                }
                token::STR_T => {
                    let index = self.mb_u32()?;
                    let octets = self.table_string(index)?;
                    self.attribute_text(octets)?
                }
                token::ENTITY => {
                    let character = self.entity()?;
                    value.to_mut().push(character);
                    continue;
                }
                byte if is_value(byte) => {
                    let page = self.attribute_page;
                    let Some(text) = self.space.attribute_page(page).and_then(|page| page.value(byte)) else {
                        value.to_mut().push(value_character(page, byte));
                        continue;
                    };
                    self.expand(text.len())?;
                    Cow::Borrowed(text)
                }
                token::SWITCH_PAGE => {
                    self.attribute_page = self.u8()?;
                    continue;
                }
                token::OPAQUE => {
                    self.opaque()?;
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
                token::EXT_0..=token::EXT_2 => continue,
                other => return Err(self.error_back(1, ErrorKind::Token(other))),
            };
            if value.is_empty() {
                value = text;
            } else {
                value.to_mut().push_str(&text);
            }
        }
    }

    fn attribute_text(&self, octets: &'a [u8]) -> Result<Cow<'a, str>, Error> {
        let text = self.decode_text(octets)?;
        if is_xml_text(&text) { Ok(text) } else { Err(self.error(ErrorKind::NotText)) }
    }

    /// Counts text that a token stands for.
    fn expand(&mut self, octets: usize) -> Result<(), Error> {
        if octets > self.limits.expansion.saturating_sub(self.expanded) {
            return Err(self.error(ErrorKind::ExpansionTooLarge(self.limits.expansion)));
        }
        self.expanded += octets;
        Ok(())
    }

    /// A processing instruction is written like an attribute list (§5.8.4).
    fn skip_attribute(&mut self) -> Result<(), Error> {
        let state = self.state;
        self.attributes = 0;
        while self.attribute(true)?.is_some() {}
        self.state = state;
        Ok(())
    }

    /// The character that an ENTITY names (§5.8.4).
    fn entity(&mut self) -> Result<char, Error> {
        let code = self.mb_u32()?;
        let character = char::from_u32(code);
        match character.filter(|c| is_xml_text(c.encode_utf8(&mut [0; 4]))) {
            Some(character) => Ok(character),
            None => Err(self.error(ErrorKind::Character(code))),
        }
    }

    #[inline]
    fn opaque(&mut self) -> Result<&'a [u8], Error> {
        let length = self.mb_u32()?;
        self.cursor.take(length as usize).map_err(|e| self.place(&e))
    }

    /// Up to the NUL, which is consumed; and whether there was nothing that XML forbids.
    #[inline]
    fn inline_string(&mut self) -> Result<(&'a [u8], bool), Error> {
        let rest = self.cursor.rest();
        let first = first_forbidden(rest, 0);
        let mut end = first;
        while rest.get(end).is_some_and(|byte| *byte != 0) {
            end = first_forbidden(rest, end + 1);
        }
        let Some(octets) = rest.get(..end).filter(|_| end < rest.len()) else {
            self.cursor.skip(rest.len());
            return Err(self.error(ErrorKind::Truncated));
        };
        self.cursor.skip(end + 1);
        Ok((octets, end == first))
    }

    /// The string at `index` of the table: up to a NUL or the end of the table (§5.7).
    #[inline]
    fn table_string(&mut self, index: u32) -> Result<&'a [u8], Error> {
        let Some(rest) = self.header.string_table.get(index as usize..) else {
            return Err(self.error(ErrorKind::StringReference(index)));
        };
        // What is searched counts, so that looking again and again at a long string is bounded too.
        let left = self.limits.expansion.saturating_sub(self.expanded);
        let within = rest.get(..left.saturating_add(1)).unwrap_or(rest);
        let end = within.iter().position(|b| *b == 0).unwrap_or(within.len());
        if end > left {
            return Err(self.error(ErrorKind::ExpansionTooLarge(self.limits.expansion)));
        }
        self.expanded += end;
        Ok(&rest[..end])
    }

    /// Text if it is that, octets if XML could not carry it; nothing for an empty string. `clean` octets have nothing
    /// that is forbidden in UTF-8.
    #[inline]
    fn string_event(&mut self, octets: &'a [u8], clean: bool) -> Result<Option<Event<'a>>, Error> {
        if octets.is_empty() {
            return Ok(None);
        }
        let text = self.decode_text(octets)?;
        if clean || is_xml_text(&text) {
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
                self.cursor.skip(1);
                Ok(byte)
            }
            None => Err(self.error(ErrorKind::Truncated)),
        }
    }

    #[inline]
    fn mb_u32(&mut self) -> Result<u32, Error> {
        self.cursor.mb_u32().map_err(|e| self.place(&e))
    }

    /// The end of reading: the same error from now on.
    #[cold]
    fn fail(&mut self, error: Error) -> Error {
        self.state = State::Failed;
        self.failure = Some(error);
        self.failed()
    }

    #[cold]
    fn failed(&self) -> Error {
        self.failure.clone().unwrap_or_else(|| self.error(ErrorKind::Truncated))
    }

    /// The cursor's error, with the path the reader knows.
    #[cold]
    fn place(&self, error: &Error) -> Error {
        Error::new(error.kind().clone(), error.offset(), self.path())
    }

    #[cold]
    fn error_back(&self, octets: usize, kind: ErrorKind) -> Error {
        Error::new(kind, self.offset().saturating_sub(octets), self.path())
    }
}

impl<'a> Source<'a> for Reader<'a> {
    #[inline]
    fn next(&mut self) -> Result<Option<Event<'a>>, Error> {
        loop {
            let event = match self.state {
                State::Content => self.content(),
                State::EmptyElement => return Ok(Some(self.end())),
                State::Attributes { content } => self.attribute(content),
                State::Before => self.before_root().map(Some),
                State::After => match self.after_root() {
                    Ok(()) => return Ok(None),
                    Err(error) => Err(error),
                },
                State::Failed => return Err(self.failed()),
            };
            match event {
                Ok(None) => {}
                Ok(event) => return Ok(event),
                Err(error) => return Err(self.fail(error)),
            }
        }
    }

    /// Nearly all text is one inline string with END behind it: that is read in one go, and all else event by event.
    #[inline]
    fn text(&mut self) -> Result<Cow<'a, str>, Error> {
        let rest = self.cursor.rest();
        if self.state == State::Content
            && matches!(self.header.charset, Charset::Utf8 | Charset::Unknown)
            && rest.first() == Some(&token::STR_I)
            && let end = first_forbidden(rest, 1)
            && let Some([0, token::END]) = rest.get(end..end + 2)
            && let Some(text) = utf8(&rest[1..end])
        {
            self.cursor.skip(end + 2);
            self.close();
            return Ok(Cow::Borrowed(text));
        }
        read_text(self)
    }

    /// Nearly all children are tag tokens without attributes, with a page switch at most, or END: those are read in one go, and all
    /// else event by event.
    #[inline]
    fn child(&mut self) -> Result<Option<Name<'a>>, Error> {
        let mut token = self.cursor.peek();
        if self.state == State::Content
            && token == Some(token::SWITCH_PAGE)
            && let [_, page, next, ..] = *self.cursor.rest()
        {
            self.cursor.skip(2);
            self.page = page;
            token = Some(next);
        }
        match (self.state, token) {
            (State::Content, Some(token::END)) => {
                self.cursor.skip(1);
                self.close();
                Ok(None)
            }
            (State::EmptyElement, _) => {
                self.close();
                Ok(None)
            }
            (State::Content, Some(byte @ (0x05..=0x3F | 0x45..=0x7F)))
                if self.depth < self.limits.depth && self.elements < self.limits.elements =>
            {
                self.cursor.skip(1);
                Ok(Some(Name::Tag(self.open_tag(byte))))
            }
            _ => read_child(self),
        }
    }

    fn offset(&self) -> usize {
        self.cursor.offset()
    }

    #[cold]
    fn path(&self) -> String {
        let depth = usize::from(self.depth);
        let open = self.open.get(..depth).unwrap_or(&self.open);
        let names = open.iter().map(|tag| match *tag {
            LITERAL_NAME => "(literal)",
            tag => self.space.name(tag).unwrap_or("(unknown)"),
        });
        join_path(names.chain((depth > open.len()).then_some("...")))
    }
}

/// As [`str::from_utf8`]. The length is what it was, and is not read from the answer: the processor would have to wait for an
/// answer that was written in two parts and is read in one.
#[inline]
fn utf8(octets: &[u8]) -> Option<&str> {
    str::from_utf8(octets).ok()?.get(..octets.len())
}
