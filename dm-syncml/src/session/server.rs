//! The server's side of a session.

mod config;
mod output;

pub use config::{Account, ServerConfig};
pub use output::{ServerEnd, ServerEvent, ServerOutput};

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::auth::{AuthScheme, Nonce, Proof, Prover, Verifier};
use crate::codes::{AlertCode, StatusCode};
use crate::model::{Alert, Chal, CmdName, CmdRef, Command, Item, MsgId, SessionId, Status, VerDtd, VerProto};
use crate::time::Instant;

use super::composer::{Composer, Letterhead};
use super::incoming::Incoming;
use super::ledger::{Answer, CommandHandle, GivenUp, Ledger};
use super::outgoing::Outgoing;
use super::unstored::Unstored;
use super::{Misuse, PeerError, Record, RecordSeq, SessionError, is_dm_1};

/// The server's side of one session: takes the device's messages, sends queued commands, tells what became of them.
///
/// How to drive it: decode the request with [`Incoming::decode`], find the session by [`Incoming::key`] (a new one for
/// [`Incoming::is_first`], with the account of the device it names, or none), hand it over with
/// [`handle_message`](Self::handle_message), then drain.
///
/// A server package without commands ends the session (DM Protocol 1.2.1, packages 2 and 4). The machine stays for
/// [`ServerConfig::idle`] to answer a repetition of the device's last message from memory.
#[derive(Clone, Debug)]
pub struct ServerSession {
    config: ServerConfig,
    prover: Prover,
    verifier: Option<Verifier>,
    letterhead: Option<Letterhead>,
    /// The largest message the device takes.
    peer_max_msg_size: Option<u64>,
    ledger: Ledger,
    state: State,
    /// The device's last message and our answer to it.
    last: Option<Exchange>,
    msg_id: u32,
    authenticated: bool,
    started: bool,
    now: Instant,
    deadline: Option<Instant>,
    events: VecDeque<ServerOutput>,
    unstored: Unstored,
}

#[derive(Clone, Debug)]
enum State {
    /// The device's next message is due.
    Waiting,
    /// An answer is to be made once all events are drained and records stored.
    Answering(Draft),
    /// An answer has been made and is to be handed out.
    Replying { message: Outgoing, end: bool },
    /// Over, but the last answer may be asked for again.
    Lingering,
    /// Over, and `Closed` has been said.
    Closed,
}

/// What the answer to a message holds beside commands.
#[derive(Clone, Debug)]
struct Draft {
    msg_ref: MsgId<'static>,
    header: (StatusCode, Option<Chal<'static>>),
    /// Name, id and code of the commands to answer.
    statuses: Vec<Reply>,
    /// The device's package goes on: ask for its next message, and send no commands.
    next_message: bool,
    /// No commands go out, and the session ends.
    end: Option<ServerEnd>,
    /// The device has just refused our credentials: the answer must not be taken for the end.
    challenged: bool,
}

#[derive(Clone, Debug)]
struct Reply {
    cmd: CmdName<'static>,
    cmd_ref: CmdRef<'static>,
    code: StatusCode,
}

#[derive(Clone, Debug)]
struct Exchange {
    msg_id: u32,
    fingerprint: [u8; 16],
    /// `None` until it has been made.
    reply: Option<Outgoing>,
}

impl ServerSession {
    /// A session with the device behind `account`; `None` when nobody knows it, which it will not be able to tell.
    #[must_use]
    pub fn new(now: Instant, config: ServerConfig, account: Option<Account>) -> Self {
        let (verifier, prover) = match account {
            Some(account) => (
                account.device.map(|(scheme, credentials)| {
                    Verifier::new(scheme, Some(credentials), account.device_nonce)
                }),
                match account.server {
                    Some((scheme, credentials)) => {
                        Prover::new(scheme, Some(credentials), account.server_nonce)
                    }
                    None => Prover::new(AuthScheme::None, None, None),
                },
            ),
            None => (
                Some(Verifier::new(config.stranger_scheme, None, None)),
                Prover::new(AuthScheme::None, None, None),
            ),
        };
        Self {
            prover,
            verifier,
            letterhead: None,
            peer_max_msg_size: None,
            ledger: Ledger::default(),
            state: State::Waiting,
            last: None,
            msg_id: 0,
            authenticated: false,
            started: false,
            now,
            deadline: Some(now + config.idle),
            events: VecDeque::new(),
            unstored: Unstored::default(),
            config,
        }
    }

    /// Queues a command; it goes out when the device may take commands, with an id the session gives it and its members.
    ///
    /// # Errors
    /// [`Misuse::Ended`] after the end; [`Misuse::Command`] for Status, Results and unknown elements.
    pub fn queue(&mut self, command: impl Into<Command<'static>>) -> Result<CommandHandle, Misuse> {
        let command = command.into();
        if matches!(self.state, State::Lingering | State::Closed | State::Replying { end: true, .. }) {
            return Err(Misuse::Ended);
        }
        if matches!(command, Command::Status(_) | Command::Results(_) | Command::Unknown(_)) {
            return Err(Misuse::Command);
        }
        Ok(self.ledger.queue(command))
    }

    /// Takes the device's next message, or a repetition of its last. `entropy` is what a nonce is made of, should one be needed; it must be
    /// fresh and unpredictable in each call.
    ///
    /// # Errors
    /// [`SessionError::Peer`] for a message that is not this session's next; the session goes on as if it had not come.
    /// [`SessionError::Misuse`] when the answer to the message before has not been drained, or the session has ended.
    pub fn handle_message(
        &mut self,
        now: Instant,
        incoming: &Incoming<'_>,
        entropy: [u8; Nonce::LEN],
    ) -> Result<(), SessionError> {
        self.advance(now);
        let header = &incoming.message.header;
        let got = header.msg_id.as_number().unwrap_or(0);
        if let Some(letterhead) = &self.letterhead
            && (letterhead.session_id.as_str() != header.session_id.as_str()
                || letterhead.peer.as_str() != header.source.loc_uri.as_str())
        {
            return Err(PeerError::OtherSession.into());
        }
        if matches!(self.state, State::Waiting | State::Lingering)
            && let Some(last) = &self.last
            && last.msg_id == got
            && last.fingerprint == incoming.fingerprint
        {
            // The answer was lost: the same message has the same answer, and nothing is done twice.
            self.events.extend(last.reply.clone().map(ServerOutput::Reply));
            return Ok(());
        }
        match self.state {
            State::Waiting => {}
            State::Answering(_) | State::Replying { .. } => return Err(Misuse::NotWaiting.into()),
            State::Lingering | State::Closed => return Err(Misuse::Ended.into()),
        }
        let expected = self.last.as_ref().map_or(1, |last| last.msg_id.saturating_add(1));
        if got != expected {
            return Err(PeerError::OutOfOrder { expected, got }.into());
        }
        incoming.check_commands(self.config.max_commands)?;
        self.accept(incoming, got, entropy);
        self.deadline = Some(self.now + self.config.idle);
        Ok(())
    }

    /// The record has been stored.
    pub fn handle_persisted(&mut self, now: Instant, seq: RecordSeq) {
        self.advance(now);
        self.unstored.stored(seq);
    }

    /// Time has passed. Calling it early or late does no harm.
    pub fn handle_tick(&mut self, now: Instant) {
        self.advance(now);
        if self.deadline.is_some_and(|deadline| deadline <= self.now) {
            match self.state {
                State::Waiting => self.close(ServerEnd::TimedOut),
                State::Lingering => self.say_closed(),
                _ => {}
            }
        }
    }

    /// What is to be done next; call until it says [`ServerOutput::Wait`].
    pub fn poll_output(&mut self) -> ServerOutput {
        if let Some(output) = self.events.pop_front() {
            return output;
        }
        if self.unstored.waits() {
            return ServerOutput::Wait(self.deadline);
        }
        match core::mem::replace(&mut self.state, State::Closed) {
            State::Answering(draft) => {
                self.answer(draft);
                // Making the answer may have told of commands that cannot go out, or of the end.
                self.poll_output()
            }
            State::Replying { message, end } => {
                self.state = if end { State::Lingering } else { State::Waiting };
                if let Some(last) = &mut self.last {
                    last.reply = Some(message.clone());
                }
                ServerOutput::Reply(message)
            }
            other => {
                self.state = other;
                ServerOutput::Wait(if matches!(self.state, State::Closed) { None } else { self.deadline })
            }
        }
    }

    /// Whether the session is over, though it may still repeat its last answer.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Lingering | State::Closed)
    }

    /// Clocks that step back do no harm.
    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    fn event(&mut self, event: ServerEvent) {
        self.events.push_back(ServerOutput::Event(event));
    }

    fn persist(&mut self, record: Record) {
        let seq = self.unstored.number();
        self.events.push_back(ServerOutput::Persist(seq, record));
    }

    /// A message that is this session's next.
    fn accept(&mut self, incoming: &Incoming<'_>, msg_id: u32, entropy: [u8; Nonce::LEN]) {
        let message = &incoming.message;
        let header = &message.header;
        if self.letterhead.is_none() {
            self.letterhead = Some(Letterhead {
                encoding: incoming.answer,
                session_id: SessionId::into_owned(header.session_id.clone()),
                ver_dtd: if is_dm_1(&header.ver_proto) {
                    header.ver_dtd.clone().into_owned()
                } else {
                    VerDtd::V1_2
                },
                ver_proto: if is_dm_1(&header.ver_proto) {
                    header.ver_proto.clone().into_owned()
                } else {
                    VerProto::DM_1_2
                },
                own: self.config.address.clone(),
                peer: header.source.loc_uri.clone().into_owned(),
                max_msg_size: self.config.max_msg_size,
                max_obj_size: self.config.max_obj_size,
            });
        }
        if let Some(size) = header.meta.as_ref().and_then(|meta| meta.max_msg_size()) {
            self.peer_max_msg_size = Some(size);
        }
        self.last = Some(Exchange { msg_id, fingerprint: incoming.fingerprint, reply: None });

        if !is_dm_1(&header.ver_proto) {
            // Our own VerProto in the answer tells what would be taken.
            self.state = State::Answering(Draft {
                msg_ref: header.msg_id.clone().into_owned(),
                header: (StatusCode::PROTOCOL_NOT_SUPPORTED, None),
                statuses: Vec::new(),
                next_message: false,
                end: Some(ServerEnd::ProtocolRefused),
                challenged: false,
            });
            return;
        }
        let verdict = self.verifier.as_mut().map(|verifier| verifier.check(&incoming.presented(), entropy));
        let mut draft = Draft {
            msg_ref: header.msg_id.clone().into_owned(),
            header: (StatusCode::OK, None),
            statuses: Vec::new(),
            next_message: !message.body.last_in_package,
            end: None,
            challenged: false,
        };
        if let Some(verdict) = verdict {
            if !verdict.is_accepted() {
                // Only statuses, one for each command, none of them executed (DM Security 1.2.1, challenges).
                for command in &message.body.commands {
                    if !matches!(command, Command::Status(_) | Command::Results(_)) {
                        draft.reply(command, verdict.code);
                    }
                }
                draft.end = verdict.exhausted.then_some(ServerEnd::DeviceRefused);
                draft.challenged = !verdict.exhausted;
                draft.next_message = false;
                draft.header = (verdict.code, verdict.chal);
                self.state = State::Answering(draft);
                return;
            }
            if let Some(nonce) = verdict.store {
                self.persist(Record::DeviceNonce(nonce));
            }
            draft.header = (verdict.code, verdict.chal);
        }
        if !self.authenticated {
            self.authenticated = true;
            self.event(ServerEvent::Authenticated);
        }
        for command in &message.body.commands {
            self.command(command, &mut draft);
        }
        if message.body.last_in_package && !draft.challenged {
            for (handle, end) in self.ledger.settle() {
                self.event(end_of(handle, end));
            }
        }
        self.state = State::Answering(draft);
    }

    /// One command of a message the device may send.
    fn command(&mut self, command: &Command<'_>, draft: &mut Draft) {
        match command {
            Command::Status(status) if status.cmd_ref == CmdRef::SYNC_HDR => {
                self.header_status(status, draft)
            }
            Command::Status(status) => {
                self.ledger.status(status);
            }
            // A Results that was taken in has no Status (RepPro 1.2.2, Results).
            Command::Results(results) => {
                if !self.ledger.results(results) {
                    draft.reply(command, StatusCode::BAD_REQUEST);
                }
            }
            command if command.lacks_cmd_id() => draft.reply(command, StatusCode::BAD_REQUEST),
            Command::Alert(alert) => {
                let code = self.alert(alert, draft);
                draft.reply(command, code);
            }
            Command::Replace(replace) if replace.items.iter().all(is_dev_info) => {
                let items: Vec<_> = replace.items.iter().cloned().map(Item::into_owned).collect();
                self.event(ServerEvent::DevInfo(items));
                draft.reply(command, StatusCode::OK);
            }
            // A client may send nothing else (DM Protocol 1.2.1, commands).
            Command::Unknown(_) => draft.reply(command, StatusCode::BAD_REQUEST),
            _ => draft.reply(command, StatusCode::NOT_ALLOWED),
        }
    }

    fn alert(&mut self, alert: &Alert<'_>, draft: &mut Draft) -> StatusCode {
        match alert.code {
            Some(code @ (AlertCode::SERVER_INITIATED | AlertCode::CLIENT_INITIATED)) => {
                if !self.started {
                    self.started = true;
                    self.event(ServerEvent::Started(code));
                }
                StatusCode::OK
            }
            Some(AlertCode::GENERIC_ALERT | AlertCode::CLIENT_EVENT) => {
                self.event(ServerEvent::Alert(alert.clone().into_owned()));
                StatusCode::OK
            }
            Some(AlertCode::SESSION_ABORT) => {
                draft.end = Some(ServerEnd::Aborted);
                StatusCode::OK
            }
            Some(AlertCode::NEXT_MESSAGE) => StatusCode::OK,
            Some(_) => StatusCode::NOT_SUPPORTED,
            None => StatusCode::INCOMPLETE_COMMAND,
        }
    }

    /// What the device says of our header: of our credentials, that is.
    fn header_status(&mut self, status: &Status<'_>, draft: &mut Draft) {
        // Only the header of our last message is of interest; older ones have been answered.
        if status.msg_ref.as_number() != Some(self.msg_id) {
            return;
        }
        match self.prover.handle_status(status.code, status.chal.as_deref()) {
            Proof::Accepted { next_nonce: Some(nonce) } => self.persist(Record::ServerNonce(nonce)),
            Proof::Accepted { next_nonce: None } => {}
            Proof::Challenged => {
                self.ledger.requeue();
                draft.challenged = true;
            }
            Proof::Refused => draft.end = Some(ServerEnd::ServerRefused),
            Proof::Failed(code) => draft.end = Some(ServerEnd::HeaderRefused(code)),
        }
    }

    /// Makes the answer: statuses first, then as many commands as fit, all with Final (DM Protocol 1.2.1, packages 2 and 4).
    fn answer(&mut self, draft: Draft) {
        let Some(letterhead) = &self.letterhead else { return };
        self.msg_id = self.msg_id.saturating_add(1);
        // A stranger learns nothing of our credentials.
        let prover = self.authenticated.then_some(&mut self.prover);
        let mut composer = Composer::new(letterhead, self.msg_id, prover);
        let (code, chal) = draft.header;
        composer.header_status(&draft.msg_ref, code, chal);
        for reply in draft.statuses {
            let status = Status::new(
                composer.next_cmd_id(),
                draft.msg_ref.clone(),
                reply.cmd_ref,
                reply.cmd,
                reply.code,
            );
            composer.push(status.into());
        }
        let mut end = draft.end;
        if draft.next_message && end.is_none() {
            let alert = Alert::new(composer.next_cmd_id(), AlertCode::NEXT_MESSAGE);
            composer.push(alert.into());
        } else if end.is_none() && self.authenticated {
            let sent = self.send_commands(&mut composer);
            if sent == 0 && !draft.challenged {
                end = Some(ServerEnd::Completed);
            }
        }
        let encoding = composer.encoding();
        let body = composer.finish(!draft.next_message || end.is_some());
        let hmac = if self.authenticated { self.prover.sign(&body) } else { None };
        let message = Outgoing::new(encoding, body, hmac);
        if let Some(end) = end {
            self.end(end);
        }
        self.state = State::Replying { message, end: end.is_some() };
    }

    fn send_commands(&mut self, composer: &mut Composer) -> usize {
        let limit =
            self.peer_max_msg_size.map_or(usize::MAX, |size| usize::try_from(size).unwrap_or(usize::MAX));
        let mut sent = 0;
        while self.ledger.has_queued() {
            let Some((handle, command)) = self.ledger.next_queued(&mut || composer.next_cmd_id()) else {
                break;
            };
            if composer.size() + command.encoded_len(composer.encoding()) > limit {
                if sent > 0 {
                    self.ledger.put_back(handle, command);
                    break;
                }
                self.event(ServerEvent::GivenUp(handle, GivenUp::TooLarge));
                continue;
            }
            self.ledger.sent(self.msg_id, handle, &command);
            composer.push(command);
            sent += 1;
        }
        sent
    }

    /// The session is over without an answer.
    fn close(&mut self, end: ServerEnd) {
        self.end(end);
        self.say_closed();
    }

    fn end(&mut self, end: ServerEnd) {
        for (handle, given_up) in self.ledger.give_up() {
            self.event(end_of(handle, given_up));
        }
        self.event(ServerEvent::Ended(end));
    }

    fn say_closed(&mut self) {
        self.state = State::Closed;
        self.deadline = None;
        self.events.push_back(ServerOutput::Closed);
    }
}

impl Draft {
    /// Adds a Status for a command. One whose CmdID nobody can tell is answered with an empty reference, as Windows does.
    fn reply(&mut self, command: &Command<'_>, code: StatusCode) {
        let cmd_ref = command.cmd_ref();
        let Some(cmd) = command.name() else { return };
        self.statuses.push(Reply { cmd, cmd_ref, code });
    }
}

/// Whether an item is a leaf of `./DevInfo`, which is all that a client may replace (DM Protocol 1.2.1, package 1).
fn is_dev_info(item: &Item<'_>) -> bool {
    let uri = item.source_uri().map_or("", |uri| uri.as_str());
    uri.strip_prefix("./").unwrap_or(uri).starts_with("DevInfo/")
}

fn end_of(handle: CommandHandle, end: Result<Answer, GivenUp>) -> ServerEvent {
    match end {
        Ok(answer) => ServerEvent::Answered(handle, answer),
        Err(given_up) => ServerEvent::GivenUp(handle, given_up),
    }
}
