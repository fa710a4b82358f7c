//! Bootstrap: how a device comes to know its first server, or another one (DM Bootstrap 1.2).
//!
//! There are two profiles, both WBXML, pushed or read from somewhere. The **CP profile** is a connectivity
//! provisioning document, `wap-provisioningdoc`, whose `w7` characteristic is an account. The **DM profile** is a DM
//! message that adds serialised trees to `./Inbox`. Which way either came does not matter further on: a smart card or
//! the factory has the same documents.
//!
//! ```
//! use dm_notification::bootstrap::{CpSec, Mac, NetworkSecret, SharedSecrets};
//! use dm_notification::push::Push;
//! use dm_tree::bootstrap::{Bootstrap, BootstrapPolicy, Proof, SignedBootstrap, provisioning_of};
//! use dm_tree::{AppAddr, AppAuth, AuthLevel, AuthType, DmAccount, Secret, ServerId, Tree};
//!
//! // The server builds a document, proves it by what the network knows, and pushes it.
//! let secrets = SharedSecrets::new().with_network(NetworkSecret::from_imsi("001010123456789")?);
//! let mut account = DmAccount::new(ServerId::new("com.example.dm")?);
//! account.addresses.push(AppAddr::uri("https://dm.example.com/dm"));
//! account.credentials.push(AppAuth::new(AuthLevel::CLCRED, AuthType::DIGEST).with_secret(Secret::new("s3cret")));
//! let pushed = SignedBootstrap::cp(&provisioning_of(&[account])?, CpSec::NETWPIN, &secrets)?.to_push();
//!
//! // The device checks the proof, and only then reads and applies.
//! let push = Push::decode(&pushed)?;
//! let sec = push.content_type().sec().and_then(|sec| sec.cp()).ok_or("no SEC")?;
//! let mac: Option<Mac> = push.content_type().mac().transpose()?;
//! let policy = BootstrapPolicy::default();
//! let bootstrap = Bootstrap::open_cp(push.body(), &Proof::Cp(sec, mac, &secrets), &policy)?;
//! let mut tree = Tree::default();
//! let applied = bootstrap.apply(&mut tree, &policy)?;
//!
//! // It opens a session with the new server, with this alert.
//! let session = applied.sessions().next().ok_or("no session")?;
//! assert_eq!((session.server_id.as_str(), session.alert.get()), ("com.example.dm", 1201));
//! let acl = tree.node(session.account.as_str()).ok_or("no account")?.acl().to_string();
//! assert_eq!(acl, "Delete=com.example.dm&Get=com.example.dm&Replace=com.example.dm");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Who may do what afterwards
//!
//! Each account belongs to its server: Get, Replace and Delete, and nothing for anybody else, unless a message of the
//! DM profile says other ACLs, which are taken as they stand. Several servers live beside each other; a bootstrap
//! changes nothing of another server's account and nothing of the root's ACL. One that names a server that is known
//! replaces the account as a whole, in its place, so that references to it stay good.
//!
//! # What is refused
//!
//! A message that nothing proves, or that is proven in a way the [`BootstrapPolicy`] does not take; in the DM profile
//! anything but Adds to `./Inbox`; two accounts of one server; more servers than there may be; an account without a
//! server that ACLs can name, or without an address. A message is applied whole or not at all, except for objects
//! the device has no place for, which the standard lets it pass over.

mod client_initiated;
mod error;
mod message;
mod policy;
mod proof;
mod provisioning;
mod server;
mod w7;

pub use client_initiated::{BootstrapRequest, answer_request, open_answer};
pub use error::{BootstrapError, BootstrapErrorKind};
pub use message::{Applied, AppliedAccount, Bootstrap, SessionToOpen};
pub use policy::{BootstrapPolicy, KnownServer, Placement};
pub use proof::{Profile, Proof, ProofSet, TrustedSource};
pub use provisioning::{Characteristic, Parm, ProvisioningDocument, ProvisioningItem};
pub use server::{SignedBootstrap, account_tree, dm_message, provisioning_of};
pub use w7::{Connection, W7};
