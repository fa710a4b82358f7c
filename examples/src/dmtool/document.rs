//! SyncML documents: messages with a header, and fragments without.

use dm_syncml::elements::{ErrorKind, syncml};
use dm_syncml::{
    DecodeError, DecodeErrorKind, DecodeOptions, EncodeOptions, Encoding, Fragment, Message, Quirks,
};
use dm_wbxml::xml::{self, Leniencies};
use dm_wbxml::{Event, Name, SYNCML_1_2, Source};

use super::failure::Failure;
use super::input::{Input, LIMITS};
use super::kind::{Form, Kind, Recognised};
use super::profile::ProfileArg;

/// A whole message or a fragment of one.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a program has one or two of them")]
pub(super) enum Document<'a> {
    Message(Message<'a>),
    Fragment(Fragment<'a>),
}

impl<'a> Document<'a> {
    /// Reads a SyncML document of either encoding, and refuses all others.
    pub(super) fn read(input: &'a Input, profile: ProfileArg) -> Result<Self, Failure> {
        let read = || {
            let recognised = Recognised::new(&input.octets)?;
            match (recognised.kind, recognised.form.encoding()) {
                (Kind::Syncml | Kind::Fragment, Some(encoding)) => {
                    Self::decode(encoding, &input.octets, &profile.options())
                        .map(|(document, _)| document)
                        .map_err(|error| Failure::malformed(&error))
                }
                (other, _) => Err(Failure::unfit(
                    "wrong-kind",
                    recognised.root_at,
                    &format!("a SyncML message is wanted, this is {}", other.described()),
                )),
            }
        };
        read().map_err(|failure: Failure| failure.in_file(&input.file))
    }

    /// Decodes a message if there is a header, else a fragment.
    pub(super) fn decode(
        encoding: Encoding,
        octets: &'a [u8],
        options: &DecodeOptions,
    ) -> Result<(Self, Quirks), DecodeError> {
        let error = match Message::decode_reporting(encoding, octets, options) {
            Ok((message, met)) => return Ok((Self::Message(message), met)),
            Err(error) => error,
        };
        let headless = match error.kind() {
            DecodeErrorKind::Missing("SyncHdr") | DecodeErrorKind::WrongRoot(_) => true,
            // Several roots are commands, or several messages of which each had to be read alone.
            DecodeErrorKind::Document(ErrorKind::OutsideRoot) => {
                encoding == Encoding::Xml && !has_header(octets)
            }
            _ => false,
        };
        if !headless {
            return Err(error);
        }
        let (fragment, met) = Fragment::decode_reporting(encoding, octets, options)?;
        Ok((Self::Fragment(fragment), met))
    }

    pub(super) fn encode(&self, encoding: Encoding, options: &EncodeOptions) -> Vec<u8> {
        match self {
            Self::Message(message) => message.encode_with(encoding, options),
            Self::Fragment(fragment) => fragment.encode_with(encoding, options),
        }
    }
}

impl Form {
    /// The encoding of a SyncML document.
    pub(super) fn encoding(self) -> Option<Encoding> {
        match self {
            Self::Xml => Some(Encoding::Xml),
            Self::Wbxml => Some(Encoding::Wbxml),
            Self::Binary => None,
        }
    }
}

/// Whether any of the roots of an XML document holds a SyncHdr.
fn has_header(octets: &[u8]) -> bool {
    let Ok(octets) = xml::to_utf8(octets, &LIMITS) else { return false };
    let options = xml::Options::new(LIMITS).with_leniencies(Leniencies::ALL);
    let Ok(mut source) = xml::Reader::new(&octets, &SYNCML_1_2, options) else { return false };
    while let Ok(Some(event)) = source.next() {
        if event == Event::Start(Name::Tag(syncml::SYNC_HDR)) {
            return true;
        }
    }
    false
}
