//! Who shows what to whom, from the device's side (DM Security 1.2.1, authentication).

use dm_syncml::auth::{AuthScheme, Credentials, Nonce, Password};
use dm_syncml::session::{ClientConfig, ClientEnd, ClientEvent, Record};
use dm_syncml::{CmdRef, Command, StatusCode};

use crate::device::{Device, add, config, get, sizes, status};

fn device_credentials() -> Credentials {
    Credentials::new("dev", Password::new("d-secret"))
}

fn server_credentials() -> Credentials {
    Credentials::new("srv", Password::new("s-secret"))
}

fn shows(scheme: AuthScheme) -> ClientConfig {
    let mut config = config();
    config.device = Some((scheme, device_credentials()));
    config
}

fn demands(scheme: AuthScheme) -> ClientConfig {
    let mut config = config();
    config.server_auth = Some((scheme, server_credentials()));
    config
}

/// A header's Cred.
fn cred(format: &str, scheme: &str, data: &str) -> String {
    format!(
        "<Cred><Meta><Format xmlns=\"syncml:metinf\">{format}</Format><Type xmlns=\"syncml:metinf\">{scheme}</Type></Meta>\
         <Data>{data}</Data></Cred>"
    )
}

fn text(cred: &dm_syncml::Cred<'_>) -> String {
    cred.data.as_text().unwrap().to_owned()
}

fn has_cred(device: &Device) -> bool {
    device.last().unwrap().header.cred.is_some()
}

/// The code of the Status for the server's header, and the scheme and nonce of its Chal.
fn header_status(device: &Device) -> (u16, Option<String>) {
    let message = device.last().unwrap();
    let Command::Status(status) = &message.body.commands[0] else { panic!("a Status comes first") };
    assert_eq!(status.cmd_ref, CmdRef::SYNC_HDR);
    let scheme = status.chal.as_ref().map(|chal| chal.meta.media_type().unwrap().to_string());
    (status.code.get(), scheme)
}

/// 212 is good for the session, 200 for one message.
#[test]
fn credentials_are_repeated_until_they_are_accepted_for_the_session() {
    let mut device = Device::new(shows(AuthScheme::Basic));
    assert!(has_cred(&device));
    device.say_with(200, &get("1", "./A"), true);
    assert!(has_cred(&device));
    device.say_with(212, &get("1", "./A"), true);
    assert!(!has_cred(&device));
    device.say_with(200, &get("1", "./A"), true);
    assert!(!has_cred(&device));
    assert_eq!(device.events, [ClientEvent::Accepted]);
}

/// A challenge in the middle: what was refused goes out again, in the same session, with the next MsgID.
#[test]
fn a_package_that_was_refused_goes_out_again() {
    let mut device = Device::new(shows(AuthScheme::Basic));
    device.say_with(200, &[add("1", "./A", "1"), get("2", "./A")].concat(), true);
    assert_eq!(device.answered(), ["1 200", "2 200", "Results 2", "Final"]);
    device.say_with(401, "", true);
    assert_eq!(device.answered(), ["1 200", "2 200", "Results 2", "Final"]);
    let message = device.last().unwrap();
    assert_eq!((message.header.msg_id.as_str(), message.header.session_id.as_str()), ("3", "1A"));
    assert_eq!(header_status(&device), (200, None));
    assert_eq!(device.log.len(), 2, "and nothing is executed for it");
    device.say_with(401, "", true);
    assert_eq!(device.end, Some(ClientEnd::DeviceRefused), "a second time is the end");
}

#[test]
fn a_chunk_that_was_refused_goes_out_again() {
    let mut device = Device::new(shows(AuthScheme::Basic));
    device.header_extra = sizes(1800, 100_000);
    let value: String = (0..500).map(|n| format!("{n:08}")).collect();
    device.values.insert("./Big".into(), value.clone());
    device.say_with(200, &get("1", "./Big"), true);
    let mut joined = String::new();
    let mut refused = false;
    for _ in 0..20 {
        assert!(device.sent.last().unwrap().len() <= 1800);
        let message = device.last().unwrap();
        let last = message.body.last_in_package;
        let msg_id = message.header.msg_id.to_string();
        let chunk = message.body.commands.iter().find_map(|command| match command {
            Command::Results(results) => {
                let data = results.items[0].data.as_ref().unwrap().as_text().unwrap();
                Some((results.cmd_id.to_string(), data.to_owned()))
            }
            _ => None,
        });
        let (cmd_id, data) = chunk.unwrap();
        if !refused && !joined.is_empty() {
            refused = true;
            device.say_with(401, "", true);
            continue;
        }
        joined.push_str(&data);
        if last {
            break;
        }
        let answer = status("r", &msg_id, &cmd_id, "Results", 213);
        device.say_with(200, &format!("{answer}<Alert><CmdID>n</CmdID><Data>1222</Data></Alert>"), false);
    }
    assert_eq!(joined, value);
}

/// Each direction by itself: the server shows nothing, is challenged, and its commands are not executed till it has proved itself.
#[test]
fn nothing_is_executed_for_a_server_that_has_not_proved_itself() {
    let mut device = Device::new(demands(AuthScheme::Basic));
    device.say(&add("1", "./A", "1"));
    assert_eq!(header_status(&device), (407, Some("syncml:auth-basic".into())));
    assert_eq!(device.answered(), ["1 407", "Final"]);
    assert!(device.log.is_empty());
    device.header_extra = cred("b64", "syncml:auth-basic", &text(&server_credentials().basic()));
    device.say(&add("1", "./A", "1"));
    assert_eq!(header_status(&device), (212, None));
    assert_eq!(device.answered(), ["1 200", "Final"]);
    assert!(device.events.contains(&ClientEvent::ServerAuthenticated));
    device.header_extra.clear();
    device.say(&add("2", "./B", "1"));
    assert_eq!(header_status(&device), (200, None), "proved for the session");
    assert_eq!(device.answered(), ["2 200", "Final"]);
}

#[test]
fn a_server_that_fails_twice_is_refused() {
    let mut device = Device::new(demands(AuthScheme::Basic));
    let wrong = Credentials::new("srv", Password::new("guess")).basic();
    device.header_extra = cred("b64", "syncml:auth-basic", &text(&wrong));
    device.say(&add("1", "./A", "1"));
    assert_eq!(header_status(&device).0, 401);
    device.say(&add("1", "./A", "1"));
    assert_eq!(device.end, Some(ClientEnd::ServerRefused));
    assert!(device.log.is_empty());
    assert_eq!(device.records, []);
}

/// The weaker scheme proves nothing where the stronger is demanded, however right it is.
#[test]
fn basic_does_not_stand_for_md5() {
    let mut device = Device::new(demands(AuthScheme::Md5));
    device.header_extra = cred("b64", "syncml:auth-basic", &text(&server_credentials().basic()));
    device.say(&add("1", "./A", "1"));
    assert_eq!(header_status(&device), (401, Some("syncml:auth-md5".into())));
}

/// The nonce for next time is stored only when the server has proved itself, and the answer that carries it waits for that.
#[test]
fn nonces_are_stored_for_a_server_that_has_proved_itself() {
    let nonce = Nonce::new(*b"stored");
    let config = demands(AuthScheme::Md5).with_nonces(None, Some(nonce.clone()));
    let mut device = Device::new(config);
    device.header_extra = cred("b64", "syncml:auth-md5", &text(&server_credentials().md5(&nonce)));
    device.say(&add("1", "./A", "1"));
    assert_eq!(header_status(&device), (212, Some("syncml:auth-md5".into())));
    assert!(matches!(device.records[..], [Record::ServerNonce(_)]));
    // A session later the same proof is a replay.
    let mut replayed = Device::new(demands(AuthScheme::Md5).with_nonces(
        None,
        match &device.records[0] {
            Record::ServerNonce(nonce) => Some(nonce.clone()),
            other => panic!("{other:?}"),
        },
    ));
    replayed.header_extra = device.header_extra.clone();
    replayed.say(&add("1", "./A", "1"));
    assert_eq!(header_status(&replayed).0, 401);
    assert_eq!(replayed.records, []);
}

/// A refusal of the header that is no challenge ends the session with its code.
#[test]
fn a_header_that_is_refused_ends_the_session() {
    for code in [400, 500, 503, 505, 513] {
        let mut device = Device::new(config());
        device.say_with(code, "", true);
        assert_eq!(device.end, Some(ClientEnd::HeaderRefused(StatusCode::new(code))));
    }
}

/// Some servers of Windows answer in the name space of SyncML 1.1, and some servers say nothing of our header at all.
#[test]
fn what_real_servers_leave_out() {
    let mut device = Device::new(config());
    let body = device.message(200, &get("1", "./A"), true).replace("SYNCML:SYNCML1.2", "SYNCML:SYNCML1.1");
    device.hear(&body).unwrap();
    assert_eq!(device.answered(), ["1 404", "Final"]);
    let body = device.message(200, &get("5b6c3f5e-6e43-4f6e-a6b3-1c9c2a1d7f00", "./A"), true);
    let (before, after) = body.split_once("<Status>").unwrap();
    let (_, after) = after.split_once("</Status>").unwrap();
    device.hear(&format!("{before}{after}")).unwrap();
    assert_eq!(device.answered(), ["5b6c3f5e-6e43-4f6e-a6b3-1c9c2a1d7f00 404", "Final"]);
}
