//! Much of a device in one request (DM 2.0 RD, HLF-004 and use case B.1), asked by a real server session of a real client.

use dm_syncml::session::{
    Account, Answer, Capabilities, ClientConfig, ClientOutput, ClientSession, Feature, Incoming, Initiation,
    ServerConfig, ServerEvent, ServerOutput, ServerSession,
};
use dm_syncml::{CmdId, Command, DecodeOptions, Encoding, Get, Instant, Item, LocUri, SessionId, StatusCode};
use dm_tree::mgmt_tree::DocumentOptions;
use dm_tree::tnds::{Filter, Subset, SubsetError, SubsetQuery};
use dm_tree::{Acl, DevDetail, DevInfo, Effects, Format, NodeSpec, Rights, ServerId, Tree, Value};

const SERVER: &str = "https://dm.example.com/";

fn device() -> Tree {
    let mut tree = Tree::default();
    tree.set_acl(".", Acl::anyone(Rights::ALL)).unwrap();
    DevInfo {
        dev_id: "IMEI:1".into(),
        man: "Example".into(),
        model: "One".into(),
        dm_v: "1.2".into(),
        lang: "en".into(),
    }
    .install(&mut tree)
    .unwrap();
    DevDetail {
        dev_typ: "phone".into(),
        oem: "Example".into(),
        fw_v: "f".into(),
        sw_v: "s".into(),
        hw_v: "h".into(),
        lrg_obj: true,
    }
    .install(&mut tree)
    .unwrap();
    tree.insert("./Mail", NodeSpec::managed_object("urn:example:mail:1.0")).unwrap();
    for number in 1..=5 {
        let account = format!("./Mail/{number}");
        tree.insert(&account, NodeSpec::interior()).unwrap();
        tree.insert(&format!("{account}/Host"), NodeSpec::leaf(Value::chr("mail.example.net"))).unwrap();
        tree.insert(&format!("{account}/Port"), NodeSpec::leaf(Value::int(143 + number))).unwrap();
        tree.insert(&format!("{account}/Key"), NodeSpec::leaf(Value::bin([0, 255, number as u8]))).unwrap();
    }
    tree.insert("./Private", NodeSpec::interior()).unwrap();
    tree.insert("./Private/Note", NodeSpec::leaf(Value::chr("nobody's business"))).unwrap();
    tree.set_acl("./Private/Note", Acl::parse("Get=com.example.other").unwrap()).unwrap();
    tree
}

/// What the device answered, octets down and up, and messages.
struct Asked {
    answer: Answer,
    octets: (usize, usize),
    messages: usize,
}

fn ask(tree: &mut Tree, encoding: Encoding, command: Command<'static>, max_msg_size: u64) -> Asked {
    let now = Instant::EPOCH;
    let uri = |text: &str| LocUri::new(text.to_owned()).unwrap();
    let config = ClientConfig::new(uri("IMEI:1"), uri(SERVER)).with_encoding(encoding);
    let config = config.with_announcement(tree.capabilities());
    let begin = Initiation::Client(SessionId::new("1").unwrap());
    let mut client = ClientSession::new(now, config, begin, Vec::new());
    let config = ServerConfig::new(uri(SERVER)).with_max_msg_size(max_msg_size);
    let mut server = ServerSession::new(now, config, Some(Account::transport()));
    let id = ServerId::new("com.example.dm").unwrap();
    let (mut effects, mut answer, mut command) = (Effects::default(), None, Some(command));
    let (mut octets, mut messages) = ((0, 0), 0);
    loop {
        match tree.poll_session(now, &mut client, &id, &mut (), &mut effects) {
            ClientOutput::Send(_, message) => {
                octets.1 += message.body.len();
                messages += 1;
                assert!(messages == 1 || message.body.len() as u64 <= max_msg_size);
                let incoming = Incoming::decode(encoding, &message.body, &DecodeOptions::new()).unwrap();
                server.handle_message(now, &incoming, [1; 16]).unwrap();
                let reply = loop {
                    match server.poll_output() {
                        ServerOutput::Event(ServerEvent::DevInfo(_)) => {
                            assert_eq!(server.capabilities().supports(Feature::ListTnds), Some(true));
                            server.queue(command.take().unwrap()).unwrap();
                        }
                        ServerOutput::Event(ServerEvent::Answered(_, answered)) => answer = Some(answered),
                        ServerOutput::Reply(reply) => break reply,
                        ServerOutput::Wait(_) => panic!("no reply"),
                        _ => {}
                    }
                };
                octets.0 += reply.body.len();
                let incoming = Incoming::decode(encoding, &reply.body, &DecodeOptions::new()).unwrap();
                client.handle_message(now, &incoming, [2; 16]).unwrap();
            }
            ClientOutput::Closed(_) => return Asked { answer: answer.expect("an answer"), octets, messages },
            ClientOutput::Wait(_) => panic!("nothing goes on"),
            _ => {}
        }
    }
}

fn query() -> SubsetQuery {
    let query = SubsetQuery::new().object("./DevDetail").unwrap().object("Mail").unwrap();
    query.leaf("./DevInfo/Mod").unwrap().leaf("./Mail/1/Host").unwrap()
}

fn get(uris: &[&str]) -> Command<'static> {
    let items = uris.iter().map(|uri| Item::to(LocUri::new((*uri).to_owned()).unwrap())).collect();
    Get::new(CmdId::new("1").unwrap(), items).into()
}

fn asked_for(get: &Get<'_>) -> Vec<String> {
    get.items.iter().map(|item| item.target_uri().unwrap().to_string()).collect()
}

fn read(answer: &Answer) -> Subset {
    Subset::read(answer, &DocumentOptions::STRICT)
}

const ENCODINGS: &[Encoding] = &[
    Encoding::Wbxml,
    #[cfg(feature = "xml")]
    Encoding::Xml,
];

#[test]
fn use_case_b_1_customer_care_sees_the_state_of_a_device_with_one_request() {
    for &encoding in ENCODINGS {
        let mut tree = device();
        let get = query().to_get(&Capabilities::new()).unwrap();
        assert_eq!(
            asked_for(&get),
            ["./DevDetail?list=TNDS+Value", "./Mail?list=TNDS+Value", "./DevInfo/Mod"],
            "what lies below an object is not asked for twice"
        );
        let asked = ask(&mut tree, encoding, get.into(), 64 << 10);
        assert_eq!((asked.answer.code(), asked.messages), (StatusCode::OK, 2), "packages 1 and 3, no more");
        let subset = read(&asked.answer);
        assert_eq!(subset.refused(), []);
        // Every leaf there is, and nothing else.
        let text = |uri: &str| subset.get(uri).unwrap().as_str().map(str::to_owned);
        assert_eq!(text("./DevDetail/FwV").as_deref(), Some("f"));
        assert_eq!(text("./DevDetail/URI/MaxDepth").as_deref(), Some("32"));
        assert_eq!(text("DevInfo/Mod").as_deref(), Some("One"));
        assert_eq!(
            text("./Mail/3/Port").as_deref(),
            Some("146"),
            "a number as text, since no format was asked for"
        );
        assert_eq!(subset.get("./Mail/3/Key"), Some(&Value::bin([0, 255, 3])));
        assert_eq!(subset.values().count(), 9 + 15 + 1);
        assert_eq!(subset.get("./DevInfo/Man"), None);
    }
}

#[test]
fn dm_hlf_004_the_query_is_smaller_than_any_way_of_gets() {
    for &encoding in ENCODINGS {
        let mut tree = device();
        let both = |asked: &Asked| asked.octets.0 + asked.octets.1;
        let smallest =
            ask(&mut tree, encoding, query().to_get(&Capabilities::new()).unwrap().into(), 64 << 10);
        let subset = read(&smallest.answer);
        let leaves: Vec<_> = subset.values().map(|(uri, _)| uri).collect();
        let known = ask(&mut tree, encoding, get(&leaves), 64 << 10);
        let lists = ["./DevDetail?list=StructData", "./Mail?list=StructData", "./DevInfo/Mod"];
        let listed = ask(&mut tree, encoding, get(&lists), 64 << 10);
        let all = ["./DevDetail?list=TNDS", "./Mail?list=TNDS", "./DevInfo/Mod"];
        let unfiltered = ask(&mut tree, encoding, get(&all), 64 << 10);
        for (name, other) in [("leaf by leaf", known), ("listed", listed), ("unfiltered", unfiltered)] {
            assert!(
                both(&smallest) < both(&other),
                "{encoding:?} {name}: {} {}",
                both(&smallest),
                both(&other)
            );
            let others = read(&other.answer);
            let data = |subset: &Subset| -> Vec<_> {
                subset.values().map(|(uri, value)| (uri.to_owned(), value.data().to_vec())).collect()
            };
            assert_eq!(data(&others), data(&subset), "{name} finds the same");
        }
    }
    #[cfg(feature = "xml")]
    {
        let get = || query().to_get(&Capabilities::new()).unwrap().into();
        let [wbxml, xml] = [Encoding::Wbxml, Encoding::Xml]
            .map(|encoding| ask(&mut device(), encoding, get(), 64 << 10).octets.1);
        assert!(wbxml * 2 < xml, "{wbxml} {xml}");
    }
}

#[test]
fn dm_hlf_004_formats_come_along_when_they_are_asked_for() {
    let query = query().with_properties(Filter::VALUE.with(Filter::FORMAT).with(Filter::TYPE));
    let get = query.to_get(&Capabilities::new()).unwrap();
    assert_eq!(asked_for(&get)[1], "./Mail?list=TNDS+Format+Type+Value");
    let asked = ask(&mut device(), Encoding::Wbxml, get.into(), 64 << 10);
    let subset = read(&asked.answer);
    assert_eq!(subset.get("./Mail/3/Port"), Some(&Value::int(146)));
    let (uri, document) = &subset.documents()[1];
    assert_eq!(uri, "./Mail");
    let top = document.nodes()[0].rt.as_ref().unwrap().node_type.as_ref().unwrap();
    assert_eq!(top.ddf_name(), "urn:example:mail:1.0");
}

/// A serialised tree that is more than a message holds comes as a large object.
#[test]
fn dm_hlf_004_an_answer_larger_than_a_message_arrives() {
    for &encoding in ENCODINGS {
        let mut tree = device();
        for number in 0..200 {
            let uri = format!("./Mail/{}/Folder{number}", 1 + number % 5);
            tree.insert(&uri, NodeSpec::leaf(Value::chr("x".repeat(40)))).unwrap();
        }
        let asked = ask(&mut tree, encoding, query().to_get(&Capabilities::new()).unwrap().into(), 2000);
        let subset = read(&asked.answer);
        assert!(asked.messages > 5 && asked.answer.complete, "{}", asked.messages);
        assert_eq!(subset.values().count(), 9 + 15 + 1 + 200);
        assert_eq!(subset.get("./Mail/3/Key"), Some(&Value::bin([0, 255, 3])));
    }
}

#[test]
fn dm_hlf_004_what_cannot_be_had_is_told() {
    let query = SubsetQuery::new().object("./Nope").unwrap().object("./DevDetail").unwrap();
    let query = query.leaf("./Private/Note").unwrap();
    let asked =
        ask(&mut device(), Encoding::Wbxml, query.to_get(&Capabilities::new()).unwrap().into(), 64 << 10);
    let subset = read(&asked.answer);
    assert_eq!(
        subset.refused(),
        [
            ("./Nope".to_owned(), StatusCode::NOT_FOUND),
            ("./Private/Note".to_owned(), StatusCode::PERMISSION_DENIED)
        ]
    );
    assert_eq!(subset.values().count(), 9);
}

#[test]
fn dm_hlf_004_a_device_is_asked_in_the_way_it_understands() {
    let query = query();
    let no_tnds = Capabilities::new().with(Feature::ListTnds, false);
    let get = query.to_get(&no_tnds).unwrap();
    assert_eq!(asked_for(&get), ["./DevDetail?list=StructData", "./Mail?list=StructData", "./DevInfo/Mod"]);
    let asked = ask(&mut device(), Encoding::Wbxml, get.into(), 64 << 10);
    assert_eq!(read(&asked.answer).get("./Mail/3/Port"), Some(&Value::int(146)));
    let neither = no_tnds.with(Feature::ListStructData, false);
    assert_eq!(query.to_get(&neither), Err(SubsetError::NotOffered(Feature::ListTnds)));
    let leaves = SubsetQuery::new().leaf("./DevInfo/Mod").unwrap();
    assert_eq!(asked_for(&leaves.to_get(&neither).unwrap()), ["./DevInfo/Mod"]);
    assert_eq!(SubsetQuery::new().to_get(&neither), Err(SubsetError::Empty));
    assert!(SubsetQuery::new().leaf("./A?prop=ACL").is_err());
    // What is asked for as an object and below another one is asked for once.
    let nested =
        SubsetQuery::new().object("./Mail").unwrap().object("./Mail/1").unwrap().leaf("./Mail").unwrap();
    assert_eq!(asked_for(&nested.to_get(&Capabilities::new()).unwrap()), ["./Mail?list=TNDS+Value"]);
    let siblings = SubsetQuery::new().object("./Mail").unwrap().object("./Mail2").unwrap();
    assert_eq!(siblings.to_get(&Capabilities::new()).unwrap().items.len(), 2);
    assert_eq!(Format::default(), Format::Chr);
}
