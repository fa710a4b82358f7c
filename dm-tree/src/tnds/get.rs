//! Get with `?list=TNDS`.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use dm_syncml::StatusCode;

use crate::acl::Acl;
use crate::acting::Acting;
use crate::command::Got;
use crate::error::{Refusal, RefusalKind};
use crate::mgmt_tree::{DocumentOptions, MgmtTree, Node, NodeType, NodeValue, RtProperties};
use crate::node::NodeRef;
use crate::rights::{AccessType, Rights};
use crate::uri::{NodeUri, Uri};
use crate::value::{Format, Value};

use super::filter::Filter;

/// Nodes below one another in one piece of a document.
const PIECE: usize = 30;

/// A node whose turn is to come.
struct Next {
    uri: NodeUri<'static>,
    depth: usize,
}

impl Acting<'_> {
    /// Get of a subtree as one document, with the properties the filter shows.
    ///
    /// Nodes that the server may not read, by ACL or `AccessType`, are left out with all below them.
    ///
    /// # Errors
    ///
    /// [`Refusal`] with the status to answer, for the node addressed; 413 for a subtree larger than a list may be.
    pub fn get_tnds(&mut self, uri: &str, filter: Filter) -> Result<MgmtTree, Refusal> {
        let parsed = Uri::parse(uri)?;
        parsed.check(&self.tree.limits().uri)?;
        let top = parsed.node().clone().into_owned();
        // Address, existence, ACL and AccessType of the top, in the order and words of any Get.
        self.get(top.as_str())?;
        let mut document = MgmtTree::new();
        let mut left = self.tree.limits().max_value_len;
        // Pieces: what is too deep for one begins another.
        let mut pieces = VecDeque::from([top.clone()]);
        while let Some(uri) = pieces.pop_front() {
            let path = path_below(&top, &uri);
            let mut stack = Vec::from([Next { uri, depth: 0 }]);
            while let Some(Next { uri, depth }) = stack.pop() {
                let Some((mut node, children)) = self.read(&uri, filter, uri == top)? else { continue };
                if depth == 0 {
                    node.path = path.clone();
                }
                left = left
                    .checked_sub(node.value.as_ref().map_or(0, |value| value.octets().len()))
                    .ok_or(RefusalKind::TooLarge)?;
                if document.nodes().len() >= DocumentOptions::STRICT.max_nodes {
                    return Err(RefusalKind::TooLarge.into());
                }
                document.push(depth, node).map_err(|_| RefusalKind::Format)?;
                let below = children.iter().map(|name| uri.join(name));
                if depth + 1 < PIECE {
                    stack.extend(below.rev().map(|uri| Next { uri, depth: depth + 1 }));
                } else {
                    pieces.extend(below);
                }
            }
        }
        Ok(document)
    }

    /// One node and the spelled names of its children; `None` for one that is not to be seen.
    fn read(
        &mut self,
        uri: &NodeUri<'_>,
        filter: Filter,
        is_top: bool,
    ) -> Result<Option<(Node, Vec<String>)>, Refusal> {
        let stored = self.tree.node(uri.as_str()).filter(|node| node.mount().is_none());
        let found = match stored {
            Some(node) if is_top || self.tree.may(self.server, Rights::GET, uri) => {
                if !node.access().contains(AccessType::GET) {
                    return Ok(None);
                }
                stored_node(node, filter)
            }
            Some(_) => return Ok(None),
            None => match self.served_node(uri, filter) {
                Ok(found) => found,
                Err(refusal) if is_top => return Err(refusal),
                Err(refusal) => match refusal.status() {
                    // Not to be read, or gone since its parent named it.
                    StatusCode::PERMISSION_DENIED | StatusCode::NOT_ALLOWED | StatusCode::NOT_FOUND => {
                        return Ok(None);
                    }
                    _ => return Err(refusal),
                },
            },
        };
        Ok(Some(found))
    }

    /// A node that a handler serves, property by property.
    fn served_node(&mut self, uri: &NodeUri<'_>, filter: Filter) -> Result<(Node, Vec<String>), Refusal> {
        let got = self.get(uri.as_str())?;
        let is_interior = got.format() == Format::Node;
        let acl = match filter.shows(Filter::ACL) {
            true => self.property(uri, "ACL")?.and_then(|text| Acl::parse(&text).ok()),
            false => None,
        };
        let mo_id = match is_interior && filter.shows(Filter::TYPE) {
            true => self.property(uri, "Type")?.unwrap_or_default(),
            false => String::new(),
        };
        let children = match is_interior {
            true => names(&got),
            false => Vec::new(),
        };
        let value = match is_interior {
            true => None,
            false => Some((got.format(), String::from(got.mime()), got.into_data())),
        };
        let mut node =
            node(uri, &mo_id, value.as_ref().map(|(f, m, d)| (*f, m.as_str(), d.as_slice())), filter);
        if let Some(rt) = &mut node.rt {
            rt.acl = acl;
            if filter.shows(Filter::VER_NO) {
                rt.ver_no = self.property(uri, "VerNo")?.and_then(|text| text.parse().ok());
            }
        }
        Ok((node, children))
    }

    /// The text of a property; `None` for one that the node does not have.
    fn property(&mut self, uri: &NodeUri<'_>, name: &str) -> Result<Option<String>, Refusal> {
        let query = alloc::format!("{}?prop={name}", uri.as_str());
        match self.get(&query) {
            Ok(got) => Ok(String::from_utf8(got.into_data()).ok()),
            Err(refusal) if refusal.kind() == RefusalKind::UnknownProperty => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }
}

/// A stored node as a document has it, and the spelled names of its children.
pub(super) fn stored_node(found: NodeRef<'_>, filter: Filter) -> (Node, Vec<String>) {
    let value = found.value().map(|value| (value.format(), value.mime(), value.data()));
    let mut node = node(&found.uri(), found.mo_id(), value, filter);
    if let Some(rt) = &mut node.rt {
        if filter.shows(Filter::ACL) && !found.acl().is_empty() {
            rt.acl = Some(found.acl().clone());
        }
        if filter.shows(Filter::TITLE) && !found.title().is_empty() && carries(found.title()) {
            rt.title = Some(found.title().into());
        }
        if filter.shows(Filter::VER_NO) {
            rt.ver_no = Some(found.ver_no());
        }
    }
    (node, found.children().map(|child| String::from(child.name())).collect())
}

fn node(uri: &NodeUri<'_>, mo_id: &str, value: Option<(Format, &str, &[u8])>, filter: Filter) -> Node {
    let mut rt = RtProperties::default();
    let mut node = Node::new(uri.last().map_or(".", |segment| segment.as_str()));
    // What no document can carry as text is octets.
    let text = value.and_then(|(format, _, data)| {
        let text = core::str::from_utf8(data).ok().filter(|text| carries(text))?;
        (format != Format::Bin).then_some(text)
    });
    let format = match value {
        None => Format::Node,
        Some((format, ..)) if text.is_some() => format,
        Some(_) => Format::Bin,
    };
    // The format of octets is needed to read them.
    let needs_format = format == Format::Bin && filter.shows(Filter::VALUE);
    if filter.shows(Filter::FORMAT) || needs_format {
        rt.format = Some(format);
    }
    if filter.shows(Filter::TYPE) {
        rt.node_type = Some(match value {
            None => NodeType::DdfName(mo_id.trim().into()),
            Some((_, mime, _)) if carries(mime) => NodeType::mime(mime.trim()),
            Some(_) => NodeType::mime(Value::DEFAULT_TYPE),
        });
    }
    if filter.shows(Filter::VALUE)
        && let Some((_, _, data)) = value
    {
        node.value = Some(match text {
            Some(text) => NodeValue::text(text),
            None => NodeValue::bin(data),
        });
    }
    node.with_rt(rt)
}

fn carries(text: &str) -> bool {
    dm_wbxml::is_xml_text(text)
}

/// The names in a list of children.
fn names(got: &Got) -> Vec<String> {
    let list = core::str::from_utf8(got.data()).unwrap_or_default();
    list.split('/').filter(|name| !name.is_empty()).map(String::from).collect()
}

/// Where a node hangs, counted from the top; `None` for the top itself.
pub(super) fn path_below(top: &NodeUri<'_>, uri: &NodeUri<'_>) -> Option<String> {
    let skipped = top.segments().count();
    let count = uri.segments().count();
    if count <= skipped {
        return None;
    }
    let mut path = String::new();
    for segment in uri.segments().take(count - 1).skip(skipped) {
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(segment.as_str());
    }
    Some(path)
}
