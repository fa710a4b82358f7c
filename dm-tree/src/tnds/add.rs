//! Add with a serialised tree.

use crate::acting::Acting;
use crate::content::Content;
use crate::error::{Refusal, RefusalKind};
use crate::mgmt_tree::MgmtTree;
use crate::rights::Rights;
use crate::tree::Place;
use crate::uri::{NodeUri, Uri};

use super::place::{Alignment, Placed, place};

impl Acting<'_> {
    /// Add of a whole document below the node addressed, which comes to be too if it is missing. All of it or
    /// nothing (RepPro 1.2.1, Add; TND 1.2.1, TNDS).
    ///
    /// # Errors
    ///
    /// [`Refusal`] with the status of the node that cannot be added, which it [names](Refusal::at).
    pub fn add_tnds(&mut self, uri: &str, document: &MgmtTree) -> Result<(), Refusal> {
        let target = self.target_of_tnds(uri)?;
        let nodes = place(&target, document, Alignment::Below)?;
        if nodes.is_empty() {
            return Err(RefusalKind::Format.into());
        }
        self.all_or_nothing(|acting| {
            nodes
                .iter()
                .try_for_each(|placed| acting.add_placed(placed).map_err(|refusal| named(refusal, placed)))?;
            acting.set_acls(&nodes)
        })
    }

    /// The address of a command that carries a document.
    pub(super) fn target_of_tnds(&mut self, uri: &str) -> Result<NodeUri<'static>, Refusal> {
        let parsed = Uri::parse(uri)?;
        parsed.check(&self.tree.limits().uri)?;
        if parsed.query().is_some() {
            return Err(RefusalKind::NotOnProperty.into());
        }
        Ok(parsed.node().clone().into_owned())
    }

    /// Adds a node, or its value and title to what a `Path` brought before.
    pub(super) fn add_placed(&mut self, placed: &Placed<'_>) -> Result<(), Refusal> {
        self.check_stored(&placed.uri)?;
        let uri = placed.uri.as_str();
        if placed.is_interior {
            self.add(uri, &Content::interior(placed.mo_id()))?;
        } else {
            let content = Content::new(placed.octets()).with_format(placed.format().name());
            self.add(uri, &content.with_type(placed.mime()))?;
        }
        self.put_title_of(placed)
    }

    /// The title comes with the node: no right is needed beside that to add it.
    pub(super) fn put_title_of(&mut self, placed: &Placed<'_>) -> Result<(), Refusal> {
        let Some(title) = placed.node.rt.as_ref().and_then(|rt| rt.title.as_deref()) else { return Ok(()) };
        if title.len() > crate::property::Property::MAX_TITLE_LEN {
            return Err(RefusalKind::TooLarge.into());
        }
        match self.tree.locate(&placed.uri) {
            Place::Stored(id) if self.tree.at(id).title.as_ref() != title => {
                Ok(self.tree.put_title(id, title)?)
            }
            _ => Ok(()),
        }
    }

    /// Sets the ACLs, those of children before those of parents: a list may take from the server what it needs to
    /// set another one further down.
    pub(super) fn set_acls(&mut self, nodes: &[Placed<'_>]) -> Result<(), Refusal> {
        for placed in nodes.iter().rev() {
            let Some(acl) = placed.node.rt.as_ref().and_then(|rt| rt.acl.as_ref()) else { continue };
            let is_set = || self.tree.node(placed.uri.as_str()).is_some_and(|node| node.acl() == acl);
            if acl.is_empty() || is_set() {
                continue;
            }
            let uri = alloc::format!("{}?prop=ACL", placed.uri.as_str());
            let text = alloc::string::ToString::to_string(acl);
            self.replace(&uri, &Content::new(text.as_bytes())).map_err(|refusal| named(refusal, placed))?;
        }
        Ok(())
    }

    /// What a handler serves cannot be taken back, so no document reaches it.
    pub(super) fn check_stored(&self, uri: &NodeUri<'_>) -> Result<(), Refusal> {
        match self.tree.locate(uri) {
            Place::Mounted(_) => Err(RefusalKind::SerialisedTree.into()),
            _ => Ok(()),
        }
    }

    pub(super) fn all_or_nothing(
        &mut self,
        commands: impl FnOnce(&mut Self) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let before = self.tree.clone();
        let changes = self.changes.len();
        let outcome = commands(self);
        if outcome.is_err() {
            *self.tree = before;
            self.changes.truncate(changes);
        }
        outcome
    }

    /// Whether the server has a right on a node that is there.
    pub(super) fn has(&self, right: Rights, uri: &NodeUri<'_>) -> bool {
        self.tree.may(self.server, right, uri)
    }
}

/// The refusal with the node that is at fault, unless it names another already.
pub(super) fn named(refusal: Refusal, placed: &Placed<'_>) -> Refusal {
    if refusal.at().is_some() { refusal } else { refusal.with_node(placed.uri.clone()) }
}
