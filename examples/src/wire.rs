//! HTTP and datagrams on loopback, counted and traced.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use dm_notification::Notification;
use dm_syncml::{DecodeOptions, Encoding, Message};

/// The largest body anyone takes.
pub const MAX_BODY: usize = 4 << 20;

/// Everything that is sent passes here, to be counted and, if asked for, written down.
#[derive(Clone, Debug)]
pub struct Wire(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    trace: Option<PathBuf>,
    messages: AtomicU64,
    octets: AtomicU64,
    http: reqwest::Client,
}

/// What went wrong between two hosts.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// No answer.
    #[error("no answer: {0}")]
    Http(#[from] reqwest::Error),
    /// An answer that is not one of DM.
    #[error("the answer is not a DM message: HTTP status {0}")]
    NotDm(u16),
}

impl Wire {
    /// A wire that writes each message into the folder `trace`, if one is given.
    ///
    /// # Errors
    /// The folder cannot be made, or the HTTP client cannot.
    pub fn new(trace: Option<&Path>) -> io::Result<Self> {
        if let Some(folder) = trace {
            std::fs::create_dir_all(folder)?;
        }
        let http =
            reqwest::Client::builder().timeout(Duration::from_secs(10)).build().map_err(io::Error::other)?;
        Ok(Self(Arc::new(Shared {
            trace: trace.map(Into::into),
            messages: AtomicU64::new(0),
            octets: AtomicU64::new(0),
            http,
        })))
    }

    /// Messages and octets so far.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.0.messages.load(Ordering::Relaxed), self.0.octets.load(Ordering::Relaxed))
    }

    /// Posts a message and brings back the answer (DM Protocol 1.2.1, media types; SyncML HTTP binding).
    ///
    /// # Errors
    /// No answer came, or one that is not a DM message.
    pub async fn post(
        &self,
        from: &str,
        to: &str,
        uri: &str,
        encoding: Encoding,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, WireError> {
        self.note_message(from, to, encoding, &body);
        let request = self.0.http.post(uri).header(header::CONTENT_TYPE, encoding.media_type());
        let response = request.header(header::ACCEPT, encoding.media_type()).body(body).send().await?;
        let status = response.status();
        let media_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !status.is_success() || media_type.and_then(Encoding::from_media_type) != Some(encoding) {
            return Err(WireError::NotDm(status.as_u16()));
        }
        let answer = response.bytes().await?.to_vec();
        self.note_message(to, from, encoding, &answer);
        Ok(answer)
    }

    /// A DM message was sent.
    fn note_message(&self, from: &str, to: &str, encoding: Encoding, body: &[u8]) {
        let number = self.count(body.len());
        let Some(folder) = &self.0.trace else { return };
        let (session, message) = match Message::decode(encoding, body, &DecodeOptions::new()) {
            Ok(message) => (message.header.session_id.to_string(), message.header.msg_id.to_string()),
            Err(_) => ("unreadable".into(), "0".into()),
        };
        let extension = if encoding == Encoding::Wbxml { "wbxml" } else { "xml" };
        save(folder, &format!("{number:06}-{from}-{to}-{session}-{message}.{extension}"), body);
    }

    /// A notification was sent.
    pub fn note_notification(&self, from: &str, to: &str, octets: &[u8]) {
        let number = self.count(octets.len());
        if let Some(folder) = &self.0.trace {
            let session = match Notification::decode(octets) {
                Ok(notification) => notification.trigger().session_id().to_string(),
                Err(_) => "unreadable".into(),
            };
            let to = to.strip_prefix("urn:uuid:").unwrap_or(to);
            save(folder, &format!("{number:06}-{from}-{to}-{session}-0.p0"), octets);
        }
    }

    fn count(&self, octets: usize) -> u64 {
        self.0.octets.fetch_add(octets as u64, Ordering::Relaxed);
        self.0.messages.fetch_add(1, Ordering::Relaxed)
    }
}

/// A trace that cannot be written must not stop the program it shows.
fn save(folder: &Path, name: &str, octets: &[u8]) {
    let _ = std::fs::write(folder.join(name), octets);
}

/// The encoding that the headers of a request name.
///
/// # Errors
/// 415 when it is none of DM's.
pub fn encoding_of(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    let media_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Encoding::from_media_type(media_type).ok_or_else(|| {
        Refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("{media_type:?} is not the type of a DM message"))
    })
}

/// A DM message as an answer. Its length is stated: some clients drop answers without.
#[must_use]
pub fn reply(encoding: Encoding, body: Vec<u8>) -> Response {
    let headers = [(header::CONTENT_TYPE, encoding.media_type()), (header::CACHE_CONTROL, "no-store")];
    (headers, body).into_response()
}

/// An answer to what is not a DM message of a session.
#[derive(Debug)]
pub struct Refusal(pub StatusCode, pub String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, format!("error: {}\n", self.1)).into_response()
    }
}
