//! A client session as a value.

mod execution;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::auth::{Nonce, ProverState, VerifierState};
use crate::model::{CmdId, Command, Item, SessionId};
use crate::session::Misuse;
use crate::session::large_object::Announcement;
use crate::session::snapshot::{
    AssemblerState, CutterState, LetterheadState, OutgoingState, RestoreError, due, pack, pack_items,
    remaining, unpack, unpack_items,
};
use crate::session::unstored::Unstored;
use crate::time::Instant;

use super::alerts::{AlertId, AlertQueue};
use super::config::{ClientConfig, Initiation};
use super::output::ClientEnd;
use super::package::{Package, Piece};
use super::{ClientSession, State};
use execution::ExecutionState;

/// A [`ClientSession`] between two messages, or while something it has handed out is under way, to be kept in any store and picked up by
/// another process (feature `serde`).
///
/// It holds no passwords: the configuration is given again when it is restored. It does hold the nonces of the session, what is still to be
/// sent of values the server has asked for, and the alerts. Keep it as safe as those.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ClientSnapshot {
    version: u32,
    letterhead: LetterheadState,
    /// In an item, since what was decoded may break the rules of constructors.
    next_uri: Option<String>,
    prover: ProverState,
    verifier: Option<VerifierState>,
    server_authenticated: bool,
    accepted: bool,
    device_nonce: Option<Nonce>,
    peer_max_msg_size: Option<u64>,
    peer_max_obj_size: Option<u64>,
    msg_id: u32,
    peer_msg_id: u32,
    next_handle: u64,
    package: PackageState,
    server_final: bool,
    server_final_before: bool,
    our_final: bool,
    empty_messages: u8,
    assembler: AssemblerState,
    #[serde(default)]
    peer_resumes: Option<String>,
    chunk: Option<(u32, String)>,
    alerts: AlertQueueState,
    /// MsgID, CmdID, alert.
    alert_ids: Vec<(u32, String, u64)>,
    aborting: Option<AbortState>,
    aborted: bool,
    /// `None` when nothing is waited for.
    waiting: Option<WaitingState>,
    /// What is being executed, if something is; the session is over when neither is there.
    executing: Option<ExecutionState>,
    records: u64,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct WaitingState {
    message: OutgoingState,
    attempt: u8,
    /// Milliseconds until the message is sent again.
    remaining: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum AbortState {
    Cancelled,
    TooManyMessages,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct AlertQueueState {
    next: u64,
    alerts: Vec<(u64, String)>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct PackageState {
    again: Vec<PieceState>,
    statuses: Vec<String>,
    results: Vec<PieceState>,
    reports: Vec<PieceState>,
    flying: Vec<PieceState>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum PieceState {
    Whole(String),
    Report(u64, String),
    Cut(Box<CutterState>, Option<u64>),
}

impl ClientSnapshot {
    const VERSION: u32 = 1;
}

impl ClientSession {
    /// The session as it is between two messages, or while a command, a step of an Atomic or a question is with the caller.
    ///
    /// A restored session asks an open question again, under its handle: a user may take longer than a process lasts. Anything else that was
    /// handed out is not handed out again, since it may have been done: the caller tells its outcome under the handle it had, or lets it
    /// run out of time (408).
    ///
    /// # Errors
    /// [`Misuse::NotDrained`] while outputs are to be drained or records to be stored.
    pub fn snapshot(&self, now: Instant) -> Result<ClientSnapshot, Misuse> {
        let now = self.now.max(now);
        let mut executing = None;
        let waiting = match &self.state {
            State::Executing(received, execution) if execution.doing.is_some() => {
                executing = Some(ExecutionState::of(now, received, execution));
                None
            }
            State::Waiting { message, attempt, deadline } => Some(WaitingState {
                message: OutgoingState::of(message),
                attempt: *attempt,
                remaining: remaining(now, *deadline),
            }),
            State::Closed => None,
            _ => return Err(Misuse::NotDrained),
        };
        if !self.outputs.is_empty() || self.unstored.waits() {
            return Err(Misuse::NotDrained);
        }
        let alert_ids = self.alert_ids.iter().map(|((msg, cmd), id)| (*msg, cmd.clone(), id.get()));
        Ok(ClientSnapshot {
            version: ClientSnapshot::VERSION,
            letterhead: LetterheadState::of(&self.letterhead),
            next_uri: pack_items(&[Item::to(self.next_uri.clone())]),
            prover: self.prover.state(),
            verifier: self.verifier.as_ref().map(crate::auth::Verifier::state),
            server_authenticated: self.server_authenticated,
            accepted: self.accepted,
            device_nonce: self.device_nonce.clone(),
            peer_max_msg_size: self.peer_max_msg_size,
            peer_max_obj_size: self.peer_max_obj_size,
            msg_id: self.msg_id,
            peer_msg_id: self.peer_msg_id,
            next_handle: self.next_handle,
            package: PackageState::of(&self.package),
            server_final: self.server_final,
            server_final_before: self.server_final_before,
            our_final: self.our_final,
            empty_messages: self.empty_messages,
            assembler: AssemblerState::of(&self.assembler, now),
            peer_resumes: self.peer_resumes.as_ref().map(Announcement::to_text),
            chunk: self.chunk.as_ref().map(|(msg_id, cmd_id)| (*msg_id, cmd_id.as_str().into())),
            alerts: AlertQueueState::of(&self.alerts),
            alert_ids: alert_ids.collect(),
            aborting: self.aborting.map(|end| match end {
                ClientEnd::TooManyMessages => AbortState::TooManyMessages,
                _ => AbortState::Cancelled,
            }),
            aborted: self.aborted,
            waiting,
            executing,
            records: self.unstored.last(),
        })
    }

    /// The session that a snapshot was taken of. `config` is to be the one it was made with; its nonces do not matter, the snapshot has
    /// those in force.
    ///
    /// # Errors
    /// The snapshot is of another version, was changed, or is of a session that demanded credentials of the server where this configuration
    /// does not, or the other way round.
    pub fn restore(
        now: Instant,
        config: ClientConfig,
        snapshot: ClientSnapshot,
    ) -> Result<Self, RestoreError> {
        if snapshot.version != ClientSnapshot::VERSION {
            return Err(RestoreError::Version(snapshot.version));
        }
        let letterhead = snapshot.letterhead.restore()?;
        let session_id: SessionId<'static> = letterhead.session_id.clone();
        let alerts = snapshot.alerts.restore()?;
        // What a new session would say first is not said again.
        let mut session = Self::new(now, config, Initiation::Client(session_id), AlertQueue::new());
        if session.verifier.is_some() != snapshot.verifier.is_some() {
            return Err(RestoreError::Account);
        }
        session.prover.resume(snapshot.prover);
        if let (Some(verifier), Some(state)) = (&mut session.verifier, snapshot.verifier) {
            verifier.resume(state);
        }
        session.letterhead = letterhead;
        let next = unpack_items(snapshot.next_uri.as_deref())?.pop().and_then(|item| item.target);
        session.next_uri = next.ok_or(RestoreError::Malformed("an address"))?.loc_uri;
        session.server_authenticated = snapshot.server_authenticated;
        session.accepted = snapshot.accepted;
        session.device_nonce = snapshot.device_nonce;
        session.peer_max_msg_size = snapshot.peer_max_msg_size;
        session.peer_max_obj_size = snapshot.peer_max_obj_size;
        session.msg_id = snapshot.msg_id;
        session.peer_msg_id = snapshot.peer_msg_id;
        session.next_handle = snapshot.next_handle;
        session.package = snapshot.package.restore()?;
        session.server_final = snapshot.server_final;
        session.server_final_before = snapshot.server_final_before;
        session.our_final = snapshot.our_final;
        session.empty_messages = snapshot.empty_messages;
        session.peer_resumes = snapshot.peer_resumes.as_deref().and_then(Announcement::parse);
        session.assembler = snapshot.assembler.restore(now, session.config.max_obj_size)?;
        session.chunk = match snapshot.chunk {
            Some((msg_id, cmd_id)) => Some((msg_id, CmdId::new(cmd_id)?)),
            None => None,
        };
        session.alerts = alerts;
        let alert_ids = snapshot.alert_ids.into_iter();
        session.alert_ids = alert_ids.map(|(msg, cmd, id)| ((msg, cmd), AlertId::new(id))).collect();
        session.aborting = snapshot.aborting.map(|end| match end {
            AbortState::Cancelled => ClientEnd::Cancelled,
            AbortState::TooManyMessages => ClientEnd::TooManyMessages,
        });
        session.aborted = snapshot.aborted;
        session.state = match (snapshot.waiting, snapshot.executing) {
            (None, Some(executing)) => {
                let (received, execution) = executing.restore(now)?;
                session.outputs.extend(execution.question());
                State::Executing(received, Box::new(execution))
            }
            (Some(waiting), _) => State::Waiting {
                message: waiting.message.restore()?,
                attempt: waiting.attempt,
                deadline: due(now, waiting.remaining),
            },
            (None, None) => State::Closed,
        };
        session.unstored = Unstored::after(snapshot.records);
        Ok(session)
    }
}

impl AlertQueueState {
    fn of(queue: &AlertQueue) -> Self {
        let alert = |(id, alert): (AlertId, &crate::model::Alert<'static>)| {
            (id.get(), pack(&Command::Alert(alert.clone())))
        };
        Self { next: queue.next, alerts: queue.iter().map(alert).collect() }
    }

    fn restore(self) -> Result<AlertQueue, RestoreError> {
        let alert = |(id, text): (u64, String)| match unpack(&text)? {
            Command::Alert(alert) => Ok((AlertId::new(id), alert)),
            _ => Err(RestoreError::Malformed("an alert")),
        };
        let alerts = self.alerts.into_iter().map(alert).collect::<Result<Vec<_>, RestoreError>>()?;
        let mut queue = AlertQueue::restore(alerts);
        queue.next = queue.next.max(self.next);
        Ok(queue)
    }
}

impl PackageState {
    fn of(package: &Package) -> Self {
        let pieces = |pieces: &VecDeque<Piece>| pieces.iter().map(PieceState::of).collect();
        Self {
            again: pieces(&package.again),
            statuses: package.statuses.iter().map(pack).collect(),
            results: pieces(&package.results),
            reports: pieces(&package.reports),
            flying: package.flying.iter().map(PieceState::of).collect(),
        }
    }

    fn restore(self) -> Result<Package, RestoreError> {
        fn pieces<C: FromIterator<Piece>>(pieces: Vec<PieceState>) -> Result<C, RestoreError> {
            pieces.into_iter().map(PieceState::restore).collect()
        }
        Ok(Package {
            again: pieces(self.again)?,
            statuses: self.statuses.iter().map(|status| unpack(status)).collect::<Result<_, _>>()?,
            results: pieces(self.results)?,
            reports: pieces(self.reports)?,
            flying: pieces(self.flying)?,
        })
    }
}

impl PieceState {
    fn of(piece: &Piece) -> Self {
        match piece {
            Piece::Whole(command) => Self::Whole(pack(command)),
            Piece::Report(id, command) => Self::Report(id.get(), pack(command)),
            Piece::Cut(cutter, id) => Self::Cut(Box::new(CutterState::of(cutter)), id.map(AlertId::get)),
        }
    }

    fn restore(self) -> Result<Piece, RestoreError> {
        Ok(match self {
            Self::Whole(command) => Piece::Whole(unpack(&command)?),
            Self::Report(id, command) => Piece::Report(AlertId::new(id), unpack(&command)?),
            Self::Cut(cutter, id) => Piece::Cut(Box::new(cutter.restore()?), id.map(AlertId::new)),
        })
    }
}

/// So that a store of its own can keep what waits.
impl Serialize for AlertQueue {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        AlertQueueState::of(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for AlertQueue {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        AlertQueueState::deserialize(deserializer)?.restore().map_err(serde::de::Error::custom)
    }
}
