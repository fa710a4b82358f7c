//! A gateway behind the real program: inventory, groups, fanouts and images from the command line.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::Method;
use dm_examples::clock::{Clock, entropy};
use dm_syncml::auth::{Credentials, Nonce, Password};
use dm_syncml::http::{Action, Policy, ResponseHead, judge, request_fields};
use dm_syncml::session::{
    ClientConfig, ClientEvent, ClientOutput, ClientSession, Incoming, Initiation, Record, ServerConfig,
};
use dm_syncml::{DecodeOptions, LocUri, SessionId};
use dm_tree::{DevInfo, ServerId, Tree};
use gwmo_model::{
    BlobNo, ContentDigest, DeviceAccount, DeviceId, Fact, Gateway, GatewayConfig, GatewayOutput,
    ImagesOutput, Sighting, Subscription,
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::world::{World, http};

struct TestGateway {
    gateway: Gateway,
    account: Value,
    nonces: (Option<Nonce>, Option<Nonce>),
    clock: Clock,
    server: ServerId,
    images: HashMap<BlobNo, Vec<u8>>,
}

impl TestGateway {
    fn new(account: Value, devices: u32) -> Self {
        let clock = Clock::start();
        let address = LocUri::new("http://127.0.0.1/dm").unwrap();
        let config = GatewayConfig::new(ServerId::new("gw").unwrap(), ServerConfig::new(address));
        let mut tree = Tree::default();
        let info = DevInfo {
            dev_id: account["id"].as_str().unwrap().into(),
            man: "Example".into(),
            model: "Gateway".into(),
            dm_v: "1.0".into(),
            lang: "en".into(),
        };
        info.install(&mut tree).unwrap();
        let mut gateway = Gateway::new(clock.now(), config, tree).unwrap();
        let server = ServerId::new(account["server_id"].as_str().unwrap()).unwrap();
        gateway.handle_server(clock.now(), server.clone(), Subscription::default()).unwrap();
        for number in 1..=devices {
            let id = DeviceId::new(&format!("camera-{number}")).unwrap();
            let mine = Credentials::new("camera", Password::new("secret"));
            let account = DeviceAccount::new(&ServerId::new("gw").unwrap(), mine, "another");
            gateway.handle_device_registered(clock.now(), id.clone(), account).unwrap();
            let sighting = Sighting::new(0).with(Fact::LocalAddress, "127.0.0.1:9");
            gateway.handle_device_seen(clock.now(), &id, &sighting).unwrap();
        }
        let mut gateway =
            Self { gateway, account, nonces: (None, None), clock, server, images: HashMap::new() };
        gateway.drain();
        gateway
    }

    /// Devices hear nothing here, and nothing is kept.
    fn drain(&mut self) {
        let now = self.clock.now();
        self.gateway.handle_tick(now);
        // What the addresses of images are made of.
        self.gateway.handle_entropy(now, entropy());
        loop {
            match self.gateway.poll_output() {
                GatewayOutput::Notify { ticket, .. } => self.gateway.handle_notify_sent(now, ticket),
                GatewayOutput::Persist(seq, _) => self.gateway.handle_persisted(now, seq),
                GatewayOutput::StoreImage { blob, offset, octets } => {
                    let stored = self.images.entry(blob).or_default();
                    stored.truncate(offset as usize);
                    stored.extend(octets);
                    let length = stored.len() as u64;
                    self.gateway.handle_images(now, |images, now| images.handle_stored(now, blob, length));
                }
                GatewayOutput::Image(ImagesOutput::HashRequest { blob, .. }) => {
                    let digest = ContentDigest::new(Sha256::digest(&self.images[&blob]).into());
                    self.gateway.handle_images(now, |images, now| images.handle_digest(now, blob, digest));
                }
                GatewayOutput::Wait(_) => return,
                _ => {}
            }
        }
    }

    async fn session(&mut self, url: &str, number: u32) {
        let text = |name: &str| self.account[name].as_str().unwrap().to_owned();
        let (numbers, alerts): (Vec<_>, Vec<_>) =
            self.gateway.handle_upstream_opened(self.clock.now(), &self.server).into_iter().unzip();
        let config =
            ClientConfig::new(LocUri::new(text("id")).unwrap(), LocUri::new(text("address")).unwrap())
                .with_atomic()
                .with_md5(
                    Credentials::new(text("user"), Password::new(text("password"))),
                    Credentials::new(text("server_user"), Password::new(text("server_password"))),
                )
                .with_nonces(self.nonces.0.clone(), self.nonces.1.clone())
                .with_dev_info(DevInfo::items(self.gateway.tree()));
        let id = SessionId::new(format!("{number:X}")).unwrap();
        let mut session = ClientSession::new(self.clock.now(), config, Initiation::Client(id), alerts);
        loop {
            let now = self.clock.now();
            match session.poll_output() {
                ClientOutput::Execute(handle, command) => {
                    let outcome = self.gateway.execute(now, &self.server, &command);
                    session.handle_outcome(now, handle, outcome).unwrap();
                }
                ClientOutput::Atomic(handle, step) => {
                    let outcome = self.gateway.handle_atomic(now, &self.server, step);
                    session.handle_outcome(now, handle, outcome).unwrap();
                }
                ClientOutput::Send(_, message) => {
                    let fields = request_fields(&message, None);
                    let answer = http().send(Method::POST, url, fields, message.body, 4 << 20).await.unwrap();
                    let head = ResponseHead::read(answer.status.as_u16(), |name| {
                        answer.headers.get(name).map(|value| value.as_bytes())
                    });
                    let Action::Take { encoding, .. } = judge(&head, url, 0, &Policy::new()) else {
                        panic!("{answer:?}")
                    };
                    let answer = Incoming::decode(encoding, &answer.body, &DecodeOptions::new()).unwrap();
                    session.handle_message(now, &answer, entropy()).unwrap();
                }
                ClientOutput::Persist(seq, record) => {
                    match record {
                        Record::DeviceNonce(nonce) => self.nonces.0 = Some(nonce),
                        Record::ServerNonce(nonce) => self.nonces.1 = Some(nonce),
                        _ => {}
                    }
                    session.handle_persisted(now, seq);
                }
                ClientOutput::Event(ClientEvent::AlertTaken(id, code)) => {
                    let number = numbers[id.get() as usize];
                    self.gateway.handle_alert_taken(now, &self.server, number, code);
                }
                ClientOutput::Closed(_) => break,
                _ => {}
            }
            self.drain();
        }
        self.gateway.handle_upstream_closed(self.clock.now(), &self.server);
        self.drain();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_is_asked_from_the_command_line() {
    let world = World::plain("");
    let account = world.add("urn:uuid:gw", &["--class", "gateway"]);
    let mut gateway = TestGateway::new(account, 5);
    let stop = Arc::new(AtomicBool::new(false));
    let (url, stopped) = (world.devices.clone(), Arc::clone(&stop));
    let visiting = tokio::spawn(async move {
        for number in 1.. {
            if stopped.load(Ordering::Relaxed) {
                break;
            }
            gateway.session(&url, number).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let world = tokio::task::spawn_blocking(move || {
        let gw = "urn:uuid:gw";
        let summary = world.json(&["gateway", "summary", gw]);
        assert_eq!((&summary["total"], &summary["attached"]), (&5.into(), &5.into()));
        let inventory = world.json(&["gateway", "inventory", gw]);
        let ids: Vec<&str> =
            inventory["devices"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["camera-1", "camera-2", "camera-3", "camera-4", "camera-5"]);
        world.json(&["group", "create", gw, "some", "camera-1", "camera-2"]);
        let group = &world.json(&["group", "list"])["groups"][0];
        assert_eq!((&group["state"], &group["count"]), (&"confirmed".into(), &2.into()));
        let started = world.json(&[
            "fanout",
            "start",
            gw,
            "J1",
            "--group",
            "some",
            "--set",
            "./Vendor/Lamp/Level=7",
            "--format",
            "int",
            "--get",
            "./Vendor/Lamp/Level",
            "--window",
            "10",
        ]);
        for work in started["work"].as_array().unwrap() {
            assert!(matches!(work["state"].as_str(), Some("done" | "accepted")), "{work}");
        }
        let results = world.json(&["fanout", "results", gw, "J1"]);
        assert_eq!((&results["job"]["state"], &results["job"]["total"]), (&"running".into(), &2.into()));
        assert_eq!(results["records"].as_array().unwrap().len(), 2);
        let jobs = world.json(&["fanout", "list"]);
        assert_eq!((&jobs["jobs"][0]["key"], &jobs["jobs"][0]["in_flight"]), (&"J1".into(), &2.into()));
        world.json(&["fanout", "cancel", gw, "J1"]);
        let watched = world.cli(&["fanout", "watch", gw, "J1", "--interval", "1", "--json"]);
        assert_eq!(watched.status.code(), Some(1), "cancelled is not done");
        let job: Value = serde_json::from_slice(&watched.stdout).unwrap();
        assert_eq!((&job["state"], &job["outcomes"]["cancelled"]), (&"cancelled".into(), &2.into()));
        let again = world.cli(&["fanout", "start", gw, "J1", "--group", "some", "--get", "./A", "--json"]);
        assert_eq!(again.status.code(), Some(1), "a job of this name is there");
        assert_eq!(world.json(&["fanout", "list"])["jobs"][0]["state"], "cancelled", "and is what it was");
        world.json(&["fanout", "delete", gw, "J1"]);
        assert_eq!(world.json(&["fanout", "list"])["jobs"].as_array().unwrap().len(), 0);

        // An image of many messages.
        let image = world.path("image");
        std::fs::write(&image, (0..200_000_u32).map(|at| (at % 251) as u8).collect::<Vec<_>>()).unwrap();
        let put = world.json(&["image", "put", gw, "fw", image.to_str().unwrap(), "--image-version", "2"]);
        assert_eq!((&put["state"], &put["size"]), (&"ready".into(), &200_000.into()));
        let shown = world.json(&["image", "show", gw, "fw"]);
        assert!(shown["uri"].as_str().unwrap().starts_with("http://127.0.0.1/dm/images/"), "{shown}");
        let answers = world.cli(&["fanout", "answers", gw, "J1", "1"]);
        assert_eq!(answers.status.code(), Some(1), "a job that is gone");
        let images = world.cli(&["image", "show", gw, "none"]);
        assert_eq!(images.status.code(), Some(1), "an image that is not there");

        assert_eq!(world.cli(&["group", "create", gw, "bad", ""]).status.code(), Some(2));
        assert_eq!(world.cli(&["fanout", "start", gw, "J2", "--group", "some"]).status.code(), Some(2));
        world
    })
    .await
    .unwrap();
    stop.store(true, Ordering::Relaxed);
    visiting.await.unwrap();
    drop(world);
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_and_fanouts_are_what_their_gateway_says() {
    const GW: &str = "urn:uuid:gw";
    let mut world = World::plain("");
    let mut gateway = TestGateway::new(world.add(GW, &["--class", "gateway"]), 3);
    let job = |world: &World, key: &str| {
        let jobs = world.json(&["fanout", "list"]);
        jobs["jobs"].as_array().unwrap().iter().find(|job| job["key"] == key).cloned().unwrap_or_default()
    };
    let group = |world: &World| world.json(&["group", "list"])["groups"].get(0).cloned().unwrap_or_default();
    world.queue(&["group", "create", GW, "some", "camera-1"]);
    world.queue(&["fanout", "start", GW, "J1", "--group", "some", "--get", "./A"]);
    world.queue(&["fanout", "start", GW, "J2", "--group", "nobody", "--get", "./A"]);
    for _ in 0..2 {
        let group = group(&world);
        assert_eq!(
            (&group["state"], &group["count"]),
            (&"requested".into(), &Value::Null),
            "not before it says so"
        );
        for key in ["J1", "J2"] {
            assert_eq!(job(&world, key)["state"], "requested", "{key}");
        }
        world.restart();
    }
    gateway.session(&world.devices, 1).await;
    assert_eq!((&group(&world)["state"], &group(&world)["count"]), (&"confirmed".into(), &1.into()));
    assert_eq!((&job(&world, "J1")["state"], &job(&world, "J1")["total"]), (&"running".into(), &1.into()));
    let refused = job(&world, "J2");
    assert_eq!(refused["state"], "refused", "{refused}\n{}", world.log());
    assert!(refused["reason"].as_str().unwrap().starts_with("start fanout J2: 4"), "{refused}");
    let watched = world.cli(&["fanout", "list"]);
    assert!(String::from_utf8_lossy(&watched.stdout).contains("refused"));

    // A name that is taken stays what it is, and nothing of the second request reaches it.
    let again = world.queue(&["group", "create", GW, "some", "camera-2", "camera-3"]);
    gateway.session(&world.devices, 2).await;
    assert_eq!((&world.work(again)["state"], &world.work(again)["code"]), (&"failed".into(), &418.into()));
    let members = world.work(again + 1);
    assert_eq!((&members["state"], &members["tries"]), (&"failed".into(), &0.into()), "{members}");
    assert_eq!((&group(&world)["state"], &group(&world)["count"]), (&"confirmed".into(), &1.into()));

    // What changes it shows when the gateway has said so.
    world.queue(&["group", "add", GW, "some", "camera-2"]);
    world.queue(&["fanout", "pause", GW, "J1"]);
    assert_eq!(group(&world)["count"], 1);
    gateway.session(&world.devices, 3).await;
    assert_eq!((&group(&world)["count"], &job(&world, "J1")["state"]), (&2.into(), &"paused".into()));
    world.queue(&["fanout", "resume", GW, "J1"]);
    world.queue(&["fanout", "pace", GW, "J1", "--window", "5"]);
    world.queue(&["fanout", "cancel", GW, "J1"]);
    gateway.session(&world.devices, 4).await;
    assert_eq!(job(&world, "J1")["state"], "cancelled");
    world.queue(&["fanout", "retry", GW, "J1", "--ended", "cancelled"]);
    gateway.session(&world.devices, 5).await;
    assert_eq!(job(&world, "J1")["state"], "running", "{}", world.log());
    world.queue(&["group", "delete", GW, "some"]);
    assert_eq!(group(&world)["state"], "confirmed", "it is there until the gateway has deleted it");
    gateway.session(&world.devices, 6).await;
    assert_eq!(group(&world), Value::Null);
}
