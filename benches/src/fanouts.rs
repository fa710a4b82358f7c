//! A job for many devices, from its first notification to its last record, with nothing but the machine to wait for.

use alloc::collections::VecDeque;
use core::hint::black_box;
use core::time::Duration;

use dm_syncml::{Instant, StatusCode};
use dm_tree::ServerId;
use gwmo_model::{
    Answer, Counters, Fanout, FanoutLimits, FanoutOutput, JobKey, JobNo, JobSpec, Op, Policy, Serial,
    SessionEnd, Ticket,
};

/// The numbers of devices that are measured.
pub const DEVICES: [u32; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// The windows that are measured.
pub const WINDOWS: [u32; 2] = [64, 4096];

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

/// A fanout with one job that was started, and the devices that answer it.
#[derive(Debug)]
pub struct Life {
    /// The machine.
    pub fanout: Fanout,
    job: JobNo,
    now: Instant,
    window: u32,
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
        let limits = FanoutLimits::default().with_window(window).with_max_targets(devices);
        let mut fanout = Fanout::new(limits);
        let policy = Policy::default()
            .with_window(window)
            .with_job_time(Duration::from_secs(u64::from(u32::MAX)))
            .with_t_async(Duration::from_secs(1_000_000));
        let server = ServerId::new("com.example.dms").expect("a name");
        let key = JobKey::new("J1").expect("a key");
        let targets = (1..=devices).filter_map(Serial::new);
        let spec = JobSpec::new(server, key, targets, [Op::exec().asynchronous()]).with_policy(policy);
        let job = fanout.handle_add(Instant::EPOCH, spec).expect("the first job");
        Self { fanout, job, now: Instant::EPOCH, window, events: 0 }
    }

    /// Runs the job to its end: what became of the devices.
    ///
    /// # Panics
    ///
    /// When the job does not end.
    pub fn run(&mut self) -> Counters {
        self.run_watched(|| {})
    }

    /// As [`run`](Self::run), and calls `look` whenever everything that was decided is under way.
    ///
    /// # Panics
    ///
    /// When the job does not end.
    pub fn run_watched(&mut self, mut look: impl FnMut()) -> Counters {
        self.fanout.handle_start(self.now, self.job).expect("the job");
        let mut notified: Vec<Ticket> = Vec::with_capacity(self.window as usize);
        let mut delivered: Vec<Ticket> = Vec::with_capacity(self.window as usize);
        let mut accepted: VecDeque<Ticket> = VecDeque::new();
        let mut over = false;
        while !over {
            let wait = loop {
                match self.fanout.poll_output() {
                    FanoutOutput::Persist(seq, record) => {
                        black_box(&record);
                        self.fanout.handle_persisted(self.now, seq);
                    }
                    FanoutOutput::Notify { ticket } => {
                        self.fanout.handle_notify_sent(self.now, ticket);
                        self.events += 1;
                        if !is_silent(ticket.serial) {
                            notified.push(ticket);
                        }
                    }
                    FanoutOutput::Deliver { ticket, .. } => delivered.push(ticket),
                    FanoutOutput::JobEnded { .. } => over = true,
                    FanoutOutput::Wait(at) => break at,
                    output => drop(black_box(output)),
                }
            };
            look();
            let idle = notified.is_empty() && delivered.is_empty();
            for ticket in notified.drain(..) {
                self.fanout.handle_session_opened(self.now, ticket.serial);
                self.events += 1;
            }
            for ticket in &delivered {
                let slow = is_slow(ticket.serial);
                let status = if slow { StatusCode::ACCEPTED } else { StatusCode::OK };
                self.fanout.handle_answer(self.now, *ticket, 0, Answer::new(status));
                if slow {
                    accepted.push_back(*ticket);
                }
                self.events += 1;
            }
            for ticket in delivered.drain(..) {
                self.fanout.handle_session_closed(self.now, ticket.serial, SessionEnd::Clean);
                self.events += 1;
            }
            if !idle {
                continue;
            }
            if self.fanout.in_flight() > 0 {
                // All of them are silent.
                self.now = wait.expect("a deadline");
                self.fanout.handle_tick(self.now);
                self.events += 1;
            } else {
                for ticket in accepted.drain(..) {
                    let done = Answer::new(StatusCode::OK);
                    self.fanout.handle_async_done(self.now, ticket, 0, done);
                    self.events += 1;
                }
            }
        }
        self.fanout.job(self.job).expect("the job").counters()
    }
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
            let counters = Life::new(10_000, window).run();
            assert_eq!((counters.total, counters.unreachable, counters.ok), (10_000, 500, 9_500));
        }
        let mut entries = vec![[1; 6]; 100];
        assert_ne!(bare_pass(&mut entries, 64), 0);
    }
}
