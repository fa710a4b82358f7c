//! Any octets as a bootstrap message of the DM profile.

use dm_tree::bootstrap::{Bootstrap, BootstrapPolicy, Placement, Proof, TrustedSource};
use dm_tree::{Tree, dm_accounts};

/// What is refused changes nothing; what is applied is in the tree, and nothing else is.
pub(crate) fn run(data: &[u8]) {
    let policy = BootstrapPolicy::default().with_placement(Placement::new("urn:", "./Objects"));
    let proof = Proof::Source(TrustedSource::SmartCard);
    assert!(Bootstrap::open_dm(data, &Proof::Nothing, &policy).is_err());
    let Ok(bootstrap) = Bootstrap::open_dm(data, &proof, &policy) else { return };
    let objects = bootstrap.objects().count();
    let mut tree = Tree::default();
    match bootstrap.apply(&mut tree, &policy) {
        Err(_) => assert!(tree.is_empty()),
        Ok(applied) => {
            assert_eq!(applied.accounts.len() + applied.objects.len() + applied.ignored.len(), objects);
            assert!(dm_accounts(&tree).count() >= applied.accounts.len());
            assert!(applied.accounts.iter().all(|account| tree.node_at(&account.uri).is_some()));
            assert!(applied.objects.iter().all(|(_, uri)| tree.node_at(uri).is_some()));
            assert!(tree.root().children().all(|child| matches!(child.name(), "DMAcc" | "Objects")));
        }
    }
}
