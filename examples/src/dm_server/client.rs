//! The subcommands' way to a running server: its JSON API.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use axum::http::Method;
use serde_json::Value;

use crate::http_client::{HttpClient, HttpError};
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
pub(super) struct Api {
    http: HttpClient,
    base: String,
    authorization: String,
}

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
        Ok(Self { http, base, authorization: format!("Bearer {}", text.trim()) })
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
        let uri = format!("{}{path}", self.base);
        let mut headers = vec![("authorization", self.authorization.clone())];
        if body.is_some() {
            headers.push(("content-type", "application/json".into()));
        }
        let body = body.map(ToString::to_string).unwrap_or_default();
        let answer = self.http.send(method, &uri, headers, body, MAX_ANSWER).await;
        let answer = answer.map_err(|error| {
            let kind = if matches!(error, HttpError::Address(_)) { "usage" } else { "io" };
            Failure::new(kind, format!("{}: {error}", self.base))
        })?;
        let said = serde_json::from_slice::<Value>(&answer.body).unwrap_or(Value::Null);
        if answer.status.is_success() {
            return Ok(said);
        }
        let kind = match answer.status.as_u16() {
            400 | 413 | 415 | 422 => "usage",
            401 => "unauthorized",
            404 => "not-found",
            409 => "conflict",
            429 => "full",
            _ => "server",
        };
        let text = String::from_utf8_lossy(&answer.body);
        let sentence = said["error"].as_str().unwrap_or(text.trim().trim_start_matches("error: "));
        Err(Failure::new(kind, if sentence.is_empty() { answer.status.as_str() } else { sentence }))
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

/// A name as part of a path.
pub(super) fn segment(name: &str) -> String {
    let mut out = String::new();
    for octet in name.bytes() {
        if octet.is_ascii_alphanumeric() || b"-_.~:".contains(&octet) {
            out.push(char::from(octet));
        } else {
            out.push_str(&format!("%{octet:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_segments() {
        assert_eq!(segment("IMEI:1-2_3.~"), "IMEI:1-2_3.~");
        assert_eq!(segment("urn:x/ä?#%"), "urn:x%2F%C3%A4%3F%23%25");
    }
}
