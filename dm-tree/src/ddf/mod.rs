//! Descriptions of management trees put to use (TND 1.2.1, DDF).
//!
//! A [`Schema`] is made of one or more descriptions. It says what the nodes of a tree may be: a tree is
//! [checked](Schema::violations) against it, a tree may [begin](Schema::instantiate) with what it describes, and a tree
//! that [has it](crate::Tree::set_schema) asks it before a server's command changes anything.
//!
//! ```
//! # #[cfg(feature = "xml")] {
//! use dm_syncml::Encoding;
//! use dm_tree::ddf::{self, Schema};
//! use dm_tree::mgmt_tree::{DocumentOptions, MgmtTree};
//! use dm_tree::{NodeUri, Tree};
//!
//! let description = MgmtTree::decode(Encoding::Xml, ddf::DEV_DETAIL.as_bytes(), &DocumentOptions::STRICT)?;
//! let mut schema = Schema::new();
//! schema.add(&description)?;
//! let mut tree = Tree::default();
//! schema.instantiate(&mut tree)?;
//! assert_eq!(tree.node("./DevDetail/LrgObj").unwrap().value().unwrap().as_str(), Some("false"));
//! assert_eq!(schema.violations(&tree).count(), 0);
//! // The device has no business being without it.
//! tree.remove("./DevDetail/FwV")?;
//! let missing = schema.violations(&tree).next().unwrap();
//! assert_eq!(missing.to_string(), "./DevDetail/FwV: a node that must be there is missing");
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a description leaves open
//!
//! - What no description covers is not judged. Below an interior node that describes no children (`Ext` of the
//!   standard objects) anything may be; below any other only what is described.
//! - `AccessType` Add is read both ways that descriptions use it: on a node that may be added, and on a node to which
//!   children may be added. An Add is refused where neither says so.
//! - Occurrence bounds what Add may bring; that something is missing is a violation of the tree, but no reason to
//!   refuse a Delete that AccessType allows.
//! - `Path` counts on nodes directly below `MgmtTree`; on others the nesting says where they are.

mod check;
mod instantiate;
mod schema;
mod standard;
mod violation;
mod violations;

pub(crate) use schema::resolved;

pub use schema::{Described, Description, Schema, SchemaError};
pub use standard::{CAPABILITIES, DEV_DETAIL, DEV_INFO, DM_ACC, DM_AUTHORITY, INBOX};
pub use violation::{Violation, ViolationKind};
