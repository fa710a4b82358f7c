//! The segments of an address.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use super::error::{UriError, UriErrorKind};
use super::escape::{is_plain, unescape};

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

    /// The name: the spelling with its percent escapes resolved. Allocates only when there are any.
    #[must_use]
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
    rest: Option<&'a str>,
    escaped: bool,
}

impl<'a> Segments<'a> {
    /// The segments of an address that was checked; `escaped` when there may be escapes in it.
    pub(super) fn of(text: &'a str, escaped: bool) -> Self {
        Self { rest: body(text), escaped }
    }

    /// What is left, as spelled.
    pub(crate) fn rest(&self) -> &'a str {
        self.rest.unwrap_or_default()
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        let rest = self.rest?;
        // Segments are short: a plain loop beats a search made for long texts.
        let (text, rest) = match rest.as_bytes().iter().position(|byte| *byte == b'/') {
            Some(at) => (&rest[..at], Some(&rest[at + 1..])),
            None => (rest, None),
        };
        self.rest = rest;
        Some(Segment { text, escaped: self.escaped })
    }
}

/// The segments as one string without the leading `./`; `None` for the root.
pub(super) fn body(text: &str) -> Option<&str> {
    if text == "." { None } else { Some(text.strip_prefix("./").unwrap_or(text)) }
}

pub(super) fn check_segment(segment: &str, at: usize) -> Result<(), UriError> {
    let fail = |kind, offset| Err(UriError { kind, offset: at + offset });
    let bytes = segment.as_bytes();
    let mut i = 0;
    while let Some(&byte) = bytes.get(i) {
        if byte == b'%' {
            if !bytes.get(i + 1..i + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) {
                return fail(UriErrorKind::BadEscape, i);
            }
            i += 3;
        } else if is_plain(byte) {
            i += 1;
        } else {
            // Every byte before this one was ASCII, so `i` is a character boundary.
            let character = segment[i..].chars().next().unwrap_or(char::REPLACEMENT_CHARACTER);
            return fail(UriErrorKind::BadCharacter(character), i);
        }
    }
    match unescape(segment) {
        None if matches!(segment, "." | "..") => fail(UriErrorKind::DotSegment, 0),
        Some(name) if matches!(&*name, b"." | b"..") => fail(UriErrorKind::DotSegment, 0),
        Some(name) if core::str::from_utf8(&name).is_err() => fail(UriErrorKind::NotUtf8, 0),
        _ => Ok(()),
    }
}
