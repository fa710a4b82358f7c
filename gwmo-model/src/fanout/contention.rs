//! Devices that several jobs want, and which jobs a device is a target of.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use hashbrown::HashMap;

use super::in_flight::BySerial;
use super::job::{JobNo, JobState};
use super::machine::Fanout;
use super::target::NONE;
use super::turns::Line;
use crate::device::Serial;

/// With so few jobs it is quicker to ask each of them.
const FEW: usize = 8;

/// Devices that jobs were refused because they served another, and what is to be offered to whom.
#[derive(Debug, Default)]
pub(super) struct Contention {
    wanted: HashMap<Serial, Wanted, BySerial>,
    /// Free devices in session that were offered to one job and are wanted by more, and some that are not any more.
    in_session: VecDeque<Serial>,
    /// The same of devices that are not in session.
    free: VecDeque<Serial>,
}

/// Who wants a device as soon as it is free. A job is taken out when it is offered the device, which it then finds in its
/// own queues: however many jobs want a device, the end of one session costs one step.
#[derive(Debug, Default)]
struct Wanted {
    jobs: Line<JobNo>,
    /// It is in one of the queues.
    listed: bool,
}

impl Contention {
    pub(super) fn want(&mut self, serial: Serial, job: JobNo) {
        self.wanted.entry(serial).or_default().jobs.insert(job);
    }

    /// Takes out the first job that wants a device.
    fn next_of(&mut self, serial: Serial) -> Option<JobNo> {
        let wanted = self.wanted.get_mut(&serial)?;
        let job = wanted.jobs.pop_first();
        // One that is in a queue stays known, so that it is in there once.
        if wanted.jobs.is_empty() && !wanted.listed {
            self.wanted.remove(&serial);
        }
        job
    }

    /// Has a device offered again if more jobs want it; whether some do.
    fn list(&mut self, serial: Serial, session: bool) -> bool {
        let Some(wanted) = self.wanted.get_mut(&serial).filter(|wanted| !wanted.jobs.is_empty()) else {
            return false;
        };
        if !core::mem::replace(&mut wanted.listed, true) {
            if session { &mut self.in_session } else { &mut self.free }.push_back(serial);
        }
        true
    }

    /// Whether nobody wants any device that another job has.
    pub(super) fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// The next device in session to be offered to one job more.
    pub(super) fn next_in_session(&mut self) -> Option<Serial> {
        let serial = self.in_session.pop_front()?;
        self.unlist(serial);
        Some(serial)
    }

    /// The next free device to be offered to one job more; all of them have their turn.
    pub(super) fn next_free(&mut self) -> Option<Serial> {
        let serial = self.free.pop_front()?;
        self.unlist(serial);
        Some(serial)
    }

    fn unlist(&mut self, serial: Serial) {
        if let Some(wanted) = self.wanted.get_mut(&serial) {
            wanted.listed = false;
            if wanted.jobs.is_empty() {
                self.wanted.remove(&serial);
            }
        }
    }

    pub(super) fn has_free(&self) -> bool {
        !self.free.is_empty()
    }
}

/// Which jobs have a device among their targets; kept while there are more than a few jobs.
#[derive(Debug, Default)]
pub(super) struct Places {
    first: HashMap<Serial, u32, BySerial>,
    /// Each names the next with the same device.
    entries: Vec<(JobNo, u32)>,
    /// Whether some device of this number, by its last bits, is in several jobs: a small answer to the question that is asked
    /// most.
    shared: Vec<u64>,
    /// Entries of jobs that are gone.
    gone: usize,
    made: bool,
    /// The jobs that were found last; kept for its memory.
    found: Vec<JobNo>,
}

impl Places {
    /// A job has more targets.
    pub(super) fn add(&mut self, job: JobNo, serials: impl ExactSizeIterator<Item = Serial>) {
        if !self.made {
            return;
        }
        self.entries.reserve(serials.len());
        for serial in serials {
            let place = self.entries.len() as u32; // no more than are targets of all jobs
            let next = self.first.insert(serial, place).unwrap_or(NONE);
            self.entries.push((job, next));
            if next != NONE {
                self.share(serial);
            }
        }
    }

    fn share(&mut self, serial: Serial) {
        let wanted = self.first.len().div_ceil(64).next_power_of_two();
        if self.shared.len() < wanted {
            // Repeated, so that what was found by fewer bits is found by more.
            let old = core::mem::take(&mut self.shared);
            self.shared =
                (0..wanted * 2).map(|at| old.get(at % old.len().max(1)).copied().unwrap_or(0)).collect();
        }
        let bit = serial.get() as usize & (self.shared.len() * 64 - 1);
        self.shared[bit / 64] |= 1 << (bit % 64);
    }

    /// Whether a device may be a target of several jobs.
    fn may_share(&self, serial: Serial) -> bool {
        let bit = serial.get() as usize & (self.shared.len() * 64).wrapping_sub(1);
        self.shared.get(bit / 64).is_some_and(|bits| bits & 1 << (bit % 64) != 0)
    }

    /// A job with this many targets is gone, and so many are left.
    pub(super) fn remove(&mut self, targets: usize, left: usize) {
        self.gone += targets;
        if left <= FEW / 2 || self.gone > self.entries.len() / 2 {
            *self = Self::default();
        }
    }

    /// The jobs that have this target, ascending, and some that are gone.
    fn jobs_with(&mut self, serial: Serial) -> Vec<JobNo> {
        let mut jobs = core::mem::take(&mut self.found);
        let mut place = self.first.get(&serial).copied().unwrap_or(NONE);
        while let Some(&(job, next)) = self.entries.get(place as usize) {
            jobs.push(job);
            place = next;
        }
        jobs.sort_unstable();
        jobs
    }
}

impl Fanout {
    /// Does something to every target that is this device, in the order of the jobs.
    pub(super) fn each_of(&mut self, serial: Serial, mut act: impl FnMut(&mut Self, usize, u32)) {
        if self.jobs.len() <= FEW {
            for at in 0..self.jobs.len() {
                if let Some(index) = self.jobs[at].index_of(serial) {
                    act(self, at, index);
                }
            }
            return;
        }
        self.find_places();
        let mut jobs = self.places.jobs_with(serial);
        for number in jobs.drain(..) {
            if let Some(at) = self.position(number)
                && let Some(index) = self.jobs[at].index_of(serial)
            {
                act(self, at, index);
            }
        }
        self.places.found = jobs;
    }

    /// Finds out which jobs have which device among their targets, if there are so many that they cannot be asked.
    pub(super) fn find_places(&mut self) {
        if self.places.made || self.jobs.len() <= FEW {
            return;
        }
        self.places = Places { made: true, ..Places::default() };
        self.places.first.reserve(self.jobs.iter().map(|job| job.targets.len()).max().unwrap_or(0));
        for job in &self.jobs {
            self.places.add(job.number, job.targets.iter().map(|target| target.serial));
        }
    }

    /// The device of a target is free again: as [`offer`](Self::offer), without asking anybody if no other job has it.
    pub(super) fn pass_on(&mut self, serial: Serial, session: bool) {
        self.find_places();
        let alone = self.jobs.len() < 2 || self.places.made && !self.places.may_share(serial);
        if !alone {
            self.offer(serial, session);
        } else if !self.contention.is_empty() {
            self.hand_on(serial, session);
        }
    }

    /// A device is free: a job that wants it may have it, in its session if there is one.
    pub(super) fn offer(&mut self, serial: Serial, session: bool) {
        if session && self.devices.ask(serial) {
            self.each_of(serial, |this, at, index| {
                let job = &this.jobs[at];
                let may = matches!(job.state, JobState::Running | JobState::Paused);
                if may && job.targets[index as usize].state.is_waiting() {
                    this.contention.want(serial, job.number);
                }
            });
        }
        if !self.contention.is_empty() {
            self.hand_on(serial, session);
        }
    }

    /// Offers a free device to the next job that wants it. The others have their turn when that one does not take it.
    fn hand_on(&mut self, serial: Serial, session: bool) {
        while let Some(number) = self.contention.next_of(serial) {
            if let Some(at) = self.position(number)
                && let Some(index) = self.jobs[at].index_of(serial)
                && self.enqueue(at, index, session)
            {
                break;
            }
        }
        if self.contention.list(serial, session) {
            self.idle = false;
        }
    }

    /// Offers a device once more, if it is still free.
    pub(super) fn offer_again(&mut self, serial: Serial) {
        if self.devices.is_free(serial) {
            let session = self.devices.has_session(serial);
            self.hand_on(serial, session);
        }
    }
}
