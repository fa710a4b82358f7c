//! Drafts of jobs in an Atomic: what they were before.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use dm_syncml::StatusCode;

use super::job::Job;
use super::table::{FanoutSlot, Slot};
use super::{Keys, ObjectRecord, Objects};
use crate::fanout::JobKey;

/// The jobs that were touched in an Atomic, as they were; `None` for one that was not there.
#[derive(Debug, Default)]
pub(super) struct Undo {
    jobs: BTreeMap<JobKey, Option<Job>>,
    /// What is to be stored if it stays.
    pub(super) records: Vec<ObjectRecord>,
}

impl Objects {
    /// In an Atomic, makes sure that a change can be taken back. Outside of one there is nothing to be done.
    ///
    /// # Errors
    ///
    /// 500 when it cannot: it would be another machine's.
    pub(super) fn reversible(&mut self, slot: Slot, keys: &Keys<'_>) -> Result<(), StatusCode> {
        let Some(undo) = &mut self.atomic else { return Ok(()) };
        let Slot::Fanout(slot) = slot else { return Err(StatusCode::COMMAND_FAILED) };
        let key = JobKey::new(keys[0]).map_err(|error| error.status())?;
        let job = self.jobs.by_key.get(&key);
        if job.is_some_and(|job| job.started.is_some()) || slot == FanoutSlot::Root {
            return Err(StatusCode::COMMAND_FAILED);
        }
        undo.jobs.entry(key).or_insert_with(|| job.cloned());
        Ok(())
    }

    /// The Atomic failed.
    pub(super) fn undo(&mut self) {
        let Some(undo) = self.atomic.take() else { return };
        for (key, before) in undo.jobs {
            self.jobs.remove(&key);
            if let Some(job) = before {
                self.jobs.put(key, job);
            }
        }
    }
}
