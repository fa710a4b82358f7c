//! Any octets as a provisioning document, and as a bootstrap.

use dm_tree::bootstrap::{Bootstrap, BootstrapPolicy, Proof, ProvisioningDocument, TrustedSource, W7};
use dm_tree::{Tree, dm_accounts};

/// What decodes encodes to the same document in both encodings; what is refused changes nothing; what is applied is
/// in the tree, once for each server, and its accounts survive being written again.
pub(crate) fn run(data: &[u8]) {
    let Ok(document) = ProvisioningDocument::from_wbxml(data) else { return };
    let again = document.to_wbxml();
    if again.len() <= 1 << 16 {
        assert_eq!(ProvisioningDocument::from_wbxml(&again), Ok(document.clone()));
    }
    for w7 in document.accounts().flatten() {
        let written = w7.to_characteristic().expect("it was text");
        assert_eq!(W7::read(&written).map(|again| again.provider_id), Ok(w7.provider_id));
    }
    let policy = BootstrapPolicy::default();
    let proof = Proof::Source(TrustedSource::Factory);
    assert!(Bootstrap::open_cp(data, &Proof::Nothing, &policy).is_err());
    let Ok(bootstrap) = Bootstrap::open_cp(data, &proof, &policy) else { return };
    let mut tree = Tree::default();
    match bootstrap.apply(&mut tree, &policy) {
        Err(_) => assert!(tree.is_empty()),
        Ok(applied) => {
            assert_eq!(dm_accounts(&tree).count(), applied.accounts.len());
            assert_eq!(applied.sessions().count(), applied.accounts.len());
            let once_more = bootstrap.apply(&mut tree, &policy).expect("it was taken before");
            assert!(once_more.accounts.iter().all(|account| account.replaced));
        }
    }
}
