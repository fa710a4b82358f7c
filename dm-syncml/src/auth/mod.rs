//! Authentication (DM Security 1.2.1, authentication; RepPro 1.2.2, Cred and Chal): credentials, nonces, and the two sides of a proof.
//!
//! Each direction of a session is authenticated on its own: the one that shows credentials runs a prover, the one that demands them
//! a verifier. Both sides of a session own one of each.

mod credentials;
mod mac_header;
mod nonce;
mod presented;
mod prover;
mod verifier;

pub use credentials::{AuthScheme, Credentials, Password};
pub use mac_header::{MacHeader, MacHeaderError};
pub use nonce::Nonce;
pub(crate) use presented::Presented;
pub(crate) use prover::{Proof, Prover};
pub(crate) use verifier::{Verdict, Verifier};
#[cfg(feature = "serde")]
pub(crate) use {prover::ProverState, verifier::VerifierState};
