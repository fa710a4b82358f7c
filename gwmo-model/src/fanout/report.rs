//! What a job came to: counters, records, and one aggregated result.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use dm_syncml::{Instant, StatusCode};
use dm_tree::ServerId;

use super::code::ResultCode;
use super::entry::JobView;
use super::job::{JobKey, JobNo, JobState};
use super::ledger::{OpStage, Slot, Stored};
use super::target::{CANCELLED, LATE, Target, TargetState};
use crate::device::Serial;

/// How many targets of a job stand where. The parts always add up to `total`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Counters {
    /// All targets.
    pub total: u32,
    /// Waiting: for their turn, for the device, for the result of what it accepted, or for the next attempt.
    pub queued: u32,
    /// Notified or in session.
    pub in_flight: u32,
    /// See [`TargetState::Ok`].
    pub ok: u32,
    /// See [`TargetState::Failed`].
    pub failed: u32,
    /// See [`TargetState::TimedOut`].
    pub timed_out: u32,
    /// See [`TargetState::Unreachable`].
    pub unreachable: u32,
    /// See [`TargetState::Refused`].
    pub refused: u32,
    /// See [`TargetState::Indeterminate`].
    pub indeterminate: u32,
    /// See [`TargetState::Skipped`].
    pub skipped: u32,
    /// See [`TargetState::Cancelled`].
    pub cancelled: u32,
}

impl Counters {
    /// How many targets have ended, one way or another.
    #[must_use]
    pub const fn ended(&self) -> u32 {
        self.total.saturating_sub(self.queued).saturating_sub(self.in_flight)
    }

    pub(super) fn new(counts: &[u32; TargetState::COUNT]) -> Self {
        let of = |state: TargetState| counts[state.index()];
        Self {
            total: counts.iter().sum(),
            queued: of(TargetState::Queued)
                + of(TargetState::WaitAttach)
                + of(TargetState::AwaitAsync)
                + of(TargetState::Backoff),
            in_flight: of(TargetState::Notifying) + of(TargetState::InSession),
            ok: of(TargetState::Ok),
            failed: of(TargetState::Failed),
            timed_out: of(TargetState::TimedOut),
            unreachable: of(TargetState::Unreachable),
            refused: of(TargetState::Refused),
            indeterminate: of(TargetState::Indeterminate),
            skipped: of(TargetState::Skipped),
            cancelled: of(TargetState::Cancelled),
        }
    }

    /// Targets that are not at their end yet.
    #[must_use]
    pub const fn open(&self) -> u32 {
        self.queued + self.in_flight
    }

    /// The sum of both.
    #[must_use]
    pub const fn plus(&self, other: &Self) -> Self {
        Self {
            total: self.total.saturating_add(other.total),
            queued: self.queued.saturating_add(other.queued),
            in_flight: self.in_flight.saturating_add(other.in_flight),
            ok: self.ok.saturating_add(other.ok),
            failed: self.failed.saturating_add(other.failed),
            timed_out: self.timed_out.saturating_add(other.timed_out),
            unreachable: self.unreachable.saturating_add(other.unreachable),
            refused: self.refused.saturating_add(other.refused),
            indeterminate: self.indeterminate.saturating_add(other.indeterminate),
            skipped: self.skipped.saturating_add(other.skipped),
            cancelled: self.cancelled.saturating_add(other.cancelled),
        }
    }

    /// What the counters of a finished job come to.
    pub(super) const fn result(&self) -> ResultCode {
        match (self.total, self.ok) {
            (0, _) => ResultCode::NO_TARGET,
            (total, ok) if total == ok => ResultCode::ALL_OK,
            _ => ResultCode::NOT_ALL_OK,
        }
    }
}

/// The record of one target.
#[derive(Clone, Copy, Debug)]
pub struct TargetRecord<'a> {
    pub(super) target: &'a Target,
    pub(super) view: JobView<'a>,
}

impl<'a> TargetRecord<'a> {
    /// The device.
    #[must_use]
    pub const fn serial(&self) -> Serial {
        self.target.serial
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> TargetState {
        self.target.state
    }

    /// Why it ended as it did; `None` before the end.
    #[must_use]
    pub const fn code(&self) -> Option<ResultCode> {
        if self.target.state.is_terminal() { Some(ResultCode::new(self.target.code)) } else { None }
    }

    /// Why it ended as it did in the round before, until this one replaces it.
    #[must_use]
    pub const fn earlier_code(&self) -> Option<ResultCode> {
        if self.target.state.is_terminal() || self.target.code == 0 {
            None
        } else {
            Some(ResultCode::new(self.target.code))
        }
    }

    /// Attempts so far, of all rounds.
    #[must_use]
    pub const fn tries(&self) -> u16 {
        self.target.tries
    }

    /// When the state last changed, to the millisecond for the first 49 days of a job.
    #[must_use]
    pub fn since(&self) -> Instant {
        self.view.job.base + Duration::from_millis(self.target.since.into())
    }

    /// Whether the job was cancelled while the device still owed answers, so that the outcome is what became of
    /// them rather than [`TargetState::Cancelled`].
    #[must_use]
    pub const fn was_cancelled(&self) -> bool {
        self.target.is(CANCELLED)
    }

    /// Whether a result came after the end, which did not change it.
    #[must_use]
    pub const fn has_late_result(&self) -> bool {
        self.target.is(LATE)
    }

    /// If the target is a gateway, the counters of its own targets as it reported them.
    #[must_use]
    pub fn sub_counters(&self) -> Option<Counters> {
        self.view.job.children.get(&self.target.serial).copied()
    }

    /// The record of one operation; `None` beyond the last.
    #[must_use]
    pub fn op(&self, op: u16) -> Option<OpRecord<'a>> {
        if usize::from(op) >= self.view.job.ops.len() {
            return None;
        }
        let slot = |slot: &'a Slot| {
            let (stage, replayed, status) = slot.parts();
            OpRecord { op, stage, replayed, status, stored: slot.stored() }
        };
        let index = usize::from(op);
        // Until something is delivered in this round, what became of it in the one before is what is known.
        let (of_live, outcome) = match self.target.live().map(|at| self.view.lives.get(at)) {
            Some(live) => {
                (live.ledger.slots().get(index), self.view.job.formers.get(&self.target.serial).copied())
            }
            None => (None, self.target.outcome()),
        };
        let of_outcome = || self.view.job.outcomes.get(outcome?)?.get(index);
        Some(of_live.or_else(of_outcome).map_or_else(
            || {
                let (stage, replayed) = self.target.uniform.parts();
                OpRecord { op, stage, replayed, status: self.target.status, stored: None }
            },
            slot,
        ))
    }

    /// The records of all operations, in order.
    pub fn ops(&self) -> impl Iterator<Item = OpRecord<'a>> + use<'a> {
        let record = *self;
        (0..record.view.job.ops.len() as u16).filter_map(move |op| record.op(op))
    }
}

/// What became of one operation on one device.
#[derive(Clone, Copy, Debug)]
pub struct OpRecord<'a> {
    op: u16,
    stage: OpStage,
    replayed: bool,
    status: u16,
    stored: Option<&'a Stored>,
}

impl<'a> OpRecord<'a> {
    /// The operation.
    #[must_use]
    pub const fn index(&self) -> u16 {
        self.op
    }

    /// What the device answered: its final Status, or 202 while the result of what it accepted is due.
    #[must_use]
    pub const fn status(&self) -> Option<StatusCode> {
        match self.stage {
            OpStage::Answered | OpStage::Pending => Some(StatusCode::new(self.status)),
            _ => None,
        }
    }

    /// Whether the device accepted it, and the result is due.
    #[must_use]
    pub const fn is_pending(&self) -> bool {
        matches!(self.stage, OpStage::Pending)
    }

    /// Whether it was handed out for delivery.
    #[must_use]
    pub const fn was_delivered(&self) -> bool {
        !matches!(self.stage, OpStage::Unsent)
    }

    /// Whether it was handed out again after an answer was lost.
    #[must_use]
    pub const fn was_replayed(&self) -> bool {
        self.replayed
    }

    /// What the device returned, as far as it was stored.
    #[must_use]
    pub fn data(&self) -> Option<&'a [u8]> {
        self.stored.map(|stored| &*stored.data)
    }

    /// How many octets the device returned, if not all of them were stored.
    #[must_use]
    pub fn cut(&self) -> Option<usize> {
        self.stored.filter(|stored| stored.data.len() < stored.size).map(|stored| stored.size)
    }

    /// The `Format` of the data.
    #[must_use]
    pub fn format(&self) -> Option<&'a str> {
        self.stored?.format.as_deref()
    }

    /// The `Type` of the data.
    #[must_use]
    pub fn media_type(&self) -> Option<&'a str> {
        self.stored?.media_type.as_deref()
    }
}

/// A run of serials, both ends included; shown as `4-7`, or `4` alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub struct SerialRange {
    /// The first.
    pub first: Serial,
    /// The last.
    pub last: Serial,
}

impl SerialRange {
    /// How many serials that are.
    #[must_use]
    pub const fn count(&self) -> u32 {
        // Serials start at 1, so even the whole range fits.
        self.last.get() - self.first.get() + 1
    }
}

impl fmt::Display for SerialRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

/// The devices with one outcome.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Bucket {
    /// The outcome.
    pub state: TargetState,
    /// Its code.
    pub code: ResultCode,
    /// How many devices.
    pub count: u32,
    /// Which ones, ascending.
    pub serials: Vec<SerialRange>,
}

/// The consolidated answer of a job (GwMO-FORA-002): its size follows the number of different outcomes and of gaps
/// in the serials, not the number of devices.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The job.
    pub job: JobNo,
    /// Who added it.
    pub owner: ServerId,
    /// What its owner calls it.
    pub key: JobKey,
    /// Where it stands.
    pub state: JobState,
    /// What it came to: 1200, 1201 or 1202; `None` before the end.
    pub result: Option<ResultCode>,
    /// How many devices stand where.
    pub counters: Counters,
    /// The devices that are at their end, by outcome: the largest bucket first, then by state and code.
    pub buckets: Vec<Bucket>,
}

/// Puts targets that are at their end into buckets. `targets` ascend by serial.
pub(super) fn buckets(targets: &[Target]) -> Vec<Bucket> {
    let mut buckets: BTreeMap<(TargetState, ResultCode), Bucket> = BTreeMap::new();
    for target in targets {
        if !target.state.is_terminal() {
            continue;
        }
        let (state, code) = (target.state, ResultCode::new(target.code));
        let serial = target.serial;
        let bucket =
            buckets.entry((state, code)).or_insert(Bucket { state, code, count: 0, serials: Vec::new() });
        bucket.count += 1;
        match bucket.serials.last_mut() {
            Some(range) if range.last.next() == Some(serial) => range.last = serial,
            _ => bucket.serials.push(SerialRange { first: serial, last: serial }),
        }
    }
    let mut buckets: Vec<Bucket> = buckets.into_values().collect();
    // Stable, so that equals stay in the order of state and code.
    buckets.sort_by_key(|bucket| core::cmp::Reverse(bucket.count));
    buckets
}
