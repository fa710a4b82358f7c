//! The devices behind the gateway.

mod change;
mod config;
mod fact;
mod id_index;
mod output;
mod presence;
mod queue;
mod record;
mod restore;
mod serial_set;
mod serial_table;
mod steps;
mod summary;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use core::ops::{Bound, RangeBounds};
use core::time::Duration;

use dm_syncml::{Instant, Journal, RecordSeq};

use crate::device::{DeviceId, Serial};
use crate::error::{InventoryError, InventoryErrorKind};
use crate::mode::Mode;
use crate::selector::Selector;
use change::Change;
use id_index::IdIndex;
use presence::Event;
use queue::Queue;
use record::Moment;

pub use change::InventoryRecord;
pub use config::InventoryConfig;
pub use fact::{Fact, FactSet, Sighting};
pub use output::InventoryOutput;
pub use presence::{AttachStatus, DetachReason, Presence};
pub use record::{BootState, Component, CredentialRef, DeviceRecord};
pub use restore::{InventorySnapshot, RestoreError, RestoreErrorKind};
pub(crate) use serial_set::SerialSet;
pub(crate) use serial_table::SerialTable;
pub use summary::{ModeCounts, Selection, Summary};

/// The devices registered with a gateway and whether they are there (GwMO-DI-001 to 003).
///
/// A device is registered by a server beforehand or by being seen; it keeps its [`Serial`] until it is forgotten.
/// News of an earlier epoch than is known are refused without effect, so a late message from before the device
/// moved cannot bring it back.
///
/// No input costs more the more devices there are, except turning a lifetime on and [`select`](Self::select).
///
/// ```
/// use dm_syncml::Instant;
/// use gwmo_model::{AttachStatus, DeviceId, Fact, Inventory, InventoryConfig, InventoryOutput, Sighting};
///
/// let now = Instant::EPOCH;
/// let mut inventory = Inventory::new(InventoryConfig::default());
/// let camera = DeviceId::new("urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6")?;
/// let serial = inventory.handle_seen(now, &camera, &Sighting::new(1).with(Fact::LocalAddress, "10.0.0.7"))?;
/// loop {
///     match inventory.poll_output() {
///         InventoryOutput::Persist(seq, _) => inventory.handle_persisted(now, seq), // once it is stored
///         InventoryOutput::DeviceAttached { first, .. } => assert!(first),
///         InventoryOutput::Wait(_) => break,
///         _ => {}
///     }
/// }
/// let record = inventory.record(serial).unwrap();
/// assert_eq!((record.status(), record.fact(Fact::LocalAddress)), (AttachStatus::Attached, Some("10.0.0.7")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Inventory {
    config: InventoryConfig,
    now: Instant,
    next: Option<Serial>,
    records: SerialTable<DeviceRecord>,
    serials: SerialSet,
    by_id: IdIndex,
    credentials: BTreeMap<CredentialRef, Serial>,
    /// One for each state that ends by itself.
    queues: [Queue; 4],
    /// When each sleeping device wakes.
    sleepers: BTreeSet<(Moment, Serial)>,
    attached: u32,
    by_mode: ModeCounts,
    rev: u64,
    /// What waits for nothing.
    notes: VecDeque<InventoryOutput>,
    journal: Journal<InventoryRecord, InventoryOutput>,
}

impl Inventory {
    /// An empty inventory.
    #[must_use]
    pub const fn new(config: InventoryConfig) -> Self {
        Self {
            now: Instant::EPOCH,
            next: Some(config.first_serial),
            by_id: IdIndex::new(config.hash_seed),
            config,
            records: SerialTable::new(),
            serials: SerialSet::new(),
            credentials: BTreeMap::new(),
            queues: [Queue::EMPTY; 4],
            sleepers: BTreeSet::new(),
            attached: 0,
            by_mode: ModeCounts::NONE,
            rev: 0,
            notes: VecDeque::new(),
            journal: Journal::new(),
        }
    }

    /// Registers a device that was not seen yet (GwMO-HLF-003): detached until it is.
    ///
    /// # Errors
    ///
    /// When the device is registered already, or the inventory is full.
    pub fn handle_registered(&mut self, now: Instant, id: DeviceId) -> Result<Serial, InventoryError> {
        self.input(now, |inventory| inventory.register_new(id))
    }

    /// Registers a device that was not seen yet, with the name of the credentials it will show (GwMO use case B.6). Each
    /// is for one device.
    ///
    /// # Errors
    ///
    /// When the device is registered already, another device has the credentials, or the inventory is full.
    pub fn handle_preregistered(
        &mut self,
        now: Instant,
        id: DeviceId,
        credential: CredentialRef,
    ) -> Result<Serial, InventoryError> {
        self.input(now, |inventory| {
            if inventory.credentials.contains_key(&credential) {
                return Err(InventoryErrorKind::CredentialInUse.into());
            }
            let serial = inventory.register_new(id)?;
            inventory.change(serial, Change::Credential(Some(credential)));
            Ok(serial)
        })
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
        self.input(now, |inventory| inventory.see(id, sighting))
    }

    /// Takes note of a sign of life of an attached device, such as a session; of others it says nothing. A device that
    /// slept is awake.
    pub fn handle_alive(&mut self, now: Instant, serial: Serial) {
        self.input(now, |inventory| match inventory.records.get(serial).map(DeviceRecord::presence) {
            Some(Presence::Attached) => inventory.live_on(serial),
            Some(Presence::Fading) => {
                inventory.step(serial, Event::Seen, None, None);
                inventory.live_on(serial);
            }
            _ => {}
        });
    }

    /// Takes note that a device is not there any more, in which epoch, and why.
    ///
    /// [`DetachReason::Moved`] with the epoch in which the device was seen elsewhere keeps it detached until it is
    /// seen in a later one. A device that is detached already stays so, without an output. That it left must hold for
    /// the debounce time; other reasons count at once.
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
        self.input(now, |inventory| {
            let known = inventory.known(serial)?.epoch;
            if epoch < known {
                return Err(InventoryErrorKind::StaleEpoch { known }.into());
            }
            let event = if reason == DetachReason::Left { Event::Gone } else { Event::Lost };
            inventory.step(serial, event, Some(reason), Some(epoch));
            Ok(())
        })
    }

    /// Deletes a device from the inventory. Its serial is not given again.
    ///
    /// # Errors
    ///
    /// When there is no such device.
    pub fn handle_forgotten(&mut self, now: Instant, serial: Serial) -> Result<(), InventoryError> {
        self.input(now, |inventory| {
            inventory.known(serial)?;
            inventory.forget(serial);
            Ok(())
        })
    }

    /// An attached device goes to sleep for a time, and will do so again and again if it says how often it wakes. It stays
    /// attached, and its lifetime begins when it should wake. Of other devices only `every` is kept.
    ///
    /// # Errors
    ///
    /// When there is no such device.
    pub fn handle_asleep(
        &mut self,
        now: Instant,
        serial: Serial,
        wakes_in: Duration,
        every: Option<Duration>,
    ) -> Result<(), InventoryError> {
        self.input(now, |inventory| {
            if inventory.known(serial)?.presence == Presence::Fading {
                inventory.step(serial, Event::Seen, None, None);
            }
            let record = inventory.known(serial)?;
            let sleeps = record.presence == Presence::Attached;
            if !sleeps && record.wakes_every() == every {
                return Ok(());
            }
            let at = inventory.moment();
            if let Some(record) = inventory.records.get_mut(serial) {
                record.seen = at;
            }
            inventory.change(serial, Change::Sleep { wakes_in: sleeps.then_some(wakes_in), every });
            if let Some(until) = inventory.known(serial)?.asleep_until() {
                inventory.journal.hold(InventoryOutput::Asleep { serial, until });
            }
            Ok(())
        })
    }

    /// The management objects that a device has, by their identifiers (MOID).
    ///
    /// # Errors
    ///
    /// When there is no such device, or they are too many, too long or not texts.
    pub fn handle_mos<'a>(
        &mut self,
        now: Instant,
        serial: Serial,
        mos: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), InventoryError> {
        self.input(now, |inventory| {
            let names = inventory.names(mos)?;
            if inventory.known(serial)?.mos != names {
                inventory.change(serial, Change::Mos(names));
            }
            Ok(())
        })
    }

    /// The servers that a device is bootstrapped to: all of them, not those that are new.
    ///
    /// # Errors
    ///
    /// When there is no such device, or they are too many, too long or not texts.
    pub fn handle_servers<'a>(
        &mut self,
        now: Instant,
        serial: Serial,
        servers: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), InventoryError> {
        self.input(now, |inventory| {
            let names = inventory.names(servers)?;
            if inventory.known(serial)?.servers != names {
                inventory.change(serial, Change::Servers(names));
            }
            Ok(())
        })
    }

    /// Device or gateway.
    ///
    /// # Errors
    ///
    /// When there is no such device.
    pub fn handle_component(
        &mut self,
        now: Instant,
        serial: Serial,
        component: Component,
    ) -> Result<(), InventoryError> {
        self.input(now, |inventory| {
            if inventory.known(serial)?.component != component {
                inventory.change(serial, Change::Component(component));
            }
            Ok(())
        })
    }

    /// The mode that was chosen for a device (GwMO-MOO-001).
    ///
    /// # Errors
    ///
    /// When there is no such device.
    pub fn handle_mode(
        &mut self,
        now: Instant,
        serial: Serial,
        mode: Option<Mode>,
    ) -> Result<(), InventoryError> {
        self.input(now, |inventory| {
            if inventory.known(serial)?.mode != mode {
                inventory.change(serial, Change::Mode(mode));
            }
            Ok(())
        })
    }

    /// The mode that a server wishes for a device.
    ///
    /// # Errors
    ///
    /// When there is no such device.
    pub fn handle_mode_wish(
        &mut self,
        now: Instant,
        serial: Serial,
        wish: Option<Mode>,
    ) -> Result<(), InventoryError> {
        self.input(now, |inventory| {
            if inventory.known(serial)?.wish != wish {
                inventory.change(serial, Change::Wish(wish));
            }
            Ok(())
        })
    }

    /// How far the bootstrap of a device came.
    ///
    /// # Errors
    ///
    /// When there is no such device.
    pub fn handle_boot_state(
        &mut self,
        now: Instant,
        serial: Serial,
        state: BootState,
    ) -> Result<(), InventoryError> {
        self.input(now, |inventory| {
            if inventory.known(serial)?.boot != state {
                inventory.change(serial, Change::Boot(state));
            }
            Ok(())
        })
    }

    /// The name of the credentials of a device, or that it has none.
    ///
    /// # Errors
    ///
    /// When there is no such device, or another device has them.
    pub fn handle_credential(
        &mut self,
        now: Instant,
        serial: Serial,
        credential: Option<CredentialRef>,
    ) -> Result<(), InventoryError> {
        self.input(now, |inventory| {
            if inventory.known(serial)?.credential() == credential.as_ref() {
                return Ok(());
            }
            if credential.as_ref().is_some_and(|credential| inventory.credentials.contains_key(credential)) {
                return Err(InventoryErrorKind::CredentialInUse.into());
            }
            inventory.change(serial, Change::Credential(credential));
            Ok(())
        })
    }

    /// Sets the lifetime from now on, for devices that are attached as well, counted from their last signs of life.
    /// Turning it on is linear in the number of devices.
    pub fn handle_lifetime(&mut self, now: Instant, lifetime: Option<Duration>) {
        self.input(now, |inventory| {
            if inventory.config.lifetime.is_none() && lifetime.is_some() {
                inventory.queue_by_silence();
            }
            inventory.config.lifetime = lifetime;
        });
    }

    /// Sets the debounce time from now on, for changes that do not count yet as well.
    pub fn handle_debounce(&mut self, now: Instant, debounce: Duration) {
        self.input(now, |inventory| inventory.config.debounce = debounce);
    }

    /// Sets the time that detached devices are kept from now on, for those that are detached as well.
    pub fn handle_keep_gone(&mut self, now: Instant, time: Option<Duration>) {
        self.input(now, |inventory| inventory.config.keep_gone = time);
    }

    /// Takes note of the time.
    pub fn handle_tick(&mut self, now: Instant) {
        self.input(now, |_| ());
    }

    /// This record, and all before it, are stored.
    pub fn handle_persisted(&mut self, now: Instant, seq: RecordSeq) {
        self.now = self.now.max(now);
        self.journal.persisted(seq);
    }

    /// The next thing to do or to know; [`InventoryOutput::Wait`] when there is nothing left.
    pub fn poll_output(&mut self) -> InventoryOutput {
        if let Some((seq, record)) = self.journal.next_record() {
            return InventoryOutput::Persist(seq, record);
        }
        if let Some(note) = self.notes.pop_front() {
            return note;
        }
        match self.journal.next_released() {
            Some(output) => output,
            None => InventoryOutput::Wait(self.soonest().map(|(at, _)| at.instant())),
        }
    }

    /// The record with this serial.
    #[must_use]
    pub fn record(&self, serial: Serial) -> Option<&DeviceRecord> {
        self.records.get(serial)
    }

    /// The serial of a device.
    #[must_use]
    pub fn serial_of(&self, id: &DeviceId) -> Option<Serial> {
        self.by_id.find(id, &self.records)
    }

    /// The device that has these credentials.
    #[must_use]
    pub fn holder_of(&self, credential: &CredentialRef) -> Option<Serial> {
        self.credentials.get(credential).copied()
    }

    /// The records with serials in a range, ascending: `..` for all, `(Excluded(last), Unbounded)` for the next page.
    pub fn records(&self, range: impl RangeBounds<Serial>) -> impl DoubleEndedIterator<Item = &DeviceRecord> {
        let from = match range.start_bound() {
            Bound::Included(serial) => serial.get() - 1,
            Bound::Excluded(serial) => serial.get(),
            Bound::Unbounded => 0,
        };
        let until = match range.end_bound() {
            Bound::Included(serial) => serial.get(),
            Bound::Excluded(serial) => serial.get() - 1,
            Bound::Unbounded => u32::MAX,
        };
        self.records.range(from, until)
    }

    /// The inventory in a few numbers (GwMO-DI-002).
    #[must_use]
    pub const fn summary(&self) -> Summary {
        let total = self.records.len();
        Summary {
            rev: self.rev,
            total,
            attached: self.attached,
            detached: total - self.attached,
            by_mode: self.by_mode,
        }
    }

    /// The devices that a selector matches now. Looks at every device.
    #[must_use]
    pub fn select(&self, selector: &Selector) -> Selection {
        let matching = self.records.iter().filter(|record| selector.matches(record));
        Selection { rev: self.rev, serials: matching.map(DeviceRecord::serial).collect() }
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

    pub(crate) const fn serials(&self) -> &SerialSet {
        &self.serials
    }
}
