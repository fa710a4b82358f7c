//! Any octets as a description: a schema, a tree that begins as it says, commands judged by it.

use dm_tree::ddf::{Schema, ViolationKind};
use dm_tree::mgmt_tree::{DocumentOptions, MgmtTree};
use dm_tree::{NewNode, NodeUri, SchemaCommand, Tree, TreeLimits, Value};

/// What a schema begins a tree with is as the schema has it.
pub(crate) fn run(data: &[u8]) {
    let Ok(document) = MgmtTree::detect(data, &DocumentOptions::FIELD) else { return };
    let mut schema = Schema::new();
    if schema.add(&document).is_err() {
        return;
    }
    assert!(schema.add(&document).is_err() || !document.is_description());
    let mut tree = Tree::new(TreeLimits::default().with_max_nodes(1000));
    if schema.instantiate(&mut tree).is_err() {
        return;
    }
    assert_eq!(schema.instantiate(&mut tree), Ok(0));
    for violation in schema.violations(&tree) {
        // Nodes without names cannot be begun with, and a name without a place has no address.
        assert!(
            matches!(
                violation.kind(),
                ViolationKind::Missing | ViolationKind::Value | ViolationKind::NotDescribed
            ),
            "{violation}"
        );
    }
    let (new, value) = (NewNode::interior(""), Value::int(1));
    let leaf = NewNode::Leaf(value.clone());
    let nodes: Vec<NodeUri<'static>> = tree.root().walk().map(|node| node.uri()).collect();
    for uri in nodes {
        let child = uri.child("x").expect("a letter is a name");
        for uri in [uri, child] {
            for command in [
                SchemaCommand::Add(&new),
                SchemaCommand::Add(&leaf),
                SchemaCommand::Delete,
                SchemaCommand::Exec,
                SchemaCommand::Rename("y"),
                SchemaCommand::Replace(&value),
            ] {
                let _ = schema.verdict(&tree, &uri, command);
            }
        }
    }
}
