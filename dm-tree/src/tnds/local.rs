//! The device's own documents: no rights are asked.

use alloc::string::String;
use alloc::vec::Vec;

use crate::ddf::{Described, Schema};
use crate::error::{Refusal, TreeError};
use crate::mgmt_tree::{DocumentError, MgmtTree, Node};
use crate::node::{NewNode, NodeRef, NodeSpec};
use crate::tree::{Place, Tree};
use crate::uri::{NodeUri, UriErrorKind};
use crate::value::{Value, ValueError};

use super::get::whole;
use super::place::{Alignment, Placed, place};

impl Tree {
    /// The whole tree with all properties, as one node `.` with everything below it: what
    /// [`load_tnds`](Self::load_tnds) reads. What handlers serve is not in it.
    ///
    /// Secrets are: keep it as you would keep them.
    ///
    /// # Errors
    ///
    /// A tree deeper than a document may be.
    pub fn to_tnds(&self) -> Result<MgmtTree, DocumentError> {
        let mut document = MgmtTree::new();
        let mut stack = Vec::from([(self.root(), 0)]);
        while let Some((node, depth)) = stack.pop() {
            document.push(depth, whole(node))?;
            let first = stack.len();
            stack.extend(
                node.children().filter(|child| child.mount().is_none()).map(|child| (child, depth + 1)),
            );
            stack[first..].reverse();
        }
        Ok(document)
    }

    /// Puts a document into the tree, its nodes at their `Path`, or at the root where they have none; a node `.`
    /// is the root. Values, titles and ACLs are taken as they stand; the
    /// secrets of accounts are not to be read by servers. Nodes are dynamic and open to every command,
    /// unless `schema` describes them. What is there already gets the value, the title and the ACL of the document.
    /// Tells how many nodes are new.
    ///
    /// # Errors
    ///
    /// The node at fault and what is wrong; nodes put in before stay.
    pub fn load_tnds(&mut self, document: &MgmtTree, schema: Option<&Schema>) -> Result<usize, LoadError> {
        self.load(document, schema, &mut Err)
    }

    /// As [`load_tnds`](Self::load_tnds), for who wants to know of all values that are not of their format: a leaf with such a
    /// value begins with what it would begin with if the document gave none, and the fault, a [`LoadError::Value`], is put
    /// into `faults`.
    ///
    /// # Errors
    ///
    /// Whatever else is at fault; nodes put in before stay.
    pub fn load_tnds_with_faults(
        &mut self,
        document: &MgmtTree,
        schema: Option<&Schema>,
        faults: &mut Vec<LoadError>,
    ) -> Result<usize, LoadError> {
        self.load(document, schema, &mut |fault| {
            faults.push(fault);
            Ok(())
        })
    }

    fn load(
        &mut self,
        document: &MgmtTree,
        schema: Option<&Schema>,
        on_fault: &mut dyn FnMut(LoadError) -> Result<(), LoadError>,
    ) -> Result<usize, LoadError> {
        let nodes = place(&NodeUri::ROOT, document, Alignment::Whole)
            .map_err(|refusal| LoadError::Address(kind_of(&refusal)))?;
        let mut new = 0;
        for placed in &nodes {
            let at = |error| LoadError::Node(String::from(placed.uri.as_str()), error);
            let spec = match spec(placed, schema) {
                Ok(spec) => spec,
                Err(error) => {
                    on_fault(LoadError::Value(String::from(placed.uri.as_str()), error))?;
                    without_value(placed, schema)
                }
            };
            if self.node(placed.uri.as_str()).is_none() {
                self.insert(placed.uri.as_str(), spec).map_err(at)?;
                new += 1;
                if let Place::Stored(id) = self.locate(&placed.uri) {
                    crate::standard::hide_secrets(self, id);
                }
            } else {
                self.update(placed, &spec).map_err(at)?;
            }
        }
        Ok(new)
    }

    /// Gives a node that is there what a document says of it.
    fn update(&mut self, placed: &Placed<'_>, spec: &NodeSpec) -> Result<(), TreeError> {
        let uri = placed.uri.as_str();
        let is_interior = self.node(uri).and_then(NodeRef::is_interior);
        if is_interior != Some(placed.is_interior) {
            return Err(TreeError::Exists);
        }
        if let Some(NewNode::Leaf(value)) = spec.kind()
            && placed.node.value.is_some()
        {
            self.set_value(uri, value.clone())?;
        }
        if let Some(rt) = &placed.node.rt {
            if let Some(acl) = rt.acl.clone().filter(|acl| !acl.is_empty()) {
                self.set_acl(uri, acl)?;
            }
            if let Some(title) = &rt.title {
                self.set_title(uri, title)?;
            }
        }
        Ok(())
    }
}

/// The value of a leaf; `None` for an interior node.
fn leaf_of(placed: &Placed<'_>) -> Result<Option<Value>, ValueError> {
    if placed.is_interior {
        return Ok(None);
    }
    let mime = match placed.mime() {
        "" => Value::DEFAULT_TYPE,
        mime => mime,
    };
    Value::new(placed.format(), String::from(mime), placed.octets()).map(Some)
}

/// A leaf as it would be if the document gave it no value.
fn without_value(placed: &Placed<'_>, schema: Option<&Schema>) -> NodeSpec {
    let mut node = Node::new("");
    node.rt.clone_from(&placed.node.rt);
    let without = Placed { uri: placed.uri.clone(), node: &node, is_interior: placed.is_interior };
    // A type that is none was told of with the value.
    spec(&without, schema).unwrap_or_else(|_| NodeSpec::leaf(Value::null()))
}

/// A node as the document has it, and the description marks it.
fn spec(placed: &Placed<'_>, schema: Option<&Schema>) -> Result<NodeSpec, ValueError> {
    let described = match schema.map(|schema| schema.find(&placed.uri)) {
        Some(Described::Described(description)) => Some(description),
        _ => None,
    };
    let mut spec = match (leaf_of(placed)?, described) {
        // What the document leaves out the description says.
        (Some(_), Some(description)) if placed.node.format().is_none() => {
            let format = description.format().unwrap_or_default();
            match &placed.node.value {
                Some(value) => {
                    let mime = match placed.mime() {
                        "" => Value::DEFAULT_TYPE,
                        mime => mime,
                    };
                    NodeSpec::leaf(Value::new(format, String::from(mime), value.octets())?)
                }
                None => description.spec(),
            }
        }
        (Some(_), Some(description)) if placed.node.value.is_none() => description.spec(),
        (Some(value), _) => NodeSpec::leaf(value),
        (None, _) => NodeSpec::managed_object(placed.mo_id()),
    };
    if let Some(rt) = &placed.node.rt {
        if let Some(acl) = &rt.acl {
            spec = spec.with_acl(acl.clone());
        }
        if let Some(title) = &rt.title {
            spec = spec.with_title(title.clone());
        }
    }
    Ok(match described {
        Some(description) => description.mark(spec),
        None => spec,
    })
}

fn kind_of(refusal: &Refusal) -> Option<UriErrorKind> {
    match refusal.kind() {
        crate::error::RefusalKind::Uri(kind) => Some(kind),
        _ => None,
    }
}

/// Why a document cannot be put into a tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The name or the `Path` of a node makes no address.
    #[error("a node has no address{}", .0.map_or("", |_| ": its name or path is malformed"))]
    Address(Option<UriErrorKind>),
    /// The value of the node at this address is not of its format.
    #[error("{0}: {1}")]
    Value(String, ValueError),
    /// The node at this address cannot be put into the tree.
    #[error("{0}: {1}")]
    Node(String, TreeError),
}

impl LoadError {
    /// The address of the node at fault, where it has one.
    #[must_use]
    pub fn uri(&self) -> Option<&str> {
        match self {
            Self::Address(_) => None,
            Self::Value(uri, _) | Self::Node(uri, _) => Some(uri),
        }
    }
}
