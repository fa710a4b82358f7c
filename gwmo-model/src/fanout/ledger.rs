//! What was delivered to one target, and what it answered.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;

use dm_syncml::StatusCode;

use super::operation::{Answer, Op, OpClass};
use super::policy::RetryOn;
use super::transition::retriable;

/// Longest `Format` or `Type` kept, in octets: 127 is what RFC 6838 allows either half of a media type.
pub(super) const MAX_NAME: usize = 127;

/// One slot per operation, with the sums that transitions look at kept as they change. Empty while nothing was
/// delivered.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    slots: Vec<Slot>,
    left: u16,
    outstanding: u16,
    pending: u16,
    loose: u16,
    doubt: u16,
    first_bad: Option<u16>,
    halted: bool,
    bad: Badness,
    /// Octets stored.
    used: u32,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Slot {
    stage: OpStage,
    replayed: bool,
    /// The answer says that it is done.
    done: bool,
    status: u16,
    /// The attempt it was delivered in last; 0 once that does not matter.
    attempt: u16,
    stored: Option<Box<Stored>>,
}

/// What became of an operation on a device.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum OpStage {
    /// Not delivered.
    Unsent,
    /// Delivered in this attempt, answer due.
    Sent,
    /// Delivered in an earlier attempt that ended without the answer.
    Lost,
    /// Accepted, result due.
    Pending,
    /// Answered.
    Answered,
}

/// What became of all operations, when that is the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Uniform {
    Unsent,
    Lost,
    LostAgain,
    Pending,
    Answered,
    AnsweredAgain,
}

impl Uniform {
    pub(super) const fn parts(self) -> (OpStage, bool) {
        match self {
            Self::Unsent => (OpStage::Unsent, false),
            Self::Lost => (OpStage::Lost, false),
            Self::LostAgain => (OpStage::Lost, true),
            Self::Pending => (OpStage::Pending, false),
            Self::Answered => (OpStage::Answered, false),
            Self::AnsweredAgain => (OpStage::Answered, true),
        }
    }
}

/// What a device returned, as far as there was room.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Stored {
    pub(super) format: Option<Box<str>>,
    pub(super) media_type: Option<Box<str>>,
    pub(super) data: Box<[u8]>,
    pub(super) size: usize,
}

/// The sums of a ledger.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Work {
    /// Operations without a final answer.
    pub(super) left: u16,
    /// Those of them delivered in this attempt.
    pub(super) outstanding: u16,
    /// Those of them accepted.
    pub(super) pending: u16,
    /// Those of them delivered at all and not accepted.
    pub(super) loose: u16,
    /// Those of them delivered at all, not accepted, that must not be repeated.
    pub(super) doubt: u16,
    /// An operation failed after which no other is to be delivered.
    pub(super) halted: bool,
    /// The answer to the first operation that was not done.
    pub(super) first_bad: Option<StatusCode>,
    /// In what ways operations were not done.
    pub(super) bad: Badness,
}

/// The ways in which operations were not done.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Badness {
    kinds: u8,
    hopeless: bool,
}

impl Badness {
    pub(super) fn of(status: StatusCode) -> Self {
        let kind = retriable(status);
        Self { kinds: kind.map_or(0, RetryOn::bits), hopeless: kind.is_none() }
    }

    const fn and(self, other: Self) -> Self {
        Self { kinds: self.kinds | other.kinds, hopeless: self.hopeless || other.hopeless }
    }

    /// Whether there is some, and trying again on these occasions may mend all of it.
    pub(super) const fn may_mend(self, on: RetryOn) -> bool {
        !self.hopeless && self.kinds != 0 && on.contains(RetryOn::from_bits(self.kinds))
    }
}

impl Work {
    /// Nothing delivered of this many operations.
    pub(super) const fn untouched(ops: u16) -> Self {
        Self {
            left: ops,
            outstanding: 0,
            pending: 0,
            loose: 0,
            doubt: 0,
            halted: false,
            first_bad: None,
            bad: NOTHING,
        }
    }
}

const NOTHING: Badness = Badness { kinds: 0, hopeless: false };

/// What an answer was to a ledger.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Taken {
    /// The last word.
    Final {
        /// Octets stored.
        used: u32,
    },
    /// The device has begun, and reports later.
    Accepted,
}

impl Ledger {
    /// Forgets everything but its room.
    pub(super) fn clear(&mut self) {
        let mut slots = core::mem::take(&mut self.slots);
        slots.clear();
        *self = Self { slots, ..Self::default() };
    }

    /// Makes room for this many operations, once.
    pub(super) fn begin(&mut self, ops: usize) {
        if self.slots.is_empty() {
            let slot = || Slot {
                stage: OpStage::Unsent,
                replayed: false,
                done: false,
                status: 0,
                attempt: 0,
                stored: None,
            };
            self.slots.resize_with(ops, slot);
            self.left = ops as u16; // at most `max_ops`
        }
    }

    pub(super) fn work(&self, ops: usize) -> Work {
        if self.slots.is_empty() {
            return Work::untouched(ops as u16); // at most `max_ops`
        }
        let first_bad = self.first_bad.map(|op| StatusCode::new(self.slots[usize::from(op)].status));
        Work {
            left: self.left,
            outstanding: self.outstanding,
            pending: self.pending,
            loose: self.loose,
            doubt: self.doubt,
            halted: self.halted,
            first_bad,
            bad: self.bad,
        }
    }

    /// Octets stored for this target.
    pub(super) const fn used(&self) -> u32 {
        self.used
    }

    /// The first operations in a row that are to be delivered next: up to one that ends the work if it fails.
    pub(super) fn due(&self, ops: &[Op]) -> Option<Range<u16>> {
        if self.outstanding > 0 {
            return None;
        }
        if self.slots.is_empty() {
            let count = ops.iter().position(|op| op.stops_on_error()).map_or(ops.len(), |stop| stop + 1);
            return (!ops.is_empty()).then_some(0..count as u16);
        }
        // After a failure that ends the work, only what was delivered before it is found out about.
        let due = |slot: &Slot| match slot.stage {
            OpStage::Unsent => !self.halted,
            stage => stage == OpStage::Lost,
        };
        let start = self.slots.iter().position(due)?;
        let mut end = start;
        while self.slots.get(end).is_some_and(due) {
            end += 1;
            if ops[end - 1].stops_on_error() {
                break;
            }
        }
        // There are as many slots as a `u16` counts.
        Some(start as u16..end as u16)
    }

    /// These operations are delivered from here on.
    pub(super) fn deliver(&mut self, ops: &[Op], range: Range<u16>, attempt: u16) {
        self.begin(ops.len());
        let (start, count) = (usize::from(range.start), usize::from(range.end.saturating_sub(range.start)));
        for (slot, op) in self.slots.iter_mut().zip(ops).skip(start).take(count) {
            if !matches!(slot.stage, OpStage::Unsent | OpStage::Lost) {
                continue;
            }
            slot.replayed = slot.stage == OpStage::Lost;
            if !slot.replayed {
                self.loose += 1;
                self.doubt += u16::from(op.class() == OpClass::Unsafe);
            }
            slot.stage = OpStage::Sent;
            slot.attempt = attempt;
            self.outstanding += 1;
        }
    }

    /// The attempt is over: what is outstanding will not be answered any more.
    pub(super) fn lose(&mut self) {
        if self.outstanding > 0 {
            self.outstanding = 0;
            for slot in self.slots.iter_mut().filter(|slot| slot.stage == OpStage::Sent) {
                slot.stage = OpStage::Lost;
            }
        }
    }

    /// What is outstanding was in truth not sent.
    pub(super) fn recall(&mut self, ops: &[Op]) {
        if self.outstanding > 0 {
            for (op, index) in ops.iter().zip(0..) {
                self.recall_one(index, *op);
            }
        }
    }

    /// This operation was in truth not sent; nothing if it is not outstanding.
    pub(super) fn recall_one(&mut self, index: u16, op: Op) -> bool {
        let slot = self.slots.get_mut(usize::from(index)).filter(|slot| slot.stage == OpStage::Sent);
        let Some(slot) = slot else { return false };
        self.outstanding -= 1;
        if slot.replayed {
            slot.stage = OpStage::Lost;
        } else {
            slot.stage = OpStage::Unsent;
            self.loose -= 1;
            self.doubt -= u16::from(op.class() == OpClass::Unsafe);
        }
        true
    }

    /// Takes an answer, storing up to `room` octets; `None` if this operation does not wait for one.
    pub(super) fn answer(&mut self, index: u16, op: Op, answer: &Answer<'_>, room: u32) -> Option<Taken> {
        let slot = self.slots.get_mut(usize::from(index)).filter(|slot| slot.stage == OpStage::Sent)?;
        self.outstanding -= 1;
        self.loose -= 1;
        self.doubt -= u16::from(op.class() == OpClass::Unsafe);
        if op.is_asynchronous() && answer.status() == StatusCode::ACCEPTED {
            slot.stage = OpStage::Pending;
            slot.status = answer.status().get();
            self.pending += 1;
            return Some(Taken::Accepted);
        }
        Some(Taken::Final { used: self.close(index, op, answer, room) })
    }

    /// What was accepted is done, or has failed; `None` if this operation was not accepted in this attempt.
    pub(super) fn finish(
        &mut self,
        index: u16,
        op: Op,
        attempt: u16,
        answer: &Answer<'_>,
        room: u32,
    ) -> Option<u32> {
        let waits = |slot: &&Slot| slot.stage == OpStage::Pending && slot.attempt == attempt;
        self.slots.get(usize::from(index)).filter(waits)?;
        self.pending -= 1;
        Some(self.close(index, op, answer, room))
    }

    fn close(&mut self, index: u16, op: Op, answer: &Answer<'_>, room: u32) -> u32 {
        let slot = &mut self.slots[usize::from(index)];
        slot.stage = OpStage::Answered;
        slot.status = answer.status().get();
        let mut used = 0;
        if let Some((stored, octets)) = Stored::new(answer, room) {
            slot.stored = Some(Box::new(stored));
            used = octets;
        }
        slot.done = op.is_done(answer, slot.replayed);
        if !slot.done {
            self.first_bad = Some(self.first_bad.map_or(index, |first| first.min(index)));
            self.halted |= op.stops_on_error();
            self.bad = self.bad.and(Badness::of(answer.status()));
        }
        self.left -= 1;
        self.used += used;
        used
    }

    /// Makes operations due again that failed, since trying again may mend that. What was stored for them is dropped:
    /// how many octets that were.
    pub(super) fn reopen(&mut self) -> u32 {
        let mut freed = 0;
        for slot in self.slots.iter_mut().filter(|slot| slot.stage == OpStage::Answered && !slot.done) {
            slot.stage = OpStage::Unsent;
            slot.replayed = false;
            freed += slot.stored.take().map_or(0, |stored| stored.octets());
            self.left += 1;
        }
        (self.first_bad, self.halted, self.bad) = (None, false, NOTHING);
        self.used -= freed;
        freed
    }

    /// What became of the operations, if it is the same for all and nothing was stored.
    pub(super) fn uniform(&self) -> Option<(Uniform, u16)> {
        let Some((first, rest)) = self.slots.split_first() else { return Some((Uniform::Unsent, 0)) };
        let alike = |slot: &Slot| {
            (slot.stage, slot.replayed, slot.status) == (first.stage, first.replayed, first.status)
                && slot.stored.is_none()
        };
        if first.stored.is_some() || !rest.iter().all(alike) {
            return None;
        }
        let uniform = match (first.stage, first.replayed) {
            (OpStage::Unsent, false) => Uniform::Unsent,
            (OpStage::Lost, false) => Uniform::Lost,
            (OpStage::Lost, true) => Uniform::LostAgain,
            (OpStage::Pending, false) => Uniform::Pending,
            (OpStage::Answered, false) => Uniform::Answered,
            (OpStage::Answered, true) => Uniform::AnsweredAgain,
            _ => return None,
        };
        Some((uniform, first.status))
    }

    /// Takes the slots out for keeping, without what matters only while the target is under way.
    pub(super) fn take_slots(&mut self) -> Box<[Slot]> {
        for slot in &mut self.slots {
            slot.attempt = 0;
        }
        self.slots.drain(..).collect()
    }

    /// A ledger with these slots, as when it was stored; `None` if they do not fit the operations.
    pub(super) fn restored(slots: Vec<Slot>, ops: &[Op]) -> Option<Self> {
        if slots.is_empty() {
            return Some(Self::default());
        }
        if slots.len() != ops.len() {
            return None;
        }
        let mut ledger = Self::default();
        for (index, (slot, op)) in slots.iter().zip(ops).enumerate() {
            match slot.stage {
                OpStage::Answered => {
                    if !slot.done {
                        ledger.first_bad = ledger.first_bad.or(Some(index as u16));
                        ledger.halted |= op.stops_on_error();
                        ledger.bad = ledger.bad.and(Badness::of(StatusCode::new(slot.status)));
                    }
                }
                stage => {
                    ledger.left += 1;
                    let loose = matches!(stage, OpStage::Sent | OpStage::Lost);
                    ledger.loose += u16::from(loose);
                    ledger.doubt += u16::from(loose && op.class() == OpClass::Unsafe);
                    ledger.outstanding += u16::from(stage == OpStage::Sent);
                    ledger.pending += u16::from(stage == OpStage::Pending);
                }
            }
            ledger.used = ledger.used.saturating_add(slot.octets());
        }
        ledger.slots = slots;
        Some(ledger)
    }

    pub(super) fn slots(&self) -> &[Slot] {
        &self.slots
    }
}

impl Slot {
    pub(super) const fn parts(&self) -> (OpStage, bool, u16) {
        (self.stage, self.replayed, self.status)
    }

    pub(super) fn stored(&self) -> Option<&Stored> {
        self.stored.as_deref()
    }

    /// Whether not everything could be stored.
    pub(super) fn is_cut(&self) -> bool {
        self.stored.as_ref().is_some_and(|stored| stored.data.len() < stored.size)
    }

    /// Octets stored.
    pub(super) fn octets(&self) -> u32 {
        self.stored.as_ref().map_or(0, |stored| stored.octets())
    }
}

impl Stored {
    fn octets(&self) -> u32 {
        let name = |name: &Option<Box<str>>| name.as_ref().map_or(0, |name| name.len());
        // As much as there was room for, which is counted in a `u32`.
        (name(&self.format) + name(&self.media_type) + self.data.len()) as u32
    }

    /// What of an answer fits into `room` octets, names first, and how many it takes.
    fn new(answer: &Answer<'_>, room: u32) -> Option<(Self, u32)> {
        let (data, format, media_type) = answer.parts();
        if data.is_none() && format.is_none() && media_type.is_none() {
            return None;
        }
        let mut room_left = room as usize;
        let mut name = |name: Option<&str>| {
            let name = name.filter(|name| name.len() <= MAX_NAME.min(room_left))?;
            room_left -= name.len();
            Some(name.into())
        };
        let (format, media_type) = (name(format), name(media_type));
        let data = data.unwrap_or_default();
        let kept = &data[..data.len().min(room_left)];
        room_left -= kept.len();
        let used = room - room_left as u32;
        Some((Self { format, media_type, data: kept.into(), size: answer.size() }, used))
    }
}
