//! The management objects every client has (StdObj 1.2.1).

mod dev_detail;
mod dev_info;
mod dm_acc;

use alloc::string::String;

use crate::error::TreeError;
use crate::node::{NodeRef, NodeSpec};
use crate::rights::AccessType;
use crate::tree::Tree;
use crate::value::Value;

pub use dev_detail::DevDetail;
pub use dev_info::DevInfo;
pub(crate) use dm_acc::hide_secrets;
pub use dm_acc::{AddrType, AppAddr, AppAuth, AuthLevel, AuthType, DmAccount, dm_accounts};

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

/// The text of a leaf child, if there is one.
fn text_of(node: NodeRef<'_>, name: &str) -> Option<String> {
    node.child(name)?.value()?.as_str().map(String::from)
}
