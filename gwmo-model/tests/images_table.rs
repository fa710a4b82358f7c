//! Every state of an image with every input, written down.

#[path = "image_store/mod.rs"]
mod image_store;

use std::fmt::Write;
use std::time::Duration;

use gwmo_model::{BlobNo, Chunk, ImageConfig, ImageError, ImageNo, ImageSpec, ImageState, JobNo};
use image_store::{Page, Store, digest_of};

const URL: &str = "http://cdn.example/fw.bin";
const CONTENT: &[u8] = b"0123456789";

fn spec() -> ImageSpec {
    ImageSpec::new().with_source(URL).with_size(10).with_digest(digest_of(CONTENT))
}

/// A store with one image in a state, and a name for it; nothing is done for it unless an input says so.
fn enter(state: &str) -> (Store, ImageNo) {
    let mut store = Store::new(ImageConfig::new("http://g/"));
    let image = store.add("S", "fw", spec()).unwrap();
    store.page(URL, CONTENT);
    let whole = Chunk::new(0, 10).last();
    match state {
        "Empty" => {}
        "Receiving" => store.chunk(image, Chunk::new(0, 4), &CONTENT[..4]).unwrap(),
        "Failed" => {
            store.web.insert(URL.into(), Page::Gone);
            store.fetch(image).unwrap();
        }
        "Ready" | "Ready, used" | "Evicted" => store.chunk(image, whole, CONTENT).unwrap(),
        _ => {}
    }
    store.working = false;
    match state {
        "Asking" => store.fetch(image).unwrap(),
        "Fetching" => {
            store.fetch(image).unwrap();
            let blob = store.images.image(image).unwrap().blob().unwrap();
            store.images.handle_fetch_allowed(store.now, blob);
        }
        "Verifying" => {
            store.chunk(image, whole, CONTENT).unwrap();
            store.work();
        }
        "Ready, used" => store.images.handle_pinned(store.now, image, JobNo::new(1)).unwrap(),
        "Evicted" => {
            store.images.handle_expiry(store.now, image, Some(Duration::ZERO)).unwrap();
            store.run();
            store.images.handle_expiry(store.now, image, None).unwrap();
        }
        _ => {}
    }
    store.run();
    (store, image)
}

/// What a server or the gateway asks for may be refused; what the runtime reports is a fact.
#[derive(Clone, Copy)]
enum Input {
    Order(fn(&mut Store, ImageNo, BlobNo) -> Result<(), ImageError>),
    Report(fn(&mut Store, ImageNo, BlobNo)),
}

use Input::{Order, Report};

#[test]
fn states_and_inputs() {
    let inputs: [(&str, Input); 22] = [
        ("fetch", Order(|store, image, _| store.fetch(image))),
        ("first chunk", Order(|store, image, _| store.chunk(image, Chunk::new(0, 5), &CONTENT[..5]))),
        ("next chunk", Order(|store, image, _| store.chunk(image, Chunk::new(4, 2), &CONTENT[4..6]))),
        (
            "last chunk, stored",
            Order(|store, image, blob| {
                store.chunk(image, Chunk::new(4, 6).last(), &CONTENT[4..])?;
                store.images.handle_stored(store.now, blob, 10);
                Ok(())
            }),
        ),
        (
            "delivery aborted",
            Report(|store, image, _| store.images.handle_delivery_aborted(store.now, image)),
        ),
        ("allowed", Report(|store, _, blob| store.images.handle_fetch_allowed(store.now, blob))),
        ("denied", Report(|store, _, blob| store.images.handle_fetch_denied(store.now, blob))),
        (
            "redirected",
            Report(|store, _, blob| {
                store.images.handle_fetch_redirected(store.now, blob, "http://b");
            }),
        ),
        ("fetched in part", Report(|store, _, blob| store.images.handle_fetched(store.now, blob, 5))),
        ("fetched too much", Report(|store, _, blob| store.images.handle_fetched(store.now, blob, 11))),
        ("fetch ended", Report(|store, _, blob| store.images.handle_fetch_ended(store.now, blob, 10))),
        ("fetch ended early", Report(|store, _, blob| store.images.handle_fetch_ended(store.now, blob, 9))),
        (
            "fetch broke off",
            Report(|store, _, blob| store.images.handle_fetch_failed(store.now, blob, false)),
        ),
        (
            "fetch impossible",
            Report(|store, _, blob| store.images.handle_fetch_failed(store.now, blob, true)),
        ),
        (
            "right digest",
            Report(|store, _, blob| {
                store.disk.insert(blob, CONTENT.to_vec());
                store.images.handle_digest(store.now, blob, digest_of(CONTENT));
            }),
        ),
        (
            "wrong digest",
            Report(|store, _, blob| store.images.handle_digest(store.now, blob, digest_of(b""))),
        ),
        ("storage failed", Report(|store, _, blob| store.images.handle_store_failed(store.now, blob))),
        ("an hour", Report(|store, _, _| store.pass(Duration::from_secs(3600)))),
        (
            "not to be stored",
            Order(|store, image, _| {
                store.images.handle_edited(store.now, image, spec().with_cacheable(false))
            }),
        ),
        (
            "no quota",
            Report(|store, _, _| {
                store.images.handle_policy(store.now, store.images.policy().with_quota(0));
            }),
        ),
        (
            "another digest",
            Order(|store, image, _| {
                store.images.handle_edited(store.now, image, spec().with_digest(digest_of(b"")))
            }),
        ),
        ("removed", Order(|store, image, _| store.images.handle_removed(store.now, image))),
    ];
    let states = [
        "Empty",
        "Receiving",
        "Asking",
        "Fetching",
        "Verifying",
        "Ready",
        "Ready, used",
        "Failed",
        "Evicted",
    ];
    let mut table = String::new();
    for state in states {
        writeln!(table, "{state}").unwrap();
        for (name, input) in inputs {
            let (mut store, image) = enter(state);
            let show = |store: &Store| match (store.state_of(image), store.result(image)) {
                (None, _) => "gone".into(),
                (Some(ImageState::Failed), Some(code)) => format!("Failed {code}"),
                (Some(state), _) => format!("{state:?}"),
            };
            let (before, blob) = (show(&store), store.images.image(image).unwrap().blob());
            let named = blob.unwrap_or(BlobNo::new(1));
            let result = match input {
                Order(order) => order(&mut store, image, named),
                Report(report) => {
                    report(&mut store, image, named);
                    Ok(())
                }
            };
            store.run();
            let after = show(&store);
            let changed =
                before != after || store.images.image(image).is_none_or(|image| image.blob() != blob);
            match result {
                Err(error) => {
                    assert!(!changed, "an error changes nothing");
                    writeln!(table, "    {name}: {} {error}", error.status()).unwrap();
                }
                Ok(()) if changed => writeln!(table, "    {name}: {after}").unwrap(),
                Ok(()) => {}
            }
        }
    }
    assert_eq!(table, include_str!("images_table.txt"), "{table}");
}
