//! From a configuration to a gateway that runs until it is told to stop.

use std::collections::HashMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dm_syncml::LocUri;
use dm_syncml::session::ServerConfig;
use dm_tree::{DevDetail, DevInfo, ServerId, Timestamp, Tree};
use gwmo_model::{
    DeviceAccount, DeviceId, FanoutLimits, Gateway, GatewayConfig, ImageConfig, InventoryConfig, Mode, Modes,
    StoragePolicy,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::account::AccountFile;
use super::book::{Book, BookParts};
use super::config::Config;
use super::driver::{GatewayDriver, Parts};
use super::failure::Failure;
use super::image_files::ImageFiles;
use super::journal::Journal;
use super::{datagrams, device_http, operator_http};
use crate::clock::{Clock, entropy, hash_seed};
use crate::http_client::HttpClient;
use crate::listener::{Bounds, serve, told_to_stop};
use crate::operator_api::OperatorToken;
use crate::store::{Format, Store};
use crate::tls::{Identity, Trust};
use crate::wire::MAX_BODY;

/// Where a running gateway is, for its own subcommands: a file in its state.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Whereabouts {
    /// The operator's socket.
    pub(super) operator: String,
    /// The devices' socket.
    pub(super) devices: String,
    /// The socket for announcements.
    pub(super) datagrams: String,
}

/// What is in the store.
const FORMAT: Format = Format::new("dm-gateway", 1);

pub(super) const WHEREABOUTS: &str = "running.json";
pub(super) const TOKEN: &str = "operator.token";
pub(super) const CERTIFICATES: &str = "tls";
const STORE: &str = "gateway.redb";
const IMAGES: &str = "images";
const DEVICES: &str = "devices";
const SERVERS: &str = "servers";

/// How often the machine is told what time of day it is.
const WALL_CLOCK: Duration = Duration::from_secs(60);

/// Runs until SIGTERM or SIGINT.
pub(super) async fn run(config: Config, json: bool) -> Result<(), Failure> {
    start_log(&config)?;
    let state = &config.state;
    std::fs::create_dir_all(state).map_err(|error| Failure::file("io", state, error))?;
    let store = Store::open(&state.join(STORE), &FORMAT)?;
    let token_path = state.join(TOKEN);
    let (token, made) =
        OperatorToken::kept_in(&token_path).map_err(|error| Failure::file("io", &token_path, error))?;
    if made {
        tracing::info!(path = %token_path.display(), "made a token for the operator");
    }
    let tls = identity(&config)?;

    let io =
        |what: &'static str| move |error: std::io::Error| Failure::new("io", format_args!("{what}: {error}"));
    let devices = TcpListener::bind(config.listen).await.map_err(io("listen"))?;
    let operator = TcpListener::bind(config.operator).await.map_err(io("operator"))?;
    let datagrams = std::net::UdpSocket::bind(config.datagrams).map_err(io("datagrams"))?;
    datagrams.set_nonblocking(true).map_err(io("datagrams"))?;
    let announced =
        datagrams.try_clone().and_then(tokio::net::UdpSocket::from_std).map_err(io("datagrams"))?;
    let devices_at = devices.local_addr().map_err(io("listen"))?;
    let operator_at = operator.local_addr().map_err(io("operator"))?;
    let datagrams_at = announced.local_addr().map_err(io("datagrams"))?;
    let scheme = if config.plain_http { "http" } else { "https" };
    let name = config.names.first().map_or("localhost", String::as_str);
    let address =
        config.address.clone().unwrap_or_else(|| format!("{scheme}://{name}:{}/dm", devices_at.port()));

    // What the gateway was when it stopped, however it stopped.
    let clock = Clock::start();
    let accounts = accounts(&config)?;
    let machine_config = machine_config(&config, &address)?;
    let server_id = machine_config.server_id.clone();
    let (journal, kept) = Journal::open(store.clone(), config.limits.records)?;
    let shared: HashMap<DeviceId, &AccountFile> =
        accounts.devices.iter().filter_map(|account| Some((account.device().ok()?, account))).collect();
    let account_of =
        |id: &DeviceId| -> Option<DeviceAccount> { shared.get(id).and_then(|it| it.for_device(&server_id)) };
    let is_new = kept.is_none();
    let mut gateway = match kept {
        Some((snapshot, records)) => {
            let count = records.len();
            let gateway = Gateway::restore(clock.now(), machine_config, snapshot, records, account_of);
            let gateway = gateway.map_err(|error| {
                Failure::file("store", &state.join(STORE), format_args!("{error}; put back a copy of it"))
            })?;
            tracing::info!(records = count, "the gateway goes on where it was");
            gateway
        }
        None => Gateway::new(clock.now(), machine_config, own_tree(&accounts)?)
            .map_err(|error| Failure::new("internal", error))?,
    };
    check_identity(&gateway, &accounts);
    let blobs: Vec<_> =
        gateway.handle_images(clock.now(), |images, _| images.blobs().map(|(blob, _)| blob).collect());
    let images = state.join(IMAGES);
    let files = ImageFiles::open(&images, &blobs).map_err(|error| Failure::file("io", &images, error))?;

    let trust = config.ca.clone().map_or(Trust::Nothing, Trust::File);
    let http = HttpClient::new(&trust).map_err(|error| Failure::new("tls", error))?;
    let fetch_policy = config.images.fetch.clone();
    let driver =
        GatewayDriver::start(gateway, Parts { journal, datagrams, http, files, fetch_policy, clock });
    if is_new {
        driver.keep_snapshot().await?;
    }
    tell_time(&driver);
    driver.drive(|gateway, now| (0..64).for_each(|_| gateway.handle_entropy(now, entropy())));
    let book = Book::new(
        Arc::clone(&driver),
        BookParts {
            store,
            devices: state.join(DEVICES),
            servers: state.join(SERVERS),
            server_id,
            address: address.clone(),
            ca: config.ca.clone(),
            poll: (config.poll > 0).then(|| Duration::from_secs(config.poll)),
        },
    );
    for account in &accounts.devices {
        book.know_device(account).await?;
    }
    for account in accounts.servers {
        book.add_server(account, false).await?;
    }

    let limits = &config.limits;
    let bounds = Bounds {
        connections: limits.connections.max(1),
        head: Duration::from_secs(limits.head.max(1)),
        request: Duration::from_secs(limits.request.max(1)),
        ..Bounds::default()
    };
    let (stop, stopped) = watch::channel(false);
    let until = |mut stopped: watch::Receiver<bool>| async move {
        // An error means that nobody can stop it any more, which is the same.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    let device_app = device_http::routes(Arc::clone(&driver), limits.body.min(MAX_BODY));
    let operator_app = operator_http::routes(Arc::new(book), token);
    let serving = [
        tokio::spawn(serve(devices, tls.clone(), device_app, bounds, until(stopped.clone()))),
        tokio::spawn(serve(operator, tls, operator_app, bounds, until(stopped))),
    ];
    let receiving = tokio::spawn(datagrams::receive(Arc::clone(&driver), announced));
    let timekeeping = tokio::spawn({
        let driver = Arc::clone(&driver);
        async move {
            loop {
                tokio::time::sleep(WALL_CLOCK).await;
                tell_time(&driver);
            }
        }
    });

    // From here on it ends in good order: whoever reads that it runs may stop it at once.
    let told = told_to_stop();
    tokio::pin!(told);
    let is_told = futures_lite::future::poll_once(&mut told).await.is_some();

    let whereabouts = Whereabouts {
        operator: format!("{scheme}://{}", reachable(operator_at)),
        devices: format!("{scheme}://{}/dm", reachable(devices_at)),
        datagrams: reachable(datagrams_at),
    };
    let path = state.join(WHEREABOUTS);
    let text = serde_json::to_string(&whereabouts).map_err(|error| Failure::new("internal", error))?;
    std::fs::write(&path, text).map_err(|error| Failure::file("io", &path, error))?;
    let mut out = std::io::stdout();
    let Whereabouts { operator, devices, datagrams } = &whereabouts;
    let _ = if json {
        let event =
            json!({ "event": "listening", "devices": devices, "datagrams": datagrams, "operator": operator });
        writeln!(out, "{event}")
    } else {
        writeln!(out, "devices at {devices}, announcements at {datagrams}, operator at {operator}")
    };
    let _ = out.flush();
    tracing::info!(%address, "the gateway runs");

    let failure = tokio::select! {
        () = async { if !is_told { told.await } } => None,
        failure = driver.failure() => Some(failure),
    };
    let _ = std::fs::remove_file(&path);
    if let Some(failure) = failure {
        // Nothing may leave any more that rests on what could not be kept.
        return Err(failure);
    }
    tracing::info!("told to stop");
    let _ = stop.send(true);
    for task in serving {
        let _ = task.await;
    }
    receiving.abort();
    timekeeping.abort();
    driver.keep_snapshot().await
}

/// Who comes from elsewhere reaches a socket bound to every address by its loopback one at least.
fn reachable(at: SocketAddr) -> String {
    if at.ip().is_unspecified() { format!("127.0.0.1:{}", at.port()) } else { at.to_string() }
}

struct Accounts {
    devices: Vec<AccountFile>,
    servers: Vec<AccountFile>,
}

/// Accounts that were added by the operator, and those that the configuration names.
fn accounts(config: &Config) -> Result<Accounts, Failure> {
    let all = |folder: &str, named: &[std::path::PathBuf]| {
        let mut accounts = AccountFile::read_all(&config.state.join(folder))?;
        for path in named {
            let account = AccountFile::read(path)?;
            let key = |it: &AccountFile| if folder == SERVERS { it.server_id.clone() } else { it.id.clone() };
            accounts.retain(|known| key(known) != key(&account));
            accounts.push(account);
        }
        Ok::<_, Failure>(accounts)
    };
    Ok(Accounts { devices: all(DEVICES, &config.devices)?, servers: all(SERVERS, &config.servers)? })
}

fn machine_config(config: &Config, address: &str) -> Result<GatewayConfig, Failure> {
    let wrong =
        |what: &str, error: &dyn std::fmt::Display| Failure::new("config", format_args!("{what}: {error}"));
    let server_id = ServerId::new(&config.server_id).map_err(|error| wrong("server-id", &error))?;
    let address = LocUri::new(address.to_owned()).map_err(|error| wrong("address", &error))?;
    let inventory = InventoryConfig::default()
        .with_max_devices(config.limits.devices)
        .with_hash_seed(hash_seed())
        .with_lifetime((config.lifetime > 0).then(|| Duration::from_secs(config.lifetime)));
    let storage =
        StoragePolicy::default().with_quota(config.images.quota).with_max_image(config.images.max_image);
    let images = ImageConfig::new(&format!("{}/images/", address.as_str().trim_end_matches('/')));
    let mode = if config.transparent { Mode::Transparent } else { Mode::Proxy };
    Ok(GatewayConfig::new(server_id, ServerConfig::new(address))
        .with_inventory(inventory)
        .with_fanout(FanoutLimits::default().with_window(config.limits.window))
        .with_images(images.with_policy(storage))
        .with_modes(Modes::ALL, mode)
        .with_seed(hash_seed()))
}

/// The tree of a new gateway. Its DevId is the one its servers know it by.
fn own_tree(accounts: &Accounts) -> Result<Tree, Failure> {
    let mut tree = Tree::default().with_hash_seed(hash_seed());
    let random = || {
        let hex: String = entropy().iter().map(|octet| format!("{octet:02x}")).collect();
        format!("urn:x-dm-gateway:{hex}")
    };
    let info = DevInfo {
        dev_id: accounts.servers.first().map_or_else(random, |account| account.id.clone()),
        man: "dm-rs".into(),
        model: "dm-gateway".into(),
        dm_v: "1.2".into(),
        lang: "en".into(),
    };
    let detail = DevDetail {
        dev_typ: "gateway".into(),
        sw_v: env!("CARGO_PKG_VERSION").into(),
        lrg_obj: true,
        ..DevDetail::default()
    };
    let installed = info.install(&mut tree).and_then(|()| detail.install(&mut tree));
    installed.map_err(|error| Failure::new("internal", error))?;
    Ok(tree)
}

/// A server knows the gateway by the id in its account; in a state that was begun with another one, the DevId is that one.
fn check_identity(gateway: &Gateway, accounts: &Accounts) {
    let Some(info) = DevInfo::read(gateway.tree()) else { return };
    for account in accounts.servers.iter().filter(|account| account.id != info.dev_id) {
        let (server, id, dev_id) = (&account.server_id, &account.id, &info.dev_id);
        tracing::warn!(server, id, dev_id, "the account has another id than the DevId of this gateway");
    }
}

fn identity(config: &Config) -> Result<Option<Arc<rustls::ServerConfig>>, Failure> {
    if config.plain_http {
        tracing::warn!("no TLS: whoever is between reads everything");
        return Ok(None);
    }
    let failed = |error| Failure::new("tls", error);
    let identity = match (&config.cert, &config.key) {
        (Some(certificate), Some(key)) => Identity { certificate: certificate.clone(), key: key.clone() },
        (None, None) => {
            let folder: &Path = &config.state.join(CERTIFICATES);
            let (identity, made) = Identity::kept_in(folder, &config.names).map_err(failed)?;
            if made {
                tracing::info!(path = %identity.certificate.display(), "made a certificate; devices are to trust it");
            }
            identity
        }
        _ => return Err(Failure::new("config", "cert and key go together")),
    };
    identity.server_config().map(Some).map_err(failed)
}

fn tell_time(driver: &Arc<GatewayDriver>) {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    if let Some(time) = i64::try_from(seconds).ok().and_then(Timestamp::from_unix) {
        driver.drive(|gateway, now| gateway.handle_wall_clock(now, time));
    }
}

fn start_log(config: &Config) -> Result<(), Failure> {
    let filter = tracing_subscriber::EnvFilter::try_new(&config.log.filter)
        .map_err(|error| Failure::new("config", format_args!("log.filter: {error}")))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if config.log.json {
        builder.json().try_init()
    } else {
        builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init()
    };
    started.map_err(|error| Failure::new("internal", error))
}
