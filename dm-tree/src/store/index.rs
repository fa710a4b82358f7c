//! Hash tables of the children of a node, by name.

use alloc::boxed::Box;
use core::fmt;

use super::NodeId;

/// The children of one node by their names: a table with linear probing, in which a lookup among many children waits for
/// memory once, and once more for the node. Tables with control bytes beside their entries wait once more.
#[derive(Clone, Default)]
pub(crate) struct Index {
    /// At least one is vacant, or there are none.
    entries: Box<[Entry]>,
    len: usize,
}

/// Half of the hash is kept: a lookup then touches hardly any node but the right one, and growing none at all.
#[derive(Clone, Copy)]
struct Entry {
    hash: NameHash,
    id: NodeId,
}

/// Entries of a table that is filled to the half only.
const SMALL: usize = 64;

impl Entry {
    /// No arena has that many nodes.
    const VACANT: Self = Self { hash: NameHash(0), id: NodeId(u32::MAX) };

    #[inline(always)]
    const fn is_vacant(self) -> bool {
        self.id.0 == u32::MAX
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct NameHash(u32);

impl NameHash {
    /// Where to begin looking in a table of `len` entries. Entries stand in the order of their hashes but for collisions, so
    /// that growing goes through memory from one end to the other.
    #[inline(always)]
    const fn home(self, len: usize) -> usize {
        ((self.0 as u64 * len as u64) >> 32) as usize
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
        let mut at = hash.home(self.entries.len());
        loop {
            // Beyond the last one the first follows; without any there is nothing to find.
            let entry = match self.entries.get(at) {
                Some(entry) => *entry,
                None => {
                    at = 0;
                    *self.entries.first()?
                }
            };
            if entry.is_vacant() {
                return None;
            }
            if entry.hash == hash && is_it(entry.id) {
                return Some(entry.id);
            }
            at += 1;
        }
    }

    pub(super) fn insert(&mut self, hash: NameHash, id: NodeId) {
        // In a small table what counts is that the first entry mostly is the one, since it is in the cache and a wrong guess of
        // the processor costs more than a look. In a large one it is memory: of thirteen in sixteen a name that is not there
        // is known after some ten entries, a line or two.
        let most = if self.entries.len() <= SMALL { 8 } else { 13 };
        if (self.len + 1) * 16 > self.entries.len() * most {
            self.grow();
        }
        self.put(Entry { hash, id });
        self.len += 1;
    }

    fn grow(&mut self) {
        let len = (self.entries.len() * 2).max(4);
        let old = core::mem::replace(&mut self.entries, alloc::vec![Entry::VACANT; len].into_boxed_slice());
        old.iter().filter(|entry| !entry.is_vacant()).for_each(|entry| self.put(*entry));
    }

    /// There is a vacant place.
    fn put(&mut self, entry: Entry) {
        let mut at = entry.hash.home(self.entries.len());
        while !self.entries[at].is_vacant() {
            at = self.after(at);
        }
        self.entries[at] = entry;
    }

    const fn after(&self, at: usize) -> usize {
        if at + 1 == self.entries.len() { 0 } else { at + 1 }
    }

    /// Closes the gap, so that whoever looks for what stood behind it does not stop there.
    pub(super) fn remove(&mut self, hash: NameHash, id: NodeId) {
        if self.len == 0 {
            return;
        }
        let len = self.entries.len();
        let mut gap = hash.home(len);
        while self.entries[gap].id != id {
            if self.entries[gap].is_vacant() {
                return;
            }
            gap = self.after(gap);
        }
        let mut at = self.after(gap);
        while !self.entries[at].is_vacant() {
            let distance = |from: usize| (at + len - from) % len;
            if distance(self.entries[at].hash.home(len)) >= distance(gap) {
                self.entries[gap] = self.entries[at];
                gap = at;
            }
            at = self.after(at);
        }
        self.entries[gap] = Entry::VACANT;
        self.len -= 1;
    }

    pub(super) fn clear(&mut self) {
        self.entries.fill(Entry::VACANT);
        self.len = 0;
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.len
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
        write!(f, "Index({} names)", self.len)
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

    use proptest::prelude::*;

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

    proptest! {
        /// Beside a plain list, with hashes that collide, stand at the end of the table and wrap around.
        #[test]
        fn finds_what_was_put_and_nothing_else(
            steps in proptest::collection::vec((0..3_u8, 0..40_u32), 0..300),
        ) {
            let hash_of = |id: u32| NameHash([0, 1, u32::MAX, u32::MAX - 1, 1 << 31, 7 << 29][id as usize % 6]);
            let (mut index, mut list) = (Index::default(), BTreeSet::new());
            for (step, id) in steps {
                match step {
                    0 | 1 if list.insert(id) => index.insert(hash_of(id), NodeId(id)),
                    2 => {
                        list.remove(&id);
                        index.remove(hash_of(id), NodeId(id));
                    }
                    _ => {}
                }
                prop_assert_eq!(index.len(), list.len());
                for id in 0..40 {
                    let found = index.find(hash_of(id), |one| one.0 == id);
                    prop_assert_eq!(found.is_some(), list.contains(&id));
                }
            }
            index.clear();
            prop_assert!(index.find(hash_of(1), |_| true).is_none());
        }
    }
}
