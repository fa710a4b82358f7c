//! What a relay has passed on, so that it passes it on once.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use dm_syncml::Instant;
use dm_tree::ServerId;

use super::Verification;
use crate::Serial;

/// What tells one notification from another: for whom, from whom, for which session.
///
/// A digest that was verified vouches for the rest, so the same session signed anew is the same wish. Without that,
/// anyone could use up the session ids of a server, so the octets of the digest count too.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Wish {
    pub(super) server: ServerId,
    pub(super) device: Serial,
    pub(super) session_id: u16,
    pub(super) verification: Verification,
    /// All zero where it was verified.
    pub(super) digest: [u8; 16],
}

impl Wish {
    fn lane(&self) -> (ServerId, Verification) {
        (self.server.clone(), self.verification)
    }
}

/// The wishes of the last while, bounded for each server. Those that were verified are kept apart, so that nobody
/// else can push them out.
#[derive(Debug)]
pub(super) struct ReplayWindow {
    length: Duration,
    per_server: usize,
    seen: BTreeSet<Wish>,
    /// The oldest first.
    lanes: BTreeMap<(ServerId, Verification), VecDeque<(Instant, Wish)>>,
}

impl ReplayWindow {
    pub(super) const fn new(length: Duration, per_server: usize) -> Self {
        Self { length, per_server, seen: BTreeSet::new(), lanes: BTreeMap::new() }
    }

    pub(super) fn contains(&mut self, now: Instant, wish: &Wish) -> bool {
        let Some(lane) = self.lanes.get_mut(&wish.lane()) else { return false };
        while lane.front().is_some_and(|(until, _)| *until <= now) {
            if let Some((_, old)) = lane.pop_front() {
                self.seen.remove(&old);
            }
        }
        if lane.is_empty() {
            self.lanes.remove(&wish.lane());
        }
        self.seen.contains(wish)
    }

    pub(super) fn remember(&mut self, now: Instant, wish: Wish) {
        self.remember_for(now, wish, self.length);
    }

    pub(super) fn remember_for(&mut self, now: Instant, wish: Wish, left: Duration) {
        if self.per_server == 0 || !self.seen.insert(wish.clone()) {
            return;
        }
        let lane = self.lanes.entry(wish.lane()).or_default();
        if lane.len() >= self.per_server
            && let Some((_, oldest)) = lane.pop_front()
        {
            self.seen.remove(&oldest);
        }
        lane.push_back((now + left.min(self.length), wish));
    }

    /// All that is remembered and for how long, the oldest of each lane first.
    pub(super) fn remaining(&self, now: Instant) -> Vec<(Wish, Duration)> {
        let left = |(until, wish): &(Instant, Wish)| {
            (*until > now).then(|| (wish.clone(), until.saturating_since(now)))
        };
        self.lanes.values().flatten().filter_map(left).collect()
    }
}
