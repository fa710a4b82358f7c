//! Alerts for the servers, kept until they are acknowledged.

mod alert;
mod desk;

use alloc::collections::{BTreeMap, BTreeSet};
use core::ops::Bound;
use core::time::Duration;

use dm_syncml::{Instant, StatusCode};
use dm_tree::ServerId;

use crate::device::{DeviceId, Serial};
use crate::error::{OutboxError, OutboxErrorKind};
use crate::fanout::{JobNo, ResultCode};
use crate::inventory::DetachReason;

use desk::Desk;

pub use alert::{Alert, AlertBody, AlertSeq, Subscription};

/// How much an outbox keeps, and how often it asks for a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct OutboxConfig {
    /// Most servers at a time. Default 16; a gateway answers to a handful.
    pub max_servers: u32,
    /// Most alerts about devices kept for one server. Beyond it the oldest is dropped and counted, return visits
    /// before new devices. Default 1 024.
    pub max_device_alerts: u32,
    /// Most completions kept for one server. Beyond it a completion is refused, never dropped. Default 1 024, well
    /// above the jobs a fanout holds.
    pub max_completions: u32,
    /// Time until a session is asked for again while alerts wait. Default 60 s.
    pub ask_again: Duration,
    /// The first sequence number to give. After a restart this is what [`Outbox::next_seq`] last said.
    pub first_seq: AlertSeq,
}

impl Default for OutboxConfig {
    fn default() -> Self {
        Self {
            max_servers: 16,
            max_device_alerts: 1024,
            max_completions: 1024,
            ask_again: Duration::from_secs(60),
            first_seq: AlertSeq::FIRST,
        }
    }
}

impl OutboxConfig {
    /// Sets [`max_servers`](Self::max_servers).
    #[must_use]
    pub const fn with_max_servers(mut self, max: u32) -> Self {
        self.max_servers = max;
        self
    }

    /// Sets [`max_device_alerts`](Self::max_device_alerts).
    #[must_use]
    pub const fn with_max_device_alerts(mut self, max: u32) -> Self {
        self.max_device_alerts = max;
        self
    }

    /// Sets [`max_completions`](Self::max_completions).
    #[must_use]
    pub const fn with_max_completions(mut self, max: u32) -> Self {
        self.max_completions = max;
        self
    }

    /// Sets [`ask_again`](Self::ask_again).
    #[must_use]
    pub const fn with_ask_again(mut self, time: Duration) -> Self {
        self.ask_again = time;
        self
    }

    /// Sets [`first_seq`](Self::first_seq).
    #[must_use]
    pub const fn with_first_seq(mut self, first: AlertSeq) -> Self {
        self.first_seq = first;
        self
    }
}

/// What an outbox wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum OutboxOutput {
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
/// stands now). Completions are never dropped.
///
/// ```
/// use dm_syncml::{Instant, StatusCode};
/// use gwmo_model::{DeviceId, Outbox, OutboxConfig, OutboxOutput, Serial, Subscription};
/// use dm_tree::ServerId;
///
/// let (now, server) = (Instant::EPOCH, ServerId::new("dms")?);
/// let mut outbox = Outbox::new(OutboxConfig::default());
/// outbox.handle_subscribed(now, &server, Subscription::default())?;
/// outbox.handle_device_attached(now, Serial::FIRST, &DeviceId::new("camera:1")?, 1, true);
/// assert!(matches!(outbox.poll_output(), OutboxOutput::OpenSession { .. }));
///
/// outbox.handle_session_opened(now, &server);
/// let OutboxOutput::Send { alert, .. } = outbox.poll_output() else { panic!() };
/// outbox.handle_answered(now, &server, alert.seq, StatusCode::OK);
/// outbox.handle_session_closed(now, &server);
/// assert_eq!(outbox.poll_output(), OutboxOutput::Wait(None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Outbox {
    config: OutboxConfig,
    now: Instant,
    next: u64,
    desks: BTreeMap<ServerId, Desk>,
    /// Servers in session that may have something to be sent.
    sending: BTreeSet<ServerId>,
    /// When a session is to be asked for.
    asks: BTreeSet<(Instant, ServerId)>,
    /// Servers to be asked for a session now.
    due: BTreeSet<ServerId>,
}

impl Outbox {
    /// Nothing to send yet.
    #[must_use]
    pub const fn new(config: OutboxConfig) -> Self {
        Self {
            now: Instant::EPOCH,
            next: config.first_seq.get(),
            config,
            desks: BTreeMap::new(),
            sending: BTreeSet::new(),
            asks: BTreeSet::new(),
            due: BTreeSet::new(),
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
        self.advance(now);
        let done = self.desk(server).map(|desk| desk.subscription = Some(subscription));
        self.fire();
        done
    }

    /// A server wants to hear nothing more of devices; what waits for it of them is dropped. Completions stay.
    pub fn handle_unsubscribed(&mut self, now: Instant, server: &ServerId) {
        self.advance(now);
        if let Some(desk) = self.desks.get_mut(server) {
            desk.subscription = None;
            desk.forget_devices();
        }
        self.settle(server);
        self.fire();
    }

    /// A device is there: alerts every server that wants to hear of it.
    pub fn handle_device_attached(
        &mut self,
        now: Instant,
        serial: Serial,
        id: &DeviceId,
        epoch: u64,
        first: bool,
    ) {
        self.advance(now);
        self.post_to_all(serial, &AlertBody::DeviceAttached { serial, id: id.clone(), epoch, first });
        self.fire();
    }

    /// A device is gone: alerts every server that wants to hear of it.
    pub fn handle_device_detached(
        &mut self,
        now: Instant,
        serial: Serial,
        id: &DeviceId,
        epoch: u64,
        reason: DetachReason,
    ) {
        self.advance(now);
        self.post_to_all(serial, &AlertBody::DeviceDetached { serial, id: id.clone(), epoch, reason });
        self.fire();
    }

    /// A job is over: alerts its owner, subscribed or not. Saying it twice of one job says it once.
    ///
    /// # Errors
    ///
    /// When too many servers or too many completions wait. Nothing was taken then, and nothing dropped.
    pub fn handle_job_ended(
        &mut self,
        now: Instant,
        owner: &ServerId,
        job: JobNo,
        result: ResultCode,
    ) -> Result<(), OutboxError> {
        self.advance(now);
        let posted = self.post_completion(owner, job, result);
        self.settle(owner);
        self.fire();
        posted
    }

    /// A job was removed by its owner, who need not hear any more that it is over.
    pub fn handle_job_removed(&mut self, now: Instant, owner: &ServerId, job: JobNo) {
        self.advance(now);
        if let Some(desk) = self.desks.get_mut(owner)
            && let Some(seq) = desk.by_job.remove(&job)
        {
            desk.alerts.remove(&seq);
        }
        self.settle(owner);
        self.fire();
    }

    /// A session with a server is open, whoever asked for it: everything that waits is sent in it.
    pub fn handle_session_opened(&mut self, now: Instant, server: &ServerId) {
        self.advance(now);
        // Beyond the limit a server is not known; it is owed nothing then.
        if let Ok(desk) = self.desk(server) {
            // A second session while the first is open can only mean that the first is dead.
            desk.requeue();
            desk.session = Some(None);
            self.sending.insert(server.clone());
        }
        self.settle(server);
        self.fire();
    }

    /// The session with a server is over; what it did not acknowledge is sent again in the next.
    pub fn handle_session_closed(&mut self, now: Instant, server: &ServerId) {
        self.advance(now);
        if let Some(desk) = self.desks.get_mut(server)
            && desk.session.is_some()
        {
            desk.requeue();
            desk.session = None;
            self.sending.remove(server);
            // Not at once: a server that refuses an alert would be called again and again.
            let again = (!desk.alerts.is_empty()).then(|| self.now + self.config.ask_again);
            self.ask(server, again);
        }
        self.settle(server);
        self.fire();
    }

    /// A server answered an alert: with a Status of class 2 it is done. Answers to alerts that do not wait, or wait
    /// for another server, change nothing.
    pub fn handle_answered(&mut self, now: Instant, server: &ServerId, seq: AlertSeq, status: StatusCode) {
        self.advance(now);
        if status.is_success()
            && let Some(desk) = self.desks.get_mut(server)
        {
            desk.remove(seq);
        }
        self.settle(server);
        self.fire();
    }

    /// Takes note of the time.
    pub fn handle_tick(&mut self, now: Instant) {
        self.advance(now);
        self.fire();
    }

    /// The next thing to do; [`OutboxOutput::Wait`] when there is nothing left.
    pub fn poll_output(&mut self) -> OutboxOutput {
        while let Some(server) = self.sending.first() {
            if let Some(alert) = self.desks.get_mut(server).and_then(Desk::send) {
                return OutboxOutput::Send { server: server.clone(), alert };
            }
            self.sending.pop_first();
        }
        match self.due.pop_first() {
            Some(server) => OutboxOutput::OpenSession { server },
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
        self.desks.get(server).into_iter().flat_map(|desk| desk.alerts.values())
    }

    /// How many alerts about devices were dropped for want of room; a server that hears of any should read the
    /// inventory.
    #[must_use]
    pub fn dropped(&self, server: &ServerId) -> u64 {
        self.desks.get(server).map_or(0, |desk| desk.dropped)
    }

    /// The number the next alert gets.
    #[must_use]
    pub const fn next_seq(&self) -> AlertSeq {
        AlertSeq::new(self.next)
    }

    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    fn desk(&mut self, server: &ServerId) -> Result<&mut Desk, OutboxError> {
        if !self.desks.contains_key(server) && self.desks.len() >= self.config.max_servers as usize {
            return Err(OutboxErrorKind::TooManyServers.into());
        }
        Ok(self.desks.entry(server.clone()).or_default())
    }

    fn post_to_all(&mut self, serial: Serial, body: &AlertBody) {
        let mut next = self.desks.first_key_value().map(|(server, _)| server.clone());
        while let Some(server) = next {
            if let Some(desk) = self.desks.get_mut(&server) {
                let alert = Alert { seq: AlertSeq::new(self.next), at: self.now, body: body.clone() };
                self.next += u64::from(desk.post(serial, alert, self.config.max_device_alerts as usize));
            }
            self.settle(&server);
            let later = (Bound::Excluded(server), Bound::Unbounded);
            next = self.desks.range(later).next().map(|(server, _)| server.clone());
        }
    }

    fn post_completion(
        &mut self,
        owner: &ServerId,
        job: JobNo,
        result: ResultCode,
    ) -> Result<(), OutboxError> {
        let (seq, at, max) = (AlertSeq::new(self.next), self.now, self.config.max_completions as usize);
        let desk = self.desk(owner)?;
        if desk.by_job.contains_key(&job) {
            return Ok(());
        }
        if desk.by_job.len() >= max {
            return Err(OutboxErrorKind::TooManyCompletions.into());
        }
        desk.by_job.insert(job, seq);
        desk.alerts.insert(seq, Alert { seq, at, body: AlertBody::JobEnded { job, result } });
        self.next += 1;
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
        let forget = desk.session.is_none() && desk.subscription.is_none();
        if desk.next_to_send().is_some() {
            self.sending.insert(server.clone());
        }
        self.ask(server, None);
        self.due.remove(server);
        if forget {
            self.desks.remove(server);
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
            self.ask(&server, (again > self.now).then_some(again));
            self.due.insert(server);
        }
    }
}
