//! One node of a document.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use dm_syncml::elements::Element;
use zeroize::Zeroize;

use crate::value::{Format, Value, ValueError};

use super::df_properties::DfProperties;
use super::rt_properties::RtProperties;

/// A node: `Node` of the document type (TND 1.2.1, TNDS and DDF).
///
/// Its children are the nodes that follow it in [`MgmtTree::nodes`](super::MgmtTree::nodes) and are deeper. Properties
/// stand apart: a node costs an octet in WBXML, and must not cost a peer's victim much more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node {
    /// `NodeName`, as written. Empty for a name that is given on creation; `*` means the same in some descriptions.
    pub name: String,
    /// `Path`: where the node hangs, up to but without its own name. In a serialised tree it counts from the target
    /// of the command, in a description from the root.
    pub path: Option<String>,
    /// `RTProperties`: what it is now.
    pub rt: Option<Box<RtProperties>>,
    /// `DFProperties`: what it may be.
    pub df: Option<Box<DfProperties>>,
    /// `Value`; only on a node without children.
    pub value: Option<NodeValue>,
    /// Elements that the document type does not know here.
    pub extensions: Vec<Element<'static>>,
    /// Zero below the root element.
    pub(super) depth: u16,
}

impl Node {
    /// A node of this name, without anything else.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Sets [`path`](Self::path).
    #[must_use]
    pub fn with_path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Sets [`rt`](Self::rt).
    #[must_use]
    pub fn with_rt(mut self, properties: RtProperties) -> Self {
        self.rt = Some(Box::new(properties));
        self
    }

    /// Sets [`df`](Self::df).
    #[must_use]
    pub fn with_df(mut self, properties: DfProperties) -> Self {
        self.df = Some(Box::new(properties));
        self
    }

    /// Sets [`value`](Self::value).
    #[must_use]
    pub fn with_value(mut self, value: NodeValue) -> Self {
        self.value = Some(value);
        self
    }

    /// How deep it stands: 0 for a node directly below `MgmtTree`.
    #[must_use]
    pub const fn depth(&self) -> usize {
        self.depth as usize
    }

    /// Whether the document leaves the name open.
    #[must_use]
    pub fn is_unnamed(&self) -> bool {
        matches!(self.name.as_str(), "" | "*")
    }

    /// The format its `RTProperties` state.
    #[must_use]
    pub fn format(&self) -> Option<Format> {
        self.rt.as_ref().and_then(|rt| rt.format)
    }

    /// The value as a leaf of a tree has it, with format `chr` and type `text/plain` unless the properties say
    /// otherwise; `None` when there is no `Value`.
    ///
    /// # Errors
    ///
    /// The data are not of the format, or the type is none.
    pub fn to_value(&self) -> Result<Option<Value>, ValueError> {
        let Some(value) = &self.value else { return Ok(None) };
        let mime = match self.rt.as_ref().and_then(|rt| rt.node_type.as_ref()) {
            Some(NodeType::Mime(types)) => types.first().map_or("", |mime| mime.trim()),
            _ => "",
        };
        let mime = if mime.is_empty() { Value::DEFAULT_TYPE } else { mime };
        Value::new(self.format().unwrap_or_default(), String::from(mime), value.octets()).map(Some)
    }
}

/// `Type` and `DFType`: what a leaf holds, or what object an interior node is the top of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeType {
    /// `MIME`: media types. One in `RTProperties`, one or more in `DFProperties`. Some descriptions have an empty one
    /// for an interior node.
    Mime(Vec<String>),
    /// `DDFName`: the management object identifier of an interior node, empty for most.
    DdfName(String),
}

impl NodeType {
    /// One media type.
    #[must_use]
    pub fn mime(mime: impl Into<String>) -> Self {
        Self::Mime(Vec::from([mime.into()]))
    }

    /// The management object identifier; empty for media types.
    #[must_use]
    pub fn ddf_name(&self) -> &str {
        match self {
            Self::DdfName(name) => name,
            Self::Mime(_) => "",
        }
    }
}

/// `Value`: text, or octets where the format is `bin`.
///
/// Octets travel as they are in WBXML and as base64 text in XML. Wiped on drop and not shown by `Debug`, since
/// accounts bring their secrets in documents.
#[derive(Clone, PartialEq, Eq)]
pub struct NodeValue(Carried);

#[derive(Clone, PartialEq, Eq)]
enum Carried {
    Text(String),
    Octets(Vec<u8>),
}

impl NodeValue {
    /// Text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self(Carried::Text(text.into()))
    }

    /// Octets, of format `bin`.
    #[must_use]
    pub fn bin(octets: impl Into<Vec<u8>>) -> Self {
        Self(Carried::Octets(octets.into()))
    }

    /// The octets, or those of the text.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        match &self.0 {
            Carried::Text(text) => text.as_bytes(),
            Carried::Octets(octets) => octets,
        }
    }

    /// The text; `None` for octets.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.0 {
            Carried::Text(text) => Some(text),
            Carried::Octets(_) => None,
        }
    }
}

impl Drop for NodeValue {
    fn drop(&mut self) {
        match &mut self.0 {
            Carried::Text(text) => text.zeroize(),
            Carried::Octets(octets) => octets.zeroize(),
        }
    }
}

impl fmt::Debug for NodeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Carried::Text(text) => write!(f, "(text of {} bytes)", text.len()),
            Carried::Octets(octets) => write!(f, "({} bytes)", octets.len()),
        }
    }
}

impl NodeType {
    pub(super) fn texts(&self) -> impl Iterator<Item = (&'static str, &str, bool)> {
        let (types, name) = match self {
            Self::Mime(types) => (types.as_slice(), None),
            Self::DdfName(name) => (&[][..], Some(name.as_str())),
        };
        types
            .iter()
            .map(|mime| ("MIME", mime.as_str(), false))
            .chain(name.into_iter().map(|name| ("DDFName", name, false)))
    }
}
