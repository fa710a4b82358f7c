//! An outbox as it goes into storage and comes back.

use alloc::vec::Vec;
use core::time::Duration;

use dm_syncml::Instant;
use dm_tree::ServerId;

use crate::fanout::JobNo;
use crate::inventory::{RestoreError, RestoreErrorKind};
use crate::stored_count::can_go_on;

use super::alert::{AlertBody, AlertSeq, Subscription};
use super::change::{Change, DeskChange, OutboxRecord};
use super::desk::{Desk, Entry, Other};
use super::{Outbox, OutboxConfig};

/// The layout of the snapshots that this version writes, and the only one it reads.
const VERSION: u16 = 1;

/// Everything an outbox owes, for storage. With the feature `serde` it goes into any store.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct OutboxSnapshot {
    version: u16,
    next: u64,
    told: u64,
    changes: u64,
    desks: Vec<DeskSnapshot>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct DeskSnapshot {
    server: ServerId,
    subscription: Option<Subscription>,
    alerts: Vec<AlertSnapshot>,
    /// Rounds that were acknowledged.
    done: Vec<(JobNo, u16)>,
    dropped: u64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct AlertSnapshot {
    seq: AlertSeq,
    /// How long ago it happened.
    age: Duration,
    round: u16,
    body: AlertBody,
}

impl Outbox {
    /// Everything the outbox owes. Records made before it are in it; stored after it they do no harm.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> OutboxSnapshot {
        let now = self.now.max(now);
        let alert = |entry: &Entry| AlertSnapshot {
            seq: entry.alert.seq,
            age: now.saturating_since(entry.alert.at),
            round: entry.round,
            body: entry.alert.body.clone(),
        };
        let desk = |(server, desk): (&ServerId, &Desk)| DeskSnapshot {
            server: server.clone(),
            subscription: desk.subscription,
            alerts: desk.alerts.values().map(alert).collect(),
            done: desk.ended.iter().filter(|(_, seq)| seq.is_none()).map(|(at, _)| *at).collect(),
            dropped: desk.dropped,
        };
        OutboxSnapshot {
            version: VERSION,
            next: self.next,
            told: self.told,
            changes: self.changes,
            desks: self.desks.iter().map(desk).collect(),
        }
    }

    /// The outbox that a snapshot and the records after it describe. No session is open; everything that was not
    /// acknowledged is sent again, under its number. Records that are in the snapshot already are passed over.
    ///
    /// # Errors
    ///
    /// When the snapshot is of another version or contradicts itself, records are missing or do not fit, or there is more
    /// than the limits allow.
    pub fn restore(
        now: Instant,
        config: OutboxConfig,
        snapshot: OutboxSnapshot,
        records: impl IntoIterator<Item = OutboxRecord>,
    ) -> Result<Self, RestoreError> {
        if snapshot.version != VERSION {
            return Err(RestoreError::new(RestoreErrorKind::UnknownVersion, 0));
        }
        if ![snapshot.next, snapshot.told, snapshot.changes].into_iter().all(can_go_on) {
            return Err(RestoreError::new(RestoreErrorKind::BadSnapshot, 0));
        }
        let mut outbox = Self::new(config);
        outbox.now = now;
        for (at, desk) in snapshot.desks.into_iter().enumerate() {
            let bad = |kind| RestoreError::new(kind, at);
            if outbox.desks.contains_key(&desk.server) {
                return Err(bad(RestoreErrorKind::BadSnapshot));
            }
            if !can_go_on(desk.dropped) {
                return Err(bad(RestoreErrorKind::BadSnapshot));
            }
            if desk.done.len() > outbox.config.max_completions as usize {
                return Err(bad(RestoreErrorKind::TooMany));
            }
            let server = desk.server;
            outbox.desk(&server).map_err(|_| bad(RestoreErrorKind::TooMany))?;
            if let Some(subscription) = desk.subscription {
                let change = Change::Desk(server.clone(), DeskChange::Subscribed(subscription));
                outbox.redo(change, snapshot.next).map_err(bad)?;
            }
            for alert in desk.alerts {
                let seq = alert.seq;
                let posted = DeskChange::Posted { seq, body: alert.body, round: alert.round };
                outbox.redo(Change::Desk(server.clone(), posted), snapshot.next).map_err(bad)?;
                let kept = outbox.desks.get_mut(&server).and_then(|desk| desk.alerts.get_mut(&seq));
                if let Some(entry) = kept {
                    entry.alert.at = Instant::new(now.since_epoch().saturating_sub(alert.age));
                }
            }
            let Some(kept) = outbox.desks.get_mut(&server) else { continue };
            kept.recorded = true;
            kept.dropped = desk.dropped;
            for round in desk.done {
                if kept.ended.insert(round, None).is_some() {
                    return Err(bad(RestoreErrorKind::BadSnapshot));
                }
            }
        }
        (outbox.next, outbox.told, outbox.changes) = (snapshot.next, snapshot.told, snapshot.changes);
        for (at, record) in records.into_iter().enumerate() {
            if record.number <= outbox.changes {
                continue;
            }
            let done = if record.number == outbox.changes + 1 {
                outbox.redo(record.change, u64::MAX).map_err(|kind| match kind {
                    RestoreErrorKind::BadSnapshot => RestoreErrorKind::BadRecord,
                    kind => kind,
                })
            } else {
                Err(RestoreErrorKind::Gap)
            };
            done.map_err(|kind| RestoreError::new(kind, at))?;
            outbox.changes += 1;
        }
        let servers: Vec<ServerId> = outbox.desks.keys().cloned().collect();
        servers.iter().for_each(|server| outbox.settle(server));
        outbox.fire();
        Ok(outbox)
    }

    /// Does a change again if it can be one; alerts have numbers below `limit`.
    fn redo(&mut self, change: Change, limit: u64) -> Result<(), RestoreErrorKind> {
        const BAD: RestoreErrorKind = RestoreErrorKind::BadSnapshot;
        let holds = |yes: bool| if yes { Ok(()) } else { Err(BAD) };
        let room = |yes: bool| if yes { Ok(()) } else { Err(RestoreErrorKind::TooMany) };
        match &change {
            Change::Told(rev) => holds(*rev > self.told && can_go_on(*rev))?,
            Change::Desk(server, change) => {
                let known = self.desks.get(server);
                room(known.is_some() || self.desks.len() < self.config.max_servers as usize)?;
                match change {
                    DeskChange::Posted { seq, body, round } => {
                        // Numbers grow, over all servers; those of a snapshot are in order for each.
                        let last = known.and_then(|desk| desk.alerts.last_key_value().map(|(&seq, _)| seq));
                        holds(
                            seq.get() < limit && can_go_on(seq.get()) && last.is_none_or(|last| last < *seq),
                        )?;
                        holds(limit != u64::MAX || seq.get() >= self.next)?;
                        let Some(desk) = known else {
                            holds(matches!(body, AlertBody::JobEnded { .. }) || Other::of(body).is_some())?;
                            self.apply(&Change::Desk(server.clone(), change.clone()), self.journal.last());
                            return Ok(());
                        };
                        match (body, Other::of(body)) {
                            (AlertBody::JobEnded { job, .. }, _) => {
                                holds(!desk.ended.contains_key(&(*job, *round)))?;
                                room(desk.completions < self.config.max_completions)?;
                            }
                            (_, Some(other)) => {
                                holds(!desk.others.contains_key(&other))?;
                                room(desk.others.len() < self.config.max_others as usize)?;
                            }
                            _ => room(desk.alerts.len() < self.config.device_room(desk))?,
                        }
                    }
                    DeskChange::Removed(seq) | DeskChange::Dropped(Some(seq)) => {
                        holds(known.is_some_and(|desk| desk.alerts.contains_key(seq)))?;
                    }
                    DeskChange::Dropped(None)
                    | DeskChange::Unsubscribed
                    | DeskChange::JobRemoved(_)
                    | DeskChange::Forgotten => holds(known.is_some())?,
                    DeskChange::Subscribed(_) => {}
                }
            }
        }
        self.apply(&change, self.journal.last());
        Ok(())
    }
}

impl OutboxConfig {
    /// Most alerts there may be if another one about a device is to have room.
    fn device_room(&self, desk: &Desk) -> usize {
        self.max_device_alerts as usize + desk.completions as usize + desk.others.len()
    }
}
