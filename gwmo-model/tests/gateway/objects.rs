//! What servers do with the other objects: settings, images, triggers, queries, registration.

use dm_syncml::{Add, Command, Data, Delete, Item, Replace};
use gwmo_model::mo::{ConfigSlot, FanoutSlot, GroupsSlot, ImagesSlot, InventorySlot, Slot, TriggerSlot};
use gwmo_model::{GatewayOutput, ImagesOutput, JobState, TargetState};

use crate::town::requests::*;
use crate::town::{Town, device_id, serial, server_id, uri};

pub(crate) fn add(slot: impl Into<Slot>, keys: &[&str], value: Option<&str>) -> Command<'static> {
    let item = Item::to(uri(&node(slot, keys)));
    let item = match value {
        Some(value) => item.with_data(Data::text(value.to_owned()).unwrap()),
        None => item.with_meta(dm_syncml::Meta::new().with_format(dm_syncml::Format::NODE)),
    };
    Add::new(id(), vec![item]).into()
}

pub(crate) fn set(slot: impl Into<Slot>, keys: &[&str], value: &str) -> Command<'static> {
    let item = Item::to(uri(&node(slot, keys))).with_data(Data::text(value.to_owned()).unwrap());
    Replace::new(id(), vec![item]).into()
}

fn number(slot: impl Into<Slot>, keys: &[&str], value: &str) -> Command<'static> {
    replace(&node(slot, keys), value)
}

pub(crate) fn delete(slot: impl Into<Slot>, keys: &[&str]) -> Command<'static> {
    Delete::new(id(), vec![Item::to(uri(&node(slot, keys)))]).into()
}

pub(crate) fn read(town: &mut Town, slot: impl Into<Slot>, keys: &[&str]) -> String {
    let items = town.ask(0, vec![get(&node(slot, keys))]);
    items[0].data.as_ref().and_then(|data| data.as_text()).unwrap_or("").to_owned()
}

#[test]
fn gwmo_adm_001_a_server_manages_the_gateway() {
    let mut town = Town::with_devices(1, 4);
    let window = |value| console().set_max_in_flight(value);
    assert_eq!(town.codes(0, vec![window(2)]), [425], "not everybody may");
    let now = town.now();
    town.gateway.handle_administrator(now, &server_id("dms.a")).unwrap();
    for number in 1..=4 {
        town.device(number).off = true;
    }
    launch(&mut town, job("J", "*"), "J");
    assert_eq!(town.gateway.fanout().in_flight(), 4);
    launch(&mut town, job("K", "*"), "K");
    town.ask(0, vec![console().cancel_job(&key("J")), window(2)]);
    town.run_until(town.now().since_epoch() + std::time::Duration::from_secs(5));
    assert!(town.gateway.fanout().in_flight() <= 4);
    let items = town.ask(0, vec![console().get_capacity()]);
    assert_eq!(console().read_capacity(&items).unwrap().max_in_flight, 2);
    assert_eq!(town.codes(0, vec![window(0)]), [406]);
    assert_eq!(town.codes(1, vec![window(9)]), [425]);
}

#[test]
fn gwmo_hlf_003_and_use_case_b_6_a_device_is_registered_by_a_server() {
    let mut town = Town::with_devices(1, 1);
    let id = device_id(2);
    let secret = format!("device-2\nsecret of 2\n{}", crate::town::gateway_password(2));
    let register = || add(InventorySlot::Registration, &[id.as_str()], Some(&secret));
    assert_eq!(town.codes(0, vec![register()]), [425]);
    town.gateway.handle_administrator(town.now(), &server_id("dms.a")).unwrap();
    assert_eq!(town.codes(0, vec![register(), register()]), [200, 418]);
    let record = town.gateway.inventory().record(serial(2)).unwrap();
    assert_eq!((record.id(), record.status().number()), (&id, 2));
    // Nobody reads the secret.
    let there = node(InventorySlot::Registration, &[id.as_str()]);
    assert_eq!(town.codes(0, vec![get(&there)]), [405]);
    // It comes, and is managed.
    town.devices.insert(2, crate::town::Device::new(2));
    town.call_home(2);
    town.run();
    launch(&mut town, job("J", "*"), "J");
    town.run();
    assert_eq!(status(&mut town, "J").counters.ok, 2);
    town.ask(0, vec![delete(InventorySlot::Registration, &[id.as_str()])]);
    assert!(town.gateway.inventory().record(serial(2)).is_none());
}

#[test]
fn gwmo_di_002_a_query() {
    let mut town = Town::with_devices(1, 9);
    for number in 1..=9 {
        town.call_home(number);
    }
    town.run();
    let at = |slot| (slot, ["q"]);
    let (slot, keys) = at(InventorySlot::Query);
    town.ask(
        0,
        vec![
            add(slot, &keys, None),
            set(InventorySlot::QueryMatch, &keys, r#"Info/Mod="EX-3"|Info/Mod="EX-7""#),
            set(InventorySlot::QueryFields, &keys, "Info/Mod,AttachStatus"),
            exec(&node(InventorySlot::QueryRun, &keys)),
        ],
    );
    assert_eq!(read(&mut town, InventorySlot::QueryCount, &["q"]), "2");
    let page = read(&mut town, InventorySlot::QueryPage, &["q", "1"]);
    assert_eq!(page, format!("3;{};EX-3;1\n7;{};EX-7;1\n", device_id(3), device_id(7)));
    assert_eq!(read(&mut town, InventorySlot::QueryPage, &["q", "8"]), "");
    let wrong = vec![
        set(InventorySlot::QueryMatch, &keys, "No/Such=1"),
        set(InventorySlot::QueryMatch, &keys, "Info/Mod"),
        set(InventorySlot::QueryFields, &keys, "Secret"),
    ];
    assert_eq!(town.codes(0, wrong), [406, 406, 406]);
    assert_eq!(town.codes(1, vec![get(&node(InventorySlot::QueryCount, &keys))]), [425]);
}

#[test]
fn gwmo_group_001_groups_by_rule_and_of_groups() {
    let mut town = Town::with_devices(1, 4);
    for number in 1..=4 {
        town.call_home(number);
    }
    town.run();
    town.ask(0, console().create_group(&group("few"), &[device_id(1)]));
    town.ask(
        0,
        vec![
            add(GroupsSlot::Group, &["rule"], None),
            set(GroupsSlot::Rule, &["rule"], "Info/Mod~\"EX\""),
            add(GroupsSlot::ExcludedDevice, &["rule", device_id(4).as_str()], Some("")),
            add(GroupsSlot::Group, &["all"], None),
            add(GroupsSlot::NestedGroup, &["all", "few"], Some("few")),
            add(GroupsSlot::NestedGroup, &["all", "rule"], Some("rule")),
        ],
    );
    let counts = ["few", "rule", "all"].map(|name| read(&mut town, GroupsSlot::Count, &[name]));
    assert_eq!(counts, ["1", "3", "3"]);
    assert_eq!(
        town.codes(0, vec![add(GroupsSlot::NestedGroup, &["rule", "all"], Some(""))])[0] / 100,
        4,
        "a cycle"
    );
    launch(&mut town, job("J", "all"), "J");
    town.run();
    assert_eq!(status(&mut town, "J").counters.ok, 3);
}

#[test]
fn gwmo_fora_001_pause_resume_and_again() {
    let mut town = Town::with_devices(1, 3);
    for number in 1..=3 {
        town.device(number).off = true;
    }
    launch(&mut town, job("J", "*").with_policy(gwmo_model::Policy::default().with_window(1)), "J");
    town.ask(0, vec![console().pause_job(&key("J"))]);
    assert_eq!(status(&mut town, "J").state, JobState::Paused);
    assert_eq!(town.codes(0, vec![console().pause_job(&key("J"))]), [200]);
    town.ask(0, vec![console().resume_job(&key("J"))]);
    town.run();
    assert_eq!(status(&mut town, "J").counters.unreachable, 3);
    for number in 1..=3 {
        town.device(number).off = false;
    }
    let some = gwmo_model::Which::Devices(vec![serial(1), serial(3)]);
    town.ask(0, vec![console().retry_job(&key("J"), &some)]);
    town.run();
    assert_eq!(status(&mut town, "J").counters.ok, 2);
    let lost = gwmo_model::Which::States(vec![TargetState::Unreachable]);
    town.ask(0, vec![console().retry_job(&key("J"), &lost)]);
    town.run();
    assert_eq!(status(&mut town, "J").counters.ok, 3);
    assert_eq!(town.codes(0, vec![console().retry_job(&key("J"), &gwmo_model::Which::NotOk)]), [200]);
}

#[test]
fn gwmo_dcis_001_and_use_case_b_8_an_image_of_a_server_in_a_job() {
    let mut town = Town::with_devices(1, 2);
    let content = "the firmware";
    let digest = gwmo_model::ContentDigest::new([7; 32]);
    let keys = ["fw"];
    assert_eq!(town.codes(0, vec![add(ImagesSlot::Image, &keys, None)]), [417], "nothing to name it by");
    town.gateway.handle_entropy(town.now(), [0x5a; 16]);
    town.ask(
        0,
        vec![
            add(ImagesSlot::Image, &keys, None),
            set(ImagesSlot::Hash, &keys, &digest.to_string()),
            set(ImagesSlot::Data, &keys, content),
        ],
    );
    // The runtime stores it and looks whether it is what it should be.
    for output in std::mem::take(&mut town.asked) {
        let now = town.now();
        match output {
            GatewayOutput::StoreImage { blob, octets, .. } => {
                assert_eq!(octets, content.as_bytes());
                town.gateway
                    .handle_images(now, |images, now| images.handle_stored(now, blob, octets.len() as u64));
            }
            other => panic!("{other:?}"),
        }
    }
    town.drain_gateway();
    for output in std::mem::take(&mut town.asked) {
        if let GatewayOutput::Image(ImagesOutput::HashRequest { blob, .. }) = output {
            let now = town.now();
            town.gateway.handle_images(now, |images, now| images.handle_digest(now, blob, digest));
        }
    }
    town.drain_gateway();
    town.run();
    let address = read(&mut town, ImagesSlot::Uri, &keys);
    assert!(address.ends_with("5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"), "{address}");
    let set_url = replace("./Vendor/SwV", "x");
    let Command::Replace(mut command) = set_url else { panic!() };
    command.items[0].data = Some(Data::text("get %IMG% now").unwrap());
    command.items[0].meta = None;
    let request = gwmo_model::console::JobRequest::new(key("J")).with_group(group("*")).with_command(command);
    town.ask(0, console().add_job(&request));
    let item = Item::to(uri(&node(FanoutSlot::OpSubstitute, &["J", "1", "%IMG%"])))
        .with_data(Data::text("fw").unwrap());
    town.ask(0, vec![Add::new(id(), vec![item]).into(), console().start_job(&key("J"), None)]);
    town.run();
    assert_eq!(status(&mut town, "J").counters.ok, 2);
    assert_eq!(town.device(1).read("./Vendor/SwV"), format!("get {address} now"));
    assert!(town.alerts(0).iter().any(
        |alert| matches!(alert, gwmo_model::console::GatewayAlert::ImageReady { uri, .. } if *uri == address)
    ));
    // Another server has no part in it.
    assert_eq!(
        town.codes(1, vec![get(&node(ImagesSlot::Uri, &keys)), delete(ImagesSlot::Image, &keys)]),
        [425, 425]
    );
}

#[test]
fn gwmo_tmode_001_a_trigger_is_forwarded_as_it_is() {
    let mut town = Town::with_devices(1, 2);
    let keys = ["T"];
    let octets = vec![0x5a_u8; 40];
    let noti = Item::to(uri(&node(TriggerSlot::Noti, &keys)))
        .with_meta(dm_syncml::Meta::new().with_format(dm_syncml::Format::BIN))
        .with_data(Data::octets(octets.clone()));
    let target = device_id(2);
    town.ask(
        0,
        vec![
            add(TriggerSlot::Trigger, &keys, None),
            add(TriggerSlot::TargetDevice, &["T", target.as_str()], Some("")),
            Replace::new(id(), vec![noti]).into(),
        ],
    );
    assert_eq!(
        town.codes(0, vec![exec(&node(TriggerSlot::Send, &keys)), exec(&node(TriggerSlot::Send, &keys))]),
        [202, 200]
    );
    let forwarded = std::mem::take(&mut town.asked);
    let [GatewayOutput::Forward { forward, device, package_0, .. }] = &forwarded[..] else {
        panic!("{forwarded:?}")
    };
    assert_eq!((device, package_0), (&target, &octets));
    town.gateway.handle_forwarded(town.now(), *forward, true);
    town.drain_gateway();
    assert_eq!(read(&mut town, TriggerSlot::State, &keys), "2");
    assert_eq!(read(&mut town, TriggerSlot::OutcomeCode, &["T", "2"]), "200");
    assert_eq!(
        town.codes(0, vec![set(TriggerSlot::Noti, &keys, "x"), number(TriggerSlot::Valid, &keys, "1")]),
        [405, 405]
    );
    town.ask(0, vec![delete(TriggerSlot::Trigger, &keys)]);
}

#[test]
fn gwmo_hlf_004_a_shared_account_reaches_its_group() {
    let mut town = Town::with_devices(1, 4);
    town.gateway.handle_administrator(town.now(), &server_id("dms.a")).unwrap();
    let members: Vec<_> = (1..=3).map(device_id).collect();
    town.ask(0, console().create_group(&group("three"), &members));
    town.ask(0, vec![add(ConfigSlot::Account, &["dms.b"], Some("three"))]);
    let challenges = town.servers[1].challenges;
    let mut commands = console().add_job(&job("B", "*"));
    commands.push(console().start_job(&key("B"), None));
    assert!(town.codes(1, commands).iter().all(|code| code / 100 == 2));
    assert_eq!(town.servers[1].challenges - challenges, 1, "one proof, for all of them");
    town.run();
    let items = town.ask(1, vec![console().get_job(&key("B"))]);
    let counters = console().read_job(&key("B"), &items).unwrap().counters;
    assert_eq!((counters.ok, counters.skipped), (3, 1));
    let items = town.ask(1, vec![console().get_records(&key("B"), serial(4))]);
    let page = console().read_records(&key("B"), serial(4), &items).unwrap();
    assert_eq!(page.records[0].code.unwrap().get(), 425);
    assert_eq!((town.device(4).notified, town.device(4).ends.len()), (0, 0), "nothing is said to it");
    assert_eq!([1, 2, 3].map(|number| town.device(number).ends.len()), [1, 1, 1]);
}
