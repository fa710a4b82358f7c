//! Addresses nobody can guess.

use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::hex;
use super::spec::ImageNo;

/// The part of a local address that is not guessed: 128 random bits.
///
/// Who knows the address of an image may ask for it, and addresses travel in commands and logs of many devices, so
/// this is one lock of two; the other is the [`Scope`](super::Scope). Somebody who tries a million addresses a
/// second for a year, against as many images as an inventory holds by default, hits one with a chance of
/// 2^45 * 2^8 / 2^128 = 2^-75.
///
/// Compared in constant time, redacted in `Debug`, wiped on drop.
#[derive(Clone)]
pub struct ImageToken([u8; 16]);

impl ImageToken {
    /// The token of these octets, which must come from a cryptographic source of randomness.
    #[must_use]
    pub const fn new(entropy: [u8; 16]) -> Self {
        Self(entropy)
    }
}

impl PartialEq for ImageToken {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for ImageToken {}

impl Drop for ImageToken {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for ImageToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ImageToken(..)")
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for ImageToken {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        serde::Serialize::serialize(&self.0, to)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for ImageToken {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        <[u8; 16] as serde::Deserialize<'de>>::deserialize(from).map(Self)
    }
}

/// The last segment of a local address: the number of the image, a hyphen, and the token in hexadecimal digits.
///
/// `Display` shows it in full, since it is what goes to devices; `Debug` hides the token.
#[derive(Clone, PartialEq, Eq)]
pub struct AddressName {
    image: ImageNo,
    token: ImageToken,
}

impl AddressName {
    pub(super) const fn new(image: ImageNo, token: ImageToken) -> Self {
        Self { image, token }
    }

    /// Reads the last segment of the path a device asked for; `None` when it cannot be the name of an image.
    #[must_use]
    pub fn parse(segment: &str) -> Option<Self> {
        let (number, token) = segment.split_once('-')?;
        let plain = number.bytes().all(|b| b.is_ascii_digit()) && !number.starts_with('0');
        // One spelling only, so that caches on the way see one address.
        let small = !token.bytes().any(|b| b.is_ascii_uppercase());
        if !plain || !small {
            return None;
        }
        Some(Self { image: ImageNo::new(number.parse().ok()?), token: ImageToken(hex::decode(token)?) })
    }

    /// The image it names, if the token is right.
    #[must_use]
    pub const fn image(&self) -> ImageNo {
        self.image
    }

    pub(super) const fn token(&self) -> &ImageToken {
        &self.token
    }
}

impl fmt::Display for AddressName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-", self.image)?;
        hex::write(f, &self.token.0)
    }
}

impl fmt::Debug for AddressName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-..", self.image)
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn a_name_has_one_spelling_and_no_token_in_debug() {
        let name = AddressName::new(ImageNo::new(7), ImageToken::new([0xab; 16]));
        let text = name.to_string();
        assert_eq!(text, format!("7-{}", "ab".repeat(16)));
        assert_eq!(AddressName::parse(&text), Some(name.clone()));
        let long = format!("{text}0");
        let signed = format!("+{text}");
        let zero = format!("0{text}");
        let large = text.to_uppercase();
        let huge = format!("99999999999{text}");
        for bad in ["", "-", "7", "7-", &text[1..], &text[..33], &long, &signed, &zero, &large, &huge, "é-é"]
        {
            assert_eq!(AddressName::parse(bad), None, "{bad}");
        }
        assert_eq!(format!("{name:?} {:?}", name.token), "7-.. ImageToken(..)");
        assert_ne!(name.token, ImageToken::new([0; 16]));
    }
}
