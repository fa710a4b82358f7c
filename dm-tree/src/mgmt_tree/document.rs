//! The document: its head, its nodes, and the shapes it travels in.

use alloc::string::String;
use alloc::vec::Vec;

use dm_syncml::elements::{Element, Name, Node as Piece, WbxmlVersion};
use dm_syncml::{Data, Encoding, Format};
use dm_wbxml::wbxml::{self, StringTable};
use dm_wbxml::{DM_DDF_1_2, is_xml_text};

use super::element_source::ElementSource;
use super::error::{DocumentError, DocumentErrorKind};
use super::node::Node;
use super::options::DocumentOptions;
use super::reading::Reading;
use super::writing::{self, ElementSink};

/// A document of a management tree: `MgmtTree` (TND 1.2.1, DDF and TNDS).
///
/// A serialised tree (TNDS) has `RTProperties` and values, a description (DDF) has `DFProperties`; nothing keeps a
/// document from having both. The nodes are a list in document order, parents before their children, each with its
/// [depth](Node::depth); so no document is walked by recursion.
///
/// Equal documents encode to the same octets, and what is encoded decodes to an equal document, in either encoding;
/// in WBXML elements that nobody knows lose their namespaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MgmtTree {
    pub(super) ver_dtd: String,
    pub(super) man: Option<String>,
    pub(super) model: Option<String>,
    pub(super) extensions: Vec<Element<'static>>,
    pub(super) nodes: Vec<Node>,
}

impl MgmtTree {
    /// The version of the document type that is written: `1.2`.
    pub const VER_DTD: &'static str = "1.2";

    /// How deep nodes may be nested: what the readers of this family can be told to read, less what is around and
    /// inside of a node.
    pub const MAX_DEPTH: usize = dm_syncml::elements::Limits::MAX_DEPTH as usize - 16;

    /// A document without nodes.
    #[must_use]
    pub fn new() -> Self {
        Self { ver_dtd: Self::VER_DTD.into(), ..Self::default() }
    }

    /// `VerDTD`.
    #[must_use]
    pub fn ver_dtd(&self) -> &str {
        &self.ver_dtd
    }

    /// `Man`: who makes the device.
    #[must_use]
    pub fn man(&self) -> Option<&str> {
        self.man.as_deref()
    }

    /// `Mod`: the model of the device.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Elements beside the nodes that the document type does not know.
    #[must_use]
    pub fn extensions(&self) -> &[Element<'static>] {
        &self.extensions
    }

    /// The nodes, parents before their children.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Whether any node has `DFProperties`: then this describes rather than serialises.
    #[must_use]
    pub fn is_description(&self) -> bool {
        self.nodes.iter().any(|node| node.df.is_some())
    }

    /// Adds a node behind the others, `depth` levels deep: 0 for one directly below `MgmtTree`, one more than the
    /// node before for its child.
    ///
    /// # Errors
    ///
    /// The node before is no parent for it, since it is not that deep or has a value; a depth beyond
    /// [`MAX_DEPTH`](Self::MAX_DEPTH); text that no document can carry, or that would lose white space; a value that
    /// is not of the format, or of a node with children.
    pub fn push(&mut self, depth: usize, mut node: Node) -> Result<(), DocumentError> {
        let wrong = |kind| DocumentError::new(kind, None, String::new());
        let before = self.nodes.last();
        if depth > before.map_or(0, |node| node.depth() + 1) || depth > Self::MAX_DEPTH {
            return Err(wrong(DocumentErrorKind::Depth));
        }
        let below_before = before.filter(|before| before.depth() < depth);
        if below_before.is_some_and(|parent| parent.value.is_some()) {
            return Err(wrong(DocumentErrorKind::ValueAndNodes));
        }
        let value = node.value.as_ref();
        let is_bin = node.format() == Some(crate::value::Format::Bin);
        if value.is_some_and(|value| value.as_text().is_none() != is_bin) {
            return Err(wrong(DocumentErrorKind::Value));
        }
        let own = [
            ("NodeName", Some(node.name.as_str()), false),
            ("Path", node.path.as_deref(), false),
            ("Value", value.and_then(|value| value.as_text()), true),
        ];
        let own = own.into_iter().filter_map(|(name, text, exact)| Some((name, text?, exact)));
        let rt = node.rt.iter().flat_map(|rt| rt.texts());
        let df = node.df.iter().flat_map(|df| df.texts());
        for (name, text, exact) in own.chain(rt).chain(df) {
            if !is_xml_text(text) || (!exact && text.trim() != text) {
                return Err(wrong(DocumentErrorKind::NotText(name)));
            }
        }
        // Held to the depth of a reader just above.
        node.depth = u16::try_from(depth).unwrap_or(u16::MAX);
        self.nodes.push(node);
        Ok(())
    }

    /// Reads a document of its own.
    ///
    /// # Errors
    ///
    /// What is wrong, its offset and the elements around it.
    pub fn decode(
        encoding: Encoding,
        document: &[u8],
        options: &DocumentOptions,
    ) -> Result<Self, DocumentError> {
        match encoding {
            Encoding::Wbxml => Self::decode_wbxml(document, options),
            #[cfg(feature = "xml")]
            _ => Self::decode_xml(document, options),
            #[cfg(not(feature = "xml"))]
            _ => Err(DocumentError::new(DocumentErrorKind::NoXml, None, String::new())),
        }
    }

    /// Reads a document of whichever encoding its first octets say.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode).
    pub fn detect(document: &[u8], options: &DocumentOptions) -> Result<Self, DocumentError> {
        let unknown = |kind| Err(DocumentError::new(kind, Some(0), String::new()));
        match document {
            [0x00..=0x03, ..] => Self::decode_wbxml(document, options),
            #[cfg(feature = "xml")]
            [b'<' | b' ' | b'\t' | b'\r' | b'\n' | 0xEF | 0xFE | 0xFF, ..] => {
                Self::decode_xml(document, options)
            }
            #[cfg(not(feature = "xml"))]
            [b'<', ..] => unknown(DocumentErrorKind::NoXml),
            _ => unknown(DocumentErrorKind::WrongRoot),
        }
    }

    /// Reads the document that the Data of an item is, in any of the shapes it travels in: elements of the message, a
    /// document as octets, or text, of either encoding. `format` is the Format in force, which may say base64.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode); offsets count from the beginning of the Data, and there are none for elements.
    pub fn from_data(
        data: &Data<'_>,
        format: Option<&Format<'_>>,
        options: &DocumentOptions,
    ) -> Result<Self, DocumentError> {
        let wrong = |kind| DocumentError::new(kind, None, String::new());
        if let Some(pieces) = data.as_nodes() {
            let mut elements = pieces.iter().filter(|piece| match piece {
                Piece::Text(text) => !text.trim_ascii().is_empty(),
                _ => true,
            });
            return match (elements.next(), elements.next()) {
                (Some(Piece::Element(element)), None) => Self::from_element(element, options),
                _ => Err(wrong(DocumentErrorKind::WrongRoot)),
            };
        }
        let octets = data.decoded(format).map_err(|_| wrong(DocumentErrorKind::WrongRoot))?;
        Self::detect(&octets, options)
    }

    /// Reads the element that is the document.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode), without offsets.
    pub fn from_element(element: &Element<'_>, options: &DocumentOptions) -> Result<Self, DocumentError> {
        Reading::new(&mut ElementSource::new(element), options, false).document()
    }

    fn decode_wbxml(document: &[u8], options: &DocumentOptions) -> Result<Self, DocumentError> {
        let reader = wbxml::Reader::new(document, &DM_DDF_1_2, options.limits);
        let mut reader = reader.map_err(|error| DocumentError::of_source(&error, true))?;
        Reading::new(&mut reader, options, true).document()
    }

    #[cfg(feature = "xml")]
    fn decode_xml(document: &[u8], options: &DocumentOptions) -> Result<Self, DocumentError> {
        use super::options::DocumentQuirks;
        use dm_wbxml::xml::{self, Leniencies};

        let wrong = |error: dm_wbxml::Error| DocumentError::of_source(&error, true);
        let leniencies = match options.quirks.contains(DocumentQuirks::LOOSE_NAMESPACE) {
            true => Leniencies::NAMESPACE_CASE,
            false => Leniencies::NONE,
        };
        let document = xml::to_utf8(document, &options.limits).map_err(wrong)?;
        let options_of_xml = xml::Options::new(options.limits).with_leniencies(leniencies);
        let mut reader = xml::Reader::new(&document, &DM_DDF_1_2, options_of_xml).map_err(wrong)?;
        Reading::new(&mut reader, options, true).document()
    }

    /// The document of its own: compact XML in the namespace `syncml:dmddf1.2`, or WBXML that names its document
    /// type in the string table, since no number was assigned.
    #[must_use]
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        let mut out = Vec::new();
        match encoding {
            Encoding::Wbxml => {
                let mut table = StringTable::new();
                let name = table.insert(DM_DDF_1_2.formal_public_id());
                writing::document(self, &mut table);
                let mut writer = wbxml::Writer::named(&mut out, WbxmlVersion::V1_2, name, &table);
                writing::document(self, &mut writer);
                let complete = writer.finish();
                debug_assert!(complete, "the table has seen every name");
            }
            #[cfg(feature = "xml")]
            _ => writing::document(self, &mut dm_wbxml::xml::Writer::new(&mut out, &DM_DDF_1_2)),
            #[cfg(not(feature = "xml"))]
            _ => {}
        }
        out
    }

    /// The document as an element, for the Data of a message: [`Data::element`].
    #[must_use]
    pub fn to_element(&self) -> Element<'static> {
        let mut sink = ElementSink::default();
        writing::document(self, &mut sink);
        sink.finish().unwrap_or_else(|| Element::new(Name::Tag(dm_syncml::elements::dmddf::MGMT_TREE)))
    }
}
