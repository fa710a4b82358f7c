//! Commands wait for their device, and are waited for.

use std::sync::Arc;
use std::time::Duration;

use dm_syncml::{Command, Correlator};

use super::changes::Changes;
use super::engine::{Denied, Engine, unix_now};
use super::gateway::{Reading, Thing};
use super::requests::Request;
use super::work::{Work, WorkState, pack};

/// A command to be queued.
#[derive(Clone, Debug)]
pub(super) struct NewWork {
    pub(super) what: String,
    pub(super) command: Command<'static>,
    pub(super) reading: Reading,
    pub(super) concerns: Option<Thing>,
}

impl NewWork {
    /// A command whose answer is read as it is.
    pub(super) fn new(what: &str, command: Command<'static>) -> Self {
        Self { what: what.to_owned(), command, reading: Reading::Plain, concerns: None }
    }
}

impl Engine {
    /// Queues commands for a device, and has it woken: those that `plan` says, in stages, of which each waits for the one before it. With
    /// a key and a digest, what was asked before is not done again; the numbers are those of then.
    ///
    /// # Errors
    /// The device is not known, or has too many already, or they cannot be written down, or the key was for something else.
    pub(super) async fn queue(
        self: &Arc<Self>,
        device: &str,
        key: Option<(String, String)>,
        plan: impl FnOnce(&mut Changes) -> Result<Vec<Vec<NewWork>>, Denied>,
    ) -> Result<Vec<u64>, Denied> {
        // While the seat is held, nobody else changes what the device has to do.
        let seat = self.directory().seat(device);
        let mut seat = seat.lock().await;
        let queued = self.queue_at(device, key, plan).await;
        self.leave(device, &mut seat);
        queued
    }

    async fn queue_at(
        self: &Arc<Self>,
        device: &str,
        key: Option<(String, String)>,
        plan: impl FnOnce(&mut Changes) -> Result<Vec<Vec<NewWork>>, Denied>,
    ) -> Result<Vec<u64>, Denied> {
        {
            let directory = self.directory();
            if let Some((key, digest)) = &key
                && let Some(request) = directory.requests.find(key)
            {
                let same = request.digest == *digest;
                return if same { Ok(request.work.clone()) } else { Err(Denied::Reused(key.clone())) };
            }
            if !directory.devices.contains_key(device) {
                return Err(Denied::NoDevice(device.to_owned()));
            }
        }
        let mut changes = Changes::default();
        let stages = plan(&mut changes)?;
        let waiting = self.directory().unended(device);
        if waiting + stages.iter().map(Vec::len).sum::<usize>() > self.limits.open_work {
            return Err(Denied::Full(waiting));
        }
        let mut before = Vec::new();
        for stage in stages.into_iter().filter(|stage| !stage.is_empty()) {
            let stage = stage.into_iter().map(|new| self.draft(device, new, before.clone()));
            let stage: Vec<Work> = stage.collect();
            before = stage.iter().map(|work| work.number).collect();
            changes.work.extend(stage.into_iter().map(|work| (work.number, (work, false))));
        }
        let work: Vec<u64> = changes.work.keys().copied().collect();
        if let Some((key, digest)) = key {
            let no = self.directory().requests.next_no();
            changes.request = Some(Request { no, key, digest, work: work.clone() });
        }
        let batch = changes.batch(&self.directory(), self.limits.ended_work)?;
        self.write(batch).await?;
        let in_session = {
            let mut directory = self.directory();
            changes.apply(self, &mut directory, self.limits.ended_work);
            directory.is_in_session(device)
        };
        if !in_session {
            self.waking.want(self.clock.now(), device);
            self.spawn_waking();
        }
        Ok(work)
    }

    /// A command as new work, with a number of its own, that goes out after these.
    pub(super) fn draft(&self, device: &str, mut new: NewWork, after: Vec<u64>) -> Work {
        let number = {
            let mut directory = self.directory();
            let number = directory.next_work;
            directory.next_work += 1;
            number
        };
        if let Command::Exec(exec) = &mut new.command
            && exec.correlator.is_none()
        {
            // Sessions leave it out where the class of the device does not know it.
            exec.correlator = Correlator::new(format!("work-{number}")).ok();
        }
        Work {
            number,
            device: device.to_owned(),
            what: new.what,
            command: pack(&new.command),
            repeatable: repeatable(&new.command),
            reading: new.reading,
            after,
            concerns: new.concerns,
            state: WorkState::Queued,
            code: None,
            reason: None,
            found: Vec::new(),
            outcome: None,
            tries: 0,
            queued: unix_now(),
            ended: None,
        }
    }

    /// Takes back a command that has not gone out.
    ///
    /// # Errors
    /// There is none, or it has gone out.
    pub(super) async fn cancel(&self, number: u64) -> Result<Work, Denied> {
        let device = self.directory().work.get(&number).map(|work| work.device.clone());
        let device = device.ok_or(Denied::NoWork(number))?;
        // While the seat is held, no message of the device changes anything.
        let seat = self.directory().seat(&device);
        let mut seat = seat.lock().await;
        let work = self.directory().work.get(&number).cloned().ok_or(Denied::NoWork(number))?;
        let holder = seat.iter().find_map(|at| {
            let found = at.work.iter().find(|(_, taken)| **taken == number);
            found.map(|(handle, _)| (at.no, *handle))
        });
        let mut changes = Changes::default();
        let mut cancelled = work.clone();
        cancelled.cancel(unix_now());
        let done = match (work.state, holder) {
            (WorkState::Queued, None) => {
                changes.work.insert(number, (cancelled.clone(), false));
                self.follow_up(&mut changes);
                let batch = changes.batch(&self.directory(), self.limits.ended_work)?;
                self.write(batch).await?;
                changes.apply(self, &mut self.directory(), self.limits.ended_work);
                true
            }
            (WorkState::Queued, Some((no, handle))) => {
                let withdrawn = seat.get_mut(no).is_some_and(|at| at.session.withdraw(handle).is_ok());
                if withdrawn {
                    if let Some(at) = seat.get_mut(no) {
                        at.work.remove(&handle);
                        self.drain(at, &mut changes);
                    }
                    changes.work.insert(number, (cancelled.clone(), false));
                    self.commit(&mut seat, no, changes).await?;
                }
                withdrawn
            }
            _ => false,
        };
        self.leave(&device, &mut seat);
        if done {
            self.worked.notify_waiters();
            Ok(cancelled)
        } else {
            Err(Denied::TooLate(number, work.state.word()))
        }
    }

    /// A command, once it is settled or this time has passed.
    pub(super) async fn wait_for(&self, number: u64, patience: Duration) -> Option<Work> {
        let end = tokio::time::Instant::now() + patience;
        loop {
            let changed = self.worked.notified();
            tokio::pin!(changed);
            // Before looking: what changes in between is not missed.
            changed.as_mut().enable();
            let work = self.directory().work.get(&number).cloned()?;
            if work.state.is_settled() || tokio::time::timeout_at(end, changed).await.is_err() {
                return Some(work);
            }
        }
    }
}

/// Whether a device that gets it twice is as one that got it once.
fn repeatable(command: &Command<'_>) -> bool {
    matches!(command, Command::Get(_) | Command::Replace(_))
}
