//! Requests of operators that may come again: whoever has heard no answer asks once more under the same key, and has what he asked for once.

use std::collections::{HashMap, VecDeque};

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Most requests that are remembered.
const MAX_REQUESTS: usize = 10_000;

/// Longest key.
const MAX_KEY: usize = 128;

/// A request that was carried out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Request {
    /// Numbers them in the order they came.
    pub(super) no: u64,
    pub(super) key: String,
    /// Of what was asked.
    pub(super) digest: String,
    /// The commands that came of it.
    pub(super) work: Vec<u64>,
}

/// What the operator calls a request: the header `Idempotency-Key`.
#[derive(Clone, Debug)]
pub(super) struct RequestKey(Option<String>);

impl<S: Sync> FromRequestParts<S> for RequestKey {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let Some(value) = parts.headers.get("idempotency-key") else { return Ok(Self(None)) };
        let text = value.to_str().ok().filter(|text| (1..=MAX_KEY).contains(&text.len()));
        let wrong = (StatusCode::BAD_REQUEST, "error: an Idempotency-Key has 1 to 128 visible characters\n");
        text.map(|text| Self(Some(text.to_owned()))).ok_or(wrong)
    }
}

impl RequestKey {
    /// With what is asked, so that nothing else passes for the same request.
    pub(super) fn of(self, device: &str, asked: &impl Serialize) -> Option<(String, String)> {
        let key = self.0?;
        let body = serde_json::to_vec(&(device, asked)).ok()?;
        let digest = Sha256::digest(body).iter().map(|octet| format!("{octet:02x}")).collect();
        Some((key, digest))
    }
}

/// The last requests.
#[derive(Debug, Default)]
pub(super) struct Requests {
    by_key: HashMap<String, Request>,
    oldest_first: VecDeque<String>,
    next: u64,
}

impl Requests {
    pub(super) fn find(&self, key: &str) -> Option<&Request> {
        self.by_key.get(key)
    }

    /// A number for one more.
    pub(super) fn next_no(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// The keys that make room for one more.
    pub(super) fn superfluous(&self) -> impl Iterator<Item = &str> {
        let count = (self.oldest_first.len() + 1).saturating_sub(MAX_REQUESTS);
        self.oldest_first.iter().take(count).map(String::as_str)
    }

    /// It is on the disk.
    pub(super) fn note(&mut self, request: Request) {
        while self.oldest_first.len() >= MAX_REQUESTS {
            if let Some(key) = self.oldest_first.pop_front() {
                self.by_key.remove(&key);
            }
        }
        self.next = self.next.max(request.no);
        self.oldest_first.push_back(request.key.clone());
        self.by_key.insert(request.key.clone(), request);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_remembered() {
        let mut requests = Requests::default();
        for number in 0..MAX_REQUESTS as u64 + 3 {
            let gone: Vec<String> = requests.superfluous().map(str::to_owned).collect();
            assert_eq!(gone.len(), usize::from(number >= MAX_REQUESTS as u64));
            let (no, key) = (requests.next_no(), number.to_string());
            requests.note(Request { no, key, digest: String::new(), work: vec![number] });
        }
        assert_eq!((requests.by_key.len(), requests.oldest_first.len()), (MAX_REQUESTS, MAX_REQUESTS));
        assert!(requests.find("2").is_none() && requests.find("3").is_some_and(|it| it.work == [3]));
    }

    #[test]
    fn another_body_is_another_request() {
        let of = |device: &str, body: &str| RequestKey(Some("k".into())).of(device, &body);
        assert_eq!(of("a", "x"), of("a", "x"));
        assert_ne!(of("a", "x"), of("b", "x"));
        assert_ne!(of("a", "x"), of("a", "y"));
        assert_eq!(RequestKey(None).of("a", &"x"), None);
    }
}
