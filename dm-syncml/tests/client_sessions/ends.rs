//! How sessions end, and what does not end them.

use dm_syncml::session::{ClientEnd, Misuse, PeerError, SessionError};
use std::time::Duration;

use crate::device::{Device, add, alert, config, container, get};

#[test]
fn a_package_without_commands_ends_the_session() {
    let mut device = Device::new(config());
    device.say(&get("1", "./A"));
    device.say("");
    assert_eq!(device.end, Some(ClientEnd::Completed));
    assert_eq!(device.sent.len(), 2, "the answer to it would say nothing, and is not sent");
}

#[test]
fn an_abort_of_the_server_is_not_answered() {
    let mut device = Device::new(config());
    device.say(&[add("1", "./A", "1"), alert("2", 1223, &[])].concat());
    assert_eq!(device.end, Some(ClientEnd::Aborted));
    assert_eq!((device.sent.len(), device.log.len()), (1, 0));
}

/// What was done is said along with the abort, and what was not is 215 (DM Protocol 1.2.1, session abort).
#[test]
fn the_device_aborts_with_what_it_has_done() {
    let mut device = Device::new(config());
    device.idle = true;
    device.say(&[add("1", "./A", "1"), add("2", "./B", "1"), get("3", "./A")].concat());
    device.client.abort(device.now);
    let (first, _) = device.handed_out.remove(0);
    device
        .client
        .handle_outcome(device.now, first, dm_syncml::session::Outcome::all(dm_syncml::StatusCode::OK))
        .unwrap();
    device.drain();
    assert_eq!(device.answered(), ["1 200", "2 215", "3 215", "Alert 1223", "Final"]);
    assert_eq!(device.end, None, "whether the server has heard it is not known yet");
    device.say("");
    assert_eq!(device.end, Some(ClientEnd::Cancelled));
}

#[test]
fn an_abort_rolls_back_what_was_begun() {
    let mut device = Device::new(config());
    device.say(
        &[
            container("Atomic", "1", &[add("2", "./A", "1"), alert("3", 1101, &["", "Sure?"])]),
            add("4", "./B", "1"),
        ]
        .concat(),
    );
    device.client.abort(device.now);
    device.drain();
    assert_eq!(device.log, ["begin", "Add ./A", "1101 Sure?", "roll back"]);
    assert_eq!(device.answered(), ["1 507", "2 216", "3 214", "4 215", "Alert 1223", "Final"]);
}

#[test]
fn an_abort_while_waiting_is_said_with_the_next_message() {
    let mut device = Device::new(config());
    device.client.abort(device.now);
    device.drain();
    assert_eq!(device.sent.len(), 1);
    device.say(&add("1", "./A", "1"));
    assert_eq!(device.answered(), ["1 215", "Alert 1223", "Final"]);
    assert!(device.log.is_empty());
    for _ in 0..3 {
        device.tick(Duration::from_secs(30));
    }
    assert_eq!(device.end, Some(ClientEnd::Cancelled), "heard or not");
    assert_eq!(device.sent.len(), 4);
}

#[test]
fn a_lost_message_goes_out_again_octet_for_octet() {
    let mut device = Device::new(config());
    device.say(&get("1", "./A"));
    device.tick(Duration::from_secs(30));
    assert_eq!(device.sent.len(), 3);
    assert_eq!(device.sent[1], device.sent[2]);
    device.client.handle_lost(device.now);
    device.drain();
    assert!(
        device.wait.unwrap() < device.now + Duration::from_secs(10),
        "sooner when it is known to be lost"
    );
    device.tick(Duration::from_secs(10));
    assert_eq!(device.sent[1], device.sent[3]);
    device.tick(Duration::from_secs(30));
    assert_eq!(device.end, Some(ClientEnd::TimedOut));
}

#[test]
fn a_server_that_wants_to_be_left_alone_is() {
    let mut device = Device::new(config());
    device.client.handle_unavailable(device.now, Duration::from_secs(300));
    device.drain();
    device.tick(Duration::from_secs(299));
    assert_eq!(device.sent.len(), 1);
    device.tick(Duration::from_secs(1));
    assert_eq!(device.sent.len(), 2);
}

#[test]
fn an_answer_that_comes_twice_does_nothing() {
    let mut device = Device::new(config());
    let body = device.message(200, &add("1", "./A", "1"), true);
    device.hear(&body).unwrap();
    device.hear(&body).unwrap();
    assert_eq!((device.sent.len(), device.log.len()), (2, 1));
}

#[test]
fn messages_of_other_sessions_and_protocols_are_errors_of_that_call() {
    let mut device = Device::new(config());
    let body = device.message(200, &add("1", "./A", "1"), true);
    let other = body.replace("<SessionID>1A<", "<SessionID>1a<");
    assert_eq!(device.hear(&other), Err(SessionError::Peer(PeerError::OtherSession)));
    let other = body.replace("DM/1.2", "DM/2.0");
    assert_eq!(device.hear(&other), Err(SessionError::Peer(PeerError::Protocol)));
    let other = body.replace("<MsgID>1<", "<MsgID>one<");
    assert_eq!(device.hear(&other), Err(SessionError::Peer(PeerError::OutOfOrder { expected: 1, got: 0 })));
    device.hear(&body).unwrap();
    assert_eq!(device.answered(), ["1 200", "Final"]);
}

#[test]
fn what_was_not_waited_for_is_misuse() {
    let mut device = Device::new(config());
    device.idle = true;
    device.say(&add("1", "./A", "1"));
    let body = device.message(200, &add("1", "./A", "1"), true);
    assert_eq!(device.hear(&body), Err(SessionError::Misuse(Misuse::NotWaiting)));
    device.client.handle_bad_answer(device.now);
    device.drain();
    assert_eq!(device.end, None, "nothing was to be answered");
}

#[test]
fn what_is_no_answer_ends_the_session() {
    let mut device = Device::new(config());
    device.client.handle_bad_answer(device.now);
    device.drain();
    assert_eq!(device.end, Some(ClientEnd::BadAnswer));
    let body = device.message(200, &add("1", "./A", "1"), true);
    assert_eq!(device.hear(&body), Err(SessionError::Misuse(Misuse::Ended)));
}

/// Windows' servers end so (MS-MDM).
#[test]
fn an_empty_answer_ends_a_session_that_has_nothing_more_to_say() {
    let mut device = Device::new(config());
    device.client.handle_empty_answer(device.now);
    device.drain();
    assert_eq!(device.end, None, "package 1 wants an answer");
    device.say(&get("1", "./A"));
    device.client.handle_empty_answer(device.now);
    device.drain();
    assert_eq!(device.end, Some(ClientEnd::Completed));
}

#[test]
fn a_server_without_end_is_aborted() {
    let mut device = Device::new(config().with_max_messages(5));
    for _ in 0..4 {
        device.say(&get("1", "./A"));
    }
    assert_eq!(device.answered(), ["1 404", "Alert 1223", "Final"]);
    device.say(&get("1", "./A"));
    assert_eq!(device.end, Some(ClientEnd::TooManyMessages));
}

/// A RespURI on the same host is followed, another is not, and either may stand in any message.
#[test]
fn where_the_next_message_goes() {
    for (resp_uri, goes_to) in [
        ("https://dm.example.net/omadm?s=7", "https://dm.example.net/omadm?s=7"),
        ("http://dm.example.net/omadm", crate::device::SERVER),
        ("https://evil.example/omadm", crate::device::SERVER),
        ("https://dm.example.net@evil.example/", crate::device::SERVER),
    ] {
        let mut device = Device::new(config());
        let body = device.message(200, &get("1", "./A"), true);
        let source = format!("<Source><LocURI>{}</LocURI></Source>", crate::device::SERVER);
        let body = body.replace(&source, &format!("{source}<RespURI>{resp_uri}</RespURI>"));
        device.hear(&body).unwrap();
        assert_eq!(device.sent_to, [crate::device::SERVER, goes_to]);
        // It holds for the session.
        device.say(&get("1", "./A"));
        assert_eq!(device.sent_to[2], goes_to);
    }
}

/// NoResp is not used in DM: every command has its Status.
#[test]
fn no_resp_is_tolerated_and_answered() {
    let mut device = Device::new(config());
    device.say(&add("1", "./A", "1").replace("<Item>", "<NoResp/><Item>"));
    assert_eq!(device.answered(), ["1 200", "Final"]);
}
