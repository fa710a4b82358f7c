//! Any octets as a document of a management tree, into a tree and out of it.

use dm_syncml::Encoding;
use dm_tree::mgmt_tree::{DocumentOptions, MgmtTree};
use dm_tree::tnds::Filter;
use dm_tree::{Acl, Rights, ServerId, Tree, TreeLimits};

/// What is read is written as the same; what is added is there, and what is not leaves no trace.
pub(crate) fn run(data: &[u8]) {
    let Ok(document) = MgmtTree::detect(data, &DocumentOptions::FIELD) else { return };
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        let octets = document.encode(encoding);
        let again = MgmtTree::decode(encoding, &octets, &DocumentOptions::FIELD);
        let again = again.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&octets)));
        // Names that nobody knows have no namespace in WBXML, so there once more is what counts.
        assert_eq!(again.encode(encoding), octets);
    }
    let mut tree = Tree::new(TreeLimits::default().with_max_nodes(1000));
    tree.set_acl(".", Acl::anyone(Rights::ALL)).expect("the root takes a list");
    let server = ServerId::new("S").expect("a letter is an identifier");
    let empty = tree.to_tnds().expect("a tree of one node");
    let mut handlers = ();
    let mut acting = tree.act_for(&server, &mut handlers);
    let added = acting.add_tnds("./A", &document);
    let read = acting.get_tnds("./A", Filter::ALL);
    let changes = acting.take_changes().len();
    match added {
        Ok(()) => assert_eq!(changes, 1),
        Err(_) => {
            assert!(read.is_err() && changes == 0);
            assert_eq!(tree.to_tnds().expect("a tree of one node"), empty);
            return;
        }
    }
    // What a server reads of it is what makes it again.
    let Ok(read) = read else { return };
    let mut acting = tree.act_for(&server, &mut handlers);
    if acting.replace_tnds("./A", &read).is_ok() {
        let again = acting.get_tnds("./A", Filter::VALUE).expect("what was there still is");
        assert_eq!(again.nodes().len(), read.nodes().len());
    }
    let Ok(saved) = tree.to_tnds() else { return };
    let mut loaded = Tree::default();
    loaded.load_tnds(&saved, None).expect("a tree makes a tree");
    assert_eq!(loaded.len(), tree.len());
}
