//! Secrets, and who listens: nothing that is secret goes over a leg that others can read (DM-SECONF-001).

use dm_tree::{Acl, AppAuth, AuthLevel, AuthType, DmAccount, NodeSpec, Secret, SecretNodes, Value};
use gwmo_model::console::JobRequest;
use gwmo_model::mo::InventorySlot;
use gwmo_model::{
    AdapterCapabilities, BootstrapTarget, ConfidentialityPolicy, DeviceId, GatewayEvent, GatewayOutput, Leg,
    NativeCommands, NativeOp, NativeResult, Sighting, TargetState, Withheld,
};

use crate::objects::{add, read};
use crate::town::requests::*;
use crate::town::{MINUTE, Place, Town, device_id, serial, server_id};
use dm_syncml::session::TransportSecurity;

const SECRET: &str = "battery staple";
const KEY: &str = "./Vendor/Wlan/home/Key";

fn policy() -> ConfidentialityPolicy {
    let secrets = SecretNodes::standard().with_node("./Vendor/Wlan/*/Key").unwrap();
    ConfidentialityPolicy::default().with_secrets(secrets)
}

/// A town whose devices have a key for their wireless network. Others can listen in these places.
fn town(policy: ConfidentialityPolicy, devices: u32, in_clear: &[Place]) -> Town {
    let mut town = Town::new(1, Town::config().with_confidentiality(policy));
    town.in_clear.extend(in_clear);
    for number in 1..=devices {
        town.add_device(number);
        town.device(number).tree.insert(KEY, NodeSpec::leaf(Value::chr("first key"))).unwrap();
    }
    town.drain_gateway();
    town.run_for(MINUTE);
    town
}

/// A setting of a secret, between two that are none.
fn wlan_job(name: &str) -> JobRequest {
    JobRequest::new(key(name))
        .with_group(group("*"))
        .with_command(replace("./Vendor/Level", "5"))
        .with_command(replace_text(KEY, SECRET))
        .with_command(exec("./Vendor/Lamp/Run"))
}

fn withheld(town: &mut Town) -> Vec<(Leg, Option<u32>, String)> {
    let events = std::mem::take(&mut town.events).into_iter();
    let all = events.filter_map(|event| match event {
        GatewayEvent::Withheld(Withheld { leg, device, node, .. }) => {
            Some((leg, device.map(|serial| serial.get()), node.into()))
        }
        _ => None,
    });
    all.collect()
}

/// Whether those who listen have heard it, in any encoding that the town speaks.
fn is_overheard(town: &Town, secret: &str) -> bool {
    town.overheard.iter().any(|(_, packet)| packet.has(secret.as_bytes()))
}

/// What a server sends in clear is not taken: others have it already. Over a session that nobody else reads it is.
#[test]
fn dm_seconf_001_a_secret_is_not_taken_from_a_server_in_clear() {
    let mut town = town(policy(), 1, &[Place::Uplink(0)]);
    let now = town.now();
    town.gateway.handle_administrator(now, &server_id("dms.a")).unwrap();
    // An account in the gateway's own tree, which this server may change.
    let mut account = DmAccount::new(server_id("dms.c"));
    account.name = Some("c".into());
    let credential = AppAuth::new(AuthLevel::CLCRED, AuthType::DIGEST).with_name("gateway");
    account.credentials.push(credential.with_secret(Secret::new("unchanged")));
    account.install(town.gateway.tree_mut(), "./DMAcc/c").unwrap();
    town.gateway.tree_mut().set_acl("./DMAcc", Acl::parse("Get=dms.a&Replace=dms.a").unwrap()).unwrap();
    let own = "./DMAcc/c/AppAuth/1/AAuthSecret";
    let new = device_id(2);
    let registration = || add(InventorySlot::Registration, &[new.as_str()], Some("device-2\nits\nours"));
    let change = || vec![replace_text(own, SECRET), replace_text("./DMAcc/c/Name", "C")];
    let value = |town: &Town| town.gateway.tree().node(own).unwrap().value().unwrap().data().to_vec();

    town.events.clear();
    assert_eq!(town.codes(0, vec![registration()]), [403]);
    assert_eq!(town.codes(0, change()), [403, 200], "what is no secret may be said");
    let codes = town.codes(0, console().add_job(&wlan_job("J")));
    assert_eq!(codes.iter().filter(|code| **code == 403).count(), 1, "{codes:?}");
    // A job that asks for a secret is not taken either: it would come back the same way.
    let asking = JobRequest::new(key("G")).with_group(group("*")).with_command(get(KEY));
    assert!(town.codes(0, console().add_job(&asking)).contains(&403));
    let said = withheld(&mut town);
    assert!(said.iter().all(|(leg, device, _)| (*leg, *device) == (Leg::Server, None)), "{said:?}");
    assert_eq!(said.len(), 4);
    assert!(said[0].2.starts_with(&node(InventorySlot::Registered, &[])), "{said:?}");
    assert_eq!(said[1].2, own);
    assert_eq!((value(&town), town.gateway.inventory().serial_of(&new)), (b"unchanged".to_vec(), None));
    // Without a command the job cannot begin.
    assert_ne!(town.codes(0, vec![console().start_job(&key("J"), None)]), [202]);

    town.in_clear.clear();
    assert_eq!(town.codes(0, vec![registration()]), [200]);
    assert_eq!(town.codes(0, change()), [200, 200]);
    assert_eq!(value(&town), SECRET.as_bytes());
    assert!(town.gateway.inventory().serial_of(&new).is_some());
    town.ask(0, vec![console().delete_job(&key("J"))]);
    launch(&mut town, wlan_job("J"), "J");
    town.run_for(10 * MINUTE);
    assert_eq!(town.device(1).read(KEY), SECRET);
    assert_eq!(withheld(&mut town), []);
}

/// A device whose session others can read is passed over, before anything of the job reaches it; its neighbour is served. That is in its
/// record, and nobody who listens learns the secret.
#[test]
fn dm_seconf_001_commands_with_secrets_are_not_sent_to_a_device_in_clear() {
    let mut town = town(policy(), 2, &[Place::Device(2)]);
    town.events.clear();
    launch(&mut town, wlan_job("J"), "J");
    town.run_for(10 * MINUTE);
    let state = |record: &gwmo_model::console::RecordLine| (record.state, record.code.map(|code| code.get()));
    let of: Vec<_> = records(&mut town, "J").iter().map(state).collect();
    assert_eq!(of[0].0, TargetState::Ok);
    assert_eq!(of[1], (TargetState::Skipped, Some(403)));
    assert_eq!(withheld(&mut town), [(Leg::Session, Some(2), KEY.to_owned())]);
    assert_eq!([1, 2].map(|number| town.device(number).read(KEY)), [SECRET, "first key"]);
    assert_eq!(town.device(2).read("./Vendor/Level"), "1", "nothing of the job reached it");
    assert!(!town.overheard.is_empty() && !is_overheard(&town, SECRET));
    // What is no secret is not held up.
    launch(&mut town, job("K", "*"), "K");
    town.run_for(10 * MINUTE);
    assert_eq!(status(&mut town, "K").counters.ok, 2);
    // Once it has a better connection it is tried again.
    town.in_clear.clear();
    town.ask(0, vec![console().retry_job(&key("J"), &gwmo_model::Which::NotOk)]);
    town.run_for(10 * MINUTE);
    assert_eq!((status(&mut town, "J").counters.ok, town.device(2).read(KEY)), (2, SECRET.to_owned()));
}

/// What a device answered to a question for a secret is read over a session that nobody else reads, or not at all; and so is the command
/// that carries one.
#[test]
fn dm_seconf_001_what_is_secret_is_not_read_back_in_clear() {
    let mut town = town(policy(), 1, &[]);
    let request = wlan_job("J").with_command(get(KEY)).with_command(get("./Vendor/SwV"));
    launch(&mut town, request, "J");
    town.run_for(10 * MINUTE);
    let answer = |op: u16| console().get_answers(&key("J"), serial(1), op);
    let text = |town: &mut Town, command| {
        let answers = town.manage(0, vec![command]);
        let text = answers[0].items().filter_map(|item| item.data.as_ref()?.as_text()).collect::<String>();
        (answers[0].code().get(), text)
    };
    let read_node = |slot, keys: &[&str]| get(&node(slot, keys));
    use gwmo_model::mo::FanoutSlot;
    let data = |op: &str| read_node(FanoutSlot::AnswerData, &["J", "1", op]);
    let stored = |op: &str| read_node(FanoutSlot::OpCmd, &["J", op]);
    assert_eq!(text(&mut town, data("4")).0, 200);
    let answers = town.manage(0, vec![answer(4)]);
    assert!(
        answers[0]
            .items()
            .any(|item| item.data.as_ref().and_then(|data| data.as_octets()) == Some(SECRET.as_bytes()))
    );

    town.in_clear.insert(Place::Uplink(0));
    town.events.clear();
    assert_eq!(text(&mut town, data("4")), (403, String::new()));
    assert_eq!(text(&mut town, stored("2")), (403, String::new()));
    assert_eq!(text(&mut town, data("5")).0, 200, "that is none");
    assert_eq!(text(&mut town, stored("1")).0, 200);
    assert_eq!(withheld(&mut town).len(), 2);
    // Neither with the nodes around it.
    let all = [
        format!("{}?list=StructData", node(FanoutSlot::Job, &["J"])),
        format!("{}?list=TNDS", node(FanoutSlot::Job, &["J"])),
        node(FanoutSlot::OutDoc, &["J", "1"]),
    ];
    for uri in all {
        town.manage(0, vec![get(&uri)]);
    }
    assert!(!is_overheard(&town, SECRET));
    // Where the owner of the network answers for it, it is.
    assert_eq!(status(&mut town, "J").counters.ok, 1, "how it stands is nobody's secret");
}

/// An account does not go to a device over a link that others can read: its bootstrap waits until the device is seen over a better one.
#[test]
fn dm_seconf_001_an_account_waits_for_a_confidential_link() {
    let mut town = town(policy(), 0, &[]);
    town.gateway.handle_administrator(town.now(), &server_id("dms.a")).unwrap();
    let id = device_id(1);
    let registration = add(InventorySlot::Registration, &[id.as_str()], Some("device-1\nits own\nours"));
    town.ask(0, vec![registration]);
    let offers = |town: &mut Town| {
        let asked = std::mem::take(&mut town.asked);
        asked.iter().filter(|output| matches!(output, GatewayOutput::SendBootstrap { .. })).count()
    };
    let seen = |town: &mut Town, transport| {
        let sighting = Sighting::new(1).over(transport);
        town.gateway.handle_device_seen(town.now(), &device_id(1), &sighting).unwrap();
        town.drain_gateway();
    };
    seen(&mut town, TransportSecurity::Clear);
    town.run_for(60 * MINUTE);
    assert_eq!(offers(&mut town), 0);
    assert_eq!(withheld(&mut town), [(Leg::Bootstrap, Some(1), "AAuthSecret".to_owned())]);
    assert_eq!(read(&mut town, InventorySlot::BootState, &["1"]), "0", "it waits");
    seen(&mut town, TransportSecurity::Confidential);
    assert_eq!((offers(&mut town), withheld(&mut town)), (1, vec![]));
    assert_eq!(read(&mut town, InventorySlot::BootState, &["1"]), "1");
    // A link is known for as long as the device stays, and by the process that was told.
    town.keep();
    town.crash();
    town.run_for(10 * MINUTE);
    assert_eq!(offers(&mut town), 0);
    seen(&mut town, TransportSecurity::Confidential);
    assert_eq!(offers(&mut town), 1);
    let state =
        town.gateway.handle_bootstrap(town.now(), |boot, _| boot.state(serial(1), &BootstrapTarget::Gateway));
    assert_eq!(state.number(), 1);
}

/// An adapter that speaks to its device in clear is not given secrets.
#[test]
fn dm_seconf_001_adapters_get_no_secrets_for_a_link_in_clear() {
    let mut town = town(policy(), 0, &[]);
    let all = [NativeCommands::GET, NativeCommands::REPLACE, NativeCommands::EXEC];
    let all = all.into_iter().fold(NativeCommands::NONE, NativeCommands::with);
    let lamps = ["zigbee:clear", "zigbee:encrypted"].map(|name| DeviceId::new(name).unwrap());
    for (lamp, transport) in lamps.iter().zip([TransportSecurity::Clear, TransportSecurity::Confidential]) {
        let now = town.now();
        town.gateway.handle_device_seen(now, lamp, &Sighting::new(0).over(transport)).unwrap();
        let capabilities = AdapterCapabilities::new(all);
        town.gateway.handle_adapter(now, lamp, capabilities).unwrap();
    }
    town.drain_gateway();
    town.run_for(MINUTE);
    town.events.clear();
    let mut asked = Vec::new();
    for (name, request) in [("J", wlan_job("J")), ("K", job("K", "*"))] {
        launch(&mut town, request, name);
        while let Some(output) = town.asked.pop() {
            let GatewayOutput::Native { serial, token, op, .. } = output else { panic!("{output:?}") };
            asked.push((name, serial.get(), op));
            let now = town.now();
            town.gateway.handle_native_result(now, token, NativeResult::Done(None));
            town.drain_gateway();
        }
        town.run_for(10 * MINUTE);
    }
    let is_secret = |op: &NativeOp| format!("{op:?}").contains("Key");
    assert!(asked.iter().any(|(_, serial, op)| *serial == 2 && is_secret(op)));
    assert!(asked.iter().all(|(name, serial, _)| *serial == 2 || *name == "K"), "{asked:?}");
    assert!(asked.iter().any(|(name, serial, _)| (*name, *serial) == ("K", 1)), "other jobs go on");
    assert_eq!(withheld(&mut town), [(Leg::Adapter, Some(1), KEY.to_owned())]);
    let counters = status(&mut town, "J").counters;
    assert_eq!((counters.ok, counters.skipped), (1, 1));
}

/// Each leg can be allowed, and only that one is.
#[test]
fn dm_seconf_001_the_owner_may_allow_a_leg() {
    let everywhere = [Place::Uplink(0), Place::Device(1)];
    for allowed in [&[Leg::Server][..], &[Leg::Session], &[Leg::Server, Leg::Session]] {
        let policy = allowed.iter().fold(policy(), |policy, leg| policy.allowing_in_clear(*leg));
        assert!(!policy.permits(Leg::Bootstrap, TransportSecurity::Clear));
        let mut town = town(policy, 1, &everywhere);
        let mut commands = console().add_job(&wlan_job("J"));
        commands.push(console().start_job(&key("J"), None));
        let is_taken = town.codes(0, commands).iter().all(|code| code / 100 == 2);
        town.run_for(10 * MINUTE);
        assert_eq!(is_taken, allowed.contains(&Leg::Server), "{allowed:?}");
        assert_eq!(town.device(1).read(KEY) == SECRET, allowed.len() == 2, "{allowed:?}");
    }
    // Those who listen hear it then.
    let mut town = town(policy().allowing_in_clear(Leg::Session), 1, &[Place::Device(1)]);
    launch(&mut town, wlan_job("J"), "J");
    town.run_for(10 * MINUTE);
    assert!(is_overheard(&town, SECRET));
}

/// A session that nobody else could read does not go on where others can: what answers a message might hold its secrets.
#[test]
fn dm_seconf_001_a_session_does_not_get_worse() {
    let (mut served, mut not_served, mut refused) = (0, 0, 0);
    for steps in 0.. {
        let mut town = town(policy(), 1, &[]);
        // Each command in a message of its own.
        town.device(1).max_msg_size = 700;
        let mut commands = console().add_job(&wlan_job("J"));
        commands.push(console().start_job(&key("J"), None));
        town.ask(0, commands);
        for _ in 0..steps {
            town.step();
        }
        let is_served = town.device(1).read(KEY) == SECRET && town.gateway.fanout().in_flight() == 0;
        // From here on the device goes on where others can listen.
        town.in_clear.insert(Place::Device(1));
        town.run_for(60 * MINUTE);
        assert!(!is_overheard(&town, SECRET), "after {steps} steps");
        assert_eq!(town.gateway.fanout().in_flight(), 0, "it is over");
        match town.device(1).read(KEY) == SECRET {
            true => served += 1,
            false => not_served += 1,
        }
        refused += town.errors.len();
        if is_served {
            break;
        }
    }
    assert!(served > 1 && not_served > 1 && refused > 0, "{served} {not_served} {refused}");
}
