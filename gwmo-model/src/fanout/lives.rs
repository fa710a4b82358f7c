//! What is kept of targets while they are under way, and their clocks.

use alloc::vec::Vec;

use dm_syncml::Instant;

use super::job::JobNo;
use super::ledger::Ledger;
use super::target::NONE;
use crate::device::Serial;

/// A target that was begun with and is not at its end, or has a pause to keep.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) job: JobNo,
    pub(super) index: u32,
    pub(super) serial: Serial,
    pub(super) until: Instant,
    prev: u32,
    next: u32,
    pub(super) clock: Clock,
    /// Operations were decided to be delivered and not handed out, since their record is not stored.
    pub(super) held: bool,
    /// Attempts that do not count: of earlier rounds, or ended by a restart.
    pub(super) pardoned: u16,
    /// The outcome of the round before.
    pub(super) former: u32,
    pub(super) ledger: Ledger,
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
#[derive(Debug, Default)]
pub(super) struct Lives {
    rooms: Vec<Live>,
    free: Vec<u32>,
}

impl Lives {
    pub(super) fn insert(&mut self, job: JobNo, index: u32, serial: Serial) -> u32 {
        if let Some(at) = self.free.pop() {
            let live = &mut self.rooms[at as usize];
            (live.job, live.index, live.serial) = (job, index, serial);
            return at;
        }
        self.rooms.push(Live {
            job,
            index,
            serial,
            until: Instant::EPOCH,
            prev: NONE,
            next: NONE,
            clock: Clock::Stopped,
            held: false,
            pardoned: 0,
            former: NONE,
            ledger: Ledger::default(),
        });
        (self.rooms.len() - 1) as u32 // at most one for each target
    }

    /// Frees a room; its clock must have been stopped.
    pub(super) fn remove(&mut self, at: u32) {
        let live = &mut self.rooms[at as usize];
        live.ledger.clear();
        live.held = false;
        live.pardoned = 0;
        live.former = NONE;
        self.free.push(at);
    }

    /// Gives back the memory, if nobody needs it now.
    pub(super) fn relax(&mut self) {
        if self.free.len() == self.rooms.len() {
            (self.rooms, self.free) = (Vec::new(), Vec::new());
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
