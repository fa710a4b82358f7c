//! A server session between two messages, as a value.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::auth::{ProverState, VerifierState};
use crate::model::CmdId;
use crate::session::Misuse;
use crate::session::capabilities::Capabilities;
use crate::session::large_object::Announcement;
use crate::session::ledger::CommandHandle;
use crate::session::snapshot::{
    AssemblerState, CutterState, LedgerState, LetterheadState, OutgoingState, RestoreError, due, pack,
    pack_octets, remaining, unpack, unpack_octets,
};
use crate::session::unstored::Unstored;
use crate::time::Instant;

use super::config::{Account, ServerConfig};
use super::dispatching::Cutting;
use super::{Exchange, ServerSession, State};

/// A [`ServerSession`] between two messages, to be kept in any store and picked up by another process
/// (feature `serde`).
///
/// It holds no passwords: configuration and account are given again when it is restored. It does hold the nonces of the session, the
/// commands that are queued or under way with all their values, and what the device has answered. Keep it as safe as those.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ServerSnapshot {
    version: u32,
    known: bool,
    prover: ProverState,
    verifier: Option<VerifierState>,
    well_known: bool,
    withhold_challenge: bool,
    authenticated: bool,
    letterhead: Option<LetterheadState>,
    peer_max_msg_size: Option<u64>,
    peer_max_obj_size: Option<u64>,
    ledger: LedgerState,
    owed: Vec<String>,
    cutting: Option<CuttingState>,
    assembler: AssemblerState,
    #[serde(default)]
    peer_resumes: Option<String>,
    #[serde(default)]
    capabilities: String,
    #[serde(default)]
    resume_telling: bool,
    #[serde(default)]
    resume_told: bool,
    package_open: bool,
    aborting: bool,
    phase: PhaseState,
    last: Option<ExchangeState>,
    first: Option<String>,
    msg_id: u32,
    started: bool,
    /// Milliseconds until the session has waited for too long.
    remaining: Option<u64>,
    records: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum PhaseState {
    Waiting,
    Lingering,
    Closed,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct CuttingState {
    handle: u64,
    part: bool,
    cutter: CutterState,
    awaiting: Option<(u32, String)>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct ExchangeState {
    msg_id: u32,
    fingerprint: String,
    reply: Option<OutgoingState>,
}

impl ServerSnapshot {
    const VERSION: u32 = 1;
}

impl ServerSession {
    /// The session as it is between two messages.
    ///
    /// # Errors
    /// [`Misuse::NotDrained`] while outputs are to be drained or records to be stored.
    pub fn snapshot(&self, now: Instant) -> Result<ServerSnapshot, Misuse> {
        let phase = match self.state {
            State::Waiting => PhaseState::Waiting,
            State::Lingering => PhaseState::Lingering,
            State::Closed => PhaseState::Closed,
            State::Answering(_) | State::Replying { .. } => return Err(Misuse::NotDrained),
        };
        if !self.events.is_empty() || self.unstored.waits() {
            return Err(Misuse::NotDrained);
        }
        let now = self.now.max(now);
        Ok(ServerSnapshot {
            version: ServerSnapshot::VERSION,
            known: self.proving.known,
            prover: self.proving.prover.state(),
            verifier: self.proving.verifier.as_ref().map(crate::auth::Verifier::state),
            well_known: self.proving.well_known,
            withhold_challenge: self.proving.withhold_challenge,
            authenticated: self.proving.authenticated,
            letterhead: self.letterhead.as_ref().map(LetterheadState::of),
            peer_max_msg_size: self.peer_max_msg_size,
            peer_max_obj_size: self.peer_max_obj_size,
            ledger: LedgerState::of(&self.ledger),
            owed: self.owed.iter().map(pack).collect(),
            cutting: self.cutting.as_ref().map(|cutting| CuttingState {
                handle: cutting.handle.0,
                part: cutting.part,
                cutter: CutterState::of(&cutting.cutter),
                awaiting: cutting.awaiting.as_ref().map(|(msg_id, cmd_id)| (*msg_id, cmd_id.as_str().into())),
            }),
            assembler: AssemblerState::of(&self.assembler, now),
            peer_resumes: self.peer_resumes.as_ref().map(Announcement::to_text),
            capabilities: self.capabilities.to_announcement(),
            resume_telling: self.resume_telling,
            resume_told: self.resume_told,
            package_open: self.package_open,
            aborting: self.aborting,
            phase,
            last: self.last.as_ref().map(|last| ExchangeState {
                msg_id: last.msg_id,
                fingerprint: pack_octets(&last.fingerprint),
                reply: last.reply.as_ref().map(OutgoingState::of),
            }),
            first: self.first.as_ref().map(|first| pack_octets(first)),
            msg_id: self.msg_id,
            started: self.started,
            remaining: self.deadline.map(|deadline| remaining(now, deadline)),
            records: self.unstored.last(),
        })
    }

    /// The session that a snapshot was taken of. `config` and `account` are to be the ones it was made with; the account's nonces do not matter,
    /// the snapshot has those in force.
    ///
    /// # Errors
    /// The snapshot is of another version, was changed, or is of a session that had an account where there is none.
    pub fn restore(
        now: Instant,
        config: ServerConfig,
        account: Option<Account>,
        snapshot: ServerSnapshot,
    ) -> Result<Self, RestoreError> {
        if snapshot.version != ServerSnapshot::VERSION {
            return Err(RestoreError::Version(snapshot.version));
        }
        let mut session = Self::new(now, config, account);
        let proving = &mut session.proving;
        if proving.known != snapshot.known || proving.verifier.is_some() != snapshot.verifier.is_some() {
            return Err(RestoreError::Account);
        }
        proving.prover.resume(snapshot.prover);
        if let (Some(verifier), Some(state)) = (&mut proving.verifier, snapshot.verifier) {
            verifier.resume(state);
        }
        proving.well_known = snapshot.well_known;
        proving.withhold_challenge = snapshot.withhold_challenge;
        proving.authenticated = snapshot.authenticated;
        session.letterhead = snapshot.letterhead.map(LetterheadState::restore).transpose()?;
        session.peer_max_msg_size = snapshot.peer_max_msg_size;
        session.peer_max_obj_size = snapshot.peer_max_obj_size;
        session.ledger = snapshot.ledger.restore()?;
        session.owed = snapshot.owed.iter().map(|owed| unpack(owed)).collect::<Result<VecDeque<_>, _>>()?;
        session.cutting = snapshot.cutting.map(CuttingState::restore).transpose()?;
        session.peer_resumes = snapshot.peer_resumes.as_deref().and_then(Announcement::parse);
        session.capabilities = Capabilities::parse(&snapshot.capabilities);
        session.resume_telling = snapshot.resume_telling;
        session.resume_told = snapshot.resume_told;
        session.assembler = snapshot.assembler.restore(now, session.config.max_obj_size)?;
        session.package_open = snapshot.package_open;
        session.aborting = snapshot.aborting;
        session.state = match snapshot.phase {
            PhaseState::Waiting => State::Waiting,
            PhaseState::Lingering => State::Lingering,
            PhaseState::Closed => State::Closed,
        };
        session.last = snapshot.last.map(ExchangeState::restore).transpose()?;
        session.first = snapshot.first.as_deref().map(fingerprint).transpose()?;
        session.msg_id = snapshot.msg_id;
        session.started = snapshot.started;
        session.deadline = snapshot.remaining.map(|remaining| due(now, remaining));
        session.unstored = Unstored::after(snapshot.records);
        Ok(session)
    }
}

impl CuttingState {
    fn restore(self) -> Result<Cutting, RestoreError> {
        let awaiting = match self.awaiting {
            Some((msg_id, cmd_id)) => Some((msg_id, CmdId::new(cmd_id)?)),
            None => None,
        };
        let handle = CommandHandle(self.handle);
        Ok(Cutting { handle, part: self.part, cutter: self.cutter.restore()?, awaiting })
    }
}

impl ExchangeState {
    fn restore(self) -> Result<Exchange, RestoreError> {
        Ok(Exchange {
            msg_id: self.msg_id,
            fingerprint: fingerprint(&self.fingerprint)?,
            reply: self.reply.map(OutgoingState::restore).transpose()?,
        })
    }
}

fn fingerprint(text: &str) -> Result<[u8; 16], RestoreError> {
    unpack_octets(text)?.try_into().map_err(|_| RestoreError::Malformed("a fingerprint"))
}
