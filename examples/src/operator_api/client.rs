//! The subcommands' way to a running program: its JSON API.

use std::path::Path;
use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};

use crate::clock::entropy;
use crate::http_client::{HttpClient, HttpError};
use crate::program::{Access, Failure, StateFolder};

/// The largest answer that is taken.
const MAX_ANSWER: usize = 64 << 20;

/// How long an answer may take: longer than the program itself waits for anything.
const PATIENCE: Duration = Duration::from_secs(45);

/// Before it is asked again, when there was no answer.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(600)];

/// A program's API, and the token shown to it.
#[derive(Debug)]
pub struct OperatorClient {
    http: HttpClient,
    /// What kind of program it is.
    what: &'static str,
    base: String,
    authorization: String,
}

impl OperatorClient {
    /// The API of the program at this address, or of the one that runs with this state. `what` is its kind and the name of the flag for the
    /// address.
    ///
    /// # Errors
    /// It does not run, or what is needed to speak with it is not there.
    pub fn find(
        what: &'static str,
        state: &Path,
        address: Option<&str>,
        access: &Access,
    ) -> Result<Self, Failure> {
        let state = StateFolder::at(state);
        let base = match address {
            Some(address) => address.trim_end_matches('/').to_owned(),
            None => {
                state.whereabouts(&format!("is the {what} running? else give --state or --{what}"))?.operator
            }
        };
        let path = access.token_file.clone().unwrap_or_else(|| state.token_file());
        let token = std::fs::read_to_string(&path).map_err(|error| Failure::file("io", &path, error))?;
        let http = HttpClient::new(&access.trust(&state)).map_err(|error| Failure::new("tls", error))?;
        let authorization = format!("Bearer {}", token.trim());
        Ok(Self { http: http.with_patience(PATIENCE), what, base, authorization })
    }

    /// Looks; when there is no answer, a few times.
    ///
    /// # Errors
    /// There is no answer, or one that says why not.
    pub async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.ask(Method::GET, path, None, &PAUSES).await
    }

    /// Adds, or has something done.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.ask(Method::POST, path, Some(body), &[]).await
    }

    /// Has something done once, by a program that knows requests by their keys: when there is no answer it is asked again, a few times.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn post_once(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.ask(Method::POST, path, Some(body), &PAUSES).await
    }

    /// Takes away.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn delete(&self, path: &str) -> Result<Value, Failure> {
        self.ask(Method::DELETE, path, None, &[]).await
    }

    /// Asks, and again after each of these pauses while there is no answer.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        pauses: &[Duration],
    ) -> Result<Value, Failure> {
        let uri = format!("{}{path}", self.base);
        let mut headers = vec![("authorization", self.authorization.clone())];
        if body.is_some() {
            let key: String = entropy().iter().map(|octet| format!("{octet:02x}")).collect();
            headers.extend([("content-type", "application/json".into()), ("idempotency-key", key)]);
        }
        let body = body.map(ToString::to_string).unwrap_or_default();
        let mut pauses = pauses.iter();
        let answer = loop {
            let sent = self.http.send(method.clone(), &uri, headers.clone(), body.clone(), MAX_ANSWER).await;
            match (sent, pauses.next()) {
                (Ok(answer), _) => break answer,
                (Err(HttpError::Broken(_)), Some(pause)) => tokio::time::sleep(*pause).await,
                (Err(error), _) => {
                    let kind = if matches!(error, HttpError::Address(_)) { "usage" } else { "io" };
                    return Err(Failure::new(kind, format_args!("{}: {error}", self.base)));
                }
            }
        };
        let said = serde_json::from_slice::<Value>(&answer.body).unwrap_or(Value::Null);
        if answer.status.is_success() {
            return Ok(said);
        }
        let kind = match answer.status.as_u16() {
            400 | 413 | 415 | 422 => "usage",
            401 | 403 => "unauthorized",
            404 => "not-found",
            409 => "conflict",
            429 => "full",
            _ => self.what,
        };
        let text = String::from_utf8_lossy(&answer.body);
        let sentence = said["error"].as_str().unwrap_or(text.trim().trim_start_matches("error: "));
        Err(Failure::new(kind, if sentence.is_empty() { answer.status.as_str() } else { sentence }))
    }

    /// All devices with this in their ids, in this state if one is given: page by page, `{"devices": [...]}`.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn devices(&self, search: &str, status: Option<&str>) -> Result<Value, Failure> {
        let (search, status) = (segment(search), status.unwrap_or_default());
        let mut devices = Vec::new();
        let mut from = String::new();
        loop {
            let path =
                format!("/api/devices?limit=1000&from={}&search={search}&status={status}", segment(&from));
            let mut page = self.get(&path).await?;
            if let Value::Array(page) = page["devices"].take() {
                devices.extend(page);
            }
            match page["next"].as_str() {
                Some(next) => from = next.to_owned(),
                None => return Ok(json!({ "devices": devices })),
            }
        }
    }
}

/// A name as part of a path or a query.
#[must_use]
pub fn segment(name: &str) -> String {
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
