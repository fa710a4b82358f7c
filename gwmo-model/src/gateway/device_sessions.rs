//! Sessions with devices: the gateway as their DM server.

use alloc::string::String;
use alloc::vec::Vec;
use core::num::NonZeroU32;
use core::ops::Range;

use dm_syncml::session::{
    self, CommandHandle, DeviceInfo, GivenUp, Incoming, PeerError, Record, ServerEnd, ServerEvent,
    ServerOutput, ServerSession, SessionError,
};
use dm_syncml::{CmdId, Command, Encoding, Fragment, Meta, MsgId, RecordSeq, Results, StatusCode, SyncBody};

use super::account::{NonceRecord, shortened};
use super::persistence::Origin;
use super::session_table::{DeviceSession, SessionNo};
use super::{Gateway, GatewayEvent, GatewayOutput, GatewayRecord, later_results};
use crate::device::{DeviceId, Serial};
use crate::device_bootstrap::BootstrapTarget;
use crate::fanout::{Answer, SessionEnd, Ticket};
use crate::inventory::{Fact, Sighting};

impl Gateway {
    /// A message of a device, or of somebody who says so.
    pub(super) fn receive(
        &mut self,
        exchange: u64,
        incoming: &Incoming<'_>,
        entropy: [u8; 16],
    ) -> Result<(), SessionError> {
        let now = self.objects.now;
        let key = incoming.key();
        let mut refusal = None;
        for no in self.sessions.candidates(&key) {
            let Some(candidate) = self.sessions.get_mut(no) else { continue };
            // Its secrets may be in the answer.
            if incoming.transport() < candidate.transport {
                continue;
            }
            match candidate.session.handle_message(now, incoming, entropy) {
                Ok(()) => {
                    candidate.exchange = Some(exchange);
                    candidate.origin = incoming.origin().map(String::from);
                    if let Some(serial) = candidate.serial.filter(|_| candidate.open) {
                        self.objects.inventory.handle_alive(now, serial);
                        self.objects.fanout.handle_session_heard(now, serial);
                    }
                    self.drain_session(no);
                    return Ok(());
                }
                // A copy of the first message that was long under way begins nothing.
                Err(error)
                    if incoming.is_first()
                        && !candidate.session.is_over()
                        && candidate.began_with(incoming) =>
                {
                    return Err(error);
                }
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        if !incoming.is_first() {
            let got = incoming.message().header.msg_id.as_number().unwrap_or(0);
            return Err(refusal.unwrap_or(PeerError::OutOfOrder { expected: 1, got }.into()));
        }
        let serial = DeviceId::new(key.peer()).ok().and_then(|id| self.objects.inventory.serial_of(&id));
        // Without an account it is a stranger, and cannot tell the difference.
        let account =
            serial.and_then(|serial| self.accounts.get(&serial)).map(|account| account.for_session());
        let mut session = ServerSession::new(now, self.config.session.clone(), account);
        let locked = incoming.origin().is_some_and(|at| self.lockout.is_locked(now, at, key.peer()));
        if locked {
            session = session.without_challenge();
        }
        session.handle_message(now, incoming, entropy)?;
        let mut session = DeviceSession::new(session, incoming, serial);
        session.exchange = Some(exchange);
        let no = self.sessions.insert(session);
        self.drain_session(no);
        Ok(())
    }

    /// Does what a session wants done, until it waits. Every event is passed on before the next one is asked for,
    /// so that what the fanout wants delivered goes out with the same answer.
    pub(super) fn drain_session(&mut self, no: SessionNo) {
        while let Some(at) = self.sessions.get_mut(no) {
            match at.session.poll_output() {
                ServerOutput::Persist(seq, record) => self.persist_nonce(no, seq, record),
                ServerOutput::Event(event) => {
                    // The answer to an alert says that it was taken: what came of it is stored before.
                    let is_told =
                        matches!(event, ServerEvent::GenericAlert(..) | ServerEvent::DeviceEvent(..));
                    let before = self.unstored.last();
                    self.session_event(no, event);
                    self.drain_machines();
                    let rests_on = self.unstored.last();
                    // What the fanout wants delivered may wait for its records; the answer must not go without it.
                    if self.objects.fanout.held() > 0 || is_told && rests_on > before {
                        self.parked.insert(no, rests_on);
                        self.sessions.schedule(no, self.objects.now, None);
                        return;
                    }
                }
                ServerOutput::Reply(message) => {
                    if let Some(exchange) = at.exchange.take() {
                        self.outputs.push_back(GatewayOutput::Reply { exchange, message });
                    }
                }
                ServerOutput::Closed => {
                    // A record that was never stored kept the answer back for too long.
                    if let Some(exchange) = self.sessions.remove(no).and_then(|gone| gone.exchange) {
                        self.outputs.push_back(GatewayOutput::NoReply { exchange });
                    }
                }
                ServerOutput::Wait(at) => {
                    self.sessions.schedule(no, self.objects.now, at);
                    break;
                }
                _ => {}
            }
        }
    }

    /// Gives up the session of a device; the fanout is told if it does not know.
    pub(super) fn close_session(&mut self, no: SessionNo, tell_fanout: bool) {
        let Some(gone) = self.sessions.remove(no) else { return };
        if let Some(exchange) = gone.exchange {
            self.outputs.push_back(GatewayOutput::NoReply { exchange });
        }
        if let Some(serial) = gone.serial
            && gone.open
            && tell_fanout
        {
            self.objects.fanout.handle_session_closed(self.objects.now, serial, SessionEnd::Lost);
        }
    }

    /// The fanout wants operations sent in the session of a device.
    pub(super) fn deliver(&mut self, ticket: Ticket, ops: Range<u16>) {
        let now = self.objects.now;
        let owner = self.objects.fanout.job(ticket.job).map(|job| job.owner());
        if owner.is_some_and(|owner| self.objects.scopes.is_revoked(owner)) {
            ops.for_each(|op| self.objects.fanout.handle_not_sent(now, ticket, op));
            self.ends_unauthorized(ticket.job);
            return;
        }
        if !self.owner_may(ticket.job, ticket.serial) {
            self.objects.fanout.handle_denied(now, ticket, StatusCode::PERMISSION_DENIED);
            return;
        }
        if self.withheld_from_device(ticket) {
            return if self.is_adapted(ticket.serial) {
                self.end_adapted(ticket.serial)
            };
        }
        if self.is_adapted(ticket.serial) {
            return self.deliver_adapted(ticket, ops);
        }
        if self.is_child(ticket.serial) {
            return self.deliver_to_child(ticket, ops);
        }
        let commands: Vec<(u16, Command<'static>)> = match self.objects.jobs.numbered(ticket.job) {
            Some((_, job)) => ops
                .filter_map(|op| {
                    let (mut command, ends_by) = job.command(op)?;
                    self.objects.substitute(job, op, &mut command);
                    if ends_by.is_some() {
                        later_results::mark(&mut command, ticket, op);
                    }
                    Some((op, command))
                })
                .collect(),
            None => Vec::new(),
        };
        for (op, command) in commands {
            let session = self.sessions.current_mut(ticket.serial);
            let queued = session.and_then(|at| Some((at.session.queue(command).ok()?, at)));
            match queued {
                Some((handle, at)) => drop(at.sent.insert(handle, (ticket, op))),
                None => self.objects.fanout.handle_not_sent(now, ticket, op),
            }
        }
    }

    fn persist_nonce(&mut self, no: SessionNo, seq: RecordSeq, record: Record) {
        let serial = self.sessions.get(no).and_then(|at| at.serial);
        let account = serial.and_then(|serial| Some((serial, self.accounts.get_mut(&serial)?)));
        let device =
            serial.and_then(|serial| self.objects.inventory.record(serial)).map(|at| at.id().clone());
        let (Some((_, account)), Some(device)) = (account, device) else {
            // The device was forgotten meanwhile; there is nothing to keep.
            if let Some(at) = self.sessions.get_mut(no) {
                at.session.handle_persisted(self.objects.now, seq);
            }
            return;
        };
        account.store(&record);
        let record = GatewayRecord::Nonce(NonceRecord::new(device, record));
        self.persist(Origin::Session(no, seq), record);
    }

    fn session_event(&mut self, no: SessionNo, event: ServerEvent) {
        let now = self.objects.now;
        let Some(at) = self.sessions.get_mut(no) else { return };
        let serial = at.serial;
        match event {
            ServerEvent::Authenticated => {
                if let Some(origin) = &at.origin {
                    self.lockout.handle_authenticated(now, origin, at.peer());
                }
                self.authenticated(no);
            }
            ServerEvent::CredentialsRefused => {
                if let Some(origin) = &at.origin {
                    self.lockout.handle_refused(now, origin, at.peer());
                }
            }
            ServerEvent::DevInfo(info) => {
                if let Some(serial) = serial {
                    self.learn(serial, &info);
                }
            }
            ServerEvent::GenericAlert(_, alert) => {
                if let Some(serial) = serial {
                    let alert = alert.to_alert(CmdId::number(NonZeroU32::MIN));
                    self.take_server_list(serial, &alert);
                    if !self.take_child_end(no, serial, &alert) && !self.take_later_result(serial, &alert) {
                        self.event(GatewayEvent::DeviceAlert { serial, alert });
                    }
                }
            }
            ServerEvent::DeviceEvent(_, event) => {
                if let Some(serial) = serial {
                    let alert = event.to_alert(CmdId::number(NonZeroU32::MIN));
                    self.event(GatewayEvent::DeviceAlert { serial, alert });
                }
            }
            ServerEvent::Answered(handle, answer) => self.answered(no, handle, &answer),
            ServerEvent::GivenUp(handle, why) => {
                if let Some(step) = at.children.remove(&handle) {
                    return self.child_given_up(step, why);
                }
                let Some((ticket, op)) = at.sent.remove(&handle) else { return };
                let code = match why {
                    GivenUp::NotSent | GivenUp::EndMissing => {
                        return self.objects.fanout.handle_not_sent(now, ticket, op);
                    }
                    GivenUp::TooLarge => StatusCode::TOO_LARGE,
                    GivenUp::NotOffered => StatusCode::NOT_SUPPORTED,
                    // It may have run: the end of the session, or its silence, decides by what repeating it would do.
                    _ => return,
                };
                self.objects.fanout.handle_answer(now, ticket, op, Answer::new(code));
            }
            ServerEvent::Ended(end) => {
                if end != ServerEnd::Completed {
                    let peer = shortened(at.peer());
                    self.outputs.push_back(GatewayOutput::Event(GatewayEvent::SessionFailed {
                        peer,
                        serial,
                        end,
                    }));
                }
                if at.is_proven()
                    && core::mem::take(&mut at.open)
                    && let Some(serial) = serial
                {
                    self.objects.fanout.handle_session_closed(now, serial, end_for_fanout(end));
                }
            }
            _ => {}
        }
    }

    /// A session proved to be with the device it claims.
    fn authenticated(&mut self, no: SessionNo) {
        let now = self.objects.now;
        let Some(serial) = self.sessions.get(no).and_then(|at| at.serial) else { return };
        // Forgotten since the session began: there is nothing for it to do, and it ends by itself.
        let Some(record) = self.objects.inventory.record(serial) else { return };
        let (id, seen) = (record.id().clone(), Sighting::new(record.epoch()));
        let (former, evicted) = self.sessions.prove(no, serial);
        for gone in former.into_iter().chain(evicted) {
            self.close_session(gone, true);
            self.drain_machines();
        }
        // Who opens a session is there, whatever was last heard of it. Moved away, it comes back in a later epoch only.
        let _ = self.objects.inventory.handle_seen(now, &id, &seen);
        self.drain_machines();
        if let Some(at) = self.sessions.get_mut(no) {
            at.open = true;
            self.objects.bootstrap.handle_session(now, serial, &BootstrapTarget::Gateway, true);
            self.objects.fanout.handle_session_opened(now, serial);
        }
    }

    /// Keeps what DevInfo says of the device.
    fn learn(&mut self, serial: Serial, info: &DeviceInfo) {
        let Some(record) = self.objects.inventory.record(serial) else { return };
        let (id, mut sighting) = (record.id().clone(), Sighting::new(record.epoch()));
        for (text, fact) in [(info.manufacturer(), Fact::Manufacturer), (info.model(), Fact::Model)] {
            if let Some(text) = text {
                sighting = sighting.with(fact, text);
            }
        }
        // What is too long to keep is not worth keeping.
        let _ = self.objects.inventory.handle_seen(self.objects.now, &id, &sighting);
    }

    fn answered(&mut self, no: SessionNo, handle: CommandHandle, answer: &session::Answer) {
        if let Some(step) = self.sessions.get_mut(no).and_then(|at| at.children.remove(&handle)) {
            return self.child_answered(no, step, answer);
        }
        let Some((ticket, op)) = self.sessions.get_mut(no).and_then(|at| at.sent.remove(&handle)) else {
            return;
        };
        let now = self.objects.now;
        let code = answer.code();
        let document: Vec<u8>;
        let mut report = Answer::new(code);
        match answer.results.as_slice() {
            [] => {}
            [found] => {
                let item = &found.item;
                let meta = item.meta.as_ref();
                let format = meta.and_then(Meta::format);
                if let Some(format) = format {
                    report = report.with_format(format.as_str());
                }
                if let Some(media_type) = meta.and_then(Meta::media_type) {
                    report = report.with_media_type(media_type.as_str());
                }
                let data = item.data.as_ref();
                // Base64 that is none is kept as it came.
                let decoded = data.and_then(|data| data.decoded(format).ok());
                if let Some(octets) = decoded.as_deref().or_else(|| data?.as_octets()) {
                    self.objects.fanout.handle_answer(now, ticket, op, report.with_data(octets));
                    return;
                }
                if data.is_some() {
                    document = as_document(answer);
                    report =
                        Answer::new(code).with_data(&document).with_format("bin").with_media_type(DOCUMENT);
                }
            }
            _ => {
                document = as_document(answer);
                report = report.with_data(&document).with_format("bin").with_media_type(DOCUMENT);
            }
        }
        self.objects.fanout.handle_answer(now, ticket, op, report);
    }
}

/// The type of an answer that is a document of its own.
const DOCUMENT: &str = "application/vnd.syncml.dm+wbxml";

/// Several items, or elements, as one document: `SyncML` around a `Results`.
fn as_document(answer: &session::Answer) -> Vec<u8> {
    let id = || CmdId::number(NonZeroU32::MIN);
    let items = answer.items().cloned().collect();
    let results = Results::new(id(), MsgId::number(1), id().to_ref(), items);
    Fragment::new(SyncBody::new(Vec::from([results.into()]))).encode(Encoding::Wbxml)
}

/// What an end means for what was delivered.
const fn end_for_fanout(end: ServerEnd) -> SessionEnd {
    match end {
        ServerEnd::Completed => SessionEnd::Clean,
        ServerEnd::ServerRefused => SessionEnd::Refused(StatusCode::INVALID_CREDENTIALS),
        ServerEnd::HeaderRefused(code) => SessionEnd::Refused(code),
        _ => SessionEnd::Lost,
    }
}
