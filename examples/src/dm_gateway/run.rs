//! From a configuration to a gateway that runs until it is told to stop.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use dm_syncml::LocUri;
use dm_syncml::session::ServerConfig;
use dm_tree::{DevDetail, DevInfo, ServerId, Tree};
use gwmo_model::{
    ConfidentialityPolicy, DeviceAccount, DeviceId, FanoutLimits, Gateway, GatewayConfig, ImageConfig,
    InventoryConfig, Leg, Mode, Modes, OutboxConfig, StoragePolicy,
};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::account::AccountFile;
use super::asking::ask_servers;
use super::book::{Book, BookParts};
use super::config::Config;
use super::driver::{GatewayDriver, Parts};
use super::failure::Failure;
use super::image_files::ImageFiles;
use super::journal::Journal;
use super::keyring::Keyring;
use super::timekeeping::{keep_wall_clock, tell_time};
use super::{datagrams, device_http, operator_http};
use crate::clock::{Clock, entropy, hash_seed};
use crate::http_client::HttpClient;
use crate::listener::told_to_stop;
use crate::program::{Serving, StateFolder, Whereabouts, account_address, bounds, reachable};
use crate::resolver::SystemResolver;
use crate::store::{Format, Store};
use crate::tls::Trust;
use crate::wire::MAX_BODY;

/// What is in the store.
const FORMAT: Format = Format::new("dm-gateway", 1);

const STORE: &str = "gateway.redb";
const IMAGES: &str = "images";
const DEVICES: &str = "devices";
const SERVERS: &str = "servers";
const CARDS: &str = "cards";

/// Runs until SIGTERM or SIGINT.
pub(super) async fn run(config: Config, json: bool) -> Result<(), Failure> {
    config.log.start()?;
    run_until(config, told_to_stop, |state, whereabouts| state.announce(whereabouts, json)).await
}

/// Runs until it is dropped, as a part of another program.
pub(super) async fn run_within(config: Config) -> Result<(), Failure> {
    run_until(config, std::future::pending, StateFolder::note).await
}

/// Runs until what `told` listens for comes about, and says where once it does.
async fn run_until<F: Future<Output = ()>>(
    config: Config,
    told: impl FnOnce() -> F,
    say: impl FnOnce(&StateFolder, &Whereabouts) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let state = StateFolder::at(&config.state);
    state.make()?;
    let store = Store::open(&state.join(STORE), &FORMAT)?;
    let token = state.token()?;
    let tls = config.tls.load(&state)?;

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
    let scheme = config.tls.scheme();
    let address = account_address(config.address.as_deref(), &config.tls, devices_at.port());

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
    let sources = fetch_policy.client(&trust, Arc::new(SystemResolver));
    let sources = sources.map_err(|error| Failure::new("tls", error))?;
    let keyring = Keyring::of(&accounts.devices);
    let (wanted, wishes) = mpsc::unbounded_channel();
    let cards = state.join(CARDS);
    let parts =
        Parts { journal, datagrams, http, sources, files, fetch_policy, clock, cards, keyring, wanted };
    let driver = GatewayDriver::start(gateway, parts);
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
            ask: config.peers.clone(),
        },
    );
    let book = Arc::new(book);
    for account in &accounts.devices {
        book.know_device(account, false).await?;
    }
    for account in accounts.servers {
        book.add_server(account, false).await?;
    }

    let limits = &config.limits;
    let bounds = bounds(limits.connections, limits.head, limits.request);
    let device_app = device_http::routes(Arc::clone(&driver), limits.body.min(MAX_BODY), tls.is_some());
    let asking = tokio::spawn(ask_servers(Arc::clone(&book), wishes));
    let operator_app = operator_http::routes(book, token);
    let mut serving = Serving::default();
    serving.add(devices, tls.clone(), device_app, bounds);
    serving.add(operator, tls, operator_app, bounds);
    let receiving =
        tokio::spawn(datagrams::receive(Arc::clone(&driver), announced, config.plain_announcements));
    let timekeeping = tokio::spawn(keep_wall_clock(Arc::clone(&driver)));

    // From here on it ends in good order: whoever reads that it runs may stop it at once.
    let told = told();
    let whereabouts = Whereabouts {
        operator: format!("{scheme}://{}", reachable(operator_at)),
        devices: format!("{scheme}://{}/dm", reachable(devices_at)),
        datagrams: Some(reachable(datagrams_at)),
    };
    say(&state, &whereabouts)?;
    tracing::info!(%address, "the gateway runs");

    let failure = tokio::select! {
        () = told => None,
        failure = driver.failure() => Some(failure),
    };
    state.withdraw();
    if let Some(failure) = failure {
        // Nothing may leave any more that rests on what could not be kept.
        return Err(failure);
    }
    tracing::info!("told to stop");
    serving.stop().await;
    asking.abort();
    receiving.abort();
    timekeeping.abort();
    driver.keep_snapshot().await
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
    // Which way a bootstrap goes is said for each device by the operator, who knows whether that can be read.
    let confidentiality = ConfidentialityPolicy::default().allowing_in_clear(Leg::Bootstrap);
    let mode = if config.transparent { Mode::Transparent } else { Mode::Proxy };
    Ok(GatewayConfig::new(server_id, ServerConfig::new(address))
        .with_inventory(inventory)
        .with_outbox(OutboxConfig::default().with_ask_again(Duration::from_secs(config.tell_again.max(1))))
        .with_fanout(FanoutLimits::default().with_window(config.limits.window))
        .with_images(images.with_policy(storage))
        .with_modes(Modes::ALL, mode)
        .with_confidentiality(confidentiality)
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
