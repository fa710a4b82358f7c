//! Replace with a serialised tree.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use crate::acting::Acting;
use crate::content::Content;
use crate::error::{Refusal, RefusalKind};
use crate::mgmt_tree::MgmtTree;
use crate::rights::{AccessType, Rights};
use crate::uri::NodeUri;

use super::add::named;
use super::place::{Alignment, Placed, place};

impl Acting<'_> {
    /// Replace of the node addressed, and of all below it, by a document: what is not in the document goes, what is
    /// in both keeps its properties and gets its value, the rest is added. All of it or nothing.
    ///
    /// It needs Replace on the node addressed, and for each node below what its Delete, Replace or Add would need.
    ///
    /// # Errors
    ///
    /// [`Refusal`] with the status of the node at fault, which it [names](Refusal::at).
    pub fn replace_tnds(&mut self, uri: &str, document: &MgmtTree) -> Result<(), Refusal> {
        let target = self.target_of_tnds(uri)?;
        self.check_stored(&target)?;
        let top = self.tree.node(target.as_str()).ok_or(RefusalKind::NotFound)?;
        let takes_replace = top.access().contains(AccessType::REPLACE);
        if !self.has(Rights::REPLACE, &target) {
            return Err(RefusalKind::Denied.into());
        }
        // AccessType Replace of an interior node is about its name and its properties; of a leaf about its value.
        if !takes_replace && top.is_interior() != Some(true) {
            return Err(RefusalKind::AccessType.into());
        }
        let nodes = place(&target, document, Alignment::First)?;
        if nodes.is_empty() {
            return Err(RefusalKind::Format.into());
        }
        self.all_or_nothing(|acting| {
            acting.delete_absent(&target, &nodes)?;
            for placed in &nodes {
                acting.put_placed(placed, &target).map_err(|refusal| named(refusal, placed))?;
            }
            acting.set_acls(&nodes)
        })
    }

    /// Removes what is below the target and not in the document, topmost nodes only.
    fn delete_absent(&mut self, target: &NodeUri<'_>, nodes: &[Placed<'_>]) -> Result<(), Refusal> {
        let mut kept: BTreeSet<Vec<String>> = BTreeSet::new();
        for placed in nodes {
            // A path names nodes on its way too.
            let mut names = resolved(&placed.uri);
            while kept.insert(names.clone()) && !names.is_empty() {
                names.pop();
            }
        }
        let Some(top) = self.tree.node(target.as_str()) else { return Ok(()) };
        let (mut absent, mut stack) = (Vec::new(), Vec::from([top]));
        while let Some(node) = stack.pop() {
            for child in node.children() {
                let uri = child.uri();
                if kept.contains(&resolved(&uri)) {
                    stack.push(child);
                } else {
                    absent.push(uri);
                }
            }
        }
        for uri in absent {
            self.check_stored(&uri)?;
            self.delete(uri.as_str()).map_err(|refusal| refusal.with_node(uri))?;
        }
        Ok(())
    }

    /// Adds a node, or gives the one that is there what the document says.
    fn put_placed(&mut self, placed: &Placed<'_>, target: &NodeUri<'_>) -> Result<(), Refusal> {
        self.check_stored(&placed.uri)?;
        let uri = placed.uri.as_str();
        let Some(found) = self.tree.node(uri) else { return self.add_placed(placed) };
        let is_same_kind = found.is_interior() == Some(placed.is_interior)
            && (!placed.is_interior || placed.node_type().is_none() || found.mo_id() == placed.mo_id());
        if !is_same_kind {
            if placed.uri == *target && (placed.uri.is_root() || found.is_permanent()) {
                return Err(RefusalKind::FixedFormat.into());
            }
            self.delete(uri)?;
            return self.add_placed(placed);
        }
        if !placed.is_interior {
            let content = Content::new(placed.octets());
            // What the document does not say stays.
            let content = match placed.node.format() {
                Some(format) => content.with_format(format.name()),
                None => content.with_format(found.value().map_or("chr", |value| value.format().name())),
            };
            self.replace(uri, &content.with_type(placed.mime()))?;
        }
        let title = placed.node.rt.as_ref().and_then(|rt| rt.title.as_deref());
        if title.is_some_and(|title| self.tree.node(uri).is_some_and(|node| node.title() != title)) {
            if !self.has(Rights::REPLACE, &placed.uri) {
                return Err(RefusalKind::Denied.into());
            }
            self.put_title_of(placed)?;
        }
        Ok(())
    }
}

/// The names of an address, not escaped.
fn resolved(uri: &NodeUri<'_>) -> Vec<String> {
    uri.segments().map(|segment| segment.name().into_owned()).collect()
}
