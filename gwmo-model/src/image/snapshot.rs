//! All images as a value.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::time::Duration;

use dm_syncml::Instant;
use dm_tree::ServerId;

use super::config::StoragePolicy;
use super::digest::ContentDigest;
use super::shelf::{Bare, Blob, Entry, Phase, Shelf};
use super::spec::{BlobNo, ImageKey, ImageNo, ImageSpec};
use super::token::ImageToken;
use crate::identifier::unprintable;
use crate::stored_count::can_go_on;

/// All images as a value, for any store. Answers to devices that are under way are not in it.
///
/// It holds the tokens of local addresses in clear.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ImagesSnapshot {
    pub(super) version: u16,
    policy: StoragePolicy,
    changes: u64,
    next_image: u32,
    next_blob: u64,
    uses: u64,
    images: Vec<ImageRow>,
    blobs: Vec<BlobRow>,
    dropping: Vec<(BlobNo, u64)>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct ImageRow {
    number: ImageNo,
    owner: ServerId,
    key: ImageKey,
    spec: ImageSpec,
    token: ImageToken,
    blob: Option<BlobNo>,
    bare: Bare,
    pins: Vec<u32>,
    pulls: u64,
    used: u64,
    idle: Duration,
    expires_in: Option<Duration>,
    owed: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct BlobRow {
    number: BlobNo,
    phase: Phase,
    room: u64,
    exact: bool,
    received: u64,
    digest: Option<ContentDigest>,
    source: Option<Box<str>>,
    opener: ImageNo,
}

impl ImagesSnapshot {
    pub(super) const VERSION: u16 = 2;

    pub(super) fn of(shelf: &Shelf, now: Instant) -> Self {
        let image = |(&number, entry): (&ImageNo, &Entry)| ImageRow {
            number,
            owner: entry.owner.clone(),
            key: entry.key.clone(),
            spec: entry.spec.clone(),
            token: entry.token.clone(),
            blob: entry.blob,
            bare: entry.bare,
            pins: entry.pins.iter().copied().collect(),
            pulls: entry.pulls,
            used: entry.used,
            idle: entry.idle.saturating_add(now.saturating_since(entry.used_at)),
            expires_in: entry.expires.map(|at| at.saturating_since(now)),
            owed: entry.owed,
        };
        let blob = |(&number, blob): (&BlobNo, &Blob)| BlobRow {
            number,
            phase: blob.phase,
            room: blob.room,
            exact: blob.exact,
            received: blob.received,
            digest: blob.digest,
            source: blob.source.clone(),
            opener: blob.opener,
        };
        Self {
            version: Self::VERSION,
            policy: shelf.policy,
            changes: shelf.changes,
            next_image: shelf.next_image,
            next_blob: shelf.next_blob,
            uses: shelf.uses,
            images: shelf.images.iter().map(image).collect(),
            blobs: shelf.blobs.iter().map(blob).collect(),
            dropping: shelf.dropping.iter().map(|(&blob, &len)| (blob, len)).collect(),
        }
    }

    /// The shelf it was taken of; `None` when it contradicts itself.
    pub(super) fn into_shelf(self, now: Instant) -> Option<Shelf> {
        let mut shelf = Shelf::new(self.policy);
        shelf.changes = self.changes;
        (shelf.next_image, shelf.next_blob, shelf.uses) = (self.next_image, self.next_blob, self.uses);
        let numbered = |number: BlobNo| (1..self.next_blob).contains(&number.get());
        for row in self.blobs {
            let whole = row.received == row.room;
            let fits = numbered(row.number)
                && !shelf.blobs.contains_key(&row.number)
                && row.received <= row.room
                && match row.phase {
                    Phase::Receiving => row.source.is_none(),
                    Phase::Downloading => row.source.as_deref().is_some_and(is_text),
                    Phase::Verifying => whole,
                    Phase::Stored => whole && row.digest.is_some(),
                };
            let blob = Blob {
                phase: row.phase,
                room: row.room,
                exact: row.exact,
                received: row.received,
                digest: row.digest,
                source: row.source,
                opener: row.opener,
                images: BTreeSet::new(),
            };
            shelf.put_blob(row.number, blob).filter(|()| fits)?;
        }
        for row in self.images {
            let fits = (1..self.next_image).contains(&row.number.get())
                && !shelf.images.contains_key(&row.number)
                && shelf.by_key(&row.owner, &row.key).is_none()
                && row.used <= self.uses
                && row.spec.texts().into_iter().flatten().all(|text| is_text(text));
            if let Some(number) = row.blob {
                shelf.blobs.get_mut(&number)?.images.insert(row.number);
            }
            let entry = Entry {
                owner: row.owner,
                key: row.key,
                spec: row.spec,
                token: row.token,
                blob: row.blob,
                bare: row.bare,
                pins: row.pins.into_iter().collect(),
                pulls: row.pulls,
                used: row.used,
                used_at: now,
                idle: row.idle,
                expires: row.expires_in.map(|left| now + left),
                owed: row.owed,
            };
            fits.then(|| shelf.put(row.number, entry))?;
        }
        for (number, len) in self.dropping {
            let fits = numbered(number) && !shelf.blobs.contains_key(&number);
            let again = shelf.dropping.insert(number, len).is_some();
            (fits && !again).then_some(())?;
        }
        // Content goes with its last image, and only something that ended is owed.
        let settled = |entry: &Entry| match entry.blob.and_then(|blob| shelf.blobs.get(&blob)) {
            Some(blob) => blob.phase == Phase::Stored,
            None => matches!(entry.bare, Bare::Failed(_)),
        };
        let consistent = shelf.blobs.values().all(|blob| !blob.images.is_empty())
            && shelf.images.values().all(|entry| !entry.owed || settled(entry))
            && [self.changes, self.next_blob, self.uses].into_iter().all(can_go_on)
            && self.next_image > 0
            && self.next_blob > 0;
        consistent.then_some(shelf)
    }
}

fn is_text(text: &str) -> bool {
    unprintable(text).is_none()
}
