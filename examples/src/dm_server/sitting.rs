//! The sessions of one device, and which of them a message belongs to.
//!
//! Anyone can say that he is a device, so a session takes the place of the device's former one only when it has proved itself. Until then
//! it stands beside it, even under the same SessionID, and can do it no harm.

use std::collections::BTreeMap;

use dm_syncml::Instant;
use dm_syncml::session::{CommandHandle, ServerSession, ServerSnapshot};
use serde::{Deserialize, Serialize};

/// Sessions of one device that have not proved themselves: who opens more ends the oldest.
pub(super) const MAX_UNPROVEN: usize = 4;

/// One session and what belongs to it.
#[derive(Debug)]
pub(super) struct Sitting {
    /// Numbers sittings in the order they began.
    pub(super) no: u64,
    /// The device, or who says so.
    pub(super) peer: String,
    pub(super) session_id: String,
    pub(super) session: ServerSession,
    /// The device has proved itself in it.
    pub(super) proven: bool,
    /// Which command is which work.
    pub(super) work: BTreeMap<CommandHandle, u64>,
    /// Unix seconds.
    pub(super) began: u64,
    pub(super) messages: u32,
    pub(super) deadline: Option<Instant>,
    /// Nothing more will come of it.
    pub(super) closed: bool,
    /// Whether the store may have large objects for the session after it.
    pub(super) has_partial_objects: bool,
    /// Where its last message came from.
    pub(super) origin: Option<String>,
}

/// All sittings with one device.
#[derive(Debug, Default)]
pub(super) struct Seat {
    sittings: Vec<Sitting>,
}

impl Seat {
    /// The sittings a message under this SessionID may belong to, the proven one first.
    pub(super) fn candidates(&self, session_id: &str) -> Vec<u64> {
        let mut found: Vec<&Sitting> =
            self.sittings.iter().filter(|at| at.session_id == session_id).collect();
        found.sort_by_key(|at| (!at.proven, at.no));
        found.into_iter().map(|at| at.no).collect()
    }

    pub(super) fn get_mut(&mut self, no: u64) -> Option<&mut Sitting> {
        self.sittings.iter_mut().find(|at| at.no == no)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Sitting> {
        self.sittings.iter()
    }

    pub(super) fn remove(&mut self, no: u64) -> Option<Sitting> {
        let index = self.sittings.iter().position(|at| at.no == no)?;
        Some(self.sittings.remove(index))
    }

    /// Adds a sitting; returns those that make way: one that has proved nothing under the same id, and the oldest beyond the limit.
    pub(super) fn insert(&mut self, sitting: Sitting) -> Vec<Sitting> {
        let mut gone = Vec::new();
        let same = |at: &Sitting| !at.proven && at.session_id == sitting.session_id;
        while let Some(index) = self.sittings.iter().position(same) {
            gone.push(self.sittings.remove(index));
        }
        while self.sittings.iter().filter(|at| !at.proven).count() >= MAX_UNPROVEN {
            let Some(index) = self.sittings.iter().position(|at| !at.proven) else { break };
            gone.push(self.sittings.remove(index));
        }
        self.sittings.push(sitting);
        gone
    }

    /// Takes out the sittings that the one of this number replaces, now that it has proved itself.
    pub(super) fn replaced_by(&mut self, no: u64) -> Vec<Sitting> {
        let mut replaced = Vec::new();
        while let Some(index) = self.sittings.iter().position(|at| at.proven && at.no != no) {
            replaced.push(self.sittings.remove(index));
        }
        replaced
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sittings.is_empty()
    }
}

/// A sitting between two messages, in the store.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedSitting {
    pub(super) peer: String,
    pub(super) session_id: String,
    pub(super) snapshot: ServerSnapshot,
    pub(super) proven: bool,
    pub(super) work: Vec<(CommandHandle, u64)>,
    pub(super) began: u64,
    pub(super) messages: u32,
}

impl Sitting {
    /// The sitting as the store has it; `None` while something of it is under way.
    pub(super) fn save(&self, now: Instant) -> Option<SavedSitting> {
        Some(SavedSitting {
            peer: self.peer.clone(),
            session_id: self.session_id.clone(),
            snapshot: self.session.snapshot(now).ok()?,
            proven: self.proven,
            work: self.work.iter().map(|(handle, number)| (*handle, *number)).collect(),
            began: self.began,
            messages: self.messages,
        })
    }
}
