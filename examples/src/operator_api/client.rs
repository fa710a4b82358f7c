//! The subcommands' way to a running program: its JSON API.

use axum::http::Method;
use serde_json::Value;

use crate::http_client::{HttpClient, HttpError};

/// A program's API, and the token shown to it.
#[derive(Debug)]
pub struct OperatorClient {
    http: HttpClient,
    base: String,
    authorization: String,
    max_answer: usize,
}

/// What was said instead of an answer.
#[derive(Clone, Debug)]
pub struct NotAnswered {
    /// What went wrong, for scripts; `None` when the program itself failed.
    pub kind: Option<&'static str>,
    /// What went wrong, for people.
    pub sentence: String,
}

impl OperatorClient {
    /// The API at `base`, for whoever has this token; answers have at most `max_answer` octets.
    #[must_use]
    pub fn new(http: HttpClient, base: String, token: &str, max_answer: usize) -> Self {
        Self { http, base, authorization: format!("Bearer {}", token.trim()), max_answer }
    }

    /// Asks, and brings back what is said.
    ///
    /// # Errors
    /// There is no answer, or one that says why not.
    pub async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, NotAnswered> {
        let uri = format!("{}{path}", self.base);
        let mut headers = vec![("authorization", self.authorization.clone())];
        if body.is_some() {
            headers.push(("content-type", "application/json".into()));
        }
        let body = body.map(ToString::to_string).unwrap_or_default();
        let answer = self.http.send(method, &uri, headers, body, self.max_answer).await;
        let answer = answer.map_err(|error| NotAnswered {
            kind: Some(if matches!(error, HttpError::Address(_)) { "usage" } else { "io" }),
            sentence: format!("{}: {error}", self.base),
        })?;
        let said = serde_json::from_slice::<Value>(&answer.body).unwrap_or(Value::Null);
        if answer.status.is_success() {
            return Ok(said);
        }
        let kind = match answer.status.as_u16() {
            400 | 413 | 415 | 422 => Some("usage"),
            401 => Some("unauthorized"),
            404 => Some("not-found"),
            409 => Some("conflict"),
            429 => Some("full"),
            _ => None,
        };
        let text = String::from_utf8_lossy(&answer.body);
        let sentence = said["error"].as_str().unwrap_or(text.trim().trim_start_matches("error: "));
        let sentence = if sentence.is_empty() { answer.status.as_str() } else { sentence };
        Err(NotAnswered { kind, sentence: sentence.into() })
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
