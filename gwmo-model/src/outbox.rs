//! Alerts for the servers, kept until they are acknowledged.

mod alert;
mod asked;
mod change;
mod config;
mod desk;
mod kind;
mod restore;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use dm_syncml::{Instant, Journal, RecordSeq, StatusCode};
use dm_tree::ServerId;

use crate::device::{DeviceId, Serial};
use crate::error::{OutboxError, OutboxErrorKind};
use crate::fanout::{JobNo, ResultCode};
use crate::image::ImageNo;
use crate::inventory::DetachReason;

use asked::Asked;
use change::{Change, DeskChange};
use desk::{Desk, Other};

pub use alert::{Alert, AlertBody, AlertSeq, Subscription};
pub use change::OutboxRecord;
pub use config::OutboxConfig;
pub use kind::{AlertKind, AlertNames};
pub use restore::OutboxSnapshot;

/// What an outbox wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum OutboxOutput {
    /// Store this, then report with [`Outbox::handle_persisted`]; the alert it is about is held back until then.
    Persist(RecordSeq, OutboxRecord),
    /// Open a session with this server: alerts wait. Report with [`Outbox::handle_session_opened`] when it is open.
    OpenSession {
        /// The server.
        server: ServerId,
    },
    /// Send this alert in the open session, and report with [`Outbox::handle_answered`].
    Send {
        /// The server.
        server: ServerId,
        /// The alert.
        alert: Alert,
    },
    /// Nothing else is due before this time, or before the next input if there is none. Always the last output.
    Wait(Option<Instant>),
}

/// The alerts a gateway owes its servers, each kept until its server answers it with a Status of class 2
/// (GwMO-DI-004, DI-005, FORA-002).
///
/// An alert that is not acknowledged in one session is sent again, with its number, in the next. What a server has
/// not been sent yet is kept short: of one device only the news that still matters (that it is new, and where it
/// stands now). Of images, progress and results the last says all. Completions are never dropped, and each round of a job
/// is told once.
///
/// A session is asked for when an alert comes up, and again after [`ask_again`](OutboxConfig::ask_again) while any waits.
/// Requests that bring no acknowledgement are spaced further and further apart, however much comes up.
///
/// ```
/// use dm_syncml::{Instant, StatusCode};
/// use gwmo_model::{DeviceId, Outbox, OutboxConfig, OutboxOutput, Serial, Subscription};
/// use dm_tree::ServerId;
///
/// let (now, server) = (Instant::EPOCH, ServerId::new("dms")?);
/// let mut outbox = Outbox::new(OutboxConfig::default());
/// outbox.handle_subscribed(now, &server, Subscription::default())?;
/// outbox.handle_device_attached(now, 1, Serial::FIRST, &DeviceId::new("camera:1")?, 1, true);
/// loop {
///     match outbox.poll_output() {
///         OutboxOutput::Persist(seq, _) => outbox.handle_persisted(now, seq), // once it is stored
///         OutboxOutput::OpenSession { server } => outbox.handle_session_opened(now, &server),
///         OutboxOutput::Send { server, alert } => outbox.handle_answered(now, &server, alert.seq, StatusCode::OK),
///         OutboxOutput::Wait(_) => break,
///         _ => {}
///     }
/// }
/// outbox.handle_session_closed(now, &server);
/// assert_eq!(outbox.pending(&server).count(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Outbox {
    config: OutboxConfig,
    now: Instant,
    next: u64,
    /// The revision of the inventory up to which news were taken.
    told: u64,
    changes: u64,
    desks: BTreeMap<ServerId, Desk>,
    /// Servers in session that may have something to be sent.
    sending: BTreeSet<ServerId>,
    /// When a session is to be asked for.
    asks: BTreeSet<(Instant, ServerId)>,
    /// Servers to be asked for a session now, each after this record is stored.
    due: BTreeMap<ServerId, RecordSeq>,
    journal: Journal<OutboxRecord, OutboxOutput>,
}

impl Outbox {
    /// Nothing to send yet.
    #[must_use]
    pub const fn new(config: OutboxConfig) -> Self {
        Self {
            now: Instant::EPOCH,
            next: config.first_seq.get(),
            config,
            told: 0,
            changes: 0,
            desks: BTreeMap::new(),
            sending: BTreeSet::new(),
            asks: BTreeSet::new(),
            due: BTreeMap::new(),
            journal: Journal::new(),
        }
    }

    /// Sets what a server wants to hear of devices from now on; what waits for it already is still sent.
    ///
    /// # Errors
    ///
    /// When there are too many servers.
    pub fn handle_subscribed(
        &mut self,
        now: Instant,
        server: &ServerId,
        subscription: Subscription,
    ) -> Result<(), OutboxError> {
        self.input(now, |outbox| {
            if outbox.desk(server)?.subscription != Some(subscription) {
                outbox.change(server, DeskChange::Subscribed(subscription));
            }
            Ok(())
        })
    }

    /// A server wants to hear nothing more of devices; what waits for it of them is dropped. Completions stay.
    pub fn handle_unsubscribed(&mut self, now: Instant, server: &ServerId) {
        self.input(now, |outbox| {
            if outbox.subscription(server).is_some() {
                outbox.change(server, DeskChange::Unsubscribed);
            }
            outbox.settle(server);
        });
    }

    /// A device is there: alerts every server that wants to hear of it. `rev` is the revision of the inventory that this
    /// is; news up to the last that was taken are not taken again.
    pub fn handle_device_attached(
        &mut self,
        now: Instant,
        rev: u64,
        serial: Serial,
        id: &DeviceId,
        epoch: u64,
        first: bool,
    ) {
        let body = AlertBody::DeviceAttached { serial, id: id.clone(), epoch, first };
        self.input(now, |outbox| outbox.post_to_all(rev, &body));
    }

    /// A device is gone: alerts every server that wants to hear of it. `rev` as with
    /// [`handle_device_attached`](Self::handle_device_attached).
    pub fn handle_device_detached(
        &mut self,
        now: Instant,
        rev: u64,
        serial: Serial,
        id: &DeviceId,
        epoch: u64,
        reason: DetachReason,
    ) {
        let body = AlertBody::DeviceDetached { serial, id: id.clone(), epoch, reason };
        self.input(now, |outbox| outbox.post_to_all(rev, &body));
    }

    /// A round of a job is over, the first being 1: alerts its owner, subscribed or not. Saying it twice says it once, also
    /// when it was acknowledged in between, to a server that subscribed.
    ///
    /// # Errors
    ///
    /// When too many servers or too many completions wait. Nothing was taken then, and nothing dropped.
    pub fn handle_job_ended(
        &mut self,
        now: Instant,
        owner: &ServerId,
        job: JobNo,
        round: u16,
        result: ResultCode,
    ) -> Result<(), OutboxError> {
        self.input(now, |outbox| {
            let (seq, max) = (outbox.next_seq(), outbox.config.max_completions);
            let desk = outbox.desk(owner)?;
            if desk.ended.contains_key(&(job, round)) {
                return Ok(());
            }
            let full = desk.completions >= max;
            if !full {
                // What it has come to is said; that it has come on needs not be.
                let progress = desk.others.get(&Other::Progress(job)).copied();
                if let Some(progress) = progress {
                    outbox.change(owner, DeskChange::Removed(progress));
                }
                let body = AlertBody::JobEnded { job, result };
                outbox.change(owner, DeskChange::Posted { seq, body, round });
            }
            outbox.settle(owner);
            if full { Err(OutboxErrorKind::TooManyCompletions.into()) } else { Ok(()) }
        })
    }

    /// The aggregated results of a job are to be sent to its owner, subscribed or not.
    ///
    /// # Errors
    ///
    /// When too many servers wait.
    pub fn handle_job_results(
        &mut self,
        now: Instant,
        owner: &ServerId,
        job: JobNo,
    ) -> Result<(), OutboxError> {
        self.input(now, |outbox| outbox.post_other(owner, AlertBody::JobResults { job }))
    }

    /// A job has come on, and its owner wants to hear of it. However often that is said, it is sent once until then.
    ///
    /// # Errors
    ///
    /// When too many servers wait.
    pub fn handle_job_progress(
        &mut self,
        now: Instant,
        owner: &ServerId,
        job: JobNo,
    ) -> Result<(), OutboxError> {
        self.input(now, |outbox| outbox.post_other(owner, AlertBody::JobProgress { job }))
    }

    /// An image of a server can be fetched, which it hears if it subscribed to that.
    pub fn handle_image_ready(&mut self, now: Instant, owner: &ServerId, image: ImageNo) {
        self.input(now, |outbox| outbox.post_image(owner, AlertBody::ImageReady { image }));
    }

    /// An image of a server cannot be had, which it hears if it subscribed to that.
    pub fn handle_image_failed(&mut self, now: Instant, owner: &ServerId, image: ImageNo, code: ResultCode) {
        self.input(now, |outbox| outbox.post_image(owner, AlertBody::ImageFailed { image, code }));
    }

    /// A job was removed by its owner, who need not hear any more of it.
    pub fn handle_job_removed(&mut self, now: Instant, owner: &ServerId, job: JobNo) {
        self.input(now, |outbox| {
            if outbox.desks.get(owner).is_some_and(|desk| desk.knows_job(job)) {
                outbox.change(owner, DeskChange::JobRemoved(job));
            }
            outbox.settle(owner);
        });
    }

    /// A session with a server is open, whoever asked for it: everything that waits is sent in it.
    pub fn handle_session_opened(&mut self, now: Instant, server: &ServerId) {
        self.input(now, |outbox| {
            // Beyond the limit a server is not known; it is owed nothing then.
            if let Ok(desk) = outbox.desk(server) {
                // A second session while the first is open can only mean that the first is dead.
                desk.requeue();
                desk.session = Some(None);
                outbox.sending.insert(server.clone());
            }
            outbox.settle(server);
        });
    }

    /// The session with a server is over; what it did not acknowledge is sent again in the next.
    pub fn handle_session_closed(&mut self, now: Instant, server: &ServerId) {
        self.input(now, |outbox| {
            if let Some(desk) = outbox.desks.get_mut(server)
                && desk.session.is_some()
            {
                let unsent = desk.has_unsent();
                desk.requeue();
                desk.session = None;
                outbox.sending.remove(server);
                // Not at once: a server that refuses an alert would be called again and again.
                let again = (!desk.alerts.is_empty()).then(|| outbox.now + outbox.config.ask_again);
                outbox.ask(server, again);
                if unsent {
                    outbox.ask_for_news(server);
                }
            }
            outbox.settle(server);
        });
    }

    /// What came up in the session that is over was left for the next, which need not wait for
    /// [`ask_again`](OutboxConfig::ask_again).
    pub(crate) fn handle_left_for_next(&mut self, now: Instant, server: &ServerId) {
        self.input(now, |outbox| outbox.ask_for_news(server));
    }

    /// A server answered an alert: with a Status of class 2 it is done. Answers to alerts that do not wait, or wait
    /// for another server, change nothing.
    pub fn handle_answered(&mut self, now: Instant, server: &ServerId, seq: AlertSeq, status: StatusCode) {
        self.input(now, |outbox| {
            let waits = outbox.desks.get(server).is_some_and(|desk| desk.alerts.contains_key(&seq));
            if status.is_success() && waits {
                outbox.change(server, DeskChange::Removed(seq));
                if let Some(desk) = outbox.desks.get_mut(server) {
                    desk.asked = Asked::default();
                }
            }
            outbox.settle(server);
        });
    }

    /// This record, and all before it, are stored.
    pub fn handle_persisted(&mut self, now: Instant, seq: RecordSeq) {
        self.input(now, |outbox| {
            outbox.journal.persisted(seq);
            let stored = outbox.journal.stored();
            let ready = outbox.desks.iter().filter(|(_, desk)| desk.next_to_send(stored).is_some());
            outbox.sending.extend(ready.map(|(server, _)| server.clone()));
        });
    }

    /// Takes note of the time.
    pub fn handle_tick(&mut self, now: Instant) {
        self.input(now, |_| ());
    }

    /// The next thing to do; [`OutboxOutput::Wait`] when there is nothing left.
    pub fn poll_output(&mut self) -> OutboxOutput {
        if let Some((seq, record)) = self.journal.next_record() {
            return OutboxOutput::Persist(seq, record);
        }
        let stored = self.journal.stored();
        while let Some(server) = self.sending.first() {
            if let Some(alert) = self.desks.get_mut(server).and_then(|desk| desk.send(stored)) {
                return OutboxOutput::Send { server: server.clone(), alert };
            }
            self.sending.pop_first();
        }
        let due = self.due.iter().find(|(_, after)| **after <= stored).map(|(server, _)| server.clone());
        match due {
            Some(server) => {
                self.due.remove(&server);
                OutboxOutput::OpenSession { server }
            }
            None => OutboxOutput::Wait(self.asks.first().map(|&(at, _)| at)),
        }
    }

    /// What a server wants to hear of devices.
    #[must_use]
    pub fn subscription(&self, server: &ServerId) -> Option<Subscription> {
        self.desks.get(server)?.subscription
    }

    /// The alerts that wait for a server or for its acknowledgement, oldest first.
    pub fn pending(&self, server: &ServerId) -> impl DoubleEndedIterator<Item = &Alert> {
        self.desks.get(server).into_iter().flat_map(|desk| desk.alerts.values().map(|entry| &entry.alert))
    }

    /// How many alerts were dropped for want of room; a server that hears of any should read the inventory.
    #[must_use]
    pub fn dropped(&self, server: &ServerId) -> u64 {
        self.desks.get(server).map_or(0, |desk| desk.dropped)
    }

    /// The number the next alert gets.
    #[must_use]
    pub const fn next_seq(&self) -> AlertSeq {
        AlertSeq::new(self.next)
    }

    /// The type under which an alert is sent (`Meta/Type`).
    #[must_use]
    pub const fn media_type(&self, body: &AlertBody) -> &'static str {
        body.kind().urn(self.config.names)
    }

    /// What every input does around what it means.
    fn input<T>(&mut self, now: Instant, act: impl FnOnce(&mut Self) -> T) -> T {
        self.now = self.now.max(now);
        let done = act(self);
        self.fire();
        done
    }

    fn desk(&mut self, server: &ServerId) -> Result<&mut Desk, OutboxError> {
        if !self.desks.contains_key(server) && self.desks.len() >= self.config.max_servers as usize {
            return Err(OutboxErrorKind::TooManyServers.into());
        }
        Ok(self.desks.entry(server.clone()).or_default())
    }

    /// Does a change for one server and wants it stored.
    fn change(&mut self, server: &ServerId, change: DeskChange) {
        let news = matches!(change, DeskChange::Posted { .. });
        self.record(Change::Desk(server.clone(), change));
        if news {
            self.ask_for_news(server);
        }
    }

    fn record(&mut self, change: Change) {
        self.changes += 1;
        self.journal.record(OutboxRecord { number: self.changes, change: change.clone() });
        let rests_on = self.journal.last();
        self.apply(&change, rests_on);
    }

    fn apply(&mut self, change: &Change, rests_on: RecordSeq) {
        let (server, change) = match change {
            Change::Told(rev) => {
                self.told = *rev;
                return;
            }
            Change::Desk(server, change) => (server, change),
        };
        if let DeskChange::Posted { seq, .. } = change {
            self.next = seq.get() + 1;
        }
        if *change == DeskChange::Forgotten {
            self.desks.remove(server);
            return;
        }
        let (now, max_done) = (self.now, self.config.max_completions as usize);
        self.desks.entry(server.clone()).or_default().apply(change, now, rests_on, max_done);
    }

    fn post_to_all(&mut self, rev: u64, body: &AlertBody) {
        if rev <= self.told {
            return;
        }
        let servers: Vec<ServerId> = self
            .desks
            .iter()
            .filter(|(_, desk)| desk.subscription.is_some())
            .map(|(server, _)| server.clone())
            .collect();
        let max = self.config.max_device_alerts as usize;
        for server in &servers {
            let Some(desk) = self.desks.get(server) else { continue };
            let changes = desk.device(body, self.next_seq(), max);
            changes.into_iter().for_each(|change| self.change(server, change));
            self.settle(server);
        }
        // After what it tells: told twice it is replaced, told never it is lost.
        if servers.is_empty() {
            self.told = rev;
        } else {
            self.record(Change::Told(rev));
        }
    }

    fn post_image(&mut self, owner: &ServerId, body: AlertBody) {
        if self.subscription(owner).is_some_and(|subscription| subscription.images) {
            // It has a desk, so there is room for it.
            let _ = self.post_other(owner, body);
        }
    }

    fn post_other(&mut self, owner: &ServerId, body: AlertBody) -> Result<(), OutboxError> {
        let (seq, max) = (self.next_seq(), self.config.max_others as usize);
        let desk = self.desk(owner)?;
        if let Some(other) = Other::of(&body) {
            let changes = desk.other(other, body, seq, max);
            changes.into_iter().for_each(|change| self.change(owner, change));
        }
        self.settle(owner);
        Ok(())
    }

    /// Brings the wish for a session in step with what waits, and forgets who is owed nothing.
    fn settle(&mut self, server: &ServerId) {
        let Some(desk) = self.desks.get(server) else { return };
        if desk.session.is_none() && !desk.alerts.is_empty() {
            if desk.ask_at.is_none() {
                let delay = desk.subscription.map_or(Duration::ZERO, |subscription| subscription.max_delay);
                self.ask(server, Some(self.now + delay));
            }
            return;
        }
        // Who subscribed to nothing is not remembered, and neither is what it was told.
        let (forget, recorded) = (desk.session.is_none() && desk.subscription.is_none(), desk.recorded);
        if desk.next_to_send(self.journal.stored()).is_some() {
            self.sending.insert(server.clone());
        }
        self.ask(server, None);
        self.due.remove(server);
        if forget && recorded {
            self.change(server, DeskChange::Forgotten);
        } else if forget {
            self.desks.remove(server);
        }
    }

    /// What comes up need not wait as long as what a server did not take: a session is asked for at once, unless one was a
    /// moment ago, or will be sooner.
    fn ask_for_news(&mut self, server: &ServerId) {
        let Some(desk) = self.desks.get(server) else { return };
        if desk.session.is_some() || desk.alerts.is_empty() || self.due.contains_key(server) {
            return;
        }
        let delay = desk.subscription.map_or(Duration::ZERO, |subscription| subscription.max_delay);
        let soonest = desk.asked.soonest(self.config.ask_apart, self.config.ask_again);
        let at = soonest.map_or(self.now, |soonest| soonest.max(self.now)).max(self.now + delay);
        if desk.ask_at.is_none_or(|planned| at < planned) {
            self.ask(server, Some(at));
        }
    }

    fn ask(&mut self, server: &ServerId, at: Option<Instant>) {
        let Some(desk) = self.desks.get_mut(server) else { return };
        if let Some(old) = desk.ask_at.take() {
            self.asks.remove(&(old, server.clone()));
        }
        if let Some(at) = at {
            desk.ask_at = Some(at);
            self.asks.insert((at, server.clone()));
        }
    }

    /// Moves servers whose time has come to those to be asked, and sets when to ask again.
    fn fire(&mut self) {
        while let Some((at, _)) = self.asks.first()
            && *at <= self.now
        {
            let Some((_, server)) = self.asks.pop_first() else { break };
            // At least a moment later, and never at the end of time, or this would not end.
            let again = self.now + self.config.ask_again.max(Duration::from_millis(1));
            if let Some(desk) = self.desks.get_mut(&server) {
                desk.ask_at = None;
                desk.asked.again(self.now);
            }
            self.ask(&server, (again > self.now).then_some(again));
            self.due.insert(server, self.journal.last());
        }
    }
}
