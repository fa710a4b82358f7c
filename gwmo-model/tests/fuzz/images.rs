//! Servers, jobs, devices and crashes in any order: whatever is ready is what it should be and on the disk, nothing
//! is fetched unasked or stored beyond the quota, what is stored makes the same images again, and everything that
//! comes in ends.

use std::collections::BTreeMap;
use std::time::Duration;

use gwmo_model::{
    ByteRange, Chunk, GroupId, ImageConfig, ImageNo, ImageSpec, ImageState, JobNo, Scope, ServeNo,
    StoragePolicy,
};

use crate::image_store::{Page, Store, device, digest_of};

/// Octets as choices; none left is zero.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn octet(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    fn below(&mut self, end: u8) -> u8 {
        self.octet() % end
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[usize::from(self.octet()) % of.len()].clone()
    }
}

/// What a naive reader of the inputs would say of an image.
#[derive(Default)]
struct Known {
    spec: ImageSpec,
    jobs: Vec<JobNo>,
    pulls: u64,
}

#[derive(Default)]
struct Model {
    images: BTreeMap<ImageNo, Known>,
    owners: BTreeMap<ImageNo, (&'static str, &'static str)>,
    serves: BTreeMap<ServeNo, (ImageNo, bool)>,
    /// Nothing of these is certain while records are not stored.
    lost: bool,
}

const URLS: [&str; 5] = ["u:a", "u:b", "u:c", "u:redirect", "u:inside"];
const SERVERS: [&str; 2] = ["S", "T"];
const KEYS: [&str; 4] = ["k1", "k2", "k3", "k4"];

fn contents() -> [Vec<u8>; 4] {
    [b"alpha".to_vec(), vec![7; 40], vec![9; 90], Vec::new()]
}

fn spec(choices: &mut Choices<'_>) -> ImageSpec {
    let content = choices.pick(&contents());
    let mut spec = ImageSpec::new();
    if choices.below(5) != 0 {
        spec = spec.with_source(choices.pick(&URLS));
    }
    if choices.below(3) != 0 {
        spec = spec.with_digest(digest_of(&content));
    }
    if choices.below(3) == 0 {
        spec = spec.with_size(content.len() as u64 + u64::from(choices.below(8) == 1));
    }
    if choices.below(2) == 0 {
        spec = spec
            .with_scope(Scope::default().with_device(device(60)).with_group(GroupId::new("g61").unwrap()));
    }
    spec.with_cacheable(choices.below(8) != 0)
}

/// Runs the operations that these octets say.
pub(crate) fn run(octets: &[u8]) {
    let choices = &mut Choices(octets);
    let policy = StoragePolicy::default().with_quota(150).with_max_image(100);
    let config = ImageConfig::new("http://g/")
        .with_policy(policy)
        .with_max_images(6)
        .with_max_serves(4, 2)
        .with_fetch_without_digest(choices.below(2) == 0)
        .with_share_unproven(choices.below(2) == 0);
    let mut store = Store::new(config);
    store.forbidden.insert("u:inside".into());
    let mut model = Model::default();
    for _ in 0..400 {
        if choices.0.is_empty() {
            break;
        }
        operate(&mut store, &mut model, choices);
        store.run();
        check(&store, &mut model);
    }
    finish(&mut store, &mut model);
}

fn image(store: &Store, choices: &mut Choices<'_>) -> ImageNo {
    let at = usize::from(choices.octet());
    let count = store.images.images().len();
    let found = store.images.images().nth(if count == 0 { 0 } else { at % count });
    found.map_or(ImageNo::new(99), |image| image.number())
}

fn operate(store: &mut Store, model: &mut Model, choices: &mut Choices<'_>) {
    let now = store.now;
    match choices.below(20) {
        0 | 1 => {
            let (owner, key, spec) = (choices.pick(&SERVERS), choices.pick(&KEYS), spec(choices));
            if let Ok(image) = store.add(owner, key, spec.clone()) {
                let before = model.owners.values().any(|known| *known == (owner, key));
                assert!(!before || model.lost, "{owner} had {key}");
                model.owners.insert(image, (owner, key));
                model.images.insert(image, Known { spec, ..Known::default() });
            }
        }
        2 => {
            let (image, spec) = (image(store, choices), spec(choices));
            if store.images.handle_edited(now, image, spec.clone()).is_ok()
                && let Some(known) = model.images.get_mut(&image)
            {
                known.spec = spec;
            }
        }
        3 => {
            let image = image(store, choices);
            if store.images.handle_removed(now, image).is_ok() {
                let known = model.images.remove(&image);
                assert!(model.lost || known.is_some_and(|known| known.jobs.is_empty()));
                model.owners.remove(&image);
            }
        }
        4..=6 => {
            let image = image(store, choices);
            _ = store.fetch(image);
        }
        7 | 8 => deliver(store, choices),
        9 => {
            let image = image(store, choices);
            store.images.handle_delivery_aborted(now, image);
        }
        10 => {
            let (image, job) = (image(store, choices), JobNo::new(choices.below(3).into()));
            if store.images.handle_pinned(now, image, job).is_ok()
                && let Some(known) = model.images.get_mut(&image)
                && !known.jobs.contains(&job)
            {
                known.jobs.push(job);
                known.jobs.sort_unstable();
            }
        }
        11 => {
            let job = JobNo::new(choices.below(3).into());
            store.images.handle_job_ended(now, job);
            model.images.values_mut().for_each(|known| known.jobs.retain(|&other| other != job));
        }
        12 => {
            let policy = StoragePolicy::default()
                .with_enabled(choices.below(4) != 0)
                .with_purge(choices.below(2) == 0)
                .with_quota(u64::from(choices.octet()))
                .with_max_image(choices.pick(&[10, 100, 200]))
                .with_retain(choices.pick(&[None, Some(Duration::from_secs(50))]))
                .with_dedup(choices.below(4) != 0);
            store.images.handle_policy(now, policy);
        }
        13 => {
            let (image, left) = (image(store, choices), choices.pick(&[None, Some(0), Some(100)]));
            _ = store.images.handle_expiry(now, image, left.map(Duration::from_secs));
        }
        14 => {
            let image = image(store, choices);
            let uri = store.images.image(image).and_then(|image| image.uri());
            let from = choices.pick(&[1, 60, 61, 62]);
            let range = choices.pick(&[
                ByteRange::All,
                ByteRange::From(3),
                ByteRange::Last(2),
                ByteRange::Through(0, 1),
            ]);
            if let Some(uri) = uri
                && let Ok(serve) = store.request(from, &uri, range)
            {
                store.octets(&serve);
                assert_ne!(from, 62, "nobody lets it");
                model.serves.insert(serve.number, (image, serve.range.end == serve.len));
            }
        }
        15 => {
            if let Some((serve, (image, to_end))) = model.serves.pop_first() {
                let ready = store.state_of(image) == Some(ImageState::Ready);
                let before = store.images.image(image).map(|image| image.pulls());
                store.images.handle_served(now, serve, true);
                let after = store.images.image(image).map(|image| image.pulls());
                if before != after {
                    assert!(to_end && ready);
                    model.images.entry(image).and_modify(|known| known.pulls += 1);
                }
            }
        }
        16 => {
            let page = match choices.below(5) {
                0 => Page::Gone,
                1 => Page::Redirect(choices.pick(&URLS).into()),
                2 => Page::Breaks(choices.pick(&contents())),
                _ => Page::Content(choices.pick(&contents())),
            };
            store.web.insert(choices.pick(&URLS).into(), page);
        }
        17 => store.pass(Duration::from_secs(u64::from(choices.pick(&[0_u16, 1, 40, 700, 4000])))),
        18 => {
            (store.working, store.storing) = (choices.below(3) != 0, choices.below(4) != 0 && store.storing);
            model.lost |= !store.storing;
        }
        _ => {
            match choices.below(4) {
                0 => store.save(),
                1 => {
                    let image = image(store, choices);
                    _ = store.images.handle_fetch(now, image);
                    store.save();
                    store.run();
                }
                _ => {}
            }
            crash(store, model);
        }
    }
}

fn deliver(store: &mut Store, choices: &mut Choices<'_>) {
    let image = image(store, choices);
    let content = choices.pick(&contents());
    let received = store.images.image(image).map_or(0, |image| image.received());
    let offset = if choices.below(4) == 0 { 0 } else { received.min(content.len() as u64) };
    let rest = &content[offset as usize..];
    let part = &rest[..rest.len().min(usize::from(choices.below(60)))];
    let mut chunk = Chunk::new(offset, part.len() as u64);
    if part.len() == rest.len() && choices.below(8) != 0 {
        chunk = chunk.last();
    }
    if choices.below(2) == 0 {
        chunk = chunk.with_total(content.len() as u64);
    }
    _ = store.chunk(image, chunk, part);
}

fn crash(store: &mut Store, model: &mut Model) {
    store.crash();
    model.serves.clear();
    if model.lost {
        // What was never stored never was; what is there is what is known from now on.
        model.lost = false;
        let kept = store.images.images().map(|image| {
            let known =
                Known { spec: image.spec().clone(), jobs: image.jobs().collect(), pulls: image.pulls() };
            (image.number(), known)
        });
        model.images = kept.collect();
        let owner = |name: &str| SERVERS.into_iter().find(|server| *server == name).expect("a server");
        let key = |name: &str| KEYS.into_iter().find(|key| *key == name).expect("a key");
        let owners = store.images.images();
        let owners =
            owners.map(|image| (image.number(), (owner(image.owner().as_str()), key(image.key().as_str()))));
        model.owners = owners.collect();
    }
}

fn check(store: &Store, model: &mut Model) {
    store.check();
    assert_eq!(store.images.images().len(), model.images.len());
    for image in store.images.images() {
        let known = &model.images[&image.number()];
        assert_eq!((image.spec(), image.pulls()), (&known.spec, known.pulls));
        assert_eq!(image.jobs().collect::<Vec<_>>(), known.jobs);
        let policy = store.images.policy();
        let unwanted = !image.spec().cacheable || !policy.enabled && policy.purge;
        let may_stay = !unwanted || !known.jobs.is_empty() || image.state() != ImageState::Ready;
        assert!(may_stay, "{} has to go", image.number());
    }
    // Beyond the quota is only what cannot go.
    if store.images.used() > store.images.policy().quota {
        for image in store.images.images().filter(|image| image.blob().is_some()) {
            assert_eq!(image.state(), ImageState::Ready);
            let same = store.images.images().filter(|other| other.blob() == image.blob());
            let pinned = same.flat_map(|other| other.jobs()).next().is_some();
            assert!(pinned || !model.serves.is_empty(), "{} is in nobody's way", image.number());
        }
    }
}

/// Everything comes to an end, and nothing is left over.
fn finish(store: &mut Store, model: &mut Model) {
    if !store.storing {
        crash(store, model);
    }
    store.working = true;
    store.live(Duration::from_secs(100_000));
    check(store, model);
    for image in store.images.images() {
        let ended = [ImageState::Empty, ImageState::Ready, ImageState::Failed, ImageState::Evicted];
        assert!(ended.contains(&image.state()), "{:?} is still {:?}", image.number(), image.state());
    }
    let kept: u64 = store.images.blobs().map(|(_, len)| len).sum();
    assert_eq!(kept, store.images.used());
    let referenced: Vec<_> = store.images.blobs().map(|(blob, _)| blob).collect();
    assert!(store.disk.keys().eq(referenced.iter()), "{:?} are on the disk", store.disk.keys());
    // With the right content at hand, and room, every image can be had.
    store.images.handle_policy(store.now, StoragePolicy::default());
    store.run();
    for url in URLS {
        store.forbidden.clear();
        store.web.insert(url.into(), Page::Gone);
    }
    let images: Vec<_> = store.images.images().map(|image| image.number()).collect();
    for number in images {
        let spec = &model.images[&number].spec;
        let content = contents().into_iter().find(|content| spec.digest == Some(digest_of(content)));
        let (Some(url), Some(content)) = (spec.source.clone(), content) else { continue };
        let right_size = spec.size.is_none_or(|size| size == content.len() as u64);
        store.page(&url, &content);
        let fetched = store.fetch(number);
        let ready = store.state(number) == ImageState::Ready;
        assert_eq!(ready, fetched.is_ok() && right_size, "{fetched:?}");
        store.web.insert(url.into(), Page::Gone);
    }
    store.check();
}
