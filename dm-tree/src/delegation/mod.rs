//! Delegation from server to server (DM 1.3 architecture, DM-6; DM 2.0 RD HLF-013).
//!
//! Two servers agree that one of them, the delegatee, manages a part of a device that the other one, the delegator, manages
//! now. How they do that is not publicly specified beyond what happens: they authenticate each other; either one
//! proposes, saying whether all or a part is delegated, and for a time or for good; the delegator says that it goes ahead,
//! changes on the device who may do what, and the delegatee reports that it is complete. The messages here are ours:
//! [generic alerts](DelegationMessage), which any two sessions carry in which the servers have proved
//! themselves to each other.
//!
//! ```text
//!  delegator                                                delegatee
//!     |  <------------------ request -------------------------  |      or
//!     |  ------------------- offer, then accept ------------->  |
//!     |  ------------------- proceed ------------------------>  |
//!   changes the device: Output::Grant, handle_granted           |
//!     |  ------------------- granted ------------------------>  |
//!     |                          Output::TakeUp, handle_taken_up: finds it on the device
//!     |  <------------------ completed -----------------------  |
//!     :                                                         :
//!   revoked, relinquished or expired: Output::Undo, handle_undone
//!     |  ------------------- ended -------------------------->  |
//!     |  <------------------ acknowledged --------------------  |
//! ```
//!
//! [`Delegator`] and [`Delegatee`] are two machines; a server that is both has one of each. They own no session and no device: what
//! comes out is an alert for a server, or a change to be made on a device, and they are told what became of it.
//! Whatever the network loses is sent again, and whatever it repeats or delays is answered with what is true now. What is decided is stored before
//! anyone hears of it. Neither side believes a message that does not come from the server it speaks for.
//!
//! ```
//! use dm_syncml::Instant;
//! use dm_tree::authority::{DelegationKind, Scope, Terms};
//! use dm_tree::delegation::{Decision, Delegatee, DelegationLimits, DelegationOutput, Delegator, Proposal};
//! use dm_tree::{NodeUri, Rights, ServerId};
//!
//! # fn main() -> Result<(), Box<dyn core::error::Error>> {
//! let (operator, partner) = (ServerId::new("com.example.operator")?, ServerId::new("com.example.partner")?);
//! let mut delegator = Delegator::new(operator.clone(), DelegationLimits::default());
//! let mut delegatee = Delegatee::new(partner.clone(), DelegationLimits::default());
//!
//! let scope = Scope::Subtree(NodeUri::parse("./Printer")?.into_owned());
//! let terms = Terms::new(DelegationKind::Shared, scope, Rights::GET | Rights::REPLACE);
//! let now = Instant::EPOCH;
//! delegatee.request(now, *b"fresh entropy 16", &operator, Proposal::new("IMEI:1", terms)?)?;
//!
//! let mut established = false;
//! while !established {
//!     loop {
//!         match delegatee.poll_output() {
//!             DelegationOutput::Persist(seq, _) => delegatee.handle_persisted(now, seq),
//!             // A session with the operator carries it.
//!             DelegationOutput::Send { alert, .. } => delegator.handle_alert(now, &partner, &alert)?,
//!             // A session with the device finds that it is so.
//!             DelegationOutput::TakeUp(key, _) => delegatee.handle_taken_up(now, &key, true)?,
//!             DelegationOutput::Wait(_) => break,
//!             _ => {}
//!         }
//!     }
//!     loop {
//!         match delegator.poll_output() {
//!             DelegationOutput::Persist(seq, _) => delegator.handle_persisted(now, seq),
//!             DelegationOutput::Send { alert, .. } => delegatee.handle_alert(now, &operator, &alert)?,
//!             DelegationOutput::Decide(key, proposal) => {
//!                 delegator.handle_decision(now, &key, Decision::Agree(proposal.terms().clone()))?;
//!             }
//!             // A session with the device changes its ACL, or its ledger.
//!             DelegationOutput::Grant(key, _) => delegator.handle_granted(now, &key, true)?,
//!             DelegationOutput::Established(..) => established = true,
//!             DelegationOutput::Wait(_) => break,
//!             _ => {}
//!         }
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod delegatee;
mod delegator;
mod desk;
mod enactment;
mod limits;
mod message;
mod output;
mod record;
mod stage;

pub use delegatee::Delegatee;
pub use delegator::Delegator;
pub use limits::DelegationLimits;
pub use message::{
    DelegationMessage, EndReason, MessageError, MessageErrorKind, NegotiationId, Proposal, RefuseReason, Step,
};
pub use output::{Decision, DelegationError, DelegationErrorKind, DelegationOutput, NegotiationKey};
pub use record::{DelegationRecord, DelegationSnapshot, RestoreDelegationError};
pub use stage::DelegationStage;
