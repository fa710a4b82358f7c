//! Descriptions put to use: commands and trees against a schema.

#![cfg(feature = "xml")]

use std::sync::Arc;

use dm_syncml::{Encoding, StatusCode};
use dm_tree::ddf::{self, Described, Schema, SchemaError, ViolationKind};
use dm_tree::mgmt_tree::{DocumentOptions, MgmtTree, Occurrence, Scope};
use dm_tree::{
    AccessType, Acl, AddrType, AppAddr, AppAuth, AuthLevel, AuthType, Content, DevDetail, DevInfo, DmAccount,
    Format, Inbox, NewNode, NodeSpec, NodeUri, Rights, SchemaCommand, Secret, ServerId, Tree, Value,
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
    let node = NewNode::interior("");
    let chr = NewNode::Leaf(Value::chr("x"));
    let int = NewNode::Leaf(Value::int(5));
    let bin = NewNode::Leaf(Value::new(Format::Bin, "text/plain", "A").unwrap());
    let odd = NewNode::Leaf(Value::new(Format::Int, "a/b", "5").unwrap());
    let loud = NewNode::Leaf(Value::new(Format::Int, "Text/Plain", "5").unwrap());
    let (five, x) = (Value::int(5), Value::chr("x"));
    use SchemaCommand::{Add, Delete, Exec, Rename, Replace};
    for (uri, command, expected) in [
        ("./Top/List/c", Add(&node), None),
        ("./Top/List/c", Add(&chr), Some((ViolationKind::Format, 415))),
        ("./Top/List/a/Level", Add(&int), None),
        ("./Top/List/a/Level", Add(&odd), Some((ViolationKind::Type, 415))),
        ("./Top/List/a/Level", Add(&loud), None),
        ("./Top/List/a/Blob", Add(&bin), None),
        ("./Top/List/a/Other", Add(&chr), Some((ViolationKind::NotDescribed, 405))),
        ("./Top/List/a/Ext/Anything/Else", Add(&chr), None),
        ("./Top/New", Add(&chr), Some((ViolationKind::NotDescribed, 405))),
        ("./Top/Count", Add(&int), Some((ViolationKind::Permanent, 405))),
        ("./Else/Where", Add(&chr), None),
        // Add stands at the parent, which is the other way to read it.
        ("./Top/Loose/Treble", Add(&chr), None),
        // The tree compares these names without case itself.
        ("./Top/Loose/VOLUME", Add(&chr), None),
        ("./Top/Count", Replace(&five), None),
        ("./Top/Count", Replace(&x), Some((ViolationKind::FixedFormat, 405))),
        ("./Top/List/a/Level", Replace(&x), Some((ViolationKind::Format, 415))),
        ("./Top/Run", Replace(&x), Some((ViolationKind::AccessType, 405))),
        ("./Top/Run", Exec, None),
        ("./Top/Count", Exec, Some((ViolationKind::AccessType, 405))),
        ("./Top/Count", Delete, Some((ViolationKind::Permanent, 405))),
        ("./Top/List/a", Delete, None),
        ("./Top/List/a/Level", Delete, Some((ViolationKind::AccessType, 405))),
        ("./Top/List/a", Rename("z"), None),
        ("./Top/List/a/Level", Rename("z"), Some((ViolationKind::NotDescribed, 405))),
        ("./Top/Count", Rename("z"), Some((ViolationKind::Permanent, 405))),
        ("./Top/Loose/Volume", Rename("volume"), None),
    ] {
        let parsed = NodeUri::parse(uri).unwrap();
        let outcome = schema.verdict(&tree, &parsed, command).err();
        let got = outcome.map(|violation| (violation.kind(), violation.status().get()));
        assert_eq!(got, expected, "{uri} {command:?}");
    }
    tree.insert("./Top/List/c", NodeSpec::interior()).unwrap();
    let fourth = NodeUri::parse("./Top/List/d").unwrap();
    let violation = schema.verdict(&tree, &fourth, Add(&node)).unwrap_err();
    assert_eq!((violation.kind(), violation.status()), (ViolationKind::TooMany, StatusCode::DEVICE_FULL));
}

#[test]
fn names_of_one_case_where_the_tree_has_many() {
    let schema = schema(&[&example()]);
    let mut tree = Tree::default();
    tree.insert("./Top/Loose/Volume", NodeSpec::leaf(Value::chr("1"))).unwrap();
    let new = NewNode::Leaf(Value::chr("x"));
    for (uri, command, expected) in [
        ("./Top/Loose/VOLUME", SchemaCommand::Add(&new), Some((ViolationKind::SameButForCase, 418))),
        ("./Top/Loose/Treble", SchemaCommand::Add(&new), None),
        ("./Top/Loose/Volume", SchemaCommand::Rename("volume"), None),
    ] {
        let outcome = schema.verdict(&tree, &NodeUri::parse(uri).unwrap(), command).err();
        assert_eq!(outcome.map(|violation| (violation.kind(), violation.status().get())), expected, "{uri}");
    }
}

/// A tree that has the schema asks it, after the rights and before it changes.
#[test]
fn trees_ask_their_schema() {
    let mut tree = Tree::default();
    let schema = schema(&[&example()]);
    schema.instantiate(&mut tree).unwrap();
    tree.set_schema(Some(Arc::new(schema)));
    tree.set_acl(".", Acl::anyone(Rights::ALL)).unwrap();
    let server = ServerId::new("S").unwrap();
    let mut handlers = ();
    let mut acting = tree.act_for(&server, &mut handlers);
    let mut status = |command: &str, uri: &str, format: &str, data: &str| {
        let content = Content::new(data.as_bytes()).with_format(format);
        let outcome = match command {
            "Add" => acting.add(uri, &content),
            "Replace" => acting.replace(uri, &content),
            "Get" => acting.get(uri).map(|_| ()),
            _ => acting.delete(uri),
        };
        outcome.map_or_else(|refusal| refusal.status().get(), |()| 200)
    };
    for (command, uri, format, data, expected) in [
        ("Add", "./Top/List/a", "node", "", 200),
        ("Add", "./Top/List/a/Level", "int", "5", 200),
        ("Add", "./Top/List/a/Level", "int", "5", 418),
        ("Add", "./Top/List/a/Name", "int", "5", 415),
        ("Add", "./Top/List/b/Name", "chr", "x", 200),
        ("Add", "./Top/List/b/Other/Deep", "chr", "x", 405),
        // What the description does not let be read is not read.
        ("Add", "./Top/List/a/Blob", "bin", "x", 200),
        ("Get", "./Top/List/a/Blob", "", "", 405),
        ("Get", "./Top/List/a/Level", "", "", 200),
        ("Replace", "./Top/Count", "int", "8", 200),
        ("Replace", "./Top/Count", "chr", "8", 405),
        ("Replace", "./Top/List/a/Level", "chr", "x", 415),
        ("Delete", "./Top/List/a/Level", "", "", 405),
        ("Delete", "./Top/Count", "", "", 405),
        ("Add", "./Top/List/c", "node", "", 200),
        ("Add", "./Top/List/d", "node", "", 420),
        ("Delete", "./Top/List/c", "", "", 200),
        ("Add", "./Top/List/d", "node", "", 200),
        ("Add", "./Top/Loose/Volume", "chr", "1", 200),
        ("Add", "./Top/Loose/VOLUME", "chr", "1", 418),
        ("Get", "./Top/Loose/volume", "", "", 200),
    ] {
        assert_eq!(status(command, uri, format, data), expected, "{command} {uri}");
    }
    // A document says less than a command: the description fills in format and default.
    let bare = "<Node><NodeName>e</NodeName><Node><NodeName>Name</NodeName></Node>\
                <Node><NodeName>Level</NodeName><Value>7</Value></Node></Node>";
    let bare = document(&format!("<MgmtTree><VerDTD>1.2</VerDTD>{bare}</MgmtTree>"));
    assert_eq!(acting.add_tnds("./Top/List", &bare).unwrap_err().status().get(), 420);
    acting.delete("./Top/List/d").unwrap();
    acting.add_tnds("./Top/List", &bare).unwrap();
    assert_eq!(tree.node("./Top/List/e/Name").unwrap().value(), Some(&Value::chr("none")));
    assert_eq!(tree.node("./Top/List/e/Level").unwrap().value(), Some(&Value::int(7)));
    // So it does for a document of the device's own.
    let own = "<Node><NodeName>Count</NodeName><Path>./Top</Path><Value>9</Value></Node>";
    let own = document(&format!("<MgmtTree><VerDTD>1.2</VerDTD>{own}</MgmtTree>"));
    assert_eq!(tree.load_tnds(&own, Some(&self::schema(&[&example()]))), Ok(0));
    assert_eq!(tree.node("./Top/Count").unwrap().value(), Some(&Value::int(9)));
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
    Inbox::install(&mut tree, ".").unwrap();
    let schema = schema(&[ddf::DEV_INFO, ddf::DEV_DETAIL, ddf::DM_ACC, ddf::INBOX]);
    let found: Vec<_> = schema.violations(&tree).map(|violation| violation.to_string()).collect();
    assert_eq!(found, [] as [&str; 0]);
    for (uri, mo_id) in [
        ("./DevInfo", DevInfo::MO_ID),
        ("./DevDetail", DevDetail::MO_ID),
        ("./DMAcc/one", DmAccount::MO_ID),
        ("./Inbox", Inbox::MO_ID),
    ] {
        let Described::Described(top) = schema.find(&NodeUri::parse(uri).unwrap()) else { panic!("{uri}") };
        assert_eq!(top.node_type().unwrap().ddf_name(), mo_id);
    }
    // Nobody reads the secrets, by the description as by the object.
    for uri in ["./DMAcc/one/AppAuth/1/AAuthSecret", "./DMAcc/one/AppAuth/1/AAuthData"] {
        let parsed = NodeUri::parse(uri).unwrap();
        let Described::Described(secret) = schema.find(&parsed) else { panic!("{uri}") };
        assert!(!secret.access().contains(AccessType::GET), "{uri}");
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

/// A description that cannot be used leaves no trace, wherever in it the fault is.
#[test]
fn half_a_description_is_none() {
    let mut schema = schema(&[&example(), ddf::DEV_INFO]);
    let before = format!("{schema:?}");
    let described = |name: &str, rest: &str, children: &str| node(name, "Get", "node", rest, children);
    let folding = "<CaseSense><CIS/></CaseSense>";
    let inner = described("New", folding, &described("Deep", "", &described("", "", "")));
    for last in [
        described("Top", "", ""),
        node("x", "Get", "chr", "", "").replace("</NodeName>", "</NodeName><Path>a/../b</Path>"),
        format!("{}{}", described("new", folding, ""), described("NEW", "", "") + &described("New", "", "")),
    ] {
        let first = inner.replacen("</NodeName>", "</NodeName><Path>./Other/Place</Path>", 1);
        let xml = format!("<MgmtTree><VerDTD>1.2</VerDTD>{inner}{first}{last}</MgmtTree>");
        schema.add(&document(&xml)).unwrap_err();
        assert_eq!(format!("{schema:?}"), before);
    }
    schema.add(&document(&format!("<MgmtTree><VerDTD>1.2</VerDTD>{inner}</MgmtTree>"))).unwrap();
    let found = schema.find(&NodeUri::parse("./NEW/Deep/any").unwrap());
    assert!(matches!(found, Described::Described(_)), "{found:?}");
}

/// A schema and a tree that was begun with it agree about which names are the same: ASCII letters lose their case.
#[test]
fn case_is_of_ascii_letters_in_schema_and_tree() {
    let loose = "<CaseSense><CIS/></CaseSense>";
    let xml = node("Top", "Get Add", "node", loose, &node("", "Add Get Replace", "chr", "", ""));
    let named =
        node("Ärger", "Add Get Replace", "chr", &format!("{loose}<Occurrence><ZeroOrOne/></Occurrence>"), "");
    let xml = xml.replace("</Node></Node>", &format!("</Node>{named}</Node>"));
    let schema = schema(&[&format!("<MgmtTree><VerDTD>1.2</VerDTD>{xml}</MgmtTree>")]);
    let mut tree = Tree::default();
    tree.insert("./Top", NodeSpec::interior().ignoring_case()).unwrap();
    let name_of = |uri: &str| match schema.find(&NodeUri::parse(uri).unwrap()) {
        Described::Described(description) => description.name().map(str::to_owned),
        other => panic!("{other:?}"),
    };
    for (uri, same) in [
        ("./Top/%C3%84rger", true),
        ("./Top/%C3%84RGER", true),
        ("./TOP/%c3%84rGEr", true),
        ("./Top/%C3%A4rger", false),
    ] {
        assert_eq!(name_of(uri).is_some(), same, "{uri}");
        let mut tree = tree.clone();
        tree.insert("./Top/%C3%84rger", NodeSpec::leaf(Value::chr("1"))).unwrap();
        assert_eq!(tree.node(&uri.replace("TOP", "Top")).is_some(), same, "{uri}");
    }
}
