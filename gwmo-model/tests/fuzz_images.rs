//! The body of the fuzz target `images`: over its committed corpus, and over random operations.

#[path = "image_store/mod.rs"]
mod image_store;
#[path = "fuzz/images.rs"]
mod images;

#[path = "../../fuzz/replay.rs"]
mod corpus;

use corpus::replay;
use proptest::prelude::*;

#[test]
fn replay_images() {
    replay("images", images::run);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn images_keep_their_promises(octets in prop::collection::vec(any::<u8>(), 0..600)) {
        images::run(&octets);
    }
}
