//! The next message is made (DM Protocol 1.2.1, packages 1 and 3).

use alloc::string::String;

use crate::codes::{AlertCode, StatusCode};
use crate::model::{Alert, CmdId, CmdName, Replace, Status};
use crate::session::capabilities::Capabilities;
use crate::session::composer::Composer;
use crate::session::outgoing::Outgoing;

use super::answers::Capacity;
use super::execution::Execution;
use super::package::Cutting;
use super::{ClientEnd, ClientEvent, ClientSession, Initiation, Received};

impl ClientSession {
    /// Package 1: why we come, who we are, and what has happened (DM Protocol 1.2.1, package 1).
    pub(super) fn open(&mut self, initiation: &Initiation) {
        let code = match initiation {
            Initiation::Server(_) => AlertCode::SERVER_INITIATED,
            Initiation::Client(_) => AlertCode::CLIENT_INITIATED,
        };
        self.package.push_status(Alert::new(CmdId::LONGEST, code));
        let mut dev_info = self.config.dev_info.clone();
        if let Some(executor) = &self.config.announcement {
            dev_info.retain(|item| item.source_uri().is_none_or(|uri| *uri != Capabilities::DEV_INFO_LEAF));
            dev_info.push(Capabilities::of(&self.config).over(executor).to_dev_info_item());
        }
        if !dev_info.is_empty() {
            self.package.push_status(Replace::new(CmdId::LONGEST, dev_info));
        }
        for (id, alert) in self.alerts.iter() {
            self.package.push_report(id, alert.clone());
        }
    }

    /// What can be sent in answer to this message.
    pub(super) fn capacity(&self, received: &Received) -> Capacity {
        let mut prover = self.prover.clone();
        let mut composer = Composer::new(&self.letterhead, self.msg_id.saturating_add(1), Some(&mut prover))
            .with_limit(self.peer_max_msg_size);
        let (code, chal) = received.header.clone();
        composer.header_status(&received.msg_ref, code, chal);
        // The server asks for the next message of a package, which is to be answered too.
        let asked = (CmdId::LONGEST.to_ref(), CmdName::ALERT);
        let status = Status::new(CmdId::LONGEST, received.msg_ref.clone(), asked.0, asked.1, StatusCode::OK);
        composer.push(status.into());
        composer.reserve_next_message();
        Capacity {
            encoding: self.letterhead.encoding,
            room: composer.room(),
            max_obj_size: self.peer_max_obj_size,
            large_objects: self.config.large_objects,
        }
    }

    /// What became of the commands becomes statuses and results.
    pub(super) fn collect(&mut self, received: &mut Received, execution: Execution, capacity: &Capacity) {
        for (asked, mut outcome) in execution.into_answers() {
            capacity.restrict(&asked, &received.msg_ref, &mut outcome);
            for status in asked.statuses(&received.msg_ref, &outcome) {
                self.package.push_status(status);
            }
            let found = outcome.items.into_iter().flat_map(|item| item.results).collect();
            if let Some(results) = asked.results(&received.msg_ref, found) {
                self.package.push_results(results);
            }
        }
        for alert in received.complaints.drain(..) {
            self.package.push_status(alert);
        }
    }

    /// The next message: as much of the package as fits. Its last one has Final, once the server's has ended; until then it asks
    /// for the server's next (DM Protocol 1.2.1, several messages per package).
    pub(super) fn compose(&mut self, received: Option<Received>) -> Outgoing {
        self.msg_id = self.msg_id.saturating_add(1);
        self.chunk = None;
        if self.msg_id >= self.config.max_messages {
            self.aborting.get_or_insert(ClientEnd::TooManyMessages);
        }
        // Until the server has taken a message with it.
        let announced = self.assembler.announcement().filter(|_| !self.accepted);
        let mut composer = Composer::new(&self.letterhead, self.msg_id, Some(&mut self.prover))
            .with_announcement(announced.as_ref())
            .with_limit(self.peer_max_msg_size);
        if let Some(Received { msg_ref, header: (code, chal), .. }) = received {
            composer.header_status(&msg_ref, code, chal);
        }
        self.server_final_before = self.server_final;
        let aborts = self.aborting.is_some();
        let open = !self.server_final && !aborts;
        if open || aborts {
            // An Alert 1223 is as long as an Alert 1222.
            composer.reserve_next_message();
        }
        let cutting = match (open || aborts, self.config.large_objects) {
            (_, false) => Cutting::Never,
            (true, true) => Cutting::Later,
            (false, true) => Cutting::Now,
        };
        let filled = self.package.fill(&mut composer, cutting, self.peer_resumes.as_ref());
        if aborts {
            let alert = Alert::new(composer.next_cmd_id(), AlertCode::SESSION_ABORT);
            composer.push(alert.into());
            self.aborted = true;
        } else if open {
            composer.push_next_message();
        }
        for (cmd_id, id) in filled.reports {
            self.alert_ids.insert((self.msg_id, String::from(cmd_id.as_str())), id);
        }
        for id in filled.too_large {
            self.event(ClientEvent::AlertRefused(id, StatusCode::TOO_LARGE));
        }
        self.chunk = filled.chunk.map(|cmd_id| (self.msg_id, cmd_id));
        let last = aborts || (self.server_final && self.package.is_empty());
        self.our_final = last;
        if last {
            // What the server says next begins a package.
            self.server_final = false;
        }
        let body = composer.finish(last);
        // Called for each message: the proof of one covers its octets.
        let hmac = self.prover.sign(&body);
        Outgoing::new(self.letterhead.encoding, body, hmac)
    }
}
