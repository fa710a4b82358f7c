//! Reads octets from the front, and knows where it is. Written by hand: there is nothing here but slices.

use super::error::{PushError, PushErrorKind, PushField};

#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    octets: &'a [u8],
    at: usize,
    field: PushField,
}

impl<'a> Cursor<'a> {
    /// `at` is where `octets` begin in what is being decoded.
    pub(super) const fn new(octets: &'a [u8], at: usize, field: PushField) -> Self {
        Self { octets, at, field }
    }

    pub(super) const fn field(mut self, field: PushField) -> Self {
        self.field = field;
        self
    }

    pub(super) const fn offset(&self) -> usize {
        self.at
    }

    pub(super) const fn rest(&self) -> &'a [u8] {
        self.octets
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    pub(super) const fn error(&self, kind: PushErrorKind) -> PushError {
        PushError::new(kind, self.field, self.at)
    }

    pub(super) fn peek(&self) -> Result<u8, PushError> {
        self.octets.first().copied().ok_or_else(|| self.error(PushErrorKind::Truncated))
    }

    pub(super) fn octet(&mut self) -> Result<u8, PushError> {
        let octet = self.peek()?;
        self.skip(1);
        Ok(octet)
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], PushError> {
        let (taken, _) =
            self.octets.split_at_checked(count).ok_or_else(|| self.error(PushErrorKind::Truncated))?;
        self.skip(count);
        Ok(taken)
    }

    /// The next `count` octets, to be read on their own.
    pub(super) fn sub(&mut self, count: usize) -> Result<Self, PushError> {
        let at = self.at;
        Ok(Self { octets: self.take(count)?, at, field: self.field })
    }

    /// A variable-length unsigned integer (WAP-230 §8.1.2): at most five octets and 32 bits.
    pub(super) fn uintvar(&mut self) -> Result<u32, PushError> {
        let at = self.at;
        let mut number = 0_u32;
        for _ in 0..5 {
            let octet = self.octet()?;
            let fits = number <= u32::MAX >> 7;
            if !fits {
                return Err(PushError::new(PushErrorKind::NumberTooLarge, self.field, at));
            }
            number = number << 7 | u32::from(octet & 0x7F);
            if octet & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(PushError::new(PushErrorKind::NumberTooLarge, self.field, at))
    }

    /// A length that is there: `uintvar` octets.
    pub(super) fn length(&mut self) -> Result<usize, PushError> {
        let length = self.uintvar()?;
        usize::try_from(length).map_err(|_| self.error(PushErrorKind::NumberTooLarge))
    }

    /// Text up to a zero, which is passed over.
    pub(super) fn text(&mut self) -> Result<&'a [u8], PushError> {
        let end = self.octets.iter().position(|octet| *octet == 0);
        let end = end.ok_or_else(|| self.error(PushErrorKind::Unterminated))?;
        let text = self.take(end)?;
        self.skip(1);
        Ok(text)
    }

    fn skip(&mut self, count: usize) {
        let (_, rest) = self.octets.split_at(count.min(self.octets.len()));
        self.octets = rest;
        self.at += count;
    }
}

/// Appends a variable-length unsigned integer, as short as can be.
pub(super) fn put_uintvar(out: &mut alloc::vec::Vec<u8>, number: u32) {
    let mut shift = 28;
    while shift > 0 && number >> shift == 0 {
        shift -= 7;
    }
    while shift > 0 {
        out.push(0x80 | (number >> shift & 0x7F) as u8);
        shift -= 7;
    }
    out.push((number & 0x7F) as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn uintvars_come_back() {
        for number in (0..32).flat_map(|bit| [1_u32 << bit, (1 << bit) - 1]).chain([0, u32::MAX, 300]) {
            let mut out = Vec::new();
            put_uintvar(&mut out, number);
            assert_eq!(out.len(), (32 - number.leading_zeros()).div_ceil(7).max(1) as usize);
            let mut cursor = Cursor::new(&out, 0, PushField::Message);
            assert_eq!(cursor.uintvar(), Ok(number));
            assert!(cursor.is_empty());
        }
        for (wrong, kind) in [
            (&[0x90, 0x80, 0x80, 0x80, 0x00][..], PushErrorKind::NumberTooLarge),
            (&[0x80; 9][..], PushErrorKind::NumberTooLarge),
            (&[0x80, 0x80][..], PushErrorKind::Truncated),
            (&[][..], PushErrorKind::Truncated),
        ] {
            assert_eq!(Cursor::new(wrong, 0, PushField::Message).uintvar().map_err(|e| e.kind()), Err(kind));
        }
    }
}
