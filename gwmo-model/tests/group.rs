//! Groups and target sets.

use dm_syncml::{Instant, StatusCode};
use gwmo_model::{
    DetachReason, DeviceId, Fact, GroupErrorKind, GroupId, GroupKind, GroupLimits, Groups, GroupsOutput,
    Inventory, InventoryConfig, InventoryOutput, JobKey, RestoreErrorKind, Selector, Serial, Sighting,
    TargetSet,
};

const NOW: Instant = Instant::EPOCH;

fn device(text: &str) -> DeviceId {
    DeviceId::new(text).unwrap()
}

fn group(text: &str) -> GroupId {
    GroupId::new(text).unwrap()
}

fn rule(text: &str) -> Option<Selector> {
    Some(text.parse().unwrap())
}

fn serial(number: u32) -> Serial {
    Serial::new(number).unwrap()
}

fn inventory(names: &[&str]) -> Inventory {
    let mut inventory = Inventory::new(InventoryConfig::default());
    for name in names {
        inventory.handle_registered(NOW, device(name)).unwrap();
    }
    inventory
}

fn see(inventory: &mut Inventory, name: &str, fact: Fact, value: &str) -> Serial {
    inventory.handle_seen(NOW, &device(name), &Sighting::new(0).with(fact, value)).unwrap()
}

/// Hands on what the inventory tells, and gives what the groups say: "+g 1", "-g 1", "=g".
fn feed(inventory: &mut Inventory, groups: &mut Groups) -> Vec<String> {
    loop {
        match inventory.poll_output() {
            InventoryOutput::Persist(seq, _) => inventory.handle_persisted(NOW, seq),
            InventoryOutput::Changed { serial, facts } => groups.handle_changed(serial, facts, inventory),
            InventoryOutput::Removed { serial, id } => groups.handle_removed(serial, &id),
            InventoryOutput::Wait(_) => break,
            _ => {}
        }
    }
    let mut said = Vec::new();
    loop {
        match groups.poll_output() {
            GroupsOutput::Persist(seq, _) => groups.handle_persisted(seq),
            GroupsOutput::Joined { group, serial } => said.push(format!("+{group} {serial}")),
            GroupsOutput::Left { group, serial } => said.push(format!("-{group} {serial}")),
            GroupsOutput::Redefined { group } => said.push(format!("={group}")),
            GroupsOutput::Wait(None) => return said,
            other => panic!("{other:?}"),
        }
    }
}

fn numbers(serials: &[Serial]) -> Vec<u32> {
    serials.iter().map(|serial| serial.get()).collect()
}

fn members(groups: &Groups, name: &str) -> Vec<u32> {
    groups.group(&group(name)).unwrap().members().map(Serial::get).collect()
}

#[test]
fn gwmo_group_001_a_server_manages_groups() {
    let mut inventory = inventory(&["z", "a", "m"]);
    let mut groups = Groups::new(GroupLimits::default());
    let g1 = group("g1");
    groups.create(g1.clone()).unwrap();
    assert_eq!(groups.create(g1.clone()).unwrap_err().status(), StatusCode::ALREADY_EXISTS);
    for name in ["m", "later", "z"] {
        groups.add_member(&g1, device(name), &inventory).unwrap();
    }
    let error = groups.add_member(&g1, device("m"), &inventory).unwrap_err();
    assert_eq!((error.kind(), error.status()), (GroupErrorKind::MemberExists, StatusCode::ALREADY_EXISTS));
    assert_eq!((groups.group(&g1).unwrap().listed().len(), groups.group(&g1).unwrap().count()), (3, 2));
    assert_eq!(
        numbers(&groups.resolve(&g1, &inventory).unwrap()),
        [1, 3],
        "by serial, the unknown one left out"
    );
    assert_eq!(feed(&mut inventory, &mut groups), ["=g1", "=g1"]);

    inventory.handle_registered(NOW, device("later")).unwrap();
    assert_eq!(feed(&mut inventory, &mut groups), ["+g1 4"], "it matches when it appears");
    assert_eq!(numbers(&groups.resolve(&g1, &inventory).unwrap()), [1, 3, 4]);

    let rev = groups.group(&g1).unwrap().rev();
    groups.remove_member(&g1, &device("z"), &inventory).unwrap();
    assert!(groups.group(&g1).unwrap().rev() > rev);
    let error = groups.remove_member(&g1, &device("z"), &inventory).unwrap_err();
    assert_eq!((error.kind(), error.status()), (GroupErrorKind::UnknownMember, StatusCode::NOT_FOUND));
    let listed: Vec<&str> = groups.group(&g1).unwrap().listed().map(DeviceId::as_str).collect();
    assert_eq!(listed, ["later", "m"]);
    inventory.handle_forgotten(NOW, serial(4)).unwrap();
    assert_eq!(feed(&mut inventory, &mut groups), ["=g1", "-g1 4"]);
    assert_eq!((members(&groups, "g1"), groups.group(&g1).unwrap().lists(&device("later"))), (vec![3], true));

    let rev = groups.group(&g1).unwrap().rev();
    groups.delete(&g1).unwrap();
    assert_eq!(groups.resolve(&g1, &inventory).unwrap_err().kind(), GroupErrorKind::UnknownGroup);
    groups.create(g1.clone()).unwrap();
    assert!(groups.group(&g1).unwrap().rev() > rev, "a revision never comes again");
}

#[test]
fn gwmo_group_001_a_firmware_change_moves_a_device_out() {
    let mut inventory = inventory(&[]);
    let mut groups = Groups::new(GroupLimits::default());
    see(&mut inventory, "a", Fact::Firmware, "1.9");
    see(&mut inventory, "b", Fact::Firmware, "2.0");
    see(&mut inventory, "c", Fact::Model, "X");
    groups.create(group("g2")).unwrap();
    groups.set_rule(&group("g2"), rule(r#"FwV<"2.0""#), &inventory).unwrap();
    groups.create(group("other")).unwrap();
    groups.set_rule(&group("other"), rule(r#"Info/Mod="X""#), &inventory).unwrap();
    feed(&mut inventory, &mut groups);
    assert_eq!((members(&groups, "g2"), members(&groups, "other")), (vec![1], vec![3]));
    let untouched = groups.group(&group("other")).unwrap().rev();
    // A job that was started has its own list.
    let started = groups.resolve(&group("g2"), &inventory).unwrap();

    see(&mut inventory, "a", Fact::Firmware, "2.1");
    assert_eq!(feed(&mut inventory, &mut groups), ["-g2 1"]);
    see(&mut inventory, "c", Fact::Firmware, "1.10");
    assert_eq!(feed(&mut inventory, &mut groups), ["+g2 3"]);
    assert_eq!(groups.group(&group("other")).unwrap().rev(), untouched);
    groups.delete(&group("g2")).unwrap();
    assert_eq!(numbers(&started), [1]);

    let bad = groups.set_rule(&group("other"), rule("Colour=1"), &inventory).unwrap_err();
    assert_eq!((bad.kind(), bad.status()), (GroupErrorKind::BadRule, StatusCode::BAD_REQUEST));
    assert_eq!(groups.group(&group("other")).unwrap().kind(), GroupKind::Rule);
    groups.add_member(&group("other"), device("b"), &inventory).unwrap();
    assert_eq!(
        (groups.group(&group("other")).unwrap().kind().number(), members(&groups, "other")),
        (2, vec![2, 3])
    );
    groups.set_rule(&group("other"), None, &inventory).unwrap();
    assert_eq!(members(&groups, "other"), [2]);
}

#[test]
fn groups_of_groups_and_devices_that_are_kept_out() {
    let mut inventory = inventory(&["a", "b", "c"]);
    let mut groups = Groups::new(GroupLimits::default().with_max_nesting(2));
    for name in ["house", "floor", "room", "cellar"] {
        groups.create(group(name)).unwrap();
    }
    groups.add_member(&group("room"), device("a"), &inventory).unwrap();
    groups.add_member(&group("floor"), device("b"), &inventory).unwrap();
    groups.nest(&group("house"), &group("floor")).unwrap();
    groups.nest(&group("floor"), &group("room")).unwrap();
    groups.nest(&group("house"), &group("room")).unwrap();
    assert_eq!(members(&groups, "house"), [1, 2]);
    let kind = |result: Result<(), gwmo_model::GroupError>| result.unwrap_err().kind();
    assert_eq!(kind(groups.nest(&group("room"), &group("house"))), GroupErrorKind::Cycle);
    assert_eq!(kind(groups.nest(&group("room"), &group("room"))), GroupErrorKind::Cycle);
    assert_eq!(kind(groups.nest(&group("room"), &group("cellar"))), GroupErrorKind::TooDeep);
    assert_eq!(kind(groups.nest(&group("house"), &group("attic"))), GroupErrorKind::UnknownGroup);
    assert_eq!(kind(groups.nest(&group("house"), &group("room"))), GroupErrorKind::MemberExists);
    assert_eq!(kind(groups.nest(&group("house"), &group("*"))), GroupErrorKind::ReservedGroup);

    feed(&mut inventory, &mut groups);
    groups.set_rule(&group("room"), rule(r#"Info/Mod="lamp""#), &inventory).unwrap();
    see(&mut inventory, "c", Fact::Model, "lamp");
    assert_eq!(
        feed(&mut inventory, &mut groups),
        ["+room 3", "+floor 3", "+house 3"],
        "from below, each once"
    );
    groups.bar(&group("floor"), device("c"), &inventory).unwrap();
    assert_eq!((members(&groups, "floor"), members(&groups, "house")), (vec![1, 2], vec![1, 2, 3]));
    assert_eq!(kind(groups.bar(&group("floor"), device("c"), &inventory)), GroupErrorKind::MemberExists);
    groups.unnest(&group("house"), &group("room")).unwrap();
    assert_eq!(members(&groups, "house"), [1, 2]);
    groups.unbar(&group("floor"), &device("c"), &inventory).unwrap();
    assert_eq!(members(&groups, "house"), [1, 2, 3]);

    groups.delete(&group("room")).unwrap();
    assert_eq!((members(&groups, "floor"), members(&groups, "house")), (vec![2], vec![2]));
    assert_eq!(groups.group(&group("floor")).unwrap().nested().len(), 0);
    groups.nest(&group("floor"), &group("cellar")).unwrap();
}

#[test]
fn a_group_can_be_named_bounded_and_made_from_a_job() {
    let mut inventory = inventory(&["a", "b"]);
    let mut groups = Groups::new(GroupLimits::default().with_max_label(4));
    let g = group("failed of J7");
    groups.create_from_job(g.clone(), JobKey::new("J7").unwrap()).unwrap();
    groups.set_members(&g, [device("a"), device("b"), device("a")], &inventory).unwrap();
    groups.set_label(&g, Some("four")).unwrap();
    assert_eq!(groups.set_label(&g, Some("5four")).unwrap_err().kind(), GroupErrorKind::BadLabel);
    groups.set_max(&g, Some(1)).unwrap();
    assert_eq!(groups.resolve(&g, &inventory).unwrap_err().kind(), GroupErrorKind::TooManyMembers);
    let error = groups.add_member(&g, device("c"), &inventory).unwrap_err();
    assert_eq!(error.kind(), GroupErrorKind::TooManyMembers);
    let view = groups.group(&g).unwrap();
    assert_eq!(
        (view.label(), view.from_job().map(JobKey::as_str), view.count()),
        (Some("four"), Some("J7"), 2)
    );
    groups.set_max(&g, None).unwrap();
    assert_eq!(groups.resolve(&g, &inventory).unwrap().len(), 2);
    feed(&mut inventory, &mut groups);
}

#[test]
fn the_star_is_everybody_and_nobodys() {
    let inventory = inventory(&["b", "a"]);
    let mut groups = Groups::new(GroupLimits::default());
    let all = group(GroupId::ALL_DEVICES);
    assert_eq!(numbers(&groups.resolve(&all, &inventory).unwrap()), [1, 2]);
    let errors = [
        groups.create(all.clone()),
        groups.delete(&all),
        groups.add_member(&all, device("a"), &inventory),
        groups.remove_member(&all, &device("a"), &inventory),
        groups.set_rule(&all, None, &inventory),
    ];
    for error in errors {
        let error = error.unwrap_err();
        assert_eq!((error.kind(), error.status()), (GroupErrorKind::ReservedGroup, StatusCode::NOT_ALLOWED));
    }
    assert!(groups.group(&all).is_none());
}

#[test]
fn limits_hold() {
    let limits = GroupLimits::default().with_max_groups(2).with_max_members(2).with_max_listed(3);
    let (inventory, mut groups) = (inventory(&[]), Groups::new(limits));
    groups.create(group("a")).unwrap();
    groups.create(group("b")).unwrap();
    assert_eq!(groups.create(group("c")).unwrap_err().kind(), GroupErrorKind::TooManyGroups);
    let mut kind = |name: &str, devices: &[&str]| {
        let done = groups.set_members(&group(name), devices.iter().map(|name| device(name)), &inventory);
        done.map_err(|error| (error.kind(), error.status()))
    };
    let full = Err((GroupErrorKind::TooManyMembers, StatusCode::DEVICE_FULL));
    assert_eq!(kind("a", &["x", "y", "z"]), full);
    assert_eq!(kind("a", &["x", "y"]), Ok(()));
    assert_eq!(kind("b", &["x", "y"]), full, "of all lists together");
    assert_eq!(kind("b", &["x"]), Ok(()));
    assert_eq!(
        groups.bar(&group("b"), device("q"), &inventory).unwrap_err().kind(),
        GroupErrorKind::TooManyMembers
    );
    assert!(GroupId::new(&"x".repeat(65)).is_err());
    assert!(GroupId::new("").is_err());
}

#[test]
fn a_target_set_is_union_minus_exceptions() {
    let mut inventory = inventory(&["a", "b", "c", "d"]);
    let mut groups = Groups::new(GroupLimits::default());
    groups.create(group("g")).unwrap();
    groups.add_member(&group("g"), device("b"), &inventory).unwrap();
    groups.add_member(&group("g"), device("c"), &inventory).unwrap();

    let set = TargetSet::new().with_group(group("g")).with_device(device("d")).with_device(device("b"));
    assert_eq!(numbers(&set.resolve(&inventory, &groups).unwrap().serials), [2, 3, 4]);
    let set = set.without_device(device("c")).with_device(device("nobody")).with_device(device("nor me"));
    let set = set.without_device(device("nor me"));
    let resolved = set.resolve(&inventory, &groups).unwrap();
    assert_eq!(numbers(&resolved.serials), [2, 4]);
    assert_eq!(resolved.unknown, [device("nobody")]);
    let contained: Vec<u32> =
        (1..=5).filter(|&number| set.contains(serial(number), &inventory, &groups)).collect();
    assert_eq!(contained, [2, 4]);

    see(&mut inventory, "a", Fact::Model, "X");
    let set = TargetSet::new().with_matching("Info/Mod=\"X\"|DevID=\"c\"".parse().unwrap());
    assert_eq!(numbers(&set.resolve(&inventory, &groups).unwrap().serials), [1, 3]);
    let set = set.without_group(group("g"));
    assert_eq!(numbers(&set.resolve(&inventory, &groups).unwrap().serials), [1]);
    assert!(!set.contains(serial(3), &inventory, &groups) && !set.is_empty());
    let set = set.with_matching("Colour=1".parse().unwrap());
    assert_eq!(set.resolve(&inventory, &groups).unwrap_err().kind(), GroupErrorKind::BadRule);

    let set = TargetSet::new().with_group(group("missing"));
    assert_eq!(set.resolve(&inventory, &groups).unwrap_err().kind(), GroupErrorKind::UnknownGroup);
    assert!(TargetSet::new().is_empty());
    assert!(TargetSet::new().resolve(&inventory, &groups).unwrap().serials.is_empty());
}

#[test]
fn revisions_do_not_come_again_after_a_restart() {
    let mut inventory = inventory(&["a"]);
    let mut groups = Groups::new(GroupLimits::default());
    let before = groups.snapshot();
    groups.create(group("there")).unwrap();
    groups.set_rule(&group("there"), rule("AttachStatus=1"), &inventory).unwrap();
    let mut records = Vec::new();
    for _ in 0..5000 {
        see(&mut inventory, "a", Fact::Model, "X");
        inventory.handle_detached(NOW, serial(1), 0, DetachReason::Left).unwrap();
        loop {
            match inventory.poll_output() {
                InventoryOutput::Persist(seq, _) => inventory.handle_persisted(NOW, seq),
                InventoryOutput::Changed { serial, facts } => {
                    groups.handle_changed(serial, facts, &inventory)
                }
                InventoryOutput::Wait(_) => break,
                _ => {}
            }
            // Debounced by hand: the facts that changed are told once for both changes.
        }
        see(&mut inventory, "a", Fact::Model, "Y");
        feed_records(&mut inventory, &mut groups, &mut records);
    }
    let rev = groups.rev();
    let restored =
        Groups::restore(GroupLimits::default(), before.clone(), records.clone(), &inventory).unwrap();
    assert!(restored.rev() > rev && restored.group(&group("there")).unwrap().rev() > rev);
    assert_eq!(members(&restored, "there"), members(&groups, "there"));
    assert!(records.len() < 10, "{} records for {rev} revisions", records.len());
    let error =
        Groups::restore(GroupLimits::default(), before, records[1..].to_vec(), &inventory).unwrap_err();
    assert_eq!(error.kind(), RestoreErrorKind::Gap);
    let none = GroupLimits::default().with_max_groups(0);
    let error = Groups::restore(none, groups.snapshot(), [], &inventory).unwrap_err();
    assert_eq!(error.kind(), RestoreErrorKind::TooMany);
}

fn feed_records(inventory: &mut Inventory, groups: &mut Groups, records: &mut Vec<gwmo_model::GroupRecord>) {
    loop {
        match inventory.poll_output() {
            InventoryOutput::Persist(seq, _) => inventory.handle_persisted(NOW, seq),
            InventoryOutput::Changed { serial, facts } => groups.handle_changed(serial, facts, inventory),
            InventoryOutput::Wait(_) => break,
            _ => {}
        }
    }
    loop {
        match groups.poll_output() {
            GroupsOutput::Persist(seq, record) => {
                records.push(record);
                groups.handle_persisted(seq);
            }
            GroupsOutput::Wait(_) => return,
            _ => {}
        }
    }
}
