//! Several management authorities on one device (DM 2.0 RD, functional module Management Authority): who owns what,
//! who has delegated what to whom, and which types of objects a server may manage at all.

mod terms;

pub use terms::{Delegation, DelegationId, DelegationKind, MoType, MoTypeError, Priority, Scope, Terms};
