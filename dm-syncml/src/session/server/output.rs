//! What a server session wants done, and what it tells.

use alloc::vec::Vec;

use crate::codes::{AlertCode, StatusCode};
use crate::model::{Alert, Item};
use crate::session::ledger::{Answer, CommandHandle, GivenUp};
use crate::session::outgoing::Outgoing;
use crate::session::{Record, RecordSeq};
use crate::time::Instant;

/// What a server session wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ServerOutput {
    /// Store this, then call [`ServerSession::handle_persisted`](super::ServerSession::handle_persisted); the reply waits for it.
    Persist(RecordSeq, Record),
    /// Something happened. While events are drained more commands may be queued; they go out with the same reply.
    Event(ServerEvent),
    /// Answer the device's message with this one, which is in the encoding of the request.
    Reply(Outgoing),
    /// Nothing more will come: the session may be dropped.
    Closed,
    /// Nothing is due before this time; `None` when nothing is due at all.
    Wait(Option<Instant>),
}

/// Something that happened in a server session.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ServerEvent {
    /// The device has proved itself. Not repeated.
    Authenticated,
    /// The session began: 1200 when the device answers a notification, 1201 when it came by itself.
    Started(AlertCode),
    /// The DevInfo that the device sent: items with Source and Data.
    DevInfo(Vec<Item<'static>>),
    /// A generic alert (1226) or client event (1224).
    Alert(Alert<'static>),
    /// A command has its answer.
    Answered(CommandHandle, Answer),
    /// A command will have no answer.
    GivenUp(CommandHandle, GivenUp),
    /// The session is over. Its last answer may still follow, and be asked for again until [`ServerOutput::Closed`].
    Ended(ServerEnd),
}

/// How a server session ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ServerEnd {
    /// Nothing was left to say.
    Completed,
    /// The device aborted it (1223).
    Aborted,
    /// The device did not prove itself.
    DeviceRefused,
    /// The device did not take the server's proof.
    ServerRefused,
    /// The device refused the server's header with this code.
    HeaderRefused(StatusCode),
    /// The device speaks no version of the protocol that we do.
    ProtocolRefused,
    /// The device's next message did not come.
    TimedOut,
}
