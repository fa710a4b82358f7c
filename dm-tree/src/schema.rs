//! What a description of the tree allows beside the tree itself.

use core::fmt;

use dm_syncml::StatusCode;

use crate::node::NewNode;
use crate::rights::AccessType;
use crate::tree::Tree;
use crate::uri::NodeUri;
use crate::value::{Format, Value};

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

    /// What is known of a node that a command does not say. By default nothing.
    fn expected(&self, uri: &NodeUri<'_>) -> Expected {
        let _ = uri;
        Expected::default()
    }
}

/// What a description says of a node, for where a command or a document leaves it out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Expected {
    /// The commands that the node takes; all where nothing is said.
    pub access: Option<AccessType>,
    /// Whether names below it are compared without case.
    pub ignores_case: bool,
    /// The format of its value.
    pub format: Option<Format>,
    /// The value it begins with.
    pub default_value: Option<Value>,
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
