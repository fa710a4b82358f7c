//! How sessions end, and what is known then.

use super::device::*;
use dm_syncml::session::{GivenUp, Misuse, PeerError, ServerEnd, ServerEvent, SessionError};
use dm_syncml::{AlertCode, Instant, StatusCode};

#[test]
fn an_abort_of_the_device_is_answered_without_commands() {
    let mut device = Device::new(Device::config());
    device.plan = vec![get("./A"), get("./B")];
    let package = device.begin();
    let first = asked(&package)[0];
    device.session.queue(get("./C")).unwrap();
    let answers = vec![status(&package, first, StatusCode::OK), alert(AlertCode::SESSION_ABORT)];
    let message = device.send(answers, true);
    assert!(asked(&message).is_empty() && message.body.last_in_package);
    assert_eq!(said(&message), [("SyncHdr".into(), 200), ("Alert".into(), 200)]);
    assert_eq!(device.codes(), [Ok(200), Err(GivenUp::Unanswered), Err(GivenUp::NotSent)]);
    assert_eq!(device.end(), Some(ServerEnd::Aborted));
}

#[test]
fn an_abort_of_ours_goes_with_the_statuses() {
    let mut device = Device::new(Device::config());
    device.session.queue(get("./A")).unwrap();
    device.session.abort().unwrap();
    let message = device.begin();
    assert_eq!(said(&message).len(), 3);
    assert!(has_alert(&message, AlertCode::SESSION_ABORT) && message.body.last_in_package);
    assert_eq!(asked(&message).len(), 1, "no commands with it");
    assert_eq!(device.codes(), [Err(GivenUp::NotSent)]);
    assert_eq!(device.end(), Some(ServerEnd::Stopped));
    assert_eq!(device.session.queue(get("./A")), Err(Misuse::Ended));
}

#[test]
fn a_session_that_goes_on_and_on_is_aborted() {
    let mut device = Device::new(Device::config().with_max_messages(5));
    let mut message = device.send(package_1(), false);
    for _ in 0..4 {
        assert!(!device.session.is_over());
        message = device.send(vec![], false);
    }
    assert!(!has_alert(&message, AlertCode::SESSION_ABORT));
    let message = device.send(vec![], false);
    assert!(has_alert(&message, AlertCode::SESSION_ABORT) && message.body.last_in_package);
    assert_eq!(device.end(), Some(ServerEnd::Stopped));
}

#[test]
fn a_new_beginning_is_told_apart_from_a_late_copy() {
    let mut device = Device::new(Device::config());
    device.plan = vec![get("./A")];
    let first = device.write(package_1(), true);
    device.hand_over(&first).unwrap();
    let package = device.drain().unwrap();
    device.session.queue(get("./B")).unwrap();
    let answers = statuses(&package, StatusCode::OK);
    device.send(answers, true);
    // A copy of the first message that was long under way.
    let late = device.hand_over(&first);
    assert_eq!(late, Err(SessionError::Peer(PeerError::OutOfOrder { expected: 3, got: 1 })));
    // Another first message: the device has lost its side.
    device.msg_id = 0;
    let anew = device.write(vec![alert(AlertCode::SERVER_INITIATED)], true);
    assert_eq!(device.hand_over(&anew), Err(SessionError::Peer(PeerError::Restart)));
    assert!(!device.session.is_over(), "it goes on until the new one has proved itself");
    let now = device.now;
    device.session.handle_restarted(now);
    device.drain();
    assert_eq!(device.end(), Some(ServerEnd::Restarted));
    assert_eq!(device.codes(), [Ok(200), Err(GivenUp::Unanswered)]);
    assert!(device.closed);
}

#[test]
fn nothing_survives_the_idle_timeout() {
    let mut device = Device::new(Device::config());
    device.plan = vec![get("./A")];
    device.begin();
    device.now = Instant::from_millis(119_999);
    device.session.handle_tick(device.now);
    assert_eq!(device.drain(), None);
    assert!(!device.closed);
    device.now = Instant::from_millis(120_000);
    device.session.handle_tick(device.now);
    device.drain();
    assert!(device.closed);
    assert_eq!(device.end(), Some(ServerEnd::TimedOut));
    assert_eq!(device.codes(), [Err(GivenUp::Unanswered)]);
    let body = device.write(vec![], true);
    assert_eq!(device.hand_over(&body), Err(SessionError::Misuse(Misuse::Ended)));
}

#[test]
fn the_last_answer_can_be_had_again_until_the_session_is_closed() {
    let mut device = Device::new(Device::config());
    let body = device.write(package_1(), true);
    device.hand_over(&body).unwrap();
    device.drain().unwrap();
    assert_eq!(device.end(), Some(ServerEnd::Completed));
    device.hand_over(&body).unwrap();
    device.drain().unwrap();
    assert_eq!(device.replies[0], device.replies[1]);
    assert_eq!(device.events.iter().filter(|e| matches!(e, ServerEvent::Ended(_))).count(), 1);
}

/// A store that never reports does not keep a session for ever.
#[test]
fn a_record_that_is_never_stored_times_out() {
    use dm_syncml::auth::{AuthScheme, Credentials, Nonce, Password};
    use dm_syncml::session::{Account, ServerOutput};
    let credentials = Credentials::new("dev", Password::new("secret"));
    let nonce = Nonce::new(*b"nonce");
    let mut account = Account::transport().with_nonces(Some(nonce.clone()), None);
    account.device = Some((AuthScheme::Md5, credentials.clone()));
    let mut device = Device::with_account(Device::config(), Some(account));
    device.cred = Some(credentials.md5(&nonce));
    let body = device.write(package_1(), true);
    device.hand_over(&body).unwrap();
    loop {
        match device.session.poll_output() {
            ServerOutput::Reply(_) => panic!("it waits for the record"),
            ServerOutput::Wait(_) => break,
            _ => {}
        }
    }
    device.now = Instant::from_millis(120_000);
    device.session.handle_tick(device.now);
    device.drain();
    assert_eq!(device.end(), Some(ServerEnd::TimedOut));
}
