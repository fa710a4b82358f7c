//! The client's side of a session.
//!
//! | room | what happens there |
//! |---|---|
//! | `states` | which input does what in which state |
//! | `receiving` | a message of the server is taken in |
//! | `authenticating` | who shows what to whom |
//! | `legality` | which of its commands may be executed |
//! | `execution` | they are handed out one at a time, and their outcomes collected |
//! | `answers` | outcomes become statuses and results |
//! | `package` | which wait until they fit into a message |
//! | `composing` | the next message is made |
//! | `alerts` | what the device has to report by itself |
//! | `snapshot` | a session between two messages as a value |

mod alerts;
mod answers;
mod authenticating;
mod composing;
mod config;
mod execution;
mod legality;
mod output;
mod package;
mod receiving;
#[cfg(feature = "serde")]
mod snapshot;
mod states;

pub use alerts::{AlertId, AlertQueue};
pub use config::{ClientConfig, Initiation};
pub use output::{AtomicStep, ClientEnd, ClientEvent, ClientOutput};
#[cfg(feature = "serde")]
pub use snapshot::ClientSnapshot;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::OnceCell;
use core::time::Duration;

use crate::auth::{AuthScheme, Nonce, Prover, Verifier};
use crate::codes::StatusCode;
use crate::journal::RecordSeq;
use crate::model::{Alert, Chal, CmdId, LocUri, MsgId, VerDtd, VerProto};
use crate::time::Instant;

use super::composer::Letterhead;
use super::incoming::Incoming;
use super::interaction::UserResponse;
use super::large_object::{Announcement, Assembler, PartialObjects};
use super::ledger::CommandHandle;
use super::outcome::Outcome;
use super::outgoing::Outgoing;
use super::unstored::Unstored;
use super::{Misuse, PeerError, Record, SessionError, is_dm_1};
use execution::{Execution, Patience, Step};
use package::Package;
use states::{Action, Input, Phase, transition};

/// The client's side of one session: sends packages, hands out the server's commands, answers with what became of them.
///
/// It begins by itself: drain it right after [`new`](Self::new). What it does in which state:
///
#[doc = include_str!("client/states.md")]
#[derive(Clone, Debug)]
pub struct ClientSession {
    config: ClientConfig,
    letterhead: Letterhead,
    /// Where the next message goes.
    next_uri: LocUri<'static>,
    now: Instant,
    state: State,
    outputs: VecDeque<ClientOutput>,
    unstored: Unstored,

    prover: Prover,
    verifier: Option<Verifier>,
    server_authenticated: bool,
    accepted: bool,
    /// The device's nonce for next time, until the server has proved itself.
    device_nonce: Option<Nonce>,

    /// The largest message and the largest object the server takes.
    peer_max_msg_size: Option<u64>,
    peer_max_obj_size: Option<u64>,
    msg_id: u32,
    /// The MsgID of the server's last message.
    peer_msg_id: u32,
    next_handle: u64,

    package: Package,
    /// Whether the server has said all that this package of ours answers (Final), so that ours may end.
    server_final: bool,
    /// What that was when the last message was made.
    server_final_before: bool,
    /// Whether our package has ended: what comes up now is for the next one, if there is one.
    our_final: bool,
    /// Messages of the server in a row that said nothing and did not end.
    empty_messages: u8,
    /// What comes of the server in chunks.
    assembler: Assembler,
    /// What the server can go on with, if it has announced that it can.
    peer_resumes: Option<Announcement>,
    /// The chunk that was sent last.
    chunk: Option<(u32, CmdId<'static>)>,

    alerts: AlertQueue,
    /// Which alert a MsgID and a CmdID of ours meant.
    alert_ids: BTreeMap<(u32, String), AlertId>,
    /// The session is to end so, once the server has been told.
    aborting: Option<ClientEnd>,
    /// It has been told.
    aborted: bool,
}

#[derive(Clone, Debug)]
enum State {
    /// The next message is to be made; it answers this one of the server, if there was one.
    Composing(Option<Received>),
    Executing(Received, Box<Execution>),
    Sending(Outgoing),
    Waiting {
        message: Outgoing,
        attempt: u8,
        deadline: Instant,
    },
    Closed,
}

/// A message of the server that is to be answered.
#[derive(Clone, Debug)]
struct Received {
    msg_ref: MsgId<'static>,
    /// What is said of its header.
    header: (StatusCode, Option<Chal<'static>>),
    /// What is to be said of objects without an end, after the statuses.
    complaints: Vec<Alert<'static>>,
}

impl ClientSession {
    /// A session that begins now. `alerts` (generic alerts and client events) go out with package 1: an [`AlertQueue`], or a `Vec` of alerts,
    /// which are numbered from 0.
    #[must_use]
    pub fn new(
        now: Instant,
        config: ClientConfig,
        initiation: Initiation,
        alerts: impl Into<AlertQueue>,
    ) -> Self {
        let prover = match &config.device {
            Some((scheme, credentials)) => {
                Prover::new(*scheme, Some(credentials.clone()), config.device_nonce.clone())
            }
            None => Prover::new(AuthScheme::None, None, None),
        };
        let verifier = config.server_auth.as_ref().map(|(scheme, credentials)| {
            Verifier::new(*scheme, Some(credentials.clone()), config.server_nonce.clone())
        });
        let (Initiation::Server(session_id) | Initiation::Client(session_id)) = &initiation;
        let letterhead = Letterhead {
            encoding: config.encoding,
            session_id: session_id.clone(),
            ver_dtd: VerDtd::V1_2,
            ver_proto: VerProto::DM_1_2,
            own: config.address.clone(),
            peer: config.server.clone(),
            max_msg_size: config.max_msg_size,
            max_obj_size: config.max_obj_size,
        };
        let mut assembler = Assembler::new(config.max_obj_size);
        if config.resume && config.large_objects {
            assembler.keep(now, config.server.as_str(), PartialObjects::new());
        }
        let mut session = Self {
            letterhead,
            next_uri: config.server.clone(),
            now,
            state: State::Composing(None),
            outputs: VecDeque::new(),
            unstored: Unstored::default(),
            server_authenticated: verifier.is_none(),
            accepted: false,
            prover,
            verifier,
            device_nonce: None,
            peer_max_msg_size: None,
            peer_max_obj_size: None,
            msg_id: 0,
            peer_msg_id: 0,
            next_handle: 0,
            package: Package::default(),
            // Nothing has been said that package 1 would have to wait for.
            server_final: true,
            server_final_before: true,
            our_final: false,
            empty_messages: 0,
            assembler,
            peer_resumes: None,
            chunk: None,
            alerts: alerts.into(),
            alert_ids: BTreeMap::new(),
            aborting: None,
            aborted: false,
            config,
        };
        session.open(&initiation);
        session
    }

    /// Queues an alert while the session runs: it goes out with the next message, or stays in the [queue](Self::into_alerts) when there is none.
    ///
    /// The queue is stored by a [`Record::AlertQueued`].
    ///
    /// # Errors
    /// [`Misuse::Ended`] after the end.
    pub fn queue_alert(&mut self, now: Instant, alert: Alert<'static>) -> Result<AlertId, Misuse> {
        self.advance(now);
        if self.is_over() {
            return Err(Misuse::Ended);
        }
        let id = self.alerts.push(alert.clone());
        self.package.push_report(id, alert.clone());
        self.persist(Record::AlertQueued(id, Box::new(alert)));
        Ok(id)
    }

    /// Gives the session what former ones with this server have kept of large objects that have no end; to be called before it is drained.
    /// Without effect unless [`ClientConfig::resume`] is set.
    #[must_use]
    pub fn with_partial_objects(mut self, objects: PartialObjects) -> Self {
        if self.assembler.keeping.is_some() {
            self.assembler.keep(self.now, self.config.server.as_str(), objects);
        }
        self
    }

    /// What is there of large objects that have no end, that of the one under way included: for the next session with this server. Nothing
    /// unless [`ClientConfig::resume`] is set.
    #[must_use]
    pub fn partial_objects(&self) -> PartialObjects {
        self.assembler.kept()
    }

    /// What no server has taken yet.
    #[must_use]
    pub fn alerts(&self) -> &AlertQueue {
        &self.alerts
    }

    /// What no server has taken yet, for the next session.
    #[must_use]
    pub fn into_alerts(self) -> AlertQueue {
        self.alerts
    }

    /// Takes the server's answer. `entropy` is what a nonce is made of, should one be needed; it must be fresh and unpredictable in each
    /// call. A repetition of an answer that was taken before does nothing.
    ///
    /// # Errors
    /// [`SessionError::Peer`] for a message of another session or protocol; the session goes on waiting.
    /// [`SessionError::Misuse`] when no answer is due.
    pub fn handle_message(
        &mut self,
        now: Instant,
        incoming: &Incoming<'_>,
        entropy: [u8; Nonce::LEN],
    ) -> Result<(), SessionError> {
        self.advance(now);
        let header = &incoming.message.header;
        if header.session_id.as_str() != self.letterhead.session_id.as_str() {
            return Err(PeerError::OtherSession.into());
        }
        let expected = self.peer_msg_id.saturating_add(1);
        let got = header.msg_id.as_number().filter(|got| *got > 0);
        let got = got.ok_or(PeerError::OutOfOrder { expected, got: 0 })?;
        let input = if got < expected { Input::Repetition } else { Input::Next };
        match self.action(input) {
            Action::TakeIn => {}
            Action::Ended => return Err(Misuse::Ended.into()),
            Action::NotWaiting => return Err(Misuse::NotWaiting.into()),
            _ => return Ok(()),
        }
        if !is_dm_1(&header.ver_proto) {
            return Err(PeerError::Protocol.into());
        }
        incoming.check_commands(self.config.max_commands)?;
        self.peer_msg_id = got;
        self.receive(incoming, entropy);
        self.check(input, Phase::Waiting);
        Ok(())
    }

    /// What became of a command that was handed out, or of a step of an Atomic. An outcome is for the whole command or for each of its
    /// items; for a step it is one code.
    ///
    /// # Errors
    /// [`Misuse::UnknownHandle`] when the handle is not the one handed out last, or the outcome has the wrong number of items.
    pub fn handle_outcome(
        &mut self,
        now: Instant,
        handle: CommandHandle,
        outcome: Outcome,
    ) -> Result<(), Misuse> {
        self.advance(now);
        let before = self.phase();
        let noted = match (self.action(Input::Outcome), &mut self.state) {
            (Action::Note, State::Executing(_, execution)) => execution.answer(handle, outcome),
            _ => Err(Misuse::UnknownHandle),
        };
        self.check(Input::Outcome, before);
        noted
    }

    /// What the user said to an [`Interact`](ClientOutput::Interact).
    ///
    /// # Errors
    /// [`Misuse::UnknownHandle`] when nothing is asked, or something else; [`Misuse::Response`] when the response is none to this
    /// question, which then is still open.
    pub fn handle_response(
        &mut self,
        now: Instant,
        handle: CommandHandle,
        response: &UserResponse,
    ) -> Result<(), Misuse> {
        self.advance(now);
        let before = self.phase();
        match (self.action(Input::Response), &mut self.state) {
            // One that does not fit leaves the question open.
            (Action::Note, State::Executing(_, execution)) => execution.respond(handle, response)?,
            _ => return Err(Misuse::UnknownHandle),
        }
        self.check(Input::Response, before);
        Ok(())
    }

    /// The message could not be delivered, or its answer was lost: it is sent again when its time comes, without waiting for the rest of
    /// the timeout. An answer that is not SyncML counts as lost too.
    pub fn handle_lost(&mut self, now: Instant) {
        self.advance(now);
        if let (Action::Postpone, State::Waiting { deadline, .. }) =
            (self.action(Input::Lost), &mut self.state)
        {
            *deadline = (*deadline).min(self.now + self.config.answer_timeout / 8);
        }
    }

    /// The server has not taken the message and wants to be left alone for a while (HTTP 429 or 503 with Retry-After): it is sent again after
    /// `pause`, which counts as one of the attempts.
    pub fn handle_unavailable(&mut self, now: Instant, pause: Duration) {
        self.advance(now);
        if let (Action::Postpone, State::Waiting { deadline, .. }) =
            (self.action(Input::Lost), &mut self.state)
        {
            *deadline = self.now + pause;
        }
    }

    /// What came is not an answer, and asking again will not help: the session ends. Without effect while no answer is waited for; to stop
    /// then, [`abort`](Self::abort).
    pub fn handle_bad_answer(&mut self, now: Instant) {
        self.advance(now);
        if self.action(Input::BadAnswer) == Action::GiveUp {
            self.close(ClientEnd::BadAnswer);
        }
    }

    /// The transport brought an empty answer, as some servers end a session: it has ended, unless the device had more to say.
    pub fn handle_empty_answer(&mut self, now: Instant) {
        self.advance(now);
        if matches!(self.state, State::Waiting { .. }) && self.accepted && self.package.is_empty() {
            self.close(self.aborting.unwrap_or(ClientEnd::Completed));
        } else {
            self.handle_lost(now);
        }
    }

    /// Stops: nothing more is executed, what was begun of an Atomic is rolled back, and the next message aborts the session (1223) with what
    /// has been done so far (DM Protocol 1.2.1, session abort).
    pub fn abort(&mut self, now: Instant) {
        self.advance(now);
        let before = self.phase();
        if self.action(Input::Abort) == Action::Stop {
            self.aborting.get_or_insert(ClientEnd::Cancelled);
            if let State::Executing(_, execution) = &mut self.state {
                execution.stop();
            }
        }
        self.check(Input::Abort, before);
    }

    /// The record has been stored.
    pub fn handle_persisted(&mut self, now: Instant, seq: RecordSeq) {
        self.advance(now);
        self.unstored.stored(seq);
    }

    /// Time has passed. Calling it early or late does no harm.
    pub fn handle_tick(&mut self, now: Instant) {
        self.advance(now);
        match (self.action(Input::Deadline), &mut self.state) {
            (Action::Overdue, State::Executing(_, execution)) => {
                if let Some(handle) = execution.expire(self.now) {
                    self.event(ClientEvent::Overdue(handle));
                }
            }
            (Action::SendAgain, State::Waiting { message, attempt, deadline }) if *deadline <= self.now => {
                if *attempt >= self.config.attempts {
                    return self.close(self.aborting.filter(|_| self.aborted).unwrap_or(ClientEnd::TimedOut));
                }
                // The same octets again: the server answers them from memory.
                *attempt += 1;
                *deadline = self.now + self.config.answer_timeout;
                let output = ClientOutput::Send(self.next_uri.clone(), message.clone());
                self.outputs.push_back(output);
            }
            _ => {}
        }
    }

    /// What is to be done next; call until it says [`ClientOutput::Wait`].
    pub fn poll_output(&mut self) -> ClientOutput {
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return output;
            }
            let before = self.phase();
            let output = self.drained();
            self.check(Input::Drained, before);
            if let Some(output) = output {
                return output;
            }
        }
    }

    /// Whether the session is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Goes one step on; `None` when the state has changed without anything to tell.
    fn drained(&mut self) -> Option<ClientOutput> {
        match core::mem::replace(&mut self.state, State::Closed) {
            State::Composing(received) => {
                let message = self.compose(received);
                self.state = State::Sending(message);
                None
            }
            State::Executing(mut received, mut execution) => {
                // Asked for only where an Atomic is to be committed.
                let capacity = OnceCell::new();
                let fits = |asked: &answers::Asked, outcome: &Outcome| {
                    let capacity = capacity.get_or_init(|| self.capacity(&received));
                    asked.statuses(&received.msg_ref, outcome).into_iter().all(|s| capacity.holds_status(s))
                };
                let mut next_handle = self.next_handle;
                let patience = Patience {
                    outcome: self.config.outcome_timeout,
                    interaction: self.config.interaction_timeout,
                };
                let step = execution.step(self.now, &mut next_handle, &patience, fits);
                self.next_handle = next_handle;
                match step {
                    Step::Output(output) => {
                        self.state = State::Executing(received, execution);
                        Some(*output)
                    }
                    Step::Wait(until) => {
                        self.state = State::Executing(received, execution);
                        Some(ClientOutput::Wait(Some(until)))
                    }
                    Step::Done => {
                        let capacity = self.capacity(&received);
                        self.collect(&mut received, *execution, &capacity);
                        self.state = State::Composing(Some(received));
                        None
                    }
                }
            }
            State::Sending(message) if self.unstored.waits() => {
                self.state = State::Sending(message);
                Some(ClientOutput::Wait(None))
            }
            State::Sending(message) => {
                let deadline = self.now + self.config.answer_timeout;
                self.state = State::Waiting { message: message.clone(), attempt: 1, deadline };
                Some(ClientOutput::Send(self.next_uri.clone(), message))
            }
            State::Waiting { message, attempt, deadline } => {
                self.state = State::Waiting { message, attempt, deadline };
                Some(ClientOutput::Wait(Some(deadline)))
            }
            State::Closed => Some(ClientOutput::Wait(None)),
        }
    }

    fn phase(&self) -> Phase {
        match &self.state {
            State::Composing(_) => Phase::Composing,
            State::Executing(_, execution) if execution.is_asking() => Phase::Asking,
            State::Executing(..) => Phase::Executing,
            State::Sending(_) => Phase::Sending,
            State::Waiting { .. } => Phase::Waiting,
            State::Closed => Phase::Closed,
        }
    }

    fn action(&self, input: Input) -> Action {
        transition(self.phase(), input).action
    }

    /// The table says where an input may lead.
    fn check(&self, input: Input, before: Phase) {
        let (now, step) = (self.phase(), transition(before, input));
        let held = before == Phase::Sending && now == before;
        debug_assert!(held || step.next.contains(&now), "{before:?} by {input:?} to {now:?}");
    }

    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.assembler.advance(self.now);
    }

    fn event(&mut self, event: ClientEvent) {
        self.outputs.push_back(ClientOutput::Event(event));
    }

    fn persist(&mut self, record: Record) {
        let seq = self.unstored.number();
        self.outputs.push_back(ClientOutput::Persist(seq, record));
    }

    fn close(&mut self, end: ClientEnd) {
        self.state = State::Closed;
        self.package.clear();
        self.outputs.push_back(ClientOutput::Closed(end));
    }
}
