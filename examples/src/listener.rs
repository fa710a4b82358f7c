//! HTTP on a socket, with or without TLS, where nobody can take more than a share: connections are counted, handshakes, headers and
//! requests have their time, answers are to be taken, and a shutdown lets what has begun come to its end.

mod patient;
mod shares;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use axum::http::header::{CONNECTION, CONTENT_LENGTH};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower_service::Service as _;

use patient::Patient;
use shares::Shares;

/// What peers may take.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Most connections at a time; others wait to be accepted. Of one address at most half as many; more are closed. Default 4,096.
    pub connections: usize,
    /// Time for a TLS handshake, and for the head of a request, whole. Default 10 s.
    pub head: Duration,
    /// Time for a request, from its head to the head of its answer, and time in which a peer takes nothing of an answer. Default 60 s,
    /// above what a session lets an answer wait.
    pub request: Duration,
    /// Time that a shutdown waits for requests that have begun. Default 10 s.
    pub farewell: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 4_096,
            head: Duration::from_secs(10),
            request: Duration::from_secs(60),
            farewell: Duration::from_secs(10),
        }
    }
}

/// Serves `app` until `shutdown` comes about.
///
/// # Errors
/// The listening socket fails for good.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    app: Router,
    bounds: Bounds,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let app = app.layer(from_fn(move |request: Request, next: Next| in_time(bounds.request, request, next)));
    let acceptor = tls.map(TlsAcceptor::from);
    let permits = Arc::new(Semaphore::new(bounds.connections));
    let shares = Shares::of(bounds.connections);
    let graceful = GracefulShutdown::new();
    tokio::pin!(shutdown);
    loop {
        let permit = Arc::clone(&permits).acquire_owned();
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = async { (permit.await, listener.accept().await) } => accepted,
        };
        let (permit, (stream, peer)) = match accepted {
            (Ok(permit), Ok(accepted)) => (permit, accepted),
            // Out of file descriptors, or a peer that is gone already: neither ends the server.
            (_, Err(error)) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
            (Err(_), _) => break,
        };
        let Some(share) = shares.take(peer.ip()) else {
            tracing::debug!(%peer, "a connection too many from one address");
            continue;
        };
        let (app, acceptor, watcher) = (app.clone(), acceptor.clone(), graceful.watcher());
        tokio::spawn(async move {
            let _counted = (permit, share);
            let served = serve_connection(stream, peer, acceptor, app, bounds, watcher).await;
            if let Err(error) = served {
                tracing::debug!(%peer, %error, "a connection ended early");
            }
        });
    }
    drop(listener);
    // Who has not come to an end by then is cut off.
    let _ = timeout(bounds.farewell, graceful.shutdown()).await;
    Ok(())
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    app: Router,
    bounds: Bounds,
    watcher: Watcher,
) -> Result<(), AnyError> {
    stream.set_nodelay(true)?;
    match acceptor {
        Some(acceptor) => {
            let stream = timeout(bounds.head, acceptor.accept(stream)).await??;
            speak(stream, peer, app, bounds, watcher).await
        }
        None => speak(stream, peer, app, bounds, watcher).await,
    }
}

async fn speak<S>(
    stream: S,
    peer: SocketAddr,
    app: Router,
    bounds: Bounds,
    watcher: Watcher,
) -> Result<(), AnyError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let mut app = app.clone();
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            let answered: Result<Response, Infallible> = app.call(request).await;
            answered
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head)
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(Patient::new(stream, bounds.request)), service);
    Ok(watcher.watch(connection).await?)
}

/// Slow bodies end here, and so do answers that never come.
async fn in_time(time: Duration, request: Request, next: Next) -> Response {
    match timeout(time, next.run(request)).await {
        Ok(response) => response,
        Err(_) => (StatusCode::REQUEST_TIMEOUT, "error: the request took too long\n").into_response(),
    }
}

/// Refuses a body that says it has more than `most` octets before any of it comes; one that does not say so is counted where it is read.
pub async fn no_larger_than(most: usize, request: Request, next: Next) -> Response {
    let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_none_or(|length: u64| length <= most as u64) {
        return next.run(request).await;
    }
    let said = format!("error: a body has at most {most} octets\n");
    // What is on its way nevertheless is not listened to.
    (StatusCode::PAYLOAD_TOO_LARGE, [(CONNECTION, "close")], said).into_response()
}

/// Comes about with the first SIGTERM or SIGINT after this call, also with one that comes before it is waited for.
///
/// # Panics
/// Outside a runtime.
pub fn told_to_stop() -> impl Future<Output = ()> + Send {
    #[cfg(unix)]
    let signals = {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::terminate()).and_then(|first| Ok((first, signal(SignalKind::interrupt())?)))
    };
    async move {
        #[cfg(unix)]
        if let Ok((mut terminated, mut interrupted)) = signals {
            tokio::select! {
                _ = terminated.recv() => {}
                _ = interrupted.recv() => {}
            }
            return;
        }
        let _ = tokio::signal::ctrl_c().await;
    }
}
