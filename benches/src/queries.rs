//! What it costs to ask a device for much of its tree: a customer calls, and the care centre wants to see how the device is set up
//! (DM 2.0 RD, use case B.1).

use std::collections::BTreeMap;

use dm_syncml::session::{
    Account, Answer, Capabilities, ClientConfig, ClientOutput, ClientSession, Incoming, Initiation,
    ServerConfig, ServerEvent, ServerOutput, ServerSession,
};
use dm_syncml::{CmdId, Command, DecodeOptions, Encoding, Get, Instant, Item, LocUri, SessionId};
use dm_tree::mgmt_tree::DocumentOptions;
use dm_tree::tnds::{Subset, SubsetQuery};
use dm_tree::{DevDetail, DevInfo, Effects, NodeSpec, ServerId, Tree, Value};

const SERVER: &str = "https://dm.example.net/omadm";

/// Objects a care centre would want to see.
pub const OBJECTS: [&str; 4] = ["./DevInfo", "./DevDetail", "./Mail", "./Access"];

/// A telephone: who it is, mail accounts, access points, and an object that nobody asks for.
///
/// # Panics
/// Never: it is the same tree each time.
#[must_use]
pub fn telephone() -> Tree {
    let mut tree = Tree::default();
    tree.set_acl(".", dm_tree::Acl::anyone(dm_tree::Rights::ALL)).expect("the root takes it");
    let info = DevInfo {
        dev_id: "IMEI:493005100592800".into(),
        man: "Example".into(),
        model: "EX-1".into(),
        dm_v: "1.2".into(),
        lang: "en-GB".into(),
    };
    info.install(&mut tree).expect("room");
    let detail = DevDetail {
        dev_typ: "phone".into(),
        oem: "Example".into(),
        fw_v: "4.1.7".into(),
        sw_v: "11.0.2-b5".into(),
        hw_v: "rev C".into(),
        lrg_obj: true,
    };
    detail.install(&mut tree).expect("room");
    let mut insert = |uri: &str, spec: NodeSpec| tree.insert(uri, spec).expect("room");
    insert("./Mail", NodeSpec::interior());
    insert("./Access", NodeSpec::interior());
    insert("./Notes", NodeSpec::interior());
    for number in 1..=4 {
        let account = format!("./Mail/Account{number}");
        insert(&account, NodeSpec::managed_object("urn:oma:mo:oma-mail:1.0"));
        insert(
            &format!("{account}/Address"),
            NodeSpec::leaf(Value::chr(format!("user{number}@example.net"))),
        );
        insert(&format!("{account}/Secure"), NodeSpec::leaf(Value::bool(true)));
        for (way, port) in [("Incoming", 993), ("Outgoing", 465)] {
            insert(&format!("{account}/{way}"), NodeSpec::interior());
            let host = Value::chr(format!("mail{number}.example.net"));
            insert(&format!("{account}/{way}/Host"), NodeSpec::leaf(host));
            insert(&format!("{account}/{way}/Port"), NodeSpec::leaf(Value::int(port)));
        }
        let point = format!("./Access/Point{number}");
        insert(&point, NodeSpec::managed_object("urn:oma:mo:oma-connmo:1.0"));
        insert(&format!("{point}/APN"), NodeSpec::leaf(Value::chr(format!("internet{number}.example"))));
        insert(&format!("{point}/Bearer"), NodeSpec::leaf(Value::chr("LTE")));
        insert(&format!("{point}/Priority"), NodeSpec::leaf(Value::int(number)));
        insert(
            &format!("./Notes/Note{number}"),
            NodeSpec::leaf(Value::chr("not for care centres ".repeat(20))),
        );
    }
    tree
}

/// What a session took.
#[derive(Debug, Default)]
pub struct Exchange {
    /// Octets of messages to the device.
    pub down: usize,
    /// Octets of messages from the device.
    pub up: usize,
    /// Messages of both.
    pub messages: usize,
    /// What the device answered.
    pub answers: Vec<Answer>,
}

impl Exchange {
    /// Octets both ways.
    #[must_use]
    pub const fn octets(&self) -> usize {
        self.down + self.up
    }

    /// Addresses and texts of all leaves that were found.
    #[must_use]
    pub fn leaves(&self) -> BTreeMap<String, String> {
        let subsets = self.answers.iter().map(|answer| Subset::read(answer, &DocumentOptions::STRICT));
        let text = |value: &Value| String::from_utf8_lossy(value.data()).into_owned();
        let all = |subset: Subset| {
            subset.values().map(|(uri, value)| (uri.to_owned(), text(value))).collect::<Vec<_>>()
        };
        subsets.flat_map(all).collect()
    }
}

/// A session in which the server sends what `next` says: first without an answer, then for each answer.
///
/// # Panics
/// When the session does not go as it should.
pub fn converse(
    tree: &mut Tree,
    encoding: Encoding,
    mut next: impl FnMut(Option<&Answer>) -> Vec<Command<'static>>,
) -> Exchange {
    let now = Instant::EPOCH;
    let config = ClientConfig::new(address("IMEI:493005100592800"), address(SERVER))
        .with_encoding(encoding)
        .with_dev_info(DevInfo::items(tree));
    let begin = Initiation::Client(SessionId::new("1").expect("an id"));
    let mut client = ClientSession::new(now, config, begin, Vec::new());
    let mut server = ServerSession::new(now, ServerConfig::new(address(SERVER)), Some(Account::transport()));
    let id = ServerId::new("com.example.dm").expect("a server identifier");
    let (mut effects, mut exchange) = (Effects::default(), Exchange::default());
    loop {
        match tree.poll_session(now, &mut client, &id, &mut (), &mut effects) {
            ClientOutput::Send(_, message) => {
                exchange.up += message.body.len();
                exchange.messages += 1;
                let options = DecodeOptions::new();
                let request = Incoming::decode(encoding, &message.body, &options).expect("a message");
                server.handle_message(now, &request, [1; 16]).expect("it is the next");
                let reply = loop {
                    let commands = match server.poll_output() {
                        ServerOutput::Event(ServerEvent::Started(_)) => next(None),
                        ServerOutput::Event(ServerEvent::Answered(_, answer)) => {
                            let commands = next(Some(&answer));
                            exchange.answers.push(answer);
                            commands
                        }
                        ServerOutput::Persist(seq, _) => {
                            server.handle_persisted(now, seq);
                            continue;
                        }
                        ServerOutput::Reply(reply) => break reply,
                        ServerOutput::Wait(_) => panic!("no reply"),
                        _ => continue,
                    };
                    for command in commands {
                        server.queue(command).expect("a legal command");
                    }
                };
                exchange.down += reply.body.len();
                exchange.messages += 1;
                let answer = Incoming::decode(encoding, &reply.body, &options).expect("a message");
                client.handle_message(now, &answer, [2; 16]).expect("it is the next");
            }
            ClientOutput::Persist(seq, _) => client.handle_persisted(now, seq),
            ClientOutput::Closed(_) => return exchange,
            ClientOutput::Wait(_) => panic!("nothing goes on"),
            _ => {}
        }
    }
}

fn address(text: &str) -> LocUri<'static> {
    LocUri::new(text.to_owned()).expect("a URI of ours")
}

fn get(uris: impl IntoIterator<Item = String>) -> Command<'static> {
    let items = uris.into_iter().map(|uri| Item::to(address(&uri))).collect();
    Get::new(CmdId::new("1").expect("an id"), items).into()
}

/// Nothing is asked: what every session costs.
pub fn nothing(tree: &mut Tree, encoding: Encoding) -> Exchange {
    converse(tree, encoding, |_| Vec::new())
}

/// One request for these objects and leaves, answered as small as can be.
///
/// # Panics
/// When an address is none.
pub fn subset(tree: &mut Tree, encoding: Encoding, objects: &[&str], leaves: &[&str]) -> Exchange {
    let query = objects.iter().fold(SubsetQuery::new(), |query, uri| query.object(uri).expect("an address"));
    let query = leaves.iter().fold(query, |query, uri| query.leaf(uri).expect("an address"));
    let get = query.to_get(&Capabilities::new()).expect("something to ask for");
    converse(tree, encoding, |answer| match answer {
        None => vec![get.clone().into()],
        Some(_) => Vec::new(),
    })
}

/// A Get for each leaf, by who knows all addresses beforehand.
pub fn leaf_by_leaf(tree: &mut Tree, encoding: Encoding, leaves: &[String]) -> Exchange {
    converse(tree, encoding, |answer| match answer {
        None => leaves.iter().map(|leaf| get([leaf.clone()])).collect(),
        Some(_) => Vec::new(),
    })
}

/// One Get with an item for each leaf, by who knows all addresses beforehand.
pub fn all_in_one_get(tree: &mut Tree, encoding: Encoding, leaves: &[String]) -> Exchange {
    converse(tree, encoding, |answer| match answer {
        None => vec![get(leaves.iter().cloned())],
        Some(_) => Vec::new(),
    })
}

/// `?list=StructData` of each object: an item for each node.
pub fn listed(tree: &mut Tree, encoding: Encoding, objects: &[&str]) -> Exchange {
    converse(tree, encoding, |answer| match answer {
        None => vec![get(objects.iter().map(|uri| format!("{uri}?list=StructData")))],
        Some(_) => Vec::new(),
    })
}

/// Get by Get from the objects down, level after level, by who knows nothing beforehand: an interior node answers with the names of its
/// children.
pub fn walked(tree: &mut Tree, encoding: Encoding, objects: &[&str]) -> Exchange {
    converse(tree, encoding, |answer| match answer {
        None => vec![get(objects.iter().map(|uri| (*uri).to_owned()))],
        Some(answer) => {
            let interior = |item: &&Item<'static>| {
                item.meta
                    .as_ref()
                    .and_then(|meta| meta.format())
                    .is_some_and(|format| format.as_str() == "node")
            };
            let below = answer.items().filter(interior).flat_map(|item| {
                let uri = item.source_uri().expect("Results have a Source").to_string();
                let names = item.data.as_ref().and_then(|data| data.as_text()).unwrap_or_default().to_owned();
                names
                    .split('/')
                    .filter(|name| !name.is_empty())
                    .map(|name| format!("{uri}/{name}"))
                    .collect::<Vec<_>>()
            });
            let below: Vec<_> = below.collect();
            if below.is_empty() { Vec::new() } else { vec![get(below)] }
        }
    })
}
