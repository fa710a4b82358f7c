//! The commands, one file each. All check in the order that [`Acting`](crate::Acting) documents.

mod add;
mod delete;
mod exec;
mod get;
mod property;
mod replace;

pub use get::Got;
