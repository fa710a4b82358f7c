//! Large objects whose transfer breaks off go on in the next session, with devices that know how (DM 2.0 RD, HLF-021). What devices had
//! begun to send is kept in the store; what they were being sent waits as the command it is.

use dm_syncml::session::{PartialObjects, PartialObjectsSnapshot};

use super::changes::Changes;
use super::directory::PARTIAL;
use super::engine::Engine;
use super::sitting::{Seat, Sitting};

/// Octets that are kept of one device.
const MAX_OCTETS: usize = 256 << 10;

fn nothing() -> PartialObjects {
    PartialObjects::new().with_max_octets(MAX_OCTETS)
}

impl Engine {
    /// What former sessions with this device have of large objects without an end.
    pub(super) fn partial_objects(&self, peer: &str, seat: &Seat) -> PartialObjects {
        if let Some(former) = seat.iter().find(|at| at.proven && !at.session.is_over()) {
            return former.session.partial_objects();
        }
        let kept = self.store.get::<PartialObjectsSnapshot>(PARTIAL, peer);
        let kept = kept.unwrap_or_else(|error| {
            tracing::warn!(peer, %error, "what had come of large objects");
            None
        });
        // What another version has written comes again, whole.
        kept.and_then(|kept| nothing().restored(self.clock.now(), kept).ok()).unwrap_or_else(nothing)
    }

    /// A session is over: what it has of them is for the next one.
    pub(super) fn keep_partial_objects(&self, at: &mut Sitting, changes: &mut Changes) {
        if !at.proven {
            return;
        }
        let objects = at.session.partial_objects();
        if !objects.is_empty() || at.has_partial_objects {
            at.has_partial_objects = !objects.is_empty();
            let kept = at.has_partial_objects.then(|| objects.snapshot(self.clock.now()));
            changes.partial = Some((at.peer.clone(), kept));
        }
    }
}
