//! The subcommands' way to a running gateway: its JSON API.

use std::path::PathBuf;
use std::time::Duration;

use axum::http::Method;
use serde_json::Value;

use super::failure::Failure;
use super::run::{CERTIFICATES, TOKEN, WHEREABOUTS, Whereabouts};
use crate::http_client::HttpClient;
use crate::operator_api::OperatorClient;
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
pub(super) struct Api(OperatorClient);

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
        Ok(Self(OperatorClient::new(http, base, &text, MAX_ANSWER)))
    }

    /// Asks, and brings back what is said.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        self.0
            .ask(method, path, body)
            .await
            .map_err(|not| Failure::new(not.kind.unwrap_or("gateway"), not.sentence))
    }
}
