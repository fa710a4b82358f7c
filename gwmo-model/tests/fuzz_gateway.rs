//! Runs the body of the fuzz target of a gateway's snapshot over its committed corpus, and over what is left of it when something is changed, on
//! stable.
#![cfg(all(feature = "serde", feature = "xml"))]

#[path = "fuzz/gateway_snapshot.rs"]
mod gateway_snapshot;

#[path = "../../fuzz/replay.rs"]
mod corpus;

use std::fs;
use std::path::Path;

use corpus::replay;
use proptest::prelude::*;

#[test]
fn replay_gateway_snapshot() {
    replay("gateway_snapshot", gateway_snapshot::run);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// A number in a stored gateway becomes another one, or a part of it is left out.
    #[test]
    fn changed_snapshots(which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), to in prop::sample::select(vec!["0", "1", "2", "7", "255", "65536", "4294967295", "18446744073709551615", "null", "\"x\"", "[]"])) {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/gateway_snapshot");
        let mut files: Vec<_> = fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let text = fs::read(&files[which.index(files.len())]).unwrap();
        let is_start = |&at: &usize| text[at].is_ascii_digit() && at > 0 && b":,[".contains(&text[at - 1]);
        let starts: Vec<_> = (0..text.len()).filter(is_start).collect();
        let start = starts[at.index(starts.len())];
        let len = text[start..].iter().take_while(|octet| octet.is_ascii_digit()).count();
        let changed = [&text[..start], to.as_bytes(), &text[start + len..]].concat();
        gateway_snapshot::run(&changed);
    }
}
