//! Use cases of the requirements, where none of the other files tells them.

use gwmo_model::console::GatewayAlert;
use gwmo_model::mo::{ConfigSlot, GroupsSlot, InventorySlot};
use gwmo_model::{
    DetachReason, Fact, GatewayEvent, GatewayOutput, InventoryConfig, JobState, ObjectLimits, PeerEvent,
    Policy, RelayDecision, RelayRefusal, Sighting, Subscription,
};

use crate::modes::{knows, push_to};
use crate::objects::{add, read, set};
use crate::town::requests::*;
use crate::town::{self, MINUTE, Town, device_id, serial, server_id};

/// A device that can be reached from everywhere: the server takes its address and does without the gateway.
#[test]
fn use_case_b_1_a_server_bypasses_the_gateway() {
    let mut town = Town::with_devices(1, 2);
    let seen =
        Sighting::new(1).with(Fact::LocalAddress, "10.0.0.2").with(Fact::PublicAddress, "203.0.113.7:443");
    town.gateway.handle_device_seen(town.now(), &device_id(2), &seen).unwrap();
    town.drain_gateway();
    town.run();
    let wanted = town.asked.len();
    assert_eq!(read(&mut town, InventorySlot::AddrPublic, &["2"]), "203.0.113.7:443");
    // Without one the server falls back to what goes through the gateway.
    assert_eq!(town.codes(0, vec![get(&node(InventorySlot::AddrPublic, &["1"]))]), [404]);
    town.run();
    assert_eq!((town.asked.len(), [1, 2].map(|number| town.device(number).notified)), (wanted, [0, 0]));
}

/// Notifications of servers for devices in transparent mode: checked, passed on as they are, once.
#[test]
fn use_case_b_2_and_gwmo_hlf_001_a_push_is_checked_and_passed_on() {
    use dm_notification::push::Push;
    use dm_notification::{Credential, Notification, ServerIdentifier, SessionId, Trigger};
    let mut town = Town::with_devices(1, 1);
    town.call_home_with(1, vec![knows("dms.a")]);
    town.run();
    town.ask(0, vec![replace(&node(InventorySlot::ModeReq, &["1"]), "1")]);
    let package_0 = |server: &str, session: u16| {
        let server = ServerIdentifier::new(server).unwrap();
        let trigger = Trigger::new(server, SessionId::new(session).unwrap());
        Notification::sign(trigger, &Credential::new(server, "its own"), b"nonce").to_vec()
    };
    let push = |town: &mut Town, device: u32, octets: &[u8]| {
        town.asked.clear();
        town.events.clear();
        town.gateway.handle_push(town.now(), &Push::decode(&push_to(device, octets)).unwrap());
        town.drain_gateway();
        let mut decisions = Vec::new();
        for event in &town.events {
            if let GatewayEvent::Relay(audit) = event {
                decisions.push(audit.decision.clone());
            }
        }
        decisions
    };
    let one = package_0("dms.a", 7);
    let dropped = |refusal| vec![RelayDecision::Dropped(refusal)];
    assert_eq!(push(&mut town, 9, &one), dropped(RelayRefusal::UnknownDevice));
    assert_eq!(push(&mut town, 1, &package_0("dms.x", 7)), dropped(RelayRefusal::UnknownServer));
    assert!(town.asked.is_empty());
    assert!(matches!(push(&mut town, 1, &one)[..], [RelayDecision::Forwarded { .. }]));
    let [GatewayOutput::Forward { forward, address, package_0: sent, .. }] = &town.asked[..] else {
        panic!("{:?}", town.asked)
    };
    assert_eq!((address.as_deref(), sent), (Some("10.0.0.1"), &one), "to where it is, octet for octet");
    let forward = *forward;
    town.gateway.handle_forwarded(town.now(), forward, true);
    town.drain_gateway();
    assert_eq!(push(&mut town, 1, &one), dropped(RelayRefusal::Replayed));
    // Away: kept until it is back.
    town.gateway.handle_device_gone(town.now(), &device_id(1), 1, DetachReason::Left).unwrap();
    let two = package_0("dms.a", 8);
    assert!(matches!(push(&mut town, 1, &two)[..], [RelayDecision::Held { .. }]));
    assert!(town.asked.is_empty());
    let back = Sighting::new(1).with(Fact::LocalAddress, "10.0.0.77");
    town.gateway.handle_device_seen(town.now(), &device_id(1), &back).unwrap();
    town.drain_gateway();
    let [GatewayOutput::Forward { address, package_0: sent, .. }] = &town.asked[..] else {
        panic!("{:?}", town.asked)
    };
    assert_eq!((address.as_deref(), sent), (Some("10.0.0.77"), &two));
    // It then opens its session, outward, by itself.
    town.call_home(1);
    town.run();
    assert_eq!(town.device(1).ends.len(), 2);
}

/// A network of ten thousand, of which ten are away.
#[test]
fn use_case_b_5_and_gwmo_di_002_who_is_away_among_ten_thousand() {
    let mut town = Town::new(1, Town::config().with_objects(ObjectLimits::default().with_max_page(120)));
    let now = town.now();
    for number in 1..=10_000 {
        town.gateway.handle_device_registered(now, device_id(number), town::account(number)).unwrap();
        if number % 1000 != 0 {
            town.gateway.handle_device_seen(now, &device_id(number), &Sighting::new(1)).unwrap();
        }
    }
    town.drain_gateway();
    town.run();
    let items = town.ask(0, vec![console().get_summary()]);
    let summary = console().read_summary(&items).unwrap();
    assert_eq!((summary.total, summary.attached, summary.detached), (10_000, 9_990, 10));
    let keys = ["away"];
    town.ask(
        0,
        vec![
            add(InventorySlot::Query, &keys, None),
            set(InventorySlot::QueryMatch, &keys, "AttachStatus==2"),
            exec(&node(InventorySlot::QueryRun, &keys)),
        ],
    );
    assert_eq!(read(&mut town, InventorySlot::QueryCount, &keys), "10");
    let (mut found, mut from, mut pages) = (Vec::new(), 1_u32, 0);
    loop {
        let page = read(&mut town, InventorySlot::QueryPage, &["away", &from.to_string()]);
        assert!(page.len() <= 120, "{}", page.len());
        if page.is_empty() {
            break;
        }
        found.extend(page.lines().map(|line| line.split(';').next().unwrap().parse::<u32>().unwrap()));
        from = found.last().unwrap() + 1;
        pages += 1;
    }
    assert_eq!(found, (1..=10).map(|number| number * 1000).collect::<Vec<_>>());
    assert!(pages > 1);
}

/// A credential is one device's: the second that is registered with it gets no account, and is not managed.
#[test]
fn use_case_b_6_one_credential_is_one_devices() {
    let mut town = Town::with_devices(1, 0);
    town.gateway.handle_administrator(town.now(), &server_id("dms.a")).unwrap();
    let register = |number: u32| {
        let id = device_id(number);
        add(InventorySlot::Registration, &[id.as_str()], Some("name\nshared secret\nthe gateway's"))
    };
    assert_eq!(town.codes(0, vec![register(1), register(2)])[0], 200);
    for number in [1, 2] {
        let sighting = Sighting::new(1).over(dm_syncml::session::TransportSecurity::Confidential);
        let _ = town.gateway.handle_device_seen(town.now(), &device_id(number), &sighting);
    }
    town.drain_gateway();
    let offered = town.asked.iter().filter_map(|output| match output {
        GatewayOutput::SendBootstrap { serial, .. } => Some(serial.get()),
        _ => None,
    });
    assert_eq!(offered.collect::<Vec<_>>(), [1]);
    let there = node(InventorySlot::Registration, &[device_id(1).as_str()]);
    assert_eq!(town.codes(0, vec![get(&there)]), [405], "written, never read");
}

/// A device names a server that the gateway does not have: allowed, and only if that is switched on, the gateway asks it.
#[test]
fn use_case_b_7_a_gateway_learns_of_servers_from_devices() {
    let mut town = Town::with_devices(1, 2);
    town.run_for(MINUTE);
    town.gateway.handle_administrator(town.now(), &server_id("dms.a")).unwrap();
    let requested = |town: &mut Town| {
        let asked = std::mem::take(&mut town.asked);
        asked
            .into_iter()
            .filter_map(|output| match output {
                GatewayOutput::RequestBootstrap { server, .. } => Some(server.to_string()),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    let heard = |town: &Town, name: &str| {
        let name = server_id(name);
        town.events
            .iter()
            .filter_map(|event| match event {
                GatewayEvent::Peer { server, event, .. } if *server == name => Some(event.clone()),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    // Off by default, and then not for everybody.
    town.call_home_with(1, vec![knows("s1,dms.a")]);
    town.run_for(MINUTE);
    assert_eq!(requested(&mut town), [""; 0]);
    town.ask(
        0,
        vec![add(ConfigSlot::PeersAllowed, &["s1"], Some("")), set(ConfigSlot::PeersAuto, &[], "true")],
    );
    town.call_home_with(2, vec![knows("s1,s2,dms.a")]);
    town.run_for(MINUTE);
    assert_eq!(requested(&mut town), ["s1"]);
    assert_eq!(
        heard(&town, "s2"),
        [PeerEvent::Learnt, PeerEvent::NotAllowed],
        "one that is not allowed is noted"
    );
    assert!(heard(&town, "dms.a").is_empty(), "one that it has is none");
    assert_eq!(read(&mut town, ConfigSlot::PeerState, &["s1"]), "1");
    // It is bootstrapped, and is a server like the others.
    town.gateway.handle_server(town.now(), server_id("s1"), Subscription::default()).unwrap();
    town.drain_gateway();
    assert_eq!(heard(&town, "s1").last(), Some(&PeerEvent::Bootstrapped));
    assert_eq!(read(&mut town, ConfigSlot::PeerState, &["s1"]), "2");
    let done = town.gateway.execute(town.now(), &server_id("s1"), &console().get_summary());
    assert!(done.items.iter().all(|item| item.code.is_success()));
    // Refused is refused.
    town.ask(0, vec![add(ConfigSlot::PeersAllowed, &["s2"], Some(""))]);
    town.call_home_with(1, vec![knows("s2")]);
    town.run_for(MINUTE);
    assert_eq!(requested(&mut town), ["s2"]);
    town.gateway.handle_peer_refused(town.now(), &server_id("s2"));
    town.drain_gateway();
    assert_eq!(read(&mut town, ConfigSlot::PeerState, &["s2"]), "3");
    town.call_home_with(2, vec![knows("s2")]);
    town.run_for(MINUTE);
    assert_eq!(requested(&mut town), [""; 0]);
}

/// A gateway bootstrapped in the factory: what it has to say waits until it has a session, through a crash and until the
/// server has taken it.
#[test]
fn use_case_b_9_and_gwmo_di_004_an_alert_waits_for_a_session() {
    let mut town = Town::with_devices(1, 0);
    town.calls_back = false;
    town.keep();
    town.add_device(1);
    town.drain_gateway();
    town.run_for(MINUTE);
    assert!(town.wanted.contains(&server_id("dms.a")), "it wants a session");
    assert!(town.alerts(0).is_empty());
    town.crash();
    assert_eq!(town.gateway.outbox().pending(&server_id("dms.a")).count(), 1);
    // The session is opened, the server has the alert, and the gateway stops before it hears so.
    town.open_uplink(0);
    while town.alerts(0).is_empty() {
        assert!(town.step());
    }
    town.crash();
    town.open_uplink(0);
    town.run_for(MINUTE);
    let told = town.alerts(0);
    assert_eq!(told.len(), 2, "again, since nobody had said that it came");
    assert_eq!(told[0], told[1], "and the server can tell that it is the same");
    assert!(matches!(&told[0], GatewayAlert::DeviceAttached { id, first: true, .. } if *id == device_id(1)));
    assert_eq!(town.gateway.outbox().pending(&server_id("dms.a")).count(), 0);
    town.open_uplink(0);
    town.run_for(MINUTE);
    assert_eq!(town.alerts(0).len(), 2);
}

/// A device that comes and goes within the time a change must hold is no news.
#[test]
fn gwmo_di_003_flapping_is_no_news() {
    let config = Town::config().with_inventory(InventoryConfig::default().with_debounce(MINUTE));
    let mut town = Town::new(1, config);
    let loud = Subscription::default().with_each_time(true).with_detached(true);
    town.gateway.handle_server(town.now(), server_id("dms.a"), loud).unwrap();
    town.add_device(1);
    town.drain_gateway();
    town.run();
    town.servers[0].alerts.clear();
    for step in 1..=10 {
        let now = dm_syncml::Instant::new(town.network.now() + std::time::Duration::from_secs(step * 5));
        if step % 2 == 1 {
            town.gateway.handle_device_gone(now, &device_id(1), 1, DetachReason::Left).unwrap();
        } else {
            town.gateway.handle_device_seen(now, &device_id(1), &Sighting::new(1)).unwrap();
        }
        town.drain_gateway();
    }
    town.run();
    assert!(town.alerts(0).is_empty(), "{:?}", town.alerts(0));
    // One that stays away is.
    town.gateway.handle_device_gone(town.now(), &device_id(1), 1, DetachReason::Left).unwrap();
    town.drain_gateway();
    town.run();
    assert!(matches!(&town.alerts(0)[..], [GatewayAlert::DeviceDetached { .. }]));
}

/// A server narrows the window of a gateway at work: from then on no more than that are in flight.
#[test]
fn gwmo_adm_001_a_narrower_window_holds_at_once() {
    let mut town = Town::with_devices(1, 30);
    town.gateway.handle_administrator(town.now(), &server_id("dms.a")).unwrap();
    launch(&mut town, job("J", "*").with_policy(Policy::default().with_window(12)), "J");
    for _ in 0..10 {
        town.step();
    }
    let mut most = town.gateway.fanout().in_flight();
    assert!(most > 2);
    town.ask(0, vec![console().set_max_in_flight(2)]);
    // Those in flight come home; nobody is begun with until there is room.
    while town.step() {
        let flying = town.gateway.fanout().in_flight();
        assert!(flying <= most.max(2), "{flying} after {most}");
        most = most.min(flying);
    }
    assert_eq!(status(&mut town, "J").counters.ok, 30);
}

/// Groups follow what devices are; a job keeps those it was started for, even when its group is gone.
#[test]
fn gwmo_group_001_a_device_leaves_by_its_firmware_and_a_job_keeps_its_own() {
    let mut town = Town::with_devices(1, 4);
    let firmware = |town: &mut Town, number: u32, version: &str| {
        let seen = Sighting::new(1).with(Fact::Firmware, version);
        town.gateway.handle_device_seen(town.now(), &device_id(number), &seen).unwrap();
        town.drain_gateway();
    };
    for (number, version) in [(1, "1.9"), (2, "1.10"), (3, "2.0"), (4, "2.1")] {
        firmware(&mut town, number, version);
    }
    town.run();
    town.ask(0, console().create_group(&group("g1"), &[device_id(1), device_id(2)]));
    town.ask(0, vec![add(GroupsSlot::Group, &["g2"], None), set(GroupsSlot::Rule, &["g2"], "Info/Fw<2.0")]);
    let counts = |town: &mut Town| ["g1", "g2"].map(|name| read(town, GroupsSlot::Count, &[name]));
    assert_eq!(counts(&mut town), ["2", "2"]);
    let before = read(&mut town, GroupsSlot::Rev, &["g2"]);
    firmware(&mut town, 2, "2.2");
    assert_eq!(counts(&mut town), ["2", "1"]);
    assert_ne!(read(&mut town, GroupsSlot::Rev, &["g2"]), before);
    // Its group goes while the job runs.
    for number in 1..=4 {
        town.device(number).deaf = 1;
    }
    let policy = Policy::default().with_retries(2);
    launch(&mut town, job("J", "g1").with_policy(policy), "J");
    town.ask(0, vec![console().delete_group(&group("g1"))]);
    assert_eq!(status(&mut town, "J").state, JobState::Running);
    town.run();
    let c = status(&mut town, "J").counters;
    assert_eq!((c.total, c.ok), (2, 2));
    assert_eq!(
        records(&mut town, "J").iter().map(|record| record.serial).collect::<Vec<_>>(),
        [serial(1), serial(2)]
    );
    assert_eq!(town.codes(0, vec![get(&node(GroupsSlot::Count, &["g1"]))]), [404]);
}
