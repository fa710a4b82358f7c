//! Groups against a naive model, with a restart at any point.

extern crate alloc;

use alloc::collections::{BTreeMap, BTreeSet};

use dm_syncml::Instant;
use gwmo_model::{
    DetachReason, DeviceId, Fact, GroupId, GroupLimits, GroupRecord, Groups, GroupsOutput, Inventory,
    InventoryConfig, InventoryOutput, Serial, Sighting,
};
use proptest::prelude::*;

const NOW: Instant = Instant::EPOCH;
const RULES: [&str; 5] =
    ["AttachStatus=1", "Info/Fw<2", r#"Info/Mod="X"&AttachStatus=2"#, r#"!Info/Mod="X""#, r#"DevID~"d:1""#];

fn id(device: u8) -> DeviceId {
    DeviceId::new(&format!("d:{device}")).unwrap()
}

fn group(number: u8) -> GroupId {
    GroupId::new(&format!("g{number}")).unwrap()
}

#[derive(Clone, Debug)]
enum Event {
    See(u8, Option<u8>, Option<bool>),
    Detach(u8),
    Register(u8),
    Forget(u8),
    Create(u8),
    Delete(u8),
    Add(u8, u8),
    Remove(u8, u8),
    Set(u8, Vec<u8>),
    Bar(u8, u8),
    Unbar(u8, u8),
    Rule(u8, Option<u8>),
    Nest(u8, u8),
    Unnest(u8, u8),
    Max(u8, Option<u32>),
    Restart,
    Snapshot,
}

fn event() -> impl Strategy<Value = Event> {
    let (g, d) = (|| 0..5u8, || 0..5u8);
    prop_oneof![
        6 => (d(), prop::option::of(1..4u8), prop::option::of(any::<bool>())).prop_map(|(d, fw, x)| Event::See(d, fw, x)),
        3 => d().prop_map(Event::Detach),
        1 => d().prop_map(Event::Register),
        2 => d().prop_map(Event::Forget),
        3 => g().prop_map(Event::Create),
        1 => g().prop_map(Event::Delete),
        3 => (g(), d()).prop_map(|(g, d)| Event::Add(g, d)),
        1 => (g(), d()).prop_map(|(g, d)| Event::Remove(g, d)),
        1 => (g(), prop::collection::vec(d(), 0..4)).prop_map(|(g, d)| Event::Set(g, d)),
        1 => (g(), d()).prop_map(|(g, d)| Event::Bar(g, d)),
        1 => (g(), d()).prop_map(|(g, d)| Event::Unbar(g, d)),
        3 => (g(), prop::option::of(0..5u8)).prop_map(|(g, rule)| Event::Rule(g, rule)),
        4 => (g(), g()).prop_map(|(a, b)| Event::Nest(a, b)),
        1 => (g(), g()).prop_map(|(a, b)| Event::Unnest(a, b)),
        1 => (g(), prop::option::of(0..3u32)).prop_map(|(g, max)| Event::Max(g, max)),
        1 => Just(Event::Restart),
        1 => Just(Event::Snapshot),
    ]
}

#[derive(Clone, Default, Debug)]
struct Model {
    listed: BTreeSet<u8>,
    barred: BTreeSet<u8>,
    rule: Option<u8>,
    nested: BTreeSet<u8>,
    max: Option<u32>,
}

/// Who is in a group, by its definition.
fn members(model: &BTreeMap<u8, Model>, number: u8, inventory: &Inventory) -> BTreeSet<Serial> {
    let group = &model[&number];
    let mut found: BTreeSet<Serial> =
        group.listed.iter().filter_map(|&d| inventory.serial_of(&id(d))).collect();
    if let Some(rule) = group.rule {
        let rule = RULES[usize::from(rule)].parse().unwrap();
        found.extend(inventory.select(&rule).serials());
    }
    for &child in &group.nested {
        found.extend(members(model, child, inventory));
    }
    for &device in &group.barred {
        found.retain(|serial| Some(*serial) != inventory.serial_of(&id(device)));
    }
    found
}

/// The longest way down, a cycle being endless.
fn depth(model: &BTreeMap<u8, Model>, number: u8, left: u8) -> u8 {
    if left == 0 {
        return 100;
    }
    model[&number]
        .nested
        .iter()
        .map(|&child| depth(model, child, left - 1).saturating_add(1))
        .max()
        .unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn groups_agree_with_a_naive_model(events in prop::collection::vec(event(), 1..80)) {
        let limits = GroupLimits::default().with_max_groups(4).with_max_members(3).with_max_nesting(2);
        let mut inventory = Inventory::new(InventoryConfig::default());
        let mut groups = Groups::new(limits);
        let mut model: BTreeMap<u8, Model> = BTreeMap::new();
        let (mut snapshot, mut records): (_, Vec<GroupRecord>) = (groups.snapshot(), Vec::new());
        // What a listener makes of what it is told, and the revisions it saw last.
        let mut heard: BTreeMap<GroupId, BTreeSet<Serial>> = BTreeMap::new();
        let mut revs: BTreeMap<GroupId, (u64, BTreeSet<Serial>)> = BTreeMap::new();
        for event in events {
            match event {
                Event::See(device, firmware, is_x) => {
                    let firmware = firmware.map(|number| number.to_string());
                    let mut seen = Sighting::new(0);
                    if let Some(firmware) = &firmware {
                        seen = seen.with(Fact::Firmware, firmware);
                    }
                    if let Some(is_x) = is_x {
                        seen = seen.with(Fact::Model, if is_x { "X" } else { "Y" });
                    }
                    inventory.handle_seen(NOW, &id(device), &seen).unwrap();
                }
                Event::Detach(device) => {
                    if let Some(serial) = inventory.serial_of(&id(device)) {
                        inventory.handle_detached(NOW, serial, 0, DetachReason::Left).unwrap();
                    }
                }
                Event::Register(device) => drop(inventory.handle_registered(NOW, id(device))),
                Event::Forget(device) => {
                    if let Some(serial) = inventory.serial_of(&id(device)) {
                        inventory.handle_forgotten(NOW, serial).unwrap();
                    }
                }
                Event::Create(g) => {
                    let done = groups.create(group(g)).is_ok();
                    prop_assert_eq!(done, model.len() < 4 && !model.contains_key(&g));
                    if done {
                        model.insert(g, Model::default());
                    }
                }
                Event::Delete(g) => {
                    prop_assert_eq!(groups.delete(&group(g)).is_ok(), model.remove(&g).is_some());
                    for group in model.values_mut() {
                        group.nested.remove(&g);
                    }
                }
                Event::Add(g, d) => {
                    let done = groups.add_member(&group(g), id(d), &inventory).is_ok();
                    let room = |group: &&mut Model| group.listed.len() < 3.min(group.max.unwrap_or(3) as usize);
                    let expected = model.get_mut(&g).filter(room).is_some_and(|group| group.listed.insert(d));
                    prop_assert_eq!(done, expected);
                }
                Event::Remove(g, d) => {
                    let done = groups.remove_member(&group(g), &id(d), &inventory).is_ok();
                    prop_assert_eq!(done, model.get_mut(&g).is_some_and(|group| group.listed.remove(&d)));
                }
                Event::Set(g, devices) => {
                    let done = groups.set_members(&group(g), devices.iter().map(|&d| id(d)), &inventory).is_ok();
                    let new: BTreeSet<u8> = devices.into_iter().collect();
                    let fits = |group: &&mut Model| new.len() <= 3.min(group.max.unwrap_or(3) as usize);
                    let known = model.get_mut(&g).filter(fits);
                    prop_assert_eq!(done, known.is_some());
                    if let Some(group) = known {
                        group.listed = new;
                    }
                }
                Event::Bar(g, d) => {
                    let done = groups.bar(&group(g), id(d), &inventory).is_ok();
                    let room = |group: &&mut Model| group.barred.len() < 3;
                    prop_assert_eq!(done, model.get_mut(&g).filter(room).is_some_and(|group| group.barred.insert(d)));
                }
                Event::Unbar(g, d) => {
                    let done = groups.unbar(&group(g), &id(d), &inventory).is_ok();
                    prop_assert_eq!(done, model.get_mut(&g).is_some_and(|group| group.barred.remove(&d)));
                }
                Event::Rule(g, rule) => {
                    let text = rule.map(|rule| RULES[usize::from(rule)].parse().unwrap());
                    let done = groups.set_rule(&group(g), text, &inventory).is_ok();
                    prop_assert_eq!(done, model.contains_key(&g));
                    if let Some(group) = model.get_mut(&g) {
                        group.rule = rule;
                    }
                }
                Event::Nest(a, b) => {
                    let done = groups.nest(&group(a), &group(b)).is_ok();
                    let mut wanted = model.clone();
                    let known = model.contains_key(&b) && wanted.get_mut(&a).is_some_and(|group| group.nested.insert(b));
                    let expected = known && wanted.keys().all(|&number| depth(&wanted, number, 6) <= 2);
                    prop_assert_eq!(done, expected);
                    if expected {
                        model = wanted;
                    }
                }
                Event::Unnest(a, b) => {
                    let done = groups.unnest(&group(a), &group(b)).is_ok();
                    prop_assert_eq!(done, model.get_mut(&a).is_some_and(|group| group.nested.remove(&b)));
                }
                Event::Max(g, max) => {
                    prop_assert_eq!(groups.set_max(&group(g), max).is_ok(), model.contains_key(&g));
                    if let Some(group) = model.get_mut(&g) {
                        group.max = max;
                    }
                }
                Event::Snapshot => (snapshot, records) = (groups.snapshot(), Vec::new()),
                Event::Restart => {
                    while let GroupsOutput::Persist(_, record) = groups.poll_output() {
                        records.push(record);
                    }
                    let again = Groups::restore(limits, snapshot.clone(), records.clone(), &inventory).unwrap();
                    prop_assert!(again.rev() >= groups.rev());
                    groups = again;
                    (snapshot, records) = (groups.snapshot(), Vec::new());
                    heard = groups.iter().map(|(id, group)| (id.clone(), group.members().collect())).collect();
                }
            }
            loop {
                match inventory.poll_output() {
                    InventoryOutput::Persist(seq, _) => inventory.handle_persisted(NOW, seq),
                    InventoryOutput::Changed { serial, facts } => groups.handle_changed(serial, facts, &inventory),
                    InventoryOutput::Removed { serial, id } => groups.handle_removed(serial, &id),
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
                    GroupsOutput::Joined { group, serial } => prop_assert!(heard.entry(group).or_default().insert(serial)),
                    GroupsOutput::Left { group, serial } => prop_assert!(heard.entry(group).or_default().remove(&serial)),
                    GroupsOutput::Redefined { group } => {
                        let members = groups.group(&group).into_iter().flat_map(|group| group.members()).collect();
                        heard.insert(group, members);
                    }
                    GroupsOutput::Wait(_) => break,
                    other => prop_assert!(false, "{other:?}"),
                }
            }
            prop_assert!(groups.iter().map(|(id, _)| id.clone()).eq(model.keys().map(|&g| group(g))));
            heard.retain(|id, _| groups.group(id).is_some());
            for &g in model.keys() {
                let (name, expected) = (group(g), members(&model, g, &inventory));
                let view = groups.group(&name).unwrap();
                prop_assert!(view.members().eq(expected.iter().copied()));
                prop_assert_eq!(view.count() as usize, expected.len());
                prop_assert_eq!(heard.get(&name).cloned().unwrap_or_default(), expected.clone(), "{}", name);
                let over = model[&g].max.is_some_and(|max| expected.len() > max as usize);
                prop_assert_eq!(groups.resolve(&name, &inventory).is_err(), over);
                // Other members, another revision; and none twice.
                let rev = view.rev();
                if let Some((old, of)) = revs.insert(name, (rev, expected.clone())) {
                    prop_assert!(rev > old || rev == old && of == expected);
                }
            }
        }
    }
}
