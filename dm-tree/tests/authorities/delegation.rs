//! Delegation, its end, priorities, and what is shared (DM-HLF-013, DM-HLF-014, DM-HLF-022).

use dm_tree::authority::{DelegationKind, LedgerErrorKind, MoType, Priority, Reason, Scope, Terms};
use dm_tree::{Acl, Rights, Tree, TreeLimits};

use crate::scene::{ALL_OF_A, OTHER, SCOMO, at, id, run, terms, two_instances, uri, value};

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
