//! Elements that nobody expected in a typed one, in their place.

use alloc::boxed::Box;
use alloc::vec::Vec;

use dm_wbxml::Element;

use super::mapping::IntoOwned;
use super::writing::Writing;

/// Elements that nobody expected in a typed one: kept, reported, and written again where they stood.
///
/// The place of each is known by the element of the typed ones that it stood behind, and followed by those: when that one is
/// taken away, the unknown one stays between its neighbours. What is added with [`push`](Self::push) stands behind all of them.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Extensions<'a>(Option<Box<Kept<'a>>>);

/// As many places as elements, in the order of writing. Nearly always there are none: one word in every typed element.
#[derive(Clone, PartialEq, Eq, Default)]
struct Kept<'a> {
    elements: Vec<Element<'a>>,
    places: Vec<Place>,
}

impl<'a> Extensions<'a> {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self(None)
    }

    /// The elements, in their order.
    #[must_use]
    pub fn as_slice(&self) -> &[Element<'a>] {
        self.0.as_deref().map_or(&[], |kept| &kept.elements)
    }

    /// Whether there are none.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Adds an element behind all others. One that the element around it knows would be read as that.
    pub fn push(&mut self, element: Element<'a>) {
        self.push_at(Place::END, element);
    }

    /// Adds an element that was read behind all others so far.
    #[cold]
    pub(super) fn push_at(&mut self, place: Place, element: Element<'a>) {
        let kept = self.0.get_or_insert_default();
        kept.elements.push(element);
        kept.places.push(place);
    }

    /// Brings the elements into the order of writing, once all is read. `last_read` is the place behind the known element that was read last,
    /// `last_written` that behind the one that will be written last: what stands there stands behind all of them.
    #[cold]
    pub(super) fn settle(&mut self, last_read: Place, last_written: Place) {
        let Some(kept) = &mut self.0 else { return };
        for place in &mut kept.places {
            if *place == last_read || *place >= last_written {
                *place = Place::END;
            }
        }
        if !kept.places.is_sorted() {
            let mut both: Vec<_> = kept.places.drain(..).zip(kept.elements.drain(..)).collect();
            both.sort_by_key(|(place, _)| *place);
            (kept.places, kept.elements) = both.into_iter().unzip();
        }
    }

    /// Takes those out that stand behind everything.
    pub(super) fn split_last(&mut self) -> Vec<Element<'a>> {
        let Some(kept) = &mut self.0 else { return Vec::new() };
        let at = kept.places.partition_point(|place| *place < Place::END);
        kept.places.truncate(at);
        let last = kept.elements.split_off(at);
        if kept.places.is_empty() {
            self.0 = None;
        }
        last
    }

    /// Leaves out those that are not wanted.
    pub(super) fn retain(&mut self, mut wanted: impl FnMut(&Element<'a>) -> bool) {
        let Some(kept) = &mut self.0 else { return };
        let elements = core::mem::take(&mut kept.elements);
        let places = core::mem::take(&mut kept.places);
        for (element, place) in elements.into_iter().zip(places).filter(|(element, _)| wanted(element)) {
            kept.elements.push(element);
            kept.places.push(place);
        }
        if kept.elements.is_empty() {
            self.0 = None;
        }
    }

    /// To write them between the known elements.
    #[inline]
    pub(super) fn cursor(&self) -> Cursor<'_, 'a> {
        match &self.0 {
            None => Cursor { elements: &[], places: &[] },
            Some(kept) => Cursor { elements: &kept.elements, places: &kept.places },
        }
    }
}

impl IntoOwned for Extensions<'_> {
    type Owned = Extensions<'static>;

    fn into_owned(self) -> Self::Owned {
        Extensions(self.0.map(|kept| {
            let elements = kept.elements.into_iter().map(Element::into_owned).collect();
            Box::new(Kept { elements, places: kept.places })
        }))
    }
}

/// The elements.
impl core::fmt::Debug for Extensions<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

/// Behind which known element an unknown one stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Place {
    /// The known element, counted from 1 in the order of writing.
    field: u8,
    /// Which of several of that name, counted from 1.
    nth: u32,
}

impl Place {
    /// Before all known elements.
    pub(super) const FIRST: Self = Self { field: 0, nth: 0 };

    /// Behind all known elements.
    pub(super) const END: Self = Self { field: u8::MAX, nth: u32::MAX };

    /// Behind the known element `field`, of which so many have been read or written; before it when that is none.
    #[inline]
    pub(super) const fn behind(field: u8, nth: usize) -> Self {
        Self { field, nth: if nth > u32::MAX as usize { u32::MAX } else { nth as u32 } }
    }

    /// Before the first of the known elements `field`.
    #[inline]
    pub(super) const fn before(field: u8) -> Self {
        Self { field, nth: 0 }
    }
}

/// Unknown elements on their way out.
pub(super) struct Cursor<'m, 'a> {
    elements: &'m [Element<'a>],
    places: &'m [Place],
}

impl Cursor<'_, '_> {
    /// Writes those that stand here, or should have stood before.
    #[inline]
    pub(super) fn reach<K: Writing>(&mut self, here: Place, sink: &mut K) {
        if !self.places.is_empty() {
            self.write(here, sink);
        }
    }

    /// Writes the rest.
    #[inline]
    pub(super) fn finish<K: Writing>(&mut self, sink: &mut K) {
        self.reach(Place::END, sink);
    }

    #[cold]
    fn write<K: Writing>(&mut self, here: Place, sink: &mut K) {
        let count = self.places.iter().take_while(|place| **place <= here).count();
        let (now, later) = self.elements.split_at(count);
        now.iter().for_each(|element| element.encode(sink));
        (self.elements, self.places) = (later, &self.places[count..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dm_wbxml::Tag;

    fn element(token: u8) -> Element<'static> {
        Element::new(Tag::new(3, token))
    }

    fn tokens(elements: &[Element<'_>]) -> Vec<u8> {
        let token = |element: &Element<'_>| match element.name {
            dm_wbxml::Name::Tag(tag) => tag.token(),
            _ => 0,
        };
        elements.iter().map(token).collect()
    }

    #[test]
    fn they_settle_in_the_order_of_writing() {
        let mut extensions = Extensions::new();
        // Read: 10 known2 11 known1 12, written: known1 known2.
        extensions.push_at(Place::FIRST, element(10));
        extensions.push_at(Place::behind(2, 1), element(11));
        extensions.push_at(Place::behind(1, 1), element(12));
        extensions.settle(Place::behind(1, 1), Place::behind(2, 1));
        assert_eq!(tokens(extensions.as_slice()), [10, 11, 12]);
        assert_eq!(tokens(&extensions.split_last()), [11, 12]);
        assert_eq!(tokens(extensions.as_slice()), [10]);
        // With another between known1 and known2 of three.
        extensions.push_at(Place::behind(2, 1), element(13));
        extensions.push_at(Place::behind(1, 1), element(14));
        extensions.settle(Place::behind(3, 1), Place::behind(3, 1));
        assert_eq!(tokens(extensions.as_slice()), [10, 14, 13]);
        assert!(extensions.split_last().is_empty());
    }

    #[test]
    fn nothing_left_is_nothing() {
        let mut extensions = Extensions::new();
        extensions.push(element(10));
        assert!(!extensions.is_empty());
        assert_eq!(tokens(&extensions.split_last()), [10]);
        assert!(extensions.is_empty());
        assert_eq!(extensions, Extensions::new());
    }
}
