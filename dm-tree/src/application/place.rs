//! Addresses below addresses, by names: however they are spelled.

use crate::mount::Mounted;
use crate::tree::{Place, Tree};
use crate::uri::{NodeUri, escape};

/// Whether `uri` is `top` or lies below it.
pub(super) fn is_at_or_below(uri: &NodeUri<'_>, top: &NodeUri<'_>) -> bool {
    let mut names = uri.segments();
    top.segments().all(|segment| names.next().is_some_and(|name| name.name() == segment.name()))
}

/// The address once what is at `from` is at `to`; `None` when it does not lie there.
pub(super) fn moved(
    uri: &NodeUri<'_>,
    from: &NodeUri<'_>,
    to: &NodeUri<'static>,
) -> Option<NodeUri<'static>> {
    if !is_at_or_below(uri, from) {
        return None;
    }
    let rest = uri.segments().skip(from.segments().count());
    Some(rest.fold(to.clone(), |at, segment| at.join(segment.as_str())))
}

/// The address as the tree spells it, as far as there are nodes.
pub(super) fn spelled(tree: &Tree, uri: &NodeUri<'_>) -> NodeUri<'static> {
    match tree.locate(uri) {
        Place::Stored(id) => tree.uri_of(id),
        Place::Mounted(Mounted { node, path, .. }) => {
            path.iter().fold(tree.uri_of(node), |at, name| at.join(&escape(name)))
        }
        Place::Missing { nearest, rest } => {
            rest.fold(tree.uri_of(nearest), |at, segment| at.join(segment.as_str()))
        }
        Place::BelowLeaf(_) => uri.clone().into_owned(),
    }
}
