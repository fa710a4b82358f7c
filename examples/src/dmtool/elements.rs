//! Documents as elements, whatever they are made of.

use dm_syncml::elements::{Element, Name};
use dm_syncml::{DecodeOptions, DocumentCarriage, EncodeOptions, Encoding, Quirks};
use dm_wbxml::wbxml::{self, StringTable};
use dm_wbxml::xml;
use dm_wbxml::{CodeSpace, Error, ErrorKind, Event, SYNCML_1_2, Source};

use super::document::Document;
use super::input::LIMITS;
use super::secrets::Secrets;

/// The name of an element, as it stands on the wire; a token that nobody named is called by its page and number.
pub(super) fn name_of(name: &Name<'_>, space: &CodeSpace) -> String {
    match name {
        Name::Tag(tag) => match space.name(*tag) {
            Some(name) => name.into(),
            None => format!("t-{:02X}-{:02X}", tag.page(), tag.token()),
        },
        Name::Foreign(name) => name.local().into(),
        _ => "?".into(),
    }
}

/// The root element of a WBXML document.
pub(super) fn from_wbxml<'a>(octets: &'a [u8], space: &'static CodeSpace) -> Result<Element<'a>, Error> {
    only_root(&mut wbxml::Reader::new(octets, space, LIMITS)?)
}

/// The root element of an XML document, and the quirks it needed.
pub(super) fn from_xml(octets: &[u8], quirks: Quirks) -> Result<(Element<'static>, Quirks), Error> {
    let octets = xml::to_utf8(octets, &LIMITS)?;
    let options = xml::Options::new(LIMITS).with_leniencies(quirks.leniencies());
    let mut reader = xml::Reader::new(&octets, &SYNCML_1_2, options)?;
    let root = only_root(&mut reader)?.into_owned();
    Ok((root, Quirks::from_leniencies(reader.met())))
}

fn only_root<'a>(source: &mut impl Source<'a>) -> Result<Element<'a>, Error> {
    let Some(Event::Start(name)) = source.next()? else { return Err(source.error(ErrorKind::Truncated)) };
    let root = Element::decode(source, name)?;
    match source.next()? {
        None => Ok(root),
        Some(_) => Err(source.error(ErrorKind::OutsideRoot)),
    }
}

impl Document<'_> {
    /// The document as elements, trees inside Data opened.
    ///
    /// It goes through WBXML, which carries octets; namespaces of foreign elements are lost on the way.
    pub(super) fn to_elements(&self) -> Result<Element<'static>, Error> {
        let options = EncodeOptions::new().with_documents(DocumentCarriage::Inline);
        from_wbxml(&self.encode(Encoding::Wbxml, &options), &SYNCML_1_2).map(Element::into_owned)
    }

    /// The document with its secrets hidden.
    pub(super) fn without_secrets(&self) -> Option<Document<'static>> {
        let mut root = self.to_elements().ok()?;
        Secrets::default().hide(&mut root);
        self.with_elements(&root)
    }

    /// The document of such elements, given the one they are of.
    pub(super) fn with_elements(&self, root: &Element<'_>) -> Option<Document<'static>> {
        let mut table = StringTable::new();
        root.encode(&mut table);
        let mut octets = Vec::new();
        let representation = match self {
            Self::Message(message) => message.representation,
            Self::Fragment(fragment) => fragment.representation,
        };
        let mut writer =
            wbxml::Writer::new(&mut octets, wbxml::Version::V1_2, SYNCML_1_2.public_id(), &table);
        root.encode(&mut writer);
        if !writer.finish() {
            return None;
        }
        let options = DecodeOptions::new().with_limits(LIMITS).with_quirks(Quirks::FIELD);
        let (document, _) = Document::decode(Encoding::Wbxml, &octets, &options).ok()?;
        Some(match document {
            Document::Message(message) => {
                Document::Message(message.with_representation(representation).into_owned())
            }
            Document::Fragment(fragment) => Document::Fragment(fragment.into_owned()),
        })
    }
}
