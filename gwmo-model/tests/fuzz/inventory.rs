//! Operations on an inventory, its groups and the outbox behind it, with a crash at any of them: what is counted is what is
//! there, groups hold whom their definitions say, every change of presence is told once, and what is stored makes the same
//! machines again.

use std::collections::BTreeMap;
use std::time::Duration;

use dm_syncml::{Instant, StatusCode};
use dm_tree::ServerId;
use gwmo_model::{
    AttachStatus, BootState, Component, CredentialRef, DetachReason, DeviceId, Fact, GroupId, GroupLimits,
    GroupRecord, Groups, GroupsOutput, GroupsSnapshot, Inventory, InventoryConfig, InventoryOutput,
    InventoryRecord, InventorySnapshot, Mode, Outbox, OutboxConfig, OutboxOutput, OutboxRecord,
    OutboxSnapshot, Presence, Selector, Serial, Sighting, Subscription,
};

const RULES: [&str; 5] =
    ["AttachStatus=1", "Info/Fw<2&Mode!=4", r#"MOs~"urn"|Asleep=1"#, r#"!Servers="s""#, "Boot/State>=2"];

/// Octets as choices; none left is zero.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn below(&mut self, end: u8) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                first % end
            }
            None => 0,
        }
    }

    fn serial(&mut self) -> Serial {
        Serial::new(u32::from(self.below(9)) + 1).expect("from one on")
    }

    fn device(&mut self) -> DeviceId {
        DeviceId::new(["A:1", "b", "c", "d", "e"][usize::from(self.below(5))]).expect("a name")
    }

    fn group(&mut self) -> GroupId {
        GroupId::new(["x", "y", "z", "*"][usize::from(self.below(4))]).expect("a name")
    }
}

/// What is on the disk.
struct Disk {
    inventory: (InventorySnapshot, Vec<InventoryRecord>),
    groups: (GroupsSnapshot, Vec<GroupRecord>),
    outbox: (OutboxSnapshot, Vec<OutboxRecord>),
}

struct Town {
    inventory: Inventory,
    groups: Groups,
    outbox: Outbox,
    disk: Disk,
    now: Instant,
    server: ServerId,
    config: InventoryConfig,
    /// What the last news of each device said.
    told: BTreeMap<Serial, bool>,
    heard: u64,
}

impl Town {
    fn new(config: InventoryConfig) -> Self {
        let (inventory, groups, outbox) =
            (Inventory::new(config.clone()), Groups::new(limits()), Outbox::new(alerts()));
        let now = Instant::EPOCH;
        let disk = Disk {
            inventory: (inventory.snapshot(now), Vec::new()),
            groups: (groups.snapshot(), Vec::new()),
            outbox: (outbox.snapshot(now), Vec::new()),
        };
        let server = ServerId::new("s").expect("a name");
        Self { inventory, groups, outbox, disk, now, server, config, told: BTreeMap::new(), heard: 0 }
    }

    /// Hands everything on until nothing is left.
    fn drain(&mut self) {
        let now = self.now;
        loop {
            match self.inventory.poll_output() {
                InventoryOutput::Persist(seq, record) => {
                    self.disk.inventory.1.push(record);
                    self.inventory.handle_persisted(now, seq);
                }
                InventoryOutput::Changed { serial, facts } => {
                    self.groups.handle_changed(serial, facts, &self.inventory);
                }
                InventoryOutput::Removed { serial, id } => self.groups.handle_removed(serial, &id),
                InventoryOutput::DeviceAttached { serial, id, epoch, first, rev } => {
                    self.outbox.handle_device_attached(now, rev, serial, &id, epoch, first);
                    self.tell(serial, true, rev);
                }
                InventoryOutput::DeviceDetached { serial, id, epoch, reason, rev } => {
                    self.outbox.handle_device_detached(now, rev, serial, &id, epoch, reason);
                    self.tell(serial, false, rev);
                }
                InventoryOutput::Wait(at) => {
                    assert!(at.is_none_or(|at| at > now), "due already");
                    break;
                }
                _ => {}
            }
        }
        loop {
            match self.groups.poll_output() {
                GroupsOutput::Persist(seq, record) => {
                    self.disk.groups.1.push(record);
                    self.groups.handle_persisted(seq);
                }
                GroupsOutput::Wait(_) => break,
                _ => {}
            }
        }
        loop {
            match self.outbox.poll_output() {
                OutboxOutput::Persist(seq, record) => {
                    self.disk.outbox.1.push(record);
                    self.outbox.handle_persisted(now, seq);
                }
                OutboxOutput::Wait(_) => break,
                _ => {}
            }
        }
    }

    fn tell(&mut self, serial: Serial, attached: bool, rev: u64) {
        if rev > self.heard {
            self.heard = rev;
            assert_ne!(self.told.insert(serial, attached).unwrap_or(false), attached, "told once");
        }
    }

    /// The power goes, perhaps in the middle of handing on; what was handed out is on the disk.
    fn restart(&mut self) {
        while let InventoryOutput::Persist(_, record) = self.inventory.poll_output() {
            self.disk.inventory.1.push(record);
        }
        let Disk { inventory, groups, outbox } = &self.disk;
        let summary = self.inventory.summary();
        // Another process, another clock.
        self.now = Instant::EPOCH;
        self.inventory =
            Inventory::restore(self.now, self.config.clone(), inventory.0.clone(), inventory.1.clone())
                .expect("what was stored fits");
        assert!(self.inventory.summary().rev >= summary.rev);
        self.groups = Groups::restore(limits(), groups.0.clone(), groups.1.clone(), &self.inventory)
            .expect("what was stored fits");
        self.outbox = Outbox::restore(self.now, alerts(), outbox.0.clone(), outbox.1.clone())
            .expect("what was stored fits");
        self.drain();
    }

    fn snapshot(&mut self) {
        self.disk.inventory = (self.inventory.snapshot(self.now), Vec::new());
        self.disk.groups = (self.groups.snapshot(), Vec::new());
        self.disk.outbox = (self.outbox.snapshot(self.now), Vec::new());
    }

    /// Nothing contradicts anything.
    fn check(&self) {
        let summary = self.inventory.summary();
        let records: Vec<_> = self.inventory.records(..).collect();
        assert_eq!(summary.total as usize, records.len());
        let attached = records.iter().filter(|record| record.status() == AttachStatus::Attached).count();
        assert_eq!(
            (summary.attached as usize, summary.attached + summary.detached),
            (attached, summary.total)
        );
        for (mode, count) in summary.by_mode.iter() {
            assert_eq!(records.iter().filter(|record| record.mode() == Some(mode)).count(), count as usize);
        }
        for record in &records {
            assert_eq!(self.inventory.serial_of(record.id()), Some(record.serial()));
            let told = self.told.get(&record.serial()).copied().unwrap_or(false);
            assert_eq!(told, record.status() == AttachStatus::Attached, "{record:?}");
            if let Some(credential) = record.credential() {
                assert_eq!(self.inventory.holder_of(credential), Some(record.serial()));
            }
            assert!(record.asleep_until().is_none() || record.presence() == Presence::Attached);
        }
        for (_, group) in self.groups.iter() {
            for record in &records {
                let nested = |name: &GroupId| {
                    self.groups.group(name).is_some_and(|group| group.contains(record.serial()))
                };
                let is_in = group.lists(record.id())
                    || group.rule().is_some_and(|rule| rule.matches(record))
                    || group.nested().any(nested);
                let barred = group.barred().any(|device| device == record.id());
                assert_eq!(group.contains(record.serial()), is_in && !barred);
            }
            assert_eq!(group.members().count(), group.count() as usize);
            assert!(group.members().all(|serial| self.inventory.record(serial).is_some()));
        }
        assert!(self.outbox.pending(&self.server).count() <= 4);
    }
}

fn limits() -> GroupLimits {
    GroupLimits::default().with_max_groups(3).with_max_members(3).with_max_nesting(2)
}

fn alerts() -> OutboxConfig {
    OutboxConfig::default().with_max_device_alerts(4)
}

/// Runs one input. What is refused is refused; the promises hold all the same.
pub(crate) fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let seconds = |number: u8| Duration::from_secs(number.into());
    let time = |number: u8| (number > 0).then(|| seconds(number));
    let config = InventoryConfig::default()
        .with_max_devices(4)
        .with_max_text(4)
        .with_max_names(2)
        .with_debounce(seconds(choices.below(3)))
        .with_lifetime(time(choices.below(9)))
        .with_keep_gone(time(choices.below(9)))
        .with_hash_seed(choices.below(255).into());
    let mut town = Town::new(config);
    while !choices.0.is_empty() {
        let before = choices.0.len();
        let now = town.now;
        let _ = match choices.below(24) {
            0..=3 => {
                let (device, epoch) = (choices.device(), choices.below(4));
                let fact = ["", "1", "2.0", "2.10", "toolong", "\u{7}"][usize::from(choices.below(6))];
                let seen = Sighting::new(epoch.into()).with(Fact::Firmware, fact);
                town.inventory.handle_seen(now, &device, &seen).is_ok()
            }
            4 => town.inventory.handle_registered(now, choices.device()).is_ok(),
            5 => {
                let (device, name) = (choices.device(), ["p", "q"][usize::from(choices.below(2))]);
                let credential = CredentialRef::new(name).expect("a name");
                town.inventory.handle_preregistered(now, device, credential).is_ok()
            }
            6 | 7 => {
                let (serial, epoch) = (choices.serial(), choices.below(4));
                let reason = DetachReason::ALL[usize::from(choices.below(4))];
                town.inventory.handle_detached(now, serial, epoch.into(), reason).is_ok()
            }
            8 => {
                town.inventory.handle_alive(now, choices.serial());
                true
            }
            9 => town.inventory.handle_forgotten(now, choices.serial()).is_ok(),
            10 => {
                let (serial, wakes, every) = (choices.serial(), choices.below(9), choices.below(9));
                town.inventory.handle_asleep(now, serial, seconds(wakes), time(every)).is_ok()
            }
            11 => {
                let (serial, number) = (choices.serial(), usize::from(choices.below(4)));
                let names = &["urn:a", "urn:b", "urn:a", ""][..number];
                town.inventory
                    .handle_mos(now, serial, names.iter().map(|name| &name[..name.len().min(4)]))
                    .is_ok()
                    | town.inventory.handle_servers(now, serial, ["s"].into_iter().take(number)).is_ok()
            }
            12 => {
                let (serial, mode) = (choices.serial(), Mode::new(choices.below(5)));
                town.inventory.handle_mode(now, serial, mode).is_ok()
                    | town.inventory.handle_mode_wish(now, serial, mode).is_ok()
            }
            13 => {
                let (serial, number) = (choices.serial(), choices.below(5));
                let component = Component::from_number(number).unwrap_or_default();
                let boot = BootState::from_number(number).unwrap_or_default();
                town.inventory.handle_component(now, serial, component).is_ok()
                    | town.inventory.handle_boot_state(now, serial, boot).is_ok()
            }
            14 => {
                match choices.below(3) {
                    0 => town.inventory.handle_lifetime(now, time(choices.below(9))),
                    1 => town.inventory.handle_debounce(now, seconds(choices.below(3))),
                    _ => town.inventory.handle_keep_gone(now, time(choices.below(9))),
                }
                town.config = town.inventory.config().clone();
                true
            }
            15 => {
                town.now = town.now + seconds(choices.below(8));
                town.inventory.handle_tick(town.now);
                town.outbox.handle_tick(town.now);
                true
            }
            16 => town.groups.create(choices.group()).is_ok(),
            17 => match choices.below(4) {
                0 => town.groups.delete(&choices.group()).is_ok(),
                1 => town.groups.set_max(&choices.group(), Some(2)).is_ok(),
                _ => {
                    let (group, device) = (choices.group(), choices.device());
                    town.groups.bar(&group, device.clone(), &town.inventory).is_ok()
                        || town.groups.unbar(&group, &device, &town.inventory).is_ok()
                }
            },
            18 => {
                let (group, device) = (choices.group(), choices.device());
                town.groups.add_member(&group, device.clone(), &town.inventory).is_ok()
                    || town.groups.remove_member(&group, &device, &town.inventory).is_ok()
            }
            19 => {
                let (group, rule) = (choices.group(), RULES.get(usize::from(choices.below(6))));
                let rule = rule.map(|rule| Selector::parse(rule).expect("a selector"));
                town.groups.set_rule(&group, rule, &town.inventory).is_ok()
            }
            20 => {
                let (group, child) = (choices.group(), choices.group());
                town.groups.nest(&group, &child).is_ok() || town.groups.unnest(&group, &child).is_ok()
            }
            21 => {
                let (each, detached) = (choices.below(2) == 1, choices.below(2) == 1);
                let wish = Subscription::default().with_each_time(each).with_detached(detached);
                let server = town.server.clone();
                match choices.below(4) {
                    0 => town.outbox.handle_unsubscribed(now, &server),
                    1 => town.outbox.handle_session_opened(now, &server),
                    2 => town.outbox.handle_session_closed(now, &server),
                    _ => town.outbox.handle_subscribed(now, &server, wish).expect("there is room"),
                }
                let oldest = town.outbox.pending(&server).next().map(|alert| alert.seq);
                if let (Some(seq), true) = (oldest, each) {
                    town.outbox.handle_answered(now, &server, seq, StatusCode::OK);
                }
                true
            }
            22 => {
                // Groups know what they were told only.
                town.drain();
                town.snapshot();
                true
            }
            _ => {
                town.restart();
                true
            }
        };
        assert!(choices.0.len() < before, "every operation uses an octet");
        town.drain();
        town.check();
    }
}
