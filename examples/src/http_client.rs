//! HTTP towards a peer: one request, one answer of bounded size in bounded time. Nobody is followed anywhere.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

use crate::resolver::{Lookup, Resolver, SystemResolver};
use crate::tls::{TlsError, Trust};

/// Asks over HTTP and HTTPS; clones share their connections.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: Client<HttpsConnector<HttpConnector<Lookup>>, Full<Bytes>>,
    patience: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Where to ask is no address of HTTP.
    #[error("{0} is no http:// or https:// address")]
    Address(String),
    /// The peer is not there, not who it should be, or broke off.
    #[error("{0}")]
    Broken(String),
    /// The name of the peer may not be used.
    #[error("{0}")]
    NotAllowed(String),
    /// The answer takes too long.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// The answer is larger than is taken.
    #[error("the answer has more than {0} octets")]
    TooLarge(usize),
}

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct HttpAnswer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl HttpClient {
    /// A client that takes what `trust` says for its peers, and waits 10 s for an answer.
    ///
    /// # Errors
    /// The certificates to trust cannot be read.
    pub fn new(trust: &Trust) -> Result<Self, TlsError> {
        Self::resolving(trust, Arc::new(SystemResolver))
    }

    /// The same, which asks `resolver` for the addresses of names.
    ///
    /// # Errors
    /// The certificates to trust cannot be read.
    pub fn resolving(trust: &Trust, resolver: Arc<dyn Resolver>) -> Result<Self, TlsError> {
        let mut connector = HttpConnector::new_with_resolver(Lookup(resolver));
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(Duration::from_secs(5)));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(trust.client_config()?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            // Shorter than listeners wait for the next request: who asks just then finds the connection closed.
            .pool_idle_timeout(Duration::from_secs(5))
            .build(connector);
        Ok(Self { client, patience: Duration::from_secs(10) })
    }

    /// Sets how long it waits for an answer, body included.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sends a request and brings back the answer if it has at most `max_body` octets. Redirections are answers like others.
    ///
    /// # Errors
    /// There is no answer, or none that is taken.
    pub async fn send(
        &self,
        method: Method,
        uri: &str,
        headers: impl IntoIterator<Item = (&str, String)>,
        body: impl Into<Bytes>,
        max_body: usize,
    ) -> Result<HttpAnswer, HttpError> {
        let address = || HttpError::Address(uri.into());
        let parsed: Uri = uri.parse().map_err(|_| address())?;
        if parsed.host().is_none() || !matches!(parsed.scheme_str(), Some("http" | "https")) {
            return Err(address());
        }
        let mut request = Request::builder().method(method).uri(parsed);
        for (name, value) in headers {
            request = request.header(name, value.as_bytes());
        }
        let request =
            request.body(Full::new(body.into())).map_err(|error| HttpError::Broken(error.to_string()))?;
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| broken(&error))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, max_body).collect().await.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    HttpError::TooLarge(max_body)
                } else {
                    HttpError::Broken(error.to_string())
                }
            })?;
            Ok(HttpAnswer { status: head.status, headers: head.headers, body: body.to_bytes() })
        };
        timeout(self.patience, exchange).await.unwrap_or(Err(HttpError::TimedOut(self.patience)))
    }
}

fn broken(error: &(dyn std::error::Error + 'static)) -> HttpError {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let io = error.downcast_ref::<io::Error>();
        if let Some(io) =
            io.filter(|io| io.kind() == io::ErrorKind::PermissionDenied && io.get_ref().is_some())
        {
            return HttpError::NotAllowed(io.to_string());
        }
        cause = error.source();
    }
    HttpError::Broken(said(error))
}

/// The whole of what an error says, down to its cause.
fn said(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
