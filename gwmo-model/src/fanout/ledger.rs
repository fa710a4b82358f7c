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

/// One slot per operation. One operation, as most jobs have, needs no memory beside the target's own, and of more the sums
/// that transitions look at are kept as they change.
#[derive(Debug, Default)]
pub(super) enum Ledger {
    /// Nothing was delivered.
    #[default]
    Untouched,
    One(Slot),
    /// Without slots while nothing was delivered.
    Many(Box<Many>),
}

/// The slots of several operations, and their sums.
#[derive(Debug, Default)]
pub(super) struct Many {
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
        match self {
            Self::Untouched => {}
            Self::One(_) => *self = Self::Untouched,
            Self::Many(many) => {
                let mut slots = core::mem::take(&mut many.slots);
                slots.clear();
                **many = Many { slots, ..Many::default() };
            }
        }
    }

    /// Makes slots for this many operations, once.
    fn begin(&mut self, ops: usize) {
        if !self.slots().is_empty() {
            return;
        }
        if ops == 1 {
            *self = Self::One(Slot::default());
            return;
        }
        if !matches!(self, Self::Many(_)) {
            *self = Self::Many(Box::default());
        }
        if let Self::Many(many) = self {
            many.slots.reserve_exact(ops);
            many.slots.resize_with(ops, Slot::default);
            many.left = ops as u16; // at most `max_ops`
        }
    }

    #[inline]
    pub(super) fn work(&self, ops: &[Op]) -> Work {
        match self {
            Self::One(slot) => slot.work(ops.first().copied()),
            Self::Many(many) if !many.slots.is_empty() => many.work(),
            _ => Work::untouched(ops.len() as u16), // at most `max_ops`
        }
    }

    /// Octets stored for this target.
    pub(super) fn used(&self) -> u32 {
        match self {
            Self::Untouched => 0,
            Self::One(slot) => slot.octets(),
            Self::Many(many) => many.used,
        }
    }

    /// The first operations in a row that are to be delivered next: up to one that ends the work if it fails.
    pub(super) fn due(&self, ops: &[Op]) -> Option<Range<u16>> {
        match self {
            Self::One(slot) => matches!(slot.stage, OpStage::Unsent | OpStage::Lost).then_some(0..1),
            Self::Many(many) if !many.slots.is_empty() => many.due(ops),
            _ => {
                let count = ops.iter().position(|op| op.stops_on_error()).map_or(ops.len(), |stop| stop + 1);
                (!ops.is_empty()).then_some(0..count as u16)
            }
        }
    }

    /// These operations are delivered from here on.
    pub(super) fn deliver(&mut self, ops: &[Op], range: Range<u16>, attempt: u16) {
        self.begin(ops.len());
        let (start, count) = (usize::from(range.start), usize::from(range.end.saturating_sub(range.start)));
        match self {
            Self::Untouched => {}
            Self::One(slot) => {
                if start == 0 && count > 0 {
                    slot.deliver(attempt);
                }
            }
            Self::Many(many) => {
                for index in (0..ops.len()).skip(start).take(count) {
                    many.deliver_one(index, ops[index], attempt);
                }
            }
        }
    }

    /// The attempt is over: what is outstanding will not be answered any more.
    pub(super) fn lose(&mut self) {
        match self {
            Self::Untouched => {}
            Self::One(slot) => slot.lose(),
            Self::Many(many) => {
                if many.outstanding > 0 {
                    many.outstanding = 0;
                    many.slots.iter_mut().for_each(Slot::lose);
                }
            }
        }
    }

    /// What is outstanding was in truth not sent.
    pub(super) fn recall(&mut self, ops: &[Op]) {
        if let Self::Many(many) = self
            && many.outstanding == 0
        {
            return;
        }
        for (op, index) in ops.iter().zip(0..) {
            self.recall_one(index, *op);
        }
    }

    /// This operation was in truth not sent; nothing if it is not outstanding.
    pub(super) fn recall_one(&mut self, index: u16, op: Op) -> bool {
        let Some(slot) = self.slot(index).filter(|slot| slot.stage == OpStage::Sent) else { return false };
        let replayed = slot.replayed;
        slot.stage = if replayed { OpStage::Lost } else { OpStage::Unsent };
        if let Self::Many(many) = self {
            many.outstanding -= 1;
            if !replayed {
                many.loose -= 1;
                many.doubt -= u16::from(op.class() == OpClass::Unsafe);
            }
        }
        true
    }

    /// Takes an answer, storing up to `room` octets; `None` if this operation does not wait for one.
    pub(super) fn answer(&mut self, index: u16, op: Op, answer: &Answer<'_>, room: u32) -> Option<Taken> {
        let accepted = op.is_asynchronous() && answer.status() == StatusCode::ACCEPTED;
        let slot = self.slot(index).filter(|slot| slot.stage == OpStage::Sent)?;
        if accepted {
            slot.stage = OpStage::Pending;
            slot.status = answer.status().get();
        }
        if let Self::Many(many) = self {
            many.outstanding -= 1;
            many.loose -= 1;
            many.doubt -= u16::from(op.class() == OpClass::Unsafe);
            many.pending += u16::from(accepted);
        }
        if accepted {
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
        let waits = |slot: &&mut Slot| slot.stage == OpStage::Pending && slot.attempt == attempt;
        self.slot(index).filter(waits)?;
        if let Self::Many(many) = self {
            many.pending -= 1;
        }
        Some(self.close(index, op, answer, room))
    }

    /// Takes the last word on an operation: how many octets are stored for it.
    fn close(&mut self, index: u16, op: Op, answer: &Answer<'_>, room: u32) -> u32 {
        let Some(slot) = self.slot(index) else { return 0 };
        let used = slot.close(op, answer, room);
        let done = slot.done;
        if let Self::Many(many) = self {
            if !done {
                many.first_bad = Some(many.first_bad.map_or(index, |first| first.min(index)));
                many.halted |= op.stops_on_error();
                many.bad = many.bad.and(Badness::of(answer.status()));
            }
            many.left -= 1;
            many.used += used;
        }
        used
    }

    /// Makes operations due again that failed, since trying again may mend that. What was stored for them is dropped:
    /// how many octets that were.
    pub(super) fn reopen(&mut self) -> u32 {
        let (mut freed, mut count) = (0, 0);
        let failed = |slot: &&mut Slot| slot.stage == OpStage::Answered && !slot.done;
        for slot in self.slots_mut().iter_mut().filter(failed) {
            slot.stage = OpStage::Unsent;
            slot.replayed = false;
            freed += slot.stored.take().map_or(0, |stored| stored.octets());
            count += 1;
        }
        if let Self::Many(many) = self {
            many.left += count;
            (many.first_bad, many.halted, many.bad) = (None, false, NOTHING);
            many.used -= freed;
        }
        freed
    }

    /// What became of the operations, if it is the same for all and nothing was stored.
    pub(super) fn uniform(&self) -> Option<(Uniform, u16)> {
        let Some((first, rest)) = self.slots().split_first() else { return Some((Uniform::Unsent, 0)) };
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
        self.slots_mut().iter_mut().for_each(|slot| slot.attempt = 0);
        match self {
            Self::Many(many) => many.slots.drain(..).collect(),
            _ => match core::mem::take(self) {
                Self::One(slot) => Box::new([slot]),
                _ => Box::default(),
            },
        }
    }

    /// A ledger with these slots, as when it was stored; `None` if they do not fit the operations.
    pub(super) fn restored(slots: Vec<Slot>, ops: &[Op]) -> Option<Self> {
        if slots.is_empty() {
            return Some(Self::default());
        }
        if slots.len() != ops.len() {
            return None;
        }
        let slots = match <[Slot; 1]>::try_from(slots) {
            Ok([slot]) => return Some(Self::One(slot)),
            Err(slots) => slots,
        };
        let mut many = Many::default();
        for (index, (slot, op)) in slots.iter().zip(ops).enumerate() {
            match slot.stage {
                OpStage::Answered => {
                    if !slot.done {
                        many.first_bad = many.first_bad.or(Some(index as u16));
                        many.halted |= op.stops_on_error();
                        many.bad = many.bad.and(Badness::of(StatusCode::new(slot.status)));
                    }
                }
                stage => {
                    many.left += 1;
                    let loose = matches!(stage, OpStage::Sent | OpStage::Lost);
                    many.loose += u16::from(loose);
                    many.doubt += u16::from(loose && op.class() == OpClass::Unsafe);
                    many.outstanding += u16::from(stage == OpStage::Sent);
                    many.pending += u16::from(stage == OpStage::Pending);
                }
            }
            many.used = many.used.saturating_add(slot.octets());
        }
        many.slots = slots;
        Some(Self::Many(Box::new(many)))
    }

    pub(super) fn slots(&self) -> &[Slot] {
        match self {
            Self::Untouched => &[],
            Self::One(slot) => core::slice::from_ref(slot),
            Self::Many(many) => &many.slots,
        }
    }

    fn slots_mut(&mut self) -> &mut [Slot] {
        match self {
            Self::Untouched => &mut [],
            Self::One(slot) => core::slice::from_mut(slot),
            Self::Many(many) => &mut many.slots,
        }
    }

    fn slot(&mut self, index: u16) -> Option<&mut Slot> {
        self.slots_mut().get_mut(usize::from(index))
    }
}

impl Many {
    fn work(&self) -> Work {
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

    fn due(&self, ops: &[Op]) -> Option<Range<u16>> {
        if self.outstanding > 0 {
            return None;
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

    fn deliver_one(&mut self, index: usize, op: Op, attempt: u16) {
        let slot = &mut self.slots[index];
        if !slot.deliver(attempt) {
            return;
        }
        if !slot.replayed {
            self.loose += 1;
            self.doubt += u16::from(op.class() == OpClass::Unsafe);
        }
        self.outstanding += 1;
    }
}

impl Default for Slot {
    fn default() -> Self {
        Self { stage: OpStage::Unsent, replayed: false, done: false, status: 0, attempt: 0, stored: None }
    }
}

impl Slot {
    /// The sums of a ledger that is no more than this.
    #[inline]
    fn work(&self, op: Option<Op>) -> Work {
        let is = |stage| u16::from(self.stage == stage);
        let loose = is(OpStage::Sent) + is(OpStage::Lost);
        let is_unsafe = op.is_some_and(|op| op.class() == OpClass::Unsafe);
        let failed = self.stage == OpStage::Answered && !self.done;
        let status = StatusCode::new(self.status);
        Work {
            left: 1 - is(OpStage::Answered),
            outstanding: is(OpStage::Sent),
            pending: is(OpStage::Pending),
            loose,
            doubt: if is_unsafe { loose } else { 0 },
            halted: failed && op.is_some_and(Op::stops_on_error),
            first_bad: failed.then_some(status),
            bad: if failed { Badness::of(status) } else { NOTHING },
        }
    }

    /// It is delivered from here on, unless it is already or was answered: whether it was not.
    fn deliver(&mut self, attempt: u16) -> bool {
        if !matches!(self.stage, OpStage::Unsent | OpStage::Lost) {
            return false;
        }
        self.replayed = self.stage == OpStage::Lost;
        self.stage = OpStage::Sent;
        self.attempt = attempt;
        true
    }

    fn lose(&mut self) {
        if self.stage == OpStage::Sent {
            self.stage = OpStage::Lost;
        }
    }

    /// Takes the last word: how many octets are stored for it.
    fn close(&mut self, op: Op, answer: &Answer<'_>, room: u32) -> u32 {
        self.stage = OpStage::Answered;
        self.status = answer.status().get();
        self.done = op.is_done(answer, self.replayed);
        let Some((stored, used)) = Stored::new(answer, room) else { return 0 };
        self.stored = Some(Box::new(stored));
        used
    }

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
