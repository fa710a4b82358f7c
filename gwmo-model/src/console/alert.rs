//! Alerts of a gateway.

use alloc::string::String;

use dm_syncml::{Alert, Meta};
use dm_tree::NodeUri;

use super::Console;
use super::read::{ReadError, ReadErrorKind};
use crate::device::{DeviceId, Serial};
use crate::fanout::{JobKey, ResultCode};
use crate::inventory::DetachReason;
use crate::mo::{COMPLETION_STATUS, DEVICE_ATTACHED, DEVICE_DETACHED, FanoutSlot, InventorySlot};

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

impl Console {
    /// Reads an alert; `None` when it is of a type that gateways of this crate do not send.
    ///
    /// # Errors
    ///
    /// When it is of such a type and cannot be read.
    pub fn read_alert(&self, alert: &Alert<'_>) -> Result<Option<GatewayAlert>, ReadError> {
        const SOURCE: ReadError = ReadError::new(ReadErrorKind::Malformed, "Source");
        const DATA: ReadError = ReadError::new(ReadErrorKind::Malformed, "Data");
        let Some(item) = alert.items.first() else { return Ok(None) };
        let Some(media_type) = item.meta.as_ref().and_then(Meta::media_type) else { return Ok(None) };
        let media_type = media_type.as_str();
        if ![DEVICE_ATTACHED, DEVICE_DETACHED, COMPLETION_STATUS].contains(&media_type) {
            return Ok(None);
        }
        let missing = |what| ReadError::new(ReadErrorKind::Missing, what);
        let source = item.source_uri().ok_or(missing("Source"))?;
        let data = item.data.as_ref().and_then(|data| data.as_text()).ok_or(missing("Data"))?;
        let source = NodeUri::parse(source.as_str()).map_err(|_| SOURCE)?;
        let (slot, keys) = self.binding().resolve(&source).ok_or(SOURCE)?;
        let name = keys.first().ok_or(SOURCE)?;
        let device = || match slot == InventorySlot::Device.into() {
            true => name.parse::<Serial>().map_err(|_| SOURCE),
            false => Err(SOURCE),
        };
        let id = |id: &str| DeviceId::new(id).map_err(|_| DATA);
        Ok(Some(match media_type {
            DEVICE_ATTACHED => {
                // An identifier may hold semicolons, what follows does not.
                let mut fields = data.rsplitn(4, ';');
                let (first, _, _, text) = (fields.next(), fields.next(), fields.next(), fields.next());
                let first = first == Some("1");
                GatewayAlert::DeviceAttached { serial: device()?, id: id(text.ok_or(DATA)?)?, first }
            }
            DEVICE_DETACHED => {
                let (text, reason) = data.rsplit_once(';').ok_or(DATA)?;
                let reason = DetachReason::ALL.into_iter().find(|known| known.as_str() == reason);
                GatewayAlert::DeviceDetached { serial: device()?, id: id(text)?, reason: reason.ok_or(DATA)? }
            }
            _ if slot != FanoutSlot::Job.into() => return Err(SOURCE),
            _ => GatewayAlert::JobEnded {
                key: JobKey::new(name).map_err(|_| SOURCE)?,
                result: ResultCode::new(data.parse().map_err(|_| DATA)?),
                correlator: alert.correlator.as_ref().map(|text| String::from(text.as_str())),
            },
        }))
    }
}
