//! A device: a tree with a lamp, and sessions over HTTP.

use std::path::Path;

use axum::body::Bytes;
use axum::http::Method;
use base64ct::{Base64, Encoding as _};
use dm_examples::clock::Clock;
use dm_examples::http_client::HttpClient;
use dm_examples::lamp::Lamp;
use dm_syncml::auth::{Credentials, Nonce, Password};
use dm_syncml::http::{Action, Policy, ResponseHead, judge, request_fields};
use dm_syncml::session::{
    ClientConfig, ClientEnd, ClientOutput, ClientSession, Incoming, Initiation, Outgoing, Record,
};
use dm_syncml::{DecodeOptions, Encoding, LocUri, SessionId};
use dm_tree::{Acl, DevInfo, Effects, HandlerMap, ServerId, Tree};
use serde_json::{Value, json};

use super::Failure;

/// Which answer the bare handler is to give.
pub(super) const ANSWER: &str = "x-answer";
/// What nonces are made of: always the same, so that a session can be had again octet for octet.
const ENTROPY: [u8; 16] = [7; 16];
const MAX_ANSWER: usize = 1 << 20;

/// The answers of one session, in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers(Vec<(String, Bytes)>);

impl Answers {
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let kept: Vec<(String, String)> = serde_json::from_slice(&std::fs::read(path)?)?;
        let answer = |(media_type, body): (String, String)| {
            Ok::<_, Failure>((
                media_type,
                Base64::decode_vec(&body).map_err(|error| error.to_string())?.into(),
            ))
        };
        Ok(Self(kept.into_iter().map(answer).collect::<Result<_, _>>()?))
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), Failure> {
        let kept: Vec<_> =
            self.0.iter().map(|(media_type, body)| (media_type, Base64::encode_string(body))).collect();
        Ok(std::fs::write(path, json!(kept).to_string())?)
    }

    pub(super) fn get(&self, number: usize) -> (String, Bytes) {
        self.0[number.min(self.0.len() - 1)].clone()
    }
}

/// What all devices of a task share.
#[derive(Debug)]
pub(super) struct Bench {
    tree: Tree,
    handlers: HandlerMap,
    http: HttpClient,
    clock: Clock,
}

impl Bench {
    pub(super) fn new(http: HttpClient, server: &str) -> Result<Self, Failure> {
        let mut tree = Tree::default();
        let info = DevInfo {
            dev_id: "IMEI:000000000000000".into(),
            man: "Example".into(),
            model: "Lamp".into(),
            dm_v: "1.2".into(),
            lang: "en".into(),
        };
        info.install(&mut tree)?;
        let mut handlers = HandlerMap::new();
        handlers.mount(&mut tree, "./Vendor/Lamp", Lamp::default())?;
        tree.set_acl("./Vendor/Lamp", Acl::parse(&format!("Get={server}&Replace={server}&Exec={server}"))?)?;
        Ok(Self { tree, handlers, http, clock: Clock::start() })
    }
}

/// One device, between its sessions.
#[derive(Clone, Debug)]
pub(super) struct Device {
    account: Value,
    nonces: (Option<Nonce>, Option<Nonce>),
    sessions: u32,
}

/// What a session was.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Traffic {
    pub(super) requests: usize,
    pub(super) sent: usize,
    pub(super) received: usize,
}

/// Whom a session is with.
pub(super) enum Peer<'a> {
    Server,
    /// The server, and its answers are kept.
    Recorded(&'a mut Answers),
    /// The bare handler.
    Bare,
}

impl Device {
    pub(super) const fn new(account: Value) -> Self {
        Self { account, nonces: (None, None), sessions: 0 }
    }

    fn text(&self, name: &str) -> &str {
        self.account[name].as_str().unwrap_or_default()
    }

    pub(super) fn id(&self) -> &str {
        self.text("id")
    }

    fn begin(&mut self, bench: &Bench) -> Result<ClientSession, Failure> {
        let uri = |name| LocUri::new(self.text(name).to_owned());
        let credentials =
            |user, password| Credentials::new(self.text(user), Password::new(self.text(password)));
        let config = ClientConfig::new(uri("id")?, uri("address")?)
            .with_encoding(Encoding::Wbxml)
            .with_dev_info(DevInfo::items(&bench.tree))
            .with_md5(credentials("user", "password"), credentials("server_user", "server_password"))
            .with_nonces(self.nonces.0.clone(), self.nonces.1.clone());
        self.sessions += 1;
        let id = SessionId::new(format!("{:X}", self.sessions))?;
        Ok(ClientSession::new(bench.clock.now(), config, Initiation::Client(id), Vec::new()))
    }

    /// Works until a message is ready; `Err` at the end of the session.
    fn next_message(
        &mut self,
        session: &mut ClientSession,
        bench: &mut Bench,
    ) -> Result<Outgoing, ClientEnd> {
        let server = ServerId::new(self.text("server_id")).map_err(|_| ClientEnd::Cancelled)?;
        let mut effects = Effects::default();
        loop {
            let now = bench.clock.now();
            match bench.tree.poll_session(now, session, &server, &mut bench.handlers, &mut effects) {
                ClientOutput::Send(_, message) => return Ok(message),
                ClientOutput::Persist(seq, record) => {
                    match record {
                        Record::DeviceNonce(nonce) => self.nonces.0 = Some(nonce),
                        Record::ServerNonce(nonce) => self.nonces.1 = Some(nonce),
                        _ => {}
                    }
                    session.handle_persisted(now, seq);
                }
                ClientOutput::Closed(end) => return Err(end),
                ClientOutput::Wait(_) => return Err(ClientEnd::Cancelled),
                _ => {}
            }
        }
    }

    /// A session from its first message to its last.
    pub(super) async fn session(
        &mut self,
        bench: &mut Bench,
        url: &str,
        mut peer: Peer<'_>,
    ) -> Result<Traffic, Failure> {
        let mut session = self.begin(bench)?;
        let mut traffic = Traffic::default();
        loop {
            let message = match self.next_message(&mut session, bench) {
                Ok(message) => message,
                Err(ClientEnd::Completed) => return Ok(traffic),
                Err(end) => return Err(format!("{}: a session ended: {end:?}", self.id()).into()),
            };
            traffic.sent += message.body.len();
            let fields = request_fields(&message, Some("server-load"));
            let which = matches!(peer, Peer::Bare).then(|| (ANSWER, traffic.requests.to_string()));
            let fields = fields.into_iter().chain(which);
            let answer = bench.http.send(Method::POST, url, fields, message.body, MAX_ANSWER).await?;
            let head = ResponseHead::read(answer.status.as_u16(), |name| {
                answer.headers.get(name).map(|value| value.as_bytes())
            });
            let Action::Take { encoding, hmac } = judge(&head, url, 0, &Policy::new()) else {
                return Err(format!("{}: HTTP {}", self.id(), answer.status).into());
            };
            if let Peer::Recorded(answers) = &mut peer {
                let media_type = answer.headers["content-type"].to_str()?.to_owned();
                answers.0.push((media_type, answer.body.clone()));
            }
            traffic.requests += 1;
            traffic.received += answer.body.len();
            let incoming = Incoming::decode(encoding, &answer.body, &DecodeOptions::new())?.with_hmac(hmac);
            session.handle_message(bench.clock.now(), &incoming, ENTROPY)?;
        }
    }

    /// The first message of a session and its answer, and no more: the server waits for the next one.
    pub(super) async fn half_a_session(&mut self, bench: &mut Bench, url: &str) -> Result<(), Failure> {
        let mut session = self.begin(bench)?;
        let message = self.next_message(&mut session, bench).map_err(|end| format!("{end:?}"))?;
        let fields = request_fields(&message, Some("server-load"));
        let answer = bench.http.send(Method::POST, url, fields, message.body, MAX_ANSWER).await?;
        if answer.status.is_success() { Ok(()) } else { Err(format!("HTTP {}", answer.status).into()) }
    }
}
