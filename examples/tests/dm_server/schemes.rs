//! Each way to prove oneself, each class, each encoding and each version: the real dm-device against the real dm-server.

use dm_syncml::auth::{Credentials, MacHeader, Nonce, Password};
use dm_syncml::session::ClientEnd;
use dm_syncml::{Command, DecodeOptions, Encoding, Message};

use super::device::{Answer, TestDevice};
use super::world::{World, run};

const DEVICE: &str = env!("CARGO_BIN_EXE_dm-device");

/// The flags that a device is given with its account.
fn flags<'a>(account: &'a serde_json::Value, state: &'a str, address: &'a str) -> Vec<&'a str> {
    let text = |name: &str| account[name].as_str().unwrap();
    let mut flags = vec!["--state", state, "--id", text("id"), "--server", address];
    for (flag, name) in [
        ("--server-id", "server_id"),
        ("--user", "user"),
        ("--password", "password"),
        ("--server-password", "server_password"),
        ("--auth", "auth"),
    ] {
        flags.extend([flag, text(name)]);
    }
    flags
}

#[test]
fn every_scheme_class_and_encoding_is_spoken_by_real_programs() {
    let world = World::plain("");
    for (scheme, class, encoding) in [
        ("md5", "standard", "wbxml"),
        ("md5", "windows", "xml"),
        ("md5", "libdmclient", "wbxml"),
        ("mac", "standard", "wbxml"),
        ("mac", "standard", "xml"),
        ("basic", "standard", "xml"),
        ("basic", "windows", "wbxml"),
    ] {
        let id = format!("urn:uuid:{scheme}-{class}-{encoding}");
        let account = world.add(&id, &["--auth", scheme, "--class", class, "--user", "phone"]);
        assert_eq!(account["auth"], scheme);
        let state = world.path(&format!("{scheme}-{class}-{encoding}.redb"));
        let mut arguments = flags(&account, state.to_str().unwrap(), &world.devices);
        arguments.extend(["--encoding", encoding, "--once", "--json"]);
        // A new device has no nonce; a known one has that of last time.
        for round in 1..=2 {
            let get = world.queue(&["get", &id, "./DevInfo/Man"]);
            let exec = world.queue(&["exec", &id, "./x-Device/Blink"]);
            let count = world.queue(&["get", &id, "./x-Device/Blinks"]);
            let (code, said) = run(DEVICE, &arguments);
            let case = format!("{id}, session {round}: {said}\n{}", world.log());
            assert_eq!(code, Some(0), "{case}");
            assert_eq!(world.work(get)["found"][0]["text"], "Example", "{case}");
            assert_eq!(world.work(exec)["state"], "done", "{case}");
            assert_eq!(world.work(count)["found"][0]["text"], round.to_string(), "{case}");
        }
        let shown = world.json(&["device", "show", &id]);
        assert_eq!((&shown["auth"], &shown["mode"]), (&scheme.into(), &class.into()));
        let refused: Vec<&str> = arguments.iter().copied().chain(["--wrong-credentials"]).collect();
        let get = world.queue(&["get", &id, "./DevInfo/Man"]);
        assert_eq!(run(DEVICE, &refused).0, Some(1), "{id} with a wrong password");
        assert_eq!(world.work(get)["state"], "queued", "{id}: a wrong password gets nothing");
    }
}

/// The same octets with another version in the header: its length is the same in both encodings.
fn of_version(body: &[u8], version: &str) -> Vec<u8> {
    let at = body.windows(6).position(|part| part == b"DM/1.2").unwrap();
    [&body[..at], version.as_bytes(), &body[at + 6..]].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_sessions_run_in_each_version_scheme_and_encoding() {
    let world = World::plain("");
    for version in ["DM/1.1", "DM/1.2", "DM/1.3"] {
        for scheme in ["basic", "md5", "mac"] {
            for encoding in [Encoding::Xml, Encoding::Wbxml] {
                let id = format!("IMEI:{version}-{scheme}-{encoding:?}");
                let mut device = TestDevice::new(world.add(&id, &["--auth", scheme, "--user", "phone"]));
                device.encoding = encoding;
                for level in ["4", "5"] {
                    let set = world.queue(&["set", &id, "./Vendor/Lamp/Level", level, "--format", "int"]);
                    let get = world.queue(&["get", &id, "./Vendor/Lamp/Level"]);
                    let end = session(&mut device, &world.devices, version).await;
                    assert_eq!(end, ClientEnd::Completed, "{id}, {level}: {}", world.log());
                    assert_eq!(world.work(set)["state"], "done", "{id}: {}", world.log());
                    assert_eq!(world.work(get)["found"][0]["text"], level, "{id}");
                }
            }
        }
    }
}

/// A session whose messages say that they are of this version, and prove it where the proof is over them.
async fn session(device: &mut TestDevice, url: &str, version: &str) -> ClientEnd {
    let mut session = device.begin();
    let mut nonce = device.nonces.0.clone();
    loop {
        let mut message = match device.next_message(&mut session) {
            Ok(message) => message,
            Err(end) => return end,
        };
        message.body = of_version(&message.body, version);
        // Without a nonce it waits for the challenge.
        message.hmac = message.hmac.and(nonce.as_ref()).map(|nonce| mac_of(device, nonce, &message.body));
        let answer = device.post(url, &message).await.unwrap();
        nonce = challenged(&answer).or(nonce);
        device.take(&mut session, &answer);
    }
}

/// The nonce that an answer asks to be used next.
fn challenged((encoding, body, _): &Answer) -> Option<Nonce> {
    let message = Message::decode(*encoding, body, &DecodeOptions::new()).unwrap();
    let mut challenges = message.body.commands.iter().filter_map(|command| match command {
        Command::Status(status) => status.chal.as_ref(),
        _ => None,
    });
    challenges.find_map(|chal| Some(Nonce::new(chal.meta.next_nonce()?.octets()?)))
}

fn mac_of(device: &TestDevice, nonce: &Nonce, body: &[u8]) -> MacHeader {
    let text = |name: &str| device.account[name].as_str().unwrap();
    let credentials = Credentials::new(text("user"), Password::new(text("password")));
    credentials.mac(nonce, body).unwrap()
}
