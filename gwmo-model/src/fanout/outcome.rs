//! What became of the operations of targets that are at their end: kept once for all that are alike.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::ledger::Slot;

/// The outcomes of one job that are not the same for all operations, or brought data.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    rooms: Vec<Option<Outcome>>,
    free: Vec<u32>,
    index: BTreeMap<Arc<[Slot]>, u32>,
}

#[derive(Debug)]
struct Outcome {
    slots: Arc<[Slot]>,
    targets: u32,
}

impl Outcomes {
    /// Where this outcome is kept, and whether it is for the first time.
    pub(super) fn insert(&mut self, slots: Box<[Slot]>) -> (u32, bool) {
        if let Some(&at) = self.index.get(&*slots) {
            if let Some(Some(outcome)) = self.rooms.get_mut(at as usize) {
                outcome.targets += 1;
            }
            return (at, false);
        }
        let slots: Arc<[Slot]> = slots.into();
        let outcome = Some(Outcome { slots: slots.clone(), targets: 1 });
        let at = match self.free.pop() {
            Some(at) => {
                self.rooms[at as usize] = outcome;
                at
            }
            None => {
                self.rooms.push(outcome);
                (self.rooms.len() - 1) as u32 // at most one for each target
            }
        };
        self.index.insert(slots, at);
        (at, true)
    }

    /// One target more has this outcome.
    pub(super) fn share(&mut self, at: u32) {
        if let Some(Some(outcome)) = self.rooms.get_mut(at as usize) {
            outcome.targets += 1;
        }
    }

    /// One target fewer has this outcome: how many octets that frees.
    pub(super) fn remove(&mut self, at: u32) -> u32 {
        let Some(room) = self.rooms.get_mut(at as usize) else { return 0 };
        let Some(outcome) = room else { return 0 };
        outcome.targets -= 1;
        if outcome.targets > 0 {
            return 0;
        }
        let octets = outcome.slots.iter().map(Slot::octets).sum();
        self.index.remove(&outcome.slots);
        *room = None;
        self.free.push(at);
        octets
    }

    pub(super) fn get(&self, at: u32) -> Option<&[Slot]> {
        Some(&self.rooms.get(at as usize)?.as_ref()?.slots)
    }
}
