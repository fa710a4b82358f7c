//! The commands, one file each. All check in the order that [`Acting`](crate::Acting) documents.

mod add;
mod copy;
mod delete;
mod exec;
mod get;
mod property;
mod replace;
mod subtree;
mod walk;

pub use get::Got;
pub use subtree::SubtreeNode;
pub use walk::{Visit, Walk};
