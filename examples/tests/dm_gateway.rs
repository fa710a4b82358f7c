//! `dm-gateway` as a program: between a server and devices, killed, restarted, and attacked.

mod program;

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use dm_examples::clock::Clock;
use dm_examples::device::Device;
use dm_examples::http_client::{HttpAnswer, HttpClient};
use dm_examples::operator::{Lamps, Task};
use dm_examples::server::{DmServer, Operator, serve};
use dm_examples::fleet::Outcome;
use dm_examples::lamp::Lamp;
use dm_examples::tls::Trust;
use dm_examples::wire::Wire;
use dm_notification::{Credential, Notification, ServerIdentifier, SessionId, Trigger};
use dm_syncml::auth::{Credentials, Password};
use dm_syncml::session::{Account, ServerConfig, ServerEvent, ServerSession};
use dm_syncml::{
    Add, CmdId, Command, Data, Encoding, Exec, Format, Get, Item, LocUri, Meta, Replace, StatusCode as Status,
};
use dm_tree::{
    Acl, AppAddr, AppAuth, AuthLevel, AuthType, DevDetail, DevInfo, DmAccount, HandlerMap, Secret, ServerId,
    Tree,
};
use gwmo_model::DeviceId;
use gwmo_model::console::{Console, JobRequest};
use gwmo_model::mo::ImagesSlot;
use program::{Program, run};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

const DM_GATEWAY: &str = env!("CARGO_BIN_EXE_dm-gateway");
const COAP_DEVICE: &str = env!("CARGO_BIN_EXE_coap-device");
const SERVER_ID: &str = "com.example.dms";
const GATEWAY_ID: &str = "com.example.gateway";
const LAMP: &str = "./Vendor/Lamp";
const LEVEL: i32 = 7;

/// A gateway under test, at addresses that stay the same when it is started again.
struct GatewayUnderTest {
    program: Program,
    state: String,
    arguments: Vec<String>,
    devices: String,
    operator: String,
    datagrams: SocketAddr,
    http: HttpClient,
}

impl GatewayUnderTest {
    fn start(state: &Path, more: &[&str]) -> Self {
        let state = state.to_str().unwrap().to_owned();
        let mut arguments: Vec<String> = more.iter().map(ToString::to_string).collect();
        let any = ["127.0.0.1:0"; 3];
        let (program, event) = Self::launch(&state, any, &arguments);
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        let (devices, operator, datagrams) = (text("devices"), text("operator"), text("datagrams"));
        arguments.retain(|argument| !argument.is_empty());
        let http = HttpClient::new(&Trust::Nothing).unwrap();
        Self { program, state, arguments, devices, operator, datagrams: datagrams.parse().unwrap(), http }
    }

    fn launch(state: &str, [listen, operator, datagrams]: [&str; 3], more: &[String]) -> (Program, Value) {
        let mut arguments =
            vec!["run", "--state", state, "--plain-http", "--name", "127.0.0.1", "--log", "warn"];
        arguments.extend(["--listen", listen, "--operator", operator, "--datagrams", datagrams]);
        arguments.extend(more.iter().map(String::as_str));
        let program = Program::start(DM_GATEWAY, &arguments);
        let event = program.wait_for("listening");
        (program, event)
    }

    /// As the power goes, and comes back.
    fn kill_and_restart(self) -> Self {
        let Self { program, state, arguments, devices, operator, datagrams, http } = self;
        program.kill();
        let listen = devices.trim_start_matches("http://").trim_end_matches("/dm").to_owned();
        let at = [listen.as_str(), operator.trim_start_matches("http://"), &datagrams.to_string()];
        let (program, _) = Self::launch(&state, at, &arguments);
        Self { program, state, arguments, devices, operator, datagrams, http }
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> HttpAnswer {
        let token = std::fs::read_to_string(Path::new(&self.state).join("operator.token")).unwrap();
        let headers =
            [("authorization", format!("Bearer {token}")), ("content-type", "application/json".to_owned())];
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        self.http.send(method, &format!("{}{path}", self.operator), headers, body, 1 << 20).await.unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.ask(Method::GET, path, None).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// Makes a device known; its account.
    async fn add_device(&self, device: Value) -> Value {
        let answer = self.ask(Method::POST, "/api/devices", Some(device)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.body);
        serde_json::from_slice::<Value>(&answer.body).unwrap()["account"].take()
    }
}

/// A server in this process, and the gateway's account with it.
async fn server(folder: &Path, operator: impl Operator) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/dm", listener.local_addr().unwrap());
    let config = ServerConfig::new(LocUri::new(address.clone()).unwrap());
    let mut server = DmServer::new(config, Clock::start(), operator);
    let (device, own) = (
        Credentials::new("gw", Password::new("gw secret")),
        Credentials::new(SERVER_ID, Password::new("dms secret")),
    );
    server.add_account("urn:uuid:gateway-1", Account::md5(device, own));
    tokio::spawn(serve(Arc::new(Mutex::new(server)), listener));
    let account = json!({
        "id": "urn:uuid:gateway-1", "server_id": SERVER_ID, "address": address, "auth": "md5", "user": "gw",
        "password": "gw secret", "server_user": SERVER_ID, "server_password": "dms secret",
    });
    let path = folder.join("gateway.json");
    std::fs::write(&path, account.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A device with a lamp, from its account file.
fn device(account: &Value) -> (Device, Lamp) {
    let text = |name: &str| account[name].as_str().unwrap();
    let mut tree = Tree::default();
    let info = DevInfo {
        dev_id: text("id").into(),
        man: "Example".into(),
        model: "Lamp".into(),
        dm_v: "1.2".into(),
        lang: "en".into(),
    };
    info.install(&mut tree).unwrap();
    DevDetail { dev_typ: "lamp".into(), sw_v: "1.0".into(), ..DevDetail::default() }
        .install(&mut tree)
        .unwrap();
    let mut dm_account = DmAccount::new(ServerId::new(text("server_id")).unwrap());
    dm_account.addresses.push(AppAddr::uri(text("address")));
    for (level, name, password) in [
        (AuthLevel::CLCRED, text("user"), text("password")),
        (AuthLevel::SRVCRED, text("server_user"), text("server_password")),
    ] {
        let auth = AppAuth::new(level, AuthType::DIGEST)
            .with_name(name)
            .with_secret(Secret::new(password.as_bytes()));
        dm_account.credentials.push(auth);
    }
    dm_account.install(&mut tree, "./DMAcc/1").unwrap();
    let mut handlers = HandlerMap::new();
    let lamp = Lamp::default();
    handlers.mount(&mut tree, LAMP, lamp.clone()).unwrap();
    let acl = Acl::parse(&format!("Get={GATEWAY_ID}&Replace={GATEWAY_ID}&Exec={GATEWAY_ID}")).unwrap();
    tree.set_acl(LAMP, acl).unwrap();
    let name = text("user").to_owned();
    (Device { name, tree, handlers, account: "./DMAcc/1".into(), encoding: Encoding::Wbxml, deaf: 0 }, lamp)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fanout_outlives_the_gateway_and_executes_nothing_twice() {
    const DEVICES: usize = 24;
    let folder = tempfile::tempdir().unwrap();
    let (report, findings) = oneshot::channel();
    let task = Task { devices: DEVICES, lamp: LAMP.into(), level: LEVEL };
    let operator = Lamps::new(task, report, |_| {});
    let account = server(folder.path(), operator).await;
    let config = folder.path().join("gateway.toml");
    // Few at a time, so that there is a middle; a snapshot every now and then, so that one falls into it.
    std::fs::write(&config, "[limits]\nwindow = 3\nrecords = 40\n").unwrap();
    let state = folder.path().join("state");
    let arguments = ["--account", &account, "--config", config.to_str().unwrap()];
    let mut gateway = GatewayUnderTest::start(&state, &arguments);
    let mut lamps = HashMap::new();
    let wire = Wire::new(None).unwrap();
    for number in 0..DEVICES {
        let id = format!("urn:uuid:lamp-{number:02}");
        let account = gateway.add_device(json!({ "id": id })).await;
        let (device, lamp) = device(&account);
        lamps.insert(id, lamp);
        tokio::spawn(device.run(wire.clone(), Clock::start(), gateway.datagrams));
    }
    for so_many in [2, 9, 16] {
        let blinked = || lamps.values().filter(|lamp| lamp.state().1 > 0).count();
        let middle = async {
            while blinked() < so_many {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), middle).await.expect("the job gets on");
        gateway = gateway.kill_and_restart();
    }
    let found =
        tokio::time::timeout(Duration::from_secs(120), findings).await.expect("the job ends").unwrap();
    let missing: Vec<_> = lamps.keys().filter(|id| !found.outcomes.contains_key(*id)).collect();
    assert!(missing.is_empty(), "no lost device: {missing:?}, {:?}", found.mismatches);
    for (id, outcome) in &found.outcomes {
        let (level, blinks) = lamps[id].state();
        match outcome {
            Outcome::Ok => assert_eq!((level, blinks), (LEVEL, 1), "{id}"),
            Outcome::Indeterminate => assert!(blinks <= 1, "{id}"),
            other => assert_eq!(blinks, 0, "{id} was executed, and is said to be {other}"),
        }
    }
    let ok = found.outcomes.values().filter(|outcome| **outcome == Outcome::Ok).count();
    assert!(ok >= DEVICES / 2, "{:?}", found.outcomes);
    let jobs = gateway.get("/api/jobs").await;
    assert_eq!(
        (&jobs["jobs"][0]["total"], &jobs["jobs"][0]["state"]),
        (&json!(DEVICES), &json!("completed"))
    );
    assert_eq!(gateway.get("/api/status").await["inventory"]["total"], DEVICES);
    let text = gateway.ask(Method::GET, "/metrics", None).await.body;
    assert!(String::from_utf8_lossy(&text).contains("dm_gateway_devices 24"));
}

/// As an operator would: both programs, TLS between them, and a server that wakes the gateway.
#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_reads_the_inventory_over_tls() {
    const DM_SERVER: &str = env!("CARGO_BIN_EXE_dm-server");
    let folder = tempfile::tempdir().unwrap();
    let server_state = folder.path().join("server");
    let at_server = |arguments: &[&str]| {
        let (code, said) =
            run(DM_SERVER, &[arguments, &["--state", server_state.to_str().unwrap()]].concat());
        assert_eq!(code, Some(0), "{arguments:?}: {said}");
    };
    let any = "127.0.0.1:0";
    let arguments = [
        "run",
        "--listen",
        any,
        "--operator",
        any,
        "--log",
        "warn",
        "--state",
        server_state.to_str().unwrap(),
    ];
    let _server = Program::start(DM_SERVER, &arguments);
    let started = async {
        while !server_state.join("running.json").exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), started).await.expect("the server starts");
    // A port that is free now.
    let datagrams = UdpSocket::bind(any).unwrap().local_addr().unwrap().to_string();
    let account = folder.path().join("gateway.json");
    let account = account.to_str().unwrap();
    let add = ["device", "add", "urn:uuid:gateway-1", "--class", "gateway", "--account-file", account];
    at_server(&[&add[..], &["--address", &datagrams]].concat());
    let ca = server_state.join("tls/cert.pem");
    let arguments = ["--account", account, "--server-ca", ca.to_str().unwrap()];
    let state = folder.path().join("state");
    let state = state.to_str().unwrap();
    let more: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let (gateway, _) = GatewayUnderTest::launch(state, [any, any, &datagrams], &more);
    at_server(&["gateway", "inventory", "urn:uuid:gateway-1", "--wait", "30"]);
    let (code, said) = run(DM_GATEWAY, &["server", "list", "--state", state]);
    assert_eq!(code, Some(0), "{said}");
    // A server whose certificate nobody vouches for is told nothing.
    gateway.kill();
    let (gateway, _) = GatewayUnderTest::launch(state, [any, any, any], &more[..2]);
    let (code, said) = run(
        DM_SERVER,
        &[
            "gateway",
            "summary",
            "urn:uuid:gateway-1",
            "--wait",
            "3",
            "--state",
            server_state.to_str().unwrap(),
        ],
    );
    assert_eq!(code, Some(1), "{said}");
    gateway.kill();
}

/// Hands out commands in the next session, and keeps the answers.
#[derive(Clone, Default)]
struct Desk(Arc<Mutex<Orders>>);

#[derive(Default)]
struct Orders {
    waiting: Vec<Command<'static>>,
    answers: Vec<dm_syncml::session::Answer>,
}

impl Operator for Desk {
    fn handle_event(&mut self, _: &str, session: &mut ServerSession, event: ServerEvent) {
        let mut orders = self.0.lock().unwrap();
        match event {
            ServerEvent::Started(_) => {
                for command in orders.waiting.drain(..) {
                    session.queue(command).unwrap();
                }
            }
            ServerEvent::Answered(_, answer) => orders.answers.push(answer),
            _ => {}
        }
    }
}

impl Desk {
    /// Gives commands, wakes the gateway by a notification, and waits for the answers.
    async fn order(
        &self,
        gateway: &GatewayUnderTest,
        commands: Vec<Command<'static>>,
    ) -> Vec<Vec<(Status, Option<String>)>> {
        let count = commands.len();
        {
            let mut orders = self.0.lock().unwrap();
            orders.answers.clear();
            orders.waiting = commands;
        }
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let server = ServerIdentifier::new(SERVER_ID).unwrap();
        for attempt in 0..200 {
            if attempt % 20 == 0 {
                // Signed with the zero nonce, which stands for one that is not known.
                let id = SessionId::new(fastrand::u16(1..)).unwrap();
                let trigger = Trigger::new(server, id);
                let credential = Credential::new(server, "dms secret");
                let package_0 =
                    Notification::sign(trigger, &credential, &dm_notification::RESYNC_NONCE).to_vec();
                socket.send_to(&package_0, gateway.datagrams).unwrap();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            let orders = self.0.lock().unwrap();
            if orders.answers.len() == count {
                let text = |item: &Item<'_>| {
                    item.data.as_ref().and_then(|data| data.as_text().map(ToString::to_string))
                };
                return orders
                    .answers
                    .iter()
                    .map(|answer| {
                        let items = answer.clone().into_items();
                        if items.is_empty() {
                            vec![(answer.code(), None)]
                        } else {
                            items.iter().map(|item| (answer.code(), text(item))).collect()
                        }
                    })
                    .collect();
            }
        }
        panic!("the gateway has not answered");
    }
}

fn id() -> CmdId<'static> {
    CmdId::new("1").unwrap()
}

fn at(slot: ImagesSlot, keys: &[&str]) -> Item<'static> {
    Item::to(LocUri::new(Console::new().binding().uri(slot, keys).as_str().to_owned()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_fetched_once_and_read_by_range() {
    // A source that counts what it gives away.
    let content: Arc<Vec<u8>> = Arc::new((0..3_000_000_u32).map(|at| ((at * 7) >> 3) as u8).collect());
    let given = Arc::new(AtomicUsize::new(0));
    let source = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let source_at = source.local_addr().unwrap();
    let (body, count) = (Arc::clone(&content), Arc::clone(&given));
    let app = axum::Router::new().route(
        "/fw/lamp.bin",
        get(async move |headers: HeaderMap| {
            let range = headers["range"].to_str().unwrap().trim_start_matches("bytes=").to_owned();
            let (first, last) = range.split_once('-').unwrap();
            let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
            let end = (last + 1).min(body.len());
            count.fetch_add(end - first, Ordering::Relaxed);
            let header = [("content-range", format!("bytes {first}-{}/{}", end - 1, body.len()))];
            (StatusCode::PARTIAL_CONTENT, header, body[first..end].to_vec()).into_response()
        }),
    );
    tokio::spawn(async move { axum::serve(source, app).await });

    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::default();
    let account = server(folder.path(), desk.clone()).await;
    let allowed = format!("http://{source_at}/fw/");
    let arguments = ["--account", &account, "--allow-fetch", &allowed, "--allow-private"];
    let gateway = GatewayUnderTest::start(&folder.path().join("state"), &arguments);
    gateway.add_device(json!({ "id": "urn:uuid:reader", "reach": "127.0.0.1:9" })).await;

    let digest: String =
        Sha256::digest(content.as_slice()).iter().map(|octet| format!("{octet:02x}")).collect();
    let image = |key: &str, url: String, digest: &str| -> Vec<Command<'static>> {
        let text = |slot, text: String| at(slot, &[key]).with_data(Data::text(text).unwrap());
        let folder = at(ImagesSlot::Image, &[key]).with_meta(Meta::new().with_format(Format::NODE));
        let settings = vec![text(ImagesSlot::Hash, format!("sha-256:{digest}")), text(ImagesSlot::Src, url)];
        let reader = at(ImagesSlot::ScopeDevice, &[key, "urn:uuid:reader"]);
        let reader = reader.with_data(Data::text("urn:uuid:reader").unwrap());
        vec![
            Add::single(id(), folder).into(),
            Replace::new(id(), settings).into(),
            Add::single(id(), reader).into(),
            Exec::new(id(), at(ImagesSlot::Fetch, &[key])).into(),
        ]
    };
    let mut commands = image("fw", format!("http://{source_at}/fw/lamp.bin"), &digest);
    commands.extend(image("elsewhere", format!("http://{source_at}/secret"), &"5a".repeat(32)));
    let answers = desk.order(&gateway, commands).await;
    assert!(answers.iter().flatten().all(|(code, _)| code.is_success()), "{answers:?}");
    let look = |key: &str| -> Vec<Command<'static>> {
        [ImagesSlot::State, ImagesSlot::Uri, ImagesSlot::Result]
            .map(|slot| Get::new(id(), vec![at(slot, &[key])]).into())
            .into()
    };
    let mut uri = String::new();
    for _ in 0..20 {
        let answers = desk.order(&gateway, look("fw")).await;
        if answers[0][0].1.as_deref() == Some("4") {
            uri = answers[1][0].1.clone().unwrap();
            break;
        }
    }
    assert!(uri.starts_with(&format!("{}/images/", gateway.devices)), "it is ready at {uri:?}");
    assert_eq!(given.load(Ordering::Relaxed), content.len(), "each octet was fetched once");
    let answers = desk.order(&gateway, look("elsewhere")).await;
    assert_eq!(
        (answers[0][0].1.as_deref(), answers[2][0].1.as_deref()),
        (Some("5"), Some("1417")),
        "not allowed"
    );

    let read = async |uri: &str, range: Option<&str>| {
        let headers = range.map(|range| ("range", range.to_owned()));
        gateway.http.send(Method::GET, uri, headers, "", 4 << 20).await.unwrap()
    };
    let whole = read(&uri, None).await;
    assert!(whole.status == StatusCode::OK && whole.body == content.as_slice());
    for (range, first, end) in [
        ("bytes=10-19", 10, 20),
        ("bytes=2999990-", 2_999_990, 3_000_000),
        ("bytes=-5", 2_999_995, 3_000_000),
    ] {
        let part = read(&uri, Some(range)).await;
        assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
        assert_eq!(part.body, content[first..end], "{range}");
        assert_eq!(
            part.headers["content-range"].to_str().unwrap(),
            format!("bytes {first}-{}/3000000", end - 1)
        );
    }
    let beyond = read(&uri, Some("bytes=3000000-")).await;
    assert_eq!(
        (beyond.status.as_u16(), beyond.headers["content-range"].to_str().unwrap()),
        (416, "bytes */3000000")
    );
    // Whoever guesses gets nothing.
    let last = if uri.ends_with('0') { '1' } else { '0' };
    let guessed = format!("{}{last}", &uri[..uri.len() - 1]);
    assert_eq!(read(&guessed, None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        read(&format!("{}/images/..%2Fgateway.redb", gateway.devices), None).await.status,
        StatusCode::NOT_FOUND
    );

    // It is there after the power went, without being fetched again.
    let gateway = gateway.kill_and_restart();
    let whole = gateway.http.send(Method::GET, &uri, [], "", 4 << 20).await.unwrap();
    assert!(whole.status == StatusCode::OK && whole.body == content.as_slice());
    assert_eq!(given.load(Ordering::Relaxed), content.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coap_device_is_managed_by_commands_of_dm() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::default();
    let account = server(folder.path(), desk.clone()).await;
    let lamp = Program::start(COAP_DEVICE, &["--listen", "127.0.0.1:0", "--boot-time", "10"]);
    let lamp_at = lamp.wait_for("listening")["address"].as_str().unwrap().to_owned();
    let state = folder.path().join("state");
    let gateway = GatewayUnderTest::start(&state, &["--account", &account]);
    let (code, said) =
        run(DM_GATEWAY, &["device", "add", "urn:uuid:coap", "--coap", &lamp_at, "--state", &gateway.state]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(gateway.get("/api/devices/urn:uuid:coap").await["mode"], "adaptation");
    // What the operator added is there after a restart.
    let gateway = gateway.kill_and_restart();
    let console = Console::new();
    let key = gwmo_model::JobKey::new("J1").unwrap();
    let node = |path: &str| Item::to(LocUri::new(format!("./LwM2M/{path}")).unwrap());
    let level = node("3311/0/5851")
        .with_meta(Meta::new().with_format(Format::INT))
        .with_data(Data::text("40").unwrap());
    let job = JobRequest::new(key.clone())
        .with_device(DeviceId::new("urn:uuid:coap").unwrap())
        .with_command(Replace::new(id(), vec![level]))
        .with_command(Get::new(id(), vec![node("3311/0/5851")]))
        .with_command(Exec::new(id(), node("3/0/4")));
    let mut commands = console.add_job(&job);
    commands.push(console.start_job(&key, None));
    let answers = desk.order(&gateway, commands).await;
    assert!(answers.iter().flatten().all(|(code, _)| code.is_success()), "{answers:?}");
    assert_eq!(lamp.wait_for("rebooted")["boots"], 2);
    let ended = async {
        loop {
            let jobs = gateway.get("/api/jobs").await;
            if jobs["jobs"][0]["state"] == "completed" {
                return jobs["jobs"][0]["outcomes"]["ok"].clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert_eq!(tokio::time::timeout(Duration::from_secs(20), ended).await.expect("it ends"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_reaches_its_device_through_the_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let account = server(folder.path(), Desk::default()).await;
    let gateway =
        GatewayUnderTest::start(&folder.path().join("state"), &["--account", &account, "--transparent"]);
    let device = UdpSocket::bind("127.0.0.1:0").unwrap();
    device.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut datagram = [0; 2048];
    device.send_to(b"urn:uuid:stranger", gateway.datagrams).unwrap();
    gateway.add_device(json!({ "id": "urn:uuid:own-server", "knows": [SERVER_ID] })).await;
    device.send_to(b"urn:uuid:own-server", gateway.datagrams).unwrap();
    let length = device.recv(&mut datagram).unwrap();
    assert_eq!(&datagram[..length], b"welcome");
    let devices = gateway.get("/api/devices?status=attached").await;
    assert_eq!(devices["devices"].as_array().unwrap().len(), 1, "strangers are not let in: {devices}");
    assert_eq!(devices["devices"][0]["mode"], "transparent");
    let server = ServerIdentifier::new(SERVER_ID).unwrap();
    let trigger = Trigger::new(server, SessionId::new(0x2A).unwrap());
    let package_0 =
        Notification::sign(trigger, &Credential::new(server, "only the device knows"), b"nonce").to_vec();
    let push = format!("{}push", gateway.devices.trim_end_matches("dm"));
    let headers = [
        ("content-type", "application/vnd.syncml.notification".to_owned()),
        ("x-wap-application-id", "x-wap-application:syncml.dm".to_owned()),
        ("x-oma-gwmo", "urn:uuid:own-server".to_owned()),
    ];
    let answer = gateway.http.send(Method::POST, &push, headers, package_0.clone(), 1_000).await.unwrap();
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let length = device.recv(&mut datagram).unwrap();
    assert_eq!(datagram[..length], package_0, "as the server made it");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_answered_and_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let config = folder.path().join("gateway.toml");
    std::fs::write(&config, "[limits]\nhead = 1\nrequest = 1\nbody = 10000\n").unwrap();
    let mut gateway = GatewayUnderTest::start(&state, &["--config", config.to_str().unwrap()]);
    let post = async |path: &str, kind: &str, body: Vec<u8>| {
        let uri = format!("{}{path}", gateway.devices);
        let headers = [("content-type", kind.to_owned())];
        gateway
            .http
            .send(Method::POST, &uri, headers, body, 1 << 16)
            .await
            .map(|answer| answer.status.as_u16())
    };
    let wbxml = "application/vnd.syncml.dm+wbxml";
    for (body, kind, status) in [
        (b"garbage".to_vec(), wbxml, 400),
        (Vec::new(), wbxml, 400),
        (b"<SyncML/>".to_vec(), "text/plain", 415),
        (vec![0xFF; 10_001], wbxml, 413),
    ] {
        assert_eq!(post("", kind, body).await.unwrap(), status, "{kind}");
    }
    // A slow one is not waited for.
    let mut slow = TcpStream::connect(gateway.devices.trim_start_matches("http://").trim_end_matches("/dm"))
        .await
        .unwrap();
    slow.write_all(b"POST /dm HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nContent-Type: application/vnd.syncml.dm+xml\r\n\r\n<").await.unwrap();
    let mut said = [0; 64];
    let count =
        tokio::time::timeout(Duration::from_secs(10), slow.read(&mut said)).await.expect("an end").unwrap();
    assert!(count == 0 || said.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&said));
    // Datagrams of all lengths.
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for length in [0, 1, 16, 17, 100, 1_500, 9_000] {
        let octets: Vec<u8> = (0..length).map(|_| fastrand::u8(..)).collect();
        socket.send_to(&octets, gateway.datagrams).unwrap();
    }
    // Without the token there is nothing to see.
    for path in ["/", "/api/status", "/metrics", "/api/events", "/api/devices"] {
        let answer = gateway
            .http
            .send(Method::GET, &format!("{}{path}", gateway.operator), [], "", 1_000)
            .await
            .unwrap();
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let health = gateway
        .http
        .send(Method::GET, &format!("{}/healthz", gateway.operator), [], "", 1_000)
        .await
        .unwrap();
    assert_eq!(health.body, "ok\n");
    let page = gateway.ask(Method::GET, "/", None).await;
    assert!(page.status == StatusCode::OK && page.headers.contains_key("content-security-policy"));
    for (body, status) in [
        (json!({ "id": "" }), StatusCode::BAD_REQUEST),
        (json!({ "id": "a b\n" }), StatusCode::BAD_REQUEST),
        (json!({ "id": "x".repeat(300) }), StatusCode::BAD_REQUEST),
        (json!({ "id": "urn:x", "reach": "file:///etc" }), StatusCode::BAD_REQUEST),
        (json!({ "name": "urn:x" }), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        assert_eq!(
            gateway.ask(Method::POST, "/api/devices", Some(body.clone())).await.status,
            status,
            "{body}"
        );
    }

    // The subcommands say what is wrong, and secrets are for their owner.
    let account = folder.path().join("lamp.json");
    let account = account.to_str().unwrap();
    let add = ["device", "add", "urn:uuid:lamp", "--account-file", account, "--state", &gateway.state];
    assert_eq!(run(DM_GATEWAY, &add).0, Some(0));
    let (code, said) = run(DM_GATEWAY, &add);
    assert!(code == Some(1) && said.starts_with("error: conflict: "), "{said}");
    let (code, said) = run(DM_GATEWAY, &["device", "show", "urn:none", "--state", &gateway.state]);
    assert!(code == Some(1) && said.starts_with("error: not-found: "), "{said}");
    assert_eq!(run(DM_GATEWAY, &["device", "list", "--json", "--state", &gateway.state]).0, Some(0));
    assert_eq!(run(DM_GATEWAY, &["status", "--state", &gateway.state]).0, Some(0));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let kept = std::fs::read_dir(state.join("devices")).unwrap().map(|entry| entry.unwrap().path());
        for path in kept.chain([account.into(), state.join("gateway.redb"), state.join("operator.token")]) {
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{}", path.display());
        }
    }
    assert_eq!(run(DM_GATEWAY, &["device", "remove", "urn:uuid:lamp", "--state", &gateway.state]).0, Some(0));
    assert_eq!(gateway.get("/api/devices").await["devices"], json!([]));

    // Two cannot have one state.
    let (code, said) = run(DM_GATEWAY, &["run", "--state", &gateway.state, "--plain-http"]);
    assert!(code == Some(2) && said.contains("another program"), "{said}");
    #[cfg(unix)]
    assert!(gateway.program.stop().success(), "it ends when it is told to");
    let (code, said) = run(DM_GATEWAY, &["status", "--state", &gateway.state]);
    assert!(code == Some(2) && said.contains("is the gateway running?"), "{said}");
    // What is no store is left alone.
    let store = state.join("gateway.redb");
    let mut octets = std::fs::read(&store).unwrap();
    octets[..512].fill(0x55);
    std::fs::write(&store, &octets).unwrap();
    let (code, said) = run(DM_GATEWAY, &["run", "--state", &gateway.state, "--plain-http"]);
    assert!(code == Some(2) && said.contains("error: store: ") && said.contains("put back a copy"), "{said}");
    assert_eq!(std::fs::read(&store).unwrap(), octets);
}

/// A limit on the size of files is what a full disk is to the store.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_ends_the_program_and_loses_nothing_that_was_confirmed() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let gateway = GatewayUnderTest::start(&state, &[]);
    let blocks = std::fs::metadata(state.join("gateway.redb")).unwrap().len() / 512 + 8;
    let GatewayUnderTest { mut program, state, http, .. } = gateway;
    assert!(program.stop().success());
    let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let any = "127.0.0.1:0";
    let run = ["-c", &limited, DM_GATEWAY, "run", "--plain-http", "--name", "127.0.0.1", "--log", "off"];
    let more = ["--state", &state, "--listen", any, "--operator", any, "--datagrams", any];
    let mut program = Program::start("sh", &[&run[..], &more].concat());
    let operator = program.wait_for("listening")["operator"].as_str().unwrap().to_owned();
    let token = std::fs::read_to_string(Path::new(&state).join("operator.token")).unwrap();
    let mut confirmed = 0;
    for number in 0..20_000 {
        let headers =
            [("authorization", format!("Bearer {token}")), ("content-type", "application/json".to_owned())];
        let id = format!("urn:uuid:{number:05}-{}", "x".repeat(200));
        let body = json!({ "id": id }).to_string();
        match http.send(Method::POST, &format!("{operator}/api/devices"), headers, body, 1 << 16).await {
            Ok(answer) if answer.status == StatusCode::CREATED => confirmed += 1,
            _ => break,
        }
    }
    assert_eq!(program.wait().code(), Some(2), "after {confirmed} devices");
    let gateway = GatewayUnderTest::start(Path::new(&state), &[]);
    let total = gateway.get("/api/status").await["inventory"]["total"].as_u64().unwrap();
    assert!((confirmed..=confirmed + 1).contains(&total), "{total} of {confirmed}");
}

#[test]
fn wrong_usage_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("gateway.toml");
    std::fs::write(&config, "[limits]\nbodies = 5\n").unwrap();
    let config = config.to_str().unwrap();
    for (arguments, said_so) in [
        (&["run", "--listen", "here"][..], "error: "),
        (&["frobnicate"], "error: "),
        (&["run", "--config", config], "error: config: "),
        (&["run", "--config", "/nonexistent"], "error: io: "),
        (&["run", "--state", "/dev/null/x"], "error: io: "),
        (&["device", "add", "urn:x"], "error: "),
    ] {
        let (code, said) = run(DM_GATEWAY, arguments);
        assert!(code == Some(2) && said.contains(said_so), "{arguments:?}: {said}");
    }
}
