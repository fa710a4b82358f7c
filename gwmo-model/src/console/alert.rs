//! Alerts of a gateway.

use alloc::string::String;

use dm_syncml::{Alert, Meta};
use dm_tree::NodeUri;

use super::read::ReadError;
use crate::device::{DeviceId, Serial};
use crate::fanout::{JobKey, ResultCode};
use crate::inventory::DetachReason;
use crate::mo::{COMPLETION_STATUS, DEVICE_ATTACHED, DEVICE_DETACHED, paths};

/// What a gateway tells a server in a generic alert.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum GatewayAlert {
    /// A device is there (GwMO-DI-004).
    #[non_exhaustive]
    DeviceAttached {
        /// The device.
        serial: Serial,
        /// What it calls itself.
        id: DeviceId,
        /// Whether it was never seen before.
        first: bool,
    },
    /// A device is gone.
    #[non_exhaustive]
    DeviceDetached {
        /// The device.
        serial: Serial,
        /// What it calls itself.
        id: DeviceId,
        /// Why.
        reason: DetachReason,
    },
    /// A job is over (GwMO-FORA-002).
    #[non_exhaustive]
    JobEnded {
        /// The job.
        key: JobKey,
        /// What it came to.
        result: ResultCode,
        /// What the server gave with Start.
        correlator: Option<String>,
    },
}

/// Reads an alert; `None` when it is of a type that gateways of this crate do not send.
///
/// # Errors
///
/// When it is of such a type and cannot be read.
pub fn read_alert(alert: &Alert<'_>) -> Result<Option<GatewayAlert>, ReadError> {
    let Some(item) = alert.items.first() else { return Ok(None) };
    let Some(media_type) = item.meta.as_ref().and_then(Meta::media_type) else { return Ok(None) };
    let media_type = media_type.as_str();
    if ![DEVICE_ATTACHED, DEVICE_DETACHED, COMPLETION_STATUS].contains(&media_type) {
        return Ok(None);
    }
    let source = item.source_uri().ok_or(ReadError::missing("Source"))?;
    let data = item.data.as_ref().and_then(|data| data.as_text()).ok_or(ReadError::missing(paths::DATA))?;
    let malformed = ReadError::malformed(paths::DATA);
    let source = NodeUri::parse(source.as_str()).map_err(|_| ReadError::malformed("Source"))?;
    let name = source.last().map(|segment| segment.name()).ok_or(ReadError::malformed("Source"))?;
    let device = || name.parse::<Serial>().map_err(|_| ReadError::malformed("Source"));
    let id = |id: &str| DeviceId::new(id).map_err(|_| malformed);
    Ok(Some(match media_type {
        DEVICE_ATTACHED => {
            // An identifier may hold semicolons, what follows does not.
            let mut fields = data.rsplitn(4, ';');
            let (first, _, _, text) = (fields.next(), fields.next(), fields.next(), fields.next());
            let first = first == Some("1");
            GatewayAlert::DeviceAttached { serial: device()?, id: id(text.ok_or(malformed)?)?, first }
        }
        DEVICE_DETACHED => {
            let (text, reason) = data.rsplit_once(';').ok_or(malformed)?;
            let reason = DetachReason::ALL.into_iter().find(|known| known.as_str() == reason);
            GatewayAlert::DeviceDetached {
                serial: device()?,
                id: id(text)?,
                reason: reason.ok_or(malformed)?,
            }
        }
        _ => GatewayAlert::JobEnded {
            key: JobKey::new(&name).map_err(|_| ReadError::malformed("Source"))?,
            result: ResultCode::new(data.parse().map_err(|_| malformed)?),
            correlator: alert.correlator.as_ref().map(|text| String::from(text.as_str())),
        },
    }))
}
