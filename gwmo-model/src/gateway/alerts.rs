//! Alerts to servers: what the outbox holds, as messages.

use alloc::format;
use alloc::string::{String, ToString};

use dm_syncml::{Alert, AlertCode, CmdId, Correlator, Data, Format, Item, LocUri, Mark, MediaType, Meta};

use crate::ResultCode;
use crate::device::Serial;
use crate::mo::{COMPLETION_STATUS, DEVICE_ATTACHED, DEVICE_DETACHED, FanoutSlot, InventorySlot, Objects};
use crate::mode::Mode;
use crate::outbox::{self, AlertBody};

/// A generic alert; `None` for a job that is gone, of which nothing is owed any more.
pub(super) fn alert(alert: &outbox::Alert, objects: &Objects) -> Option<Alert<'static>> {
    let device = |serial: Serial| objects.binding.uri(InventorySlot::Device, &[&serial.to_string()]);
    let chr = |text: String| (Format::CHR, text);
    let mut correlator = None;
    let (source, (format, data), mark, media_type) = match &alert.body {
        AlertBody::DeviceAttached { serial, id, epoch, first } => {
            let record = objects.inventory.record(*serial);
            let mode = record.and_then(|record| record.mode()).unwrap_or(Mode::Proxy);
            let data = format!("{id};{mode};{epoch};{}", u8::from(*first));
            (device(*serial), chr(data), "informational", DEVICE_ATTACHED)
        }
        AlertBody::DeviceDetached { serial, id, reason, .. } => {
            let data = format!("{id};{}", reason.as_str());
            (device(*serial), chr(data), "warning", DEVICE_DETACHED)
        }
        AlertBody::JobEnded { job: number, result } => {
            let (key, _) = objects.jobs.numbered(*number)?;
            let given = objects.fanout.job(*number).and_then(|view| view.correlator());
            correlator = given.and_then(|text| Correlator::new(String::from(text)).ok());
            let mark = if *result == ResultCode::ALL_OK { "informational" } else { "warning" };
            (
                objects.binding.uri(FanoutSlot::Job, &[key.as_str()]),
                (Format::INT, format!("{result}")),
                mark,
                COMPLETION_STATUS,
            )
        }
        // Nothing asks for these yet.
        AlertBody::JobResults { .. }
        | AlertBody::JobProgress { .. }
        | AlertBody::ImageReady { .. }
        | AlertBody::ImageFailed { .. } => return None,
    };
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
