//! Groups as a server makes them.

use gwmo_model::mo::GroupsSlot;

use crate::town::requests::*;
use crate::town::{Town, device_id};

#[test]
fn gwmo_group_001_groups_of_any_size() {
    let mut town = Town::with_devices(1, 3);
    let ids: Vec<_> = (1..=2000).map(device_id).collect();
    // As a list while it is short, else member by member, always in commands that fit a message.
    town.ask(0, console().create_group(&group("all"), &ids));
    town.ask(0, console().create_group(&group("few"), &ids[..2]));
    let node = |slot: GroupsSlot, name: &str| get(&node(slot, &[name, ids[1].as_str()]));
    let items = town.ask(
        0,
        vec![
            node(GroupsSlot::Count, "all"),
            node(GroupsSlot::Count, "few"),
            node(GroupsSlot::List, "few"),
            node(GroupsSlot::Member, "few"),
            node(GroupsSlot::Members, "few"),
        ],
    );
    let texts: Vec<_> = items.iter().map(|item| item.data.as_ref().unwrap().as_text().unwrap()).collect();
    let list = format!("{}\n{}\n", ids[0], ids[1]);
    assert_eq!(texts, ["3", "2", &list, ids[1].as_str(), &format!("{}/{}", ids[0], ids[1])]);
    assert_eq!(town.codes(0, vec![node(GroupsSlot::List, "all")]), [413], "too long for one piece");

    // Membership changes, and the group of everybody cannot.
    town.ask(0, vec![console().set_members(&group("few"), &ids[1..4])]);
    let commands = [
        console().create_group(&group("*"), &[]),
        console().create_group(&group("few"), &[]),
        console().add_members(&group("few"), &ids[1..2]),
    ];
    assert_eq!(town.codes(0, commands.concat()), [405, 418, 418]);
    town.ask(0, vec![console().remove_member(&group("few"), &ids[1])]);
    assert_eq!(town.gateway.groups().group(&group("few")).unwrap().listed().len(), 2);

    // Another server's group is neither to be read, nor changed, nor addressed.
    assert_eq!(
        town.codes(1, vec![node(GroupsSlot::Count, "few"), console().delete_group(&group("few"))]),
        [425, 425]
    );
    let mut commands = console().add_job(&job("B1", "few"));
    commands.push(console().start_job(&key("B1"), None));
    assert_eq!(town.codes(1, commands).last(), Some(&425));
}
