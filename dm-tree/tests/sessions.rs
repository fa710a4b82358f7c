//! Two real machines: a server session manages a tree through a client session.

use dm_syncml::session::{
    Account, Answer, ClientConfig, ClientEnd, ClientOutput, ClientSession, Incoming, Initiation, Outgoing,
    Record, ServerConfig, ServerEvent, ServerOutput, ServerSession,
};
use dm_syncml::{
    Add, Atomic, CmdId, Command, Correlator, Data, DecodeOptions, Delete, Encoding, Exec, Format, Get,
    Instant, Item, LocUri, Meta, Replace, Sequence, SessionId, StatusCode,
};
use dm_tree::{
    AccessType, Acl, AppAddr, AppAuth, AuthLevel, AuthType, Children, Context, DevInfo, DmAccount, Effects,
    ExecReply, Handler, HandlerMap, NoAnswer, NodeFacts, NodeSpec, Secret, ServerId, Tree, Value,
    dm_accounts,
};

const SERVER: &str = "https://dm.example.com/";

struct Reboot;

impl Handler for Reboot {
    fn node(&mut self, _: &Context<'_>, path: &[&str]) -> Option<NodeFacts> {
        path.is_empty().then(|| NodeFacts::leaf(dm_tree::Format::Null).with_access(AccessType::EXEC))
    }

    fn get(&mut self, _: &Context<'_>, _: &[&str]) -> Result<Vec<u8>, NoAnswer> {
        Err(StatusCode::NOT_ALLOWED.into())
    }

    fn children(&mut self, _: &Context<'_>, _: &[&str], _: &mut Children) -> Result<(), NoAnswer> {
        Err(StatusCode::NOT_ALLOWED.into())
    }

    fn exec(&mut self, _: &Context<'_>, _: &[&str], _: &[u8]) -> ExecReply {
        ExecReply::Accepted
    }
}

/// A device: a tree with one account, from which its sessions are made.
struct Device {
    tree: Tree,
    handlers: HandlerMap,
    effects: Effects,
}

impl Device {
    fn new() -> Self {
        let mut tree = Tree::default();
        let info = DevInfo {
            dev_id: "IMEI:1".into(),
            man: "Example".into(),
            model: "One".into(),
            dm_v: "1.0".into(),
            lang: "en".into(),
        };
        info.install(&mut tree).unwrap();
        let mut account = DmAccount::new(ServerId::new("com.example.dm").unwrap());
        account.addresses.push(AppAddr::uri(SERVER));
        for (level, name, secret) in
            [(AuthLevel::CLCRED, Some("device"), "d-secret"), (AuthLevel::SRVCRED, None, "s-secret")]
        {
            let mut auth = AppAuth::new(level, AuthType::DIGEST).with_secret(Secret::new(secret));
            auth.name = name.map(String::from);
            account.credentials.push(auth);
        }
        account.install(&mut tree, "./DMAcc/1").unwrap();
        tree.insert("./Vendor", NodeSpec::interior()).unwrap();
        tree.set_acl("./Vendor", Acl::parse("Add=com.example.dm&Get=*&Exec=*").unwrap()).unwrap();
        tree.insert("./Vendor/Blob", NodeSpec::leaf(Value::bin([0, 1, 255]))).unwrap();
        tree.insert("./Vendor/Shut", NodeSpec::interior()).unwrap();
        tree.set_acl("./Vendor/Shut", Acl::parse("Get=*").unwrap()).unwrap();
        let mut handlers = HandlerMap::new();
        handlers.mount(&mut tree, "./Vendor/Reboot", Reboot).unwrap();
        Self { tree, handlers, effects: Effects::default() }
    }

    fn account(&self) -> DmAccount {
        dm_accounts(&self.tree).next().unwrap().1
    }

    fn session(&self, encoding: Encoding) -> ClientSession {
        let account = self.account();
        let credentials = |level| account.credentials(&level).unwrap();
        let address = LocUri::new(account.addresses[0].addr.clone()).unwrap();
        let config = ClientConfig::new(LocUri::new("IMEI:1").unwrap(), address)
            .with_encoding(encoding)
            .with_atomic()
            .with_md5(credentials(AuthLevel::CLCRED), credentials(AuthLevel::SRVCRED))
            .with_nonces(account.nonce(&AuthLevel::CLCRED), account.nonce(&AuthLevel::SRVCRED))
            .with_dev_info(DevInfo::items(&self.tree));
        ClientSession::new(
            Instant::EPOCH,
            config,
            Initiation::Client(SessionId::new("7").unwrap()),
            Vec::new(),
        )
    }
}

/// Runs a session in which the server sends `commands`; what the device answered to each, and how often it wrote.
fn manage(device: &mut Device, encoding: Encoding, commands: Vec<Command<'static>>) -> (Vec<Answer>, usize) {
    let now = Instant::EPOCH;
    let account = device.account();
    let known = Account::md5(
        account.credentials(&AuthLevel::CLCRED).unwrap(),
        account.credentials(&AuthLevel::SRVCRED).unwrap(),
    )
    .with_nonces(account.nonce(&AuthLevel::CLCRED), account.nonce(&AuthLevel::SRVCRED));
    let mut server = ServerSession::new(now, ServerConfig::new(LocUri::new(SERVER).unwrap()), Some(known));
    let mut commands = Some(commands);
    let mut client = device.session(encoding);
    let (mut answers, mut messages) = (Vec::new(), 0);
    loop {
        let output = device.tree.poll_session(
            now,
            &mut client,
            &account.server_id,
            &mut device.handlers,
            &mut device.effects,
        );
        let body = match output {
            ClientOutput::Send(uri, Outgoing { body, .. }) => {
                assert_eq!(uri.as_str(), SERVER);
                body
            }
            ClientOutput::Persist(seq, record) => {
                let (level, nonce) = match &record {
                    Record::DeviceNonce(nonce) => (AuthLevel::CLCRED, nonce),
                    Record::ServerNonce(nonce) => (AuthLevel::SRVCRED, nonce),
                    other => panic!("{other:?}"),
                };
                DmAccount::store_nonce(&mut device.tree, "./DMAcc/1", &level, nonce).unwrap();
                client.handle_persisted(now, seq);
                continue;
            }
            ClientOutput::Closed(end) => {
                assert_eq!(end, ClientEnd::Completed);
                return (answers, messages);
            }
            ClientOutput::Execute(..) => panic!("the tree executes by itself"),
            ClientOutput::Wait(at) => panic!("nothing goes on before {at:?}"),
            _ => continue,
        };
        messages += 1;
        let entropy = [messages as u8; 16];
        let incoming = Incoming::decode(encoding, &body, &DecodeOptions::new()).unwrap();
        server.handle_message(now, &incoming, entropy).unwrap();
        let mut reply = None;
        loop {
            match server.poll_output() {
                ServerOutput::Persist(seq, _) => server.handle_persisted(now, seq),
                ServerOutput::Event(ServerEvent::DevInfo(info)) => assert_eq!(info.items().len(), 5),
                ServerOutput::Event(ServerEvent::Answered(_, answer)) => answers.push(answer),
                ServerOutput::Event(ServerEvent::Started(_)) => {
                    for command in commands.take().into_iter().flatten() {
                        server.queue(command).unwrap();
                    }
                }
                ServerOutput::Event(ServerEvent::GivenUp(_, why)) => panic!("given up: {why:?}"),
                ServerOutput::Reply(Outgoing { body, .. }) => reply = Some(body),
                ServerOutput::Wait(_) => break,
                _ => {}
            }
        }
        let reply = reply.expect("the server answers");
        let incoming = Incoming::decode(encoding, &reply, &DecodeOptions::new()).unwrap();
        client.handle_message(now, &incoming, entropy).unwrap();
    }
}

fn to(uri: &str) -> Item<'static> {
    Item::to(LocUri::new(uri.to_string()).unwrap())
}

fn with(uri: &str, text: &str) -> Item<'static> {
    to(uri).with_data(Data::text(text.to_string()).unwrap())
}

fn node(uri: &str) -> Item<'static> {
    to(uri).with_meta(Meta::new().with_format(Format::NODE))
}

fn id() -> CmdId<'static> {
    CmdId::new("1").unwrap()
}

fn commands() -> Vec<Command<'static>> {
    let mut exec = Exec::new(id(), to("./Vendor/Reboot"));
    exec.correlator = Some(Correlator::new("c-9").unwrap());
    vec![
        Get::new(id(), vec![to("./DevInfo"), to("./Vendor/Blob"), to("./Nope"), to("./DMAcc/1?prop=Type")])
            .into(),
        Add::new(id(), vec![node("./Vendor/Box"), with("./Vendor/Box/a/b", "x")]).into(),
        Sequence::new(
            id(),
            vec![
                Replace::new(id(), vec![with("./Vendor/Box/a/b", "y"), with("./DevInfo/Man", "z")]).into(),
                Get::new(id(), vec![to("./Vendor/Box/a/b"), to("./Vendor/Box/a/b?prop=ACL")]).into(),
            ],
        )
        .into(),
        Add::new(id(), vec![with("./Vendor/Shut/p/q", "x")]).into(),
        exec.into(),
        Get::new(id(), vec![to("./DMAcc/1/AppAuth/1/AAuthSecret")]).into(),
        Delete::new(id(), vec![to("./Vendor/Box")]).into(),
    ]
}

fn codes(answer: &Answer) -> Vec<u16> {
    answer.statuses.iter().map(|status| status.code.get()).collect()
}

fn found(answer: &Answer) -> Vec<(&str, Vec<u8>)> {
    let data = |item: &Item<'_>| {
        let format = item.meta.as_ref().and_then(Meta::format);
        item.data.as_ref().unwrap().decoded(format).unwrap().into_owned()
    };
    // XML carries octets as base64, WBXML as they are.
    answer.items().map(|item| (item.source_uri().unwrap().as_str(), data(item))).collect()
}

fn a_server_manages_a_tree(encoding: Encoding) {
    let mut device = Device::new();
    let (answers, _) = manage(&mut device, encoding, commands());
    let all: Vec<_> = answers.iter().map(codes).collect();
    assert_eq!(all[0], [200, 200, 404, 200]);
    assert_eq!(all[1], [200]);
    assert_eq!(all[2], [200, 200, 425, 200], "the sequence, two of the Replace, one for the Get");
    assert_eq!(all[3], [425]);
    assert_eq!(all[4], [202]);
    assert_eq!(all[5], [405]);
    assert_eq!(all[6], [200]);
    assert_eq!(
        found(&answers[0]),
        [
            ("./DevInfo", b"DevId/DmV/Lang/Man/Mod".to_vec()),
            ("./Vendor/Blob", vec![0, 1, 255]),
            ("./DMAcc/1?prop=Type", b"urn:oma:mo:oma-dm-dmacc:1.0".to_vec()),
        ]
    );
    assert_eq!(
        found(&answers[2]),
        [("./Vendor/Box/a/b", b"y".to_vec()), ("./Vendor/Box/a/b?prop=ACL", Vec::new())]
    );
    let in_the_way = answers[3].statuses[0].items[0].target_uri().unwrap();
    assert_eq!(in_the_way.as_str(), "./Vendor/Shut/p");
    let requests = &device.effects.exec_requests;
    assert_eq!((requests.len(), requests[0].correlator.as_deref()), (1, Some("c-9")));
    let changed: Vec<_> = device.effects.changes.iter().map(|change| change.uri.as_str()).collect();
    assert_eq!(changed, ["./Vendor/Box", "./Vendor/Box/a/b", "./Vendor/Box/a/b", "./Vendor/Box"]);
}

#[test]
fn a_server_manages_a_tree_in_wbxml() {
    a_server_manages_a_tree(Encoding::Wbxml);
}

#[cfg(feature = "xml")]
#[test]
fn a_server_manages_a_tree_in_xml() {
    a_server_manages_a_tree(Encoding::Xml);
}

/// The nonces that a session stores in the account let the next one begin without a challenge.
#[test]
fn nonces_live_in_the_account() {
    let mut device = Device::new();
    assert_eq!(device.account().nonce(&AuthLevel::CLCRED), None);
    let get = || Get::new(id(), vec![to("./DevInfo/Man")]).into();
    let (_, first) = manage(&mut device, Encoding::Wbxml, vec![get()]);
    assert!(device.account().nonce(&AuthLevel::CLCRED).is_some());
    assert!(device.account().nonce(&AuthLevel::SRVCRED).is_some());
    let (_, second) = manage(&mut device, Encoding::Wbxml, vec![get()]);
    assert!(second < first, "{first} messages, then {second}");
}

/// The session hands out the members of an Atomic one by one, and the tree takes back what has to be taken back.
#[test]
fn an_atomic_is_all_or_nothing() {
    let mut device = Device::new();
    let member = |uri: &str| Add::new(id(), vec![with(uri, "x")]).into();
    let good = Atomic::new(id(), vec![member("./Vendor/A"), member("./Vendor/B")]);
    let bad = Atomic::new(id(), vec![member("./Vendor/C"), member("./Vendor/Shut/D"), member("./Vendor/E")]);
    let after = Get::new(id(), vec![to("./Vendor/A"), to("./Vendor/C")]);
    let (answers, _) = manage(&mut device, Encoding::Wbxml, vec![good.into(), bad.into(), after.into()]);
    assert_eq!(codes(&answers[0]), [200, 200, 200]);
    assert_eq!(codes(&answers[1]), [507, 216, 425, 215]);
    assert_eq!(codes(&answers[2]), [200, 404]);
    assert!(!device.tree.is_atomic_open());
    let changed: Vec<_> = device.effects.changes.iter().map(|change| change.uri.as_str()).collect();
    assert_eq!(changed, ["./Vendor/A", "./Vendor/B"], "of the other one nothing is told");
}

/// The codes that the device answers to commands in a first message of the server, with this in the message's header. The
/// tree is asked in the name of the server all the same: nothing but the session is in the way.
#[cfg(feature = "xml")]
fn codes_for(header: &str, device: &mut Device) -> Vec<u16> {
    let now = Instant::EPOCH;
    let server = device.account().server_id;
    let mut client = device.session(Encoding::Xml);
    let answer = |client: &mut ClientSession, device: &mut Device| loop {
        let (handlers, effects) = (&mut device.handlers, &mut device.effects);
        match device.tree.poll_session(now, client, &server, handlers, effects) {
            ClientOutput::Send(_, Outgoing { body, .. }) => break body,
            ClientOutput::Persist(seq, _) => client.handle_persisted(now, seq),
            ClientOutput::Wait(at) => panic!("nothing is said before {at:?}"),
            _ => {}
        }
    };
    answer(&mut client, device);
    let items: String = ["./Vendor/Blob", "./Vendor/Shut", "./Nope"]
        .map(|uri| format!("<Item><Target><LocURI>{uri}</LocURI></Target><Data>x</Data></Item>"))
        .concat();
    let message = format!(
        "<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>\
         <SessionID>7</SessionID><MsgID>1</MsgID><Target><LocURI>IMEI:1</LocURI></Target>\
         <Source><LocURI>{SERVER}</LocURI></Source>{header}</SyncHdr><SyncBody>\
         <Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><Data>212</Data></Status>\
         <Replace><CmdID>2</CmdID>{items}</Replace><Get><CmdID>3</CmdID>{items}</Get>\
         <Delete><CmdID>4</CmdID>{items}</Delete><Final/></SyncBody></SyncML>"
    );
    let incoming = Incoming::decode(Encoding::Xml, message.as_bytes(), &DecodeOptions::new()).unwrap();
    client.handle_message(now, &incoming, [7; 16]).unwrap();
    let body = answer(&mut client, device);
    let said = dm_syncml::Message::decode(Encoding::Xml, &body, &DecodeOptions::new()).unwrap();
    let code = |command: &Command<'_>| match command {
        Command::Status(status) => Some(status.code.get()),
        other => panic!("{other:?}"),
    };
    said.body.commands.iter().filter_map(code).collect()
}

/// Row 66 of the decision table: who shows nothing is answered 407, who shows what is wrong 401, whatever the ACLs
/// say; never 425, and the tree is not even asked.
#[cfg(feature = "xml")]
#[test]
fn row_66_authentication_is_not_access_control() {
    let wrong = "<Cred><Meta><Format xmlns='syncml:metinf'>b64</Format><Type xmlns='syncml:metinf'>syncml:auth-md5\
                 </Type></Meta><Data>AAAAAAAAAAAAAAAAAAAAAA==</Data></Cred>";
    for (header, code) in [("", 407), (wrong, 401)] {
        let mut device = Device::new();
        let before = device.tree.snapshot().unwrap();
        let codes = codes_for(header, &mut device);
        assert_eq!(codes, [code; 4], "the header, and one for each command");
        assert_eq!(device.tree.snapshot().unwrap(), before);
        assert_eq!(device.effects, Effects::default());
    }
}

/// DM 2.0 HLF-006, several operating systems or virtual devices on one device: each has objects and rights of its own below
/// a prefix of its own, and one client serves them all in one session.
#[test]
fn dm_hlf_006_several_systems_are_served_by_one_client() {
    let mut device = Device::new();
    for (prefix, dev_id) in [("./Android", "urn:uuid:android"), ("./Rtos", "urn:uuid:rtos")] {
        let info = DevInfo {
            dev_id: dev_id.into(),
            man: "Example".into(),
            model: "One".into(),
            dm_v: "1.0".into(),
            lang: "en".into(),
        };
        info.install_at(&mut device.tree, prefix).unwrap();
        dm_tree::DevDetail::default().install_at(&mut device.tree, prefix).unwrap();
        device.handlers.mount(&mut device.tree, &format!("{prefix}/Reboot"), Reboot).unwrap();
    }
    device.tree.set_acl("./Android", Acl::parse("Add=com.example.dm&Get=*&Exec=*").unwrap()).unwrap();
    device.tree.set_acl("./Rtos", Acl::parse("Get=*&Add=com.example.other").unwrap()).unwrap();
    let commands = vec![
        Get::new(
            id(),
            vec![to("./DevInfo/DevId"), to("./Android/DevInfo/DevId"), to("./Rtos/DevInfo/DevId")],
        )
        .into(),
        Add::new(id(), vec![with("./Android/x", "1"), with("./Rtos/x", "1")]).into(),
        Exec::new(id(), to("./Android/Reboot")).into(),
        Exec::new(id(), to("./Rtos/Reboot")).into(),
        Get::new(id(), vec![to("./Rtos?list=Struct")]).into(),
    ];
    let (answers, _) = manage(&mut device, Encoding::Wbxml, commands);
    let ids: Vec<_> =
        found(&answers[0]).into_iter().map(|(_, data)| String::from_utf8(data).unwrap()).collect();
    assert_eq!(ids, ["IMEI:1", "urn:uuid:android", "urn:uuid:rtos"]);
    assert_eq!(answers[1..4].iter().map(codes).collect::<Vec<_>>(), [vec![200, 425], vec![202], vec![425]]);
    // A list of one system shows nothing of the others.
    let listed: Vec<_> = answers[4].items().map(|item| item.source_uri().unwrap().as_str()).collect();
    assert!(listed.len() > 10 && listed.iter().all(|uri| uri.starts_with("./Rtos")), "{listed:?}");
    // Objects are found by their identifiers, those of the device itself first.
    let tops: Vec<_> = DevInfo::find(&device.tree).map(|top| top.uri().to_string()).collect();
    assert_eq!(tops, ["./DevInfo", "./Android/DevInfo", "./Rtos/DevInfo"]);
    // One system goes, and the others stay as they were.
    device.tree.remove("./Android").unwrap();
    let (answers, _) = manage(
        &mut device,
        Encoding::Wbxml,
        vec![Get::new(id(), vec![to("./Android/DevInfo/DevId"), to("./Rtos/DevInfo/DevId")]).into()],
    );
    assert_eq!(codes(&answers[0]), [404, 200]);
}
