//! Notifications and bootstrap messages that come by HTTP push.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use dm_notification::push::TextHeaders;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::failure::Failure;
use crate::listener::{Bounds, serve};

/// The largest body that is read.
const MAX_BODY: usize = 64 << 10;
/// Pushes that wait for their turn.
const MAX_WAITING: usize = 16;
/// How long the answer waits for the device, which may be in a session or away.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was pushed, and who waits to hear what became of it.
#[derive(Debug)]
pub(super) struct Pushed {
    pub from: SocketAddr,
    pub headers: TextHeaders,
    pub body: Bytes,
    pub verdict: oneshot::Sender<StatusCode>,
}

/// Where pushes come in, and the address of it.
#[derive(Debug)]
pub(super) struct Pushes {
    pub address: SocketAddr,
    waiting: mpsc::Receiver<Pushed>,
}

impl Pushes {
    /// Takes them at this address until the program ends.
    pub(super) async fn listen(at: SocketAddr) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::new("io", format_args!("{at}: {error}"));
        let listener = TcpListener::bind(at).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (sender, waiting) = mpsc::channel(MAX_WAITING);
        let app = Router::new()
            .route("/push", post(take).layer(DefaultBodyLimit::max(MAX_BODY)))
            .with_state(sender);
        tokio::spawn(serve(listener, None, app, Bounds::default(), std::future::pending()));
        Ok(Self { address, waiting })
    }

    /// The next one.
    pub(super) async fn next(pushes: &mut Option<Self>) -> Pushed {
        if let Some(pushes) = pushes
            && let Some(pushed) = pushes.waiting.recv().await
        {
            return pushed;
        }
        std::future::pending().await
    }
}

async fn take(
    State(device): State<mpsc::Sender<Pushed>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let lines: String = headers
        .iter()
        .filter_map(|(name, value)| Some(format!("{name}: {}\r\n", value.to_str().ok()?)))
        .collect();
    let Ok(headers) = TextHeaders::parse(&lines) else { return StatusCode::BAD_REQUEST };
    let (verdict, said) = oneshot::channel();
    if device.try_send(Pushed { from, headers, body, verdict }).is_err() {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    match timeout(PATIENCE, said).await {
        Ok(Ok(status)) => status,
        // It is taken, and looked at when there is time.
        _ => StatusCode::ACCEPTED,
    }
}
