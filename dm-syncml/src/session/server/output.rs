//! What a server session wants done, and what it tells.

use alloc::vec::Vec;

use crate::codes::{AlertCode, StatusCode};
use crate::journal::RecordSeq;
use crate::model::Item;
use crate::session::Record;
use crate::session::capabilities::Capabilities;
use crate::session::interaction::UserResponse;
use crate::session::ledger::{Answer, CommandHandle, GivenUp};
use crate::session::outgoing::Outgoing;
use crate::session::report::{DeviceEvent, GenericAlert};
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
    /// The device showed credentials that are wrong. Feed it to a [`Lockout`](crate::session::Lockout), or log it.
    CredentialsRefused,
    /// The device proved itself with the well-known nonce of a resynchronisation. Change the secrets of both sides: who saw that nonce
    /// used could use it again.
    Resynchronized,
    /// The session began: 1200 when the device answers a notification, 1201 when it came by itself.
    Started(AlertCode),
    /// The DevInfo that the device sent.
    DevInfo(DeviceInfo),
    /// A generic alert (1226). The handle can refuse it while events are drained.
    GenericAlert(AlertHandle, GenericAlert),
    /// A client event (1224). The handle can refuse it while events are drained.
    DeviceEvent(AlertHandle, DeviceEvent),
    /// A command, or the first part of it, goes out with the reply that follows. It is told again when the device refused our header, and
    /// with it all commands of that message: none was executed, and they go out once more.
    Sent(CommandHandle),
    /// A large object goes on where a former session had stopped: the device has so many octets of it, and only the rest goes out. Should
    /// it turn out that the device does not have them, all of it goes out after all.
    Resumed(CommandHandle, usize),
    /// A command has its answer.
    Answered(CommandHandle, Answer),
    /// The user has answered what [`ServerSession::ask`](super::ServerSession::ask) asked, or the device for the user.
    Responded(CommandHandle, UserResponse),
    /// A command will have no answer.
    GivenUp(CommandHandle, GivenUp),
    /// The session ends with so many statuses that the device will not get: they found no room in the last message it comes for.
    Unsaid(usize),
    /// The session is over. Its last answer may still follow, and be asked for again until [`ServerOutput::Closed`].
    Ended(ServerEnd),
}

/// Names an alert of the message that is being answered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AlertHandle {
    pub(super) msg_id: u32,
    pub(super) index: usize,
}

/// What a device says of itself in package 1: the leaves of `./DevInfo` (DM StdObj 1.2.1, DevInfo).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceInfo(Vec<Item<'static>>);

impl DeviceInfo {
    pub(super) const fn new(items: Vec<Item<'static>>) -> Self {
        Self(items)
    }

    /// A leaf by its path below `./DevInfo`, such as `Ext/Modem`.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&str> {
        let leaf = self.0.iter().find(|item| dev_info_path(item) == Some(path))?;
        leaf.data.as_ref()?.as_text()
    }

    /// `DevId`: the unique id of the device.
    #[must_use]
    pub fn dev_id(&self) -> Option<&str> {
        self.get("DevId")
    }

    /// `Man`: who made it.
    #[must_use]
    pub fn manufacturer(&self) -> Option<&str> {
        self.get("Man")
    }

    /// `Mod`: its model.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.get("Mod")
    }

    /// `DmV`: the version of its management client.
    #[must_use]
    pub fn dm_version(&self) -> Option<&str> {
        self.get("DmV")
    }

    /// `Lang`: the language of its user.
    #[must_use]
    pub fn language(&self) -> Option<&str> {
        self.get("Lang")
    }

    /// What it says it can do, in a leaf below `Ext`; the session heeds it already.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        Capabilities::read(&self.0)
    }

    /// All leaves as they came: items with Source and Data.
    #[must_use]
    pub fn items(&self) -> &[Item<'static>] {
        &self.0
    }
}

/// The path of an item below `./DevInfo`; `None` for one that lies elsewhere.
pub(super) fn dev_info_path<'i>(item: &'i Item<'_>) -> Option<&'i str> {
    let uri = item.source_uri()?.as_str();
    uri.strip_prefix("./").unwrap_or(uri).strip_prefix("DevInfo/")
}

/// How a server session ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ServerEnd {
    /// Nothing was left to say.
    Completed,
    /// The device aborted it (1223).
    Aborted,
    /// The caller aborted it, see [`ServerSession::abort`](super::ServerSession::abort), or it went on for more messages than are taken.
    Stopped,
    /// The device began anew under the same id, see [`ServerSession::handle_restarted`](super::ServerSession::handle_restarted).
    Restarted,
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
