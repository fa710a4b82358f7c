//! Alerts that wait until a server has taken them.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use crate::model::Alert;

/// Generic alerts and client events that wait until a server has taken them, over as many sessions as it takes.
///
/// A session is given one when it begins, sends what is in it, and has what is left when it ends
/// ([`ClientSession::into_alerts`](super::ClientSession::into_alerts)). What is queued in a session and what a server has taken is told by
/// [`Record::AlertQueued`](crate::session::Record::AlertQueued) and [`Record::AlertDone`](crate::session::Record::AlertDone), from which a
/// queue is [restored](Self::restore) after a restart.
///
/// ```
/// use dm_syncml::session::{AlertQueue, GenericAlert};
/// use dm_syncml::{CmdId, Data, Format};
///
/// let mut queue = AlertQueue::new();
/// let low = GenericAlert::new("com.example.battery", Format::INT, Data::text("7")?)?;
/// let id = queue.push(low.to_alert(CmdId::new("1")?));
/// assert_eq!(queue.iter().count(), 1);
/// assert!(queue.remove(id).is_some());
/// # Ok::<(), dm_syncml::ValueError>(())
/// ```
///
/// It grows with what its owner puts in; a server cannot make it grow.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AlertQueue {
    pub(super) next: u64,
    alerts: BTreeMap<AlertId, Alert<'static>>,
}

/// Names an alert in its queue; never used twice.
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AlertId(u64);

impl AlertId {
    /// The id with this number, as it was stored.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number: the first alert of a queue has 0.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl AlertQueue {
    /// Nothing waits.
    #[must_use]
    pub const fn new() -> Self {
        Self { next: 0, alerts: BTreeMap::new() }
    }

    /// A queue with what was stored.
    pub fn restore(alerts: impl IntoIterator<Item = (AlertId, Alert<'static>)>) -> Self {
        let alerts: BTreeMap<_, _> = alerts.into_iter().collect();
        let next = alerts.last_key_value().map_or(0, |(id, _)| id.0.saturating_add(1));
        Self { next, alerts }
    }

    /// Adds an alert. Its CmdID does not matter: it gets another in each message.
    pub fn push(&mut self, alert: Alert<'static>) -> AlertId {
        let id = AlertId(self.next);
        self.next = self.next.saturating_add(1);
        self.alerts.insert(id, alert);
        id
    }

    /// Takes one out.
    pub fn remove(&mut self, id: AlertId) -> Option<Alert<'static>> {
        self.alerts.remove(&id)
    }

    /// What waits, in the order it came.
    pub fn iter(&self) -> impl Iterator<Item = (AlertId, &Alert<'static>)> {
        self.alerts.iter().map(|(id, alert)| (*id, alert))
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.alerts.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.alerts.is_empty()
    }
}

/// Numbered from 0, in their order.
impl From<Vec<Alert<'static>>> for AlertQueue {
    fn from(alerts: Vec<Alert<'static>>) -> Self {
        Self::restore((0..).map(AlertId).zip(alerts))
    }
}
