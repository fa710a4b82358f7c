//! What a fanout asks of its caller.

use core::ops::Range;

use dm_syncml::{Instant, RecordSeq};

use super::audit::Audit;
use super::code::ResultCode;
use super::job::{JobNo, Ticket};
#[cfg(doc)]
use super::machine::Fanout;
use super::record::FanoutRecord;
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
    /// A job is over and its report is final. Said again after a restart, with the same round, until
    /// [`Fanout::handle_reported`] says that somebody has taken note.
    JobEnded {
        /// The job.
        job: JobNo,
        /// The round: 1, and one more for each time targets were tried again.
        round: u16,
        /// What it came to.
        result: ResultCode,
    },
    /// A job is gone with its results: its time to be kept is over, or there was need of room.
    JobRemoved {
        /// The job.
        job: JobNo,
    },
    /// Store this, then say so by [`Fanout::handle_persisted`]; what it allows comes out then. Whoever keeps nothing
    /// says so at once.
    Persist(RecordSeq, FanoutRecord),
    /// A decision, for whoever keeps a log.
    Audit(Audit),
    /// Nothing else is due before this time, or before the next input if there is none. Always the last output.
    Wait(Option<Instant>),
}
