//! What devices did, and what became of what was asked for.

use core::time::Duration;

use dm_syncml::{Instant, StatusCode};

use super::audit::Audit;
use super::job::{SessionEnd, Ticket};
use super::machine::Fanout;
use super::operation::Answer;
use super::record::Step;
use super::target::AWAY;
use super::transition::Event;
use crate::device::Serial;

impl Fanout {
    /// The notification of this attempt is on its way: the time to answer it starts.
    pub fn handle_notify_sent(&mut self, now: Instant, ticket: Ticket) {
        self.report(now, ticket, Event::NotifySent);
    }

    /// The notification of this attempt could not be sent; counts as one that was not answered.
    pub fn handle_notify_failed(&mut self, now: Instant, ticket: Ticket) {
        self.report(now, ticket, Event::NotifyFailed);
    }

    /// The device of this attempt is busy with something else, such as a session with another server. What was
    /// handed out last was not done.
    pub fn handle_busy(&mut self, now: Instant, ticket: Ticket) {
        self.report(now, ticket, Event::Busy);
    }

    /// What was last asked for this attempt is not allowed, and was not done: the target is skipped with this code,
    /// such as 425. Operations handed out for delivery count as not delivered.
    pub fn handle_denied(&mut self, now: Instant, ticket: Ticket, status: StatusCode) {
        self.report(now, ticket, Event::Denied(status));
    }

    /// A device opened a session, notified or not. Every job that waits for the device may use it.
    pub fn handle_session_opened(&mut self, now: Instant, serial: Serial) {
        self.advance(now);
        self.session_opened(serial);
        self.finish();
    }

    /// A device sent something in its session that is no answer yet, such as a part of a large object.
    pub fn handle_session_heard(&mut self, now: Instant, serial: Serial) {
        self.advance(now);
        self.apply_to_device(serial, Event::Heard);
        self.finish();
    }

    /// The session of a device is over. What it has not answered it will not answer any more.
    pub fn handle_session_closed(&mut self, now: Instant, serial: Serial, end: SessionEnd) {
        self.advance(now);
        if self.devices.close_session(serial).is_some() {
            self.apply_to_device(serial, Event::SessionClosed(end));
        } else {
            // Who waited for its session to be free must notify it again.
            self.offer(serial, false);
        }
        self.finish();
    }

    /// A device answered one operation of an attempt. What is late, repeated or was never asked is counted and
    /// dropped. 202 to an operation that was declared asynchronous frees the slot of the window, once nothing else
    /// is to do on the device.
    pub fn handle_answer(&mut self, now: Instant, ticket: Ticket, op: u16, answer: Answer<'_>) {
        self.advance(now);
        if !self.answer(ticket, op, &answer) {
            self.count_late(ticket);
        }
        self.finish();
    }

    /// A device reported the result of what it had accepted in this attempt, in whatever session. A result that
    /// comes after the end of its target is noted and changes nothing.
    pub fn handle_async_done(&mut self, now: Instant, ticket: Ticket, op: u16, answer: Answer<'_>) {
        self.advance(now);
        self.async_done(ticket, op, &answer);
        self.finish();
    }

    /// An operation that was handed out for delivery never left: the session ended before its turn. Said before the
    /// end of the session is, it keeps the target out of doubt about what cannot have run.
    pub fn handle_not_sent(&mut self, now: Instant, ticket: Ticket, op: u16) {
        self.advance(now);
        if !self.not_sent(ticket, op) {
            self.count_late(ticket);
        }
        self.finish();
    }

    /// A device is attached now and awake, or detached.
    pub fn handle_presence(&mut self, now: Instant, serial: Serial, attached: bool) {
        self.advance(now);
        self.wake(serial);
        self.each_of(serial, |this, at, index| {
            let target = &mut this.jobs[at].targets[index as usize];
            if target.is(AWAY) == attached {
                target.set(AWAY, !attached);
                // What is at its end may be tried once more, and what is known of its presence is recorded then.
                if !target.state.is_terminal() {
                    let number = this.jobs[at].number;
                    this.record(Step::Away(number, serial, !attached));
                }
            }
            if this.jobs[at].state.is_under_way() {
                let event = if attached { this.attached(at, serial) } else { Event::Detached };
                this.apply(at, index, event);
            }
        });
        self.finish();
    }

    /// A device sleeps, and cannot be reached by a notification before this much time is over. It may open a session
    /// by itself at any time.
    pub fn handle_asleep(&mut self, now: Instant, serial: Serial, rest: Duration) {
        self.advance(now);
        self.fall_asleep(serial, rest);
        self.finish();
    }

    /// A report about an attempt: applied if the attempt is under way, else counted.
    fn report(&mut self, now: Instant, ticket: Ticket, event: Event) {
        self.advance(now);
        match self.current(ticket) {
            Some((at, index)) => self.apply(at, index, event),
            None => self.count_late(ticket),
        }
        self.finish();
    }

    pub(super) fn count_late(&mut self, ticket: Ticket) {
        self.late += 1;
        if let Some(at) = self.position(ticket.job) {
            self.jobs[at].late += 1;
        }
        self.audit(Audit::Stale { ticket });
    }
}
