//! Sessions (DM Protocol 1.2.1, packages): the client's machine and the server's.
//!
//! Both keep one contract. Every `handle_*` takes the time and an input, never blocks, and reports an error that belongs to this call. Then
//! `poll_output` is called until it says `Wait`, which comes last: nothing else is due before that time.
//!
//! ```text
//! client                                         server
//!   | package 1: Alert 1200/1201, DevInfo, Cred ---> |
//!   | <--- package 2: Status, Cred, commands         |
//!   | package 3: Status, Results ------------------> |   further rounds as long as the server has commands
//!   | <--- package 4: Status                         |   no commands: the session is over
//! ```
//!
//! Either side answers missing or wrong credentials with a challenge (407, 401) once; a message that is lost is sent again, octet for octet,
//! and one that comes twice is answered from memory.
//!
//! A client hands out commands one at a time, in document order, and is told what became of them, at once or later:
//!
//! | [`ClientOutput`] | what to do | what to call then |
//! |---|---|---|
//! | `Execute` | execute it; one outcome for the command or one for each item | [`ClientSession::handle_outcome`] |
//! | `Atomic` | begin, commit or roll back; the members come between as `Execute` | [`ClientSession::handle_outcome`] |
//! | `Interact` | show it to the user | [`ClientSession::handle_response`] |
//! | `Send` | post it, bring back the answer | [`ClientSession::handle_message`], or [`handle_lost`](ClientSession::handle_lost) |
//! | `Persist` | store it | [`ClientSession::handle_persisted`] |
//!
//! Sequence and Atomic are taken apart, chunks are joined before, results that do not fit are cut after: an executor sees whole commands only.
//!
//! A server takes messages, tells what they mean, and answers with what is queued. Each command has one handle from
//! [`queue`](ServerSession::queue) to its end, and ends once: answered, responded to by the user, or given up with a reason:
//!
//! | [`ServerOutput`] | what to do | what to call then |
//! |---|---|---|
//! | `Event` | look at it | [`ServerSession::queue`] or [`ask`](ServerSession::ask), at `Started` and whenever else |
//! | `Persist` | store it | [`ServerSession::handle_persisted`] |
//! | `Reply` | answer the request with it | [`ServerSession::handle_message`] with the next |
//! | `Closed` | drop the session | |
//!
//! # Limits
//!
//! Each machine keeps to the MaxMsgSize and MaxObjSize of its peer, and refuses with 413 what breaks its own: nothing of a message that is
//! larger than announced is executed or kept, save statuses. What a message makes a session keep is linear in its octets, whatever the
//! message repeats by reference; beyond that count [`ServerConfig::max_commands`], [`ServerConfig::max_result_octets`],
//! [`ClientConfig::max_commands`] and [`ClientConfig::max_results`], a MiB for what the statuses of one command say, and the most messages of a
//! session.
//!
//! # Beyond DM 1.2.1
//!
//! Between peers that both announce it, large objects whose transfer broke off go on in a later session ([`PartialObjects`]). A client tells
//! what it offers ([`Capabilities`]), and a server session keeps to it. Questions to the user may have [media](InteractionMedia). Peers that
//! know nothing of these see the protocol as it ever was.
//!
//! # Restarts
//!
//! With the feature `serde` both machines are values between any two messages, the client's also while something it handed out is under way.
//! Without a store, events and records are enough to be safe: a command that was never told as `Sent` was not sent.
//!
//! ```
//! use dm_syncml::auth::{Credentials, Password};
//! use dm_syncml::session::{
//!     Account, ClientConfig, ClientEnd, ClientOutput, ClientSession, Incoming, Initiation, Outcome, ServerConfig,
//!     ServerEvent, ServerOutput, ServerSession,
//! };
//! use dm_syncml::{CmdId, DecodeOptions, Encoding, Get, Instant, Item, LocUri, SessionId, StatusCode};
//!
//! # fn main() -> Result<(), Box<dyn core::error::Error>> {
//! let now = Instant::EPOCH;
//! let (device, server) = (LocUri::new("IMEI:1")?, LocUri::new("http://127.0.0.1/dm")?);
//! let (mine, theirs) =
//!     (Credentials::new("dev", Password::new("secret 1")), Credentials::new("srv", Password::new("secret 2")));
//! let config = ClientConfig::new(device, server.clone()).with_md5(mine.clone(), theirs.clone());
//! let mut client = ClientSession::new(now, config, Initiation::Client(SessionId::new("1")?), Vec::new());
//! let mut session = ServerSession::new(now, ServerConfig::new(server), Some(Account::md5(mine, theirs)));
//!
//! let end = loop {
//!     match client.poll_output() {
//!         // A real client posts the message; here the server's machine is at hand.
//!         ClientOutput::Send(_, message) => {
//!             let request = Incoming::decode(Encoding::Wbxml, &message.body, &DecodeOptions::new())?;
//!             session.handle_message(now, &request, *b"a server's nonce")?;
//!             let reply = loop {
//!                 match session.poll_output() {
//!                     ServerOutput::Event(ServerEvent::Started(_)) => {
//!                         let get = Get::new(CmdId::new("1")?, vec![Item::to(LocUri::new("./DevInfo/Mod")?)]);
//!                         session.queue(get)?;
//!                     }
//!                     ServerOutput::Persist(seq, _) => session.handle_persisted(now, seq),
//!                     ServerOutput::Reply(reply) => break reply,
//!                     _ => {}
//!                 }
//!             };
//!             let answer = Incoming::decode(Encoding::Wbxml, &reply.body, &DecodeOptions::new())?;
//!             client.handle_message(now, &answer, *b"a client's nonce")?;
//!         }
//!         ClientOutput::Execute(handle, _get) => {
//!             client.handle_outcome(now, handle, Outcome::all(StatusCode::NOT_FOUND))?;
//!         }
//!         ClientOutput::Persist(seq, _) => client.handle_persisted(now, seq),
//!         ClientOutput::Closed(end) => break end,
//!         _ => {}
//!     }
//! };
//! assert_eq!(end, ClientEnd::Completed);
//! # Ok(())
//! # }
//! ```

#![allow(clippy::result_large_err, reason = "what does not fit into a message is handed back, not copied")]

mod capabilities;
mod client;
mod composer;
mod correlators;
mod dependent;
mod incoming;
mod interaction;
mod large_object;
mod ledger;
mod lockout;
mod outcome;
mod outgoing;
mod query;
mod report;
mod resp_uri;
mod server;
#[cfg(feature = "serde")]
mod snapshot;
#[cfg(test)]
mod state_table;
mod transport_security;
mod unstored;

pub use capabilities::{Capabilities, Feature};
pub use client::{
    AlertId, AlertQueue, AtomicStep, ClientConfig, ClientEnd, ClientEvent, ClientOutput, ClientSession,
    Initiation,
};
pub use correlators::{CorrelatorOutput, Correlators};
pub use dependent::{AllOrNothing, InOrder, WindowsAtomic};
pub use incoming::{Incoming, SessionKey};
pub use interaction::{
    Echo, InputType, Interaction, InteractionKind, InteractionMedia, MediaContent, TextInput, UserResponse,
};
pub use large_object::{PartialObject, PartialObjects};
pub use ledger::{Answer, AnsweredItem, AnsweredStatus, CommandHandle, GivenUp};
pub use lockout::{Lockout, LockoutPolicy};
pub use outcome::{ItemOutcome, Outcome};
pub use outgoing::Outgoing;
pub use query::{DocumentValues, Listing, Property, Query};
pub use report::{DeviceEvent, GenericAlert};
pub use server::{
    Account, AlertHandle, CommandStage, DeviceInfo, DeviceProfile, ServerConfig, ServerEnd, ServerEvent,
    ServerOutput, ServerSession,
};
pub use transport_security::TransportSecurity;
#[cfg(feature = "serde")]
pub use {
    client::ClientSnapshot, correlators::CorrelatorsSnapshot, large_object::PartialObjectsSnapshot,
    lockout::LockoutSnapshot, server::ServerSnapshot, snapshot::RestoreError,
};

use alloc::boxed::Box;

use crate::auth::Nonce;
use crate::codes::StatusCode;
use crate::error::DecodeError;
use crate::model::Alert;

/// What must be stored before the session goes on: outputs that depend on it are held back until
/// `handle_persisted` reports it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Record {
    /// The nonce for the next time the device shows its credentials to the server. The server made it; both store it.
    DeviceNonce(Nonce),
    /// The nonce for the next time the server shows its credentials to the device. The device made it; both store it.
    ServerNonce(Nonce),
    /// An alert of the device has been queued and must not be forgotten before the server has taken it.
    AlertQueued(AlertId, Box<Alert<'static>>),
    /// The server has taken the alert, or its owner has taken it back: it may be forgotten.
    AlertDone(AlertId),
}

/// A session could not take an input.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The peer did something wrong.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// The caller did.
    #[error(transparent)]
    Misuse(#[from] Misuse),
}

/// What a peer did wrong.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// Its message cannot be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Its message belongs to another session.
    #[error("the message belongs to another session")]
    OtherSession,
    /// Its message is neither the next nor a repetition of the last.
    #[error("message {got} came where {expected} was due")]
    OutOfOrder {
        /// The MsgID that was due.
        expected: u32,
        /// The MsgID that came.
        got: u32,
    },
    /// It begins anew under the id of this session: its side of the old one has died.
    #[error("the device begins a new session under the id of this one")]
    Restart,
    /// Its message holds more commands than are taken at once.
    #[error("the message holds more than {0} commands")]
    TooManyCommands(usize),
    /// It speaks a version of the protocol that is not DM 1.x.
    #[error("the protocol version is not one of DM 1.1 to 1.3")]
    Protocol,
}

impl PeerError {
    /// The Status that would say so.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Decode(error) => error.status(),
            Self::Protocol => StatusCode::PROTOCOL_NOT_SUPPORTED,
            Self::TooManyCommands(_) => StatusCode::TOO_LARGE,
            Self::OtherSession | Self::OutOfOrder { .. } | Self::Restart => StatusCode::BAD_REQUEST,
        }
    }
}

/// How a caller broke the contract; no input of a peer causes this, save that a device says what it cannot do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// The session has ended.
    #[error("the session has ended")]
    Ended,
    /// Nothing was waited for: no message was sent, or the one before is still worked on.
    #[error("no message is waited for")]
    NotWaiting,
    /// The handle is not one that waits for an outcome.
    #[error("the handle waits for no outcome")]
    UnknownHandle,
    /// The response is not one to this question: a text that is too long, a choice that is not there.
    #[error("the response does not fit the question")]
    Response,
    /// A command that only the other side sends, or that a session sends by itself.
    #[error("a server session does not send this command for its caller")]
    Command,
    /// A command that lacks items, or a container that holds what a device of this profile takes in none.
    #[error("the command is not one that the device could execute")]
    Nesting,
    /// The device has said that it cannot do this, see [`Capabilities`].
    #[error("the device does not offer {0}")]
    NotOffered(Feature),
    /// Outputs have not been drained, or records not been stored.
    #[error("outputs are still to be drained")]
    NotDrained,
}

/// Whether a VerProto is one this crate speaks.
fn is_dm_1(ver_proto: &crate::model::VerProto<'_>) -> bool {
    matches!(ver_proto.as_str(), "DM/1.1" | "DM/1.2" | "DM/1.3")
}
