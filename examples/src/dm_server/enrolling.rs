//! Devices are made known, and forgotten.

use dm_syncml::session::GivenUp;

use crate::store::Batch;

use super::account::{Device, Learnt};
use super::changes::Changes;
use super::directory::{DEVICES, Known, LEARNT, PARTIAL};
use super::engine::{Denied, Engine, unix_now};
use super::work::WorkState;

impl Engine {
    /// Adds a device, or puts it in place of what is known of it.
    ///
    /// # Errors
    /// There is one already and it is not to be replaced, or it cannot be written down.
    pub(super) async fn add_device(&self, device: Device, replace: bool) -> Result<(), Denied> {
        let id = device.id.clone();
        // Two who add the same one come one after the other.
        let seat = self.directory().seat(&id);
        let mut seat = seat.lock().await;
        let added = self.add_at(device, replace).await;
        self.leave(&id, &mut seat);
        added
    }

    async fn add_at(&self, device: Device, replace: bool) -> Result<(), Denied> {
        let id = device.id.clone();
        if !replace && self.directory().devices.contains_key(&id) {
            return Err(Denied::Exists(id));
        }
        let mut batch = Batch::new();
        batch.put(DEVICES, &id, &device)?;
        self.write(batch).await?;
        let mut directory = self.directory();
        match directory.devices.get_mut(&id) {
            Some(known) => known.device = device,
            None => {
                directory.devices.insert(id.clone(), Known { device, learnt: Learnt::default() });
            }
        }
        drop(directory);
        self.events.tell("device", &serde_json::json!({ "id": id }));
        Ok(())
    }

    /// Removes a device with everything that waits for it.
    ///
    /// # Errors
    /// There is none, or it cannot be written down.
    pub(super) async fn remove_device(&self, id: &str) -> Result<(), Denied> {
        let seat = self.directory().seat(id);
        let mut seat = seat.lock().await;
        if !self.directory().devices.contains_key(id) {
            return Err(Denied::NoDevice(id.to_owned()));
        }
        let mut changes = Changes::default();
        let numbers: Vec<u64> = seat.iter().map(|at| at.no).collect();
        for no in numbers {
            if let Some(at) = seat.remove(no) {
                changes.forget(&at);
            }
        }
        let now = unix_now();
        for work in self.directory().work.values().filter(|work| work.device == id) {
            let mut work = work.clone();
            match work.state {
                WorkState::Queued => work.cancel(now),
                WorkState::Sent => work.given_up(now, GivenUp::Unanswered),
                _ => continue,
            }
            if work.state == WorkState::Queued {
                work.cancel(now);
            }
            changes.work.insert(work.number, (work, false));
        }
        self.follow_up(&mut changes);
        let mut batch = changes.batch(&self.directory(), self.limits.ended_work)?;
        batch.remove(DEVICES, id);
        batch.remove(LEARNT, id);
        batch.remove(PARTIAL, id);
        self.write(batch).await?;
        let mut directory = self.directory();
        directory.devices.remove(id);
        self.twins().forget(id);
        changes.apply(self, &mut directory, self.limits.ended_work);
        drop(directory);
        self.leave(id, &mut seat);
        self.waking.done(id);
        self.worked.notify_waiters();
        self.events.tell("device", &serde_json::json!({ "id": id }));
        Ok(())
    }
}
