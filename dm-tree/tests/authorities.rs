//! The requirements on several management authorities (DM 2.0 RD), rule by rule, and the ledger as an object.

use dm_syncml::{CmdId, Get, Item, LocUri, StatusCode};
use dm_tree::authority::{
    Delegation, DelegationId, DelegationKind, LedgerErrorKind, MoType, Priority, Reason, Scope, Terms,
    TypeRules,
};
use dm_tree::{
    Acl, Children, Content, Context, Format, Handler, HandlerMap, LateAnswer, NewNode, NoAnswer, NodeFacts,
    NodeSpec, NodeUri, Refusal, Rights, ServerId, Timestamp, Tree, TreeLimits, Value,
};

const SCOMO: &str = "urn:oma:mo:oma-scomo:1.0";
const OTHER: &str = "urn:oma:mo:example-other:1.0";

fn id(text: &str) -> ServerId {
    ServerId::new(text).unwrap()
}

fn uri(text: &str) -> NodeUri<'_> {
    NodeUri::parse(text).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(1_780_000_000 + seconds).unwrap()
}

fn status<T>(done: Result<T, Refusal>) -> u16 {
    done.err().map_or(200, |refusal| refusal.status().get())
}

/// The statuses of commands of one server; the first word is the command.
fn run(tree: &mut Tree, server: &str, commands: &[&str]) -> Vec<u16> {
    let server = id(server);
    let handlers = &mut ();
    let mut acting = tree.act_for(&server, handlers);
    let one = |command: &&str| {
        let (verb, rest) = command.split_once(' ').unwrap();
        let (target, data) = rest.split_once(' ').unwrap_or((rest, "new"));
        match verb {
            "Get" => status(acting.get(target)),
            "Replace" => status(acting.replace(target, &Content::new(data.as_bytes()))),
            "Add" => status(acting.add(target, &Content::new(data.as_bytes()))),
            "AddNode" => {
                status(acting.add(target, &Content::interior(if data == "new" { "" } else { data })))
            }
            "Delete" => status(acting.delete(target)),
            "Exec" => status(acting.exec(target, b"")),
            "Copy" => status(acting.copy(target, data)),
            "List" => status(acting.walk(target, None)),
            _ => panic!("{verb}"),
        }
    };
    commands.iter().map(one).collect()
}

fn value(tree: &mut Tree, server: &str, uri: &str) -> String {
    let got = tree.act_for(&id(server), &mut ()).get(uri).unwrap();
    String::from_utf8(got.into_data()).unwrap()
}

fn terms(kind: DelegationKind, scope: &str, commands: Rights) -> Terms {
    Terms::new(kind, Scope::Subtree(uri(scope).into_owned()), commands)
}

/// `./SW` is everyone's to add to; `./SW/a` is of A and `./SW/b` of B, who have added them.
fn two_instances() -> Tree {
    let mut tree = Tree::default();
    tree.begin_ledger();
    tree.set_wall_clock(at(0));
    tree.insert("./SW", NodeSpec::interior()).unwrap();
    for (server, name) in [("A", "a"), ("B", "b")] {
        let (top, sub, leaf, deep) = (
            format!("AddNode ./SW/{name} {SCOMO}"),
            format!("AddNode ./SW/{name}/sub"),
            format!("Add ./SW/{name}/leaf secret"),
            format!("Add ./SW/{name}/sub/deep secret"),
        );
        assert_eq!(run(&mut tree, server, &[&top, &sub, &leaf, &deep]), [200; 4]);
    }
    tree
}

const ALL_OF_A: [&str; 7] = [
    "Get ./SW/a/leaf",
    "Get ./SW/a",
    "Get ./SW/a?prop=ACL",
    "List ./SW/a?list=Struct",
    "Replace ./SW/a/leaf",
    "Add ./SW/a/new",
    "Delete ./SW/a/sub",
];

// DM-HLF-009: which types of objects a server may manage.

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

// DM-HLF-020: the deny side.

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

// DM-HLF-011, DM-HLF-012: several authorities.

#[test]
fn dm_hlf_011_each_has_full_rights_on_its_own_instance() {
    let mut tree = two_instances();
    assert_eq!(tree.owner(&uri("./SW/a/sub/deep")), Some(&id("A")));
    assert_eq!(run(&mut tree, "A", &ALL_OF_A), [200; 7]);
    let own = [
        "Replace ./SW/b/leaf",
        "Replace ./SW/b?prop=ACL Get=*",
        "Replace ./SW/b?prop=Name c",
        "Delete ./SW/c",
    ];
    assert_eq!(run(&mut tree, "B", &own), [200; 4]);
}

#[test]
fn dm_hlf_011_neither_has_anything_on_the_others() {
    let mut tree = two_instances();
    assert_eq!(run(&mut tree, "B", &ALL_OF_A), [425; 7]);
    let more = [
        "Replace ./SW/a?prop=ACL Get=B",
        "Replace ./SW/a/leaf?prop=ACL Get=B",
        "Delete ./SW/a",
        "Replace ./SW/a?prop=Name x",
    ];
    assert_eq!(run(&mut tree, "B", &more), [425; 4]);
    assert_eq!(run(&mut tree, "A", &["Get ./SW/b/leaf", "Replace ./SW/b/leaf", "Delete ./SW/b"]), [425; 3]);
    // Not even with every right on the node above.
    tree.set_acl("./SW", Acl::anyone(Rights::ALL)).unwrap();
    assert_eq!(run(&mut tree, "B", &more), [425; 4]);
    assert_eq!(
        run(&mut tree, "B", &["Delete ./SW", "Replace ./SW?prop=Name x", "Get ./SW/a/leaf"]),
        [425; 3]
    );
}

#[test]
fn dm_hlf_011_both_at_the_same_time() {
    let mut tree = two_instances();
    for round in 0..3 {
        for (server, name) in [("A", "a"), ("B", "b")] {
            let command = format!("Replace ./SW/{name}/leaf {server}{round}");
            assert_eq!(run(&mut tree, server, &[&command]), [200]);
        }
    }
    assert_eq!(
        (value(&mut tree, "A", "./SW/a/leaf"), value(&mut tree, "B", "./SW/b/leaf")),
        ("A2".into(), "B2".into())
    );
}

#[test]
fn dm_hlf_011_an_acl_of_the_owner_opens_its_instance_and_no_acl_above_does() {
    let mut tree = two_instances();
    assert_eq!(run(&mut tree, "A", &["Replace ./SW/a?prop=ACL Get=C"]), [200]);
    assert_eq!(run(&mut tree, "C", &["Get ./SW/a/leaf", "Replace ./SW/a/leaf"]), [200, 425]);
    // Without one of its own it does not inherit from what is not its owner's.
    assert_eq!(run(&mut tree, "A", &["Replace ./SW/a?prop=ACL "]), [200]);
    assert_eq!(run(&mut tree, "C", &["Get ./SW/a/leaf"]), [425]);
    assert_eq!(run(&mut tree, "A", &["Get ./SW/a/leaf"]), [200], "the owner needs no ACL");
}

#[test]
fn dm_hlf_012_removing_one_leaves_the_other() {
    let mut tree = two_instances();
    tree.delegate(&id("A"), &id("C"), terms(DelegationKind::Shared, "./SW/a", Rights::GET)).unwrap();
    let b = tree.delegate(&id("B"), &id("A"), terms(DelegationKind::Shared, "./SW/b", Rights::GET)).unwrap();
    tree.set_acl("./SW/a/leaf", Acl::parse("Get=A+B&Replace=A").unwrap()).unwrap();
    let ended = tree.remove_authority(&id("A"));
    assert_eq!(ended.iter().map(|one| one.delegatee.as_str()).collect::<Vec<_>>(), ["C", "A"]);
    assert!(tree.delegation(b).is_none());
    assert!(
        tree.root()
            .walk()
            .all(|node| !node.acl().to_string().contains('A') || node.acl().to_string().starts_with("Add"))
    );
    assert_eq!(tree.node("./SW/a/leaf").unwrap().acl().to_string(), "Get=B");
    // What was A's opens to nobody by that, except to whom an ACL there names.
    assert_eq!(run(&mut tree, "A", &ALL_OF_A), [425; 7]);
    assert_eq!(run(&mut tree, "C", &["Get ./SW/a/sub/deep"]), [425]);
    assert_eq!(run(&mut tree, "B", &["Get ./SW/a/leaf", "Get ./SW/a/sub/deep"]), [200, 425]);
    assert_eq!(run(&mut tree, "B", &["Get ./SW/b/leaf", "Replace ./SW/b/leaf"]), [200; 2]);
}

#[test]
fn dm_hlf_012_what_was_given_away_in_full_stays_with_who_has_it() {
    let mut tree = two_instances();
    tree.delegate(&id("A"), &id("C"), terms(DelegationKind::Full, "./SW/a/sub", Rights::ALL).with_depth(1))
        .unwrap();
    let held = tree.delegations().next().unwrap().id;
    let sub = terms(DelegationKind::Sub, "./SW/a/sub/deep", Rights::GET);
    tree.sub_delegate(&id("C"), held, &id("D"), sub).unwrap();
    tree.remove_authority(&id("A"));
    assert_eq!(tree.owner(&uri("./SW/a/sub/deep")), Some(&id("C")));
    assert_eq!(run(&mut tree, "C", &["Get ./SW/a/sub/deep", "Replace ./SW/a/sub/deep"]), [200; 2]);
    assert_eq!(run(&mut tree, "D", &["Get ./SW/a/sub/deep"]), [200]);
    assert_eq!(run(&mut tree, "B", &["Get ./SW/a/sub/deep", "Get ./SW/a/leaf"]), [425; 2]);
}

// DM-HLF-013: delegation.

#[test]
fn dm_hlf_013_before_after_and_revoked() {
    let mut tree = two_instances();
    assert_eq!(run(&mut tree, "C", &["Get ./SW/a/leaf"]), [425]);
    let delegation =
        tree.delegate(&id("A"), &id("C"), terms(DelegationKind::Shared, "./SW/a", Rights::GET)).unwrap();
    assert_eq!(run(&mut tree, "C", &["Get ./SW/a/leaf"]), [200]);
    let why = tree.explain(&id("C"), Rights::GET, &uri("./SW/a/leaf"));
    assert!(matches!(&why.reason, Reason::Delegated(one) if one.id == delegation));
    let ended = tree.revoke(&id("A"), delegation).unwrap();
    assert_eq!(ended.len(), 1);
    assert_eq!(run(&mut tree, "C", &["Get ./SW/a/leaf"]), [425]);
}

#[test]
fn dm_hlf_013_only_the_owner_delegates() {
    let mut tree = two_instances();
    for (server, scope) in
        [("C", "./SW/a"), ("B", "./SW/a/leaf"), ("A", "./SW"), ("A", "./None"), ("A", "./SW/b")]
    {
        let error = tree
            .delegate(&id(server), &id("X"), terms(DelegationKind::Shared, scope, Rights::GET))
            .unwrap_err();
        assert_eq!((error.kind(), error.status().get()), (LedgerErrorKind::NotOwner, 425));
    }
    // An ACL, however wide, makes nobody an owner.
    tree.set_acl("./SW/a", Acl::anyone(Rights::ALL)).unwrap();
    let error =
        tree.delegate(&id("C"), &id("X"), terms(DelegationKind::Shared, "./SW/a", Rights::GET)).unwrap_err();
    assert_eq!(error.kind(), LedgerErrorKind::NotOwner);
    let only =
        tree.delegate(&id("A"), &id("B"), terms(DelegationKind::Shared, "./SW/a", Rights::GET)).unwrap();
    assert_eq!(tree.revoke(&id("C"), only).unwrap_err().kind(), LedgerErrorKind::NotItsOwn);
}

#[test]
fn dm_hlf_013_ends_with_its_time() {
    let mut tree = two_instances();
    let until = terms(DelegationKind::Full, "./SW/a", Rights::ALL).until(at(10));
    tree.delegate(&id("A"), &id("C"), until.clone()).unwrap();
    tree.set_wall_clock(at(10));
    assert_eq!(run(&mut tree, "C", &["Get ./SW/a/leaf"]), [200]);
    assert_eq!(run(&mut tree, "A", &["Get ./SW/a/leaf"]), [425]);
    tree.set_wall_clock(at(11));
    assert_eq!(run(&mut tree, "C", &["Get ./SW/a/leaf"]), [425]);
    assert_eq!(run(&mut tree, "A", &["Get ./SW/a/leaf"]), [200]);
    // It does not come back with a clock that steps back.
    tree.set_wall_clock(at(5));
    assert_eq!(run(&mut tree, "C", &["Get ./SW/a/leaf"]), [425]);
    let error = tree.delegate(&id("A"), &id("C"), until.clone().until(at(4))).unwrap_err();
    assert_eq!(error.kind(), LedgerErrorKind::Over);
    // After a restart, until somebody tells the time, it grants nothing and gives nothing back.
    tree.delegate(&id("A"), &id("C"), until).unwrap();
    let mut restored = Tree::restore(&tree.snapshot().unwrap(), TreeLimits::default()).unwrap();
    assert_eq!(run(&mut restored, "C", &["Get ./SW/a/leaf"]), [425]);
    assert_eq!(run(&mut restored, "A", &["Get ./SW/a/leaf"]), [425]);
    restored.set_wall_clock(at(6));
    assert_eq!(run(&mut restored, "C", &["Get ./SW/a/leaf"]), [200]);
}

#[test]
fn dm_hlf_013_by_type_and_by_instance() {
    let mut tree = two_instances();
    assert_eq!(
        run(&mut tree, "A", &[&format!("AddNode ./SW/other {OTHER}"), "Add ./SW/other/leaf x"]),
        [200; 2]
    );
    let by_type = Terms::new(DelegationKind::Shared, Scope::Type(MoType::new(SCOMO).unwrap()), Rights::GET);
    tree.delegate(&id("A"), &id("C"), by_type).unwrap();
    let gets = ["Get ./SW/a/leaf", "Get ./SW/other/leaf", "Get ./SW/b/leaf"];
    assert_eq!(run(&mut tree, "C", &gets), [200, 425, 425]);
    // Those that come later as well.
    assert_eq!(
        run(&mut tree, "A", &[&format!("AddNode ./SW/late {SCOMO}"), "Add ./SW/late/leaf x"]),
        [200; 2]
    );
    assert_eq!(run(&mut tree, "C", &["Get ./SW/late/leaf", "Replace ./SW/late/leaf"]), [200, 425]);
    let instance =
        Terms::new(DelegationKind::Shared, Scope::Instance(uri("./SW/other").into_owned()), Rights::GET);
    let id_of = tree.delegate(&id("A"), &id("D"), instance).unwrap();
    assert_eq!(run(&mut tree, "D", &gets), [425, 200, 425]);
    // It follows the object, and ends with it.
    assert_eq!(run(&mut tree, "A", &["Replace ./SW/other?prop=Name moved"]), [200]);
    assert_eq!(tree.delegation(id_of).unwrap().terms.scope().uri().unwrap().as_str(), "./SW/moved");
    assert_eq!(run(&mut tree, "D", &["Get ./SW/moved/leaf"]), [200]);
    assert_eq!(run(&mut tree, "A", &["Delete ./SW/moved"]), [200]);
    assert!(tree.delegation(id_of).is_none());
    let plain =
        Terms::new(DelegationKind::Shared, Scope::Instance(uri("./SW/a/sub").into_owned()), Rights::GET);
    assert_eq!(tree.delegate(&id("A"), &id("D"), plain).unwrap_err().kind(), LedgerErrorKind::NotOwner);
}

// DM-HLF-014: priorities.

#[test]
fn dm_hlf_014_the_higher_priority_prevails_in_either_order() {
    for order in [["B", "C"], ["C", "B"]] {
        let mut tree = two_instances();
        for (server, priority) in [("B", 9), ("C", 3)] {
            let terms =
                terms(DelegationKind::Shared, "./SW/a", Rights::ALL).with_priority(Priority(priority));
            tree.delegate(&id("A"), &id(server), terms).unwrap();
        }
        let statuses: Vec<u16> = order
            .into_iter()
            .flat_map(|server| run(&mut tree, server, &[&format!("Replace ./SW/a/leaf {server}")]))
            .collect();
        assert_eq!(value(&mut tree, "A", "./SW/a/leaf"), "B");
        assert_eq!(statuses, if order[0] == "B" { [200, 403] } else { [200, 200] });
        assert_eq!(run(&mut tree, "C", &["Delete ./SW/a/leaf"]), [403], "nor by taking it away");
    }
}

#[test]
fn dm_hlf_014_equals_write_one_after_the_other() {
    let mut tree = two_instances();
    for server in ["B", "C"] {
        let terms = terms(DelegationKind::Shared, "./SW/a", Rights::ALL).with_priority(Priority(5));
        tree.delegate(&id("A"), &id(server), terms).unwrap();
    }
    assert_eq!(run(&mut tree, "B", &["Replace ./SW/a/leaf B"]), [200]);
    assert_eq!(run(&mut tree, "C", &["Replace ./SW/a/leaf C"]), [200]);
    assert_eq!(value(&mut tree, "A", "./SW/a/leaf"), "C");
}

#[test]
fn dm_hlf_014_priorities_are_the_delegators_to_change() {
    let mut tree = two_instances();
    let high = terms(DelegationKind::Shared, "./SW/a", Rights::ALL).with_priority(Priority(9)).with_depth(1);
    let b = tree.delegate(&id("A"), &id("B"), high).unwrap();
    for server in ["B", "C"] {
        let error = tree.set_priority(&id(server), b, Priority(200)).unwrap_err();
        assert_eq!((error.kind(), error.status().get()), (LedgerErrorKind::NotItsOwn, 425));
    }
    let sub = |priority| terms(DelegationKind::Sub, "./SW/a", Rights::ALL).with_priority(Priority(priority));
    assert_eq!(
        tree.sub_delegate(&id("B"), b, &id("C"), sub(10)).unwrap_err().kind(),
        LedgerErrorKind::Priority
    );
    let c = tree.sub_delegate(&id("B"), b, &id("C"), sub(9)).unwrap();
    assert_eq!(
        tree.set_own_priority(&id("C"), &uri("./SW/a"), Priority(1)).unwrap_err().kind(),
        LedgerErrorKind::NotOwner
    );
    // What is above goes down for all below, and what held because of it holds no more.
    assert_eq!(run(&mut tree, "C", &["Replace ./SW/a/leaf C"]), [200]);
    assert_eq!(run(&mut tree, "A", &["Replace ./SW/a/leaf A"]), [403]);
    tree.set_priority(&id("A"), b, Priority(2)).unwrap();
    assert_eq!(tree.delegation(c).unwrap().terms.priority(), Priority(2));
    tree.set_own_priority(&id("A"), &uri("./SW/a"), Priority(3)).unwrap();
    assert_eq!(run(&mut tree, "A", &["Replace ./SW/a/leaf A"]), [200]);
    assert_eq!(run(&mut tree, "C", &["Replace ./SW/a/leaf C"]), [403]);
}

// DM-HLF-022: shared delegation.

#[test]
fn dm_hlf_022_both_manage_and_the_delegatee_no_more_than_delegated() {
    let mut tree = two_instances();
    let shared = Rights::GET | Rights::REPLACE;
    tree.delegate(&id("A"), &id("C"), terms(DelegationKind::Shared, "./SW/a", shared)).unwrap();
    let expected = [200, 200, 200, 200, 200, 425, 425];
    assert_eq!(run(&mut tree, "C", &ALL_OF_A), expected);
    assert_eq!(run(&mut tree, "A", &ALL_OF_A), [200; 7]);
    assert_eq!(run(&mut tree, "C", &["Get ./SW/b/leaf", "Exec ./SW/a/leaf"]), [425; 2]);
}

#[test]
fn dm_hlf_022_a_delegatee_opens_no_acl_and_keeps_nothing() {
    let mut tree = two_instances();
    let delegation =
        tree.delegate(&id("A"), &id("C"), terms(DelegationKind::Shared, "./SW/a", Rights::ALL)).unwrap();
    let opening = [
        "Replace ./SW/a/sub?prop=ACL Get=C",
        "Replace ./SW/a?prop=ACL Get=A+D",
        "Replace ./SW/a/leaf?prop=ACL Replace=C&Get=*",
        "Replace ./SW/a?prop=ACL Get=*",
    ];
    let before = tree.snapshot().unwrap();
    assert_eq!(run(&mut tree, "C", &opening), [425; 4]);
    assert_eq!(tree.snapshot().unwrap(), before, "the tree is unchanged");
    assert_eq!(run(&mut tree, "C", &["Replace ./SW/a/sub?prop=ACL Get=A"]), [200], "it may take rights away");
    assert_eq!(run(&mut tree, "A", &["Replace ./SW/a/sub/deep"]), [200], "though none of the owner's");
    // What it adds is the owner's, objects among it.
    assert_eq!(
        run(&mut tree, "C", &[&format!("AddNode ./SW/a/mine {OTHER}"), "Add ./SW/a/mine/x 1"]),
        [200; 2]
    );
    assert_eq!(tree.owner(&uri("./SW/a/mine")), Some(&id("A")));
    assert_eq!(
        run(&mut tree, "C", &["Delete ./SW/a"]),
        [425],
        "nor does it take away what the delegation is about"
    );
    tree.revoke(&id("A"), delegation).unwrap();
    assert_eq!(
        run(&mut tree, "C", &["Get ./SW/a/mine/x", "Get ./SW/a/sub/deep", "Replace ./SW/a/mine/x"]),
        [425; 3]
    );
    assert_eq!(run(&mut tree, "A", &["Get ./SW/a/mine/x"]), [200]);
}

// DM-HLF-023, DM-HLF-025: full delegation, and what it keeps from others.

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

// DM-HLF-024, DM-HLF-026: sub-delegation and its restrictions.

fn chain() -> (Tree, DelegationId) {
    let mut tree = two_instances();
    let commands = Rights::GET | Rights::REPLACE;
    let terms =
        terms(DelegationKind::Shared, "./SW/a", commands).with_depth(2).prohibiting(id("X")).until(at(100));
    let held = tree.delegate(&id("A"), &id("B"), terms).unwrap();
    (tree, held)
}

fn sub(scope: &str, commands: Rights) -> Terms {
    terms(DelegationKind::Sub, scope, commands)
}

#[test]
fn dm_hlf_024_a_subset_is_passed_on_and_no_more() {
    let (mut tree, held) = chain();
    tree.sub_delegate(&id("B"), held, &id("C"), sub("./SW/a/sub", Rights::GET)).unwrap();
    let gets = ["Get ./SW/a/sub/deep", "Get ./SW/a/leaf", "Replace ./SW/a/sub/deep"];
    assert_eq!(run(&mut tree, "C", &gets), [200, 425, 425]);
    for (terms, kind) in [
        (sub("./SW/a", Rights::GET | Rights::DELETE), LedgerErrorKind::BeyondTerms),
        (sub("./SW", Rights::GET), LedgerErrorKind::BeyondTerms),
        (sub("./SW/b", Rights::GET), LedgerErrorKind::BeyondTerms),
        (sub("./SW/a/none", Rights::GET), LedgerErrorKind::BeyondTerms),
        (terms(DelegationKind::Full, "./SW/a", Rights::GET), LedgerErrorKind::Kind),
        (terms(DelegationKind::Shared, "./SW/a", Rights::GET), LedgerErrorKind::Kind),
        (
            Terms::new(DelegationKind::Sub, Scope::Type(MoType::new(SCOMO).unwrap()), Rights::GET),
            LedgerErrorKind::BeyondTerms,
        ),
        (sub("./SW/a", Rights::NONE), LedgerErrorKind::Incomplete),
    ] {
        let error = tree.sub_delegate(&id("B"), held, &id("D"), terms).unwrap_err();
        assert_eq!(error.kind(), kind);
        if kind != LedgerErrorKind::Incomplete {
            assert_eq!(error.status().get(), 425);
        }
    }
    // Only who holds it.
    let error = tree.sub_delegate(&id("D"), held, &id("E"), sub("./SW/a", Rights::GET)).unwrap_err();
    assert_eq!(error.kind(), LedgerErrorKind::NotDelegatee);
}

#[test]
fn dm_hlf_024_revocation_takes_the_chain() {
    let (mut tree, held) = chain();
    let c = tree.sub_delegate(&id("B"), held, &id("C"), sub("./SW/a", Rights::GET).with_depth(1)).unwrap();
    tree.sub_delegate(&id("C"), c, &id("D"), sub("./SW/a", Rights::GET)).unwrap();
    assert_eq!(run(&mut tree, "D", &["Get ./SW/a/leaf"]), [200]);
    let ended = tree.revoke(&id("A"), held).unwrap();
    assert_eq!(
        ended.iter().map(|one: &Delegation| one.delegatee.as_str()).collect::<Vec<_>>(),
        ["B", "C", "D"]
    );
    for server in ["B", "C", "D"] {
        assert_eq!(run(&mut tree, server, &["Get ./SW/a/leaf"]), [425]);
    }
    // The middle of a chain, by its top.
    let (mut tree, held) = chain();
    let c = tree.sub_delegate(&id("B"), held, &id("C"), sub("./SW/a", Rights::GET).with_depth(1)).unwrap();
    tree.sub_delegate(&id("C"), c, &id("D"), sub("./SW/a", Rights::GET)).unwrap();
    assert_eq!(tree.revoke(&id("A"), c).unwrap().len(), 2);
    assert_eq!(run(&mut tree, "B", &["Get ./SW/a/leaf"]), [200]);
}

#[test]
fn dm_hlf_024_a_full_delegation_is_passed_on_in_full() {
    let mut tree = two_instances();
    let full = tree
        .delegate(&id("A"), &id("B"), terms(DelegationKind::Full, "./SW/a", Rights::ALL).with_depth(2))
        .unwrap();
    let onward = terms(DelegationKind::Full, "./SW/a/sub", Rights::ALL).with_depth(1);
    let c = tree.sub_delegate(&id("B"), full, &id("C"), onward).unwrap();
    for server in ["A", "B"] {
        assert_eq!(
            run(&mut tree, server, &["Get ./SW/a/sub/deep", "Get ./SW/a/sub/none", "Delete ./SW/a/sub"]),
            [425; 3]
        );
    }
    assert_eq!(run(&mut tree, "C", &["Get ./SW/a/sub/deep", "Get ./SW/a/leaf"]), [200, 425]);
    assert_eq!(run(&mut tree, "B", &["Get ./SW/a/leaf"]), [200]);
    // What B has given away it cannot pass on any more; nor does A learn of it.
    assert!(tree.sub_delegate(&id("B"), full, &id("D"), sub("./SW/a/sub", Rights::GET)).is_err());
    let d = tree.sub_delegate(&id("C"), c, &id("D"), sub("./SW/a/sub", Rights::GET)).unwrap();
    assert_eq!(run(&mut tree, "D", &["Get ./SW/a/sub/deep"]), [200]);
    assert!(tree.revoke(&id("B"), d).is_err());
    assert_eq!(tree.revoke(&id("B"), full).unwrap().len(), 3);
    assert_eq!(run(&mut tree, "A", &["Get ./SW/a/sub/deep"]), [200]);
}

#[test]
fn dm_hlf_026_levels() {
    let mut tree = two_instances();
    let flat =
        tree.delegate(&id("A"), &id("B"), terms(DelegationKind::Shared, "./SW/a", Rights::ALL)).unwrap();
    let error = tree.sub_delegate(&id("B"), flat, &id("C"), sub("./SW/a", Rights::GET)).unwrap_err();
    assert_eq!((error.kind(), error.status().get()), (LedgerErrorKind::Depth, 425));
    let (mut tree, held) = chain();
    let error =
        tree.sub_delegate(&id("B"), held, &id("C"), sub("./SW/a", Rights::GET).with_depth(2)).unwrap_err();
    assert_eq!(error.kind(), LedgerErrorKind::Depth, "each hop takes one");
    let c = tree.sub_delegate(&id("B"), held, &id("C"), sub("./SW/a", Rights::GET).with_depth(1)).unwrap();
    let d = tree.sub_delegate(&id("C"), c, &id("D"), sub("./SW/a", Rights::GET)).unwrap();
    let error = tree.sub_delegate(&id("D"), d, &id("E"), sub("./SW/a", Rights::GET)).unwrap_err();
    assert_eq!(error.kind(), LedgerErrorKind::Depth);
}

#[test]
fn dm_hlf_026_prohibited_authorities_at_any_level() {
    let (mut tree, held) = chain();
    let error = tree.sub_delegate(&id("B"), held, &id("X"), sub("./SW/a", Rights::GET)).unwrap_err();
    assert_eq!((error.kind(), error.status().get()), (LedgerErrorKind::Prohibited, 425));
    let c = tree.sub_delegate(&id("B"), held, &id("C"), sub("./SW/a", Rights::GET).with_depth(1)).unwrap();
    let error = tree.sub_delegate(&id("C"), c, &id("X"), sub("./SW/a", Rights::GET)).unwrap_err();
    assert_eq!(error.kind(), LedgerErrorKind::Prohibited);
    // Nor through an ACL.
    assert_eq!(run(&mut tree, "B", &["Replace ./SW/a?prop=ACL Get=X"]), [425]);
    assert_eq!(run(&mut tree, "X", &["Get ./SW/a/leaf"]), [425]);
}

#[test]
fn dm_hlf_026_restrictions_only_get_tighter() {
    let (mut tree, held) = chain();
    let looser = sub("./SW/a", Rights::GET).with_depth(1).until(at(1000)).prohibiting(id("Y"));
    let c = tree.sub_delegate(&id("B"), held, &id("C"), looser).unwrap();
    let terms = &tree.delegation(c).unwrap().terms;
    assert_eq!(terms.not_after(), Some(at(100)));
    assert_eq!(terms.prohibited().map(ServerId::as_str).collect::<Vec<_>>(), ["X", "Y"]);
    let error = tree.sub_delegate(&id("C"), c, &id("Y"), sub("./SW/a", Rights::GET)).unwrap_err();
    assert_eq!(error.kind(), LedgerErrorKind::Prohibited);
    tree.sub_delegate(&id("B"), held, &id("Y"), sub("./SW/a", Rights::GET)).unwrap();
}

#[test]
fn dm_hlf_026_unknown_restrictions_fail_closed() {
    let mut tree = two_instances();
    let odd = terms(DelegationKind::Shared, "./SW/a", Rights::ALL)
        .with_depth(9)
        .with_other_restriction("region=EU");
    let held = tree.delegate(&id("A"), &id("B"), odd).unwrap();
    assert_eq!(run(&mut tree, "B", &["Get ./SW/a/leaf"]), [200]);
    let error = tree.sub_delegate(&id("B"), held, &id("C"), sub("./SW/a", Rights::GET)).unwrap_err();
    assert_eq!((error.kind(), error.status().get()), (LedgerErrorKind::UnknownRestriction, 425));
}

// DM-HLF-027, and what survives.

#[test]
fn dm_hlf_027_a_tree_without_a_ledger_is_as_ever() {
    let mut tree = Tree::default();
    assert!(!tree.has_ledger());
    assert_eq!(run(&mut tree, "A", &[&format!("AddNode ./a {SCOMO}"), "Add ./a/x 1"]), [200; 2]);
    assert_eq!(tree.node("./a").unwrap().acl().to_string(), "Add=*&Delete=A&Get=*&Replace=A");
    assert_eq!(
        run(&mut tree, "B", &["Get ./a/x", "Get ./a/none", "Replace ./a/x", "Add ./a/y"]),
        [200, 404, 425, 200]
    );
    assert!(tree.owner(&uri("./a")).is_none());
}

#[test]
fn an_atomic_that_fails_leaves_the_ledger_as_it_was() {
    let mut tree = two_instances();
    tree.delegate(&id("A"), &id("C"), terms(DelegationKind::Shared, "./SW/a/sub", Rights::GET)).unwrap();
    let before = tree.snapshot().unwrap();
    let (a, handlers) = (id("A"), &mut ());
    tree.begin_atomic(&a).unwrap();
    assert_eq!(
        run(
            &mut tree,
            "A",
            &["Delete ./SW/a", &format!("AddNode ./SW/n {SCOMO}"), "Replace ./SW/n?prop=Name m"]
        ),
        [200; 3]
    );
    assert_eq!(tree.delegations().count(), 0);
    assert_eq!(tree.roll_back_atomic(handlers), StatusCode::ROLLED_BACK);
    assert_eq!(tree.snapshot().unwrap(), before);
    assert_eq!(run(&mut tree, "C", &["Get ./SW/a/sub/deep"]), [200]);
    assert_eq!(tree.owner(&uri("./SW/a")), Some(&a));
}

#[test]
fn what_the_ledger_holds_is_bounded() {
    let limits = dm_tree::authority::LedgerLimits::default()
        .with_max_delegations(1)
        .with_max_marks(1)
        .with_max_restrictions(1);
    let mut tree = Tree::new(TreeLimits::default().with_ledger(limits));
    tree.begin_ledger();
    let add = |name: &str| format!("AddNode ./{name} {SCOMO}");
    assert_eq!(run(&mut tree, "A", &[&add("a"), &add("b")]), [200, 420]);
    let get = || terms(DelegationKind::Shared, "./a", Rights::GET);
    let many = get().prohibiting(id("X")).prohibiting(id("Y"));
    assert_eq!(tree.delegate(&id("A"), &id("B"), many).unwrap_err().status().get(), 413);
    tree.delegate(&id("A"), &id("B"), get()).unwrap();
    assert_eq!(tree.delegate(&id("A"), &id("C"), get()).unwrap_err().status().get(), 420);
    assert_eq!(tree.delegate(&id("A"), &id("A"), get()).unwrap_err().kind(), LedgerErrorKind::ToItself);
    assert_eq!(
        tree.delegate(&id("A"), &id("C"), get().until(at(0))).unwrap_err().kind(),
        LedgerErrorKind::NoClock
    );
}

// The ledger as an object.

fn with_object() -> Tree {
    let mut tree = two_instances();
    tree.mount_ledger("./Authority").unwrap();
    tree
}

#[test]
fn the_object_is_managed_by_ordinary_commands() {
    let mut tree = with_object();
    let making = [
        "AddNode ./Authority/Delegations/mine",
        "Replace ./Authority/Delegations/mine/Kind Shared",
        "Replace ./Authority/Delegations/mine/Delegatee C",
        "Replace ./Authority/Delegations/mine/Subtree ./SW/a",
        "Replace ./Authority/Delegations/mine/Commands Get Replace",
        "Replace ./Authority/Delegations/mine/Depth 1",
        "Replace ./Authority/Delegations/mine/Prohibited X Y",
        "Replace ./Authority/Delegations/mine/NotAfter 20301231T235959Z",
        "Replace ./Authority/Delegations/mine/Priority 7",
    ];
    assert_eq!(run(&mut tree, "A", &making), [200; 9]);
    assert_eq!(run(&mut tree, "B", &["Get ./Authority/Delegations/mine"]), [404], "nobody else sees a draft");
    assert_eq!(run(&mut tree, "C", &["Get ./SW/a/leaf"]), [425], "a draft grants nothing");
    assert_eq!(run(&mut tree, "A", &["Exec ./Authority/Delegations/mine/Grant"]), [200]);
    assert_eq!(
        run(&mut tree, "C", &["Get ./SW/a/leaf", "Replace ./SW/a/leaf", "Delete ./SW/a/leaf"]),
        [200, 200, 425]
    );
    for (leaf, expected) in [
        ("Commands", "Get Replace"),
        ("Delegatee", "C"),
        ("Delegator", "A"),
        ("Depth", "1"),
        ("Kind", "Shared"),
        ("NotAfter", "20301231T235959Z"),
        ("Parent", ""),
        ("Priority", "7"),
        ("Prohibited", "X Y"),
        ("State", "Active"),
        ("Subtree", "./SW/a"),
    ] {
        assert_eq!(value(&mut tree, "C", &format!("./Authority/Delegations/0/{leaf}")), expected, "{leaf}");
    }
    // The delegatee passes a part of it on.
    let onward = [
        "AddNode ./Authority/Delegations/on",
        "Replace ./Authority/Delegations/on/Kind Sub",
        "Replace ./Authority/Delegations/on/Parent 0",
        "Replace ./Authority/Delegations/on/Delegatee D",
        "Replace ./Authority/Delegations/on/Subtree ./SW/a/sub",
        "Replace ./Authority/Delegations/on/Commands Get Delete",
        "Exec ./Authority/Delegations/on/Grant",
        "Replace ./Authority/Delegations/on/Commands Get",
        "Exec ./Authority/Delegations/on/Grant",
    ];
    assert_eq!(run(&mut tree, "C", &onward), [200, 200, 200, 200, 200, 200, 425, 200, 200]);
    assert_eq!(run(&mut tree, "D", &["Get ./SW/a/sub/deep", "Get ./SW/a/leaf"]), [200, 425]);
    assert_eq!(value(&mut tree, "A", "./Authority/Delegations"), "0/1");
    assert_eq!(value(&mut tree, "D", "./Authority/Delegations"), "1");
    assert_eq!(value(&mut tree, "B", "./Authority/Delegations"), "");
    assert_eq!(value(&mut tree, "A", "./Authority/Owned"), "SW%2Fa");
    assert_eq!(value(&mut tree, "A", "./Authority/Owned/SW%2Fa/URI"), "SW/a");
    let changes = [
        "Replace ./Authority/Delegations/0/Priority 1",
        "Replace ./Authority/Delegations/0/Commands Get",
        "Replace ./Authority/Owned/SW%2Fa/Priority 3",
        "Delete ./Authority/Delegations/0",
    ];
    assert_eq!(run(&mut tree, "C", &changes), [405, 405, 404, 200], "who has received it may give it up");
    assert_eq!(run(&mut tree, "D", &["Get ./SW/a/sub/deep"]), [425]);
    assert_eq!(run(&mut tree, "A", &["Get ./Authority/Delegations/0"]), [404]);
}

#[test]
fn the_object_is_for_the_owner_of_the_scope_only() {
    let mut tree = with_object();
    let taking = [
        "AddNode ./Authority/Delegations/x",
        "Replace ./Authority/Delegations/x/Kind Full",
        "Replace ./Authority/Delegations/x/Delegatee C",
        "Replace ./Authority/Delegations/x/Subtree ./SW/a",
        "Exec ./Authority/Delegations/x/Grant",
        "Replace ./Authority/Delegations/x/Commands Get",
        "Exec ./Authority/Delegations/x/Grant",
        "Replace ./Authority?prop=ACL Get=B",
        "Replace ./Authority/Delegations?prop=ACL Get=B",
        "Delete ./Authority",
        "AddNode ./Authority/Types/A",
        "AddNode ./Authority/Owned/x",
        "AddNode ./Authority/Delegations/7",
        "Replace ./Authority/Delegations/x/Depth many",
        "Replace ./Authority/Delegations/x/State Active",
    ];
    let expected = [200, 200, 200, 200, 500, 200, 425, 425, 425, 405, 425, 405, 405, 415, 405];
    assert_eq!(run(&mut tree, "B", &taking), expected);
    assert_eq!(run(&mut tree, "A", &["Get ./SW/a/leaf"]), [200]);
    // A full delegation cannot be taken back through it either.
    let full = tree.delegate(&id("A"), &id("C"), terms(DelegationKind::Full, "./SW/a", Rights::ALL)).unwrap();
    assert_eq!(run(&mut tree, "A", &[&format!("Delete ./Authority/Delegations/{full}")]), [425]);
    assert_eq!(run(&mut tree, "B", &[&format!("Delete ./Authority/Delegations/{full}")]), [404]);
}

#[test]
fn the_object_says_which_types_to_who_owns_the_root() {
    let mut tree = with_object();
    tree.set_owner(".", Some(&id("P"))).unwrap();
    let rules =
        ["AddNode ./Authority/Types/C", &format!("Replace ./Authority/Types/C/Denied {SCOMO} urn:x*")];
    assert_eq!(run(&mut tree, "P", &rules), [200; 2]);
    assert_eq!(run(&mut tree, "C", &["Get ./SW/a", "Replace ./Authority/Types/C/Denied x"]), [425, 425]);
    assert_eq!(value(&mut tree, "C", "./Authority/Types"), "C");
    assert_eq!(value(&mut tree, "C", "./Authority/Types/C/Denied"), format!("{SCOMO} urn:x*"));
    assert_eq!(run(&mut tree, "A", &["Get ./Authority/Types/C"]), [404]);
    assert_eq!(run(&mut tree, "P", &["Delete ./Authority/Types/C"]), [200]);
    assert!(tree.type_rules(&id("C")).is_none());
}

#[test]
fn the_object_takes_part_in_atomics_and_restarts() {
    let mut tree = with_object();
    tree.set_journaling(true);
    let first = tree.snapshot().unwrap();
    let (a, handlers) = (id("A"), &mut ());
    tree.begin_atomic(&a).unwrap();
    assert_eq!(run(&mut tree, "A", &["AddNode ./Authority/Delegations/x"]), [200]);
    assert_eq!(tree.roll_back_atomic(handlers), StatusCode::ROLLED_BACK);
    assert_eq!(run(&mut tree, "A", &["Get ./Authority/Delegations/x"]), [404]);
    assert_eq!(
        run(
            &mut tree,
            "A",
            &["AddNode ./Authority/Delegations/x", "Replace ./Authority/Delegations/x/Kind Full"]
        ),
        [200; 2]
    );
    let mut restored = Tree::restore(&first, TreeLimits::default()).unwrap();
    restored.replay(&tree.take_record().unwrap()).unwrap();
    assert_eq!(restored.snapshot().unwrap(), tree.snapshot().unwrap());
    assert_eq!(value(&mut restored, "A", "./Authority/Delegations/x/Kind"), "Full");
    tree.remove("./Authority").unwrap();
    tree.mount_ledger("./Elsewhere").unwrap();
    assert_eq!(value(&mut tree, "A", "./Elsewhere/Delegations/x/Kind"), "Full");
}

#[cfg(feature = "xml")]
#[test]
fn the_object_is_as_its_description_says() {
    use dm_syncml::Encoding;
    use dm_tree::ddf::{self, Described, Schema};
    use dm_tree::mgmt_tree::{DocumentOptions, MgmtTree, NodeType, Occurrence};

    let description =
        MgmtTree::decode(Encoding::Xml, ddf::DM_AUTHORITY.as_bytes(), &DocumentOptions::STRICT).unwrap();
    let mut schema = Schema::new();
    schema.add_at(&uri("./Place"), &description).unwrap();
    let mut tree = Tree::default();
    tree.set_schema(Some(std::sync::Arc::new(schema.clone())));
    tree.set_wall_clock(at(0));
    tree.mount_ledger("./Place/Authority").unwrap();
    tree.set_owner(".", Some(&id("A"))).unwrap();
    tree.insert("./x", NodeSpec::interior()).unwrap();
    tree.delegate(&id("A"), &id("C"), terms(DelegationKind::Shared, "./x", Rights::GET)).unwrap();
    // Under the description everything can be done that the object is for.
    let making = [
        "AddNode ./Place/Authority/Types/C",
        "Replace ./Place/Authority/Types/C/Denied urn:x*",
        "AddNode ./Place/Authority/Delegations/d",
        "Replace ./Place/Authority/Delegations/d/Kind Shared",
        "Replace ./Place/Authority/Delegations/d/Delegatee D",
        "Replace ./Place/Authority/Delegations/d/Subtree ./x",
        "Replace ./Place/Authority/Delegations/d/Commands Get",
        "Exec ./Place/Authority/Delegations/d/Grant",
        "Delete ./Place/Authority/Delegations/1",
        "AddNode ./Place/Authority/Delegations/e",
    ];
    assert_eq!(run(&mut tree, "A", &making), [200; 10]);
    // Each node that is served is described, with its format and its type, and each that must be there is.
    let (a, handlers) = (id("A"), &mut ());
    let mut acting = tree.act_for(&a, handlers);
    let mut walk = acting.walk("./Place/Authority", None).unwrap();
    let mut seen = Vec::new();
    while let Some(visit) = walk.next().unwrap() {
        seen.push((visit.uri().to_string(), visit.format(), visit.mime().to_string()));
    }
    assert!(seen.len() > 30);
    for (text, format, mime) in &seen {
        let Described::Described(at) = schema.find(&uri(text)) else { panic!("{text} is not described") };
        assert_eq!(at.format(), Some(*format), "{text}");
        assert!(at.access().contains(dm_tree::AccessType::GET), "{text}");
        if text == "./Place/Authority" {
            assert_eq!(mime, dm_tree::authority::AUTHORITY_MO);
            assert_eq!(at.node_type(), Some(&NodeType::DdfName(mime.clone())));
        }
        for child in at.children().filter(|child| child.occurrence() == Occurrence::One) {
            let name = child.name().unwrap();
            assert!(seen.iter().any(|(other, ..)| *other == format!("{text}/{name}")), "{text}/{name}");
        }
    }
}
