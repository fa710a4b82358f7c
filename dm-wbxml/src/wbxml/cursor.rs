//! The input and how far it was read.

use alloc::string::String;

use crate::error::{Error, ErrorKind};

/// Octets and a place in them, which is never behind their end.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    input: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Self { input, at: 0 }
    }

    #[inline]
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.input.get(self.at).copied()
    }

    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.input.get(self.at..).unwrap_or_default()
    }

    /// Passes over octets that the caller has seen.
    #[inline]
    pub(super) fn skip(&mut self, octets: usize) {
        self.at += octets;
    }

    #[inline]
    pub(super) fn u8(&mut self) -> Result<u8, Error> {
        match self.peek() {
            Some(byte) => {
                self.at += 1;
                Ok(byte)
            }
            None => Err(self.error(ErrorKind::Truncated)),
        }
    }

    /// A multi-byte integer: seven bits an octet, most significant first, at most five octets (§5.1).
    #[inline]
    pub(super) fn mb_u32(&mut self) -> Result<u32, Error> {
        let mut value = 0_u32;
        for _ in 0..5 {
            let byte = self.u8()?;
            if value > u32::MAX >> 7 {
                return Err(self.error(ErrorKind::Integer));
            }
            value = value << 7 | u32::from(byte & 0x7F);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.error(ErrorKind::Integer))
    }

    #[inline]
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        match self.rest().get(..length) {
            Some(octets) => {
                self.at += length;
                Ok(octets)
            }
            None => Err(self.error(ErrorKind::Truncated)),
        }
    }

    /// An error at this place, outside any element.
    #[cold]
    pub(super) fn error(&self, kind: ErrorKind) -> Error {
        Error::new(kind, self.at, String::new())
    }

    /// An error at the octet read last.
    #[cold]
    pub(super) fn error_at_last(&self, kind: ErrorKind) -> Error {
        Error::new(kind, self.at.saturating_sub(1), String::new())
    }
}

#[cfg(test)]
mod tests {
    use super::super::token::put_mb_u32;
    use super::*;
    use crate::octets::Buffer;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// WAP-192 §5.1, its boundaries, padding, and what does not fit.
    #[test]
    fn multi_byte_integers() {
        type Read = Result<u32, (ErrorKind, usize)>;
        let table: &[(&[u8], Read)] = &[
            (&[0x00], Ok(0)),
            (&[0x7F], Ok(0x7F)),
            (&[0x81, 0x00], Ok(0x80)),
            (&[0x81, 0x20], Ok(0xA0)), // the example of the specification
            (&[0xFF, 0x7F], Ok(0x3FFF)),
            (&[0x81, 0x80, 0x00], Ok(0x4000)),
            (&[0xFF, 0xFF, 0x7F], Ok(0x1F_FFFF)),
            (&[0x81, 0x80, 0x80, 0x00], Ok(0x20_0000)),
            (&[0xFF, 0xFF, 0xFF, 0x7F], Ok(0x0FFF_FFFF)),
            (&[0x81, 0x80, 0x80, 0x80, 0x00], Ok(0x1000_0000)),
            (&[0x8F, 0xFF, 0xFF, 0xFF, 0x7F], Ok(u32::MAX)),
            // Padded, up to five octets.
            (&[0x80, 0x00], Ok(0)),
            (&[0x80, 0x80, 0x80, 0x80, 0x01], Ok(1)),
            // Beyond 32 bits.
            (&[0x90, 0x80, 0x80, 0x80, 0x00], Err((ErrorKind::Integer, 5))),
            (&[0xFF, 0xFF, 0xFF, 0xFF, 0x7F], Err((ErrorKind::Integer, 5))),
            // Six octets, padded or not.
            (&[0x80, 0x80, 0x80, 0x80, 0x80, 0x01], Err((ErrorKind::Integer, 5))),
            (&[0x81, 0x80, 0x80, 0x80, 0x80, 0x00], Err((ErrorKind::Integer, 5))),
            // Cut short.
            (&[], Err((ErrorKind::Truncated, 0))),
            (&[0x81], Err((ErrorKind::Truncated, 1))),
            (&[0x8F, 0xFF, 0xFF, 0xFF], Err((ErrorKind::Truncated, 4))),
        ];
        for (octets, expected) in table {
            let mut cursor = Cursor::new(octets);
            let read = cursor.mb_u32().map_err(|e| (e.kind().clone(), e.offset()));
            assert_eq!(&read, expected, "{octets:02X?}");
            if read.is_ok() {
                assert_eq!(cursor.offset(), octets.len(), "{octets:02X?}");
            }
        }
    }

    proptest! {
        #[test]
        fn integers_are_written_shortest_and_read_back(value in any::<u32>(), shift in 0u32..32) {
            let value = value >> shift;
            let mut octets = Vec::new();
            put_mb_u32(&mut Buffer(&mut octets), value);
            prop_assert!(octets.len() == 1 || octets[0] != 0x80, "no padding");
            let mut cursor = Cursor::new(&octets);
            prop_assert_eq!(cursor.mb_u32().unwrap(), value);
            prop_assert_eq!(cursor.peek(), None);
        }
    }

    #[test]
    fn taking_more_than_there_is_takes_nothing() {
        let mut cursor = Cursor::new(b"abc");
        assert_eq!(cursor.take(4).unwrap_err().kind(), &ErrorKind::Truncated);
        assert_eq!(cursor.take(usize::MAX).unwrap_err().offset(), 0);
        assert_eq!(cursor.take(3).unwrap(), b"abc");
        assert_eq!(cursor.take(0).unwrap(), b"");
        assert_eq!(cursor.u8().unwrap_err().offset(), 3);
    }
}
