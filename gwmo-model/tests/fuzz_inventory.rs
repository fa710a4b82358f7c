//! The bodies of the fuzz targets `inventory` and `selector`: over their committed corpora, and over random input.

#[path = "fuzz/inventory.rs"]
mod inventory;
#[path = "fuzz/selector.rs"]
mod selector;

#[path = "../../fuzz/replay.rs"]
mod corpus;

use corpus::replay;
use proptest::prelude::*;

#[test]
fn replay_inventory() {
    replay("inventory", inventory::run);
}

#[test]
fn replay_selector() {
    replay("selector", selector::run);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn inventories_keep_their_promises(octets in prop::collection::vec(any::<u8>(), 0..400)) {
        inventory::run(&octets);
    }

    #[test]
    fn any_text(text in r#"([!( ]{0,2}(Mode|FwV|Info/Fw|MOs|x.y|DevID)[ ]?[=!<>~]{1,2}("([a-zI:"\\]|\\"|\\\\){0,4}"|[0-9.]{0,4})[)&| ]{0,2}){0,9}"#) {
        selector::run(text.as_bytes());
    }
}
