//! The server's side of a session.

mod answering;
mod authenticating;
mod config;
mod dispatching;
mod output;
mod profile;
mod receiving;
#[cfg(feature = "serde")]
mod snapshot;
mod states;

pub use config::{Account, ServerConfig};
pub use output::{AlertHandle, DeviceInfo, ServerEnd, ServerEvent, ServerOutput};
pub use profile::DeviceProfile;
#[cfg(feature = "serde")]
pub use snapshot::ServerSnapshot;

use alloc::collections::VecDeque;

use crate::auth::Nonce;
use crate::codes::{AlertCode, StatusCode};
use crate::journal::RecordSeq;
use crate::model::{Command, Data, Item};
use crate::time::Instant;

use super::capabilities::{Capabilities, Feature};
use super::composer::Letterhead;
use super::incoming::Incoming;
use super::interaction::Interaction;
use super::large_object::{Announcement, Assembler, PartialObjects};
use super::ledger::{CommandHandle, Fate, Ledger, UNNUMBERED};
use super::outgoing::Outgoing;
use super::unstored::Unstored;
use super::{Misuse, PeerError, Record, SessionError};
use answering::Draft;
use authenticating::Proving;
use dispatching::{Cutting, check_offer};
use states::{Action, Input, Phase, transition};

/// The server's side of one session: takes the device's messages, sends queued commands, tells what became of them.
///
/// How to drive it: decode the request with [`Incoming::decode`], find the session by [`Incoming::key`] (a new one for
/// [`Incoming::is_first`], with the account of the device it names, or none), hand it over with
/// [`handle_message`](Self::handle_message), then drain.
///
/// Every command that is queued has one handle and ends exactly once: [`Answered`](ServerEvent::Answered),
/// [`Responded`](ServerEvent::Responded) or [`GivenUp`](ServerEvent::GivenUp). Commands go out in their order, as many with each message
/// as the device's MaxMsgSize has room for; one that is too large for a message is divided at its items, and one item that is too large
/// goes out as a large object. Nothing that may have been executed is sent again.
///
/// A server package without commands ends the session (DM Protocol 1.2.1, packages 2 and 4). The machine stays for
/// [`ServerConfig::idle`] to answer a repetition of the device's last message from memory.
///
/// # States
///
#[doc = include_str!("server/states.md")]
#[derive(Clone, Debug)]
pub struct ServerSession {
    config: ServerConfig,
    proving: Proving,
    letterhead: Option<Letterhead>,
    /// The largest message and the largest object the device takes.
    peer_max_msg_size: Option<u64>,
    peer_max_obj_size: Option<u64>,
    ledger: Ledger,
    /// Statuses, and Alerts 1225, that have found no room yet.
    owed: VecDeque<Command<'static>>,
    /// The large object that is going out.
    cutting: Option<Cutting>,
    /// The large object that is coming in.
    assembler: Assembler,
    /// What the device can go on with, if it has announced that it can.
    peer_resumes: Option<Announcement>,
    /// What the device has said that it can do.
    capabilities: Capabilities,
    /// Our last message said that we can, and the device has taken one that did.
    resume_telling: bool,
    resume_told: bool,
    /// Our package has not had its Final.
    package_open: bool,
    /// The caller wants the session aborted.
    aborting: bool,
    state: State,
    /// The device's last message and our answer to it.
    last: Option<Exchange>,
    /// Tells a late copy of the device's first message from a new beginning.
    first: Option<[u8; 16]>,
    msg_id: u32,
    started: bool,
    now: Instant,
    deadline: Option<Instant>,
    events: VecDeque<ServerOutput>,
    unstored: Unstored,
}

/// Each variant is a [`Phase`].
#[derive(Clone, Debug)]
enum State {
    Waiting,
    Answering(Draft),
    Replying { message: Outgoing, end: bool },
    Lingering,
    Closed,
}

impl State {
    const fn phase(&self) -> Phase {
        match self {
            Self::Waiting => Phase::Waiting,
            Self::Answering(_) => Phase::Answering,
            Self::Replying { end: false, .. } => Phase::Replying,
            Self::Replying { end: true, .. } => Phase::Concluding,
            Self::Lingering => Phase::Lingering,
            Self::Closed => Phase::Closed,
        }
    }
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
        let mut assembler = Assembler::new(config.max_obj_size);
        if config.resume {
            assembler.keep(now, "", PartialObjects::new());
        }
        Self {
            proving: Proving::new(&config, account),
            letterhead: None,
            peer_max_msg_size: None,
            peer_max_obj_size: None,
            ledger: Ledger::default(),
            owed: VecDeque::new(),
            cutting: None,
            assembler,
            peer_resumes: None,
            capabilities: Capabilities::new(),
            resume_telling: false,
            resume_told: false,
            package_open: false,
            aborting: false,
            state: State::Waiting,
            last: None,
            first: None,
            msg_id: 0,
            started: false,
            now,
            deadline: Some(now + config.idle),
            events: VecDeque::new(),
            unstored: Unstored::default(),
            config,
        }
    }

    /// Withholds the challenge from a device whose credentials are missing or wrong, as a [`Lockout`](super::Lockout) advises: the session
    /// ends at once. A device whose nonce is in step does not notice.
    #[must_use]
    pub const fn without_challenge(mut self) -> Self {
        self.proving.withhold_challenge();
        self
    }

    /// Gives the session what former ones with this device have kept of large objects that have no end. Without effect unless
    /// [`ServerConfig::resume`] is set.
    #[must_use]
    pub fn with_partial_objects(mut self, objects: PartialObjects) -> Self {
        if self.config.resume {
            let peer = self.letterhead.as_ref().map(|letterhead| letterhead.peer.as_str());
            self.assembler.keep(self.now, peer.unwrap_or_default(), objects);
        }
        self
    }

    /// What is there of large objects that have no end, that of the one under way included: for the next session with this device. Nothing
    /// unless [`ServerConfig::resume`] is set.
    #[must_use]
    pub fn partial_objects(&self) -> PartialObjects {
        self.assembler.kept()
    }

    /// Queues a command; it goes out when the device may take commands, with an id the session gives it and its members.
    ///
    /// # Errors
    /// [`Misuse::Ended`] after the end; [`Misuse::Command`] for Status, Results, unknown elements and alerts other than user interaction;
    /// [`Misuse::Nesting`] for a command without items and for a container whose members it must not have (DM Protocol 1.2.1, Atomic and
    /// Sequence); [`Misuse::NotOffered`] for what the device has said it cannot do ([`capabilities`](Self::capabilities)). Where the same can
    /// be said otherwise, it is: an Atomic with one item goes to a device without Atomic as that command alone, and so does the only member
    /// of a Sequence; its answer is the member's then, numbered 0.
    pub fn queue(&mut self, command: impl Into<Command<'static>>) -> Result<CommandHandle, Misuse> {
        self.admit()?;
        let mut command = self.capabilities.rewrite(command.into());
        check_offer(&command, &self.config.profile, &self.capabilities)?;
        if !self.config.profile.correlator {
            dispatching::strip_correlators(&mut command);
        }
        self.strip_media(&mut command);
        if let Some(feature) = self.capabilities.missing(&command) {
            return Err(Misuse::NotOffered(feature));
        }
        if self.capabilities.lacks(Feature::LargeObjects) && self.is_larger_than_a_message(&command) {
            return Err(Misuse::NotOffered(Feature::LargeObjects));
        }
        Ok(self.ledger.queue(command))
    }

    /// Whether an item of the command alone is more than the device takes in one message.
    fn is_larger_than_a_message(&self, command: &Command<'_>) -> bool {
        let Some(limit) = self.peer_max_msg_size.or(self.capabilities.max_msg_size()) else { return false };
        let octets = |item: &Item<'_>| item.data.as_ref().and_then(Data::as_octets).map_or(0, <[u8]>::len);
        command.items().iter().any(|item| octets(item) as u64 >= limit)
            || command.members().iter().any(|member| self.is_larger_than_a_message(member))
    }

    /// What the device can do, as far as known: what package 1 brought, what was [given](Self::with_capabilities) and
    /// [learnt](Self::learn).
    #[must_use]
    pub const fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Gives the session what is known of the device from before. What the device says in this session counts for more.
    #[must_use]
    pub fn with_capabilities(mut self, known: Capabilities) -> Self {
        self.capabilities = self.capabilities.over(&known);
        self
    }

    /// Tells the session what the device has said of itself, in an answer ([`Capabilities::read`]). Commands that are queued already, and
    /// that the device cannot do, are given up as not offered when their turn comes.
    pub fn learn(&mut self, said: &Capabilities) {
        self.capabilities = said.over(&self.capabilities);
    }

    /// Asks the user of the device; the answer comes as [`ServerEvent::Responded`]. [Media](super::InteractionMedia) go along when the device
    /// has said that it shows their type and there is room for them; the text always goes.
    ///
    /// # Errors
    /// [`Misuse::Ended`] after the end; [`Misuse::NotOffered`] when the device has said that it cannot ask so.
    pub fn ask(&mut self, interaction: &Interaction) -> Result<CommandHandle, Misuse> {
        self.queue(interaction.to_alert(UNNUMBERED))
    }

    /// Takes back a command of which nothing has gone out; it is told as given up, not sent.
    ///
    /// # Errors
    /// [`Misuse::UnknownHandle`] when something of it has gone out, or it has ended.
    pub fn withdraw(&mut self, handle: CommandHandle) -> Result<(), Misuse> {
        let end = self.ledger.withdraw(handle).ok_or(Misuse::UnknownHandle)?;
        self.tell([end]);
        Ok(())
    }

    /// Aborts the session (Alert 1223) with the next answer; nothing that is queued goes out any more.
    ///
    /// # Errors
    /// [`Misuse::Ended`] after the end.
    pub fn abort(&mut self) -> Result<(), Misuse> {
        self.admit()?;
        self.aborting = true;
        Ok(())
    }

    fn admit(&self) -> Result<(), Misuse> {
        match transition(self.state.phase(), Input::Command).action {
            Action::Enqueue => Ok(()),
            _ => Err(Misuse::Ended),
        }
    }

    /// Answers an alert of the device with another code than 200: 406 or 415 for one that the application does not know, 202 for one it
    /// will see to later. It must be called while the events of its message are drained.
    ///
    /// # Errors
    /// [`Misuse::UnknownHandle`] when that message has been answered.
    pub fn answer_alert(&mut self, alert: AlertHandle, code: StatusCode) -> Result<(), Misuse> {
        let State::Answering(draft) = &mut self.state else { return Err(Misuse::UnknownHandle) };
        let due = self.last.as_ref().is_some_and(|last| last.msg_id == alert.msg_id);
        let status = draft.statuses.get_mut(alert.index).filter(|_| due).ok_or(Misuse::UnknownHandle)?;
        status.code = code;
        Ok(())
    }

    /// Takes the device's next message, or a repetition of its last. `entropy` is what a nonce is made of, should one be needed; it must be
    /// fresh and unpredictable in each call.
    ///
    /// # Errors
    /// [`SessionError::Peer`] for a message that is not this session's next; the session goes on as if it had not come.
    /// [`PeerError::Restart`] among them asks for a new machine; when that one's device has proved itself, tell this one by
    /// [`handle_restarted`](Self::handle_restarted).
    /// [`SessionError::Misuse`] when the answer to the message before has not been drained, or the session has ended.
    pub fn handle_message(
        &mut self,
        now: Instant,
        incoming: &Incoming<'_>,
        entropy: [u8; Nonce::LEN],
    ) -> Result<(), SessionError> {
        self.advance(now);
        let header = &incoming.message.header;
        if let Some(letterhead) = &self.letterhead
            && (letterhead.session_id.as_str() != header.session_id.as_str()
                || letterhead.peer.as_str() != header.source.loc_uri.as_str())
        {
            return Err(PeerError::OtherSession.into());
        }
        let got = header.msg_id.as_number().unwrap_or(0);
        let expected = self.last.as_ref().map_or(1, |last| last.msg_id.saturating_add(1));
        let input = match &self.last {
            Some(last) if last.msg_id == got && last.fingerprint == incoming.fingerprint => Input::Repetition,
            Some(_) if got == 1 && self.first != Some(incoming.fingerprint) => Input::Restart,
            _ if got == expected => Input::Next,
            _ => Input::OutOfOrder,
        };
        match transition(self.state.phase(), input).action {
            Action::TakeIn => {
                incoming.check_commands(self.config.max_commands)?;
                // A device that asks for nothing but more statuses has had its say.
                if self.owed.len() > self.config.max_commands.saturating_mul(2) {
                    return Err(PeerError::TooManyCommands(self.config.max_commands).into());
                }
                self.take_in(incoming, got, entropy);
                self.deadline = Some(self.now + self.config.idle);
                Ok(())
            }
            // The answer was lost: the same message has the same answer, and nothing is done twice.
            Action::Repeat => {
                let reply = self.last.as_ref().and_then(|last| last.reply.clone());
                self.events.extend(reply.map(ServerOutput::Reply));
                Ok(())
            }
            Action::RefuseRestart => Err(PeerError::Restart.into()),
            Action::RefuseOrder => Err(PeerError::OutOfOrder { expected, got }.into()),
            Action::NotWaiting => Err(Misuse::NotWaiting.into()),
            _ => Err(Misuse::Ended.into()),
        }
    }

    /// The record has been stored.
    pub fn handle_persisted(&mut self, now: Instant, seq: RecordSeq) {
        self.advance(now);
        self.unstored.stored(seq);
    }

    /// The device has begun anew under the same id, in another machine, and proved itself there: this session is dead. What was sent is
    /// given up as unanswered, what was not as not sent.
    pub fn handle_restarted(&mut self, now: Instant) {
        self.advance(now);
        match self.state.phase() {
            Phase::Closed => {}
            Phase::Lingering => self.say_closed(),
            _ => self.close(ServerEnd::Restarted),
        }
    }

    /// Time has passed. Calling it early or late does no harm.
    pub fn handle_tick(&mut self, now: Instant) {
        self.advance(now);
        if self.deadline.is_none_or(|deadline| deadline > self.now) {
            return;
        }
        match transition(self.state.phase(), Input::Deadline).action {
            Action::GiveUp => self.close(ServerEnd::TimedOut),
            Action::Close => self.say_closed(),
            _ => {}
        }
    }

    /// What is to be done next; call until it says [`ServerOutput::Wait`].
    pub fn poll_output(&mut self) -> ServerOutput {
        loop {
            if let Some(output) = self.events.pop_front() {
                return output;
            }
            if self.unstored.waits() {
                return ServerOutput::Wait(self.deadline);
            }
            let action = transition(self.state.phase(), Input::Drained).action;
            match (action, core::mem::replace(&mut self.state, State::Closed)) {
                // Making the answer may tell of commands that go out, or cannot, or of the end.
                (Action::Compose, State::Answering(draft)) => self.state = self.answer(draft),
                (Action::Reply, State::Replying { message, end }) => {
                    self.state = if end { State::Lingering } else { State::Waiting };
                    self.deadline = Some(self.now + self.config.idle);
                    if let Some(last) = &mut self.last {
                        last.reply = Some(message.clone());
                    }
                    return ServerOutput::Reply(message);
                }
                (_, state) => {
                    self.state = state;
                    // There may be many sessions, and nearly all of them wait.
                    self.events.shrink_to_fit();
                    self.ledger.shrink();
                    return ServerOutput::Wait(self.deadline);
                }
            }
        }
    }

    /// Whether the session is over, though it may still repeat its last answer.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.state.phase(), Phase::Lingering | Phase::Closed)
    }

    /// Whether the device has proved itself.
    #[must_use]
    pub const fn is_authenticated(&self) -> bool {
        self.proving.is_authenticated()
    }

    /// Where a command stands; `None` when it has ended.
    #[must_use]
    pub fn stage(&self, handle: CommandHandle) -> Option<CommandStage> {
        let open = self.ledger.is_open(handle);
        open.then(|| if self.ledger.is_unsent(handle) { CommandStage::Queued } else { CommandStage::Sent })
    }

    /// Clocks that step back do no harm.
    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.assembler.advance(self.now);
    }

    fn event(&mut self, event: ServerEvent) {
        self.events.push_back(ServerOutput::Event(event));
    }

    fn persist(&mut self, record: Record) {
        let seq = self.unstored.number();
        self.events.push_back(ServerOutput::Persist(seq, record));
    }

    fn tell(&mut self, ends: impl IntoIterator<Item = (CommandHandle, Fate)>) {
        for (handle, fate) in ends {
            self.event(match fate {
                Fate::Answered(answer) => ServerEvent::Answered(handle, answer),
                Fate::Responded(response) => ServerEvent::Responded(handle, response),
                Fate::GivenUp(why) => ServerEvent::GivenUp(handle, why),
            });
        }
    }

    /// The session is over without an answer.
    fn close(&mut self, end: ServerEnd) {
        self.end(end);
        self.say_closed();
    }

    fn end(&mut self, end: ServerEnd) {
        self.cutting = None;
        let unsaid = self.owed.iter().filter(|owed| matches!(owed, Command::Status(_))).count();
        self.owed.clear();
        if unsaid > 0 {
            self.event(ServerEvent::Unsaid(unsaid));
        }
        let ends = self.ledger.give_up();
        self.tell(ends);
        self.event(ServerEvent::Ended(end));
    }

    fn say_closed(&mut self) {
        self.state = State::Closed;
        self.deadline = None;
        self.events.push_back(ServerOutput::Closed);
    }
}

/// Where a command stands that has not ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CommandStage {
    /// Nothing of it has gone out.
    Queued,
    /// It, or a part of it, has gone out.
    Sent,
}

/// Whether an alert begins a session.
const fn begins(code: AlertCode) -> bool {
    matches!(code, AlertCode::SERVER_INITIATED | AlertCode::CLIENT_INITIATED)
}
