//! Runs the bodies of the fuzz targets of the fanout over their committed corpora, and over what falls, on stable.
#![cfg(feature = "xml")]

#[path = "fuzz/fanout.rs"]
mod fanout;
#[path = "fuzz/fanout_result.rs"]
mod fanout_result;
#[cfg(feature = "serde")]
#[path = "fuzz/fanout_snapshot.rs"]
mod fanout_snapshot;

#[path = "../../fuzz/replay.rs"]
mod corpus;

use corpus::replay;
use proptest::prelude::*;

#[test]
fn fanout() {
    replay("fanout", fanout::run);
}

#[test]
fn fanout_result() {
    replay("fanout_result", fanout_result::run);
}

#[cfg(feature = "serde")]
#[test]
fn fanout_snapshot() {
    replay("fanout_snapshot", fanout_snapshot::run);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_operations(data in prop::collection::vec(prop_oneof![any::<u8>(), 0..24_u8], 0..600)) {
        fanout::run(&data);
    }

    #[test]
    fn any_page(text in "<FanoutResult xmlns=\"urn:oma:mo:x-gwmo-fanout:1.0\">(<(Ver|Job|State|Bucket|Dev|Ids|Op|Code|Bin)>[0-9 -]{0,4}</(Ver|Job|State|Bucket|Dev|Ids|Op|Code|Bin)>){0,6}</FanoutResult>") {
        fanout_result::run(text.as_bytes());
    }
}
