//! The HTTP binding from the outside: what is written is read by the other side.
#![cfg(feature = "xml")]

use dm_syncml::auth::{AuthScheme, Credentials, MacHeader, Nonce, Password};
use dm_syncml::http::{
    self, Action, ContentType, HMAC, Policy, Refusal, RefusalKind, RequestHead, ResponseHead, reply_fields,
    request_fields,
};
use dm_syncml::session::{
    Account, ClientConfig, ClientOutput, ClientSession, Incoming, Initiation, Outgoing, ServerConfig,
    ServerOutput, ServerSession,
};
use dm_syncml::{DecodeOptions, Encoding, Instant, LocUri, Message, SessionId};
use serde_json::Value;

const NOW: Instant = Instant::EPOCH;
const SERVER: &str = "https://dm.example.net/dm";

fn uri(text: &str) -> LocUri<'static> {
    LocUri::new(text.to_owned()).unwrap()
}

fn both() -> (Credentials, Credentials) {
    (
        Credentials::new("jürgen \"x\"", Password::new("p:w:ß")),
        Credentials::new("srv", Password::new("secret of the server")),
    )
}

fn request(encoding: Encoding) -> Outgoing {
    let (device, server) = both();
    let config = ClientConfig::new(uri("IMEI:1"), uri(SERVER))
        .with_encoding(encoding)
        .with_auth(AuthScheme::Mac, device, server)
        .with_nonces(Some(Nonce::new(*b"d")), None);
    let initiation = Initiation::Client(SessionId::new("1").unwrap());
    let mut client = ClientSession::new(NOW, config, initiation, Vec::new());
    loop {
        if let ClientOutput::Send(to, message) = client.poll_output() {
            assert_eq!(to, SERVER);
            return message;
        }
    }
}

fn answer(incoming: &Incoming<'_>) -> Outgoing {
    let (device, server) = both();
    let account = Account::new(AuthScheme::Mac, device, server)
        .with_nonces(Some(Nonce::new(*b"d")), Some(Nonce::new(*b"s")));
    let mut session = ServerSession::new(NOW, ServerConfig::new(uri(SERVER)), Some(account));
    session.handle_message(NOW, incoming, [1; 16]).unwrap();
    loop {
        match session.poll_output() {
            ServerOutput::Reply(message) => return message,
            ServerOutput::Persist(seq, _) => session.handle_persisted(NOW, seq),
            ServerOutput::Wait(_) => panic!("no answer"),
            _ => {}
        }
    }
}

fn value<'f>(fields: &'f [(&'static str, String)], name: &str) -> Option<&'f [u8]> {
    fields.iter().find(|(own, _)| *own == name).map(|(_, value)| value.as_bytes())
}

/// There and back through header fields, with a MAC on both ways.
#[test]
fn an_exchange() {
    for encoding in [Encoding::Wbxml, Encoding::Xml] {
        let posted = request(encoding);
        let fields = request_fields(&posted, Some("dm-rs"));
        assert!(
            fields.iter().all(|(name, value)| *name == name.to_lowercase() && !value.contains(['\r', '\n']))
        );
        assert_eq!(value(&fields, "content-length"), Some(posted.body.len().to_string().as_bytes()));
        assert_eq!(value(&fields, "cache-control"), Some(&b"no-store"[..]));
        assert_eq!(value(&fields, "user-agent"), Some(&b"dm-rs"[..]));
        let accept = String::from_utf8_lossy(value(&fields, "accept").unwrap()).into_owned();
        assert!(
            accept.starts_with(encoding.media_type()) && accept.contains("+xml") && accept.contains("+wbxml")
        );

        let head = RequestHead::read("POST", |name| value(&fields, name));
        let admitted = http::admit(&head, 1 << 20).unwrap();
        assert_eq!((admitted.encoding(), admitted.answer_encoding()), (encoding, encoding));
        let incoming = Incoming::decode(
            admitted.encoding(),
            &posted.body,
            &DecodeOptions::new().with_quirks(admitted.quirks()),
        )
        .unwrap()
        .with_hmac(admitted.hmac())
        .answered_in(admitted.answer_encoding());
        let reply = answer(&incoming);
        let fields = reply_fields(&reply);
        let head = ResponseHead::read(200, |name| value(&fields, name));
        let Action::Take { encoding: read, hmac } = http::judge(&head, SERVER, 0, &Policy::new()) else {
            panic!("it is an answer")
        };
        assert_eq!(read, encoding);
        let header = MacHeader::parse(hmac.unwrap()).unwrap();
        assert!(both().1.verify_mac(&header, &Nonce::new(*b"s"), &reply.body));
    }
}

#[test]
fn the_answer_is_in_the_encoding_that_accept_leaves() {
    let posted = request(Encoding::Xml);
    let head = RequestHead::new("POST")
        .with_content_type(Some(b"application/vnd.syncml.dm+xml"))
        .with_accept(Some(b"application/vnd.syncml.dm+wbxml"));
    let admitted = http::admit(&head, 1 << 20).unwrap();
    let incoming = Incoming::decode(admitted.encoding(), &posted.body, &DecodeOptions::new())
        .unwrap()
        .with_hmac(Some(posted.hmac.as_ref().unwrap().to_string().as_bytes()))
        .answered_in(admitted.answer_encoding());
    let reply = answer(&incoming);
    assert_eq!(reply.encoding, Encoding::Wbxml);
    assert!(Message::decode(Encoding::Wbxml, &reply.body, &DecodeOptions::new()).is_ok());
}

#[test]
fn bodies_that_are_no_messages() {
    let refused = |body: &[u8], options: &DecodeOptions| {
        Incoming::decode(Encoding::Xml, body, options).map_err(|error| Refusal::from(&error)).unwrap_err()
    };
    let plain = DecodeOptions::new();
    for body in [&b""[..], b"<html/>", b"<SyncML>", b"\x02\xA4\x01"] {
        assert_eq!(refused(body, &plain).kind(), RefusalKind::BadMessage, "{}", body.escape_ascii());
    }
    let narrow = plain.with_limits(dm_syncml::elements::Limits::DEFAULT.with_document(10));
    assert_eq!(refused(&request(Encoding::Xml).body, &narrow).kind(), RefusalKind::TooLarge);
}

#[test]
fn a_user_agent_cannot_end_its_field() {
    let fields = request_fields(&request(Encoding::Wbxml), Some("x\r\nHost: evil"));
    assert_eq!(value(&fields, "user-agent"), None);
    assert!(value(&fields, HMAC).is_some());
}

/// Bootstrap documents say how they are signed in their Content-Type (DM Bootstrap 1.2.1).
#[test]
fn content_types_of_bootstrap_documents() {
    let vectors: Value = serde_json::from_str(include_str!("vectors/auth_vectors.json")).unwrap();
    let vectors = vectors["bootstrap_hmac_sha1"].as_array().unwrap();
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let text = vector["content_type"].as_str().unwrap();
        let read = ContentType::parse(text.as_bytes()).unwrap();
        assert_eq!(read.encoding(), Some(Encoding::Wbxml));
        assert_eq!(read.parameter("sec"), vector["sec"].as_str());
        assert_eq!(read.parameter("mac"), vector["mac_hex"].as_str());
        assert_eq!(read.to_string(), text);
    }
}
