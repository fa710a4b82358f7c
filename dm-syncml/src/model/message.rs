//! `SyncML`: a whole message, or a body without a header.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use dm_wbxml::wbxml::{self, DocumentId, StringTable};
use dm_wbxml::{Event, Limits, Name, PublicId, SYNCML_1_2, Sink, Source, syncml};

use crate::error::{DecodeError, DecodeErrorKind};

use super::body::SyncBody;
use super::command::Command;
use super::header::SyncHdr;
use super::mapping::{Content, error, next_child, set_once};

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
    /// Bounds on the document.
    pub limits: Limits,
    /// Takes elements of XML without their namespace for what their names say. Off by default: a peer that leaves
    /// `xmlns="syncml:metinf"` out needs it, as some servers and most hand-written messages do.
    pub guess_namespaces: bool,
}

impl DecodeOptions {
    /// Strict, within the default limits.
    #[must_use]
    pub const fn new() -> Self {
        Self { limits: Limits::DEFAULT, guess_namespaces: false }
    }

    /// Sets the limits.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets [`guess_namespaces`](Self::guess_namespaces).
    #[must_use]
    pub const fn with_guess_namespaces(mut self, on: bool) -> Self {
        self.guess_namespaces = on;
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
}

/// `SyncML` without a header: commands that a server keeps, or a test shows.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Fragment<'a> {
    /// What is said.
    pub body: SyncBody<'a>,
}

impl<'a> Message<'a> {
    /// A message.
    #[must_use]
    pub const fn new(header: SyncHdr<'a>, body: SyncBody<'a>) -> Self {
        Self { header, body }
    }

    /// Decodes a whole message.
    ///
    /// # Errors
    /// The input is not a SyncML document, is malformed, beyond a limit, or lacks an element that must stand.
    ///
    /// ```
    /// use dm_syncml::{DecodeErrorKind, DecodeOptions, Encoding, Message};
    ///
    /// let error = Message::decode(Encoding::Xml, b"<html/>", &DecodeOptions::new()).unwrap_err();
    /// assert_eq!(error.kind(), &DecodeErrorKind::WrongRoot("SyncML"));
    /// ```
    pub fn decode(encoding: Encoding, input: &'a [u8], options: &DecodeOptions) -> Result<Self, DecodeError> {
        read_document(encoding, input, options, Root::Message)?.into_message()
    }

    /// Encodes the message: WBXML 1.2 without a string table, or compact XML.
    #[must_use]
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        encode_document(encoding, &Body::Message(self))
    }

    /// The same message, owning all it holds.
    #[must_use]
    pub fn into_owned(self) -> Message<'static> {
        Message { header: self.header.into_owned(), body: self.body.into_owned() }
    }
}

impl<'a> Fragment<'a> {
    /// A fragment.
    #[must_use]
    pub const fn new(body: SyncBody<'a>) -> Self {
        Self { body }
    }

    /// Decodes a body without a header: `SyncML` around a `SyncBody`, a bare `SyncBody`, or one bare command.
    ///
    /// # Errors
    /// As [`Message::decode`].
    pub fn decode(encoding: Encoding, input: &'a [u8], options: &DecodeOptions) -> Result<Self, DecodeError> {
        Ok(Self { body: read_document(encoding, input, options, Root::Fragment)?.body })
    }

    /// Encodes `SyncML` around the `SyncBody`.
    #[must_use]
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        encode_document(encoding, &Body::Fragment(self))
    }

    /// The same fragment, owning all it holds.
    #[must_use]
    pub fn into_owned(self) -> Fragment<'static> {
        Fragment { body: self.body.into_owned() }
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
    end: usize,
}

impl<'a> Parts<'a> {
    fn into_message(self) -> Result<Message<'a>, DecodeError> {
        match self.header {
            Some(header) => Ok(Message { header, body: self.body }),
            None => {
                Err(DecodeError::new(DecodeErrorKind::Missing("SyncHdr"), self.end, String::from("SyncML")))
            }
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
            let mut reader = wbxml::Reader::new(input, &SYNCML_1_2, options.limits)?;
            if !is_syncml(&reader.header().document) {
                return Err(error(&reader, DecodeErrorKind::NotSyncMl));
            }
            read_root(&mut reader, root)
        }
        #[cfg(feature = "xml")]
        Encoding::Xml => {
            let options =
                dm_wbxml::xml::Options::new(options.limits).with_guess_namespaces(options.guess_namespaces);
            let mut reader = dm_wbxml::xml::Reader::new(input, &SYNCML_1_2, options)?;
            read_root(&mut reader, root)
        }
    }
}

/// A number of SyncML, an unknown one, or any name of SyncML: devices carry names of versions they do not speak.
fn is_syncml(document: &DocumentId<'_>) -> bool {
    match document {
        DocumentId::Number(id) => matches!(
            *id,
            PublicId::SYNCML_1_0 | PublicId::SYNCML_1_1 | PublicId::SYNCML_1_2 | PublicId::UNKNOWN
        ),
        DocumentId::Name(name) => {
            let prefix = b"-//SYNCML//DTD SYNCML ";
            name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        }
        _ => false,
    }
}

fn read_root<'a, S: Source<'a>>(source: &mut S, root: Root) -> Result<Parts<'a>, DecodeError> {
    let wrong_root = |source: &S| Err(error(source, DecodeErrorKind::WrongRoot("SyncML")));
    let Some(Event::Start(name)) = source.next()? else { return wrong_root(source) };
    let parts = match (name, root) {
        (Name::Tag(syncml::SYNCML), _) => read_syncml(source)?,
        (Name::Tag(syncml::SYNC_BODY), Root::Fragment) => {
            Parts { header: None, body: SyncBody::decode(source)?, end: source.offset() }
        }
        (name @ Name::Tag(_), Root::Fragment) => {
            let command = Command::decode_named(source, name)?;
            let body = SyncBody { commands: alloc::vec![command], last_in_package: false };
            Parts { header: None, body, end: source.offset() }
        }
        _ => return wrong_root(source),
    };
    match source.next()? {
        None => Ok(parts),
        Some(_) => Err(error(source, DecodeErrorKind::Document(dm_wbxml::ErrorKind::OutsideRoot))),
    }
}

fn read_syncml<'a, S: Source<'a>>(source: &mut S) -> Result<Parts<'a>, DecodeError> {
    let (mut header, mut body) = (None, None);
    while let Some(name) = next_child(source)? {
        match name {
            Name::Tag(tag @ syncml::SYNC_HDR) => set_once(&mut header, tag, source)?,
            Name::Tag(tag @ syncml::SYNC_BODY) => set_once(&mut body, tag, source)?,
            // Nothing else belongs beside header and body, and nothing there could be answered.
            _ => source.skip()?,
        }
    }
    let body = body.ok_or_else(|| error(source, DecodeErrorKind::Missing("SyncBody")))?;
    Ok(Parts { header, body, end: source.offset() })
}

impl Command<'_> {
    /// Octets this command adds to a message, or a few more: its own document is encoded and measured.
    pub(crate) fn encoded_len(&self, encoding: Encoding) -> usize {
        encode_document(encoding, &Body::Command(self)).len()
    }
}

/// What a document will hold.
enum Body<'m, 'a> {
    Message(&'m Message<'a>),
    Fragment(&'m Fragment<'a>),
    Command(&'m Command<'a>),
}

impl Body<'_, '_> {
    fn encode<K: Sink>(&self, sink: &mut K) {
        if let Self::Command(command) = self {
            return command.encode(sink);
        }
        sink.open(syncml::SYNCML);
        match self {
            Self::Message(message) => {
                message.header.encode(syncml::SYNC_HDR, sink);
                message.body.encode(syncml::SYNC_BODY, sink);
            }
            Self::Fragment(fragment) => fragment.body.encode(syncml::SYNC_BODY, sink),
            Self::Command(_) => {}
        }
        sink.close();
    }
}

fn encode_document(encoding: Encoding, body: &Body<'_, '_>) -> Vec<u8> {
    let mut out = Vec::new();
    match encoding {
        Encoding::Wbxml => {
            let mut table = StringTable::new();
            if !write_wbxml(&mut out, &table, body) {
                // Names outside the code space can only stand in a table, and tables come first.
                out.clear();
                body.encode(&mut table);
                let complete = write_wbxml(&mut out, &table, body);
                debug_assert!(complete, "the table has seen every name");
            }
        }
        #[cfg(feature = "xml")]
        Encoding::Xml => body.encode(&mut dm_wbxml::xml::Writer::new(&mut out, &SYNCML_1_2)),
    }
    out
}

fn write_wbxml(out: &mut Vec<u8>, table: &StringTable, body: &Body<'_, '_>) -> bool {
    let mut writer = wbxml::Writer::new(out, wbxml::Version::V1_2, SYNCML_1_2.public_id(), table);
    body.encode(&mut writer);
    writer.finish()
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.media_type())
    }
}
