//! The driver of a DM server: [`ServerSession`] behind HTTP.
//!
//! One session machine for each device that is in session, found by the address and SessionID of its messages. Accounts are kept in memory;
//! a real server stores them where `Persist` stands.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::post;
use dm_syncml::http::{Refusal, RefusalKind};
use dm_syncml::session::{
    Account, Incoming, Lockout, LockoutPolicy, Misuse, Outgoing, PeerError, Record, ServerConfig,
    ServerEvent, ServerOutput, ServerSession, SessionError, SessionKey,
};
use tokio::net::TcpListener;

use crate::clock::{Clock, entropy};
use crate::wire::{MAX_BODY, Refused, admit, incoming, reply};

/// Strangers open sessions too; they keep theirs for [`ServerConfig::idle`] at the most.
const MAX_SESSIONS: usize = 10_000;

/// Who decides what the server's sessions are about.
pub trait Operator: Send + 'static {
    /// Something happened in the session with `device`; commands queued now go out with the next answer.
    fn handle_event(&mut self, device: &str, session: &mut ServerSession, event: ServerEvent);
}

/// A DM server.
#[derive(Debug)]
pub struct DmServer<O> {
    config: ServerConfig,
    clock: Clock,
    accounts: HashMap<String, Account>,
    sessions: HashMap<SessionKey, ServerSession>,
    /// Who has shown wrong credentials too often gets no challenge to guess for.
    lockout: Lockout,
    operator: O,
}

impl<O: Operator> DmServer<O> {
    /// A server that knows no device yet.
    pub fn new(config: ServerConfig, clock: Clock, operator: O) -> Self {
        Self {
            config,
            clock,
            accounts: HashMap::new(),
            sessions: HashMap::new(),
            lockout: Lockout::new(LockoutPolicy::DEFAULT),
            operator,
        }
    }

    /// Makes a device known.
    pub fn add_account(&mut self, device: impl Into<String>, account: Account) {
        self.accounts.insert(device.into(), account);
    }

    /// Answers one message of a device.
    fn answer(&mut self, incoming: &Incoming<'_>) -> Result<Outgoing, Refusal> {
        let now = self.clock.now();
        let key = incoming.key();
        let known = self.sessions.contains_key(&key);
        if !known && !incoming.is_first() {
            let reason = format!("{} has no such session", key.peer());
            return Err(Refusal::new(RefusalKind::BadMessage, reason));
        }
        if !known && self.sessions.len() >= MAX_SESSIONS {
            return Err(Refusal::busy("too many sessions, try again later", self.config.idle));
        }
        let account = self.accounts.get(key.peer()).cloned();
        let origin = incoming.origin();
        let locked =
            incoming.is_first() && origin.is_some_and(|at| self.lockout.is_locked(now, at, key.peer()));
        let fresh = || {
            let session = ServerSession::new(now, self.config.clone(), account.clone());
            if locked { session.without_challenge() } else { session }
        };
        let session = self.sessions.entry(key.clone()).or_insert_with(fresh);
        let mut taken = session.handle_message(now, incoming, entropy());
        if incoming.is_first() && matches!(taken, Err(ref error) if begins_anew(error)) {
            // The device has forgotten the session it had and begins another under the same id. So may anyone who knows both its address
            // and that id; `gwmo_model::Gateway` keeps two sessions until one has proved itself.
            let former = core::mem::replace(session, fresh());
            taken = session.handle_message(now, incoming, entropy());
            self.finish(&key, former);
        }
        let answer = self.drain(&key, origin);
        taken.map_err(|error| Refusal::from(&error))?;
        answer.ok_or_else(|| Refusal::new(RefusalKind::Internal, "the session gave no answer"))
    }

    /// Carries out what a session wants.
    fn drain(&mut self, key: &SessionKey, origin: Option<&str>) -> Option<Outgoing> {
        let now = self.clock.now();
        let session = self.sessions.get_mut(key)?;
        let mut answer = None;
        loop {
            match session.poll_output() {
                ServerOutput::Persist(seq, record) => {
                    // Here a real server writes to its store, and goes on when that is done.
                    if let Some(account) = self.accounts.get_mut(key.peer()) {
                        match record {
                            Record::DeviceNonce(nonce) => account.device_nonce = Some(nonce),
                            Record::ServerNonce(nonce) => account.server_nonce = Some(nonce),
                            _ => {}
                        }
                    }
                    session.handle_persisted(now, seq);
                }
                ServerOutput::Event(event) => {
                    match (&event, origin) {
                        (ServerEvent::CredentialsRefused, Some(origin)) => {
                            self.lockout.handle_refused(now, origin, key.peer());
                        }
                        (ServerEvent::Authenticated, Some(origin)) => {
                            self.lockout.handle_authenticated(now, origin, key.peer());
                        }
                        _ => {}
                    }
                    self.operator.handle_event(key.peer(), session, event);
                }
                ServerOutput::Reply(message) => answer = Some(message),
                ServerOutput::Closed => {
                    self.sessions.remove(key);
                    return answer;
                }
                _ => return answer,
            }
        }
    }

    /// Tells the operator what became of the commands of a session that the device has lost.
    fn finish(&mut self, key: &SessionKey, mut former: ServerSession) {
        former.handle_restarted(self.clock.now());
        loop {
            match former.poll_output() {
                ServerOutput::Event(event) => self.operator.handle_event(key.peer(), &mut former, event),
                ServerOutput::Wait(_) => return,
                _ => {}
            }
        }
    }

    /// Lets time pass in every session.
    fn tick(&mut self) {
        let now = self.clock.now();
        for key in self.sessions.keys().cloned().collect::<Vec<_>>() {
            if let Some(session) = self.sessions.get_mut(&key) {
                session.handle_tick(now);
            }
            self.drain(&key, None);
        }
    }
}

fn begins_anew(error: &SessionError) -> bool {
    matches!(error, SessionError::Peer(PeerError::Restart) | SessionError::Misuse(Misuse::Ended))
}

/// Serves `server` on `listener` until the task is dropped.
pub async fn serve<O: Operator>(
    server: Arc<Mutex<DmServer<O>>>,
    listener: TcpListener,
) -> std::io::Result<()> {
    let app = axum::Router::new()
        .route("/dm", post(handle::<O>))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(Arc::clone(&server));
    let mut ticks = tokio::time::interval(std::time::Duration::from_secs(1));
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, app).into_future();
    tokio::pin!(serving);
    loop {
        tokio::select! {
            done = &mut serving => return done,
            _ = ticks.tick() => lock(&server).tick(),
        }
    }
}

async fn handle<O: Operator>(
    State(server): State<Arc<Mutex<DmServer<O>>>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let request = admit(&headers)?;
    let origin = from.ip().to_string();
    let incoming = incoming(&request, &body, &origin)?;
    let answer = lock(&server).answer(&incoming).map_err(Refused)?;
    Ok(reply(answer))
}

/// A panic elsewhere has left the server between two messages, which is a good state.
fn lock<O>(server: &Mutex<DmServer<O>>) -> std::sync::MutexGuard<'_, DmServer<O>> {
    server.lock().unwrap_or_else(PoisonError::into_inner)
}
