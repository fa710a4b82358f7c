//! Runs the bodies of the fuzz targets over their committed corpora, on stable.

#[path = "fuzz/tree_acl.rs"]
mod tree_acl;
#[path = "fuzz/tree_commands.rs"]
mod tree_commands;
#[path = "fuzz/tree_uri.rs"]
mod tree_uri;

#[path = "../../fuzz/replay.rs"]
mod corpus;

use corpus::replay;

#[test]
fn tree_acl() {
    replay("tree_acl", tree_acl::run);
}

#[test]
fn tree_commands() {
    replay("tree_commands", tree_commands::run);
}

#[test]
fn tree_uri() {
    replay("tree_uri", tree_uri::run);
}
