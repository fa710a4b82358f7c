//! One group: what says who is in it, and who is.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;

use crate::device::{DeviceId, Serial};
use crate::fanout::JobKey;
use crate::inventory::SerialSet;
use crate::selector::Selector;

use super::GroupId;

/// How a group says who is in it (`Kind`). Other groups can be in a group of every kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum GroupKind {
    /// By a list.
    Static,
    /// By a rule.
    Rule,
    /// By either.
    Both,
}

impl GroupKind {
    /// The value of a `Kind` node: 0 static, 1 rule, 2 both.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// One group: (listed ∪ matching the rule ∪ members of nested groups) − barred.
#[derive(Clone, Debug)]
pub struct Group {
    pub(super) id: GroupId,
    pub(super) label: Option<Box<str>>,
    pub(super) from_job: Option<JobKey>,
    pub(super) max: Option<u32>,
    pub(super) listed: BTreeSet<DeviceId>,
    pub(super) barred: BTreeSet<DeviceId>,
    pub(super) rule: Option<Selector>,
    pub(super) nested: BTreeSet<GroupId>,
    pub(super) rev: u64,
    pub(super) state: State,
}

/// What follows from the definition and the inventory.
#[derive(Clone, Default, Debug)]
pub(super) struct State {
    /// The groups nested in it, and those it is nested in.
    pub(super) children: BTreeSet<u32>,
    pub(super) parents: BTreeSet<u32>,
    /// Above all groups nested in it.
    pub(super) height: u8,
    pub(super) by_list: SerialSet,
    pub(super) by_rule: SerialSet,
    pub(super) kept_out: SerialSet,
    pub(super) members: SerialSet,
}

impl Group {
    pub(super) fn new(id: GroupId, from_job: Option<JobKey>, rev: u64) -> Self {
        Self {
            id,
            label: None,
            from_job,
            max: None,
            listed: BTreeSet::new(),
            barred: BTreeSet::new(),
            rule: None,
            nested: BTreeSet::new(),
            rev,
            state: State::default(),
        }
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> &GroupId {
        &self.id
    }

    /// What people call it.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// The job whose outcome it was made from.
    #[must_use]
    pub const fn from_job(&self) -> Option<&JobKey> {
        self.from_job.as_ref()
    }

    /// How it says who is in it.
    #[must_use]
    pub fn kind(&self) -> GroupKind {
        match (&self.rule, self.listed.is_empty()) {
            (None, _) => GroupKind::Static,
            (Some(_), true) => GroupKind::Rule,
            (Some(_), false) => GroupKind::Both,
        }
    }

    /// The rule.
    #[must_use]
    pub const fn rule(&self) -> Option<&Selector> {
        self.rule.as_ref()
    }

    /// Most members it may have; beyond that it cannot be the target of anything.
    #[must_use]
    pub const fn max(&self) -> Option<u32> {
        self.max
    }

    /// The devices that are listed, registered or not, in the order of their identifiers.
    pub fn listed(&self) -> impl DoubleEndedIterator<Item = &DeviceId> + ExactSizeIterator {
        self.listed.iter()
    }

    /// Whether a device is listed.
    #[must_use]
    pub fn lists(&self, device: &DeviceId) -> bool {
        self.listed.contains(device)
    }

    /// The devices that are kept out, registered or not, in the order of their identifiers.
    pub fn barred(&self) -> impl DoubleEndedIterator<Item = &DeviceId> + ExactSizeIterator {
        self.barred.iter()
    }

    /// The groups that are nested in it, in the order of their names.
    pub fn nested(&self) -> impl DoubleEndedIterator<Item = &GroupId> + ExactSizeIterator {
        self.nested.iter()
    }

    /// The registered devices that are in it, by ascending serial.
    pub fn members(&self) -> impl Iterator<Item = Serial> {
        self.state.members.iter()
    }

    /// Whether a registered device is in it.
    #[must_use]
    pub fn contains(&self, serial: Serial) -> bool {
        self.state.members.contains(serial)
    }

    /// How many registered devices are in it.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.state.members.len()
    }

    /// Changes with every change of the group or its members, and with a restart; never the same again, even if the group
    /// is made anew.
    #[must_use]
    pub const fn rev(&self) -> u64 {
        self.rev
    }
}
