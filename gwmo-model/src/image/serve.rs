//! Devices read images.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use core::ops::Range;

use dm_syncml::Instant;

use super::error::ServeRefusal;
use super::machine::Images;
use super::record::Change;
use super::shelf;
use super::spec::{BlobNo, ImageNo, ServeNo};
use super::timer::Timer;
use super::token::AddressName;
use crate::device::{DeviceId, Serial};
use crate::fanout::JobNo;
use crate::group::GroupId;

/// Which octets a device asks for (RFC 9110 §14.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum ByteRange {
    /// All of them.
    #[default]
    All,
    /// Those from this one on.
    From(u64),
    /// Those from the first to the second, the second included.
    Through(u64, u64),
    /// So many at the end.
    Last(u64),
}

impl ByteRange {
    fn of(self, len: u64) -> Option<Range<u64>> {
        match self {
            Self::All => Some(0..len),
            Self::From(start) => (start < len).then_some(start..len),
            Self::Through(start, end) => {
                (start < len && start <= end).then(|| start..end.saturating_add(1).min(len))
            }
            Self::Last(count) => (count > 0 && len > 0).then(|| len.saturating_sub(count)..len),
        }
    }
}

/// A device asks for an image.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ServeRequest<'a> {
    /// The device, as the runtime knows it: from its certificate, or its address.
    pub serial: Serial,
    /// What it calls itself.
    pub device: &'a DeviceId,
    /// The last segment of what it asked for.
    pub name: &'a AddressName,
    /// Which octets.
    pub range: ByteRange,
}

impl<'a> ServeRequest<'a> {
    /// A request for all of it.
    #[must_use]
    pub const fn new(serial: Serial, device: &'a DeviceId, name: &'a AddressName) -> Self {
        Self { serial, device, name, range: ByteRange::All }
    }

    /// Asks for a part.
    #[must_use]
    pub const fn with_range(mut self, range: ByteRange) -> Self {
        self.range = range;
        self
    }
}

/// Who belongs where, at the moment; asked when a device reads.
pub trait Membership {
    /// Whether the device is in the group.
    fn is_in_group(&self, device: Serial, group: &GroupId) -> bool;
    /// Whether the device is a target of the job.
    fn is_target(&self, device: Serial, job: JobNo) -> bool;
}

/// What to send a device. Report with [`Images::handle_served`] when that is over.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Serve {
    /// Which answer this is.
    pub number: ServeNo,
    /// The image.
    pub image: ImageNo,
    /// Its content.
    pub blob: BlobNo,
    /// The octets to send.
    pub range: Range<u64>,
    /// Length of the whole, in octets.
    pub len: u64,
}

/// An answer that is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Serving {
    image: ImageNo,
    blob: BlobNo,
    device: Serial,
    to_end: bool,
}

impl Images {
    /// A device asks for an image. Until [`handle_served`](Self::handle_served) its content stays where it is.
    ///
    /// # Errors
    ///
    /// The address is none, the device may not read it, there are no such octets, or too many read already.
    pub fn handle_serve_request(
        &mut self,
        now: Instant,
        request: &ServeRequest<'_>,
        membership: &impl Membership,
    ) -> Result<Serve, ServeRefusal> {
        self.advance(now);
        let image = request.name.image();
        let entry = self.shelf.images.get(&image).filter(|entry| entry.token == *request.name.token());
        let (entry, (blob, content)) =
            entry.zip(self.shelf.ready(image)).ok_or(ServeRefusal::UnknownAddress)?;
        if !may_read(entry, request, membership) {
            return Err(ServeRefusal::OutOfScope);
        }
        let len = content.room;
        let range = request.range.of(len).ok_or(ServeRefusal::BadRange { len })?;
        let reading = self.readers.get(&request.serial).copied().unwrap_or(0);
        if self.serves.len() >= self.config.max_serves as usize
            || reading >= self.config.max_serves_per_device
        {
            return Err(ServeRefusal::Busy);
        }
        let number = ServeNo::new(self.next_serve);
        self.next_serve += 1;
        let to_end = range.end == len;
        self.serves.insert(number, Serving { image, blob, device: request.serial, to_end });
        self.readers.insert(request.serial, reading + 1);
        *self.reading.entry(blob).or_default() += 1;
        self.timers.arm(Timer::Lease(number), self.now + self.config.serve_time);
        Ok(Serve { number, image, blob, range, len })
    }

    /// An answer is over. One that brought the image to its end counts as a retrieval (`Pulls`).
    pub fn handle_served(&mut self, now: Instant, number: ServeNo, complete: bool) {
        self.advance(now);
        if let Some(&Serving { image, to_end, blob, .. }) = self.serves.get(&number)
            && complete
            && to_end
            && self.shelf.images.get(&image).is_some_and(|entry| entry.blob == Some(blob))
        {
            self.change(Change::Pulled { image });
            self.settle(image);
        }
        self.end_serve(number);
    }

    pub(super) fn end_serve(&mut self, number: ServeNo) {
        self.timers.disarm(Timer::Lease(number));
        let Some(serving) = self.serves.remove(&number) else { return };
        count_down(&mut self.readers, serving.device);
        count_down(&mut self.reading, serving.blob);
        if !self.is_read(serving.blob) {
            self.drop_unreferenced(serving.blob);
            self.keep_quota();
        }
    }

    pub(super) fn is_read(&self, blob: BlobNo) -> bool {
        self.reading.contains_key(&blob)
    }
}

fn count_down<K: Ord>(counts: &mut BTreeMap<K, u32>, key: K) {
    if let Entry::Occupied(mut count) = counts.entry(key) {
        *count.get_mut() -= 1;
        if *count.get() == 0 {
            count.remove();
        }
    }
}

fn may_read(entry: &shelf::Entry, request: &ServeRequest<'_>, membership: &impl Membership) -> bool {
    let scope = &entry.spec.scope;
    if scope.is_empty() {
        return entry.pins.iter().any(|&job| membership.is_target(request.serial, JobNo::new(job)));
    }
    scope.devices.contains(request.device)
        || scope.groups.iter().any(|group| membership.is_in_group(request.serial, group))
}
