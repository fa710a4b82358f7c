//! Two DM servers, a gateway and its devices: real machines, on virtual time, over a network that misbehaves.
#![allow(unreachable_pub, dead_code, reason = "shared by test binaries, each of which uses a part")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dm_notification::{Credential, Digest, Notification, ServerIdentifier};
use dm_sim::{Delivery, Network};
use dm_syncml::auth::{Credentials, Nonce, Password};
use dm_syncml::session::{
    Account, Answer, ClientConfig, ClientEnd, ClientEvent, ClientOutput, ClientSession, Incoming, Initiation,
    ItemOutcome, Outcome, Outgoing, Record, ServerConfig, ServerEvent, ServerOutput, ServerSession,
    SessionKey, TransportSecurity,
};
use dm_syncml::{
    Alert, CmdId, Command, Correlator, DecodeOptions, Encoding, Instant, Item, LocUri, SessionId, StatusCode,
};
use dm_tree::{
    AccessType, Acl, Children, Context, DevInfo, ExecReply, Format, Handler, HandlerMap, NoAnswer, NodeFacts,
    NodeSpec, ServerId, Tree, Value,
};
use gwmo_model::console::GatewayAlert;
use gwmo_model::{
    AlertSeq, DeviceAccount, DeviceId, Fact, Gateway, GatewayConfig, GatewayEvent, GatewayOutput,
    GatewayRecord, GatewaySnapshot, PersistSeq, Serial, Sighting, Subscription,
};
use requests::console;

pub mod requests;

pub const GATEWAY: &str = "gw.example";
pub const GATEWAY_URL: &str = "http://gw.local/dm";
pub const MINUTE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Place {
    Server(usize),
    /// The gateway's client towards a server.
    Uplink(usize),
    Gateway,
    Device(u32),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Packet {
    Notification(Vec<u8>),
    Request(Vec<u8>),
    Answer(Vec<u8>),
}

impl Packet {
    pub fn octets(&self) -> &[u8] {
        match self {
            Self::Notification(octets) | Self::Request(octets) | Self::Answer(octets) => octets,
        }
    }

    /// Whether these octets are somewhere in it.
    pub fn has(&self, octets: &[u8]) -> bool {
        self.octets().windows(octets.len()).any(|window| window == octets)
    }
}

/// A DM server: it sends what is planned, and keeps what comes back.
pub struct Server {
    pub id: ServerId,
    session: Option<(SessionKey, ServerSession)>,
    plan: Vec<Command<'static>>,
    pub answers: Vec<Answer>,
    pub alerts: Vec<Alert<'static>>,
    pub sessions: u32,
    /// What it proves itself to the gateway with.
    pub password: &'static str,
    /// How often it challenged the gateway.
    pub challenges: u32,
    uplink: Option<(ClientSession, Vec<AlertSeq>)>,
    pub ends: Vec<ClientEnd>,
}

impl Server {
    /// What it sends in the next session, whoever opens it.
    pub fn plan(&mut self, commands: Vec<Command<'static>>) {
        self.plan = commands;
    }
}

/// A device with a tree.
pub struct Device {
    pub number: u32,
    pub tree: Tree,
    pub handlers: HandlerMap,
    session: Option<ClientSession>,
    device_nonce: Option<Nonce>,
    server_nonce: Option<Nonce>,
    seen: BTreeSet<Digest>,
    /// It is switched off.
    pub off: bool,
    /// The largest message it takes.
    pub max_msg_size: u64,
    /// The largest object it takes.
    pub max_obj_size: u64,
    /// Notifications it will miss.
    pub deaf: u32,
    pub notified: u32,
    pub refused_notifications: u32,
    pub ends: Vec<ClientEnd>,
    next_session: u32,
    /// What came with Execs.
    pub correlators: Vec<Correlator<'static>>,
    /// Whether its lamp takes its time.
    pub slow: Arc<AtomicBool>,
}

pub struct Town {
    pub network: Network<Packet, Place>,
    pub encoding: Encoding,
    pub gateway: Gateway,
    pub events: Vec<GatewayEvent>,
    pub errors: Vec<String>,
    /// What the gateway had stored.
    pub nonces: u32,
    /// Whether storing takes its time: until [`Town::store`].
    pub stores_later: bool,
    unstored: Vec<PersistSeq>,
    /// What is stored: a snapshot, and the records since.
    snapshot: Option<GatewaySnapshot>,
    records: Vec<GatewayRecord>,
    crashes: u16,
    pub unanswered: u32,
    pub servers: Vec<Server>,
    pub devices: BTreeMap<u32, Device>,
    exchanges: BTreeMap<u64, Place>,
    next_exchange: u64,
    entropy: u64,
    /// Whether the gateway opens sessions when it wants to.
    pub calls_back: bool,
    pub wanted: Vec<ServerId>,
    /// What else the gateway wants done.
    pub asked: Vec<GatewayOutput>,
    /// Servers' uplinks and devices that others can listen to; there are none to begin with.
    pub in_clear: BTreeSet<Place>,
    /// What those who listen hear, and at which of these places.
    pub overheard: Vec<(Place, Packet)>,
}

pub fn uri(text: &str) -> LocUri<'static> {
    LocUri::new(text.to_owned()).unwrap()
}

pub fn device_id(number: u32) -> DeviceId {
    DeviceId::new(&format!("IMEI:{number:015}")).unwrap()
}

pub fn serial(number: u32) -> Serial {
    Serial::new(number).unwrap()
}

pub fn server_id(name: &str) -> ServerId {
    ServerId::new(name).unwrap()
}

pub fn device_credentials(number: u32) -> Credentials {
    Credentials::new(format!("device-{number}"), Password::new(format!("secret of {number}")))
}

pub fn gateway_password(number: u32) -> String {
    format!("what the gateway shows {number}")
}

pub fn account(number: u32) -> DeviceAccount {
    DeviceAccount::new(&server_id(GATEWAY), device_credentials(number), &gateway_password(number))
}

/// Counts how often it was executed.
struct Lamp {
    runs: u32,
    slow: Arc<AtomicBool>,
}

impl Handler for Lamp {
    fn node(&mut self, _: &Context<'_>, path: &[&str]) -> Option<NodeFacts> {
        match path {
            [] => Some(NodeFacts::interior()),
            ["Run"] => Some(NodeFacts::leaf(Format::Null).with_access(AccessType::EXEC)),
            ["Runs"] => Some(NodeFacts::leaf(Format::Int)),
            _ => None,
        }
    }

    fn get(&mut self, _: &Context<'_>, _: &[&str]) -> Result<Vec<u8>, NoAnswer> {
        Ok(self.runs.to_string().into_bytes())
    }

    fn children(&mut self, _: &Context<'_>, _: &[&str], out: &mut Children) -> Result<(), NoAnswer> {
        out.push("Run");
        out.push("Runs");
        Ok(())
    }

    fn exec(&mut self, _: &Context<'_>, _: &[&str], _: &[u8]) -> ExecReply {
        self.runs += 1;
        match self.slow.load(Ordering::Relaxed) {
            true => ExecReply::Accepted,
            false => ExecReply::Done(StatusCode::OK),
        }
    }
}

impl Device {
    pub fn new(number: u32) -> Self {
        let mut tree = Tree::default();
        let info = DevInfo {
            dev_id: device_id(number).to_string(),
            man: "Example".into(),
            model: format!("EX-{number}"),
            dm_v: "1.2".into(),
            lang: "en".into(),
        };
        info.install(&mut tree).unwrap();
        tree.insert("./Vendor/Level", NodeSpec::leaf(Value::int(1))).unwrap();
        tree.insert("./Vendor/SwV", NodeSpec::leaf(Value::chr(format!("7.{}", number % 2)))).unwrap();
        let mut handlers = HandlerMap::new();
        let slow = Arc::new(AtomicBool::new(false));
        let lamp = Lamp { runs: 0, slow: slow.clone() };
        handlers.mount(&mut tree, "./Vendor/Lamp", lamp).unwrap();
        let acl = format!("Add={GATEWAY}&Delete={GATEWAY}&Exec={GATEWAY}&Get=*&Replace={GATEWAY}");
        tree.set_acl("./Vendor", Acl::parse(&acl).unwrap()).unwrap();
        Self {
            number,
            tree,
            handlers,
            session: None,
            device_nonce: None,
            server_nonce: None,
            seen: BTreeSet::new(),
            off: false,
            max_msg_size: 64 << 10,
            max_obj_size: 1 << 20,
            deaf: 0,
            notified: 0,
            refused_notifications: 0,
            ends: Vec::new(),
            next_session: 0x8000,
            correlators: Vec::new(),
            slow,
        }
    }

    /// What a notification of the gateway is signed with, beside its password.
    pub fn server_nonce_octets(&self) -> Vec<u8> {
        self.server_nonce.as_ref().map_or(&[][..], Nonce::as_bytes).to_vec()
    }

    /// Reads the device's own tree.
    pub fn read(&mut self, node: &str) -> String {
        let owner = server_id(GATEWAY);
        let got = self.tree.act_for(&owner, &mut self.handlers).get(node).unwrap();
        String::from_utf8(got.into_data()).unwrap()
    }

    fn config(&self, encoding: Encoding) -> ClientConfig {
        let server = Credentials::new(GATEWAY, Password::new(gateway_password(self.number)));
        ClientConfig::new(uri(device_id(self.number).as_str()), uri(GATEWAY_URL))
            .with_encoding(encoding)
            .with_md5(device_credentials(self.number), server)
            .with_nonces(self.device_nonce.clone(), self.server_nonce.clone())
            .with_dev_info(DevInfo::items(&self.tree))
            .with_max_msg_size(self.max_msg_size)
            .with_max_obj_size(self.max_obj_size)
            .with_attempts(4, Duration::from_secs(10))
    }
}

impl Town {
    pub fn new(seed: u64, config: GatewayConfig) -> Self {
        let mut gateway = Gateway::new(Instant::EPOCH, config, Tree::default()).unwrap();
        let servers = ["dms.a", "dms.b"].map(|name| {
            gateway.handle_server(Instant::EPOCH, server_id(name), Subscription::default()).unwrap();
            Server {
                id: server_id(name),
                session: None,
                plan: Vec::new(),
                answers: Vec::new(),
                alerts: Vec::new(),
                sessions: 0,
                password: "down",
                challenges: 0,
                uplink: None,
                ends: Vec::new(),
            }
        });
        Self {
            network: Network::new(seed),
            encoding: Encoding::Wbxml,
            gateway,
            events: Vec::new(),
            errors: Vec::new(),
            nonces: 0,
            stores_later: false,
            unstored: Vec::new(),
            snapshot: None,
            records: Vec::new(),
            crashes: 0,
            unanswered: 0,
            servers: servers.into(),
            devices: BTreeMap::new(),
            exchanges: BTreeMap::new(),
            next_exchange: 0,
            entropy: 0,
            calls_back: true,
            wanted: Vec::new(),
            asked: Vec::new(),
            in_clear: BTreeSet::new(),
            overheard: Vec::new(),
        }
    }

    pub fn config() -> GatewayConfig {
        GatewayConfig::new(server_id(GATEWAY), ServerConfig::new(uri(GATEWAY_URL)))
            .with_binding(crate::binding())
    }

    /// A town with this many devices, all attached.
    pub fn with_devices(seed: u64, count: u32) -> Self {
        let mut town = Self::new(seed, Self::config());
        for number in 1..=count {
            town.add_device(number);
        }
        town.drain_gateway();
        town
    }

    pub fn add_device(&mut self, number: u32) {
        let now = self.now();
        self.gateway.handle_device_registered(now, device_id(number), account(number)).unwrap();
        let address = format!("10.0.0.{number}");
        let transport = self.transport(Place::Device(number));
        let sighting = Sighting::new(1).with(Fact::LocalAddress, &address).over(transport);
        self.gateway.handle_device_seen(now, &device_id(number), &sighting).unwrap();
        self.devices.insert(number, Device::new(number));
    }

    /// Whether others can listen to what goes there and comes from there.
    pub fn transport(&self, place: Place) -> TransportSecurity {
        TransportSecurity::confidential_if(!self.in_clear.contains(&place))
    }

    pub fn now(&self) -> Instant {
        Instant::new(self.network.now())
    }

    pub fn device(&mut self, number: u32) -> &mut Device {
        self.devices.get_mut(&number).unwrap()
    }

    fn entropy(&mut self) -> [u8; 16] {
        self.entropy += 1;
        let mut entropy = [0xa5; 16];
        entropy[..8].copy_from_slice(&self.entropy.to_be_bytes());
        entropy
    }

    /// A server opens a session with the gateway, sends these commands, and returns what came back once it is over.
    pub fn manage(&mut self, server: usize, commands: Vec<Command<'static>>) -> Vec<Answer> {
        while self.servers[server].uplink.is_some() {
            assert!(self.step(), "a session hangs");
        }
        self.servers[server].plan = commands;
        self.servers[server].answers.clear();
        self.open_uplink(server);
        while self.servers[server].uplink.is_some() {
            assert!(self.step(), "a session hangs");
        }
        std::mem::take(&mut self.servers[server].answers)
    }

    /// As [`manage`](Self::manage), when everything must succeed; returns the items of all Gets.
    pub fn ask(&mut self, server: usize, commands: Vec<Command<'static>>) -> Vec<Item<'static>> {
        let count = commands.len();
        let answers = self.manage(server, commands);
        assert_eq!(answers.len(), count, "an answer is missing");
        for answer in &answers {
            assert!(answer.code().is_success(), "{answer:?}");
        }
        answers.into_iter().flat_map(Answer::into_items).collect()
    }

    /// The codes of the commands, in order.
    pub fn codes(&mut self, server: usize, commands: Vec<Command<'static>>) -> Vec<u16> {
        self.manage(server, commands).iter().map(|answer| answer.code().get()).collect()
    }

    pub fn open_uplink(&mut self, server: usize) {
        let now = self.now();
        let id = self.servers[server].id.clone();
        let alerts = self.gateway.handle_upstream_opened(now, &id);
        self.gateway.handle_upstream_transport(now, &id, self.transport(Place::Uplink(server)));
        self.drain_gateway();
        let own = Credentials::new("gateway", Password::new("up"));
        let theirs = Credentials::new(id.as_str(), Password::new("down"));
        let config = ClientConfig::new(uri("urn:gateway:1"), uri("http://dms.example/dm"))
            .with_encoding(self.encoding)
            .with_atomic()
            .with_md5(own, theirs);
        self.servers[server].sessions += 1;
        let session_id = SessionId::new(format!("{:X}", self.servers[server].sessions)).unwrap();
        let (seqs, alerts): (Vec<_>, Vec<_>) = alerts.into_iter().unzip();
        let session = ClientSession::new(now, config, Initiation::Client(session_id), alerts);
        self.servers[server].uplink = Some((session, seqs));
        self.drain_uplink(server);
    }

    /// The device opens a session by itself.
    pub fn call_home(&mut self, number: u32) {
        self.call_home_with(number, Vec::new());
    }

    /// The device opens a session by itself, to say this.
    pub fn call_home_with(&mut self, number: u32, alerts: Vec<Alert<'static>>) {
        let (now, encoding) = (self.now(), self.encoding);
        let device = self.device(number);
        device.next_session += 1;
        let id = SessionId::new(format!("{:X}", device.next_session)).unwrap();
        let config = device.config(encoding);
        device.session = Some(ClientSession::new(now, config, Initiation::Client(id), alerts));
        self.drain_device(number);
    }

    /// Everything that waits to be stored is, the last first.
    pub fn store(&mut self) {
        let now = self.now();
        while let Some(seq) = self.unstored.pop() {
            self.gateway.handle_persisted(now, seq);
        }
        self.drain_gateway();
    }

    /// Whether records wait to be stored.
    pub const fn has_unstored(&self) -> bool {
        !self.unstored.is_empty()
    }

    /// Stores the gateway as it is.
    pub fn keep(&mut self) {
        self.drain_gateway();
        self.snapshot = Some(self.gateway.snapshot(self.now()).unwrap());
        self.records.clear();
    }

    /// What was stored since.
    pub fn records(&self) -> &[GatewayRecord] {
        &self.records
    }

    pub fn kept(&self) -> GatewaySnapshot {
        self.snapshot.clone().unwrap()
    }

    /// The gateway stops, and begins again with what was stored. Its sessions are over.
    pub fn crash(&mut self) {
        self.crashes += 1;
        let (now, first) = (self.now(), 1000 * self.crashes);
        let account = |id: &DeviceId| {
            let number = id.as_str()["IMEI:".len()..].parse().ok()?;
            let session_id = dm_notification::SessionId::new(first).unwrap();
            Some(account(number).with_session_id(session_id))
        };
        let records = self.records.clone();
        self.gateway = Gateway::restore(now, Self::config(), self.kept(), records, account).unwrap();
        self.exchanges.clear();
        for server in 0..self.servers.len() {
            self.servers[server].uplink = None;
            self.network.cancel_wake(Place::Uplink(server));
        }
        self.drain_gateway();
    }

    /// How many records there are since the snapshot.
    pub fn stored(&self) -> usize {
        self.records.len()
    }

    /// The same gateway, stopped when so many records were stored and begun again, in a town without devices.
    pub fn stopped_after(&self, kept: usize) -> Self {
        let mut town = Self::new(self.network.seed(), Self::config());
        town.snapshot.clone_from(&self.snapshot);
        town.records = self.records[..kept].to_vec();
        town.crash();
        town
    }

    /// Until nothing more is under way or planned.
    pub fn run(&mut self) {
        let mut steps = 0;
        while self.step() {
            steps += 1;
            assert!(steps < 1_000_000, "it never ends");
        }
    }

    /// For this long.
    pub fn run_for(&mut self, time: Duration) {
        self.run_until(self.network.now() + time);
    }

    /// Until this time.
    pub fn run_until(&mut self, at: Duration) {
        while let Some((at, delivery)) = self.network.next_until(at) {
            self.deliver(Instant::new(at), delivery);
        }
    }

    /// One thing happens; whether there was one.
    pub fn step(&mut self) -> bool {
        let Some((at, delivery)) = self.network.next() else { return false };
        self.deliver(Instant::new(at), delivery);
        true
    }

    fn deliver(&mut self, now: Instant, delivery: Delivery<Packet, Place>) {
        match delivery {
            Delivery::Wake { node: Place::Gateway } => {
                self.gateway.handle_tick(now);
                self.drain_gateway();
            }
            Delivery::Wake { node: Place::Uplink(server) } => {
                if let Some((session, _)) = &mut self.servers[server].uplink {
                    session.handle_tick(now);
                }
                self.drain_uplink(server);
            }
            Delivery::Wake { node: Place::Device(number) } => {
                if let Some(session) = &mut self.device(number).session {
                    session.handle_tick(now);
                }
                self.drain_device(number);
            }
            Delivery::Wake { .. } => {}
            Delivery::Message { from, to, message, .. } => self.message(now, from, to, &message),
        }
    }

    fn message(&mut self, now: Instant, from: Place, to: Place, packet: &Packet) {
        let entropy = self.entropy();
        let body = match packet {
            Packet::Notification(octets) => {
                if let Place::Device(number) = to {
                    self.notified(now, number, octets);
                }
                return;
            }
            Packet::Request(body) | Packet::Answer(body) => body,
        };
        // What the gateway answers was heard when it was sent.
        if self.in_clear.contains(&from) {
            self.overheard.push((from, packet.clone()));
        } else if from != Place::Gateway && self.in_clear.contains(&to) {
            self.overheard.push((to, packet.clone()));
        }
        let origin = format!("{from:?}");
        let incoming = Incoming::decode(self.encoding, body, &DecodeOptions::new()).unwrap();
        let incoming = incoming.with_origin(Some(&origin)).over(self.transport(from));
        match to {
            Place::Gateway => {
                self.next_exchange += 1;
                let exchange = self.next_exchange;
                self.exchanges.insert(exchange, from);
                if let Err(error) = self.gateway.handle_device_message(now, exchange, &incoming, entropy) {
                    self.errors.push(format!("{from:?}: {error}"));
                }
                self.drain_gateway();
            }
            Place::Device(number) => {
                let device = self.device(number);
                if let Some(session) = device.session.as_mut().filter(|_| !device.off) {
                    // A late copy of an answer finds nobody waiting.
                    let _ = session.handle_message(now, &incoming, entropy);
                }
                self.drain_device(number);
            }
            Place::Server(server) => self.serve(now, server, &incoming, entropy),
            Place::Uplink(server) => {
                let challenge = |command: &Command<'_>| match command {
                    Command::Status(status) => [401, 407].contains(&status.code.get()),
                    _ => false,
                };
                let challenged = incoming.message().body.commands.iter().any(challenge);
                self.servers[server].challenges += u32::from(challenged);
                if let Some((session, _)) = &mut self.servers[server].uplink {
                    let _ = session.handle_message(now, &incoming, entropy);
                }
                self.drain_uplink(server);
            }
        }
    }

    /// Package 0 arrives (DM Notification 1.2.1): checked like a device does it.
    fn notified(&mut self, now: Instant, number: u32, octets: &[u8]) {
        let encoding = self.encoding;
        let device = self.device(number);
        if device.off {
            return;
        }
        if device.deaf > 0 {
            device.deaf -= 1;
            return;
        }
        let notification = Notification::decode(octets).unwrap();
        let server = ServerIdentifier::new(GATEWAY).unwrap();
        let credential = Credential::new(server, gateway_password(number));
        let nonce = device.server_nonce.as_ref().map_or(&[][..], Nonce::as_bytes);
        if notification.verify(&credential, nonce).is_err() {
            device.refused_notifications += 1;
            return;
        }
        if !device.seen.insert(notification.digest()) || device.session.is_some() {
            return;
        }
        device.notified += 1;
        let id = SessionId::new(notification.trigger().session_id().to_string()).unwrap();
        let config = device.config(encoding);
        device.session = Some(ClientSession::new(now, config, Initiation::Server(id), Vec::new()));
        self.drain_device(number);
    }

    fn serve(&mut self, now: Instant, server: usize, incoming: &Incoming<'_>, entropy: [u8; 16]) {
        let at = &mut self.servers[server];
        let key = incoming.key();
        if at.session.as_ref().is_none_or(|(known, _)| *known != key) {
            let own = Credentials::new(at.id.as_str(), Password::new(at.password));
            let account = Account::md5(Credentials::new("gateway", Password::new("up")), own);
            let config = ServerConfig::new(uri("http://dms.example/dm"));
            at.session = Some((key, ServerSession::new(now, config, Some(account))));
        }
        let Some((_, session)) = &mut at.session else { return };
        if let Err(error) = session.handle_message(now, incoming, entropy) {
            return self.errors.push(format!("server: {error}"));
        }
        loop {
            let at = &mut self.servers[server];
            let Some((_, session)) = &mut at.session else { return };
            match session.poll_output() {
                ServerOutput::Persist(seq, _) => session.handle_persisted(now, seq),
                ServerOutput::Event(ServerEvent::Started(_)) => {
                    for command in at.plan.drain(..) {
                        session.queue(command).unwrap();
                    }
                }
                ServerOutput::Event(ServerEvent::Answered(_, answer)) => at.answers.push(answer),
                ServerOutput::Event(ServerEvent::GivenUp(_, why)) => {
                    self.errors.push(format!("given up: {why:?}"))
                }
                ServerOutput::Event(ServerEvent::GenericAlert(_, alert)) => {
                    at.alerts.push(alert.to_alert(CmdId::new("1").unwrap()));
                }
                ServerOutput::Reply(Outgoing { body, .. }) => {
                    self.network.send(Place::Server(server), Place::Uplink(server), Packet::Answer(body));
                }
                ServerOutput::Wait(_) => return,
                _ => {}
            }
        }
    }

    pub fn drain_gateway(&mut self) {
        let now = self.now();
        loop {
            match self.gateway.poll_output() {
                GatewayOutput::Notify { ticket, device, address, package_0 } => {
                    let number: u32 = device.as_str()["IMEI:".len()..].parse().unwrap();
                    assert!(address.is_none_or(|address| address == format!("10.0.0.{number}")));
                    let (to, packet) = (Place::Device(number), Packet::Notification(package_0));
                    if self.in_clear.contains(&to) {
                        self.overheard.push((to, packet.clone()));
                    }
                    self.network.send(Place::Gateway, to, packet);
                    self.gateway.handle_notify_sent(now, ticket);
                }
                GatewayOutput::Reply { exchange, message: Outgoing { body, .. } } => {
                    if let Some(to) = self.exchanges.remove(&exchange) {
                        if self.in_clear.contains(&to) {
                            self.overheard.push((to, Packet::Answer(body.clone())));
                        }
                        self.network.send(Place::Gateway, to, Packet::Answer(body));
                    }
                }
                GatewayOutput::NoReply { exchange } => {
                    self.unanswered += 1;
                    self.exchanges.remove(&exchange);
                }
                GatewayOutput::OpenSession { server } => {
                    let index = self.servers.iter().position(|at| at.id == server);
                    self.wanted.push(server);
                    // Others are not in the town.
                    let Some(index) = index else { continue };
                    if self.calls_back && self.servers[index].uplink.is_none() {
                        self.open_uplink(index);
                    }
                }
                GatewayOutput::Persist(seq, record) => {
                    self.nonces += u32::from(matches!(record, GatewayRecord::Nonce(_)));
                    self.records.push(record);
                    match self.stores_later {
                        true => self.unstored.push(seq),
                        false => self.gateway.handle_persisted(now, seq),
                    }
                }
                GatewayOutput::Event(event) => self.events.push(event),
                GatewayOutput::Wait(at) => {
                    match at {
                        Some(at) => {
                            self.network.wake_at(Place::Gateway, at.since_epoch().max(self.network.now()))
                        }
                        None => self.network.cancel_wake(Place::Gateway),
                    }
                    return;
                }
                other => self.asked.push(other),
            }
        }
    }

    fn drain_uplink(&mut self, server: usize) {
        let now = self.now();
        let id = self.servers[server].id.clone();
        while let Some((session, seqs)) = &mut self.servers[server].uplink {
            match session.poll_output() {
                ClientOutput::Persist(seq, _) => session.handle_persisted(now, seq),
                ClientOutput::Event(ClientEvent::AlertTaken(taken, code)) => {
                    let seq = seqs[taken.get() as usize];
                    self.gateway.handle_alert_taken(now, &id, seq, code);
                    self.drain_gateway();
                }
                ClientOutput::Event(_) => {}
                ClientOutput::Send(_, Outgoing { body, .. }) => {
                    self.network.send(Place::Uplink(server), Place::Server(server), Packet::Request(body));
                }
                ClientOutput::Execute(handle, command) => {
                    let outcome = self.gateway.execute(now, &id, &command);
                    session.handle_outcome(now, handle, outcome).unwrap();
                    self.drain_gateway();
                }
                ClientOutput::Atomic(handle, step) => {
                    let outcome = self.gateway.handle_atomic(now, &id, step);
                    session.handle_outcome(now, handle, outcome).unwrap();
                    self.drain_gateway();
                }
                ClientOutput::Closed(end) => {
                    self.servers[server].ends.push(end);
                    self.servers[server].uplink = None;
                    self.network.cancel_wake(Place::Uplink(server));
                    self.gateway.handle_upstream_closed(now, &id);
                    self.drain_gateway();
                }
                ClientOutput::Wait(at) => {
                    match at {
                        Some(at) => self.network.wake_at(Place::Uplink(server), at.since_epoch()),
                        None => self.network.cancel_wake(Place::Uplink(server)),
                    }
                    return;
                }
                _ => panic!("unknown output"),
            }
        }
    }

    fn drain_device(&mut self, number: u32) {
        let now = self.now();
        loop {
            let Some(device) = self.devices.get_mut(&number) else { return };
            let Some(session) = &mut device.session else { return };
            match session.poll_output() {
                ClientOutput::Persist(seq, record) => {
                    match record {
                        Record::DeviceNonce(nonce) => device.device_nonce = Some(nonce),
                        Record::ServerNonce(nonce) => device.server_nonce = Some(nonce),
                        _ => {}
                    }
                    session.handle_persisted(now, seq);
                }
                ClientOutput::Send(_, Outgoing { body, .. }) => {
                    self.network.send(Place::Device(number), Place::Gateway, Packet::Request(body));
                }
                ClientOutput::Execute(handle, command) => {
                    let server = server_id(GATEWAY);
                    if let Command::Exec(exec) = &command {
                        device.correlators.extend(exec.correlator.clone());
                    }
                    let done = device.tree.execute(&server, &command, &mut device.handlers);
                    let items = done.outcomes.into_iter().map(|item| {
                        let mut outcome = ItemOutcome::new(item.status);
                        outcome.results = item.results;
                        outcome
                    });
                    session.handle_outcome(now, handle, Outcome::each(items.collect())).unwrap();
                }
                ClientOutput::Closed(end) => {
                    device.ends.push(end);
                    device.session = None;
                    self.network.cancel_wake(Place::Device(number));
                    return;
                }
                ClientOutput::Wait(at) => {
                    match at {
                        Some(at) => self.network.wake_at(Place::Device(number), at.since_epoch()),
                        None => self.network.cancel_wake(Place::Device(number)),
                    }
                    return;
                }
                _ => {}
            }
        }
    }

    /// The alerts a server got, read.
    pub fn alerts(&self, server: usize) -> Vec<GatewayAlert> {
        let read = |alert| console().read_alert(alert).unwrap().expect("one of ours");
        self.servers[server].alerts.iter().map(read).collect()
    }
}
