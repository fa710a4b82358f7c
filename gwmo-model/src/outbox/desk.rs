//! What waits for one server, and what later news do to it.

use alloc::collections::{BTreeMap, BTreeSet};
use core::ops::Bound;

use dm_syncml::Instant;

use super::alert::{Alert, AlertBody, AlertSeq, Subscription};
use crate::device::Serial;
use crate::fanout::JobNo;

/// What is kept for one server.
#[derive(Debug, Default)]
pub(super) struct Desk {
    pub(super) subscription: Option<Subscription>,
    pub(super) alerts: BTreeMap<AlertSeq, Alert>,
    /// Alerts about devices that were not sent in this session: those about new devices, and the others.
    news: BTreeSet<AlertSeq>,
    visits: BTreeSet<AlertSeq>,
    by_device: BTreeMap<Serial, Known>,
    pub(super) by_job: BTreeMap<JobNo, AlertSeq>,
    /// The last alert sent in the open session, if one is open.
    pub(super) session: Option<Option<AlertSeq>>,
    pub(super) ask_at: Option<Instant>,
    pub(super) dropped: u64,
}

/// What later news of one device can make pointless.
#[derive(Debug, Default)]
struct Known {
    /// That it is new, if that was not sent yet.
    new: Option<AlertSeq>,
    /// That it came back or went, if that was not acknowledged yet.
    latest: Option<AlertSeq>,
}

impl Desk {
    /// Drops everything about devices.
    pub(super) fn forget_devices(&mut self) {
        self.alerts.retain(|_, alert| matches!(alert.body, AlertBody::JobEnded { .. }));
        self.news.clear();
        self.visits.clear();
        self.by_device.clear();
    }

    /// Takes news of a device, replacing what it makes pointless; whether the alert's number was used.
    pub(super) fn post(&mut self, serial: Serial, alert: Alert, max: usize) -> bool {
        let Some(subscription) = self.subscription else { return false };
        let (new, wanted) = match alert.body {
            AlertBody::DeviceAttached { first: true, .. } => (true, subscription.attached),
            AlertBody::DeviceAttached { .. } => (false, subscription.attached && subscription.each_time),
            AlertBody::DeviceDetached { .. } => (false, subscription.detached),
            AlertBody::JobEnded { .. } => return false,
        };
        let known = self.by_device.entry(serial).or_default();
        // Whatever waits about its comings and goings is history; that it is new is not.
        let history = known.latest.take();
        let told_as_new = known.new.is_some() && matches!(alert.body, AlertBody::DeviceAttached { .. });
        if let Some(seq) = history {
            self.visits.remove(&seq);
            self.alerts.remove(&seq);
        }
        if !wanted || told_as_new {
            self.tidy(serial);
            return false;
        }
        if self.device_alerts() >= max && !self.drop_oldest() {
            self.dropped += 1;
            self.tidy(serial);
            return false;
        }
        let seq = alert.seq;
        self.alerts.insert(seq, alert);
        self.link(serial, seq, new);
        true
    }

    fn device_alerts(&self) -> usize {
        self.alerts.len() - self.by_job.len()
    }

    /// Drops the oldest alert about a device that was not sent, return visits first; whether there was one.
    fn drop_oldest(&mut self) -> bool {
        let Some(&seq) = self.visits.first().or_else(|| self.news.first()) else { return false };
        self.dropped += 1;
        self.remove(seq);
        true
    }

    fn link(&mut self, serial: Serial, seq: AlertSeq, new: bool) {
        let known = self.by_device.entry(serial).or_default();
        let (slot, set) =
            if new { (&mut known.new, &mut self.news) } else { (&mut known.latest, &mut self.visits) };
        *slot = Some(seq);
        set.insert(seq);
    }

    fn unlink(&mut self, seq: AlertSeq) {
        let Some(serial) = self.alerts.get(&seq).and_then(|alert| alert.device()) else { return };
        self.news.remove(&seq);
        self.visits.remove(&seq);
        if let Some(known) = self.by_device.get_mut(&serial) {
            known.new.take_if(|new| *new == seq);
            known.latest.take_if(|latest| *latest == seq);
        }
        self.tidy(serial);
    }

    fn tidy(&mut self, serial: Serial) {
        if self.by_device.get(&serial).is_some_and(|known| known.new.is_none() && known.latest.is_none()) {
            self.by_device.remove(&serial);
        }
    }

    pub(super) fn remove(&mut self, seq: AlertSeq) {
        self.unlink(seq);
        if let Some(Alert { body: AlertBody::JobEnded { job, .. }, .. }) = self.alerts.remove(&seq) {
            self.by_job.remove(&job);
        }
    }

    pub(super) fn next_to_send(&self) -> Option<&Alert> {
        let after = self.session?.map_or(Bound::Unbounded, Bound::Excluded);
        self.alerts.range((after, Bound::Unbounded)).next().map(|(_, alert)| alert)
    }

    /// The next alert of the open session.
    pub(super) fn send(&mut self) -> Option<Alert> {
        let alert = self.next_to_send()?.clone();
        self.session = Some(Some(alert.seq));
        if self.news.contains(&alert.seq) {
            self.unlink(alert.seq);
        }
        // What came or went stays known, so that later news can take it out of the next session.
        self.visits.remove(&alert.seq);
        Some(alert)
    }

    /// After a session: what was sent and not acknowledged waits again.
    pub(super) fn requeue(&mut self) {
        let Some(Some(last)) = self.session else { return };
        let mut next = self.alerts.first_key_value().map(|(&seq, _)| seq).filter(|&seq| seq <= last);
        while let Some(seq) = next {
            let Some(alert) = self.alerts.get(&seq) else { break };
            let new = matches!(alert.body, AlertBody::DeviceAttached { first: true, .. });
            if let Some(serial) = alert.device() {
                self.link(serial, seq, new);
            }
            let later = (Bound::Excluded(seq), Bound::Included(last));
            next = if seq < last { self.alerts.range(later).next().map(|(&seq, _)| seq) } else { None };
        }
    }
}
