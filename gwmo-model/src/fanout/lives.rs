//! What is kept of targets while they are under way, and their clocks.

use alloc::vec::Vec;
use core::time::Duration;

use dm_syncml::Instant;

use super::job::JobNo;
use super::ledger::Ledger;
use super::target::NONE;

/// A target that was begun with and is not at its end, or has a pause to keep. There is one for each device in flight, so
/// it is small: what can be found by `index` is not here.
#[derive(Debug)]
pub(super) struct Live {
    /// The deadline, in two numbers that leave no gap between the fields.
    seconds: u64,
    nanos: u32,
    pub(super) job: JobNo,
    pub(super) index: u32,
    prev: u32,
    /// The next in the lane, or the next free room.
    next: u32,
    /// Attempts that do not count: of earlier rounds, or ended by a restart.
    pub(super) pardoned: u16,
    pub(super) clock: Clock,
    /// Operations were decided to be delivered and not handed out, since their record is not stored.
    pub(super) held: bool,
    pub(super) ledger: Ledger,
}

impl Live {
    const fn new() -> Self {
        Self {
            seconds: 0,
            nanos: 0,
            job: JobNo::new(0),
            index: 0,
            prev: NONE,
            next: NONE,
            pardoned: 0,
            clock: Clock::Stopped,
            held: false,
            ledger: Ledger::Untouched,
        }
    }

    pub(super) const fn until(&self) -> Instant {
        Instant::new(Duration::new(self.seconds, self.nanos))
    }

    pub(super) const fn set_until(&mut self, until: Instant) {
        let until = until.since_epoch();
        (self.seconds, self.nanos) = (until.as_secs(), until.subsec_nanos());
    }
}

/// What a deadline is for. The first three have one length for all targets of a job, so they end in the order they
/// began in: a list is enough to find the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Clock {
    Notify,
    Session,
    Async,
    /// Of any length: kept in order.
    Odd,
    Stopped,
}

/// The targets of a job with the same clock, the one that is due first in front.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lane {
    first: u32,
    last: u32,
}

impl Default for Lane {
    fn default() -> Self {
        Self { first: NONE, last: NONE }
    }
}

impl Lane {
    pub(super) fn first(&self) -> Option<u32> {
        (self.first != NONE).then_some(self.first)
    }
}

/// The targets under way of all jobs. Rooms are used again, with what they have allocated.
#[derive(Debug)]
pub(super) struct Lives {
    rooms: Vec<Live>,
    /// The first free room; each names the next.
    free: u32,
    used: u32,
}

impl Default for Lives {
    fn default() -> Self {
        Self { rooms: Vec::new(), free: NONE, used: 0 }
    }
}

impl Lives {
    pub(super) fn insert(&mut self, job: JobNo, index: u32) -> u32 {
        self.used += 1;
        let at = self.free;
        if let Some(live) = self.rooms.get_mut(at as usize) {
            self.free = live.next;
            (live.job, live.index) = (job, index);
            return at;
        }
        if self.rooms.len() == self.rooms.capacity() {
            // More than the window was made room for: by a quarter, since there may be many.
            self.rooms.reserve_exact((self.rooms.len() / 4).max(16));
        }
        self.rooms.push(Live { job, index, ..Live::new() });
        (self.rooms.len() - 1) as u32 // at most one for each target
    }

    /// Frees a room; its clock must have been stopped.
    pub(super) fn remove(&mut self, at: u32) {
        let live = &mut self.rooms[at as usize];
        live.ledger.clear();
        live.held = false;
        live.pardoned = 0;
        live.next = self.free;
        self.free = at;
        self.used -= 1;
    }

    /// Makes room for this many more at once.
    pub(super) fn reserve(&mut self, more: u32) {
        let (wanted, all) = (self.used as usize + more as usize, self.rooms.len());
        if wanted > self.rooms.capacity() {
            self.rooms.reserve_exact((wanted - all).max(all / 4));
        }
    }

    /// Gives back the memory, if nobody needs it now.
    pub(super) fn relax(&mut self) {
        if self.used == 0 {
            *self = Self::default();
        }
    }

    pub(super) fn get(&self, at: u32) -> &Live {
        &self.rooms[at as usize]
    }

    pub(super) fn get_mut(&mut self, at: u32) -> &mut Live {
        &mut self.rooms[at as usize]
    }

    /// Every room, used or not.
    pub(super) fn rooms_mut(&mut self) -> impl Iterator<Item = &mut Live> {
        self.rooms.iter_mut()
    }

    pub(super) fn push(&mut self, lane: &mut Lane, at: u32) {
        let last = lane.last;
        let live = &mut self.rooms[at as usize];
        (live.prev, live.next) = (last, NONE);
        lane.last = at;
        if last == NONE {
            lane.first = at;
        } else {
            self.rooms[last as usize].next = at;
        }
    }

    pub(super) fn unlink(&mut self, lane: &mut Lane, at: u32) {
        let Live { prev, next, .. } = self.rooms[at as usize];
        match prev {
            NONE => lane.first = next,
            prev => self.rooms[prev as usize].next = next,
        }
        match next {
            NONE => lane.last = prev,
            next => self.rooms[next as usize].prev = prev,
        }
    }
}
