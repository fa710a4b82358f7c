//! The ledger as an object that servers manage.

use dm_syncml::StatusCode;
use dm_tree::authority::DelegationKind;
use dm_tree::{NodeSpec, Rights, Tree, TreeLimits};

use crate::scene::{SCOMO, at, id, run, terms, two_instances, uri, value};

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
