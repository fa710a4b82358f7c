//! The subcommands' way to a running gateway: its JSON API.

use std::path::PathBuf;
use std::time::Duration;

use axum::http::Method;
use serde_json::Value;

use super::failure::Failure;
use super::run::{CERTIFICATES, TOKEN, WHEREABOUTS, Whereabouts};
use crate::http_client::{HttpClient, HttpError};
use crate::tls::Trust;

/// The largest answer that is taken.
const MAX_ANSWER: usize = 16 << 20;

/// What is needed to find a gateway.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) state: PathBuf,
    pub(super) gateway: Option<String>,
    pub(super) token_file: Option<PathBuf>,
    pub(super) ca: Option<PathBuf>,
}

/// Where the gateway is, and who asks.
#[derive(Debug)]
pub(super) struct Api {
    http: HttpClient,
    base: String,
    authorization: String,
}

impl Api {
    /// The API of the gateway that was named, or of the one that runs with this state.
    pub(super) fn find(access: &Access) -> Result<Self, Failure> {
        let base = match &access.gateway {
            Some(gateway) => gateway.trim_end_matches('/').to_owned(),
            None => {
                let path = access.state.join(WHEREABOUTS);
                let text = std::fs::read_to_string(&path).map_err(|error| {
                    let hint = "is the gateway running? else give --state or --gateway";
                    Failure::file("io", &path, format_args!("{error}; {hint}"))
                })?;
                let whereabouts: Whereabouts =
                    serde_json::from_str(&text).map_err(|error| Failure::file("io", &path, error))?;
                whereabouts.operator
            }
        };
        let token = access.token_file.clone().unwrap_or_else(|| access.state.join(TOKEN));
        let text = std::fs::read_to_string(&token).map_err(|error| Failure::file("io", &token, error))?;
        let certificate = access.state.join(CERTIFICATES).join("cert.pem");
        let trust = match &access.ca {
            Some(ca) => Trust::File(ca.clone()),
            None if certificate.exists() => Trust::File(certificate),
            None => Trust::Nothing,
        };
        let http = HttpClient::new(&trust).map_err(|error| Failure::new("tls", error))?;
        let http = http.with_patience(Duration::from_secs(30));
        Ok(Self { http, base, authorization: format!("Bearer {}", text.trim()) })
    }

    /// Asks, and brings back what is said.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let uri = format!("{}{path}", self.base);
        let mut headers = vec![("authorization", self.authorization.clone())];
        if body.is_some() {
            headers.push(("content-type", "application/json".into()));
        }
        let body = body.map(ToString::to_string).unwrap_or_default();
        let answer = self.http.send(method, &uri, headers, body, MAX_ANSWER).await.map_err(|error| {
            let kind = if matches!(error, HttpError::Address(_)) { "usage" } else { "io" };
            Failure::new(kind, format_args!("{}: {error}", self.base))
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
            _ => "gateway",
        };
        let text = String::from_utf8_lossy(&answer.body);
        let sentence = said["error"].as_str().unwrap_or(text.trim().trim_start_matches("error: "));
        Err(Failure::new(kind, if sentence.is_empty() { answer.status.as_str() } else { sentence }))
    }
}

/// A name as part of a path or a query.
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
