//! Values by serial: an array in three steps, so that what is not there costs nothing.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::device::Serial;

const PAGE: usize = 32;
const PAGES: usize = 1024;

/// Values by serial. Looking one up takes three steps whatever their number. A few thousand bytes are spent on each
/// run of 32 and of 32 768 serials of which one has a value, nothing on others.
#[derive(Clone, Debug)]
pub(crate) struct SerialTable<T> {
    books: Vec<Option<Box<Book<T>>>>,
    len: u32,
}

#[derive(Clone, Debug)]
struct Book<T> {
    pages: [Option<Box<Page<T>>>; PAGES],
    used: u16,
}

#[derive(Clone, Debug)]
struct Page<T> {
    slots: [Option<T>; PAGE],
    used: u8,
}

/// Book, page and slot of an index.
const fn place(index: u32) -> (usize, usize, usize) {
    let index = index as usize;
    (index / (PAGE * PAGES), index / PAGE % PAGES, index % PAGE)
}

const fn index(serial: Serial) -> u32 {
    serial.get() - 1
}

impl<T> SerialTable<T> {
    pub(crate) const fn new() -> Self {
        Self { books: Vec::new(), len: 0 }
    }

    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    #[inline]
    pub(crate) fn get(&self, serial: Serial) -> Option<&T> {
        self.at(index(serial))
    }

    #[inline]
    fn at(&self, index: u32) -> Option<&T> {
        let (book, page, slot) = place(index);
        self.books.get(book)?.as_ref()?.pages[page].as_ref()?.slots[slot].as_ref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, serial: Serial) -> Option<&mut T> {
        let (book, page, slot) = place(index(serial));
        self.books.get_mut(book)?.as_mut()?.pages[page].as_mut()?.slots[slot].as_mut()
    }

    pub(crate) fn insert(&mut self, serial: Serial, value: T) -> Option<T> {
        let (book, page, slot) = place(index(serial));
        if self.books.len() <= book {
            self.books.resize_with(book + 1, || None);
        }
        let book = self.books[book]
            .get_or_insert_with(|| Box::new(Book { pages: [const { None }; PAGES], used: 0 }));
        let used = &mut book.used;
        let page = book.pages[page].get_or_insert_with(|| {
            *used += 1;
            Box::new(Page { slots: [const { None }; PAGE], used: 0 })
        });
        let old = page.slots[slot].replace(value);
        if old.is_none() {
            page.used += 1;
            self.len += 1;
        }
        old
    }

    pub(crate) fn remove(&mut self, serial: Serial) -> Option<T> {
        let (book_at, page_at, slot) = place(index(serial));
        let book = self.books.get_mut(book_at)?.as_mut()?;
        let page = book.pages[page_at].as_mut()?;
        let old = page.slots[slot].take()?;
        self.len -= 1;
        page.used -= 1;
        if page.used == 0 {
            book.pages[page_at] = None;
            book.used -= 1;
            if book.used == 0 {
                self.books[book_at] = None;
            }
        }
        Some(old)
    }

    /// The values of serials from `from` up to, not including, `until`, both counted from zero, ascending.
    pub(crate) fn range(&self, from: u32, until: u32) -> Iter<'_, T> {
        // Nothing lies beyond the last book.
        let end = u32::try_from(self.books.len() * PAGE * PAGES).unwrap_or(u32::MAX);
        Iter { table: self, front: from, back: until.min(end) }
    }

    pub(crate) fn iter(&self) -> Iter<'_, T> {
        self.range(0, u32::MAX)
    }
}

/// The values of a range of serials.
#[derive(Debug)]
pub(crate) struct Iter<'a, T> {
    table: &'a SerialTable<T>,
    front: u32,
    back: u32,
}

impl<'a, T> Iter<'a, T> {
    /// How many indices to pass over at once where there is nothing, and whether that is so.
    fn empty_run(&self, index: u32) -> Option<usize> {
        let (book, page, _) = place(index);
        match self.table.books.get(book).and_then(Option::as_ref) {
            None => Some(PAGE * PAGES),
            Some(book) => book.pages[page].is_none().then_some(PAGE),
        }
    }
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        while self.front < self.back {
            let at = self.front;
            match self.empty_run(at) {
                Some(run) => {
                    let next = (at as usize / run + 1) * run;
                    self.front = u32::try_from(next).unwrap_or(u32::MAX).min(self.back);
                }
                None => {
                    self.front += 1;
                    if let Some(value) = self.table.at(at) {
                        return Some(value);
                    }
                }
            }
        }
        None
    }
}

impl<T> DoubleEndedIterator for Iter<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        while self.front < self.back {
            let at = self.back - 1;
            match self.empty_run(at) {
                // The first index of the run is not there either.
                Some(run) => {
                    let start = at as usize / run * run;
                    self.back = u32::try_from(start).unwrap_or(0).max(self.front);
                }
                None => {
                    self.back = at;
                    if let Some(value) = self.table.at(at) {
                        return Some(value);
                    }
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn serial(number: u32) -> Serial {
        Serial::new(number).unwrap()
    }

    #[test]
    fn the_last_serial_has_a_place() {
        let mut table = SerialTable::new();
        table.insert(Serial::MAX, 'z');
        table.insert(Serial::FIRST, 'a');
        assert_eq!(
            (table.get(Serial::MAX), table.get(Serial::FIRST), table.len()),
            (Some(&'z'), Some(&'a'), 2)
        );
        assert!(table.iter().eq(&['a', 'z']) && table.iter().rev().eq(&['z', 'a']));
        assert_eq!((table.remove(Serial::MAX), table.remove(Serial::MAX)), (Some('z'), None));
        assert!(table.iter().eq(&['a']));
    }

    proptest! {
        #[test]
        fn a_table_is_a_sorted_map(
            changes in prop::collection::vec((prop_oneof![1..100_u32, 32_700..32_900_u32, 65_000..66_000_u32], any::<bool>()), 0..80),
            from in 0..66_000_u32, until in 0..66_000_u32,
        ) {
            let (mut table, mut map) = (SerialTable::new(), BTreeMap::new());
            for (step, (number, put)) in changes.into_iter().enumerate() {
                if put {
                    prop_assert_eq!(table.insert(serial(number), step), map.insert(number, step));
                } else {
                    prop_assert_eq!(table.remove(serial(number)), map.remove(&number));
                }
                prop_assert_eq!(table.get(serial(number)), map.get(&number));
                prop_assert_eq!(table.len() as usize, map.len());
            }
            let wanted: Vec<usize> =
                map.iter().filter(|(number, _)| (from..until).contains(&(**number - 1))).map(|(_, &at)| at).collect();
            prop_assert!(table.range(from, until).copied().eq(wanted.iter().copied()));
            prop_assert!(table.range(from, until).rev().copied().eq(wanted.iter().rev().copied()));
        }
    }
}
