//! A device that knows nobody but its gateway: bootstrapped, in session, managed.

use crate::town::requests::{console, node};
use crate::town::{self, Town, device_id, serial, server_id, uri};
use dm_syncml::auth::{Credentials, Password};
use dm_syncml::session::TransportSecurity;
use dm_syncml::{CmdId, Command, Get, Item};
use dm_tree::bootstrap::{Bootstrap, BootstrapPolicy, provisioning_of};
use dm_tree::{Acl, AuthLevel, DevDetail, Secret, dm_accounts};
use gwmo_model::console::{GatewayAlert, JobRequest};
use gwmo_model::mo::InventorySlot;
use gwmo_model::{
    BootstrapAccount, BootstrapState, BootstrapTarget, DeviceCredential, GatewayEvent, GatewayOutput, JobKey,
    Sighting,
};

/// A device that knows nobody is registered by a server with what it is to prove itself with, is sent an account of the gateway, and that
/// is all it ever knows: a server reads its DevDetail through the gateway.
#[test]
fn gwmo_pmode_003_a_device_without_an_external_server() {
    let mut town = Town::with_devices(3, 0);
    town.gateway.handle_administrator(town.now(), &server_id("dms.a")).unwrap();
    let (id, own) = (device_id(1), town::gateway_password(1));
    let secret = format!("device-1\nsecret of 1\n{own}");
    town.ask(0, vec![crate::objects::add(InventorySlot::Registration, &[id.as_str()], Some(&secret))]);
    let sighting = Sighting::new(1).over(TransportSecurity::Confidential);
    town.gateway.handle_device_seen(town.now(), &id, &sighting).unwrap();
    town.drain_gateway();
    let sent = std::mem::take(&mut town.asked);
    let [GatewayOutput::SendBootstrap { account, .. }] = &sent[..] else { panic!("{sent:?}") };

    // As a device takes it: a provisioning document, from which its tree has an account.
    let document = provisioning_of(std::slice::from_ref(account)).unwrap().to_wbxml();
    let document = dm_tree::bootstrap::ProvisioningDocument::from_wbxml(&document).unwrap();
    let mut device = town::Device::new(1);
    let bootstrap = Bootstrap::from_provisioning(&document).unwrap();
    bootstrap.apply(&mut device.tree, &BootstrapPolicy::default()).unwrap();
    let known: Vec<_> = dm_accounts(&device.tree).map(|(_, account)| account).collect();
    let [known] = &known[..] else { panic!("{known:?}") };
    assert_eq!(known.server_id, server_id(town::GATEWAY));
    // It is what the device of the town proves itself with from now on.
    assert_eq!(known.credentials(&AuthLevel::CLCRED), Some(town::device_credentials(1)));
    let shown = Credentials::new(town::GATEWAY, Password::new(own));
    assert_eq!(known.credentials(&AuthLevel::SRVCRED), Some(shown));
    let detail = DevDetail { fw_v: "4.2".into(), sw_v: "1".into(), hw_v: "1".into(), ..DevDetail::default() };
    detail.install(&mut device.tree).unwrap();
    device.tree.set_acl("./DevDetail", Acl::parse(&format!("Get={}", town::GATEWAY)).unwrap()).unwrap();
    town.devices.insert(1, device);
    town.call_home(1);
    town.run();
    assert_eq!(crate::objects::read(&mut town, InventorySlot::BootState, &["1"]), "2");

    let key = JobKey::new("J").unwrap();
    let get: Command<'static> =
        Get::new(CmdId::new("1").unwrap(), vec![Item::to(uri("./DevDetail/FwV"))]).into();
    let mut commands =
        console().add_job(&JobRequest::new(key.clone()).with_device(device_id(1)).with_command(get));
    commands.push(console().start_job(&key, None));
    town.ask(0, commands);
    town.run();
    let items = town.manage(0, vec![console().get_answers(&key, serial(1), 1)]);
    let answers = console().read_answers(&key, serial(1), 1, &items[0].clone().into_items()).unwrap();
    assert_eq!((answers[0].status.unwrap().get(), answers[0].data.as_deref()), (200, Some(&b"4.2"[..])));
    // The server is not among what the device knows, and never was.
    assert_eq!(town.gateway.inventory().record(serial(1)).unwrap().servers().count(), 0);
    assert_eq!(dm_accounts(&town.device(1).tree).count(), 1);
}

/// A server registers a device before anybody has seen it; it is there as detached, comes, is bootstrapped, and only then the servers hear of
/// it as one that is there; a job for it is one command on the device.
#[test]
fn gwmo_hlf_003_and_use_case_b_6_from_registration_to_the_first_job() {
    let mut town = Town::with_devices(1, 0);
    town.gateway.handle_administrator(town.now(), &server_id("dms.a")).unwrap();
    let id = device_id(1);
    let secret = format!("device-1\nsecret of 1\n{}", town::gateway_password(1));
    town.ask(0, vec![crate::objects::add(InventorySlot::Registration, &[id.as_str()], Some(&secret))]);
    town.run();
    let state = |town: &mut Town| {
        [InventorySlot::AttachStatus, InventorySlot::BootState]
            .map(|slot| crate::objects::read(town, slot, &["1"]))
    };
    assert_eq!(state(&mut town), ["2", "0"], "registered, and away");
    assert!(town.alerts(0).is_empty() && town.alerts(1).is_empty(), "nobody has seen it");
    // It has no account yet, so notifications mean nothing to it. A job for it waits.
    town.devices.insert(1, town::Device::new(1));
    town.device(1).deaf = u32::MAX;
    let key = JobKey::new("J").unwrap();
    let run = town::requests::exec("./Vendor/Lamp/Run");
    let mut commands =
        console().add_job(&JobRequest::new(key.clone()).with_device(id.clone()).with_command(run));
    commands.push(console().start_job(&key, None));
    town.ask(0, commands);
    let sighting = Sighting::new(1).over(TransportSecurity::Confidential);
    town.gateway.handle_device_seen(town.now(), &id, &sighting).unwrap();
    town.drain_gateway();
    assert_eq!(offers(&mut town), [(1, BootstrapTarget::Gateway, 1)]);
    assert_eq!(state(&mut town), ["1", "1"]);
    town.call_home(1);
    town.run();
    assert_eq!(state(&mut town), ["1", "2"]);
    for server in [0, 1] {
        let new = |alert: &GatewayAlert| matches!(alert, GatewayAlert::DeviceAttached { id: of, first: true, .. } if *of == id);
        assert_eq!(town.alerts(server).iter().filter(|alert| new(alert)).count(), 1);
    }
    let items = town.ask(0, vec![console().get_job(&key)]);
    assert_eq!(console().read_job(&key, &items).unwrap().counters.ok, 1);
    assert_eq!(town.device(1).read("./Vendor/Lamp/Runs"), "1", "once");
}

/// What the gateway wants sent to devices, and to which target.
fn offers(town: &mut Town) -> Vec<(u32, BootstrapTarget, u16)> {
    let asked = std::mem::take(&mut town.asked);
    let offer = |output| match output {
        GatewayOutput::SendBootstrap { serial, target, attempt, .. } => Some((serial.get(), target, attempt)),
        _ => None,
    };
    asked.into_iter().filter_map(offer).collect()
}

/// A server registers a device with a credential: it is offered an account of the gateway when it is there, again when it
/// does not come, and the first session with the right proof confirms it. One that never comes has failed.
#[test]
fn gwmo_hlf_005_a_device_is_bootstrapped_to_the_gateway() {
    let mut town = Town::with_devices(1, 0);
    town.gateway.handle_administrator(town.now(), &server_id("dms.a")).unwrap();
    let secret =
        |number: u32| format!("device-{number}\nsecret of {number}\n{}", town::gateway_password(number));
    for number in [1, 2] {
        let id = device_id(number);
        town.ask(
            0,
            vec![crate::objects::add(InventorySlot::Registration, &[id.as_str()], Some(&secret(number)))],
        );
    }
    assert_eq!(offers(&mut town), [], "nobody is there yet");
    let state = |town: &mut Town, number: u32| {
        crate::objects::read(town, InventorySlot::BootState, &[&number.to_string()])
    };
    assert_eq!(state(&mut town, 1), "0");
    for number in [1, 2] {
        let sighting = Sighting::new(1).over(TransportSecurity::Confidential);
        town.gateway.handle_device_seen(town.now(), &device_id(number), &sighting).unwrap();
    }
    town.drain_gateway();
    let first = |number| (number, BootstrapTarget::Gateway, 1);
    assert_eq!(offers(&mut town), [first(1), first(2)]);
    assert_eq!(state(&mut town, 1), "1");
    town.devices.insert(1, town::Device::new(1));
    town.call_home(1);
    town.run();
    assert_eq!((state(&mut town, 1), state(&mut town, 2)), ("2".into(), "3".into()));
    let again = offers(&mut town);
    assert!(!again.is_empty() && again.iter().all(|(number, ..)| *number == 2), "{again:?}");
    let attempts: Vec<_> = again.iter().map(|(.., attempt)| *attempt).collect();
    assert_eq!(attempts, (2..2 + attempts.len() as u16).collect::<Vec<_>>());
}

/// The gateway's owner has a device bootstrapped to a server, once, however often it is asked; the device says that it
/// knows it, and the server is in its record.
#[test]
fn gwmo_hlf_006_a_device_is_bootstrapped_to_a_server() {
    let mut town = Town::with_devices(1, 2);
    town.run();
    town.keep();
    let target = BootstrapTarget::Server(server_id("dms.a"));
    let account = || {
        let credential = DeviceCredential::new("camera", Secret::new("its"), Secret::new("theirs"));
        BootstrapAccount::new(server_id("dms.a"), "https://dms.example/dm", credential)
    };
    for _ in 0..2 {
        town.gateway.handle_bootstrap_wanted(town.now(), &device_id(1), account()).unwrap();
        town.drain_gateway();
    }
    assert_eq!(offers(&mut town), [(1, target.clone(), 1)]);
    assert!(town.gateway.handle_bootstrap_wanted(town.now(), &device_id(9), account()).is_err());
    // What could not be sent does not count, and follows when the device is there again.
    town.gateway.handle_bootstrap(town.now(), |boot, now| boot.handle_not_sent(now, serial(1), &target));
    town.call_home(1);
    town.run_for(std::time::Duration::from_secs(5));
    let servers = node(InventorySlot::Servers, &["1"]);
    assert_eq!(crate::objects::read(&mut town, InventorySlot::Servers, &["1"]), "", "{servers}");
    // It is kept, over a crash too.
    town.crash();
    town.asked.clear();
    town.call_home_with(1, vec![crate::modes::knows("dms.a")]);
    town.run();
    assert_eq!(crate::objects::read(&mut town, InventorySlot::ServerId, &["1", "dms.a"]), "dms.a");
    let confirmed = |event: &GatewayEvent| matches!(event, GatewayEvent::Bootstrap { target: of, state, .. } if *of == target && *state == BootstrapState::Confirmed);
    assert_eq!(town.events.iter().filter(|event| confirmed(event)).count(), 1);
    town.gateway.handle_bootstrap_wanted(town.now(), &device_id(1), account()).unwrap();
    town.drain_gateway();
    assert_eq!(offers(&mut town), [], "it is known");
}
