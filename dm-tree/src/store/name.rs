//! Names of nodes as spelled, short ones in place.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use core::cmp::Ordering;
use core::fmt;

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

    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short { len, bytes } => &bytes[..usize::from(*len)],
            Self::Long(text) => text.as_bytes(),
        }
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

    /// Whether it is a spelling of `name`.
    #[inline]
    pub(crate) fn spells(&self, name: &str, folds: bool) -> bool {
        let (own, name) = (self.as_bytes(), name.as_bytes());
        if own == name && !own.contains(&b'%') {
            return true;
        }
        match self.is_escaped() {
            false => folds && own.eq_ignore_ascii_case(name),
            true if folds => resolved(self.as_str()).as_bytes().eq_ignore_ascii_case(name),
            true => resolved(self.as_str()).as_bytes() == name,
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

    use super::*;

    #[test]
    fn short_and_long() {
        for len in [0, 1, 21, 22, 23, 100] {
            let text = "n".repeat(len);
            let name = Name::new(&text);
            assert_eq!(name.as_str(), text);
            assert!(name.spells(&text, false) && !name.spells("m", false));
            assert!(name.spells(&text.to_uppercase(), true));
            assert_eq!(format!("{name:?}"), format!("{text:?}"));
        }
        assert_eq!(size_of::<Name>(), 24);
        assert!(Name::new("a%20b").spells("a b", false) && !Name::new("a%20b").spells("a%20b", false));
        assert!(Name::new("%25").spells("%", false));
        assert_eq!(Name::new("%41").compare(&Name::new("A")), Ordering::Equal);
        assert_eq!(Name::new("%41").compare(&Name::new("B")), Ordering::Less);
    }
}
