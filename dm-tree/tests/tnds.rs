//! Serialised trees into a tree and out of it.

#![cfg(feature = "xml")]

use dm_syncml::{
    CmdId, Command, Data, Encoding, Format as WireFormat, Item, LocUri, MediaType, Meta, StatusCode,
};
use dm_tree::mgmt_tree::{DocumentOptions, MgmtTree, Node, NodeValue, RtProperties};
use dm_tree::tnds::Filter;
use dm_tree::{
    AccessType, Acl, Context, Format, Handler, HandlerMap, NodeFacts, NodeSpec, Rights, ServerId, Tree,
    UriLimits, Value,
};
use proptest::prelude::{any, proptest};
use proptest::prop_assert_eq;

fn id(text: &str) -> ServerId {
    ServerId::new(text).unwrap()
}

fn document(body: &str) -> MgmtTree {
    let xml = format!("<MgmtTree xmlns='syncml:dmddf1.2'><VerDTD>1.2</VerDTD>{body}</MgmtTree>");
    MgmtTree::decode(Encoding::Xml, xml.as_bytes(), &DocumentOptions::STRICT).unwrap()
}

fn interior(name: &str, properties: &str, children: &str) -> String {
    format!(
        "<Node><NodeName>{name}</NodeName><RTProperties>{properties}<Format><node/></Format><Type><DDFName/></Type>\
         </RTProperties>{children}</Node>"
    )
}

fn leaf(name: &str, format: &str, value: &str) -> String {
    leaf_with(name, "", format, value)
}

fn leaf_with(name: &str, properties: &str, format: &str, value: &str) -> String {
    format!(
        "<Node><NodeName>{name}</NodeName><RTProperties>{properties}<Format><{format}/></Format><Type>\
         <MIME>text/plain</MIME></Type></RTProperties><Value>{value}</Value></Node>"
    )
}

/// Every address with its value or `/`, and its ACL where it has one.
fn shown(tree: &Tree) -> Vec<String> {
    let show = |node: dm_tree::NodeRef<'_>| {
        let value = node.value().map_or("/".into(), |value| {
            format!("{} {}", value.format(), String::from_utf8_lossy(value.data()))
        });
        let acl = if node.acl().is_empty() { String::new() } else { format!(" [{}]", node.acl()) };
        format!("{} {value}{acl}", node.uri().as_str())
    };
    tree.root().walk().map(show).collect()
}

fn add(tree: &mut Tree, server: &str, uri: &str, document: &MgmtTree) -> (u16, String) {
    outcome(tree.act_for(&id(server), &mut ()).add_tnds(uri, document))
}

fn replace(tree: &mut Tree, server: &str, uri: &str, document: &MgmtTree) -> (u16, String) {
    outcome(tree.act_for(&id(server), &mut ()).replace_tnds(uri, document))
}

/// The status and the node at fault.
fn outcome(result: Result<(), dm_tree::Refusal>) -> (u16, String) {
    match result {
        Ok(()) => (200, String::new()),
        Err(refusal) => {
            (refusal.status().get(), refusal.at().map_or(String::new(), |uri| uri.as_str().into()))
        }
    }
}

#[test]
fn a_document_is_added_as_a_whole() {
    let mail = document(&interior("Mail", "", &(leaf("Port", "int", "25") + &leaf("Key", "bin", "AP8="))));
    let mut tree = Tree::default();
    assert_eq!(add(&mut tree, "S", "./OperatorX", &mail), (200, String::new()));
    assert_eq!(
        shown(&tree),
        [
            ". / [Add=*&Get=*]",
            // Who adds an interior node and could not change its ACL gets rights on it, at the topmost new one.
            "./OperatorX / [Add=*&Delete=S&Get=*&Replace=S]",
            "./OperatorX/Mail /",
            "./OperatorX/Mail/Key bin \u{0}\u{fffd}",
            "./OperatorX/Mail/Port int 25",
        ]
    );
    // A second time the nodes are there, and their place is too.
    let before = shown(&tree);
    assert_eq!(add(&mut tree, "S", "./OperatorX", &mail), (418, "./OperatorX/Mail".into()));
    assert_eq!(shown(&tree), before);
    // To another place, which is a leaf, or where there is no right.
    assert_eq!(add(&mut tree, "S", "./OperatorX/Mail/Port", &mail).0, 405);
    tree.set_acl("./OperatorX", Acl::parse("Get=*").unwrap()).unwrap();
    let before = shown(&tree);
    assert_eq!(add(&mut tree, "S", "./OperatorX", &document(&interior("Web", "", ""))).0, 425);
    assert_eq!(shown(&tree), before);
}

#[test]
fn what_fails_leaves_nothing() {
    let mut tree = Tree::default();
    tree.insert("./A/b/taken", NodeSpec::leaf(Value::chr("x"))).unwrap();
    let before = (shown(&tree), tree.node("./A").unwrap().ver_no());
    for (body, expected) in [
        (leaf("n", "chr", "1") + &leaf("m", "int", "x"), (415, "./A/m")),
        (leaf("n", "chr", "1") + &leaf("n", "chr", "2"), (418, "./A/n")),
        (leaf("n", "chr", "1") + &interior("b", "", ""), (418, "./A/b")),
        (
            leaf("n", "chr", "1") + "<Node><NodeName>x</NodeName><Path>b/taken</Path><Value>1</Value></Node>",
            (405, "./A/b/taken/x"),
        ),
        (interior("n", "<ACL>Get=T</ACL>", &leaf_with("m", "<ACL>Get=T</ACL>", "chr", "1")), (200, "")),
        (String::new(), (415, "")),
    ] {
        let mut copy = tree.clone();
        let got = add(&mut copy, "S", "./A", &document(&body));
        assert_eq!((got.0, got.1.as_str()), expected, "{body}");
        if expected.0 != 200 {
            assert_eq!((shown(&copy), copy.node("./A").unwrap().ver_no()), before, "{body}");
        }
    }
}

#[test]
fn names_and_paths() {
    let mut tree = Tree::default();
    let flat = interior("Mail", "", &interior("Box", "", ""))
        + "<Node><NodeName>Deep</NodeName><Path>Mail/Box</Path><Value>1</Value></Node>"
        + "<Node><NodeName>Whole</NodeName><Path>./X/Mail</Path><Value>2</Value></Node>"
        + "<Node><NodeName>My Name</NodeName><Path>Mail</Path><Node><NodeName/><Value>a</Value></Node>\
           <Node><NodeName/><Value>b</Value></Node></Node>";
    assert_eq!(add(&mut tree, "S", "./X", &document(&flat)), (200, String::new()));
    assert_eq!(
        shown(&tree)[1..],
        [
            "./X / [Add=*&Delete=S&Get=*&Replace=S]",
            "./X/Mail /",
            "./X/Mail/Box /",
            "./X/Mail/Box/Deep chr 1",
            "./X/Mail/My%20Name /",
            "./X/Mail/My%20Name/1 chr a",
            "./X/Mail/My%20Name/2 chr b",
            "./X/Mail/Whole chr 2",
        ]
    );
    // A node without a name is what the target says.
    assert_eq!(add(&mut tree, "S", "./X/New", &document(&interior("", "", &leaf("a", "chr", "1")))).0, 200);
    assert!(tree.node("./X/New/a").is_some());
    for path in ["../A", "a/../b", "a//b"] {
        let body = format!("<Node><NodeName>x</NodeName><Path>{path}</Path><Value>1</Value></Node>");
        assert_eq!(add(&mut tree, "S", "./X", &document(&body)).0, 500, "{path}");
    }
}

#[test]
fn acls_and_titles_come_along() {
    let mut tree = Tree::default();
    let body = interior(
        "Mail",
        "<ACL>Get=S+T</ACL><Title>Post</Title>",
        &(leaf_with("a", "<ACL>Get=S</ACL><Title>A</Title>", "chr", "1")
            + &leaf_with("b", "<ACL/>", "chr", "2")),
    );
    assert_eq!(add(&mut tree, "S", ".", &document(&body)), (200, String::new()));
    assert_eq!(shown(&tree)[1..], ["./Mail / [Get=S+T]", "./Mail/a chr 1 [Get=S]", "./Mail/b chr 2"]);
    assert_eq!(tree.node("./Mail").unwrap().title(), "Post");
    assert_eq!(tree.node("./Mail/a").unwrap().title(), "A");
    // Without a right on the parent no server says who may see a leaf.
    tree.insert("./Open", NodeSpec::interior().with_acl(Acl::parse("Add=*&Get=*").unwrap())).unwrap();
    let body = leaf_with("x", "<ACL>Get=S</ACL>", "chr", "1");
    assert_eq!(add(&mut tree, "S", "./Open", &document(&body)), (425, "./Open/x".into()));
    assert!(tree.node("./Open/x").is_none());
}

#[test]
fn get_shows_what_may_be_read() {
    let mut tree = Tree::default();
    let secret = NodeSpec::leaf(Value::chr("hunter2")).with_access(AccessType::REPLACE);
    tree.insert("./A/pw", secret).unwrap();
    tree.insert("./A/n", NodeSpec::leaf(Value::int(5)).with_title("Number")).unwrap();
    tree.insert("./A/bin", NodeSpec::leaf(Value::bin([0, 255]))).unwrap();
    tree.insert("./A/odd", NodeSpec::leaf(Value::chr("a\u{1}b"))).unwrap();
    let theirs = NodeSpec::interior().with_acl(Acl::parse("Get=T").unwrap());
    tree.insert("./A/theirs", theirs).unwrap();
    tree.insert("./A/theirs/x", NodeSpec::leaf(Value::chr("x"))).unwrap();
    tree.insert("./A/mo", NodeSpec::managed_object("urn:x")).unwrap();
    let server = id("S");
    let mut handlers = ();
    let mut acting = tree.act_for(&server, &mut handlers);
    let all = acting.get_tnds("./A", Filter::ALL).unwrap();
    let names: Vec<_> = all.nodes().iter().map(|node| (node.depth(), node.name.as_str())).collect();
    assert_eq!(names, [(0, "A"), (1, "bin"), (1, "mo"), (1, "n"), (1, "odd")]);
    let n = &all.nodes()[3];
    let rt = n.rt.as_ref().unwrap();
    assert_eq!((rt.format, rt.title.as_deref(), rt.ver_no), (Some(Format::Int), Some("Number"), Some(0)));
    assert_eq!(n.to_value().unwrap(), Some(Value::int(5)));
    // Characters that no document carries go out as octets.
    assert_eq!(all.nodes()[4].value, Some(NodeValue::bin(b"a\x01b")));
    assert_eq!(all.nodes()[4].format(), Some(Format::Bin));
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        let octets = all.encode(encoding);
        assert_eq!(MgmtTree::decode(encoding, &octets, &DocumentOptions::STRICT).unwrap(), all);
        assert!(!octets.windows(7).any(|window| window == b"hunter2"));
    }
    let values = acting.get_tnds("./A/n", Filter::parse("+Value").unwrap()).unwrap();
    let rt = values.nodes()[0].rt.clone().unwrap();
    assert_eq!((*rt, values.nodes()[0].value.clone()), (RtProperties::default(), Some(NodeValue::text("5"))));
    for (uri, status) in [("./A/theirs", 425), ("./A/pw", 405), ("./None", 404), ("./", 500)] {
        assert_eq!(acting.get_tnds(uri, Filter::ALL).unwrap_err().status().get(), status, "{uri}");
    }
}

#[test]
fn deep_trees_are_read_in_pieces() {
    let lengths = UriLimits::default().with_max_depth(200).with_max_tot_len(1000);
    let mut tree = Tree::new(dm_tree::TreeLimits::default().with_uri(lengths));
    let deep: String = (0..100).map(|n| format!("/{n}")).collect();
    tree.insert(&format!("./A{deep}"), NodeSpec::leaf(Value::chr("x"))).unwrap();
    tree.set_acl(".", Acl::anyone(Rights::ALL)).unwrap();
    let server = id("S");
    let document = tree.act_for(&server, &mut ()).get_tnds("./A", Filter::ALL).unwrap();
    assert_eq!(document.nodes().len(), 101);
    assert!(document.nodes().iter().all(|node| node.depth() < 30));
    // What was read is what it is replaced with.
    let before = shown(&tree);
    assert_eq!(replace(&mut tree, "S", "./A", &document), (200, String::new()));
    assert_eq!(shown(&tree), before);
}

#[test]
fn replace_makes_the_subtree_what_the_document_says() {
    let mut tree = Tree::default();
    tree.set_acl(".", Acl::anyone(Rights::ALL)).unwrap();
    for (uri, value) in [("./A/old/x", "1"), ("./A/both", "2"), ("./A/kind", "3"), ("./B", "4")] {
        tree.insert(uri, NodeSpec::leaf(Value::chr(value))).unwrap();
    }
    let body = interior(
        "A",
        "",
        &(leaf("both", "chr", "two")
            + &leaf("new", "int", "7")
            + &interior("kind", "", &leaf("y", "chr", "y"))),
    );
    assert_eq!(replace(&mut tree, "S", "./A", &document(&body)), (200, String::new()));
    assert_eq!(
        shown(&tree)[1..],
        ["./A /", "./A/both chr two", "./A/kind /", "./A/kind/y chr y", "./A/new int 7", "./B chr 4"]
    );
    // The same under no name; under another name it is not the object that was asked for.
    let body = interior("", "", &leaf("both", "chr", "three"));
    assert_eq!(replace(&mut tree, "S", "./A", &document(&body)), (200, String::new()));
    assert_eq!(shown(&tree)[1..], ["./A /", "./A/both chr three", "./B chr 4"]);
    assert_eq!(replace(&mut tree, "S", "./A", &document(&interior("B", "", ""))).0, 415);
    assert_eq!(replace(&mut tree, "S", "./C", &document(&interior("C", "", ""))).0, 404);
    assert_eq!(replace(&mut tree, "S", "./A?prop=Name", &document(&body)).0, 405);
    // A leaf becomes an interior node.
    assert_eq!(replace(&mut tree, "S", "./B", &document(&interior("B", "", ""))), (200, String::new()));
    assert_eq!(shown(&tree)[1..], ["./A /", "./A/both chr three", "./B /"]);

    // All or nothing, whatever it is that fails: a permanent node, a right, a value.
    tree.insert("./A/fixed", NodeSpec::leaf(Value::chr("x")).permanent()).unwrap();
    tree.insert("./A/theirs", NodeSpec::leaf(Value::chr("x")).with_acl(Acl::parse("Get=*").unwrap()))
        .unwrap();
    let fixed = leaf("fixed", "chr", "x");
    let theirs = leaf("theirs", "chr", "x");
    let before = shown(&tree);
    for (body, expected) in [
        (interior("A", "", &theirs), (405, "./A/fixed")),
        (interior("A", "", &fixed), (425, "./A/theirs")),
        (interior("A", "", &(fixed.clone() + &theirs)), (425, "./A/theirs")),
        (interior("A", "", &(fixed.clone() + &theirs + &leaf("n", "int", "x"))), (425, "./A/theirs")),
    ] {
        let got = replace(&mut tree, "S", "./A", &document(&body));
        assert_eq!((got.0, got.1.as_str()), expected, "{body}");
        assert_eq!(shown(&tree), before, "{body}");
    }
    tree.remove("./A/theirs").unwrap();
    let body = interior("A", "", &leaf("fixed", "int", "1"));
    assert_eq!(replace(&mut tree, "S", "./A", &document(&body)), (405, "./A/fixed".into()));
    // Replace needs Replace on the target itself.
    tree.set_acl("./A", Acl::parse("Add=S&Delete=S&Get=S").unwrap()).unwrap();
    assert_eq!(replace(&mut tree, "S", "./A", &document(&interior("A", "", &fixed))).0, 425);
}

/// The three shapes in which messages carry documents, in both encodings.
#[test]
fn documents_in_commands() {
    let mail = document(&interior("Mail", "", &(leaf("Port", "int", "25") + &leaf("Key", "bin", "AP8="))));
    let xml = String::from_utf8(mail.encode(Encoding::Xml)).unwrap();
    let wbxml = mail.encode(Encoding::Wbxml);
    let shapes = [
        (Data::element(mail.to_element()), MediaType::TNDS_XML, None),
        (Data::text(xml.clone()).unwrap(), MediaType::TNDS_XML, Some(WireFormat::XML)),
        (Data::octets(xml.into_bytes()), MediaType::TNDS_XML, Some(WireFormat::BIN)),
        (Data::octets(wbxml), MediaType::TNDS_WBXML, Some(WireFormat::BIN)),
        (Data::text("<MgmtTree><VerDTD>1.2</VerDTD>\n<Node><NodeName>Mail</NodeName><Node><NodeName>Port</NodeName><RTProperties><Format><int/></Format></RTProperties><Value>25</Value></Node><Node><NodeName>Key</NodeName><RTProperties><Format><bin/></Format></RTProperties><Value>AP8=</Value></Node></Node></MgmtTree>").unwrap(), MediaType::TNDS_XML, None),
    ];
    for (data, media_type, format) in shapes {
        let mut meta = Meta::new().with_media_type(media_type);
        if let Some(format) = format {
            meta = meta.with_format(format);
        }
        let item = Item::to(LocUri::new("./X").unwrap()).with_meta(meta).with_data(data);
        let command: Command<'_> = dm_syncml::Add::new(CmdId::new("1").unwrap(), vec![item]).into();
        let mut tree = Tree::default();
        let done = tree.execute(&id("S"), &command, &mut ());
        assert_eq!(done.status(), Some(StatusCode::OK), "{command:?}");
        assert_eq!(done.changes.len(), 1);
        assert_eq!(done.changes[0].kind, dm_tree::ChangeKind::SubtreeAdded);
        assert_eq!(tree.node("./X/Mail/Port").unwrap().value(), Some(&Value::int(25)));
        assert_eq!(tree.node("./X/Mail/Key").unwrap().value().unwrap().data(), [0, 255]);
        // And back.
        for (uri, status) in [
            ("./X?list=TNDS", 200),
            ("./X?list=TNDS-ACL-VerNo", 200),
            ("./X?list=TNDS+ACL-VerNo", 406),
            ("./X?list=TNDS+Nope", 406),
            ("./Y?list=TNDS", 404),
        ] {
            let items = vec![Item::to(LocUri::new(uri).unwrap())];
            let get: Command<'_> = dm_syncml::Get::new(CmdId::new("1").unwrap(), items).into();
            let done = tree.execute(&id("S"), &get, &mut ());
            assert_eq!(done.status().unwrap().get(), status, "{uri}");
            let results = done.into_results();
            assert_eq!(results.len(), usize::from(status == 200));
            let Some(result) = results.first() else { continue };
            assert_eq!(result.source_uri().unwrap().as_str(), "./X");
            let data = result.data.as_ref().unwrap();
            let read = MgmtTree::from_data(data, None, &DocumentOptions::STRICT).unwrap();
            assert_eq!(read.nodes().len(), 4);
        }
    }
    // What is no document, and one that is too much.
    for (text, status) in [
        ("<a/>", 415),
        ("", 415),
        ("<MgmtTree><VerDTD>1.2</VerDTD><Node/></MgmtTree", 415),
        (
            "<MgmtTree><VerDTD>1.2</VerDTD><Node><NodeName>a</NodeName><RTProperties><ACL>Get=</ACL></RTProperties></Node></MgmtTree>",
            500,
        ),
        (
            "<MgmtTree><VerDTD>1.2</VerDTD><Node><NodeName>a</NodeName></Node><Node><NodeName>b</NodeName></Node></MgmtTree>",
            413,
        ),
    ] {
        let mut tree = Tree::new(dm_tree::TreeLimits::default().with_max_nodes(1));
        let meta = Meta::new().with_media_type(MediaType::TNDS_XML);
        let item = Item::to(LocUri::new("./X").unwrap()).with_meta(meta).with_data(Data::text(text).unwrap());
        let command: Command<'_> = dm_syncml::Add::new(CmdId::new("1").unwrap(), vec![item]).into();
        let done = tree.execute(&id("S"), &command, &mut ());
        assert_eq!(done.status().unwrap().get(), status, "{text}");
        assert!(tree.is_empty());
    }
}

#[test]
fn a_tree_is_written_and_read_back() {
    let mut tree = Tree::default();
    tree.set_acl(".", Acl::parse("Add=*&Get=*&Replace=S").unwrap()).unwrap();
    tree.insert("./A/pw", NodeSpec::leaf(Value::chr("hunter2")).with_access(AccessType::REPLACE)).unwrap();
    tree.insert("./A/b64", NodeSpec::leaf(Value::new(Format::B64, "text/plain", "QQ==").unwrap())).unwrap();
    tree.insert("./A/n", NodeSpec::leaf(Value::int(5)).with_title("Number")).unwrap();
    tree.insert("./A/mo", NodeSpec::managed_object("urn:x").with_acl(Acl::parse("Get=T").unwrap())).unwrap();
    let saved = tree.to_tnds().unwrap();
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        let octets = saved.encode(encoding);
        let read = MgmtTree::decode(encoding, &octets, &DocumentOptions::STRICT).unwrap();
        let mut again = Tree::default();
        assert_eq!(again.load_tnds(&read, None), Ok(5));
        assert_eq!(shown(&again), shown(&tree));
        assert_eq!(again.node("./A/n").unwrap().title(), "Number");
        assert_eq!(again.node("./A/mo").unwrap().mo_id(), "urn:x");
        // A second time nothing is new.
        assert_eq!(again.load_tnds(&read, None), Ok(0));
        assert_eq!(shown(&again), shown(&tree));
    }
    let bad = document(&leaf("x", "int", "y"));
    assert_eq!(tree.load_tnds(&bad, None).unwrap_err().to_string(), "./x: data that are not of format int");
}

#[test]
fn what_cannot_be_a_document_is_not_built() {
    let mut document = MgmtTree::new();
    assert!(document.push(1, Node::new("a")).is_err());
    document.push(0, Node::new("a").with_value(NodeValue::text("1"))).unwrap();
    for (depth, node) in [
        (2, Node::new("b")),
        (1, Node::new("b")),
        (0, Node::new(" b")),
        (0, Node::new("b\u{1}")),
        (0, Node::new("b").with_value(NodeValue::bin(b"x"))),
        (0, Node::new("b").with_rt(RtProperties::leaf(Format::Bin, "a/b")).with_value(NodeValue::text("x"))),
        (0, Node::new("b").with_rt(RtProperties::interior("a\u{0}"))),
    ] {
        let error = document.push(depth, node.clone()).unwrap_err();
        assert!(error.offset().is_none() && error.path().is_empty(), "{node:?}: {error}");
    }
    assert_eq!(document.nodes().len(), 1);
    assert!(!format!("{document:?}").contains("\"1\""), "values do not show");
}

/// What a handler serves is read with the rest; nothing is put there, since it could not be taken back.
#[test]
fn served_nodes_are_read_and_not_written() {
    struct Lamp;
    impl Handler for Lamp {
        fn node(&mut self, _: &Context<'_>, path: &[&str]) -> Option<NodeFacts> {
            match path {
                [] => Some(NodeFacts::interior().with_access(AccessType::ALL)),
                ["On"] => Some(NodeFacts::leaf(Format::Bool)),
                ["Key"] => Some(NodeFacts::leaf(Format::Chr).with_access(AccessType::REPLACE)),
                _ => None,
            }
        }

        fn children(
            &mut self,
            _: &Context<'_>,
            _: &[&str],
            out: &mut dm_tree::Children,
        ) -> Result<(), dm_tree::NoAnswer> {
            let _ = out.push("On") && out.push("Key");
            Ok(())
        }

        fn get(&mut self, _: &Context<'_>, _: &[&str]) -> Result<Vec<u8>, dm_tree::NoAnswer> {
            Ok(b"true".to_vec())
        }
    }
    let mut tree = Tree::default();
    let mount = tree.mount("./Home/Lamp").unwrap();
    tree.insert("./Home/Name", NodeSpec::leaf(Value::chr("x"))).unwrap();
    tree.set_acl(".", Acl::anyone(Rights::ALL)).unwrap();
    let mut handlers = HandlerMap::new();
    handlers.insert(mount, Lamp);
    let server = id("S");
    let mut acting = tree.act_for(&server, &mut handlers);
    let read = acting.get_tnds("./Home", Filter::ALL).unwrap();
    let names: Vec<_> = read.nodes().iter().map(|node| (node.depth(), node.name.as_str())).collect();
    assert_eq!(names, [(0, "Home"), (1, "Lamp"), (2, "On"), (1, "Name")]);
    assert_eq!(read.nodes()[2].to_value().unwrap(), Some(Value::bool(true)));
    for (uri, body) in [
        ("./Home/Lamp", leaf("New", "chr", "x")),
        (
            "./Home",
            leaf("a", "chr", "x") + "<Node><NodeName>New</NodeName><Path>Lamp</Path><Value>1</Value></Node>",
        ),
    ] {
        let before = acting.get_tnds("./Home", Filter::ALL).unwrap();
        assert_eq!(outcome(acting.add_tnds(uri, &document(&body))).0, 415, "{uri}");
        assert_eq!(acting.get_tnds("./Home", Filter::ALL).unwrap(), before);
    }
    assert_eq!(outcome(acting.replace_tnds("./Home/Lamp", &document(&interior("Lamp", "", "")))).0, 415);
    // A mount is the device's: a Replace that would remove it is refused as a whole.
    let without = interior("Home", "", &leaf("Name", "chr", "y"));
    assert_eq!(outcome(acting.replace_tnds("./Home", &document(&without))), (405, "./Home/Lamp".into()));
}

/// A document is a member of an Atomic like any other command.
#[test]
fn documents_in_an_atomic() {
    let tnds = |id: &str, uri: &str, body: &str| -> Command<'static> {
        let meta = Meta::new().with_media_type(MediaType::TNDS_XML);
        let data = Data::element(document(body).to_element());
        let item = Item::to(LocUri::new(uri.to_owned()).unwrap()).with_meta(meta).with_data(data);
        dm_syncml::Add::new(CmdId::new(id.to_owned()).unwrap(), vec![item]).into()
    };
    let mut tree = Tree::default();
    tree.insert("./A/x", NodeSpec::leaf(Value::chr("x"))).unwrap();
    let before = tree.to_tnds().unwrap();
    let members = vec![
        tnds("2", "./A", &interior("b", "<ACL>Get=S</ACL>", &leaf("c", "chr", "1"))),
        tnds("3", "./A", &leaf("x", "chr", "2")),
    ];
    let atomic: Command<'_> = dm_syncml::Atomic::new(CmdId::new("1").unwrap(), members).into();
    let done = tree.execute(&id("S"), &atomic, &mut ());
    let codes: Vec<_> = done.members.iter().map(|member| member.status().unwrap().get()).collect();
    assert_eq!((done.status().unwrap().get(), codes), (507, vec![216, 418]));
    assert_eq!(tree.to_tnds().unwrap(), before);
    let members = vec![tnds("2", "./A", &leaf("b", "chr", "1")), tnds("3", "./A", &leaf("c", "chr", "2"))];
    let atomic: Command<'_> = dm_syncml::Atomic::new(CmdId::new("1").unwrap(), members).into();
    assert!(tree.execute(&id("S"), &atomic, &mut ()).is_success());
    assert_eq!(tree.node("./A").unwrap().children().count(), 3);
}

#[test]
fn a_name_is_the_same_however_spelled() {
    let mut tree = Tree::default();
    tree.set_acl(".", Acl::anyone(Rights::ALL)).unwrap();
    tree.insert("./A/b%20c", NodeSpec::leaf(Value::chr("1")).permanent()).unwrap();
    for name in ["b c", "b%20c", "%62%20c"] {
        let body = interior("%41", "", &leaf(name, "chr", "2"));
        assert_eq!(replace(&mut tree, "S", "./A", &document(&body)), (200, String::new()), "{name}");
        assert_eq!(shown(&tree)[1..], ["./A /", "./A/b%20c chr 2"], "{name}");
    }
}

#[test]
fn time_stamps_come_from_the_clock() {
    let mut tree = Tree::default();
    let noon = dm_tree::Timestamp::parse("20240229T120000Z").unwrap();
    tree.set_wall_clock(noon);
    let get = |tree: &mut Tree, uri: &str| {
        let items = vec![Item::to(LocUri::new(uri.to_owned()).unwrap())];
        let get: Command<'_> = dm_syncml::Get::new(CmdId::new("1").unwrap(), items).into();
        let done = tree.execute(&id("S"), &get, &mut ());
        let status = done.status().unwrap().get();
        let result = done.into_results().pop();
        (
            status,
            result.map(|item| {
                MgmtTree::from_data(item.data.as_ref().unwrap(), None, &DocumentOptions::STRICT).unwrap()
            }),
        )
    };
    let body = leaf_with("a", "<TStamp>19990101T000000Z</TStamp><VerNo>7</VerNo>", "chr", "1");
    assert_eq!(add(&mut tree, "S", ".", &document(&body)).0, 200);
    let (status, read) = get(&mut tree, "./a?list=TNDS+TStamp+VerNo");
    let rt = read.unwrap().nodes()[0].rt.clone().unwrap();
    assert_eq!((status, rt.t_stamp.as_deref(), rt.ver_no), (200, Some("20240229T120000Z"), Some(0)));
    let mut without = Tree::default();
    assert_eq!(get(&mut without, ".?list=TNDS+TStamp").0, 406);
    assert_eq!(get(&mut without, ".?list=TNDS").0, 200);
}

/// What is left in the Inbox is for the device, by its type; no server reads it there.
#[test]
fn objects_are_left_in_the_inbox() {
    let mut tree = Tree::default();
    dm_tree::Inbox::install(&mut tree, ".").unwrap();
    let account = "<Node><NodeName>x</NodeName><RTProperties><ACL>Get=S&amp;Replace=S</ACL><Format><node/></Format><Type>\
                   <DDFName>urn:oma:mo:oma-dm-dmacc:1.0</DDFName></Type></RTProperties><Node><NodeName>ServerID</NodeName>\
                   <Value>S</Value></Node><Node><NodeName>AppAuth</NodeName><Node><NodeName/><Node>\
                   <NodeName>AAuthSecret</NodeName><Value>hunter2</Value></Node></Node></Node></Node>";
    assert_eq!(add(&mut tree, "S", "./Inbox", &document(account)), (200, String::new()));
    let left: Vec<_> = dm_tree::Inbox::contents(&tree).map(|node| node.mo_id()).collect();
    assert_eq!(left, [dm_tree::DmAccount::MO_ID]);
    let server = id("S");
    let mut handlers = ();
    let mut acting = tree.act_for(&server, &mut handlers);
    for uri in ["./Inbox", "./Inbox/x", "./Inbox/x/ServerID"] {
        assert_eq!(acting.get_tnds(uri, Filter::ALL).unwrap_err().status().get(), 405, "{uri}");
    }
    let read = acting.get_tnds(".", Filter::ALL).unwrap();
    assert_eq!(read.nodes().len(), 1, "{read:?}");
    // The secret of an account is one wherever it lies.
    let secret = tree.node("./Inbox/x/AppAuth/1/AAuthSecret").unwrap();
    assert!(secret.value().unwrap().is_secret() && !secret.access().contains(AccessType::GET));
}

proptest! {
    /// Whatever is refused leaves the tree as it was, numbers and lists and all; what is done is there.
    #[test]
    fn all_or_nothing(
        nodes in proptest::collection::vec((0..3_usize, "[a-c]", 0..6_u8, "[0-9x]"), 1..8),
        replaces in any::<bool>(),
        acl in proptest::sample::select(vec!["Add=*&Get=*", "Add=*&Get=*&Replace=*", "Add=*&Delete=*&Get=*&Replace=*"]),
    ) {
        let mut tree = Tree::default();
        tree.set_acl(".", Acl::parse(acl).unwrap()).unwrap();
        for uri in ["./A/a/b", "./A/b", "./A/c/a/a"] {
            tree.insert(uri, NodeSpec::leaf(Value::chr("old"))).unwrap();
        }
        tree.insert("./A/a/c", NodeSpec::leaf(Value::chr("old")).permanent()).unwrap();
        tree.set_acl("./A/c", Acl::parse("Get=*&Add=*").unwrap()).unwrap();
        let mut document = MgmtTree::new();
        let below = usize::from(replaces);
        if replaces {
            document.push(0, Node::new("A").with_rt(RtProperties::interior(""))).unwrap();
        }
        for (depth, name, kind, value) in nodes {
            let node = match kind {
                0 | 1 => Node::new(name).with_rt(RtProperties::interior("").with_acl(Acl::parse("Get=S").unwrap())),
                2 => Node::new(name).with_rt(RtProperties::leaf(Format::Int, "text/plain")).with_value(NodeValue::text(value)),
                3 => Node::new(name).with_rt(RtProperties::leaf(Format::Chr, "text/plain").with_title("T")).with_value(NodeValue::text(value)),
                _ => Node::new(name).with_rt(RtProperties::interior("")),
            };
            let _ = document.push(depth + below, node);
        }
        let before = tree.to_tnds().unwrap();
        let server = id("S");
        let mut handlers = ();
        let mut acting = tree.act_for(&server, &mut handlers);
        let done = if replaces { acting.replace_tnds("./A", &document) } else { acting.add_tnds("./A", &document) };
        let changes = acting.take_changes();
        if done.is_err() {
            prop_assert_eq!(changes.len(), 0);
            prop_assert_eq!(tree.to_tnds().unwrap(), before);
            return Ok(());
        }
        prop_assert_eq!(changes.len(), 1);
        let mut open = vec![String::from("./A")];
        for node in &document.nodes()[below..] {
            open.truncate(node.depth() - below + 1);
            let uri = format!("{}/{}", open.last().unwrap(), node.name);
            let found = tree.node(&uri).unwrap();
            prop_assert_eq!(found.value().cloned(), node.to_value().unwrap(), "{}", uri);
            open.push(uri);
        }
        if replaces {
            let count = tree.node("./A").unwrap().walk().count();
            prop_assert_eq!(count, document.nodes().len());
        }
    }
}
