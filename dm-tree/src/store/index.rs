//! Hash tables of the children of a node, by name.

use core::fmt;

use hashbrown::HashTable;

use super::NodeId;

/// The children of one node by their names.
#[derive(Clone, Default)]
pub(crate) struct Index {
    table: HashTable<Entry>,
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

/// What keys the hashes of names.
///
/// They come from a seed that the device chooses, so that servers cannot choose names that collide.
#[derive(Clone)]
pub(super) struct HashKeys([u64; 3]);

impl HashKeys {
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
        Self(keys)
    }

    /// The hash of a name: a multiplication for each 16 bytes, both factors keyed. Names that are
    /// compared without case are hashed in small letters.
    #[inline(always)]
    pub(super) fn hash(&self, name: &str, folds: bool) -> NameHash {
        let bytes = name.as_bytes();
        // Each length has a key of its own.
        let mut state = self.0[0].rotate_left(bytes.len() as u32 & 63);
        if bytes.len() <= 16 && !folds {
            let (low, high) = words(bytes);
            state = self.mix(state, low, high);
        } else {
            for block in bytes.chunks(16) {
                let mut copy = [0; 16];
                copy[..block.len()].copy_from_slice(block);
                if folds {
                    copy.make_ascii_lowercase();
                }
                let (low, high) = words(&copy[..block.len()]);
                state = self.mix(state, low, high);
            }
        }
        // The upper half depends on all of it.
        NameHash((state.wrapping_mul(self.0[2] | 1) >> 32) as u32)
    }

    #[inline(always)]
    const fn mix(&self, state: u64, low: u64, high: u64) -> u64 {
        fold(state ^ low, self.0[1] ^ high)
    }
}

impl Index {
    #[inline(always)]
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

    pub(super) fn clear(&mut self) {
        self.table.clear();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }
}

#[inline(always)]
const fn fold(a: u64, b: u64) -> u64 {
    let product = (a as u128).wrapping_mul(b as u128);
    product as u64 ^ (product >> 64) as u64
}

/// At most 16 bytes as two words, which overlap where there are fewer. With the length they say all there is to say.
#[inline(always)]
pub(super) fn words(bytes: &[u8]) -> (u64, u64) {
    if let (Some(low), Some(high)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return (u64::from_le_bytes(*low), u64::from_le_bytes(*high));
    }
    if let (Some(low), Some(high)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return (u64::from(u32::from_le_bytes(*low)), u64::from(u32::from_le_bytes(*high)));
    }
    match bytes {
        [] => (0, 0),
        [only] => (u64::from(*only), 0),
        [first, .., last] => (u64::from(*first), (u64::from(bytes[bytes.len() / 2]) << 8) | u64::from(*last)),
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Index({} names)", self.table.len())
    }
}

/// Says nothing of the keys.
impl fmt::Debug for HashKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKeys")
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::format;

    use super::*;

    #[test]
    fn hashes_differ_with_everything_that_counts() {
        let keys = HashKeys::new(7);
        let mut seen = BTreeSet::new();
        for number in 0..10_000 {
            for name in [format!("{number}"), format!("Name{number}"), format!("ARatherLongerNameOf{number}")]
            {
                seen.insert(keys.hash(&name, false).0);
            }
        }
        // 30 000 of 2^32: a collision or none.
        assert!(seen.len() > 29_995, "{}", seen.len());
        assert!(keys.hash("Name", false) != HashKeys::new(8).hash("Name", false));
        let (long, longer) = ("x".repeat(40), "X".repeat(40));
        for (a, b) in [("aB", "Ab"), ("NAMES", "names"), ("ALongName12", "alongNAME12"), (&long, &longer)] {
            assert!(keys.hash(a, true) == keys.hash(b, true));
            assert!(keys.hash(a, false) != keys.hash(b, false));
        }
    }
}
