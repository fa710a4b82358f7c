//! What the driver does about responses that are not simply answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::post;
use dm_examples::wire::{Wire, WireError};
use dm_syncml::http::GivenUp;
use dm_syncml::session::{ClientConfig, ClientOutput, ClientSession, Initiation, Outgoing};
use dm_syncml::{Encoding, Instant, LocUri, SessionId};

fn message() -> Outgoing {
    let uri = |text: &str| LocUri::new(text.to_owned()).expect("a URI");
    let config = ClientConfig::new(uri("IMEI:1"), uri("http://127.0.0.1/dm"));
    let initiation = Initiation::Client(SessionId::new("1").expect("an id"));
    let mut session = ClientSession::new(Instant::EPOCH, config, initiation, Vec::new());
    loop {
        if let ClientOutput::Send(_, message) = session.poll_output() {
            return message;
        }
    }
}

/// Sends back what was posted, and says that it is a message.
async fn echo(headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    assert_eq!(headers["content-length"], body.len().to_string());
    ([("content-type", Encoding::Wbxml.media_type())], body)
}

#[tokio::test]
async fn redirections_and_refusals() {
    let stolen = Arc::new(AtomicUsize::new(0));
    let thief = Arc::clone(&stolen);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let elsewhere = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (here, there) =
        (listener.local_addr().expect("an address"), elsewhere.local_addr().expect("an address"));
    let to = |location: String| {
        post(move || async move { (StatusCode::TEMPORARY_REDIRECT, [("location", location)]) })
    };
    let app = axum::Router::new()
        .route("/dm", post(echo))
        .route("/near", to("/dm".into()))
        .route("/far", to(format!("http://{there}/dm")))
        .route("/round", to("/round".into()))
        .route("/busy", post(|| async { (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")]) }))
        .route("/page", post(|| async { "hello" }))
        .route("/empty", post(|| async {}));
    let trap = axum::Router::new().route(
        "/dm",
        post(move || async move {
            thief.fetch_add(1, Ordering::Relaxed);
        }),
    );
    tokio::spawn(axum::serve(listener, app).into_future());
    tokio::spawn(axum::serve(elsewhere, trap).into_future());

    let (wire, message) = (Wire::new().expect("a client"), message());
    let posted = async |path: &str| wire.post(&format!("http://{here}{path}"), &message).await;
    for path in ["/dm", "/near"] {
        let answer = posted(path).await.expect("an answer");
        assert_eq!(answer.body, message.body, "{path}");
    }
    for (path, why) in [
        ("/far", GivenUp::Redirect),
        ("/round", GivenUp::TooManyRedirects),
        ("/page", GivenUp::MediaType),
        ("/nowhere", GivenUp::Status(404)),
    ] {
        let given_up = posted(path).await;
        assert!(matches!(given_up, Err(WireError::GivenUp(got)) if got == why), "{path}: {given_up:?}");
    }
    assert!(matches!(posted("/busy").await, Err(WireError::Busy(after)) if after == Duration::from_secs(7)));
    assert!(matches!(posted("/empty").await, Err(WireError::Empty)));
    assert_eq!(stolen.load(Ordering::Relaxed), 0, "no message went to another host");
}

/// What stays on this machine and what goes over TLS is nobody else's to read.
#[test]
fn what_others_can_read() {
    use dm_syncml::session::TransportSecurity::{Clear, Confidential};
    for (uri, expected) in [
        ("https://dms.example/dm", Confidential),
        ("HTTPS://dms.example:8443/dm", Confidential),
        ("http://dms.example/dm", Clear),
        ("http://127.0.0.1:8080/dm", Confidential),
        ("http://[::1]:8080/dm", Confidential),
        ("http://localhost/dm", Confidential),
        ("http://localhost.example/dm", Clear),
        ("http://10.0.0.1/dm", Clear),
        ("dms.example", Clear),
        ("", Clear),
    ] {
        assert_eq!(dm_examples::wire::transport_to(uri), expected, "{uri}");
    }
    let from = |text: &str, is_tls| dm_examples::wire::transport_from(text.parse().unwrap(), is_tls);
    assert_eq!([from("10.0.0.1", true), from("127.0.0.1", false), from("::1", false)], [Confidential; 3]);
    assert_eq!([from("10.0.0.1", false), from("::ffff:10.0.0.1", false)], [Clear; 2]);
}
