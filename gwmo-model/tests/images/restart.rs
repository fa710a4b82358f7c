//! Crashes, records and snapshots.

#[cfg(feature = "serde")]
use std::time::Duration;

#[cfg(feature = "serde")]
use gwmo_model::{Chunk, ImageNo, ImageSpec, JobNo};
use gwmo_model::{ImageState, Images};

#[cfg(feature = "serde")]
use crate::image_store::{Store, digest_of};
#[cfg(feature = "serde")]
use crate::scene::HOUR;
use crate::scene::{config, source, store};

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
fn records_that_are_missing_are_missed() {
    use gwmo_model::{ImageRestoreErrorKind, ImagesOutput, ImagesSnapshot};
    let mut store = store();
    let empty = store.images.snapshot(store.now);
    let image = store.images.handle_added(
        store.now,
        &crate::image_store::server("S"),
        crate::image_store::key("fw"),
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
    assert_eq!(restore(&empty, &twice), Ok(1), "what was made before is not made again");
    assert_eq!(restore(&store.images.snapshot(store.now), &records), Ok(1));
    assert_eq!(restore(&empty, &records[1..]), Err(ImageRestoreErrorKind::Misfit { at: 0 }));
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
    value["version"] = json!(3);
    assert_eq!(restore(value).unwrap_err(), ImageRestoreErrorKind::Version(3));
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
