//! A tree as a schema has it in the beginning.

use alloc::string::String;
use alloc::vec::Vec;

use crate::error::TreeError;
use crate::mgmt_tree::{NodeType, Scope};
use crate::node::NodeSpec;
use crate::tree::Tree;
use crate::uri::{NodeUri, escape};
use crate::value::{Format, Value};

use super::schema::{Description, Schema};

impl Schema {
    /// Puts into the tree what a device has to begin with: every node that has a name and is permanent or must occur,
    /// as far as its ancestors are there. What is in the tree already stays as it is. Tells how many nodes are new.
    ///
    /// A leaf begins with its default value; where there is none with an empty one, or zero, `false`, 1970-01-01 and
    /// midnight where the format has no empty value.
    ///
    /// # Errors
    ///
    /// Limits of the tree, or a leaf in the way; nodes put in before stay.
    pub fn instantiate(&self, tree: &mut Tree) -> Result<usize, TreeError> {
        let mut new = 0;
        let mut stack: Vec<(NodeUri<'static>, Description<'_>)> = Vec::from([(NodeUri::ROOT, self.root())]);
        while let Some((parent, description)) = stack.pop() {
            let first = stack.len();
            for child in description.children() {
                let Some(name) = child.name() else { continue };
                let exists = !child.is_described()
                    || child.scope() == Scope::Permanent
                    || child.occurrence().min() > 0;
                if !exists {
                    continue;
                }
                let uri = parent.join(&escape(name));
                // What only lies on the way to something described comes with it.
                if child.is_described() && tree.node(uri.as_str()).is_none() {
                    tree.insert(uri.as_str(), child.spec())?;
                    new += 1;
                }
                stack.push((uri, child));
            }
            stack[first..].reverse();
        }
        Ok(new)
    }
}

/// What objects of every version of it begin with: nobody reads them (StdObj 1.2.1, Inbox).
const INBOX: &str = "urn:oma:mo:oma-dm-inbox:";

impl Description<'_> {
    /// A node as described, with its first value.
    pub(crate) fn spec(self) -> NodeSpec {
        let spec = match self.format() {
            Some(Format::Node) => NodeSpec::managed_object(self.node_type().map_or("", NodeType::ddf_name)),
            format => NodeSpec::leaf(self.first_value(format.unwrap_or_default())),
        };
        self.mark(spec)
    }

    /// Says of a node what the description says of its permanence and of the commands it takes.
    pub(crate) fn mark(self, spec: NodeSpec) -> NodeSpec {
        let mut spec = spec.with_access(self.access_in_tree());
        if self.folds_below() {
            spec = spec.ignoring_case();
        }
        if self.node_type().is_some_and(|node_type| node_type.ddf_name().starts_with(INBOX)) {
            spec = spec.sealed();
        }
        if self.scope() == Scope::Permanent { spec.permanent() } else { spec }
    }

    pub(super) fn first_value(self, format: Format) -> Value {
        let default = self.default_value().unwrap_or_default();
        let empty = Value::zero(format);
        let mime = match self.node_type() {
            Some(NodeType::Mime(types)) => types.first().map_or("", String::as_str),
            _ => "",
        };
        let mime = if mime.is_empty() { Value::DEFAULT_TYPE } else { mime };
        // A default that is none is not better than no default, and so is a type.
        [(mime, default), (mime, empty), (Value::DEFAULT_TYPE, empty)]
            .into_iter()
            .find_map(|(mime, text)| Value::new(format, String::from(mime), text.as_bytes()).ok())
            .unwrap_or_else(Value::null)
    }
}
