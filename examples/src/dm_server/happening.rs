//! What happens in a session, and what follows from it.

use std::num::NonZeroU32;

use dm_syncml::session::{
    Answer, CommandHandle, GenericAlert, Outgoing, Record, ServerEnd, ServerEvent, ServerOutput,
};
use dm_syncml::{AlertCode, CmdId, Correlator};

use super::account::Learnt;
use super::changes::Changes;
use super::directory::Past;
use super::engine::{Engine, unix_now};
use super::gateway;
use super::sitting::Sitting;
use super::work::{Found, WorkState};

impl Engine {
    /// Carries out what a session wants. Its records count as stored at once, because the answer that rests on them is held back until one
    /// commit has them all.
    pub(super) fn drain(&self, at: &mut Sitting, changes: &mut Changes) -> Option<Outgoing> {
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
                let is_own = code == AlertCode::CLIENT_INITIATED;
                if is_own && self.twins().began(now, &peer, &at.session_id) {
                    tracing::warn!(
                        peer,
                        "two clients seem to use the account of this device: give each its own"
                    );
                    self.events.tell("twins", &serde_json::json!({ "id": peer }));
                }
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
            ServerEvent::GenericAlert(_, alert) => self.alerted(at, changes, &alert),
            ServerEvent::Sent(handle) => {
                if let Some(work) = self.work_at(at, handle, changes) {
                    work.sent();
                }
            }
            ServerEvent::Answered(handle, answer) => self.answered(at, changes, handle, &answer),
            ServerEvent::GivenUp(handle, why) => {
                if let Some(work) = self.work_at(at, handle, changes) {
                    work.given_up(unix_now(), why);
                    self.settle(at, handle, changes);
                }
            }
            ServerEvent::Ended(end) => {
                self.keep_partial_objects(at, changes);
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

    /// A device tells something.
    fn alerted(&self, at: &mut Sitting, changes: &mut Changes, alert: &GenericAlert) {
        let peer = at.peer.clone();
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
        let alert = alert.to_alert(CmdId::number(NonZeroU32::MIN));
        gateway::heard(self, &peer, changes, &alert);
        self.offer(at, changes);
    }

    /// A command has its answer.
    fn answered(&self, at: &mut Sitting, changes: &mut Changes, handle: CommandHandle, answer: &Answer) {
        let Some(work) = self.work_at(at, handle, changes) else { return };
        work.answered(unix_now(), answer);
        let work = work.clone();
        self.settle(at, handle, changes);
        let firmware = work.found.iter().find(|found| found.uri == "./DevDetail/FwV");
        if let Some(text) = firmware.and_then(|found| found.text.clone())
            && let Some(learnt) = self.learnt(at, changes)
        {
            learnt.firmware = shortened(&text);
        }
        gateway::answered(self, changes, &work);
        // Those that were to come after it.
        self.offer(at, changes);
    }
}

/// Names that a device gives are shown to people.
fn shortened(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(128).collect()
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
