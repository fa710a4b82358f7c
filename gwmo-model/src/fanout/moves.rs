//! What happens to targets, and every index kept in step with it.

use core::time::Duration;

use dm_syncml::Instant;

use super::audit::Audit;
use super::code::ResultCode;
use super::job::{JobState, SessionEnd, Ticket};
use super::ledger::{MAX_NAME, Taken, Work};
use super::lives::Clock;
use super::machine::{Fanout, Timer};
use super::operation::Answer;
use super::record::{Returned, Step};
use super::target::{
    AGAIN, AWAY, CANCELLED, FACTS, LATE, LISTED, LIVE, MET, NONE, READY, STARTED, TargetState,
};
use super::transition::{Event, Facts, Stage};
use crate::device::Serial;

impl Fanout {
    /// The target of an attempt that is in flight.
    pub(super) fn current(&self, ticket: Ticket) -> Option<(usize, u32)> {
        let at = self.position(ticket.job)?;
        let job = &self.jobs[at];
        let index = job.index_of(ticket.serial)?;
        let target = &job.targets[index as usize];
        (target.tries == ticket.attempt && target.state.is_in_flight()).then_some((at, index))
    }

    pub(super) fn apply_to_device(&mut self, serial: Serial, event: Event) {
        if let Some(room) = self.devices.live(serial) {
            let live = self.lives.get(room);
            let index = live.index;
            if let Some(at) = self.position(live.job) {
                self.apply(at, index, event);
            }
        }
    }

    /// Moves one target, if the event does.
    pub(super) fn apply(&mut self, at: usize, index: u32, event: Event) {
        let job = &mut self.jobs[at];
        let target = &mut job.targets[index as usize];
        let room = target.live();
        let ops = &job.ops;
        let mut recalled = false;
        let (work, pardoned) = if let Some(room) = room {
            let live = self.lives.get_mut(room);
            // What was handed out last was not sent, or was not even handed out.
            let unsent = match event {
                Event::Denied(_) | Event::Busy => true,
                Event::SessionClosed(SessionEnd::Refused(_) | SessionEnd::Busy) => true,
                Event::SessionClosed(_) | Event::Due | Event::Ending(_) | Event::JobTimeUp => live.held,
                _ => false,
            };
            if unsent && target.state == TargetState::InSession {
                recalled = live.ledger.work(ops).outstanding > 0;
                live.ledger.recall(ops);
                live.held = false;
            }
            (live.ledger.work(ops), live.pardoned)
        } else {
            (Work::untouched(ops.len() as u16), 0) // at most `max_ops`
        };
        let was = target.state;
        let ticket = Ticket::new(job.number, target.serial, target.tries);
        let facts = Facts {
            policy: &job.policy,
            tries: target.tries.saturating_sub(pardoned),
            away: target.is(AWAY),
            asleep: !self.asleep.is_empty() && self.asleep.contains_key(&target.serial),
            met: target.is(MET),
            ending: job.ending.is_some(),
            work,
        };
        let to = Stage::step(was, event, &facts);
        let stays = !was.is_terminal() && to.is_none_or(|to| !to.state().is_terminal());
        if matches!(event, Event::Ending(_)) && stays {
            target.set(CANCELLED, true);
        }
        if recalled {
            // What it was not asked, it does not owe.
            target.set(CANCELLED, false);
            self.record(Step::Recalled(ticket, None));
        }
        let Some(to) = to else { return };
        let is = to.state();
        if is == was {
            if let Some(room) = room {
                self.start_clock(at, room, is, Duration::ZERO);
            }
            return;
        }
        let wait = match (to, was) {
            (Stage::Backoff, TargetState::WaitAttach) => self.release_pause(at, ticket.serial),
            (Stage::Backoff, _) => self.jobs[at].policy.pause_after(ticket.attempt.saturating_sub(pardoned)),
            _ => Duration::ZERO,
        };
        self.move_target(at, index, to, event, wait);
    }

    /// Moves one target to another state.
    pub(super) fn move_target(&mut self, at: usize, index: u32, to: Stage, event: Event, wait: Duration) {
        let is = to.state();
        let job = &mut self.jobs[at];
        let stamp = job.stamp(self.now);
        let number = job.number;
        let target = &mut job.targets[index as usize];
        let (was, serial) = (target.state, target.serial);
        target.state = is;
        target.since = stamp;
        job.counts[was.index()] -= 1;
        job.counts[is.index()] += 1;
        if is.is_in_flight() || matches!(to, Stage::Backoff | Stage::AwaitAsync) {
            let room = self.ensure_live(at, index);
            self.start_clock(at, room, is, wait);
            let job = &mut self.jobs[at];
            let target = &mut job.targets[index as usize];
            if is.is_in_flight() && !was.is_in_flight() {
                target.tries = target.tries.saturating_add(1);
                job.in_flight += 1;
                self.in_flight += 1;
                self.devices.take(serial, room);
            }
            let ticket = Ticket::new(number, serial, target.tries);
            match is {
                TargetState::InSession => {
                    target.set(MET, true);
                    self.deliver.push_back(ticket);
                }
                TargetState::AwaitAsync => self.record(Step::Awaiting(ticket)),
                TargetState::Backoff if was != TargetState::WaitAttach => {
                    let met = target.is(MET);
                    self.record(Step::Lost { ticket, wait, met });
                    self.retry_bad(at, room);
                    self.audit(Audit::Retry { ticket });
                }
                _ => {}
            }
        } else if let Some(room) = self.jobs[at].targets[index as usize].live() {
            self.stop_clock(at, room);
        }
        if let Stage::Ended(state, code) = to {
            self.end_target(at, index, state, code);
        }
        self.touch(at);
        if was.is_in_flight() && !is.is_in_flight() {
            if let Some(room) = self.jobs[at].targets[index as usize].live() {
                self.lives.get_mut(room).ledger.lose();
                self.lives.get_mut(room).held = false;
            }
            self.jobs[at].in_flight -= 1;
            self.in_flight -= 1;
            self.stir(at);
            let mut session = self.devices.release(serial);
            if was == TargetState::InSession && event == Event::Due {
                self.aborts.push_back(serial);
                self.devices.close_session(serial);
                session = false;
            }
            if is.is_waiting() {
                self.enqueue(at, index, session);
            }
            self.pass_on(serial, session);
        } else if is.is_waiting() {
            self.enqueue_again(at, index);
        }
    }

    /// Keeps what became of a target that is at its end.
    fn end_target(&mut self, at: usize, index: u32, state: TargetState, code: ResultCode) {
        let job = &mut self.jobs[at];
        let number = job.number;
        let target = &mut job.targets[index as usize];
        let (serial, tries) = (target.serial, target.tries);
        target.code = code.get();
        let flags = target.flags() & FACTS;
        self.keep_outcome(at, index);
        let job = &mut self.jobs[at];
        job.open -= 1;
        job.round_ended += 1;
        job.round_failed += u32::from(state.is_failure());
        if job.targets[index as usize].is(STARTED) {
            job.begun_open -= 1;
        }
        self.unsettle(at);
        let ticket = Ticket::new(number, serial, tries);
        self.record(Step::Ended { ticket, state, code, flags });
        if state != TargetState::Ok {
            self.audit(Audit::Ended { ticket, state, code });
        }
    }

    /// Moves what is known of the operations from the lives to the outcomes.
    pub(super) fn keep_outcome(&mut self, at: usize, index: u32) {
        let job = &mut self.jobs[at];
        let target = &mut job.targets[index as usize];
        let Some(room) = target.live() else {
            // The outcome of the round before, if there was one, is of attempts that were made.
            return;
        };
        let live = self.lives.get_mut(room);
        let former = if job.formers.is_empty() { None } else { job.formers.remove(&target.serial) };
        if !target.is(STARTED) && live.ledger.slots().is_empty() {
            // It did no more in this round than keep a pause.
            target.set(LIVE, false);
            target.link = former.unwrap_or(NONE);
            return self.lives.remove(room);
        }
        if let Some(former) = former {
            let freed = u64::from(job.outcomes.remove(former));
            job.stored -= freed;
            self.stored -= freed;
        }
        let ledger = &mut live.ledger;
        ledger.lose();
        target.set(LIVE, false);
        target.link = NONE;
        match ledger.uniform() {
            Some((uniform, status)) => (target.uniform, target.status) = (uniform, status),
            None => {
                let used = u64::from(ledger.used());
                let (link, is_new) = job.outcomes.insert(ledger.take_slots());
                target.link = link;
                if !is_new {
                    job.stored -= used;
                    self.stored -= used;
                }
            }
        }
        self.lives.remove(room);
    }

    /// The room of a target that gets under way.
    pub(super) fn ensure_live(&mut self, at: usize, index: u32) -> u32 {
        let job = &mut self.jobs[at];
        let target = &mut job.targets[index as usize];
        if let Some(room) = target.live() {
            return room;
        }
        let room = self.lives.insert(job.number, index);
        self.lives.get_mut(room).pardoned = target.tries;
        if let Some(former) = target.outcome() {
            job.formers.insert(target.serial, former);
        }
        target.set(LIVE, true);
        target.link = room;
        room
    }

    /// Makes what failed due again, if everything was answered and that is why there is another attempt.
    pub(super) fn retry_bad(&mut self, at: usize, room: u32) {
        let job = &mut self.jobs[at];
        let live = self.lives.get_mut(room);
        let work = live.ledger.work(&job.ops);
        if (work.left == 0 || work.halted) && work.bad.may_mend(job.policy.retry_on) {
            let freed = u64::from(live.ledger.reopen());
            job.stored -= freed;
            self.stored -= freed;
        }
    }

    /// Starts the clock of a state.
    pub(super) fn start_clock(&mut self, at: usize, room: u32, state: TargetState, wait: Duration) {
        let policy = &self.jobs[at].policy;
        let (clock, time) = match state {
            TargetState::Notifying => (Clock::Notify, policy.t_notify),
            TargetState::InSession => (Clock::Session, policy.t_session),
            TargetState::AwaitAsync => (Clock::Async, policy.t_async),
            _ => (Clock::Odd, wait),
        };
        let until = self.now + time;
        let live = self.lives.get(room);
        // Started anew at the instant it was started: nothing to move.
        if (live.clock, live.until()) != (clock, until) {
            self.stop_clock(at, room);
            self.run_clock(at, room, clock, until);
        }
    }

    /// Lets a clock run that is stopped.
    pub(super) fn run_clock(&mut self, at: usize, room: u32, clock: Clock, until: Instant) {
        let live = self.lives.get_mut(room);
        live.set_until(until);
        live.clock = clock;
        let index = live.index as usize;
        match clock {
            Clock::Odd => {
                let job = &self.jobs[at];
                self.odd.insert((until, Timer::Target(job.number, job.targets[index].serial)));
            }
            Clock::Stopped => return,
            lane => self.lives.push(&mut self.jobs[at].lanes[lane as usize], room),
        }
        self.due_in(at, until);
    }

    pub(super) fn stop_clock(&mut self, at: usize, room: u32) {
        let live = self.lives.get_mut(room);
        let (clock, until, index) = (live.clock, live.until(), live.index as usize);
        live.clock = Clock::Stopped;
        match clock {
            Clock::Stopped => {}
            Clock::Odd => {
                let job = &self.jobs[at];
                self.odd.remove(&(until, Timer::Target(job.number, job.targets[index].serial)));
            }
            lane => self.lives.unlink(&mut self.jobs[at].lanes[lane as usize], room),
        }
    }

    /// Puts a waiting target where the dispatcher finds it; whether it is there now.
    pub(super) fn enqueue(&mut self, at: usize, index: u32, session: bool) -> bool {
        let job = &mut self.jobs[at];
        if !matches!(job.state, JobState::Running | JobState::Paused) {
            return false;
        }
        let target = &mut job.targets[index as usize];
        if !target.state.is_waiting() {
            return false;
        }
        let started = target.is(STARTED);
        if target.state == TargetState::Queued {
            let flag = if started { AGAIN } else { LISTED };
            if !target.is(flag) {
                target.set(flag, true);
                if started { &mut job.again } else { &mut job.fresh }.push_back(index);
            }
        }
        if session && !target.is(READY) && (started || job.begun < job.quota) {
            target.set(READY, true);
            job.ready.push_back(index);
        }
        let found = target.is(LISTED | AGAIN | READY);
        self.stir(at);
        found
    }

    /// Puts a waiting target where the dispatcher finds it, now or when its device is free.
    pub(super) fn enqueue_again(&mut self, at: usize, index: u32) {
        let job = &self.jobs[at];
        let serial = job.targets[index as usize].serial;
        let (session, free) = (self.devices.has_session(serial), self.devices.is_free(serial));
        if session && !free {
            self.contention.want(serial, job.number);
        }
        self.enqueue(at, index, session && free);
    }

    /// Devices in session may serve a job that did not want them before.
    pub(super) fn offer_sessions(&mut self, at: usize) {
        for serial in self.devices.in_session() {
            if let Some(index) = self.jobs[at].index_of(serial)
                && self.jobs[at].targets[index as usize].state.is_waiting()
            {
                self.enqueue_again(at, index);
            }
        }
        self.stir(at);
    }

    pub(super) fn session_opened(&mut self, serial: Serial) {
        match self.devices.open_session(serial) {
            Some(room) => {
                let live = self.lives.get(room);
                let index = live.index;
                if let Some(at) = self.position(live.job) {
                    self.apply(at, index, Event::SessionOpened);
                }
            }
            None => self.offer(serial, true),
        }
    }

    pub(super) fn answer(&mut self, ticket: Ticket, op: u16, answer: &Answer<'_>) -> bool {
        let Some((at, index)) = self.current(ticket) else { return false };
        let (room_left, room) = self.room_for(at, index);
        let job = &mut self.jobs[at];
        let (Some(&known), Some(room)) = (job.ops.get(usize::from(op)), room) else { return false };
        let live = self.lives.get_mut(room);
        // What was not handed out cannot have been answered.
        if live.held {
            return false;
        }
        let Some(taken) = live.ledger.answer(op, known, answer, room_left) else { return false };
        if let Taken::Final { used } = taken {
            self.store(at, used, answer);
        }
        self.record_answer(ticket, op, answer, false, room_left);
        self.touch(at);
        self.apply(at, index, Event::Answered);
        let job = &self.jobs[at];
        let more = |room| self.lives.get(room).ledger.due(&job.ops).is_some();
        if job.targets[index as usize].live().is_some_and(more) {
            self.deliver.push_back(ticket);
        }
        true
    }

    /// Takes the result of what was accepted: whether it counts.
    pub(super) fn async_done(&mut self, ticket: Ticket, op: u16, answer: &Answer<'_>) -> bool {
        let Some(at) = self.position(ticket.job) else {
            self.late += 1;
            return false;
        };
        let Some(index) = self.jobs[at].index_of(ticket.serial) else {
            self.late += 1;
            return false;
        };
        let (room_left, room) = self.room_for(at, index);
        let job = &mut self.jobs[at];
        let used = job.ops.get(usize::from(op)).zip(room).and_then(|(known, room)| {
            self.lives.get_mut(room).ledger.finish(op, *known, ticket.attempt, answer, room_left)
        });
        let Some(used) = used else {
            self.late += 1;
            job.late += 1;
            let target = &mut job.targets[index as usize];
            if target.state.is_terminal() && !target.is(LATE) && ticket.attempt <= target.tries {
                target.set(LATE, true);
                self.record(Step::Late(ticket.job, ticket.serial));
            }
            self.audit(Audit::LateResult { ticket, code: answer.status().into() });
            return false;
        };
        self.store(at, used, answer);
        self.record_answer(ticket, op, answer, true, room_left);
        self.touch(at);
        self.apply(at, index, Event::Answered);
        true
    }

    /// How many octets may be stored for a target, and where it is kept.
    fn room_for(&self, at: usize, index: u32) -> (u32, Option<u32>) {
        let room = self.jobs[at].targets[index as usize].live();
        let used = room.map_or(0, |room| self.lives.get(room).ledger.used());
        let in_all = u32::try_from(self.limits.max_stored.saturating_sub(self.stored)).unwrap_or(u32::MAX);
        (self.limits.max_result.saturating_sub(used).min(in_all), room)
    }

    /// Counts what was stored.
    fn store(&mut self, at: usize, used: u32, answer: &Answer<'_>) {
        let (data, ..) = answer.parts();
        let job = &mut self.jobs[at];
        job.stored += u64::from(used);
        self.stored += u64::from(used);
        job.cut |= data.is_some_and(|data| data.len() > used as usize);
    }

    fn record_answer(&mut self, ticket: Ticket, op: u16, answer: &Answer<'_>, finished: bool, room: u32) {
        let (data, format, media_type) = answer.parts();
        let any = data.is_some() || format.is_some() || media_type.is_some();
        let data = any.then(|| {
            Returned {
                data: data.map(|data| data[..data.len().min(room as usize)].into()),
                format: format.filter(|name| name.len() <= MAX_NAME).map(Into::into),
                media_type: media_type.filter(|name| name.len() <= MAX_NAME).map(Into::into),
                room,
                size: data.map_or(0, <[u8]>::len),
            }
            .into()
        });
        let status = answer.status().get();
        let same_value = answer.is_same_value();
        self.record(Step::Answered { ticket, op, status, same_value, finished, data });
    }

    pub(super) fn not_sent(&mut self, ticket: Ticket, op: u16) -> bool {
        let Some((at, index)) = self.current(ticket) else { return false };
        let job = &mut self.jobs[at];
        let room = job.targets[index as usize].live();
        let (Some(&known), Some(room)) = (job.ops.get(usize::from(op)), room) else { return false };
        if self.lives.get_mut(room).ledger.recall_one(op, known) {
            self.record(Step::Recalled(ticket, Some(op)));
        }
        true
    }

    /// What it means for a target that its device is there.
    pub(super) fn attached(&self, at: usize, serial: Serial) -> Event {
        Event::Attached { pause: self.release_pause(at, serial) > Duration::ZERO }
    }

    /// How long a device that comes back has to wait for its turn.
    fn release_pause(&self, at: usize, serial: Serial) -> Duration {
        let job = &self.jobs[at];
        let range = job.policy.release_jitter.as_nanos();
        if range == 0 {
            return Duration::ZERO;
        }
        let drawn = u128::from(spread(self.seed, job.number.get(), serial.get()));
        // A part of the range, so it fits wherever the range did; beyond 584 years there is no need to be exact.
        Duration::from_nanos(u64::try_from((range >> 32) * (drawn >> 32) + 1).unwrap_or(u64::MAX))
    }

    /// A device is no longer asleep.
    pub(super) fn wake(&mut self, serial: Serial) {
        if let Some(until) = self.asleep.remove(&serial) {
            self.odd.remove(&(until, Timer::Wake(serial)));
        }
    }

    pub(super) fn fall_asleep(&mut self, serial: Serial, rest: Duration) {
        self.wake(serial);
        let until = self.now + rest;
        self.asleep.insert(serial, until);
        self.odd.insert((until, Timer::Wake(serial)));
        self.due_at(until);
        self.apply_to_waiting(serial, |_, _| Event::Detached);
    }

    pub(super) fn apply_to_waiting(&mut self, serial: Serial, event: impl Fn(&Self, usize) -> Event) {
        self.each_of(serial, |this, at, index| {
            if this.jobs[at].state.is_under_way() {
                let event = event(this, at);
                this.apply(at, index, event);
            }
        });
    }
}

/// A number for a target of a job, evenly spread and always the same for the same seed (SplitMix64).
fn spread(seed: u64, job: u32, serial: u32) -> u64 {
    let mut mixed = seed ^ (u64::from(job) << 32 | u64::from(serial));
    for _ in 0..2 {
        mixed = mixed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
    }
    mixed
}
