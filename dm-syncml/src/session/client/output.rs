//! What a client session wants done, and what it tells.

use crate::codes::StatusCode;
use crate::model::{Command, LocUri};
use crate::session::ledger::CommandHandle;
use crate::session::outgoing::Outgoing;
use crate::session::{Record, RecordSeq};
use crate::time::Instant;

/// What a client session wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ClientOutput {
    /// Store this, then call [`ClientSession::handle_persisted`](super::ClientSession::handle_persisted); the next message waits for it.
    Persist(RecordSeq, Record),
    /// Something happened.
    Event(ClientEvent),
    /// Send this message to this address, and bring back the answer with [`ClientSession::handle_message`](super::ClientSession::handle_message).
    Send(LocUri<'static>, Outgoing),
    /// Execute this command for the server, and bring back what became of it with [`ClientSession::handle_outcome`](super::ClientSession::handle_outcome). One at a time, in the
    /// order of the document.
    Execute(CommandHandle, Command<'static>),
    /// The session is over and may be dropped.
    Closed(ClientEnd),
    /// Nothing is due before this time; `None` when nothing is due at all.
    Wait(Option<Instant>),
}

/// Something that happened in a client session.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ClientEvent {
    /// The server took the device's credentials.
    Accepted,
    /// The server has proved itself. Not repeated.
    ServerAuthenticated,
    /// The server has taken an alert, numbered as given to [`ClientSession::new`](super::ClientSession::new), with this code.
    AlertTaken(usize, StatusCode),
}

/// How a client session ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ClientEnd {
    /// The server had nothing more to say.
    Completed,
    /// The server aborted it (1223).
    Aborted,
    /// The server did not take the device's credentials.
    DeviceRefused,
    /// The server did not prove itself.
    ServerRefused,
    /// The server refused the device's header with this code.
    HeaderRefused(StatusCode),
    /// No answer came.
    TimedOut,
    /// What came was not an answer.
    BadAnswer,
}
