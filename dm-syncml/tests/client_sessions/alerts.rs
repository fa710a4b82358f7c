//! Generic alerts and client events: queued, sent, acknowledged (DM Protocol 1.2.1, generic alerts).

use dm_syncml::session::{
    AlertId, AlertQueue, ClientEnd, ClientEvent, DeviceEvent, GenericAlert, Initiation, Record,
};
use dm_syncml::{Alert, CmdId, Command, Correlator, Data, Format, Mark, SessionId, StatusCode};

use crate::device::{Device, alert, config, exec, sizes, status, uri};

fn generic(text: &str) -> Alert<'static> {
    GenericAlert::new("org.example.report", Format::CHR, Data::text(text.to_owned()).unwrap())
        .unwrap()
        .with_source(uri("./Report"))
        .with_mark(Mark::CRITICAL)
        .to_alert(CmdId::new("x").unwrap())
}

fn with_alerts(alerts: Vec<Alert<'static>>) -> Device {
    Device::with(config(), Initiation::Client(SessionId::new("1A").unwrap()), alerts.into())
}

/// The CmdIDs and texts of the reports in the device's last message.
fn reports(device: &Device) -> Vec<(String, String)> {
    let message = device.last().unwrap();
    let report = |command: &Command<'_>| match command {
        Command::Alert(alert) if matches!(alert.code.unwrap().get(), 1224 | 1226) => {
            let text = alert.items[0].data.as_ref().unwrap().as_text().unwrap();
            Some((alert.cmd_id.to_string(), text.to_owned()))
        }
        _ => None,
    };
    message.body.commands.iter().filter_map(report).collect()
}

#[test]
fn package_1_says_why_who_and_what_happened() {
    let event = DeviceEvent::new("com.example/Login", Format::CHR, Data::text("user").unwrap()).unwrap();
    let device = with_alerts(vec![generic("a"), event.to_alert(CmdId::new("x").unwrap())]);
    assert_eq!(device.answered(), ["Alert 1201", "Replace", "Alert 1226", "Alert 1224", "Final"]);
    let ids: Vec<_> =
        device.last().unwrap().body.commands.iter().map(|c| c.cmd_id().unwrap().to_string()).collect();
    assert_eq!(ids, ["1", "2", "3", "4"]);
}

#[test]
fn a_notified_session_says_1200_under_the_id_of_the_notification() {
    let device = Device::with(config(), Initiation::Server(SessionId::new("2F").unwrap()), AlertQueue::new());
    assert_eq!(device.answered()[0], "Alert 1200");
    assert_eq!(device.last().unwrap().header.session_id, "2F");
}

#[test]
fn an_alert_leaves_the_queue_when_the_server_has_taken_it() {
    let mut device = with_alerts(vec![generic("a"), generic("b")]);
    let ids = reports(&device);
    device.say(
        &[status("1", "1", &ids[0].0, "Alert", 200), status("2", "1", &ids[1].0, "Alert", 415)].concat(),
    );
    assert_eq!(device.end, Some(ClientEnd::Completed));
    assert!(device.events.contains(&ClientEvent::AlertTaken(AlertId::new(0), StatusCode::OK)));
    assert!(
        device.events.contains(&ClientEvent::AlertRefused(AlertId::new(1), StatusCode::UNSUPPORTED_FORMAT))
    );
    assert_eq!(device.records, [Record::AlertDone(AlertId::new(0))]);
    let left: Vec<_> = device.client.into_alerts().iter().map(|(id, _)| id).collect();
    assert_eq!(left, [AlertId::new(1)]);
}

#[test]
fn what_was_not_acknowledged_goes_into_the_next_session_under_its_id() {
    let mut device = with_alerts(vec![generic("a"), generic("b")]);
    let first = reports(&device)[0].0.clone();
    device.say(&[status("1", "1", &first, "Alert", 200), alert("2", 1223, &[])].concat());
    assert_eq!(device.end, Some(ClientEnd::Aborted));
    let queue = device.client.into_alerts();
    let mut next = Device::with(config(), Initiation::Client(SessionId::new("1A").unwrap()), queue);
    assert_eq!(reports(&next).len(), 1);
    let id = reports(&next)[0].0.clone();
    next.say(&status("1", "1", &id, "Alert", 202));
    assert!(next.events.contains(&ClientEvent::AlertTaken(AlertId::new(1), StatusCode::ACCEPTED)));
    assert!(next.client.alerts().is_empty());
}

#[test]
fn a_queue_is_restored_from_what_was_stored() {
    let mut queue = AlertQueue::restore([(AlertId::new(7), generic("a"))]);
    assert_eq!(queue.push(generic("b")), AlertId::new(8), "ids are never used twice");
}

/// The outcome of an Exec that was accepted may come in the same session, with its Correlator.
#[test]
fn an_alert_that_comes_up_goes_out_with_the_next_message() {
    let mut device = Device::new(config());
    let outcome = GenericAlert::new("org.example.done", Format::INT, Data::text("1200").unwrap())
        .unwrap()
        .with_correlator(Correlator::new("c-1").unwrap())
        .to_alert(CmdId::new("x").unwrap());
    let id = device.client.queue_alert(device.now, outcome.clone()).unwrap();
    device.say(&exec("1", "./Job"));
    assert_eq!(device.records[0], Record::AlertQueued(id, Box::new(outcome)));
    assert_eq!(device.answered(), ["1 202", "Alert 1226", "Final"]);
    let message = device.last().unwrap();
    let sent = message.body.commands.iter().find_map(|c| match c {
        Command::Alert(alert) => Some(GenericAlert::read(alert).unwrap()),
        _ => None,
    });
    assert_eq!(sent.unwrap()[0].correlator, Some(Correlator::new("c-1").unwrap()));
}

/// The end of the session is the server's to say; what came up after the device's Final waits for the next session.
#[test]
fn an_alert_that_comes_too_late_stays_in_the_queue() {
    let mut device = Device::new(config());
    device.client.queue_alert(device.now, generic("late")).unwrap();
    device.say("");
    assert_eq!(device.end, Some(ClientEnd::Completed));
    assert_eq!(device.sent.len(), 1);
    assert_eq!(device.client.alerts().len(), 1);
}

#[test]
fn after_the_end_nothing_is_queued() {
    let mut device = Device::new(config());
    device.say("");
    assert!(device.end.is_some());
    assert!(device.client.queue_alert(device.now, generic("x")).is_err());
}

/// Alerts that the challenge has refused go out again with the answer to it, and are not told as refused.
#[test]
fn alerts_survive_a_challenge() {
    use dm_syncml::auth::{AuthScheme, Credentials, Password};
    let mut config = config();
    config.device = Some((AuthScheme::Md5, Credentials::new("dev", Password::new("p"))));
    let mut device =
        Device::with(config, Initiation::Client(SessionId::new("1A").unwrap()), vec![generic("a")].into());
    let ids = reports(&device);
    let challenge = "<Status><CmdID>c</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd>\
         <Chal><Meta><Format xmlns=\"syncml:metinf\">b64</Format><Type xmlns=\"syncml:metinf\">syncml:auth-md5</Type>\
         <NextNonce xmlns=\"syncml:metinf\">bm9uY2U=</NextNonce></Meta></Chal><Data>407</Data></Status>";
    let body = device.message(407, &[challenge, &status("1", "1", &ids[0].0, "Alert", 407)].concat(), true);
    let first = body.find("<Status><CmdID>h").unwrap();
    let end = body[first..].find("</Status>").unwrap() + first + "</Status>".len();
    let body = [&body[..first], &body[end..]].concat();
    device.hear(&body).unwrap();
    assert_eq!(device.events, []);
    assert_eq!(device.answered(), ["Alert 1201", "Replace", "Alert 1226", "Final"]);
    let message = device.last().unwrap();
    assert_eq!((message.header.msg_id.as_str(), message.header.cred.is_some()), ("2", true));
    assert!(
        matches!(&message.body.commands[0], Command::Status(s) if s.cmd_ref == "0" && s.code == StatusCode::OK)
    );
}

/// What the server could not take even in chunks is told, and does not block what follows.
#[test]
fn an_alert_too_large_for_the_server_is_told_and_left_out() {
    let mut device = Device::new(config().without_large_objects());
    device.header_extra = sizes(1300, 100_000);
    let id = device.client.queue_alert(device.now, generic(&"x".repeat(2000))).unwrap();
    let next = device.client.queue_alert(device.now, generic("small")).unwrap();
    device.say(&exec("1", "./Job"));
    assert!(device.events.contains(&ClientEvent::AlertRefused(id, StatusCode::TOO_LARGE)));
    assert_eq!(reports(&device).len(), 1);
    assert_eq!(device.client.alerts().len(), 2);
    assert!(next > id);
}

#[test]
fn a_large_alert_goes_out_in_chunks() {
    let mut device = Device::new(config());
    device.header_extra = sizes(1300, 100_000);
    let id = device.client.queue_alert(device.now, generic(&"x".repeat(2000))).unwrap();
    device.say(&exec("1", "./Job"));
    let mut text = String::new();
    let mut last = String::new();
    for round in 1..10 {
        assert!(device.sent.last().unwrap().len() <= 1300);
        for (cmd_id, chunk) in reports(&device) {
            text.push_str(&chunk);
            last = cmd_id;
        }
        if device.last().unwrap().body.last_in_package {
            break;
        }
        let msg = (round + 1).to_string();
        let accepted = status("s", &msg, &last, "Alert", 213);
        device.say_more(&[accepted, alert("n", 1222, &[])].concat());
    }
    assert_eq!(text, "x".repeat(2000));
    let msg = device.last().unwrap().header.msg_id.to_string();
    device.say(&status("s", &msg, &last, "Alert", 200));
    assert!(device.events.contains(&ClientEvent::AlertTaken(id, StatusCode::OK)));
}
