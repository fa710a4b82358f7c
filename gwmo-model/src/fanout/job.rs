//! What a job is asked to be, and what it is called.

use alloc::vec::Vec;
use core::fmt;

use dm_syncml::StatusCode;
use dm_tree::ServerId;

use super::operation::Op;
use super::policy::Policy;
use crate::device::Serial;
use crate::identifier::identifier;

identifier! {
    /// The name a server gives its job (`JobID`), at most 64 octets. Adding a job twice under one key adds it once.
    JobKey, 64
}

/// The number a fanout gives a job, shown in decimal from `1` on and never given again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct JobNo(u32);

impl JobNo {
    /// The job with this number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for JobNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for JobNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job {}", self.0)
    }
}

/// One attempt to serve one target of one job.
///
/// Everything that is reported back names it, so that what belongs to an earlier attempt is recognised.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub struct Ticket {
    /// The job.
    pub job: JobNo,
    /// The target.
    pub serial: Serial,
    /// The attempt, from 1 on.
    pub attempt: u16,
}

impl Ticket {
    /// Names an attempt, as when a ticket was kept outside the process.
    #[must_use]
    pub const fn new(job: JobNo, serial: Serial, attempt: u16) -> Self {
        Self { job, serial, attempt }
    }
}

/// How the session with a device ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum SessionEnd {
    /// As the protocol has it.
    Clean,
    /// The transport broke, the device went away, or the session was aborted.
    Lost,
    /// The device refused the gateway as a whole with this Status (to `SyncHdr`), so no command ran.
    Refused(StatusCode),
}

/// A job to be: who wants what done on which devices, and how.
///
/// ```
/// use gwmo_model::{JobKey, JobSpec, Op, Policy, Serial};
/// use dm_tree::ServerId;
///
/// let targets = (1..=3).filter_map(Serial::new);
/// let spec = JobSpec::new(ServerId::new("dms")?, JobKey::new("J7")?, targets, [Op::replace(), Op::exec()])
///     .with_policy(Policy::default().with_retries(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct JobSpec {
    pub(super) owner: ServerId,
    pub(super) key: JobKey,
    pub(super) targets: Vec<Serial>,
    pub(super) detached: Vec<Serial>,
    pub(super) ops: Vec<Op>,
    pub(super) policy: Policy,
}

impl JobSpec {
    /// A job with the default policy. Targets are served in ascending order, each once however often it is named.
    #[must_use]
    pub fn new(
        owner: ServerId,
        key: JobKey,
        targets: impl IntoIterator<Item = Serial>,
        ops: impl IntoIterator<Item = Op>,
    ) -> Self {
        Self {
            owner,
            key,
            targets: sorted(targets),
            detached: Vec::new(),
            ops: ops.into_iter().collect(),
            policy: Policy::default(),
        }
    }

    /// Sets the policy.
    #[must_use]
    pub fn with_policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Names targets that are detached now; later changes are told by
    /// [`Fanout::handle_presence`](crate::Fanout::handle_presence). Others count as attached.
    #[must_use]
    pub fn with_detached(mut self, detached: impl IntoIterator<Item = Serial>) -> Self {
        self.detached = sorted(detached);
        self
    }
}

fn sorted(serials: impl IntoIterator<Item = Serial>) -> Vec<Serial> {
    let mut serials: Vec<Serial> = serials.into_iter().collect();
    serials.sort_unstable();
    serials.dedup();
    serials
}

/// Where a job stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum JobState {
    /// Added, not started.
    Draft,
    /// Being worked on.
    Running,
    /// Cancelled, while devices still owe answers to what was delivered.
    Cancelling,
    /// Over: every target has its outcome.
    Completed,
    /// Over by cancel.
    Cancelled,
    /// Over because its time was up.
    Expired,
}

impl JobState {
    /// The value of a job's `State` node.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Draft => 0,
            Self::Running => 2,
            Self::Cancelling => 4,
            Self::Completed => 5,
            Self::Cancelled => 7,
            Self::Expired => 8,
        }
    }

    /// The state whose `State` node has this value; `None` for a value that this crate does not use.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Draft,
            2 => Self::Running,
            4 => Self::Cancelling,
            5 => Self::Completed,
            7 => Self::Cancelled,
            8 => Self::Expired,
            _ => return None,
        })
    }

    /// Whether nothing more will happen.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled | Self::Expired)
    }
}

/// What became of an order to start or cancel a job.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum OrderReply {
    /// It is being carried out.
    Accepted,
    /// Nothing was left to do: it had been ordered before, or the job is over.
    AlreadyDone,
}

impl OrderReply {
    /// The Status to answer the Exec with: 202 or 200.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Accepted => StatusCode::ACCEPTED,
            Self::AlreadyDone => StatusCode::OK,
        }
    }
}
