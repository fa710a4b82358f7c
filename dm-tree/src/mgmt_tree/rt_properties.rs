//! `RTProperties`: what a node is while the tree runs (TND 1.2.1, TNDS).

use alloc::string::String;
use alloc::vec::Vec;

use dm_syncml::elements::{Element, Name, dmddf};
use dm_wbxml::Sink;

use crate::acl::Acl;
use crate::value::Format;

use super::error::{DocumentError, DocumentErrorKind};
use super::node::NodeType;
use super::reading::{Reading, put};
use super::writing;

/// The properties a serialised node has; each may be left out by who wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RtProperties {
    /// `ACL`; empty when the node inherits.
    pub acl: Option<Acl>,
    /// `Format`.
    pub format: Option<Format>,
    /// `Name`; the name that counts is that of the node.
    pub name: Option<String>,
    /// `Size`: octets of the value, not encoded.
    pub size: Option<u32>,
    /// `Title`.
    pub title: Option<String>,
    /// `TStamp`, as written: `YYYYMMDDThhmmssZ`.
    pub t_stamp: Option<String>,
    /// `Type`.
    pub node_type: Option<NodeType>,
    /// `VerNo`.
    pub ver_no: Option<u16>,
    /// Elements that the document type does not know here.
    pub extensions: Vec<Element<'static>>,
}

impl RtProperties {
    /// Those of a leaf.
    #[must_use]
    pub fn leaf(format: Format, mime: impl Into<String>) -> Self {
        Self { format: Some(format), node_type: Some(NodeType::mime(mime)), ..Self::default() }
    }

    /// Those of an interior node: its management object identifier, empty for most.
    #[must_use]
    pub fn interior(mo_id: impl Into<String>) -> Self {
        Self {
            format: Some(Format::Node),
            node_type: Some(NodeType::DdfName(mo_id.into())),
            ..Self::default()
        }
    }

    /// Sets [`acl`](Self::acl).
    #[must_use]
    pub fn with_acl(mut self, acl: Acl) -> Self {
        self.acl = Some(acl);
        self
    }

    /// Sets [`title`](Self::title).
    #[must_use]
    pub fn with_title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    pub(super) fn read(source: &mut Reading<'_, '_>) -> Result<Self, DocumentError> {
        let mut rt = Self::default();
        while let Some(name) = source.child()? {
            let Name::Tag(tag) = name else {
                rt.extensions.push(source.element(name)?);
                continue;
            };
            match tag {
                dmddf::ACL => {
                    let text = source.trimmed()?;
                    let acl = Acl::parse(&text)
                        .map_err(|error| source.error(DocumentErrorKind::Acl(error.kind())))?;
                    put(&mut rt.acl, acl, "ACL", source)?;
                }
                dmddf::FORMAT => {
                    let format = source.format("Format")?;
                    put(&mut rt.format, format, "Format", source)?;
                }
                dmddf::NAME => {
                    let text = source.trimmed()?;
                    put(&mut rt.name, text, "Name", source)?;
                }
                dmddf::SIZE => {
                    let size = source.number("Size")?;
                    put(&mut rt.size, size, "Size", source)?;
                }
                dmddf::TITLE => {
                    let text = source.text()?;
                    put(&mut rt.title, text, "Title", source)?;
                }
                dmddf::T_STAMP => {
                    let text = source.trimmed()?;
                    put(&mut rt.t_stamp, text, "TStamp", source)?;
                }
                dmddf::TYPE => {
                    let node_type = source.node_type("Type", false)?;
                    put(&mut rt.node_type, node_type, "Type", source)?;
                }
                dmddf::VER_NO => {
                    let number = source.number("VerNo")?;
                    let number = u16::try_from(number)
                        .map_err(|_| source.error(DocumentErrorKind::Number("VerNo")))?;
                    put(&mut rt.ver_no, number, "VerNo", source)?;
                }
                _ => rt.extensions.push(source.element(name)?),
            }
        }
        Ok(rt)
    }

    pub(super) fn write(&self, sink: &mut dyn Sink) {
        sink.open(dmddf::RT_PROPERTIES);
        if let Some(acl) = &self.acl {
            sink.leaf(dmddf::ACL, &alloc::string::ToString::to_string(acl));
        }
        if let Some(format) = self.format {
            writing::format(dmddf::FORMAT, format, sink);
        }
        writing::leaf(dmddf::NAME, self.name.as_deref(), sink);
        writing::number(dmddf::SIZE, self.size, sink);
        writing::leaf(dmddf::TITLE, self.title.as_deref(), sink);
        writing::leaf(dmddf::T_STAMP, self.t_stamp.as_deref(), sink);
        if let Some(node_type) = &self.node_type {
            writing::node_type(dmddf::TYPE, node_type, sink);
        }
        writing::number(dmddf::VER_NO, self.ver_no.map(u32::from), sink);
        writing::extensions(&self.extensions, sink);
        sink.close();
    }

    /// The texts that must be carried, by the names of their elements, and whether white space around them counts.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&'static str, &str, bool)> {
        [("Name", &self.name, false), ("Title", &self.title, true), ("TStamp", &self.t_stamp, false)]
            .into_iter()
            .filter_map(|(name, text, exact)| Some((name, text.as_deref()?, exact)))
            .chain(self.node_type.iter().flat_map(NodeType::texts))
    }
}
