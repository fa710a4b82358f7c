//! What a description of the tree allows beside the tree itself.

use core::fmt;

use dm_syncml::StatusCode;

use crate::node::NewNode;
use crate::tree::Tree;
use crate::uri::NodeUri;
use crate::value::Value;

/// A description of the tree that is asked before a server's command changes anything: which nodes may exist where,
/// how many, with which formats and values (DDF 1.2). Set with [`Tree::set_schema`].
///
/// It is asked after address, existence, ACL and `AccessType`, and before room and handlers.
pub trait SchemaCheck: fmt::Debug + Send + Sync {
    /// Whether the command may go on.
    ///
    /// # Errors
    ///
    /// The status to answer with, such as 405, 415 or 420.
    fn check(&self, tree: &Tree, uri: &NodeUri<'_>, command: SchemaCommand<'_>) -> Result<(), StatusCode>;
}

/// What a command would do to a node.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum SchemaCommand<'a> {
    /// Create it. Missing ancestors are asked about first, from the top, as interior nodes.
    Add(&'a NewNode),
    /// Remove it with everything below.
    Delete,
    /// Execute it.
    Exec,
    /// Give it this name.
    Rename(&'a str),
    /// Give it this value.
    Replace(&'a Value),
}
