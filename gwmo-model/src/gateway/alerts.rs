//! Alerts to servers: what the outbox holds, as messages.

use alloc::format;
use alloc::string::{String, ToString};

use dm_syncml::{Alert, AlertCode, CmdId, Correlator, Data, Format, Item, LocUri, Mark, MediaType, Meta};

use crate::device::Serial;
use crate::fanout::{JobNo, ResultCode};
use crate::image::ImageNo;
use crate::mo::{FanoutSlot, ImagesSlot, InventorySlot, Objects, STATS};
use crate::mode::Mode;
use crate::outbox::{self, AlertBody, AlertNames};

/// A generic alert; `None` for a job or an image that is gone, of which nothing is owed any more.
pub(super) fn alert(alert: &outbox::Alert, objects: &Objects, names: AlertNames) -> Option<Alert<'static>> {
    let device = |serial: Serial| objects.binding.uri(InventorySlot::Device, &[&serial.to_string()]);
    let job_node = |slot: FanoutSlot, job: JobNo| {
        objects.jobs.numbered(job).map(|(key, _)| objects.binding.uri(slot, &[key.as_str()]))
    };
    let image_node = |image: ImageNo| {
        objects
            .images
            .image(image)
            .map(|image| objects.binding.uri(ImagesSlot::Image, &[image.key().as_str()]))
    };
    let chr = |text: String| (Format::CHR, text);
    let mut of_job = None;
    let (source, (format, data), mark) = match &alert.body {
        AlertBody::DeviceAttached { serial, id, epoch, first } => {
            let record = objects.inventory.record(*serial);
            let mode = record.and_then(|record| record.mode()).unwrap_or(Mode::Proxy);
            let data = format!("{id};{mode};{epoch};{}", u8::from(*first));
            (device(*serial), chr(data), "informational")
        }
        AlertBody::DeviceDetached { serial, id, reason, .. } => {
            (device(*serial), chr(format!("{id};{}", reason.as_str())), "warning")
        }
        AlertBody::JobEnded { job, result } => {
            of_job = Some(*job);
            let mark = if *result == ResultCode::ALL_OK { "informational" } else { "warning" };
            (job_node(FanoutSlot::Job, *job)?, (Format::INT, format!("{result}")), mark)
        }
        AlertBody::JobResults { job } => {
            of_job = Some(*job);
            (job_node(FanoutSlot::Out, *job)?, chr(objects.sum_of(*job)), "informational")
        }
        AlertBody::JobProgress { job } => {
            let mut counters = objects.fanout.job(*job)?.counters();
            let numbers = STATS.map(|(_, counter)| counter(&mut counters).to_string());
            (job_node(FanoutSlot::Stat, *job)?, chr(numbers.join(";")), "informational")
        }
        AlertBody::ImageReady { image } => {
            let uri = objects.images.image(*image)?.uri()?;
            (image_node(*image)?, chr(uri.to_string()), "informational")
        }
        AlertBody::ImageFailed { image, code } => {
            (image_node(*image)?, (Format::INT, format!("{}", code.get())), "critical")
        }
    };
    let given = of_job.and_then(|job| objects.fanout.job(job)?.correlator());
    let correlator = given.and_then(|text| Correlator::new(String::from(text)).ok());
    let media_type = alert.body.kind().urn(names);
    let meta = Meta::new()
        .with_media_type(MediaType::new(media_type).expect("the types are text"))
        .with_format(format)
        .with_mark(Mark::new(mark).expect("the marks are words"));
    let source = LocUri::new(String::from(source.as_str())).expect("an address is a token");
    let mut message = Alert::new(CmdId::number(core::num::NonZeroU32::MIN), AlertCode::GENERIC_ALERT);
    message.correlator = correlator;
    message.items.push(Item::from(source).with_meta(meta).with_data(text(data)));
    Some(message)
}

/// Identifiers hold no control characters, so they are text; if not, octets can carry them.
fn text(text: String) -> Data<'static> {
    Data::text(text.clone()).unwrap_or_else(|_| Data::octets(text.into_bytes()))
}
