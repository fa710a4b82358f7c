//! What a relay wants done, and what it tells of its decisions.

use alloc::string::String;
use core::fmt;

use dm_notification::{DecodeErrorKind, SessionId};
use dm_syncml::{Instant, RecordSeq};
use dm_tree::ServerId;
use thiserror::Error;

use super::header::GwmoHeaderErrorKind;
use super::notification::SignedNotification;
use super::record::RelayRecord;
use crate::{DeviceId, GroupId, Serial};

/// Numbers what a relay passes on, from 1; one number for one notification to one device.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DeliveryNo(pub(super) u64);

impl DeliveryNo {
    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for DeliveryNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "delivery {}", self.0)
    }
}

/// How much a relay knows of where a notification comes from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Verification {
    /// The gateway shares the account, and the digest is right.
    SharedAccount,
    /// The server is known; the digest is left to the device.
    ServerKnown,
}

/// What a relay wants done or known.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RelayOutput {
    /// Store this, then report with [`Relay::handle_persisted`](super::Relay::handle_persisted).
    Persist(RecordSeq, RelayRecord),
    /// Send this notification to the device as it is, and report with
    /// [`Relay::handle_sent`](super::Relay::handle_sent) or [`Relay::handle_not_sent`](super::Relay::handle_not_sent).
    SendNotification {
        /// What to report it under.
        delivery: DeliveryNo,
        /// The device.
        serial: Serial,
        /// What it calls itself.
        device: DeviceId,
        /// Where it is, if that is known.
        address: Option<String>,
        /// The octets, as they came.
        notification: SignedNotification,
    },
    /// A decision. Nothing needs to be done about it; it belongs into a log.
    Audit(RelayAudit),
    /// Nothing else is due before this time, or before the next input if there is none. Always the last output.
    Wait(Option<Instant>),
}

/// A decision of a relay, and what it was about, as far as that was known.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RelayAudit {
    /// The server that the notification names; proven only where the decision says
    /// [`Verification::SharedAccount`].
    pub server: Option<ServerId>,
    /// The session it asks for.
    pub session_id: Option<SessionId>,
    /// The device.
    pub device: Option<DeviceId>,
    /// What was decided.
    pub decision: RelayDecision,
}

/// What became of a notification for one device, or of one as a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RelayDecision {
    /// It is passed on now.
    Forwarded {
        /// What is known of where it comes from.
        verification: Verification,
    },
    /// It is kept until the device can be reached, or its time is over.
    Held {
        /// What is known of where it comes from.
        verification: Verification,
    },
    /// The transport could not deliver it; it is kept until the device is heard of again.
    HeldAgain,
    /// It was handed to the transport.
    HandedOver,
    /// Its time was over before the device could be reached.
    Expired,
    /// It was dropped, before it was passed on or after it was held.
    Dropped(RelayRefusal),
}

/// Why a relay drops a notification, in the order in which it is checked.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum RelayRefusal {
    /// The relay passes nothing on.
    #[error("nothing is relayed")]
    SwitchedOff,
    /// It is not a notification of DM 1.2.
    #[error("not a notification of device management")]
    OtherContent,
    /// The header that names the devices is missing or wrong.
    #[error("{0}")]
    Header(GwmoHeaderErrorKind),
    /// It is malformed, or longer than may be.
    #[error("{0}")]
    Malformed(DecodeErrorKind),
    /// The server is not known.
    #[error("server is not known")]
    UnknownServer,
    /// There is no such group.
    #[error("no group {0}")]
    UnknownGroup(GroupId),
    /// It is for more devices than may be.
    #[error("more than {max} devices")]
    TooManyDevices {
        /// The most there may be.
        max: u32,
    },
    /// The device is not registered.
    #[error("device is not registered")]
    UnknownDevice,
    /// The device is not in transparent mode.
    #[error("device is not in transparent mode")]
    OtherMode,
    /// The server may not have this device notified.
    #[error("server may not notify this device")]
    NotAllowed,
    /// The digest is wrong.
    #[error("digest does not match")]
    WrongDigest,
    /// The gateway does not share the account, and it is to pass on only what it has verified.
    #[error("account is not shared")]
    NotVerifiable,
    /// It was passed on before.
    #[error("seen before")]
    Replayed,
    /// There is no room to keep it.
    #[error("too much is held")]
    Full,
}
