//! `Content-Type`.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;

use crate::error::ValueError;
use crate::model::Encoding;

use super::field;

/// A `Content-Type` with its parameters (RFC 9110 §8.3).
///
/// Type and parameter names are compared without regard to case, parameters nobody knows are kept and do no harm.
///
/// ```
/// use dm_syncml::http::{Charset, ContentType};
/// use dm_syncml::Encoding;
///
/// let read = ContentType::parse(b"application/vnd.syncml.dm+WBXML ; SEC=USERPIN; mac=\"2F\"")?;
/// assert_eq!(read.encoding(), Some(Encoding::Wbxml));
/// assert_eq!((read.parameter("Mac"), read.charset()), (Some("2F"), Charset::Unsaid));
/// let written = ContentType::of(Encoding::Wbxml).with_parameter("verproto", "DM/1.2").unwrap();
/// assert_eq!(written.to_string(), "application/vnd.syncml.dm+wbxml; verproto=\"DM/1.2\"");
/// # Ok::<(), dm_syncml::http::ContentTypeError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContentType<'a> {
    essence: Cow<'a, str>,
    parameters: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// Why a value is no Content-Type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContentTypeError {
    /// Longer than [`ContentType::MAX_OCTETS`].
    #[error("the Content-Type is longer than {} octets", ContentType::MAX_OCTETS)]
    TooLong,
    /// Not text.
    #[error("the Content-Type is not text")]
    NotText,
    /// Not a type and a subtype.
    #[error("the Content-Type is not a type and a subtype")]
    Malformed,
}

/// What the charset parameter says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Charset {
    /// Nothing: the document itself tells, and UTF-8 is meant if it does not.
    Unsaid,
    /// UTF-8, or US-ASCII, which is a part of it.
    Utf8,
    /// UTF-16: XML with a byte order mark can be read so.
    Utf16,
    /// Something nobody decodes here.
    Other,
}

impl<'a> ContentType<'a> {
    /// The longest value that is looked at, in octets.
    pub const MAX_OCTETS: usize = 1024;

    /// The type of messages in this encoding, without parameters: some clients compare it as it stands.
    #[must_use]
    pub const fn of(encoding: Encoding) -> ContentType<'static> {
        ContentType { essence: Cow::Borrowed(encoding.media_type()), parameters: Vec::new() }
    }

    /// Reads the value of a header. Parameters that cannot be understood are passed over; of two with one name the first counts.
    ///
    /// # Errors
    /// The value names no media type.
    pub fn parse(value: &'a [u8]) -> Result<Self, ContentTypeError> {
        if value.len() > Self::MAX_OCTETS {
            return Err(ContentTypeError::TooLong);
        }
        let value = core::str::from_utf8(value).map_err(|_| ContentTypeError::NotText)?;
        let (essence, parameters) = value.split_once(';').unwrap_or((value, ""));
        let essence = essence.trim_matches([' ', '\t']);
        let part = |part: &str| !part.is_empty() && part.bytes().all(field::is_token);
        if !essence.split_once('/').is_some_and(|(kind, subtype)| part(kind) && part(subtype)) {
            return Err(ContentTypeError::Malformed);
        }
        let parameters = field::elements(parameters, ';')
            .filter_map(field::parameter)
            .map(|(name, value)| (Cow::Borrowed(name), value))
            .filter(|(_, value)| is_text(value))
            .collect();
        Ok(Self { essence: Cow::Borrowed(essence), parameters })
    }

    /// Adds a parameter.
    ///
    /// # Errors
    /// The name is no token, or the value holds control characters.
    pub fn with_parameter(
        mut self,
        name: impl Into<Cow<'a, str>>,
        value: impl Into<Cow<'a, str>>,
    ) -> Result<Self, ValueError> {
        let (name, value) = (name.into(), value.into());
        if name.is_empty() {
            return Err(ValueError::Empty("the name of a parameter"));
        }
        if !name.bytes().all(field::is_token) {
            return Err(ValueError::NotText("the name of a parameter"));
        }
        if !is_text(&value) {
            return Err(ValueError::NotText("the value of a parameter"));
        }
        self.parameters.push((name, value));
        Ok(self)
    }

    /// Type and subtype, as they were written.
    #[must_use]
    pub fn essence(&self) -> &str {
        &self.essence
    }

    /// Whether the type is this one.
    #[must_use]
    pub fn is(&self, essence: &str) -> bool {
        self.essence.eq_ignore_ascii_case(essence)
    }

    /// The value of a parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_ref())
    }

    /// The encoding of messages of this type; `None` when it is no type of messages. The types of data synchronization count too, some
    /// clients send them.
    #[must_use]
    pub fn encoding(&self) -> Option<Encoding> {
        Encoding::from_media_type(&self.essence)
    }

    /// What the charset parameter says.
    #[must_use]
    pub fn charset(&self) -> Charset {
        let Some(charset) = self.parameter("charset") else { return Charset::Unsaid };
        let is = |names: &[&str]| names.iter().any(|name| charset.trim_ascii().eq_ignore_ascii_case(name));
        if charset.trim_ascii().is_empty() {
            Charset::Unsaid
        } else if is(&["utf-8", "utf8", "us-ascii", "ascii"]) {
            Charset::Utf8
        } else if is(&["utf-16", "utf-16le", "utf-16be", "utf16"]) {
            Charset::Utf16
        } else {
            Charset::Other
        }
    }
}

fn is_text(value: &str) -> bool {
    !value.chars().any(char::is_control)
}

/// The value as it is sent: parameters in quotes unless they are tokens.
impl fmt::Display for ContentType<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.essence)?;
        for (name, value) in &self.parameters {
            if !value.is_empty() && value.bytes().all(field::is_token) {
                write!(f, "; {name}={value}")?;
            } else {
                write!(f, "; {name}={}", field::Quoted(value))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};
    use proptest::prelude::*;

    #[test]
    fn types_that_are_read() {
        type Read = Result<(Option<Encoding>, Charset), ContentTypeError>;
        let table: &[(&[u8], Read)] = &[
            (b"application/vnd.syncml.dm+wbxml", Ok((Some(Encoding::Wbxml), Charset::Unsaid))),
            (b"application/vnd.syncml+wbxml", Ok((Some(Encoding::Wbxml), Charset::Unsaid))),
            #[cfg(feature = "xml")]
            (b"APPLICATION/VND.SYNCML.DM+XML", Ok((Some(Encoding::Xml), Charset::Unsaid))),
            #[cfg(feature = "xml")]
            (b"application/vnd.syncml+xml;charset=UTF-8", Ok((Some(Encoding::Xml), Charset::Utf8))),
            #[cfg(feature = "xml")]
            (
                b" application/vnd.syncml.dm+xml ; charset = \"utf-8\" ; verproto=DM/1.2",
                Ok((Some(Encoding::Xml), Charset::Utf8)),
            ),
            #[cfg(feature = "xml")]
            (b"application/vnd.syncml.dm+xml;Charset=Utf-16", Ok((Some(Encoding::Xml), Charset::Utf16))),
            #[cfg(feature = "xml")]
            (b"application/vnd.syncml.dm+xml;charset=koi8-r", Ok((Some(Encoding::Xml), Charset::Other))),
            #[cfg(feature = "xml")]
            (b"application/vnd.syncml.dm+xml;charset=;;x;=y", Ok((Some(Encoding::Xml), Charset::Unsaid))),
            (b"application/vnd.syncml.dm+wbxmlx", Ok((None, Charset::Unsaid))),
            (b"application/vnd.syncml.dmtnds+wbxml", Ok((None, Charset::Unsaid))),
            (b"text/html; charset=utf-8", Ok((None, Charset::Utf8))),
            (b"", Err(ContentTypeError::Malformed)),
            (b";charset=utf-8", Err(ContentTypeError::Malformed)),
            (b"application", Err(ContentTypeError::Malformed)),
            (b"a/b/c", Err(ContentTypeError::Malformed)),
            (b"a b/c", Err(ContentTypeError::Malformed)),
            (b"a/b\xFF", Err(ContentTypeError::NotText)),
            (&[b'a'; 2000], Err(ContentTypeError::TooLong)),
        ];
        for (value, expected) in table {
            let read = ContentType::parse(value).map(|read| (read.encoding(), read.charset()));
            assert_eq!(read, *expected, "{}", value.escape_ascii());
        }
    }

    #[test]
    fn the_first_of_two_counts_and_what_cannot_be_written_is_refused() {
        let read = ContentType::parse(b"a/b; x=1; X=2").unwrap();
        assert_eq!(read.parameter("x"), Some("1"));
        let plain = ContentType::of(Encoding::Wbxml);
        assert!(plain.clone().with_parameter("a b", "c").is_err());
        assert!(plain.clone().with_parameter("", "c").is_err());
        assert!(plain.with_parameter("a", "c\r\nSet-Cookie: x").is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in "\\PC{0,40}", name in "[a-z][a-z0-9.-]{0,9}") {
            let written = ContentType::of(Encoding::Wbxml).with_parameter(name.as_str(), value.as_str()).unwrap();
            let text = written.to_string();
            let read = ContentType::parse(text.as_bytes()).unwrap();
            prop_assert_eq!(read.parameter(&name), Some(value.as_str()));
            prop_assert_eq!(read.encoding(), Some(Encoding::Wbxml));
        }

        #[test]
        fn any_octets_are_read(value in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(read) = ContentType::parse(&value) {
                let text: String = read.to_string();
                let again = ContentType::parse(text.as_bytes()).unwrap();
                prop_assert_eq!(again, read);
            }
        }
    }
}
