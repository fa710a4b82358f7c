//! Which servers a client listens to, and which it turns to (DM 2.0 RD HLF-015, HLF-018).
//!
//! - [`AuthorizedServers`]: the servers that have an account, and only they. Whatever names a server (a notification, a
//!   session, a bootstrap) is looked up there first.
//! - [`AuthorizedSession`]: a client session that belongs to one of them. Who the server of a session is cannot be
//!   said otherwise: it is the one whose account the session was opened with, whose credentials it must show, and it
//!   acts under that name until the account is gone.
//! - [`choose_server`]: which of them to turn to when the device itself wants a session, with the reasons.

mod authorized;
mod choice;
mod session;

pub use authorized::{AuthorizedAccount, AuthorizedServers, NotAuthorized, NotAuthorizedKind};
pub use choice::{
    Bearers, Candidate, Choice, ChoiceRules, Exclusion, Occasion, Reason, ServerContact, choose_server,
};
pub use session::AuthorizedSession;
