//! What stands before the body: version, public identifier, character set, string table (WAP-192 §5.4 to §5.7).

use crate::code_space::PublicId;
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;

use super::cursor::Cursor;

/// A WBXML version.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Version {
    /// 1.1
    V1_1,
    /// 1.2: what nearly every device sends.
    V1_2,
    /// 1.3
    V1_3,
}

impl Version {
    pub(super) const fn octet(self) -> u8 {
        match self {
            Self::V1_1 => 0x01,
            Self::V1_2 => 0x02,
            Self::V1_3 => 0x03,
        }
    }
}

/// The character set of a document's strings.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Charset {
    /// Not said (0); read as UTF-8, the only one DM peers use.
    Unknown,
    /// US-ASCII (3).
    UsAscii,
    /// ISO-8859-1 (4).
    Latin1,
    /// UTF-8 (106).
    Utf8,
}

impl Charset {
    /// Its name, as IANA registered it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown character set",
            Self::UsAscii => "US-ASCII",
            Self::Latin1 => "ISO-8859-1",
            Self::Utf8 => "UTF-8",
        }
    }
}

/// Which kind of document the header announces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DocumentId<'a> {
    /// By number.
    Number(PublicId),
    /// By name: the octets of a string of the table, with or without a NUL behind them.
    Name(&'a [u8]),
}

/// The header of a WBXML document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Header<'a> {
    /// The version of WBXML.
    pub version: Version,
    /// The kind of document.
    pub document: DocumentId<'a>,
    /// The character set.
    pub charset: Charset,
    /// The string table, without its length.
    pub string_table: &'a [u8],
}

impl<'a> Header<'a> {
    pub(super) fn decode(cursor: &mut Cursor<'a>, limits: &Limits) -> Result<Self, Error> {
        let version = match cursor.u8()? {
            0x01 => Version::V1_1,
            0x02 => Version::V1_2,
            0x03 => Version::V1_3,
            other => return Err(cursor.error_at_last(ErrorKind::Version(other))),
        };
        let number = cursor.mb_u32()?;
        let name_at = if number == 0 { Some(cursor.mb_u32()?) } else { None };
        let charset = match cursor.mb_u32()? {
            0 => Charset::Unknown,
            3 => Charset::UsAscii,
            4 => Charset::Latin1,
            106 => Charset::Utf8,
            other => return Err(cursor.error(ErrorKind::Charset(other))),
        };
        let length = cursor.mb_u32()? as usize;
        if length > limits.string_table {
            return Err(cursor.error(ErrorKind::StringTableTooLarge(limits.string_table)));
        }
        let string_table = cursor.take(length)?;
        let document = match (PublicId::new(number), name_at) {
            (Some(id), _) => DocumentId::Number(id),
            (None, at) => {
                let at = at.unwrap_or(0);
                let Some(rest) = string_table.get(at as usize..) else {
                    return Err(cursor.error(ErrorKind::StringReference(at)));
                };
                // The end of the table ends a string too (§5.7): the SyncML toolkit writes its name without a NUL.
                DocumentId::Name(rest.split(|b| *b == 0).next().unwrap_or(rest))
            }
        };
        Ok(Self { version, document, charset, string_table })
    }
}
