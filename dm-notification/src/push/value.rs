//! A header's value, told by its first octet alone.

use alloc::vec::Vec;

use super::cursor::{Cursor, put_uintvar};
use super::error::{PushError, PushErrorKind};

/// A value of a header or parameter (WAP-230 §8.4.1.2): its form shows in its first octet, so that values of
/// headers that nobody knows can be read too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Value<'a> {
    /// A short integer: seven bits.
    Short(u8),
    /// Octets with their length in front. Long integers are such.
    Octets(&'a [u8]),
    /// Text up to a zero, without the mark in front that may have quoted it.
    Text(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The shortest form of a number.
    pub(super) fn put_integer(out: &mut Vec<u8>, number: u32) {
        match u8::try_from(number) {
            Ok(short @ 0..=0x7F) => out.push(0x80 | short),
            _ => {
                let octets = number.to_be_bytes();
                let first = octets.iter().position(|octet| *octet != 0).unwrap_or(3);
                Value::Octets(octets.get(first..).unwrap_or_default()).encode(out);
            }
        }
    }

    /// The number, if this is one of at most 32 bits.
    #[must_use]
    pub fn as_integer(&self) -> Option<u32> {
        match self {
            Self::Short(number) => Some(u32::from(*number)),
            Self::Octets(octets @ [_, ..]) => octets.iter().try_fold(0_u32, |number, octet| {
                (number >> 24 == 0).then_some(number << 8 | u32::from(*octet))
            }),
            _ => None,
        }
    }

    /// The text, if this is text and UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) => core::str::from_utf8(text).ok(),
            _ => None,
        }
    }

    /// Whether it can be encoded: text has no zero in it, octets have a length of 32 bits.
    pub(super) fn is_encodable(&self) -> bool {
        match self {
            Self::Short(number) => *number < 0x80,
            Self::Octets(octets) => u32::try_from(octets.len()).is_ok(),
            Self::Text(text) => !text.contains(&0),
        }
    }

    pub(super) fn decode(cursor: &mut Cursor<'a>) -> Result<Self, PushError> {
        match cursor.peek()? {
            length @ 0..=30 => {
                cursor.octet()?;
                cursor.take(usize::from(length)).map(Self::Octets)
            }
            31 => {
                cursor.octet()?;
                let length = cursor.length()?;
                cursor.take(length).map(Self::Octets)
            }
            32..=127 => {
                let text = cursor.text()?;
                Ok(Self::Text(text.strip_prefix(&[0x7F]).unwrap_or(text)))
            }
            short => {
                cursor.octet()?;
                Ok(Self::Short(short & 0x7F))
            }
        }
    }

    /// A parameter's value: as a header's, but text may be marked as a quoted string, and the weight is a uintvar.
    pub(super) fn decode_parameter(cursor: &mut Cursor<'a>, code: Option<u32>) -> Result<Self, PushError> {
        const Q: u32 = 0;
        if code == Some(Q) {
            // What it says is the number and not its form: the octets as they are.
            let before = cursor.rest();
            let at = cursor.offset();
            cursor.uintvar()?;
            return Ok(Self::Octets(before.get(..cursor.offset() - at).unwrap_or_default()));
        }
        match (cursor.peek()?, Self::decode(cursor)?) {
            (31, _) => Err(cursor.error(PushErrorKind::Unexpected(31))),
            (b'"', Self::Text(text)) => Ok(Self::Text(text.get(1..).unwrap_or_default())),
            (_, value) => Ok(value),
        }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Short(number) => out.push(0x80 | number),
            Self::Octets(octets) => {
                match u8::try_from(octets.len()) {
                    Ok(short @ 0..=30) => out.push(short),
                    _ => {
                        out.push(31);
                        put_uintvar(out, u32::try_from(octets.len()).unwrap_or(u32::MAX));
                    }
                }
                out.extend_from_slice(octets);
            }
            Self::Text(text) => {
                // The mark is for text that would look like another form.
                if !matches!(text, [32..=126, ..]) {
                    out.push(0x7F);
                }
                out.extend_from_slice(text);
                out.push(0);
            }
        }
    }

    /// A parameter's value. Text that is no token is marked as a quoted string.
    pub(super) fn encode_parameter(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => {
                if text.is_empty() || !text.iter().all(|octet| is_token(*octet)) {
                    out.push(b'"');
                }
                out.extend_from_slice(text);
                out.push(0);
            }
            other => other.encode(out),
        }
    }
}

/// A character of a token (RFC 2616 §2.2).
pub(super) const fn is_token(octet: u8) -> bool {
    octet.is_ascii_graphic()
        && !matches!(
            octet,
            b'(' | b')'
                | b'<'
                | b'>'
                | b'@'
                | b','
                | b';'
                | b':'
                | b'\\'
                | b'"'
                | b'/'
                | b'['
                | b']'
                | b'?'
                | b'='
                | b'{'
                | b'}'
        )
}

#[cfg(test)]
mod tests {
    use super::super::error::PushField;
    use super::*;

    fn back(value: Value<'_>) {
        let mut out = Vec::new();
        value.encode(&mut out);
        let mut cursor = Cursor::new(&out, 0, PushField::Header);
        assert_eq!(Value::decode(&mut cursor), Ok(value), "{out:x?}");
        assert!(cursor.is_empty());
        if !matches!(value, Value::Octets(octets) if octets.len() > 30) {
            out.clear();
            value.encode_parameter(&mut out);
            let mut cursor = Cursor::new(&out, 0, PushField::Header);
            assert_eq!(Value::decode_parameter(&mut cursor, Some(5)), Ok(value), "{out:x?}");
            assert!(cursor.is_empty());
        }
    }

    #[test]
    fn every_form_comes_back() {
        (0..0x80).for_each(|number| back(Value::Short(number)));
        let octets = [0xAA; 300];
        [0, 1, 30, 31, 127, 128, 300].into_iter().for_each(|length| back(Value::Octets(&octets[..length])));
        for first in 1..=255 {
            back(Value::Text(&[first, b'x']));
            back(Value::Text(&[first]));
        }
        back(Value::Text(b""));
    }

    #[test]
    fn numbers() {
        for number in [0, 1, 0x7F, 0x80, 0xFF, 0x100, 0x0302, 0xFF_FFFF, u32::MAX] {
            let mut out = Vec::new();
            Value::put_integer(&mut out, number);
            let value = Value::decode(&mut Cursor::new(&out, 0, PushField::Header)).expect("as encoded");
            assert_eq!(value.as_integer(), Some(number));
        }
        assert_eq!(Value::Octets(&[0, 0, 0, 0, 7]).as_integer(), Some(7));
        assert_eq!(Value::Octets(&[1, 0, 0, 0, 7]).as_integer(), None);
        assert_eq!(Value::Octets(&[]).as_integer(), None);
        assert_eq!(Value::Text(b"7").as_integer(), None);
    }
}
