//! The management objects every client has (StdObj 1.2.1).
//!
//! They are found by their management object identifier, so a device may have several of each: one for each of its
//! operating systems or virtual devices, below a prefix of its own (DM 2.0 RD, HLF-006).

mod capabilities;
mod dev_detail;
mod dev_info;
mod dm_acc;
mod inbox;

use alloc::string::String;

use crate::error::TreeError;
use crate::node::{NodeRef, NodeSpec};
use crate::rights::AccessType;
use crate::tree::Tree;
use crate::value::Value;

pub use capabilities::CapabilitiesObject;
pub use dev_detail::DevDetail;
pub use dev_info::DevInfo;
pub(crate) use dm_acc::hide_secrets;
pub use dm_acc::{AddrType, AppAddr, AppAuth, AuthLevel, AuthType, DmAccount, dm_accounts};
pub use inbox::Inbox;

/// Puts an object that only the device changes into the tree: its top and permanent leaves below it, all for Get.
/// Leaves nothing behind when it fails.
fn install_fixed<'v>(
    tree: &mut Tree,
    top: &str,
    mo_id: &str,
    leaves: impl IntoIterator<Item = (&'v str, Value)>,
) -> Result<(), TreeError> {
    let fixed = |spec: NodeSpec| spec.permanent().with_access(AccessType::GET);
    tree.insert(top, fixed(NodeSpec::managed_object(mo_id)))?;
    let insert_all = |tree: &mut Tree| {
        for (name, value) in leaves {
            // `URI` in DevDetail is the one interior node below a top.
            if let Some((interior, _)) = name.split_once('/') {
                let uri = alloc::format!("{top}/{interior}");
                if tree.node(&uri).is_none() {
                    tree.insert(&uri, fixed(NodeSpec::interior()))?;
                }
            }
            tree.insert(&alloc::format!("{top}/{name}"), fixed(NodeSpec::leaf(value)))?;
        }
        Ok(())
    };
    let done = insert_all(tree);
    if done.is_err() {
        tree.remove(top)?;
    }
    done
}

/// The address of a node below a prefix.
fn at_prefix(prefix: &str, name: &str) -> String {
    alloc::format!("{prefix}/{name}")
}

/// The tops of objects of a type, that at its usual place first.
fn find<'t>(tree: &'t Tree, mo_id: &'t str, usual: &str) -> impl Iterator<Item = NodeRef<'t>> + use<'t> {
    let first = tree.node(usual).filter(|node| node.mo_id().starts_with(mo_id));
    let others = tree.objects(mo_id).filter(move |node| first.is_none_or(|first| first.id != node.id));
    first.into_iter().chain(others)
}

/// The text of a leaf child, if there is one.
fn text_of(node: NodeRef<'_>, name: &str) -> Option<String> {
    node.child(name)?.value()?.as_str().map(String::from)
}
