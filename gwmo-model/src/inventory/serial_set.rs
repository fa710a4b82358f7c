//! Sets of serials: bits, in blocks of 512, where there are any.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;

use crate::device::Serial;

const WORDS: usize = 8;
const BLOCK: u32 = 64 * WORDS as u32;

/// A set of serials in ascending order. A million that follow each other take a quarter of a megabyte, one far from all
/// others about a hundred bytes.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct SerialSet {
    blocks: BTreeMap<u32, [u64; WORDS]>,
    len: u32,
}

const fn place(serial: Serial) -> (u32, usize, u64) {
    let number = serial.get();
    (number / BLOCK, (number % BLOCK / 64) as usize, 1 << (number % 64))
}

fn count(block: &[u64; WORDS]) -> u32 {
    block.iter().map(|word| word.count_ones()).sum()
}

impl SerialSet {
    pub(crate) const fn new() -> Self {
        Self { blocks: BTreeMap::new(), len: 0 }
    }

    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    pub(crate) fn contains(&self, serial: Serial) -> bool {
        let (block, word, bit) = place(serial);
        self.blocks.get(&block).is_some_and(|words| words[word] & bit != 0)
    }

    /// Whether it was not in it.
    pub(crate) fn insert(&mut self, serial: Serial) -> bool {
        let (block, word, bit) = place(serial);
        let word = &mut self.blocks.entry(block).or_insert([0; WORDS])[word];
        let new = *word & bit == 0;
        *word |= bit;
        self.len += u32::from(new);
        new
    }

    /// Whether it was in it.
    pub(crate) fn remove(&mut self, serial: Serial) -> bool {
        let (block, word, bit) = place(serial);
        let Entry::Occupied(mut words) = self.blocks.entry(block) else { return false };
        let known = words.get()[word] & bit != 0;
        words.get_mut()[word] &= !bit;
        if *words.get() == [0; WORDS] {
            words.remove();
        }
        self.len -= u32::from(known);
        known
    }

    /// Puts it in or takes it out; whether that was a change.
    pub(crate) fn set(&mut self, serial: Serial, present: bool) -> bool {
        if present { self.insert(serial) } else { self.remove(serial) }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Serial> {
        self.blocks.iter().flat_map(|(&block, words)| {
            words.iter().zip((0..).step_by(64)).flat_map(move |(&word, at)| {
                Bits(word).filter_map(move |bit| Serial::new(block * BLOCK + at + bit))
            })
        })
    }

    pub(crate) fn add_all(&mut self, other: &Self) {
        for (&block, words) in &other.blocks {
            let mine = self.blocks.entry(block).or_insert([0; WORDS]);
            self.len -= count(mine);
            mine.iter_mut().zip(words).for_each(|(mine, other)| *mine |= other);
            self.len += count(mine);
        }
    }

    pub(crate) fn remove_all(&mut self, other: &Self) {
        for (&block, words) in &other.blocks {
            let Entry::Occupied(mut mine) = self.blocks.entry(block) else { continue };
            self.len -= count(mine.get());
            mine.get_mut().iter_mut().zip(words).for_each(|(mine, other)| *mine &= !other);
            self.len += count(mine.get());
            if *mine.get() == [0; WORDS] {
                mine.remove();
            }
        }
    }
}

/// The positions of the bits of a word, lowest first.
struct Bits(u64);

impl Iterator for Bits {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let at = self.0.trailing_zeros();
        // Without the lowest; of nothing, nothing.
        self.0 &= self.0.wrapping_sub(1);
        (at < 64).then_some(at)
    }
}

impl FromIterator<Serial> for SerialSet {
    fn from_iter<I: IntoIterator<Item = Serial>>(serials: I) -> Self {
        let mut set = Self::new();
        for serial in serials {
            set.insert(serial);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn numbers() -> impl Strategy<Value = BTreeSet<u32>> {
        prop::collection::btree_set(prop_oneof![1..1500_u32, (u32::MAX - 600)..=u32::MAX], 0..60)
    }

    fn set(numbers: &BTreeSet<u32>) -> SerialSet {
        numbers.iter().copied().filter_map(Serial::new).collect()
    }

    proptest! {
        #[test]
        fn a_set_is_a_sorted_set(a in numbers(), b in numbers()) {
            let agrees = |set: &SerialSet, wanted: &BTreeSet<u32>| {
                set.len() as usize == wanted.len() && set.iter().map(Serial::get).eq(wanted.iter().copied())
            };
            prop_assert!(agrees(&set(&a), &a));
            let mut all = set(&a);
            all.add_all(&set(&b));
            prop_assert!(agrees(&all, &(&a | &b)));
            all.remove_all(&set(&a));
            prop_assert!(agrees(&all, &(&b - &a)));
            for number in &b {
                let serial = Serial::new(*number).unwrap();
                prop_assert_eq!(all.contains(serial), !a.contains(number));
                prop_assert_eq!(all.remove(serial), !a.contains(number));
            }
            prop_assert_eq!(all, SerialSet::new());
        }
    }
}
