//! Where a seed's sessions happen.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::time::Duration;

use dm_sim::{Delivery, Link, Network};
use dm_syncml::auth::{AuthScheme, Credentials, Nonce, Password};
use dm_syncml::session::{
    Account, AlertId, AlertQueue, ClientConfig, ClientEnd, ClientEvent, ClientOutput, ClientSession,
    GenericAlert, GivenUp, Incoming, Initiation, Interaction, InteractionKind, Outcome, PartialObjects,
    PeerError, Record, ServerConfig, ServerEvent, ServerOutput, ServerSession, SessionError, SessionKey,
    UserResponse,
};
use dm_syncml::{
    Alert, CmdId, Data, DecodeOptions, Encoding, Format, Instant, Item, LocUri, Message, SessionId,
};

use super::jobs::{Container, Device, Fate, Job, Question, Value, Work};

const DEVICE: &str = "IMEI:1";
const SERVER: &str = "https://dm.example/";
const IDLE: Duration = Duration::from_secs(300);
const MAX_SESSIONS: usize = 5;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Node {
    Device,
    /// What executes commands on the device, in its own time.
    Executor,
    Server,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Packet {
    /// A message, and the header beside it.
    Message(Vec<u8>, Option<String>),
    /// The server has no such session.
    Refusal,
}

/// A generator of the test's own choices: the network has its own.
struct Choices(u64);

impl Choices {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

pub(crate) struct World {
    network: Network<Packet, Node>,
    choices: Choices,
    encoding: Encoding,
    scheme: AuthScheme,
    device_limit: u64,
    server_limit: u64,
    /// How likely each message is the last one a side sees before it restarts, in percent.
    restart: u64,
    slow: bool,
    /// Whether both sides go on with objects whose transfer broke off, and what they keep of them.
    resume: bool,
    client_objects: PartialObjects,
    server_objects: PartialObjects,
    client: Option<ClientSession>,
    client_nonces: (Option<Nonce>, Option<Nonce>),
    executing: Option<Outcome>,
    executing_handle: Option<dm_syncml::session::CommandHandle>,
    /// The question that the user leaves open.
    silent: Option<dm_syncml::session::CommandHandle>,
    account: Account,
    server: BTreeMap<SessionKey, (usize, ServerSession)>,
    server_sessions: usize,
    entropy: u64,
    pub(crate) device: Device,
    /// What the device has to report and no server has taken, as it is stored.
    pub(crate) reports: BTreeMap<AlertId, Alert<'static>>,
    pub(crate) reported: usize,
    /// What the user said about each job that asks.
    pub(crate) said: BTreeMap<usize, UserResponse>,
    /// How often each report came to the server.
    pub(crate) heard: BTreeMap<String, usize>,
    pub(crate) jobs: Vec<Job>,
    pub(crate) tell: bool,
    /// After each message the sessions of both sides are taken up again from a snapshot, as if by another process.
    #[cfg(feature = "serde")]
    pub(crate) restoring: bool,
    #[cfg(feature = "serde")]
    client_config: Option<ClientConfig>,
    pub(crate) sessions_begun: usize,
    pub(crate) sessions_completed: usize,
    pub(crate) restarts: usize,
    pub(crate) restored: usize,
    pub(crate) messages: usize,
    pub(crate) chunks: usize,
    pub(crate) resumed: usize,
}

fn uri(text: &str) -> LocUri<'static> {
    LocUri::new(text.to_owned()).unwrap()
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut choices = Choices(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..4 {
            choices.below(1);
        }
        let mut network = Network::new(seed);
        let percent = |choices: &mut Choices, end| choices.below(end) as f64 / 100.0;
        let mut link = Link::new();
        if choices.percent(60) {
            link = link
                .with_loss(percent(&mut choices, 20))
                .with_duplication(percent(&mut choices, 20))
                .with_delay(Duration::from_millis(10)..=Duration::from_millis(10 + choices.below(20_000)));
        }
        network.set_default_link(link);
        let value = |choices: &mut Choices| {
            let length = choices.pick(&[0, 1, 20, 200, 1500, 4000, 200, 1500, 12_000]) as usize;
            let mut text = "héllo wörld ".repeat(length / 12 + 1);
            text.truncate((0..=length).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0));
            Value(text)
        };
        // Now and then more than one message holds.
        let count = if choices.percent(5) { 10 + choices.below(30) } else { choices.below(5) };
        let jobs: Vec<_> = (0..count)
            .map(|_| {
                Job::new(match choices.below(12) {
                    0..=2 => Work::Set(value(&mut choices)),
                    3..=5 => Work::Read(value(&mut choices)),
                    6 | 7 => Work::Act,
                    8 => Work::Ask(choices.pick(&[
                        Question::Shown,
                        Question::YesOrNo,
                        Question::Text,
                        Question::Choice,
                    ])),
                    _ => {
                        let container = choices.pick(&[
                            Container::Atomic,
                            Container::FailingAtomic,
                            Container::Sequence,
                            Container::AskingAtomic,
                            Container::AskingSequence,
                        ]);
                        let values = (0..=choices.below(3)).map(|member| format!("value {member}")).collect();
                        Work::Together(values, container)
                    }
                })
            })
            .collect();
        let mut queue = AlertQueue::new();
        for number in 0..choices.below(3) {
            let data = value(&mut choices);
            let report =
                GenericAlert::new(format!("com.example.n{number}"), Format::CHR, Data::text(data.0).unwrap());
            queue.push(report.unwrap().to_alert(CmdId::new("1").unwrap()));
        }
        let reports: BTreeMap<_, _> = queue.iter().map(|(id, alert)| (id, alert.clone())).collect();
        let reported = reports.len();
        let scheme = choices.pick(&[AuthScheme::None, AuthScheme::Basic, AuthScheme::Md5, AuthScheme::Mac]);
        let account = match scheme {
            AuthScheme::None => Account::transport(),
            scheme => Account::new(scheme, Self::device_credentials(), Self::server_credentials()),
        };
        Self {
            network,
            encoding: choices.pick(&[Encoding::Wbxml, Encoding::Wbxml, Encoding::Xml]),
            scheme,
            device_limit: choices.pick(&[1500, 2000, 5000, 65_536]),
            server_limit: choices.pick(&[1500, 2000, 5000, 65_536]),
            restart: if choices.percent(40) { choices.pick(&[3, 10, 30]) } else { 0 },
            slow: choices.percent(20),
            resume: seed % 2 == 1,
            client_objects: PartialObjects::new(),
            server_objects: PartialObjects::new(),
            client: None,
            client_nonces: (None, None),
            executing: None,
            executing_handle: None,
            silent: None,
            account,
            server: BTreeMap::new(),
            server_sessions: 0,
            entropy: 0,
            device: Device::new(&jobs),
            reports,
            reported,
            said: BTreeMap::new(),
            heard: BTreeMap::new(),
            jobs,
            tell: false,
            #[cfg(feature = "serde")]
            restoring: false,
            #[cfg(feature = "serde")]
            client_config: None,
            sessions_begun: 0,
            sessions_completed: 0,
            restarts: 0,
            restored: 0,
            messages: 0,
            chunks: 0,
            resumed: 0,
            choices,
        }
    }

    fn device_credentials() -> Credentials {
        Credentials::new("dev", Password::new("one"))
    }

    fn server_credentials() -> Credentials {
        Credentials::new("srv", Password::new("two"))
    }

    pub(crate) fn digest(&self) -> dm_sim::Digest {
        self.network.digest()
    }

    fn now(&self) -> Instant {
        Instant::new(self.network.now())
    }

    fn say(&self, line: impl FnOnce() -> String) {
        if self.tell {
            #[expect(clippy::print_stdout, reason = "tells the story of a seed")]
            {
                println!("{:>8.3} {}", self.network.now().as_secs_f64(), line());
            }
        }
    }

    fn entropy(&mut self) -> [u8; 16] {
        self.entropy += 1;
        u128::from(self.entropy).to_be_bytes()
    }

    /// Sessions until there is nothing left to do, or enough of them.
    pub(crate) fn run(&mut self) {
        self.begin();
        let mut steps = 0;
        while let Some((at, delivery)) = self.network.next() {
            steps += 1;
            assert!(steps < 5_000, "seed {}: the sessions never end", self.network.seed());
            let now = Instant::new(at);
            match delivery {
                Delivery::Message { to: Node::Server, message, .. } => self.serve(now, &message),
                Delivery::Message { message, .. } => self.answered(now, &message),
                Delivery::Wake { node: Node::Device } => {
                    if let Some(client) = &mut self.client {
                        client.handle_tick(now);
                    }
                    self.drain_client();
                }
                Delivery::Wake { node: Node::Executor } => {
                    if let (Some(outcome), Some(handle), Some(client)) =
                        (self.executing.take(), self.executing_handle.take(), &mut self.client)
                    {
                        // It may come too late.
                        let _ = client.handle_outcome(now, handle, outcome);
                    }
                    self.drain_client();
                }
                Delivery::Wake { node: Node::Server } => {
                    for key in self.server.keys().cloned().collect::<Vec<_>>() {
                        if let Some((_, session)) = self.server.get_mut(&key) {
                            session.handle_tick(now);
                        }
                        self.drain_server(&key);
                    }
                }
            }
        }
        assert!(self.client.is_none(), "seed {}: the device hangs", self.network.seed());
        assert!(self.server.is_empty(), "seed {}: the server hangs", self.network.seed());
    }

    /// The device begins a session, under an id of its own.
    fn begin(&mut self) {
        self.sessions_begun += 1;
        let id = SessionId::new(format!("{:X}", self.sessions_begun)).unwrap();
        let leaf = |name: &str| Item::from(uri(name)).with_data(Data::text("x").unwrap());
        let mut config = ClientConfig::new(uri(DEVICE), uri(SERVER))
            .with_encoding(self.encoding)
            .with_nonces(self.client_nonces.0.clone(), self.client_nonces.1.clone())
            .with_attempts(4, Duration::from_secs(30))
            .with_max_msg_size(self.device_limit)
            .with_max_obj_size(20_000)
            .with_atomic()
            .with_interaction()
            .with_dev_info(vec![leaf("./DevInfo/DevId"), leaf("./DevInfo/Man")]);
        if self.scheme != AuthScheme::None {
            config = config.with_auth(self.scheme, Self::device_credentials(), Self::server_credentials());
        }
        if self.resume {
            config = config.with_resume();
        }
        self.say(|| format!("session {}", id.as_str()));
        #[cfg(feature = "serde")]
        {
            self.client_config = Some(config.clone());
        }
        self.silent = None;
        let alerts = AlertQueue::restore(self.reports.clone());
        let session = ClientSession::new(self.now(), config, Initiation::Client(id), alerts);
        self.client = Some(session.with_partial_objects(self.client_objects.clone()));
        self.drain_client();
    }

    /// The device's process dies: what was not committed is gone, what was stored is there.
    fn restart_device(&mut self) {
        self.say(|| "the device restarts".into());
        self.restarts += 1;
        // It may have stored what had come, or not.
        if let Some(client) = self.client.take()
            && self.restarts.is_multiple_of(2)
        {
            self.client_objects = client.partial_objects();
        }
        self.executing = None;
        self.executing_handle = None;
        self.device.forget();
        self.network.cancel_wake(Node::Device);
        self.network.cancel_wake(Node::Executor);
        if self.sessions_begun < MAX_SESSIONS {
            self.begin();
        }
    }

    /// The server's process dies with all its sessions; what became of commands in them nobody knows.
    fn restart_server(&mut self) {
        self.say(|| "the server restarts".into());
        self.restarts += 1;
        self.server.clear();
        self.network.cancel_wake(Node::Server);
        for job in &mut self.jobs {
            if matches!(job.fate, Fate::Queued(..)) {
                job.fate = Fate::Unknown;
            }
        }
    }

    fn serve(&mut self, now: Instant, packet: &Packet) {
        if self.choices.percent(self.restart) {
            self.restart_server();
        }
        let Packet::Message(body, header) = packet else { return };
        let incoming = Incoming::decode(self.encoding, body, &DecodeOptions::new())
            .expect("the network changes nothing")
            .with_hmac(header.as_deref().map(str::as_bytes));
        let key = incoming.key();
        if incoming.is_first() && !self.server.contains_key(&key) {
            self.server_sessions += 1;
            let session = ServerSession::new(now, self.server_config(), Some(self.account.clone()))
                .with_partial_objects(self.server_objects.clone());
            self.server.insert(key.clone(), (self.server_sessions, session));
        }
        let entropy = self.entropy();
        let Some((_, session)) = self.server.get_mut(&key) else {
            return self.network.send(Node::Server, Node::Device, Packet::Refusal);
        };
        let taken = session.handle_message(now, &incoming, entropy);
        self.say(|| format!("server takes {}: {taken:?}", describe(&incoming)));
        match taken {
            // A late copy of a message that has been answered long ago.
            Ok(()) | Err(SessionError::Peer(PeerError::OutOfOrder { .. }) | SessionError::Misuse(_)) => {}
            Err(error) => panic!("seed {}: {error}", self.network.seed()),
        }
        self.drain_server(&key);
    }

    fn server_config(&self) -> ServerConfig {
        let config = ServerConfig::new(uri(SERVER))
            .with_idle(IDLE)
            .with_max_msg_size(self.server_limit)
            .with_max_obj_size(20_000)
            .with_stranger_scheme(self.scheme);
        if self.resume { config.with_resume() } else { config }
    }

    /// A session goes through a store, and comes back by another clock.
    #[cfg(feature = "serde")]
    fn move_session(&mut self, key: &SessionKey) {
        if !self.restoring {
            return;
        }
        let (now, config) = (self.now(), self.server_config());
        if let Some((_, session)) = self.server.get_mut(key) {
            let snapshot = session.snapshot(now).expect("it has been drained");
            let stored = serde_json::to_string(&snapshot).expect("it can be stored");
            let snapshot = serde_json::from_str(&stored).expect("and read");
            *session = ServerSession::restore(now, config, Some(self.account.clone()), snapshot)
                .expect("and taken up again");
            self.restored += 1;
        }
    }

    /// So does the device's, where it can: not while a record is to be stored.
    #[cfg(feature = "serde")]
    fn move_client(&mut self) {
        if !self.restoring {
            return;
        }
        let now = self.now();
        if let (Some(client), Some(config)) = (&mut self.client, &self.client_config)
            && let Ok(snapshot) = client.snapshot(now)
        {
            let stored = serde_json::to_string(&snapshot).expect("it can be stored");
            let snapshot = serde_json::from_str(&stored).expect("and read");
            *client = ClientSession::restore(now, config.clone(), snapshot).expect("and taken up again");
            self.restored += 1;
        }
    }

    fn drain_server(&mut self, key: &SessionKey) {
        let now = self.now();
        loop {
            let Some((number, session)) = self.server.get_mut(key) else { return };
            let number = *number;
            match session.poll_output() {
                ServerOutput::Persist(seq, record) => {
                    match record {
                        Record::DeviceNonce(nonce) => self.account.device_nonce = Some(nonce),
                        Record::ServerNonce(nonce) => self.account.server_nonce = Some(nonce),
                        _ => {}
                    }
                    session.handle_persisted(now, seq);
                }
                ServerOutput::Event(ServerEvent::Started(_)) => {
                    for (at, job) in self.jobs.iter_mut().enumerate() {
                        if job.fate == Fate::Pending {
                            let handle = session.queue(job.command(at)).expect("all of them are legal");
                            job.fate = Fate::Queued(number, handle);
                        }
                    }
                }
                ServerOutput::Event(event) => {
                    self.say(|| {
                        let mut told = format!("server: {event:?}");
                        if let Some((cut, _)) = told.char_indices().nth(300) {
                            told.truncate(cut);
                        }
                        told
                    });
                    self.told(number, event);
                }
                ServerOutput::Reply(reply) => {
                    self.count(&reply.body, self.device_limit);
                    let header = reply.hmac.map(|header| header.to_string());
                    self.network.send(Node::Server, Node::Device, Packet::Message(reply.body, header));
                }
                ServerOutput::Closed => {
                    if let Some((_, session)) = self.server.remove(key) {
                        self.server_objects = session.partial_objects();
                    }
                }
                ServerOutput::Wait(_) => {
                    #[cfg(feature = "serde")]
                    self.move_session(key);
                    self.wake_server();
                    return;
                }
                _ => {}
            }
        }
    }

    /// All sessions are looked at when the first of them is due.
    fn wake_server(&mut self) {
        let due = self.server.values_mut().filter_map(|(_, session)| match session.poll_output() {
            ServerOutput::Wait(at) => at,
            other => panic!("{other:?} after draining"),
        });
        match due.min() {
            Some(at) => self.network.wake_at(Node::Server, at.since_epoch()),
            None => self.network.cancel_wake(Node::Server),
        }
    }

    /// What the server is told of its jobs.
    fn told(&mut self, session: usize, event: ServerEvent) {
        let (handle, fate, found) = match event {
            ServerEvent::Resumed(..) => {
                self.resumed += 1;
                return;
            }
            ServerEvent::GenericAlert(_, alert) => {
                *self.heard.entry(alert.name().to_owned()).or_default() += 1;
                return;
            }
            ServerEvent::Answered(handle, answer) => {
                let found = answer.items().filter_map(|item| item.data.as_ref()?.as_text()).collect();
                let fate = if answer.complete { Fate::Answered(answer.code()) } else { Fate::Unknown };
                (handle, fate, Value(found))
            }
            ServerEvent::Responded(handle, response) => {
                (handle, Fate::Responded(response), Value(String::new()))
            }
            ServerEvent::GivenUp(handle, GivenUp::NotSent | GivenUp::EndMissing) => {
                (handle, Fate::Pending, Value(String::new()))
            }
            ServerEvent::GivenUp(handle, GivenUp::Unanswered) => {
                (handle, Fate::Unknown, Value(String::new()))
            }
            ServerEvent::GivenUp(handle, _) => (handle, Fate::Refused, Value(String::new())),
            _ => return,
        };
        let mut of = self.jobs.iter_mut().filter(|job| job.fate == Fate::Queued(session, handle));
        let job = of.next().expect("each command ends once, and is one of ours");
        job.fate = fate;
        job.found = Some(found);
        assert!(of.next().is_none(), "handles are unique");
    }

    fn answered(&mut self, now: Instant, packet: &Packet) {
        if self.client.is_some() && self.choices.percent(self.restart) {
            return self.restart_device();
        }
        let entropy = self.entropy();
        let Some(client) = &mut self.client else { return };
        match packet {
            Packet::Refusal => client.handle_bad_answer(now),
            Packet::Message(body, header) => {
                let incoming = Incoming::decode(self.encoding, body, &DecodeOptions::new())
                    .expect("the network changes nothing")
                    .with_hmac(header.as_deref().map(str::as_bytes));
                // Late copies find nobody waiting, or another session.
                let taken = client.handle_message(now, &incoming, entropy);
                self.say(|| format!("device takes {}: {taken:?}", describe(&incoming)));
            }
        }
        self.drain_client();
    }

    fn drain_client(&mut self) {
        let now = self.now();
        loop {
            let Some(client) = &mut self.client else { return };
            match client.poll_output() {
                ClientOutput::Persist(seq, record) => {
                    match record {
                        Record::DeviceNonce(nonce) => self.client_nonces.0 = Some(nonce),
                        Record::ServerNonce(nonce) => self.client_nonces.1 = Some(nonce),
                        Record::AlertDone(id) => {
                            assert!(self.reports.remove(&id).is_some(), "an alert is done once");
                        }
                        _ => {}
                    }
                    client.handle_persisted(now, seq);
                }
                ClientOutput::Send(_, message) => {
                    self.count(&message.body, self.server_limit);
                    let header = message.hmac.map(|header| header.to_string());
                    self.network.send(Node::Device, Node::Server, Packet::Message(message.body, header));
                }
                ClientOutput::Execute(handle, command) => {
                    let outcome = self.device.execute(&command);
                    if self.slow && self.choices.percent(50) {
                        // Now and then longer than the session has patience.
                        let delay = Duration::from_secs(self.choices.pick(&[1, 20, 70]));
                        self.executing = Some(outcome);
                        self.executing_handle = Some(handle);
                        self.network.wake_at(Node::Executor, (now + delay).since_epoch());
                    } else {
                        client.handle_outcome(now, handle, outcome).expect("it waits for this one");
                    }
                }
                ClientOutput::Atomic(handle, step) => {
                    let outcome = self.device.atomic(step);
                    client.handle_outcome(now, handle, outcome).expect("it waits for this one");
                }
                ClientOutput::Interact(handle, interaction) => {
                    let number = interaction.text.parse().expect("the number of its job");
                    if self.silent == Some(handle) {
                        // A session that was taken up again asks again; the user says no more than before.
                        continue;
                    }
                    let response = self.user_says(&interaction);
                    self.silent = (response == UserResponse::TimedOut).then_some(handle);
                    let taken = match &response {
                        // The question stays in sight until it is taken away.
                        UserResponse::TimedOut => Ok(()),
                        response => client_says(&mut self.client, now, handle, response),
                    };
                    taken.expect("it waits for this one");
                    self.said.insert(number, response);
                }
                ClientOutput::Event(ClientEvent::Overdue(_)) => {
                    self.executing = None;
                    self.executing_handle = None;
                    self.network.cancel_wake(Node::Executor);
                }
                ClientOutput::Event(_) => {}
                ClientOutput::Closed(end) => {
                    self.say(|| format!("the device's session ends: {end:?}"));
                    self.sessions_completed += usize::from(end == ClientEnd::Completed);
                    if let Some(client) = self.client.take() {
                        self.client_objects = client.partial_objects();
                    }
                    self.network.cancel_wake(Node::Device);
                    self.network.cancel_wake(Node::Executor);
                    let left =
                        !self.reports.is_empty() || self.jobs.iter().any(|job| job.fate == Fate::Pending);
                    if left && self.sessions_begun < MAX_SESSIONS {
                        self.begin();
                    }
                    return;
                }
                ClientOutput::Wait(at) => {
                    #[cfg(feature = "serde")]
                    self.move_client();
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

    /// One who may do anything that a user may.
    fn user_says(&mut self, asked: &Interaction) -> UserResponse {
        let shown = asked.kind == InteractionKind::Display;
        match self.choices.below(10) {
            0 => UserResponse::Cancelled,
            // What is shown until its time is over has been shown.
            1 if !shown => UserResponse::TimedOut,
            nth => match &asked.kind {
                InteractionKind::Confirm { .. } if nth < 4 => UserResponse::Rejected,
                InteractionKind::Display | InteractionKind::Confirm { .. } => UserResponse::Accepted,
                InteractionKind::Input(_) => UserResponse::Text("ä & b ".repeat(nth as usize * 10)),
                _ => UserResponse::Chosen(vec![1, 3]),
            },
        }
    }

    /// Takes note of a message, which must not be larger than its receiver takes.
    fn count(&mut self, body: &[u8], limit: u64) {
        self.messages += 1;
        let seed = self.network.seed();
        // The first message of each side comes before it was told.
        let message = Message::decode(self.encoding, body, &DecodeOptions::new()).expect("strict");
        let told = message.header.msg_id != "1" || body.len() < 1500;
        assert!(!told || body.len() as u64 <= limit, "seed {seed}: {} octets of {limit}", body.len());
        self.chunks += usize::from(
            message.body.commands.iter().any(|command| command.items().iter().any(|item| item.more_data)),
        );
    }
}

fn client_says(
    client: &mut Option<ClientSession>,
    now: Instant,
    handle: dm_syncml::session::CommandHandle,
    response: &UserResponse,
) -> Result<(), dm_syncml::session::Misuse> {
    client.as_mut().map_or(Ok(()), |client| client.handle_response(now, handle, response))
}

fn describe(incoming: &Incoming<'_>) -> String {
    let header = &incoming.message().header;
    let names: Vec<_> = incoming
        .message()
        .body
        .commands
        .iter()
        .filter_map(|command| match command {
            dm_syncml::Command::Status(status) => Some(format!("{} {}", status.cmd.as_str(), status.code)),
            command => Some(command.name()?.as_str().to_owned()),
        })
        .collect();
    let last = if incoming.message().body.last_in_package { "" } else { " ..." };
    format!("{}/{} {names:?}{last}", header.session_id.as_str(), header.msg_id.as_str())
}
