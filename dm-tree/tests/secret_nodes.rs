//! Which commands carry secrets (DM 2.0 RD, DM-SECCONF-001; GwMO RD, DM-SECONF-001).

use dm_syncml::{
    Add, Atomic, CmdId, Command, Copy, Data, Delete, Encoding, Exec, Format, Get, Item, LocUri, MediaType,
    Meta, Replace, Sequence,
};
use dm_tree::mgmt_tree::{MgmtTree, Node, NodeValue};
use dm_tree::{NodeUri, SecretNodes};

fn id() -> CmdId<'static> {
    CmdId::new("1").unwrap()
}

fn uri(text: &str) -> LocUri<'static> {
    LocUri::new(text.to_owned()).unwrap()
}

fn item(node: &str) -> Item<'static> {
    Item::to(uri(node)).with_data(Data::text("x").unwrap())
}

fn secrets() -> SecretNodes {
    SecretNodes::standard().with_leaf("Pin").with_node("./Vendor/Wlan/*/Key").unwrap()
}

/// Who writes what, and whether it is secret.
const WRITTEN: [(&str, bool); 20] = [
    ("./DMAcc/a/AppAuth/1/AAuthSecret", true),
    ("./DMAcc/a/AppAuth/1/AAuthData", true),
    ("./DMAcc/a/AppAuth/1/AAuthName", false),
    ("./Vendor/Deep/Down/DMAcc/a/AppAuth/1/AAuthSecret", true),
    ("DMAcc/a/AppAuth/1/AAuthSecret", true),
    ("./DMAcc/a/AppAuth/1/aauthsecret", true),
    ("./DMAcc/a/AppAuth/1/AAuth%53ecret", true),
    ("/DMAcc/a/AppAuth/1/AAuthSecret/", true),
    ("./DMAcc/a/AppAuth/1/AAuthSecret?prop=ACL", false),
    ("./Inbox/new", true),
    ("./Inbox", true),
    ("./Outbox/new", false),
    ("./Vendor/Wlan/home/Key", true),
    ("./Vendor/Wlan/home/Key/Part", true),
    ("./Vendor/wlan/HOME/key", true),
    ("./Vendor/Wlan/home", false),
    ("./Vendor/Wlan/home/Channel", false),
    ("./Vendor/Wlan/a/b/Key", false),
    ("./Anywhere/Pin", true),
    ("./Anywhere/Pins", false),
];

#[test]
fn dm_secconf_001_what_is_written_is_judged_by_where() {
    for (node, is_secret) in WRITTEN {
        let commands: [Command<'_>; 3] = [
            Add::new(id(), vec![item(node)]).into(),
            Replace::new(id(), vec![item("./A"), item(node)]).into(),
            Exec::new(id(), item(node)).into(),
        ];
        for command in commands {
            let found = secrets().found_in(&command);
            assert_eq!(found.is_some(), is_secret, "{node} in {:?}: {found:?}", command.name());
            assert!(found.is_none_or(|found| found == node));
            assert_eq!(SecretNodes::none().found_in(&command), None);
        }
        // Neither says what is there.
        let delete = Delete::new(id(), vec![item(node)]).into();
        let mut moved = Item::to(uri("./B"));
        moved.source = Item::from(uri(node)).source;
        let copy = Copy::new(id(), vec![moved]).into();
        assert_eq!([secrets().found_in(&delete), secrets().found_in(&copy)], [None, None]);
        if let Ok(uri) = NodeUri::parse(node) {
            assert_eq!(secrets().contains(&uri), is_secret, "{node}");
        }
    }
}

#[test]
fn dm_secconf_001_so_is_what_is_asked_for() {
    for (node, is_secret) in [
        ("./Vendor/Wlan/home/Key", true),
        ("./Vendor/Wlan/home/Key?prop=Format", false),
        ("./Vendor/Wlan/home", false),
        ("./Vendor/Wlan?list=Struct", false),
        ("./Vendor/Wlan?list=StructData", true),
        ("./Vendor?list=TNDS", true),
        (".?list=TNDS+RTProperties", true),
        ("./Vendor/Wlan/home/Channel?list=StructData", false),
        ("./Other?list=StructData", false),
        // Nobody may read those, so what is around them may be listed.
        ("./DMAcc?list=StructData", false),
        ("./DMAcc/a/AppAuth/1/AAuthSecret", true),
    ] {
        let get = Get::new(id(), vec![Item::to(uri("./A")), Item::to(uri(node))]).into();
        assert_eq!(secrets().found_in(&get).is_some(), is_secret, "{node}");
    }
}

/// Nobody may read what the standard objects hide, so it is in no list.
#[test]
fn dm_secconf_001_a_whole_tree_may_be_asked_for() {
    let list = |secrets: &SecretNodes| {
        let get = Get::new(id(), vec![Item::to(uri(".?list=TNDS"))]).into();
        secrets.found_in(&get).is_some()
    };
    assert_eq!([list(&SecretNodes::standard()), list(&secrets())], [false, true]);
}

#[test]
fn dm_secconf_001_containers_hide_nothing() {
    let secret = || Command::from(Replace::new(id(), vec![item("./Vendor/Wlan/home/Key")]));
    let plain = || Command::from(Replace::new(id(), vec![item("./A")]));
    for commands in [vec![secret()], vec![plain(), secret()], vec![plain(), plain()]] {
        let is_secret = commands.contains(&secret());
        let sequence = Command::from(Sequence::new(id(), commands.clone()));
        let nested = Command::from(Atomic::new(id(), vec![plain(), sequence.clone()]));
        for command in [sequence, nested, Atomic::new(id(), commands).into()] {
            assert_eq!(secrets().found_in(&command).is_some(), is_secret);
        }
    }
}

/// `home` with a key, as a document.
fn document(names: &[&str], path: Option<&str>) -> MgmtTree {
    let mut document = MgmtTree::new();
    for (depth, name) in names.iter().enumerate() {
        let mut node = Node::new(*name);
        if let Some(path) = path.filter(|_| depth == 0) {
            node = node.with_path(path);
        }
        if depth + 1 == names.len() {
            node = node.with_value(NodeValue::text("x"));
        }
        document.push(depth, node).unwrap();
    }
    document
}

fn tnds(target: &str, data: Data<'static>, format: Format<'static>) -> Item<'static> {
    let meta = Meta::new().with_format(format).with_media_type(MediaType::TNDS_WBXML);
    Item::to(uri(target)).with_meta(meta).with_data(data)
}

#[test]
fn dm_secconf_001_serialised_trees_are_looked_into() {
    for (target, names, path, is_secret) in [
        ("./Vendor/Wlan", &["home", "Key"][..], None, true),
        ("./Vendor/Wlan/home", &["home", "Key"], None, true),
        ("./Vendor/Wlan/home", &["", "Key"], None, true),
        ("./Vendor", &["Wlan", "home", "Key"], None, true),
        ("./Vendor", &["home", "Key"], Some("Wlan"), true),
        ("./Vendor", &["home", "Key"], Some("./Vendor/Wlan"), true),
        ("./Vendor", &["Wlan", "", "Key"], None, true),
        ("./Vendor", &["Wlan", "home", "Channel"], None, false),
        ("./Vendor", &["Other", "home", "Key"], None, false),
        (".", &["DMAcc", "a", "AppAuth", "1", "AAuthSecret"], None, true),
        (".", &["DMAcc", "a", "AppAuth", "1", "AAuthName"], None, false),
    ] {
        let tree = document(names, path);
        let shapes = [
            (Data::octets(tree.encode(Encoding::Wbxml)), Format::BIN),
            (Data::element(tree.to_element()), Format::XML),
        ];
        for (data, format) in shapes {
            for command in [
                Command::from(Add::new(id(), vec![tnds(target, data.clone(), format.clone())])),
                Command::from(Replace::new(id(), vec![tnds(target, data.clone(), format.clone())])),
            ] {
                let found = secrets().found_in(&command);
                assert_eq!(found.is_some(), is_secret, "{target} {names:?} {path:?}: {found:?}");
            }
        }
    }
}

/// What cannot be looked into may hold anything.
#[test]
fn dm_secconf_001_in_doubt_it_is_secret() {
    let unreadable = tnds("./A", Data::octets(b"\x03\x01 nothing".to_vec()), Format::BIN);
    let document = |mime: &'static str| {
        let meta = Meta::new().with_media_type(MediaType::new(mime).unwrap());
        Item::to(uri("./A")).with_meta(meta).with_data(Data::text("x").unwrap())
    };
    for (item, is_secret) in [
        (unreadable, true),
        (document("application/vnd.wap.connectivity-wbxml"), true),
        (document("Application/Vnd.WAP.Connectivity-WBXML; charset=utf-8"), true),
        (document("text/vnd.wap.connectivity-xml"), true),
        (document("text/plain"), false),
    ] {
        let command = Command::from(Add::new(id(), vec![item]));
        assert_eq!(secrets().found_in(&command).is_some(), is_secret);
    }
    // The Type of the command counts for its items.
    let mut add = Add::new(id(), vec![item("./A")]);
    add.meta =
        Some(Meta::new().with_media_type(MediaType::new("application/vnd.wap.connectivity-wbxml").unwrap()));
    assert!(secrets().found_in(&add.into()).is_some());
}

/// What a description lets be written and never read is secret: those of the standard objects say what
/// [`SecretNodes::standard`] does.
#[cfg(feature = "xml")]
#[test]
fn dm_secconf_001_descriptions_say_what_is_secret() {
    use dm_tree::ddf;
    use dm_tree::mgmt_tree::DocumentOptions;
    let read =
        |text: &str| MgmtTree::decode(Encoding::Xml, text.as_bytes(), &DocumentOptions::STRICT).unwrap();
    let all = [ddf::DM_ACC, ddf::DEV_INFO, ddf::DEV_DETAIL, ddf::INBOX];
    let described = all
        .iter()
        .fold(SecretNodes::none(), |secrets, text| secrets.with_description(&NodeUri::ROOT, &read(text)));
    let standard = SecretNodes::standard();
    for node in [
        "./DMAcc/a/AppAuth/1/AAuthSecret",
        "./DMAcc/a/AppAuth/1/AAuthData",
        "./DMAcc/a/AppAuth/1/AAuthName",
        "./DMAcc/a/ServerID",
        "./Inbox/new",
        "./DevInfo/DevId",
        "./DevDetail/FwV",
    ] {
        let uri = NodeUri::parse(node).unwrap();
        assert_eq!(described.contains(&uri), standard.contains(&uri), "{node}");
    }
    assert!(described.contains(&NodeUri::parse("./DMAcc/a/AppAuth/1/AAuthSecret").unwrap()));
    // In another place.
    let base = NodeUri::parse("./Vendor").unwrap();
    let mut own = MgmtTree::new();
    let access = dm_tree::AccessType::REPLACE;
    let df = dm_tree::mgmt_tree::DfProperties::leaf(access, dm_tree::Format::Chr, "text/plain");
    own.push(0, Node::new("Box")).unwrap();
    own.push(1, Node::new("")).unwrap();
    own.push(2, Node::new("Code").with_df(df)).unwrap();
    let own = SecretNodes::none().with_description(&base, &own);
    assert!(own.contains(&NodeUri::parse("./Vendor/Box/7/Code").unwrap()));
    assert!(!own.contains(&NodeUri::parse("./Box/7/Code").unwrap()));
    assert!(!own.contains(&NodeUri::parse("./Vendor/Box/7/Name").unwrap()));
}
