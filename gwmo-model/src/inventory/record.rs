//! What is known of one device.

use alloc::boxed::Box;

use dm_syncml::Instant;

use crate::device::{DeviceId, Serial};

/// Whether a registered device is there: the two values of GwMO-DI-003.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum AttachStatus {
    /// The device is there.
    Attached,
    /// The device is registered, but not there.
    Detached,
}

impl AttachStatus {
    /// The value of an `AttachStatus` node: 1 attached, 2 detached.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Attached => 1,
            Self::Detached => 2,
        }
    }
}

/// Why a device is no longer there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum DetachReason {
    /// It said goodbye, or its link went down.
    Left,
    /// It gave no sign of life for its lifetime.
    Timeout,
    /// It is attached somewhere else now.
    Moved,
    /// It was deleted from the inventory.
    Forgotten,
}

impl DetachReason {
    /// Every reason, in the order of the enum.
    pub const ALL: [Self; 4] = [Self::Left, Self::Timeout, Self::Moved, Self::Forgotten];

    /// The word for it, as alerts carry it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Timeout => "timeout",
            Self::Moved => "moved",
            Self::Forgotten => "forgotten",
        }
    }
}

/// A text known of a device, besides its identifier.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Fact {
    /// The address on the gateway's side.
    LocalAddress,
    /// The publicly routable address, if there is one (GwMO use case B.1).
    PublicAddress,
    /// What the device speaks, such as `dm/1.2` or `zigbee`.
    Protocol,
    /// `Man` of DevInfo.
    Manufacturer,
    /// `Mod` of DevInfo.
    Model,
    /// `HwV` of DevDetail.
    Hardware,
    /// `FwV` of DevDetail.
    Firmware,
    /// `SwV` of DevDetail.
    Software,
}

impl Fact {
    /// Every fact, in the order of the enum.
    pub const ALL: [Self; Self::COUNT] = [
        Self::LocalAddress,
        Self::PublicAddress,
        Self::Protocol,
        Self::Manufacturer,
        Self::Model,
        Self::Hardware,
        Self::Firmware,
        Self::Software,
    ];

    pub(crate) const COUNT: usize = 8;

    const fn index(self) -> usize {
        self as usize
    }
}

/// What a device looks like when it is seen: its epoch, and what it tells of itself.
///
/// A fact that is not given stays as it was known; an empty one is forgotten.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Sighting<'a> {
    epoch: u64,
    facts: [Option<&'a str>; Fact::COUNT],
}

impl<'a> Sighting<'a> {
    /// A sighting in this epoch: the device's own count of its attachments, by which gateways agree who has it
    /// last (GwMO-HLF-002). Devices that do not count are always seen in epoch 0.
    #[must_use]
    pub const fn new(epoch: u64) -> Self {
        Self { epoch, facts: [None; Fact::COUNT] }
    }

    /// Adds a fact.
    #[must_use]
    pub const fn with(mut self, fact: Fact, value: &'a str) -> Self {
        self.facts[fact.index()] = Some(value);
        self
    }

    /// The epoch.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn facts(&self) -> impl Iterator<Item = (Fact, &'a str)> {
        Fact::ALL.into_iter().filter_map(|fact| Some((fact, self.facts[fact.index()]?)))
    }
}

/// The record of one registered device.
#[derive(Clone, Debug)]
pub struct DeviceRecord {
    pub(super) serial: Serial,
    pub(super) id: DeviceId,
    pub(super) presence: Presence,
    pub(super) since: Instant,
    pub(super) seen: Instant,
    pub(super) epoch: u64,
    pub(super) facts: [Option<Box<str>>; Fact::COUNT],
}

/// The presence of a device with what decides about its next sighting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Presence {
    /// Registered, never seen.
    Expected,
    Attached,
    /// Seen before. After `Moved` only a later epoch brings it back.
    Detached(DetachReason),
}

impl DeviceRecord {
    pub(super) const fn new(serial: Serial, id: DeviceId, now: Instant) -> Self {
        Self {
            serial,
            id,
            presence: Presence::Expected,
            since: now,
            seen: now,
            epoch: 0,
            facts: [const { None }; Fact::COUNT],
        }
    }

    /// The number the gateway gave it.
    #[must_use]
    pub const fn serial(&self) -> Serial {
        self.serial
    }

    /// What the device is called.
    #[must_use]
    pub const fn id(&self) -> &DeviceId {
        &self.id
    }

    /// Whether it is there.
    #[must_use]
    pub const fn status(&self) -> AttachStatus {
        match self.presence {
            Presence::Attached => AttachStatus::Attached,
            Presence::Expected | Presence::Detached(_) => AttachStatus::Detached,
        }
    }

    /// Whether it was ever seen; a pre-registered device was not.
    #[must_use]
    pub const fn was_seen(&self) -> bool {
        !matches!(self.presence, Presence::Expected)
    }

    /// Why it went, while it is away; `None` before it was first seen.
    #[must_use]
    pub const fn detach_reason(&self) -> Option<DetachReason> {
        match self.presence {
            Presence::Detached(reason) => Some(reason),
            Presence::Expected | Presence::Attached => None,
        }
    }

    /// When the status last changed; at first, when the device was registered.
    #[must_use]
    pub const fn since(&self) -> Instant {
        self.since
    }

    /// When the device last gave a sign of life; at first, when it was registered.
    #[must_use]
    pub const fn last_seen(&self) -> Instant {
        self.seen
    }

    /// The latest epoch known.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// What is known of one fact.
    #[must_use]
    pub fn fact(&self, fact: Fact) -> Option<&str> {
        self.facts[fact.index()].as_deref()
    }

    /// Takes what a sighting tells; whether anything was new.
    pub(super) fn learn(&mut self, sighting: &Sighting<'_>) -> bool {
        let mut changed = false;
        for (fact, value) in sighting.facts() {
            if self.fact(fact).unwrap_or_default() != value {
                self.facts[fact.index()] = (!value.is_empty()).then(|| value.into());
                changed = true;
            }
        }
        changed
    }
}
