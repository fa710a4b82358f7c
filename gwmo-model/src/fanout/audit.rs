//! Why the fanout did what it did.

use super::code::ResultCode;
use super::job::{JobNo, Ticket};
use super::target::TargetState;
use crate::device::Serial;

/// A decision, for whoever keeps a log. What goes as asked is not told here; its records say enough.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Audit {
    /// A target ended other than ok.
    Ended {
        /// The last attempt; 0 if there was none.
        ticket: Ticket,
        /// How it ended.
        state: TargetState,
        /// Why.
        code: ResultCode,
    },
    /// An attempt failed, and another one is made after a pause.
    Retry {
        /// The attempt that failed.
        ticket: Ticket,
    },
    /// A result came after the end of its target, which it does not change.
    LateResult {
        /// The attempt it belongs to.
        ticket: Ticket,
        /// What it says.
        code: ResultCode,
    },
    /// A report belonged to nothing that is under way.
    Stale {
        /// The attempt it named.
        ticket: Ticket,
    },
    /// The targets of the next stage may be begun with.
    StageOpened {
        /// The job.
        job: JobNo,
        /// The stage, from 0.
        stage: u8,
        /// How many targets may be begun with in all.
        quota: u32,
    },
    /// More targets failed than may.
    TooManyFailed {
        /// The job.
        job: JobNo,
        /// How many failed.
        failed: u32,
        /// Of how many.
        of: u32,
    },
    /// A device joined a job.
    Joined {
        /// The job.
        job: JobNo,
        /// The device.
        serial: Serial,
    },
}
