//! Several messages in a package, in both directions (DM Protocol 1.2.1, several messages per package).

use dm_syncml::session::{AlertQueue, ClientEnd, GenericAlert, Initiation};
use dm_syncml::{CmdId, Data, Format, SessionId};

use crate::device::{Device, add, alert, config, get, sizes};

const NEXT: &str = "<Alert><CmdID>n</CmdID><Data>1222</Data></Alert>";

/// As many statuses as fit go into each message, none is lost, and Final stands in the last.
#[test]
fn statuses_spread_over_messages_until_final() {
    let mut device = Device::new(config());
    device.header_extra = sizes(900, 10_000);
    let commands: String = (10..40).map(|id| add(&id.to_string(), &format!("./N{id}"), "v")).collect();
    device.say(&commands);
    let mut ids = Vec::new();
    let mut messages = 0;
    loop {
        messages += 1;
        assert!(device.sent.last().unwrap().len() <= 900);
        let answered = device.answered();
        ids.extend(
            answered.iter().filter_map(|a| a.strip_suffix(" 200")).filter(|id| *id != "n").map(String::from),
        );
        if answered.last().unwrap() == "Final" {
            break;
        }
        assert_eq!(device.end, None);
        device.say_more(NEXT);
    }
    assert!(messages > 3, "{messages}");
    assert_eq!(ids, (10..40).map(|id| id.to_string()).collect::<Vec<_>>());
    device.say("");
    assert_eq!(device.end, Some(ClientEnd::Completed));
    assert_eq!(device.log.len(), 30);
}

/// Each message but the last is full: the next status would not have fitted.
#[test]
fn messages_are_as_full_as_they_can_be() {
    let mut device = Device::new(config());
    device.header_extra = sizes(1500, 10_000);
    let commands: String = (10..40).map(|id| add(&id.to_string(), "./N", "v")).collect();
    device.say(&commands);
    while !device.last().unwrap().body.last_in_package {
        let size = device.sent.last().unwrap().len();
        let status = 150;
        assert!((1500 - status..=1500).contains(&size), "{size}");
        device.say_more(NEXT);
    }
}

/// While the server's package goes on the device asks for more of it, and does not end its own.
#[test]
fn an_unfinished_package_is_answered_with_1222() {
    let mut device = Device::new(config());
    device.say_more(&add("1", "./A", "1"));
    assert_eq!(device.answered(), ["1 200", "Alert 1222"]);
    device.say_more(&[&crate::device::status("s", "2", "3", "Alert", 200), &*get("2", "./A")].concat());
    assert_eq!(device.answered(), ["2 200", "Results 2", "Alert 1222"]);
    device.say(&get("3", "./Nope"));
    assert_eq!(device.answered(), ["3 404", "Final"]);
}

/// A Final without anything else ends the server's package; the device's own ends with the answer.
#[test]
fn a_final_alone_ends_the_servers_package() {
    let mut device = Device::new(config());
    device.say_more(&add("1", "./A", "1"));
    device.say("");
    assert_eq!(device.end, Some(ClientEnd::Completed), "nothing is left to be said by either");
}

/// The server asks for the rest of package 1; what it says of it needs no Final.
#[test]
fn package_1_goes_on_where_the_server_takes_little() {
    let alerts: Vec<_> = (0..30)
        .map(|n| {
            let text = Data::text(format!("report {n}")).unwrap();
            GenericAlert::new("org.example.report", Format::CHR, text)
                .unwrap()
                .to_alert(CmdId::new("x").unwrap())
        })
        .collect();
    let mut config = config();
    config.device = Some((
        dm_syncml::auth::AuthScheme::Basic,
        dm_syncml::auth::Credentials::new("dev", dm_syncml::auth::Password::new("p")),
    ));
    let mut device =
        Device::with(config, Initiation::Client(SessionId::new("1A").unwrap()), AlertQueue::from(alerts));
    // Refused once, so that the server's MaxMsgSize is known.
    device.header_extra = sizes(2000, 10_000);
    device.say_with(401, "", true);
    let mut reports = 0;
    let mut first = true;
    loop {
        assert!(device.sent.last().unwrap().len() <= 2000);
        let answered = device.answered();
        if first {
            assert_eq!(answered[..2], ["Alert 1201", "Replace"], "DevInfo in the first message");
        }
        first = false;
        reports += answered.iter().filter(|answer| *answer == "Alert 1226").count();
        if answered.last().unwrap() == "Final" {
            break;
        }
        device.say_with(212, NEXT, false);
    }
    assert_eq!(reports, 30);
}

/// A server that never says Final and has nothing more to say does not keep the device for ever.
#[test]
fn a_server_that_forgets_final() {
    let mut device = Device::new(config());
    device.say_more(&get("1", "./A"));
    for _ in 0..10 {
        if device.end.is_some() {
            break;
        }
        device.say_more("");
    }
    assert_eq!(device.end, Some(ClientEnd::Completed));
    assert!(device.sent.len() < 6);
}

#[test]
fn next_message_when_nothing_is_left_is_answered_and_ends() {
    let mut device = Device::new(config());
    device.say(&alert("1", 1222, &[]));
    assert_eq!(device.answered(), ["1 200", "Final"]);
    device.say("");
    assert_eq!(device.end, Some(ClientEnd::Completed));
}

/// A MaxMsgSize that nothing fits into: two statuses go into every message all the same, so that there is an end.
#[test]
fn an_absurd_max_msg_size_does_not_hang_the_session() {
    let mut device = Device::new(config().with_max_messages(50));
    device.values.insert("./Big".into(), "x".repeat(1000));
    device.header_extra = sizes(1, 1);
    device
        .say(&[get("1", "./Big"), add("2", "./A", "1"), add("3", "./B", "1"), add("4", "./C", "1")].concat());
    let mut answered = Vec::new();
    for _ in 0..60 {
        answered.extend(device.answered());
        if device.last().unwrap().body.last_in_package {
            break;
        }
        device.say_more(NEXT);
    }
    answered.retain(|answer| !answer.starts_with('n'));
    assert_eq!(answered, ["1 413", "2 200", "3 200", "4 200", "Final"]);
}
