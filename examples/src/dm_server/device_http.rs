//! The socket for devices: messages are posted to `/dm`.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use dm_syncml::http::Client;

use crate::listener::no_larger_than;
use crate::wire::{Refused, admit, reply};

use super::answering::Posted;
use super::engine::Engine;

/// What devices reach.
pub(super) fn routes(engine: Arc<Engine>, max_body: usize) -> Router {
    Router::new()
        .route("/dm", post(take).layer(DefaultBodyLimit::max(max_body)))
        .route("/healthz", get(health))
        .layer(from_fn(move |request, next| no_larger_than(max_body, request, next)))
        .with_state(engine)
}

async fn take(
    State(engine): State<Arc<Engine>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let answer = match posted(&headers) {
        Ok(posted) => match engine.answer(posted, body, from.ip()).await {
            Ok(message) => reply(message),
            Err(refusal) => {
                tracing::info!(%from, status = refusal.status(), %refusal, "a request was refused");
                Refused(refusal).into_response()
            }
        },
        Err(refused) => refused.into_response(),
    };
    engine.metrics.answered(answer.status().as_u16());
    answer
}

fn posted(headers: &HeaderMap) -> Result<Posted, Refused> {
    let request = admit(headers)?;
    Ok(Posted {
        encoding: request.encoding(),
        answer: request.answer_encoding(),
        client: Client::of_user_agent(request.user_agent().unwrap_or_default()),
        hmac: request.hmac().map(<[u8]>::to_vec),
    })
}

/// For whoever watches the server: 200 while messages can be written down. Tells strangers nothing else.
pub(super) async fn health(State(engine): State<Arc<Engine>>) -> Response {
    if engine.metrics.is_healthy() {
        "ok\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "error: the store cannot be written\n").into_response()
    }
}
