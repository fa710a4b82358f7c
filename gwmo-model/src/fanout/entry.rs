//! A job as the machine keeps it, and how it is looked at.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::ops::{Bound, RangeBounds};

use dm_syncml::Instant;
use dm_tree::ServerId;

use super::code::ResultCode;
use super::job::{JobKey, JobNo, JobState, StartOptions, Trace};
use super::lives::{Lane, Lives};
use super::operation::Op;
use super::outcome::Outcomes;
use super::policy::Policy;
use super::report::{Counters, Report, TargetRecord, buckets};
use super::target::{Target, TargetState};
use crate::device::Serial;

/// A job as the machine keeps it.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) number: JobNo,
    pub(super) owner: ServerId,
    pub(super) key: JobKey,
    pub(super) ops: Box<[Op]>,
    pub(super) policy: Policy,
    pub(super) trace: Trace,
    /// Devices may join.
    pub(super) live: bool,
    pub(super) options: StartOptions,
    pub(super) state: JobState,
    /// Why it is being ended: 1401, 1404 or 1406.
    pub(super) ending: Option<ResultCode>,
    pub(super) expired: bool,
    /// What the times of its targets are counted from.
    pub(super) base: Instant,
    /// When it starts, its time is over, or it is removed, by its state.
    pub(super) due: Option<Instant>,
    pub(super) result: Option<ResultCode>,
    pub(super) round: u16,
    /// Ascending by serial.
    pub(super) targets: Vec<Target>,
    pub(super) counts: [u32; TargetState::COUNT],
    pub(super) open: u32,
    pub(super) in_flight: u32,
    /// Targets before it were looked at.
    pub(super) cursor: u32,
    /// Queued targets before the cursor that were not begun with.
    pub(super) fresh: VecDeque<u32>,
    /// Queued targets that were.
    pub(super) again: VecDeque<u32>,
    /// Waiting targets whose device is free and in session.
    pub(super) ready: VecDeque<u32>,
    /// The last one was one of `again`.
    pub(super) flip: bool,
    /// When the rate allows the next notification.
    pub(super) next_start: Instant,
    /// Somebody waits for that.
    pub(super) rate_waits: bool,
    pub(super) stage: u8,
    /// How many targets may be begun with in this stage.
    pub(super) quota: u32,
    /// The targets of this round when it began.
    pub(super) fixed: u32,
    pub(super) begun: u32,
    pub(super) begun_open: u32,
    pub(super) round_ended: u32,
    pub(super) round_failed: u32,
    pub(super) limit_hit: bool,
    pub(super) unsettled: bool,
    pub(super) lanes: [Lane; 3],
    pub(super) outcomes: Outcomes,
    /// The outcomes of the round before of targets that are under way in this one.
    pub(super) formers: BTreeMap<Serial, u32>,
    /// What gateways among the targets reported of their own.
    pub(super) children: BTreeMap<Serial, Counters>,
    pub(super) cut: bool,
    pub(super) stored: u64,
    pub(super) late: u64,
    pub(super) rev: u64,
    /// The turn it had last.
    pub(super) served: u64,
    pub(super) owner_no: u32,
    /// Whether it is among those that wait for a turn.
    pub(super) waits: bool,
    /// When something is due for one of its targets, or later.
    pub(super) alarm: Option<Instant>,
    pub(super) changed: bool,
    pub(super) reported: bool,
}

/// One job, to look at.
#[derive(Clone, Copy, Debug)]
pub struct JobView<'a> {
    pub(super) lives: &'a Lives,
    pub(super) job: &'a Job,
}

impl Job {
    pub(super) fn index_of(&self, serial: Serial) -> Option<u32> {
        let first = self.targets.first()?.serial.get();
        let guess = serial.get().checked_sub(first)? as usize;
        // Serials ascend without repetition, so the place is never beyond this, and it is this where none is missing.
        match self.targets.get(guess) {
            Some(target) if target.serial == serial => Some(guess as u32),
            _ => self.search(serial, first),
        }
    }

    /// Where a target is: looked for around the place where it would be if as many serials were missing everywhere.
    fn search(&self, serial: Serial, first: u32) -> Option<u32> {
        let targets = &self.targets;
        let last = targets.len() - 1;
        let (ahead, span) = (u64::from(serial.get() - first), u64::from(targets[last].serial.get() - first));
        if ahead > span {
            return None;
        }
        let guess = (ahead * last as u64).checked_div(span).unwrap_or(0) as usize;
        let (mut from, mut until) = (guess, guess + 1);
        let mut step = 1;
        while from > 0 && targets[from].serial > serial {
            (until, from) = (from, from.saturating_sub(step));
            step *= 2;
        }
        while until <= last && targets[until - 1].serial < serial {
            (from, until) = (until, (until + step).min(last + 1));
            step *= 2;
        }
        let found = targets[from..until].binary_search_by_key(&serial, |target| target.serial).ok()?;
        Some((from + found) as u32)
    }

    /// The time for a target's record.
    pub(super) fn stamp(&self, now: Instant) -> u32 {
        let since = now - self.base;
        let millis = since.as_secs().saturating_mul(1000).saturating_add(since.subsec_millis().into());
        u32::try_from(millis).unwrap_or(u32::MAX)
    }

    pub(super) fn outcome_code(&self) -> ResultCode {
        match Counters::new(&self.counts).result() {
            _ if self.ending == Some(ResultCode::AUTHORIZATION_LOST) => ResultCode::AUTHORIZATION_LOST,
            ResultCode::ALL_OK if self.cut => ResultCode::CUT,
            code => code,
        }
    }
}

impl<'a> JobView<'a> {
    /// The number the fanout gave it.
    #[must_use]
    pub const fn number(&self) -> JobNo {
        self.job.number
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

    /// What it came to: 1200 to 1203, 1406 if its owner lost the right to it, or why it could not begin; `None` before
    /// the end.
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
        match self.job.state {
            JobState::Running | JobState::Paused | JobState::Cancelling => self.job.due,
            _ => None,
        }
    }

    /// When it starts, while it waits for that.
    #[must_use]
    pub const fn starts_at(&self) -> Option<Instant> {
        if matches!(self.job.state, JobState::Scheduled) { self.job.due } else { None }
    }

    /// The round: 1, and one more for each time targets were tried again.
    #[must_use]
    pub const fn round(&self) -> u16 {
        self.job.round
    }

    /// The gateways it came through.
    #[must_use]
    pub const fn trace(&self) -> &'a Trace {
        &self.job.trace
    }

    /// What came with the order to start.
    #[must_use]
    pub fn correlator(&self) -> Option<&'a str> {
        self.job.options.correlator.as_deref()
    }

    /// The stage it is in, from 0, and how many targets may have been begun with in it.
    #[must_use]
    pub const fn stage(&self) -> (u8, u32) {
        (self.job.stage, self.job.quota)
    }

    /// Whether something a device returned was cut for want of room.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.job.cut
    }

    /// The counters of all gateways among the targets, added up; `None` if there is none that reported.
    #[must_use]
    pub fn sub_counters(&self) -> Option<Counters> {
        let mut all = self.job.children.values();
        let first = *all.next()?;
        Some(all.fold(first, |sum, one| sum.plus(one)))
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
            job: self.job.number,
            owner: self.job.owner.clone(),
            key: self.job.key.clone(),
            state: self.job.state,
            result: self.job.result,
            counters: self.counters(),
            buckets: buckets(&self.job.targets),
        }
    }

    pub(super) fn look_at(&self, target: &'a Target) -> TargetRecord<'a> {
        TargetRecord { target, view: *self }
    }
}
