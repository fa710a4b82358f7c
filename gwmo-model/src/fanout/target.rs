//! One target of a job: where it stands, and what is kept of it.

use core::fmt;

use super::ledger::Uniform;
use crate::device::Serial;

/// Where a target stands: on its way, or at one of eight honest ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum TargetState {
    /// Waiting for its turn.
    Queued,
    /// Waiting until the device is attached, or awake.
    WaitAttach,
    /// Notified, session awaited. Holds a slot of the window.
    Notifying,
    /// In session. Holds a slot of the window.
    InSession,
    /// Everything was answered or accepted, and what was accepted is not reported as done. Holds no slot.
    AwaitAsync,
    /// Waiting before the next attempt.
    Backoff,
    /// Every operation was done.
    Ok,
    /// The device answered, and at least one answer is an error.
    Failed,
    /// There was a session, but not every answer came; nothing that must not be repeated is in doubt. Or the
    /// time of the job was over before the device had its turn.
    TimedOut,
    /// The device never answered a notification.
    Unreachable,
    /// The device refused the gateway: 401, 407 or 425.
    Refused,
    /// Something that must not be repeated was delivered and never answered: it may have run or not.
    Indeterminate,
    /// The gateway left the device out, or was not allowed to serve it.
    Skipped,
    /// Cancelled; nothing that was delivered is in doubt.
    Cancelled,
}

impl TargetState {
    /// Every state, in the order of the enum.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Queued,
        Self::WaitAttach,
        Self::Notifying,
        Self::InSession,
        Self::AwaitAsync,
        Self::Backoff,
        Self::Ok,
        Self::Failed,
        Self::TimedOut,
        Self::Unreachable,
        Self::Refused,
        Self::Indeterminate,
        Self::Skipped,
        Self::Cancelled,
    ];

    pub(super) const COUNT: usize = 14;

    pub(super) const fn index(self) -> usize {
        self as usize
    }

    /// Whether the target is at its end.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        self.index() >= Self::Ok.index()
    }

    /// Whether the device, rather than an order or a policy, kept the job from being done.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(
            self,
            Self::Failed | Self::TimedOut | Self::Unreachable | Self::Refused | Self::Indeterminate
        )
    }

    /// Whether it waits for something else than an answer of the device.
    pub(super) const fn is_waiting(self) -> bool {
        matches!(self, Self::Queued | Self::WaitAttach | Self::Backoff)
    }

    /// Whether the target holds a slot of the window.
    #[must_use]
    pub const fn is_in_flight(self) -> bool {
        matches!(self, Self::Notifying | Self::InSession)
    }

    /// The value of a record's `State` node: 10 and above are terminal.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Queued => 0,
            Self::WaitAttach => 1,
            Self::Notifying => 2,
            Self::InSession => 3,
            Self::AwaitAsync => 4,
            Self::Backoff => 5,
            Self::Ok => 10,
            Self::Failed => 11,
            Self::TimedOut => 12,
            Self::Skipped => 13,
            Self::Cancelled => 14,
            Self::Indeterminate => 15,
            Self::Unreachable => 16,
            Self::Refused => 17,
        }
    }

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::WaitAttach => "waiting for attach",
            Self::Notifying => "notifying",
            Self::InSession => "in session",
            Self::AwaitAsync => "awaiting the result",
            Self::Backoff => "backoff",
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::TimedOut => "timed out",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::Indeterminate => "indeterminate",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for TargetState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A target as it is kept: small, since there are many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) serial: Serial,
    /// When the state last changed, in milliseconds after the job was added.
    pub(super) since: u32,
    /// What is known of its operations: an entry of the outcomes, or of the lives if [`LIVE`].
    pub(super) link: u32,
    pub(super) tries: u16,
    /// The code of its end.
    pub(super) code: u16,
    /// What became of every operation, if that is the same for all of them and there is no link.
    pub(super) status: u16,
    flags: u16,
    pub(super) state: TargetState,
    pub(super) uniform: Uniform,
}

/// The device is detached, as far as we were told.
pub(super) const AWAY: u16 = 1;
/// The device was in session for this job.
pub(super) const MET: u16 = 1 << 1;
/// The job was cancelled while the device owed answers.
pub(super) const CANCELLED: u16 = 1 << 2;
/// It was begun with in this round.
pub(super) const STARTED: u16 = 1 << 3;
/// The dispatcher will come across it among those that were not begun with.
pub(super) const LISTED: u16 = 1 << 4;
/// The dispatcher will come across it among those that were.
pub(super) const AGAIN: u16 = 1 << 5;
/// The dispatcher will come across it among those in session.
pub(super) const READY: u16 = 1 << 6;
/// It ended in an earlier round, and is no part of this one.
pub(super) const OLD: u16 = 1 << 7;
/// A result came after the end.
pub(super) const LATE: u16 = 1 << 8;
/// `link` is an entry of the lives.
pub(super) const LIVE: u16 = 1 << 9;

/// The flags that say something about the target, and not about where the machine keeps it.
pub(super) const FACTS: u16 = AWAY | MET | CANCELLED | STARTED | OLD | LATE;

impl Target {
    pub(super) const fn new(serial: Serial, since: u32) -> Self {
        Self {
            serial,
            since,
            link: NONE,
            tries: 0,
            code: 0,
            status: 0,
            flags: 0,
            state: TargetState::Queued,
            uniform: Uniform::Unsent,
        }
    }

    pub(super) const fn is(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    pub(super) const fn set(&mut self, flag: u16, on: bool) {
        if on {
            self.flags |= flag;
        } else {
            self.flags &= !flag;
        }
    }

    pub(super) const fn flags(&self) -> u16 {
        self.flags
    }

    /// Where it is among the lives.
    pub(super) const fn live(&self) -> Option<u32> {
        if self.is(LIVE) { Some(self.link) } else { None }
    }

    /// Where it is among the outcomes.
    pub(super) const fn outcome(&self) -> Option<u32> {
        if self.is(LIVE) || self.link == NONE { None } else { Some(self.link) }
    }
}

/// No entry.
pub(super) const NONE: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_enough_for_many() {
        assert!(size_of::<Target>() <= 24, "{}", size_of::<Target>());
        assert!(size_of::<super::super::ledger::Slot>() <= 16);
        assert!(size_of::<super::super::lives::Live>() <= 48);
        assert!(size_of::<super::super::FanoutRecord>() <= 32);
    }
}
