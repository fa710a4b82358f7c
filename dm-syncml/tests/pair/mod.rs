//! A client and a server session, both real machines, on virtual time over a network that misbehaves.
#![allow(unreachable_pub, dead_code, reason = "shared by test binaries, each of which uses a part")]

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use dm_sim::{Delivery, Network};
use dm_syncml::auth::{Credentials, Nonce, Password};
use dm_syncml::session::{
    Account, AlertQueue, ClientConfig, ClientEnd, ClientEvent, ClientOutput, ClientSession, CommandHandle,
    Incoming, Initiation, Interaction, ItemOutcome, Outcome, Outgoing, PartialObjects, Record, ServerConfig,
    ServerEvent, ServerOutput, ServerSession, SessionKey, UserResponse,
};
use dm_syncml::{
    Command, Data, DecodeOptions, Encoding, Get, Instant, Item, LocUri, Message, Replace, SessionId,
    StatusCode,
};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Node {
    Device,
    Server,
    /// Other places the device may be at: what the server sees as where its messages come from.
    Office,
    Road,
}

pub const DEVICE: &str = "IMEI:004999010640000";
pub const SERVER: &str = "https://dm.example.net/omadm";
pub const RETRY: Duration = Duration::from_secs(30);

pub fn uri(text: &str) -> LocUri<'static> {
    LocUri::new(text.to_owned()).unwrap()
}

pub fn get(target: &str) -> Command<'static> {
    Get::new(id(), vec![Item::to(uri(target))]).into()
}

pub fn replace(target: &str, value: &str) -> Command<'static> {
    let data = Data::text(value.to_owned()).unwrap();
    Replace::new(id(), vec![Item::to(uri(target)).with_data(data)]).into()
}

/// Sessions number commands themselves.
fn id() -> dm_syncml::CmdId<'static> {
    dm_syncml::CmdId::new("1").unwrap()
}

pub fn device_credentials() -> Credentials {
    Credentials::new("dev-7731", Password::new("cl13nt-secret"))
}

pub fn server_credentials() -> Credentials {
    Credentials::new("srv-alpha", Password::new("s3rver-secret"))
}

/// Everything a test may want to look at afterwards.
pub struct World {
    pub network: Network<Vec<u8>, Node>,
    pub encoding: Encoding,
    pub client: ClientSession,
    pub client_end: Option<ClientEnd>,
    pub client_events: Vec<ClientEvent>,
    pub client_records: Vec<Record>,
    /// What the device executed, in order; a flat tree of values.
    pub executed: Vec<Command<'static>>,
    pub values: BTreeMap<String, String>,
    pub account: Option<Account>,
    pub server_config: ServerConfig,
    pub sessions: BTreeMap<SessionKey, ServerSession>,
    /// What the server queues when a session starts.
    pub plan: Vec<Command<'static>>,
    /// Whether the server aborts the session when it has started.
    pub abort: bool,
    /// What the server asks the user after that, and what the user says, in turn.
    pub asks: Vec<Interaction>,
    pub responses: VecDeque<UserResponse>,
    pub asked: Vec<Interaction>,
    pub queued: Vec<CommandHandle>,
    pub server_events: Vec<ServerEvent>,
    pub server_records: Vec<Record>,
    pub server_errors: Vec<String>,
    pub closed: usize,
    /// What both sides keep of objects whose transfer broke off.
    pub client_objects: PartialObjects,
    pub server_objects: PartialObjects,
    /// The network goes away when so many messages have been sent.
    pub cut_after: Option<usize>,
    /// Both sides lose what they keep of objects when so many have been.
    pub forget_after: Option<usize>,
    /// Where the device is, and where it goes when so many messages have been sent: what comes to the place before is lost.
    pub place: Node,
    pub moves: Vec<(usize, Node)>,
    /// The addresses a NAT gives the device, one for each exchange, in turn; none means that it keeps its own.
    pub rebinding: Vec<Node>,
    /// Where the message under way at the server came from, and all such places in turn.
    pub origin: Node,
    pub origins: Vec<Node>,
    /// Every body that was sent, in order.
    pub sent: Vec<(Node, Vec<u8>)>,
    entropy: u8,
}

impl World {
    /// Both know each other, with MD5 in both directions and no nonce yet.
    pub fn new(seed: u64, encoding: Encoding) -> Self {
        let config = client_config(encoding);
        Self::with_client(seed, encoding, config)
    }

    pub fn with_client(seed: u64, encoding: Encoding, config: ClientConfig) -> Self {
        let initiation = Initiation::Client(SessionId::new("1A").unwrap());
        Self {
            network: Network::new(seed),
            encoding,
            client: ClientSession::new(Instant::EPOCH, config, initiation, Vec::new()),
            client_end: None,
            client_events: Vec::new(),
            client_records: Vec::new(),
            executed: Vec::new(),
            values: BTreeMap::from([("./DevDetail/SwV".to_owned(), "7.4.1".to_owned())]),
            account: Some(Account::md5(device_credentials(), server_credentials())),
            server_config: ServerConfig::new(uri(SERVER)),
            sessions: BTreeMap::new(),
            plan: Vec::new(),
            abort: false,
            asks: Vec::new(),
            responses: VecDeque::new(),
            asked: Vec::new(),
            queued: Vec::new(),
            server_events: Vec::new(),
            server_records: Vec::new(),
            server_errors: Vec::new(),
            closed: 0,
            client_objects: PartialObjects::new(),
            server_objects: PartialObjects::new(),
            cut_after: None,
            forget_after: None,
            place: Node::Device,
            moves: Vec::new(),
            rebinding: Vec::new(),
            origin: Node::Device,
            origins: Vec::new(),
            sent: Vec::new(),
            entropy: 0,
        }
    }

    pub fn start_over(&mut self, config: ClientConfig, session_id: &str, alerts: impl Into<AlertQueue>) {
        let initiation = Initiation::Client(SessionId::new(session_id.to_owned()).unwrap());
        let objects = self.client_objects.clone();
        self.client =
            ClientSession::new(self.now(), config, initiation, alerts).with_partial_objects(objects);
        self.client_end = None;
    }

    fn now(&self) -> Instant {
        Instant::new(self.network.now())
    }

    fn entropy(&mut self) -> [u8; Nonce::LEN] {
        self.entropy += 1;
        [self.entropy; Nonce::LEN]
    }

    /// Runs until nothing happens any more.
    pub fn run(&mut self) {
        self.drain_client();
        let mut steps = 0;
        while let Some((at, delivery)) = self.network.next() {
            steps += 1;
            assert!(steps < 10_000, "the session never ends");
            let now = Instant::new(at);
            match delivery {
                Delivery::Message { from, to: Node::Server, message, .. } => {
                    self.origin = from;
                    self.origins.push(from);
                    self.serve(now, &message);
                }
                // Nobody is there any more.
                Delivery::Message { to, .. } if to != self.place => {}
                Delivery::Message { message, .. } => {
                    let incoming = Incoming::decode(self.encoding, &message, &DecodeOptions::new());
                    let entropy = self.entropy();
                    match incoming {
                        Ok(incoming) => {
                            // A late repetition finds nobody waiting; that is no harm.
                            let _ = self.client.handle_message(now, &incoming, entropy);
                        }
                        Err(_) => self.client.handle_lost(now),
                    }
                    self.drain_client();
                }
                Delivery::Wake { node: Node::Device | Node::Office | Node::Road } => {
                    self.client.handle_tick(now);
                    self.drain_client();
                }
                Delivery::Wake { node: Node::Server } => {
                    for key in self.sessions.keys().cloned().collect::<Vec<_>>() {
                        self.sessions.get_mut(&key).unwrap().handle_tick(now);
                        self.drain_server(&key);
                    }
                }
            }
        }
    }

    fn serve(&mut self, now: Instant, body: &[u8]) {
        let incoming = match Incoming::decode(self.encoding, body, &DecodeOptions::new()) {
            Ok(incoming) => incoming,
            Err(error) => return self.server_errors.push(error.to_string()),
        };
        let key = incoming.key();
        let over = self.sessions.get(&key).is_none_or(ServerSession::is_over);
        if incoming.is_first() && over && !self.sessions.contains_key(&key) {
            let session = ServerSession::new(now, self.server_config.clone(), self.account.clone())
                .with_partial_objects(self.server_objects.clone());
            self.sessions.insert(key.clone(), session);
        }
        let entropy = self.entropy();
        let Some(session) = self.sessions.get_mut(&key) else {
            return self.server_errors.push("no such session".into());
        };
        if let Err(error) = session.handle_message(now, &incoming, entropy) {
            self.server_errors.push(error.to_string());
        }
        self.drain_server(&key);
    }

    pub fn drain_server(&mut self, key: &SessionKey) {
        let now = self.now();
        loop {
            let Some(session) = self.sessions.get_mut(key) else { return };
            match session.poll_output() {
                ServerOutput::Persist(seq, record) => {
                    if let Some(account) = &mut self.account {
                        match &record {
                            Record::DeviceNonce(nonce) => account.device_nonce = Some(nonce.clone()),
                            Record::ServerNonce(nonce) => account.server_nonce = Some(nonce.clone()),
                            _ => panic!("unknown record"),
                        }
                    }
                    self.server_records.push(record);
                    session.handle_persisted(now, seq);
                }
                ServerOutput::Event(event) => {
                    if matches!(event, ServerEvent::Started(_)) {
                        for command in self.plan.drain(..) {
                            self.queued.push(session.queue(command).unwrap());
                        }
                        for interaction in self.asks.drain(..) {
                            self.queued.push(session.ask(&interaction).unwrap());
                        }
                        if self.abort {
                            session.abort().unwrap();
                        }
                    }
                    self.server_events.push(event);
                }
                ServerOutput::Reply(Outgoing { body, .. }) => {
                    self.send(Node::Server, self.origin, body);
                }
                ServerOutput::Closed => {
                    self.closed += 1;
                    self.server_objects = session.partial_objects();
                    self.sessions.remove(key);
                }
                ServerOutput::Wait(at) => {
                    if let Some(at) = at {
                        self.network.wake_at(Node::Server, at.since_epoch());
                    }
                    self.hand_session_on(key);
                    return;
                }
                _ => panic!("unknown output"),
            }
        }
    }

    /// Another process goes on with the session; it makes no difference.
    #[cfg(feature = "serde")]
    fn hand_session_on(&mut self, key: &SessionKey) {
        let now = self.now();
        let Some(Ok(snapshot)) = self.sessions.get(key).map(|session| session.snapshot(now)) else { return };
        let stored = serde_json::to_vec(&snapshot).unwrap();
        let snapshot = serde_json::from_slice(&stored).unwrap();
        let (config, account) = (self.server_config.clone(), self.account.clone());
        self.sessions.insert(key.clone(), ServerSession::restore(now, config, account, snapshot).unwrap());
    }

    #[cfg(not(feature = "serde"))]
    fn hand_session_on(&mut self, _: &SessionKey) {}

    pub fn drain_client(&mut self) {
        let now = self.now();
        loop {
            match self.client.poll_output() {
                ClientOutput::Persist(seq, record) => {
                    self.client_records.push(record);
                    self.client.handle_persisted(now, seq);
                }
                ClientOutput::Event(event) => self.client_events.push(event),
                ClientOutput::Send(to, Outgoing { body, .. }) => {
                    assert_eq!(to, SERVER);
                    if let Some(place) = self.rebinding.first().copied() {
                        self.rebinding.rotate_left(1);
                        self.place = place;
                    }
                    self.send(self.place, Node::Server, body);
                }
                ClientOutput::Execute(handle, command) => {
                    let outcome = self.execute(&command);
                    self.executed.push(command);
                    self.client.handle_outcome(now, handle, outcome).unwrap();
                }
                ClientOutput::Interact(handle, interaction) => {
                    let response = self.responses.pop_front().unwrap_or(UserResponse::Cancelled);
                    self.asked.push(interaction);
                    self.client.handle_response(now, handle, &response).unwrap();
                }
                ClientOutput::Closed(end) => {
                    self.client_end = Some(end);
                    self.client_objects = self.client.partial_objects();
                }
                ClientOutput::Wait(at) => {
                    match at {
                        Some(at) => self.network.wake_at(Node::Device, at.since_epoch()),
                        None => self.network.cancel_wake(Node::Device),
                    }
                    return;
                }
                _ => panic!("unknown output"),
            }
        }
    }

    fn send(&mut self, from: Node, to: Node, body: Vec<u8>) {
        if self.cut_after == Some(self.sent.len()) {
            self.network.cut(Node::Device, Node::Server);
        }
        if self.forget_after == Some(self.sent.len()) {
            self.client = self.client.clone().with_partial_objects(PartialObjects::new());
            for session in self.sessions.values_mut() {
                *session = session.clone().with_partial_objects(PartialObjects::new());
            }
        }
        let side = if from == Node::Server { Node::Server } else { Node::Device };
        self.sent.push((side, body.clone()));
        self.network.send(from, to, body);
        if let Some(at) = self.moves.iter().position(|(after, _)| *after == self.sent.len()) {
            self.place = self.moves.remove(at).1;
            // The connection it had is gone.
            let now = self.now();
            self.client.handle_lost(now);
        }
    }

    fn execute(&mut self, command: &Command<'_>) -> Outcome {
        let each = command.items().iter().map(|item| {
            let target = item.target_uri().map(ToString::to_string).unwrap_or_default();
            match command {
                Command::Get(_) => match self.values.get(&target) {
                    Some(value) => {
                        let data = Data::text(value.clone()).unwrap();
                        ItemOutcome::found(vec![Item::from(uri(&target)).with_data(data)])
                    }
                    None => ItemOutcome::new(StatusCode::NOT_FOUND),
                },
                Command::Replace(_) => {
                    let value = item.data.as_ref().and_then(|data| data.as_text()).unwrap_or_default();
                    self.values.insert(target, value.to_owned());
                    ItemOutcome::new(StatusCode::OK)
                }
                _ => ItemOutcome::new(StatusCode::NOT_SUPPORTED),
            }
        });
        Outcome::each(each.collect())
    }

    /// The messages one side has sent, decoded.
    pub fn messages(&self, from: Node) -> Vec<Message<'_>> {
        self.sent
            .iter()
            .filter(|(node, _)| *node == from)
            .map(|(_, body)| Message::decode(self.encoding, body, &DecodeOptions::new()).unwrap())
            .collect()
    }
}

pub fn client_config(encoding: Encoding) -> ClientConfig {
    let leaf = |name: &str, value: &str| {
        Item::from(uri(&format!("./DevInfo/{name}"))).with_data(Data::text(value.to_owned()).unwrap())
    };
    ClientConfig::new(uri(DEVICE), uri(SERVER))
        .with_encoding(encoding)
        .with_md5(device_credentials(), server_credentials())
        .with_attempts(3, RETRY)
        .with_dev_info(vec![
            leaf("DevId", DEVICE),
            leaf("Man", "Example"),
            leaf("Mod", "EX-1"),
            leaf("DmV", "1.2"),
            leaf("Lang", "en"),
        ])
}
