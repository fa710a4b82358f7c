//! A gateway under test, and those around it.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::{Method, StatusCode};
use dm_examples::clock::Clock;
use dm_examples::device::Device;
use dm_examples::http_client::{HttpAnswer, HttpClient};
use dm_examples::lamp::Lamp;
use dm_examples::server::{DmServer, Operator, serve};
use dm_examples::tls::Trust;
use dm_notification::{Credential, Notification, ServerIdentifier, SessionId, Trigger};
use dm_syncml::auth::{Credentials, Password};
use dm_syncml::session::{Account, ServerConfig, ServerEvent, ServerSession};
use dm_syncml::{CmdId, Command, Encoding, Item, LocUri, StatusCode as Status};
use dm_tree::{
    Acl, AppAddr, AppAuth, AuthLevel, AuthType, DevDetail, DevInfo, DmAccount, HandlerMap, Secret, ServerId,
    Tree,
};
use gwmo_model::console::Console;
use gwmo_model::mo::ImagesSlot;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::program::Program;

pub(crate) const DM_GATEWAY: &str = env!("CARGO_BIN_EXE_dm-gateway");
pub(crate) const DM_DEVICE: &str = env!("CARGO_BIN_EXE_dm-device");
pub(crate) const COAP_DEVICE: &str = env!("CARGO_BIN_EXE_coap-device");
pub(crate) const SERVER_ID: &str = "com.example.dms";
pub(crate) const GATEWAY_ID: &str = "com.example.gateway";
pub(crate) const LAMP: &str = "./Vendor/Lamp";
pub(crate) const LEVEL: i32 = 7;

/// A gateway under test, at addresses that stay the same when it is started again.
pub(crate) struct GatewayUnderTest {
    pub(crate) program: Program,
    pub(crate) state: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) devices: String,
    pub(crate) operator: String,
    pub(crate) datagrams: SocketAddr,
    pub(crate) http: HttpClient,
}

impl GatewayUnderTest {
    pub(crate) fn start(state: &Path, more: &[&str]) -> Self {
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

    pub(crate) fn launch(
        state: &str,
        [listen, operator, datagrams]: [&str; 3],
        more: &[String],
    ) -> (Program, Value) {
        let mut arguments =
            vec!["run", "--state", state, "--plain-http", "--name", "127.0.0.1", "--log", "warn"];
        arguments.extend(["--listen", listen, "--operator", operator, "--datagrams", datagrams]);
        arguments.extend(more.iter().map(String::as_str));
        let program = Program::start(DM_GATEWAY, &arguments);
        let event = program.wait_for("listening");
        (program, event)
    }

    /// Starts one with TLS; where devices and operators reach it.
    pub(crate) fn launch_tls(state: &str, more: &[&str]) -> (Program, String, String) {
        let any = ["--listen", "127.0.0.1:0", "--operator", "127.0.0.1:0", "--datagrams", "127.0.0.1:0"];
        let run = ["run", "--state", state, "--name", "127.0.0.1", "--log", "warn"];
        let program = Program::start(DM_GATEWAY, &[&run[..], &any, more].concat());
        let event = program.wait_for("listening");
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        let (devices, operator) = (text("devices"), text("operator"));
        (program, devices, operator)
    }

    /// As the power goes, and comes back.
    pub(crate) fn kill_and_restart(self) -> Self {
        let Self { program, state, arguments, devices, operator, datagrams, http } = self;
        program.kill();
        let listen = devices.trim_start_matches("http://").trim_end_matches("/dm").to_owned();
        let at = [listen.as_str(), operator.trim_start_matches("http://"), &datagrams.to_string()];
        let (program, _) = Self::launch(&state, at, &arguments);
        Self { program, state, arguments, devices, operator, datagrams, http }
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> HttpAnswer {
        let token = std::fs::read_to_string(Path::new(&self.state).join("operator.token")).unwrap();
        let headers =
            [("authorization", format!("Bearer {token}")), ("content-type", "application/json".to_owned())];
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        // A connection of its own: one that is kept may be closed just then.
        let http = HttpClient::new(&Trust::Nothing).unwrap();
        http.send(method, &format!("{}{path}", self.operator), headers, body, 1 << 20).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.ask(Method::GET, path, None).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// Makes a device known; its account.
    pub(crate) async fn add_device(&self, device: Value) -> Value {
        let answer = self.ask(Method::POST, "/api/devices", Some(device)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.body);
        serde_json::from_slice::<Value>(&answer.body).unwrap()["account"].take()
    }
}

/// A server in this process, and the gateway's account with it.
pub(crate) async fn server(folder: &Path, operator: impl Operator) -> String {
    server_called(SERVER_ID, folder, operator).await
}

/// The same under another identifier.
pub(crate) async fn server_called(server_id: &str, folder: &Path, operator: impl Operator) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/dm", listener.local_addr().unwrap());
    let config = ServerConfig::new(LocUri::new(address.clone()).unwrap());
    let mut server = DmServer::new(config, Clock::start(), operator);
    let (device, own) = (
        Credentials::new("gw", Password::new("gw secret")),
        Credentials::new(server_id, Password::new("dms secret")),
    );
    server.add_account("urn:uuid:gateway-1", Account::md5(device, own));
    tokio::spawn(serve(Arc::new(Mutex::new(server)), listener));
    let account = json!({
        "id": "urn:uuid:gateway-1", "server_id": server_id, "address": address, "auth": "md5", "user": "gw",
        "password": "gw secret", "server_user": server_id, "server_password": "dms secret",
    });
    let path = folder.join("gateway.json");
    std::fs::write(&path, account.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A device with a lamp, from its account file.
pub(crate) fn device(account: &Value) -> (Device, Lamp) {
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

/// Hands out commands in the next session, and keeps the answers.
#[derive(Clone, Default)]
pub(crate) struct Desk(Arc<Mutex<Orders>>);

#[derive(Default)]
pub(crate) struct Orders {
    waiting: Vec<Command<'static>>,
    answers: Vec<dm_syncml::session::Answer>,
    /// Sessions that were proven.
    sessions: usize,
}

impl Operator for Desk {
    fn handle_event(&mut self, _: &str, session: &mut ServerSession, event: ServerEvent) {
        let mut orders = self.0.lock().unwrap();
        match event {
            ServerEvent::Started(_) => {
                orders.sessions += 1;
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
    /// Sessions that were proven so far.
    pub(crate) fn sessions(&self) -> usize {
        self.0.lock().unwrap().sessions
    }

    /// Gives commands, wakes the gateway by a notification, and waits for the answers.
    pub(crate) async fn order(
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

pub(crate) fn id() -> CmdId<'static> {
    CmdId::new("1").unwrap()
}

pub(crate) fn at(slot: ImagesSlot, keys: &[&str]) -> Item<'static> {
    Item::to(LocUri::new(Console::new().binding().uri(slot, keys).as_str().to_owned()).unwrap())
}

/// Waits until something is so.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// The flags of a dm-device that has this account with the gateway.
pub(crate) fn flags(account: &Value, state: &Path) -> Vec<String> {
    let text = |name: &str| account[name].as_str().unwrap().to_owned();
    let mut flags = vec!["--state".to_owned(), state.to_str().unwrap().to_owned()];
    for (flag, name) in [
        ("--id", "id"),
        ("--server", "address"),
        ("--server-id", "server_id"),
        ("--user", "user"),
        ("--password", "password"),
        ("--server-password", "server_password"),
    ] {
        flags.extend([flag.to_owned(), text(name)]);
    }
    flags
}

/// Starts a dm-device.
pub(crate) fn dm_device(flags: &[String], more: &[&str]) -> Program {
    let more = more.iter().map(ToString::to_string);
    let flags: Vec<String> = flags.iter().cloned().chain(more).collect();
    Program::start(DM_DEVICE, &flags.iter().map(String::as_str).collect::<Vec<_>>())
}
