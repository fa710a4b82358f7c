//! What a message changes is written as one; if it cannot be, everything is as it was.

use crate::store::StoreError;

use super::changes::Changes;
use super::directory::{SESSIONS, session_key};
use super::engine::Engine;
use super::sitting::{SavedSitting, Seat};

impl Engine {
    /// Writes the changes, and makes them known.
    pub(super) async fn commit(
        &self,
        seat: &mut Seat,
        no: u64,
        mut changes: Changes,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let Some(at) = seat.get_mut(no) else { return Ok(()) };
        let known = self.directory().devices.contains_key(&at.peer);
        if at.closed {
            changes.forget(at);
        } else {
            let saved = if known { at.save(now) } else { None };
            changes.keep(at, saved);
        }
        let batch = changes.batch(&self.directory(), self.limits.ended_work);
        let written = match batch {
            Ok(batch) if batch.is_empty() => Ok(()),
            Ok(batch) => self.write(batch).await,
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            self.put_back(seat, no, &changes);
            return Err(error);
        }
        let Some(at) = seat.get_mut(no) else { return Ok(()) };
        let (device, over) = (at.peer.clone(), at.closed || at.session.is_over());
        if at.closed {
            seat.remove(no);
        }
        let (worked, started) = (!changes.work.is_empty(), changes.started);
        let left_over = {
            let mut directory = self.directory();
            changes.apply(self, &mut directory, self.limits.ended_work);
            over && directory.unsettled(&device) > 0 && !directory.is_in_session(&device)
        };
        if worked {
            self.worked.notify_waiters();
        }
        if started {
            self.waking.done(&device);
        }
        if left_over {
            // It came while the session was at its end, or was not sent before that.
            self.waking.want(self.clock.now(), &device);
        }
        Ok(())
    }

    /// Nothing could be written: the sessions that were to change are what the store has of them.
    fn put_back(&self, seat: &mut Seat, no: u64, changes: &Changes) {
        let Some(lost) = seat.remove(no) else { return };
        self.directory().forget(no);
        let own = [true, false].map(|proven| session_key(&lost.peer, &lost.session_id, proven));
        for key in own.iter().map(Vec::as_slice).chain(changes.forgotten()) {
            let Ok(Some(saved)) = self.store.get::<SavedSitting>(SESSIONS, key) else { continue };
            if seat.iter().any(|at| at.session_id == saved.session_id && at.proven == saved.proven) {
                continue;
            }
            let no = {
                let mut directory = self.directory();
                let no = directory.next_sitting;
                directory.next_sitting += 1;
                no
            };
            if let Ok(sitting) = self.restore(no, saved) {
                let mut changes = Changes::default();
                changes.keep(&sitting, None);
                seat.insert(sitting);
                changes.apply(self, &mut self.directory(), self.limits.ended_work);
            }
        }
    }
}
