//! What an application may do where.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::place;
use crate::access::Spot;
use crate::node::NodeRef;
use crate::rights::Rights;
use crate::store::NodeId;
use crate::tree::{Place, Tree};
use crate::uri::{NodeUri, UriError};

/// Rights of an application on a part of the tree.
///
/// As with ACLs, the nearest one at or above a node decides and nothing is merged: one with fewer rights, or with
/// none, takes a part out of another. Where both a place and a type are named for the same node, the place decides.
/// Exec is not for applications.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Grant {
    scope: GrantScope,
    rights: Rights,
}

/// Which part of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum GrantScope {
    /// What is at this address and below. Follows a node that is renamed, as an ACL does.
    Subtree(NodeUri<'static>),
    /// Every instance of a management object of this type, wherever it is, and what is below.
    Object(String),
}

impl Grant {
    const ALLOWED: Rights = Rights::ALL.without(Rights::EXEC);

    /// Rights at an address and below; with [`Rights::NONE`] an exception from what is granted above.
    ///
    /// # Errors
    ///
    /// When the address is malformed.
    pub fn subtree(uri: &str, rights: Rights) -> Result<Self, UriError> {
        let scope = GrantScope::Subtree(NodeUri::parse(uri)?.into_owned());
        Ok(Self { scope, rights: rights.intersection(Self::ALLOWED) })
    }

    /// Rights on the instances of a type of management object. Get is always among them: exceptions are made by address.
    #[must_use]
    pub fn object(mo_id: impl Into<String>, rights: Rights) -> Self {
        let rights = rights.union(Rights::GET).intersection(Self::ALLOWED);
        Self { scope: GrantScope::Object(mo_id.into()), rights }
    }

    /// Which part of the tree.
    #[must_use]
    pub const fn scope(&self) -> &GrantScope {
        &self.scope
    }

    /// The rights.
    #[must_use]
    pub const fn rights(&self) -> Rights {
        self.rights
    }
}

/// All that one application may do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub(crate) struct Grants(Vec<Grant>);

/// How near a grant is to a node: the depth it is given at, and whether by place.
type Nearness = (usize, bool);

impl Grants {
    /// As the tree spells them, so that they still are the same when a node is gone.
    pub(super) fn new(tree: &Tree, mut grants: Vec<Grant>) -> Self {
        for grant in &mut grants {
            if let GrantScope::Subtree(uri) = &mut grant.scope {
                *uri = place::spelled(tree, uri);
            }
        }
        Self(grants)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn as_slice(&self) -> &[Grant] {
        &self.0
    }

    /// The rights on a node that exists.
    pub(crate) fn rights_on(&self, tree: &Tree, spot: &Spot<'_>) -> Rights {
        self.nearest(tree, spot).map_or(Rights::NONE, |(_, rights)| rights)
    }

    /// The rights at an address, where there may be nothing, or nothing any more.
    pub(crate) fn rights_at(&self, tree: &Tree, uri: &NodeUri<'_>) -> Rights {
        let mut at = uri.clone();
        let nearest = loop {
            match tree.locate(&at) {
                Place::Stored(id) => return self.rights_on(tree, &Spot::Stored(id)),
                Place::Mounted(mounted) => return self.rights_on(tree, &Spot::Mounted(mounted)),
                Place::Missing { nearest, .. } => break nearest,
                // Nothing is or was there; what can be spoken of is the leaf in the way.
                Place::BelowLeaf(_) => {}
            }
            match at.parent() {
                Some(parent) => at = parent.into_owned(),
                None => return Rights::NONE,
            }
        };
        let mut best = self.nearest(tree, &Spot::Stored(nearest));
        for grant in &self.0 {
            let GrantScope::Subtree(scope) = &grant.scope else { continue };
            let nearness = (scope.segments().count(), true);
            let is_nearer = best.is_none_or(|(other, _)| nearness > other);
            if is_nearer && place::is_at_or_below(uri, scope) {
                best = Some((nearness, grant.rights));
            }
        }
        best.map_or(Rights::NONE, |(_, rights)| rights)
    }

    fn nearest(&self, tree: &Tree, spot: &Spot<'_>) -> Option<(Nearness, Rights)> {
        let (stored, path): (NodeId, &[Cow<'_, str>]) = match spot {
            Spot::Stored(id) => (*id, &[]),
            Spot::Mounted(mounted) => (mounted.node, &mounted.path),
        };
        let mut chain = Vec::from([stored]);
        while let Some(last) = chain.last().filter(|id| !Tree::is_root(**id)) {
            chain.push(tree.at(*last).parent);
        }
        chain.reverse();
        let near = |grant: &Grant| match &grant.scope {
            GrantScope::Subtree(scope) => {
                let depth = match tree.locate(scope) {
                    Place::Stored(id) => chain.iter().position(|on_the_way| *on_the_way == id),
                    Place::Mounted(at) if at.node == stored && path.starts_with(&at.path) => {
                        Some(chain.len() - 1 + at.path.len())
                    }
                    _ => None,
                };
                depth.map(|depth| (depth, true))
            }
            GrantScope::Object(mo_id) => {
                let is_one = |id: &NodeId| NodeRef { tree, id: *id }.mo_id() == mo_id;
                chain.iter().rposition(is_one).map(|depth| (depth, false))
            }
        };
        // The last of several for the same node counts.
        let known = self.0.iter().filter_map(|grant| near(grant).map(|nearness| (nearness, grant.rights)));
        known.max_by_key(|(nearness, _)| *nearness)
    }

    /// Follows a node that has another name now. Says whether that changed anything.
    pub(super) fn follow(&mut self, from: &NodeUri<'_>, to: &NodeUri<'static>) -> bool {
        let mut any = false;
        for grant in &mut self.0 {
            if let GrantScope::Subtree(uri) = &mut grant.scope
                && let Some(moved) = place::moved(uri, from, to)
            {
                *uri = moved;
                any = true;
            }
        }
        any
    }
}
