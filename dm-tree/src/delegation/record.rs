//! What is stored of negotiations.

use alloc::vec::Vec;
use core::time::Duration;

use super::message::Proposal;
use super::output::NegotiationKey;
use super::stage::DelegationStage;
use crate::server_id::ServerId;

/// The version of records and snapshots that is written, and the only one read.
const VERSION: u16 = 1;

/// One change of what is known of negotiations: the new state of one of them, so replaying it twice does no harm.
///
/// With the feature `serde` it goes into any store. Records are replayed in order on the last snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DelegationRecord {
    version: u16,
    pub(super) is_delegator: bool,
    pub(super) key: NegotiationKey,
    /// `None`: it is forgotten.
    pub(super) state: Option<Stored>,
}

/// All negotiations of one side. With the feature `serde` it goes into any store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DelegationSnapshot {
    version: u16,
    pub(super) own: ServerId,
    pub(super) is_delegator: bool,
    pub(super) negotiations: Vec<(NegotiationKey, Stored)>,
}

/// One negotiation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Stored {
    pub(super) proposal: Proposal,
    /// Whether we proposed it.
    pub(super) is_ours: bool,
    pub(super) stage: DelegationStage,
    /// How much of the patience, or of the memory, is left.
    pub(super) left: Option<Duration>,
}

/// Why a snapshot or a record was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreDelegationError {
    /// It was written by another version.
    #[error("unknown version {0}")]
    Version(u16),
    /// It is one of the other side.
    #[error("written by the other side of a delegation")]
    OtherSide,
}

impl DelegationRecord {
    pub(super) const fn new(is_delegator: bool, key: NegotiationKey, state: Option<Stored>) -> Self {
        Self { version: VERSION, is_delegator, key, state }
    }

    /// The negotiation it is about: what a store that keeps only the last record of each goes by.
    #[must_use]
    pub const fn key(&self) -> &NegotiationKey {
        &self.key
    }

    /// Whether it says that the negotiation is forgotten.
    #[must_use]
    pub const fn is_removal(&self) -> bool {
        self.state.is_none()
    }

    pub(super) const fn check(&self, is_delegator: bool) -> Result<(), RestoreDelegationError> {
        check(self.version, self.is_delegator, is_delegator)
    }
}

impl DelegationSnapshot {
    pub(super) const fn new(
        own: ServerId,
        is_delegator: bool,
        negotiations: Vec<(NegotiationKey, Stored)>,
    ) -> Self {
        Self { version: VERSION, own, is_delegator, negotiations }
    }

    pub(super) const fn check(&self, is_delegator: bool) -> Result<(), RestoreDelegationError> {
        check(self.version, self.is_delegator, is_delegator)
    }
}

const fn check(version: u16, theirs: bool, ours: bool) -> Result<(), RestoreDelegationError> {
    match version {
        VERSION if theirs == ours => Ok(()),
        VERSION => Err(RestoreDelegationError::OtherSide),
        other => Err(RestoreDelegationError::Version(other)),
    }
}
