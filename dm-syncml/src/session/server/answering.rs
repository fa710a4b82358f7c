//! The answer to a message is made: statuses, then commands, within the device's MaxMsgSize.

use alloc::vec::Vec;

use crate::codes::{AlertCode, StatusCode};
use crate::model::{Alert, Chal, Command, MsgId, Status};
use crate::session::composer::Composer;
use crate::session::ledger::{GivenUp, UNNUMBERED};
use crate::session::outgoing::Outgoing;

use super::output::ServerEnd;
use super::{ServerSession, State};

/// What the answer to a message holds beside commands.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) msg_ref: MsgId<'static>,
    pub(super) header: (StatusCode, Option<Chal<'static>>),
    /// One for each command to answer.
    pub(super) statuses: Vec<Status<'static>>,
    /// Large objects of the device that have no end.
    pub(super) alerts: Vec<Alert<'static>>,
    /// The device's package goes on: ask for its next message, and send no commands.
    pub(super) next_message: bool,
    /// The device asks for our next message.
    pub(super) asked_for_more: bool,
    /// No commands go out, and the session ends.
    pub(super) end: Option<ServerEnd>,
    /// The device is challenged: it gets statuses and nothing else.
    pub(super) challenging: bool,
    /// The device has just refused our credentials: the answer must not be taken for the end.
    pub(super) challenged: bool,
}

impl Draft {
    pub(super) const fn new(msg_ref: MsgId<'static>) -> Self {
        Self {
            msg_ref,
            header: (StatusCode::OK, None),
            statuses: Vec::new(),
            alerts: Vec::new(),
            next_message: false,
            asked_for_more: false,
            end: None,
            challenging: false,
            challenged: false,
        }
    }

    /// Adds a Status for a command. One whose CmdID nobody can tell is answered with an empty reference, as Windows does.
    pub(super) fn reply(&mut self, command: &Command<'_>, code: StatusCode) {
        let Some(cmd) = command.name() else { return };
        self.statuses.push(Status::new(UNNUMBERED, self.msg_ref.clone(), command.cmd_ref(), cmd, code));
    }
}

impl ServerSession {
    /// Makes the answer: statuses first, then as many commands as fit (DM Protocol 1.2.1, packages 2 and 4). It has Final unless
    /// statuses, a large object, or a command that had no room beside them, are still to come, or the device's own package goes on.
    pub(super) fn answer(&mut self, draft: Draft) -> State {
        let Some(letterhead) = self.letterhead.clone() else { return State::Closed };
        self.msg_id = self.msg_id.saturating_add(1);
        // Told to devices that understand it, and only until they have it.
        let tells = self.peer_resumes.is_some() && !self.resume_told && self.proving.is_authenticated();
        self.resume_telling = tells;
        let announced = self.assembler.announcement().filter(|_| tells);
        let mut composer = Composer::new(&letterhead, self.msg_id, self.proving.prover())
            .with_resp_uri(self.config.resp_uri.as_ref())
            .with_announcement(announced.as_ref())
            .with_limit(self.peer_max_msg_size);
        composer.header_status(&draft.msg_ref, draft.header.0, draft.header.1);

        let mut end = draft.end;
        let aborts = self.aborting && end.is_none() && !draft.challenging;
        if aborts {
            end = Some(ServerEnd::Stopped);
        }
        let says_no_more = end.is_some() || draft.challenging;
        let only_statuses = says_no_more || draft.next_message;
        if (draft.next_message || aborts) && !draft.challenging {
            composer.reserve_next_message();
        }
        let alerts = draft.alerts.into_iter().map(Command::from).filter(|_| !says_no_more);
        self.owed.extend(draft.statuses.into_iter().map(Command::from).chain(alerts));
        let mut asks_something = self.push_owed(&mut composer);
        composer.release_reserve();
        if !self.proving.is_authenticated() {
            // That nothing was executed, the code for the header says.
            self.owed.clear();
        }

        // A device that does not ask for more gets what is left with the answer to its next message, if it has one to send.
        let mut more = !self.owed.is_empty() && !says_no_more && self.config.profile.several_messages;
        if aborts {
            composer.push_numbered(Alert::new(UNNUMBERED, AlertCode::SESSION_ABORT).into());
        } else if draft.next_message && !says_no_more {
            composer.push_next_message();
            more = true;
        } else if !only_statuses && !more && self.proving.is_authenticated() {
            self.miss_chunk_status(draft.asked_for_more);
            let dispatched = self.dispatch(&mut composer);
            asks_something |= dispatched.sent;
            more = dispatched.more;
        }
        // Asking for the device's next message is no package of ours.
        self.package_open = more && !draft.next_message;
        if end.is_none() && !more && !asks_something && !draft.challenged && !draft.challenging {
            end = Some(ServerEnd::Completed);
        }

        let body = composer.finish(!more || says_no_more);
        let hmac = self.proving.prover().and_then(|prover| prover.sign(&body));
        let message = Outgoing::new(letterhead.encoding, body, hmac);
        if let Some(end) = end {
            self.end(end);
        }
        State::Replying { message, end: end.is_some() }
    }

    /// Adds what is owed while there is room. Two go into every message: one may be for the wish of the device for this message, and there
    /// must be an end. Tells whether something of it wants an answer.
    fn push_owed(&mut self, composer: &mut Composer) -> bool {
        let at_least = composer.len() + 2;
        let mut asks_something = false;
        while let Some(owed) = self.owed.pop_front() {
            let asks = matches!(owed, Command::Alert(_));
            match composer.try_push(owed) {
                Ok(()) => {}
                Err(owed) if composer.len() < at_least => composer.push_numbered(owed),
                Err(owed) => {
                    self.owed.push_front(owed);
                    break;
                }
            }
            asks_something |= asks;
        }
        asks_something
    }

    /// A chunk that has no Status is not known to have arrived; a device that asks for more has it, though.
    fn miss_chunk_status(&mut self, asked_for_more: bool) {
        let Some(cutting) = &mut self.cutting else { return };
        if cutting.awaiting.take().is_some()
            && !asked_for_more
            && let Some(cutting) = self.cutting.take()
        {
            let end = self.ledger.drop_unit(cutting.handle, Some(GivenUp::Unanswered));
            self.tell(end);
        }
    }
}
