//! Inbox: where servers put management objects whose place the device chooses (StdObj 1.2.1, Inbox).

use super::{at_prefix, find};
use crate::acl::Acl;
use crate::error::TreeError;
use crate::node::{NodeRef, NodeSpec};
use crate::rights::{AccessType, Rights};
use crate::tree::Tree;

/// The Inbox object at `./Inbox`: servers may add to it, and nobody may read what is there, whatever the ACLs say.
///
/// What was added stays until the device has found a place for it, by its management object identifier.
///
/// ```
/// use dm_tree::{Content, Inbox, ServerId, Tree};
///
/// let mut tree = Tree::default();
/// Inbox::install(&mut tree, ".")?;
/// let server = ServerId::new("com.example.dm")?;
/// let handlers = &mut ();
/// let mut acting = tree.act_for(&server, handlers);
/// acting.add("./Inbox/x", &Content::interior("urn:oma:mo:oma-scomo:1.0"))?;
/// assert_eq!(acting.get("./Inbox").unwrap_err().status().get(), 405);
/// let waiting: Vec<_> = Inbox::contents(&tree).map(|node| node.mo_id()).collect();
/// assert_eq!(waiting, ["urn:oma:mo:oma-scomo:1.0"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_enums)] // No value: there is nothing to say of an Inbox but that it is there.
pub enum Inbox {}

impl Inbox {
    /// The management object identifier.
    pub const MO_ID: &'static str = "urn:oma:mo:oma-dm-inbox:1.0";

    const MO_ID_PREFIX: &'static str = "urn:oma:mo:oma-dm-inbox:1.";

    /// Puts an Inbox into a tree, at `./Inbox` when `prefix` is the root.
    ///
    /// # Errors
    ///
    /// As [`Tree::insert`].
    pub fn install(tree: &mut Tree, prefix: &str) -> Result<(), TreeError> {
        let inbox = NodeSpec::managed_object(Self::MO_ID)
            .permanent()
            .sealed()
            .with_access(AccessType::ADD)
            .with_acl(Acl::anyone(Rights::ADD));
        tree.insert(&at_prefix(prefix, "Inbox"), inbox)
    }

    /// What is in the inboxes of a tree.
    pub fn contents(tree: &Tree) -> impl Iterator<Item = NodeRef<'_>> {
        find(tree, Self::MO_ID_PREFIX, "./Inbox").flat_map(NodeRef::children)
    }
}
