//! What most tests begin with.

use std::time::Duration;

use gwmo_model::{Chunk, ImageConfig, ImageNo, ImageSpec, ImageState, LocalUri, Scope, StoragePolicy};

use crate::image_store::{Store, device, digest_of};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const URL: &str = "http://cdn.example/fw.bin";

pub(crate) fn config() -> ImageConfig {
    let policy = StoragePolicy::default().with_quota(1000).with_max_image(600);
    ImageConfig::new("http://10.0.0.1/i/").with_policy(policy)
}

pub(crate) fn store() -> Store {
    let mut store = Store::new(config());
    store.page(URL, &content());
    store
}

pub(crate) fn content() -> Vec<u8> {
    (0..300_u16).map(|n| n as u8).collect()
}

pub(crate) fn source() -> ImageSpec {
    ImageSpec::new().with_source(URL).with_size(300).with_digest(digest_of(&content()))
}

pub(crate) fn everybody() -> Scope {
    Scope::default().with_device(device(60)).with_group(gwmo_model::GroupId::new("g61").unwrap())
}

pub(crate) fn uri(store: &Store, image: ImageNo) -> LocalUri {
    store.images.image(image).and_then(|image| image.uri()).expect("it is ready")
}

pub(crate) fn ready(store: &mut Store, name: &str, octets: &[u8]) -> ImageNo {
    let spec = ImageSpec::new().with_digest(digest_of(octets)).with_size(octets.len() as u64);
    let image = store.add("S", name, spec.with_scope(everybody())).unwrap();
    store.chunk(image, Chunk::new(0, octets.len() as u64).last(), octets).unwrap();
    assert_eq!(store.state(image), ImageState::Ready);
    image
}
