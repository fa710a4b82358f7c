//! A fanout as it is stored, to be picked up after a restart or by another process.

use alloc::vec::Vec;
use core::time::Duration;

use dm_syncml::Instant;
use dm_tree::ServerId;

use super::code::ResultCode;
use super::entry::Job;
use super::job::{JobKey, JobNo, JobState, StartOptions, Trace};
use super::ledger::{Slot, Uniform};
use super::lives::Clock;
use super::machine::Fanout;
use super::operation::Op;
use super::policy::Policy;
use super::report::Counters;
use super::target::{FACTS, LIVE, Target, TargetState};
use crate::device::Serial;

/// The version this crate writes, and the only one it reads.
pub(super) const VERSION: u16 = 1;

/// A fanout at one moment: what all records up to then made of it.
///
/// It holds one entry for each target, for each outcome that is not like another, and for each target under way, so
/// its size is bounded by the limits of the fanout. Deadlines are in it as time that is left. Sessions are not: they
/// do not outlive the process that holds them.
#[derive(Clone, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FanoutSnapshot {
    pub(super) version: u16,
    pub(super) next: u32,
    pub(super) late: u64,
    pub(super) asleep: Vec<(Serial, Duration)>,
    pub(super) jobs: Vec<JobSnapshot>,
}

#[derive(Clone, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct JobSnapshot {
    pub(super) number: JobNo,
    pub(super) owner: ServerId,
    pub(super) key: JobKey,
    pub(super) ops: Vec<Op>,
    pub(super) policy: Policy,
    pub(super) trace: Trace,
    pub(super) live: bool,
    pub(super) options: StartOptions,
    pub(super) state: JobState,
    pub(super) ending: Option<ResultCode>,
    pub(super) expired: bool,
    pub(super) result: Option<ResultCode>,
    pub(super) age: Duration,
    /// Until it starts, its time is over, or it is removed.
    pub(super) rest: Option<Duration>,
    /// Until the rate allows the next notification.
    pub(super) gap: Duration,
    pub(super) round: u16,
    pub(super) stage: u8,
    pub(super) fixed: u32,
    pub(super) limit_hit: bool,
    pub(super) late: u64,
    pub(super) rev: u64,
    pub(super) reported: bool,
    pub(super) children: Vec<(Serial, Counters)>,
    pub(super) targets: Vec<TargetSnapshot>,
    pub(super) outcomes: Vec<Vec<Slot>>,
    pub(super) lives: Vec<LiveSnapshot>,
}

/// A target; the last number says where in `outcomes` or `lives` the rest is.
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct TargetSnapshot(
    pub(super) Serial,
    pub(super) TargetState,
    /// Code of the end.
    pub(super) u16,
    /// Attempts.
    pub(super) u16,
    /// Flags.
    pub(super) u16,
    /// Status of all operations.
    pub(super) u16,
    pub(super) Uniform,
    /// When the state changed.
    pub(super) u32,
    pub(super) Option<u32>,
);

#[derive(Clone, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct LiveSnapshot {
    pub(super) rest: Duration,
    pub(super) pardoned: u16,
    /// Where in `outcomes` that of the round before is.
    pub(super) former: Option<u32>,
    pub(super) slots: Vec<Slot>,
}

impl FanoutSnapshot {
    /// The version of its form.
    #[must_use]
    pub const fn version(&self) -> u16 {
        self.version
    }

    /// The jobs in it.
    pub fn jobs(&self) -> impl ExactSizeIterator<Item = JobNo> {
        self.jobs.iter().map(|job| job.number)
    }
}

impl Fanout {
    /// What [`restore`](Self::restore) makes the same fanout from, together with the records made after this. Linear
    /// in the targets.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> FanoutSnapshot {
        let now = self.now.max(now);
        FanoutSnapshot {
            version: VERSION,
            next: self.next,
            late: self.late,
            asleep: self.asleep.iter().map(|(serial, until)| (*serial, *until - now)).collect(),
            jobs: self.jobs.iter().map(|job| self.snapshot_of(job, now)).collect(),
        }
    }

    fn snapshot_of(&self, job: &Job, now: Instant) -> JobSnapshot {
        let (mut outcomes, mut lives) = (Vec::new(), Vec::new());
        // Where each outcome went; they are numbered anew, without gaps.
        let mut places: Vec<Option<u32>> = Vec::new();
        let mut place = |outcome: u32| -> Option<u32> {
            let at = outcome as usize;
            if places.len() <= at {
                places.resize(at + 1, None);
            }
            if places[at].is_none() {
                outcomes.push(job.outcomes.get(outcome)?.to_vec());
                places[at] = Some((outcomes.len() - 1) as u32);
            }
            places[at]
        };
        let mut target = |target: &Target| {
            let link = if let Some(room) = target.live() {
                let live = self.lives.get(room);
                let rest = if live.clock == Clock::Stopped { Duration::ZERO } else { live.until() - now };
                let slots = live.ledger.slots().to_vec();
                let former = job.formers.get(&target.serial).and_then(|former| place(*former));
                lives.push(LiveSnapshot { rest, pardoned: live.pardoned, former, slots });
                Some((lives.len() - 1) as u32) // at most one for each target
            } else {
                target.outcome().and_then(&mut place)
            };
            TargetSnapshot(
                target.serial,
                target.state,
                target.code,
                target.tries,
                target.flags() & (FACTS | LIVE),
                target.status,
                target.uniform,
                target.since,
                link,
            )
        };
        let targets = job.targets.iter().map(&mut target).collect();
        JobSnapshot {
            number: job.number,
            owner: job.owner.clone(),
            key: job.key.clone(),
            ops: job.ops.to_vec(),
            policy: job.policy,
            trace: job.trace.clone(),
            live: job.live,
            options: job.options.clone(),
            state: job.state,
            ending: job.ending,
            expired: job.expired,
            result: job.result,
            age: now - job.base,
            rest: job.due.map(|due| due - now),
            gap: job.next_start - now,
            round: job.round,
            stage: job.stage,
            fixed: job.fixed,
            limit_hit: job.limit_hit,
            late: job.late,
            rev: job.rev,
            reported: job.reported,
            children: job.children.iter().map(|(serial, counters)| (*serial, *counters)).collect(),
            targets,
            outcomes,
            lives,
        }
    }
}
