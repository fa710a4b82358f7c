//! How a document is read, from whatever source: one pass, no recursion over nodes.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use dm_syncml::Data;
use dm_syncml::elements::{Element, ErrorKind, Name, Tag, dmddf};
use dm_wbxml::{DM_DDF_1_2, Event, SYNCML_1_2, Source, is_xml_text};

use crate::value::Format;

use super::df_properties::DfProperties;
use super::document::MgmtTree;
use super::error::{DocumentError, DocumentErrorKind};
use super::node::{Node, NodeType, NodeValue};
use super::options::{DocumentOptions, DocumentQuirks};
use super::rt_properties::RtProperties;

/// A source, and how it is read.
pub(super) struct Reading<'s, 'a> {
    source: &'s mut dyn Source<'a>,
    options: &'s DocumentOptions,
    /// Whether the offsets of the source are those of a document.
    has_offsets: bool,
}

impl<'s, 'a> Reading<'s, 'a> {
    pub(super) fn new(
        source: &'s mut dyn Source<'a>,
        options: &'s DocumentOptions,
        has_offsets: bool,
    ) -> Self {
        Self { source, options, has_offsets }
    }

    pub(super) fn error(&self, kind: DocumentErrorKind) -> DocumentError {
        DocumentError::new(kind, self.has_offsets.then(|| self.source.offset()), self.source.path())
    }

    pub(super) const fn takes(&self, quirk: DocumentQuirks) -> bool {
        self.options.quirks.contains(quirk)
    }

    /// The next child of the element that holds elements.
    pub(super) fn child(&mut self) -> Result<Option<Name<'a>>, DocumentError> {
        loop {
            match self.source.child() {
                Ok(Some(name)) => return Ok(Some(self.known(name))),
                Ok(None) => return Ok(None),
                Err(error)
                    if *error.kind() == ErrorKind::TextAmongElements
                        && self.takes(DocumentQuirks::STRAY_TEXT) => {}
                Err(error) => return Err(DocumentError::of_source(&error, self.has_offsets)),
            }
        }
    }

    /// The name as one of the document type, where the namespace is not quite right.
    fn known(&self, name: Name<'a>) -> Name<'a> {
        if !self.takes(DocumentQuirks::LOOSE_NAMESPACE) {
            return name;
        }
        let local = match &name {
            Name::Tag(tag) if tag.page() == dmddf::MGMT_TREE.page() => return name,
            Name::Tag(tag) => SYNCML_1_2.name(*tag),
            Name::Foreign(foreign) => {
                let namespace = foreign.namespace().as_bytes();
                let near = namespace.is_empty()
                    || namespace.get(..7).is_some_and(|start| start.eq_ignore_ascii_case(b"syncml:"));
                near.then(|| foreign.local())
            }
            _ => None,
        };
        let tag = local.and_then(|local| DM_DDF_1_2.pages().iter().find_map(|page| page.tag(local)));
        tag.map_or(name, Name::Tag)
    }

    /// The rest of an element that nobody knows here.
    pub(super) fn element(&mut self, name: Name<'a>) -> Result<Element<'static>, DocumentError> {
        Element::decode(self.source, name)
            .map(Element::into_owned)
            .map_err(|error| DocumentError::of_source(&error, self.has_offsets))
    }

    /// The text of an element, as it is.
    pub(super) fn text(&mut self) -> Result<String, DocumentError> {
        match self.source.text() {
            Ok(text) => Ok(text.into_owned()),
            Err(error) => Err(DocumentError::of_source(&error, self.has_offsets)),
        }
    }

    /// The text of an element without the white space around it.
    pub(super) fn trimmed(&mut self) -> Result<String, DocumentError> {
        let text = self.text()?;
        let trimmed = text.trim();
        Ok(if trimmed.len() == text.len() { text } else { String::from(trimmed) })
    }

    /// A decimal number.
    pub(super) fn number(&mut self, name: &'static str) -> Result<u32, DocumentError> {
        let text = self.trimmed()?;
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if is_number => Ok(number),
            _ => Err(self.error(DocumentErrorKind::Number(name))),
        }
    }

    /// The end of an element that holds nothing.
    pub(super) fn empty(&mut self, around: &'static str) -> Result<(), DocumentError> {
        match self.child()? {
            None => Ok(()),
            Some(_) => Err(self.error(DocumentErrorKind::Choice(around))),
        }
    }

    /// The one empty element inside another.
    pub(super) fn choice<T: Copy>(
        &mut self,
        around: &'static str,
        tags: &[(Tag, T)],
    ) -> Result<T, DocumentError> {
        let mut chosen = None;
        while let Some(name) = self.child()? {
            let found = tags.iter().find(|(tag, _)| Name::Tag(*tag) == name);
            let (Some((_, one)), None) = (found, chosen) else {
                return Err(self.error(DocumentErrorKind::Choice(around)));
            };
            chosen = Some(*one);
            self.empty(around)?;
        }
        chosen.ok_or_else(|| self.error(DocumentErrorKind::Choice(around)))
    }

    /// `Format` and `DFFormat`.
    pub(super) fn format(&mut self, around: &'static str) -> Result<Format, DocumentError> {
        self.choice(around, &FORMATS)
    }

    /// `Type` and `DFType`. An empty one says no more than an empty `DDFName`.
    pub(super) fn node_type(&mut self, around: &'static str, many: bool) -> Result<NodeType, DocumentError> {
        let mut found: Option<NodeType> = None;
        while let Some(name) = self.child()? {
            let is_mime = match name {
                Name::Tag(dmddf::MIME) => true,
                Name::Tag(dmddf::DDF_NAME) => false,
                _ => return Err(self.error(DocumentErrorKind::Choice(around))),
            };
            let text = self.trimmed()?;
            let says_nothing = |name: &str| name.is_empty() && self.takes(DocumentQuirks::EMPTY_DDF_NAME);
            match (is_mime, &mut found) {
                (true, None) => found = Some(NodeType::mime(text)),
                (false, None) => found = Some(NodeType::DdfName(text)),
                (true, Some(NodeType::Mime(types))) if many => types.push(text),
                (true, Some(NodeType::DdfName(name))) if says_nothing(name) => {
                    found = Some(NodeType::mime(text))
                }
                (false, Some(NodeType::Mime(_))) if says_nothing(&text) => {}
                _ => return Err(self.error(DocumentErrorKind::Choice(around))),
            }
        }
        Ok(found.unwrap_or(NodeType::DdfName(String::new())))
    }

    /// `Value`: what it is counts later, when the format is known.
    fn value(&mut self) -> Result<NodeValue, DocumentError> {
        let (mut text, mut octets) = (String::new(), None::<Vec<u8>>);
        loop {
            let event =
                self.source.require().map_err(|error| DocumentError::of_source(&error, self.has_offsets))?;
            match event {
                Event::Text(piece) => match &mut octets {
                    None => text.push_str(&piece),
                    Some(octets) => octets.extend_from_slice(piece.as_bytes()),
                },
                Event::Opaque(piece) => octets
                    .get_or_insert_with(|| core::mem::take(&mut text).into_bytes())
                    .extend_from_slice(piece),
                Event::End => break,
                Event::Start(_) => {
                    return Err(self.error(DocumentErrorKind::Document(ErrorKind::ElementInText)));
                }
                _ => {}
            }
        }
        Ok(octets.map_or_else(|| NodeValue::text(text), NodeValue::bin))
    }

    /// The whole document.
    pub(super) fn document(&mut self) -> Result<MgmtTree, DocumentError> {
        match self.source.next().map_err(|error| DocumentError::of_source(&error, self.has_offsets))? {
            Some(Event::Start(name)) if self.known(name.clone()) == Name::Tag(dmddf::MGMT_TREE) => {}
            _ => return Err(self.error(DocumentErrorKind::WrongRoot)),
        }
        let mut tree = MgmtTree::default();
        let mut ver_dtd = None;
        // The nodes that have begun and not ended, by their places.
        let mut open: Vec<usize> = Vec::new();
        // Whether a node has its NodeName, which may be empty.
        let mut named: Vec<bool> = Vec::new();
        loop {
            let Some(name) = self.child()? else {
                match open.pop() {
                    Some(at) => self.finish(&mut tree.nodes[at])?,
                    None => break,
                }
                continue;
            };
            if name == Name::Tag(dmddf::NODE) {
                if open.last().is_some_and(|at| tree.nodes[*at].value.is_some()) {
                    return Err(self.error(DocumentErrorKind::ValueAndNodes));
                }
                if tree.nodes.len() >= self.options.max_nodes {
                    return Err(self.error(DocumentErrorKind::TooManyNodes(self.options.max_nodes)));
                }
                let depth = u16::try_from(open.len()).map_err(|_| self.error(DocumentErrorKind::Depth))?;
                open.push(tree.nodes.len());
                tree.nodes.push(Node { depth, ..Node::default() });
                named.push(false);
                continue;
            }
            let Some(&at) = open.last() else {
                self.head(name, &mut tree, &mut ver_dtd)?;
                continue;
            };
            let has_children = tree.nodes.len() > at + 1;
            self.part(name, &mut tree.nodes[at], &mut named[at], has_children)?;
        }
        tree.ver_dtd = ver_dtd.ok_or_else(|| self.error(DocumentErrorKind::Missing("VerDTD")))?;
        match self.source.next() {
            Ok(None) => Ok(tree),
            Ok(Some(_)) => Err(self.error(DocumentErrorKind::Document(ErrorKind::OutsideRoot))),
            Err(error) => Err(DocumentError::of_source(&error, self.has_offsets)),
        }
    }

    /// An element of `MgmtTree` other than a node.
    fn head(
        &mut self,
        name: Name<'a>,
        tree: &mut MgmtTree,
        ver_dtd: &mut Option<String>,
    ) -> Result<(), DocumentError> {
        match name {
            Name::Tag(dmddf::VER_DTD) => {
                let text = self.trimmed()?;
                put(ver_dtd, text, "VerDTD", self)
            }
            Name::Tag(dmddf::MAN) => {
                let text = self.trimmed()?;
                put(&mut tree.man, text, "Man", self)
            }
            Name::Tag(dmddf::MOD) => {
                let text = self.trimmed()?;
                put(&mut tree.model, text, "Mod", self)
            }
            name => {
                let element = self.element(name)?;
                tree.extensions.push(element);
                Ok(())
            }
        }
    }

    /// An element of a node other than a node.
    fn part(
        &mut self,
        name: Name<'a>,
        node: &mut Node,
        named: &mut bool,
        has_children: bool,
    ) -> Result<(), DocumentError> {
        match name {
            Name::Tag(dmddf::NODE_NAME) if *named => {
                return Err(self.error(DocumentErrorKind::Repeated("NodeName")));
            }
            Name::Tag(dmddf::NODE_NAME) => {
                node.name = self.trimmed()?;
                *named = true;
            }
            Name::Tag(dmddf::PATH) => {
                let text = self.trimmed()?;
                put(&mut node.path, text, "Path", self)?;
            }
            Name::Tag(dmddf::RT_PROPERTIES) => {
                let rt = RtProperties::read(self)?;
                put(&mut node.rt, Box::new(rt), "RTProperties", self)?;
            }
            Name::Tag(dmddf::DF_PROPERTIES) => {
                let df = DfProperties::read(self)?;
                put(&mut node.df, Box::new(df), "DFProperties", self)?;
            }
            Name::Tag(dmddf::VALUE) if has_children => {
                return Err(self.error(DocumentErrorKind::ValueAndNodes));
            }
            Name::Tag(dmddf::VALUE) => {
                let value = self.value()?;
                put(&mut node.value, value, "Value", self)?;
            }
            name => {
                let element = self.element(name)?;
                node.extensions.push(element);
            }
        }
        Ok(())
    }

    /// A node has ended: its value is what its format says.
    fn finish(&self, node: &mut Node) -> Result<(), DocumentError> {
        let is_bin = node.format() == Some(Format::Bin);
        let Some(value) = &node.value else { return Ok(()) };
        if is_bin == value.as_text().is_none() {
            return Ok(());
        }
        let wrong = || self.error(DocumentErrorKind::Value);
        let value = if is_bin {
            let text = Data::octets(value.octets());
            let octets = text.decoded(Some(&dm_syncml::Format::B64)).map_err(|_| wrong())?;
            NodeValue::bin(octets.into_owned())
        } else {
            match core::str::from_utf8(value.octets()) {
                Ok(text) if is_xml_text(text) => NodeValue::text(text),
                _ => return Err(wrong()),
            }
        };
        node.value = Some(value);
        Ok(())
    }
}

/// Keeps what an element said, once.
pub(super) fn put<T>(
    place: &mut Option<T>,
    value: T,
    name: &'static str,
    source: &Reading<'_, '_>,
) -> Result<(), DocumentError> {
    if place.is_some() {
        return Err(source.error(DocumentErrorKind::Repeated(name)));
    }
    *place = Some(value);
    Ok(())
}

/// The elements that stand for formats.
pub(super) const FORMATS: [(Tag, Format); 11] = [
    (dmddf::FORMAT_B64, Format::B64),
    (dmddf::FORMAT_BIN, Format::Bin),
    (dmddf::FORMAT_BOOL, Format::Bool),
    (dmddf::FORMAT_CHR, Format::Chr),
    (dmddf::FORMAT_DATE, Format::Date),
    (dmddf::FORMAT_FLOAT, Format::Float),
    (dmddf::FORMAT_INT, Format::Int),
    (dmddf::FORMAT_NODE, Format::Node),
    (dmddf::FORMAT_NULL, Format::Null),
    (dmddf::FORMAT_TIME, Format::Time),
    (dmddf::FORMAT_XML, Format::Xml),
];
