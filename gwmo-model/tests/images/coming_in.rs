//! How content comes in, and every way it does not.

use std::time::Duration;

use gwmo_model::{Chunk, ImageErrorKind, ImageSpec, ImageState};

use crate::image_store::{Page, digest_of};
use crate::scene::{HOUR, SECOND, URL, content, source, store};

#[test]
fn nothing_is_fetched_that_the_gateway_does_not_allow() {
    let mut store = store();
    let inside = "http://169.254.169.254/latest/meta-data";
    store.page(inside, b"secret");
    store.forbidden.insert(inside.into());
    let spec = ImageSpec::new().with_source(inside).with_digest(digest_of(b"secret"));
    let image = store.add("S", "ssrf", spec).unwrap();
    store.fetch(image).unwrap();
    assert_eq!((store.result(image), store.upstream), (Some(1417), 0));
    // Nor by a detour.
    store.web.insert("http://cdn.example/r".into(), Page::Redirect(inside.into()));
    let spec = ImageSpec::new().with_source("http://cdn.example/r").with_digest(digest_of(b"secret"));
    let image = store.add("S", "detour", spec).unwrap();
    store.fetch(image).unwrap();
    assert_eq!((store.result(image), store.upstream), (Some(1417), 0));
    // Detours that are allowed end somewhere.
    store.web.insert("http://cdn.example/r".into(), Page::Redirect(URL.into()));
    let spec = source().with_source("http://cdn.example/r");
    let image = store.add("S", "redirected", spec).unwrap();
    store.fetch(image).unwrap();
    assert_eq!(store.state(image), ImageState::Ready);
    store.web.insert("http://cdn.example/l".into(), Page::Redirect("http://cdn.example/l".into()));
    let spec = ImageSpec::new().with_source("http://cdn.example/l").with_digest(digest_of(b"none"));
    let image = store.add("S", "loop", spec).unwrap();
    store.fetch(image).unwrap();
    assert_eq!(store.result(image), Some(1416));
    store.check();
}

#[test]
fn a_download_that_breaks_off_goes_on_where_it_was() {
    let mut store = store();
    store.web.insert(URL.into(), Page::Breaks(content()[..120].to_vec()));
    let image = store.add("S", "fw", source()).unwrap();
    store.fetch(image).unwrap();
    assert_eq!((store.state(image), store.upstream), (ImageState::Downloading, 120));
    store.crash();
    store.page(URL, &content());
    store.live(HOUR);
    assert_eq!((store.state(image), store.upstream), (ImageState::Ready, 120 + 2 * 180 - 180));
    assert!(store.log.contains(&format!("fetch {URL} 120")));
    store.check();
}

#[test]
fn a_source_that_never_gets_on_is_given_up() {
    let mut store = store();
    store.web.insert(URL.into(), Page::Breaks(Vec::new()));
    let image = store.add("S", "fw", source()).unwrap();
    store.fetch(image).unwrap();
    let start = store.now;
    while store.state(image) == ImageState::Downloading {
        store.pass(SECOND);
    }
    assert_eq!(store.now.saturating_since(start), Duration::from_secs(30 + 60 + 120));
    assert_eq!((store.result(image), store.images.used()), (Some(1416), 0));
    assert_eq!(store.log.iter().filter(|line| line.starts_with("fetch")).count(), 4);
    store.web.remove(URL);
    store.fetch(image).unwrap();
    assert_eq!((store.state(image), store.result(image)), (ImageState::Failed, Some(1416)), "gone is gone");
}

#[test]
fn what_stalls_gives_its_room_back() {
    let mut store = store();
    let sent = store.add("S", "sent", ImageSpec::new()).unwrap();
    store.chunk(sent, Chunk::new(0, 10).with_total(500), &[0; 10]).unwrap();
    assert_eq!((store.images.used(), store.images.free()), (500, 500));
    store.working = false;
    let fetched = store.add("S", "fetched", source()).unwrap();
    store.fetch(fetched).unwrap();
    let hashed = store.add("S", "hashed", ImageSpec::new()).unwrap();
    store.chunk(hashed, Chunk::new(0, 5).last().with_total(5), b"12345").unwrap();
    store.work();
    store.live(HOUR);
    assert_eq!([sent, fetched].map(|image| store.result(image)), [Some(1416); 2]);
    assert_eq!(store.result(hashed), Some(1500), "the digest never came");
    assert_eq!((store.images.used(), store.disk.len()), (0, 0));
    store.check();
}

#[test]
fn sizes_are_held_to() {
    let mut store = store();
    let kind = |result: Result<(), gwmo_model::ImageError>| result.map_err(|error| error.kind());
    let big = store.add("S", "big", source().with_size(601)).unwrap();
    assert_eq!(kind(store.fetch(big)), Err(ImageErrorKind::TooLarge { max: 600 }));
    // More and less than announced, by download.
    for size in [299, 301] {
        let image = store.add("S", &format!("{size}"), source().with_size(size)).unwrap();
        store.fetch(image).unwrap();
        assert_eq!(store.result(image), Some(1415), "{size}");
    }
    // More than there may be, where nothing was announced.
    store.page("http://cdn.example/endless", &[0; 5000]);
    let spec = ImageSpec::new().with_source("http://cdn.example/endless").with_digest(digest_of(b""));
    let image = store.add("S", "endless", spec).unwrap();
    store.fetch(image).unwrap();
    assert_eq!((store.result(image), store.images.used()), (Some(1501), 0));
    // By delivery.
    let image = store.add("S", "sent", ImageSpec::new()).unwrap();
    let ten = [0; 10];
    assert_eq!(
        kind(store.chunk(image, Chunk::new(0, 10).with_total(601), &ten)),
        Err(ImageErrorKind::TooLarge { max: 600 })
    );
    assert_eq!(
        kind(store.chunk(image, Chunk::new(0, 10).with_total(9), &ten)),
        Err(ImageErrorKind::SizeMismatch { announced: 9 })
    );
    assert_eq!(
        kind(store.chunk(image, Chunk::new(0, 10).with_total(11).last(), &ten)),
        Err(ImageErrorKind::SizeMismatch { announced: 11 })
    );
    assert_eq!(
        kind(store.chunk(image, Chunk::new(1, 10), &ten)),
        Err(ImageErrorKind::WrongOffset { expected: 0 })
    );
    assert_eq!(store.images.used(), 0);
    store.chunk(image, Chunk::new(0, 10).with_total(20), &ten).unwrap();
    assert_eq!(
        kind(store.chunk(image, Chunk::new(5, 10), &ten)),
        Err(ImageErrorKind::WrongOffset { expected: 10 })
    );
    assert_eq!(
        kind(store.chunk(image, Chunk::new(10, 11), &[0; 11])),
        Err(ImageErrorKind::SizeMismatch { announced: 20 })
    );
    store.chunk(image, Chunk::new(10, 10).last(), &ten).unwrap();
    assert_eq!(kind(store.chunk(image, Chunk::new(0, 1).last(), b"x")), Err(ImageErrorKind::WrongState));
    // Without an announcement the most is set aside, and what is not needed comes back.
    let image = store.add("S", "unannounced", ImageSpec::new()).unwrap();
    store.chunk(image, Chunk::new(0, 10), &ten).unwrap();
    assert_eq!(store.images.used(), 620);
    assert_eq!(
        kind(store.chunk(image, Chunk::new(10, u64::MAX), &ten)),
        Err(ImageErrorKind::TooLarge { max: 600 })
    );
    store.chunk(image, Chunk::new(10, 0).last(), b"").unwrap();
    assert_eq!((store.images.used(), store.state(image)), (30, ImageState::Ready));
    store.check();
}

#[test]
fn a_delivery_starts_again_or_is_given_up() {
    let mut store = store();
    let image = store.add("S", "fw", ImageSpec::new().with_size(300)).unwrap();
    store.chunk(image, Chunk::new(0, 100), &[9; 100]).unwrap();
    store.chunk(image, Chunk::new(0, 150), &content()[..150]).unwrap();
    assert_eq!((store.images.used(), store.disk.len()), (300, 1));
    store.crash();
    store.chunk(image, Chunk::new(150, 150).last(), &content()[150..]).unwrap();
    assert_eq!(store.state(image), ImageState::Ready);
    assert!(!store.log.iter().any(|line| line.starts_with("failed")));
    let other = store.add("S", "other", ImageSpec::new()).unwrap();
    store.chunk(other, Chunk::new(0, 100), &[9; 100]).unwrap();
    store.images.handle_delivery_aborted(store.now, other);
    store.images.handle_delivery_aborted(store.now, image);
    store.run();
    assert_eq!((store.result(other), store.state(image)), (Some(1416), ImageState::Ready));
    store.check();
}

#[test]
fn a_failed_leader_hands_over_to_one_with_another_source() {
    let mut store = store();
    store.web.insert("http://broken.example".into(), Page::Content(b"not it".to_vec()));
    let unsized_from = |url| ImageSpec::new().with_source(url).with_digest(digest_of(&content()));
    let wrong = unsized_from("http://broken.example");
    let [one, two, three] = [("1", wrong.clone()), ("2", wrong), ("3", unsized_from(URL))]
        .map(|(name, spec)| store.add("S", name, spec).unwrap());
    store.working = false;
    for image in [one, two, three] {
        store.fetch(image).unwrap();
    }
    assert_eq!(store.images.used(), 600, "they wait for one");
    store.working = true;
    store.run();
    assert_eq!([one, two].map(|image| store.result(image)), [Some(1415); 2]);
    assert_eq!(store.state(three), ImageState::Ready);
    assert_eq!(store.upstream, 6 + 300);
    assert!(!store.log.contains(&"failed 3 1415".into()));
    store.check();
}
