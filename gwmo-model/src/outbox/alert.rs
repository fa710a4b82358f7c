//! An alert, and who wants to hear of what.

use core::fmt;
use core::time::Duration;

use dm_syncml::Instant;

use crate::device::{DeviceId, Serial};
use crate::fanout::{JobNo, ResultCode};
use crate::image::ImageNo;
use crate::inventory::DetachReason;

use super::kind::AlertKind;

/// The sequence number of an alert, unique within an outbox and never given again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AlertSeq(u64);

impl AlertSeq {
    /// The first number an empty outbox gives.
    pub const FIRST: Self = Self(1);

    /// The alert with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for AlertSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for AlertSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "alert {}", self.0)
    }
}

/// What a server wants to hear of devices (GwMO-DI-005) and of images, and how soon.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Subscription {
    /// New devices. Default yes.
    pub attached: bool,
    /// Devices that come back as well, not only new ones. Default no, which is what GwMO-DI-004 asks for.
    pub each_time: bool,
    /// Devices that go. Default no.
    pub detached: bool,
    /// Images of its own that are ready or failed. Default yes.
    pub images: bool,
    /// Time an alert may wait for company before a session is asked for. Default none.
    pub max_delay: Duration,
}

impl Default for Subscription {
    fn default() -> Self {
        Self { attached: true, each_time: false, detached: false, images: true, max_delay: Duration::ZERO }
    }
}

impl Subscription {
    /// Sets [`attached`](Self::attached).
    #[must_use]
    pub const fn with_attached(mut self, on: bool) -> Self {
        self.attached = on;
        self
    }

    /// Sets [`each_time`](Self::each_time).
    #[must_use]
    pub const fn with_each_time(mut self, on: bool) -> Self {
        self.each_time = on;
        self
    }

    /// Sets [`detached`](Self::detached).
    #[must_use]
    pub const fn with_detached(mut self, on: bool) -> Self {
        self.detached = on;
        self
    }

    /// Sets [`images`](Self::images).
    #[must_use]
    pub const fn with_images(mut self, on: bool) -> Self {
        self.images = on;
        self
    }

    /// Sets [`max_delay`](Self::max_delay).
    #[must_use]
    pub const fn with_max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }
}

/// What an alert tells a server. Of jobs and images it holds the number only: what there is to say is looked up when it is
/// sent, and one that is gone by then needs no alert.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum AlertBody {
    /// A device is there: `deviceattached`.
    DeviceAttached {
        /// The device.
        serial: Serial,
        /// What it calls itself.
        id: DeviceId,
        /// The epoch it was seen in.
        epoch: u64,
        /// Whether it was never seen before.
        first: bool,
    },
    /// A device is gone: `devicedetached`.
    DeviceDetached {
        /// The device.
        serial: Serial,
        /// What it calls itself.
        id: DeviceId,
        /// The epoch it was last known in.
        epoch: u64,
        /// Why.
        reason: DetachReason,
    },
    /// A round of a job is over: `completionstatus`.
    JobEnded {
        /// The job.
        job: JobNo,
        /// What it came to.
        result: ResultCode,
    },
    /// The aggregated results of a job, or the first page of them: `resultaggregation`.
    JobResults {
        /// The job.
        job: JobNo,
    },
    /// A job has come on: `progress`.
    JobProgress {
        /// The job.
        job: JobNo,
    },
    /// An image can be fetched from the gateway: `imageready`.
    ImageReady {
        /// The image.
        image: ImageNo,
    },
    /// An image cannot be had: `imagefailed`.
    ImageFailed {
        /// The image.
        image: ImageNo,
        /// Why.
        code: ResultCode,
    },
}

impl AlertBody {
    /// Which kind of alert says it.
    #[must_use]
    pub const fn kind(&self) -> AlertKind {
        match self {
            Self::DeviceAttached { .. } => AlertKind::DeviceAttached,
            Self::DeviceDetached { .. } => AlertKind::DeviceDetached,
            Self::JobEnded { .. } => AlertKind::CompletionStatus,
            Self::JobResults { .. } => AlertKind::ResultAggregation,
            Self::JobProgress { .. } => AlertKind::Progress,
            Self::ImageReady { .. } => AlertKind::ImageReady,
            Self::ImageFailed { .. } => AlertKind::ImageFailed,
        }
    }
}

/// An alert on its way to a server.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Alert {
    /// Its number: the same when it is sent again, so that a server can tell.
    pub seq: AlertSeq,
    /// When it happened; after a restart, no earlier than that.
    pub at: Instant,
    /// What happened.
    pub body: AlertBody,
}

impl Alert {
    pub(super) const fn device(&self) -> Option<Serial> {
        match self.body {
            AlertBody::DeviceAttached { serial, .. } | AlertBody::DeviceDetached { serial, .. } => {
                Some(serial)
            }
            _ => None,
        }
    }
}
