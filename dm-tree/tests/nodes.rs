//! Properties, case, leniencies, subtrees, schemas and late answers.

use std::sync::Arc;

use dm_syncml::StatusCode;
use dm_tree::{
    AccessType, Acl, ChangeKind, Children, Content, Context, Format, Handler, HandlerMap, LateAnswer,
    NewNode, NoAnswer, NodeFacts, NodeSpec, NodeUri, RefusalKind, Rights, SchemaCheck, SchemaCommand,
    ServerId, SubtreeNode, Timestamp, Tree, TreeError, TreeLimits, TreePolicy, UriLeniency, Value,
};

fn id(text: &str) -> ServerId {
    ServerId::new(text).unwrap()
}

fn open_tree() -> Tree {
    let mut tree = Tree::default();
    tree.set_acl(".", Acl::anyone(Rights::ALL)).unwrap();
    tree
}

fn get(tree: &mut Tree, uri: &str) -> Result<String, u16> {
    let got = tree.act_for(&id("S"), &mut ()).get(uri);
    got.map(|got| String::from_utf8(got.into_data()).unwrap()).map_err(|refusal| refusal.status().get())
}

#[test]
fn time_stamps_come_from_the_time_that_was_told() {
    let mut tree = open_tree();
    tree.insert("./A/old", NodeSpec::leaf(Value::chr("x"))).unwrap();
    assert_eq!(get(&mut tree, "./A/old?prop=TStamp"), Err(406));
    tree.set_wall_clock(Timestamp::parse("20240229T120000Z").unwrap());
    assert_eq!(get(&mut tree, "./A/old?prop=TStamp"), Ok(String::new()), "it changed before");
    tree.act_for(&id("S"), &mut ()).replace("./A/old", &Content::new(b"y")).unwrap();
    assert_eq!(get(&mut tree, "./A/old?prop=TStamp"), Ok("20240229T120000Z".into()));
    assert_eq!(get(&mut tree, "./A?prop=TStamp"), Ok(String::new()), "its child list is the same");
    tree.set_wall_clock(Timestamp::parse("20240301T120000Z").unwrap());
    tree.act_for(&id("S"), &mut ()).add("./A/new", &Content::new(b"z")).unwrap();
    for (uri, stamp, ver_no) in [
        ("./A", "20240301T120000Z", "2"),
        ("./A/new", "20240301T120000Z", "0"),
        ("./A/old", "20240229T120000Z", "1"),
    ] {
        assert_eq!(get(&mut tree, &format!("{uri}?prop=TStamp")), Ok(stamp.into()), "{uri}");
        assert_eq!(get(&mut tree, &format!("{uri}?prop=VerNo")), Ok(ver_no.into()), "{uri}");
    }
    let refusal =
        tree.act_for(&id("S"), &mut ()).replace("./A?prop=TStamp", &Content::new(b"x")).unwrap_err();
    assert_eq!(refusal.status().get(), 405);
}

#[test]
fn version_numbers_wrap() {
    let mut tree = open_tree();
    tree.insert("./n", NodeSpec::leaf(Value::int(0))).unwrap();
    for number in 0..=65_535 {
        tree.set_value("./n", Value::int(number)).unwrap();
    }
    assert_eq!(get(&mut tree, "./n?prop=VerNo"), Ok("0".into()));
}

#[test]
fn names_may_be_compared_without_case() {
    let mut tree = open_tree();
    tree.insert("./Cis", NodeSpec::interior().ignoring_case()).unwrap();
    tree.insert("./Cis/Some/Name", NodeSpec::leaf(Value::chr("v"))).unwrap();
    assert_eq!(get(&mut tree, "./Cis/sOME/nAME"), Ok("v".into()));
    assert_eq!(get(&mut tree, "./Cis/sOME"), Ok("Name".into()), "the spelling is kept");
    assert_eq!(get(&mut tree, "./cis"), Err(404), "the node itself belongs to its parent's names");
    let server = id("S");
    let handlers = &mut ();
    let mut acting = tree.act_for(&server, handlers);
    assert_eq!(acting.add("./Cis/SOME/NAME", &Content::new(b"")).unwrap_err().status().get(), 418);
    acting.replace("./Cis/SOME/NAME?prop=Name", &Content::new(b"nAmE")).unwrap();
    acting.add("./Cis/A%20B", &Content::new(b"e")).unwrap();
    assert_eq!(acting.get("./Cis/a%20b").unwrap().data(), b"e");
    acting.delete("./CIS").unwrap_err();
    acting.delete("./Cis/some").unwrap();
    assert!(acting.get("./Cis/Some/Name").is_err());
    let tree = tree.with_hash_seed(99);
    assert!(tree.node("./Cis/A%20b").is_some());
}

#[test]
fn peers_may_be_lenient_about_addresses() {
    let mut strict = open_tree();
    assert_eq!(get(&mut strict, "./"), Err(500));
    let policy = TreePolicy::default().with_uri_leniency(UriLeniency::FIELD);
    let mut tree = open_tree().with_policy(policy);
    tree.insert("./A", NodeSpec::leaf(Value::chr("v"))).unwrap();
    assert_eq!(get(&mut tree, "./"), Ok("A".into()));
    assert_eq!(get(&mut tree, "/A?prop=Format"), Ok("chr".into()));
}

fn node(path: &str, new: NewNode) -> SubtreeNode {
    SubtreeNode::new(NodeUri::parse(path).unwrap().into_owned(), new)
}

fn leaf(text: &str) -> NewNode {
    NewNode::Leaf(Value::chr(text))
}

fn interior() -> NewNode {
    NewNode::interior("")
}

fn uris(tree: &Tree) -> Vec<String> {
    tree.root().walk().skip(1).map(|node| node.uri().to_string()).collect()
}

#[test]
fn subtrees_are_added_whole_or_not_at_all() {
    let mut tree = open_tree();
    tree.set_acl(".", Acl::parse("Add=*&Get=*").unwrap()).unwrap();
    let server = id("S");
    let handlers = &mut ();
    let mut acting = tree.act_for(&server, handlers);
    let nodes = [
        node("X", NewNode::interior("urn:x"))
            .with_acl(Acl::parse("Get=*&Replace=S&Add=S&Delete=S").unwrap())
            .with_title("t"),
        node("X/a", leaf("1")).with_acl(Acl::parse("Get=T").unwrap()),
        node("X/b/c", leaf("2")),
    ];
    acting.add_subtree("./In/here", &nodes).unwrap();
    let changes = acting.take_changes();
    assert_eq!((changes.len(), &changes[0].kind), (1, &ChangeKind::SubtreeAdded));
    assert_eq!(changes[0].uri.as_str(), "./In/here");
    // One that is there already undoes the others.
    let again = [node("Y", leaf("1")), node("X/a", leaf("2"))];
    let refusal = acting.add_subtree("./In/here", &again).unwrap_err();
    assert_eq!(
        (refusal.kind(), refusal.at().unwrap().as_str()),
        (RefusalKind::AlreadyExists, "./In/here/X/a")
    );
    assert!(acting.take_changes().is_empty());
    assert_eq!(
        uris(&tree),
        ["./In", "./In/here", "./In/here/X", "./In/here/X/a", "./In/here/X/b", "./In/here/X/b/c"]
    );
    let top = tree.node("./In/here/X").unwrap();
    assert_eq!((top.mo_id(), top.title()), ("urn:x", "t"));
    assert_eq!(tree.node("./In/here/X/a").unwrap().acl().to_string(), "Get=T");
    // A leaf's ACL belongs to who may replace its parent; the creator of the parent may.
    let refusal = tree
        .act_for(&id("U"), &mut ())
        .add_subtree(".", &[node("l", leaf("")).with_acl(Acl::parse("Get=U").unwrap())]);
    assert_eq!(refusal.unwrap_err().status().get(), 425);
    assert!(tree.node("./l").is_none());
}

#[test]
fn subtrees_are_replaced_whole_or_not_at_all() {
    let mut tree = open_tree();
    for (uri, value) in [("./A/keep", "1"), ("./A/go", "2"), ("./A/sub/deep", "3"), ("./A/swap", "4")] {
        tree.insert(uri, NodeSpec::leaf(Value::chr(value))).unwrap();
    }
    let before = tree.snapshot().unwrap();
    let nodes = |last: NewNode| {
        let swapped = [node("swap", interior()), node("swap/in", leaf("8"))];
        let kept = [node(".", interior()), node("keep", leaf("9")), node("sub", interior())];
        kept.into_iter().chain(swapped).chain([node("new", last)]).collect::<Vec<_>>()
    };
    let server = id("S");
    let handlers = &mut ();
    let mut acting = tree.act_for(&server, handlers);
    let too_large = NewNode::Leaf(Value::bin(vec![0; TreeLimits::default().max_value_len + 1]));
    let refusal = acting.replace_subtree("./A", &nodes(too_large)).unwrap_err();
    assert_eq!((refusal.status().get(), refusal.at().unwrap().as_str()), (413, "./A/new"));
    assert_eq!(acting.tree().snapshot().unwrap(), before);
    acting.replace_subtree("./A", &nodes(leaf("5"))).unwrap();
    assert_eq!(acting.take_changes().len(), 1);
    assert_eq!(uris(&tree), ["./A", "./A/keep", "./A/new", "./A/sub", "./A/swap", "./A/swap/in"]);
    assert_eq!(get(&mut tree, "./A/keep"), Ok("9".into()));
    // Somebody else's right is asked for what would go.
    tree.set_acl("./A/new", Acl::parse("Get=*").unwrap()).unwrap();
    let refusal =
        tree.act_for(&server, &mut ()).replace_subtree("./A", &[node(".", interior())]).unwrap_err();
    assert_eq!((refusal.status().get(), refusal.at().unwrap().as_str()), (425, "./A/new"));
    assert_eq!(tree.len(), 7);
}

/// Nothing called `No`, and no numbers above 9.
#[derive(Debug)]
struct Strict;

impl SchemaCheck for Strict {
    fn check(&self, _: &Tree, uri: &NodeUri<'_>, command: SchemaCommand<'_>) -> Result<(), StatusCode> {
        let named_no = uri.last().is_some_and(|segment| segment.name() == "No");
        match command {
            SchemaCommand::Add(_) if named_no => Err(StatusCode::NOT_ALLOWED),
            SchemaCommand::Rename("No") | SchemaCommand::Delete => Err(StatusCode::NOT_ALLOWED),
            SchemaCommand::Replace(value) if value.as_int().is_some_and(|number| number > 9) => {
                Err(StatusCode::UNSUPPORTED_FORMAT)
            }
            _ => Ok(()),
        }
    }
}

#[test]
fn a_schema_is_asked_before_anything_changes() {
    let mut tree = open_tree();
    tree.set_schema(Some(Arc::new(Strict)));
    tree.insert("./N", NodeSpec::leaf(Value::int(1))).unwrap();
    let before = tree.snapshot().unwrap();
    let server = id("S");
    let handlers = &mut ();
    let mut acting = tree.act_for(&server, handlers);
    let ten = Content::new(b"10").with_format("int");
    let refusal = acting.add("./a/No/b", &Content::new(b"x")).unwrap_err();
    assert_eq!((refusal.status().get(), refusal.at().unwrap().as_str()), (405, "./a/No"));
    assert_eq!(acting.add("./No", &Content::new(b"x")).unwrap_err().at(), None);
    assert_eq!(acting.replace("./N", &ten).unwrap_err().status().get(), 415);
    assert_eq!(acting.replace("./N?prop=Name", &Content::new(b"No")).unwrap_err().status().get(), 405);
    assert_eq!(acting.copy("./N", "./No").unwrap_err().status().get(), 405);
    assert_eq!(acting.delete("./N").unwrap_err().status().get(), 405);
    assert_eq!(tree.snapshot().unwrap(), before);
}

/// Everything later.
struct Later;

impl Handler for Later {
    fn node(&mut self, _: &Context<'_>, path: &[&str]) -> Option<NodeFacts> {
        match path {
            [] => Some(NodeFacts::interior().with_access(AccessType::ALL)),
            ["n"] => Some(NodeFacts::leaf(Format::Int).with_access(AccessType::ALL).dynamic()),
            _ => None,
        }
    }

    fn get(&mut self, _: &Context<'_>, _: &[&str]) -> Result<Vec<u8>, NoAnswer> {
        Err(NoAnswer::Later)
    }

    fn children(&mut self, _: &Context<'_>, _: &[&str], _: &mut Children) -> Result<(), NoAnswer> {
        Err(NoAnswer::Later)
    }

    fn replace(&mut self, _: &Context<'_>, _: &[&str], _: &Value) -> Result<(), NoAnswer> {
        Err(NoAnswer::Later)
    }

    fn add(&mut self, _: &Context<'_>, _: &[&str], _: &NewNode) -> Result<(), NoAnswer> {
        Err(NoAnswer::Later)
    }

    fn delete(&mut self, _: &Context<'_>, _: &[&str]) -> Result<(), NoAnswer> {
        Err(NoAnswer::Later)
    }
}

#[test]
fn answers_may_come_later_in_any_order() {
    let mut tree = Tree::new(TreeLimits::default().with_max_pending(5));
    tree.set_acl(".", Acl::parse("Add=*&Get=*&Replace=T&Delete=*").unwrap()).unwrap();
    let mut handlers = HandlerMap::new();
    handlers.mount(&mut tree, "./L", Later).unwrap();
    tree.set_acl("./L/n", Acl::parse("Get=*&Replace=*&Delete=*").unwrap()).unwrap();
    let server = id("S");
    let mut acting = tree.act_for(&server, &mut handlers);
    let ticket = |done: Result<(), dm_tree::Refusal>| done.unwrap_err().ticket().unwrap();
    let list = ticket(acting.get("./L").map(drop));
    let value = ticket(acting.get("L/n").map(drop));
    let replaced = ticket(acting.replace("./L/n", &Content::new(b"5").with_format("int")));
    let added = ticket(acting.add("./L/new", &Content::interior("")));
    let deleted = ticket(acting.delete("./L/n"));
    let full = acting.get("./L/n").unwrap_err();
    assert_eq!((full.status().get(), full.ticket()), (420, None));
    assert_eq!(acting.walk(".", None).unwrap().next().map(|visit| visit.is_some()), Ok(true));
    assert!(acting.take_changes().is_empty());
    assert_eq!(tree.pending().count(), 5);

    assert_eq!(tree.answer(value, LateAnswer::Done), Err(TreeError::WrongAnswer));
    let answered = tree.answer(value, LateAnswer::Value(b"7".to_vec())).unwrap();
    let item = &answered.item.results[0];
    assert_eq!(
        (item.source_uri().unwrap().as_str(), item.data.as_ref().unwrap().as_text()),
        ("L/n", Some("7"))
    );
    assert_eq!(tree.answer(value, LateAnswer::Done), Err(TreeError::NoTicket));
    let answered = tree.answer(list, LateAnswer::Children(vec!["n".into(), "a b".into()])).unwrap();
    assert_eq!(answered.item.results[0].data.as_ref().unwrap().as_text(), Some("n/a%20b"));
    // The ACL a new node gets is there at once, and goes again when the handler refuses.
    let acl = |tree: &Tree, uri| tree.effective_acl(&NodeUri::parse(uri).unwrap()).unwrap().to_string();
    assert_eq!(acl(&tree, "./L/new"), "Add=*&Delete=*&Get=*&Replace=S+T");
    let answered = tree.answer(added, LateAnswer::Refused(StatusCode::FORBIDDEN)).unwrap();
    assert_eq!((answered.item.status, answered.changes.len()), (StatusCode::FORBIDDEN, 0));
    assert_eq!(acl(&tree, "./L/new"), "Add=*&Delete=*&Get=*&Replace=T");
    let answered = tree.answer(deleted, LateAnswer::Done).unwrap();
    assert_eq!(answered.changes[0].kind, ChangeKind::Deleted);
    assert_eq!(acl(&tree, "./L/n"), "Add=*&Delete=*&Get=*&Replace=T");
    let answered = tree.answer(replaced, LateAnswer::Done).unwrap();
    assert_eq!((answered.item.status, answered.changes[0].uri.as_str()), (StatusCode::OK, "./L/n"));
}

#[cfg(feature = "serde")]
#[test]
fn snapshots_and_records_go_into_any_store() {
    let mut tree = open_tree();
    tree.set_wall_clock(Timestamp::parse("20240229T120000Z").unwrap());
    tree.insert("./A/%41b", NodeSpec::leaf(Value::bin([0, 255])).with_title("ü").permanent()).unwrap();
    tree.insert("./S", NodeSpec::leaf(Value::chr("secret").into_secret()).with_access(AccessType::REPLACE))
        .unwrap();
    let mount = tree.mount("./M").unwrap();
    tree.set_acl("./M/x", Acl::parse("Get=T").unwrap()).unwrap();
    let snapshot = tree.snapshot().unwrap();
    let text = serde_json::to_string(&snapshot).unwrap();
    let read: dm_tree::TreeSnapshot = serde_json::from_str(&text).unwrap();
    assert_eq!(read, snapshot);
    let mut restored = Tree::restore(&read, TreeLimits::default()).unwrap();
    assert_eq!(restored.mount_uri(mount).unwrap().as_str(), "./M");
    assert!(restored.node("./S").unwrap().value().unwrap().is_secret());
    tree.set_journaling(true);
    tree.set_value("./A/Ab", Value::bin([7])).unwrap();
    tree.remove("./M").unwrap();
    let record = tree.take_record().unwrap();
    let record: dm_tree::TreeRecord = serde_json::from_str(&serde_json::to_string(&record).unwrap()).unwrap();
    restored.replay(&record).unwrap();
    assert_eq!(restored.snapshot().unwrap(), tree.snapshot().unwrap());
    // Twice is once too often, and changes nothing.
    let error = restored.replay(&record).unwrap_err();
    assert_eq!((error.kind(), error.at()), (dm_tree::RestoreErrorKind::Misfit, 1));
    assert_eq!(restored.snapshot().unwrap(), tree.snapshot().unwrap());
    let other = text.replacen("\"version\":2", "\"version\":1", 1);
    let other: dm_tree::TreeSnapshot = serde_json::from_str(&other).unwrap();
    let error = Tree::restore(&other, TreeLimits::default()).unwrap_err();
    assert_eq!(error.kind(), dm_tree::RestoreErrorKind::Version(1));
    assert!(serde_json::from_str::<dm_tree::TreeSnapshot>(&text.replace("Get=T", "Get=")).is_err());
}
