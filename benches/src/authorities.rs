//! Trees whose ledger holds a thousand delegations, in the ways they can lie in the way of a decision.

use dm_tree::authority::{DelegationKind, LedgerLimits, MoType, Scope, Terms, TypeRules};
use dm_tree::{Acl, NodeSpec, NodeUri, Rights, ServerId, Tree, TreeLimits, Value};

/// How many delegations there are where there are any.
pub const DELEGATIONS: usize = 1000;

/// How many interior nodes there are on each of the two levels above the leaves.
const BREADTH: usize = 10;

/// A decision to be made: whether a server may read a node of a tree.
#[derive(Debug)]
#[non_exhaustive]
pub struct Case {
    /// What it is called in tables.
    pub name: &'static str,
    /// The tree.
    pub tree: Tree,
    /// Who asks.
    pub server: ServerId,
    /// For which node.
    pub uri: NodeUri<'static>,
    /// What the answer is.
    pub allowed: bool,
}

fn id(text: &str) -> ServerId {
    ServerId::new(text).expect("a server identifier")
}

fn place(text: &str) -> NodeUri<'static> {
    NodeUri::parse(text).expect("an address").into_owned()
}

/// The address of the leaf, object or node above it of a number.
fn leaf(number: usize) -> String {
    let of = BREADTH * BREADTH;
    format!("./Node{}/Node{}/Node{}", number / of % BREADTH, number / BREADTH % BREADTH, number % BREADTH)
}

/// A thousand leaves, one type of object for each node above them, and no ledger.
fn plain() -> Tree {
    let limits = TreeLimits::default().with_ledger(LedgerLimits::default().with_max_delegations(1 << 16));
    let mut tree = Tree::new(limits).with_hash_seed(1);
    tree.set_acl(".", Acl::parse("Add=*&Get=com.example.reader").expect("an acl"))
        .expect("the root takes it");
    for number in 0..BREADTH.pow(3) {
        let uri = leaf(number);
        let parent = place(&uri);
        let parent = parent.parent().expect("not the root");
        if tree.node_at(&parent).is_none() {
            let mo_id = format!("urn:oma:mo:x-bench-{}:1.0", number / BREADTH);
            tree.insert(parent.as_str(), NodeSpec::managed_object(mo_id)).expect("a place");
        }
        tree.insert(&uri, NodeSpec::leaf(Value::chr("some value"))).expect("a place");
    }
    tree
}

/// As [`plain`], with an owner of each tenth of it.
fn owned() -> Tree {
    let mut tree = plain();
    for number in 0..BREADTH {
        tree.set_owner(&format!("./Node{number}"), Some(&id("com.example.owner"))).expect("a node");
    }
    tree
}

fn delegate(tree: &mut Tree, to: &str, kind: DelegationKind, scope: Scope) {
    let terms = Terms::new(kind, scope, Rights::GET | Rights::REPLACE);
    tree.delegate(&id("com.example.owner"), &id(to), terms).expect("the owner may");
}

/// The decisions: the first is made by an ACL in a tree without a ledger, the others with a thousand delegations.
#[must_use]
pub fn cases() -> Vec<Case> {
    use DelegationKind::{Full, Shared};
    let mut cases = Vec::new();
    let mut case = |name, tree: &Tree, server: &str, allowed| {
        cases.push(Case { name, tree: tree.clone(), server: id(server), uri: place(&leaf(555)), allowed });
    };
    case("none", &plain(), "com.example.reader", true);
    for (granted, denied, kind) in
        [("leaves/delegatee", "leaves/other", Shared), ("full-leaves/delegatee", "full-leaves/other", Full)]
    {
        let mut tree = owned();
        for number in 0..DELEGATIONS {
            let scope = Scope::Subtree(place(&leaf(number)));
            delegate(&mut tree, &format!("com.example.b{number}"), kind, scope);
        }
        case(granted, &tree, "com.example.b555", true);
        case(denied, &tree, "com.example.b556", false);
    }
    let mut tree = owned();
    for number in 0..DELEGATIONS {
        delegate(&mut tree, &format!("com.example.b{number}"), Shared, Scope::Subtree(place("./Node5")));
    }
    case("one-node/delegatee", &tree, "com.example.b555", true);
    case("one-node/owner", &tree, "com.example.owner", true);
    case("one-node/other", &tree, "com.example.b", false);
    let mut tree = owned();
    for number in 0..DELEGATIONS {
        let mo_type = MoType::new(&format!("urn:oma:mo:x-bench-{}:1.0", number / BREADTH)).expect("a type");
        delegate(&mut tree, &format!("com.example.b{number}"), Shared, Scope::Type(mo_type));
    }
    case("types/delegatee", &tree, "com.example.b555", true);
    let rules = TypeRules::new().allow("urn:oma:mo:x-bench-*").and_then(|rules| rules.deny("urn:x*"));
    tree.set_type_rules(&id("com.example.b555"), rules.expect("patterns"));
    case("types/with-rules", &tree, "com.example.b555", true);
    // Delegations elsewhere: the node is nobody's, and its ACL decides.
    let mut tree = plain();
    tree.set_owner("./Node1", Some(&id("com.example.owner"))).expect("a node");
    for number in 0..DELEGATIONS {
        delegate(
            &mut tree,
            &format!("com.example.b{number}"),
            Shared,
            Scope::Subtree(place(&leaf(100 + number % 100))),
        );
    }
    case("elsewhere/acl", &tree, "com.example.reader", true);
    cases
}
