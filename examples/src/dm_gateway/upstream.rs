//! Sessions with a server: the driver of [`ClientSession`] over the gateway's tree.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dm_notification::push::Content;
use dm_notification::{
    Account, Arrival, Credential, ReceiverPolicy, ReplayMemory, ServerIdentifier, Verdict, receive,
};
use dm_syncml::SessionId;
use dm_syncml::session::{
    ClientConfig, ClientEnd, ClientEvent, ClientOutput, ClientSession, Initiation, PartialObjects,
};
use dm_tree::{DevInfo, ServerId};
use serde_json::json;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::account::AccountFile;
use super::driver::GatewayDriver;
use super::failure::Failure;
use super::journal::ServerNonces;
use crate::clock::entropy;
use crate::store::Store;
use crate::wire::{self, Wire};

/// The largest object that a server delivers itself, an image above all; larger ones are fetched.
const MAX_OBJECT: usize = 16 << 20;

/// The first and the longest wait after a session that failed.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The account with one server.
#[derive(Debug)]
pub(super) struct Upstream {
    server: ServerId,
    account: ClientConfig,
    file: AccountFile,
    store: Store,
    wire: Wire,
    /// Time after which a session is opened without a reason.
    poll: Option<Duration>,
    wanted: Notify,
    running: Mutex<Option<JoinHandle<()>>>,
    next_session: AtomicU16,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    nonces: ServerNonces,
    memory: ReplayMemory,
    /// The session that the server asked for.
    asked: Option<String>,
    /// Large objects, images above all, whose transfer broke off; while the process lives.
    partial_objects: PartialObjects,
}

impl Upstream {
    /// The account of this file, with the nonces that were kept last.
    pub(super) fn new(
        file: &AccountFile,
        store: Store,
        wire: Wire,
        poll: Option<Duration>,
    ) -> Result<Arc<Self>, Failure> {
        let server = file.server()?;
        let nonces = ServerNonces::kept(&store, server.as_str())?;
        // A server knows by the id whether it has seen a session before.
        let [high, low, ..] = entropy();
        Ok(Arc::new(Self {
            account: file.for_sessions()?,
            file: file.clone(),
            server,
            store,
            wire,
            poll,
            wanted: Notify::new(),
            running: Mutex::new(None),
            next_session: AtomicU16::new(u16::from_be_bytes([high, low])),
            state: Mutex::new(State {
                nonces,
                memory: ReplayMemory::new(),
                asked: None,
                partial_objects: PartialObjects::new().with_max_octets(MAX_OBJECT),
            }),
        }))
    }

    pub(super) const fn server(&self) -> &ServerId {
        &self.server
    }

    pub(super) fn address(&self) -> &str {
        self.account.server.as_str()
    }

    /// Whether it is this account.
    pub(super) fn has(&self, account: &AccountFile) -> bool {
        self.file == *account
    }

    /// Its task.
    pub(super) fn runs_as(&self, task: JoinHandle<()>) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }

    /// Has no more sessions, and forgets the nonces.
    pub(super) async fn stop(&self) -> Result<(), Failure> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = running {
            task.abort();
            // It may be in the middle of an input.
            let _ = task.await;
        }
        Ok(ServerNonces::forget(&self.store, self.server.as_str()).await?)
    }

    /// There is something to tell.
    pub(super) fn want(&self) {
        self.wanted.notify_one();
    }

    /// A datagram came that may be a notification of this server; returns whether it is.
    pub(super) fn notified(&self, datagram: &[u8]) -> bool {
        let Ok(identifier) = ServerIdentifier::new(self.server.as_str()) else { return false };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { nonces, memory, asked, .. } = &mut *state;
        let nonce = nonces.server.as_ref().map_or(&[][..], |nonce| nonce.as_bytes());
        let credentials = [(Credential::new(identifier, &self.file.server_password.0), nonce)];
        let ours = |id: ServerIdentifier<'_>| {
            (id.as_octets() == self.server.as_str().as_bytes())
                .then(|| Account::new(&credentials).with_resync(true))
        };
        let arrival = Arrival::Message(Content::DmNotification, datagram);
        // A gateway has no user to ask.
        let (Verdict::Start(wish) | Verdict::TellUser(wish) | Verdict::AskUser(wish)) =
            receive(arrival, &ReceiverPolicy::FIELD, ours, memory, false)
        else {
            return false;
        };
        *asked = Some(wish.session_id().to_string());
        self.wanted.notify_one();
        true
    }

    /// Opens a session at once, and then whenever one is wanted; one that failed is tried again.
    pub(super) async fn run(self: Arc<Self>, driver: Arc<GatewayDriver>) {
        let mut wait = FIRST_WAIT;
        loop {
            let end = self.session(&driver).await;
            driver.metrics.server_sessions.add(1);
            if end == ClientEnd::Completed {
                wait = FIRST_WAIT;
                tracing::debug!(server = %self.server, "a session with the server is over");
                let idle = self.poll.unwrap_or(Duration::MAX);
                // Nothing was wanted in all that time: it is time to ask.
                let _ = timeout(idle, self.wanted.notified()).await;
            } else {
                driver.metrics.server_sessions_failed.add(1);
                tracing::warn!(server = %self.server, ?end, "a session with the server failed");
                // What wakes it here is the server itself, or something new to tell.
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        }
    }

    fn initiation(&self) -> Initiation {
        let asked = self.state.lock().unwrap_or_else(PoisonError::into_inner).asked.take();
        if let Some(session_id) = asked.and_then(|id| SessionId::new(id).ok()) {
            return Initiation::Server(session_id);
        }
        let number = self.next_session.fetch_add(1, Ordering::Relaxed).max(1);
        Initiation::Client(SessionId::new(format!("{number:X}")).expect("four digits are an id"))
    }

    /// One session with the server, from the first message to the last.
    async fn session(&self, driver: &Arc<GatewayDriver>) -> ClientEnd {
        let server = &self.server;
        let (numbers, alerts): (Vec<_>, Vec<_>) =
            driver.drive(|gateway, now| gateway.handle_upstream_opened(now, server)).into_iter().unzip();
        let transport = wire::transport_to(self.address());
        driver.drive(|gateway, now| gateway.handle_upstream_transport(now, server, transport));
        let mut nonces = self.state.lock().unwrap_or_else(PoisonError::into_inner).nonces.clone();
        let account = self
            .account
            .clone()
            .with_nonces(nonces.device.clone(), nonces.server.clone())
            .with_max_obj_size(MAX_OBJECT as u64)
            .with_resume()
            .with_dev_info(driver.look(|gateway| DevInfo::items(gateway.tree())));
        let initiation = self.initiation();
        let id = match &initiation {
            Initiation::Server(id) | Initiation::Client(id) => id.to_string(),
            _ => String::new(),
        };
        let partial = self.state.lock().unwrap_or_else(PoisonError::into_inner).partial_objects.clone();
        let mut session =
            ClientSession::new(driver.clock.now(), account, initiation, alerts).with_partial_objects(partial);
        let end = loop {
            let now = driver.clock.now();
            match session.poll_output() {
                ClientOutput::Execute(handle, command) => {
                    let outcome = driver.drive(|gateway, now| {
                        // The address of an image it may add.
                        gateway.handle_entropy(now, entropy());
                        gateway.execute(now, server, &command)
                    });
                    let taken = session.handle_outcome(now, handle, outcome);
                    debug_assert_eq!(taken, Ok(()), "the gateway answers each item");
                }
                ClientOutput::Atomic(handle, step) => {
                    let outcome = driver.drive(|gateway, now| gateway.handle_atomic(now, server, step));
                    let taken = session.handle_outcome(now, handle, outcome);
                    debug_assert_eq!(taken, Ok(()), "a step has one code");
                }
                ClientOutput::Send(uri, message) => {
                    // The server may rely on what it is told here.
                    driver.all_stored().await;
                    driver.sessions.message(server.as_str(), &id);
                    driver.events.tell("session", &json!({ "peer": server.as_str() }));
                    let posted = self.wire.post(uri.as_str(), &message).await;
                    if let Err(error) = &posted {
                        tracing::debug!(%server, %error, "no answer of the server");
                    }
                    wire::take(&mut session, driver.clock.now(), &posted);
                }
                ClientOutput::Persist(seq, record) => {
                    if let Err(error) = nonces.keep(&self.store, server.as_str(), record).await {
                        driver.fail(error.into());
                        break ClientEnd::Cancelled;
                    }
                    self.state.lock().unwrap_or_else(PoisonError::into_inner).nonces = nonces.clone();
                    session.handle_persisted(driver.clock.now(), seq);
                }
                ClientOutput::Event(ClientEvent::AlertTaken(alert, code)) => {
                    driver.drive(|gateway, now| {
                        gateway.handle_alert_taken(now, server, numbers[alert.get() as usize], code);
                    });
                }
                ClientOutput::Closed(end) => break end,
                ClientOutput::Wait(Some(at)) => {
                    driver.clock.sleep_until(at).await;
                    session.handle_tick(driver.clock.now());
                }
                ClientOutput::Wait(None) => break ClientEnd::BadAnswer,
                _ => {}
            }
        };
        self.state.lock().unwrap_or_else(PoisonError::into_inner).partial_objects = session.partial_objects();
        driver.drive(|gateway, now| gateway.handle_upstream_closed(now, server));
        driver.sessions.ended(server.as_str(), &format!("{end:?}").to_lowercase());
        driver.events.tell("session", &json!({ "peer": server.as_str() }));
        if let Ok(identifier) = ServerIdentifier::new(server.as_str()) {
            self.state.lock().unwrap_or_else(PoisonError::into_inner).memory.session_ended(identifier);
        }
        end
    }
}
