//! Images: what the runtime does for them, and who may read them (GwMO-DCIS-001 to 003).

use alloc::vec::Vec;

use dm_syncml::Instant;

use super::{Gateway, GatewayEvent, GatewayOutput};
use crate::device::Serial;
use crate::fanout::JobNo;
use crate::group::GroupId;
use crate::image::{
    AddressName, ByteRange, ImageNo, Images, ImagesOutput, Membership, Serve, ServeRefusal, ServeRequest,
};
use crate::mo::Objects;

/// Who belongs where.
struct Members<'a>(&'a Objects);

impl Membership for Members<'_> {
    fn is_in_group(&self, device: Serial, group: &GroupId) -> bool {
        let known = self.0.groups.group(group);
        group.is_all_devices() || known.is_some_and(|group| group.contains(device))
    }

    fn is_target(&self, device: Serial, job: JobNo) -> bool {
        self.0.fanout.job(job).is_some_and(|job| job.record(device).is_some())
    }
}

impl Gateway {
    /// Tells the images what became of something they asked for by [`GatewayOutput::Image`]: call the `handle_*`
    /// method of [`Images`] that its documentation names, in `report`.
    pub fn handle_images<T>(&mut self, now: Instant, report: impl FnOnce(&mut Images, Instant) -> T) -> T {
        let now = self.advance(now);
        let done = report(&mut self.objects.images, now);
        self.drain_machines();
        done
    }

    /// A device asks for an image by the last segment of its address. What is to be sent comes from the storage of the
    /// runtime; when it is over, [`Images::handle_served`] wants to know.
    ///
    /// # Errors
    ///
    /// Why the device does not get it.
    pub fn handle_image_request(
        &mut self,
        now: Instant,
        device: Serial,
        name: &AddressName,
        range: ByteRange,
    ) -> Result<Serve, ServeRefusal> {
        let now = self.advance(now);
        let record = self.objects.inventory.record(device).ok_or(ServeRefusal::OutOfScope)?;
        let id = record.id().clone();
        let request = ServeRequest::new(device, &id, name).with_range(range);
        // The images are asked while the others are asked about it.
        let mut images = self.objects.take_images();
        let served = images.handle_serve_request(now, &request, &Members(&self.objects));
        self.objects.images = images;
        self.drain_machines();
        served
    }

    pub(super) fn image_output(&mut self, output: ImagesOutput) {
        let now = self.objects.now;
        match output {
            ImagesOutput::StoreChunk { blob, offset, len } => {
                // What a server wrote in one piece is at hand, other chunks are the runtime's.
                match self.objects.delivered.remove(&blob) {
                    Some(octets) if octets.len() as u64 == len => {
                        self.outputs.push_back(GatewayOutput::StoreImage { blob, offset, octets });
                    }
                    _ => self.outputs.push_back(GatewayOutput::Image(ImagesOutput::StoreChunk {
                        blob,
                        offset,
                        len,
                    })),
                }
            }
            ImagesOutput::ImageReady { image, owner, uri } => {
                self.objects.outbox.handle_image_ready(now, &owner, image);
                self.event(GatewayEvent::ImageReady { image, owner, uri });
                self.announced(image);
            }
            ImagesOutput::ImageFailed { image, owner, code } => {
                self.objects.outbox.handle_image_failed(now, &owner, image, code);
                self.event(GatewayEvent::ImageFailed { image, owner, code });
                self.announced(image);
            }
            output => self.outputs.push_back(GatewayOutput::Image(output)),
        }
    }

    /// Everybody who waits for an image hears what became of it. That they have must not be stored before what they made of
    /// it is.
    fn announced(&mut self, image: ImageNo) {
        self.open_gates();
        self.drain_fanout();
        let alerts = self.drain_outbox(None);
        debug_assert!(alerts.is_empty(), "nobody asked for alerts");
        self.objects.images.handle_announced(self.objects.now, image);
    }

    /// Jobs that waited for images may begin, or never will.
    pub(super) fn open_gates(&mut self) {
        let now = self.objects.now;
        let waiting: Vec<JobNo> = self.objects.jobs.gated().collect();
        for job in waiting {
            if let Some(verdict) = self.objects.gate(job) {
                // One that has begun does not wait any more.
                let _ = self.objects.fanout.handle_gate(now, job, verdict);
            }
        }
    }
}
