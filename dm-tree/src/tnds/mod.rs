//! Serialised trees put to use (TND 1.2.1, TNDS): values out of a tree and into it, as one document.
//!
//! A server reads a subtree with a Get of `?list=TNDS`, and adds or replaces one as a whole; all of it comes to be or
//! nothing. The device writes its whole tree with [`Tree::to_tnds`](crate::Tree::to_tnds) and reads it back with
//! [`Tree::load_tnds`](crate::Tree::load_tnds), where no rights are asked.
//!
//! ```
//! use dm_tree::mgmt_tree::{MgmtTree, Node, NodeValue, RtProperties};
//! use dm_tree::tnds::Filter;
//! use dm_tree::{Format, ServerId, Tree};
//!
//! let mut document = MgmtTree::new();
//! document.push(0, Node::new("Mail").with_rt(RtProperties::interior("com.example/1.0/Mail")))?;
//! let port = RtProperties::leaf(Format::Int, "text/plain");
//! document.push(1, Node::new("Port").with_rt(port).with_value(NodeValue::text("25")))?;
//!
//! let mut tree = Tree::default();
//! let server = ServerId::new("com.example.dm")?;
//! let mut handlers = ();
//! let mut acting = tree.act_for(&server, &mut handlers);
//! acting.add_tnds(".", &document)?;
//! let values = acting.get_tnds("./Mail", Filter::parse("+Value")?)?;
//! assert_eq!(values.nodes()[1].value, Some(NodeValue::text("25")));
//! assert_eq!(acting.add_tnds(".", &document).unwrap_err().status().get(), 418);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where the text leaves a choice
//!
//! - The target of an Add is where the document is put: its nodes come to be below it, at their `Path` if they have
//!   one. A node directly below `MgmtTree` without a name is the target itself. Below, nodes without names are
//!   numbered.
//! - The first node of a Replace is the target itself, under its name or none.
//! - ACLs are set when all nodes are there, those of children before those of parents, with the rights a Replace of
//!   them needs; an empty one is not set. Titles come with the nodes. Size, VerNo and TStamp are the device's.
//! - In a Get, nodes more than thirty levels below the target follow flat, with a `Path`, so that any reader can
//!   read them.

mod add;
mod filter;
mod get;
mod item;
mod local;
mod place;
mod subset;

pub(crate) use item::carries_tnds;

pub use filter::{Filter, FilterError};
pub use local::LoadError;
pub use subset::{Subset, SubsetError, SubsetQuery};
