//! Descriptions put to use: commands and trees against a schema.

#![cfg(feature = "xml")]

use dm_syncml::{Encoding, StatusCode};
use dm_tree::ddf::{self, Described, Intent, Proposal, Schema, SchemaError, ViolationKind};
use dm_tree::mgmt_tree::{DocumentOptions, MgmtTree, Occurrence, Scope};
use dm_tree::{
    AccessType, AddrType, AppAddr, AppAuth, AuthLevel, AuthType, DevDetail, DevInfo, DmAccount, Format,
    NodeSpec, NodeUri, Secret, ServerId, Tree, Value,
};

fn document(xml: &str) -> MgmtTree {
    MgmtTree::decode(Encoding::Xml, xml.as_bytes(), &DocumentOptions::STRICT).unwrap()
}

fn schema(documents: &[&str]) -> Schema {
    let mut schema = Schema::new();
    documents.iter().for_each(|xml| schema.add(&document(xml)).unwrap());
    schema
}

fn node(name: &str, access: &str, format: &str, rest: &str, children: &str) -> String {
    let access: String = access.split_whitespace().map(|one| format!("<{one}/>")).collect();
    let node_type = if format == "node" { "<DDFName/>" } else { "<MIME>text/plain</MIME>" };
    format!(
        "<Node><NodeName>{name}</NodeName><DFProperties><AccessType>{access}</AccessType>\
         <DFFormat><{format}/></DFFormat>{rest}<DFType>{node_type}</DFType></DFProperties>{children}</Node>"
    )
}

/// A permanent object with a list of instances.
fn example() -> String {
    let permanent = "<Scope><Permanent/></Scope>";
    let any = "<Occurrence><ZeroOrMore/></Occurrence>";
    let instance = [
        node("Name", "Add Get Replace Delete", "chr", "<DefaultValue>none</DefaultValue>", ""),
        node("Level", "Add Get Replace", "int", "<Occurrence><ZeroOrOne/></Occurrence>", ""),
        node("Blob", "Add Replace", "bin", "<Occurrence><ZeroOrOne/></Occurrence>", ""),
        node("Ext", "Add Get", "node", "<Occurrence><ZeroOrOne/></Occurrence>", ""),
    ];
    let three = "<Occurrence><ZeroOrN>3</ZeroOrN></Occurrence>";
    let children = [
        node("Count", "Get Replace", "int", &format!("{permanent}<DefaultValue>7</DefaultValue>"), ""),
        node("Run", "Exec", "null", permanent, ""),
        node(
            "List",
            "Get",
            "node",
            permanent,
            &node("", "Add Get Delete Replace", "node", three, &instance.concat()),
        ),
        node(
            "Loose",
            "Get Add",
            "node",
            &format!("{permanent}<CaseSense><CIS/></CaseSense>"),
            &node("", "Get Delete Replace", "chr", any, ""),
        ),
    ];
    let top = node("Top", "Get", "node", permanent, &children.concat());
    format!("<MgmtTree xmlns='syncml:dmddf1.2'><VerDTD>1.2</VerDTD>{top}</MgmtTree>")
}

#[test]
fn commands_are_checked() {
    let schema = schema(&[&example()]);
    let mut tree = Tree::default();
    assert_eq!(schema.instantiate(&mut tree), Ok(5));
    for name in ["a", "b"] {
        tree.insert(&format!("./Top/List/{name}"), NodeSpec::interior()).unwrap();
    }
    tree.insert("./Top/Loose/Volume", NodeSpec::leaf(Value::chr("1"))).unwrap();
    let node = Proposal::new().with_format(Format::Node);
    let chr = Proposal::new().with_format(Format::Chr).with_data(b"x");
    let int = Proposal::new().with_format(Format::Int).with_data(b"5");
    let add = |proposal| Intent::Add(proposal);
    let replace = |proposal| Intent::Replace(proposal);
    for (uri, intent, expected) in [
        ("./Top/List/c", add(node), None),
        ("./Top/List/c", add(chr), Some((ViolationKind::Format, 415))),
        ("./Top/List/a/Level", add(int), None),
        ("./Top/List/a/Level", add(Proposal::new().with_data(b"5")), None),
        ("./Top/List/a/Level", add(Proposal::new().with_data(b"x")), Some((ViolationKind::Value, 415))),
        ("./Top/List/a/Level", add(int.with_type("a/b")), Some((ViolationKind::Type, 415))),
        ("./Top/List/a/Level", add(int.with_type("Text/Plain")), None),
        ("./Top/List/a/Blob", add(Proposal::new().with_format(Format::B64).with_data(b"QQ==")), None),
        ("./Top/List/a/Other", add(chr), Some((ViolationKind::NotDescribed, 405))),
        ("./Top/List/a/Ext/Anything/Else", add(chr), None),
        ("./Top/New", add(chr), Some((ViolationKind::NotDescribed, 405))),
        ("./Top/Count", add(int), Some((ViolationKind::Permanent, 405))),
        ("./Else/Where", add(chr), None),
        // Add stands at the parent, which is the other way to read it.
        ("./Top/Loose/Treble", add(chr), None),
        ("./Top/Loose/VOLUME", add(chr), Some((ViolationKind::SameButForCase, 418))),
        ("./Top/Count", replace(int), None),
        ("./Top/Count", replace(chr), Some((ViolationKind::FixedFormat, 405))),
        ("./Top/Count", replace(Proposal::new().with_data(b"x")), Some((ViolationKind::Value, 415))),
        ("./Top/List/a/Level", replace(chr), Some((ViolationKind::Format, 415))),
        ("./Top/Run", replace(Proposal::new()), Some((ViolationKind::AccessType, 405))),
        ("./Top/Run", Intent::Exec, None),
        ("./Top/Count", Intent::Exec, Some((ViolationKind::AccessType, 405))),
        ("./Top/Count", Intent::Delete, Some((ViolationKind::Permanent, 405))),
        ("./Top/List/a", Intent::Delete, None),
        ("./Top/List/a/Level", Intent::Delete, Some((ViolationKind::AccessType, 405))),
        ("./Top/List/a/Blob", Intent::Get, Some((ViolationKind::AccessType, 405))),
        ("./Top/List/a", Intent::Get, None),
        ("./Top/List/a", Intent::Copy, None),
        ("./Top/List/a/Blob", Intent::Copy, Some((ViolationKind::AccessType, 405))),
        ("./Top/List/a", Intent::Rename("z"), None),
        ("./Top/List/a/Level", Intent::Rename("z"), Some((ViolationKind::NotDescribed, 405))),
        ("./Top/Count", Intent::Rename("z"), Some((ViolationKind::Permanent, 405))),
        ("./Top/Loose/Volume", Intent::Rename("volume"), None),
        (".", Intent::Get, None),
    ] {
        let parsed = NodeUri::parse(uri).unwrap();
        let outcome = schema.check(&tree, &parsed, intent).err();
        let got = outcome.map(|violation| (violation.kind(), violation.status().get()));
        assert_eq!(got, expected, "{uri} {intent:?}");
    }
    tree.insert("./Top/List/c", NodeSpec::interior()).unwrap();
    let fourth = NodeUri::parse("./Top/List/d").unwrap();
    let violation = schema.check(&tree, &fourth, add(node)).unwrap_err();
    assert_eq!((violation.kind(), violation.status()), (ViolationKind::TooMany, StatusCode::DEVICE_FULL));
}

#[test]
fn trees_are_checked() {
    let schema = schema(&[&example()]);
    let mut tree = Tree::default();
    schema.instantiate(&mut tree).unwrap();
    assert_eq!(schema.violations(&tree).collect::<Vec<_>>(), []);
    let count = tree.node("./Top/Count").unwrap();
    assert_eq!((count.value(), count.is_permanent()), (Some(&Value::int(7)), true));
    assert_eq!(count.access(), AccessType::GET | AccessType::REPLACE);
    // Children may be added to the list, although AccessType says so of the children only.
    assert!(tree.node("./Top/List").unwrap().access().contains(AccessType::ADD));
    // A second time there is nothing to do.
    assert_eq!(schema.instantiate(&mut tree), Ok(0));

    tree.set_value("./Top/Count", Value::chr("x")).unwrap();
    tree.remove("./Top/Run").unwrap();
    for name in ["a", "b", "c", "d"] {
        tree.insert(&format!("./Top/List/{name}/Name"), NodeSpec::leaf(Value::chr("x"))).unwrap();
    }
    tree.insert("./Top/List/b/Strange", NodeSpec::leaf(Value::chr("x"))).unwrap();
    tree.remove("./Top/List/c/Name").unwrap();
    tree.insert("./Elsewhere", NodeSpec::leaf(Value::chr("x"))).unwrap();
    let found: Vec<_> = schema.violations(&tree).map(|violation| violation.to_string()).collect();
    assert_eq!(
        found,
        [
            "./Top/Run: a node that must be there is missing",
            "./Top/Count: another format than the one described",
            "./Top/List/d: there are more such nodes than there may be",
            "./Top/List/b/Strange: no such node is described",
            "./Top/List/c/Name: a node that must be there is missing",
        ]
    );
}

#[test]
fn lookups() {
    let schema = schema(&[&example(), ddf::DEV_INFO, ddf::DM_ACC]);
    let find = |uri: &str| match schema.find(&NodeUri::parse(uri).unwrap()) {
        Described::Described(description) => description.uri(),
        Described::Excluded => "excluded".into(),
        _ => "open".into(),
    };
    for (uri, expected) in [
        (".", "open"),
        ("./DMAcc", "open"),
        ("./DMAcc/x", "./DMAcc/*"),
        ("./DMAcc/x/AppAddr/1/Port/2/PortNbr", "./DMAcc/*/AppAddr/*/Port/*/PortNbr"),
        ("./DMAcc/x/Nope", "excluded"),
        ("./DMAcc/x/Ext/Vendor", "open"),
        ("./%44evInfo/Man", "./DevInfo/Man"),
        ("./devinfo/Man", "open"),
        ("./Top/LOOSE/x", "./Top/Loose/*"),
    ] {
        assert_eq!(find(uri), expected, "{uri}");
    }
    let Described::Described(man) = schema.find(&NodeUri::parse("./DevInfo/Man").unwrap()) else { panic!() };
    assert_eq!(
        (man.occurrence(), man.scope(), man.format()),
        (Occurrence::One, Scope::Permanent, Some(Format::Chr))
    );
}

#[test]
fn descriptions_that_cannot_be_used() {
    let mut schema = schema(&[ddf::DEV_INFO]);
    let again = schema.add(&document(ddf::DEV_INFO));
    assert_eq!(again, Err(SchemaError::Twice("./DevInfo".into())));
    let elsewhere = document(
        "<MgmtTree><VerDTD>1.2</VerDTD><Node><NodeName>x</NodeName><Path>./a/../b</Path></Node></MgmtTree>",
    );
    assert_eq!(schema.add(&elsewhere), Err(SchemaError::Path(0)));
    assert!(matches!(schema.find(&NodeUri::parse("./a").unwrap()), Described::Open));
}

/// What this crate installs satisfies the descriptions it brings.
#[test]
fn standard_objects_are_as_described() {
    let mut tree = Tree::default();
    DevInfo {
        dev_id: "IMEI:493005100592800".into(),
        man: "Example".into(),
        model: "One".into(),
        dm_v: "1.0".into(),
        lang: "en".into(),
    }
    .install(&mut tree)
    .unwrap();
    DevDetail {
        dev_typ: "gateway".into(),
        oem: "Example".into(),
        fw_v: "f1".into(),
        sw_v: "s1".into(),
        hw_v: "h1".into(),
        lrg_obj: true,
    }
    .install(&mut tree)
    .unwrap();
    let mut account = DmAccount::new(ServerId::new("com.example.dm").unwrap());
    account.name = Some("Example".into());
    account.con_refs = vec!["./Con/1".into(), "./Con/2".into()];
    let mut ipv4 = AppAddr::new("192.0.2.1", AddrType::IPV4);
    ipv4.ports = vec![443, 8443];
    account.addresses = vec![AppAddr::uri("https://dm.example.com/"), ipv4];
    let credentials = AppAuth::new(AuthLevel::CLCRED, AuthType::DIGEST);
    account.credentials =
        vec![credentials.with_name("me").with_secret(Secret::new("s3cret")).with_data(Secret::new([0, 255]))];
    account.install(&mut tree, "./DMAcc/one").unwrap();
    let schema = schema(&[ddf::DEV_INFO, ddf::DEV_DETAIL, ddf::DM_ACC, ddf::INBOX]);
    let found: Vec<_> = schema.violations(&tree).map(|violation| violation.to_string()).collect();
    assert_eq!(found, [] as [&str; 0]);
    for (uri, mo_id) in [
        ("./DevInfo", DevInfo::MO_ID),
        ("./DevDetail", DevDetail::MO_ID),
        ("./DMAcc/one", DmAccount::MO_ID),
        ("./Inbox", "urn:oma:mo:oma-dm-inbox:1.0"),
    ] {
        let Described::Described(top) = schema.find(&NodeUri::parse(uri).unwrap()) else { panic!("{uri}") };
        assert_eq!(top.node_type().unwrap().ddf_name(), mo_id);
    }
    // Nobody reads the secrets, by the description as by the object.
    for uri in ["./DMAcc/one/AppAuth/1/AAuthSecret", "./DMAcc/one/AppAuth/1/AAuthData"] {
        let parsed = NodeUri::parse(uri).unwrap();
        let violation = schema.check(&tree, &parsed, Intent::Get).unwrap_err();
        assert_eq!(violation.kind(), ViolationKind::AccessType);
        assert!(!tree.node(uri).unwrap().access().contains(AccessType::GET), "{uri}");
    }
    // An account without its address is none.
    tree.remove("./DMAcc/one/AppAddr").unwrap();
    let found: Vec<_> = schema.violations(&tree).map(|violation| violation.to_string()).collect();
    assert_eq!(found, ["./DMAcc/one/AppAddr: a node that must be there is missing"]);
}

#[test]
fn any_letter_case_is_no_other_node() {
    let schema = schema(&[&example()]);
    assert!(schema.root().children().any(|child| child.name() == Some("Top")));
    assert_eq!(schema.root().children().count(), 1);
}

#[test]
fn what_is_missing_may_hang_from_a_path() {
    let one =
        node("Must", "Get", "chr", "", "").replace("</NodeName>", "</NodeName><Path>./Vendor/Acme</Path>");
    let any = node("", "Get", "chr", "", "")
        .replace("<NodeName>", "<NodeName>*")
        .replace("</NodeName>", "</NodeName><Path>./Vendor/*/List</Path>");
    let xml = format!("<MgmtTree><VerDTD>1.2</VerDTD>{one}{any}</MgmtTree>");
    let schema = schema(&[&xml]);
    let mut tree = Tree::default();
    let missing =
        |tree: &Tree| schema.violations(tree).map(|violation| violation.to_string()).collect::<Vec<_>>();
    assert_eq!(missing(&tree), ["./Vendor/Acme/Must: a node that must be there is missing"]);
    assert_eq!(schema.instantiate(&mut tree), Ok(1));
    assert_eq!(missing(&tree), [] as [&str; 0]);
    tree.insert("./Vendor/Other/List", NodeSpec::interior()).unwrap();
    assert_eq!(missing(&tree), ["./Vendor/Other/List/*: a node that must be there is missing"]);
}
