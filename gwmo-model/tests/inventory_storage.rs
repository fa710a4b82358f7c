//! Snapshots and records of the inventory, the groups and the outbox through a store, and what is refused from it.
#![cfg(feature = "serde")]

use core::time::Duration;

use dm_syncml::Instant;
use dm_tree::ServerId;
use gwmo_model::{
    CredentialRef, DetachReason, DeviceId, Fact, GroupId, GroupLimits, GroupRecord, Groups, GroupsOutput,
    GroupsSnapshot, Inventory, InventoryConfig, InventoryOutput, InventoryRecord, InventorySnapshot, Mode,
    Outbox, OutboxConfig, OutboxOutput, OutboxRecord, OutboxSnapshot, RestoreErrorKind, ResultCode, Sighting,
    Subscription,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const NOW: Instant = Instant::EPOCH;

fn through<T: Serialize + DeserializeOwned + PartialEq + core::fmt::Debug>(value: &T) -> T {
    let text = serde_json::to_string(value).unwrap();
    let again = serde_json::from_str(&text).unwrap();
    assert_eq!(&again, value, "{text}");
    again
}

struct Machines {
    inventory: Inventory,
    groups: Groups,
    outbox: Outbox,
    records: (Vec<InventoryRecord>, Vec<GroupRecord>, Vec<OutboxRecord>),
}

/// Something of everything.
fn machines() -> Machines {
    let mut inventory = Inventory::new(InventoryConfig::default());
    let id = |name: &str| DeviceId::new(name).unwrap();
    let secret = CredentialRef::new("slot 1").unwrap();
    inventory.handle_preregistered(NOW, id("new"), secret).unwrap();
    let seen = Sighting::new(3).with(Fact::Firmware, "2.0").with(Fact::Model, "Ü");
    let one = inventory.handle_seen(NOW, &id("urn:uuid:1"), &seen).unwrap();
    inventory.handle_mos(NOW, one, ["urn:a", "urn:b"]).unwrap();
    inventory.handle_servers(NOW, one, ["s"]).unwrap();
    inventory.handle_mode(NOW, one, Some(Mode::Proxy)).unwrap();
    inventory.handle_asleep(NOW, one, Duration::from_secs(60), Some(Duration::from_secs(600))).unwrap();
    let two = inventory.handle_seen(NOW, &id("b"), &Sighting::new(0)).unwrap();
    inventory.handle_detached(NOW, two, 4, DetachReason::Moved).unwrap();

    let mut groups = Groups::new(GroupLimits::default());
    let (old, all) = (GroupId::new("old").unwrap(), GroupId::new("all").unwrap());
    groups.create(old.clone()).unwrap();
    groups.create(all.clone()).unwrap();
    groups.set_rule(&old, Some("Info/Fw<2.1".parse().unwrap()), &inventory).unwrap();
    groups.add_member(&all, id("b"), &inventory).unwrap();
    groups.bar(&all, id("c"), &inventory).unwrap();
    groups.nest(&all, &old).unwrap();
    groups.set_label(&all, Some("everybody")).unwrap();

    let mut outbox = Outbox::new(OutboxConfig::default());
    let server = ServerId::new("s").unwrap();
    outbox.handle_subscribed(NOW, &server, Subscription::default().with_each_time(true)).unwrap();
    outbox.handle_device_attached(NOW, 5, one, &id("urn:uuid:1"), 3, true);
    outbox.handle_job_ended(NOW, &server, gwmo_model::JobNo::new(1), 1, ResultCode::ALL_OK).unwrap();

    let mut records = (Vec::new(), Vec::new(), Vec::new());
    while let InventoryOutput::Persist(_, record) = inventory.poll_output() {
        records.0.push(through(&record));
    }
    while let GroupsOutput::Persist(_, record) = groups.poll_output() {
        records.1.push(through(&record));
    }
    while let OutboxOutput::Persist(_, record) = outbox.poll_output() {
        records.2.push(through(&record));
    }
    Machines { inventory, groups, outbox, records }
}

#[test]
fn what_was_stored_is_what_comes_back() {
    let Machines { inventory, groups, outbox, records } = machines();
    let snapshots =
        (through(&inventory.snapshot(NOW)), through(&groups.snapshot()), through(&outbox.snapshot(NOW)));
    // From records alone, and from a snapshot with records that are in it.
    let empty = (
        Inventory::new(InventoryConfig::default()).snapshot(NOW),
        Groups::new(GroupLimits::default()).snapshot(),
        Outbox::new(OutboxConfig::default()).snapshot(NOW),
    );
    for from in [empty, snapshots.clone()] {
        let again = Inventory::restore(NOW, InventoryConfig::default(), from.0, records.0.clone()).unwrap();
        assert_eq!(again.snapshot(NOW), snapshots.0);
        let again = Groups::restore(GroupLimits::default(), from.1, records.1.clone(), &again).unwrap();
        for (id, group) in groups.iter() {
            assert!(again.group(id).unwrap().members().eq(group.members()));
        }
        let again = Outbox::restore(NOW, OutboxConfig::default(), from.2, records.2.clone()).unwrap();
        assert_eq!(again.snapshot(NOW), snapshots.2);
    }
}

/// A snapshot with one value changed.
fn changed<T: Serialize + DeserializeOwned>(snapshot: &T, at: &str, to: Value) -> T {
    let mut value = serde_json::to_value(snapshot).unwrap();
    *value
        .pointer_mut(at)
        .unwrap_or_else(|| panic!("{at} in {}", serde_json::to_string(snapshot).unwrap())) = to;
    serde_json::from_value(value).unwrap()
}

#[test]
fn what_contradicts_itself_is_refused() {
    let Machines { inventory, groups, outbox, .. } = machines();
    let snapshot = inventory.snapshot(NOW);
    let kind = |snapshot: InventorySnapshot| {
        Inventory::restore(NOW, InventoryConfig::default(), snapshot, []).unwrap_err().kind()
    };
    assert_eq!(kind(changed(&snapshot, "/version", json!(9))), RestoreErrorKind::UnknownVersion);
    for (at, to) in [
        ("/next", json!(2)),
        ("/devices/1/serial", json!(1)),
        ("/devices/1/id", json!("new")),
        ("/devices/0/presence", json!("Attached")),
        ("/devices/2/reason", json!(null)),
        ("/devices/2/wakes_in", json!({"secs": 1, "nanos": 0})),
        ("/devices/1/texts/ends/0", json!(9)),
        ("/devices/1/mos", json!("a\n\nb")),
        ("/devices/1/credential", json!("slot 1")),
    ] {
        assert_eq!(kind(changed(&snapshot, at, to)), RestoreErrorKind::BadSnapshot, "{at}");
    }

    let snapshot = groups.snapshot();
    let kind = |snapshot: GroupsSnapshot| {
        Groups::restore(GroupLimits::default(), snapshot, [], &inventory).unwrap_err().kind()
    };
    assert_eq!(kind(changed(&snapshot, "/version", json!(0))), RestoreErrorKind::UnknownVersion);
    for (at, to) in [
        ("/groups/1/id", json!("all")),
        ("/groups/1/id", json!("*")),
        ("/groups/1/nested", json!(["all"])),
        ("/groups/0/nested", json!(["nobody"])),
        ("/groups/1/rule", json!("Colour=1")),
        ("/groups/1/label", json!("a\u{7}")),
    ] {
        assert_eq!(kind(changed(&snapshot, at, to)), RestoreErrorKind::BadSnapshot, "{at}");
    }

    let snapshot = outbox.snapshot(NOW);
    let kind = |snapshot: OutboxSnapshot| {
        Outbox::restore(NOW, OutboxConfig::default(), snapshot, []).unwrap_err().kind()
    };
    assert_eq!(kind(changed(&snapshot, "/version", json!(2))), RestoreErrorKind::UnknownVersion);
    for (at, to) in
        [("/next", json!(2)), ("/desks/0/alerts/1/seq", json!(1)), ("/desks/0/done", json!([[1, 1]]))]
    {
        assert_eq!(kind(changed(&snapshot, at, to)), RestoreErrorKind::BadSnapshot, "{at}");
    }
}
