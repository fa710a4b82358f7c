//! `DFProperties`: what a node may be (TND 1.2.1, DDF).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use dm_syncml::elements::{Element, Name, Tag, dmddf};
use dm_wbxml::Sink;

use crate::rights::AccessType;
use crate::value::Format;

use super::error::{DocumentError, DocumentErrorKind};
use super::node::NodeType;
use super::options::DocumentQuirks;
use super::reading::{Reading, put};
use super::writing;

/// The description of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DfProperties {
    /// `AccessType`: the commands the node takes. `None` only where a
    /// [quirk](DocumentQuirks::INCOMPLETE_DESCRIPTION) lets it be left out.
    pub access: Option<AccessType>,
    /// `DefaultValue`.
    pub default_value: Option<String>,
    /// `Description`, for people.
    pub description: Option<String>,
    /// `DFFormat`. `None` as for [`access`](Self::access).
    pub format: Option<Format>,
    /// `Occurrence`; absent means exactly one.
    pub occurrence: Option<Occurrence>,
    /// `Scope`; absent means dynamic.
    pub scope: Option<Scope>,
    /// `DFTitle`, for people.
    pub title: Option<String>,
    /// `DFType`. `None` as for [`access`](Self::access).
    pub node_type: Option<NodeType>,
    /// `CaseSense`: for the names of the node and of all below it; absent means as above.
    pub case_sense: Option<CaseSense>,
    /// Elements that the document type does not know here: `Applicability` and the like of Microsoft's.
    pub extensions: Vec<Element<'static>>,
}

impl DfProperties {
    /// A leaf of one media type.
    #[must_use]
    pub fn leaf(access: AccessType, format: Format, mime: impl Into<String>) -> Self {
        Self::new(access, format, NodeType::mime(mime))
    }

    /// An interior node with its management object identifier, empty for most.
    #[must_use]
    pub fn interior(access: AccessType, mo_id: impl Into<String>) -> Self {
        Self::new(access, Format::Node, NodeType::DdfName(mo_id.into()))
    }

    fn new(access: AccessType, format: Format, node_type: NodeType) -> Self {
        Self { access: Some(access), format: Some(format), node_type: Some(node_type), ..Self::nothing() }
    }

    const fn nothing() -> Self {
        Self {
            access: None,
            default_value: None,
            description: None,
            format: None,
            occurrence: None,
            scope: None,
            title: None,
            node_type: None,
            case_sense: None,
            extensions: Vec::new(),
        }
    }

    /// Sets [`occurrence`](Self::occurrence).
    #[must_use]
    pub const fn with_occurrence(mut self, occurrence: Occurrence) -> Self {
        self.occurrence = Some(occurrence);
        self
    }

    /// Sets [`scope`](Self::scope).
    #[must_use]
    pub const fn with_scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    /// Sets [`default_value`](Self::default_value).
    #[must_use]
    pub fn with_default(mut self, value: impl Into<String>) -> Self {
        self.default_value = Some(value.into());
        self
    }

    pub(super) fn read(source: &mut Reading<'_, '_>) -> Result<Self, DocumentError> {
        let mut df = Self::nothing();
        while let Some(name) = source.child()? {
            let Name::Tag(tag) = name else {
                df.extensions.push(source.element(name)?);
                continue;
            };
            match tag {
                dmddf::ACCESS_TYPE => {
                    let access = read_access(source)?;
                    put(&mut df.access, access, "AccessType", source)?;
                }
                dmddf::DEFAULT_VALUE => {
                    let text = source.text()?;
                    put(&mut df.default_value, text, "DefaultValue", source)?;
                }
                dmddf::DESCRIPTION => {
                    let text = source.text()?;
                    put(&mut df.description, text, "Description", source)?;
                }
                dmddf::DF_FORMAT => {
                    let format = source.format("DFFormat")?;
                    put(&mut df.format, format, "DFFormat", source)?;
                }
                dmddf::OCCURRENCE => {
                    let occurrence = Occurrence::read(source)?;
                    put(&mut df.occurrence, occurrence, "Occurrence", source)?;
                }
                dmddf::SCOPE => {
                    let tags = [(dmddf::PERMANENT, Scope::Permanent), (dmddf::DYNAMIC, Scope::Dynamic)];
                    let scope = source.choice("Scope", &tags)?;
                    put(&mut df.scope, scope, "Scope", source)?;
                }
                dmddf::DF_TITLE => {
                    let text = source.text()?;
                    put(&mut df.title, text, "DFTitle", source)?;
                }
                dmddf::DF_TYPE => {
                    let node_type = source.node_type("DFType", true)?;
                    let says_nothing = |node_type: &NodeType| {
                        matches!(node_type, NodeType::DdfName(name) if name.is_empty())
                            && source.takes(DocumentQuirks::EMPTY_DDF_NAME)
                    };
                    match &df.node_type {
                        Some(_) if says_nothing(&node_type) => {}
                        Some(before) if says_nothing(before) => df.node_type = Some(node_type),
                        _ => put(&mut df.node_type, node_type, "DFType", source)?,
                    }
                }
                dmddf::CASE_SENSE => {
                    let tags = [(dmddf::CS, CaseSense::Sensitive), (dmddf::CIS, CaseSense::Insensitive)];
                    let case_sense = source.choice("CaseSense", &tags)?;
                    put(&mut df.case_sense, case_sense, "CaseSense", source)?;
                }
                _ => df.extensions.push(source.element(name)?),
            }
        }
        if !source.takes(DocumentQuirks::INCOMPLETE_DESCRIPTION) {
            let missing = match &df {
                Self { access: None, .. } => Some("AccessType"),
                Self { format: None, .. } => Some("DFFormat"),
                Self { node_type: None, .. } => Some("DFType"),
                _ => None,
            };
            if let Some(name) = missing {
                return Err(source.error(DocumentErrorKind::Missing(name)));
            }
        }
        Ok(df)
    }

    pub(super) fn write(&self, sink: &mut dyn Sink) {
        sink.open(dmddf::DF_PROPERTIES);
        if let Some(access) = self.access {
            sink.open(dmddf::ACCESS_TYPE);
            for (tag, _) in ACCESS_TYPES.iter().filter(|(_, one)| access.contains(*one)) {
                sink.empty(*tag);
            }
            sink.close();
        }
        writing::leaf(dmddf::DEFAULT_VALUE, self.default_value.as_deref(), sink);
        writing::leaf(dmddf::DESCRIPTION, self.description.as_deref(), sink);
        if let Some(format) = self.format {
            writing::format(dmddf::DF_FORMAT, format, sink);
        }
        if let Some(occurrence) = self.occurrence {
            occurrence.write(sink);
        }
        if let Some(scope) = self.scope {
            let tag = match scope {
                Scope::Permanent => dmddf::PERMANENT,
                Scope::Dynamic => dmddf::DYNAMIC,
            };
            writing::choice(dmddf::SCOPE, tag, sink);
        }
        writing::leaf(dmddf::DF_TITLE, self.title.as_deref(), sink);
        if let Some(node_type) = &self.node_type {
            writing::node_type(dmddf::DF_TYPE, node_type, sink);
        }
        if let Some(case_sense) = self.case_sense {
            let tag = match case_sense {
                CaseSense::Sensitive => dmddf::CS,
                CaseSense::Insensitive => dmddf::CIS,
            };
            writing::choice(dmddf::CASE_SENSE, tag, sink);
        }
        writing::extensions(&self.extensions, sink);
        sink.close();
    }

    pub(super) fn texts(&self) -> impl Iterator<Item = (&'static str, &str, bool)> {
        [("DefaultValue", &self.default_value), ("Description", &self.description), ("DFTitle", &self.title)]
            .into_iter()
            .filter_map(|(name, text)| Some((name, text.as_deref()?, true)))
            .chain(self.node_type.iter().flat_map(NodeType::texts))
    }
}

const ACCESS_TYPES: [(Tag, AccessType); 6] = [
    (dmddf::ADD, AccessType::ADD),
    (dmddf::COPY, AccessType::COPY),
    (dmddf::DELETE, AccessType::DELETE),
    (dmddf::EXEC, AccessType::EXEC),
    (dmddf::GET, AccessType::GET),
    (dmddf::REPLACE, AccessType::REPLACE),
];

fn read_access(source: &mut Reading<'_, '_>) -> Result<AccessType, DocumentError> {
    let mut access = AccessType::NONE;
    while let Some(name) = source.child()? {
        let found = ACCESS_TYPES.iter().find(|(tag, _)| Name::Tag(*tag) == name);
        let Some((_, one)) = found else { return Err(source.error(DocumentErrorKind::Choice("AccessType"))) };
        access |= *one;
        source.empty("AccessType")?;
    }
    Ok(access)
}

/// `Occurrence`: how many nodes there may be where the description stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Occurrence {
    /// Exactly one, which is meant where nothing is said.
    #[default]
    One,
    /// At most one.
    ZeroOrOne,
    /// Any number.
    ZeroOrMore,
    /// At least one.
    OneOrMore,
    /// At most so many, 2 to 65536.
    ZeroOrN(u32),
    /// At least one, and at most so many, 2 to 65536.
    OneOrN(u32),
}

impl Occurrence {
    /// How many there may be at most; `None` for any number.
    #[must_use]
    pub const fn max(self) -> Option<u32> {
        match self {
            Self::One | Self::ZeroOrOne => Some(1),
            Self::ZeroOrMore | Self::OneOrMore => None,
            Self::ZeroOrN(n) | Self::OneOrN(n) => Some(n),
        }
    }

    /// How many there must be at least.
    #[must_use]
    pub const fn min(self) -> u32 {
        match self {
            Self::One | Self::OneOrMore | Self::OneOrN(_) => 1,
            Self::ZeroOrOne | Self::ZeroOrMore | Self::ZeroOrN(_) => 0,
        }
    }

    fn read(source: &mut Reading<'_, '_>) -> Result<Self, DocumentError> {
        let wrong = DocumentErrorKind::Choice("Occurrence");
        let mut occurrence = None;
        while let Some(name) = source.child()? {
            let (Name::Tag(tag), None) = (name, occurrence) else { return Err(source.error(wrong)) };
            occurrence = Some(match tag {
                dmddf::ZERO_OR_N => Self::ZeroOrN(read_n("ZeroOrN", source)?),
                dmddf::ONE_OR_N => Self::OneOrN(read_n("OneOrN", source)?),
                _ => {
                    source.empty("Occurrence")?;
                    match tag {
                        dmddf::ONE => Self::One,
                        dmddf::ZERO_OR_ONE => Self::ZeroOrOne,
                        dmddf::ZERO_OR_MORE => Self::ZeroOrMore,
                        dmddf::ONE_OR_MORE => Self::OneOrMore,
                        _ => return Err(source.error(wrong)),
                    }
                }
            });
        }
        occurrence.ok_or_else(|| source.error(wrong))
    }

    fn write(self, sink: &mut dyn Sink) {
        let (tag, n) = match self {
            Self::One => (dmddf::ONE, None),
            Self::ZeroOrOne => (dmddf::ZERO_OR_ONE, None),
            Self::ZeroOrMore => (dmddf::ZERO_OR_MORE, None),
            Self::OneOrMore => (dmddf::ONE_OR_MORE, None),
            Self::ZeroOrN(n) => (dmddf::ZERO_OR_N, Some(n)),
            Self::OneOrN(n) => (dmddf::ONE_OR_N, Some(n)),
        };
        match n {
            None => writing::choice(dmddf::OCCURRENCE, tag, sink),
            Some(n) => {
                sink.open(dmddf::OCCURRENCE);
                writing::number(tag, Some(n), sink);
                sink.close();
            }
        }
    }
}

/// The N of `ZeroOrN` and `OneOrN`.
fn read_n(name: &'static str, source: &mut Reading<'_, '_>) -> Result<u32, DocumentError> {
    match source.number(name)? {
        n @ 1..=65_536 => Ok(n),
        _ => Err(source.error(DocumentErrorKind::Number(name))),
    }
}

impl fmt::Display for Occurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One => f.write_str("One"),
            Self::ZeroOrOne => f.write_str("ZeroOrOne"),
            Self::ZeroOrMore => f.write_str("ZeroOrMore"),
            Self::OneOrMore => f.write_str("OneOrMore"),
            Self::ZeroOrN(n) => write!(f, "ZeroOrN({n})"),
            Self::OneOrN(n) => write!(f, "OneOrN({n})"),
        }
    }
}

/// `Scope`: who decides that a node exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// The device.
    Permanent,
    /// Servers.
    Dynamic,
}

/// `CaseSense`: how names are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CaseSense {
    /// `CS`: exactly.
    Sensitive,
    /// `CIS`: without regard to the case of letters.
    Insensitive,
}
