//! The bodies of the fuzz targets over corpora that were cut, changed, and joined: what a fuzzer begins with, on
//! stable and on every run.

#[path = "fuzz/package0.rs"]
mod package0;
#[path = "fuzz/push_pdu.rs"]
mod push_pdu;
#[path = "fuzz/udh_reassembly.rs"]
mod udh_reassembly;

use std::fs;
use std::path::Path;

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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn package0(octets in mutated("package0")) {
        package0::run(&octets);
    }

    #[test]
    fn push_pdu(octets in mutated("push_pdu")) {
        push_pdu::run(&octets);
    }

    #[test]
    fn udh_reassembly(octets in mutated("udh_reassembly")) {
        udh_reassembly::run(&octets);
    }
}
