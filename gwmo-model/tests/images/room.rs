//! What goes when, and what there may be.

use std::time::Duration;

use dm_syncml::StatusCode;
use gwmo_model::{ByteRange, Chunk, ImageErrorKind, ImageSpec, ImageState, JobNo, Scope, StoragePolicy};

use crate::image_store::{Store, device, digest_of};
use crate::scene::{HOUR, URL, config, content, ready, source, store, uri};

#[test]
fn what_was_used_longest_ago_goes_first_and_never_what_a_job_uses() {
    let mut store = store();
    let images: Vec<_> = (0..4).map(|n| ready(&mut store, &format!("{n}"), &[n; 250])).collect();
    let local = uri(&store, images[0]);
    store.read(60, &local).unwrap();
    store.images.handle_pinned(store.now, images[1], JobNo::new(1)).unwrap();
    assert_eq!(store.images.free(), 0);
    let next = ready(&mut store, "4", &[4; 250]);
    let states = |store: &Store| images.iter().map(|&image| store.state(image)).collect::<Vec<_>>();
    let (is, gone) = (ImageState::Ready, ImageState::Evicted);
    assert_eq!(states(&store), [is, is, gone, is]);
    // A device reads the next one in turn, so another goes.
    let serve = store.request(60, &uri(&store, images[3]), ByteRange::All).unwrap();
    let large = ready(&mut store, "5", &[5; 400]);
    assert_eq!(states(&store), [gone, is, gone, is]);
    assert_eq!(store.state(next), gone);
    assert_eq!(store.octets(&serve), [3; 250]);
    // What cannot have room evicts nothing.
    let before = Store::render(&store.images);
    let image = store.add("S", "6", ImageSpec::new().with_size(501)).unwrap();
    let error = store.chunk(image, Chunk::new(0, 501).last(), &[6; 501]).unwrap_err();
    assert_eq!((error.kind(), error.status()), (ImageErrorKind::StorageFull, StatusCode::DEVICE_FULL));
    assert_eq!(store.state(large), is);
    assert_eq!(Store::render(&store.images)[..before.len() - 1], before[..before.len() - 1]);
    store.check();
}

#[test]
fn a_lower_quota_holds_at_once_except_for_what_is_in_use() {
    let mut store = store();
    let old = ready(&mut store, "old", &[1; 200]);
    let pinned = ready(&mut store, "pinned", &[2; 200]);
    store.images.handle_pinned(store.now, pinned, JobNo::new(1)).unwrap();
    store.working = false;
    let coming = store.add("S", "coming", source()).unwrap();
    store.fetch(coming).unwrap();
    store.working = true;
    store.images.handle_policy(store.now, store.images.policy().with_quota(100));
    store.run();
    assert_eq!((store.state(old), store.result(coming)), (ImageState::Evicted, Some(1501)));
    assert_eq!((store.state(pinned), store.images.used()), (ImageState::Ready, 200));
    store.images.handle_job_ended(store.now, JobNo::new(1));
    store.run();
    assert_eq!((store.state(pinned), store.images.used()), (ImageState::Evicted, 0));
}

#[test]
fn images_go_after_their_time() {
    let mut store = store();
    store.images.handle_policy(store.now, store.images.policy().with_retain(Some(HOUR)));
    let [idle, read, dated, used] =
        ["idle", "read", "dated", "used"].map(|name| ready(&mut store, name, name.as_bytes()));
    store.images.handle_expiry(store.now, dated, Some(HOUR / 4)).unwrap();
    store.images.handle_pinned(store.now, used, JobNo::new(1)).unwrap();
    store.images.handle_expiry(store.now, used, Some(HOUR / 4)).unwrap();
    store.live(HOUR / 2);
    let local = uri(&store, read);
    store.read(60, &local).unwrap();
    assert_eq!(store.state(dated), ImageState::Evicted);
    assert_eq!(store.fetch(dated).unwrap_err().kind(), ImageErrorKind::WrongState, "it is over");
    store.save();
    store.crash();
    store.live(HOUR / 2);
    assert_eq!([idle, read].map(|image| store.state(image)), [ImageState::Evicted, ImageState::Ready]);
    store.live(HOUR);
    assert_eq!([read, used].map(|image| store.state(image)), [ImageState::Evicted, ImageState::Ready]);
    store.images.handle_job_ended(store.now, JobNo::new(1));
    store.run();
    assert_eq!(store.state(used), ImageState::Evicted);
    assert_eq!(store.run(), None, "nothing is due any more");
    store.check();
}

#[test]
fn images_have_limits() {
    let mut store = store();
    store.config = config().with_max_images(2);
    store.crash();
    let one = store.add("S", "one", ImageSpec::new()).unwrap();
    let again = store.add("S", "one", source()).unwrap_err();
    assert_eq!(
        (again.kind(), again.status()),
        (ImageErrorKind::ImageExists { image: one }, StatusCode::ALREADY_EXISTS)
    );
    store.add("T", "one", ImageSpec::new()).unwrap();
    assert_eq!(store.add("S", "two", ImageSpec::new()).unwrap_err().kind(), ImageErrorKind::TooManyImages);
    let bad = ImageSpec::new().with_source(&"u".repeat(2049));
    assert_eq!(store.images.handle_edited(store.now, one, bad).unwrap_err().kind(), ImageErrorKind::BadText);
    let bad = ImageSpec::new().with_labels("a\nb", "1", "a/b");
    assert_eq!(store.images.handle_edited(store.now, one, bad).unwrap_err().kind(), ImageErrorKind::BadText);
    let many = (0..1025).fold(Scope::default(), |scope, number| scope.with_device(device(number)));
    let bad = ImageSpec::new().with_scope(many);
    assert_eq!(
        store.images.handle_edited(store.now, one, bad).unwrap_err().kind(),
        ImageErrorKind::TooManyReaders
    );
    assert_eq!(store.fetch(one).unwrap_err().kind(), ImageErrorKind::NoSource);
    let no_digest = ImageSpec::new().with_source(URL);
    store.images.handle_edited(store.now, one, no_digest).unwrap();
    assert_eq!(store.fetch(one).unwrap_err().kind(), ImageErrorKind::NoDigest);
    store.config = config().with_fetch_without_digest(true);
    store.crash();
    store.fetch(one).unwrap();
    assert_eq!(store.images.image(one).unwrap().digest(), Some(digest_of(&content())));
    for job in 0..1024 {
        store.images.handle_pinned(store.now, one, JobNo::new(job)).unwrap();
    }
    assert_eq!(
        store.images.handle_pinned(store.now, one, JobNo::new(1024)).unwrap_err().kind(),
        ImageErrorKind::TooManyPins
    );
    store.run();
    store.check();
}

#[test]
fn numbers_at_their_end_are_no_trouble() {
    let mut store = store();
    store
        .images
        .handle_policy(store.now, StoragePolicy::default().with_quota(u64::MAX).with_max_image(u64::MAX));
    let image = store.add("S", "all there is", ImageSpec::new()).unwrap();
    store.chunk(image, Chunk::new(0, 1), b"x").unwrap();
    let other = store.add("S", "more", ImageSpec::new()).unwrap();
    let error = store.chunk(other, Chunk::new(0, 1), b"x").unwrap_err();
    assert_eq!((error.kind(), store.images.free()), (ImageErrorKind::StorageFull, 0));
    store.images.handle_expiry(store.now, image, Some(Duration::MAX)).unwrap();
    store.chunk(image, Chunk::new(1, 0).last(), b"").unwrap();
    store.pass(Duration::MAX);
    assert_eq!(store.state(image), ImageState::Evicted);
}
