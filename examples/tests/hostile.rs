//! Whatever is thrown at a fleet's sockets gets a clear answer, and the fleet goes on.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Mutex;

use axum::http::Method;
use dm_examples::fleet::{Options, Progress, play};
use dm_examples::http_client::HttpClient;
use dm_examples::tls::Trust;
use dm_syncml::{Alert, AlertCode, CmdId};
use dm_syncml::{Encoding, LocUri, Message, MsgId, SessionId, SyncBody, SyncHdr};
use tokio::sync::oneshot;

/// What is sent, as which type, and which HTTP status and words come back.
fn attacks() -> Vec<(&'static str, &'static str, Vec<u8>, u16, &'static str)> {
    let wbxml = "application/vnd.syncml.dm+wbxml";
    let xml = "application/vnd.syncml.dm+xml";
    let deep = [&b"\x02\xA4\x01\x6A\x00"[..], &[0x6D; 100_000]].concat();
    let deep_xml = "<SyncML xmlns=\"SYNCML:SYNCML1.2\">".repeat(20_000).into_bytes();
    let whole = stranger("1").encode(Encoding::Wbxml);
    let truncated = whole[..whole.len() / 2].to_vec();
    vec![
        ("a page", "text/html", b"<html/>".to_vec(), 415, "is not the type of a DM message"),
        ("a page that lies", xml, b"<html/>".to_vec(), 400, "wrong-root"),
        ("nothing", wbxml, Vec::new(), 400, "truncated at byte 0"),
        ("noise", wbxml, (0..=255).collect(), 400, "version at byte 0"),
        ("half a message", wbxml, truncated, 400, "truncated"),
        ("nested tags", wbxml, deep, 400, "too-deep"),
        ("nested elements", xml, deep_xml, 400, "too-deep"),
        (
            "entities",
            xml,
            b"<!DOCTYPE a [<!ENTITY b 'c'>]><SyncML xmlns='SYNCML:SYNCML1.2'>&b;</SyncML>".to_vec(),
            400,
            "entity",
        ),
        ("a flood", wbxml, vec![0; (4 << 20) + 1], 413, ""),
        ("the middle of a session", wbxml, stranger("5").encode(Encoding::Wbxml), 400, ""),
    ]
}

/// A message of a device nobody knows.
fn stranger(msg_id: &'static str) -> Message<'static> {
    let header = SyncHdr::new(
        SessionId::new("666").unwrap(),
        MsgId::new(msg_id).unwrap(),
        LocUri::new("http://127.0.0.1/dm").unwrap(),
        LocUri::new("urn:uuid:stranger").unwrap(),
    );
    let alert = Alert::new(CmdId::new("1").unwrap(), AlertCode::CLIENT_INITIATED);
    Message::new(header, SyncBody::new(vec![alert.into()]))
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_requests_get_clear_answers_and_the_fleet_goes_on() {
    let (tell, told) = oneshot::channel();
    let tell = Mutex::new(Some(tell));
    let options = Options { devices: 6, ..Options::default() };
    let playing = tokio::spawn(play(options, move |progress| {
        if let Progress::Listening { server, gateway, announcements } = progress
            && let Some(tell) = tell.lock().unwrap().take()
        {
            tell.send((server, gateway, announcements)).unwrap();
        }
    }));
    let (server, gateway, announcements) = told.await.unwrap();

    let noise = UdpSocket::bind("127.0.0.1:0").unwrap();
    for datagram in [&b""[..], b"\xFF\xFE", b"urn:uuid:stranger", &[b'x'; 1400]] {
        noise.send_to(datagram, announcements).unwrap();
    }
    let post = async |address: SocketAddr, media_type: &str, body: Vec<u8>| {
        // A connection of its own: one on which a flood was cut off is closed, sooner or later.
        let http = HttpClient::new(&Trust::Nothing).unwrap();
        let fields = [("Content-Type", media_type.to_owned())];
        http.send(Method::POST, &format!("http://{address}/dm"), fields, body, 65_536).await
    };
    for address in [server, gateway] {
        for (what, media_type, body, status, words) in attacks() {
            let response = match post(address, media_type, body).await {
                Ok(response) => response,
                // A server may hang up on a flood before it has read it all.
                Err(_) if what == "a flood" => continue,
                Err(error) => panic!("{what}: {error}"),
            };
            assert_eq!(response.status.as_u16(), status, "{what}");
            let text = String::from_utf8_lossy(&response.body);
            assert!(text.contains(words), "{what}: {text}");
        }
        // A stranger who speaks properly is challenged, like a device with a wrong password.
        let body = stranger("1").encode(Encoding::Xml);
        let response = post(address, "application/vnd.syncml.dm+xml", body).await.unwrap();
        let text = String::from_utf8_lossy(&response.body);
        assert!(text.contains("<Data>407</Data>") && text.contains("<Chal>"), "{text}");
    }

    let report = playing.await.unwrap().unwrap();
    assert_eq!(report.mismatches, Vec::<String>::new());
    assert_eq!(report.devices.len(), 6);
}
