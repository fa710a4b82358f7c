//! The inventory against a naive model, with a restart at any point.

extern crate alloc;

use alloc::collections::BTreeMap;
use core::time::Duration;

use dm_syncml::Instant;
use gwmo_model::{
    AttachStatus, DetachReason, DeviceId, Fact, Inventory, InventoryConfig, InventoryOutput, InventoryRecord,
    InventorySnapshot, Serial, Sighting,
};
use proptest::prelude::*;

fn at(seconds: u64) -> Instant {
    Instant::new(Duration::from_secs(seconds))
}

fn id(device: u8) -> DeviceId {
    DeviceId::new(&format!("device:{device}")).unwrap()
}

fn serial(number: u32) -> Serial {
    Serial::new(number).unwrap()
}

#[derive(Clone, Debug)]
enum Event {
    Register(u8),
    See(u8, u64, Option<u8>),
    Alive(u32),
    Detach(u32, u64, DetachReason),
    Forget(u32),
    Sleep(u32, u64),
    Tick,
    /// From the last snapshot and the records, or from a new snapshot with records that are in it already.
    Restart {
        snapshot: bool,
    },
    Snapshot,
}

fn event() -> impl Strategy<Value = Event> {
    let reason = prop_oneof![Just(DetachReason::Left), Just(DetachReason::Moved)];
    prop_oneof![
        1 => (0..4u8).prop_map(Event::Register),
        4 => (0..4u8, 0..4u64, prop::option::of(0..3u8)).prop_map(|(device, epoch, fact)| Event::See(device, epoch, fact)),
        2 => (1..6u32).prop_map(Event::Alive),
        3 => (1..6u32, 0..4u64, reason).prop_map(|(serial, epoch, reason)| Event::Detach(serial, epoch, reason)),
        1 => (1..6u32).prop_map(Event::Forget),
        1 => (1..6u32, 0..9u64).prop_map(|(serial, time)| Event::Sleep(serial, time)),
        1 => Just(Event::Tick),
        1 => any::<bool>().prop_map(|snapshot| Event::Restart { snapshot }),
        1 => Just(Event::Snapshot),
    ]
}

/// A device as plainly as possible.
#[derive(Clone, PartialEq, Debug)]
struct Model {
    device: u8,
    epoch: u64,
    /// What servers see.
    attached: bool,
    /// What was last said, and when it differs from what servers see: since when.
    there: bool,
    pending: Option<u64>,
    before: bool,
    moved: bool,
    seen: u64,
    gone: u64,
    wakes: Option<u64>,
    fact: u8,
}

#[derive(Clone, Copy, Debug)]
struct Times {
    debounce: u64,
    lifetime: Option<u64>,
    keep: Option<u64>,
}

impl Model {
    fn new(device: u8) -> Self {
        Self {
            device,
            epoch: 0,
            attached: false,
            there: false,
            pending: None,
            before: false,
            moved: false,
            seen: 0,
            gone: 0,
            wakes: None,
            fact: 0,
        }
    }

    /// It is said to be there or not.
    fn say(&mut self, there: bool, certain: bool, now: u64) {
        self.there = there;
        if there {
            self.moved = false;
        }
        if there == self.attached {
            // Who was about to come is gone anew.
            if self.pending.take().is_some() && !there {
                self.gone = now;
            }
        } else if certain {
            self.settle(now);
        } else {
            self.pending = self.pending.or(Some(now));
        }
        if !there || !self.attached {
            self.wakes = None;
        }
    }

    fn settle(&mut self, now: u64) {
        self.pending = None;
        self.attached = self.there;
        self.before |= self.attached;
        if self.attached {
            self.seen = self.seen.max(now);
        } else {
            self.gone = now;
            self.wakes = None;
        }
    }

    /// When something happens by itself.
    fn deadline(&self, times: Times) -> Option<u64> {
        if let Some(since) = self.pending {
            return Some(since + times.debounce);
        }
        match (self.attached, self.wakes) {
            (true, Some(wakes)) => Some(wakes),
            (true, None) => Some(self.seen + times.lifetime?),
            (false, _) if self.before => Some(self.gone + times.keep?),
            (false, _) => None,
        }
    }

    /// Does what is due; whether the record stays.
    fn due(&mut self, times: Times, now: u64) -> bool {
        while self.deadline(times).is_some_and(|at| at <= now) {
            if self.pending.is_some() {
                // It begins its lifetime when that is found out.
                self.settle(now);
                if self.attached {
                    self.seen = now;
                }
            } else if self.attached && self.wakes.is_some() {
                self.wakes = None;
                self.seen = now;
            } else if self.attached {
                self.say(false, true, now);
            } else {
                return false;
            }
        }
        true
    }
}

/// A store: the last snapshot and the records after it.
struct Store {
    snapshot: InventorySnapshot,
    records: Vec<InventoryRecord>,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn inventory_agrees_with_a_naive_model(
        debounce in prop_oneof![Just(0), 1..6u64],
        lifetime in prop::option::of(0..20u64),
        keep in prop::option::of(0..30u64),
        events in prop::collection::vec((0..8u64, event()), 1..80),
    ) {
        let times = Times { debounce, lifetime, keep };
        let config = || InventoryConfig::default()
            .with_max_devices(3)
            .with_debounce(Duration::from_secs(debounce))
            .with_lifetime(lifetime.map(Duration::from_secs))
            .with_keep_gone(keep.map(Duration::from_secs));
        let mut inventory = Inventory::new(config());
        let mut store = Store { snapshot: inventory.snapshot(at(0)), records: Vec::new() };
        let mut model: BTreeMap<u32, Model> = BTreeMap::new();
        // What a listener was told last of each device, and the last revision it heard.
        let (mut heard, mut heard_rev): (BTreeMap<u32, bool>, u64) = (BTreeMap::new(), 0);
        let (mut next, mut now, mut rev) = (1, 0, 0);
        for (step, event) in events {
            now += step;
            // What is due is done before, by the model; the inventory does it with the event.
            let find = |model: &BTreeMap<u32, Model>, device| model.iter().find(|(_, m)| m.device == device).map(|(&s, _)| s);
            match event {
                Event::Register(device) => {
                    let result = inventory.handle_registered(at(now), id(device));
                    if find(&model, device).is_none() && model.len() < 3 {
                        prop_assert_eq!(result.unwrap(), serial(next));
                        model.insert(next, Model { seen: now, ..Model::new(device) });
                        next += 1;
                    } else {
                        prop_assert!(result.is_err());
                    }
                }
                Event::See(device, epoch, fact) => {
                    let text = fact.map(|fact| fact.to_string());
                    let mut sighting = Sighting::new(epoch);
                    if let Some(text) = &text {
                        sighting = sighting.with(Fact::Model, text);
                    }
                    let result = inventory.handle_seen(at(now), &id(device), &sighting);
                    let known = match find(&model, device) {
                        None if model.len() == 3 => None,
                        None => {
                            model.insert(next, Model::new(device));
                            next += 1;
                            Some(next - 1)
                        }
                        known => known,
                    };
                    prop_assert_eq!(known.is_none() , result.as_ref().is_err_and(|error| error.status() == dm_syncml::StatusCode::DEVICE_FULL));
                    if let Some(m) = known.and_then(|number| model.get_mut(&number)) {
                        let fresh = epoch > m.epoch || epoch == m.epoch && !m.moved;
                        prop_assert_eq!(result.is_ok(), fresh);
                        if fresh {
                            m.epoch = epoch;
                            m.seen = now;
                            m.fact = fact.unwrap_or(m.fact);
                            m.wakes = None;
                            m.say(true, debounce == 0, now);
                        }
                    }
                }
                Event::Alive(number) => {
                    inventory.handle_alive(at(now), serial(number));
                    if let Some(m) = model.get_mut(&number).filter(|m| m.attached) {
                        m.seen = now;
                        m.wakes = None;
                        m.say(true, true, now);
                    }
                }
                Event::Sleep(number, time) => {
                    let result = inventory.handle_asleep(at(now), serial(number), Duration::from_secs(time), None);
                    prop_assert_eq!(result.is_ok(), model.contains_key(&number));
                    if let Some(m) = model.get_mut(&number).filter(|m| m.attached) {
                        m.say(true, true, now);
                        m.seen = now;
                        m.wakes = Some(now + time);
                    }
                }
                Event::Detach(number, epoch, reason) => {
                    let result = inventory.handle_detached(at(now), serial(number), epoch, reason);
                    let known = model.get_mut(&number).filter(|m| epoch >= m.epoch);
                    prop_assert_eq!(result.is_ok(), known.is_some());
                    if let Some(m) = known {
                        m.say(false, reason == DetachReason::Moved || debounce == 0, now);
                        m.moved |= reason == DetachReason::Moved;
                        m.epoch = epoch;
                    }
                }
                Event::Forget(number) => {
                    let result = inventory.handle_forgotten(at(now), serial(number));
                    prop_assert_eq!(result.is_ok(), model.remove(&number).is_some());
                }
                Event::Tick => inventory.handle_tick(at(now)),
                Event::Snapshot => {
                    inventory.handle_tick(at(now));
                    store = Store { snapshot: inventory.snapshot(at(now)), records: Vec::new() };
                }
                Event::Restart { snapshot } => {
                    inventory.handle_tick(at(now));
                    model.retain(|_, m| m.due(times, now));
                    // What it wants stored is stored, or the snapshot has it; nothing that is due is told yet.
                    while let InventoryOutput::Persist(_, record) = inventory.poll_output() {
                        store.records.push(record);
                    }
                    // Replayed records begin to wait anew; where the model would have to know since when, a snapshot says it.
                    let waits = |m: &Model| m.pending.is_some() || m.wakes.is_some() || !m.attached && m.before && keep.is_some();
                    if snapshot || model.values().any(waits) {
                        store.snapshot = inventory.snapshot(at(now));
                    }
                    inventory = Inventory::restore(at(now), config(), store.snapshot.clone(), store.records.clone()).unwrap();
                    for m in model.values_mut().filter(|m| m.attached && m.pending.is_none()) {
                        m.seen = now;
                    }
                    store.records.clear();
                    store.snapshot = inventory.snapshot(at(now));
                }
            }
            model.retain(|_, m| m.due(times, now));
            let wait = loop {
                match inventory.poll_output() {
                    InventoryOutput::Persist(seq, record) => {
                        store.records.push(record);
                        inventory.handle_persisted(at(now), seq);
                    }
                    // A listener that has heard of a revision needs not hear of it again.
                    InventoryOutput::DeviceAttached { serial, rev, .. } if rev > heard_rev => {
                        heard_rev = rev;
                        prop_assert_ne!(heard.insert(serial.get(), true), Some(true));
                    }
                    InventoryOutput::DeviceDetached { serial, rev, .. } if rev > heard_rev => {
                        heard_rev = rev;
                        prop_assert_eq!(heard.insert(serial.get(), false), Some(true));
                    }
                    InventoryOutput::Wait(at) => break at,
                    _ => {}
                }
            };
            prop_assert_eq!(wait, model.values().filter_map(|m| m.deadline(times)).min().map(at));
            for (&number, m) in &model {
                let record = inventory.record(serial(number)).unwrap();
                prop_assert_eq!(record.status() == AttachStatus::Attached, m.attached);
                prop_assert_eq!((record.epoch(), record.id()), (m.epoch, &id(m.device)));
                prop_assert_eq!(record.asleep_until(), m.wakes.map(at));
                prop_assert_eq!(record.fact(Fact::Model).and_then(|text| text.parse().ok()).unwrap_or(0), m.fact);
                prop_assert_eq!(inventory.serial_of(&id(m.device)), Some(serial(number)));
                // The outputs account for every change of status.
                prop_assert_eq!(heard.get(&number).copied().unwrap_or(false), m.attached);
            }
            let attached = model.values().filter(|m| m.attached).count() as u32;
            let summary = inventory.summary();
            let total = model.len() as u32;
            prop_assert_eq!((summary.total, summary.attached, summary.detached), (total, attached, total - attached));
            prop_assert!(inventory.records(..).map(|record| record.serial().get()).eq(model.keys().copied()));
            prop_assert!(summary.rev >= rev);
            rev = summary.rev;
        }
    }

    /// GwMO-HLF-002, use case B.4: whatever the order in which three gateways hear of a device, the one of its last
    /// epoch has it.
    #[test]
    fn gwmo_hlf_002_the_last_epoch_wins_in_any_order(
        homes in prop::collection::vec(0..3usize, 1..8),
        debounce in 0..2u64,
        order in Just(()).prop_perturb(|(), mut rng| rng.random::<u64>()),
    ) {
        let gateways = || Inventory::new(InventoryConfig::default().with_debounce(Duration::from_secs(debounce)));
        let mut gateways = [gateways(), gateways(), gateways()];
        let phone = DeviceId::new("imei:1").unwrap();
        for gateway in &mut gateways {
            gateway.handle_registered(at(0), phone.clone()).unwrap();
        }
        // Each attachment is news to all three: seen here, moved there.
        let mut news: Vec<(usize, u64, usize)> = (0..3)
            .flat_map(|gateway| homes.iter().enumerate().map(move |(n, &home)| (gateway, n as u64 + 1, home)))
            .collect();
        let mut random = order;
        for index in (1..news.len()).rev() {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            news.swap(index, (random >> 33) as usize % (index + 1));
        }
        for (gateway, epoch, home) in news {
            let inventory = &mut gateways[gateway];
            // News that are stale are refused, which is the point.
            if gateway == home {
                let _ = inventory.handle_seen(at(1), &phone, &Sighting::new(epoch));
            } else {
                let _ = inventory.handle_detached(at(1), serial(1), epoch, DetachReason::Moved);
            }
        }
        let last = homes[homes.len() - 1];
        for (gateway, inventory) in gateways.iter_mut().enumerate() {
            inventory.handle_tick(at(2));
            prop_assert_eq!(inventory.summary().attached == 1, gateway == last);
        }
    }
}
