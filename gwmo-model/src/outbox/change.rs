//! What an outbox wants stored.

use dm_tree::ServerId;

use super::alert::{AlertBody, AlertSeq, Subscription};

/// One change of an outbox, for storage: see [`Outbox::restore`](super::Outbox::restore).
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct OutboxRecord {
    pub(super) number: u64,
    pub(super) change: Change,
}

impl OutboxRecord {
    /// Counts the changes of the outbox. They follow each other without a gap.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }
}

/// What changes.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Change {
    /// News of devices up to this revision of the inventory were taken.
    Told(u64),
    /// Of one server.
    Desk(ServerId, DeskChange),
}

/// What changes for one server.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum DeskChange {
    Subscribed(Subscription),
    Unsubscribed,
    /// An alert waits. The round is that of a completion, else 0.
    Posted {
        seq: AlertSeq,
        body: AlertBody,
        round: u16,
    },
    /// An alert waits no more: it was acknowledged, or later news made it pointless.
    Removed(AlertSeq),
    /// An alert was dropped for want of room, or for the same reason not taken.
    Dropped(Option<AlertSeq>),
    /// A job is gone, and whatever was known of it.
    JobRemoved(crate::fanout::JobNo),
    /// Nothing is owed to the server any more.
    Forgotten,
}
