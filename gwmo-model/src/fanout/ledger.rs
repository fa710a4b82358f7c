//! What was delivered to one target, and what it answered.

use alloc::boxed::Box;
use core::ops::Range;

use dm_syncml::StatusCode;

use super::operation::{Answer, Op, OpClass};

/// Longest `Format` or `Type` kept, in octets: 127 is what RFC 6838 allows either half of a media type.
const MAX_NAME: usize = 127;

/// One slot per operation, with the sums that transitions look at kept as they change.
#[derive(Debug)]
pub(super) struct Ledger {
    slots: Box<[Slot]>,
    left: u16,
    outstanding: u16,
    loose: u16,
    doubt: u16,
    first_bad: Option<u16>,
    /// Octets stored.
    used: u32,
}

#[derive(Debug)]
pub(super) struct Slot {
    stage: Stage,
    replayed: bool,
    status: StatusCode,
    stored: Option<Box<Stored>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// Not delivered.
    Unsent,
    /// Delivered in this attempt, answer due.
    Sent,
    /// Delivered in an earlier attempt that ended without the answer.
    Lost,
    /// Answered.
    Answered,
}

/// What a device returned, as far as there was room.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) format: Option<Box<str>>,
    pub(super) media_type: Option<Box<str>>,
    pub(super) data: Box<[u8]>,
    pub(super) size: usize,
}

/// The sums of a ledger.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Work {
    /// Operations without an answer.
    pub(super) left: u16,
    /// Those of them delivered in this attempt.
    pub(super) outstanding: u16,
    /// Those of them delivered at all.
    pub(super) loose: u16,
    /// Those of them delivered at all that must not be repeated.
    pub(super) doubt: u16,
    /// The answer to the first operation that was not done.
    pub(super) first_bad: Option<StatusCode>,
}

impl Work {
    /// Nothing delivered of this many operations.
    pub(super) const fn untouched(ops: u16) -> Self {
        Self { left: ops, outstanding: 0, loose: 0, doubt: 0, first_bad: None }
    }
}

impl Ledger {
    pub(super) fn new(ops: u16) -> Self {
        let slot =
            || Slot { stage: Stage::Unsent, replayed: false, status: StatusCode::new(0), stored: None };
        Self {
            slots: (0..ops).map(|_| slot()).collect(),
            left: ops,
            outstanding: 0,
            loose: 0,
            doubt: 0,
            first_bad: None,
            used: 0,
        }
    }

    pub(super) fn work(&self) -> Work {
        let first_bad = self.first_bad.map(|op| self.slots[usize::from(op)].status);
        Work {
            left: self.left,
            outstanding: self.outstanding,
            loose: self.loose,
            doubt: self.doubt,
            first_bad,
        }
    }

    /// Octets stored for this target.
    pub(super) const fn used(&self) -> u32 {
        self.used
    }

    /// The first operations in a row that are still to be delivered, marked as delivered from here on.
    pub(super) fn deliver(&mut self, ops: &[Op]) -> Option<Range<u16>> {
        let due = |slot: &Slot| matches!(slot.stage, Stage::Unsent | Stage::Lost);
        let start = self.slots.iter().position(due)?;
        let count = self.slots[start..].iter().take_while(|slot| due(slot)).count();
        for (slot, op) in self.slots[start..start + count].iter_mut().zip(&ops[start..]) {
            slot.replayed = slot.stage == Stage::Lost;
            if !slot.replayed {
                self.loose += 1;
                self.doubt += u16::from(op.class() == OpClass::Unsafe);
            }
            slot.stage = Stage::Sent;
            self.outstanding += 1;
        }
        // There are as many slots as a `u16` counts.
        Some(start as u16..(start + count) as u16)
    }

    /// The attempt is over: what is outstanding will not be answered any more.
    pub(super) fn lose(&mut self) {
        if self.outstanding > 0 {
            self.outstanding = 0;
            for slot in self.slots.iter_mut().filter(|slot| slot.stage == Stage::Sent) {
                slot.stage = Stage::Lost;
            }
        }
    }

    /// What is outstanding was in truth not sent.
    pub(super) fn recall(&mut self, ops: &[Op]) {
        for (op, index) in ops.iter().zip(0..) {
            self.recall_one(index, *op);
        }
    }

    /// This operation was in truth not sent; nothing if it is not outstanding.
    pub(super) fn recall_one(&mut self, index: u16, op: Op) {
        let slot = self.slots.get_mut(usize::from(index)).filter(|slot| slot.stage == Stage::Sent);
        let Some(slot) = slot else { return };
        self.outstanding -= 1;
        if slot.replayed {
            slot.stage = Stage::Lost;
        } else {
            slot.stage = Stage::Unsent;
            self.loose -= 1;
            self.doubt -= u16::from(op.class() == OpClass::Unsafe);
        }
    }

    /// Takes an answer, storing up to `room` octets; `None` if this operation does not wait for one.
    pub(super) fn answer(&mut self, index: u16, op: Op, answer: &Answer<'_>, room: u32) -> Option<u32> {
        let slot = self.slots.get_mut(usize::from(index)).filter(|slot| slot.stage == Stage::Sent)?;
        slot.stage = Stage::Answered;
        slot.status = answer.status();
        let used = match Stored::new(answer, room) {
            Some((stored, used)) => {
                slot.stored = Some(Box::new(stored));
                used
            }
            None => 0,
        };
        if !op.is_done(answer, slot.replayed) {
            self.first_bad = Some(self.first_bad.map_or(index, |first| first.min(index)));
        }
        self.left -= 1;
        self.outstanding -= 1;
        self.loose -= 1;
        self.doubt -= u16::from(op.class() == OpClass::Unsafe);
        self.used += used;
        Some(used)
    }

    pub(super) fn slot(&self, op: u16) -> Option<&Slot> {
        self.slots.get(usize::from(op))
    }
}

impl Slot {
    pub(super) fn status(&self) -> Option<StatusCode> {
        (self.stage == Stage::Answered).then_some(self.status)
    }

    pub(super) fn was_delivered(&self) -> bool {
        self.stage != Stage::Unsent
    }

    pub(super) const fn was_replayed(&self) -> bool {
        self.replayed
    }

    pub(super) fn stored(&self) -> Option<&Stored> {
        self.stored.as_deref()
    }
}

impl Stored {
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
        Some((Self { format, media_type, data: kept.into(), size: data.len() }, used))
    }
}
