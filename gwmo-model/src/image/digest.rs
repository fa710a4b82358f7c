//! What content is known by: its SHA-256.

use core::fmt;
use core::str::FromStr;

use super::error::DigestError;
use super::hex;

/// The SHA-256 of an image, written `sha-256:<hex>` as in the node `Hash`.
///
/// Digits of either case are read, small ones written.
///
/// ```
/// use gwmo_model::ContentDigest;
///
/// let text = format!("sha-256:{}", "ab".repeat(32));
/// let digest: ContentDigest = text.parse()?;
/// assert_eq!((digest, digest.to_string()), (ContentDigest::new([0xab; 32]), text));
/// assert!("md5:00".parse::<ContentDigest>().is_err());
/// # Ok::<(), gwmo_model::DigestError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentDigest([u8; 32]);

impl ContentDigest {
    const PREFIX: &'static str = "sha-256:";

    /// The digest with these octets.
    #[must_use]
    pub const fn new(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// The octets.
    #[must_use]
    pub const fn as_octets(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for ContentDigest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (prefix, digits) = text.split_at_checked(Self::PREFIX.len()).ok_or(DigestError::Algorithm)?;
        if !prefix.eq_ignore_ascii_case(Self::PREFIX) {
            return Err(DigestError::Algorithm);
        }
        hex::decode(digits).map(Self).ok_or(DigestError::Digits)
    }
}

impl fmt::Display for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::PREFIX)?;
        hex::write(f, &self.0)
    }
}

impl fmt::Debug for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for ContentDigest {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for ContentDigest {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = alloc::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn only_whole_digests_are_read() {
        let read = |text: &str| text.parse::<ContentDigest>();
        let digits = "0123456789abcdefABCDEF0123456789abcdefABCDEF0123456789abcdefABCD";
        assert_eq!(
            read(&format!("SHA-256:{digits}")),
            read(&format!("sha-256:{}", digits.to_ascii_lowercase()))
        );
        for bad in ["", "sha-256", "sha-1:00", "séha-256:"] {
            assert_eq!(read(bad), Err(DigestError::Algorithm), "{bad}");
        }
        for bad in ["", &digits[1..], &format!("{digits}0"), &digits.replace('1', "+"), &"é".repeat(32)] {
            assert_eq!(read(&format!("sha-256:{bad}")), Err(DigestError::Digits), "{bad}");
        }
    }
}
