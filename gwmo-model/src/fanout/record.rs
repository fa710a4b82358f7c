//! What must be stored before it has an effect outside.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;
use core::time::Duration;

use dm_tree::ServerId;

use super::code::ResultCode;
use super::job::{JobKey, JobNo, JobState, StartOptions, Ticket, Trace};
use super::operation::Op;
use super::policy::Policy;
use super::report::Counters;
use super::target::TargetState;
use crate::device::Serial;

/// One step of a fanout, small enough to be written for each. Replayed onto the last
/// [`FanoutSnapshot`](crate::FanoutSnapshot), the records after it give the same fanout again. What they hold is
/// checked when they are read back, and of no use to anybody else.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FanoutRecord(pub(super) Step);

impl FanoutRecord {
    /// The job it is about.
    #[must_use]
    pub const fn job(&self) -> JobNo {
        self.0.job()
    }

    /// The attempt it is about, if it is about one.
    #[must_use]
    pub const fn ticket(&self) -> Option<Ticket> {
        match &self.0 {
            Step::Dispatched(ticket)
            | Step::Delivered(ticket, _)
            | Step::Answered { ticket, .. }
            | Step::ChildAccepted(ticket, _)
            | Step::Recalled(ticket, _)
            | Step::Awaiting(ticket)
            | Step::Lost { ticket, .. } => Some(*ticket),
            _ => None,
        }
    }

    /// The operations that are delivered as soon as this is stored.
    #[must_use]
    pub fn delivers(&self) -> Option<(Ticket, Range<u16>)> {
        match &self.0 {
            Step::Delivered(ticket, ops) => Some((*ticket, ops.clone())),
            _ => None,
        }
    }

    /// The attempt that begins as soon as this is stored.
    #[must_use]
    pub const fn dispatches(&self) -> Option<Ticket> {
        match &self.0 {
            Step::Dispatched(ticket) => Some(*ticket),
            _ => None,
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Step {
    Added(JobNo, Box<Draft>),
    Started(JobNo, Box<StartOptions>),
    /// What a scheduled or paused job waited for is there.
    Running(JobNo),
    Dispatched(Ticket),
    Delivered(Ticket, Range<u16>),
    Answered {
        ticket: Ticket,
        op: u16,
        status: u16,
        same_value: bool,
        /// The report about what was accepted before.
        finished: bool,
        data: Option<Box<Returned>>,
    },
    /// A gateway has begun with what it was given, and reports later.
    ChildAccepted(Ticket, u16),
    /// Operations (or one) that were handed out were not sent.
    Recalled(Ticket, Option<u16>),
    Awaiting(Ticket),
    /// The attempt is over, and the next comes after this pause.
    Lost {
        ticket: Ticket,
        wait: Duration,
        met: bool,
    },
    Ended {
        /// The last attempt; 0 if there was none.
        ticket: Ticket,
        state: TargetState,
        code: ResultCode,
        flags: u16,
    },
    Late(JobNo, Serial),
    Child(JobNo, Serial, Box<Counters>),
    /// Whether it is detached.
    Joined(JobNo, Serial, bool),
    /// Whether a target is detached now.
    Away(JobNo, Serial, bool),
    Stage(JobNo, u8),
    Adjusted(JobNo, Box<Policy>),
    Paused(JobNo),
    /// Cancelled or stopped, with this code.
    Ending(JobNo, ResultCode),
    LimitHit(JobNo),
    Retried(JobNo, Box<Round>),
    JobEnded(JobNo, JobState),
    Reported(JobNo),
    Removed(JobNo),
}

impl Step {
    pub(super) const fn job(&self) -> JobNo {
        match self {
            Self::Dispatched(ticket)
            | Self::Delivered(ticket, _)
            | Self::Answered { ticket, .. }
            | Self::ChildAccepted(ticket, _)
            | Self::Recalled(ticket, _)
            | Self::Awaiting(ticket)
            | Self::Lost { ticket, .. }
            | Self::Ended { ticket, .. } => ticket.job,
            Self::Added(job, _)
            | Self::Started(job, _)
            | Self::Running(job)
            | Self::Late(job, _)
            | Self::Child(job, ..)
            | Self::Joined(job, ..)
            | Self::Away(job, ..)
            | Self::Stage(job, _)
            | Self::Adjusted(job, _)
            | Self::Paused(job)
            | Self::Ending(job, _)
            | Self::LimitHit(job)
            | Self::Retried(job, _)
            | Self::JobEnded(job, _)
            | Self::Reported(job)
            | Self::Removed(job) => *job,
        }
    }
}

/// What a device returned, as it was stored.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Returned {
    pub(super) data: Option<Vec<u8>>,
    pub(super) format: Option<Box<str>>,
    pub(super) media_type: Option<Box<str>>,
    /// Octets there were room for.
    pub(super) room: u32,
    /// Octets of data before they were cut.
    pub(super) size: usize,
}

/// The targets of the next round.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Round {
    pub(super) targets: Vec<Serial>,
    /// Those of them that are detached.
    pub(super) detached: Vec<Serial>,
}

/// A job as it was added.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Draft {
    pub(super) owner: ServerId,
    pub(super) key: JobKey,
    pub(super) ops: Vec<Op>,
    pub(super) policy: Policy,
    pub(super) trace: Trace,
    pub(super) live: bool,
    pub(super) targets: Vec<Serial>,
    pub(super) detached: Vec<Serial>,
}
