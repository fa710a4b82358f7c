//! What a device is called: by itself, and by its gateway.

use alloc::sync::Arc;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::num::NonZeroU32;

use crate::error::IdError;
use crate::identifier::{check, text_traits};

/// The public identifier of a device (`DevID`), such as `IMEI:493005100592800` or `urn:uuid:...`.
///
/// Two identifiers are the same when they are spelled the same, except that the scheme in front of the first
/// colon is compared without regard to ASCII case: `imei:1` is `IMEI:1`. What was given is what is shown.
///
/// ```
/// use gwmo_model::DeviceId;
///
/// assert_eq!(DeviceId::new("imei:493005100592800")?, DeviceId::new("IMEI:493005100592800")?);
/// assert_ne!(DeviceId::new("urn:uuid:a")?, DeviceId::new("urn:uuid:A")?);
/// assert!(DeviceId::new("").is_err());
/// # Ok::<(), gwmo_model::IdError>(())
/// ```
#[derive(Clone)]
pub struct DeviceId(Arc<str>);

impl DeviceId {
    /// Longest identifier, in octets.
    pub const MAX_LEN: usize = 255;

    /// Checks and takes an identifier.
    ///
    /// # Errors
    ///
    /// When it is empty, longer than [`MAX_LEN`](Self::MAX_LEN) octets or holds a control character.
    pub fn new(text: &str) -> Result<Self, IdError> {
        check(text, Self::MAX_LEN)?;
        Ok(Self(text.into()))
    }

    /// The identifier as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The scheme to fold and the rest to compare as it stands; no scheme, nothing to fold.
    fn parts(&self) -> (&str, &str) {
        let is_scheme = |scheme: &str| {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
        };
        match self.0.find(':') {
            Some(colon) if is_scheme(&self.0[..colon]) => self.0.split_at(colon),
            _ => ("", &self.0),
        }
    }

    /// The octets in front that are compared without regard to case.
    pub(crate) fn scheme_len(&self) -> usize {
        self.parts().0.len()
    }

    fn folded(&self) -> impl Iterator<Item = u8> {
        let (scheme, rest) = self.parts();
        scheme.bytes().map(|b| b.to_ascii_lowercase()).chain(rest.bytes())
    }
}

text_traits!(DeviceId);

impl PartialEq for DeviceId {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && (self.0 == other.0 || self.folded().eq(other.folded()))
    }
}

impl Eq for DeviceId {}

impl PartialOrd for DeviceId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for DeviceId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded().cmp(other.folded())
    }
}

impl Hash for DeviceId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded().for_each(|byte| state.write_u8(byte));
        state.write_u8(0xff);
    }
}

/// The short number a gateway gives a registered device, shown in decimal from `1` on.
///
/// A serial is never given to a second device, so it may stand in a result long after the device was forgotten.
///
/// ```
/// use gwmo_model::Serial;
///
/// let serial: Serial = "17".parse().unwrap();
/// assert_eq!((serial.get(), serial.to_string().as_str()), (17, "17"));
/// assert!("017".parse::<Serial>().is_err() && "0".parse::<Serial>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Serial(NonZeroU32);

impl Serial {
    /// The first serial an empty inventory gives.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// The largest serial there is.
    pub const MAX: Self = Self(NonZeroU32::MAX);

    /// The serial with this number; `None` for zero.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// The serial after this one, if there is one.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Reads a node name; one spelling per serial, so no sign, no leading zero.
impl core::str::FromStr for Serial {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        check(text, 10)?;
        let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
        let number = if plain { text.parse().ok().and_then(Self::new) } else { None };
        number.ok_or(IdError::new(crate::IdErrorKind::NotDecimal, 0))
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::IdErrorKind;

    #[test]
    fn an_identifier_is_checked() {
        let kind = |text: &str| DeviceId::new(text).unwrap_err().kind();
        assert_eq!(kind(""), IdErrorKind::Empty);
        assert_eq!(kind(&"x".repeat(256)), IdErrorKind::TooLong { max: 255 });
        assert_eq!(kind("a\nb"), IdErrorKind::ControlCharacter);
        assert_eq!(DeviceId::new("ab\u{7f}").unwrap_err().offset(), 2);
        assert!(DeviceId::new(&"x".repeat(255)).is_ok());
    }

    #[test]
    fn only_the_scheme_is_folded() {
        let id = |text: &str| DeviceId::new(text).unwrap();
        assert_eq!(id("URN:uuid:1"), id("urn:uuid:1"));
        assert_ne!(id("URN:UUID:1"), id("urn:uuid:1"));
        assert_ne!(id("Plain"), id("plain"));
        assert_ne!(id("1A:b"), id("1a:b"), "a scheme starts with a letter");
        assert_ne!(id(":A"), id(":a"));
        assert_eq!(id("IMEI:1").to_string(), "IMEI:1");
        assert_eq!(id("IMEI:1").cmp(&id("imei:1")), Ordering::Equal);
    }

    #[test]
    fn a_serial_has_one_spelling() {
        for bad in ["", "0", "00", "01", "+1", "-1", "1 ", "4294967296", "99999999999", "x"] {
            assert!(bad.parse::<Serial>().is_err(), "{bad}");
        }
        assert_eq!("4294967295".parse::<Serial>().unwrap(), Serial::MAX);
        assert_eq!(Serial::MAX.next(), None);
        assert_eq!(size_of::<Option<Serial>>(), 4);
    }
}
