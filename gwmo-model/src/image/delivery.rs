//! Direct delivery: the server sends the content itself, as the chunks of a large object.

use dm_syncml::Instant;

use super::error::{ImageError, ImageErrorKind};
use super::machine::Images;
use super::output::ImagesOutput;
use super::record::{Change, Way};
use super::shelf::Phase;
use super::spec::{BlobNo, ImageNo};
use crate::fanout::ResultCode;

/// A chunk of content as a session has it; the octets stay with the caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Chunk {
    /// Where it starts. Zero starts a delivery, or starts it again.
    pub offset: u64,
    /// How long it is, in octets.
    pub len: u64,
    /// Whether it is the last: no `MoreData`.
    pub last: bool,
    /// The length of the whole as announced with the first chunk (`Meta/Size`).
    pub total: Option<u64>,
}

impl Chunk {
    /// A chunk that others follow.
    #[must_use]
    pub const fn new(offset: u64, len: u64) -> Self {
        Self { offset, len, last: false, total: None }
    }

    /// Makes it the last one.
    #[must_use]
    pub const fn last(mut self) -> Self {
        self.last = true;
        self
    }

    /// Announces the length of the whole.
    #[must_use]
    pub const fn with_total(mut self, total: u64) -> Self {
        self.total = Some(total);
        self
    }

    const fn end(&self) -> Option<u64> {
        self.offset.checked_add(self.len)
    }
}

impl Images {
    /// A chunk of an image came from its server. Room for the whole is set aside with the first one, so nothing is
    /// stored of what will not fit.
    ///
    /// # Errors
    ///
    /// There is no such image, storing it is forbidden, it has content already or is being fetched; the chunk does
    /// not follow on the one before, or there is more or less than was announced or may be; there is no room. What
    /// was taken before stays; report with [`handle_delivery_aborted`](Self::handle_delivery_aborted) if nothing
    /// follows.
    pub fn handle_chunk(&mut self, now: Instant, image: ImageNo, chunk: Chunk) -> Result<(), ImageError> {
        self.advance(now);
        let entry = self.shelf.images.get(&image).ok_or(ImageErrorKind::UnknownImage)?;
        self.check_storable(entry)?;
        let announced = entry.spec.size.or(chunk.total);
        let under_way = match entry.blob.and_then(|number| Some((number, self.shelf.blobs.get(&number)?))) {
            None => None,
            Some((number, blob)) if blob.phase == Phase::Receiving && blob.opener == image => Some(number),
            Some(_) => return Err(ImageErrorKind::WrongState.into()),
        };
        let blob = match under_way.and_then(|number| Some((number, *self.taken.get(&number)?))) {
            Some((number, (taken, false))) if chunk.offset == taken => {
                self.check_length(&chunk, self.shelf.blobs.get(&number).map(|blob| (blob.room, blob.exact)))?;
                number
            }
            under_way if chunk.offset == 0 => {
                if let (Some(size), Some(total)) = (entry.spec.size, chunk.total)
                    && size != total
                {
                    return Err(ImageErrorKind::SizeMismatch { announced: size }.into());
                }
                let room = announced.unwrap_or(self.shelf.policy.max_image);
                self.check_length(&chunk, Some((room, announced.is_some())))?;
                let before = under_way.map(|(number, _)| number);
                let given_back = before.and_then(|number| self.shelf.blobs.get(&number));
                self.check_room(announced, given_back.map_or(0, |blob| blob.room))?;
                if let Some(number) = before {
                    // It starts again, as content of its own: octets of the first may still be on their way.
                    self.fail(number, ResultCode::SOURCE_UNREACHABLE, Some(image));
                }
                let number = self.open_checked(image, Way::Delivery, announced)?;
                self.taken.insert(number, (0, false));
                number
            }
            Some((_, (expected, _))) => return Err(ImageErrorKind::WrongOffset { expected }.into()),
            None => return Err(ImageErrorKind::WrongOffset { expected: 0 }.into()),
        };
        self.taken.insert(blob, (chunk.offset.saturating_add(chunk.len), chunk.last));
        self.progress(blob);
        self.want(ImagesOutput::StoreChunk { blob, offset: chunk.offset, len: chunk.len });
        Ok(())
    }

    fn check_length(&self, chunk: &Chunk, room: Option<(u64, bool)>) -> Result<(), ImageError> {
        let (room, exact) = room.ok_or(ImageErrorKind::UnknownImage)?;
        match chunk.end() {
            Some(end) if end < room && exact && chunk.last => {}
            Some(end) if end <= room => return Ok(()),
            _ if exact => {}
            _ => return Err(ImageErrorKind::TooLarge { max: room }.into()),
        }
        Err(ImageErrorKind::SizeMismatch { announced: room }.into())
    }

    /// So much of a delivery is on storage, from the start and safe from a crash. Once the record of it is stored
    /// too, [`ImagesOutput::ChunkStored`] lets the server be told.
    pub fn handle_stored(&mut self, now: Instant, blob: BlobNo, len: u64) {
        self.advance(now);
        let Some(&(taken, last)) = self.taken.get(&blob) else { return };
        let Some(content) = self.shelf.blobs.get(&blob).filter(|content| content.phase == Phase::Receiving)
        else {
            return;
        };
        let (image, before, len) = (content.opener, content.received, len.min(taken));
        let complete = last && len == taken;
        if len > before {
            self.change(Change::Received { blob, len });
            self.progress(blob);
        }
        if complete {
            self.complete(blob, len);
        }
        if len > before || complete {
            self.want(ImagesOutput::ChunkStored { image, received: len, complete });
        }
    }

    /// A delivery will not go on: its session ended, or a chunk was refused. The image fails with 1416. One that
    /// is complete already, or was not under way, stays as it is.
    pub fn handle_delivery_aborted(&mut self, now: Instant, image: ImageNo) {
        self.advance(now);
        let Some(blob) = self.shelf.images.get(&image).and_then(|entry| entry.blob) else { return };
        let waits = self.taken.get(&blob).is_some_and(|&(_, last)| !last);
        if waits && self.shelf.blobs.get(&blob).is_some_and(|content| content.opener == image) {
            self.fail(blob, ResultCode::SOURCE_UNREACHABLE, None);
        }
    }
}
