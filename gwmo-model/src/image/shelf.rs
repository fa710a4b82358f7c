//! Images and their content as far as it must survive: every change is a record, and a record is all it takes.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use dm_syncml::Instant;
use dm_tree::ServerId;

use super::config::StoragePolicy;
use super::digest::ContentDigest;
use super::record::{Change, ImageRecord, Way};
use super::spec::{BlobNo, ImageKey, ImageNo, ImageSpec};
use super::token::ImageToken;

#[derive(Clone, Debug)]
pub(super) struct Shelf {
    pub(super) policy: StoragePolicy,
    /// Changes made so far.
    pub(super) changes: u64,
    pub(super) next_image: u32,
    pub(super) next_blob: u64,
    /// Counts uses; a larger number is a later use.
    pub(super) uses: u64,
    pub(super) images: BTreeMap<ImageNo, Entry>,
    pub(super) blobs: BTreeMap<BlobNo, Blob>,
    /// Content without images that may still be on storage, with its length or the room set aside for it.
    pub(super) dropping: BTreeMap<BlobNo, u64>,
    // Computed from the above.
    by_key: BTreeMap<(ServerId, ImageKey), ImageNo>,
    by_job: BTreeSet<(u32, ImageNo)>,
    by_digest: BTreeSet<(ContentDigest, BlobNo)>,
    used: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) owner: ServerId,
    pub(super) key: ImageKey,
    pub(super) spec: ImageSpec,
    pub(super) token: ImageToken,
    pub(super) blob: Option<BlobNo>,
    /// What it is without content.
    pub(super) bare: Bare,
    pub(super) pins: BTreeSet<u32>,
    pub(super) pulls: u64,
    pub(super) used: u64,
    pub(super) used_at: Instant,
    /// How long it was idle already at `used_at`, when that is a restart and not a use.
    pub(super) idle: Duration,
    pub(super) expires: Option<Instant>,
    /// Its owner has to hear that it is ready, or that it failed.
    pub(super) owed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Bare {
    Empty,
    Failed(u16),
    Evicted,
}

#[derive(Clone, Debug)]
pub(super) struct Blob {
    pub(super) phase: Phase,
    /// Its length once it is whole, until then the room set aside.
    pub(super) room: u64,
    pub(super) exact: bool,
    pub(super) received: u64,
    /// What it should be, and is once it is stored.
    pub(super) digest: Option<ContentDigest>,
    pub(super) source: Option<Box<str>>,
    /// For whom it is brought in.
    pub(super) opener: ImageNo,
    pub(super) images: BTreeSet<ImageNo>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Phase {
    Receiving,
    Downloading,
    Verifying,
    Stored,
}

/// A change that does not fit.
#[derive(Debug)]
pub(super) struct Misfit;

impl Shelf {
    pub(super) const fn new(policy: StoragePolicy) -> Self {
        Self {
            policy,
            changes: 0,
            next_image: 1,
            next_blob: 1,
            uses: 0,
            images: BTreeMap::new(),
            blobs: BTreeMap::new(),
            dropping: BTreeMap::new(),
            by_key: BTreeMap::new(),
            by_job: BTreeSet::new(),
            by_digest: BTreeSet::new(),
            used: 0,
        }
    }

    /// Octets stored or set aside.
    pub(super) const fn used(&self) -> u64 {
        self.used
    }

    pub(super) fn by_key(&self, owner: &ServerId, key: &ImageKey) -> Option<ImageNo> {
        self.by_key.get(&(owner.clone(), key.clone())).copied()
    }

    pub(super) fn pinned_by(&self, job: u32) -> Vec<ImageNo> {
        let (first, last) = ((job, ImageNo::new(0)), (job, ImageNo::new(u32::MAX)));
        self.by_job.range(first..=last).map(|&(_, image)| image).collect()
    }

    /// Content that is this or should become it, oldest first.
    pub(super) fn like(&self, digest: ContentDigest) -> impl Iterator<Item = (BlobNo, &Blob)> {
        let (first, last) = ((digest, BlobNo::new(0)), (digest, BlobNo::new(u64::MAX)));
        let blobs = self.by_digest.range(first..=last);
        blobs.filter_map(|&(_, number)| Some((number, self.blobs.get(&number)?)))
    }

    /// The content of an image that is ready.
    pub(super) fn ready(&self, image: ImageNo) -> Option<(BlobNo, &Blob)> {
        let number = self.images.get(&image)?.blob?;
        let blob = self.blobs.get(&number)?;
        (blob.phase == Phase::Stored).then_some((number, blob))
    }

    /// Makes the change of a record, unless it was made before.
    pub(super) fn replay(&mut self, now: Instant, record: &ImageRecord) -> Result<(), Misfit> {
        match record.at.checked_sub(self.changes) {
            Some(1) => self.apply(now, &record.change),
            // Made before.
            Some(0) | None => Ok(()),
            // One is missing.
            Some(_) => Err(Misfit),
        }
    }

    /// Makes a change. One that does not fit leaves everything as it was.
    pub(super) fn apply(&mut self, now: Instant, change: &Change) -> Result<(), Misfit> {
        match change {
            Change::Policy(policy) => self.policy = *policy,
            Change::Added { image, owner, key, token, spec } => {
                let fits = image.get() == self.next_image && self.by_key(owner, key).is_none();
                let next = self.next_image.checked_add(1).filter(|_| fits).ok_or(Misfit)?;
                let entry = Entry {
                    owner: owner.clone(),
                    key: key.clone(),
                    spec: ImageSpec::clone(spec),
                    token: token.clone(),
                    blob: None,
                    bare: Bare::Empty,
                    pins: BTreeSet::new(),
                    pulls: 0,
                    used: 0,
                    used_at: now,
                    idle: Duration::ZERO,
                    expires: None,
                    owed: false,
                };
                self.next_image = next;
                self.put(*image, entry);
            }
            Change::Edited { image, spec } => {
                self.images.get_mut(image).ok_or(Misfit)?.spec = ImageSpec::clone(spec);
            }
            Change::Removed { image } => {
                let entry = self.images.get(image).filter(|entry| entry.pins.is_empty()).ok_or(Misfit)?;
                let key = (entry.owner.clone(), entry.key.clone());
                self.leave(*image, Bare::Empty);
                self.by_key.remove(&key);
                self.images.remove(image);
            }
            Change::Opened { image, blob, way, room, exact } => {
                let entry = self.images.get_mut(image).filter(|entry| entry.blob.is_none()).ok_or(Misfit)?;
                let next = self.next_blob.checked_add(1).filter(|_| blob.get() == self.next_blob);
                let (next, used) = next.zip(self.used.checked_add(*room)).ok_or(Misfit)?;
                let (phase, source) = match way {
                    Way::Delivery => (Phase::Receiving, None),
                    Way::Download => (Phase::Downloading, entry.spec.source.clone()),
                };
                (entry.blob, entry.owed) = (Some(*blob), false);
                let digest = entry.spec.digest;
                (self.next_blob, self.used) = (next, used);
                self.by_digest.extend(digest.map(|digest| (digest, *blob)));
                let (opener, images) = (*image, BTreeSet::from([*image]));
                let blob_entry =
                    Blob { phase, room: *room, exact: *exact, received: 0, digest, source, opener, images };
                self.blobs.insert(*blob, blob_entry);
            }
            Change::Joined { image, blob } => {
                let entry = self.images.get_mut(image).filter(|entry| entry.blob.is_none()).ok_or(Misfit)?;
                let shared = self.blobs.get_mut(blob).ok_or(Misfit)?;
                shared.images.insert(*image);
                (entry.blob, entry.owed) = (Some(*blob), shared.phase == Phase::Stored);
                self.use_now(now, *image);
            }
            Change::Received { blob, len } => {
                let fits = |blob: &&mut Blob| blob.is_coming() && (blob.received..=blob.room).contains(len);
                self.blobs.get_mut(blob).filter(fits).ok_or(Misfit)?.received = *len;
            }
            Change::Complete { blob, len } => {
                let fits = |blob: &&mut Blob| blob.is_coming() && (blob.received..=blob.room).contains(len);
                let blob = self.blobs.get_mut(blob).filter(fits).ok_or(Misfit)?;
                self.used -= blob.room - len;
                (blob.room, blob.received, blob.phase) = (*len, *len, Phase::Verifying);
            }
            Change::Stored { blob: number, digest } => {
                let fits = |blob: &&mut Blob| {
                    blob.phase == Phase::Verifying && blob.digest.is_none_or(|known| known == *digest)
                };
                let blob = self.blobs.get_mut(number).filter(fits).ok_or(Misfit)?;
                (blob.phase, blob.digest) = (Phase::Stored, Some(*digest));
                self.by_digest.insert((*digest, *number));
                for image in blob.images.clone() {
                    self.become_ready(now, image);
                }
            }
            Change::Merged { blob, into } => {
                let is = |number, phase| self.blobs.get(number).is_some_and(|blob| blob.phase == phase);
                if !is(blob, Phase::Verifying) || !is(into, Phase::Stored) {
                    return Err(Misfit);
                }
                let images = self.blobs.get(blob).map_or_else(BTreeSet::new, |blob| blob.images.clone());
                for image in images {
                    self.leave(image, Bare::Empty);
                    self.images.entry(image).and_modify(|entry| entry.blob = Some(*into));
                    self.blobs.entry(*into).and_modify(|blob| _ = blob.images.insert(image));
                    self.become_ready(now, image);
                }
            }
            Change::Failed { image, code } => {
                let blob = self.images.get(image).and_then(|entry| self.blobs.get(&entry.blob?));
                if blob.is_none_or(|blob| blob.phase == Phase::Stored) {
                    return Err(Misfit);
                }
                self.leave(*image, Bare::Failed(*code));
                self.images.entry(*image).and_modify(|entry| entry.owed = true);
            }
            Change::Evicted { image } => {
                self.ready(*image).ok_or(Misfit)?;
                self.leave(*image, Bare::Evicted);
                self.images.entry(*image).and_modify(|entry| entry.owed = false);
            }
            Change::Dropped { blob } => {
                self.dropping.remove(blob).ok_or(Misfit)?;
            }
            Change::Pinned { image, job } => {
                let entry = self.images.get_mut(image).ok_or(Misfit)?;
                entry.pins.insert(*job).then_some(()).ok_or(Misfit)?;
                self.by_job.insert((*job, *image));
                self.use_now(now, *image);
            }
            Change::Unpinned { image, job } => {
                let entry = self.images.get_mut(image).ok_or(Misfit)?;
                entry.pins.remove(job).then_some(()).ok_or(Misfit)?;
                self.by_job.remove(&(*job, *image));
                self.use_now(now, *image);
            }
            Change::Pulled { image } => {
                let entry = self.images.get_mut(image).ok_or(Misfit)?;
                entry.pulls = entry.pulls.saturating_add(1);
                self.use_now(now, *image);
            }
            Change::Expires { image, left } => {
                self.images.get_mut(image).ok_or(Misfit)?.expires = left.map(|left| now + left);
            }
            Change::Announced { image } => {
                self.images.get_mut(image).filter(|entry| entry.owed).ok_or(Misfit)?.owed = false;
            }
        }
        self.changes += 1;
        Ok(())
    }

    /// Takes an image in, as it is.
    pub(super) fn put(&mut self, image: ImageNo, entry: Entry) {
        self.by_key.insert((entry.owner.clone(), entry.key.clone()), image);
        self.by_job.extend(entry.pins.iter().map(|&job| (job, image)));
        self.images.insert(image, entry);
    }

    /// Takes content in, as it is; `None` if there cannot be that much.
    pub(super) fn put_blob(&mut self, number: BlobNo, blob: Blob) -> Option<()> {
        self.used = self.used.checked_add(blob.room)?;
        self.by_digest.extend(blob.digest.map(|digest| (digest, number)));
        self.blobs.insert(number, blob);
        Some(())
    }

    fn use_now(&mut self, now: Instant, image: ImageNo) {
        self.uses = self.uses.saturating_add(1);
        if let Some(entry) = self.images.get_mut(&image) {
            (entry.used, entry.used_at, entry.idle) = (self.uses, now, Duration::ZERO);
        }
    }

    fn become_ready(&mut self, now: Instant, image: ImageNo) {
        self.images.entry(image).and_modify(|entry| entry.owed = true);
        self.use_now(now, image);
    }

    /// An image has no content any more; content without images goes.
    fn leave(&mut self, image: ImageNo, bare: Bare) {
        let Some(entry) = self.images.get_mut(&image) else { return };
        entry.bare = bare;
        let Some(number) = entry.blob.take() else { return };
        let Some(blob) = self.blobs.get_mut(&number) else { return };
        blob.images.remove(&image);
        if blob.images.is_empty() {
            self.used -= blob.room;
            self.dropping.insert(number, blob.room);
            if let Some(digest) = blob.digest {
                self.by_digest.remove(&(digest, number));
            }
            self.blobs.remove(&number);
        }
    }
}

impl Blob {
    /// Whether octets are on their way.
    pub(super) const fn is_coming(&self) -> bool {
        matches!(self.phase, Phase::Receiving | Phase::Downloading)
    }
}
