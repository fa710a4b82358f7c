//! The client's side of a session.

mod answers;
mod config;
mod output;
mod plan;

pub use config::{ClientConfig, Initiation};
pub use output::{ClientEnd, ClientEvent, ClientOutput};

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use crate::auth::{AuthScheme, Nonce, Proof, Prover, Verifier};
use crate::codes::{AlertCode, StatusCode};
use crate::model::{Alert, Chal, CmdId, CmdRef, Command, LocUri, MsgId, Replace, VerDtd, VerProto};
use crate::time::Instant;

use super::composer::{Composer, Letterhead};
use super::incoming::Incoming;
use super::ledger::CommandHandle;
use super::outcome::Outcome;
use super::outgoing::Outgoing;
use super::unstored::Unstored;
use super::{Misuse, PeerError, Record, RecordSeq, SessionError, is_dm_1};
use answers::{Answers, fits};
use plan::{Task, aborts, needs_answer, plan};

/// The client's side of one session: sends packages, hands out the server's commands, answers with what became of them.
///
/// It begins by itself: drain it right after [`new`](Self::new).
#[derive(Clone, Debug)]
pub struct ClientSession {
    config: ClientConfig,
    initiation: Initiation,
    alerts: Vec<Alert<'static>>,
    prover: Prover,
    verifier: Option<Verifier>,
    server_authenticated: bool,
    accepted: bool,
    letterhead: Letterhead,
    /// The device's nonce for next time, until the server has proved itself.
    device_nonce: Option<Nonce>,
    /// Where the next message goes.
    next_uri: LocUri<'static>,
    /// The largest message the server takes.
    peer_max_msg_size: Option<u64>,
    msg_id: u32,
    /// The MsgID of the server's last message.
    peer_msg_id: u32,
    state: State,
    /// Which alert a CmdID of our last message was.
    alert_ids: Vec<(CmdId<'static>, usize)>,
    next_handle: u64,
    now: Instant,
    outputs: VecDeque<ClientOutput>,
    unstored: Unstored,
}

#[derive(Clone, Debug)]
enum State {
    /// Package 1 is to be made, with these statuses for the server's last message if there was one.
    Opening(Option<Received>),
    /// Commands are being executed.
    Executing(Received),
    /// A message waits to be sent.
    Sending(Outgoing),
    /// An answer is due.
    Waiting { message: Outgoing, attempt: u8, deadline: Instant },
    /// Over.
    Closed,
}

/// A message of the server, and what has become of its commands so far.
#[derive(Clone, Debug)]
struct Received {
    msg_ref: MsgId<'static>,
    header: (StatusCode, Option<Chal<'static>>),
    /// What is to be answered, in document order.
    work: VecDeque<Task>,
    answered: Vec<(Command<'static>, Outcome)>,
    executing: Option<(CommandHandle, Command<'static>)>,
    /// Whether the server may take silence for an answer.
    nothing_to_answer: bool,
}

impl ClientSession {
    /// A session that begins now. `alerts` (generic alerts and client events) go out with package 1.
    #[must_use]
    pub fn new(
        now: Instant,
        config: ClientConfig,
        initiation: Initiation,
        alerts: Vec<Alert<'static>>,
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
        Self {
            server_authenticated: verifier.is_none(),
            accepted: false,
            prover,
            verifier,
            letterhead,
            device_nonce: None,
            next_uri: config.server.clone(),
            peer_max_msg_size: None,
            msg_id: 0,
            peer_msg_id: 0,
            state: State::Opening(None),
            alert_ids: Vec::new(),
            next_handle: 0,
            now,
            outputs: VecDeque::new(),
            unstored: Unstored::default(),
            config,
            initiation,
            alerts,
        }
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
        let got = header.msg_id.as_number().unwrap_or(0);
        if got <= self.peer_msg_id {
            return Ok(());
        }
        match self.state {
            State::Waiting { .. } => {}
            State::Closed => return Err(Misuse::Ended.into()),
            _ => return Err(Misuse::NotWaiting.into()),
        }
        if !is_dm_1(&header.ver_proto) {
            return Err(PeerError::Protocol.into());
        }
        incoming.check_commands(self.config.max_commands)?;
        self.peer_msg_id = got;
        self.accept(incoming, entropy);
        Ok(())
    }

    /// What became of a command that was handed out. An outcome must be for the whole command or for each of its items.
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
        let State::Executing(received) = &mut self.state else { return Err(Misuse::UnknownHandle) };
        match received.executing.take() {
            Some((due, command)) if due == handle && fits(&outcome, &command) => {
                received.answered.push((command, outcome));
                Ok(())
            }
            other => {
                received.executing = other;
                Err(Misuse::UnknownHandle)
            }
        }
    }

    /// The message could not be delivered, or its answer was lost: it is sent again when its time comes, without waiting for the rest of
    /// the timeout. An answer that is not SyncML counts as lost too.
    pub fn handle_lost(&mut self, now: Instant) {
        self.advance(now);
        if let State::Waiting { deadline, .. } = &mut self.state {
            *deadline = (*deadline).min(self.now + self.config.answer_timeout / 8);
        }
    }

    /// What came is not an answer, and asking again will not help: the session ends.
    pub fn handle_bad_answer(&mut self, now: Instant) {
        self.advance(now);
        if !matches!(self.state, State::Closed) {
            self.close(ClientEnd::BadAnswer);
        }
    }

    /// The record has been stored.
    pub fn handle_persisted(&mut self, now: Instant, seq: RecordSeq) {
        self.advance(now);
        self.unstored.stored(seq);
    }

    /// Time has passed. Calling it early or late does no harm.
    pub fn handle_tick(&mut self, now: Instant) {
        self.advance(now);
        let State::Waiting { message, attempt, deadline } = &mut self.state else { return };
        if *deadline > self.now {
            return;
        }
        if *attempt >= self.config.attempts {
            self.close(ClientEnd::TimedOut);
            return;
        }
        // The same octets again: the server answers them from memory.
        *attempt += 1;
        *deadline = self.now + self.config.answer_timeout;
        let output = ClientOutput::Send(self.next_uri.clone(), message.clone());
        self.outputs.push_back(output);
    }

    /// What is to be done next; call until it says [`ClientOutput::Wait`].
    pub fn poll_output(&mut self) -> ClientOutput {
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        loop {
            match core::mem::replace(&mut self.state, State::Closed) {
                State::Opening(received) => {
                    let message = self.package_1(received);
                    self.state = State::Sending(message);
                }
                State::Executing(mut received) => {
                    if received.executing.is_some() {
                        self.state = State::Executing(received);
                        return ClientOutput::Wait(None);
                    }
                    match received.work.pop_front() {
                        Some(Task::Refuse(command, code)) => {
                            received.answered.push((command, Outcome::all(code)));
                            self.state = State::Executing(received);
                        }
                        Some(Task::Execute(command)) => {
                            self.next_handle += 1;
                            let handle = CommandHandle(self.next_handle);
                            received.executing = Some((handle, command.clone()));
                            self.state = State::Executing(received);
                            return ClientOutput::Execute(handle, command);
                        }
                        None if received.nothing_to_answer => {
                            self.close(ClientEnd::Completed);
                            return self.poll_output();
                        }
                        None => {
                            let message = self.package_3(received);
                            self.state = State::Sending(message);
                        }
                    }
                }
                State::Sending(message) if self.unstored.waits() => {
                    self.state = State::Sending(message);
                    return ClientOutput::Wait(None);
                }
                State::Sending(message) => {
                    let deadline = self.now + self.config.answer_timeout;
                    self.state = State::Waiting { message: message.clone(), attempt: 1, deadline };
                    return ClientOutput::Send(self.next_uri.clone(), message);
                }
                State::Waiting { message, attempt, deadline } => {
                    self.state = State::Waiting { message, attempt, deadline };
                    return ClientOutput::Wait(Some(deadline));
                }
                State::Closed => return ClientOutput::Wait(None),
            }
        }
    }

    /// Whether the session is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
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
        self.outputs.push_back(ClientOutput::Closed(end));
    }

    /// A message that is this session's next.
    fn accept(&mut self, incoming: &Incoming<'_>, entropy: [u8; Nonce::LEN]) {
        let message = &incoming.message;
        let header = &message.header;
        if let Some(size) = header.meta.as_ref().and_then(|meta| meta.max_msg_size()) {
            self.peer_max_msg_size = Some(size);
        }
        if let Some(uri) = &header.resp_uri
            && same_host(uri.as_str(), self.config.server.as_str())
        {
            self.next_uri = uri.clone().into_owned();
        }
        let commands = &message.body.commands;

        // What the server says of our header decides first.
        let mut challenged = false;
        for command in commands {
            if let Command::Status(status) = command
                && status.cmd_ref == CmdRef::SYNC_HDR
                && status.msg_ref.as_number() == Some(self.msg_id)
            {
                match self.prover.handle_status(status.code, status.chal.as_deref()) {
                    Proof::Accepted { next_nonce } => {
                        if !self.accepted {
                            self.accepted = true;
                            self.event(ClientEvent::Accepted);
                        }
                        self.device_nonce = next_nonce.or(self.device_nonce.take());
                    }
                    Proof::Challenged => challenged = true,
                    Proof::Refused => return self.close(ClientEnd::DeviceRefused),
                    Proof::Failed(code) => return self.close(ClientEnd::HeaderRefused(code)),
                }
            }
        }
        self.take_alert_statuses(commands);
        if aborts(commands) {
            // The answer to an abort is ignored, so none is sent (DM Protocol 1.2.1, session abort).
            return self.close(ClientEnd::Aborted);
        }

        let mut received = Received {
            msg_ref: header.msg_id.clone().into_owned(),
            header: (StatusCode::OK, None),
            work: VecDeque::new(),
            answered: Vec::new(),
            executing: None,
            nothing_to_answer: !challenged && !commands.iter().any(needs_answer),
        };
        let presented = incoming.presented();
        let verdict = match &mut self.verifier {
            // Without commands there is nothing to be trusted with, so missing credentials are not asked for (DM Security 1.2.1, challenges).
            Some(_)
                if presented.is_nothing()
                    && !self.server_authenticated
                    && !commands.iter().any(needs_answer) =>
            {
                None
            }
            Some(verifier) => Some(verifier.check(&presented, entropy)),
            None => None,
        };
        if let Some(verdict) = verdict {
            received.header = (verdict.code, verdict.chal.clone());
            if !verdict.is_accepted() {
                if verdict.exhausted || received.nothing_to_answer {
                    return self.close(ClientEnd::ServerRefused);
                }
                for command in commands.iter().filter(|command| needs_answer(command)) {
                    received.work.push_back(Task::Refuse(command.clone().into_owned(), verdict.code));
                }
                self.state =
                    if challenged { State::Opening(Some(received)) } else { State::Executing(received) };
                return;
            }
            if !self.server_authenticated {
                self.server_authenticated = true;
                self.event(ClientEvent::ServerAuthenticated);
            }
            // A nonce that no answer carries to the server would put the two out of step.
            if let Some(nonce) = verdict.store
                && !received.nothing_to_answer
            {
                self.persist(Record::ServerNonce(nonce));
            }
        }
        // Only a server that has proved itself may change what is stored (DM Security 1.2.1, nonces).
        if self.server_authenticated
            && let Some(nonce) = self.device_nonce.take()
        {
            self.persist(Record::DeviceNonce(nonce));
        }
        if challenged {
            // Back to package 1, in the same session (DM Protocol 1.2.1, package 1).
            self.state = State::Opening(Some(received));
            return;
        }
        for command in commands {
            plan(command, &mut received.work);
        }
        self.state = State::Executing(received);
    }

    fn take_alert_statuses(&mut self, commands: &[Command<'_>]) {
        for command in commands {
            if let Command::Status(status) = command
                && status.msg_ref.as_number() == Some(self.msg_id)
                && let Some(at) =
                    self.alert_ids.iter().position(|(id, _)| id.as_str() == status.cmd_ref.as_str())
                && status.code.is_success()
            {
                let (_, index) = self.alert_ids.swap_remove(at);
                self.event(ClientEvent::AlertTaken(index, status.code));
            }
        }
    }

    /// Package 1: who we are and why we come.
    fn package_1(&mut self, received: Option<Received>) -> Outgoing {
        self.msg_id = self.msg_id.saturating_add(1);
        let mut composer = Composer::new(&self.letterhead, self.msg_id, Some(&mut self.prover));
        if let Some(received) = received {
            let (code, chal) = received.header;
            composer.header_status(&received.msg_ref, code, chal);
            for task in received.work {
                if let Task::Refuse(command, code) = task {
                    Answers::new(&received.msg_ref, command, Outcome::all(code)).push(&mut composer);
                }
            }
        }
        let code = match &self.initiation {
            Initiation::Server(_) => AlertCode::SERVER_INITIATED,
            Initiation::Client(_) => AlertCode::CLIENT_INITIATED,
        };
        let alert = Alert::new(composer.next_cmd_id(), code);
        composer.push(alert.into());
        self.alert_ids.clear();
        for (index, alert) in self.alerts.iter().enumerate() {
            let mut alert = alert.clone();
            alert.cmd_id = composer.next_cmd_id();
            self.alert_ids.push((alert.cmd_id.clone(), index));
            composer.push(alert.into());
        }
        if !self.config.dev_info.is_empty() {
            let replace = Replace::new(composer.next_cmd_id(), self.config.dev_info.clone());
            composer.push(replace.into());
        }
        let body = composer.finish(true);
        self.sign(body)
    }

    /// A message with its MAC, if our scheme has one.
    fn sign(&mut self, body: Vec<u8>) -> Outgoing {
        let hmac = self.prover.sign(&body);
        Outgoing::new(self.letterhead.encoding, body, hmac)
    }

    /// Package 3: what became of the server's commands.
    fn package_3(&mut self, received: Received) -> Outgoing {
        self.msg_id = self.msg_id.saturating_add(1);
        let limit =
            self.peer_max_msg_size.map_or(usize::MAX, |size| usize::try_from(size).unwrap_or(usize::MAX));
        let mut composer = Composer::new(&self.letterhead, self.msg_id, Some(&mut self.prover));
        let (code, chal) = received.header;
        composer.header_status(&received.msg_ref, code, chal);
        self.alert_ids.clear();
        let encoding = self.letterhead.encoding;
        let mut answers: Vec<_> = received
            .answered
            .into_iter()
            .map(|(command, outcome)| Answers::new(&received.msg_ref, command, outcome))
            .collect();
        // Statuses always go; what a Get found goes while there is room, and is 413 else (RepPro 1.2.2 §10).
        let statuses: usize = answers.iter().map(|answers| answers.statuses_len(encoding)).sum();
        let mut room = limit.saturating_sub(composer.size() + statuses);
        for answers in &mut answers {
            match answers.results_len(encoding) {
                size if size <= room => room -= size,
                _ => answers.drop_results(&received.msg_ref),
            }
        }
        for answers in answers {
            answers.push(&mut composer);
        }
        let body = composer.finish(true);
        self.sign(body)
    }
}

/// Whether a RespURI leads to the host and scheme of the server's own address: a server may send its device to another path, no further.
fn same_host(uri: &str, server: &str) -> bool {
    let host = |uri: &str| -> Option<String> {
        let (scheme, rest) = uri.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        Some(alloc::format!("{scheme}://{authority}").to_ascii_lowercase())
    };
    matches!((host(uri), host(server)), (Some(a), Some(b)) if a == b)
}
