//! User interaction alerts (DM Protocol 1.2.1, user interaction alerts).

use dm_syncml::session::{ClientEvent, Interaction, InteractionKind, Misuse, UserResponse};
use dm_syncml::{Command, StatusCode};
use std::time::Duration;

use crate::device::{Device, add, alert, config, container, exec};

fn device(responses: &[UserResponse]) -> Device {
    let mut device = Device::new(config());
    device.responses = responses.iter().cloned().collect();
    device
}

/// What the Status for command `id` says beside its code.
fn said(device: &Device, id: &str) -> Vec<String> {
    let message = device.last().unwrap();
    let of = |command: &Command<'_>| match command {
        Command::Status(status) if status.cmd_ref == id => status
            .items
            .iter()
            .map(|item| item.data.as_ref().unwrap().as_text().unwrap().to_owned())
            .collect::<Vec<_>>(),
        _ => Vec::new(),
    };
    message.body.commands.iter().flat_map(of).collect()
}

#[test]
fn every_kind_is_asked_in_order_and_answered_in_its_status() {
    let mut device = device(&[
        UserResponse::Accepted,
        UserResponse::Accepted,
        UserResponse::Text("Ada".into()),
        UserResponse::Chosen(vec![2]),
        UserResponse::Chosen(vec![1, 3]),
    ]);
    device.say(
        &[
            alert("1", 1100, &["MINDT=5", "Hello"]),
            alert("2", 1101, &["DR=1&MAXDT=20", "Sure?"]),
            alert("3", 1102, &["MAXLEN=10&IT=A&ET=P", "Name?"]),
            alert("4", 1103, &["", "One?", "a", "b"]),
            alert("5", 1104, &["DR=1-2", "Some?", "a", "b", "c"]),
            add("6", "./A", "1"),
        ]
        .concat(),
    );
    assert_eq!(device.answered(), ["1 200", "2 200", "3 200", "4 200", "5 200", "6 200", "Final"]);
    assert_eq!(device.log, ["1100 Hello", "1101 Sure?", "1102 Name?", "1103 One?", "1104 Some?", "Add ./A"]);
    assert_eq!(said(&device, "3"), ["Ada"]);
    assert_eq!(said(&device, "4"), ["2"]);
    assert_eq!(said(&device, "5"), ["1", "3"]);
    assert_eq!(device.asked[0].1.min_display, Some(Duration::from_secs(5)));
    assert_eq!(device.asked[1].1.kind, InteractionKind::Confirm { default: Some(true) });
}

/// The user's answer comes when it comes, and what follows waits for it.
#[test]
fn what_follows_waits_for_the_user() {
    let mut device = device(&[]);
    device.say(&[alert("1", 1101, &["", "Sure?"]), add("2", "./A", "1")].concat());
    assert_eq!(device.log, ["1101 Sure?"]);
    assert_eq!(device.sent.len(), 1);
    let (handle, _) = device.asked[0];
    let wrong = device.client.handle_response(device.now, handle, &UserResponse::Text("yes".into()));
    assert_eq!(wrong, Err(Misuse::Response), "and the question is still open");
    device.client.handle_response(device.now, handle, &UserResponse::Accepted).unwrap();
    device.drain();
    assert_eq!(device.answered(), ["1 200", "2 200", "Final"]);
    assert!(device.client.handle_response(device.now, handle, &UserResponse::Accepted).is_err());
}

/// "No" directly in the body changes nothing; cancelling stops the rest of the message.
#[test]
fn refusals_directly_in_the_body() {
    for (response, code, next) in [
        (UserResponse::Rejected, 304, 200),
        (UserResponse::Cancelled, 214, 215),
        (UserResponse::TimedOut, 408, 215),
        (UserResponse::TooLong, 416, 200),
        (UserResponse::NotSupported, 406, 200),
    ] {
        let mut device = device(&[response]);
        device.say(&[add("1", "./A", "1"), alert("2", 1101, &["", "Sure?"]), add("3", "./B", "1")].concat());
        let due = ["1 200".to_owned(), format!("2 {code}"), format!("3 {next}"), "Final".into()];
        assert_eq!(device.answered(), due);
    }
}

/// In a Sequence "no" and cancelling both bypass the rest of it, and nothing else.
#[test]
fn refusals_in_a_sequence() {
    for (response, code) in [(UserResponse::Rejected, 304), (UserResponse::Cancelled, 214)] {
        let mut device = device(&[response]);
        let members = [add("2", "./A", "1"), alert("3", 1101, &["", "Sure?"]), add("4", "./B", "1")];
        device.say(&[container("Sequence", "1", &members), add("5", "./C", "1")].concat());
        let due = ["1 200", "2 200", &format!("3 {code}"), "4 215", "5 200", "Final"];
        assert_eq!(device.answered(), due);
    }
}

/// In an Atomic they make it fail.
#[test]
fn refusals_in_an_atomic() {
    for (response, code) in
        [(UserResponse::Rejected, 304), (UserResponse::Cancelled, 214), (UserResponse::TimedOut, 408)]
    {
        let mut device = device(&[response]);
        let members = [add("2", "./A", "1"), alert("3", 1101, &["", "Sure?"]), add("4", "./B", "1")];
        device.say(&[container("Atomic", "1", &members), add("5", "./C", "1")].concat());
        let due = ["1 507", "2 216", &format!("3 {code}"), "4 215", "5 200", "Final"];
        assert_eq!(device.answered(), due);
        assert_eq!(device.values.keys().collect::<Vec<_>>(), ["./C"]);
    }
}

#[test]
fn a_refusal_in_an_atomic_in_a_sequence_ends_both() {
    let mut device = device(&[UserResponse::Rejected]);
    let atomic = container("Atomic", "2", &[add("3", "./A", "1"), alert("4", 1101, &["", "Sure?"])]);
    device.say(&[container("Sequence", "1", &[atomic, add("5", "./B", "1")]), add("6", "./C", "1")].concat());
    assert_eq!(device.answered(), ["1 200", "2 507", "3 216", "4 304", "5 215", "6 200", "Final"]);
}

#[test]
fn nobody_answers_within_maxdt() {
    let mut device = device(&[]);
    device.say(&[alert("1", 1101, &["MAXDT=20&DR=1", "Sure?"]), add("2", "./A", "1")].concat());
    assert_eq!(device.wait, Some(device.now + Duration::from_secs(20)));
    device.tick(Duration::from_secs(19));
    assert_eq!(device.sent.len(), 1);
    device.tick(Duration::from_secs(1));
    assert_eq!(device.events.last(), Some(&ClientEvent::Overdue(device.asked[0].0)));
    assert_eq!(device.answered(), ["1 408", "2 215", "Final"], "the preset answer is none");
}

/// A text that was shown for all its time has been shown.
#[test]
fn a_display_ends_with_its_time() {
    let mut device = device(&[]);
    device.say(&[alert("1", 1100, &["MAXDT=5", "Hello"]), add("2", "./A", "1")].concat());
    device.tick(Duration::from_secs(5));
    assert_eq!(device.answered(), ["1 200", "2 200", "Final"]);
}

/// Whatever a server allows, the session must not outlast the server's patience.
#[test]
fn the_longest_wait_is_the_devices_own() {
    let mut device = device(&[]);
    device.say(&alert("1", 1101, &["MAXDT=86400", "Sure?"]));
    assert_eq!(device.wait, Some(device.now + Duration::from_secs(60)));
    assert_eq!(device.asked[0].1.max_display, Some(Duration::from_secs(86400)));
}

#[test]
fn a_device_without_a_user_answers_406() {
    let mut config = config();
    config.interaction = false;
    let mut device = Device::new(config);
    device.say(&[alert("1", 1101, &["", "Sure?"]), add("2", "./A", "1")].concat());
    assert_eq!(device.answered(), ["1 406", "2 200", "Final"]);
}

#[test]
fn incomplete_alerts_are_412() {
    let mut device = device(&[]);
    device.say(
        &[alert("1", 1101, &[]), alert("2", 1103, &["", "Which?"]), alert("3", 1105, &["", "x"])].concat(),
    );
    assert_eq!(device.answered(), ["1 412", "2 412", "3 406", "Final"]);
}

/// What the server's builder makes is what the device's user is asked.
#[test]
fn both_sides_mean_the_same() {
    let asked = Interaction::multiple_choice("Which & what?", vec!["a+b".into(), "c=d".into()])
        .unwrap()
        .with_default(&[2])
        .with_max_display(Duration::from_secs(30));
    let message = asked.to_alert(dm_syncml::CmdId::new("1").unwrap());
    let texts: Vec<_> = message
        .items
        .iter()
        .map(|item| item.data.as_ref().map_or("", |data| data.as_text().unwrap()))
        .collect();
    let mut device = device(&[UserResponse::Chosen(vec![])]);
    device.say(&alert("1", 1104, &texts));
    assert_eq!(device.asked[0].1, asked);
    assert_eq!(UserResponse::read(&asked.kind, StatusCode::OK, &[]), UserResponse::Chosen(vec![]));
}

/// 200 without the text would say that the user has entered nothing.
#[test]
fn a_text_that_fits_no_message_is_answered_413() {
    for (octets, code) in [(10, 200), (3000, 413)] {
        let mut device = Device::new(config());
        device.header_extra = crate::device::sizes(1500, 100_000);
        device.responses.push_back(UserResponse::Text("x".repeat(octets)));
        device.say(&[alert("1", 1102, &["", "Name?"]), exec("2", "./Run")].concat());
        assert_eq!(device.answered(), [format!("1 {code}"), "2 202".into(), "Final".into()]);
    }
}
