//! Result codes: what a device answered, or what the gateway found.

use core::fmt;

use dm_syncml::StatusCode;

/// What became of a target or a job, as a number: below 1000 the device's own Status, unchanged; from 1000 on the
/// gateway's verdict.
///
/// The gateway's codes are this crate's own (the OMA ones are not public) and follow the blocks of SCOMO: 12xx
/// done, 14xx not done, 15xx the gateway's fault.
///
/// ```
/// use dm_syncml::StatusCode;
/// use gwmo_model::ResultCode;
///
/// assert!(ResultCode::NOT_ANSWERED.is_verdict());
/// assert_eq!(ResultCode::from(StatusCode::NOT_FOUND).get(), 404);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ResultCode(u16);

/// Whether a stored number is a code, or 0 for none yet: a Status has three digits.
pub(super) const fn is_code_or_none(code: u16) -> bool {
    code == 0 || code >= 100
}

impl ResultCode {
    /// 200: every operation was done.
    pub const OK: Self = Self(200);
    /// 1200: the job is over and every target is ok.
    pub const ALL_OK: Self = Self(1200);
    /// 1201: the job is over and not every target is ok.
    pub const NOT_ALL_OK: Self = Self(1201);
    /// 1202: the job is over and there was no target.
    pub const NO_TARGET: Self = Self(1202);
    /// 1203: the job is over, and what devices returned was cut for want of room.
    pub const CUT: Self = Self(1203);
    /// 1210: an image is ready.
    pub const IMAGE_READY: Self = Self(1210);
    /// 1401: cancelled.
    pub const CANCELLED: Self = Self(1401);
    /// 1402: a target of the job does not exist.
    pub const BAD_TARGET: Self = Self(1402);
    /// 1403: an operation of the job is missing or cannot be used.
    pub const BAD_OPERATION: Self = Self(1403);
    /// 1404: stopped, since too many targets failed.
    pub const STOPPED: Self = Self(1404);
    /// 1406: stopped, since its owner may not reach any device any more.
    pub const AUTHORIZATION_LOST: Self = Self(1406);
    /// 1407: the job came back to a gateway it had been at.
    pub const LOOP: Self = Self(1407);
    /// 1408: the time of the job was over.
    pub const OUT_OF_TIME: Self = Self(1408);
    /// 1409: the notification was not answered.
    pub const NOT_ANSWERED: Self = Self(1409);
    /// 1410: the device is detached.
    pub const DETACHED: Self = Self(1410);
    /// 1411: the session ended or went silent before everything was answered.
    pub const SESSION_LOST: Self = Self(1411);
    /// 1413: what was accepted was never reported as done.
    pub const RESULT_MISSING: Self = Self(1413);
    /// 1414: the device is busy with something else.
    pub const BUSY: Self = Self(1414);
    /// 1415: an image of the job is not what it should be.
    pub const HASH_MISMATCH: Self = Self(1415);
    /// 1416: an image of the job could not be fetched.
    pub const SOURCE_UNREACHABLE: Self = Self(1416);
    /// 1417: an image may not be stored, or not be fetched from there.
    pub const CACHING_FORBIDDEN: Self = Self(1417);
    /// 1500: the gateway's own fault.
    pub const GATEWAY_ERROR: Self = Self(1500);
    /// 1501: storage is full, or failed.
    pub const STORAGE_FULL: Self = Self(1501);
    /// 1502: what became of it was lost when the gateway restarted.
    pub const STATE_LOST: Self = Self(1502);

    /// The code with this number.
    #[must_use]
    pub const fn new(code: u16) -> Self {
        Self(code)
    }

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Whether a job that ends by this while it is scheduled could not begin, rather than was ended by somebody.
    pub(super) const fn is_of_gate(self) -> bool {
        !matches!(self, Self::CANCELLED | Self::AUTHORIZATION_LOST)
    }

    /// Whether the gateway came to this, and not the device.
    #[must_use]
    pub const fn is_verdict(self) -> bool {
        self.0 >= 1000
    }

    /// What the code means, for people; `None` for a code this crate does not name.
    #[must_use]
    pub const fn meaning(self) -> Option<&'static str> {
        Some(match self {
            Self::ALL_OK => "every target is ok",
            Self::NOT_ALL_OK => "not every target is ok",
            Self::NO_TARGET => "there was no target",
            Self::CUT => "results were cut",
            Self::IMAGE_READY => "the image is ready",
            Self::CANCELLED => "cancelled",
            Self::BAD_TARGET => "a target does not exist",
            Self::BAD_OPERATION => "an operation is missing or cannot be used",
            Self::STOPPED => "too many targets failed",
            Self::AUTHORIZATION_LOST => "its owner may not reach any device any more",
            Self::LOOP => "the job came back to this gateway",
            Self::OUT_OF_TIME => "the time of the job was over",
            Self::NOT_ANSWERED => "the notification was not answered",
            Self::DETACHED => "the device is detached",
            Self::SESSION_LOST => "the session was lost",
            Self::RESULT_MISSING => "the result never came",
            Self::BUSY => "the device is busy",
            Self::HASH_MISMATCH => "an image is not what it should be",
            Self::SOURCE_UNREACHABLE => "an image could not be fetched",
            Self::CACHING_FORBIDDEN => "an image may not be stored",
            Self::GATEWAY_ERROR => "the gateway failed",
            Self::STORAGE_FULL => "storage is full",
            Self::STATE_LOST => "lost when the gateway restarted",
            Self(code) => return StatusCode::new(code).meaning(),
        })
    }
}

impl From<StatusCode> for ResultCode {
    fn from(status: StatusCode) -> Self {
        Self(status.get())
    }
}

/// The number, as in a node.
impl fmt::Display for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.meaning() {
            Some(meaning) => write!(f, "{self} ({meaning})"),
            None => fmt::Display::fmt(self, f),
        }
    }
}
