//! Gateways behind this one: a job that reaches one becomes a job there, for all of its devices, and what that came to is what became of the
//! target.
//!
//! Nothing is kept for it but what the fanout keeps: the name of the job there and the Correlator of its Start say which attempt
//! of which target it is.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use dm_syncml::session::{self, GivenUp};
use dm_syncml::{Alert, Command, Instant, StatusCode};

use super::session_table::SessionNo;
use super::{Gateway, later_results};
use crate::console::{Console, GatewayAlert};
use crate::device::{DeviceId, Serial};
use crate::error::GatewayError;
use crate::fanout::{Answer, Counters, JobKey, ResultCode, Ticket};
use crate::inventory::Component;

/// What a command for a gateway was sent for.
#[derive(Clone, Debug)]
pub(super) enum ChildStep {
    /// It is to begin with these operations.
    Start(Ticket, Range<u16>),
    /// Its job is over, and it is asked how many devices stand where.
    Count(Ticket, ResultCode),
}

impl Gateway {
    /// Says whether a device is a gateway of its own (`CompType`). A job that reaches one becomes a job for all devices behind it, of which
    /// this gateway is the owner there: it must be one of the servers that gateway answers to, and both must have the same
    /// [binding](super::GatewayConfig::binding). The job goes through at most [`Trace::MAX_DEPTH`](crate::Trace::MAX_DEPTH) gateways, and through none
    /// twice.
    ///
    /// The target ends when the job there does; until then its time is [`Policy::t_async`](crate::Policy::t_async).
    ///
    /// # Errors
    ///
    /// When there is no such device.
    pub fn handle_component(
        &mut self,
        now: Instant,
        device: &DeviceId,
        component: Component,
    ) -> Result<(), GatewayError> {
        let now = self.advance(now);
        let serial = self.serial_of(device)?;
        let done = self.objects.inventory.handle_component(now, serial, component);
        self.drain_machines();
        Ok(done?)
    }

    pub(super) fn is_child(&self, serial: Serial) -> bool {
        let record = self.objects.inventory.record(serial);
        record.is_some_and(|record| record.component() == Component::ChildGateway)
    }

    fn console(&self) -> Console {
        Console::with_binding(self.objects.binding.clone())
    }

    /// The fanout wants operations done by the devices behind a gateway.
    pub(super) fn deliver_to_child(&mut self, ticket: Ticket, ops: Range<u16>) {
        let now = self.objects.now;
        // The job there has all of them from the first on.
        if !self.pending(ticket).is_empty() {
            ops.for_each(|op| self.objects.fanout.handle_child_accepted(now, ticket, op));
            return;
        }
        let Some((_, job)) = self.objects.jobs.numbered(ticket.job) else {
            return ops.for_each(|op| self.objects.fanout.handle_not_sent(now, ticket, op));
        };
        let mut commands: Vec<Command<'static>> = Vec::new();
        for op in 0..job.op_count() {
            let Some((mut command, _)) = job.command(op) else { continue };
            self.objects.substitute(job, op, &mut command);
            commands.push(command);
        }
        let key = self.child_key(ticket);
        let Some(request) = job.delegated(key.clone(), &self.config.server_id, commands) else {
            let code = StatusCode::new(ResultCode::LOOP.get());
            return self.objects.fanout.handle_denied(now, ticket, code);
        };
        let console = self.console();
        let start = console.start_job(&key, Some(later_results::correlator(ticket, ops.start)));
        let session = self.sessions.current_mut(ticket.serial);
        let started = session.and_then(|at| {
            for command in console.add_job(&request) {
                at.session.queue(command).ok()?;
            }
            let handle = at.session.queue(start).ok()?;
            at.children.insert(handle, ChildStep::Start(ticket, ops.clone()));
            Some(())
        });
        if started.is_none() {
            ops.for_each(|op| self.objects.fanout.handle_not_sent(now, ticket, op));
        }
    }

    /// What a job is called at a gateway: the same for the same attempt, so that adding it again does no harm. Names there are
    /// one list for all servers.
    fn child_key(&self, ticket: Ticket) -> JobKey {
        let own = self.config.server_id.as_str();
        let own: String = own.chars().filter(char::is_ascii_graphic).take(24).collect();
        let key = format!("{own}.{}.{}.{}", ticket.job, ticket.serial, ticket.attempt);
        JobKey::new(&key).expect("graphic characters, and less than 64 of them")
    }

    /// The operations of a target that a gateway has begun with.
    fn pending(&self, ticket: Ticket) -> Vec<u16> {
        let record = self.objects.fanout.job(ticket.job).and_then(|job| job.record(ticket.serial));
        let record = record.filter(|record| record.tries() == ticket.attempt);
        record.map_or_else(Vec::new, |record| {
            record.ops().filter(|op| op.is_pending()).map(|op| op.index()).collect()
        })
    }

    /// An alert of a device that proved itself: whether it is a gateway that ends a job which this one gave it.
    pub(super) fn take_child_end(&mut self, no: SessionNo, serial: Serial, alert: &Alert<'_>) -> bool {
        if !self.is_child(serial) {
            return false;
        }
        let console = self.console();
        let Ok(Some(GatewayAlert::JobEnded { key, result, correlator: Some(text) })) =
            console.read_alert(alert)
        else {
            return false;
        };
        let Some((ticket, _)) = later_results::parse(&text) else { return false };
        if ticket.serial != serial || key != self.child_key(ticket) {
            return false;
        }
        // It may have been told before.
        if self.pending(ticket).is_empty() {
            return true;
        }
        let asked = self.sessions.get_mut(no).and_then(|at| {
            let handle = at.session.queue(console.get_job(&key)).ok()?;
            at.children.insert(handle, ChildStep::Count(ticket, result));
            Some(())
        });
        if asked.is_none() {
            self.end_child(ticket, result, Counters::default());
        }
        true
    }

    /// A gateway has answered.
    pub(super) fn child_answered(&mut self, no: SessionNo, step: ChildStep, answer: &session::Answer) {
        let now = self.objects.now;
        match step {
            ChildStep::Start(ticket, ops) => {
                let code = answer.code();
                for op in ops {
                    match code.is_success() {
                        true => self.objects.fanout.handle_child_accepted(now, ticket, op),
                        false => self.objects.fanout.handle_answer(now, ticket, op, Answer::new(code)),
                    }
                }
            }
            ChildStep::Count(ticket, result) => {
                let (console, key) = (self.console(), self.child_key(ticket));
                let items: Vec<_> = answer.items().cloned().collect();
                let counters = console.read_job(&key, &items).map(|job| job.counters).unwrap_or_default();
                self.end_child(ticket, result, counters);
                // What it came to is here now; if it cannot be deleted, the gateway does that in its time.
                if let Some(at) = self.sessions.get_mut(no) {
                    let _ = at.session.queue(console.delete_job(&key));
                }
            }
        }
    }

    /// A gateway will not answer.
    pub(super) fn child_given_up(&mut self, step: ChildStep, why: GivenUp) {
        let now = self.objects.now;
        match step {
            ChildStep::Count(ticket, result) => self.end_child(ticket, result, Counters::default()),
            ChildStep::Start(ticket, ops) => match why {
                GivenUp::NotSent | GivenUp::EndMissing => {
                    ops.for_each(|op| self.objects.fanout.handle_not_sent(now, ticket, op));
                }
                GivenUp::TooLarge | GivenUp::NotOffered => {
                    let refused = || Answer::new(StatusCode::NOT_SUPPORTED);
                    ops.for_each(|op| self.objects.fanout.handle_answer(now, ticket, op, refused()));
                }
                // It may have begun: the end of the session decides.
                _ => {}
            },
        }
    }

    fn end_child(&mut self, ticket: Ticket, result: ResultCode, counters: Counters) {
        let now = self.objects.now;
        for op in self.pending(ticket) {
            self.objects.fanout.handle_child_done(now, ticket, op, result, counters);
        }
    }
}
