//! The inventory: scenarios by requirement, then random events against a naive model.

extern crate alloc;

use alloc::collections::BTreeMap;
use core::ops::Bound::{Excluded, Included, Unbounded};
use core::time::Duration;

use dm_syncml::{Instant, StatusCode};
use gwmo_model::{
    AttachStatus, DetachReason, DeviceId, Fact, Inventory, InventoryConfig, InventoryErrorKind,
    InventoryOutput, Serial, Sighting,
};
use proptest::prelude::*;

fn at(seconds: u64) -> Instant {
    Instant::new(Duration::from_secs(seconds))
}

fn id(text: &str) -> DeviceId {
    DeviceId::new(text).unwrap()
}

fn serial(number: u32) -> Serial {
    Serial::new(number).unwrap()
}

/// Everything up to `Wait`, and what it waits for.
fn drain(inventory: &mut Inventory) -> (Vec<InventoryOutput>, Option<Instant>) {
    let mut outputs = Vec::new();
    loop {
        match inventory.poll_output() {
            InventoryOutput::Wait(at) => return (outputs, at),
            output => outputs.push(output),
        }
    }
}

fn counts(inventory: &Inventory) -> (u32, u32, u32) {
    let summary = inventory.summary();
    (summary.total, summary.attached, summary.detached)
}

#[test]
fn gwmo_di_001_one_device_is_found_by_serial_and_by_id() {
    let mut inventory = Inventory::new(InventoryConfig::default());
    for n in 1..=9 {
        inventory.handle_registered(at(0), id(&format!("imei:{n}"))).unwrap();
    }
    let sighting = Sighting::new(3).with(Fact::Model, "X1").with(Fact::PublicAddress, "192.0.2.7");
    assert_eq!(inventory.handle_seen(at(5), &id("IMEI:7"), &sighting).unwrap(), serial(7));

    let record = inventory.record(serial(7)).unwrap();
    assert_eq!((record.serial(), record.id().as_str(), record.epoch()), (serial(7), "imei:7", 3));
    assert_eq!((record.status().number(), record.since()), (1, at(5)));
    assert_eq!(record.fact(Fact::Model), Some("X1"));
    assert_eq!(record.fact(Fact::PublicAddress), Some("192.0.2.7"));
    assert_eq!(record.fact(Fact::Firmware), None);
    assert_eq!(inventory.serial_of(&id("Imei:7")), Some(serial(7)));
    assert!(inventory.record(serial(10)).is_none());
}

#[test]
fn gwmo_di_002_summary_and_pages_of_ten_thousand() {
    let mut inventory = Inventory::new(InventoryConfig::default());
    for n in 1..=10_000 {
        inventory.handle_seen(at(0), &id(&format!("d:{n}")), &Sighting::new(0)).unwrap();
    }
    for n in 1..=10 {
        inventory.handle_detached(at(1), serial(n * 1000), 0, DetachReason::Left).unwrap();
    }
    assert_eq!(counts(&inventory), (10_000, 9_990, 10));

    // Pages of 64, each from the last serial of the page before: all of them, each once, in order.
    let (mut seen, mut last) = (Vec::new(), Unbounded);
    loop {
        let page: Vec<Serial> =
            inventory.records((last, Unbounded)).take(64).map(|record| record.serial()).collect();
        let Some(&end) = page.last() else { break };
        seen.extend(page);
        last = Excluded(end);
    }
    assert!(seen.iter().copied().eq((1..=10_000).map(serial)));
    let away = inventory.records(..).filter(|record| record.status() == AttachStatus::Detached);
    assert_eq!(away.count(), 10);
}

#[test]
fn gwmo_di_003_status_follows_presence() {
    let mut inventory = Inventory::new(InventoryConfig::default());
    let camera = id("camera:1");
    let one = inventory.handle_registered(at(0), camera.clone()).unwrap();
    assert_eq!(inventory.record(one).unwrap().status(), AttachStatus::Detached);
    assert!(!inventory.record(one).unwrap().was_seen());
    assert_eq!(drain(&mut inventory), (vec![], None));

    inventory.handle_seen(at(1), &camera, &Sighting::new(1)).unwrap();
    let attached =
        |epoch, first| InventoryOutput::DeviceAttached { serial: one, id: camera.clone(), epoch, first };
    assert_eq!(drain(&mut inventory).0, [attached(1, true)]);
    inventory.handle_seen(at(2), &camera, &Sighting::new(1)).unwrap();
    assert_eq!(drain(&mut inventory).0, [], "seen again is not attached again");

    inventory.handle_detached(at(3), one, 1, DetachReason::Left).unwrap();
    let left = InventoryOutput::DeviceDetached {
        serial: one,
        id: camera.clone(),
        epoch: 1,
        reason: DetachReason::Left,
    };
    assert_eq!(drain(&mut inventory).0, [left]);
    inventory.handle_detached(at(4), one, 1, DetachReason::Left).unwrap();
    assert_eq!(drain(&mut inventory).0, [], "gone twice is gone once");
    assert_eq!(inventory.record(one).unwrap().since(), at(3));
    assert_eq!(inventory.record(one).unwrap().detach_reason(), Some(DetachReason::Left));

    inventory.handle_seen(at(5), &camera, &Sighting::new(2)).unwrap();
    assert_eq!(drain(&mut inventory).0, [attached(2, false)]);
}

#[test]
fn gwmo_hlf_002_a_late_sighting_does_not_bring_a_device_back() {
    let mut inventory = Inventory::new(InventoryConfig::default());
    let phone = id("imei:1");
    let one = inventory.handle_seen(at(0), &phone, &Sighting::new(4)).unwrap();
    inventory.handle_detached(at(1), one, 5, DetachReason::Moved).unwrap();
    let rev = inventory.summary().rev;
    for epoch in [0, 4, 5] {
        let error =
            inventory.handle_seen(at(2), &phone, &Sighting::new(epoch).with(Fact::Model, "old")).unwrap_err();
        assert_eq!(error.kind(), InventoryErrorKind::StaleEpoch { known: 5 });
        assert_eq!(error.status(), StatusCode::CONFLICT);
    }
    assert!(inventory.handle_detached(at(2), one, 4, DetachReason::Left).is_err());
    assert_eq!((inventory.summary().rev, inventory.summary().attached), (rev, 0), "nothing changed");
    inventory.handle_seen(at(3), &phone, &Sighting::new(6)).unwrap();
    assert_eq!(inventory.summary().attached, 1);
}

#[test]
fn gwmo_hlf_003_registered_beforehand_seen_later() {
    let mut inventory = Inventory::new(InventoryConfig::default());
    let one = inventory.handle_registered(at(0), id("new:1")).unwrap();
    let error = inventory.handle_registered(at(0), id("NEW:1")).unwrap_err();
    assert_eq!(error.kind(), InventoryErrorKind::AlreadyRegistered { serial: one });
    assert_eq!(error.status(), StatusCode::ALREADY_EXISTS);
    assert_eq!(error.to_string(), "device is registered already as 1");
    assert_eq!(inventory.handle_seen(at(1), &id("new:1"), &Sighting::new(0)).unwrap(), one);
}

#[test]
fn silence_ends_an_attachment_and_signs_of_life_prolong_it() {
    let lifetime = Some(Duration::from_secs(10));
    let mut inventory = Inventory::new(InventoryConfig::default().with_lifetime(lifetime));
    let one = inventory.handle_seen(at(0), &id("a"), &Sighting::new(0)).unwrap();
    let two = inventory.handle_seen(at(1), &id("b"), &Sighting::new(0)).unwrap();
    assert_eq!(drain(&mut inventory).1, Some(at(10)));
    inventory.handle_alive(at(9), one);
    assert_eq!(drain(&mut inventory).1, Some(at(11)));
    inventory.handle_tick(at(3)); // the clock stepped back
    inventory.handle_tick(at(10));
    assert_eq!(drain(&mut inventory), (vec![], Some(at(11))));
    inventory.handle_tick(at(11));
    let (outputs, wait) = drain(&mut inventory);
    assert!(matches!(
        outputs[..],
        [InventoryOutput::DeviceDetached { serial, reason: DetachReason::Timeout, .. }] if serial == two
    ));
    assert_eq!(wait, Some(at(19)));
    inventory.handle_alive(at(12), two); // says nothing about a device that is away
    assert_eq!(drain(&mut inventory).1, Some(at(19)));

    inventory.handle_lifetime(at(12), None);
    assert_eq!(drain(&mut inventory).1, None);
    inventory.handle_lifetime(at(18), Some(Duration::from_secs(2)));
    assert_eq!(counts(&inventory), (2, 0, 2), "counted from the last sign of life");
}

#[test]
fn serials_are_never_given_twice() {
    let mut inventory = Inventory::new(InventoryConfig::default());
    let one = inventory.handle_seen(at(0), &id("a"), &Sighting::new(7)).unwrap();
    drain(&mut inventory);
    inventory.handle_forgotten(at(1), one).unwrap();
    assert!(matches!(
        drain(&mut inventory).0[..],
        [InventoryOutput::DeviceDetached { reason: DetachReason::Forgotten, epoch: 7, .. }]
    ));
    assert_eq!(inventory.handle_forgotten(at(1), one).unwrap_err().status(), StatusCode::NOT_FOUND);
    let again = inventory.handle_seen(at(2), &id("a"), &Sighting::new(0)).unwrap();
    assert_eq!(again, serial(2), "a new registration: a new serial, and epochs from the start");

    let next = inventory.next_serial().unwrap();
    let mut restarted = Inventory::new(InventoryConfig::default().with_first_serial(next));
    assert_eq!(restarted.handle_registered(at(0), id("b")).unwrap(), serial(3));

    let mut last = Inventory::new(InventoryConfig::default().with_first_serial(Serial::MAX));
    last.handle_registered(at(0), id("a")).unwrap();
    last.handle_forgotten(at(0), Serial::MAX).unwrap();
    assert_eq!(last.handle_registered(at(0), id("b")).unwrap_err().kind(), InventoryErrorKind::Full);
}

#[test]
fn what_is_too_much_is_refused_without_effect() {
    let mut inventory = Inventory::new(InventoryConfig::default().with_max_devices(2).with_max_text(4));
    let kind = |inventory: &mut Inventory, name: &str, fact| {
        inventory
            .handle_seen(at(0), &id(name), &Sighting::new(0).with(Fact::Model, fact))
            .map_err(|e| e.kind())
    };
    assert_eq!(kind(&mut inventory, "a", "12345"), Err(InventoryErrorKind::TextTooLong { max: 4 }));
    assert_eq!(kind(&mut inventory, "a", "1\u{0}2"), Err(InventoryErrorKind::ControlCharacter));
    assert_eq!(inventory.summary().total, 0, "not even registered");
    kind(&mut inventory, "a", "1234").unwrap();
    kind(&mut inventory, "b", "").unwrap();
    assert_eq!(kind(&mut inventory, "c", ""), Err(InventoryErrorKind::Full));
    assert_eq!(counts(&inventory), (2, 2, 0));

    // An empty fact is forgotten, one that is not told stays.
    inventory.handle_seen(at(1), &id("a"), &Sighting::new(0).with(Fact::Firmware, "2")).unwrap();
    assert_eq!(inventory.record(serial(1)).unwrap().fact(Fact::Model), Some("1234"));
    let rev = inventory.summary().rev;
    kind(&mut inventory, "a", "1234").unwrap();
    assert_eq!(inventory.summary().rev, rev, "nothing new is no change");
    kind(&mut inventory, "a", "").unwrap();
    assert_eq!(inventory.record(serial(1)).unwrap().fact(Fact::Model), None);
    assert!(inventory.summary().rev > rev);
}

#[test]
fn odd_ranges_hold_nothing() {
    let mut inventory = Inventory::new(InventoryConfig::default());
    inventory.handle_registered(at(0), id("a")).unwrap();
    let one = serial(1);
    let upside_down = (Included(serial(5)), Included(one));
    assert_eq!(inventory.records(upside_down).count(), 0);
    assert_eq!(inventory.records((Excluded(one), Excluded(one))).count(), 0);
    assert_eq!(inventory.records((Excluded(one), Included(one))).count(), 0);
    assert_eq!(inventory.records(one..=one).count(), 1);
}

#[derive(Clone, Debug)]
enum Event {
    Register(u8),
    See(u8, u64),
    Alive(u32),
    Detach(u32, u64, DetachReason),
    Forget(u32),
    Tick,
}

fn event() -> impl Strategy<Value = Event> {
    let reason = prop_oneof![Just(DetachReason::Left), Just(DetachReason::Moved)];
    prop_oneof![
        1 => (0..4u8).prop_map(Event::Register),
        4 => (0..4u8, 0..4u64).prop_map(|(device, epoch)| Event::See(device, epoch)),
        2 => (1..6u32).prop_map(Event::Alive),
        3 => (1..6u32, 0..4u64, reason).prop_map(|(serial, epoch, reason)| Event::Detach(serial, epoch, reason)),
        1 => (1..6u32).prop_map(Event::Forget),
        1 => Just(Event::Tick),
    ]
}

/// A device as plainly as possible.
#[derive(Clone, Debug)]
struct Model {
    device: u8,
    epoch: u64,
    attached: bool,
    moved: bool,
    seen: u64,
}

proptest! {
    #[test]
    fn inventory_agrees_with_a_naive_model(
        lifetime in prop::option::of(0..20u64),
        events in prop::collection::vec((0..8u64, event()), 1..80),
    ) {
        let config = InventoryConfig::default().with_max_devices(3);
        let mut inventory = Inventory::new(config.with_lifetime(lifetime.map(Duration::from_secs)));
        let mut model: BTreeMap<u32, Model> = BTreeMap::new();
        let (mut next, mut now, mut rev) = (1, 0, 0);
        for (step, event) in events {
            now += step;
            let mut changes = 0i32;
            let before: BTreeMap<u32, bool> = model.iter().map(|(&serial, m)| (serial, m.attached)).collect();
            let name = |device: u8| id(&format!("device:{device}"));
            let find = |model: &BTreeMap<u32, Model>, device| model.iter().find(|(_, m)| m.device == device).map(|(&s, _)| s);
            match event {
                Event::Register(device) => {
                    let result = inventory.handle_registered(at(now), name(device));
                    if find(&model, device).is_none() && model.len() < 3 {
                        prop_assert_eq!(result.unwrap(), serial(next));
                        model.insert(next, Model { device, epoch: 0, attached: false, moved: false, seen: now });
                        next += 1;
                    } else {
                        prop_assert!(result.is_err());
                    }
                }
                Event::See(device, epoch) => {
                    let result = inventory.handle_seen(at(now), &name(device), &Sighting::new(epoch));
                    let known = find(&model, device);
                    match known {
                        None if model.len() == 3 => prop_assert!(result.is_err()),
                        None => {
                            prop_assert_eq!(result.unwrap(), serial(next));
                            model.insert(next, Model { device, epoch, attached: true, moved: false, seen: now });
                            next += 1;
                        }
                        Some(number) => {
                            let m = model.get_mut(&number).unwrap();
                            let fresh = epoch > m.epoch || epoch == m.epoch && !m.moved;
                            prop_assert_eq!(result.is_ok(), fresh);
                            if fresh {
                                *m = Model { device, epoch, attached: true, moved: false, seen: now };
                            }
                        }
                    }
                }
                Event::Alive(number) => {
                    inventory.handle_alive(at(now), serial(number));
                    if let Some(m) = model.get_mut(&number).filter(|m| m.attached) {
                        m.seen = now;
                    }
                }
                Event::Detach(number, epoch, reason) => {
                    let result = inventory.handle_detached(at(now), serial(number), epoch, reason);
                    let known = model.get_mut(&number).filter(|m| epoch >= m.epoch);
                    prop_assert_eq!(result.is_ok(), known.is_some());
                    if let Some(m) = known {
                        let was_seen = inventory.record(serial(number)).unwrap().was_seen();
                        m.moved |= reason == DetachReason::Moved && was_seen;
                        m.attached = false;
                        m.epoch = epoch;
                    }
                }
                Event::Forget(number) => {
                    let result = inventory.handle_forgotten(at(now), serial(number));
                    let removed = model.remove(&number).is_some();
                    prop_assert_eq!(result.is_ok(), removed);
                    changes += i32::from(removed);
                }
                Event::Tick => inventory.handle_tick(at(now)),
            }
            if let Some(lifetime) = lifetime {
                model.values_mut().filter(|m| m.seen + lifetime <= now).for_each(|m| m.attached = false);
            }
            let (outputs, wait) = drain(&mut inventory);
            let soonest = model.values().filter(|m| m.attached).map(|m| m.seen).min();
            prop_assert_eq!(wait, lifetime.and_then(|lifetime| Some(at(soonest? + lifetime))));
            for (&number, m) in &model {
                let record = inventory.record(serial(number)).unwrap();
                prop_assert_eq!(record.status() == AttachStatus::Attached, m.attached);
                prop_assert_eq!((record.epoch(), record.id()), (m.epoch, &name(m.device)));
                // The outputs account for every change of status.
                let told = outputs.iter().rev().find_map(|output| match output {
                    InventoryOutput::DeviceAttached { serial, .. } if serial.get() == number => Some(true),
                    InventoryOutput::DeviceDetached { serial, .. } if serial.get() == number => Some(false),
                    _ => None,
                });
                let was = before.get(&number).copied().unwrap_or(false);
                prop_assert_eq!(told.unwrap_or(was), m.attached);
                changes += i32::from(was != m.attached);
            }
            let attached = model.values().filter(|m| m.attached).count() as u32;
            prop_assert_eq!(counts(&inventory), (model.len() as u32, attached, model.len() as u32 - attached));
            let new_rev = inventory.summary().rev;
            prop_assert!(new_rev >= rev && (changes == 0 || new_rev > rev));
            rev = new_rev;
        }
    }

    /// GwMO-HLF-002: whatever the order in which three gateways hear of a device, the one of its last epoch has it.
    #[test]
    fn gwmo_hlf_002_the_last_epoch_wins_in_any_order(
        homes in prop::collection::vec(0..3usize, 1..8),
        order in Just(()).prop_perturb(|(), mut rng| rng.random::<u64>()),
    ) {
        let gateways = || Inventory::new(InventoryConfig::default());
        let mut gateways = [gateways(), gateways(), gateways()];
        let phone = id("imei:1");
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
        for (gateway, inventory) in gateways.iter().enumerate() {
            prop_assert_eq!(inventory.summary().attached == 1, gateway == last);
        }
    }
}
