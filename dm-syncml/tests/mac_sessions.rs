//! Sessions under `syncml:auth-MAC`: the MAC travels beside each message, both ways.

use dm_syncml::auth::{AuthScheme, Credentials, MacHeader, Nonce, Password};
use dm_syncml::session::{
    Account, ClientConfig, ClientEnd, ClientOutput, ClientSession, Incoming, Initiation, Outcome, Outgoing,
    Record, ServerConfig, ServerEnd, ServerEvent, ServerOutput, ServerSession,
};
use dm_syncml::{
    CmdId, Command, DecodeOptions, Encoding, Get, Instant, Item, LocUri, Message, SessionId, StatusCode,
};

const NOW: Instant = Instant::EPOCH;

fn uri(text: &str) -> LocUri<'static> {
    LocUri::new(text.to_owned()).unwrap()
}

fn credentials(user: &str, password: &str) -> Credentials {
    Credentials::new(user, Password::new(password))
}

fn device() -> Credentials {
    credentials("dev", "secret of the device")
}

fn server() -> Credentials {
    credentials("srv", "secret of the server")
}

fn config() -> ClientConfig {
    ClientConfig::new(uri("IMEI:1"), uri("https://dm.example.net/")).with_auth(
        AuthScheme::Mac,
        device(),
        server(),
    )
}

/// What came of a session, and every message with what travelled beside it.
#[derive(Debug, Default)]
struct Story {
    client_end: Option<ClientEnd>,
    server_end: Option<ServerEnd>,
    answered: usize,
    executed: usize,
    requests: Vec<Outgoing>,
    replies: Vec<Outgoing>,
    device_nonces: Vec<Nonce>,
    server_nonces: Vec<Nonce>,
    stored_by_client: Vec<Record>,
    refusals: usize,
}

impl Story {
    fn header_codes(messages: &[Outgoing]) -> Vec<u16> {
        let mut codes = Vec::new();
        for message in messages {
            let message = Message::decode(message.encoding, &message.body, &DecodeOptions::new()).unwrap();
            for command in &message.body.commands {
                match command {
                    Command::Status(status) if status.cmd_ref.as_str() == "0" => {
                        codes.push(status.code.get());
                    }
                    _ => {}
                }
            }
        }
        codes
    }
}

/// Plays a session to its end; `beside` may change what travels beside the n-th message (requests are even, replies odd).
fn play(
    config: ClientConfig,
    account: Option<Account>,
    mut beside: impl FnMut(usize, Option<String>, &mut Vec<u8>) -> Option<String>,
) -> Story {
    let mut story = Story::default();
    let initiation = Initiation::Client(SessionId::new("1").unwrap());
    let mut client = ClientSession::new(NOW, config, initiation, Vec::new());
    let at = ServerConfig::new(uri("https://dm.example.net/")).with_stranger_scheme(AuthScheme::Mac);
    let mut session = ServerSession::new(NOW, at, account);
    for turn in 0..50_usize {
        let message = loop {
            match client.poll_output() {
                ClientOutput::Send(_, message) => break message,
                ClientOutput::Persist(seq, record) => {
                    story.stored_by_client.push(record);
                    client.handle_persisted(NOW, seq);
                }
                ClientOutput::Execute(handle, _) => {
                    story.executed += 1;
                    client.handle_outcome(NOW, handle, Outcome::all(StatusCode::NOT_FOUND)).unwrap();
                }
                ClientOutput::Closed(end) => {
                    story.client_end = Some(end);
                    return story;
                }
                ClientOutput::Wait(_) => return story,
                _ => {}
            }
        };
        story.requests.push(message.clone());
        let mut body = message.body;
        let header = beside(2 * turn, message.hmac.map(|header| header.to_string()), &mut body);
        let request = Incoming::decode(Encoding::Wbxml, &body, &DecodeOptions::new())
            .unwrap()
            .with_hmac(header.as_deref().map(str::as_bytes));
        if session.handle_message(NOW, &request, [2 * turn as u8 + 1; 16]).is_err() {
            story.refusals += 1;
        }
        let mut reply = None;
        loop {
            match session.poll_output() {
                ServerOutput::Event(ServerEvent::Started(_)) => {
                    for _ in 0..2 {
                        let get = Get::new(CmdId::new("1").unwrap(), vec![Item::to(uri("./DevInfo/Mod"))]);
                        session.queue(get).unwrap();
                    }
                }
                ServerOutput::Event(ServerEvent::Answered(..)) => story.answered += 1,
                ServerOutput::Event(ServerEvent::Ended(end)) => story.server_end = Some(end),
                ServerOutput::Persist(seq, record) => {
                    match record {
                        Record::DeviceNonce(nonce) => story.device_nonces.push(nonce),
                        Record::ServerNonce(nonce) => story.server_nonces.push(nonce),
                        _ => {}
                    }
                    session.handle_persisted(NOW, seq);
                }
                ServerOutput::Reply(message) => reply = Some(message),
                ServerOutput::Wait(_) => break,
                _ => {}
            }
        }
        let Some(reply) = reply else { return story };
        story.replies.push(reply.clone());
        let mut body = reply.body;
        let header = beside(2 * turn + 1, reply.hmac.map(|header| header.to_string()), &mut body);
        let answer = Incoming::decode(Encoding::Wbxml, &body, &DecodeOptions::new())
            .unwrap()
            .with_hmac(header.as_deref().map(str::as_bytes));
        client.handle_message(NOW, &answer, [2 * turn as u8 + 2; 16]).unwrap();
    }
    panic!("the session never ends: {story:?}");
}

fn untouched(_: usize, header: Option<String>, _: &mut Vec<u8>) -> Option<String> {
    header
}

fn known() -> Option<Account> {
    Some(Account::new(AuthScheme::Mac, device(), server()))
}

fn nonces() -> (Option<Nonce>, Option<Nonce>) {
    (Some(Nonce::new(*b"of the device")), Some(Nonce::new(*b"of the server")))
}

#[test]
fn both_sides_sign_each_message_and_each_status_brings_the_next_nonce() {
    let (device_nonce, server_nonce) = nonces();
    let story = play(
        config().with_nonces(device_nonce.clone(), server_nonce.clone()),
        known().map(|account| account.with_nonces(device_nonce, server_nonce)),
        untouched,
    );
    assert_eq!(story.client_end, Some(ClientEnd::Completed));
    assert_eq!(story.server_end, Some(ServerEnd::Completed));
    assert_eq!((story.answered, story.executed), (2, 2));
    assert_eq!(story.requests.len(), 2, "nothing was challenged");
    assert!(story.requests.iter().chain(&story.replies).all(|message| message.hmac.is_some()));
    // Never 212, always a nonce, each stored: the last may be used in the next session.
    assert_eq!(Story::header_codes(&story.requests), [200]);
    assert_eq!(Story::header_codes(&story.replies), [200, 200]);
    assert_eq!((story.device_nonces.len(), story.server_nonces.len()), (2, 1));
    // No credentials in the header, but the user name.
    for message in &story.requests {
        let header = Message::decode(Encoding::Wbxml, &message.body, &DecodeOptions::new()).unwrap().header;
        assert!(header.cred.is_none());
        assert_eq!(header.source.loc_name.unwrap().as_str(), "dev");
    }
}

#[test]
fn without_nonces_both_are_challenged_once() {
    let story = play(config(), known(), untouched);
    assert_eq!(story.client_end, Some(ClientEnd::Completed));
    assert_eq!((story.answered, story.executed), (2, 2));
    assert!(story.requests[0].hmac.is_none());
    assert_eq!(Story::header_codes(&story.replies[..1]), [407]);
}

/// The nonces of one session open the next; those of the one before do not.
#[test]
fn nonces_last_from_session_to_session() {
    let story = play(config(), known(), untouched);
    let stored = |of_device: bool| {
        story.stored_by_client.iter().rev().find_map(|record| match record {
            Record::DeviceNonce(nonce) if of_device => Some(nonce.clone()),
            Record::ServerNonce(nonce) if !of_device => Some(nonce.clone()),
            _ => None,
        })
    };
    assert_eq!(stored(true).as_ref(), story.device_nonces.last());
    let account = known().map(|account| {
        account.with_nonces(story.device_nonces.last().cloned(), story.server_nonces.last().cloned())
    });
    let again = play(config().with_nonces(stored(true), stored(false)), account, untouched);
    assert_eq!(again.client_end, Some(ClientEnd::Completed));
    assert_eq!(again.requests.len(), 2, "nothing was challenged");
}

#[test]
fn a_body_changed_on_the_way_is_refused() {
    let (device_nonce, server_nonce) = nonces();
    for turn in 0..3 {
        let story = play(
            config().with_nonces(device_nonce.clone(), server_nonce.clone()),
            known().map(|account| account.with_nonces(device_nonce.clone(), server_nonce.clone())),
            |n, header, body| {
                if n == turn {
                    // Another VerProto, that changes nothing else.
                    let at = body.windows(6).position(|window| window == b"DM/1.2").unwrap();
                    body[at + 5] = b'1';
                }
                header
            },
        );
        // Challenged, and sent again.
        assert!(story.requests.len() > 2, "{turn}");
        assert_eq!(story.client_end, Some(ClientEnd::Completed), "{turn}");
        assert_eq!(story.executed, 2, "{turn}: nothing is done twice");
    }
}

#[test]
fn a_header_lost_on_the_way_is_a_failed_authentication() {
    for turn in 0..2 {
        let story = play(config(), known(), |n, header, _| if n % 2 == turn { None } else { header });
        assert_eq!(story.answered, 0);
        let expected = if turn == 0 { ClientEnd::DeviceRefused } else { ClientEnd::ServerRefused };
        assert_eq!(story.client_end, Some(expected));
        assert_eq!(story.executed, 0);
    }
}

/// A MAC of an earlier session, with its body, opens nothing.
#[test]
fn a_replayed_message_is_refused() {
    let (device_nonce, server_nonce) = nonces();
    let account = || known().map(|account| account.with_nonces(device_nonce.clone(), server_nonce.clone()));
    let first = play(config().with_nonces(device_nonce.clone(), server_nonce.clone()), account(), untouched);
    let message = &first.requests[0];
    let header = message.hmac.as_ref().unwrap().to_string();

    let now_stored = known().map(|account| account.with_nonces(first.device_nonces.last().cloned(), None));
    let mut session = ServerSession::new(NOW, ServerConfig::new(uri("https://dm.example.net/")), now_stored);
    let request = Incoming::decode(Encoding::Wbxml, &message.body, &DecodeOptions::new())
        .unwrap()
        .with_hmac(Some(header.as_bytes()));
    session.handle_message(NOW, &request, [1; 16]).unwrap();
    assert_eq!(session.poll_output(), ServerOutput::Event(ServerEvent::CredentialsRefused));
    let ServerOutput::Reply(reply) = session.poll_output() else {
        panic!("nothing else happened but an answer")
    };
    assert_eq!(Story::header_codes(&[reply]), [401]);
}

#[test]
fn wrong_credentials_and_strangers_are_refused_alike() {
    let wrong = config().with_auth(AuthScheme::Mac, credentials("dev", "a guess"), server());
    let stranger = play(wrong.clone(), None, untouched);
    let story = play(wrong, known(), untouched);
    assert_eq!(story.client_end, Some(ClientEnd::DeviceRefused));
    assert_eq!(story.server_end, Some(ServerEnd::DeviceRefused));
    assert!(story.device_nonces.is_empty() && story.server_nonces.is_empty(), "a stranger stores nothing");
    assert!(story.replies.iter().all(|reply| reply.hmac.is_none()), "nor does it learn how we sign");
    // Entropy is the same in both runs, so the answers must be.
    assert_eq!(stranger.replies, story.replies);
}

/// A device that shows another's credentials under its own address, or its own under another's.
#[test]
fn swapped_identities_are_refused() {
    for scheme in [AuthScheme::Basic, AuthScheme::Md5, AuthScheme::Mac] {
        let account = Some(Account::new(scheme, credentials("other", "secret of another"), server()));
        let story = play(config().with_auth(scheme, device(), server()), account, untouched);
        assert_eq!(story.client_end, Some(ClientEnd::DeviceRefused), "{scheme:?}");
        assert_eq!(story.answered, 0);
    }
}

/// The user of the header is not the one of the MAC beside it.
#[test]
fn another_name_beside_the_message_is_refused() {
    let story = play(config(), known(), |n, header, _| {
        let header = header?;
        let mac = MacHeader::parse(header.as_bytes()).unwrap();
        if n % 2 == 1 {
            return Some(header);
        }
        Some(MacHeader::new("root", mac.mac()).unwrap().to_string())
    });
    assert_eq!(story.client_end, Some(ClientEnd::DeviceRefused));
}

/// Whoever sits between may ask for the password in the clear, but gets nothing for it.
#[test]
fn a_downgraded_scheme_is_refused_by_either_side() {
    use AuthScheme::{Basic, Mac, Md5};
    for (client, server_side, goes) in [
        (Mac, Md5, false),
        (Mac, Basic, false),
        (Md5, Basic, false),
        (Md5, Mac, true),
        (Basic, Mac, true),
        (Basic, Md5, true),
    ] {
        let mut account = Account::new(server_side, device(), server());
        // The other direction is as agreed.
        account.server = Some((client, server()));
        let story = play(config().with_auth(client, device(), server()), Some(account), untouched);
        let expected = if goes { ClientEnd::Completed } else { ClientEnd::DeviceRefused };
        assert_eq!(story.client_end, Some(expected), "{client:?} against {server_side:?}");
        if !goes {
            assert!(story.requests.len() <= 2 && story.executed == 0);
        }
    }
    // The server shows something weaker than the device demands.
    let mut account = Account::new(Mac, device(), server());
    account.server = Some((Basic, server()));
    let mut config = config().with_auth(Mac, device(), server());
    config.server_auth = Some((Md5, server()));
    let mut upgraded = account.clone();
    upgraded.server = Some((Basic, credentials("srv", "wrong")));
    assert_eq!(play(config.clone(), Some(upgraded), untouched).client_end, Some(ClientEnd::ServerRefused));
    assert_eq!(
        play(config, Some(account), untouched).client_end,
        Some(ClientEnd::Completed),
        "raised to MD5"
    );
}
