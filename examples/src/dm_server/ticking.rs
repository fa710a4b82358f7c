//! Time passes.

use std::sync::Arc;

use super::changes::Changes;
use super::engine::Engine;

impl Engine {
    /// Lets time pass in the sessions that wait for it.
    pub(super) async fn tick(self: &Arc<Self>) {
        let now = self.clock.now();
        let due: Vec<(u64, String)> = {
            let directory = self.directory();
            let due = directory.deadlines.iter().take_while(|(at, _)| *at <= now);
            due.filter_map(|(_, no)| Some((*no, directory.present.get(no)?.peer.clone()))).collect()
        };
        // Many at a time, so that they share commits.
        for due in due.chunks(256) {
            let mut ticking = tokio::task::JoinSet::new();
            for (no, peer) in due.iter().cloned() {
                let engine = Arc::clone(self);
                ticking.spawn(async move { engine.tick_one(no, &peer).await });
            }
            ticking.join_all().await;
        }
        self.spawn_waking();
    }

    /// Lets time pass in one session.
    async fn tick_one(&self, no: u64, peer: &str) {
        let seat = self.directory().seat(peer);
        let mut seat = seat.lock().await;
        match seat.get_mut(no) {
            Some(at) => {
                at.session.handle_tick(self.clock.now());
                let mut changes = Changes::default();
                self.drain(at, &mut changes);
                if let Err(error) = self.commit(&mut seat, no, changes).await {
                    tracing::error!(%error, "the end of a session could not be written down");
                }
            }
            None => self.directory().forget(no),
        }
        self.leave(peer, &mut seat);
    }

    /// Notifications go out beside everything else: names of hosts may take long to look up.
    pub(super) fn spawn_waking(self: &Arc<Self>) {
        let engine = Arc::clone(self);
        tokio::spawn(async move { engine.wake_due().await });
    }
}
