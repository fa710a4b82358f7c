//! The subcommands' way to a running server: its JSON API.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use axum::http::Method;
use serde_json::Value;

use crate::http_client::HttpClient;
use crate::operator_api::OperatorClient;
use crate::tls::Trust;

use super::run::{CERTIFICATES, TOKEN, WHEREABOUTS, Whereabouts};

/// The largest answer that is taken.
const MAX_ANSWER: usize = 64 << 20;

/// Why a subcommand fails: a kind for scripts, a sentence for people.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) kind: &'static str,
    pub(super) sentence: String,
}

impl Failure {
    pub(super) fn new(kind: &'static str, sentence: impl Into<String>) -> Self {
        Self { kind, sentence: sentence.into() }
    }

    pub(super) fn io(what: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new("io", format!("{}: {error}", what.display()))
    }
}

/// Where the server is, and who asks.
#[derive(Debug)]
pub(super) struct Api(OperatorClient);

/// What is needed to find a server.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) state: PathBuf,
    pub(super) server: Option<String>,
    pub(super) token_file: Option<PathBuf>,
    pub(super) ca: Option<PathBuf>,
}

impl Api {
    /// The API of the server that was named, or of the one that runs with this state.
    pub(super) fn find(access: &Access) -> Result<Self, Failure> {
        let base = match &access.server {
            Some(server) => server.trim_end_matches('/').to_owned(),
            None => {
                let path = access.state.join(WHEREABOUTS);
                let text = std::fs::read_to_string(&path).map_err(|error| {
                    let hint = "is the server running? else give --state or --server";
                    Failure::new("io", format!("{}: {error}; {hint}", path.display()))
                })?;
                let whereabouts: Whereabouts = serde_json::from_str(&text)
                    .map_err(|error| Failure::new("io", format!("{}: {error}", path.display())))?;
                whereabouts.operator
            }
        };
        let token = access.token_file.clone().unwrap_or_else(|| access.state.join(TOKEN));
        let text = std::fs::read_to_string(&token).map_err(|error| Failure::io(&token, &error))?;
        let certificate = access.state.join(CERTIFICATES).join("cert.pem");
        let trust = match &access.ca {
            Some(ca) => Trust::File(ca.clone()),
            None if certificate.exists() => Trust::File(certificate),
            None => Trust::Nothing,
        };
        let http = HttpClient::new(&trust).map_err(|error| Failure::new("tls", error.to_string()))?;
        let http = http.with_patience(Duration::from_secs(45));
        Ok(Self(OperatorClient::new(http, base, &text, MAX_ANSWER)))
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.ask(Method::GET, path, None).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.ask(Method::POST, path, Some(body)).await
    }

    pub(super) async fn delete(&self, path: &str) -> Result<Value, Failure> {
        self.ask(Method::DELETE, path, None).await
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        self.0
            .ask(method, path, body)
            .await
            .map_err(|not| Failure::new(not.kind.unwrap_or("server"), not.sentence))
    }

    /// Waits until all of these commands are settled, or this time has passed; tells how they stand meanwhile.
    pub(super) async fn settle(
        &self,
        numbers: &[u64],
        patience: Duration,
        show: impl Fn(&Value),
    ) -> Result<Vec<Value>, Failure> {
        let end = Instant::now() + patience;
        let mut settled = Vec::new();
        for number in numbers {
            loop {
                let left = end.saturating_duration_since(Instant::now());
                let wait = left.as_secs().min(2);
                let work = self.get(&format!("/api/work/{number}?wait={wait}")).await?;
                if !is_settled(&work) && !left.is_zero() {
                    show(&work);
                    // With less than a second left, the server has not waited.
                    tokio::time::sleep(Duration::from_millis(if wait == 0 { 100 } else { 0 })).await;
                    continue;
                }
                settled.push(work);
                break;
            }
        }
        Ok(settled)
    }
}

/// Whether nobody has to wait for the device any longer.
pub(super) fn is_settled(work: &Value) -> bool {
    !matches!(work["state"].as_str(), Some("queued" | "sent"))
}

/// Whether it came to what was wanted.
pub(super) fn is_done(work: &Value) -> bool {
    matches!(work["state"].as_str(), Some("done" | "accepted"))
}
