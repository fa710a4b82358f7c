//! Who is next: the window, the rate, the stages, and turns.

use core::time::Duration;

use dm_syncml::Instant;

use super::entry::Job;
use super::job::{JobState, Ticket};
use super::machine::{Fanout, Held};
use super::record::Step;
use super::target::{AGAIN, LISTED, READY, STARTED, TargetState};
use super::transition::Event;

impl Fanout {
    /// Decides one thing to be done; whether there was one.
    pub(super) fn decide(&mut self) -> bool {
        while let Some(ticket) = self.deliver.pop_front() {
            if self.decide_delivery(ticket) {
                return true;
            }
        }
        if !self.unsettled.is_empty() {
            self.handle_tick(self.now);
            return true;
        }
        if self.idle {
            return false;
        }
        while self.in_flight < self.limits.window {
            if let Some((at, index)) = self.next_ready() {
                self.begin(at, index, Event::SessionOpened);
                return true;
            }
            if let Some(serial) = self.contention.next_in_session() {
                self.offer_again(serial);
                continue;
            }
            // One at a time, so that what several jobs want does not hold up what nobody else does.
            if let Some(serial) = self.contention.next_free() {
                self.offer_again(serial);
            }
            let Some((at, index)) = self.next_queued() else {
                if self.contention.has_free() {
                    continue;
                }
                self.idle = true;
                return false;
            };
            let job = &self.jobs[at];
            let serial = job.targets[index as usize].serial;
            if !self.devices.is_free(serial) {
                // Busy with another job; offered again when that is done.
                self.contention.want(serial, job.number);
                continue;
            }
            let in_session = self.devices.has_session(serial);
            if !in_session {
                self.take_turn(at);
            }
            self.begin(at, index, if in_session { Event::SessionOpened } else { Event::Dispatched });
            return true;
        }
        self.idle = true;
        false
    }

    /// A job may have something to begin with that it had not before.
    pub(super) fn stir(&mut self, at: usize) {
        self.idle = false;
        if self.jobs.len() < 2 {
            return;
        }
        let job = &mut self.jobs[at];
        if !job.has_room() {
            return;
        }
        if !job.ready.is_empty() {
            self.ready.insert(job.number);
        }
        if !job.waits {
            job.waits = true;
            self.turns.wait(job.owner_no, job.served, job.number);
        }
    }

    /// A job does not wait for a turn any more.
    pub(super) fn calm(&mut self, at: usize) {
        let job = &mut self.jobs[at];
        if core::mem::take(&mut job.waits) {
            self.turns.give_up(job.owner_no, job.served, job.number);
        }
    }

    /// The operations an attempt in session has to deliver, which count as delivered from here on.
    fn decide_delivery(&mut self, ticket: Ticket) -> bool {
        let Some((at, index)) = self.current(ticket) else { return false };
        let job = &self.jobs[at];
        let target = &job.targets[index as usize];
        let may = matches!(job.state, JobState::Running | JobState::Paused);
        let (TargetState::InSession, true, Some(room)) = (target.state, may, target.live()) else {
            return false;
        };
        let live = self.lives.get_mut(room);
        let Some(ops) = live.ledger.due(&job.ops) else {
            // What was accepted before has failed meanwhile, and leaves nothing to do.
            if live.ledger.work(&job.ops).outstanding == 0 {
                self.apply(at, index, Event::Answered);
            }
            return false;
        };
        live.ledger.deliver(&job.ops, ops.clone(), ticket.attempt);
        live.held = true;
        self.record(Step::Delivered(ticket, ops.clone()));
        self.journal.hold(Held::Deliver(ticket, ops));
        true
    }

    /// Starts an attempt.
    fn begin(&mut self, at: usize, index: u32, event: Event) {
        let job = &mut self.jobs[at];
        let target = &mut job.targets[index as usize];
        target.set(READY, false);
        let ticket = Ticket::new(job.number, target.serial, target.tries.saturating_add(1));
        if !target.is(STARTED) {
            target.set(STARTED, true);
            job.begun += 1;
            job.begun_open += 1;
        }
        self.record(Step::Dispatched(ticket));
        self.apply(at, index, event);
        if event == Event::Dispatched {
            self.journal.hold(Held::Notify(ticket));
        }
    }

    /// A waiting target whose device is in session: jobs in order, so that the jobs of one device are.
    fn next_ready(&mut self) -> Option<(usize, u32)> {
        if self.jobs.len() == 1 {
            return self.next_ready_of(0).map(|index| (0, index));
        }
        while let Some(number) = self.ready.first() {
            if let Some(at) = self.position(number)
                && let Some(index) = self.next_ready_of(at)
            {
                return Some((at, index));
            }
            self.ready.remove(&number);
        }
        None
    }

    fn next_ready_of(&mut self, at: usize) -> Option<u32> {
        let job = &mut self.jobs[at];
        if job.ready.is_empty() || !job.has_room() {
            return None;
        }
        while let Some(index) = job.ready.pop_front() {
            let target = &mut job.targets[index as usize];
            target.set(READY, false);
            let may = target.is(STARTED) || job.begun < job.quota;
            if may && target.state.is_waiting() {
                if self.devices.is_ready(target.serial) {
                    return Some(index);
                }
                if self.devices.has_session(target.serial) {
                    self.contention.want(target.serial, job.number);
                }
            }
        }
        None
    }

    /// A queued target of the job whose turn it is, which is taken off its queue.
    fn next_queued(&mut self) -> Option<(usize, u32)> {
        if let [job] = &mut *self.jobs {
            let found = job.next_queued(self.now);
            self.note_rate(0);
            return found.map(|index| (0, index));
        }
        while let Some(number) = self.turns.next() {
            let at = self.position(number)?;
            if let Some(index) = self.jobs[at].next_queued(self.now) {
                return Some((at, index));
            }
            self.note_rate(at);
            self.calm(at);
        }
        None
    }

    /// Counts the turn of a job and its owner.
    fn take_turn(&mut self, at: usize) {
        let job = &mut self.jobs[at];
        job.served = self.turns.take(job.owner_no, job.served, job.number, job.waits);
        if job.policy.rate > 0 {
            let gap = Duration::from_secs(60) / job.policy.rate;
            job.next_start = job.next_start.max(self.now) + gap;
        }
    }

    fn note_rate(&mut self, at: usize) {
        let job = &self.jobs[at];
        if job.waits_for_rate() {
            let due = job.next_start;
            self.due_in(at, due);
        }
    }
}

impl Job {
    pub(super) fn has_room(&self) -> bool {
        self.state == JobState::Running && self.in_flight < self.policy.window.max(1)
    }

    /// Whether somebody could be notified as soon as the rate allows it. Nobody is in a job that was paused or cancelled
    /// meanwhile.
    pub(super) fn waits_for_rate(&self) -> bool {
        self.rate_waits && self.state == JobState::Running
    }

    /// Whether somebody may be notified now; finds the place.
    fn has_queued(&mut self, now: Instant) -> bool {
        let queued = self.peek_again().is_some() || self.peek_fresh().is_some();
        self.rate_waits = queued && self.policy.rate > 0 && self.next_start > now;
        queued && !self.rate_waits
    }

    /// Takes who may be notified now off its queue.
    fn next_queued(&mut self, now: Instant) -> Option<u32> {
        if !self.has_room() || !self.has_queued(now) {
            return None;
        }
        // In turns, so that neither waits for the end of the other.
        let again = if self.flip { None } else { self.peek_again() };
        let fresh = if again.is_some() { None } else { self.peek_fresh() };
        let again = if fresh.is_some() { None } else { again.or_else(|| self.peek_again()) };
        self.flip = again.is_some();
        if let Some(index) = again {
            self.again.pop_front();
            self.targets[index as usize].set(AGAIN, false);
            return Some(index);
        }
        let index = fresh?;
        if self.fresh.front() == Some(&index) {
            self.fresh.pop_front();
        } else {
            self.cursor = index + 1;
        }
        self.targets[index as usize].set(LISTED, false);
        Some(index)
    }

    fn peek_again(&mut self) -> Option<u32> {
        while let Some(&index) = self.again.front() {
            let target = &mut self.targets[index as usize];
            if target.state == TargetState::Queued {
                return Some(index);
            }
            target.set(AGAIN, false);
            self.again.pop_front();
        }
        None
    }

    fn peek_fresh(&mut self) -> Option<u32> {
        if self.begun >= self.quota {
            return None;
        }
        while let Some(&index) = self.fresh.front() {
            let target = &mut self.targets[index as usize];
            if target.state == TargetState::Queued && !target.is(STARTED) {
                return Some(index);
            }
            target.set(LISTED, false);
            self.fresh.pop_front();
        }
        while let Some(target) = self.targets.get_mut(self.cursor as usize) {
            if target.is(LISTED) && target.state == TargetState::Queued && !target.is(STARTED) {
                return Some(self.cursor);
            }
            target.set(LISTED, false);
            self.cursor += 1;
        }
        None
    }
}
