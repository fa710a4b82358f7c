//! The server that devices meet in these tests: it has one account, a script, and packages to download.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use dm_examples::clock::{Clock, entropy};
use dm_examples::listener::{Bounds, serve};
use dm_examples::tls::Identity;
use dm_examples::wire::{Refused, admit, incoming, reply};
use dm_notification::{Credential, Notification, ServerIdentifier, SessionId, Trigger, UiMode};
use dm_syncml::auth::{AuthScheme, Credentials, Password};
use dm_syncml::http::Refusal;
use dm_syncml::session::{
    Account, Interaction, Record, ServerConfig, ServerEvent, ServerOutput, ServerSession, SessionKey,
};
use dm_syncml::{Command, LocUri};
use tokio::net::TcpListener;

pub(crate) const ID: &str = "com.example.dm";
pub(crate) const DEVICE: &str = "urn:uuid:device-1";
pub(crate) const PACKAGE: usize = 300_000;

/// What the server does in one session.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) commands: Vec<Command<'static>>,
    pub(crate) question: Option<Interaction>,
}

impl From<Vec<Command<'static>>> for Script {
    fn from(commands: Vec<Command<'static>>) -> Self {
        Self { commands, question: None }
    }
}

struct Desk {
    account: Account,
    sessions: HashMap<SessionKey, ServerSession>,
    scripts: VecDeque<Script>,
    heard: Vec<String>,
}

struct Shared {
    desk: Mutex<Desk>,
    clock: Clock,
    /// Pieces of the package that were given away.
    pieces: AtomicU64,
    /// How long each piece takes.
    pace: AtomicU64,
}

#[derive(Clone)]
pub(crate) struct Server {
    shared: Arc<Shared>,
    pub(crate) address: SocketAddr,
    is_secure: bool,
}

pub(crate) fn package() -> Vec<u8> {
    (0..PACKAGE as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

impl Server {
    pub(crate) async fn start(identity: Option<&Identity>) -> Self {
        let device = Credentials::new(DEVICE, Password::new("secret"));
        let own = Credentials::new(ID, Password::new("other"));
        let desk = Desk {
            account: Account::md5(device, own),
            sessions: HashMap::new(),
            scripts: VecDeque::new(),
            heard: Vec::new(),
        };
        let shared = Arc::new(Shared {
            desk: Mutex::new(desk),
            clock: Clock::start(),
            pieces: AtomicU64::new(0),
            pace: AtomicU64::new(0),
        });
        let app = Router::new()
            .route("/dm", post(manage))
            .route("/package", get(ranges))
            .route("/whole", get(async || package()))
            .route("/broken", get(async || StatusCode::INTERNAL_SERVER_ERROR))
            .with_state(Arc::clone(&shared));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tls = identity.map(|identity| identity.server_config().unwrap());
        tokio::spawn(serve(listener, tls, app, Bounds::default(), std::future::pending()));
        Self { shared, address, is_secure: identity.is_some() }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}/{path}", if self.is_secure { "https" } else { "http" }, self.address)
    }

    /// The flags of a new device that knows this server.
    pub(crate) fn flags(&self, state: &str) -> Vec<String> {
        let url = self.url("dm");
        let flags = [
            "--state",
            state,
            "--id",
            DEVICE,
            "--server",
            &url,
            "--server-id",
            ID,
            "--password",
            "secret",
            "--server-password",
            "other",
            "--answer-timeout",
            "400",
            "--retry",
            "100",
            "--boot-time",
            "10",
        ];
        flags.map(Into::into).into()
    }

    /// How both sides prove themselves from now on.
    pub(crate) fn auth(&self, scheme: AuthScheme, user: &str) {
        let account = &mut self.shared.desk.lock().unwrap().account;
        account.device = Some((scheme, Credentials::new(user, Password::new("secret"))));
        for (own, _) in account.device.iter_mut().chain(&mut account.server) {
            *own = scheme;
        }
    }

    pub(crate) fn will(&self, script: impl Into<Script>) {
        self.shared.desk.lock().unwrap().scripts.push_back(script.into());
    }

    pub(crate) fn pace(&self, piece: Duration) {
        self.shared.pace.store(piece.as_millis() as u64, Ordering::Relaxed);
    }

    pub(crate) fn pieces(&self) -> u64 {
        self.shared.pieces.load(Ordering::Relaxed)
    }

    pub(crate) fn heard(&self) -> Vec<String> {
        self.shared.desk.lock().unwrap().heard.clone()
    }

    /// Waits until it has heard something that begins so, and returns that.
    pub(crate) async fn wait_for(&self, beginning: &str) -> String {
        for _ in 0..2_000 {
            if let Some(found) = self.heard().into_iter().find(|said| said.starts_with(beginning)) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("nobody said {beginning}, but {:#?}", self.heard());
    }

    /// A notification as the server would sign it now.
    pub(crate) fn notification(&self, session: u16, mode: UiMode) -> Vec<u8> {
        let desk = self.shared.desk.lock().unwrap();
        let nonce = desk.account.server_nonce.as_ref().map_or(&[][..], |nonce| nonce.as_bytes());
        let server = ServerIdentifier::new(ID).unwrap();
        let trigger = Trigger::new(server, SessionId::new(session).unwrap()).with_ui_mode(mode);
        Notification::sign(trigger, &Credential::new(server, "other"), nonce).to_vec()
    }
}

async fn manage(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let request = admit(&headers)?;
    let incoming = incoming(&request, &body, "127.0.0.1")?;
    let now = shared.clock.now();
    let mut desk = shared.desk.lock().unwrap();
    let Desk { account, sessions, scripts, heard } = &mut *desk;
    let key = incoming.key();
    let fresh = |account: &Account| {
        ServerSession::new(now, ServerConfig::new(LocUri::new("dm").unwrap()), Some(account.clone()))
    };
    let session = sessions.entry(key.clone()).or_insert_with(|| fresh(account));
    let mut taken = session.handle_message(now, &incoming, entropy());
    if taken.is_err() && incoming.is_first() {
        *session = fresh(account);
        taken = session.handle_message(now, &incoming, entropy());
    }
    taken.map_err(|error| Refused(Refusal::from(&error)))?;
    let mut answer = None;
    loop {
        match session.poll_output() {
            ServerOutput::Persist(seq, record) => {
                match record {
                    Record::DeviceNonce(nonce) => account.device_nonce = Some(nonce),
                    Record::ServerNonce(nonce) => account.server_nonce = Some(nonce),
                    _ => {}
                }
                session.handle_persisted(now, seq);
            }
            ServerOutput::Event(event) => match event {
                ServerEvent::Started(code) => {
                    heard.push(format!("started {}", code.get()));
                    let script = scripts.pop_front().unwrap_or_default();
                    for command in script.commands {
                        session.queue(command).unwrap();
                    }
                    if let Some(question) = script.question {
                        session.ask(&question).unwrap();
                    }
                }
                ServerEvent::Answered(_, answer) => {
                    let values: Vec<_> = answer
                        .items()
                        .filter_map(|item| Some(item.data.as_ref()?.as_text()?.to_owned()))
                        .collect();
                    heard.push(format!("answered {} {}", answer.code().get(), values.join(" ")));
                }
                ServerEvent::GenericAlert(_, alert) => {
                    let correlator = alert.correlator.as_ref().map_or("", |correlator| correlator.as_str());
                    let data = alert.data.as_text().unwrap_or_default();
                    heard.push(format!("alert {} {data} {correlator}", alert.name()));
                }
                ServerEvent::Responded(_, response) => heard.push(format!("responded {response:?}")),
                ServerEvent::Ended(end) => heard.push(format!("ended {end:?}")),
                ServerEvent::CredentialsRefused => heard.push("refused".into()),
                _ => {}
            },
            ServerOutput::Reply(message) => answer = Some(message),
            ServerOutput::Closed => {
                sessions.remove(&key);
                break;
            }
            _ => break,
        }
    }
    Ok(answer.map_or_else(|| StatusCode::NO_CONTENT.into_response(), reply))
}

/// The package, by ranges, as a server of files gives it.
async fn ranges(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let whole = package();
    let is_same = text("if-range").is_none_or(|etag| etag == "\"v1\"");
    let range = text("range").filter(|_| is_same).and_then(|range| {
        let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
        Some((from.parse::<usize>().ok()?, to.parse::<usize>().ok()?))
    });
    tokio::time::sleep(Duration::from_millis(shared.pace.load(Ordering::Relaxed))).await;
    shared.pieces.fetch_add(1, Ordering::Relaxed);
    match range {
        Some((from, _)) if from >= whole.len() => {
            let range = format!("bytes */{}", whole.len());
            (StatusCode::RANGE_NOT_SATISFIABLE, [("content-range", range)]).into_response()
        }
        Some((from, to)) => {
            let to = to.min(whole.len() - 1);
            let range = format!("bytes {from}-{to}/{}", whole.len());
            let headers = [("content-range", range), ("etag", "\"v1\"".into())];
            (StatusCode::PARTIAL_CONTENT, headers, whole[from..=to].to_vec()).into_response()
        }
        None => ([("etag", "\"v1\"")], whole).into_response(),
    }
}
