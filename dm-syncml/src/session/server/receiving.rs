//! A message of the device is taken in: what it answers, reports and asks.

use crate::auth::Nonce;
use crate::codes::{AlertCode, StatusCode};
use crate::model::{Alert, CmdName, CmdRef, Command, Item, Results, SessionId, Status, VerDtd, VerProto};
use crate::session::capabilities::Capabilities;
use crate::session::composer::Letterhead;
use crate::session::incoming::Incoming;
use crate::session::is_dm_1;
use crate::session::large_object::{Announcement, ChunkOf, Taken};
use crate::session::ledger::{GivenUp, ResultsTaken, meta_len};
use crate::session::report::{DeviceEvent, GenericAlert};

use super::answering::Draft;
use super::output::{AlertHandle, DeviceInfo, ServerEnd, ServerEvent, dev_info_path};
use super::{Exchange, ServerSession, State, begins};

/// Octets of the Meta of Results that each of several items takes over. A Format and a Type are less; more would let a small message take
/// any memory.
const INHERITED_OCTETS: usize = 512;

impl ServerSession {
    /// A message that is this session's next.
    pub(super) fn take_in(&mut self, incoming: &Incoming<'_>, msg_id: u32, entropy: [u8; Nonce::LEN]) {
        let message = &incoming.message;
        let header = &message.header;
        self.take_header(incoming);
        self.first = self.first.or(Some(incoming.fingerprint));
        self.last = Some(Exchange { msg_id, fingerprint: incoming.fingerprint, reply: None });

        let mut draft = Draft::new(incoming.msg_ref());
        if !is_dm_1(&header.ver_proto) {
            // Our own VerProto in the answer tells what would be taken.
            draft.header = (StatusCode::PROTOCOL_NOT_SUPPORTED, None);
            draft.end = Some(ServerEnd::ProtocolRefused);
            self.state = State::Answering(draft);
            return;
        }
        if !self.authenticate(incoming, &mut draft, entropy) {
            // Only statuses, one for each command, none of them executed (DM Security 1.2.1, challenges).
            let code = draft.header.0;
            for command in &message.body.commands {
                if !matches!(command, Command::Status(_) | Command::Results(_)) {
                    draft.reply(command, code);
                }
            }
            self.state = State::Answering(draft);
            return;
        }
        if msg_id > self.config.max_messages {
            self.aborting = true;
        }
        if self.config.resume
            && let Some(announced) = Announcement::read(header.meta.as_ref())
        {
            self.peer_resumes = Some(announced);
        }
        // While we have more to say, a message without Final only asks for it.
        draft.next_message = !message.body.last_in_package && !self.package_open;
        let commands = &message.body.commands;
        // What the device says of our header decides what its other statuses mean.
        for command in commands {
            if let Command::Status(status) = command
                && status.cmd_ref == CmdRef::SYNC_HDR
            {
                self.take_header_status(status, &mut draft);
            }
        }
        // The first message comes before the device was told (RepPro 1.2.2, MaxMsgSize).
        let too_large = self.msg_id > 0 && incoming.exceeds(self.config.max_msg_size);
        for command in commands {
            if too_large && !goes_in_any_message(command) {
                self.refuse_as_too_large(command, &mut draft);
            } else {
                self.take_command(command, &mut draft);
            }
        }
        if let Some(alert) = self.assembler.end_of_message(message.body.last_in_package) {
            draft.alerts.push(alert);
        }
        if message.body.last_in_package && !self.package_open && !draft.challenged {
            let ends = self.ledger.settle();
            self.tell(ends);
        }
        self.state = State::Answering(draft);
    }

    fn take_header(&mut self, incoming: &Incoming<'_>) {
        let header = &incoming.message.header;
        if self.letterhead.is_none() {
            let known = is_dm_1(&header.ver_proto);
            self.letterhead = Some(Letterhead {
                encoding: incoming.answer,
                session_id: SessionId::into_owned(header.session_id.clone()),
                ver_dtd: if known { header.ver_dtd.clone().into_owned() } else { VerDtd::V1_2 },
                ver_proto: if known { header.ver_proto.clone().into_owned() } else { VerProto::DM_1_2 },
                own: self.config.address.clone(),
                peer: header.source.loc_uri.clone().into_owned(),
                max_msg_size: self.config.max_msg_size,
                max_obj_size: self.config.max_obj_size,
            });
        }
        if let Some(keeping) = &mut self.assembler.keeping
            && keeping.peer.is_empty()
        {
            keeping.peer = header.source.loc_uri.as_str().into();
        }
        // Each holds until another is told (RepPro 1.2.2, MaxMsgSize).
        if let Some(meta) = &header.meta {
            self.peer_max_msg_size = meta.max_msg_size().or(self.peer_max_msg_size);
            self.peer_max_obj_size = meta.max_obj_size().or(self.peer_max_obj_size);
        }
    }

    /// One command of a message the device may send. NoResp is not of DM, so it changes nothing.
    fn take_command(&mut self, command: &Command<'_>, draft: &mut Draft) {
        match command {
            Command::Status(status) => self.take_status(status),
            Command::Results(results) => self.take_results(results, draft),
            command if command.lacks_cmd_id() => draft.reply(command, StatusCode::BAD_REQUEST),
            Command::Alert(alert) => self.take_alert(alert, draft),
            Command::Replace(replace) => {
                // It stands where a chunk was due.
                draft.alerts.extend(self.assembler.interrupt());
                let legal = replace.items.iter().all(|item| dev_info_path(item).is_some());
                let code = match (legal, replace.items.is_empty()) {
                    (_, true) => StatusCode::INCOMPLETE_COMMAND,
                    // It is all that a client may replace (DM Protocol 1.2.1, package 1).
                    (false, _) => StatusCode::NOT_ALLOWED,
                    (true, _) => {
                        let said = Capabilities::read(&replace.items);
                        self.learn(&said);
                        let items = replace.items.iter().cloned().map(Item::into_owned).collect();
                        self.event(ServerEvent::DevInfo(DeviceInfo::new(items)));
                        StatusCode::OK
                    }
                };
                draft.reply(command, code);
            }
            // A client may send nothing else (DM Protocol 1.2.1, commands).
            Command::Unknown(_) => draft.reply(command, StatusCode::BAD_REQUEST),
            _ => draft.reply(command, StatusCode::NOT_ALLOWED),
        }
    }

    /// Something the device sent in a message that is larger than it was told to send: nothing of it is kept.
    fn refuse_as_too_large(&mut self, command: &Command<'_>, draft: &mut Draft) {
        draft.alerts.extend(self.assembler.interrupt());
        if let Command::Results(results) = command {
            let msg_ref = results.msg_ref.as_ref().map_or(Some(1), |msg_ref| msg_ref.as_number());
            self.ledger.miss_results(msg_ref, &results.cmd_ref);
        }
        draft.reply(command, StatusCode::TOO_LARGE);
    }

    fn take_status(&mut self, status: &Status<'_>) {
        if status.cmd_ref == CmdRef::SYNC_HDR {
            return;
        }
        let Some(cutting) = self.cutting.as_mut().filter(|cutting| cutting.is_awaited(status)) else {
            self.ledger.status(status);
            return;
        };
        if status.code.is_done() {
            // 213; whatever else succeeded is not the whole object.
            cutting.awaiting = None;
        } else if status.code == StatusCode::PARTIAL_NOT_ACCEPTED && cutting.cutter.rewind() {
            // The device does not have what it seemed to have: all of it goes out.
            cutting.awaiting = None;
        } else if let Some(cutting) = self.cutting.take() {
            let end = self.ledger.refused(cutting.into_unit(), status);
            self.tell(end);
        }
    }

    /// Results that were taken in have no Status, others have (RepPro 1.2.2, Results).
    fn take_results(&mut self, results: &Results<'_>, draft: &mut Draft) {
        // A missing MsgRef means the first message (RepPro 1.2.2, Results).
        let msg_ref = results.msg_ref.as_ref().map_or(Some(1), |msg_ref| msg_ref.as_number());
        let command = Command::Results(results.clone());
        if !self.ledger.expects(msg_ref, &results.cmd_ref) {
            draft.alerts.extend(self.assembler.interrupt());
            draft.reply(&command, StatusCode::BAD_REQUEST);
            return;
        }
        let of = ChunkOf {
            cmd: CmdName::RESULTS,
            answers: Some((msg_ref.unwrap_or(0), results.cmd_ref.as_str().into())),
        };
        // Each item takes it over, and must not take up more than it brings along itself.
        let meta = results.meta.as_ref().map(|meta| meta.clone().into_owned());
        if results.items.len() > 1 && meta.as_ref().is_some_and(|meta| meta_len(meta) > INHERITED_OCTETS) {
            draft.alerts.extend(self.assembler.interrupt());
            self.ledger.miss_results(msg_ref, &results.cmd_ref);
            return draft.reply(&command, StatusCode::TOO_LARGE);
        }
        let mut code = None;
        for item in &results.items {
            let taken = match self.assemble(&of, item, &command, draft) {
                Taken::Whole(mut item) => {
                    if let Some(meta) = &meta {
                        item.meta = Some(item.meta.map_or_else(|| meta.clone(), |own| own.over(meta)));
                    }
                    let limit = self.config.max_result_octets;
                    match self.ledger.results(msg_ref, &results.cmd_ref, item, limit) {
                        ResultsTaken::Kept => None,
                        ResultsTaken::Unknown => Some(StatusCode::BAD_REQUEST),
                        ResultsTaken::TooLarge => Some(StatusCode::TOO_LARGE),
                    }
                }
                Taken::Chunk => Some(StatusCode::CHUNK_ACCEPTED),
                Taken::Refused(code) => {
                    self.ledger.miss_results(msg_ref, &results.cmd_ref);
                    Some(code)
                }
            };
            // The chunk comes last, and says what is to be said, unless something before it failed.
            code = match code {
                Some(code) if code != StatusCode::CHUNK_ACCEPTED => Some(code),
                _ => taken,
            };
        }
        if let Some(code) = code {
            draft.reply(&command, code);
        }
    }

    fn assemble(&mut self, of: &ChunkOf, item: &Item<'_>, command: &Command<'_>, draft: &mut Draft) -> Taken {
        if self.assembler.is_busy() && !self.assembler.continues(of, item) {
            draft.alerts.extend(self.assembler.interrupt());
        }
        self.assembler.take(of, item, command.meta())
    }

    fn take_alert(&mut self, alert: &Alert<'_>, draft: &mut Draft) {
        let command = Command::Alert(alert.clone());
        let code = match alert.code {
            Some(code) if begins(code) => {
                if !self.started {
                    self.started = true;
                    self.event(ServerEvent::Started(code));
                }
                StatusCode::OK
            }
            Some(AlertCode::GENERIC_ALERT | AlertCode::CLIENT_EVENT) => self.take_report(alert, draft),
            Some(AlertCode::SESSION_ABORT) => {
                draft.end = Some(ServerEnd::Aborted);
                StatusCode::OK
            }
            Some(AlertCode::NEXT_MESSAGE) => {
                draft.asked_for_more = true;
                StatusCode::OK
            }
            Some(AlertCode::NO_END_OF_DATA) => {
                self.take_end_missing(alert);
                StatusCode::OK
            }
            Some(_) => StatusCode::NOT_SUPPORTED,
            None => StatusCode::INCOMPLETE_COMMAND,
        };
        draft.reply(&command, code);
    }

    /// Generic alerts and client events, whose items may be large objects.
    fn take_report(&mut self, alert: &Alert<'_>, draft: &mut Draft) -> StatusCode {
        let of = ChunkOf { cmd: CmdName::ALERT, answers: None };
        let command = Command::Alert(alert.clone());
        let mut whole = alert.clone().into_owned();
        whole.items.clear();
        let mut code = None;
        for item in &alert.items {
            match self.assemble(&of, item, &command, draft) {
                Taken::Whole(item) => whole.items.push(item),
                Taken::Chunk => code = code.or(Some(StatusCode::CHUNK_ACCEPTED)),
                Taken::Refused(refused) => code = Some(refused),
            }
        }
        // Each report has the Correlator to itself.
        let correlator = whole.correlator.as_ref().map_or(0, |correlator| correlator.as_str().len());
        if whole.items.len() > 1 && correlator > INHERITED_OCTETS {
            return StatusCode::TOO_LARGE;
        }
        if let (Some(code), true) = (code, whole.items.is_empty()) {
            return code;
        }
        let msg_id = self.last.as_ref().map_or(0, |last| last.msg_id);
        let handle = AlertHandle { msg_id, index: draft.statuses.len() };
        let told = if alert.code == Some(AlertCode::GENERIC_ALERT) {
            GenericAlert::read(&whole)
                .map(|all| all.into_iter().for_each(|one| self.event(ServerEvent::GenericAlert(handle, one))))
        } else {
            DeviceEvent::read(&whole)
                .map(|all| all.into_iter().for_each(|one| self.event(ServerEvent::DeviceEvent(handle, one))))
        };
        told.err().or(code).unwrap_or(StatusCode::OK)
    }

    /// The device misses the end of something we sent: it has done nothing of it.
    fn take_end_missing(&mut self, alert: &Alert<'_>) {
        let target = alert.items.first().and_then(Item::target_uri);
        let matches = |cutting: &super::Cutting| target.is_none() || cutting.target() == target;
        if self.cutting.as_ref().is_some_and(matches) {
            if let Some(cutting) = self.cutting.take() {
                let end = self.ledger.drop_unit(cutting.handle, Some(GivenUp::EndMissing));
                self.tell(end);
            }
        } else {
            self.ledger.end_missing(target);
        }
    }
}

/// What is taken however large its message is: answers to what was executed, and alerts about the session itself. Refusing those would help
/// nobody.
fn goes_in_any_message(command: &Command<'_>) -> bool {
    match command {
        Command::Status(_) => true,
        Command::Alert(alert) => {
            !matches!(alert.code, Some(AlertCode::GENERIC_ALERT | AlertCode::CLIENT_EVENT))
        }
        _ => false,
    }
}
