//! The driver of the [`Gateway`] machine: every input goes through [`GatewayDriver::drive`], and everything the machine wants is done there.

use std::collections::HashMap;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dm_syncml::Instant;
use dm_syncml::session::Outgoing;
use dm_tree::ServerId;
use gwmo_model::{BlobNo, DeviceId, Fact, Gateway, GatewayOutput};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::AbortHandle;

use super::asking::Wanted;
use super::bootstraps::Offer;
use super::failure::Failure;
use super::fetch_policy::FetchPolicy;
use super::image_files::ImageFiles;
use super::journal::{Journal, Written};
use super::keyring::Keyring;
use super::metrics::Metrics;
use super::neighbours::{Neighbours, host_of};
use super::revisions::Revisions;
use super::session_log::SessionLog;
use super::upstream::Upstream;
use crate::clock::Clock;
use crate::coap::adapter::CoapAdapter;
use crate::http_client::HttpClient;
use crate::operator_api::Events;
use crate::store::StoreError;

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
    pub(super) datagrams: UdpSocket,
    /// Towards devices.
    pub(super) http: HttpClient,
    /// Towards sources of images.
    pub(super) sources: HttpClient,
    /// Where bootstrap messages are put for devices that take them from a card.
    pub(super) cards: PathBuf,
    /// What devices prove themselves with where there is no session.
    pub(super) keyring: Keyring,
    /// Servers that are to bootstrap the gateway.
    wanted: mpsc::UnboundedSender<Wanted>,
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
pub(super) struct Shared {
    pub(super) gateway: Gateway,
    journal: Journal,
    /// Requests of devices that wait for their answer.
    pub(super) exchanges: HashMap<u64, oneshot::Sender<Outgoing>>,
    pub(super) next_exchange: u64,
    deadline: Option<Instant>,
    pub(super) fetches: HashMap<BlobNo, AbortHandle>,
    pub(super) adapters: HashMap<DeviceId, Arc<CoapAdapter>>,
    pub(super) neighbours: Neighbours,
    told: Revisions,
}

/// What a driver is made of, besides its machine.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) journal: Journal,
    pub(super) datagrams: UdpSocket,
    pub(super) http: HttpClient,
    pub(super) sources: HttpClient,
    pub(super) files: ImageFiles,
    pub(super) fetch_policy: FetchPolicy,
    pub(super) clock: Clock,
    pub(super) cards: PathBuf,
    pub(super) keyring: Keyring,
    pub(super) wanted: mpsc::UnboundedSender<Wanted>,
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
            sources: parts.sources,
            cards: parts.cards,
            keyring: parts.keyring,
            wanted: parts.wanted,
            files: parts.files,
            fetch_policy: parts.fetch_policy,
            clock: parts.clock,
            events: Events::default(),
            metrics: Metrics::default(),
            sessions: SessionLog::new(parts.clock),
            upstreams: Mutex::new(HashMap::new()),
        });
        tokio::spawn(Arc::clone(&driver).report_stored(written));
        tokio::spawn(Arc::clone(&driver).keep_time());
        driver
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Shared> {
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
            GatewayOutput::Image(output) => self.image(shared, now, output),
            GatewayOutput::Event(event) => self.tell(&shared.gateway, event),
            GatewayOutput::SendBootstrap { serial, device, address, target, account, .. } => {
                let offer = Offer { serial, device, address, target, account };
                self.send_bootstrap(shared, now, offer);
            }
            // Whoever answers such wishes lives as long as the program.
            GatewayOutput::RequestBootstrap { server, address } => {
                let _ = self.wanted.send(Wanted { server, address });
            }
            _ => tracing::error!("the machine wants something that nobody does here"),
        }
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
