//! Names of nodes as spelled, short ones in place.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use core::cmp::Ordering;
use core::fmt;

use super::index::words;
use crate::uri::Segment;

/// The last segment of a node's address as spelled.
#[derive(Clone)]
pub(crate) enum Name {
    Short { len: u8, bytes: [u8; SHORT] },
    Long(Box<str>),
}

/// What fits beside the length and the tag in the room that the long form takes anyway.
const SHORT: usize = 22;

impl Name {
    pub(crate) fn new(spelling: &str) -> Self {
        if spelling.len() > SHORT {
            return Self::Long(spelling.into());
        }
        let mut bytes = [0; SHORT];
        bytes[..spelling.len()].copy_from_slice(spelling.as_bytes());
        Self::Short { len: spelling.len() as u8, bytes }
    }

    #[inline(always)]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short { len, bytes } => &bytes[..usize::from(*len)],
            Self::Long(text) => text.as_bytes(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.as_bytes().len()
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Short { .. } => core::str::from_utf8(self.as_bytes()).expect("a name is made of text"),
            Self::Long(text) => text,
        }
    }

    pub(crate) fn is_escaped(&self) -> bool {
        self.as_bytes().contains(&b'%')
    }

    /// Whether it is a spelling of `name`. Who knows that there are no escapes in it, and whether case counts, says so.
    #[inline(always)]
    pub(crate) fn spells(&self, name: &str, escaped: bool, folds: bool) -> bool {
        let own = self.as_bytes();
        match (escaped, folds) {
            // What calling for a comparison would cost more than.
            (false, false) if name.len() <= 16 => {
                own.len() == name.len() && words(own) == words(name.as_bytes())
            }
            (false, false) => own == name.as_bytes(),
            (false, true) => own.eq_ignore_ascii_case(name.as_bytes()),
            (true, false) => *resolved(self.as_str()) == *name,
            (true, true) => resolved(self.as_str()).eq_ignore_ascii_case(name),
        }
    }

    /// The order of the names they spell.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        if self.is_escaped() || other.is_escaped() {
            return resolved(self.as_str()).cmp(&resolved(other.as_str()));
        }
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// The name a spelling stands for.
pub(crate) fn resolved(spelling: &str) -> Cow<'_, str> {
    Segment::trusted(spelling).name()
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn names_are_told_apart() {
        let names: Vec<String> = (0..20)
            .flat_map(|len| {
                (0..len).map(move |at| (0..len).map(|i| if i == at { 'x' } else { 'y' }).collect())
            })
            .collect();
        for a in &names {
            for b in &names {
                assert_eq!(Name::new(a).spells(b, false, false), a == b, "{a} {b}");
            }
        }
    }

    #[test]
    fn short_and_long() {
        for len in [0, 1, 21, 22, 23, 100] {
            let text = "n".repeat(len);
            let name = Name::new(&text);
            assert_eq!(name.as_str(), text);
            assert!(name.spells(&text, false, false) && !name.spells("m", true, false));
            assert!(name.spells(&text.to_uppercase(), false, true));
            assert_eq!(format!("{name:?}"), format!("{text:?}"));
        }
        assert_eq!(size_of::<Name>(), 24);
        assert!(
            Name::new("a%20b").spells("a b", true, false) && !Name::new("a%20b").spells("a%20b", true, false)
        );
        assert!(Name::new("%25").spells("%", true, false));
        assert_eq!(Name::new("%41").compare(&Name::new("A")), Ordering::Equal);
        assert_eq!(Name::new("%41").compare(&Name::new("B")), Ordering::Less);
    }
}
