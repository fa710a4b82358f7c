//! Targets that are gateways of their own: what is delivered to one is a job for its devices.

use dm_syncml::{Instant, StatusCode};

use super::code::ResultCode;
use super::job::Ticket;
use super::machine::Fanout;
use super::operation::Answer;
use super::record::Step;
use super::report::Counters;
use super::transition::Event;

impl Fanout {
    /// A gateway among the targets has begun with a job for its own devices: this operation of the attempt, whatever it
    /// is, ends when it [says what the job came to](Self::handle_child_done).
    pub fn handle_child_accepted(&mut self, now: Instant, ticket: Ticket, op: u16) {
        self.advance(now);
        if self.child_accepted(ticket, op).is_none() {
            self.count_late(ticket);
        }
        self.finish();
    }

    fn child_accepted(&mut self, ticket: Ticket, op: u16) -> Option<()> {
        let (at, index) = self.current(ticket)?;
        let job = &self.jobs[at];
        let known = job.ops.get(usize::from(op))?.asynchronous();
        let room = job.targets[index as usize].live()?;
        let live = self.lives.get_mut(room);
        // What was not handed out cannot have been begun with.
        if live.held {
            return None;
        }
        live.ledger.answer(op, known, &Answer::new(StatusCode::ACCEPTED), 0)?;
        self.record(Step::ChildAccepted(ticket, op));
        self.touch(at);
        self.apply(at, index, Event::Answered);
        let job = &self.jobs[at];
        let more = |room| self.lives.get(room).ledger.due(&job.ops).is_some();
        if job.targets[index as usize].live().is_some_and(more) {
            self.deliver.push_back(ticket);
        }
        Some(())
    }

    /// A gateway among the targets reported what the job came to there: as
    /// [`handle_async_done`](Self::handle_async_done), done if every one of its targets was ok or it had none, and
    /// its counters are kept beside ours.
    pub fn handle_child_done(
        &mut self,
        now: Instant,
        ticket: Ticket,
        op: u16,
        result: ResultCode,
        counters: Counters,
    ) {
        self.advance(now);
        let fine = matches!(result, ResultCode::ALL_OK | ResultCode::NO_TARGET | ResultCode::CUT);
        let status = if fine { StatusCode::OK } else { StatusCode::new(result.get()) };
        if self.async_done(ticket, op, &Answer::new(status))
            && let Some(at) = self.position(ticket.job)
        {
            self.record(Step::Child(ticket.job, ticket.serial, counters.into()));
            self.jobs[at].children.insert(ticket.serial, counters);
        }
        self.finish();
    }
}
