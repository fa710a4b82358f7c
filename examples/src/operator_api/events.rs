//! Events as they happen, for the page and for scripts: server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Events kept for a listener that is slow; who is slower than that is cut off and comes back.
const BACKLOG: usize = 1_024;

/// Most listeners at a time.
const MAX_LISTENERS: usize = 64;

/// Tells events to whoever listens; clones tell to the same.
#[derive(Clone, Debug)]
pub struct Events(broadcast::Sender<(&'static str, String)>);

impl Default for Events {
    fn default() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }
}

impl Events {
    /// Tells that something of this name happened.
    pub fn tell(&self, name: &'static str, data: &impl Serialize) {
        // Without listeners it costs nothing.
        if self.0.receiver_count() > 0
            && let Ok(data) = serde_json::to_string(data)
        {
            let _ = self.0.send((name, data));
        }
    }
}

/// Answers with events until the listener goes, or cannot follow.
pub fn stream(events: &Events) -> Response {
    if events.0.receiver_count() >= MAX_LISTENERS {
        return (StatusCode::SERVICE_UNAVAILABLE, "error: too many listeners\n").into_response();
    }
    let receiver = events.0.subscribe();
    let events = futures_lite::stream::unfold(receiver, |mut receiver| async {
        match receiver.recv().await {
            Ok((name, data)) => {
                Some((Ok::<_, Infallible>(Event::default().event(name).data(data)), receiver))
            }
            Err(RecvError::Lagged(_) | RecvError::Closed) => None,
        }
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response()
}
