//! The user data header of a short message: ports, and which part of a longer message this is.

use core::fmt;

use super::cursor::Cursor;
use super::error::{PushError, PushErrorKind, PushField};

/// The header in front of a short message's payload (3GPP TS 23.040 §9.2.3.24): information elements. Borrowed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UserDataHeader<'a>(&'a [u8]);

impl<'a> UserDataHeader<'a> {
    /// Reads the header of user data, and gives it and the payload.
    ///
    /// # Errors
    ///
    /// [`PushErrorKind::Truncated`] where the header or one of its elements says more octets than there are.
    pub fn decode(user_data: &'a [u8]) -> Result<(Self, &'a [u8]), PushError> {
        let mut cursor = Cursor::new(user_data, 0, PushField::UserDataHeader);
        let length = usize::from(cursor.octet()?);
        let mut elements = cursor.sub(length)?.field(PushField::InformationElement);
        let header = Self(elements.rest());
        while !elements.is_empty() {
            InformationElement::decode(&mut elements)?;
        }
        Ok((header, cursor.rest()))
    }

    /// The information elements, in their order.
    pub fn elements(&self) -> impl Iterator<Item = InformationElement<'a>> + Clone + use<'a> {
        let mut cursor = Cursor::new(self.0, 1, PushField::InformationElement);
        // They were read when the header was: no error is left.
        core::iter::from_fn(move || InformationElement::decode(&mut cursor).ok())
    }

    /// The ports, of 16 bits or of 8. Of several elements the last one counts.
    #[must_use]
    pub fn ports(&self) -> Option<Ports> {
        self.elements().filter_map(|element| element.ports()).last()
    }

    /// Which part of a longer message this is. Of several elements the last one counts; one whose numbers make no
    /// sense is passed over, as the standard has it.
    #[must_use]
    pub fn concatenation(&self) -> Option<Concatenation> {
        self.elements().filter_map(|element| element.concatenation()).last()
    }

    /// Octets of the header, its length included.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        1 + self.0.len()
    }
}

impl fmt::Debug for UserDataHeader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.elements()).finish()
    }
}

/// A piece of a user data header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InformationElement<'a> {
    /// What it is.
    pub id: u8,
    /// What it says.
    pub data: &'a [u8],
}

impl<'a> InformationElement<'a> {
    /// Concatenation with a reference of 8 bits.
    pub const CONCATENATION_8: u8 = 0x00;
    /// Ports of 8 bits.
    pub const PORTS_8: u8 = 0x04;
    /// Ports of 16 bits.
    pub const PORTS_16: u8 = 0x05;
    /// Concatenation with a reference of 16 bits.
    pub const CONCATENATION_16: u8 = 0x08;

    fn decode(cursor: &mut Cursor<'a>) -> Result<Self, PushError> {
        if cursor.is_empty() {
            return Err(cursor.error(PushErrorKind::Truncated));
        }
        let id = cursor.octet()?;
        let length = usize::from(cursor.octet()?);
        Ok(Self { id, data: cursor.take(length)? })
    }

    fn ports(&self) -> Option<Ports> {
        match (self.id, self.data) {
            (Self::PORTS_8, &[destination, source]) => {
                Some(Ports { destination: destination.into(), source: source.into() })
            }
            (Self::PORTS_16, &[d1, d0, s1, s0]) => Some(Ports {
                destination: u16::from_be_bytes([d1, d0]),
                source: u16::from_be_bytes([s1, s0]),
            }),
            _ => None,
        }
    }

    fn concatenation(&self) -> Option<Concatenation> {
        let (reference, total, sequence) = match (self.id, self.data) {
            (Self::CONCATENATION_8, &[reference, total, sequence]) => {
                (PartReference::Eight(reference), total, sequence)
            }
            (Self::CONCATENATION_16, &[r1, r0, total, sequence]) => {
                (PartReference::Sixteen(u16::from_be_bytes([r1, r0])), total, sequence)
            }
            _ => return None,
        };
        Concatenation::new(reference, total, sequence)
    }
}

/// Where a datagram comes from and goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a pair")]
pub struct Ports {
    /// The port it goes to.
    pub destination: u16,
    /// The port it comes from. Receivers do not look at it.
    pub source: u16,
}

impl Ports {
    /// Non-secure connectionless push, as the DM binding has it: to 2948. The source is that of its example.
    pub const WAP_PUSH: Self = Self { destination: 2948, source: 0xC002 };
    /// The same from the push port itself, as bootstrap messages are sent.
    pub const WAP_PUSH_BOTH: Self = Self { destination: 2948, source: 2948 };
    /// Where secure push goes to. The DM binding names only 2948.
    pub const SECURE_PUSH_DESTINATION: u16 = 2949;
}

/// What all parts of one message share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the two forms there are")]
pub enum PartReference {
    /// Eight bits.
    Eight(u8),
    /// Sixteen bits: another number space.
    Sixteen(u16),
}

/// Which part of which message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Concatenation {
    reference: PartReference,
    total: u8,
    sequence: u8,
}

impl Concatenation {
    /// Part `sequence` of `total`, counted from 1; nothing if there is no such part.
    #[must_use]
    pub const fn new(reference: PartReference, total: u8, sequence: u8) -> Option<Self> {
        if sequence == 0 || sequence > total {
            return None;
        }
        Some(Self { reference, total, sequence })
    }

    /// What all parts share.
    #[must_use]
    pub const fn reference(&self) -> PartReference {
        self.reference
    }

    /// How many parts there are: 1 to 255.
    #[must_use]
    pub const fn total(&self) -> u8 {
        self.total
    }

    /// Which one this is: 1 to the total.
    #[must_use]
    pub const fn sequence(&self) -> u8 {
        self.sequence
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn the_last_of_several_counts() {
        let (header, payload) = UserDataHeader::decode(
            b"\x15\x04\x02\x01\x02\x00\x03\x07\x02\x01\x05\x04\x0B\x84\xC0\x02\x08\x04\x12\x34\x02\x02rest",
        )
        .expect("well-formed");
        assert_eq!(header.ports(), Some(Ports::WAP_PUSH));
        let concatenation = header.concatenation().expect("there are two");
        assert_eq!(concatenation.reference(), PartReference::Sixteen(0x1234));
        assert_eq!((concatenation.total(), concatenation.sequence()), (2, 2));
        assert_eq!(payload, b"rest");
        assert_eq!(header.elements().map(|element| element.id).collect::<Vec<_>>(), [4, 0, 5, 8]);
        assert_eq!(header.encoded_len() + payload.len(), 26);
    }

    #[test]
    fn numbers_without_sense_are_passed_over() {
        for (total, sequence) in [(0, 0), (0, 1), (1, 0), (1, 2), (254, 255)] {
            let user_data = [5, 0, 3, 9, total, sequence];
            let (header, _) = UserDataHeader::decode(&user_data).expect("well-formed");
            assert_eq!(header.concatenation(), None);
        }
        let (header, _) = UserDataHeader::decode(&[4, 0, 2, 1, 1]).expect("well-formed");
        assert_eq!((header.concatenation(), header.ports()), (None, None));
    }

    #[test]
    fn every_prefix_of_a_header_is_too_short() {
        let header = [0x0B, 5, 4, 0x0B, 0x84, 0xC0, 2, 0, 3, 0xA7, 3, 1];
        for length in 0..header.len() {
            let error = UserDataHeader::decode(&header[..length]).expect_err("cut");
            assert_eq!(error.kind(), PushErrorKind::Truncated);
            // A header that says it is that short ends inside of an element, or between two.
            if length > 0 {
                let mut shorter = header;
                shorter[0] = u8::try_from(length - 1).expect("short");
                let whole = UserDataHeader::decode(&shorter[..length]).is_ok();
                assert_eq!(whole, matches!(length, 1 | 7 | 12), "{length}");
            }
        }
    }
}
