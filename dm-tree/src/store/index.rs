//! One hash table over all nodes, by parent and name.

use core::fmt;

use hashbrown::HashTable;

use super::NodeId;

/// Finds a child by its parent and its name.
///
/// The hash is keyed by a seed that the device chooses, so that servers cannot choose names that collide.
#[derive(Clone)]
pub(super) struct Index {
    table: HashTable<Entry>,
    keys: [u64; 4],
}

/// Half of the hash is kept: a lookup then touches hardly any node but the right one, and growing none at all.
#[derive(Clone, Copy)]
struct Entry {
    hash: NameHash,
    id: NodeId,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct NameHash(u32);

impl NameHash {
    /// What the table wants: all bits depend on those that were kept.
    const fn spread(self) -> u64 {
        (self.0 as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

impl Index {
    pub(super) const fn new(seed: u64) -> Self {
        // Four keys from one seed (SplitMix64).
        let mut keys = [0; 4];
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
        Self { table: HashTable::new(), keys }
    }

    /// The hash of a name below a parent: a multiplication for each 16 bytes, both factors keyed. Names that are
    /// compared without case are hashed in small letters.
    #[inline]
    pub(super) fn hash(&self, parent: NodeId, name: &str, folds: bool) -> NameHash {
        let bytes = name.as_bytes();
        let mut state = self.keys[0] ^ (u64::from(parent.0) << 32) ^ bytes.len() as u64;
        let mut rest = bytes;
        while rest.len() > 16 {
            let (block, tail) = rest.split_at(16);
            state = self.mix(state, word(&block[..8], folds), word(&block[8..], folds));
            rest = tail;
        }
        let (low, high) = match rest.len() {
            // Two words that overlap, for lack of a loop.
            8.. => (word(&rest[..8], folds), word(&rest[rest.len() - 8..], folds)),
            4.. => (half(&rest[..4], folds), half(&rest[rest.len() - 4..], folds)),
            _ => (tail(rest, folds), 0),
        };
        let state = self.mix(state, low, high);
        let state = fold(state ^ self.keys[3], self.keys[1]);
        NameHash((state ^ (state >> 32)) as u32)
    }

    #[inline]
    const fn mix(&self, state: u64, low: u64, high: u64) -> u64 {
        fold(state ^ low ^ self.keys[1], self.keys[2] ^ high)
    }

    #[inline]
    pub(super) fn find(&self, hash: NameHash, mut is_it: impl FnMut(NodeId) -> bool) -> Option<NodeId> {
        self.table.find(hash.spread(), |entry| entry.hash == hash && is_it(entry.id)).map(|entry| entry.id)
    }

    pub(super) fn insert(&mut self, hash: NameHash, id: NodeId) {
        self.table.insert_unique(hash.spread(), Entry { hash, id }, |entry| entry.hash.spread());
    }

    pub(super) fn remove(&mut self, hash: NameHash, id: NodeId) {
        if let Ok(entry) = self.table.find_entry(hash.spread(), |entry| entry.id == id) {
            entry.remove();
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }
}

#[inline]
const fn fold(a: u64, b: u64) -> u64 {
    let product = (a as u128).wrapping_mul(b as u128);
    product as u64 ^ (product >> 64) as u64
}

#[inline]
fn word(bytes: &[u8], folds: bool) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(bytes);
    if folds {
        word.make_ascii_lowercase();
    }
    u64::from_le_bytes(word)
}

#[inline]
fn half(bytes: &[u8], folds: bool) -> u64 {
    let mut half = [0; 4];
    half.copy_from_slice(bytes);
    if folds {
        half.make_ascii_lowercase();
    }
    u64::from(u32::from_le_bytes(half))
}

#[inline]
fn tail(bytes: &[u8], folds: bool) -> u64 {
    bytes
        .iter()
        .fold(0, |word, byte| (word << 8) | u64::from(if folds { byte.to_ascii_lowercase() } else { *byte }))
}

/// Says nothing of the keys.
impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Index({} nodes)", self.table.len())
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::format;

    use super::*;

    #[test]
    fn hashes_differ_with_everything_that_counts() {
        let index = Index::new(7);
        let mut seen = BTreeSet::new();
        for parent in 0..20 {
            for number in 0..500 {
                for name in
                    [format!("{number}"), format!("Name{number}"), format!("ARatherLongerNameOf{number}")]
                {
                    seen.insert(index.hash(NodeId(parent), &name, false).0);
                }
            }
        }
        // 30 000 of 2^32: a collision or none.
        assert!(seen.len() > 29_995, "{}", seen.len());
        assert!(index.hash(NodeId(1), "Name", false) != Index::new(8).hash(NodeId(1), "Name", false));
        for (a, b) in [
            ("aB", "Ab"),
            ("NAMES", "names"),
            ("ALongName12", "alongNAME12"),
            ("x".repeat(40).as_str(), "X".repeat(40).as_str()),
        ] {
            assert!(index.hash(NodeId(1), a, true) == index.hash(NodeId(1), b, true));
            assert!(index.hash(NodeId(1), a, false) != index.hash(NodeId(1), b, false));
        }
    }
}
