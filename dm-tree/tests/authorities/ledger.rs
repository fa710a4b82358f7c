//! What the ledger survives, and how much it holds (DM-HLF-027).

use dm_syncml::StatusCode;
use dm_tree::authority::{DelegationKind, LedgerErrorKind};
use dm_tree::{Rights, Tree, TreeLimits};

use crate::scene::{SCOMO, at, id, run, terms, two_instances, uri};

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
