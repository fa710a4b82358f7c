//! A tree against a schema.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use crate::node::NodeRef;
use crate::tree::Tree;
use crate::uri::{NodeUri, escape};

use super::check::Proposal;
use super::schema::{Described, Description, Schema, resolved};
use super::violation::{Violation, ViolationKind};

impl Schema {
    /// All that is in the tree and not as described, and all that is missing, parents before their children.
    ///
    /// What a handler serves is not looked at, nor what is below a node that is not described.
    pub fn violations<'t>(&'t self, tree: &'t Tree) -> impl Iterator<Item = Violation> + 't {
        let mut stack = Vec::from([(tree.root(), self.root())]);
        let mut found = VecDeque::new();
        core::iter::from_fn(move || {
            loop {
                if let Some(violation) = found.pop_front() {
                    return Some(violation);
                }
                let (node, description) = stack.pop()?;
                examine(node, description, &mut found, &mut stack);
            }
        })
    }
}

fn examine<'t>(
    node: NodeRef<'t>,
    description: Description<'t>,
    found: &mut VecDeque<Violation>,
    stack: &mut Vec<(NodeRef<'t>, Description<'t>)>,
) {
    let uri = node.uri();
    let proposal = match node.value() {
        Some(value) => Proposal::of(value),
        None => Proposal::interior(node.mo_id()),
    };
    if !description.is_root()
        && description.is_described()
        && let Err(kind) = description.fits(proposal)
    {
        found.push_back(Violation::new(&uri, kind));
    }
    if node.is_interior() != Some(true) {
        return;
    }
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    let first = stack.len();
    for child in node.children() {
        match description.below(&resolved(child.name())) {
            Described::Described(of) => {
                let count = counts.entry(of.place()).or_default();
                *count += 1;
                if of.occurrence().max().is_some_and(|max| *count > max as usize) {
                    let only_one = of.occurrence().max() == Some(1);
                    let kind = if only_one { ViolationKind::OnlyOne } else { ViolationKind::TooMany };
                    found.push_back(Violation::new(&child.uri(), kind));
                }
                stack.push((child, of));
            }
            Described::Excluded => {
                found.push_back(Violation::new(&child.uri(), ViolationKind::NotDescribed));
            }
            Described::Open => {}
        }
    }
    stack[first..].reverse();
    // What must be there and is not, also below nodes that only lie on the way to it.
    let absent = description.children().filter(|of| !counts.contains_key(&of.place()));
    let mut looked_at: Vec<(NodeUri<'static>, Description<'t>)> =
        absent.map(|of| (missing(&uri, of), of)).collect();
    looked_at.reverse();
    while let Some((uri, of)) = looked_at.pop() {
        if of.is_described() {
            if of.occurrence().min() > 0 {
                found.push_back(Violation::new(&uri, ViolationKind::Missing));
            }
        } else if of.name().is_some() {
            let first = looked_at.len();
            looked_at.extend(of.children().map(|below| (missing(&uri, below), below)));
            looked_at[first..].reverse();
        }
    }
}

/// The address of what is missing, `*` where any name would do.
fn missing(parent: &NodeUri<'_>, description: Description<'_>) -> NodeUri<'static> {
    match description.name() {
        Some(name) => parent.join(&escape(name)),
        None => parent.join("*"),
    }
}
