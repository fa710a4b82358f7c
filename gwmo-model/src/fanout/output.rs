//! What a fanout asks of its caller.

use core::ops::Range;

use dm_syncml::Instant;

use super::code::ResultCode;
use super::job::{JobNo, Ticket};
#[cfg(doc)]
use super::machine::Fanout;
use crate::device::Serial;

/// What a fanout wants done or known.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FanoutOutput {
    /// Notify the device, and report with [`Fanout::handle_notify_sent`] or [`Fanout::handle_notify_failed`]; or,
    /// if the owner of the job may not do this to the device, with [`Fanout::handle_denied`] and do nothing.
    Notify {
        /// The attempt.
        ticket: Ticket,
    },
    /// Send these operations in the device's open session and report each answer with [`Fanout::handle_answer`];
    /// or, if the owner of the job may not, call [`Fanout::handle_denied`] and send nothing.
    Deliver {
        /// The attempt.
        ticket: Ticket,
        /// Which operations, by index; never one that was answered.
        ops: Range<u16>,
    },
    /// Give up the session of this device: it was silent for too long. No answer to this is needed.
    Abort {
        /// The device.
        serial: Serial,
    },
    /// Something about a job changed; said once, however much did.
    JobChanged {
        /// The job.
        job: JobNo,
    },
    /// A job is over and its report is final.
    JobEnded {
        /// The job.
        job: JobNo,
        /// What it came to: 1200, 1201 or 1202.
        result: ResultCode,
    },
    /// Nothing else is due before this time, or before the next input if there is none. Always the last output.
    Wait(Option<Instant>),
}
