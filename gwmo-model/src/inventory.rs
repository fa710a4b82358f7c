//! The devices behind the gateway.

mod record;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use core::ops::RangeBounds;
use core::time::Duration;

use dm_syncml::Instant;

use crate::device::{DeviceId, Serial};
use crate::error::{InventoryError, InventoryErrorKind};
use crate::identifier::unprintable;
use record::Presence;

pub use record::{AttachStatus, DetachReason, DeviceRecord, Fact, Sighting};

/// How large an inventory may grow and how long a silent device counts as attached.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InventoryConfig {
    /// Most devices registered at a time. Default 65 536: a class B network, far above the homes and buildings
    /// the requirements speak of; a record takes some 300 octets and its facts.
    pub max_devices: u32,
    /// Longest fact kept, in octets. Default 255, what a DevInfo leaf commonly allows.
    pub max_text: usize,
    /// Time without a sign of life after which a device counts as detached. Default `None`: only a detach says so.
    pub lifetime: Option<Duration>,
    /// The first serial to give. After a restart this is what [`Inventory::next_serial`] last said, so that no
    /// serial is ever given twice.
    pub first_serial: Serial,
}

impl Default for InventoryConfig {
    fn default() -> Self {
        Self { max_devices: 65_536, max_text: 255, lifetime: None, first_serial: Serial::FIRST }
    }
}

impl InventoryConfig {
    /// Sets [`max_devices`](Self::max_devices).
    #[must_use]
    pub const fn with_max_devices(mut self, max: u32) -> Self {
        self.max_devices = max;
        self
    }

    /// Sets [`max_text`](Self::max_text).
    #[must_use]
    pub const fn with_max_text(mut self, max: usize) -> Self {
        self.max_text = max;
        self
    }

    /// Sets [`lifetime`](Self::lifetime).
    #[must_use]
    pub const fn with_lifetime(mut self, lifetime: Option<Duration>) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets [`first_serial`](Self::first_serial).
    #[must_use]
    pub const fn with_first_serial(mut self, first: Serial) -> Self {
        self.first_serial = first;
        self
    }
}

/// What an inventory wants done or known.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum InventoryOutput {
    /// A device is there that was not.
    DeviceAttached {
        /// The device.
        serial: Serial,
        /// What it calls itself.
        id: DeviceId,
        /// The epoch it is seen in.
        epoch: u64,
        /// Whether it was never seen before: a new registration in the sense of GwMO-DI-004.
        first: bool,
    },
    /// A device is no longer there.
    DeviceDetached {
        /// The device.
        serial: Serial,
        /// What it calls itself; the record may be gone.
        id: DeviceId,
        /// The epoch it was last known in.
        epoch: u64,
        /// Why.
        reason: DetachReason,
    },
    /// Nothing else is due before this time, or before the next input if there is none. Always the last output.
    Wait(Option<Instant>),
}

/// The inventory in four numbers (GwMO-DI-002).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Summary {
    /// Changes with every change of any record, so two equal revisions mean nothing happened.
    pub rev: u64,
    /// Registered devices.
    pub total: u32,
    /// Those that are there.
    pub attached: u32,
    /// Those that are not.
    pub detached: u32,
}

/// The devices registered with a gateway and whether they are there (GwMO-DI-001 to 003).
///
/// A device is registered by a server beforehand or by being seen; it keeps its [`Serial`] until it is forgotten.
/// News of an earlier epoch than is known are refused without effect, so a late message from before the device
/// moved cannot bring it back.
///
/// ```
/// use dm_syncml::Instant;
/// use gwmo_model::{AttachStatus, DeviceId, Fact, Inventory, InventoryConfig, InventoryOutput, Sighting};
///
/// let mut inventory = Inventory::new(InventoryConfig::default());
/// let camera = DeviceId::new("urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6")?;
/// let serial = inventory.handle_seen(Instant::EPOCH, &camera, &Sighting::new(1).with(Fact::LocalAddress, "10.0.0.7"))?;
///
/// assert!(matches!(inventory.poll_output(), InventoryOutput::DeviceAttached { first: true, .. }));
/// assert_eq!(inventory.poll_output(), InventoryOutput::Wait(None));
/// let record = inventory.record(serial).unwrap();
/// assert_eq!((record.status(), record.fact(Fact::LocalAddress)), (AttachStatus::Attached, Some("10.0.0.7")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Inventory {
    config: InventoryConfig,
    now: Instant,
    next: Option<Serial>,
    records: BTreeMap<Serial, DeviceRecord>,
    by_id: BTreeMap<DeviceId, Serial>,
    /// When each attached device expires, soonest first; empty without a lifetime.
    expiries: BTreeSet<(Instant, Serial)>,
    attached: u32,
    rev: u64,
    outputs: VecDeque<InventoryOutput>,
}

impl Inventory {
    /// An empty inventory.
    #[must_use]
    pub const fn new(config: InventoryConfig) -> Self {
        Self {
            now: Instant::EPOCH,
            next: Some(config.first_serial),
            config,
            records: BTreeMap::new(),
            by_id: BTreeMap::new(),
            expiries: BTreeSet::new(),
            attached: 0,
            rev: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Registers a device that was not seen yet (GwMO-HLF-003): detached until it is.
    ///
    /// # Errors
    ///
    /// When the device is registered already, or the inventory is full.
    pub fn handle_registered(&mut self, now: Instant, id: DeviceId) -> Result<Serial, InventoryError> {
        self.advance(now);
        let registered = match self.by_id.get(&id) {
            Some(&serial) => Err(InventoryErrorKind::AlreadyRegistered { serial }.into()),
            None => self.register(id),
        };
        self.expire();
        registered
    }

    /// Takes note that a device is there, registering it if need be. Also a sign of life.
    ///
    /// # Errors
    ///
    /// When the sighting is of an earlier epoch than is known, when a fact is too long or not a text, or when the
    /// device is new and the inventory is full. Nothing changes then.
    pub fn handle_seen(
        &mut self,
        now: Instant,
        id: &DeviceId,
        sighting: &Sighting<'_>,
    ) -> Result<Serial, InventoryError> {
        self.advance(now);
        let seen = self.see(id, sighting);
        self.expire();
        seen
    }

    /// Takes note of a sign of life of an attached device, such as a session; of others it says nothing.
    pub fn handle_alive(&mut self, now: Instant, serial: Serial) {
        self.advance(now);
        if self.records.get(&serial).is_some_and(|record| record.presence == Presence::Attached) {
            self.live_on(serial);
        }
        self.expire();
    }

    /// Takes note that a device is not there any more, in which epoch, and why.
    ///
    /// [`DetachReason::Moved`] with the epoch in which the device was seen elsewhere keeps it detached until it is
    /// seen in a later one. A device that is detached already stays so, without an output.
    ///
    /// # Errors
    ///
    /// When there is no such device, or it is known in a later epoch.
    pub fn handle_detached(
        &mut self,
        now: Instant,
        serial: Serial,
        epoch: u64,
        reason: DetachReason,
    ) -> Result<(), InventoryError> {
        self.advance(now);
        let done = self.detach_in(serial, epoch, reason);
        self.expire();
        done
    }

    /// Deletes a device from the inventory. Its serial is not given again.
    ///
    /// # Errors
    ///
    /// When there is no such device.
    pub fn handle_forgotten(&mut self, now: Instant, serial: Serial) -> Result<(), InventoryError> {
        self.advance(now);
        let known = self.records.contains_key(&serial);
        if known {
            self.detach(serial, DetachReason::Forgotten);
            if let Some(record) = self.records.remove(&serial) {
                self.by_id.remove(&record.id);
            }
            self.rev += 1;
        }
        self.expire();
        if known { Ok(()) } else { Err(InventoryErrorKind::UnknownDevice.into()) }
    }

    /// Sets the lifetime from now on, for devices that are attached as well. Linear in their number.
    pub fn handle_lifetime(&mut self, now: Instant, lifetime: Option<Duration>) {
        self.advance(now);
        self.config.lifetime = lifetime;
        self.expiries.clear();
        if let Some(lifetime) = lifetime {
            let attached = self.records.values().filter(|record| record.presence == Presence::Attached);
            self.expiries.extend(attached.map(|record| (record.seen + lifetime, record.serial)));
        }
        self.expire();
    }

    /// Takes note of the time.
    pub fn handle_tick(&mut self, now: Instant) {
        self.advance(now);
        self.expire();
    }

    /// The next thing to do or to know; [`InventoryOutput::Wait`] when there is nothing left.
    pub fn poll_output(&mut self) -> InventoryOutput {
        let soonest = || self.expiries.first().map(|&(at, _)| at);
        self.outputs.pop_front().unwrap_or_else(|| InventoryOutput::Wait(soonest()))
    }

    /// The record with this serial.
    #[must_use]
    pub fn record(&self, serial: Serial) -> Option<&DeviceRecord> {
        self.records.get(&serial)
    }

    /// The serial of a device.
    #[must_use]
    pub fn serial_of(&self, id: &DeviceId) -> Option<Serial> {
        self.by_id.get(id).copied()
    }

    /// The records with serials in a range, ascending: `..` for all, `(Excluded(last), Unbounded)` for the next page.
    pub fn records(&self, range: impl RangeBounds<Serial>) -> impl DoubleEndedIterator<Item = &DeviceRecord> {
        // An upside-down range holds nothing; `BTreeMap` would panic over it.
        let range = ascending(&range).then_some(range);
        range.into_iter().flat_map(|range| self.records.range(range)).map(|(_, record)| record)
    }

    /// The inventory in four numbers.
    #[must_use]
    pub fn summary(&self) -> Summary {
        // As many records as `max_devices` allows, which is a `u32`.
        let total = u32::try_from(self.records.len()).unwrap_or(u32::MAX);
        Summary { rev: self.rev, total, attached: self.attached, detached: total - self.attached }
    }

    /// The serial the next device would get; `None` when they are used up.
    #[must_use]
    pub const fn next_serial(&self) -> Option<Serial> {
        self.next
    }

    /// How the inventory is set up.
    #[must_use]
    pub const fn config(&self) -> &InventoryConfig {
        &self.config
    }

    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    fn register(&mut self, id: DeviceId) -> Result<Serial, InventoryError> {
        let room = self.records.len() < self.config.max_devices as usize;
        let Some(serial) = self.next.filter(|_| room) else {
            return Err(InventoryErrorKind::Full.into());
        };
        self.next = serial.next();
        self.by_id.insert(id.clone(), serial);
        self.records.insert(serial, DeviceRecord::new(serial, id, self.now));
        self.rev += 1;
        Ok(serial)
    }

    fn see(&mut self, id: &DeviceId, sighting: &Sighting<'_>) -> Result<Serial, InventoryError> {
        let max = self.config.max_text;
        for (_, value) in sighting.facts() {
            if value.len() > max {
                return Err(InventoryErrorKind::TextTooLong { max }.into());
            }
            if unprintable(value).is_some() {
                return Err(InventoryErrorKind::ControlCharacter.into());
            }
        }
        let serial = match self.serial_of(id) {
            Some(serial) => serial,
            None => self.register(id.clone())?,
        };
        let record = self.records.get_mut(&serial).expect("every serial in the index has a record");
        let moved = record.presence == Presence::Detached(DetachReason::Moved);
        if sighting.epoch() < record.epoch || moved && sighting.epoch() == record.epoch {
            return Err(InventoryErrorKind::StaleEpoch { known: record.epoch }.into());
        }
        let learnt = record.learn(sighting);
        let mut changed = learnt || record.epoch != sighting.epoch();
        record.epoch = sighting.epoch();
        if record.presence != Presence::Attached {
            let first = record.presence == Presence::Expected;
            record.presence = Presence::Attached;
            record.since = self.now;
            self.attached += 1;
            changed = true;
            let (id, epoch) = (record.id.clone(), record.epoch);
            self.outputs.push_back(InventoryOutput::DeviceAttached { serial, id, epoch, first });
        }
        self.rev += u64::from(changed);
        self.live_on(serial);
        Ok(serial)
    }

    fn detach_in(&mut self, serial: Serial, epoch: u64, reason: DetachReason) -> Result<(), InventoryError> {
        let Some(record) = self.records.get_mut(&serial) else {
            return Err(InventoryErrorKind::UnknownDevice.into());
        };
        if epoch < record.epoch {
            return Err(InventoryErrorKind::StaleEpoch { known: record.epoch }.into());
        }
        let mut changed = record.epoch != epoch;
        record.epoch = epoch;
        // Who has moved stays moved, whatever is said about it later; who was never seen here was never lost.
        if let Presence::Detached(known) = record.presence
            && known != reason
            && reason == DetachReason::Moved
        {
            record.presence = Presence::Detached(reason);
            changed = true;
        }
        self.rev += u64::from(changed);
        self.detach(serial, reason);
        Ok(())
    }

    /// Attached becomes detached; everything else stays.
    fn detach(&mut self, serial: Serial, reason: DetachReason) {
        self.unschedule(serial);
        if let Some(record) = self.records.get_mut(&serial)
            && record.presence == Presence::Attached
        {
            record.presence = Presence::Detached(reason);
            record.since = self.now;
            self.attached -= 1;
            self.rev += 1;
            let (id, epoch) = (record.id.clone(), record.epoch);
            self.outputs.push_back(InventoryOutput::DeviceDetached { serial, id, epoch, reason });
        }
    }

    fn expire(&mut self) {
        while let Some(&(at, serial)) = self.expiries.first()
            && at <= self.now
        {
            self.detach(serial, DetachReason::Timeout);
        }
    }

    /// Notes a sign of life and puts the expiry off.
    fn live_on(&mut self, serial: Serial) {
        self.unschedule(serial);
        if let Some(record) = self.records.get_mut(&serial) {
            record.seen = self.now;
            if let Some(lifetime) = self.config.lifetime {
                self.expiries.insert((record.seen + lifetime, serial));
            }
        }
    }

    /// Takes a device out of the expiry index; its `seen` must still be the one it went in with.
    fn unschedule(&mut self, serial: Serial) {
        if let (Some(lifetime), Some(record)) = (self.config.lifetime, self.records.get(&serial)) {
            self.expiries.remove(&(record.seen + lifetime, serial));
        }
    }
}

/// Whether a range runs upwards, so that a sorted map can be asked for it.
fn ascending<T: Ord>(range: &impl RangeBounds<T>) -> bool {
    use core::ops::Bound::{Excluded, Included, Unbounded};
    match (range.start_bound(), range.end_bound()) {
        (Unbounded, _) | (_, Unbounded) => true,
        (Excluded(from), Excluded(to)) => from < to,
        (Included(from) | Excluded(from), Included(to) | Excluded(to)) => from <= to,
    }
}
