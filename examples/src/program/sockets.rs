//! Sockets of a program: TLS or none, and serving until it is told to stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use clap::Args;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Failure, StateFolder};
use crate::listener::{Bounds, serve};
use crate::tls::Identity;

/// What a program shows of itself: a certificate and its key, or nothing. Flags of `run`, and fields of a configuration.
#[derive(Args, Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct TlsFiles {
    /// A certificate, PEM [default: made at the first start]
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,
    /// Its key, PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
    /// A name or address the certificate is made for; may be repeated [default: localhost, 127.0.0.1]
    #[arg(long = "name", value_name = "NAME")]
    pub names: Vec<String>,
    /// No TLS. Whoever is between then reads everything: for tests, or behind a proxy that has it
    #[arg(long)]
    pub plain_http: bool,
}

impl TlsFiles {
    /// With flags, which win.
    #[must_use]
    pub fn with_flags(self, flags: Self) -> Self {
        let (cert, key) = if flags.cert.is_some() { (flags.cert, flags.key) } else { (self.cert, self.key) };
        let names = if flags.names.is_empty() { self.names } else { flags.names };
        Self { cert, key, names, plain_http: self.plain_http || flags.plain_http }
    }

    /// What a certificate is made for.
    fn names(&self) -> Vec<String> {
        if self.names.is_empty() { vec!["localhost".into(), "127.0.0.1".into()] } else { self.names.clone() }
    }

    /// The configuration for TLS, or `None` without it. Without files a certificate is made in the state, once.
    ///
    /// # Errors
    /// A file cannot be read or made, or there is only one of the two.
    pub fn load(&self, state: &StateFolder) -> Result<Option<Arc<rustls::ServerConfig>>, Failure> {
        if self.plain_http {
            tracing::warn!("no TLS: whoever is between reads everything");
            return Ok(None);
        }
        let failed = |error| Failure::new("tls", error);
        let identity = match (&self.cert, &self.key) {
            (Some(certificate), Some(key)) => Identity { certificate: certificate.clone(), key: key.clone() },
            (None, None) => {
                let (identity, made) = Identity::kept_in(&state.tls(), &self.names()).map_err(failed)?;
                if made {
                    tracing::info!(path = %identity.certificate.display(), "made a certificate; devices are to trust it");
                }
                identity
            }
            _ => return Err(Failure::new("config", "cert and key go together")),
        };
        identity.server_config().map(Some).map_err(failed)
    }

    /// How addresses begin.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        if self.plain_http { "http" } else { "https" }
    }
}

/// The address that devices have in their accounts: the configured one, or one made of the first name and the port.
#[must_use]
pub fn account_address(configured: Option<&str>, tls: &TlsFiles, port: u16) -> String {
    let name = tls.names.first().map_or("localhost", String::as_str);
    configured.map_or_else(|| format!("{}://{name}:{port}/dm", tls.scheme()), str::to_owned)
}

/// Who comes from elsewhere reaches a socket bound to every address by its loopback one at least.
#[must_use]
pub fn reachable(at: SocketAddr) -> String {
    if at.ip().is_unspecified() { format!("127.0.0.1:{}", at.port()) } else { at.to_string() }
}

/// Bounds of a socket; times in seconds, each at least one.
#[must_use]
pub fn bounds(connections: usize, head: u64, request: u64) -> Bounds {
    Bounds {
        connections: connections.max(1),
        head: Duration::from_secs(head.max(1)),
        request: Duration::from_secs(request.max(1)),
        ..Bounds::default()
    }
}

/// Sockets that are served.
#[derive(Debug)]
pub struct Serving {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<std::io::Result<()>>>,
}

impl Default for Serving {
    fn default() -> Self {
        Self { stop: watch::channel(false).0, tasks: Vec::new() }
    }
}

impl Serving {
    /// Serves one more.
    pub fn add(
        &mut self,
        listener: TcpListener,
        tls: Option<Arc<rustls::ServerConfig>>,
        app: Router,
        bounds: Bounds,
    ) {
        let mut stopped = self.stop.subscribe();
        let until = async move {
            // An error means that nobody can stop it any more, which is the same.
            let _ = stopped.wait_for(|stopped| *stopped).await;
        };
        self.tasks.push(tokio::spawn(serve(listener, tls, app, bounds, until)));
    }

    /// Takes no more requests, and lets those that have begun come to their end.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        for task in self.tasks {
            let _ = task.await;
        }
    }
}
