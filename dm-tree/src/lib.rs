//! The OMA-DM management tree: URIs, ACLs, commands, handlers, standard objects.
//!
//! What a management server sees of a device is a tree of named nodes. This crate keeps such a tree and executes a
//! server's commands on it: for each it says what status to answer, what was found, what changed, and what is to be
//! executed. It knows SyncML commands but no sessions, and does no I/O.
//!
//! ```
//! use dm_syncml::{CmdId, Data, Format, Item, LocUri, Meta, Replace, StatusCode};
//! use dm_tree::{Acl, DevInfo, NodeSpec, ServerId, Tree, Value};
//!
//! # fn main() -> Result<(), Box<dyn core::error::Error>> {
//! // The device sets its tree up. No ACL is asked here.
//! let mut tree = Tree::default();
//! let info = DevInfo {
//!     dev_id: "IMEI:493005100592800".into(),
//!     man: "Example".into(),
//!     model: "One".into(),
//!     dm_v: "1.0".into(),
//!     lang: "en".into(),
//! };
//! info.install(&mut tree)?;
//! tree.insert("./Settings/Volume", NodeSpec::leaf(Value::int(3)).permanent())?;
//! tree.set_acl("./Settings/Volume", Acl::parse("Get=*&Replace=com.example.dm")?)?;
//!
//! // An authenticated server sends a command.
//! let item = Item::to(LocUri::new("./Settings/Volume")?)
//!     .with_meta(Meta::new().with_format(Format::INT))
//!     .with_data(Data::text("7")?);
//! let command = Replace::new(CmdId::new("2")?, vec![item]).into();
//!
//! let stranger = ServerId::new("com.example.other")?;
//! let done = tree.execute(&stranger, &command, &mut ());
//! assert_eq!(done.status(), Some(StatusCode::PERMISSION_DENIED));
//!
//! let server = ServerId::new("com.example.dm")?;
//! let done = tree.execute(&server, &command, &mut ());
//! assert_eq!(done.status(), Some(StatusCode::OK));
//! assert_eq!(done.changes[0].uri.as_str(), "./Settings/Volume");
//! assert_eq!(tree.node("./Settings/Volume").unwrap().value(), Some(&Value::int(7)));
//! # Ok(())
//! # }
//! ```
//!
//! # Where to go
//!
//! - Set up and look at a tree: [`Tree`], [`NodeSpec`], [`NodeRef`], and the objects every client has, [`DevInfo`],
//!   [`DevDetail`], [`DmAccount`].
//! - Execute what servers send: [`Tree::execute`] for SyncML commands, [`Tree::act_for`] for the same things as
//!   methods. [`Acting`] states the order of checks.
//! - Answer a whole client session from a tree: [`Tree::poll_session`].
//! - Serve a subtree instead of storing it: [`Handler`], [`HandlerMap`], [`Handlers`].
//! - Only parse: [`NodeUri`], [`Uri`], [`Acl`], [`ServerId`].
//!
//! # Limits and non-goals
//!
//! - [`TreeLimits`] bounds everything a server can make grow: nodes, bytes, values, lists, ACLs, addresses. A
//!   command costs one lookup per segment plus work linear in what it reads, writes or removes, where the
//!   identifiers of a new ACL are sorted, and Delete and rename walk the subtree. Nothing recurses.
//! - The caller authenticates. A server identifier given to this crate is believed.
//! - Not here yet: Copy, Atomic across a tree, `?list=`, serialised subtrees (TNDS), device descriptions (DDF),
//!   bootstrap, Inbox, delegation, and handlers that answer later. They are answered 406 or 415 where a server asks
//!   for them. The property TStamp, which would need a calendar, is answered 406.
//! - Names are compared exactly; a device that wants them compared without case does not get that here.
//!
//! # Spec map
//!
//! | clause | here |
//! |---|---|
//! | TND 1.2.1, addresses | [`NodeUri`], [`Uri`], [`UriLimits`] |
//! | TND 1.2.1 §7.7, properties | [`Property`], [`Acting::get`], [`Acting::replace`] |
//! | TND 1.2.1 §7.7.1, access control | [`Acl`], [`Tree::effective_acl`], [`Tree::remove_server`] |
//! | TND 1.2.1 §7.7.2, formats | [`Format`], [`Value`], [`Content`] |
//! | RepPro 1.2.1, commands | [`Acting`], [`Tree::execute`] |
//! | DM Protocol 1.2.1, sessions | [`Tree::poll_session`], [`DevInfo::items`], [`DmAccount::credentials`] |
//! | StdObj 1.2.1, objects | [`DmAccount`], [`DevInfo`], [`DevDetail`] |
//! | DDF AccessType, Scope | [`AccessType`], [`NodeSpec::permanent`] |
//!
//! # Features
//!
//! `xml` (default) is handed down to `dm-syncml` and changes nothing here. Without it the crate is `no_std` with
//! `alloc`.
#![forbid(unsafe_code)]
#![warn(clippy::alloc_instead_of_core, clippy::std_instead_of_alloc, clippy::std_instead_of_core)]
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod access;
mod acl;
mod acting;
mod atomic;
mod change;
mod command;
mod content;
mod error;
mod execute;
mod handler;
mod history;
mod limits;
mod mount;
mod mutation;
mod node;
mod pending;
mod property;
mod record;
mod rights;
mod schema;
mod secret;
#[cfg(feature = "serde")]
mod serde;
mod server_id;
mod session;
mod standard;
mod store;
mod timestamp;
mod tree;
mod uri;
mod value;

pub use acl::{Acl, AclError, AclErrorKind};
pub use acting::Acting;
pub use atomic::Committed;
pub use change::{Change, ChangeKind, ExecRequest};
pub use command::{Got, SubtreeNode, Visit, Walk};
pub use content::Content;
pub use error::{Refusal, RefusalKind, TreeError};
pub use execute::{Execution, ItemExecution};
pub use handler::{Children, Context, ExecReply, Handler, HandlerMap, Handlers, NoAnswer};
pub use limits::{TreeLimits, TreePolicy};
pub use mount::MountId;
pub use node::{NewNode, NodeFacts, NodeRef, NodeSpec};
pub use pending::{Answered, LateAnswer, Ticket};
pub use property::Property;
pub use record::{RestoreError, RestoreErrorKind, TreeRecord, TreeSnapshot};
pub use rights::{AccessType, Rights};
pub use schema::{SchemaCheck, SchemaCommand};
pub use secret::Secret;
pub use server_id::{ServerId, ServerIdError};
pub use session::Effects;
pub use standard::{
    AddrType, AppAddr, AppAuth, AuthLevel, AuthType, DevDetail, DevInfo, DmAccount, dm_accounts,
};
pub use timestamp::Timestamp;
pub use tree::Tree;
pub use uri::{List, NodeUri, Query, Segment, Segments, Uri, UriError, UriErrorKind, UriLeniency, UriLimits};
pub use value::{Format, Value, ValueError};
