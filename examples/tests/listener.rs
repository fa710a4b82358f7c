//! What a listener lets peers do, and what not.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::ConnectInfo;
use axum::http::{Method, StatusCode};
use axum::routing::{get, post};
use dm_examples::http_client::{HttpClient, HttpError};
use dm_examples::listener::{Bounds, serve};
use dm_examples::tls::{Identity, Trust};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A listener that says what it was sent and by whom; until it is told to stop.
async fn started(
    tls: Option<&Identity>,
    bounds: Bounds,
) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<()>) {
    let echo = async |ConnectInfo(peer): ConnectInfo<SocketAddr>, body: Bytes| {
        if body.as_ref() == b"slow" {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        [peer.ip().to_string().as_bytes(), b" ", &body].concat()
    };
    let app = Router::new().route("/", post(echo));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tls = tls.map(|identity| identity.server_config().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(async move {
        serve(listener, tls, app, bounds, async { stopped.await.unwrap_or_default() }).await.unwrap();
    });
    (address, stop, serving)
}

async fn say(client: &HttpClient, uri: &str, body: &'static str) -> Result<(StatusCode, String), HttpError> {
    let answer = client.send(Method::POST, uri, [], body, 1_000).await?;
    Ok((answer.status, String::from_utf8_lossy(&answer.body).into_owned()))
}

#[tokio::test]
async fn tls_for_those_who_trust_the_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (identity, _) = Identity::kept_in(folder.path(), &["127.0.0.1".to_owned()]).unwrap();
    let (address, _stop, _serving) = started(Some(&identity), Bounds::default()).await;
    let uri = format!("https://{address}/");
    let trusting = HttpClient::new(&Trust::File(identity.certificate.clone())).unwrap();
    assert_eq!(say(&trusting, &uri, "hello").await.unwrap(), (StatusCode::OK, "127.0.0.1 hello".into()));
    let anything = HttpClient::new(&Trust::Anything).unwrap();
    assert!(say(&anything, &uri, "hello").await.is_ok());
    let other = tempfile::tempdir().unwrap();
    let (another, _) = Identity::kept_in(other.path(), &["127.0.0.1".to_owned()]).unwrap();
    for trust in [Trust::Nothing, Trust::File(another.certificate)] {
        let error = say(&HttpClient::new(&trust).unwrap(), &uri, "hello").await.unwrap_err().to_string();
        assert!(error.contains("certificate"), "{error}");
    }
    let error = say(&trusting, &format!("http://{address}/"), "hello").await.unwrap_err();
    assert!(matches!(error, HttpError::Broken(_)), "plain HTTP gets nothing");
    assert!(matches!(say(&trusting, "ftp:/x", "").await.unwrap_err(), HttpError::Address(_)));
}

#[tokio::test]
async fn the_slow_are_not_waited_for() {
    let patience = Duration::from_millis(200);
    let bounds = Bounds { head: patience, request: patience, ..Bounds::default() };
    let (address, _stop, _serving) = started(None, bounds).await;
    let mut nobody = TcpStream::connect(address).await.unwrap();
    nobody.write_all(b"POST / HTTP/1.1\r\nHost").await.unwrap();
    let mut said = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(5), nobody.read_to_end(&mut said)).await;
    assert!(closed.is_ok(), "a head that does not come to its end");

    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf").await.unwrap();
    let mut said = [0; 12];
    tokio::time::timeout(Duration::from_secs(5), slow.read_exact(&mut said)).await.unwrap().unwrap();
    assert_eq!(&said, b"HTTP/1.1 408", "a body that does not come to its end");
    let client = HttpClient::new(&Trust::Nothing).unwrap();
    let answer = say(&client, &format!("http://{address}/"), "slow").await.unwrap();
    assert_eq!(answer.0, StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test]
async fn who_asks_and_does_not_read_is_cut_off() {
    let patience = Duration::from_millis(500);
    let bounds = Bounds { connections: 1, request: patience, ..Bounds::default() };
    let large =
        Router::new().route("/", get(async || vec![7_u8; 64 << 20])).route("/small", get(async || "small"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, None, large, bounds, std::future::pending()));
    let mut asking = TcpStream::connect(address).await.unwrap();
    asking.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    asking.readable().await.unwrap();
    // There is one connection, and it is free again.
    let client = HttpClient::new(&Trust::Nothing).unwrap().with_patience(Duration::from_secs(60));
    let uri = format!("http://{address}/small");
    let answer = client.send(Method::GET, &uri, [], "", 1_000).await.unwrap();
    assert_eq!(answer.body, "small");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let bounds = Bounds { connections: 1, head: Duration::from_millis(300), ..Bounds::default() };
    let (address, _stop, _serving) = started(None, bounds).await;
    let idle = TcpStream::connect(address).await.unwrap();
    let client = HttpClient::new(&Trust::Nothing).unwrap();
    // The idle one says nothing in its time, and makes room.
    assert!(say(&client, &format!("http://{address}/"), "hello").await.is_ok());
    drop(idle);
}

#[tokio::test]
async fn what_has_begun_is_brought_to_its_end() {
    let (address, stop, serving) = started(None, Bounds::default()).await;
    let client = HttpClient::new(&Trust::Nothing).unwrap();
    let uri = format!("http://{address}/");
    let asking = tokio::spawn({
        let (client, uri) = (client.clone(), uri.clone());
        async move { say(&client, &uri, "slow").await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    stop.send(()).unwrap();
    assert_eq!(asking.await.unwrap().unwrap().1, "127.0.0.1 slow");
    tokio::time::timeout(Duration::from_secs(5), serving).await.unwrap().unwrap();
    assert!(say(&client, &uri, "late").await.is_err());
}
