//! From a configuration to a server that runs until it is told to stop.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dm_syncml::LocUri;
use dm_syncml::session::ServerConfig;
use dm_tree::ServerId;
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::watch;

use crate::listener::{Bounds, serve, told_to_stop};
use crate::operator_api::OperatorToken;
use crate::store::{Batch, Format, Store};
use crate::tls::Identity;
use crate::wire::MAX_BODY;

use super::config::Config;
use super::directory::META;
use super::engine::{Engine, Limits};
use super::vault::{Sealed, Vault};
use super::waking::Waking;
use super::{device_http, operator_http};

/// Where a running server is, for its own subcommands: a file in its state.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Whereabouts {
    /// The operator's socket.
    pub(super) operator: String,
    /// The devices' socket.
    pub(super) devices: String,
}

/// What is in the store.
const FORMAT: Format = Format::new("dm-server", 1);

pub(super) const WHEREABOUTS: &str = "running.json";
pub(super) const TOKEN: &str = "operator.token";
pub(super) const CERTIFICATES: &str = "tls";

/// Runs until SIGTERM or SIGINT.
pub(super) async fn run(config: Config) -> Result<(), String> {
    start_log(&config)?;
    let state = &config.state;
    let said = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| format!("{path}: {error}")
    };
    make_private(state).map_err(said(state))?;
    let store = Store::open(&state.join("store.redb"), &FORMAT).map_err(|error| error.to_string())?;
    let vault = open_vault(state, &store).await?;
    let token_path = state.join(TOKEN);
    let (token, made) = OperatorToken::kept_in(&token_path).map_err(said(&token_path))?;
    if made {
        tracing::info!(path = %token_path.display(), "made a token for the operator");
    }
    let tls = if config.plain_http {
        tracing::warn!("no TLS: whoever is between reads everything");
        None
    } else {
        let identity = match (&config.cert, &config.key) {
            (Some(certificate), Some(key)) => Identity { certificate: certificate.clone(), key: key.clone() },
            (None, None) => {
                let folder = state.join(CERTIFICATES);
                let (identity, made) =
                    Identity::kept_in(&folder, &config.names).map_err(|error| error.to_string())?;
                if made {
                    tracing::info!(path = %identity.certificate.display(), "made a certificate; devices are to trust it");
                }
                identity
            }
            _ => return Err("cert and key go together".into()),
        };
        Some(identity.server_config().map_err(|error| error.to_string())?)
    };

    let bind = |what: &'static str, error: std::io::Error| format!("{what}: {error}");
    let devices = TcpListener::bind(config.listen).await.map_err(|error| bind("listen", error))?;
    let operator = TcpListener::bind(config.operator).await.map_err(|error| bind("operator", error))?;
    let datagrams = UdpSocket::bind(config.notify.from).await.map_err(|error| bind("notify.from", error))?;
    let local = |listener: &TcpListener| listener.local_addr().map_err(|error| error.to_string());
    let (devices_at, operator_at) = (local(&devices)?, local(&operator)?);
    let scheme = if config.plain_http { "http" } else { "https" };
    let name = config.names.first().map_or("localhost", String::as_str);
    let address =
        config.address.clone().unwrap_or_else(|| format!("{scheme}://{name}:{}/dm", devices_at.port()));
    let address = LocUri::new(address).map_err(|error| format!("address: {error}"))?;
    ServerId::new(&config.server_id).map_err(|error| format!("server-id: {error}"))?;

    let limits = &config.limits;
    let session = ServerConfig::new(address.clone()).with_idle(Duration::from_secs(limits.idle.max(1)));
    let engine = Engine::open(
        session,
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
        Waking::new(datagrams, config.notify.attempts, Duration::from_secs(config.notify.wait.max(1))),
    )
    .await
    .map_err(|error| error.to_string())?;

    let bounds = Bounds {
        connections: limits.connections,
        head: Duration::from_secs(limits.head.max(1)),
        request: Duration::from_secs(limits.request.max(1)),
        ..Bounds::default()
    };
    let (stop, stopped) = watch::channel(false);
    let until = |mut stopped: watch::Receiver<bool>| async move {
        // An error means that nobody can stop it any more, which is the same.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    let device_app = device_http::routes(Arc::clone(&engine), limits.body.min(MAX_BODY));
    let operator_app = operator_http::routes(Arc::clone(&engine), token);
    // Long polls and event streams of the operator are longer than requests of devices.
    let operator_bounds = Bounds { request: bounds.request.max(Duration::from_secs(60)), ..bounds };
    let serving = [
        tokio::spawn(serve(devices, tls.clone(), device_app, bounds, until(stopped.clone()))),
        tokio::spawn(serve(operator, tls, operator_app, operator_bounds, until(stopped.clone()))),
    ];
    let ticking = tokio::spawn({
        let engine = Arc::clone(&engine);
        async move {
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
    });

    // Who comes from elsewhere reaches a socket bound to every address by its loopback one at least.
    let reachable = |at: std::net::SocketAddr| {
        if at.ip().is_unspecified() { format!("127.0.0.1:{}", at.port()) } else { at.to_string() }
    };
    let whereabouts = Whereabouts {
        operator: format!("{scheme}://{}", reachable(operator_at)),
        devices: format!("{scheme}://{}/dm", reachable(devices_at)),
    };
    let path = state.join(WHEREABOUTS);
    let text = serde_json::to_string(&whereabouts).map_err(|error| error.to_string())?;
    std::fs::write(&path, &text).map_err(said(&path))?;
    let mut out = std::io::stdout();
    let _ = writeln!(out, "devices at {}, operator at {}", whereabouts.devices, whereabouts.operator);
    let _ = out.flush();
    tracing::info!(address = address.as_str(), "the server runs");

    told_to_stop().await;
    tracing::info!("told to stop");
    let _ = stop.send(true);
    for task in serving {
        let _ = task.await;
    }
    ticking.abort();
    engine.save_lockout().await;
    let _ = std::fs::remove_file(&path);
    Ok(())
}

/// A folder that only its owner looks into, if it is not there yet.
fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder)
}

/// The key beside the store, which must be the one that the store was written with.
async fn open_vault(state: &Path, store: &Store) -> Result<Vault, String> {
    const CHECK: &str = "vault";
    let path = state.join("store.key");
    let (vault, _) = Vault::kept_in(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    match store.get::<Sealed>(META, CHECK).map_err(|error| error.to_string())? {
        Some(sealed) => {
            vault.open(CHECK, &sealed).map_err(|_| {
                format!(
                    "{}: this is not the key that the store was written with; put that one back",
                    path.display()
                )
            })?;
        }
        None => {
            let mut batch = Batch::new();
            let put = batch.put(META, CHECK, &vault.seal(CHECK, CHECK));
            put.map_err(|error| error.to_string())?;
            store.write(batch).await.map_err(|error| error.to_string())?;
        }
    }
    Ok(vault)
}

fn start_log(config: &Config) -> Result<(), String> {
    let filter = tracing_subscriber::EnvFilter::try_new(&config.log.filter)
        .map_err(|error| format!("log.filter: {error}"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if config.log.json {
        builder.json().try_init()
    } else {
        builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init()
    };
    started.map_err(|error| error.to_string())
}
