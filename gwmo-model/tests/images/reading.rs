//! Devices read images.

use gwmo_model::{ByteRange, JobNo, ServeRefusal};

use crate::image_store::device;
use crate::scene::{HOUR, SECOND, config, content, ready, store, uri};

#[test]
fn only_those_read_who_may() {
    let mut store = store();
    let image = ready(&mut store, "fw", &content());
    let local = uri(&store, image);
    assert_eq!(store.read(60, &local), Ok(content()), "named");
    assert_eq!(store.read(61, &local), Ok(content()), "in the group");
    assert_eq!(store.read(62, &local), Err(ServeRefusal::OutOfScope));
    store.images.handle_pinned(store.now, image, JobNo::new(1)).unwrap();
    assert_eq!(store.read(1, &local), Err(ServeRefusal::OutOfScope), "those who are named are named");
    let guessed = gwmo_model::AddressName::parse(&format!("1-{}", "00".repeat(16))).unwrap();
    let id = device(60);
    let request = gwmo_model::ServeRequest::new(crate::image_store::serial(60), &id, &guessed);
    let refused = store.images.handle_serve_request(store.now, &request, &crate::image_store::Members);
    assert_eq!(refused.unwrap_err(), ServeRefusal::UnknownAddress);
    assert_eq!(ServeRefusal::UnknownAddress.http_status(), 404);
}

#[test]
fn ranges_are_those_of_http() {
    let mut store = store();
    let image = ready(&mut store, "fw", b"0123456789");
    let local = uri(&store, image);
    for (range, expected) in [
        (ByteRange::All, Ok(0..10)),
        (ByteRange::From(3), Ok(3..10)),
        (ByteRange::Through(3, 3), Ok(3..4)),
        (ByteRange::Through(3, u64::MAX), Ok(3..10)),
        (ByteRange::Last(4), Ok(6..10)),
        (ByteRange::Last(40), Ok(0..10)),
        (ByteRange::From(10), Err(416)),
        (ByteRange::Through(4, 3), Err(416)),
        (ByteRange::Last(0), Err(416)),
    ] {
        let serve = store.request(60, &local, range);
        if let Ok(serve) = &serve {
            store.images.handle_served(store.now, serve.number, true);
        }
        assert_eq!(serve.map(|serve| serve.range).map_err(ServeRefusal::http_status), expected, "{range:?}");
    }
    // Those that came to the end count.
    assert_eq!(store.images.image(image).unwrap().pulls(), 5);
}

#[test]
fn a_device_cannot_take_all_places_nor_hold_one_for_ever() {
    let mut store = store();
    store.config = config().with_max_serves(3, 2).with_serve_time(HOUR);
    store.crash();
    let image = ready(&mut store, "fw", b"0123456789");
    let local = uri(&store, image);
    for from in [60, 60] {
        store.request(from, &local, ByteRange::All).unwrap();
    }
    assert_eq!(store.request(60, &local, ByteRange::All), Err(ServeRefusal::Busy));
    let serve = store.request(61, &local, ByteRange::All).unwrap();
    assert_eq!(store.request(61, &local, ByteRange::All), Err(ServeRefusal::Busy));
    // Deleted while it is read: nobody new reads it, and the content stays until the readers are through.
    store.images.handle_removed(store.now, image).unwrap();
    store.run();
    assert_eq!(store.octets(&serve), b"0123456789");
    assert_eq!(store.request(61, &local, ByteRange::All), Err(ServeRefusal::UnknownAddress));
    store.images.handle_served(store.now, serve.number, true);
    store.images.handle_served(store.now, serve.number, true);
    store.live(HOUR - SECOND);
    assert_eq!(store.disk.len(), 1);
    store.live(SECOND);
    assert_eq!(store.disk.len(), 0, "a place is for an hour");
}
