//! The driver of the [`Gateway`] machine: every input goes through [`GatewayDriver::drive`], and everything the machine wants is done there.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::Method;
use dm_notification::push::TextHeaders;
use dm_syncml::Instant;
use dm_syncml::session::Outgoing;
use dm_tree::ServerId;
use gwmo_model::{
    AttachStatus, BlobNo, DeviceId, Fact, Gateway, GatewayEvent, GatewayOutput, ImagesOutput, Serial,
    Sighting,
};
use serde_json::json;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::AbortHandle;

use super::failure::Failure;
use super::image_files::ImageFiles;
use super::journal::{Journal, Written};
use super::metrics::Metrics;
use super::neighbours::{Neighbours, host_of};
use super::revisions::Revisions;
use super::session_log::SessionLog;
use super::upstream::Upstream;
use super::views;
use super::{fetch, fetch_policy::FetchPolicy};
use crate::clock::Clock;
use crate::coap::adapter::CoapAdapter;
use crate::http_client::HttpClient;
use crate::operator_api::Events;
use crate::store::StoreError;

/// The largest answer to a push that is read.
const MAX_PUSH_ANSWER: usize = 4 << 10;

/// The machine, and all that it moves.
#[derive(Debug)]
pub(super) struct GatewayDriver {
    shared: Mutex<Shared>,
    /// The machine's deadline has changed.
    deadline_changed: Notify,
    /// Records on their way to the disk, in their order.
    to_store: mpsc::UnboundedSender<(gwmo_model::PersistSeq, u64, Written)>,
    /// The last record that is on the disk.
    stored: watch::Sender<u64>,
    /// Why the program cannot go on.
    failed: watch::Sender<Option<Failure>>,
    datagrams: UdpSocket,
    /// Towards devices and sources of images.
    pub(super) http: HttpClient,
    pub(super) files: ImageFiles,
    pub(super) fetch_policy: FetchPolicy,
    pub(super) clock: Clock,
    pub(super) events: Events,
    pub(super) metrics: Metrics,
    pub(super) sessions: SessionLog,
    /// Whom the gateway answers to.
    pub(super) upstreams: Mutex<HashMap<ServerId, Arc<Upstream>>>,
}

#[derive(Debug)]
struct Shared {
    gateway: Gateway,
    journal: Journal,
    /// Requests of devices that wait for their answer.
    exchanges: HashMap<u64, oneshot::Sender<Outgoing>>,
    next_exchange: u64,
    deadline: Option<Instant>,
    fetches: HashMap<BlobNo, AbortHandle>,
    adapters: HashMap<DeviceId, Arc<CoapAdapter>>,
    neighbours: Neighbours,
    told: Revisions,
}

/// What a driver is made of, besides its machine.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) journal: Journal,
    pub(super) datagrams: UdpSocket,
    pub(super) http: HttpClient,
    pub(super) files: ImageFiles,
    pub(super) fetch_policy: FetchPolicy,
    pub(super) clock: Clock,
}

impl GatewayDriver {
    /// Connects a machine to the world. The tasks it needs run until the runtime ends.
    pub(super) fn start(gateway: Gateway, parts: Parts) -> Arc<Self> {
        let (to_store, written) = mpsc::unbounded_channel();
        let mut neighbours = Neighbours::default();
        for record in gateway.inventory().records(..) {
            if let Some(ip) = record.fact(Fact::LocalAddress).and_then(host_of) {
                neighbours.seen(record.serial(), ip);
            }
        }
        let shared = Shared {
            gateway,
            journal: parts.journal,
            exchanges: HashMap::new(),
            next_exchange: 0,
            deadline: None,
            fetches: HashMap::new(),
            adapters: HashMap::new(),
            neighbours,
            told: Revisions::default(),
        };
        let driver = Arc::new(Self {
            shared: Mutex::new(shared),
            deadline_changed: Notify::new(),
            to_store,
            stored: watch::Sender::new(0),
            failed: watch::Sender::new(None),
            datagrams: parts.datagrams,
            http: parts.http,
            files: parts.files,
            fetch_policy: parts.fetch_policy,
            clock: parts.clock,
            events: Events::default(),
            metrics: Metrics::default(),
            sessions: SessionLog::default(),
            upstreams: Mutex::new(HashMap::new()),
        });
        tokio::spawn(Arc::clone(&driver).report_stored(written));
        tokio::spawn(Arc::clone(&driver).keep_time());
        driver
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // A panic elsewhere has left the machine between two inputs, which is a good state.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the machine.
    pub(super) fn look<T>(&self, at: impl FnOnce(&Gateway) -> T) -> T {
        at(&self.lock().gateway)
    }

    /// One input for the machine, and then everything it wants.
    pub(super) fn drive<T>(self: &Arc<Self>, input: impl FnOnce(&mut Gateway, Instant) -> T) -> T {
        let mut shared = self.lock();
        let now = self.clock.now();
        let result = input(&mut shared.gateway, now);
        let (mut records, mut last) = (Vec::new(), None);
        shared.deadline = loop {
            match shared.gateway.poll_output() {
                GatewayOutput::Persist(seq, record) => {
                    last = Some(seq);
                    records.push(record);
                }
                GatewayOutput::Wait(at) => break at,
                output => self.carry_out(&mut shared, now, output),
            }
        };
        let Shared { told, gateway, .. } = &mut *shared;
        told.tell_changes(gateway, &self.events);
        if let Some(seq) = last {
            self.metrics.records.add(records.len() as u64);
            // While an Atomic of a server is open there is none.
            let snapshot = shared.journal.is_long().then(|| shared.gateway.snapshot(now).ok()).flatten();
            self.metrics.snapshots.add(snapshot.is_some().into());
            match shared.journal.write(&records, snapshot.as_ref()) {
                Ok(written) => _ = self.to_store.send((seq, shared.journal.issued(), written)),
                Err(error) => self.fail(error.into()),
            }
        }
        drop(shared);
        self.deadline_changed.notify_one();
        result
    }

    /// What the machine wants, records and time aside.
    fn carry_out(self: &Arc<Self>, shared: &mut Shared, now: Instant, output: GatewayOutput) {
        match output {
            GatewayOutput::Notify { ticket, address, package_0, .. } => {
                self.send(shared, now, address.as_deref(), package_0, move |gateway, now, is_sent| {
                    if is_sent {
                        gateway.handle_notify_sent(now, ticket);
                    } else {
                        gateway.handle_notify_failed(now, ticket);
                    }
                });
            }
            GatewayOutput::Forward { forward, address, package_0, .. } => {
                self.metrics.forwarded.add(1);
                self.send(shared, now, address.as_deref(), package_0, move |gateway, now, is_sent| {
                    gateway.handle_forwarded(now, forward, is_sent);
                });
            }
            GatewayOutput::Reply { exchange, message } => {
                // The device may have hung up; it will ask again.
                let _ = shared.exchanges.remove(&exchange).map(|waiting| waiting.send(message));
            }
            // Dropping the sender ends the request.
            GatewayOutput::NoReply { exchange } => drop(shared.exchanges.remove(&exchange)),
            GatewayOutput::OpenSession { server } => self.want_session(&server),
            GatewayOutput::Native { device, token, op, .. } => {
                self.metrics.native.add(1);
                let Some(adapter) = shared.adapters.get(&device).cloned() else { return };
                let driver = Arc::clone(self);
                tokio::spawn(async move {
                    // Without a result the machine gives it up when its time is over.
                    if let Some(result) = adapter.perform(token, &op).await {
                        driver.drive(|gateway, now| gateway.handle_native_result(now, token, result));
                    }
                });
            }
            GatewayOutput::StoreImage { blob, offset, octets } => {
                let driver = Arc::clone(self);
                let end = offset + octets.len() as u64;
                self.files.write(blob, offset, octets, move |written| {
                    driver.image_done(blob, &written, |gateway, now| {
                        gateway.handle_images(now, |images, now| images.handle_stored(now, blob, end));
                    });
                });
            }
            GatewayOutput::Image(output) => self.image(shared, output),
            GatewayOutput::Event(event) => self.tell(&shared.gateway, event),
            // Devices come to know this gateway by files their owner makes, and so does the gateway its servers.
            other => tracing::debug!(wanted = kind_of(&other), "nobody does this here"),
        }
    }

    /// What an image wants.
    fn image(self: &Arc<Self>, shared: &mut Shared, output: ImagesOutput) {
        match output {
            ImagesOutput::AuthorizeFetch { blob, url, .. } => {
                let driver = Arc::clone(self);
                tokio::spawn(async move {
                    let checked = driver.fetch_policy.check(&url).await;
                    if let Err(why) = &checked {
                        tracing::warn!(%why, "an image is not fetched");
                    }
                    driver.drive(|gateway, now| {
                        gateway.handle_images(now, |images, now| match checked {
                            Ok(()) => images.handle_fetch_allowed(now, blob),
                            Err(_) => images.handle_fetch_denied(now, blob),
                        });
                    });
                });
            }
            ImagesOutput::FetchUrl { blob, url, resume_from, max } => {
                let task = tokio::spawn(fetch::fetch(Arc::clone(self), blob, url, resume_from, max));
                if let Some(before) = shared.fetches.insert(blob, task.abort_handle()) {
                    before.abort();
                }
            }
            ImagesOutput::CancelFetch { blob } => {
                if let Some(task) = shared.fetches.remove(&blob) {
                    task.abort();
                }
            }
            ImagesOutput::HashRequest { blob, len } => {
                shared.fetches.remove(&blob);
                let driver = Arc::clone(self);
                self.files.digest(blob, len, move |digest| {
                    driver.image_done(blob, &digest, |gateway, now| {
                        if let Ok(digest) = digest {
                            gateway.handle_images(now, |images, now| images.handle_digest(now, blob, digest));
                        }
                    });
                });
            }
            ImagesOutput::Drop { blob } => {
                let driver = Arc::clone(self);
                self.files.remove(blob, move |removed| match removed {
                    Ok(()) => driver.drive(|gateway, now| {
                        gateway.handle_images(now, |images, now| images.handle_dropped(now, blob));
                    }),
                    // It is tried again at the next start.
                    Err(error) => tracing::error!(%blob, %error, "an image cannot be removed"),
                });
            }
            // Who asks is told by the machine whether there is something to read.
            _ => {}
        }
    }

    /// A file was written or read: goes on with it, or gives the image up.
    pub(super) fn image_done<T>(
        self: &Arc<Self>,
        blob: BlobNo,
        done: &std::io::Result<T>,
        go_on: impl FnOnce(&mut Gateway, Instant),
    ) {
        self.drive(|gateway, now| match done {
            Ok(_) => go_on(gateway, now),
            Err(error) => {
                tracing::error!(%blob, %error, "an image cannot be kept");
                gateway.handle_images(now, |images, now| images.handle_store_failed(now, blob));
            }
        });
    }

    /// Sends a notification: by UDP, or by HTTP push where the device has such an address.
    fn send(
        self: &Arc<Self>,
        shared: &mut Shared,
        now: Instant,
        address: Option<&str>,
        package_0: Vec<u8>,
        report: impl FnOnce(&mut Gateway, Instant, bool) + Send + 'static,
    ) {
        let Some(uri) = address.filter(|address| address.starts_with("http")) else {
            let address: Option<SocketAddr> = address.and_then(|address| address.parse().ok());
            let is_sent = address.is_some_and(|to| self.datagrams.send_to(&package_0, to).is_ok());
            self.note_sent(is_sent);
            return report(&mut shared.gateway, now, is_sent);
        };
        let (driver, uri) = (Arc::clone(self), uri.to_owned());
        tokio::spawn(async move {
            let headers = TextHeaders::dm_notification();
            let headers = headers.iter().map(|(name, value)| (name, value.to_owned()));
            let sent = driver.http.send(Method::POST, &uri, headers, package_0, MAX_PUSH_ANSWER).await;
            let is_sent = sent.is_ok_and(|answer| answer.status.is_success());
            driver.note_sent(is_sent);
            driver.drive(|gateway, now| report(gateway, now, is_sent));
        });
    }

    fn note_sent(&self, is_sent: bool) {
        let counter = if is_sent { &self.metrics.notifications } else { &self.metrics.notifications_failed };
        counter.add(1);
    }

    /// Something happened: tells the log and the page.
    fn tell(&self, gateway: &Gateway, event: GatewayEvent) {
        match event {
            GatewayEvent::DeviceAttached { device, first, .. } => {
                tracing::info!(%device, first, "a device is there");
                self.events.tell("device", &json!({ "id": device.as_str(), "status": "attached" }));
            }
            GatewayEvent::DeviceDetached { device, reason, .. } => {
                tracing::info!(%device, reason = reason.as_str(), "a device is gone");
                self.events.tell("device", &json!({ "id": device.as_str(), "status": "detached" }));
            }
            GatewayEvent::SessionFailed { peer, end, .. } => {
                tracing::info!(peer, ?end, "a session with a device failed");
                self.sessions.ended(&peer, &format!("{end:?}").to_lowercase());
                self.events.tell("session", &json!({ "peer": peer }));
            }
            GatewayEvent::JobProgress { owner, key, .. } => self.tell_job(gateway, &owner, &key),
            GatewayEvent::JobEnded { owner, key, result } => {
                tracing::info!(%owner, %key, result = result.get(), "a job is over");
                self.tell_job(gateway, &owner, &key);
            }
            // An address that cannot be guessed is told to devices only.
            GatewayEvent::ImageReady { image, owner, .. } => {
                tracing::info!(%image, %owner, "an image is ready")
            }
            GatewayEvent::ImageFailed { image, owner, code } => {
                tracing::warn!(%image, %owner, code = code.get(), "an image failed");
            }
            GatewayEvent::Relay(audit) => tracing::info!(?audit, "a notification to be passed on"),
            GatewayEvent::Target(audit) => tracing::debug!(?audit, "a target"),
            // What devices and servers write may be secret.
            _ => {}
        }
    }

    fn tell_job(&self, gateway: &Gateway, owner: &ServerId, key: &gwmo_model::JobKey) {
        let fanout = gateway.fanout();
        if let Some(job) = fanout.find(owner, key).and_then(|number| fanout.job(number)) {
            self.events.tell("job", &views::job(&job));
        }
    }

    /// A request of a device waits for its answer under this number.
    pub(super) fn begin_exchange(&self) -> (u64, oneshot::Receiver<Outgoing>) {
        let (sender, answer) = oneshot::channel();
        let mut shared = self.lock();
        shared.next_exchange += 1;
        let exchange = shared.next_exchange;
        shared.exchanges.insert(exchange, sender);
        (exchange, answer)
    }

    /// It does not wait any more.
    pub(super) fn end_exchange(&self, exchange: u64) {
        self.lock().exchanges.remove(&exchange);
    }

    /// A device announced itself; returns whether it is one of ours. Anyone can send a datagram: only devices with an account are let in.
    pub(super) fn device_seen(self: &Arc<Self>, device: &DeviceId, address: &str) -> bool {
        let seen = self.drive(|gateway, now| {
            let known = gateway
                .inventory()
                .serial_of(device)
                .and_then(|serial| gateway.inventory().record(serial))?;
            let sighting = Sighting::new(known.epoch()).with(Fact::LocalAddress, address);
            gateway.handle_device_seen(now, device, &sighting).ok()
        });
        if let (Some(serial), Some(ip)) = (seen, host_of(address)) {
            self.lock().neighbours.seen(serial, ip);
        }
        seen.is_some()
    }

    /// An adapter speaks for a device from now on.
    pub(super) fn set_adapter(
        self: &Arc<Self>,
        device: &DeviceId,
        adapter: CoapAdapter,
    ) -> Result<(), Failure> {
        self.lock().adapters.insert(device.clone(), Arc::new(adapter));
        let taken =
            self.drive(|gateway, now| gateway.handle_adapter(now, device, CoapAdapter::capabilities()));
        taken.map(drop).map_err(|error| Failure::new("device", format_args!("{device}: {error}")))
    }

    /// Forgets a device; returns whether there was one.
    pub(super) fn forget_device(self: &Arc<Self>, device: &DeviceId) -> bool {
        let serial = self.look(|gateway| gateway.inventory().serial_of(device));
        let Some(serial) = serial else { return false };
        self.drive(|gateway, now| {
            gateway.handle_adapter_gone(now, device);
            // It was there just now.
            let _ = gateway.handle_device_forgotten(now, device);
        });
        let mut shared = self.lock();
        shared.adapters.remove(device);
        shared.neighbours.forgotten(serial);
        true
    }

    /// The devices that may be who asks from this address.
    pub(super) fn devices_at(&self, ip: std::net::IpAddr) -> Vec<Serial> {
        let shared = self.lock();
        let is_there = |serial: &Serial| {
            shared.gateway.inventory().record(*serial).is_some_and(|it| it.status() == AttachStatus::Attached)
        };
        shared.neighbours.at(ip).filter(is_there).collect()
    }

    /// A session with this server is wanted.
    pub(super) fn want_session(&self, server: &ServerId) {
        let upstreams = self.upstreams.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(upstream) = upstreams.get(server) {
            upstream.want();
        }
    }

    /// Waits until everything the machine has recorded so far is on the disk: what a server is answered rests on it.
    pub(super) async fn all_stored(&self) {
        let issued = self.lock().journal.issued();
        // The sender lives as long as this.
        let _ = self.stored.subscribe().wait_for(|stored| *stored >= issued).await;
    }

    /// Ends the program.
    pub(super) fn fail(&self, failure: Failure) {
        self.failed.send_if_modified(|failed| {
            let is_first = failed.is_none();
            failed.get_or_insert(failure);
            is_first
        });
    }

    /// Why the program cannot go on, once that is so.
    pub(super) async fn failure(&self) -> Failure {
        let mut failed = self.failed.subscribe();
        match failed.wait_for(Option::is_some).await.map(|failed| failed.clone()) {
            Ok(Some(failure)) => failure,
            _ => Failure::new("internal", "the driver is gone"),
        }
    }

    /// Whether it can go on.
    pub(super) fn is_well(&self) -> bool {
        self.failed.borrow().is_none()
    }

    /// Tells the machine what is on the disk, in the order in which it was written.
    async fn report_stored(
        self: Arc<Self>,
        mut written: mpsc::UnboundedReceiver<(gwmo_model::PersistSeq, u64, Written)>,
    ) {
        while let Some((seq, number, written)) = written.recv().await {
            match written.await.unwrap_or(Err(StoreError::Closed)) {
                Ok(()) => {
                    self.drive(|gateway, now| gateway.handle_persisted(now, seq));
                    self.stored.send_replace(number);
                }
                // Nothing that rests on it has gone out, and nothing will: at the next start it has not happened.
                Err(error) => return self.fail(error.into()),
            }
        }
    }

    /// Wakes the machine when it wants to be woken.
    async fn keep_time(self: Arc<Self>) {
        loop {
            let deadline = self.lock().deadline;
            let due = async {
                match deadline {
                    Some(at) => self.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => self.drive(|gateway, now| gateway.handle_tick(now)),
                () = self.deadline_changed.notified() => {}
            }
        }
    }

    /// Keeps a snapshot of everything, so that the next start is quick.
    pub(super) async fn keep_snapshot(&self) -> Result<(), Failure> {
        let written = {
            let mut shared = self.lock();
            let now = self.clock.now();
            let Ok(snapshot) = shared.gateway.snapshot(now) else { return Ok(()) };
            shared.journal.write(&[], Some(&snapshot))?
        };
        Ok(written.await.unwrap_or(Err(StoreError::Closed))?)
    }
}

const fn kind_of(output: &GatewayOutput) -> &'static str {
    match output {
        GatewayOutput::SendBootstrap { .. } => "send a bootstrap message",
        GatewayOutput::RequestBootstrap { .. } => "ask for a bootstrap",
        _ => "something new",
    }
}
