//! How far a negotiation is.

use super::message::{EndReason, RefuseReason};

/// How far a negotiation, or the delegation that came of it, is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum DelegationStage {
    /// The other server has proposed it, and it is to be decided here.
    Deciding,
    /// It was proposed to the other server.
    Proposed,
    /// Of a delegatee: the offer was taken, and the delegator has not gone ahead.
    Accepted,
    /// Of a delegator: the device is being changed.
    Granting,
    /// Of a delegatee: the delegator has gone ahead.
    Promised,
    /// Of a delegator: the device has been changed, and the delegatee not taken it up.
    Granted,
    /// Of a delegatee: it is being found out whether the device has been changed.
    TakingUp,
    /// The delegation is in force.
    InForce,
    /// Of a delegatee: it is being given back.
    Relinquishing,
    /// Of a delegator: the device is being changed back; whether the delegatee is to be told then.
    Undoing(EndReason, bool),
    /// Of a delegator: the delegatee is being told that it has ended.
    Ending(EndReason),
    /// It came to nothing, and is remembered for a while.
    Refused(RefuseReason),
    /// It has ended, and is remembered for a while.
    Over(EndReason),
}

impl DelegationStage {
    /// Whether nothing more will come of it.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Refused(_) | Self::Over(_))
    }

    /// Whether somebody is waited for whose patience has a limit.
    pub(super) const fn is_limited(self) -> bool {
        matches!(self, Self::Deciding | Self::Proposed | Self::Accepted | Self::Granted | Self::Ending(_))
    }
}
