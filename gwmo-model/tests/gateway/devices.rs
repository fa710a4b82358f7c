//! The inventory as a server sees it.

use gwmo_model::console::GatewayAlert;
use gwmo_model::mo::{ConfigSlot, InventorySlot};
use gwmo_model::{AttachStatus, DetachReason, Serial, Subscription};

use crate::town::requests::*;
use crate::town::{self, Town, device_id, serial, server_id};

#[test]
fn gwmo_di_001_one_device() {
    let mut town = Town::with_devices(1, 2);
    town.call_home(2);
    town.run();
    use InventorySlot::{AddrLocal, AddrPublic, AttachStatus, DevId, Epoch, InfoMan, InfoMod, Mode};
    let of_two = |slot: InventorySlot| node(slot, &["2"]);
    let leaves = [DevId, AttachStatus, Epoch, Mode, AddrLocal, InfoMan, InfoMod];
    let items = town.ask(0, leaves.iter().map(|leaf| get(&of_two(*leaf))).collect());
    let texts: Vec<_> = items.iter().map(|item| item.data.as_ref().unwrap().as_text().unwrap()).collect();
    let texts_of_leaves: Vec<String> = texts.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["IMEI:000000000000002", "1", "1", "2", "10.0.0.2", "Example", "EX-2"]);

    let items = town.ask(0, vec![get(&node(InventorySlot::Devices, &[]))]);
    let texts: Vec<_> = items.iter().map(|item| item.data.as_ref().unwrap().as_text().unwrap()).collect();
    assert_eq!(texts, ["1/2"]);
    // All of it in one answer, and nothing else.
    let all = town.ask(0, vec![get(&format!("{}?list=StructData", of_two(InventorySlot::Device)))]);
    let of = |item: &dm_syncml::Item<'_>| {
        let uri = item.source_uri().unwrap().as_str();
        let text = item.data.as_ref().and_then(|data| data.as_text()).unwrap_or_default();
        (uri.to_owned(), text.to_owned())
    };
    let listed: std::collections::BTreeMap<_, _> = all.iter().map(of).collect();
    assert_eq!(listed.len(), all.len(), "each node once");
    assert!(listed.keys().all(|uri| uri.starts_with(&of_two(InventorySlot::Device))), "{listed:?}");
    for (leaf, text) in leaves.iter().zip(&texts_of_leaves) {
        assert_eq!(&listed[&of_two(*leaf)], text, "{leaf:?}");
    }
    let table = gwmo_model::mo::Slot::of(gwmo_model::mo::Object::Inventory).filter(|slot| {
        let path = crate::binding().path(*slot).to_owned();
        path.starts_with(crate::binding().path(InventorySlot::Device)) && path.matches('*').count() == 1
    });
    let there = |slot: gwmo_model::mo::Slot| {
        town.gateway.tree().node(&node(slot, &["2"])).is_some() || listed.contains_key(&node(slot, &["2"]))
    };
    for slot in table.filter(|slot| !there(*slot)) {
        let optional = ["Since", "Proto", "Public", "Hw", "Fw", "Sw", "Next", "Every"];
        let name = node(slot, &["2"]);
        let original = gwmo_model::mo::Binding::ours().path(slot).rsplit('/').next().unwrap().to_owned();
        assert!(optional.contains(&original.as_str()), "{name} is missing");
    }
    let missing = vec![get(&of_two(AddrPublic)), get(&node(InventorySlot::Device, &["3"]))];
    assert_eq!(town.codes(0, missing), [404, 404]);
    assert_eq!(
        town.codes(0, vec![console().delete_job(&key("none")), replace(&of_two(DevId), "1")]),
        [404, 405]
    );
}

#[test]
fn gwmo_di_002_summary_and_pages_of_many() {
    let limits = gwmo_model::ObjectLimits::default().with_max_page(2000);
    let mut town = Town::new(1, Town::config().with_objects(limits));
    for number in 1..=500 {
        town.gateway.handle_device_registered(town.now(), device_id(number), town::account(number)).unwrap();
    }
    let now = town.now();
    town.gateway.handle_device_seen(now, &device_id(500), &gwmo_model::Sighting::new(3)).unwrap();
    town.gateway.handle_device_forgotten(now, &device_id(250)).unwrap();
    town.drain_gateway();

    let items = town.ask(0, vec![console().get_summary()]);
    let summary = console().read_summary(&items).unwrap();
    assert_eq!((summary.total, summary.attached, summary.detached), (499, 1, 498));

    let (mut all, mut from, mut pages) = (Vec::new(), Some(Serial::FIRST), 0);
    while let Some(at) = from {
        let items = town.ask(0, vec![console().get_devices(at)]);
        let page = console().read_devices(at, &items).unwrap();
        all.extend(page.devices);
        from = page.next;
        pages += 1;
    }
    assert!(pages > 5, "{pages}");
    let serials: Vec<_> = all.iter().map(|device| device.serial.get()).collect();
    assert_eq!(serials, (1..=500).filter(|number| *number != 250).collect::<Vec<_>>());
    let attached: Vec<_> = all.iter().filter(|device| device.status == AttachStatus::Attached).collect();
    assert_eq!((attached.len(), attached[0].serial.get()), (1, 500));
}

#[test]
fn gwmo_di_003_a_session_shows_that_a_device_is_there() {
    let mut town = Town::with_devices(1, 1);
    let now = town.now();
    town.gateway.handle_device_gone(now, &device_id(1), 1, DetachReason::Left).unwrap();
    town.drain_gateway();
    let record = |town: &Town| town.gateway.inventory().record(serial(1)).unwrap().status();
    assert_eq!(record(&town), AttachStatus::Detached);
    town.call_home(1);
    town.run();
    assert_eq!(record(&town), AttachStatus::Attached);

    // Who moved away in a later epoch stays away.
    town.gateway.handle_device_gone(town.now(), &device_id(1), 2, DetachReason::Moved).unwrap();
    town.drain_gateway();
    town.call_home(1);
    town.run();
    assert_eq!(record(&town), AttachStatus::Detached);
}

#[test]
fn gwmo_di_004_and_005_alerts_and_their_switches() {
    let mut town = Town::with_devices(1, 1);
    town.run();
    // Both servers heard of the new device, once.
    for server in [0, 1] {
        let heard = town.alerts(server);
        assert!(
            matches!(&heard[..], [GatewayAlert::DeviceAttached { id, first: true, .. }] if *id == device_id(1)),
            "{heard:?}"
        );
    }
    // One does not want to any more, the other wants to hear of everything.
    let quiet = Subscription::default().with_attached(false);
    let loud = Subscription::default().with_each_time(true).with_detached(true);
    town.ask(0, vec![console().set_alerts(&server_id("dms.a"), quiet)]);
    town.ask(1, vec![console().set_alerts(&server_id("dms.b"), loud)]);
    assert_eq!(town.codes(0, vec![console().set_alerts(&server_id("dms.b"), quiet)]), [425]);
    town.servers.iter_mut().for_each(|server| server.alerts.clear());

    for number in 2..=6 {
        town.add_device(number);
    }
    town.drain_gateway();
    town.run();
    town.gateway.handle_device_gone(town.now(), &device_id(2), 1, DetachReason::Left).unwrap();
    town.drain_gateway();
    town.run();
    assert!(town.alerts(0).is_empty(), "five new devices, and not a word");
    let items = town.ask(0, vec![console().get_summary()]);
    let summary = console().read_summary(&items).unwrap();
    assert_eq!((summary.total, summary.attached), (6, 5), "they are there all the same");
    let mut heard = town.alerts(1);
    let new: Vec<_> = heard
        .drain(..4)
        .filter_map(|alert| match alert {
            GatewayAlert::DeviceAttached { serial, first: true, .. } => Some(serial.get()),
            _ => None,
        })
        .collect();
    assert_eq!(new, [2, 3, 4, 5]);
    assert!(
        matches!(
            &heard[..],
            [
                GatewayAlert::DeviceAttached { .. },
                GatewayAlert::DeviceDetached { reason: DetachReason::Left, .. }
            ]
        ),
        "{heard:?}"
    );
    // On again: the next one, and not those before it.
    town.ask(0, vec![console().set_alerts(&server_id("dms.a"), Subscription::default())]);
    town.add_device(7);
    town.drain_gateway();
    town.run();
    let told = town.alerts(0);
    assert!(
        matches!(&told[..], [GatewayAlert::DeviceAttached { id, first: true, .. }] if *id == device_id(7)),
        "{told:?}"
    );
    // What is switched is there to be read.
    let items = town.ask(1, vec![get(&node(ConfigSlot::AlertsDetached, &["dms.b"]))]);
    assert_eq!(items[0].data.as_ref().unwrap().as_text(), Some("true"));
}
