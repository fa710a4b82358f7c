//! In which mode each device is managed (GwMO-MOO-001), and the devices that speak something else than OMA DM.

use alloc::vec::Vec;
use core::ops::Range;

use dm_syncml::{Instant, StatusCode};

use super::{Gateway, GatewayOutput};
use crate::adaptation::{
    AdaptationError, AdaptationErrorKind, AdaptationOutput, AdapterCapabilities, NativeResult, NativeToken,
};
use crate::device::{DeviceId, Serial};
use crate::fanout::{Answer, SessionEnd, Ticket};
use crate::inventory::FactSet;
use crate::mo::ModeStanding;
use crate::mode::{Mode, ModeFacts};

impl Gateway {
    /// An adapter speaks for a device (GwMO-IOP-001, GwMO-AMoDe-001): what jobs want done on it comes out as
    /// [`GatewayOutput::Native`]. The device must be registered, or seen.
    ///
    /// # Errors
    ///
    /// When the device is not registered, or there are too many.
    pub fn handle_adapter(
        &mut self,
        now: Instant,
        device: &DeviceId,
        capabilities: AdapterCapabilities,
    ) -> Result<Serial, AdaptationError> {
        let now = self.advance(now);
        let serial = self.objects.inventory.serial_of(device).ok_or(AdaptationErrorKind::NoAdapter)?;
        let done = self.adaptation.handle_adapter(now, serial, capabilities);
        self.choose_mode(serial);
        self.drain_machines();
        done.map(|()| serial)
    }

    /// Nobody speaks for a device any more.
    pub fn handle_adapter_gone(&mut self, now: Instant, device: &DeviceId) {
        let now = self.advance(now);
        if let Some(serial) = self.objects.inventory.serial_of(device) {
            self.adaptation.handle_adapter_gone(now, serial);
            self.choose_mode(serial);
        }
        self.drain_machines();
    }

    /// An adapter answers a [`GatewayOutput::Native`].
    pub fn handle_native_result(&mut self, now: Instant, token: NativeToken, result: NativeResult) {
        let now = self.advance(now);
        self.adaptation.handle_result(now, token, result);
        self.drain_machines();
    }

    /// What a device can do and what rules and servers want decides its mode.
    pub(super) fn choose_mode(&mut self, serial: Serial) {
        self.choose_mode_after(serial, FactSet::EMPTY);
    }

    /// As [`choose_mode`](Self::choose_mode), after these facts have changed. Only rules about them are asked, if the others were asked before.
    pub(super) fn choose_mode_after(&mut self, serial: Serial, changed: FactSet) {
        let now = self.objects.now;
        let Some(record) = self.objects.inventory.record(serial) else { return };
        let has_servers = record.servers().next().is_some();
        let has_account = self.accounts.contains_key(&serial);
        let has_adapter = self.adaptation.has_adapter(serial);
        let facts = if has_account || has_servers {
            ModeFacts::client(has_account, has_servers).with_adapter(has_adapter)
        } else if has_adapter {
            ModeFacts::adapted()
        } else {
            // Nothing is known of it yet: like any device, it may be managed as the default says once it has an account.
            ModeFacts::client(true, false)
        };
        let wish = record.mode_wish();
        let (modes, rule_facts) = (&self.objects.modes, &self.objects.rule_facts);
        // A mode that was chosen here is not told here.
        let changed = changed | FactSet::MODE;
        let known = self.objects.standing.get(&serial).map(|standing| standing.matching);
        let is_concerned =
            |at: usize| known.is_none() || rule_facts.get(at).is_none_or(|facts| facts.overlaps(changed));
        let matching =
            modes.matching(known.unwrap_or_default(), is_concerned, |selector| selector.matches(record));
        let choice = modes.choose_by(facts, wish, matching);
        let possible = facts.possible();
        self.objects.standing.insert(serial, ModeStanding { possible, matching });
        if record.mode() != choice.mode {
            // It was there just now.
            let _ = self.objects.inventory.handle_mode(now, serial, choice.mode);
        }
    }

    /// Whether an adapter speaks for a device, rather than a session.
    pub(super) fn is_adapted(&self, serial: Serial) -> bool {
        let record = self.objects.inventory.record(serial);
        record.is_some_and(|record| record.mode() == Some(Mode::Adaptation))
            && self.adaptation.has_adapter(serial)
    }

    /// A job wants to begin with a device that an adapter speaks for: it is always there to be asked.
    pub(super) fn begin_adapted(&mut self, ticket: Ticket) {
        let now = self.objects.now;
        self.objects.fanout.handle_notify_sent(now, ticket);
        self.objects.fanout.handle_session_opened(now, ticket.serial);
    }

    pub(super) fn deliver_adapted(&mut self, ticket: Ticket, ops: Range<u16>) {
        let now = self.objects.now;
        let commands: Vec<_> = match self.objects.jobs.numbered(ticket.job) {
            Some((_, job)) => ops
                .filter_map(|op| {
                    let (mut command, _) = job.command(op)?;
                    self.objects.substitute(job, op, &mut command);
                    Some((op, command))
                })
                .collect(),
            None => Vec::new(),
        };
        for (op, command) in commands {
            if let Err(error) = self.adaptation.handle_deliver(now, ticket, op, &command) {
                match error.kind() {
                    AdaptationErrorKind::NoAdapter => self.objects.fanout.handle_not_sent(now, ticket, op),
                    _ => {
                        let busy = Answer::new(StatusCode::RETRY_LATER);
                        self.objects.fanout.handle_answer(now, ticket, op, busy);
                    }
                }
            } else {
                self.adapted.entry(ticket.serial).or_default().push((ticket, op));
            }
        }
        self.end_adapted(ticket.serial);
    }

    pub(super) fn adapted(&mut self, output: AdaptationOutput) {
        let now = self.objects.now;
        match output {
            // What its server was allowed when it was queued it may not be allowed now.
            AdaptationOutput::Native { device: serial, ticket, token, .. }
                if !self.owner_may(ticket.job, serial) =>
            {
                self.adaptation.handle_result(now, token, NativeResult::Denied);
            }
            AdaptationOutput::Native { device: serial, token, op, .. } => {
                let Some(record) = self.objects.inventory.record(serial) else { return };
                let device = record.id().clone();
                self.outputs.push_back(GatewayOutput::Native { serial, device, token, op });
            }
            AdaptationOutput::Accepted { ticket, op } => {
                self.objects.fanout.handle_answer(now, ticket, op, Answer::new(StatusCode::ACCEPTED));
            }
            AdaptationOutput::Answered { ticket, op, answer } => {
                let is_later =
                    self.adapted.get(&ticket.serial).is_none_or(|open| !open.contains(&(ticket, op)));
                if is_later {
                    self.objects.fanout.handle_async_done(now, ticket, op, answer.as_answer());
                } else {
                    self.objects.fanout.handle_answer(now, ticket, op, answer.as_answer());
                }
                self.adaptation.handle_acknowledged(now, ticket, op);
                self.answered_adapted(ticket, op);
            }
            AdaptationOutput::Lost { ticket, op, was_sent } => {
                if !was_sent {
                    self.objects.fanout.handle_not_sent(now, ticket, op);
                }
                self.adaptation.handle_acknowledged(now, ticket, op);
                self.answered_adapted(ticket, op);
            }
            _ => {}
        }
    }

    fn answered_adapted(&mut self, ticket: Ticket, op: u16) {
        if let Some(open) = self.adapted.get_mut(&ticket.serial) {
            open.retain(|known| *known != (ticket, op));
        }
        self.end_adapted(ticket.serial);
    }

    /// When nothing more is open, what stands for the session of such a device is over.
    pub(super) fn end_adapted(&mut self, serial: Serial) {
        if self.adapted.get(&serial).is_none_or(Vec::is_empty) {
            self.adapted.remove(&serial);
            let now = self.objects.now;
            self.objects.fanout.handle_session_closed(now, serial, SessionEnd::Clean);
        }
    }
}
