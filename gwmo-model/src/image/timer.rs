//! What is due when.

use alloc::collections::{BTreeMap, BTreeSet};

use dm_syncml::Instant;

use super::spec::{BlobNo, ImageNo, ServeNo};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Timer {
    /// Content that comes in makes no progress.
    Stall(BlobNo),
    /// A download goes on.
    Retry(BlobNo),
    /// An image is over.
    Expiry(ImageNo),
    /// An image was not used for long.
    Idle(ImageNo),
    /// An answer to a device counts as over.
    Lease(ServeNo),
}

#[derive(Debug, Default)]
pub(super) struct Timers {
    armed: BTreeMap<Timer, Instant>,
    queue: BTreeSet<(Instant, Timer)>,
}

impl Timers {
    pub(super) fn arm(&mut self, timer: Timer, at: Instant) {
        self.disarm(timer);
        self.armed.insert(timer, at);
        self.queue.insert((at, timer));
    }

    pub(super) fn disarm(&mut self, timer: Timer) {
        if let Some(at) = self.armed.remove(&timer) {
            self.queue.remove(&(at, timer));
        }
    }

    pub(super) fn next_at(&self) -> Option<Instant> {
        self.queue.first().map(|&(at, _)| at)
    }

    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        let &(at, timer) = self.queue.first().filter(|&&(at, _)| at <= now)?;
        self.queue.remove(&(at, timer));
        self.armed.remove(&timer);
        Some(timer)
    }
}
