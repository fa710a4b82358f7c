//! The WSP push unit.

use alloc::vec::Vec;
use core::fmt;

use super::application_id::ApplicationId;
use super::content_type::ContentType;
use super::cursor::{Cursor, put_uintvar};
use super::error::{PushError, PushErrorKind, PushField};
use super::header::Headers;
use super::media_type::Content;

/// Which kind of push it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the two there are")]
pub enum PushKind {
    /// PDU type 06.
    Push,
    /// PDU type 07: the sender's proxy waits for a confirmation on the WSP level.
    ConfirmedPush,
}

/// A push as connectionless WSP carries it (WAP-230 §8.2.4.1): a transaction id, a content type, headers, a body.
///
/// Borrows from where it was decoded; nothing is copied or allocated. Headers are checked when the push is decoded
/// and read again where they are asked for.
#[derive(Clone, Copy)]
pub struct Push<'a> {
    transaction_id: u8,
    kind: PushKind,
    content_type: ContentType<'a>,
    /// Content type and headers as they stand.
    encoded: &'a [u8],
    headers: &'a [u8],
    headers_at: usize,
    body: &'a [u8],
}

impl<'a> Push<'a> {
    /// Reads a push. It fills `octets` to the end.
    ///
    /// Header order is free, and so is the form of each: push proxies put headers of their own in between.
    ///
    /// # Errors
    ///
    /// What is wrong, in which field, and where: something ends too early; a number does not fit 32 bits; the unit
    /// is no push; a header is malformed.
    pub fn decode(octets: &'a [u8]) -> Result<Self, PushError> {
        let mut cursor = Cursor::new(octets, 0, PushField::TransactionId);
        let transaction_id = cursor.octet()?;
        cursor = cursor.field(PushField::PduType);
        let at = cursor;
        let kind = match cursor.octet()? {
            0x06 => PushKind::Push,
            0x07 => PushKind::ConfirmedPush,
            other => return Err(at.error(PushErrorKind::OtherPdu(other))),
        };
        cursor = cursor.field(PushField::HeadersLength);
        let length = cursor.length()?;
        let mut inner = cursor.sub(length)?.field(PushField::ContentType);
        let encoded = inner.rest();
        let content_type = ContentType::decode(&mut inner)?;
        let (headers, headers_at) = (inner.rest(), inner.offset());
        Headers::checked(headers, headers_at)?;
        let body = cursor.rest();
        Ok(Self { transaction_id, kind, content_type, encoded, headers, headers_at, body })
    }

    /// The id that tells pushes of one sender apart.
    #[must_use]
    pub const fn transaction_id(&self) -> u8 {
        self.transaction_id
    }

    /// Which kind of push it is.
    #[must_use]
    pub const fn kind(&self) -> PushKind {
        self.kind
    }

    /// The content type.
    #[must_use]
    pub const fn content_type(&self) -> &ContentType<'a> {
        &self.content_type
    }

    /// The headers behind the content type.
    #[must_use]
    pub const fn headers(&self) -> Headers<'a> {
        Headers::unchecked(self.headers, self.headers_at)
    }

    /// The message that is carried.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// What the message is to device management, by its media type and, where it says so, by its application.
    ///
    /// A notification for another application is [`Content::Other`]: LwM2M uses the same media type. Without an
    /// application id the media type alone decides.
    #[must_use]
    pub fn content(&self) -> Content {
        let content = self.content_type.media_type().content();
        let expected = match content {
            Content::DmNotification | Content::DmNotification13 => ApplicationId::SYNCML_DM,
            Content::DsNotification => ApplicationId::PUSH_SYNCML,
            // The media type alone routes bootstrap messages.
            _ => return content,
        };
        match self.headers().application_id() {
            Some(id) if id != expected => Content::Other,
            _ => content,
        }
    }

    /// Octets of the encoded push.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let length = u32::try_from(self.encoded.len()).unwrap_or(u32::MAX);
        let octets_of_length = (32 - length.leading_zeros()).div_ceil(7).max(1) as usize;
        2 + octets_of_length + self.encoded.len() + self.body.len()
    }

    /// The encoded push: the octets it was decoded from, unless the length of its headers was padded.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        put_push(&mut out, self.transaction_id, self.kind, &[self.encoded], self.body);
        out
    }
}

/// Appends a push whose content type and headers are encoded already.
pub(super) fn put_push(out: &mut Vec<u8>, id: u8, kind: PushKind, headers: &[&[u8]], body: &[u8]) {
    out.push(id);
    out.push(match kind {
        PushKind::Push => 0x06,
        PushKind::ConfirmedPush => 0x07,
    });
    let length: usize = headers.iter().map(|piece| piece.len()).sum();
    // Headers come from a decoder or a builder; both keep them to 32 bits of length.
    put_uintvar(out, u32::try_from(length).unwrap_or(u32::MAX));
    for piece in headers {
        out.extend_from_slice(piece);
    }
    out.extend_from_slice(body);
}

/// Equal where they encode to the same octets.
impl PartialEq for Push<'_> {
    fn eq(&self, other: &Self) -> bool {
        let parts = |push: &Self| (push.transaction_id, push.kind);
        parts(self) == parts(other) && self.encoded == other.encoded && self.body == other.body
    }
}

impl Eq for Push<'_> {}

/// Shows the length of the body, not the body.
impl fmt::Debug for Push<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Push")
            .field("transaction_id", &self.transaction_id)
            .field("kind", &self.kind)
            .field("media_type", &self.content_type.media_type())
            .field("content", &self.content())
            .field("body_octets", &self.body.len())
            .finish_non_exhaustive()
    }
}
