//! What a job is asked to be, and what it is called.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

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
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
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
    /// The device was busy with something else, and no command ran.
    Busy,
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
    pub(super) trace: Trace,
    pub(super) live: bool,
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
            trace: Trace::default(),
            live: false,
        }
    }

    /// Says which gateways the job has come through. A gateway that finds itself among them refuses the job.
    #[must_use]
    pub fn with_trace(mut self, trace: Trace) -> Self {
        self.trace = trace;
        self
    }

    /// Lets devices join while the job runs ([`Fanout::handle_joined`](crate::Fanout::handle_joined)). Without it
    /// the targets are those of now.
    #[must_use]
    pub const fn with_live_targets(mut self) -> Self {
        self.live = true;
        self
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

/// The gateways a job has come through, the first one first: what keeps jobs from going round in circles.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Trace(Vec<ServerId>);

impl Trace {
    /// Most gateways a job may come through before it reaches a device.
    pub const MAX_DEPTH: usize = 4;

    /// Adds the next gateway.
    #[must_use]
    pub fn through(mut self, gateway: ServerId) -> Self {
        self.0.push(gateway);
        self
    }

    /// The gateways, in order.
    pub fn gateways(&self) -> impl ExactSizeIterator<Item = &ServerId> {
        self.0.iter()
    }

    /// Whether the job was at this gateway.
    #[must_use]
    pub fn contains(&self, gateway: &ServerId) -> bool {
        self.0.contains(gateway)
    }
}

/// When and on what a job starts.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct StartOptions {
    pub(super) after: Duration,
    pub(super) gated: bool,
    pub(super) correlator: Option<Box<str>>,
}

impl StartOptions {
    /// At once.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Not before this much time is over: what a wall clock says is left until `StartAt`. When the wall clock is set
    /// meanwhile, [`Fanout::handle_reschedule`](crate::Fanout::handle_reschedule) takes the new rest.
    #[must_use]
    pub const fn after(mut self, rest: Duration) -> Self {
        self.after = rest;
        self
    }

    /// Not before [`Fanout::handle_gate`](crate::Fanout::handle_gate) says that everything the job needs is there,
    /// such as its images.
    #[must_use]
    pub const fn gated(mut self) -> Self {
        self.gated = true;
        self
    }

    /// Keeps what came with the order to start, for the report of the end.
    #[must_use]
    pub fn with_correlator(mut self, correlator: &str) -> Self {
        self.correlator = Some(correlator.into());
        self
    }
}

/// Where a job stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum JobState {
    /// Added, not started.
    Draft,
    /// Started, but its time has not come or something it needs is not there.
    Scheduled,
    /// Being worked on.
    Running,
    /// No device is begun with; those in flight go on.
    Paused,
    /// Cancelled or stopped, while devices still owe answers to what was delivered.
    Cancelling,
    /// Over: every target has its outcome.
    Completed,
    /// Over, since too many targets failed, or its owner may not reach any device any more.
    Aborted,
    /// Over by cancel.
    Cancelled,
    /// Over because its time was up.
    Expired,
    /// Over before it began, since something it needs could not be had.
    Error,
}

impl JobState {
    /// The value of a job's `State` node.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Draft => 0,
            Self::Scheduled => 1,
            Self::Running => 2,
            Self::Paused => 3,
            Self::Cancelling => 4,
            Self::Completed => 5,
            Self::Aborted => 6,
            Self::Cancelled => 7,
            Self::Expired => 8,
            Self::Error => 9,
        }
    }

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Scheduled => "scheduled",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Cancelling => "cancelling",
            Self::Completed => "completed",
            Self::Aborted => "aborted",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Error => "error",
        }
    }

    /// The state whose `State` node has this value; `None` for a value that this crate does not use.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Draft,
            1 => Self::Scheduled,
            2 => Self::Running,
            3 => Self::Paused,
            4 => Self::Cancelling,
            5 => Self::Completed,
            6 => Self::Aborted,
            7 => Self::Cancelled,
            8 => Self::Expired,
            9 => Self::Error,
            _ => return None,
        })
    }

    /// Whether its targets are on their way.
    pub(super) const fn is_under_way(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Cancelling)
    }

    /// Whether nothing more will happen by itself.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Aborted | Self::Cancelled | Self::Expired | Self::Error)
    }
}

/// What became of an order to start, pause, resume or cancel a job.
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
