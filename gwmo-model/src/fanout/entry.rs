//! A job as the machine keeps it, and how it is looked at.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use core::ops::{Bound, RangeBounds};

use dm_syncml::Instant;
use dm_tree::ServerId;

use super::code::ResultCode;
use super::job::{JobKey, JobNo, JobState};
use super::operation::Op;
use super::policy::Policy;
use super::report::{Counters, Report, TargetRecord, buckets};
use super::target::{Target, TargetState};
use crate::device::Serial;

/// A job as the machine keeps it.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) owner: ServerId,
    pub(super) key: JobKey,
    pub(super) ops: Box<[Op]>,
    pub(super) policy: Policy,
    pub(super) state: JobState,
    pub(super) expired: bool,
    pub(super) ends_at: Option<Instant>,
    pub(super) result: Option<ResultCode>,
    /// Ascending by serial.
    pub(super) targets: Box<[Target]>,
    pub(super) counts: [u32; TargetState::COUNT],
    pub(super) open: u32,
    pub(super) in_flight: u32,
    /// Queued targets whose device is free: earlier attempts first, then in the order of serials.
    pub(super) queue: BTreeSet<(u16, u32)>,
    /// Waiting targets whose device is free and in session.
    pub(super) ready: BTreeSet<u32>,
    pub(super) stored: u64,
    pub(super) late: u64,
    pub(super) rev: u64,
}

/// One job, to look at.
#[derive(Clone, Copy, Debug)]
pub struct JobView<'a> {
    pub(super) number: JobNo,
    pub(super) job: &'a Job,
}

impl Job {
    pub(super) fn index_of(&self, serial: Serial) -> Option<u32> {
        self.targets.binary_search_by_key(&serial, |target| target.serial).ok().map(|index| index as u32)
    }
}

impl<'a> JobView<'a> {
    /// The number the fanout gave it.
    #[must_use]
    pub const fn number(&self) -> JobNo {
        self.number
    }

    /// Who added it.
    #[must_use]
    pub const fn owner(&self) -> &'a ServerId {
        &self.job.owner
    }

    /// What its owner calls it.
    #[must_use]
    pub const fn key(&self) -> &'a JobKey {
        &self.job.key
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> JobState {
        self.job.state
    }

    /// What it came to: 1200, 1201 or 1202; `None` before the end.
    #[must_use]
    pub const fn result(&self) -> Option<ResultCode> {
        self.job.result
    }

    /// How it goes about its targets.
    #[must_use]
    pub const fn policy(&self) -> &'a Policy {
        &self.job.policy
    }

    /// Its operations.
    #[must_use]
    pub const fn ops(&self) -> &'a [Op] {
        &self.job.ops
    }

    /// How many targets stand where.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters::new(&self.job.counts)
    }

    /// Changes with everything about the job but [`late`](Self::late).
    #[must_use]
    pub const fn rev(&self) -> u64 {
        self.job.rev
    }

    /// Reports and answers for this job that came too late or twice.
    #[must_use]
    pub const fn late(&self) -> u64 {
        self.job.late
    }

    /// When its time is over, while it runs.
    #[must_use]
    pub const fn ends_at(&self) -> Option<Instant> {
        self.job.ends_at
    }

    /// The record of one target.
    #[must_use]
    pub fn record(&self, serial: Serial) -> Option<TargetRecord<'a>> {
        self.job.index_of(serial).map(|index| self.look_at(&self.job.targets[index as usize]))
    }

    /// The records of the targets with serials in a range, ascending: `..` for all, `(Excluded(last), Unbounded)`
    /// for the next page.
    pub fn records<R: RangeBounds<Serial>>(
        &self,
        range: R,
    ) -> impl DoubleEndedIterator<Item = TargetRecord<'a>> + ExactSizeIterator + use<'a, R> {
        let targets = &self.job.targets;
        let before = |serial: Serial, bound: Bound<&Serial>, unbounded: bool, included: bool| match bound {
            Bound::Included(&bound) if included => serial <= bound,
            Bound::Included(&bound) => serial < bound,
            Bound::Excluded(&bound) if included => serial < bound,
            Bound::Excluded(&bound) => serial <= bound,
            Bound::Unbounded => unbounded,
        };
        let start =
            targets.partition_point(|target| before(target.serial, range.start_bound(), false, false));
        let end = targets.partition_point(|target| before(target.serial, range.end_bound(), true, true));
        let view = *self;
        targets.get(start..end).unwrap_or_default().iter().map(move |target| view.look_at(target))
    }

    /// The consolidated answer so far; final when the job is over. Linear in the targets.
    #[must_use]
    pub fn report(&self) -> Report {
        Report {
            job: self.number,
            owner: self.job.owner.clone(),
            key: self.job.key.clone(),
            state: self.job.state,
            result: self.job.result,
            counters: self.counters(),
            buckets: buckets(&self.job.targets),
        }
    }

    fn look_at(&self, target: &'a Target) -> TargetRecord<'a> {
        TargetRecord { target, ops: self.job.ops.len() as u16 } // at most `max_ops`
    }
}
