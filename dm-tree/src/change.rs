//! What a command did to the tree.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::mount::MountId;
use crate::principal::Principal;
use crate::server_id::ServerId;
use crate::uri::NodeUri;

/// One change that a server or an application made, for whoever follows the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The node, by the address it had before the change.
    pub uri: NodeUri<'static>,
    /// What happened to it.
    pub kind: ChangeKind,
    /// Who did it.
    pub by: Principal,
}

/// What happened to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChangeKind {
    /// It was added.
    #[non_exhaustive]
    Added {
        /// How many of its ancestors, the nearest ones, were created on the way.
        ancestors: usize,
    },
    /// Nodes of a whole subtree were added at and below it.
    SubtreeAdded,
    /// It and everything below it is now another subtree.
    SubtreeReplaced,
    /// It has another value.
    Replaced,
    /// It went, with everything below it.
    Deleted,
    /// It is now at another address, with everything below it.
    Renamed {
        /// The new address.
        to: NodeUri<'static>,
    },
    /// It has another ACL.
    AclReplaced,
    /// It has another title.
    TitleReplaced,
}

/// An Exec that a handler accepted and that goes on (status 202).
///
/// Its outcome is due in a generic alert with the same correlator (DM Protocol 1.2.1, generic alert).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExecRequest {
    /// The node executed.
    pub uri: NodeUri<'static>,
    /// Which handler accepted it.
    pub mount: MountId,
    /// Who asked.
    pub server: ServerId,
    /// What to return with the outcome.
    pub correlator: Option<String>,
    /// The argument.
    pub argument: Vec<u8>,
}

/// Shows how long the argument is, not what it says: arguments carry keys and passwords.
impl fmt::Debug for ExecRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecRequest")
            .field("uri", &self.uri)
            .field("mount", &self.mount)
            .field("server", &self.server)
            .field("correlator", &self.correlator)
            .field("argument", &format_args!("({} bytes)", self.argument.len()))
            .finish()
    }
}
