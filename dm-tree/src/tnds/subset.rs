//! Much of a device in one request and the smallest answer: "these objects, these leaves" (DM 2.0 RD, HLF-004 and use case B.1).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dm_syncml::session::{Answer, Capabilities, Feature};
use dm_syncml::{CmdId, Get, Item, LocUri, Meta, StatusCode};

use crate::mgmt_tree::{DocumentOptions, MgmtTree};
use crate::uri::{NodeUri, UriError};
use crate::value::{Format, Value};

use super::filter::Filter;

/// Asks for whole objects and single leaves with one Get, so that question and answer are as small as the protocol lets them be.
///
/// An object comes as a serialised tree with the properties that are wanted and no others, by default only values: names once, no
/// addresses, and in WBXML an octet for each element. A leaf comes as itself. What lies below an object that is asked for anyway is
/// not asked for twice. There is one Get, one Status and one Results, whatever is asked for. A server session sends it in the
/// device's encoding; ask devices for WBXML where octets count.
///
/// ```
/// use dm_syncml::session::Capabilities;
/// use dm_tree::tnds::SubsetQuery;
///
/// let query = SubsetQuery::new().object("./DevDetail")?.leaf("./DevInfo/Mod")?.leaf("./DevDetail/FwV")?;
/// let get = query.to_get(&Capabilities::new())?;
/// let asked: Vec<_> = get.items.iter().map(|item| item.target_uri().unwrap().as_str()).collect();
/// assert_eq!(asked, ["./DevDetail?list=TNDS+Value", "./DevInfo/Mod"]);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SubsetQuery {
    objects: BTreeSet<String>,
    leaves: BTreeSet<String>,
    filter: Filter,
}

/// Why a query cannot be asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubsetError {
    /// It asks for nothing.
    #[error("the query asks for nothing")]
    Empty,
    /// The device has said that it can send no lists.
    #[error("the device does not offer {0}")]
    NotOffered(Feature),
}

impl Default for SubsetQuery {
    fn default() -> Self {
        Self::new()
    }
}

impl SubsetQuery {
    /// Asks for nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { objects: BTreeSet::new(), leaves: BTreeSet::new(), filter: Filter::VALUE }
    }

    /// Asks for all that is at an address and below.
    ///
    /// # Errors
    ///
    /// The address is none of a node.
    pub fn object(mut self, uri: &str) -> Result<Self, UriError> {
        self.objects.insert(from_root(uri)?);
        Ok(self)
    }

    /// Asks for one leaf.
    ///
    /// # Errors
    ///
    /// As [`object`](Self::object).
    pub fn leaf(mut self, uri: &str) -> Result<Self, UriError> {
        self.leaves.insert(from_root(uri)?);
        Ok(self)
    }

    /// Sets which properties the nodes of objects come with; only values otherwise. With [`Filter::FORMAT`] values have the formats they
    /// have on the device; without it they are text, or octets where they are no text.
    #[must_use]
    pub const fn with_properties(mut self, properties: Filter) -> Self {
        self.filter = properties;
        self
    }

    /// The one request. To a device that has said it cannot serialise trees, but can list their data, objects are asked for in that way.
    ///
    /// # Errors
    ///
    /// There is nothing to ask for, or the device can do neither.
    pub fn to_get(&self, device: &Capabilities) -> Result<Get<'static>, SubsetError> {
        let query = match (device.lacks(Feature::ListTnds), device.lacks(Feature::ListStructData)) {
            (false, _) => alloc::format!("?list=TNDS{}", self.filter),
            (true, false) => String::from("?list=StructData"),
            (true, true) if self.objects.is_empty() => String::new(),
            (true, true) => return Err(SubsetError::NotOffered(Feature::ListTnds)),
        };
        let covered = |uri: &str, own: bool| {
            let of = |object: &String| *object == uri || is_below(uri, object);
            self.objects.iter().filter(|object| !own || *object != uri).any(of)
        };
        let objects = self.objects.iter().filter(|uri| !covered(uri, true));
        let objects = objects.map(|uri| alloc::format!("{uri}{query}"));
        let leaves = self.leaves.iter().filter(|uri| !covered(uri, false)).cloned();
        // Every address of a node is a LocURI.
        let items: Vec<_> =
            objects.chain(leaves).filter_map(|uri| Some(Item::to(LocUri::new(uri).ok()?))).collect();
        if items.is_empty() {
            return Err(SubsetError::Empty);
        }
        // The session gives it its own.
        Ok(Get::new(CmdId::number(core::num::NonZeroU32::MIN), items))
    }
}

/// One spelling for each address, so that it is not asked for twice.
fn from_root(uri: &str) -> Result<String, UriError> {
    let uri = NodeUri::parse(uri)?;
    let text = uri.as_str();
    Ok(if text == "." || text.starts_with("./") { text.into() } else { alloc::format!("./{text}") })
}

fn is_below(uri: &str, above: &str) -> bool {
    uri.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'))
}

/// What a [`SubsetQuery`] found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Subset {
    values: BTreeMap<String, Value>,
    documents: Vec<(String, MgmtTree)>,
    refused: Vec<(String, StatusCode)>,
}

impl Subset {
    /// Reads the answer, in whichever of its shapes a device gives it. What a document holds that cannot be read counts as
    /// refused with 415.
    #[must_use]
    pub fn read(answer: &Answer, options: &DocumentOptions) -> Self {
        let mut subset = Self::default();
        for item in answer.items() {
            subset.take(item, options);
        }
        for status in answer.statuses.iter().filter(|status| !status.code.is_done()) {
            let targets =
                status.targets.iter().map(|target| (without_query(target).to_string(), status.code));
            subset.refused.extend(targets);
        }
        subset
    }

    fn take(&mut self, item: &Item<'static>, options: &DocumentOptions) {
        let (Some(uri), Some(data)) = (item.source_uri(), &item.data) else { return };
        let uri = without_query(uri.as_str());
        let meta = item.meta.as_ref();
        let format = meta.and_then(Meta::format);
        let is_document = data.as_nodes().is_some()
            || meta.and_then(Meta::media_type).is_some_and(|mime| {
                mime.as_str().trim().to_ascii_lowercase().starts_with("application/vnd.syncml.dmtnds")
            });
        if is_document {
            match MgmtTree::from_data(data, format, options) {
                Ok(document) => self.take_document(uri, document),
                Err(_) => self.refused.push((uri.into(), StatusCode::UNSUPPORTED_FORMAT)),
            }
            return;
        }
        let stated = format.and_then(|format| Format::from_name(format.as_str())).unwrap_or_default();
        let Ok(octets) = data.decoded(format) else {
            return self.refused.push((uri.into(), StatusCode::UNSUPPORTED_FORMAT));
        };
        if stated == Format::Node {
            return;
        }
        // Octets travel as base64 where they cannot travel as they are.
        let stated = if stated == Format::B64 { Format::Bin } else { stated };
        let mime = meta.and_then(Meta::media_type).map_or("", |mime| mime.as_str());
        self.values.insert(uri.into(), value(stated, mime, &octets));
    }

    fn take_document(&mut self, uri: &str, document: MgmtTree) {
        // The addresses of the nodes above, the nearest last.
        let mut above: Vec<String> = Vec::new();
        for node in document.nodes() {
            above.truncate(node.depth());
            let parent = match (above.last(), node.path.as_deref()) {
                (Some(parent), _) => parent.clone(),
                // The first is the node that was asked for.
                (None, None | Some("" | ".")) => String::new(),
                (None, Some(path)) => alloc::format!("{uri}/{}", path.trim_start_matches("./")),
            };
            let address = match parent.as_str() {
                "" => String::from(uri),
                parent => alloc::format!("{parent}/{}", node.name),
            };
            if let Some(data) = &node.value {
                let mime = node.rt.as_ref().and_then(|rt| rt.node_type.as_ref());
                let mime = match mime {
                    Some(crate::mgmt_tree::NodeType::Mime(types)) => types.first().map(String::as_str),
                    _ => None,
                };
                let default = if data.as_text().is_some() { Format::Chr } else { Format::Bin };
                let format = node.format().unwrap_or(default);
                self.values.insert(address.clone(), value(format, mime.unwrap_or_default(), data.octets()));
            }
            above.push(address);
        }
        self.documents.push((uri.into(), document));
    }

    /// The value of a leaf, by its address from the root.
    #[must_use]
    pub fn get(&self, uri: &str) -> Option<&Value> {
        let from_root = from_root(uri).ok()?;
        self.values.get(&from_root).or_else(|| self.values.get(uri))
    }

    /// All values, in the order of their addresses.
    pub fn values(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values.iter().map(|(uri, value)| (uri.as_str(), value))
    }

    /// The documents that came, each with the address it was asked for by: what else was asked for beside values is there.
    #[must_use]
    pub fn documents(&self) -> &[(String, MgmtTree)] {
        &self.documents
    }

    /// What was asked for and did not come, by the address, and why.
    #[must_use]
    pub fn refused(&self) -> &[(String, StatusCode)] {
        &self.refused
    }
}

fn without_query(uri: &str) -> &str {
    uri.split('?').next().unwrap_or(uri)
}

/// A value as the device calls it, or if it is none of that format, as what it is.
fn value(format: Format, mime: &str, octets: &[u8]) -> Value {
    let mime = match (mime.trim(), format) {
        // Nothing is said of what the octets are.
        ("", Format::Bin) => return Value::bin(octets),
        ("", _) => Value::DEFAULT_TYPE,
        (mime, _) => mime,
    };
    let as_called = Value::new(format, String::from(mime), octets);
    as_called.unwrap_or_else(|_| match core::str::from_utf8(octets) {
        Ok(text) => Value::chr(text),
        Err(_) => Value::bin(octets),
    })
}
