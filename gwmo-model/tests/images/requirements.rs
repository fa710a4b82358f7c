//! Images by requirement and use case: GwMO-DCIS-001 to 003, GwMO-SECDI-001, use case B.8.

use dm_syncml::StatusCode;
use gwmo_model::{
    ByteRange, Chunk, ImageAddress, ImageConfig, ImageErrorKind, ImageSpec, ImageState, JobNo, ServeRefusal,
    Substitution, substitute,
};

use crate::image_store::{Store, digest_of};
use crate::scene::{URL, config, content, everybody, ready, source, store, uri};

#[test]
fn gwmo_dcis_001_direct_delivery_in_three_chunks() {
    let mut store = store();
    let all = content();
    let image = store.add("S", "fw", ImageSpec::new().with_scope(everybody())).unwrap();
    for (offset, chunk) in [
        (0, Chunk::new(0, 100).with_total(300)),
        (100, Chunk::new(100, 150)),
        (250, Chunk::new(250, 50).last()),
    ] {
        assert!(store.images.image(image).unwrap().uri().is_none());
        store.chunk(image, chunk, &all[offset..offset + chunk.len as usize]).unwrap();
        store.check();
    }
    assert_eq!(store.log, ["stored 100 false", "stored 250 false", "stored 300 true", "ready 1"]);
    let view = store.images.image(image).unwrap();
    assert_eq!(
        (view.state(), view.received(), view.digest()),
        (ImageState::Ready, 300, Some(digest_of(&all)))
    );
    assert_eq!(view.result().map(|code| code.get()), Some(1210));
    let local = uri(&store, image);
    let serve = store.request(60, &local, ByteRange::Through(100, 149)).unwrap();
    assert_eq!(
        (serve.range.clone(), serve.len, store.octets(&serve)),
        (100..150, 300, all[100..150].to_vec())
    );
}

#[test]
fn gwmo_dcis_001_alternative_download() {
    let mut store = store();
    let image = store.add("S", "fw", source().with_scope(everybody())).unwrap();
    store.fetch(image).unwrap();
    store.check();
    let asked = format!("authorize {URL} true");
    assert_eq!(store.log, [asked, format!("fetch {URL} 0"), "ready 1".into()]);
    let local = uri(&store, image);
    assert_eq!((store.read(60, &local), store.read(61, &local)), (Ok(content()), Ok(content())));
    assert_eq!(store.images.image(image).unwrap().pulls(), 2);
}

#[test]
fn gwmo_dcis_002_same_content_is_fetched_and_stored_once() {
    let mut store = store();
    let one = store.add("S", "one", source().with_scope(everybody())).unwrap();
    let two = store.add("S", "two", source().with_scope(everybody())).unwrap();
    store.working = false;
    store.fetch(one).unwrap();
    store.fetch(two).unwrap();
    assert_eq!(store.state(two), ImageState::Downloading);
    store.working = true;
    store.run();
    assert_eq!((store.upstream, store.images.used(), store.disk.len()), (300, 300, 1));
    // A third, when it is there already.
    let three = store.add("S", "three", source()).unwrap();
    store.fetch(three).unwrap();
    assert_eq!((store.state(three), store.upstream), (ImageState::Ready, 300));
    // Their addresses differ all the same; and the content goes with the last of them.
    let local = uri(&store, two);
    assert_ne!(uri(&store, one), local);
    for image in [one, three] {
        store.images.handle_removed(store.now, image).unwrap();
        store.run();
        assert_eq!(store.read(60, &local), Ok(content()));
    }
    store.images.handle_removed(store.now, two).unwrap();
    store.run();
    assert_eq!((store.disk.len(), store.images.used()), (0, 0));
    assert_eq!(store.read(60, &local), Err(ServeRefusal::UnknownAddress));
}

#[test]
fn gwmo_dcis_002_fifty_devices_cost_one_transfer() {
    let mut store = Store::new(ImageConfig::new("http://10.0.0.1/i/"));
    let megabyte = vec![7; 1 << 20];
    store.page(URL, &megabyte);
    let spec = ImageSpec::new().with_source(URL).with_digest(digest_of(&megabyte));
    let image = store.add("S", "fw", spec).unwrap();
    store.images.handle_pinned(store.now, image, JobNo::new(1)).unwrap();
    store.fetch(image).unwrap();
    let local = uri(&store, image);
    for from in 1..=50 {
        let expected = if from < 50 { Ok(megabyte.len()) } else { Err(ServeRefusal::OutOfScope) };
        assert_eq!(store.read(from, &local).map(|octets| octets.len()), expected);
    }
    assert_eq!((store.upstream, store.images.image(image).unwrap().pulls()), (1 << 20, 49));
}

#[test]
fn gwmo_dcis_002_a_digest_alone_does_not_open_what_another_server_stored() {
    let mut store = store();
    let one = store.add("S", "fw", source()).unwrap();
    store.fetch(one).unwrap();
    let digest_only = ImageSpec::new().with_digest(digest_of(&content())).with_scope(everybody());
    let two = store.add("T", "fw", digest_only.clone()).unwrap();
    assert_eq!(store.fetch(two).unwrap_err().kind(), ImageErrorKind::NoSource);
    // With the content it is stored once.
    store.chunk(two, Chunk::new(0, 300).last(), &content()).unwrap();
    assert_eq!((store.state(two), store.disk.len(), store.images.used()), (ImageState::Ready, 1, 300));
    store.check();
    // Where servers trust each other, the digest is enough.
    store.config = config().with_share_unproven(true);
    store.crash();
    let three = store.add("U", "fw", digest_only).unwrap();
    store.fetch(three).unwrap();
    assert_eq!((store.state(three), store.upstream), (ImageState::Ready, 300));
}

#[test]
fn gwmo_dcis_002_dedup_can_be_off() {
    let mut store = store();
    let policy = store.images.policy().with_dedup(false);
    store.images.handle_policy(store.now, policy);
    for name in ["one", "two"] {
        let image = store.add("S", name, source()).unwrap();
        store.fetch(image).unwrap();
    }
    assert_eq!((store.upstream, store.images.used(), store.disk.len()), (600, 600, 2));
}

#[test]
fn gwmo_dcis_003_server_may_forbid_storing() {
    let mut store = store();
    let policy = store.images.policy().with_enabled(false);
    let image = store.add("S", "fw", source()).unwrap();
    let other = store.add("S", "other", ImageSpec::new()).unwrap();
    store.images.handle_policy(store.now, policy);
    let error = store.add("S", "new", source()).unwrap_err();
    assert_eq!((error.kind(), error.status()), (ImageErrorKind::StoringForbidden, StatusCode::NOT_ALLOWED));
    assert_eq!(store.fetch(image).unwrap_err().status(), StatusCode::NOT_ALLOWED);
    let chunk = Chunk::new(0, 1).last();
    assert_eq!(store.chunk(other, chunk, b"x").unwrap_err().status(), StatusCode::NOT_ALLOWED);
    assert!(store.log.is_empty() && store.disk.is_empty(), "nothing was fetched or stored");
    // The command keeps the address of the source.
    assert_eq!(store.images.address(image), Some(ImageAddress::Origin(URL.into())));
    assert!(matches!(store.images.address(other), Some(ImageAddress::Failed(code)) if code.get() == 1417));
    store.images.handle_policy(store.now, policy.with_enabled(true));
    assert_eq!(store.images.address(image), Some(ImageAddress::Absent));
    store.fetch(image).unwrap();
    assert_eq!(store.state(image), ImageState::Ready);
}

#[test]
fn gwmo_dcis_003_one_image_may_not_be_stored() {
    let mut store = store();
    let image = store.add("S", "fw", source().with_cacheable(false)).unwrap();
    assert_eq!(store.fetch(image).unwrap_err().kind(), ImageErrorKind::StoringForbidden);
    assert_eq!(store.images.address(image), Some(ImageAddress::Origin(URL.into())));
    // Allowed, fetched, and forbidden again: at once, or when the job that uses it is over.
    for pinned in [false, true] {
        store.images.handle_edited(store.now, image, source()).unwrap();
        store.fetch(image).unwrap();
        if pinned {
            store.images.handle_pinned(store.now, image, JobNo::new(1)).unwrap();
        }
        store.images.handle_edited(store.now, image, source().with_cacheable(false)).unwrap();
        store.run();
        assert_eq!(store.state(image) == ImageState::Ready, pinned);
        store.images.handle_job_ended(store.now, JobNo::new(1));
        store.run();
        assert_eq!((store.state(image), store.disk.len()), (ImageState::Evicted, 0));
        store.check();
    }
    // Forbidden while it comes in.
    store.images.handle_edited(store.now, image, source()).unwrap();
    store.working = false;
    store.fetch(image).unwrap();
    store.images.handle_edited(store.now, image, source().with_cacheable(false)).unwrap();
    store.working = true;
    store.run();
    assert_eq!((store.state(image), store.result(image)), (ImageState::Failed, Some(1417)));
}

#[test]
fn gwmo_dcis_003_what_is_stored_is_purged_or_kept() {
    for purge in [true, false] {
        let mut store = store();
        let free = ready(&mut store, "free", b"free");
        let used = ready(&mut store, "used", b"used");
        store.images.handle_pinned(store.now, used, JobNo::new(1)).unwrap();
        let coming = store.add("S", "coming", source()).unwrap();
        store.working = false;
        store.fetch(coming).unwrap();
        store.working = true;
        let policy = store.images.policy().with_enabled(false).with_purge(purge);
        store.images.handle_policy(store.now, policy);
        store.run();
        store.check();
        assert_eq!(store.result(coming), Some(1417));
        assert_eq!(store.state(free) == ImageState::Ready, !purge);
        assert_eq!(store.state(used), ImageState::Ready, "a running job uses it");
        store.images.handle_job_ended(store.now, JobNo::new(1));
        store.run();
        assert_eq!(store.state(used) == ImageState::Ready, !purge);
        assert_eq!(store.disk.len(), if purge { 0 } else { 2 });
    }
}

#[test]
fn gwmo_secdi_001_another_digest_never_gets_an_address() {
    let mut store = store();
    let wrong = ImageSpec::new().with_source(URL).with_digest(digest_of(b"something else"));
    let image = store.add("S", "fw", wrong).unwrap();
    store.fetch(image).unwrap();
    assert_eq!((store.state(image), store.result(image)), (ImageState::Failed, Some(1415)));
    assert!(store.published.is_empty() && store.disk.is_empty());
    assert_eq!(store.log.last().unwrap(), "failed 1 1415");
    // The server corrects the digest, and has it fetched again.
    store.images.handle_edited(store.now, image, source()).unwrap();
    store.fetch(image).unwrap();
    assert_eq!(store.state(image), ImageState::Ready);
    assert!(matches!(
        store.images.handle_edited(store.now, image, source().with_size(1)).map_err(|error| error.kind()),
        Err(ImageErrorKind::WrongState)
    ));
}

#[test]
fn use_case_b_8_image_is_fetched_once_and_every_device_gets_it_here() {
    let mut store = store();
    let image = store.add("S", "fw", source()).unwrap();
    let job = JobNo::new(7);
    store.images.handle_pinned(store.now, image, job).unwrap();
    assert_eq!(store.images.address(image), Some(ImageAddress::Absent));
    store.working = false;
    store.fetch(image).unwrap();
    assert_eq!(store.images.address(image), Some(ImageAddress::Pending), "the job waits");
    store.working = true;
    store.run();
    assert_eq!(store.log.last().unwrap(), "ready 1");
    let Some(ImageAddress::Local(local)) = store.images.address(image) else { panic!() };
    // The operation of the job, as it goes to each of ten devices.
    let pairs = [Substitution::new("{{fw}}", &local.to_string()).unwrap()];
    let data = substitute("<DownloadURL>{{fw}}</DownloadURL>", &pairs, 1000).unwrap();
    assert!(data.starts_with("<DownloadURL>http://10.0.0.1/i/1-") && !format!("{local:?}").contains("6767"));
    for from in 1..=10 {
        let url = data.trim_start_matches("<DownloadURL>").trim_end_matches("</DownloadURL>");
        let name = url.strip_prefix("http://10.0.0.1/i/").and_then(gwmo_model::AddressName::parse).unwrap();
        assert_eq!(&name, local.name());
        assert_eq!(store.read(from, &local), Ok(content()));
    }
    assert_eq!(store.images.image(image).unwrap().pulls(), 10);
    assert_eq!(store.upstream, 300);
    // It cannot go while the job runs.
    let error = store.images.handle_removed(store.now, image).unwrap_err();
    assert_eq!(error.status(), StatusCode::NOT_ALLOWED);
    store.images.handle_job_ended(store.now, job);
    assert_eq!(store.read(1, &local), Err(ServeRefusal::OutOfScope), "it is no target of anything now");
    store.images.handle_removed(store.now, image).unwrap();
    store.run();
    assert!(store.disk.is_empty());
}
