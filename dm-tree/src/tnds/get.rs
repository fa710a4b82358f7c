//! Get with `?list=TNDS`.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::acl::Acl;
use crate::acting::Acting;
use crate::command::Visit;
use crate::error::{Refusal, RefusalKind};
use crate::mgmt_tree::{MgmtTree, Node, NodeType, NodeValue, RtProperties};
use crate::node::NodeRef;
use crate::timestamp::Timestamp;
use crate::uri::NodeUri;
use crate::value::{Format, Value};

use super::filter::Filter;

/// Nodes below one another in one piece of a document.
const PIECE: usize = 30;

impl Acting<'_> {
    /// Get of a subtree as one document, with the properties the filter shows.
    ///
    /// Nodes that the server may not read, by ACL or `AccessType`, are left out with all below them.
    ///
    /// # Errors
    ///
    /// [`Refusal`] with the status to answer, for the node addressed; 413 for a subtree larger than a list may be.
    pub fn get_tnds(&mut self, uri: &str, filter: Filter) -> Result<MgmtTree, Refusal> {
        let (max_nodes, mut left) = (self.tree.limits().max_list_items, self.tree.limits().max_list_len);
        let mut walk = self.walk(uri, None)?;
        let mut top = None;
        // By how many pieces deep: what does not fit one follows it, flat.
        let mut pieces: Vec<Vec<(usize, Node)>> = Vec::new();
        let mut count = 0;
        while let Some(visit) = walk.next()? {
            let depth = visit.uri().segments().count();
            let top_depth = *top.get_or_insert(depth);
            let below = depth - top_depth;
            let mut node = Facts::of(&visit).node(visit.uri(), filter);
            if below > 0 && below.is_multiple_of(PIECE) {
                node.path = Some(path_below(top_depth, visit.uri()));
            }
            let len = node.value.as_ref().map_or(0, |value| value.octets().len());
            count += 1;
            left = left.checked_sub(len).filter(|_| count <= max_nodes).ok_or(RefusalKind::TooLarge)?;
            if pieces.len() <= below / PIECE {
                pieces.resize_with(below / PIECE + 1, Vec::new);
            }
            pieces[below / PIECE].push((below % PIECE, node));
        }
        let mut document = MgmtTree::new();
        for (depth, node) in pieces.into_iter().flatten() {
            document.push(depth, node).map_err(|_| RefusalKind::Format)?;
        }
        Ok(document)
    }
}

/// What a document tells of a node.
struct Facts<'f> {
    format: Format,
    mime: &'f str,
    acl: &'f Acl,
    title: &'f str,
    ver_no: Option<u16>,
    time_stamp: Option<Timestamp>,
    value: Option<&'f [u8]>,
}

impl<'f> Facts<'f> {
    fn of(visit: &'f Visit) -> Self {
        Self {
            format: visit.format(),
            mime: visit.mime(),
            acl: visit.acl(),
            title: visit.title(),
            ver_no: visit.ver_no(),
            time_stamp: visit.time_stamp(),
            value: visit.value().map(Value::data),
        }
    }

    fn node(&self, uri: &NodeUri<'_>, filter: Filter) -> Node {
        let carries = dm_wbxml::is_xml_text;
        let mut rt = RtProperties::default();
        let mut node = Node::new(uri.last().map_or(".", |segment| segment.as_str()));
        // What no document can carry as text is octets.
        let text = self.value.and_then(|data| core::str::from_utf8(data).ok());
        let text = text.filter(|text| self.format != Format::Bin && carries(text));
        let format = if self.value.is_some() && text.is_none() { Format::Bin } else { self.format };
        // The format of octets is needed to read them.
        let needs_format = format == Format::Bin && filter.shows(Filter::VALUE);
        if filter.shows(Filter::FORMAT) || needs_format {
            rt.format = Some(format);
        }
        if filter.shows(Filter::ACL) && !self.acl.is_empty() {
            rt.acl = Some(self.acl.clone());
        }
        if filter.shows(Filter::TITLE) && !self.title.is_empty() && carries(self.title) {
            rt.title = Some(self.title.into());
        }
        if filter.shows(Filter::T_STAMP) {
            rt.t_stamp = self.time_stamp.map(|time| time.to_string());
        }
        if filter.shows(Filter::TYPE) {
            rt.node_type = Some(match self.value {
                None => NodeType::DdfName(self.mime.trim().into()),
                Some(_) if carries(self.mime) => NodeType::mime(self.mime.trim()),
                Some(_) => NodeType::mime(Value::DEFAULT_TYPE),
            });
        }
        if filter.shows(Filter::VER_NO) {
            rt.ver_no = self.ver_no;
        }
        if filter.shows(Filter::VALUE)
            && let Some(data) = self.value
        {
            node.value = Some(text.map_or_else(|| NodeValue::bin(data), NodeValue::text));
        }
        node.with_rt(rt)
    }
}

/// A stored node with all its properties.
pub(super) fn whole(found: NodeRef<'_>) -> Node {
    let facts = Facts {
        format: found.value().map_or(Format::Node, Value::format),
        mime: found.value().map_or(found.mo_id(), Value::mime),
        acl: found.acl(),
        title: found.title(),
        ver_no: Some(found.ver_no()),
        time_stamp: found.time_stamp(),
        value: found.value().map(Value::data),
    };
    facts.node(&found.uri(), Filter::ALL)
}

/// Where a node hangs, counted from a top of so many segments.
fn path_below(top: usize, uri: &NodeUri<'_>) -> String {
    let mut path = String::new();
    for segment in uri.segments().take(uri.segments().count() - 1).skip(top) {
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(segment.as_str());
    }
    path
}
