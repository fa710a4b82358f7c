//! Jobs for many devices, from the first notification to the last record, with nothing but the machine to wait for.

use alloc::collections::VecDeque;
use core::hint::black_box;
use core::time::Duration;

use dm_syncml::{Instant, StatusCode};
use dm_tree::ServerId;
use gwmo_model::{
    Answer, Counters, Fanout, FanoutLimits, FanoutOutput, Grouping, JobKey, JobNo, JobSpec, Op, Policy,
    ResultOptions, Serial, SessionEnd, Ticket,
};

/// The numbers of devices that are measured.
pub const DEVICES: [u32; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// The windows that are measured.
pub const WINDOWS: [u32; 2] = [64, 4096];

/// The numbers of jobs at a time that are measured.
pub const JOBS: [u32; 4] = [1, 10, 100, 1_000];

/// Times a target's entry is touched in a plain life: added, queued, notified, sent, in session, delivered,
/// answered, at its end.
pub const TOUCHES: usize = 8;

/// One in twenty never answers.
const fn is_silent(serial: Serial) -> bool {
    serial.get() % 20 == 7
}

/// One in a hundred accepts, and reports ten minutes of its own time later.
const fn is_slow(serial: Serial) -> bool {
    serial.get() % 100 == 42
}

/// Who answers, and what of it is still to come; made before anything is measured.
#[derive(Debug)]
pub struct Crowd {
    notified: Vec<Ticket>,
    delivered: Vec<Ticket>,
    /// What is worked off while the others fill again.
    round: Vec<Ticket>,
    accepted: VecDeque<Ticket>,
    /// The machine is asked what it wants only when all who have something to say have said it.
    in_rounds: bool,
}

impl Crowd {
    /// Room for what this many targets and this window ask of it.
    #[must_use]
    pub fn new(targets: u32, window: u32) -> Self {
        let list = || Vec::with_capacity(window as usize);
        Self {
            notified: list(),
            delivered: list(),
            round: list(),
            accepted: VecDeque::with_capacity(targets as usize / 50 + 100),
            in_rounds: false,
        }
    }

    /// Has the machine asked what it wants when all who have something to say have said it, rather than after every input.
    #[must_use]
    pub fn in_rounds(mut self) -> Self {
        self.in_rounds = true;
        self
    }
}

/// Which devices are targets of which of several jobs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Spread {
    /// Each device of one job, and neighbours of different ones.
    Apart,
    /// All devices of all jobs: fewer devices, and as many targets.
    Together,
}

/// A fanout with jobs that were started, and the devices that answer it.
#[derive(Debug)]
pub struct Life {
    /// The machine.
    pub fanout: Fanout,
    jobs: Vec<JobNo>,
    now: Instant,
    /// Inputs the machine took.
    pub events: u64,
}

impl Life {
    /// One Exec for this many devices, with this window.
    ///
    /// # Panics
    ///
    /// When the fanout refuses its own job.
    #[must_use]
    pub fn new(devices: u32, window: u32) -> Self {
        Self::of_jobs(1, Spread::Apart, devices, window)
    }

    /// So many jobs at a time of ten servers, with this many targets in all.
    ///
    /// # Panics
    ///
    /// When the fanout refuses its own jobs.
    #[must_use]
    pub fn of_jobs(jobs: u32, spread: Spread, targets: u32, window: u32) -> Self {
        let limits =
            FanoutLimits::default().with_window(window).with_max_targets(targets).with_max_jobs(jobs);
        let mut life = Self { fanout: Fanout::new(limits), jobs: Vec::new(), now: Instant::EPOCH, events: 0 };
        for job in 0..jobs {
            let policy = Policy::default()
                .with_window(window)
                .with_job_time(Duration::from_secs(u64::from(u32::MAX)))
                .with_t_async(Duration::from_secs(1_000_000));
            let server = ServerId::new(&format!("com.example.dms{}", job % 10)).expect("a name");
            let key = JobKey::new(&format!("J{job}")).expect("a key");
            let serials: Vec<Serial> = match spread {
                Spread::Apart => (1 + job..=targets).step_by(jobs as usize).filter_map(Serial::new).collect(),
                Spread::Together => (1..=targets / jobs).filter_map(Serial::new).collect(),
            };
            let spec = JobSpec::new(server, key, serials, [Op::exec().asynchronous()]).with_policy(policy);
            life.jobs.push(life.fanout.handle_add(life.now, spec).expect("there is room"));
        }
        life
    }

    /// Runs the jobs to their ends: what became of the targets.
    ///
    /// # Panics
    ///
    /// When a job does not end.
    pub fn run(&mut self, crowd: &mut Crowd) -> Counters {
        self.run_watched(crowd, || {})
    }

    /// As [`run`](Self::run), and calls `look` after every input.
    ///
    /// # Panics
    ///
    /// When a job does not end.
    pub fn run_watched(&mut self, crowd: &mut Crowd, mut look: impl FnMut()) -> Counters {
        look();
        for job in self.jobs.clone() {
            self.fanout.handle_start(self.now, job).expect("the job");
        }
        let mut open = self.jobs.len();
        let mut wait = self.drain(crowd, &mut open, &mut look);
        while open > 0 {
            if crowd.notified.is_empty() && crowd.delivered.is_empty() {
                if self.fanout.in_flight() > 0 {
                    // All of them are silent.
                    self.now = wait.expect("a deadline");
                    self.fanout.handle_tick(self.now);
                    wait = self.drain(crowd, &mut open, &mut look);
                    self.events += 1;
                } else {
                    let ticket = crowd.accepted.pop_front().expect("somebody whom the job waits for");
                    self.fanout.handle_async_done(self.now, ticket, 0, Answer::new(StatusCode::OK));
                    wait = self.drain(crowd, &mut open, &mut look);
                    self.events += 1;
                }
                continue;
            }
            let mut round = core::mem::take(&mut crowd.round);
            core::mem::swap(&mut round, &mut crowd.notified);
            for ticket in round.drain(..) {
                self.fanout.handle_session_opened(self.now, ticket.serial);
                self.events += 1;
                self.input(crowd, &mut open, &mut look);
            }
            core::mem::swap(&mut round, &mut crowd.delivered);
            for ticket in round.drain(..) {
                self.answer(ticket, crowd, &mut open, &mut look);
            }
            crowd.round = round;
            wait = self.drain(crowd, &mut open, &mut look);
        }
        let all = self.jobs.iter().map(|job| self.fanout.job(*job).expect("the job").counters());
        all.reduce(|sum, one| sum.plus(&one)).expect("a job")
    }

    /// A device does what it was told, and ends its session when there is nothing left to do.
    fn answer(&mut self, ticket: Ticket, crowd: &mut Crowd, open: &mut usize, look: &mut impl FnMut()) {
        let slow = is_slow(ticket.serial);
        let status = if slow { StatusCode::ACCEPTED } else { StatusCode::OK };
        self.fanout.handle_answer(self.now, ticket, 0, Answer::new(status));
        if slow {
            crowd.accepted.push_back(ticket);
        }
        self.events += 1;
        self.input(crowd, open, look);
        if self.jobs.len() > 1 && self.fanout.ticket_of(ticket.serial).is_some() {
            return;
        }
        self.fanout.handle_session_closed(self.now, ticket.serial, SessionEnd::Clean);
        self.events += 1;
        self.input(crowd, open, look);
    }

    /// The machine was told something.
    fn input(&mut self, crowd: &mut Crowd, open: &mut usize, look: &mut impl FnMut()) {
        if !crowd.in_rounds {
            self.drain(crowd, open, look);
        }
    }

    /// Takes everything the machine has to say, as after every input: what it waits for then. Every record counts as stored at
    /// once.
    fn drain(&mut self, crowd: &mut Crowd, open: &mut usize, look: &mut impl FnMut()) -> Option<Instant> {
        look();
        loop {
            match self.fanout.poll_output() {
                FanoutOutput::Persist(seq, record) => {
                    black_box(&record);
                    self.fanout.handle_persisted(self.now, seq);
                }
                FanoutOutput::Notify { ticket } => {
                    self.fanout.handle_notify_sent(self.now, ticket);
                    self.events += 1;
                    if !is_silent(ticket.serial) {
                        crowd.notified.push(ticket);
                    }
                }
                FanoutOutput::Deliver { ticket, .. } => crowd.delivered.push(ticket),
                FanoutOutput::JobEnded { .. } => *open -= 1,
                FanoutOutput::Wait(at) => {
                    look();
                    return at;
                }
                output => drop(black_box(output)),
            }
        }
    }

    /// The result of the first job with outcomes in groups: its pages and their octets.
    ///
    /// # Panics
    ///
    /// When there is no result.
    #[must_use]
    pub fn result(&self) -> (usize, usize) {
        let view = self.fanout.job(self.jobs[0]).expect("the job");
        let pages = view.result_pages(&ResultOptions::default().with_grouping(Grouping::Strict));
        let octets = (0..pages.len()).map(|page| pages.encode(page).expect("a page").len());
        (pages.len(), octets.sum())
    }
}

/// A job that every one of this many devices did alike.
///
/// # Panics
///
/// When the fanout refuses its own job.
#[must_use]
pub fn uniform(devices: u32) -> Life {
    let limits = FanoutLimits::default().with_max_targets(devices);
    let mut fanout = Fanout::new(limits);
    let policy = Policy::default().with_window(64);
    let (server, key) = (ServerId::new("com.example.dms"), JobKey::new("J1"));
    let targets = (1..=devices).filter_map(Serial::new);
    let spec = JobSpec::new(server.expect("a name"), key.expect("a key"), targets, [Op::get()]);
    let now = Instant::EPOCH;
    let job = fanout.handle_add(now, spec.with_policy(policy)).expect("the first job");
    fanout.handle_start(now, job).expect("the job");
    loop {
        match fanout.poll_output() {
            FanoutOutput::Persist(seq, _) => fanout.handle_persisted(now, seq),
            FanoutOutput::Notify { ticket } => fanout.handle_session_opened(now, ticket.serial),
            FanoutOutput::Deliver { ticket, .. } => {
                let answer = Answer::new(StatusCode::OK).with_data(b"2.1.0").with_format("chr");
                fanout.handle_answer(now, ticket, 0, answer);
                fanout.handle_session_closed(now, ticket.serial, SessionEnd::Clean);
            }
            FanoutOutput::Wait(_) => break,
            _ => {}
        }
    }
    Life { fanout, jobs: vec![job], now, events: 0 }
}

/// As many entries of 24 octets as there are targets, each touched as often as in a life and in the same order.
#[must_use]
pub fn bare_pass(entries: &mut [[u32; 6]], window: u32) -> u32 {
    let mut sum = 0_u32;
    for some in entries.chunks_mut(window as usize) {
        for touch in 0..TOUCHES as u32 {
            for entry in &mut *some {
                let field = &mut entry[(touch % 6) as usize];
                *field = black_box(field.wrapping_mul(3).wrapping_add(touch));
                sum = sum.wrapping_add(*field);
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_device_has_its_end() {
        for window in WINDOWS {
            for crowd in [Crowd::new(10_000, window), Crowd::new(10_000, window).in_rounds()] {
                let counters = Life::new(10_000, window).run(&mut { crowd });
                assert_eq!((counters.total, counters.unreachable, counters.ok), (10_000, 500, 9_500));
            }
        }
        let mut entries = vec![[1; 6]; 100];
        assert_ne!(bare_pass(&mut entries, 64), 0);
    }

    #[test]
    fn every_job_has_its_end() {
        for (jobs, spread) in [(10, Spread::Apart), (10, Spread::Together), (100, Spread::Together)] {
            let counters = Life::of_jobs(jobs, spread, 10_000, 64).run(&mut Crowd::new(10_000, 64));
            assert_eq!((counters.total, counters.unreachable, counters.ok), (10_000, 500, 9_500));
        }
    }

    #[test]
    fn outcomes_that_are_alike_are_told_once() {
        let (pages, octets) = uniform(20_000).result();
        assert_eq!(pages, 1);
        assert!(octets < 1_000, "{octets}");
    }
}
