//! Sub-delegation and its restrictions (DM-HLF-024, DM-HLF-026).

use dm_tree::authority::{Delegation, DelegationId, DelegationKind, LedgerErrorKind, MoType, Scope, Terms};
use dm_tree::{Rights, ServerId, Tree};

use crate::scene::{SCOMO, at, id, run, terms, two_instances};

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
