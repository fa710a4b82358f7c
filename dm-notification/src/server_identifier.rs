//! The name of the server in a notification.

use core::fmt;

use crate::{ValueError, ValueErrorKind};

/// The server a notification speaks for: the `ServerID` of an account on the device, 1 to 255 octets.
///
/// Senders write text. What was received is kept as octets, since the standard does not say which ones are text;
/// an identifier that is not UTF-8 is simply nobody's.
///
/// ```
/// use dm_notification::ServerIdentifier;
///
/// let server = ServerIdentifier::new("dms.example.org")?;
/// assert_eq!(server, "dms.example.org");
/// assert_eq!(server.to_str(), Some("dms.example.org"));
/// assert!(ServerIdentifier::new("").is_err());
/// # Ok::<(), dm_notification::ValueError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerIdentifier<'a>(&'a [u8]);

impl<'a> ServerIdentifier<'a> {
    /// The longest identifier, in octets: its length is one octet on the wire.
    pub const MAX_OCTETS: usize = 255;

    /// The identifier with this text.
    ///
    /// # Errors
    ///
    /// As [`from_octets`](Self::from_octets); mind that the limit counts octets of UTF-8, not characters.
    pub const fn new(text: &'a str) -> Result<Self, ValueError> {
        Self::from_octets(text.as_bytes())
    }

    /// The identifier with these octets.
    ///
    /// # Errors
    ///
    /// [`ValueErrorKind::EmptyServerIdentifier`] without any, [`ValueErrorKind::ServerIdentifierTooLong`] with
    /// more than [`MAX_OCTETS`](Self::MAX_OCTETS).
    pub const fn from_octets(octets: &'a [u8]) -> Result<Self, ValueError> {
        match octets.len() {
            0 => Err(ValueError::new(ValueErrorKind::EmptyServerIdentifier)),
            1..=Self::MAX_OCTETS => Ok(Self(octets)),
            len => Err(ValueError::new(ValueErrorKind::ServerIdentifierTooLong { len })),
        }
    }

    /// The octets.
    #[must_use]
    pub const fn as_octets(self) -> &'a [u8] {
        self.0
    }

    /// The text, if the octets are UTF-8.
    #[must_use]
    pub const fn to_str(self) -> Option<&'a str> {
        match core::str::from_utf8(self.0) {
            Ok(text) => Some(text),
            Err(_) => None,
        }
    }

    /// The length-identifier: the number of octets.
    pub(crate) const fn length_identifier(self) -> u8 {
        // 1 to 255, checked at construction.
        self.0.len() as u8
    }
}

impl<'a> TryFrom<&'a str> for ServerIdentifier<'a> {
    type Error = ValueError;

    fn try_from(text: &'a str) -> Result<Self, ValueError> {
        Self::new(text)
    }
}

impl PartialEq<str> for ServerIdentifier<'_> {
    fn eq(&self, text: &str) -> bool {
        self.0 == text.as_bytes()
    }
}

impl PartialEq<&str> for ServerIdentifier<'_> {
    fn eq(&self, text: &&str) -> bool {
        self == *text
    }
}

/// The text; U+FFFD stands for what is not UTF-8. It comes from the peer: control characters are not taken out.
impl fmt::Display for ServerIdentifier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                f.write_str("\u{FFFD}")?;
            }
        }
        Ok(())
    }
}

/// Quoted, with everything but printable ASCII escaped: safe to put into a log.
impl fmt::Debug for ServerIdentifier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn one_to_255_octets() {
        let octets = [b'x'; 300];
        for len in 0..octets.len() {
            let identifier = ServerIdentifier::from_octets(&octets[..len]);
            match len {
                0 => assert_eq!(identifier.map_err(|e| e.kind()), Err(ValueErrorKind::EmptyServerIdentifier)),
                1..=255 => assert_eq!(usize::from(identifier.expect("fits").length_identifier()), len),
                _ => {
                    let kind = ValueErrorKind::ServerIdentifierTooLong { len };
                    assert_eq!(identifier.map_err(|e| e.kind()), Err(kind));
                }
            }
        }
    }

    #[test]
    fn the_limit_counts_octets() {
        let text = "\u{E4}".repeat(128);
        assert_eq!(text.chars().count(), 128);
        assert!(ServerIdentifier::new(&text).is_err());
    }

    #[test]
    fn what_is_not_text_survives_and_is_shown() {
        let identifier = ServerIdentifier::from_octets(b"a\xFFb\n").expect("four octets");
        assert_eq!(identifier.to_str(), None);
        assert_eq!(identifier.as_octets(), b"a\xFFb\n");
        assert_eq!(format!("{identifier}"), "a\u{FFFD}b\n");
        assert_eq!(format!("{identifier:?}"), r#""a\xffb\n""#);
    }
}
