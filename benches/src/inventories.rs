//! Inventories and groups of any size, and the events that come in all the time.

use core::hint::black_box;
use core::time::Duration;

use dm_syncml::Instant;
use gwmo_model::{
    DetachReason, DeviceId, Fact, GroupId, GroupLimits, Groups, GroupsOutput, Inventory, InventoryConfig,
    InventoryOutput, Serial, Sighting,
};

/// How many groups with a rule there are, and how many of these look at the firmware.
pub const GROUPS: [(u32, u32); 2] = [(10, 10), (1_000, 10)];

/// Octets of a record, for the bare pass.
pub const RECORD: usize = 160;

const NOW: Instant = Instant::EPOCH;

/// Devices, in an order that no cache expects.
#[derive(Debug)]
pub struct Town {
    /// The machine.
    pub inventory: Inventory,
    ids: Vec<DeviceId>,
    order: Vec<Serial>,
    now: Instant,
}

/// What a device calls itself.
fn id(number: u32) -> DeviceId {
    DeviceId::new(&format!("urn:uuid:f81d4fae-7dec-11d0-a765-{number:012x}")).expect("a name")
}

/// An address of this device.
fn address(number: u32) -> String {
    format!("10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255)
}

/// Octets of the texts of one device: its name, and what it told.
#[must_use]
pub fn texts(number: u32) -> usize {
    id(number).as_str().len() + address(number).len() + "X100".len() + "1.0".len()
}

/// Octets of the name of one device.
#[must_use]
pub fn name_len(number: u32) -> usize {
    id(number).as_str().len()
}

impl Town {
    /// No devices, and as many names of some to come.
    #[must_use]
    pub fn new(devices: u32) -> Self {
        let lifetime = Some(Duration::from_secs(1_000_000));
        let config =
            InventoryConfig::default().with_max_devices(devices).with_lifetime(lifetime).with_hash_seed(7);
        let mut order: Vec<Serial> = (1..=devices).filter_map(Serial::new).collect();
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        for at in (1..order.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            order.swap(at, (state >> 33) as usize % (at + 1));
        }
        Self { inventory: Inventory::new(config), ids: (1..=devices).map(id).collect(), order, now: NOW }
    }

    /// As [`new`](Self::new), with all devices seen.
    #[must_use]
    pub fn populated(devices: u32) -> Self {
        let mut town = Self::new(devices);
        town.arrive();
        town
    }

    fn drain(&mut self) -> u32 {
        let mut told = 0;
        loop {
            match self.inventory.poll_output() {
                InventoryOutput::Persist(seq, record) => {
                    black_box(&record);
                    self.inventory.handle_persisted(self.now, seq);
                }
                InventoryOutput::DeviceAttached { .. } | InventoryOutput::DeviceDetached { .. } => told += 1,
                InventoryOutput::Wait(_) => return told,
                _ => {}
            }
        }
    }

    /// Every device is seen for the first time, with an address, a model and a firmware.
    ///
    /// # Panics
    ///
    /// When one is not taken.
    pub fn arrive(&mut self) {
        for number in 1..=self.ids.len() {
            let address = address(number as u32);
            let seen = Sighting::new(1)
                .with(Fact::LocalAddress, &address)
                .with(Fact::Model, "X100")
                .with(Fact::Firmware, "1.0");
            let id = self.ids[number - 1].clone();
            self.inventory.handle_seen(self.now, &id, &seen).expect("there is room");
            assert_eq!(self.drain(), 1);
        }
    }

    /// Every device gives a sign of life.
    pub fn live(&mut self) {
        self.now = self.now + Duration::from_millis(1);
        for at in 0..self.order.len() {
            self.inventory.handle_alive(self.now, self.order[at]);
            self.drain();
        }
    }

    /// Every device is seen again, found by its name, with nothing new.
    ///
    /// # Panics
    ///
    /// When one is not known.
    pub fn see(&mut self) {
        self.now = self.now + Duration::from_millis(1);
        for at in 0..self.order.len() {
            let id = &self.ids[self.order[at].get() as usize - 1];
            self.inventory.handle_seen(self.now, id, &Sighting::new(1)).expect("it is known");
            self.drain();
        }
    }

    /// Every device goes and comes back: two events for each.
    ///
    /// # Panics
    ///
    /// When that is not told.
    pub fn flap(&mut self) {
        self.now = self.now + Duration::from_millis(1);
        for at in 0..self.order.len() {
            let serial = self.order[at];
            self.inventory.handle_detached(self.now, serial, 1, DetachReason::Left).expect("it is known");
            let id = &self.ids[serial.get() as usize - 1];
            self.inventory.handle_seen(self.now, id, &Sighting::new(1)).expect("it is known");
            assert_eq!(self.drain(), 2);
        }
    }

    /// This many devices get this firmware, and the groups hear of it; how many joined or left one.
    ///
    /// # Panics
    ///
    /// When one is not known.
    pub fn update(&mut self, devices: usize, firmware: &str, groups: &mut Groups) -> u32 {
        let mut moved = 0;
        for at in 0..devices {
            let id = &self.ids[self.order[at % self.order.len()].get() as usize - 1];
            let seen = Sighting::new(1).with(Fact::Firmware, firmware);
            self.inventory.handle_seen(self.now, id, &seen).expect("it is known");
            loop {
                match self.inventory.poll_output() {
                    InventoryOutput::Persist(seq, _) => self.inventory.handle_persisted(self.now, seq),
                    InventoryOutput::Changed { serial, facts } => {
                        groups.handle_changed(serial, facts, &self.inventory);
                    }
                    InventoryOutput::Wait(_) => break,
                    _ => {}
                }
            }
            loop {
                match groups.poll_output() {
                    GroupsOutput::Persist(seq, _) => groups.handle_persisted(seq),
                    GroupsOutput::Wait(_) => break,
                    _ => moved += 1,
                }
            }
        }
        moved
    }

    /// So many groups by rule, so many of which look at the firmware; the others at the model.
    ///
    /// # Panics
    ///
    /// When one is not taken.
    #[must_use]
    pub fn groups(&self, (all, mention): (u32, u32)) -> Groups {
        let mut groups = Groups::new(GroupLimits::default());
        for number in 0..all {
            let id = GroupId::new(&format!("group {number}")).expect("a name");
            let rule = if number < mention {
                format!("Info/Fw<1.{number}")
            } else {
                format!("Info/Mod=\"X{}\"&AttachStatus=1", number % 200)
            };
            groups.create(id.clone()).expect("there is room");
            groups.set_rule(&id, Some(rule.parse().expect("a rule")), &self.inventory).expect("a rule");
        }
        while !matches!(groups.poll_output(), GroupsOutput::Wait(_)) {}
        groups
    }

    /// A bare pass over as much memory in the same order: each record is read and written once.
    #[must_use]
    pub fn bare_pass(&self, records: &mut [[u64; RECORD / 8]]) -> u64 {
        let mut sum = 0;
        for serial in &self.order {
            let record = &mut records[serial.get() as usize - 1];
            record[0] += 1;
            record[RECORD / 8 - 1] += record[RECORD / 16];
            sum += record[0];
        }
        sum
    }
}
