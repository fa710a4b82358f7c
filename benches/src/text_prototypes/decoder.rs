//! WBXML to the prototype types, once for both ways of holding text.

use core::ops::Range;

use super::holding::Holding;
use super::message::{Command, Cred, Header, Item, Message, Meta, Named, Status, Verb};

/// Why a document could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input ended inside something.
    #[error("input ended")]
    Truncated,
    /// A number over 32 bits.
    #[error("number too large")]
    Number,
    /// Text that is not UTF-8.
    #[error("text is not UTF-8")]
    Utf8,
    /// A token the prototype does not know.
    #[error("unexpected token {0:#04x}")]
    Token(u8),
    /// An element that must be there is not.
    #[error("missing {0}")]
    Missing(&'static str),
    /// Deeper than any message of ours.
    #[error("nested too deep")]
    Depth,
}

const MAX_DEPTH: usize = 16;

const SWITCH_PAGE: u8 = 0x00;
const END: u8 = 0x01;
const ENTITY: u8 = 0x02;
const STR_I: u8 = 0x03;
const STR_T: u8 = 0x83;
const OPAQUE: u8 = 0xC3;

/// Tokens of page 0, and those of page 1 with the page in front.
mod tag {
    pub(super) const ADD: u16 = 0x05;
    pub(super) const ALERT: u16 = 0x06;
    pub(super) const ATOMIC: u16 = 0x08;
    pub(super) const CMD: u16 = 0x0A;
    pub(super) const CMD_ID: u16 = 0x0B;
    pub(super) const CMD_REF: u16 = 0x0C;
    pub(super) const COPY: u16 = 0x0D;
    pub(super) const CRED: u16 = 0x0E;
    pub(super) const DATA: u16 = 0x0F;
    pub(super) const DELETE: u16 = 0x10;
    pub(super) const EXEC: u16 = 0x11;
    pub(super) const FINAL: u16 = 0x12;
    pub(super) const GET: u16 = 0x13;
    pub(super) const ITEM: u16 = 0x14;
    pub(super) const LOC_NAME: u16 = 0x16;
    pub(super) const LOC_URI: u16 = 0x17;
    pub(super) const META: u16 = 0x1A;
    pub(super) const MSG_ID: u16 = 0x1B;
    pub(super) const MSG_REF: u16 = 0x1C;
    pub(super) const REPLACE: u16 = 0x20;
    pub(super) const RESULTS: u16 = 0x22;
    pub(super) const SEQUENCE: u16 = 0x24;
    pub(super) const SESSION_ID: u16 = 0x25;
    pub(super) const SOURCE: u16 = 0x27;
    pub(super) const SOURCE_REF: u16 = 0x28;
    pub(super) const STATUS: u16 = 0x29;
    pub(super) const SYNC_BODY: u16 = 0x2B;
    pub(super) const SYNC_HDR: u16 = 0x2C;
    pub(super) const SYNC_ML: u16 = 0x2D;
    pub(super) const TARGET: u16 = 0x2E;
    pub(super) const TARGET_REF: u16 = 0x2F;
    pub(super) const VER_DTD: u16 = 0x31;
    pub(super) const VER_PROTO: u16 = 0x32;
    pub(super) const FORMAT: u16 = 0x107;
    pub(super) const MAX_MSG_SIZE: u16 = 0x10C;
    pub(super) const TYPE: u16 = 0x113;
    pub(super) const MAX_OBJ_SIZE: u16 = 0x115;
}

/// Decodes one message.
///
/// # Errors
///
/// When the input is not a WBXML document of the elements the prototype knows.
pub fn decode<H: Holding>(buffer: &H) -> Result<Message<H>, Error> {
    let mut decoder = Decoder { buffer, input: buffer.input(), at: 0, page: 0, table: 0..0 };
    decoder.prologue()?;
    let root = decoder.child()?.filter(|child| child.tag == tag::SYNC_ML).ok_or(Error::Missing("SyncML"))?;
    decoder.message(root)
}

struct Decoder<'b, H: Holding> {
    buffer: &'b H,
    input: &'b [u8],
    at: usize,
    page: u8,
    table: Range<usize>,
}

/// A start tag.
#[derive(Clone, Copy)]
struct Child {
    tag: u16,
    has_content: bool,
}

/// Where an element's text is.
enum Content {
    Here(Range<usize>),
    Joined(Vec<u8>),
}

impl<H: Holding> Decoder<'_, H> {
    fn octet(&mut self) -> Result<u8, Error> {
        let octet = *self.input.get(self.at).ok_or(Error::Truncated)?;
        self.at += 1;
        Ok(octet)
    }

    fn number(&mut self) -> Result<usize, Error> {
        let mut value = 0_u32;
        for _ in 0..5 {
            let octet = self.octet()?;
            if value > u32::MAX >> 7 {
                return Err(Error::Number);
            }
            value = value << 7 | u32::from(octet & 0x7F);
            if octet & 0x80 == 0 {
                return usize::try_from(value).map_err(|_| Error::Number);
            }
        }
        Err(Error::Number)
    }

    fn take(&mut self, len: usize) -> Result<Range<usize>, Error> {
        if len > self.input.len() - self.at {
            return Err(Error::Truncated);
        }
        let start = self.at;
        self.at += len;
        Ok(start..self.at)
    }

    fn prologue(&mut self) -> Result<(), Error> {
        self.octet()?;
        if self.number()? == 0 {
            self.number()?;
        }
        self.number()?;
        let len = self.number()?;
        self.table = self.take(len)?;
        Ok(())
    }

    /// The next start tag, or `None` at the END of the element around it. Text between elements is dropped.
    fn child(&mut self) -> Result<Option<Child>, Error> {
        loop {
            match self.octet()? {
                SWITCH_PAGE => self.page = self.octet()?,
                END => return Ok(None),
                token @ (ENTITY | STR_I | STR_T | OPAQUE) => {
                    self.piece(token)?;
                }
                token if token & 0x80 == 0 && token & 0x3F > 4 => {
                    let tag = u16::from(self.page) << 8 | u16::from(token & 0x3F);
                    return Ok(Some(Child { tag, has_content: token & 0x40 != 0 }));
                }
                token => return Err(Error::Token(token)),
            }
        }
    }

    /// One piece of text whose token has been read.
    fn piece(&mut self, token: u8) -> Result<Content, Error> {
        match token {
            STR_I => {
                let len = self.input[self.at..].iter().position(|b| *b == 0).ok_or(Error::Truncated)?;
                let text = self.take(len)?;
                self.at += 1;
                Ok(Content::Here(text))
            }
            STR_T => {
                let start = self.table.start.checked_add(self.number()?).ok_or(Error::Truncated)?;
                let rest = self.input.get(start..self.table.end).ok_or(Error::Truncated)?;
                let len = rest.iter().position(|b| *b == 0).unwrap_or(rest.len());
                Ok(Content::Here(start..start + len))
            }
            ENTITY => {
                let code = u32::try_from(self.number()?).map_err(|_| Error::Number)?;
                let character = char::from_u32(code).ok_or(Error::Utf8)?;
                Ok(Content::Joined(character.to_string().into_bytes()))
            }
            OPAQUE => {
                let len = self.number()?;
                self.take(len).map(Content::Here)
            }
            token => Err(Error::Token(token)),
        }
    }

    /// All text of the element just opened, up to and with its END.
    fn content(&mut self, child: Child) -> Result<Content, Error> {
        if !child.has_content {
            return Ok(Content::Here(self.at..self.at));
        }
        let mut content = match self.octet()? {
            END => return Ok(Content::Here(self.at..self.at)),
            token => self.piece(token)?,
        };
        loop {
            let token = self.octet()?;
            if token == END {
                return Ok(content);
            }
            let mut joined = match content {
                Content::Here(range) => self.input[range].to_vec(),
                Content::Joined(octets) => octets,
            };
            match self.piece(token)? {
                Content::Here(range) => joined.extend_from_slice(&self.input[range]),
                Content::Joined(octets) => joined.extend_from_slice(&octets),
            }
            content = Content::Joined(joined);
        }
    }

    fn text(&mut self, child: Child) -> Result<H::Text, Error> {
        match self.content(child)? {
            Content::Here(range) => self.buffer.text(range),
            Content::Joined(octets) => self.buffer.joined_text(octets),
        }
        .ok_or(Error::Utf8)
    }

    fn octets(&mut self, child: Child) -> Result<H::Octets, Error> {
        Ok(match self.content(child)? {
            Content::Here(range) => self.buffer.octets(range),
            Content::Joined(octets) => self.buffer.joined(octets),
        })
    }

    /// A decimal number; zero when it is none.
    fn decimal(&mut self, child: Child) -> Result<u32, Error> {
        let content = self.content(child)?;
        let digits = match &content {
            Content::Here(range) => &self.input[range.clone()],
            Content::Joined(octets) => octets,
        };
        let value = digits.iter().try_fold(0_u32, |value, digit| {
            value.checked_mul(10)?.checked_add(char::from(*digit).to_digit(10)?)
        });
        Ok(value.unwrap_or(0))
    }

    fn skip(&mut self, child: Child) -> Result<(), Error> {
        let mut depth = usize::from(child.has_content);
        while depth > 0 {
            match self.child()? {
                Some(child) => depth += usize::from(child.has_content),
                None => depth -= 1,
            }
        }
        Ok(())
    }

    /// The next child of an element with `parent`'s start tag.
    fn child_of(&mut self, parent: Child) -> Result<Option<Child>, Error> {
        if parent.has_content { self.child() } else { Ok(None) }
    }

    fn message(&mut self, root: Child) -> Result<Message<H>, Error> {
        let (mut header, mut body, mut is_final) = (None, Vec::new(), false);
        while let Some(child) = self.child_of(root)? {
            match child.tag {
                tag::SYNC_HDR => header = Some(self.header(child)?),
                tag::SYNC_BODY => {
                    while let Some(child) = self.child_of(child)? {
                        if child.tag == tag::FINAL {
                            self.skip(child)?;
                            is_final = true;
                        } else if let Some(command) = self.command(child, 0)? {
                            body.push(command);
                        }
                    }
                }
                _ => self.skip(child)?,
            }
        }
        Ok(Message { header: header.ok_or(Error::Missing("SyncHdr"))?, body, is_final })
    }

    fn header(&mut self, parent: Child) -> Result<Header<H>, Error> {
        let (mut ver_dtd, mut ver_proto, mut session_id, mut msg_id) = (None, None, None, None);
        let (mut target, mut source, mut cred) = (None, None, None);
        let (mut max_msg_size, mut max_obj_size) = (None, None);
        while let Some(child) = self.child_of(parent)? {
            match child.tag {
                tag::VER_DTD => ver_dtd = Some(self.text(child)?),
                tag::VER_PROTO => ver_proto = Some(self.text(child)?),
                tag::SESSION_ID => session_id = Some(self.text(child)?),
                tag::MSG_ID => msg_id = Some(self.text(child)?),
                tag::TARGET => target = Some(self.named(child)?),
                tag::SOURCE => source = Some(self.named(child)?),
                tag::CRED => cred = Some(self.cred(child)?),
                tag::META => {
                    while let Some(child) = self.child_of(child)? {
                        match child.tag {
                            tag::MAX_MSG_SIZE => max_msg_size = Some(self.decimal(child)?),
                            tag::MAX_OBJ_SIZE => max_obj_size = Some(self.decimal(child)?),
                            _ => self.skip(child)?,
                        }
                    }
                }
                _ => self.skip(child)?,
            }
        }
        Ok(Header {
            ver_dtd: ver_dtd.ok_or(Error::Missing("VerDTD"))?,
            ver_proto: ver_proto.ok_or(Error::Missing("VerProto"))?,
            session_id: session_id.ok_or(Error::Missing("SessionID"))?,
            msg_id: msg_id.ok_or(Error::Missing("MsgID"))?,
            target: target.ok_or(Error::Missing("Target"))?,
            source: source.ok_or(Error::Missing("Source"))?,
            cred,
            max_msg_size,
            max_obj_size,
        })
    }

    fn named(&mut self, parent: Child) -> Result<Named<H>, Error> {
        let (mut uri, mut name) = (None, None);
        while let Some(child) = self.child_of(parent)? {
            match child.tag {
                tag::LOC_URI => uri = Some(self.text(child)?),
                tag::LOC_NAME => name = Some(self.text(child)?),
                _ => self.skip(child)?,
            }
        }
        Ok(Named { uri: uri.ok_or(Error::Missing("LocURI"))?, name })
    }

    fn cred(&mut self, parent: Child) -> Result<Cred<H>, Error> {
        let (mut meta, mut data) = (Meta { format: None, kind: None }, None);
        while let Some(child) = self.child_of(parent)? {
            match child.tag {
                tag::META => meta = self.meta(child)?,
                tag::DATA => data = Some(self.text(child)?),
                _ => self.skip(child)?,
            }
        }
        Ok(Cred { meta, data: data.ok_or(Error::Missing("Data"))? })
    }

    fn meta(&mut self, parent: Child) -> Result<Meta<H>, Error> {
        let mut meta = Meta { format: None, kind: None };
        while let Some(child) = self.child_of(parent)? {
            match child.tag {
                tag::FORMAT => meta.format = Some(self.text(child)?),
                tag::TYPE => meta.kind = Some(self.text(child)?),
                _ => self.skip(child)?,
            }
        }
        Ok(meta)
    }

    fn command(&mut self, parent: Child, depth: usize) -> Result<Option<Command<H>>, Error> {
        if depth > MAX_DEPTH {
            return Err(Error::Depth);
        }
        let verb = match parent.tag {
            tag::STATUS => return self.status(parent).map(Some),
            tag::ATOMIC | tag::SEQUENCE => return self.group(parent, depth).map(Some),
            tag::ALERT | tag::RESULTS => None,
            tag::ADD => Some(Verb::Add),
            tag::COPY => Some(Verb::Copy),
            tag::DELETE => Some(Verb::Delete),
            tag::EXEC => Some(Verb::Exec),
            tag::GET => Some(Verb::Get),
            tag::REPLACE => Some(Verb::Replace),
            _ => {
                self.skip(parent)?;
                return Ok(None);
            }
        };
        let (mut cmd_id, mut msg_ref, mut cmd_ref, mut code, mut items) = (None, None, None, 0, Vec::new());
        while let Some(child) = self.child_of(parent)? {
            match child.tag {
                tag::CMD_ID => cmd_id = Some(self.text(child)?),
                tag::MSG_REF => msg_ref = Some(self.text(child)?),
                tag::CMD_REF => cmd_ref = Some(self.text(child)?),
                tag::DATA => code = self.decimal(child)?,
                tag::ITEM => {
                    if items.capacity() == 0 {
                        // Nearly every command has one item; growth would make room for four.
                        items.reserve_exact(1);
                    }
                    items.push(self.item(child)?);
                }
                _ => self.skip(child)?,
            }
        }
        let cmd_id = cmd_id.ok_or(Error::Missing("CmdID"))?;
        Ok(Some(match verb {
            Some(verb) => Command::Items { verb, cmd_id, items },
            None if parent.tag == tag::ALERT => Command::Alert { cmd_id, code, items },
            None => Command::Results {
                cmd_id,
                msg_ref: msg_ref.unwrap_or_else(H::empty),
                cmd_ref: cmd_ref.ok_or(Error::Missing("CmdRef"))?,
                items,
            },
        }))
    }

    fn group(&mut self, parent: Child, depth: usize) -> Result<Command<H>, Error> {
        let (mut cmd_id, mut commands) = (None, Vec::new());
        while let Some(child) = self.child_of(parent)? {
            if child.tag == tag::CMD_ID {
                cmd_id = Some(self.text(child)?);
            } else if let Some(command) = self.command(child, depth + 1)? {
                commands.push(command);
            }
        }
        Ok(Command::Group { cmd_id: cmd_id.ok_or(Error::Missing("CmdID"))?, commands })
    }

    fn status(&mut self, parent: Child) -> Result<Command<H>, Error> {
        let (mut cmd_id, mut msg_ref, mut cmd_ref, mut cmd) = (None, None, None, None);
        let (mut target_ref, mut source_ref, mut code) = (None, None, 0);
        while let Some(child) = self.child_of(parent)? {
            match child.tag {
                tag::CMD_ID => cmd_id = Some(self.text(child)?),
                tag::MSG_REF => msg_ref = Some(self.text(child)?),
                tag::CMD_REF => cmd_ref = Some(self.text(child)?),
                tag::CMD => cmd = Some(self.text(child)?),
                tag::TARGET_REF => target_ref = Some(self.text(child)?),
                tag::SOURCE_REF => source_ref = Some(self.text(child)?),
                tag::DATA => code = self.decimal(child)?,
                _ => self.skip(child)?,
            }
        }
        Ok(Command::Status(Status {
            cmd_id: cmd_id.ok_or(Error::Missing("CmdID"))?,
            msg_ref: msg_ref.ok_or(Error::Missing("MsgRef"))?,
            cmd_ref: cmd_ref.ok_or(Error::Missing("CmdRef"))?,
            cmd: cmd.ok_or(Error::Missing("Cmd"))?,
            target_ref,
            source_ref,
            code,
        }))
    }

    fn item(&mut self, parent: Child) -> Result<Item<H>, Error> {
        let mut item =
            Item { target: None, source: None, meta: Meta { format: None, kind: None }, data: None };
        while let Some(child) = self.child_of(parent)? {
            match child.tag {
                tag::TARGET => item.target = Some(self.named(child)?.uri),
                tag::SOURCE => item.source = Some(self.named(child)?.uri),
                tag::META => item.meta = self.meta(child)?,
                tag::DATA => item.data = Some(self.octets(child)?),
                _ => self.skip(child)?,
            }
        }
        Ok(item)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::{Borrowed, Shared};
    use super::*;
    use crate::inputs::{Profile, Size, generate};

    #[test]
    fn both_ways_read_the_same_message() {
        for profile in Profile::ALL {
            for size in Size::ALL {
                let input = generate(profile, size);
                let borrowed = decode(&Borrowed(&input.wbxml)).unwrap();
                let shared = decode(&Shared(Bytes::from(input.wbxml.clone()))).unwrap();
                assert_eq!(borrowed.commands(), input.commands, "{}", input.name);
                assert_eq!(shared.commands(), input.commands, "{}", input.name);
                assert_eq!(borrowed.read(), shared.read(), "{}", input.name);
                assert!(borrowed.is_final && shared.is_final);
                let owned = borrowed.clone().into_owned();
                assert_eq!(owned.read(), borrowed.read());
                // The generic type is invariant in its lifetime, so `==` would want both to be 'static.
                assert_eq!(format!("{owned:?}"), format!("{borrowed:?}"));
            }
        }
    }

    #[test]
    fn pieces_are_joined_and_the_table_is_read() {
        let table = b"./A\0";
        let mut doc = vec![0x02, 0xA4, 0x01, 0x6A, table.len() as u8];
        doc.extend_from_slice(table);
        doc.extend_from_slice(b"\x6D\x6C\x71\x031.2\0\x01\x72\x03DM/1.2\0\x01\x65\x031\0\x01\x5B\x031\0\x01");
        doc.extend_from_slice(b"\x6E\x57\x83\x00\x01\x01\x67\x57\x83\x02\x03/B\0\x02\x21\x01\x01\x01\x01");
        let message = decode(&Borrowed(&doc)).unwrap();
        assert_eq!(message.header.target.uri, "./A");
        assert_eq!(message.header.source.uri, "A/B!");
        let message = decode(&Shared(Bytes::from(doc))).unwrap();
        assert_eq!(message.header.source.uri.as_ref(), "A/B!");
    }

    #[test]
    fn no_prefix_panics() {
        let input = generate(Profile::Cmds, Size::K1);
        for end in 0..input.wbxml.len() {
            assert!(decode(&Borrowed(&input.wbxml[..end])).is_err());
        }
    }
}
