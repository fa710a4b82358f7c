//! The headers of a WSP push.

use core::fmt;

use super::application_id::ApplicationId;
use super::cursor::Cursor;
use super::error::{PushError, PushErrorKind, PushField};
use super::value::Value;

/// A header: what it is called, and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header<'a> {
    /// What it is called.
    pub name: HeaderName<'a>,
    /// Its value.
    pub value: Value<'a>,
}

/// What a header is called.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HeaderName<'a> {
    /// A number, seven bits, on a page of header codes. Page 1 is WSP's own.
    Code {
        /// The page of codes.
        page: u8,
        /// The number, seven bits.
        code: u8,
    },
    /// A name.
    Text(&'a str),
}

impl<'a> HeaderName<'a> {
    /// `Content-Length`.
    pub const CONTENT_LENGTH: HeaderName<'static> = HeaderName::Code { page: 1, code: 0x0D };
    /// `X-Wap-Application-Id`.
    pub const APPLICATION_ID: HeaderName<'static> = HeaderName::Code { page: 1, code: 0x2F };
    /// `Push-Flag`.
    pub const PUSH_FLAG: HeaderName<'static> = HeaderName::Code { page: 1, code: 0x34 };
    /// `X-Oma-GwMO`: names the device behind a gateway that a notification is for. What its value says is not
    /// publicly known, so it is kept as it is.
    pub const GWMO: HeaderName<'static> = HeaderName::Code { page: 1, code: 0x50 };

    /// The name in text headers, if it is known here.
    #[must_use]
    pub fn text(self) -> Option<&'a str> {
        match self {
            Self::Text(name) => Some(name),
            Self::CONTENT_LENGTH => Some("Content-Length"),
            Self::APPLICATION_ID => Some("X-Wap-Application-Id"),
            Self::PUSH_FLAG => Some("Push-Flag"),
            Self::GWMO => Some("X-Oma-GwMO"),
            Self::Code { .. } => None,
        }
    }

    /// Whether both are the same header, by number or by name.
    #[must_use]
    pub fn is(self, other: HeaderName<'_>) -> bool {
        match (self.text(), other.text()) {
            (Some(own), Some(other)) => own.eq_ignore_ascii_case(other),
            (None, None) => self == other,
            _ => false,
        }
    }
}

impl fmt::Debug for HeaderName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code { page: 1, code } => write!(f, "{code:#04x}"),
            Self::Code { page, code } => write!(f, "{code:#04x} of page {page}"),
            Self::Text(name) => write!(f, "{name:?}"),
        }
    }
}

/// The headers of a push behind its content type, in their order.
#[derive(Clone, Debug)]
pub struct Headers<'a> {
    cursor: Cursor<'a>,
    page: u8,
}

impl<'a> Headers<'a> {
    /// Headers that were not read before.
    pub(super) fn checked(octets: &'a [u8], at: usize) -> Result<Self, PushError> {
        let headers = Self::unchecked(octets, at);
        let mut reading = headers.clone();
        while reading.read()?.is_some() {}
        Ok(headers)
    }

    pub(super) const fn unchecked(octets: &'a [u8], at: usize) -> Self {
        Self { cursor: Cursor::new(octets, at, PushField::Header), page: 1 }
    }

    fn read(&mut self) -> Result<Option<Header<'a>>, PushError> {
        loop {
            if self.cursor.is_empty() {
                return Ok(None);
            }
            let at = self.cursor;
            let name = match self.cursor.peek()? {
                code @ 128.. => {
                    self.cursor.octet()?;
                    HeaderName::Code { page: self.page, code: code & 0x7F }
                }
                // A shift to another page of codes: a delimiter and the page, or the page alone.
                127 => {
                    self.cursor.octet()?;
                    self.page = self.cursor.octet()?;
                    continue;
                }
                page @ 1..=31 => {
                    self.cursor.octet()?;
                    self.page = page;
                    continue;
                }
                0 => return Err(at.error(PushErrorKind::Unexpected(0))),
                _ => {
                    let name = self.cursor.text()?;
                    let visible = name.iter().all(u8::is_ascii_graphic);
                    let name = core::str::from_utf8(name).ok().filter(|_| visible);
                    HeaderName::Text(name.ok_or_else(|| at.error(PushErrorKind::NotAName))?)
                }
            };
            return Ok(Some(Header { name, value: Value::decode(&mut self.cursor)? }));
        }
    }

    /// The value of the first header of this name, by number or as text.
    #[must_use]
    pub fn value(&self, name: HeaderName<'_>) -> Option<Value<'a>> {
        self.clone().find(|header| header.name.is(name)).map(|header| header.value)
    }

    /// `X-Wap-Application-Id`.
    #[must_use]
    pub fn application_id(&self) -> Option<ApplicationId<'a>> {
        match self.value(HeaderName::APPLICATION_ID)? {
            Value::Text(text) => core::str::from_utf8(text).ok().map(ApplicationId::Uri),
            value => value.as_integer().map(ApplicationId::Code),
        }
    }

    /// `Push-Flag`.
    #[must_use]
    pub fn push_flag(&self) -> Option<PushFlag> {
        let flags = self.value(HeaderName::PUSH_FLAG)?.as_integer()?;
        u8::try_from(flags).ok().map(PushFlag)
    }

    /// The values of `X-Oma-GwMO`, as they stand: what they say is not publicly known.
    pub fn gwmo(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        self.clone().filter(|header| header.name.is(HeaderName::GWMO)).map(|header| header.value)
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        // They were read when the push was: no error is left.
        self.read().ok().flatten()
    }
}

/// What a push proxy says of a push. It ranks trust; what proves a notification is its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct PushFlag(u8);

impl PushFlag {
    /// The flags in these bits.
    #[must_use]
    pub const fn new(bits: u8) -> Self {
        Self(bits & 0x7F)
    }

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Bit 0: the initiator was authenticated.
    #[must_use]
    pub const fn is_authenticated(self) -> bool {
        self.0 & 1 != 0
    }

    /// Bit 1: the content is trusted.
    #[must_use]
    pub const fn is_trusted(self) -> bool {
        self.0 & 2 != 0
    }

    /// Bit 2: the last message.
    #[must_use]
    pub const fn is_last(self) -> bool {
        self.0 & 4 != 0
    }
}
