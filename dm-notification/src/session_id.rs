//! The session id and its text form.

use core::fmt;
use core::str::FromStr;

use crate::{ValueError, ValueErrorKind};

/// The id of the session that the server asks for: 1 to FFFF.
///
/// The device must open the session with this id, written as [`Display`](fmt::Display) writes it: upper-case
/// hexadecimal without leading zeros (DM Notification 1.2.1, sessionid).
///
/// ```
/// use dm_notification::SessionId;
///
/// assert_eq!(SessionId::new(0x000A)?.to_string(), "A");
/// assert_eq!("1234".parse::<SessionId>()?.get(), 0x1234);
/// assert!("000a".parse::<SessionId>().is_err());
/// assert_eq!(SessionId::from_hex("000a")?.get(), 10);
/// # Ok::<(), dm_notification::ValueError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(u16);

impl SessionId {
    /// Zero: outside the range of the standard, yet seen on the wire. It has to be asked for by this name, and
    /// receivers refuse it unless [`Policy::zero_session_id`](crate::Policy::zero_session_id) is set.
    pub const ZERO: Self = Self(0);
    /// The largest.
    pub const MAX: Self = Self(u16::MAX);

    /// The session id with this number.
    ///
    /// # Errors
    ///
    /// [`ValueErrorKind::ZeroSessionId`] for 0.
    pub const fn new(id: u16) -> Result<Self, ValueError> {
        if id == 0 {
            return Err(ValueError::new(ValueErrorKind::ZeroSessionId));
        }
        Ok(Self(id))
    }

    /// Bits 8 to 23 of the trigger header.
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self((bits & 0xFFFF) as u16)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Reads one to four hexadecimal digits of either case, leading zeros allowed: what people type, and what some
    /// devices put into their SessionID element (Samsung writes lower case). [`FromStr`] is the strict form.
    ///
    /// # Errors
    ///
    /// [`ValueErrorKind::SessionIdText`] for any other text, [`ValueErrorKind::ZeroSessionId`] for zero.
    pub fn from_hex(text: &str) -> Result<Self, ValueError> {
        let digits = matches!(text.len(), 1..=4) && text.bytes().all(|octet| octet.is_ascii_hexdigit());
        if !digits {
            return Err(ValueError::new(ValueErrorKind::SessionIdText));
        }
        // Four hexadecimal digits at most, checked above.
        Self::new(u16::from_str_radix(text, 16).map_err(|_| ValueError::new(ValueErrorKind::SessionIdText))?)
    }
}

/// Reads the form that the standard asks for and no other: upper case, no leading zero.
impl FromStr for SessionId {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let canonical = !text.starts_with('0') && !text.bytes().any(|octet| octet.is_ascii_lowercase());
        if canonical || text == "0" {
            return Self::from_hex(text);
        }
        Err(ValueError::new(ValueErrorKind::SessionIdText))
    }
}

/// The content of the SessionID element: upper-case hexadecimal, one to four digits, no leading zeros.
impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}", self.0)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:04X}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    #[test]
    fn every_id_has_one_text() {
        for id in 1..=u16::MAX {
            let session = SessionId::new(id).expect("not zero");
            let text = session.to_string();
            assert_eq!(text, format!("{id:X}"));
            assert!(!text.starts_with('0'));
            assert_eq!(text.parse(), Ok(session));
            assert_eq!(SessionId::from_hex(&text.to_lowercase()), Ok(session));
            assert_eq!(SessionId::from_hex(&format!("{id:04x}")), Ok(session));
            assert_eq!(SessionId::from_bits(id.into()), session);
        }
    }

    #[test]
    fn zero_has_to_be_named() {
        let zero = Err(ValueError::new(ValueErrorKind::ZeroSessionId));
        assert_eq!(SessionId::new(0), zero);
        assert_eq!("0".parse::<SessionId>(), zero);
        assert_eq!(SessionId::from_hex("0000"), zero);
        assert_eq!(SessionId::ZERO.to_string(), "0");
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "10000", "00001", "+1", "-1", "0x1", " 1", "1 ", "g", "\u{661}", "1\0", "+FFF"] {
            assert_eq!(
                SessionId::from_hex(text).map_err(|e| e.kind()),
                Err(ValueErrorKind::SessionIdText),
                "{text:?}"
            );
            assert_eq!(
                text.parse::<SessionId>().map_err(|e| e.kind()),
                Err(ValueErrorKind::SessionIdText),
                "{text:?}"
            );
        }
        for text in ["a", "000A", "0A", "1a", "00"] {
            assert_eq!(
                text.parse::<SessionId>().map_err(|e| e.kind()),
                Err(ValueErrorKind::SessionIdText),
                "{text:?}"
            );
        }
    }
}
