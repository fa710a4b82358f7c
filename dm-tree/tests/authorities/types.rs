//! Which types of objects a server may manage (DM-HLF-009, DM-HLF-020).

use dm_tree::authority::{DelegationKind, Reason, TypeRules};
use dm_tree::{Acl, NewNode, NodeSpec, Rights, Value};

use crate::scene::{ALL_OF_A, OTHER, SCOMO, id, run, terms, two_instances, uri, value};

#[test]
fn dm_hlf_009_type_not_listed_is_425() {
    let mut tree = two_instances();
    tree.set_type_rules(&id("A"), TypeRules::new().allow(OTHER).unwrap());
    let before = tree.snapshot().unwrap();
    let add = format!("AddNode ./SW/new {SCOMO}");
    assert_eq!(run(&mut tree, "A", &[&add, "Get ./SW/new"]), [425, 425]);
    assert_eq!(tree.snapshot().unwrap(), before, "the tree is unchanged");
    // Also as part of a subtree, and as a copy.
    let nodes = [
        dm_tree::SubtreeNode::new(uri("x").into_owned(), NewNode::interior("")),
        dm_tree::SubtreeNode::new(uri("x/y").into_owned(), NewNode::interior(SCOMO)),
    ];
    let (a, handlers) = (id("A"), &mut ());
    let refusal = tree.act_for(&a, handlers).add_subtree("./New", &nodes).unwrap_err();
    assert_eq!((refusal.status().get(), refusal.at().unwrap().as_str()), (425, "./New/x/y"));
    assert_eq!(tree.snapshot().unwrap(), before);
}

#[test]
fn dm_hlf_009_under_an_instance_of_it_everything_is_425_whatever_the_acl_says() {
    let mut tree = two_instances();
    tree.set_acl("./SW/a", Acl::anyone(Rights::ALL)).unwrap();
    tree.set_type_rules(&id("A"), TypeRules::new().allow(OTHER).unwrap());
    assert_eq!(run(&mut tree, "A", &ALL_OF_A), [425; 7]);
    assert_eq!(
        run(&mut tree, "A", &["Exec ./SW/a/leaf", "Copy ./SW/a/leaf ./Copy", "Delete ./SW/a"]),
        [425; 3]
    );
    // Nor does it go with what it lies in.
    tree.set_acl("./SW", Acl::anyone(Rights::ALL)).unwrap();
    assert_eq!(run(&mut tree, "A", &["Delete ./SW"]), [425]);
    let why = tree.explain(&id("A"), Rights::GET, &uri("./SW/a/leaf"));
    assert!(matches!(&why.reason, Reason::MoType { mo_id, .. } if mo_id == SCOMO));
    assert_eq!(
        why.to_string(),
        "denied: it lies in an object of type urn:oma:mo:oma-scomo:1.0, and the type is not among those allowed"
    );
}

#[test]
fn dm_hlf_009_a_listed_type_and_the_acl_is_200() {
    let mut tree = two_instances();
    tree.set_type_rules(&id("A"), TypeRules::new().allow("urn:oma:mo:oma-scomo:*").unwrap());
    tree.set_acl("./SW/b", Acl::parse("Get=A").unwrap()).unwrap();
    assert_eq!(
        run(&mut tree, "A", &["Get ./SW/a/leaf", "Get ./SW/b/leaf", "Replace ./SW/b/leaf"]),
        [200, 200, 425]
    );
}

#[test]
fn dm_hlf_020_a_deny_overrides_acl_ownership_and_delegation() {
    let mut tree = two_instances();
    tree.set_acl("./SW/b", Acl::anyone(Rights::ALL)).unwrap();
    tree.delegate(&id("B"), &id("A"), terms(DelegationKind::Shared, "./SW/b", Rights::ALL)).unwrap();
    let rules = TypeRules::new().allow(SCOMO).unwrap().deny(SCOMO).unwrap();
    tree.set_type_rules(&id("A"), rules);
    assert_eq!(run(&mut tree, "A", &["Get ./SW/a/leaf", "Get ./SW/b/leaf", "Replace ./SW/b/leaf"]), [425; 3]);
}

#[test]
fn dm_hlf_020_lists_hide_what_is_denied() {
    let mut tree = two_instances();
    tree.insert("./SW/free", NodeSpec::leaf(Value::chr("x"))).unwrap();
    assert_eq!(value(&mut tree, "C", "./SW"), "a/b/free", "names belong to the parent");
    tree.set_type_rules(&id("C"), TypeRules::new().deny(SCOMO).unwrap());
    assert_eq!(value(&mut tree, "C", "./SW"), "free");
    let (c, handlers) = (id("C"), &mut ());
    let mut acting = tree.act_for(&c, handlers);
    let mut walk = acting.walk("./SW", None).unwrap();
    let mut seen = Vec::new();
    while let Some(visit) = walk.next().unwrap() {
        seen.push(visit.uri().to_string());
    }
    assert_eq!(seen, ["./SW", "./SW/free"]);
}

#[test]
fn dm_hlf_020_denial_comes_before_existence() {
    let mut tree = two_instances();
    tree.set_type_rules(&id("C"), TypeRules::new().deny(SCOMO).unwrap());
    let below = [
        "Get ./SW/a/leaf",
        "Get ./SW/a/none",
        "Get ./SW/a/none/none",
        "Get ./SW/a/leaf/none",
        "Add ./SW/a/leaf",
    ];
    assert_eq!(run(&mut tree, "C", &below), [425; 5]);
    // Beside something hidden, a name that is free looks like one that is not.
    let beside =
        ["Get ./SW/a", "Get ./SW/c", "Replace ./SW/a", "Replace ./SW/c", "Delete ./SW/a", "Delete ./SW/c"];
    assert_eq!(run(&mut tree, "C", &beside), [425; 6]);
    assert_eq!(tree.read(&id("C"), &uri("./SW/c")).unwrap_err().status().get(), 425);
    // Elsewhere the order is as ever.
    assert_eq!(run(&mut tree, "C", &["Get ./None", "Add ./SW", "Replace ./SW"]), [404, 418, 425]);
    assert_eq!(run(&mut tree, "D", &["Get ./SW/c", "Add ./SW/a"]), [404, 418]);
}
