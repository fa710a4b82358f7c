//! A message of the server is taken in.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::auth::Nonce;
use crate::codes::{AlertCode, StatusCode};
use crate::model::{Command, SyncHdr};
use crate::session::Record;
use crate::session::incoming::Incoming;
use crate::session::large_object::Announcement;
use crate::session::outcome::Outcome;
use crate::session::resp_uri::same_host;

use super::answers::Asked;
use super::authenticating::{OurStanding, TheirStanding};
use super::legality::{Planner, Rules, aborts, has_alert, needs_answer};
use super::{ClientEnd, ClientEvent, ClientSession, Received, State};

impl ClientSession {
    /// A message that is this session's next.
    pub(super) fn receive(&mut self, incoming: &Incoming<'_>, entropy: [u8; Nonce::LEN]) {
        /// A server that neither says anything nor ends its package has nothing more to say.
        const EMPTY_MESSAGES: u8 = 3;
        let message = &incoming.message;
        let commands = &message.body.commands;
        self.read_header(&message.header);
        let challenged = match self.our_standing(commands) {
            OurStanding::Refused(end) => return self.close(end),
            OurStanding::Challenged => true,
            OurStanding::Taken => false,
        };
        if challenged {
            self.package.refused();
            self.server_final = self.server_final_before;
        } else {
            self.package.taken();
            self.take_statuses(commands);
        }
        if aborts(commands) {
            // The answer to an abort is ignored, so none is sent (DM Protocol 1.2.1, session abort).
            return self.close(ClientEnd::Aborted);
        }
        if let Some(end) = self.aborting.filter(|_| self.aborted && !challenged) {
            return self.close(end);
        }
        let asks = commands.iter().any(needs_answer);
        self.server_ends(message.body.last_in_package, asks && !challenged && !about_our_package(commands));
        self.empty_messages = if asks { 0 } else { self.empty_messages.saturating_add(1) };
        let says_no_more = self.server_final || self.empty_messages >= EMPTY_MESSAGES;
        let more_of_ours = !self.our_final && !self.package.is_empty();
        let will_answer = challenged || asks || more_of_ours || !says_no_more || self.aborting.is_some();

        let msg_ref = incoming.msg_ref();
        let mut received = Received { msg_ref, header: (StatusCode::OK, None), complaints: Vec::new() };
        match self.their_standing(incoming, entropy, &mut received, will_answer) {
            TheirStanding::Refused => return self.close(ClientEnd::ServerRefused),
            TheirStanding::Unproved => {
                self.refuse(commands, &received);
                self.state = State::Composing(Some(received));
                return;
            }
            TheirStanding::Trusted => self.store_device_nonce(),
        }
        if self.assembler.keeping.is_some()
            && let Some(announced) = Announcement::read(message.header.meta.as_ref())
        {
            self.peer_resumes = Some(announced);
        }
        if !will_answer {
            return self.close(ClientEnd::Completed);
        }
        if challenged {
            // Back to what was refused, in the same session (DM Protocol 1.2.1, package 1).
            self.state = State::Composing(Some(received));
            return;
        }
        if has_alert(commands, AlertCode::NO_END_OF_DATA) {
            self.drop_object(StatusCode::SIZE_MISMATCH);
        }
        let too_large = incoming.exceeds(self.config.max_msg_size);
        let planner = Planner::new(self.rules(), &mut self.assembler, too_large);
        let (mut execution, complaints) = planner.plan(commands, message.body.last_in_package);
        received.complaints = complaints;
        if self.aborting.is_some() {
            execution.stop();
        }
        self.state = State::Executing(received, Box::new(execution));
    }

    fn rules(&self) -> Rules {
        Rules {
            atomic: self.config.atomic,
            exec_in_atomic: self.config.exec_in_atomic,
            interaction: self.config.interaction,
            large_objects: self.config.large_objects,
            max_obj_size: self.config.max_obj_size,
            max_results: self.config.max_results,
        }
    }

    fn read_header(&mut self, header: &SyncHdr<'_>) {
        // Both hold until a later message changes them (RepPro 1.2.2, MaxMsgSize).
        let meta = header.meta.as_ref();
        self.peer_max_msg_size = meta.and_then(|meta| meta.max_msg_size()).or(self.peer_max_msg_size);
        self.peer_max_obj_size = meta.and_then(|meta| meta.max_obj_size()).or(self.peer_max_obj_size);
        if let Some(uri) = &header.resp_uri
            && same_host(uri.as_str(), self.config.server.as_str())
        {
            self.next_uri = uri.clone().into_owned();
        }
    }

    /// Whether the server's package has ended. While ours goes on the server's messages only ask for more of it, and need no Final.
    fn server_ends(&mut self, last_in_package: bool, more_to_do: bool) {
        self.server_final = last_in_package || (self.server_final && !more_to_do);
    }

    /// Nothing is executed for a server that has not proved itself.
    fn refuse(&mut self, commands: &[Command<'_>], received: &Received) {
        let outcome = Outcome::all(received.header.0);
        for command in commands.iter().filter(|command| needs_answer(command)) {
            for status in Asked::new(command).statuses(&received.msg_ref, &outcome) {
                self.package.push_status(status);
            }
        }
    }

    /// What the server says of alerts and chunks.
    fn take_statuses(&mut self, commands: &[Command<'_>]) {
        for command in commands {
            let Command::Status(status) = command else { continue };
            let Some(msg_ref) = status.msg_ref.as_number() else { continue };
            let cmd_ref = status.cmd_ref.as_str();
            let of_chunk =
                self.chunk.as_ref().is_some_and(|(msg, cmd)| *msg == msg_ref && cmd.as_str() == cmd_ref);
            if of_chunk && !status.code.is_done() {
                let again = status.code == StatusCode::PARTIAL_NOT_ACCEPTED && self.package.rewind_object();
                if !again {
                    self.drop_object(status.code);
                }
            }
            if self.alert_ids.is_empty() {
                continue;
            }
            if let Some(id) = self.alert_ids.remove(&(msg_ref, String::from(cmd_ref))) {
                if status.code.is_done() {
                    self.alerts.remove(id);
                    self.persist(Record::AlertDone(id));
                    self.event(ClientEvent::AlertTaken(id, status.code));
                } else {
                    self.event(ClientEvent::AlertRefused(id, status.code));
                }
            }
        }
    }

    /// The server does not want the rest of what it is being sent in chunks.
    fn drop_object(&mut self, code: StatusCode) {
        self.chunk = None;
        if let Some(id) = self.package.drop_object() {
            self.event(ClientEvent::AlertRefused(id, code));
        }
    }
}

/// Whether all that is wanted concerns our package: the rest of it, or the end of an object in it.
fn about_our_package(commands: &[Command<'_>]) -> bool {
    let about = |command: &Command<'_>| match command {
        Command::Alert(alert) => {
            matches!(alert.code, Some(AlertCode::NEXT_MESSAGE | AlertCode::NO_END_OF_DATA))
        }
        _ => false,
    };
    commands.iter().filter(|command| needs_answer(command)).all(about)
}
