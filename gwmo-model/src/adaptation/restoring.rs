//! Snapshots, and the way back.

use alloc::vec::Vec;

use dm_syncml::{Instant, StatusCode};

use super::record::{
    AdaptationRecord, AdaptationRestoreError, AdaptationSnapshot, Entry, OrderKey, StoredOrder, StoredStage,
};
use super::{Adaptation, AdaptationConfig, Effect, NativeOp, NativeResult, Order, Stage};
use crate::stored_count::can_go_on;

impl Adaptation {
    /// All that has to be kept.
    ///
    /// Drain the outputs first: it stands for every record that was handed out before it, which are not replayed onto it.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> AdaptationSnapshot {
        let store = |order: &OrderKey, known: &Order| StoredOrder {
            order: *order,
            steps: known.steps.clone(),
            results: known.results.clone(),
            stage: match known.stage {
                Stage::Queued => StoredStage::Queued,
                Stage::Dispatched { token, is_pending, until } => {
                    StoredStage::Dispatched { token, is_pending, left: until.saturating_since(now) }
                }
                Stage::Answered { refused } => {
                    StoredStage::Answered { refused: refused.map(StatusCode::get) }
                }
                Stage::Lost { was_sent } => StoredStage::Lost { was_sent },
            },
        };
        let queued = self.adapters.values().flat_map(|adapter| &adapter.queue);
        let queued = queued.filter_map(|order| Some(store(order, self.orders.get(order)?)));
        let over = self.orders.iter().filter(|(order, _)| self.is_over(**order));
        AdaptationSnapshot {
            version: AdaptationSnapshot::VERSION,
            next_token: self.next_token,
            adapters: self.adapters.iter().map(|(device, adapter)| (*device, adapter.capabilities)).collect(),
            orders: queued.chain(over.map(|(order, known)| store(order, known))).collect(),
        }
    }

    /// The machine that a snapshot was taken of, as it became by the records stored since. What may be repeated is
    /// given to its adapter again, and what was not acknowledged comes out again.
    ///
    /// # Errors
    ///
    /// [`AdaptationRestoreError`] for a version that is not known, and for anything that cannot be.
    pub fn restore(
        now: Instant,
        config: AdaptationConfig,
        snapshot: AdaptationSnapshot,
        records: impl IntoIterator<Item = AdaptationRecord>,
    ) -> Result<Self, AdaptationRestoreError> {
        if snapshot.version != AdaptationSnapshot::VERSION {
            return Err(AdaptationRestoreError::Version(snapshot.version));
        }
        if !can_go_on(snapshot.next_token) {
            return Err(AdaptationRestoreError::TooMuch);
        }
        let mut adaptation = Self::new(config);
        for (device, capabilities) in snapshot.adapters {
            if adaptation.adapters.contains_key(&device) {
                return Err(AdaptationRestoreError::Adapter(device));
            }
            adaptation.apply(now, Entry::Adapter { device, capabilities });
        }
        adaptation.next_token = snapshot.next_token.max(1);
        for stored in snapshot.orders {
            adaptation.restore_order(now, stored)?;
        }
        for AdaptationRecord(entry) in records {
            if let Entry::Ordered { order, .. } | Entry::Refused { order, .. } = &entry
                && adaptation.orders.contains_key(order)
            {
                return Err(AdaptationRestoreError::Order(order.ticket.serial));
            }
            if let Entry::Dispatched { token, .. } = &entry
                && adaptation.tokens.contains_key(token)
            {
                return Err(AdaptationRestoreError::TooMuch);
            }
            adaptation.apply(now, entry);
        }
        let longest = adaptation.adapters.values().map(|adapter| adapter.queue.len()).max().unwrap_or(0);
        if adaptation.adapters.len() > config.max_devices
            || adaptation.orders.len() > config.max_orders
            || longest > config.max_queued
        {
            return Err(AdaptationRestoreError::TooMuch);
        }
        adaptation.resume(now);
        Ok(adaptation)
    }

    fn restore_order(&mut self, now: Instant, stored: StoredOrder) -> Result<(), AdaptationRestoreError> {
        let StoredOrder { order, steps, results, stage } = stored;
        let device = order.ticket.serial;
        let wrong = AdaptationRestoreError::Order(device);
        let (done, all) = (results.len(), steps.len());
        let is_sound = all <= self.config.max_items
            && !results.contains(&NativeResult::Pending)
            && match &stage {
                StoredStage::Queued => done < all,
                StoredStage::Dispatched { token, .. } => {
                    done < all
                        && token.0 < self.next_token
                        && !self.tokens.contains_key(token)
                        && self.adapters.get(&device).is_some_and(|adapter| adapter.queue.is_empty())
                }
                StoredStage::Answered { refused: Some(_) } => all == 0,
                StoredStage::Answered { refused: None } => done == all && all > 0,
                StoredStage::Lost { .. } => done <= all,
            };
        if !is_sound || self.orders.contains_key(&order) {
            return Err(wrong);
        }
        let is_open = matches!(stage, StoredStage::Queued | StoredStage::Dispatched { .. });
        if is_open {
            self.adapters.get_mut(&device).ok_or(wrong)?.queue.push_back(order);
        }
        self.orders.insert(order, Order { steps, results, stage: Stage::Queued });
        let stage = match stage {
            StoredStage::Queued => Stage::Queued,
            StoredStage::Dispatched { token, is_pending, left } => {
                let most = if is_pending { self.config.t_asynchronous } else { self.config.t_answer };
                Stage::Dispatched { token, is_pending, until: now + left.min(most) }
            }
            StoredStage::Answered { refused } => Stage::Answered { refused: refused.map(StatusCode::new) },
            StoredStage::Lost { was_sent } => Stage::Lost { was_sent },
        };
        self.rest(order, stage);
        Ok(())
    }

    /// What goes out again after a restart.
    fn resume(&mut self, now: Instant) {
        for (order, known) in &self.orders {
            match known.stage {
                Stage::Answered { .. } | Stage::Lost { .. } => self.journal.hold(Effect::Over(*order)),
                Stage::Dispatched { token, is_pending: false, .. } => {
                    if known.steps.get(known.results.len()).is_some_and(NativeOp::is_repeatable) {
                        self.journal.hold(Effect::Native(token));
                    }
                }
                Stage::Dispatched { is_pending: true, .. } => self.journal.hold(Effect::Accepted(*order)),
                Stage::Queued => {}
            }
        }
        let devices: Vec<_> = self.adapters.keys().copied().collect();
        devices.into_iter().for_each(|device| self.turn(now, device));
    }
}
