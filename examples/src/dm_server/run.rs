//! From a configuration to a server that runs until it is told to stop.

use std::sync::Arc;
use std::time::Duration;

use dm_syncml::LocUri;
use dm_syncml::session::ServerConfig;
use dm_tree::ServerId;
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;

use crate::http_client::HttpClient;
use crate::listener::{Bounds, told_to_stop};
use crate::program::{Failure, Serving, StateFolder, Whereabouts, account_address, bounds, reachable};
use crate::store::{Batch, Format, Store};
use crate::tls::Trust;
use crate::wire::MAX_BODY;

use super::config::Config;
use super::directory::META;
use super::engine::{Engine, Limits};
use super::vault::{Sealed, Vault};
use super::waking::Waking;
use super::{device_http, operator_http};

/// What is in the store.
const FORMAT: Format = Format::new("dm-server", 1);

/// How long answers may take that tell of the end.
const FAREWELL: Duration = Duration::from_secs(2);

/// Runs until SIGTERM or SIGINT, or until nothing can be written any more.
pub(super) async fn run(config: Config, json: bool) -> Result<(), Failure> {
    config.log.start()?;
    let server = Server::start(&config).await?;
    // From here on it ends in good order: whoever reads that it runs may stop it at once.
    let told = told_to_stop();
    server.state.announce(&server.whereabouts, json)?;
    tracing::info!(address = server.engine.session.address.as_str(), "the server runs");
    let failure = tokio::select! {
        () = told => None,
        failure = server.engine.store.failed() => Some(failure),
    };
    let place = config.state.display();
    match failure {
        None => {
            tracing::info!("told to stop");
            server.stop().await;
            Ok(())
        }
        Some(error) => {
            server.state.withdraw();
            // Who waits for an answer is told to come again.
            let _ = tokio::time::timeout(FAREWELL, server.serving.stop()).await;
            let hint = "make room there, and start again; nothing that was answered is lost";
            Err(Failure::new("store", format_args!("{place}: {error}; {hint}")))
        }
    }
}

/// Runs until it is dropped, as a part of another program.
pub(super) async fn run_within(config: &Config) -> Result<(), Failure> {
    let server = Server::start(config).await?;
    server.state.note(&server.whereabouts)?;
    std::future::pending().await
}

/// A server that runs.
#[derive(Debug)]
struct Server {
    state: StateFolder,
    whereabouts: Whereabouts,
    engine: Arc<Engine>,
    serving: Serving,
    ticking: JoinHandle<()>,
}

impl Server {
    /// Takes up everything where the state has it, and serves.
    async fn start(config: &Config) -> Result<Self, Failure> {
        let state = StateFolder::at(&config.state);
        state.make()?;
        let store = Store::open(&state.join("store.redb"), &FORMAT)?;
        let vault = open_vault(&state, &store).await?;
        let token = state.token()?;
        let tls = config.tls.load(&state)?;

        let io = |what: &'static str| {
            move |error: std::io::Error| Failure::new("io", format_args!("{what}: {error}"))
        };
        let devices = TcpListener::bind(config.listen).await.map_err(io("listen"))?;
        let operator = TcpListener::bind(config.operator).await.map_err(io("operator"))?;
        let datagrams = UdpSocket::bind(config.notify.from).await.map_err(io("notify.from"))?;
        let devices_at = devices.local_addr().map_err(io("listen"))?;
        let operator_at = operator.local_addr().map_err(io("operator"))?;

        let limits = &config.limits;
        let wrong = |what: &'static str, error: &dyn std::fmt::Display| {
            Failure::new("config", format_args!("{what}: {error}"))
        };
        let address = account_address(config.address.as_deref(), &config.tls, devices_at.port());
        let address = LocUri::new(address).map_err(|error| wrong("address", &error))?;
        ServerId::new(&config.server_id).map_err(|error| wrong("server-id", &error))?;
        let trust = config.notify.ca.clone().map_or(Trust::Nothing, Trust::File);
        let pushing = HttpClient::new(&trust).map_err(|error| Failure::new("tls", error))?;
        let engine = Engine::open(
            // Peers that do not say that they know it notice nothing of it.
            ServerConfig::new(address).with_idle(Duration::from_secs(limits.idle.max(1))).with_resume(),
            config.server_id.clone(),
            Limits {
                sessions: limits.sessions.max(1),
                open_work: limits.open_work,
                ended_work: limits.ended_work,
                per_second: limits.messages_per_second,
                burst: limits.burst,
            },
            store,
            vault,
            Waking::new(
                datagrams,
                pushing,
                config.notify.attempts,
                Duration::from_secs(config.notify.wait.max(1)),
            ),
        )
        .await?;

        let bounds = bounds(limits.connections, limits.head, limits.request);
        // Long polls and event streams of the operator are longer than requests of devices.
        let operator_bounds = Bounds { request: bounds.request.max(Duration::from_secs(60)), ..bounds };
        let device_app = device_http::routes(Arc::clone(&engine), limits.body.min(MAX_BODY));
        let operator_app = operator_http::routes(Arc::clone(&engine), token);
        let mut serving = Serving::default();
        serving.add(devices, tls.clone(), device_app, bounds);
        serving.add(operator, tls, operator_app, operator_bounds);
        let ticking = tokio::spawn(tick(Arc::clone(&engine)));
        let scheme = config.tls.scheme();
        let whereabouts = Whereabouts {
            operator: format!("{scheme}://{}", reachable(operator_at)),
            devices: format!("{scheme}://{}/dm", reachable(devices_at)),
            datagrams: None,
        };
        Ok(Self { state, whereabouts, engine, serving, ticking })
    }

    /// What has begun comes to its end.
    async fn stop(self) {
        self.serving.stop().await;
        self.ticking.abort();
        self.engine.save_lockout().await;
        self.state.withdraw();
    }
}

/// Every second.
async fn tick(engine: Arc<Engine>) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for second in 1_u64.. {
        ticks.tick().await;
        engine.tick().await;
        if second % 60 == 0 {
            engine.save_lockout().await;
        }
    }
}

/// The key beside the store, which must be the one that the store was written with.
async fn open_vault(state: &StateFolder, store: &Store) -> Result<Vault, Failure> {
    const CHECK: &str = "vault";
    let path = state.join("store.key");
    let (vault, _) = Vault::kept_in(&path).map_err(|error| Failure::file("io", &path, error))?;
    match store.get::<Sealed>(META, CHECK)? {
        Some(sealed) => {
            vault.open(CHECK, &sealed).map_err(|_| {
                let hint = "this is not the key that the store was written with; put that one back";
                Failure::file("store", &path, hint)
            })?;
        }
        None => {
            let mut batch = Batch::new();
            batch.put(META, CHECK, &vault.seal(CHECK, CHECK))?;
            store.write(batch).await?;
        }
    }
    Ok(vault)
}
