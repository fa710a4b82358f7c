//! A server and a device in two sessions that have nothing in common but the gateway (GwMO-PMoDe-001, use case B.3).

use std::collections::BTreeSet;

use dm_syncml::{
    AlertCode, CmdId, Command, Correlator, DecodeOptions, Encoding, Exec, Get, Item, Message, Replace,
};
use gwmo_model::ResultCode;
use gwmo_model::console::{GatewayAlert, JobRequest};

use crate::town::requests::*;
use crate::town::{MINUTE, Packet, Place, Town, device_id, gateway_password, serial, uri};

/// What was said at a place, in order.
fn said(town: &Town, place: Place) -> Vec<Message<'static>> {
    let of_place = town.overheard.iter().filter(|(at, _)| *at == place);
    let messages = of_place.filter_map(|(_, packet)| match packet {
        Packet::Notification(_) => None,
        Packet::Request(body) | Packet::Answer(body) => {
            Some(Message::decode(Encoding::Wbxml, body, &DecodeOptions::new()).unwrap().into_owned())
        }
    });
    messages.collect()
}

/// All that is made for one session and means nothing in another.
fn own(messages: &[Message<'_>]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for message in messages {
        let header = &message.header;
        all.extend(header.cred.iter().map(|cred| format!("cred {:?}", cred.data.as_text().unwrap())));
        for command in &message.body.commands {
            match command {
                Command::Status(status) => all.extend(status.chal.iter().filter_map(|chal| {
                    chal.meta.next_nonce().map(|nonce| format!("nonce {:?}", nonce.octets().unwrap()))
                })),
                Command::Exec(exec) => {
                    all.extend(exec.correlator.iter().map(|text| format!("correlator {}", text.as_str())));
                }
                Command::Alert(alert) => {
                    all.extend(alert.correlator.iter().map(|text| format!("correlator {}", text.as_str())));
                }
                _ => {}
            }
        }
    }
    all
}

/// The server has a job begun in one session, the device does it in its own, and the server is told and reads it in a third: in this order,
/// and nothing that belongs to one session shows in the other.
#[test]
fn use_case_b_3_and_gwmo_pmode_001_two_related_sessions() {
    let mut town = Town::with_devices(1, 1);
    town.run();
    let (up, down) = (Place::Uplink(0), Place::Device(1));
    town.in_clear.extend([up, down]);
    // Numbers nobody else would come upon.
    let number = |number: &'static str| CmdId::new(number).unwrap();
    let commands: [Command<'static>; 3] = [
        Replace::new(
            number("777001"),
            vec![match replace("./Vendor/Level", "5") {
                Command::Replace(replace) => replace.items[0].clone(),
                _ => unreachable!(),
            }],
        )
        .into(),
        Get::new(number("777002"), vec![Item::to(uri("./Vendor/SwV"))]).into(),
        Exec::new(number("777003"), Item::to(uri("./Vendor/Lamp/Run"))).into(),
    ];
    let request = commands
        .into_iter()
        .fold(JobRequest::new(key("J")).with_device(device_id(1)), JobRequest::with_command);
    town.servers[0].sessions = 0xabc0;
    let mut commands = console().add_job(&request);
    commands.push(console().start_job(&key("J"), Some(Correlator::new("of-the-server").unwrap())));
    let codes = town.codes(0, commands);
    assert_eq!((codes.last(), codes.iter().all(|code| code / 100 == 2)), (Some(&202), true));
    // What it is going to ask for once it is called.
    town.servers[0].plan(vec![console().get_answers(&key("J"), serial(1), 3)]);
    town.servers[0].answers.clear();
    town.run();

    // First the session of the server, then the notification, then the device with its messages, then the server again.
    let places: Vec<_> = town.overheard.iter().map(|(place, _)| *place).collect();
    let notified = |(_, packet): &(Place, Packet)| matches!(packet, Packet::Notification(_));
    assert_eq!(town.overheard.iter().filter(|packet| notified(packet)).count(), 1);
    let first = town.overheard.iter().position(notified).unwrap();
    assert!(first > 2 && places[..first].iter().all(|place| *place == up) && places[first] == down);
    let of_device = places.iter().filter(|place| **place == down).count();
    let pkg_1 =
        town.overheard.iter().find(|(place, packet)| *place == down && !notified(&(*place, packet.clone())));
    assert!(matches!(pkg_1, Some((_, Packet::Request(_)))), "the device opens its session");
    let is_second = |message: &Message<'_>| message.header.session_id.as_str() == "ABC2";
    let told = said(&town, up).into_iter().find(is_second).expect("the server is told");
    let back = town.overheard.iter().position(|(place, packet)| {
        let message = || Message::decode(Encoding::Wbxml, packet.octets(), &DecodeOptions::new()).unwrap();
        *place == up && is_second(&message())
    });
    let before = places[..back.unwrap()].iter().filter(|place| **place == down).count();
    assert_eq!((before, of_device > 3), (of_device, true), "the device is done before the server is told");
    let alerts = told.body.commands.iter().filter_map(|command| match command {
        Command::Alert(alert) => alert.code,
        _ => None,
    });
    assert_eq!(alerts.collect::<Vec<_>>(), [AlertCode::CLIENT_INITIATED, AlertCode::GENERIC_ALERT]);
    let ended = town.alerts(0).into_iter().filter_map(|alert| match alert {
        GatewayAlert::JobEnded { result, correlator, .. } => Some((result, correlator)),
        _ => None,
    });
    assert_eq!(ended.collect::<Vec<_>>(), [(ResultCode::ALL_OK, Some("of-the-server".into()))]);
    let items = town.servers[0].answers[0].clone().into_items();
    let ops = console().read_answers(&key("J"), serial(1), 3, &items).unwrap();
    assert_eq!(ops.iter().map(|op| op.status.unwrap().get()).collect::<Vec<_>>(), [200, 200, 200]);
    assert_eq!(ops[1].data.as_deref(), Some(&b"7.1"[..]));

    // Two sessions above, one below, each with a SessionID, credentials, nonces and Correlators of its own.
    let (above, below) = (said(&town, up), said(&town, down));
    let ids = |messages: &[Message<'_>]| -> BTreeSet<String> {
        messages.iter().map(|message| message.header.session_id.as_str().to_owned()).collect()
    };
    assert_eq!((ids(&above).len(), ids(&below).len()), (2, 1));
    assert!(ids(&above).is_disjoint(&ids(&below)));
    let (of_above, of_below) = (own(&above), own(&below));
    assert!(of_above.len() > 4 && of_below.len() > 3, "{of_above:?} {of_below:?}");
    assert_eq!(of_above.intersection(&of_below).collect::<Vec<_>>(), Vec::<&String>::new());
    let heard = |at: Place, text: &str| {
        town.overheard.iter().any(|(place, packet)| *place == at && packet.has(text.as_bytes()))
    };
    for of_server in ["777001", "777002", "777003", "of-the-server", "dms.a", "dms.example"] {
        assert!(heard(up, of_server) && !heard(down, of_server), "{of_server} goes down");
    }
    for of_device in ["gw.local", "device-1"] {
        assert!(heard(down, of_device) && !heard(up, of_device), "{of_device} goes up");
    }
    assert!(!heard(up, &gateway_password(1)) && !heard(down, &gateway_password(1)));
    // Commands are numbered anew in each message.
    for message in &below {
        for command in &message.body.commands {
            let number: u32 = command.cmd_id().map_or(1, |id| id.as_str().parse().unwrap());
            assert!(number < 100, "{number}");
        }
    }
    town.run_for(10 * MINUTE);
    assert_eq!(town.device(1).read("./Vendor/Lamp/Runs"), "1");
}
