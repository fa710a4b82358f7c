//! What is kept of one device.

use alloc::boxed::Box;
use core::time::Duration;

use dm_syncml::Instant;

use super::fact::{Fact, Names, Texts};
use super::presence::{AttachStatus, DetachReason, Presence};
use super::queue::Links;
use crate::device::{DeviceId, Serial};
use crate::device_bootstrap::BootstrapState;
use crate::identifier::identifier;
use crate::mode::Mode;

identifier! {
    /// The name of a secret in the caller's own store, at most 64 octets: by it a device is registered with credentials
    /// before it was ever seen (GwMO use case B.6). The secret itself never reaches an inventory.
    CredentialRef, 64
}

/// What stands behind a record (`CompType`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Component {
    /// A device.
    #[default]
    EndDevice,
    /// A gateway with devices of its own.
    ChildGateway,
}

impl Component {
    /// The value of a `CompType` node: 0 end device, 1 child gateway.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The component with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::EndDevice),
            1 => Some(Self::ChildGateway),
            _ => None,
        }
    }
}

/// How far the bootstrap of a device came (`Boot/State`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum BootState {
    /// None was needed yet.
    #[default]
    None,
    /// It was offered.
    Offered,
    /// The device used what it was given.
    Confirmed,
    /// The device did not take it.
    Failed,
}

impl BootState {
    /// The value of a `Boot/State` node, in the order of the enum from 0.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The state with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::None),
            1 => Some(Self::Offered),
            2 => Some(Self::Confirmed),
            3 => Some(Self::Failed),
            _ => None,
        }
    }
}

impl From<BootstrapState> for BootState {
    fn from(state: BootstrapState) -> Self {
        match state {
            BootstrapState::None => Self::None,
            BootstrapState::Offered => Self::Offered,
            BootstrapState::Confirmed => Self::Confirmed,
            BootstrapState::Failed(_) => Self::Failed,
        }
    }
}

/// Milliseconds on the caller's clock. Before its epoch lies what happened before a restart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Moment(i64);

impl Moment {
    pub(super) fn at(now: Instant) -> Self {
        Self(i64::try_from(now.since_epoch().as_millis()).unwrap_or(i64::MAX))
    }

    pub(super) fn instant(self) -> Instant {
        Instant::from_millis(u64::try_from(self.0).unwrap_or(0))
    }

    /// Rounded up, so that nothing is due too early by more than the time was rounded down.
    pub(super) fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add(millis(time)))
    }

    pub(super) fn before(self, age: Duration) -> Self {
        Self(self.0.saturating_sub(millis(age)))
    }

    pub(super) fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX)
}

/// The record of one registered device.
#[derive(Clone, Debug)]
pub struct DeviceRecord {
    pub(super) serial: Serial,
    pub(super) links: Links,
    pub(super) id: DeviceId,
    pub(super) texts: Texts,
    pub(super) mos: Names,
    pub(super) servers: Names,
    pub(super) rare: Option<Box<Rare>>,
    pub(super) epoch: u64,
    pub(super) since: Moment,
    pub(super) seen: Moment,
    /// When it went into the queue it is in.
    pub(super) queued: Moment,
    pub(super) presence: Presence,
    /// Why it went last.
    pub(super) reason: Option<DetachReason>,
    pub(super) attached_before: bool,
    pub(super) component: Component,
    pub(super) mode: Option<Mode>,
    pub(super) wish: Option<Mode>,
    pub(super) boot: BootState,
}

/// What few records have.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Rare {
    pub(super) credential: Option<CredentialRef>,
    pub(super) every: Option<Duration>,
    /// Until when it sleeps.
    pub(super) wakes: Option<Moment>,
}

impl DeviceRecord {
    pub(super) fn new(serial: Serial, id: DeviceId, now: Moment) -> Self {
        Self {
            serial,
            links: Links::default(),
            id,
            texts: Texts::default(),
            mos: Names::default(),
            servers: Names::default(),
            rare: None,
            epoch: 0,
            since: now,
            seen: now,
            queued: now,
            presence: Presence::Registered,
            reason: None,
            attached_before: false,
            component: Component::EndDevice,
            mode: None,
            wish: None,
            boot: BootState::None,
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

    /// Whether it is there (GwMO-DI-003).
    #[must_use]
    pub const fn status(&self) -> AttachStatus {
        self.presence.status()
    }

    /// Where it stands, debouncing included.
    #[must_use]
    pub const fn presence(&self) -> Presence {
        self.presence
    }

    /// Whether it was ever attached; a pre-registered device was not.
    #[must_use]
    pub const fn was_seen(&self) -> bool {
        self.attached_before
    }

    /// Why it went, while it is away; `None` while it never went.
    #[must_use]
    pub const fn detach_reason(&self) -> Option<DetachReason> {
        match self.status() {
            AttachStatus::Detached => self.reason,
            AttachStatus::Attached => None,
        }
    }

    /// For how long its status has been what it is, to the millisecond; at first since it was registered. Replayed
    /// records do not know when they were made: what they say begins with the restart.
    #[must_use]
    pub fn status_age(&self, now: Instant) -> Duration {
        Moment::at(now).since(self.since)
    }

    /// For how long it gave no sign of life, to the millisecond; at first since it was registered.
    #[must_use]
    pub fn silent_for(&self, now: Instant) -> Duration {
        Moment::at(now).since(self.seen)
    }

    /// The latest epoch known.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// What is known of one fact.
    #[must_use]
    pub fn fact(&self, fact: Fact) -> Option<&str> {
        self.texts.get(fact)
    }

    /// Device or gateway.
    #[must_use]
    pub const fn component(&self) -> Component {
        self.component
    }

    /// The mode in force, once one was chosen.
    #[must_use]
    pub const fn mode(&self) -> Option<Mode> {
        self.mode
    }

    /// The mode a server wishes.
    #[must_use]
    pub const fn mode_wish(&self) -> Option<Mode> {
        self.wish
    }

    /// How far its bootstrap came.
    #[must_use]
    pub const fn boot_state(&self) -> BootState {
        self.boot
    }

    /// The identifiers of the management objects it has, as it told them.
    pub fn mos(&self) -> impl Iterator<Item = &str> {
        self.mos.iter()
    }

    /// The identifiers of the servers it is bootstrapped to, as it told them.
    pub fn servers(&self) -> impl Iterator<Item = &str> {
        self.servers.iter()
    }

    /// The credentials it was registered with beforehand.
    #[must_use]
    pub fn credential(&self) -> Option<&CredentialRef> {
        self.rare.as_ref()?.credential.as_ref()
    }

    /// Until when it sleeps. A sleeping device is attached and cannot be reached.
    #[must_use]
    pub fn asleep_until(&self) -> Option<Instant> {
        Some(self.rare.as_ref()?.wakes?.instant())
    }

    /// How often it wakes, if it told.
    #[must_use]
    pub fn wakes_every(&self) -> Option<Duration> {
        self.rare.as_ref()?.every
    }

    pub(super) fn wakes(&self) -> Option<Moment> {
        self.rare.as_ref()?.wakes
    }

    /// Changes what few records have, and frees it when there is nothing left.
    pub(super) fn set_rare(&mut self, change: impl FnOnce(&mut Rare)) {
        let mut rare = self.rare.take().unwrap_or_default();
        change(&mut rare);
        self.rare = (*rare != Rare::default()).then_some(rare);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_small() {
        assert!(size_of::<DeviceRecord>() <= 160, "{}", size_of::<DeviceRecord>());
        assert_eq!(size_of::<Option<DeviceRecord>>(), size_of::<DeviceRecord>());
    }

    #[test]
    fn moments_do_not_overflow() {
        let late = Moment::at(Instant::new(Duration::MAX));
        assert_eq!(late.after(Duration::MAX), late);
        assert_eq!(Moment(0).before(Duration::MAX).since(late), Duration::ZERO);
        assert_eq!(Moment(0).before(Duration::from_secs(2)).instant(), Instant::EPOCH);
        assert_eq!(Moment(0).after(Duration::from_nanos(1)).instant(), Instant::from_millis(1));
        assert!(late.since(Moment(0).before(Duration::MAX)) > Duration::from_secs(1));
    }
}
