//! Authentication, integrity and confidentiality between servers, gateway and devices.

use gwmo_model::mo::{ConfigSlot, ImagesSlot, InventorySlot};
use gwmo_model::{
    BlobNo, ContentDigest, GatewayEvent, GatewayOutput, ImagesOutput, JobState, Policy, RelayDecision,
    RelayRefusal, TargetState,
};

use crate::modes::{knows, push_to};
use crate::objects::{add, read, set};
use crate::town::requests::*;
use crate::town::{GATEWAY, MINUTE, Town, device_id, gateway_password, serial, server_id};

/// A server that does not prove itself changes nothing and reads nothing; nor does a device that does not get commands.
#[test]
fn gwmo_secacate_001_nothing_happens_before_a_server_has_proved_itself() {
    let mut town = Town::with_devices(1, 2);
    town.run();
    town.keep();
    let before = town.kept();
    town.servers[0].password = "not this one";
    let mut commands = console().create_group(&group("g"), &[device_id(1)]);
    commands.extend(console().add_job(&job("J", "*")));
    commands.push(console().start_job(&key("J"), None));
    commands.push(console().get_summary());
    let answers = town.manage(0, commands);
    assert!(
        answers.iter().all(|answer| !answer.code().is_success() && answer.items().next().is_none()),
        "{answers:?}"
    );
    town.run();
    town.keep();
    let (now_there, jobs) = (town.kept(), town.gateway.fanout().jobs().len());
    assert_eq!((jobs, town.gateway.groups().group(&group("g")).is_none()), (0, true));
    assert_eq!(format!("{before:?}").len(), format!("{now_there:?}").len());
    assert_eq!([1, 2].map(|number| town.device(number).notified), [0, 0]);
    // With its password it is let in, after one challenge.
    town.servers[0].password = "down";
    launch(&mut town, job("J", "*"), "J");
    town.run();
    assert_eq!(status(&mut town, "J").counters.ok, 2);
}

/// One authentication of a server reaches a group of a hundred devices; each proves itself to the gateway with keys of
/// its own. When the account is revoked, nothing more is begun, and what was delivered finishes.
#[test]
fn gwmo_secacate_002_one_authentication_for_a_hundred_devices() {
    let mut town = Town::with_devices(1, 100);
    town.run_for(10 * MINUTE);
    town.calls_back = false;
    let now = town.now();
    town.gateway.handle_administrator(now, &server_id("dms.a")).unwrap();
    town.ask(0, vec![add(ConfigSlot::Account, &["dms.b"], Some("*"))]);
    let begin = |town: &mut Town, name: &str| {
        let policy = Policy::default().with_window(10);
        let mut commands = console().add_job(&job(name, "*").with_policy(policy));
        commands.push(console().start_job(&key(name), None));
        assert!(town.codes(1, commands).iter().all(|code| code / 100 == 2));
    };
    let before = town.servers[1].challenges;
    begin(&mut town, "B");
    town.run_for(10 * MINUTE);
    assert_eq!(town.servers[1].challenges - before, 1);
    let view = town.gateway.fanout().jobs().next().unwrap();
    assert_eq!(view.counters().ok, 100);
    assert!((1..=100).all(|number| town.device(number).ends.len() == 1));
    // What they prove themselves with is their own.
    let shown: std::collections::BTreeSet<_> = (1..=100).map(gateway_password).collect();
    assert_eq!(shown.len(), 100);

    begin(&mut town, "C");
    let ended = |town: &Town, name: &str| {
        town.gateway.fanout().jobs().find(|job| *job.key() == key(name)).unwrap().counters()
    };
    while ended(&town, "C").ok < 30 {
        assert!(town.step());
    }
    town.ask(0, vec![crate::objects::delete(ConfigSlot::Account, &["dms.b"])]);
    let done = ended(&town, "C");
    let runs = |town: &mut Town| {
        (1..=100).filter(|number| town.device(*number).read("./Vendor/Lamp/Runs") == "2").count() as u32
    };
    town.run_for(10 * MINUTE);
    let c = ended(&town, "C");
    assert_eq!((c.ok + c.cancelled, c.open()), (100, 0), "{c:?}");
    let lost = |town: &Town, name: &str| {
        let view = town.gateway.fanout().jobs().find(|job| *job.key() == key(name)).unwrap();
        let not_ok = view.records(..).filter(|record| record.state() != TargetState::Ok);
        (view.state(), view.result().unwrap().get(), not_ok.map(|record| record.code().unwrap().get()).max())
    };
    assert_eq!(lost(&town, "C"), (JobState::Aborted, 1406, Some(1406)));
    assert!(c.ok >= done.ok && c.ok <= done.ok + done.in_flight, "{c:?}");
    assert_eq!(runs(&mut town), c.ok, "what was delivered is what is told");
    // Nothing that is begun later gets anywhere.
    begin(&mut town, "D");
    town.run_for(10 * MINUTE);
    assert_eq!(lost(&town, "D"), (JobState::Aborted, 1406, Some(1406)));
    assert_eq!(ended(&town, "D").cancelled, 100);
}

/// Where the gateway can check a digest it must be right, of notifications and of images.
#[test]
fn gwmo_secdi_001_what_was_changed_on_its_way_goes_nowhere() {
    use dm_notification::{Credential, Notification, ServerIdentifier, SessionId, Trigger};
    let mut town = Town::with_devices(1, 1);
    town.run();
    town.call_home_with(1, vec![knows("dms.a")]);
    town.run();
    town.ask(0, vec![replace(&node(InventorySlot::ModeReq, &["1"]), "1")]);
    assert_eq!(
        town.gateway.inventory().record(serial(1)).unwrap().mode(),
        Some(gwmo_model::Mode::Transparent)
    );
    town.asked.clear();
    town.events.clear();
    let now = town.now();
    // The gateway's own account of the device: it knows what the digest must be.
    let server = ServerIdentifier::new(GATEWAY).unwrap();
    let trigger = Trigger::new(server, SessionId::new(9).unwrap());
    let nonce = town.device(1).server_nonce_octets();
    let good = Notification::sign(trigger, &Credential::new(server, gateway_password(1)), &nonce).to_vec();
    for octet in 0..good.len() {
        let mut bad = good.clone();
        bad[octet] ^= 1;
        town.gateway.handle_push(now, &dm_notification::push::Push::decode(&push_to(1, &bad)).unwrap());
        town.drain_gateway();
    }
    assert!(town.asked.is_empty(), "{:?}", town.asked);
    let dropped = |event: &&GatewayEvent| matches!(event, GatewayEvent::Relay(audit) if matches!(audit.decision, RelayDecision::Dropped(_)));
    assert_eq!(town.events.iter().filter(dropped).count(), good.len());
    let digest = |event: &&GatewayEvent| matches!(event, GatewayEvent::Relay(audit) if audit.decision == RelayDecision::Dropped(RelayRefusal::WrongDigest));
    assert!(town.events.iter().filter(digest).count() >= 16);
    town.gateway.handle_push(now, &dm_notification::push::Push::decode(&push_to(1, &good)).unwrap());
    town.drain_gateway();
    assert!(matches!(&town.asked[..], [GatewayOutput::Forward { package_0, .. }] if *package_0 == good));

    // An image that is not what its digest says never gets an address.
    town.asked.clear();
    town.gateway.handle_entropy(now, [7; 16]);
    let wanted = ContentDigest::new([1; 32]);
    town.ask(
        0,
        vec![
            add(ImagesSlot::Image, &["fw"], None),
            set(ImagesSlot::Hash, &["fw"], &wanted.to_string()),
            set(ImagesSlot::Data, &["fw"], "not that"),
        ],
    );
    let mut blobs: Vec<BlobNo> = Vec::new();
    while let Some(output) = town.asked.pop() {
        let now = town.now();
        match output {
            GatewayOutput::StoreImage { blob, octets, .. } => {
                town.gateway
                    .handle_images(now, |images, now| images.handle_stored(now, blob, octets.len() as u64));
            }
            GatewayOutput::Image(ImagesOutput::HashRequest { blob, .. }) => {
                blobs.push(blob);
                town.gateway.handle_images(now, |images, now| {
                    images.handle_digest(now, blob, ContentDigest::new([2; 32]))
                });
            }
            _ => {}
        }
        town.drain_gateway();
    }
    town.run();
    assert_eq!(blobs.len(), 1);
    let answers =
        town.manage(0, vec![get(&node(ImagesSlot::Uri, &["fw"])), get(&node(ImagesSlot::State, &["fw"]))]);
    let uri = answers[0].items().filter_map(|item| item.data.as_ref()?.as_text()).collect::<String>();
    assert_eq!(uri, "", "no address");
    assert_eq!(read(&mut town, ImagesSlot::Result, &["fw"]), "1415");
}

/// What devices and gateway prove themselves with is never read, never shown, and not in what the gateway shows of itself.
#[test]
fn dm_seconf_001_secrets_are_neither_read_nor_shown() {
    let mut town = Town::with_devices(1, 1);
    town.run();
    town.gateway.handle_administrator(town.now(), &server_id("dms.a")).unwrap();
    let lines = "device-2\nvery private\nand this too";
    let name = device_id(2);
    town.ask(0, vec![add(InventorySlot::Registration, &[name.as_str()], Some(lines))]);
    let there = node(InventorySlot::Registration, &[name.as_str()]);
    assert_eq!(town.codes(0, vec![get(&there), get(&node(InventorySlot::Registered, &[]))]), [405, 405]);
    assert_eq!(town.codes(1, vec![get(&there)])[0] / 100, 4);
    // It is sent once the device is there: an account whose secrets do not show.
    let sighting = gwmo_model::Sighting::new(1).over(dm_syncml::session::TransportSecurity::Confidential);
    town.gateway.handle_device_seen(town.now(), &name, &sighting).unwrap();
    town.drain_gateway();
    let sent =
        town.asked.iter().filter(|output| matches!(output, GatewayOutput::SendBootstrap { .. })).count();
    assert_eq!(sent, 1);
    town.keep();
    let shown = [
        format!("{:?}", town.asked),
        format!("{:?}", town.gateway),
        format!("{:?}", town.kept()),
        format!("{:?}", town.records()),
        format!("{:?}", crate::town::account(1)),
        format!("{:?}", town.events),
    ];
    for (number, text) in shown.iter().enumerate() {
        for secret in ["very private", "and this too", "secret of 1", &gateway_password(1)] {
            assert!(!text.contains(secret), "{number} shows a secret");
        }
        // Nor as lists of octets.
        let octets = format!("{:?}", "very private".as_bytes());
        assert!(!text.contains(octets.trim_matches(['[', ']'])), "{number} shows octets");
    }
}
