//! The message authentication code: HMAC-SHA1 over the document's octets.

use core::fmt;
use core::str::FromStr;

use subtle::ConstantTimeEq as _;

use super::{BootstrapError, BootstrapErrorKind};

/// A message authentication code: 20 octets, written as 40 hexadecimal digits. Compares in constant time.
#[derive(Clone, Copy)]
pub struct Mac([u8; 20]);

impl Mac {
    /// Octets of HMAC-SHA1.
    pub const OCTETS: usize = 20;

    /// The code with these octets.
    #[must_use]
    pub const fn new(octets: [u8; Self::OCTETS]) -> Self {
        Self(octets)
    }

    /// The octets.
    #[must_use]
    pub const fn as_octets(&self) -> &[u8; Self::OCTETS] {
        &self.0
    }

    /// Reads hexadecimal digits given as octets, of either case.
    pub(crate) fn from_digits(digits: &[u8]) -> Result<Self, BootstrapError> {
        let wrong = BootstrapError::new(BootstrapErrorKind::MacText);
        let nibble = |octet: u8| match octet {
            b'0'..=b'9' => Ok(octet - b'0'),
            b'a'..=b'f' => Ok(octet - b'a' + 10),
            b'A'..=b'F' => Ok(octet - b'A' + 10),
            _ => Err(wrong),
        };
        if digits.len() != 2 * Self::OCTETS {
            return Err(wrong);
        }
        let mut octets = [0; Self::OCTETS];
        for (octet, pair) in octets.iter_mut().zip(digits.chunks_exact(2)) {
            if let [high, low] = pair {
                *octet = nibble(*high)? << 4 | nibble(*low)?;
            }
        }
        Ok(Self(octets))
    }
}

impl PartialEq for Mac {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Mac {}

/// Reads 40 hexadecimal digits of either case.
impl FromStr for Mac {
    type Err = BootstrapError;

    fn from_str(text: &str) -> Result<Self, BootstrapError> {
        Self::from_digits(text.as_bytes())
    }
}

/// Upper case: at least one client compares digits, not numbers.
impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02X}"))
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn text_is_40_digits_of_either_case() {
        let text = "FFEF4AE6EF6F5AF85D1A5B4AB78A8DD0B9CA3EE1";
        let mac: Mac = text.parse().expect("40 digits");
        assert_eq!(mac.to_string(), text);
        assert_eq!(text.to_lowercase().parse(), Ok(mac));
        for wrong in
            ["", &text[1..], &(text.to_string() + "0"), &text.replace('F', "G"), &text.replace("FF", "+F")]
        {
            assert_eq!(
                wrong.parse::<Mac>().map_err(|e| e.kind()),
                Err(BootstrapErrorKind::MacText),
                "{wrong}"
            );
        }
    }

    #[test]
    fn every_bit_counts() {
        let mac = Mac::new([0xA5; 20]);
        for bit in 0..160 {
            let mut octets = *mac.as_octets();
            octets[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(Mac::new(octets), mac);
        }
    }
}
