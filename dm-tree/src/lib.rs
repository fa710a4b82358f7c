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
//!   [`DevDetail`], [`DmAccount`], [`Inbox`]; all are found by their type, below any prefix ([`Tree::objects`]).
//! - Execute what servers send: [`Tree::execute`] for SyncML commands, containers included, [`Tree::act_for`] for the
//!   same things as methods. [`Acting`] states the order of checks. [`Tree::read`] is a Get without copying.
//! - All or nothing: [`Tree::begin_atomic`] for who hands out the members of an Atomic one by one.
//! - Read much: [`Acting::walk`] streams a subtree, and goes on where another walk stopped.
//! - Write much: [`Acting::add_subtree`] and [`Acting::replace_subtree`] with explicit properties.
//! - Answer a whole client session from a tree: [`Tree::poll_session`].
//! - Let several authorities share a device: [`authority`], and why something is allowed or denied: [`Tree::explain`].
//! - Let applications of the device take part: [`application`].
//! - Listen to authorized servers only, and choose the one to turn to: [`servers`].
//! - Agree with another server on who manages what: [`delegation`].
//! - Make a device know its first server, or another one: [`bootstrap`].
//! - Serve a subtree instead of storing it: [`Handler`], [`HandlerMap`], [`Handlers`]; answer later:
//!   [`NoAnswer::Later`], [`Tree::answer`].
//! - Whole subtrees and descriptions as documents, in XML and WBXML: [`mgmt_tree`] for the documents, [`tnds`] for
//!   values into a tree and out of it, [`ddf`] for schemas.
//! - Survive a restart: [`Tree::snapshot`], [`Tree::take_record`], [`Tree::replay`].
//! - Only parse: [`NodeUri`], [`Uri`], [`Acl`], [`ServerId`], [`Timestamp`].
//!
//! # Limits and non-goals
//!
//! - [`TreeLimits`] bounds everything a server can make grow: nodes, bytes, values, lists, ACLs, addresses, answers
//!   that are waited for. A command costs one lookup per segment plus work linear in what it reads, writes or
//!   removes, where the identifiers of a new ACL and the names of a list are sorted; Delete, rename, Copy, and a node
//!   that begins or ceases to have an ACL of its own walk the subtree. Nothing recurses but containers, as deep as the
//!   decoder let them be.
//! - Names are hashed with a key: give a tree that strangers may add to a random one
//!   ([`Tree::with_hash_seed`]).
//! - The caller authenticates. A server identifier given to this crate is believed.
//! - What a handler serves has types that only the handler knows: where it cannot be asked, a server that the ledger of
//!   authorities keeps from some types is denied ([`Tree::may`]).
//!
//! # Spec map
//!
//! | clause | here |
//! |---|---|
//! | TND 1.2.1, addresses | [`NodeUri`], [`Uri`], [`UriLimits`], [`UriLeniency`] |
//! | TND 1.2.1 §7.7, properties | [`Property`], [`Acting::get`], [`Acting::replace`], [`Tree::set_wall_clock`] |
//! | TND 1.2.1 §7.7.1, access control | [`Acl`], [`Tree::effective_acl`], [`Tree::remove_server`] |
//! | TND 1.2.1 §7.7.2, formats | [`Format`], [`Value`], [`Content`] |
//! | RepPro 1.2.1, commands | [`Acting`], [`Tree::execute`] |
//! | RepPro 1.2.1, Get with `?list=` | [`List`], [`Acting::walk`], [`Listing`] |
//! | RepPro 1.2.1, Atomic | [`Tree::execute`], [`Tree::begin_atomic`], [`Handler::begin`] |
//! | DM 1.3, Copy of subtrees | [`Acting::copy`] |
//! | DM Protocol 1.2.1, sessions | [`Tree::poll_session`], [`DevInfo::items`], [`DmAccount::credentials`] |
//! | StdObj 1.2.1, objects | [`DmAccount`], [`DevInfo`], [`DevDetail`], [`Inbox`] |
//! | TND 1.2.1, TNDS and DDF | [`mgmt_tree::MgmtTree`], [`Acting::add_tnds`], [`Acting::get_tnds`], [`ddf::Schema`] |
//! | DM 2.0 RD HLF-009, 011 to 014, 020, 022 to 026, authorities | [`authority`], [`Tree::delegate`], [`Tree::explain`] |
//! | DDF AccessType, Scope, CaseSense | [`AccessType`], [`NodeSpec::permanent`], [`NodeSpec::ignoring_case`], [`SchemaCheck`] |
//! | DM Bootstrap 1.2; DM Security 1.2.1, bootstrap | [`bootstrap`] |
//! | DM 2.0 RD HLF-005, HLF-016, HLF-017, applications | [`application`] |
//! | DM 2.0 RD HLF-004, smallest queries | [`tnds::SubsetQuery`], [`tnds::Subset`] |
//! | DM 2.0 RD HLF-019, optional features | [`CapabilitiesObject`], [`Tree::capabilities`] |
//! | DM 2.0 RD HLF-015, HLF-018, authorized servers, choice of the server | [`servers`] |
//! | DM 1.3 AD DM-6; DM 2.0 RD HLF-013, delegation between servers | [`delegation`] |
//! | DM 2.0 RD HLF-006, several systems | [`DevInfo::install_at`], [`Tree::objects`] |
//!
//! # Features
//!
//! - `xml` (default) is handed down to `dm-syncml`, and reads and writes documents in XML. Without it the crate is
//!   `no_std` with `alloc`.
//! - `serde`: snapshots, records and the values in them can be written and read.
#![forbid(unsafe_code)]
#![warn(clippy::alloc_instead_of_core, clippy::std_instead_of_alloc, clippy::std_instead_of_core)]
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod access;
mod acl;
mod acting;
pub mod application;
mod atomic;
pub mod authority;
pub mod bootstrap;
mod change;
mod command;
mod content;
pub mod ddf;
pub mod delegation;
mod error;
mod execute;
mod handler;
mod history;
mod limits;
pub mod mgmt_tree;
mod mount;
mod mutation;
mod node;
mod pending;
mod principal;
mod property;
mod record;
mod rights;
mod schema;
mod secret;
mod secret_nodes;
#[cfg(feature = "serde")]
mod serde;
mod server_id;
pub mod servers;
mod session;
mod standard;
mod store;
mod timestamp;
pub mod tnds;
mod tree;
mod uri;
mod value;

pub use acl::{Acl, AclError, AclErrorKind};
pub use acting::Acting;
pub use atomic::Committed;
pub use change::{Change, ChangeKind, ExecRequest};
pub use command::{Got, Listing, SubtreeNode, Visit, Walk};
pub use content::Content;
pub use error::{Refusal, RefusalKind, TreeError};
pub use execute::{Execution, ItemExecution};
pub use handler::{Children, Context, ExecReply, Handler, HandlerMap, Handlers, NoAnswer};
pub use limits::{TreeLimits, TreePolicy};
pub use mount::MountId;
pub use node::{NewNode, NodeFacts, NodeRef, NodeSpec};
pub use pending::{Answered, LateAnswer, Ticket};
pub use principal::{ApplicationId, ApplicationIdError, Principal};
pub use property::Property;
pub use record::{RestoreError, RestoreErrorKind, TreeRecord, TreeSnapshot};
pub use rights::{AccessType, Rights};
pub use schema::{Expected, SchemaCheck, SchemaCommand};
pub use secret::Secret;
pub use secret_nodes::SecretNodes;
pub use server_id::{ServerId, ServerIdError};
pub use session::Effects;
pub use standard::{
    AddrType, AppAddr, AppAuth, AuthLevel, AuthType, CapabilitiesObject, DevDetail, DevInfo, DmAccount,
    Inbox, dm_accounts,
};
pub use timestamp::Timestamp;
pub use tree::Tree;
pub use uri::{List, NodeUri, Query, Segment, Segments, Uri, UriError, UriErrorKind, UriLeniency, UriLimits};
pub use value::{Format, Value, ValueError};
