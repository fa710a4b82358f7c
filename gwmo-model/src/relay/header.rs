//! The value of `X-Oma-GwMO`: which devices a push is for.

use alloc::borrow::Cow;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use dm_notification::push::{Push, TextHeaders};
use nom::branch::alt;
use nom::bytes::complete::{tag_no_case, take_while, take_while_m_n, take_while1};
use nom::character::complete::char;
use nom::combinator::{all_consuming, map, opt, recognize};
use nom::multi::{many1_count, separated_list1};
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser as _};
use thiserror::Error;

use crate::{DeviceId, GroupId, IdErrorKind};

/// What a value of the header `X-Oma-GwMO` says: the devices, or the group of devices, that a push is for.
///
/// The header and its code (0x50) are registered; the syntax of its value is not publicly known. This is ours:
/// `devid *("," devid)` or `grp=<group>`, each percent-encoded as UTF-8, at most [`MAX_LEN`](Self::MAX_LEN) octets.
/// White space around names means nothing. What stands behind a semicolon is for parameters to come, and ignored.
///
/// ```
/// use gwmo_model::{DeviceId, GwmoHeader, GwmoTarget};
///
/// let header: GwmoHeader = "IMEI:493005100592800, urn:uuid:a;later=1".parse()?;
/// assert_eq!(header.to_string(), "IMEI:493005100592800,urn:uuid:a");
/// let GwmoTarget::Devices(devices) = header.target() else { panic!() };
/// assert_eq!(devices.len(), 2);
///
/// let odd = GwmoHeader::devices([DeviceId::new("camera, 2nd floor")?])?;
/// assert_eq!(odd.to_string(), "camera%2C%202nd%20floor");
/// assert_eq!("grp=cameras".parse::<GwmoHeader>()?.to_string(), "grp=cameras");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GwmoHeader(GwmoTarget);

/// Whom a push is for.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum GwmoTarget {
    /// These devices, each once, in the order in which they were named first.
    Devices(Vec<DeviceId>),
    /// Every member of this group.
    Group(GroupId),
}

/// Why a value of `X-Oma-GwMO` cannot be read or written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("{kind} at octet {offset}")]
pub struct GwmoHeaderError {
    kind: GwmoHeaderErrorKind,
    offset: usize,
}

/// The reasons of a [`GwmoHeaderError`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum GwmoHeaderErrorKind {
    /// There is no such header.
    #[error("no such header")]
    Missing,
    /// There is too much.
    #[error("more than {max} octets")]
    TooLong {
        /// The most there may be.
        max: usize,
    },
    /// A name was expected, or what ends one.
    #[error("not a name")]
    NotAName,
    /// What is percent-encoded is not UTF-8.
    #[error("not utf-8")]
    NotUtf8,
    /// A name is no identifier.
    #[error("{0}")]
    Identifier(IdErrorKind),
    /// A group stands beside something else.
    #[error("a group is not alone")]
    GroupNotAlone,
}

impl GwmoHeaderError {
    const fn new(kind: GwmoHeaderErrorKind, offset: usize) -> Self {
        Self { kind, offset }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> GwmoHeaderErrorKind {
        self.kind
    }

    /// Where in the value, in octets.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }
}

impl GwmoHeader {
    /// The longest value, in octets; of several headers of the name, all together.
    pub const MAX_LEN: usize = 1024;

    /// For these devices.
    ///
    /// # Errors
    ///
    /// [`GwmoHeaderErrorKind::NotAName`] without any, [`GwmoHeaderErrorKind::TooLong`] for more than fit.
    pub fn devices(devices: impl IntoIterator<Item = DeviceId>) -> Result<Self, GwmoHeaderError> {
        let devices = each_once(devices);
        let length: usize =
            devices.iter().map(|device| encoded(device.as_str()).map(str::len).sum::<usize>() + 1).sum();
        match length {
            0 => Err(GwmoHeaderError::new(GwmoHeaderErrorKind::NotAName, 0)),
            // One comma less than names.
            length if length - 1 > Self::MAX_LEN => Err(too_long()),
            _ => Ok(Self(GwmoTarget::Devices(devices))),
        }
    }

    /// For a group.
    #[must_use]
    pub const fn group(group: GroupId) -> Self {
        // 64 octets, each encoded in three: it fits.
        Self(GwmoTarget::Group(group))
    }

    /// Whom the push is for.
    #[must_use]
    pub const fn target(&self) -> &GwmoTarget {
        &self.0
    }

    /// What the headers of a WSP push say, by number or by name.
    ///
    /// # Errors
    ///
    /// [`GwmoHeaderErrorKind::Missing`] without one, [`GwmoHeaderErrorKind::NotAName`] for one that is no text, and
    /// as for any text.
    pub fn of_push(push: &Push<'_>) -> Result<Self, GwmoHeaderError> {
        let not_text = GwmoHeaderError::new(GwmoHeaderErrorKind::NotAName, 0);
        Self::of_values(push.headers().gwmo().map(|value| value.as_str().ok_or(not_text)))
    }

    /// What header lines say.
    ///
    /// # Errors
    ///
    /// [`GwmoHeaderErrorKind::Missing`] without one, and as for any text.
    pub fn of_text_headers(headers: &TextHeaders) -> Result<Self, GwmoHeaderError> {
        Self::of_values(headers.gwmo().map(Ok))
    }

    /// Several headers of a name are one list.
    fn of_values<'v>(
        values: impl Iterator<Item = Result<&'v str, GwmoHeaderError>>,
    ) -> Result<Self, GwmoHeaderError> {
        let mut devices = Vec::new();
        let mut group = None;
        let (mut count, mut length) = (0, 0);
        for value in values {
            let value = value?;
            count += 1;
            length += value.len() + usize::from(count > 1);
            if length > Self::MAX_LEN {
                return Err(too_long());
            }
            match value.parse::<Self>()?.0 {
                GwmoTarget::Devices(more) => devices.extend(more),
                GwmoTarget::Group(named) => group = Some(named),
            }
        }
        match group {
            Some(group) if count == 1 => Ok(Self::group(group)),
            Some(_) => Err(GwmoHeaderError::new(GwmoHeaderErrorKind::GroupNotAlone, 0)),
            None if count == 0 => Err(GwmoHeaderError::new(GwmoHeaderErrorKind::Missing, 0)),
            None => Self::devices(devices),
        }
    }
}

const fn too_long() -> GwmoHeaderError {
    let kind = GwmoHeaderErrorKind::TooLong { max: GwmoHeader::MAX_LEN };
    GwmoHeaderError::new(kind, GwmoHeader::MAX_LEN)
}

fn each_once(devices: impl IntoIterator<Item = DeviceId>) -> Vec<DeviceId> {
    let mut known = BTreeSet::new();
    devices.into_iter().filter(|device| known.insert(device.clone())).collect()
}

impl core::str::FromStr for GwmoHeader {
    type Err = GwmoHeaderError;

    fn from_str(text: &str) -> Result<Self, GwmoHeaderError> {
        if text.len() > Self::MAX_LEN {
            return Err(too_long());
        }
        let (_, names) = all_consuming(value).parse(text).map_err(|error| {
            let rest = match error {
                nom::Err::Error(error) | nom::Err::Failure(error) => error.input.len(),
                nom::Err::Incomplete(_) => 0,
            };
            GwmoHeaderError::new(GwmoHeaderErrorKind::NotAName, text.len() - rest)
        })?;
        let at = |name: &str| name.as_ptr() as usize - text.as_ptr() as usize;
        let wrong = |name: &str, kind| GwmoHeaderError::new(kind, at(name));
        let decode = |name| decoded(name).ok_or_else(|| wrong(name, GwmoHeaderErrorKind::NotUtf8));
        match names {
            Names::Group(name) => GroupId::new(&decode(name)?)
                .map(Self::group)
                .map_err(|error| wrong(name, GwmoHeaderErrorKind::Identifier(error.kind()))),
            Names::Devices(names) => {
                let devices = names.into_iter().map(|name| {
                    DeviceId::new(&decode(name)?)
                        .map_err(|error| wrong(name, GwmoHeaderErrorKind::Identifier(error.kind())))
                });
                // What was read in other words may be longer in ours.
                Self::devices(devices.collect::<Result<Vec<_>, _>>()?)
            }
        }
    }
}

/// The value as it is sent.
impl fmt::Display for GwmoHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            GwmoTarget::Group(group) => {
                f.write_str(GROUP)?;
                encoded(group.as_str()).try_for_each(|piece| f.write_str(piece))
            }
            GwmoTarget::Devices(devices) => devices.iter().enumerate().try_for_each(|(at, device)| {
                f.write_str(if at == 0 { "" } else { "," })?;
                encoded(device.as_str()).try_for_each(|piece| f.write_str(piece))
            }),
        }
    }
}

const GROUP: &str = "grp=";

enum Names<'a> {
    Devices(Vec<&'a str>),
    Group(&'a str),
}

fn value(input: &str) -> IResult<&str, Names<'_>> {
    let group = map(preceded(tag_no_case(GROUP), name), Names::Group);
    let devices = map(separated_list1(char(','), delimited(space, name, space)), Names::Devices);
    let parameters = preceded(char(';'), take_while(|c: char| c == '\t' || c == ' ' || c.is_ascii_graphic()));
    let targets = alt((delimited(space, group, space), devices));
    map((targets, opt(parameters)), |(names, _)| names).parse(input)
}

fn space(input: &str) -> IResult<&str, &str> {
    take_while(|c| matches!(c, ' ' | '\t')).parse(input)
}

/// Text that stands for itself, and octets in hexadecimal.
fn name(input: &str) -> IResult<&str, &str> {
    let escaped = preceded(char('%'), take_while_m_n(2, 2, |c: char| c.is_ascii_hexdigit()));
    recognize(many1_count(alt((take_while1(is_plain), escaped)))).parse(input)
}

/// Visible ASCII that says nothing in the syntax around. An equals sign does: there may be other kinds of targets.
const fn is_plain(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, ',' | ';' | '%' | '=' | '"' | '\\')
}

fn decoded(name: &str) -> Option<Cow<'_, str>> {
    if !name.contains('%') {
        return Some(Cow::Borrowed(name));
    }
    let mut octets = Vec::with_capacity(name.len());
    let mut rest = name.bytes();
    while let Some(octet) = rest.next() {
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        octets.push(match octet {
            b'%' => u8::try_from(digit()? << 4 | digit()?).ok()?,
            plain => plain,
        });
    }
    String::from_utf8(octets).ok().map(Cow::Owned)
}

/// The pieces of a percent-encoded text: stretches that stand for themselves, and octets that do not.
fn encoded(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    let mut escapes: &[u8] = &[];
    core::iter::from_fn(move || {
        if let Some((octet, behind)) = escapes.split_first() {
            escapes = behind;
            return Some(ESCAPES[usize::from(*octet)]);
        }
        let plain = rest.find(|c| !is_plain(c)).unwrap_or(rest.len());
        if plain > 0 {
            let (piece, behind) = rest.split_at(plain);
            rest = behind;
            return Some(piece);
        }
        let length = rest.chars().next()?.len_utf8();
        let (octets, behind) = rest.split_at(length);
        rest = behind;
        let (first, others) = octets.as_bytes().split_first()?;
        escapes = others;
        Some(ESCAPES[usize::from(*first)])
    })
}

/// `%00` to `%FF`.
static ESCAPES: [&str; 256] = {
    const TEXT: [u8; 768] = {
        const DIGITS: [u8; 16] = *b"0123456789ABCDEF";
        let mut text = [b'%'; 768];
        let mut octet = 0;
        while octet < 256 {
            text[octet * 3 + 1] = DIGITS[octet >> 4];
            text[octet * 3 + 2] = DIGITS[octet & 15];
            octet += 1;
        }
        text
    };
    const ALL: &str = match core::str::from_utf8(&TEXT) {
        Ok(all) => all,
        Err(_) => "",
    };
    let mut escapes = [""; 256];
    let mut octet = 0;
    while octet < 256 {
        let (_, from) = ALL.split_at(octet * 3);
        let (escape, _) = from.split_at(3);
        escapes[octet] = escape;
        octet += 1;
    }
    escapes
};

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn values_are_read_and_written() {
        for (text, written) in [
            ("a", "a"),
            (" a ,\tb ", "a,b"),
            ("a,a,b,a", "a,b"),
            ("imei:1,IMEI:1", "imei:1"),
            ("a;x=1;y", "a"),
            ("%41%c3%A9", "A%C3%A9"),
            ("GRP=all;q", "grp=all"),
            (" grp=%2A", "grp=*"),
            ("grp%3Dx", "grp%3Dx"),
            (
                "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
                "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            ),
        ] {
            let header: GwmoHeader = text.parse().expect(text);
            assert_eq!(header.to_string(), written);
            assert_eq!(written.parse(), Ok(header), "{text}");
        }
    }

    #[test]
    fn wrong_values_say_where() {
        use GwmoHeaderErrorKind::*;
        for (text, kind, offset) in [
            ("", NotAName, 0),
            (" ", NotAName, 1),
            (",a", NotAName, 0),
            ("a,", NotAName, 1),
            ("a,,b", NotAName, 1),
            ("a b", NotAName, 2),
            ("foo=bar", NotAName, 3),
            ("a%4", NotAName, 1),
            ("a%4g", NotAName, 1),
            ("caf\u{e9}", NotAName, 3),
            ("a;\u{1}", NotAName, 2),
            ("grp=a,b", NotAName, 5),
            ("b,%ff", NotUtf8, 2),
            ("b,%0A", Identifier(IdErrorKind::ControlCharacter), 2),
            (&"x".repeat(256), Identifier(IdErrorKind::TooLong { max: 255 }), 0),
            (&format!("grp={}", "x".repeat(65)), Identifier(IdErrorKind::TooLong { max: 64 }), 4),
            (&"x".repeat(1025), TooLong { max: 1024 }, 1024),
        ] {
            let error = text.parse::<GwmoHeader>().expect_err(text);
            assert_eq!((error.kind(), error.offset()), (kind, offset), "{text:?}");
        }
    }

    #[test]
    fn what_is_built_fits() {
        let device = |number: u32| DeviceId::new(&format!("{number:0>101}")).unwrap();
        assert_eq!(GwmoHeader::devices((0..10).map(device)).unwrap().to_string().len(), 1019);
        let error = GwmoHeader::devices((0..11).map(device)).unwrap_err();
        assert_eq!(error.kind(), GwmoHeaderErrorKind::TooLong { max: 1024 });
        assert_eq!(GwmoHeader::devices([]).unwrap_err().kind(), GwmoHeaderErrorKind::NotAName);
        let longest = GroupId::new(&",".repeat(64)).unwrap();
        assert_eq!(GwmoHeader::group(longest.clone()).to_string().parse(), Ok(GwmoHeader::group(longest)));
    }

    #[test]
    fn several_headers_are_one_list() {
        let read = |lines: &str| GwmoHeader::of_text_headers(&TextHeaders::parse(lines).unwrap());
        let kind = |lines: &str| read(lines).unwrap_err().kind();
        assert_eq!(read("X-Oma-GwMO: a,b\nx-oma-gwmo: c\n").unwrap().to_string(), "a,b,c");
        assert_eq!(read("X-Oma-GwMO: grp=g\n").unwrap().to_string(), "grp=g");
        assert_eq!(kind("X-Oma-GwMO: grp=g\nX-Oma-GwMO: a\n"), GwmoHeaderErrorKind::GroupNotAlone);
        assert_eq!(kind("a: b\n"), GwmoHeaderErrorKind::Missing);
        let many = "X-Oma-GwMO: abcdefghijklmnop\n".repeat(61);
        assert_eq!(kind(&many), GwmoHeaderErrorKind::TooLong { max: 1024 });
    }
}
