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

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(192))]

    /// Not only what is committed: octets as they fall, small ones more often.
    #[test]
    fn any_commands(data in proptest::collection::vec(proptest::prop_oneof![proptest::prelude::any::<u8>(), 0..16_u8], 0..600)) {
        tree_commands::run(&data);
    }

    #[test]
    fn any_acl(text in "((Add|Get|Copy|Exec|)=?([ab*]?[+]?){0,4}&?){0,6}") {
        tree_acl::run(text.as_bytes());
    }

    #[test]
    fn any_uri(text in "(\\./|/)?([a-z.%0-9A-F]{0,6}/){0,8}[a-z.%]{0,3}(\\?(prop|list)=?[a-zA-Z+-]{0,6})?") {
        tree_uri::run(text.as_bytes());
    }
}
