//! What is stored of applications.

use alloc::vec::Vec;

use super::grant::Grants;
use super::identity::ApplicationIdentity;
use super::notice::{Batch, NotificationSeq, SubscriptionId};
use crate::principal::ApplicationId;
use crate::uri::NodeUri;

/// The version of records and snapshots that is written, and the only one read.
const VERSION: u16 = 1;

/// One change of what is known of applications: the new state of what changed, so replaying it twice does no harm.
///
/// With the feature `serde` it goes into any store. Records are replayed in order on the last snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ApplicationRecord {
    version: u16,
    pub(super) entry: Entry,
}

/// All that is known of applications. With the feature `serde` it goes into any store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ApplicationsSnapshot {
    version: u16,
    pub(super) next_subscription: u64,
    pub(super) registrations: Vec<Registration>,
    pub(super) subscriptions: Vec<(SubscriptionId, Subscription)>,
}

/// A record or snapshot was written by a version that is not known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown version {0}")]
pub struct UnknownVersion(pub(crate) u16);

#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Entry {
    Registered(Registration),
    Unregistered(ApplicationId),
    Subscription(SubscriptionId, Subscription),
    Unsubscribed(SubscriptionId),
}

/// An application that was admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Registration {
    pub(crate) id: ApplicationId,
    pub(super) identity: ApplicationIdentity,
    pub(crate) grants: Grants,
}

/// What an application wants to hear of, and what it is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Subscription {
    pub(super) application: ApplicationId,
    pub(super) instance: NodeUri<'static>,
    /// Of the notification that is out, or was last.
    pub(super) seq: NotificationSeq,
    /// Was told and not acknowledged.
    pub(super) told: Option<Batch>,
    /// Is to be told next.
    pub(super) next: Batch,
}

impl ApplicationRecord {
    pub(super) const fn new(entry: Entry) -> Self {
        Self { version: VERSION, entry }
    }

    pub(super) const fn check(&self) -> Result<(), UnknownVersion> {
        if self.version == VERSION { Ok(()) } else { Err(UnknownVersion(self.version)) }
    }
}

impl ApplicationsSnapshot {
    pub(super) const fn new(
        next_subscription: u64,
        registrations: Vec<Registration>,
        subscriptions: Vec<(SubscriptionId, Subscription)>,
    ) -> Self {
        Self { version: VERSION, next_subscription, registrations, subscriptions }
    }

    pub(super) const fn check(&self) -> Result<(), UnknownVersion> {
        if self.version == VERSION { Ok(()) } else { Err(UnknownVersion(self.version)) }
    }
}
