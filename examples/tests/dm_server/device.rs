//! A device of a few lines: a tree with a lamp, and sessions that can be stopped between any two messages.

use axum::http::Method;
use dm_examples::clock::{Clock, entropy};
use dm_examples::http_client::HttpClient;
use dm_examples::lamp::Lamp;
use dm_syncml::auth::{AuthScheme, Credentials, Nonce, Password};
use dm_syncml::http::{Action, Policy, ResponseHead, judge, request_fields};
use dm_syncml::session::{
    ClientConfig, ClientEnd, ClientOutput, ClientSession, Incoming, Initiation, Outgoing, PartialObjects,
    Record,
};
use dm_syncml::{Alert, DecodeOptions, Encoding, LocUri, SessionId, StatusCode};
use dm_tree::{
    AccessType, Acl, Children, Context, DevInfo, Effects, ExecReply, Handler, HandlerMap, NoAnswer,
    NodeFacts, NodeSpec, ServerId, Tree, Value as NodeValue,
};
use serde_json::Value;

/// Something that takes its time.
#[derive(Debug)]
struct Slow;

impl Handler for Slow {
    fn node(&mut self, _: &Context<'_>, path: &[&str]) -> Option<NodeFacts> {
        path.is_empty().then(|| NodeFacts::leaf(dm_tree::Format::Null).with_access(AccessType::EXEC))
    }

    fn get(&mut self, _: &Context<'_>, _: &[&str]) -> Result<Vec<u8>, NoAnswer> {
        Ok(Vec::new())
    }

    fn children(&mut self, _: &Context<'_>, _: &[&str], _: &mut Children) -> Result<(), NoAnswer> {
        Ok(())
    }

    fn exec(&mut self, _: &Context<'_>, _: &[&str], _: &[u8]) -> ExecReply {
        ExecReply::Done(StatusCode::ACCEPTED)
    }
}

/// The answer to a message: how it is encoded, its octets, and what proves it.
pub(crate) type Answer = (Encoding, Vec<u8>, Option<Vec<u8>>);

pub(crate) struct TestDevice {
    pub(crate) account: Value,
    pub(crate) lamp: Lamp,
    pub(crate) encoding: Encoding,
    pub(crate) user_agent: &'static str,
    /// The largest message it takes; `Some` if large objects go on in later sessions.
    pub(crate) resumes: Option<u64>,
    pub(crate) partial_objects: PartialObjects,
    pub(crate) http: HttpClient,
    pub(crate) tree: Tree,
    handlers: HandlerMap,
    pub(crate) nonces: (Option<Nonce>, Option<Nonce>),
    clock: Clock,
    sessions: u32,
}

impl TestDevice {
    /// The device of an account as `device add` writes it.
    pub(crate) fn new(account: Value) -> Self {
        let mut tree = Tree::default();
        let info = DevInfo {
            dev_id: account["id"].as_str().unwrap().into(),
            man: "Example".into(),
            model: "Lamp <1>".into(),
            dm_v: "1.0".into(),
            lang: "en".into(),
        };
        info.install(&mut tree).unwrap();
        let mut handlers = HandlerMap::new();
        let lamp = Lamp::default();
        handlers.mount(&mut tree, "./Vendor/Lamp", lamp.clone()).unwrap();
        handlers.mount(&mut tree, "./Vendor/Slow", Slow).unwrap();
        let server = account["server_id"].as_str().unwrap();
        let acl = format!("Get={server}&Replace={server}&Exec={server}");
        tree.insert("./Vendor/Note", NodeSpec::leaf(NodeValue::chr(""))).unwrap();
        for node in ["./Vendor/Lamp", "./Vendor/Slow", "./Vendor/Note"] {
            tree.set_acl(node, Acl::parse(&acl).unwrap()).unwrap();
        }
        Self {
            account,
            lamp,
            encoding: Encoding::Wbxml,
            user_agent: "a test",
            resumes: None,
            partial_objects: PartialObjects::new(),
            http: super::world::http(),
            tree,
            handlers,
            nonces: (None, None),
            clock: Clock::start(),
            sessions: 0,
        }
    }

    /// What its note says.
    pub(crate) fn note(&self) -> String {
        let value = self.tree.node("./Vendor/Note").unwrap().value().unwrap();
        String::from_utf8(value.data().to_vec()).unwrap()
    }

    fn text(&self, name: &str) -> &str {
        self.account[name].as_str().unwrap()
    }

    pub(crate) fn config(&self) -> ClientConfig {
        let uri = |name| LocUri::new(self.text(name).to_owned()).unwrap();
        let credentials =
            |user, password| Credentials::new(self.text(user), Password::new(self.text(password)));
        let (mine, theirs) = (credentials("user", "password"), credentials("server_user", "server_password"));
        let config = ClientConfig::new(uri("id"), uri("address"))
            .with_encoding(self.encoding)
            .with_atomic()
            .with_dev_info(DevInfo::items(&self.tree));
        let scheme = match self.text("auth") {
            "basic" => AuthScheme::Basic,
            "mac" => AuthScheme::Mac,
            _ => AuthScheme::Md5,
        };
        let config = match self.resumes {
            Some(size) => config.with_max_msg_size(size).with_resume(),
            None => config,
        };
        config.with_auth(scheme, mine, theirs).with_nonces(self.nonces.0.clone(), self.nonces.1.clone())
    }

    pub(crate) fn begin(&mut self) -> ClientSession {
        self.sessions += 1;
        let id = SessionId::new(format!("{:X}", self.sessions)).unwrap();
        self.begin_as(Initiation::Client(id), Vec::new())
    }

    pub(crate) fn begin_as(&mut self, initiation: Initiation, alerts: Vec<Alert<'static>>) -> ClientSession {
        ClientSession::new(self.clock.now(), self.config(), initiation, alerts)
            .with_partial_objects(self.partial_objects.clone())
    }

    /// Works until a message is ready; `Err` at the end of the session.
    pub(crate) fn next_message(&mut self, session: &mut ClientSession) -> Result<Outgoing, ClientEnd> {
        let server = ServerId::new(self.text("server_id")).unwrap();
        loop {
            let now = self.clock.now();
            let effects = &mut Effects::default();
            match self.tree.poll_session(now, session, &server, &mut self.handlers, effects) {
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
                ClientOutput::Wait(at) => panic!("a session waits until {at:?}"),
                _ => {}
            }
        }
    }

    /// Posts a message; the answer's body, and how it is encoded.
    pub(crate) async fn post(&mut self, url: &str, message: &Outgoing) -> Result<Answer, u16> {
        self.try_post(url, message).await.unwrap()
    }

    /// The same, with a server that may be gone.
    pub(crate) async fn try_post(&mut self, url: &str, message: &Outgoing) -> Option<Result<Answer, u16>> {
        let fields = request_fields(message, Some(self.user_agent));
        let answer = self.http.send(Method::POST, url, fields, message.body.clone(), 4 << 20).await.ok()?;
        let head = ResponseHead::read(answer.status.as_u16(), |name| {
            answer.headers.get(name).map(|value| value.as_bytes())
        });
        Some(match judge(&head, url, 0, &Policy::new()) {
            Action::Take { encoding, .. } => {
                let hmac = answer.headers.get("x-syncml-hmac").map(|value| value.as_bytes().to_vec());
                Ok((encoding, answer.body.to_vec(), hmac))
            }
            _ => Err(answer.status.as_u16()),
        })
    }

    pub(crate) fn take(&self, session: &mut ClientSession, (encoding, body, hmac): &Answer) {
        let answer = Incoming::decode(*encoding, body, &DecodeOptions::new()).unwrap();
        let answer = answer.with_hmac(hmac.as_deref());
        session.handle_message(self.clock.now(), &answer, entropy()).unwrap();
    }

    /// One message, and its answer taken; the end of the session if that was it.
    pub(crate) async fn step(&mut self, session: &mut ClientSession, url: &str) -> Option<ClientEnd> {
        let message = match self.next_message(session) {
            Ok(message) => message,
            Err(end) => return Some(end),
        };
        let answer = self.post(url, &message).await.unwrap();
        self.take(session, &answer);
        None
    }

    /// The rest of a session.
    pub(crate) async fn finish(&mut self, session: &mut ClientSession, url: &str) -> ClientEnd {
        loop {
            if let Some(end) = self.step(session, url).await {
                return end;
            }
        }
    }

    /// A whole session.
    pub(crate) async fn session(&mut self, url: &str) -> ClientEnd {
        let mut session = self.begin();
        self.finish(&mut session, url).await
    }
}
