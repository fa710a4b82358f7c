//! Serials by what devices call themselves.

use core::fmt;

use hashbrown::HashTable;

use super::record::DeviceRecord;
use super::serial_table::SerialTable;
use crate::device::{DeviceId, Serial};

/// A hash table of serials; the identifiers stand in the records only.
#[derive(Clone)]
pub(super) struct IdIndex {
    keys: [u64; 3],
    serials: HashTable<Serial>,
}

impl IdIndex {
    pub(super) const fn new(seed: u64) -> Self {
        // Several keys from one seed (SplitMix64).
        let mut keys = [0; 3];
        let mut state = seed;
        let mut at = 0;
        while at < keys.len() {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut key = state;
            key = (key ^ (key >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            key = (key ^ (key >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            keys[at] = key ^ (key >> 31);
            at += 1;
        }
        Self { keys, serials: HashTable::new() }
    }

    pub(super) fn find(&self, id: &DeviceId, records: &SerialTable<DeviceRecord>) -> Option<Serial> {
        let is_it = |serial: &Serial| records.get(*serial).is_some_and(|record| record.id == *id);
        self.serials.find(hash(&self.keys, id), is_it).copied()
    }

    /// Takes a serial in whose record is there and whose identifier is not in it.
    pub(super) fn insert(&mut self, id: &DeviceId, serial: Serial, records: &SerialTable<DeviceRecord>) {
        let keys = self.keys;
        let hash_of = |serial: &Serial| records.get(*serial).map_or(0, |record| hash(&keys, &record.id));
        self.serials.insert_unique(hash(&keys, id), serial, hash_of);
    }

    pub(super) fn remove(&mut self, id: &DeviceId, serial: Serial) {
        if let Ok(entry) = self.serials.find_entry(hash(&self.keys, id), |known| *known == serial) {
            entry.remove();
        }
    }
}

/// A multiplication for each 16 octets, both factors keyed, so that devices cannot choose identifiers that collide.
/// Equal identifiers have equal hashes: the scheme counts in small letters.
fn hash(keys: &[u64; 3], id: &DeviceId) -> u64 {
    let text = id.as_str().as_bytes();
    let mut scheme = id.scheme_len();
    let mut state = keys[0] ^ text.len() as u64;
    for block in text.chunks(16) {
        let mut copy = [0; 16];
        copy[..block.len()].copy_from_slice(block);
        let fold = scheme.min(16);
        copy[..fold].make_ascii_lowercase();
        scheme -= fold;
        let (low, high) = copy.split_at(8);
        let word = |half: &[u8]| half.iter().rev().fold(0, |word, &octet| word << 8 | u64::from(octet));
        let product = u128::from(state ^ word(low)).wrapping_mul(u128::from(keys[1] ^ word(high)));
        state = product as u64 ^ (product >> 64) as u64;
    }
    let product = u128::from(state).wrapping_mul(u128::from(keys[2] | 1));
    product as u64 ^ (product >> 64) as u64
}

impl fmt::Debug for IdIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdIndex({})", self.serials.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_equal_hashes_equal() {
        let keys = IdIndex::new(7).keys;
        let hash_of = |text: &str| hash(&keys, &DeviceId::new(text).unwrap());
        assert_eq!(hash_of("URN:uuid:00000000-0000-0000"), hash_of("urn:uuid:00000000-0000-0000"));
        assert_ne!(hash_of("urn:uuid:a"), hash_of("urn:uuid:A"));
        assert_ne!(hash_of("a"), hash_of("a\u{200b}"));
        let long = "A-scheme-of-more-than-16-letters:x";
        assert_eq!(hash_of(long), hash_of(&long.to_ascii_lowercase()));
        assert_ne!(
            hash(&keys, &DeviceId::new("a").unwrap()),
            hash(&IdIndex::new(8).keys, &DeviceId::new("a").unwrap())
        );
    }
}
