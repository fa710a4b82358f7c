//! A gateway behind a gateway: a job that reaches it becomes a job there (GwMO-FORA-001, `CompType`).

use dm_syncml::auth::{Credentials, Nonce, Password};
use dm_syncml::session::{
    ClientConfig, ClientEvent, ClientOutput, ClientSession, Incoming, Initiation, Outgoing, Record,
    ServerConfig,
};
use dm_syncml::{Command, DecodeOptions, Encoding, Item, SessionId};
use dm_tree::Tree;
use gwmo_model::console::JobStatus;
use gwmo_model::{
    Component, Counters, DeviceAccount, DeviceId, Gateway, GatewayConfig, GatewayOutput, GatewayRecord,
    GatewaySnapshot, JobState, Policy, ResultCode, Serial, Sighting, Subscription, TargetState, Trace,
};

use crate::town::requests::*;
use crate::town::{GATEWAY, Town, server_id, uri};

const PARENT: &str = "gw.up";

/// A gateway whose only device is the gateway of a town.
struct Family {
    parent: Gateway,
    town: Town,
    notified: bool,
    /// What is stored of the parent.
    snapshot: GatewaySnapshot,
    records: Vec<GatewayRecord>,
    nonces: (Option<Nonce>, Option<Nonce>),
    sessions: u32,
}

fn child() -> DeviceId {
    DeviceId::new("GW:1").unwrap()
}

fn own() -> Credentials {
    Credentials::new("child", Password::new("up"))
}

fn account() -> DeviceAccount {
    DeviceAccount::new(&server_id(PARENT), own(), "down")
}

fn config() -> GatewayConfig {
    GatewayConfig::new(server_id(PARENT), ServerConfig::new(uri("http://gw.up/dm")))
        .with_binding(crate::binding())
}

impl Family {
    fn new(devices: u32) -> Self {
        let mut town = Town::with_devices(3, devices);
        town.run();
        let now = town.now();
        town.gateway
            .handle_server(now, server_id(PARENT), Subscription::default().with_attached(false))
            .unwrap();
        town.drain_gateway();
        let mut parent = Gateway::new(now, config(), Tree::default()).unwrap();
        parent.handle_server(now, server_id("dms"), Subscription::default()).unwrap();
        parent.handle_device_registered(now, child(), account()).unwrap();
        parent.handle_device_seen(now, &child(), &Sighting::new(1)).unwrap();
        parent.handle_component(now, &child(), Component::ChildGateway).unwrap();
        let snapshot = parent.snapshot(now).unwrap();
        let mut family = Self {
            parent,
            town,
            notified: false,
            snapshot,
            records: Vec::new(),
            nonces: (None, None),
            sessions: 0,
        };
        family.drain();
        family.snapshot = family.parent.snapshot(now).unwrap();
        family.records.clear();
        family
    }

    /// Until the parent has nothing more to do; its answer, if there is one.
    fn drain(&mut self) -> Option<Vec<u8>> {
        let (now, mut reply) = (self.town.now(), None);
        loop {
            match self.parent.poll_output() {
                GatewayOutput::Notify { ticket, device, .. } => {
                    assert_eq!(device, child());
                    self.notified = true;
                    self.parent.handle_notify_sent(now, ticket);
                }
                GatewayOutput::Persist(seq, record) => {
                    self.records.push(record);
                    self.parent.handle_persisted(now, seq);
                }
                GatewayOutput::Reply { message: Outgoing { body, .. }, .. } => reply = Some(body),
                GatewayOutput::Wait(_) => return reply,
                _ => {}
            }
        }
    }

    fn ask(&mut self, command: &Command<'_>) -> (Vec<u16>, Vec<Item<'static>>) {
        let now = self.town.now();
        let outcome = self.parent.execute(now, &server_id("dms"), command);
        self.drain();
        let codes = outcome.items.iter().map(|item| item.code.get()).collect();
        (codes, outcome.items.into_iter().flat_map(|item| item.results).collect())
    }

    fn launch(&mut self, name: &str, trace: Trace) -> u16 {
        let policy = Policy::default().with_retries(0);
        for command in console().add_job(&job(name, "*").with_policy(policy).with_trace(trace)) {
            assert!(self.ask(&command).0.iter().all(|code| code / 100 == 2));
        }
        self.ask(&console().start_job(&key(name), None)).0[0]
    }

    fn status(&mut self, name: &str) -> JobStatus {
        let items = self.ask(&console().get_job(&key(name))).1;
        console().read_job(&key(name), &items).unwrap()
    }

    /// What became of the child, and of those behind it.
    fn target(&self, name: &str) -> (TargetState, Option<ResultCode>, Option<Counters>) {
        let number = self.parent.fanout().find(&server_id("dms"), &key(name)).unwrap();
        let record = self.parent.fanout().job(number).unwrap().record(Serial::FIRST).unwrap();
        (record.state(), record.code(), record.sub_counters())
    }

    /// The child opens a session with the parent.
    fn session(&mut self) {
        let (now, parent) = (self.town.now(), server_id(PARENT));
        let alerts = self.town.gateway.handle_upstream_opened(now, &parent);
        self.town.drain_gateway();
        let (seqs, alerts): (Vec<_>, Vec<_>) = alerts.into_iter().unzip();
        let theirs = Credentials::new(PARENT, Password::new("down"));
        let config = ClientConfig::new(uri("GW:1"), uri("http://gw.up/dm"))
            .with_encoding(Encoding::Wbxml)
            .with_md5(own(), theirs)
            .with_nonces(self.nonces.0.clone(), self.nonces.1.clone());
        self.sessions += 1;
        let id = SessionId::new(format!("{:X}", self.sessions)).unwrap();
        let mut session = ClientSession::new(now, config, Initiation::Client(id), alerts);
        loop {
            match session.poll_output() {
                ClientOutput::Persist(seq, record) => {
                    match record {
                        Record::DeviceNonce(nonce) => self.nonces.0 = Some(nonce),
                        Record::ServerNonce(nonce) => self.nonces.1 = Some(nonce),
                        _ => {}
                    }
                    session.handle_persisted(now, seq);
                }
                ClientOutput::Send(_, Outgoing { body, .. }) => {
                    let incoming = Incoming::decode(Encoding::Wbxml, &body, &DecodeOptions::new()).unwrap();
                    let entropy = [self.sessions as u8; 16];
                    self.parent.handle_device_message(now, 1, &incoming, entropy).unwrap();
                    let reply = self.drain().unwrap();
                    let incoming = Incoming::decode(Encoding::Wbxml, &reply, &DecodeOptions::new()).unwrap();
                    session.handle_message(now, &incoming, entropy).unwrap();
                }
                ClientOutput::Execute(handle, command) => {
                    let outcome = self.town.gateway.execute(now, &parent, &command);
                    self.town.drain_gateway();
                    session.handle_outcome(now, handle, outcome).unwrap();
                }
                ClientOutput::Event(ClientEvent::AlertTaken(taken, code)) => {
                    let seq = seqs[taken.get() as usize];
                    self.town.gateway.handle_alert_taken(now, &parent, seq, code);
                    self.town.drain_gateway();
                }
                ClientOutput::Event(_) => {}
                ClientOutput::Closed(_) => {
                    self.town.gateway.handle_upstream_closed(now, &parent);
                    return self.town.drain_gateway();
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// The parent stops, and begins again with what was stored.
    fn crash(&mut self) {
        let (now, records) = (self.town.now(), self.records.clone());
        let again = |_: &DeviceId| Some(account());
        self.parent = Gateway::restore(now, config(), self.snapshot.clone(), records, again).unwrap();
        self.drain();
    }

    /// Until nobody wants a session any more.
    fn run(&mut self, crashes: bool) {
        loop {
            if crashes {
                self.crash();
            }
            if core::mem::take(&mut self.notified) {
                self.session();
            }
            let parent = server_id(PARENT);
            // Who has an alert asks for a session until there is one.
            while !self.town.wanted.contains(&parent) {
                if !self.town.step() {
                    return;
                }
            }
            self.town.wanted.retain(|server| *server != parent);
            self.notified = true;
        }
    }
}

#[test]
fn a_job_reaches_devices_behind_two_gateways() {
    for crashes in [false, true] {
        let mut family = Family::new(4);
        assert_eq!(family.launch("J", Trace::default()), 202);
        assert!(family.notified);
        family.session();
        family.notified = false;
        assert_eq!(family.target("J").0, TargetState::AwaitAsync, "the job there has begun");
        let jobs: Vec<_> =
            family.town.gateway.fanout().jobs().map(|job| job.key().as_str().to_owned()).collect();
        assert_eq!(jobs, ["gw.up.1.1.1"]);
        family.run(crashes);
        let done = family.status("J");
        assert_eq!((done.state, done.counters.ok), (JobState::Completed, 1));
        let (state, _, behind) = family.target("J");
        let behind = behind.unwrap();
        assert_eq!((state, behind.total, behind.ok), (TargetState::Ok, 4, 4));
        for number in 1..=4 {
            assert_eq!(family.town.device(number).read("./Vendor/Level"), "5");
            assert_eq!(family.town.device(number).read("./Vendor/Lamp/Runs"), "1");
        }
        // What it came to is known here; there it is gone.
        assert_eq!(family.town.gateway.fanout().jobs().len(), 0);
    }
}

#[test]
fn what_fails_behind_a_gateway_is_told() {
    let mut family = Family::new(3);
    family.town.device(2).off = true;
    family.launch("J", Trace::default());
    family.run(false);
    let (state, code, behind) = family.target("J");
    assert_eq!((state, code), (TargetState::Failed, Some(ResultCode::NOT_ALL_OK)));
    let behind = behind.unwrap();
    assert_eq!((behind.ok, behind.unreachable), (2, 1));
}

#[test]
fn a_job_goes_in_no_circle_and_not_too_deep() {
    let mut family = Family::new(1);
    let through =
        |names: &[&str]| names.iter().fold(Trace::default(), |trace, name| trace.through(server_id(name)));
    assert_eq!(family.launch("own", through(&[PARENT])) / 100, 4, "it has been here");
    // It has been there: the gateway there refuses it.
    family.launch("circle", through(&[GATEWAY]));
    family.run(false);
    let (state, ..) = family.target("circle");
    assert_eq!(state, TargetState::Failed);
    assert_eq!(family.town.device(1).read("./Vendor/Lamp/Runs"), "0");
    // The fourth gateway is the last one.
    family.launch("deep", through(&["a", "b"]));
    family.run(false);
    let (state, _, behind) = family.target("deep");
    assert_eq!((state, behind.map(|behind| behind.ok)), (TargetState::Ok, Some(1)));
    assert_eq!(family.launch("deeper", through(&["a", "b", "c"])), 202);
    family.run(false);
    let (state, code, _) = family.target("deeper");
    assert_eq!((state, code), (TargetState::Skipped, Some(ResultCode::LOOP)));
    assert_eq!(family.launch("deepest", through(&["a", "b", "c", "d"])) / 100, 4);
    assert_eq!(family.town.device(1).read("./Vendor/Lamp/Runs"), "1");
}
