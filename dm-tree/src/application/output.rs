//! What the keeper of applications wants done.

use dm_syncml::{Instant, RecordSeq};

use super::notice::{Notification, SubscriptionId};
use super::record::ApplicationRecord;
use crate::principal::ApplicationId;

/// What the keeper of applications wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApplicationOutput {
    /// Store this, and report with [`Applications::handle_persisted`](super::Applications::handle_persisted). What comes
    /// of one change of the tree belongs into one entry of the store with the [record](crate::TreeRecord) of that change, so
    /// that both are there after a restart or neither. A store that cannot do that writes this one first: a notification for
    /// nothing does no harm, one that is missing would. Only a rename must not be cut in two, since what was granted follows the node.
    Persist(RecordSeq, ApplicationRecord),
    /// The registration is stored.
    Registered(ApplicationId),
    /// The application is gone for good. Its rights ended when it was unregistered.
    Unregistered(ApplicationId),
    /// The subscription is stored: from its beginning on no change is lost.
    Subscribed(ApplicationId, SubscriptionId),
    /// Tell the application, and when it has taken note report with
    /// [`Applications::handle_acknowledged`](super::Applications::handle_acknowledged). The same notification comes again after a while,
    /// and after a restart, until then.
    Notify(ApplicationId, Notification),
    /// Nothing is due before this time; `None` when nothing is due at all. Always the last one.
    Wait(Option<Instant>),
}
