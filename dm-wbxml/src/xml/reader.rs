//! The XML reader.

use alloc::borrow::Cow;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::str;

use quick_xml::events::Event as Markup;
use quick_xml::events::attributes::Attributes;

use crate::code_space::CodeSpace;
use crate::element::join_path;
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::name::{Attribute, ForeignName, Name, Tag};
use crate::source::{Event, Source};

use super::UNNAMED;
use super::namespaces::{Namespace, Namespaces};

/// How strictly XML is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// What the document may cost.
    pub limits: Limits,
    /// Takes an element that declares no namespace, and whose inherited page does not know it, for the element of that name
    /// on another page; and a document without any namespace for one of the code space.
    ///
    /// Needed for peers that leave `xmlns="syncml:metinf"` out below `Meta`, and for hand-written documents.
    pub guess_namespaces: bool,
}

impl Options {
    /// The strict reading, within `limits`.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self { limits, guess_namespaces: false }
    }

    /// Sets [`guess_namespaces`](Self::guess_namespaces).
    #[must_use]
    pub const fn with_guess_namespaces(mut self, on: bool) -> Self {
        self.guess_namespaces = on;
        self
    }
}

/// An XML document being read.
///
/// UTF-8 only, with or without a byte order mark; the encoding a document claims is not believed. A DOCTYPE is passed
/// over: nothing is fetched, nothing is defined by it. Comments and processing instructions are passed over. Only the five
/// predefined entities and character references are resolved.
///
/// ```
/// use dm_wbxml::xml::{Options, Reader};
/// use dm_wbxml::{Event, SYNCML_1_2, Source, syncml};
///
/// let mut reader = Reader::new(br#"<LocURI xmlns="SYNCML:SYNCML1.2">./A</LocURI>"#, &SYNCML_1_2, Options::default())?;
/// assert_eq!(reader.next()?, Some(Event::Start(syncml::LOC_URI.into())));
/// assert_eq!(reader.text()?, "./A");
/// assert_eq!(reader.next()?, None);
/// # Ok::<(), dm_wbxml::Error>(())
/// ```
#[derive(Debug)]
pub struct Reader<'a> {
    xml: quick_xml::Reader<&'a [u8]>,
    /// What quick-xml sees.
    body: &'a str,
    /// Octets before what quick-xml sees: the byte order mark.
    skipped: usize,
    space: &'static CodeSpace,
    options: Options,
    open: Vec<Open<'a>>,
    namespaces: Namespaces<'a>,
    attributes: VecDeque<Attribute<'a>>,
    elements: u32,
    state: State,
}

/// An element that has begun: its name as written, and how many namespaces were in force before it.
#[derive(Debug)]
struct Open<'a> {
    name: &'a str,
    namespaces: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Before,
    Inside,
    /// An element without content has begun, its end is due.
    EmptyElement,
    After,
}

impl<'a> Reader<'a> {
    /// Begins to read the XML document `input`. `space` says which names are known elements.
    ///
    /// # Errors
    /// A document larger than the limits allow, or one that is not UTF-8 or holds characters that XML forbids.
    pub fn new(input: &'a [u8], space: &'static CodeSpace, mut options: Options) -> Result<Self, Error> {
        let at = |kind, offset| Error::new(kind, offset, String::new());
        options.limits = options.limits.with_depth(options.limits.depth);
        if input.len() > options.limits.document {
            return Err(at(ErrorKind::DocumentTooLarge(options.limits.document), 0));
        }
        let text = str::from_utf8(input).map_err(|e| at(ErrorKind::Encoding, e.valid_up_to()))?;
        let control = crate::text::first_control(input, 0);
        if control < input.len() {
            return Err(at(ErrorKind::NotText, control));
        }
        let body = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        Ok(Self {
            xml: quick_xml::Reader::from_str(body),
            body,
            skipped: text.len() - body.len(),
            space,
            options,
            open: Vec::new(),
            namespaces: Namespaces::default(),
            attributes: VecDeque::new(),
            elements: 0,
            state: State::Before,
        })
    }

    /// An element begins: a name of `name_len` octets, and attributes, `len` octets together.
    ///
    /// quick-xml lends a start tag for as long as its event lives; the same octets of the input live as long as the input.
    fn start(&mut self, len: usize, name_len: usize, empty: bool) -> Result<Event<'a>, Error> {
        if self.state == State::After {
            return Err(self.error(ErrorKind::OutsideRoot));
        }
        if self.open.len() >= usize::from(self.options.limits.depth) {
            return Err(self.error(ErrorKind::TooDeep(self.options.limits.depth)));
        }
        self.elements += 1;
        if self.elements > self.options.limits.elements {
            return Err(self.error(ErrorKind::TooManyElements(self.options.limits.elements)));
        }
        let read = self.xml.buffer_position() as usize;
        let end = read.saturating_sub(if empty { "/>".len() } else { ">".len() });
        let content = self.body.get(end.saturating_sub(len)..end);
        let Some((name, attributes)) = content.and_then(|content| content.split_at_checked(name_len)) else {
            return Err(self.error(ErrorKind::Xml("a start tag is malformed")));
        };
        if name.len() > self.options.limits.name {
            return Err(self.error(ErrorKind::NameTooLong(self.options.limits.name)));
        }
        self.open.push(Open { name, namespaces: self.namespaces.len() });
        if !attributes.is_empty() {
            self.declare(attributes)?;
        }
        let name = self.resolve(name)?;
        self.state = if empty { State::EmptyElement } else { State::Inside };
        Ok(Event::Start(name))
    }

    /// Takes in namespace declarations and keeps the other attributes for [`Event::Attribute`].
    fn declare(&mut self, attributes: &'a str) -> Result<(), Error> {
        let limits = self.options.limits;
        let mut list = Attributes::new(attributes, 0);
        // Duplicates are not looked for: that costs the square of their number.
        for (count, attribute) in list.with_checks(false).enumerate() {
            if count >= usize::from(limits.attributes) {
                return Err(self.error(ErrorKind::TooManyAttributes(limits.attributes)));
            }
            let Ok(attribute) = attribute else {
                return Err(self.error(ErrorKind::Xml("an attribute is malformed")));
            };
            let key = attribute.key.0;
            if key.len() > limits.name {
                return Err(self.error(ErrorKind::NameTooLong(limits.name)));
            }
            let value = self.attribute_value(attribute.value)?;
            let (prefix, local) = split_name(key);
            if key == "xmlns" || prefix == Some("xmlns") {
                if value.len() > limits.name {
                    return Err(self.error(ErrorKind::NameTooLong(limits.name)));
                }
                if self.namespaces.len() >= usize::from(limits.attributes) {
                    return Err(self.error(ErrorKind::TooManyAttributes(limits.attributes)));
                }
                let prefix = if prefix.is_some() { local } else { "" };
                self.namespaces.declare(prefix, Namespace::new(value, self.space));
            } else {
                self.attributes.push_back(Attribute::from_source(Cow::Borrowed(local), value));
            }
        }
        Ok(())
    }

    /// White space becomes spaces, references are resolved (XML 1.0 §3.3.3).
    fn attribute_value(&self, raw: Cow<'a, str>) -> Result<Cow<'a, str>, Error> {
        let spaced = if raw.contains(['\t', '\n', '\r']) {
            Cow::Owned(raw.replace("\r\n", " ").replace(['\t', '\n', '\r'], " "))
        } else {
            raw
        };
        if !spaced.contains('&') {
            return Ok(spaced);
        }
        match quick_xml::escape::unescape(&spaced) {
            Ok(value) if crate::text::is_xml_text(&value) => Ok(Cow::Owned(value.into_owned())),
            Ok(_) => Err(self.error(ErrorKind::NotText)),
            Err(_) => Err(self.error(ErrorKind::Entity)),
        }
    }

    /// The element a name stands for here.
    fn resolve(&self, name: &'a str) -> Result<Name<'a>, Error> {
        let (prefix, local) = split_name(name);
        let namespace = match (self.namespaces.get(prefix.unwrap_or_default()), prefix) {
            (Some(namespace), _) => namespace,
            (None, None) => &Namespace::Other(Cow::Borrowed("")),
            (None, Some(_)) => return Err(self.error(ErrorKind::Prefix)),
        };
        if let Namespace::Page(page) = namespace
            && let Some(tag) = page.tag(local)
        {
            return Ok(Name::Tag(tag));
        }
        if self.options.guess_namespaces
            && (matches!(namespace, Namespace::Page(_)) || namespace.is_none())
            && let Some(tag) = self.space.pages().iter().find_map(|page| page.tag(local))
        {
            return Ok(Name::Tag(tag));
        }
        let namespace = match namespace {
            Namespace::Page(page) => Cow::Borrowed(page.namespace()),
            Namespace::Other(other) if other == UNNAMED => match unnamed_tag(local) {
                Some(tag) => return Ok(Name::Tag(tag)),
                None => other.clone(),
            },
            Namespace::Other(other) => other.clone(),
        };
        Ok(Name::Foreign(ForeignName::from_source(namespace, Cow::Borrowed(local))))
    }

    fn end(&mut self) -> Event<'a> {
        if let Some(open) = self.open.pop() {
            self.namespaces.forget(open.namespaces);
        }
        self.state = if self.open.is_empty() { State::After } else { State::Inside };
        Event::End
    }

    /// Text between tags, line ends made LF (XML 1.0 §2.11); outside the root only white space may stand.
    fn text_event(&self, text: Cow<'a, str>) -> Result<Option<Event<'a>>, Error> {
        if self.open.is_empty() {
            let blank = text.bytes().all(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'));
            return if blank { Ok(None) } else { Err(self.error(ErrorKind::OutsideRoot)) };
        }
        if text.is_empty() {
            return Ok(None);
        }
        let text = if text.contains('\r') {
            Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
        } else {
            text
        };
        Ok(Some(Event::Text(text)))
    }

    /// `&name;` or `&#number;`.
    fn reference(&self, name: &str) -> Result<Event<'a>, Error> {
        if self.open.is_empty() {
            return Err(self.error(ErrorKind::OutsideRoot));
        }
        let text = match name {
            "amp" => "&",
            "lt" => "<",
            "gt" => ">",
            "quot" => "\"",
            "apos" => "'",
            _ => {
                let number = match name.strip_prefix('#') {
                    Some(number) => match number.strip_prefix('x') {
                        Some(hex) => parse_digits(hex, 16),
                        None => parse_digits(number, 10),
                    },
                    None => return Err(self.error(ErrorKind::Entity)),
                };
                let code = number.ok_or_else(|| self.error(ErrorKind::Entity))?;
                let character = char::from_u32(code).map(String::from);
                return match character.filter(|c| crate::text::is_xml_text(c)) {
                    Some(text) => Ok(Event::Text(Cow::Owned(text))),
                    None => Err(self.error(ErrorKind::Character(code))),
                };
            }
        };
        Ok(Event::Text(Cow::Borrowed(text)))
    }

    #[cold]
    fn markup_error(&self, error: &quick_xml::Error) -> Error {
        use quick_xml::errors::{IllFormedError, SyntaxError};
        let kind = match error {
            quick_xml::Error::Syntax(SyntaxError::InvalidBangMarkup) => {
                ErrorKind::Xml("markup that is neither comment, CDATA nor DOCTYPE")
            }
            quick_xml::Error::Syntax(_) => ErrorKind::Truncated,
            quick_xml::Error::IllFormed(IllFormedError::MismatchedEndTag { .. }) => {
                ErrorKind::Xml("an end tag does not match its start tag")
            }
            quick_xml::Error::IllFormed(IllFormedError::UnmatchedEndTag(_)) => {
                ErrorKind::Xml("an end tag without a start tag")
            }
            quick_xml::Error::IllFormed(IllFormedError::UnclosedReference) => {
                ErrorKind::Xml("an ampersand that begins no reference")
            }
            quick_xml::Error::IllFormed(_) => ErrorKind::Xml("markup that is not well-formed"),
            _ => ErrorKind::Xml("markup that cannot be read"),
        };
        Error::new(kind, self.skipped + self.xml.error_position() as usize, self.path())
    }
}

impl<'a> Source<'a> for Reader<'a> {
    fn next(&mut self) -> Result<Option<Event<'a>>, Error> {
        if let Some(attribute) = self.attributes.pop_front() {
            return Ok(Some(Event::Attribute(attribute)));
        }
        if self.state == State::EmptyElement {
            return Ok(Some(self.end()));
        }
        loop {
            let markup = match self.xml.read_event() {
                Ok(markup) => markup,
                Err(error) => return Err(self.markup_error(&error)),
            };
            let event = match markup {
                Markup::Start(start) => {
                    let (len, name_len) = (start.len(), start.name().0.len());
                    Some(self.start(len, name_len, false)?)
                }
                Markup::Empty(start) => {
                    let (len, name_len) = (start.len(), start.name().0.len());
                    Some(self.start(len, name_len, true)?)
                }
                Markup::End(_) => Some(self.end()),
                Markup::Text(text) => self.text_event(text.into_inner())?,
                Markup::CData(text) => {
                    if self.open.is_empty() {
                        return Err(self.error(ErrorKind::OutsideRoot));
                    }
                    self.text_event(text.into_inner())?
                }
                Markup::GeneralRef(name) => Some(self.reference(&name.into_inner())?),
                Markup::Comment(_) | Markup::Decl(_) | Markup::PI(_) | Markup::DocType(_) => None,
                Markup::Eof => {
                    return if self.state == State::After {
                        Ok(None)
                    } else {
                        Err(self.error(ErrorKind::Truncated))
                    };
                }
            };
            if event.is_some() {
                return Ok(event);
            }
        }
    }

    fn offset(&self) -> usize {
        self.skipped + self.xml.buffer_position() as usize
    }

    #[cold]
    fn path(&self) -> String {
        join_path(self.open.iter().map(|open| split_name(open.name).1))
    }
}

/// Prefix and local part of a qualified name.
#[inline]
fn split_name(name: &str) -> (Option<&str>, &str) {
    match name.split_once(':') {
        Some((prefix, local)) => (Some(prefix), local),
        None => (None, name),
    }
}

/// The token that `t-PP-TT` stands for.
fn unnamed_tag(local: &str) -> Option<Tag> {
    let (page, token) = local.strip_prefix("t-")?.split_once('-')?;
    let page = u8::try_from(parse_digits(page, 16)?).ok()?;
    let token = u8::try_from(parse_digits(token, 16)?).ok()?;
    (0x05..=0x3F).contains(&token).then(|| Tag::from_wire(page, token))
}

/// Digits only, where `from_str_radix` would take a sign.
fn parse_digits(digits: &str, radix: u32) -> Option<u32> {
    if digits.bytes().all(|b| b.is_ascii_hexdigit()) { u32::from_str_radix(digits, radix).ok() } else { None }
}
