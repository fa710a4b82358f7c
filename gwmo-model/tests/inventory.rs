//! The inventory: scenarios by requirement, then random events against a naive model.

use core::ops::Bound::{Excluded, Included, Unbounded};
use core::time::Duration;

use dm_syncml::{Instant, StatusCode};
use gwmo_model::{
    AttachStatus, BootState, Component, CredentialRef, DetachReason, DeviceId, Fact, FactSet, Inventory,
    InventoryConfig, InventoryErrorKind, InventoryOutput, InventoryRecord, Mode, Presence, RestoreErrorKind,
    Serial, Sighting,
};

fn at(seconds: u64) -> Instant {
    Instant::new(Duration::from_secs(seconds))
}

fn id(text: &str) -> DeviceId {
    DeviceId::new(text).unwrap()
}

fn serial(number: u32) -> Serial {
    Serial::new(number).unwrap()
}

/// Changes of presence up to `Wait`, and what it waits for. Everything is stored at once.
fn drain(inventory: &mut Inventory) -> (Vec<InventoryOutput>, Option<Instant>) {
    let mut outputs = Vec::new();
    loop {
        match inventory.poll_output() {
            InventoryOutput::Persist(seq, _) => inventory.handle_persisted(at(0), seq),
            InventoryOutput::Wait(at) => return (outputs, at),
            output @ (InventoryOutput::DeviceAttached { .. } | InventoryOutput::DeviceDetached { .. }) => {
                outputs.push(output);
            }
            _ => {}
        }
    }
}

/// Changes of presence, short: "new 1", "back 1", "left 1".
fn told(inventory: &mut Inventory) -> Vec<String> {
    let short = |output: &InventoryOutput| match output {
        InventoryOutput::DeviceAttached { serial, first: true, .. } => format!("new {serial}"),
        InventoryOutput::DeviceAttached { serial, .. } => format!("back {serial}"),
        InventoryOutput::DeviceDetached { serial, reason, .. } => format!("{} {serial}", reason.as_str()),
        other => format!("{other:?}"),
    };
    drain(inventory).0.iter().map(short).collect()
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
    assert_eq!((record.status().number(), record.status_age(at(8))), (1, Duration::from_secs(3)));
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
    assert_eq!(told(&mut inventory), ["new 1"]);
    inventory.handle_seen(at(2), &camera, &Sighting::new(1)).unwrap();
    assert_eq!(told(&mut inventory), [""; 0], "seen again is not attached again");

    inventory.handle_detached(at(3), one, 1, DetachReason::Left).unwrap();
    assert_eq!(told(&mut inventory), ["left 1"]);
    inventory.handle_detached(at(4), one, 1, DetachReason::Left).unwrap();
    assert_eq!(told(&mut inventory), [""; 0], "gone twice is gone once");
    assert_eq!(inventory.record(one).unwrap().status_age(at(10)), Duration::from_secs(7));
    assert_eq!(inventory.record(one).unwrap().detach_reason(), Some(DetachReason::Left));

    inventory.handle_seen(at(5), &camera, &Sighting::new(2)).unwrap();
    assert_eq!(told(&mut inventory), ["back 1"]);
}

#[test]
fn gwmo_di_003_a_change_must_hold() {
    let mut inventory = Inventory::new(InventoryConfig::default().with_debounce(Duration::from_secs(5)));
    let lamp = id("lamp:1");
    let one = inventory.handle_seen(at(0), &lamp, &Sighting::new(0)).unwrap();
    let presence = |inventory: &Inventory| inventory.record(one).unwrap().presence();
    assert_eq!((presence(&inventory), drain(&mut inventory).1), (Presence::Seen, Some(at(5))));
    inventory.handle_detached(at(1), one, 0, DetachReason::Left).unwrap();
    assert_eq!((presence(&inventory), drain(&mut inventory).1), (Presence::Registered, None));
    inventory.handle_seen(at(2), &lamp, &Sighting::new(0)).unwrap();
    inventory.handle_seen(at(6), &lamp, &Sighting::new(0)).unwrap();
    inventory.handle_tick(at(7));
    assert_eq!((presence(&inventory), told(&mut inventory)), (Presence::Attached, vec!["new 1".into()]));

    // Flapping inside the debounce time yields nothing.
    for second in 0..20 {
        inventory.handle_detached(at(10 + second), one, 0, DetachReason::Left).unwrap();
        assert_eq!((presence(&inventory), counts(&inventory)), (Presence::Fading, (1, 1, 0)));
        inventory.handle_seen(at(10 + second), &lamp, &Sighting::new(0)).unwrap();
    }
    assert_eq!((told(&mut inventory), drain(&mut inventory).1), (vec![], None));
    inventory.handle_detached(at(40), one, 0, DetachReason::Left).unwrap();
    inventory.handle_tick(at(44));
    assert_eq!(told(&mut inventory), [""; 0]);
    inventory.handle_tick(at(45));
    assert_eq!(told(&mut inventory), ["left 1"]);

    // That it moved is certain; that it is back in a later epoch has to hold again.
    inventory.handle_seen(at(50), &lamp, &Sighting::new(1)).unwrap();
    inventory.handle_tick(at(55));
    inventory.handle_detached(at(56), one, 2, DetachReason::Moved).unwrap();
    assert_eq!(told(&mut inventory), ["back 1", "moved 1"]);
    inventory.handle_seen(at(57), &lamp, &Sighting::new(3)).unwrap();
    inventory.handle_seen(at(58), &lamp, &Sighting::new(3)).unwrap();
    inventory.handle_tick(at(62));
    assert_eq!(told(&mut inventory), ["back 1"]);
}

#[test]
fn gwmo_di_002_what_matches_is_selected_and_paged() {
    let mut inventory = Inventory::new(InventoryConfig::default());
    for n in 1..=10_000 {
        inventory.handle_seen(at(0), &id(&format!("d:{n}")), &Sighting::new(0)).unwrap();
    }
    for n in 1..=10 {
        inventory.handle_detached(at(1), serial(n * 1000), 0, DetachReason::Left).unwrap();
    }
    for (n, mode) in (1..=44).zip([Mode::Proxy; 40].into_iter().chain([Mode::Adaptation; 4])) {
        inventory.handle_mode(at(2), serial(n), Some(mode)).unwrap();
    }
    let away = inventory.select(&"AttachStatus==2".parse().unwrap());
    assert_eq!(away.rev(), inventory.summary().rev);
    inventory.handle_forgotten(at(3), serial(1000)).unwrap();
    let (mut pages, mut last) = (Vec::new(), None);
    while let Some(&end) = away.page(last, 4).last() {
        pages.push(away.page(last, 4).len());
        last = Some(end);
    }
    assert_eq!((pages, away.serials().len()), (vec![4, 4, 2], 10), "as it was when it was taken");
    assert!(away.rev() < inventory.summary().rev);
    let modes = inventory.summary().by_mode;
    assert_eq!(modes.iter().map(|(mode, n)| (mode.get(), n)).collect::<Vec<_>>(), [(1, 0), (2, 40), (4, 4)]);
    assert_eq!(modes.get(Mode::Adaptation), 4);
}

#[test]
fn use_case_b_1_a_public_address_is_found_or_not() {
    let mut inventory = Inventory::new(InventoryConfig::default());
    let seen = Sighting::new(0).with(Fact::PublicAddress, "192.0.2.7");
    let one = inventory.handle_seen(at(0), &id("a"), &seen).unwrap();
    let two = inventory.handle_seen(at(0), &id("b"), &Sighting::new(0)).unwrap();
    let address = |serial| inventory.record(serial).unwrap().fact(Fact::PublicAddress).map(String::from);
    assert_eq!((address(one), address(two)), (Some("192.0.2.7".into()), None));
}

#[test]
fn use_case_b_6_credentials_are_for_one_device() {
    let mut inventory = Inventory::new(InventoryConfig::default());
    let name = CredentialRef::new("slot 7").unwrap();
    let one = inventory.handle_preregistered(at(0), id("new:1"), name.clone()).unwrap();
    let error = inventory.handle_preregistered(at(0), id("new:2"), name.clone()).unwrap_err();
    assert_eq!((error.kind(), inventory.summary().total), (InventoryErrorKind::CredentialInUse, 1));
    let two = inventory.handle_registered(at(0), id("new:2")).unwrap();
    assert!(inventory.handle_credential(at(0), two, Some(name.clone())).is_err());
    inventory.handle_credential(at(0), one, Some(name.clone())).unwrap();
    assert_eq!(inventory.holder_of(&name), Some(one));
    inventory.handle_credential(at(1), one, None).unwrap();
    inventory.handle_credential(at(1), two, Some(name.clone())).unwrap();
    assert_eq!(
        (inventory.holder_of(&name), inventory.record(two).unwrap().credential()),
        (Some(two), Some(&name))
    );
    inventory.handle_forgotten(at(2), two).unwrap();
    assert_eq!(inventory.holder_of(&name), None);
}

#[test]
fn a_sleeping_device_is_attached_and_out_of_reach() {
    let config = InventoryConfig::default().with_lifetime(Some(Duration::from_secs(10)));
    let mut inventory = Inventory::new(config);
    let one = inventory.handle_seen(at(0), &id("meter"), &Sighting::new(0)).unwrap();
    inventory.handle_asleep(at(1), one, Duration::from_secs(60), Some(Duration::from_secs(3600))).unwrap();
    let mut outputs = Vec::new();
    let wait = loop {
        match inventory.poll_output() {
            InventoryOutput::Persist(seq, _) => inventory.handle_persisted(at(1), seq),
            InventoryOutput::Wait(at) => break at,
            output => outputs.push(output),
        }
    };
    assert_eq!(outputs.last(), Some(&InventoryOutput::Asleep { serial: one, until: at(61) }));
    assert_eq!((wait, counts(&inventory)), (Some(at(61)), (1, 1, 0)), "its lifetime stands still");
    let asleep = |inventory: &Inventory| inventory.record(one).unwrap().asleep_until();
    assert_eq!(asleep(&inventory), Some(at(61)));
    inventory.handle_tick(at(61));
    assert_eq!((asleep(&inventory), drain(&mut inventory).1), (None, Some(at(71))));
    assert_eq!(inventory.record(one).unwrap().wakes_every(), Some(Duration::from_secs(3600)));

    // It wakes early when it is heard of, and does not sleep when it is away.
    inventory.handle_asleep(at(62), one, Duration::from_secs(60), None).unwrap();
    inventory.handle_alive(at(63), one);
    assert_eq!((asleep(&inventory), drain(&mut inventory).1), (None, Some(at(73))));
    inventory.handle_asleep(at(64), one, Duration::from_secs(60), None).unwrap();
    inventory.handle_detached(at(65), one, 0, DetachReason::Left).unwrap();
    assert_eq!((asleep(&inventory), drain(&mut inventory).1), (None, None));
    inventory.handle_asleep(at(66), one, Duration::from_secs(60), None).unwrap();
    assert_eq!(asleep(&inventory), None);
}

#[test]
fn who_is_gone_for_long_is_forgotten() {
    let config = InventoryConfig::default().with_keep_gone(Some(Duration::from_secs(100)));
    let mut inventory = Inventory::new(config);
    inventory.handle_registered(at(0), id("expected")).unwrap();
    let two = inventory.handle_seen(at(0), &id("b"), &Sighting::new(0)).unwrap();
    inventory.handle_detached(at(50), two, 0, DetachReason::Left).unwrap();
    assert_eq!(drain(&mut inventory).1, Some(at(150)));
    inventory.handle_tick(at(150));
    assert_eq!((counts(&inventory), inventory.serial_of(&id("b"))), ((1, 0, 1), None));
    assert_eq!(told(&mut inventory), [""; 0], "it was detached before");
}

#[test]
fn every_change_names_the_facts_it_changes() {
    let mut inventory = Inventory::new(InventoryConfig::default().with_max_names(2));
    let changed = |inventory: &mut Inventory| {
        let mut changed = Vec::new();
        loop {
            match inventory.poll_output() {
                InventoryOutput::Persist(seq, _) => inventory.handle_persisted(at(0), seq),
                InventoryOutput::Changed { facts, .. } => changed.push(facts),
                InventoryOutput::Wait(_) => return changed,
                _ => {}
            }
        }
    };
    let model = FactSet::of(Fact::Model);
    let one = inventory.handle_seen(at(0), &id("a"), &Sighting::new(3).with(Fact::Model, "X")).unwrap();
    let all = FactSet::REGISTERED | model | FactSet::EPOCH | FactSet::ATTACH_STATUS;
    assert_eq!(changed(&mut inventory), [all], "told at once");
    inventory.handle_seen(at(0), &id("a"), &Sighting::new(3).with(Fact::Model, "X")).unwrap();
    inventory.handle_alive(at(0), one);
    assert_eq!(changed(&mut inventory), []);
    inventory.handle_mos(at(0), one, ["urn:a", "urn:b", "urn:a"]).unwrap();
    inventory.handle_mos(at(0), one, ["urn:a", "urn:b"]).unwrap();
    assert_eq!(changed(&mut inventory), [FactSet::MOS]);
    assert_eq!(inventory.record(one).unwrap().mos().collect::<Vec<_>>(), ["urn:a", "urn:b"]);
    let error = inventory.handle_servers(at(0), one, ["a", "b", "c"]).unwrap_err();
    assert_eq!(error.kind(), InventoryErrorKind::TooManyNames { max: 2 });
    inventory.handle_servers(at(0), one, ["s"]).unwrap();
    inventory.handle_boot_state(at(0), one, BootState::Confirmed).unwrap();
    inventory.handle_component(at(0), one, Component::ChildGateway).unwrap();
    inventory.handle_mode(at(0), one, Some(Mode::Proxy)).unwrap();
    inventory.handle_mode_wish(at(0), one, Some(Mode::Transparent)).unwrap();
    let several = FactSet::SERVERS | FactSet::BOOT | FactSet::COMPONENT | FactSet::MODE | FactSet::MODE_WISH;
    assert_eq!(changed(&mut inventory), [several]);
    assert_eq!(
        inventory.handle_mode(at(0), serial(9), None).unwrap_err().kind(),
        InventoryErrorKind::UnknownDevice
    );
}

#[test]
fn presence_is_told_after_it_is_stored_and_again_after_a_restart() {
    let mut inventory = Inventory::new(InventoryConfig::default());
    let before = inventory.snapshot(at(0));
    inventory.handle_seen(at(1), &id("a"), &Sighting::new(7)).unwrap();
    let (mut records, mut last) = (Vec::new(), None);
    loop {
        match inventory.poll_output() {
            InventoryOutput::Persist(seq, record) => {
                records.push(record);
                last = Some(seq);
            }
            InventoryOutput::Changed { .. } => {}
            InventoryOutput::Wait(_) => break,
            other => panic!("nothing of that is stored: {other:?}"),
        }
    }
    let after = inventory.snapshot(at(1));
    inventory.handle_persisted(at(2), last.unwrap());
    let told = inventory.poll_output();
    let InventoryOutput::DeviceAttached { rev, first: true, epoch: 7, .. } = told else { panic!("{told:?}") };
    assert_eq!(rev, inventory.summary().rev);
    assert_eq!(inventory.poll_output(), InventoryOutput::Wait(None));

    // Nobody knows whether it was heard: it comes again, as what it was.
    for (snapshot, records) in
        [(before.clone(), records.clone()), (after.clone(), vec![]), (after, records.clone())]
    {
        let mut again = Inventory::restore(at(0), InventoryConfig::default(), snapshot, records).unwrap();
        assert_eq!(drain(&mut again).0, core::slice::from_ref(&told));
        assert_eq!(again.summary(), inventory.summary());
    }
    let bare = inventory.snapshot(at(3));
    let mut again = Inventory::restore(at(0), InventoryConfig::default(), bare, records.clone()).unwrap();
    assert_eq!(drain(&mut again).0, []);

    let kind = |records: Vec<InventoryRecord>| {
        Inventory::restore(at(0), InventoryConfig::default(), before.clone(), records).unwrap_err().kind()
    };
    assert_eq!(kind(records[1..].to_vec()), RestoreErrorKind::Gap);
    let none = InventoryConfig::default().with_max_devices(0);
    let error = Inventory::restore(at(0), none, before.clone(), records).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (RestoreErrorKind::TooMany, "more than the limits allow at entry 0")
    );
}

#[test]
fn ages_outlive_a_restart_and_lifetimes_begin_anew() {
    let config = || InventoryConfig::default().with_lifetime(Some(Duration::from_secs(10)));
    let mut inventory = Inventory::new(config());
    let one = inventory.handle_seen(at(0), &id("a"), &Sighting::new(0)).unwrap();
    let two = inventory.handle_seen(at(0), &id("b"), &Sighting::new(0)).unwrap();
    inventory.handle_detached(at(3), two, 0, DetachReason::Left).unwrap();
    drain(&mut inventory);
    let snapshot = inventory.snapshot(at(9));
    // Another process, another epoch of its clock.
    let mut inventory = Inventory::restore(at(1), config(), snapshot, []).unwrap();
    assert_eq!(inventory.record(one).unwrap().status_age(at(1)), Duration::from_secs(9));
    assert_eq!(inventory.record(two).unwrap().status_age(at(2)), Duration::from_secs(7));
    assert_eq!(drain(&mut inventory), (vec![], Some(at(11))));
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
    assert!(inventory.record(one).is_none());
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
