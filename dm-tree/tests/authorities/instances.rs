//! Several authorities, each with its own instances (DM-HLF-011, DM-HLF-012).

use dm_tree::authority::DelegationKind;
use dm_tree::{Acl, Rights};

use crate::scene::{ALL_OF_A, id, run, terms, two_instances, uri, value};

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
