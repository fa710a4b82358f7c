//! What is due when.

use dm_syncml::Instant;

use super::entry::Job;
use super::lives::{Clock, Lane, Lives};
use super::machine::{Fanout, Timer};
use super::transition::Event;

impl Fanout {
    /// Something is due then.
    pub(super) fn due_at(&mut self, due: Instant) {
        self.earliest = Some(self.earliest.map_or(due, |at| at.min(due)));
    }

    /// Something is due then for a target of this job.
    pub(super) fn due_in(&mut self, at: usize, due: Instant) {
        self.due_at(due);
        let job = &mut self.jobs[at];
        if job.alarm.is_none_or(|alarm| due < alarm) {
            if let Some(alarm) = job.alarm.replace(due) {
                self.alarms.remove(&(alarm, job.number));
            }
            self.alarms.insert((due, job.number));
        }
    }

    /// When the next thing is due.
    pub(super) fn soonest(&mut self) -> Option<Instant> {
        self.first_due().map(|(at, _)| at)
    }

    /// When the next thing is due, and for a target of which job, unless it is kept among the odd ones: these come last at the
    /// same instant.
    fn first_due(&mut self) -> Option<(Instant, Option<usize>)> {
        let odd = self.odd.first().map(|(at, _)| *at);
        let first = match &*self.jobs {
            [job] => job.soonest(&self.lives).map(|due| (due, 0)),
            _ => self.first_alarm(odd),
        };
        match (first, odd) {
            (Some((due, _)), Some(odd)) if odd < due => Some((odd, None)),
            (Some((due, at)), _) => Some((due, Some(at))),
            (None, odd) => odd.map(|odd| (odd, None)),
        }
    }

    /// The first alarm, and of which job, that is not after `until`.
    fn first_alarm(&mut self, until: Option<Instant>) -> Option<(Instant, usize)> {
        loop {
            let &(alarm, number) = self.alarms.first()?;
            if until.is_some_and(|until| until < alarm) {
                return None;
            }
            let at = self.position(number)?;
            let job = &mut self.jobs[at];
            let due = job.soonest(&self.lives);
            if due == Some(alarm) {
                return Some((alarm, at));
            }
            // What was due then was done before.
            self.alarms.pop_first();
            job.alarm = due;
            self.alarms.extend(due.map(|due| (due, number)));
        }
    }

    /// Lets the first thing happen that is due; whether there was one.
    pub(super) fn fire(&mut self) -> bool {
        let first = self.first_due();
        self.earliest = first.map(|(due, _)| due);
        let Some((due, at)) = first.filter(|(due, _)| *due <= self.now) else { return false };
        match at {
            Some(at) => self.fire_in(at, due),
            None => self.fire_odd(),
        }
        true
    }

    /// Lets the first thing happen that is due in this job at this instant.
    fn fire_in(&mut self, at: usize, due: Instant) {
        for lane in 0..self.jobs[at].lanes.len() {
            if let Some(room) = self.jobs[at].lanes[lane].first()
                && self.lives.get(room).until() == due
            {
                let index = self.lives.get(room).index;
                self.stop_clock(at, room);
                return self.apply(at, index, Event::Due);
            }
        }
        self.jobs[at].rate_waits = false;
        self.stir(at);
    }

    fn fire_odd(&mut self) {
        let Some((_, timer)) = self.odd.pop_first() else { return };
        match timer {
            Timer::Wake(serial) => {
                self.asleep.remove(&serial);
                self.apply_to_waiting(serial, |this, at| this.attached(at, serial));
            }
            Timer::Target(number, serial) => {
                if let Some(at) = self.position(number)
                    && let Some(index) = self.jobs[at].index_of(serial)
                {
                    if let Some(room) = self.jobs[at].targets[index as usize].live() {
                        self.lives.get_mut(room).clock = Clock::Stopped;
                    }
                    self.apply(at, index, Event::Due);
                }
            }
            Timer::Job(number) => self.job_due(number),
        }
    }
}

impl Job {
    /// When the next thing is due for its targets, those aside that are kept among the odd ones.
    fn soonest(&self, lives: &Lives) -> Option<Instant> {
        let mut soonest = self.waits_for_rate().then_some(self.next_start);
        for room in self.lanes.iter().filter_map(Lane::first) {
            let until = lives.get(room).until();
            soonest = Some(soonest.map_or(until, |at| at.min(until)));
        }
        soonest
    }
}
