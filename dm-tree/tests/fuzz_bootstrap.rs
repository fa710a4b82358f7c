//! Runs the bodies of the bootstrap fuzz targets over their committed corpora, as they are and cut, changed and
//! joined, on stable.

#[path = "fuzz/bootstrap_cp.rs"]
mod bootstrap_cp;
#[path = "fuzz/bootstrap_dm.rs"]
mod bootstrap_dm;

#[path = "../../fuzz/replay.rs"]
mod corpus;

use std::fs;
use std::path::Path;

use corpus::replay;
use proptest::prelude::*;
use proptest::sample::Index;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let entries = fs::read_dir(&corpus).unwrap_or_else(|error| panic!("{}: {error}", corpus.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a directory entry").path()).collect();
    files.sort();
    files.into_iter().map(|file| fs::read(file).expect("a file")).collect()
}

/// Two seeds joined somewhere, with some octets changed.
fn mutated(target: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let seeds = seeds(target);
    let changes = prop::collection::vec((any::<Index>(), any::<u8>(), 0..3_u8), 0..6);
    (any::<[Index; 4]>(), changes).prop_map(move |([one, other, cut, at], changes)| {
        let (one, other) = (one.get(&seeds), other.get(&seeds));
        let mut octets = one[..cut.index(one.len() + 1)].to_vec();
        octets.extend_from_slice(&other[at.index(other.len() + 1)..]);
        for (at, octet, how) in changes {
            let at = at.index(octets.len() + 1);
            match (octets.get_mut(at), how) {
                (Some(old), 0) => *old = octet,
                (Some(old), 1) => *old ^= 1 << (octet & 7),
                _ => octets.insert(at, octet),
            }
        }
        octets
    })
}

#[test]
fn replay_cp() {
    replay("bootstrap_cp", bootstrap_cp::run);
}

#[test]
fn replay_dm() {
    replay("bootstrap_dm", bootstrap_dm::run);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn mutated_cp(octets in mutated("bootstrap_cp")) {
        bootstrap_cp::run(&octets);
    }

    #[test]
    fn mutated_dm(octets in mutated("bootstrap_dm")) {
        bootstrap_dm::run(&octets);
    }
}
