//! What is stored of learnt servers.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use dm_tree::ServerId;
use thiserror::Error;

use crate::device::Serial;

/// Where a gateway stands with a server it learnt of, with the numbers of the node `State`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum PeerState {
    /// 0: a device named it.
    Seen = 0,
    /// 1: it was asked for a bootstrap.
    Requested = 1,
    /// 2: the gateway is bootstrapped to it.
    Bootstrapped = 2,
    /// 3: it refused, or did not answer often enough.
    Refused = 3,
}

impl PeerState {
    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self as u8
    }
}

/// One change of what is known of servers. Replayed in order onto the last snapshot, records make the same again; those
/// that are in the snapshot already do no harm.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PeersRecord {
    /// Which change this is, counted from 1 over the life of the machine, restarts included.
    pub(super) at: u64,
    pub(super) change: Change,
}

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Change {
    Auto(bool),
    Allowed(ServerId),
    Disallowed(ServerId),
    Learnt(PeerRow),
    /// Another device, or another address.
    Source {
        server: ServerId,
        from: Serial,
        address: Option<Box<str>>,
    },
    State {
        server: ServerId,
        state: PeerState,
        tries: u8,
        left: Option<Duration>,
    },
    Forgotten(ServerId),
}

/// A learnt server as a value.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct PeerRow {
    pub(super) server: ServerId,
    pub(super) state: PeerState,
    pub(super) from: Serial,
    pub(super) address: Option<Box<str>>,
    pub(super) tries: u8,
    pub(super) left: Option<Duration>,
}

/// All that is known of servers as a value, for any store.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PeersSnapshot {
    pub(super) version: u16,
    pub(super) changes: u64,
    pub(super) auto: bool,
    pub(super) allowed: Vec<ServerId>,
    pub(super) known: Vec<PeerRow>,
}

impl PeersSnapshot {
    pub(super) const VERSION: u16 = 2;
}

/// Why a snapshot and its records were not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("{kind}")]
pub struct PeersRestoreError {
    kind: PeersRestoreErrorKind,
}

/// The reasons of a [`PeersRestoreError`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum PeersRestoreErrorKind {
    /// The snapshot was written by another version.
    #[error("unknown version {0}")]
    Version(u16),
    /// The snapshot contradicts itself.
    #[error("snapshot contradicts itself")]
    Inconsistent,
    /// A record does not fit: one before it is missing, or it is of another machine.
    #[error("record {at} does not fit")]
    Misfit {
        /// Which one, counted from 0.
        at: usize,
    },
}

impl PeersRestoreError {
    pub(super) const fn new(kind: PeersRestoreErrorKind) -> Self {
        Self { kind }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> PeersRestoreErrorKind {
        self.kind
    }
}
