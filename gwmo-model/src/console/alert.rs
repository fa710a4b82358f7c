//! Alerts of a gateway.

use alloc::string::String;

use dm_syncml::{Alert, Meta};
use dm_tree::NodeUri;

use super::Console;
use super::read::{ReadError, ReadErrorKind};
use super::result::Outcomes;
use crate::device::{DeviceId, Serial};
use crate::fanout::{Counters, JobKey, ResultCode};
use crate::image::ImageKey;
use crate::inventory::DetachReason;
use crate::mo::{FanoutSlot, ImagesSlot, InventorySlot, STATS};
use crate::outbox::AlertKind;

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
    /// What a job came to, device by device.
    #[non_exhaustive]
    JobResults {
        /// The job.
        key: JobKey,
        /// The devices by outcome.
        outcomes: Outcomes,
        /// What the server gave with Start.
        correlator: Option<String>,
    },
    /// How a job comes on.
    #[non_exhaustive]
    JobProgress {
        /// The job.
        key: JobKey,
        /// How many devices stand where.
        counters: Counters,
    },
    /// An image can be fetched by devices (GwMO-DCIS-001).
    #[non_exhaustive]
    ImageReady {
        /// The image.
        key: ImageKey,
        /// Where.
        uri: String,
    },
    /// An image could not be had.
    #[non_exhaustive]
    ImageFailed {
        /// The image.
        key: ImageKey,
        /// Why.
        code: ResultCode,
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
        let Some((kind, _)) = AlertKind::recognise(media_type) else { return Ok(None) };
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
        let job = |at: FanoutSlot| match slot == at.into() {
            true => JobKey::new(name).map_err(|_| SOURCE),
            false => Err(SOURCE),
        };
        let image = || match slot == ImagesSlot::Image.into() {
            true => ImageKey::new(name).map_err(|_| SOURCE),
            false => Err(SOURCE),
        };
        let correlator = alert.correlator.as_ref().map(|text| String::from(text.as_str()));
        let id = |id: &str| DeviceId::new(id).map_err(|_| DATA);
        Ok(Some(match kind {
            AlertKind::DeviceAttached => {
                // An identifier may hold semicolons, what follows does not.
                let mut fields = data.rsplitn(4, ';');
                let (first, _, _, text) = (fields.next(), fields.next(), fields.next(), fields.next());
                let first = first == Some("1");
                GatewayAlert::DeviceAttached { serial: device()?, id: id(text.ok_or(DATA)?)?, first }
            }
            AlertKind::DeviceDetached => {
                let (text, reason) = data.rsplit_once(';').ok_or(DATA)?;
                let reason = DetachReason::ALL.into_iter().find(|known| known.as_str() == reason);
                GatewayAlert::DeviceDetached { serial: device()?, id: id(text)?, reason: reason.ok_or(DATA)? }
            }
            AlertKind::CompletionStatus => GatewayAlert::JobEnded {
                key: job(FanoutSlot::Job)?,
                result: ResultCode::new(data.parse().map_err(|_| DATA)?),
                correlator,
            },
            AlertKind::ResultAggregation => {
                let (key, outcomes) = (job(FanoutSlot::Out)?, Outcomes::parse(data).ok_or(DATA)?);
                GatewayAlert::JobResults { key, outcomes, correlator }
            }
            AlertKind::Progress => {
                let (key, mut counters) = (job(FanoutSlot::Stat)?, Counters::default());
                let mut numbers = data.split(';');
                for (_, counter) in STATS {
                    *counter(&mut counters) = numbers.next().and_then(|n| n.parse().ok()).ok_or(DATA)?;
                }
                GatewayAlert::JobProgress { key, counters }
            }
            AlertKind::ImageReady => GatewayAlert::ImageReady { key: image()?, uri: data.into() },
            AlertKind::ImageFailed => GatewayAlert::ImageFailed {
                key: image()?,
                code: ResultCode::new(data.parse().map_err(|_| DATA)?),
            },
            _ => return Ok(None),
        }))
    }
}
