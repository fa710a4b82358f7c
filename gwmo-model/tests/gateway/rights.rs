//! Who may do what.

use std::time::Duration;

use dm_sim::Link;
use dm_tree::Acl;
use gwmo_model::console::{GatewayAlert, JobRequest};
use gwmo_model::mo::{ConfigSlot, FanoutSlot, GroupsSlot, InventorySlot};
use gwmo_model::{JobState, Policy};

use crate::town::requests::*;
use crate::town::{MINUTE, Place, Town, device_id, serial, server_id};

#[test]
fn gwmo_secarize_001_rights_are_checked_at_dispatch() {
    let mut town = Town::with_devices(1, 3);
    for number in 1..=3 {
        let slow = Link::new().with_delay(Duration::from_secs(2)..=Duration::from_secs(2));
        town.network.set_links(Place::Gateway, Place::Device(number), slow);
    }
    // Server B may only read device 2, and loses device 3 while the job waits for it.
    let acl = |text: &str| Acl::parse(text).unwrap();
    town.gateway
        .tree_mut()
        .set_acl(&node(InventorySlot::Device, &["2"]), acl("Get=*&Replace=dms.a&Exec=dms.a"))
        .unwrap();
    let mut commands = console().add_job(&job("B", "*").with_policy(Policy::default().with_window(1)));
    commands.push(console().start_job(&key("B"), None));
    assert!(town.codes(1, commands).iter().all(|code| (200..300).contains(code)));
    town.ask(0, vec![console().set_device_acl(serial(3), &acl("Get=*&Replace=dms.a&Exec=dms.a"))]);
    town.run();
    let items = town.ask(1, vec![console().get_job(&key("B"))]);
    let counters = console().read_job(&key("B"), &items).unwrap().counters;
    assert_eq!((counters.ok, counters.skipped), (1, 2));
    // The job is done all the same, and its server hears that not every device is ok.
    let ended = town.alerts(1).into_iter().filter_map(|alert| match alert {
        GatewayAlert::JobEnded { result, .. } => Some(result.get()),
        _ => None,
    });
    assert_eq!(ended.collect::<Vec<_>>(), [1201]);
    assert_eq!(
        [1, 2, 3].map(|number| town.device(number).notified),
        [1, 0, 0],
        "nobody was notified in vain"
    );
    let items = town.ask(1, vec![console().get_records(&key("B"), serial(2))]);
    let page = console().read_records(&key("B"), serial(2), &items).unwrap();
    assert_eq!(page.records[0].code.unwrap().get(), 425);

    // Reading is allowed.
    let request = JobRequest::new(key("R")).with_device(device_id(2)).with_command(get("./Vendor/SwV"));
    let mut commands = console().add_job(&request);
    commands.push(console().start_job(&key("R"), None));
    town.ask(1, commands);
    town.run();
    let items = town.ask(1, vec![console().get_job(&key("R"))]);
    assert_eq!(console().read_job(&key("R"), &items).unwrap().counters.ok, 1);
}

#[test]
fn rights_that_go_in_the_middle_hold_at_delivery() {
    let mut town = Town::with_devices(1, 1);
    town.network.set_links(Place::Gateway, Place::Device(1), Link::new().with_delay(MINUTE / 6..=MINUTE / 6));
    launch(&mut town, job("J", "*"), "J");
    assert_eq!(town.gateway.fanout().in_flight(), 1, "notified");
    town.gateway.handle_server_removed(town.now(), &server_id("dms.a"));
    town.calls_back = false;
    town.run();
    let job = town.gateway.fanout().jobs().next().unwrap();
    assert_eq!((job.counters().skipped, job.state()), (1, JobState::Completed));
    assert_eq!(town.device(1).read("./Vendor/Level"), "1");
    // What it left is for nobody.
    assert_eq!(
        town.codes(1, vec![get(&node(FanoutSlot::State, &["J"])), console().delete_job(&key("J"))]),
        [425, 425]
    );
}

#[test]
fn unknown_servers_see_nothing() {
    let mut town = Town::with_devices(1, 1);
    let (now, stranger) = (town.now(), server_id("dms.c"));
    for command in [
        console().get_summary(),
        get(&node(ConfigSlot::Root, &[])),
        get(&node(GroupsSlot::Root, &[])),
        console().start_job(&key("J"), None),
    ] {
        let done = town.gateway.execute(now, &stranger, &command);
        let refused = |code: u16| code == 425 || code == 404;
        assert!(
            done.items.iter().all(|item| refused(item.code.get()) && item.results.is_empty()),
            "{done:?}"
        );
    }
    let add = console().add_job(&JobRequest::new(key("J"))).remove(0);
    assert_eq!(town.gateway.execute(now, &stranger, &add).items[0].code.get(), 425);
    assert!(town.gateway.handle_upstream_opened(now, &stranger).is_empty());
}
