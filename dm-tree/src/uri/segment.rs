//! The segments of an address.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use super::error::{UriError, UriErrorKind};
use super::escape::{is_plain, unescape};
use super::shape::Shape;

/// One segment of an address, as spelled.
#[derive(Clone, Copy)]
pub struct Segment<'a> {
    text: &'a str,
    /// Whether there may be escapes in it.
    escaped: bool,
}

impl<'a> Segment<'a> {
    /// Reads one segment, as a rename carries it (TND 1.2.1 §7.7, Name).
    ///
    /// # Errors
    ///
    /// As [`NodeUri::parse`](crate::NodeUri::parse); a `/` is a [`BadCharacter`](UriErrorKind::BadCharacter).
    pub fn parse(text: &'a str) -> Result<Self, UriError> {
        if text.is_empty() {
            return Err(UriError { kind: UriErrorKind::EmptySegment, offset: 0 });
        }
        check_segment(text, 0)?;
        Ok(Self::trusted(text))
    }

    /// A segment that was checked before.
    pub(crate) fn trusted(text: &'a str) -> Self {
        Self { text, escaped: text.contains('%') }
    }

    /// The spelling.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.text
    }

    /// The name, when that is the spelling.
    #[inline(always)]
    pub(crate) const fn plain(self) -> Option<&'a str> {
        if self.escaped { None } else { Some(self.text) }
    }

    /// The name: the spelling with its percent escapes resolved. Allocates only when there are any.
    #[must_use]
    #[inline]
    pub fn name(self) -> Cow<'a, str> {
        if !self.escaped {
            return Cow::Borrowed(self.text);
        }
        match unescape(self.text) {
            None => Cow::Borrowed(self.text),
            // Parsing has shown that the bytes are UTF-8, so nothing is replaced here.
            Some(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }
}

/// Equal when spelled alike.
impl PartialEq for Segment<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Segment<'_> {}

impl fmt::Debug for Segment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.text, f)
    }
}

/// The segments of an address, from the root down.
#[derive(Clone, Debug)]
pub struct Segments<'a> {
    text: &'a str,
    shape: &'a Shape,
    /// Where the next one begins; beyond the end when there is none.
    at: usize,
    /// Its number.
    index: usize,
}

impl<'a> Segments<'a> {
    /// The segments of an address that was checked.
    #[inline]
    pub(super) fn of(text: &'a str, shape: &'a Shape) -> Self {
        Self { text, shape, at: start(text), index: 0 }
    }

    /// Where the next one begins in the address.
    pub(super) const fn offset(&self) -> usize {
        self.at
    }

    /// What is left, as spelled.
    pub(crate) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Segment<'a>> {
        if self.at >= self.text.len() {
            return None;
        }
        let end = match self.shape.end(self.index) {
            Some(end) => end,
            // Segments are short: a plain loop beats a search made for long texts.
            None => {
                let rest = &self.text.as_bytes()[self.at..];
                rest.iter().position(|byte| *byte == b'/').map_or(self.text.len(), |slash| self.at + slash)
            }
        };
        let text = self.text.get(self.at..end)?;
        self.at = end + 1;
        self.index += 1;
        Some(Segment { text, escaped: self.shape.escaped })
    }
}

/// Where the first segment begins; at the end for the root.
#[inline]
pub(super) fn start(text: &str) -> usize {
    match text.as_bytes() {
        [b'.'] => 1,
        [b'.', b'/', ..] => 2,
        _ => 0,
    }
}

/// Whether it is a segment, and whether there are escapes in it.
pub(super) fn check_segment(segment: &str, at: usize) -> Result<bool, UriError> {
    let fail = |kind, offset| Err(UriError { kind, offset: at + offset });
    let bytes = segment.as_bytes();
    let mut i = 0;
    let mut escaped = false;
    while let Some(&byte) = bytes.get(i) {
        if is_plain(byte) {
            i += 1;
        } else if byte == b'%' {
            if !bytes.get(i + 1..i + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) {
                return fail(UriErrorKind::BadEscape, i);
            }
            escaped = true;
            i += 3;
        } else {
            // Every byte before this one was ASCII, so `i` is a character boundary.
            let character = segment[i..].chars().next().unwrap_or(char::REPLACEMENT_CHARACTER);
            return fail(UriErrorKind::BadCharacter(character), i);
        }
    }
    if !escaped {
        return if matches!(bytes, b"." | b"..") { fail(UriErrorKind::DotSegment, 0) } else { Ok(false) };
    }
    match unescape(segment) {
        Some(name) if matches!(&*name, b"." | b"..") => fail(UriErrorKind::DotSegment, 0),
        Some(name) if core::str::from_utf8(&name).is_err() => fail(UriErrorKind::NotUtf8, 0),
        _ => Ok(true),
    }
}
