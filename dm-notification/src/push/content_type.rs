//! The content type of a WSP push, in all its forms, and its parameters.

use core::fmt;

use super::cursor::Cursor;
use super::error::{PushError, PushErrorKind, PushField};
use super::media_type::MediaType;
use super::value::Value;
use crate::bootstrap::{BootstrapError, CpSec, DmSec, Mac};

/// A content type (WAP-230 §8.4.2.24): a media type and parameters.
///
/// All forms are read: a short number; text; and the general form, a length and in it a number or text, and
/// parameters.
#[derive(Clone, Copy, Debug)]
pub struct ContentType<'a> {
    media_type: MediaType<'a>,
    parameters: &'a [u8],
    /// Where the parameters begin in the message.
    at: usize,
}

impl<'a> ContentType<'a> {
    pub(super) fn decode(cursor: &mut Cursor<'a>) -> Result<Self, PushError> {
        let media_type = match cursor.peek()? {
            0..=31 => {
                let length = match cursor.octet()? {
                    31 => cursor.length()?,
                    short => usize::from(short),
                };
                let mut inner = cursor.sub(length)?;
                let media_type = Self::media_type_of(&mut inner)?;
                let at = inner.offset();
                let parameters = inner.rest();
                let decoded = Self { media_type, parameters, at };
                // Read once, so that nobody meets a malformed one later.
                let mut inner = inner.field(PushField::Parameter);
                while !inner.is_empty() {
                    Parameter::decode(&mut inner)?;
                }
                return Ok(decoded);
            }
            128..=255 => MediaType::Code(u32::from(cursor.octet()? & 0x7F)),
            _ => Self::text(cursor)?,
        };
        Ok(Self { media_type, parameters: &[], at: cursor.offset() })
    }

    fn media_type_of(cursor: &mut Cursor<'a>) -> Result<MediaType<'a>, PushError> {
        let first = cursor.peek()?;
        match first {
            32..=127 => Self::text(cursor),
            31 => Err(cursor.error(PushErrorKind::Unexpected(first))),
            _ => {
                let at = *cursor;
                Value::decode(cursor)?
                    .as_integer()
                    .map(MediaType::Code)
                    .ok_or_else(|| at.error(PushErrorKind::Unexpected(first)))
            }
        }
    }

    fn text(cursor: &mut Cursor<'a>) -> Result<MediaType<'a>, PushError> {
        let at = *cursor;
        name(cursor.text()?).map(MediaType::Text).ok_or_else(|| at.error(PushErrorKind::NotAName))
    }

    /// The media type.
    #[must_use]
    pub const fn media_type(&self) -> MediaType<'a> {
        self.media_type
    }

    /// The parameters, in their order.
    #[must_use]
    pub const fn parameters(&self) -> Parameters<'a> {
        Parameters(Cursor::new(self.parameters, self.at, PushField::Parameter))
    }

    /// The value of the first parameter with this code or name.
    #[must_use]
    pub fn parameter(&self, code: u32, name: &str) -> Option<Value<'a>> {
        self.parameters().find(|parameter| parameter.name.is(code, name)).map(|parameter| parameter.value)
    }

    /// `SEC`: how a bootstrap message is proven.
    #[must_use]
    pub fn sec(&self) -> Option<Sec<'a>> {
        match self.parameter(ParameterName::SEC, "SEC")? {
            Value::Text(text) => core::str::from_utf8(text).ok().map(Sec::Word),
            value => value.as_integer().and_then(|code| u8::try_from(code).ok()).map(Sec::Code),
        }
    }

    /// `MAC`: the code that proves it. An error if it is not 40 hexadecimal digits.
    #[must_use]
    pub fn mac(&self) -> Option<Result<Mac, BootstrapError>> {
        let value = self.parameter(ParameterName::MAC, "MAC")?;
        Some(match value {
            Value::Text(digits) => Mac::from_digits(digits),
            _ => Mac::from_digits(&[]),
        })
    }
}

/// Visible ASCII, and at least one character of it.
fn name(octets: &[u8]) -> Option<&str> {
    let visible = !octets.is_empty() && octets.iter().all(u8::is_ascii_graphic);
    visible.then(|| core::str::from_utf8(octets).ok()).flatten()
}

/// The value of `SEC`: a number in WSP, or a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sec<'a> {
    /// A number.
    Code(u8),
    /// A word, or a number in digits.
    Word(&'a str),
}

impl Sec<'_> {
    /// What it says of a provisioning document.
    #[must_use]
    pub fn cp(self) -> Option<CpSec> {
        match self {
            Self::Code(code) => Some(CpSec::new(code)),
            Self::Word(word) => CpSec::from_name(word).or_else(|| word.parse().ok().map(CpSec::new)),
        }
    }

    /// What it says of a message of the DM profile.
    #[must_use]
    pub fn dm(self) -> Option<DmSec> {
        match self {
            Self::Code(code) => DmSec::from_code(code),
            Self::Word(word) => match word.parse() {
                Ok(code) => DmSec::from_code(code),
                Err(_) => DmSec::new(word).ok(),
            },
        }
    }
}

/// A parameter of a content type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parameter<'a> {
    /// What it is called.
    pub name: ParameterName<'a>,
    /// Its value; empty octets for none. The weight `Q` (code 0) is the octets of a uintvar.
    pub value: Value<'a>,
}

impl<'a> Parameter<'a> {
    fn decode(cursor: &mut Cursor<'a>) -> Result<Self, PushError> {
        let at = *cursor;
        let first = cursor.peek()?;
        let parameter_name = match first {
            32..=127 => {
                ParameterName::Text(name(cursor.text()?).ok_or_else(|| at.error(PushErrorKind::NotAName))?)
            }
            31 => return Err(at.error(PushErrorKind::Unexpected(first))),
            _ => {
                let code = Value::decode(cursor)?.as_integer();
                ParameterName::Code(code.ok_or_else(|| at.error(PushErrorKind::Unexpected(first)))?)
            }
        };
        let code = match parameter_name {
            ParameterName::Code(code) => Some(code),
            ParameterName::Text(_) => None,
        };
        Ok(Self { name: parameter_name, value: Value::decode_parameter(cursor, code)? })
    }
}

/// What a parameter is called.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ParameterName<'a> {
    /// A number of WSP's registry.
    Code(u32),
    /// A name.
    Text(&'a str),
}

impl ParameterName<'_> {
    /// `charset`.
    pub const CHARSET: u32 = 0x01;
    /// `SEC`.
    pub const SEC: u32 = 0x11;
    /// `MAC`.
    pub const MAC: u32 = 0x12;

    /// Whether it is this number or this name, of either case.
    #[must_use]
    pub fn is(self, code: u32, name: &str) -> bool {
        match self {
            Self::Code(own) => own == code,
            Self::Text(own) => own.eq_ignore_ascii_case(name),
        }
    }
}

impl fmt::Debug for ParameterName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "{code:#04x}"),
            Self::Text(name) => write!(f, "{name:?}"),
        }
    }
}

/// The parameters of a content type, in their order.
#[derive(Clone, Debug)]
pub struct Parameters<'a>(Cursor<'a>);

impl<'a> Iterator for Parameters<'a> {
    type Item = Parameter<'a>;

    fn next(&mut self) -> Option<Parameter<'a>> {
        // They were read when the content type was: no error is left.
        if self.0.is_empty() { None } else { Parameter::decode(&mut self.0).ok() }
    }
}
