//! A tree on storage: written down whole, and change by change.

use alloc::vec::Vec;

use crate::acl::Acl;
use crate::authority::LedgerImage;
use crate::error::TreeError;
use crate::history::{Entry, ImageKind, Mutation, NodeImage};
use crate::limits::TreeLimits;
use crate::mount::MountId;
use crate::node::{Kind, NewNode, NodeSpec};
use crate::store::ROOT;
use crate::tree::{Place, Tree};
use crate::uri::Segment;

/// Changes of a tree that belong together: all that was done since the record before, an Atomic always as a whole.
///
/// Store it before the answer that acknowledges the changes goes out. Records are replayed in order on the tree of
/// the last snapshot. With the feature `serde` it goes into any store. It holds values in clear, secrets included.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TreeRecord {
    version: u16,
    entries: Vec<Entry>,
}

/// A whole tree: nodes with all their properties, mount points, the ACLs kept for what handlers serve, and the ledger of
/// authorities.
///
/// Limits, policy, hash seed, schema, the time last told and the answers that handlers still owe are not in it. With the feature `serde`
/// it goes into any store. It holds values in clear, secrets included.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TreeSnapshot {
    version: u16,
    next_mount: u32,
    /// Parents before their children; the root first.
    nodes: Vec<NodeImage>,
    mounted_acls: Vec<(MountId, alloc::string::String, Acl)>,
    ledger: Option<LedgerImage>,
}

/// The version of records and snapshots that is written, and the only one read.
const VERSION: u16 = 2;

/// Why a snapshot or a record was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at entry {at}")]
pub struct RestoreError {
    kind: RestoreErrorKind,
    at: usize,
}

impl RestoreError {
    const fn new(kind: RestoreErrorKind, at: usize) -> Self {
        Self { kind, at }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> RestoreErrorKind {
        self.kind
    }

    /// Which node of the snapshot, or which entry of the record; counted from 0.
    #[must_use]
    pub const fn at(&self) -> usize {
        self.at
    }
}

/// What is wrong with a snapshot or a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreErrorKind {
    /// It was written by another version.
    #[error("unknown version {0}")]
    Version(u16),
    /// An Atomic is open.
    #[error("an atomic is open")]
    AtomicOpen,
    /// It does not fit the tree: a record that is missing, given twice, or of another tree.
    #[error("does not fit the tree")]
    Misfit,
}

#[cfg(test)]
impl TreeSnapshot {
    /// What is in the tree, without the number of the next mount.
    pub(crate) fn nodes(&self) -> (&[NodeImage], &[(MountId, alloc::string::String, Acl)]) {
        (&self.nodes, &self.mounted_acls)
    }
}

impl TreeRecord {
    /// How many changes it holds, of single nodes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds none. Records that come out of a tree never are empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Storage is the caller's: take a [snapshot](Self::snapshot), begin the [journal](Self::set_journaling), and store
/// each [record](Self::take_record) before the answer that acknowledges it. After a crash restore the snapshot and
/// replay the records that were stored, whichever was the last.
///
/// ```
/// use dm_tree::{Content, ServerId, Tree, TreeLimits};
///
/// let mut tree = Tree::default();
/// let (snapshot, mut records) = (tree.snapshot()?, Vec::new());
/// tree.set_journaling(true);
/// let server = ServerId::new("com.example.dm")?;
/// tree.act_for(&server, &mut ()).add("./A/B", &Content::new(b"x"))?;
/// records.extend(tree.take_record());
///
/// let mut restored = Tree::restore(&snapshot, TreeLimits::default())?;
/// for record in &records {
///     restored.replay(record)?;
/// }
/// assert_eq!(restored.snapshot()?, tree.snapshot()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl Tree {
    /// Begins or ends noting changes for [`take_record`](Self::take_record). What was noted and not taken is
    /// dropped.
    pub fn set_journaling(&mut self, yes: bool) {
        self.history.set_journaling(yes);
    }

    /// Everything that changed since the last record, as one; `None` when nothing did, or while an Atomic is open.
    #[must_use]
    pub fn take_record(&mut self) -> Option<TreeRecord> {
        let entries = self.history.take_journal();
        (!entries.is_empty()).then_some(TreeRecord { version: VERSION, entries })
    }

    /// Writes the tree down. What is in a record not taken yet is in it too.
    ///
    /// # Errors
    ///
    /// [`TreeError::Atomic`] while an Atomic is open.
    pub fn snapshot(&self) -> Result<TreeSnapshot, TreeError> {
        if self.is_atomic_open() {
            return Err(TreeError::Atomic);
        }
        let nodes = self.root().walk().map(|node| NodeImage::of(self, node.id)).collect();
        let acls = self
            .mounts
            .iter()
            .flat_map(|(id, mount)| mount.iter().map(|(path, acl)| (*id, path.into(), acl.clone())));
        Ok(TreeSnapshot {
            version: VERSION,
            next_mount: self.next_mount,
            nodes,
            mounted_acls: acls.collect(),
            ledger: self.ledger_image(),
        })
    }

    /// Makes the tree that was written down. It may be larger than the limits, which hold for what comes.
    ///
    /// # Errors
    ///
    /// [`RestoreError`] when the snapshot is of another version or damaged.
    pub fn restore(snapshot: &TreeSnapshot, limits: TreeLimits) -> Result<Self, RestoreError> {
        let fail = |at| RestoreError::new(RestoreErrorKind::Misfit, at);
        if snapshot.version != VERSION {
            return Err(RestoreError::new(RestoreErrorKind::Version(snapshot.version), 0));
        }
        let mut tree = Self::new(limits);
        let (root, nodes) = snapshot.nodes.split_first().ok_or(fail(0))?;
        if !root.uri.is_root() || root.acl.is_empty() || !matches!(root.kind, ImageKind::Interior { .. }) {
            return Err(fail(0));
        }
        tree.put_acl_anyhow(ROOT, root.acl.clone());
        tree.put_title(ROOT, &root.title).map_err(|_| fail(0))?;
        for (at, image) in nodes.iter().enumerate() {
            tree.put_image(image).ok_or(fail(at + 1))?;
        }
        for (at, (mount, path, acl)) in snapshot.mounted_acls.iter().enumerate() {
            let is_good = tree.mounts.contains_key(mount) && !acl.is_empty();
            if !is_good || crate::uri::NodeUri::parse(path).is_err() {
                return Err(fail(snapshot.nodes.len() + at));
            }
            tree.put_mounted_acl_anyhow(*mount, path.clone(), acl.clone());
        }
        // What was put in counted as changes of the parents.
        for image in &snapshot.nodes {
            if let Place::Stored(id) = tree.locate(&image.uri) {
                tree.store.at_mut(id).stamp = image.stamp;
            }
        }
        tree.next_mount = snapshot.next_mount;
        if let Some(image) = &snapshot.ledger {
            tree.put_ledger(image).ok_or(fail(snapshot.nodes.len() + snapshot.mounted_acls.len()))?;
        }
        Ok(tree)
    }

    /// Does again what a record says, all of it or nothing.
    ///
    /// # Errors
    ///
    /// [`RestoreError`] when the record is of another version or does not fit the tree; nothing has changed then.
    pub fn replay(&mut self, record: &TreeRecord) -> Result<(), RestoreError> {
        if record.version != VERSION {
            return Err(RestoreError::new(RestoreErrorKind::Version(record.version), 0));
        }
        if self.is_atomic_open() {
            return Err(RestoreError::new(RestoreErrorKind::AtomicOpen, 0));
        }
        let (now, next_mount) = (self.now, self.next_mount);
        self.mark();
        for (at, entry) in record.entries.iter().enumerate() {
            self.now = entry.at;
            if self.repeat(&entry.mutation).is_none() {
                self.go_back();
                (self.now, self.next_mount) = (now, next_mount);
                return Err(RestoreError::new(RestoreErrorKind::Misfit, at));
            }
        }
        self.keep();
        self.now = now;
        Ok(())
    }

    /// `None` when it does not fit.
    fn repeat(&mut self, mutation: &Mutation) -> Option<()> {
        let stored = |tree: &Self, uri| match tree.locate(uri) {
            Place::Stored(id) => Some(id),
            Place::Mounted(mounted) if mounted.path.is_empty() => Some(mounted.node),
            _ => None,
        };
        match mutation {
            Mutation::Added(image) => self.put_image(image)?,
            Mutation::Valued { uri, value } => {
                let id = stored(self, uri)?;
                self.put_value(id, value.clone()).ok()?;
            }
            Mutation::Acl { uri, acl } => {
                let id = stored(self, uri)?;
                if id == ROOT && acl.is_empty() {
                    return None;
                }
                self.put_acl_anyhow(id, acl.clone());
            }
            Mutation::Titled { uri, title } => {
                let id = stored(self, uri)?;
                self.put_title(id, title).ok()?;
            }
            Mutation::Renamed { uri, name } => {
                let id = stored(self, uri)?;
                let name = Segment::parse(name).ok()?;
                let taken = self.store.child(self.at(id).parent, &name.name());
                if id == ROOT || taken.is_some_and(|other| other != id) {
                    return None;
                }
                self.rename(id, name).ok()?;
            }
            Mutation::Removed { uri } => {
                let id = stored(self, uri)?;
                if id == ROOT {
                    return None;
                }
                self.remove_subtree(id);
            }
            Mutation::Hidden { uri } => {
                let id = stored(self, uri)?;
                self.hide(id);
            }
            Mutation::MountedAcl { mount, path, acl } => {
                if !self.mounts.contains_key(mount) {
                    return None;
                }
                self.put_mounted_acl_anyhow(*mount, path.clone(), acl.clone());
            }
            Mutation::Ledger(step) => {
                self.take_step(step.clone())?;
            }
        }
        Some(())
    }

    fn put_image(&mut self, image: &NodeImage) -> Option<()> {
        let Place::Missing { nearest, mut rest } = self.locate(&image.uri) else { return None };
        let segment = rest.next()?;
        if rest.next().is_some() {
            return None;
        }
        let kind = match &image.kind {
            ImageKind::Interior { mo_id } => Kind::New(NewNode::Interior { mo_id: mo_id.clone() }),
            ImageKind::Leaf(value) => Kind::New(NewNode::Leaf(value.clone())),
            ImageKind::Mount(mount) if self.mounts.contains_key(mount) => return None,
            ImageKind::Mount(mount) => {
                self.next_mount = self.next_mount.max(mount.0.checked_add(1)?);
                Kind::Mount(*mount)
            }
        };
        let spec = NodeSpec {
            flags: image.flags,
            access: image.access,
            acl: image.acl.clone(),
            title: image.title.clone(),
            stamp: Some(image.stamp),
            ..NodeSpec::of(kind)
        };
        self.put_node(nearest, segment, spec);
        Some(())
    }
}
