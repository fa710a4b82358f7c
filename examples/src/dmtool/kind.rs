//! Which kind of document this is.

use base64ct::{Base64, Encoding as _};
use clap::ValueEnum;
use dm_notification::push::UserDataHeader;
use dm_notification::{Notification, Policy, Version};
use dm_syncml::elements::{dmddf, syncml};
use dm_wbxml::wbxml::{self, DocumentId};
use dm_wbxml::xml::{self, Leniencies};
use dm_wbxml::{Error, Event, Name, PublicId, SYNCML_1_2, Source};

use super::failure::Failure;
use super::input::LIMITS;

/// A kind of document.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A message with its header
    Syncml,
    /// Commands without a header
    Fragment,
    /// A management tree with values
    Tnds,
    /// A description of management trees
    Ddf,
    /// A connectivity provisioning document
    Provisioning,
    /// A notification of device management, alone
    Package0,
    /// A notification of data synchronization, alone
    DsSan,
    /// A WSP push
    WapPush,
    /// A short message with its user data header
    Sms,
}

/// How a document is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    Xml,
    Wbxml,
    Binary,
}

/// A document's kind and form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Recognised {
    pub(super) kind: Kind,
    pub(super) form: Form,
    /// Octets before the place that told.
    pub(super) root_at: usize,
}

impl Kind {
    /// Its name in arguments and JSON.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Syncml => "syncml",
            Self::Fragment => "fragment",
            Self::Tnds => "tnds",
            Self::Ddf => "ddf",
            Self::Provisioning => "provisioning",
            Self::Package0 => "package0",
            Self::DsSan => "ds-san",
            Self::WapPush => "wap-push",
            Self::Sms => "sms",
        }
    }

    /// What it is, in a sentence.
    pub(super) const fn described(self) -> &'static str {
        match self {
            Self::Syncml => "a SyncML message",
            Self::Fragment => "SyncML without a header",
            Self::Tnds => "a management tree (TNDS)",
            Self::Ddf => "a device description (DDF)",
            Self::Provisioning => "a provisioning document",
            Self::Package0 => "a notification (Package 0)",
            Self::DsSan => "a notification of data synchronization",
            Self::WapPush => "a WAP push",
            Self::Sms => "a short message",
        }
    }

    /// What somebody says is a tree or a provisioning document begins like one.
    pub(super) fn expect_root(self, root: &Name<'_>) -> Result<(), Failure> {
        let local = match root {
            Name::Tag(tag) => SYNCML_1_2.name(*tag).unwrap_or_default(),
            Name::Foreign(name) => name.local(),
            _ => "",
        };
        let (fits, sentence) = match self {
            Self::Tnds | Self::Ddf => (local == "MgmtTree", "the root element is not MgmtTree"),
            Self::Provisioning => (
                matches!(local, "wap-provisioningdoc" | "characteristic"),
                "the root element is not wap-provisioningdoc or characteristic",
            ),
            _ => (true, ""),
        };
        if fits { Ok(()) } else { Err(Failure::unfit("wrong-root", 0, sentence)) }
    }

    const fn is_binary(self) -> bool {
        matches!(self, Self::Package0 | Self::DsSan | Self::WapPush | Self::Sms)
    }
}

impl Form {
    /// Its name in JSON.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Xml => "xml",
            Self::Wbxml => "wbxml",
            Self::Binary => "binary",
        }
    }

    /// What the first octets say; [`Binary`](Self::Binary) is never said.
    pub(super) fn of(octets: &[u8]) -> Self {
        if looks_like_xml(octets) { Self::Xml } else { Self::Wbxml }
    }
}

impl Recognised {
    /// Looks at XML's root element, then WBXML's header, then the first octets of SMS and WSP, and last at what could be Package 0.
    ///
    /// # Errors
    /// What is wrong with the XML or WBXML that the document seems to be, or that it is nothing known.
    pub(super) fn new(octets: &[u8]) -> Result<Self, Failure> {
        let as_text = match Form::of(octets) {
            Form::Xml => recognise_xml(octets),
            _ => recognise_wbxml(octets),
        };
        let failure = match as_text {
            Ok(recognised) => return Ok(recognised),
            Err(failure) => failure,
        };
        let kind = if is_sms(octets) {
            Kind::Sms
        } else if is_push(octets) {
            Kind::WapPush
        } else if let Some(kind) = notification(octets) {
            kind
        } else if looks_like_xml(octets) || octets.is_empty() || matches!(octets, [0x01..=0x03, ..]) {
            return Err(failure);
        } else {
            return Err(unknown(octets));
        };
        Ok(Self { kind, form: Form::Binary, root_at: 0 })
    }

    /// The kind that somebody says it is.
    pub(super) fn told(kind: Kind, octets: &[u8]) -> Self {
        let form = if kind.is_binary() { Form::Binary } else { Form::of(octets) };
        Self { kind, form, root_at: 0 }
    }
}

/// Neither XML nor WBXML nor anything else that is known; what it may be is said all the same.
pub(super) fn unknown(octets: &[u8]) -> Failure {
    let digits: Vec<u8> = octets.iter().copied().filter(|octet| !octet.is_ascii_whitespace()).collect();
    let is_document = |octets: Vec<u8>| matches!(octets.as_slice(), [0x01..=0x03 | b'<', ..]);
    let sentence = match digits.as_slice() {
        [] => "there is nothing in it but white space",
        [0x1F, 0x8B, ..] => "this is packed with gzip, so unpack it first",
        digits if digits.len() >= 8 && digits.iter().all(u8::is_ascii_hexdigit) => {
            "these are hexadecimal digits, so try xxd -r -p first"
        }
        digits
            if str::from_utf8(digits).is_ok_and(|text| Base64::decode_vec(text).is_ok_and(is_document)) =>
        {
            "this is base64 of something, so try base64 -d first"
        }
        _ => "this is no kind of document that is known",
    };
    Failure::unfit("unknown-kind", 0, sentence)
}

fn looks_like_xml(octets: &[u8]) -> bool {
    match octets {
        // Byte order marks, and UTF-16 without one.
        [0xEF, 0xBB, 0xBF, ..] | [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] | [0, b'<', ..] => true,
        _ => octets.trim_ascii_start().first() == Some(&b'<'),
    }
}

fn recognise_xml(octets: &[u8]) -> Result<Recognised, Failure> {
    let malformed = |error: Error| Failure::malformed(&error);
    let octets = xml::to_utf8(octets, &LIMITS).map_err(malformed)?;
    let options = xml::Options::new(LIMITS).with_leniencies(Leniencies::ALL);
    let mut source = xml::Reader::new(&octets, &SYNCML_1_2, options).map_err(malformed)?;
    recognise_root(&mut source, Form::Xml)
}

fn recognise_wbxml(octets: &[u8]) -> Result<Recognised, Failure> {
    let mut source =
        wbxml::Reader::new(octets, &SYNCML_1_2, LIMITS).map_err(|error| Failure::malformed(&error))?;
    let root_at = source.offset();
    let foreign = match source.header().document {
        // Tokens of the provisioning document mean other elements than SyncML's.
        DocumentId::Number(PROVISIONING) => {
            return Ok(Recognised { kind: Kind::Provisioning, form: Form::Wbxml, root_at });
        }
        DocumentId::Name(name) if name.eq_ignore_ascii_case(b"-//WAPFORUM//DTD PROV 1.0//EN") => {
            return Ok(Recognised { kind: Kind::Provisioning, form: Form::Wbxml, root_at });
        }
        DocumentId::Number(id) => {
            let known = [PublicId::UNKNOWN, PublicId::SYNCML_1_0, PublicId::SYNCML_1_1, PublicId::SYNCML_1_2];
            !known.contains(&id)
        }
        DocumentId::Name(name) => {
            let starts =
                |prefix: &[u8]| name.get(..prefix.len()).is_some_and(|s| s.eq_ignore_ascii_case(prefix));
            !starts(b"-//SYNCML//DTD SYNCML ") && !starts(b"-//OMA//DTD-DM-DDF ")
        }
        _ => true,
    };
    if foreign {
        return Err(Failure::unfit(
            "wrong-kind",
            root_at,
            "the WBXML header names a document type that is not one of device management",
        ));
    }
    recognise_root(&mut source, Form::Wbxml)
}

/// The public identifier of `-//WAPFORUM//DTD PROV 1.0//EN`.
const PROVISIONING: PublicId = match PublicId::new(0x0B) {
    Some(id) => id,
    None => PublicId::UNKNOWN,
};

/// The first element tells, and of management trees the first properties.
fn recognise_root<'a>(source: &mut impl Source<'a>, form: Form) -> Result<Recognised, Failure> {
    let event = source.next().map_err(|error| Failure::malformed(&error))?;
    let root_at = source.offset();
    let kind = match &event {
        Some(Event::Start(Name::Tag(syncml::SYNCML))) => Some(Kind::Syncml),
        Some(Event::Start(Name::Tag(dmddf::MGMT_TREE))) => Some(tree_kind(source)),
        // The decoder keeps what is no command; a SyncHdr alone says nothing.
        Some(Event::Start(Name::Tag(tag)))
            if tag.page() == 0 && *tag != syncml::SYNC_HDR && SYNCML_1_2.name(*tag).is_some() =>
        {
            Some(Kind::Fragment)
        }
        Some(Event::Start(Name::Foreign(name))) => match name.local() {
            "wap-provisioningdoc" | "characteristic" => Some(Kind::Provisioning),
            _ => None,
        },
        _ => None,
    };
    match kind {
        Some(kind) => Ok(Recognised { kind, form, root_at }),
        None => Err(Failure::unfit(
            "wrong-root",
            root_at,
            "the root element is not one of a kind of document that is known",
        )),
    }
}

/// A description has DFProperties. What is wrong further on is for a decoder to say.
fn tree_kind<'a>(source: &mut impl Source<'a>) -> Kind {
    while let Ok(Some(event)) = source.next() {
        match event {
            Event::Start(Name::Tag(dmddf::RT_PROPERTIES)) => return Kind::Tnds,
            Event::Start(Name::Tag(dmddf::DF_PROPERTIES)) => return Kind::Ddf,
            _ => {}
        }
    }
    Kind::Tnds
}

/// A user data header with port numbers (3GPP TS 23.040 §9.2.3.24.4); the first octets of a push do not look like one.
pub(super) fn is_sms(octets: &[u8]) -> bool {
    UserDataHeader::decode(octets).is_ok_and(|(header, _)| header.ports().is_some())
}

/// A transaction, Push or ConfirmedPush, and headers that begin with a content type (WAP-230 §8.2.4).
fn is_push(octets: &[u8]) -> bool {
    let [_, 0x06 | 0x07, rest @ ..] = octets else { return false };
    let mut length = 0_usize;
    for (at, octet) in rest.iter().take(4).enumerate() {
        length = length << 7 | usize::from(octet & 0x7F);
        if octet & 0x80 == 0 {
            let Some(headers) = rest.get(at + 1..).and_then(|headers| headers.get(..length)) else {
                return false;
            };
            return match headers {
                // A code, a length and what it counts, or text up to a NUL.
                [0x80..=0xFF, ..] => true,
                [0x1F, ..] => true,
                [length @ 1..=0x1E, rest @ ..] => rest.len() >= usize::from(*length),
                [b'a'..=b'z', ..] => headers.contains(&0),
                _ => false,
            };
        }
    }
    false
}

/// A digest, a trigger and whatever else: both kinds of notification have it.
fn notification(octets: &[u8]) -> Option<Kind> {
    let notification = Notification::decode_with(octets, &Policy::FIELD).ok()?;
    let trigger = notification.trigger();
    // Some management servers say 12 too, but number no synchronizations.
    let synchronizes = matches!(trigger.vendor_body(), [head, ..] if head & 0x0F == 0);
    Some(if trigger.version() == Version::V1_2 && synchronizes { Kind::DsSan } else { Kind::Package0 })
}
