//! What a client session wants done, and what it tells.

use crate::codes::StatusCode;
use crate::journal::RecordSeq;
use crate::model::{Command, LocUri};
use crate::session::Record;
use crate::session::interaction::Interaction;
use crate::session::ledger::CommandHandle;
use crate::session::outgoing::Outgoing;
use crate::time::Instant;

use super::alerts::AlertId;

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
    /// Begin, commit or roll back an Atomic, and say how that went with [`ClientSession::handle_outcome`](super::ClientSession::handle_outcome). The handle is the same in
    /// all steps of one Atomic; its members come between as [`Execute`](Self::Execute). Only with
    /// [`ClientConfig::atomic`](super::ClientConfig::atomic).
    Atomic(CommandHandle, AtomicStep),
    /// Show this to the user, and bring back the answer with [`ClientSession::handle_response`](super::ClientSession::handle_response). Only with
    /// [`ClientConfig::interaction`](super::ClientConfig::interaction).
    Interact(CommandHandle, Interaction),
    /// The session is over and may be dropped.
    Closed(ClientEnd),
    /// Nothing is due before this time; `None` when nothing is due at all.
    Wait(Option<Instant>),
}

/// A step of an Atomic, all of whose members are executed or none (RepPro 1.2.2, Atomic).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum AtomicStep {
    /// So many members follow, those of containers included, and can be taken back until the Atomic is committed. Any success lets it begin;
    /// any other code is the Atomic's, and its members are not executed (406: it is not supported).
    Begin(usize),
    /// All members were executed and their answers fit: make it last. Any success completes it. Any other code means that all members
    /// have been taken back, save 516: they could not be.
    Commit,
    /// A member failed, or the answers do not fit: take back what was executed. Any success, or 216, means that this was done;
    /// otherwise the members are answered 516.
    RollBack,
}

/// Something that happened in a client session.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ClientEvent {
    /// The server took the device's credentials.
    Accepted,
    /// The server has proved itself. Not repeated.
    ServerAuthenticated,
    /// The server has taken an alert of the queue with this code; it has left the queue.
    AlertTaken(AlertId, StatusCode),
    /// The server has refused an alert of the queue with this code, or it is too large for the server (413). It stays in the queue and is
    /// not sent again in this session.
    AlertRefused(AlertId, StatusCode),
    /// No outcome, or no response, came in time for what has this handle. The server is told so (408); what comes later is refused. A
    /// question is to be taken out of the user's sight.
    Overdue(CommandHandle),
}

/// How a client session ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ClientEnd {
    /// The server had nothing more to say.
    Completed,
    /// The server aborted it (1223).
    Aborted,
    /// The caller aborted it with [`ClientSession::abort`](super::ClientSession::abort).
    Cancelled,
    /// It took more than [`ClientConfig::max_messages`](super::ClientConfig::max_messages) and was aborted.
    TooManyMessages,
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
