//! Everything before a session: OMA-DM notifications (Package 0), the pushes that carry them, and the keys of
//! bootstrap messages.
//!
//! A device management server cannot call a device. It sends a small datagram, usually by WAP push over SMS, that
//! names the server and a session id and proves with a digest that the server knows a secret shared with the
//! device. The device checks the digest and then opens the session itself. This crate is that datagram and what is around it:
//! octets in, values out, and the other way round. It does no I/O.
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
//! # Where to go
//!
//! - On a device: [`receive`] makes all checks in their order and says what to do; [`ReplayMemory`] is what it
//!   remembers. [`push::Reassembler`] comes before it where messages come by SMS.
//! - On a server: [`Notification::sign`], [`push::PushBuilder`], [`push::segment`].
//! - One step at a time: [`Notification::decode`], find the account, [`Notification::verify`], and only where it is
//!   switched on [`Notification::verify_resync`].
//! - Bootstrap messages: [`push::Push::content`] tells them, [`bootstrap`] has methods, keys and codes; the documents
//!   are `dm_tree::bootstrap`'s.
//! - Data Sync's notifications: [`DsNotification`].
//!
//! Nothing is ever answered to a notification; whatever fails is dropped, with a line in a local log at most.
//!
//! # Limits and non-goals
//!
//! - Messages above [`Policy::max_octets`] are refused before anything else is read. Decoding takes constant time,
//!   verifying takes one MD5 pass over the message; neither allocates. A push is read in linear time and borrowed.
//!   Parts of long messages are bounded by [`push::ReassemblyLimits`], what is remembered by [`ReplayMemory`].
//! - The digest is MD5 because the standard says so. What it is worth depends on the entropy of the password; use
//!   128 bits or more, and a different password per device.
//! - The notification of DM 1.3 is another message with a media type of its own, and its layout is not publicly
//!   known: it is recognised and kept, see [`experimental_dm13`]. Kinds of messages are told apart by media type,
//!   never by looking at the octets.
//! - Of push proxies' XML (PAP) and of SIP only the headers around a message, as data: [`push::TextHeaders`].
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
//! | what a client does, in which order | [`receive`] |
//! | push binding: ports, content type, application id, sizes | [`push`] |
//!
//! | others | here |
//! |---|---|
//! | WAP-230 (WSP) §8.2.4 push, §8.4 headers | [`push::Push`], [`push::ContentType`], [`push::Headers`] |
//! | 3GPP TS 23.040 §9.2.3.24 user data header | [`push::UserDataHeader`], [`push::segment`], [`push::Reassembler`] |
//! | OMA DM Security 1.2.1, bootstrap; OMA Provisioning Bootstrap 1.1, SEC and MAC | [`bootstrap`] |
//! | OMA DS Protocol 1.2, Server Alerted Notification | [`DsNotification`] |
//!
//! # Features
//!
//! None. The crate is `no_std` and needs `alloc` for
//! [`Credential`], for what is remembered and put together, and for the `to_vec` conveniences only.
#![forbid(unsafe_code)]
#![warn(clippy::alloc_instead_of_core, clippy::std_instead_of_alloc, clippy::std_instead_of_core)]
#![no_std]

extern crate alloc;

pub mod bootstrap;
mod credential;
mod digest;
mod ds_notification;
mod error;
pub mod experimental_dm13;
mod package0;
mod policy;
pub mod push;
mod receiver;
mod replay;
mod server_identifier;
mod session_id;
mod trigger;
mod version;

pub use credential::Credential;
pub use digest::Digest;
pub use ds_notification::{DsNotification, DsSync, SyncType, ds_body};
pub use error::{
    DecodeError, DecodeErrorKind, Field, ValueError, ValueErrorKind, VerifyError, VerifyErrorKind,
};
pub use package0::{Notification, RESYNC_NONCE};
pub use policy::Policy;
pub use receiver::{Account, Arrival, DropReason, ReceiverPolicy, Verdict, Wish, receive};
pub use replay::ReplayMemory;
pub use server_identifier::ServerIdentifier;
pub use session_id::SessionId;
pub use trigger::{Initiator, Trigger, UiMode};
pub use version::{Version, VersionPolicy};
