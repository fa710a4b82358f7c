//! Records, done again without their effects.

use core::time::Duration;

use dm_syncml::StatusCode;

use super::code::is_code_or_none;
use super::job::{JobState, Ticket};
use super::machine::Fanout;
use super::operation::Answer;
use super::record::{Returned, Step};
use super::target::{AWAY, CANCELLED, FACTS, LATE, MET, STARTED, TargetState};

impl Fanout {
    /// Does one record again; `None` if it does not follow from what is there.
    pub(super) fn replay(&mut self, step: Step) -> Option<()> {
        if let Step::Added(number, draft) = step {
            if number.get() < self.next || !self.fits(number, &draft) {
                return None;
            }
            self.next = number.get().checked_add(1)?;
            self.insert(number, *draft);
            return Some(());
        }
        if let Step::Removed(number) = step {
            let at = self.position(number)?;
            let state = self.jobs[at].state;
            return (state == JobState::Draft || state.is_over()).then(|| self.take_out(at));
        }
        let at = self.position(step.job())?;
        self.jobs[at].rev += 1;
        self.replay_on(at, step)
    }

    fn replay_on(&mut self, at: usize, step: Step) -> Option<()> {
        let over = self.jobs[at].state.is_over();
        let under_way = self.jobs[at].state.is_under_way();
        match step {
            Step::Started(_, options) => {
                if !matches!(self.jobs[at].state, JobState::Draft | JobState::Scheduled) {
                    return None;
                }
                self.jobs[at].state = JobState::Scheduled;
                self.set_due(at, (options.after > Duration::ZERO).then_some(options.after));
                self.jobs[at].options = *options;
            }
            Step::Running(_) => match self.jobs[at].state {
                JobState::Paused => self.jobs[at].state = JobState::Running,
                JobState::Scheduled => self.replay_round(at),
                state if state.is_over() && self.jobs[at].result.is_none() => self.replay_round(at),
                _ => return None,
            },
            Step::Dispatched(ticket) if under_way => {
                let index = self.open_target(at, ticket)?;
                let room = self.ensure_live(at, index);
                let target = &mut self.jobs[at].targets[index as usize];
                if target.state == TargetState::InSession && ticket.attempt > target.tries {
                    // It was begun with anew after a restart.
                    let live = self.lives.get_mut(room);
                    live.ledger.lose();
                    live.pardoned = live.pardoned.saturating_add(1);
                }
                target.tries = ticket.attempt;
                target.state = TargetState::Notifying;
                target.set(STARTED, true);
            }
            Step::Delivered(ticket, ops) if under_way => {
                let (index, room) = self.flying(at, ticket)?;
                let job = &mut self.jobs[at];
                if ops.start >= ops.end || usize::from(ops.end) > job.ops.len() {
                    return None;
                }
                job.targets[index as usize].state = TargetState::InSession;
                job.targets[index as usize].set(MET, true);
                self.lives.get_mut(room).ledger.deliver(&job.ops, ops, ticket.attempt);
            }
            Step::Answered { ticket, op, status, same_value, finished, data } if under_way => {
                let index = self.open_target(at, ticket)?;
                let room = self.jobs[at].targets[index as usize].live()?;
                let answer = answer_of(status, same_value, data.as_deref());
                let room_left = data.as_ref().map_or(0, |data| data.room);
                let known = *self.jobs[at].ops.get(usize::from(op))?;
                let ledger = &mut self.lives.get_mut(room).ledger;
                let used = if finished {
                    ledger.finish(op, known, ticket.attempt, &answer, room_left)?
                } else {
                    match ledger.answer(op, known, &answer, room_left)? {
                        super::ledger::Taken::Final { used } => used,
                        super::ledger::Taken::Accepted => 0,
                    }
                };
                self.jobs[at].stored += u64::from(used);
                self.stored += u64::from(used);
            }
            Step::ChildAccepted(ticket, op) if under_way => {
                let (_, room) = self.flying(at, ticket)?;
                let known = self.jobs[at].ops.get(usize::from(op))?.asynchronous();
                let answer = Answer::new(StatusCode::ACCEPTED);
                self.lives.get_mut(room).ledger.answer(op, known, &answer, 0)?;
            }
            Step::Recalled(ticket, op) if under_way => {
                let (index, room) = self.flying(at, ticket)?;
                if op.is_none() {
                    self.jobs[at].targets[index as usize].set(CANCELLED, false);
                }
                let ops = &self.jobs[at].ops;
                let ledger = &mut self.lives.get_mut(room).ledger;
                match op {
                    Some(op) => drop(ledger.recall_one(op, *ops.get(usize::from(op))?)),
                    None => ledger.recall(ops),
                }
            }
            Step::Awaiting(ticket) if under_way => {
                let index = self.open_target(at, ticket)?;
                let target = &mut self.jobs[at].targets[index as usize];
                let room = target.live()?;
                target.state = TargetState::AwaitAsync;
                let time = self.jobs[at].policy.t_async;
                let live = self.lives.get_mut(room);
                live.ledger.lose();
                live.set_until(self.now + time);
            }
            Step::Lost { ticket, wait, met } if under_way => {
                let index = self.open_target(at, ticket)?;
                let target = &mut self.jobs[at].targets[index as usize];
                let room = target.live()?;
                target.state = TargetState::Backoff;
                target.set(MET, met);
                let live = self.lives.get_mut(room);
                live.ledger.lose();
                live.set_until(self.now + wait);
                self.retry_bad(at, room);
            }
            Step::Ended { ticket, state, code, flags } if under_way => {
                let index = self.jobs[at].index_of(ticket.serial)?;
                let target = &mut self.jobs[at].targets[index as usize];
                if target.state.is_terminal() || !state.is_terminal() || !is_code_or_none(code.get()) {
                    return None;
                }
                (target.state, target.code, target.tries) = (state, code.get(), ticket.attempt);
                target.set(FACTS, false);
                target.set(flags & FACTS, true);
                self.keep_outcome(at, index);
            }
            Step::Late(_, serial) => {
                let index = self.jobs[at].index_of(serial)?;
                self.jobs[at].targets[index as usize].set(LATE, true);
            }
            Step::Child(_, serial, counters) => {
                self.jobs[at].index_of(serial)?;
                self.jobs[at].children.insert(serial, *counters);
            }
            Step::Joined(_, serial, away) if !over && self.jobs[at].index_of(serial).is_none() => {
                let index = self.insert_target(at, serial);
                self.jobs[at].targets[index as usize].set(AWAY, away);
            }
            Step::Away(_, serial, away) => {
                let index = self.jobs[at].index_of(serial)?;
                self.jobs[at].targets[index as usize].set(AWAY, away);
            }
            Step::Stage(_, stage) if under_way => self.jobs[at].stage = stage,
            Step::Adjusted(_, policy) if !over => self.jobs[at].policy = *policy,
            Step::Paused(_) if self.jobs[at].state == JobState::Running => {
                self.jobs[at].state = JobState::Paused;
            }
            Step::Ending(_, code) if !over => {
                if !under_way {
                    self.set_due(at, None);
                }
                let job = &mut self.jobs[at];
                if job.options.gated && !under_way && code.is_of_gate() {
                    job.result = Some(code);
                }
                job.state = JobState::Cancelling;
                job.ending = Some(code);
                // Who owes an answer is left to give it; all others have their end in a record of its own.
                for target in &mut job.targets {
                    if let Some(room) = target.live() {
                        let work = self.lives.get_mut(room).ledger.work(&job.ops);
                        let owes = work.outstanding > 0 || target.state == TargetState::AwaitAsync;
                        if owes {
                            target.set(CANCELLED, true);
                        }
                    }
                }
            }
            Step::LimitHit(_) if under_way => self.jobs[at].limit_hit = true,
            Step::Retried(_, round) if over => {
                let (serials, detached) = (&round.targets, &round.detached);
                let ascending = serials.windows(2).all(|pair| pair[0] < pair[1]);
                let known = |serial| {
                    let index = self.jobs[at].index_of(serial)?;
                    Some(self.jobs[at].targets[index as usize].state.is_terminal())
                };
                if !ascending || !serials.iter().all(|serial| known(*serial) == Some(true)) {
                    return None;
                }
                self.count_states(at);
                for target in &mut self.jobs[at].targets {
                    if serials.binary_search(&target.serial).is_ok() {
                        target.set(AWAY, detached.binary_search(&target.serial).is_ok());
                    }
                }
                self.requeue(at, serials);
            }
            Step::JobEnded(_, state) if under_way && state.is_over() => {
                if self.jobs[at].targets.iter().any(|target| !target.state.is_terminal()) {
                    return None;
                }
                self.count_again(at);
                self.jobs[at].end(state);
                let keep = self.jobs[at].policy.keep;
                self.set_due(at, keep);
            }
            Step::Reported(_) if over => self.jobs[at].reported = true,
            _ => return None,
        }
        Some(())
    }

    fn replay_round(&mut self, at: usize) {
        self.open_round(at);
        let time = self.jobs[at].policy.job_time;
        self.set_due(at, Some(time));
    }

    /// The target of a ticket, if it is not at its end.
    fn open_target(&self, at: usize, ticket: Ticket) -> Option<u32> {
        let index = self.jobs[at].index_of(ticket.serial)?;
        (!self.jobs[at].targets[index as usize].state.is_terminal()).then_some(index)
    }

    /// The target of a ticket, if it is in flight for it.
    fn flying(&self, at: usize, ticket: Ticket) -> Option<(u32, u32)> {
        let index = self.open_target(at, ticket)?;
        let target = &self.jobs[at].targets[index as usize];
        let here = target.state.is_in_flight() && target.tries == ticket.attempt;
        Some((index, target.live().filter(|_| here)?))
    }

    fn count_states(&mut self, at: usize) {
        let job = &mut self.jobs[at];
        job.counts = [0; TargetState::COUNT];
        for target in &job.targets {
            job.counts[target.state.index()] += 1;
        }
        job.open = 0;
    }
}

fn answer_of(status: u16, same_value: bool, data: Option<&Returned>) -> Answer<'_> {
    let mut answer = Answer::new(StatusCode::new(status));
    if same_value {
        answer = answer.with_same_value();
    }
    let Some(returned) = data else { return answer };
    if let Some(data) = &returned.data {
        answer = answer.with_data(data).with_size(returned.size);
    }
    if let Some(format) = &returned.format {
        answer = answer.with_format(format);
    }
    if let Some(media_type) = &returned.media_type {
        answer = answer.with_media_type(media_type);
    }
    answer
}
