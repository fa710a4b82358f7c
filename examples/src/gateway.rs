//! The driver of a gateway: the [`Gateway`] machine between a DM server and the devices behind it.
//!
//! Four tasks feed one machine: requests of devices over HTTP, devices that announce themselves, the clock, and the session with the server.
//! Whatever the machine wants is done in one place, `GatewayDriver::drive`.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::post;
use dm_syncml::http::Refusal;
use dm_syncml::session::{
    ClientConfig, ClientEnd, ClientEvent, ClientOutput, ClientSession, Incoming, Initiation, Outgoing, Record,
};
use dm_syncml::{Instant, SessionId};
use dm_tree::{DevInfo, ServerId};
use gwmo_model::{DeviceId, Fact, Gateway, GatewayEvent, GatewayOutput, Sighting};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::clock::{Clock, entropy};
use crate::wire::{self, MAX_BODY, Refused, Wire, admit, incoming, reply, transport_from, transport_to};

/// A gateway, its sockets, and its account with one server.
#[derive(Debug)]
pub struct GatewayDriver {
    shared: Mutex<Shared>,
    /// The machine's deadline has changed.
    deadline_changed: Notify,
    /// The machine wants a session with the server.
    session_wanted: Notify,
    events: mpsc::UnboundedSender<GatewayEvent>,
    datagrams: UdpSocket,
    wire: Wire,
    clock: Clock,
    server: ServerId,
}

#[derive(Debug)]
struct Shared {
    gateway: Gateway,
    /// Requests of devices that wait for their answer.
    exchanges: HashMap<u64, oneshot::Sender<Outgoing>>,
    next_exchange: u64,
    deadline: Option<Instant>,
}

impl GatewayDriver {
    /// Connects a machine to its sockets. `datagrams` receives announcements and sends notifications; what happens is told to `events`.
    ///
    /// # Errors
    /// The socket cannot be made non-blocking.
    pub fn new(
        gateway: Gateway,
        server: ServerId,
        datagrams: UdpSocket,
        wire: Wire,
        clock: Clock,
        events: mpsc::UnboundedSender<GatewayEvent>,
    ) -> io::Result<Arc<Self>> {
        datagrams.set_nonblocking(true)?;
        let shared = Shared { gateway, exchanges: HashMap::new(), next_exchange: 0, deadline: None };
        Ok(Arc::new(Self {
            shared: Mutex::new(shared),
            deadline_changed: Notify::new(),
            session_wanted: Notify::new(),
            events,
            datagrams,
            wire,
            clock,
            server,
        }))
    }

    /// Runs all tasks until they are dropped. `account` is how sessions with the server go.
    ///
    /// # Errors
    /// A socket fails.
    pub async fn run(self: Arc<Self>, http: TcpListener, account: ClientConfig) -> io::Result<()> {
        let account = account.with_atomic();
        let app = axum::Router::new()
            .route("/dm", post(handle))
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .with_state(Arc::clone(&self))
            .into_make_service_with_connect_info::<SocketAddr>();
        tokio::select! {
            done = axum::serve(http, app).into_future() => done,
            done = self.listen() => done,
            () = self.keep_time() => Ok(()),
            () = self.keep_in_touch(account) => Ok(()),
        }
    }

    /// One input for the machine, and then everything it wants.
    fn drive<T>(&self, input: impl FnOnce(&mut Gateway, Instant) -> T) -> T {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let Shared { gateway, exchanges, deadline, .. } = &mut *shared;
        let now = self.clock.now();
        let result = input(gateway, now);
        loop {
            match gateway.poll_output() {
                GatewayOutput::Notify { ticket, device, address, package_0 } => {
                    let address: Option<SocketAddr> = address.and_then(|address| address.parse().ok());
                    let sent =
                        address.is_some_and(|address| self.datagrams.send_to(&package_0, address).is_ok());
                    if sent {
                        self.wire.note_notification("gateway", device.as_str(), &package_0);
                        gateway.handle_notify_sent(now, ticket);
                    } else {
                        gateway.handle_notify_failed(now, ticket);
                    }
                }
                GatewayOutput::Reply { exchange, message } => {
                    // The device may have hung up; it will ask again.
                    let _ = exchanges.remove(&exchange).map(|waiting| waiting.send(message));
                }
                // Dropping the sender ends the request.
                GatewayOutput::NoReply { exchange } => drop(exchanges.remove(&exchange)),
                GatewayOutput::OpenSession { .. } => self.session_wanted.notify_one(),
                // A real gateway writes this to its store, and reports it when that is done.
                GatewayOutput::Persist(seq, _) => gateway.handle_persisted(now, seq),
                GatewayOutput::Event(event) => {
                    let _ = self.events.send(event);
                }
                GatewayOutput::Wait(at) => {
                    *deadline = at;
                    self.deadline_changed.notify_one();
                    return result;
                }
                _ => {}
            }
        }
    }

    /// A device's request.
    async fn answer(&self, incoming: &Incoming<'_>) -> Result<Outgoing, Refused> {
        let (sender, answer) = oneshot::channel();
        let exchange = {
            let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            shared.next_exchange += 1;
            let exchange = shared.next_exchange;
            shared.exchanges.insert(exchange, sender);
            exchange
        };
        let taken =
            self.drive(|gateway, now| gateway.handle_device_message(now, exchange, incoming, entropy()));
        if let Err(error) = taken {
            let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            shared.exchanges.remove(&exchange);
            return Err(Refused(Refusal::from(&error)));
        }
        let given_up = |_| Refused(Refusal::busy("the session was given up", Duration::from_secs(1)));
        answer.await.map_err(given_up)
    }

    /// Devices announce themselves. This stands for whatever detects devices in a real network.
    async fn listen(&self) -> io::Result<()> {
        let datagrams = tokio::net::UdpSocket::from_std(self.datagrams.try_clone()?)?;
        let mut datagram = [0; 2048];
        loop {
            let (length, address) = datagrams.recv_from(&mut datagram).await?;
            let text = std::str::from_utf8(&datagram[..length]).ok();
            let Some(device) = text.and_then(|text| DeviceId::new(text).ok()) else { continue };
            let known = self.drive(|gateway, now| {
                // Anyone can send a datagram: only devices with an account here are let in.
                let local = address.to_string();
                let sighting = Sighting::new(0).with(Fact::LocalAddress, &local);
                gateway.inventory().serial_of(&device).is_some()
                    && gateway.handle_device_seen(now, &device, &sighting).is_ok()
            });
            if known {
                datagrams.send_to(b"welcome", address).await?;
            }
        }
    }

    /// Wakes the machine when it wants to be woken.
    async fn keep_time(&self) {
        loop {
            let deadline = self.shared.lock().unwrap_or_else(PoisonError::into_inner).deadline;
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

    /// Opens a session with the server whenever the machine wants one.
    async fn keep_in_touch(&self, mut account: ClientConfig) {
        for number in 1_u32.. {
            self.session_wanted.notified().await;
            let Ok(session_id) = SessionId::new(format!("{number:X}")) else { return };
            if self.session(&mut account, session_id).await != ClientEnd::Completed {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }

    /// One session with the server, from the first message to the last.
    async fn session(&self, account: &mut ClientConfig, session_id: SessionId<'static>) -> ClientEnd {
        let server = &self.server;
        let (numbers, alerts): (Vec<_>, Vec<_>) =
            self.drive(|gateway, now| gateway.handle_upstream_opened(now, server)).into_iter().unzip();
        let transport = transport_to(account.server.as_str());
        self.drive(|gateway, now| gateway.handle_upstream_transport(now, server, transport));
        account.dev_info = self.drive(|gateway, _| DevInfo::items(gateway.tree()));
        let initiation = Initiation::Client(session_id);
        let mut session = ClientSession::new(self.clock.now(), account.clone(), initiation, alerts);
        let end = loop {
            let now = self.clock.now();
            match session.poll_output() {
                ClientOutput::Execute(handle, command) => {
                    let outcome = self.drive(|gateway, now| gateway.execute(now, server, &command));
                    let taken = session.handle_outcome(now, handle, outcome);
                    debug_assert_eq!(taken, Ok(()), "the gateway answers each item");
                }
                ClientOutput::Atomic(handle, step) => {
                    let outcome = self.drive(|gateway, now| gateway.handle_atomic(now, server, step));
                    let taken = session.handle_outcome(now, handle, outcome);
                    debug_assert_eq!(taken, Ok(()), "a step has one code");
                }
                ClientOutput::Send(uri, message) => {
                    let posted = self.wire.post("gateway", "server", uri.as_str(), &message).await;
                    wire::take(&mut session, self.clock.now(), &posted);
                }
                ClientOutput::Persist(seq, record) => {
                    match record {
                        Record::DeviceNonce(nonce) => account.device_nonce = Some(nonce),
                        Record::ServerNonce(nonce) => account.server_nonce = Some(nonce),
                        _ => {}
                    }
                    session.handle_persisted(now, seq);
                }
                ClientOutput::Event(ClientEvent::AlertTaken(id, code)) => {
                    self.drive(|gateway, now| {
                        gateway.handle_alert_taken(now, server, numbers[id.get() as usize], code)
                    });
                }
                ClientOutput::Closed(end) => break end,
                ClientOutput::Wait(Some(at)) => {
                    self.clock.sleep_until(at).await;
                    session.handle_tick(self.clock.now());
                }
                ClientOutput::Wait(None) => break ClientEnd::BadAnswer,
                _ => {}
            }
        };
        self.drive(|gateway, now| gateway.handle_upstream_closed(now, server));
        end
    }
}

async fn handle(
    State(driver): State<Arc<GatewayDriver>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let request = admit(&headers)?;
    let origin = from.ip().to_string();
    let incoming = incoming(&request, &body, &origin)?.over(transport_from(from.ip(), false));
    let answer = driver.answer(&incoming).await?;
    Ok(reply(answer))
}
