//! Commands wait for their device, and are waited for.

use std::sync::Arc;
use std::time::Duration;

use dm_syncml::{Command, Correlator};

use super::changes::Changes;
use super::engine::{Denied, Engine, unix_now};
use super::gateway::Reading;
use super::work::{Work, WorkState, pack};

/// A command to be queued.
#[derive(Clone, Debug)]
pub(super) struct NewWork {
    pub(super) what: String,
    pub(super) command: Command<'static>,
    pub(super) reading: Reading,
}

impl Engine {
    /// Queues commands for a device, and has it woken.
    ///
    /// # Errors
    /// The device is not known, or has too many already, or they cannot be written down.
    pub(super) async fn queue(
        self: &Arc<Self>,
        device: &str,
        commands: Vec<NewWork>,
        also: Changes,
    ) -> Result<Vec<u64>, Denied> {
        let mut changes = also;
        {
            let directory = self.directory();
            if !directory.devices.contains_key(device) {
                return Err(Denied::NoDevice(device.to_owned()));
            }
            let waiting = directory.unsettled(device);
            if waiting + commands.len() > self.limits.open_work {
                return Err(Denied::Full(waiting));
            }
        }
        for new in commands {
            let work = self.draft(device, new);
            changes.work.insert(work.number, (work, false));
        }
        let numbers: Vec<u64> = changes.work.keys().copied().collect();
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
        Ok(numbers)
    }

    /// A command as new work, with a number of its own.
    pub(super) fn draft(&self, device: &str, mut new: NewWork) -> Work {
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
