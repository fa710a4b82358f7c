//! Add and Replace with a serialised tree.

use alloc::string::String;
use alloc::vec::Vec;

use crate::acting::Acting;
use crate::command::SubtreeNode;
use crate::content::Content;
use crate::error::{Refusal, RefusalKind};
use crate::mgmt_tree::MgmtTree;
use crate::node::{NewNode, NodeRef};
use crate::rights::Rights;
use crate::schema::Expected;
use crate::uri::NodeUri;
use crate::value::{Format, Value};

use super::place::{Alignment, Placed, place};

impl Acting<'_> {
    /// Add of a whole document below the node addressed, which comes to be too if it is missing. All of it or
    /// nothing (RepPro 1.2.1, Add; TND 1.2.1, TNDS).
    ///
    /// # Errors
    ///
    /// [`Refusal`] with the status of the node that cannot be added, which it [names](Refusal::at).
    pub fn add_tnds(&mut self, uri: &str, document: &MgmtTree) -> Result<(), Refusal> {
        let target = self.aim_at_node(uri, Rights::ADD)?;
        let nodes = self.subtree(&target, document, Alignment::Below)?;
        self.add_subtree(uri, &nodes)
    }

    /// Replace of the node addressed, and of all below it, by a document: what is not in the document goes, what is
    /// in both gets what the document says, the rest is added. All of it or nothing.
    ///
    /// It needs Replace on what stays, Delete on what goes, and Add on the parents of what is new.
    ///
    /// # Errors
    ///
    /// [`Refusal`] with the status of the node at fault, which it [names](Refusal::at).
    pub fn replace_tnds(&mut self, uri: &str, document: &MgmtTree) -> Result<(), Refusal> {
        let target = self.aim_at_node(uri, Rights::REPLACE)?;
        let nodes = self.subtree(&target, document, Alignment::First)?;
        self.replace_subtree(uri, &nodes)
    }

    /// The nodes of a document as commands have them.
    fn subtree(
        &self,
        target: &NodeUri<'_>,
        document: &MgmtTree,
        alignment: Alignment,
    ) -> Result<Vec<SubtreeNode>, Refusal> {
        let nodes = place(target, document, alignment)?;
        if nodes.is_empty() {
            return Err(RefusalKind::Format.into());
        }
        let depth = target.segments().count();
        let node = |placed: &Placed<'_>| {
            let path = placed.uri.segments().skip(depth);
            let path = path.fold(NodeUri::ROOT, |path, segment| path.join(segment.as_str()));
            let mut node = SubtreeNode::or_refused(path, self.new_node(placed));
            if let Some(rt) = &placed.node.rt {
                // A document that was read from a tree says of each node that inherits that it has no list.
                if let Some(acl) = rt.acl.as_ref().filter(|acl| !acl.is_empty()) {
                    node = node.with_acl(acl.clone());
                }
                if let Some(title) = &rt.title {
                    node = node.with_title(title.clone());
                }
            }
            node
        };
        Ok(nodes.iter().map(node).collect())
    }

    /// What a node of a document becomes. What it does not say is said by the node that is there, then by the
    /// description of the tree.
    fn new_node(&self, placed: &Placed<'_>) -> Result<NewNode, RefusalKind> {
        let max_len = self.tree.limits().max_value_len;
        if placed.is_interior {
            let content = Content::interior(placed.mo_id());
            let has_value = placed.node.value.as_ref().is_some_and(|value| !value.octets().is_empty());
            return if has_value { Err(RefusalKind::Format) } else { content.to_new_node(max_len) };
        }
        let expected = match &self.tree.schema {
            Some(schema) => schema.expected(&placed.uri),
            None => Expected::default(),
        };
        let found = self.tree.node_at(&placed.uri).and_then(NodeRef::value).map(Value::format);
        let known = found.or(expected.format);
        let format = placed.node.format().or(known).unwrap_or_default();
        let Some(value) = &placed.node.value else {
            if let Some(value) = expected.default_value.filter(|value| value.format() == format) {
                return Ok(NewNode::Leaf(value));
            }
            let zero = Content::new(Value::zero(format).as_bytes()).with_format(format.name());
            return zero.with_type(placed.mime()).to_new_node(max_len);
        };
        // Base64 is how octets travel, unless the node is known to hold base64 itself.
        if format == Format::B64 && known == Some(Format::B64) {
            let mime = if placed.mime().is_empty() { Value::DEFAULT_TYPE } else { placed.mime() };
            let value = Value::new(format, String::from(mime), value.octets());
            return value.map(NewNode::Leaf).map_err(|_| RefusalKind::Format);
        }
        Content::new(value.octets()).with_format(format.name()).with_type(placed.mime()).to_new_node(max_len)
    }
}
