//! Where the nodes of the objects are, and what they are called.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use dm_tree::{AccessType, NodeUri, Segment};
use thiserror::Error;

use super::table::{Object, Slot};

/// Where the objects are in the gateway's tree, and how their nodes are called.
///
/// Nothing else in this crate spells a path: the gateway finds the [`Slot`] that a path means here, and
/// [`Console`](crate::console::Console) the path of a slot. So a gateway and its servers can agree on other trees (the
/// registered ones, say) without any change to either. Both must have the same binding. Clones share one table.
///
/// ```
/// use gwmo_model::mo::{Binding, FanoutSlot};
///
/// let ours = Binding::ours();
/// assert_eq!(ours.uri(FanoutSlot::State, &["J7"]).as_str(), "./GwMO/Fanout/Jobs/J7/State");
/// let other = ours.with_path(FanoutSlot::State, "Jobs/*/Ext/Status")?;
/// assert_eq!(other.uri(FanoutSlot::State, &["J7"]).as_str(), "./GwMO/Fanout/Jobs/J7/Ext/Status");
/// # Ok::<(), gwmo_model::mo::BindingError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Binding(Arc<[Bound; Object::ALL.len()]>);

/// One object.
#[derive(Clone, Debug)]
struct Bound {
    place: NodeUri<'static>,
    mo_id: Box<str>,
    /// The path of each slot, by its place in the table.
    paths: Vec<Box<str>>,
    /// The paths as a tree; the first is the top.
    nodes: Vec<Node>,
    /// Where each slot is in it.
    at: Vec<u16>,
}

#[derive(Clone, Debug)]
struct Node {
    /// Empty for one that somebody chooses.
    name: Box<str>,
    /// Places that nobody described only lead to others.
    slot: Option<Slot>,
    /// Named children, by name.
    sorted: Vec<u16>,
    /// The one that any other name means.
    any: Option<u16>,
    /// Named children, in the order of the table.
    children: Vec<u16>,
    /// Whether something may be added below.
    grows: bool,
}

/// Names of one path that were chosen by somebody, from the top.
pub(crate) type Keys<'p> = [&'p str; MAX_KEYS];

/// Most names of one path that somebody chooses: a job, a device, an operation.
pub(crate) const MAX_KEYS: usize = 3;

/// A path that means something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'p> {
    pub(crate) slot: Option<Slot>,
    pub(crate) keys: Keys<'p>,
    node: u16,
}

impl Binding {
    /// The trees as the tables have them, below `./GwMO`, under identifiers for private use.
    #[must_use]
    pub fn ours() -> Self {
        let bound = |object: Object| {
            let (place, mo_id) = object.place();
            let place = NodeUri::parse(place).expect("the places are addresses");
            let paths = object.rows().iter().map(|row| row.path.into()).collect();
            Bound::new(object, place, mo_id.into(), paths).expect("the tables are consistent")
        };
        Self(Arc::new(Object::ALL.map(bound)))
    }

    /// Puts one node elsewhere in its object; what is below it stays where it is. `path` has `*` for each name that
    /// somebody chooses, as many as before. What belongs to a job, a group or a device must stay below it, so that who
    /// has no right there has none here either.
    ///
    /// # Errors
    ///
    /// When it is no path, has another number of such names, is that of another node, or not below what it belongs to.
    pub fn with_path(self, slot: impl Into<Slot>, path: &str) -> Result<Self, BindingError> {
        let slot = slot.into();
        self.with_paths(slot.object(), |other, old| if other == slot { path.into() } else { old.into() })
    }

    /// Calls every node of an object what `path` says, given its slot and its present path.
    ///
    /// # Errors
    ///
    /// As [`with_path`](Self::with_path).
    pub fn with_paths(
        mut self,
        object: Object,
        mut path: impl FnMut(Slot, &str) -> String,
    ) -> Result<Self, BindingError> {
        let bound = &Arc::make_mut(&mut self.0)[object as usize];
        let paths = Slot::of(object).zip(&bound.paths).map(|(slot, old)| path(slot, old).into()).collect();
        let bound = Bound::new(object, bound.place.clone(), bound.mo_id.clone(), paths)?;
        Arc::make_mut(&mut self.0)[object as usize] = bound;
        Ok(self)
    }

    /// Puts an object elsewhere in the tree.
    ///
    /// # Errors
    ///
    /// When `place` is no address, or is at, above or below another object.
    pub fn with_place(mut self, object: Object, place: &str) -> Result<Self, BindingError> {
        let place = NodeUri::parse(place).map_err(|_| BindingError::Path)?.into_owned();
        if place.is_root() || place.segments().any(|segment| !is_name(&segment.name())) {
            return Err(BindingError::Path);
        }
        let is_below = |a: &NodeUri<'_>, b: &NodeUri<'_>| {
            a.as_str().strip_prefix(b.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let others = Object::ALL.into_iter().filter(|other| *other != object);
        for other in others.map(|other| self.place(other)) {
            if is_below(other, &place) || is_below(&place, other) {
                return Err(BindingError::Place);
            }
        }
        Arc::make_mut(&mut self.0)[object as usize].place = place;
        Ok(self)
    }

    /// Has an object be of another type.
    ///
    /// # Errors
    ///
    /// When that can be no management object identifier.
    pub fn with_mo_id(mut self, object: Object, mo_id: &str) -> Result<Self, BindingError> {
        if !is_name(mo_id) {
            return Err(BindingError::Path);
        }
        Arc::make_mut(&mut self.0)[object as usize].mo_id = mo_id.into();
        Ok(self)
    }

    /// Announces the objects under the identifiers of the registry ([`Object::registered_id`]). Their trees are not
    /// the registered ones, unless this binding makes them so.
    #[must_use]
    pub fn announcing_registered(mut self) -> Self {
        for object in Object::ALL {
            if let Some(id) = object.registered_id() {
                Arc::make_mut(&mut self.0)[object as usize].mo_id = id.into();
            }
        }
        self
    }

    /// Where an object is.
    #[must_use]
    pub fn place(&self, object: Object) -> &NodeUri<'static> {
        &self.bound(object).place
    }

    /// The management object identifier of an object.
    #[must_use]
    pub fn mo_id(&self, object: Object) -> &str {
        &self.bound(object).mo_id
    }

    /// Where a node is in its object, with `*` for each name that somebody chooses.
    #[must_use]
    pub fn path(&self, slot: impl Into<Slot>) -> &str {
        let slot = slot.into();
        &self.bound(slot.object()).paths[slot.index()]
    }

    /// The address of a node: `keys` are the names that somebody chose, from the top, not escaped. Keys too many say
    /// nothing; where one is missing, or can be no name, the address is one that means no node.
    #[must_use]
    pub fn uri(&self, slot: impl Into<Slot>, keys: &[&str]) -> NodeUri<'static> {
        let slot = slot.into();
        let mut keys = keys.iter();
        let mut uri = self.place(slot.object()).clone();
        for name in self.path(slot).split('/').filter(|name| !name.is_empty()) {
            let name = if name == "*" { keys.next().copied().unwrap_or(NOBODY) } else { name };
            // `.` and `..` are the only names that no address can spell.
            uri = uri.child(name).or_else(|_| uri.child(NOBODY)).expect("a percent sign is a name");
        }
        uri
    }

    /// What an address means: a node and its keys; `None` when there can be no such node.
    #[must_use]
    pub fn resolve(&self, uri: &NodeUri<'_>) -> Option<(Slot, Vec<String>)> {
        let object = self.object_at(uri)?;
        let names: Vec<_> = uri.segments().map(|segment| segment.name()).collect();
        let depth = self.place(object).segments().count();
        let below: Vec<&str> = names[depth..].iter().map(|name| &**name).collect();
        let found = self.find(object, &below)?;
        let keys = self.path(found.slot?).split('/').filter(|name| *name == "*").count();
        Some((found.slot?, found.keys[..keys].iter().map(|key| String::from(*key)).collect()))
    }

    /// The object that an address is at or below.
    #[must_use]
    pub fn object_at(&self, uri: &NodeUri<'_>) -> Option<Object> {
        Object::ALL.into_iter().find(|object| {
            let mut names = uri.segments();
            let is_next =
                |segment: Segment<'_>| names.next().is_some_and(|name| name.name() == segment.name());
            self.place(*object).segments().all(is_next)
        })
    }

    /// What a path below an object means. Costs a search among the names of one level for each segment, and takes no
    /// memory.
    pub(crate) fn find<'p>(&self, object: Object, path: &[&'p str]) -> Option<Found<'p>> {
        let nodes = &self.bound(object).nodes;
        let (mut at, mut keys, mut count) = (0_u16, [""; MAX_KEYS], 0);
        for name in path {
            let node = &nodes[usize::from(at)];
            let named = node.sorted.binary_search_by(|child| (*nodes[usize::from(*child)].name).cmp(name));
            at = match (named, node.any) {
                (Ok(found), _) => node.sorted[found],
                (Err(_), Some(any)) => {
                    *keys.get_mut(count)? = name;
                    count += 1;
                    any
                }
                (Err(_), None) => return None,
            };
        }
        Some(Found { slot: nodes[usize::from(at)].slot, keys, node: at })
    }

    /// The commands that a node takes at all; Add where something may be added below it.
    pub(crate) fn takes(&self, object: Object, found: &Found<'_>) -> AccessType {
        let node = &self.bound(object).nodes[usize::from(found.node)];
        let own = node.slot.map_or(AccessType::GET, |slot| slot.access().without(AccessType::ADD));
        if node.grows { own.union(AccessType::ADD) } else { own }
    }

    /// The named children of a node, in the order of the table.
    pub(crate) fn children<'b, 'p>(
        &'b self,
        object: Object,
        found: &Found<'p>,
    ) -> impl Iterator<Item = (&'b str, Found<'p>)> + use<'b, 'p> {
        let nodes = &self.bound(object).nodes;
        let keys = found.keys;
        nodes[usize::from(found.node)].children.iter().map(move |child| {
            let node = &nodes[usize::from(*child)];
            (&*node.name, Found { slot: node.slot, keys, node: *child })
        })
    }

    /// The child of a node that any other name means.
    pub(crate) fn unnamed_child(&self, object: Object, found: &Found<'_>) -> Option<Slot> {
        let nodes = &self.bound(object).nodes;
        nodes[usize::from(nodes[usize::from(found.node)].any?)].slot
    }

    /// The places of an object in the order of a document: how deep, what it is called, and the slot.
    pub(crate) fn outline(&self, object: Object) -> Vec<(usize, &str, Option<Slot>)> {
        let nodes = &self.bound(object).nodes;
        let (mut all, mut open) = (Vec::new(), Vec::from([(0, 0_u16)]));
        while let Some((depth, at)) = open.pop() {
            let node = &nodes[usize::from(at)];
            all.push((depth, &*node.name, node.slot));
            open.extend(node.any.map(|child| (depth + 1, child)));
            open.extend(node.children.iter().rev().map(|child| (depth + 1, *child)));
        }
        all
    }

    fn bound(&self, object: Object) -> &Bound {
        &self.0[object as usize]
    }
}

/// The name of no node.
const NOBODY: &str = "%";

/// Longest path below an object, in octets.
const MAX_PATH: usize = 255;

/// Whether a tree and a document can have a node of this name.
fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
        && name.trim() == name
        && crate::identifier::check(name, MAX_PATH).is_ok()
}

impl Default for Binding {
    fn default() -> Self {
        Self::ours()
    }
}

impl Bound {
    fn new(
        object: Object,
        place: NodeUri<'static>,
        mo_id: Box<str>,
        paths: Vec<Box<str>>,
    ) -> Result<Self, BindingError> {
        let top = Node::new("", None);
        let mut bound = Self { place, mo_id, paths, nodes: Vec::from([top]), at: Vec::new() };
        for (slot, path) in Slot::of(object).zip(core::mem::take(&mut bound.paths)) {
            let stars = |path: &str| path.split('/').filter(|name| *name == "*").count();
            if stars(&path) != stars(slot.row().path) {
                return Err(BindingError::Keys(slot));
            }
            let at = bound.insert(&path)?;
            let node = &mut bound.nodes[usize::from(at)];
            if node.slot.replace(slot).is_some() {
                return Err(BindingError::Twice(slot));
            }
            bound.at.push(at);
            bound.paths.push(path);
        }
        for slot in Slot::of(object) {
            // What belongs to somebody is below the node that has the ACL of its owner.
            let (row, path) = (slot.row(), &bound.paths[slot.index()]);
            let owner = |other: &Slot| {
                let rest = row.path.strip_prefix(other.row().path);
                other.row().path.ends_with('*') && rest.is_some_and(|rest| rest.starts_with('/'))
            };
            let is_below = |other: Slot| {
                let rest = path.strip_prefix(&*bound.paths[other.index()]);
                rest.is_some_and(|rest| rest.starts_with('/'))
            };
            if Slot::of(object).filter(owner).any(|other| !is_below(other)) {
                return Err(BindingError::Outside(slot));
            }
        }
        for at in 0..bound.nodes.len() {
            let node = &bound.nodes[at];
            let is_leaf = node.slot.is_some_and(|slot| slot.format() != dm_tree::Format::Node);
            if is_leaf && (node.any.is_some() || !node.children.is_empty()) {
                return Err(BindingError::BelowLeaf);
            }
            let added = |child: &u16| {
                let slot = bound.nodes[usize::from(*child)].slot;
                slot.is_some_and(|slot| slot.access().contains(AccessType::ADD))
            };
            bound.nodes[at].grows = node.children.iter().chain(&node.any).any(added);
        }
        Ok(bound)
    }

    /// The place of a path, new if need be.
    fn insert(&mut self, path: &str) -> Result<u16, BindingError> {
        let mut at = 0_u16;
        if path.is_empty() {
            return Ok(at);
        }
        for name in path.split('/') {
            if !is_name(name) || path.len() > MAX_PATH {
                return Err(BindingError::Path);
            }
            let name = if name == "*" { "" } else { name };
            let node = &self.nodes[usize::from(at)];
            let of = |child: &u16| &*self.nodes[usize::from(*child)].name;
            let known = match name {
                "" => node.any,
                _ => node.sorted.binary_search_by(|child| of(child).cmp(name)).ok().map(|at| node.sorted[at]),
            };
            at = match known {
                Some(child) => child,
                None => {
                    let place = node.sorted.partition_point(|child| of(child) < name);
                    let child = u16::try_from(self.nodes.len()).map_err(|_| BindingError::Path)?;
                    self.nodes.push(Node::new(name, None));
                    let node = &mut self.nodes[usize::from(at)];
                    if name.is_empty() {
                        node.any = Some(child);
                    } else {
                        node.sorted.insert(place, child);
                        node.children.push(child);
                    }
                    child
                }
            };
        }
        Ok(at)
    }
}

impl Node {
    fn new(name: &str, slot: Option<Slot>) -> Self {
        Self { name: name.into(), slot, sorted: Vec::new(), any: None, children: Vec::new(), grows: false }
    }
}

/// Why trees cannot be as they are said to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum BindingError {
    /// A path is none.
    #[error("no path")]
    Path,
    /// A path has more or fewer names that somebody chooses than the node needs.
    #[error("other names to choose than {0:?} has")]
    Keys(Slot),
    /// A path is not below that of the job, group or device that the node belongs to.
    #[error("{0:?} is not below what it belongs to")]
    Outside(Slot),
    /// A path is that of another node already.
    #[error("two nodes at the path of {0:?}")]
    Twice(Slot),
    /// A node would be below a leaf.
    #[error("a node below a leaf")]
    BelowLeaf,
    /// Objects would be at, above or below each other.
    #[error("objects in each other's place")]
    Place,
}

#[cfg(test)]
mod tests {
    use super::super::table::{FanoutSlot, GroupsSlot, InventorySlot};
    use super::*;

    #[test]
    fn addresses_are_spelled_and_escaped() {
        let ours = Binding::ours();
        assert_eq!(ours.uri(InventorySlot::Anchor, &["1"]).as_str(), "./GwMO/Inventory/Devices/1/Mgmt");
        assert_eq!(ours.uri(GroupsSlot::Group, &["a/b c"]).as_str(), "./GwMO/Groups/a%2Fb%20c");
        assert_eq!(ours.uri(FanoutSlot::Job, &["J7"]).as_str(), "./GwMO/Fanout/Jobs/J7");
        assert_eq!(ours.uri(FanoutSlot::Job, &[".."]).as_str(), "./GwMO/Fanout/Jobs/%25");
        assert_eq!(ours.uri(FanoutSlot::Job, &[]).as_str(), "./GwMO/Fanout/Jobs/%25");
    }

    #[test]
    fn what_is_spelled_is_found() {
        let ours = Binding::ours();
        for object in Object::ALL {
            for slot in Slot::of(object) {
                let uri = ours.uri(slot, &["a", "b/c", "d"]);
                let (found, keys) = ours.resolve(&uri).unwrap();
                assert_eq!(found, slot);
                assert!(keys.iter().zip(["a", "b/c", "d"]).all(|(key, given)| key == given));
            }
        }
        for nothing in ["./GwMO", "./GwMO/Fanout/Job", "./GwMO/Fanout/Jobs/J/Stat/None", "./DevInfo"] {
            assert_eq!(ours.resolve(&NodeUri::parse(nothing).unwrap()), None, "{nothing}");
        }
    }

    #[test]
    fn nodes_may_be_elsewhere_but_not_anywhere() {
        let ours = Binding::ours;
        let moved = ours().with_path(FanoutSlot::State, "Jobs/*/Ext/Now").unwrap();
        let uri = moved.uri(FanoutSlot::State, &["J"]);
        assert_eq!(uri.as_str(), "./GwMO/Fanout/Jobs/J/Ext/Now");
        assert_eq!(moved.resolve(&uri).unwrap().0, FanoutSlot::State.into());
        assert_eq!(moved.resolve(&NodeUri::parse("./GwMO/Fanout/Jobs/J/Ext").unwrap()), None);
        let refused = |path: &str| ours().with_path(FanoutSlot::State, path).err();
        assert_eq!(refused("State"), Some(BindingError::Keys(FanoutSlot::State.into())));
        assert_eq!(refused("Status/*/Now"), Some(BindingError::Outside(FanoutSlot::State.into())));
        assert_eq!(refused("Jobs/*/Result"), Some(BindingError::Twice(FanoutSlot::Result.into())));
        assert_eq!(refused("Jobs/*/JobID/State"), Some(BindingError::BelowLeaf));
        assert_eq!(refused("Jobs//*"), Some(BindingError::Path));
        assert_eq!(ours().with_place(Object::Groups, "./GwMO").err(), Some(BindingError::Place));
        assert_eq!(ours().with_place(Object::Groups, "./GwMO/Fanout/G").err(), Some(BindingError::Place));
        assert!(ours().with_place(Object::Groups, "./GwMO/Fanouts").is_ok());
    }
}
