//! Sessions with devices, and with those who say they are.

use std::time::Duration;

use dm_sim::Link;
use dm_tree::Acl;
use gwmo_model::mo::InventorySlot;
use gwmo_model::{GatewayEvent, Policy};

use crate::town::requests::*;
use crate::town::{self, MINUTE, Place, Town, device_id, serial, uri};

/// Who claims to be a device without proving it gets what any stranger gets, and disturbs nobody.
#[test]
fn a_claim_does_not_disturb_a_session() {
    let mut town = Town::with_devices(1, 1);
    town.network.set_links(
        Place::Gateway,
        Place::Device(1),
        Link::new().with_delay(MINUTE / 60..=MINUTE / 60),
    );
    launch(&mut town, job("J", "*"), "J");
    // Until the session has proved itself.
    while town.gateway.proven_sessions() == 0 {
        assert!(town.step());
    }
    let before = town.gateway.proven_sessions();
    for session in ["1", "2", "9", "8001"] {
        let replies = claim(&mut town, device_id(1).as_str(), session);
        let stranger = claim(&mut town, "IMEI:999999999999999", session);
        let shape = |reply: &dm_syncml::Message<'static>| {
            reply.body.commands.iter().map(|command| command.name()).collect::<Vec<_>>()
        };
        assert_eq!(shape(&replies), shape(&stranger), "they look alike");
    }
    assert_eq!((town.gateway.proven_sessions(), town.gateway.unproven_sessions()), (before, 8));
    town.run();
    assert_eq!(status(&mut town, "J").counters.ok, 1);
    assert_eq!(town.device(1).read("./Vendor/Lamp/Runs"), "1");
}

/// Sends a first message without credentials, and returns the answer.
fn claim(town: &mut Town, peer: &str, session: &str) -> dm_syncml::Message<'static> {
    use dm_syncml::session::{ClientConfig, ClientOutput, ClientSession, Incoming, Initiation};
    let initiation = Initiation::Client(dm_syncml::SessionId::new(session.to_owned()).unwrap());
    let config = ClientConfig::new(uri(peer), uri(town::GATEWAY_URL));
    let mut session = ClientSession::new(town.now(), config, initiation, Vec::new());
    let ClientOutput::Send(_, message) = session.poll_output() else { panic!("a client begins") };
    let incoming =
        Incoming::decode(dm_syncml::Encoding::Wbxml, &message.body, &dm_syncml::DecodeOptions::new())
            .unwrap();
    let now = town.now();
    town.gateway.handle_device_message(now, 77_000, &incoming, [7; 16]).unwrap();
    let mut reply = None;
    loop {
        match town.gateway.poll_output() {
            gwmo_model::GatewayOutput::Reply { exchange: 77_000, message } => reply = Some(message.body),
            gwmo_model::GatewayOutput::Wait(_) => break,
            other => panic!("{other:?}"),
        }
    }
    let reply = reply.expect("strangers are answered");
    let options = dm_syncml::DecodeOptions::new();
    dm_syncml::Message::decode(dm_syncml::Encoding::Wbxml, &reply, &options).unwrap().into_owned()
}

#[test]
fn strangers_are_bounded() {
    let limits = gwmo_model::SessionLimits::default().with_max_unproven(10);
    let mut town = Town::new(1, Town::config().with_sessions(limits));
    town.add_device(1);
    town.drain_gateway();
    for number in 0..100 {
        claim(&mut town, &format!("stranger:{number}"), "1");
    }
    assert_eq!(town.gateway.unproven_sessions(), 10);
    town.call_home(1);
    town.run();
    assert_eq!(town.device(1).ends, [dm_syncml::session::ClientEnd::Completed]);
    assert_eq!((town.gateway.proven_sessions(), town.gateway.unproven_sessions()), (0, 0), "all timed out");
    let problems =
        town.events.iter().filter(|event| matches!(event, GatewayEvent::SessionFailed { .. })).count();
    assert_eq!(problems, 9, "those that were not given up for others");
}

/// A device that restarts begins a new session; the old one is given up when the new one has proved itself.
#[test]
fn a_new_session_takes_the_place_of_the_old_one() {
    let mut town = Town::with_devices(1, 1);
    let policy = Policy::default().with_retries(1).with_t_session(5 * MINUTE);
    // The device falls silent while an Exec is under way: what it answers is lost, and it starts over.
    launch(&mut town, job("J", "*").with_policy(policy), "J");
    while town.device(1).read("./Vendor/Lamp/Runs") == "0" {
        assert!(town.step());
    }
    town.network.isolate(Place::Device(1));
    town.run_until(Duration::from_secs(30));
    town.network.rejoin(Place::Device(1));
    town.call_home(1);
    town.run();
    let done = status(&mut town, "J").counters;
    assert_eq!((done.indeterminate, done.total), (1, 1), "nobody knows, and nothing ran twice");
    assert_eq!(town.device(1).read("./Vendor/Lamp/Runs"), "1");
}

#[test]
fn what_a_device_tells_comes_out() {
    let mut town = Town::with_devices(1, 1);
    town.run();
    launch(&mut town, job("J", "*"), "J");
    town.run();
    assert!(town.nonces >= 2, "both nonces were stored: {}", town.nonces);
    let attached = |event: &&GatewayEvent| matches!(event, GatewayEvent::DeviceAttached { first: true, .. });
    assert_eq!(town.events.iter().filter(attached).count(), 1);
    assert_eq!(town.device(1).ends, [dm_syncml::session::ClientEnd::Completed]);
    // The nonces hold: the next session needs no challenge, and a notification can be verified.
    let sent = town.network.link_counts(Place::Device(1), Place::Gateway).sent;
    town.call_home(1);
    town.run();
    let more = town.network.link_counts(Place::Device(1), Place::Gateway).sent - sent;
    assert_eq!(more, 1, "one message, answered with nothing to do");
}

#[test]
fn an_answer_waits_for_its_record() {
    let mut town = Town::with_devices(1, 2);
    town.run();
    town.stores_later = true;
    for number in [1, 2] {
        town.call_home(number);
    }
    town.run_until(Duration::from_secs(5));
    let answers = |town: &Town| town.network.link_counts(Place::Gateway, Place::Device(1)).sent;
    assert_eq!((town.nonces, answers(&town)), (2, 1), "the challenge went out, nothing after it");
    // It is asked again meanwhile, and there is still no answer.
    town.run_until(Duration::from_secs(12));
    assert_eq!(answers(&town), 1);
    assert!(town.errors.iter().all(|error| error.contains("no message is waited for")), "{:?}", town.errors);
    town.store();
    assert_eq!(answers(&town), 2);
    town.run();
    assert_eq!(town.device(1).ends, [dm_syncml::session::ClientEnd::Completed]);

    // A device that starts over while its answer waits has no use for it any more. The nonce it shows is not the
    // one that was made for it and never told, so it is challenged once more.
    town.call_home(1);
    town.run_until(Duration::from_secs(400));
    town.call_home(1);
    town.run_until(Duration::from_secs(401));
    assert_eq!(town.unanswered, 1);
    town.stores_later = false;
    town.store();
    town.run();
    assert_eq!(town.gateway.proven_sessions(), 0);
}

#[test]
fn the_least_active_session_makes_way() {
    let limits = gwmo_model::SessionLimits::default().with_max_proven(3);
    let mut town = Town::new(1, Town::config().with_sessions(limits));
    for number in 1..=6 {
        town.add_device(number);
    }
    town.drain_gateway();
    for number in 1..=6 {
        town.call_home(number);
        town.run_until(Duration::from_secs(number.into()));
        assert!(town.gateway.proven_sessions() <= 3);
    }
    town.run();
    for number in 1..=6 {
        assert_eq!(town.device(number).ends, [dm_syncml::session::ClientEnd::Completed]);
    }
}

#[test]
fn a_forgotten_device_is_a_stranger() {
    let mut town = Town::with_devices(1, 2);
    let acl = Acl::parse("Get=dms.b").unwrap();
    town.ask(0, vec![console().set_device_acl(serial(1), &acl)]);
    let acls = |town: &Town| {
        let mount = town.gateway.tree().node(&node(InventorySlot::Root, &[])).unwrap().mount().unwrap();
        town.gateway.tree().mounted_acls(mount).count()
    };
    let before = acls(&town);
    town.network.set_links(
        Place::Gateway,
        Place::Device(1),
        Link::new().with_delay(MINUTE / 60..=MINUTE / 60),
    );
    town.call_home(1);
    while town.gateway.proven_sessions() == 0 {
        assert!(town.step());
    }
    town.gateway.handle_device_forgotten(town.now(), &device_id(1)).unwrap();
    assert_eq!((acls(&town), town.gateway.proven_sessions()), (before - 1, 0));
    town.run();
    town.call_home(1);
    town.run();
    assert_eq!(town.device(1).ends.last(), Some(&dm_syncml::session::ClientEnd::DeviceRefused));
    assert!(town.gateway.handle_device_forgotten(town.now(), &device_id(1)).is_err());
    assert_eq!(town.codes(1, vec![get(&node(InventorySlot::Device, &["1"]))]), [404]);
}

#[test]
fn a_gateway_can_live_in_any_store() {
    fn movable<T: Send + 'static>() {}
    movable::<gwmo_model::Gateway>();
    assert!(format!("{:?}", Town::with_devices(1, 2).gateway).contains("total: 2"));
}

/// Who guesses at a device's password gets no more challenges, and the device itself notices nothing.
#[test]
fn who_guesses_is_locked_out_and_the_device_is_not() {
    use dm_syncml::auth::{Credentials, Password};
    use dm_syncml::session::{ClientConfig, ClientEnd, ClientOutput, ClientSession, Incoming, Initiation};
    use dm_syncml::{DecodeOptions, SessionId};
    let mut town = Town::with_devices(1, 1);
    let now = town.now();
    // The end, and how many messages it took: without a challenge there is no second attempt.
    let mut entropy = 0;
    let mut open = |gateway: &mut gwmo_model::Gateway,
                    origin: &str,
                    number: u32,
                    credentials: Credentials| {
        let server = Credentials::new(town::GATEWAY, Password::new(town::gateway_password(1)));
        let config = ClientConfig::new(uri(device_id(1).as_str()), uri("http://gw.example/dm"))
            .with_encoding(dm_syncml::Encoding::Wbxml)
            .with_md5(credentials, server);
        let initiation = Initiation::Client(SessionId::new(format!("{number:X}")).unwrap());
        let mut client = ClientSession::new(now, config, initiation, Vec::new());
        let mut messages = 0;
        loop {
            match client.poll_output() {
                ClientOutput::Send(_, message) => {
                    messages += 1;
                    entropy += 1;
                    let incoming = Incoming::decode(message.encoding, &message.body, &DecodeOptions::new());
                    let incoming = incoming.unwrap().with_origin(Some(origin));
                    gateway.handle_device_message(now, 1, &incoming, [entropy; 16]).unwrap();
                    let mut answer = None;
                    loop {
                        match gateway.poll_output() {
                            gwmo_model::GatewayOutput::Reply { message, .. } => answer = Some(message),
                            gwmo_model::GatewayOutput::Persist(seq, _) => gateway.handle_persisted(now, seq),
                            gwmo_model::GatewayOutput::Wait(_) => break,
                            _ => {}
                        }
                    }
                    let answer = answer.unwrap();
                    let answer =
                        Incoming::decode(answer.encoding, &answer.body, &DecodeOptions::new()).unwrap();
                    client.handle_message(now, &answer, [entropy; 16]).unwrap();
                }
                ClientOutput::Persist(seq, _) => client.handle_persisted(now, seq),
                ClientOutput::Closed(end) => return (end, messages),
                ClientOutput::Wait(_) => panic!("the session stops"),
                _ => {}
            }
        }
    };
    let mut challenged = 0;
    for guess in 1..=20 {
        let wrong = Credentials::new("device-1", Password::new(format!("guess {guess}")));
        let (end, messages) = open(&mut town.gateway, "203.0.113.9", guess, wrong);
        assert_eq!(end, ClientEnd::DeviceRefused);
        challenged += messages - 1;
    }
    assert!((3..=6).contains(&challenged), "{challenged} challenges");
    let right = || town::device_credentials(1);
    let (end, messages) = open(&mut town.gateway, "192.0.2.1", 30, right());
    assert_eq!(
        (end, messages > 1),
        (ClientEnd::Completed, true),
        "from elsewhere the device is challenged as ever"
    );
}
