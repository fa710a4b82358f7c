//! A message comes in, an answer goes out.
//!
//! For each message: the session's machine takes it, everything it wants is collected in [`Changes`], they are written in one commit, and
//! then, not before, the answer leaves and the changes are known to all. If the commit fails, the device is told to come again, and the
//! server ends: when it is started again, the session is where the store has it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use dm_syncml::http::{Client, Refusal, RefusalKind};
use dm_syncml::session::{
    Capabilities, Incoming, Outgoing, PeerError, ServerSession, SessionError, SessionKey,
};
use dm_syncml::{DecodeOptions, Encoding};

use crate::clock::entropy;

use super::changes::Changes;
use super::engine::{Engine, MAX_NAME, unix_now};
use super::seating::make_room;
use super::sitting::{Seat, Sitting};

/// What the head of a request says, for itself.
#[derive(Clone, Debug)]
pub(super) struct Posted {
    pub(super) encoding: Encoding,
    pub(super) answer: Encoding,
    pub(super) client: Client,
    pub(super) hmac: Option<Vec<u8>>,
}

/// Nothing can be written any more, and the server ends. Who comes again later finds the session where it was.
fn closing() -> Refusal {
    Refusal::busy("nothing can be written down, try again later", Duration::from_secs(30))
}

impl Engine {
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
        if self.store.failure().is_some() {
            return Err(closing());
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
        let mut has_partial_objects = false;
        if let Some(known) = &known {
            let partial = self.partial_objects(key.peer(), seat);
            has_partial_objects = !partial.is_empty();
            session = session
                .with_capabilities(Capabilities::parse(&known.learnt.capabilities))
                .with_partial_objects(partial);
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
            has_partial_objects,
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
            closing()
        })?;
        answer.ok_or_else(|| Refusal::new(RefusalKind::BadMessage, "the session has nothing to answer"))
    }

    /// Nobody sits there any more.
    pub(super) fn leave(&self, peer: &str, seat: &mut Seat) {
        if seat.is_empty() {
            let mut directory = self.directory();
            // Whoever waits for the seat has another reference to it, and keeps it.
            if directory.seats.get(peer).is_some_and(|seat| Arc::strong_count(seat) <= 2) {
                directory.seats.remove(peer);
            }
        }
    }
}
