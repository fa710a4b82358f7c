//! What waits for one server, and what later news do to it.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::Bound;

use dm_syncml::{Instant, RecordSeq};

use super::alert::{Alert, AlertBody, AlertSeq, Subscription};
use super::asked::Asked;
use super::change::DeskChange;
use crate::device::Serial;
use crate::fanout::JobNo;
use crate::image::ImageNo;

/// What is kept for one server.
#[derive(Debug, Default)]
pub(super) struct Desk {
    pub(super) subscription: Option<Subscription>,
    pub(super) alerts: BTreeMap<AlertSeq, Entry>,
    /// Alerts about devices that were not sent in this session: those about new devices, and the others.
    news: BTreeSet<AlertSeq>,
    visits: BTreeSet<AlertSeq>,
    by_device: BTreeMap<Serial, Known>,
    /// Every round of a job that ended: its alert, or that it was acknowledged.
    pub(super) ended: BTreeMap<(JobNo, u16), Option<AlertSeq>>,
    /// How many of these wait.
    pub(super) completions: u32,
    pub(super) others: BTreeMap<Other, AlertSeq>,
    /// The last alert sent in the open session, if one is open.
    pub(super) session: Option<Option<AlertSeq>>,
    pub(super) ask_at: Option<Instant>,
    pub(super) asked: Asked,
    pub(super) dropped: u64,
    /// A record speaks of it.
    pub(super) recorded: bool,
}

/// An alert that waits.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) alert: Alert,
    pub(super) round: u16,
    /// It may be sent when this record is stored.
    pub(super) rests_on: RecordSeq,
}

/// What later news of one device can make pointless.
#[derive(Debug, Default)]
struct Known {
    /// That it is new, if that was not sent yet.
    new: Option<AlertSeq>,
    /// That it came back or went, if that was not acknowledged yet.
    latest: Option<AlertSeq>,
}

/// What an alert is about of which the last one says all; what is given up first stands first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Other {
    Progress(JobNo),
    Image(ImageNo),
    Results(JobNo),
}

impl Other {
    pub(super) const fn of(body: &AlertBody) -> Option<Self> {
        match body {
            AlertBody::JobProgress { job } => Some(Self::Progress(*job)),
            AlertBody::JobResults { job } => Some(Self::Results(*job)),
            AlertBody::ImageReady { image } | AlertBody::ImageFailed { image, .. } => {
                Some(Self::Image(*image))
            }
            _ => None,
        }
    }
}

impl Desk {
    /// What news of a device change: what it replaces goes, and it comes, if it is wanted and has room.
    pub(super) fn device(&self, body: &AlertBody, seq: AlertSeq, max: usize) -> Vec<DeskChange> {
        let Some(subscription) = self.subscription else { return Vec::new() };
        let (serial, wanted) = match body {
            AlertBody::DeviceAttached { serial, first: true, .. } => (serial, subscription.attached),
            AlertBody::DeviceAttached { serial, .. } => {
                (serial, subscription.attached && subscription.each_time)
            }
            AlertBody::DeviceDetached { serial, .. } => (serial, subscription.detached),
            _ => return Vec::new(),
        };
        let mut changes = Vec::new();
        let known = self.by_device.get(serial);
        // Whatever waits about its comings and goings is history; that it is new is not.
        let history = known.and_then(|known| known.latest);
        changes.extend(history.map(DeskChange::Removed));
        let told_as_new = known.is_some_and(|known| known.new.is_some())
            && matches!(body, AlertBody::DeviceAttached { .. });
        if !wanted || told_as_new {
            return changes;
        }
        if self.device_alerts() - usize::from(history.is_some()) >= max {
            // The oldest that was not sent, return visits first.
            let visit = self.visits.iter().find(|seq| Some(**seq) != history);
            let oldest = visit.or_else(|| self.news.first()).copied();
            changes.push(DeskChange::Dropped(oldest));
            if oldest.is_none() {
                return changes;
            }
        }
        changes.push(DeskChange::Posted { seq, body: body.clone(), round: 0 });
        changes
    }

    /// What news of a job or an image change of which the last one says all.
    pub(super) fn other(&self, other: Other, body: AlertBody, seq: AlertSeq, max: usize) -> Vec<DeskChange> {
        let mut changes = Vec::new();
        match self.others.get(&other) {
            // That it has come on was not sent yet: then it says what is so when it is sent.
            Some(waiting) if matches!(other, Other::Progress(_)) && !self.was_sent(*waiting) => {
                return changes;
            }
            Some(waiting) => changes.push(DeskChange::Removed(*waiting)),
            None if self.others.len() >= max => {
                let oldest = self.others.values().copied().find(|seq| !self.was_sent(*seq));
                changes.push(DeskChange::Dropped(oldest));
                if oldest.is_none() {
                    return changes;
                }
            }
            None => {}
        }
        changes.push(DeskChange::Posted { seq, body, round: 0 });
        changes
    }

    /// Does a change. `rests_on` is the record that says so.
    pub(super) fn apply(&mut self, change: &DeskChange, now: Instant, rests_on: RecordSeq, max_done: usize) {
        self.recorded = true;
        match change {
            DeskChange::Subscribed(subscription) => self.subscription = Some(*subscription),
            DeskChange::Unsubscribed => {
                self.subscription = None;
                let of_devices: Vec<AlertSeq> = self
                    .alerts
                    .values()
                    .filter(|e| e.alert.device().is_some())
                    .map(|e| e.alert.seq)
                    .collect();
                of_devices.into_iter().for_each(|seq| drop(self.remove(seq)));
            }
            DeskChange::Posted { seq, body, round } => {
                let alert = Alert { seq: *seq, at: now, body: body.clone() };
                self.alerts.insert(*seq, Entry { alert, round: *round, rests_on });
                if let AlertBody::JobEnded { job, .. } = body {
                    self.ended.insert((*job, *round), Some(*seq));
                    self.completions += 1;
                }
                self.others.extend(Other::of(body).map(|other| (other, *seq)));
                self.link(*seq);
            }
            DeskChange::Removed(seq) => {
                if let Some(Entry {
                    alert: Alert { body: AlertBody::JobEnded { job, .. }, .. }, round, ..
                }) = self.remove(*seq)
                {
                    self.ended.insert((job, round), None);
                    self.forget_done(max_done);
                }
            }
            DeskChange::Dropped(seq) => {
                self.dropped += 1;
                seq.iter().for_each(|seq| drop(self.remove(*seq)));
            }
            DeskChange::JobRemoved(job) => {
                let rounds = self.ended.range((*job, 0)..=(*job, u16::MAX));
                let mut gone: Vec<AlertSeq> = rounds.filter_map(|(_, seq)| *seq).collect();
                gone.extend(
                    [Other::Progress(*job), Other::Results(*job)].iter().filter_map(|at| self.others.get(at)),
                );
                gone.into_iter().for_each(|seq| drop(self.remove(seq)));
                self.ended.retain(|(known, _), _| known != job);
            }
            // The whole desk goes.
            DeskChange::Forgotten => {}
        }
    }

    /// Whether anything is known of a job.
    pub(super) fn knows_job(&self, job: JobNo) -> bool {
        self.ended.range((job, 0)..=(job, u16::MAX)).next().is_some()
            || self.others.contains_key(&Other::Progress(job))
            || self.others.contains_key(&Other::Results(job))
    }

    /// Of rounds that were acknowledged only so many are remembered; the oldest jobs go.
    fn forget_done(&mut self, most: usize) {
        while self.ended.len() - self.completions as usize > most {
            let Some(oldest) = self.ended.iter().find_map(|(at, seq)| seq.is_none().then_some(*at)) else {
                return;
            };
            self.ended.remove(&oldest);
        }
    }

    fn device_alerts(&self) -> usize {
        self.alerts.len() - self.completions as usize - self.others.len()
    }

    /// An alert about a device waits unsent.
    fn link(&mut self, seq: AlertSeq) {
        let Some(entry) = self.alerts.get(&seq) else { return };
        let new = matches!(entry.alert.body, AlertBody::DeviceAttached { first: true, .. });
        let Some(serial) = entry.alert.device() else { return };
        let known = self.by_device.entry(serial).or_default();
        let (slot, set) =
            if new { (&mut known.new, &mut self.news) } else { (&mut known.latest, &mut self.visits) };
        *slot = Some(seq);
        set.insert(seq);
    }

    fn unlink(&mut self, seq: AlertSeq) {
        let Some(serial) = self.alerts.get(&seq).and_then(|entry| entry.alert.device()) else { return };
        self.news.remove(&seq);
        self.visits.remove(&seq);
        if let Some(known) = self.by_device.get_mut(&serial) {
            known.new.take_if(|new| *new == seq);
            known.latest.take_if(|latest| *latest == seq);
            if known.new.is_none() && known.latest.is_none() {
                self.by_device.remove(&serial);
            }
        }
    }

    fn remove(&mut self, seq: AlertSeq) -> Option<Entry> {
        self.unlink(seq);
        let entry = self.alerts.remove(&seq)?;
        if let AlertBody::JobEnded { job, .. } = entry.alert.body {
            self.ended.remove(&(job, entry.round));
            self.completions -= 1;
        }
        if let Some(other) = Other::of(&entry.alert.body) {
            self.others.remove(&other);
        }
        Some(entry)
    }

    fn was_sent(&self, seq: AlertSeq) -> bool {
        self.session.flatten().is_some_and(|last| seq <= last)
    }

    /// Whether something was not sent in the open session.
    pub(super) fn has_unsent(&self) -> bool {
        self.session.is_some_and(|last| {
            let after = last.map_or(Bound::Unbounded, Bound::Excluded);
            self.alerts.range((after, Bound::Unbounded)).next().is_some()
        })
    }

    /// The next alert of the open session; those that are not stored yet have to wait, as all after them.
    pub(super) fn next_to_send(&self, stored: RecordSeq) -> Option<&Alert> {
        let after = self.session?.map_or(Bound::Unbounded, Bound::Excluded);
        let (_, entry) = self.alerts.range((after, Bound::Unbounded)).next()?;
        (entry.rests_on <= stored).then_some(&entry.alert)
    }

    /// Takes the next alert of the open session.
    pub(super) fn send(&mut self, stored: RecordSeq) -> Option<Alert> {
        let alert = self.next_to_send(stored)?.clone();
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
        let sent: Vec<AlertSeq> = self.alerts.range(..=last).map(|(&seq, _)| seq).collect();
        sent.into_iter().for_each(|seq| self.link(seq));
    }
}
