//! `SyncML`: a whole message, or a body without a header.

#[cfg(feature = "xml")]
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use bytes::BufMut;
use dm_wbxml::wbxml::{self, StringTable};
#[cfg(feature = "xml")]
use dm_wbxml::xml;
use dm_wbxml::{Element, Event, Limits, Name, SYNCML_1_2, Tag, syncml};

use crate::error::{DecodeError, DecodeErrorKind};

use super::body::SyncBody;
use super::command::Command;
use super::encode_options::{EncodeOptions, StringTables};
use super::extensions::{Extensions, Place};
use super::header::SyncHdr;
use super::mapping::{Content, IntoOwned, error, missing, next_child, set_once};
use super::quirks::Quirks;
use super::reading::{Input, Reading};
use super::representation::Representation;
use super::room::Room;
use super::writing::{Output, Writing};

/// How a message travels.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Encoding {
    /// `application/vnd.syncml.dm+wbxml`
    Wbxml,
    /// `application/vnd.syncml.dm+xml`
    #[cfg(feature = "xml")]
    Xml,
}

impl Encoding {
    /// The media type of DM messages in this encoding (DM Protocol 1.2.1, media types).
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Wbxml => "application/vnd.syncml.dm+wbxml",
            #[cfg(feature = "xml")]
            Self::Xml => "application/vnd.syncml.dm+xml",
        }
    }

    /// The encoding a media type names: parameters are passed over, and the types of data synchronization, which some
    /// clients send, count too.
    #[must_use]
    pub fn from_media_type(media_type: &str) -> Option<Self> {
        let bare = media_type.split(';').next().unwrap_or_default().trim();
        let is = |name: &str| bare.eq_ignore_ascii_case(name);
        if is("application/vnd.syncml.dm+wbxml") || is("application/vnd.syncml+wbxml") {
            return Some(Self::Wbxml);
        }
        #[cfg(feature = "xml")]
        if is("application/vnd.syncml.dm+xml") || is("application/vnd.syncml+xml") {
            return Some(Self::Xml);
        }
        None
    }
}

/// What decoding may cost and how strict it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct DecodeOptions {
    /// Bounds on the document, and with it on memory: beside the text, which is borrowed, a decoded message takes at most 512 octets for each
    /// element, so a server that reads what strangers send bounds [`Limits::elements`]. 4096 are 2 MiB at most, and enough for
    /// the messages of any device.
    pub limits: Limits,
    /// Which departures from the standard are taken; none by default.
    pub quirks: Quirks,
}

impl DecodeOptions {
    /// Strict, within the default limits.
    #[must_use]
    pub const fn new() -> Self {
        Self { limits: Limits::DEFAULT, quirks: Quirks::STRICT }
    }

    /// Sets the limits.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the quirks.
    #[must_use]
    pub const fn with_quirks(mut self, quirks: Quirks) -> Self {
        self.quirks = quirks;
        self
    }
}

/// `SyncML`: a message.
///
/// It borrows its text from the input; [`into_owned`](Self::into_owned) makes it free.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Message<'a> {
    /// Who speaks to whom.
    pub header: SyncHdr<'a>,
    /// What is said.
    pub body: SyncBody<'a>,
    /// The version of SyncML its elements are of.
    pub representation: Representation,
    /// Elements that nobody expected beside header and body. No Status could answer them.
    pub extensions: Extensions<'a>,
}

/// `SyncML` without a header: commands that a server keeps, or a test shows.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Fragment<'a> {
    /// What is said.
    pub body: SyncBody<'a>,
    /// The version of SyncML its elements are of.
    pub representation: Representation,
    /// Elements that nobody expected beside header and body. No Status could answer them.
    pub extensions: Extensions<'a>,
}

impl<'a> Message<'a> {
    /// A message of SyncML 1.2.
    #[must_use]
    pub const fn new(header: SyncHdr<'a>, body: SyncBody<'a>) -> Self {
        Self { header, body, representation: Representation::SyncMl1_2, extensions: Extensions::new() }
    }

    /// Sets the version of SyncML; VerDTD, which says it too, is the header's.
    #[must_use]
    pub const fn with_representation(mut self, representation: Representation) -> Self {
        self.representation = representation;
        self
    }

    /// Decodes a whole message.
    ///
    /// # Errors
    /// The input is not a SyncML document, is malformed, beyond a limit, or lacks an element that must stand.
    ///
    /// ```
    /// # #[cfg(feature = "xml")]
    /// # fn main() -> Result<(), dm_syncml::DecodeError> {
    /// use dm_syncml::{DecodeErrorKind, DecodeOptions, Encoding, Message};
    ///
    /// let error = Message::decode(Encoding::Xml, b"<html/>", &DecodeOptions::new()).unwrap_err();
    /// assert_eq!(error.kind(), &DecodeErrorKind::WrongRoot("SyncML"));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "xml"))]
    /// # fn main() {}
    /// ```
    pub fn decode(encoding: Encoding, input: &'a [u8], options: &DecodeOptions) -> Result<Self, DecodeError> {
        Self::decode_reporting(encoding, input, options).map(|(message, _)| message)
    }

    /// Decodes a whole message and tells which of the quirks it needed.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn decode_reporting(
        encoding: Encoding,
        input: &'a [u8],
        options: &DecodeOptions,
    ) -> Result<(Self, Quirks), DecodeError> {
        let parts = read_document(encoding, input, options, Root::Message)?;
        let met = parts.met;
        parts.into_message().map(|message| (message, met))
    }

    /// Encodes the message: WBXML 1.2 without a string table, or compact XML.
    #[must_use]
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        self.encode_with(encoding, &EncodeOptions::DEFAULT)
    }

    /// Encodes the message as `options` say.
    #[must_use]
    pub fn encode_with(&self, encoding: Encoding, options: &EncodeOptions) -> Vec<u8> {
        Body::Message(self).to_vec(encoding, options)
    }

    /// Encodes the message into a buffer.
    ///
    /// # Panics
    /// Like every `BufMut` user, when `out` is a fixed buffer with less room than [`encoded_len`](Self::encoded_len).
    pub fn encode_into(&self, encoding: Encoding, options: &EncodeOptions, out: &mut impl BufMut) {
        Body::Message(self).write(encoding, options, out);
    }

    /// Octets of the encoded message, exactly. It costs less than encoding, since nothing is copied.
    #[must_use]
    pub fn encoded_len(&self, encoding: Encoding, options: &EncodeOptions) -> usize {
        Body::Message(self).len(encoding, options)
    }

    /// The same message, owning all it holds.
    #[must_use]
    pub fn into_owned(self) -> Message<'static> {
        Message {
            header: self.header.into_owned(),
            body: self.body.into_owned(),
            representation: self.representation,
            extensions: IntoOwned::into_owned(self.extensions),
        }
    }
}

impl<'a> Fragment<'a> {
    /// A fragment of SyncML 1.2.
    #[must_use]
    pub const fn new(body: SyncBody<'a>) -> Self {
        Self { body, representation: Representation::SyncMl1_2, extensions: Extensions::new() }
    }

    /// Decodes a body without a header: `SyncML` around a `SyncBody`, a bare `SyncBody`, or one bare command. A header, if there is one,
    /// is read and dropped.
    ///
    /// # Errors
    /// As [`Message::decode`].
    pub fn decode(encoding: Encoding, input: &'a [u8], options: &DecodeOptions) -> Result<Self, DecodeError> {
        Self::decode_reporting(encoding, input, options).map(|(fragment, _)| fragment)
    }

    /// Decodes a body without a header and tells which of the quirks it needed.
    ///
    /// # Errors
    /// As [`Message::decode`].
    pub fn decode_reporting(
        encoding: Encoding,
        input: &'a [u8],
        options: &DecodeOptions,
    ) -> Result<(Self, Quirks), DecodeError> {
        let parts = read_document(encoding, input, options, Root::Fragment)?;
        let representation = parts.representation();
        Ok((Self { body: parts.body, representation, extensions: parts.extensions }, parts.met))
    }

    /// Encodes `SyncML` around the `SyncBody`.
    #[must_use]
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        self.encode_with(encoding, &EncodeOptions::DEFAULT)
    }

    /// Encodes `SyncML` around the `SyncBody`, as `options` say.
    #[must_use]
    pub fn encode_with(&self, encoding: Encoding, options: &EncodeOptions) -> Vec<u8> {
        Body::Fragment(self).to_vec(encoding, options)
    }

    /// Encodes `SyncML` around the `SyncBody` into a buffer.
    ///
    /// # Panics
    /// Like every `BufMut` user, when `out` is a fixed buffer with less room than [`encoded_len`](Self::encoded_len).
    pub fn encode_into(&self, encoding: Encoding, options: &EncodeOptions, out: &mut impl BufMut) {
        Body::Fragment(self).write(encoding, options, out);
    }

    /// Octets of the encoded fragment, exactly.
    #[must_use]
    pub fn encoded_len(&self, encoding: Encoding, options: &EncodeOptions) -> usize {
        Body::Fragment(self).len(encoding, options)
    }

    /// The same fragment, owning all it holds.
    #[must_use]
    pub fn into_owned(self) -> Fragment<'static> {
        Fragment {
            body: self.body.into_owned(),
            representation: self.representation,
            extensions: IntoOwned::into_owned(self.extensions),
        }
    }
}

/// Which root elements are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Root {
    Message,
    Fragment,
}

/// What a document held.
struct Parts<'a> {
    header: Option<SyncHdr<'a>>,
    body: SyncBody<'a>,
    extensions: Extensions<'a>,
    /// The version that the document itself names.
    version: Option<Representation>,
    met: Quirks,
    end: usize,
}

impl<'a> Parts<'a> {
    fn new(header: Option<SyncHdr<'a>>, body: SyncBody<'a>) -> Self {
        Self { header, body, extensions: Extensions::new(), version: None, met: Quirks::STRICT, end: 0 }
    }

    fn representation(&self) -> Representation {
        let header = self.header.as_ref();
        self.version.unwrap_or_else(|| header.map(|h| Representation::of(&h.ver_dtd)).unwrap_or_default())
    }

    fn into_message(self) -> Result<Message<'a>, DecodeError> {
        let representation = self.representation();
        match self.header {
            Some(header) => {
                Ok(Message { header, body: self.body, representation, extensions: self.extensions })
            }
            None => {
                Err(DecodeError::new(DecodeErrorKind::Missing("SyncHdr"), self.end, String::from("SyncML")))
            }
        }
    }

    #[cfg(feature = "xml")]
    fn into_owned(self) -> Parts<'static> {
        Parts {
            header: self.header.map(SyncHdr::into_owned),
            body: self.body.into_owned(),
            extensions: IntoOwned::into_owned(self.extensions),
            ..self
        }
    }
}

fn read_document<'a>(
    encoding: Encoding,
    input: &'a [u8],
    options: &DecodeOptions,
    root: Root,
) -> Result<Parts<'a>, DecodeError> {
    match encoding {
        Encoding::Wbxml => {
            let reader = wbxml::Reader::new(input, &SYNCML_1_2, options.limits)?;
            let Ok(version) = Representation::from_document(&reader.header().document) else {
                return Err(DecodeError::new(
                    DecodeErrorKind::NotSyncMl,
                    dm_wbxml::Source::offset(&reader),
                    String::new(),
                ));
            };
            let mut source = Input::new(reader, options.quirks);
            let parts = read_root(&mut source, root)?;
            Ok(Parts { version, met: source.met(), ..parts })
        }
        #[cfg(feature = "xml")]
        Encoding::Xml => match xml::to_utf8(input, &options.limits)? {
            Cow::Borrowed(input) => read_xml(input, options, root),
            Cow::Owned(input) => read_xml(&input, options, root).map(Parts::into_owned),
        },
    }
}

#[cfg(feature = "xml")]
fn read_xml<'a>(input: &'a [u8], options: &DecodeOptions, root: Root) -> Result<Parts<'a>, DecodeError> {
    let xml_options = xml::Options::new(options.limits).with_leniencies(options.quirks.leniencies());
    let reader = xml::Reader::new(input, &SYNCML_1_2, xml_options)?;
    let mut source = Input::new(reader, options.quirks);
    let parts = read_root(&mut source, root)?;
    let version = source.reader.alias().and_then(Representation::from_namespace);
    let met = source.met() | Quirks::from_leniencies(source.reader.met());
    Ok(Parts { version, met, ..parts })
}

fn read_root<'a, S: Reading<'a>>(source: &mut S, root: Root) -> Result<Parts<'a>, DecodeError> {
    let Some(Event::Start(name)) = source.next()? else { return Err(wrong_root(source)) };
    let mut parts = read_one_root(source, name, root)?;
    parts.end = source.offset();
    while let Some(event) = source.next()? {
        match (event, root) {
            (Event::Start(name), Root::Fragment) => {
                let more = read_one_root(source, name, root)?;
                parts.body.commands.extend(more.body.commands);
                parts.body.last_in_package |= more.body.last_in_package;
                for element in more.extensions.as_slice() {
                    parts.extensions.push(element.clone());
                }
            }
            _ => return Err(error(source, DecodeErrorKind::Document(dm_wbxml::ErrorKind::OutsideRoot))),
        }
    }
    Ok(parts)
}

fn read_one_root<'a, S: Reading<'a>>(
    source: &mut S,
    name: Name<'a>,
    root: Root,
) -> Result<Parts<'a>, DecodeError> {
    Ok(match (name, root) {
        (Name::Tag(syncml::SYNCML), _) => read_syncml(source, root)?,
        (Name::Tag(tag @ syncml::SYNC_BODY), Root::Fragment) => {
            Parts::new(None, SyncBody::decode(source, tag)?)
        }
        (name @ Name::Tag(_), Root::Fragment) => {
            let command = Command::decode_named(source, name)?;
            Parts::new(None, SyncBody { commands: alloc::vec![command], last_in_package: false })
        }
        _ => return Err(wrong_root(source)),
    })
}

#[cold]
fn wrong_root<'a, S: Reading<'a>>(source: &S) -> DecodeError {
    error(source, DecodeErrorKind::WrongRoot("SyncML"))
}

/// The places of header and body.
const HEADER: u8 = 1;
const BODY: u8 = 2;

fn read_syncml<'a, S: Reading<'a>>(source: &mut S, root: Root) -> Result<Parts<'a>, DecodeError> {
    let (mut header, mut body) = (None, None);
    let mut outside = Vec::new();
    let mut extensions = Extensions::new();
    let mut last = Place::FIRST;
    while let Some(name) = next_child(source)? {
        match name {
            Name::Tag(tag @ syncml::SYNC_HDR) => {
                match header {
                    None => header = read_header(source, tag)?,
                    Some(_) => set_once(&mut header, tag, source)?,
                }
                last = match root {
                    Root::Message => Place::behind(HEADER, 1),
                    // The header is dropped, and with it the place behind it.
                    Root::Fragment => Place::FIRST,
                };
            }
            Name::Tag(tag @ syncml::SYNC_BODY) => {
                set_once(&mut body, tag, source)?;
                last = Place::behind(BODY, 1);
            }
            name if Command::is_named(&name) && source.meet(Quirks::COMMANDS_OUTSIDE_BODY) => {
                outside.push(Command::decode_named(source, name)?);
            }
            other => extensions.push_at(last, Element::decode(source, other)?),
        }
    }
    let body = match body {
        None if outside.is_empty() => return Err(missing(source, syncml::SYNCML, syncml::SYNC_BODY)),
        body => {
            let mut body: SyncBody<'a> = body.unwrap_or_default();
            body.commands.extend(outside);
            body
        }
    };
    extensions.settle(Place::END, Place::behind(BODY, 1));
    Ok(Parts { extensions, ..Parts::new(header, body) })
}

/// The header; none where an empty one counts as none.
fn read_header<'a, S: Reading<'a>>(source: &mut S, tag: Tag) -> Result<Option<SyncHdr<'a>>, DecodeError> {
    match next_child(source)? {
        None if source.meet(Quirks::EMPTY_HEADER) => Ok(None),
        first => SyncHdr::decode_children(source, tag, first).map(Some),
    }
}

impl Command<'_> {
    /// Octets this command adds to a message, or a few more: what a document of its own would have.
    pub(crate) fn encoded_len(&self, encoding: Encoding) -> usize {
        Body::Command(self).len(encoding, &EncodeOptions::DEFAULT)
    }
}

/// What a document will hold.
enum Body<'m, 'a> {
    Message(&'m Message<'a>),
    Fragment(&'m Fragment<'a>),
    Command(&'m Command<'a>),
}

impl Body<'_, '_> {
    fn representation(&self) -> Representation {
        match self {
            Self::Message(message) => message.representation,
            Self::Fragment(fragment) => fragment.representation,
            Self::Command(_) => Representation::default(),
        }
    }

    fn to_vec(&self, encoding: Encoding, options: &EncodeOptions) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.room(encoding));
        // Nearly always no table is needed, which only writing tells; into a vector it can be done again.
        if encoding != Encoding::Wbxml
            || options.string_tables != StringTables::None
            || !self.write_wbxml(options, &StringTable::new(), &mut out)
        {
            out.clear();
            self.write(encoding, options, &mut out);
        }
        out
    }

    /// Octets to begin with.
    fn room(&self, encoding: Encoding) -> usize {
        let commands = match self {
            Self::Message(message) => &message.body.commands,
            Self::Fragment(fragment) => &fragment.body.commands,
            Self::Command(command) => core::slice::from_ref(*command),
        };
        Room::of(encoding).for_message(commands)
    }

    /// `false` when the table lacks a name.
    fn write_wbxml(&self, options: &EncodeOptions, table: &StringTable, out: &mut impl BufMut) -> bool {
        let id = self.representation().public_id();
        let mut output = Output::new(wbxml::Writer::new(out, options.wbxml_version, id, table), options);
        self.encode(&mut output);
        output.sink.finish()
    }

    fn write(&self, encoding: Encoding, options: &EncodeOptions, out: &mut impl BufMut) {
        match encoding {
            Encoding::Wbxml if options.string_tables == StringTables::Automatic => {
                self.with_own_table(options).finish(out);
            }
            Encoding::Wbxml => {
                let complete = self.write_wbxml(options, &self.names(options), out);
                debug_assert!(complete, "the table has seen every name");
            }
            #[cfg(feature = "xml")]
            Encoding::Xml => {
                let writer = xml::Writer::new(out, &SYNCML_1_2);
                let writer = writer.with_namespace(self.representation().namespace());
                self.encode(&mut Output::new(writer, options));
            }
        }
    }

    fn len(&self, encoding: Encoding, options: &EncodeOptions) -> usize {
        match encoding {
            Encoding::Wbxml if options.string_tables == StringTables::Automatic => {
                self.with_own_table(options).into_size()
            }
            Encoding::Wbxml => {
                let table = self.names(options);
                let id = self.representation().public_id();
                let size = wbxml::Size::new(options.wbxml_version, id, &table);
                let mut output = Output::new(size, options);
                self.encode(&mut output);
                output.sink.octets()
            }
            #[cfg(feature = "xml")]
            Encoding::Xml => {
                let size = xml::Size::new(&SYNCML_1_2).with_namespace(self.representation().namespace());
                let mut output = Output::new(size, options);
                self.encode(&mut output);
                output.sink.octets()
            }
        }
    }

    /// A table of the names that can stand nowhere else. It stands before what refers to it, so it is filled first.
    fn names(&self, options: &EncodeOptions) -> StringTable {
        let mut output = Output::new(StringTable::new(), options);
        self.encode(&mut output);
        output.sink
    }

    /// The document with a table of whatever is shorter so.
    fn with_own_table(&self, options: &EncodeOptions) -> wbxml::TableWriter {
        let writer = wbxml::TableWriter::new(options.wbxml_version, self.representation().public_id());
        let writer = writer.with_capacity(self.room(Encoding::Wbxml));
        let mut output = Output::new(writer, options);
        self.encode(&mut output);
        output.sink
    }

    fn encode<K: Writing>(&self, sink: &mut K) {
        if let Self::Command(command) = self {
            return command.encode(sink);
        }
        let nothing = Extensions::new();
        let mut unknown = match self {
            Self::Message(message) => &message.extensions,
            Self::Fragment(fragment) => &fragment.extensions,
            Self::Command(_) => &nothing,
        }
        .cursor();
        sink.open(syncml::SYNCML);
        unknown.reach(Place::before(HEADER), sink);
        if let Self::Message(message) = self {
            message.header.encode(syncml::SYNC_HDR, sink);
        }
        unknown.reach(Place::before(BODY), sink);
        match self {
            Self::Message(message) => message.body.encode(syncml::SYNC_BODY, sink),
            Self::Fragment(fragment) => fragment.body.encode(syncml::SYNC_BODY, sink),
            Self::Command(_) => {}
        }
        unknown.finish(sink);
        sink.close();
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.media_type())
    }
}
