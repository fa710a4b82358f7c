//! Snapshots, and the way back.

use alloc::collections::BTreeMap;

use dm_notification::SessionId;
use dm_syncml::Instant;

use super::record::{Entry, Stored, StoredRun, TriggerRecord, TriggerRestoreError, TriggerSnapshot};
use super::{Run, TargetOutcome, TriggerLimits, TriggerNo, Triggers};

impl Triggers {
    /// All that has to be kept. What is being sent will be sent again by who restores it.
    ///
    /// Drain the outputs first: it stands for every record that was handed out before it, which are not replayed onto it.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> TriggerSnapshot {
        let stored = self.triggers.iter().map(|(&trigger, known)| Stored {
            trigger,
            spec: known.spec.clone(),
            run: known.run.as_ref().map(|run| StoredRun {
                session_id: run.session_id.get(),
                targets: run.targets.iter().map(|(device, outcome)| (*device, *outcome)).collect(),
                left: run.until.map(|at| at.saturating_since(now)),
            }),
        });
        TriggerSnapshot {
            version: TriggerSnapshot::VERSION,
            next: self.next,
            next_session_id: self.next_session_id.get(),
            triggers: stored.collect(),
        }
    }

    /// The triggers that a snapshot was taken of, as they became by the records stored since. Devices that were
    /// waited for are waited for again: see [`handle_reachable`](Self::handle_reachable).
    ///
    /// # Errors
    ///
    /// [`TriggerRestoreError`] for a version that is not known, and for anything that cannot be.
    pub fn restore(
        now: Instant,
        limits: TriggerLimits,
        snapshot: TriggerSnapshot,
        records: impl IntoIterator<Item = TriggerRecord>,
    ) -> Result<Self, TriggerRestoreError> {
        if snapshot.version != TriggerSnapshot::VERSION {
            return Err(TriggerRestoreError::Version(snapshot.version));
        }
        let mut triggers = Self::new(limits);
        triggers.next_session_id =
            SessionId::new(snapshot.next_session_id).unwrap_or(triggers.next_session_id);
        for stored in snapshot.triggers {
            let no = stored.trigger;
            if no.0 == 0 || no.0 >= snapshot.next {
                return Err(TriggerRestoreError::Trigger(no));
            }
            triggers.restore_added(no, stored.spec)?;
            if let Some(run) = stored.run {
                triggers.restore_run(now, no, run)?;
            }
        }
        triggers.next = snapshot.next.max(1);
        for TriggerRecord(entry) in records {
            match entry {
                Entry::Added { trigger, spec } => triggers.restore_added(trigger, spec)?,
                Entry::Started { trigger, session_id, mut targets, mut away } => {
                    targets.sort_unstable();
                    targets.dedup();
                    away.sort_unstable();
                    away.dedup();
                    let is_draft = triggers.triggers.get(&trigger).is_some_and(|known| known.run.is_none());
                    let is_sound = is_draft
                        && targets.len() <= limits.max_targets as usize
                        && away.iter().all(|device| targets.binary_search(device).is_ok());
                    let session_id = SessionId::new(session_id).ok().filter(|_| is_sound);
                    let session_id = session_id.ok_or(TriggerRestoreError::Trigger(trigger))?;
                    triggers.start(now, trigger, session_id, &targets, &away);
                    triggers.close(trigger);
                }
                Entry::Settled { trigger, device, outcome } => {
                    if !outcome.is_final() {
                        return Err(TriggerRestoreError::Trigger(trigger));
                    }
                    triggers.set(trigger, device, outcome);
                    triggers.close(trigger);
                }
                Entry::Expired { trigger, mut not_reached } => {
                    not_reached.sort_unstable();
                    triggers.expire(trigger, &not_reached);
                    triggers.close(trigger);
                }
                Entry::Removed { trigger } => triggers.remove(trigger),
            }
        }
        if triggers.triggers.len() > limits.max_triggers as usize {
            return Err(TriggerRestoreError::TooMuch);
        }
        triggers.fill();
        Ok(triggers)
    }

    fn restore_added(&mut self, no: TriggerNo, spec: super::TriggerSpec) -> Result<(), TriggerRestoreError> {
        let is_new = !self.triggers.contains_key(&no)
            && !self.by_key.contains_key(&(spec.owner.clone(), spec.key.clone()));
        if !is_new || no.0 == 0 || no.0 == u32::MAX || !self.limits.takes(&spec) {
            return Err(TriggerRestoreError::Trigger(no));
        }
        self.add(no, spec);
        Ok(())
    }

    fn restore_run(
        &mut self,
        now: Instant,
        no: TriggerNo,
        stored: StoredRun,
    ) -> Result<(), TriggerRestoreError> {
        let StoredRun { session_id, targets, left } = stored;
        let wrong = TriggerRestoreError::Trigger(no);
        let session_id = SessionId::new(session_id).map_err(|_| wrong)?;
        let known = self.triggers.get_mut(&no).ok_or(wrong)?;
        let most = known.spec.validity.max(self.limits.t_send);
        let until = left.map(|left| now + left.min(most));
        let mut run =
            Run { session_id, targets: BTreeMap::new(), open: targets.len(), handed_over: 0, until };
        run.targets.extend(targets.iter().map(|(device, _)| (*device, TargetOutcome::Queued)));
        if run.targets.len() != targets.len() || targets.len() > self.limits.max_targets as usize {
            return Err(wrong);
        }
        known.run = Some(run);
        for (device, outcome) in &targets {
            match outcome {
                // What was on its way is sent again.
                TargetOutcome::Queued | TargetOutcome::Sending => self.queue.push_back((no, *device)),
                other => self.set(no, *device, *other),
            }
        }
        let run = self.triggers.get(&no).and_then(|known| known.run.as_ref()).ok_or(wrong)?;
        // Only one that is over has no time left, and the other way round.
        if (run.open == 0) != until.is_none() {
            return Err(wrong);
        }
        if let Some(until) = until {
            self.deadlines.insert((until, no));
        }
        Ok(())
    }
}
