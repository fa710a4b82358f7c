//! Local applications: who may register, what each may do with the tree, and what each is told of changes
//! (DM 2.0 RD HLF-005, HLF-016, HLF-017; use case B.2).
//!
//! An application of the device that wants its settings from the management tree registers. A [policy](RegistrationPolicy) of the
//! device looks at what the platform says of it and admits it with some rights, or does not; without a rule for it, it is
//! refused. Then it [acts](Applications::act) on the tree as a server does, with the same order of checks and the
//! same schema, `AccessType` and limits, but as a principal of its own kind: an ACL says nothing about it, not even
//! with `*`, and what it was granted says nothing about servers. What it changes comes out as [`Change`](crate::Change)
//! with its name.
//!
//! It can [subscribe](Applications::subscribe) to an instance of a management object. What servers, other applications
//! and the device change there is collected and told it, in order, until it acknowledges; none of that is lost
//! when the device restarts.
//!
//! ```
//! use dm_syncml::Instant;
//! use dm_tree::application::{
//!     Admission, AllowedApplications, ApplicationIdentity, ApplicationOutput, Applications, Grant, SignerDigest,
//! };
//! use dm_tree::{ApplicationId, Content, NodeSpec, NodeUri, Rights, ServerId, Tree, Value};
//!
//! # fn main() -> Result<(), Box<dyn core::error::Error>> {
//! let mut tree = Tree::default();
//! tree.insert("./Mail", NodeSpec::managed_object("urn:example:mo:mail:1.0"))?;
//! tree.insert("./Mail/Host", NodeSpec::leaf(Value::chr("imap.example.com")))?;
//!
//! // What the device knows: the mail program of this signer may read mail settings.
//! let mail = ApplicationId::new("com.example.mail")?;
//! let signer = SignerDigest::new([7; 32]);
//! let admission = Admission::new(mail.clone()).with_grant(Grant::object("urn:example:mo:mail:1.0", Rights::GET));
//! let policy = AllowedApplications::new().with("com.example.mail", signer, admission);
//!
//! // What the platform says of who calls.
//! let identity = ApplicationIdentity::new("com.example.mail").with_signer(signer);
//! let now = Instant::EPOCH;
//! let mut applications = Applications::default();
//! applications.register(now, &tree, &identity, &policy)?;
//! let host = applications.act(&mut tree, &mail, &mut ())?.get("./Mail/Host")?;
//! assert_eq!(host.data(), b"imap.example.com");
//! let subscription = applications.subscribe(now, &tree, &mail, &NodeUri::parse("./Mail")?)?;
//!
//! // A server changes a setting, and the application is told so.
//! let server = ServerId::new("com.example.dm")?;
//! tree.set_acl("./Mail", dm_tree::Acl::parse("Replace=com.example.dm")?)?;
//! let handlers = &mut ();
//! let mut acting = tree.act_for(&server, handlers);
//! acting.replace("./Mail/Host", &Content::new(b"mail.example.com"))?;
//! let changes = acting.take_changes();
//! applications.handle_changes(now, &tree, &changes);
//! applications.handle_tick(now + applications.limits().settle);
//! let told = loop {
//!     match applications.poll_output() {
//!         // Store it before the record of the tree.
//!         ApplicationOutput::Persist(seq, _record) => applications.handle_persisted(now, seq),
//!         ApplicationOutput::Notify(application, notification) => break (application, notification),
//!         ApplicationOutput::Wait(_) => unreachable!(),
//!         _ => {}
//!     }
//! };
//! assert_eq!((&told.0, told.1.notices()[0].uri().as_str()), (&mail, "./Mail/Host"));
//! applications.handle_acknowledged(now, &mail, subscription, told.1.seq())?;
//! # Ok(())
//! # }
//! ```
//!
//! # Limits
//!
//! [`ApplicationLimits`] bounds applications, grants, subscriptions and what is collected for each. A change costs one
//! comparison of addresses for each subscription; an access of an application one lookup for each of its grants.
//! Who calls is for the platform to know; an [`ApplicationId`](crate::ApplicationId) given here is believed.

mod error;
mod grant;
mod identity;
mod limits;
mod machine;
mod notice;
mod output;
mod place;
mod policy;
mod record;

pub use error::{ApplicationError, ApplicationErrorKind};
pub use grant::{Grant, GrantScope};
pub use identity::{ApplicationIdentity, SignerDigest, SignerDigestError};
pub use limits::ApplicationLimits;
pub use machine::Applications;
pub use notice::{Notice, NoticeKind, Notification, NotificationSeq, SubscriptionId};
pub use output::ApplicationOutput;
pub use policy::{Admission, AllowedApplications, DenyAll, RegistrationPolicy};
pub use record::{ApplicationRecord, ApplicationsSnapshot, UnknownVersion};

pub(crate) use record::Registration;
