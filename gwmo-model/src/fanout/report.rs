//! What a job came to: counters, records, and one aggregated result.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use dm_syncml::{Instant, StatusCode};
use dm_tree::ServerId;

use super::code::ResultCode;
use super::job::{JobKey, JobNo, JobState};
use super::ledger::{Slot, Stored};
use super::target::{Stage, Target, TargetState};
use crate::device::Serial;

/// How many targets of a job stand where. The parts always add up to `total`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Counters {
    /// All targets.
    pub total: u32,
    /// Waiting: for their turn, for the device, or for the next attempt.
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
            queued: of(TargetState::Queued) + of(TargetState::WaitAttach) + of(TargetState::Backoff),
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
    pub(super) ops: u16,
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
        self.target.stage.state()
    }

    /// Why it ended as it did; `None` before the end.
    #[must_use]
    pub const fn code(&self) -> Option<ResultCode> {
        match self.target.stage {
            Stage::Ended(_, code) => Some(code),
            _ => None,
        }
    }

    /// Attempts so far.
    #[must_use]
    pub const fn tries(&self) -> u16 {
        self.target.tries
    }

    /// When the state last changed.
    #[must_use]
    pub const fn since(&self) -> Instant {
        self.target.since
    }

    /// Whether the job was cancelled while the device still owed answers, so that the outcome is what became of
    /// them rather than [`TargetState::Cancelled`].
    #[must_use]
    pub const fn was_cancelled(&self) -> bool {
        self.target.cancelled
    }

    /// The record of one operation; `None` beyond the last.
    #[must_use]
    pub fn op(&self, op: u16) -> Option<OpRecord<'a>> {
        let slot = self.target.ledger.as_ref().and_then(|ledger| ledger.slot(op));
        (op < self.ops).then_some(OpRecord { op, slot })
    }

    /// The records of all operations, in order.
    pub fn ops(&self) -> impl Iterator<Item = OpRecord<'a>> + use<'a> {
        let record = *self;
        (0..record.ops).filter_map(move |op| record.op(op))
    }
}

/// What became of one operation on one device.
#[derive(Clone, Copy, Debug)]
pub struct OpRecord<'a> {
    op: u16,
    slot: Option<&'a Slot>,
}

impl<'a> OpRecord<'a> {
    /// The operation.
    #[must_use]
    pub const fn index(&self) -> u16 {
        self.op
    }

    /// What the device answered.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.slot?.status()
    }

    /// Whether it was handed out for delivery.
    #[must_use]
    pub fn was_delivered(&self) -> bool {
        self.slot.is_some_and(Slot::was_delivered)
    }

    /// Whether it was handed out again after an answer was lost.
    #[must_use]
    pub fn was_replayed(&self) -> bool {
        self.slot.is_some_and(Slot::was_replayed)
    }

    /// What the device returned, as far as it was stored.
    #[must_use]
    pub fn data(&self) -> Option<&'a [u8]> {
        self.stored().map(|stored| &*stored.data)
    }

    /// How many octets the device returned, if not all of them were stored.
    #[must_use]
    pub fn cut(&self) -> Option<usize> {
        self.stored().filter(|stored| stored.data.len() < stored.size).map(|stored| stored.size)
    }

    /// The `Format` of the data.
    #[must_use]
    pub fn format(&self) -> Option<&'a str> {
        self.stored()?.format.as_deref()
    }

    /// The `Type` of the data.
    #[must_use]
    pub fn media_type(&self) -> Option<&'a str> {
        self.stored()?.media_type.as_deref()
    }

    fn stored(&self) -> Option<&'a Stored> {
        self.slot?.stored()
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
        let Stage::Ended(state, code) = target.stage else { continue };
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
