//! What a message changes is written as one. If it cannot be, nobody is told of it, and the server ends.

use crate::store::StoreError;

use super::changes::Changes;
use super::engine::Engine;
use super::sitting::Seat;

impl Engine {
    /// Writes the changes, and makes them known.
    pub(super) async fn commit(
        &self,
        seat: &mut Seat,
        no: u64,
        mut changes: Changes,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.follow_up(&mut changes);
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
            // What was to change is as the store has it, which is read when the server is started again.
            seat.remove(no);
            self.directory().forget(no);
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
            over && directory.waiting(&device) > 0 && !directory.is_in_session(&device)
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
}
