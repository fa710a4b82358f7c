//! Proxy mode: what a session with a server and a session with a device have to do with each other.

mod answer;
mod config;
mod record;
mod restoring;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::fmt;

use dm_syncml::{Instant, Journal, RecordSeq};
use dm_tree::ServerId;

use crate::Serial;
use record::Entry;

pub use answer::DeviceAnswer;
pub use config::{ProxyConfig, ProxyError, ProxyErrorKind};
pub use record::{CommandState, ProxyRecord, ProxyRestoreError, ProxySnapshot};

/// Numbers the relations of a proxy, from 1; never given again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RelationNo(u64);

impl RelationNo {
    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for RelationNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "relation {}", self.0)
    }
}

/// What a server wants done on a device, in its session with the gateway.
///
/// The commands themselves stay with the caller, who knows them by relation and index. Nothing here is ever sent to
/// the device: its session has a SessionID, CmdIDs and nonces of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ProxyRequest {
    server: ServerId,
    upstream: u64,
    device: Serial,
    /// Whether each may be repeated when its answer is lost.
    repeatable: Vec<bool>,
}

impl ProxyRequest {
    /// Commands of a server for a device: for each of them, whether it may be delivered again when its answer is
    /// lost. `upstream` is what the caller calls the server's wish; asking again under it asks once.
    #[must_use]
    pub fn new(
        server: ServerId,
        upstream: u64,
        device: Serial,
        repeatable: impl IntoIterator<Item = bool>,
    ) -> Self {
        Self { server, upstream, device, repeatable: repeatable.into_iter().collect() }
    }

    /// The server.
    #[must_use]
    pub const fn server(&self) -> &ServerId {
        &self.server
    }

    /// The device.
    #[must_use]
    pub const fn device(&self) -> Serial {
        self.device
    }
}

/// A session with a device, by whatever number the caller gave it, never one twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DownstreamSession(u64);

impl DownstreamSession {
    /// The session with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }
}

/// What a proxy wants done or known.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ProxyOutput {
    /// Store this, then report with [`Proxy::handle_persisted`].
    Persist(RecordSeq, ProxyRecord),
    /// Notify the device, so that it opens a session.
    Notify {
        /// For which relation.
        relation: RelationNo,
        /// The device.
        device: Serial,
        /// How often, this time included.
        attempt: u16,
    },
    /// Send this command in the session with the device, and report what comes of it with [`Proxy::handle_answer`].
    Deliver {
        /// Of which relation.
        relation: RelationNo,
        /// Which of its commands.
        command: u16,
        /// Where.
        session: DownstreamSession,
    },
    /// Everything is answered that ever will be: tell the server, who then asks for [`Proxy::commands`].
    Done {
        /// Which relation.
        relation: RelationNo,
        /// Whose it is.
        server: ServerId,
    },
    /// Nothing else is due before this time, or before the next input if there is none. Always the last output.
    Wait(Option<Instant>),
}

/// The relations between what servers want and sessions with devices (GwMO-PMoDe-001, use case B.3): the gateway is a
/// client to the server and a server to the device, and the device's answers are kept until the server takes them.
///
/// ```
/// use dm_syncml::{Instant, StatusCode};
/// use dm_tree::ServerId;
/// use gwmo_model::{
///     CommandState, DeviceAnswer, DownstreamSession, Proxy, ProxyConfig, ProxyOutput, ProxyRequest, Serial,
/// };
///
/// let (now, camera) = (Instant::EPOCH, Serial::FIRST);
/// let mut proxy = Proxy::new(ProxyConfig::default());
/// let relation = proxy.handle_request(now, ProxyRequest::new(ServerId::new("dms")?, 1, camera, [true]))?;
/// let mut is_done = false;
/// while !is_done {
///     match proxy.poll_output() {
///         ProxyOutput::Persist(seq, _) => proxy.handle_persisted(now, seq), // once it is stored
///         // The device opens a session, and is sent the command.
///         ProxyOutput::Notify { device, .. } => proxy.handle_session_opened(now, device, DownstreamSession::new(9)),
///         ProxyOutput::Deliver { relation, command, session } => {
///             proxy.handle_answer(now, session, relation, command, DeviceAnswer::new(StatusCode::OK));
///         }
///         ProxyOutput::Done { .. } => is_done = true,
///         _ => {}
///     }
/// }
/// assert_eq!(proxy.commands(relation), [CommandState::Answered(DeviceAnswer::new(StatusCode::OK))]);
/// proxy.handle_collected(now, relation);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Proxy {
    config: ProxyConfig,
    next: u64,
    relations: BTreeMap<RelationNo, Relation>,
    by_request: BTreeMap<(ServerId, u64), RelationNo>,
    by_device: BTreeSet<(Serial, RelationNo)>,
    sessions: BTreeMap<Serial, DownstreamSession>,
    deadlines: BTreeSet<(Instant, RelationNo)>,
    journal: Journal<ProxyRecord, Effect>,
}

#[derive(Debug)]
struct Relation {
    request: ProxyRequest,
    commands: Vec<CommandState>,
    /// How often the device was notified.
    attempt: u16,
    /// Until the device's session, or as long as the answers are kept.
    deadline: Option<Instant>,
}

#[derive(Debug)]
enum Effect {
    Notify(RelationNo, u16),
    Deliver(RelationNo, u16, DownstreamSession),
    Done(RelationNo),
}

impl Relation {
    fn is_done(&self) -> bool {
        self.commands.iter().all(CommandState::is_final)
    }
}

impl Proxy {
    /// No relations yet.
    #[must_use]
    pub const fn new(config: ProxyConfig) -> Self {
        Self {
            config,
            next: 1,
            relations: BTreeMap::new(),
            by_request: BTreeMap::new(),
            by_device: BTreeSet::new(),
            sessions: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            journal: Journal::new(),
        }
    }

    /// A server wants something done on a device, which is notified unless it is in session. Asked again, the relation
    /// there is.
    ///
    /// # Errors
    ///
    /// When there is no command in it, or too much.
    pub fn handle_request(&mut self, now: Instant, request: ProxyRequest) -> Result<RelationNo, ProxyError> {
        if let Some(known) = self.by_request.get(&(request.server.clone(), request.upstream)) {
            return Ok(*known);
        }
        let max = self.config.max_commands;
        match request.repeatable.len() {
            0 => return Err(ProxyErrorKind::NoCommand.into()),
            all if all > usize::from(max) => return Err(ProxyErrorKind::TooManyCommands { max }.into()),
            _ => {}
        }
        let device = request.device;
        if self.relations.len() >= self.config.max_relations
            || self.of_device(device).count() >= self.config.max_per_device
        {
            return Err(ProxyErrorKind::TooManyRelations.into());
        }
        let relation = RelationNo(self.next);
        self.step(now, Entry::Related { relation, request });
        match self.sessions.get(&device) {
            Some(&session) => self.deliver(now, relation, session),
            None => self.notify(now, relation),
        }
        Ok(relation)
    }

    /// A session with a device has begun, and the device has proved itself: what waits for it is delivered, in the
    /// order in which it was asked for.
    pub fn handle_session_opened(&mut self, now: Instant, device: Serial, session: DownstreamSession) {
        if self.sessions.get(&device) == Some(&session) {
            return;
        }
        if let Some(former) = self.sessions.get(&device).copied() {
            self.handle_session_closed(now, device, former);
        }
        self.sessions.insert(device, session);
        let relations: Vec<_> = self.of_device(device).collect();
        relations.into_iter().for_each(|relation| self.deliver(now, relation, session));
    }

    /// A session with a device is over, as its own timeout says at the latest. Commands without an answer are delivered
    /// in its next session if they may be repeated.
    pub fn handle_session_closed(&mut self, now: Instant, device: Serial, session: DownstreamSession) {
        if self.sessions.get(&device) != Some(&session) {
            return;
        }
        self.sessions.remove(&device);
        let relations: Vec<_> = self.of_device(device).collect();
        for relation in relations {
            let Some(known) = self.relations.get(&relation).filter(|known| !known.is_done()) else {
                continue;
            };
            if known.commands.contains(&CommandState::Delivered) {
                self.step(now, Entry::Interrupted { relation });
            }
            self.notify(now, relation);
        }
    }

    /// The device answered a command. An answer in another session than the one it was delivered in says nothing.
    pub fn handle_answer(
        &mut self,
        now: Instant,
        session: DownstreamSession,
        relation: RelationNo,
        command: u16,
        answer: DeviceAnswer,
    ) {
        let Some(known) = self.relations.get(&relation) else { return };
        let is_current = self.sessions.get(&known.request.device) == Some(&session);
        if !is_current || known.commands.get(usize::from(command)) != Some(&CommandState::Delivered) {
            return;
        }
        self.step(now, Entry::Answered { relation, command, answer });
        self.say_done(relation);
    }

    /// The server has taken the answers, or does not want them any more.
    pub fn handle_collected(&mut self, now: Instant, relation: RelationNo) {
        if self.relations.contains_key(&relation) {
            self.step(now, Entry::Removed { relation });
        }
    }

    /// Everything up to this record is stored.
    pub fn handle_persisted(&mut self, _now: Instant, seq: RecordSeq) {
        self.journal.persisted(seq);
    }

    /// Time went on.
    pub fn handle_tick(&mut self, now: Instant) {
        while let Some(&(_, relation)) = self.deadlines.first().filter(|(at, _)| *at <= now) {
            if self.relations.get(&relation).is_none_or(Relation::is_done) {
                self.step(now, Entry::Removed { relation });
            } else {
                self.notify(now, relation);
            }
        }
    }

    /// What is to be done next. Drain it after every input, until it gives [`ProxyOutput::Wait`].
    pub fn poll_output(&mut self) -> ProxyOutput {
        if let Some((seq, record)) = self.journal.next_record() {
            return ProxyOutput::Persist(seq, record);
        }
        while let Some(effect) = self.journal.next_released() {
            let (Effect::Notify(relation, _) | Effect::Deliver(relation, ..) | Effect::Done(relation)) =
                effect;
            let Some(known) = self.relations.get(&relation) else { continue };
            let device = known.request.device;
            let current = self.sessions.get(&device);
            match effect {
                Effect::Notify(_, attempt) if current.is_none() && known.attempt == attempt => {
                    return ProxyOutput::Notify { relation, device, attempt };
                }
                Effect::Deliver(_, command, session) if current == Some(&session) => {
                    return ProxyOutput::Deliver { relation, command, session };
                }
                Effect::Done(_) => {
                    return ProxyOutput::Done { relation, server: known.request.server.clone() };
                }
                // It is overtaken by what came since.
                Effect::Notify(..) | Effect::Deliver(..) => {}
            }
        }
        ProxyOutput::Wait(self.deadlines.first().map(|&(at, _)| at))
    }

    /// How the commands of a relation stand, in their order; none if there is no such relation.
    #[must_use]
    pub fn commands(&self, relation: RelationNo) -> &[CommandState] {
        self.relations.get(&relation).map_or(&[], |known| &known.commands)
    }

    /// The relation of a server's wish.
    #[must_use]
    pub fn relation(&self, server: &ServerId, upstream: u64) -> Option<RelationNo> {
        self.by_request.get(&(server.clone(), upstream)).copied()
    }

    fn of_device(&self, device: Serial) -> impl Iterator<Item = RelationNo> {
        let all = (device, RelationNo(0))..=(device, RelationNo(u64::MAX));
        self.by_device.range(all).map(|&(_, relation)| relation)
    }

    fn notify(&mut self, now: Instant, relation: RelationNo) {
        let Some(known) = self.relations.get(&relation) else { return };
        if known.is_done() {
            return self.say_done(relation);
        }
        if known.attempt > self.config.retries {
            self.step(now, Entry::GivenUp { relation });
            return self.say_done(relation);
        }
        let attempt = known.attempt.saturating_add(1);
        self.step(now, Entry::Notified { relation, attempt });
        self.journal.hold(Effect::Notify(relation, attempt));
    }

    fn deliver(&mut self, now: Instant, relation: RelationNo, session: DownstreamSession) {
        let Some(known) = self.relations.get(&relation) else { return };
        let waits = |(at, state): (usize, &CommandState)| {
            (*state == CommandState::Waiting).then_some(u16::try_from(at).unwrap_or(u16::MAX))
        };
        let commands: Vec<u16> = known.commands.iter().enumerate().filter_map(waits).collect();
        for command in commands {
            self.step(now, Entry::Delivered { relation, command });
            self.journal.hold(Effect::Deliver(relation, command, session));
        }
    }

    fn say_done(&mut self, relation: RelationNo) {
        if self.relations.get(&relation).is_some_and(Relation::is_done) {
            self.journal.hold(Effect::Done(relation));
        }
    }

    fn step(&mut self, now: Instant, entry: Entry) {
        self.journal.record(ProxyRecord(entry.clone()));
        self.apply(now, entry);
    }

    /// The step that a record tells of, in memory. What cannot be is passed over.
    fn apply(&mut self, now: Instant, entry: Entry) {
        let relation = match entry {
            Entry::Related { relation, request } => {
                let commands = request.repeatable.iter().map(|_| CommandState::Waiting).collect();
                return self.insert(relation, Relation { request, commands, attempt: 0, deadline: None });
            }
            Entry::Removed { relation } => return self.remove(relation),
            Entry::Notified { relation, attempt } => {
                if let Some(known) = self.relations.get_mut(&relation) {
                    known.attempt = attempt;
                }
                return self.schedule(relation, Some(now + self.config.t_notify));
            }
            Entry::Delivered { relation, command } => {
                self.set(relation, command, CommandState::Delivered);
                return self.schedule(relation, None);
            }
            Entry::Answered { relation, command, answer } => {
                self.set(relation, command, CommandState::Answered(answer));
                relation
            }
            Entry::Interrupted { relation } => {
                self.interrupt(relation);
                relation
            }
            Entry::GivenUp { relation } => {
                let Some(known) = self.relations.get_mut(&relation) else { return };
                for state in known.commands.iter_mut().filter(|state| !state.is_final()) {
                    *state = CommandState::NotDelivered;
                }
                relation
            }
        };
        if self.relations.get(&relation).is_some_and(Relation::is_done) {
            self.schedule(relation, Some(now + self.config.keep));
        }
    }

    fn set(&mut self, relation: RelationNo, command: u16, to: CommandState) {
        let state =
            self.relations.get_mut(&relation).and_then(|known| known.commands.get_mut(usize::from(command)));
        if let Some(state) = state.filter(|state| !state.is_final()) {
            *state = to;
        }
    }

    fn interrupt(&mut self, relation: RelationNo) {
        let Some(known) = self.relations.get_mut(&relation) else { return };
        for (state, repeatable) in known.commands.iter_mut().zip(&known.request.repeatable) {
            if *state == CommandState::Delivered {
                *state = if *repeatable { CommandState::Waiting } else { CommandState::Indeterminate };
            }
        }
    }

    fn schedule(&mut self, relation: RelationNo, at: Option<Instant>) {
        let Some(known) = self.relations.get_mut(&relation) else { return };
        if let Some(old) = core::mem::replace(&mut known.deadline, at) {
            self.deadlines.remove(&(old, relation));
        }
        if let Some(at) = at {
            self.deadlines.insert((at, relation));
        }
    }

    fn insert(&mut self, no: RelationNo, relation: Relation) {
        self.next = self.next.max(no.0.saturating_add(1));
        self.by_request.insert((relation.request.server.clone(), relation.request.upstream), no);
        self.by_device.insert((relation.request.device, no));
        if let Some(at) = relation.deadline {
            self.deadlines.insert((at, no));
        }
        self.relations.insert(no, relation);
    }

    fn remove(&mut self, no: RelationNo) {
        self.schedule(no, None);
        if let Some(gone) = self.relations.remove(&no) {
            self.by_device.remove(&(gone.request.device, no));
            self.by_request.remove(&(gone.request.server, gone.request.upstream));
        }
    }
}
