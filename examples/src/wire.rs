//! DM messages over HTTP: posted, and answered.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use dm_syncml::http::{self, Action, GivenUp, Policy, Refusal, RequestHead, ResponseHead};
use dm_syncml::session::{ClientSession, Incoming, Outgoing, TransportSecurity};
use dm_syncml::{DecodeError, DecodeOptions, Encoding, Instant};

use crate::clock::entropy;
use crate::http_client::{HttpClient, HttpError};
use crate::tls::Trust;

/// The largest body anyone takes.
pub const MAX_BODY: usize = 4 << 20;

const USER_AGENT: &str = concat!("dm-rs/", env!("CARGO_PKG_VERSION"));

/// Messages over HTTP; clones share their connections.
#[derive(Clone, Debug)]
pub struct Wire(HttpClient);

/// What went wrong between two hosts.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// No answer.
    #[error("no answer: {0}")]
    Http(HttpError),
    /// An answer without a message.
    #[error("the answer is empty")]
    Empty,
    /// The peer is busy and may be asked again after this time.
    #[error("the peer is busy for {0:?}")]
    Busy(Duration),
    /// An answer that is not one of DM, or leads elsewhere: asking again will not help.
    #[error("the answer is not a DM message: {0:?}")]
    GivenUp(GivenUp),
}

/// A message that came back.
#[derive(Debug)]
pub struct Answer {
    /// How it is encoded.
    pub encoding: Encoding,
    /// The MAC beside it.
    pub hmac: Option<Vec<u8>>,
    /// The message.
    pub body: Vec<u8>,
}

impl Answer {
    /// The message, for a session.
    ///
    /// # Errors
    /// The body is no message.
    pub fn incoming(&self) -> Result<Incoming<'_>, DecodeError> {
        let incoming = Incoming::decode(self.encoding, &self.body, &DecodeOptions::new())?;
        Ok(incoming.with_hmac(self.hmac.as_deref()))
    }
}

/// Hands the outcome of a post to the session that wanted it: an answer, or what came instead of one. Returns whether there was an answer that
/// the session could take.
pub fn take(session: &mut ClientSession, now: Instant, posted: &Result<Answer, WireError>) -> bool {
    match posted {
        Ok(answer) => {
            let taken =
                answer.incoming().is_ok_and(|answer| session.handle_message(now, &answer, entropy()).is_ok());
            if !taken {
                // Garbled, or of another session: the machine asks again, or gives up.
                session.handle_lost(now);
            }
            return taken;
        }
        Err(WireError::GivenUp(_)) => session.handle_bad_answer(now),
        Err(WireError::Busy(after)) => session.handle_unavailable(now, *after),
        Err(WireError::Empty) => session.handle_empty_answer(now),
        Err(WireError::Http(_)) => session.handle_lost(now),
    }
    false
}

impl Wire {
    /// A wire without TLS.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn new() -> io::Result<Self> {
        HttpClient::new(&Trust::Nothing).map(Self).map_err(io::Error::other)
    }

    /// The same over a client that trusts whom it is to trust.
    #[must_use]
    pub const fn over(http: HttpClient) -> Self {
        Self(http)
    }

    /// Posts a message and brings back the answer, following redirections as far as [`http::judge`] allows.
    ///
    /// # Errors
    /// No answer came, or one that is not a DM message.
    pub async fn post(&self, uri: &str, message: &Outgoing) -> Result<Answer, WireError> {
        const POLICY: Policy = Policy::new().with_max_body(MAX_BODY as u64);
        let (mut uri, mut redirects) = (uri.to_owned(), 0);
        loop {
            let fields = http::request_fields(message, Some(USER_AGENT));
            // A message holds credentials: where it may be sent again is decided here.
            let sent = self.0.send(Method::POST, &uri, fields, message.body.clone(), MAX_BODY).await;
            let answer = sent.map_err(|error| match error {
                HttpError::TooLarge(_) => WireError::GivenUp(GivenUp::TooLarge),
                error => WireError::Http(error),
            })?;
            let head = ResponseHead::read(answer.status.as_u16(), |name| field(&answer.headers, name));
            match http::judge(&head, &uri, redirects, &POLICY) {
                Action::Take { encoding, hmac } => {
                    let hmac = hmac.map(<[u8]>::to_vec);
                    let body = answer.body.to_vec();
                    return Ok(Answer { encoding, hmac, body });
                }
                Action::Redirect { uri: target } => {
                    redirects += 1;
                    uri = target;
                }
                Action::Again { after } => return Err(WireError::Busy(after)),
                Action::GiveUp(why) => return Err(WireError::GivenUp(why)),
                _ => return Err(WireError::Empty),
            }
        }
    }
}

/// Whether others can read what comes from there and is answered: not over TLS, nor on this machine.
#[must_use]
pub const fn transport_from(peer: IpAddr, is_tls: bool) -> TransportSecurity {
    TransportSecurity::confidential_if(is_tls || peer.is_loopback())
}

/// Whether others can read what goes to this address and comes back. Certificates are always verified.
#[must_use]
pub fn transport_to(uri: &str) -> TransportSecurity {
    let is_hidden = uri.parse::<Uri>().is_ok_and(|uri| {
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        is_here || uri.scheme_str() == Some("https")
    });
    TransportSecurity::confidential_if(is_hidden)
}

/// How the body behind these headers is to be read.
///
/// # Errors
/// It is not, and the answer is this.
pub fn admit(headers: &HeaderMap) -> Result<http::Request<'_>, Refused> {
    let head = RequestHead::read("POST", |name| field(headers, name));
    http::admit(&head, MAX_BODY as u64).map_err(Refused)
}

/// A DM message that came with this request, from the network address `origin`.
///
/// # Errors
/// The body is no message, and the answer is this.
pub fn incoming<'a>(
    request: &http::Request<'_>,
    body: &'a [u8],
    origin: &'a str,
) -> Result<Incoming<'a>, Refused> {
    let options = DecodeOptions::new();
    let incoming = Incoming::decode(request.encoding(), body, &options)
        .map_err(|error| Refused(Refusal::from(&error)))?;
    Ok(incoming.with_hmac(request.hmac()).answered_in(request.answer_encoding()).with_origin(Some(origin)))
}

fn field<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    headers.get(name).map(HeaderValue::as_bytes)
}

/// A DM message as an answer.
#[must_use]
pub fn reply(message: Outgoing) -> Response {
    answer(StatusCode::OK, http::reply_fields(&message).into_iter(), message.body)
}

/// An answer to what is not a DM message of a session.
#[derive(Debug)]
pub struct Refused(pub Refusal);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        answer(status, self.0.fields(), format!("error: {}\n", self.0).into_bytes())
    }
}

fn answer(
    status: StatusCode,
    fields: impl Iterator<Item = (&'static str, String)>,
    body: Vec<u8>,
) -> Response {
    let mut response = (status, body).into_response();
    for (name, value) in fields {
        // A user name in a MAC may be any text, which is octets to HTTP.
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
