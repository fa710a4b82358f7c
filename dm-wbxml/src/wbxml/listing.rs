//! A document token by token, for people.

use core::fmt;

use crate::attribute_page::{is_start, is_value};
use crate::code_space::CodeSpace;
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;

use super::cursor::Cursor;
use super::header::{DocumentId, Header};
use super::token;

/// One token of a document: where it stands, how deep, and what it is.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Line<'a> {
    /// Octets before the token.
    pub offset: usize,
    /// Octets of the token, what belongs to it included.
    pub length: usize,
    /// Elements around it.
    pub depth: u16,
    /// What it is; [`Display`](fmt::Display) says it to people.
    pub token: Token<'a>,
}

/// What a token is.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Token<'a> {
    /// The whole header.
    Header(Header<'a>),
    /// SWITCH_PAGE, of tags or, in an attribute list, of attributes.
    SwitchPage(u8),
    /// A tag token.
    Tag {
        /// The token as it stands, with its bits.
        octet: u8,
        /// The page in force.
        page: u8,
        /// What the code space calls it.
        name: Option<&'static str>,
    },
    /// A name from the string table: of an element or, in an attribute list, of an attribute.
    Literal {
        /// The token as it stands, with its bits.
        octet: u8,
        /// The offset into the table.
        index: u32,
        /// The octets there, none where the offset is behind the end.
        name: &'a [u8],
    },
    /// The end of an element or of an attribute list.
    End,
    /// An inline string, without its NUL.
    Inline(&'a [u8]),
    /// A string of the table.
    Reference {
        /// The offset into the table.
        index: u32,
        /// The octets there, none where the offset is behind the end.
        text: &'a [u8],
    },
    /// A character by its number.
    Entity(u32),
    /// Octets.
    Opaque(&'a [u8]),
    /// A processing instruction begins.
    Instruction,
    /// An extension token and what belongs to it.
    Extension(u8),
    /// A token that begins an attribute.
    AttributeStart {
        /// The token.
        octet: u8,
        /// The page in force.
        page: u8,
        /// The name, and what the value begins with.
        known: Option<(&'static str, &'static str)>,
    },
    /// A token in an attribute's value.
    AttributeValue {
        /// The token.
        octet: u8,
        /// The page in force.
        page: u8,
        /// What it stands for.
        text: Option<&'static str>,
    },
}

/// The tokens of a WBXML document, one behind the other, down to pages, bits and offsets that a [`Reader`](super::Reader) does not report.
///
/// It shows what stands there as long as that can be told, well-formed or not; the first error is the last item. Unlike a reader
/// it does not look whether text is text. It borrows from the input, allocates nothing but errors, and is linear.
///
/// ```
/// use dm_wbxml::{Limits, SYNCML_1_2, wbxml::Listing};
///
/// let input = b"\x02\xA4\x01\x6A\0\x5A\0\x01\x47\x03chr\0\x01\x01";
/// let mut shown = String::new();
/// for line in Listing::new(input, &SYNCML_1_2, Limits::default()) {
///     let line = line?;
///     let indent = usize::from(line.depth) * 2;
///     shown += &format!("{:04x} {:indent$}{}\n", line.offset, "", line.token);
/// }
/// assert_eq!(
///     shown,
///     "0000 WBXML 1.2, public id 0x1201, UTF-8, string table of 0 octets\n\
///      0005 5A <Meta> 00:1A\n\
///      0006   00 page 1\n\
///      0008   47 <Format> 01:07\n\
///      0009     03 \"chr\"\n\
///      000e   01 end\n\
///      000f 01 end\n"
/// );
/// # Ok::<(), dm_wbxml::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Listing<'a> {
    cursor: Cursor<'a>,
    header: Option<Header<'a>>,
    space: &'static CodeSpace,
    limits: Limits,
    page: u8,
    attribute_page: u8,
    depth: u16,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Header,
    Body,
    /// In a list of attributes; then content if `content`.
    Attributes {
        content: bool,
    },
    Instruction,
    End,
}

impl<'a> Listing<'a> {
    /// The tokens of `input`; `space` names them. `limits` bound the document's size and its depth.
    #[must_use]
    pub fn new(input: &'a [u8], space: &'static CodeSpace, limits: Limits) -> Self {
        Self {
            cursor: Cursor::new(input),
            header: None,
            space,
            limits: limits.with_depth(limits.depth),
            page: 0,
            attribute_page: 0,
            depth: 0,
            place: Place::Header,
        }
    }

    fn line(&mut self) -> Result<Option<Line<'a>>, Error> {
        let offset = self.cursor.offset();
        let mut depth = self.depth;
        let token = match self.place {
            Place::End => return Ok(None),
            Place::Header => {
                let octets = self.cursor.rest().len();
                if octets > self.limits.document {
                    return Err(self.cursor.error(ErrorKind::DocumentTooLarge(self.limits.document)));
                }
                let header = Header::decode(&mut self.cursor, &self.limits)?;
                self.header = Some(header);
                self.place = Place::Body;
                Token::Header(header)
            }
            Place::Body if self.cursor.peek().is_none() => {
                self.place = Place::End;
                return if self.depth == 0 { Ok(None) } else { Err(self.cursor.error(ErrorKind::Truncated)) };
            }
            Place::Body => {
                let octet = self.cursor.u8()?;
                match octet {
                    token::END => {
                        let Some(outer) = self.depth.checked_sub(1) else {
                            return Err(self.cursor.error_at_last(ErrorKind::Token(octet)));
                        };
                        self.depth = outer;
                        depth = outer;
                        Token::End
                    }
                    token::SWITCH_PAGE => {
                        self.page = self.cursor.u8()?;
                        Token::SwitchPage(self.page)
                    }
                    token::PI => {
                        self.place = Place::Instruction;
                        Token::Instruction
                    }
                    _ => match self.global(octet)? {
                        Some(token) => token,
                        None => self.element(octet)?,
                    },
                }
            }
            Place::Attributes { .. } | Place::Instruction => {
                let octet = self.cursor.u8()?;
                self.attribute(octet)?
            }
        };
        Ok(Some(Line { offset, length: self.cursor.offset() - offset, depth, token }))
    }

    /// A token that is the same in content and in attribute values.
    fn global(&mut self, octet: u8) -> Result<Option<Token<'a>>, Error> {
        Ok(Some(match octet {
            token::STR_I => Token::Inline(self.inline()?),
            token::STR_T => {
                let index = self.cursor.mb_u32()?;
                Token::Reference { index, text: self.table_string(index) }
            }
            token::ENTITY => Token::Entity(self.cursor.mb_u32()?),
            token::OPAQUE => {
                let length = self.cursor.mb_u32()?;
                Token::Opaque(self.cursor.take(length as usize)?)
            }
            token::EXT_I_0..=token::EXT_I_2 => {
                self.inline()?;
                Token::Extension(octet)
            }
            token::EXT_T_0..=token::EXT_T_2 => {
                self.cursor.mb_u32()?;
                Token::Extension(octet)
            }
            token::EXT_0..=token::EXT_2 => Token::Extension(octet),
            _ => return Ok(None),
        }))
    }

    fn element(&mut self, octet: u8) -> Result<Token<'a>, Error> {
        let content = octet & token::CONTENT != 0;
        if content {
            if self.depth >= self.limits.depth {
                return Err(self.cursor.error_at_last(ErrorKind::TooDeep(self.limits.depth)));
            }
            self.depth += 1;
        }
        let identity = octet & token::IDENTITY;
        let shown = if identity == token::LITERAL {
            let index = self.cursor.mb_u32()?;
            Token::Literal { octet, index, name: self.table_string(index) }
        } else {
            let name = self.space.page(self.page).and_then(|page| page.name(identity));
            Token::Tag { octet, page: self.page, name }
        };
        if octet & token::ATTRIBUTES != 0 {
            self.place = Place::Attributes { content };
        }
        Ok(shown)
    }

    fn attribute(&mut self, octet: u8) -> Result<Token<'a>, Error> {
        let page = self.attribute_page;
        Ok(match octet {
            token::END => {
                self.place = Place::Body;
                Token::End
            }
            token::SWITCH_PAGE => {
                self.attribute_page = self.cursor.u8()?;
                Token::SwitchPage(self.attribute_page)
            }
            token::LITERAL => {
                let index = self.cursor.mb_u32()?;
                Token::Literal { octet, index, name: self.table_string(index) }
            }
            octet if is_start(octet) => {
                let known = self.space.attribute_page(page).and_then(|page| page.start(octet));
                Token::AttributeStart { octet, page, known }
            }
            octet if is_value(octet) => {
                let text = self.space.attribute_page(page).and_then(|page| page.value(octet));
                Token::AttributeValue { octet, page, text }
            }
            octet => match self.global(octet)? {
                Some(token) => token,
                None => return Err(self.cursor.error_at_last(ErrorKind::Token(octet))),
            },
        })
    }

    fn inline(&mut self) -> Result<&'a [u8], Error> {
        let rest = self.cursor.rest();
        let Some(end) = rest.iter().position(|octet| *octet == 0) else {
            self.cursor.skip(rest.len());
            return Err(self.cursor.error(ErrorKind::Truncated));
        };
        self.cursor.skip(end + 1);
        Ok(&rest[..end])
    }

    /// A string of the table, as much as a line shows: looking for the ends of long ones again and again would not be linear.
    fn table_string(&self, index: u32) -> &'a [u8] {
        let table = self.header.map_or(&[][..], |header| header.string_table);
        let rest = table.get(index as usize..).unwrap_or_default();
        let within = rest.get(..self.limits.name).unwrap_or(rest);
        within.split(|octet| *octet == 0).next().unwrap_or(within)
    }
}

impl<'a> Iterator for Listing<'a> {
    type Item = Result<Line<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.line();
        if line.is_err() {
            self.place = Place::End;
        }
        line.transpose()
    }
}

/// Text in quotation marks, else octets: how many, and the first of them.
struct Shown<'a>(&'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match core::str::from_utf8(self.0) {
            Ok(text) => write!(f, "{text:?}"),
            Err(_) => write!(f, "{}", Octets(self.0)),
        }
    }
}

struct Octets<'a>(&'a [u8]);

impl fmt::Display for Octets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const FIRST: usize = 16;
        write!(f, "{} octets", self.0.len())?;
        for octet in self.0.iter().take(FIRST) {
            write!(f, " {octet:02X}")?;
        }
        if self.0.len() > FIRST { f.write_str(" ...") } else { Ok(()) }
    }
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(header) => {
                write!(f, "WBXML 1.{}, ", header.version.octet())?;
                match header.document {
                    DocumentId::Number(id) => write!(f, "public id {:#06x}, ", id.get())?,
                    DocumentId::Name(name) => write!(f, "public id {}, ", Shown(name))?,
                }
                let table = header.string_table.len();
                write!(f, "{}, string table of {table} octets", header.charset.name())
            }
            Self::SwitchPage(page) => write!(f, "00 page {page}"),
            Self::Tag { octet, page, name } => {
                let token = octet & token::IDENTITY;
                write!(f, "{octet:02X} <{}> {page:02X}:{token:02X}", name.unwrap_or("?"))
            }
            Self::Literal { octet, index, name } => write!(f, "{octet:02X} literal {index} {}", Shown(name)),
            Self::End => f.write_str("01 end"),
            Self::Inline(text) => write!(f, "03 {}", Shown(text)),
            Self::Reference { index, text } => write!(f, "83 string {index} {}", Shown(text)),
            Self::Entity(code) => write!(f, "02 character {code:#x}"),
            Self::Opaque(octets) => match core::str::from_utf8(octets) {
                Ok(text) if crate::is_xml_text(text) => write!(f, "C3 opaque {text:?}"),
                _ => write!(f, "C3 opaque {}", Octets(octets)),
            },
            Self::Instruction => f.write_str("43 processing instruction"),
            Self::Extension(octet) => write!(f, "{octet:02X} extension"),
            Self::AttributeStart { octet, page, known } => match known {
                Some((name, prefix)) => write!(f, "{octet:02X} {name}={prefix:?} {page:02X}"),
                None => write!(f, "{octet:02X} attribute ? {page:02X}"),
            },
            Self::AttributeValue { octet, page, text } => match text {
                Some(text) => write!(f, "{octet:02X} {text:?} {page:02X}"),
                None => write!(f, "{octet:02X} value ? {page:02X}"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PROV_1_0, SYNCML_1_2};
    use alloc::string::String;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn listed(input: &[u8], space: &'static CodeSpace) -> String {
        let mut shown = String::new();
        for line in Listing::new(input, space, Limits::DEFAULT) {
            shown += &match line {
                Ok(line) => alloc::format!("{} {} {}\n", line.offset, line.depth, line.token),
                Err(error) => alloc::format!("{} {}\n", error.offset(), error.kind().name()),
            };
        }
        shown
    }

    #[test]
    fn every_token_is_shown() {
        let document = b"\x03\0\x01\x6A\x03ab\0\x43\x04\0\x01\xC6\x55\x00\x01\x4D\x03x\0\x91\xFF\x83\x01\x01\
            \x02\x41\xC3\x02\xFF\x00\xC3\x01x\x40y\0\x80\x05\xC0\x44\x00\x3F\x01\x01";
        assert_eq!(
            listed(document, &PROV_1_0),
            "0 0 WBXML 1.3, public id \"b\", UTF-8, string table of 3 octets\n\
             8 0 43 processing instruction\n9 0 04 literal 0 \"ab\"\n11 0 01 end\n\
             12 0 C6 <characteristic> 00:06\n13 1 55 type=\"NAPDEF\" 00\n14 1 00 page 1\n16 1 4D attribute ? 01\n\
             17 1 03 \"x\"\n20 1 91 \"HTTP-\" 01\n21 1 FF value ? 01\n22 1 83 string 1 \"b\"\n24 1 01 end\n\
             25 1 02 character 0x41\n27 1 C3 opaque 2 octets FF 00\n31 1 C3 opaque \"x\"\n34 1 40 extension\n\
             37 1 80 extension\n39 1 C0 extension\n40 1 44 literal 0 \"ab\"\n42 2 3F <?> 00:3F\n43 1 01 end\n44 0 01 end\n"
        );
    }

    #[test]
    fn an_error_is_the_last_line() {
        for (body, expected) in [
            (b"\x6D".as_slice(), "5 0 6D <SyncML> 00:2D\n6 truncated\n"),
            (b"\x01", "5 token\n"),
            (b"\x8F\x43", "5 0 8F <Data> 00:0F\n6 token\n"),
            (b"\x4F\xC3\x05a", "5 0 4F <Data> 00:0F\n8 truncated\n"),
        ] {
            let document = [b"\x02\xA4\x01\x6A\0".as_slice(), body].concat();
            let shown = listed(&document, &SYNCML_1_2);
            assert_eq!(shown.split_once('\n').map(|(_, lines)| lines), Some(expected));
        }
        assert_eq!(listed(b"\x00", &SYNCML_1_2), "0 version\n");
    }

    proptest! {
        /// Lines stand one behind the other, from the first octet to the last or to an error.
        #[test]
        fn lines_cover_the_document(body in proptest::collection::vec(prop_oneof![any::<u8>(), 0u8..8, Just(0x4F), Just(1)], 0..60)) {
            let document = [b"\x02\x01\x6A\x02a\0".as_slice(), &body].concat();
            let lines: Vec<_> = Listing::new(&document, &SYNCML_1_2, Limits::DEFAULT).collect();
            let mut at = 0;
            for (place, line) in lines.iter().enumerate() {
                match line {
                    Ok(line) => {
                        let shown = alloc::format!("{}", line.token);
                        prop_assert!(line.offset == at && line.length > 0 && !shown.is_empty());
                        at += line.length;
                    }
                    Err(error) => {
                        prop_assert_eq!(place + 1, lines.len());
                        prop_assert!(error.offset() >= at && error.offset() <= document.len());
                        at = document.len();
                    }
                }
            }
            prop_assert_eq!(at, document.len());
        }
    }
}
