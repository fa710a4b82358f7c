//! Groups and target sets.

use dm_syncml::{Instant, StatusCode};
use gwmo_model::{
    DeviceId, GroupErrorKind, GroupId, GroupLimits, Groups, Inventory, InventoryConfig, Serial, TargetSet,
};

const NOW: Instant = Instant::EPOCH;

fn device(text: &str) -> DeviceId {
    DeviceId::new(text).unwrap()
}

fn group(text: &str) -> GroupId {
    GroupId::new(text).unwrap()
}

fn inventory(names: &[&str]) -> Inventory {
    let mut inventory = Inventory::new(InventoryConfig::default());
    for name in names {
        inventory.handle_registered(NOW, device(name)).unwrap();
    }
    inventory
}

fn numbers(serials: &[Serial]) -> Vec<u32> {
    serials.iter().map(|serial| serial.get()).collect()
}

#[test]
fn gwmo_group_001_a_server_manages_groups() {
    let mut inventory = inventory(&["z", "a", "m"]);
    let mut groups = Groups::new(GroupLimits::default());
    let g1 = group("g1");
    groups.create(g1.clone()).unwrap();
    assert_eq!(groups.create(g1.clone()).unwrap_err().status(), StatusCode::ALREADY_EXISTS);
    for name in ["m", "later", "z"] {
        groups.add_member(&g1, device(name)).unwrap();
    }
    let error = groups.add_member(&g1, device("m")).unwrap_err();
    assert_eq!((error.kind(), error.status()), (GroupErrorKind::MemberExists, StatusCode::ALREADY_EXISTS));
    assert_eq!(groups.group(&g1).unwrap().count(), 3);
    assert_eq!(
        numbers(&groups.resolve(&g1, &inventory).unwrap()),
        [1, 3],
        "by serial, the unknown one left out"
    );

    inventory.handle_registered(NOW, device("later")).unwrap();
    assert_eq!(numbers(&groups.resolve(&g1, &inventory).unwrap()), [1, 3, 4], "it matches when it appears");

    let rev = groups.group(&g1).unwrap().rev();
    groups.remove_member(&g1, &device("z")).unwrap();
    assert!(groups.group(&g1).unwrap().rev() > rev);
    let error = groups.remove_member(&g1, &device("z")).unwrap_err();
    assert_eq!((error.kind(), error.status()), (GroupErrorKind::UnknownMember, StatusCode::NOT_FOUND));
    let members: Vec<&str> = groups.group(&g1).unwrap().members().map(DeviceId::as_str).collect();
    assert_eq!(members, ["later", "m"]);

    let rev = groups.group(&g1).unwrap().rev();
    groups.delete(&g1).unwrap();
    assert_eq!(groups.resolve(&g1, &inventory).unwrap_err().kind(), GroupErrorKind::UnknownGroup);
    groups.create(g1.clone()).unwrap();
    assert!(groups.group(&g1).unwrap().rev() > rev, "a revision never comes again");
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
        groups.add_member(&all, device("a")),
        groups.remove_member(&all, &device("a")),
    ];
    for error in errors {
        let error = error.unwrap_err();
        assert_eq!((error.kind(), error.status()), (GroupErrorKind::ReservedGroup, StatusCode::NOT_ALLOWED));
    }
    assert!(groups.group(&all).is_none());
}

#[test]
fn limits_hold() {
    let mut groups = Groups::new(GroupLimits::default().with_max_groups(1).with_max_members(1));
    groups.create(group("a")).unwrap();
    assert_eq!(groups.create(group("b")).unwrap_err().kind(), GroupErrorKind::TooManyGroups);
    groups.add_member(&group("a"), device("x")).unwrap();
    let error = groups.add_member(&group("a"), device("y")).unwrap_err();
    assert_eq!((error.kind(), error.status()), (GroupErrorKind::TooManyMembers, StatusCode::DEVICE_FULL));
    assert!(GroupId::new(&"x".repeat(65)).is_err());
    assert!(GroupId::new("").is_err());
}

#[test]
fn a_target_set_is_union_minus_exceptions() {
    let inventory = inventory(&["a", "b", "c", "d"]);
    let mut groups = Groups::new(GroupLimits::default());
    groups.create(group("g")).unwrap();
    groups.add_member(&group("g"), device("b")).unwrap();
    groups.add_member(&group("g"), device("c")).unwrap();

    let set = TargetSet::new().with_group(group("g")).with_device(device("d")).with_device(device("b"));
    assert_eq!(numbers(&set.resolve(&inventory, &groups).unwrap().serials), [2, 3, 4]);
    let set = set.without_device(device("c")).with_device(device("nobody")).with_device(device("nor me"));
    let resolved = set.without_device(device("nor me")).resolve(&inventory, &groups).unwrap();
    assert_eq!(numbers(&resolved.serials), [2, 4]);
    assert_eq!(resolved.unknown, [device("nobody")]);

    let set = TargetSet::new().with_group(group("missing"));
    assert_eq!(set.resolve(&inventory, &groups).unwrap_err().kind(), GroupErrorKind::UnknownGroup);
    assert!(TargetSet::new().is_empty());
    assert!(TargetSet::new().resolve(&inventory, &groups).unwrap().serials.is_empty());
}
