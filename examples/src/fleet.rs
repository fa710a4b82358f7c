//! The fleet: one DM server, one DM gateway and many devices in one process, on loopback.
//!
//! Everything here is setting up and looking: who knows whom, with which secrets, and what became of it. The talking is done by the drivers,
//! and the protocol by the machines.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dm_syncml::auth::{Credentials, Nonce, Password};
use dm_syncml::session::{Account, ClientConfig, ServerConfig};
use dm_syncml::{Encoding, LocUri};
use dm_tree::{
    Acl, AppAddr, AppAuth, AuthLevel, AuthType, DevDetail, DevInfo, DmAccount, HandlerMap, Secret, ServerId,
    Tree,
};
use gwmo_model::{DeviceAccount, DeviceId, Gateway, GatewayConfig, GatewayEvent, Subscription};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::clock::{Clock, entropy, hash_seed};
use crate::device::Device;
use crate::gateway::GatewayDriver;
use crate::operator::{Findings, Lamps, Task};
use crate::server::{DmServer, serve};
use crate::story::{self, Lamp, Outcome, Role};
use crate::wire::Wire;

/// Who the DM server is.
const SERVER_ID: &str = "com.example.dms";
/// Who the gateway is to its devices.
const GATEWAY_ID: &str = "com.example.gateway";
/// Where in a tree the account is.
const ACCOUNT: &str = "./DMAcc/1";
/// Where in a device's tree its lamp is.
const LAMP: &str = "./Vendor/Lamp";
/// What the server turns the lamps to.
const LEVEL: i32 = 7;

/// How a fleet is played.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many devices, 1 to 2,000.
    pub devices: usize,
    /// How messages travel.
    pub encoding: Encoding,
    /// Decides who plays which role.
    pub seed: u64,
    /// A folder that every message is written to.
    pub trace: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { devices: 25, encoding: Encoding::Wbxml, seed: 1, trace: None }
    }
}

/// Something to show while a fleet plays.
#[derive(Clone, Debug)]
pub enum Progress {
    /// All sockets are open.
    Listening {
        /// The server's HTTP.
        server: SocketAddr,
        /// The gateway's HTTP.
        gateway: SocketAddr,
        /// Where the gateway hears announcements.
        announcements: SocketAddr,
    },
    /// A step of the story is done.
    Step(String),
    /// So many devices have ended.
    Ended(usize),
}

/// What became of a fleet.
#[derive(Clone, Debug)]
pub struct Report {
    /// How each device ended, with its role, in the order of their numbers.
    pub devices: Vec<(String, Role, Option<Outcome>)>,
    /// How many messages were sent.
    pub messages: u64,
    /// How many octets they had.
    pub bytes: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// What is not as the story has it.
    pub mismatches: Vec<String>,
}

impl Report {
    /// How many devices ended how.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<Outcome, usize> {
        story::count(self.devices.iter().filter_map(|(_, _, outcome)| *outcome))
    }
}

/// Plays the story to its end.
///
/// # Errors
/// A socket or the trace folder cannot be opened.
pub async fn play(options: Options, show: impl Fn(Progress) + Send + Sync + 'static) -> io::Result<Report> {
    let clock = Clock::start();
    let wire = Wire::new(options.trace.as_deref())?;
    let show = Arc::new(show);
    let roles = story::cast(options.devices, options.seed);

    let server_http = TcpListener::bind("127.0.0.1:0").await?;
    let gateway_http = TcpListener::bind("127.0.0.1:0").await?;
    let gateway_udp = UdpSocket::bind("127.0.0.1:0")?;
    let announcements = gateway_udp.local_addr()?;
    let server_uri = uri(&format!("http://{}/dm", server_http.local_addr()?));
    let gateway_uri = uri(&format!("http://{}/dm", gateway_http.local_addr()?));
    let listening = Progress::Listening {
        server: server_http.local_addr()?,
        gateway: gateway_http.local_addr()?,
        announcements,
    };
    show(listening);

    // The server, and who works at it.
    let (findings, mut found) = oneshot::channel();
    let task = Task { devices: options.devices, lamp: LAMP.into(), level: LEVEL };
    let operator = Lamps::new(task, findings, {
        let show = Arc::clone(&show);
        move |step| show(Progress::Step(step))
    });
    let mut server = DmServer::new(ServerConfig::new(server_uri.clone()), clock, operator);
    let gateway_secrets = Secrets::new("gateway-1", SERVER_ID);
    server.add_account("urn:uuid:gateway-1", gateway_secrets.account());

    // The gateway, which knows the server and every device.
    let session = ServerConfig::new(gateway_uri.clone());
    let config = GatewayConfig::new(server_id(GATEWAY_ID), session);
    let mut gateway =
        Gateway::new(clock.now(), config, tree("urn:uuid:gateway-1", &server_uri, &gateway_secrets))
            .map_err(io::Error::other)?;
    let subscription = Subscription::default().with_max_delay(Duration::from_millis(100));
    gateway.handle_server(clock.now(), server_id(SERVER_ID), subscription).map_err(io::Error::other)?;

    // The devices, each with secrets of its own that only the gateway shares.
    let mut devices = Vec::new();
    let mut lamps = Vec::new();
    for (index, role) in roles.iter().enumerate() {
        let name = format!("device-{:04}", index + 1);
        let dev_id = format!("urn:uuid:{name}");
        let secrets = Secrets::new(&name, GATEWAY_ID);
        let id = DeviceId::new(&dev_id).map_err(io::Error::other)?;
        gateway
            .handle_device_registered(clock.now(), id, secrets.device_account())
            .map_err(io::Error::other)?;
        let (device, lamp) = device(&name, &dev_id, *role, &gateway_uri, &secrets, options.encoding);
        devices.push(device);
        lamps.push(lamp);
    }

    // Everything runs until the server has found out what became of its job.
    let mut tasks = JoinSet::new();
    tasks.spawn(serve(Arc::new(Mutex::new(server)), server_http));
    let (events, happened) = mpsc::unbounded_channel();
    let driver = GatewayDriver::new(gateway, server_id(SERVER_ID), gateway_udp, wire.clone(), clock, events)?;
    let account = ClientConfig::new(uri("urn:uuid:gateway-1"), server_uri)
        .with_encoding(options.encoding)
        .with_md5(gateway_secrets.device(), gateway_secrets.server());
    tasks.spawn(driver.run(gateway_http, account));
    for device in devices {
        tasks.spawn(device.run(wire.clone(), clock, announcements));
    }
    tasks.spawn(watch(happened, Arc::clone(&show)));

    // Generous: a fleet that needs it has failed, and says so.
    let patience = Duration::from_secs(60) + Duration::from_millis(50) * options.devices as u32;
    let mut mismatches = Vec::new();
    let found = tokio::select! {
        found = &mut found => found.unwrap_or_default(),
        () = tokio::time::sleep(patience) => {
            mismatches.push(format!("the story did not end within {} s", patience.as_secs()));
            Findings::default()
        }
        Some(ended) = tasks.join_next() => {
            mismatches.push(format!("a part of the fleet ended before the story: {ended:?}"));
            Findings::default()
        }
    };
    tasks.shutdown().await;

    mismatches.extend(found.mismatches);
    if found.outcomes.is_empty() {
        mismatches.push("no device has an outcome".into());
    }
    let mut ends = Vec::new();
    for (index, role) in roles.into_iter().enumerate() {
        let name = format!("device-{:04}", index + 1);
        let outcome = found.outcomes.get(&format!("urn:uuid:{name}")).copied();
        match outcome {
            None if found.outcomes.is_empty() => {}
            None => mismatches.push(format!("{name}: expected {}, got no outcome", role.expected())),
            Some(outcome) if outcome != role.expected() => {
                mismatches.push(format!("{name}: expected {}, got {outcome}", role.expected()));
            }
            Some(outcome) => {
                let lamp = story::lamp_mismatch(&lamps[index], outcome, LEVEL);
                mismatches.extend(lamp.map(|lamp| format!("{name}: {lamp}")));
            }
        }
        ends.push((name, role, outcome));
    }
    let (messages, bytes) = wire.counts();
    Ok(Report { devices: ends, messages, bytes, elapsed: clock.now().since_epoch(), mismatches })
}

/// Shows how far the gateway is.
async fn watch(
    mut happened: mpsc::UnboundedReceiver<GatewayEvent>,
    show: Arc<impl Fn(Progress) + Send + Sync + 'static>,
) -> io::Result<()> {
    while let Some(event) = happened.recv().await {
        if let GatewayEvent::JobProgress { counters, .. } = event {
            show(Progress::Ended(counters.ended() as usize));
        }
    }
    // The gateway is gone, and with it the reason to watch.
    std::future::pending().await
}

/// The secrets that two parties share, and their first nonces.
#[derive(Debug)]
struct Secrets {
    user: String,
    server_id: String,
    device_password: String,
    server_password: String,
    device_nonce: [u8; 16],
    server_nonce: [u8; 16],
}

impl Secrets {
    fn new(user: &str, server_id: &str) -> Self {
        let password = || entropy().iter().map(|octet| format!("{octet:02x}")).collect();
        Self {
            user: user.into(),
            server_id: server_id.into(),
            device_password: password(),
            server_password: password(),
            device_nonce: entropy(),
            server_nonce: entropy(),
        }
    }

    /// What the client shows.
    fn device(&self) -> Credentials {
        Credentials::new(self.user.as_str(), Password::new(self.device_password.as_str()))
    }

    /// What the server shows.
    fn server(&self) -> Credentials {
        Credentials::new(self.server_id.as_str(), Password::new(self.server_password.as_str()))
    }

    /// The account as a DM server keeps it. No nonces: the first session begins with challenges.
    fn account(&self) -> Account {
        Account::md5(self.device(), self.server())
    }

    /// The account as a gateway keeps it. With nonces, since a notification needs one before there is any session.
    fn device_account(&self) -> DeviceAccount {
        DeviceAccount::new(&server_id(&self.server_id), self.device(), &self.server_password)
            .with_nonces(Some(Nonce::from(self.device_nonce)), Some(Nonce::from(self.server_nonce)))
    }

    /// The same account as the client keeps it.
    fn dm_account(&self, server: &LocUri<'_>) -> DmAccount {
        let mut account = DmAccount::new(server_id(&self.server_id));
        account.addresses.push(AppAddr::uri(server.as_str()));
        account.credentials.push(
            AppAuth::new(AuthLevel::CLCRED, AuthType::DIGEST)
                .with_name(self.user.as_str())
                .with_secret(Secret::new(self.device_password.as_bytes()))
                .with_data(Secret::new(self.device_nonce)),
        );
        account.credentials.push(
            AppAuth::new(AuthLevel::SRVCRED, AuthType::DIGEST)
                .with_name(self.server_id.as_str())
                .with_secret(Secret::new(self.server_password.as_bytes()))
                .with_data(Secret::new(self.server_nonce)),
        );
        account
    }
}

/// The standard objects of whoever is client to a server. Servers name nodes, so nobody is to know how names are hashed.
fn tree(dev_id: &str, server: &LocUri<'_>, secrets: &Secrets) -> Tree {
    let mut tree = Tree::default().with_hash_seed(hash_seed());
    let info = DevInfo {
        dev_id: dev_id.into(),
        man: "Example".into(),
        model: "Lamp".into(),
        dm_v: "1.0".into(),
        lang: "en".into(),
    };
    let detail =
        DevDetail { dev_typ: "lamp".into(), sw_v: "1.0".into(), lrg_obj: false, ..DevDetail::default() };
    info.install(&mut tree).expect("DevInfo fits into an empty tree");
    detail.install(&mut tree).expect("DevDetail fits into an empty tree");
    secrets.dm_account(server).install(&mut tree, ACCOUNT).expect("the account fits into the tree");
    tree
}

fn device(
    name: &str,
    dev_id: &str,
    role: Role,
    gateway: &LocUri<'_>,
    secrets: &Secrets,
    encoding: Encoding,
) -> (Device, Lamp) {
    let mut tree = tree(dev_id, gateway, secrets);
    let mut handlers = HandlerMap::new();
    let lamp = Lamp::default();
    handlers.mount(&mut tree, LAMP, lamp.clone()).expect("nothing else is called Vendor");
    // Who may manage the lamp: the gateway, or in a refusing device somebody else.
    let manager = if role == Role::Refusing { "com.example.other" } else { GATEWAY_ID };
    let acl = Acl::parse(&format!("Get={manager}&Replace={manager}&Exec={manager}")).expect("an ACL");
    tree.set_acl(LAMP, acl).expect("the lamp was mounted");
    let deaf = match role {
        Role::Late => 1,
        Role::Off => u32::MAX,
        Role::Willing | Role::Refusing => 0,
    };
    (Device { name: name.into(), tree, handlers, account: ACCOUNT.into(), encoding, deaf }, lamp)
}

fn uri(text: &str) -> LocUri<'static> {
    LocUri::new(text.to_owned()).expect("an address without white space")
}

fn server_id(text: &str) -> ServerId {
    ServerId::new(text).expect("a server identifier")
}
