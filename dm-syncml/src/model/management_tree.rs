//! Management trees inside Data, in their three shapes: elements of the message, a WBXML document, an XML document.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use dm_wbxml::wbxml::{self, StringTable};
use dm_wbxml::{Element, Event, Limits, Name, Node, SYNCML_1_2, Source, dmddf};

use super::data::Data;
use super::encode_options::{DocumentCarriage, EncodeOptions};
use super::token::{Format, MediaType};

/// The name of the document type (TND 1.2.1).
const DOCUMENT_NAME: &str = "-//OMA//DTD-DM-DDF 1.2//EN";

impl Data<'_> {
    /// The management tree (TNDS or DDF: an element `MgmtTree`) that the data is, in any of the shapes it travels in: as elements, as a WBXML
    /// document, as an XML document. `format` is the Format in force, which may say that octets travel as base64.
    ///
    /// `None` for everything else, and for a document that cannot be read within `limits`.
    ///
    /// ```
    /// # #[cfg(feature = "xml")]
    /// # fn main() -> Result<(), dm_syncml::DecodeError> {
    /// use dm_syncml::{Data, elements::Limits};
    ///
    /// let tnds = Data::text("<MgmtTree xmlns='syncml:dmddf1.2'><VerDTD>1.2</VerDTD></MgmtTree>").unwrap();
    /// let tree = tnds.management_tree(None, &Limits::DEFAULT).unwrap();
    /// assert_eq!(tree.children.len(), 1);
    /// assert!(Data::text("<b/>").unwrap().management_tree(None, &Limits::DEFAULT).is_none());
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "xml"))]
    /// # fn main() {}
    /// ```
    #[must_use]
    pub fn management_tree(
        &self,
        format: Option<&Format<'_>>,
        limits: &Limits,
    ) -> Option<Cow<'_, Element<'_>>> {
        if let Some(nodes) = self.as_nodes() {
            return only_element(nodes).filter(|element| is_tree(&element.name)).map(Cow::Borrowed);
        }
        match self.decoded(format).ok()? {
            Cow::Borrowed(octets) => read(octets, limits).map(Cow::Owned),
            Cow::Owned(octets) => Some(Cow::Owned(read(&octets, limits)?.into_owned())),
        }
    }
}

/// The element, when there is nothing beside it but white space.
fn only_element<'n, 'a>(nodes: &'n [Node<'a>]) -> Option<&'n Element<'a>> {
    let mut only = None;
    for node in nodes {
        match node {
            Node::Element(element) if only.is_none() => only = Some(element),
            Node::Text(text) if text.trim_ascii().is_empty() => {}
            _ => return None,
        }
    }
    only
}

fn is_tree(name: &Name<'_>) -> bool {
    *name == Name::Tag(dmddf::MGMT_TREE)
}

fn read<'a>(octets: &'a [u8], limits: &Limits) -> Option<Element<'a>> {
    match octets.trim_ascii_start() {
        [0x01..=0x03, ..] => read_from(wbxml::Reader::new(octets, &SYNCML_1_2, *limits).ok()?),
        #[cfg(feature = "xml")]
        [b'<' | 0xEF, ..] => {
            use dm_wbxml::xml::{Leniencies, Options, Reader};
            // Inside Data nobody has seen a namespace where it is not declared again; without one the name says enough.
            let options = Options::new(*limits).with_leniencies(Leniencies::NO_NAMESPACE);
            read_from(Reader::new(octets, &SYNCML_1_2, options).ok()?)
        }
        _ => None,
    }
}

fn read_from<'a>(mut source: impl Source<'a>) -> Option<Element<'a>> {
    let Ok(Some(Event::Start(name))) = source.next() else { return None };
    if !is_tree(&name) {
        return None;
    }
    let tree = Element::decode(&mut source, name).ok()?;
    matches!(source.next(), Ok(None)).then_some(tree)
}

/// The types of management trees, with the suffix that tells the encoding.
const TYPES: [(&str, MediaType<'static>, MediaType<'static>); 2] = [
    ("application/vnd.syncml.dmtnds", MediaType::TNDS_XML, MediaType::TNDS_WBXML),
    ("application/vnd.syncml.dmddf", MediaType::DDF_XML, MediaType::DDF_WBXML),
];

/// The types of the document that `media_type` names: as XML and as WBXML.
pub(super) fn types_of(media_type: &MediaType<'_>) -> Option<(MediaType<'static>, MediaType<'static>)> {
    let (stem, suffix) = media_type.as_str().rsplit_once('+')?;
    let known = suffix.eq_ignore_ascii_case("xml") || suffix.eq_ignore_ascii_case("wbxml");
    let (_, xml, wbxml) = TYPES.into_iter().find(|(known, ..)| known.eq_ignore_ascii_case(stem))?;
    known.then_some((xml, wbxml))
}

/// Data in another shape, and the Type and Format that say so where they have to change.
pub(super) struct Reshaped<'d> {
    pub(super) data: Data<'d>,
    pub(super) media_type: Option<MediaType<'static>>,
    pub(super) format: Option<Format<'static>>,
}

/// The data as the options want it, under the Type and Format in force; `None` when it stays as it is.
pub(super) fn reshape<'d>(
    data: &'d Data<'_>,
    media_type: Option<&MediaType<'_>>,
    format: Option<&Format<'_>>,
    options: &EncodeOptions,
    carries_octets: bool,
) -> Option<Reshaped<'d>> {
    let wanted = match options.documents {
        DocumentCarriage::AsIs => return None,
        DocumentCarriage::Wbxml if !carries_octets => DocumentCarriage::Inline,
        wanted => wanted,
    };
    let types = media_type.and_then(types_of);
    let inline = data.as_nodes().is_some();
    if (types.is_none() && !inline) || (inline && wanted == DocumentCarriage::Inline) {
        return None;
    }
    let tree = data.management_tree(format, &Limits::DEFAULT)?;
    let (data, as_wbxml) = match wanted {
        DocumentCarriage::Wbxml => (Data::octets(write_wbxml(&tree, options)), true),
        #[cfg(feature = "xml")]
        DocumentCarriage::Xml => (Data::octets(write_xml(&tree)).into_text(), false),
        _ => (Data::element(tree.into_owned()), false),
    };
    Some(Reshaped {
        data,
        media_type: types.map(|(xml, wbxml)| if as_wbxml { wbxml } else { xml }),
        // It is base64, or any octets, no more.
        format: format.is_some_and(|format| matches!(format.as_str(), "b64" | "bin")).then_some(Format::XML),
    })
}

fn write_wbxml(tree: &Element<'_>, options: &EncodeOptions) -> Vec<u8> {
    let mut table = StringTable::new();
    let name = table.insert(DOCUMENT_NAME);
    tree.encode(&mut table);
    let mut out = Vec::new();
    let mut writer = wbxml::Writer::named(&mut out, options.wbxml_version, name, &table);
    tree.encode(&mut writer);
    let complete = writer.finish();
    debug_assert!(complete, "the table has seen every name");
    out
}

#[cfg(feature = "xml")]
fn write_xml(tree: &Element<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    tree.encode(&mut dm_wbxml::xml::Writer::new(&mut out, &SYNCML_1_2));
    out
}
