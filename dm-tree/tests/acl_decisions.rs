//! Who may do what: a table of decisions on the example tree of TND 1.2.1 §7.7.1.6, and on a few others.

use dm_tree::{
    AccessType, Acl, Content, NodeSpec, Refusal, Rights, ServerId, Tree, TreeLimits, TreePolicy, Value,
};

/// The example tree of the specification. All nodes are dynamic and take every command.
fn figure() -> Tree {
    let mut tree = Tree::default();
    let leaf = || NodeSpec::leaf(Value::chr("v"));
    for (uri, acl, spec) in [
        ("./NodeA", "Get=ServerC&Replace=ServerC", NodeSpec::interior()),
        ("./NodeA/Node1", "Get=*", leaf()),
        ("./NodeB", "Get=ServerA&Replace=ServerA", NodeSpec::interior()),
        ("./NodeB/Node2", "", leaf()),
        ("./NodeB/Node3", "Get=ServerB&Replace=ServerB&Delete=ServerB", NodeSpec::interior()),
        ("./NodeB/Node3/Node4", "", leaf()),
        ("./NodeB/Node3/Node5", "Get=ServerA&Replace=ServerA&Get=ServerB", leaf()),
        ("./NodeC", "Get=ServerA&Replace=ServerA", NodeSpec::interior()),
    ] {
        tree.insert(uri, spec.with_acl(Acl::parse(acl).unwrap())).unwrap();
    }
    tree
}

fn id(text: &str) -> ServerId {
    ServerId::new(text).unwrap()
}

/// One command in words: `Get ADDRESS`, `Replace ADDRESS DATA`, `Add ADDRESS DATA`, `Add ADDRESS (node)` ...
fn run(tree: &mut Tree, server: &str, command: &str) -> (u16, String) {
    let server = match server {
        "A" | "B" | "C" | "X" => id(&format!("Server{server}")),
        other => id(other),
    };
    let handlers = &mut ();
    let mut acting = tree.act_for(&server, handlers);
    let mut words = command.splitn(3, ' ');
    let (verb, uri) = (words.next().unwrap(), words.next().unwrap());
    let data = words.next().unwrap_or_default();
    let content = match data {
        "(node)" => Content::interior(""),
        "(int)" => Content::new(b"5").with_format("int"),
        data => Content::new(data.as_bytes()),
    };
    let done: Result<Vec<u8>, Refusal> = match verb {
        "Get" => acting.get(uri).map(|got| got.into_data()),
        "Add" => acting.add(uri, &content).map(|()| Vec::new()),
        "Replace" => acting.replace(uri, &content).map(|()| Vec::new()),
        "Delete" => acting.delete(uri).map(|()| Vec::new()),
        "Exec" => acting.exec(uri, data.as_bytes()).map(|status| status.to_string().into_bytes()),
        other => panic!("no command {other}"),
    };
    match done {
        Ok(data) => (200, String::from_utf8(data).unwrap()),
        Err(refusal) => (refusal.status().get(), String::new()),
    }
}

const ANY: &str = "\u{1}";

/// Row, server, command, status, data (or [`ANY`]). Every row begins with the figure.
#[rustfmt::skip]
const TABLE: &[(u8, &str, &str, u16, &str)] = &[
    (1, "A", "Get ./NodeA/Node1", 200, "v"),
    (2, "A", "Get ./NodeA", 425, ""),
    (3, "C", "Get ./NodeA", 200, "Node1"),
    (4, "A", "Get ./NodeA/Node1?prop=ACL", 200, "Get=*"),
    (5, "B", "Get ./NodeB/Node3/Node4?prop=ACL", 200, ""),
    (6, "A", "Get ./NodeB/Node3/Node4?prop=ACL", 425, ""),
    (7, "A", "Get ./NodeB/Node2", 200, "v"),
    (8, "B", "Get ./NodeB/Node2", 425, ""),
    (9, "A", "Get ./NodeB/Node3", 425, ""),
    (10, "B", "Get ./NodeB/Node3", 200, "Node4/Node5"),
    (11, "B", "Get ./NodeB/Node3/Node4", 200, "v"),
    (12, "A", "Get ./NodeB/Node3/Node5", 200, "v"),
    (13, "B", "Get ./NodeB/Node3/Node5", 200, "v"),
    (14, "C", "Get ./NodeB/Node3/Node5", 425, ""),
    (15, "X", "Get .", 200, "NodeA/NodeB/NodeC"),
    (16, "X", "Get .?prop=ACL", 200, "Add=*&Get=*"),
    (17, "C", "Replace ./NodeA/Node1 x", 425, ""),
    (18, "C", "Replace ./NodeA/Node1?prop=ACL Exec=*", 200, ""),
    (20, "A", "Replace ./NodeA/Node1?prop=ACL Get=*", 425, ""),
    (21, "A", "Replace ./NodeB/Node3/Node5 x", 200, ""),
    (22, "B", "Replace ./NodeB/Node3/Node5 x", 425, ""),
    (23, "A", "Replace ./NodeB/Node3/Node5?prop=ACL Get=*", 425, ""),
    (24, "B", "Replace ./NodeB/Node3/Node5?prop=ACL Get=*", 200, ""),
    (25, "B", "Replace ./NodeB/Node3/Node4 x", 200, ""),
    (26, "A", "Replace ./NodeB/Node3/Node4 x", 425, ""),
    (27, "B", "Replace ./NodeB/Node3?prop=ACL Get=*", 200, ""),
    (28, "A", "Replace ./NodeB/Node3?prop=ACL Get=*", 200, ""),
    (29, "C", "Replace ./NodeB/Node3?prop=ACL Get=*", 425, ""),
    (30, "B", "Replace ./NodeB/Node3 x", 405, ""),
    (31, "A", "Delete ./NodeB/Node3", 425, ""),
    (32, "B", "Delete ./NodeB/Node3", 200, ""),
    (33, "B", "Delete ./NodeB/Node3/Node4", 200, ""),
    (34, "B", "Delete ./NodeB/Node3/Node5", 425, ""),
    (35, "A", "Delete ./NodeB", 425, ""),
    (36, "C", "Delete ./NodeA/Node1", 425, ""),
    (37, "X", "Delete .", 405, ""),
    (38, "X", "Add ./NodeD x", 200, ""),
    (39, "X", "Add ./NodeE (node)", 200, ""),
    (40, "C", "Add ./NodeA/New x", 425, ""),
    (41, "X", "Add ./NodeA/Node1 x", 418, ""),
    (42, "X", "Add ./NodeA/Node1/Y x", 405, ""),
    (43, "B", "Add ./NodeB/Node3/N6 x", 425, ""),
    (44, "A", "Exec ./NodeB/Node2", 425, ""),
    (45, "X", "Replace .?prop=ACL Add=*", 425, ""),
    (46, "C", "Replace ./NodeA?prop=Name NodeZ", 200, ""),
    (47, "C", "Replace ./NodeA?prop=Name NodeB", 418, ""),
    (48, "A", "Replace ./NodeB/Node3?prop=Name Q", 425, ""),
    (49, "C", "Replace ./NodeA?prop=ACL Get=", 500, ""),
    (50, "C", "Replace ./NodeA?prop=ACL Copy=ServerC", 500, ""),
    (51, "C", "Replace ./NodeA?prop=ACL", 200, ""),
    (52, "C", "Add ./NodeA?prop=ACL Get=*", 405, ""),
    (52, "C", "Delete ./NodeA?prop=ACL", 405, ""),
    (52, "C", "Exec ./NodeA?prop=ACL", 405, ""),
    (53, "A", "Replace ./NodeB/Node2?prop=TStamp 20240101T000000Z", 405, ""),
    (54, "A", "Get ./NodeB/Node2?prop=Foo", 406, ""),
    (55, "X", "Get ./Nope", 404, ""),
    (55, "X", "Replace ./Nope x", 404, ""),
];

/// Rows that need more than one command on the figure, and the tests that hold them.
#[rustfmt::skip]
const ELSEWHERE: &[(&[u8], &str, &str)] = &[
    (&[19], "acl_decisions.rs", "row_19_and_what_the_rows_leave_behind"),
    (&[56, 57], "acl_decisions.rs", "rows_56_57_the_root_stays_open_to_add"),
    (&[58, 59], "acl_decisions.rs", "rows_58_59_identifiers_are_whole"),
    (&[60], "acl_decisions.rs", "row_60_permanence_beats_the_acl"),
    (&[61], "acl_decisions.rs", "row_61_access_type_guards_the_node_addressed"),
    (&[62, 63], "acl_decisions.rs", "rows_62_63_new_nodes"),
    (&[64], "acl_decisions.rs", "row_64_a_server_is_removed"),
    (&[65], "acl_decisions.rs", "row_65_names_belong_to_the_parent"),
    (&[66], "sessions.rs", "row_66_authentication_is_not_access_control"),
    (&[67], "atomic.rs", "row_67_the_allowed_is_undone_with_the_denied"),
];

#[test]
fn every_row_is_held() {
    let sources = [
        ("acl_decisions.rs", include_str!("acl_decisions.rs")),
        ("atomic.rs", include_str!("atomic.rs")),
        ("sessions.rs", include_str!("sessions.rs")),
    ];
    let mut rows: Vec<u8> = TABLE.iter().map(|(row, ..)| *row).collect();
    for (held, file, test) in ELSEWHERE {
        let (_, source) = sources.iter().find(|(name, _)| name == file).unwrap();
        assert!(source.contains(&format!("#[test]\nfn {test}() {{")), "{file} has no {test}");
        rows.extend(*held);
    }
    rows.sort_unstable();
    rows.dedup();
    assert_eq!(rows, (1..=67).collect::<Vec<_>>());
}

fn snapshot(tree: &Tree) -> Vec<String> {
    tree.root().walk().map(|node| format!("{} {:?} {}", node.uri(), node.value(), node.acl())).collect()
}

#[test]
fn decisions_on_the_figure() {
    for &(row, server, command, status, data) in TABLE {
        let mut tree = figure();
        let before = snapshot(&tree);
        let done = run(&mut tree, server, command);
        assert_eq!(done.0, status, "row {row}: {server} {command}");
        if data != ANY {
            assert_eq!(done.1, data, "row {row}: {server} {command}");
        }
        if status != 200 || command.starts_with("Get") {
            assert_eq!(snapshot(&tree), before, "row {row}: {server} {command} changed something");
        } else {
            assert_ne!(snapshot(&tree), before, "row {row}: {server} {command} changed nothing");
        }
    }
}

fn acl_of(tree: &Tree, uri: &str) -> String {
    tree.node(uri).unwrap().acl().to_string()
}

#[test]
fn row_19_and_what_the_rows_leave_behind() {
    // 18, 19: two steps take a leaf over.
    let mut tree = figure();
    assert_eq!(run(&mut tree, "C", "Replace ./NodeA/Node1?prop=ACL Get=*&Replace=ServerC").0, 200);
    assert_eq!(run(&mut tree, "C", "Replace ./NodeA/Node1 x").0, 200);
    // 32: the children go with their parent.
    let mut tree = figure();
    run(&mut tree, "B", "Delete ./NodeB/Node3");
    assert!(tree.node("./NodeB/Node3/Node5").is_none() && tree.node("./NodeB/Node2").is_some());
    // 32, strict: Node5 does not grant Delete.
    let mut tree = figure().with_policy(TreePolicy::default().with_strict_subtree_delete(true));
    assert_eq!(run(&mut tree, "B", "Delete ./NodeB/Node3").0, 425);
    assert_eq!(run(&mut tree, "B", "Delete ./NodeB/Node3/Node4").0, 200);
    // 38, 39: what new nodes get.
    let mut tree = figure();
    run(&mut tree, "X", "Add ./NodeD x");
    run(&mut tree, "X", "Add ./NodeE (node)");
    assert_eq!(acl_of(&tree, "./NodeD"), "");
    assert_eq!(acl_of(&tree, "./NodeE"), "Add=*&Delete=ServerX&Get=*&Replace=ServerX");
    // 46: ACLs move with their nodes.
    let mut tree = figure();
    run(&mut tree, "C", "Replace ./NodeA?prop=Name NodeZ");
    assert_eq!(acl_of(&tree, "./NodeZ"), "Get=ServerC&Replace=ServerC");
    assert_eq!(acl_of(&tree, "./NodeZ/Node1"), "Get=*");
    assert!(tree.node("./NodeA").is_none());
    // 51: an empty ACL inherits.
    let mut tree = figure();
    run(&mut tree, "C", "Replace ./NodeA?prop=ACL");
    assert_eq!(run(&mut tree, "X", "Get ./NodeA").0, 200);
    assert_eq!(run(&mut tree, "C", "Replace ./NodeA?prop=ACL Get=*").0, 425);
}

fn with_root(acl: &str) -> Tree {
    let mut tree = Tree::default();
    tree.set_acl(".", Acl::parse(acl).unwrap()).unwrap();
    tree
}

fn put(tree: &mut Tree, uri: &str, acl: &str, spec: NodeSpec) {
    tree.insert(uri, spec.with_acl(Acl::parse(acl).unwrap())).unwrap();
}

#[test]
fn rows_56_57_the_root_stays_open_to_add() {
    let mut tree = with_root("Add=*&Get=*&Replace=S");
    assert_eq!(run(&mut tree, "S", "Replace .?prop=ACL Get=*").0, 405);
    assert_eq!(run(&mut tree, "S", "Replace .?prop=ACL").0, 405);
    assert_eq!(run(&mut tree, "S", "Replace .?prop=ACL Add=").0, 500);
    assert_eq!(acl_of(&tree, "."), "Add=*&Get=*&Replace=S");
    assert_eq!(run(&mut tree, "S", "Replace .?prop=ACL Add=*&Get=S&Replace=S").0, 200);
    assert_eq!(acl_of(&tree, "."), "Add=*&Get=S&Replace=S");
}

#[test]
fn rows_58_59_identifiers_are_whole() {
    let mut tree = Tree::default();
    put(&mut tree, "./N", "Get=*+S2&Replace=S2", NodeSpec::leaf(Value::chr("v")));
    assert_eq!(run(&mut tree, "S", "Get ./N").0, 200);
    put(&mut tree, "./M", "Get=srv1+srv2", NodeSpec::leaf(Value::chr("v")));
    assert_eq!(run(&mut tree, "srv", "Get ./M").0, 425);
    assert_eq!(run(&mut tree, "srv2", "Get ./M").0, 200);
}

#[test]
fn row_60_permanence_beats_the_acl() {
    let mut tree = Tree::default();
    put(&mut tree, "./P", "Delete=S&Replace=S", NodeSpec::leaf(Value::chr("v")).permanent());
    for (command, status) in [
        ("Replace ./P x", 200),
        ("Replace ./P?prop=Name Q", 405),
        ("Delete ./P", 405),
        ("Replace ./P (int)", 405),
    ] {
        assert_eq!(run(&mut tree, "S", command).0, status, "{command}");
    }
}

#[test]
fn row_61_access_type_guards_the_node_addressed() {
    let mut tree = Tree::default();
    put(&mut tree, "./D", "Delete=S", NodeSpec::interior());
    let guarded = NodeSpec::leaf(Value::chr("v")).with_access(AccessType::ALL - AccessType::DELETE);
    put(&mut tree, "./D/L", "Delete=S", guarded);
    assert_eq!(run(&mut tree, "S", "Delete ./D/L").0, 405);
    assert_eq!(run(&mut tree, "S", "Delete ./D").0, 200);
    assert!(tree.is_empty());
}

#[test]
fn rows_62_63_new_nodes() {
    let mut tree = Tree::default();
    put(&mut tree, "./P", "Add=S+T&Get=*&Replace=S", NodeSpec::interior());
    assert_eq!(run(&mut tree, "S", "Add ./P/q (node)").0, 200);
    assert_eq!(acl_of(&tree, "./P/q"), "");
    assert_eq!(run(&mut tree, "T", "Add ./P/t/r x").0, 200);
    assert_eq!(acl_of(&tree, "./P/t"), "Add=S+T&Delete=T&Get=*&Replace=S+T");
    assert_eq!(acl_of(&tree, "./P/t/r"), "");
    assert_eq!(run(&mut tree, "T", "Delete ./P/t").0, 200);
    // Where ancestors are not created on the way.
    let mut tree = tree.with_policy(TreePolicy::default().with_implicit_add(false));
    assert_eq!(run(&mut tree, "T", "Add ./P/u/r x").0, 404);
    assert_eq!(run(&mut tree, "T", "Add ./P/u (node)").0, 200);
}

#[test]
fn row_64_a_server_is_removed() {
    let mut tree = with_root("Add=S&Get=*");
    put(&mut tree, "./A", "Get=S+T&Replace=S", NodeSpec::interior());
    put(&mut tree, "./B", "Get=S", NodeSpec::interior());
    tree.remove_server(&id("S"));
    assert_eq!(
        [acl_of(&tree, "."), acl_of(&tree, "./A"), acl_of(&tree, "./B")],
        ["Add=*&Get=*", "Get=T", ""]
    );
}

#[test]
fn row_65_names_belong_to_the_parent() {
    let mut tree = with_root("Add=*");
    put(&mut tree, "./A", "Get=S", NodeSpec::interior());
    put(&mut tree, "./A/B", "Get=T", NodeSpec::leaf(Value::chr("v")));
    assert_eq!(run(&mut tree, "S", "Get ./A"), (200, "B".into()));
    assert_eq!(run(&mut tree, "S", "Get ./A/B").0, 425);
}

#[test]
fn nobody_gains_rights_by_nesting() {
    // A server that only may add cannot lift itself above what it made.
    let mut tree = Tree::default();
    put(&mut tree, "./P", "Add=T&Get=S&Replace=S", NodeSpec::interior());
    assert_eq!(run(&mut tree, "T", "Add ./P/t (node)").0, 200);
    for command in
        ["Get ./P", "Delete ./P", "Replace ./P?prop=ACL Add=T&Replace=T", "Replace ./P?prop=Name Q"]
    {
        assert_eq!(run(&mut tree, "T", command).0, 425, "{command}");
    }
    assert!(!tree.may(&id("T"), Rights::GET, &dm_tree::NodeUri::parse("./P/t").unwrap()));
}

/// Each row breaks the rule it names and some that come later; the earlier one must win.
#[test]
fn order_of_checks() {
    let limits = TreeLimits::default()
        .with_uri(dm_tree::UriLimits::default().with_max_seg_len(8))
        .with_max_value_len(8)
        .with_max_nodes(7);
    let mut tree = Tree::new(limits);
    put(
        &mut tree,
        "./Perm",
        "Get=S",
        NodeSpec::leaf(Value::chr("v")).permanent().with_access(AccessType::NONE),
    );
    put(&mut tree, "./Shut", "Get=S", NodeSpec::interior().with_access(AccessType::NONE));
    put(&mut tree, "./Open", "Get=T&Replace=T&Delete=T&Exec=T&Add=T", NodeSpec::interior());
    let shut = || NodeSpec::leaf(Value::chr("v")).with_access(AccessType::NONE);
    put(&mut tree, "./Open/Shut", "", shut());
    put(&mut tree, "./Open/Leaf", "", NodeSpec::leaf(Value::chr("v")));
    put(&mut tree, "./Open/Perm", "", NodeSpec::leaf(Value::int(1)).permanent());
    for (server, command, status, why) in [
        ("S", "Replace ./Nope.muchtoolong/?prop=Foo x", 500, "syntax"),
        ("S", "Replace ./Nopemuchtoolong?prop=Foo x", 414, "length"),
        ("S", "Replace ./Nope?prop=Foo x", 406, "property"),
        ("S", "Get ./Nope?prop=TStamp", 406, "property not kept"),
        ("S", "Get ./Nope?list=Foo", 406, "list"),
        ("S", "Replace ./Nope?list=Struct x", 405, "list is for Get"),
        ("S", "Replace ./Nope?prop=Size x", 405, "property is read-only"),
        ("S", "Add ./Perm?prop=Name x", 405, "property cannot be added"),
        ("S", "Replace ./Nope x", 404, "existence"),
        ("S", "Delete ./Nope", 404, "existence"),
        ("S", "Exec ./Perm/x", 404, "existence below a leaf"),
        ("S", "Add ./Perm (int)", 418, "existence"),
        ("S", "Add . (node)", 418, "existence of the root"),
        ("S", "Add ./Perm/x (int)", 405, "parent is a leaf"),
        ("S", "Delete ./Perm", 405, "permanence before the acl"),
        ("S", "Replace ./Perm?prop=Name a/b", 405, "permanence before the acl"),
        ("S", "Replace .?prop=Name x", 405, "the root keeps its name"),
        ("S", "Replace ./Perm (node)", 425, "acl"),
        ("S", "Replace ./Shut x", 425, "acl"),
        ("S", "Delete ./Shut", 425, "acl"),
        ("S", "Exec ./Shut", 425, "acl"),
        ("S", "Add ./Shut/x (int)", 425, "acl"),
        ("S", "Replace ./Shut?prop=ACL Foo", 425, "acl before the new acl"),
        ("S", "Get ./Perm", 405, "access type"),
        ("S", "Get ./Perm?prop=Size", 405, "the size of what cannot be read"),
        ("S", "Get ./Perm?prop=ACL", 200, "properties can be read"),
        ("S", "Get ./Perm?prop=Type", 200, "properties can be read"),
        ("S", "Get ./Shut?prop=Size", 406, "interior nodes have no size"),
        ("T", "Replace ./Open/Shut (node)", 405, "access type before the data"),
        ("T", "Replace ./Open/Shut?prop=Name Leaf", 405, "access type before the name"),
        ("T", "Exec ./Open/Shut", 405, "access type"),
        ("T", "Replace ./Open (int)", 405, "interior"),
        ("T", "Replace ./Open/Leaf 123456789", 413, "size"),
        ("T", "Replace ./Open/Perm (node)", 405, "format of a permanent node"),
        ("T", "Replace ./Open/Perm x", 415, "data of a permanent node"),
        ("T", "Replace ./Open/Perm 5", 200, "format as before"),
        ("T", "Delete ./Open", 405, "a permanent node below"),
        ("T", "Replace ./Open?prop=Name x", 405, "a permanent node below"),
        ("T", "Replace ./Open/Leaf?prop=Name a/b", 500, "name"),
        ("T", "Replace ./Open/Leaf?prop=Name muchtoolong", 414, "name"),
        ("T", "Replace ./Open/Leaf?prop=Name Shut", 418, "name"),
        ("T", "Replace ./Open/Leaf?prop=Name Leaf", 200, "its own name"),
        ("T", "Exec ./Open/Leaf", 406, "nothing to execute"),
        ("T", "Add ./Open/x 123456789", 413, "size before room"),
        ("T", "Add ./Open/x 1", 420, "room"),
    ] {
        assert_eq!(run(&mut tree, server, command).0, status, "{server} {command}: {why}");
    }
}

#[test]
fn a_rename_keeps_the_nodes_below_within_reach() {
    let server = id("S");
    let rename = |tree: &mut Tree, uri: &str, name: &[u8]| {
        let uri = format!("{uri}?prop=Name");
        tree.act_for(&server, &mut ()).replace(&uri, &Content::new(name)).map_err(|r| r.status().get())
    };
    let uri = dm_tree::UriLimits::default().with_max_tot_len(17);
    let mut tree = Tree::new(TreeLimits::default().with_uri(uri));
    put(&mut tree, "./A", "Get=S&Replace=S", NodeSpec::interior());
    put(&mut tree, "./A/b/c123456789", "", NodeSpec::leaf(Value::chr("v")));
    put(&mut tree, "./A/b/c", "", NodeSpec::leaf(Value::chr("v")));
    assert_eq!(rename(&mut tree, "./A", b"ABC"), Err(414));
    assert_eq!(rename(&mut tree, "./A", b"AB"), Ok(()));
    assert_eq!(rename(&mut tree, "./AB", b"a"), Ok(()));
    assert!(tree.node("./a/b/c123456789").is_some());
}

#[test]
fn a_full_tree_still_shrinks() {
    let mut tree = Tree::new(TreeLimits::default().with_max_total_len(60));
    tree.set_acl(".", Acl::parse("Add=*&Delete=*&Get=*&Replace=*").unwrap()).unwrap();
    assert_eq!(run(&mut tree, "S", "Add ./a 1234567").0, 200);
    assert_eq!(run(&mut tree, "S", "Add ./b 12345678901234567890").0, 420);
    assert_eq!(run(&mut tree, "S", "Replace ./a 12345678901234567890").0, 420);
    assert_eq!(run(&mut tree, "S", "Replace ./a?prop=ACL Get=12345678901234567890").0, 420);
    assert_eq!(run(&mut tree, "S", "Replace ./a?prop=Title 12345678901234567890").0, 420);
    assert_eq!(run(&mut tree, "S", "Get ./a"), (200, "1234567".into()), "a refusal changes nothing");
    assert_eq!(run(&mut tree, "S", "Replace ./a 1").0, 200);
    assert_eq!(run(&mut tree, "S", "Delete ./a").0, 200);
    assert!(tree.is_empty());
}

#[test]
fn long_lists_are_refused() {
    let mut tree = Tree::new(TreeLimits::default().with_max_acl_len(40));
    put(&mut tree, "./P", "Add=*&Get=*&Replace=S", NodeSpec::interior());
    assert_eq!(run(&mut tree, "S", "Replace ./P?prop=ACL Get=a+b+c+d+e+f+g+h+i+j+k+l+m+n+o+p+q+r+s").0, 413);
    // What a new node would get is longer than the limit, too.
    assert_eq!(run(&mut tree, "somebody-with-a-name", "Add ./P/q (node)").0, 420);
    assert_eq!(run(&mut tree, "somebody-with-a-name", "Add ./P/q x").0, 200);
}

/// Unlimited depth is legal; one command then makes a chain as long as its address, and another removes it.
#[test]
fn very_deep_trees() {
    let limits = TreeLimits::default().with_uri(dm_tree::UriLimits::UNLIMITED);
    let mut tree = Tree::new(limits);
    tree.set_acl(".", Acl::anyone(Rights::ALL)).unwrap();
    let uri = format!(".{}", "/a".repeat(50_000));
    assert_eq!(run(&mut tree, "S", &format!("Add {uri} x")).0, 200);
    assert_eq!(run(&mut tree, "S", &format!("Get {uri}")), (200, "x".into()));
    assert_eq!(run(&mut tree, "S", "Replace ./a?prop=Name b").0, 200);
    let clone = tree.clone();
    assert_eq!(run(&mut tree, "S", "Delete ./b").0, 200);
    assert!(tree.is_empty());
    drop(clone);
}
