//! What an application is told.

use alloc::vec::Vec;
use core::fmt;

use super::place::is_at_or_below;
use crate::uri::NodeUri;

/// Names a subscription; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct SubscriptionId(u64);

impl SubscriptionId {
    /// The subscription with this number, as the platform kept it.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for SubscriptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Numbers the notifications of one subscription, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct NotificationSeq(pub(super) u64);

impl NotificationSeq {
    /// The notification with this number, as the application kept it.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// What has changed in an instance since the application last acknowledged. What it says of a node is what the application
/// finds when it reads now, or would have, had nothing changed since; it never says what a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    pub(super) subscription: SubscriptionId,
    pub(super) seq: NotificationSeq,
    pub(super) instance: NodeUri<'static>,
    pub(super) batch: Batch,
}

impl Notification {
    /// Which subscription it is for.
    #[must_use]
    pub const fn subscription(&self) -> SubscriptionId {
        self.subscription
    }

    /// Its number, to be acknowledged. One that comes again has the same.
    #[must_use]
    pub const fn seq(&self) -> NotificationSeq {
        self.seq
    }

    /// Where the instance is now.
    #[must_use]
    pub const fn instance(&self) -> &NodeUri<'static> {
        &self.instance
    }

    /// Whether so much has changed that the whole instance is to be read again; there are no notices then.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.batch.is_whole
    }

    /// What has changed, in the order in which it began to; one notice for each address.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.batch.notices
    }
}

/// What has become of one address.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Notice {
    pub(super) uri: NodeUri<'static>,
    pub(super) kind: NoticeKind,
}

impl Notice {
    /// The address.
    #[must_use]
    pub const fn uri(&self) -> &NodeUri<'static> {
        &self.uri
    }

    /// What has become of it.
    #[must_use]
    pub const fn kind(&self) -> &NoticeKind {
        &self.kind
    }
}

/// What has become of a node since the application last took note.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum NoticeKind {
    /// It is new, and so is what is below it.
    Added,
    /// It has another value or title, or, an interior node, other nodes below it.
    Replaced,
    /// It is gone, with everything below it.
    Removed,
    /// The instance has another address now, and is to be read again there as a whole.
    Moved {
        /// Where it was when the application last knew.
        from: NodeUri<'static>,
    },
}

/// Notices that are collected: at most one for each address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Batch {
    notices: Vec<Notice>,
    is_whole: bool,
}

impl Batch {
    pub(super) const fn is_empty(&self) -> bool {
        self.notices.is_empty() && !self.is_whole
    }

    /// Adds what happened to what is known; beyond `max` addresses nothing is told apart any more.
    pub(super) fn push(&mut self, notice: Notice, max: usize) {
        if self.is_whole {
            return;
        }
        if notice.kind == NoticeKind::Removed {
            // What happened to the nodes below it does not matter any more.
            self.notices.retain(|known| known.uri == notice.uri || !is_at_or_below(&known.uri, &notice.uri));
        }
        if let NoticeKind::Moved { from } = &notice.kind {
            // All of it is to be read again, at the new address; the oldest one is the one that is known.
            let first = self.notices.iter().find_map(|known| match &known.kind {
                NoticeKind::Moved { from } => Some(from.clone()),
                _ => None,
            });
            let from = first.unwrap_or_else(|| from.clone());
            self.notices = Vec::from([Notice { uri: notice.uri, kind: NoticeKind::Moved { from } }]);
            return;
        }
        let Some(at) = self.notices.iter().position(|known| known.uri == notice.uri) else {
            self.notices.push(notice);
            if self.notices.len() > max {
                self.make_whole();
            }
            return;
        };
        let known = &mut self.notices[at].kind;
        let kind = match (core::mem::replace(known, NoticeKind::Replaced), notice.kind) {
            // What was moved is not where it was, whatever else has become of it.
            (moved @ NoticeKind::Moved { .. }, _) => moved,
            // Also of what was added: the application may have read it in between.
            (_, NoticeKind::Removed) => NoticeKind::Removed,
            (NoticeKind::Added, _) => NoticeKind::Added,
            _ => NoticeKind::Replaced,
        };
        self.notices[at].kind = kind;
    }

    /// Everything may have changed.
    pub(super) fn make_whole(&mut self) {
        self.notices = Vec::new();
        self.is_whole = true;
    }

    #[cfg(test)]
    fn kinds(&self) -> Vec<(&str, &NoticeKind)> {
        self.notices.iter().map(|notice| (notice.uri.as_str(), &notice.kind)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(notices: &[(&str, NoticeKind)]) -> Batch {
        let mut batch = Batch::default();
        for (uri, kind) in notices {
            let uri = NodeUri::parse(uri).unwrap().into_owned();
            batch.push(Notice { uri, kind: kind.clone() }, 4);
        }
        batch
    }

    #[test]
    fn one_notice_for_each_address() {
        use NoticeKind::{Added, Removed, Replaced};
        let table: [(&[_], &[_]); 8] = [
            (
                &[("./a", Replaced), ("./b", Replaced), ("./a", Replaced)],
                &[("./a", Replaced), ("./b", Replaced)],
            ),
            (&[("./a", Added), ("./a", Replaced)], &[("./a", Added)]),
            (&[("./a", Added), ("./a", Removed)], &[("./a", Removed)]),
            (&[("./a", Replaced), ("./a", Removed)], &[("./a", Removed)]),
            (&[("./a", Removed), ("./a", Added)], &[("./a", Replaced)]),
            (&[("./a/b", Replaced), ("./ab", Added), ("./a", Removed)], &[("./ab", Added), ("./a", Removed)]),
            (&[("./a", Removed), ("./a/b", Added)], &[("./a", Removed), ("./a/b", Added)]),
            (&[("./%61", Replaced), ("./a", Removed)], &[("./%61", Removed)]),
        ];
        for (notices, expected) in table {
            let batch = batch(notices);
            let expected: Vec<_> = expected.iter().map(|(uri, kind)| (*uri, kind)).collect();
            assert_eq!(batch.kinds(), expected, "{notices:?}");
            assert_eq!(batch.is_empty(), expected.is_empty());
        }
    }

    #[test]
    fn more_than_fits_is_everything() {
        let all: Vec<_> =
            ["./a", "./b", "./c", "./d", "./e"].map(|uri| (uri, NoticeKind::Replaced)).into_iter().collect();
        assert_eq!(batch(&all[..4]).kinds().len(), 4);
        let whole = batch(&all);
        assert!(whole.is_whole && whole.notices.is_empty() && !whole.is_empty());
    }
}
