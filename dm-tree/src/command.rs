//! The commands, one file each. All check in the order that [`Acting`](crate::Acting) documents.

mod add;
mod copy;
mod delete;
mod exec;
mod get;
mod listing;
mod property;
mod replace;
mod subtree;
mod walk;

pub(crate) use copy::starts_with;
pub use get::Got;
pub use listing::Listing;
pub use subtree::SubtreeNode;
pub use walk::{Visit, Walk};
