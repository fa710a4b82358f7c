//! The OMA-DM management tree: URIs, ACLs, commands, handlers, standard objects.
#![forbid(unsafe_code)]
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod access;
mod acl;
mod acting;
mod change;
mod command;
mod content;
mod error;
mod execute;
mod handler;
mod limits;
mod mount;
mod node;
mod property;
mod rights;
mod secret;
mod server_id;
mod standard;
mod tree;
mod uri;
mod value;

pub use acl::{Acl, AclError, AclErrorKind};
pub use acting::Acting;
pub use change::{Change, ChangeKind, ExecRequest};
pub use command::Got;
pub use content::Content;
pub use error::{Refusal, RefusalKind, TreeError};
pub use execute::{Execution, ItemOutcome};
pub use handler::{Children, Context, ExecReply, Handler, HandlerMap, Handlers};
pub use limits::{TreeLimits, TreePolicy};
pub use mount::MountId;
pub use node::{NewNode, NodeFacts, NodeRef, NodeSpec};
pub use property::Property;
pub use rights::{AccessType, Rights};
pub use secret::Secret;
pub use server_id::{ServerId, ServerIdError};
pub use standard::{
    AddrType, AppAddr, AppAuth, AuthLevel, AuthType, DevDetail, DevInfo, DmAccount, dm_accounts,
};
pub use tree::Tree;
pub use uri::{NodeUri, Query, Segment, Segments, Uri, UriError, UriErrorKind, UriLimits};
pub use value::{Format, Value, ValueError};
