//! What was done to a tree: to be undone, and to be done again.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::acl::Acl;
use crate::authority::{Ledger, LedgerStep};
use crate::mount::{Mount, MountId};
use crate::rights::AccessType;
use crate::store::{Content, Flags, Name, NodeId, Stamp};
use crate::timestamp::Timestamp;
use crate::tree::Tree;
use crate::uri::NodeUri;
use crate::value::Value;

/// The two logs of a tree. Both are empty unless someone asked for them.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// How to undo what was done since the first mark, the last step last.
    pub(crate) undo: Vec<Undo>,
    marks: Vec<Mark>,
    journal: Option<Vec<Entry>>,
}

/// A point to which a tree can go back.
#[derive(Clone, Debug)]
struct Mark {
    undo: usize,
    journal: usize,
    total_len: usize,
    mounted_acls: usize,
    /// Whether the ledger as it was then is among the steps back.
    has_ledger: bool,
}

/// One step back.
#[derive(Clone, Debug)]
pub(crate) enum Undo {
    Created { id: NodeId, parent_stamp: Stamp },
    Removed { id: NodeId, parent_stamp: Stamp, mounts: Vec<(MountId, Mount)> },
    Value { id: NodeId, old: Value, stamp: Stamp },
    Acl { id: NodeId, old: Acl, stamp: Stamp },
    Title { id: NodeId, old: Box<str>, stamp: Stamp },
    Name { id: NodeId, old: Name, stamp: Stamp, parent_stamp: Stamp },
    Hidden { id: NodeId, access: AccessType },
    MountedAcl { mount: MountId, path: String, old: Option<Acl> },
    Ledger(Option<Arc<Ledger>>),
}

/// A mutation with the time it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Entry {
    pub(crate) at: Option<Timestamp>,
    pub(crate) mutation: Mutation,
}

/// One step forward.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Mutation {
    Added(NodeImage),
    Valued { uri: NodeUri<'static>, value: Value },
    Acl { uri: NodeUri<'static>, acl: Acl },
    Titled { uri: NodeUri<'static>, title: String },
    Renamed { uri: NodeUri<'static>, name: String },
    Removed { uri: NodeUri<'static> },
    Hidden { uri: NodeUri<'static> },
    MountedAcl { mount: MountId, path: String, acl: Acl },
    Ledger(LedgerStep),
}

/// A node with everything that is known of it but its children.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct NodeImage {
    pub(crate) uri: NodeUri<'static>,
    pub(crate) kind: ImageKind,
    pub(crate) access: AccessType,
    pub(crate) flags: Flags,
    pub(crate) acl: Acl,
    pub(crate) title: String,
    pub(crate) stamp: Stamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum ImageKind {
    Interior { mo_id: String },
    Leaf(Value),
    Mount(MountId),
}

impl NodeImage {
    pub(crate) fn of(tree: &Tree, id: NodeId) -> Self {
        let node = tree.at(id);
        let kind = match &node.content {
            Content::Interior(interior) => ImageKind::Interior { mo_id: interior.mo_id().into() },
            Content::Leaf(value) => ImageKind::Leaf(value.clone()),
            Content::Mount(mount) => ImageKind::Mount(*mount),
            Content::Vacant => ImageKind::Interior { mo_id: String::new() },
        };
        Self {
            uri: tree.uri_of(id),
            kind,
            access: node.access,
            flags: node.flags.without(Flags::MARKED),
            acl: tree.store.own_acl(id).clone(),
            title: node.title.as_ref().into(),
            stamp: node.stamp,
        }
    }
}

impl History {
    pub(crate) const fn is_open(&self) -> bool {
        !self.marks.is_empty()
    }

    /// Whether the ledger is to be kept before it changes: the first time after each mark.
    pub(crate) fn saves_ledger(&mut self) -> bool {
        self.marks.last_mut().is_some_and(|mark| !core::mem::replace(&mut mark.has_ledger, true))
    }

    pub(crate) const fn is_journaling(&self) -> bool {
        self.journal.is_some()
    }

    /// Begins or ends the journal.
    pub(crate) fn set_journaling(&mut self, yes: bool) {
        self.journal = yes.then(Vec::new);
    }

    pub(crate) fn write(&mut self, at: Option<Timestamp>, mutation: Mutation) {
        if let Some(journal) = &mut self.journal {
            journal.push(Entry { at, mutation });
        }
    }

    /// What was written since the last call; nothing while something may still be undone.
    pub(crate) fn take_journal(&mut self) -> Vec<Entry> {
        match &mut self.journal {
            Some(journal) if self.marks.is_empty() => core::mem::take(journal),
            _ => Vec::new(),
        }
    }
}

impl Tree {
    /// Begins to note how to undo what follows. Marks nest; each is ended by [`keep`](Self::keep) or
    /// [`go_back`](Self::go_back).
    pub(crate) fn mark(&mut self) {
        let History { undo, marks, journal } = &mut self.history;
        marks.push(Mark {
            undo: undo.len(),
            journal: journal.as_ref().map_or(0, Vec::len),
            total_len: self.total_len,
            mounted_acls: self.mounted_acls,
            has_ledger: false,
        });
    }

    /// Ends the last mark and keeps what was done since.
    pub(crate) fn keep(&mut self) {
        self.history.marks.pop();
        if self.history.is_open() {
            return;
        }
        for undo in core::mem::take(&mut self.history.undo) {
            if let Undo::Removed { id, .. } = undo {
                self.store.discard(id);
            }
        }
    }

    /// Ends the last mark and undoes what was done since, every counter and time stamp included.
    pub(crate) fn go_back(&mut self) {
        let Some(mark) = self.history.marks.pop() else { return };
        while self.history.undo.len() > mark.undo {
            let Some(undo) = self.history.undo.pop() else { break };
            self.step_back(undo);
        }
        if let Some(journal) = &mut self.history.journal {
            journal.truncate(mark.journal);
        }
        self.total_len = mark.total_len;
        self.mounted_acls = mark.mounted_acls;
    }

    fn step_back(&mut self, undo: Undo) {
        match undo {
            Undo::Created { id, parent_stamp } => {
                let parent = self.at(id).parent;
                if let Content::Mount(mount) = self.at(id).content {
                    self.mounts.remove(&mount);
                }
                self.store.detach(id);
                self.store.discard(id);
                self.store.at_mut(parent).stamp = parent_stamp;
            }
            Undo::Removed { id, parent_stamp, mounts } => {
                self.store.reattach(id);
                let parent = self.at(id).parent;
                self.store.at_mut(parent).stamp = parent_stamp;
                self.mounts.extend(mounts);
            }
            Undo::Value { id, old, stamp } => {
                let node = self.store.at_mut(id);
                node.content = Content::Leaf(old);
                node.stamp = stamp;
            }
            Undo::Acl { id, old, stamp } => {
                self.store.set_own_acl(id, old);
                self.store.at_mut(id).stamp = stamp;
            }
            Undo::Title { id, old, stamp } => {
                let node = self.store.at_mut(id);
                node.title = old;
                node.stamp = stamp;
            }
            Undo::Name { id, old, stamp, parent_stamp } => {
                self.store.rename(id, old);
                self.store.at_mut(id).stamp = stamp;
                let parent = self.at(id).parent;
                self.store.at_mut(parent).stamp = parent_stamp;
            }
            // The value stays a secret: what once was hidden is not worth showing again in `Debug`.
            Undo::Hidden { id, access } => self.store.at_mut(id).access = access,
            Undo::MountedAcl { mount, path, old } => {
                if let Some(mount) = self.mounts.get_mut(&mount) {
                    mount.set_at(path, old.unwrap_or_default());
                }
            }
            // What has been marked since stays so: a mark says only that it is worth a look.
            Undo::Ledger(old) => self.ledger = old,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use proptest::prelude::*;

    use super::*;
    use crate::node::NodeSpec;
    use crate::tree::tests::check;
    use crate::uri::Segment;

    fn uri() -> impl Strategy<Value = String> {
        proptest::collection::vec("[ab]", 1..4).prop_map(|names| format!("./{}", names.join("/")))
    }

    proptest! {
        /// The device's own changes, mounts and ACLs below them among them, under marks that nest.
        #[test]
        fn going_back_goes_all_the_way(steps in proptest::collection::vec((0..12_u8, uri(), "[ab]"), 1..80)) {
            let mut tree = Tree::default();
            let mut before = Vec::new();
            for (what, uri, name) in steps {
                let acl = || Acl::parse(&format!("Get={name}")).unwrap();
                match what {
                    0 | 1 => _ = tree.insert(&uri, NodeSpec::leaf(Value::chr(name.as_str())).with_acl(acl())),
                    2 => _ = tree.insert(&uri, NodeSpec::managed_object(name)),
                    3 => _ = tree.mount(&uri),
                    4 => _ = tree.set_value(&uri, Value::chr(name)),
                    5 => _ = tree.set_acl(&uri, acl()),
                    6 => _ = tree.set_acl(&uri, Acl::EMPTY),
                    7 => _ = tree.remove(&uri),
                    8 => _ = tree.set_title(&uri, &name),
                    9 => {
                        if let Ok(id) = tree.stored(&uri)
                            && tree.store.child(tree.at(id).parent, &name).is_none()
                        {
                            tree.rename(id, Segment::parse(&name).unwrap()).unwrap();
                        }
                    }
                    10 => {
                        before.push(tree.snapshot().unwrap());
                        tree.mark();
                    }
                    _ => match before.pop() {
                        Some(_) if name == "a" => tree.keep(),
                        // A mount that was undone leaves its number unused.
                        Some(snapshot) => {
                            tree.go_back();
                            prop_assert!(tree.snapshot().unwrap().nodes() == snapshot.nodes());
                        }
                        None => {}
                    },
                }
                check(&tree);
            }
            while let Some(snapshot) = before.pop() {
                tree.go_back();
                check(&tree);
                prop_assert!(tree.snapshot().unwrap().nodes() == snapshot.nodes());
            }
            let objects = tree.root().walk().filter(|node| !node.mo_id().is_empty()).count();
            prop_assert_eq!(tree.objects("").count(), objects);
        }
    }
}
