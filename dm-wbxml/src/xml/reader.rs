//! The XML reader.

use alloc::borrow::Cow;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::str;

use quick_xml::events::Event as Other;
use quick_xml::events::attributes::Attributes;

use crate::code_space::{CodePage, CodeSpace};
use crate::element::join_path;
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::name::{Attribute, ForeignName, Name, Tag, is_ncname, split_name};
use crate::source::{Event, Source, read_child, read_text};
use crate::text::{Survey, is_xml_text, survey};

use super::leniencies::Leniencies;
use super::markup::{Cursor, Fault, Markup};
use super::namespaces::{Namespace, Namespaces};
use super::{UNNAMED, XML};

/// How strictly XML is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// What the document may cost.
    pub limits: Limits,
    /// Which departures from XML are taken.
    pub leniencies: Leniencies,
}

impl Options {
    /// The strict reading, within `limits`.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self { limits, leniencies: Leniencies::NONE }
    }

    /// Sets [`leniencies`](Self::leniencies).
    #[must_use]
    pub const fn with_leniencies(mut self, leniencies: Leniencies) -> Self {
        self.leniencies = leniencies;
        self
    }
}

/// An XML document being read.
///
/// UTF-8 only, with or without a byte order mark; the encoding a document claims is not believed. A DOCTYPE is passed
/// over: nothing is fetched, nothing is defined by it. Comments and processing instructions are passed over. Only the five
/// predefined entities and character references are resolved.
///
/// Names, prefixes, nesting, references and characters are checked. Some of what XML forbids is read all the same, since
/// nothing depends on it: `]]>` in text, `--` in comments, what a DOCTYPE says, missing white space between attributes.
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
    cursor: Cursor<'a>,
    /// Octets before what the cursor sees: the byte order mark.
    skipped: usize,
    space: &'static CodeSpace,
    options: Options,
    /// Whether a line may end in anything but LF.
    has_cr: bool,
    open: Vec<Open<'a>>,
    namespaces: Namespaces<'a>,
    /// The page of the default namespace in force.
    default: Option<&'static CodePage>,
    /// Attributes still to be reported: qualified name and value.
    attributes: VecDeque<(&'a str, Cow<'a, str>)>,
    elements: u32,
    state: State,
    /// What of the leniencies was needed.
    met: Leniencies,
    /// The first namespace declared of those that name one page.
    alias: Option<&'static str>,
    failure: Option<Error>,
}

/// An element that has begun.
#[derive(Debug)]
struct Open<'a> {
    /// Its name as written.
    name: &'a str,
    /// How many namespaces were in force before it.
    namespaces: usize,
    /// The page it was found on.
    page: Option<&'static CodePage>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Before,
    Inside,
    /// An element without content has begun, its end is due.
    EmptyElement,
    After,
    /// After an error, which is said again.
    Failed,
}

const BYTE_ORDER_MARK: char = '\u{FEFF}';

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
        let text =
            simdutf8::compat::from_utf8(input).map_err(|e| at(ErrorKind::Encoding, e.valid_up_to()))?;
        let Survey { first_forbidden, has_cr } = survey(input);
        if first_forbidden < input.len() {
            return Err(at(ErrorKind::NotText, first_forbidden));
        }
        let body = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        if body.starts_with(BYTE_ORDER_MARK) {
            // quick-xml would pass over it, and count octets without it.
            return Err(at(ErrorKind::OutsideRoot, text.len() - body.len()));
        }
        Ok(Self {
            cursor: Cursor::new(body, options.leniencies.contains(Leniencies::BARE_AMPERSANDS)),
            skipped: text.len() - body.len(),
            space,
            options,
            has_cr,
            open: Vec::new(),
            namespaces: Namespaces::default(),
            default: None,
            attributes: VecDeque::new(),
            elements: 0,
            state: State::Before,
            met: Leniencies::NONE,
            alias: None,
            failure: None,
        })
    }

    /// Which leniencies the document needed so far.
    #[must_use]
    pub fn met(&self) -> Leniencies {
        self.met
    }

    /// The first namespace declared so far of those that name one page: it tells which version of a document type this is.
    #[must_use]
    pub fn alias(&self) -> Option<&'static str> {
        self.alias
    }

    /// Whether a departure is taken; then it is noted.
    #[cold]
    fn meet(&mut self, leniency: Leniencies) -> bool {
        let taken = self.options.leniencies.contains(leniency);
        if taken {
            self.met = self.met.with(leniency);
        }
        taken
    }

    /// An element begins.
    fn start(&mut self, name: &'a str, attributes: &'a str, empty: bool) -> Result<Name<'a>, Error> {
        if self.state == State::After && !self.meet(Leniencies::SEVERAL_ROOTS) {
            return Err(self.error(ErrorKind::OutsideRoot));
        }
        if self.open.len() >= usize::from(self.options.limits.depth) {
            return Err(self.error(ErrorKind::TooDeep(self.options.limits.depth)));
        }
        self.count()?;
        if name.len() > self.options.limits.name {
            return Err(self.error(ErrorKind::NameTooLong(self.options.limits.name)));
        }
        let (namespaces, parent) = (self.namespaces.len(), self.open.last().and_then(|parent| parent.page));
        self.open.push(Open { name, namespaces, page: None });
        if !attributes.is_empty() {
            self.declare(attributes)?;
        }
        let declares = self.namespaces.len() > namespaces;
        let (name, page) = self.resolve(name, if declares { None } else { parent })?;
        if let Some(open) = self.open.last_mut() {
            open.page = page;
        }
        self.state = if empty { State::EmptyElement } else { State::Inside };
        Ok(name)
    }

    /// Counts an element or attribute.
    #[inline]
    fn count(&mut self) -> Result<(), Error> {
        if self.elements >= self.options.limits.elements {
            return Err(self.error(ErrorKind::TooManyElements(self.options.limits.elements)));
        }
        self.elements += 1;
        Ok(())
    }

    /// Takes in namespace declarations and keeps the other attributes for [`Event::Attribute`].
    fn declare(&mut self, attributes: &'a str) -> Result<(), Error> {
        let limits = self.options.limits;
        // Nearly all are one default namespace, plainly written.
        let plain = attributes.strip_prefix(" xmlns=\"").and_then(|rest| rest.strip_suffix('"'));
        if let Some(namespace) = plain
            && limits.attributes > 0
            && !namespace.bytes().any(|b| b <= b' ' || matches!(b, b'"' | b'&' | b'<'))
        {
            return self.declare_namespace("", Cow::Borrowed(namespace));
        }
        let mut list = Attributes::new(attributes, 0);
        // Duplicates are looked for where attributes are kept, in `Element`.
        let mut left = (limits.attributes, limits.attributes);
        for attribute in list.with_checks(false) {
            let Ok(attribute) = attribute else {
                return Err(self.error(ErrorKind::Xml("an attribute is malformed")));
            };
            let name = attribute.key.0;
            if name.len() > limits.name {
                return Err(self.error(ErrorKind::NameTooLong(limits.name)));
            }
            let (prefix, local) = split_name(name);
            if !is_ncname(local) || prefix.is_some_and(|prefix| !is_ncname(prefix)) {
                return Err(self.error(ErrorKind::Name));
            }
            let value = self.attribute_value(attribute.value)?;
            let declared = match prefix {
                None if local == "xmlns" => Some(""),
                Some("xmlns") => Some(local),
                _ => None,
            };
            let left = if declared.is_some() { &mut left.0 } else { &mut left.1 };
            let Some(fewer) = left.checked_sub(1) else {
                return Err(self.error(ErrorKind::TooManyAttributes(limits.attributes)));
            };
            *left = fewer;
            match declared {
                Some(prefix) => self.declare_namespace(prefix, value)?,
                None => {
                    self.count()?;
                    self.attributes.push_back((name, value));
                }
            }
        }
        Ok(())
    }

    /// One declaration (Namespaces in XML 1.0 §3, §5).
    fn declare_namespace(&mut self, prefix: &'a str, namespace: Cow<'a, str>) -> Result<(), Error> {
        let limits = self.options.limits;
        if namespace.len() > limits.name {
            return Err(self.error(ErrorKind::NameTooLong(limits.name)));
        }
        if self.namespaces.len() >= usize::from(limits.attributes) + usize::from(limits.depth) {
            return Err(self.error(ErrorKind::TooManyAttributes(limits.attributes)));
        }
        if matches!(prefix, "xml" | "xmlns") && namespace != XML || !prefix.is_empty() && namespace.is_empty()
        {
            return Err(self.error(ErrorKind::Prefix));
        }
        let known = self.page_of(&namespace);
        if prefix.is_empty() {
            self.default = known;
        }
        self.namespaces.declare(prefix, known.map_or(Namespace::Other(namespace), Namespace::Page));
        Ok(())
    }

    /// The page a namespace stands for.
    fn page_of(&mut self, namespace: &str) -> Option<&'static CodePage> {
        let pages = self.space.pages().iter().copied();
        let find = |same: fn(&str, &str) -> bool| {
            let mut names = pages.flat_map(|page| page.namespaces().iter().map(move |name| (page, *name)));
            names.find(|(_, name)| same(name, namespace))
        };
        let exact = find.clone()(|a, b| a == b);
        let (page, name) = match exact {
            Some(found) => found,
            None => {
                find(|a, b| a.eq_ignore_ascii_case(b)).filter(|_| self.meet(Leniencies::NAMESPACE_CASE))?
            }
        };
        if page.namespaces().len() > 1 {
            self.alias.get_or_insert(name);
        }
        Some(page)
    }

    /// White space becomes spaces, references are resolved (XML 1.0 §3.3.3).
    fn attribute_value(&mut self, raw: Cow<'a, str>) -> Result<Cow<'a, str>, Error> {
        if !raw.bytes().any(|b| matches!(b, b'\t' | b'\n' | b'\r' | b'&' | b'<')) {
            return Ok(raw);
        }
        if raw.contains('<') {
            return Err(self.error(ErrorKind::Xml("a < stands in an attribute")));
        }
        let spaced = raw.replace("\r\n", " ").replace(['\t', '\n', '\r'], " ");
        let mut value = String::with_capacity(spaced.len());
        let mut rest = spaced.as_str();
        while let Some((text, reference)) = rest.split_once('&') {
            value.push_str(text);
            // As quick-xml takes it in content: a reference ends before another begins.
            let end = reference.find([';', '&']).filter(|end| reference.as_bytes()[*end] == b';');
            let Some((name, behind)) = end.map(|end| (&reference[..end], &reference[end + 1..])) else {
                if !self.meet(Leniencies::BARE_AMPERSANDS) {
                    return Err(self.error(ErrorKind::Xml("an ampersand that begins no reference")));
                }
                value.push('&');
                rest = reference;
                continue;
            };
            value.push(self.referenced(name)?);
            rest = behind;
        }
        value.push_str(rest);
        Ok(Cow::Owned(value))
    }

    /// The element a name stands for here, and the page it was found on. `parent` is the page of the element around, unless
    /// this one declares namespaces.
    #[inline]
    fn resolve(
        &mut self,
        name: &'a str,
        parent: Option<&'static CodePage>,
    ) -> Result<(Name<'a>, Option<&'static CodePage>), Error> {
        // Nearly all names are without a prefix, which the names of a page have not, and on the page of the default namespace.
        if let Some(page) = self.default
            && (parent.is_none_or(|parent| parent.number() == page.number())
                || !self.options.leniencies.contains(Leniencies::WRONG_PAGE))
            && let Some(tag) = page.tag(name)
        {
            return Ok((Name::Tag(tag), Some(page)));
        }
        self.resolve_any(name, parent)
    }

    fn resolve_any(
        &mut self,
        name: &'a str,
        parent: Option<&'static CodePage>,
    ) -> Result<(Name<'a>, Option<&'static CodePage>), Error> {
        let (prefix, local) = split_name(name);
        if prefix == Some("") {
            return Err(self.error(ErrorKind::Name));
        }
        let declared = self.namespaces.get(prefix.unwrap_or_default()).cloned();
        let undeclared = declared.is_none() && prefix.is_some_and(|prefix| prefix != "xml");
        if undeclared && (prefix == Some("xmlns") || !self.meet(Leniencies::UNDECLARED_PREFIXES)) {
            return Err(self.error(ErrorKind::Prefix));
        }
        let namespace = match declared {
            Some(namespace) => namespace,
            None if prefix == Some("xml") => Namespace::Other(Cow::Borrowed(XML)),
            None => match self.space.page_of("") {
                Some(page) => Namespace::Page(page),
                None => Namespace::Other(Cow::Borrowed("")),
            },
        };
        if let Some((tag, page)) = self.find(local, &namespace, parent, prefix.is_none() || undeclared) {
            let needed = match &namespace {
                Namespace::Page(own) if own.number() == page.number() => None,
                Namespace::Page(_) => Some(Leniencies::WRONG_PAGE),
                Namespace::Other(_) if undeclared => None,
                Namespace::Other(_) => Some(Leniencies::NO_NAMESPACE),
            };
            if needed.is_none_or(|needed| self.meet(needed)) {
                return Ok((Name::Tag(tag), Some(page)));
            }
        }
        let namespace = match namespace {
            Namespace::Page(page) => Cow::Borrowed(page.namespace()),
            Namespace::Other(other) => {
                if other == UNNAMED
                    && let Some(tag) = unnamed_tag(local)
                {
                    return Ok((Name::Tag(tag), self.space.page(tag.page())));
                }
                other
            }
        };
        if !is_ncname(local) {
            return Err(self.error(ErrorKind::Name));
        }
        Ok((Name::Foreign(ForeignName::from_source(namespace, Cow::Borrowed(local))), None))
    }

    /// The element that `local` names in `namespace`, or may be meant to name; `bare` names have no prefix that says more.
    fn find(
        &self,
        local: &str,
        namespace: &Namespace<'a>,
        parent: Option<&'static CodePage>,
        bare: bool,
    ) -> Option<(Tag, &'static CodePage)> {
        let on = |page: &'static CodePage| page.tag(local).map(|tag| (tag, page));
        let leniencies = self.options.leniencies;
        let guess = match namespace {
            Namespace::Page(_) => leniencies.contains(Leniencies::WRONG_PAGE),
            // What stands in a foreign element belongs to it.
            Namespace::Other(_) if self.is_inside_foreign() => false,
            Namespace::Other(name) => name.is_empty() && bare,
        };
        if guess
            && bare
            && let Some(found) = parent.and_then(on)
        {
            return Some(found);
        }
        if let Namespace::Page(page) = namespace
            && let Some(found) = on(page)
        {
            return Some(found);
        }
        if guess { self.space.pages().iter().copied().find_map(on) } else { None }
    }

    /// Whether the element around the one that just began is outside the code space.
    fn is_inside_foreign(&self) -> bool {
        self.open.iter().nth_back(1).is_some_and(|around| around.page.is_none())
    }

    /// An attribute, in the namespace of its prefix; without one it is in none.
    fn attribute(&mut self, name: &'a str, value: Cow<'a, str>) -> Result<Event<'a>, Error> {
        let (prefix, local) = split_name(name);
        let namespace = match prefix {
            None => Cow::Borrowed(""),
            Some("xml") => Cow::Borrowed(XML),
            Some(prefix) => match self.namespaces.get(prefix).cloned() {
                Some(Namespace::Page(page)) => Cow::Borrowed(page.namespace()),
                Some(Namespace::Other(other)) => other,
                None if self.meet(Leniencies::UNDECLARED_PREFIXES) => Cow::Borrowed(""),
                None => return Err(self.error(ErrorKind::Prefix)),
            },
        };
        Ok(Event::Attribute(Attribute::from_source(namespace, Cow::Borrowed(local), value)))
    }

    fn step(&mut self) -> Result<Option<Event<'a>>, Error> {
        if let Some((name, value)) = self.attributes.pop_front() {
            return self.attribute(name, value).map(Some);
        }
        match self.state {
            State::EmptyElement => return Ok(Some(self.end())),
            State::Failed => {
                return Err(self.failure.clone().unwrap_or_else(|| self.error(ErrorKind::Truncated)));
            }
            State::Before | State::Inside | State::After => {}
        }
        loop {
            let event = match self.cursor.next() {
                Ok(Markup::Start { name, attributes, empty }) => {
                    Some(Event::Start(self.start(name, attributes, empty)?))
                }
                Ok(Markup::End(name)) => {
                    self.end_tag(name)?;
                    Some(Event::End)
                }
                Ok(Markup::Text(text)) => self.text_event(Cow::Borrowed(text))?,
                Ok(Markup::Eof) if self.state == State::After => return Ok(None),
                Ok(Markup::Eof) => return Err(self.error(ErrorKind::Truncated)),
                Ok(Markup::Other(other)) => self.other(other)?,
                Err(fault) => return Err(self.markup_error(&fault)),
            };
            if event.is_some() {
                return Ok(event);
            }
        }
    }

    /// Markup that most documents hold little of; `None` when it says nothing that is reported.
    fn other(&mut self, markup: Other<'a>) -> Result<Option<Event<'a>>, Error> {
        match markup {
            Other::CData(_) if self.open.is_empty() => Err(self.error(ErrorKind::OutsideRoot)),
            Other::CData(text) => Ok(self.line_ends(text.into_inner())),
            Other::GeneralRef(name) => self.reference(&name.into_inner()).map(Some),
            Other::Text(text) => {
                // Only an `&` that begins no reference gets here, and only where that is taken.
                self.meet(Leniencies::BARE_AMPERSANDS);
                self.text_event(text.into_inner())
            }
            Other::Comment(_) | Other::PI(_) => Ok(None),
            Other::Decl(_) | Other::DocType(_) if self.state == State::Before => Ok(None),
            Other::Decl(_) if self.meet(Leniencies::INNER_DECLARATIONS) => Ok(None),
            Other::Decl(_) => Err(self.error(ErrorKind::Xml("an XML declaration behind the start"))),
            Other::DocType(_) => Err(self.error(ErrorKind::Xml("a DOCTYPE behind the start"))),
            // A tag that does not begin with a name.
            Other::Start(_) | Other::Empty(_) | Other::End(_) => Err(self.error(ErrorKind::Name)),
            Other::Eof => Err(self.error(ErrorKind::Truncated)),
        }
    }

    /// The next child of an element that is open and whose attributes have been read.
    fn child_inside(&mut self) -> Result<Option<Name<'a>>, Error> {
        loop {
            let event = match self.cursor.next() {
                Ok(Markup::Start { name, attributes, empty }) => {
                    return self.start(name, attributes, empty).map(Some);
                }
                Ok(Markup::End(name)) => return self.end_tag(name).map(|()| None),
                Ok(Markup::Text(text)) if text.bytes().all(|b| b.is_ascii_whitespace()) => None,
                Ok(Markup::Text(text)) => self.text_event(Cow::Borrowed(text))?,
                Ok(Markup::Eof) => return Err(self.error(ErrorKind::Truncated)),
                Ok(Markup::Other(other)) => self.other(other)?,
                Err(fault) => return Err(self.markup_error(&fault)),
            };
            match event {
                Some(Event::Text(text)) if !text.trim_ascii().is_empty() => {
                    return Err(self.error(ErrorKind::TextAmongElements));
                }
                _ => {}
            }
        }
    }

    /// The end tag of `name`.
    #[inline]
    fn end_tag(&mut self, name: &str) -> Result<(), Error> {
        match self.open.last() {
            Some(open) if open.name == name => {
                self.close();
                Ok(())
            }
            open => {
                let what = match open {
                    Some(_) => "an end tag does not match its start tag",
                    None => "an end tag without a start tag",
                };
                // Where the tag begins.
                let at = self.cursor.last_tag();
                Err(Error::new(ErrorKind::Xml(what), self.skipped + at, self.path()))
            }
        }
    }

    /// The end of reading: the same error from now on.
    #[cold]
    fn fail(&mut self, error: Error) -> Error {
        self.attributes.clear();
        self.state = State::Failed;
        self.failure = Some(error.clone());
        error
    }

    #[inline]
    fn end(&mut self) -> Event<'a> {
        self.close();
        Event::End
    }

    /// The innermost open element ends.
    #[inline]
    fn close(&mut self) {
        if let Some(open) = self.open.pop()
            && self.namespaces.forget(open.namespaces)
        {
            self.default = match self.namespaces.get("") {
                Some(Namespace::Page(page)) => Some(page),
                _ => None,
            };
        }
        self.state = if self.open.is_empty() { State::After } else { State::Inside };
    }

    /// Text between tags; outside the root only white space may stand.
    fn text_event(&mut self, text: Cow<'a, str>) -> Result<Option<Event<'a>>, Error> {
        if self.open.is_empty() {
            let blank = text.bytes().all(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'));
            return if blank { Ok(None) } else { Err(self.error(ErrorKind::OutsideRoot)) };
        }
        if self.options.leniencies.contains(Leniencies::BARE_AMPERSANDS) && text.starts_with('&') {
            self.meet(Leniencies::BARE_AMPERSANDS);
        }
        Ok(self.line_ends(text))
    }

    /// Text with its line ends made LF (XML 1.0 §2.11); nothing for nothing.
    fn line_ends(&self, text: Cow<'a, str>) -> Option<Event<'a>> {
        if text.is_empty() {
            return None;
        }
        let text = if self.has_cr && text.contains('\r') {
            Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
        } else {
            text
        };
        Some(Event::Text(text))
    }

    /// `&name;` in content.
    fn reference(&self, name: &str) -> Result<Event<'a>, Error> {
        if self.open.is_empty() {
            return Err(self.error(ErrorKind::OutsideRoot));
        }
        let text = match self.referenced(name)? {
            '&' => Cow::Borrowed("&"),
            '<' => Cow::Borrowed("<"),
            '>' => Cow::Borrowed(">"),
            '"' => Cow::Borrowed("\""),
            '\'' => Cow::Borrowed("'"),
            other => Cow::Owned(String::from(other)),
        };
        Ok(Event::Text(text))
    }

    /// The character that a reference, without `&` and `;`, stands for (XML 1.0 §4.1, §4.6).
    fn referenced(&self, name: &str) -> Result<char, Error> {
        let (digits, radix) = match name {
            "amp" => return Ok('&'),
            "lt" => return Ok('<'),
            "gt" => return Ok('>'),
            "quot" => return Ok('"'),
            "apos" => return Ok('\''),
            _ => match name.strip_prefix('#') {
                Some(number) => match number.strip_prefix('x') {
                    Some(hex) => (hex, 16),
                    None => (number, 10),
                },
                None => return Err(self.error(ErrorKind::Entity)),
            },
        };
        if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
            return Err(self.error(ErrorKind::Entity));
        }
        // All are digits, so what does not parse is too large.
        let code = u32::from_str_radix(digits, radix).unwrap_or(u32::MAX);
        let character = char::from_u32(code).filter(|c| is_xml_text(c.encode_utf8(&mut [0; 4])));
        character.ok_or_else(|| self.error(ErrorKind::Character(code)))
    }

    #[cold]
    fn markup_error(&self, fault: &Fault) -> Error {
        use quick_xml::errors::{IllFormedError, SyntaxError};
        let kind = match &fault.error {
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
        Error::new(kind, self.skipped + fault.at, self.path())
    }
}

impl<'a> Source<'a> for Reader<'a> {
    #[inline]
    fn next(&mut self) -> Result<Option<Event<'a>>, Error> {
        self.step().map_err(|error| self.fail(error))
    }

    /// Without making events of what is passed over.
    #[inline]
    fn child(&mut self) -> Result<Option<Name<'a>>, Error> {
        if self.state == State::Inside && self.attributes.is_empty() {
            self.child_inside().map_err(|error| match error.kind() {
                // Whoever passes over such text may go on.
                ErrorKind::TextAmongElements => error,
                _ => self.fail(error),
            })
        } else {
            read_child(self)
        }
    }

    /// Nearly all text is that and nothing else, with its end tag behind it: that is read in one go, and all else event by event.
    #[inline]
    fn text(&mut self) -> Result<Cow<'a, str>, Error> {
        if self.state == State::Inside
            && self.attributes.is_empty()
            && !self.has_cr
            && let Some(open) = self.open.last()
            && let Some(text) = self.cursor.text_and_end(open.name)
        {
            self.close();
            return Ok(Cow::Borrowed(text));
        }
        read_text(self)
    }

    fn offset(&self) -> usize {
        self.skipped + self.cursor.offset()
    }

    #[cold]
    fn path(&self) -> String {
        join_path(self.open.iter().map(|open| split_name(open.name).1))
    }
}

/// The token that `t-PP-TT` stands for.
fn unnamed_tag(local: &str) -> Option<Tag> {
    let (page, token) = local.strip_prefix("t-")?.split_once('-')?;
    let (page, token) = (parse_hex(page)?, parse_hex(token)?);
    (0x05..=0x3F).contains(&token).then(|| Tag::from_wire(page, token))
}

/// Digits only, where `from_str_radix` would take a sign.
fn parse_hex(digits: &str) -> Option<u8> {
    if digits.bytes().all(|b| b.is_ascii_hexdigit()) { u8::from_str_radix(digits, 16).ok() } else { None }
}
