//! A message comes in, an answer goes out; commands wait for their device.
//!
//! For each message: the session's machine takes it, everything it wants is collected in [`Changes`], they are written in one commit, and
//! then, not before, the answer leaves and the changes are known to all. If the commit fails, the session is put back to what the store has
//! of it, and the device asks again.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use dm_syncml::http::{Client, Refusal, RefusalKind};
use dm_syncml::session::{
    Capabilities, Incoming, Lockout, LockoutPolicy, LockoutSnapshot, Misuse, Outgoing, PeerError, Record,
    ServerConfig, ServerEnd, ServerEvent, ServerOutput, ServerSession, SessionError, SessionKey,
};
use dm_syncml::{CmdId, Correlator, DecodeOptions, Encoding};
use tokio::sync::Notify;

use crate::clock::{Clock, entropy};
use crate::operator_api::Events;
use crate::store::{Batch, Store, StoreError};

use super::account::{Device, Learnt};
use super::changes::Changes;
use super::directory::{
    DEVICES, Directory, GROUPS, JOBS, Known, LEARNT, MAX_JOBS, META, PAST, Past, SESSIONS, WORK, session_key,
};
use super::gateway::{self, Reading};
use super::metrics::Metrics;
use super::sitting::{SavedSitting, Seat, Sitting};
use super::throttle::Throttle;
use super::vault::Vault;
use super::waking::Waking;
use super::work::{Found, Work, WorkState, pack};

/// The longest id of a device.
pub(super) const MAX_NAME: usize = 255;

/// Where who is locked out is kept.
const LOCKOUT: &str = "lockout";

/// What peers and operators may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Sessions at a time.
    pub(super) sessions: usize,
    /// Commands that wait for one device.
    pub(super) open_work: usize,
    /// Commands that have ended and are remembered.
    pub(super) ended_work: usize,
    /// Messages of one device from one address in a second, and at once.
    pub(super) per_second: f64,
    pub(super) burst: u32,
}

/// The server, without its sockets.
#[derive(Debug)]
pub struct Engine {
    pub(super) clock: Clock,
    pub(super) session: ServerConfig,
    pub(super) server_id: String,
    pub(super) limits: Limits,
    pub(super) store: Store,
    pub(super) vault: Vault,
    pub(super) events: Events,
    pub(super) metrics: Metrics,
    pub(super) waking: Waking,
    directory: Mutex<Directory>,
    throttle: Mutex<Throttle>,
    /// Work has changed.
    worked: Notify,
}

/// A command to be queued.
#[derive(Clone, Debug)]
pub(super) struct NewWork {
    pub(super) what: String,
    pub(super) command: dm_syncml::Command<'static>,
    pub(super) reading: Reading,
}

/// Why the operator cannot have something.
#[derive(Debug, thiserror::Error)]
pub(super) enum Denied {
    /// There is no such device.
    #[error("there is no device {0}")]
    NoDevice(String),
    /// There is already.
    #[error("there is a device {0} already")]
    Exists(String),
    /// There is no such command.
    #[error("there is no command {0}")]
    NoWork(u64),
    /// It is under way or over.
    #[error("command {0} is {1} and cannot be taken back")]
    TooLate(u64, &'static str),
    /// Too much waits already.
    #[error("{0} commands wait for the device already")]
    Full(usize),
    /// A value is none.
    #[error("{0}")]
    Value(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Unix seconds: for people, never for deadlines.
pub(super) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Engine {
    /// Takes up everything where the store has it.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub(super) async fn open(
        session: ServerConfig,
        server_id: String,
        limits: Limits,
        store: Store,
        vault: Vault,
        waking: Waking,
    ) -> Result<Arc<Self>, StoreError> {
        let engine = Arc::new(Self {
            clock: Clock::start(),
            session,
            server_id,
            limits,
            store,
            vault,
            events: Events::default(),
            metrics: Metrics::default(),
            waking,
            directory: Mutex::new(Directory::new()),
            throttle: Mutex::new(Throttle::new(limits.per_second, limits.burst)),
            worked: Notify::new(),
        });
        engine.load().await?;
        Ok(engine)
    }

    pub(super) fn directory(&self) -> MutexGuard<'_, Directory> {
        // A panic elsewhere has left it between two entries, and what is in it is in the store as well.
        self.directory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn load(&self) -> Result<(), StoreError> {
        let now = unix_now();
        let store = &self.store;
        if let Some(snapshot) = store.get::<LockoutSnapshot>(META, LOCKOUT)? {
            let restored = Lockout::restore(self.clock.now(), LockoutPolicy::DEFAULT, snapshot);
            match restored {
                Ok(lockout) => self.directory().lockout = lockout,
                Err(error) => tracing::warn!(%error, "who was locked out is not known any more"),
            }
        }
        let mut learnt: BTreeMap<Vec<u8>, Learnt> = store.all(LEARNT)?.into_iter().collect();
        let mut batch = Batch::new();
        {
            let mut directory = self.directory();
            for (key, device) in store.all::<Device>(DEVICES)? {
                let learnt = learnt.remove(&key).unwrap_or_default();
                directory.devices.insert(device.id.clone(), Known { device, learnt });
            }
            for (_, past) in store.all::<Past>(PAST)? {
                directory.next_sitting = directory.next_sitting.max(past.no + 1);
                directory.past.push_back(past);
            }
            let mut jobs: Vec<(Vec<u8>, super::directory::Job)> = store.all(JOBS)?;
            jobs.sort_by_key(|(_, job)| job.no);
            for (key, _) in jobs.drain(..jobs.len().saturating_sub(MAX_JOBS)) {
                batch.remove(JOBS, key);
            }
            for (_, job) in jobs {
                directory.next_job = directory.next_job.max(job.no + 1);
                directory.jobs.insert((job.owner.clone(), job.key.clone()), job);
            }
            for (_, group) in store.all::<super::directory::Group>(GROUPS)? {
                directory.groups.insert((group.gateway.clone(), group.id.clone()), group);
            }
        }
        let mut held = std::collections::BTreeSet::new();
        for (key, saved) in store.all::<SavedSitting>(SESSIONS)? {
            let no = {
                let mut directory = self.directory();
                let no = directory.next_sitting;
                directory.next_sitting += 1;
                no
            };
            let (peer, session_id) = (saved.peer.clone(), saved.session_id.clone());
            match self.restore(no, saved) {
                Ok(sitting) => {
                    held.extend(sitting.work.values().copied());
                    let mut changes = Changes::default();
                    changes.keep(&sitting, None);
                    let seat = self.directory().seat(&peer);
                    seat.lock().await.insert(sitting);
                    changes.apply(self, &mut self.directory(), self.limits.ended_work);
                }
                Err(error) => {
                    // What it had sent is answered for below, as of a session that broke off.
                    tracing::warn!(peer, session_id, %error, "a session cannot go on");
                    batch.remove(SESSIONS, key);
                }
            }
        }
        let mut awaited = std::collections::BTreeSet::new();
        {
            let mut directory = self.directory();
            let mut all: Vec<Work> = store.all::<Work>(WORK)?.into_iter().map(|(_, work)| work).collect();
            all.sort_by_key(|work| (work.ended, work.number));
            for mut work in all {
                directory.next_work = directory.next_work.max(work.number + 1);
                if work.state == WorkState::Sent && !held.contains(&work.number) {
                    work.given_up(now, dm_syncml::session::GivenUp::Unanswered);
                    batch.put(WORK, work.number.to_be_bytes(), &work)?;
                }
                self.metrics.note_work(None, work.state);
                let in_session = held.contains(&work.number);
                if work.state == WorkState::Queued && !in_session {
                    awaited.insert(work.device.clone());
                }
                directory.file(work, in_session);
            }
        }
        for device in awaited {
            self.waking.want(self.clock.now(), &device);
        }
        if !batch.is_empty() {
            self.write(batch).await?;
        }
        Ok(())
    }

    /// Everything is written here.
    async fn write(&self, batch: Batch) -> Result<(), StoreError> {
        let began = std::time::Instant::now();
        let written = self.store.write(batch).await;
        self.metrics.commit(began.elapsed(), written.is_ok());
        written
    }

    /// Remembers who has shown wrong credentials, so that a restart is no way out of a lock.
    pub(super) async fn save_lockout(&self) {
        let snapshot = {
            let directory = self.directory();
            (!directory.lockout.is_empty()).then(|| directory.lockout.snapshot(self.clock.now()))
        };
        let Some(snapshot) = snapshot else { return };
        let mut batch = Batch::new();
        if batch.put(META, LOCKOUT, &snapshot).is_ok()
            && let Err(error) = self.write(batch).await
        {
            tracing::warn!(%error, "who is locked out is not written down");
        }
    }

    fn restore(&self, no: u64, saved: SavedSitting) -> Result<Sitting, String> {
        let now = self.clock.now();
        let known = self.directory().devices.get(&saved.peer).cloned();
        let known = known.ok_or("the device is not known any more")?;
        let account = known.device.account(&self.vault, &known.learnt).map_err(|error| error.to_string())?;
        let config = self.session.clone().with_profile(known.device.class.profile());
        let session = ServerSession::restore(now, config, Some(account), saved.snapshot)
            .map_err(|error| error.to_string())?;
        Ok(Sitting {
            no,
            peer: saved.peer,
            session_id: saved.session_id,
            session,
            proven: saved.proven,
            work: saved.work.into_iter().collect(),
            began: saved.began,
            messages: saved.messages,
            // The tick of the first second finds what is due.
            deadline: Some(now),
            closed: false,
            origin: None,
        })
    }

    /// Answers one message.
    ///
    /// # Errors
    /// The request is to be refused so.
    pub(super) async fn answer(
        self: &Arc<Self>,
        request: Posted,
        body: Bytes,
        from: IpAddr,
    ) -> Result<Outgoing, Refusal> {
        // Whoever hangs up does not stop what has begun in the middle.
        let engine = Arc::clone(self);
        let answering = tokio::spawn(async move { engine.take(&request, &body, from).await });
        let answered = answering.await;
        answered.unwrap_or_else(|_| Err(Refusal::new(RefusalKind::Internal, "the server has failed")))
    }

    async fn take(&self, request: &Posted, body: &[u8], from: IpAddr) -> Result<Outgoing, Refusal> {
        let limits = DecodeOptions::new().limits.with_elements(16_384);
        let options = DecodeOptions::new().with_limits(limits).with_quirks(request.client.quirks());
        let origin = from.to_string();
        let incoming = Incoming::decode(request.encoding, body, &options)
            .map_err(|error| Refusal::from(&error))?
            .with_hmac(request.hmac.as_deref())
            .answered_in(request.answer)
            .with_origin(Some(&origin));
        let key = incoming.key();
        // Nothing is known by a longer name, and names are kept.
        if key.peer().len() > MAX_NAME || key.session_id().len() > MAX_NAME {
            let reason = format!("an address or a SessionID of more than {MAX_NAME} octets");
            return Err(Refusal::new(RefusalKind::BadMessage, reason));
        }
        let turn = {
            let mut throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
            throttle.take(self.clock.now(), from, key.peer())
        };
        turn.map_err(|after| Refusal::busy("too many messages, try again later", after))?;
        self.metrics.message(body.len());

        let seat = self.directory().seat(key.peer());
        let mut seat = seat.lock().await;
        let answered = self.answer_at(&mut seat, &incoming, &key).await;
        self.leave(key.peer(), &mut seat);
        answered
    }

    /// Finds the session, has it take the message, and commits what came of it.
    async fn answer_at(
        &self,
        seat: &mut Seat,
        incoming: &Incoming<'_>,
        key: &SessionKey,
    ) -> Result<Outgoing, Refusal> {
        let now = self.clock.now();
        let mut refused = None;
        for no in seat.candidates(key.session_id()) {
            let Some(at) = seat.get_mut(no) else { continue };
            match at.session.handle_message(now, incoming, entropy()) {
                Ok(()) => {
                    return self.conclude(seat, no, incoming.origin(), Changes::default()).await;
                }
                // A copy of the first message that was long under way begins nothing.
                Err(error @ SessionError::Peer(PeerError::OutOfOrder { .. })) if incoming.is_first() => {
                    return Err(Refusal::from(&error));
                }
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        if !incoming.is_first() {
            let none = || Refusal::new(RefusalKind::BadMessage, "there is no such session, begin another");
            return Err(refused.map_or_else(none, |error| Refusal::from(&error)));
        }
        let mut changes = Changes::default();
        let no = self.begin(seat, incoming, key, &mut changes)?;
        let Some(at) = seat.get_mut(no) else { return Err(Refusal::new(RefusalKind::Internal, "no seat")) };
        if let Err(error) = at.session.handle_message(now, incoming, entropy()) {
            seat.remove(no);
            self.directory().forget(no);
            return Err(Refusal::from(&error));
        }
        self.conclude(seat, no, incoming.origin(), changes).await
    }

    /// A session begins: with a device, or with somebody who says so.
    fn begin(
        &self,
        seat: &mut Seat,
        incoming: &Incoming<'_>,
        key: &SessionKey,
        changes: &mut Changes,
    ) -> Result<u64, Refusal> {
        let now = self.clock.now();
        let (no, known, locked) = {
            let mut directory = self.directory();
            if directory.present.len() >= self.limits.sessions && !make_room(&mut directory, seat, changes) {
                return Err(Refusal::busy("too many sessions, try again later", self.session.idle));
            }
            let no = directory.next_sitting;
            directory.next_sitting += 1;
            let locked = incoming.origin().is_some_and(|at| directory.lockout.is_locked(now, at, key.peer()));
            (no, directory.devices.get(key.peer()).cloned(), locked)
        };
        let config = match &known {
            Some(known) => self.session.clone().with_profile(known.device.class.profile()),
            None => self.session.clone(),
        };
        let account = match &known {
            Some(known) => {
                let account = known.device.account(&self.vault, &known.learnt);
                Some(account.map_err(|error| {
                    tracing::error!(%error, "an account");
                    Refusal::new(RefusalKind::Internal, "the account cannot be used")
                })?)
            }
            None => None,
        };
        let mut session = ServerSession::new(now, config, account);
        if let Some(known) = &known {
            session = session.with_capabilities(Capabilities::parse(&known.learnt.capabilities));
        }
        if locked {
            session = session.without_challenge();
        }
        let sitting = Sitting {
            no,
            peer: key.peer().into(),
            session_id: key.session_id().into(),
            session,
            proven: false,
            work: BTreeMap::new(),
            began: unix_now(),
            messages: 0,
            deadline: Some(now + self.session.idle),
            closed: false,
            origin: None,
        };
        let mut directory = self.directory();
        for gone in seat.insert(sitting) {
            directory.forget(gone.no);
        }
        Ok(no)
    }

    /// A session has taken a message, or time has passed in it: does what it wants, writes it down, and brings the answer.
    async fn conclude(
        &self,
        seat: &mut Seat,
        no: u64,
        origin: Option<&str>,
        mut changes: Changes,
    ) -> Result<Outgoing, Refusal> {
        let Some(at) = seat.get_mut(no) else { return Err(Refusal::new(RefusalKind::Internal, "no seat")) };
        at.messages = at.messages.saturating_add(1);
        at.origin = origin.map(str::to_owned);
        if at.session.is_authenticated() && !at.proven {
            // The device is here: its former session is dead, whatever id it had, and what it has not sent goes out in this one.
            at.proven = true;
            for mut former in seat.replaced_by(no) {
                former.session.handle_restarted(self.clock.now());
                self.drain(&mut former, &mut changes);
                changes.forget(&former);
            }
        }
        let Some(at) = seat.get_mut(no) else { return Err(Refusal::new(RefusalKind::Internal, "no seat")) };
        self.offer(at, &mut changes);
        let answer = self.drain(at, &mut changes);
        self.commit(seat, no, changes).await.map_err(|error| {
            tracing::error!(%error, "a message could not be written down");
            Refusal::busy("nothing can be written down, try again later", Duration::from_secs(30))
        })?;
        answer.ok_or_else(|| Refusal::new(RefusalKind::BadMessage, "the session has nothing to answer"))
    }

    /// Carries out what a session wants. Its records count as stored at once, because the answer that rests on them is held back until one
    /// commit has them all.
    fn drain(&self, at: &mut Sitting, changes: &mut Changes) -> Option<Outgoing> {
        let now = self.clock.now();
        let mut answer = None;
        loop {
            match at.session.poll_output() {
                ServerOutput::Persist(seq, record) => {
                    if let Some(learnt) = self.learnt(at, changes) {
                        match record {
                            Record::DeviceNonce(nonce) => learnt.device_nonce = Some(nonce),
                            Record::ServerNonce(nonce) => learnt.server_nonce = Some(nonce),
                            _ => {}
                        }
                    }
                    at.session.handle_persisted(now, seq);
                }
                ServerOutput::Event(event) => self.happened(at, changes, event),
                ServerOutput::Reply(message) => answer = Some(message),
                ServerOutput::Closed => {
                    at.closed = true;
                    return answer;
                }
                ServerOutput::Wait(deadline) => {
                    at.deadline = deadline;
                    return answer;
                }
                _ => {}
            }
        }
    }

    /// What is to be remembered of the device, if it is one.
    fn learnt<'c>(&self, at: &Sitting, changes: &'c mut Changes) -> Option<&'c mut Learnt> {
        if changes.learnt.is_none() {
            let directory = self.directory();
            let learnt = directory.devices.get(&at.peer)?.learnt.clone();
            changes.learnt = Some((at.peer.clone(), learnt));
        }
        changes.learnt.as_mut().map(|(_, learnt)| learnt)
    }

    /// Something happened in a session.
    fn happened(&self, at: &mut Sitting, changes: &mut Changes, event: ServerEvent) {
        let (now, peer) = (self.clock.now(), at.peer.clone());
        match event {
            ServerEvent::Authenticated => {
                if let Some(origin) = &at.origin {
                    self.directory().lockout.handle_authenticated(now, origin, &peer);
                }
                if let Some(learnt) = self.learnt(at, changes) {
                    learnt.seen = unix_now();
                }
                tracing::info!(peer, session = at.session_id, "the device has proved itself");
            }
            ServerEvent::CredentialsRefused => {
                self.metrics.refused_credentials();
                if let Some(origin) = &at.origin {
                    self.directory().lockout.handle_refused(now, origin, &peer);
                }
                tracing::warn!(peer, origin = at.origin, "wrong credentials");
            }
            ServerEvent::Resynchronized => {
                tracing::warn!(peer, "the well-known nonce was used; change the passwords of this device");
            }
            ServerEvent::Started(code) => {
                self.metrics.started();
                tracing::info!(peer, session = at.session_id, code = code.get(), "a session");
                changes.started = true;
                self.offer(at, changes);
            }
            ServerEvent::DevInfo(info) => {
                if at.session.is_authenticated()
                    && let Some(learnt) = self.learnt(at, changes)
                {
                    let text = |value: Option<&str>| shortened(value.unwrap_or_default());
                    learnt.manufacturer = text(info.manufacturer());
                    learnt.model = text(info.model());
                    learnt.dm_version = text(info.dm_version());
                    learnt.language = text(info.language());
                    learnt.capabilities = info.capabilities().to_announcement();
                }
            }
            ServerEvent::GenericAlert(_, alert) => {
                let found = Found::new(
                    alert.source.as_ref().map_or("", |source| source.as_str()),
                    Some(&alert.format),
                    Some(&alert.alert_type),
                    Some(&alert.data),
                );
                tracing::info!(peer, alert = alert.alert_type.as_str(), source = found.uri, "an alert");
                let correlator = alert.correlator.as_ref().map(Correlator::as_str);
                let number = correlator.and_then(|text| text.strip_prefix("work-")?.parse().ok());
                if let Some(mut work) = number.and_then(|number| self.work_of(number, changes))
                    && work.device == peer
                    && work.state == WorkState::Accepted
                {
                    work.outcome = Some(found);
                    work.state = WorkState::Done;
                    changes.work.insert(work.number, (work, false));
                }
                let alert = alert.to_alert(CmdId::number(std::num::NonZeroU32::MIN));
                gateway::heard(self, &peer, changes, &alert);
                self.offer(at, changes);
            }
            ServerEvent::Sent(handle) => {
                if let Some(work) = self.work_at(at, handle, changes) {
                    work.sent();
                }
            }
            ServerEvent::Answered(handle, answer) => {
                if let Some(work) = self.work_at(at, handle, changes) {
                    work.answered(unix_now(), &answer);
                    let work = work.clone();
                    self.settle(at, handle, changes);
                    let firmware = work.found.iter().find(|found| found.uri == "./DevDetail/FwV");
                    if let Some(text) = firmware.and_then(|found| found.text.clone())
                        && let Some(learnt) = self.learnt(at, changes)
                    {
                        learnt.firmware = shortened(&text);
                    }
                    gateway::answered(self, changes, &work);
                }
            }
            ServerEvent::GivenUp(handle, why) => {
                if let Some(work) = self.work_at(at, handle, changes) {
                    work.given_up(unix_now(), why);
                    self.settle(at, handle, changes);
                }
            }
            ServerEvent::Ended(end) => {
                let end = end_word(end);
                self.metrics.ended(end);
                tracing::info!(peer, session = at.session_id, end, "a session is over");
                // Strangers would push devices out of what is remembered.
                if at.proven {
                    let (no, began, messages) = (at.no, at.began, at.messages);
                    changes.past.push(Past { no, peer, began, messages, end: end.into() });
                }
            }
            other => tracing::debug!(peer, event = ?other, "in a session"),
        }
    }

    /// Queues everything that waits for the device in its session.
    pub(super) fn offer(&self, at: &mut Sitting, changes: &mut Changes) {
        if !at.session.is_authenticated() || at.session.is_over() {
            return;
        }
        let mut waiting: std::collections::BTreeSet<u64> =
            self.directory().open.get(&at.peer).cloned().unwrap_or_default();
        // What this message itself has brought to light: follow-ups, and what a former session has not sent.
        waiting.extend(changes.work.keys());
        for taken in at.work.values() {
            waiting.remove(taken);
        }
        for number in waiting {
            let Some(mut work) = self.work_of(number, changes) else { continue };
            if work.state != WorkState::Queued {
                continue;
            }
            match work.unpack().map(|command| at.session.queue(command)) {
                Some(Ok(handle)) => {
                    at.work.insert(handle, number);
                    changes.work.insert(number, (work, true));
                }
                Some(Err(Misuse::Ended)) => return,
                Some(Err(error)) => {
                    work.fail(unix_now(), error.to_string());
                    changes.work.insert(number, (work, false));
                }
                None => {
                    work.fail(unix_now(), "the command cannot be read any more");
                    changes.work.insert(number, (work, false));
                }
            }
        }
    }

    /// Work by its number, as the message being answered leaves it.
    fn work_of(&self, number: u64, changes: &Changes) -> Option<Work> {
        let changed = changes.work.get(&number).map(|(work, _)| work.clone());
        changed.or_else(|| self.directory().work.get(&number).cloned())
    }

    fn work_at<'c>(
        &self,
        at: &Sitting,
        handle: dm_syncml::session::CommandHandle,
        changes: &'c mut Changes,
    ) -> Option<&'c mut Work> {
        let number = *at.work.get(&handle)?;
        let work = self.work_of(number, changes)?;
        changes.work.insert(number, (work, true));
        changes.work.get_mut(&number).map(|(work, _)| work)
    }

    /// The session has nothing more to say about a command.
    fn settle(&self, at: &mut Sitting, handle: dm_syncml::session::CommandHandle, changes: &mut Changes) {
        if let Some((_, in_session)) = at.work.remove(&handle).and_then(|no| changes.work.get_mut(&no)) {
            *in_session = false;
        }
    }

    /// Writes the changes, and makes them known.
    async fn commit(&self, seat: &mut Seat, no: u64, mut changes: Changes) -> Result<(), StoreError> {
        let now = self.clock.now();
        let Some(at) = seat.get_mut(no) else { return Ok(()) };
        let known = self.directory().devices.contains_key(&at.peer);
        if at.closed {
            changes.forget(at);
        } else {
            let saved = if known { at.save(now) } else { None };
            changes.keep(at, saved);
        }
        let batch = changes.batch(&self.directory(), self.limits.ended_work);
        let written = match batch {
            Ok(batch) if batch.is_empty() => Ok(()),
            Ok(batch) => self.write(batch).await,
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            self.put_back(seat, no, &changes);
            return Err(error);
        }
        let Some(at) = seat.get_mut(no) else { return Ok(()) };
        let (device, over) = (at.peer.clone(), at.closed || at.session.is_over());
        if at.closed {
            seat.remove(no);
        }
        let (worked, started) = (!changes.work.is_empty(), changes.started);
        let left_over = {
            let mut directory = self.directory();
            changes.apply(self, &mut directory, self.limits.ended_work);
            over && directory.unsettled(&device) > 0 && !directory.is_in_session(&device)
        };
        if worked {
            self.worked.notify_waiters();
        }
        if started {
            self.waking.done(&device);
        }
        if left_over {
            // It came while the session was at its end, or was not sent before that.
            self.waking.want(self.clock.now(), &device);
        }
        Ok(())
    }

    /// Nothing could be written: the sessions that were to change are what the store has of them.
    fn put_back(&self, seat: &mut Seat, no: u64, changes: &Changes) {
        let Some(lost) = seat.remove(no) else { return };
        self.directory().forget(no);
        let own = [true, false].map(|proven| session_key(&lost.peer, &lost.session_id, proven));
        for key in own.iter().map(Vec::as_slice).chain(changes.forgotten()) {
            let Ok(Some(saved)) = self.store.get::<SavedSitting>(SESSIONS, key) else { continue };
            if seat.iter().any(|at| at.session_id == saved.session_id && at.proven == saved.proven) {
                continue;
            }
            let no = {
                let mut directory = self.directory();
                let no = directory.next_sitting;
                directory.next_sitting += 1;
                no
            };
            if let Ok(sitting) = self.restore(no, saved) {
                let mut changes = Changes::default();
                changes.keep(&sitting, None);
                seat.insert(sitting);
                changes.apply(self, &mut self.directory(), self.limits.ended_work);
            }
        }
    }

    /// Nobody sits there any more.
    fn leave(&self, peer: &str, seat: &mut Seat) {
        if seat.is_empty() {
            let mut directory = self.directory();
            // Whoever waits for the seat has another reference to it, and keeps it.
            if directory.seats.get(peer).is_some_and(|seat| Arc::strong_count(seat) <= 2) {
                directory.seats.remove(peer);
            }
        }
    }

    /// Lets time pass in the sessions that wait for it.
    pub(super) async fn tick(self: &Arc<Self>) {
        let now = self.clock.now();
        let due: Vec<(u64, String)> = {
            let directory = self.directory();
            let due = directory.deadlines.iter().take_while(|(at, _)| *at <= now);
            due.filter_map(|(_, no)| Some((*no, directory.present.get(no)?.peer.clone()))).collect()
        };
        // Many at a time, so that they share commits.
        for due in due.chunks(256) {
            let mut ticking = tokio::task::JoinSet::new();
            for (no, peer) in due.iter().cloned() {
                let engine = Arc::clone(self);
                ticking.spawn(async move { engine.tick_one(no, &peer).await });
            }
            ticking.join_all().await;
        }
        self.spawn_waking();
    }

    /// Lets time pass in one session.
    async fn tick_one(&self, no: u64, peer: &str) {
        let seat = self.directory().seat(peer);
        let mut seat = seat.lock().await;
        match seat.get_mut(no) {
            Some(at) => {
                at.session.handle_tick(self.clock.now());
                let mut changes = Changes::default();
                self.drain(at, &mut changes);
                if let Err(error) = self.commit(&mut seat, no, changes).await {
                    tracing::error!(%error, "the end of a session could not be written down");
                }
            }
            None => self.directory().forget(no),
        }
        self.leave(peer, &mut seat);
    }

    /// Notifications go out beside everything else: names of hosts may take long to look up.
    fn spawn_waking(self: &Arc<Self>) {
        let engine = Arc::clone(self);
        tokio::spawn(async move { engine.wake_due().await });
    }

    /// Queues commands for a device, and has it woken.
    ///
    /// # Errors
    /// The device is not known, or has too many already, or they cannot be written down.
    pub(super) async fn queue(
        self: &Arc<Self>,
        device: &str,
        commands: Vec<NewWork>,
        also: Changes,
    ) -> Result<Vec<u64>, Denied> {
        let mut changes = also;
        {
            let directory = self.directory();
            if !directory.devices.contains_key(device) {
                return Err(Denied::NoDevice(device.to_owned()));
            }
            let waiting = directory.unsettled(device);
            if waiting + commands.len() > self.limits.open_work {
                return Err(Denied::Full(waiting));
            }
        }
        for new in commands {
            let work = self.draft(device, new);
            changes.work.insert(work.number, (work, false));
        }
        let numbers: Vec<u64> = changes.work.keys().copied().collect();
        let batch = changes.batch(&self.directory(), self.limits.ended_work)?;
        self.write(batch).await?;
        let in_session = {
            let mut directory = self.directory();
            changes.apply(self, &mut directory, self.limits.ended_work);
            directory.is_in_session(device)
        };
        if !in_session {
            self.waking.want(self.clock.now(), device);
            self.spawn_waking();
        }
        Ok(numbers)
    }

    /// A command as new work, with a number of its own.
    pub(super) fn draft(&self, device: &str, mut new: NewWork) -> Work {
        let number = {
            let mut directory = self.directory();
            let number = directory.next_work;
            directory.next_work += 1;
            number
        };
        if let dm_syncml::Command::Exec(exec) = &mut new.command
            && exec.correlator.is_none()
        {
            // Sessions leave it out where the class of the device does not know it.
            exec.correlator = Correlator::new(format!("work-{number}")).ok();
        }
        Work {
            number,
            device: device.to_owned(),
            what: new.what,
            command: pack(&new.command),
            repeatable: repeatable(&new.command),
            reading: new.reading,
            state: WorkState::Queued,
            code: None,
            reason: None,
            found: Vec::new(),
            outcome: None,
            tries: 0,
            queued: unix_now(),
            ended: None,
        }
    }

    /// Takes back a command that has not gone out.
    ///
    /// # Errors
    /// There is none, or it has gone out.
    pub(super) async fn cancel(&self, number: u64) -> Result<Work, Denied> {
        let device = self.directory().work.get(&number).map(|work| work.device.clone());
        let device = device.ok_or(Denied::NoWork(number))?;
        // While the seat is held, no message of the device changes anything.
        let seat = self.directory().seat(&device);
        let mut seat = seat.lock().await;
        let work = self.directory().work.get(&number).cloned().ok_or(Denied::NoWork(number))?;
        let holder = seat.iter().find_map(|at| {
            let found = at.work.iter().find(|(_, taken)| **taken == number);
            found.map(|(handle, _)| (at.no, *handle))
        });
        let mut changes = Changes::default();
        let mut cancelled = work.clone();
        cancelled.cancel(unix_now());
        let done = match (work.state, holder) {
            (WorkState::Queued, None) => {
                changes.work.insert(number, (cancelled.clone(), false));
                let batch = changes.batch(&self.directory(), self.limits.ended_work)?;
                self.write(batch).await?;
                changes.apply(self, &mut self.directory(), self.limits.ended_work);
                true
            }
            (WorkState::Queued, Some((no, handle))) => {
                let withdrawn = seat.get_mut(no).is_some_and(|at| at.session.withdraw(handle).is_ok());
                if withdrawn {
                    if let Some(at) = seat.get_mut(no) {
                        at.work.remove(&handle);
                        self.drain(at, &mut changes);
                    }
                    changes.work.insert(number, (cancelled.clone(), false));
                    self.commit(&mut seat, no, changes).await?;
                }
                withdrawn
            }
            _ => false,
        };
        self.leave(&device, &mut seat);
        if done {
            self.worked.notify_waiters();
            Ok(cancelled)
        } else {
            Err(Denied::TooLate(number, work.state.word()))
        }
    }

    /// A command, once it is settled or this time has passed.
    pub(super) async fn wait_for(&self, number: u64, patience: Duration) -> Option<Work> {
        let end = tokio::time::Instant::now() + patience;
        loop {
            let changed = self.worked.notified();
            tokio::pin!(changed);
            // Before looking: what changes in between is not missed.
            changed.as_mut().enable();
            let work = self.directory().work.get(&number).cloned()?;
            if work.state.is_settled() || tokio::time::timeout_at(end, changed).await.is_err() {
                return Some(work);
            }
        }
    }

    /// Adds a device, or puts it in place of what is known of it.
    ///
    /// # Errors
    /// There is one already and it is not to be replaced, or it cannot be written down.
    pub(super) async fn add_device(&self, device: Device, replace: bool) -> Result<(), Denied> {
        let id = device.id.clone();
        if !replace && self.directory().devices.contains_key(&id) {
            return Err(Denied::Exists(id));
        }
        let mut batch = Batch::new();
        batch.put(DEVICES, &id, &device)?;
        self.write(batch).await?;
        let mut directory = self.directory();
        match directory.devices.get_mut(&id) {
            Some(known) => known.device = device,
            None => {
                directory.devices.insert(id.clone(), Known { device, learnt: Learnt::default() });
            }
        }
        drop(directory);
        self.events.tell("device", &serde_json::json!({ "id": id }));
        Ok(())
    }

    /// Removes a device with everything that waits for it.
    ///
    /// # Errors
    /// There is none, or it cannot be written down.
    pub(super) async fn remove_device(&self, id: &str) -> Result<(), Denied> {
        let seat = self.directory().seat(id);
        let mut seat = seat.lock().await;
        if !self.directory().devices.contains_key(id) {
            return Err(Denied::NoDevice(id.to_owned()));
        }
        let mut changes = Changes::default();
        let numbers: Vec<u64> = seat.iter().map(|at| at.no).collect();
        for no in numbers {
            if let Some(at) = seat.remove(no) {
                changes.forget(&at);
            }
        }
        let now = unix_now();
        for work in self.directory().work.values().filter(|work| work.device == id) {
            let mut work = work.clone();
            match work.state {
                WorkState::Queued => work.cancel(now),
                WorkState::Sent => work.given_up(now, dm_syncml::session::GivenUp::Unanswered),
                _ => continue,
            }
            if work.state == WorkState::Queued {
                work.cancel(now);
            }
            changes.work.insert(work.number, (work, false));
        }
        let mut batch = changes.batch(&self.directory(), self.limits.ended_work)?;
        batch.remove(DEVICES, id);
        batch.remove(LEARNT, id);
        self.write(batch).await?;
        let mut directory = self.directory();
        directory.devices.remove(id);
        changes.apply(self, &mut directory, self.limits.ended_work);
        drop(directory);
        self.leave(id, &mut seat);
        self.waking.done(id);
        self.worked.notify_waiters();
        self.events.tell("device", &serde_json::json!({ "id": id }));
        Ok(())
    }
}

/// What the head of a request says, for itself.
#[derive(Clone, Debug)]
pub(super) struct Posted {
    pub(super) encoding: Encoding,
    pub(super) answer: Encoding,
    pub(super) client: Client,
    pub(super) hmac: Option<Vec<u8>>,
}

/// Ends the oldest session that has proved nothing, or that is over and only remembers its last answer, if there is one that nobody is busy
/// with.
fn make_room(directory: &mut Directory, here: &mut Seat, changes: &mut Changes) -> bool {
    let idle = directory.present.iter().filter(|(_, present)| !present.proven || present.over);
    let oldest: Vec<(u64, String)> = idle.take(16).map(|(no, at)| (*no, at.peer.clone())).collect();
    for (no, peer) in oldest {
        let gone = match directory.seats.get(&peer).map(|seat| seat.try_lock()) {
            Some(Ok(mut seat)) => seat.remove(no),
            // It may be the one whose message is being answered.
            Some(Err(_)) => here.remove(no),
            None => None,
        };
        if let Some(gone) = gone {
            changes.forget(&gone);
            directory.forget(no);
            if let Some(seat) = directory.seats.get(&peer)
                && Arc::strong_count(seat) == 1
                && seat.try_lock().is_ok_and(|seat| seat.is_empty())
            {
                directory.seats.remove(&peer);
            }
            return true;
        }
    }
    false
}

/// Names that a device gives are shown to people.
fn shortened(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(128).collect()
}

/// Whether a device that gets it twice is as one that got it once.
fn repeatable(command: &dm_syncml::Command<'_>) -> bool {
    use dm_syncml::Command;
    matches!(command, Command::Get(_) | Command::Replace(_))
}

const fn end_word(end: ServerEnd) -> &'static str {
    match end {
        ServerEnd::Completed => "completed",
        ServerEnd::Aborted => "aborted",
        ServerEnd::Stopped => "stopped",
        ServerEnd::Restarted => "restarted",
        ServerEnd::DeviceRefused => "refused",
        ServerEnd::ServerRefused => "server_refused",
        ServerEnd::HeaderRefused(_) => "header_refused",
        ServerEnd::ProtocolRefused => "protocol_refused",
        ServerEnd::TimedOut => "timed_out",
        _ => "ended",
    }
}
