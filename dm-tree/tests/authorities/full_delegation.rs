//! Full delegation, and what it keeps from others (DM-HLF-023, DM-HLF-025).

use dm_syncml::{CmdId, Get, Item, LocUri, StatusCode};
use dm_tree::authority::{DelegationKind, LedgerErrorKind, MoType, Scope, Terms, TypeRules};
use dm_tree::{
    Acl, Children, Context, Format, Handler, HandlerMap, LateAnswer, NoAnswer, NodeFacts, Rights, Tree,
};

use crate::scene::{ALL_OF_A, SCOMO, id, run, terms, two_instances, uri, value};

const ANYTHING: [&str; 20] = [
    "Get ./SW/a",
    "Get ./SW/a/leaf",
    "Get ./SW/a/none",
    "Get ./SW/a/leaf/none",
    "Get ./SW/a?prop=ACL",
    "Get ./SW/a?prop=Type",
    "Get ./SW/a/leaf?prop=Size",
    "Get ./SW/a/leaf?prop=VerNo",
    "Get ./SW/a/leaf?prop=TStamp",
    "Get ./SW/a/none?prop=Name",
    "List ./SW/a?list=StructData",
    "List ./SW/a/none?list=StructData",
    "Replace ./SW/a/leaf",
    "Replace ./SW/a?prop=ACL Get=*",
    "Replace ./SW/a/leaf?prop=ACL Get=*",
    "Add ./SW/a/leaf",
    "Add ./SW/a/none",
    "Delete ./SW/a/none",
    "Exec ./SW/a/none",
    "Copy ./SW/a/leaf ./Mine",
];

#[test]
fn dm_hlf_023_the_delegatee_has_all_and_the_delegator_nothing() {
    let mut tree = two_instances();
    tree.delegate(&id("A"), &id("C"), terms(DelegationKind::Full, "./SW/a", Rights::ALL)).unwrap();
    assert_eq!(run(&mut tree, "C", &ALL_OF_A), [200; 7]);
    assert_eq!(run(&mut tree, "A", &ANYTHING), [425; 20]);
    assert_eq!(run(&mut tree, "A", &["Delete ./SW/a", "Replace ./SW/a?prop=Name x"]), [425; 2]);
    let why = tree.explain(&id("A"), Rights::GET, &uri("./SW/a/leaf"));
    assert_eq!(why.to_string(), "denied: delegation 0 of A gives the subtree ./SW/a in full to C");
}

#[test]
fn dm_hlf_023_it_is_the_delegatees_alone_to_give_up() {
    let mut tree = two_instances();
    let full = tree.delegate(&id("A"), &id("C"), terms(DelegationKind::Full, "./SW/a", Rights::ALL)).unwrap();
    assert_eq!(tree.revoke(&id("A"), full).unwrap_err().kind(), LedgerErrorKind::NotItsOwn);
    // What has been given away cannot be given again.
    for kind in [DelegationKind::Full, DelegationKind::Shared] {
        let error = tree.delegate(&id("A"), &id("D"), terms(kind, "./SW/a/sub", Rights::GET)).unwrap_err();
        assert_eq!(error.kind(), LedgerErrorKind::NotOwner);
    }
    tree.revoke(&id("C"), full).unwrap();
    assert_eq!(run(&mut tree, "A", &ALL_OF_A), [200; 7]);
}

#[test]
fn dm_hlf_025_neither_values_nor_names_nor_properties() {
    let mut tree = two_instances();
    // Rights that were given before: by ACL, and by a shared delegation.
    tree.set_acl("./SW/a", Acl::anyone(Rights::ALL)).unwrap();
    tree.set_acl("./SW/a/leaf", Acl::parse("Get=A+D").unwrap()).unwrap();
    tree.delegate(&id("A"), &id("E"), terms(DelegationKind::Shared, "./SW/a", Rights::ALL)).unwrap();
    assert_eq!(run(&mut tree, "E", &["Get ./SW/a/leaf"]), [200]);
    tree.delegate(&id("A"), &id("C"), terms(DelegationKind::Full, "./SW/a", Rights::ALL)).unwrap();
    for other in ["A", "B", "D", "E"] {
        assert_eq!(run(&mut tree, other, &ANYTHING), [425; 20], "{other}");
        assert_eq!(value(&mut tree, other, "./SW"), "b");
        assert!(!tree.may_hear(&id(other), &uri("./SW/a/leaf")), "nor by alerts");
        assert!(!tree.may_hear(&id(other), &uri("./SW/a/none")));
    }
    assert!(tree.may_hear(&id("C"), &uri("./SW/a/leaf")));
}

#[test]
fn dm_hlf_025_no_way_back_through_a_parents_acl() {
    let mut tree = two_instances();
    tree.set_acl("./SW", Acl::parse("Add=A&Delete=A&Get=A&Replace=A").unwrap()).unwrap();
    tree.delegate(&id("A"), &id("C"), terms(DelegationKind::Full, "./SW/a", Rights::ALL)).unwrap();
    let back = [
        "Replace ./SW/a?prop=ACL Get=A",
        "Replace ./SW/a/leaf?prop=ACL Get=A",
        "Delete ./SW",
        "Replace ./SW?prop=Name X",
        "Copy ./SW ./Copy",
        "Replace ./SW/x?prop=Name a",
    ];
    assert_eq!(run(&mut tree, "A", &back), [425; 6]);
    assert_eq!(run(&mut tree, "A", &["Replace ./SW?prop=ACL Get=A"]), [200], "its own node it may close");
    assert_eq!(run(&mut tree, "C", &["Get ./SW/a/leaf"]), [200]);
    // A new object where the hidden one is, or one that takes its name, says nothing.
    tree.set_acl("./SW", Acl::anyone(Rights::ALL)).unwrap();
    assert_eq!(run(&mut tree, "A", &["AddNode ./SW/x", "Replace ./SW/x?prop=Name a"]), [200, 425]);
}

#[test]
fn dm_hlf_025_results_that_come_late_are_judged_again() {
    struct Slow;
    impl Handler for Slow {
        fn node(&mut self, _: &Context<'_>, path: &[&str]) -> Option<NodeFacts> {
            match path {
                [] => Some(NodeFacts::interior()),
                ["leaf"] => Some(NodeFacts::leaf(Format::Chr)),
                _ => None,
            }
        }
        fn get(&mut self, _: &Context<'_>, _: &[&str]) -> Result<Vec<u8>, NoAnswer> {
            Err(NoAnswer::Later)
        }
        fn children(&mut self, _: &Context<'_>, _: &[&str], _: &mut Children) -> Result<(), NoAnswer> {
            Err(NoAnswer::Later)
        }
    }
    let mut tree = Tree::default();
    let mut handlers = HandlerMap::new();
    handlers.mount(&mut tree, "./Slow", Slow).unwrap();
    tree.set_owner("./Slow", Some(&id("A"))).unwrap();
    let item = |uri| vec![Item::to(LocUri::new(uri).unwrap())];
    let mut ask = |tree: &mut Tree, uri| {
        let get = Get::new(CmdId::new("1").unwrap(), item(uri)).into();
        tree.execute(&id("A"), &get, &mut handlers).tickets().next().unwrap()
    };
    let (leaf, list) = (ask(&mut tree, "./Slow/leaf"), ask(&mut tree, "./Slow"));
    tree.delegate(&id("A"), &id("C"), terms(DelegationKind::Full, "./Slow/leaf", Rights::ALL)).unwrap();
    let answered = tree.answer(leaf, LateAnswer::Value(b"secret".to_vec())).unwrap();
    assert_eq!(answered.item.status, StatusCode::PERMISSION_DENIED);
    assert!(answered.item.results.is_empty());
    let answered = tree.answer(list, LateAnswer::Children(vec!["leaf".into(), "rest".into()])).unwrap();
    assert_eq!(answered.item.results[0].data.as_ref().unwrap().as_text(), Some("rest"));
}

#[test]
fn dm_hlf_025_nodes_that_a_handler_serves() {
    struct Devices;
    impl Handler for Devices {
        fn node(&mut self, _: &Context<'_>, path: &[&str]) -> Option<NodeFacts> {
            match path {
                [] => Some(NodeFacts::interior()),
                ["1" | "2"] => Some(NodeFacts::interior().with_type(SCOMO).dynamic()),
                ["1" | "2", "x"] => Some(NodeFacts::leaf(Format::Chr)),
                _ => None,
            }
        }
        fn get(&mut self, _: &Context<'_>, _: &[&str]) -> Result<Vec<u8>, NoAnswer> {
            Ok(b"secret".to_vec())
        }
        fn children(&mut self, _: &Context<'_>, path: &[&str], out: &mut Children) -> Result<(), NoAnswer> {
            match path {
                [] => ["1", "2"].iter().all(|name| out.push(name)),
                _ => out.push("x"),
            };
            Ok(())
        }
    }
    let mut tree = Tree::default();
    let mut handlers = HandlerMap::new();
    handlers.mount(&mut tree, "./Devices", Devices).unwrap();
    tree.set_owner("./Devices", Some(&id("A"))).unwrap();
    let full =
        tree.delegate(&id("A"), &id("C"), terms(DelegationKind::Full, "./Devices/1", Rights::ALL)).unwrap();
    let by_type = Terms::new(DelegationKind::Shared, Scope::Type(MoType::new(SCOMO).unwrap()), Rights::GET);
    tree.delegate(&id("A"), &id("D"), by_type).unwrap();
    let mut get = |tree: &mut Tree, who: &str, uri: &str| {
        let server = id(who);
        let got = tree.act_for(&server, &mut handlers).get(uri);
        got.map(|got| String::from_utf8(got.into_data()).unwrap()).map_err(|refusal| refusal.status().get())
    };
    assert_eq!(get(&mut tree, "C", "./Devices/1/x").as_deref(), Ok("secret"));
    for uri in ["./Devices/1", "./Devices/1/x", "./Devices/1/none"] {
        assert_eq!(get(&mut tree, "A", uri), Err(425));
        assert_eq!(get(&mut tree, "D", uri), Err(425));
    }
    assert_eq!(get(&mut tree, "A", "./Devices").as_deref(), Ok("2"));
    assert_eq!(get(&mut tree, "A", "./Devices/2/x").as_deref(), Ok("secret"));
    assert_eq!(get(&mut tree, "D", "./Devices/2/x").as_deref(), Ok("secret"));
    assert_eq!(get(&mut tree, "D", "./Devices"), Err(425));
    // Without the handler, what is given by type is not seen; the rest is.
    assert!(tree.may(&id("A"), Rights::GET, &uri("./Devices/2/x")));
    assert!(!tree.may(&id("D"), Rights::GET, &uri("./Devices/2/x")));
    assert!(!tree.may(&id("A"), Rights::GET, &uri("./Devices/1/x")));
    tree.set_type_rules(&id("A"), TypeRules::new().deny(SCOMO).unwrap());
    assert_eq!(get(&mut tree, "A", "./Devices/2/x"), Err(425));
    assert_eq!(get(&mut tree, "A", "./Devices").as_deref(), Ok(""));
    tree.end_delegation(full);
    assert_eq!(get(&mut tree, "C", "./Devices/1/x"), Err(425));
    assert!(!tree.may(&id("A"), Rights::GET, &uri("./Devices/2/x")), "types there are the handler's to know");
}

#[test]
fn dm_hlf_025_answers_do_not_depend_on_what_is_hidden() {
    let mut trees = [two_instances(), two_instances()];
    for tree in &mut trees {
        tree.delegate(&id("A"), &id("C"), terms(DelegationKind::Full, "./SW/a", Rights::ALL)).unwrap();
    }
    let hidden = [
        "Delete ./SW/a/sub",
        "Replace ./SW/a/leaf other",
        "Add ./SW/a/none",
        "Replace ./SW/a?prop=ACL Get=A",
    ];
    assert_eq!(run(&mut trees[1], "C", &hidden), [200; 4]);
    for who in ["A", "B", "D"] {
        for command in
            ANYTHING.iter().chain(&["Get ./SW", "Get ./SW/c", "List .?list=Struct", "Get ./SW?prop=VerNo"])
        {
            let [one, other] = &mut trees;
            assert_eq!(run(one, who, &[command]), run(other, who, &[command]), "{who}: {command}");
        }
        let [one, other] = &mut trees;
        assert_eq!(value(one, who, "./SW?prop=VerNo"), value(other, who, "./SW?prop=VerNo"));
        assert_eq!(value(one, who, "./SW"), value(other, who, "./SW"));
    }
}
