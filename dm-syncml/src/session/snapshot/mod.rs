//! Sessions between two messages, as values for any store.
//!
//! Elements of messages are kept as WBXML, which both encodings come from and go to without loss; octets as base64; times as what is left of
//! them. Every snapshot carries a version, and one that is not known is refused.

mod large_object;
mod ledger;

pub(super) use large_object::{AssemblerState, CutterState};
pub(super) use ledger::LedgerState;

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use base64ct::{Base64, Encoding as _};
use serde::{Deserialize, Serialize};

use crate::error::ValueError;
use crate::model::{
    Command, DecodeOptions, Encoding, Fragment, Get, Item, Message, Meta, MsgId, Quirks, SyncBody, SyncHdr,
};
use crate::time::Instant;

use super::composer::Letterhead;
use super::ledger::UNNUMBERED;
use super::outgoing::Outgoing;

/// A snapshot cannot be restored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// It is of a version that this crate does not know.
    #[error("the snapshot is of version {0}, which is not known")]
    Version(u32),
    /// It was changed, or not made by this crate: a value is not what it must be.
    #[error("the snapshot holds a value that is not {0}")]
    Malformed(&'static str),
    /// It is of a session with an account, and there is none now, or the other way round.
    #[error("the snapshot is of a session with another kind of account")]
    Account,
}

impl From<ValueError> for RestoreError {
    fn from(_: ValueError) -> Self {
        Self::Malformed("legal in a message")
    }
}

pub(super) fn pack_octets(octets: &[u8]) -> String {
    Base64::encode_string(octets)
}

pub(super) fn unpack_octets(text: &str) -> Result<Vec<u8>, RestoreError> {
    Base64::decode_vec(text).map_err(|_| RestoreError::Malformed("base64"))
}

/// A command as WBXML.
pub(super) fn pack(command: &Command<'static>) -> String {
    let mut body = SyncBody::new(Vec::from([command.clone()]));
    body.last_in_package = false;
    pack_octets(&Fragment::new(body).encode(Encoding::Wbxml))
}

pub(super) fn unpack(text: &str) -> Result<Command<'static>, RestoreError> {
    let octets = unpack_octets(text)?;
    // What was decoded or built once is not bounded again, save in its depth.
    let limits = DecodeOptions::new().limits;
    let limits = limits
        .with_document(octets.len())
        .with_string_table(octets.len())
        .with_expansion(usize::MAX)
        .with_elements(u32::MAX)
        .with_depth(u16::MAX);
    let options = DecodeOptions::new().with_limits(limits).with_quirks(Quirks::FIELD);
    let fragment = Fragment::decode(Encoding::Wbxml, &octets, &options)
        .map_err(|_| RestoreError::Malformed("a command"))?;
    match fragment.body.commands.into_iter().next() {
        Some(command) => Ok(command.into_owned()),
        None => Err(RestoreError::Malformed("a command")),
    }
}

/// Items in the command that asks for such.
pub(super) fn pack_items(items: &[Item<'static>]) -> Option<String> {
    (!items.is_empty()).then(|| pack(&Get::new(UNNUMBERED, items.to_vec()).into()))
}

pub(super) fn unpack_items(text: Option<&str>) -> Result<Vec<Item<'static>>, RestoreError> {
    let Some(text) = text else { return Ok(Vec::new()) };
    match unpack(text)? {
        Command::Get(get) => Ok(get.items),
        _ => Err(RestoreError::Malformed("items")),
    }
}

/// What is left of the time until `at`, in nanoseconds: a moved session wakes when it would have.
pub(super) fn remaining(now: Instant, at: Instant) -> u64 {
    u64::try_from(at.saturating_since(now).as_nanos()).unwrap_or(u64::MAX)
}

pub(super) fn due(now: Instant, remaining: u64) -> Instant {
    now + Duration::from_nanos(remaining)
}

/// How messages travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum EncodingState {
    Wbxml,
    Xml,
}

impl EncodingState {
    pub(super) const fn of(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Wbxml => Self::Wbxml,
            #[cfg(feature = "xml")]
            Encoding::Xml => Self::Xml,
        }
    }

    pub(super) const fn restore(self) -> Result<Encoding, RestoreError> {
        match self {
            Self::Wbxml => Ok(Encoding::Wbxml),
            #[cfg(feature = "xml")]
            Self::Xml => Ok(Encoding::Xml),
            #[cfg(not(feature = "xml"))]
            Self::Xml => Err(RestoreError::Malformed("an encoding of this build")),
        }
    }
}

/// What stays the same in all headers: a header, since what was decoded may break the rules of constructors.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct LetterheadState {
    encoding: EncodingState,
    header: String,
}

impl LetterheadState {
    pub(super) fn of(letterhead: &Letterhead) -> Self {
        let mut header = SyncHdr::new(
            letterhead.session_id.clone(),
            MsgId::number(1),
            letterhead.peer.clone(),
            letterhead.own.clone(),
        );
        header.ver_dtd = letterhead.ver_dtd.clone();
        header.ver_proto = letterhead.ver_proto.clone();
        let mut meta = Meta::new();
        if let Some(octets) = letterhead.max_msg_size {
            meta = meta.with_max_msg_size(octets);
        }
        if let Some(octets) = letterhead.max_obj_size {
            meta = meta.with_max_obj_size(octets);
        }
        header.meta = Some(meta);
        let message = Message::new(header, SyncBody::new(Vec::new()));
        Self {
            encoding: EncodingState::of(letterhead.encoding),
            header: pack_octets(&message.encode(Encoding::Wbxml)),
        }
    }

    pub(super) fn restore(self) -> Result<Letterhead, RestoreError> {
        let octets = unpack_octets(&self.header)?;
        let options = DecodeOptions::new().with_quirks(Quirks::FIELD);
        let header = Message::decode(Encoding::Wbxml, &octets, &options)
            .map_err(|_| RestoreError::Malformed("a header"))?
            .header
            .into_owned();
        Ok(Letterhead {
            encoding: self.encoding.restore()?,
            session_id: header.session_id,
            ver_dtd: header.ver_dtd,
            ver_proto: header.ver_proto,
            own: header.source.loc_uri,
            peer: header.target.loc_uri,
            max_msg_size: header.meta.as_ref().and_then(Meta::max_msg_size),
            max_obj_size: header.meta.as_ref().and_then(Meta::max_obj_size),
        })
    }
}

/// A message that was sent, and may be sent again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct OutgoingState {
    encoding: EncodingState,
    body: String,
    hmac: Option<String>,
}

impl OutgoingState {
    pub(super) fn of(message: &Outgoing) -> Self {
        use alloc::string::ToString;
        Self {
            encoding: EncodingState::of(message.encoding),
            body: pack_octets(&message.body),
            hmac: message.hmac.as_ref().map(ToString::to_string),
        }
    }

    pub(super) fn restore(self) -> Result<Outgoing, RestoreError> {
        let hmac = self.hmac.map(|value| crate::auth::MacHeader::parse(value.as_bytes())).transpose();
        let hmac = hmac.map_err(|_| RestoreError::Malformed("a MAC"))?;
        Ok(Outgoing::new(self.encoding.restore()?, unpack_octets(&self.body)?, hmac))
    }
}
