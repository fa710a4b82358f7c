//! Which texts of a document repeat, and where.

use alloc::vec;
use alloc::vec::Vec;

use crate::octets::{Buffer, Octets};

use super::string_table::StringTable;
use super::token;

/// Texts seen so far, found by hash among those that stand in the octets written so far.
///
/// No choice of texts makes it slow: a text is looked for in [`PROBES`] places at most, and one that finds neither itself nor a
/// free place there is not looked at. So nothing has to be kept secret from whoever chooses the texts, and the same document
/// gives the same table everywhere.
#[derive(Clone, Debug, Default)]
pub(super) struct Repeats {
    /// A power of two of them, at least twice as many as there are texts.
    slots: Vec<Slot>,
    /// In the order in which they came.
    texts: Vec<Text>,
    /// Where a text stands again, in the order in which they came.
    again: Vec<Again>,
    /// Texts and slots that were compared, for tests.
    #[cfg(test)]
    steps: usize,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u32,
    text: u32,
}

#[derive(Clone, Copy, Debug)]
struct Text {
    /// Where it was written, behind its STR_I.
    at: u32,
    len: u32,
    times: u32,
    /// Its offset in the table, or [`NOWHERE`].
    offset: u32,
}

#[derive(Clone, Copy, Debug)]
struct Again {
    /// Nothing was written here.
    at: u32,
    text: u32,
}

const FREE: Slot = Slot { hash: 0, text: NOWHERE };
const NOWHERE: u32 = u32::MAX;
/// Enough that texts nobody chose to collide always find their place while half of the slots are free.
const PROBES: usize = 64;
const FIRST_SLOTS: usize = 64;
/// What STR_I and its NUL cost, and what STR_T costs without its offset.
const INLINE: usize = 2;
const REFERENCE: usize = 1;
/// Longer texts are not looked at: hardly any that long stands twice.
const LONGEST: usize = 1024;
/// How many octets of a message there are for each of its texts, and for each that stands again.
const OCTETS_A_TEXT: usize = 32;
/// A larger table would not be read within [`Limits::DEFAULT`](crate::Limits::DEFAULT).
const LARGEST_TABLE: usize = crate::Limits::DEFAULT.string_table;

impl Repeats {
    /// Makes room for the texts of a document of so many octets. The slots are left alone: a table depends on the document only.
    pub(super) fn reserve(&mut self, octets: usize) {
        self.texts.reserve(octets / OCTETS_A_TEXT);
        self.again.reserve(octets / OCTETS_A_TEXT);
    }

    /// Writes a text that came for the first time, or that is not looked at; notes any other.
    #[inline]
    pub(super) fn text(&mut self, out: &mut Vec<u8>, text: &str) {
        if text.is_empty() || text.len() > LONGEST {
            return put_inline(&mut Buffer(out), text.as_bytes());
        }
        // Far beyond what can be written at all: a reference has 32 bits.
        let Ok(at) = u32::try_from(out.len()) else {
            return put_inline(&mut Buffer(out), text.as_bytes());
        };
        if self.texts.len() * 2 >= self.slots.len() {
            self.grow();
        }
        let hash = hash(text.as_bytes());
        let mask = self.slots.len() - 1;
        let mut place = hash as usize & mask;
        for _ in 0..PROBES {
            #[cfg(test)]
            (self.steps += 1);
            let Some(slot) = self.slots.get_mut(place) else { break };
            if slot.text == NOWHERE {
                *slot = Slot { hash, text: self.texts.len() as u32 };
                self.texts.push(Text { at: at + 1, len: text.len() as u32, times: 1, offset: NOWHERE });
                break;
            }
            if slot.hash == hash
                && let Some(seen) = self.texts.get_mut(slot.text as usize)
                && out.get(seen.place()) == Some(text.as_bytes())
            {
                seen.times += 1;
                self.again.push(Again { at, text: slot.text });
                return;
            }
            place = (place + 1) & mask;
        }
        put_inline(&mut Buffer(out), text.as_bytes());
    }

    #[cold]
    fn grow(&mut self) {
        let slots = (self.slots.len() * 2).max(FIRST_SLOTS);
        let before = core::mem::replace(&mut self.slots, vec![FREE; slots]);
        for slot in before.into_iter().filter(|slot| slot.text != NOWHERE) {
            // One that finds no place is forgotten, which only makes a table smaller.
            let home = slot.hash as usize;
            let free =
                (home..home + PROBES).map(|at| at & (slots - 1)).find(|at| self.slots[*at].text == NOWHERE);
            if let Some(free) = free {
                self.slots[free] = slot;
            }
        }
    }

    /// Adds to the table, in the order in which they came, every text that is shorter so; `body` is what was written. When all
    /// of them together save nothing, because the length of the table takes more octets too, none is added.
    pub(super) fn fill(&mut self, table: &mut Vec<u8>, names: &StringTable, body: &[u8]) {
        let before = table.len();
        let mut saved = 0;
        // A text that stands once is shorter as a reference only where it is a name that is in the table anyway.
        let once_may_do = !names.octets().is_empty();
        for text in self.texts.iter_mut().filter(|text| text.times > 1 || once_may_do) {
            let octets = body.get(text.place()).unwrap_or_default();
            let known = core::str::from_utf8(octets).ok().and_then(|text| names.offset(text));
            let offset = known.unwrap_or(table.len() as u32);
            let (times, entry) = (text.times as usize, if known.is_some() { 0 } else { octets.len() + 1 });
            let inline = times * (octets.len() + INLINE);
            let referred = entry + times * (REFERENCE + mb_u32_len(offset as usize));
            // A string of the table ends at a NUL.
            if referred >= inline || table.len() + entry > LARGEST_TABLE || octets.contains(&0) {
                continue;
            }
            saved += inline - referred;
            text.offset = offset;
            if known.is_none() {
                table.extend_from_slice(octets);
                table.push(0);
            }
        }
        if saved <= mb_u32_len(table.len()) - mb_u32_len(before) {
            table.truncate(before);
            self.texts.iter_mut().for_each(|text| text.offset = NOWHERE);
        }
    }

    /// Writes the body with its texts in place, those of the table as references.
    pub(super) fn put_body(&self, out: &mut impl Octets, body: &[u8]) {
        let mut from = 0;
        let mut firsts = self.texts.iter().filter(|text| text.offset != NOWHERE).peekable();
        let put_first = |out: &mut _, from: &mut usize, text: &Text| {
            let place = text.place();
            put_slice(out, body, *from..place.start - 1);
            put_reference(out, text.offset);
            *from = place.end + 1;
        };
        for again in &self.again {
            while let Some(text) = firsts.next_if(|text| text.at <= again.at) {
                put_first(out, &mut from, text);
            }
            put_slice(out, body, from..again.at as usize);
            from = again.at as usize;
            let Some(text) = self.texts.get(again.text as usize) else { continue };
            if text.offset == NOWHERE {
                put_inline(out, body.get(text.place()).unwrap_or_default());
            } else {
                put_reference(out, text.offset);
            }
        }
        firsts.for_each(|text| put_first(out, &mut from, text));
        put_slice(out, body, from..body.len());
    }
}

impl Text {
    /// Where it was written, without STR_I and NUL.
    #[inline]
    fn place(&self) -> core::ops::Range<usize> {
        self.at as usize..self.at as usize + self.len as usize
    }
}

#[inline]
fn put_inline(out: &mut impl Octets, text: &[u8]) {
    out.put_u8(token::STR_I);
    out.put_slice(text);
    out.put_u8(0);
}

#[inline]
fn put_reference(out: &mut impl Octets, offset: u32) {
    out.put_u8(token::STR_T);
    token::put_mb_u32(out, offset);
}

#[inline]
fn put_slice(out: &mut impl Octets, body: &[u8], range: core::ops::Range<usize>) {
    out.put_slice(body.get(range).unwrap_or_default());
}

/// Octets of a multi-byte integer.
fn mb_u32_len(value: usize) -> usize {
    (usize::BITS - value.leading_zeros()).div_ceil(7).max(1) as usize
}

/// Sixteen octets a step, each a multiplication folded onto itself. It spreads texts that nobody chose; those that somebody
/// did are what [`PROBES`] is for.
#[inline]
fn hash(text: &[u8]) -> u32 {
    const KEYS: [u64; 3] = [0x9E37_79B9_7F4A_7C15, 0xC2B2_AE3D_27D4_EB4F, 0x1656_67B1_9E37_79F9];
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        product as u64 ^ (product >> 64) as u64
    };
    let mut hash = KEYS[0] ^ text.len() as u64;
    let mut rest = text;
    while let Some((head, tail)) = rest.split_first_chunk::<16>() {
        let both = u128::from_le_bytes(*head);
        hash = fold(both as u64 ^ hash, (both >> 64) as u64 ^ KEYS[1]);
        rest = tail;
    }
    // What is left, from both of its ends, which may overlap.
    let (a, b) = if let (Some(first), Some(last)) = (rest.first_chunk::<8>(), rest.last_chunk::<8>()) {
        (u64::from_le_bytes(*first), u64::from_le_bytes(*last))
    } else if let (Some(first), Some(last)) = (rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
        (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)))
    } else {
        let at = |index: usize| u64::from(rest.get(index).copied().unwrap_or_default());
        (at(0) | at(1) << 8 | at(2) << 16, 0)
    };
    let hash = fold(a ^ hash, b ^ KEYS[2]);
    (hash ^ hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use alloc::format;
    use alloc::string::String;
    use proptest::prelude::*;

    fn seen<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> (Repeats, Vec<u8>) {
        let (mut repeats, mut out) = (Repeats::default(), Vec::new());
        texts.into_iter().for_each(|text| repeats.text(&mut out, text.as_ref()));
        (repeats, out)
    }

    /// Texts that all want the same slot, as somebody who knows the hash would choose them.
    fn colliding(count: usize) -> Vec<String> {
        (0_u64..)
            .map(|n| format!("{n:x}"))
            .filter(|text| hash(text.as_bytes()) & 0xFFF == 7)
            .take(count)
            .collect()
    }

    /// Work is counted, not timed: a few steps a text for ordinary ones, a bounded number for the worst.
    #[test]
    fn work_is_linear_whatever_the_texts() {
        for count in [1000, 10_000, 100_000] {
            let (repeats, _) = seen((0..count).map(|n| format!("./Software/Operator/Managed/{n}/Value")));
            assert!(repeats.steps < 2 * count, "{} steps for {count} texts", repeats.steps);
            assert_eq!(repeats.texts.len(), count);
        }
        let texts = colliding(1000);
        let (repeats, _) = seen(texts.iter().chain(&texts));
        assert!(repeats.steps <= 2 * texts.len() * PROBES);
        // Space is linear too: what finds no place leaves nothing behind.
        assert!(repeats.slots.len() <= 4096 && repeats.texts.len() + repeats.again.len() <= 2 * texts.len());
    }

    /// What collides is written all the same, in its place.
    #[test]
    fn texts_that_collide_are_not_lost() {
        let texts = colliding(300);
        let doubled: Vec<&String> = texts.iter().chain(&texts).collect();
        let (mut repeats, body) = seen(&doubled);
        let mut table = Vec::new();
        repeats.fill(&mut table, &StringTable::new(), &body);
        assert!(!table.is_empty());
        let mut out = Vec::new();
        repeats.put_body(&mut Buffer(&mut out), &body);
        assert_eq!(read(&out, &table), doubled.into_iter().cloned().collect::<Vec<_>>());
    }

    /// STR_I and STR_T only.
    fn read(mut body: &[u8], table: &[u8]) -> Vec<String> {
        let until_nul = |octets: &[u8]| octets.split(|b| *b == 0).next().unwrap().to_vec();
        let mut texts = Vec::new();
        while let Some((first, rest)) = body.split_first() {
            let text = if *first == token::STR_I {
                let text = until_nul(rest);
                body = &rest[text.len() + 1..];
                text
            } else {
                let len = rest.iter().position(|b| b & 0x80 == 0).unwrap() + 1;
                let offset = rest[..len].iter().fold(0, |n, b| n << 7 | usize::from(b & 0x7F));
                body = &rest[len..];
                until_nul(&table[offset..])
            };
            texts.push(String::from_utf8(text).unwrap());
        }
        texts
    }

    #[test]
    fn a_table_stays_within_what_readers_take() {
        let long = |n: usize| format!("{n:0>width$}", width = LONGEST);
        let count = LARGEST_TABLE / LONGEST + 10;
        let (mut repeats, body) = seen((0..count).chain(0..count).map(long));
        let mut table = Vec::new();
        repeats.fill(&mut table, &StringTable::new(), &body);
        assert!(table.len() <= LARGEST_TABLE && table.len() > LARGEST_TABLE - LONGEST - 1);
    }

    proptest! {
        /// Against a map, which finds everything.
        #[test]
        fn the_same_texts_repeat_as_in_a_map(texts in proptest::collection::vec("[ab]{0,4}|[a-z]{5,40}", 0..300)) {
            let mut times = BTreeMap::<&str, u32>::new();
            texts.iter().filter(|text| !text.is_empty()).for_each(|text| *times.entry(text).or_default() += 1);
            let (repeats, body) = seen(&texts);
            let found: BTreeMap<&str, u32> = repeats
                .texts
                .iter()
                .map(|text| (core::str::from_utf8(&body[text.place()]).unwrap(), text.times))
                .collect();
            prop_assert_eq!(found, times);
            let mut out = Vec::new();
            repeats.put_body(&mut Buffer(&mut out), &body);
            prop_assert_eq!(read(&out, &[]), texts);
        }
    }
}
