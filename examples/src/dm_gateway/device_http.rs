//! The devices' socket: DM messages, images, and notifications that servers push through the gateway.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, State};
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_RANGE, RANGE,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use dm_notification::push::TextHeaders;
use dm_syncml::http::Refusal;
use dm_syncml::session::{Incoming, Outgoing};
use gwmo_model::{AddressName, ByteRange, Serve, ServeNo, ServeRefusal};
use serde_json::json;

use super::driver::GatewayDriver;
use crate::clock::entropy;
use crate::listener::no_larger_than;
use crate::wire::{Refused, admit, incoming, reply, transport_from};

/// The largest notification that is passed on.
const MAX_PUSH: usize = 64 << 10;

/// Whether the listener speaks TLS.
#[derive(Clone, Copy)]
struct Encrypted(bool);

/// What devices and pushing servers reach.
pub(super) fn routes(driver: Arc<GatewayDriver>, max_body: usize, is_tls: bool) -> Router {
    Router::new()
        .route("/dm", post(message).layer(DefaultBodyLimit::max(max_body)))
        .route("/push", post(push).layer(DefaultBodyLimit::max(MAX_PUSH)))
        .route("/dm/images/{name}", get(image))
        .route("/healthz", get(health))
        .layer(from_fn(move |request, next| no_larger_than(max_body, request, next)))
        .layer(Extension(Encrypted(is_tls)))
        .with_state(driver)
}

/// Whether the program can go on.
pub(super) async fn health(State(driver): State<Arc<GatewayDriver>>) -> Response {
    if driver.is_well() {
        "ok\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "error: the store cannot be written\n").into_response()
    }
}

async fn message(
    State(driver): State<Arc<GatewayDriver>>,
    Extension(Encrypted(is_tls)): Extension<Encrypted>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    driver.metrics.device_messages.add(1);
    driver.metrics.device_octets.add(body.len() as u64);
    let origin = from.ip().to_string();
    let answered = async {
        let request = admit(&headers)?;
        let incoming = incoming(&request, &body, &origin)?.over(transport_from(from.ip(), is_tls));
        answer(&driver, &incoming).await
    };
    let answered = answered.await;
    driver.metrics.messages_refused.add(answered.is_err().into());
    answered.map(reply)
}

async fn answer(driver: &Arc<GatewayDriver>, incoming: &Incoming<'_>) -> Result<Outgoing, Refused> {
    let key = incoming.key();
    let (exchange, answer) = driver.begin_exchange();
    let taken =
        driver.drive(|gateway, now| gateway.handle_device_message(now, exchange, incoming, entropy()));
    if let Err(error) = taken {
        driver.end_exchange(exchange);
        return Err(Refused(Refusal::from(&error)));
    }
    if driver.sessions.message(key.peer(), key.session_id()) {
        driver.metrics.device_sessions.add(1);
        driver.events.tell("session", &json!({ "peer": key.peer() }));
    }
    let given_up = |_| Refused(Refusal::busy("the session was given up", Duration::from_secs(1)));
    answer.await.map_err(given_up)
}

/// A notification with `X-Oma-GwMO`. Whoever pushes is told nothing of what is decided about it.
async fn push(State(driver): State<Arc<GatewayDriver>>, headers: HeaderMap, body: Bytes) -> Response {
    let lines: String = headers
        .iter()
        .filter_map(|(name, value)| Some(format!("{name}: {}\r\n", value.to_str().ok()?)))
        .collect();
    match TextHeaders::parse(&lines) {
        Ok(headers) => {
            driver.drive(|gateway, now| gateway.handle_text_push(now, &headers, &body));
            StatusCode::ACCEPTED.into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, format!("error: {error}\n")).into_response(),
    }
}

/// An image, or a part of it.
async fn image(
    State(driver): State<Arc<GatewayDriver>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Some(name) = AddressName::parse(&name) else { return StatusCode::NOT_FOUND.into_response() };
    let range = headers.get(RANGE).and_then(|range| byte_range(range.to_str().ok()?));
    // Content never changes under an address; another tag means another image.
    let tag = format!("\"image-{}\"", name.image());
    let wanted = headers.get(IF_RANGE).is_none_or(|wanted| wanted.as_bytes() == tag.as_bytes());
    let range = range.filter(|_| wanted).unwrap_or_default();
    let devices = driver.devices_at(from.ip());
    let served = driver.drive(|gateway, now| {
        let mut refusal = ServeRefusal::OutOfScope;
        for device in devices {
            match gateway.handle_image_request(now, device, &name, range) {
                Ok(serve) => return Ok(serve),
                // Another device at this address may read it.
                Err(ServeRefusal::OutOfScope) => {}
                Err(ServeRefusal::Busy) => refusal = ServeRefusal::Busy,
                Err(other) => return Err(other),
            }
        }
        Err(refusal)
    });
    match served {
        Ok(serve) => send(driver, &serve, &tag, range == ByteRange::All),
        Err(refusal) => {
            let status = StatusCode::from_u16(refusal.http_status()).unwrap_or(StatusCode::FORBIDDEN);
            let mut response = (status, format!("error: {refusal}\n")).into_response();
            if let ServeRefusal::BadRange { len } = refusal {
                insert(response.headers_mut(), CONTENT_RANGE, format!("bytes */{len}"));
            }
            response
        }
    }
}

fn send(driver: Arc<GatewayDriver>, serve: &Serve, tag: &str, is_whole: bool) -> Response {
    let sending = Sending { driver, number: serve.number, is_complete: false };
    let reading = match sending.driver.files.read(serve.blob, serve.range.clone()) {
        Ok(reading) => reading,
        Err(error) => {
            tracing::error!(blob = %serve.blob, %error, "an image cannot be read");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let pieces = futures_lite::stream::unfold((reading, sending), |(mut reading, sending)| async move {
        let read = tokio::task::spawn_blocking(move || (reading.next(), reading)).await;
        let (piece, reading) = match read {
            Ok((piece, reading)) => (piece.transpose(), reading),
            Err(_) => return None,
        };
        match piece {
            Some(Ok(piece)) => {
                sending.driver.metrics.images_served_octets.add(piece.len() as u64);
                Some((Ok(piece), (reading, sending)))
            }
            Some(Err(error)) => Some((Err(error), (reading, sending))),
            None => {
                sending.completed();
                None
            }
        }
    });
    let mut response = Body::from_stream(pieces).into_response();
    let headers = response.headers_mut();
    let length = serve.range.end - serve.range.start;
    insert(headers, CONTENT_TYPE, "application/octet-stream".into());
    insert(headers, CONTENT_LENGTH, length.to_string());
    insert(headers, ACCEPT_RANGES, "bytes".into());
    insert(headers, CACHE_CONTROL, "private, no-store".into());
    insert(headers, ETAG, tag.into());
    if !is_whole {
        let (first, last) = (serve.range.start, serve.range.end.saturating_sub(1));
        insert(headers, CONTENT_RANGE, format!("bytes {first}-{last}/{}", serve.len));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    response
}

fn insert(headers: &mut HeaderMap, name: axum::http::HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

/// An answer under way; the machine hears of its end, whichever way it ends.
struct Sending {
    driver: Arc<GatewayDriver>,
    number: ServeNo,
    is_complete: bool,
}

impl Sending {
    fn completed(mut self) {
        self.is_complete = true;
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        let (number, is_complete) = (self.number, self.is_complete);
        self.driver.drive(|gateway, now| {
            gateway.handle_images(now, |images, now| images.handle_served(now, number, is_complete));
        });
    }
}

/// One range of octets (RFC 9110 §14.1.2); several at once, or anything else, is answered with everything.
fn byte_range(text: &str) -> Option<ByteRange> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| {
        text.bytes().all(|digit| digit.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten()
    };
    match (first, last) {
        ("", last) => Some(ByteRange::Last(number(last)?)),
        (first, "") => Some(ByteRange::From(number(first)?)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(ByteRange::Through(first, last))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_http_has_them() {
        for (text, range) in [
            ("bytes=0-9", Some(ByteRange::Through(0, 9))),
            ("bytes=5-", Some(ByteRange::From(5))),
            ("bytes=-5", Some(ByteRange::Last(5))),
            ("bytes=9-0", None),
            ("bytes=0-1,3-4", None),
            ("bytes=+1-2", None),
            ("bytes=-", None),
            ("octets=0-1", None),
            ("bytes=99999999999999999999-", None),
        ] {
            assert_eq!(byte_range(text), range, "{text}");
        }
    }
}
