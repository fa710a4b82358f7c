//! Where the nodes of a document go, and what they become there.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::error::{Refusal, RefusalKind};
use crate::mgmt_tree::{MgmtTree, Node, NodeType};
use crate::uri::{NodeUri, Segment, escape};
use crate::value::{Format, Value};

/// A node of a document at its address.
pub(super) struct Placed<'d> {
    pub(super) uri: NodeUri<'static>,
    pub(super) node: &'d Node,
    pub(super) is_interior: bool,
}

/// What a node directly below `MgmtTree` is to the target of the command.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Alignment {
    /// Below it, or itself if it has no name: Add.
    Below,
    /// The first one is the target itself: Replace.
    First,
    /// As `Below`, and `.` is the root: a device's own document.
    Whole,
}

/// The nodes of a document with their addresses, parents before their children.
///
/// A `Path` counts from the target; one that begins with `./` or `/` and repeats the target is taken to be a whole
/// address, as the specification has it in one place.
pub(super) fn place<'d>(
    target: &NodeUri<'_>,
    document: &'d MgmtTree,
    alignment: Alignment,
) -> Result<Vec<Placed<'d>>, Refusal> {
    let nodes = document.nodes();
    let mut placed: Vec<Placed<'d>> = Vec::with_capacity(nodes.len());
    let mut open: Vec<usize> = Vec::new();
    // How many children without a name each node has, by its place in the document.
    let mut numbered: BTreeMap<Option<usize>, u32> = BTreeMap::new();
    for (at, node) in nodes.iter().enumerate() {
        open.truncate(node.depth());
        let parent = open.last().copied();
        let base = match parent {
            Some(parent) => placed[parent].uri.clone(),
            None => base(target, node)?,
        };
        let has_path = node.path.as_deref().is_some_and(|path| !path.is_empty());
        let is_top = parent.is_none() && !has_path;
        let uri = match (alignment, node.name.as_str()) {
            (Alignment::First, name) if at == 0 && is_top => {
                let of_target = target.last().map(|segment| segment.name().into_owned());
                let is_target = name.is_empty()
                    || name == "."
                    || of_target.as_deref() == Some(&*crate::ddf::resolved(name));
                // Under another name it is not the object that is asked to be replaced.
                if !is_target {
                    return Err(RefusalKind::Format.into());
                }
                base
            }
            (Alignment::Whole, ".") if is_top => NodeUri::ROOT,
            (Alignment::Below | Alignment::Whole, "") if is_top && !base.is_root() => base,
            (_, "") => {
                let number = numbered.entry(parent).or_default();
                *number += 1;
                base.join(&number.to_string())
            }
            (_, name) => base.join(&spelled(name)?),
        };
        open.push(at);
        let has_children = nodes.get(at + 1).is_some_and(|next| next.depth() > node.depth());
        placed.push(Placed { uri, node, is_interior: is_interior(node, has_children) });
    }
    Ok(placed)
}

/// What a node directly below `MgmtTree` hangs from.
fn base(target: &NodeUri<'_>, node: &Node) -> Result<NodeUri<'static>, Refusal> {
    let target = target.clone().into_owned();
    let Some(path) = node.path.as_deref().filter(|path| !path.is_empty() && *path != ".") else {
        return Ok(target);
    };
    let rest = path.strip_prefix("./").or_else(|| path.strip_prefix('/'));
    if let Some(rest) = rest {
        let whole = NodeUri::ROOT.join(rest);
        let whole = NodeUri::parse(whole.as_str())?.into_owned();
        let mut segments = whole.segments();
        let repeats =
            target.segments().all(|segment| segments.next().is_some_and(|own| own.name() == segment.name()));
        if repeats {
            return Ok(whole);
        }
    }
    let path = rest.unwrap_or(path).trim_end_matches('/');
    let joined = target.join(path);
    Ok(NodeUri::parse(joined.as_str())?.into_owned())
}

/// A name as it stands in an address.
pub(super) fn spelled(name: &str) -> Result<String, Refusal> {
    match Segment::parse(name) {
        Ok(segment) => Ok(segment.as_str().into()),
        Err(_) => {
            let escaped = escape(name).into_owned();
            Segment::parse(&escaped)?;
            Ok(escaped)
        }
    }
}

/// A node without a format is what its content says: a node with children, or an object, is an interior one.
fn is_interior(node: &Node, has_children: bool) -> bool {
    match node.format() {
        Some(format) => format == Format::Node,
        None => {
            has_children
                || node.value.is_none()
                    && matches!(
                        node.rt.as_ref().and_then(|rt| rt.node_type.as_ref()),
                        Some(NodeType::DdfName(_))
                    )
        }
    }
}

impl Placed<'_> {
    /// The management object identifier of an interior node.
    pub(super) fn mo_id(&self) -> &str {
        self.node_type().map_or("", NodeType::ddf_name)
    }

    pub(super) fn node_type(&self) -> Option<&NodeType> {
        self.node.rt.as_ref().and_then(|rt| rt.node_type.as_ref())
    }

    /// The media type of a leaf.
    pub(super) fn mime(&self) -> &str {
        match self.node_type() {
            Some(NodeType::Mime(types)) => types.first().map_or("", String::as_str),
            _ => "",
        }
    }

    pub(super) fn format(&self) -> Format {
        self.node.format().unwrap_or_default()
    }

    /// The octets of a leaf's value; without one those that a leaf begins with.
    pub(super) fn octets(&self) -> &[u8] {
        match &self.node.value {
            Some(value) => value.octets(),
            None => Value::zero(self.format()).as_bytes(),
        }
    }
}
