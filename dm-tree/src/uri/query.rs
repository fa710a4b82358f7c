//! What follows the `?` of an address.

use super::NodeUri;
use super::error::{UriError, UriErrorKind};
use super::escape::is_plain;
use super::leniency::UriLeniency;
use super::limits::{UriLimits, check_lengths};
use crate::property::Property;

/// What a `LocURI` of a command names: a node, one of its properties, or a list below it.
///
/// ```
/// use dm_tree::{Query, Uri};
///
/// let uri = Uri::parse("./DevInfo/Man?prop=Format")?;
/// assert_eq!(uri.node().as_str(), "./DevInfo/Man");
/// assert_eq!(uri.query(), Some(Query::Property("Format")));
/// # Ok::<(), dm_tree::UriError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Uri<'a> {
    node: NodeUri<'a>,
    query: Option<Query<'a>>,
    len: usize,
}

impl<'a> Uri<'a> {
    /// Reads an address with its query; nothing is copied.
    ///
    /// # Errors
    ///
    /// As [`NodeUri::parse`]; a query that is neither `prop` nor `list` is [`BadQuery`](UriErrorKind::BadQuery).
    /// Which properties exist is not judged here: an unknown one is answered 406, not 500.
    pub fn parse(text: &'a str) -> Result<Self, UriError> {
        Self::parse_with(text, UriLeniency::STRICT)
    }

    /// As [`parse`](Self::parse), taking what `leniency` names.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn parse_with(text: &'a str, leniency: UriLeniency) -> Result<Self, UriError> {
        let (node, query) = if leniency == UriLeniency::STRICT {
            NodeUri::parse_front(text)?
        } else {
            let (node, query) = match text.split_once('?') {
                Some((node, query)) => (node, Some(query)),
                None => (text, None),
            };
            (NodeUri::parse_with(node, leniency)?, query)
        };
        let query = match query {
            Some(query) => Some(parse_query(query, text.len() - query.len())?),
            None => None,
        };
        Ok(Self { node, query, len: text.len() })
    }

    /// The node, without the query.
    #[must_use]
    pub const fn node(&self) -> &NodeUri<'a> {
        &self.node
    }

    /// The node, taken out.
    #[must_use]
    pub fn into_node(self) -> NodeUri<'a> {
        self.node
    }

    /// What follows the `?`.
    #[must_use]
    pub const fn query(&self) -> Option<Query<'a>> {
        self.query
    }

    /// Checks the lengths as [`NodeUri::check`] does; the whole length includes the query.
    ///
    /// # Errors
    ///
    /// The first limit exceeded.
    pub fn check(&self, limits: &UriLimits) -> Result<(), UriError> {
        check_lengths(self.node.segments(), self.len, limits)
    }
}

/// The query of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Query<'a> {
    /// `?prop=`: a property by name, known or not.
    Property(&'a str),
    /// `?list=`: what to list below the node.
    List(&'a str),
}

impl<'a> Query<'a> {
    /// The property named; `None` for an unknown one or a list.
    #[must_use]
    pub fn property(self) -> Option<Property> {
        match self {
            Self::Property(name) => Property::from_name(name),
            Self::List(_) => None,
        }
    }

    /// The list asked for; `None` for one that no standard knows, or a property.
    #[must_use]
    pub fn list(self) -> Option<List<'a>> {
        match self {
            Self::Property(_) => None,
            Self::List("Struct") => Some(List::Struct),
            Self::List("StructData") => Some(List::StructData),
            Self::List(text) => text
                .strip_prefix("TNDS")
                .filter(|filter| filter.is_empty() || filter.starts_with(['+', '-']))
                .map(List::Tnds),
        }
    }
}

/// What a Get with `?list=` asks for (RepPro 1.2.1, Get).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum List<'a> {
    /// The nodes at and below the address, without their values.
    Struct,
    /// The same with the values of the leaves.
    StructData,
    /// A serialised subtree; what follows `TNDS`, empty or properties each after `+` or `-`.
    Tnds(&'a str),
}

fn parse_query(query: &str, at: usize) -> Result<Query<'_>, UriError> {
    let found = match query.split_once('=') {
        Some(("prop", name)) if !name.is_empty() => Query::Property(name),
        Some(("list", spec)) if !spec.is_empty() => Query::List(spec),
        _ => return Err(UriError { kind: UriErrorKind::BadQuery, offset: at }),
    };
    let value_at = at + "prop=".len();
    let (Query::Property(value) | Query::List(value)) = found;
    match value.char_indices().find(|(_, c)| !c.is_ascii() || !(is_plain(*c as u8) || *c == '%')) {
        Some((i, c)) => Err(UriError { kind: UriErrorKind::BadCharacter(c), offset: value_at + i }),
        None => Ok(found),
    }
}
