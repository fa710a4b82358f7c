//! OMA-DM notifications (Package 0): decode, encode, sign and verify, without allocation.
//!
//! A device management server cannot call a device. It sends a small datagram, usually by WAP push over SMS, that
//! names the server and a session id and proves with a digest that the server knows a secret shared with the
//! device. The device checks the digest and then opens the session itself. This crate is that datagram: octets in,
//! values out, and the other way round. It does no I/O, keeps no state and decides nothing about sessions.
//!
//! ```
//! use dm_notification::{Credential, Initiator, Notification, ServerIdentifier, SessionId, Trigger, UiMode};
//!
//! # fn main() -> Result<(), Box<dyn core::error::Error>> {
//! let server = ServerIdentifier::new("com.mgmtsrv.manage")?;
//! let credential = Credential::new(server, "srvpassword");
//! let nonce = *b"sixteen octets!!"; // raw octets: what NextNonce says, after Base64 decoding
//!
//! // The server builds and signs.
//! let trigger = Trigger::new(server, SessionId::new(0x000A)?)
//!     .with_ui_mode(UiMode::Background)
//!     .with_initiator(Initiator::Server);
//! let octets = Notification::sign(trigger, &credential, &nonce).to_vec();
//!
//! // The device decodes, finds the account of the named server, and verifies with its nonce.
//! let received = Notification::decode(&octets)?;
//! assert_eq!(received.trigger().server_identifier(), server);
//! received.verify(&credential, &nonce)?;
//!
//! // It opens a session with this SessionID, and with Alert 1200.
//! assert_eq!(received.trigger().session_id().to_string(), "A");
//! # Ok(())
//! # }
//! ```
//!
//! # What a receiver does, in order
//!
//! 1. [`Notification::decode`] checks the shape: at least 25 octets, an identifier that is not empty and fits, a
//!    version the [`Policy`] takes.
//! 2. Find the account for [`Trigger::server_identifier`]. An unknown server is dropped.
//! 3. [`Notification::verify`] with the account's stored nonce. Only if that fails, and only if the user of the
//!    device enabled it: [`Notification::verify_resync`].
//! 4. Drop what was seen before: [`Digest`] can be kept in any set or map. A notification does not change the
//!    nonce, so the same octets verify again until a session has run.
//! 5. Follow the [`UiMode`], and start one session per [`SessionId`].
//!
//! Nothing is ever answered; whatever fails is dropped, with a line in a local log at most.
//!
//! # Limits and non-goals
//!
//! - Messages above [`Policy::max_octets`] are refused before anything else is read. Decoding takes constant time,
//!   verifying takes one MD5 pass over the message; neither allocates.
//! - The digest is MD5 because the standard says so. What it is worth depends on the entropy of the password; use
//!   128 bits or more, and a different password per device.
//! - The carriers (WAP push, SMS), Data Sync bodies and the notification format of DM 1.3, which is a different
//!   message under the same name with a media type of its own, are not in this crate yet. Choose by media type,
//!   `application/vnd.syncml.notification` is this one; never by looking at the octets.
//!
//! # Spec map
//!
//! | OMA DM Notification Initiated Session 1.2.1 | here |
//! |---|---|
//! | message layout: digest, trigger | [`Notification`] |
//! | trigger header: version, ui-mode, initiator, future-use | [`Trigger`], [`Version`], [`UiMode`], [`Initiator`] |
//! | sessionid, and its form in the SessionID element | [`SessionId`] |
//! | length-identifier, server-identifier | [`ServerIdentifier`] |
//! | trigger-body (vendor-specific) | [`Trigger::vendor_body`] |
//! | digest computation | [`Credential`], [`Notification::sign`], [`Notification::verify`] |
//! | nonce resynchronisation (OMA DM Security 1.2.1) | [`RESYNC_NONCE`], [`Notification::verify_resync`] |
//!
//! # Features
//!
//! None. The crate is `no_std` and needs `alloc` for [`Credential`] and for the `to_vec` conveniences only.
#![forbid(unsafe_code)]
#![warn(clippy::alloc_instead_of_core, clippy::std_instead_of_alloc, clippy::std_instead_of_core)]
#![no_std]

extern crate alloc;

mod credential;
mod digest;
mod error;
mod package0;
mod policy;
mod server_identifier;
mod session_id;
mod trigger;
mod version;

pub use credential::Credential;
pub use digest::Digest;
pub use error::{
    DecodeError, DecodeErrorKind, Field, ValueError, ValueErrorKind, VerifyError, VerifyErrorKind,
};
pub use package0::{Notification, RESYNC_NONCE};
pub use policy::Policy;
pub use server_identifier::ServerIdentifier;
pub use session_id::SessionId;
pub use trigger::{Initiator, Trigger, UiMode};
pub use version::{Version, VersionPolicy};
