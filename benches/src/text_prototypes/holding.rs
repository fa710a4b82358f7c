//! The two ways: a borrow of the input, or a counted slice of it.

use alloc::borrow::Cow;
use core::fmt::Debug;
use core::ops::Range;
use core::str;

use bytes::Bytes;

/// A buffer being decoded, and what text taken from it becomes.
pub trait Holding: Clone + Debug {
    /// Text that has been checked to be UTF-8.
    type Text: AsRef<str> + Clone + Debug + Eq;
    /// Octets as they are.
    type Octets: AsRef<[u8]> + Clone + Debug + Eq;

    /// The whole input.
    fn input(&self) -> &[u8];
    /// The text at `range`; `None` when it is not UTF-8.
    fn text(&self, range: Range<usize>) -> Option<Self::Text>;
    /// The octets at `range`.
    fn octets(&self, range: Range<usize>) -> Self::Octets;
    /// Octets that had to be put together from several pieces.
    fn joined(&self, octets: Vec<u8>) -> Self::Octets;
    /// Text that had to be put together from several pieces; `None` when it is not UTF-8.
    fn joined_text(&self, octets: Vec<u8>) -> Option<Self::Text>;
    /// Text of length zero.
    fn empty() -> Self::Text;
}

/// Text is a `Cow` that borrows from the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Borrowed<'a>(pub &'a [u8]);

impl<'a> Holding for Borrowed<'a> {
    type Text = Cow<'a, str>;
    type Octets = Cow<'a, [u8]>;

    fn input(&self) -> &[u8] {
        self.0
    }

    fn text(&self, range: Range<usize>) -> Option<Cow<'a, str>> {
        str::from_utf8(&self.0[range]).ok().map(Cow::Borrowed)
    }

    fn octets(&self, range: Range<usize>) -> Cow<'a, [u8]> {
        Cow::Borrowed(&self.0[range])
    }

    fn joined(&self, octets: Vec<u8>) -> Cow<'a, [u8]> {
        Cow::Owned(octets)
    }

    fn joined_text(&self, octets: Vec<u8>) -> Option<Cow<'a, str>> {
        String::from_utf8(octets).ok().map(Cow::Owned)
    }

    fn empty() -> Cow<'a, str> {
        Cow::Borrowed("")
    }
}

/// Text is a counted slice of one buffer; no lifetime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared(pub Bytes);

/// Octets checked to be UTF-8 when they were taken.
#[derive(Clone, PartialEq, Eq)]
pub struct Text(Bytes);

impl AsRef<str> for Text {
    /// Checks again: without `unsafe` the type system does not remember that it was done.
    fn as_ref(&self) -> &str {
        str::from_utf8(&self.0).expect("checked when the text was made")
    }
}

impl Debug for Text {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        Debug::fmt(self.as_ref(), f)
    }
}

impl Holding for Shared {
    type Text = Text;
    type Octets = Bytes;

    fn input(&self) -> &[u8] {
        &self.0
    }

    fn text(&self, range: Range<usize>) -> Option<Text> {
        str::from_utf8(&self.0[range.clone()]).ok()?;
        Some(Text(self.0.slice(range)))
    }

    fn octets(&self, range: Range<usize>) -> Bytes {
        self.0.slice(range)
    }

    fn joined(&self, octets: Vec<u8>) -> Bytes {
        Bytes::from(octets)
    }

    fn joined_text(&self, octets: Vec<u8>) -> Option<Text> {
        String::from_utf8(octets).ok().map(|text| Text(Bytes::from(text)))
    }

    fn empty() -> Text {
        Text(Bytes::new())
    }
}
