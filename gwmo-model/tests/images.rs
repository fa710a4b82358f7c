//! Images by requirement and use case (GwMO-DCIS-001 to 003, use case B.8, SECDI-001), and every way they end.

#[path = "image_store/mod.rs"]
mod image_store;

use std::time::Duration;

use dm_syncml::StatusCode;
use gwmo_model::{
    ByteRange, Chunk, ImageAddress, ImageConfig, ImageErrorKind, ImageNo, ImageSpec, ImageState, Images,
    JobNo, LocalUri, Scope, ServeRefusal, StoragePolicy, Substitution, substitute,
};
use image_store::{Page, Store, device, digest_of};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const URL: &str = "http://cdn.example/fw.bin";

fn config() -> ImageConfig {
    let policy = StoragePolicy::default().with_quota(1000).with_max_image(600);
    ImageConfig::new("http://10.0.0.1/i/").with_policy(policy)
}

fn store() -> Store {
    let mut store = Store::new(config());
    store.page(URL, &content());
    store
}

fn content() -> Vec<u8> {
    (0..300_u16).map(|n| n as u8).collect()
}

fn source() -> ImageSpec {
    ImageSpec::new().with_source(URL).with_size(300).with_digest(digest_of(&content()))
}

fn everybody() -> Scope {
    Scope::default().with_device(device(60)).with_group(gwmo_model::GroupId::new("g61").unwrap())
}

fn uri(store: &Store, image: ImageNo) -> LocalUri {
    store.images.image(image).and_then(|image| image.uri()).expect("it is ready")
}

fn ready(store: &mut Store, name: &str, octets: &[u8]) -> ImageNo {
    let spec = ImageSpec::new().with_digest(digest_of(octets)).with_size(octets.len() as u64);
    let image = store.add("S", name, spec.with_scope(everybody())).unwrap();
    store.chunk(image, Chunk::new(0, octets.len() as u64).last(), octets).unwrap();
    assert_eq!(store.state(image), ImageState::Ready);
    image
}

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
    let request = gwmo_model::ServeRequest::new(image_store::serial(60), &id, &guessed);
    let refused = store.images.handle_serve_request(store.now, &request, &image_store::Members);
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

#[test]
fn a_crash_between_record_and_effect_loses_neither() {
    let mut store = store();
    // Records that were not stored: as if it never happened.
    let image = store.add("S", "fw", source()).unwrap();
    store.storing = false;
    store.fetch(image).unwrap();
    assert_eq!((store.upstream, store.images.withheld()), (0, 1));
    store.crash();
    assert_eq!(store.state(image), ImageState::Empty);
    // Stored, and nothing was done: it is done after the restart.
    store.working = false;
    store.fetch(image).unwrap();
    store.crash();
    store.working = true;
    store.run();
    assert_eq!(store.state(image), ImageState::Ready);
    assert_eq!(store.log.iter().filter(|line| *line == "ready 1").count(), 1);
    // The owner was told, and that is known.
    store.crash();
    assert_eq!(store.log.iter().filter(|line| *line == "ready 1").count(), 1);
    // Deleted, and the record stored, but nothing dropped yet.
    store.images.handle_removed(store.now, image).unwrap();
    let deleted = store.images.snapshot(store.now);
    store.images = Images::restore(store.now, config(), deleted, []).unwrap();
    assert_eq!((store.images.blobs().count(), store.disk.len()), (0, 1));
    store.run();
    assert!(store.disk.is_empty());
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

#[test]
fn records_of_another_store_do_not_fit() {
    use gwmo_model::{ImageRestoreErrorKind, ImagesOutput, ImagesSnapshot};
    let mut store = store();
    let empty = store.images.snapshot(store.now);
    let image = store.images.handle_added(
        store.now,
        &image_store::server("S"),
        image_store::key("fw"),
        gwmo_model::ImageToken::new([1; 16]),
        source(),
    );
    store.images.handle_fetch(store.now, image.unwrap()).unwrap();
    let mut records = Vec::new();
    while let ImagesOutput::Persist(_, record) = store.images.poll_output() {
        records.push(record);
    }
    let restore = |snapshot: &ImagesSnapshot, records: &[_]| {
        let restored = Images::restore(store.now, config(), snapshot.clone(), records.iter().cloned());
        restored.map(|images| images.images().len()).map_err(|error| error.kind())
    };
    assert_eq!(restore(&empty, &records), Ok(1));
    let twice = [&records[..], &records[..]].concat();
    assert_eq!(restore(&empty, &twice), Err(ImageRestoreErrorKind::Misfit { at: 2 }));
    assert_eq!(restore(&empty, &records[1..]), Err(ImageRestoreErrorKind::Misfit { at: 0 }));
    assert_eq!(
        restore(&store.images.snapshot(store.now), &records),
        Err(ImageRestoreErrorKind::Misfit { at: 0 })
    );
}

/// Every number, text, flag and list of a snapshot changed, one at a time: it is refused, or makes a machine that
/// works.
#[cfg(feature = "serde")]
#[test]
fn snapshots_of_strangers_are_checked() {
    use gwmo_model::{ImageRestoreErrorKind, ImagesOutput, ImagesSnapshot};
    use serde_json::{Value, json};
    let mut store = store();
    let image = store.add("S", "fw", source()).unwrap();
    store.fetch(image).unwrap();
    store.images.handle_pinned(store.now, image, JobNo::new(1)).unwrap();
    store.working = false;
    ready_later(&mut store);
    let good = serde_json::to_value(store.images.snapshot(store.now)).unwrap();
    let restore = |value: Value| -> Result<Images, ImageRestoreErrorKind> {
        let snapshot: Result<ImagesSnapshot, _> = serde_json::from_value(value);
        let snapshot = snapshot.map_err(|_| ImageRestoreErrorKind::Inconsistent)?;
        Images::restore(store.now, config(), snapshot, []).map_err(|error| error.kind())
    };
    let restored = restore(good.clone()).unwrap();
    assert_eq!(Store::render(&restored), Store::render(&store.images));
    assert_eq!(restored.snapshot(store.now), store.images.snapshot(store.now));

    let mut paths = Vec::new();
    collect(&good, String::new(), &mut paths);
    let strange = [
        json!(null),
        json!(0),
        json!(1),
        json!(u64::MAX),
        json!(""),
        json!("x"),
        json!(true),
        json!([]),
        json!("Ready"),
    ];
    let (mut refused, mut taken) = (0, 0);
    for path in &paths {
        for other in &strange {
            let mut value = good.clone();
            *value.pointer_mut(path).unwrap() = other.clone();
            match restore(value) {
                Err(_) => refused += 1,
                Ok(mut images) => {
                    taken += 1;
                    let now = store.now + HOUR;
                    for number in (0..6).map(ImageNo::new) {
                        _ = images.handle_fetch(now, number);
                        _ = images.handle_chunk(now, number, Chunk::new(0, 1).last());
                        _ = images.handle_removed(now, number);
                    }
                    images.handle_tick(now + Duration::MAX);
                    while !matches!(images.poll_output(), ImagesOutput::Wait(_)) {}
                }
            }
        }
    }
    assert!(refused > taken && taken > 0, "{refused} {taken}");
    let mut value = good.clone();
    value["version"] = json!(2);
    assert_eq!(restore(value).unwrap_err(), ImageRestoreErrorKind::Version(2));
}

/// One image that is received, one that is fetched, one that is checked, one that failed.
#[cfg(feature = "serde")]
fn ready_later(store: &mut Store) {
    let [received, fetched, checked, failed] =
        ["r", "f", "c", "x"].map(|name| store.add("S", name, ImageSpec::new()).unwrap());
    for image in [received, failed] {
        store.chunk(image, Chunk::new(0, 1).with_total(2), b"x").unwrap();
    }
    store.images.handle_delivery_aborted(store.now, failed);
    let spec = ImageSpec::new().with_source("http://b").with_size(3).with_digest(digest_of(b""));
    store.images.handle_edited(store.now, fetched, spec).unwrap();
    store.fetch(fetched).unwrap();
    store.chunk(checked, Chunk::new(0, 1).with_total(1).last(), b"x").unwrap();
    store.work();
}

#[cfg(feature = "serde")]
fn collect(value: &serde_json::Value, path: String, paths: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| collect(value, format!("{path}/{name}"), paths));
        }
        serde_json::Value::Array(items) if path.ends_with("token") => _ = items,
        serde_json::Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| collect(value, format!("{path}/{at}"), paths));
        }
        _ => {}
    }
    if !path.is_empty() {
        paths.push(path);
    }
}
