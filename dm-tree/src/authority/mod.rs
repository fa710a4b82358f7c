//! Several management authorities on one device (DM 2.0 RD, functional module Management Authority): who owns what,
//! who has delegated what to whom, and which types of objects a server may manage at all.
//!
//! A tree has a *delegation ledger* beside its ACLs from [`Tree::begin_ledger`](crate::Tree::begin_ledger) on. Without one
//! nothing here costs anything, and ACLs alone decide.
//!
//! ```
//! use dm_tree::authority::{DelegationKind, Scope, Terms};
//! use dm_tree::{Content, NodeUri, Rights, ServerId, Tree};
//!
//! let mut tree = Tree::default();
//! tree.begin_ledger();
//! let (a, b) = (ServerId::new("com.example.a")?, ServerId::new("com.example.b")?);
//!
//! // Who adds an object owns it, alone.
//! tree.act_for(&a, &mut ()).add("./Wlan", &Content::interior("urn:oma:mo:example-wlan:1.0"))?;
//! tree.act_for(&a, &mut ()).add("./Wlan/Key", &Content::new(b"secret"))?;
//! assert_eq!(tree.act_for(&b, &mut ()).get("./Wlan/Key").unwrap_err().status().get(), 425);
//!
//! // The owner delegates, and revokes.
//! let scope = Scope::Subtree(NodeUri::parse("./Wlan")?);
//! let id = tree.delegate(&a, &b, Terms::new(DelegationKind::Shared, scope, Rights::GET))?;
//! assert_eq!(tree.act_for(&b, &mut ()).get("./Wlan/Key")?.data(), b"secret");
//! let why = tree.explain(&b, Rights::GET, &NodeUri::parse("./Wlan/Key")?);
//! assert_eq!(why.to_string(), "allowed: delegation 0 of com.example.a to com.example.b grants it on the subtree ./Wlan");
//! tree.revoke(&a, id)?;
//! assert!(tree.act_for(&b, &mut ()).get("./Wlan/Key").is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it is decided
//!
//! For one server, one command and one node, in this order:
//!
//! 1. *Type rules* ([`TypeRules`]). In an object, at any depth, of a type that the server may not manage: denied.
//! 2. *Full delegations.* Where one is in force, only its delegatee and those it has passed something on to have
//!    anything: others are denied, the owner and whoever an ACL names among them.
//! 3. *The owner* of the node, which is that of the nearest node with an owner at or above it: allowed everything.
//! 4. *Delegations* of that owner which reach the node: allowed their commands.
//! 5. *The ACL*, if the one in force was set at or below the node where the owner was entered. What is granted above an
//!    object that belongs to somebody does not reach into it.
//!
//! What rules 1 and 2 deny is denied before it is asked whether the node exists (425, not 404 or 418), and child lists do not
//! name it. Where nobody owns a node, the ACLs decide as without a ledger.
//!
//! A right that comes from a delegation passes on neither ownership nor ACLs: what a delegatee adds belongs to the owner,
//! and an ACL it writes may take rights away and give none.

mod decision;
mod delegate;
mod draft;
mod explain;
mod index;
mod ledger;
mod limits;
mod object;
mod step;
mod terms;
mod types;
mod writer;

pub(crate) use decision::{ServedTypes, Verdict};
pub(crate) use ledger::{Ledger, Site};
pub(crate) use object::LedgerObject;
pub(crate) use step::{LedgerImage, LedgerStep};

pub use delegate::{LedgerError, LedgerErrorKind};
pub use explain::{Explanation, Reason};
pub use limits::LedgerLimits;
pub use object::AUTHORITY_MO;
pub use terms::{Delegation, DelegationId, DelegationKind, MoType, MoTypeError, Priority, Scope, Terms};
pub use types::{TypeRule, TypeRules};
