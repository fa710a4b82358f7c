//! Snapshots, and the way back.

use dm_notification::Notification;
use dm_syncml::Instant;

use super::record::{Entry, Held, RelayRecord, RelayRestoreError, RelaySnapshot};
use super::{Parcel, Relay, RelayConfig, server_of};
use crate::stored_count::can_go_on;

impl Relay {
    /// All that has to be kept. What is being sent will be sent again by who restores it.
    ///
    /// Drain the outputs first: it stands for every record that was handed out before it, which are not replayed onto it.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> RelaySnapshot {
        let held = self.parcels.iter().map(|(&delivery, parcel)| Held {
            delivery,
            wish: parcel.wish.clone(),
            notification: parcel.notification.clone(),
            left: parcel.until.saturating_since(now),
        });
        RelaySnapshot {
            version: RelaySnapshot::VERSION,
            next: self.next,
            held: held.collect(),
            seen: self.window.remaining(now),
        }
    }

    /// The relay that a snapshot was taken of, as it became by the records stored since. What is held waits:
    /// see [`handle_reachable`](Self::handle_reachable).
    ///
    /// # Errors
    ///
    /// [`RelayRestoreError`] for a version that is not known, and for anything that cannot be.
    pub fn restore(
        now: Instant,
        config: RelayConfig,
        snapshot: &RelaySnapshot,
        records: impl IntoIterator<Item = RelayRecord>,
    ) -> Result<Self, RelayRestoreError> {
        if snapshot.version != RelaySnapshot::VERSION {
            return Err(RelayRestoreError::Version(snapshot.version));
        }
        if !can_go_on(snapshot.next) {
            return Err(RelayRestoreError::TooMuch);
        }
        let mut relay = Self { next: snapshot.next, ..Self::new(config) };
        for (wish, left) in &snapshot.seen {
            relay.window.remember_for(now, wish.clone(), *left);
        }
        for held in &snapshot.held {
            if held.delivery.0 == 0 || held.delivery.0 >= snapshot.next {
                return Err(RelayRestoreError::Delivery(held.delivery));
            }
            relay.keep(now, held.clone())?;
        }
        for RelayRecord(entry) in records {
            match entry {
                Entry::Accepted { delivery, wish, notification, left } => {
                    // A snapshot may be newer than the first records after it.
                    if delivery.0 < relay.next {
                        continue;
                    }
                    relay.next = delivery.0.checked_add(1).ok_or(RelayRestoreError::Delivery(delivery))?;
                    relay.window.remember(now, wish.clone());
                    relay.keep(now, Held { delivery, wish, notification, left })?;
                }
                Entry::Closed { delivery } => drop(relay.remove(delivery)),
            }
        }
        if relay.parcels.len() > config.max_held || relay.octets > config.max_held_octets {
            return Err(RelayRestoreError::TooMuch);
        }
        Ok(relay)
    }

    fn keep(&mut self, now: Instant, held: Held) -> Result<(), RelayRestoreError> {
        let Held { delivery, wish, notification, left } = held;
        let wrong = RelayRestoreError::Notification(delivery);
        let decoded =
            Notification::decode_with(notification.as_octets(), &self.config.policy).map_err(|_| wrong)?;
        let same_server = server_of(&decoded).is_some_and(|server| server == wish.server);
        if !same_server || decoded.trigger().session_id().get() != wish.session_id {
            return Err(wrong);
        }
        if self.parcels.contains_key(&delivery) {
            return Err(RelayRestoreError::Delivery(delivery));
        }
        let until = now + left.min(self.config.validity);
        let parcel = Parcel { wish, device: None, notification, until, sending: None, is_queued: false };
        self.insert(delivery, parcel);
        Ok(())
    }
}
