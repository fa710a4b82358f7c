//! Images: fetched once, from where it is allowed, and read by devices.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use dm_syncml::{Add, Command, Data, Exec, Format, Get, Meta, Replace};
use gwmo_model::console::Console;
use gwmo_model::mo::ImagesSlot;
use gwmo_model::{ContentDigest, ImageKey, ImageSpec};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

use crate::world::{Desk, GatewayUnderTest, at, id, server, until};

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_fetched_once_and_read_by_range() {
    // A source that counts what it gives away.
    let content: Arc<Vec<u8>> = Arc::new((0..3_000_000_u32).map(|at| ((at * 7) >> 3) as u8).collect());
    let given = Arc::new(AtomicUsize::new(0));
    let source = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let source_at = source.local_addr().unwrap();
    let (body, count) = (Arc::clone(&content), Arc::clone(&given));
    let app = axum::Router::new().route(
        "/fw/lamp.bin",
        get(async move |headers: HeaderMap| {
            let range = headers["range"].to_str().unwrap().trim_start_matches("bytes=").to_owned();
            let (first, last) = range.split_once('-').unwrap();
            let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
            let end = (last + 1).min(body.len());
            count.fetch_add(end - first, Ordering::Relaxed);
            let header = [("content-range", format!("bytes {first}-{}/{}", end - 1, body.len()))];
            (StatusCode::PARTIAL_CONTENT, header, body[first..end].to_vec()).into_response()
        }),
    );
    tokio::spawn(async move { axum::serve(source, app).await });

    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::default();
    let account = server(folder.path(), desk.clone()).await;
    let allowed = format!("http://{source_at}/fw/");
    let arguments = ["--account", &account, "--allow-fetch", &allowed, "--allow-private"];
    let gateway = GatewayUnderTest::start(&folder.path().join("state"), &arguments);
    gateway.add_device(json!({ "id": "urn:uuid:reader", "reach": "127.0.0.1:9" })).await;

    let digest: String =
        Sha256::digest(content.as_slice()).iter().map(|octet| format!("{octet:02x}")).collect();
    let image = |key: &str, url: String, digest: &str| -> Vec<Command<'static>> {
        let text = |slot, text: String| at(slot, &[key]).with_data(Data::text(text).unwrap());
        let folder = at(ImagesSlot::Image, &[key]).with_meta(Meta::new().with_format(Format::NODE));
        let settings = vec![text(ImagesSlot::Hash, format!("sha-256:{digest}")), text(ImagesSlot::Src, url)];
        let reader = at(ImagesSlot::ScopeDevice, &[key, "urn:uuid:reader"]);
        let reader = reader.with_data(Data::text("urn:uuid:reader").unwrap());
        vec![
            Add::single(id(), folder).into(),
            Replace::new(id(), settings).into(),
            Add::single(id(), reader).into(),
            Exec::new(id(), at(ImagesSlot::Fetch, &[key])).into(),
        ]
    };
    let mut commands = image("fw", format!("http://{source_at}/fw/lamp.bin"), &digest);
    commands.extend(image("elsewhere", format!("http://{source_at}/secret"), &"5a".repeat(32)));
    let answers = desk.order(&gateway, commands).await;
    assert!(answers.iter().flatten().all(|(code, _)| code.is_success()), "{answers:?}");
    let look = |key: &str| -> Vec<Command<'static>> {
        [ImagesSlot::State, ImagesSlot::Uri, ImagesSlot::Result]
            .map(|slot| Get::new(id(), vec![at(slot, &[key])]).into())
            .into()
    };
    let mut uri = String::new();
    for _ in 0..20 {
        let answers = desk.order(&gateway, look("fw")).await;
        if answers[0][0].1.as_deref() == Some("4") {
            uri = answers[1][0].1.clone().unwrap();
            break;
        }
    }
    assert!(uri.starts_with(&format!("{}/images/", gateway.devices)), "it is ready at {uri:?}");
    assert_eq!(given.load(Ordering::Relaxed), content.len(), "each octet was fetched once");
    let answers = desk.order(&gateway, look("elsewhere")).await;
    assert_eq!(
        (answers[0][0].1.as_deref(), answers[2][0].1.as_deref()),
        (Some("5"), Some("1417")),
        "not allowed"
    );

    let read = async |uri: &str, range: Option<&str>| {
        let headers = range.map(|range| ("range", range.to_owned()));
        gateway.http.send(Method::GET, uri, headers, "", 4 << 20).await.unwrap()
    };
    let whole = read(&uri, None).await;
    assert!(whole.status == StatusCode::OK && whole.body == content.as_slice());
    for (range, first, end) in [
        ("bytes=10-19", 10, 20),
        ("bytes=2999990-", 2_999_990, 3_000_000),
        ("bytes=-5", 2_999_995, 3_000_000),
    ] {
        let part = read(&uri, Some(range)).await;
        assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
        assert_eq!(part.body, content[first..end], "{range}");
        assert_eq!(
            part.headers["content-range"].to_str().unwrap(),
            format!("bytes {first}-{}/3000000", end - 1)
        );
    }
    let beyond = read(&uri, Some("bytes=3000000-")).await;
    assert_eq!(
        (beyond.status.as_u16(), beyond.headers["content-range"].to_str().unwrap()),
        (416, "bytes */3000000")
    );
    // Whoever guesses gets nothing.
    let last = if uri.ends_with('0') { '1' } else { '0' };
    let guessed = format!("{}{last}", &uri[..uri.len() - 1]);
    assert_eq!(read(&guessed, None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        read(&format!("{}/images/..%2Fgateway.redb", gateway.devices), None).await.status,
        StatusCode::NOT_FOUND
    );

    // It is there after the power went, without being fetched again.
    let gateway = gateway.kill_and_restart();
    let whole = gateway.http.send(Method::GET, &uri, [], "", 4 << 20).await.unwrap();
    assert!(whole.status == StatusCode::OK && whole.body == content.as_slice());
    assert_eq!(given.load(Ordering::Relaxed), content.len());
}

/// A redirection is a new address, and asked about as such.
#[tokio::test(flavor = "multi_thread")]
async fn a_redirection_leads_where_images_may_come_from() {
    let source = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = source.local_addr().unwrap();
    let secrets = Arc::new(AtomicUsize::new(0));
    let read = Arc::clone(&secrets);
    let to = |to: String| get(async move || (StatusCode::FOUND, [("location", to)]).into_response());
    let app = axum::Router::new()
        .route("/fw/moved", to("/fw/small".into()))
        .route("/fw/small", get(async || "small"))
        .route("/fw/away", to(format!("http://{at}/secret")))
        .route("/fw/round", to("/fw/round".into()))
        .route(
            "/secret",
            get(async move || {
                read.fetch_add(1, Ordering::Relaxed);
                "secret"
            }),
        );
    tokio::spawn(async move { axum::serve(source, app).await });
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::default();
    let account = server(folder.path(), desk.clone()).await;
    let allowed = format!("http://{at}/fw/");
    let arguments = ["--account", &account, "--allow-fetch", &allowed, "--allow-private"];
    let gateway = GatewayUnderTest::start(&folder.path().join("state"), &arguments);
    let console = Console::new();
    let mut commands = Vec::new();
    for (name, content) in [("moved", "small"), ("away", "secret"), ("round", "round")] {
        let key = ImageKey::new(name).unwrap();
        let digest = ContentDigest::new(Sha256::digest(content).into());
        let spec = ImageSpec::new().with_source(&format!("http://{at}/fw/{name}")).with_digest(digest);
        commands.extend(console.add_image(&key, &spec));
        commands.push(console.fetch_image(&key));
    }
    let answers = desk.order(&gateway, commands).await;
    assert!(answers.iter().flatten().all(|(code, _)| code.is_success()), "{answers:?}");
    let states = async || {
        let images = gateway.get("/api/images").await;
        let state = |image: &Value| (image["key"].clone(), image["state"].clone());
        images["images"].as_array().unwrap().iter().map(state).collect::<HashMap<_, _>>()
    };
    let expected = [("moved", "ready"), ("away", "failed"), ("round", "failed")];
    let expected: HashMap<Value, Value> = expected.map(|(key, state)| (key.into(), state.into())).into();
    until("the images are settled", async || states().await == expected).await;
    assert_eq!(secrets.load(Ordering::Relaxed), 0);
}
